"""Regression's design as a measurement: centred by an orthogonal map that drops one row, columns of unit norm.

With rows scaled by the roots of their weights and d the unit vector of those roots, the Householder reflection that
takes d to the first axis makes the first row the only one that the intercept touches. The other m − 1 rows are
``S X − z tᵀ`` with one vector z and one t: for a sparse X a rank-one correction that is never written out. Their Gram
matrix is that of the centred X, and their rows are independent where the centred X has full rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from sparsela._core.operators import Operator


@dataclass
class Design:
    """A of unit columns, those of X that vary (`kept`), their norms, and what brings coefficients back."""

    A: np.ndarray | Operator
    kept: np.ndarray
    norms: np.ndarray
    x_mean: np.ndarray
    v: np.ndarray | None
    roots: np.ndarray

    def measure(self, y: np.ndarray) -> np.ndarray:
        """Targets (n_samples,) or (n_samples, t) as measurements."""
        y = (self.roots * y.T).T
        if self.v is None:
            return y
        return y[1:] - np.multiply.outer(self.v[1:], 2 * (self.v @ y))

    def coefficients(self, x: np.ndarray) -> np.ndarray:
        """Coefficients of all features, (n_features,) or (n_features, t), from the unknowns of A."""
        coef = np.zeros((self.x_mean.size, *x.shape[1:]), x.dtype)
        coef[self.kept] = (x.T / self.norms).T
        return coef


def design(X, fit_intercept: bool, sample_weight: np.ndarray | None = None) -> Design:
    """X, dense or sparse, as a measurement. A dense X is copied once, a sparse one is not made dense."""
    m, n = X.shape
    roots = np.ones(m, X.dtype) if sample_weight is None else np.sqrt(sample_weight).astype(X.dtype)
    weights = roots**2 / np.sum(roots**2)
    v = None
    x_mean = np.zeros(n, X.dtype)
    S = _scaled_rows(X, roots)
    if fit_intercept:
        x_mean = np.asarray(X.T @ weights).ravel().astype(X.dtype)
        v = roots / np.linalg.norm(roots)
        v[0] += 1
        v /= np.linalg.norm(v)
        t, z = np.asarray(S.T @ (2 * v)).ravel(), v[1:]
        S = S[1:]
        if sp.issparse(S):
            A = Shifted(S, z, t)
            norms, sizes = A.column_norms(), np.sqrt(np.asarray(S.multiply(S).sum(axis=0)).ravel())
        else:
            A = np.multiply.outer(z, t)
            np.subtract(S, A, out=A)
            sizes = norms = np.sqrt(np.einsum("ij,ij->j", A, A, dtype=np.float64))
    else:
        A = S
        norms = np.sqrt(
            np.asarray(S.multiply(S).sum(axis=0)).ravel() if sp.issparse(S) else np.einsum("ij,ij->j", S, S)
        )
        sizes = norms
    varies = norms > 10 * m * np.finfo(X.dtype).eps * np.maximum(sizes, np.abs(x_mean) * np.sqrt(m))
    kept = np.flatnonzero(varies)
    norms = norms[kept].astype(X.dtype)
    if isinstance(A, Shifted):
        A = Shifted(sp.csr_array(A.S[:, kept].multiply(1 / norms)), A.z, A.t[kept] / norms)
    elif sp.issparse(A):
        A = sp.csr_array(A[:, kept].multiply(1 / norms))
    else:
        A = A if kept.size == n else A[:, kept]
        A = np.divide(A, norms, out=None if A is X else A)
    return Design(A, kept, norms, x_mean, v, roots)


def _scaled_rows(X, roots: np.ndarray):
    if np.all(roots == 1):
        return sp.csr_array(X) if sp.issparse(X) else X
    return sp.csr_array(sp.csr_array(X).multiply(roots[:, None])) if sp.issparse(X) else X * roots[:, None]


class Shifted(Operator):
    """``S − z tᵀ``, S sparse."""

    explicit = True

    def __init__(self, S: sp.csr_array, z: np.ndarray, t: np.ndarray):
        super().__init__(self, S.shape, S.dtype)
        self.S, self.z, self.t = S, z.astype(S.dtype), t.astype(S.dtype)
        self._columns = None

    def _apply(self, x):
        return self.S @ x - np.multiply.outer(self.z, self.t @ x)

    def _apply_adjoint(self, r):
        return self.S.T @ r - np.multiply.outer(self.t, self.z @ r)

    def columns(self, support):
        support = np.asarray(support, np.intp)
        if self._columns is None:
            self._columns = self.S.tocsc()
        return self._columns[:, support].toarray() - np.multiply.outer(self.z, self.t[support])

    def column(self, j):
        return self.columns(np.array([j]))[:, 0]

    def apply_support(self, support, u):
        return self.columns(support) @ u

    def gram(self, support):
        C = self.columns(support)
        return C.T @ C

    def row_products(self):
        St = np.multiply.outer(self.S @ self.t, self.z)
        return (self.S @ self.S.T).toarray() - St - St.T + float(self.t @ self.t) * np.multiply.outer(self.z, self.z)

    def column_norms(self):
        squares = np.asarray(self.S.multiply(self.S).sum(axis=0)).ravel()
        squares = squares - 2 * self.t * (self.S.T @ self.z) + self.t**2 * float(self.z @ self.z)
        return np.sqrt(np.maximum(squares, 0))
