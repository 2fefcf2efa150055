"""The sets that factors are projected on, by place, by norm and by structure: what `proj` hands out.

A set is a cone: a union of subspaces (supports), or one subspace, perhaps cut by ``M ≥ 0``. Each class says the linear
part (`_linear`, a subspace that is no support), the selection (`_select`, a boolean mask), what sizes it is possible
for (`check`) and how many non-zeros it allows (`nnz_bound`). Then comes the scaling to unit norm, which is exact for
such cones: the subspace that captures most energy is the same. Sets by number of entries are in `_sets_counted`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_indices, check_matrix, check_positive


@dataclass(frozen=True, eq=False)
class ProjectionSet:
    """A set of matrices and the projection on it."""

    normalize: bool = True
    nonneg: bool = False

    def __post_init__(self):
        for name in ("normalize", "nonneg"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be a bool, got {getattr(self, name)!r}")

    @in_float_range
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


@dataclass(frozen=True, eq=False, repr=False)
class Supp(ProjectionSet):
    mask: np.ndarray = None

    def __post_init__(self):
        super().__post_init__()
        check_indices(self.mask, "mask")
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
        object.__setattr__(self, "s", check_positive(self.s, "s"))

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
        check_indices(self.C, "C")
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
