# Truncated E-steps of the probabilistic models: choose candidates, then posterior moments over the states they span.
#   A (n, H) scores or scaled correlations, perm (n, H) int32 from `candidates`, X (n, D): float64, C order; n >= 1.
#   Contracts, states and their order: truncated_kernel.h. `joint` is (n, n_states) or (0, 0).
# Cost: O(n n_states) operations (discrete, slab; maximal: O(D n_states) a sample and set of candidates), 8 n_states bytes
# a lane and thread. Sums over samples are taken in at most N_CHUNKS chunks, which depend on n and H alone, and these are
# added in order: the number of threads changes no bit. C, not Numba: a walk over a tree of states becomes vector code by
# having a sample in each lane, with an exp and a log of its own (vecmath.h).
# Called by dictionary._truncation, _discrete, _spike_slab, _maximal.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

cdef extern from "truncated_kernel.h" nogil:
    ctypedef struct truncated_problem:
        int n_units, n_candidates, max_active, n_states
        double inv_t
        const double *gram
        const double *log_odds
        int n_values
        const double *values
        const double *evidence
        int n_features
        const int32_t *parent
        const int32_t *last
        const double *W
        double rho, precision
    ctypedef void (*discrete_rows_t)(const truncated_problem *, int, const double *, const int32_t *, int, double *,
                                     double *, double *, double *, double *, double *) noexcept
    ctypedef void (*maximal_rows_t)(const truncated_problem *, int, const double *, const double *, double *,
                                    const int32_t *, int, double *, double *, double *, double *, double *,
                                    double *) noexcept
    ctypedef void (*excess_rows_t)(const double *, const double *, int, int, int, double *) noexcept
    ctypedef void (*array_t)(const double *, double *, size_t) noexcept
    discrete_rows_t discrete_rows_pick()
    discrete_rows_t slab_rows_pick()
    maximal_rows_t maximal_rows_pick()
    excess_rows_t excess_rows_pick()
    array_t exp_array_pick()
    array_t log_array_pick()
    size_t discrete_space(const truncated_problem *)
    size_t slab_space(const truncated_problem *)
    size_t maximal_space(const truncated_problem *)

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef enum:
    N_CHUNKS = 32
    LANES = 8
    MOST_SUMS = 8388608  # doubles that the chunks' sums may take


