/* Sums over the signals that use an atom. Included by atoms_kernel.c once for each element type. */
#include "simd.h"

double SL_NAME(atoms_gather)(
    const void *M_, int m, const int32_t *rows, const int64_t *pos, const void *data_, int n, void *g_)
{
    const REAL *M = M_, *data = data_;
    REAL *g = g_;
    double energy = 0;
    int i = 0;
    for (int r = 0; r < n; r++)
        energy += (double)data[pos[r]] * data[pos[r]];
    for (; i + 8 * LANES <= m; i += 8 * LANES) { /* a strip of g stays in registers while the rows pass by */
        vec v0 = vec_set1(0), v1 = v0, v2 = v0, v3 = v0, v4 = v0, v5 = v0, v6 = v0, v7 = v0;
        for (int r = 0; r < n; r++) {
            const REAL *x = M + (size_t)rows[r] * m + i;
            const REAL c = data[pos[r]];
            v0 += c * vec_load(x), v1 += c * vec_load(x + LANES);
            v2 += c * vec_load(x + 2 * LANES), v3 += c * vec_load(x + 3 * LANES);
            v4 += c * vec_load(x + 4 * LANES), v5 += c * vec_load(x + 5 * LANES);
            v6 += c * vec_load(x + 6 * LANES), v7 += c * vec_load(x + 7 * LANES);
        }
        vec_store(g + i, v0), vec_store(g + i + LANES, v1), vec_store(g + i + 2 * LANES, v2);
        vec_store(g + i + 3 * LANES, v3), vec_store(g + i + 4 * LANES, v4), vec_store(g + i + 5 * LANES, v5);
        vec_store(g + i + 6 * LANES, v6), vec_store(g + i + 7 * LANES, v7);
    }
    for (; i + LANES <= m; i += LANES) {
        vec v = vec_set1(0);
        for (int r = 0; r < n; r++)
            v += data[pos[r]] * vec_load(M + (size_t)rows[r] * m + i);
        vec_store(g + i, v);
    }
    for (; i < m; i++) {
        REAL s = 0;
        for (int r = 0; r < n; r++)
            s += data[pos[r]] * M[(size_t)rows[r] * m + i];
        g[i] = s;
    }
    return energy;
}

void SL_NAME(atoms_apply)(
    void *M_, int m, const int32_t *rows, const int64_t *pos, void *data_, int n, const void *d_, const void *d_new_,
    double cosine)
{
    REAL *data = data_;
    const REAL *d = d_, *d_new = d_new_;
    for (int r = 0; r < n; r++) {
        REAL *x = (REAL *)M_ + (size_t)rows[r] * m;
        const REAL c = data[pos[r]];
        vec s0 = vec_set1(0), s1 = vec_set1(0);
        int i = 0;
        for (; i + 2 * LANES <= m; i += 2 * LANES) {
            s0 += vec_load(x + i) * vec_load(d_new + i);
            s1 += vec_load(x + i + LANES) * vec_load(d_new + i + LANES);
        }
        REAL s = vec_hsum(s0 + s1);
        for (; i < m; i++)
            s += x[i] * d_new[i];
        const REAL c_new = s + c * (REAL)cosine;
        data[pos[r]] = c_new;
        for (i = 0; i + LANES <= m; i += LANES)
            vec_store(x + i, vec_load(x + i) + (c * vec_load(d + i) - c_new * vec_load(d_new + i)));
        for (; i < m; i++)
            x[i] += c * d[i] - c_new * d_new[i];
    }
}
