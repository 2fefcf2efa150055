# Samples of a determinantal point process of n points with a kernel, n large: trials of a few points each.
#
# Score of point i:  l_i = alpha (L_ii - |row i of kernel(X, D) M|^2), M (m, q) as in sparsela.dpp._plan
# One trial:  the points of a Poisson process of rate rho l_i, rho = r exp(1/r); t of them, t_i at point i;
#             w_i = sqrt(alpha t_i / (r l_i)), A = I + w L w' on the distinct ones; accepted where
#             log u <= offset - t / r + log det A, offset = z - log det (I + alpha C);
#             then one set of the process with likelihood w L w', by LDL'; kept if it has `size` items (size >= 0).
# A Poisson process on a line gives counts and places at once, in order: gaps are exponential.
#
#   X (n, d) float64; family 0: exp(-gamma |x - y|^2), family 1: (gamma <x, y> + coef0)^degree.
#   score (n) and its cumulative sums `ladder` (n), where all are known. Else score is empty, ladder holds the sums of
#   the diagonal of L (empty: it is 1), D (m, d) and M (m, q): points are proposed with the bound alpha L_ii for their
#   score and thinned; seen (n) is set at every point whose kernel row is made.
#   diag (n) diagonal of L, or empty: 1. No score is below alpha least L_ii, a bound that rounding may miss.
# Sample s of a call is sample first + s of the seed; its bits depend on (seed, first + s) alone. A trial costs
# d t^2 + t^3 / 3, less where a bound of the determinant (Hadamard) rules it out before; a set t^3 more.
# Memory a thread: t^2 + O(t (d + m)). BLAS on one thread, no GIL, threads share out samples. Called by sparsela.dpp.

from cython.parallel cimport prange, threadid
from libc.math cimport exp, floor, log, log1p, pow, sqrt
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from scipy.linalg.cython_blas cimport dgemm, dsyrk, dtrsm
from scipy.linalg.cython_lapack cimport dpotrf, dpotri

from sparsela._ext.ldl cimport NB, Stream, ldl_sample, sl_hash_key, uniform

import numpy as np

cdef extern from "dpp_kernel.h" nogil:
    ctypedef void (*exp_nonpositive_t)(double *, size_t) noexcept
    exp_nonpositive_t exp_nonpositive_pick()

cdef enum:
    STRIP = 64  # candidates whose scores are made together
    NOT_PSD = -2
    EXHAUSTED = -3
    NO_MEMORY = -4

cdef exp_nonpositive_t exp_nonpositive = exp_nonpositive_pick()

cdef struct Plan:
    const double *X
    const double *score
    const double *ladder
    const double *diag
    const double *D
    const double *M
    double *lifted  # (m, d + 2): the rows of D
    uint8_t *seen
    int64_t n, max_trials
    int failed  # of some sample: the others need not go on
    int d, m, q, family, size, cap
    double gamma, coef0, degree, alpha, r, offset, total, least

cdef struct Bench:  # of one thread
    int64_t *point  # these five: cap
    int64_t *chosen
    double *count
    double *score
    double *weight
    double *H  # (STRIP, m + q + d + 2)
    double *P  # (t, d + 2): this and what follows in one block, which grows to the largest t met
    double *Q  # (t, d + 2)
    double *A  # (t, t), with scratch for ldl_sample behind
    size_t size


