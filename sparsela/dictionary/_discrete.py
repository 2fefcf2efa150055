"""Binary, ternary and discrete sparse coding: hidden causes with a few values, one E-step for all."""

from __future__ import annotations

import numpy as np

from sparsela._ext import truncated as kernel
from sparsela.dictionary._expectation import (
    LEAST_PI,
    LEAST_SIGMA,
    EStep,
    ExpectationTruncation,
    Posterior,
    energies,
    least_squares,
    symmetric,
)
from sparsela.dictionary._truncation import best_candidates, mass

NO_JOINT = np.empty((0, 0))


class DiscreteEStep(EStep):
    """Posterior over s for y ~ N(sW, σ²I), all in the Gram matrix of W. pi holds a probability for each of `values`."""

    def __init__(self, shape, params, temperature, n_threads, values):
        super().__init__(shape, params, temperature, n_threads)
        W, sigma, pi = params["W"], params["sigma"], np.atleast_1d(params["pi"])
        self.precision = 1 / (sigma**2 * temperature)
        self.gram = W @ W.T
        self.norms = np.sqrt(np.maximum(self.gram.diagonal(), np.finfo(float).tiny))
        self.values, off = values, 1 - pi.sum()
        self.log_odds = np.log(pi / off)
        log_noise = W.shape[1] / 2 * np.log(2 * np.pi * sigma**2) / temperature
        self.log_none = len(W) * np.log(off) - log_noise

    def block(self, X, moments, joint=False):
        A = X @ self.params["W"].T
        perm = best_candidates(self._scores(A), self.shape.n_candidates)
        A *= self.precision
        n, H = A.shape
        log_z, pairs, counts = np.empty(n), np.zeros((H, H)), np.zeros(len(self.values))
        means = None if moments is None else np.empty((n, H))
        F = np.empty((n, self.shape.n_states)) if joint else NO_JOINT
        kernel.discrete(
            A,
            perm,
            self.gram * self.precision,
            self.values,
            self.log_odds,
            self.shape.n_candidates,
            self.shape.max_active,
            self.shape.n_states,
            means is not None,
            log_z,
            means,
            pairs,
            counts,
            F,
            self.n_threads,
        )
        energy = energies(X)
        if moments is not None:
            moments.add(n, pairs=symmetric(pairs), cross=means.T @ X, counts=counts, energy=energy.sum())
        evidence = log_z + self.log_none - 0.5 * self.precision * energy
        return Posterior(evidence, means, F - log_z[:, None] if joint else None, perm)

    def _scores(self, A: np.ndarray) -> np.ndarray:
        """How well each unit explains a sample alone, at the sign of a value that it may take."""
        scores = A / self.norms
        if self.values.min() > 0:
            return scores
        return np.abs(scores) if self.values.max() > 0 else -scores


class DiscreteModel(ExpectationTruncation):
    """EM for causes with the values of ``_values()``."""

    _symmetric = False

    def _values(self) -> np.ndarray:
        return np.array([0.0, 1.0])

    def _on_values(self):
        values = self._values()
        return np.ascontiguousarray(values[values != 0])

    def _start(self, X, scale, shape, rng):
        W = X.mean(axis=0) + scale / 4 * rng.standard_normal((shape.n_components, X.shape[1]))
        V = shape.n_values
        return {"W": W, "pi": np.full(V, min(1 / shape.n_components, 0.5) / V), "sigma": scale}

    def _size(self, name, shape, n_features):
        return (shape.n_values,) if name == "pi" else super()._size(name, shape, n_features)

    def _e_step(self, shape, params, temperature, n_threads):
        return DiscreteEStep(shape, params, temperature, n_threads, self._on_values())

    def _mass(self, params, shape):
        return mass(np.full(shape.n_components, np.sum(params["pi"])), shape.max_active)

    def _maximise(self, moments, params, shape, learn, scale):
        W = least_squares(moments["pairs"], moments["cross"], params["W"]) if "W" in learn else params["W"]
        A, B = self._mass(params, shape)
        pi = A / B * np.sum(params["pi"]) * moments["counts"] / moments.n
        if self._symmetric:
            pi = (pi + pi[self._mirror()]) / 2
        pi = np.maximum(pi, LEAST_PI)
        pi *= min(1.0, (1 - LEAST_PI) / pi.sum())
        error = moments["energy"] - 2 * np.vdot(W, moments["cross"]) + np.vdot(W @ W.T, moments["pairs"])
        sigma = np.sqrt(max(error, 0.0) / (moments.n * W.shape[1]))
        return {"W": W, "pi": pi, "sigma": max(float(sigma), LEAST_SIGMA * scale)}

    def _mirror(self) -> np.ndarray:
        """Where the value −v stands, for each value v."""
        values = self._on_values()
        order = np.argsort(values)
        mirror = np.empty_like(order)
        mirror[order] = order[::-1]
        return mirror

    def _draw(self, n, rng):
        pi = np.atleast_1d(self.pi_)
        values, p = np.append(self._on_values(), 0.0), np.append(pi, 1 - pi.sum())
        return rng.choice(values, size=(n, len(self.components_)), p=p)


