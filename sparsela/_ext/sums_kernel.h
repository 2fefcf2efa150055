/* Many linear combinations of blocks in one pass over memory; contract in sums_body.h. */
#ifndef SPARSELA_SUMS_H
#define SPARSELA_SUMS_H

#include <stdint.h>

#include "dispatch.h"

#define SUMS_TILE 512 /* columns of a tile: 4 KiB of float64 for each variable */

enum { SUMS_ADD, SUMS_SUB, SUMS_NEGATE, SUMS_COPY, SUMS_MINUS, SUMS_AXPBY, SUMS_SCALE };

/* A straight-line program. Variables 0 .. n_in - 1 are read from memory, n_in .. n_mem - 1 are written to it (and may be
 * read after that, or before where the program accumulates), n_mem .. n_mem + n_temp - 1 live in the tile alone.
 * Step s: variable steps[4 s] becomes x + y, x - y, -x - y, x, -x, c0 x + c1 y or c0 x by the operation steps[4 s + 3],
 * with x, y = variables steps[4 s + 1], steps[4 s + 2] and c = coef[2 s ..]. kernel: a loop of sums_generated.h, or -1. */
typedef struct {
    int32_t n_in, n_mem, n_temp, n_steps, kernel;
    const int32_t *steps;
    const double *coef;
} sl_sums;

#define SUMS_DECLARE(REAL, TAG)                                                                                        \
    SL_DECLARE(void, sums_##TAG,                                                                                       \
               (const sl_sums *f, REAL *const *base, const int64_t *ld, const int64_t *rows, const int64_t *cols,      \
                int64_t r0, int64_t r1, int64_t width, int stream, REAL *scratch, REAL **at))
SUMS_DECLARE(double, f64)
SUMS_DECLARE(float, f32)

#define sums_double SL_PICK(sums_f64)
#define sums_float SL_PICK(sums_f32)

#endif
