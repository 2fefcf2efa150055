# The lasso over chunks of signals: one GEMM a chunk, then the C kernel on its rows while they are in cache.
#   X (n, m), D (K, m), G = D D' + l2 I (K, ld) padded with zeros to ld (a multiple of 64 bytes), weights w and penalty =
#   alpha w (ld) padded with infinity; C order, one dtype. start_*: CSR rows to start from; start_ptr of length 0 where there are none.
#   shown (n, m) bytes, 0 where X is hidden (and zero), with Dt (m, ld) = D' padded; of length 0 where all of X is seen.
#   extra (n, K) is added to the correlations and more_energy (n,) to |x|^2 (what a quadratic term of the caller's brings), or
#   both have length 0.
#   Out: idx (n, k_max) int32, val (n, k_max), nnz (n,) int32, gap (n,) float64.
# Cost: 2 n m K flops, then rounds x active x K multiply-adds a signal. Chunks do not depend on the number of threads and
# each is done by one thread (the caller holds BLAS to one), so neither do the bits. Called by coding._lasso and _path.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from sparsela._ext.correlate cimport correlate, real

cdef extern from "lasso_kernel.h" nogil:
    struct lasso_problem:
        const void *gram
        const void *penalty
        const void *weights
        const void *transposed
        int n_atoms, n_features, ld, cap, k_max, positive, solver, max_iter, max_steps
        double alpha, ridge, tol
    struct lasso_workspace:
        pass
    ctypedef int (*lasso_rows_t)(const lasso_problem *, int, const void *, void *, const unsigned char *,
                                 const double *, const int64_t *, const int32_t *, const void *, lasso_workspace *, int32_t *, void *, int32_t *,
                                 double *) noexcept
    lasso_rows_t lasso_rows_pick(int is_double)
    ctypedef int (*lasso_path_t)(const lasso_problem *, const void *, const void *, lasso_workspace *, double *, void *,
                                 int) noexcept
    lasso_path_t lasso_path_pick(int is_double)
    void lasso_workspace_free(lasso_workspace *)

cdef extern from "<string.h>" nogil:
    void *memset(void *, int, size_t)
    void *memcpy(void *, const void *, size_t)

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef enum:
    CHUNK = 128


def lasso(const real[:, ::1] X, const real[:, ::1] D, const real[:, ::1] G, const real[:, ::1] Dt,
          const unsigned char[:, ::1] shown, double ridge, const real[::1] penalty, const real[::1] weights,
          double alpha, int cap, bint positive, int solver, int max_iter, int max_steps,
          double tol, const real[:, ::1] extra, const double[::1] more_energy, const int64_t[::1] start_ptr,
          const int32_t[::1] start_idx, const real[::1] start_val, int32_t[:, ::1] idx, real[:, ::1] val,
          int32_t[::1] nnz, double[::1] gap, int n_threads):
    cdef Py_ssize_t n = X.shape[0], n_chunks = (n + CHUNK - 1) // CHUNK, chunk, start
    cdef int rows, failed = 0, t
    cdef lasso_rows_t kernel = lasso_rows_pick(real is double)
    cdef lasso_problem pb
    cdef lasso_workspace *spaces
    cdef real *buffers = NULL  # correlations of a chunk, one (CHUNK, ld) block a thread
    cdef const int64_t *ptr = &start_ptr[0] if start_ptr.shape[0] else NULL
    cdef const int32_t *from_idx = &start_idx[0] if start_idx.shape[0] else NULL
    cdef const real *from_val = &start_val[0] if start_val.shape[0] else NULL
    cdef const unsigned char *mask = NULL
    cdef const double *energy = &more_energy[0] if more_energy.shape[0] else NULL
    cdef bint add = extra.shape[0] > 0
    cdef int i
    cdef size_t block
    if n == 0:
        return
    pb.gram, pb.penalty, pb.weights, pb.alpha = &G[0, 0], &penalty[0], &weights[0], alpha
    pb.ridge, pb.transposed = ridge, NULL
    if shown.shape[0]:
        pb.transposed, mask = &Dt[0, 0], &shown[0, 0]
    pb.n_atoms, pb.n_features, pb.ld = <int> D.shape[0], <int> D.shape[1], <int> G.shape[1]
    pb.cap, pb.k_max, pb.positive, pb.solver = cap, <int> val.shape[1], positive, solver
    pb.max_iter, pb.max_steps, pb.tol = max_iter, max_steps, tol
    n_threads = <int> max(1, min(n_threads, n_chunks))
    block = CHUNK * <size_t> pb.ld
    spaces = <lasso_workspace *> calloc(n_threads, sizeof(lasso_workspace))
    if spaces == NULL or posix_memalign(<void **> &buffers, 64, n_threads * block * sizeof(real)) != 0:
        free(spaces)
        raise MemoryError("no memory for the workspace of the lasso")
    memset(buffers, 0, n_threads * block * sizeof(real))  # the padding of the correlations stays zero
    for chunk in prange(n_chunks, schedule="dynamic", num_threads=n_threads, nogil=True):
        t = threadid()
        start = chunk * CHUNK
        rows = <int> min(CHUNK, n - start)
        if add:
            for i in range(rows):
                memcpy(buffers + t * block + i * <size_t> pb.ld, &extra[start + i, 0], pb.n_atoms * sizeof(real))
        correlate(&X[start, 0], &D[0, 0], rows, pb.n_atoms, pb.n_features, pb.ld, buffers + t * block, add)
        failed |= kernel(
            &pb, rows, &X[start, 0], buffers + t * block,
            mask + start * pb.n_features if mask != NULL else mask,
            energy + start if energy != NULL else energy, ptr + start if ptr != NULL else ptr, from_idx, from_val,
            &spaces[t], &idx[start, 0], &val[start, 0], &nnz[start], &gap[start])
    for t in range(n_threads):
        lasso_workspace_free(&spaces[t])
    free(spaces)
    free(buffers)
    if failed:
        raise MemoryError("no memory for the workspace of the lasso")


def path(const real[::1] x, const real[:, ::1] D, const real[:, ::1] G, const real[::1] weights, double alpha, int cap,
         bint positive, int max_iter, double[::1] lambdas, real[:, ::1] codes):
    """The knots of one signal's lasso path down to alpha: lambdas (room,) and codes (room, K), zero before; their number."""
    cdef lasso_problem pb
    cdef lasso_workspace space
    cdef int n, K = <int> D.shape[0], m = <int> D.shape[1], ld = <int> G.shape[1]
    cdef real *a0 = NULL
    if posix_memalign(<void **> &a0, 64, ld * sizeof(real)) != 0:
        raise MemoryError("no memory for the lasso path")
    memset(a0, 0, ld * sizeof(real))
    memset(&space, 0, sizeof(space))
    pb.gram, pb.penalty, pb.weights, pb.alpha = &G[0, 0], &weights[0], &weights[0], alpha
    pb.n_atoms, pb.n_features, pb.ld, pb.cap, pb.k_max = K, m, ld, cap, cap
    pb.positive, pb.solver, pb.max_iter, pb.max_steps, pb.tol = positive, 2, max_iter, 0, 0
    pb.ridge, pb.transposed = 0, NULL
    with nogil:
        correlate(&x[0], &D[0, 0], 1, K, m, ld, a0)
        n = lasso_path_pick(real is double)(&pb, &x[0], a0, &space, &lambdas[0], &codes[0, 0], <int> lambdas.shape[0])
        lasso_workspace_free(&space)
        free(a0)
    if n < 0:
        raise MemoryError("no memory for the lasso path")
    return n
