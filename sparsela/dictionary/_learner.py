"""What dictionary learners share: parameters, the fit of those that alternate, the score."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import check_verbose
from sparsela._core.random import random_stream
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.coding._estimators import DictionaryTransformer
from sparsela.coding._omp import batch_omp, stopping_rule
from sparsela.dictionary._alternate import Cleaning, alternate
from sparsela.dictionary._start import STARTS, initial_atoms, orient


class DictionaryLearner(DictionaryTransformer):
    """A transformer whose atoms are learned."""

    _parameter_constraints: dict = {
        **DictionaryTransformer._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "dict_init": [StrOptions(set(STARTS)), "array-like"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose", None],
    }

    def _validate(self, X) -> np.ndarray:
        """X as it must be for a fitted model."""
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def _check(self, X) -> np.ndarray:
        """X to begin with; sets ``_n_components`` from it and the parameters."""
        check_verbose(self.verbose)
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        if not X.any():
            raise ValueError("X is zero; there is nothing to learn from")
        if not np.isfinite(np.einsum("ij,ij->", X, X)):
            raise FloatingPointError("the sum of the squares of X is no number: scale X")
        self._n_components = X.shape[1] if self.n_components is None else self.n_components
        return X

    def _keep(self, D: np.ndarray) -> np.ndarray:
        """Store the atoms, each with its entry of largest modulus positive; returns the signs."""
        signs = orient(D)
        self.components_ = D * signs[:, None]
        return signs

    @in_float_range
    def score(self, X, y=None) -> float:
        """Minus the mean objective of X under the atoms: larger is better.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, held out if the score is to mean something.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        float
            Minus the mean over the signals of what ``fit`` minimises.
        """
        check_is_fitted(self)
        X = self._validate(X)
        mean = float(np.mean(self._objective(X, self.components_.astype(X.dtype, copy=False)), dtype=np.float64))
        if not np.isfinite(mean):
            raise FloatingPointError("the objective of X is no number: scale X")
        return -mean

    @abstractmethod
    def _objective(self, X: np.ndarray, D: np.ndarray) -> np.ndarray:
        """What ``fit`` minimises, for each signal of X."""


class AlternatingLearner(DictionaryLearner):
    """Coding by Batch-OMP and an update of all atoms, in turn."""

    _parameter_constraints: dict = {
        **DictionaryLearner._parameter_constraints,
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "keep_better_codes": ["boolean"],
        "replace_unused": [StrOptions({"worst", "none"})],
        "max_coherence": [Interval(Real, 0, 1, closed="right")],
        "min_usage": [Interval(Integral, 0, None, closed="left")],
        "stop_tol": [Interval(Real, 0, None, closed="left")],
        "callback": [callable, None],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the atoms from signals.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, one a row; not changed. float32 is learned in float32.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        object
            Itself.
        """
        X = np.ascontiguousarray(self._check(X))
        k, tol = stopping_rule(self.n_nonzero_coefs, self.tol, 1, self._n_components, X.shape[1])
        n_threads = effective_n_jobs(self.n_jobs)
        rng = random_stream(self.random_state)
        with one_blas_thread():
            D = initial_atoms(X, self._n_components, self.dict_init, rng)
        fit, self.error_, self.n_iter_ = alternate(
            X,
            D,
            self._update(rng, n_threads),
            name=type(self).__name__,
            k=k,
            tol=tol,
            max_iter=self.max_iter,
            keep_better_codes=self.keep_better_codes,
            cleaning=Cleaning(self.replace_unused, self.max_coherence, self.min_usage),
            stop_tol=self.stop_tol,
            n_threads=n_threads,
            verbose=self.verbose,
            callback=self.callback,
        )
        self._keep(fit.D)
        return self

    @abstractmethod
    def _update(self, rng: np.random.RandomState, n_threads: int):
        """The function that improves the atoms of a `Fit` in place."""

    def _objective(self, X, D):
        return batch_omp(
            X,
            D,
            n_nonzero_coefs=self.n_nonzero_coefs,
            tol=self.tol,
            sparse_output=True,
            n_jobs=self.n_jobs,
            return_residual=True,
        )[1]
