"""Sparse autoencoders as transformers: k-sparse, hierarchical and nested (Matryoshka) dictionaries of many units."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sparsela.nn import _nested as nested
from sparsela.nn._autoencoder import SparseAutoencoder


class KSparseAutoencoder(SparseAutoencoder):
    """Autoencoder of which each sample uses k hidden units: those that respond most.

    Parameters
    ----------
    n_components : int, default=512
        Hidden units H.
    n_nonzero_coefs : int, default=32
        Units k of a sample, at most `n_components`.
    tied : bool, default=True
        Decode by the encoder's weights. Otherwise the decoder has weights of its own, with rows of unit norm.
    nonneg : bool, default=False
        Negative responses become zero, and are not stored.
    k_schedule : {"linear", "constant"}, default="linear"
        In :meth:`fit` k falls from `n_components` over the first half of the steps, so that every unit learns
        something, or is `n_nonzero_coefs` throughout.
    encode_factor : float, default=1.0
        :meth:`transform` keeps ``⌊encode_factor · k⌋`` units, at least k.
    selection : {"sample", "batch"}, default="sample"
        Keep the k largest responses of each sample, or the ``k · batch_size`` largest positive ones of a batch, so that
        samples may use more or fewer; data are then coded by a threshold that is learned.
    solver : {"adam", "sgd", "momentum", "nesterov"}, default="adam"
        Update rule.
    learning_rate_init : float, default=1e-3
        Step size.
    batch_size : int, default=128
        Samples of a step.
    max_iter : int, default=30
        Most epochs.
    tol : float, default=1e-4
        Stop when the loss of an epoch was not that much below the best one, relatively, for five epochs in a row.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        Of the sparse products.
    callback : callable or None, default=None
        Called after each epoch with a state that has ``n_iter`` and ``loss``; a true value stops.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    random_state : int, RandomState, Generator or None, default=None
        Of the start and of the order of samples. The same seed gives the same network for any number of threads.

    Attributes
    ----------
    encoder_ : ndarray of shape (n_components, n_features)
        E.
    components_ : ndarray of shape (n_components, n_features)
        D; E itself when `tied`, else of unit rows.
    intercept_encoder_ : ndarray of shape (n_components,)
        e.
    mean_ : ndarray of shape (n_features,)
        b: begins at the mean of the data and is trained.
    activation_count_ : ndarray of int, of shape (n_components,)
        Samples of the last epoch that used each unit.
    n_dead_ : int
        Units that none of them used.
    loss_curve_ : list of float
        Mean loss of a sample, one an epoch.
    n_iter_ : int
        Epochs.
    threshold_ : float
        With ``selection="batch"``: entries above it are kept by :meth:`transform`.
    n_features_in_ : int
        Columns of the data.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the data had them.

    See Also
    --------
    HierarchicalTopKAutoencoder : One model for every k.
    MatryoshkaAutoencoder : Units in an order of importance.
    sparsela.dictionary.OnlineDictionaryLearning : Codes by optimisation instead of one product: better, and slower.

    Notes
    -----
    ``z = E(x − b) + e``; the code a holds the k largest entries of z, ties to the lower unit; ``x̂ = b + Σ a_i D_i``.
    Loss ``‖x − x̂‖²``, averaged over samples. With tied weights this is one step of iterative hard thresholding over a
    dictionary that is learned with it, and finds the support of ``x = Σ a_i D_i`` exactly where
    ``k < (1/2)(1 + 1/μ) · min a / max a``, for positive a, unit rows and coherence μ [1]_.

    O(n_samples · H · n_features) an epoch, nearly all in one dense product; decoding and its gradients touch only the
    ``k · batch_size`` entries in use.

    References
    ----------
    .. [1] A. Makhzani, B. Frey. k-Sparse Autoencoders. ICLR, 2014. arXiv 1312.5663.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import KSparseAutoencoder
    >>> X = load_digits().data / 16
    >>> coder = KSparseAutoencoder(128, n_nonzero_coefs=8, k_schedule="constant", max_iter=20, random_state=0).fit(X)
    >>> codes = coder.transform(X)
    >>> codes.shape, int(codes.count_nonzero(axis=1).max()), coder.score(X) > 0.7
    ((1797, 128), 8, True)
    """

    _parameter_constraints: dict = {
        **SparseAutoencoder._parameter_constraints,
        "tied": ["boolean"],
        "k_schedule": [StrOptions({"linear", "constant"})],
        "encode_factor": [Interval(Real, 1, None, closed="left")],
        "selection": [StrOptions({"sample", "batch"})],
    }

    def __init__(
        self,
        n_components=512,
        *,
        n_nonzero_coefs=32,
        tied=True,
        nonneg=False,
        k_schedule="linear",
        encode_factor=1.0,
        selection="sample",
        solver="adam",
        learning_rate_init=1e-3,
        batch_size=128,
        max_iter=30,
        tol=1e-4,
        backend="auto",
        callback=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.tied = tied
        self.nonneg = nonneg
        self.k_schedule = k_schedule
        self.encode_factor = encode_factor
        self.selection = selection
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.backend = backend
        self.callback = callback
        self.verbose = verbose
        self.random_state = random_state


class HierarchicalTopKAutoencoder(SparseAutoencoder):
    """Sparse autoencoder that is good at every number of units up to k: one model instead of one for each.

    Parameters
    ----------
    n_components : int, default=512
        Hidden units H.
    n_nonzero_coefs : int, default=32
        Most units k of a sample, at most `n_components`.
    budgets : "all" or sequence of int, default="all"
        Numbers of units at which the rebuilt sample counts in the loss, from 1 to k, ascending; "all" is all of them.
        A few, such as 1, 2, 4, …, 32, cost a little at k and bring more below it.
    nonneg : bool, default=True
        Negative responses become zero, and are not stored.
    solver : {"adam", "sgd", "momentum", "nesterov"}, default="adam"
        Update rule.
    learning_rate_init : float, default=1e-3
        Step size.
    batch_size : int, default=128
        Samples of a step.
    max_iter : int, default=30
        Most epochs.
    tol : float, default=1e-4
        Stop when the loss of an epoch was not that much below the best one, relatively, for five epochs in a row.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        Of the sparse products.
    callback : callable or None, default=None
        Called after each epoch with a state that has ``n_iter`` and ``loss``; a true value stops.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    random_state : int, RandomState, Generator or None, default=None
        Of the start and of the order of samples. The same seed gives the same network for any number of threads.

    Attributes
    ----------
    encoder_ : ndarray of shape (n_components, n_features)
        E.
    components_ : ndarray of shape (n_components, n_features)
        D; rows of unit norm.
    intercept_encoder_ : ndarray of shape (n_components,)
        e.
    mean_ : ndarray of shape (n_features,)
        b: begins at the mean of the data and is trained.
    activation_count_ : ndarray of int, of shape (n_components,)
        Samples of the last epoch that used each unit.
    n_dead_ : int
        Units that none of them used.
    loss_curve_ : list of float
        Mean loss of a sample, one an epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Columns of the data.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the data had them.

    See Also
    --------
    KSparseAutoencoder : Best at one k.
    MatryoshkaAutoencoder : Nested in the units instead of in their number.

    Notes
    -----
    Responses z and the k that are kept are those of :class:`KSparseAutoencoder`. With the kept ones sorted by value,
    ``x̂_j = b + Σ_{i≤j} a_(i) D_(i)``, and the loss is the mean of ``‖x − x̂_j‖²`` over the budgets j [1]_ [2]_.

    The gradients need no decoding for each budget: residuals are a running sum, and what entry i is answerable for is a
    sum of residuals from i on: O(k · n_features) a sample, whatever the number of budgets.

    References
    ----------
    .. [1] N. Balagansky et al. Train One Sparse Autoencoder Across Multiple Sparsity Budgets to Preserve
       Interpretability and Accuracy. 2025. arXiv 2505.24473.
    .. [2] V. Zaigrajew, H. Baniecki, P. Biecek. Interpreting CLIP with Hierarchical Sparse Autoencoders. 2025. arXiv
       2502.20578.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import HierarchicalTopKAutoencoder
    >>> X = load_digits().data / 16
    >>> coder = HierarchicalTopKAutoencoder(128, n_nonzero_coefs=8, max_iter=20, random_state=0).fit(X)
    >>> errors = [float(((X - coder.reconstruct(X, k)) ** 2).sum()) for k in (1, 2, 4, 8)]
    >>> errors == sorted(errors, reverse=True)
    True
    """

    _parameter_constraints: dict = {
        **SparseAutoencoder._parameter_constraints,
        "budgets": [StrOptions({"all"}), "array-like"],
    }

    def __init__(
        self,
        n_components=512,
        *,
        n_nonzero_coefs=32,
        budgets="all",
        nonneg=True,
        solver="adam",
        learning_rate_init=1e-3,
        batch_size=128,
        max_iter=30,
        tol=1e-4,
        backend="auto",
        callback=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.budgets = budgets
        self.nonneg = nonneg
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.backend = backend
        self.callback = callback
        self.verbose = verbose
        self.random_state = random_state

    def _prepare(self):
        k = self.n_nonzero_coefs
        self._budgets = np.arange(1, k + 1) if isinstance(self.budgets, str) else ascending(self.budgets, "budgets", k)

    def _read(self, code, k):
        n_samples = len(code.indptr) - 1
        return nested.by_value(code, k), nested.budget_weights(n_samples, k, self._budgets, code.values.dtype)


class MatryoshkaAutoencoder(SparseAutoencoder):
    """Sparse autoencoder whose first units are a dictionary of their own, and so are the first of these.

    Parameters
    ----------
    n_components : int, default=512
        Hidden units H.
    n_nonzero_coefs : int, default=32
        Units k of a sample, at most `n_components`.
    prefixes : sequence of int or None, default=None
        Sizes of the nested dictionaries, ascending, the last one H. None is H/16, H/8, H/4, H/2, H.
    prefix_weights : sequence of float or None, default=None
        Weight of each in the loss, positive; scaled to sum 1. None is equal weights.
    nonneg : bool, default=True
        Negative responses become zero, and are not stored.
    selection : {"sample", "batch"}, default="sample"
        As in :class:`KSparseAutoencoder`.
    solver : {"adam", "sgd", "momentum", "nesterov"}, default="adam"
        Update rule.
    learning_rate_init : float, default=1e-3
        Step size.
    batch_size : int, default=128
        Samples of a step.
    max_iter : int, default=30
        Most epochs.
    tol : float, default=1e-4
        Stop when the loss of an epoch was not that much below the best one, relatively, for five epochs in a row.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        Of the sparse products.
    callback : callable or None, default=None
        Called after each epoch with a state that has ``n_iter`` and ``loss``; a true value stops.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    random_state : int, RandomState, Generator or None, default=None
        Of the start and of the order of samples. The same seed gives the same network for any number of threads.

    Attributes
    ----------
    encoder_ : ndarray of shape (n_components, n_features)
        E.
    components_ : ndarray of shape (n_components, n_features)
        D; rows of unit norm.
    intercept_encoder_ : ndarray of shape (n_components,)
        e.
    mean_ : ndarray of shape (n_features,)
        b: begins at the mean of the data and is trained.
    activation_count_ : ndarray of int, of shape (n_components,)
        Samples of the last epoch that used each unit.
    n_dead_ : int
        Units that none of them used.
    loss_curve_ : list of float
        Mean loss of a sample, one an epoch.
    n_iter_ : int
        Epochs.
    threshold_ : float
        With ``selection="batch"``: entries above it are kept by :meth:`transform`.
    n_features_in_ : int
        Columns of the data.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the data had them.
    prefixes_ : ndarray of int
        Sizes of the nested dictionaries.

    See Also
    --------
    HierarchicalTopKAutoencoder : Nested in the number of units instead.

    Notes
    -----
    Responses z and the units that are kept are those of :class:`KSparseAutoencoder`. With ``x̂_t`` rebuilt from those of
    the kept units that are among the first ``m_t``, the loss is the weighted mean of ``‖x − x̂_t‖²`` over the prefixes
    [1]_. Broad features settle in the first units, where every term sees them, and finer ones behind: a large
    dictionary no longer splits or absorbs its broad ones.

    O(k · n_features) a sample beyond the dense product of the encoder, whatever the number of prefixes.

    References
    ----------
    .. [1] B. Bussmann, N. Nabeshima, A. Karvonen, N. Nanda. Learning Multi-Level Features with Matryoshka Sparse
       Autoencoders. ICML, 2025. arXiv 2503.17547.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import MatryoshkaAutoencoder
    >>> X = load_digits().data / 16
    >>> coder = MatryoshkaAutoencoder(128, n_nonzero_coefs=8, max_iter=20, random_state=0).fit(X)
    >>> errors = [float(((X - coder.reconstruct(X, prefix=m)) ** 2).sum()) for m in coder.prefixes_]
    >>> errors == sorted(errors, reverse=True)
    True
    """

    _parameter_constraints: dict = {
        **SparseAutoencoder._parameter_constraints,
        "prefixes": ["array-like", None],
        "prefix_weights": ["array-like", None],
        "selection": [StrOptions({"sample", "batch"})],
    }

    def __init__(
        self,
        n_components=512,
        *,
        n_nonzero_coefs=32,
        prefixes=None,
        prefix_weights=None,
        nonneg=True,
        selection="sample",
        solver="adam",
        learning_rate_init=1e-3,
        batch_size=128,
        max_iter=30,
        tol=1e-4,
        backend="auto",
        callback=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.prefixes = prefixes
        self.prefix_weights = prefix_weights
        self.nonneg = nonneg
        self.selection = selection
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.backend = backend
        self.callback = callback
        self.verbose = verbose
        self.random_state = random_state

    def _prepare(self):
        H = self.n_components
        if self.prefixes is None:
            self.prefixes_ = np.unique([max(1, H // part) for part in (16, 8, 4, 2, 1)])
        else:
            self.prefixes_ = ascending(self.prefixes, "prefixes", H)
            if self.prefixes_[-1] != H:
                raise ValueError(f"prefixes must end in n_components={H}, got {self.prefixes_[-1]}")
        weights = (
            np.ones(len(self.prefixes_)) if self.prefix_weights is None else np.asarray(self.prefix_weights, float)
        )
        if weights.shape != self.prefixes_.shape or not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ValueError(
                f"prefix_weights must be positive, one a prefix ({len(self.prefixes_)}), got {self.prefix_weights!r}"
            )
        self._weights = weights / weights.sum()

    def _read(self, code, k):
        dtype = code.values.dtype
        return code, nested.prefix_weights(code, self.prefixes_, self._weights, self._n_units, dtype)


def ascending(values: Sequence[Any], name: str, high: int) -> np.ndarray:
    """Integers from 1 to high, each above the one before."""
    array = np.asarray(values)
    sound = array.ndim == 1 and array.size and all(isinstance(v, Integral) for v in array.tolist())
    if not sound or array[0] < 1 or array[-1] > high or not (np.diff(array) > 0).all():
        raise ValueError(f"{name} must be ascending integers from 1 to {high}, got {values!r}")
    return array
