# Walsh-Hadamard transforms in place, for kernels that transform data of their own (sketch). n is a power of two.
#   transform_row: x (n) contiguous; x = scale H x.
#   transform_columns: x (n, width) in C order; x = scale H x.

ctypedef fused real:
    float
    double

cdef void transform_row(real *x, Py_ssize_t n, real scale) noexcept nogil
cdef void transform_columns(real *x, Py_ssize_t n, Py_ssize_t width, real scale) noexcept nogil
