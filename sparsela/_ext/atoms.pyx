# Dictionary updates from sparse codes: K-SVD sweeps, normal equations, the atom sweep of online learning.
#   Codes C (n, K): CSR (indptr, indices, data) and, for each atom j, users colptr[j]:colptr[j + 1] with `rows` (which signal)
#   and `pos` (where in data). D (K, m) atoms, R = X - C D (n, m), X (n, m): C order, one dtype, float32 or float64.
# Sums over the users of an atom are taken in blocks of BLOCK users, added in order: the number of threads changes no bit.
# Called by dictionary._ksvd, _users, _online.

from cython.parallel cimport prange
from libc.math cimport fabs, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, qsort
from scipy.linalg.cython_blas cimport dgemm

cdef extern from "atoms_kernel.h" nogil:
    ctypedef double (*atoms_gather_t)(const void *, int, const int32_t *, const int64_t *, const void *, int,
                                      void *) noexcept
    ctypedef void (*atoms_apply_t)(void *, int, const int32_t *, const int64_t *, void *, int, const void *,
                                   const void *, double) noexcept
    atoms_gather_t atoms_gather_pick(int is_double)
    atoms_apply_t atoms_apply_pick(int is_double)

ctypedef fused real:
    float
    double

cdef enum:
    WIDE = 32
    BLOCK = 512
    SHARE = 262144  # users x m from which it pays to split one atom over threads


