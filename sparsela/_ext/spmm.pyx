# Sparse times dense (spmm) and the product sampled on a support (sddmm): threads over rows, the C kernels in them.
#   indptr (m + 1), indices int32, strictly ascending within each row and below X.shape[0] (see `valid`); perm int32 of
#   length nnz, or empty: data is then read in order. bias (m,) or empty. X (n, B), Z (m, B): rows contiguous, any
#   distance apart. One dtype, float32 or float64.
#   Out: Z of spmm; g (nnz,) of sddmm, in the order of indices.
# Columns go in strips of at most eight vectors. Where X has many strips, or rows that begin off a cache line, and each of
# its rows is read often enough, a strip is first copied to an aligned buffer (n x one strip): loads then cross no line
# and touch few pages, measured 1.2-1.7 times as fast.
# Cost: 2 nnz B flops. Rows are split so that threads get equal numbers of entries; each row is done by one thread, so
# bits do not depend on their number. Called by _core.sparse_backend, nn._linear, nn._growth.

from cython.parallel cimport prange
from libc.stdint cimport int32_t
from libc.stdlib cimport free

cdef extern from "spmm_kernel.h" nogil:
    struct spmm_problem:
        const int32_t *indptr
        const int32_t *indices
        const int32_t *perm
        const void *data
        const void *bias
        const void *X
        void *Z
        void *g
        Py_ssize_t ldx, ldz, width
        int relu, add
    ctypedef void (*spmm_rows_t)(const spmm_problem *, int, int) noexcept
    spmm_rows_t spmm_rows_pick(int is_double)
    spmm_rows_t sddmm_rows_pick(int is_double)
    int sl_simd_width()

ctypedef fused real:
    float
    double

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef extern from "<string.h>" nogil:
    void *memcpy(void *, const void *, size_t)
    void *memset(void *, int, size_t)

cdef enum:
    PER_THREAD = 1 << 20  # multiply-adds below which another thread costs more than it brings
    REUSE = 8             # reads of a row of X from which a copy of it on cache lines pays


cdef int share(const int32_t[::1] indptr, int m, int part, int parts) noexcept nogil:
    # The first row of a part: rows before it hold part/parts of the entries (and one unit of work for each row).
    cdef long long target = (<long long> indptr[m] + m) * part // parts
    cdef int low = 0, high = m, middle
    while low < high:
        middle = low + (high - low) // 2
        if <long long> indptr[middle] + middle < target:
            low = middle + 1
        else:
            high = middle
    return low


cdef void pack(const char *X, Py_ssize_t stride, char *buffer, Py_ssize_t room, Py_ssize_t used, Py_ssize_t n,
               int n_threads) noexcept nogil:
    # Rows of `used` bytes, `stride` apart, to rows of `room` bytes.
    cdef Py_ssize_t i
    for i in prange(n, schedule="static", num_threads=n_threads):
        memcpy(buffer + i * room, X + i * stride, used)


