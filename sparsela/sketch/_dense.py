"""Sketches with dense columns: Gaussian ones, and random signs too many to be held as a sparse matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from sparsela._core.random import normal_hash
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_indices
from sparsela.sketch._inputs import SERIAL
from sparsela.sketch._signs import Bernoulli

KEPT = 1 << 28  # bytes of S that are kept for the feature axis
PANEL = 512  # columns of S that are drawn at a time where it is not kept
ROWS = 256  # rows of X of a product: blocks do not depend on the threads, so that the bits do not


class Gaussian:
    """Columns N(0, 1/k): rows 2r and 2r + 1 are the normal pair of the hashes of streams 2r and 2r + 1."""

    def __init__(self, n_components: int, seed: int):
        self.n_components, self.seed = n_components, seed

    def columns(self, ids: np.ndarray, dtype) -> np.ndarray:
        normal = normal_hash(ids, self.n_components, seed=self.seed, dtype=dtype)
        return np.multiply(normal, dtype.type(self.n_components**-0.5), out=normal)


class DenseSigns:
    """Columns ±1/√(pk) with probability p, for p of a tenth or more."""

    def __init__(self, n_components: int, seed: int, p: float):
        self.drawn, self.n_components = Bernoulli(n_components, seed, p), n_components

    def columns(self, ids: np.ndarray, dtype) -> np.ndarray:
        start, entries = self.drawn.entries(ids)
        out = np.zeros((len(ids), self.n_components), dtype)
        column = np.repeat(np.arange(len(ids)), np.diff(start))
        out[column, entries >> 1] = np.where(entries & 1, -self.drawn.scale, self.drawn.scale)
        return out


class DenseSketch:
    """S with dense columns, and the products with it; the columns are held transposed, (n_columns, k)."""

    sparse = False

    def __init__(self, columns: Gaussian | DenseSigns, n_features: int | None):
        self.drawn, self.n_features, self.n_components = columns, n_features, columns.n_components
        self.blind = True  # a column of signs may be empty, and beside a product a look at X costs nothing
        self._kept: dict = {}

    def _panels(self, dtype) -> Iterable[tuple[slice, np.ndarray]]:
        d, k = self.n_features, self.n_components
        if d * k * dtype.itemsize <= KEPT:
            if dtype not in self._kept:
                self._kept = {dtype: self.drawn.columns(np.arange(d), dtype)}
            yield slice(0, d), self._kept[dtype]
            return
        for start in range(0, d, PANEL):
            part = slice(start, min(d, start + PANEL))
            yield part, self.drawn.columns(np.arange(part.start, part.stop), dtype)

    def rows(self, X, out: np.ndarray, add: bool = True) -> None:
        """out = X S', or += with add, for real X."""
        if not add:
            out[...] = 0
        d, k = self.n_features, self.n_components
        check_indices(X, "X")
        if sp.issparse(X) and d * k * X.dtype.itemsize > KEPT:
            X = X.tocsc()
        for columns, St in self._panels(X.dtype):
            panel = X if St.shape[0] == d else X[:, columns]

            def work(part, panel=panel, St=St):
                out[part] += panel[part] @ St

            in_blocks(work, len(out), ROWS, X.shape[1] * k)

    def axis0(self, X, ids: np.ndarray, out: np.ndarray) -> None:
        """out += S[:, ids] X, for real X."""
        check_indices(X, "X")
        for first in range(0, len(ids), PANEL):
            rows = slice(first, first + PANEL)
            St = self.drawn.columns(ids[rows], X.dtype)
            if sp.issparse(X):
                out[...] += (X[rows].T @ St).T
                continue

            def work(part, St=St, rows=rows):
                out[:, part] += St.T @ X[rows, part]

            in_blocks(work, out.shape[1], 1024, St.size)

    def columns(self, ids: np.ndarray, dtype=np.float64) -> np.ndarray:
        return self.drawn.columns(ids, np.dtype(dtype)).T

    def adjoint(self, Y: np.ndarray) -> np.ndarray:
        """Y S."""
        out = np.empty((len(Y), self.n_features), Y.dtype)
        for columns, St in self._panels(np.empty(0, Y.dtype).real.dtype):
            out[:, columns] = Y @ St.T
        return out

    def __getstate__(self):
        return {**self.__dict__, "_kept": {}}  # it can be drawn again


def in_blocks(work: Callable[[slice], None], n: int, step: int, cost: int) -> None:
    """`work` on slices of n, shared out among threads, BLAS held to one thread: equal bits for any number of them."""
    parts = [slice(start, min(n, start + step)) for start in range(0, n, step)]
    jobs = min(effective_n_jobs(), len(parts)) if cost * n > 16 * SERIAL else 1
    with one_blas_thread():
        if jobs == 1:
            for part in parts:
                work(part)
            return
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(work, parts))
