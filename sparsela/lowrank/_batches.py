"""A batch of new rows, sparse or dense, seen through the four things that an update asks of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.sparse_backend import spmm
from sparsela._core.validation import check_dtype, check_finite, check_indices
from sparsela._ext import csr

PAIRED = 512  # rows up to which all products of rows are formed as a dense matrix by the kernel
SMALLEST = 1e-280  # squares below it lose digits
NARROW = 16  # columns below which the sparse product would copy the whole table


class SparseRows:
    """CSR rows E (s, n) in canonical form. Nothing here has the length n.

    Attributes
    ----------
    shape : (int, int)
    matrix : csr_array
    """

    def __init__(self, E: sp.csr_array):
        self.matrix = E
        self.shape = E.shape

    def times(self, table: np.ndarray, width: int) -> np.ndarray:
        """``E B`` in float64, for the first `width` columns of a table whose rows have at least 16."""
        product = spmm(self.matrix, table[: self.shape[1], : max(width, NARROW)])
        return product[:, :width].astype(np.float64, copy=False)

    def gram(self) -> np.ndarray | sp.csr_array:
        """``E Eᵀ`` in float64: dense up to 512 rows, sparse beyond."""
        E, s = self.matrix, self.shape[0]
        if s <= PAIRED:
            out = np.empty((s, s))
            csr.csr_gram(E.indptr, E.indices, E.data, out)
            return out
        local = np.empty(E.nnz, np.int64)
        n_columns = csr.compress_columns(E.indices, local)
        short = sp.csr_array((E.data.astype(np.float64), local, E.indptr), shape=(s, n_columns))
        return (short @ short.T).tocsr()

    def add_to(self, table: np.ndarray, Z: np.ndarray) -> None:
        """``B += Eᵀ Z`` in the leading columns of B, row by row where E has entries."""
        E = self.matrix
        csr.csr_scatter_add(E.indptr, E.indices, E.data, np.ascontiguousarray(Z, table.dtype), table)

    @property
    def values(self) -> np.ndarray:
        return self.matrix.data

    def block(self, rows: slice) -> SparseRows:
        return SparseRows(self.matrix[rows])

    def transposed_times(self, Y: np.ndarray) -> np.ndarray:
        """``Eᵀ Y``, an ndarray (n, l)."""
        return self.matrix.T @ Y


class DenseRows:
    """The same of an ndarray: products cost O(s n)."""

    def __init__(self, E: np.ndarray):
        self.matrix = E
        self.shape = E.shape

    def times(self, table, width):
        return (self.matrix @ table[: self.shape[1], :width]).astype(np.float64, copy=False)

    def gram(self):
        E = self.matrix.astype(np.float64, copy=False)
        return E @ E.T

    def add_to(self, table, Z):
        table[: self.shape[1], : Z.shape[1]] += self.matrix.T @ Z.astype(table.dtype, copy=False)

    @property
    def values(self):
        return self.matrix

    def block(self, rows):
        return DenseRows(self.matrix[rows])

    def transposed_times(self, Y):
        return self.matrix.T @ Y


def as_rows(E: Any, name: str, dtype: np.dtype, *, transpose: bool = False) -> SparseRows | DenseRows:
    """A user's matrix as rows of `dtype`, checked; its transpose where columns were given. The input is not changed."""
    E = check_batch(E, name)
    if sp.issparse(E):
        if transpose:
            E = E.T
        if E.format != "csr":
            E = E.tocsr()
        E = sp.csr_array(E)
        if not E.has_canonical_format:
            E = E.copy()
            E.sum_duplicates()
        return SparseRows(E.astype(dtype, copy=False))
    return DenseRows((E.T if transpose else E).astype(dtype, copy=False))


def squares(values: np.ndarray, name: str, *, beside: float = 0.0) -> float:
    """The sum of squares, on which all methods here rest: a ValueError where it leaves the range of doubles.

    Squares that vanish are rounding, and fine, next to something of the size `beside`.
    """
    with np.errstate(over="ignore", under="ignore"):
        total = float(np.square(values, dtype=np.float64).sum())
    if not np.isfinite(total) or (max(total, beside**2) < SMALLEST and values.any()):
        raise ValueError(
            f"{name} must have squares that add up to a finite number, above {SMALLEST:.0e} unless all are zero, got "
            f"entries up to {abs(values).max():.3g}"
        )
    return total


def check_squares(batches: tuple, *, largest: float) -> None:
    """Refuse batches, the two of a product among them, whose squares leave the range of doubles."""
    sizes = [squares(batch.values, "the batch", beside=largest) for batch in batches]
    if not math.isfinite(math.prod(sizes)):
        raise ValueError(
            f"D Eᵀ must have a finite norm, got D and E of norms {sizes[0] ** 0.5:.3g}, {sizes[1] ** 0.5:.3g}"
        )


def check_batch(E: Any, name: str):
    """A sparse array or a finite ndarray of two dimensions; no rows or no columns is allowed."""
    if np.ma.isMaskedArray(E):
        raise TypeError(f"{name} must be a plain or a sparse array, got a masked array")
    if not sp.issparse(E):
        if hasattr(E, "shape") and not hasattr(E, "__array__"):
            raise TypeError(f"{name} must be a dense or a sparse array, got {type(E).__name__}")
        E = np.asarray(E)
    dtype = check_dtype(E.dtype, name, allow_complex=False)
    if E.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {E.shape}. Reshape a single row to (1, n)")
    check_indices(E, name)
    if sp.issparse(E) and E.format not in ("csr", "csc", "coo"):
        E = E.tocsr()
    check_finite(E.data if sp.issparse(E) else E, name)
    return E if E.dtype == dtype else E.astype(dtype)
