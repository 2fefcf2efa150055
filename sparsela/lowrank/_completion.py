"""Completion of a matrix of low rank from some of its entries: the function and the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.random import seed_from
from sparsela._core.results import Result
from sparsela._core.validation import check_count, check_positive
from sparsela.lowrank._als import SOLVERS as ALTERNATING
from sparsela.lowrank._als import als, start_at_random, start_from_svd
from sparsela.lowrank._observed import Observed, observed_of, padded
from sparsela.lowrank._soft_impute import penalty_of, soft_impute

SOLVERS = (*ALTERNATING, "soft-impute")
STARTS = {"svd": start_from_svd, "random": start_at_random}
BIAS_ROUNDS = 15
BLOCK = 1 << 16  # entries predicted at a time


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
    >>> CompletionResult(np.ones((4, 2)), np.ones((3, 2)), 7, True, 0.5, None, 0.25)
    CompletionResult(row_factors=float64[4, 2], column_factors=float64[3, 2], n_iter=7, converged=True, residual_norm=0.5, \
objective=0.25)
    """

    row_factors: np.ndarray
    column_factors: np.ndarray
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, np.ndarray] | None = None
    objective: float = np.nan


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
        If nothing was seen, a stored entry is NaN, an entry is infinite, rank is above min(m, n), or a parameter is out of
        range.

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
    convergence of exact ones as long as their error is small [1]_, and a warm start makes it so. "als-sketch" solves each
    row to a relative 1e-6 in a number of steps that does not depend on how ill-conditioned V is. With α = 0 a row of fewer
    than k entries gets the shortest solution. Recovery needs some multiple of (m + n) k entries; below it any
    factorization fits what was seen.

    "soft-impute" minimises ``½ Σ (x_ij − z_ij)² + λ‖Z‖_*`` [3]_ down a path of ten penalties. The filled matrix is a sparse
    one plus one of low rank, and is never formed.

    References
    ----------
    .. [1] Y. Gu, Z. Song, J. Yin, L. Zhang. Low rank matrix completion via robust alternating minimization in nearly linear
       time. ICLR, 2024. arXiv 2302.11068.
    .. [2] P. Jain, P. Netrapalli, S. Sanghavi. Low-rank matrix completion using alternating minimization. STOC, 2013.
    .. [3] R. Mazumder, T. Hastie, R. Tibshirani. Spectral regularization algorithms for learning large incomplete matrices.
       JMLR, 2010.
    .. [4] G. Takács, I. Pilászy, D. Tikk. Applications of the conjugate gradient method for implicit feedback collaborative
       filtering. RecSys, 2011.

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
        *_factorize(Observed(matrix), k, solver, init, alpha=alpha, tol=tol, seed=seed, **how, **course)
    )


def _factorize(seen, k, solver, init, *, n_inner_iter, seed, n_jobs=None, **how):
    if solver == "soft-impute":
        return soft_impute(seen, k, seed=seed, n_jobs=n_jobs, stacklevel=4, **how)
    U, V = STARTS[init](seen, k, seed)
    return als(seen, U, V, solver=solver, n_inner_iter=n_inner_iter, seed=seed, n_jobs=n_jobs, stacklevel=4, **how)


