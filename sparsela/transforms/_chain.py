"""A chain of factors times a panel of columns: which factors the kernel takes together, and what goes to BLAS.

Neighbours of 2 × 2 blocks that mix different digits of the row index (dyadic butterflies) go two at a time. A dense
factor is one BLAS product and splits the chain. Complex panels are parted into real and imaginary vectors.
"""

from __future__ import annotations

import numpy as np

from sparsela._core.sparse_backend import aligned_empty
from sparsela._core.threads import effective_n_jobs
from sparsela._ext.kronecker import Chain
from sparsela.transforms._factors import Diagonal, KroneckerSparse, Permutation
from sparsela.transforms._matrices import Dense, Factor, Sparse

SHARED_FROM = 1 << 20  # multiply-adds from which it is worth asking how many threads there are


class Plan:
    """How ``S_1 … S_J X`` is computed; it holds no numbers of its own."""

    def __init__(self, parts: tuple[Factor, ...]):
        self.shape = (parts[0].shape[0], parts[-1].shape[1])
        self.dtype = parts[-1].dtype
        self.steps: list[Factor | Chain] = []
        run: list[Factor] = []
        for part in [*reversed(parts), None]:
            if part is not None and _in_kernel(part):
                run.append(part)
                continue
            if run:
                self.steps.append(Chain(run[0].shape[1], _passes(run)))
                run = []
            if part is not None:
                self.steps.append(part)

    def multiply(self, scale, X: np.ndarray) -> np.ndarray:
        """``scale · S_1 … S_J X`` in the precision of the factors; a real chain takes complex X as pairs of columns."""
        dtype = self.dtype
        if dtype.kind != "c" and X.dtype.kind == "c":
            pair = np.dtype(np.complex64 if dtype == np.float32 else np.complex128)
            X = np.ascontiguousarray(X, pair)
            return self.multiply(scale, X.view(dtype)).view(pair)
        X = X.astype(dtype, copy=False)
        if 0 in (*self.shape, X.shape[1]):
            return np.zeros((self.shape[0], X.shape[1]), dtype)
        for step in self.steps:
            if isinstance(step, Chain):
                Z = aligned_empty((step.rows, X.shape[1]), dtype) if X.shape[1] > 1 else np.empty((step.rows, 1), dtype)
                n_threads = effective_n_jobs() if step.work * X.shape[1] >= SHARED_FROM else 1
                if dtype.kind == "c":
                    real = np.zeros(0, dtype).real.dtype
                    step.apply_complex(np.ascontiguousarray(X).view(real), Z.view(real), n_threads)
                    X = Z
                    continue
                step.apply(_by_rows(X), Z, scale, n_threads)
                X, scale = Z, 1
            else:
                X = step.apply(np.ascontiguousarray(X))
        return X if scale == 1 else np.multiply(X, dtype.type(scale))


def multiply(parts: tuple[Factor, ...], scale, X: np.ndarray) -> np.ndarray:
    """``scale · S_1 … S_J X``, once."""
    return Plan(parts).multiply(scale, X)


def _in_kernel(part: Factor) -> bool:
    small = not isinstance(part, Sparse) or part.rows.indices.dtype == np.int32
    return not isinstance(part, Dense) and small and 0 not in part.shape


def _passes(run: list[Factor]) -> list[tuple]:
    """The passes of factors in the order in which they are applied."""
    passes = []
    k = 0
    while k < len(run):
        if k + 1 < len(run) and _pairs(run[k], run[k + 1]):
            passes.append(("pair", *_block(run[k]), *_block(run[k + 1])))
            k += 2
        else:
            passes.append(_pass(run[k]))
            k += 1
    return passes


def _pairs(first: Factor, second: Factor) -> bool:
    """Whether two factors are of 2 × 2 blocks over different digits of the row index."""
    if not (isinstance(first, KroneckerSparse) and isinstance(second, KroneckerSparse)):
        return False
    if not first.b == first.c == second.b == second.c == 2:
        return False
    low, high = sorted((first.d, second.d))
    return first.dtype.kind == "f" and high % (2 * low) == 0


def _pass(part: Factor) -> tuple:
    if isinstance(part, KroneckerSparse):
        return "block", *_block(part)
    if isinstance(part, Sparse):
        if part.transposed:
            return "sparse", part.shape[0], *part.columns, np.ascontiguousarray(part.rows.data)
        return "sparse", part.shape[0], part.rows.indptr, part.rows.indices, None, np.ascontiguousarray(part.rows.data)
    if isinstance(part, Diagonal):
        return "diagonal", np.ascontiguousarray(part.diagonal)
    assert isinstance(part, Permutation)
    return "permute", np.ascontiguousarray(part.index)


def _block(part: KroneckerSparse) -> tuple[np.ndarray, tuple[int, ...]]:
    a, b, c, d = part.pattern
    if part.values.transpose(0, 1, 3, 2).flags.c_contiguous and not part.values.flags.c_contiguous:
        return part.values, (a, b, c, d, 1, b)
    return np.ascontiguousarray(part.values), (a, b, c, d, c, 1)


def _by_rows(X: np.ndarray) -> np.ndarray:
    """X with contiguous rows, copied only if it has not."""
    if X.shape[1] == 1:
        return np.ascontiguousarray(X)  # the chain of matvecs reads one contiguous column
    between, within = X.strides
    size = X.itemsize
    sound = within == size and between >= X.shape[1] * size and between % size == 0 and X.flags.aligned
    return X if sound else np.ascontiguousarray(X)
