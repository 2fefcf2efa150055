# One half-sweep of alternating least squares: each row of U is solved for, given V and the entries of its row.
#   indptr (m + 1) int64, indices (nnz) int32 below V's rows, data (nnz); U (m, ld), V (n, ld) C order, columns from k on
#   zero, ld a multiple of 64 bytes; weights (m): row i minimises sum_e (b_e - v_e . u)^2 + weights_i |u|^2.
#   bounds (parts + 1): rows of each part, parts of like numbers of entries, whatever the number of threads.
#   solver 0: Cholesky of the normal matrix (nnz k^2 + m k^3 / 3 flops); of short rank, and no weight: the shortest u, by
#   eigenvectors. 1: `steps` steps of CG from the u given (4 nnz k flops a step). 2: rows of 4 k entries and more are
#   sketched (CountSketch to 2 k + 10 rows), and CGLS preconditioned by the triangle of the sketch runs until the gradient
#   is 1e-6 of the first; the others as 0.
#   A row without entries becomes zero. A row is done by one thread (the caller holds BLAS to one): the same bits always.
# Called by lowrank._observed.

from cython.parallel cimport prange, threadid
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport dgemv, dsyrk, dtrsv, sgemv, ssyrk, strsv
from scipy.linalg.cython_lapack cimport dgelqf, dposv, dsyev, sgelqf, sposv, ssyev

cdef extern from "hash.h" nogil:
    uint64_t sl_hash(uint64_t key, uint64_t id)
    uint64_t sl_bucket(uint64_t h, uint64_t k)
    int sl_sign(uint64_t h)

cdef extern from "als_kernel.h" nogil:
    void als_dots_double(const double *, int, const int32_t *, int64_t, const double *, double *)
    void als_dots_float(const float *, int, const int32_t *, int64_t, const float *, float *)
    void als_gather_double(const double *, int, const int32_t *, int64_t, const double *, double, const double *, double *)
    void als_gather_float(const float *, int, const int32_t *, int64_t, const float *, float, const float *, float *)
    void als_cg_double(const double *, int, const int32_t *, const double *, int64_t, double, double *, int, double *)
    void als_cg_float(const float *, int, const int32_t *, const float *, int64_t, float, float *, int, float *)

ctypedef fused real:
    float
    double

cdef enum:
    BLOCK = 128  # rows gathered at a time
    MOST = 60  # steps of CGLS: an embedding that is any good needs a third of them
    LQ_BLOCK = 32

cdef double ENOUGH = 1e-6


cdef inline void gemv(char *trans, int m, int n, const real *A, int lda, const real *x, real beta, real *y) noexcept nogil:
    cdef int one = 1
    cdef real alpha = 1
    if real is double:
        dgemv(trans, &m, &n, &alpha, <double *> A, &lda, <double *> x, &one, &beta, y, &one)
    else:
        sgemv(trans, &m, &n, &alpha, <float *> A, &lda, <float *> x, &one, &beta, y, &one)


cdef inline void syrk(char *trans, int n, int k, const real *A, int lda, real beta, real *C, int ldc) noexcept nogil:
    cdef real alpha = 1
    if real is double:
        dsyrk("L", trans, &n, &k, &alpha, <double *> A, &lda, &beta, C, &ldc)
    else:
        ssyrk("L", trans, &n, &k, &alpha, <float *> A, &lda, &beta, C, &ldc)


cdef inline int posv(int n, real *G, real *x) noexcept nogil:
    # 0 where G x = b was solved; not 0 where G is not positive definite by a safe margin.
    cdef int one = 1, info = 0, i
    cdef real low, high, eps = 2.2e-16 if real is double else 1.2e-7
    if real is double:
        dposv("L", &n, &one, G, &n, x, &n, &info)
    else:
        sposv("L", &n, &one, G, &n, x, &n, &info)
    if info == 0:
        low = high = G[0]
        for i in range(1, n):
            low, high = min(low, G[i * (n + 1)]), max(high, G[i * (n + 1)])
        info = low * low <= 10 * n * eps * high * high
    return info


cdef inline void shortest(int n, real *G, real *x, real *work) noexcept nogil:
    # x <- G^+ x by eigenvectors; work 5 n.
    cdef int info = 0, size = 3 * n, i
    cdef real eps = 2.2e-16 if real is double else 1.2e-7
    cdef real *values = work
    cdef real *part = work + n
    cdef real cut
    if real is double:
        dsyev("V", "L", &n, G, &n, values, work + 2 * n, &size, &info)
    else:
        ssyev("V", "L", &n, G, &n, values, work + 2 * n, &size, &info)
    cut = 10 * n * eps * max(values[n - 1], 0)
    gemv("T", n, n, G, n, x, <real> 0, part)
    for i in range(n):
        part[i] = part[i] / values[i] if values[i] > cut else 0
    gemv("N", n, n, G, n, part, <real> 0, x)


