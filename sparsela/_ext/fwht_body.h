/* Walsh-Hadamard transforms of rows and strips of columns. Included by fwht_kernel.c once for each element type, with
 * ITEM_BITS = log2 sizeof(REAL) defined beside REAL and TAG.
 *
 * One building block, `group`: load R vectors, the stages inside each vector (for rows), the stages between them, store.
 * The vectors are named variables: an array of them is spilled to the stack by gcc, 20 times slower. */
#include "simd.h"

#ifndef SPARSELA_FWHT_BODY_H
#define SPARSELA_FWHT_BODY_H

#if SL_WIDTH == 64
#define MAX_BITS 4 /* stages of a pass: sixteen vectors in 32 registers */
#else
#define MAX_BITS 3
#endif

#define SIXTEEN(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define SWAP(i, h) ((i) ^ (h))
#define SIGN(i, h) ((i) & (h) ? -1 : 1)
#define LIST2(F, h) F(0, h), F(1, h)
#define LIST4(F, h) LIST2(F, h), F(2, h), F(3, h)
#define LIST8(F, h) LIST4(F, h), F(4, h), F(5, h), F(6, h), F(7, h)
#define LIST16(F, h) LIST8(F, h), F(8, h), F(9, h), F(10, h), F(11, h), F(12, h), F(13, h), F(14, h), F(15, h)

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(x, ...) __builtin_shufflevector(x, x, __VA_ARGS__)
#else
#define SHUFFLE(x, ...) __builtin_shuffle(x, (ivec){__VA_ARGS__})
#endif

static inline int fwht_log2(int64_t n) { return 63 - __builtin_clzll((uint64_t)n); }

#endif

#undef LIST
#if SL_WIDTH >> ITEM_BITS == 16
#define LIST LIST16
#elif SL_WIDTH >> ITEM_BITS == 8
#define LIST LIST8
#elif SL_WIDTH >> ITEM_BITS == 4
#define LIST LIST4
#else
#define LIST LIST2
#endif

/* Stages inner <= h < LANES, between the entries of one vector. A product with +-1 is exact. */
static inline __attribute__((always_inline)) vec SL_NAME(inside)(vec x, const int inner)
{
#define STAGE(h)                                                                                                       \
    if (inner <= h)                                                                                                    \
        x = SHUFFLE(x, LIST(SWAP, h)) + x * (vec){LIST(SIGN, h)};
    STAGE(1)
#if SL_WIDTH >> ITEM_BITS >= 4
    STAGE(2)
#endif
#if SL_WIDTH >> ITEM_BITS >= 8
    STAGE(4)
#endif
#if SL_WIDTH >> ITEM_BITS >= 16
    STAGE(8)
#endif
#undef STAGE
    return x;
}

