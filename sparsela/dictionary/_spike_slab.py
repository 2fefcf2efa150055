"""Spike-and-slab sparse coding: causes that are off, or on with a normal weight that is integrated out exactly."""

from __future__ import annotations

import numpy as np
from sklearn.utils._param_validation import StrOptions

from sparsela._ext import truncated as kernel
from sparsela.dictionary._discrete import NO_JOINT
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

LEAST_PSI = 1e-6  # of the mean square weight: below it, μ²/ψ would cancel too many digits
NEVER_ON = 1e-10  # expected number of samples with a cause on, a sample, below which its slab is left as it is


class SlabEStep(EStep):
    """Posterior over s and z for y ~ N((s∘z)W, diag σ²), all in P = W diag(σ⁻²) Wᵀ + diag(1/ψ) and y diag(σ⁻²) Wᵀ."""

    work = 4

    def __init__(self, shape, params, temperature, n_threads):
        super().__init__(shape, params, temperature, n_threads)
        W, mu, psi, pi = (params[name] for name in ("W", "mu", "psi", "pi"))
        self.precision = np.broadcast_to(params["sigma"] ** -2.0, W.shape[1:])
        self.scaled = W * self.precision
        self.gram = self.scaled @ W.T + np.diag(1 / psi)
        self.shift = mu / psi
        self.log_odds = np.log(pi / (1 - pi))
        self.evidence = -0.5 * (np.log(psi) + mu**2 / psi)
        log_noise = 0.5 * np.sum(np.log(2 * np.pi / self.precision)) / temperature
        self.log_none = np.sum(np.log1p(-pi)) - log_noise

    def block(self, X, moments, joint=False):
        A = X @ self.scaled.T + self.shift
        perm = best_candidates(self._scores(A), self.shape.n_candidates)
        n, H = A.shape
        log_z, pairs, on = np.empty(n), np.zeros((H, H)), np.zeros(H)
        means = None if moments is None else np.empty((n, H))
        F = np.empty((n, self.shape.n_states)) if joint else NO_JOINT
        kernel.slab(
            A,
            perm,
            self.gram,
            self.log_odds,
            self.evidence,
            1 / self.T,
            self.shape.n_candidates,
            self.shape.max_active,
            self.shape.n_states,
            means is not None,
            log_z,
            means,
            pairs,
            on,
            F,
            self.n_threads,
        )
        if moments is not None:
            squares, total = np.einsum("ij,ij->j", X, X), means.sum(axis=0)
            moments.add(n, pairs=symmetric(pairs), cross=means.T @ X, on=on, means=total, squares=squares)
        evidence = log_z + self.log_none - 0.5 * energies(X, self.precision) / self.T
        return Posterior(evidence, means, F - log_z[:, None] if joint else None, perm)

    def _scores(self, A: np.ndarray) -> np.ndarray:
        """Log joint of each unit on alone."""
        P = self.gram.diagonal()
        return (0.5 * (A**2 / P - np.log(P)) + self.evidence) / self.T + self.log_odds