class MatrixCompletion(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Predict the missing entries of a matrix: a mean, a bias for each row and column, and factors of low rank.

    Parameters
    ----------
    n_components : int, default=10
        Columns of the factors, at most min(n_samples, n_features).
    solver : {"als-cg", "als", "als-sketch", "soft-impute"}, default="als-cg"
        As in :func:`complete`.
    alpha : float, default=0.1
        Penalty on the factors, as in :func:`complete`.
    fit_bias : bool, default=True
        Whether to take out a mean and biases first; else the factors are fitted to X as it is.
    bias_damping : (float, float), default=(10.0, 5.0)
        Observations of zero that are added to those of each row, and of each column, when a bias is averaged.
    init : {"svd", "random"}, default="svd"
        As in :func:`complete`.
    max_iter : int, default=50
        As in :func:`complete`.
    n_inner_iter : int, default=3
        Steps of "als-cg" for each row.
    tol : float, default=1e-4
        As in :func:`complete`.
    clip : (float, float) or None, default=None
        Range of the predictions.
    random_state : int, RandomState or None, default=None
        Seed of the start and of the sketches.
    n_jobs : int or None, default=None
        Threads; None is the library's setting. The answer does not depend on it.

    Attributes
    ----------
    row_factors_ : ndarray of shape (n_samples, n_components)
        One row a sample.
    column_factors_ : ndarray of shape (n_features, n_components)
        One row a feature.
    mean_ : float
        Of what was seen; 0 without biases.
    row_bias_ : ndarray of shape (n_samples,)
        Of the rows; zeros without biases.
    column_bias_ : ndarray of shape (n_features,)
        Of the columns; zeros without biases.
    objective_ : float
        What was minimised over the factors.
    n_iter_ : int
        Sweeps.
    n_features_in_ : int
        Columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had them.

    See Also
    --------
    complete : The factors alone, of a matrix without biases.
    UpdatableTruncatedSVD : Where what is missing is zero.

    Notes
    -----
    ``x_ij ≈ μ + b_i + c_j + u_iᵀ v_j``. Biases come first, by fifteen rounds of damped means, and then stay. What is not
    stored in a sparse X is not known; it is not a zero. For counts of clicks, where a zero says something, this is the
    wrong model.

    References
    ----------
    Y. Gu, Z. Song, J. Yin, L. Zhang. Low rank matrix completion via robust alternating minimization in nearly linear time.
    ICLR, 2024. arXiv 2302.11068.

    Y. Koren, R. Bell, C. Volinsky. Matrix factorization techniques for recommender systems. Computer, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import MatrixCompletion
    >>> nan = np.nan
    >>> stars = np.array([[5, 4, nan, 1], [4, nan, 1, 1], [1, 1, 5, nan], [nan, 1, 4, 5.0]])
    >>> model = MatrixCompletion(1, random_state=0).fit(stars)
    >>> high, low = model.predict_entries([0, 1], [1, 3])
    >>> bool(high > low)
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_bias": ["boolean"],
        "bias_damping": [tuple],
        "init": [StrOptions(set(STARTS))],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_inner_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "clip": [tuple, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components=10,
        *,
        solver="als-cg",
        alpha=0.1,
        fit_bias=True,
        bias_damping=(10.0, 5.0),
        init="svd",
        max_iter=50,
        n_inner_iter=3,
        tol=1e-4,
        clip=None,
        random_state=None,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.solver = solver
        self.alpha = alpha
        self.fit_bias = fit_bias
        self.bias_damping = bias_damping
        self.init = init
        self.max_iter = max_iter
        self.n_inner_iter = n_inner_iter
        self.tol = tol
        self.clip = clip
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit biases and factors to what was seen of X.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Stored entries, or those that are not NaN.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        damping = self._check_pairs()
        matrix = self._seen(X, reset=True)
        if self.n_components > min(matrix.shape):
            m, n = matrix.shape
            raise ValueError(
                f"n_components must be at most {min(m, n)}, got {self.n_components}: X has {m} sample(s) and {n} feature(s)"
            )
        seed = seed_from(self.random_state)
        seen = Observed(matrix)
        self.mean_, self.row_bias_, self.column_bias_ = _biases(seen, damping if self.fit_bias else None)
        values = seen.rows.data - self._offsets(seen.rows, self.row_bias_)
        seen = seen.with_values(values.astype(seen.dtype))
        self.row_factors_, self.column_factors_, self.n_iter_, _, _, _, self.objective_ = _factorize(
            seen,
            self.n_components,
            self.solver,
            self.init,
            alpha=float(self.alpha),
            n_inner_iter=self.n_inner_iter,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=seed,
            n_jobs=self.n_jobs,
        )
        # a new row is solved for with the penalty that rows had
        nuclear = self.solver == "soft-impute"
        self._penalty = penalty_of(seen, float(self.alpha), seed) if nuclear else float(self.alpha)
        self._per_entry = not nuclear
        return self

    def transform(self, X):
        """Factors of rows, new ones too: least squares on what was seen of each, given the columns.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_rows, n_features)
            Stored entries, or those that are not NaN. A row may have none: its factors are zero.

        Returns
        -------
        ndarray of shape (n_rows, n_components)
        """
        check_is_fitted(self)
        matrix = self._seen(X, reset=False)
        seen = Observed(matrix)
        damping = self._check_pairs()[0]
        rows = seen.rows
        bias = np.zeros(len(rows.counts))
        if self.fit_bias:
            bias = _damped_means(rows, rows.data - self._offsets(rows, bias), damping)
        values = (rows.data - self._offsets(rows, bias)).astype(matrix.dtype)
        V = padded(self.column_factors_, matrix.dtype)
        U = np.zeros((matrix.shape[0], V.shape[1]), matrix.dtype)
        weights = self._penalty * (rows.counts if self._per_entry else np.ones(len(U)))
        seen.with_values(values).rows.half_sweep(U, V, self.n_components, weights, 0, 1, 0, self.n_jobs)
        return np.ascontiguousarray(U[:, : self.n_components])

    def predict_entries(self, rows, columns):
        """Predict entries.

        Parameters
        ----------
        rows : array_like of int, of shape (n_entries,)
            Rows of the X of fit.
        columns : array_like of int, of shape (n_entries,)
            Columns.

        Returns
        -------
        ndarray of shape (n_entries,)

        Raises
        ------
        ValueError
            If they differ in length, or an index is out of range.
        """
        check_is_fitted(self)
        rows = _check_indices(rows, "rows", len(self.row_factors_))
        columns = _check_indices(columns, "columns", len(self.column_factors_))
        if rows.shape != columns.shape:
            raise ValueError(f"rows and columns must have one length, got {rows.size} and {columns.size}")
        out = self.mean_ + self.row_bias_[rows] + self.column_bias_[columns]
        for start in range(0, len(out), BLOCK):
            part = slice(start, start + BLOCK)
            U, V = self.row_factors_[rows[part]], self.column_factors_[columns[part]]
            out[part] += np.einsum("ij,ij->i", U, V)
        return out if self.clip is None else np.clip(out, *self.clip)

    def reconstruct(self, rows=None):
        """Predict whole rows, dense.

        Parameters
        ----------
        rows : array_like of int or None, default=None
            Rows of the X of fit; None is all of them.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
        """
        check_is_fitted(self)
        rows = slice(None) if rows is None else _check_indices(rows, "rows", len(self.row_factors_))
        out = self.row_factors_[rows] @ self.column_factors_.T
        out += self.mean_ + self.row_bias_[rows][:, None] + self.column_bias_
        return out if self.clip is None else np.clip(out, *self.clip)

    @property
    def _n_features_out(self):
        return self.column_factors_.shape[1]

    def _offsets(self, side, row_bias):
        """``μ + b_i + c_j`` at every stored entry."""
        return self.mean_ + np.repeat(row_bias, side.counts) + self.column_bias_[side.indices]

    def _seen(self, X, reset):
        sparse = sp.issparse(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse=("csr", "csc", "coo"),
            dtype=(np.float64, np.float32),
            ensure_all_finite=True if sparse else "allow-nan",
        )
        if not reset and (X.nnz == 0 if sparse else np.isnan(X).all()):
            return sp.csr_array(X.shape, dtype=X.dtype)  # nothing to go by is no error for new rows
        return observed_of(X)

    def _check_pairs(self):
        damping = self.bias_damping
        if len(damping) != 2:
            raise ValueError(f"bias_damping must be two numbers, got {damping!r}")
        if self.clip is not None and not (len(self.clip) == 2 and self.clip[0] < self.clip[1]):
            raise ValueError(f"clip must be None or two numbers, the lower first, got {self.clip!r}")
        return tuple(check_positive(value, "bias_damping", allow_zero=True) for value in damping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _biases(seen: Observed, damping):
    """μ, b, c of ``x_ij ≈ μ + b_i + c_j``, by rounds of damped means; zeros where `damping` is None."""
    b, c = np.zeros(seen.shape[0]), np.zeros(seen.shape[1])
    if damping is None:
        return 0.0, b, c
    mean = float(seen.rows.data.mean(dtype=np.float64))
    rows, columns = seen.rows, seen.columns
    for _ in range(BIAS_ROUNDS):
        b = _damped_means(rows, rows.data - mean - c[rows.indices], damping[0])
        c = _damped_means(columns, columns.data - mean - b[columns.indices], damping[1])
    return mean, b, c


def _damped_means(side, values, damping):
    owner = np.repeat(np.arange(len(side.counts)), side.counts)
    sums = np.bincount(owner, weights=values, minlength=len(side.counts))
    return sums / np.maximum(side.counts + damping, np.finfo(float).tiny)


def _check_indices(indices, name, n):
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        raise ValueError(f"{name} must be a vector of ints, got shape {indices.shape} of {indices.dtype}")
    wrong = np.flatnonzero((indices < 0) | (indices >= n))
    if wrong.size:
        raise ValueError(f"{name} must be from 0 to {n - 1}, got {indices[wrong[0]]} at index {wrong[0]}")
    return indices
