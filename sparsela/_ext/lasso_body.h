/* The lasso of many signals, one after another, in the Gram domain. Included by lasso_kernel.c for each element type. */
#include "simd.h"
#include "cholesky_body.h"
#include "mask_body.h"

#define EPS (sizeof(REAL) == 8 ? 2.220446049250313e-16 : 1.1920929e-07)
#define MIN_PIVOT (sizeof(REAL) == 8 ? 1e-7 : 1e-4) /* below it an atom counts as lying in the span of the active ones */
#define KKT_TOL (sizeof(REAL) == 8 ? 1e-9 : 1e-6) /* |q_i| may exceed p_i by this share */
#define ENTER_SHARE 0.7 /* atoms enter that violate by at least this share of the largest violation ... */
#define ENTER_MOST 8    /* ... and no more of them at once: many coherent atoms together make G_SS singular */

/* Where a signal's solve stands: an active set S with its coefficients, signs and Cholesky factor of G_SS. */
struct SL_NAME(lasso_state) {
    const REAL *G, *p, *a0;
    REAL *q, *L, *c, *z, *sign;
    const REAL **rows;
    int32_t *S;
    unsigned char *active;
    const struct SL_NAME(mask) *mk; /* NULL where all is shown */
    int n, ld, room, cap, positive;
    double energy; /* |x|^2 */
};

static int SL_NAME(lasso_reserve)(struct lasso_workspace *ws, int room, int ld)
{
    if (room <= ws->room && ld == ws->ld)
        return 0;
    room = (room + 15) / 16 * 16;
    struct lasso_workspace fresh = {.room = room, .ld = ld};
    int failed = posix_memalign(&fresh.q, 64, sizeof(REAL) * ld) || posix_memalign(&fresh.v, 64, sizeof(REAL) * ld)
                 || posix_memalign(&fresh.c, 64, sizeof(REAL) * room)
                 || posix_memalign(&fresh.L, 64, sizeof(REAL) * room * room)
                 || posix_memalign(&fresh.z, 64, sizeof(REAL) * room)
                 || posix_memalign(&fresh.sign, 64, sizeof(REAL) * room)
                 || posix_memalign((void **)&fresh.S, 64, sizeof(int32_t) * room)
                 || posix_memalign((void **)&fresh.rows, 64, sizeof(void *) * room)
                 || posix_memalign((void **)&fresh.active, 64, ld);
    if (!failed) {
        memset(fresh.active, 0, ld);
        if (ws->ld == ld && ws->room) { /* in the middle of a signal: keep what it has */
            memcpy(fresh.q, ws->q, sizeof(REAL) * ld), memcpy(fresh.active, ws->active, ld);
            memcpy(fresh.c, ws->c, sizeof(REAL) * ws->room), memcpy(fresh.sign, ws->sign, sizeof(REAL) * ws->room);
            memcpy(fresh.S, ws->S, sizeof(int32_t) * ws->room), memcpy(fresh.rows, ws->rows, sizeof(void *) * ws->room);
            for (int i = 0; i < ws->room; i++)
                memcpy((REAL *)fresh.L + (size_t)i * room, (REAL *)ws->L + (size_t)i * ws->room, sizeof(REAL) * ws->room);
        }
        struct lasso_workspace old = *ws;
        *ws = fresh;
        fresh = old;
    }
    free(fresh.q), free(fresh.v), free(fresh.c), free(fresh.L), free(fresh.z), free(fresh.sign), free(fresh.S);
    free(fresh.active), free(fresh.rows);
    return failed ? -1 : 0;
}

/* Room for what masks need, once: a place for the Gram row of every atom that can be active. */
static int SL_NAME(lasso_reserve_mask)(struct lasso_workspace *ws, int m, int cap, int ld)
{
    if (ws->slots)
        return 0;
    if (SL_NAME(lasso_reserve)(ws, cap + 1, ld) || posix_memalign(&ws->slots, 64, sizeof(REAL) * ws->room * ld)
        || posix_memalign(&ws->scale, 64, sizeof(REAL) * ld) || posix_memalign((void **)&ws->list, 64, sizeof(int32_t) * m))
        return -1;
    for (int l = 0; l < ws->room; l++)
        ws->rows[l] = (REAL *)ws->slots + (size_t)l * ld;
    return 0;
}