cdef inline void gather(const real *V, int ld, const int32_t *idx, int rows, real *W) noexcept nogil:
    cdef int e
    for e in range(rows):
        memcpy(W + e * ld, V + <int64_t> idx[e] * ld, ld * sizeof(real))


cdef void normal(const real *V, int k, int ld, const int32_t *idx, const real *b, int64_t n, real weight, real *G, real *x,
                 real *W) noexcept nogil:
    cdef int64_t start = 0
    cdef int rows, i
    while start < n:
        rows = <int> min(BLOCK, n - start)
        gather(V, ld, idx + start, rows, W)
        syrk("N", k, rows, W, ld, <real> (start > 0), G, k)
        gemv("N", k, rows, W, ld, b + start, <real> (start > 0), x)
        start = start + BLOCK
    for i in range(k):
        G[i * (k + 1)] += weight


cdef void exact(const real *V, int k, int ld, const int32_t *idx, const real *b, int64_t n, real weight, real *u,
                real *work) noexcept nogil:
    # work: k^2 + 5 k + max(BLOCK, k) ld
    cdef real *G = work
    cdef real *x = work + k * k
    cdef real *W = work + k * k + k * 5
    cdef int rows = <int> n
    if n >= k or weight > 0:
        normal(V, k, ld, idx, b, n, weight, G, u, W)
        if posv(k, G, u) != 0:
            normal(V, k, ld, idx, b, n, weight, G, u, W)
            shortest(k, G, u, W)
    else:
        gather(V, ld, idx, rows, W)
        syrk("T", rows, k, W, ld, <real> 0, G, rows)
        memcpy(x, b, rows * sizeof(real))
        if posv(rows, G, x) != 0:
            syrk("T", rows, k, W, ld, <real> 0, G, rows)
            memcpy(x, b, rows * sizeof(real))
            shortest(rows, G, x, u_room(W, ld, rows))
        gemv("N", k, rows, W, ld, x, <real> 0, u)


cdef inline real *u_room(real *W, int ld, int rows) noexcept nogil:
    return W + <int64_t> rows * ld


cdef inline void triangle(char *trans, int k, const real *L, int ld, real *x) noexcept nogil:
    cdef int one = 1
    if real is double:
        dtrsv("L", trans, "N", &k, <double *> L, &ld, x, &one)
    else:
        strsv("L", trans, "N", &k, <float *> L, &ld, x, &one)


cdef inline real norm2(const real *x, int64_t n) noexcept nogil:
    cdef real total = 0
    cdef int64_t e
    for e in range(n):
        total += x[e] * x[e]
    return total


cdef int sketched(const real *V, int k, int ld, const int32_t *idx, const real *b, int64_t n, real weight, real *u,
                  uint64_t key, real *work) noexcept nogil:
    # work: (3 k + 10) ld + LQ_BLOCK k + 5 ld + 2 n. Not 0 where the sketch has not full rank.
    cdef int m = 2 * k + 10, rows, room = LQ_BLOCK * k, info = 0, c, step
    cdef real *S = work
    cdef real *lq = S + (3 * k + 10) * ld
    cdef real *tau = lq + room
    cdef real *z = tau + ld
    cdef real *p = z + ld
    cdef real *d = p + ld
    cdef real *g = d + ld
    cdef real *r = g + ld
    cdef real *t = r + n
    cdef uint64_t h
    cdef int64_t e
    cdef real *row
    cdef const real *v
    cdef real sign, low, high, gamma, first, last, a, eps = 2.2e-16 if real is double else 1.2e-7
    memset(S, 0, (3 * k + 10) * ld * sizeof(real))
    for e in range(n):
        h = sl_hash(key, idx[e])
        row, v, sign = S + <int64_t> sl_bucket(h, m) * ld, V + <int64_t> idx[e] * ld, sl_sign(h)
        for c in range(ld):
            row[c] += sign * v[c]
    rows = m
    if weight > 0:
        rows = m + k
        for c in range(k):
            S[(m + c) * ld + c] = <real> sqrt(weight)
    if real is double:  # S' = L Q
        dgelqf(&k, &rows, S, &ld, tau, lq, &room, &info)
    else:
        sgelqf(&k, &rows, S, &ld, tau, lq, &room, &info)
    low = high = abs(S[0])
    for c in range(1, k):
        low, high = min(low, abs(S[c * (ld + 1)])), max(high, abs(S[c * (ld + 1)]))
    if not low > k * eps * high:
        return 1
    if real is double:
        als_dots_double(V, ld, idx, n, u, r)
    else:
        als_dots_float(V, ld, idx, n, u, r)
    for e in range(n):
        r[e] = b[e] - r[e]
    memset(p, 0, ld * sizeof(real))
    memset(d, 0, ld * sizeof(real))
    first = last = 0
    for step in range(MOST):
        if real is double:
            als_gather_double(V, ld, idx, n, r, weight, u, z)
        else:
            als_gather_float(V, ld, idx, n, r, weight, u, z)
        triangle("N", k, S, ld, z)
        gamma = norm2(z, k)
        if step == 0:
            first = gamma
        if not gamma > first * <real> (ENOUGH * ENOUGH):
            break
        for c in range(k):
            p[c] = z[c] + (gamma / last * p[c] if step > 0 else 0)
        memcpy(d, p, k * sizeof(real))
        triangle("T", k, S, ld, d)
        if real is double:
            als_dots_double(V, ld, idx, n, d, t)
        else:
            als_dots_float(V, ld, idx, n, d, t)
        a = norm2(t, n) + weight * norm2(d, k)
        if not a > 0:
            break
        a = gamma / a
        for c in range(k):
            u[c] += a * d[c]
        for e in range(n):
            r[e] -= a * t[e]
        last = gamma
    return 0


