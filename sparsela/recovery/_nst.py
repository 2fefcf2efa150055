"""Null-space tuning: keep a point that satisfies the measurements, cut it to k entries, feed back what was cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator
from sparsela._core.prox import top_k
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_count, check_positive, check_sparsity
from sparsela.recovery._least_squares import Fit, on_support
from sparsela.recovery._problem import (
    Course,
    Outcome,
    applications,
    check_start,
    course,
    measured,
    solve_targets,
    threads_for,
)
from sparsela.recovery._row_space import ScaledAdjoint, pseudo_inverse

FEEDBACKS = ("exact", "suboptimal")
STEPS = ("leverage", "paper")
HALVINGS = 5  # of the step, when supports repeat in a cycle

DIVERGED = 1e8  # times the measurements: a residual that comes back from there has lost its digits


@in_float_range
def nst_ht(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    step: Any = "leverage",
    row_gram: Any = "auto",
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by null-space tuning with hard thresholding, without feedback.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is, its columns need not have unit norm.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    step : {"leverage", "paper"} or float, default="leverage"
        Diagonal step D; see :func:`nst_ht_fb`.
    row_gram : {"auto", None} or float, default="auto"
        c where ``A Aᴴ = c I``; see :func:`nst_ht_fb`.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``.
    max_iter : int, default=1000
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
        If shapes do not fit, an entry is not finite, or n_nonzero_coefs is out of range.

    Notes
    -----
    ``u ← H_k(u + D A⁺ (y − A u))``: two applications of A and one of A⁺ an iteration, nothing is solved. Linear
    convergence; :func:`nst_ht_fb` needs far fewer iterations.

    References
    ----------
    S. Li, Y. Liu, T. Mi. Fast thresholding algorithms with feedbacks for sparse signal recovery. Applied and
    Computational Harmonic Analysis, 2014.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 10, random_state=0)
    >>> nst_ht(A, y, 10).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    A, y = measured(A, y)
    k = check_sparsity(n_nonzero_coefs, min(A.shape))
    start = check_start(x0, A, y)
    run = course(
        "nst_ht", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history
    )
    with threads_for(A):
        back, D = tuning(A, y, step, row_gram)

    def one(A, y, x0, target):
        return thresholded(A, y, k, back, D, x0, target, run, feedback=None)

    return solve_targets(A, y, one, run, x0=start)


@in_float_range
def nst_ht_fb(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    feedback: str = "exact",
    step: Any = "leverage",
    inner_iter: int = 2,
    row_gram: Any = "auto",
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by null-space tuning with hard thresholding and feedback (NST+HT+FB).

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is, its columns need not have unit norm.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    n_nonzero_coefs : int
        Non-zeros k of x, from 1 to min(n_measurements, n_features).
    feedback : {"exact", "suboptimal"}, default="exact"
        What is cut off comes back by a least-squares solve on the support, or by one gradient step of it: nothing is
        solved, and the convergence is linear.
    step : {"leverage", "paper"} or float, default="leverage"
        Diagonal step D. "leverage": ``1/d_j``, at most ``2 n/m``, with d the diagonal of ``A⁺A``, and where that is not
        at hand (operators, ``A Aᴴ = c I``) ``n/m`` for all; "paper": 1, with which a wrong support is often a fixed
        point when m is much smaller than n.
    inner_iter : int, default=2
        For operators: conjugate gradient steps on a support that still moves.
    row_gram : {"auto", None} or float, default="auto"
        c where ``A Aᴴ = c I``, which makes A⁺ free. "auto" reads the attribute ``A.row_gram`` or finds c by three
        random probes (six applications); None looks for none. Otherwise ``A Aᴴ`` is factored once (up to 4096 rows) or
        solved with by conjugate gradients.
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
        ``x`` (the iterate of least residual), its ``support``, ``n_iter``, ``converged`` (whether the residual is
        below tol; a support that repeats ends the run too, as noise makes it do), ``residual_norm``, ``history``,
        ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, n_nonzero_coefs is out of range, or A contradicts `row_gram`.

    Notes
    -----
    With T the k largest of ``z = u + D A⁺ (y − A u)``, the feedback
    ``u_T = z_T + (A_Tᴴ A_T)⁻¹ A_Tᴴ A_{Tᶜ} z_{Tᶜ}`` is the least squares solution on T, and is computed as such. Where
    supports cycle the step is halved. A⁺ preconditions: singular values of A spread over three decades do no harm where
    they defeat :func:`htp`, :func:`subspace_pursuit` and :func:`omp`. With a dense, well-conditioned A those are
    faster: here ``A Aᴴ`` costs O(n_measurements² n_features) before the first step. With dependent rows, or more rows
    than columns, A⁺ comes from a singular value decomposition (dense) or from conjugate gradients.
    Cost an iteration: O(n_measurements n_features) and the solve; for operators 2 inner_iter + 2 applications.

    References
    ----------
    S. Li, Y. Liu, T. Mi. Fast thresholding algorithms with feedbacks for sparse signal recovery. Applied and
    Computational Harmonic Analysis, 2014.

    Z. Song, S. Li, N. Han. The convergence guarantee of the iterative thresholding algorithm with suboptimal feedbacks
    for large systems. 2017.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 40, random_state=0)
    >>> result = nst_ht_fb(A, y, 40)
    >>> result.converged, bool(abs(result.x - x).max() < 1e-10)
    (True, True)
    """
    A, y = measured(A, y)
    k = check_sparsity(n_nonzero_coefs, min(A.shape))
    if feedback not in FEEDBACKS:
        raise ValueError(f"feedback must be one of {FEEDBACKS}, got {feedback!r}")
    inner_iter = check_count(inner_iter, "inner_iter")
    start = check_start(x0, A, y)
    run = course(
        "nst_ht_fb", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history
    )
    with threads_for(A):
        back, D = tuning(A, y, step, row_gram)
    weight = eigenvalue_step(A, k, back) if feedback == "suboptimal" else None

    def one(A, y, x0, target):
        if feedback == "suboptimal":
            return thresholded(A, y, k, back, D, x0, target, run, feedback=weight)
        return with_feedback(A, y, k, back, D, x0, target, run, inner_iter)

    return solve_targets(A, y, one, run, x0=start)


