"""Sparse multilayer perceptrons as scikit-learn estimators: validate, train, predict."""

from __future__ import annotations

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, unique_labels
from sklearn.utils.validation import _check_sample_weight, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_dense, check_indices
from sparsela.nn._base import SparseMLP, rows_of
from sparsela.nn._parameters import ATTRIBUTES, MORE_PARAMETERS, PARAMETERS


class SparseMLPClassifier(ClassifierMixin, SparseMLP):
    __doc__ = f"""Multilayer perceptron whose weights are sparse from the first step to the last.

    Parameters
    ----------
    {PARAMETERS}
    class_weight : dict, "balanced" or None, default=None
        How much each class counts; "balanced" is inverse to its frequency.
    {MORE_PARAMETERS}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes.
    {ATTRIBUTES}

    See Also
    --------
    SparseMLPRegressor : For numbers.
    sklearn.neural_network.MLPClassifier : The dense network, with the same objective.

    Notes
    -----
    Minimises ``(1/Σs) Σ_i s_i ℓ(y_i, f(x_i)) + (alpha / 2n) Σ_l ‖W_l‖²``; ℓ is the log-loss of a softmax, or of each
    output where classes are two or several at once. A step on B samples is O(B (nnz + Σ n_l)) [1]_: a tenth of the
    weights takes a tenth of the time, and a layer that is not stored is not allocated either. With ``density=1`` it is
    scikit-learn's network, step by step. Sparse networks want larger steps than dense ones, and at 1 % and below a
    topology that moves (``topology="rigl"``).

    A fit that ends at `max_iter` warns, unless `learning_rate` follows a schedule made for that many epochs.

    References
    ----------
    .. [1] J. W. Wesselink, B. Grooten, Q. Xiao, C. de Campos, M. Pechenizkiy. Nerva: a truly sparse implementation of
       neural networks. 2024. arXiv 2407.17437.
    .. [2] S. Curci, D. C. Mocanu, M. Pechenizkiy. Truly sparse neural networks at scale. 2021. arXiv 2102.01732.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import SparseMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier((256, 128), density=0.05, learning_rate_init=0.01, max_iter=20, random_state=0)
    >>> model = model.set_params(learning_rate="cosine").fit(X[:1200] / 16, y[:1200])
    >>> model.n_connections_, bool(model.score(X[1200:] / 16, y[1200:]) > 0.9)
    (2522, True)
    """

    _parameter_constraints = {
        **SparseMLP._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(256,),
        *,
        density=0.1,
        distribution="erk",
        topology="static",
        activation="relu",
        solver="adam",
        learning_rate_init="auto",
        learning_rate="constant",
        momentum=0.9,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=1e-4,
        dropout=0.0,
        batch_size=128,
        max_iter=50,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        init="sparse_he",
        class_weight=None,
        backend="auto",
        warm_start=False,
        callback=None,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            hidden_layer_sizes,
            density=density,
            distribution=distribution,
            topology=topology,
            activation=activation,
            solver=solver,
            learning_rate_init=learning_rate_init,
            learning_rate=learning_rate,
            momentum=momentum,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            alpha=alpha,
            dropout=dropout,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            init=init,
            backend=backend,
            warm_start=warm_start,
            callback=callback,
            verbose=verbose,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go once over some samples; learning rate and topology go on where they were.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes.
        classes : ndarray of shape (n_classes,), optional
            All classes there will be; needed in the first call.
        sample_weight : array_like of shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        self
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer().fit(classes if np.ndim(y) == 1 else y)
        return self._partial_fit(X, y, sample_weight)

    def _validated(self, X, y, sample_weight, *, reset, relabel):
        check_indices(X, "X")
        check_dense(y)
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32), reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        if weights is not None and not weights.sum() > 0:
            raise ValueError(f"sample_weight must have a positive sum, got {weights.sum()}")
        if self.class_weight is not None:
            of_class = compute_sample_weight(self.class_weight, y).astype(X.dtype)
            weights = of_class if weights is None else weights * of_class
        if relabel:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        if len(new := np.setdiff1d(unique_labels(y), self.classes_)):
            raise ValueError(f"y has classes that were not there before: {new}; the classes are {self.classes_}")
        table = self._label_binarizer.transform(y)
        self.out_activation_ = "softmax" if y.ndim == 1 and len(self.classes_) > 2 else "logistic"
        target = table.argmax(axis=1) if self.out_activation_ == "softmax" else table.astype(X.dtype)
        self.n_outputs_ = self._n_units(target)
        return rows_of(X), y, target, weights

    def _score(self, X, y, weights):
        self._last_score = accuracy_score(y, self._labels(self._outputs(X, check=False)), sample_weight=weights)
        return self._last_score

    def _labels(self, outputs) -> np.ndarray:
        if self.n_outputs_ == 1:
            outputs = outputs.ravel()
        return self._label_binarizer.inverse_transform(outputs)

    @in_float_range
    def predict(self, X):
        """The most likely class of each sample, or the likely classes where there can be several.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._labels(self._outputs(X))

    @in_float_range
    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        p = self._outputs(X)
        return np.hstack([1 - p, p]) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        z = self._outputs(X, raw=True)
        if self.out_activation_ == "softmax":
            z = z - z.max(axis=1, keepdims=True)
            return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        log_p = -np.logaddexp(0, -z)
        return np.hstack([-np.logaddexp(0, z), log_p]) if self.n_outputs_ == 1 else log_p

    @in_float_range
    def decision_function(self, X):
        """What goes into the output activation: log-odds, up to a constant a sample for three classes and more.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        z = self._outputs(X, raw=True)
        return z.ravel() if self.n_outputs_ == 1 else z


