/* Dictionary updates at one vector width (see simd.h, setup.py); the contract is in atoms_kernel.h. */
#include "atoms_kernel.h"

#define REAL double
#define TAG f64
#include "atoms_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "atoms_body.h"
