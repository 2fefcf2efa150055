/* Truncated E-steps at one vector width (see simd.h, setup.py); the contract is in truncated_kernel.h. */
#include "truncated_kernel.h"

#define REAL double
#define TAG f64
#include "simd.h"
#include "vecmath.h"

#include "truncated_discrete.h"
#include "truncated_slab.h"
#include "truncated_maximal.h"

void SL_NAME(exp_array)(const double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = vec_exp(vec_set1(x[i]))[0];
}

void SL_NAME(log_array)(const double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = vec_log(vec_set1(x[i]))[0];
}
