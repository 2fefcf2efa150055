/* Least-angle regression and the lasso's homotopy for one signal. Included by lasso_kernel.c after lasso_body.h.
 *
 * With penalty lambda w, all active atoms have q_i = lambda w_i sign_i. Lowering lambda by t moves c by t u, G_SS u = w sign,
 * and q by -t v, v = G_S u; a step ends where an inactive atom reaches the bound, |q_i| = lambda w_i (it enters), where an
 * active coefficient reaches zero (it leaves; not in plain least-angle regression), or at the lambda that is asked for.
 * (Osborne, Presnell, Turlach 2000; Efron, Hastie, Johnstone, Tibshirani 2004.) */

/* Where the path is written, one knot a step, if it is asked for. */
struct SL_NAME(knots) {
    double *lambda;
    REAL *codes; /* (room, n_atoms), zero at first */
    int n, room, n_atoms;
};

static void SL_NAME(write_knot)(struct SL_NAME(knots) *path, const struct SL_NAME(lasso_state) *st, double lambda)
{
    if (!path || path->n == path->room || (path->n && lambda >= (1 - 1e-12) * path->lambda[path->n - 1]))
        return; /* nothing moved: a tie, or an atom that follows the others */
    path->lambda[path->n] = lambda;
    for (int l = 0; l < st->n; l++)
        path->codes[(size_t)path->n * path->n_atoms + st->S[l]] = st->c[l];
    path->n++;
}

/* The largest |q_i| / w_i outside S, and its atom; -1 when all are zero. */
static int SL_NAME(lars_first)(const struct SL_NAME(lasso_state) *st, const REAL *w, double *lambda)
{
    int best = -1;
    *lambda = 0;
    for (int i = 0; i < st->ld; i++) {
        const double q = st->positive ? st->q[i] : fabs((double)st->q[i]), ratio = q / w[i];
        if (ratio > *lambda)
            *lambda = ratio, best = i;
    }
    return best;
}

/* The step at which the first inactive atom reaches the bound; ties within 1e-12 lambda go to the lowest index. */
static double SL_NAME(lars_entering)(
    const struct SL_NAME(lasso_state) *st, const REAL *w, const REAL *v, double lambda, int n_atoms, int barred, REAL barred_sign,
    int *atom)
{
    double num = INFINITY, den = 1;
    const double tie = 1e-12 * lambda, parallel = sizeof(REAL) == 8 ? 1e-10 : 1e-5; /* such an atom moves with the bound */
    *atom = -1;
    for (int i = 0; i < n_atoms; i++) {
        if (st->active[i])
            continue;
        const REAL left = i == barred ? barred_sign : 0; /* the atom that has just left this bound does not come back to it */
        const double up = lambda * w[i] - st->q[i], down = lambda * w[i] + st->q[i];
        const double w_up = w[i] - v[i], w_down = w[i] + (double)v[i];
        if (left <= 0 && w_up > parallel * w[i] && (up > 0 ? up : 0) * den < (num - tie * den) * w_up)
            num = up > 0 ? up : 0, den = w_up, *atom = i;
        if (!st->positive && left >= 0 && w_down > parallel * w[i] && (down > 0 ? down : 0) * den < (num - tie * den) * w_down)
            num = down > 0 ? down : 0, den = w_down, *atom = i;
    }
    return num / den;
}

/* The step at which the first active coefficient reaches zero. */
static double SL_NAME(lars_leaving)(const struct SL_NAME(lasso_state) *st, const REAL *u, int *place)
{
    double least = INFINITY;
    *place = -1;
    for (int l = 0; l < st->n; l++) {
        const double c = st->c[l], step = u[l];
        const double here = c * step < 0 ? -c / step : (c == 0 && step * st->sign[l] < 0 ? 0 : INFINITY);
        if (here < least)
            least = here, *place = l;
    }
    return least;
}

static void SL_NAME(lars_unban)(struct SL_NAME(lasso_state) *st, int n_atoms)
{
    for (int i = 0; i < n_atoms; i++)
        if (st->active[i] == 2)
            st->active[i] = 0;
}