cdef Py_ssize_t chunk_length(Py_ssize_t n, Py_ssize_t n_sums) noexcept:
    cdef Py_ssize_t n_chunks = max(1, min(N_CHUNKS, MOST_SUMS // n_sums)), length = (n + n_chunks - 1) // n_chunks
    return (length + LANES - 1) // LANES * LANES


cdef class Space:
    """A workspace a thread and sums a chunk, zero to begin with."""
    cdef double *spaces
    cdef double *sums

    def __cinit__(self, size_t space, int n_threads, Py_ssize_t n_sums, Py_ssize_t n_chunks):
        self.spaces = NULL
        self.sums = <double *> calloc(n_sums * n_chunks, sizeof(double))
        if self.sums == NULL or posix_memalign(<void **> &self.spaces, 64, space * n_threads * sizeof(double)) != 0:
            raise MemoryError("no memory for the states of an E-step")

    def __dealloc__(self):
        free(self.spaces)
        free(self.sums)


def candidates(const double[:, ::1] scores, int n_candidates, int32_t[:, ::1] perm):
    """perm: the units of largest score, ascending (ties: the lowest index is chosen), then the others, ascending."""
    cdef Py_ssize_t r
    cdef int H = <int> scores.shape[1], h, i, n, a, b
    cdef int32_t *best
    cdef const double *score
    with nogil:
        for r in range(scores.shape[0]):
            score, best = &scores[r, 0], &perm[r, 0]
            n = 0
            for h in range(H):  # best[:n]: by score, descending
                if n == n_candidates and not score[h] > score[best[n - 1]]:
                    continue
                i = n if n < n_candidates else n - 1
                while i > 0 and score[h] > score[best[i - 1]]:
                    best[i] = best[i - 1]
                    i = i - 1
                best[i] = h
                n = min(n + 1, n_candidates)
            for a in range(1, n):  # ascending
                h = best[a]
                b = a
                while b > 0 and best[b - 1] > h:
                    best[b] = best[b - 1]
                    b = b - 1
                best[b] = h
            a, b = 0, n
            for h in range(H):
                if a < n and best[a] == h:
                    a = a + 1
                else:
                    best[b] = h
                    b = b + 1


def discrete(const double[:, ::1] A, const int32_t[:, ::1] perm, const double[:, ::1] gram, const double[::1] values,
             const double[::1] log_odds, int n_candidates, int max_active, int n_states, bint moments,
             double[::1] log_z, double[:, ::1] means, double[:, ::1] pairs, double[::1] counts, double[:, ::1] joint,
             int n_threads):
    """log_z and, if `moments`, means; pairs (upper triangle) and counts are added to."""
    cdef truncated_problem p
    p.n_units, p.n_candidates, p.max_active, p.n_states = <int> A.shape[1], n_candidates, max_active, n_states
    p.gram, p.log_odds, p.values, p.n_values = &gram[0, 0], &log_odds[0], &values[0], <int> values.shape[0]
    walk(&p, discrete_rows_pick(), discrete_space(&p), A, perm, moments, log_z, means, pairs, counts, joint, n_threads)


def slab(const double[:, ::1] A, const int32_t[:, ::1] perm, const double[:, ::1] gram, const double[::1] log_odds,
         const double[::1] evidence, double inv_t, int n_candidates, int max_active, int n_states, bint moments,
         double[::1] log_z, double[:, ::1] means, double[:, ::1] pairs, double[::1] on, double[:, ::1] joint,
         int n_threads):
    """log_z and, if `moments`, means of s z; pairs (upper triangle) and on, the sums of s, are added to."""
    cdef truncated_problem p
    p.n_units, p.n_candidates, p.max_active, p.n_states = <int> A.shape[1], n_candidates, max_active, n_states
    p.gram, p.log_odds, p.evidence, p.inv_t = &gram[0, 0], &log_odds[0], &evidence[0], inv_t
    walk(&p, slab_rows_pick(), slab_space(&p), A, perm, moments, log_z, means, pairs, on, joint, n_threads)


cdef walk(const truncated_problem *p, discrete_rows_t kernel, size_t space, const double[:, ::1] A,
          const int32_t[:, ::1] perm, bint moments, double[::1] log_z, double[:, ::1] means, double[:, ::1] pairs,
          double[::1] counts, double[:, ::1] joint, int n_threads):
    cdef Py_ssize_t n = A.shape[0], H = A.shape[1], n_counts = counts.shape[0], n_sums = H * H + n_counts
    cdef Py_ssize_t length = chunk_length(n, n_sums), n_chunks = (n + length - 1) // length, chunk, start, i
    cdef double *out_means = &means[0, 0] if moments else NULL
    cdef double *out_joint = &joint[0, 0] if joint.shape[0] else NULL
    cdef Py_ssize_t joint_step = joint.shape[1]
    cdef double *sums
    n_threads = <int> max(1, min(n_threads, n_chunks))
    cdef Space memory = Space(space, n_threads, n_sums, n_chunks)
    cdef double *spaces = memory.spaces
    sums = memory.sums
    for chunk in prange(n_chunks, schedule="dynamic", num_threads=n_threads, nogil=True):
        start = chunk * length
        kernel(p, <int> min(length, n - start), &A[start, 0], &perm[start, 0], moments, &log_z[start],
               out_means + start * H if moments else NULL, sums + chunk * n_sums, sums + chunk * n_sums + H * H,
               out_joint + start * joint_step if out_joint != NULL else NULL, spaces + threadid() * space)
    if moments:
        for chunk in range(n_chunks):
            for i in range(H * H):
                (&pairs[0, 0])[i] += sums[chunk * n_sums + i]
            for i in range(n_counts):
                counts[i] += sums[chunk * n_sums + H * H + i]


def maximal(const double[:, ::1] X, const double[::1] energy, double[:, ::1] singles, const int32_t[:, ::1] perm,
            const double[:, ::1] W, double log_odds, double rho, double precision, const int32_t[::1] parent,
            const int32_t[::1] last, int n_candidates, int n_states, bint moments, double[::1] log_z,
            double[:, ::1] weights, double[:, ::1] targets, double[::1] error, double[:, ::1] joint, int n_threads):
    """log_z and singles; if `moments`, weights, targets and error (1,) are added to."""
    cdef truncated_problem p
    cdef maximal_rows_t kernel = maximal_rows_pick()
    cdef Py_ssize_t n = X.shape[0], H = W.shape[0], D = W.shape[1], n_sums = 2 * H * D + 1
    cdef Py_ssize_t length = chunk_length(n, n_sums), n_chunks = (n + length - 1) // length, chunk, start, i
    cdef double *out_joint = &joint[0, 0] if joint.shape[0] else NULL
    cdef Py_ssize_t joint_step = joint.shape[1]
    cdef double *mine
    p.n_units, p.n_candidates, p.n_states, p.n_features = <int> H, n_candidates, n_states, <int> D
    p.log_odds, p.W, p.rho, p.precision = &log_odds, &W[0, 0], rho, precision
    p.parent, p.last = &parent[0], &last[0]
    n_threads = <int> max(1, min(n_threads, n_chunks))
    cdef size_t space = (maximal_space(&p) + 7) // 8 * 8
    cdef Space memory = Space(space, n_threads, n_sums, n_chunks)
    cdef double *spaces = memory.spaces
    cdef double *all_sums = memory.sums
    for chunk in prange(n_chunks, schedule="dynamic", num_threads=n_threads, nogil=True):
        start = chunk * length
        mine = all_sums + chunk * n_sums
        kernel(&p, <int> min(length, n - start), &X[start, 0], &energy[start], &singles[start, 0], &perm[start, 0],
               moments, &log_z[start], mine, mine + H * D, mine + 2 * H * D,
               out_joint + start * joint_step if out_joint != NULL else NULL, spaces + threadid() * space)
    if moments:
        for chunk in range(n_chunks):
            mine = all_sums + chunk * n_sums
            for i in range(H * D):
                (&weights[0, 0])[i] += mine[i]
                (&targets[0, 0])[i] += mine[H * D + i]
            error[0] += mine[2 * H * D]


def excess(const double[:, ::1] X, const double[:, ::1] W, double[:, ::1] out):
    """out (n, H) = minus by how much W_h is above the sample, summed over the features."""
    cdef excess_rows_t kernel = excess_rows_pick()
    with nogil:
        kernel(&X[0, 0], &W[0, 0], <int> X.shape[0], <int> W.shape[0], <int> W.shape[1], &out[0, 0])


def exp_log(const double[::1] x, double[::1] y, bint log):
    """y = exp x or log x, by the kernels' own series: for their test."""
    cdef array_t kernel = log_array_pick() if log else exp_array_pick()
    kernel(&x[0], &y[0], x.shape[0])
