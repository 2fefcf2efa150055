/* Counter-based random numbers: what is drawn for id i depends on (seed, stream, i) and on nothing else.
 *
 *     h(seed, stream, i) = mix( mix(seed + g (stream + 1)) xor mix(i + g) ),   g = 2^64 / golden ratio, mod 2^64
 *
 * mix is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). The first factor is one number a stream: kernels
 * take key = sl_hash_key(seed, stream) once and h = sl_hash(key, i) at every id. Header only; no state, no GIL. */
#ifndef SPARSELA_HASH_H
#define SPARSELA_HASH_H

#include <math.h>
#include <stdint.h>

#define SL_GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t sl_mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94D049BB133111EB);
    return v ^ (v >> 31);
}

static inline uint64_t sl_hash_key(uint64_t seed, uint64_t stream) { return sl_mix(seed + SL_GOLDEN * (stream + 1)); }

static inline uint64_t sl_hash(uint64_t key, uint64_t id) { return sl_mix(key ^ sl_mix(id + SL_GOLDEN)); }

/* in [0, k), k < 2^32 */
static inline uint64_t sl_bucket(uint64_t h, uint64_t k) { return ((h >> 32) * k) >> 32; }

static inline int sl_sign(uint64_t h) { return h & 1 ? 1 : -1; }

/* in (0, 1): of the 2^53 values the last would round to 1 */
static inline double sl_uniform(uint64_t h)
{
    const double u = ((double)(h >> 11) + 0.5) * 0x1p-53;
    return u < 1 ? u : 1 - 0x1p-53;
}

/* two independent standard normal numbers (Box and Muller 1958) */
static inline void sl_normal_pair(uint64_t h0, uint64_t h1, double *x0, double *x1)
{
    const double radius = sqrt(-2 * log(sl_uniform(h0))), angle = 6.283185307179586476925 * sl_uniform(h1);
    *x0 = radius * cos(angle);
    *x1 = radius * sin(angle);
}

#endif
