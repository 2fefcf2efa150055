/* exp_f64: x <- exp(min(x, 0)) for n numbers, to two units in the last place; below -708 it is 3e-308, and counts as 0.
 * No allocation, no GIL. Called through dpp_trial.pyx. */
#ifndef SPARSELA_DPP_H
#define SPARSELA_DPP_H

#include <stddef.h>

#include "dispatch.h"

SL_DECLARE(void, exp_nonpositive_f64, (double *x, size_t n))

typedef void (*exp_nonpositive_t)(double *x, size_t n);
static inline exp_nonpositive_t exp_nonpositive_pick(void) { return SL_PICK(exp_nonpositive_f64); }

#endif
