/* Orthogonal matching pursuit of many signals, one after another, on their correlations with the atoms.
 * Included by omp_kernel.c once for each element type (REAL, TAG). */
#include "simd.h"
#include "mask_body.h"

#define EPS (sizeof(REAL) == 8 ? 2.220446049250313e-16 : 1.1920929e-07)
#define MIN_PIVOT (sizeof(REAL) == 8 ? 1e-10 : 1e-5)     /* below it an atom lies in the span of those chosen */
#define DRIFT_LIMIT (sizeof(REAL) == 8 ? 1e-8 : 1e-3)    /* below this fraction of |x|^2 the running residual is noise */

/* Room for `depth` rows of V and of the triangular factor L; grown, never shrunk, by the thread that owns it. */
static int SL_NAME(reserve)(struct omp_workspace *ws, int depth, int ld)
{
    if (depth <= ws->depth && ld == ws->ld)
        return 0;
    int room = ws->depth ? ws->depth : 16;
    while (room < depth)
        room *= 2;
    void *V = NULL, *L = NULL, *beta = NULL, *c = NULL, *chosen = NULL, *delta = NULL;
    if (posix_memalign(&V, 64, sizeof(REAL) * room * ld) || posix_memalign(&L, 64, sizeof(REAL) * room * room)
        || posix_memalign(&beta, 64, sizeof(REAL) * room) || posix_memalign(&c, 64, sizeof(REAL) * room)
        || posix_memalign(&chosen, 64, sizeof(int32_t) * room) || posix_memalign(&delta, 64, sizeof(REAL) * ld)) {
        free(V), free(L), free(beta), free(c), free(chosen), free(delta);
        return -1;
    }
    if (ws->depth) { /* in the middle of a signal: keep what it has */
        memcpy(V, ws->V, sizeof(REAL) * ws->depth * ld);
        for (int j = 0; j < ws->depth; j++)
            memcpy((REAL *)L + (size_t)j * room, (REAL *)ws->L + (size_t)j * ws->depth, sizeof(REAL) * ws->depth);
        memcpy(beta, ws->beta, sizeof(REAL) * ws->depth);
        memcpy(chosen, ws->chosen, sizeof(int32_t) * ws->depth);
        memcpy(delta, ws->delta, sizeof(REAL) * ld);
    }
    free(ws->V), free(ws->L), free(ws->beta), free(ws->c), free(ws->chosen), free(ws->delta);
    ws->V = V, ws->L = L, ws->beta = beta, ws->c = c, ws->chosen = chosen, ws->delta = delta;
    ws->depth = room, ws->ld = ld;
    return 0;
}

/* What a pass over the atoms looks for. OMP: max |a|. ORMP: argmax a_i^2 / delta_i, by cross-multiplication (a division a
 * lane costs more than the whole update), the first atom of each lane on ties. */
struct SL_NAME(leader) {
    vec top, bottom, where, at;
};

static inline __attribute__((always_inline)) struct SL_NAME(leader) SL_NAME(no_leader)(void)
{
    struct SL_NAME(leader) best = {vec_set1(0), vec_set1(1), vec_set1(-1), vec_set1(0)};
    for (int l = 0; l < LANES; l++)
        best.at[l] = (REAL)l; /* indices as REAL: exact in float32 up to 2^24 atoms, whose Gram no memory holds */
    return best;
}

static inline __attribute__((always_inline)) void SL_NAME(contend)(
    struct SL_NAME(leader) *best, vec a, vec delta, const int ormp)
{
    if (!ormp) {
        best->top = vec_max(best->top, vec_abs(a));
        return;
    }
    const vec x = a * a;
    const ivec better = x * best->bottom > best->top * delta;
    best->top = vec_blend(best->top, x, better);
    best->bottom = vec_blend(best->bottom, delta, better);
    best->where = vec_blend(best->where, best->at, better);
    best->at += (REAL)LANES;
}

