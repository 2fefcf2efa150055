/* Sparse times dense over strips of columns held in registers. Included by spmm_kernel.c once for each element type.
 *
 * A strip of up to eight vectors of one output row lives in eight named variables while the stored entries of the row
 * pass by, and is stored once. (An array of accumulators is spilled to the stack by gcc: 4-5 times slower.) The number of
 * vectors is a constant in each call, so that the others fold away. The last vector of a strip ends at its last column,
 * overlapping the one before, instead of a scalar tail. */
#include "simd.h"

#define EIGHT(STEP) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8)
#define AT(v) ((v) == V ? last : ((v) - 1) * LANES) /* first column of the v-th vector */

/* V vectors of one row; `last` is the first column of the last one. */
static inline __attribute__((always_inline)) void SL_NAME(strip)(
    const int V, const int has_perm, const struct spmm_problem *pb, int row, ptrdiff_t last)
{
    const REAL *data = pb->data, *bias = pb->bias, *X = pb->X;
    REAL *z = (REAL *)pb->Z + row * pb->ldz;
    const ptrdiff_t ldx = pb->ldx;
    const vec start = vec_set1(bias ? bias[row] : 0);
    vec a1 = start, a2 = start, a3 = start, a4 = start, a5 = start, a6 = start, a7 = start, a8 = start;
    for (int32_t k = pb->indptr[row]; k < pb->indptr[row + 1]; k++) {
        const REAL *x = X + pb->indices[k] * ldx;
        const vec w = vec_set1(data[has_perm ? pb->perm[k] : k]);
#define STEP(v)                                                                                                        \
    if (v <= V)                                                                                                        \
        a##v += w * vec_load(x + AT(v));
        EIGHT(STEP)
#undef STEP
    }
    if (pb->relu) {
        const vec zero = vec_set1(0);
#define STEP(v) a##v = vec_blend(a##v, zero, a##v < zero); /* NaN stays */
        EIGHT(STEP)
#undef STEP
    }
    if (V == 1 && pb->width < LANES) {
        for (int l = 0; l < pb->width; l++)
            z[l] = a1[l];
        return;
    }
#define STEP(v)                                                                                                        \
    if (v <= V)                                                                                                        \
        vec_store(z + AT(v), a##v);
    EIGHT(STEP)
#undef STEP
}

/* One column: no vector to load, so a plain dot product of each row in four sums. */
static inline __attribute__((always_inline)) void SL_NAME(column)(
    const int has_perm, const struct spmm_problem *pb, int first, int end)
{
    const REAL *data = pb->data, *bias = pb->bias, *x = pb->X;
    const ptrdiff_t ldx = pb->ldx;
    for (int i = first; i < end; i++) {
        REAL s0 = bias ? bias[i] : 0, s1 = 0, s2 = 0, s3 = 0;
        int32_t k = pb->indptr[i];
        const int32_t stop = pb->indptr[i + 1];
#define TERM(e) data[has_perm ? pb->perm[k + e] : k + e] * x[pb->indices[k + e] * ldx]
        for (; k + 4 <= stop; k += 4)
            s0 += TERM(0), s1 += TERM(1), s2 += TERM(2), s3 += TERM(3);
        for (; k < stop; k++)
            s0 += TERM(0);
#undef TERM
        s0 = (s0 + s1) + (s2 + s3);
        ((REAL *)pb->Z)[i * pb->ldz] = pb->relu && s0 < 0 ? 0 : s0;
    }
}

void SL_NAME(spmm_rows)(const struct spmm_problem *pb, int first, int end)
{
    if (pb->width == 1) {
        if (pb->perm)
            SL_NAME(column)(1, pb, first, end);
        else
            SL_NAME(column)(0, pb, first, end);
        return;
    }
    const ptrdiff_t vectors = (pb->width + LANES - 1) / LANES;
    const ptrdiff_t last = pb->width < LANES ? 0 : pb->width - LANES;
#define CASE(v)                                                                                                        \
    case v:                                                                                                            \
        for (int i = first; i < end; i++)                                                                              \
            if (pb->perm)                                                                                              \
                SL_NAME(strip)(v, 1, pb, i, last);                                                                     \
            else                                                                                                       \
                SL_NAME(strip)(v, 0, pb, i, last);                                                                     \
        break;
    switch (vectors) {
        EIGHT(CASE)
    }
#undef CASE
}

/* V vectors of one row of Z stay in registers; each stored entry takes one dot product. The lanes of the last vector
 * that the one before has counted are set to zero on both sides (`fresh` is all ones elsewhere). */
static inline __attribute__((always_inline)) void SL_NAME(dots)(
    const int V, const struct spmm_problem *pb, int row, ptrdiff_t last, ivec fresh)
{
    const REAL *X = pb->X, *z = (const REAL *)pb->Z + row * pb->ldz;
    REAL *g = pb->g;
    const ptrdiff_t ldx = pb->ldx;
    const int add = pb->add;
    vec z1 = {0}, z2 = {0}, z3 = {0}, z4 = {0}, z5 = {0}, z6 = {0}, z7 = {0}, z8 = {0};
    if (V == 1 && pb->width < LANES) {
        for (int l = 0; l < pb->width; l++)
            z1[l] = z[l];
    } else {
#define STEP(v)                                                                                                        \
    if (v <= V)                                                                                                        \
        z##v = vec_load(z + AT(v));                                                                                    \
    if (v == V)                                                                                                        \
        z##v = (vec)((ivec)z##v & fresh);
        EIGHT(STEP)
#undef STEP
    }
#define STEP(v)                                                                                                        \
    if (v < V)                                                                                                         \
        s += z##v * vec_load(x + AT(v));                                                                               \
    if (v == V)                                                                                                        \
        s += z##v * (vec)((ivec)vec_load(x + last) & fresh);
#define DOT(s, k)                                                                                                      \
    {                                                                                                                  \
        const REAL *x = X + pb->indices[k] * ldx;                                                                      \
        EIGHT(STEP)                                                                                                    \
    }
    int32_t k = pb->indptr[row];
    const int32_t end = pb->indptr[row + 1];
    for (; k + 4 <= end; k += 4) { /* four at a time: their sums do not wait for each other */
        vec d[4] = {{0}, {0}, {0}, {0}};
        for (int e = 0; e < 4; e++) {
            vec s = {0};
            DOT(s, k + e)
            d[e] = s;
        }
        for (int e = 0; e < 4; e++)
            g[k + e] = (add ? g[k + e] : 0) + vec_hsum(d[e]);
    }
    for (; k < end; k++) {
        vec s = {0};
        DOT(s, k)
        g[k] = (add ? g[k] : 0) + vec_hsum(s);
    }
#undef DOT
#undef STEP
}

void SL_NAME(sddmm_rows)(const struct spmm_problem *pb, int first, int end)
{
    const ptrdiff_t vectors = (pb->width + LANES - 1) / LANES;
    const ptrdiff_t last = pb->width < LANES ? 0 : pb->width - LANES;
    const ptrdiff_t counted = pb->width < LANES ? 0 : (vectors - 1) * LANES - last;
    ivec fresh = {0}; /* the lanes of the last vector that the one before has not */
    for (int l = 0; l < LANES; l++)
        fresh[l] = l < counted ? 0 : -1;
#define CASE(v)                                                                                                        \
    case v:                                                                                                            \
        for (int i = first; i < end; i++)                                                                              \
            SL_NAME(dots)(v, pb, i, last, fresh);                                                                      \
        break;
    switch (vectors) {
        EIGHT(CASE)
    }
#undef CASE
}

#undef EIGHT
#undef AT