/* The Gram row of an atom that may enter as number n; made there under a mask. */
static const REAL *SL_NAME(lasso_row)(struct SL_NAME(lasso_state) *st, int atom)
{
    if (st->mk)
        SL_NAME(mask_row)(st->mk, atom, (REAL *)st->rows[st->n]);
    else
        st->rows[st->n] = st->G + (size_t)atom * st->ld;
    return st->rows[st->n];
}

static void SL_NAME(lasso_attach)(struct SL_NAME(lasso_state) *st, struct lasso_workspace *ws)
{
    st->q = ws->q, st->L = ws->L, st->c = ws->c, st->z = ws->z, st->sign = ws->sign;
    st->S = ws->S, st->active = ws->active, st->room = ws->room, st->rows = (const REAL **)ws->rows;
}

/* out = base - sum_S c_l G_l, or sum_S c_l G_l without a base. A strip stays in registers while the rows of G pass by. */
static void SL_NAME(lasso_combine)(const struct SL_NAME(lasso_state) *st, const REAL *base, const REAL *c, REAL *out)
{
    const int ld = st->ld, n = st->n;
    const REAL sign = base ? -1 : 1;
    int i = 0;
    for (; i + 8 * LANES <= ld; i += 8 * LANES) {
        vec v0 = vec_set1(0), v1 = v0, v2 = v0, v3 = v0, v4 = v0, v5 = v0, v6 = v0, v7 = v0;
        if (base) {
            const REAL *a = base + i;
            v0 = vec_load(a), v1 = vec_load(a + LANES), v2 = vec_load(a + 2 * LANES), v3 = vec_load(a + 3 * LANES);
            v4 = vec_load(a + 4 * LANES), v5 = vec_load(a + 5 * LANES), v6 = vec_load(a + 6 * LANES);
            v7 = vec_load(a + 7 * LANES);
        }
        for (int l = 0; l < n; l++) {
            const REAL *g = st->rows[l] + i;
            const REAL w = sign * c[l];
            v0 += w * vec_load(g), v1 += w * vec_load(g + LANES);
            v2 += w * vec_load(g + 2 * LANES), v3 += w * vec_load(g + 3 * LANES);
            v4 += w * vec_load(g + 4 * LANES), v5 += w * vec_load(g + 5 * LANES);
            v6 += w * vec_load(g + 6 * LANES), v7 += w * vec_load(g + 7 * LANES);
        }
        REAL *q = out + i;
        vec_store(q, v0), vec_store(q + LANES, v1), vec_store(q + 2 * LANES, v2), vec_store(q + 3 * LANES, v3);
        vec_store(q + 4 * LANES, v4), vec_store(q + 5 * LANES, v5), vec_store(q + 6 * LANES, v6);
        vec_store(q + 7 * LANES, v7);
    }
    for (; i < ld; i += LANES) {
        vec v = base ? vec_load(base + i) : vec_set1(0);
        for (int l = 0; l < n; l++)
            v += sign * c[l] * vec_load(st->rows[l] + i);
        vec_store(out + i, v);
    }
}

/* q = a0 - G c */
static void SL_NAME(lasso_correlations)(struct SL_NAME(lasso_state) *st)
{
    SL_NAME(lasso_combine)(st, st->a0, st->c, st->q);
}

/* max over all atoms of |q_i| - (1 + KKT_TOL) p_i (without the modulus under c >= 0) */
static REAL SL_NAME(lasso_violation)(const struct SL_NAME(lasso_state) *st)
{
    vec worst = vec_set1(-INFINITY);
    for (int i = 0; i < st->ld; i += LANES) {
        vec q = vec_load(st->q + i);
        worst = vec_max(worst, (st->positive ? q : vec_abs(q)) - (REAL)(1 + KKT_TOL) * vec_load(st->p + i));
    }
    return vec_hmax(worst);
}

