"""Alternate between phases and values: hard thresholding pursuit, and phase retrieval with CoSaMP inside (CoPRAM)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.validation import check_count, check_positive
from sparsela.phase._prepare import prepare
from sparsela.phase._problem import Outcome, PhaseResult, Point, Problem, solve_targets, walk, with_sign
from sparsela.phase._start import spectral, strongest
from sparsela.recovery._least_squares import on_support
from sparsela.recovery._problem import Course

PATIENCE = 20
EXACT = 1e-10  # relative residual of least squares by conjugate gradients
SETTLED = 1e-2  # relative change that ends the inner loop of CoPRAM


@in_float_range
def htp(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    x0: Any = None,
    step: float = 0.95,
    max_iter: int = 100,
    tol: float = 1e-10,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|`` by hard thresholding pursuit.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex. A LinearOperator needs x0.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements, n_features).
    x0 : ndarray of the shape of x, optional
        Start, not zero, of which the s largest entries are taken; None: :func:`spectral_init`.
    step : float, default=0.95
        Step of the gradient that chooses the support, in units where the entries of A have mean square 1.
    max_iter : int, default=100
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
        range, x0 is zero, or complex for a real A, or step is not positive.

    Warns
    -----
    ConvergenceWarning
        If it stops at max_iter, or 20 steps bring no smaller residual; x is then that of least residual.
    UserWarning
        If there are too few measurements for x to be determined: below 2s − 1 for real, 4s − 2 for complex A.

    Notes
    -----
    A step gives the magnitudes the signs of the iterate, ``b = y sgn(A x)``, takes for T the s largest of
    ``x + (step/m) Aᴴ(b − A x)``, and solves ``min ‖A x − b‖`` over x on T. Real x: at an exact fixed point after
    finitely many steps, ``O(log m + log(‖x‖ / min |x_j|))`` of them near the solution. Complex x: linear convergence.

    One product with Aᴴ, O(m n), a step, and the least squares: a Cholesky factor that follows the support, O(m s) for
    an index that enters or leaves; conjugate gradients for a LinearOperator.

    References
    ----------
    J.-F. Cai, J. Li, X. Lu, J. You. Sparse signal recovery from phaseless measurements via hard thresholding pursuit.
    Applied and Computational Harmonic Analysis, 2022.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import htp, phase_error
    >>> A, y, x = make_phaseless(200, 120, 4, random_state=0)
    >>> result = htp(A, y, 4)
    >>> phase_error(result.x, x) < 1e-12
    True
    """
    step = check_positive(step, "step")
    given = prepare(
        "htp",
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
        x = spectral(problem, strongest(problem, given.k)) if start is None else start
        return run_htp(problem, x, given.k, given.run, step)

    return solve_targets(given.A, given.y, one, given.run, given.x0)


@in_float_range
def copram(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    x0: Any = None,
    inner_iter: int = 10,
    max_iter: int = 100,
    tol: float = 1e-10,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|`` by compressive phase retrieval, CoSaMP inside (CoPRAM).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex. A LinearOperator needs x0.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements // 3, n_features).
    x0 : ndarray of the shape of x, optional
        Start, not zero, of which the s largest entries are taken; None: :func:`spectral_init`.
    inner_iter : int, default=10
        Most rounds of CoSaMP a step.
    max_iter : int, default=100
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
        range (above n_measurements // 3), or x0 is zero, or complex for a real A.

    Warns
    -----
    ConvergenceWarning
        If it stops at max_iter, or 20 steps bring no smaller residual; x is then that of least residual.
    UserWarning
        If there are too few measurements for x to be determined: below 2s − 1 for real, 4s − 2 for complex A.

    Notes
    -----
    A step gives the magnitudes the signs of the iterate, ``b = y sgn(A x)``, and goes on from x with CoSaMP on (A, b):
    least squares on the support joined with the 2s columns that correlate best with the residual, cut to s entries,
    until a round changes x by less than a hundredth.

    One product with Aᴴ, O(m n), and O(m s²) a round; conjugate gradients for a LinearOperator.

    References
    ----------
    G. Jagatap, C. Hegde. Fast, sample-efficient algorithms for structured phase retrieval. NIPS, 2017.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import copram, phase_error
    >>> A, y, x = make_phaseless(200, 120, 4, random_state=0)
    >>> result = copram(A, y, 4)
    >>> phase_error(result.x, x) < 1e-9
    True
    """
    inner_iter = check_count(inner_iter, "inner_iter")
    given = prepare(
        "copram",
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
    check_room_to_merge(given.k, given.A.shape[0])

    def one(problem, start):
        x = spectral(problem, strongest(problem, given.k)) if start is None else start
        return run_copram(problem, x, given.k, given.run, inner_iter)

    return solve_targets(given.A, given.y, one, given.run, given.x0)


def check_room_to_merge(k: int, m: int) -> None:
    if 3 * k > m:
        raise ValueError(
            f"n_nonzero_coefs must be at most n_measurements // 3 = {m // 3}, as least squares is solved on three "
            f"times as many columns, got {k}"
        )


class LeastSquares:
    """``argmin ‖A_T v − b‖`` for supports T and targets b that change from call to call."""

    def __init__(self, problem: Problem, k: int):
        self.problem = problem
        aim = self._aim(problem.y.astype(problem.dtype))
        self.solver = on_support(problem.A, aim, k, EXACT * float(np.linalg.norm(aim)))

    def _aim(self, b: np.ndarray) -> np.ndarray:
        return b * b.dtype.type(self.problem.scale)  # the solver works on the A that was given

    def fit(self, T: np.ndarray, b: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """v, and ``A_T v``."""
        self.solver.aim(self._aim(b))
        v, r, _ = self.solver.fit(T, start)
        return v, b - r / b.dtype.type(self.problem.scale)


def run_htp(problem: Problem, x0: np.ndarray, k: int, run: Course, step: float = 0.95) -> Outcome:
    least_squares = LeastSquares(problem, k)

    def one_step(point: Point) -> Point:
        b = with_sign(problem.y, point.u)
        z = problem.adjoint(b - point.u) * (step / problem.m)
        z[point.T] += point.v
        T = top_k(z, k)
        return problem.point(T, *least_squares.fit(T, b, z[T]))

    return walk(problem, problem.point_at(x0, k), one_step, run, patience=PATIENCE)


def run_copram(problem: Problem, x0: np.ndarray, k: int, run: Course, inner_iter: int = 10) -> Outcome:
    least_squares = LeastSquares(problem, 3 * k)

    def one_step(point: Point) -> Point:
        b = with_sign(problem.y, point.u)
        for _ in range(inner_iter):
            previous = point
            point = cosamp_round(problem, point, b, k, least_squares)
            if problem.moved(point, previous) < SETTLED:
                break
        return point

    return walk(problem, problem.point_at(x0, k), one_step, run, patience=PATIENCE)


def cosamp_round(problem: Problem, point: Point, b: np.ndarray, k: int, least_squares: LeastSquares) -> Point:
    merged = np.union1d(point.T, top_k(problem.adjoint(b - point.u), min(2 * k, problem.n)))
    w, _ = least_squares.fit(merged, b, problem.full(point)[merged])
    kept = top_k(w, k)
    return problem.point(merged[kept], w[kept])
