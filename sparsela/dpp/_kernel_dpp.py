"""Determinantal processes on a million points: a kernel, and nothing n × n."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.row_blocks import is_collection
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count
from sparsela.dpp._dictionary import dictionary, pivoted
from sparsela.dpp._kernels import check_kernel
from sparsela.dpp._plan import Reference
from sparsela.dpp._scattered import ScatteredPoints
from sparsela.dpp._trials import draw


class KernelDPP(BaseEstimator):
    """Exact samples of the process with likelihood ``L_ij = α κ(x_i, x_j)``, without L: a few kernel rows at a time.

    Parameters
    ----------
    kernel : str or callable, default="rbf"
        A name as in scikit-learn's ``pairwise_kernels``, or ``kernel(X, Y) -> (len(X), len(Y))``, called on blocks of
        points; its ``kernel.diag(X)`` is used where it has one. "rbf", "linear" and "poly" run compiled.
    gamma : float or None, default=None
        Of the kernel, by scikit-learn's definition; None: 1 / n_features.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1.0
        Of the polynomial kernel.
    kernel_params : dict or None, default=None
        Keywords of a callable kernel.
    expected_size : float or None, default=None
        Mean number of points of a set, above 0 and below the rank of L: α is set to give it. None: α = 1.
    method : {"vfx", "alpha"}, default="vfx"
        "vfx": one pass over the points, then a sample in time that does not depend on n. "alpha": no pass; a score is
        made only for points that are proposed.
    n_landmarks : int or "auto", default="auto"
        Points that span the reference; "auto": by effective dimension, 4 to 40 times one more than the expected size.
    oversampling : float, default=4.0
        Landmarks for each unit of effective dimension, at least 1.
    dictionary : {"bless", "rpcholesky"}, default="bless"
        How landmarks are found: by ridge leverage scores, or by randomly pivoted Cholesky on 10,000 points.
    trial_size : float or "auto", default="auto"
        q = r s: about so many points are looked at in a trial; large: few, dear trials. "auto": least time.
    max_trials : int, default=100_000
        Trials for one set before giving up.
    random_state : int, RandomState or None, default=None
        Seed of the fit, and of the sets where `sample` is given none.

    Attributes
    ----------
    alpha_ : float
        The factor α.
    landmark_indices_ : ndarray of int64 of shape (m,)
        The landmarks.
    rls_ : ndarray of shape (n,)
        Scores l_i, the chance to be proposed; estimates of the marginals. "vfx" only.
    rls_sum_ : float
        Their sum s; an estimate with "alpha".
    n_trials_ : int
        Trials made so far.
    acceptance_rate_ : float
        Share of them that were accepted; NaN before any.
    n_seen_ : int
        Points whose kernel row was ever evaluated.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns.

    See Also
    --------
    DPP, KDPP : For kernels that fit in memory as a matrix.

    Notes
    -----
    A trial draws points from a Poisson process of rates ``r e^{1/r} l_i`` and accepts them with probability
    ``exp(z − t/r − ℓ) det(I + αC̃)``; then a set comes from the process of those few points. The law is exactly that
    of DPP(αL), whatever the landmarks: they decide how many trials there are. ``sample(size=k)`` repeats until the size
    is k (about one in √(2πk)), at an α of its own. Memory O(n + m²); fit O(n m (d + m)) with "vfx".

    With "alpha", the reference is the span of the landmarks with the sample covariance of 10,000 points, in place of
    the weighted landmarks of the paper; the law is the same, fewer trials are refused.

    References
    ----------
    M. Dereziński, D. Calandriello, M. Valko. Exact sampling of determinantal point processes with sublinear time
    preprocessing. NeurIPS, 2019. arXiv 1905.13476.
    D. Calandriello, M. Dereziński, M. Valko. Sampling from a k-DPP without looking at all items. NeurIPS, 2020.
    arXiv 2006.16947.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import KernelDPP
    >>> X = np.random.default_rng(0).normal(size=(20_000, 3))
    >>> process = KernelDPP(gamma=0.5, expected_size=10, random_state=0).fit(X)
    >>> [len(S) for S in process.sample(2, size=10)]
    [10, 10]
    """

    _parameter_constraints: dict = {
        "kernel": [str, callable],
        "gamma": [Interval(Real, 0, None, closed="neither"), None],
        "degree": [Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "kernel_params": [dict, None],
        "expected_size": [Interval(Real, 0, None, closed="neither"), None],
        "method": [StrOptions({"vfx", "alpha"})],
        "n_landmarks": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "oversampling": [Interval(Real, 1, None, closed="left")],
        "dictionary": [StrOptions({"bless", "rpcholesky"})],
        "trial_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "max_trials": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        kernel="rbf",
        *,
        gamma=None,
        degree=3,
        coef0=1.0,
        kernel_params=None,
        expected_size=None,
        method="vfx",
        n_landmarks="auto",
        oversampling=4.0,
        dictionary="bless",
        trial_size="auto",
        max_trials=100_000,
        random_state=None,
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.expected_size = expected_size
        self.method = method
        self.n_landmarks = n_landmarks
        self.oversampling = oversampling
        self.dictionary = dictionary
        self.trial_size = trial_size
        self.max_trials = max_trials
        self.random_state = random_state

    @in_float_range
    def fit(self, X, y=None):
        """Choose landmarks and, with "vfx", score all points.

        Parameters
        ----------
        X : array_like of shape (n, d), or a Dask collection
            Points. Those of a Dask array, a bag of arrays or a list of delayed ones stay where they are: scores are
            made there and come back, n of them, and `sample` asks for the rows that it proposes. Sets are those of the
            same points in memory.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._validate_params()
        if is_collection(X):
            X = ScatteredPoints(X)
            self.n_features_in_ = X.shape[1]
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        else:
            X = validate_data(self, X, dtype=np.float64, order="C")
        params = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        kernel = check_kernel(self.kernel, X, kernel_params=self.kernel_params, **params)
        # of the Gaussian kernel it is 1 everywhere, and no pass
        diag = kernel.diag(X) if isinstance(X, np.ndarray) or kernel.family == 0 else X.each(kernel.diag)
        if not (np.isfinite(diag).all() and diag.min() >= 0 and diag.max() > 0):
            raise ValueError(
                "kernel(x, x) must be finite, not negative, and not 0 everywhere, "
                f"got {diag.min():.3g} to {diag.max():.3g}"
            )
        if self.expected_size is not None and self.expected_size >= len(X):
            raise ValueError(f"expected_size must be below the rank, {len(X)} at most, got {self.expected_size!r}")
        self._points, self._kernel, self._diag = X, kernel, diag
        self._seen = np.full(len(X), self.method == "vfx", np.uint8)
        self._seed, self._next = seed_from(self.random_state), 0
        self._plans = {}
        with one_blas_thread():
            reference, plan, D = self._plan(None)
        self.alpha_, self.landmark_indices_, self.rls_sum_ = plan.alpha, D, plan.s
        if not plan.lazy:
            self.rls_ = plan.score
        elif hasattr(self, "rls_"):
            del self.rls_
        self.n_trials_, self._n_accepted = 0, 0
        return self

    @property
    def acceptance_rate_(self) -> float:
        check_is_fitted(self)
        return self._n_accepted / self.n_trials_ if self.n_trials_ else float("nan")

    @property
    def n_seen_(self) -> int:
        check_is_fitted(self)
        return int(np.count_nonzero(self._seen))

    @in_float_range
    def sample(self, n_samples=1, *, size=None, random_state=None) -> list[np.ndarray]:
        """Draw sets.

        Parameters
        ----------
        n_samples : int, default=1
            How many sets.
        size : int or None, default=None
            Sets of exactly so many points, from 1 to the rank of L; None: of random size.
        random_state : int, Generator, RandomState or None, default=None
            Seed; set j depends on the seed and j alone. None: go on with the sets of the estimator's own seed.

        Returns
        -------
        list of n_samples ndarrays of int64
            Ascending indices of points.

        Raises
        ------
        RuntimeError
            If a set takes more than max_trials trials.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, "n_samples", low=0)
        if size is not None:
            size = check_count(size, "size", high=len(self._points))
        if random_state is None:
            seed, first = self._seed, self._next
            self._next += n_samples
        else:
            seed, first = seed_from(random_state), 0
        with one_blas_thread():
            reference, plan, _ = self._plan(size)
        sets, made, accepted = draw(reference, plan, size, self.max_trials, seed, first, n_samples, self._seen)
        self.n_trials_ += made
        self._n_accepted += accepted
        return sets

    def _plan(self, size):
        """Reference, plan and landmarks for sets of this size, or for the process as it is fitted; made once each."""
        target = self.expected_size if size is None else size
        if target == self.expected_size and None in self._plans and size != self._rank():
            size = None
        if size not in self._plans:
            # one stream a target: the fit does not depend on what was sampled before
            rng = np.random.default_rng([self._seed, 0 if size is None else size])
            most = len(self._points) if self.n_landmarks == "auto" else self.n_landmarks
            if self.dictionary == "bless":
                D, seen = dictionary(
                    self._kernel, self._points, self._diag, target, self.n_landmarks, self.oversampling, rng
                )
            else:
                wanted = min(most, 20 * int(np.ceil((target or 25) + 1)))
                D, seen = pivoted(self._kernel, self._points, self._diag, wanted, rng)
            reference = Reference(self._kernel, self._points, self._diag, D, rng)
            self._seen[seen] = 1
            self._seen[reference.sample] = 1
            alpha = self._alpha(reference, target, size)
            plan = reference.plan(alpha, self.method == "alpha", self.trial_size, self.max_trials)
            self._plans[size] = reference, plan, D
        return self._plans[size]

    def _rank(self):
        return self._plans[None][0].rank

    def _alpha(self, reference, target, size):
        if target is None:
            return 1.0
        if size is not None and size > reference.rank:
            raise ValueError(f"size must be at most the rank of the kernel, {reference.rank}, got {size}")
        if size is not None and size == reference.rank:
            target = size - 0.3  # three sets in four have full size
        elif target >= reference.rank:
            raise ValueError(f"expected_size must be below the rank of the kernel, {reference.rank}, got {target!r}")
        return reference.scale_for(target)
