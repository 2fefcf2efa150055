"""Sparse linear regression over the solvers of the room, with a scikit-learn interface."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.metrics import check_scoring, r2_score
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_dense, check_indices
from sparsela.recovery._centred import Design, design
from sparsela.recovery._paths import CONVEX, PATH_SOLVERS, PLAIN, SOLVERS, solve, solve_path

RULES = ("min", "1se")
MOST_CANDIDATES, LARGEST_CANDIDATE = 25, 50


class _SparseLinear(RegressorMixin, MultiOutputMixin, BaseEstimator):
    """Prediction, tags and what a fitted model keeps."""

    @in_float_range
    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            ``X @ coef_.T + intercept_``.
        """
        return self._mean_of(self._samples(X))

    def _samples(self, X):
        check_is_fitted(self)
        check_indices(X, "X")
        return validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False)

    def _mean_of(self, X):
        return X @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _data(self, X, y, multi_output=True):
        # two samples at the least, where one is spent on the intercept
        check_indices(X, "X")
        check_dense(y)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            multi_output=multi_output,
            y_numeric=True,
            ensure_min_samples=2,
        )
        return X, y.astype(X.dtype, copy=False)

    def _keep(self, made: Design, x: np.ndarray, y_mean) -> None:
        coef = made.coefficients(x)
        self.coef_ = coef if coef.ndim == 1 else np.ascontiguousarray(coef.T)
        self.intercept_ = y_mean - made.x_mean @ coef if self.fit_intercept else np.zeros_like(y_mean)
        self.support_ = np.flatnonzero(coef) if coef.ndim == 1 else np.flatnonzero(coef.any(axis=1))


