/* A step of LSQR over rows of a dense C for one right-hand side: contract of lsqr_kernel.c.
 *
 *     u <- C y - c u,  w <- w + C' u      C (rows, n), rows contiguous and ld apart; y, w (n); u (rows)
 *
 * Each row is read from memory once: four at a time, the second product finds them in the first cache. 4 rows n flops, no
 * allocation, no GIL. Called through lsqr.pyx. */
#ifndef SPARSELA_LSQR_H
#define SPARSELA_LSQR_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

#define LSQR_ROWS_ARGS(REAL)                                                                                           \
    (const REAL *C, ptrdiff_t ld, int64_t n, int64_t rows, const REAL *y, REAL c, REAL *u, REAL *w)

SL_DECLARE(void, lsqr_rows_f64, LSQR_ROWS_ARGS(double))
SL_DECLARE(void, lsqr_rows_f32, LSQR_ROWS_ARGS(float))

typedef void(*lsqr_rows_double_t) LSQR_ROWS_ARGS(double);
typedef void(*lsqr_rows_float_t) LSQR_ROWS_ARGS(float);
static inline lsqr_rows_double_t lsqr_rows_double_pick(void) { return SL_PICK(lsqr_rows_f64); }
static inline lsqr_rows_float_t lsqr_rows_float_pick(void) { return SL_PICK(lsqr_rows_f32); }

#endif
