"""The base of sparse autoencoders: training, coding and decoding."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsela._core.config import SPARSE_BACKENDS
from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_indices
from sparsela.nn import _nested as nested
from sparsela.nn._optim import SOLVERS, Solver

PATIENCE = 5  # epochs in a row that bring less than tol
ROWS = 1024  # samples that are encoded at a time
THRESHOLD_RATE = 0.01  # of the moving mean of the least value that a batch keeps


class SparseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Training, coding and decoding; a subclass says how a code is read, and which parameters it offers."""

    tied = False
    k_schedule = "constant"
    encode_factor = 1.0
    selection = "sample"

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left")],
        "nonneg": ["boolean"],
        "solver": [StrOptions(set(SOLVERS))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "backend": [StrOptions(set(SPARSE_BACKENDS))],
        "callback": [callable, None],
        "verbose": ["verbose", None],
        "random_state": ["random_state"],
    }

    def _prepare(self) -> None:
        """Look at the subclass's own parameters, before a fit begins."""

    def _read(self, code: nested.Code, k: int) -> tuple[nested.Code, np.ndarray | None]:
        """The code in the order in which it is read, and the weights of its readings; None: read once, as a whole."""
        return code, None

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn encoder and decoder.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_features)
            Data; float32 stays. Of a sparse X one batch at a time is made dense.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        X = self._validated(X, reset=True)
        self._begin(X, self.max_iter * -(-X.shape[0] // self.batch_size))
        best, stale = np.inf, 0
        steps = iterate(self.max_iter, type(self).__name__, verbose=self.verbose, callback=self.callback)
        with one_blas_thread(), nested.Workers(effective_n_jobs()) as workers:
            for state in steps:
                loss = self._epoch(X, self._rng.permutation(X.shape[0]), workers)
                if self._solver.n_steps <= self._n_falling:
                    best = np.inf  # of more units than there will be
                stale = stale + 1 if loss > (1 - self.tol) * best else 0
                best = min(best, loss)
                if state.record(loss=loss).stop or stale >= PATIENCE:
                    break
        self.n_iter_ = state.n_iter
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def partial_fit(self, X, y=None):
        """Pass once over more data, in batches, in their order.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_features)
            Data. The first call sets the mean and the dtype.
        y : None
            Ignored.

        Returns
        -------
        self
            `n_nonzero_coefs` units are in use from the start here: the end is not known, so nothing falls towards it.
        """
        first = not hasattr(self, "components_")
        X = self._validated(X, reset=first)
        if first:
            self._begin(X, 0)
            self.n_iter_ = 0
        with one_blas_thread(), nested.Workers(effective_n_jobs()) as workers:
            self._epoch(X, np.arange(X.shape[0]), workers)
        self.n_iter_ += 1
        return self

    def _validated(self, X, *, reset: bool):
        check_indices(X, "X")
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset)
        n_units = self.n_components if reset else self._n_units
        if self.n_nonzero_coefs > n_units:
            raise ValueError(f"n_nonzero_coefs must be at most n_components={n_units}, got {self.n_nonzero_coefs}")
        return X if reset else X.astype(self.components_.dtype, copy=False)

    def _begin(self, X, n_steps: int) -> None:
        self._prepare()
        self._rng = np.random.default_rng(seed_from(self.random_state))
        D = self._rng.standard_normal((self.n_components, X.shape[1])).astype(X.dtype)
        D /= np.linalg.norm(D, axis=1, keepdims=True)
        self.components_ = D
        self.encoder_ = D if self.tied else D.copy()
        self.intercept_encoder_ = np.zeros(len(D), X.dtype)
        self.mean_ = np.asarray(X.mean(axis=0)).ravel().astype(X.dtype)
        if self.selection == "batch":
            self.threshold_ = 0.0
        self.loss_curve_ = []
        self._n_falling = n_steps // 2 if self.k_schedule == "linear" else 0
        self._solver = Solver(self.solver)
        self._velocities = [self._solver.state(w) for w in self._arrays()]

    def _parameters(self) -> nested.Parameters:
        decoder = self.encoder_ if self.tied else self.components_
        return nested.Parameters(self.encoder_, self.intercept_encoder_, decoder, self.mean_)

    def _arrays(self) -> list[np.ndarray]:
        """What is trained, each once."""
        return [*self._parameters()[:2], self.mean_] + ([] if self.tied else [self.components_])

    def _epoch(self, X, order, workers) -> float:
        """One pass in batches: the mean loss of a sample."""
        parameters, H = self._parameters(), self._n_units
        encoder = np.empty_like(parameters.encoder)
        gradients = nested.Parameters(
            encoder,
            np.empty_like(parameters.offset),
            encoder if self.tied else np.empty_like(encoder),
            np.empty_like(parameters.mean),
        )
        self.activation_count_ = np.zeros(H, np.int64)
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            batch = X[order[start : start + self.batch_size]]
            batch = batch.toarray() if sp.issparse(batch) else batch
            centred, Z = nested.encode(parameters, batch, workers)
            k = self._n_kept()
            code, omega = self._read(self._select(Z, k), k)
            loss = nested.loss_and_gradients(
                parameters, centred, code, omega, gradients, workers, nonneg=self.nonneg, backend=self.backend
            )
            if not np.isfinite(loss):
                raise ValueError(
                    f"the loss is no longer finite: learning_rate_init={self.learning_rate_init} is too high"
                )
            self._move(gradients, workers)
            total += loss * len(batch)
            self.activation_count_ += np.bincount(code.units[code.values != 0], minlength=H)
        self.n_dead_ = int((self.activation_count_ == 0).sum())
        self.loss_curve_.append(total / len(order))
        return self.loss_curve_[-1]

    def _move(self, gradients: nested.Parameters, workers: nested.Workers) -> None:
        """One step of the solver. Rows of an untied decoder stay on the sphere."""
        from sparsela._ext.nested_loops import normalise, tangent  # Numba: not at import

        D = self.components_
        slopes = [gradients.encoder, gradients.offset, gradients.mean]
        blocks = range(0, len(D), nested.UNITS)
        if not self.tied:
            slopes.append(gradients.decoder)
            workers.map(lambda j: tangent(gradients.decoder, D, j, min(j + nested.UNITS, len(D))), blocks)
        self._solver.begin(self.learning_rate_init)
        for w, slope, velocity in zip(self._arrays(), slopes, self._velocities, strict=True):
            self._solver.update(w, slope, velocity)
        if not self.tied:
            workers.map(lambda j: normalise(D, j, min(j + nested.UNITS, len(D))), blocks)

    def _n_kept(self) -> int:
        """Units of a sample at this step."""
        k, done = self.n_nonzero_coefs, self._solver.n_steps
        if done >= self._n_falling:
            return k
        return k + round((self._n_units - k) * (1 - done / self._n_falling))

    def _select(self, Z: np.ndarray, k: int) -> nested.Code:
        if self.selection == "sample":
            return nested.largest_of_each(Z, k, self.nonneg)
        code = nested.largest_of_batch(Z, k * len(Z))
        if len(code.values):
            least = float(code.values.min())
            first = self._solver.n_steps == 0
            self.threshold_ = least if first else (1 - THRESHOLD_RATE) * self.threshold_ + THRESHOLD_RATE * least
        return code

    def _coded(self, X, k: int | None = None) -> sp.csr_array:
        """Codes of data that passed validation, k largest entries a row; indices ascend, zeros are not stored."""
        parameters, blocks = self._parameters(), []
        with one_blas_thread(), nested.Workers(effective_n_jobs()) as workers:
            for start in range(0, X.shape[0], ROWS):
                rows = X[start : start + ROWS]
                Z = nested.encode(parameters, rows.toarray() if sp.issparse(rows) else rows, workers)[1]
                if self.selection == "batch" and k is None:
                    code = nested.above(Z, max(self.threshold_, 0.0))
                else:
                    kept = int(self.encode_factor * self.n_nonzero_coefs) if k is None else k
                    code = nested.largest_of_each(Z, min(kept, self._n_units), self.nonneg)
                blocks.append(code.matrix(self._n_units))
        codes = sp.csr_array(sp.vstack(blocks))
        codes.eliminate_zeros()
        return codes

    @in_float_range
    def transform(self, X):
        """Code data.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_features)
            Data.

        Returns
        -------
        csr_array of shape (n_samples, n_components)
            Codes; dense where :meth:`set_output` asks for data frames.
        """
        check_is_fitted(self)
        codes = self._coded(self._validated(X, reset=False))
        return codes if _get_output_config("transform", self)["dense"] == "default" else codes.toarray()

    @in_float_range
    def inverse_transform(self, X):
        """Rebuild data from codes.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_components)
            Codes, as :meth:`transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``mean_ + codes @ components_``.
        """
        check_is_fitted(self)
        check_indices(X, "X")
        codes = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        if codes.shape[1] != self._n_units:
            raise ValueError(f"codes must have {self._n_units} columns, got {codes.shape[1]}")
        return self._decoded(codes)

    def _decoded(self, codes) -> np.ndarray:
        rebuilt = codes @ self.components_.astype(codes.dtype, copy=False)
        rebuilt += self.mean_
        return rebuilt

    def reconstruct(self, X, n_nonzero_coefs: int | None = None, prefix: int | None = None):
        """Code data with fewer units, and rebuild it.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_features)
            Data.
        n_nonzero_coefs : int or None, default=None
            Keep that many of the largest entries of each code; None keeps what :meth:`transform` does.
        prefix : int or None, default=None
            Drop entries of units from this index on; None drops none.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The data, rebuilt.
        """
        check_is_fitted(self)
        for name, value in (("n_nonzero_coefs", n_nonzero_coefs), ("prefix", prefix)):
            if value is not None and not (isinstance(value, Integral) and 1 <= value <= self._n_units):
                raise ValueError(f"{name} must be an integer from 1 to n_components={self._n_units}, got {value!r}")
        codes = self._coded(self._validated(X, reset=False), n_nonzero_coefs)
        if prefix is not None:
            codes.data[codes.indices >= prefix] = 0
            codes.eliminate_zeros()
        return self._decoded(codes)

    def score(self, X, y=None) -> float:
        """How much of the variance of data its rebuilt form explains.

        Parameters
        ----------
        X : array or CSR array of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        float
            R² over all entries: ``1 − ‖X − X̂‖² / ‖X − mean(X)‖²``, at most 1.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        left, total, squares = 0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for start in range(0, X.shape[0], ROWS):
            rows = X[start : start + ROWS]
            rebuilt = self._decoded(self._coded(rows))
            rows = (rows.toarray() if sp.issparse(rows) else rows).astype(np.float64) - self.mean_
            left += float(np.square(rows - rebuilt + self.mean_).sum())
            total += rows.sum(axis=0)
            squares += np.square(rows).sum(axis=0)
        there = float((squares - total**2 / X.shape[0]).sum())
        return 1 - left / there if there > 0 else float(left == 0)

    @property
    def _n_units(self) -> int:
        return len(self.components_)  # of the fit: parameters may have been set anew since

    @property
    def _n_features_out(self) -> int:
        return self._n_units

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
