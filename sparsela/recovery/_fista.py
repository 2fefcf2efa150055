"""ISTA and FISTA: proximal gradient steps to a certified duality gap, finished exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import CountingOperator
from sparsela._core.penalties import L1, Penalty
from sparsela._core.results import RecoveryResult, support_of
from sparsela._core.validation import check_positive
from sparsela.recovery._gradient import Descent, lasso_gap, squares
from sparsela.recovery._newton import complex_on_support
from sparsela.recovery._polish import lasso_on_support
from sparsela.recovery._problem import (
    Course,
    applications,
    check_start,
    course,
    measured,
    spectral_norm,
    warn_unconverged,
)

RESTARTS = ("gradient", None)
GAP_EVERY = 10  # iterations, unless somebody watches
ROUGH = 4  # Lanczos steps: a step of descent that turns out to be too long is taken back
SETTLED = 2  # iterations without a change of signs, after which the support is tried; again at twice as many


@dataclass(frozen=True, repr=False, eq=False)
class LassoResult(RecoveryResult):
    """A solution of ``min ½‖y − A x‖² + penalty``, and how far from the optimum it can be.

    Attributes
    ----------
    objective : float or ndarray of shape (n_targets,)
        ``½‖y − A x‖²`` and the penalty at `x`.
    gap : float or ndarray of shape (n_targets,)
        The objective is at most this much above its least value.
    """

    objective: float | np.ndarray = np.nan
    gap: float | np.ndarray = np.nan


@in_float_range
def ista(
    A: Any,
    y: Any,
    alpha: float,
    *,
    penalty: Any = "l1",
    step: Any = "auto",
    polish: bool = True,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> LassoResult:
    """Minimise ½‖y − A x‖² + alpha ‖x‖₁ by iterative shrinkage (ISTA).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
        Many are solved in one run; those that have converged leave its products.
    alpha : float
        Weight of the penalty, at least 0. The objective has no factor 1/m: scikit-learn's alpha is ``alpha / m``.
    penalty : "l1" or object, default="l1"
        The ℓ1 norm, or an object of :mod:`sparsela.recovery.prox`. For one that is not convex the answer is a critical
        point and steps are a little shorter than 1/L.
    step : "auto", "backtracking" or float, default="auto"
        "auto": 1/L with ``L = 1.01 ‖A‖²`` by Lanczos steps (8 applications, at most); "backtracking": L starts
        low and doubles as needed; or the step itself.
    polish : bool, default=True
        Where the signs of x (of a complex x, the support) have stayed for 2, 4, 8, … iterations, solve for x on them;
        the solution is taken if it satisfies the optimality conditions, and is then exact to rounding. For the ℓ1 norm.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when the duality gap is at most ``tol · ½‖y‖²``; with another penalty, when ``‖Δx‖ ≤ tol ‖x‖``.
    max_iter : int, default=1000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``objective``, ``gap``, ``residual_norm``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    LassoResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``n_matvec``, then
        ``objective`` and ``gap`` (NaN where the penalty is not the ℓ1 norm).

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or alpha is negative.

    Notes
    -----
    ``x ← prox(x − Aᴴ(A x − y) / L)``: the objective falls at every iteration. Two applications an iteration. The gap is
    that of the residual scaled until it is dual feasible. :func:`fista` needs far fewer iterations.

    References
    ----------
    I. Daubechies, M. Defrise, C. De Mol. An iterative thresholding algorithm for linear inverse problems with a
    sparsity constraint. Communications on Pure and Applied Mathematics, 2004.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 10, noise=0.01, random_state=0)
    >>> result = ista(A, y, 0.1)
    >>> result.converged, bool(result.gap <= 1e-6 * 0.5 * (y @ y))
    (True, True)
    """
    return descend(
        "ista",
        A,
        y,
        alpha,
        penalty=penalty,
        step=step,
        accelerated=False,
        restart=None,
        polish=polish,
        x0=x0,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )


@in_float_range
def fista(
    A: Any,
    y: Any,
    alpha: float,
    *,
    penalty: Any = "l1",
    step: Any = "auto",
    restart: str | None = "gradient",
    polish: bool = True,
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> LassoResult:
    """Minimise ½‖y − A x‖² + alpha ‖x‖₁ by accelerated iterative shrinkage (FISTA).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
        Many are solved in one run; those that have converged leave its products.
    alpha : float
        Weight of the penalty, at least 0. The objective has no factor 1/m: scikit-learn's alpha is ``alpha / m``.
    penalty : "l1" or object, default="l1"
        The ℓ1 norm, or an object of :mod:`sparsela.recovery.prox`. For one that is not convex the answer is a critical
        point and steps are a little shorter than 1/L.
    step : "auto", "backtracking" or float, default="auto"
        "auto": 1/L with ``L = 1.01 ‖A‖²`` by Lanczos steps (8 applications, at most); "backtracking": L starts
        low and doubles as needed; or the step itself.
    restart : {"gradient", None}, default="gradient"
        Forget the momentum where it points uphill; with a penalty that is not convex, never.
    polish : bool, default=True
        Where the signs of x (of a complex x, the support) have stayed for 2, 4, 8, … iterations, solve for x on them;
        the solution is taken if it satisfies the optimality conditions, and is then exact to rounding. For the ℓ1 norm.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when the duality gap is at most ``tol · ½‖y‖²``; with another penalty, when ``‖Δx‖ ≤ tol ‖x‖``.
    max_iter : int, default=1000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``objective``, ``gap``, ``residual_norm``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    LassoResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``n_matvec``, then
        ``objective`` and ``gap`` (NaN where the penalty is not the ℓ1 norm).

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or alpha is negative.

    Notes
    -----
    A gradient step from the extrapolated ``v = x_j + (t_{j−1} − 1)/t_j (x_j − x_{j−1})``, with the images ``A v``
    extrapolated too: two applications an iteration. The gap is that of a residual scaled until it is dual feasible.
    For dense A of moderate size coordinate descent (celer, skglm) is faster.

    References
    ----------
    A. Beck, M. Teboulle. A fast iterative shrinkage-thresholding algorithm for linear inverse problems. SIAM Journal on
    Imaging Sciences, 2009.

    B. O'Donoghue, E. Candès. Adaptive restart for accelerated gradient schemes. Foundations of Computational
    Mathematics, 2015.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 10, noise=0.01, random_state=0)
    >>> result = fista(A, y, 0.1)
    >>> result.converged, bool(result.gap <= 1e-6 * 0.5 * (y @ y))
    (True, True)
    """
    if restart not in RESTARTS:
        raise ValueError(f"restart must be one of {RESTARTS}, got {restart!r}")
    return descend(
        "fista",
        A,
        y,
        alpha,
        penalty=penalty,
        step=step,
        accelerated=True,
        restart=restart,
        polish=polish,
        x0=x0,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )


def descend(name, A, y, alpha, *, penalty, step, accelerated, restart, polish, x0, **keywords) -> LassoResult:
    """Check, run all targets as one block, judge by the gap of each."""
    A, y = measured(A, y)
    alpha = check_positive(alpha, "alpha", allow_zero=True)
    penalty = check_penalty(penalty)
    run, x0 = course(name, **keywords), check_start(x0, A, y)
    is_lasso = isinstance(penalty, L1)
    L, raise_by = lipschitz(A, y, step, penalty.is_convex)
    block = Block(A, y, x0, L, raise_by, run)
    if is_lasso:
        shrink = _shrinker(penalty, alpha, columnwise=False)
    else:
        shrink = _shrinker(penalty, alpha, columnwise=y.ndim == 2)
    block.run(
        shrink,
        alpha if is_lasso else None,
        accelerated,
        restart is not None and penalty.is_convex,
        polish and is_lasso and alpha > 0,
    )
    return block.result(penalty, alpha, is_lasso)


class Block:
    """All targets of one run: those that go on, and the answers of those that have converged."""

    def __init__(self, A: CountingOperator, y, x0, L: float, raise_by: float, run: Course):
        self.A, self.y, self.course = A, y, run
        self.x = np.zeros((A.shape[1], *y.shape[1:]), y.dtype) if x0 is None else x0.copy()
        self.n_targets = y.shape[1] if y.ndim == 2 else 1
        self.active = np.arange(self.n_targets)
        self.converged = np.zeros(self.n_targets, bool)
        self.n_iter = np.zeros(self.n_targets, int)
        self.history, self.capped = None, False
        self.descent = Descent.start(A, y, L, x0, raise_by) if np.any(y) else None

    def run(self, shrink, alpha: float | None, accelerated: bool, restart: bool, polish: bool) -> None:
        """Iterate until every target has converged. `alpha` is None where there is no gap to go by."""
        energy = 0.5 * squares(self.y)
        if alpha is not None:
            self._settle(self._at_zero(alpha), None)
        elif self.descent is None:
            self._settle(np.ones(self.n_targets, bool), None)
        if not self.active.size:
            self.history = {} if self.course.return_history else None
            return
        signs, still, patience = None, 0, SETTLED
        watched = self.course.return_history or self.course.callback is not None or self.course.verbose
        for state in self.course.steps():
            self.n_iter[self.active] = state.n_iter
            change = self.descent.step(shrink, accelerated, restart, measure=alpha is None)
            d, done, stop = self.descent, np.zeros(self.active.size, bool), False
            if watched or state.n_iter % GAP_EVERY == 0:
                r = d.y - d.Ax
                gap, objective = self._judge(d, r, alpha)
                stop = state.record(
                    objective=float(np.sum(objective)),
                    gap=float(np.max(gap)),
                    residual_norm=float(np.sqrt(np.max(squares(r)))),
                ).stop
                if alpha is not None:
                    enough = self.course.tol * _of(energy, self.active)
                    if np.any(gap <= enough):  # by a residual nearby: now by x's own
                        l1 = np.abs(d.x).sum(axis=0, dtype=np.float64)
                        gap = lasso_gap(d.y, r, self.A.rmatvec(r), l1, alpha, r)
                    done = np.atleast_1d(gap <= enough)
            if alpha is None:
                done = np.full(self.active.size, change <= self.course.tol)
            if polish:
                pattern = d.x != 0 if d.x.dtype.kind == "c" else np.sign(d.x)
                still = still + 1 if signs is not None and np.array_equal(pattern, signs) else 0
                patience = patience if still else SETTLED
                signs = pattern
                if still == patience:
                    patience *= 2
                    done |= self._polish(alpha)
            if done.any():
                self._settle(done, d.x)
                signs = None
            if not self.active.size or stop:
                break
        else:
            self.capped = True
        self.history = state.history
        if self.active.size:
            self._store(self.active, self.descent.x)

    def _judge(self, d: Descent, r: np.ndarray, alpha: float | None):
        """The gap, by the residual at hand, and the objective; without a penalty to go by, NaN and the misfit."""
        l1 = np.abs(d.x).sum(axis=0, dtype=np.float64)
        if alpha is None:
            return np.full(np.shape(l1), np.nan), 0.5 * squares(r)
        return lasso_gap(d.y, r, d.g, l1, alpha, d.y - d.Av), 0.5 * squares(r) + alpha * l1

    def _at_zero(self, alpha: float) -> np.ndarray:
        """Targets whose solution is zero: ``alpha ≥ ‖A* y‖∞``."""
        if self.descent is None:
            return np.ones(self.n_targets, bool)
        if self.descent.x.any():
            return np.zeros(self.n_targets, bool)
        return np.atleast_1d(np.abs(self.descent.g).max(axis=0) <= alpha) | ~np.atleast_1d(self.y.any(axis=0))

    def _polish(self, alpha: float) -> np.ndarray:
        """Solve on the present signs, target by target; the solved ones replace x."""
        d, done = self.descent, np.zeros(self.active.size, bool)
        for t in range(self.active.size):
            x = d.x if d.x.ndim == 1 else d.x[:, t]
            y = d.y if d.y.ndim == 1 else np.ascontiguousarray(d.y[:, t])
            on_support = complex_on_support if y.dtype.kind == "c" else lasso_on_support
            solved = on_support(self.A, y, x, alpha)
            if solved is not None:
                x[:] = solved
                done[t] = True
        return done

    def _settle(self, done: np.ndarray, x: np.ndarray | None) -> None:
        """Take the answers of the targets that are done, and go on without them."""
        if not done.any():
            return
        self.converged[self.active[done]] = True
        if x is not None:
            self._store(self.active[done], x if x.ndim == 1 else x[:, done])
        self.active = self.active[~done]
        if self.active.size and self.y.ndim == 2:
            self.descent.keep(np.flatnonzero(~done))

    def _store(self, targets: np.ndarray, x: np.ndarray) -> None:
        if self.x.ndim == 1:
            self.x[:] = x
        else:
            self.x[:, targets] = x

    def result(self, penalty: Penalty, alpha: float, is_lasso: bool) -> LassoResult:
        """The answers, judged anew: residual and gap from x itself."""
        r = self.y - self.A.matvec(self.x)
        norms = np.sqrt(squares(r))
        if is_lasso:
            l1 = np.abs(self.x).sum(axis=0, dtype=np.float64)
            objective = 0.5 * squares(r) + alpha * l1
            gap = np.maximum(lasso_gap(self.y, r, self.A.rmatvec(r), l1, alpha, r), 0)
        else:
            columns = [self.x] if self.x.ndim == 1 else list(self.x.T)
            values = np.array([penalty.value(x, alpha) for x in columns])
            objective, gap = 0.5 * squares(r) + (values[0] if self.x.ndim == 1 else values), np.full_like(norms, np.nan)
        if self.capped and not self.converged.all():
            largest = np.linalg.norm(self.y, axis=0)
            warn_unconverged(self.course, int((~self.converged).sum()), self.n_targets, norms / largest)
        single = self.y.ndim == 1
        return LassoResult(
            self.x,
            support_of(self.x),
            int(self.n_iter[0]) if single else self.n_iter,
            bool(self.converged[0]) if single else self.converged,
            float(norms) if single else norms,
            self.history,
            applications(self.A),
            float(objective) if single else objective,
            float(gap) if single else gap,
        )


def check_penalty(penalty: Any) -> Penalty:
    """The object of a penalty."""
    if isinstance(penalty, str) and penalty == "l1":
        return L1()
    if not isinstance(penalty, Penalty):
        raise TypeError(f"penalty must be 'l1' or an object of sparsela.recovery.prox, got {penalty!r}")
    return penalty


def lipschitz(A: CountingOperator, y: np.ndarray, step: Any, is_convex: bool) -> tuple[float, float]:
    """L of the gradient, and the factor by which it rises where a step turns out to be too long."""
    if isinstance(step, str) and step == "auto":
        return 1.01 * spectral_norm(A, ROUGH) ** 2 * (1.0 if is_convex else 1.01), 1.05
    if isinstance(step, str) and step == "backtracking":
        g = A.rmatvec(y if y.ndim == 1 else y[:, 0])
        below = float(squares(A.matvec(g)) / max(float(squares(g)), np.finfo(float).tiny))
        return max(below, np.finfo(float).tiny), 2.0
    if isinstance(step, str):
        raise ValueError(f"step must be 'auto', 'backtracking' or a positive number, got {step!r}")
    return 1 / check_positive(step, "step"), 1.0


def _shrinker(penalty: Penalty, alpha: float, columnwise: bool) -> Callable[[np.ndarray, float], np.ndarray]:
    """The proximal operator, written over its operand; of each column by itself where it is not elementwise."""

    def shrink(z: np.ndarray, step: float) -> np.ndarray:
        return penalty.prox(z, step, alpha, out=z)

    def shrink_columns(z: np.ndarray, step: float) -> np.ndarray:
        for t in range(z.shape[1]):
            z[:, t] = penalty.prox(np.ascontiguousarray(z[:, t]), step, alpha)
        return z

    return shrink_columns if columnwise else shrink


def _of(values: Any, targets: np.ndarray) -> Any:
    return values if np.ndim(values) == 0 else values[targets]
