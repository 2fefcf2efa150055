/* The k entries of a row that are largest in magnitude, ties to the lowest index: contract of topk_kernel.c.
 *
 *     idx = { i : |a_i| > t }  and the first of  { i : |a_i| = t }  that make it k,   t the k-th largest of |a|
 *
 * a (n), 0 <= k <= n; out: idx (k) ascending, val (k) = a[idx]. NaN counts as infinity, so that any input is ordered.
 * work (n): scratch, one array a thread.
 * O(n) expected, by selection: where k is small against n, the maxima of 4 k interleaved groups give a lower bound
 * of t that little more than k entries reach (one pass of maxima, one of compares); among those, t is found by
 * partition between two pivots from a sample. No sort of the row, no allocation, no GIL. Called through topk.pyx. */
#ifndef SPARSELA_TOPK_H
#define SPARSELA_TOPK_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

#define TOPK_ARGS(REAL) (const REAL *a, int64_t n, int64_t k, REAL *work, int64_t *idx, REAL *val)

SL_DECLARE(void, topk_row_f64, TOPK_ARGS(double))
SL_DECLARE(void, topk_row_f32, TOPK_ARGS(float))

typedef void(*topk_row_double_t) TOPK_ARGS(double);
typedef void(*topk_row_float_t) TOPK_ARGS(float);
static inline topk_row_double_t topk_row_double_pick(void) { return SL_PICK(topk_row_f64); }
static inline topk_row_float_t topk_row_float_pick(void) { return SL_PICK(topk_row_f32); }

/* interleaved groups: 0 where the bound would not pay. A multiple of 64, so of any vector. */
static inline int64_t topk_groups(int64_t n, int64_t k)
{
    const int64_t groups = (4 * k + 63) / 64 * 64;
    return groups * 4 <= n ? groups : 0;
}

#endif
