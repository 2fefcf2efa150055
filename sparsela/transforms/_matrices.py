"""The interface of a factor, and the two kinds that wrap arrays: `Sparse` and `Dense`.

``apply`` (times a panel of columns), ``T``, ``conj``, ``astype``, ``tocsr``, ``toarray``; the arrays of a factor are
read-only, and a transpose shares them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsela._core.sparse_backend import Companion
from sparsela._core.validation import check_dtype, check_finite, check_indices


class Factor:
    """A matrix of known structure; `shape`, `dtype` and `nnz` (stored numbers) are set by each kind."""

    kind = ""
    shape: tuple[int, int]
    dtype: np.dtype
    nnz: int
    ndim = 2

    def apply(self, X: np.ndarray) -> np.ndarray:
        """This factor times the (n, B) panel X, of its own dtype or real for a complex pair; a new (m, B) array."""
        raise NotImplementedError

    @property
    def T(self) -> Factor:
        """The transpose; it shares the numbers."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that make it, by name."""
        raise NotImplementedError

    def tocsr(self) -> sp.csr_array:
        """As a ``csr_array``, indices sorted."""
        raise NotImplementedError

    def replace(self, values: np.ndarray) -> Factor:
        """The same structure over other numbers."""
        raise NotImplementedError

    def unwrap(self) -> Any:
        """What the user sees of it."""
        return self

    @property
    def values_(self) -> np.ndarray:
        """The numbers that it stores, where it stores any."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    @property
    def H(self) -> Factor:
        """The conjugate transpose."""
        return self.T.conj()

    def conj(self) -> Factor:
        """The complex conjugate: itself where it is real."""
        return self.replace(self.values_.conj()) if self.dtype.kind == "c" else self

    def astype(self, dtype) -> Factor:
        """The same matrix in another precision: itself where it has it."""
        return self if self.dtype == dtype else self.replace(self.values_.astype(dtype))

    def copy(self) -> Factor:
        """The same with numbers of its own."""
        return self.replace(self.values_.copy())

    def toarray(self) -> np.ndarray:
        """As a dense array."""
        return self.tocsr().toarray()

    def __matmul__(self, X):
        X = np.asarray(X)
        if X.ndim not in (1, 2) or X.shape[0] != self.shape[1]:
            raise ValueError(f"the right operand must have {self.shape[1]} rows, got shape {X.shape}")
        dtype = np.result_type(self.dtype, X.dtype)
        product = self.astype(dtype).apply(np.ascontiguousarray(X.reshape(len(X), -1), dtype))
        return product.reshape(self.shape[0], *X.shape[1:])


class Rows(NamedTuple):
    """The arrays of a CSR matrix with sorted indices: a factor of an iteration is made too often for scipy.sparse."""

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray

    def scipy(self) -> sp.csr_array:
        csr = sp.csr_array((self.data, self.indices, self.indptr), shape=self.shape)
        csr.has_sorted_indices = csr.has_canonical_format = True
        return csr

    def row_index(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))


class Sparse(Factor):
    """A CSR matrix, or the transpose of one: the columns of it are found once, for both."""

    kind = "csr"

    def __init__(self, rows: Rows, transposed: bool = False, columns: list[Companion] | None = None):
        self.rows, self.transposed = rows, transposed
        self._columns = [] if columns is None else columns
        self.shape = rows.shape[::-1] if transposed else rows.shape
        self.dtype, self.nnz = rows.data.dtype, rows.data.size

    @property
    def columns(self) -> Companion:
        if not self._columns:
            rows = self.rows
            perm = np.argsort(rows.indices, kind="stable").astype(np.int32)
            colptr = np.zeros(rows.shape[1] + 1, np.int32)
            np.cumsum(np.bincount(rows.indices, minlength=rows.shape[1]), out=colptr[1:])
            self._columns.append(Companion(colptr, rows.row_index()[perm], perm))
        return self._columns[0]

    @property
    def values_(self) -> np.ndarray:
        return self.rows.data

    def replace(self, values: np.ndarray) -> Sparse:
        return Sparse(self.rows._replace(data=frozen(values)), self.transposed, self._columns)

    def apply(self, X: np.ndarray) -> np.ndarray:
        csr = self.rows.scipy()
        return (csr.T if self.transposed else csr) @ X

    @property
    def T(self) -> Sparse:
        return Sparse(self.rows, not self.transposed, self._columns)

    def arrays(self) -> dict[str, np.ndarray]:
        csr = self.tocsr()
        return {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr}

    def toarray(self) -> np.ndarray:
        dense = np.zeros(self.rows.shape, self.dtype)
        dense[self.rows.row_index(), self.rows.indices] = self.rows.data
        return np.ascontiguousarray(dense.T) if self.transposed else dense

    def tocsr(self) -> sp.csr_array:
        csr = self.rows.scipy()
        return csr.T.tocsr() if self.transposed else csr

    def unwrap(self) -> sp.csr_array:
        return self.tocsr()

    def __repr__(self) -> str:
        return f"csr_array{self.shape}, {self.nnz} stored"


class Dense(Factor):
    """A dense matrix."""

    kind = "dense"

    def __init__(self, array: np.ndarray):
        self.array, self.shape, self.dtype = frozen(array), array.shape, array.dtype
        self.nnz = int(np.count_nonzero(array))

    @property
    def values_(self) -> np.ndarray:
        return self.array

    def replace(self, values: np.ndarray) -> Dense:
        return Dense(values)

    def apply(self, X: np.ndarray) -> np.ndarray:
        return self.array @ X

    @property
    def T(self) -> Dense:
        return Dense(self.array.T)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"array": self.array}

    def tocsr(self) -> sp.csr_array:
        return sp.csr_array(self.array)

    def toarray(self) -> np.ndarray:
        return self.array.copy()

    def unwrap(self) -> np.ndarray:
        return self.array

    def __repr__(self) -> str:
        return f"ndarray{self.shape}, {self.nnz} non-zeros"


def as_factor(given: Any, name: str, *, copy: bool = True) -> Factor:
    """A factor of what a user gave; TypeError or ValueError that name it where it is none."""
    if isinstance(given, Factor):
        return given
    if sp.issparse(given):
        if given.ndim != 2:
            raise ValueError(f"{name} must have two dimensions, got shape {given.shape}")
        check_indices(given, name)
        csr = sp.csr_array(given, dtype=check_dtype(given.dtype, name), copy=copy)
        if not (csr.has_canonical_format and csr.has_sorted_indices) or not csr.data.all():
            csr = csr.copy()  # with copy=False the user's own arrays stay as they are
            csr.sum_duplicates()
            csr.eliminate_zeros()
        check_finite(csr.data, name)
        return Sparse(_frozen_rows(csr))
    if isinstance(given, (np.ndarray, list)):
        array = numbers(given, name)
        if array.ndim != 2 or not array.size:
            raise ValueError(f"{name} must be a non-empty matrix with two dimensions, got shape {array.shape}")
        return Dense(np.array(array) if copy else array)
    kinds = "an ndarray, a sparse array, KroneckerSparse, Permutation, Diagonal or FactorizedOperator"
    raise TypeError(f"{name} must be {kinds}, got {type(given).__name__}")


def numbers(given: Any, name: str) -> np.ndarray:
    array = np.asarray(given)
    array = array.astype(check_dtype(array.dtype, name), copy=False)
    check_finite(array, name)
    return array


def frozen(array: np.ndarray) -> np.ndarray:
    """A view of the array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _frozen_rows(csr: sp.csr_array) -> Rows:
    small = max(*csr.shape, csr.nnz) < np.iinfo(np.int32).max
    index = np.int32 if small else np.int64
    parts = (csr.indptr.astype(index, copy=False), csr.indices.astype(index, copy=False), csr.data)
    return Rows(csr.shape, *(frozen(part) for part in parts))
