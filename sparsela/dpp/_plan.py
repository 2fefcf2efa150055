"""What a trial of the large-scale samplers needs: a reference operator Ĉ, scores of all points or the means to them.

With b_i the feature of point i, L_ij = ⟨b_i, b_j⟩, C = Σ b_i b_iᵀ, and any finite-rank Ĉ ⪰ 0:

    l_i = α b_iᵀ (I + αĈ)⁻¹ b_i,    s = Σ l_i,    z = tr αĈ(I + αĈ)⁻¹,    ℓ = log det (I + αĈ).

Here Ĉ = P C' P: P projects on the span of the landmarks' features, C' is C or an estimate of it from a uniform sample
of points. In an eigenbasis of Ĉ, φ(x) = Wᵀ κ(D, x) with values μ, so that

    l_i = α (L_ii − |Mᵀ κ(D, x_i)|²),    M = W diag √(αμ/(1 + αμ)).

Whatever Ĉ is, the law of the sets is exact; a better one has more trials accepted.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.dpp._scattered import ROWS, ScatteredPoints

SAMPLE = 10_000  # points that stand for all in Ĉ

# Seconds of a trial of t points, fitted to measurements: a start, d + 10 for every pair, t³ for the factorisation; and
# for the set that follows where it is accepted.
START, PAIR, CUBE, SET = 5e-6, 1.2e-10, 1.2e-11, 5e-11
SCORE = 1.5e-10  # of a multiply-add in the score of a candidate


@dataclass
class Plan:
    """A reference operator at a scale α, and scores where they are known."""

    alpha: float
    landmarks: np.ndarray  # (m, d)
    M: np.ndarray  # (m, q)
    mu: np.ndarray
    least: float  # l_i ≥ α least L_ii
    s: float  # an estimate where scores are not known
    total: float  # of the rates that points are proposed by: s, or α tr L
    score: np.ndarray  # (n,), or empty
    cumulative: np.ndarray  # of what points are proposed by, or empty: all alike
    r: float = 0.0

    @property
    def lazy(self) -> bool:
        return len(self.score) == 0

    @property
    def offset(self) -> float:
        """z − ℓ."""
        x = self.alpha * self.mu
        return float((x / (1 + x) - np.log1p(x)).sum())


class Reference:
    """The span of the landmarks and the eigenvalues of C in it; a plan for any α comes from this."""

    def __init__(self, kernel, X, diag, D, rng):
        self.kernel, self.X, self.diag = kernel, X, diag
        n = len(X)
        self.trace = float(diag.sum())
        self.landmarks = np.ascontiguousarray(X[D])
        self.sample = np.arange(n) if n <= SAMPLE else np.sort(rng.choice(n, SAMPLE, replace=False))
        lam, U = np.linalg.eigh(kernel(self.landmarks, self.landmarks))
        kept = lam > 1e-12 * lam[-1]
        W = U[:, kept] / np.sqrt(lam[kept])
        G, outside = np.zeros((W.shape[1], W.shape[1])), 0.0
        for rows in _blocks(len(self.sample)):
            points = self.sample[rows]
            phi = kernel(X[points], self.landmarks) @ W
            G += phi.T @ phi
            outside += float(np.maximum(diag[points] - np.einsum("ij,ij->i", phi, phi), 0).sum())
        scale = n / len(self.sample)
        mu, V = np.linalg.eigh(G)
        real = mu > 1e-13 * mu[-1]
        self.mu, self.W = scale * mu[real], np.ascontiguousarray(W @ V[:, real])
        self.outside = scale * outside if scale * outside > 1e-10 * self.trace else 0.0
        self.rank = np.inf if self.outside else int(np.count_nonzero(self.mu > 1e-12 * self.mu[-1]))

    def expected_size(self, alpha: float) -> float:
        return float((alpha * self.mu / (1 + alpha * self.mu)).sum() + alpha * self.outside)

    def scale_for(self, size: float) -> float:
        """α with so many points on average."""
        low = np.log(size / self.trace)  # expected_size(α) ≤ α tr L
        high = low + 1
        while self.expected_size(np.exp(high)) < size:
            high += high - low
        return float(np.exp(brentq(lambda a: self.expected_size(np.exp(a)) - size, low - 1e-6, high, xtol=1e-12)))

    def plan(self, alpha: float, lazy: bool, trial_size, max_trials: int) -> Plan:
        x = alpha * self.mu
        M = np.ascontiguousarray(self.W * np.sqrt(x / (1 + x)))
        least = 1 / (1 + x.max(initial=0))
        plan = Plan(alpha, self.landmarks, M, self.mu, least, 0.0, 0.0, np.empty(0), np.empty(0))
        if lazy:
            sample = self.scores(plan, self.sample)
            plan.s, plan.total = float(sample.sum()) * len(self.X) / len(sample), alpha * self.trace
            plan.cumulative = np.empty(0) if _constant(self.diag, 1.0) else np.cumsum(self.diag)
        else:
            plan.score = self.scores(plan)
            plan.cumulative = np.cumsum(plan.score)
            plan.s = plan.total = float(plan.cumulative[-1])
        plan.r = self._best_r(plan) if trial_size == "auto" else self._checked_r(plan, trial_size, max_trials)
        return plan

    def scores(self, plan: Plan, points=None) -> np.ndarray:
        """l_i of all points, or of some; a block of kernel rows at a time, threads sharing out blocks."""
        reference = plan.landmarks, plan.M, plan.alpha, plan.least
        if points is None and isinstance(self.X, ScatteredPoints):
            return self.X.each(_scores, self.kernel, *reference)
        n = len(self.X) if points is None else len(points)
        out = np.empty(n)

        def fill(rows):
            at = rows if points is None else points[rows]
            out[rows] = _scores(self.X[at], self.kernel, *reference, self.diag[at])

        blocks, threads = list(_blocks(n)), effective_n_jobs()
        if threads == 1 or len(blocks) == 1 or self.kernel.family is None:
            for rows in blocks:
                fill(rows)
        else:
            with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
                list(pool.map(fill, blocks))
        return out

    def _checked_r(self, plan: Plan, trial_size: float, max_trials: int) -> float:
        """r of the trial size q = r s; where it is too small, a set would take more trials than there may be."""
        r, s = trial_size / plan.s, plan.s
        log_accept = s + r * s * (1 - np.exp(min(1 / r, 700.0)))
        if log_accept < -np.log(max_trials):
            raise ValueError(
                f"trial_size must be larger: at {trial_size!r}, with scores that sum to {s:.3g}, "
                f"one trial in 10^{-log_accept / np.log(10):.3g} is accepted"
            )
        return r

    def _best_r(self, plan: Plan) -> float:
        """The r with the least time a set, (time of a trial) / P(accept): few points a trial, or few trials."""
        s = max(plan.s, 0.25)
        r = np.geomspace(0.25, max(s, 0.5), 200)
        t = r * np.exp(1 / r) * s
        d, (m, q) = self.X.shape[1], plan.M.shape
        seconds = START + PAIR * (d + 10) * t**2 + CUBE * t**3
        if plan.lazy:
            seconds += SCORE * m * (d + q) * t * plan.total / s
        log_accept = s + r * s - t
        return float(r[np.argmin(np.log(seconds + np.exp(log_accept) * SET * t**3) - log_accept)])


def _scores(X, kernel, landmarks, M, alpha, least, diag=None):
    H = kernel(X, landmarks) @ M
    d = kernel.diag(X) if diag is None else diag
    return alpha * np.maximum(d - np.einsum("ij,ij->i", H, H), least * d)


def _blocks(n: int):
    return (slice(first, min(first + ROWS, n)) for first in range(0, n, ROWS))


def _constant(a: np.ndarray, value: float) -> bool:
    return bool(a[0] == value and (a == value).all())