/* The duality gap over 1/2 |x|^2. An unpenalised atom's correlation counts as zero below rounding, `slack`. */
static double SL_NAME(lasso_gap)(const struct SL_NAME(lasso_state) *st)
{
    const double slack = 8 * EPS * sqrt(st->energy);
    vec least = vec_set1(1);
    for (int i = 0; i < st->ld; i += LANES) { /* (p + slack) / |q| where it is below 1 */
        vec q = vec_load(st->q + i), p = vec_load(st->p + i) + (REAL)slack;
        q = st->positive ? q : vec_abs(q);
        ivec out = q > p;
        if (vec_any(out)) {
            vec ratio = vec_blend(vec_set1(1), p / vec_blend(vec_set1(1), q, out), out);
            least = -vec_max(-least, -ratio);
        }
    }
    const double s = -(double)vec_hmax(-least);
    double linear = 0, fitted = 0;
    for (int l = 0; l < st->n; l++) {
        const int i = st->S[l];
        const double c = st->c[l];
        linear += (double)st->p[i] * fabs(c) - s * c * st->q[i];
        fitted += c * ((double)st->a0[i] + st->q[i]);
    }
    const double rr = st->energy - fitted > 0 ? st->energy - fitted : 0;
    const double gap = 0.5 * (1 - s) * (1 - s) * rr + linear;
    return st->energy > 0 ? (gap > 0 ? gap : 0) / (0.5 * st->energy) : 0;
}

/* Number n is this atom; its row stands there already (lasso_row). */
static void SL_NAME(lasso_push)(struct SL_NAME(lasso_state) *st, int atom, REAL c, REAL sign)
{
    st->S[st->n] = atom, st->c[st->n] = c, st->sign[st->n] = sign, st->active[atom] = 1;
    st->n++;
}

/* Append the row of `atom` to the factor; 0 when it lies in the span of S. */
static int SL_NAME(lasso_extend)(struct SL_NAME(lasso_state) *st, int atom)
{
    const REAL *g = SL_NAME(lasso_row)(st, atom);
    for (int l = 0; l < st->n; l++)
        st->z[l] = g[st->S[l]];
    return SL_NAME(chol_append)(st->L, st->room, st->n, st->z, g[atom], (REAL)(MIN_PIVOT * g[atom])) > 0;
}

static void SL_NAME(lasso_drop)(struct SL_NAME(lasso_state) *st, int j)
{
    SL_NAME(chol_delete)(st->L, st->room, st->n, j);
    const REAL *row = st->rows[j]; /* a free place from now on */
    st->active[st->S[j]] = 0;
    for (int l = j; l + 1 < st->n; l++) {
        st->S[l] = st->S[l + 1], st->c[l] = st->c[l + 1], st->sign[l] = st->sign[l + 1];
        st->rows[l] = st->rows[l + 1];
    }
    st->rows[--st->n] = row;
}

/* An atom in the span of S, d = sum_l b_l d_l, that violates: trade it against S along the direction that leaves x - c D as
 * it is and lowers the penalty, until an active coefficient reaches zero; that one leaves. 0 when none does. */
static int SL_NAME(lasso_exchange)(struct SL_NAME(lasso_state) *st, int atom)
{
    const REAL sign = st->q[atom] > 0 ? 1 : -1;
    const REAL *g = SL_NAME(lasso_row)(st, atom);
    for (int l = 0; l < st->n; l++)
        st->z[l] = g[st->S[l]];
    SL_NAME(chol_solve)(st->L, st->room, st->n, st->z);
    int leaving = -1;
    REAL t = INFINITY, saved = -st->p[atom];
    for (int l = 0; l < st->n; l++)
        saved += sign * st->z[l] * st->sign[l] * st->p[st->S[l]];
    if (!(saved > 0)) /* what it violates comes from the part outside the span, which is too small to work with */
        return 0;
    for (int l = 0; l < st->n; l++) {
        const REAL step = sign * st->z[l], here = step * st->c[l] > 0 ? st->c[l] / step : INFINITY;
        if (here < t)
            t = here, leaving = l;
    }
    if (leaving < 0)
        return 0;
    for (int l = 0; l < st->n; l++)
        st->c[l] -= t * sign * st->z[l];
    SL_NAME(lasso_drop)(st, leaving);
    if (!SL_NAME(lasso_extend)(st, atom))
        return 0;
    SL_NAME(lasso_push)(st, atom, t * sign, sign);
    return 1;
}

