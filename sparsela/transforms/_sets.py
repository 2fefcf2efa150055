"""The sets that factors are projected on: what `proj` hands out.

A set is a cone: a union of subspaces (supports), or one subspace, perhaps cut by ``M ≥ 0``. Each class says the linear
part (`_linear`, a subspace that is no support), the selection (`_select`, a boolean mask), what sizes it is possible
for (`check`) and how many non-zeros it allows (`nnz_bound`). Then comes the scaling to unit norm, which is exact for
such cones: the subspace that captures most energy is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.prox import top_k
from sparsela._core.validation import check_matrix

COARSE = {4: 1e-4, 8: 1e-9}  # bytes of a real number: magnitudes this close, relative to the largest, are equal


def levels(M: np.ndarray) -> np.ndarray:
    """Magnitudes as multiples of a unit below which differences are noise, so that ties are ties."""
    size = np.abs(M)
    top = size.max(initial=0)
    unit = COARSE[size.itemsize] * top
    return np.rint(size / unit) if unit > 0 else np.zeros_like(size)


@dataclass(frozen=True, eq=False)
class ProjectionSet:
    """A set of matrices and the projection on it."""

    normalize: bool = True
    nonneg: bool = False

    def __post_init__(self):
        for name in ("normalize", "nonneg"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be a bool, got {getattr(self, name)!r}")

    def __call__(self, M, out=None) -> np.ndarray:
        """The projection of M, dense; of M's dtype."""
        M = self._checked(M)
        if out is not None and not (isinstance(out, np.ndarray) and (out.shape, out.dtype) == (M.shape, M.dtype)):
            raise ValueError(f"out must be an ndarray of shape {M.shape} and dtype {M.dtype}")
        P = self._project(M)
        if out is None:
            return P
        out[...] = P
        return out

    def sparse(self, M) -> sp.csr_array:
        """The projection of M as CSR without stored zeros."""
        return sp.csr_array(self._project(self._checked(M)))

    def check(self, shape: tuple[int, int]) -> None:
        """ValueError where no matrix of this shape is in the set, or the set is no restriction that makes sense."""

    def nnz_bound(self, shape: tuple[int, int]) -> int:
        """Most non-zeros that a matrix of this shape in the set has."""
        return shape[0] * shape[1]

    def _checked(self, M) -> np.ndarray:
        M = check_matrix(M, "M", allow_complex=not self.nonneg)
        self.check(M.shape)
        return M

    def _project(self, M: np.ndarray) -> np.ndarray:
        P = self._linear(M)
        if self.nonneg:
            P = np.maximum(P, 0)
        mask = self._select(P)
        if mask is not None:
            P = np.where(mask, P, P.dtype.type(0))
        P = self._rescale(P)
        if not self.normalize:
            return P.copy() if P is M else P
        top = np.abs(P).max()
        norm = np.linalg.norm(P / top) * top if top > 0 else 1  # no square under- or overflows
        return P / P.dtype.type(norm)

    def _linear(self, M: np.ndarray) -> np.ndarray:
        return M

    def _select(self, M: np.ndarray) -> np.ndarray | None:
        return None

    def _rescale(self, M: np.ndarray) -> np.ndarray:
        return M

    def __eq__(self, other: Any) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((type(self), self.normalize, self.nonneg))

    def __repr__(self) -> str:
        own = [f.name for f in fields(self) if f.name not in ("normalize", "nonneg")]
        text = [_short(getattr(self, name)) for name in own]
        text += [
            f"{n}={getattr(self, n)}"
            for n, usual in (("normalize", True), ("nonneg", False))
            if getattr(self, n) != usual
        ]
        return f"{type(self).__name__.lower()}({', '.join(text)})"