/* OMP: max |a|, to be found again. ORMP: the winner, the lowest index on ties; -1 where every score is zero. */
static inline __attribute__((always_inline)) REAL SL_NAME(lead)(const struct SL_NAME(leader) *best, const int ormp)
{
    if (!ormp)
        return vec_hmax(best->top);
    const vec score = best->top / best->bottom;
    const REAL largest = vec_hmax(score);
    if (!(largest > 0))
        return -1;
    return -vec_hmax(-vec_blend(vec_set1(INFINITY), best->where, score == vec_set1(largest)));
}

/* ORMP: what is left of an atom's norm outside the span, minus v^2; an atom in the span drops out of the race. */
static inline __attribute__((always_inline)) vec SL_NAME(lowered)(REAL *delta, vec v)
{
    vec d = vec_load(delta) - v * v; /* infinity stays infinity */
    d = vec_blend(d, vec_set1(INFINITY), d <= (REAL)MIN_PIVOT);
    vec_store(delta, d);
    return d;
}

/* V_j = (g - sum_{l<j} L_jl V_l) / pivot, a -= beta V_j, for ORMP delta -= V_j^2, in one pass that also finds the next
 * leader (see lead). The depth is a constant in each of the calls below, so that the sum is straight code in registers. */
static inline __attribute__((always_inline)) REAL SL_NAME(update)(
    const int j, const int ormp, int ld, const REAL *restrict g, const REAL *restrict L, REAL *restrict V, REAL inverse,
    REAL beta, REAL *restrict a, REAL *restrict delta)
{
    struct SL_NAME(leader) best = SL_NAME(no_leader)();
    REAL *Vj = V + (size_t)j * ld;
    for (int i = 0; i < ld; i += LANES) {
        vec v = vec_load(g + i);
        for (int l = 0; l < j; l++)
            v -= L[l] * vec_load(V + (size_t)l * ld + i);
        v *= inverse;
        vec_store(Vj + i, v);
        vec left = vec_load(a + i) - beta * v;
        vec_store(a + i, left);
        SL_NAME(contend)(&best, left, ormp ? SL_NAME(lowered)(delta + i, v) : left, ormp);
    }
    return SL_NAME(lead)(&best, ormp);
}

/* The same at any depth: four vectors of the new row stay in registers while the earlier rows pass by. */
static inline __attribute__((always_inline)) REAL SL_NAME(update_deep)(
    int j, const int ormp, int ld, const REAL *restrict g, const REAL *restrict L, REAL *restrict V, REAL inverse,
    REAL beta, REAL *restrict a, REAL *restrict delta)
{
    struct SL_NAME(leader) best = SL_NAME(no_leader)();
    REAL *Vj = V + (size_t)j * ld;
    int i = 0;
#define FINISH(v, where)                                                                                               \
    v *= inverse;                                                                                                      \
    vec_store(Vj + (where), v);                                                                                        \
    left = vec_load(a + (where)) - beta * v;                                                                           \
    vec_store(a + (where), left);                                                                                      \
    SL_NAME(contend)(&best, left, ormp ? SL_NAME(lowered)(delta + (where), v) : left, ormp);
    vec left;
    for (; i + 4 * LANES <= ld; i += 4 * LANES) {
        vec v0 = vec_load(g + i), v1 = vec_load(g + i + LANES);
        vec v2 = vec_load(g + i + 2 * LANES), v3 = vec_load(g + i + 3 * LANES);
        for (int l = 0; l < j; l++) {
            const REAL *row = V + (size_t)l * ld + i;
            REAL w = L[l];
            v0 -= w * vec_load(row), v1 -= w * vec_load(row + LANES);
            v2 -= w * vec_load(row + 2 * LANES), v3 -= w * vec_load(row + 3 * LANES);
        }
        FINISH(v0, i) FINISH(v1, i + LANES) FINISH(v2, i + 2 * LANES) FINISH(v3, i + 3 * LANES)
    }
    for (; i < ld; i += LANES) {
        vec v = vec_load(g + i);
        for (int l = 0; l < j; l++)
            v -= L[l] * vec_load(V + (size_t)l * ld + i);
        FINISH(v, i)
    }
#undef FINISH
    return SL_NAME(lead)(&best, ormp);
}

