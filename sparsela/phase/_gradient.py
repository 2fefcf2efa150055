"""Gradient methods: truncated amplitude flow (SPARTA); thresholded Wirtinger flow, which is not told the sparsity."""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import prox_l1, top_k
from sparsela._core.validation import check_positive
from sparsela.phase._prepare import prepare
from sparsela.phase._problem import Outcome, PhaseResult, Point, Problem, solve_targets, walk, with_sign
from sparsela.phase._start import spectral, strongest
from sparsela.recovery._problem import Course

PATIENCE = 200
FARTHEST = 1e8  # of ‖x‖ / φ: from there the truncated flow does not come back
LARGEST, N_HALVINGS = 5.0, 6  # of ‖x‖ / φ, beyond which thresholded Wirtinger flow starts again with half the step


@in_float_range
def sparta(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    x0: Any = None,
    step: float = 1.0,
    gamma: float = 0.7,
    max_iter: int = 1000,
    tol: float = 1e-10,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|`` by sparse truncated amplitude flow (SPARTA).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex. A LinearOperator needs x0.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements, n_features).
    x0 : ndarray of the shape of x, optional
        Start, not zero, of which the s largest entries are taken; None: :func:`spectral_init`, truncated.
    step : float, default=1.0
        Step of the gradient, in units where the entries of A have mean square 1.
    gamma : float, default=0.7
        An equation counts where ``|A x| ≥ y / (1 + gamma)``: below, its sign is not to be trusted.
    max_iter : int, default=1000
        Most steps.
    tol : float, default=1e-10
        Stop when a step moves x by at most ``tol ‖x‖``, or the residual norm is at most ``tol ‖y‖``.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each step (``x``, ``support``, ``n_iter``, ``residual_norm``); a true value stops.
    return_history : bool, default=False
        Keep the residual norm of every step.

    Returns
    -------
    PhaseResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``. `converged` says that the
        iteration stopped moving; without noise, ``residual_norm ≤ 1e-8 ‖y‖`` says that x is a solution.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or is a LinearOperator and there is no x0.
    ValueError
        If y is negative, an entry is not finite, shapes do not fit, a column of A is zero, n_nonzero_coefs is out of
        range, x0 is zero, or complex for a real A, or step or gamma is not positive.

    Warns
    -----
    ConvergenceWarning
        If it stops at max_iter, or 200 steps bring no smaller residual; x is then that of least residual.
    UserWarning
        If there are too few measurements for x to be determined: below 2s − 1 for real, 4s − 2 for complex A.

    Notes
    -----
    ``x ← H_s(x − (step/m) Aᴴ((u − y sgn u) 1_I))`` with ``u = A x``, I the equations that count, and H_s keeping the s
    largest entries. Linear convergence; one product with Aᴴ, O(m n), a step.

    References
    ----------
    G. Wang, L. Zhang, G. Giannakis, M. Akçakaya, J. Chen. Sparse phase retrieval via truncated amplitude flow. IEEE
    Transactions on Signal Processing, 2018.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import sparta, phase_error
    >>> A, y, x = make_phaseless(200, 200, 4, random_state=0)
    >>> result = sparta(A, y, 4)
    >>> phase_error(result.x, x) < 1e-9
    True
    """
    step, gamma = check_positive(step, "step"), check_positive(gamma, "gamma")
    given = prepare(
        "sparta",
        A,
        y,
        n_nonzero_coefs,
        x0,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )

    def one(problem, start):
        x = spectral(problem, strongest(problem, given.k), "truncated") if start is None else start
        return run_sparta(problem, x, given.k, given.run, step, gamma)

    return solve_targets(given.A, given.y, one, given.run, given.x0)


@in_float_range
def thwf(
    A: Any,
    y: Any,
    *,
    x0: Any = None,
    alpha: float = 1.5,
    beta: float = 0.3,
    step: float = 0.23,
    max_iter: int = 1000,
    tol: float = 1e-10,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|`` by thresholded Wirtinger flow, without knowing how sparse it is.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex. A LinearOperator needs x0.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    x0 : ndarray of the shape of x, optional
        Start, not zero; None: the leading eigenvector on the marginals that stand out.
    alpha : float, default=1.5
        How far a marginal must stand out, ``M_j > (1 + alpha √(log(mn)/m)) φ²``.
    beta : float, default=0.3
        Strength of the threshold.
    step : float, default=0.23
        Step of the gradient, in units where x has norm 1 and the entries of A mean square 1.
    max_iter : int, default=1000
        Most steps.
    tol : float, default=1e-10
        Stop when a step moves x by at most ``tol ‖x‖``, or the residual norm is at most ``tol ‖y‖``.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each step (``x``, ``support``, ``n_iter``, ``residual_norm``); a true value stops.
    return_history : bool, default=False
        Keep the residual norm of every step.

    Returns
    -------
    PhaseResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``. `converged` says that the
        iteration stopped moving; without noise, ``residual_norm ≤ 1e-8 ‖y‖`` says that x is a solution.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or is a LinearOperator and there is no x0.
    ValueError
        If y is negative, an entry is not finite, shapes do not fit, a column of A is zero, x0 is zero, or complex for a
        real A, or alpha, beta or step is not positive.

    Warns
    -----
    ConvergenceWarning
        If it stops at max_iter, or 200 steps bring no smaller residual; x is then that of least residual.

    Notes
    -----
    ``x ← soft(x − (step/φ²) (1/m) Aᴴ((|u|² − y²) u), (step/φ²) τ)`` with ``u = A x``, ``φ² = mean(y²)`` and
    ``τ² = (beta log(mn)/m²) Σ (|u|² − y²)² |u|²``: the threshold vanishes with the residual. With few measurements it
    diverges; where ``‖x‖ > 5φ`` it starts again with half the step, at most six times. Linear convergence; one product
    with Aᴴ, O(m n), a step. It needs more measurements than the methods that are told the sparsity.

    References
    ----------
    T. Cai, X. Li, Z. Ma. Optimal rates of convergence for noisy sparse phase retrieval via thresholded Wirtinger flow.
    Annals of Statistics, 2016.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import thwf, phase_error
    >>> A, y, x = make_phaseless(200, 400, 4, random_state=0)
    >>> result = thwf(A, y)
    >>> phase_error(result.x, x) < 1e-9
    True
    """
    alpha, beta, step = check_positive(alpha, "alpha"), check_positive(beta, "beta"), check_positive(step, "step")
    given = prepare(
        "thwf",
        A,
        y,
        None,
        x0,
        told=False,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )

    def one(problem, start):
        x = spectral(problem, outstanding(problem, alpha)) if start is None else start
        return run_thwf(problem, x, given.run, beta, step)

    return solve_targets(given.A, given.y, one, given.run, given.x0)


