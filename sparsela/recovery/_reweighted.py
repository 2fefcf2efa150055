"""Beyond ℓ1 by a sequence of weighted problems: reweighted ℓ1, and iteratively reweighted least squares."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import CountingOperator, Operator
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_count, check_positive
from sparsela.recovery._basis_pursuit import basis_pursuit
from sparsela.recovery._least_squares import on_support
from sparsela.recovery._pareto import bpdn
from sparsela.recovery._problem import (
    Course,
    Outcome,
    ScaledOperator,
    applications,
    course,
    measured,
    solve_targets,
)
from sparsela.recovery._row_space import LARGEST_FACTOR

LEAST_EPSILON = 1e-3  # of the largest coefficient
LAST_EPSILON = 1e-8  # of IRLS, y of unit norm


@in_float_range
def reweighted_l1(
    A: Any,
    y: Any,
    *,
    sigma: float = 0.0,
    n_reweight: int = 4,
    epsilon: Any = "adaptive",
    tol: float = 1e-6,
    max_iter: int = 5000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve a sequence of weighted ℓ1 problems, the weights large where x was small.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    sigma : float, default=0.0
        Bound on the residual norm; 0: ``A x = y``.
    n_reweight : int, default=4
        Times that the weights are set anew, after the first problem.
    epsilon : "adaptive" or float, default="adaptive"
        ε in the weights ``1 / (|x_i| + ε)``; "adaptive": the i₀-th largest ``|x_i|``, ``i₀ = m / (4 ln(n/m))``, and at
        least 1e-3 of the largest.
    tol : float, default=1e-6
        Of each problem, as in :func:`basis_pursuit` and :func:`bpdn`.
    max_iter : int, default=5000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``objective``, ``epsilon``, one state a problem); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter`` (problems solved), ``converged``, ``residual_norm``, ``history``,
        ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or sigma is negative, n_reweight below 1 or epsilon not
        positive.

    Notes
    -----
    With ``W = diag(w)``, ``min ‖W x‖₁`` is ℓ1 over ``A W⁻¹``. It recovers signals with more non-zeros than
    :func:`basis_pursuit`, at a few times its cost.

    References
    ----------
    E. Candès, M. Wakin, S. Boyd. Enhancing sparsity by reweighted ℓ1 minimization. Journal of Fourier Analysis and
    Applications, 2008.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 100, 36, random_state=0)
    >>> bool(abs(reweighted_l1(A, y).x - x).max() < 1e-6)
    True
    """
    A, y = measured(A, y)
    sigma, n_reweight = check_positive(sigma, "sigma", allow_zero=True), check_count(n_reweight, "n_reweight")
    if not (isinstance(epsilon, str) and epsilon == "adaptive"):
        epsilon = check_positive(epsilon, "epsilon")
    inner = {"tol": tol, "max_iter": max_iter}
    run = course(
        "reweighted_l1",
        tol=tol,
        max_iter=n_reweight + 1,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    course("reweighted_l1", **inner)  # its max_iter is that of a problem

    def one(A, y, x0, target):
        return _reweighted(A, y, sigma, epsilon, run, inner)

    return solve_targets(A, y, one, run)


def _reweighted(A: CountingOperator, y, sigma: float, epsilon: Any, run: Course, inner: dict) -> Outcome:
    m, n = A.shape
    rank = int(np.clip(m / (4 * np.log(n / m)), 1, n)) if n > m else min(m, n)
    weights, x, converged, state = np.ones(n, np.finfo(y.dtype).dtype), None, False, None
    for state in run.steps():
        weighted = A if x is None else ScaledOperator(A, weights)
        start = None if x is None else weights * x
        if sigma > 0:
            solved = bpdn(weighted, y, sigma, x0=start, **inner)
        else:
            solved = basis_pursuit(weighted, y, x0=start, **inner)
        x, converged = solved.x / weights, bool(solved.converged)
        sizes = np.abs(x)
        eps = epsilon
        if isinstance(epsilon, str):
            eps = max(float(np.partition(sizes, n - rank)[n - rank]), LEAST_EPSILON * float(sizes.max()))
        stop = state.record(objective=float(sizes.sum()), epsilon=eps, n_matvec=applications(A)).stop
        if stop or eps == 0:
            break
        weights = (1 / (sizes + eps)).astype(weights.dtype)
        weights /= weights.max()
    return Outcome(x, state.n_iter, state.history, converged=converged)


@in_float_range
def irls(
    A: Any,
    y: Any,
    *,
    p: float = 0.5,
    tol: float = 1e-6,
    max_iter: int = 500,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Minimise ``Σ |x_i|^p`` subject to A x = y by iteratively reweighted least squares (IRLS).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    p : float, default=0.5
        Exponent, in (0, 1]; below 1 the problem is not convex and the answer is a local minimum.
    tol : float, default=1e-6
        ``‖y − A x‖ ≤ tol · ‖y‖`` is required of the answer; the iteration ends when ε is below 1e-8.
    max_iter : int, default=500
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``epsilon``); a true value stops.
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
        If shapes do not fit, an entry is not finite, or p is not in (0, 1].

    Notes
    -----
    ``x ← Q Aᴴ (A Q Aᴴ)⁻¹ y`` with ``Q = diag((|x|² + ε)^(1 − p/2))``, where ε falls tenfold whenever x hardly moves. A
    Cholesky factor of an n_measurements² matrix an iteration, O(n_measurements² n_features); for operators conjugate
    gradients from the last solution. y is brought to unit norm first, since ε is absolute. At the end the fewest of the
    largest coefficients that explain y, if there are such, are solved for and the others set to zero, where that does
    not raise the objective.

    References
    ----------
    R. Chartrand, W. Yin. Iteratively reweighted algorithms for compressive sensing. ICASSP, 2008.

    I. Daubechies, R. DeVore, M. Fornasier, C. S. Güntürk. Iteratively reweighted least squares minimization for sparse
    recovery. Communications on Pure and Applied Mathematics, 2010.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 100, 40, random_state=0)
    >>> bool(abs(irls(A, y).x - x).max() < 1e-5)
    True
    """
    A, y = measured(A, y)
    p = check_positive(p, "p")
    if p > 1:
        raise ValueError(f"p must be in (0, 1], got {p:g}")
    run = course("irls", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history)

    def one(A, y, x0, target):
        return _irls(A, y, p, run)

    return solve_targets(A, y, one, run)


def _irls(A: Operator, y, p: float, run: Course) -> Outcome:
    size = float(np.linalg.norm(y))
    y = y / size
    n, eps, x, dual = A.shape[1], 1.0, None, np.zeros_like(y)
    q = np.ones(n, np.finfo(y.dtype).dtype)
    state, capped = None, True
    for state in run.steps():
        dual = weighted_solve(A, q, y, dual)
        x_new = q * A.rmatvec(dual)
        moved = np.inf if x is None else float(np.linalg.norm(x_new - x))
        x = x_new
        norm = size * float(np.linalg.norm(y - A.matvec(x)))
        if state.record(residual_norm=norm, epsilon=eps, n_matvec=applications(A)).stop:
            capped = False
            break
        if moved <= np.sqrt(eps) / 100 * np.linalg.norm(x):
            eps /= 10
            if eps < LAST_EPSILON:
                capped = False
                break
        q = ((np.abs(x) ** 2 + eps) ** (1 - p / 2)).astype(q.dtype)
    return Outcome(size * sparsest(A, y, x, p, run.tol), state.n_iter, state.history, capped)


def sparsest(A: Operator, y: np.ndarray, x: np.ndarray, p: float, tol: float) -> np.ndarray:
    """The fewest of x's largest coefficients that, solved for anew, explain y at no larger Σ |x|^p; else x itself."""
    sizes = np.abs(x)
    for share in np.geomspace(1e-1, 1e-5, 9):
        T = np.flatnonzero(sizes > share * sizes.max())
        if T.size > A.shape[0] // 2:
            break
        u, r, _ = on_support(A, y, T.size, 0.0).fit(T, x[T], True)
        if np.linalg.norm(r) <= tol * np.linalg.norm(y):
            found = np.zeros_like(x)
            found[T] = u
            return found if (np.abs(u) ** p).sum() <= (sizes**p).sum() else x
    return x


def weighted_solve(A: Operator, q: np.ndarray, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """``(A diag(q) A*)⁻¹ y``."""
    if A.explicit and A.shape[0] <= LARGEST_FACTOR:
        full = A.entries
        if sp.issparse(full):
            G = (full.multiply(q) @ full.conj().T).toarray()
        else:
            half = full * np.sqrt(q)
            G = half @ half.conj().T
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", scipy.linalg.LinAlgWarning)  # few digits are right: least squares then
                return scipy.linalg.solve(G, y, assume_a="pos", check_finite=False)
        except (np.linalg.LinAlgError, scipy.linalg.LinAlgWarning):
            return scipy.linalg.lstsq(G, y, check_finite=False)[0]
    m = A.shape[0]
    gram = LinearOperator((m, m), matvec=lambda r: A.matvec(q * A.rmatvec(r)), dtype=y.dtype)
    return cg(gram, y, x0=start, rtol=1e-10, maxiter=10 * m)[0]
