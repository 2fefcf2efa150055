"""Multiply a chain of factors out: in the cheapest order, sparse as long as that is the smaller form."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela.transforms._matrices import Dense, Factor

SPARSE_BELOW = 0.15  # density under which a product of sparse matrices is kept sparse


def product(parts: tuple[Factor, ...]) -> np.ndarray | sp.csr_array:
    """``S_1 … S_J`` as one ndarray or csr_array, in the order of least estimated cost."""
    matrices = [part.toarray() if isinstance(part, Dense) else part.tocsr() for part in parts]
    split, _, _ = plan(parts)

    def between(i: int, k: int):
        if i == k:
            return matrices[i]
        return _times(between(i, split[i, k]), between(split[i, k] + 1, k))

    return between(0, len(parts) - 1)


def plan(parts: tuple[Factor, ...]) -> tuple[np.ndarray, float, float]:
    """Where to split the product of the factors i … k, and what all of it costs and holds.

    The classical dynamic programme over split points, O(J³), with the expected cost of a product of matrices with
    so many non-zeros in random places, ``nnz(L) nnz(R) / inner``, instead of that of dense ones.
    """
    J = len(parts)
    cost, nnz, split = np.zeros((J, J)), np.zeros((J, J)), np.zeros((J, J), int)
    for i, part in enumerate(parts):
        nnz[i, i] = part.shape[0] if part.kind == "permutation" else part.nnz
    for length in range(1, J):
        for i in range(J - length):
            k = i + length
            inner = np.array([max(1, part.shape[1]) for part in parts[i:k]])
            step = nnz[i, i:k] * nnz[i + 1 : k + 1, k] / inner
            tries = cost[i, i:k] + cost[i + 1 : k + 1, k] + step
            s = int(np.argmin(tries))
            split[i, k], cost[i, k] = i + s, tries[s]
            nnz[i, k] = min(parts[i].shape[0] * parts[k].shape[1], step[s])
    return split, float(cost[0, -1]), float(nnz[0, -1])


def _times(L, R):
    P = L @ R
    if sp.issparse(P) and P.nnz > SPARSE_BELOW * P.shape[0] * P.shape[1]:
        return P.toarray()
    return P


def worth_multiplying_out(parts: tuple[Factor, ...]) -> bool:
    """Whether the product of the factors costs less, and holds fewer numbers, than the dense matrix has entries."""
    entries = parts[0].shape[0] * parts[-1].shape[1]
    _, cost, nnz = plan(parts)
    return cost + nnz < entries
