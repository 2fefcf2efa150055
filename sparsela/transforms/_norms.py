"""Norms of an operator, from its products alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from sparsela.transforms import _collapse

COLUMNS = 256  # columns of a block


def column_norms(A) -> np.ndarray:
    """The ℓ2 norms of the columns of A, real."""
    if _collapse.worth_multiplying_out(A._stored):
        product = _collapse.product(A._stored)
        squares = abs(product) ** 2 if sp.issparse(product) else np.abs(product) ** 2
        norms = np.sqrt(np.asarray(squares.sum(axis=0))).reshape(-1)
    else:
        norms = np.concatenate([np.linalg.norm(block, axis=0) for block in _column_blocks(A.left(A.n_factors))])
    return norms * abs(A.scale)


def _column_blocks(A) -> Iterator[np.ndarray]:
    n = A.shape[1]
    for start in range(0, n, COLUMNS):
        width = min(COLUMNS, n - start)
        units = np.zeros((n, width), A.dtype)
        units[start : start + width] = np.eye(width, dtype=A.dtype)
        yield A @ units


def spectral_norm(A, tol: float, max_iter: int, random_state) -> float:
    """``‖A‖₂`` from below, by power iteration on Aᴴ A until it changes by less than `tol` of itself."""
    rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
    x = rng.standard_normal(A.shape[1]).astype(A.dtype)
    norm = 0.0
    for _ in range(max_iter):
        x /= np.linalg.norm(x)
        y = A.matvec(x)
        previous, norm = norm, float(np.linalg.norm(y))
        if norm == 0 or abs(norm - previous) <= tol * norm:
            break
        x = A.rmatvec(y)
    return norm