cdef int run(spmm_rows_t kernel, spmm_problem *pb, const int32_t[::1] indptr, Py_ssize_t n, Py_ssize_t width,
             size_t itemsize, int n_threads, Py_ssize_t needs_lanes) noexcept:
    # The kernel on every strip of columns, its rows shared among threads. needs_lanes: the kernel reads whole vectors of
    # X where there are more columns than that. -1 when memory runs out.
    cdef Py_ssize_t lanes = sl_simd_width() // itemsize
    cdef Py_ssize_t vectors = (width + lanes - 1) // lanes, strips = (vectors + 7) // 8, s, column, stop, room
    cdef int m = <int> indptr.shape[0] - 1, parts, t
    cdef long long work = (<long long> indptr[m] + m) * min(width, 8 * lanes)
    cdef const char *X = <const char *> pb.X
    cdef char *Z = <char *> pb.Z
    cdef char *buffer = NULL
    cdef Py_ssize_t stride = pb.ldx * itemsize
    cdef bint on_lines = (<size_t> X) % sl_simd_width() == 0 and stride % sl_simd_width() == 0
    parts = <int> max(1, min(<long long> min(n_threads, m), work // PER_THREAD))
    room = (vectors + strips - 1) // strips * sl_simd_width()
    if (strips > 1 or not on_lines) and width >= lanes and indptr[m] >= REUSE * n or needs_lanes < width < lanes:
        if posix_memalign(<void **> &buffer, 64, n * room) != 0:
            return -1
        memset(buffer, 0, n * room)
    for s in range(strips):
        column = lanes * (s * vectors // strips)
        stop = min(width, lanes * ((s + 1) * vectors // strips))
        pb.width, pb.add = stop - column, s > 0
        pb.X, pb.Z = X + column * itemsize, Z + column * itemsize
        if buffer != NULL:
            pack(X + column * itemsize, stride, buffer, room, pb.width * itemsize, n, parts)
            pb.X, pb.ldx = buffer, room // itemsize
        if parts == 1:
            with nogil:
                kernel(pb, 0, m)
            continue
        for t in prange(parts, schedule="static", num_threads=parts, nogil=True):
            kernel(pb, share(indptr, m, t, parts), share(indptr, m, t + 1, parts))
    free(buffer)
    return 0


def spmm(const int32_t[::1] indptr, const int32_t[::1] indices, const real[::1] data, const int32_t[::1] perm,
         const real[:, :] X, const real[::1] bias, bint relu, real[:, :] Z, int n_threads):
    cdef spmm_problem pb
    if Z.shape[0] == 0 or Z.shape[1] == 0:
        return
    pb.indptr, pb.indices = &indptr[0], &indices[0] if indices.shape[0] else NULL
    pb.perm = &perm[0] if perm.shape[0] else NULL
    pb.data = &data[0] if data.shape[0] else NULL
    pb.bias = &bias[0] if bias.shape[0] else NULL
    pb.X, pb.Z, pb.g = &X[0, 0] if X.shape[0] else NULL, &Z[0, 0], NULL
    pb.ldx, pb.ldz, pb.relu = X.strides[0] // sizeof(real), Z.strides[0] // sizeof(real), relu
    if run(spmm_rows_pick(real is double), &pb, indptr, X.shape[0], Z.shape[1], sizeof(real), n_threads, 1):
        raise MemoryError("no memory for a strip of X")


def sddmm(const int32_t[::1] indptr, const int32_t[::1] indices, const real[:, :] Z, const real[:, :] X, real[::1] g,
          int n_threads):
    cdef spmm_problem pb
    if g.shape[0] == 0:
        return
    pb.indptr, pb.indices, pb.perm = &indptr[0], &indices[0], NULL
    pb.data, pb.bias, pb.g = NULL, NULL, &g[0]
    pb.X, pb.Z = &X[0, 0], <void *> &Z[0, 0]
    pb.ldx, pb.ldz, pb.relu = X.strides[0] // sizeof(real), Z.strides[0] // sizeof(real), 0
    if run(sddmm_rows_pick(real is double), &pb, indptr, X.shape[0], X.shape[1], sizeof(real), n_threads, 0):
        raise MemoryError("no memory for a strip of X")


def valid(const int32_t[::1] indptr, const int32_t[::1] indices, int n_columns):
    """0 if a CSR structure is sound; 1: indptr is not; 2: an index out of range; 3: a row not strictly ascending."""
    cdef Py_ssize_t m = indptr.shape[0] - 1, nnz = indices.shape[0], i, k
    cdef int32_t descents = 0, low, high
    if m < 0 or indptr[0] != 0 or indptr[m] != nnz:
        return 1
    for i in range(m):
        if indptr[i] > indptr[i + 1]:
            return 1
    for k in range(nnz - 1):  # one branch-free pass over all entries, then what happens between rows is taken out
        descents += indices[k] >= indices[k + 1]
    for i in range(m):
        low, high = indptr[i], indptr[i + 1]
        if low == high:
            continue
        if low > 0:
            descents -= indices[low - 1] >= indices[low]
        if indices[low] < 0 or indices[high - 1] >= n_columns:
            return 2
    if descents == 0:
        return 0
    for k in range(nnz):  # not sorted: its first and last entry say nothing of the others
        if indices[k] < 0 or indices[k] >= n_columns:
            return 2
    return 3
