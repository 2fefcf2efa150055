"""Leading singular vectors of many small matrices, by power iteration (Numba).

Contract: T (n_slices, k1, k2), contiguous, real or complex, finite; u (n_slices, k1) of its dtype and settled
(n_slices,) bool are written. Starts at the longest column. settled[s] says that u[s] is the leading left singular
vector to rounding: the iteration has stopped moving and ‖uᴴT‖² is more than half of ‖T‖², so that no other singular
value can be larger. A slice whose spectrum has no gap is given up after a few steps, its u is of no use. A zero slice
is settled, with u = 0. Cost: two passes over a slice a step, two steps for a slice of rank one.
A branchy loop over slices too small for BLAS: Numba. Called by transforms._slices.
"""

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def _energy(x):
    total = 0.0
    for i in range(x.size):
        total += x[i].real * x[i].real + x[i].imag * x[i].imag
    return total


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def _adjoint_product(A, u, v):
    v[:] = 0
    for i in range(u.size):
        row, c = A[i], np.conj(u[i])
        for j in range(v.size):
            v[j] += c * row[j]  # v = uᴴ A: rows are contiguous


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def _product(A, v, u):
    for i in range(u.size):
        row, total = A[i], A[i, 0] * 0
        for j in range(v.size):
            total += row[j] * np.conj(v[j])
        u[i] = total


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def leading(T, u, settled, tol, max_iter):
    n_slices, k1, k2 = T.shape
    v, new, lengths = np.empty(k2, T.dtype), np.empty(k1, T.dtype), np.empty(k2, np.float64)
    for s in range(n_slices):
        A, x = T[s], u[s]
        lengths[:] = 0
        for i in range(k1):
            for j in range(k2):
                lengths[j] += A[i, j].real * A[i, j].real + A[i, j].imag * A[i, j].imag
        total, start = lengths.sum(), lengths.argmax()
        x[:] = 0
        settled[s] = total == 0.0
        if settled[s]:
            continue
        scale = 1.0 / np.sqrt(lengths[start])
        for i in range(k1):
            x[i] = A[i, start] * scale
        last = 1.0
        for t in range(max_iter):
            _adjoint_product(A, x, v)
            _product(A, v, new)
            length = np.sqrt(_energy(new))
            if length == 0.0:
                break
            moved = 0.0
            for i in range(k1):
                c = new[i] / length
                gap = c - x[i]
                moved += gap.real * gap.real + gap.imag * gap.imag
                x[i] = c
            moved = np.sqrt(moved)
            if moved <= tol:
                settled[s] = 2.0 * length > total  # length is ‖uᴴA‖² by now
                break
            if t >= 2 and moved > 0.2 * last:
                break
            last = moved