class SparseRegressor(_SparseLinear):
    """Linear regression with few non-zero coefficients, by any solver of this room.

    Parameters
    ----------
    solver : str, default="nst"
        Told the number of non-zeros: "nst" (:func:`nst_ht_fb`), "adaptive_nst", "omp", "htp", "niht", "iht", "cosamp",
        "sp". By a penalty or bound: "fista", "bpdn". By themselves: "reweighted_l1", "irls", "sbl".
    n_nonzero_coefs : int, optional
        Non-zero coefficients, for the first kind; None: ``max(n_features // 10, 1)``, at most ``n_samples − 1``. For
        "adaptive_nst" the most that it may take.
    alpha : float, optional
        For "fista" the penalty on coefficients of unit columns (None: a tenth of the least that makes all of them
        zero); for "bpdn" the bound on the residual norm (None: a tenth of that of the centred y). The other solvers
        have no use for it.
    fit_intercept : bool, default=True
        Fit an intercept, by centring; a sparse X stays sparse.
    solver_options : dict, optional
        Further keywords of the solver.
    tol : float, default=1e-6
        Tolerance of the solver, on the residual (told the number of non-zeros) or on the optimum.
    max_iter : int, optional
        Most iterations; None: the solver's default.
    positive : bool, default=False
        Keep the coefficients ≥ 0; for "fista".

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients; those of constant features are 0.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    support_ : ndarray of int
        Features with a coefficient in some target.
    n_iter_ : int or ndarray of shape (n_targets,)
        Iterations.
    sigma_ : ndarray of shape (n_support, n_support)
        For "sbl" and one target: posterior covariance of the coefficients of the support.
    noise_variance_ : float
        For "sbl" and one target: variance of the noise.
    n_features_in_ : int
        Features seen in fit.

    Notes
    -----
    "nst" is for more features than samples. With more samples than features it thresholds the least squares solution,
    which correlated columns spoil: take "sp", "htp" or "omp".

    Columns are centred and scaled to unit norm inside; a Householder reflection leaves ``n_samples − 1`` independent
    rows for those solvers that need them. Cost: one copy of a dense X, and the solver's.

    References
    ----------
    S. Li, Y. Liu, T. Mi. Fast thresholding algorithms with feedbacks for sparse signal recovery. Applied and
    Computational Harmonic Analysis, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.recovery import SparseRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 100))
    >>> y = 3 * X[:, 7] - 2 * X[:, 30] + 1
    >>> model = SparseRegressor(n_nonzero_coefs=2).fit(X, y)
    >>> model.support_, model.coef_[model.support_].round(6), round(float(model.intercept_), 6)
    (array([ 7, 30]), array([ 3., -2.]), 1.0)
    """

    _parameter_constraints: dict = {
        "solver": [StrOptions(set(SOLVERS))],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "fit_intercept": ["boolean"],
        "solver_options": [dict, None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "positive": ["boolean"],
    }

    def __init__(
        self,
        solver="nst",
        n_nonzero_coefs=None,
        *,
        alpha=None,
        fit_intercept=True,
        solver_options=None,
        tol=1e-6,
        max_iter=None,
        positive=False,
    ):
        self.solver = solver
        self.n_nonzero_coefs = n_nonzero_coefs
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver_options = solver_options
        self.tol = tol
        self.max_iter = max_iter
        self.positive = positive

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y, sample_weight=None):
        """Fit the coefficients.

        Parameters
        ----------
        X : {array, sparse array} of shape (n_samples, n_features)
            Samples; not changed.
        y : array of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array of shape (n_samples,), optional
            Weights of the squared errors.

        Returns
        -------
        SparseRegressor
            Itself.
        """
        X, y = self._data(X, y)
        if self.n_nonzero_coefs is not None and self.solver in CONVEX + PLAIN:
            raise ValueError(f"solver={self.solver!r} takes no n_nonzero_coefs, got {self.n_nonzero_coefs}")
        if self.solver in PLAIN and self.fit_intercept and sp.issparse(X):
            raise TypeError(
                f"solver={self.solver!r} cannot centre a sparse X without making it dense: set fit_intercept=False"
            )
        if self.positive and self.solver != "fista":
            raise ValueError(f"positive=True is for solver='fista', got solver={self.solver!r}")
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        made, y_mean = prepared(X, y, self.fit_intercept, weight)
        x, found = np.zeros((made.kept.size, *y.shape[1:]), X.dtype), None
        measured = made.measure(y - y_mean)
        if made.kept.size and np.any(measured):
            found = solve(self, made.A, measured, sparsity(self.n_nonzero_coefs, X.shape, min(made.A.shape)))
            x = found.x
        self._keep(made, x, y_mean)
        self.n_iter_ = found.n_iter if found is not None else 0 if y.ndim == 1 else np.zeros(y.shape[1], int)
        for name in ("sigma_", "noise_variance_"):  # of a fit before this one
            vars(self).pop(name, None)
        if self.solver == "sbl" and y.ndim == 1:
            self._keep_posterior(made, found)
        return self

    def _keep_posterior(self, made: Design, found) -> None:
        if found is None:
            self.sigma_, self.noise_variance_ = np.zeros((0, 0)), 0.0
            return
        T = found.support
        C = made.A.columns(T) if hasattr(made.A, "columns") else made.A[:, T]
        C = C.toarray() if sp.issparse(C) else C
        precision = C.T @ C / found.noise_variance + np.diag(1 / found.variances[T])
        self.sigma_ = np.linalg.inv(precision) / np.multiply.outer(made.norms[T], made.norms[T])
        self.noise_variance_ = found.noise_variance

    @in_float_range
    def predict(self, X, return_std=False):
        """Predict targets.

        Parameters
        ----------
        X : {array, sparse array} of shape (n_samples, n_features)
            Samples.
        return_std : bool, default=False
            For "sbl" and one target: the standard deviations of the predictions too.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            ``X @ coef_.T + intercept_``.
        std : ndarray of shape (n_samples,)
            Of the coefficients' uncertainty and the noise, if asked for.
        """
        X = self._samples(X)
        mean = self._mean_of(X)
        if not return_std:
            return mean
        if not hasattr(self, "sigma_"):
            n_targets = len(np.atleast_2d(self.coef_))
            raise ValueError(
                f"return_std is for solver='sbl' and one target, got a fit with solver={self.solver!r} "
                f"of {n_targets} target(s)"
            )
        rows = X[:, self.support_]
        rows = (rows.toarray() if sp.issparse(rows) else rows) - self._support_mean()
        return mean, np.sqrt(self.noise_variance_ + np.einsum("ij,jk,ik->i", rows, self.sigma_, rows))

    def _support_mean(self):
        return self._x_mean[self.support_] if self.fit_intercept else 0.0

    def _keep(self, made: Design, x: np.ndarray, y_mean) -> None:
        super()._keep(made, x, y_mean)
        self._x_mean = made.x_mean


