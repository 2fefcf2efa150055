"""The lasso in its ball and BPDN: accelerated projected gradients, and the root of the Pareto curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator
from sparsela._core.prox import project_l1_ball
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_positive
from sparsela.recovery._gradient import Descent, ball_gap, squares
from sparsela.recovery._newton import complex_on_support
from sparsela.recovery._polish import bpdn_on_support
from sparsela.recovery._problem import (
    Course,
    Outcome,
    applications,
    check_start,
    course,
    measured,
    solve_targets,
    spectral_norm,
)

SETTLED = 20  # iterations on one support, after which it is tried
STALLED = 1e-9  # of ``‖A* y‖∞ / ‖y‖``: a residual this little correlated cannot be lowered


@in_float_range
def lasso_ball(
    A: Any,
    y: Any,
    tau: float,
    *,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Minimise ‖y − A x‖ subject to ‖x‖₁ ≤ tau.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    tau : float
        Radius of the ℓ1 ball, positive.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``½‖y − A x‖²`` is at most ``tol · ½‖y‖²`` above its least value (by a dual bound).
    max_iter : int, default=1000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``gap``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or tau is not positive.

    Notes
    -----
    Accelerated projected gradient with restarts; the projection onto the ball is O(n_features), without a sort. Two
    applications of A an iteration.

    References
    ----------
    R. Tibshirani. Regression shrinkage and selection via the lasso. Journal of the Royal Statistical Society B, 1996.

    L. Condat. Fast projection onto the simplex and the l1 ball. Mathematical Programming, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> result = lasso_ball(np.eye(3), np.array([3.0, -1.0, 0.5]), 2.0)
    >>> result.x.round(6)
    array([2., 0., 0.])
    """
    A, y = measured(A, y)
    tau, start = check_positive(tau, "tau"), check_start(x0, A, y)
    run = course(
        "lasso_ball", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history
    )
    L = 1.01 * spectral_norm(A) ** 2 or 1.0  # for A = 0 any will do

    def one(A, y, x0, target):
        x0 = None if x0 is None else project_l1_ball(x0, tau)
        descent, state, capped = Descent.start(A, y, L, x0), None, True
        enough = run.tol * 0.5 * float(squares(y))
        for state in run.steps():
            descent.step(lambda z, step: project_l1_ball(z, tau), True, True)
            r = y - descent.Ax
            gap = ball_gap(r, y - descent.Av, -descent.g, descent.v, tau)
            stop = state.record(residual_norm=float(np.linalg.norm(r)), gap=gap, n_matvec=applications(A)).stop
            if gap <= enough or stop:
                capped = False
                break
        return Outcome(descent.x, state.n_iter, state.history, capped, converged=not capped and gap <= enough)

    return solve_targets(A, y, one, run, x0=start)


@in_float_range
def bpdn(
    A: Any,
    y: Any,
    sigma: float,
    *,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 10000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Minimise ‖x‖₁ subject to ‖y − A x‖ ≤ sigma (basis pursuit denoising).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    sigma : float
        Bound on the residual norm, at least 0, below which y can be explained.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖`` is within ``tol · ‖y‖`` of sigma, at an x of least residual for its ℓ1 norm to the same
        accuracy; usually the exact finish comes first.
    max_iter : int, default=10000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``tau``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged`` (to tol, or exactly finished), ``residual_norm``, ``history``,
        ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or sigma is negative or smaller than the distance of y from
        the range of A.

    Notes
    -----
    φ(τ), the least residual norm on ``‖x‖₁ ≤ τ``, is convex and falls with slope ``−‖Aᴴr‖∞ / ‖r‖``: Newton's method
    finds φ(τ) = sigma, each φ by :func:`lasso_ball`'s steps, warm started and inexact. Where the support has settled
    the problem on it is solved in closed form (for complex x by Newton's method), and its optimality checked.

    References
    ----------
    E. van den Berg, M. Friedlander. Probing the Pareto frontier for basis pursuit solutions. SIAM Journal on Scientific
    Computing, 2008.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 10, noise=0.01, random_state=0)
    >>> result = bpdn(A, y, 0.12)
    >>> result.converged, round(result.residual_norm, 8)
    (True, 0.12)
    """
    A, y = measured(A, y)
    sigma, start = check_positive(sigma, "sigma", allow_zero=True), check_start(x0, A, y)
    run = course("bpdn", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history)
    L = 1.01 * spectral_norm(A) ** 2 or 1.0

    def one(A, y, x0, target):
        return pareto(A, y, sigma, x0, L, run, finish_bpdn)

    return solve_targets(A, y, one, run, x0=start)


def finish_bpdn(A: Operator, y: np.ndarray, x: np.ndarray, sigma: float, lam: float) -> np.ndarray | None:
    """The exact solution on x's support, None where that is not optimal."""
    if y.dtype.kind == "c":
        return complex_on_support(A, y, x, lam, sigma)
    return bpdn_on_support(A, y, x, sigma)


def pareto(A: Operator, y, sigma: float, x0, L: float, run: Course, finish: Callable) -> Outcome:
    """Newton's method on the Pareto curve; `finish` tries the support wherever it has settled."""
    size = float(np.linalg.norm(y))
    if sigma >= size:
        return Outcome(np.zeros(A.shape[1], y.dtype), 0, {} if run.return_history else None, converged=True)
    tau = 0.0 if x0 is None else float(np.abs(x0).sum())
    descent = Descent.start(A, y, L, x0)
    first = float(np.abs(descent.g).max()) / size
    if x0 is None:
        tau = (size - sigma) / first if first > 0 else 0.0
    support, still, state, capped, converged = None, 0, None, True, False
    for state in run.steps():
        descent.step(lambda z, step, tau=tau: project_l1_ball(z, tau), True, True)
        r = y - descent.Ax
        norm = float(np.linalg.norm(r))
        stop = state.record(residual_norm=norm, tau=tau, n_matvec=applications(A)).stop
        largest = float(np.abs(descent.g).max())
        gap = ball_gap(r, y - descent.Av, -descent.g, descent.v, tau)
        pattern = np.flatnonzero(descent.x)
        still = still + 1 if support is not None and np.array_equal(pattern, support) else 0
        support = pattern
        if still and still % SETTLED == 0:
            solved = finish(A, y, descent.x, sigma, largest)
            if solved is not None:
                descent.x, capped, converged = solved, False, True
                break
        off = norm - sigma
        if abs(off) <= run.tol * size and gap <= run.tol * size * max(norm, run.tol * size):
            solved = finish(A, y, descent.x, sigma, largest)
            descent.x = descent.x if solved is None else solved
            capped, converged = False, True
            break
        if stop:
            capped = False
            break
        if gap <= max(0.1 * abs(off) * norm, 1e-15 * size**2):
            if off > 0 and largest <= STALLED * first * norm:
                if sigma == 0:
                    raise ValueError(f"y must be in the range of A, its distance from it is about {norm:.4g}")
                raise ValueError(
                    f"sigma must not be smaller than the distance of y from the range of A, which is about {norm:.4g}, "
                    f"got {sigma:g}"
                )
            tau = max(tau + off * norm / largest, 0.0)
            if off < 0:  # x may lie outside the smaller ball
                descent = Descent.start(A, y, descent.L, project_l1_ball(descent.x, tau))
            descent.t = 1.0
    return Outcome(descent.x, state.n_iter, state.history, capped, converged=converged)
