# One pass over C (m, n) for a step of LSQR: U <- C Y - U diag(c), and at once C' U and the squared norms of the columns.
#   Dense C: rows or columns contiguous, any distance apart; CSR C: indices in range and indptr ascending (checked by the
#   caller), repeated entries add. Y (n, t), U (m, t), W (parts, n, t), C order, float32 or float64, one dtype a call;
#   squares (parts, t) double. W and squares hold the sums of `parts` runs of rows, to be added by the caller.
# C is read once: a block of rows stays in cache between the two products. For one target and contiguous rows they are
# lsqr_kernel.c's, four rows at a time, else BLAS's (gemv, or gemm for t > 1; the caller holds it to one thread); for
# CSR it is a row that stays. Threads share out the parts, whose number is the
# caller's, so the bits do not depend on that of the threads. O(m n t). Called by sketch._passes.

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm, dgemv, sgemm, sgemv

cdef extern from "lsqr_kernel.h" nogil:
    ctypedef void (*lsqr_rows_double_t)(const double *, Py_ssize_t, int64_t, int64_t, const double *, double, double *,
                                        double *) noexcept
    ctypedef void (*lsqr_rows_float_t)(const float *, Py_ssize_t, int64_t, int64_t, const float *, float, float *,
                                       float *) noexcept
    lsqr_rows_double_t lsqr_rows_double_pick()
    lsqr_rows_float_t lsqr_rows_float_pick()

cdef lsqr_rows_double_t rows_double = lsqr_rows_double_pick()
cdef lsqr_rows_float_t rows_float = lsqr_rows_float_pick()

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef enum:
    BLOCK = 1 << 18  # bytes of a block of rows
    RUN = 256        # rows of a block of C in column order, at least: shorter runs of a column are slow to read


