/* Rows of a step of LSQR at one vector width (see simd.h, setup.py); contract in lsqr_kernel.h. */
#include "lsqr_kernel.h"

#define REAL double
#define TAG f64
#include "lsqr_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "lsqr_body.h"
