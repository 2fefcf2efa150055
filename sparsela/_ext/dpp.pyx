# Samples of determinantal point processes on n items: by LDL', by eigenvectors, by exchanges.
#   float64 or complex128, checked by the caller; sample s of a call is sample first + s of the seed: the bits depend on
#   (seed, first + s) alone. Each returns how many items a set has; its items, ascending, are in the row of out.
#   ldl         K (n, n) marginal kernel; item j takes number start + j of the stream of its sample. n^3 / 3 multiply-adds a sample.
#   project     V (n, r) Fortran order, orthonormal columns; ladder (n, r) cumulative sums of |V|^2 down each column.
#               Columns are taken by coins: column c with chance[c, l], l being how many are still wanted (`wanted` at
#               first), from the last column to the first; or with chance[c, 0] where wanted < 0. Then the projection
#               process of the k chosen columns: an item is proposed with the weight |V_i|^2 / k (a column, then a
#               search in its ladder), and kept with the share of V_i outside the span of those before. About k log k
#               proposals of O(k^2) each, whatever n; where n is small against that, all n weights are kept up to date
#               instead, O(n k) an item.
#   exchange    lazy chains from the set `start` (k): L (n, n); a step is O(k^2).
# Memory a thread: n^2 (ldl), k^2 + n (project), 2 k^2 + n (exchange). BLAS on one thread. Called by sparsela.dpp.

from cython.parallel cimport prange, threadid
from libc.math cimport log, sqrt
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from scipy.linalg.cython_blas cimport daxpy, dgemv, zaxpy, zgemv

from sparsela._ext.ldl cimport NB, Stream, conj, ldl_sample, real, scalar, sl_hash, sl_hash_key, sl_uniform, square, uniform

import numpy as np


cdef void *memory(size_t bytes) except NULL:
    cdef void *block = malloc(bytes + 64)
    if block == NULL:
        raise MemoryError("no memory for the scratch of a sampler")
    return block


def ldl(const scalar[:, ::1] K, uint64_t seed, Py_ssize_t first, int64_t[:, ::1] out, int n_threads, uint64_t start=0):
    cdef int n = <int> K.shape[0]
    cdef Py_ssize_t s, n_samples = out.shape[0]
    cdef size_t each = <size_t> n * (n + NB)
    cdef int[::1] sizes = np.zeros(n_samples, np.intc)
    cdef scalar *A = <scalar *> memory(each * n_threads * sizeof(scalar))
    cdef scalar *mine
    for s in prange(n_samples, num_threads=n_threads, schedule="static", nogil=True):
        mine = A + each * threadid()
        memcpy(mine, &K[0, 0], <size_t> n * n * sizeof(scalar))
        sizes[s] = ldl_one(mine, n, sl_hash_key(seed, first + s), start, &out[s, 0])
    free(A)
    return np.asarray(sizes)


cdef int ldl_one(scalar *A, int n, uint64_t key, uint64_t start, int64_t *out) noexcept nogil:
    cdef Stream stream
    stream.key, stream.id = key, start
    return ldl_sample(A, n, n, A + <size_t> n * n, &stream, out, -1)


cdef int choose(const double[:, ::1] chance, int wanted, uint64_t key, int *columns) noexcept nogil:
    """Columns taken, last first; column c has uniform number c."""
    cdef int c, k = 0, left = wanted
    for c in range(<int> chance.shape[0] - 1, -1, -1):
        if left == 0:
            break
        if sl_uniform(sl_hash(key, c)) < chance[c, max(left, 0)]:
            columns[k] = c
            k += 1
            left -= 1 if left > 0 else 0
    return k


cdef struct Bench:  # of one thread
    int *columns  # (r)
    void *F  # (k, k): orthonormal basis of the chosen rows, a column each
    void *v  # (k)
    void *c  # (k)
    void *g  # (n)
    double *p  # (n)


