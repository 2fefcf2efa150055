"""Weighted sums of squared entries of every column, ``S[k, j] = Σ_i W[i, k] |a_ij|²``, in one pass over A (Numba).

Contract: A (m, n) of any strides, float32, float64 or complex, finite; W (m, t), float64, ≥ 0; S (t, n), float64, is
written. The sums are in double. `by_row` is for rows that are contiguous, `by_column` for columns: both read A once and
allocate nothing of its size, which ``np.abs(A) ** 2`` would.
One pass that vectorises, no BLAS inside: Numba. Compiled at the first call, kept on disk. Called by phase._problem.
"""

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def by_row(A, W, S):
    m, n = A.shape
    S[:] = 0
    for i in range(m):
        row = A[i]
        for k in range(W.shape[1]):
            w, out = W[i, k], S[k]
            for j in range(n):
                re, im = np.float64(row[j].real), np.float64(row[j].imag)
                out[j] += w * (re * re + im * im)


@njit(cache=True, error_model="numpy", nogil=True, fastmath=FAST)
def by_column(A, W, S):
    m, n = A.shape
    for j in range(n):
        column = A[:, j]
        for k in range(W.shape[1]):
            w, total = W[:, k], 0.0
            for i in range(m):
                re, im = np.float64(column[i].real), np.float64(column[i].imag)
                total += w[i] * (re * re + im * im)
            S[k, j] = total
