"""One product of a scheme as a task that can be sent away: two sums of blocks, and their product."""

from __future__ import annotations

import numpy as np

from sparsela._core.validation import check_matrix


def check_operands(A, B) -> tuple[np.ndarray, np.ndarray]:
    A, B = check_matrix(A, "A", allow_complex=True), check_matrix(B, "B", allow_complex=True)
    if A.shape[1] != B.shape[0]:
        raise ValueError(f"A must have as many columns as B has rows, got shapes {A.shape} and {B.shape}")
    return A, B


class NodeTask:
    """One node at work: two sums of blocks, and their product."""

    def __init__(self, A, B, u, v, shape):
        self._given = (A, B, u, v, shape)

    def __call__(self) -> np.ndarray:
        left, right = self._sums()
        return left @ right

    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        if len(self._given) == 2:
            return self._given
        A, B, u, v, (m, k, n) = self._given
        return _block_sum(A, u, (m, k)), _block_sum(B, v, (k, n))

    def __getstate__(self) -> dict:
        return {"_given": self._sums()}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


def _block_sum(X: np.ndarray, weights: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Σ weights · blocks of X; blocks at the end may be shorter, what they miss counts as zero."""
    p, q = (-(-size // parts) for size, parts in zip(X.shape, grid, strict=True))
    total = np.zeros((p, q), X.dtype)
    for index in np.flatnonzero(weights):
        i, j = divmod(int(index), grid[1])
        block = X[i * p : (i + 1) * p, j * q : (j + 1) * q]
        inside = total[: block.shape[0], : block.shape[1]]
        if abs(weights[index]) == 1:
            (np.add if weights[index] > 0 else np.subtract)(inside, block, out=inside)
        else:
            inside += X.dtype.type(weights[index]) * block
    return total
