"""Sparse Bayesian learning: a variance for every coefficient, learned from the evidence; most of them vanish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import CountingOperator
from sparsela._core.results import RecoveryResult, support_of
from sparsela._core.validation import check_positive
from sparsela.recovery._gradient import squares
from sparsela.recovery._problem import (
    Course,
    applications,
    course,
    measured,
    threads_for,
    warn_unconverged,
)

UPDATES = ("em", "mackay")
START = 10.0  # times the variance that explains the data: from 1, true small coefficients are pruned at once
NOISE_START, NOISE_FLOOR = 0.1, 1e-8  # of var(y); of ‖y‖²/m
DELAY = 10  # iterations of EM before the noise is learned, and before MacKay's update
SWEEPS = 10  # of exact coordinate updates at the end
STRIP = 1024  # columns solved for at once


@dataclass(frozen=True, repr=False, eq=False)
class SparseBayesResult(RecoveryResult):
    """The posterior mean, and the variances that were learned.

    Attributes
    ----------
    variances : ndarray of shape (n_features,) or (n_features, n_targets)
        Prior variances γ of the coefficients; 0 where a coefficient is not there.
    noise_variance : float or ndarray of shape (n_targets,)
        σ², given or learned.
    std : ndarray of the shape of variances, or None
        Posterior standard deviations of the coefficients.
    """

    variances: np.ndarray | None = None
    noise_variance: float | np.ndarray = np.nan
    std: np.ndarray | None = None


@in_float_range
def sbl(
    A: Any,
    y: Any,
    *,
    noise_variance: float | None = None,
    update: str = "em",
    prune: float = 1e-3,
    joint: bool = False,
    tol: float = 1e-4,
    max_iter: int = 500,
    return_std: bool = False,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> SparseBayesResult:
    """Solve y = A x + e by sparse Bayesian learning: no sparsity to give, and error bars.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    noise_variance : float, optional
        Variance σ² of the entries of e, positive; None: learned.
    update : {"em", "mackay"}, default="em"
        "em" raises the evidence at every iteration; MacKay's fixed point, after ten of those, is faster and need not.
    prune : float, default=1e-3
        In [0, 1): a coefficient leaves when its variance falls below this share of the largest. At 1e-3 coefficients
        below 3 % of the largest are lost; at 1e-5 "em" keeps about three times too many.
    joint : bool, default=False
        One set of variances, thus one support, for all targets (M-SBL); False: each target by itself.
    tol : float, default=1e-4
        Stop when the variances change by less than this, relatively.
    max_iter : int, default=500
        Most iterations.
    return_std : bool, default=False
        Give the posterior standard deviations too.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``evidence``, ``n_active``, ``noise_variance``); a true value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    SparseBayesResult
        ``x`` (the posterior mean), its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``,
        ``n_matvec``, then ``variances``, ``noise_variance``, ``std``.

    Raises
    ------
    TypeError
        If A is a LinearOperator: the posterior needs its columns.
    ValueError
        If shapes do not fit, an entry is not finite, noise_variance is not positive, or update or prune is out of
        range.

    Notes
    -----
    ``x_i ~ N(0, γ_i)``, ``e ~ N(0, σ² I)``; γ minimises ``log det C + yᴴ C⁻¹ y`` with ``C = σ² I + A Γ Aᴴ``. A Cholesky
    factor of C an iteration, O(n_measurements² k) for k coefficients that are left (of a k × k matrix once k is below
    n_measurements), and no matrix of n_features². At the end each γ_i is set to its exact optimum in turn, which
    removes those that EM lets die slowly.

    References
    ----------
    M. Tipping. Sparse Bayesian learning and the relevance vector machine. Journal of Machine Learning Research, 2001.

    D. Wipf, B. Rao. An empirical Bayesian strategy for solving the simultaneous sparse approximation problem. IEEE
    Transactions on Signal Processing, 2007.

    M. Tipping, A. Faul. Fast marginal likelihood maximisation for sparse Bayesian models. AISTATS, 2003.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(200, 100, 8, signal="sign", noise=0.01, random_state=0)
    >>> sbl(A, y).support.tolist() == x.nonzero()[0].tolist()
    True
    """
    A, y = measured(A, y)
    if not A.explicit:
        raise TypeError("A must be a dense or sparse array, as the posterior needs its columns, got an operator")
    if update not in UPDATES:
        raise ValueError(f"update must be one of {UPDATES}, got {update!r}")
    if noise_variance is not None:
        noise_variance = check_positive(noise_variance, "noise_variance")
    prune = check_positive(prune, "prune", allow_zero=True)
    if prune >= 1:
        raise ValueError(f"prune must be below 1, got {prune:g}")
    run = course("sbl", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history)
    Y = y[:, None] if y.ndim == 1 else y
    groups = [np.arange(Y.shape[1])] if joint else [np.array([t]) for t in range(Y.shape[1])]
    with threads_for(A):
        posteriors = [_learn(A, np.ascontiguousarray(Y[:, g]), noise_variance, update, prune, run) for g in groups]
    return _assemble(A, y, posteriors, run, return_std)


@dataclass
class Posterior:
    """What is known of the targets of one group: the columns that are left, their variances and coefficients."""

    T: np.ndarray
    gamma: np.ndarray
    sigma2: float
    mean: np.ndarray  # (k, t)
    var: np.ndarray  # (k,) diagonal of the posterior covariance
    evidence: float = np.nan
    n_iter: int = 0
    converged: bool = False
    history: dict | None = None


def _learn(A: CountingOperator, Y, noise_variance, update: str, prune: float, run: Course) -> Posterior:
    m, n = A.shape
    t, energy = Y.shape[1], float(squares(Y).sum())
    if energy == 0:
        empty = np.empty(0)
        course = {} if run.return_history else None
        none = np.empty(0, np.intp)
        return Posterior(none, empty, noise_variance or 0.0, np.empty((0, t)), empty, converged=True, history=course)
    squared_norms = A.column_norms().astype(np.float64) ** 2
    T = np.flatnonzero(squared_norms)
    gamma = np.full(T.size, START * energy / t / squared_norms.sum())
    floor = NOISE_FLOOR * energy / (m * t)
    sigma2 = noise_variance or max(NOISE_START * float(np.var(Y)), floor)
    C, state, converged = columns_of(A, T), None, False
    for state in run.steps():
        kept = gamma >= prune * gamma.max()
        if not kept.all():
            T, gamma, C = T[kept], gamma[kept], C[:, kept]
        p = posterior(C, Y, gamma, sigma2)
        p.T = T
        well_determined = 1 - p.var / gamma
        power = squares(p.mean.T) / t
        em = update == "em" or state.n_iter <= DELAY  # far from the answer the fixed point throws true ones away
        new = p.var + power if em else power / np.maximum(well_determined, np.finfo(float).tiny)
        if noise_variance is None and state.n_iter > DELAY:
            missed = float(squares(Y - C @ p.mean).sum()) / t
            sigma2 = max((missed + sigma2 * float(well_determined.sum())) / m, floor)
        change = float(np.linalg.norm(new - gamma) / np.linalg.norm(gamma))
        stop = state.record(evidence=p.evidence, n_active=T.size, noise_variance=sigma2).stop
        gamma = new
        if change <= run.tol and (noise_variance is not None or state.n_iter > DELAY):
            converged = True
            break
        if stop:
            break
    gamma = coordinate_sweeps(C, Y, gamma, sigma2)
    kept = gamma > 0
    p = posterior(C[:, kept], Y, gamma[kept], sigma2)
    p.T, p.sigma2, p.n_iter, p.converged, p.history = T[kept], sigma2, state.n_iter, converged, state.history
    return p


def columns_of(A: CountingOperator, T: np.ndarray):
    """The columns that take part: A itself where all do, sparse where A is."""
    if T.size == A.shape[1]:
        full = A.entries
        return full.tocsc() if sp.issparse(full) else full
    return A.columns(T)


def posterior(C, Y: np.ndarray, gamma: np.ndarray, sigma2: float) -> Posterior:
    """Mean, variances and log evidence (twice, without its constant) for the columns C with prior variances gamma."""
    m, k = C.shape
    root = np.sqrt(gamma)
    half = C.multiply(root).tocsc() if sp.issparse(C) else C * root
    if k < m:
        G = half.conj().T @ half
        S = (G.toarray() if sp.issparse(G) else G) / sigma2 + np.eye(k)
        L = np.linalg.cholesky(S)
        b = half.conj().T @ Y
        scaled = scipy.linalg.cho_solve((L, True), b, check_finite=False) / sigma2
        inverse = scipy.linalg.solve_triangular(L, np.eye(k), lower=True, check_finite=False)
        var = gamma * np.einsum("ij,ij->j", inverse.conj(), inverse).real
        misfit = (float(squares(Y).sum()) - float(np.vdot(b, scaled).real)) / sigma2
        log_det = m * np.log(sigma2)
    else:
        G = half @ half.conj().T
        S = (G.toarray() if sp.issparse(G) else G) + sigma2 * np.eye(m)
        L = np.linalg.cholesky(S)
        z = scipy.linalg.cho_solve((L, True), Y, check_finite=False)
        scaled = half.conj().T @ z
        var = 1 - explained(L, half)
        var = gamma * np.maximum(var, 0)
        misfit, log_det = float(np.vdot(Y, z).real), 0.0
    log_det += 2 * float(np.log(np.diagonal(L).real).sum())
    evidence = -Y.shape[1] * log_det - misfit
    return Posterior(np.empty(0, np.intp), gamma, sigma2, root[:, None] * scaled, var, evidence)


def explained(L: np.ndarray, half) -> np.ndarray:
    """``‖L⁻¹ c‖²`` of every column c. A dense `half` is overwritten, whichever way it lies in memory; a sparse one is
    taken in strips."""
    if sp.issparse(half):
        found = np.empty(half.shape[1])
        for start in range(0, half.shape[1], STRIP):
            strip = half[:, start : start + STRIP].toarray()
            W = scipy.linalg.solve_triangular(L, strip, lower=True, check_finite=False)
            found[start : start + STRIP] = np.einsum("ij,ij->j", W.conj(), W).real
        return found
    (trsm,) = scipy.linalg.get_blas_funcs(("trsm",), (half,))
    if half.flags.f_contiguous:
        W = trsm(1.0, L, half, lower=1, overwrite_b=1)
    else:
        W = trsm(1.0, L, half.T, side=1, lower=1, trans_a=1, overwrite_b=1).T
    return np.einsum("ij,ij->j", W.conj(), W).real


def coordinate_sweeps(C, Y: np.ndarray, gamma: np.ndarray, sigma2: float) -> np.ndarray:
    """Each variance at its optimum given the others, in turn: with ``s = a* C₋ᵢ⁻¹ a``, ``q = a* C₋ᵢ⁻¹ y``,
    ``γ = max(0, (|q|² − s) / s²)``. C⁻¹ follows by rank-one updates."""
    gamma, m = gamma.copy(), C.shape[0]
    dense = C.toarray() if sp.issparse(C) else np.asarray(C)
    inverse = np.linalg.inv(dense * gamma @ dense.conj().T + sigma2 * np.eye(m))
    t = Y.shape[1]
    for _ in range(SWEEPS):
        before = gamma.copy()
        for i in range(gamma.size):
            if gamma[i] == 0:
                continue
            v = inverse @ dense[:, i]
            S, Q = float(np.vdot(dense[:, i], v).real), v.conj() @ Y
            apart = 1 - gamma[i] * S
            s, q2 = S / apart, float(squares(Q).sum()) / (t * apart**2)
            new = max(0.0, (q2 - s) / s**2)
            step = new - gamma[i]
            inverse -= (step / (1 + step * S)) * np.outer(v, v.conj())
            gamma[i] = new
        if np.linalg.norm(gamma - before) <= 1e-6 * np.linalg.norm(gamma):
            break
    return gamma


def _assemble(A: CountingOperator, y, posteriors: list[Posterior], run: Course, return_std: bool) -> SparseBayesResult:
    n, n_targets = A.shape[1], 1 if y.ndim == 1 else y.shape[1]
    x, gamma = np.zeros((n, n_targets), y.dtype), np.zeros((n, n_targets))
    std = np.zeros((n, n_targets)) if return_std else None
    each = []
    for p in posteriors:
        targets = np.arange(len(each), len(each) + p.mean.shape[1])
        x[np.ix_(p.T, targets)] = p.mean
        gamma[np.ix_(p.T, targets)] = p.gamma[:, None]
        if return_std:
            std[np.ix_(p.T, targets)] = np.sqrt(p.var)[:, None]
        each += [p] * targets.size
    Y = y[:, None] if y.ndim == 1 else y
    residuals = np.sqrt(squares(Y - A.matmat(x)))
    n_open = sum(not p.converged and p.n_iter >= run.max_iter for p in each)
    if n_open:
        warn_unconverged(run, n_open, n_targets, residuals / np.maximum(np.sqrt(squares(Y)), np.finfo(float).tiny))
    histories = tuple(p.history for p in each)
    if y.ndim == 1:
        p = each[0]
        return SparseBayesResult(
            x[:, 0], support_of(x[:, 0]), p.n_iter, p.converged, float(residuals[0]), p.history, applications(A),
            gamma[:, 0], p.sigma2, None if std is None else std[:, 0],
        )  # fmt: skip
    return SparseBayesResult(
        x,
        support_of(x),
        np.array([p.n_iter for p in each]),
        np.array([p.converged for p in each]),
        residuals,
        histories if run.return_history else None,
        applications(A),
        gamma,
        np.array([p.sigma2 for p in each]),
        std,
    )
