/* What a training step does beside its sparse products, at one vector width (see simd.h, setup.py). */
#include "train_kernel.h"

#define REAL double
#define TAG f64
#define ITEM_BITS 3
#define SQRT sqrt
#include "lanes.h"
#include "train_body.h"
#undef REAL
#undef TAG
#undef SQRT
#undef ITEM_BITS

#define REAL float
#define TAG f32
#define ITEM_BITS 2
#define SQRT sqrtf
#include "lanes.h"
#include "train_body.h"