static REAL SL_NAME(update_at)(
    int j, int ormp, int ld, const REAL *g, const REAL *L, REAL *V, REAL inverse, REAL beta, REAL *a, REAL *delta)
{
    switch (2 * j + ormp) {
#define DEPTH(d)                                                                                                       \
    case 2 * d: return SL_NAME(update)(d, 0, ld, g, L, V, inverse, beta, a, delta);                                    \
    case 2 * d + 1: return SL_NAME(update)(d, 1, ld, g, L, V, inverse, beta, a, delta);
        DEPTH(0) DEPTH(1) DEPTH(2) DEPTH(3) DEPTH(4) DEPTH(5) DEPTH(6) DEPTH(7) DEPTH(8) DEPTH(9) DEPTH(10) DEPTH(11)
#undef DEPTH
    }
    return ormp ? SL_NAME(update_deep)(j, 1, ld, g, L, V, inverse, beta, a, delta)
                : SL_NAME(update_deep)(j, 0, ld, g, L, V, inverse, beta, a, delta);
}

/* First i with |a_i| = value, -1 if there is none. */
static inline int SL_NAME(find)(const REAL *a, int ld, REAL value)
{
    for (int i = 0; i < ld; i += LANES) {
        ivec hit = vec_abs(vec_load(a + i)) == vec_set1(value);
        if (vec_any(hit))
            for (int l = 0; l < LANES; l++)
                if (hit[l])
                    return i + l;
    }
    return -1;
}

static inline int SL_NAME(is_chosen)(const int32_t *chosen, int j, int p)
{
    for (int l = 0; l < j; l++)
        if (chosen[l] == p)
            return 1;
    return 0;
}

/* argmax |a_i| over the atoms not chosen, when the plain maximum is one of those chosen (all that is left is noise). */
static int SL_NAME(find_new)(const REAL *a, int n_atoms, const int32_t *chosen, int j)
{
    int best = -1;
    for (int i = 0; i < n_atoms; i++)
        if (!SL_NAME(is_chosen)(chosen, j, i) && (best < 0 || fabs((double)a[i]) > fabs((double)a[best])))
            best = i;
    return best;
}

/* c with L' c = beta, for the first `depth` chosen atoms. */
static void SL_NAME(back_substitute)(const REAL *L, int room, const REAL *beta, REAL *c, int depth)
{
    for (int j = depth - 1; j >= 0; j--) {
        REAL s = beta[j];
        for (int l = j + 1; l < depth; l++)
            s -= L[(size_t)l * room + j] * c[l];
        c[j] = s / L[(size_t)j * room + j];
    }
}

/* The coefficients of the first `depth` chosen atoms, of atoms normalised on what is shown if s is given. */
static void SL_NAME(coefficients)(struct omp_workspace *ws, const REAL *s, int depth)
{
    SL_NAME(back_substitute)(ws->L, ws->depth, ws->beta, ws->c, depth);
    for (int l = 0; s && l < depth; l++)
        ((REAL *)ws->c)[l] *= s[ws->chosen[l]];
}

/* Room for what a mask needs; taken once. */
static int SL_NAME(reserve_mask)(struct omp_workspace *ws, int m, int ld)
{
    if (ws->scale)
        return 0;
    return posix_memalign(&ws->scale, 64, sizeof(REAL) * ld) || posix_memalign(&ws->row, 64, sizeof(REAL) * ld)
                   || posix_memalign((void **)&ws->list, 64, sizeof(int32_t) * m)
               ? -1
               : 0;
}