class SparseRegressorCV(_SparseLinear):
    """Sparse linear regression whose number of non-zeros is chosen by cross-validation.

    Parameters
    ----------
    solver : {"nst", "adaptive_nst", "omp", "htp", "niht", "iht", "cosamp", "sp"}, default="nst"
        As in :class:`SparseRegressor`.
    n_nonzero_coefs : array_like of int, optional
        Candidates; None: 1 to the least of 50, n_features and the training samples less 2, thinned geometrically to 25.
    cv : int, splitter or iterable, optional
        Folds, as scikit-learn takes them; None: five.
    rule : {"min", "1se"}, default="min"
        The candidate of best mean score, or the smallest one within a standard error of it.
    scoring : str or callable, optional
        Score; None: R².
    fit_intercept : bool, default=True
        Fit an intercept.
    tol : float, default=1e-6
        Tolerance of the solver on the relative residual.
    max_iter : int, optional
        Most iterations; None: the solver's default.
    n_jobs : int, optional
        Processes over the folds; None is one.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients of the model of all samples.
    intercept_ : float
        Intercept.
    support_ : ndarray of int
        Features with a coefficient.
    n_nonzero_coefs_ : int
        The chosen number of non-zeros.
    candidates_ : ndarray of int
        The numbers that were tried.
    cv_path_ : ndarray of shape (n_candidates, n_folds)
        Score of each in each fold.
    n_iter_ : int
        Iterations of the last fit.
    n_features_in_ : int
        Features seen in fit.

    Notes
    -----
    A fold is centred and prepared once for all candidates: "omp" and "adaptive_nst" give every size in one run, the
    others start from the solution one size below.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman. The Elements of Statistical Learning. Springer, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.recovery import SparseRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 30))
    >>> y = X[:, 3] - 2 * X[:, 8] + 0.1 * rng.normal(size=100)
    >>> SparseRegressorCV(rule="1se").fit(X, y).support_
    array([3, 8])
    """

    _parameter_constraints: dict = {
        "solver": [StrOptions(set(PATH_SOLVERS))],
        "n_nonzero_coefs": ["array-like", None],
        "cv": ["cv_object"],
        "rule": [StrOptions(set(RULES))],
        "scoring": [str, callable, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        solver="nst",
        *,
        n_nonzero_coefs=None,
        cv=None,
        rule="min",
        scoring=None,
        fit_intercept=True,
        tol=1e-6,
        max_iter=None,
        n_jobs=None,
    ):
        self.solver = solver
        self.n_nonzero_coefs = n_nonzero_coefs
        self.cv = cv
        self.rule = rule
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y):
        """Choose the number of non-zeros and fit all samples with it.

        Parameters
        ----------
        X : {array, sparse array} of shape (n_samples, n_features)
            Samples; not changed.
        y : array of shape (n_samples,)
            Target.

        Returns
        -------
        SparseRegressorCV
            Itself.
        """
        X, y = self._data(X, y, multi_output=False)
        X = X.tocsr() if sp.issparse(X) else X
        folds = list(check_cv(self.cv).split(X, y))
        n_train = min(len(train) for train, _ in folds)
        if n_train < 3:
            raise ValueError(f"n_samples = {X.shape[0]} leaves {n_train} to train on in a fold, at least 3 are needed")
        n_test = min(len(test) for _, test in folds)
        if self.scoring is None and n_test < 2:
            raise ValueError(
                f"cv must leave at least 2 samples to test on in a fold, as R² needs, got {n_test}: set scoring, to "
                "'neg_mean_squared_error' say"
            )
        self.candidates_ = candidates(self.n_nonzero_coefs, min(X.shape[1], n_train - 1))
        scorer = None if self.scoring is None else check_scoring(SparseRegressor(), scoring=self.scoring)
        tasks = [(self, X, y, train, test, scorer) for train, test in folds]
        workers = 1 if self.n_jobs is None else min(effective_n_jobs(self.n_jobs), len(tasks))
        if workers == 1:
            scores = [_fold_scores(*task) for task in tasks]
        else:
            from joblib import Parallel, delayed

            scores = Parallel(n_jobs=workers)(delayed(_fold_scores)(*task) for task in tasks)
        self.cv_path_ = np.stack(scores, axis=1)
        self.n_nonzero_coefs_ = int(self.candidates_[choose(self.cv_path_, self.rule)])
        final = SparseRegressor(
            self.solver,
            self.n_nonzero_coefs_,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        ).fit(X, y)
        for name in ("coef_", "intercept_", "support_", "n_iter_"):
            setattr(self, name, getattr(final, name))
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


