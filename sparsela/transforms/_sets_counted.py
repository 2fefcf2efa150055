"""Sets by the number of entries: the largest ones in all, in each row or column, or in a pattern of permutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.prox import top_k
from sparsela.transforms._sets import ProjectionSet

COARSE = {4: 1e-4, 8: 1e-9}  # bytes of a real number: magnitudes this close, relative to the largest, are equal


def levels(M: np.ndarray) -> np.ndarray:
    """Magnitudes as multiples of a unit below which differences are noise, so that ties are ties."""
    size = np.abs(M)
    top = size.max(initial=0)
    unit = COARSE[size.itemsize] * top
    return np.rint(size / unit) if unit > 0 else np.zeros_like(size)


def _count(k: Any, limit: int, what: str, shape: tuple[int, int]) -> None:
    if k > limit:
        raise ValueError(f"k must be at most {limit}, {what} of a matrix of shape {shape}, got {k}")


def _rows(level: np.ndarray, k: int) -> np.ndarray:
    """The k largest of each row."""
    mask = np.zeros(level.shape, bool)
    np.put_along_axis(mask, top_k(level, k), True, axis=1)
    return mask


def _columns(level: np.ndarray, k: int) -> np.ndarray:
    return _rows(np.ascontiguousarray(level.T), k).T


def _entries(level: np.ndarray, k: int) -> np.ndarray:
    mask = np.zeros(level.size, bool)
    mask[top_k(level.reshape(-1), k)] = True
    return mask.reshape(level.shape)


@dataclass(frozen=True, eq=False, repr=False)
class _WithCount(ProjectionSet):
    k: int = 1

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.k, (bool, np.bool_)) or not isinstance(self.k, (int, np.integer)):
            raise TypeError(f"k must be an int, got {type(self.k).__name__}")
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")


class Sp(_WithCount):
    def check(self, shape):
        _count(self.k, shape[0] * shape[1], "the entries", shape)

    def nnz_bound(self, shape):
        return self.k

    def _select(self, M):
        return _entries(levels(M), self.k)


class SpLin(_WithCount):
    def check(self, shape):
        _count(self.k, shape[1], "the entries of a row", shape)

    def nnz_bound(self, shape):
        return self.k * shape[0]

    def _select(self, M):
        return _rows(levels(M), self.k)


class SpCol(_WithCount):
    def check(self, shape):
        _count(self.k, shape[0], "the entries of a column", shape)

    def nnz_bound(self, shape):
        return self.k * shape[1]

    def _select(self, M):
        return _columns(levels(M), self.k)


class SpLinCol(_WithCount):
    def check(self, shape):
        _count(self.k, min(shape), "the entries of a row or a column", shape)

    def nnz_bound(self, shape):
        return min(self.k * sum(shape), shape[0] * shape[1])

    def _select(self, M):
        level = levels(M)
        return _rows(level, self.k) | _columns(level, self.k)


class SkPerm(_WithCount):
    def check(self, shape):
        if shape[0] != shape[1]:
            raise ValueError(f"skperm needs a square matrix, got shape {shape}")
        _count(self.k, shape[1], "the entries of a row", shape)

    def nnz_bound(self, shape):
        return self.k * shape[0]

    def _select(self, M):
        from sparsela._ext.skperm import skperm_pattern  # Numba, which no other set needs

        size = np.abs(M).astype(np.float64)
        top = size.max()
        return skperm_pattern(-((size / top) ** 2), self.k) if top > 0 else _circulant(M.shape[0], self.k)


def _circulant(n: int, k: int) -> np.ndarray:
    return (np.arange(n) - np.arange(n)[:, None]) % n < k


class SpTriu(_WithCount):
    lower = False

    def check(self, shape):
        _count(self.k, int(self._triangle(shape).sum()), "the entries of the triangle", shape)

    def nnz_bound(self, shape):
        return self.k

    def _triangle(self, shape):
        return np.tri(*shape, dtype=bool) if self.lower else ~np.tri(*shape, -1, dtype=bool)

    def _linear(self, M):
        return np.where(self._triangle(M.shape), M, M.dtype.type(0))

    def _select(self, M):
        return _entries(np.where(self._triangle(M.shape), levels(M), -1) + 1, self.k)


class SpTril(SpTriu):
    lower = True


class SpSymm(_WithCount):
    def check(self, shape):
        if shape[0] != shape[1]:
            raise ValueError(f"spsymm needs a square matrix, got shape {shape}")
        _count(self.k, shape[0] * shape[1], "the entries", shape)

    def nnz_bound(self, shape):
        return self.k

    def _linear(self, M):
        return (M + M.T) / 2

    def _select(self, M):
        # An entry of the diagonal costs one non-zero, a pair of others two: of all numbers of pairs, the best.
        n = M.shape[0]
        level = levels(M)
        i, j = np.triu_indices(n, 1)
        n_pairs, n_single = min(self.k // 2, i.size), min(self.k, n)
        pairs, single = _descending(level[i, j], n_pairs), _descending(np.diagonal(level), n_single)
        gain_pairs = np.concatenate([[0], np.cumsum(2 * np.float64(level[i, j][pairs]) ** 2)])
        gain_single = np.concatenate([[0], np.cumsum(np.float64(np.diagonal(level)[single]) ** 2)])
        p = np.arange(n_pairs + 1)
        best = int(np.argmax(gain_pairs + gain_single[np.minimum(self.k - 2 * p, n_single)]))
        mask = np.zeros((n, n), bool)
        mask[i[pairs[:best]], j[pairs[:best]]] = mask[j[pairs[:best]], i[pairs[:best]]] = True
        d = single[: self.k - 2 * best]
        mask[d, d] = True
        return mask


def _descending(level: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest, largest first, the lowest position first among equals."""
    kept = top_k(np.ascontiguousarray(level), k)
    return kept[np.argsort(-level[kept], kind="stable")]
