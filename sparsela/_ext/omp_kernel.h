/* Batch orthogonal matching pursuit: contract of the kernel in omp_kernel.c / omp_body.h.
 *
 * Computes, for each row x of a chunk, OMP over a dictionary D (K, m) with unit rows, given the row a = D x and the
 * Gram G = D D'. With V_l the orthogonalised correlation rows, L the Cholesky factor of G on the chosen atoms:
 *     p = argmax |a_i|;  L_jl = V_l[p];  L_jj = sqrt(G_pp - sum L_jl^2);  beta_j = a_p / L_jj;
 *     V_j = (G_p - sum L_jl V_l) / L_jj;  a -= beta_j V_j;   at the end  L' c = beta.
 * (Rubinstein, Zibulevsky, Elad 2008, in the form that updates the correlations; `ormp` selects by a_i^2 / delta_i.)
 *
 * Arrays: X (rows, m), D (K, m), G (K, ld), A0 (rows, ld), C order; ld is K rounded up to a multiple of 64 bytes and the
 * padding of G and A0 is zero. k and tol are read with stride k_step, tol_step (0: one value for all rows).
 * shown (rows, m), or NULL: bytes that are 0 where a coordinate of X is hidden (and X is 0 there); the atoms are then
 * normalised on what is shown (mask_body.h), and coefficients and residuals are those of the shown coordinates.
 * Out: idx, val (rows, k_max) ascending atoms (val NULL: the atoms alone); nnz (rows); residuals (rows) = |x - c D|^2, or NULL.
 * Cost a row: K k (k + 1) multiply-adds. No allocation a signal (the workspace grows when a signal goes deeper than
 * any before it), no GIL, no check of its input. Returns -1 when memory runs out, else 0. */
#ifndef SPARSELA_OMP_H
#define SPARSELA_OMP_H

#include <stdint.h>

#include "dispatch.h"

struct omp_problem {
    const void *gram, *dictionary;
    const void *transposed; /* (m, ld), for masks alone */
    int n_atoms, n_features, ld, k_max, k_step, tol_step, has_tol, ormp;
};

struct omp_workspace { /* one a thread; zero at first */
    void *V, *L, *beta, *c;
    int32_t *chosen;
    void *delta, *scale, *row; /* (ld) each; scale and row for masks */
    int32_t *list;             /* (m), for masks */
    int depth, ld;
};

#define OMP_ROWS_ARGS                                                                                                  \
    (const struct omp_problem *, int n_rows, const void *X, void *A0, const unsigned char *shown, const int32_t *k,    \
     const double *tol, struct omp_workspace *, int32_t *idx, void *val, int32_t *nnz, double *residuals)

typedef int(*omp_rows_t) OMP_ROWS_ARGS;
SL_DECLARE(int, omp_rows_f64, OMP_ROWS_ARGS)
SL_DECLARE(int, omp_rows_f32, OMP_ROWS_ARGS)

/* Least squares in float64 on supports found in float32: idx, nnz as omp_rows leaves them; val (rows, k_max), residuals out. */
#define OMP_REFIT_ARGS                                                                                                 \
    (const struct omp_problem *, int n_rows, const void *X, struct omp_workspace *, int32_t *idx, void *val,           \
     int32_t *nnz, double *residuals)

typedef int(*omp_refit_t) OMP_REFIT_ARGS;
SL_DECLARE(int, omp_refit_f64, OMP_REFIT_ARGS)
void omp_workspace_free(struct omp_workspace *);

static inline omp_rows_t omp_rows_pick(int is_double) { return is_double ? SL_PICK(omp_rows_f64) : SL_PICK(omp_rows_f32); }

static inline omp_refit_t omp_refit_pick(void) { return SL_PICK(omp_refit_f64); }

#endif