def project(const scalar[::1, :] V, const double[::1, :] ladder, const double[:, ::1] chance, int wanted,
            uint64_t seed, Py_ssize_t first, Py_ssize_t n_samples, int n_threads):
    cdef Py_ssize_t s, n = V.shape[0]
    cdef int r = <int> V.shape[1], k = 0, t
    cdef int[::1] sizes = np.zeros(n_samples, np.intc)
    cdef int *columns = <int *> memory(<size_t> n_threads * (r + 16) * sizeof(int))
    with nogil:
        for s in prange(n_samples, num_threads=n_threads, schedule="static"):
            sizes[s] = choose(chance, wanted, sl_hash_key(seed, first + s), columns + <size_t> threadid() * (r + 16))
        for s in range(n_samples):
            k = max(k, sizes[s])
    cdef int64_t[:, ::1] out = np.zeros((n_samples, max(k, 1)), np.int64)
    cdef size_t unit = sizeof(scalar), bytes = (<size_t> k * (k + 2) + n + 8) * unit + n * sizeof(double)
    cdef char *block = <char *> memory(bytes * n_threads)
    cdef Bench *bench = <Bench *> memory(n_threads * sizeof(Bench))
    for t in range(n_threads):
        bench[t].columns = columns + <size_t> t * (r + 16)
        bench[t].F = block + bytes * t
        bench[t].v = <scalar *> bench[t].F + <size_t> k * k
        bench[t].c = <scalar *> bench[t].v + k
        bench[t].g = <scalar *> bench[t].c + k
        bench[t].p = <double *> (<scalar *> bench[t].g + n)
    for s in prange(n_samples, num_threads=n_threads, schedule="dynamic", nogil=True):
        project_one(V, ladder, chance, wanted, sl_hash_key(seed, first + s), bench + threadid(), &out[s, 0])
    free(bench)
    free(block)
    free(columns)
    return np.asarray(out), np.asarray(sizes)


cdef void project_one(const scalar[::1, :] V, const double[::1, :] ladder, const double[:, ::1] chance, int wanted,
                      uint64_t key, Bench *b, int64_t *out) noexcept nogil:
    cdef Py_ssize_t n = V.shape[0], i
    cdef int k = choose(chance, wanted, key, b.columns), t = 0, a
    cdef int64_t tries = 0, most = 20 * <int64_t> k + 100
    cdef scalar *v = <scalar *> b.v
    cdef bint by_proposals = n > k * (1 + log(max(k, 1)))
    cdef double norm, left, threshold, x
    cdef Stream stream
    stream.key, stream.id = key, <uint64_t> chance.shape[0]
    if not by_proposals:
        weights(V, b, k, 0)
    while t < k:
        if by_proposals:
            tries += 1
            if tries > most:  # the last of many items: a proposal is rarely kept
                by_proposals = False
                weights(V, b, k, t)
                continue
            a = b.columns[<int> (uniform(&stream) * k)]
            i = search(&ladder[0, a], n, uniform(&stream) * ladder[n - 1, a])
        else:
            x = 0
            for i in range(n):
                x += b.p[i]
            i = draw(b.p, n, uniform(&stream) * x)
        if among(out, t, i):
            continue
        norm = 0
        for a in range(k):
            v[a] = V[i, b.columns[a]]
            norm += square(v[a])
        threshold = uniform(&stream) * norm if by_proposals else -1
        left = outside(b, k, t, norm, threshold, v)
        if left < threshold or left <= 0:
            continue
        outside(b, k, t, left, -1, v)  # twice is enough (Kahan)
        norm = 0
        for a in range(k):
            norm += square(v[a])
        norm = 1 / sqrt(norm)
        for a in range(k):
            (<scalar *> b.F)[a + <size_t> t * k] = v[a] * norm
        out[t] = i
        t += 1
        if not by_proposals:
            take_off(V, b, k, t - 1)
            b.p[i] = 0
    sort(out, k)


