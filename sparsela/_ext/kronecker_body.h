/* The passes of a chain. Included by kronecker_kernel.c once for each element type.
 *
 * The number of vectors V of a panel row, and the sides of small blocks, are constants in each inlined call. Sums are
 * held in named vectors; a block's coefficients are broadcast once for all columns of the panel. */
#include "simd.h"

void SL_NAME(spmm_rows)(const struct spmm_problem *, int, int); /* of this width, from spmm_kernel.c */

#define SL_INLINE static inline __attribute__((always_inline))

/* Where the values of the block of row `r` (its digit being 0) begin. */
SL_INLINE const REAL *SL_NAME(block_of)(const struct block *f, ptrdiff_t r)
{
    return (const REAL *)f->values + (r / (2 * f->d) * f->d + r % f->d) * 4;
}

/* Two factors of 2 x 2 blocks: rows r0, r1 (and r2, r3) differ in the digit of the first, r0, r2 in the second's. */
SL_INLINE void SL_NAME(pair)(const int V, const struct pass *p, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd,
                             REAL alpha)
{
    const struct block *f = &p->first, *g = &p->second;
    const ptrdiff_t low = f->d < g->d ? f->d : g->d, high = f->d < g->d ? g->d : f->d;
    for (ptrdiff_t outer = 0; outer < p->rows; outer += 2 * high)
        for (ptrdiff_t middle = outer; middle < outer + high; middle += 2 * low)
            for (ptrdiff_t r = middle; r < middle + low; r++) {
                const REAL *f0 = SL_NAME(block_of)(f, r), *f1 = SL_NAME(block_of)(f, r + g->d);
                const REAL *g0 = SL_NAME(block_of)(g, r), *g1 = SL_NAME(block_of)(g, r + f->d);
#define F(q, k, l) const vec f##q##k##l = vec_set1(f##q[k * f->sk + l * f->sl])
#define G(q, k, l) const vec g##q##k##l = vec_set1(alpha * g##q[k * g->sk + l * g->sl])
                F(0, 0, 0); F(0, 0, 1); F(0, 1, 0); F(0, 1, 1); F(1, 0, 0); F(1, 0, 1); F(1, 1, 0); F(1, 1, 1);
                G(0, 0, 0); G(0, 0, 1); G(0, 1, 0); G(0, 1, 1); G(1, 0, 0); G(1, 0, 1); G(1, 1, 0); G(1, 1, 1);
#undef F
#undef G
                const REAL *x = X + r * lds;
                REAL *z = Z + r * ldd;
                for (int v = 0; v < V; v++, x += LANES, z += LANES) {
                    const vec x0 = vec_load(x), x1 = vec_load(x + f->d * lds);
                    const vec x2 = vec_load(x + g->d * lds), x3 = vec_load(x + (f->d + g->d) * lds);
                    const vec y0 = f000 * x0 + f001 * x1, y1 = f010 * x0 + f011 * x1;
                    const vec y2 = f100 * x2 + f101 * x3, y3 = f110 * x2 + f111 * x3;
                    vec_store(z, g000 * y0 + g001 * y2);
                    vec_store(z + f->d * ldd, g100 * y1 + g101 * y3);
                    vec_store(z + g->d * ldd, g010 * y0 + g011 * y2);
                    vec_store(z + (f->d + g->d) * ldd, g110 * y1 + g111 * y3);
                }
            }
}

/* One row of V vectors: sum over n terms of coefficient w[e * sw] times row at x + e * step, for V <= 4. */
#define ROW_SUM(n, COEFFICIENT, SOURCE)                                                                                \
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                                                        \
    for (ptrdiff_t e = 0; e < (n); e++) {                                                                              \
        const vec times = vec_set1(COEFFICIENT);                                                                       \
        const REAL *from = (SOURCE);                                                                                   \
        s0 += times * vec_load(from);                                                                                  \
        if (V > 1)                                                                                                     \
            s1 += times * vec_load(from + LANES);                                                                      \
        if (V > 2) {                                                                                                   \
            s2 += times * vec_load(from + 2 * LANES);                                                                  \
            s3 += times * vec_load(from + 3 * LANES);                                                                  \
        }                                                                                                              \
    }
#define ROW_STORE(z)                                                                                                   \
    vec_store(z, scale * s0);                                                                                          \
    if (V > 1)                                                                                                         \
        vec_store((z) + LANES, scale * s1);                                                                            \
    if (V > 2) {                                                                                                       \
        vec_store((z) + 2 * LANES, scale * s2);                                                                        \
        vec_store((z) + 3 * LANES, scale * s3);                                                                        \
    }

SL_INLINE void SL_NAME(two_by_two)(const int V, const struct pass *p, const REAL *X, ptrdiff_t lds, REAL *Z,
                                   ptrdiff_t ldd, REAL alpha)
{
    const struct block *f = &p->first;
    const ptrdiff_t d = f->d;
    for (ptrdiff_t outer = 0; outer < p->rows; outer += 2 * d)
        for (ptrdiff_t r = outer; r < outer + d; r++) {
            const REAL *f0 = SL_NAME(block_of)(f, r);
            const vec c00 = vec_set1(alpha * f0[0]), c01 = vec_set1(alpha * f0[f->sl]);
            const vec c10 = vec_set1(alpha * f0[f->sk]), c11 = vec_set1(alpha * f0[f->sk + f->sl]);
            const REAL *x = X + r * lds;
            REAL *z = Z + r * ldd;
            for (int v = 0; v < V; v++, x += LANES, z += LANES) {
                const vec x0 = vec_load(x), x1 = vec_load(x + d * lds);
                vec_store(z, c00 * x0 + c01 * x1);
                vec_store(z + d * ldd, c10 * x0 + c11 * x1);
            }
        }
}