/* Follow the path down to lambda = pb->alpha, or for pb->max_steps entries of plain least-angle regression.
 * Returns 1 when it got there, 0 when it gave up, -1 when memory ran out. */
static int SL_NAME(lars)(
    struct SL_NAME(lasso_state) *st, const struct lasso_problem *pb, struct lasso_workspace *ws,
    struct SL_NAME(knots) *path)
{
    const REAL *w = pb->weights;
    const int lasso = pb->solver == LASSO_LARS, n_atoms = pb->n_atoms;
    double lambda;
    int done = 0, barred = -1;
    REAL barred_sign = 0;
    SL_NAME(lasso_correlations)(st);
    int atom = SL_NAME(lars_first)(st, w, &lambda);
    SL_NAME(write_knot)(path, st, lambda);
    for (int step = 0; step < pb->max_iter && !done; step++) {
        if (atom < 0 || lambda <= pb->alpha || lambda <= 4 * EPS * sqrt(st->energy)) {
            done = 1;
            break;
        }
        if (SL_NAME(lasso_room)(st, ws))
            return -1;
        if (st->n < st->cap && SL_NAME(lasso_extend)(st, atom))
            SL_NAME(lasso_push)(st, atom, 0, st->q[atom] > 0 ? 1 : -1);
        else
            st->active[atom] = 2; /* in the span of S: follows the others, as long as S is what it is */
        double t;
        int leaving;
        do {
            if (st->n == 0)
                return 0;
            for (int l = 0; l < st->n; l++)
                st->z[l] = w[st->S[l]] * st->sign[l];
            SL_NAME(chol_solve)(st->L, st->room, st->n, st->z);
            REAL *v = ws->v;
            SL_NAME(lasso_combine)(st, NULL, st->z, v);
            t = SL_NAME(lars_entering)(st, w, v, lambda, n_atoms, barred, barred_sign, &atom);
            const double out = lasso ? SL_NAME(lars_leaving)(st, st->z, &leaving) : INFINITY;
            barred = -1;
            if (lambda - pb->alpha <= t && lambda - pb->alpha <= out)
                t = lambda - pb->alpha, leaving = -1, done = 1;
            else if (out < t)
                t = out;
            else
                leaving = -1;
            for (int l = 0; l < st->n; l++)
                st->c[l] += (REAL)t * st->z[l];
            for (int i = 0; i < st->ld; i++)
                st->q[i] -= (REAL)t * v[i];
            lambda = done ? pb->alpha : lambda - t;
            if (leaving >= 0) {
                st->c[leaving] = 0;
                barred = st->S[leaving], barred_sign = st->sign[leaving];
                SL_NAME(lasso_drop)(st, leaving);
                SL_NAME(lars_unban)(st, n_atoms);
                step++;
            }
            SL_NAME(write_knot)(path, st, lambda);
        } while (leaving >= 0 && step < pb->max_iter);
        if (!lasso && st->n >= pb->max_steps)
            done = 1;
    }
    SL_NAME(lars_unban)(st, n_atoms);
    if (lasso && done) { /* what the steps have rounded away: once more, on the final set */
        for (int l = 0; l < st->n; l++)
            st->z[l] = st->a0[st->S[l]] - (REAL)pb->alpha * w[st->S[l]] * st->sign[l];
        SL_NAME(chol_solve)(st->L, st->room, st->n, st->z);
        int same = 1;
        for (int l = 0; l < st->n; l++)
            same &= st->z[l] * st->sign[l] >= 0;
        if (same && lambda <= pb->alpha)
            memcpy(st->c, st->z, sizeof(REAL) * st->n);
    }
    SL_NAME(lasso_correlations)(st);
    return done;
}

