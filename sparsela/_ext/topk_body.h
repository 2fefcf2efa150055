/* Selection of the k entries of a row that are largest in magnitude.
 * Included by topk_kernel.c once for each element type (REAL, TAG). */
#include "simd.h"

#ifndef SPARSELA_TOPK_PUSH
#define SPARSELA_TOPK_PUSH
/* AVX-512 compacts a vector in one instruction; the others lane by lane, without branches. */
#if SL_WIDTH == 64 && defined(__AVX512DQ__)
#define PUSH_f64(v, x, m)                                                                                              \
    (_mm512_storeu_pd(v, _mm512_maskz_compress_pd(_mm512_movepi64_mask((__m512i)(m)), (__m512d)(x))),                  \
     __builtin_popcount(_mm512_movepi64_mask((__m512i)(m))))
#define PUSH_f32(v, x, m)                                                                                              \
    (_mm512_storeu_ps(v, _mm512_maskz_compress_ps(_mm512_movepi32_mask((__m512i)(m)), (__m512)(x))),                   \
     __builtin_popcount(_mm512_movepi32_mask((__m512i)(m))))
#endif
#endif

enum { SL_NAME(SMALL) = 24, SL_NAME(SAMPLE) = 256 };

/* |a|, NaN as infinity */
static inline __attribute__((always_inline)) vec SL_NAME(sizes)(const REAL *a)
{
    vec v = vec_load(a);
    return vec_blend(vec_set1(INFINITY), vec_abs(v), v == v);
}

static inline __attribute__((always_inline)) REAL SL_NAME(size)(REAL a)
{
    return a != a ? (REAL)INFINITY : a < 0 ? -a : a;
}

/* Append the lanes of x where mask is set to v; returns how many. Writes LANES numbers whatever it keeps, so that a
 * compaction in place may do it (it has read that far). */
static inline __attribute__((always_inline)) int SL_NAME(push)(REAL *v, vec x, ivec mask)
{
#ifdef PUSH_f64
    return SL_CAT(PUSH_, TAG)(v, x, mask);
#else
    int kept = 0;
    for (int l = 0; l < LANES; l++)
        v[kept] = x[l], kept -= (int)mask[l];
    return kept;
#endif
}

