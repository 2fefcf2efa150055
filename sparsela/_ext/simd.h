/* Vectors of SL_WIDTH bytes, for the kernels that are compiled at every width (setup.py).
 *
 * Included by a *_kernel.c once for each element type, with REAL and TAG defined before:
 *     #define REAL double
 *     #define TAG f64
 *     #include "omp_body.h"      (which includes this file first and undefines nothing)
 * It gives `vec` (SL_WIDTH bytes of REAL, element-aligned loads), LANES, and SL_NAME(f) = f_<TAG>_w<SL_WIDTH>. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef SL_WIDTH
#error "compile with -DSL_WIDTH=16, 32 or 64"
#endif

#ifndef SPARSELA_SIMD_H
#define SPARSELA_SIMD_H

#define SL_CAT_(a, b) a##b
#define SL_CAT(a, b) SL_CAT_(a, b)
#define SL_INT_f64 int64_t
#define SL_INT_f32 int32_t
#define SL_MAGNITUDE_f64 INT64_MAX
#define SL_MAGNITUDE_f32 INT32_MAX

/* A maximum, an "any lane" test and a sum over lanes have instructions on x86 that the vector extension does not reach. */
#if SL_WIDTH == 64 && defined(__AVX512DQ__)
#include <immintrin.h>
#define SL_MAX_f64(a, b) ((vec)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define SL_MAX_f32(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define SL_ANY_f64(m) (_mm512_movepi64_mask((__m512i)(m)) != 0)
#define SL_ANY_f32(m) (_mm512_movepi32_mask((__m512i)(m)) != 0)
#define SL_TOP_f64(a) _mm512_reduce_max_pd((__m512d)(a))
#define SL_TOP_f32(a) _mm512_reduce_max_ps((__m512)(a))
#define SL_SUM_f64(a) _mm512_reduce_add_pd((__m512d)(a))
#define SL_SUM_f32(a) _mm512_reduce_add_ps((__m512)(a))
#elif SL_WIDTH == 32 && defined(__AVX2__)
#include <immintrin.h>
#define SL_MAX_f64(a, b) ((vec)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define SL_MAX_f32(a, b) ((vec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define SL_ANY_f64(m) (_mm256_movemask_pd((__m256d)(m)) != 0)
#define SL_ANY_f32(m) (_mm256_movemask_ps((__m256)(m)) != 0)
#define SL_SUM_f64(a) sl_sum2(_mm_add_pd(_mm256_castpd256_pd128((__m256d)(a)), _mm256_extractf128_pd((__m256d)(a), 1)))
#define SL_SUM_f32(a) sl_sum4(_mm_add_ps(_mm256_castps256_ps128((__m256)(a)), _mm256_extractf128_ps((__m256)(a), 1)))
#elif SL_WIDTH == 16 && defined(__SSE2__)
#include <emmintrin.h>
#define SL_MAX_f64(a, b) ((vec)_mm_max_pd((__m128d)(a), (__m128d)(b)))
#define SL_MAX_f32(a, b) ((vec)_mm_max_ps((__m128)(a), (__m128)(b)))
#define SL_ANY_f64(m) (_mm_movemask_pd((__m128d)(m)) != 0)
#define SL_ANY_f32(m) (_mm_movemask_ps((__m128)(m)) != 0)
#define SL_SUM_f64(a) sl_sum2((__m128d)(a))
#define SL_SUM_f32(a) sl_sum4((__m128)(a))
#else
#define SL_MAX_f64(a, b) vec_blend(b, a, (a) > (b))
#define SL_MAX_f32(a, b) vec_blend(b, a, (a) > (b))
#define SL_ANY_f64(m) ((((union { ivec v; int64_t i[2]; }){m}).i[0] | ((union { ivec v; int64_t i[2]; }){m}).i[1]) != 0)
#define SL_ANY_f32(m) SL_ANY_f64(m)
#define SL_SUM_f64(a) ((a)[0] + (a)[1])
#define SL_SUM_f32(a) (((a)[0] + (a)[2]) + ((a)[1] + (a)[3]))
#endif

#ifdef __SSE2__
static inline double sl_sum2(__m128d a) { return _mm_cvtsd_f64(_mm_add_sd(a, _mm_unpackhi_pd(a, a))); }
static inline float sl_sum4(__m128 a)
{
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
#endif

#endif

#undef SL_NAME
#undef SL_JOIN
#undef SL_JOIN_
#undef LANES
#undef vec
#undef ivec

#define SL_JOIN_(f, tag, width) f##_##tag##_w##width
#define SL_JOIN(f, tag, width) SL_JOIN_(f, tag, width)
#define SL_NAME(f) SL_JOIN(f, TAG, SL_WIDTH)
#define LANES ((int)(SL_WIDTH / sizeof(REAL)))
#define vec SL_NAME(vec)
#define ivec SL_NAME(ivec)
#define vec_blend SL_NAME(vec_blend)
#define vec_any SL_NAME(vec_any)
#define vec_load SL_NAME(vec_load)
#define vec_store SL_NAME(vec_store)
#define vec_set1 SL_NAME(vec_set1)
#define vec_abs SL_NAME(vec_abs)
#define vec_max SL_NAME(vec_max)
#define vec_hmax SL_NAME(vec_hmax)
#define vec_hsum SL_NAME(vec_hsum)

typedef REAL vec __attribute__((vector_size(SL_WIDTH)));
typedef SL_CAT(SL_INT_, TAG) ivec __attribute__((vector_size(SL_WIDTH))); /* what a comparison of two vec gives */

static inline __attribute__((always_inline)) vec vec_load(const REAL *p)
{
    vec v;
    memcpy(&v, p, sizeof v); /* an unaligned vector load: gcc and clang turn it into one instruction */
    return v;
}

static inline __attribute__((always_inline)) void vec_store(REAL *p, vec v) { memcpy(p, &v, sizeof v); }

static inline __attribute__((always_inline)) vec vec_set1(REAL x) { return x + (vec){0}; }

/* b where mask is set (a comparison's result), a elsewhere */
static inline __attribute__((always_inline)) vec vec_blend(vec a, vec b, ivec mask)
{
    return (vec)(((ivec)a & ~mask) | ((ivec)b & mask));
}

static inline __attribute__((always_inline)) vec vec_max(vec a, vec b) { return SL_CAT(SL_MAX_, TAG)(a, b); }

static inline __attribute__((always_inline)) vec vec_abs(vec a)
{
    const ivec magnitude = (ivec){0} + SL_CAT(SL_MAGNITUDE_, TAG); /* every bit but the sign */
    return (vec)((ivec)a & magnitude);
}

static inline __attribute__((always_inline)) int vec_any(ivec mask) { return SL_CAT(SL_ANY_, TAG)(mask); }

static inline __attribute__((always_inline)) REAL vec_hmax(vec a)
{
#ifdef SL_TOP_f64
    return SL_CAT(SL_TOP_, TAG)(a);
#else
    REAL m = a[0];
    for (int i = 1; i < LANES; i++)
        m = a[i] > m ? a[i] : m;
    return m;
#endif
}

static inline __attribute__((always_inline)) REAL vec_hsum(vec a) { return SL_CAT(SL_SUM_, TAG)(a); }