/* Minimise on S with its signs; where a coefficient would change sign, stop there, drop it, and go on. */
static void SL_NAME(lasso_minimise)(struct SL_NAME(lasso_state) *st)
{
    while (st->n) {
        REAL *z = st->z, *c = st->c;
        for (int l = 0; l < st->n; l++)
            z[l] = st->a0[st->S[l]] - st->p[st->S[l]] * st->sign[l];
        SL_NAME(chol_solve)(st->L, st->room, st->n, z);
        REAL t = 2;
        for (int l = 0; l < st->n; l++)
            if (z[l] * st->sign[l] <= 0) {
                const REAL here = c[l] == 0 ? 0 : c[l] / (c[l] - z[l]);
                t = here < t ? here : t;
            }
        if (t > 1) {
            memcpy(c, z, sizeof(REAL) * st->n);
            return;
        }
        for (int l = st->n - 1; l >= 0; l--) { /* z keeps its place: what is dropped lies behind what is still to come */
            const int crosses = z[l] * st->sign[l] <= 0;
            const REAL here = c[l] == 0 ? 0 : c[l] / (c[l] - z[l]);
            if (crosses && here <= t)
                SL_NAME(lasso_drop)(st, l);
            else
                c[l] += t * (z[l] - c[l]);
        }
    }
}

/* Room for one more active atom. */
static int SL_NAME(lasso_room)(struct SL_NAME(lasso_state) *st, struct lasso_workspace *ws)
{
    if (st->n < st->room)
        return 0;
    if (SL_NAME(lasso_reserve)(ws, 2 * st->room < st->cap + 1 ? 2 * st->room : st->cap + 1, st->ld))
        return -1;
    SL_NAME(lasso_attach)(st, ws);
    return 0;
}

/* Bring in the worst violators. Returns how many came, -1 when memory ran out. */
static int SL_NAME(lasso_enter)(struct SL_NAME(lasso_state) *st, struct lasso_workspace *ws, REAL at_least, int most)
{
    int came = 0;
    for (int i = 0; i < st->ld && came < most; i += LANES) {
        vec q = vec_load(st->q + i);
        if (!vec_any((st->positive ? q : vec_abs(q)) - vec_load(st->p + i) >= vec_set1(at_least)))
            continue;
        for (int a = i; a < i + LANES && came < most; a++) {
            const REAL q_a = st->q[a];
            if (st->active[a] || !((st->positive ? q_a : (REAL)fabs((double)q_a)) - st->p[a] >= at_least))
                continue;
            if (SL_NAME(lasso_room)(st, ws))
                return -1;
            if (st->n < st->cap && SL_NAME(lasso_extend)(st, a))
                SL_NAME(lasso_push)(st, a, 0, q_a > 0 ? 1 : -1);
            else if (came || !SL_NAME(lasso_exchange)(st, a)) /* only on a settled S is the exchange a descent */
                continue;
            came++;
        }
    }
    return came;
}

/* Active set: returns 1 when optimal, 0 when it gave up, -1 when memory ran out. */
static int SL_NAME(lasso_active_set)(
    struct SL_NAME(lasso_state) *st, const struct lasso_problem *pb, struct lasso_workspace *ws)
{
    const REAL noise = (REAL)(8 * EPS * sqrt(st->energy));
    for (int round = 0; round < pb->max_iter; round++) {
        SL_NAME(lasso_minimise)(st);
        SL_NAME(lasso_correlations)(st);
        const REAL worst = SL_NAME(lasso_violation)(st);
        if (worst <= noise)
            return 1;
        if (pb->tol > 1e-8 && SL_NAME(lasso_gap)(st) <= pb->tol)
            return 1;
        const int came = SL_NAME(lasso_enter)(st, ws, (REAL)(ENTER_SHARE * worst), ENTER_MOST);
        if (came <= 0)
            return came;
    }
    return 0;
}

