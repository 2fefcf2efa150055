# Sketches by a sparse matrix of signs S (k, d): its columns are drawn by id, products with it are stored or added.
#   Columns: entries int32 = 2 row + (sign < 0), k < 2^30; column j is entries[start[j] : start[j + 1]], or with an
#   empty start entries[j z : (j + 1) z]; every entry counts `scale`. Definitions of the draws are in sketch/_signs.py.
#   Dense X: rows contiguous, any distance apart; out C order. float32 or float64, one dtype a call. CSR X: any order
#   within a row, repeated entries add; indptr and indices of one type. An index out of range or an indptr that
#   descends is seen before it is used: the answer is then 1 and out is not to be trusted, else 0.
# A row of X with d numbers costs nnz(S) additions, a sparse one nnz / d of that. Threads share out rows of X (products
# along rows), columns (dense X along its first axis) or rows of out (CSR along its first axis), so each number of out
# is a sum in one order: the bits do not depend on their number. Called by sketch._signs.

from cython.parallel cimport prange, threadid
from libc.math cimport log, log1p
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

import numpy as np

cdef extern from "hash.h" nogil:
    uint64_t sl_hash_key(uint64_t seed, uint64_t stream)
    uint64_t sl_hash(uint64_t key, uint64_t id)
    uint64_t sl_bucket(uint64_t h, uint64_t k)
    double sl_uniform(uint64_t h)

cdef extern from "signs_kernel.h" nogil:
    enum: SIGNS_STORE, SIGNS_ADD, SIGNS_STREAM
    struct sign_columns:
        const int32_t *entries
        const int64_t *start
        int64_t z, d, k
        double scale
    ctypedef void (*signs_tile_double_t)(const sign_columns *, const double *, Py_ssize_t, int, int, double *,
                                         Py_ssize_t, double *) noexcept
    ctypedef void (*signs_tile_float_t)(const sign_columns *, const float *, Py_ssize_t, int, int, float *,
                                        Py_ssize_t, float *) noexcept
    ctypedef void (*signs_axis0_double_t)(const sign_columns *, const double *, Py_ssize_t, int64_t, double *,
                                          Py_ssize_t) noexcept
    ctypedef void (*signs_axis0_float_t)(const sign_columns *, const float *, Py_ssize_t, int64_t, float *,
                                         Py_ssize_t) noexcept
    ctypedef void (*signs_flush_double_t)(double *, int64_t, int, double *) noexcept
    ctypedef void (*signs_flush_float_t)(float *, int64_t, int, float *) noexcept
    signs_flush_double_t signs_flush_double_pick()
    signs_flush_float_t signs_flush_float_pick()
    signs_tile_double_t signs_tile_double_pick()
    signs_tile_float_t signs_tile_float_pick()
    signs_axis0_double_t signs_axis0_double_pick()
    signs_axis0_float_t signs_axis0_float_pick()
    int sl_simd_width()

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef enum:
    TILE = 1 << 14    # rows of S from which a tile leaves the cache: rows of X are then scattered one by one
    CACHED = 1 << 22  # bytes of a result from which it is written past the caches
    PANEL = 1 << 12  # columns of a panel, at most: rows of X are then read in long runs

cdef signs_tile_double_t tile_double = signs_tile_double_pick()
cdef signs_tile_float_t tile_float = signs_tile_float_pick()
cdef signs_flush_double_t flush_double = signs_flush_double_pick()
cdef signs_flush_float_t flush_float = signs_flush_float_pick()
cdef signs_axis0_double_t axis0_double = signs_axis0_double_pick()
cdef signs_axis0_float_t axis0_float = signs_axis0_float_pick()


