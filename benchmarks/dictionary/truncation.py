"""Binary sparse coding by expectation truncation.

Bars: 1,000 samples of 5 × 5 pixels, 10 causes, 8 candidates, at most 5 on (221 states a sample), one thread; ten EM
steps from the same parameters, at T = 1, with all samples and with a data cut. The peer is a plain NumPy step in the
same Gram form, all states of all samples as arrays and matrix products for the sums; both must reach the same W.
ProSper, the reference implementation, does not run on NumPy 1.24 or later; published, not measured here: 136-144 ms for
one of its steps at this size, on one core. A step of ours is a tenth of what the table shows.
"""

from functools import partial
from itertools import combinations

import numpy as np

from benchmarks._pairs import Case, Growth, agree
from sparsela.dictionary import BinarySparseCoding, MaximalCausesAnalysis, SpikeSlabSparseCoding

H, CANDIDATES, ACTIVE, STEPS = 10, 8, 5, 10


def cases(quick: bool):
    X, start = bars(1_000)
    check = partial(agree, rtol=1e-7, what="W differs by")
    for name, cut in (("10 EM steps", 0.0), ("10 EM steps, data cut", 1.0)):
        ours, peer = partial(learn, BinarySparseCoding, X, start, cut), partial(plain_em, X, start, cut)
        yield Case(name, ours, peer, check, "plain NumPy")
    sizes = [1_000, 2_000, 4_000] if quick else [2_000, 4_000, 8_000, 16_000]
    for model in (BinarySparseCoding, SpikeSlabSparseCoding, MaximalCausesAnalysis):
        name = f"{model.__name__}, 10 EM steps, n_samples"
        yield Growth(name, sizes, lambda n, model=model: partial(learn, model, *bars(n), 0.0), bar=1.1)


def bars(n_samples):
    """Sums of bars of height 10 with noise of 2, and parameters to start from: bars and noise."""
    rng = np.random.default_rng(0)
    W = np.zeros((H, 5, 5))
    for i in range(5):
        W[i, i] = W[5 + i, :, i] = 10
    W = W.reshape(H, 25)
    X = (rng.random((n_samples, H)) < 0.2) @ W + 2 * rng.standard_normal((n_samples, 25))
    return X, {"W": np.maximum(W + 3 * rng.standard_normal(W.shape), 0.1), "pi": 0.15, "sigma": 3.0}


def learn(model, X, start, cut):
    annealing = {"cut": [(0, cut)]}
    options = {"n_candidates": CANDIDATES, "max_active": ACTIVE, "annealing": annealing, "init": start}
    return model(H, n_steps=STEPS, **options).fit(X).components_


def plain_em(X, start, cut):
    W, pi, sigma = start["W"], start["pi"], start["sigma"]
    n, D = X.shape
    sizes = range(2, ACTIVE + 1)
    S = np.array([np.isin(range(CANDIDATES), c) for k in sizes for c in combinations(range(CANDIDATES), k)], float)
    pairs = (S[:, :, None] * S[:, None, :]).reshape(len(S), -1)
    energy = np.einsum("nd,nd->n", X, X)
    for step in range(STEPS + 1):  # as many E-steps as ours: the last is for the free energy
        G, A = W @ W.T, X @ W.T
        candidates = np.sort(np.argpartition(-A / np.sqrt(np.diag(G)), CANDIDATES - 1, axis=1)[:, :CANDIDATES], axis=1)
        a = np.take_along_axis(A, candidates, axis=1)
        Gc = G[candidates[:, :, None], candidates[:, None, :]].reshape(n, -1)
        odds, precision = np.log(pi / (1 - pi)), 1 / sigma**2
        F = np.hstack(
            [
                np.zeros((n, 1)),
                odds + precision * (A - 0.5 * np.diag(G)),
                odds * S.sum(axis=1) + precision * (a @ S.T - 0.5 * Gc @ pairs.T),
            ]
        )
        top = F.max(axis=1, keepdims=True)
        q = np.exp(F - top)
        z = q.sum(axis=1, keepdims=True)
        q /= z
        log_z = (top + np.log(z))[:, 0] - 0.5 * precision * energy
        p = np.zeros(ACTIVE + 1)
        p[0] = 1
        for _ in range(H):
            p[1:], p[0] = p[1:] * (1 - pi) + p[:-1] * pi, p[0] * (1 - pi)
        size = int(n * (1 - (1 - p.sum()) * cut))
        used = np.argpartition(-log_z, size - 1)[:size]
        if step == STEPS:
            break
        q, c, Y = q[used], candidates[used], X[used]
        s, ss = q[:, 1 : H + 1].copy(), np.zeros((H, H))
        many = q[:, H + 1 :]
        np.put_along_axis(s, c, np.take_along_axis(s, c, axis=1) + many @ S, axis=1)
        np.add.at(ss, (c[:, :, None], c[:, None, :]), (many @ pairs).reshape(-1, CANDIDATES, CANDIDATES))
        np.fill_diagonal(ss, s.sum(axis=0))
        cross = s.T @ Y
        W = np.linalg.solve(ss + 1e-10 * ss.max() * np.eye(H), cross)
        pi = p.sum() / (p @ np.arange(ACTIVE + 1)) * pi * s.sum() / size
        sigma = np.sqrt((energy[used].sum() - 2 * np.vdot(W, cross) + np.vdot(W @ W.T, ss)) / (size * D))
    return W