static void SL_NAME(sort_descending)(REAL *v, int n)
{
    for (int i = 1; i < n; i++) {
        REAL x = v[i];
        int j = i;
        for (; j > 0 && v[j - 1] < x; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* Number of v > hi, >= hi, > lo, >= lo. */
static inline void SL_NAME(count)(const REAL *v, int64_t n, REAL lo, REAL hi, int64_t counts[4])
{
    const vec low = vec_set1(lo), high = vec_set1(hi);
    int64_t i = 0;
    counts[0] = counts[1] = counts[2] = counts[3] = 0;
    while (n - i >= LANES) {
        /* a lane of 32 bits counts to 2^31: a stretch at a time */
        const int64_t stop = n - i > ((int64_t)1 << 30) ? i + ((int64_t)1 << 30) : n;
        ivec c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
        for (; i + LANES <= stop; i += LANES) {
            vec x = vec_load(v + i);
            c0 -= x > high, c1 -= x >= high, c2 -= x > low, c3 -= x >= low;
        }
        for (int l = 0; l < LANES; l++)
            counts[0] += c0[l], counts[1] += c1[l], counts[2] += c2[l], counts[3] += c3[l];
    }
    for (; i < n; i++)
        counts[0] += v[i] > hi, counts[1] += v[i] >= hi, counts[2] += v[i] > lo, counts[3] += v[i] >= lo;
}

/* Compact v to its entries with lo < v < hi, or lo < v <= infinity; returns how many. */
static inline int64_t SL_NAME(keep_between)(REAL *v, int64_t n, REAL lo, REAL hi, int to_infinity)
{
    const ivec all = (ivec){0} - to_infinity;
    int64_t kept = 0, i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec x = vec_load(v + i);
        kept += SL_NAME(push)(v + kept, x, (x > vec_set1(lo)) & ((x < vec_set1(hi)) | all));
    }
    for (; i < n; i++) {
        const REAL x = v[i];
        v[kept] = x, kept += (x > lo) & ((x < hi) | to_infinity);
    }
    return kept;
}

/* The k-th largest of v (n), 1 <= k <= n, and how many of its equals are among the k. v is overwritten.
 * Each round drops at least the pivots. */
static REAL SL_NAME(select)(REAL *v, int64_t n, int64_t k, int64_t *ties)
{
    REAL sample[SL_NAME(SAMPLE)];
    uint64_t state = 1;
    while (n > SL_NAME(SMALL)) {
        /* two pivots, one standard deviation either side of where the k-th largest should be (1.5 measured slower) */
        int s = 8;
        while (s < SL_NAME(SAMPLE) && (int64_t)s * s * 4 < n)
            s *= 2;
        for (int i = 0; i < s; i++) { /* positions that no structure of the input can foresee */
            state = state * 6364136223846793005u + 1442695040888963407u;
            sample[i] = v[(int64_t)(state >> 16) % n];
        }
        SL_NAME(sort_descending)(sample, s);
        const double q = ((double)k - 0.5) / (double)n, margin = 0.5 + sqrt(s * q * (1 - q));
        const int rank_hi = (int)floor(s * q - margin), rank_lo = (int)ceil(s * q + margin);
        const REAL hi = sample[rank_hi < 0 ? 0 : rank_hi], lo = sample[rank_lo >= s ? s - 1 : rank_lo];
        int64_t c[4];
        SL_NAME(count)(v, n, lo, hi, c);
        if (k <= c[0]) {
            n = SL_NAME(keep_between)(v, n, hi, INFINITY, 1);
        } else if (k <= c[1]) {
            return *ties = k - c[0], hi;
        } else if (k <= c[2]) {
            n = SL_NAME(keep_between)(v, n, lo, hi, 0);
            k -= c[1];
        } else if (k <= c[3]) {
            return *ties = k - c[2], lo;
        } else {
            n = SL_NAME(keep_between)(v, n, -1, lo, 0);
            k -= c[3];
        }
    }
    SL_NAME(sort_descending)(v, (int)n);
    for (*ties = 1; *ties < k && v[k - 1 - *ties] == v[k - 1]; ++*ties)
        ;
    return v[k - 1];
}

/* A value that at least k of the |a_i| reach: the k-th largest of the maxima of groups i mod `groups`. */
static REAL SL_NAME(lower_bound)(const REAL *a, int64_t n, int64_t k, int64_t groups, REAL *work)
{
    REAL *maxima = work, *copy = work + groups;
    for (int64_t g = 0; g < groups; g += LANES)
        vec_store(maxima + g, SL_NAME(sizes)(a + g));
    int64_t start = groups;
    for (; start + groups <= n; start += groups)
        for (int64_t g = 0; g < groups; g += LANES)
            vec_store(maxima + g, vec_max(vec_load(maxima + g), SL_NAME(sizes)(a + start + g)));
    for (int64_t i = start; i < n; i++) {
        const REAL x = SL_NAME(size)(a[i]);
        maxima[i - start] = x > maxima[i - start] ? x : maxima[i - start];
    }
    memcpy(copy, maxima, sizeof(REAL) * groups);
    int64_t ties;
    return SL_NAME(select)(copy, groups, k, &ties);
}

/* The |a_i| >= bound, into v; returns how many. */
static int64_t SL_NAME(gather)(const REAL *a, int64_t n, REAL bound, REAL *v)
{
    int64_t kept = 0, i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec x = SL_NAME(sizes)(a + i);
        const ivec hit = x >= vec_set1(bound);
        if (vec_any(hit))
            kept += SL_NAME(push)(v + kept, x, hit);
    }
    for (; i < n; i++) {
        v[kept] = SL_NAME(size)(a[i]);
        kept += v[kept] >= bound;
    }
    return kept;
}

void SL_NAME(topk_row)(const REAL *a, int64_t n, int64_t k, REAL *work, int64_t *idx, REAL *val)
{
    if (k == 0)
        return;
    const int64_t groups = topk_groups(n, k);
    const REAL bound = groups ? SL_NAME(lower_bound)(a, n, k, groups, work) : 0;
    const int64_t n_left = SL_NAME(gather)(a, n, bound, work);
    int64_t ties, kept = 0;
    const REAL t = SL_NAME(select)(work, n_left, k, &ties);
    for (int64_t i = 0; kept < k; i += LANES) { /* stops at the k-th, before the row ends */
        const int64_t stop = n - i < LANES ? n : i + LANES;
        if (stop == i + LANES && !vec_any(SL_NAME(sizes)(a + i) >= vec_set1(t)))
            continue;
        for (int64_t j = i; j < stop && kept < k; j++) {
            const REAL x = SL_NAME(size)(a[j]);
            idx[kept] = j, val[kept] = a[j];
            kept += (x > t) | ((x == t) & (ties > 0));
            ties -= x == t;
        }
    }
}
