/* slab_rows: units with a normal weight, integrated out. Included by truncated_kernel.c after truncated_discrete.h.
 *
 * With P = gram and c = A, integrating out the weights of the units S that are on gives c P_S^-1 c' / 2 - log|P_S| / 2.
 * Gaussian elimination does it a unit at a time: what a unit adds is c_h^2 / 2 P_hh - log(P_hh) / 2 with c and P as the units
 * before have left them, their Schur complement. The derivatives of that by c and P are, for any S, the posterior mean m of its
 * weights and -(P_S^-1 + m m') / 2: their averages over the states are the moments, found by eliminating backwards. */

/* What is left of c and P after unit h, for the units past h. Only j <= l of P is kept. */
static inline __attribute__((always_inline)) void SL_NAME(eliminate)(
    int C, int h, const vec *c, const vec *P, vec *c_left, vec *P_left)
{
    const vec inverse = 1 / P[h * C + h];
    for (int j = h + 1; j < C; j++) {
        const vec m = P[h * C + j] * inverse;
        c_left[j] = c[j] - m * c[h];
        for (int l = j; l < C; l++)
            P_left[j * C + l] = P[j * C + l] - m * P[h * C + l];
    }
}

/* F of the states that extend one with F = F0 by candidates from `first` on. c and P stand on a stack, a level a unit. */
static vec *SL_NAME(slab_extend)(
    const truncated_problem *p, int depth, int first, vec F0, vec *c, vec *P, const vec *odds, const vec *evidence,
    vec *out, vec *top)
{
    const int C = p->n_candidates;
    for (int h = first; h < C; h++) {
        const vec pivot = P[h * C + h];
        const vec gain = 0.5 * (c[h] * c[h] / pivot - vec_log(pivot)) + evidence[h];
        const vec F = F0 + p->inv_t * gain + odds[h];
        *out++ = F;
        *top = vec_max(*top, F);
        if (depth < p->max_active && h + 1 < C) {
            SL_NAME(eliminate)(C, h, c, P, c + C, P + C * C);
            out = SL_NAME(slab_extend)(p, depth + 1, h + 1, F, c + C, P + C * C, odds, evidence, out, top);
        }
    }
    return out;
}

/* The same walk with weights q: adds to dc and dP the derivatives, by c and P of this level, of the sum over the states of q
 * times what the units from `first` on add; to on[h] the weight of the states with h on. */
static const vec *SL_NAME(slab_moments)(
    const truncated_problem *p, int depth, int first, const vec *q, vec *total, vec *c, vec *P, vec *dc, vec *dP, vec *on)
{
    const int C = p->n_candidates;
    vec sum = vec_set1(0);
    for (int h = first; h < C; h++) {
        const vec inverse = 1 / P[h * C + h], x = c[h] * inverse;
        vec t = *q++, dc_h = vec_set1(0), dP_hh = vec_set1(0);
        if (depth < p->max_active && h + 1 < C) {
            vec *dc_left = dc + C, *dP_left = dP + C * C, extended;
            SL_NAME(eliminate)(C, h, c, P, c + C, P + C * C);
            for (int j = h + 1; j < C; j++) {
                dc_left[j] = vec_set1(0);
                for (int l = j; l < C; l++)
                    dP_left[j * C + l] = vec_set1(0);
            }
            q = SL_NAME(slab_moments)(
                p, depth + 1, h + 1, q, &extended, c + C, P + C * C, dc_left, dP_left, on);
            t += extended;
            for (int j = h + 1; j < C; j++) { /* c_j - P_hj c_h / P_hh and P_jl - P_hj P_hl / P_hh, differentiated */
                const vec m = P[h * C + j] * inverse;
                vec dP_hj = dc_left[j] * x;
                dc[j] += dc_left[j];
                dc_h -= dc_left[j] * m;
                dP_hh += dc_left[j] * m * x;
                for (int l = j; l < C; l++) {
                    const vec d = dP_left[j * C + l], m_l = P[h * C + l] * inverse;
                    dP[j * C + l] += d;
                    dP_hj += d * m_l;
                    dP[h * C + l] -= d * m;
                    dP_hh += d * m * m_l;
                }
                dP[h * C + j] -= dP_hj;
            }
        }
        dc[h] += dc_h + t * x;
        dP[h * C + h] += dP_hh - 0.5 * t * (x * x + inverse);
        on[h] += t;
        sum += t;
    }
    *total = sum;
    return q;
}

