/* Which of the three builds of a kernel runs on this processor: decided once, at import.
 *
 * A kernel source names its functions with SL_NAME(f, type), which appends the vector width it is compiled for:
 * f_f64_w16 (any processor), f_f64_w32 (AVX2 + FMA), f_f64_w64 (AVX-512). The Cython door declares the three with
 * SL_DECLARE and takes the right one with SL_PICK. Other processors build and run w16 alone.
 *
 * SPARSELA_SIMD_WIDTH = 16 | 32 | 64 in the environment narrows the choice; tests use it to run every build. */
#ifndef SPARSELA_DISPATCH_H
#define SPARSELA_DISPATCH_H

#include <stdlib.h>

static inline int sl_simd_width(void)
{
    int width = 16;
#ifdef SL_X86_WIDTHS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        width = 32;
    if (width == 32 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        width = 64;
#endif
    const char *asked = getenv("SPARSELA_SIMD_WIDTH");
    if (asked && atoi(asked) >= 16 && atoi(asked) < width)
        width = atoi(asked) >= 32 ? 32 : 16;
    return width;
}

#ifdef SL_X86_WIDTHS
#define SL_DECLARE(ret, f, args) ret f##_w16 args; ret f##_w32 args; ret f##_w64 args;
#define SL_PICK(f) (sl_simd_width() == 64 ? f##_w64 : sl_simd_width() == 32 ? f##_w32 : f##_w16)
#else
#define SL_DECLARE(ret, f, args) ret f##_w16 args;
#define SL_PICK(f) (f##_w16)
#endif

#endif