cdef double outside(Bench *b, int k, int t, double norm, double threshold, scalar *v) noexcept nogil:
    """|v|^2 outside the span of the first t columns of F, and v left there; stops early once it is below threshold."""
    cdef int done = 0, step, one = 1, a
    cdef scalar unit = 1, zero = 0, minus = -1
    cdef scalar *c = <scalar *> b.c
    cdef scalar *F
    while done < t:
        step = min(16, t - done) if threshold >= 0 else t - done
        F = <scalar *> b.F + <size_t> done * k
        if scalar is double:
            dgemv(b"T", &k, &step, &unit, F, &k, v, &one, &zero, c + done, &one)
        else:
            zgemv(b"C", &k, &step, &unit, F, &k, v, &one, &zero, c + done, &one)
        for a in range(done, done + step):
            norm -= square(c[a])
        done += step
        if norm < threshold:
            return norm
    if t:
        if scalar is double:
            dgemv(b"N", &k, &t, &minus, <scalar *> b.F, &k, c, &one, &unit, v, &one)
        else:
            zgemv(b"N", &k, &t, &minus, <scalar *> b.F, &k, c, &one, &unit, v, &one)
    return norm


cdef void weights(const scalar[::1, :] V, Bench *b, int k, int t) noexcept nogil:
    """p_i = |V_i|^2 outside the span of the first t columns of F."""
    cdef Py_ssize_t n = V.shape[0], i
    cdef int a
    for i in range(n):
        b.p[i] = 0
    for a in range(k):
        for i in range(n):
            b.p[i] += square(V[i, b.columns[a]])
    for a in range(t):
        take_off(V, b, k, a)


cdef void take_off(const scalar[::1, :] V, Bench *b, int k, int f) noexcept nogil:
    """p_i -= |<F_f, V_i>|^2."""
    cdef Py_ssize_t n = V.shape[0], i
    cdef int a, size = <int> n, one = 1
    cdef scalar weight
    cdef scalar *g = <scalar *> b.g
    for i in range(n):
        g[i] = 0
    for a in range(k):
        weight = conj((<scalar *> b.F)[a + <size_t> f * k])
        if scalar is double:
            daxpy(&size, &weight, <scalar *> &V[0, b.columns[a]], &one, g, &one)
        else:
            zaxpy(&size, &weight, <scalar *> &V[0, b.columns[a]], &one, g, &one)
    for i in range(n):
        b.p[i] = max(b.p[i] - square(g[i]), 0)


cdef Py_ssize_t search(const double *ladder, Py_ssize_t n, double x) noexcept nogil:
    """The first index whose rung is above x; the last one at most."""
    cdef Py_ssize_t low = 0, high = n - 1, middle
    while low < high:
        middle = (low + high) >> 1
        if ladder[middle] > x:
            high = middle
        else:
            low = middle + 1
    return low


cdef Py_ssize_t draw(const double *p, Py_ssize_t n, double x) noexcept nogil:
    cdef Py_ssize_t i, last = 0
    for i in range(n):
        if p[i] > 0:
            last = i
            x -= p[i]
            if x < 0:
                break
    return last


cdef bint among(const int64_t *items, int t, Py_ssize_t i) noexcept nogil:
    cdef int a
    for a in range(t):
        if items[a] == i:
            return True
    return False


cdef void sort(int64_t *items, int k) noexcept nogil:
    cdef int a, at
    cdef int64_t item
    for a in range(1, k):
        item, at = items[a], a
        while at and items[at - 1] > item:
            items[at] = items[at - 1]
            at -= 1
        items[at] = item


def exchange(const scalar[:, ::1] L, const int64_t[::1] start, int64_t n_steps, uint64_t seed, Py_ssize_t first,
             int64_t[:, ::1] out, int n_threads):
    cdef Py_ssize_t s, n_samples = out.shape[0], n = L.shape[0]
    cdef int k = <int> start.shape[0]
    cdef size_t each = 2 * <size_t> k * (k + 1)
    cdef scalar *R = <scalar *> memory(each * n_threads * sizeof(scalar))
    cdef uint8_t *taken = <uint8_t *> memory(n * n_threads)
    for s in prange(n_samples, num_threads=n_threads, schedule="dynamic", nogil=True):
        chain(L, start, n_steps, sl_hash_key(seed, first + s), R + each * threadid(), taken + n * threadid(), &out[s, 0])
    free(R)
    free(taken)


