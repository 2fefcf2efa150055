# Walsh-Hadamard transforms in place, for kernels that transform data of their own (sketch). n is a power of two.
#   transform_row: x (n) contiguous; x = scale H x.
#   transform_flipped: y = H x with the sign of x_j flipped where bit j of flips is set (n bits, two bytes at least).
#   transform_columns: x (n, width) in C order, width a multiple of 16; x = scale H x.

from libc.stdint cimport uint8_t

ctypedef fused real:
    float
    double

cdef void transform_row(real *x, Py_ssize_t n, real scale) noexcept nogil
cdef void transform_flipped(const real *x, const uint8_t *flips, real *y, Py_ssize_t n) noexcept nogil
cdef void transform_columns(real *x, Py_ssize_t n, Py_ssize_t width, real scale) noexcept nogil
