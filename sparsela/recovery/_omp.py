"""Orthogonal matching pursuit of one signal: the best aligned column at a step, least squares on those chosen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import CountingOperator, Operator
from sparsela._core.prox import top_k
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_positive, check_sparsity
from sparsela.recovery._problem import (
    Course,
    Outcome,
    applications,
    assemble,
    course,
    measured,
    residual_norm,
    solve_targets,
    with_unit_columns,
)

AHEAD = 16  # candidates whose products with A are taken in one pass over it
CACHED = 1 << 24  # bytes: an A that stays in the cache is passed over as often as there are steps
BATCH_GRAM = 1 << 28  # bytes that the Gram matrix of a batch of targets may take


@in_float_range
def omp(
    A: Any,
    y: Any,
    n_nonzero_coefs: int | None = None,
    *,
    normalize: bool = True,
    column_norms: Any = None,
    tol: float | None = None,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
    return_path: bool = False,
) -> RecoveryResult:
    """Solve y = A x by orthogonal matching pursuit (OMP).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; neither copied nor permuted.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements. Many targets over a dense real A of at most 5792 columns are coded together, on its Gram matrix.
    n_nonzero_coefs : int, optional
        Columns to choose, from 1 to min(n_measurements, n_features); None, and no tol: ``max(n_features // 10, 1)``, at
        most n_measurements.
    normalize : bool, default=True
        Choose by the correlation with unit columns (of a dense or sparse A); operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    tol : float, optional
        Bound on the squared residual norm ``‖y − A x‖²``, as in scikit-learn (elsewhere in this room tol is relative);
        overrides n_nonzero_coefs.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each step (``residual_norm``, ``support_change``); a true value stops.
    return_history : bool, default=False
        Keep the course of the steps.
    return_path : bool, default=False
        Return in ``x`` the solutions after every step, (n_features, n_steps); for one target.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged`` (as many columns as asked for, or the residual within tol),
        ``residual_norm``, ``history``, ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, n_nonzero_coefs is out of range, tol is negative, or a column is
        zero and `normalize` is on.

    Warns
    -----
    RuntimeWarning
        If the next column lies in the span of those chosen: the path ends there.

    Notes
    -----
    Among equal correlations the lowest index is taken. A product with Aᴴ a step, O(n_measurements n_features), and
    O(n_measurements k) for the QR factorisation that grows with the columns. A dense A is read once for several steps:
    the products of the 16 best candidates are taken together, and correlations are updated from them in
    O(k n_features) a step and as many numbers of memory.

    References
    ----------
    Y. C. Pati, R. Rezaiifar, P. S. Krishnaprasad. Orthogonal matching pursuit: recursive function approximation with
    applications to wavelet decomposition. Asilomar, 1993.

    J. Tropp, A. Gilbert. Signal recovery from random measurements via orthogonal matching pursuit. IEEE Transactions on
    Information Theory, 2007.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 20, random_state=0)
    >>> omp(A, y, 20).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    A, y = measured(A, y)
    if tol is not None:
        tol = check_positive(tol, "tol", allow_zero=True)
        k = min(A.shape)
    elif n_nonzero_coefs is None:
        k = min(max(A.shape[1] // 10, 1), A.shape[0])
    else:
        k = check_sparsity(n_nonzero_coefs, min(A.shape))
    if return_path and y.ndim != 1:
        raise ValueError(f"return_path is for one target, got y of shape {y.shape}")
    run = course("omp", tol=0.0, max_iter=k, verbose=verbose, callback=callback, return_history=return_history)
    solver, scale = with_unit_columns(A, column_norms) if normalize else (A, None)
    if y.ndim == 2 and _fits_a_batch(A, y, normalize, column_norms) and callback is None and not return_history:
        return _batch(A, y, k, tol, scale)
    path: list[np.ndarray] = []

    def one(A, y, x0, target):
        return _pursue(A, y, k, tol, run, path if return_path else None)

    result = solve_targets(A, y, one, run, scale=scale, solver=solver)
    if not return_path:
        return result
    x = path[0] if path else np.zeros((A.shape[1], 0), y.dtype)
    return replace(result, x=x if scale is None else x / scale[:, None])


def _pursue(A: Operator, y, k: int, tol: float | None, run: Course, path: list | None) -> Outcome:
    """OMP of one target: Q R = A_T by Gram–Schmidt, twice; r = y − Q Q* y, and R x_T = Q* y at the end."""
    m, n = A.shape
    is_long_read = A.explicit and not sp.issparse(A.wrapped) and m * n * A.dtype.itemsize > CACHED
    aligned = AheadCorrelations(A, y, k) if is_long_read else PlainCorrelations(A)
    room = min(k, 32)
    Q, R = np.empty((room, m), y.dtype), np.zeros((room, room), y.dtype)
    beta = np.empty(k, y.dtype)
    chosen: list[int] = []
    r, bound = y.copy(), -1.0 if tol is None else tol
    nothing = 10 * np.finfo(y.dtype).eps * np.linalg.norm(y)
    converged, state = False, None
    for state in run.steps():
        c = aligned.sizes(r)
        c[chosen] = 0
        j, t = int(np.argmax(c)), len(chosen)
        if t == len(Q):
            Q, R = _grown(Q, R, min(k, 2 * t))
        q = A.column(j).astype(y.dtype, copy=False)
        size = np.linalg.norm(q)
        for _ in range(2):
            h = Q[:t].conj() @ q
            q = q - h @ Q[:t]
            R[:t, t] += h
        pivot = np.linalg.norm(q)
        if c[j] == 0 or pivot**2 <= np.finfo(y.dtype).eps * size**2:
            warnings.warn(
                f"omp stopped after {t} of {k} columns: column {j}, the next, lies in the span of those chosen",
                RuntimeWarning,
                stacklevel=5,
            )
            break
        Q[t] = q / pivot
        R[t, t] = pivot
        beta[t] = np.vdot(Q[t], r)
        r = r - beta[t] * Q[t]
        aligned.follow(c, j, Q[:t], R[:t, t], pivot, beta[t])
        chosen.append(j)
        norm = float(np.linalg.norm(r))
        stop = state.record(residual_norm=norm, support_change=1, n_matvec=applications(A)).stop
        converged = len(chosen) == k and tol is None or norm**2 <= bound or (tol is None and norm <= nothing)
        if converged or stop:
            break
    t = len(chosen)
    if path is not None and t:
        inverse = scipy.linalg.solve_triangular(R[:t, :t], np.eye(t, dtype=y.dtype), check_finite=False)
        path.append(np.zeros((n, t), y.dtype))
        path[0][chosen] = np.cumsum(inverse * beta[:t], axis=1)  # column k: the first k columns of Q alone
    x = np.zeros(n, y.dtype)
    if t:
        x[chosen] = scipy.linalg.solve_triangular(R[:t, :t], beta[:t], check_finite=False)
    return Outcome(x, t, state.history, converged=converged)


class PlainCorrelations:
    """``|A* r|``, one product a step: for operators, a sparse A, and one that stays in the cache."""

    def __init__(self, A: Operator):
        self.A = A

    def sizes(self, r: np.ndarray) -> np.ndarray:
        """The moduli of the correlations with the residual."""
        return np.abs(self.A.rmatvec(r))

    def follow(self, sizes, j: int, Q: np.ndarray, h: np.ndarray, pivot: float, beta: complex) -> None:
        """Column j, of which h lies along earlier directions, has entered."""


class AheadCorrelations:
    """``|A* r|`` carried along: with ``q = (a_j − Σ h_l q_l) / pivot``, ``A* r`` falls by ``β A* q`` and
    ``A* q = (A* a_j − Σ h_l A* q_l) / pivot``. For several likely j at once, ``A* a_j`` is taken in one pass over A and
    freed in one pass over V of what lies along the directions so far, `n_before` of them."""

    def __init__(self, A: Operator, y: np.ndarray, k: int):
        self.A, self.c = A, A.rmatvec(y)
        self.V = np.empty((min(k, 32), A.shape[1]), y.dtype)  # rows A* q
        self.n_columns, self.n_before, self.k = 0, 0, k
        self.ahead = np.empty(0, np.intp)
        self.products = np.empty((0, A.shape[1]), y.dtype)

    def sizes(self, r: np.ndarray) -> np.ndarray:
        """The moduli of the correlations with the residual."""
        return np.abs(self.c)

    def follow(self, sizes, j: int, Q: np.ndarray, h: np.ndarray, pivot: float, beta: complex) -> None:
        """Column j, of which h lies along earlier directions, has entered."""
        t = self.n_columns
        if t + 1 == self.k:
            return
        if j not in self.ahead:
            self.ahead = top_k(sizes, min(AHEAD, self.k - t, sizes.size))
            if j not in self.ahead:  # a tie
                self.ahead[-1] = j
            likely, self.n_before = self.A.columns(self.ahead), t
            self.products = np.ascontiguousarray(self.A.rmatmat(likely).T) - (Q.conj() @ likely).T @ self.V[:t]
        if t == len(self.V):
            V = np.empty((min(self.k, 2 * t), self.V.shape[1]), self.V.dtype)
            V[:t] = self.V
            self.V = V
        a = self.products[np.flatnonzero(self.ahead == j)[0]]
        np.subtract(a, h[self.n_before :] @ self.V[self.n_before : t], out=self.V[t])
        self.V[t] /= pivot
        self.c -= beta * self.V[t]
        self.n_columns += 1


def _grown(Q: np.ndarray, R: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    Q_new, R_new = np.empty((room, Q.shape[1]), Q.dtype), np.zeros((room, room), R.dtype)
    Q_new[: len(Q)], R_new[: len(R), : len(R)] = Q, R
    return Q_new, R_new


def _fits_a_batch(A: CountingOperator, y: np.ndarray, normalize: bool, column_norms: Any) -> bool:
    if not (normalize and A.explicit and y.dtype.kind == "f") or sp.issparse(A.wrapped):
        return False
    if column_norms is not None and not np.allclose(column_norms, A.column_norms(), rtol=1e-6, atol=0):
        return False  # the kernel chooses by the norms that columns have
    return A.shape[1] ** 2 * A.dtype.itemsize <= BATCH_GRAM


def _batch(A: CountingOperator, y: np.ndarray, k: int, tol: float | None, scale: np.ndarray | None) -> RecoveryResult:
    """All targets at once, by the kernel of Batch-OMP on the Gram matrix of the columns."""
    from sparsela.coding import batch_omp

    D = np.ascontiguousarray((A.entries if scale is None else A.entries / scale).T)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    norms = A.column_norms()
    Y = np.ascontiguousarray(y.T)
    codes = batch_omp(Y, D, n_nonzero_coefs=None if tol is not None else k, tol=tol, sparse_output=True)
    x = np.ascontiguousarray(codes.toarray().T) / norms[:, None]
    residuals = np.array([residual_norm(A, y[:, t], x[:, t]) for t in range(y.shape[1])])
    counts = np.diff(codes.indptr)
    nothing = 10 * np.finfo(y.dtype).eps * np.linalg.norm(y, axis=0)
    judged = (counts == k) | (residuals <= nothing) if tol is None else residuals**2 <= tol * (1 + 1e-9)
    found = [Outcome(x[:, t], int(counts[t])) for t in range(y.shape[1])]
    return assemble(x, y, found, judged.tolist(), residuals, A.n_matvec + A.n_rmatvec)
