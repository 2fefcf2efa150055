"""An operator that is a product of sparse factors: what it is, how it multiplies, and what may be asked of it."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from sparsela._core.validation import check_count, check_dtype, check_indices, check_positive
from sparsela.transforms import _collapse, _norms, _prune, _store
from sparsela.transforms._chain import Plan
from sparsela.transforms._factors import Diagonal
from sparsela.transforms._matrices import Factor, as_factor


class FactorizedOperator(LinearOperator):
    """A matrix held as a product of sparse factors, ``A = scale · S_1 S_2 … S_J``, and multiplied factor by factor.

    Parameters
    ----------
    factors : sequence of {ndarray, sparse array, KroneckerSparse, Permutation, Diagonal, FactorizedOperator}
        S_1 first, as written on paper; S_j has as many columns as S_{j+1} has rows. A sparse array is kept as CSR with
        sorted indices and no stored zeros, a FactorizedOperator gives its own factors and scale. All are cast to one
        dtype.
    scale : scalar, default=1.0
        Not zero.
    copy : bool, default=True
        False keeps ndarrays, and the arrays of a CSR array that is sorted already, without a copy: then do not write
        to them.

    Attributes
    ----------
    shape : (int, int)
    dtype : dtype
        float32, float64, complex64 or complex128: the common one of the factors and of the scale.
    factors : tuple
        ndarray, csr_array, KroneckerSparse, Permutation or Diagonal, read-only.
    scale : float or complex
    n_factors : int
    nnz : int
        Stored numbers of all factors; of an ndarray the non-zeros, of a Permutation none.
    density : float
        ``nnz / (m n)``.
    rcg : float
        ``m n / max(nnz, 1)``, the relative complexity gain: how many times fewer multiplications than a dense product.
    nbytes : int
        Bytes of the arrays of the factors.
    T, H : FactorizedOperator
        The transpose and the conjugate transpose. No data are copied.

    Raises
    ------
    TypeError
        If a factor is none of these kinds, or has no numbers.
    ValueError
        If there is no factor, two neighbours do not fit, a factor is not two-dimensional or not finite, or the scale
        is zero or not finite.

    See Also
    --------
    KroneckerSparse, Permutation, Diagonal : Factors without index arrays.
    hierarchical_factorization : Find the factors of a matrix.

    Notes
    -----
    A product with B columns costs ``2 nnz B`` operations instead of ``2 m n B``. It runs right to left on panels of
    columns that stay in cache; neighbours of dyadic Kronecker structure are applied several at a time. Operands are
    taken in the precision of the operator: the product of a float32 operator is float32. A real operator takes complex
    operands. ``A @ B`` of two factorized operators joins their factors, ``2 * A`` changes the scale; sums are those of
    ``scipy.sparse.linalg.LinearOperator``. ``A[rows, columns]`` acts on the outer factors and drops what then feeds
    nothing.

    References
    ----------
    L. Le Magoarou, R. Gribonval. Flexible multilayer sparse approximations of matrices and applications. IEEE Journal
    of Selected Topics in Signal Processing, 2016. arXiv 1506.07300.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sparsela.transforms import Diagonal, FactorizedOperator
    >>> A = FactorizedOperator([csr_array([[1.0, 1.0], [1.0, -1.0]]), Diagonal([1.0, 3.0])], scale=2.0)
    >>> A @ np.array([1.0, 1.0])
    array([ 8., -4.])
    >>> A.T.toarray()
    array([[ 2.,  2.],
           [ 6., -6.]])
    >>> A
    FactorizedOperator(shape=(2, 2), float64, n_factors=2, nnz=6, rcg=0.667, scale=2)
      csr_array(2, 2), 4 stored
      Diagonal(n=2, float64)
    """

    def __init__(self, factors, *, scale=1.0, copy=True):
        scale = check_scale(scale)
        one = isinstance(factors, (LinearOperator, Factor, np.ndarray, str)) or sp.issparse(factors)
        if one or not isinstance(factors, Iterable):
            raise TypeError(f"factors must be a sequence of factors, got {type(factors).__name__}")
        parts: list[Factor] = []
        for j, given in enumerate(factors):
            if isinstance(given, FactorizedOperator):
                parts.extend(given._parts)
                scale *= given.scale
            else:
                parts.append(as_factor(given, f"factors[{j}]", copy=copy))
        if not parts:
            raise ValueError("factors must have at least one factor, got none")
        for j, (left, right) in enumerate(zip(parts, parts[1:], strict=False)):
            if left.shape[1] != right.shape[0]:
                raise ValueError(
                    f"factors {j} and {j + 1} must fit: factor {j} has shape {left.shape}, "
                    f"factor {j + 1} has shape {right.shape}"
                )
        numeric = [part.dtype for part in parts if part.kind != "permutation"] or [np.dtype(np.float64)]
        dtype = check_dtype(np.result_type(*numeric, scale), "factors")
        self._fill(tuple(part.astype(dtype) for part in parts), check_scale(scale), False)

    def _fill(self, parts: tuple[Factor, ...], scale: Any, conjugated: bool) -> FactorizedOperator:
        super().__init__(parts[0].dtype, (parts[0].shape[0], parts[-1].shape[1]))
        self._stored, self._scale, self._conjugated = parts, scale, conjugated
        self._lazy: dict[str, Any] = {}  # the plan of products and the adjoint, made when they are first needed
        return self

    @classmethod
    def _make(cls, parts, scale, conjugated: bool = False) -> FactorizedOperator:
        """An operator over checked factors of one dtype."""
        return cls.__new__(cls)._fill(tuple(parts), scale, conjugated)

    @property
    def _parts(self) -> tuple[Factor, ...]:
        return tuple(part.conj() for part in self._stored) if self._conjugated else self._stored

    # What it is made of.

    @property
    def factors(self) -> tuple:
        return tuple(part.unwrap() for part in self._parts)

    @property
    def scale(self):
        return self._scale

    @property
    def n_factors(self) -> int:
        return len(self._stored)

    @property
    def nnz(self) -> int:
        return sum(part.nnz for part in self._stored)

    @property
    def density(self) -> float:
        return self.nnz / max(1, self.shape[0] * self.shape[1])

    @property
    def rcg(self) -> float:
        return self.shape[0] * self.shape[1] / max(1, self.nnz)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self._stored)

    def __repr__(self) -> str:
        head = f"shape={self.shape}, {self.dtype}, n_factors={self.n_factors}, nnz={self.nnz}, rcg={self.rcg:.3g}"
        lines = [f"FactorizedOperator({head}, scale={self.scale:.6g})", *map(repr, self._stored)]
        return "\n  ".join(lines)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a FactorizedOperator is not an array: call its toarray() for the dense matrix")

    def factors_as(self, format: str) -> tuple:
        """The factors in one format.

        Parameters
        ----------
        format : {"csr", "dense"}

        Returns
        -------
        tuple of csr_array or ndarray
        """
        if format not in ("csr", "dense"):
            raise ValueError(f"format must be 'csr' or 'dense', got {format!r}")
        return tuple(part.tocsr() if format == "csr" else part.toarray() for part in self._parts)

    # Products.

    def _matmat(self, X):
        X = np.asarray(X)
        if "plan" not in self._lazy:
            self._lazy["plan"] = Plan(self._stored)
        if self._conjugated:
            return self._lazy["plan"].multiply(np.conj(self.scale), X.conj()).conj()
        return self._lazy["plan"].multiply(self.scale, X)

    def _matvec(self, x):
        return self._matmat(np.asarray(x).reshape(-1, 1))

    def _rmatmat(self, X):
        return self.H._matmat(X)

    def _rmatvec(self, x):
        return self.H._matvec(x)

    def _transpose(self):
        return self._make((part.T for part in reversed(self._stored)), self.scale, self._conjugated)

    def _adjoint(self):
        if "adjoint" not in self._lazy:
            self._lazy["adjoint"] = self._transpose().conj()
        return self._lazy["adjoint"]

    def conj(self) -> FactorizedOperator:
        """The complex conjugate; no data are copied."""
        if self.dtype.kind != "c":
            return self
        return self._make(self._stored, np.conj(self.scale), not self._conjugated)

    def dot(self, x):
        """``A @ x``: with a vector, a matrix (dense or sparse; dense result) or another operator.

        Parameters
        ----------
        x : {array_like, sparse array, LinearOperator, scalar}

        Returns
        -------
        ndarray or LinearOperator
        """
        if isinstance(x, FactorizedOperator):
            return FactorizedOperator([self, x], copy=False)
        if _is_scalar(x) and x != 0:
            return FactorizedOperator([self], scale=x, copy=False)
        return super().dot(_dense(x))

    def __rmul__(self, x):
        return self.dot(x) if _is_scalar(x) else super().__rmul__(x)

    def __rmatmul__(self, x):
        return super().__rmatmul__(_dense(x))

    def left(self, i: int) -> FactorizedOperator:
        """The first i factors, ``S_1 … S_i``, without the scale."""
        return self._make(self._stored[: self._cut(i)], 1.0, self._conjugated)

    def right(self, i: int) -> FactorizedOperator:
        """The factors after the first i, ``S_{i+1} … S_J``, without the scale."""
        return self._make(self._stored[self._cut(i) :], 1.0, self._conjugated)

    def _cut(self, i: int) -> int:
        if not isinstance(i, numbers.Integral) or not 0 <= i <= self.n_factors:
            raise ValueError(f"i must be an int from 0 to {self.n_factors}, got {i!r}")
        return int(i)

    # The same matrix in other clothes.

    def astype(self, dtype) -> FactorizedOperator:
        """The operator in another precision.

        Parameters
        ----------
        dtype : dtype
            float32, float64, complex64 or complex128; a complex operator does not become real.

        Returns
        -------
        FactorizedOperator
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "fc" or dtype.itemsize // (2 if dtype.kind == "c" else 1) not in (4, 8):
            raise TypeError(f"dtype must be float32, float64, complex64 or complex128, got {dtype}")
        if self.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError(f"a complex operator cannot become {dtype}: its imaginary part would be lost")
        return self._make((part.astype(dtype) for part in self._stored), self.scale, self._conjugated)

    def copy(self) -> FactorizedOperator:
        """An operator with arrays of its own."""
        return FactorizedOperator._make([part.copy() for part in self._parts], self.scale)

    def toarray(self, out=None) -> np.ndarray:
        """The dense matrix, multiplied in the cheapest order.

        Parameters
        ----------
        out : ndarray of shape (m, n), optional
            Where to put it; of the dtype of the operator.

        Returns
        -------
        ndarray of shape (m, n)
        """
        if out is not None and not (isinstance(out, np.ndarray) and (out.shape, out.dtype) == (self.shape, self.dtype)):
            raise ValueError(f"out must be an ndarray of shape {self.shape} and dtype {self.dtype}")
        product = _collapse.product(self._parts)
        dense = product.toarray() if sp.issparse(product) else product
        if out is None:
            out = dense if dense.flags.owndata and dense.flags.writeable else dense.copy()
            out *= self.dtype.type(self.scale)
            return out
        return np.multiply(dense, self.dtype.type(self.scale), out=out)

    def __getitem__(self, key):
        """``A[rows, columns]``: an operator, one row or column as an ndarray, or one entry.

        Rows and columns are selected independently (an outer product of the two selections) by an int, a slice, ints
        or a boolean mask.
        """
        if not isinstance(key, tuple):
            key = (key, slice(None))
        if len(key) != 2:
            raise IndexError(f"an operator has 2 dimensions, got {len(key)} indices")
        m, n = self.shape
        rows, columns = _prune.positions(key[0], m, "rows"), _prune.positions(key[1], n, "columns")
        if np.ndim(columns) == 0:
            return self._column(int(columns))[rows]
        if np.ndim(rows) == 0:
            return self.T._column(int(rows))[columns]
        return self._make(_prune.prune(_prune.take(self._parts, rows, columns), 0.0), self.scale)

    def _column(self, j: int) -> np.ndarray:
        unit = np.zeros(self.shape[1], self.dtype)
        unit[j] = 1
        return self.matvec(unit)

    def prune(self, tol: float = 0.0) -> FactorizedOperator:
        """Drop small entries, and the rows and columns between factors that then feed nothing.

        Parameters
        ----------
        tol : float, default=0.0
            Entries of this modulus or less are dropped. At 0, factors without dead rows or columns stay what they are.

        Returns
        -------
        FactorizedOperator
            With smaller factors; at ``tol=0`` the same matrix.
        """
        return self._make(_prune.prune(self._parts, check_positive(tol, "tol", allow_zero=True)), self.scale)

    def optimize(self, batch: int = 1) -> FactorizedOperator:
        """Merge neighbours, or change formats, where a product with `batch` columns is then faster on this machine.

        Parameters
        ----------
        batch : int, default=1
            Columns of the operands to come.

        Returns
        -------
        FactorizedOperator
            The same matrix up to rounding. What is chosen depends on times measured now.
        """
        return self._make(_prune.optimize(self._parts, check_count(batch, "batch")), self.scale)

    # Norms.

    def norm(self, ord="fro", *, tol=1e-6, max_iter=200, random_state=None) -> float:
        """The Frobenius norm, exactly, or the spectral norm, by power iteration.

        Parameters
        ----------
        ord : {"fro", 2}, default="fro"
            Which norm.
        tol : float, default=1e-6
            Power iteration ends when the norm changes by less than this fraction of itself.
        max_iter : int, default=200
            Most steps of power iteration.
        random_state : None, int, RandomState or Generator
            Of the vector to start from.

        Returns
        -------
        float
            For ``ord=2`` a lower bound that is attained in the limit.
        """
        if ord == "fro":
            return float(np.linalg.norm(self.column_norms()))
        if ord != 2:
            raise ValueError(f"ord must be 'fro' or 2, got {ord!r}")
        max_iter, tol = check_count(max_iter, "max_iter"), check_positive(tol, "tol", allow_zero=True)
        return _norms.spectral_norm(self, tol, max_iter, random_state)

    def column_norms(self) -> np.ndarray:
        """The ℓ2 norms of the columns, (n,), from blocks of 256 columns."""
        return _norms.column_norms(self)

    def normalize_columns(self) -> FactorizedOperator:
        """With one Diagonal more, so that columns have unit norm. Zero columns stay zero, and a warning says so."""
        norms = self.column_norms()
        zero = np.flatnonzero(norms == 0)
        if zero.size:
            warnings.warn(f"{zero.size} columns are zero and stay so, the first is column {zero[0]}", stacklevel=2)
            norms[zero] = 1
        return FactorizedOperator([self, Diagonal((1 / norms).astype(self.dtype))], copy=False)

    # Files.

    def save(self, path) -> None:
        """Write it to a file: one ``.npz`` that needs no pickle.

        Parameters
        ----------
        path : path-like
            ``.npz`` is appended where it is missing.
        """
        np.savez(path, **_store.to_arrays(self._parts, self.scale, self.dtype))

    @classmethod
    def load(cls, path) -> FactorizedOperator:
        """Read what :meth:`save` wrote, bit for bit.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        FactorizedOperator

        Raises
        ------
        ValueError
            If the file is no stored operator, is of a newer format, or holds arrays that do not fit.
        """
        return cls._restore(_store.read(path))

    @classmethod
    def _restore(cls, arrays: dict[str, np.ndarray]) -> FactorizedOperator:
        parts, scale, dtype = _store.from_arrays(arrays)
        operator = cls(parts, scale=scale, copy=False)
        if operator.dtype.kind == "c" and dtype.kind != "c":
            raise ValueError(f"dtype must be that of the factors, {operator.dtype}, the file has {dtype}")
        return operator.astype(dtype)

    def __reduce__(self):
        return type(self)._restore, (_store.to_arrays(self._parts, self.scale, self.dtype),)


def check_scale(scale, name: str = "scale"):
    """A finite non-zero number, as a Python float or complex."""
    if not _is_scalar(scale):
        raise TypeError(f"{name} must be a number, got {type(scale).__name__}")
    if not np.isfinite(scale) or scale == 0:
        raise ValueError(f"{name} must be finite and not zero, got {scale!r}")
    return complex(scale) if np.iscomplexobj(scale) else float(scale)


def _dense(x):
    """A sparse operand, a matrix or a vector, as an ndarray; anything else as it is."""
    if not sp.issparse(x):
        return x
    check_indices(x if x.ndim == 2 else x.reshape(1, -1), "x")
    return x.toarray()


def _is_scalar(x) -> bool:
    return isinstance(x, (numbers.Number, np.number)) and not isinstance(x, (bool, np.bool_))
