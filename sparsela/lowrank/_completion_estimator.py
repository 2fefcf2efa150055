"""Completion as an estimator: biases of rows and columns, factors, predictions of entries and of new rows."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.validation import check_indices, check_positive
from sparsela.lowrank._completion import SOLVERS, STARTS, factorize
from sparsela.lowrank._observed import Observed, observed_of, padded
from sparsela.lowrank._soft_impute import penalty_of

BIAS_ROUNDS = 15
BLOCK = 1 << 16  # entries predicted at a time


class MatrixCompletion(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Predict the missing entries of a matrix: a mean, a bias for each row and column, and factors of low rank.

    Parameters
    ----------
    n_components : int, default=10
        Columns of the factors, at most min(n_samples, n_features). The most that "soft-impute" may take.
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
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had them.

    See Also
    --------
    complete : The factors alone, of a matrix without biases.
    UpdatableTruncatedSVD : Where what is missing is zero.

    Notes
    -----
    ``x_ij ≈ μ + b_i + c_j + u_iᵀ v_j``. Biases come first, by fifteen rounds of damped means, and then stay. What is
    not stored in a sparse X is not known; it is not a zero. For counts of clicks, where a zero says something, this is
    the wrong model.

    References
    ----------
    Y. Gu, Z. Song, J. Yin, L. Zhang. Low rank matrix completion via robust alternating minimization in nearly linear
    time. ICLR, 2024. arXiv 2302.11068.

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
    @in_float_range
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
                f"n_components must be at most {min(m, n)}, got {self.n_components}: X has {m} sample(s) and "
                f"{n} feature(s)"
            )
        seed = seed_from(self.random_state)
        seen = Observed(matrix)
        self.mean_, self.row_bias_, self.column_bias_ = _biases(seen, damping if self.fit_bias else None)
        values = seen.rows.data - self._offsets(seen.rows, self.row_bias_)
        seen = seen.with_values(values.astype(seen.dtype))
        self.row_factors_, self.column_factors_, self.n_iter_, _, _, _, self.objective_ = factorize(
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

    @in_float_range
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
        V, k = padded(self.column_factors_, matrix.dtype), self._n_features_out
        U = np.zeros((matrix.shape[0], V.shape[1]), matrix.dtype)
        weights = self._penalty * (rows.counts if self._per_entry else np.ones(len(U)))
        seen.with_values(values).rows.half_sweep(U, V, k, weights, 0, 1, 0, self.n_jobs)
        return np.ascontiguousarray(U[:, :k])

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
        check_indices(X, "X")
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