void SL_NAME(slab_rows)(
    const truncated_problem *p, int n, const double *A, const int32_t *perm, int moments, double *log_z, double *means,
    double *pairs, double *on_sums, double *joint, double *space)
{
    const int H = p->n_units, C = p->n_candidates, others = H - C, depth = p->max_active + 1;
    vec *on = (vec *)space, *odds = on + H, *evidence = odds + H, *single = evidence + H, *pivot = single + H;
    vec *square = pivot + H, *c = square + H, *P = c + depth * C, *dc = P + depth * C * C, *dP = dc + depth * C;
    vec *F = dP + depth * C * C;
    for (int start = 0; start < n; start += LANES) {
        const int rows = n - start < LANES ? n - start : LANES;
        for (int l = 0; l < LANES; l++) {
            const int row = start + (l < rows ? l : rows - 1);
            const int32_t *unit = perm + (size_t)row * H;
            for (int j = 0; j < H; j++) {
                PUT(single, j, l) = A[(size_t)row * H + unit[j]];
                PUT(pivot, j, l) = p->gram[(size_t)unit[j] * H + unit[j]];
                PUT(odds, j, l) = p->log_odds[unit[j]];
                PUT(evidence, j, l) = p->evidence[unit[j]];
            }
            for (int h = 0; h < C; h++)
                for (int j = h; j < C; j++)
                    PUT(P, h * C + j, l) = p->gram[(size_t)unit[h] * H + unit[j]];
        }
        vec top = vec_set1(0), log_sum;
        F[0] = top;
        for (int j = C; j < H; j++) {
            const vec gain = 0.5 * (single[j] * single[j] / pivot[j] - vec_log(pivot[j])) + evidence[j];
            F[1 + j - C] = p->inv_t * gain + odds[j];
            top = vec_max(top, F[1 + j - C]);
        }
        memcpy(c, single, C * sizeof(vec));
        SL_NAME(slab_extend)(p, 1, 0, vec_set1(0), c, P, odds, evidence, F + 1 + others, &top);
        for (int l = 0; joint && l < rows; l++)
            for (int s = 0; s < p->n_states; s++)
                joint[(size_t)(start + l) * p->n_states + s] = PUT(F, s, l);
        const vec scale = SL_NAME(normalise)(F, p->n_states, top, &log_sum);
        memcpy(log_z + start, &log_sum, rows * sizeof(double));
        if (!moments)
            continue;

        memset(on, 0, C * sizeof(vec));
        memset(dc, 0, C * sizeof(vec));
        memset(dP, 0, C * C * sizeof(vec));
        vec total;
        SL_NAME(slab_moments)(p, 1, 0, F + 1 + others, &total, c, P, dc, dP, on);
        for (int j = C; j < H; j++) {
            const vec q = F[1 + j - C], mean = single[j] / pivot[j];
            on[j] = scale * q;
            single[j] = scale * q * mean;
            square[j] = scale * q * (mean * mean + 1 / pivot[j]);
        }
        for (int h = 0; h < C; h++) {
            on[h] *= scale;
            single[h] = scale * dc[h];
            for (int j = h; j < C; j++)
                dP[h * C + j] *= (h == j ? -2 : -1) * scale;
        }
        for (int l = 0; l < rows; l++) {
            const int32_t *unit = perm + (size_t)(start + l) * H;
            for (int j = 0; j < H; j++) {
                means[(size_t)(start + l) * H + unit[j]] = PUT(single, j, l);
                on_sums[unit[j]] += PUT(on, j, l);
            }
            for (int h = 0; h < C; h++)
                for (int j = h; j < C; j++)
                    pairs[(size_t)unit[h] * H + unit[j]] += PUT(dP, h * C + j, l);
            for (int j = C; j < H; j++)
                pairs[(size_t)unit[j] * H + unit[j]] += PUT(square, j, l);
        }
    }
}
