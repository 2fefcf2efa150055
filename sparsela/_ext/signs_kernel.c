/* Products with a sparse matrix of signs at one vector width (see simd.h, setup.py); contract in signs_kernel.h. */
#include "signs_kernel.h"

#define REAL double
#define TAG f64
#define ITEM_BITS 3
#include "signs_body.h"
#undef REAL
#undef TAG
#undef ITEM_BITS

#define REAL float
#define TAG f32
#define ITEM_BITS 2
#include "signs_body.h"
