"""Hard thresholding: gradient steps cut to k entries (IHT and its normalised form), and with a solve on them (HTP)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_positive
from sparsela.recovery._least_squares import on_support
from sparsela.recovery._problem import Course, Outcome, applications, pursue, spectral_norm, zero_start

SAFETY = 1.02  # Lanczos steps give a norm from below
STILL = 1e-12  # of its size, by which an iterate that has arrived moves


@in_float_range
def iht(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    step: Any = "auto",
    normalize: bool = True,
    column_norms: Any = None,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 500,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by iterative hard thresholding (IHT).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    step : "auto" or float, default="auto"
        Step size; "auto": ``0.99 / ‖A‖²``, with which the residual never grows.
    normalize : bool, default=True
        Work with unit columns (of a dense or sparse A) and scale x back at the end; operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=500
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
    ``x ← H_k(x + μ Aᴴ (y − A x))``. Two applications an iteration and thirty for the norm. Linear convergence with a
    small step: :func:`niht` and :func:`htp` recover more, sooner.

    References
    ----------
    T. Blumensath, M. Davies. Iterative hard thresholding for compressed sensing. Applied and Computational Harmonic
    Analysis, 2009.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 8, random_state=0)
    >>> iht(A, y, 8).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    if not (isinstance(step, str) and step == "auto"):
        step = check_positive(step, "step")
    return pursue(
        "iht",
        partial(_iht, step=step),
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
def niht(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    c: float = 0.01,
    kappa: float = 2.0,
    normalize: bool = True,
    column_norms: Any = None,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 500,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by normalised iterative hard thresholding (NIHT).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    c : float, default=0.01
        In (0, 1): where the support changes the step is at most ``(1 − c) ‖Δx‖² / ‖A Δx‖²``, and the residual falls.
    kappa : float, default=2.0
        Above ``1 / (1 − c)``: a step too long is divided by ``kappa (1 − c)``.
    normalize : bool, default=True
        Work with unit columns (of a dense or sparse A) and scale x back at the end; operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=500
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
    ``x ← H_k(x + μ g)`` with ``g = Aᴴ (y − A x)`` and the step ``μ = ‖g_S‖² / ‖A g_S‖²`` that is best on the present
    support S; where the support changes, μ is shortened until the step is safe. Three applications an iteration, one
    more for each shortening.

    References
    ----------
    T. Blumensath, M. Davies. Normalized iterative hard thresholding: guaranteed stability and performance. IEEE
    Journal of Selected Topics in Signal Processing, 2010.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 20, random_state=0)
    >>> niht(A, y, 20).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    c, kappa = check_positive(c, "c"), check_positive(kappa, "kappa")
    if c >= 1 or kappa * (1 - c) <= 1:
        raise ValueError(f"c must be below 1 and kappa above 1 / (1 - c), got c={c:g}, kappa={kappa:g}")
    return pursue(
        "niht",
        partial(_niht, c=c, kappa=kappa),
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
def htp(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    step: Any = "normalized",
    normalize: bool = True,
    column_norms: Any = None,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 200,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by hard thresholding pursuit (HTP).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    step : "normalized" or float, default="normalized"
        Step size μ; "normalized": the best on the present support, ``‖g_S‖² / ‖A g_S‖²``.
    normalize : bool, default=True
        Work with unit columns (of a dense or sparse A) and scale x back at the end; operators are used as they are.
    column_norms : ndarray of shape (n_features,), optional
        The norms of the columns, where the caller knows them; an operator is then normalised too.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=200
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
    T is the k largest of ``x + μ Aᴴ (y − A x)``, x the least squares solution on T, until T repeats. Finitely many
    iterations. Where A is badly conditioned see :func:`nst_ht_fb`.

    References
    ----------
    S. Foucart. Hard thresholding pursuit: an algorithm for compressive sensing. SIAM Journal on Numerical Analysis,
    2011.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 30, random_state=0)
    >>> htp(A, y, 30).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    if not (isinstance(step, str) and step == "normalized"):
        step = check_positive(step, "step")
    return pursue(
        "htp",
        partial(_htp, step=step),
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


def _iht(A, y, k, x0, target, run: Course, *, step) -> Outcome:
    mu = 0.99 / (SAFETY * spectral_norm(A)) ** 2 if isinstance(step, str) else step
    x, r = zero_start(A, y, x0)
    state, capped = None, True
    for state in run.steps():
        z = x + mu * A.rmatvec(r)
        T = top_k(z, k)
        changed = k - np.count_nonzero(x[T])
        x[:] = 0
        x[T] = z[T]
        r = y - A.apply_support(T, x[T])
        norm = float(np.linalg.norm(r))
        stop = state.record(residual_norm=norm, support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop:
            capped = False
            break
    return Outcome(x, state.n_iter, state.history, capped)


def _niht(A, y, k, x0, target, run: Course, *, c, kappa) -> Outcome:
    x, r = zero_start(A, y, x0)
    g = A.rmatvec(r)
    S = np.flatnonzero(x) if x.any() else top_k(g, k)
    state, capped = None, True
    for state in run.steps():
        mu = _best_step(A, g, S)
        while True:
            z = x + mu * g
            T = top_k(z, k)
            moved = np.union1d(T, np.flatnonzero(x))
            new = np.zeros_like(x)
            new[T] = z[T]
            step = (new - x)[moved]
            image = A.apply_support(moved, step)
            far, long = np.vdot(step, step).real, np.vdot(image, image).real
            if not np.isfinite(long):  # no shorter step would end the search
                raise OverflowError("the squared step of niht is no finite number")
            if np.array_equal(T, S) or mu * long <= (1 - c) * far:
                break
            mu /= kappa * (1 - c)
        changed = k - np.intersect1d(T, S).size
        x, S = new, T
        r = y - A.apply_support(S, x[S])
        norm = float(np.linalg.norm(r))
        stop = state.record(residual_norm=norm, support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop or np.sqrt(far) <= STILL * np.linalg.norm(x):
            capped = False
            break
        g = A.rmatvec(r)
    return Outcome(x, state.n_iter, state.history, capped)


def _htp(A, y, k, x0, target, run: Course, *, step) -> Outcome:
    x, r = zero_start(A, y, x0)
    solver = on_support(A, y, k, target)
    T, seen = np.flatnonzero(x), set()
    best, least = x, np.inf
    state, capped = None, True
    for state in run.steps():
        g = A.rmatvec(r)
        mu = step if not isinstance(step, str) else _best_step(A, g, T if T.size else top_k(g, k))
        z = x + mu * g
        T_new = top_k(z, k)
        changed = k - np.intersect1d(T, T_new).size
        u, r, _ = solver.fit(T_new, z[T_new])
        T, x = T_new, np.zeros_like(x)
        x[T] = u
        norm = float(np.linalg.norm(r))
        if norm < least:
            best, least = x, norm
        stop = state.record(residual_norm=norm, support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop or T.tobytes() in seen:
            capped = False
            break
        seen.add(T.tobytes())
    return Outcome(best, state.n_iter, state.history, capped)


def _best_step(A, g, S) -> float:
    """The step along g on S that lowers the residual most, ``‖g_S‖² / ‖A g_S‖²``."""
    image = A.apply_support(S, g[S])
    square = np.vdot(image, image).real
    return float(np.vdot(g[S], g[S]).real / square) if square > 0 else 1.0
