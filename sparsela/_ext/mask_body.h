/* The Gram matrix of a dictionary on the coordinates that one signal shows, row by row as rows are asked for.
 * Included by omp_kernel.c and lasso_kernel.c for each element type, after simd.h.
 *
 * With D_i the atoms on the observed coordinates and s_i = 1 / |D_i| (0 where |D_i|^2 <= least: such an atom is out),
 *     row p = s_p s_i D_p D_i  =  s_p s_i (sum over observed)  or  s_p s_i (G_pi - sum over hidden), whichever is shorter,
 * so that n masks cost n times the rows that n signals use, never n Gram matrices. O(min(shown, hidden) K) a row.
 *     Dt (m, ld) the dictionary transposed, its padding zero; G (K, ld); shown (m) bytes. */
#define LEAST_OBSERVED (sizeof(REAL) == 8 ? 1e-12 : 1e-5)

struct SL_NAME(mask) {
    const REAL *G, *Dt;
    REAL *s;       /* (ld) */
    int32_t *list; /* (m): the coordinates to sum over */
    int n_atoms, m, ld, n_list, hidden;
    double ridge; /* on the diagonal of G, and of the rows that are made */
};

/* Choose the shorter sum for this signal and scale its correlations a by s. */
static void SL_NAME(mask_begin)(struct SL_NAME(mask) *mk, const unsigned char *shown, REAL *a)
{
    int n_shown = 0;
    for (int l = 0; l < mk->m; l++)
        n_shown += shown[l] != 0;
    mk->hidden = 2 * n_shown > mk->m;
    mk->n_list = 0;
    for (int l = 0; l < mk->m; l++)
        if ((shown[l] == 0) == mk->hidden)
            mk->list[mk->n_list++] = l;
    for (int i = 0; i < mk->ld; i++)
        mk->s[i] = mk->hidden && i < mk->n_atoms ? mk->G[(size_t)i * mk->ld + i] - (REAL)mk->ridge : 0;
    const REAL sign = mk->hidden ? -1 : 1;
    for (int t = 0; t < mk->n_list; t++) {
        const REAL *d = mk->Dt + (size_t)mk->list[t] * mk->ld;
        for (int i = 0; i < mk->ld; i += LANES) {
            const vec x = vec_load(d + i);
            vec_store(mk->s + i, vec_load(mk->s + i) + sign * x * x);
        }
    }
    for (int i = 0; i < mk->ld; i++) {
        mk->s[i] = mk->s[i] > (REAL)LEAST_OBSERVED ? (REAL)(1 / sqrt((double)mk->s[i])) : 0;
        a[i] *= mk->s[i];
    }
}

/* Row p of the Gram matrix of the normalised observed atoms. */
static void SL_NAME(mask_row)(const struct SL_NAME(mask) *mk, int p, REAL *restrict out)
{
    const int ld = mk->ld;
    const REAL sign = mk->hidden ? -1 : 1, scale = mk->s[p];
    for (int i = 0; i < ld; i += LANES) {
        vec v = mk->hidden ? vec_load(mk->G + (size_t)p * ld + i) : vec_set1(0);
        for (int t = 0; t < mk->n_list; t++) {
            const REAL *d = mk->Dt + (size_t)mk->list[t] * ld;
            v += sign * d[p] * vec_load(d + i);
        }
        vec_store(out + i, scale * v * vec_load(mk->s + i));
    }
    out[p] = (REAL)((scale > 0) + mk->ridge);
}

#undef LEAST_OBSERVED