/* Coordinate descent on S (its Gram in L), S grown by what violates. Returns 1 when the gap is met, 0 when it gave up. */
static int SL_NAME(lasso_descend)(
    struct SL_NAME(lasso_state) *st, const struct lasso_problem *pb, struct lasso_workspace *ws)
{
    for (int round = 0; round < pb->max_iter; round++) {
        SL_NAME(lasso_correlations)(st);
        if (SL_NAME(lasso_gap)(st) <= pb->tol)
            return 1;
        const REAL worst = SL_NAME(lasso_violation)(st);
        for (int a = 0; a < st->ld && worst > 0; a++) {
            const REAL q = st->positive ? st->q[a] : (REAL)fabs((double)st->q[a]);
            if (st->active[a] || !(q - st->p[a] >= (REAL)0.3 * worst))
                continue;
            if (SL_NAME(lasso_room)(st, ws))
                return -1;
            SL_NAME(lasso_row)(st, a);
            SL_NAME(lasso_push)(st, a, 0, 0);
        }
        const int n = st->n;
        for (int j = 0; j < n; j++) {
            st->z[j] = st->q[st->S[j]];
            for (int l = 0; l < n; l++)
                st->L[(size_t)j * st->room + l] = st->rows[j][st->S[l]];
        }
        REAL first = 0;
        for (int sweep = 0; sweep < 100; sweep++) {
            REAL moved = 0;
            for (int j = 0; j < n; j++) {
                REAL *row = st->L + (size_t)j * st->room;
                const REAL u = st->z[j] + row[j] * st->c[j], p = st->p[st->S[j]];
                const REAL shrunk = u > p ? u - p : (u < -p && !st->positive ? u + p : 0);
                const REAL step = shrunk / row[j] - st->c[j];
                if (step == 0)
                    continue;
                st->c[j] += step;
                for (int l = 0; l < n; l++)
                    st->z[l] -= step * row[l];
                const REAL size = (REAL)fabs((double)step);
                moved = size > moved ? size : moved;
            }
            if (sweep == 0)
                first = moved;
            if (moved <= (REAL)1e-3 * first)
                break;
        }
        int kept = 0; /* zeros leave S */
        for (int l = 0; l < n; l++) {
            if (st->c[l] == 0) {
                st->active[st->S[l]] = 0;
                continue;
            }
            const REAL *row = st->rows[l];
            st->rows[l] = st->rows[kept], st->rows[kept] = row;
            st->S[kept] = st->S[l], st->c[kept] = st->c[l], kept++;
        }
        st->n = kept;
    }
    SL_NAME(lasso_correlations)(st);
    return SL_NAME(lasso_gap)(st) <= pb->tol;
}

/* Start from a given code: its support and signs, as far as the atoms are independent (and there is room for them). */
static int SL_NAME(lasso_start)(
    struct SL_NAME(lasso_state) *st, const struct lasso_problem *pb, struct lasso_workspace *ws, const int32_t *idx,
    const REAL *val, int64_t n)
{
    for (int64_t l = 0; l < n; l++) {
        const REAL scale = st->mk ? st->mk->s[idx[l]] : 1;
        if (val[l] == 0 || scale == 0 || (pb->positive && val[l] < 0) || st->n >= st->cap)
            continue;
        if (SL_NAME(lasso_room)(st, ws))
            return -1;
        const int in = pb->solver == LASSO_CD ? SL_NAME(lasso_row)(st, idx[l]) != NULL : SL_NAME(lasso_extend)(st, idx[l]);
        if (in)
            SL_NAME(lasso_push)(st, idx[l], val[l] / scale, val[l] > 0 ? 1 : -1);
    }
    return 0;
}
