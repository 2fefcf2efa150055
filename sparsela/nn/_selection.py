"""Features that a sparse autoencoder leans on: QuickSelection."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.config import SPARSE_BACKENDS
from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.selector import FeatureSelector
from sparsela._ext import train
from sparsela.nn._activations import Activation
from sparsela.nn._dynamic import SET, smallest_of_each_sign
from sparsela.nn._growth import top
from sparsela.nn._linear import SparseLinear
from sparsela.nn._mlp import Network, Trainer
from sparsela.nn._optim import Solver
from sparsela.nn._training import Plan, run_epoch


class QuickSelection(FeatureSelector, BaseEstimator):
    """Select the features from which a sparse denoising autoencoder reads most.

    Parameters
    ----------
    n_features_to_select : int or None, default=None
        How many; None is half of them.
    n_hidden : int, default=1000
        Hidden units.
    epsilon : float, default=13
        Each of the two layers has ε · (n_features + n_hidden) weights, or all where that is more than there are.
    zeta : float, default=0.2
        Fraction of the weights of each sign that an epoch moves, as in :class:`SET`.
    noise : float, default=0.2
        Standard deviation of the noise that is added once to the inputs.
    dropout : float, default=0.2
        Fraction of the hidden units that a step leaves out.
    learning_rate_init : float, default=0.01
        Learning rate.
    momentum : float, default=0.9
        Of the steps.
    alpha : float, default=1e-5
        Fraction by which each step shrinks the weights.
    batch_size : int, default=100
        Samples a step.
    max_iter : int, default=20
        Epochs.
    strength : {"input", "output", "both"}, default="input"
        Whose weights make the strength of a feature: those that lead from it, those that lead to its reconstruction,
        or their sum.
    scale : bool, default=True
        Whether to standardise the features first.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        What multiplies, as in :func:`spmm`.
    random_state : int, RandomState, Generator or None, default=None
        Seed.

    Attributes
    ----------
    strength_ : ndarray of shape (n_features,)
        Sum of the magnitudes of a feature's weights; 0 for a feature that is constant.
    ranking_ : ndarray of shape (n_features,)
        1 for the strongest feature, and so on; ties to the lower index.
    coefs_ : list of csc_array
        Encoder (n_varying, n_hidden) and decoder (n_hidden, n_varying) over the features that vary.
    loss_curve_ : list of float
        Half the squared error of the reconstruction of a sample, of each epoch.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
        Features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had them.

    See Also
    --------
    SET : How its weights move.
    sparsela.dpp.DPPFeatureSelector : Features that are unlike each other.

    Notes
    -----
    The network is d – n_hidden – d with a logistic hidden layer. Its weights move to the features that help to
    reconstruct others, and the strength of feature j is ``Σ_i |W_ij|`` over the weights that survive a last drop of
    the smallest. O(epochs · n_samples · nnz).

    It never sees a target and ranks by shared structure: features that say something about the target but nothing
    about each other are not found. Twenty informative and mutually independent columns among 500 of noise stay
    hidden. Nor are shared ones where there is nothing to gain from sharing: a network with more hidden units than
    features copies each feature on its own, and leans on those that no other tells.

    Where all features have one unit, as pixels do, ``scale=False`` keeps those that hardly ever differ from weighing as
    much as any: with many epochs they gain otherwise.

    A feature that is constant has no part in the network. The published procedure leaves it in, where its weights keep
    their random start and outrank trained ones.

    References
    ----------
    Z. Atashgahi, G. Sokar, T. van der Lee, E. Mocanu, D. C. Mocanu, R. Veldhuis, M. Pechenizkiy. Quick and robust
    feature selection: the strength of energy-efficient sparse training for autoencoders. Machine Learning, 2022. arXiv
    2012.00560.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import QuickSelection
    >>> rng = np.random.default_rng(0)
    >>> mixtures = rng.standard_normal((1500, 6)) @ rng.standard_normal((6, 60))
    >>> X = np.hstack([mixtures + 0.3 * rng.standard_normal((1500, 60)), rng.standard_normal((1500, 240))])
    >>> model = QuickSelection(60, n_hidden=200, max_iter=40, random_state=0).fit(X)
    >>> int(model.get_support()[:60].sum()) >= 54
    True
    """

    _parameter_constraints: dict = {
        "n_features_to_select": [Interval(Integral, 1, None, closed="left"), None],
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "zeta": [Interval(Real, 0, 1, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "strength": [StrOptions({"input", "output", "both"})],
        "scale": ["boolean"],
        "backend": [StrOptions(set(SPARSE_BACKENDS))],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        n_features_to_select=None,
        *,
        n_hidden=1000,
        epsilon=13,
        zeta=0.2,
        noise=0.2,
        dropout=0.2,
        learning_rate_init=0.01,
        momentum=0.9,
        alpha=1e-5,
        batch_size=100,
        max_iter=20,
        strength="input",
        scale=True,
        backend="auto",
        random_state=None,
    ):
        self.n_features_to_select = n_features_to_select
        self.n_hidden = n_hidden
        self.epsilon = epsilon
        self.zeta = zeta
        self.noise = noise
        self.dropout = dropout
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.strength = strength
        self.scale = scale
        self.backend = backend
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Train the autoencoder and rank the features.

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
        X = validate_data(self, X, dtype=(np.float64, np.float32), ensure_min_samples=2)
        d = X.shape[1]
        if self.n_features_to_select is not None and self.n_features_to_select > d:
            raise ValueError(f"n_features_to_select={self.n_features_to_select} is more than the {d} feature(s) of X")
        varying = np.flatnonzero(X.min(axis=0) < X.max(axis=0))
        self.strength_ = np.zeros(d)
        self.coefs_, self.loss_curve_, self.n_iter_ = [], [], self.max_iter
        if varying.size:
            self.strength_[varying] = self._train(self._standardised(X[:, varying]))
        self.ranking_ = np.empty(d, np.int64)
        self.ranking_[np.argsort(-self.strength_, kind="stable")] = np.arange(1, d + 1)
        self._support = np.zeros(d, bool)
        self._support[top(self.strength_, self.n_features_to_select or max(1, d // 2))] = True
        return self

    def _standardised(self, X) -> np.ndarray:
        if not self.scale:
            return X
        X = X - X.mean(axis=0)
        spread = X.std(axis=0)
        return X / np.where(spread > 0, spread, 1)  # a spread may underflow

    def _train(self, X) -> np.ndarray:
        rng = np.random.default_rng(seed_from(self.random_state))
        n, d = X.shape
        h, batch = self.n_hidden, min(self.batch_size, n)
        density = min(1.0, self.epsilon * (d + h) / (d * h))
        layers = [
            SparseLinear(
                *sizes,
                density=density,
                init="normal",
                dtype=X.dtype,
                backend=self.backend,
                random_state=int(rng.integers(2**63)),
            )
            for sizes in ((d, h), (h, d))
        ]
        corrupted = X + self.noise * rng.standard_normal(X.shape, X.dtype)
        network = Network(layers, [Activation("logistic", train.LOGISTIC)], "identity")
        solver = Solver("momentum", momentum=self.momentum, decoupled=True)
        trainer = Trainer(network, solver, batch_size=batch, alpha=self.alpha, dropout=self.dropout, rng=rng)
        steps = -(-n // batch)
        topology = SET(self.zeta, skip_last=False)
        plan = Plan(self.learning_rate_init, "constant", steps, steps * self.max_iter, topology)
        step = 0
        for epoch in range(self.max_iter):
            loss, step = run_epoch(
                trainer, plan, corrupted, X, None, step=step, batch_size=batch, shuffle=True, history=[]
            )
            if not np.isfinite(loss):
                raise ValueError(
                    f"training diverged in epoch {epoch + 1}: lower learning_rate_init={self.learning_rate_init}, "
                    "or scale the features"
                )
            self.loss_curve_.append(loss)
        self.coefs_ = [
            sp.csc_array((layer.data, layer.indices, layer.indptr), shape=(layer.n_in, layer.n_out)) for layer in layers
        ]
        reading, writing = self.coefs_
        strength = np.zeros(d)
        if self.strength in ("input", "both"):
            strength += np.bincount(reading.indices, self._surviving(reading), minlength=d)
        if self.strength in ("output", "both"):
            columns = np.repeat(np.arange(d), np.diff(writing.indptr))
            strength += np.bincount(columns, self._surviving(writing), minlength=d)
        return strength

    def _surviving(self, W) -> np.ndarray:
        """Magnitudes after one more drop."""
        return np.where(smallest_of_each_sign(W.data, self.zeta), 0, np.abs(W.data)).astype(np.float64)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self._support
