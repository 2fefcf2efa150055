# Batch-OMP over chunks of signals: one GEMM a chunk, then the C kernel on its rows while they are in cache.
#   X (n, m), D (K, m) unit rows, G (K, ld) padded with zeros to ld (a multiple of 64 bytes); C order, one dtype.
#   k (n,) or (1,) int32, tol (n,) or (1,) float64 (ignored unless has_tol).
#   Out: idx (n, k_max) int32, val (n, k_max), nnz (n,) int32, residuals (n,) float64 or empty.
# Cost: 2 n m K + n K k (k + 1) flops. Chunks do not depend on the number of threads and each is done by one thread
# (the caller holds BLAS to one), so neither do the bits. Called by coding._omp and dictionary.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free
from sparsela._ext.correlate cimport correlate, real

cdef extern from "omp_kernel.h" nogil:
    struct omp_problem:
        const void *gram
        const void *dictionary
        int n_atoms, n_features, ld, k_max, k_step, tol_step, has_tol, ormp
    struct omp_workspace:
        pass
    ctypedef int (*omp_rows_t)(const omp_problem *, int, const void *, void *, const int32_t *, const double *,
                               omp_workspace *, int32_t *, void *, int32_t *, double *) noexcept
    omp_rows_t omp_rows_pick(int is_double)
    void omp_workspace_free(omp_workspace *)

cdef extern from "<string.h>" nogil:
    void *memset(void *, int, size_t)

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef enum:
    CHUNK = 128  # correlations of a chunk and the Gram share the L2 cache


def omp(const real[:, ::1] X, const real[:, ::1] D, const real[:, ::1] G, const int32_t[::1] k, const double[::1] tol,
        bint has_tol, bint ormp, int32_t[:, ::1] idx, real[:, ::1] val, int32_t[::1] nnz, double[::1] residuals,
        int n_threads):
    cdef Py_ssize_t n = X.shape[0], n_chunks = (n + CHUNK - 1) // CHUNK, chunk, start
    cdef int rows, failed = 0, t
    cdef omp_rows_t kernel = omp_rows_pick(real is double)
    cdef omp_problem pb
    cdef omp_workspace *spaces
    cdef real *buffers = NULL  # correlations of a chunk, one (CHUNK, ld) block a thread
    cdef double *no_residuals = NULL
    cdef size_t block
    if n == 0:
        return
    pb.gram, pb.dictionary = &G[0, 0], &D[0, 0]
    pb.n_atoms, pb.n_features, pb.ld = <int> D.shape[0], <int> D.shape[1], <int> G.shape[1]
    pb.k_max, pb.k_step, pb.tol_step = <int> val.shape[1], k.shape[0] > 1, tol.shape[0] > 1
    pb.has_tol, pb.ormp = has_tol, ormp
    n_threads = <int> max(1, min(n_threads, n_chunks))
    block = CHUNK * <size_t> pb.ld
    spaces = <omp_workspace *> calloc(n_threads, sizeof(omp_workspace))
    if spaces == NULL or posix_memalign(<void **> &buffers, 64, n_threads * block * sizeof(real)) != 0:
        free(spaces)
        raise MemoryError("no memory for the workspace of Batch-OMP")
    memset(buffers, 0, n_threads * block * sizeof(real))  # the padding of the correlations stays zero
    for chunk in prange(n_chunks, schedule="dynamic", num_threads=n_threads, nogil=True):
        t = threadid()
        start = chunk * CHUNK
        rows = <int> min(CHUNK, n - start)
        correlate(&X[start, 0], &D[0, 0], rows, pb.n_atoms, pb.n_features, pb.ld, buffers + t * block)
        failed |= kernel(
            &pb, rows, &X[start, 0], buffers + t * block, &k[start * pb.k_step], &tol[start * pb.tol_step], &spaces[t],
            &idx[start, 0], &val[start, 0], &nnz[start], &residuals[start] if residuals.shape[0] else no_residuals)
    for t in range(n_threads):
        omp_workspace_free(&spaces[t])
    free(spaces)
    free(buffers)
    if failed:
        raise MemoryError("no memory for the workspace of Batch-OMP")
