"""Sparse phase retrieval under scikit-learn's interface."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_dense, check_indices, check_matrix
from sparsela.phase._retrieve import METHODS, retrieve

ACCEPTED = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
MEASUREMENTS = ("magnitude", "intensity")


class SparsePhaseRetrieval(RegressorMixin, BaseEstimator):
    """Regression on magnitudes, ``y = |X coef|``, with few non-zero coefficients.

    Parameters
    ----------
    n_nonzero_coefs : int, optional
        Non-zero coefficients; None: a tenth of the features, at least 1 and at most n_samples.
    method : {"newton", "htp", "copram", "sparta"}, default="newton"
        As in :func:`retrieve`.
    n_init : int, default=32
        Most starts.
    max_iter : int, default=100
        Most steps from one start.
    tol : float, default=1e-8
        A start has succeeded, and is the last, when the residual norm is at most ``tol ‖y‖``.
    measurements : {"magnitude", "intensity"}, default="magnitude"
        What y is: ``|X coef|`` or ``|X coef|²``.
    random_state : None, int, RandomState or Generator
        Seed, as in :func:`retrieve`.
    n_jobs : int or None, default=None
        Threads over the starts; None is the library's setting.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, up to a global sign or phase: the largest in modulus is real and positive.
    support_ : ndarray of int
        Features whose coefficient is not zero.
    n_iter_ : int
        Steps from the start that led to the coefficients.
    residual_norm_ : float
        ``‖|X coef_| − y‖₂``, of magnitudes.
    n_features_in_ : int
        Features seen in fit.

    Notes
    -----
    The rows of X are measurements, of one variance; there is no intercept. y must not be negative.

    A complex X is taken as an ndarray, in `fit`, `predict` and `score`. It works in cross-validation and in a
    `Pipeline` whose other steps let it pass; scikit-learn's own transformers refuse complex numbers.

    References
    ----------
    J.-F. Cai, Y. Long, R. Wen, J. Ying. A fast and provable algorithm for sparse phase retrieval. ICLR, 2024.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import SparsePhaseRetrieval
    >>> X, y, x = make_phaseless(100, 80, 4, random_state=0)
    >>> model = SparsePhaseRetrieval(n_nonzero_coefs=4).fit(X, y)
    >>> model.support_.tolist() == x.nonzero()[0].tolist(), round(model.score(X, y), 6)
    (True, 1.0)
    """

    _parameter_constraints: dict = {
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions(set(METHODS))],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "measurements": [StrOptions(set(MEASUREMENTS))],
        "random_state": ["random_state", np.random.Generator],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_nonzero_coefs=None,
        *,
        method="newton",
        n_init=32,
        max_iter=100,
        tol=1e-8,
        measurements="magnitude",
        random_state=None,
        n_jobs=None,
    ):
        self.n_nonzero_coefs = n_nonzero_coefs
        self.method = method
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.measurements = measurements
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y):
        """Find the coefficients.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Measurement vectors, real or complex; not changed.
        y : array of shape (n_samples,)
            Magnitudes, or intensities; at least 0.

        Returns
        -------
        SparsePhaseRetrieval
            Itself.
        """
        X, y = self._measured(X, y)
        if y.min() < 0:
            raise ValueError(f"y must be measurements={self.measurements!r}, at least 0, got {y.min():g}")
        k = min(max(1, X.shape[1] // 10), X.shape[0]) if self.n_nonzero_coefs is None else self.n_nonzero_coefs
        found = retrieve(
            X,
            np.sqrt(y) if self.measurements == "intensity" else y,
            k,
            method=self.method,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        self.coef_, self.support_ = found.x, found.support
        self.n_iter_, self.residual_norm_ = found.n_iter, found.residual_norm
        return self

    @in_float_range
    def predict(self, X):
        """Predict measurements.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Measurement vectors.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``|X coef_|``, or its square where the model was fitted to intensities.
        """
        check_is_fitted(self)
        check_indices(X, "X")
        X = validate_data(self, X, reset=False, skip_check_array=_is_complex(X), **ACCEPTED)
        if _is_complex(X):
            X = check_matrix(X, "X", allow_complex=True)
        magnitudes = np.abs(X @ self.coef_)
        return magnitudes**2 if self.measurements == "intensity" else magnitudes

    def _measured(self, X, y):
        """X and y of a fit through scikit-learn's validation, which a complex ndarray passes by."""
        check_indices(X, "X")
        check_dense(y)
        if not _is_complex(X) or _is_complex(y):  # it says what is wrong with a complex y
            return validate_data(self, X, y, y_numeric=True, **ACCEPTED)
        validate_data(self, X, skip_check_array=True)
        return X, np.asarray(y, np.finfo(X.dtype).dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.positive_only = True
        tags.regressor_tags.poor_score = True  # on linear targets: |X coef| has no intercept and no sign
        return tags


def _is_complex(array) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind == "c"