class BinarySparseCoding(DiscreteModel):
    """Learn causes that are on or off and add up (BSC).

    Parameters
    ----------
    n_components : int, optional
        Number of causes H; None: n_features.
    n_candidates : int, default=8
        Causes H' whose combinations are looked at, chosen anew for each sample; clipped to H.
    max_active : int, default=5
        Causes γ that may be on together; clipped to H, and then at most `n_candidates`.
    n_steps : int, default=150
        Length of the annealing schedule; all steps are run.
    annealing : "linear", dict or None, default="linear"
        "linear": temperature from 5 to 1 over the first 80 % of the steps, data cut from 0 to 1 over the first two
        thirds. A dict: points ``(share of the steps, value)`` to go straight between, under "T" (temperature; 1 where
        left out) and "cut" (0 where left out). None: plain EM. Above temperature 1, normal noise of a fifth of X's
        standard deviation is added to W before each step: causes that became equal would never part again.
    learn : sequence of str, default=("W", "pi", "sigma")
        Which parameters are learned; the others stay as they start.
    n_init : int, default=1
        Runs, each from another start; the one of highest free energy is kept. EM ends in local optima: runs that get
        stuck show a lower free energy.
    init : dict or array of shape (n_components, n_features), optional
        Parameters to start from, under the names of `learn`; an array is W. The rest: W = mean of X plus normal noise
        of a quarter of X's standard deviation, pi = 1/H, sigma = standard deviation of X.
    random_state : None, int, RandomState or Generator
        Seed of the starts.
    n_jobs : int, optional
        Threads; None is the library's setting. What is learned does not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called after each step with a state that has `n_iter`, `temperature`, `free_energy` (before the step),
        `components` and `sigma` (after it); True stops.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        W, float64. Not of unit norm: the norm is part of the model.
    pi_ : float
        Probability that a cause is on.
    sigma_ : float
        Standard deviation of the noise.
    free_energy_ : list of float
        Mean over all samples of the (tempered) truncated log-likelihood before each step, and at the end at T = 1.
    n_iter_ : int
        Steps run.
    n_features_in_ : int
        Length of a sample.

    Notes
    -----
    The model: ``s_h ~ Bernoulli(π)``, ``y ~ N(sW, σ²I)``. The posterior is truncated to the states with no or one cause
    on and to those with up to γ of the H' candidates on, ``y W_hᵀ / ‖W_h‖`` largest:

    .. math:: q_s \\propto p(s)\\, p(y \\mid s)^{1/T}

    The M-step solves for W, π and σ² in closed form (σ² with the new W); with the data cut it takes the samples of
    highest likelihood, as many as the model expects to have at most γ causes on. With γ = H' = H, T = 1 and no cut this
    is exact EM, and the free energy never falls.

    ``‖y − sW‖² = ‖y‖² − 2 s W yᵀ + s WWᵀ sᵀ`` needs no more than products of y with W and of W with itself. Cost a
    step: 4 · n_samples · H · n_features operations for products with X, and some forty (an exponential among them) for
    each of n_samples · (1 + H + Σ_k C(H', k)) states. Memory: O(H² + H · n_features) and blocks of samples.

    References
    ----------
    M. Henniges, G. Puertas, J. Bornschein, J. Eggert, J. Lücke. Binary Sparse Coding. LVA/ICA 2010.

    J. Lücke, J. Eggert. Expectation Truncation and the Benefits of Preselection in Training Generative Models. JMLR,
    2010.

    G. Exarchakis, J. Bornschein, A.-S. Sheikh, Z. Dai, M. Henniges, J. Drefs, J. Lücke. ProSper -- A Python Library
    for Probabilistic Sparse Coding with Non-Standard Priors and Superpositions. arXiv 1908.06843, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import BinarySparseCoding
    >>> rng = np.random.default_rng(0)
    >>> S = rng.random((400, 3)) < 0.3
    >>> X = S @ np.array([[4.0, 4, 0, 0], [0, 4, 4, 0], [0, 0, 4, 4]]) + rng.normal(size=(400, 4))
    >>> model = BinarySparseCoding(3, n_init=4, random_state=0).fit(X)
    >>> bool(abs(model.pi_ - 0.3) < 0.05), bool(abs(model.sigma_ - 1) < 0.1)
    (True, True)
    >>> states, probabilities = model.posterior(X[:2], top=2)
    >>> states.shape, bool((probabilities.sum(axis=1) <= 1).all())
    ((2, 2, 3), True)
    """

    def _size(self, name, shape, n_features):
        return ExpectationTruncation._size(self, name, shape, n_features)

    def _keep(self, params):
        super()._keep({**params, "pi": float(np.sum(params["pi"]))})


