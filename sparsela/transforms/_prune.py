"""Take rows and columns of a chain, drop what then feeds nothing, and merge neighbours where that is faster."""

from __future__ import annotations

import time

import numpy as np

from sparsela.transforms._chain import multiply
from sparsela.transforms._factors import Diagonal, Permutation
from sparsela.transforms._matrices import Dense, Factor, Sparse, as_factor


def positions(index, size: int, axis: str) -> np.ndarray:
    """What an index selects of range(size): a 0-d or 1-d array of integers; IndexError as NumPy has it."""
    selected = np.arange(size)[index]
    if np.ndim(selected) > 1:
        raise IndexError(f"{axis} must be selected by an int, a slice, or a vector of ints or booleans, got {index!r}")
    return selected


def take(parts: tuple[Factor, ...], rows: np.ndarray, columns: np.ndarray) -> list[Factor]:
    """The chain with some rows of its first factor and some columns of its last."""
    parts = list(parts)
    parts[0] = _take(parts[0], rows, 0)
    parts[-1] = _take(parts[-1], columns, 1)
    return parts


def _take(part: Factor, index: np.ndarray, axis: int) -> Factor:
    if np.array_equal(index, np.arange(part.shape[axis])):
        return part
    if isinstance(part, Dense) and index.size:
        return Dense(np.take(part.array, index, axis))
    csr = part.tocsr()
    return as_factor(csr[index] if axis == 0 else csr[:, index], "factor", copy=False)


def prune(parts: tuple[Factor, ...], tol: float) -> list[Factor]:
    """The chain without entries of modulus `tol` or less, and without inner rows and columns that feed nothing.

    An index between two factors is dead when its column on the left or its row on the right is empty. Dropping it may
    empty others, so a sweep to the right passes on what cannot be reached, and one to the left what is not used;
    a second pair of sweeps finds nothing new.
    """
    parts = [_drop_small(part, tol) for part in parts]
    for _ in range(2):
        for j in range(len(parts) - 1):
            _drop_dead(parts, j)
        for j in reversed(range(len(parts) - 1)):
            _drop_dead(parts, j)
    return parts


def _drop_small(part: Factor, tol: float) -> Factor:
    if part.kind == "permutation" or (isinstance(part, Dense) and not tol):
        return part
    small = np.abs(part.values_) <= tol
    if not small.any() or (part.kind in ("kronecker", "diagonal") and not tol):
        return part
    if part.kind in ("dense", "diagonal"):
        return part.replace(np.where(small, 0, part.values_))
    csr = part.tocsr().copy()
    csr.data[np.abs(csr.data) <= tol] = 0
    return as_factor(csr, "factor", copy=False)


def _drop_dead(parts: list[Factor], j: int) -> None:
    left, right = parts[j], parts[j + 1]
    used = _occupied(left, 0) & _occupied(right, 1)
    if used.all() or used.size == 1:
        return
    if not used.any():
        used[0] = True  # an inner size of nothing has no matrix: one dead index stays
    keep = np.flatnonzero(used)
    parts[j], parts[j + 1] = _take(left, keep, 1), _take(right, keep, 0)


def _occupied(part: Factor, axis: int) -> np.ndarray:
    """Which columns (axis 0) or rows (axis 1) hold a non-zero."""
    if isinstance(part, Dense):
        return part.array.any(axis)
    if part.kind == "permutation":
        return np.ones(part.shape[0], bool)
    csr = part.tocsr()
    stored = csr.data != 0
    index = csr.indices if axis == 0 else np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    found = np.zeros(csr.shape[1 - axis], bool)
    found[index[stored]] = True
    return found


def optimize(parts: tuple[Factor, ...], batch: int) -> list[Factor]:
    """Neighbours merged, or a factor made dense or CSR, wherever that multiplies `batch` columns at least 5 % faster.

    Greedy: of all single changes the one that saves most, until none does. Times are medians of alternating runs.
    """
    parts = list(parts)
    while True:
        best, changed = 0.95, None
        for candidate, old, new in _changes(parts):
            ratio = _time_ratio(old, new, batch)
            if ratio < best:
                best, changed = ratio, candidate
        if changed is None:
            return parts
        parts = changed


def _changes(parts: list[Factor]):
    for j in range(len(parts) - 1):
        merged = _merged(parts[j], parts[j + 1])
        if merged is not None:
            yield [*parts[:j], merged, *parts[j + 2 :]], parts[j : j + 2], [merged]
    for j, part in enumerate(parts):
        for other in _forms(part):
            yield [*parts[:j], other, *parts[j + 1 :]], [part], [other]


def _merged(left: Factor, right: Factor) -> Factor | None:
    entries = left.shape[0] * right.shape[1]
    if isinstance(left, Dense) or isinstance(right, Dense):
        return Dense(left.toarray() @ right.toarray()) if entries <= 4 * (left.nnz + right.nnz) else None
    if isinstance(left, Permutation) and isinstance(right, Permutation):
        return Permutation(right.index[left.index]).astype(left.dtype)
    if isinstance(left, Diagonal) and isinstance(right, Diagonal):
        return left.replace(left.diagonal * right.diagonal)
    csr = left.tocsr() @ right.tocsr()
    if csr.nnz > 4 * (left.nnz + right.nnz):
        return None
    return as_factor(csr, "factor", copy=False)


def _forms(part: Factor):
    entries = part.shape[0] * part.shape[1]
    if not isinstance(part, Dense) and part.kind != "permutation" and part.nnz >= 0.1 * entries:
        yield Dense(part.toarray())
    if isinstance(part, Dense) and part.nnz <= 0.3 * entries or isinstance(part, Sparse) and part.transposed:
        yield as_factor(part.tocsr(), "factor")


def _time_ratio(old: list[Factor], new: list[Factor], batch: int) -> float:
    """Time of the new over time of the old."""
    X = np.ones((old[-1].shape[1], batch), old[0].dtype)
    seconds = np.zeros((2, 7))
    repeats = 1
    for run in range(-1, 7):
        for side, chain in enumerate((tuple(old), tuple(new))):
            start = time.perf_counter()
            for _ in range(repeats):
                multiply(chain, 1.0, X)
            seconds[side, run] = (time.perf_counter() - start) / repeats
        if run < 0:
            repeats = max(1, int(5e-4 / max(seconds[:, -1].max(), 1e-7)))
    return float(np.median(seconds[1] / seconds[0]))
