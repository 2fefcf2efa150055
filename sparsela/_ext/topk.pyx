# The k entries of every row that are largest in magnitude, ties to the lowest index.
#   A (n, K) float32 or float64, C order; 0 <= k <= K. Out: idx (n, k) int64 ascending, val (n, k) = A at idx.
# Method and cost (O(K) a row, expected) are in topk_kernel.h. Rows are shared out among threads; each is done by one, so
# the bits do not depend on their number. Called by _core.projections and coding._threshold.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

cdef extern from "topk_kernel.h" nogil:
    ctypedef void (*topk_row_double_t)(const double *, int64_t, int64_t, double *, int64_t *, double *) noexcept
    ctypedef void (*topk_row_float_t)(const float *, int64_t, int64_t, float *, int64_t *, float *) noexcept
    topk_row_double_t topk_row_double_pick()
    topk_row_float_t topk_row_float_pick()

ctypedef fused real:
    float
    double


def topk(const real[:, ::1] A, int64_t[:, ::1] idx, real[:, ::1] val, int n_threads):
    cdef Py_ssize_t n = A.shape[0], K = A.shape[1], k = idx.shape[1], i
    cdef real *work
    if n == 0 or k == 0:
        return
    n_threads = <int> min(n_threads, n)
    work = <real *> malloc(n_threads * K * sizeof(real))
    if work == NULL:
        raise MemoryError("no memory for the workspace of top-k")
    if real is double:
        double_row = topk_row_double_pick()
        for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
            double_row(&A[i, 0], K, k, work + threadid() * K, &idx[i, 0], &val[i, 0])
    else:
        float_row = topk_row_float_pick()
        for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
            float_row(&A[i, 0], K, k, work + threadid() * K, &idx[i, 0], &val[i, 0])
    free(work)