class SpikeSlabSparseCoding(ExpectationTruncation):
    """Learn causes that are off, or on with a normal weight, and add up (GSC).

    Parameters
    ----------
    n_components : int, optional
        Number of causes H; None: n_features.
    n_candidates : int, default=8
        Causes H' whose combinations are looked at, chosen anew for each sample; clipped to H.
    max_active : int, default=5
        Causes γ that may be on together; clipped to H, and then at most `n_candidates`.
    noise : {"scalar", "diagonal"}, default="scalar"
        One standard deviation for all features, or one for each.
    normalize : bool, default=False
        Scale W and z, at the end, so that ψ = 1: the model is the same, with the size of each cause in W alone.
    n_steps : int, default=150
        Length of the annealing schedule; all steps are run.
    annealing : "linear", dict or None, default="linear"
        As in :class:`BinarySparseCoding`, from temperature 4.
    learn : sequence of str, default=("W", "pi", "sigma", "mu", "psi")
        Which parameters are learned; the others stay as they start.
    n_init : int, default=1
        Runs, each from another start; the one of highest free energy is kept.
    init : dict or array of shape (n_components, n_features), optional
        Parameters to start from, under the names of `learn`; an array is W. The rest: W normal noise of a quarter of
        X's standard deviation, pi = 1/H, sigma = standard deviation of X, mu = 0, psi = 1.
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
        W, float64. Not of unit norm; its norm and ψ trade off (see `normalize`), and its sign goes with that of μ.
    pi_ : ndarray of shape (n_components,)
        Probability that a cause is on.
    mu_, psi_ : ndarray of shape (n_components,)
        Mean and variance of the weight of a cause that is on.
    sigma_ : float or ndarray of shape (n_features,)
        Standard deviation of the noise.
    free_energy_ : list of float
        Mean over all samples of the (tempered) truncated log-likelihood before each step, and at the end at T = 1.
    n_iter_ : int
        Steps run.
    n_features_in_ : int
        Length of a sample.

    Notes
    -----
    The model: ``s_h ~ Bernoulli(π_h)``, ``z ~ N(μ, diag ψ)``, ``y ~ N((s∘z)W, σ²I)``. For the causes S that are on,
    z is integrated out: with ``P = W_S W_Sᵀ/σ² + diag(1/ψ_S)`` and ``c = y W_Sᵀ/σ² + μ_S/ψ_S``,

    .. math:: \\log p(y \\mid S) = \\log N(y; 0, σ^2 I) + \\tfrac12 c P^{-1} c^T - \\tfrac12 \\log |P|
        - \\tfrac12 \\sum_{h \\in S} (\\log ψ_h + μ_h^2 / ψ_h)

    Elimination adds one cause at a time to this, so that a state costs a few operations however many causes are on, and
    the posterior moments of s∘z, being derivatives, no more than that again. The posterior over S is truncated to no or
    one cause on and up to γ of the H' with the largest log joint alone. :meth:`transform` gives ⟨s∘z⟩; the states of
    :meth:`posterior` say which causes are on. With γ = H' = H, T = 1 and no cut this is exact EM, and the free energy
    never falls. Cost a step: 4 · n_samples · H · n_features operations and about H' for each of
    n_samples · (1 + H + Σ_k C(H', k)) states. Memory: O(H² + H · n_features) and blocks of samples.

    References
    ----------
    A.-S. Sheikh, J. Shelton, J. Lücke. A Truncated EM Approach for Spike-and-Slab Sparse Coding. JMLR, 2014.

    G. Exarchakis, J. Bornschein, A.-S. Sheikh, Z. Dai, M. Henniges, J. Drefs, J. Lücke. ProSper -- A Python Library
    for Probabilistic Sparse Coding with Non-Standard Priors and Superpositions. arXiv 1908.06843, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import SpikeSlabSparseCoding
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(800, 2)) * (rng.random((800, 2)) < 0.4)
    >>> X = Z @ np.array([[5.0, 5, 0], [0, 5, -5]]) + 0.5 * rng.normal(size=(800, 3))
    >>> model = SpikeSlabSparseCoding(2, n_steps=60, random_state=0).fit(X)
    >>> bool(abs(model.sigma_ - 0.5) < 0.05), bool(abs(model.pi_ - 0.4).max() < 0.1)
    (True, True)
    """

    _parameter_constraints: dict = {
        **ExpectationTruncation._parameter_constraints,
        "noise": [StrOptions({"scalar", "diagonal"})],
        "normalize": ["boolean"],
    }
    _names = ("W", "pi", "sigma", "mu", "psi")
    _start_temperature = 4.0

    def __init__(
        self,
        n_components=None,
        *,
        n_candidates=8,
        max_active=5,
        noise="scalar",
        normalize=False,
        n_steps=150,
        annealing="linear",
        learn=("W", "pi", "sigma", "mu", "psi"),
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
        self.noise = noise
        self.normalize = normalize

    def _start(self, X, scale, shape, rng):
        H, D = shape.n_components, X.shape[1]
        return {
            "W": scale / 4 * rng.standard_normal((H, D)),
            "pi": np.full(H, min(1 / H, 0.5)),
            "sigma": np.full(D, scale) if self.noise == "diagonal" else scale,
            "mu": np.zeros(H),
            "psi": np.ones(H),
        }

    def _size(self, name, shape, n_features):
        if name == "sigma":
            return (n_features,) if self.noise == "diagonal" else ()
        return (shape.n_components, n_features) if name == "W" else (shape.n_components,)

    def _most_pi(self, shape):
        return shape.n_components

    def _e_step(self, shape, params, temperature, n_threads):
        return SlabEStep(shape, params, temperature, n_threads)

    def _mass(self, params, shape):
        return mass(params["pi"], shape.max_active)

    def _maximise(self, moments, params, shape, learn, scale):
        pairs, cross, on, n = moments["pairs"], moments["cross"], moments["on"], moments.n
        W = least_squares(pairs, cross, params["W"]) if "W" in learn else params["W"]
        used = on > NEVER_ON * n
        count = np.where(used, on, 1.0)
        mean, square = moments["means"] / count, pairs.diagonal() / count
        mu = np.where(used, mean, params["mu"]) if "mu" in learn else params["mu"]
        psi = square - 2 * mu * mean + mu**2  # about the μ that is kept
        psi = np.where(used, np.maximum(psi, LEAST_PSI * square), params["psi"])
        error = moments["squares"] - 2 * (W * cross).sum(axis=0) + (W * (pairs @ W)).sum(axis=0)
        variance = np.maximum(error, 0) / n
        if self.noise == "scalar":
            variance = float(variance.mean())
        return {
            "W": W,
            "pi": np.clip(on / n, LEAST_PI, 1 - LEAST_PI),
            "sigma": np.maximum(np.sqrt(variance), LEAST_SIGMA * scale)[()],
            "mu": mu,
            "psi": psi,
        }

    def _keep(self, params):
        if self.normalize:
            size = np.sqrt(params["psi"])
            params = {**params, "W": params["W"] * size[:, None], "mu": params["mu"] / size, "psi": np.ones_like(size)}
        super()._keep(params)

    def _draw(self, n, rng):
        size = (n, len(self.components_))
        on = rng.random_sample(size) < self.pi_
        return on * (self.mu_ + np.sqrt(self.psi_) * rng.standard_normal(size))
