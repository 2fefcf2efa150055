/* Batch-OMP at one vector width (see simd.h, setup.py); the contract is in omp_kernel.h. */
#define _POSIX_C_SOURCE 200112L
#include <stdlib.h>

#include "omp_kernel.h"

#define REAL double
#define TAG f64
#include "omp_body.h"
#include "omp_refit_body.h"
#undef REAL
#undef TAG
#undef EPS
#undef MIN_PIVOT
#undef DRIFT_LIMIT

#define REAL float
#define TAG f32
#include "omp_body.h"

#if SL_WIDTH == 16
void omp_workspace_free(struct omp_workspace *ws)
{
    free(ws->V), free(ws->L), free(ws->beta), free(ws->c), free(ws->chosen), free(ws->delta);
    free(ws->scale), free(ws->row), free(ws->list);
    *ws = (struct omp_workspace){0};
}
#endif