/* |scale x - sum_l c_l d_l|^2 over what is shown (all of it without a mask), summed in double. */
static double SL_NAME(residual)(
    const REAL *x, const REAL *D, const unsigned char *shown, int m, double scale, const int32_t *chosen, const REAL *c,
    int depth)
{
    double total = 0;
    enum { STRIP = 64 };
    REAL r[STRIP];
    for (int start = 0; start < m; start += STRIP) {
        int stop = m - start < STRIP ? m - start : STRIP;
        for (int i = 0; i < stop; i++)
            r[i] = (REAL)(scale * x[start + i]);
        for (int l = 0; l < depth; l++) {
            const REAL *d = D + (size_t)chosen[l] * m + start;
            for (int i = 0; i < stop; i++)
                r[i] -= c[l] * d[i];
        }
        for (int i = 0; i < stop; i++)
            total += !shown || shown[start + i] ? (double)r[i] * r[i] : 0;
    }
    return total;
}

static double SL_NAME(energy)(const REAL *x, int m)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int i = 0;
    for (; i + 4 <= m; i += 4) {
        s0 += (double)x[i] * x[i], s1 += (double)x[i + 1] * x[i + 1];
        s2 += (double)x[i + 2] * x[i + 2], s3 += (double)x[i + 3] * x[i + 3];
    }
    for (; i < m; i++)
        s0 += (double)x[i] * x[i];
    return (s0 + s1) + (s2 + s3);
}

/* A power of two that brings x to ordinary size, so that squares neither overflow nor vanish; 1 for ordinary x. */
static double SL_NAME(ordinary_scale)(const REAL *x, int m, double energy)
{
    double low = sizeof(REAL) == 8 ? 1e-200 : 1e-20, high = sizeof(REAL) == 8 ? 1e200 : 1e20;
    if (energy > low && energy < high)
        return 1;
    double largest = 0;
    for (int i = 0; i < m; i++)
        largest = fabs((double)x[i]) > largest ? fabs((double)x[i]) : largest;
    int exponent;
    frexp(largest, &exponent);
    return largest > 0 ? ldexp(1, -(exponent < -1000 ? -1000 : exponent)) : 1;
}

/* One signal. a: its correlations (overwritten). Returns the number of atoms, or -1 when memory ran out. */
static int SL_NAME(pursue)(
    const struct omp_problem *pb, const REAL *x, REAL *a, const unsigned char *shown, int k, double tol,
    struct omp_workspace *ws, int32_t *idx, REAL *val, double *residual)
{
    const REAL *G = pb->gram, *D = pb->dictionary;
    const int ld = pb->ld, m = pb->n_features;
    double energy = SL_NAME(energy)(x, m);
    double scale = SL_NAME(ordinary_scale)(x, m, energy);
    if (scale != 1) { /* the products behind a may have overflowed or lost their digits: once more, at ordinary size */
        for (int i = 0; i < pb->n_atoms; i++) {
            double s = 0;
            for (int l = 0; l < m; l++)
                s += scale * x[l] * D[(size_t)i * m + l];
            a[i] = (REAL)s;
        }
        energy = SL_NAME(residual)(x, D, NULL, m, scale, NULL, NULL, 0);
        tol = tol * scale * scale;
    }
    struct SL_NAME(mask) mk = {G, pb->transposed, ws->scale, ws->list, pb->n_atoms, m, ld, 0, 0};
    if (shown)
        SL_NAME(mask_begin)(&mk, shown, a);
    const double floor_ = 10 * EPS * sqrt(energy);
    const int recompute = pb->has_tol && tol < DRIFT_LIMIT * energy;
    double e = energy;
    int j = 0;

    const int ormp = pb->ormp;
    struct SL_NAME(leader) best = SL_NAME(no_leader)();
    if (ormp)
        for (int i = 0; i < ld; i++)
            ((REAL *)ws->delta)[i] = i >= pb->n_atoms ? INFINITY
                                     : !shown         ? G[(size_t)i * ld + i]
                                                      : (mk.s[i] > 0 ? 1 : INFINITY);
    for (int i = 0; i < ld; i += LANES)
        SL_NAME(contend)(&best, vec_load(a + i), ormp ? vec_load((REAL *)ws->delta + i) : vec_set1(1), ormp);

