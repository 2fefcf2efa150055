/* A chain of structured factors at one vector width (see simd.h, setup.py); the contract is in kronecker_kernel.h. */
#include "kronecker_kernel.h"

#define REAL double
#define TAG f64
#include "kronecker_body.h"
#include "kronecker_complex_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "kronecker_body.h"
#include "kronecker_complex_body.h"
