/* Walsh-Hadamard transforms of rows and strips of columns. Included by fwht_kernel.c once for each element type, with
 * ITEM_BITS = log2 sizeof(REAL) defined beside REAL and TAG.
 *
 * One building block, `group`: load R vectors, the stages inside each (for rows), the stages between them, store.
 * The vectors are named variables: an array of them is spilled to the stack by gcc, 20 times slower. */
#include "lanes.h"

#ifndef SPARSELA_FWHT_BODY_H
#define SPARSELA_FWHT_BODY_H

#if SL_WIDTH == 64
#define MAX_BITS 4 /* stages of a pass: sixteen vectors in 32 registers */
#else
#define MAX_BITS 3
#endif

/* The sum and the difference of a pair on different ports where these differ (AMD): a - b as a fused product with -1,
 * hidden from the compiler, which would fold it. It rounds as a - b does. */
#ifdef __FMA__
#define MINUS_ONE                                                                                                      \
    vec minus_one = vec_set1(-1);                                                                                      \
    __asm__("" : "+v"(minus_one))
#define DIFFERENCE(a, b) ((b) * minus_one + (a))
#else
#define MINUS_ONE
#define DIFFERENCE(a, b) ((a) - (b))
#endif

static inline int fwht_log2(int64_t n) { return 63 - __builtin_clzll((uint64_t)n); }

#endif

