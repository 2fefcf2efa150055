"""What the probabilistic models share: expectation maximisation with truncated posteriors, restarts, inference."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import check_verbose, iterate
from sparsela._core.random import random_stream
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_indices
from sparsela.dictionary._truncation import Annealing, Shape, annealing_of, largest, n_used, shape_of, top_states

BLOCK_WORK = 1 << 26  # states of a kernel call, so that Ctrl-C is heard between calls
BLOCK_ROWS = 8192
JOINT_SIZE = 1 << 23  # log joints that are looked at together
LEAST_PI, LEAST_SIGMA, RIDGE = 1e-5, 1e-6, 1e-10
JITTER = 0.2  # of the spread of the data: noise on W above T = 1

Params = dict[str, Any]  # "W", "pi", "sigma" and what else a model has, in float64


@dataclass
class Moments:
    """Posterior moments summed over samples; what they are is the model's affair."""

    n: int = 0
    sums: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, n: int, **sums) -> None:
        """Add those of n more samples."""
        self.n += n
        for name, value in sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def __getitem__(self, name: str) -> np.ndarray:
        return self.sums[name]


class EStep:
    """Truncated posteriors under given parameters at a temperature: one product X Wᵀ a block, then a kernel."""

    def __init__(self, shape: Shape, params: Params, temperature: float, n_threads: int):
        self.shape, self.params, self.T, self.n_threads = shape, params, temperature, n_threads

    work = 1  # time of a state, in those of the discrete model

    def blocks(self, n: int, most: int = BLOCK_ROWS):
        """Slices over n samples, each a kernel call."""
        rows = max(8, min(most, BLOCK_WORK // (int(self.work) * int(self.shape.n_states))))
        return (slice(start, min(start + rows, n)) for start in range(0, n, rows))

    @abstractmethod
    def block(self, X: np.ndarray, moments: Moments | None, joint: bool = False) -> Posterior:
        """Posterior of the samples of a block; their moments are added to `moments`."""


@dataclass
class Posterior:
    """Of a block: log evidence (n,), posterior means (n, H) or None, and, if asked for, log joint (n, n_states)."""

    evidence: np.ndarray
    means: np.ndarray | None
    joint: np.ndarray | None = None  # relative to the evidence: log posterior
    perm: np.ndarray | None = None


class ExpectationTruncation(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A model of hidden causes, most of them off, learned by EM over the states that matter."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "max_active": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "annealing": [StrOptions({"linear"}), dict, None],
        "learn": ["array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init": ["array-like", dict, None],
        "random_state": ["random_state", np.random.Generator],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "callback": [callable, None],
    }

    _names: tuple[str, ...] = ("W", "pi", "sigma")  # of the parameters
    _start_temperature = 5.0

    def __init__(
        self,
        n_components=None,
        *,
        n_candidates=8,
        max_active=5,
        n_steps=150,
        annealing="linear",
        learn=("W", "pi", "sigma"),
        n_init=1,
        init=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
        callback=None,
    ):
        self.n_components = n_components
        self.n_candidates = n_candidates
        self.max_active = max_active
        self.n_steps = n_steps
        self.annealing = annealing
        self.learn = learn
        self.n_init = n_init
        self.init = init
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the model by annealed EM, `n_init` times; the run of highest free energy is kept.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Samples, one a row; not changed. Learned in float64 whatever the type of X.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        object
            Itself.
        """
        check_verbose(self.verbose)
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        X = np.ascontiguousarray(X, np.float64)
        scale = spread(X)
        shape = self._shape(X.shape[1] if self.n_components is None else self.n_components)
        annealing = annealing_of(self.annealing, self._start_temperature)
        learn, given = self._learned(), self._given(shape, X.shape[1])
        rng = random_stream(self.random_state)
        best = None
        with one_blas_thread():  # the same bits for any number of threads
            for _ in range(self.n_init):
                params = {**self._start(X, scale, shape, rng), **given}
                run = self._run(X, scale, shape, params, learn, annealing, rng)
                if best is None or run.free_energy[-1] > best.free_energy[-1]:
                    best = run
                if run.stopped:
                    break
        self._keep(best.params)
        self.free_energy_, self.n_iter_ = best.free_energy, len(best.free_energy) - 1
        return self

    def _run(self, X, scale, shape, params, learn, annealing: Annealing, rng) -> Run:
        n, n_threads = len(X), effective_n_jobs(self.n_jobs)
        free_energy = []
        for state in iterate(self.n_steps, type(self).__name__, verbose=self.verbose, callback=self.callback):
            T, cut = annealing.at((state.n_iter - 1) / self.n_steps)
            if T > 1 and "W" in learn:
                params["W"] = self._jitter(params["W"], scale, rng)
            step = self._e_step(shape, params, T, n_threads)
            size = n_used(n, self._mass(params, shape)[0], cut)
            if size == n:
                evidence, moments = sweep(step, X, with_moments=True)
            else:
                evidence, _ = sweep(step, X)
                if np.isnan(evidence).any():  # no sample is larger than it
                    raise FloatingPointError("the likelihood of a sample is no number: scale X")
                _, moments = sweep(step, X, largest(evidence, size), with_moments=True)
            free_energy.append(float(evidence.mean()))
            new = self._maximise(moments, params, shape, learn, scale)
            params = {name: new[name] if name in learn else params[name] for name in params}
            state.record(temperature=T, free_energy=free_energy[-1], components=params["W"], sigma=params["sigma"])
            if state.stop:
                break
        evidence, _ = sweep(self._e_step(shape, params, 1.0, n_threads), X)
        free_energy.append(float(evidence.mean()))
        return Run(params, free_energy, state.stop)

    @in_float_range
    def transform(self, X):
        """Posterior means of the hidden causes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the type of X.
        """
        X, dtype = self._validate(X)
        out = np.empty((len(X), len(self.components_)), dtype)
        with one_blas_thread():
            step = self._fitted_step()
            for rows in step.blocks(len(X)):
                out[rows] = step.block(X[rows], Moments()).means
        return out

    def log_likelihood_lower_bound(self, X):
        """The truncated log-likelihood: log of the sum of p(x, s) over the states s that are looked at.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            A lower bound of log p(x) for each sample, in nats; log p(x) itself with `n_candidates` and `max_active`
            at `n_components` or above (for MaximalCausesAnalysis: of its softened model).
        """
        X, _ = self._validate(X)
        with one_blas_thread():
            return sweep(self._fitted_step(), X)[0]

    def score(self, X, y=None) -> float:
        """Mean of :meth:`log_likelihood_lower_bound`: larger is better.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Samples, held out if the score is to mean something.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        float
            Nats a sample.
        """
        return float(self.log_likelihood_lower_bound(X).mean())

    def posterior(self, X, top=10):
        """The most probable states of each sample.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Samples.
        top : int, default=10
            How many states a sample; all that are looked at where these are fewer.

        Returns
        -------
        states : ndarray of shape (n_samples, top, n_components)
            Hidden causes, the most probable state first.
        probabilities : ndarray of shape (n_samples, top)
            Their posterior probabilities, among the states that are looked at.
        """
        X, _ = self._validate(X)
        H, top = len(self.components_), check_count(top, "top")
        with one_blas_thread():
            step = self._fitted_step()
            top = min(top, step.shape.n_states)
            states, probabilities = np.empty((len(X), top, H)), np.empty((len(X), top))
            for rows in step.blocks(len(X), JOINT_SIZE // step.shape.n_states):
                found = step.block(X[rows], None, joint=True)
                states[rows], F = top_states(found.joint, found.perm, step.shape, self._on_values(), top)
                probabilities[rows] = np.exp(F)
        return states, probabilities

    @in_float_range
    def sample(self, n=1, random_state=None):
        """Draw from the model.

        Parameters
        ----------
        n : int, default=1
            Number of samples.
        random_state : None, int, RandomState or Generator
            Seed.

        Returns
        -------
        X : ndarray of shape (n, n_features)
            Samples.
        codes : ndarray of shape (n, n_components)
            The hidden causes that made them.
        """
        check_is_fitted(self)
        n, rng = check_count(n, "n"), random_stream(random_state)
        codes = self._draw(n, rng)
        return self._superpose(codes) + self.sigma_ * rng.standard_normal((n, self.n_features_in_)), codes

    @in_float_range
    def inverse_transform(self, X):
        """What the model expects to see for given hidden causes.

        Parameters
        ----------
        X : array or sparse array of shape (n_samples, n_components)
            Causes, as :meth:`transform` or :meth:`sample` return them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The samples without noise.
        """
        check_is_fitted(self)
        check_indices(X, "X")
        codes = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        if codes.shape[1] != len(self.components_):
            raise ValueError(f"codes must have {len(self.components_)} columns, got {codes.shape[1]}")
        return self._superpose(codes).astype(codes.dtype, copy=False)

    def _jitter(self, W: np.ndarray, scale: float, rng: np.random.RandomState) -> np.ndarray:
        """W with noise, without which causes that a high temperature has made equal would never part again."""
        return W + JITTER * scale * rng.standard_normal(W.shape)

    def _superpose(self, codes) -> np.ndarray:
        return codes @ self.components_

    def _shape(self, n_components: int) -> Shape:
        return shape_of(n_components, self.n_candidates, self.max_active, len(self._on_values()))

    def _on_values(self) -> np.ndarray:
        """What a unit may be when it is on."""
        return np.ones(1)

    def _learned(self) -> set[str]:
        if not set(self.learn) <= set(self._names):
            raise ValueError(f"learn must be some of {self._names}, got {tuple(self.learn)}")
        return set(self.learn)

    def _given(self, shape: Shape, n_features: int) -> Params:
        """The parameters that `init` names, each in its shape."""
        init = self.init if isinstance(self.init, dict) or self.init is None else {"W": self.init}
        if init is None:
            return {}
        if not set(init) <= set(self._names):
            raise ValueError(f"init must have no keys but {self._names}, got {sorted(map(str, init))}")
        if "W" in init and self.n_init > 1:
            raise ValueError(
                f"init gives W, so that all restarts would be the same: n_init must be 1, got {self.n_init}"
            )
        given = {}
        for name, value in init.items():
            scalar, label = np.ndim(value) == 0, f"init[{name!r}]"
            value = check_array([value] if scalar else value, ensure_2d=False, dtype=np.float64, input_name=label)
            value = value[0] if scalar else value
            size = self._size(name, shape, n_features)
            try:
                given[name] = np.array(np.broadcast_to(value, size))[()]
            except ValueError:
                raise ValueError(f"{label} must have shape {size}, got {value.shape}") from None
            if name in ("sigma", "psi") and not np.all(given[name] > 0):
                raise ValueError(f"{label} must be positive, got {value}")
            if name == "pi" and not (np.all(given[name] > 0) and np.sum(given[name]) < self._most_pi(shape)):
                raise ValueError(f"init['pi'] must be probabilities between 0 and 1, got {value}")
        return given

    def _size(self, name: str, shape: Shape, n_features: int) -> tuple[int, ...]:
        return {"W": (shape.n_components, n_features)}.get(name, ())

    def _most_pi(self, shape: Shape) -> float:
        return 1.0

    def _validate(self, X) -> tuple[np.ndarray, np.dtype]:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.ascontiguousarray(X, np.float64), X.dtype

    def _fitted_step(self) -> EStep:
        params = {name: getattr(self, "components_" if name == "W" else f"{name}_") for name in self._names}
        return self._e_step(self._shape(len(self.components_)), params, 1.0, effective_n_jobs(self.n_jobs))

    def _keep(self, params: Params) -> None:
        for name, value in params.items():
            setattr(self, "components_" if name == "W" else f"{name}_", value)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def _start(self, X, scale: float, shape: Shape, rng: np.random.RandomState) -> Params:
        """Parameters to begin with."""

    @abstractmethod
    def _e_step(self, shape: Shape, params: Params, temperature: float, n_threads: int) -> EStep:
        """The posteriors under these parameters."""

    @abstractmethod
    def _mass(self, params: Params, shape: Shape) -> tuple[float, float]:
        """A and B of `mass` under these parameters."""

    @abstractmethod
    def _maximise(self, moments: Moments, params: Params, shape: Shape, learn: set[str], scale: float) -> Params:
        """The parameters that the moments ask for."""

    @abstractmethod
    def _draw(self, n: int, rng: np.random.RandomState) -> np.ndarray:
        """Hidden causes (n, H) from the prior."""


@dataclass
class Run:
    params: Params
    free_energy: list[float]
    stopped: bool


def sweep(
    step: EStep, X: np.ndarray, rows: np.ndarray | None = None, *, with_moments: bool = False
) -> tuple[np.ndarray, Moments | None]:
    """The E-step over all samples, or some of them: log evidence of each, and sums of moments if they are wanted."""
    n = len(X) if rows is None else len(rows)
    evidence, moments = np.empty(n), Moments() if with_moments else None
    for some in step.blocks(n):
        evidence[some] = step.block(X[some] if rows is None else X[rows[some]], moments).evidence
    return evidence, moments


def spread(X: np.ndarray) -> float:
    """Mean over the features of the standard deviation: the scale of the data."""
    with np.errstate(over="ignore", invalid="ignore"):
        s = float(X.std(axis=0).mean())
        too_large = not np.isfinite(np.vdot(X, X))
    if too_large:
        raise ValueError(f"X is too large for sums of squares in float64: its largest entry is {np.abs(X).max():.3g}")
    if not s > 0:
        raise ValueError(f"X must vary from sample to sample, but all are the same with n_samples = {X.shape[0]}")
    return s


def least_squares(pairs: np.ndarray, cross: np.ndarray, W: np.ndarray) -> np.ndarray:
    """W = pairs⁻¹ cross with a ridge of 1e-10 of the largest entry; the old W where no unit was ever on."""
    ridge = RIDGE * pairs.diagonal().max()
    try:
        return cho_solve(cho_factor(pairs + ridge * np.eye(len(pairs))), cross)
    except LinAlgError:
        return W


def symmetric(upper: np.ndarray) -> np.ndarray:
    """The symmetric matrix with this upper triangle."""
    return upper + np.triu(upper, 1).T


def energies(X: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Squared norm of each sample."""
    return np.einsum("ij,ij->i", X, X) if weights is None else np.einsum("ij,ij,j->i", X, X, weights)
