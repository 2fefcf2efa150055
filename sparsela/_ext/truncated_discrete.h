/* discrete_rows: units that take one of a few values. Included by truncated_kernel.c; the contract is in truncated_kernel.h. */

/* lanes of samples: element j of sample l is base[j * LANES + l] */
#define PUT(base, j, l) ((double *)(base))[(size_t)(j) * LANES + (l)]

/* exp(F - max F) in place of F, and log of its sum: what both kernels do between their walks */
static inline vec SL_NAME(normalise)(vec *F, int n_states, vec top, vec *log_z)
{
    vec z = vec_set1(0);
    for (int s = 0; s < n_states; s++) {
        F[s] = vec_exp(F[s] - top);
        z += F[s];
    }
    *log_z = top + vec_log(z);
    return 1 / z;
}

/* F of the states that extend one with F = F0 by candidates from `first` on; gain[h] = a_h - sum of v_l G_lh over its units. */
static vec *SL_NAME(discrete_extend)(
    const truncated_problem *p, int depth, int first, vec F0, vec *gain, const vec *gram, vec *out, vec *top)
{
    const int C = p->n_candidates;
    vec *below = gain + C;
    for (int h = first; h < C; h++)
        for (int i = 0; i < p->n_values; i++) {
            const double v = p->values[i];
            const vec F = F0 + v * (gain[h] - 0.5 * v * gram[h * C + h]) + p->log_odds[i];
            *out++ = F;
            *top = vec_max(*top, F);
            if (depth < p->max_active && h + 1 < C) {
                for (int j = h + 1; j < C; j++)
                    below[j] = gain[j] - v * gram[h * C + j];
                out = SL_NAME(discrete_extend)(p, depth + 1, h + 1, F, below, gram, out, top);
            }
        }
    return out;
}

/* Backwards over the same states with weights q: returns the end of these states, their sum in *total; adds to adj[h] the sum
 * of v_h q, to pairs[h, j] that of v_h v_j q (h = j: squares), to counts[i] how often value i is taken. */
static const vec *SL_NAME(discrete_moments)(
    const truncated_problem *p, int depth, int first, const vec *q, vec *total, vec *adj, vec *pairs, vec *counts)
{
    const int C = p->n_candidates;
    vec *below = adj + C, sum = vec_set1(0);
    for (int h = first; h < C; h++)
        for (int i = 0; i < p->n_values; i++) {
            const double v = p->values[i];
            vec t = *q++;
            if (depth < p->max_active && h + 1 < C) {
                vec extended;
                for (int j = h + 1; j < C; j++)
                    below[j] = vec_set1(0);
                q = SL_NAME(discrete_moments)(p, depth + 1, h + 1, q, &extended, below, pairs, counts);
                t += extended;
                for (int j = h + 1; j < C; j++) {
                    adj[j] += below[j];
                    pairs[h * C + j] += v * below[j];
                }
            }
            adj[h] += v * t;
            pairs[h * C + h] += v * v * t;
            counts[i] += t;
            sum += t;
        }
    *total = sum;
    return q;
}

void SL_NAME(discrete_rows)(
    const truncated_problem *p, int n, const double *A, const int32_t *perm, int moments, double *log_z, double *means,
    double *pairs, double *counts, double *joint, double *space)
{
    const int H = p->n_units, C = p->n_candidates, V = p->n_values, others = (H - C) * V;
    vec *a = (vec *)space, *norm = a + H, *gram = norm + H, *gains = gram + C * C, *adj = gains + (p->max_active + 1) * C;
    vec *second = adj + (p->max_active + 1) * C, *square = second + C * C, *count = square + H, *F = count + V;
    for (int start = 0; start < n; start += LANES) {
        const int rows = n - start < LANES ? n - start : LANES;
        for (int l = 0; l < LANES; l++) { /* lanes past the end repeat the last sample */
            const int row = start + (l < rows ? l : rows - 1);
            const int32_t *unit = perm + (size_t)row * H;
            for (int j = 0; j < H; j++) {
                PUT(a, j, l) = A[(size_t)row * H + unit[j]];
                PUT(norm, j, l) = p->gram[(size_t)unit[j] * H + unit[j]];
            }
            for (int h = 0; h < C; h++)
                for (int j = h; j < C; j++)
                    PUT(gram, h * C + j, l) = p->gram[(size_t)unit[h] * H + unit[j]];
        }
        vec top = vec_set1(0), log_sum;
        F[0] = top;
        for (int j = C; j < H; j++)
            for (int i = 0; i < V; i++) {
                const double v = p->values[i];
                const vec one = v * (a[j] - 0.5 * v * norm[j]) + p->log_odds[i];
                F[1 + (j - C) * V + i] = one;
                top = vec_max(top, one);
            }
        memcpy(gains, a, C * sizeof(vec));
        SL_NAME(discrete_extend)(p, 1, 0, vec_set1(0), gains, gram, F + 1 + others, &top);
        for (int l = 0; joint && l < rows; l++)
            for (int s = 0; s < p->n_states; s++)
                joint[(size_t)(start + l) * p->n_states + s] = PUT(F, s, l);
        const vec scale = SL_NAME(normalise)(F, p->n_states, top, &log_sum);
        memcpy(log_z + start, &log_sum, rows * sizeof(double));
        if (!moments)
            continue;

        memset(adj, 0, C * sizeof(vec));
        memset(second, 0, C * C * sizeof(vec));
        memset(count, 0, V * sizeof(vec));
        vec total;
        SL_NAME(discrete_moments)(p, 1, 0, F + 1 + others, &total, adj, second, count);
        for (int j = C; j < H; j++) { /* a and square now hold the moments of the other units */
            a[j] = square[j] = vec_set1(0);
            for (int i = 0; i < V; i++) {
                const vec q = F[1 + (j - C) * V + i];
                const double v = p->values[i];
                a[j] += v * q;
                square[j] += v * v * q;
                count[i] += q;
            }
        }
        for (int h = 0; h < C; h++)
            a[h] = adj[h];
        for (int j = 0; j < H; j++)
            a[j] *= scale, square[j] *= scale;
        for (int h = 0; h < C; h++)
            for (int j = h; j < C; j++)
                second[h * C + j] *= scale;
        for (int i = 0; i < V; i++)
            count[i] *= scale;
        for (int l = 0; l < rows; l++) {
            const int32_t *unit = perm + (size_t)(start + l) * H;
            for (int j = 0; j < H; j++)
                means[(size_t)(start + l) * H + unit[j]] = PUT(a, j, l);
            for (int h = 0; h < C; h++)
                for (int j = h; j < C; j++)
                    pairs[(size_t)unit[h] * H + unit[j]] += PUT(second, h * C + j, l);
            for (int j = C; j < H; j++)
                pairs[(size_t)unit[j] * H + unit[j]] += PUT(square, j, l);
            for (int i = 0; i < V; i++)
                counts[i] += PUT(count, i, l);
        }
    }
}
