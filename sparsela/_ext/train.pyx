# What a training step does beside its sparse products: rows of a batch to columns, activations, updates of weights.
#   gather: out (d, width) = X[ids].T, zeros past the last id. X (n, d) with contiguous rows, ids int64 in range.
#   scatter: the same of CSR rows.
#   slope, relu2, srelu: activations of (m, width) arrays with contiguous rows, in place or from Z to A.
#   chain, srelu_chain: D *= the derivative, sums (m,) = the sum of each row of D.
#   sgd, momentum, adam: one pass over flat arrays of one length.
# Formulas and cost are in train_body.h. Threads take whole rows, or pieces whose ends do not depend on their number, so
# bits do not either. Nothing is checked here. Called by nn alone.

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

# The functions of one vector width, as train_kernel.h picks them: the address is taken once a call.
ctypedef void (*sgd64)(double *, const double *, Py_ssize_t, double, double) noexcept nogil
ctypedef void (*sgd32)(float *, const float *, Py_ssize_t, float, float) noexcept nogil
ctypedef void (*momentum64)(double *, const double *, double *, Py_ssize_t, double, double, double, int) noexcept nogil
ctypedef void (*momentum32)(float *, const float *, float *, Py_ssize_t, float, float, float, int) noexcept nogil
ctypedef void (*adam64)(double *, const double *, double *, double *, Py_ssize_t, double, double, double,
                        double, double) noexcept nogil
ctypedef void (*adam32)(float *, const float *, float *, float *, Py_ssize_t, float, float, float, float,
                        float) noexcept nogil
ctypedef void (*slope64)(double *, Py_ssize_t, double) noexcept nogil
ctypedef void (*slope32)(float *, Py_ssize_t, float) noexcept nogil
ctypedef void (*relu264)(double *, Py_ssize_t) noexcept nogil
ctypedef void (*relu232)(float *, Py_ssize_t) noexcept nogil
ctypedef double (*chain64)(double *, const double *, Py_ssize_t, int, double) noexcept nogil
ctypedef float (*chain32)(float *, const float *, Py_ssize_t, int, float) noexcept nogil
ctypedef void (*srelu64)(const double *, double *, Py_ssize_t, const double *) noexcept nogil
ctypedef void (*srelu32)(const float *, float *, Py_ssize_t, const float *) noexcept nogil
ctypedef double (*srelu_chain64)(double *, const double *, Py_ssize_t, const double *, double *) noexcept nogil
ctypedef float (*srelu_chain32)(float *, const float *, Py_ssize_t, const float *, float *) noexcept nogil
ctypedef void (*tile64)(const double *const *, int, Py_ssize_t, Py_ssize_t, double *, Py_ssize_t,
                        Py_ssize_t) noexcept nogil
ctypedef void (*tile32)(const float *const *, int, Py_ssize_t, Py_ssize_t, float *, Py_ssize_t,
                        Py_ssize_t) noexcept nogil

cdef extern from "train_kernel.h" nogil:
    int SL_RELU, SL_SLOPE, SL_TANH, SL_LOGISTIC, SL_RELU2, SL_IDENTITY
    sgd64 sgd_double
    sgd32 sgd_float
    momentum64 momentum_double
    momentum32 momentum_float
    adam64 adam_double
    adam32 adam_float
    slope64 slope_double
    slope32 slope_float
    relu264 relu2_double
    relu232 relu2_float
    chain64 chain_double
    chain32 chain_float
    srelu64 srelu_double
    srelu32 srelu_float
    srelu_chain64 srelu_chain_double
    srelu_chain32 srelu_chain_float
    tile64 tile_double
    tile32 tile_float

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef enum:
    PIECE = 1 << 14       # numbers of an update that one thread takes at a time
    PER_THREAD = 1 << 16  # numbers below which another thread costs more than it brings
    COLUMNS = 256         # columns of X that one thread turns at a time

RELU, SLOPE, TANH, LOGISTIC, RELU2, IDENTITY = SL_RELU, SL_SLOPE, SL_TANH, SL_LOGISTIC, SL_RELU2, SL_IDENTITY


