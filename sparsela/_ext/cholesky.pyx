# Cholesky factor of the Gram matrix of a set that grows and shrinks, for functions that keep it in Python.
#   L (>= n, ld) C order, float32 or float64: its first n <= ld rows, up to the diagonal, are the factor; changed in place.
#   g (>= n,) products of the new element with those in the set, n < ld; b (>= n,) is overwritten by the solution.
# Arithmetic and costs are in cholesky_body.h. The GIL is released. Called by recovery (greedy, adaptive NST, SBL).

cdef extern from "cholesky_kernel.h" nogil:
    double cholesky_append_double(double *, int, int, const double *, double, double)
    float cholesky_append_float(float *, int, int, const float *, float, float)
    void cholesky_delete_double(double *, int, int, int)
    void cholesky_delete_float(float *, int, int, int)
    void cholesky_solve_double(const double *, int, int, double *, int, int)
    void cholesky_solve_float(const float *, int, int, float *, int, int)

ctypedef fused real:
    float
    double


def append(real[:, ::1] L, int n, const real[::1] g, double gnn, double min_pivot=0.0):
    """Add an element to the n in L; its pivot (squared distance from their span), or 0 where not above min_pivot."""
    cdef int ld = <int> L.shape[1]
    cdef double pivot
    cdef const real *products = &g[0] if n > 0 else NULL
    with nogil:
        if real is double:
            pivot = cholesky_append_double(&L[0, 0], ld, n, products, gnn, min_pivot)
        else:
            pivot = cholesky_append_float(&L[0, 0], ld, n, products, <float> gnn, <float> min_pivot)
    return pivot


def delete(real[:, ::1] L, int n, int p):
    """Remove element p of the n in L."""
    cdef int ld = <int> L.shape[1]
    with nogil:
        if real is double:
            cholesky_delete_double(&L[0, 0], ld, n, p)
        else:
            cholesky_delete_float(&L[0, 0], ld, n, p)


def solve(const real[:, ::1] L, int n, real[::1] b, bint forward=True, bint backward=True):
    """b <- (L L')^-1 b; with one of the two switched off, L'^-1 b or L^-1 b."""
    cdef int ld = <int> L.shape[1]
    with nogil:
        if real is double:
            cholesky_solve_double(&L[0, 0], ld, n, &b[0], forward, backward)
        else:
            cholesky_solve_float(&L[0, 0], ld, n, &b[0], forward, backward)
