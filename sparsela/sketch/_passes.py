"""One pass over a tall matrix C that gives both products a step of LSQR needs: ``U ← C Y − U diag(c)`` and ``C* U``."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela._core.operators import DenseOperator, Operator, SparseOperator
from sparsela._ext import lsqr as kernel
from sparsela.sketch._inputs import csr_parts, threads

PARTS = 16  # runs of rows that are summed apart, whatever the number of threads


class Pass:
    """C = [A; diag(ridge)], or with `adjoint` [A*; diag(ridge)]: tall, and read once where its entries are at hand.

    Attributes
    ----------
    shape : (p, q)
        Of C, the rows of the ridge included.
    n_rows : int
        Rows without the ridge.
    """

    def __init__(self, A: Operator, *, adjoint: bool = False, ridge: np.ndarray | None = None):
        self.n_rows, q = A.shape[::-1] if adjoint else A.shape
        self.dtype, self.ridge = A.dtype, ridge
        self.shape = (self.n_rows + (0 if ridge is None else q), q)
        self._A, self._adjoint, self._dense, self._csr = A, adjoint, None, None
        self.explicit = isinstance(A, (DenseOperator, SparseOperator))
        if not self.explicit or A.dtype.kind == "c":
            return
        if isinstance(A, SparseOperator):
            self._csr = csr_parts(self.matrix())
        else:
            self._dense = _read_in_place(self.matrix())

    def matrix(self) -> np.ndarray | sp.csr_array:
        """C without its ridge, where the entries are at hand."""
        A = self._A
        if isinstance(A, SparseOperator):
            return (A.csc.T.conj() if self.dtype.kind == "c" else A.csc.T) if self._adjoint else A.csr
        assert isinstance(A, DenseOperator)
        A = A.entries
        return (A.T.conj() if self.dtype.kind == "c" else A.T) if self._adjoint else A

    def __call__(self, Y: np.ndarray, c: np.ndarray, U: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U (p, t) becomes C Y − U diag(c); returns C* U, (q, t), and the norms of the columns of U."""
        top = U[: self.n_rows]
        W, squares = self._top(np.ascontiguousarray(Y), np.ascontiguousarray(c, Y.dtype), top)
        if self.ridge is not None:
            end = U[self.n_rows :]
            end *= -c
            end += self.ridge[:, None] * Y
            W = W + self.ridge[:, None] * end
            squares = squares + _squares(end)
        return W, np.sqrt(squares).astype(np.finfo(self.dtype).dtype)

    def _top(self, Y, c, U):
        if self._dense is None and self._csr is None:
            U *= -c
            U += self.times(Y)
            return self._back(U), _squares(U)
        t = Y.shape[1]
        parts = PARTS if self._dense is not None else int(np.clip(len(self._csr[2]) // (4 * Y.size), 1, PARTS))
        W = np.empty((parts, *Y.shape), Y.dtype)
        squares = np.empty((parts, t))
        if self._dense is not None:
            kernel.dense_pass(self._dense, Y, c, U, W, squares, min(parts, threads(self._dense.size)))
        else:
            kernel.csr_pass(*self._csr, Y, c, U, W, squares, min(parts, threads(len(self._csr[2]) * t)))
        return W.sum(axis=0), squares.sum(axis=0)

    def times(self, Y: np.ndarray) -> np.ndarray:
        """C Y without the rows of the ridge."""
        return self._A.rmatmat(Y) if self._adjoint else self._A.matmat(Y)

    def _back(self, U):
        return self._A.matmat(U) if self._adjoint else self._A.rmatmat(U)


def _read_in_place(A: np.ndarray) -> np.ndarray:
    """A with rows or columns that are contiguous: itself where they are."""
    for one, other in ((0, 1), (1, 0)):
        inside = A.strides[one] == A.itemsize or A.shape[one] == 1
        if inside and A.strides[other] % A.itemsize == 0 and A.strides[other] >= A.itemsize * A.shape[one]:
            return A if A.flags.aligned else A.copy()
    return np.ascontiguousarray(A)


def _squares(U: np.ndarray) -> np.ndarray:
    parts = (U.real, U.imag) if np.iscomplexobj(U) else (U,)
    return sum(np.einsum("ij,ij->j", part, part, dtype=np.float64) for part in parts)
