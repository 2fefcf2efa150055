/* What a training step does beside its sparse products, at one vector width (see simd.h, setup.py). */
#include "train_kernel.h"

#define REAL double
#define TAG f64
#define SQRT sqrt
#include "simd.h"
#include "train_body.h"
#undef REAL
#undef TAG
#undef SQRT

#define REAL float
#define TAG f32
#define SQRT sqrtf
#include "simd.h"
#include "train_body.h"
