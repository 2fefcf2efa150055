/* exp and log of a vec (simd.h) of doubles, to one unit in the last place or two. Include after simd.h with REAL double.
 *
 *     vec_exp   any x up to 709; below -708 it is exp(-708), 3e-308
 *     vec_log   x > 0, normal
 * The kernels are compiled with -fassociative-math, which would cancel (x + c) - c: SL_OPAQUE stands in between. */
#if defined(__x86_64__) || defined(__i386__)
#define SL_OPAQUE(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define SL_OPAQUE(v) __asm__("" : "+w"(v))
#else
#define SL_OPAQUE(v) __asm__("" : "+m"(v))
#endif

#define vec_exp SL_NAME(vec_exp)
#define vec_log SL_NAME(vec_log)
#define uvec SL_NAME(uvec)

typedef uint64_t uvec __attribute__((vector_size(SL_WIDTH)));

static inline __attribute__((always_inline)) vec vec_exp(vec x)
{
    x = vec_max(x, vec_set1(-708));
    vec t = x * 1.4426950408889634 + 0x1.8p52; /* n = x / log 2 to the nearest integer, in the low bits of t */
    SL_OPAQUE(t);
    const vec n = t - 0x1.8p52;
    vec r = x - n * 0x1.62e42fefa38p-1; /* log 2 in two parts, the first with room for n */
    SL_OPAQUE(r);
    r -= n * 0x1.ef35793c7673p-45;
    vec p = vec_set1(1.0 / 6227020800); /* Taylor's series: |r| <= 0.347, what follows is below 2^-57 */
    p = p * r + 1.0 / 479001600, p = p * r + 1.0 / 39916800, p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880, p = p * r + 1.0 / 40320, p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720, p = p * r + 1.0 / 120, p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6, p = p * r + 0.5, p = p * r + 1, p = p * r + 1;
    return (vec)((uvec)p + ((uvec)t << 52));
}

static inline __attribute__((always_inline)) vec vec_log(vec x)
{
    const uvec bits = (uvec)x;
    vec e = (vec)((bits >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    vec m = (vec)((bits & 0x000fffffffffffff) | 0x3ff0000000000000); /* in [1, 2), then around 1 */
    const ivec high = m > 1.4142135623730951;
    m = vec_blend(m, 0.5 * m, high);
    e = vec_blend(e, e + 1, high);
    const vec f = (m - 1) / (m + 1), s = f * f; /* log m = 2 (f + f^3 / 3 + ...), s <= 0.0295 */
    vec p = vec_set1(1.0 / 23);
    p = p * s + 1.0 / 21, p = p * s + 1.0 / 19, p = p * s + 1.0 / 17, p = p * s + 1.0 / 15, p = p * s + 1.0 / 13;
    p = p * s + 1.0 / 11, p = p * s + 1.0 / 9, p = p * s + 1.0 / 7, p = p * s + 1.0 / 5, p = p * s + 1.0 / 3;
    return e * 0x1.62e42fefa38p-1 + (e * 0x1.ef35793c7673p-45 + 2 * (f + f * (s * p)));
}
