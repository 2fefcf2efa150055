# A0 (n, ld) = X D' for the signals X (n, m) and atoms D (K, m) of a chunk, one GEMM; the padding of A0 is left as it is.
# With add, A0 += X D'.
# Called by omp.pyx and lasso.pyx, with BLAS held to one thread.

from scipy.linalg.cython_blas cimport dgemm, sgemm

ctypedef fused real:
    float
    double


cdef inline void correlate(const real *X, const real *D, int n, int K, int m, int ld, real *A0,
                           bint add=False) noexcept nogil:
    cdef real one = 1, zero = 1 if add else 0
    if real is double:
        dgemm(b"T", b"N", &K, &n, &m, &one, <real *> D, &m, <real *> X, &m, &zero, A0, &ld)
    else:
        sgemm(b"T", b"N", &K, &n, &m, &one, <real *> D, &m, <real *> X, &m, &zero, A0, &ld)
