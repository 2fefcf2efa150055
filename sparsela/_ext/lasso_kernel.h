/* Lasso of many signals over one dictionary: contract of the kernel in lasso_kernel.c / lasso_body.h / lars_body.h.
 *
 * For each row x of a chunk, given a0 = D x and G = D D' + l2 I, minimises over c (optionally c >= 0)
 *     1/2 |x - c D|^2 + l2/2 |c|^2 + sum_i p_i |c_i|,      p = alpha w,
 * by an active set of signs (Lee, Battle, Raina, Ng 2007), by coordinate descent on an active set, or along the path from
 * large alpha (lars_body.h, which also does plain least-angle regression). With q = a0 - G c the optimum has |q_i| <= p_i everywhere and q_i = p_i sign(c_i) where c_i is not zero. The duality gap needs q alone:
 *     s = min(1, min p_i / |q_i|),   gap = 1/2 (1 - s)^2 |r|^2 + sum_i (p_i |c_i| - s c_i q_i),   |r|^2 = |x|^2 - c a0 - c q.
 *
 * Arrays: X (rows, m), G (K, ld), A0 (rows, ld), p (ld), C order; ld is K rounded up to a multiple of 64 bytes, the padding
 * of G and A0 zero and that of p infinite. start_ptr, start_idx, start_val: codes to start from, CSR rows, or NULL.
 * shown (rows, m), or NULL: bytes that are 0 where a coordinate of X is hidden (and X is 0 there); the atoms, of unit norm,
 * are then normalised on what is shown (mask_body.h), and coefficients are those of the whole atoms. A0 is scaled in place.
 * Out: idx, val (rows, k_max) ascending atoms; nnz (rows); gap (rows): relative to 1/2 |x|^2.
 * At most `cap` atoms are active at once, and k_max >= cap. Cost a row: rounds x |S| x K multiply-adds (4 to 8 rounds).
 * No allocation a signal (the workspace grows with the largest active set), no GIL, no check of its input.
 * Returns -1 when memory runs out, else 0. */
#ifndef SPARSELA_LASSO_H
#define SPARSELA_LASSO_H

#include <stdint.h>

#include "dispatch.h"

enum { LASSO_ACTIVE_SET = 0, LASSO_CD = 1, LASSO_LARS = 2, LEAST_ANGLE = 3 };

struct lasso_problem {
    const void *gram, *penalty, *weights; /* weights (ld), penalty = alpha weights, both padded with infinity */
    const void *transposed; /* (m, ld), for masks alone */
    int n_atoms, n_features, ld, cap, k_max, positive, solver, max_iter, max_steps;
    double alpha, ridge, tol;
};

struct lasso_workspace { /* one a thread; zero at first */
    void *q, *v, *L, *c, *z, *sign;
    const void **rows; /* (room): the Gram row of each atom of S; the rest are free places in `slots` under a mask */
    void *slots, *scale; /* (room, ld), (ld): rows and norms under a mask */
    int32_t *S, *list;
    unsigned char *active; /* (ld): is the atom in S */
    int room, ld;
};

#define LASSO_ROWS_ARGS                                                                                                \
    (const struct lasso_problem *, int n_rows, const void *X, void *A0, const unsigned char *shown,                    \
     const double *more_energy, const int64_t *start_ptr, const int32_t *start_idx, const void *start_val,             \
     struct lasso_workspace *, int32_t *idx, void *val, int32_t *nnz, double *gap)

typedef int(*lasso_rows_t) LASSO_ROWS_ARGS;
SL_DECLARE(int, lasso_rows_f64, LASSO_ROWS_ARGS)
SL_DECLARE(int, lasso_rows_f32, LASSO_ROWS_ARGS)

#define LASSO_PATH_ARGS                                                                                                \
    (const struct lasso_problem *, const void *x, const void *a0, struct lasso_workspace *, double *lambda,            \
     void *codes, int room)

typedef int(*lasso_path_t) LASSO_PATH_ARGS;
SL_DECLARE(int, lasso_path_f64, LASSO_PATH_ARGS)
SL_DECLARE(int, lasso_path_f32, LASSO_PATH_ARGS)
void lasso_workspace_free(struct lasso_workspace *);

static inline lasso_rows_t lasso_rows_pick(int is_double)
{
    return is_double ? SL_PICK(lasso_rows_f64) : SL_PICK(lasso_rows_f32);
}

static inline lasso_path_t lasso_path_pick(int is_double)
{
    return is_double ? SL_PICK(lasso_path_f64) : SL_PICK(lasso_path_f32);
}

#endif
