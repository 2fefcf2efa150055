/* Least squares on supports that are given: the float64 half of the mixed precision of Batch-OMP.
 * Included by omp_kernel.c after omp_body.h, for float64 alone. */
#include "cholesky_body.h"

/* For each row: val = argmin |x - sum_l val_l d_idx[l]| over its nnz atoms (ascending), by the Cholesky factor of their
 * Gram matrix; an atom in the span of those before it leaves. m k multiply-adds and k^2 (k / 6 + 2) more a row. */
int SL_NAME(omp_refit)(
    const struct omp_problem *pb, int n_rows, const void *X, struct omp_workspace *ws, int32_t *idx, void *val, int32_t *nnz,
    double *residuals)
{
    const REAL *G = pb->gram, *D = pb->dictionary;
    const int m = pb->n_features, ld = pb->ld;
    if (SL_NAME(reserve)(ws, pb->k_max, ld))
        return -1;
    REAL *L = ws->L, *c = ws->c, *g = ws->beta;
    for (int i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)X + (size_t)i * m;
        int32_t *at = idx + (size_t)i * pb->k_max;
        int n = 0, kept = 0;
        for (int l = 0; l < nnz[i]; l++) {
            const REAL *row = G + (size_t)at[l] * ld;
            for (int j = 0; j < n; j++)
                g[j] = row[at[j]];
            if (!SL_NAME(chol_append)(L, ws->depth, n, g, row[at[l]], (REAL)MIN_PIVOT * row[at[l]]))
                continue;
            c[n] = SL_NAME(chol_dot)(D + (size_t)at[l] * m, x, m);
            at[n++] = at[l];
        }
        SL_NAME(chol_solve)(L, ws->depth, n, c);
        if (residuals)
            residuals[i] = SL_NAME(residual)(x, D, NULL, m, 1, at, c, n);
        for (int l = 0; l < n; l++)
            if (c[l] != 0)
                at[kept] = at[l], ((REAL *)val)[(size_t)i * pb->k_max + kept++] = c[l];
        nnz[i] = kept;
    }
    return 0;
}