    REAL lead = SL_NAME(lead)(&best, ormp);
    while (j < k && !(pb->has_tol && e <= tol)) {
        int p = ormp ? (int)lead : SL_NAME(find)(a, ld, lead);
        if (!ormp && p >= 0 && SL_NAME(is_chosen)(ws->chosen, j, p))
            p = SL_NAME(find_new)(a, pb->n_atoms, ws->chosen, j);
        if (p < 0 || fabs((double)a[p]) <= floor_)
            break;
        if (SL_NAME(reserve)(ws, j + 1, ld))
            return -1;
        REAL *V = ws->V, *L = (REAL *)ws->L + (size_t)j * ws->depth, *beta = ws->beta;
        const REAL *g = G + (size_t)p * ld;
        if (shown)
            SL_NAME(mask_row)(&mk, p, ws->row), g = ws->row;
        REAL d = g[p];
        for (int l = 0; l < j; l++) {
            L[l] = V[(size_t)l * ld + p];
            d -= L[l] * L[l];
        }
        if (!(d > MIN_PIVOT * g[p]))
            break;
        L[j] = (REAL)sqrt(d);
        beta[j] = a[p] / L[j];
        ws->chosen[j] = p;
        j++;
        e -= (double)beta[j - 1] * beta[j - 1];
        if (recompute) {
            SL_NAME(coefficients)(ws, shown ? mk.s : NULL, j);
            e = SL_NAME(residual)(x, D, shown, m, scale, ws->chosen, ws->c, j);
        }
        if (j == k || (pb->has_tol && e <= tol))
            break;
        if (ormp)
            ((REAL *)ws->delta)[p] = INFINITY;
        lead = SL_NAME(update_at)(
            j - 1, ormp, ld, g, L, V, 1 / L[j - 1], beta[j - 1], a, (REAL *)ws->delta);
    }

    if (!val) { /* the atoms are all that is wanted */
        for (int l = 0; l < j; l++) {
            int q = l;
            for (; q > 0 && idx[q - 1] > ws->chosen[l]; q--)
                idx[q] = idx[q - 1];
            idx[q] = ws->chosen[l];
        }
        return j;
    }
    SL_NAME(coefficients)(ws, shown ? mk.s : NULL, j);
    if (residual)
        *residual = SL_NAME(residual)(x, D, shown, m, scale, ws->chosen, ws->c, j) / (scale * scale);
    int kept = 0; /* ascending atoms, no explicit zeros */
    for (int l = 0; l < j; l++) {
        REAL c = (REAL)(((REAL *)ws->c)[l] / scale);
        if (c == 0)
            continue;
        int q = kept++;
        for (; q > 0 && idx[q - 1] > ws->chosen[l]; q--)
            idx[q] = idx[q - 1], val[q] = val[q - 1];
        idx[q] = ws->chosen[l];
        val[q] = c;
    }
    return kept;
}

int SL_NAME(omp_rows)(
    const struct omp_problem *pb, int n_rows, const void *X, void *A0, const unsigned char *shown, const int32_t *k,
    const double *tol, struct omp_workspace *ws, int32_t *idx, void *val, int32_t *nnz, double *residuals)
{
    if (SL_NAME(reserve)(ws, 1, pb->ld) || (shown && SL_NAME(reserve_mask)(ws, pb->n_features, pb->ld)))
        return -1;
    for (int i = 0; i < n_rows; i++) {
        nnz[i] = SL_NAME(pursue)(
            pb, (const REAL *)X + (size_t)i * pb->n_features, (REAL *)A0 + (size_t)i * pb->ld,
            shown ? shown + (size_t)i * pb->n_features : NULL, k[(size_t)i * pb->k_step], tol[(size_t)i * pb->tol_step], ws, idx + (size_t)i * pb->k_max,
            val ? (REAL *)val + (size_t)i * pb->k_max : NULL, residuals ? residuals + i : NULL);
        if (nnz[i] < 0)
            return -1;
    }
    return 0;
}