cdef inline int threads_for(Py_ssize_t work, int n_threads) noexcept nogil:
    return <int> max(1, min(<Py_ssize_t> n_threads, work // PER_THREAD))


def gather(const real[:, :] X, const int64_t[::1] ids, real[:, :] out, int n_threads):
    cdef Py_ssize_t d = X.shape[1], n = ids.shape[0], width = out.shape[1], ld = out.strides[0] // sizeof(real), r, t
    cdef const real **rows = <const real **> malloc(max(n, 1) * sizeof(void *))
    cdef tile64 turn64 = tile_double
    cdef tile32 turn32 = tile_float
    if rows == NULL:
        raise MemoryError("no memory for the addresses of a batch")
    for r in range(n):
        rows[r] = &X[ids[r], 0]
    n_threads = threads_for(d * n, n_threads)
    for t in prange((d + COLUMNS - 1) // COLUMNS, schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            turn64(<const double *const *> rows, <int> n, t * COLUMNS, min(d, (t + 1) * COLUMNS), &out[0, 0], ld, width)
        else:
            turn32(<const float *const *> rows, <int> n, t * COLUMNS, min(d, (t + 1) * COLUMNS), &out[0, 0], ld, width)
    free(rows)


def scatter(const index[::1] indptr, const index[::1] indices, const real[::1] data, const int64_t[::1] ids,
            real[:, :] out):
    cdef Py_ssize_t j, r, k
    for j in range(out.shape[0]):
        memset(&out[j, 0], 0, out.shape[1] * sizeof(real))
    for r in range(ids.shape[0]):
        for k in range(indptr[ids[r]], indptr[ids[r] + 1]):
            out[indices[k], r] += data[k]


def slope(real[:, :] Z, real s, int n_threads):
    cdef Py_ssize_t i, width = Z.shape[1]
    cdef slope64 step64 = slope_double
    cdef slope32 step32 = slope_float
    n_threads = threads_for(Z.shape[0] * width, n_threads)
    for i in prange(Z.shape[0], schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&Z[i, 0], width, s)
        else:
            step32(&Z[i, 0], width, s)


def relu2(real[:, :] Z, int n_threads):
    cdef Py_ssize_t i, width = Z.shape[1]
    cdef relu264 step64 = relu2_double
    cdef relu232 step32 = relu2_float
    n_threads = threads_for(Z.shape[0] * width, n_threads)
    for i in prange(Z.shape[0], schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&Z[i, 0], width)
        else:
            step32(&Z[i, 0], width)


def chain(real[:, :] D, const real[:, :] A, int kind, real s, real[::1] sums, int n_threads):
    cdef Py_ssize_t i, width = D.shape[1]
    cdef chain64 step64 = chain_double
    cdef chain32 step32 = chain_float
    n_threads = threads_for(D.shape[0] * width, n_threads)
    for i in prange(D.shape[0], schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            sums[i] = step64(&D[i, 0], &A[i, 0], width, kind, s)
        else:
            sums[i] = step32(&D[i, 0], &A[i, 0], width, kind, s)


def srelu(const real[:, :] Z, real[:, :] A, const real[:, ::1] P, int n_threads):
    cdef Py_ssize_t i, width = Z.shape[1]
    cdef srelu64 step64 = srelu_double
    cdef srelu32 step32 = srelu_float
    n_threads = threads_for(Z.shape[0] * width, n_threads)
    for i in prange(Z.shape[0], schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&Z[i, 0], &A[i, 0], width, &P[i, 0])
        else:
            step32(&Z[i, 0], &A[i, 0], width, &P[i, 0])


def srelu_chain(real[:, :] D, const real[:, :] Z, const real[:, ::1] P, real[:, ::1] dP, real[::1] sums, int n_threads):
    cdef Py_ssize_t i, width = D.shape[1]
    cdef srelu_chain64 step64 = srelu_chain_double
    cdef srelu_chain32 step32 = srelu_chain_float
    n_threads = threads_for(D.shape[0] * width, n_threads)
    for i in prange(D.shape[0], schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            sums[i] = step64(&D[i, 0], &Z[i, 0], width, &P[i, 0], &dP[i, 0])
        else:
            sums[i] = step32(&D[i, 0], &Z[i, 0], width, &P[i, 0], &dP[i, 0])


def sgd(real[::1] w, const real[::1] g, real rate, real decay, int n_threads):
    cdef Py_ssize_t n = w.shape[0], t
    cdef sgd64 step64 = sgd_double
    cdef sgd32 step32 = sgd_float
    n_threads = threads_for(n, n_threads)
    for t in prange((n + PIECE - 1) // PIECE, schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&w[t * PIECE], &g[t * PIECE], min(PIECE, n - t * PIECE), rate, decay)
        else:
            step32(&w[t * PIECE], &g[t * PIECE], min(PIECE, n - t * PIECE), rate, decay)


def momentum(real[::1] w, const real[::1] g, real[::1] v, real rate, real decay, real mu, bint nesterov, int n_threads):
    cdef Py_ssize_t n = w.shape[0], t
    cdef momentum64 step64 = momentum_double
    cdef momentum32 step32 = momentum_float
    n_threads = threads_for(n, n_threads)
    for t in prange((n + PIECE - 1) // PIECE, schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&w[t * PIECE], &g[t * PIECE], &v[t * PIECE], min(PIECE, n - t * PIECE), rate, decay, mu, nesterov)
        else:
            step32(&w[t * PIECE], &g[t * PIECE], &v[t * PIECE], min(PIECE, n - t * PIECE), rate, decay, mu, nesterov)


def adam(real[::1] w, const real[::1] g, real[::1] m, real[::1] v, real rate, real decay, real beta_1, real beta_2,
         real epsilon, int n_threads):
    cdef Py_ssize_t n = w.shape[0], t
    cdef adam64 step64 = adam_double
    cdef adam32 step32 = adam_float
    n_threads = threads_for(n, n_threads)
    for t in prange((n + PIECE - 1) // PIECE, schedule="static", num_threads=n_threads, nogil=True):
        if real is double:
            step64(&w[t * PIECE], &g[t * PIECE], &m[t * PIECE], &v[t * PIECE], min(PIECE, n - t * PIECE), rate, decay,
                   beta_1, beta_2, epsilon)
        else:
            step32(&w[t * PIECE], &g[t * PIECE], &m[t * PIECE], &v[t * PIECE], min(PIECE, n - t * PIECE), rate, decay,
                   beta_1, beta_2, epsilon)