def _short(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else str(value)


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


@dataclass(frozen=True, eq=False, repr=False)
class Supp(ProjectionSet):
    mask: np.ndarray = None

    def __post_init__(self):
        super().__post_init__()
        mask = self.mask.toarray() if sp.issparse(self.mask) else np.asarray(self.mask)
        if mask.dtype.kind not in "biufc" or mask.ndim != 2 or not mask.size:
            raise ValueError(f"mask must be a matrix of booleans, got {mask.dtype} of shape {mask.shape}")
        mask = mask != 0
        mask.flags.writeable = False
        object.__setattr__(self, "mask", mask)

    def check(self, shape):
        if tuple(shape) != self.mask.shape:
            raise ValueError(f"the matrix must have the shape of the mask, {self.mask.shape}, got {tuple(shape)}")

    def nnz_bound(self, shape):
        return int(self.mask.sum())

    def _select(self, M):
        return self.mask


@dataclass(frozen=True, eq=False, repr=False)
class BlockDiag(ProjectionSet):
    block_shapes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self):
        super().__post_init__()
        shapes = np.asarray(self.block_shapes)
        if shapes.ndim != 2 or shapes.shape[1] != 2 or shapes.dtype.kind not in "iu" or (shapes < 1).any():
            raise ValueError(f"block_shapes must be pairs of positive ints, got {self.block_shapes!r}")
        object.__setattr__(self, "block_shapes", tuple(map(tuple, shapes.tolist())))

    def check(self, shape):
        total = tuple(map(sum, zip(*self.block_shapes, strict=True)))
        if tuple(shape) != total:
            raise ValueError(f"the blocks add up to the shape {total}, the matrix has {tuple(shape)}")

    def nnz_bound(self, shape):
        return sum(m * n for m, n in self.block_shapes)

    def _select(self, M):
        heights, widths = np.array(self.block_shapes).T
        number = np.arange(len(heights))
        return np.repeat(number, heights)[:, None] == np.repeat(number, widths)


@dataclass(frozen=True, eq=False, repr=False)
class Kronecker(ProjectionSet):
    a: int = 1
    b: int = 1
    c: int = 1
    d: int = 1

    def __post_init__(self):
        super().__post_init__()
        for name in "abcd":
            size = getattr(self, name)
            if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)) or size < 1:
                raise ValueError(f"{name} must be a positive int, got {size!r}")

    def check(self, shape):
        total = (self.a * self.b * self.d, self.a * self.c * self.d)
        if tuple(shape) != total:
            raise ValueError(f"kronecker{(self.a, self.b, self.c, self.d)} has the shape {total}, got {tuple(shape)}")

    def nnz_bound(self, shape):
        return self.a * self.b * self.c * self.d

    def _select(self, M):
        i, j = np.arange(M.shape[0])[:, None], np.arange(M.shape[1])
        same_block = i // (self.b * self.d) == j // (self.c * self.d)
        return same_block & (i % self.d == j % self.d)


@dataclass(frozen=True, eq=False, repr=False)
class NormCol(ProjectionSet):
    s: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not np.isreal(self.s) or not 0 < self.s < np.inf:
            raise ValueError(f"s must be a positive number, got {self.s!r}")

    def _rescale(self, M):
        norms = np.linalg.norm(M, axis=0)
        P = M * np.where(norms > 0, self.s / np.where(norms > 0, norms, 1), 0).astype(norms.dtype)
        P[0, norms == 0] = self.s
        return P


class NormLin(NormCol):
    def _rescale(self, M):
        return np.ascontiguousarray(super()._rescale(M.T).T)


@dataclass(frozen=True, eq=False, repr=False)
class Const(ProjectionSet):
    C: np.ndarray = None

    def __post_init__(self):
        super().__post_init__()
        C = self.C.toarray() if sp.issparse(self.C) else self.C
        C = np.array(check_matrix(C, "C", allow_complex=not self.nonneg))
        C.flags.writeable = False
        object.__setattr__(self, "C", C)

    def check(self, shape):
        if tuple(shape) != self.C.shape:
            raise ValueError(f"the matrix must have the shape of C, {self.C.shape}, got {tuple(shape)}")

    def nnz_bound(self, shape):
        return int(np.count_nonzero(self.C))

    def _linear(self, M):
        if self.C.dtype.kind == "c" and M.dtype.kind != "c":
            raise TypeError(f"a complex C needs a complex matrix, got {M.dtype}")
        return self.C.astype(M.dtype)


class Identity(ProjectionSet):
    pass


class Circ(ProjectionSet):
    def check(self, shape):
        if shape[0] != shape[1]:
            raise ValueError(f"circ needs a square matrix, got shape {tuple(shape)}")

    def _linear(self, M):
        i, j = np.arange(M.shape[0])[:, None], np.arange(M.shape[1])
        return _averages(M, (j - i) % M.shape[1])


class Toeplitz(ProjectionSet):
    def _linear(self, M):
        i, j = np.arange(M.shape[0])[:, None], np.arange(M.shape[1])
        return _averages(M, j - i + M.shape[0] - 1)


class Hankel(ProjectionSet):
    def _linear(self, M):
        return _averages(M, np.arange(M.shape[0])[:, None] + np.arange(M.shape[1]))


def _averages(M: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Each entry replaced by the mean of those on its diagonal."""
    which = diagonal.reshape(-1)
    total = np.bincount(which, M.real.reshape(-1))
    if M.dtype.kind == "c":
        total = total + 1j * np.bincount(which, M.imag.reshape(-1))
    return (total / np.bincount(which))[diagonal].astype(M.dtype)
