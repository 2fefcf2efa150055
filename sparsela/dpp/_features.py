"""Columns of a table that span a large volume: feature selection without a target."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.random import random_stream
from sparsela._core.selector import FeatureSelector
from sparsela._core.validation import check_indices
from sparsela.dpp._greedy import grow
from sparsela.dpp._projection import ColumnSampler
from sparsela.dpp._symmetric import chance_of_each


class DPPFeatureSelector(FeatureSelector, BaseEstimator):
    """Keep the columns that together say most: volume sampling, a k-DPP with ``L = XᵀX`` of the centred table.

    Parameters
    ----------
    n_features_to_select : int, default=10
        How many; more than the rank of the centred table are clipped with a warning.
    method : {"volume", "greedy", "best_of"}, default="volume"
        "volume": one set of the k-DPP. "greedy": the column farthest from the span of those before, again and again.
        "best_of": of `n_draws` sets the one with the smallest residual.
    scale : bool, default=False
        Whether columns count in standard units.
    n_draws : int, default=20
        Sets for "best_of".
    random_state : int, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    support_ : ndarray of bool of shape (n_features,)
        The columns kept.
    residual_ : float
        ``‖X − P_S X‖_F²`` of the centred (and scaled) table: what is not a combination of the columns kept.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns.

    See Also
    --------
    KDPP : The law.

    Notes
    -----
    The mean of the residual over draws is ``(k + 1) e_{k+1}/e_k``, e the elementary symmetric polynomials of the
    squared singular values: at most k + 1 times the residual of the best k directions. Sparse X is centred
    in thought only, and never made dense: O(nnz + min(n, p)³ + max(n, p) min(n, p)).

    References
    ----------
    A. Deshpande, L. Rademacher, S. Vempala, G. Wang. Matrix approximation and projective clustering via volume
    sampling. SODA, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsela.dpp import DPPFeatureSelector
    >>> X = load_diabetes().data
    >>> selector = DPPFeatureSelector(4, random_state=0).fit(X)
    >>> selector.transform(X).shape
    (442, 4)
    """

    _parameter_constraints: dict = {
        "n_features_to_select": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"volume", "greedy", "best_of"})],
        "scale": ["boolean"],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_features_to_select=10, *, method="volume", scale=False, n_draws=20, random_state=None):
        self.n_features_to_select = n_features_to_select
        self.method = method
        self.scale = scale
        self.n_draws = n_draws
        self.random_state = random_state

    @in_float_range
    def fit(self, X, y=None):
        """Choose columns.

        Parameters
        ----------
        X : {array_like, sparse array} of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._validate_params()
        check_indices(X, "X")
        X = validate_data(self, X, accept_sparse="csc", dtype=np.float64, ensure_min_samples=2)
        table = _Table(X, self.scale)
        lam, V = table.spectrum()
        if len(lam) == 0:
            raise ValueError("X must have a column that is not constant")
        k = min(self.n_features_to_select, len(lam))
        if k < self.n_features_to_select:
            warnings.warn(
                f"n_features_to_select={self.n_features_to_select} is more than the rank of X: {k} are kept",
                stacklevel=2,
            )
        if self.method == "greedy":
            sets = [grow((V**2) @ lam, lambda j: V @ (lam * V[j]), k, 1e-14)]
        else:
            sampler = ColumnSampler(V, chance_of_each(np.log(lam), k), k)
            draws = 1 if self.method == "volume" else self.n_draws
            sets = sampler.sample(draws, random_stream(self.random_state))
        residuals = [_residual(lam, V, S) for S in sets]
        best = int(np.argmin(residuals))
        self.residual_ = residuals[best]
        self.support_ = np.zeros(X.shape[1], bool)
        self.support_[sets[best]] = True
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Table:
    """X − 1 mᵀ, columns divided by their standard deviations if asked: products only, so that X may be sparse."""

    def __init__(self, X, scale: bool):
        self.X, n = X, X.shape[0]
        self.mean = np.asarray(X.mean(axis=0)).ravel()
        self.unit = np.ones(X.shape[1])
        if scale:
            squares = X.multiply(X).mean(axis=0) if sp.issparse(X) else (X * X).mean(axis=0)
            deviation = np.sqrt(np.maximum(np.asarray(squares).ravel() - self.mean**2, 0))
            self.unit = 1 / np.where(deviation > 1e-12 * (1 + np.abs(self.mean)), deviation, np.inf)
        self.shape = n, X.shape[1]

    def spectrum(self):
        """Eigenvalues and eigenvectors (p, r) of the centred XᵀX."""
        n, p = self.shape
        if not sp.issparse(self.X):
            _, sigma, Vh = np.linalg.svd((self.X - self.mean) * self.unit, full_matrices=False)
            kept = sigma > sigma[0] * max(n, p) * np.finfo(float).eps
            kept &= sigma > 1e-12 * np.abs(self.X).max()
            return sigma[kept][::-1] ** 2, np.asfortranarray(Vh[kept][::-1].T)
        scaled = self.X @ sp.diags_array(self.unit)
        m = self.mean * self.unit
        if p <= n:
            lam, V = np.linalg.eigh((scaled.T @ scaled).toarray() - n * np.outer(m, m))
            kept = lam > max(lam[-1], 0) * p * 10 * np.finfo(float).eps
            return lam[kept], np.asfortranarray(V[:, kept])
        cross = np.asarray(scaled @ m).ravel()
        lam, U = np.linalg.eigh((scaled @ scaled.T).toarray() - cross[:, None] - cross + m @ m)
        kept = lam > max(lam[-1], 0) * n * 10 * np.finfo(float).eps
        lam, U = lam[kept], U[:, kept]
        return lam, np.asfortranarray((scaled.T @ U - np.outer(m, U.sum(axis=0))) / np.sqrt(lam))


def _residual(lam: np.ndarray, V: np.ndarray, S: np.ndarray) -> float:
    """tr XᵀX less what the columns S explain; X is here diag(√lam) Vᵀ, which is as good."""
    X = V * np.sqrt(lam)
    Q = np.linalg.qr(X[S].T)[0]
    return float(max(np.square(X).sum() - np.square(X @ Q).sum(), 0.0))