def run_sparta(problem: Problem, x0: np.ndarray, k: int, run: Course, step: float = 1.0, gamma: float = 0.7) -> Outcome:
    def one_step(point: Point) -> Point:
        u = point.u
        trusted = np.abs(u) >= problem.y / (1 + gamma)
        z = problem.adjoint(np.where(trusted, with_sign(problem.y, u) - u, 0)) * (step / problem.m)
        z[point.T] += point.v
        T = top_k(z, k)
        if not np.linalg.norm(z[T]) <= FARTHEST:
            return point._replace(residual=np.inf)
        return problem.point(T, z[T])

    return walk(problem, problem.point_at(x0, k), one_step, run, patience=PATIENCE)


def outstanding(problem: Problem, alpha: float) -> np.ndarray:
    """The marginals well above their mean, or the largest one."""
    m, n = problem.m, problem.n
    S = np.flatnonzero(problem.marginals > 1 + alpha * sqrt(log(m * n) / m))
    return S if S.size else strongest(problem, 1)


def run_thwf(problem: Problem, x0: np.ndarray, run: Course, beta: float, step: float) -> Outcome:
    start = problem.point_at(x0)
    for _ in range(1 + N_HALVINGS):
        outcome = walk(problem, start, _wirtinger(problem, beta, step), run, patience=PATIENCE)
        if outcome.stopped != "diverged":
            break
        step /= 2
    return outcome


def _wirtinger(problem: Problem, beta: float, step: float) -> Callable[[Point], Point]:
    m = problem.m
    strength = sqrt(beta * log(m * problem.n)) / m

    def one_step(point: Point) -> Point:
        u = point.u
        r = (np.abs(u) ** 2 - problem.y**2) * u
        z = problem.full(point) - problem.adjoint(r) * (step / m)
        x = prox_l1(z, step * strength * float(np.linalg.norm(r)))
        if not np.linalg.norm(x) <= LARGEST:
            return point._replace(residual=np.inf)
        return problem.point_at(x)

    return one_step