class DiscreteSparseCoding(DiscreteModel):
    """Learn causes that take a few given values and add up (DSC).

    Parameters
    ----------
    n_components : int, optional
        Number of causes H; None: n_features.
    values : sequence of float, default=(-1, 0, 1)
        What a cause may be: different numbers, 0 among them.
    symmetric : bool, default=False
        Let v and −v have the same probability; `values` must then be symmetric.
    n_candidates : int, default=8
        Causes H' whose combinations are looked at, chosen anew for each sample; clipped to H.
    max_active : int, default=5
        Causes γ that may be other than 0 together; clipped to H, and then at most `n_candidates`.
    n_steps : int, default=150
        Length of the annealing schedule; all steps are run.
    annealing : "linear", dict or None, default="linear"
        As in :class:`BinarySparseCoding`.
    learn : sequence of str, default=("W", "pi", "sigma")
        Which parameters are learned; the others stay as they start.
    n_init : int, default=1
        Runs, each from another start; the one of highest free energy is kept.
    init : dict or array of shape (n_components, n_features), optional
        Parameters to start from, as in :class:`BinarySparseCoding`; pi has one number a value other than 0.
    random_state : None, int, RandomState or Generator
        Seed of the starts.
    n_jobs : int, optional
        Threads; None is the library's setting. What is learned does not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        As in :class:`BinarySparseCoding`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        W, float64. Not of unit norm: the norm is part of the model.
    pi_ : ndarray of shape (n_values - 1,)
        Probabilities of the values other than 0, in their order.
    sigma_ : float
        Standard deviation of the noise.
    free_energy_ : list of float
        Mean over all samples of the (tempered) truncated log-likelihood before each step, and at the end at T = 1.
    n_iter_ : int
        Steps run.
    n_features_in_ : int
        Length of a sample.

    Notes
    -----
    The model: ``p(s_h = v) = π_v`` for each value v, ``y ~ N(sW, σ²I)``. EM is that of :class:`BinarySparseCoding`,
    which is the case ``values=(0, 1)``; candidates have the largest ``±y W_hᵀ / ‖W_h‖`` for the signs among the values,
    and V values other than 0 make 1 + H V + Σ_k C(H', k) V^k states a sample, at most 10⁶. Cost and memory grow with
    them.

    References
    ----------
    G. Exarchakis, J. Lücke. Discrete Sparse Coding. Neural Computation, 2017.

    J. Lücke, J. Eggert. Expectation Truncation and the Benefits of Preselection in Training Generative Models. JMLR,
    2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import DiscreteSparseCoding
    >>> rng = np.random.default_rng(0)
    >>> S = rng.choice([0, 1, 2], size=(500, 2), p=[0.5, 0.3, 0.2])
    >>> X = S @ np.array([[3.0, 3, 0], [0, 3, -3]]) + 0.5 * rng.normal(size=(500, 3))
    >>> model = DiscreteSparseCoding(2, values=(0, 1, 2), n_init=4, random_state=0).fit(X)
    >>> bool(abs(model.pi_ - [0.3, 0.2]).max() < 0.05)
    True
    """

    _parameter_constraints: dict = {
        **DiscreteModel._parameter_constraints,
        "values": ["array-like"],
        "symmetric": ["boolean"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        values=(-1, 0, 1),
        symmetric=False,
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
        super().__init__(
            n_components,
            n_candidates=n_candidates,
            max_active=max_active,
            n_steps=n_steps,
            annealing=annealing,
            learn=learn,
            n_init=n_init,
            init=init,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            callback=callback,
        )
        self.values = values
        self.symmetric = symmetric

    @property
    def _symmetric(self) -> bool:  # type: ignore[override]
        return self.symmetric

    def _values(self):
        values = np.asarray(self.values)
        if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise ValueError(f"values must be a list of finite numbers, got {self.values!r}")
        if len(np.unique(values)) < len(values):
            raise ValueError(f"values must be different from each other, got {self.values!r}")
        if 0 not in values or len(values) < 2:
            raise ValueError(f"values must have 0 and at least one other number, got {self.values!r}")
        if self.symmetric and set(values) != set(-values):
            raise ValueError(f"values must be symmetric about 0 with symmetric=True, got {self.values!r}")
        return values.astype(np.float64)


class TernarySparseCoding(DiscreteModel):
    """Learn causes that are −1, 0 or 1 and add up, either sign as likely (TSC).

    Parameters
    ----------
    n_components : int, optional
        Number of causes H; None: n_features.
    n_candidates : int, default=8
        Causes H' whose combinations are looked at, chosen anew for each sample; clipped to H.
    max_active : int, default=5
        Causes γ that may be other than 0 together; clipped to H, and then at most `n_candidates`.
    n_steps : int, default=150
        Length of the annealing schedule; all steps are run.
    annealing : "linear", dict or None, default="linear"
        As in :class:`BinarySparseCoding`.
    learn : sequence of str, default=("W", "pi", "sigma")
        Which parameters are learned; the others stay as they start.
    n_init : int, default=1
        Runs, each from another start; the one of highest free energy is kept.
    init : dict or array of shape (n_components, n_features), optional
        Parameters to start from, as in :class:`BinarySparseCoding`; pi has two equal numbers (or one for both).
    random_state : None, int, RandomState or Generator
        Seed of the starts.
    n_jobs : int, optional
        Threads; None is the library's setting. What is learned does not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        As in :class:`BinarySparseCoding`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        W, float64. Not of unit norm: the norm is part of the model. The sign of a component is arbitrary.
    pi_ : ndarray of shape (2,)
        Probabilities of −1 and of 1, equal.
    sigma_ : float
        Standard deviation of the noise.
    free_energy_ : list of float
        Mean over all samples of the (tempered) truncated log-likelihood before each step, and at the end at T = 1.
    n_iter_ : int
        Steps run.
    n_features_in_ : int
        Length of a sample.

    Notes
    -----
    The model: ``p(s_h = −1) = p(s_h = 1) = π / 2``, ``y ~ N(sW, σ²I)``: :class:`DiscreteSparseCoding` with
    ``values=(-1, 0, 1), symmetric=True``. Data should have mean 0, as the model has. Cost as there, with V = 2.

    References
    ----------
    G. Exarchakis, M. Henniges, J. Eggert, J. Lücke. Ternary Sparse Coding. LVA/ICA 2012.

    J. Lücke, J. Eggert. Expectation Truncation and the Benefits of Preselection in Training Generative Models. JMLR,
    2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import TernarySparseCoding
    >>> rng = np.random.default_rng(0)
    >>> S = rng.choice([-1, 0, 1], size=(400, 2), p=[0.2, 0.6, 0.2])
    >>> X = S @ np.array([[3.0, 3, 0], [0, 3, -3]]) + 0.5 * rng.normal(size=(400, 3))
    >>> model = TernarySparseCoding(2, n_init=4, random_state=0).fit(X)
    >>> bool(abs(model.pi_ - 0.2).max() < 0.03)
    True
    """

    _symmetric = True

    def _values(self):
        return np.array([-1.0, 0.0, 1.0])
