/* Passes over the rows of a factor that one row of a sparse matrix sees, for one type at one width.
 *   V (n, ld) C order, its columns beyond k zero, ld a multiple of 64 bytes; idx (nnz) rows of V, b (nnz) values.
 *   als_dots: t_e = v_e . d.  als_gather: g = start - shift u + sum_e r_e v_e.
 *   als_cg: `steps` steps of conjugate gradients on (V' V + lambda) u = V' b from the u given, V the rows of idx; one pass
 *   over them a step, 4 nnz ld flops, no k x k matrix. work: 3 ld. A zero residual or a direction without curvature ends it. */

static inline REAL SL_NAME(als_dot)(const REAL *restrict x, const REAL *restrict y, int ld)
{
    REAL sum = 0;
    for (int c = 0; c < ld; c++)
        sum += x[c] * y[c];
    return sum;
}

static inline void SL_NAME(als_add)(REAL *restrict y, REAL a, const REAL *restrict x, int ld)
{
    for (int c = 0; c < ld; c++)
        y[c] += a * x[c];
}

/* Four rows at a time: d and g are read once for all of them. */
static inline void SL_NAME(als_dot4)(const REAL *const v[4], const REAL *restrict d, int ld, REAL t[4])
{
    const REAL *restrict v0 = v[0], *restrict v1 = v[1], *restrict v2 = v[2], *restrict v3 = v[3];
    REAL t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    for (int c = 0; c < ld; c++) {
        t0 += v0[c] * d[c];
        t1 += v1[c] * d[c];
        t2 += v2[c] * d[c];
        t3 += v3[c] * d[c];
    }
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3;
}

static inline void SL_NAME(als_add4)(REAL *restrict g, const REAL t[4], const REAL *const v[4], int ld)
{
    const REAL *restrict v0 = v[0], *restrict v1 = v[1], *restrict v2 = v[2], *restrict v3 = v[3];
    const REAL t0 = t[0], t1 = t[1], t2 = t[2], t3 = t[3];
    for (int c = 0; c < ld; c++)
        g[c] += (t0 * v0[c] + t1 * v1[c]) + (t2 * v2[c] + t3 * v3[c]);
}

static inline void SL_NAME(als_four)(const REAL *V, int ld, const int32_t *idx, const REAL *v[4])
{
    for (int e = 0; e < 4; e++)
        v[e] = V + (int64_t)idx[e] * ld;
}

/* g += sum_e (b_e + sign v_e . d) v_e, b_e = 0 where b is NULL */
static inline void SL_NAME(als_normal)(const REAL *V, int ld, const int32_t *idx, const REAL *b, int64_t nnz, REAL sign, const REAL *d,
                                       REAL *g)
{
    const REAL *v[4];
    REAL t[4];
    int64_t e = 0;
    for (; e + 4 <= nnz; e += 4) {
        SL_NAME(als_four)(V, ld, idx + e, v);
        SL_NAME(als_dot4)(v, d, ld, t);
        for (int i = 0; i < 4; i++)
            t[i] = (b ? b[e + i] : 0) + sign * t[i];
        SL_NAME(als_add4)(g, t, v, ld);
    }
    for (; e < nnz; e++) {
        v[0] = V + (int64_t)idx[e] * ld;
        SL_NAME(als_add)(g, (b ? b[e] : 0) + sign * SL_NAME(als_dot)(v[0], d, ld), v[0], ld);
    }
}

void SL_NAME(als_dots)(const REAL *V, int ld, const int32_t *idx, int64_t nnz, const REAL *d, REAL *t)
{
    const REAL *v[4];
    int64_t e = 0;
    for (; e + 4 <= nnz; e += 4) {
        SL_NAME(als_four)(V, ld, idx + e, v);
        SL_NAME(als_dot4)(v, d, ld, t + e);
    }
    for (; e < nnz; e++)
        t[e] = SL_NAME(als_dot)(V + (int64_t)idx[e] * ld, d, ld);
}

void SL_NAME(als_gather)(const REAL *V, int ld, const int32_t *idx, int64_t nnz, const REAL *r, REAL shift, const REAL *u, REAL *g)
{
    const REAL *v[4];
    int64_t e = 0;
    for (int c = 0; c < ld; c++)
        g[c] = -shift * u[c];
    for (; e + 4 <= nnz; e += 4) {
        SL_NAME(als_four)(V, ld, idx + e, v);
        SL_NAME(als_add4)(g, r + e, v, ld);
    }
    for (; e < nnz; e++)
        SL_NAME(als_add)(g, r[e], V + (int64_t)idx[e] * ld, ld);
}

void SL_NAME(als_cg)(const REAL *V, int ld, const int32_t *idx, const REAL *b, int64_t nnz, REAL lambda, REAL *u, int steps, REAL *work)
{
    REAL *r = work, *p = work + ld, *q = work + 2 * ld;
    for (int c = 0; c < ld; c++)
        r[c] = -lambda * u[c];
    SL_NAME(als_normal)(V, ld, idx, b, nnz, -1, u, r);
    memcpy(p, r, ld * sizeof(REAL));
    REAL rs = SL_NAME(als_dot)(r, r, ld);
    for (int step = 0; step < steps && rs > 0; step++) {
        for (int c = 0; c < ld; c++)
            q[c] = lambda * p[c];
        SL_NAME(als_normal)(V, ld, idx, NULL, nnz, 1, p, q);
        const REAL curvature = SL_NAME(als_dot)(p, q, ld);
        if (!(curvature > 0))
            return;
        SL_NAME(als_add)(u, rs / curvature, p, ld);
        SL_NAME(als_add)(r, -rs / curvature, q, ld);
        const REAL next = SL_NAME(als_dot)(r, r, ld), turn = next / rs;
        for (int c = 0; c < ld; c++)
            p[c] = r[c] + turn * p[c];
        rs = next;
    }
}
