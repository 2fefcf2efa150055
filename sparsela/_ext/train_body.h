/* One pass each over the numbers of a training step: updates of weights, activations and their chain rule, tiles of a
 * transpose. Plain loops without branches, which the compiler turns into vectors of every width; O(n), nothing allocated.
 *
 * Updates of w (n) by a gradient g and a decay: G = g + decay w.
 *     sgd        w -= rate G
 *     momentum   v = mu v - rate G;  w += v, or mu v - rate G with `nesterov`
 *     adam       m = beta_1 m + (1 - beta_1) G;  v = beta_2 v + (1 - beta_2) G^2;  w -= rate m / (sqrt v + epsilon)
 * `rate` of adam carries the correction of its bias. A velocity that fades, as under a unit that died, would end in
 * denormal numbers, which slow some processors tenfold: below TINY it is zero. */
#define TINY ((REAL)1e-30)
#define FLUSHED(x) ((x) < TINY && (x) > -TINY ? 0 : (x))

void SL_NAME(sgd)(REAL *restrict w, const REAL *restrict g, ptrdiff_t n, REAL rate, REAL decay)
{
    for (ptrdiff_t i = 0; i < n; i++)
        w[i] -= rate * (g[i] + decay * w[i]);
}

void SL_NAME(momentum)(REAL *restrict w, const REAL *restrict g, REAL *restrict v, ptrdiff_t n, REAL rate, REAL decay,
                       REAL mu, int nesterov)
{
    const REAL again = nesterov ? mu : 1, step = nesterov ? rate : 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL G = g[i] + decay * w[i], u = mu * v[i] - rate * G;
        v[i] = FLUSHED(u);
        w[i] += again * v[i] - step * G;
    }
}

void SL_NAME(adam)(REAL *restrict w, const REAL *restrict g, REAL *restrict m, REAL *restrict v, ptrdiff_t n, REAL rate,
                   REAL decay, REAL beta_1, REAL beta_2, REAL epsilon)
{
    const REAL rest_1 = 1 - beta_1, rest_2 = 1 - beta_2;
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL G = g[i] + decay * w[i];
        const REAL a = beta_1 * m[i] + rest_1 * G, b = beta_2 * v[i] + rest_2 * (G * G);
        m[i] = FLUSHED(a);
        v[i] = b < TINY ? 0 : b;
        w[i] -= rate * m[i] / (SQRT(v[i]) + epsilon);
    }
}

/* Activations in place: x or s x (|s| <= 1, either sign), and max(0, x)^2. NaN stays. */
void SL_NAME(slope)(REAL *z, ptrdiff_t n, REAL s)
{
    for (ptrdiff_t i = 0; i < n; i++)
        z[i] *= z[i] < 0 ? s : 1;
}

void SL_NAME(relu2)(REAL *z, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        z[i] = z[i] < 0 ? 0 : z[i] * z[i];
}

/* d *= the derivative, from the outputs a where they tell it (SL_SLOPE: from the inputs); the sum of d is returned. */
REAL SL_NAME(chain)(REAL *restrict d, const REAL *restrict a, ptrdiff_t n, int kind, REAL s)
{
    REAL sum = 0;
#define LOOP(FACTOR)                                                                                                   \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                                \
        d[i] = FACTOR;                                                                                                 \
        sum += d[i];                                                                                                   \
    }                                                                                                                  \
    break;
    switch (kind) {
    case SL_RELU:
        LOOP(a[i] > 0 ? d[i] : 0)
    case SL_SLOPE:
        LOOP(d[i] * (a[i] > 0 ? 1 : s))
    case SL_TANH:
        LOOP(d[i] * (1 - a[i] * a[i]))
    case SL_LOGISTIC:
        LOOP(d[i] * (a[i] * (1 - a[i])))
    case SL_RELU2:
        LOOP(d[i] * (2 * SQRT(a[i])))
    default:
        LOOP(d[i])
    }
