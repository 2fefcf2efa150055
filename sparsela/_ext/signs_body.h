/* Tiles of rows and AXPYs with a matrix of signs. Included by signs_kernel.c once for each element type. */
#include "lanes.h"

/* Half of what a stage of the transpose makes of the rows u and u + h: lanes without bit h, lanes with it. */
#define LOWER(l, h) ((l) & (h) ? LANES + (l) - (h) : (l))
#define UPPER(l, h) ((l) & (h) ? LANES + (l) : (l) + (h))
#define CROSS(u, v, h)                                                                                                 \
    {                                                                                                                  \
        const vec lower = SHUFFLE(a##u, a##v, LIST(LOWER, h));                                                         \
        a##v = SHUFFLE(a##u, a##v, LIST(UPPER, h));                                                                    \
        a##u = lower;                                                                                                  \
    }

/* a0 ... a(LANES - 1) as a matrix, transposed: log2 LANES stages in registers */
#undef TRANSPOSE
#if SL_WIDTH >> ITEM_BITS == 16
#define TRANSPOSE                                                                                                      \
    CROSS(0, 1, 1) CROSS(2, 3, 1) CROSS(4, 5, 1) CROSS(6, 7, 1)                                                        \
    CROSS(8, 9, 1) CROSS(10, 11, 1) CROSS(12, 13, 1) CROSS(14, 15, 1)                                                  \
    CROSS(0, 2, 2) CROSS(1, 3, 2) CROSS(4, 6, 2) CROSS(5, 7, 2)                                                        \
    CROSS(8, 10, 2) CROSS(9, 11, 2) CROSS(12, 14, 2) CROSS(13, 15, 2)                                                  \
    CROSS(0, 4, 4) CROSS(1, 5, 4) CROSS(2, 6, 4) CROSS(3, 7, 4)                                                        \
    CROSS(8, 12, 4) CROSS(9, 13, 4) CROSS(10, 14, 4) CROSS(11, 15, 4)                                                  \
    CROSS(0, 8, 8) CROSS(1, 9, 8) CROSS(2, 10, 8) CROSS(3, 11, 8)                                                      \
    CROSS(4, 12, 8) CROSS(5, 13, 8) CROSS(6, 14, 8) CROSS(7, 15, 8)
#elif SL_WIDTH >> ITEM_BITS == 8
#define TRANSPOSE                                                                                                      \
    CROSS(0, 1, 1) CROSS(2, 3, 1) CROSS(4, 5, 1) CROSS(6, 7, 1)                                                        \
    CROSS(0, 2, 2) CROSS(1, 3, 2) CROSS(4, 6, 2) CROSS(5, 7, 2)                                                        \
    CROSS(0, 4, 4) CROSS(1, 5, 4) CROSS(2, 6, 4) CROSS(3, 7, 4)
#elif SL_WIDTH >> ITEM_BITS == 4
#define TRANSPOSE CROSS(0, 1, 1) CROSS(2, 3, 1) CROSS(0, 2, 2) CROSS(1, 3, 2)
#else
#define TRANSPOSE CROSS(0, 1, 1)
#endif

/* Column j of S, times one number a row. */
static inline __attribute__((always_inline)) void SL_NAME(scatter)(
    const struct sign_columns *S, const int z, int64_t j, vec x, REAL *tile)
{
    static const REAL sign[2] = {1, -1};
    const int32_t *t = S->entries + (z ? j * z : S->start ? S->start[j] : j * S->z);
    const int32_t *end = z ? t + z : S->start ? S->entries + S->start[j + 1] : t + S->z;
    for (; t < end; t++) {
        REAL *cell = tile + (*t >> 1) * LANES;
        vec_store(cell, vec_load(cell) + x * vec_set1(sign[*t & 1]));
    }
}

static inline __attribute__((always_inline)) void SL_NAME(fill)(
    const struct sign_columns *S, const int z, const REAL *const *x, REAL *tile)
{
    const int64_t whole = S->d - S->d % LANES;
#define DECLARE(l) vec a##l = {0};
    SIXTEEN(DECLARE)
#undef DECLARE
    for (int64_t j = 0; j < whole; j += LANES) {
#define LOAD(l)                                                                                                        \
    if (l < LANES)                                                                                                     \
        a##l = vec_load(x[l] + j);
        SIXTEEN(LOAD)
#undef LOAD
        TRANSPOSE
#define SCATTER(l)                                                                                                     \
    if (l < LANES)                                                                                                     \
        SL_NAME(scatter)(S, z, j + l, a##l, tile);
        SIXTEEN(SCATTER)
#undef SCATTER
    }
    for (int64_t j = whole; j < S->d; j++) {
        vec column = {0};
        for (int l = 0; l < LANES; l++)
            column[l] = x[l][j];
        SL_NAME(scatter)(S, z, j, column, tile);
    }
}

void SL_NAME(signs_tile)(
    const struct sign_columns *S, const REAL *X, ptrdiff_t ldx, int rows, int add, REAL *out, ptrdiff_t ldo, REAL *tile)
{
    const REAL *x[LANES];
    for (int l = 0; l < LANES; l++)
        x[l] = X + (l < rows ? l : rows - 1) * ldx; /* rows that are not there: the last one again, never stored */
    memset(tile, 0, sizeof(REAL) * S->k * LANES);
    if (!S->start && S->z == 1)
        SL_NAME(fill)(S, 1, x, tile);
    else
        SL_NAME(fill)(S, 0, x, tile);

    const vec scale = vec_set1((REAL)S->scale);
    const int64_t whole = S->k - S->k % LANES;
#define DECLARE(l) vec a##l = {0};
    SIXTEEN(DECLARE)
#undef DECLARE
    for (int64_t b = 0; b < whole; b += LANES) {
#define LOAD(l)                                                                                                        \
    if (l < LANES)                                                                                                     \
        a##l = vec_load(tile + (b + l) * LANES);
        SIXTEEN(LOAD)
#undef LOAD
        TRANSPOSE
#define STORE(l)                                                                                                       \
    if (l < LANES && l < rows)                                                                                         \
        vec_store(out + l * ldo + b, add ? vec_load(out + l * ldo + b) + a##l * scale : a##l * scale);
        SIXTEEN(STORE)
#undef STORE
    }
    for (int64_t b = whole; b < S->k; b++)
        for (int l = 0; l < rows; l++)
            out[l * ldo + b] = (add ? out[l * ldo + b] : 0) + tile[b * LANES + l] * (REAL)S->scale;
}

void SL_NAME(signs_axis0)(
    const struct sign_columns *S, const REAL *X, ptrdiff_t ldx, int64_t width, REAL *out, ptrdiff_t ldo)
{
    for (int64_t i = 0; i < S->d; i++) {
        const REAL *x = X + i * ldx;
        const int32_t *t = S->entries + (S->start ? S->start[i] : i * S->z);
        const int32_t *end = S->start ? S->entries + S->start[i + 1] : t + S->z;
        for (; t < end; t++) {
            const REAL s = (REAL)(*t & 1 ? -S->scale : S->scale);
            const vec scale = vec_set1(s);
            REAL *y = out + (*t >> 1) * ldo;
            int64_t j = 0;
            for (; j + LANES <= width; j += LANES)
                vec_store(y + j, vec_load(y + j) + vec_load(x + j) * scale);
            for (; j < width; j++)
                y[j] += x[j] * s;
        }
    }
}

/* Past the caches, where the processor can (the locked instruction that ends a parallel loop orders these stores too). */
#undef STREAM
#if SL_WIDTH == 64 && defined(__AVX512F__)
#define STREAM(p, v) _mm512_stream_si512((void *)(p), (__m512i)(v))
#elif SL_WIDTH == 32 && defined(__AVX2__)
#define STREAM(p, v) _mm256_stream_si256((__m256i *)(p), (__m256i)(v))
#elif SL_WIDTH == 16 && defined(__SSE2__)
#define STREAM(p, v) _mm_stream_si128((__m128i *)(p), (__m128i)(v))
#else
#define STREAM(p, v) vec_store(p, v)
#endif

void SL_NAME(signs_flush)(REAL *row, int64_t k, int how, REAL *out)
{
    int64_t b = 0;
    if (how == SIGNS_STREAM && (uintptr_t)out % SL_WIDTH == 0)
        for (; b + LANES <= k; b += LANES) {
            STREAM(out + b, vec_load(row + b));
            vec_store(row + b, vec_set1(0));
        }
    const int add = how == SIGNS_ADD;
    for (; b + LANES <= k; b += LANES) {
        vec_store(out + b, add ? vec_load(out + b) + vec_load(row + b) : vec_load(row + b));
        vec_store(row + b, vec_set1(0));
    }
    for (; b < k; b++) {
        out[b] = (add ? out[b] : 0) + row[b];
        row[b] = 0;
    }
}