def nst_path(A: Any, y: np.ndarray, sizes: list[int], **keywords) -> np.ndarray:
    """The solutions of :func:`nst_ht_fb` for increasing sizes, (n_features, n_sizes), each started from the one before;
    A⁺ is prepared once."""
    A, y = measured(A, y)
    run = course("nst_ht_fb", **{"tol": 1e-6, "max_iter": 100, **keywords})
    X, x0 = np.zeros((A.shape[1], len(sizes)), y.dtype), None
    with threads_for(A):
        back, D = tuning(A, y, "leverage", "auto")
        for i, k in enumerate(sizes):
            x0 = with_feedback(A, y, k, back, D, x0, run.tol * float(np.linalg.norm(y)), run, 2).x
            X[:, i] = x0
            x0 = x0.copy()
    return X


def tuning(A: Operator, y: np.ndarray, step: Any, row_gram: Any):
    """The pseudo-inverse of A and the diagonal step D."""
    if isinstance(step, str):
        if step not in STEPS:
            raise ValueError(f"step must be one of {STEPS} or a positive number, got {step!r}")
    else:
        step = check_positive(step, "step")
    back = pseudo_inverse(A, row_gram, y.dtype)
    if step == "paper":
        return back, 1.0
    if not isinstance(step, str):
        return back, step
    d = back.leverage()
    most = max(1.0, 2 / np.mean(d))  # twice n/m, where the rows are independent
    return back, 1 / np.maximum(d, 1 / most)


