"""Basis pursuit: the least ℓ1 norm among all x with A x = y, with a proof where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator
from sparsela._core.prox import prox_l1
from sparsela._core.results import RecoveryResult
from sparsela.recovery._least_squares import on_support
from sparsela.recovery._pareto import pareto
from sparsela.recovery._polish import proved_minimum
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
from sparsela.recovery._row_space import ConjugateGram, pseudo_inverse

METHODS = ("auto", "lp", "admm", "pareto")
LARGEST_LP, AUTO_LP = 2000, 500  # columns
BALANCE_EVERY, GAP_EVERY = 20, 10  # iterations
FIRST_THRESHOLD = 0.1  # of the largest entry of A⁺ y
FIRST_ATTEMPT, SETTLED = 10, 5  # iterations: at all, and on one support
EXPLAINED = 1e-9  # relative residual within which a support is taken to explain y


@dataclass(frozen=True, repr=False, eq=False)
class BasisPursuitResult(RecoveryResult):
    """A solution of ``min ‖x‖₁, A x = y``, and whether it is proved to be the only one.

    Attributes
    ----------
    certified : bool or ndarray of shape (n_targets,)
        Whether a dual vector proves `x` optimal and unique.
    """

    certified: bool | np.ndarray = False


@in_float_range
def basis_pursuit(
    A: Any,
    y: Any,
    *,
    method: str = "auto",
    row_gram: Any = "auto",
    x0: Any = None,
    tol: float = 1e-6,
    max_iter: int = 5000,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> BasisPursuitResult:
    """Minimise ‖x‖₁ subject to A x = y.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex; used as it is.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    method : {"auto", "lp", "admm", "pareto"}, default="auto"
        "lp": a linear program (HiGHS), for a real dense or sparse A of at most 2000 columns; "admm": alternating
        directions, with A⁺; "pareto": :func:`bpdn`'s root finding with sigma = 0, with products alone. "auto": "lp" up
        to 500 columns, "admm" where A⁺ is cheap (``A Aᴴ = c I``, or at most 4096 rows of entries), else "pareto".
    row_gram : {"auto", None} or float, default="auto"
        c where ``A Aᴴ = c I``; see :func:`nst_ht_fb`.
    x0 : ndarray of the shape of x, optional
        Start; None: zero.
    tol : float, default=1e-6
        Stop when the residual and the duality gap are below this share of ``‖y‖`` and of ``‖x‖₁``; usually the exact
        finish comes first.
    max_iter : int, default=5000
        Most iterations.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``objective``); a true value stops. Not of "lp".
    return_history : bool, default=False
        Keep the course of the iteration; that of "lp" is empty.

    Returns
    -------
    BasisPursuitResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``n_matvec``, then
        ``certified``: whether x is proved to be optimal and unique.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has no adjoint.
    ValueError
        If shapes do not fit, an entry is not finite, or the method does not suit A.

    Notes
    -----
    Alternating directions: ``z = soft(x + w, 1/ρ)``, x the point of ``{A x = y}`` nearest to ``z − w``, ``w += x − z``.
    Where ``A Aᴴ = c I`` an iteration takes two applications. Once the support T of z has settled, ``x_T = A_T⁺ y`` and
    ``θ = A_T (A_Tᴴ A_T)⁻¹ sign(x_T)`` are computed: ``|Aᴴ θ| < 1`` off T proves x optimal and unique.

    References
    ----------
    S. Chen, D. Donoho, M. Saunders. Atomic decomposition by basis pursuit. SIAM Journal on Scientific Computing, 1998.

    S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein. Distributed optimization and statistical learning via the
    alternating direction method of multipliers. Foundations and Trends in Machine Learning, 2011.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(600, 200, 20, random_state=0)
    >>> result = basis_pursuit(A, y)
    >>> result.certified, bool(abs(result.x - x).max() < 1e-10)
    (True, True)
    """
    A, y = measured(A, y)
    start = check_start(x0, A, y)
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    run = course(
        "basis_pursuit", tol=tol, max_iter=max_iter, verbose=verbose, callback=callback, return_history=return_history
    )
    real = y.dtype.kind == "f"
    if method == "lp" and not (A.explicit and real and A.shape[1] <= LARGEST_LP):
        raise ValueError(f"method='lp' needs a real dense or sparse A of at most {LARGEST_LP} columns, got {A!r}")
    if method == "auto" and A.explicit and real and A.shape[1] <= AUTO_LP:
        method = "lp"
    back = None
    if method in ("auto", "admm") or method == "lp" and A.shape[0] <= A.shape[1]:
        back = pseudo_inverse(A, row_gram, y.dtype)
        if method != "lp":
            method = "pareto" if method == "auto" and isinstance(back, ConjugateGram) else "admm"
    L = 1.01 * spectral_norm(A) ** 2 if method == "pareto" else None
    proofs = []

    def finish(A, y, x, sigma=0.0, lam=0.0, theta=None):
        return proved_minimum(A, y, x, float(np.linalg.norm(y)) * _explained(y.dtype), theta, back)

    def one(A, y, x0, target):
        if method == "lp":
            outcome, theta = linear_program(A, y)
            outcome.history = {} if run.return_history else None
        elif method == "admm":
            outcome, theta = alternating(A, y, x0, back, run, finish)
        else:
            outcome, theta = pareto(A, y, 0.0, x0, L, run, finish), None
        proved = outcome.x if outcome.proved else finish(A, y, outcome.x, theta=theta)
        proofs.append(proved is not None)
        if proved is not None:
            outcome.x, outcome.converged, outcome.capped = proved, True, False
        return outcome

    found = solve_targets(A, y, one, run, x0=start)
    nonzero = [bool(np.any(column)) for column in (y[:, None] if y.ndim == 1 else y).T]
    remaining = iter(proofs)
    certified = np.array([next(remaining) if some else True for some in nonzero])
    return BasisPursuitResult(*found, certified=bool(certified[0]) if y.ndim == 1 else certified)


def linear_program(A: Operator, y: np.ndarray) -> tuple[Outcome, np.ndarray]:
    """``min 1ᵀ(p + q), A (p − q) = y, p, q ≥ 0`` by HiGHS, and its dual solution."""
    from scipy.optimize import linprog

    full = A.entries
    stacked = sp.hstack([full, -full], format="csc") if sp.issparse(full) else np.hstack([full, -full])
    n = A.shape[1]
    solved = linprog(np.ones(2 * n), A_eq=stacked, b_eq=y, method="highs")
    if solved.x is None:
        raise ValueError(f"y must be in the range of A: the linear program says {solved.message!r}")
    x = (solved.x[:n] - solved.x[n:]).astype(y.dtype)
    return Outcome(x, int(solved.nit), converged=solved.status == 0), solved.eqlin.marginals.astype(y.dtype)


def alternating(A: Operator, y, x0, back, run: Course, finish: Callable) -> tuple[Outcome, np.ndarray]:
    """ADMM for one target, and its dual vector: x satisfies the measurements, z is sparse. `finish` tries z's support
    now and then, and wherever it has settled."""
    tight = run.tol * 0.1

    def project(v):
        return v + back.apply(y - A.matvec(v), tight)

    x = back.apply(y, tight) if x0 is None else project(x0)
    if not x.any():
        raise ValueError("y must be in the range of A, got a y that no column of A has a part in")
    w = np.zeros_like(x)
    rho = 1 / (FIRST_THRESHOLD * float(np.abs(x).max()))
    z, support, still, attempt, state, capped, converged = x, None, 0, FIRST_ATTEMPT, None, True, False
    for state in run.steps():
        z_old = z
        z = prox_l1(x + w, 1 / rho)
        x = project(z - w)
        apart = x - z
        w += apart
        primal, dual = float(np.linalg.norm(apart)), float(np.linalg.norm(z - z_old))
        stop = state.record(residual_norm=primal, objective=float(np.abs(z).sum()), n_matvec=applications(A)).stop
        pattern = np.flatnonzero(z)
        still = still + 1 if support is not None and np.array_equal(pattern, support) else 0
        support = pattern
        if state.n_iter >= attempt and (pattern.size <= A.shape[0] // 4 or still >= SETTLED):
            attempt = 1.5 * state.n_iter
            solved = finish(A, y, z, theta=back.adjoint(rho * w) if still >= SETTLED else None)
            if solved is not None:
                return Outcome(solved, state.n_iter, state.history, converged=True, proved=True), None
        if state.n_iter % GAP_EVERY == 0 and primal <= run.tol * np.linalg.norm(x):
            theta, l1 = back.adjoint(w), float(np.abs(x).sum())
            bound = float(np.vdot(y, theta).real) / float(np.abs(A.rmatvec(theta)).max())
            if l1 - bound <= run.tol * l1:
                capped, converged = False, True
                break
        if stop:
            capped = False
            break
        if state.n_iter % BALANCE_EVERY == 0 and not 0.2 < primal / max(dual, 1e-300) < 5:
            factor = 2.0 if primal > dual else 0.5
            rho *= factor
            w /= factor
    if support.size <= A.shape[0]:  # the sparse one of the two, if it explains y as well
        u, r, _ = on_support(A, y, support.size, 0.0).fit(support, z[support], True)
        if np.linalg.norm(r) <= run.tol * np.linalg.norm(y):
            x = np.zeros_like(x)
            x[support] = u
    return Outcome(x, state.n_iter, state.history, capped, converged=converged), back.adjoint(rho * w)


def _explained(dtype: np.dtype) -> float:
    return EXPLAINED if np.finfo(dtype).eps < 1e-10 else 1e-4
