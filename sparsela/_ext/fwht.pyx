# Walsh-Hadamard transform along the middle axis: out = scale H X for X, out (outer, n, inner), n a power of two.
#   X and out: equal shapes, float32 or float64, any strides that are whole numbers of items; X may be out, but must not
#   overlap it otherwise. pairs = 2 (unit stride along n): the entries along n are pairs of numbers (complex).
# Method and cost are in fwht_kernel.h. Rows (unit stride along n), strips of columns (unit stride along inner) or, what
# fills no vector and in any other layout, one line at a time through a scratch. Threads share out rows, strips or
# lines; a row of LONG numbers or more is shared out itself, PARTS of it at a time and then ranges of columns across
# them. Every number is made by one thread in one order: the bits do not depend on their number. Called by
# transforms._fwht, and through fwht.pxd by srht.pyx.

from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

cdef extern from "fwht_kernel.h" nogil:
    enum: FWHT_BLOCK
    ctypedef void (*fwht_rows_double_t)(const double *, Py_ssize_t, double *, Py_ssize_t, int64_t, int64_t, int,
                                        double) noexcept
    ctypedef void (*fwht_rows_float_t)(const float *, Py_ssize_t, float *, Py_ssize_t, int64_t, int64_t, int,
                                       float) noexcept
    ctypedef void (*fwht_strip_double_t)(const double *, Py_ssize_t, double *, Py_ssize_t, int64_t, int64_t,
                                         double) noexcept
    ctypedef void (*fwht_strip_float_t)(const float *, Py_ssize_t, float *, Py_ssize_t, int64_t, int64_t,
                                        float) noexcept
    ctypedef void (*fwht_flipped_double_t)(const double *, const uint8_t *, double *, int64_t) noexcept
    ctypedef void (*fwht_flipped_float_t)(const float *, const uint8_t *, float *, int64_t) noexcept
    fwht_flipped_double_t fwht_flipped_double_pick()
    fwht_flipped_float_t fwht_flipped_float_pick()
    fwht_rows_double_t fwht_rows_double_pick()
    fwht_rows_float_t fwht_rows_float_pick()
    fwht_strip_double_t fwht_strip_double_pick()
    fwht_strip_float_t fwht_strip_float_pick()

cdef enum:
    LONG = 1 << 18   # numbers of a row from which threads share it
    PARTS = 64       # of such a row
    STRIP = 1 << 10  # columns of a strip
    NARROW = 16      # columns of the narrowest strip: a vector at any width

cdef fwht_rows_double_t rows_double = fwht_rows_double_pick()
cdef fwht_rows_float_t rows_float = fwht_rows_float_pick()
cdef fwht_strip_double_t strip_double = fwht_strip_double_pick()
cdef fwht_strip_float_t strip_float = fwht_strip_float_pick()
cdef fwht_flipped_double_t flipped_double = fwht_flipped_double_pick()
cdef fwht_flipped_float_t flipped_float = fwht_flipped_float_pick()


cdef inline void rows_of(const real *src, Py_ssize_t src_step, real *dst, Py_ssize_t dst_step, Py_ssize_t rows,
                         Py_ssize_t n, int pairs, real scale) noexcept nogil:
    if real is double:
        rows_double(src, src_step, dst, dst_step, rows, n, pairs, scale)
    else:
        rows_float(src, src_step, dst, dst_step, rows, n, pairs, scale)


cdef inline void strip_of(const real *src, Py_ssize_t src_step, real *dst, Py_ssize_t dst_step, Py_ssize_t n,
                          Py_ssize_t width, real scale) noexcept nogil:
    if real is double:
        strip_double(src, src_step, dst, dst_step, n, width, scale)
    else:
        strip_float(src, src_step, dst, dst_step, n, width, scale)


cdef void transform_row(real *x, Py_ssize_t n, real scale) noexcept nogil:
    rows_of(x, n, x, n, 1, n, 1, scale)


cdef void transform_flipped(const real *x, const uint8_t *flips, real *y, Py_ssize_t n) noexcept nogil:
    if real is double:
        flipped_double(x, flips, y, n)
    else:
        flipped_float(x, flips, y, n)


