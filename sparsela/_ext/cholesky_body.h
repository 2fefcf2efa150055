/* Cholesky factor of the Gram matrix of a set that grows and shrinks: append an element, delete one, solve.
 *
 *     G[S, S] = L L',   L lower triangular with a positive diagonal
 *
 * Included once for each element type, after simd.h (REAL, TAG and SL_NAME are in force). All static inline: a kernel
 * that includes it has the loops inlined. Contract:
 *     L   row i at L + i * ld holds its i + 1 entries; n <= ld of ld rows are in use. What lies above the diagonal has
 *         no meaning, so L may be uninitialised memory (delete writes one entry past the diagonal).
 *     b   n entries, overwritten by the solution; must not overlap L.
 * No allocation, no check. Cost: append n^2/2, a triangular solve n^2/2, delete 3/2 (n - p)^2 multiply-adds.
 * Called by the lasso and greedy kernels, and by cholesky.pyx for functions that keep a factor in Python. */

static inline __attribute__((always_inline)) REAL SL_NAME(chol_dot)(const REAL *x, const REAL *y, int n)
{
    vec s0 = vec_set1(0), s1 = vec_set1(0);
    int i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        s0 += vec_load(x + i) * vec_load(y + i);
        s1 += vec_load(x + i + LANES) * vec_load(y + i + LANES);
    }
    REAL s = i ? vec_hsum(s0 + s1) : 0;
    for (; i < n; i++)
        s += x[i] * y[i];
    return s;
}

/* b <- L^-1 b */
static inline void SL_NAME(chol_forward)(const REAL *L, int ld, int n, REAL *b)
{
    for (int i = 0; i < n; i++) {
        const REAL *row = L + (size_t)i * ld;
        b[i] = (b[i] - SL_NAME(chol_dot)(row, b, i)) / row[i];
    }
}

/* b <- L'^-1 b, by rows of L, so that memory is walked in order */
static inline void SL_NAME(chol_backward)(const REAL *L, int ld, int n, REAL *b)
{
    for (int i = n - 1; i >= 0; i--) {
        const REAL *row = L + (size_t)i * ld;
        const REAL x = b[i] /= row[i];
        int j = 0;
        for (; j + LANES <= i; j += LANES)
            vec_store(b + j, vec_load(b + j) - x * vec_load(row + j));
        for (; j < i; j++)
            b[j] -= x * row[j];
    }
}

/* b <- (L L')^-1 b */
static inline void SL_NAME(chol_solve)(const REAL *L, int ld, int n, REAL *b)
{
    SL_NAME(chol_forward)(L, ld, n, b);
    SL_NAME(chol_backward)(L, ld, n, b);
}

/* Add an element with products g (n entries) with those in the set and gnn with itself, n < ld.
 * Returns the pivot gnn - |L^-1 g|^2 (the squared distance from the span of the set), the square of the new diagonal
 * entry; 0 when it is not above min_pivot >= 0 (or is NaN): then the n rows stand as they were. */
static inline REAL SL_NAME(chol_append)(REAL *L, int ld, int n, const REAL *g, REAL gnn, REAL min_pivot)
{
    REAL *row = L + (size_t)n * ld;
    for (int i = 0; i < n; i++)
        row[i] = g[i];
    SL_NAME(chol_forward)(L, ld, n, row);
    const REAL pivot = gnn - SL_NAME(chol_dot)(row, row, n);
    if (!(pivot > min_pivot))
        return 0;
    row[n] = (REAL)sqrt((double)pivot);
    return pivot;
}

/* Remove element p of n; n - 1 rows are left. Without row p the rows below it reach one column past the diagonal;
 * rotations of columns (j, j + 1), j = p, p + 1, ..., bring them back. A block of rotations goes down all rows at once,
 * so a large factor is read (n - p) / CHOL_BLOCK times and not once a column. */
#define CHOL_BLOCK 32
static inline void SL_NAME(chol_delete)(REAL *L, int ld, int n, int p)
{
    REAL c[CHOL_BLOCK], s[CHOL_BLOCK];
    for (int i = p; i < n - 1; i++)
        memcpy(L + (size_t)i * ld, L + (size_t)(i + 1) * ld, sizeof(REAL) * (i + 2));
    for (int start = p; start < n - 1; start += CHOL_BLOCK) {
        const int block = n - 1 - start < CHOL_BLOCK ? n - 1 - start : CHOL_BLOCK;
        for (int i = start; i < n - 1; i++) {
            REAL *row = L + (size_t)i * ld + start;
            const int known = i - start < block ? i - start : block;
            REAL left = row[0];
            for (int t = 0; t < known; t++) {
                const REAL right = row[t + 1];
                row[t] = c[t] * left + s[t] * right;
                left = c[t] * right - s[t] * left;
            }
            if (known < block) { /* this rotation makes the row triangular: its entry past the diagonal goes to 0 */
                const REAL right = row[known + 1], length = (REAL)hypot((double)left, (double)right);
                c[known] = left / length;
                s[known] = right / length;
                left = length;
            }
            row[known] = left;
        }
    }
}
#undef CHOL_BLOCK
