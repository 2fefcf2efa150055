"""A matrix of which some entries were seen: kept by rows and by columns, for the kernels of completion."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_dtype, check_finite, check_indices
from sparsela._ext import als

PARTS = 64  # of like numbers of entries: what threads take at a time


class Side:
    """Compressed rows, in the types of the kernel, and how they are divided among threads."""

    def __init__(self, matrix: sp.csr_array):
        self.shape = matrix.shape
        self.indptr = matrix.indptr.astype(np.int64)
        self.indices = matrix.indices.astype(np.int32)
        self.data = matrix.data
        self.counts = np.diff(self.indptr)
        cuts = np.searchsorted(self.indptr, np.linspace(0, self.indptr[-1], PARTS + 1)[1:-1])
        self.bounds = np.unique(np.concatenate([[0], cuts, [self.shape[0]]])).astype(np.int64)

    def products(self, U, V, n_jobs=None):
        """``u_i · v_j`` at every stored entry; the factors are padded (:func:`padded`)."""
        out = np.empty(self.data.size, U.dtype)
        als.products(self.indptr, self.indices, U, V, out, self.bounds, effective_n_jobs(n_jobs))
        return out

    def half_sweep(self, U, V, k, weights, solver, steps, key, n_jobs=None):
        """Solve for every row of U, in place, given V."""
        with one_blas_thread():
            als.half_sweep(
                self.indptr,
                self.indices,
                self.data,
                np.ascontiguousarray(weights, U.dtype),
                V,
                U,
                k,
                solver,
                steps,
                key,
                self.bounds,
                effective_n_jobs(n_jobs),
            )


class Observed:
    """Both sides of a partly seen matrix, entries in two orders.

    Attributes
    ----------
    rows, columns : Side
        The matrix and its transpose.
    order : ndarray of shape (n_entries,)
        ``columns.data = rows.data[order]``.
    """

    def __init__(self, matrix: sp.csr_array):
        self.shape = matrix.shape
        self.dtype = matrix.dtype
        numbered = sp.csr_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape).tocsc()
        self.order = numbered.data
        self.rows = Side(matrix)
        self.columns = Side(
            sp.csr_array((matrix.data[self.order], numbered.indices, numbered.indptr), shape=matrix.shape[::-1])
        )

    def with_values(self, values):
        """The same entries with other values, by rows."""
        other = object.__new__(Observed)
        other.__dict__.update(self.__dict__)
        other.rows, other.columns = (_with(self.rows, values), _with(self.columns, values[self.order]))
        return other

    def csr(self) -> sp.csr_array:
        return sp.csr_array((self.rows.data, self.rows.indices, self.rows.indptr), shape=self.shape)


def _with(side: Side, values) -> Side:
    other = object.__new__(Side)
    other.__dict__.update(side.__dict__)
    other.data = np.ascontiguousarray(values)
    return other


def observed_of(X: Any, name: str = "X") -> sp.csr_array:
    """What was seen of X, as CSR: the stored entries of a sparse X, those of an array that are not NaN.

    Explicit zeros are entries; duplicates add up; infinity is an error, and so is NaN where it is stored.
    """
    if sp.issparse(X):
        check_indices(X, name)
        matrix = sp.csr_array(X, dtype=check_dtype(X.dtype, name, allow_complex=False), copy=False)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        check_finite(matrix.data, name)
    else:
        if hasattr(X, "shape") and not hasattr(X, "__array__"):
            raise TypeError(f"{name} must be an array or a sparse array, got {type(X).__name__}")
        array = np.asarray(X)
        array = array.astype(check_dtype(array.dtype, name, allow_complex=False), copy=False)
        if array.ndim != 2:
            raise ValueError(f"{name} must have 2 dimensions, got shape {array.shape}")
        seen = ~np.isnan(array)
        check_finite(array[seen], name)
        indptr = np.concatenate([[0], np.cumsum(seen.sum(axis=1))])
        matrix = sp.csr_array((array[seen], np.nonzero(seen)[1], indptr), shape=array.shape)
    if matrix.nnz == 0:
        raise ValueError(f"{name} must have at least one observed entry, got none in shape {matrix.shape}")
    return matrix


def padded(factor: np.ndarray, dtype) -> np.ndarray:
    """A copy with zero columns up to a whole number of cache lines, as the kernel wants it."""
    lanes = 64 // np.dtype(dtype).itemsize
    out = np.zeros((len(factor), -(-factor.shape[1] // lanes) * lanes), dtype)
    out[:, : factor.shape[1]] = factor
    return out
