/* Written by `python -m sparsela.matmul._generate`; see sums_body.h. */

#include <string.h>

#include "sums_kernel.h"

static const int32_t sums_steps_0[] = {4, 2, 3, 0, 5, 4, 0, 1, 6, 0, 2, 1, 7, 1, 5, 1};
static const int32_t sums_steps_1[] = {4, 1, 0, 1, 5, 3, 4, 1, 6, 3, 1, 1, 7, 5, 2, 1};
static const int32_t sums_steps_2[] = {7, 0, 2, 0, 5, 7, 3, 0, 4, 7, 1, 0, 6, 5, 1, 0};
static const int32_t sums_steps_3[] = {7, 0, 2, 0, 5, 7, 3, 0, 7, 7, 1, 0, 6, 5, 1, 0, 4, 7, 7, 3};
static const int32_t sums_steps_4[] = {8, 0, 2, 0, 9, 8, 3, 0, 8, 8, 1, 0, 10, 9, 1, 0, 4, 4, 0, 0, 5, 5, 8, 0, 6, 6, 9, 0, 7, 7, 10, 0};
static const int32_t sums_steps_5[] = {3, 1, 2, 0, 4, 3, 0, 1};
static const int32_t sums_steps_6[] = {3, 1, 0, 1, 4, 2, 3, 1};
static const int32_t sums_steps_7[] = {2, 0, 1, 1};
static const int32_t sums_steps_8[] = {2, 1, 0, 1};
static const int32_t sums_steps_9[] = {4, 0, 3, 0, 5, 2, 3, 0, 6, 0, 1, 0, 7, 2, 0, 1, 8, 1, 3, 1};
static const int32_t sums_steps_10[] = {4, 0, 3, 0, 5, 1, 3, 1, 6, 2, 0, 1, 7, 0, 1, 0, 8, 2, 3, 0};
static const int32_t sums_steps_11[] = {9, 0, 3, 0, 9, 9, 4, 1, 10, 2, 4, 0, 11, 1, 3, 0, 12, 0, 1, 1, 8, 12, 2, 0, 5, 9, 9, 3, 6, 10, 10, 3, 7, 11, 11, 3};
static const int32_t sums_steps_12[] = {9, 0, 3, 0, 9, 9, 4, 1, 10, 2, 4, 0, 11, 1, 3, 0, 12, 0, 1, 1, 12, 12, 2, 0, 5, 5, 9, 0, 6, 6, 10, 0, 7, 7, 11, 0, 8, 8, 12, 0};
static const int32_t sums_steps_13[] = {3, 0, 2, 0, 4, 1, 2, 0};
static const int32_t sums_steps_14[] = {3, 0, 2, 0, 4, 1, 2, 1};
static const int32_t sums_steps_15[] = {2, 0, 1, 0};
static const int32_t sums_steps_16[] = {4, 2, 0, 1, 5, 1, 3, 1};
static const int32_t sums_steps_17[] = {4, 0, 1, 0, 5, 2, 3, 0};

static const sl_sums sums_table[] = {
    {4, 8, 0, 4, 0, sums_steps_0, 0},
    {4, 8, 0, 4, 1, sums_steps_1, 0},
    {4, 7, 1, 4, 2, sums_steps_2, 0},
    {4, 7, 1, 5, 3, sums_steps_3, 0},
    {4, 8, 3, 8, 4, sums_steps_4, 0},
    {3, 5, 0, 2, 5, sums_steps_5, 0},
    {3, 5, 0, 2, 6, sums_steps_6, 0},
    {2, 3, 0, 1, 7, sums_steps_7, 0},
    {2, 3, 0, 1, 8, sums_steps_8, 0},
    {4, 9, 0, 5, 9, sums_steps_9, 0},
    {4, 9, 0, 5, 10, sums_steps_10, 0},
    {5, 9, 4, 9, 11, sums_steps_11, 0},
    {5, 9, 4, 10, 12, sums_steps_12, 0},
    {3, 5, 0, 2, 13, sums_steps_13, 0},
    {3, 5, 0, 2, 14, sums_steps_14, 0},
    {2, 3, 0, 1, 15, sums_steps_15, 0},
    {4, 6, 0, 2, 16, sums_steps_16, 0},
    {4, 6, 0, 2, 17, sums_steps_17, 0},
};

/* The generated loop of a program, -1 where there is none. */
static int sums_find(const sl_sums *f)
{
    for (size_t i = 0; i < sizeof sums_table / sizeof *sums_table; i++) {
        const sl_sums *g = sums_table + i;
        if (f->n_in == g->n_in && f->n_mem == g->n_mem && f->n_steps == g->n_steps
            && !memcmp(f->steps, g->steps, 4 * sizeof(int32_t) * (size_t)f->n_steps))
            return g->kernel;
    }
    return -1;
}
