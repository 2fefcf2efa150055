/* maximal_rows: the largest of the active causes decides each feature. Included by truncated_kernel.c; contract there.
 *
 * What a state predicts does not depend on the sample, so that means are made once for each set of candidates met in a row of
 * samples; samples then cost two products with this table. Powers are taken of W_hd / m_d, m_d the largest of the candidates:
 * between 0 and 1, and at least exp(LOWEST). */
#define LOWEST (-600.0)

typedef struct {
    int n, padded; /* states of the candidates, and rounded up to whole vectors */
    double *mean, *factor, *seen; /* (D, padded): mean; its -(rho - 1)th power over m; sum of q y */
    double *size, *prior, *norm, *F; /* (padded) units on; log odds; |mean|^2; workspace */
    double *weight, *spare; /* (padded) sum of q; workspace */
    double *power, *below; /* (C, D): (W / m)^rho and (W / m)^(rho - 1) */
    double *largest;       /* (D) m */
} SL_NAME(table);

static void SL_NAME(make_table)(const truncated_problem *p, const int32_t *unit, SL_NAME(table) *t)
{
    const int D = p->n_features, C = p->n_candidates, M = t->padded;
    for (int d = 0; d < D; d++) {
        double m = 0;
        for (int h = 0; h < C; h++)
            m = m > p->W[(size_t)unit[h] * D + d] ? m : p->W[(size_t)unit[h] * D + d];
        t->largest[d] = m;
        for (int h = 0; h < C; h++) {
            const double x = vec_log(vec_set1(p->W[(size_t)unit[h] * D + d] / m))[0];
            t->power[h * D + d] = p->rho * x < LOWEST ? LOWEST : p->rho * x;
        }
    }
    for (int i = 0; i < C * D; i++) {
        const double x = t->power[i];
        t->power[i] = vec_exp(vec_set1(x))[0];
        t->below[i] = vec_exp(vec_set1(x * (1 - 1 / p->rho)))[0];
    }
    memset(t->norm, 0, M * sizeof(double));
    for (int d = 0; d < D; d++) {
        double *mean = t->mean + (size_t)d * M, *factor = t->factor + (size_t)d * M;
        for (int s = 0; s < t->n; s++)
            mean[s] = t->power[p->last[s] * D + d] + (p->parent[s] < 0 ? 0 : mean[p->parent[s]]);
        for (int s = t->n; s < M; s++)
            mean[s] = 1;
        for (int s = 0; s < M; s += LANES) {
            const vec x = vec_log(vec_load(mean + s)) * (1 / p->rho), w = t->largest[d] * vec_exp(x);
            vec_store(mean + s, w);
            vec_store(factor + s, vec_exp((1 - p->rho) * x));
            vec_store(t->norm + s, vec_load(t->norm + s) + w * w);
        }
    }
    memset(t->seen, 0, (size_t)D * M * sizeof(double));
    memset(t->weight, 0, M * sizeof(double));
}

/* A_hd = (W_hd / mean_d)^(rho - 1) summed over the samples and states of a table: from the longest states to the shortest. */
static void SL_NAME(empty_table)(
    const truncated_problem *p, const int32_t *unit, SL_NAME(table) *t, double *weights, double *targets)
{
    const int D = p->n_features, M = t->padded;
    for (int d = 0; d < D; d++) {
        double *seen = t->seen + (size_t)d * M, *factor = t->factor + (size_t)d * M;
        for (int s = 0; s < M; s++) {
            seen[s] *= factor[s];
            factor[s] *= t->weight[s];
        }
        for (int s = t->n - 1; s >= 0; s--) {
            const int h = p->last[s], up = p->parent[s];
            if (up >= 0) {
                seen[up] += seen[s];
                factor[up] += factor[s];
            }
            weights[(size_t)unit[h] * D + d] += t->below[h * D + d] * factor[s];
            targets[(size_t)unit[h] * D + d] += t->below[h * D + d] * seen[s];
        }
    }
}

