# Counter-based random numbers of many ids (definitions in hash.h).
#   hash_ids: out[i] = h(seed, stream, ids[i]).
#   normals: out (n, rows): rows 2r and 2r + 1 of id i are the normal pair of streams 2r and 2r + 1.
# ids (n,) int64, ≥ 0. Every number is a function of its id alone: the threads only share out the ids. O(1) a number.
# Called by _core.random; kernels that make their numbers on the fly include hash.h.

from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint64_t

cdef extern from "hash.h" nogil:
    uint64_t sl_hash_key(uint64_t seed, uint64_t stream)
    uint64_t sl_hash(uint64_t key, uint64_t id)
    void sl_normal_pair(uint64_t h0, uint64_t h1, double *x0, double *x1)

ctypedef fused real:
    float
    double


def hash_ids(const int64_t[::1] ids, uint64_t seed, uint64_t stream, uint64_t[::1] out, int n_threads):
    cdef Py_ssize_t i, n = ids.shape[0]
    cdef uint64_t key = sl_hash_key(seed, stream)
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        out[i] = sl_hash(key, <uint64_t> ids[i])


cdef void normals_of(uint64_t id, uint64_t seed, real *out, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t r
    cdef double pair[2]
    for r in range(0, rows, 2):
        sl_normal_pair(sl_hash(sl_hash_key(seed, r), id), sl_hash(sl_hash_key(seed, r + 1), id), &pair[0], &pair[1])
        out[r] = <real> pair[0]
        if r + 1 < rows:
            out[r + 1] = <real> pair[1]


def normals(const int64_t[::1] ids, uint64_t seed, real[:, ::1] out, int n_threads):
    cdef Py_ssize_t i, n = ids.shape[0], rows = out.shape[1]
    if rows == 0:
        return
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        normals_of(<uint64_t> ids[i], seed, &out[i, 0], rows)