def trials(const double[:, ::1] X, const double[::1] score, const double[::1] ladder, const double[::1] diag,
           const double[:, ::1] D, const double[:, ::1] M, uint8_t[::1] seen, dict numbers, int size,
           int64_t max_trials, uint64_t seed, Py_ssize_t first, Py_ssize_t n_samples, int n_threads):
    """Sets (n_samples, most), their sizes, trials made, and trials accepted; size -2: a kernel that is not PSD, -3: max_trials, -4: memory."""
    cdef Plan plan
    plan.X, plan.n, plan.d = &X[0, 0], X.shape[0], <int> X.shape[1]
    plan.score = &score[0] if score.shape[0] else NULL
    plan.ladder = &ladder[0] if ladder.shape[0] else NULL
    plan.diag = &diag[0] if diag.shape[0] else NULL
    plan.seen = &seen[0] if seen.shape[0] else NULL
    plan.m, plan.q = <int> D.shape[0], <int> M.shape[1]
    plan.D = &D[0, 0] if plan.m else NULL
    plan.M = &M[0, 0] if plan.q else NULL
    plan.family, plan.gamma, plan.coef0, plan.degree = (
        numbers["family"], numbers["gamma"], numbers["coef0"], numbers["degree"])
    plan.alpha, plan.r, plan.offset, plan.total = (
        numbers["alpha"], numbers["r"], numbers["offset"], numbers["total"])
    plan.least = numbers["least"]
    plan.size, plan.max_trials, plan.failed = size, max_trials, 0
    # More points come with a chance below 1e-30; that trial would be refused.
    cdef double mean = plan.r * exp(1 / plan.r) * plan.total
    plan.cap = <int> (mean + 12 * sqrt(mean) + 64)

    cdef int t
    cdef Py_ssize_t s, most = size if size >= 0 else plan.cap
    cdef int64_t[:, ::1] out = np.zeros((n_samples, max(most, 1)), np.int64)
    cdef int[::1] sizes = np.zeros(n_samples, np.intc)
    cdef int64_t[:, ::1] made = np.zeros((n_samples, 2), np.int64)
    cdef size_t cap = plan.cap, wide = plan.d + 2, lazy = 0 if plan.score != NULL else STRIP
    cdef size_t each = cap * 5 + lazy * (plan.m + plan.q + wide) + 64
    cdef double *block = <double *> malloc((each * n_threads + plan.m * wide) * sizeof(double))
    cdef Bench *bench = <Bench *> malloc(n_threads * sizeof(Bench))
    if block == NULL or bench == NULL:
        free(block)
        free(bench)
        raise MemoryError(f"no memory for trials of {plan.cap} points")
    for t in range(n_threads):
        bench[t].point = <int64_t *> (block + each * t)
        bench[t].chosen = bench[t].point + cap
        bench[t].count = <double *> (bench[t].chosen + cap)
        bench[t].score = bench[t].count + cap
        bench[t].weight = bench[t].score + cap
        bench[t].H = bench[t].weight + cap
        bench[t].P, bench[t].size = NULL, 0
    plan.lifted = block + each * n_threads
    for t in range(plan.m):
        colift(&plan, &D[t, 0], &D[0, 0], plan.lifted + t * wide)
    for s in prange(n_samples, num_threads=n_threads, schedule="dynamic", nogil=True):
        sizes[s] = sample(&plan, sl_hash_key(seed, first + s), bench + threadid(), &out[s, 0], &made[s, 0])
        if sizes[s] < 0:
            fail(&plan)
    for t in range(n_threads):
        free(bench[t].P)
    free(block)
    free(bench)
    return np.asarray(out), np.asarray(sizes), np.asarray(made)


cdef void fail(Plan *plan) noexcept nogil:
    plan.failed = 1


cdef int sample(const Plan *plan, uint64_t key, Bench *b, int64_t *out, int64_t *made) noexcept nogil:
    cdef int t, a, k
    cdef double total, slack, need
    cdef Stream stream
    stream.key, stream.id = key, 0
    while made[0] < plan.max_trials and not plan.failed:
        made[0] += 1
        t = points(plan, &stream, b, &total)
        if t < 0:
            continue
        if not room(plan, b, t):
            return NO_MEMORY
        need = log(uniform(&stream)) - plan.offset + total / plan.r
        slack = factor(plan, b, t, need)
        if slack < 0:
            continue
        if need + slack > total / plan.r - plan.offset + 1e-6:
            return NOT_PSD
        made[1] += 1
        k = pick(plan, b, t, &stream)
        if k < 0:
            continue
        for a in range(k):
            out[a] = b.point[b.chosen[a]]
        return k
    return EXHAUSTED


cdef bint room(const Plan *plan, Bench *b, size_t t) noexcept nogil:
    """Make b.P, b.Q and b.A large enough for t points. Grows a few times in all, so that no trial allocates."""
    cdef size_t wide = plan.d + 2, need = t * (2 * wide + t + NB) + 8
    if need > b.size:
        free(b.P)
        b.size = need + need / 2
        b.P = <double *> malloc(b.size * sizeof(double))
        if b.P == NULL:
            b.size = 0
            return False
    b.Q = b.P + t * wide
    b.A = b.Q + t * wide
    return True


