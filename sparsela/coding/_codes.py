"""Codes of many signals, block by block: kernels write (idx, val, nnz), the caller gets CSR or a dense array."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csr_array

KERNEL_CHUNK = 128  # rows that a kernel correlates at once; block edges fall on its multiples, so bits do not move


def blocks(n_samples: int, n_atoms: int, n_features: int, cost: int = 1) -> Iterator[slice]:
    """Row ranges that a kernel codes in a fraction of a second, so that Ctrl-C is heard and scratch stays small.

    `cost` is how many times the GEMM of its correlations a signal takes, in order of magnitude.
    """
    work = (1 << 28) // max(1, cost * n_atoms * n_features)
    rows = KERNEL_CHUNK * int(np.clip(work // KERNEL_CHUNK, 1, 128))
    for start in range(0, n_samples, rows):
        yield slice(start, min(start + rows, n_samples))


class CodeRows:
    """CSR rows in the making: one growing pair of buffers, shrunk at the end; never more than the codes themselves."""

    def __init__(self, n_samples: int, n_atoms: int, width: int, dtype):
        self.shape = (n_samples, n_atoms)
        self.width = width
        self.indices = np.empty(0, np.int32)
        self.data = np.empty(0, dtype)
        self.indptr = np.zeros(n_samples + 1, np.int64)
        self.n_rows = 0

    def append(self, n_rows: int, code: Callable) -> None:
        """Let ``code(idx, val, nnz)`` fill `n_rows` rows of at most `width` entries, then close the gaps."""
        start, room = self.indptr[self.n_rows], n_rows * self.width
        if start + room > self.data.size:
            size = int(max(start + room, min(1.5 * self.data.size, self.shape[0] * self.width)))
            self.indices.resize(size, refcheck=False)  # realloc: pages move, nothing is copied
            self.data.resize(size, refcheck=False)
        idx = self.indices[start : start + room].reshape(n_rows, self.width)
        val = self.data[start : start + room].reshape(n_rows, self.width)
        nnz = np.empty(n_rows, np.int32)
        code(idx, val, nnz)
        ends = np.cumsum(nnz, dtype=np.int64)
        if n_rows and ends[-1] < room:
            kept = np.arange(self.width) < nnz[:, None]
            self.indices[start : start + ends[-1]] = idx[kept]
            self.data[start : start + ends[-1]] = val[kept]
        self.indptr[self.n_rows + 1 : self.n_rows + n_rows + 1] = start + ends
        self.n_rows += n_rows

    def tocsr(self) -> csr_array:
        """The rows as a CSR array with sorted indices and no explicit zero."""
        nnz = int(self.indptr[-1])
        self.indices.resize(nnz, refcheck=False)
        self.data.resize(nnz, refcheck=False)
        index_type = np.int32 if nnz <= np.iinfo(np.int32).max else np.int64
        return csr_array(
            (self.data, self.indices.astype(index_type, copy=False), self.indptr.astype(index_type)), shape=self.shape
        )


def collect(
    X: np.ndarray,
    n_atoms: int,
    width: int,
    code: Callable,
    *,
    sparse_output: bool,
    cost: int = 1,
    dtype=None,
    columns: np.ndarray | None = None,
) -> csr_array | np.ndarray:
    """Walk X (or columns of it) in blocks through ``code(rows, block, idx, val, nnz)``: all codes, sparse or dense."""
    dtype = X.dtype if dtype is None else dtype
    n_samples, n_features = X.shape
    rows_of = CodeRows(n_samples, n_atoms, width, dtype) if sparse_output else None
    dense = None if sparse_output else np.zeros((n_samples, n_atoms), dtype)
    for rows in blocks(n_samples, n_atoms, n_features, cost):
        block = np.ascontiguousarray(X[rows] if columns is None else X[rows][:, columns], dtype=dtype)
        here = CodeRows(len(block), n_atoms, width, dtype) if rows_of is None else rows_of
        here.append(len(block), lambda idx, val, nnz, rows=rows, block=block: code(rows, block, idx, val, nnz))
        if rows_of is None and len(block):
            here.tocsr().toarray(out=dense[rows])
    return dense if rows_of is None else rows_of.tocsr()
