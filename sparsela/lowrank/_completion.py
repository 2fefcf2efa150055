"""Completion of a matrix of low rank from some of its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.results import Result
from sparsela._core.validation import check_count, check_positive
from sparsela.lowrank._als import SOLVERS as ALTERNATING
from sparsela.lowrank._als import als, start_at_random, start_from_svd
from sparsela.lowrank._observed import Observed, observed_of
from sparsela.lowrank._soft_impute import soft_impute

SOLVERS = (*ALTERNATING, "soft-impute")
STARTS = {"svd": start_from_svd, "random": start_at_random}


@dataclass(frozen=True, repr=False, eq=False)
class CompletionResult(Result):
    """A matrix of low rank, ``row_factors @ column_factors.T``, that fits what was seen.

    Attributes
    ----------
    row_factors : ndarray of shape (m, rank)
        One row for each row of X.
    column_factors : ndarray of shape (n, rank)
        One row for each column of X.
    n_iter : int
        Sweeps (steps, of "soft-impute").
    converged : bool
        Whether the objective settled.
    residual_norm : float
        Norm of the error on the entries that were seen.
    history : dict of equally long ndarrays, or None
        ``objective`` and ``residual_norm`` after each sweep; None unless asked for.
    objective : float
        What was minimised.

    Examples
    --------
    >>> CompletionResult(np.ones((4, 2)), np.ones((3, 2)), 7, True, 0.5, None, 0.25).n_iter
    7
    """

    row_factors: np.ndarray
    column_factors: np.ndarray
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, np.ndarray] | None = None
    objective: float = np.nan


@in_float_range
def complete(
    X: Any,
    rank: int,
    *,
    solver: str = "als-cg",
    alpha: float = 0.0,
    init: str = "svd",
    max_iter: int = 50,
    n_inner_iter: int = 3,
    tol: float = 1e-6,
    random_state=None,
    verbose: int | None = 0,
    callback=None,
    return_history: bool = False,
) -> CompletionResult:
    """Fill in a matrix of low rank from some of its entries.

    Parameters
    ----------
    X : {ndarray, sparse array} of shape (m, n)
        What was seen: the stored entries of a sparse X (zeros that are stored count), or the entries of an array that
        are not NaN.
    rank : int
        Columns k of the factors, at most min(m, n). The most that "soft-impute" may take.
    solver : {"als-cg", "als", "als-sketch", "soft-impute"}, default="als-cg"
        Alternating least squares, each row of a factor by a few steps of conjugate gradients from where it is, by
        Cholesky, or preconditioned by a sketch where the row has 4 k entries or more; or the nuclear norm.
    alpha : float, default=0.0
        Weight of the penalty. For "soft-impute" λ as a share of the least λ that gives zero.
    init : {"svd", "random"}, default="svd"
        Start of alternating least squares: the truncated SVD of the matrix with zeros for what is missing, or Gaussian.
    max_iter : int, default=50
        Most sweeps; of "soft-impute", most steps at each of ten penalties.
    n_inner_iter : int, default=3
        Steps of "als-cg".
    tol : float, default=1e-6
        Stop when the objective changes by less than this part of itself in a sweep.
    random_state : None, int, RandomState or Generator, default=None
        Seed of the start and of the sketches.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    callback : callable, optional
        Called each sweep with a state that has ``objective`` and ``residual_norm``; a true value stops.
    return_history : bool, default=False
        Keep both.

    Returns
    -------
    CompletionResult
        ``row_factors, column_factors, n_iter, converged, residual_norm, history, objective``.

    Raises
    ------
    TypeError
        If X is no array or has complex entries, or a number has the wrong type.
    ValueError
        If nothing was seen, a stored entry is NaN, an entry is infinite, rank is above min(m, n), or a parameter is out
        of range.

    Warns
    -----
    ConvergenceWarning
        If the objective still moves after `max_iter` sweeps; the last factors are returned.

    See Also
    --------
    MatrixCompletion : With biases of rows and columns, and predictions.
    robust_pca : Where entries are wrong, and not missing.

    Notes
    -----
    Alternating least squares minimises

    .. math:: \\sum_{(i,j) \\in \\Omega} (x_{ij} - u_i^T v_j)^2
              + \\alpha \\sum_i |\\Omega_i| \\|u_i\\|^2 + \\alpha \\sum_j |\\Omega_j| \\|v_j\\|^2.

    A sweep of "als" costs O(abs(Ω) k² + (m + n) k³). One of "als-cg" costs O(abs(Ω) k): inexact steps keep the linear
    convergence of exact ones as long as their error is small [1]_, and a warm start makes it so. "als-sketch" solves
    each row to a relative 1e-6 in a number of steps that does not depend on how ill-conditioned V is. With α = 0 a row
    of fewer than k entries gets the shortest solution. Recovery needs some multiple of (m + n) k entries; below it any
    factorization fits what was seen.

    "soft-impute" minimises ``½ Σ (x_ij − z_ij)² + λ‖Z‖_*`` [3]_ down a path of ten penalties. The filled matrix is a
    sparse one plus one of low rank, and is never formed.

    References
    ----------
    .. [1] Y. Gu, Z. Song, J. Yin, L. Zhang. Low rank matrix completion via robust alternating minimization in nearly
       linear time. ICLR, 2024. arXiv 2302.11068.
    .. [2] P. Jain, P. Netrapalli, S. Sanghavi. Low-rank matrix completion using alternating minimization. STOC, 2013.
    .. [3] R. Mazumder, T. Hastie, R. Tibshirani. Spectral regularization algorithms for learning large incomplete
       matrices. JMLR, 2010.
    .. [4] G. Takács, I. Pilászy, D. Tikk. Applications of the conjugate gradient method for implicit feedback
       collaborative filtering. RecSys, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import complete
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 50))
    >>> X = np.where(rng.random(truth.shape) < 0.4, truth, np.nan)
    >>> result = complete(X, 2, random_state=0)
    >>> bool(np.abs(result.row_factors @ result.column_factors.T - truth).max() < 1e-6)
    True
    """
    matrix = observed_of(X)
    k = check_count(rank, "rank", high=min(matrix.shape))
    alpha = check_positive(alpha, "alpha", allow_zero=True)
    tol = check_positive(tol, "tol", allow_zero=True)
    how = {"max_iter": check_count(max_iter, "max_iter"), "n_inner_iter": check_count(n_inner_iter, "n_inner_iter")}
    for name, value, known in (("solver", solver, SOLVERS), ("init", init, tuple(STARTS))):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")
    course = {"verbose": verbose, "callback": callback, "return_history": return_history}
    seed = seed_from(random_state)
    return CompletionResult(
        *factorize(Observed(matrix), k, solver, init, alpha=alpha, tol=tol, seed=seed, **how, **course)
    )


def factorize(seen, k, solver, init, *, n_inner_iter, seed, n_jobs=None, **how):
    if solver == "soft-impute":
        return soft_impute(seen, k, seed=seed, n_jobs=n_jobs, stacklevel=4, **how)
    U, V = STARTS[init](seen, k, seed)
    return als(seen, U, V, solver=solver, n_inner_iter=n_inner_iter, seed=seed, n_jobs=n_jobs, stacklevel=4, **how)
