/* The passes of a chain of complex factors. Included by kronecker_kernel.c after kronecker_body.h, once for each type.
 *
 * A row of a panel is V vectors of real parts and then V of imaginary ones, V 1 or 2: a complex coefficient is then four
 * real multiply-adds of whole vectors, without a shuffle. Values are (real, imaginary) pairs. X and Z are apart, or the
 * same for blocks of 2 x 2, diagonals (pass_in_place). */
#define SL_INLINE static inline __attribute__((always_inline))

/* One row: the sum over n terms of a complex coefficient at w times the row at `from`. */
#define COMPLEX_SUM(n, COEFFICIENT, SOURCE)                                                                            \
    vec r0 = {0}, r1 = {0}, i0 = {0}, i1 = {0};                                                                        \
    for (ptrdiff_t e = 0; e < (n); e++) {                                                                              \
        const REAL *coefficient = (COEFFICIENT), *from = (SOURCE);                                                     \
        const vec re = vec_set1(coefficient[0]), im = vec_set1(coefficient[1]);                                        \
        const vec x = vec_load(from), y = vec_load(from + V * LANES);                                                  \
        r0 += re * x - im * y;                                                                                         \
        i0 += re * y + im * x;                                                                                         \
        if (V > 1) {                                                                                                   \
            const vec x1 = vec_load(from + LANES), y1 = vec_load(from + 3 * LANES);                                    \
            r1 += re * x1 - im * y1;                                                                                   \
            i1 += re * y1 + im * x1;                                                                                   \
        }                                                                                                              \
    }
#define COMPLEX_STORE(z)                                                                                               \
    vec_store(z, r0);                                                                                                  \
    vec_store((z) + V * LANES, i0);                                                                                    \
    if (V > 1) {                                                                                                       \
        vec_store((z) + LANES, r1);                                                                                    \
        vec_store((z) + 3 * LANES, i1);                                                                                \
    }

SL_INLINE void SL_NAME(complex_two_by_two)(const int V, const struct pass *p, const REAL *X, REAL *Z)
{
    const struct block *f = &p->first;
    const ptrdiff_t ld = 2 * V * LANES, d = f->d;
    for (ptrdiff_t outer = 0; outer < p->rows; outer += 2 * d)
        for (ptrdiff_t r = outer; r < outer + d; r++) {
            const REAL *w = (const REAL *)f->values + (r / (2 * d) * d + r % d) * 8;
#define AT(k, l) 2 * (k * f->sk + l * f->sl)
#define C(k, l) const vec a##k##l = vec_set1(w[AT(k, l)]), b##k##l = vec_set1(w[AT(k, l) + 1])
            C(0, 0); C(0, 1); C(1, 0); C(1, 1);
#undef C
#undef AT
            for (int v = 0; v < V; v++) {
                const REAL *x = X + r * ld + v * LANES;
                REAL *z = Z + r * ld + v * LANES;
                const vec x0 = vec_load(x), y0 = vec_load(x + V * LANES);
                const vec x1 = vec_load(x + d * ld), y1 = vec_load(x + d * ld + V * LANES);
                vec_store(z, a00 * x0 - b00 * y0 + a01 * x1 - b01 * y1);
                vec_store(z + V * LANES, a00 * y0 + b00 * x0 + a01 * y1 + b01 * x1);
                vec_store(z + d * ld, a10 * x0 - b10 * y0 + a11 * x1 - b11 * y1);
                vec_store(z + d * ld + V * LANES, a10 * y0 + b10 * x0 + a11 * y1 + b11 * x1);
            }
        }
}

SL_INLINE void SL_NAME(complex_blocks)(const int V, const struct pass *p, const REAL *X, REAL *Z)
{
    const struct block *f = &p->first;
    const ptrdiff_t ld = 2 * V * LANES;
    const REAL *w = f->values;
    for (ptrdiff_t i = 0; i < f->a; i++)
        for (ptrdiff_t j = 0; j < f->d; j++, w += 2 * f->b * f->c)
            for (ptrdiff_t k = 0; k < f->b; k++) {
                COMPLEX_SUM(f->c, w + 2 * (k * f->sk + e * f->sl), X + ((i * f->c + e) * f->d + j) * ld)
                COMPLEX_STORE(Z + ((i * f->b + k) * f->d + j) * ld)
            }
}

SL_INLINE void SL_NAME(complex_sparse)(const int V, const struct pass *p, const REAL *X, REAL *Z)
{
    const ptrdiff_t ld = 2 * V * LANES;
    const REAL *data = p->data;
    for (ptrdiff_t i = 0; i < p->rows; i++) {
        const int32_t first = p->indptr[i], n = p->indptr[i + 1] - first;
        COMPLEX_SUM(n, data + 2 * (ptrdiff_t)(p->perm ? p->perm[first + e] : first + e), X + p->indices[first + e] * ld)
        COMPLEX_STORE(Z + i * ld)
    }
}

SL_INLINE void SL_NAME(complex_rows)(const int V, const struct pass *p, const REAL *X, REAL *Z)
{
    const ptrdiff_t ld = 2 * V * LANES;
    for (ptrdiff_t i = 0; i < p->rows; i++) {
        if (p->kind == PASS_PERMUTE) {
            memcpy(Z + i * ld, X + p->index[i] * ld, ld * sizeof(REAL));
            continue;
        }
        COMPLEX_SUM(1, (const REAL *)p->data + 2 * (i + e), X + i * ld)
        COMPLEX_STORE(Z + i * ld)
    }
}

SL_INLINE void SL_NAME(complex_pass_of)(const int V, const struct pass *p, const REAL *X, REAL *Z)
{
    if (p->kind == PASS_BLOCK && p->first.b == 2 && p->first.c == 2)
        SL_NAME(complex_two_by_two)(V, p, X, Z);
    else if (p->kind == PASS_BLOCK)
        SL_NAME(complex_blocks)(V, p, X, Z);
    else if (p->kind == PASS_SPARSE)
        SL_NAME(complex_sparse)(V, p, X, Z);
    else
        SL_NAME(complex_rows)(V, p, X, Z);
}

void SL_NAME(chain_complex)(const struct pass *p, int vectors, const REAL *X, REAL *Z)
{
    if (vectors == 1)
        SL_NAME(complex_pass_of)(1, p, X, Z);
    else
        SL_NAME(complex_pass_of)(2, p, X, Z);
}
#undef COMPLEX_SUM
#undef COMPLEX_STORE
#undef SL_INLINE