/* R vectors, ss apart in src and ds apart in dst; inner > 0: also the stages inside each. */
static inline __attribute__((always_inline)) void SL_NAME(group)(
    const int R, const int inner, const int scaled, const REAL *src, ptrdiff_t ss, REAL *dst, ptrdiff_t ds, vec scale)
{
#define DECLARE(v) vec a##v = {0};
    SIXTEEN(DECLARE)
#undef DECLARE
#define LOAD(v)                                                                                                        \
    if (v < R) {                                                                                                       \
        a##v = vec_load(src + v * ss);                                                                                 \
        if (inner)                                                                                                     \
            a##v = SL_NAME(inside)(a##v, inner);                                                                       \
    }
    SIXTEEN(LOAD)
#undef LOAD
#define PAIR(u, v)                                                                                                     \
    if (v < R) {                                                                                                       \
        const vec difference = a##u - a##v;                                                                            \
        a##u = a##u + a##v;                                                                                            \
        a##v = difference;                                                                                             \
    }
    PAIR(0, 1) PAIR(2, 3) PAIR(4, 5) PAIR(6, 7) PAIR(8, 9) PAIR(10, 11) PAIR(12, 13) PAIR(14, 15)
    PAIR(0, 2) PAIR(1, 3) PAIR(4, 6) PAIR(5, 7) PAIR(8, 10) PAIR(9, 11) PAIR(12, 14) PAIR(13, 15)
    PAIR(0, 4) PAIR(1, 5) PAIR(2, 6) PAIR(3, 7) PAIR(8, 12) PAIR(9, 13) PAIR(10, 14) PAIR(11, 15)
    PAIR(0, 8) PAIR(1, 9) PAIR(2, 10) PAIR(3, 11) PAIR(4, 12) PAIR(5, 13) PAIR(6, 14) PAIR(7, 15)
#undef PAIR
#define STORE(v)                                                                                                       \
    if (v < R)                                                                                                         \
        vec_store(dst + v * ds, scaled ? a##v * scale : a##v);
    SIXTEEN(STORE)
#undef STORE
}

#if SL_WIDTH == 64
#define SIXTEENFOLD(CASE, ...) CASE(4, __VA_ARGS__)
#else
#define SIXTEENFOLD(CASE, ...)
#endif

/* The same for the columns that fill no vector: every row of `width` numbers from src to dst, then pair by pair. */
static void SL_NAME(tail)(int R, const REAL *src, ptrdiff_t ss, REAL *dst, ptrdiff_t ds, int width, REAL scale)
{
    for (int r = 0; r < R; r++)
        for (int j = 0; j < width; j++)
            dst[r * ds + j] = src[r * ss + j];
    for (int h = 1; h < R; h *= 2)
        for (int r = 0; r < R; r++)
            for (int j = 0; j < width && !(r & h); j++) {
                const REAL a = dst[r * ds + j], b = dst[(r + h) * ds + j];
                dst[r * ds + j] = a + b;
                dst[(r + h) * ds + j] = a - b;
            }
    for (int r = 0; r < R; r++)
        for (int j = 0; j < width; j++)
            dst[r * ds + j] *= scale;
}

/* `bits` stages across 2^bits rows of `width` numbers. */
static void SL_NAME(pass)(
    int bits, const REAL *src, ptrdiff_t ss, REAL *dst, ptrdiff_t ds, int64_t width, int scaled, REAL by)
{
    const vec scale = vec_set1(by);
    int64_t j = 0;
#define CASE(b, s)                                                                                                     \
    case 2 * b + s:                                                                                                    \
        for (; j + LANES <= width; j += LANES)                                                                         \
            SL_NAME(group)(1 << b, 0, s, src + j, ss, dst + j, ds, scale);                                             \
        break;
    switch (2 * bits + (scaled != 0)) {
        CASE(0, 0) CASE(1, 0) CASE(2, 0) CASE(3, 0) SIXTEENFOLD(CASE, 0)
        CASE(0, 1) CASE(1, 1) CASE(2, 1) CASE(3, 1) SIXTEENFOLD(CASE, 1)
    }
#undef CASE
    if (j < width)
        SL_NAME(tail)(1 << bits, src + j, ss, dst + j, ds, (int)(width - j), scaled ? by : 1);
}

/* The first stages of `count` blocks of 2^bits vectors, one after the other. */
static void SL_NAME(first)(
    int bits, const REAL *src, REAL *dst, int64_t count, int inner, int scaled, REAL by)
{
    const vec scale = vec_set1(by);
#define CASE(b, i, s)                                                                                                  \
    case 4 * b + 2 * s + i - 1:                                                                                        \
        for (int64_t k = 0; k < count; k++)                                                                            \
            SL_NAME(group)(1 << b, i, s, src + (k << b) * LANES, LANES, dst + (k << b) * LANES, LANES, scale);         \
        break;
    switch (4 * bits + 2 * (scaled != 0) + inner - 1) {
        CASE(0, 1, 0) CASE(1, 1, 0) CASE(2, 1, 0) CASE(3, 1, 0) SIXTEENFOLD(CASE, 1, 0)
        CASE(0, 1, 1) CASE(1, 1, 1) CASE(2, 1, 1) CASE(3, 1, 1) SIXTEENFOLD(CASE, 1, 1)
        CASE(0, 2, 0) CASE(1, 2, 0) CASE(2, 2, 0) CASE(3, 2, 0) SIXTEENFOLD(CASE, 2, 0)
        CASE(0, 2, 1) CASE(1, 2, 1) CASE(2, 2, 1) CASE(3, 2, 1) SIXTEENFOLD(CASE, 2, 1)
    }
#undef CASE
}

/* A row shorter than a vector. */
static void SL_NAME(tiny)(const REAL *src, REAL *dst, int n, int inner, REAL scale)
{
    REAL x[LANES];
    memcpy(x, src, sizeof(REAL) * n);
    for (int h = inner; h < n; h *= 2)
        for (int i = 0; i < n; i++)
            if (!(i & h)) {
                const REAL a = x[i], b = x[i + h];
                x[i] = a + b;
                x[i + h] = a - b;
            }
    for (int i = 0; i < n; i++)
        dst[i] = x[i] * scale;
}

/* A row of LANES <= n numbers that fits in L1. */
static void SL_NAME(block)(const REAL *src, REAL *dst, int64_t n, int inner, int scaled, REAL scale)
{
    int left = fwht_log2(n / LANES), bits = left < MAX_BITS ? left : MAX_BITS;
    SL_NAME(first)(bits, src, dst, n / LANES >> bits, inner, scaled && bits == left, scale);
    for (int64_t h = (int64_t)LANES << bits; h < n; h <<= bits) {
        left -= bits;
        const int passes = (left + MAX_BITS - 1) / MAX_BITS;
        bits = (left + passes - 1) / passes; /* 5 = 3 + 2, not 4 + 1 */
        for (int64_t start = 0; start < n; start += h << bits)
            SL_NAME(pass)(bits, dst + start, h, dst + start, h, h, scaled && bits == left, scale);
    }
}

void SL_NAME(fwht_strip)(
    const REAL *src, ptrdiff_t ss, REAL *dst, ptrdiff_t ds, int64_t n, int64_t width, REAL scale)
{
    if (n <= 8) {
        SL_NAME(pass)(fwht_log2(n), src, ss, dst, ds, width, scale != 1, scale);
        return;
    }
    const int64_t part = n / 8;
    for (int64_t start = 0; start < n; start += part)
        SL_NAME(fwht_strip)(src + start * ss, ss, dst + start * ds, ds, part, width, 1);
    for (int64_t i = 0; i < part; i++)
        SL_NAME(pass)(3, dst + i * ds, part * ds, dst + i * ds, part * ds, width, scale != 1, scale);
}

static void SL_NAME(row)(const REAL *src, REAL *dst, int64_t n, int inner, REAL scale)
{
    const int64_t fits = FWHT_BLOCK / sizeof(REAL);
    if (n <= fits) {
        SL_NAME(block)(src, dst, n, inner, scale != 1, scale);
        return;
    }
    const int bits = n / fits < 8 ? fwht_log2(n / fits) : 3;
    const int64_t part = n >> bits;
    for (int64_t start = 0; start < n; start += part)
        SL_NAME(row)(src + start, dst + start, part, inner, 1);
    SL_NAME(pass)(bits, dst, part, dst, part, part, scale != 1, scale);
}

void SL_NAME(fwht_rows)(
    const REAL *src, ptrdiff_t src_step, REAL *dst, ptrdiff_t dst_step, int64_t rows, int64_t n, int inner, REAL scale)
{
    if (n < LANES) {
        for (int64_t r = 0; r < rows; r++)
            SL_NAME(tiny)(src + r * src_step, dst + r * dst_step, (int)n, inner, scale);
    } else if (n <= LANES << MAX_BITS && src_step == n && dst_step == n) { /* rows side by side: blocks of one pass */
        SL_NAME(first)(fwht_log2(n / LANES), src, dst, rows, inner, scale != 1, scale);
    } else {
        for (int64_t r = 0; r < rows; r++)
            SL_NAME(row)(src + r * src_step, dst + r * dst_step, n, inner, scale);
    }
}
