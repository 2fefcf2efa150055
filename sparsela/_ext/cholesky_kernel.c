/* The growing and shrinking Cholesky factor at one vector width (see simd.h, setup.py); contract in cholesky_body.h. */
#include "cholesky_kernel.h"

#define CALLS                                                                                                          \
    REAL SL_NAME(cholesky_append)(REAL *L, int ld, int n, const REAL *g, REAL gnn, REAL min_pivot)                     \
    {                                                                                                                  \
        return SL_NAME(chol_append)(L, ld, n, g, gnn, min_pivot);                                                      \
    }                                                                                                                  \
    void SL_NAME(cholesky_delete)(REAL *L, int ld, int n, int p) { SL_NAME(chol_delete)(L, ld, n, p); }                \
    void SL_NAME(cholesky_solve)(const REAL *L, int ld, int n, REAL *b, int forward, int backward)                     \
    {                                                                                                                  \
        if (forward)                                                                                                   \
            SL_NAME(chol_forward)(L, ld, n, b);                                                                        \
        if (backward)                                                                                                  \
            SL_NAME(chol_backward)(L, ld, n, b);                                                                       \
    }

#define REAL double
#define TAG f64
#include "simd.h"
#include "cholesky_body.h"
CALLS
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "simd.h"
#include "cholesky_body.h"
CALLS
