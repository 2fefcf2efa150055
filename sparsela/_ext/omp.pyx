# Batch-OMP over chunks of signals: one GEMM a chunk, then the C kernel on its rows while they are in cache.
#   X (n, m), D (K, m) unit rows, G (K, ld) padded with zeros to ld (a multiple of 64 bytes); C order, one dtype.
#   k (n,) or (1,) int32, tol (n,) or (1,) float64 (ignored unless has_tol).
#   shown (n, m) bytes, 0 where X is hidden (and zero), with Dt (m, ld) = D' padded; of length 0 where all of X is seen.
#   given (n, ld): X D' padded with zeros, where a fast operator has computed it, overwritten; of length 0: one GEMM.
#   Out: idx (n, k_max) int32, val (n, k_max), nnz (n,) int32, residuals (n,) float64 or empty.
# Cost: 2 n m K + n K k (k + 1) flops. Chunks do not depend on the number of threads and each is done by one thread
# (the caller holds BLAS to one), so neither do the bits. Called by coding._omp.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free
from sparsela._ext.correlate cimport correlate, real

cdef extern from "omp_kernel.h" nogil:
    struct omp_problem:
        const void *gram
        const void *dictionary
        const void *transposed
        int n_atoms, n_features, ld, k_max, k_step, tol_step, has_tol, ormp
    struct omp_workspace:
        pass
    ctypedef int (*omp_rows_t)(const omp_problem *, int, const void *, void *, const unsigned char *,
                               const int32_t *, const double *, omp_workspace *, int32_t *, void *, int32_t *, double *) noexcept
    omp_rows_t omp_rows_pick(int is_double)
    ctypedef int (*omp_refit_t)(const omp_problem *, int, const void *, omp_workspace *, int32_t *, void *, int32_t *,
                                double *) noexcept
    omp_refit_t omp_refit_pick()
    void omp_workspace_free(omp_workspace *)

cdef extern from "<string.h>" nogil:
    void *memset(void *, int, size_t)

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef enum:
    CHUNK = 128  # correlations of a chunk and the Gram share the L2 cache


def omp(const real[:, ::1] X, const real[:, ::1] D, const real[:, ::1] G, const real[:, ::1] Dt,
        const unsigned char[:, ::1] shown, const int32_t[::1] k, const double[::1] tol, bint has_tol, bint ormp,
        int32_t[:, ::1] idx, real[:, ::1] val, int32_t[::1] nnz, double[::1] residuals, int n_threads, real[:, ::1] given):
    cdef Py_ssize_t n = X.shape[0], n_chunks = (n + CHUNK - 1) // CHUNK, chunk, start
    cdef int rows, failed = 0, t
    cdef bint correlated = given.shape[0] > 0
    cdef omp_rows_t kernel = omp_rows_pick(real is double)
    cdef omp_problem pb
    cdef omp_workspace *spaces
    cdef real *buffers = NULL  # correlations of a chunk, one (CHUNK, ld) block a thread
    cdef real *block_of
    cdef double *no_residuals = NULL
    cdef const unsigned char *mask = NULL
    cdef size_t block
    if n == 0:
        return
    pb.gram, pb.dictionary, pb.transposed = &G[0, 0], &D[0, 0], NULL
    if shown.shape[0]:
        pb.transposed, mask = &Dt[0, 0], &shown[0, 0]
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
        block_of = &given[start, 0] if correlated else buffers + t * block
        if not correlated:
            correlate(&X[start, 0], &D[0, 0], rows, pb.n_atoms, pb.n_features, pb.ld, block_of)
        failed |= kernel(
            &pb, rows, &X[start, 0], block_of,
            mask + start * pb.n_features if mask != NULL else mask, &k[start * pb.k_step], &tol[start * pb.tol_step],
            &spaces[t], &idx[start, 0], &val[start, 0], &nnz[start], &residuals[start] if residuals.shape[0] else no_residuals)
    for t in range(n_threads):
        omp_workspace_free(&spaces[t])
    free(spaces)
    free(buffers)
    if failed:
        raise MemoryError("no memory for the workspace of Batch-OMP")


def omp_mixed(const double[:, ::1] X, const double[:, ::1] D, const double[:, ::1] G, const float[:, ::1] D32,
              const float[:, ::1] G32, const int32_t[::1] k, const double[::1] tol, bint has_tol, bint ormp,
              int32_t[:, ::1] idx, double[:, ::1] val, int32_t[::1] nnz, double[::1] residuals, int n_threads):
    """As `omp`, but the atoms are chosen in float32 (D32, G32) and their coefficients solved for in float64."""
    cdef Py_ssize_t n = X.shape[0], n_chunks = (n + CHUNK - 1) // CHUNK, chunk, start, i
    cdef int rows, failed = 0, t, ok
    cdef omp_rows_t kernel = omp_rows_pick(False)
    cdef omp_refit_t refit = omp_refit_pick()
    cdef omp_problem pb, pb32
    cdef omp_workspace *spaces
    cdef float *buffers = NULL  # for each thread: a chunk in float32 and its correlations
    cdef float *x32
    cdef double *no_residuals = NULL
    cdef size_t block
    if n == 0:
        return
    pb.n_atoms, pb.n_features, pb.k_max = <int> D.shape[0], <int> D.shape[1], <int> val.shape[1]
    pb.k_step, pb.tol_step, pb.has_tol, pb.ormp = k.shape[0] > 1, tol.shape[0] > 1, has_tol, ormp
    pb32 = pb
    pb.gram, pb.dictionary, pb.ld = &G[0, 0], &D[0, 0], <int> G.shape[1]
    pb32.gram, pb32.dictionary, pb32.ld = &G32[0, 0], &D32[0, 0], <int> G32.shape[1]
    n_threads = <int> max(1, min(n_threads, n_chunks))
    block = (CHUNK * <size_t> (pb32.ld + pb.n_features) + 15) // 16 * 16
    spaces = <omp_workspace *> calloc(2 * n_threads, sizeof(omp_workspace))
    if spaces == NULL or posix_memalign(<void **> &buffers, 64, n_threads * block * sizeof(float)) != 0:
        free(spaces)
        raise MemoryError("no memory for the workspace of Batch-OMP")
    memset(buffers, 0, n_threads * block * sizeof(float))
    for chunk in prange(n_chunks, schedule="dynamic", num_threads=n_threads, nogil=True):
        t = threadid()
        start = chunk * CHUNK
        rows = <int> min(CHUNK, n - start)
        x32 = buffers + t * block + CHUNK * <size_t> pb32.ld
        for i in range(rows * pb.n_features):
            x32[i] = <float> (&X[start, 0])[i]
        correlate(x32, &D32[0, 0], rows, pb.n_atoms, pb.n_features, pb32.ld, buffers + t * block)
        ok = kernel(&pb32, rows, x32, buffers + t * block, NULL, &k[start * pb.k_step], &tol[start * pb.tol_step],
                    &spaces[2 * t], &idx[start, 0], NULL, &nnz[start], no_residuals)
        if ok == 0:
            ok = refit(&pb, rows, &X[start, 0], &spaces[2 * t + 1], &idx[start, 0], &val[start, 0], &nnz[start],
                       &residuals[start] if residuals.shape[0] else no_residuals)
        failed |= ok
    for t in range(2 * n_threads):
        omp_workspace_free(&spaces[t])
    free(spaces)
    free(buffers)
    if failed:
        raise MemoryError("no memory for the workspace of Batch-OMP")