/* The knots of one signal. Returns their number, room at most, or -1 when memory ran out. */
int SL_NAME(lasso_path)(
    const struct lasso_problem *pb, const void *x_, const void *a0, struct lasso_workspace *ws, double *lambda, void *codes,
    int room)
{
    const REAL *x = x_;
    if (SL_NAME(lasso_reserve)(ws, pb->cap + 1 < 32 ? pb->cap + 1 : 32, pb->ld))
        return -1;
    struct SL_NAME(lasso_state) st = {
        .G = pb->gram, .p = pb->penalty, .a0 = a0, .ld = pb->ld, .cap = pb->cap, .positive = pb->positive};
    SL_NAME(lasso_attach)(&st, ws);
    for (int l = 0; l < pb->n_features; l++)
        st.energy += (double)x[l] * x[l];
    struct SL_NAME(knots) path = {lambda, codes, 0, room, pb->n_atoms};
    const int failed = SL_NAME(lars)(&st, pb, ws, &path) < 0;
    for (int l = 0; l < st.n; l++)
        st.active[st.S[l]] = 0;
    return failed ? -1 : path.n;
}

/* A chunk of signals by the solver that pb names. */
int SL_NAME(lasso_rows)(
    const struct lasso_problem *pb, int n_rows, const void *X, void *A0, const unsigned char *shown,
    const double *more_energy, const int64_t *start_ptr, const int32_t *start_idx, const void *start_val,
    struct lasso_workspace *ws, int32_t *idx, void *val, int32_t *nnz, double *gap)
{
    if (shown ? SL_NAME(lasso_reserve_mask)(ws, pb->n_features, pb->cap, pb->ld)
              : SL_NAME(lasso_reserve)(ws, pb->cap + 1 < 32 ? pb->cap + 1 : 32, pb->ld))
        return -1;
    for (int i = 0; i < n_rows; i++) {
        const REAL *x = (const REAL *)X + (size_t)i * pb->n_features;
        REAL *a0 = (REAL *)A0 + (size_t)i * pb->ld;
        struct SL_NAME(mask) mk = {
            pb->gram, pb->transposed, ws->scale, ws->list, pb->n_atoms, pb->n_features, pb->ld, 0, 0, pb->ridge};
        if (shown)
            SL_NAME(mask_begin)(&mk, shown + (size_t)i * pb->n_features, a0);
        struct SL_NAME(lasso_state) st = {
            .G = pb->gram, .p = pb->penalty, .a0 = a0, .ld = pb->ld, .cap = pb->cap, .positive = pb->positive,
            .mk = shown ? &mk : NULL};
        SL_NAME(lasso_attach)(&st, ws);
        for (int l = 0; l < pb->n_features; l++)
            st.energy += (double)x[l] * x[l];
        if (more_energy)
            st.energy += more_energy[i];
        if (start_ptr
            && SL_NAME(lasso_start)(
                &st, pb, ws, start_idx + start_ptr[i], (const REAL *)start_val + start_ptr[i],
                start_ptr[i + 1] - start_ptr[i]))
            return -1;
        const int done = pb->solver == LASSO_ACTIVE_SET ? SL_NAME(lasso_active_set)(&st, pb, ws)
                         : pb->solver == LASSO_CD       ? SL_NAME(lasso_descend)(&st, pb, ws)
                                                        : SL_NAME(lars)(&st, pb, ws, NULL);
        if (done < 0)
            return -1;
        gap[i] = SL_NAME(lasso_gap)(&st);
        int kept = 0; /* ascending atoms, no explicit zeros; S is left clean for the next signal */
        int32_t *at = idx + (size_t)i * pb->k_max;
        REAL *c = (REAL *)val + (size_t)i * pb->k_max;
        for (int l = 0; l < st.n; l++) {
            st.active[st.S[l]] = 0;
            if (st.c[l] == 0)
                continue;
            int j = kept++;
            for (; j > 0 && at[j - 1] > st.S[l]; j--)
                at[j] = at[j - 1], c[j] = c[j - 1];
            at[j] = st.S[l], c[j] = shown ? st.c[l] * mk.s[st.S[l]] : st.c[l];
        }
        nnz[i] = kept;
    }
    return 0;
}

#undef EPS
#undef MIN_PIVOT
#undef KKT_TOL
#undef ENTER_SHARE
#undef ENTER_MOST
