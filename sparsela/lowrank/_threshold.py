"""Singular value thresholding: as an operator, as an estimator of a matrix, and what it does for fairness."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.linalg import svd
from scipy.optimize import brentq
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.validation import check_count, check_indices, check_matrix, check_positive
from sparsela.lowrank._observed import observed_of
from sparsela.lowrank._randomized import randomized_svd

FIRST_GUESS = 10  # of how many singular values are above the threshold
PARTIAL = 0.2  # of the smaller side: above it a full SVD is cheaper
BLOCK = 1 << 22  # numbers that distances take at a time


def singular_value_threshold(X: Any, threshold: float, *, kind: str = "hard") -> np.ndarray:
    """Drop the small singular values of a matrix.

    Parameters
    ----------
    X : ndarray of shape (m, n)
        Real; float32 stays.
    threshold : float
        Singular values below it become zero.
    kind : {"hard", "soft"}, default="hard"
        "soft" takes the threshold off the others too: the proximal operator of ``threshold · ‖·‖_*``.

    Returns
    -------
    ndarray of shape (m, n)

    Raises
    ------
    TypeError
        If X is sparse or complex.
    ValueError
        If an entry is not finite, the threshold is negative, or the kind is unknown.

    See Also
    --------
    SingularValueThresholding : Which threshold, and missing entries.

    Notes
    -----
    One SVD by LAPACK.

    References
    ----------
    J.-F. Cai, E. Candès, Z. Shen. A singular value thresholding algorithm for matrix completion. SIAM Journal on
    Optimization, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import singular_value_threshold
    >>> singular_value_threshold(np.diag([3.0, 1.0]), 2.0, kind="soft").round(12) + 0.0
    array([[1., 0.],
           [0., 0.]])
    """
    X = check_matrix(X, "X")
    threshold = check_positive(threshold, "threshold", allow_zero=True)
    if kind not in ("hard", "soft"):
        raise ValueError(f"kind must be 'hard' or 'soft', got {kind!r}")
    U, s, Vt = svd(X, full_matrices=False, check_finite=False)
    kept = s >= threshold
    return (U[:, kept] * _taken(s[kept], threshold, kind)) @ Vt[kept]


def _taken(s, threshold, kind):
    return s - s.dtype.type(threshold) if kind == "soft" else s


class SingularValueThresholding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Estimate a matrix of low rank from noisy entries, some missing, by the singular values above a threshold.

    Parameters
    ----------
    threshold : {"universal", "gavish-donoho"} or float, default="universal"
        "universal" is ``(2 + eta) √(max(m, n) q)``, q the variance of an entry; "gavish-donoho", of a matrix that was
        seen whole, is the best for white noise of unknown level; a number is the threshold itself, on the scale of the
        mapped entries.
    kind : {"hard", "soft"}, default="hard"
        What becomes of the others; see :func:`singular_value_threshold`.
    eta : float, default=0.01
        Margin of "universal".
    noise_var : float or None, default=None
        Variance v of the entries, in mapped units: ``q = v p (1 − p)`` for the share p that was seen. None bounds q by
        the mean square of the matrix with zeros for what is missing.
    bounds : (float, float) or None, default=None
        Range of the entries, which is mapped to [−1, 1]; None is the range of what was seen.
    rescale : bool, default=True
        Whether to divide by the share that was seen.

    Attributes
    ----------
    components_ : ndarray of shape (rank, n_features)
        Right singular vectors that were kept.
    singular_values_ : ndarray of shape (rank,)
        Those above the threshold, after it (of the matrix with zeros).
    rank_ : int
        How many.
    threshold_ : float
        The threshold.
    observed_fraction_ : float
        Share of entries that were seen.
    estimate_ : ndarray of shape (n_samples, n_features)
        The estimate.
    bounds_ : (float, float)
        Range that was mapped.
    n_features_in_ : int
        Columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had them.

    See Also
    --------
    MatrixCompletion : Fits what was seen; fewer entries do.
    individual_fairness_ratios : What the estimate does to distances.

    Notes
    -----
    ``Â = (1/p) Σ_{σ_i ≥ τ} σ_i u_i v_iᵀ``, clipped to the range. Rows that are alike get estimates that are: distances
    grow by no more than those of the truth, up to an error that falls with the number of entries [1]_. It needs low
    rank and enough entries. On 1000 × 50 ratings of clusters, a tenth seen, the `noise_var` of the paper keeps twenty
    directions of noise and does worse than predicting the mean of the range; None keeps none.

    `transform` projects rows on the components, divides by the share of the fit, and maps back.

    References
    ----------
    .. [1] C. Zhang, S. Cen, D. Shah. Matrix estimation for individual fairness. ICML, 2023. arXiv 2302.02096.
    .. [2] S. Chatterjee. Matrix estimation by universal singular value thresholding. Annals of Statistics, 2015.
    .. [3] M. Gavish, D. Donoho. The optimal hard threshold for singular values is 4/√3. IEEE Transactions on
       Information Theory, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import SingularValueThresholding
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(-1, 1, (400, 2)) @ rng.uniform(-1, 1, (2, 300))
    >>> X = np.where(rng.random(truth.shape) < 0.5, truth, np.nan)
    >>> model = SingularValueThresholding()
    >>> estimate = model.fit_transform(X)
    >>> model.rank_, bool(np.mean((estimate - truth) ** 2) < 0.1 * np.mean(truth**2))
    (2, True)
    """

    _parameter_constraints: dict = {
        "threshold": [StrOptions({"universal", "gavish-donoho"}), Interval(Real, 0, None, closed="left")],
        "kind": [StrOptions({"hard", "soft"})],
        "eta": [Interval(Real, 0, None, closed="left")],
        "noise_var": [Interval(Real, 0, None, closed="left"), None],
        "bounds": [tuple, None],
        "rescale": ["boolean"],
    }

    def __init__(self, threshold="universal", *, kind="hard", eta=0.01, noise_var=None, bounds=None, rescale=True):
        self.threshold = threshold
        self.kind = kind
        self.eta = eta
        self.noise_var = noise_var
        self.bounds = bounds
        self.rescale = rescale

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the matrix behind X.

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
        matrix = self._seen(X, reset=True)
        m, n = matrix.shape
        p = matrix.nnz / (m * n)
        self.bounds_ = self._range(matrix.data)
        Z = matrix.copy()
        Z.data = self._mapped(matrix.data)
        self.observed_fraction_ = p
        if self.threshold == "gavish-donoho" and p < 1:
            raise ValueError(
                f"threshold 'gavish-donoho' is for matrices seen whole, {matrix.nnz} of {m * n} entries were"
            )
        U, s, Vt = self._triplets(Z, p)
        kept = (s >= self.threshold_) & (s > 0)
        self.singular_values_ = _taken(s[kept], self.threshold_, self.kind)
        self.components_, self.rank_ = Vt[kept], int(kept.sum())
        self.estimate_ = self._back((U[:, kept] * self.singular_values_) @ self.components_)
        return self

    def fit_transform(self, X, y=None):
        """Estimate the matrix behind X, and return the estimate.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Stored entries, or those that are not NaN.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return self.fit(X).estimate_

    def transform(self, X):
        """Estimate rows by their projection on the components.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_rows, n_features)
            Stored entries, or those that are not NaN.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
        """
        check_is_fitted(self)
        Z = self._seen(X, reset=False)
        Z.data = self._mapped(Z.data)
        V = self.components_.astype(Z.dtype, copy=False)
        coordinates = Z @ V.T
        if self.kind == "soft":  # what the threshold left of each direction
            coordinates *= self.singular_values_ / (self.singular_values_ + self.threshold_)
        return self._back(coordinates @ V)

    @property
    def _n_features_out(self):
        return self.n_features_in_

    def _triplets(self, Z, p):
        m, n = Z.shape
        if self.threshold == "gavish-donoho":
            U, s, Vt = svd(Z.toarray(), full_matrices=False, check_finite=False)
            self.threshold_ = _optimal_ratio(min(m, n) / max(m, n)) * float(np.median(s))
            return U, s, Vt
        if self.threshold == "universal":
            mean_square = float(np.square(Z.data, dtype=np.float64).sum()) / (m * n)
            q = mean_square if self.noise_var is None else self.noise_var * p * (1 - p)
            self.threshold_ = (2 + self.eta) * float(np.sqrt(max(m, n) * q))
        else:
            self.threshold_ = float(self.threshold)
        k = FIRST_GUESS
        while k < PARTIAL * min(m, n):
            found = randomized_svd(Z, k, random_state=0)
            if found.s[-1] < self.threshold_:
                return found.U, found.s, found.Vt
            k *= 2
        return svd(Z.toarray(), full_matrices=False, check_finite=False)

    def _seen(self, X, reset):
        sparse = issparse(X)
        how = {"accept_sparse": ("csr", "csc", "coo"), "dtype": (np.float64, np.float32)}
        check_indices(X, "X")
        X = validate_data(self, X, reset=reset, ensure_all_finite=True if sparse else "allow-nan", **how)
        return observed_of(X).copy()

    def _range(self, values):
        if self.bounds is None:
            return float(values.min()), float(values.max())
        if len(self.bounds) != 2 or not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds must be None or two numbers, the lower first, got {self.bounds!r}")
        low, high = (float(bound) for bound in self.bounds)
        if values.min() < low or values.max() > high:
            raise ValueError(
                f"bounds must hold all of X, got {self.bounds!r} and entries from {values.min()} to {values.max()}"
            )
        return low, high

    def _mapped(self, values):
        centre, half = self._scale()
        return ((values - centre) / half).astype(values.dtype)

    def _back(self, Z):
        centre, half = self._scale()
        scale = 1 / self.observed_fraction_ if self.rescale else 1.0
        return (np.clip(Z * Z.dtype.type(scale), -1, 1) * half + centre).astype(Z.dtype, copy=False)

    def _scale(self):
        low, high = self.bounds_
        return (low + high) / 2, (high - low) / 2 or 1.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@lru_cache(maxsize=64)
def _optimal_ratio(beta: float) -> float:
    """ω(β): the best hard threshold over the median singular value, for white noise (Gavish and Donoho)."""
    best = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
    return float(best / np.sqrt(_marchenko_pastur_median(beta)))


def _marchenko_pastur_median(beta: float) -> float:
    low, high = (1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2

    def below(x):  # with x = low + (high − low) sin²φ the density has no edge
        def density(phi):
            width = high - low
            at = low + width * np.sin(phi) ** 2
            return (width * np.sin(phi) * np.cos(phi)) ** 2 / (np.pi * beta * at) if at > 0 else width / (np.pi * beta)

        return quad(density, 0, np.arcsin(np.sqrt((x - low) / (high - low))))[0] - 0.5

    return brentq(below, low, high)


@in_float_range
def individual_fairness_ratios(
    estimate: Any,
    observed: Any,
    *,
    n_pairs: int | None = None,
    metric_in: float = 1,
    metric_out: float = 2,
    random_state=None,
) -> np.ndarray:
    """How far apart pairs of individuals are treated, over how far apart they are.

    Parameters
    ----------
    estimate : ndarray of shape (m, n)
        What is decided: one row an individual.
    observed : ndarray of shape (m, d)
        What is known: one row an individual.
    n_pairs : int or None, default=None
        Pairs drawn, with replacement; None is all ``m (m − 1) / 2``.
    metric_in, metric_out : float, default=1, 2
        Norms of the distances between rows of `observed` and of `estimate`, at least 1.
    random_state : None, int, RandomState or Generator, default=None
        Seed of the pairs.

    Returns
    -------
    ndarray of shape (n_ratios,)
        ``‖estimate_a − estimate_b‖_out / ‖observed_a − observed_b‖_in``. Pairs with nothing between them in `observed`
        have no ratio: as many entries are missing as there are of those.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or there are fewer than two rows.

    See Also
    --------
    SingularValueThresholding : Estimates with small ratios.

    Notes
    -----
    Treatment is L-Lipschitz, that is individually fair with constant L, if no ratio is above L. O(n_pairs (n + d)).

    References
    ----------
    C. Zhang, S. Cen, D. Shah. Matrix estimation for individual fairness. ICML, 2023. arXiv 2302.02096.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import individual_fairness_ratios
    >>> individual_fairness_ratios(np.array([[0.0], [3.0], [3.0]]), np.array([[0.0, 0], [1, 1], [1, 1]]))
    array([1.5, 1.5])
    """
    estimate, observed = check_matrix(estimate, "estimate"), check_matrix(observed, "observed")
    m = len(estimate)
    if len(observed) != m or m < 2:
        raise ValueError(f"estimate and observed must have as many rows, at least 2, got {m} and {len(observed)}")
    for name, value in (("metric_in", metric_in), ("metric_out", metric_out)):
        if not (isinstance(value, Real) and value >= 1):
            raise ValueError(f"{name} must be a norm, a number of at least 1, got {value!r}")
    if n_pairs is None:
        a, b = np.triu_indices(m, 1)
    else:
        n_pairs = check_count(n_pairs, "n_pairs")
        rng = np.random.default_rng(seed_from(random_state))
        a = rng.integers(m, size=n_pairs)
        b = (a + rng.integers(1, m, size=n_pairs)) % m
    size = max(1, BLOCK // max(estimate.shape[1], observed.shape[1]))
    ratios = []
    for start in range(0, len(a), size):
        first, second = a[start : start + size], b[start : start + size]
        apart = np.linalg.norm(observed[first] - observed[second], metric_in, axis=1)
        treated = np.linalg.norm(estimate[first] - estimate[second], metric_out, axis=1)
        ratios.append(treated[apart > 0] / apart[apart > 0])
    return np.concatenate(ratios)
