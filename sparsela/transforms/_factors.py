"""Factors of known structure, without index arrays: Kronecker-sparse, permutation, diagonal."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela._core.validation import check_count
from sparsela.transforms._matrices import Factor, frozen, numbers


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
        values = numbers(values, "values")
        a, b, c, d = sizes
        if values.shape != (a, d, b, c):
            raise ValueError(f"values must have shape (a, d, b, c) = {(a, d, b, c)}, got {values.shape}")
        self._set(frozen(np.array(values, order="C")), sizes)

    def _set(self, values: np.ndarray, sizes: tuple[int, int, int, int]) -> KroneckerSparse:
        self.a, self.b, self.c, self.d = a, b, c, d = sizes
        self.values = values
        self.shape, self.dtype, self.nnz = (a * b * d, a * c * d), values.dtype, values.size
        return self

    @property
    def values_(self) -> np.ndarray:
        """The entries of the blocks, not copied."""
        return self.values

    @property
    def pattern(self) -> tuple[int, int, int, int]:
        """(a, b, c, d)."""
        return self.a, self.b, self.c, self.d

    def replace(self, values: np.ndarray) -> KroneckerSparse:
        return KroneckerSparse.__new__(type(self))._set(frozen(values), self.pattern)

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

    def __reduce__(self):
        return KroneckerSparse, (self.values, *self.pattern)

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
        self._set(frozen(index.astype(np.intp)), np.dtype(np.float64))

    def _set(self, index: np.ndarray, dtype: np.dtype) -> Permutation:
        self.index, self.dtype, self.shape = index, dtype, (index.size, index.size)
        return self

    def conj(self) -> Permutation:
        return self

    def copy(self) -> Permutation:
        return Permutation.__new__(Permutation)._set(frozen(self.index.copy()), self.dtype)

    def astype(self, dtype) -> Permutation:
        return Permutation.__new__(Permutation)._set(self.index, np.dtype(dtype))

    def apply(self, X: np.ndarray) -> np.ndarray:
        return X[self.index]

    @property
    def T(self) -> Permutation:
        inverse = np.empty_like(self.index)
        inverse[self.index] = np.arange(self.index.size)
        return Permutation.__new__(Permutation)._set(frozen(inverse), self.dtype)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"index": self.index}

    def tocsr(self) -> sp.csr_array:
        n = self.index.size
        return sp.csr_array((np.ones(n, self.dtype), self.index, np.arange(n + 1)), shape=self.shape)

    def __reduce__(self):
        return Permutation, (self.index,)

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
        diagonal = numbers(diagonal, "diagonal")
        if diagonal.ndim != 1 or not diagonal.size:
            raise ValueError(f"diagonal must be a non-empty vector, got shape {diagonal.shape}")
        self._set(frozen(np.array(diagonal, order="C")))

    def _set(self, diagonal: np.ndarray) -> Diagonal:
        self.diagonal, self.dtype, self.nnz = diagonal, diagonal.dtype, diagonal.size
        self.shape = (diagonal.size, diagonal.size)
        return self

    @property
    def values_(self) -> np.ndarray:
        """The diagonal, not copied."""
        return self.diagonal

    def replace(self, values: np.ndarray) -> Diagonal:
        return Diagonal.__new__(Diagonal)._set(frozen(values))

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

    def __reduce__(self):
        return Diagonal, (self.diagonal,)

    def __repr__(self) -> str:
        return f"Diagonal(n={self.diagonal.size}, {self.dtype})"
