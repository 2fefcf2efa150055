"""The loss of a code that is read in a nested order, and its gradients, on a strip of features (Numba).

Contract: the code of sample s are entries ``indptr[s] .. indptr[s + 1]`` of units (int32) and values, in the order in
which they are read. Reading j of its n entries leaves the residual ``r_j = start[s] + Σ_{i<j} value_i D[unit_i]``; its
weight in the loss is ``omega[indptr[s] + s + j]``, j = 0..n. start (B, d), D and grad_D (H, d): C order, one float
dtype; columns low to high of them are read and written here and no others, so that strips may run side by side. grad
(nnz,), of this strip alone, and total (high − low,) are overwritten; grad_D is added to.
Cost: O(nnz) times the width of the strip: no sum is formed twice. Called by nn._nested and _autoencoder.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract"})
def nested_strip(indptr, units, values, omega, start, D, low, high, grad, grad_D, total):
    """``Σ_s Σ_j ω_j ‖r_j‖²`` on the strip; half its gradients by the values, by D and by the start (summed over s)."""
    width = high - low
    deepest = 0
    for s in range(len(indptr) - 1):
        deepest = max(deepest, indptr[s + 1] - indptr[s])
    residuals = np.empty((deepest + 1, width), D.dtype)
    suffix = np.empty(width, D.dtype)
    loss = 0.0
    total[:] = 0
    for s in range(len(indptr) - 1):
        first, n = indptr[s], indptr[s + 1] - indptr[s]
        for c in range(width):
            residuals[0, c] = start[s, low + c]
        for i in range(n):
            a, atom = values[first + i], D[units[first + i], low:high]
            before, after = residuals[i], residuals[i + 1]
            for c in range(width):
                after[c] = before[c] + a * atom[c]
        suffix[:] = 0
        for j in range(n, -1, -1):
            weight = omega[first + s + j]
            if weight != 0:
                square = D.dtype.type(0)
                residual = residuals[j]
                for c in range(width):
                    suffix[c] += weight * residual[c]
                    square += residual[c] * residual[c]
                loss += weight * square
            if j == 0:
                break
            a, unit = values[first + j - 1], units[first + j - 1]
            atom, slope = D[unit, low:high], grad_D[unit, low:high]
            dot = D.dtype.type(0)
            for c in range(width):
                dot += atom[c] * suffix[c]
                slope[c] += a * suffix[c]
            grad[first + j - 1] = dot
        for c in range(width):
            total[c] += suffix[c]
    return loss


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract"})
def tangent(grad, D, first, last):
    """Take from each row of grad its part along the row of D, which has unit norm."""
    for j in range(first, last):
        dot = D.dtype.type(0)
        for c in range(D.shape[1]):
            dot += grad[j, c] * D[j, c]
        for c in range(D.shape[1]):
            grad[j, c] -= dot * D[j, c]


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract"})
def normalise(D, first, last):
    """Scale each row of D to unit norm; a row of zeros stays."""
    for j in range(first, last):
        square = D.dtype.type(0)
        for c in range(D.shape[1]):
            square += D[j, c] * D[j, c]
        if square > 0:
            scale = 1 / np.sqrt(square)
            for c in range(D.shape[1]):
                D[j, c] *= scale