cdef inline int32_t entry_of(uint64_t h, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return <int32_t> (2 * (low + <Py_ssize_t> sl_bucket(h, high - low)) + (1 - (h & 1)))


def blocks(const int64_t[::1] ids, uint64_t seed, uint64_t stream, Py_ssize_t k, int32_t[:, ::1] entries,
           int n_threads):
    """One entry in each of z blocks of rows for every id; block r is drawn from stream + r."""
    cdef Py_ssize_t n = ids.shape[0], z = entries.shape[1], i, r
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        for r in range(z):
            entries[i, r] = entry_of(sl_hash(sl_hash_key(seed, stream + r), ids[i]), r * k // z, (r + 1) * k // z)


cdef Py_ssize_t scattered(uint64_t id, uint64_t seed, Py_ssize_t k, double p, int32_t *entries) noexcept nogil:
    # The entries of a column whose rows are there with probability p each; entries NULL: their number alone.
    cdef Py_ssize_t row, found = 0
    cdef uint64_t h, t = 0
    cdef double gap, rate = log1p(-p) if p < 1 else 0
    if p >= 0.05:
        for row in range(k):
            h = sl_hash(sl_hash_key(seed, row), id)
            if p >= 1 or sl_uniform(h) < p:
                if entries != NULL:
                    entries[found] = <int32_t> (2 * row + (1 - (h & 1)))
                found += 1
        return found
    row = -1
    while True:
        h = sl_hash(sl_hash_key(seed, t), id)
        gap = log(sl_uniform(h)) / rate
        if gap >= k - row - 1:  # compared as doubles: a gap may be larger than any integer
            return found
        row = row + 1 + <Py_ssize_t> gap
        if entries != NULL:
            entries[found] = <int32_t> (2 * row + (1 - (h & 1)))
        found += 1
        t += 1


def bernoulli(const int64_t[::1] ids, uint64_t seed, Py_ssize_t k, double p, int n_threads):
    """(start, entries) of the columns whose entries are there with probability p."""
    cdef Py_ssize_t n = ids.shape[0], i
    cdef int64_t[::1] start = np.zeros(n + 1, np.int64)
    cdef int32_t[::1] entries
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        start[i + 1] = scattered(ids[i], seed, k, p, NULL)
    for i in range(n):
        start[i + 1] += start[i]
    entries = np.empty(start[n] + 1, np.int32)  # one more, so that there is an address
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        scattered(ids[i], seed, k, p, &entries[start[i]])
    return np.asarray(start), np.asarray(entries)[:start[n]]


cdef sign_columns columns_of(const int32_t[::1] entries, const int64_t[::1] start, Py_ssize_t z, Py_ssize_t d,
                             Py_ssize_t k, double scale) noexcept:
    cdef sign_columns S
    S.entries = &entries[0] if entries.shape[0] else NULL
    S.start = &start[0] if start.shape[0] else NULL
    S.z, S.d, S.k, S.scale = z, d, k, scale
    return S


cdef void one_row(const sign_columns *S, const real *x, real *out) noexcept nogil:
    cdef int64_t j, t
    for j in range(S.d):
        for t in range(S.start[j] if S.start != NULL else j * S.z,
                       S.start[j + 1] if S.start != NULL else (j + 1) * S.z):
            out[S.entries[t] >> 1] += x[j] * <real> (-S.scale if S.entries[t] & 1 else S.scale)


def rows(const real[:, :] X, const int32_t[::1] entries, const int64_t[::1] start, Py_ssize_t z, double scale,
         bint add, real[:, ::1] out, int n_threads):
    """out (n, k) = X S', or += with add."""
    cdef Py_ssize_t n = X.shape[0], k = out.shape[1], lanes = sl_simd_width() // sizeof(real), i, tiles
    cdef Py_ssize_t ldx = X.strides[0] // sizeof(real)
    cdef sign_columns S = columns_of(entries, start, z, X.shape[1], k, scale)
    cdef real *tile = NULL
    cdef const real *x
    if n == 0:
        return
    x = &X[0, 0] if X.shape[1] else NULL
    if k > TILE or n == 1:
        for i in prange(n, schedule="static", num_threads=min(n_threads, n), nogil=True):
            if not add:
                memset(&out[i, 0], 0, k * sizeof(real))
            one_row(&S, x + i * ldx, &out[i, 0])
        return
    tiles = (n + lanes - 1) // lanes
    n_threads = <int> min(n_threads, tiles)
    if posix_memalign(<void **> &tile, 64, n_threads * k * lanes * sizeof(real)) != 0:
        raise MemoryError("no memory for the tiles of a sketch")
    for i in prange(tiles, schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            tile_double(&S, x + i * lanes * ldx, ldx, <int> min(lanes, n - i * lanes), add, &out[i * lanes, 0],
                        k, tile + threadid() * k * lanes)
        else:
            tile_float(&S, x + i * lanes * ldx, ldx, <int> min(lanes, n - i * lanes), add, &out[i * lanes, 0],
                       k, tile + threadid() * k * lanes)
    free(tile)


def axis0(const real[:, :] X, const int32_t[::1] entries, const int64_t[::1] start, Py_ssize_t z, double scale,
          real[:, ::1] out, int n_threads):
    """out (k, width) += S X, S with a column for each row of X."""
    cdef Py_ssize_t width = X.shape[1], panel, i, panels
    cdef Py_ssize_t ldx = X.strides[0] // sizeof(real)
    cdef sign_columns S = columns_of(entries, start, z, X.shape[0], out.shape[0], scale)
    cdef const real *x
    cdef real *y
    if X.shape[0] == 0 or width == 0:
        return
    x, y = &X[0, 0], &out[0, 0]
    panel = max(16, min(<Py_ssize_t> PANEL, (width // n_threads + 15) // 16 * 16))
    panels = (width + panel - 1) // panel
    for i in prange(panels, schedule="static", num_threads=min(n_threads, panels), nogil=True):
        if real is double:
            axis0_double(&S, x + i * panel, ldx, min(panel, width - i * panel), y + i * panel, width)
        else:
            axis0_float(&S, x + i * panel, ldx, min(panel, width - i * panel), y + i * panel, width)


def csr_rows(const index[::1] indptr, const index[::1] indices, const real[::1] data, Py_ssize_t d,
             const int32_t[::1] entries, const int64_t[::1] start, Py_ssize_t z, double scale, uint64_t seed,
             uint64_t stream, bint add, real[:, ::1] out, int n_threads):
    """out (n, k) = X S', or += with add; with no entries at all the z of a column are drawn when it is met (blocks)."""
    cdef Py_ssize_t n = out.shape[0], k = out.shape[1], nnz = indices.shape[0], i
    cdef sign_columns S = columns_of(entries, start, z, d, k, scale)
    cdef int fault, wrong = 0
    cdef int how = SIGNS_ADD if add else SIGNS_STREAM if n * k * sizeof(real) > CACHED else SIGNS_STORE
    cdef real *rows_ = NULL
    cdef real *row
    if n == 0:
        return 0
    n_threads = <int> min(n_threads, n)
    if posix_memalign(<void **> &rows_, 64, n_threads * (k + 16) * sizeof(real)) != 0:
        raise MemoryError("no memory for a row of a sketch")
    memset(rows_, 0, n_threads * (k + 16) * sizeof(real))
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        row = rows_ + threadid() * (k + 16)  # in cache: the entries of a row of out are met in no order
        if indptr[i] < 0 or indptr[i] > indptr[i + 1] or indptr[i + 1] > nnz:
            fault = 1
        elif indptr[i] < indptr[i + 1]:
            fault = csr_row(&S, &indices[indptr[i]], &data[indptr[i]], indptr[i + 1] - indptr[i], seed, stream, row)
        else:
            fault = 0
        wrong += fault
        if real is double:
            flush_double(row, k, how, &out[i, 0])
        else:
            flush_float(row, k, how, &out[i, 0])
    free(rows_)
    return wrong != 0


cdef int csr_row(const sign_columns *S, const index *indices, const real *data, Py_ssize_t nnz, uint64_t seed,
                 uint64_t stream, real *row) noexcept nogil:
    cdef Py_ssize_t i, r, z = S.z, k = S.k
    cdef int64_t t, j
    cdef int32_t entry
    cdef const int32_t *entries = S.entries
    cdef const int64_t *start = S.start
    cdef uint64_t d = S.d
    cdef real sign[2]
    sign[0], sign[1] = <real> S.scale, -<real> S.scale
    if entries != NULL and start == NULL and z == 1:
        for i in range(nnz):
            if <uint64_t> indices[i] >= d:
                return 1
            entry = entries[indices[i]]
            row[entry >> 1] += data[i] * sign[entry & 1]
        return 0
    for i in range(nnz):
        if <uint64_t> indices[i] >= d:
            return 1
        j = indices[i]
        if entries == NULL:
            for r in range(z):
                entry = entry_of(sl_hash(sl_hash_key(seed, stream + r), j), r * k // z, (r + 1) * k // z)
                row[entry >> 1] += data[i] * sign[entry & 1]
            continue
        for t in range(j * z if start == NULL else start[j], (j + 1) * z if start == NULL else start[j + 1]):
            row[entries[t] >> 1] += data[i] * sign[entries[t] & 1]
    return 0


def csr_axis0(const index[::1] indptr, const index[::1] indices, const real[::1] data, const int32_t[::1] entries,
              const int64_t[::1] start, Py_ssize_t z, double scale, real[:, ::1] out, int n_threads):
    """out (k, width) += S X, S with a column for each row of X."""
    cdef Py_ssize_t n = indptr.shape[0] - 1, k = out.shape[0], part
    cdef sign_columns S = columns_of(entries, start, z, n, k, scale)
    cdef int wrong = 0
    if n == 0 or indices.shape[0] == 0:
        return 0
    n_threads = <int> min(n_threads, k)
    for part in prange(n_threads, schedule="static", num_threads=n_threads, nogil=True):
        wrong += csr_part(&S, &indptr[0], &indices[0], &data[0], indices.shape[0], out.shape[1], part * k // n_threads,
                          (part + 1) * k // n_threads, &out[0, 0])
    return wrong != 0


cdef int csr_part(const sign_columns *S, const index *indptr, const index *indices, const real *data, Py_ssize_t nnz,
                  Py_ssize_t width, Py_ssize_t low, Py_ssize_t high, real *out) noexcept nogil:
    # Rows low ... high - 1 of out alone.
    cdef int64_t i, t, p
    cdef Py_ssize_t row
    cdef real by
    for i in range(S.d):
        if indptr[i] < 0 or indptr[i] > indptr[i + 1] or indptr[i + 1] > nnz:
            return 1
        for t in range(S.start[i] if S.start != NULL else i * S.z,
                       S.start[i + 1] if S.start != NULL else (i + 1) * S.z):
            row = S.entries[t] >> 1
            if row < low or row >= high:
                continue
            by = <real> (-S.scale if S.entries[t] & 1 else S.scale)
            for p in range(indptr[i], indptr[i + 1]):
                if <uint64_t> indices[p] >= <uint64_t> width:
                    return 1
                out[row * width + indices[p]] += data[p] * by
    return 0
