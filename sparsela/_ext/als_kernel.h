/* The passes of als_body.h (contract and cost there) at three vector widths. */
#ifndef SPARSELA_ALS_H
#define SPARSELA_ALS_H

#include <stdint.h>

#include "dispatch.h"

#define ALS_DECLARE(REAL, TAG)                                                                                         \
    SL_DECLARE(void, als_dots_##TAG,                                                                                   \
               (const REAL *V, int ld, const int32_t *idx, int64_t nnz, const REAL *d, REAL *t))                       \
    SL_DECLARE(void, als_gather_##TAG,                                                                                 \
               (const REAL *V, int ld, const int32_t *idx, int64_t nnz, const REAL *r, REAL shift, const REAL *u,      \
                REAL *g))                                                                                              \
    SL_DECLARE(void, als_cg_##TAG,                                                                                     \
               (const REAL *V, int ld, const int32_t *idx, const REAL *b, int64_t nnz, REAL lambda, REAL *u,           \
                int steps, REAL *work))
ALS_DECLARE(double, f64)
ALS_DECLARE(float, f32)

#define als_dots_double SL_PICK(als_dots_f64)
#define als_dots_float SL_PICK(als_dots_f32)
#define als_gather_double SL_PICK(als_gather_f64)
#define als_gather_float SL_PICK(als_gather_f32)
#define als_cg_double SL_PICK(als_cg_f64)
#define als_cg_float SL_PICK(als_cg_f32)

#endif