#undef LOOP
    return sum;
}

/* SReLU of one unit, p = (t_l, a_l, t_r, a_r) with t_l <= t_r: straight lines below t_l and above t_r, x between. */
void SL_NAME(srelu)(const REAL *restrict z, REAL *restrict a, ptrdiff_t n, const REAL *p)
{
    const REAL tl = p[0], al = p[1], tr = p[2], ar = p[3];
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL x = z[i];
        a[i] = x <= tl ? tl + al * (x - tl) : x >= tr ? tr + ar * (x - tr) : x;
    }
}

REAL SL_NAME(srelu_chain)(REAL *restrict d, const REAL *restrict z, ptrdiff_t n, const REAL *p, REAL *dp)
{
    const REAL tl = p[0], al = p[1], tr = p[2], ar = p[3];
    REAL low = 0, low_x = 0, high = 0, high_x = 0, sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const REAL x = z[i];
        const REAL l = x <= tl ? d[i] : 0, h = x <= tl ? 0 : x >= tr ? d[i] : 0;
        low += l, low_x += l * (x - tl), high += h, high_x += h * (x - tr);
        d[i] *= x <= tl ? al : x >= tr ? ar : 1;
        sum += d[i];
    }
    dp[0] = (1 - al) * low, dp[1] = low_x, dp[2] = (1 - ar) * high, dp[3] = high_x;
    return sum;
}

/* A square of LANES x LANES, one vector a row, turned in place: blocks of h lanes change sides, h = LANES / 2 ... 1. */
#define UPPER(l, h) ((l) & (h) ? LANES + ((l) ^ (h)) : (l))
#define LOWER(l, h) ((l) & (h) ? LANES + (l) : (l) ^ (h))
#define SWAP_BLOCKS(h)                                                                                                 \
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) if (!(i & (h)))                                           \
    {                                                                                                                  \
        const vec a = q[i], b = q[i | (h)];                                                                            \
        q[i] = SHUFFLE(a, b, LIST(UPPER, h));                                                                          \
        q[i | (h)] = SHUFFLE(a, b, LIST(LOWER, h));                                                                    \
    }

static inline __attribute__((always_inline)) void SL_NAME(square)(
    const REAL *const *rows, ptrdiff_t j, REAL *out, ptrdiff_t ld)
{
    vec q[LANES];
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) q[i] = vec_load(rows[i] + j);
#if SL_WIDTH >> ITEM_BITS > 8
    SWAP_BLOCKS(8)
#endif
#if SL_WIDTH >> ITEM_BITS > 4
    SWAP_BLOCKS(4)
#endif
#if SL_WIDTH >> ITEM_BITS > 2
    SWAP_BLOCKS(2)
#endif
    SWAP_BLOCKS(1)
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) vec_store(out + i * ld, q[i]);
}

/* out[j, r] = rows[r][j] for first <= j < last, 0 for n_rows <= r < width: squares, then what is left of each side. */
void SL_NAME(tile)(const REAL *const *rows, int n_rows, ptrdiff_t first, ptrdiff_t last, REAL *out, ptrdiff_t ld,
                   ptrdiff_t width)
{
    const int whole = n_rows - n_rows % LANES;
    ptrdiff_t j = first;
    for (; j + LANES <= last; j += LANES)
        for (int r = 0; r < whole; r += LANES)
            SL_NAME(square)(rows + r, j, out + j * ld + r, ld);
    for (; j < last; j++)
        for (int r = 0; r < whole; r++)
            out[j * ld + r] = rows[r][j];
    for (j = first; j < last; j++) {
        for (int r = whole; r < n_rows; r++)
            out[j * ld + r] = rows[r][j];
        for (ptrdiff_t r = n_rows; r < width; r++)
            out[j * ld + r] = 0;
    }
}

#undef UPPER
#undef LOWER
#undef SWAP_BLOCKS
#undef TINY
#undef FLUSHED
