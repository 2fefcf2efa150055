/* Sparse times dense at one vector width (see simd.h, setup.py); the contract is in spmm_kernel.h. */
#include "spmm_kernel.h"

#define REAL double
#define TAG f64
#include "spmm_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "spmm_body.h"
