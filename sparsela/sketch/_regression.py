"""Linear regression by sketched least squares, as scikit-learn's regressors are."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.operators import as_operator
from sparsela._core.validation import check_dense, check_indices
from sparsela.sketch._lstsq import METHODS, SKETCHES, Plan, solve
from sparsela.sketch._streaming import STREAMED, StreamingSketch

INPUT = {"accept_sparse": ("csr", "csc"), "dtype": (np.float64, np.float32)}


def _streams(self) -> bool:
    if self.method != "sketch-and-solve":
        raise AttributeError(f"partial_fit is there for method='sketch-and-solve' alone, got {self.method!r}")
    return True


class SketchedLinearRegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Linear and ridge regression by :func:`lstsq`: the coefficients of a direct solver, in less time on tall data.

    Parameters
    ----------
    alpha : float, default=0.0
        Ridge penalty, at least 0; the intercept is free of it.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    method : {"precond", "sketch-and-solve", "lsrn", "iterative"}, default="precond"
        As in :func:`lstsq`.
    kind : str, default="sparse_embedding"
        The sketch, as in :class:`SketchOperator`.
    sampling_factor : float or "auto", default="auto"
        Rows of the sketch over features.
    tol : float or None, default=None
        As in :func:`lstsq`.
    max_iter : int, default=100
        Most steps of a cycle.
    n_components : int or None, default=None
        Rows of the sketch of a stream; `partial_fit` needs it.
    random_state : int, RandomState or None, default=None
        Seed of the sketch.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept; 0.0 without one.
    n_iter_ : int
        Steps, of the target that took most; 1 where it was solved directly.
    rank_ : int
        Rank of X that was found, its column of ones included if it is sparse or streamed.
    sketch_ : StreamingSketch
        Sketch of what `partial_fit` has seen; there only after it.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns.

    See Also
    --------
    lstsq : The function.

    Notes
    -----
    Dense X is centred, in a copy; sparse X gets a column of ones instead and is not made dense (for more features than
    samples, the intercept is then part of the norm that is made least). `partial_fit` keeps a sketch of [X, 1, y] and
    solves it after each part, in memory that does not grow.

    References
    ----------
    E. Epperly, M. Meier, Y. Nakatsukasa. Fast randomized least-squares solvers can be just as accurate and stable as
    classical direct solvers. 2024. arXiv 2406.03468.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import SketchedLinearRegression
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> model = SketchedLinearRegression(random_state=0).fit(X, X @ [1.0, -2.0, 0.5] + 4)
    >>> model.coef_.round(6)
    array([ 1. , -2. ,  0.5])
    >>> round(float(model.intercept_), 6)
    4.0
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "method": [StrOptions(set(METHODS))],
        "kind": [StrOptions(set(SKETCHES))],
        "sampling_factor": [Interval(Real, 1, None, closed="neither"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="neither"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha=0.0,
        *,
        fit_intercept=True,
        method="precond",
        kind="sparse_embedding",
        sampling_factor="auto",
        tol=None,
        max_iter=100,
        n_components=None,
        random_state=None,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.method = method
        self.kind = kind
        self.sampling_factor = sampling_factor
        self.tol = tol
        self.max_iter = max_iter
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y):
        """Fit the coefficients.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Training data; float32 stays.
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        self
        """
        self._validate_params()
        check_indices(X, "X")
        check_dense(y)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, **INPUT)
        if hasattr(self, "sketch_"):
            del self.sketch_
        y = y.astype(X.dtype, copy=False)
        centred = self.fit_intercept and not sp.issparse(X)
        if centred:
            means = X.mean(axis=0), y.mean(axis=0)
            X, y = X - means[0], y - means[1]
        elif self.fit_intercept:
            X = sp.hstack([X, np.ones((X.shape[0], 1), X.dtype)], format="csr", dtype=X.dtype)
        self._solve(X, y, self.random_state)
        if centred:
            self.intercept_ = means[1] - self.coef_ @ means[0]
        return self

    @available_if(_streams)
    def partial_fit(self, X, y):
        """Add samples to the sketch of all that were seen, and solve it. For method "sketch-and-solve".

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            The next samples.
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        self
        """
        first = not hasattr(self, "sketch_")
        self._validate_params()
        if self.n_components is None:
            raise ValueError(
                "n_components must be given for partial_fit: the rows of the sketch that it keeps, got None"
            )
        if self.kind not in STREAMED:
            raise ValueError(f"kind must be one of {STREAMED} for partial_fit, got {self.kind!r}")
        check_indices(X, "X")
        check_dense(y)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, reset=first, **INPUT)
        if first:
            seen = StreamingSketch(
                self.n_components,
                kind=self.kind,
                density=1 / 3 if self.kind == "sparse_sign" else None,
                random_state=self.random_state,
            )
        else:
            seen = self.sketch_
        if self.fit_intercept:
            one = np.ones((X.shape[0], 1), X.dtype)
            X = sp.hstack([X, one], format="csr", dtype=X.dtype) if sp.issparse(X) else np.hstack([X, one])
        seen.partial_fit(X, y.astype(X.dtype, copy=False))
        self.sketch_ = seen
        self._solve(seen.sketch_, seen.sketch_y_.astype(seen.sketch_.dtype), seen.seed_, sketched=True)
        return self

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        check_indices(X, "X")
        X = validate_data(self, X, reset=False, **INPUT)
        return X @ self.coef_.T + self.intercept_

    def _solve(self, X, y, random_state, sketched=False):
        """coef_ and, where X has more columns than features, intercept_, which is not penalised."""
        ridge = None
        if self.alpha:
            ridge = np.full(X.shape[1], math.sqrt(self.alpha), X.dtype)
            ridge[self.n_features_in_ :] = 0
        factor = "auto" if sketched else self.sampling_factor
        plan = Plan("precond" if sketched else self.method, self.kind, factor, tol=self.tol, max_iter=self.max_iter)
        found = solve(as_operator(X), y, ridge, plan, random_state)
        self.n_iter_, self.rank_ = int(np.max(found.n_iter, initial=1)), found.rank
        solution = found.x.T
        self.coef_ = np.ascontiguousarray(solution[..., : self.n_features_in_])
        self.intercept_ = solution[..., self.n_features_in_] if X.shape[1] > self.n_features_in_ else 0.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
