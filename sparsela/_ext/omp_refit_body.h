/* Least squares on supports that are given: the float64 half of the mixed precision of Batch-OMP.
 * Included by omp_kernel.c after omp_body.h, for float64 alone. */

static inline REAL SL_NAME(dot)(const REAL *x, const REAL *y, int m)
{
    vec s = vec_set1(0);
    int i = 0;
    for (; i + LANES <= m; i += LANES)
        s += vec_load(x + i) * vec_load(y + i);
    REAL total = vec_hsum(s);
    for (; i < m; i++)
        total += x[i] * y[i];
    return total;
}

/* For each row: val = argmin |x - sum_l val_l d_idx[l]| over its nnz atoms (ascending), by a Cholesky factor of their Gram
 * matrix that is made and solved with in one sweep; an atom in the span of those before it leaves. The diagonal of L holds
 * reciprocals. The atoms of the next row are fetched meanwhile. m k + k^3 / 6 multiply-adds a row. */
int SL_NAME(omp_refit)(
    const struct omp_problem *pb, int n_rows, const void *X, struct omp_workspace *ws, int32_t *idx, void *val, int32_t *nnz,
    double *residuals)
{
    const REAL *G = pb->gram, *D = pb->dictionary;
    const int m = pb->n_features, ld = pb->ld, k_max = pb->k_max;
    if (SL_NAME(reserve)(ws, k_max, ld))
        return -1;
    const int room = ws->depth;
    REAL *L = ws->L, *c = ws->c;
    for (int i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)X + (size_t)i * m;
        int32_t *at = idx + (size_t)i * k_max;
        if (i + 1 < n_rows)
            for (int l = 0; l < nnz[i + 1]; l++) {
                const REAL *next = D + (size_t)at[k_max + l] * m;
                for (int j = 0; j < m && j < 128; j += 64 / (int)sizeof(REAL))
                    __builtin_prefetch(next + j);
                __builtin_prefetch(G + (size_t)at[k_max + l] * ld + at[k_max]);
            }
        int n = 0, kept = 0;
        for (int l = 0; l < nnz[i]; l++) {
            const REAL *g = G + (size_t)at[l] * ld;
            REAL *row = L + (size_t)n * room, d = g[at[l]], y = SL_NAME(dot)(D + (size_t)at[l] * m, x, m);
            for (int j = 0; j < n; j++) {
                const REAL *other = L + (size_t)j * room;
                REAL s = g[at[j]];
                for (int t = 0; t < j; t++)
                    s -= row[t] * other[t];
                row[j] = s * other[j];
                d -= row[j] * row[j];
                y -= row[j] * c[j];
            }
            if (!(d > (REAL)MIN_PIVOT * g[at[l]]))
                continue;
            row[n] = (REAL)(1 / sqrt((double)d));
            c[n] = y * row[n];
            at[n++] = at[l];
        }
        for (int l = n - 1; l >= 0; l--) {
            const REAL *row = L + (size_t)l * room, x_l = c[l] *= row[l];
            for (int j = 0; j < l; j++)
                c[j] -= row[j] * x_l;
        }
        if (residuals)
            residuals[i] = SL_NAME(residual)(x, D, NULL, m, 1, at, c, n);
        for (int l = 0; l < n; l++)
            if (c[l] != 0)
                at[kept] = at[l], ((REAL *)val)[(size_t)i * k_max + kept++] = c[l];
        nnz[i] = kept;
    }
    return 0;
}
