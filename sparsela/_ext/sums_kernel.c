/* Fused sums of blocks at one vector width (see simd.h, setup.py); contract in sums_body.h. */
#include "sums_kernel.h"

/* A program is carried out as it is written: its error bound counts the additions on the longest path. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-associative-math")
#elif defined(__clang__)
#pragma clang fp reassociate(off)
#endif

#define REAL double
#define TAG f64
#include "simd.h"
#include "sums_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "simd.h"
#include "sums_body.h"
