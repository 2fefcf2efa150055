"""Maximal causes analysis: of the causes that are on, the largest decides each feature."""

from __future__ import annotations

import numpy as np

from sparsela._ext import truncated as kernel
from sparsela.dictionary._discrete import NO_JOINT
from sparsela.dictionary._expectation import LEAST_PI, LEAST_SIGMA, EStep, ExpectationTruncation, Posterior, energies
from sparsela.dictionary._truncation import best_candidates, mass

LEAST_W = 1e-4  # of the spread of the data, so that the model is the same in any unit
HARDEST = 1.05  # the temperature at which the soft maximum stays: ρ = 21
NEVER_ON = 1e-10  # share of a sample's weight below which a cause's W is left as it is


class MaximalEStep(EStep):
    """Posterior over s for y_d ~ N((Σ_h s_h W_hd^ρ)^(1/ρ), σ²), ρ the harder the lower the temperature."""

    def __init__(self, shape, params, temperature, n_threads):
        super().__init__(shape, params, temperature, n_threads)
        W, sigma, pi = params["W"], params["sigma"], params["pi"]
        self.work = 2 * W.shape[1]
        self.rho = 1 / (1 - 1 / max(temperature, HARDEST))
        self.precision = 1 / (sigma**2 * temperature)
        self.log_odds = np.log(pi / (1 - pi))
        log_noise = W.shape[1] / 2 * np.log(2 * np.pi * sigma**2) / temperature
        self.log_none = len(W) * np.log(1 - pi) - log_noise

    def block(self, X, moments, joint=False):
        W, shape = self.params["W"], self.shape
        n, H = len(X), len(W)
        scores = np.empty((n, H))
        kernel.excess(X, W, scores)
        perm = best_candidates(scores, shape.n_candidates)
        order = np.lexsort(perm[:, : shape.n_candidates].T[::-1])  # equal candidates next to each other
        X, perm = X[order], perm[order]
        energy, A = energies(X), X @ W.T
        means = self.log_odds + self.precision * (A - 0.5 * energies(W))  # log joint of each cause alone
        log_z, weights, targets, error = np.empty(n), np.zeros_like(W), np.zeros_like(W), np.zeros(1)
        F = np.empty((n, shape.n_states)) if joint else NO_JOINT
        tree = shape.tree()
        kernel.maximal(
            X,
            energy,
            means,
            perm,
            W,
            self.log_odds,
            self.rho,
            self.precision,
            tree.parent,
            tree.last,
            shape.n_candidates,
            shape.n_states,
            moments is not None,
            log_z,
            weights,
            targets,
            error,
            F,
            self.n_threads,
        )
        if moments is not None:
            alone = means.copy()  # of the causes that are no candidates
            np.put_along_axis(alone, perm[:, : shape.n_candidates], 0, axis=1)
            weights += alone.sum(axis=0)[:, None]
            targets += alone.T @ X
            error += np.exp(-log_z) @ energy + np.vdot(alone, energy[:, None] - 2 * A + energies(W))
            moments.add(n, weights=weights, targets=targets, error=error[0], on=means.sum())
        back = np.empty(n, np.intp)
        back[order] = np.arange(n)
        evidence = log_z + self.log_none - 0.5 * self.precision * energy
        log_posterior = (F - log_z[:, None])[back] if joint else None
        return Posterior(evidence[back], means[back], log_posterior, perm[back])


