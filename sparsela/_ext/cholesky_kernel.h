/* The factor of cholesky_body.h (contract and cost there) at three vector widths, for callers that are not kernels. */
#ifndef SPARSELA_CHOLESKY_H
#define SPARSELA_CHOLESKY_H

#include "dispatch.h"

SL_DECLARE(double, cholesky_append_f64, (double *L, int ld, int n, const double *g, double gnn, double min_pivot))
SL_DECLARE(float, cholesky_append_f32, (float *L, int ld, int n, const float *g, float gnn, float min_pivot))
SL_DECLARE(void, cholesky_delete_f64, (double *L, int ld, int n, int p))
SL_DECLARE(void, cholesky_delete_f32, (float *L, int ld, int n, int p))
/* with L, or L', or one after the other */
SL_DECLARE(void, cholesky_solve_f64, (const double *L, int ld, int n, double *b, int forward, int backward))
SL_DECLARE(void, cholesky_solve_f32, (const float *L, int ld, int n, float *b, int forward, int backward))

#define cholesky_append_double SL_PICK(cholesky_append_f64)
#define cholesky_append_float SL_PICK(cholesky_append_f32)
#define cholesky_delete_double SL_PICK(cholesky_delete_f64)
#define cholesky_delete_float SL_PICK(cholesky_delete_f32)
#define cholesky_solve_double SL_PICK(cholesky_solve_f64)
#define cholesky_solve_float SL_PICK(cholesky_solve_f32)

#endif
