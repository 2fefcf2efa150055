/* Top-k of a row at one vector width (see simd.h, setup.py); the contract is in topk_kernel.h. */
#include "topk_kernel.h"

#define REAL double
#define TAG f64
#include "topk_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "topk_body.h"
