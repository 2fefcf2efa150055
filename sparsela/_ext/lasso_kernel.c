/* The lasso of many signals at one vector width (see simd.h, setup.py); the contract is in lasso_kernel.h. */
#define _POSIX_C_SOURCE 200112L
#include <stdlib.h>

#include "lasso_kernel.h"

#define REAL double
#define TAG f64
#include "lasso_body.h"
#include "lars_body.h"
#undef REAL
#undef TAG

#define REAL float
#define TAG f32
#include "lasso_body.h"
#include "lars_body.h"

#if SL_WIDTH == 16
void lasso_workspace_free(struct lasso_workspace *ws)
{
    free(ws->q), free(ws->v), free(ws->L), free(ws->c), free(ws->z), free(ws->sign), free(ws->S), free(ws->active);
    free(ws->rows), free(ws->slots), free(ws->scale), free(ws->list);
    *ws = (struct lasso_workspace){0};
}
#endif