cdef int points(const Plan *plan, Stream *stream, Bench *b, double *total) noexcept nogil:
    """The points of a trial, merged and ascending, with counts and scores; their number, -1 where there is no room."""
    cdef double rate = plan.r * exp(1 / plan.r), end, x = 0
    cdef int t = 0, a, c, kept, block, strip
    cdef int64_t i = 0
    end = plan.total * rate
    while True:
        x -= log(uniform(stream))
        if x >= end:
            break
        if plan.ladder == NULL:
            i = min(<int64_t> floor(x / end * plan.n), plan.n - 1)
        else:
            i = rung(plan, x / end * plan.ladder[plan.n - 1], i)
        if t and b.point[t - 1] == i:
            b.count[t - 1] += 1
        elif t == plan.cap:
            return -1
        else:
            b.point[t], b.count[t] = i, 1
            t += 1
    total[0] = 0
    if plan.score != NULL:
        for a in range(t):
            b.score[a] = plan.score[b.point[a]]
            total[0] += b.count[a]
        return t
    kept = 0
    for block in range((t + STRIP - 1) // STRIP):
        a = block * STRIP
        strip = min(STRIP, t - a)
        scores(plan, b, a, strip)
        for c in range(a, a + strip):
            x = 0
            end = b.score[c] / (plan.alpha * (plan.diag[b.point[c]] if plan.diag != NULL else 1))
            for i in range(<int64_t> b.count[c]):
                x += uniform(stream) < end
            if x > 0:
                b.point[kept], b.count[kept], b.score[kept] = b.point[c], x, b.score[c]
                kept += 1
                total[0] += x
    return kept


cdef int64_t rung(const Plan *plan, double x, int64_t low) noexcept nogil:
    """The first index, from `low` on, whose cumulative sum is above x: steps that double, then a search between."""
    cdef int64_t step = 1, high = low, middle
    while high < plan.n - 1 and plan.ladder[high] <= x:
        low = high + 1
        high = min(high + step, plan.n - 1)
        step *= 2
    while low < high:
        middle = (low + high) >> 1
        if plan.ladder[middle] > x:
            high = middle
        else:
            low = middle + 1
    return min(low, plan.n - 1)


cdef void scores(const Plan *plan, Bench *b, int start, int strip) noexcept nogil:
    cdef int a, c, wide = plan.d + 2, m = plan.m, q = plan.q
    cdef double one = 1, zero = 0, x, least
    cdef double *Y = b.H + <size_t> STRIP * m
    cdef double *P = Y + <size_t> STRIP * q
    cdef const double *row
    for a in range(strip):
        row = plan.X + b.point[start + a] * plan.d
        lift(plan, row, plan.D, P + a * wide)
        plan.seen[b.point[start + a]] = 1
    dgemm(b"T", b"N", &m, &strip, &wide, &one, plan.lifted, &wide, P, &wide, &zero, b.H, &m)
    finish(plan, b.H, <size_t> m * strip)
    dgemm(b"N", b"N", &q, &strip, &m, &one, <double *> plan.M, &q, b.H, &m, &zero, Y, &q)
    for a in range(strip):
        x = plan.diag[b.point[start + a]] if plan.diag != NULL else 1
        least = plan.least * x
        for c in range(q):
            x -= Y[c + <size_t> a * q] * Y[c + <size_t> a * q]
        b.score[start + a] = plan.alpha * max(x, least)


cdef void lift(const Plan *plan, const double *x, const double *centre, double *out) noexcept nogil:
    """(2 gamma (x - c), -gamma |x - c|^2, 1), whose product with (y - c, 1, -gamma |y - c|^2) is -gamma |x - y|^2."""
    cdef int a
    cdef double norm = 0, y
    if plan.family:
        for a in range(plan.d):
            out[a] = plan.gamma * x[a]
        out[plan.d], out[plan.d + 1] = plan.coef0, 0
        return
    for a in range(plan.d):
        y = x[a] - centre[a]
        norm += y * y
        out[a] = 2 * plan.gamma * y
    out[plan.d], out[plan.d + 1] = -plan.gamma * norm, 1


cdef void colift(const Plan *plan, const double *x, const double *centre, double *out) noexcept nogil:
    cdef int a
    cdef double norm = 0, y
    for a in range(plan.d):
        y = x[a] if plan.family else x[a] - centre[a]
        norm += y * y
        out[a] = y
    out[plan.d], out[plan.d + 1] = 1, -plan.gamma * norm


cdef void finish(const Plan *plan, double *x, size_t n) noexcept nogil:
    cdef size_t a
    if plan.family == 0:
        exp_nonpositive(x, n)
    elif plan.degree != 1:
        for a in range(n):
            x[a] = pow(x[a], plan.degree)


cdef double factor(const Plan *plan, Bench *b, int t, double need) noexcept nogil:
    """Cholesky factor of A in b.A (lower, t apart); log det A - need, or -1 as soon as it cannot reach 0."""
    cdef int a, c, strip, nb, rest, info, wide = plan.d + 2
    cdef double one = 1, zero = 0, minus = -1, bound = 0, found = 0
    cdef double *A = b.A
    for a in range(t):
        b.weight[a] = sqrt(plan.alpha * b.count[a] / (plan.r * b.score[a]))
        bound += log1p(b.weight[a] * b.weight[a] * (plan.diag[b.point[a]] if plan.diag != NULL else 1))
    if bound < need:
        return -1
    for a in range(t):
        lift(plan, plan.X + b.point[a] * plan.d, plan.X + b.point[0] * plan.d, b.P + a * wide)
        colift(plan, plan.X + b.point[a] * plan.d, plan.X + b.point[0] * plan.d, b.Q + a * wide)
    for strip in range((t + NB - 1) // NB):  # the lower triangle, a strip of columns at a time
        c = strip * NB
        nb, rest = min(NB, t - c), t - c
        dgemm(b"T", b"N", &rest, &nb, &wide, &one, b.P + c * wide, &wide, b.Q + c * wide, &wide, &zero,
              A + c + <size_t> c * t, &t)
        for a in range(c, c + nb):
            finish(plan, A + a + <size_t> a * t, t - a)
            for info in range(a, t):
                A[info + <size_t> a * t] *= b.weight[info] * b.weight[a]
            if plan.family == 0:
                A[a + <size_t> a * t] = b.weight[a] * b.weight[a]
            A[a + <size_t> a * t] += 1
    for strip in range((t + NB - 1) // NB):
        c = strip * NB
        nb, rest = min(NB, t - c), t - c - min(NB, t - c)
        dpotrf(b"L", &nb, A + c + <size_t> c * t, &t, &info)
        if info:
            return 1e300  # not PSD: the caller sees a determinant past its bound
        for a in range(c, c + nb):
            found += 2 * log(A[a + <size_t> a * t])
        if rest == 0:
            break
        dtrsm(b"R", b"L", b"T", b"N", &rest, &nb, &one, A + c + <size_t> c * t, &t, A + c + nb + <size_t> c * t, &t)
        dsyrk(b"L", b"N", &rest, &nb, &minus, A + c + nb + <size_t> c * t, &t, &one,
              A + c + nb + <size_t> (c + nb) * t, &t)
        bound = found
        for a in range(c + nb, t):
            bound += log(A[a + <size_t> a * t])
        if bound < need:
            return -1
    return found - need if found >= need else -1


cdef int pick(const Plan *plan, Bench *b, int t, Stream *stream) noexcept nogil:
    """A set of the process with marginal kernel I - A^-1, from the factor."""
    cdef int a, c, info
    if t == 0:
        return 0 if plan.size <= 0 else -1
    dpotri(b"L", &t, b.A, &t, &info)
    for c in range(t):
        for a in range(c, t):
            b.A[a + <size_t> c * t] = -b.A[a + <size_t> c * t]
        b.A[c + <size_t> c * t] += 1
    return ldl_sample(b.A, t, t, b.A + <size_t> t * t, stream, b.chosen, plan.size)