class SparseMLPRegressor(RegressorMixin, SparseMLP):
    __doc__ = f"""Multilayer perceptron for numbers, whose weights are sparse from the first step to the last.

    Parameters
    ----------
    {PARAMETERS}
    {MORE_PARAMETERS}

    Attributes
    ----------
    {ATTRIBUTES}

    See Also
    --------
    SparseMLPClassifier : For classes; more on cost and choices is there.
    sklearn.neural_network.MLPRegressor : The dense network.

    Notes
    -----
    Minimises ``(1/Σs) Σ_i (s_i/2) ‖y_i − f(x_i)‖² + (alpha / 2n) Σ_l ‖W_l‖²``. A step on B samples is
    O(B (nnz + Σ n_l)). Scale X and y.

    References
    ----------
    J. W. Wesselink, B. Grooten, Q. Xiao, C. de Campos, M. Pechenizkiy. Nerva: a truly sparse implementation of neural
    networks. 2024. arXiv 2407.17437.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sparsela.nn import SparseMLPRegressor
    >>> X, y = make_friedman1(2000, noise=0.1, random_state=0)
    >>> model = SparseMLPRegressor((64, 64), density=0.2, learning_rate_init=0.01, max_iter=100, random_state=0)
    >>> bool(model.set_params(learning_rate="cosine").fit(X[:1500], y[:1500] / 5).score(X[1500:], y[1500:] / 5) > 0.9)
    True
    """

    def _validated(self, X, y, sample_weight, *, reset, relabel):
        check_indices(X, "X")
        check_dense(y)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=X.dtype)
        if weights is not None and not weights.sum() > 0:
            raise ValueError(f"sample_weight must have a positive sum, got {weights.sum()}")
        target = np.ascontiguousarray(y.reshape(len(y), -1), X.dtype)
        self.out_activation_ = "identity"
        if not reset and target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must have {self.n_outputs_} column(s), as in the fit that goes on, got {target.shape[1]}"
            )
        self.n_outputs_ = target.shape[1]
        return rows_of(X), y, target, weights

    def _score(self, X, y, weights):
        self._last_score = r2_score(y, self._squeezed(self._outputs(X, check=False)), sample_weight=weights)
        return self._last_score

    def _squeezed(self, outputs) -> np.ndarray:
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    @in_float_range
    def predict(self, X):
        """The predicted numbers.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._squeezed(self._outputs(X))
