/* The passes of train_body.h (contract and cost there) at three vector widths. */
#ifndef SPARSELA_TRAIN_H
#define SPARSELA_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

enum { SL_RELU, SL_SLOPE, SL_TANH, SL_LOGISTIC, SL_RELU2, SL_IDENTITY };

#define TRAIN_DECLARE(REAL, TAG)                                                                                       \
    SL_DECLARE(void, sgd_##TAG, (REAL *w, const REAL *g, ptrdiff_t n, REAL rate, REAL decay))                          \
    SL_DECLARE(void, momentum_##TAG,                                                                                   \
               (REAL *w, const REAL *g, REAL *v, ptrdiff_t n, REAL rate, REAL decay, REAL mu, int nesterov))           \
    SL_DECLARE(void, adam_##TAG,                                                                                       \
               (REAL *w, const REAL *g, REAL *m, REAL *v, ptrdiff_t n, REAL rate, REAL decay, REAL beta_1,             \
                REAL beta_2, REAL epsilon))                                                                            \
    SL_DECLARE(void, slope_##TAG, (REAL *z, ptrdiff_t n, REAL s))                                                      \
    SL_DECLARE(void, relu2_##TAG, (REAL *z, ptrdiff_t n))                                                              \
    SL_DECLARE(REAL, chain_##TAG, (REAL *d, const REAL *a, ptrdiff_t n, int kind, REAL s))                             \
    SL_DECLARE(void, srelu_##TAG, (const REAL *z, REAL *a, ptrdiff_t n, const REAL *p))                                \
    SL_DECLARE(REAL, srelu_chain_##TAG, (REAL *d, const REAL *z, ptrdiff_t n, const REAL *p, REAL *dp))                \
    SL_DECLARE(void, tile_##TAG, (const REAL *const *rows, int n_rows, ptrdiff_t first, ptrdiff_t last, REAL *out,     \
                                  ptrdiff_t ld, ptrdiff_t width))
TRAIN_DECLARE(double, f64)
TRAIN_DECLARE(float, f32)

#define sgd_double SL_PICK(sgd_f64)
#define sgd_float SL_PICK(sgd_f32)
#define momentum_double SL_PICK(momentum_f64)
#define momentum_float SL_PICK(momentum_f32)
#define adam_double SL_PICK(adam_f64)
#define adam_float SL_PICK(adam_f32)
#define slope_double SL_PICK(slope_f64)
#define slope_float SL_PICK(slope_f32)
#define relu2_double SL_PICK(relu2_f64)
#define relu2_float SL_PICK(relu2_f32)
#define chain_double SL_PICK(chain_f64)
#define chain_float SL_PICK(chain_f32)
#define srelu_double SL_PICK(srelu_f64)
#define srelu_float SL_PICK(srelu_f32)
#define srelu_chain_double SL_PICK(srelu_chain_f64)
#define srelu_chain_float SL_PICK(srelu_chain_f32)
#define tile_double SL_PICK(tile_f64)
#define tile_float SL_PICK(tile_f32)

#endif
