/* Walsh-Hadamard transforms, at one vector width: contract of fwht_kernel.c.
 *
 *     y = scale H x,   H[i, j] = (-1)^popcount(i & j),   n a power of two
 *
 * fwht_rows: `rows` rows of n numbers each; row r is at src + r * src_step and goes to dst + r * dst_step (src may be
 *   dst). With inner = 2, 4 or 8 a row is n / inner groups and H acts on the groups (narrow columns, complex numbers).
 * fwht_strip: `width` columns side by side, a multiple of 16; entry i of each is at src + i * src_step and goes to
 *   dst + i * dst_step.
 * fwht_flipped: one row of length n, dst = H (src with the sign of entry j flipped where bit j of flips is set); flips
 *   holds n bits, two bytes at least.
 *
 * Stages run in ascending order in every layout, so that the bits do not depend on the layout (nor on the vector width:
 * each stage is one rounded sum). The scale is a multiplication in the last pass. A pass does several stages between a
 * load and a store. What does not fit in L1 is halved thrice, each eighth is transformed, and one pass of eight streams
 * ends it: a stride that is a power of two puts the streams in one set of the cache, and the sets have eight ways. So
 * it fits every cache without knowing its size (measured 1.5 times as fast as strips through a contiguous scratch).
 * No allocation, no GIL. n log2 n additions a row. Called through fwht.pyx. */
#ifndef SPARSELA_FWHT_H
#define SPARSELA_FWHT_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

enum { FWHT_BLOCK = 1 << 14 }; /* bytes of a row that is transformed in L1 */

#define FWHT_ROWS_ARGS(REAL)                                                                                           \
    (const REAL *src, ptrdiff_t src_step, REAL *dst, ptrdiff_t dst_step, int64_t rows, int64_t n, int inner,           \
     REAL scale)
#define FWHT_STRIP_ARGS(REAL)                                                                                          \
    (const REAL *src, ptrdiff_t src_step, REAL *dst, ptrdiff_t dst_step, int64_t n, int64_t width, REAL scale)

#define FWHT_FLIPPED_ARGS(REAL) (const REAL *src, const uint8_t *flips, REAL *dst, int64_t n)

SL_DECLARE(void, fwht_flipped_f64, FWHT_FLIPPED_ARGS(double))
SL_DECLARE(void, fwht_flipped_f32, FWHT_FLIPPED_ARGS(float))
SL_DECLARE(void, fwht_rows_f64, FWHT_ROWS_ARGS(double))
SL_DECLARE(void, fwht_rows_f32, FWHT_ROWS_ARGS(float))
SL_DECLARE(void, fwht_strip_f64, FWHT_STRIP_ARGS(double))
SL_DECLARE(void, fwht_strip_f32, FWHT_STRIP_ARGS(float))

typedef void(*fwht_rows_double_t) FWHT_ROWS_ARGS(double);
typedef void(*fwht_rows_float_t) FWHT_ROWS_ARGS(float);
typedef void(*fwht_flipped_double_t) FWHT_FLIPPED_ARGS(double);
typedef void(*fwht_flipped_float_t) FWHT_FLIPPED_ARGS(float);
typedef void(*fwht_strip_double_t) FWHT_STRIP_ARGS(double);
typedef void(*fwht_strip_float_t) FWHT_STRIP_ARGS(float);
static inline fwht_rows_double_t fwht_rows_double_pick(void) { return SL_PICK(fwht_rows_f64); }
static inline fwht_rows_float_t fwht_rows_float_pick(void) { return SL_PICK(fwht_rows_f32); }
static inline fwht_flipped_double_t fwht_flipped_double_pick(void) { return SL_PICK(fwht_flipped_f64); }
static inline fwht_flipped_float_t fwht_flipped_float_pick(void) { return SL_PICK(fwht_flipped_f32); }
static inline fwht_strip_double_t fwht_strip_double_pick(void) { return SL_PICK(fwht_strip_f64); }
static inline fwht_strip_float_t fwht_strip_float_pick(void) { return SL_PICK(fwht_strip_f32); }

#endif
