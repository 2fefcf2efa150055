/* Many linear combinations of blocks in one pass: every source is read once and every result written once.
 *
 *   sums(f, base, ld, rows, cols, r0, r1, width, stream, scratch, at)
 *     f: program over the variables (sums_kernel.h). Variable v < n_mem is the block of rows[v] x cols[v] entries at
 *     base[v], rows ld[v] entries apart; outside of it a source reads as zero and a result is dropped, so that blocks at
 *     the edge need no padding. Rows r0 .. r1 - 1 and columns 0 .. width - 1 are done. A result may lie in the memory of
 *     a source that no later step reads. stream: results go around the cache where they are aligned.
 *     scratch: (n_mem + n_temp + 1) * SUMS_TILE entries; at: n_mem + n_temp pointers.
 *   Cost: one pass over the blocks; programs of sums_generated.h keep everything in registers, others take a step table
 *   over tiles in L1. Called by bilinear.pyx.
 */

#if SL_WIDTH == 64 && defined(__AVX512F__)
#define SUMS_STREAM(p, v) _mm512_stream_si512((void *)(p), (__m512i)(v))
#define SUMS_FENCE() _mm_sfence()
#elif SL_WIDTH == 32 && defined(__AVX2__)
#define SUMS_STREAM(p, v) _mm256_stream_si256((void *)(p), (__m256i)(v))
#define SUMS_FENCE() _mm_sfence()
#elif SL_WIDTH == 16 && defined(__SSE2__)
#define SUMS_STREAM(p, v) _mm_stream_si128((void *)(p), (__m128i)(v))
#define SUMS_FENCE() _mm_sfence()
#else
#define SUMS_STREAM(p, v) vec_store(p, v)
#define SUMS_FENCE() ((void)0)
#endif

#include "sums_generated.h"

#define SUMS_EACH(expression)                                                                                          \
    for (; c + 2 * LANES <= n; c += 2 * LANES) {                                                                       \
        vec x = vec_load(X + c), y = vec_load(Y + c), x2 = vec_load(X + c + LANES), y2 = vec_load(Y + c + LANES), v;   \
        v = (expression);                                                                                              \
        x = x2, y = y2;                                                                                                \
        x2 = (expression);                                                                                             \
        vec_store(Z + c, v);                                                                                           \
        vec_store(Z + c + LANES, x2);                                                                                  \
    }                                                                                                                  \
    for (; c < n; c++) {                                                                                               \
        REAL x = X[c], y = Y[c];                                                                                       \
        Z[c] = (expression);                                                                                           \
    }                                                                                                                  \
    break;

static void SL_NAME(sums_steps)(const sl_sums *f, REAL *const *at, int64_t n)
{
    for (int32_t s = 0; s < f->n_steps; s++) {
        const int32_t *step = f->steps + 4 * s;
        REAL *Z = at[step[0]];
        const REAL *X = at[step[1]], *Y = at[step[2]];
        const REAL c0 = (REAL)f->coef[2 * s], c1 = (REAL)f->coef[2 * s + 1];
        int64_t c = 0;
        switch (step[3]) {
        case SUMS_ADD: SUMS_EACH(x + y)
        case SUMS_SUB: SUMS_EACH(x - y)
        case SUMS_NEGATE: SUMS_EACH(-x - y)
        case SUMS_COPY: SUMS_EACH(((void)y, x))
        case SUMS_MINUS: SUMS_EACH(((void)y, -x))
        case SUMS_AXPBY: SUMS_EACH(c0 * x + c1 * y)
        default: SUMS_EACH(((void)y, c0 * x))
        }
    }
}

void SL_NAME(sums)(const sl_sums *f, REAL *const *base, const int64_t *ld, const int64_t *rows, const int64_t *cols,
                   int64_t r0, int64_t r1, int64_t width, int stream, REAL *scratch, REAL **at)
{
    const int n = f->n_mem, all = n + f->n_temp;
    REAL *const zero = scratch + (int64_t)all * SUMS_TILE;
    memset(zero, 0, SUMS_TILE * sizeof(REAL));
    for (int v = n; v < all; v++)
        at[v] = scratch + (int64_t)v * SUMS_TILE;
    /* Cut where some block ends: inside a rectangle every block is there or is not. */
    for (int64_t r = r0, below; r < r1; r = below) {
        below = r1;
        for (int v = 0; v < n; v++)
            if (rows[v] > r && rows[v] < below)
                below = rows[v];
        for (int64_t c = 0, right; c < width; c = right) {
            right = width;
            int whole = 1;
            for (int v = 0; v < n; v++) {
                if (cols[v] > c && cols[v] < right)
                    right = cols[v];
                whole &= rows[v] > r && cols[v] > c;
            }
            const int64_t tile = whole && f->kernel >= 0 ? right - c : SUMS_TILE;
            for (int64_t i = r; i < below; i++)
                for (int64_t j = c; j < right; j += tile) {
                    for (int v = 0; v < n; v++)
                        at[v] = rows[v] > r && cols[v] > c ? base[v] + i * ld[v] + j
                                : v < f->n_in              ? zero
                                                           : scratch + (int64_t)v * SUMS_TILE;
                    const int64_t length = right - j < tile ? right - j : tile;
                    if (f->kernel < 0)
                        SL_NAME(sums_steps)(f, at, length);
                    else
                        SL_NAME(sums_generated)(f->kernel, at, f->n_in, n, length, stream);
                }
        }
    }
    if (stream)
        SUMS_FENCE();
}

#undef SUMS_EACH
#undef SUMS_STREAM
#undef SUMS_FENCE
