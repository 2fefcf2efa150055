"""What classifier and regressor share: layers made, epochs run, weights kept, outputs computed."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.config import SPARSE_BACKENDS
from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.random import seed_from
from sparsela._core.validation import check_indices
from sparsela.nn._activations import SReLU, parse
from sparsela.nn._dynamic import NAMED, topology_of
from sparsela.nn._linear import CondensedLinear, SparseLinear, random_values
from sparsela.nn._mlp import Network, Trainer
from sparsela.nn._optim import INITS, SCHEDULES, SOLVERS, Solver, auto_rate
from sparsela.nn._topology import (
    allocate_weights,
    balanced_density,
    check_density,
    erk_density,
    random_topology,
    uniform_density,
)
from sparsela.nn._training import Course, Plan, Stopping, run_epoch

DISTRIBUTIONS = {"erk": erk_density, "uniform": uniform_density, "balanced": balanced_density}


class SparseMLP(BaseEstimator):
    coefs_: list[sp.csc_array]
    intercepts_: list[np.ndarray]
    srelu_params_: list[np.ndarray]
    _course: Course

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "density": [Interval(Real, 0, 1, closed="right"), "array-like"],
        "distribution": [StrOptions(set(DISTRIBUTIONS))],
        "topology": [StrOptions({"static", *NAMED}), HasMethods(["due", "update"])],
        "activation": [str, tuple, list],
        "solver": [StrOptions(set(SOLVERS))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "init": [StrOptions(set(INITS)), list, tuple],
        "backend": [StrOptions(set(SPARSE_BACKENDS))],
        "warm_start": ["boolean"],
        "callback": [callable, None],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
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
        backend="auto",
        warm_start=False,
        callback=None,
        verbose=0,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.density = density
        self.distribution = distribution
        self.topology = topology
        self.activation = activation
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.alpha = alpha
        self.dropout = dropout
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.init = init
        self.backend = backend
        self.warm_start = warm_start
        self.callback = callback
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y, sample_weight=None):
        """Train a network.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples; float32 trains in float32, everything else in float64.
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array_like of shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        self
        """
        go_on = self.warm_start and hasattr(self, "coefs_")
        X, y, target, weights = self._validated(X, y, sample_weight, reset=not go_on, relabel=not go_on)
        held_out = None
        if self.early_stopping:
            X, target, weights, held_out = self._hold_out(X, y, target, weights)
        trainer, course = self._trainer(X, target, go_on)
        self._train(trainer, course, X, target, weights, held_out)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def partial_fit(self, X, y, sample_weight=None):
        """Go once over some samples; learning rate and topology go on where they were.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Samples.
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array_like of shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def _partial_fit(self, X, y, sample_weight):
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: there is nothing to hold out")
        go_on = hasattr(self, "coefs_")
        X, y, target, weights = self._validated(X, y, sample_weight, reset=not go_on, relabel=False)
        trainer, course = self._trainer(X, target, go_on)
        self._train(trainer, course, X, target, weights, None, once=True)
        return self

    def _hold_out(self, X, y, target, weights):
        stratify = y if is_classifier(self) and self._n_outputs_of(target) == 1 else None
        if is_classifier(self) and target.ndim == 1:
            stratify = target
        seed = seed_from(self.random_state) % 2**32
        kept, out = train_test_split(
            np.arange(X.shape[0]), test_size=self.validation_fraction, random_state=seed, stratify=stratify
        )
        if out.size < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} leaves {out.size} of {X.shape[0]} samples held out, "
                "early_stopping needs two"
            )
        w = (None, None) if weights is None else (weights[kept], weights[out])
        return X[kept], target[kept], w[0], (X[out], y[out], w[1])

    @staticmethod
    def _n_outputs_of(target) -> int:
        return 1 if target.ndim == 1 else target.shape[1]

    def _trainer(self, X, target, go_on) -> tuple[Trainer, Course]:
        """A network in training: a new one, or the fitted one with its velocities."""
        batch = min(self.batch_size, X.shape[0])
        if go_on:
            course = self._course
            layers = self._layers()
            for layer, n in zip(layers, course.allotted, strict=True):
                layer.n_allotted = n
            network = Network(layers, self._activations(), self.out_activation_)
            X_dtype, state = network.dtype, course.state
            if X.dtype != X_dtype:
                raise ValueError(f"X must be {X_dtype}, as in the fit that goes on, got {X.dtype}")
        else:
            seed = seed_from(self.random_state)
            rng = np.random.default_rng(seed)
            topology = topology_of(self.topology)
            layers = self._new_layers(X, target, rng, topology)
            widths = [layer.n_out for layer in layers[:-1]]
            network = Network(layers, parse(self.activation, widths, X.dtype), self.out_activation_)
            nnz, places = (sum(v) for v in zip(*((l.nnz, l.n_in * l.n_out) for l in layers), strict=True))
            rate = self.learning_rate_init
            rate = auto_rate(self.solver, nnz / places) if rate == "auto" else float(rate)
            steps = -(-X.shape[0] // batch)
            plan = Plan(rate, self.learning_rate, steps, steps * self.max_iter, topology)
            rule = {name: getattr(self, name) for name in ("momentum", "beta_1", "beta_2", "epsilon")}
            course = Course(Solver(self.solver, **rule), None, 0, plan, rng, [layer.n_allotted for layer in layers])
            state = None
            self.loss_curve_, self.topology_, self.t_ = [], [], 0
            self.validation_scores_ = [] if self.early_stopping else None
            self.best_loss_ = None if self.early_stopping else np.inf
        trainer = Trainer(
            network,
            course.solver,
            batch_size=batch,
            alpha=self.alpha,
            dropout=self.dropout,
            rng=course.rng,
            state=state,
        )
        return trainer, course

    def _new_layers(self, X, target, rng, topology) -> list[SparseLinear]:
        if not isinstance(self.init, str):
            return self._given_layers(X, target)
        hidden = self.hidden_layer_sizes
        hidden = list(hidden) if np.iterable(hidden) else [hidden]
        if not all(isinstance(h, Integral) and h >= 1 for h in hidden):
            raise ValueError(f"hidden_layer_sizes must be whole numbers of 1 or more, got {self.hidden_layer_sizes!r}")
        sizes = [X.shape[1], *map(int, hidden), self._n_units(target)]
        kind = getattr(topology, "kind", "uniform")
        layers = []
        for n_in, n_out, nnz in zip(sizes[:-1], sizes[1:], self._counts(sizes), strict=True):
            seed = int(rng.integers(2**63))
            indptr, indices = random_topology((n_out, n_in), int(nnz), kind=kind, random_state=seed)
            data = random_values(self.init, indptr, (n_out, n_in), rng).astype(X.dtype)
            layers.append(_layer(n_in, indptr, indices, data, np.zeros(n_out, X.dtype), self.backend))
            layers[-1].init = self.init
        return layers

    def _counts(self, sizes) -> np.ndarray:
        if np.ndim(self.density) == 0:
            densities = DISTRIBUTIONS[self.distribution](sizes, self.density)
            return allocate_weights(sizes, densities, self.density)
        if len(self.density) != len(sizes) - 1:
            raise ValueError(f"density must be one number or {len(sizes) - 1}, one a layer, got {self.density!r}")
        places = np.multiply(sizes[:-1], sizes[1:])
        return np.maximum(1, np.rint([check_density(d) for d in self.density] * places)).astype(np.int64)

    def _given_layers(self, X, target) -> list[SparseLinear]:
        layers = []
        for number, W in enumerate(self.init):
            if not sp.issparse(W) or W.ndim != 2:
                raise TypeError(f"init[{number}] must be a sparse array (n_in, n_out), got {type(W).__name__}")
            check_indices(W, f"init[{number}]")
            rows = sp.csr_array(W.T, copy=True).astype(X.dtype)
            rows.sum_duplicates()
            zeros = np.zeros(W.shape[1], X.dtype)
            layers.append(SparseLinear.from_csr(rows, zeros, backend=self.backend))
        widths = [layer.n_in for layer in layers] + [layer.n_out for layer in layers[-1:]]
        joined = [layer.n_out for layer in layers]
        if not layers or widths[1:] != joined or widths[0] != X.shape[1] or widths[-1] != self._n_units(target):
            shapes = [W.shape for W in self.init]
            raise ValueError(f"init must lead from {X.shape[1]} to {self._n_units(target)} units, got shapes {shapes}")
        return layers

    def _n_units(self, target) -> int:
        return len(self.classes_) if self.out_activation_ == "softmax" else target.shape[1]

    def _train(self, trainer, course, X, target, weights, held_out, once=False) -> None:
        plan, step = course.plan, course.step
        stopping = Stopping(self.tol, self.n_iter_no_change, self.best_loss_ or np.inf)
        best, stopped, self.n_iter_ = None, once, 0
        for state in iterate(1 if once else self.max_iter, "sparse MLP", verbose=self.verbose, callback=self.callback):
            loss, step = run_epoch(
                trainer,
                plan,
                X,
                target,
                weights,
                step=step,
                batch_size=min(self.batch_size, X.shape[0]),
                shuffle=self.shuffle,
                history=self.topology_,
            )
            if not np.isfinite(loss):
                raise ValueError(
                    f"training diverged in epoch {state.n_iter}: the loss is {loss}; a rate of {plan.rate:.3g} "
                    "is too large for these data, or they need scaling"
                )
            self.loss_curve_.append(loss)
            self.n_iter_ += 1
            self.t_ += X.shape[0]
            self._keep(trainer)
            if held_out is None:
                stopped |= stopping.by_loss(loss)
                self.best_loss_ = stopping.best_loss
            else:
                stop, improved = stopping.by_score(self._score(*held_out))
                stopped |= stop
                self.validation_scores_.append(self._last_score)
                if improved or best is None:
                    best = _copied(self.coefs_), _copied(self.intercepts_), _copied(self.srelu_params_)
            if state.record(loss=loss, coefs=self.coefs_).stop or stopped:
                stopped = True
                break
        if best is not None:
            self.coefs_, self.intercepts_, self.srelu_params_ = best
        self._course = course._replace(state=trainer.state, step=step)
        if best is not None:  # velocities belong to the last epoch's supports
            self._course = self._course._replace(state=None)
        self._describe()
        if not stopped and self.learning_rate == "constant":
            warnings.warn(
                f"max_iter={self.max_iter} epochs were done and the loss still improves; the last is {loss:.4g}",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _keep(self, trainer) -> None:
        layers = trainer.network.layers
        self.coefs_ = [
            sp.csc_array((layer.data, layer.indices, layer.indptr), shape=(layer.n_in, layer.n_out)) for layer in layers
        ]
        self.intercepts_ = [layer.bias for layer in layers]
        self.srelu_params_ = [a.parameters for a in trainer.network.activations if isinstance(a, SReLU)]

    def _describe(self) -> None:
        nnz, places = (np.array(v) for v in zip(*((W.nnz, W.shape[0] * W.shape[1]) for W in self.coefs_), strict=True))
        self.n_connections_ = int(nnz.sum())
        self.layer_densities_ = nnz / places
        self.density_ = float(nnz.sum() / places.sum())
        self.n_layers_ = len(self.coefs_) + 1

    def _layers(self) -> list[SparseLinear]:
        """Layers over the memory of the fitted weights."""
        layers = []
        for W, b in zip(self.coefs_, self.intercepts_, strict=True):
            layers.append(_layer(W.shape[0], W.indptr, W.indices, W.data, b, self.backend))
            layers[-1].init = self.init if isinstance(self.init, str) else "sparse_he"
        return layers

    def _activations(self) -> list:
        widths = [W.shape[1] for W in self.coefs_[:-1]]
        activations = parse(self.activation, widths, self.coefs_[0].dtype)
        if sum(isinstance(a, SReLU) for a in activations) != len(self.srelu_params_):
            raise ValueError(f"activation must be that of the fit, got {self.activation!r}: fit again")
        learned = iter(self.srelu_params_)
        return [SReLU(next(learned)) if isinstance(a, SReLU) else a for a in activations]

    def _outputs(self, X, *, raw=False, check=True) -> np.ndarray:
        check_is_fitted(self)
        if check:
            check_indices(X, "X")
            X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        dtype = self.coefs_[0].dtype
        X = X if X.dtype == dtype else X.astype(dtype)
        return Network(self._layers(), self._activations(), self.out_activation_).predict(rows_of(X), raw)

    def condense(self) -> list:
        """Layers for inference.

        Returns
        -------
        list
            A :class:`CondensedLinear` for each layer whose outputs all have as many inputs or none, else a
            :class:`SparseLinear`. Activations are not in them.
        """
        check_is_fitted(self)
        return [_condensed(layer) for layer in self._layers()]

    def prune(self, density, **kw):
        """Prune the fitted weights, as :func:`prune` does.

        Parameters
        ----------
        density : float
            Fraction of the weights that stay.
        **kw
            Passed to :func:`prune`.

        Returns
        -------
        self
        """
        from sparsela.nn._pruning import prune

        check_is_fitted(self)
        self.coefs_ = [sp.csc_array(W) for W in prune(self.coefs_, density, **kw)]
        self._course = self._course._replace(state=None, allotted=[W.nnz for W in self.coefs_])
        self._describe()
        return self


def _layer(n_in, indptr, indices, data, bias, backend) -> SparseLinear:
    return SparseLinear.__new__(SparseLinear)._set(n_in, indptr, indices, data, bias, backend)


def _condensed(layer: SparseLinear):
    fan = np.diff(layer.indptr)
    return CondensedLinear.from_sparse_linear(layer) if np.unique(fan[fan > 0]).size <= 1 else layer


def _copied(arrays: list) -> list:
    return [array.copy() for array in arrays]


def rows_of(X):
    """X with contiguous rows."""
    return X if sp.issparse(X) else np.ascontiguousarray(X)