cdef void transform_columns(real *x, Py_ssize_t n, Py_ssize_t width, real scale) noexcept nogil:
    strip_of(x, width, x, width, n, width, scale)


cdef void line_of(const real *src, Py_ssize_t src_step, real *dst, Py_ssize_t dst_step, Py_ssize_t n, real scale,
                  real *line) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        line[i] = src[i * src_step]
    rows_of(line, n, line, n, 1, n, 1, scale)
    for i in range(n):
        dst[i * dst_step] = line[i]


def transform(const real[:, :, :] X, real[:, :, :] out, int pairs, double scale, int n_threads):
    cdef Py_ssize_t outer = X.shape[0], n = X.shape[1], inner = X.shape[2], item = sizeof(real)
    cdef Py_ssize_t x0 = X.strides[0] // item, x1 = X.strides[1] // item, x2 = X.strides[2] // item
    cdef Py_ssize_t y0 = out.strides[0] // item, y1 = out.strides[1] // item, y2 = out.strides[2] // item
    cdef Py_ssize_t per, tasks, strips = 0, wide = 0, i, j, k  # a task: some rows, one strip or one line
    cdef bint rows = n == 1 or (x1 == 1 and y1 == 1)
    cdef real *lines = NULL
    cdef const real *src
    cdef real *dst
    cdef real by = <real> scale
    if outer == 0 or inner == 0:
        return
    src, dst = &X[0, 0, 0], &out[0, 0, 0]
    if n > 1 and x2 == 1 and y2 == 1 and x1 == inner and y1 == inner and (inner == 2 or inner == 4 or inner == 8):
        n, pairs, inner, x2, y2, rows = n * inner, <int> inner, 1, 0, 0, True
    if rows and n >= LONG and n_threads > 1:
        for i in range(outer):
            for j in range(inner):
                shared_row(src + i * x0 + j * x2, dst + i * y0 + j * y2, n, pairs, by, n_threads)
        return
    if rows:
        if inner == 1:
            outer, inner, x0, y0, x2, y2 = 1, outer, 0, 0, x0, y0
        per = max(1, FWHT_BLOCK // (n * item))
        tasks = (inner + per - 1) // per
        for k in prange(outer * tasks, schedule="static", num_threads=min(n_threads, outer * tasks), nogil=True):
            i, j = k // tasks, k % tasks * per
            rows_of(src + i * x0 + j * x2, x2, dst + i * y0 + j * y2, y2, min(per, inner - j), n, pairs, by)
        return
    if x2 == 1 and y2 == 1:
        wide = inner - inner % NARROW
        strips = (wide + STRIP - 1) // STRIP
    tasks = strips + inner - wide
    n_threads = <int> min(n_threads, outer * tasks)
    if wide < inner:
        lines = <real *> malloc(n_threads * n * item)
        if lines == NULL:
            raise MemoryError("no memory for a line of the Walsh-Hadamard transform")
    for k in prange(outer * tasks, schedule="static", num_threads=n_threads, nogil=True):
        i, j = k // tasks, k % tasks
        if j < strips:
            j = j * STRIP
            strip_of(src + i * x0 + j, x1, dst + i * y0 + j, y1, n, min(<Py_ssize_t> STRIP, wide - j), by)
        else:
            j = wide + j - strips
            line_of(src + i * x0 + j * x2, x1, dst + i * y0 + j * y2, y1, n, by, lines + threadid() * n)
    free(lines)


cdef void shared_row(const real *x, real *y, Py_ssize_t n, int pairs, real by, int n_threads) noexcept nogil:
    cdef Py_ssize_t part = n // PARTS, width = part // PARTS, k
    cdef real one = 1
    for k in prange(PARTS, schedule="static", num_threads=n_threads):
        rows_of(x + k * part, part, y + k * part, part, 1, part, pairs, one)
    for k in prange(PARTS, schedule="static", num_threads=n_threads):
        strip_of(y + k * width, part, y + k * width, part, PARTS, width, by)
