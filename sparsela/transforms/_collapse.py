"""Multiply a chain of factors out: in the cheapest order, sparse as long as that is the smaller form."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela.transforms._factors import Dense, Factor

SPARSE_BELOW = 0.15  # density under which a product of sparse matrices is kept sparse


def product(parts: tuple[Factor, ...]) -> np.ndarray | sp.csr_array:
    """``S_1 … S_J`` as one ndarray or csr_array, in the order of least estimated cost.

    The classical dynamic programme over split points, O(J³), with the expected cost of a product of matrices of
    so many non-zeros in random places, ``nnz(L) nnz(R) / inner``, in place of that of dense ones.
    """
    matrices = [part.toarray() if isinstance(part, Dense) else part.tocsr() for part in parts]
    J = len(parts)
    cost = np.zeros((J, J))
    split = np.zeros((J, J), int)
    nnz = np.zeros((J, J))
    for i, part in enumerate(parts):
        nnz[i, i] = max(part.nnz, part.shape[0] if part.kind == "permutation" else 0)
    for length in range(1, J):
        for i in range(J - length):
            k = i + length
            size = parts[i].shape[0] * parts[k].shape[1]
            tries = [
                cost[i, s] + cost[s + 1, k] + nnz[i, s] * nnz[s + 1, k] / max(1, parts[s].shape[1]) for s in range(i, k)
            ]
            s = i + int(np.argmin(tries))
            split[i, k], cost[i, k] = s, tries[s - i]
            nnz[i, k] = min(size, nnz[i, s] * nnz[s + 1, k] / max(1, parts[s].shape[1]))

    def between(i: int, k: int):
        if i == k:
            return matrices[i]
        return _times(between(i, split[i, k]), between(split[i, k] + 1, k))

    return between(0, J - 1)


def _times(L, R):
    P = L @ R
    if sp.issparse(P) and P.nnz > SPARSE_BELOW * P.shape[0] * P.shape[1]:
        return P.toarray()
    return P
