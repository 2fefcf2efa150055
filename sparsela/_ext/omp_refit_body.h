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

/* Room for the packed factor of LANES signals of n atoms side by side, and for their right-hand sides. */
static int SL_NAME(refit_reserve)(struct omp_workspace *ws, int n)
{
    if (n <= ws->depth)
        return 0;
    free(ws->L), free(ws->c);
    ws->L = ws->c = NULL, ws->depth = 0;
    if (posix_memalign(&ws->L, 64, sizeof(vec) * n * (n + 1) / 2) || posix_memalign(&ws->c, 64, sizeof(vec) * n))
        return -1;
    ws->depth = n;
    return 0;
}

/* What one signal brings to its lane: the lower triangle of G on its atoms, and their products with x. A lane with fewer
 * atoms than its neighbours has zeros there. */
static void SL_NAME(refit_fill)(
    const struct omp_problem *pb, const REAL *x, const int32_t *at, int nnz, int n, int lane, vec *L, vec *c)
{
    const REAL *G = pb->gram, *D = pb->dictionary;
    const int m = pb->n_features, ld = pb->ld;
    for (int l = 0; l < nnz; l++) {
        const REAL *g = G + (size_t)at[l] * ld;
        for (int j = 0; j <= l; j++)
            (L++)[0][lane] = g[at[j]];
        c[l][lane] = SL_NAME(dot)(D + (size_t)at[l] * m, x, m);
    }
    for (int l = nnz; l < n; l++) {
        for (int j = 0; j <= l; j++)
            (L++)[0][lane] = 0;
        c[l][lane] = 0;
    }
}

/* c <- G_II^-1 c in every lane, by a Cholesky factor whose diagonal holds reciprocals. An atom in the span of those before
 * it gets the reciprocal 0: its row of the factor and its coefficient vanish. */
static void SL_NAME(refit_solve)(int n, vec *L, vec *c)
{
    for (int l = 0; l < n; l++) {
        vec *row = L + (size_t)l * (l + 1) / 2, d = row[l], y = c[l];
        const vec least = (REAL)MIN_PIVOT * d;
        for (int j = 0; j < l; j++) {
            const vec *other = L + (size_t)j * (j + 1) / 2;
            vec s = row[j];
            for (int t = 0; t < j; t++)
                s -= row[t] * other[t];
            row[j] = s * other[j];
            d -= row[j] * row[j];
            y -= row[j] * c[j];
        }
        const ivec outside = d > least;
        d = vec_blend(vec_set1(1), d, outside);
        for (int i = 0; i < LANES; i++)
            d[i] = (REAL)sqrt((double)d[i]);
        row[l] = vec_blend(vec_set1(0), 1 / d, outside);
        c[l] = y * row[l];
    }
    for (int l = n - 1; l >= 0; l--) {
        const vec *row = L + (size_t)l * (l + 1) / 2;
        c[l] *= row[l];
        for (int j = 0; j < l; j++)
            c[j] -= row[j] * c[l];
    }
}

/* For each row: val = argmin |x - sum_l val_l d_idx[l]| over its nnz atoms (ascending); those in the span of the ones before
 * them leave. LANES rows are solved at once, a signal a lane: alone, each would wait for its own roots and quotients.
 * m k + k^3 / 6 multiply-adds a row. */
int SL_NAME(omp_refit)(
    const struct omp_problem *pb, int n_rows, const void *X, struct omp_workspace *ws, int32_t *idx, void *val, int32_t *nnz,
    double *residuals)
{
    const int m = pb->n_features, k_max = pb->k_max;
    for (int start = 0; start < n_rows; start += LANES) {
        const int rows = n_rows - start < LANES ? n_rows - start : LANES;
        int n = 0;
        for (int i = start; i < start + rows; i++)
            n = nnz[i] > n ? nnz[i] : n;
        if (SL_NAME(refit_reserve)(ws, n))
            return -1;
        vec *L = ws->L, *c = ws->c;
        for (int i = 0; i < LANES; i++)
            SL_NAME(refit_fill)(pb, (const REAL *)X + (size_t)(start + i) * m, idx + (size_t)(start + i) * k_max,
                                i < rows ? nnz[start + i] : 0, n, i, L, c);
        SL_NAME(refit_solve)(n, L, c);
        for (int i = 0; i < rows; i++) {
            int32_t *at = idx + (size_t)(start + i) * k_max;
            REAL *out = (REAL *)val + (size_t)(start + i) * k_max;
            int kept = 0;
            for (int l = 0; l < nnz[start + i]; l++)
                if (c[l][i] != 0)
                    at[kept] = at[l], out[kept++] = c[l][i];
            nnz[start + i] = kept;
            if (residuals)
                residuals[start + i] = SL_NAME(residual)(
                    (const REAL *)X + (size_t)(start + i) * m, pb->dictionary, NULL, m, 1, at, out, kept);
        }
    }
    return 0;
}
