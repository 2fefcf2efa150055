"""The best rank-r approximation of every matrix of a stack: the step of butterflies, Monarch and block supports."""

from __future__ import annotations

import numpy as np

from sparsela._core.threads import one_blas_thread
from sparsela._ext import rank_one

POWER_STEPS = 12  # a slice that needs more has no gap worth the name: LAPACK is faster
GRAM_RANGE = 0.1  # σ_r / σ_1 down to which the Gram matrix loses no more than a digit


def best_rank(T: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """U (…, k1, rank) with orthonormal columns and V = UᴴT (…, rank, k2) such that U V is nearest to T (…, k1, k2).

    Exact for every slice: rank-one by power iteration where the spectrum has a gap; the rest by the eigenvectors of
    the smaller Gram matrix, and those whose r-th singular value drowns in its rounding by the SVD. Columns of U
    without a singular value to go with them may be zero.

    Examples
    --------
    >>> T = np.arange(24.0).reshape(2, 3, 4)
    >>> U, V = best_rank(T, 2)
    >>> np.allclose(U @ V, T)
    True
    """
    *batch, k1, k2 = T.shape
    slices = np.ascontiguousarray(T).reshape(-1, k1, k2)
    largest = np.abs(slices).max(initial=0)
    real = slices.real.dtype.type  # a power of two: exact, and no square overflows
    scale = real(np.exp2(np.round(np.log2(largest))) if largest > 0 else 1.0)
    slices = slices / scale
    U = _leading_vectors(slices) if rank == 1 else _leading_columns(slices, rank)
    V = np.matmul(U.conj().swapaxes(1, 2), slices) * scale
    return U.reshape(*batch, k1, rank), V.reshape(*batch, rank, k2)


def _leading_columns(slices: np.ndarray, rank: int) -> np.ndarray:
    """As :func:`_leading_spaces`, but slices that are of rank one already need no more than power iteration."""
    u, settled = _power(slices)
    U = np.zeros((*u.shape, rank), u.dtype)
    U[:, :, 0] = u
    rest = np.flatnonzero(~settled)
    if settled.any():
        V = np.matmul(u.conj()[:, None, :], slices)
        left = np.linalg.norm(slices - u[:, :, None] * V, axis=(1, 2))
        rounding = max(slices.shape[1:]) * np.finfo(u.dtype).eps
        rest = np.flatnonzero(~settled | (left > rounding * np.linalg.norm(V, axis=(1, 2))))
    if rest.size:
        U[rest] = _leading_spaces(slices[rest], rank)
    return U


def _power(slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n_slices, k1, _ = slices.shape
    u, settled = np.empty((n_slices, k1), slices.dtype), np.empty(n_slices, bool)
    rank_one.leading(slices, u, settled, 8 * np.finfo(slices.dtype).eps, POWER_STEPS)
    return u, settled


def _leading_vectors(slices: np.ndarray) -> np.ndarray:
    u, settled = _power(slices)
    U = u[:, :, None]
    if not settled.all():
        rest = np.flatnonzero(~settled)
        U[rest] = _leading_spaces(slices[rest], 1)
    return U


def _leading_spaces(slices: np.ndarray, rank: int) -> np.ndarray:
    """Left singular vectors of the `rank` largest singular values of each slice, (n_slices, k1, rank)."""
    wide = slices.shape[1] <= slices.shape[2]
    A = slices if wide else slices.conj().swapaxes(1, 2)
    with one_blas_thread():  # LAPACK on slices of a few dozen rows: a second thread costs four times what it saves
        values, vectors = np.linalg.eigh(np.matmul(A, A.conj().swapaxes(1, 2)))
    leading = vectors[:, :, ::-1][:, :, :rank]
    weak = np.flatnonzero(values[:, -rank] < GRAM_RANGE**2 * values[:, -1]) if rank > 1 else np.empty(0, int)
    if wide:
        U = np.ascontiguousarray(leading)
    else:
        # the left vectors are the images of the right ones, orthogonal already where the values are not weak
        U = np.matmul(slices, leading)
        lengths = np.linalg.norm(U, axis=1, keepdims=True)
        U = np.divide(U, lengths, out=np.zeros_like(U), where=lengths > 0)
    if weak.size:
        with one_blas_thread():
            U[weak] = np.linalg.svd(slices[weak], full_matrices=False)[0][:, :, :rank]
    return U
