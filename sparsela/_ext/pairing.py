"""Which rows of a hidden butterfly belong together: halving the columns for a pair of rows, matching all rows (Numba).

Contract: arrays contiguous, finite, of one dtype, real or complex; the number of columns is even. Two rows of a pair
have rank one on each of two halves of the columns. Column k of (x; y) is a point of the Bloch sphere with the weight
|x_k|² + |y_k|², so that a half of rank one is a single point; the sphere is cut across its direction of largest
variance, at the median. Branchy loops over short rows: Numba. Called by transforms._permutation_search.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy", nogil=True)
def halve(x, y, side):
    """side[k] = whether column k is in the second half (exactly n/2 are); returns what the halves miss rank one by."""
    n = x.size
    bloch, weight = np.empty((3, n)), np.empty(n)
    total, mean, C = 0.0, np.zeros(3), np.zeros((3, 3))
    for k in range(n):
        xx = x[k].real * x[k].real + x[k].imag * x[k].imag
        yy = y[k].real * y[k].real + y[k].imag * y[k].imag
        w = xx + yy
        bloch[0, k] = xx - yy
        bloch[1, k] = 2.0 * (x[k].real * y[k].real + x[k].imag * y[k].imag)
        bloch[2, k] = 2.0 * (x[k].real * y[k].imag - x[k].imag * y[k].real)
        weight[k] = w
        total += w
        for i in range(3):
            mean[i] += bloch[i, k]
            for j in range(i + 1):
                if w > 0.0:
                    C[i, j] += bloch[i, k] * (bloch[j, k] / w)
    if total > 0.0:
        for i in range(3):
            for j in range(i + 1):
                C[i, j] -= mean[i] * mean[j] / total
                C[j, i] = C[i, j]
    direction = _leading_of_three(C)
    projection = np.empty(n)
    for k in range(n):
        p = direction[0] * bloch[0, k] + direction[1] * bloch[1, k] + direction[2] * bloch[2, k]
        projection[k] = p / weight[k] if weight[k] > 0.0 else 0.0
    half = n // 2
    median = np.partition(projection, half - 1)[half - 1]
    free = half - (projection < median).sum()
    sums = np.zeros((2, 3))
    for k in range(n):
        second = projection[k] > median
        if projection[k] == median:
            second = free <= 0
            free -= 1
        side[k] = second
        for i in range(3):
            sums[int(second), i] += bloch[i, k]
    reached = np.sqrt((sums[0] ** 2).sum()) + np.sqrt((sums[1] ** 2).sum())
    return 0.5 * max(total - reached, 0.0)


@njit(cache=True, error_model="numpy", nogil=True)
def _leading_of_three(C):
    """Leading eigenvector of a positive semidefinite 3 × 3 matrix: squared until one direction is left."""
    for _ in range(12):
        trace = C[0, 0] + C[1, 1] + C[2, 2]
        if not trace > 0.0:
            return np.array([1.0, 0.0, 0.0])
        square = np.zeros((3, 3))
        for i in range(3):
            for j in range(3):
                for l in range(3):
                    square[i, j] += (C[i, l] / trace) * (C[l, j] / trace)
        C = square
    best = 0
    for j in range(1, 3):
        if C[j, j] > C[best, best]:
            best = j
    return C[:, best] / np.sqrt((C[:, best] ** 2).sum())


@njit(cache=True, error_model="numpy", nogil=True)
def partner_costs(B, reference, costs):
    """costs[i] = what the rows `reference` and i miss rank one by on their best halves; infinite for the row itself."""
    side = np.empty(B.shape[1], np.bool_)
    for i in range(B.shape[0]):
        costs[i] = np.inf if i == reference else halve(B[reference], B[i], side)


@njit(cache=True, error_model="numpy", nogil=True)
def greedy_matching(G, pairs):
    """pairs (n/2, 2): the largest G first, every row once, ties to the lowest rows. G symmetric, (n, n), ≥ 0.

    A row and its best partner are matched when each is the other's best, which is what taking the largest entry of
    all does; rows whose best partner is gone look again. O(n²) where partners are distinct.
    """
    n = G.shape[0]
    best, free, found = np.full(n, -1), np.ones(n, np.bool_), 0
    while found < n // 2:
        for i in range(n):
            if free[i] and (best[i] < 0 or not free[best[i]]):
                best[i], top = -1, -1.0
                for j in range(n):
                    if free[j] and j != i and G[i, j] > top:
                        best[i], top = j, G[i, j]
        for i in range(n):
            j = best[i]
            if free[i] and i < j and free[j] and best[j] == i:
                pairs[found, 0], pairs[found, 1] = i, j
                free[i] = free[j] = False
                found += 1