class MaximalCausesAnalysis(ExpectationTruncation):
    """Learn non-negative causes that are on or off, the largest deciding each feature (MCA).

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
        As in :class:`BinarySparseCoding`, from temperature 4. The maximum hardens as the temperature falls.
    learn : sequence of str, default=("W", "pi", "sigma")
        Which parameters are learned; the others stay as they start.
    n_init : int, default=1
        Runs, each from another start; the one of highest free energy is kept. Needed more than in the linear models.
    init : dict or array of shape (n_components, n_features), optional
        Parameters to start from, under the names of `learn`; an array is W. The rest: W the modulus of the mean of X
        plus normal noise of a quarter of X's standard deviation, pi = 1/H, sigma = standard deviation of X.
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
        W ≥ 0, float64. Not of unit norm: the norm is part of the model.
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
    The model: ``s_h ~ Bernoulli(π)``, ``y_d ~ N(max_h s_h W_hd, σ²)``. While learning and inferring, the maximum is
    soft:

    .. math:: \\bar W_d(s) = (\\sum_h s_h W_{hd}^ρ)^{1/ρ}, \\quad ρ = 1 / (1 - 1 / \\max(T, 1.05))

    With ``A_hd(s) = s_h (W_hd / W̄_d(s))^(ρ − 1)``, how much h decides d, the M-step is
    ``W_hd = Σ⟨A_hd⟩ y_d / Σ⟨A_hd⟩``, at least 1e-4 of the standard deviation of X; it is no exact M-step, and the free
    energy may fall a little. Candidates are the causes that stick out of the sample least, ``Σ_d max(W_hd − y_d, 0)``.
    X may be negative, through noise; W is not.

    What a state predicts does not depend on the sample, so that powers are taken once for each set of candidates. Cost
    a step: 4 · n_samples · n_features · (H + Σ_k C(H', k)) operations, and three exponentials or logarithms for each
    feature and state of each set of candidates that occurs. Memory: 24 · n_features · Σ_k C(H', k) bytes a thread and
    blocks of samples.

    References
    ----------
    J. Lücke, M. Sahani. Maximal Causes for Non-linear Component Extraction. JMLR, 2008.

    G. Puertas, J. Bornschein, J. Lücke. The Maximal Causes of Natural Scenes are Edge Filters. NIPS 2010.

    G. Exarchakis, J. Bornschein, A.-S. Sheikh, Z. Dai, M. Henniges, J. Drefs, J. Lücke. ProSper -- A Python Library
    for Probabilistic Sparse Coding with Non-Standard Priors and Superpositions. arXiv 1908.06843, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import MaximalCausesAnalysis
    >>> rng = np.random.default_rng(0)
    >>> S = rng.random((400, 3)) < 0.4
    >>> W = np.array([[4.0, 4, 0, 0], [0, 4, 4, 0], [0, 0, 4, 4]])
    >>> X = (S[:, :, None] * W).max(axis=1) + 0.5 * rng.normal(size=(400, 4))
    >>> model = MaximalCausesAnalysis(3, n_init=4, random_state=0).fit(X)
    >>> bool(abs(model.sigma_ - 0.5) < 0.1)
    True
    """

    _start_temperature = 4.0

    def _start(self, X, scale, shape, rng):
        W = np.abs(X.mean(axis=0) + scale / 4 * rng.standard_normal((shape.n_components, X.shape[1])))
        return {"W": np.maximum(W, LEAST_W * scale), "pi": min(1 / shape.n_components, 0.5), "sigma": scale}

    def _jitter(self, W, scale, rng):
        return np.maximum(super()._jitter(W, scale, rng), LEAST_W * scale)

    def _given(self, shape, n_features):
        given = super()._given(shape, n_features)
        if "W" in given and not (given["W"] > 0).all():
            raise ValueError(f"init['W'] must be positive, got a smallest entry of {given['W'].min():.3g}")
        return given

    def _e_step(self, shape, params, temperature, n_threads):
        return MaximalEStep(shape, params, temperature, n_threads)

    def _mass(self, params, shape):
        return mass(np.full(shape.n_components, params["pi"]), shape.max_active)

    def _maximise(self, moments, params, shape, learn, scale):
        W, weights = params["W"], moments["weights"]
        used = weights > NEVER_ON * moments.n
        W = np.where(used, moments["targets"] / np.where(used, weights, 1), W)
        A, B = self._mass(params, shape)
        pi = A / B * params["pi"] * float(moments["on"]) / moments.n
        sigma = np.sqrt(max(float(moments["error"]), 0.0) / (moments.n * W.shape[1]))
        return {
            "W": np.maximum(W, LEAST_W * scale),
            "pi": min(max(pi, LEAST_PI), 1 - LEAST_PI),
            "sigma": max(float(sigma), LEAST_SIGMA * scale),
        }

    def _superpose(self, codes):
        out = np.zeros((codes.shape[0], self.n_features_in_))
        for h, w in enumerate(self.components_):  # a cause at a time: no (n, H, D)
            column = codes[:, [h]]
            np.maximum(out, (column.toarray() if hasattr(column, "toarray") else column) * w, out=out)
        return out

    def _draw(self, n, rng):
        return (rng.random_sample((n, len(self.components_))) < self.pi_).astype(np.float64)
