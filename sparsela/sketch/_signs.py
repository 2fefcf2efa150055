"""Sketches whose columns are a few signs: CountSketch, sparse embeddings, sparse random signs.

Column i has entries ±scale in rows that are drawn from (seed, i) alone:

- blocks: one entry in each of z blocks of rows [⌊rk/z⌋, ⌊(r + 1)k/z⌋); bucket and sign of block r come from the hash of
  stream r. z = 1 is CountSketch.
- Bernoulli: row r is there with probability p. For p ≥ 0.05 if the uniform number of (stream r, i) is below p; for
  smaller p by skips of 1 + ⌊ln u / ln(1 − p)⌋ rows, u of (stream t, i) for the t-th skip. The sign is the lowest bit of
  the hash that put it there.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from sparsela._ext import signs as kernel
from sparsela.sketch._inputs import csr_parts, refuse, row_blocks, threads

TABLE = 1 << 22  # columns whose entries are kept for the feature axis
ENTRIES = 1 << 24  # entries of random signs that are kept or drawn at a time
ALL = np.empty(0, np.int64)  # start: every column has z entries
NONE = np.empty(0, np.int32)  # entries: drawn when they are met


class Blocks:
    """z signs a column, one in each block of rows."""

    def __init__(self, n_components: int, seed: int, n_nonzeros: int = 1, stream: int = 0):
        self.n_components, self.seed, self.z, self.stream = n_components, seed, n_nonzeros, stream
        self.scale = n_nonzeros**-0.5
        self.per_column = n_nonzeros

    def entries(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.empty((len(ids), self.z), np.int32)
        kernel.blocks(ids, self.seed, self.stream, self.n_components, out, threads(out.size))
        return ALL, out.reshape(-1)


class Bernoulli:
    """A sign in each row with probability p."""

    z = 0

    def __init__(self, n_components: int, seed: int, p: float):
        self.n_components, self.seed, self.p = n_components, seed, p
        self.scale = (p * n_components) ** -0.5
        self.per_column = max(1.0, p * n_components)

    def entries(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = len(ids) * (self.per_column if self.p < 0.05 else self.n_components)
        return kernel.bernoulli(ids, self.seed, self.n_components, self.p, threads(int(size)))


class SignSketch:
    """S with columns of signs, and the products with it. n_features None: as many columns as are asked for."""

    sparse = True

    def __init__(self, columns: Blocks | Bernoulli, n_features: int | None):
        self.drawn, self.n_features, self.n_components = columns, n_features, columns.n_components
        self.blind = not columns.z  # a column may be empty: NaN there would go unseen

    @property
    def chunk(self) -> int:
        """Columns whose entries are drawn at a time."""
        return TABLE if self.drawn.z else max(1, int(ENTRIES / self.drawn.per_column))

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        return self.drawn.entries(np.arange(self.n_features))

    def _panels(self):
        """Slices of the features, with the entries of their columns."""
        d = self.n_features
        if d <= self.chunk:
            yield slice(0, d), self._table
            return
        for start in range(0, d, self.chunk):
            part = slice(start, min(d, start + self.chunk))
            yield part, self.drawn.entries(np.arange(part.start, part.stop))

    def rows(self, X, out: np.ndarray, add: bool = True) -> None:
        """out = X S', or += with add, for real X."""
        if sp.issparse(X):
            self._sparse_rows(X, out, add)
            return
        how = (self.drawn.z, self.drawn.scale)
        for columns, (start, entries) in self._panels():
            for part, block in row_blocks(X[:, columns]):
                kernel.rows(block, entries, start, *how, add or columns.start > 0, out[part], threads(block.size))

    def _sparse_rows(self, X, out: np.ndarray, add: bool) -> None:
        indptr, indices, data = csr_parts(X)
        d, z = X.shape[1], self.drawn.z
        if d <= self.chunk:
            start, entries = self._table
        elif z:
            start, entries = ALL, NONE
        else:  # draw the columns that occur
            used, indices = np.unique(indices, return_inverse=True)
            start, entries = self.drawn.entries(used.astype(np.int64))
            indices, d = indices.astype(indptr.dtype), len(used)
        how = (z, self.drawn.scale, self.drawn.seed, getattr(self.drawn, "stream", 0), add)
        refuse(kernel.csr_rows(indptr, indices, data, d, entries, start, *how, out, threads(len(data))))

    def axis0(self, X, ids: np.ndarray, out: np.ndarray) -> None:
        """out += S[:, ids] X, for real X."""
        step = 1 << 16 if self.drawn.z else max(1, min(1 << 16, self.chunk))
        parts = csr_parts(X) if sp.issparse(X) else None
        for first in range(0, len(ids), step):
            rows = slice(first, min(len(ids), first + step))
            start, entries = self.drawn.entries(ids[rows])
            how = (self.drawn.z, self.drawn.scale)
            if parts:
                indptr, indices, data = parts
                fault = kernel.csr_axis0(
                    indptr[rows.start : rows.stop + 1], indices, data, entries, start, *how, out, threads(len(data))
                )
                refuse(fault)
                continue
            for part, block in row_blocks(X[rows]):
                whole = len(block) == rows.stop - rows.start
                entries_, start_ = (entries, start) if whole else self._of_rows(entries, start, part)
                kernel.axis0(block, entries_, start_, *how, out, threads(block.size))

    def _of_rows(self, entries: np.ndarray, start: np.ndarray, part: slice) -> tuple[np.ndarray, np.ndarray]:
        if self.drawn.z:
            return entries[part.start * self.drawn.z : part.stop * self.drawn.z], start
        start = start[part.start : part.stop + 1]
        return entries[start[0] : start[-1]], start - start[0]

    def columns(self, ids: np.ndarray, dtype=np.float64) -> sp.csc_array:
        start, entries = self.drawn.entries(ids)
        if self.drawn.z:
            start = np.arange(len(ids) + 1) * self.drawn.z
        data = np.where(entries & 1, -self.drawn.scale, self.drawn.scale).astype(dtype)
        return sp.csc_array((data, entries >> 1, start), shape=(self.n_components, len(ids)))

    def adjoint(self, Y: np.ndarray) -> np.ndarray:
        """Y S."""
        out = np.empty((len(Y), self.n_features), Y.dtype)
        real = np.empty(0, Y.dtype).real.dtype
        for first in range(0, self.n_features, 1 << 16):
            ids = np.arange(first, min(self.n_features, first + (1 << 16)))
            out[:, ids[0] : ids[-1] + 1] = (self.columns(ids, real).T @ Y.T).T
        return out

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_table"}  # it can be drawn again