void SL_NAME(maximal_rows)(
    const truncated_problem *p, int n, const double *X, const double *energy, double *singles, const int32_t *perm,
    int moments, double *log_z, double *weights, double *targets, double *error, double *joint, double *space)
{
    const int H = p->n_units, C = p->n_candidates, D = p->n_features, M = (int)maximal_padded(p);
    SL_NAME(table) t = {.n = p->n_states - 1 - (H - C), .padded = M, .mean = space};
    t.factor = t.mean + (size_t)D * M, t.seen = t.factor + (size_t)D * M, t.size = t.seen + (size_t)D * M;
    t.prior = t.size + M, t.norm = t.prior + M, t.F = t.norm + M, t.weight = t.F + M;
    t.spare = t.weight + M, t.power = t.spare + M, t.below = t.power + C * D, t.largest = t.below + C * D;
    for (int s = 0; s < t.n; s++) {
        t.size[s] = 1 + (p->parent[s] < 0 ? 0 : t.size[p->parent[s]]);
        t.prior[s] = t.size[s] * p->log_odds[0];
    }
    for (int s = t.n; s < M; s++)
        t.size[s] = 0, t.prior[s] = -1e300;
    const int32_t *now = NULL;
    for (int r = 0; r < n; r++) {
        const int32_t *unit = perm + (size_t)r * H;
        const double *x = X + (size_t)r * D;
        double *single = singles + (size_t)r * H;
        if (!now || memcmp(now, unit, C * sizeof(int32_t)) != 0) {
            if (now && moments)
                SL_NAME(empty_table)(p, now, &t, weights, targets);
            SL_NAME(make_table)(p, unit, &t);
            now = unit;
        }
        double top = 0;
        for (int j = C; j < H; j++)
            top = single[unit[j]] > top ? single[unit[j]] : top;
        vec highest = vec_set1(top);
        for (int s = 0; s < M; s += LANES) {
            vec dot = vec_set1(0);
            for (int d = 0; d < D; d++)
                dot += x[d] * vec_load(t.mean + (size_t)d * M + s);
            const vec F = p->precision * (dot - 0.5 * vec_load(t.norm + s)) + vec_load(t.prior + s);
            highest = vec_max(highest, F);
            vec_store(t.F + s, F);
        }
        top = vec_hmax(highest);
        if (joint) {
            double *row = joint + (size_t)r * p->n_states;
            row[0] = 0;
            for (int j = C; j < H; j++)
                row[1 + j - C] = single[unit[j]];
            memcpy(row + 1 + H - C, t.F, t.n * sizeof(double));
        }
        double z = vec_exp(vec_set1(-top))[0];
        for (int j = 0; j < C; j++)
            single[unit[j]] = 0;
        for (int j = C; j < H; j++) {
            single[unit[j]] = vec_exp(vec_set1(single[unit[j]] - top))[0];
            z += single[unit[j]];
        }
        vec q_sum = vec_set1(0), explained = q_sum;
        for (int s = 0; s < M; s += LANES) {
            const vec F = vec_load(t.F + s), q = vec_exp(F - top);
            q_sum += q;
            explained += q * (F - vec_load(t.prior + s)); /* precision (|y|^2 - |y - mean|^2) / 2 */
            vec_store(t.F + s, q);
        }
        const double combined = vec_hsum(q_sum);
        z += combined;
        log_z[r] = top + vec_log(vec_set1(z))[0];
        for (int j = C; j < H; j++)
            single[unit[j]] /= z;
        if (!moments)
            continue;
        *error += energy[r] * (combined / z) - 2 * vec_hsum(explained) / (z * p->precision);
        for (int s = 0; s < M; s += LANES) {
            const vec q = vec_load(t.F + s) * (1 / z);
            vec_store(t.F + s, q);
            vec_store(t.spare + s, q);
            vec_store(t.weight + s, vec_load(t.weight + s) + q);
        }
        for (int s = t.n - 1; s >= 0; s--) { /* a state's q and those of the states that extend it */
            single[unit[p->last[s]]] += t.spare[s];
            if (p->parent[s] >= 0)
                t.spare[p->parent[s]] += t.spare[s];
        }
        for (int d = 0; d < D; d++)
            for (int s = 0; s < M; s += LANES) {
                double *seen = t.seen + (size_t)d * M + s;
                vec_store(seen, vec_load(seen) + x[d] * vec_load(t.F + s));
            }
    }
    if (now && moments)
        SL_NAME(empty_table)(p, now, &t, weights, targets);
}

void SL_NAME(excess_rows)(const double *X, const double *W, int n, int H, int D, double *out)
{
    for (int r = 0; r < n; r++)
        for (int h = 0; h < H; h++) {
            const double *x = X + (size_t)r * D, *w = W + (size_t)h * D;
            const vec none = vec_set1(0);
            vec sum = none;
            int d = 0;
            for (; d + LANES <= D; d += LANES)
                sum += vec_max(vec_load(w + d) - vec_load(x + d), none);
            double s = vec_hsum(sum);
            for (; d < D; d++)
                s += w[d] > x[d] ? w[d] - x[d] : 0;
            out[(size_t)r * H + h] = -s;
        }
}