SL_INLINE void SL_NAME(blocks)(const int V, const ptrdiff_t b, const ptrdiff_t c, const struct pass *p, const REAL *X,
                               ptrdiff_t lds, REAL *Z, ptrdiff_t ldd, REAL alpha)
{
    const struct block *f = &p->first;
    const REAL *w = f->values;
    const vec scale = vec_set1(alpha);
    for (ptrdiff_t i = 0; i < f->a; i++)
        for (ptrdiff_t j = 0; j < f->d; j++, w += b * c) {
            const REAL *x = X + (i * c * f->d + j) * lds;
            REAL *z = Z + (i * b * f->d + j) * ldd;
            for (ptrdiff_t k = 0; k < b; k++) {
                ROW_SUM(c, w[k * f->sk + e * f->sl], x + e * f->d * lds)
                ROW_STORE(z + k * f->d * ldd)
            }
        }
}

/* CSR, by the shared kernel; `width` columns. */
static void SL_NAME(sparse)(const struct pass *p, ptrdiff_t width, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd,
                            REAL alpha)
{
    const struct spmm_problem pb = {.indptr = p->indptr, .indices = p->indices, .perm = p->perm, .data = p->data,
                                    .X = X, .Z = Z, .ldx = lds, .ldz = ldd, .width = width};
    SL_NAME(spmm_rows)(&pb, 0, (int)p->rows);
    if (alpha != 1)
        for (ptrdiff_t i = 0; i < p->rows; i++)
            for (ptrdiff_t l = 0; l < width; l++)
                Z[i * ldd + l] *= alpha;
}

SL_INLINE void SL_NAME(rows)(const int V, const struct pass *p, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd,
                             REAL alpha)
{
    const REAL *data = p->data;
    for (ptrdiff_t i = 0; i < p->rows; i++) {
        const REAL *x = X + (p->kind == PASS_PERMUTE ? p->index[i] : i) * lds;
        const vec w = vec_set1(p->kind == PASS_PERMUTE ? alpha : alpha * data[i]);
        for (int v = 0; v < V; v++)
            vec_store(Z + i * ldd + v * LANES, w * vec_load(x + v * LANES));
    }
}

SL_INLINE void SL_NAME(pass_of)(const int V, const struct pass *p, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd,
                                REAL alpha)
{
    switch (p->kind) {
    case PASS_PAIR:
        SL_NAME(pair)(V, p, X, lds, Z, ldd, alpha);
        break;
    case PASS_BLOCK:
        if (p->first.b == 2 && p->first.c == 2)
            SL_NAME(two_by_two)(V, p, X, lds, Z, ldd, alpha);
        else if (p->first.b == 4 && p->first.c == 4)
            SL_NAME(blocks)(V, 4, 4, p, X, lds, Z, ldd, alpha);
        else
            SL_NAME(blocks)(V, p->first.b, p->first.c, p, X, lds, Z, ldd, alpha);
        break;
    case PASS_SPARSE:
        SL_NAME(sparse)(p, V * LANES, X, lds, Z, ldd, alpha);
        break;
    default:
        SL_NAME(rows)(V, p, X, lds, Z, ldd, alpha);
    }
}

void SL_NAME(chain_pass)(const struct pass *p, int vectors, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd,
                         REAL alpha)
{
    if (vectors == 1)
        SL_NAME(pass_of)(1, p, X, lds, Z, ldd, alpha);
    else if (vectors == 2)
        SL_NAME(pass_of)(2, p, X, lds, Z, ldd, alpha);
    else
        SL_NAME(pass_of)(4, p, X, lds, Z, ldd, alpha);
}

/* One column. A pair is two passes of its own: there is no row to keep in a register, and the column is in cache. */
SL_INLINE void SL_NAME(column)(const struct block *f, const REAL *x, REAL *z, REAL alpha)
{
    const ptrdiff_t d = f->d, sk = f->sk, sl = f->sl;
    const REAL *w = f->values;
    for (ptrdiff_t i = 0; i < f->a; i++)
        for (ptrdiff_t j = 0; j < d; j++, w += f->b * f->c) {
            const REAL *from = x + i * f->c * d + j;
            REAL *to = z + i * f->b * d + j;
            if (f->b == 2 && f->c == 2) {
                const REAL x0 = from[0], x1 = from[d];
                to[0] = alpha * (w[0] * x0 + w[sl] * x1);
                to[d] = alpha * (w[sk] * x0 + w[sk + sl] * x1);
                continue;
            }
            for (ptrdiff_t k = 0; k < f->b; k++) {
                REAL s = 0;
                for (ptrdiff_t l = 0; l < f->c; l++)
                    s += w[k * sk + l * sl] * from[l * d];
                to[k * d] = alpha * s;
            }
        }
}

void SL_NAME(chain_matvec)(const struct pass *p, const REAL *x, REAL *z, REAL alpha)
{
    const REAL *data = p->data;
    switch (p->kind) {
    case PASS_PAIR:
        SL_NAME(column)(&p->first, x, z, 1);
        SL_NAME(column)(&p->second, z, z, alpha);
        break;
    case PASS_BLOCK:
        SL_NAME(column)(&p->first, x, z, alpha);
        break;
    case PASS_SPARSE:
        SL_NAME(sparse)(p, 1, x, 1, z, 1, alpha);
        break;
    case PASS_DIAGONAL:
        for (ptrdiff_t i = 0; i < p->rows; i++)
            z[i] = alpha * data[i] * x[i];
        break;
    default:
        for (ptrdiff_t i = 0; i < p->rows; i++)
            z[i] = alpha * x[p->index[i]];
    }
}
#undef ROW_SUM
#undef ROW_STORE
#undef SL_INLINE
