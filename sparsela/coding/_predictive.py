"""Predictive sparse decomposition: learn a dictionary and a feed-forward predictor of its sparse codes together."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import check_verbose, progress_bar
from sparsela._core.prox import hard_threshold_rows, prox_l1
from sparsela._core.random import random_stream
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.coding import _inputs
from sparsela.coding._estimators import DictionaryTransformer
from sparsela.coding._lasso import batch_lasso, minimise

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's


class PredictiveSparseDecomposition(DictionaryTransformer):
    """Learn atoms, and a one-layer network that predicts the sparse codes over them.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features, or as many as `dictionary` has.
    alpha : float, default=1.0
        The lasso's penalty, in the units of X.
    prediction_weight : float, default=1.0
        Weight of the squared distance between code and prediction.
    predictor : {"tanh", "shrink"}, default="tanh"
        ``F(x) = g tanh(W x + b)`` or ``F(x) = g soft(W x, θ)``, element by element; the second gives exact zeros.
    dictionary : array of shape (n_components, n_features), optional
        Atoms of unit norm to learn a predictor for; they stay as they are.
    max_iter : int, default=20
        Passes over the data in :meth:`fit`.
    batch_size : int, default=200
        Signals a step.
    learning_rate : float, default=2e-3
        Step of Adam.
    transform_method : {"predict", "exact", "refine"}, default="predict"
        "predict": F(x), one matrix product. "exact": the lasso. "refine": the lasso started at F(x), for at most
        `transform_max_iter` rounds.
    transform_max_iter : int, default=1000
        Rounds of "exact" and "refine".
    tol : float, default=1e-4
        Stop when a pass changes the mean objective by less than this share.
    random_state : None, int, RandomState or Generator
        Seed of the start and of the order of the signals.
    n_jobs : int, optional
        Threads; None is the library's setting. Nothing learned depends on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Unit atoms D.
    predictor_weights_ : ndarray of shape (n_components, n_features)
        W.
    predictor_bias_ : ndarray of shape (n_components,)
        b, of "tanh".
    predictor_threshold_ : ndarray of shape (n_components,)
        θ ≥ 0, of "shrink".
    predictor_gain_ : ndarray of shape (n_components,)
        g.
    error_ : list of float
        Mean objective of each pass, each step's before it changed the parameters; :meth:`partial_fit` appends one.
    n_iter_ : int
        Passes of :meth:`fit`.
    n_steps_ : int
        Steps taken.
    n_features_in_ : int
        Length of an atom.

    Notes
    -----
    Minimises over codes z and parameters the mean of

    .. math:: \\tfrac12 \\|x - z D\\|^2 + \\alpha \\|z\\|_1 + \\tfrac12 \\lambda \\|z - F(x)\\|^2

    For each mini-batch the codes are solved for exactly (a lasso whose ridge term pulls towards F(x), started there);
    then one step of Adam on the mean gradient moves D, whose rows go back to unit norm, and the predictor. Prediction
    is one product with W: O(n_features · n_components) a signal.

    References
    ----------
    K. Kavukcuoglu, M. Ranzato, Y. LeCun. Fast Inference in Sparse Coding Algorithms with Applications to Object
    Recognition. arXiv 1010.3467, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import PredictiveSparseDecomposition
    >>> X = np.random.default_rng(0).normal(size=(400, 8))
    >>> model = PredictiveSparseDecomposition(12, alpha=0.5, max_iter=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (400, 12)
    >>> model.error_[-1] < model.error_[0]
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "prediction_weight": [Interval(Real, 0, None, closed="left")],
        "predictor": [StrOptions({"tanh", "shrink"})],
        "dictionary": ["array-like", None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "transform_method": [StrOptions({"predict", "exact", "refine"})],
        "transform_max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
        "n_jobs": [Integral, None],
        "verbose": ["verbose", None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        prediction_weight=1.0,
        predictor="tanh",
        dictionary=None,
        max_iter=20,
        batch_size=200,
        learning_rate=2e-3,
        transform_method="predict",
        transform_max_iter=1000,
        tol=1e-4,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.prediction_weight = prediction_weight
        self.predictor = predictor
        self.dictionary = dictionary
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.transform_method = transform_method
        self.transform_max_iter = transform_max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the atoms and their predictor by passes over signals.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, one a row; not changed. float32 is learned in float32.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        PredictiveSparseDecomposition
            Itself.
        """
        verbose = check_verbose(self.verbose)
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        n_threads = effective_n_jobs(self.n_jobs)
        n, size = X.shape[0], self.batch_size
        with one_blas_thread(), progress_bar(self.max_iter * -(-n // size), "PSD", "batch", verbose) as bar:
            self._begin(X, n_threads)
            for epoch in range(1, self.max_iter + 1):
                self.n_iter_ = epoch
                order = self._rng.permutation(n)
                total = 0.0
                for start in range(0, n, size):
                    total += self._step(np.ascontiguousarray(X[order[start : start + size]]), n_threads).sum()
                    bar.update(1)
                self.error_.append(float(total / n))
                if len(self.error_) > 1 and abs(self.error_[-2] - self.error_[-1]) < self.tol * abs(self.error_[-2]):
                    break
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def partial_fit(self, X, y=None):
        """Take one step on one mini-batch.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals; any number once the atoms are there, at least n_components the first time.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        PredictiveSparseDecomposition
            Itself.
        """
        first = not hasattr(self, "components_")
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=first)
        n_threads = effective_n_jobs(self.n_jobs)
        with one_blas_thread():
            if first:
                self._begin(X, n_threads)
            X = np.ascontiguousarray(X, self.components_.dtype)
            self.error_.append(float(self._step(X, n_threads).mean()))
        return self

    @in_float_range
    def transform(self, X):
        """Codes of signals, predicted or solved for as `transform_method` says.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        if self.transform_method == "predict":
            return self._predict(X)
        init = None
        if self.transform_method == "refine":  # of a dense prediction the part that a sparse code may have room for
            guess = self._predict(X)
            init = csr_array(hard_threshold_rows(guess, min(guess.shape[1], max(1, X.shape[1] // 2))))
        return batch_lasso(
            X,
            self.components_.astype(X.dtype, copy=False),
            alpha=self.alpha,
            init=init,
            max_iter=self.transform_max_iter,
            n_jobs=self.n_jobs,
        )

    def _begin(self, X: np.ndarray, n_threads: int) -> None:
        self._rng = random_stream(self.random_state)
        self.error_, self.n_steps_ = [], 0
        self.components_ = self._first_atoms(X)
        K, first = self.components_.shape[0], np.ascontiguousarray(X[: self.batch_size])
        self.predictor_weights_ = self.components_.copy()
        if self.predictor == "shrink":
            self.predictor_threshold_ = np.full(K, self.alpha, X.dtype)
            self.predictor_gain_ = np.ones(K, X.dtype)
        else:
            G = _inputs.pad_gram(self.components_)
            codes = minimise(first, self.components_, G, self.alpha, n_threads=n_threads)[0].toarray()
            spread = codes.std(axis=0)
            self.predictor_bias_ = np.zeros(K, X.dtype)
            self.predictor_gain_ = (2 * np.where(spread > 0, spread, spread.mean() or 1)).astype(X.dtype)
        self._moments = {}

    def _first_atoms(self, X: np.ndarray) -> np.ndarray:
        if self.dictionary is not None:
            D = _inputs.check_signals(X, self.dictionary)[1].astype(X.dtype)
            if self.n_components not in (None, len(D)):
                raise ValueError(f"n_components={self.n_components}, but dictionary has {len(D)} atoms")
            return _inputs.unit_atoms(D).D
        K = X.shape[1] if self.n_components is None else self.n_components
        norms = _inputs.row_norms(X)
        usable = np.flatnonzero(norms > 1e-12)
        if usable.size < K:
            raise ValueError(
                f"the atoms start as n_components={K} distinct samples that are not zero, and X has "
                f"n_samples={len(X)}, {usable.size} of them not zero; give fewer components or a dictionary"
            )
        chosen = self._rng.choice(usable, K, replace=False)
        return np.ascontiguousarray(X[chosen] / norms[chosen, None], X.dtype)

    def _predict(self, X: np.ndarray) -> np.ndarray:
        """F(x) for each row, in the type of X."""
        V = X @ self.predictor_weights_.T.astype(X.dtype, copy=False)
        if self.predictor == "shrink":
            prox_l1(V, self.predictor_threshold_.astype(X.dtype, copy=False), out=V)
        else:
            V += self.predictor_bias_.astype(X.dtype, copy=False)
            np.tanh(V, out=V)
        V *= self.predictor_gain_.astype(X.dtype, copy=False)
        return V

    def _step(self, X: np.ndarray, n_threads: int) -> np.ndarray:
        """Codes of a mini-batch, then one step on the parameters. Returns the objectives before it."""
        D, weight, n = self.components_, self.prediction_weight, X.shape[0]
        F = self._predict(X)
        codes = minimise(
            X, D, _inputs.pad_gram(D), self.alpha, None, weight, prior=F if weight else None, n_threads=n_threads
        )[0]
        R, E = X - codes @ D, F - codes.toarray()
        objective = (
            0.5 * np.einsum("ij,ij->i", R, R, dtype=np.float64)
            + self.alpha * abs(codes).sum(axis=1)
            + 0.5 * weight * np.einsum("ij,ij->i", E, E, dtype=np.float64)
        )
        self.n_steps_ += 1
        for name, gradient in self._predictor_gradients(X, F, E).items():
            setattr(self, name, getattr(self, name) - self._adam(name, gradient / n))
        if self.predictor == "shrink":
            np.maximum(self.predictor_threshold_, 0, out=self.predictor_threshold_)
        if self.dictionary is None:
            D = D - self._adam("components_", -(codes.T @ R) / n)
            norms = np.linalg.norm(D, axis=1, keepdims=True)
            self.components_ = np.where(norms > 0, D / np.where(norms > 0, norms, 1), self.components_)
        return objective

    def _predictor_gradients(self, X, F, E) -> dict[str, np.ndarray]:
        """Gradients of ½‖F(x) − z‖², summed over the batch, by the names of the parameters. E = F − z."""
        g = self.predictor_gain_
        safe = np.where(g == 0, 1, g)
        unit = np.where(g == 0, 0, F / safe)  # tanh(·) or soft(·)
        if self.predictor == "shrink":
            inside = E * g * (unit != 0)
            return {
                "predictor_weights_": inside.T @ X,
                "predictor_threshold_": -(inside * np.sign(unit)).sum(axis=0),
                "predictor_gain_": (E * unit).sum(axis=0),
            }
        inside = E * g * (1 - unit**2)
        return {
            "predictor_weights_": inside.T @ X,
            "predictor_bias_": inside.sum(axis=0),
            "predictor_gain_": (E * unit).sum(axis=0),
        }

    def _adam(self, name: str, gradient: np.ndarray) -> np.ndarray:
        """The step for one parameter (Kingma & Ba 2015), its moments kept."""
        first, second = self._moments.get(name, (np.zeros_like(gradient), np.zeros_like(gradient)))
        first = BETA1 * first + (1 - BETA1) * gradient
        second = BETA2 * second + (1 - BETA2) * gradient**2
        self._moments[name] = first, second
        t = self.n_steps_
        return self.learning_rate * (first / (1 - BETA1**t)) / (np.sqrt(second / (1 - BETA2**t)) + EPSILON)