def ksvd_sweep(real[:, ::1] R, real[:, ::1] D, real[::1] data, const int64_t[::1] colptr, const int32_t[::1] rows,
               const int64_t[::1] pos, const int64_t[::1] order, unsigned char[::1] unused, int n_threads):
    """Approximate K-SVD: for each atom j of `order`, d = E'c / |E'c| and c = E d with E = R + c d_j' on its users.

    R, D and data are updated in place; unused[j] is set where an atom has no user or E'c = 0. 8 m flops an entry.
    """
    cdef Py_ssize_t t, i, j, first, last, n_blocks, b, most = 1
    cdef int m = <int> D.shape[1], threads
    cdef double energy, norm, cosine
    cdef atoms_gather_t gather = atoms_gather_pick(real is double)
    cdef atoms_apply_t apply = atoms_apply_pick(real is double)
    cdef real *partial
    cdef double *energies
    cdef double *total
    cdef real *d_new
    for j in range(D.shape[0]):
        most = max(most, (colptr[j + 1] - colptr[j] + BLOCK - 1) // BLOCK)
    partial = <real *> malloc((most + 1) * m * sizeof(real))
    energies = <double *> malloc((most + m) * sizeof(double))
    if partial == NULL or energies == NULL:
        free(partial)
        free(energies)
        raise MemoryError("no memory for the sums of a K-SVD sweep")
    total = energies + most
    d_new = partial + most * m
    with nogil:
        for t in range(order.shape[0]):
            j = order[t]
            first, last = colptr[j], colptr[j + 1]
            unused[j] = first == last
            if first == last:
                continue
            n_blocks = (last - first + BLOCK - 1) // BLOCK
            threads = n_threads if (last - first) * m > SHARE else 1
            for b in prange(n_blocks, num_threads=threads, schedule="static"):
                energies[b] = gather(&R[0, 0], m, &rows[first + b * BLOCK], &pos[first + b * BLOCK], &data[0],
                                     <int> min(<Py_ssize_t> BLOCK, last - first - b * BLOCK), partial + b * m)
            energy = 0
            for i in range(m):
                total[i] = 0
            for b in range(n_blocks):
                energy = energy + energies[b]
                for i in range(m):
                    total[i] += partial[b * m + i]
            norm = 0
            for i in range(m):
                total[i] += energy * D[j, i]
                norm = norm + total[i] * total[i]
            norm = sqrt(norm)
            if norm == 0:
                unused[j] = 1
                continue
            cosine = 0
            for i in range(m):
                d_new[i] = <real> (total[i] / norm)
                cosine = cosine + <double> D[j, i] * d_new[i]
            for b in prange(n_blocks, num_threads=threads, schedule="static"):
                apply(&R[0, 0], m, &rows[first + b * BLOCK], &pos[first + b * BLOCK], &data[0],
                      <int> min(<Py_ssize_t> BLOCK, last - first - b * BLOCK), &D[j, 0], d_new, cosine)
            for i in range(m):
                D[j, i] = d_new[i]
    free(partial)
    free(energies)


def normal_equations(const real[:, ::1] X, const int64_t[::1] indptr, const int32_t[::1] indices,
                     const real[::1] data, const int64_t[::1] colptr, const int32_t[::1] rows, const int64_t[::1] pos,
                     double weight, double[:, ::1] A, double[:, ::1] B, int n_threads):
    """A (K, K) += weight C'C and B (K, m) += weight C'X in float64. Each atom's rows are one thread's work.

    2 k flops and 2 m flops an entry, k the length of its signal's code.
    """
    cdef Py_ssize_t K = A.shape[0], j
    cdef int m = <int> X.shape[1]
    cdef atoms_gather_t gather = atoms_gather_pick(real is double)
    cdef real *sums
    if rows.shape[0] == 0:
        return
    sums = <real *> malloc(K * m * sizeof(real))
    if sums == NULL:
        raise MemoryError("no memory for the normal equations")
    for j in prange(K, num_threads=n_threads, schedule="dynamic", chunksize=8, nogil=True):
        add_atom(&X[0, 0], m, &indptr[0], &indices[0], &data[0], &rows[0], &pos[0], colptr[j], colptr[j + 1], weight,
                 &A[j, 0], &B[j, 0], sums + j * m, gather)
    free(sums)


cdef void add_atom(const real *X, int m, const int64_t *indptr, const int32_t *indices, const real *data,
                   const int32_t *rows, const int64_t *pos, Py_ssize_t first, Py_ssize_t last, double weight,
                   double *A_j, double *B_j, real *sums, atoms_gather_t gather) noexcept nogil:
    cdef Py_ssize_t start, u
    cdef int64_t e
    cdef int i
    cdef double c
    start = first
    while start < last:
        gather(X, m, rows + start, pos + start, data, <int> min(<Py_ssize_t> BLOCK, last - start), sums)
        for i in range(m):
            B_j[i] += weight * sums[i]
        start += BLOCK
    for u in range(first, last):
        c = weight * data[pos[u]]
        for e in range(indptr[rows[u]], indptr[rows[u] + 1]):
            A_j[indices[e]] += c * data[e]


cdef int descending(const void *a, const void *b) noexcept nogil:
    cdef double x = (<const double *> a)[0], y = (<const double *> b)[0]
    return (x < y) - (x > y)


cdef void into_elastic_ball(double *u, int m, double r, double *s) noexcept nogil:
    """u <- the nearest point with r |u|_1 + q |u|_2^2 <= 1, q = 1 - r, 0 < r <= 1; s is room for m numbers.

    It is soft(u, r t) / (1 + 2 q t). On the n largest moduli, with sums S1 and S2 of them and of their squares, the
    bound is met where (q t^2 + t) (4 q + n r^2) = r S1 + q S2 - 1; the right n has r t between the moduli n + 1 and n.
    """
    cdef double q = 1 - r, excess = -1, h, t = 0
    cdef int i, n
    for i in range(m):
        s[i] = fabs(u[i])
        excess += r * s[i] + q * s[i] * s[i]
    if not excess > 0:
        return
    qsort(s, m, sizeof(double), descending)
    excess = -1
    for n in range(1, m + 1):
        excess += r * s[n - 1] + q * s[n - 1] * s[n - 1]
        h = excess / (4 * q + n * r * r)
        t = 2 * h / (1 + sqrt(1 + 4 * q * h)) if h > 0 else 0
        if h > 0 and (n == m or r * t >= s[n]):
            break
    for i in range(m):
        h = fabs(u[i]) - r * t
        h = h / (1 + 2 * q * t)
        u[i] = 0 if h <= 0 else h if u[i] > 0 else -h


def atom_sweep(const double[:, ::1] A, const double[:, ::1] B, double[:, ::1] D, bint positive, double l1_ratio, double least,
               unsigned char[::1] unused):
    """One pass of block coordinate descent over the atoms, in index order:

        u = d_j + (B_j - A_j D) / A_jj,   (u = max(u, 0) if positive),   (u into the elastic-net ball if l1_ratio > 0),
        d_j = u / |u|.

    Atoms with A_jj <= least or u = 0 are left as they are and marked unused. A_j D is taken WIDE rows at a time by GEMM,
    and what changes inside the block is added atom by atom: 2 K^2 m + K WIDE m flops. Changes D in place; one thread.
    """
    cdef int K = <int> D.shape[0], m = <int> D.shape[1], start, width, j, l, i
    cdef double one = 1, zero = 0, norm, value
    cdef double *W = <double *> malloc((WIDE * m + 2 * m) * sizeof(double))
    cdef double *step
    if W == NULL:
        raise MemoryError("no memory for the atom sweep")
    step = W + WIDE * m
    with nogil:
        start = 0
        while start < K:
            width = min(<int> WIDE, K - start)
            # W (width, m) = A[start:start + width] D, row-major: its transpose is D' A'
            dgemm(b"N", b"N", &m, &width, &K, &one, &D[0, 0], &m, <double *> &A[start, 0], &K, &zero, W, &m)
            for j in range(start, start + width):
                unused[j] = 1
                if not A[j, j] > least:
                    continue
                for i in range(m):
                    value = D[j, i] + (B[j, i] - W[(j - start) * m + i]) / A[j, j]
                    if positive and value < 0:
                        value = 0
                    step[i] = value
                if l1_ratio > 0:
                    into_elastic_ball(step, m, l1_ratio, step + m)
                norm = 0
                for i in range(m):
                    norm = norm + step[i] * step[i]
                norm = sqrt(norm)
                if not norm > 0:
                    continue
                unused[j] = 0
                for i in range(m):
                    value = step[i] / norm
                    step[i] = value - D[j, i]
                    D[j, i] = value
                for l in range(j + 1, start + width):
                    if A[l, j] == 0:
                        continue
                    for i in range(m):
                        W[(l - start) * m + i] += A[l, j] * step[i]
            start += WIDE
    free(W)