cdef void chain(const scalar[:, ::1] L, const int64_t[::1] start, int64_t n_steps, uint64_t key, scalar *R,
                uint8_t *taken, int64_t *S) noexcept nogil:
    """S in the order of the rows of its factor R (L_S = R R', lower, rows k + 1 apart); a trial is made in a copy."""
    cdef Py_ssize_t n = L.shape[0]
    cdef int k = <int> start.shape[0], ld = k + 1, p, a, accepted = 0
    cdef int64_t step, j
    cdef double ratio
    cdef scalar *trial = R + <size_t> k * ld
    cdef Stream stream
    stream.key, stream.id = key, 0
    for j in range(n):
        taken[j] = 0
    for a in range(k):
        S[a] = start[a]
        taken[S[a]] = 1
    factor(L, S, k, R)
    for step in range(n_steps):
        if uniform(&stream) < 0.5:
            continue
        p = <int> (uniform(&stream) * k)
        while True:
            j = <int64_t> (uniform(&stream) * n)
            if not taken[j]:
                break
        memcpy(trial, R, <size_t> k * ld * sizeof(scalar))
        ratio = remove(trial, k, p)
        ratio *= append(L, S, k - 1, p, j, trial, ld)
        if uniform(&stream) < ratio:
            taken[S[p]], taken[j] = 0, 1
            for a in range(p, k - 1):
                S[a] = S[a + 1]
            S[k - 1] = j
            memcpy(R, trial, <size_t> k * ld * sizeof(scalar))
            accepted += 1
            if accepted % 100 == 0:  # rounding of many rotations
                factor(L, S, k, R)
    sort(S, k)


cdef void factor(const scalar[:, ::1] L, const int64_t *S, int k, scalar *R) noexcept nogil:
    cdef int t
    for t in range(k):
        append(L, S, t, k, S[t], R, k + 1)


cdef double append(const scalar[:, ::1] L, const int64_t *S, int t, int skip, int64_t j, scalar *R,
                   int ld) noexcept nogil:
    """Row t of R for item j; the items before it are those of S without place `skip`. Returns its squared pivot."""
    cdef int a, c
    cdef scalar x
    cdef double pivot = real(L[j, j])
    cdef scalar *row = R + <size_t> t * ld
    for a in range(t):
        x = L[j, S[a + 1 if a >= skip else a]]
        for c in range(a):
            x = x - row[c] * conj(R[<size_t> a * ld + c])
        row[a] = x / real(R[<size_t> a * ld + a])
        pivot -= square(row[a])
    if pivot < 0:
        pivot = 0
    row[t] = sqrt(pivot)
    return pivot


cdef double remove(scalar *R, int k, int p) noexcept nogil:
    """Take row p out, and the factor back to a triangle by rotations; returns det after over det before."""
    cdef int ld = k + 1, i, j
    cdef double ratio = 1, length
    cdef scalar a, b, x, y
    for i in range(p, k):
        ratio /= square(R[<size_t> i * ld + i])
    for i in range(p, k - 1):
        memcpy(R + <size_t> i * ld, R + <size_t> (i + 1) * ld, (i + 2) * sizeof(scalar))
    for j in range(p, k - 1):
        a, b = R[<size_t> j * ld + j], R[<size_t> j * ld + j + 1]
        length = sqrt(square(a) + square(b))
        for i in range(j, k - 1):
            x, y = R[<size_t> i * ld + j], R[<size_t> i * ld + j + 1]
            R[<size_t> i * ld + j] = (conj(a) * x + conj(b) * y) / length
            R[<size_t> i * ld + j + 1] = (a * y - b * x) / length
        ratio *= length * length
    return ratio
