"""``argmin ‖y − A_T u‖`` on a support T that changes from step to step: by a factor where columns are at hand, by
conjugate gradients where A is known by its products alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.operators import Operator
from sparsela._ext import cholesky

MIN_PIVOT = 1e-10  # squared pivots below this share of the largest are noise
LARGEST_GRAM = 4096  # above it, the columns of a sparse A go through conjugate gradients
REFACTOR = 50  # updates after which a factor is made anew


class Fit(NamedTuple):
    """Coefficients on the support, the residual, and ``A* r`` of all columns where it fell out on the way."""

    u: np.ndarray
    r: np.ndarray
    correlations: np.ndarray | None = None


def on_support(A: Operator, y: np.ndarray, k: int, target: float, *, inner_iter: int = 2):
    """The solver that suits A, for supports of about k columns: an object with ``fit(T, start, exact)``."""
    is_sparse = sp.issparse(A.wrapped)
    if A.explicit and is_sparse and k <= LARGEST_GRAM:
        return GramFit(A, y)
    if A.explicit and not is_sparse:
        return FactorFit(A, y)
    return ConjugateFit(A, y, target, inner_iter)


class GramFit:
    """Columns gathered and their Gram matrix factored, each time anew."""

    exact = True

    def __init__(self, A: Operator, y: np.ndarray):
        self.A, self.y = A, y

    def aim(self, y: np.ndarray) -> None:
        """Solve for another y from now on."""
        self.y = y

    def fit(self, T: np.ndarray, start: np.ndarray | None = None, exact: bool = True) -> Fit:
        """The least squares solution on T; `start` and `exact` are for those that iterate."""
        C = self.A.columns(T)
        G = C.conj().T @ C
        return by_factor(C, G.toarray() if sp.issparse(G) else G, self.y)


class FactorFit:
    """A Cholesky factor of the Gram matrix that follows the support: columns leave and enter, O(m k) each.

    Columns lie in the rows of a buffer; `slots` gives the row of the i-th column of the factor. Complex columns, and
    supports that change by more than an eighth, are factored anew.
    """

    exact = True

    def __init__(self, A: Operator, y: np.ndarray):
        self.A, self.y = A, y
        self.updates = A.dtype.kind == "f" and y.dtype.kind == "f"
        self.T = np.empty(0, np.intp)  # in the order of the factor
        self.slots = np.empty(0, np.intp)
        self.C = np.empty((0, A.shape[0]), A.dtype)
        self.L = np.empty((0, 0), A.dtype)
        self.n_updates = 0

    def aim(self, y: np.ndarray) -> None:
        """Solve for another y from now on; the factor stays."""
        self.y = y

    def fit(self, T: np.ndarray, start: np.ndarray | None = None, exact: bool = True) -> Fit:
        """The least squares solution on T, in T's order; `start` and `exact` are for those that iterate."""
        if not self._follow(T):
            C = self.A.columns(T)
            return by_factor(C, C.conj().T @ C, self.y)
        order, k = np.argsort(self.T), len(T)
        C = self.C[: self.slots.max(initial=-1) + 1]
        r, u = self.y, np.zeros(len(C), self.C.dtype)
        for _ in range(2):  # the second is one step of refinement
            b = (C @ r)[self.slots]
            cholesky.solve(self.L, k, b)
            u[self.slots] += b
            r = self.y - u @ C
        return Fit(u[self.slots[order]], r)

    def _follow(self, T: np.ndarray) -> bool:
        """Bring the factor to T; False where it must not be trusted."""
        if not self.updates:
            return False
        leaving = np.flatnonzero(~np.isin(self.T, T))
        entering = T[~np.isin(T, self.T)]
        if len(leaving) + len(entering) > max(2, len(T) // 8) or self.n_updates > REFACTOR:
            return self._start(T)
        self._reserve(len(T) + 1)
        for p in leaving[::-1]:
            cholesky.delete(self.L, len(self.T), int(p))
            self.T, self.slots = np.delete(self.T, p), np.delete(self.slots, p)
        for j in entering:
            if not self._append(j):
                self.T = self.T[:0]
                self.slots = self.slots[:0]
                return False
        self.n_updates += len(leaving) + len(entering)
        return True

    def _append(self, j: int) -> bool:
        k = len(self.T)
        slot = np.setdiff1d(np.arange(k + 1), self.slots)[0]
        a = self.A.column(j)
        square = float(a @ a)
        g = (self.C[: self.slots.max() + 1] @ a)[self.slots] if k else np.zeros(1, self.C.dtype)
        self.C[slot] = a
        pivot = cholesky.append(self.L, k, g, square, _least_pivot(self.L.dtype) * square)
        self.T, self.slots = np.append(self.T, j), np.append(self.slots, slot)
        return pivot > 0

    def _start(self, T: np.ndarray) -> bool:
        k = len(T)
        self._reserve(k + 1)
        self.T, self.slots, self.n_updates = T.copy(), np.arange(k), 0
        self.C[:k] = self.A.columns(T).T
        G = self.C[:k] @ self.C[:k].T
        try:
            L = np.linalg.cholesky(G)
        except np.linalg.LinAlgError:
            L = None
        if L is None or not trusted(L, G):
            self.T, self.slots = self.T[:0], self.slots[:0]
            return False
        self.L[:k, :k] = L
        return True

    def _reserve(self, k: int) -> None:
        if k <= len(self.L):
            return
        size = min(max(2 * len(self.L), k, 16), max(k, self.A.shape[1]))
        C = np.empty((size, self.A.shape[0]), self.C.dtype)
        C[: len(self.C)] = self.C
        L = np.zeros((size, size), self.L.dtype)
        L[: len(self.L), : len(self.L)] = self.L
        self.C, self.L = C, L


class ConjugateFit:
    """Conjugate gradients on the normal equations (CGLS), warm started: two products a step.

    Inexact on purpose while the support still moves: `inner_iter` steps; exact, until the gradient on the support is a
    tenth of what the target asks for.
    """

    exact = False

    def __init__(self, A: Operator, y: np.ndarray, target: float, inner_iter: int):
        self.A, self.y, self.target, self.inner_iter = A, y, target, inner_iter
        self.scratch = np.zeros(A.shape[1], y.dtype)
        self.start_correlations: np.ndarray | None = None

    def aim(self, y: np.ndarray) -> None:
        """Solve for another y, of the same norm, from now on."""
        self.y, self.start_correlations = y, None

    def fit(self, T: np.ndarray, start: np.ndarray | None = None, exact: bool = True) -> Fit:
        """An approximate solution on T, from `start`."""
        u = np.zeros(len(T), self.y.dtype) if start is None else start.astype(self.y.dtype)
        r = self.y - self._apply(T, u) if u.any() else self.y.copy()
        s = self.A.rmatvec(r)[T]
        p, square = s.copy(), np.vdot(s, s).real
        floor = self._floor(T) if exact else 0.0
        g = None
        for step in range(10 * len(T) + 50 if exact else self.inner_iter):
            if square == 0 or (exact and np.sqrt(square) <= floor):
                break
            q = self._apply(T, p)
            length = square / np.vdot(q, q).real
            u += length * p
            r -= length * q
            g = None
            if not exact and step == self.inner_iter - 1:
                break
            if exact and np.linalg.norm(r) <= self.target:
                break
            g = self.A.rmatvec(r)
            s = g[T]
            previous, square = square, np.vdot(s, s).real
            p *= square / previous
            p += s
        return Fit(u, r, g)

    def _apply(self, T: np.ndarray, u: np.ndarray) -> np.ndarray:
        self.scratch[T] = u
        product = self.A.matvec(self.scratch)
        self.scratch[T] = 0
        return product

    def _floor(self, T: np.ndarray) -> float:
        if self.start_correlations is None:
            self.start_correlations = self.A.rmatvec(self.y)
        relative = 0.1 * self.target / np.linalg.norm(self.y)
        relative = max(relative, 8 * np.finfo(self.y.dtype).eps)
        return relative * float(np.linalg.norm(self.start_correlations[T]))


def by_factor(C, G: np.ndarray, y: np.ndarray) -> Fit:
    """Least squares through the Gram matrix, refined once; by pivoted QR where columns are dependent."""
    try:
        factor = scipy.linalg.cho_factor(G, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        factor = None
    if factor is None or not trusted(np.tril(factor[0]), G):
        return by_pivoted_qr(C, y)
    r, u = y, np.zeros(G.shape[0], np.result_type(G, y))
    for _ in range(2):
        u = u + scipy.linalg.cho_solve(factor, C.conj().T @ r, check_finite=False)
        r = y - C @ u
    return Fit(u, r)


def by_pivoted_qr(C, y: np.ndarray) -> Fit:
    """Columns that depend on others, to 1e-12, get the coefficient 0. More columns than rows: the least norm."""
    C = C.toarray() if sp.issparse(C) else np.asarray(C)
    if C.shape[1] > C.shape[0]:
        u = scipy.linalg.lstsq(C, y, cond=1e-12, lapack_driver="gelsy", check_finite=False)[0]
        return Fit(u, y - C @ u)
    Q, R, pivots = scipy.linalg.qr(C, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diagonal(R))
    eps = np.finfo(C.dtype).eps
    rank = int(np.count_nonzero(sizes > max(1e-12, 8 * eps) * sizes.max(initial=0)))
    u = np.zeros(C.shape[1], np.result_type(C, y))
    u[pivots[:rank]] = scipy.linalg.solve_triangular(R[:rank, :rank], Q[:, :rank].conj().T @ y, check_finite=False)
    return Fit(u, y - C @ u)


def trusted(L: np.ndarray, G: np.ndarray) -> bool:
    """Whether no pivot of the factor is noise."""
    if not len(L):
        return True
    return bool(np.diagonal(L).real.min() ** 2 > _least_pivot(G.dtype) * np.diagonal(G).real.max())


def _least_pivot(dtype: np.dtype) -> float:
    return MIN_PIVOT if np.finfo(dtype).eps < 1e-10 else 1e-4
