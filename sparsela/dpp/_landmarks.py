"""Landmarks for kernel approximation, drawn so that no two say the same."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.random import random_stream
from sparsela.dpp._greedy import grow
from sparsela.dpp._kdpp import KDPP
from sparsela.dpp._kernel_dpp import KernelDPP
from sparsela.dpp._kernels import check_kernel

DENSE = 3000  # points up to which the kernel matrix is formed
MANY = 50  # landmarks past which size rejection on many points takes long


class DPPLandmarks(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Nyström features of a kernel from landmarks of a k-DPP: what scikit-learn's ``Nystroem`` is, with better points.

    Parameters
    ----------
    n_components : int, default=100
        Landmarks, and features. More than there are points, or than the kernel has rank, are clipped with a warning.
    kernel : str or callable, default="rbf"
        As in :class:`KernelDPP`.
    gamma : float or None, default=None
        Of the kernel, by scikit-learn's definition; None: 1 / n_features.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1.0
        Of the polynomial kernel.
    kernel_params : dict or None, default=None
        Keywords of a callable kernel.
    method : {"auto", "kdpp", "greedy"}, default="auto"
        "kdpp": an exact k-DPP, by :class:`KDPP` up to 3000 points and by :class:`KernelDPP` beyond. "greedy":
        :func:`greedy_map`. "auto": "kdpp", but "greedy" for more than 50 landmarks of more than 3000 points, where an
        exact set takes long; `method_` says which.
    random_state : int, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    component_indices_ : ndarray of int64 of shape (n_components,)
        Landmarks, as rows of the training data.
    components_ : ndarray of shape (n_components, n_features)
        The landmarks themselves.
    normalization_ : ndarray of shape (n_components, n_components)
        ``K_SS^{−1/2}``.
    method_ : {"kdpp", "greedy"}
        How they were chosen.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns.

    See Also
    --------
    KernelDPP : The sampler.

    Notes
    -----
    ``φ(x) = K_SS^{−1/2} κ(S, x)``, so that ⟨φ(x), φ(y)⟩ is the Nyström approximation. For S from the k-DPP the trace of
    its error is ``(k + 1) e_{k+1}/e_k`` on average, e the elementary symmetric polynomials of the eigenvalues, within a
    factor k + 1 of the best approximation of rank k.

    References
    ----------
    M.-A. Belabbas, P. Wolfe. Spectral methods in machine learning and new strategies for very large datasets. PNAS,
    2009.
    C. Li, S. Jegelka, S. Sra. Fast DPP sampling for Nyström with application to kernel methods. ICML, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sparsela.dpp import DPPLandmarks
    >>> X = np.random.default_rng(0).uniform(-3, 3, size=(400, 1))
    >>> model = make_pipeline(DPPLandmarks(10, gamma=1.0, random_state=0), Ridge(1e-6))
    >>> bool(model.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.99)
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "kernel": [str, callable],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "degree": [Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "kernel_params": [dict, None],
        "method": [StrOptions({"auto", "kdpp", "greedy"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=100,
        *,
        kernel="rbf",
        gamma=None,
        degree=3,
        coef0=1.0,
        kernel_params=None,
        method="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.method = method
        self.random_state = random_state

    @in_float_range
    def fit(self, X, y=None):
        """Choose landmarks.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Points.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._validate_params()
        X = validate_data(self, X, dtype=np.float64, order="C")
        params = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        self._kernel = check_kernel(self.kernel, X, kernel_params=self.kernel_params, **params)
        self.component_indices_ = self._choose(X)
        self.components_ = X[self.component_indices_]
        U, lam, Vh = np.linalg.svd(self._kernel(self.components_, self.components_))
        self.normalization_ = (U / np.sqrt(np.maximum(lam, 1e-12))) @ Vh
        self._n_features_out = len(self.components_)
        return self

    def _choose(self, X: np.ndarray) -> np.ndarray:
        k, n = self.n_components, len(X)
        if k > n:
            warnings.warn(f"n_components={k} is more than the {n} points: {n} are taken", stacklevel=3)
            k = n
        self.method_ = self.method
        if self.method == "auto":
            self.method_ = "greedy" if n > DENSE and k > MANY else "kdpp"
        if self.method_ == "greedy":
            return grow(self._kernel.diag(X), lambda j: self._kernel(X, X[j : j + 1])[:, 0], k, 1e-12)
        random = random_stream(self.random_state)
        if n <= DENSE:
            L = self._kernel(X, X)
            L = (L + L.T) / 2
            process = KDPP(1, L)
            if k > process.rank_:
                warnings.warn(
                    f"n_components={k} is more than the rank of the kernel: {process.rank_} are taken", stacklevel=3
                )
            process.k = min(k, process.rank_)
            return process.sample(random_state=random)[0]
        process = KernelDPP(
            self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
            expected_size=0.5,
            random_state=random,
        ).fit(X)
        rank = process._plan(None)[0].rank
        if k > rank:
            warnings.warn(f"n_components={k} is more than the rank of the kernel: {rank} are taken", stacklevel=3)
        return process.sample(size=int(min(k, rank)))[0]

    @in_float_range
    def transform(self, X) -> np.ndarray:
        """Features of points.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Points.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        return self._kernel(X, self.components_) @ self.normalization_.T