def _fold_scores(model: SparseRegressorCV, X, y, train, test, scorer) -> np.ndarray:
    """The score of every candidate on one fold."""
    made, y_mean = prepared(X[train], y[train], model.fit_intercept, None)
    sizes = [int(k) for k in model.candidates_]
    measured = made.measure(y[train] - y_mean)
    paths = np.zeros((made.kept.size, len(sizes)))
    if made.kept.size and np.any(measured):
        most = min(made.A.shape)
        paths = solve_path(model, made.A, measured, [min(k, most) for k in sizes])
    coefs = made.coefficients(paths)
    predicted = X[test] @ coefs + (y_mean - made.x_mean @ coefs if model.fit_intercept else 0.0)
    if scorer is None:
        return r2_score(np.broadcast_to(y[test, None], predicted.shape), predicted, multioutput="raw_values")
    return np.array([scorer(Foretold(p).fit(X, y), X[test], y[test]) for p in predicted.T])


class Foretold(RegressorMixin, BaseEstimator):
    """A regressor whose predictions are known, for scorers to judge."""

    def __init__(self, predictions):
        self.predictions = predictions

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return self.predictions


def prepared(X, y: np.ndarray, fit_intercept: bool, weight: np.ndarray | None) -> tuple[Design, Any]:
    """The design of X and the mean of y (zero without an intercept)."""
    made = design(X, fit_intercept, weight)
    y_mean = np.average(y, axis=0, weights=weight) if fit_intercept else np.zeros(y.shape[1:], y.dtype)[()]
    return made, y_mean


def sparsity(k: int | None, shape: tuple[int, int], limit: int) -> int:
    """The number of non-zeros: as asked for, or a tenth of the features; never more than the samples allow."""
    n_samples, n_features = shape
    if k is None:
        k = max(n_features // 10, 1)
    elif k > n_features:
        raise ValueError(f"n_nonzero_coefs must be at most n_features = {n_features}, got {k}")
    return max(1, min(k, n_samples - 1, limit))


def candidates(given: Any, limit: int) -> np.ndarray:
    """Numbers of non-zeros to try, ascending."""
    if given is None:
        top = max(1, min(LARGEST_CANDIDATE, limit))
        if top <= MOST_CANDIDATES:
            return np.arange(1, top + 1)
        return np.unique(np.round(np.geomspace(1, top, MOST_CANDIDATES)).astype(int))
    given = np.asarray(given)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu":
        raise ValueError(f"n_nonzero_coefs must be a vector of ints, got {given!r}")
    if given.min() < 1 or given.max() > limit:
        raise ValueError(f"n_nonzero_coefs must be between 1 and {limit}, got {given.min()} to {given.max()}")
    return np.unique(given)


def choose(scores: np.ndarray, rule: str) -> int:
    """The best mean score, or the smallest candidate within a standard error of it."""
    mean = scores.mean(axis=1)
    best = int(np.argmax(mean))
    if rule == "min":
        return best
    error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1]) if scores.shape[1] > 1 else 0.0
    return int(np.flatnonzero(mean >= mean[best] - error)[0])
