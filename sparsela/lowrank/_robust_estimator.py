"""Robust PCA as an estimator: components of samples of which some entries are wrong, and new samples on them."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela.lowrank._robust import GAMMA, METHODS, robust_pca

ROUNDS = 45  # of thresholds, for new samples: down to 1e-8 of the first


class RobustPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal components of samples with some entries far off.

    Parameters
    ----------
    rank : int or None, default=None
        Number of components, of the alternating projections; "ialm" finds it and takes none.
    method : {"ialm", "accaltproj", "altproj"}, default="ialm"
        As in :func:`robust_pca`.
    alpha : float or None, default=None
        As in :func:`robust_pca`.
    tol : float, default=1e-7
        As in :func:`robust_pca`.
    max_iter : int, default=500
        As in :func:`robust_pca`.

    Attributes
    ----------
    components_ : ndarray of shape (rank, n_features)
        Right singular vectors of the part of low rank.
    singular_values_ : ndarray of shape (rank,)
        Descending.
    rank_ : int
        Number of components.
    low_rank_, sparse_ : ndarray of shape (n_samples, n_features)
        The parts of X.
    n_iter_ : int
        Steps.
    n_features_in_ : int
        Columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had them.

    See Also
    --------
    robust_pca : The split alone, of data with missing entries too.
    sklearn.decomposition.PCA : Where noise is small and everywhere.

    Notes
    -----
    Data are not centred: a mean is one more component. A new sample is projected by alternating ``z = V(x − e)`` and
    hard thresholding of ``x − Vᵀz`` at thresholds that fall by a factor 0.65, forty-five times. X itself goes the same
    way in ``fit_transform``.

    References
    ----------
    E. Candès, X. Li, Y. Ma, J. Wright. Robust principal component analysis? Journal of the ACM, 2011.

    H. Cai, J.-F. Cai, K. Wei. Accelerated alternating projections for robust principal component analysis. JMLR, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import RobustPCA
    >>> rng = np.random.default_rng(0)
    >>> Z, V = rng.normal(size=(120, 2)), rng.normal(size=(2, 80))
    >>> X = Z @ V + 10 * (rng.random((120, 80)) < 0.05)
    >>> model = RobustPCA().fit(X[:100])
    >>> clean = model.inverse_transform(model.transform(X[100:]))
    >>> model.rank_, bool(np.abs(clean - Z[100:] @ V).max() < 1e-4)
    (2, True)
    """

    _parameter_constraints: dict = {
        "rank": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions(set(METHODS))],
        "alpha": [Interval(Real, 0, None, closed="neither"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, rank=None, *, method="ialm", alpha=None, tol=1e-7, max_iter=500):
        self.rank = rank
        self.method = method
        self.alpha = alpha
        self.tol = tol
        self.max_iter = max_iter

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Split X and keep the components of its part of low rank.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        if self.method == "ialm" and self.rank is not None:
            raise ValueError(f"rank must be None for method 'ialm', which finds it, got {self.rank}")
        found = robust_pca(
            X, method=self.method, alpha=self.alpha, rank=self.rank, tol=self.tol, max_iter=self.max_iter
        )
        self.components_, self.singular_values_ = found.Vt, found.s
        self.low_rank_, self.sparse_ = found.low_rank, found.sparse
        self.rank_, self.n_iter_ = len(found.s), found.n_iter
        return self

    @in_float_range
    def transform(self, X):
        """Coordinates of samples in the components, without what does not fit them.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_rows, rank)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        V = self.components_.astype(X.dtype, copy=False)
        Z = X @ V.T
        residual = X - Z @ V
        zeta = GAMMA * np.abs(residual).max(axis=1, keepdims=True)
        for _ in range(ROUNDS):
            residual[np.abs(residual) <= zeta] = 0  # what is left of it is the sparse part
            Z = (X - residual) @ V.T
            residual = X - Z @ V
            zeta *= GAMMA
        return Z

    @in_float_range
    def inverse_transform(self, X):
        """Samples of given coordinates.

        Parameters
        ----------
        X : ndarray of shape (n_rows, rank)
            Coordinates.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=(np.float64, np.float32), ensure_min_features=0, input_name="X")
        if Z.shape[1] != self.rank_:
            raise ValueError(f"X must have rank_ = {self.rank_} columns, got shape {Z.shape}")
        return Z @ self.components_

    @property
    def _n_features_out(self):
        return self.rank_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
