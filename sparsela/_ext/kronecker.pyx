# A chain of structured factors times a dense panel: threads over panels of columns, the C passes in them.
#   Chain(columns, passes): passes in the order in which they are applied, the first to a panel of `columns`
#   rows; each is ("block", values, sizes) or ("pair", values, sizes, values, sizes) with values of one dtype, contiguous
#   blocks, sizes (a, b, c, d, sk, sl); ("sparse", rows, indptr, indices, perm, data) with sound int32 CSR, perm as in
#   spmm.pyx or None; ("diagonal", data) or ("permute", index).
#   apply(X, Z, alpha): X (n, B), Z (m, B), rows contiguous, any distance apart. One dtype, float32 or float64.
#   apply_complex(X, Z): complex factors without pairs; X (n, 2 B), Z (m, 2 B) are the (real, imaginary) pairs.
#   power_norm(chain, its adjoint, x, ...): power iteration without Python in it; x (n,) is overwritten.
# A panel of four vectors a row goes through all passes while it is in cache: from X to one of two buffers of
# (largest number of rows) x panel, from buffer to buffer, to Z. The last panel is padded with zeros in a buffer.
# Cost: 2 nnz B flops, about one read of X and one write of Z from memory while a panel fits in the second-level cache.
# Panels are shared out among threads; a column is done by one, so bits do not depend on their number. One column is a
# chain of matvecs in C. Called by transforms._chain and _sweep.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t
from libc.math cimport sqrt
from libc.stdlib cimport calloc, free

cdef extern from "kronecker_kernel.h" nogil:
    enum: PASS_BLOCK, PASS_PAIR, PASS_SPARSE, PASS_DIAGONAL, PASS_PERMUTE
    struct block:
        const void *values
        Py_ssize_t a, b, c, d, sk, sl
    struct c_pass "pass":
        int kind
        Py_ssize_t rows, columns
        block first, second
        const int32_t *indptr
        const int32_t *indices
        const int32_t *perm
        const void *data
        const Py_ssize_t *index
    ctypedef void (*pass_double_t)(const c_pass *, int, const double *, Py_ssize_t, double *, Py_ssize_t, double) noexcept
    ctypedef void (*pass_float_t)(const c_pass *, int, const float *, Py_ssize_t, float *, Py_ssize_t, float) noexcept
    ctypedef void (*matvec_double_t)(const c_pass *, const double *, double *, double) noexcept
    ctypedef void (*matvec_float_t)(const c_pass *, const float *, float *, float) noexcept
    ctypedef void (*complex_double_t)(const c_pass *, int, const double *, double *) noexcept
    ctypedef void (*complex_float_t)(const c_pass *, int, const float *, float *) noexcept
    complex_double_t complex_double_pick()
    complex_float_t complex_float_pick()
    pass_double_t pass_double_pick()
    pass_float_t pass_float_pick()
    matvec_double_t matvec_double_pick()
    matvec_float_t matvec_float_pick()
    int pass_in_place(const c_pass *)
    int sl_simd_width()

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **, size_t, size_t)

cdef extern from "<string.h>" nogil:
    void *memcpy(void *, const void *, size_t)

ctypedef fused real:
    float
    double

cdef enum:
    PER_THREAD = 1 << 19  # multiply-adds below which another thread costs more than it brings


cdef const void *address(array):
    return <const void *> <size_t> array.ctypes.data


cdef block block_from(values, sizes):
    cdef block f
    f.values = address(values)
    f.a, f.b, f.c, f.d, f.sk, f.sl = sizes
    return f


