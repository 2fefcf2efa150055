"""Squared norms of the columns, and weighted sums of their squared entries, in one pass over A (Numba).

``squares[j] = Σ_i |a_ij|²`` and ``sums[k, j] = Σ_i W[k, i] |a_ij|²``. Contract: A (m, n) of any strides, float32,
float64 or complex, finite; W (t, m), t ≥ 0, contiguous, float64; squares (n,) and sums (t, n), float64, are written.
The sums are in double. `by_row` is for rows that are contiguous, `by_column` for columns: both read A once from memory
and allocate nothing of its size, which ``np.abs(A) ** 2`` would.
A pass that vectorises, no BLAS inside: Numba. Compiled at the first call, kept on disk. Called by phase._problem.
"""

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def by_row(A, W, squares, sums):
    m, n = A.shape
    squares[:] = 0
    sums[:] = 0
    for i in range(m):
        row = A[i]
        for j in range(n):
            re, im = np.float64(row[j].real), np.float64(row[j].imag)
            squares[j] += re * re + im * im
        for k in range(W.shape[0]):
            w, out = W[k, i], sums[k]
            for j in range(n):
                re, im = np.float64(row[j].real), np.float64(row[j].imag)
                out[j] += w * (re * re + im * im)


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def by_column(A, W, squares, sums):
    m, n = A.shape
    for j in range(n):
        column = A[:, j]
        total = 0.0
        for i in range(m):
            re, im = np.float64(column[i].real), np.float64(column[i].imag)
            total += re * re + im * im
        squares[j] = total
        for k in range(W.shape[0]):
            w, total = W[k], 0.0
            for i in range(m):
                re, im = np.float64(column[i].real), np.float64(column[i].imag)
                total += w[i] * (re * re + im * im)
            sums[k, j] = total
