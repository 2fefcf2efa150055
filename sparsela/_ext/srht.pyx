# Sketches through a Hadamard transform: signs, transform of length D, then some entries (SRHT) or a sparse matrix
# (FastJL).
#   flips: D bits, two bytes at least, set where the sign of an entry is flipped; D a power of two >= d. With start
#   empty entry r of the result is entry cols[r] of the transform, else sum_t vals[t] (entry cols[t]), t in
#   [start[r], start[r + 1]). The result is multiplied by scale and stored in out, or added with add.
#   Dense X: rows contiguous, any distance apart; out C order. CSR X: repeated entries add; an index out of range is
#   seen before it is used: the answer is then 1, else 0. float32 or float64, one dtype a call.
# A row costs D log2 D additions and the sparse product, whatever its own zeros; the transform is never written to
# memory: it lives in a scratch of D numbers (rows) or D x PANEL (axis 0), one a thread. Threads share out rows or
# panels: the bits do not depend on their number. Called by sketch._hadamard.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from sparsela._ext.fwht cimport transform_columns, transform_flipped

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef enum:
    PANEL = 64  # columns that are transformed together


cdef real *scratch_of(Py_ssize_t size, int n_threads, real zero) except NULL:
    cdef real *scratch = NULL
    if posix_memalign(<void **> &scratch, 64, (size + 64) * n_threads * sizeof(real)) != 0:
        raise MemoryError("no memory for the scratch of a Hadamard sketch")
    return scratch


cdef void take(const real *z, const int64_t *cols, const real *vals, const int64_t *start, Py_ssize_t k, real scale,
               bint add, real *out) noexcept nogil:
    cdef Py_ssize_t r
    cdef int64_t t
    cdef real s0, s1
    if start == NULL and not add:
        for r in range(k):
            out[r] = z[cols[r]] * scale
        return
    if start == NULL:
        for r in range(k):
            out[r] += z[cols[r]] * scale
        return
    for r in range(k):
        s0, s1 = 0, 0
        t = start[r]
        while t + 2 <= start[r + 1]:
            s0 += vals[t] * z[cols[t]]
            s1 += vals[t + 1] * z[cols[t + 1]]
            t += 2
        if t < start[r + 1]:
            s0 += vals[t] * z[cols[t]]
        out[r] = (out[r] if add else 0) + (s0 + s1) * scale


cdef void dense_row(const real *x, const uint8_t *flips, Py_ssize_t d, Py_ssize_t D, real *z) noexcept nogil:
    if d == D:
        transform_flipped(x, flips, z, D)
        return
    memcpy(z, x, d * sizeof(real))
    memset(z + d, 0, (D - d) * sizeof(real))
    transform_flipped(z, flips, z, D)


def rows(const real[:, :] X, const uint8_t[::1] flips, Py_ssize_t D, const int64_t[::1] cols, const real[::1] vals,
         const int64_t[::1] start, double scale, bint add, real[:, ::1] out, int n_threads):
    """out (n, k) = X S', or += with add."""
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], k = out.shape[1], ldx = X.strides[0] // sizeof(real), i
    cdef const real *x
    cdef const int64_t *from_ = &start[0] if start.shape[0] else NULL
    cdef const real *v = &vals[0] if vals.shape[0] else NULL
    cdef const int64_t *c = &cols[0] if cols.shape[0] else NULL
    cdef real *scratch
    cdef real *z
    if n == 0:
        return
    x = &X[0, 0]
    n_threads = <int> min(n_threads, n)
    scratch = scratch_of(D, n_threads, <real> 0)
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        z = scratch + threadid() * (D + 64)
        dense_row(x + i * ldx, &flips[0], d, D, z)
        take(z, c, v, from_, k, <real> scale, add, &out[i, 0])
    free(scratch)


cdef int sparse_row(const index *indices, const real *data, Py_ssize_t nnz, const uint8_t *flips, Py_ssize_t d,
                    Py_ssize_t D, real *z) noexcept nogil:
    cdef Py_ssize_t i
    memset(z, 0, D * sizeof(real))
    for i in range(nnz):
        if <uint64_t> indices[i] >= <uint64_t> d:
            return 1
        z[indices[i]] += data[i]
    transform_flipped(z, flips, z, D)
    return 0