def dense_pass(const real[:, :] C, const real[:, ::1] Y, const real[::1] c, real[:, ::1] U, real[:, :, ::1] W,
               double[:, ::1] squares, int n_threads):
    cdef Py_ssize_t m = C.shape[0], parts = W.shape[0], step, part
    cdef bint by_rows = C.strides[1] == sizeof(real) or C.shape[1] == 1
    cdef Py_ssize_t ld = (C.strides[0] if by_rows else C.strides[1]) // sizeof(real)
    step = max(8, <Py_ssize_t> (BLOCK // (C.shape[1] * sizeof(real))) // 8 * 8)
    if not by_rows:
        step = max(step, RUN)
    ld = max(ld, C.shape[1] if by_rows else m)  # a single row or column may have any stride
    for part in prange(parts, schedule="static", num_threads=n_threads, nogil=True):
        dense_part(&C[0, 0], ld, by_rows, <int> C.shape[1], &Y[0, 0], &c[0], <int> c.shape[0], part * m // parts,
                   (part + 1) * m // parts, step, &U[0, 0], &W[part, 0, 0], &squares[part, 0])


cdef void dense_part(const real *C, Py_ssize_t ld, bint by_rows, int n, const real *Y, const real *c, int t,
                     Py_ssize_t first, Py_ssize_t last, Py_ssize_t step, real *U, real *W,
                     double *squares) noexcept nogil:
    cdef Py_ssize_t start, i, j
    cdef int rows, lda = <int> ld
    cdef real *u
    memset(W, 0, n * t * sizeof(real))
    memset(squares, 0, t * sizeof(double))
    start = first
    while start < last:
        rows = <int> min(step, last - start)
        u = U + start * t
        if t == 1 and by_rows:
            if real is double:
                rows_double(C + start * ld, ld, n, rows, Y, c[0], u, W)
            else:
                rows_float(C + start * ld, ld, n, rows, Y, c[0], u, W)
            for i in range(rows):
                squares[0] += <double> u[i] * u[i]
            start += step
            continue
        for i in range(rows):
            for j in range(t):
                u[i * t + j] *= -c[j]
        products(C + start * (ld if by_rows else 1), lda, by_rows, rows, n, t, Y, u, W)
        for i in range(rows):
            for j in range(t):
                squares[j] += <double> u[i * t + j] * u[i * t + j]
        start += step


cdef void products(const real *C, int ld, bint by_rows, int rows, int n, int t, const real *Y, real *u,
                   real *W) noexcept nogil:
    # u += C Y, W += C' u. What BLAS sees is the transpose of arrays in C order.
    cdef real one = 1
    cdef int unit = 1
    cdef char *plain = b"N"
    cdef char *turned = b"T"
    cdef char *forth = turned if by_rows else plain
    cdef char *back = plain if by_rows else turned
    cdef int high = n if by_rows else rows
    cdef int wide = rows if by_rows else n
    if real is double:
        if t == 1:
            dgemv(forth, &high, &wide, &one, <real *> C, &ld, <real *> Y, &unit, &one, u, &unit)
            dgemv(back, &high, &wide, &one, <real *> C, &ld, u, &unit, &one, W, &unit)
        else:
            dgemm(plain, back, &t, &rows, &n, &one, <real *> Y, &t, <real *> C, &ld, &one, u, &t)
            dgemm(plain, forth, &t, &n, &rows, &one, u, &t, <real *> C, &ld, &one, W, &t)
    else:
        if t == 1:
            sgemv(forth, &high, &wide, &one, <real *> C, &ld, <real *> Y, &unit, &one, u, &unit)
            sgemv(back, &high, &wide, &one, <real *> C, &ld, u, &unit, &one, W, &unit)
        else:
            sgemm(plain, back, &t, &rows, &n, &one, <real *> Y, &t, <real *> C, &ld, &one, u, &t)
            sgemm(plain, forth, &t, &n, &rows, &one, u, &t, <real *> C, &ld, &one, W, &t)


def csr_pass(const index[::1] indptr, const index[::1] indices, const real[::1] data, const real[:, ::1] Y,
             const real[::1] c, real[:, ::1] U, real[:, :, ::1] W, double[:, ::1] squares, int n_threads):
    cdef Py_ssize_t m = U.shape[0], n = Y.shape[0], parts = W.shape[0], part
    cdef const index *where = &indices[0] if indices.shape[0] else NULL
    cdef const real *values = &data[0] if data.shape[0] else NULL
    for part in prange(parts, schedule="static", num_threads=n_threads, nogil=True):
        csr_part(&indptr[0], where, values, &Y[0, 0], &c[0], n, c.shape[0], part * m // parts,
                 (part + 1) * m // parts, &U[0, 0], &W[part, 0, 0], &squares[part, 0])


cdef void csr_part(const index *indptr, const index *indices, const real *data, const real *Y, const real *c,
                   Py_ssize_t n, Py_ssize_t t, Py_ssize_t first, Py_ssize_t last, real *U, real *W,
                   double *squares) noexcept nogil:
    cdef Py_ssize_t i, j, p
    cdef real *u
    cdef real *w
    cdef const real *y
    cdef real s
    memset(W, 0, n * t * sizeof(real))
    memset(squares, 0, t * sizeof(double))
    for i in range(first, last):
        u = U + i * t
        if t == 1:
            s = -c[0] * u[0]
            for p in range(indptr[i], indptr[i + 1]):
                s += data[p] * Y[indices[p]]
            for p in range(indptr[i], indptr[i + 1]):
                W[indices[p]] += data[p] * s
            u[0] = s
            squares[0] += <double> s * s
            continue
        for j in range(t):
            u[j] *= -c[j]
        for p in range(indptr[i], indptr[i + 1]):
            y = Y + indices[p] * t
            for j in range(t):
                u[j] += data[p] * y[j]
        for p in range(indptr[i], indptr[i + 1]):
            w = W + indices[p] * t
            for j in range(t):
                w[j] += data[p] * u[j]
        for j in range(t):
            squares[j] += <double> u[j] * u[j]