cdef void one_row(const real *V, int k, int ld, const int32_t *idx, const real *b, int64_t n, real weight, real *u,
                  int solver, int steps, uint64_t key, real *work) noexcept nogil:
    if n == 0:
        memset(u, 0, ld * sizeof(real))
    elif solver == 1:
        if real is double:
            als_cg_double(V, ld, idx, b, n, weight, u, steps, work)
        else:
            als_cg_float(V, ld, idx, b, n, weight, u, steps, work)
    elif solver == 0 or n < 4 * k or sketched(V, k, ld, idx, b, n, weight, u, key, work) != 0:
        exact(V, k, ld, idx, b, n, weight, u, work)


def half_sweep(const int64_t[::1] indptr, const int32_t[::1] indices, const real[::1] data, const real[::1] weights,
               const real[:, ::1] V, real[:, ::1] U, int k, int solver, int steps, uint64_t key,
               const int64_t[::1] bounds, int n_threads):
    cdef Py_ssize_t parts = bounds.shape[0] - 1, part, i
    cdef int ld = <int> V.shape[1]
    cdef int64_t room, longest = 0, nnz = data.shape[0]
    cdef real *spaces
    cdef real *work
    cdef const int32_t *idx = &indices[0] if nnz else NULL
    cdef const real *values = &data[0] if nnz else NULL
    for i in range(U.shape[0]):
        longest = max(longest, indptr[i + 1] - indptr[i])
    room = <int64_t> k * k + 5 * k + <int64_t> (max(BLOCK, k) + 10) * ld  # exact; 3 ld of als_cg are less
    if solver == 2:
        room = max(room, <int64_t> (3 * k + 15) * ld + LQ_BLOCK * k + 2 * longest)
    n_threads = <int> max(1, min(n_threads, parts))
    spaces = <real *> malloc(n_threads * room * sizeof(real))
    if spaces == NULL:
        raise MemoryError("no memory for the workspace of alternating least squares")
    for part in prange(parts, schedule="dynamic", chunksize=1, num_threads=n_threads, nogil=True):
        work = spaces + threadid() * room
        for i in range(bounds[part], bounds[part + 1]):
            one_row(&V[0, 0], k, ld, idx + indptr[i], values + indptr[i], indptr[i + 1] - indptr[i], weights[i], &U[i, 0],
                    solver, steps, key, work)
    free(spaces)


def products(const int64_t[::1] indptr, const int32_t[::1] indices, const real[:, ::1] U, const real[:, ::1] V,
             real[::1] out, const int64_t[::1] bounds, int n_threads):
    """out_e = u_i . v_j for every stored (i, j)."""
    cdef Py_ssize_t parts = bounds.shape[0] - 1, part, i
    cdef int ld = <int> V.shape[1]
    if out.shape[0] == 0:
        return
    n_threads = <int> max(1, min(n_threads, parts))
    for part in prange(parts, schedule="dynamic", chunksize=1, num_threads=n_threads, nogil=True):
        for i in range(bounds[part], bounds[part + 1]):
            if real is double:
                als_dots_double(&V[0, 0], ld, &indices[0] + indptr[i], indptr[i + 1] - indptr[i], &U[i, 0], &out[0] + indptr[i])
            else:
                als_dots_float(&V[0, 0], ld, &indices[0] + indptr[i], indptr[i + 1] - indptr[i], &U[i, 0], &out[0] + indptr[i])
