/* Sparse times dense, and the product sampled on a support: contract of the kernels in spmm_kernel.c / spmm_body.h.
 *
 *     spmm_rows:   Z[i, :] = b[i] + sum_{k in row i} w[k] X[indices[k], :],  negative entries set to 0 if `relu`
 *     sddmm_rows:  g[k] = sum_c Z[i, c] X[indices[k], c]  for each stored position k of row i, added to g[k] if `add`
 *
 * for the rows first <= i < last, on one strip of at most 8 vectors (8 LANES columns) of X and Z. w[k] is data[k], or
 * data[perm[k]] where perm is given: the rows of a transposed matrix read the values of the matrix in place.
 *
 * Arrays: indptr (n_rows + 1), indices, perm int32, indices within the rows of X; rows of X and Z are `width` contiguous
 * elements, `ldx` and `ldz` elements apart; nothing past `width` is touched, except that a row of X has LANES elements
 * when width < LANES (zeros past width; spmm_rows needs none for a single column). b (n_rows) or NULL. Alignment is not needed; with X, ldx on 64 bytes no load
 * crosses a cache line, which is 1.3-1.5 times as fast.
 * Cost: 2 nnz width flops; the limit is a read of `width` elements from the second-level cache for each entry.
 * Rows do not touch each other's output, so bits do not depend on who computes them. No allocation, no GIL, no check of
 * its input. */
#ifndef SPARSELA_SPMM_H
#define SPARSELA_SPMM_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

struct spmm_problem {
    const int32_t *indptr, *indices, *perm;
    const void *data, *bias, *X;
    void *Z; /* read by sddmm_rows */
    void *g; /* sddmm_rows alone */
    ptrdiff_t ldx, ldz, width;
    int relu, add;
};

#define SPMM_ARGS (const struct spmm_problem *, int first, int last)

typedef void(*spmm_rows_t) SPMM_ARGS;
SL_DECLARE(void, spmm_rows_f64, SPMM_ARGS)
SL_DECLARE(void, spmm_rows_f32, SPMM_ARGS)
SL_DECLARE(void, sddmm_rows_f64, SPMM_ARGS)
SL_DECLARE(void, sddmm_rows_f32, SPMM_ARGS)

static inline spmm_rows_t spmm_rows_pick(int is_double)
{
    return is_double ? SL_PICK(spmm_rows_f64) : SL_PICK(spmm_rows_f32);
}
static inline spmm_rows_t sddmm_rows_pick(int is_double)
{
    return is_double ? SL_PICK(sddmm_rows_f64) : SL_PICK(sddmm_rows_f32);
}

#endif
