"""The small matrix of an update, and its SVD (Zha and Simon)."""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, svd


def border(s: np.ndarray, P: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Rows P (q, k) of coordinates and block (q, r) of new directions under diag(s): (k + q, k + r)."""
    k, (q, r) = len(s), block.shape
    M = np.zeros((k + q, k + r))
    M[:k, :k] = np.diag(s)
    M[k:, :k], M[k:, k:] = P, block
    return M


def change(s, P_left, block_left, P_right, block_right) -> np.ndarray:
    """diag(s), padded, plus the product of a change's two sides in their coordinates: (k + r_left, k + r_right)."""
    M = np.vstack([P_left.T, block_left.T]) @ np.hstack([P_right, block_right])
    k = np.arange(len(s))
    M[k, k] += s
    return M


def leading(M: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F, Θ, G of ``M ≈ F diag(Θ) Gᵀ``, with no negative diagonal of F: components move, they do not flip."""
    if not np.isfinite(M).all():
        raise ValueError("the update must have finite products with the factors, got entries that overflow")
    try:
        F, theta, Gt = svd(M, full_matrices=False, check_finite=False)
    except LinAlgError:  # divide and conquer gave up
        F, theta, Gt = svd(M, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    k = min(n_components, len(theta))
    F, theta, G = F[:, :k], theta[:k], Gt[:k].T
    signs = np.where(F.diagonal() < 0, -1.0, 1.0)
    return F * signs, theta, G * signs
