/* The exponentials of a Gaussian kernel at one vector width (see simd.h, setup.py); the contract is in dpp_kernel.h. */
#include "dpp_kernel.h"

#define REAL double
#define TAG f64
#include "simd.h"
#include "vecmath.h"

void SL_NAME(exp_nonpositive)(double *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(x + i, vec_exp(-vec_max(-vec_load(x + i), vec_set1(0))));
    for (; i < n; i++)
        x[i] = vec_exp(vec_set1(x[i] < 0 ? x[i] : 0))[0];
}
