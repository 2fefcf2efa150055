"""Newton projection: the amplitudes choose the support, a Newton step on the intensities the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.validation import check_positive
from sparsela.phase._prepare import prepare
from sparsela.phase._problem import Outcome, PhaseResult, Point, Problem, solve_targets, walk, with_sign
from sparsela.phase._start import spectral, strongest
from sparsela.recovery._least_squares import trusted
from sparsela.recovery._problem import Course

PATIENCE = 20
RIDGE = 1e-6  # of mean(y²): keeps the Gauss–Newton weights positive
CG_RTOL, CG_STEPS = 1e-10, 3  # steps a non-zero


@in_float_range
def newton_projection(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    x0: Any = None,
    eta: float = 0.95,
    max_iter: int = 100,
    tol: float = 1e-10,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|`` by Newton projection, with a quadratic tail.

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
    eta : float, default=0.95
        Step of the gradient that chooses the support, in units where the entries of A have mean square 1.
    max_iter : int, default=100
        Most steps.
    tol : float, default=1e-10
        Stop when a step moves x by at most ``tol ‖x‖``; the error is then of the order of tol².
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
        range, x0 is zero, or complex for a real A, or eta is not positive.

    Warns
    -----
    ConvergenceWarning
        If it stops at max_iter, or 20 steps bring no smaller residual; x is then that of least residual.
    UserWarning
        If there are too few measurements for x to be determined: below 2s − 1 for real, 4s − 2 for complex A.

    Notes
    -----
    With u = A x and J what leaves the support T₀, a step is

    - ``T`` = the s largest of ``x − (η/m) Aᴴ(u − y sgn u)``;
    - ``A_Tᵀ diag(3u² − y²) A_T d = A_Tᵀ((3u² − y²) A_J x_J − (u² − y²) u)``, and ``x_T ← x_T + d``.

    Far from x the Hessian need not be positive definite: the weights are then those of Gauss–Newton, ``2u²``. Complex x
    has a Gauss–Newton step in the 2s real unknowns, with the direction i x, along which nothing changes, held. For a
    Gaussian A and ``m ≥ C s² log n`` convergence is quadratic after ``O(log(‖x‖ / min |x_j|))`` steps.

    One product with Aᴴ, O(m n), and O(m s² + s³) a step; a LinearOperator is solved with by conjugate gradients.

    References
    ----------
    J.-F. Cai, Y. Long, R. Wen, J. Ying. A fast and provable algorithm for sparse phase retrieval. ICLR, 2024.

    L. Dai, H. Lu, X. You. GraHTP: a provable Newton-like algorithm for sparse phase retrieval. arXiv 2410.04034, 2024.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import newton_projection, phase_error
    >>> A, y, x = make_phaseless(200, 120, 4, random_state=0)
    >>> result = newton_projection(A, y, 4)
    >>> phase_error(result.x, x) < 1e-13
    True
    """
    eta = check_positive(eta, "eta")
    given = prepare(
        "newton_projection",
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
        return run_newton(problem, x, given.k, given.run, eta)

    return solve_targets(given.A, given.y, one, given.run, given.x0)


def run_newton(problem: Problem, x0: np.ndarray, k: int, run: Course, eta: float = 0.95) -> Outcome:
    # A residual of tol does not end it: that would leave out the step which squares the error.
    start = problem.point_at(x0, k)

    def step(point):
        return newton_step(problem, point, k, eta)

    return walk(problem, start, step, run, patience=PATIENCE, residual_tol=0.0)


def newton_step(problem: Problem, point: Point, k: int, eta: float) -> Point:
    T0, v0, u, _, C0 = point
    z = problem.adjoint(with_sign(problem.y, u) - u) * (eta / problem.m)
    z[T0] += v0
    T = top_k(z, k)
    leaves = ~np.isin(T0, T, assume_unique=True)
    u_J = np.zeros_like(u)
    if leaves.any():
        u_J = problem.apply(T0[leaves], v0[leaves]) if C0 is None else C0[:, leaves] @ v0[leaves]
    if C0 is not None and np.array_equal(T, T0):
        C = C0
    else:
        C = problem.columns(T) if problem.A.explicit else None
    v = problem.full(point)[T]
    columns = Hidden(problem, T) if C is None else Shown(problem, C)
    direction = _complex_direction if problem.dtype.kind == "c" else _real_direction
    return problem.point(T, v + direction(columns, u, u_J, v, problem.y), C=C)


def _real_direction(columns, u, u_J, v, y) -> np.ndarray:
    for weights in (3 * u**2 - y**2, 2 * u**2 + u.dtype.type(RIDGE)):
        d = columns.solve(weights, columns.adjoint(weights * u_J - (u**2 - y**2) * u))
        if d is not None:
            return d
    return np.zeros_like(v)


def _complex_direction(columns, u, u_J, v, y) -> np.ndarray:
    # |u − u_J + C d|² = y² to first order: 2 Re(ū C d) = y² − |u|² + 2 Re(ū u_J)
    target = (y**2 - np.abs(u) ** 2) / 2 + (np.conj(u) * u_J).real
    return columns.gauss_newton(u, target, v)


class Shown:
    """The columns of a support, at hand: factors of small matrices."""

    def __init__(self, problem: Problem, C):
        self.problem, self.C = problem, C

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        return self.C.conj().T @ r

    def solve(self, w: np.ndarray, b: np.ndarray) -> np.ndarray | None:
        """``(Cᵀ diag(w) C)⁻¹ b``, or None where that is not safely positive definite."""
        return _by_cholesky(self.problem.weighted_gram(self.C, w), b)

    def gauss_newton(self, u: np.ndarray, target: np.ndarray, v: np.ndarray) -> np.ndarray:
        """``argmin_d ‖Re(ū C d) − target‖`` without the direction i v, to which it is blind."""
        if sp.issparse(self.C):
            B = sp.csc_array(self.C.multiply(u.conj()[:, None]))
            J = sp.hstack([B.real, -B.imag], format="csc")
            G = (J.T @ J).toarray()
        else:
            B = u.conj()[:, None] * self.C
            J = np.hstack([B.real, -B.imag])
            G = J.T @ J
        level = np.trace(G) / len(G)
        t = np.concatenate([-v.imag, v.real])
        size = np.linalg.norm(t)
        if size:
            G += np.outer(level * t / size, t / size)
        b = J.T @ target
        d = _by_cholesky(G, b)
        if d is None:
            G[np.diag_indices_from(G)] += RIDGE * level
            d = _by_cholesky(G, b)
        if d is None:
            return np.zeros_like(v)
        return d[: len(v)] + 1j * d[len(v) :]


class Hidden:
    """The columns of a support, known by products: conjugate gradients."""

    def __init__(self, problem: Problem, T: np.ndarray):
        self.problem, self.T = problem, T

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        return self.problem.adjoint(r)[self.T]

    def solve(self, w: np.ndarray, b: np.ndarray) -> np.ndarray | None:
        return conjugate_gradients(lambda d: self.adjoint(w * self.problem.apply(self.T, d)), b)

    def gauss_newton(self, u: np.ndarray, target: np.ndarray, v: np.ndarray) -> np.ndarray:
        def normal(d):  # over the reals: ⟨a, b⟩ is Re aᴴ b
            return self.adjoint(u * (np.conj(u) * self.problem.apply(self.T, d)).real)

        return conjugate_gradients(normal, self.adjoint(u * target), unknowns=2 * len(v))


def conjugate_gradients(matvec: Callable, b: np.ndarray, unknowns: int | None = None) -> np.ndarray | None:
    """Solve from zero; None where a direction of no positive curvature turns up before the solution does."""
    x, r, p = np.zeros_like(b), b.copy(), b.copy()
    square = first = np.vdot(r, r).real
    for _ in range(CG_STEPS * (unknowns or len(b))):
        if square <= CG_RTOL**2 * first:
            break
        q = matvec(p)
        curvature = np.vdot(p, q).real
        if curvature <= 0:
            return None
        x += (square / curvature) * p
        r -= (square / curvature) * q
        previous, square = square, np.vdot(r, r).real
        p = r + (square / previous) * p
    return x


def _by_cholesky(G: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    try:
        factor = scipy.linalg.cho_factor(G, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    if not trusted(factor[0], G):
        return None
    return scipy.linalg.cho_solve(factor, b, check_finite=False)