/* Stages inner <= h < LANES, between the entries of one vector. A product with +-1 is exact. */
static inline __attribute__((always_inline)) vec SL_NAME(inside)(vec x, const int inner)
{
#define STAGE(h)                                                                                                       \
    if (inner <= h)                                                                                                    \
        x = SHUFFLE(x, x, LIST(SWAP, h)) + x * (vec){LIST(SIGN, h)};
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

/* A vector with the signs of its lanes flipped where bits from bit j on are set; j a multiple of LANES. */
static inline __attribute__((always_inline)) vec SL_NAME(flip)(vec x, const uint8_t *bits, int64_t j)
{
#if SL_WIDTH >> ITEM_BITS == 16
    const int mask = bits[j >> 3] | bits[(j >> 3) + 1] << 8;
#else
    const int mask = bits[j >> 3] >> (j & 7);
#endif
#if SL_WIDTH == 64 && ITEM_BITS == 3
    return (vec)_mm512_mask_sub_pd((__m512d)x, (__mmask8)mask, _mm512_setzero_pd(), (__m512d)x);
#elif SL_WIDTH == 64
    return (vec)_mm512_mask_sub_ps((__m512)x, (__mmask16)mask, _mm512_setzero_ps(), (__m512)x);
#else
    const ivec lane = {LIST(BIT, 0)};
    return vec_blend(x, -x, ((lane & mask) != 0));
#endif
}

/* R vectors, ss apart in src and ds apart in dst, flipped by `bits` from bit j on where there are some; inner > 0: also
 * the stages inside each vector. */
static inline __attribute__((always_inline)) void SL_NAME(group)(
    const int R, const int inner, const int scaled, const REAL *src, const uint8_t *bits, int64_t j, ptrdiff_t ss,
    REAL *dst, ptrdiff_t ds, vec scale)
{
    MINUS_ONE;
#define DECLARE(v) vec a##v = {0};
    SIXTEEN(DECLARE)
#undef DECLARE
#define LOAD(v)                                                                                                        \
    if (v < R) {                                                                                                       \
        a##v = vec_load(src + v * ss);                                                                                 \
        if (bits)                                                                                                      \
            a##v = SL_NAME(flip)(a##v, bits, j + v * LANES);                                                           \
        if (inner)                                                                                                     \
            a##v = SL_NAME(inside)(a##v, inner);                                                                       \
    }
    SIXTEEN(LOAD)
#undef LOAD
#define PAIR(u, v)                                                                                                     \
    if (v < R) {                                                                                                       \
        const vec difference = DIFFERENCE(a##u, a##v);                                                                 \
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

/* `bits` stages across 2^bits rows of `width` numbers (whole vectors). */
static void SL_NAME(pass)(
    int bits, const REAL *src, ptrdiff_t ss, REAL *dst, ptrdiff_t ds, int64_t width, int scaled, REAL by)
{
    const vec scale = vec_set1(by);
#define CASE(b, s)                                                                                                     \
    case 2 * b + s:                                                                                                    \
        for (int64_t j = 0; j < width; j += LANES) \
            SL_NAME(group)(1 << b, 0, s, src + j, NULL, 0, ss, dst + j, ds, scale); \
        break;
    switch (2 * bits + (scaled != 0)) {
        CASE(0, 0) CASE(1, 0) CASE(2, 0) CASE(3, 0) SIXTEENFOLD(CASE, 0)
        CASE(0, 1) CASE(1, 1) CASE(2, 1) CASE(3, 1) SIXTEENFOLD(CASE, 1)
    }
#undef CASE
}

/* The first stages of `count` blocks of 2^bits vectors, one after the other. */
static void SL_NAME(first)(
    int bits, const REAL *src, REAL *dst, int64_t count, int inner, int scaled, REAL by)
{
    const vec scale = vec_set1(by);
#define CASE(b, i, s)                                                                                                  \
    case 8 * b + 2 * i + s:                                                                                            \
        for (int64_t k = 0; k < count; k++)                                                                            \
            SL_NAME(group)                                                                                             \
            (1 << b, 1 << i, s, src + (k << b) * LANES, NULL, 0, LANES, dst + (k << b) * LANES, LANES, scale); \
        break;
#define CASES(i, s) CASE(0, i, s) CASE(1, i, s) CASE(2, i, s) CASE(3, i, s) SIXTEENFOLD(CASE, i, s)
    switch (8 * bits + 2 * fwht_log2(inner) + (scaled != 0)) {
        CASES(0, 0) CASES(1, 0) CASES(2, 0) CASES(3, 0)
        CASES(0, 1) CASES(1, 1) CASES(2, 1) CASES(3, 1)
    }
#undef CASES
#undef CASE
}

/* The same for inner = 1 and no scale, of src flipped by bits. */
static void SL_NAME(first_flipped)(int bits, const REAL *src, const uint8_t *flips, int64_t from, REAL *dst, int64_t n)
{
    const vec one = vec_set1(1);
#define CASE(b, i)                                                                                                     \
    case b:                                                                                                            \
        for (int64_t k = 0; k < n; k += LANES << b)                                                                    \
            SL_NAME(group)(1 << b, i, 0, src + k, flips, from + k, LANES, dst + k, LANES, one);                        \
        break;
    switch (bits) {
        CASE(0, 1) CASE(1, 1) CASE(2, 1) CASE(3, 1) SIXTEENFOLD(CASE, 1)
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
static void SL_NAME(block)(
    const REAL *src, const uint8_t *flips, int64_t from, REAL *dst, int64_t n, int inner, int scaled, REAL scale)
{
    int left = fwht_log2(n / LANES), bits = left < MAX_BITS ? left : MAX_BITS;
    if (flips)
        SL_NAME(first_flipped)(bits, src, flips, from, dst, n);
    else
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

static void SL_NAME(row)(
    const REAL *src, const uint8_t *flips, int64_t from, REAL *dst, int64_t n, int inner, REAL scale)
{
    const int64_t fits = FWHT_BLOCK / sizeof(REAL);
    if (n <= fits) {
        SL_NAME(block)(src, flips, from, dst, n, inner, scale != 1, scale);
        return;
    }
    const int bits = n / fits < 8 ? fwht_log2(n / fits) : 3;
    const int64_t part = n >> bits;
    for (int64_t start = 0; start < n; start += part)
        SL_NAME(row)(src + start, flips, from + start, dst + start, part, inner, 1);
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
            SL_NAME(row)(src + r * src_step, NULL, 0, dst + r * dst_step, n, inner, scale);
    }
}

void SL_NAME(fwht_flipped)(const REAL *src, const uint8_t *flips, REAL *dst, int64_t n)
{
    if (n >= LANES) {
        SL_NAME(row)(src, flips, 0, dst, n, 1, 1);
        return;
    }
    REAL x[LANES];
    for (int i = 0; i < n; i++)
        x[i] = flips[i >> 3] >> (i & 7) & 1 ? -src[i] : src[i];
    SL_NAME(tiny)(x, dst, (int)n, 1, 1);
}
