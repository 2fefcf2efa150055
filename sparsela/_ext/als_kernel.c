/* Alternating least squares on one row at one vector width (see simd.h, setup.py); contract in als_body.h. */
#include <string.h>

#include "als_kernel.h"

#define REAL double
#define TAG f64
#include "simd.h"
#include "als_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "simd.h"
#include "als_body.h"