def with_feedback(A, y, k, back, D, x0, target, run: Course, inner_iter) -> Outcome:
    """NST+HT+FB for one target."""
    size = np.linalg.norm(y)
    solver = on_support(A, y, k, target, inner_iter=inner_iter)
    u = np.zeros(A.shape[1], y.dtype) if x0 is None else x0
    T = np.flatnonzero(u)
    fit = Fit(u[T], y - A.matvec(u) if T.size else y)
    best, least, best_T = fit, np.linalg.norm(fit.r) if T.size else np.inf, T
    seen, halvings, factor, capped = set(), 0, 1.0, True

    def largest(fit, T):
        z = back.apply(fit.r, float(np.linalg.norm(fit.r) / size), fit.correlations)
        z *= factor * D
        z[T] += fit.u
        return z, top_k(z, k)

    state = None
    for state in run.steps():
        z, T_new = largest(fit, T)
        repeated = np.array_equal(T_new, T)
        changed = k - np.intersect1d(T, T_new, assume_unique=True).size
        start = z[T_new]
        kept = np.isin(T_new, T, assume_unique=True)
        start[kept] = fit.u[np.isin(T, T_new, assume_unique=True)]
        fit, T = solver.fit(T_new, start, repeated), T_new
        norm = np.linalg.norm(fit.r)
        if norm < least:
            best, least, best_T = fit, norm, T
        stop = state.record(residual_norm=float(norm), support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop:
            capped = False
            break
        if repeated:  # solved exactly now: a fixed point, unless the exact residual moves the support on
            if solver.exact or np.array_equal(largest(fit, T)[1], T):
                capped = False
                break
            continue
        name = T.tobytes()
        if name in seen:
            if halvings == HALVINGS:
                capped = False
                break
            halvings, factor = halvings + 1, factor / 2
            seen.clear()
            fit, T = best, best_T
        seen.add(name)
    if not solver.exact and least > target:
        best = solver.fit(best_T, best.u, True)
    return Outcome(scattered(A, y, best_T, best.u), state.n_iter, state.history, capped)


def thresholded(A, y, k, back, D, x0, target, run: Course, feedback) -> Outcome:
    """``u ← H_k(z)``, z on the way back to the measurements; then, with feedback λ, ``u_T += λ A_T* (y − A_T z_T)``."""
    size = np.linalg.norm(y)
    u = np.zeros(A.shape[1], y.dtype) if x0 is None else x0
    T = np.flatnonzero(u)
    r = y - A.matvec(u) if T.size else y
    best, least = u[T], np.linalg.norm(r) if T.size else np.inf
    best_T, capped, state = T, True, None
    for state in run.steps():
        z = back.apply(r, float(np.linalg.norm(r) / size))
        z *= D
        z += u
        T_new = top_k(z, k)
        u[T] = 0
        u[T_new] = z[T_new]
        changed = k - np.intersect1d(T, T_new, assume_unique=True).size
        T = T_new
        r = y - A.matvec(u)
        if feedback is not None:
            u[T] += feedback * A.rmatvec(r)[T]
            r = y - A.matvec(u)
        norm = np.linalg.norm(r)
        if norm < least:
            best, least, best_T = u[T].copy(), norm, T
        elif norm > DIVERGED * max(size, least):  # the rows are so dependent that D A⁺ A expands
            break
        stop = state.record(residual_norm=float(norm), support_change=changed, n_matvec=applications(A)).stop
        if norm <= target or stop:
            capped = False
            break
    return Outcome(scattered(A, y, best_T, best), state.n_iter, state.history, capped)


def gradient_fit(A: Operator, y: np.ndarray, T: np.ndarray, u: np.ndarray, weight: float) -> Fit:
    """One gradient step of the least squares problem on T."""
    x = scattered(A, y, T, u)
    x[T] += weight * A.rmatvec(y - A.matvec(x))[T]
    return Fit(x[T], y - A.matvec(x))


def eigenvalue_step(A: Operator, k: int, back) -> float:
    """λ of the suboptimal feedback: 2 / (λ_min + λ_max) of ``A_T* A_T`` for a random T, by ten Lanczos steps."""
    m, n = A.shape
    if isinstance(back, ScaledAdjoint):
        return n / (back.c * m)
    rng = np.random.default_rng(0)
    T = np.sort(rng.choice(n, k, replace=False))
    values = lanczos(lambda u: A.rmatvec(A.apply_support(T, u))[T], rng.standard_normal(k).astype(A.dtype), min(10, k))
    return float(2 / (max(values[0], 0) + values[-1]))


def lanczos(apply: Callable, v: np.ndarray, n_steps: int) -> np.ndarray:
    """Ritz values of a Hermitian operator, ascending, after some Lanczos steps from v (fully reorthogonalised)."""
    V, alphas, betas = [v / np.linalg.norm(v)], [], []
    for _ in range(n_steps):
        w = apply(V[-1])
        alphas.append(np.vdot(V[-1], w).real)
        for _ in range(2):
            for q in V:
                w = w - np.vdot(q, w) * q
        beta = np.linalg.norm(w)
        if beta <= 1e-7 * max(abs(a) for a in alphas):
            break
        betas.append(beta)
        V.append(w / beta)
    n = len(alphas)
    return np.linalg.eigvalsh(np.diag(alphas) + np.diag(betas[: n - 1], 1) + np.diag(betas[: n - 1], -1))


def scattered(A: Operator, y: np.ndarray, T: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The vector that is u on T and zero elsewhere, (n,), in y's precision."""
    x = np.zeros(A.shape[1], y.dtype)
    x[T] = u
    return x
