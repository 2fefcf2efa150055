"""One protocol over dense arrays, sparse arrays and LinearOperators: what a method may ask of its matrix A.

``as_operator(A)`` gives an :class:`Operator`: ``matvec``, ``rmatvec``, ``matmat``, ``rmatmat``, ``column``,
``columns``, ``apply_support``, ``gram``, ``column_norms``, ``shape``, ``dtype``. A dense input is not copied, a sparse
one not made dense; what a LinearOperator cannot give (columns, norms) comes from applying it to unit vectors, a block
at a time. SciPy's solvers (``lsqr``, ``lsmr``) take an Operator as it is.

The adjoint is the conjugate transpose. Operands are taken in the precision of A, so that a product never converts A
itself; a real A takes complex operands (as pairs of real ones).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sparsela._core.validation import check_dtype, check_finite, check_indices

BLOCK_BYTES = 1 << 25  # what a block of columns may take


class Operator:
    """A matrix seen through its products. This class has what can be said through products alone; see `as_operator`.

    Attributes
    ----------
    shape : (int, int)
    dtype : dtype
        float32, float64, complex64 or complex128: that of every product with an operand of its kind.
    explicit : bool
        Whether the entries are at hand (dense or sparse), so that columns cost a gather and no product.
    wrapped : object
        What the user gave.
    """

    explicit = False

    @property
    def entries(self) -> np.ndarray | sp.csr_array:
        """The matrix itself, an ndarray or a csr_array that nobody may change; of explicit operators alone."""
        raise AttributeError(f"{type(self).__name__} is known by its products alone")

    def __init__(self, wrapped: Any, shape: tuple[int, int], dtype: np.dtype):
        self.wrapped = wrapped
        self.shape = shape
        self.dtype = dtype

    def _apply(self, x: np.ndarray) -> np.ndarray:
        """A x for x (n,) or (n, t) of A's dtype."""
        raise NotImplementedError

    def _apply_adjoint(self, r: np.ndarray) -> np.ndarray:
        """A* r for r (m,) or (m, t) of A's dtype."""
        raise NotImplementedError

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """``A x``: (n,) to (m,)."""
        return self._in_precision(self._apply, x)

    def rmatvec(self, r: np.ndarray) -> np.ndarray:
        """``A* r``: (m,) to (n,)."""
        return self._in_precision(self._apply_adjoint, r)

    def matmat(self, X: np.ndarray) -> np.ndarray:
        """``A X``: (n, t) to (m, t)."""
        return self.matvec(X)

    def rmatmat(self, R: np.ndarray) -> np.ndarray:
        """``A* R``: (m, t) to (n, t)."""
        return self.rmatvec(R)

    def column(self, j: int) -> np.ndarray:
        """Column j, (m,)."""
        unit = np.zeros(self.shape[1], self.dtype)
        unit[j] = 1
        return self.matvec(unit)

    def columns(self, support: np.ndarray) -> np.ndarray | sp.csc_array:
        """The columns of a support, (m, k): an ndarray, for a sparse A a csc_array."""
        support = np.asarray(support, np.intp)
        found = np.empty((self.shape[0], len(support)), self.dtype, order="F")
        for block in self._blocks(len(support)):
            units = np.zeros((self.shape[1], len(support[block])), self.dtype)
            units[support[block], np.arange(units.shape[1])] = 1
            found[:, block] = self.matmat(units)
        return found

    def apply_support(self, support: np.ndarray, u: np.ndarray) -> np.ndarray:
        """``A_T u``: the columns of a support times u, (k,) to (m,) or (k, t) to (m, t)."""
        x = np.zeros((self.shape[1], *u.shape[1:]), u.dtype)
        x[support] = u
        return self.matvec(x)

    def row_products(self) -> np.ndarray:
        """``A A*``, an ndarray (m, m); of explicit operators alone."""
        G = self.entries @ self.entries.conj().T
        return G.toarray() if sp.issparse(G) else G

    def gram(self, support: np.ndarray) -> np.ndarray:
        """``A_T* A_T``, an ndarray (k, k)."""
        support = np.asarray(support, np.intp)
        G = np.empty((len(support), len(support)), self.dtype)
        for block in self._blocks(len(support)):
            G[:, block] = self.rmatmat(self.columns(support[block]))[support]
        return G

    def column_norms(self) -> np.ndarray:
        """The ℓ2 norms of the columns, real, (n,): a zero column, and no other, has norm 0."""
        norms = np.empty(self.shape[1], _real(self.dtype))
        for block in self._blocks(self.shape[1]):
            norms[block] = _dense_norms(self.columns(np.arange(self.shape[1])[block]))
        return norms

    def _blocks(self, k: int) -> Iterator[slice]:
        """Slices of range(k) whose columns and unit vectors take BLOCK_BYTES at most."""
        size = max(1, BLOCK_BYTES // (sum(self.shape) * self.dtype.itemsize))
        return (slice(start, min(start + size, k)) for start in range(0, k, size))

    def _in_precision(self, apply: Callable, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        if not (np.iscomplexobj(x) and self.dtype.kind == "f"):
            return apply(x.astype(self.dtype, copy=False))
        # complex numbers as pairs of columns: one real product of twice the width, A is not converted
        x = np.ascontiguousarray(x, np.result_type(self.dtype, np.complex64))
        pairs = np.ascontiguousarray(apply(x.view(self.dtype).reshape(len(x), -1)))
        return pairs.view(x.dtype).reshape(-1, *x.shape[1:])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"


class DenseOperator(Operator):
    """An ndarray of any strides."""

    explicit = True

    def __init__(self, A: np.ndarray, name: str):
        array = np.asarray(A)
        super().__init__(A, array.shape, check_dtype(array.dtype, name))
        self._A = array.astype(self.dtype, copy=False)
        check_finite(self._A, name)

    @property
    def entries(self):
        return self._A

    def _apply(self, x):
        return self._A @ x

    def _apply_adjoint(self, r):
        if self.dtype.kind == "f":
            return self._A.T @ r
        return (r.conj().T @ self._A).conj().T  # conjugates r, not A

    def column(self, j):
        return self._A[:, j].copy()

    def columns(self, support):
        if self._A.strides[0] < self._A.strides[1]:  # columns are contiguous, or nearly
            return np.take(self._A.T, support, axis=0).T
        return np.take(self._A, support, axis=1)

    def apply_support(self, support, u):
        if 4 * len(support) > self.shape[1]:  # a gather costs more than the zeros
            return super().apply_support(support, u)
        return self._in_precision(self.columns(support).__matmul__, u)

    def gram(self, support):
        columns = self.columns(support)
        return columns.conj().T @ columns

    def column_norms(self):
        return _dense_norms(self._A)


class SparseOperator(Operator):
    """A scipy.sparse array or matrix: CSR for the products, CSC for the columns, each made once, when first needed."""

    explicit = True

    def __init__(self, A: sp.sparray | sp.spmatrix, name: str):
        super().__init__(A, A.shape, check_dtype(A.dtype, name))
        check_indices(A, name)
        # the arrays are shared where the format is the same
        kept = sp.csc_array(A) if A.format == "csc" else sp.csr_array(A)
        kept = kept.astype(self.dtype, copy=False)
        if not kept.has_canonical_format:
            kept = kept.copy()
            kept.sum_duplicates()
        check_finite(kept.data, name)
        self._csr = kept if kept.format == "csr" else None
        self._csc = kept if kept.format == "csc" else None

    @property
    def csr(self) -> sp.csr_array:
        """A as CSR."""
        if self._csr is None:
            self._csr = self._csc.tocsr()
        return self._csr

    @property
    def csc(self) -> sp.csc_array:
        """A as CSC."""
        if self._csc is None:
            self._csc = self._csr.tocsc()
        return self._csc

    @property
    def entries(self):
        return self.csr

    def _apply(self, x):
        return self.csr @ x

    def _apply_adjoint(self, r):
        if self.dtype.kind == "f":
            return self.csr.T @ r
        return (self.csr.T @ r.conj()).conj()

    def column(self, j):
        found = np.zeros(self.shape[0], self.dtype)
        entries = slice(*self.csc.indptr[j : j + 2])
        found[self.csc.indices[entries]] = self.csc.data[entries]
        return found

    def columns(self, support):
        return self.csc[:, np.asarray(support, np.intp)]

    def apply_support(self, support, u):
        return self._in_precision(self.columns(support).__matmul__, u)

    def gram(self, support):
        columns = self.columns(support)
        return (columns.conj().T @ columns).toarray()

    def column_norms(self):
        kept = self._csr if self._csr is not None else self._csc.T
        values = np.abs(kept.data)
        where = (
            kept.indices if self._csr is not None else np.repeat(np.arange(self.shape[1]), np.diff(self._csc.indptr))
        )
        largest = np.zeros(self.shape[1], values.dtype)
        np.maximum.at(largest, where, values)
        scale = np.where(largest > 0, largest, 1)
        squares = np.bincount(where, (values / scale[where]).astype(np.float64) ** 2, self.shape[1])
        return (scale * np.sqrt(squares)).astype(values.dtype)


class ProductOperator(Operator):
    """A scipy LinearOperator, or what SciPy takes for one."""

    def __init__(self, A: LinearOperator, name: str):
        self._A = aslinearoperator(A)
        if not _has_adjoint(self._A):
            raise _no_adjoint(A, name)
        dtype = self._A.dtype
        if dtype is None:
            dtype = self._A.matvec(np.zeros(A.shape[1])).dtype
        self._name = name
        super().__init__(A, tuple(self._A.shape), check_dtype(np.dtype(dtype), name))

    def _apply(self, x):
        return np.asarray(self._A.matvec(x) if x.ndim == 1 else self._A.matmat(x)).astype(self.dtype, copy=False)

    def _apply_adjoint(self, r):
        try:
            result = self._A.rmatvec(r) if r.ndim == 1 else self._A.rmatmat(r)
        except NotImplementedError:
            raise _no_adjoint(self.wrapped, self._name) from None
        return np.asarray(result).astype(self.dtype, copy=False)

    def column_norms(self):
        known = getattr(self.wrapped, "column_norms", None)
        if known is None:
            return super().column_norms()
        return np.asarray(known() if callable(known) else known, _real(self.dtype))


class CountingOperator(Operator):
    """Any matrix or operator, with a count of its applications.

    A block of t columns counts t. Columns, norms and Gram matrices of a dense or sparse A are read and count nothing;
    those of a LinearOperator are made by applying it, and count.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        What is counted.

    Attributes
    ----------
    n_matvec : int
        Applications of A.
    n_rmatvec : int
        Applications of its adjoint.

    Raises
    ------
    TypeError
        If A is none of these, or a LinearOperator without an adjoint.
    ValueError
        If A has NaN or infinite entries or is empty.

    Examples
    --------
    >>> import numpy as np
    >>> A = CountingOperator(np.eye(3))
    >>> A.matvec(np.ones(3))
    array([1., 1., 1.])
    >>> A.rmatmat(np.ones((3, 5))).shape
    (3, 5)
    >>> A.n_matvec, A.n_rmatvec
    (1, 5)
    """

    def __init__(self, A: Any):
        self._inner = as_operator(A)
        self.explicit = self._inner.explicit
        self.n_matvec = 0
        self.n_rmatvec = 0
        super().__init__(self._inner.wrapped, self._inner.shape, self._inner.dtype)

    @property
    def entries(self):
        return self._inner.entries

    def row_products(self):
        return self._inner.row_products()

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """``A x``, counted."""
        x = _operand(x, "x", self.shape[1])
        self.n_matvec += _width(x)
        return self._inner.matvec(x)

    def rmatvec(self, r: np.ndarray) -> np.ndarray:
        """``A* r``, counted."""
        r = _operand(r, "r", self.shape[0])
        self.n_rmatvec += _width(r)
        return self._inner.rmatvec(r)

    def column(self, j: int) -> np.ndarray:
        return self._inner.column(j) if self.explicit else super().column(j)

    def columns(self, support: np.ndarray) -> np.ndarray | sp.csc_array:
        return self._inner.columns(support) if self.explicit else super().columns(support)

    def apply_support(self, support: np.ndarray, u: np.ndarray) -> np.ndarray:
        if not self.explicit:
            return super().apply_support(support, u)
        self.n_matvec += _width(u)
        return self._inner.apply_support(support, u)

    def gram(self, support: np.ndarray) -> np.ndarray:
        return self._inner.gram(support) if self.explicit else super().gram(support)

    def column_norms(self) -> np.ndarray:
        if self.explicit or hasattr(self.wrapped, "column_norms"):
            return self._inner.column_norms()
        return super().column_norms()


def as_operator(A: Any, name: str = "A", *, allow_complex: bool = True) -> Operator:
    """A as an :class:`Operator`.

    Parameters
    ----------
    A : {ndarray, sparse array or matrix, LinearOperator, Operator} of shape (n_measurements, n_features)
        An ndarray of any order and strides is used as it is (integers are converted to float64, once).
    name : str, default="A"
        The argument's name, for messages.
    allow_complex : bool, default=True
        Whether the method takes complex numbers.

    Returns
    -------
    Operator

    Raises
    ------
    TypeError
        If A is none of these, has no numbers, is complex where the method is not, or has no adjoint.
    ValueError
        If A is not two-dimensional, is empty, or has NaN or infinite entries.

    Examples
    --------
    >>> import numpy as np
    >>> A = as_operator(np.arange(6.0).reshape(2, 3))
    >>> A.rmatvec(np.array([1.0, -1.0]))
    array([-3., -3., -3.])
    >>> A.gram([0, 2])
    array([[ 9., 15.],
           [15., 29.]])
    """
    if isinstance(A, Operator):
        kind = None
    elif np.ma.isMaskedArray(A):
        raise TypeError(f"{name} must be a plain array, got a masked array")
    elif isinstance(A, np.ndarray):
        kind = DenseOperator
    elif sp.issparse(A):
        kind = SparseOperator
    elif isinstance(A, LinearOperator) or all(hasattr(A, part) for part in ("shape", "matvec", "rmatvec")):
        kind = ProductOperator
    else:
        raise TypeError(f"{name} must be an ndarray, a scipy.sparse array or a LinearOperator, got {type(A).__name__}")
    if len(A.shape) != 2:
        raise ValueError(f"{name} must have 2 dimensions, got shape {tuple(A.shape)}")
    if 0 in A.shape:
        raise ValueError(f"{name} must not be empty, got shape {tuple(A.shape)}")
    operator = A if kind is None else kind(A, name)
    check_dtype(operator.dtype, name, allow_complex=allow_complex)
    return operator


def _dense_norms(C: np.ndarray) -> np.ndarray:
    parts = (C.real, C.imag) if np.iscomplexobj(C) else (C,)
    squares = sum(np.einsum("ij,ij->j", part, part, dtype=np.float64) for part in parts)
    norms = np.sqrt(squares)
    for j in np.flatnonzero(~((squares > 1e-280) & (squares < 1e280))):  # squares that left the range of doubles
        sizes = np.abs(C[:, j]).astype(np.float64)
        scale = sizes.max()
        norms[j] = scale * np.linalg.norm(sizes / scale) if scale > 0 else 0
    return norms.astype(_real(C.dtype))


def _real(dtype: np.dtype) -> np.dtype:
    return np.finfo(dtype).dtype


def _operand(x: Any, name: str, size: int) -> np.ndarray:
    """What a user of the counter applies it to; solvers have looked at theirs."""
    if sp.issparse(x):
        raise TypeError(f"{name} must be a dense array, got {type(x).__name__}")
    x = np.asarray(x)
    check_dtype(x.dtype, name)
    if x.ndim not in (1, 2) or len(x) != size:
        raise ValueError(f"{name} must have shape ({size},) or ({size}, t), got {x.shape}")
    return x


def _width(x: np.ndarray) -> int:
    return 1 if np.ndim(x) == 1 else np.shape(x)[1]


def _has_adjoint(A: LinearOperator) -> bool:
    """False where it is known without applying A that it has no adjoint."""
    function = vars(A).get("_CustomLinearOperator__rmatvec_impl", ...)  # LinearOperator(shape, matvec) keeps None there
    overridden = any(
        getattr(type(A), f) is not getattr(LinearOperator, f) for f in ("_rmatvec", "_adjoint", "_rmatmat")
    )
    return overridden and function is not None


def _no_adjoint(A: Any, name: str) -> TypeError:
    return TypeError(f"{name} must have an adjoint: define rmatvec in the {type(A).__name__}")
