"""Pursuits that merge, solve and prune: CoSaMP and subspace pursuit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.results import RecoveryResult
from sparsela.recovery._least_squares import on_support
from sparsela.recovery._problem import Course, Outcome, applications, pursue, zero_start

PATIENCE = 5  # iterations of CoSaMP without a smaller residual


@in_float_range
def cosamp(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    refit: bool = False,
    normalize: bool = True,
    column_norms: Any = None,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by compressive sampling matching pursuit (CoSaMP).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    refit : bool, default=False
        Solve the least squares problem once more on the final support.
    normalize : bool, default=True
        Work with unit columns (of a dense or sparse A) and scale x back at the end; operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=100
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``support_change``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged`` (whether the residual is below tol), ``residual_norm``,
        ``history``, ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, n_nonzero_coefs is out of range, or a column is zero and
        `normalize` is on.

    Notes
    -----
    Least squares on the support joined with the 2k columns that correlate best with the residual, cut to the k largest
    coefficients; until the residual has not fallen for five iterations. The iterate of least residual is returned.

    References
    ----------
    D. Needell, J. Tropp. CoSaMP: iterative signal recovery from incomplete and inaccurate samples. Applied and
    Computational Harmonic Analysis, 2009.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 30, random_state=0)
    >>> cosamp(A, y, 30).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    return pursue(
        "cosamp",
        partial(_cosamp, refit=refit),
        A,
        y,
        n_nonzero_coefs,
        normalize=normalize,
        column_norms=column_norms,
        x0=x0,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )


@in_float_range
def subspace_pursuit(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    normalize: bool = True,
    column_norms: Any = None,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by subspace pursuit (SP).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    normalize : bool, default=True
        Work with unit columns (of a dense or sparse A) and scale x back at the end; operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=100
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``support_change``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged`` (whether the residual is below tol), ``residual_norm``,
        ``history``, ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, n_nonzero_coefs is out of range, or a column is zero and
        `normalize` is on.

    Notes
    -----
    Least squares on the support joined with the k columns that correlate best with the residual, cut to the k largest
    coefficients and solved for again; until the residual does not fall. Finitely many iterations.

    References
    ----------
    W. Dai, O. Milenkovic. Subspace pursuit for compressive sensing signal reconstruction. IEEE Transactions on
    Information Theory, 2009.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 30, random_state=0)
    >>> subspace_pursuit(A, y, 30).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    return pursue(
        "subspace_pursuit",
        _subspace_pursuit,
        A,
        y,
        n_nonzero_coefs,
        normalize=normalize,
        column_norms=column_norms,
        x0=x0,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )


def _cosamp(A, y, k, x0, target, run: Course, *, refit) -> Outcome:
    x, r = zero_start(A, y, x0)
    solver = on_support(A, y, 3 * k, target)
    best, least, waited = x, np.inf, 0
    state, capped = None, True
    for state in run.steps():
        merged = np.union1d(top_k(A.rmatvec(r), min(2 * k, A.shape[1])), np.flatnonzero(x))
        b = solver.fit(merged, x[merged]).u
        T = merged[top_k(b, min(k, merged.size))]
        changed = k - np.count_nonzero(x[T])
        x = np.zeros_like(x)
        x[T] = b[np.searchsorted(merged, T)]
        r = y - A.apply_support(T, x[T])
        norm = float(np.linalg.norm(r))
        waited = 0 if norm < least else waited + 1
        if norm < least:
            best, least = x, norm
        stop = state.record(residual_norm=norm, support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop or waited == PATIENCE:
            capped = False
            break
    if refit:
        T = np.flatnonzero(best)
        u = on_support(A, y, k, target).fit(T, best[T]).u
        best = np.zeros_like(best)
        best[T] = u
    return Outcome(best, state.n_iter, state.history, capped)


def _subspace_pursuit(A, y, k, x0, target, run: Course) -> Outcome:
    x, r = zero_start(A, y, x0)
    wide, narrow = on_support(A, y, 2 * k, target), on_support(A, y, k, target)
    if not x.any():
        T = top_k(A.rmatvec(y), k)
        u, r, _ = narrow.fit(T)
        x[T] = u
    norm = float(np.linalg.norm(r))
    state, capped = None, True
    for state in run.steps():
        merged = np.union1d(top_k(A.rmatvec(r), k), np.flatnonzero(x))
        b = wide.fit(merged, x[merged]).u
        T = merged[top_k(b, k)]
        changed = k - np.count_nonzero(x[T])
        u, r_new, _ = narrow.fit(T, b[np.searchsorted(merged, T)])
        new_norm = float(np.linalg.norm(r_new))
        better = new_norm < norm
        if better:
            r, norm = r_new, new_norm
            x = np.zeros_like(x)
            x[T] = u
        stop = state.record(residual_norm=norm, support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or not better or stop:
            capped = False
            break
    return Outcome(x, state.n_iter, state.history, capped)
