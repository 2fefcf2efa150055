/* Walsh-Hadamard transforms at one vector width (see simd.h, setup.py); the contract is in fwht_kernel.h. */
#include "fwht_kernel.h"

/* every layout gives the same bits: no sum may be re-ordered here (setup.py allows it elsewhere) */
#if defined(__clang__)
#pragma clang fp reassociate(off)
#elif defined(__GNUC__)
#pragma GCC optimize("no-associative-math")
#endif

#define REAL double
#define TAG f64
#define ITEM_BITS 3
#include "fwht_body.h"
#undef REAL
#undef TAG
#undef ITEM_BITS

#define REAL float
#define TAG f32
#define ITEM_BITS 2
#include "fwht_body.h"
