/* Products with a sparse matrix of signs S (k, d) given by its columns: contract of signs_kernel.c.
 *
 *     column j of S = scale * sum_t s_t e_(b_t),  t in [start[j], start[j + 1]),  entries[t] = 2 b_t + (s_t < 0)
 *
 * start (d + 1), or NULL where each column has z entries: [j z, (j + 1) z).
 *
 * signs_tile: out (rows, k) = X S', or += with add, for up to LANES rows of X (rows, d). The rows of out are kept as a tile (k, LANES) in
 *   cache; LANES columns of X are transposed in registers, so that each entry of S is read once and costs one vector
 *   addition for all the rows. tile: k * LANES numbers, aligned. Rows of X and out are contiguous, ldx and ldo apart.
 * signs_axis0: out (k, width) += S X for X (d, width): one AXPY an entry, in the order of the rows of X.
 * signs_flush: out (k) = row, or += row; row = 0. SIGNS_STREAM writes past the caches, for results larger than they are.
 *
 * Each number of out is a sum in the order of j: the bits do not depend on how rows and columns are shared out.
 * No allocation, no GIL. nnz(S) additions a row of X. Called through signs.pyx. */
#ifndef SPARSELA_SIGNS_H
#define SPARSELA_SIGNS_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

struct sign_columns {
    const int32_t *entries;
    const int64_t *start;
    int64_t z, d, k;
    double scale;
};

#define SIGNS_TILE_ARGS(REAL)                                                                                          \
    (const struct sign_columns *S, const REAL *X, ptrdiff_t ldx, int rows, int add, REAL *out, ptrdiff_t ldo, \
     REAL *tile)
#define SIGNS_AXIS0_ARGS(REAL)                                                                                         \
    (const struct sign_columns *S, const REAL *X, ptrdiff_t ldx, int64_t width, REAL *out, ptrdiff_t ldo)

enum { SIGNS_STORE, SIGNS_ADD, SIGNS_STREAM };

#define SIGNS_FLUSH_ARGS(REAL) (REAL *row, int64_t k, int how, REAL *out)

SL_DECLARE(void, signs_flush_f64, SIGNS_FLUSH_ARGS(double))
SL_DECLARE(void, signs_flush_f32, SIGNS_FLUSH_ARGS(float))
SL_DECLARE(void, signs_tile_f64, SIGNS_TILE_ARGS(double))
SL_DECLARE(void, signs_tile_f32, SIGNS_TILE_ARGS(float))
SL_DECLARE(void, signs_axis0_f64, SIGNS_AXIS0_ARGS(double))
SL_DECLARE(void, signs_axis0_f32, SIGNS_AXIS0_ARGS(float))

typedef void(*signs_tile_double_t) SIGNS_TILE_ARGS(double);
typedef void(*signs_tile_float_t) SIGNS_TILE_ARGS(float);
typedef void(*signs_axis0_double_t) SIGNS_AXIS0_ARGS(double);
typedef void(*signs_axis0_float_t) SIGNS_AXIS0_ARGS(float);
typedef void(*signs_flush_double_t) SIGNS_FLUSH_ARGS(double);
typedef void(*signs_flush_float_t) SIGNS_FLUSH_ARGS(float);
static inline signs_flush_double_t signs_flush_double_pick(void) { return SL_PICK(signs_flush_f64); }
static inline signs_flush_float_t signs_flush_float_pick(void) { return SL_PICK(signs_flush_f32); }
static inline signs_tile_double_t signs_tile_double_pick(void) { return SL_PICK(signs_tile_f64); }
static inline signs_tile_float_t signs_tile_float_pick(void) { return SL_PICK(signs_tile_f32); }
static inline signs_axis0_double_t signs_axis0_double_pick(void) { return SL_PICK(signs_axis0_f64); }
static inline signs_axis0_float_t signs_axis0_float_pick(void) { return SL_PICK(signs_axis0_f32); }

#endif
