# Batches of sparse rows against tall dense tables: scatter-add, and products of the rows with each other.
#   csr_scatter_add: B[j, :] += e_ij Z[i, :] for every stored e_ij; entries that repeat add up. indptr (s + 1), indices and
#   data (nnz), indices below B.shape[0]; Z (s, w) in C order; B (n, at least w), rows contiguous, any distance apart.
#   csr_gram: out = E E', (s, s) float64 in C order, from sums in float64; no column may repeat within a row.
#   compress_columns: local[e] numbers the columns that occur, in order of first sight; their number is the answer.
#   float32 or float64, int32 or int64. Bounds are the caller's: nothing is checked here.
# Costs have nothing in the number of columns n: nnz w flops for the scatter; the Gram matrix groups entries by column with
# a hash table of O(nnz), then takes sum_j c_j^2 / 2 flops for columns of c_j entries. One thread: rows of B are shared
# between rows of E, and batches are small. Called by lowrank._batches.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

ctypedef fused real:
    float
    double

ctypedef fused index:
    int32_t
    int64_t


def csr_scatter_add(const index[::1] indptr, const index[::1] indices, const real[::1] data, const real[:, ::1] Z,
                    real[:, :] B):
    cdef Py_ssize_t s = indptr.shape[0] - 1, w = Z.shape[1], ldb, i, e, c
    cdef const real *z
    cdef real *b
    cdef real *base
    cdef real x
    if w == 0 or indices.shape[0] == 0:
        return
    base, ldb = &B[0, 0], B.strides[0] // <Py_ssize_t> sizeof(real)
    with nogil:
        for i in range(s):
            z = &Z[0, 0] + i * w
            for e in range(indptr[i], indptr[i + 1]):
                x, b = data[e], base + <Py_ssize_t> indices[e] * ldb
                for c in range(w):
                    b[c] += x * z[c]


cdef Py_ssize_t number(const index *indices, Py_ssize_t nnz, int64_t *local) noexcept nogil:
    # Open addressing, at most half full; slots hold column + 1 and the number given. -1: no memory.
    cdef Py_ssize_t slots = 16, e, at, found = 0
    cdef int bits = 4
    cdef int64_t column
    cdef int64_t *table
    while slots < 2 * nnz:
        slots, bits = 2 * slots, bits + 1
    table = <int64_t *> calloc(2 * slots, sizeof(int64_t))
    if table == NULL:
        return -1
    for e in range(nnz):
        column = <int64_t> indices[e] + 1
        at = <Py_ssize_t> ((<uint64_t> column * <uint64_t> 0x9E3779B97F4A7C15) >> (64 - bits))
        while table[2 * at] != 0 and table[2 * at] != column:
            at = (at + 1) & (slots - 1)
        if table[2 * at] == 0:
            table[2 * at], table[2 * at + 1] = column, found
            found += 1
        local[e] = table[2 * at + 1]
    free(table)
    return found


def compress_columns(const index[::1] indices, int64_t[::1] local):
    cdef Py_ssize_t nnz = indices.shape[0], found
    if nnz == 0:
        return 0
    with nogil:
        found = number(&indices[0], nnz, &local[0])
    if found < 0:
        raise MemoryError("no memory for the columns of a batch")
    return found


def csr_gram(const index[::1] indptr, const index[::1] indices, const real[::1] data, double[:, ::1] out):
    cdef Py_ssize_t s = indptr.shape[0] - 1, nnz = indices.shape[0], i, j, e, a, b, found
    cdef int64_t *local
    cdef int64_t *start
    cdef int64_t *row
    cdef double *value
    cdef double x
    out[:] = 0
    if nnz == 0:
        return
    local = <int64_t *> malloc((3 * nnz + 2) * sizeof(int64_t))
    value = <double *> malloc(nnz * sizeof(double))
    if local == NULL or value == NULL:
        free(local)
        free(value)
        raise MemoryError("no memory for the columns of a batch")
    start, row = local + nnz, local + 2 * nnz + 2
    with nogil:
        found = number(&indices[0], nnz, local)
        if found >= 0:
            for i in range(found + 2):
                start[i] = 0
            for e in range(nnz):
                start[local[e] + 2] += 1
            for i in range(2, found + 2):
                start[i] += start[i - 1]
            for i in range(s):  # counting sort: within a column rows ascend
                for e in range(indptr[i], indptr[i + 1]):
                    a = start[local[e] + 1]
                    row[a], value[a] = i, data[e]
                    start[local[e] + 1] += 1
            for j in range(found):
                for a in range(start[j], start[j + 1]):
                    x = value[a]
                    for b in range(start[j], a + 1):
                        out[row[a], row[b]] += x * value[b]
            for i in range(s):
                for j in range(i):
                    out[j, i] = out[i, j]
    free(local)
    free(value)
    if found < 0:
        raise MemoryError("no memory for the columns of a batch")
