"""The kinds of factor that a :class:`FactorizedOperator` is a product of, behind one small interface.

``apply`` (times a panel of columns), ``T``, ``conj``, ``astype``, ``tocsr``, ``toarray``; the arrays of a factor are
read-only, and a transpose shares them. `Sparse` and `Dense` wrap what users give as arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.sparse_backend import Companion, column_companion, spmm, spmm_t
from sparsela._core.validation import check_count, check_dtype, check_finite


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


class KroneckerSparse(Factor):
    """A matrix with support ``I_a ⊗ 1_{b×c} ⊗ I_d``: butterfly, Monarch and DFT factors, without index arrays.

    Parameters
    ----------
    values : array_like of shape (a, d, b, c)
        Entry ((i, k, j), (i, l, j)) of the matrix is ``values[i, j, k, l]``. Copied.
    a : int
        Number of diagonal blocks.
    b, c : int
        Rows and columns of the dense pattern in a block.
    d : int
        Distance between neighbours in that pattern.

    Attributes
    ----------
    values : ndarray of shape (a, d, b, c), read-only
    a, b, c, d : int
    shape : (int, int)
        ``(a b d, a c d)``.
    dtype : dtype
    nnz : int
        ``a b c d``.
    T, H : KroneckerSparse
        The transpose, of pattern (a, c, b, d), and its conjugate.

    Raises
    ------
    TypeError
        If the values are no numbers, or a size is no integer.
    ValueError
        If the shape of `values` is not (a, d, b, c), a size is below 1, or a value is not finite.

    See Also
    --------
    FactorizedOperator : A product of such factors.

    Notes
    -----
    The product with B columns is ``a d`` products of a b × c matrix with a c × B one: ``2 a b c d B`` operations.

    References
    ----------
    Q.-T. Le, L. Zheng, E. Riccietti, R. Gribonval. Butterfly factorization with error guarantees. 2024.
    arXiv 2411.04506.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import KroneckerSparse
    >>> K = KroneckerSparse(np.ones((2, 1, 2, 2)), 2, 2, 2, 1)
    >>> K.toarray()
    array([[1., 1., 0., 0.],
           [1., 1., 0., 0.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.]])
    """

    kind = "kronecker"

    def __init__(self, values, a: int, b: int, c: int, d: int):
        sizes = tuple(check_count(size, name) for size, name in zip((a, b, c, d), "abcd", strict=True))
        values = _numbers(values, "values")
        a, b, c, d = sizes
        if values.shape != (a, d, b, c):
            raise ValueError(f"values must have shape (a, d, b, c) = {(a, d, b, c)}, got {values.shape}")
        self._set(_frozen(np.array(values, order="C")), sizes)

    def _set(self, values: np.ndarray, sizes: tuple[int, int, int, int]) -> KroneckerSparse:
        self.a, self.b, self.c, self.d = a, b, c, d = sizes
        self.values = values
        self.shape, self.dtype, self.nnz = (a * b * d, a * c * d), values.dtype, values.size
        return self

    @property
    def values_(self) -> np.ndarray:
        return self.values

    @property
    def pattern(self) -> tuple[int, int, int, int]:
        """(a, b, c, d)."""
        return self.a, self.b, self.c, self.d

    def replace(self, values: np.ndarray) -> KroneckerSparse:
        return KroneckerSparse.__new__(type(self))._set(_frozen(values), self.pattern)

    def apply(self, X: np.ndarray) -> np.ndarray:
        a, b, c, d = self.pattern
        blocks = X.reshape(a, c, d, -1).transpose(0, 2, 1, 3)
        return np.matmul(self.values, blocks).transpose(0, 2, 1, 3).reshape(self.shape[0], -1)

    @property
    def T(self) -> KroneckerSparse:
        a, b, c, d = self.pattern
        return KroneckerSparse.__new__(KroneckerSparse)._set(self.values.transpose(0, 1, 3, 2), (a, c, b, d))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"values": self.values}

    def tocsr(self) -> sp.csr_array:
        a, b, c, d = self.pattern
        i, k, j, l = np.ix_(range(a), range(b), range(d), range(c))
        columns = ((i * c + l) * d + j + 0 * k).reshape(-1)
        data = self.values.transpose(0, 2, 1, 3).reshape(-1)
        return sp.csr_array((data, columns, np.arange(self.shape[0] + 1) * c), shape=self.shape)

    def __repr__(self) -> str:
        return f"KroneckerSparse(a={self.a}, b={self.b}, c={self.c}, d={self.d}, {self.dtype})"


class Permutation(Factor):
    """A permutation matrix given by its index vector: ``(P x)[i] = x[index[i]]``.

    Parameters
    ----------
    index : array_like of int of shape (n,)
        Each of 0 … n − 1 once. Copied.

    Attributes
    ----------
    index : ndarray of intp of shape (n,), read-only
    shape : (int, int)
    T, H : Permutation
        The inverse.
    nnz : int
        0: nothing is multiplied.

    Raises
    ------
    TypeError
        If the index is not of integers.
    ValueError
        If it is no permutation.

    Examples
    --------
    >>> from sparsela.transforms import Permutation
    >>> Permutation([2, 0, 1]) @ [10.0, 20.0, 30.0]
    array([30., 10., 20.])
    """

    kind = "permutation"
    nnz = 0

    def __init__(self, index):
        index = np.asarray(index)
        if index.dtype.kind not in "iu":
            raise TypeError(f"index must be an array of integers, got {index.dtype}")
        if index.ndim != 1 or not index.size or not np.array_equal(np.sort(index), np.arange(index.size)):
            raise ValueError(f"index must hold each of 0 ... n - 1 once, got shape {index.shape}: {index}")
        self._set(_frozen(index.astype(np.intp)), np.dtype(np.float64))

    def _set(self, index: np.ndarray, dtype: np.dtype) -> Permutation:
        self.index, self.dtype, self.shape = index, dtype, (index.size, index.size)
        return self

    def conj(self) -> Permutation:
        return self

    def copy(self) -> Permutation:
        return Permutation.__new__(Permutation)._set(_frozen(self.index.copy()), self.dtype)

    def astype(self, dtype) -> Permutation:
        return Permutation.__new__(Permutation)._set(self.index, np.dtype(dtype))

    def apply(self, X: np.ndarray) -> np.ndarray:
        return X[self.index]

    @property
    def T(self) -> Permutation:
        inverse = np.empty_like(self.index)
        inverse[self.index] = np.arange(self.index.size)
        return Permutation.__new__(Permutation)._set(_frozen(inverse), self.dtype)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"index": self.index}

    def tocsr(self) -> sp.csr_array:
        n = self.index.size
        return sp.csr_array((np.ones(n, self.dtype), self.index, np.arange(n + 1)), shape=self.shape)

    def __repr__(self) -> str:
        return f"Permutation(n={self.index.size})"


class Diagonal(Factor):
    """A diagonal matrix given by its diagonal.

    Parameters
    ----------
    diagonal : array_like of shape (n,)
        Finite numbers. Copied.

    Attributes
    ----------
    diagonal : ndarray of shape (n,), read-only
    shape : (int, int)
    dtype : dtype
    nnz : int
        n.
    T, H : Diagonal
        Itself, and its conjugate.

    Raises
    ------
    TypeError
        If the entries are no numbers.
    ValueError
        If it is not one-dimensional, is empty, or has an entry that is not finite.

    Examples
    --------
    >>> from sparsela.transforms import Diagonal
    >>> Diagonal([1.0, -1.0]).toarray()
    array([[ 1.,  0.],
           [ 0., -1.]])
    """

    kind = "diagonal"

    def __init__(self, diagonal):
        diagonal = _numbers(diagonal, "diagonal")
        if diagonal.ndim != 1 or not diagonal.size:
            raise ValueError(f"diagonal must be a non-empty vector, got shape {diagonal.shape}")
        self._set(_frozen(np.array(diagonal, order="C")))

    def _set(self, diagonal: np.ndarray) -> Diagonal:
        self.diagonal, self.dtype, self.nnz = diagonal, diagonal.dtype, diagonal.size
        self.shape = (diagonal.size, diagonal.size)
        return self

    @property
    def values_(self) -> np.ndarray:
        return self.diagonal

    def replace(self, values: np.ndarray) -> Diagonal:
        return Diagonal.__new__(Diagonal)._set(_frozen(values))

    def apply(self, X: np.ndarray) -> np.ndarray:
        return self.diagonal[:, None] * X

    @property
    def T(self) -> Diagonal:
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        return {"diagonal": self.diagonal}

    def tocsr(self) -> sp.csr_array:
        n = self.diagonal.size
        return sp.csr_array((self.diagonal, np.arange(n), np.arange(n + 1)), shape=self.shape)

    def __repr__(self) -> str:
        return f"Diagonal(n={self.diagonal.size}, {self.dtype})"


class Sparse(Factor):
    """A CSR matrix, or the transpose of one: the columns of it are found once, for both."""

    kind = "csr"

    def __init__(self, csr: sp.csr_array, transposed: bool = False, columns: list[Companion] | None = None):
        self.csr, self.transposed = csr, transposed
        self._columns = [] if columns is None else columns
        self.shape = csr.shape[::-1] if transposed else csr.shape
        self.dtype, self.nnz = csr.dtype, csr.nnz

    @property
    def columns(self) -> Companion:
        if not self._columns:
            self._columns.append(column_companion(self.csr))
        return self._columns[0]

    @property
    def values_(self) -> np.ndarray:
        return self.csr.data

    def replace(self, values: np.ndarray) -> Sparse:
        csr = sp.csr_array((_frozen(values), self.csr.indices, self.csr.indptr), shape=self.csr.shape)
        return Sparse(csr, self.transposed, self._columns)

    def apply(self, X: np.ndarray) -> np.ndarray:
        if self.dtype.kind == "c":
            return (self.csr.T if self.transposed else self.csr) @ X
        return spmm_t(self.csr, X, companion=self.columns) if self.transposed else spmm(self.csr, X)

    @property
    def T(self) -> Sparse:
        return Sparse(self.csr, not self.transposed, self._columns)

    def arrays(self) -> dict[str, np.ndarray]:
        csr = self.tocsr()
        return {"data": csr.data, "indices": csr.indices, "indptr": csr.indptr}

    def tocsr(self) -> sp.csr_array:
        return self.csr.T.tocsr() if self.transposed else self.csr

    def unwrap(self) -> sp.csr_array:
        return self.tocsr()

    def __repr__(self) -> str:
        return f"csr_array{self.shape}, {self.nnz} stored"


class Dense(Factor):
    """A dense matrix."""

    kind = "dense"

    def __init__(self, array: np.ndarray):
        self.array, self.shape, self.dtype = _frozen(array), array.shape, array.dtype
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
        csr = sp.csr_array(given, dtype=check_dtype(given.dtype, name), copy=copy)
        if not (csr.has_canonical_format and csr.has_sorted_indices) or not csr.data.all():
            csr = csr.copy()  # with copy=False the user's own arrays stay as they are
            csr.sum_duplicates()
            csr.eliminate_zeros()
        check_finite(csr.data, name)
        return Sparse(_frozen_csr(csr))
    if isinstance(given, (np.ndarray, list)):
        array = _numbers(given, name)
        if array.ndim != 2 or not array.size:
            raise ValueError(f"{name} must be a non-empty matrix with two dimensions, got shape {array.shape}")
        return Dense(np.array(array) if copy else array)
    kinds = "an ndarray, a sparse array, KroneckerSparse, Permutation, Diagonal or FactorizedOperator"
    raise TypeError(f"{name} must be {kinds}, got {type(given).__name__}")


def _numbers(given: Any, name: str) -> np.ndarray:
    array = np.asarray(given)
    array = array.astype(check_dtype(array.dtype, name), copy=False)
    check_finite(array, name)
    return array


def _frozen(array: np.ndarray) -> np.ndarray:
    """A view of the array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _frozen_csr(csr: sp.csr_array) -> sp.csr_array:
    small = max(*csr.shape, csr.nnz) < np.iinfo(np.int32).max
    index = np.int32 if small else np.int64
    parts = (csr.data, csr.indices.astype(index, copy=False), csr.indptr.astype(index, copy=False))
    frozen = sp.csr_array(tuple(_frozen(part) for part in parts), shape=csr.shape)
    frozen.has_sorted_indices = frozen.has_canonical_format = True
    return frozen
