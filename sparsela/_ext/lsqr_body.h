/* A block of rows for one right-hand side. Included by lsqr_kernel.c once for each element type. */
#include "simd.h"

#define AHEAD (512 / (int)sizeof(REAL)) /* numbers: a stream this far ahead is asked for, memory being slower than sums */

static inline __attribute__((always_inline)) REAL SL_NAME(lsqr_dot)(const REAL *a, const REAL *y, int64_t n)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    int64_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        for (int l = 0; l < 4 * LANES; l += 64 / (int)sizeof(REAL))
            __builtin_prefetch(a + j + l + AHEAD);
        s0 += vec_load(a + j) * vec_load(y + j);
        s1 += vec_load(a + j + LANES) * vec_load(y + j + LANES);
        s2 += vec_load(a + j + 2 * LANES) * vec_load(y + j + 2 * LANES);
        s3 += vec_load(a + j + 3 * LANES) * vec_load(y + j + 3 * LANES);
    }
    for (; j + LANES <= n; j += LANES)
        s0 += vec_load(a + j) * vec_load(y + j);
    REAL s = vec_hsum((s0 + s1) + (s2 + s3));
    for (; j < n; j++)
        s += a[j] * y[j];
    return s;
}

/* u <- rows . y - c u, one row after another as they lie in memory; then w += rows' u for four that are in cache */
void SL_NAME(lsqr_rows)(const REAL *C, ptrdiff_t ld, int64_t n, int64_t rows, const REAL *y, REAL c, REAL *u, REAL *w)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const REAL *a0 = C + i * ld, *a1 = a0 + ld, *a2 = a1 + ld, *a3 = a2 + ld;
        for (int64_t l = i; l < i + 4; l++)
            u[l] = SL_NAME(lsqr_dot)(C + l * ld, y, n) - c * u[l];
        const REAL u0 = u[i], u1 = u[i + 1], u2 = u[i + 2], u3 = u[i + 3];
        const vec v0 = vec_set1(u0), v1 = vec_set1(u1), v2 = vec_set1(u2), v3 = vec_set1(u3);
        int64_t j = 0;
        for (; j + LANES <= n; j += LANES)
            vec_store(w + j, vec_load(w + j) + ((vec_load(a0 + j) * v0 + vec_load(a1 + j) * v1)
                                                + (vec_load(a2 + j) * v2 + vec_load(a3 + j) * v3)));
        for (; j < n; j++)
            w[j] += (a0[j] * u0 + a1[j] * u1) + (a2[j] * u2 + a3[j] * u3);
    }
    for (; i < rows; i++) {
        const REAL *a = C + i * ld;
        const REAL s = u[i] = SL_NAME(lsqr_dot)(a, y, n) - c * u[i];
        for (int64_t j = 0; j < n; j++)
            w[j] += a[j] * s;
    }
}

#undef AHEAD