cdef class Chain:
    cdef c_pass *passes
    cdef readonly int n_passes
    cdef readonly Py_ssize_t rows, columns, tallest, work
    cdef list alive  # the arrays that the passes point into

    def __cinit__(self, Py_ssize_t columns, list passes):
        cdef c_pass *p
        cdef Py_ssize_t n = columns
        self.n_passes, self.columns, self.tallest, self.work = len(passes), columns, columns, 0
        self.alive = [passes]
        self.passes = <c_pass *> calloc(max(1, self.n_passes), sizeof(c_pass))
        if self.passes == NULL:
            raise MemoryError("no memory for a chain of factors")
        for k, (kind, *args) in enumerate(passes):
            p = &self.passes[k]
            p.columns = n
            if kind == "block":
                p.kind, p.first = PASS_BLOCK, block_from(args[0], args[1])
                p.rows = p.first.a * p.first.b * p.first.d
                self.work += p.rows * p.first.c
            elif kind == "pair":
                p.kind, p.first, p.second = PASS_PAIR, block_from(args[0], args[1]), block_from(args[2], args[3])
                p.rows = n
                self.work += 4 * n
            elif kind == "sparse":
                p.kind, p.rows = PASS_SPARSE, args[0]
                p.indptr, p.indices = <const int32_t *> address(args[1]), <const int32_t *> address(args[2])
                p.data = address(args[4])
                if args[3] is not None:
                    p.perm = <const int32_t *> address(args[3])
                self.work += p.rows + len(args[4])
            elif kind == "diagonal":
                p.kind, p.rows, p.data = PASS_DIAGONAL, n, address(args[0])
                self.work += n
            else:
                p.kind, p.rows, p.index = PASS_PERMUTE, n, <const Py_ssize_t *> address(args[0])
                self.work += n
            n = p.rows
            self.tallest = max(self.tallest, n)
        self.rows = n

    def __dealloc__(self):
        free(self.passes)

    def apply(self, const real[:, :] X, real[:, :] Z, real alpha, int n_threads):
        cdef Py_ssize_t B = X.shape[1], lanes = sl_simd_width() // sizeof(real), wide = 4 * lanes, panel
        cdef Py_ssize_t n_panels = (B + wide - 1) // wide, room
        cdef real *buffers = NULL
        cdef bint single = B == 1 and X.strides[0] == sizeof(real) and Z.strides[0] == sizeof(real)
        n_threads = <int> max(1, min(min(<Py_ssize_t> n_threads, n_panels), self.work * B // PER_THREAD))
        room = self.tallest * (1 if single else wide)
        if posix_memalign(<void **> &buffers, 64, n_threads * 2 * room * sizeof(real)) != 0:
            raise MemoryError("no memory for the panels of a chain of factors")
        if single:
            with nogil:
                matvec(self.passes, self.n_passes, &X[0, 0], &Z[0, 0], alpha, buffers, buffers + room)
        elif n_threads == 1:
            with nogil:
                for panel in range(n_panels):
                    run(self.passes, self.n_passes, X, Z, alpha, panel * wide, lanes, buffers, buffers + room)
        else:
            for panel in prange(n_panels, schedule="static", num_threads=n_threads, nogil=True):
                run(self.passes, self.n_passes, X, Z, alpha, panel * wide, lanes, buffers + threadid() * 2 * room,
                    buffers + (threadid() * 2 + 1) * room)
        free(buffers)

    def apply_complex(self, const real[:, :] X, real[:, :] Z, int n_threads):
        cdef Py_ssize_t B = X.shape[1] // 2, lanes = sl_simd_width() // sizeof(real), wide = 2 * lanes, panel
        cdef Py_ssize_t n_panels = (B + wide - 1) // wide, room = self.tallest * 2 * wide
        cdef real *buffers = NULL
        n_threads = <int> max(1, min(min(<Py_ssize_t> n_threads, n_panels), 4 * self.work * B // PER_THREAD))
        if posix_memalign(<void **> &buffers, 64, n_threads * 2 * room * sizeof(real)) != 0:
            raise MemoryError("no memory for the panels of a chain of factors")
        for panel in prange(n_panels, schedule="static", num_threads=n_threads, nogil=True):
            run_complex(self.passes, self.n_passes, X, Z, panel * wide, lanes, buffers + threadid() * 2 * room,
                        buffers + (threadid() * 2 + 1) * room)
        free(buffers)


def power_norm(Chain forward, Chain backward, real[::1] x, double tol, int max_iter):
    """The spectral norm of a chain from below, by power iteration from x, which ends as the vector reached.

    backward is the chain of the adjoint. Ends when the norm changes by no more than tol of itself.
    """
    cdef Py_ssize_t n = x.shape[0], m = forward.rows, room = max(forward.tallest, backward.tallest), i
    cdef real *buffers = NULL
    cdef real *y
    cdef double norm = 0, previous, total
    cdef int iteration
    if posix_memalign(<void **> &buffers, 64, 3 * room * sizeof(real)) != 0:
        raise MemoryError("no memory for the power iteration of a chain of factors")
    y = buffers + 2 * room
    with nogil:
        for iteration in range(max_iter):
            total = 0
            for i in range(n):
                total += <double> x[i] * x[i]
            if total == 0:
                norm = 0
                break
            total = 1 / sqrt(total)
            for i in range(n):
                x[i] = <real> (x[i] * total)
            matvec(forward.passes, forward.n_passes, &x[0], y, <real> 1, buffers, buffers + room)
            total = 0
            for i in range(m):
                total += <double> y[i] * y[i]
            previous = norm
            norm = sqrt(total)
            if norm == 0:
                break
            matvec(backward.passes, backward.n_passes, y, &x[0], <real> 1, buffers, buffers + room)
            if norm - previous <= tol * norm and previous - norm <= tol * norm:
                break
    free(buffers)
    return norm


cdef void run_complex(const c_pass *passes, int n_passes, const real[:, :] X, real[:, :] Z, Py_ssize_t column,
                      Py_ssize_t lanes, real *here, real *there) noexcept nogil:
    # One panel of complex columns, given as (real, imaginary) pairs: parted, through all passes, and paired again.
    cdef Py_ssize_t width = min(X.shape[1] // 2 - column, 2 * lanes), half, i, l
    cdef int vectors = 1 if width <= lanes else 2, k
    cdef const real *x
    cdef real *z
    half = vectors * lanes
    for i in range(X.shape[0]):
        x = &X[i, 0] + 2 * column
        z = here + i * 2 * half
        for l in range(width):
            z[l], z[half + l] = x[2 * l], x[2 * l + 1]
        for l in range(width, half):
            z[l], z[half + l] = 0, 0
    for k in range(n_passes):
        z = here if pass_in_place(&passes[k]) else there
        if real is double:
            complex_double_pick()(&passes[k], vectors, here, z)
        else:
            complex_float_pick()(&passes[k], vectors, here, z)
        if z == there:
            here, there = there, here
    for i in range(Z.shape[0]):
        x = here + i * 2 * half
        z = &Z[i, 0] + 2 * column
        for l in range(width):
            z[2 * l], z[2 * l + 1] = x[l], x[half + l]


cdef void one(const c_pass *p, int vectors, const real *X, Py_ssize_t lds, real *Z, Py_ssize_t ldd,
              real alpha) noexcept nogil:
    if real is double:
        pass_double_pick()(p, vectors, X, lds, Z, ldd, alpha)
    else:
        pass_float_pick()(p, vectors, X, lds, Z, ldd, alpha)


cdef void matvec(const c_pass *passes, int n_passes, const real *x, real *z, real alpha, real *here,
                 real *there) noexcept nogil:
    cdef const real *src = x
    cdef real *dst
    cdef int k
    for k in range(n_passes):
        dst = z if k == n_passes - 1 else there if src == here else here
        if real is double:
            matvec_double_pick()(&passes[k], src, dst, alpha if k == n_passes - 1 else 1)
        else:
            matvec_float_pick()(&passes[k], src, dst, alpha if k == n_passes - 1 else 1)
        src = dst


cdef void run(const c_pass *passes, int n_passes, const real[:, :] X, real[:, :] Z, real alpha, Py_ssize_t column,
              Py_ssize_t lanes, real *here, real *there) noexcept nogil:
    # One panel of columns through all passes.
    cdef Py_ssize_t width = min(X.shape[1] - column, 4 * lanes), ld, ldx = X.strides[0] // <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t ldz = Z.strides[0] // <Py_ssize_t> sizeof(real), i, l, lds, ldd
    cdef int vectors = 1 if width <= lanes else 2 if width <= 2 * lanes else 4, k
    cdef const real *src = &X[0, 0] + column
    cdef real *dst
    cdef bint whole
    ld = vectors * lanes
    whole = width == ld
    lds = ldx
    if not whole:
        for i in range(X.shape[0]):
            memcpy(here + i * ld, src + i * ldx, width * sizeof(real))
            for l in range(width, ld):
                here[i * ld + l] = 0
        src, lds = here, ld
    for k in range(n_passes):
        if k == n_passes - 1 and whole:
            dst, ldd = &Z[0, 0] + column, ldz
        else:
            ldd = ld
            if src == here:
                dst = here if pass_in_place(&passes[k]) else there
            elif src == there:
                dst = there if pass_in_place(&passes[k]) else here
            else:
                dst = here
        one(&passes[k], vectors, src, lds, dst, ldd, alpha if k == n_passes - 1 else <real> 1)
        src, lds = dst, ldd
    if not whole:
        for i in range(Z.shape[0]):
            memcpy(&Z[0, 0] + i * ldz + column, src + i * ld, width * sizeof(real))