def csr_rows(const index[::1] indptr, const index[::1] indices, const real[::1] data, Py_ssize_t d,
             const uint8_t[::1] flips, Py_ssize_t D, const int64_t[::1] cols, const real[::1] vals,
             const int64_t[::1] start, double scale,
             bint add, real[:, ::1] out, int n_threads):
    """out (n, k) = X S', or += with add."""
    cdef Py_ssize_t n = out.shape[0], k = out.shape[1], nnz = indices.shape[0], i
    cdef const int64_t *from_ = &start[0] if start.shape[0] else NULL
    cdef const real *v = &vals[0] if vals.shape[0] else NULL
    cdef const int64_t *c = &cols[0] if cols.shape[0] else NULL
    cdef const index *idx = &indices[0] if nnz else NULL
    cdef const real *val = &data[0] if nnz else NULL
    cdef real *scratch
    cdef real *z
    cdef int fault, wrong = 0
    if n == 0:
        return 0
    n_threads = <int> min(n_threads, n)
    scratch = scratch_of(D, n_threads, <real> 0)
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        if indptr[i] < 0 or indptr[i] > indptr[i + 1] or indptr[i + 1] > nnz:
            fault = 1
        else:
            z = scratch + threadid() * (D + 64)
            fault = sparse_row(idx + indptr[i], val + indptr[i], indptr[i + 1] - indptr[i], &flips[0], d, D, z)
            if fault == 0:
                take(z, c, v, from_, k, <real> scale, add, &out[i, 0])
        wrong += fault
    free(scratch)
    return wrong != 0


cdef void panel_of(const real *x, Py_ssize_t ldx, const uint8_t *flips, Py_ssize_t d, Py_ssize_t D, Py_ssize_t width,
                   const int64_t *cols, const real *vals, const int64_t *start, Py_ssize_t k, real scale, real *z,
                   real *out, Py_ssize_t ldo) noexcept nogil:
    # `width` columns of X, in a scratch (D, room) with room a multiple of 16
    cdef Py_ssize_t room = (width + 15) // 16 * 16, i, j, r
    cdef int64_t t
    cdef real by
    memset(z, 0, D * room * sizeof(real))
    for i in range(d):
        by = -1 if flips[i >> 3] >> (i & 7) & 1 else 1
        for j in range(width):
            z[i * room + j] = x[i * ldx + j] * by
    transform_columns(z, D, room, <real> 1)
    for r in range(k):
        if start == NULL:
            for j in range(width):
                out[r * ldo + j] += z[cols[r] * room + j] * scale
            continue
        for t in range(start[r], start[r + 1]):
            by = vals[t] * scale
            for j in range(width):
                out[r * ldo + j] += z[cols[t] * room + j] * by


def axis0(const real[:, :] X, const uint8_t[::1] flips, Py_ssize_t D, const int64_t[::1] cols, const real[::1] vals,
          const int64_t[::1] start, double scale, real[:, ::1] out, int n_threads):
    """out (k, width) += S X."""
    cdef Py_ssize_t d = X.shape[0], width = X.shape[1], k = out.shape[0], ldx = X.strides[0] // sizeof(real), i
    cdef Py_ssize_t panels = (width + PANEL - 1) // PANEL, room = min(PANEL, (width + 15) // 16 * 16)
    cdef const real *x
    cdef const int64_t *from_ = &start[0] if start.shape[0] else NULL
    cdef const real *v = &vals[0] if vals.shape[0] else NULL
    cdef const int64_t *c = &cols[0] if cols.shape[0] else NULL
    cdef real *scratch
    if d == 0 or width == 0:
        return
    x = &X[0, 0]
    n_threads = <int> min(n_threads, panels)
    scratch = scratch_of(D * room, n_threads, <real> 0)
    for i in prange(panels, schedule="static", num_threads=n_threads, nogil=True):
        panel_of(x + i * PANEL, ldx, &flips[0], d, D, min(<Py_ssize_t> PANEL, width - i * PANEL), c, v, from_, k,
                 <real> scale, scratch + threadid() * (D * room + 64), &out[0, i * PANEL], width)
    free(scratch)
