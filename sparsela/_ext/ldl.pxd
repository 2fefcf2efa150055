# What the samplers of determinantal point processes share: a stream of uniform numbers, and the sampler by LDL'.
#
# Stream: number id of the stream of a sample, from the hash of (seed, sample) and id; nothing else.
#
# ldl_sample: one set of the process with marginal kernel K (n, n), Hermitian, column after column `ld` apart; the lower
#   triangle is read and overwritten. An unpivoted LDL' with coins: item j is kept where its uniform number is below the
#   pivot p, else the pivot becomes p - 1. W holds n NB scalars; item j takes number j of the stream, n are used up.
#   out (n) gets the items, ascending; returns their number, or -1 as soon as it cannot be `size` (size >= 0).
# n^3 / 3 multiply-adds, nearly all of them in GEMM. BLAS on one thread is the caller's care. Called by dpp.pyx and
# dpp_trial.pyx.

from libc.stdint cimport int64_t, uint64_t
from scipy.linalg.cython_blas cimport dgemm, dtrsm, zgemm, ztrsm

cdef extern from "hash.h" nogil:
    uint64_t sl_hash_key(uint64_t seed, uint64_t stream)
    uint64_t sl_hash(uint64_t key, uint64_t id)
    double sl_uniform(uint64_t h)

ctypedef fused scalar:
    double
    double complex

cdef enum:
    NB = 64

cdef struct Stream:
    uint64_t key
    uint64_t id


cdef inline double uniform(Stream *stream) noexcept nogil:
    stream.id += 1
    return sl_uniform(sl_hash(stream.key, stream.id - 1))


cdef inline scalar conj(scalar a) noexcept nogil:
    if scalar is double:
        return a
    else:
        return a.conjugate()


cdef inline double real(scalar a) noexcept nogil:
    if scalar is double:
        return a
    else:
        return a.real


cdef inline double square(scalar a) noexcept nogil:
    if scalar is double:
        return a * a
    else:
        return a.real * a.real + a.imag * a.imag


cdef inline int ldl_sample(scalar *A, int n, int ld, scalar *W, Stream *stream, int64_t *out, int size) noexcept nogil:
    cdef scalar one = 1, minus = -1, factor
    cdef scalar *column
    cdef int strip, j0, j1, nb, j, i, c, s, rows, width, count = 0
    cdef double p
    cdef double[NB] d
    cdef int block = NB if n > 512 else NB // 2
    for strip in range((n + block - 1) // block):
        j0 = strip * block
        j1 = min(j0 + block, n)
        nb = j1 - j0
        for j in range(j0, j1):  # the block on the diagonal, column by column
            column = A + <Py_ssize_t> j * ld
            p = real(column[j])
            if sl_uniform(sl_hash(stream.key, stream.id + j)) < p:
                out[count] = j
                count += 1
            else:
                p -= 1
            d[j - j0] = p
            for c in range(j + 1, j1):
                factor = conj(column[c]) / p
                for i in range(c, j1):
                    A[i + <Py_ssize_t> c * ld] -= column[i] * factor
            for i in range(j + 1, j1):
                column[i] = column[i] / p
        if size >= 0 and (count > size or count + n - j1 < size):
            stream.id += n
            return -1
        rows = n - j1
        if rows == 0:
            break
        # below it: what is there is L21 D L11', so that L21 D comes first and L21 by a division
        if scalar is double:
            dtrsm(b"R", b"L", b"T", b"U", &rows, &nb, &one, A + j0 + <Py_ssize_t> j0 * ld, &ld,
                  A + j1 + <Py_ssize_t> j0 * ld, &ld)
        else:
            ztrsm(b"R", b"L", b"C", b"U", &rows, &nb, &one, A + j0 + <Py_ssize_t> j0 * ld, &ld,
                  A + j1 + <Py_ssize_t> j0 * ld, &ld)
        for j in range(nb):
            column = A + j1 + <Py_ssize_t> (j0 + j) * ld
            for i in range(rows):
                W[i + <Py_ssize_t> j * rows] = column[i]
                column[i] = column[i] / d[j]
        for s in range((rows + NB - 1) // NB):  # the lower triangle of what is left, a strip of columns at a time
            c = j1 + s * NB
            width = min(NB, n - c)
            i = n - c
            if scalar is double:
                dgemm(b"N", b"T", &i, &width, &nb, &minus, W + c - j1, &rows, A + c + <Py_ssize_t> j0 * ld, &ld,
                      &one, A + c + <Py_ssize_t> c * ld, &ld)
            else:
                zgemm(b"N", b"C", &i, &width, &nb, &minus, W + c - j1, &rows, A + c + <Py_ssize_t> j0 * ld, &ld,
                      &one, A + c + <Py_ssize_t> c * ld, &ld)
    stream.id += n
    return -1 if size >= 0 and count != size else count
