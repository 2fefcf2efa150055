"""Factorizations from few products: the generalized Nyström approximation, interpolative decompositions.

One thread. ``generalized_nystrom`` with sparse sketches against the randomized range finder with a small SVD, on a
dense matrix with singular values ``10^(−i/20)``; ``interpolative`` against ``scipy.linalg.interpolative`` on a Gaussian
matrix with columns scaled by ``0.97^j``. The table says the errors of both; ours must be within 10 times the range
finder's, which looks at the matrix twice, and within 1.02 times SciPy's.
"""

from functools import partial

import numpy as np
from scipy.linalg.interpolative import interp_decomp

from benchmarks._pairs import Case, versioned
from sparsela.lowrank import generalized_nystrom, interpolative, randomized_svd


def cases(quick: bool):
    n, r = (400, 40) if quick else (3000, 300)
    A = decaying(n)
    ours = partial(generalized_nystrom, A, r, random_state=0)
    peer = partial(randomized_svd, A, r, method="power", n_iter=0, random_state=0)
    bar = None if quick else 1 / 0.35
    yield Case(f"Nyström, {n}², rank {r}", ours, peer, partial(near, A), "range finder and small SVD", bar=bar)
    m, n, r = (400, 200, 30) if quick else (3000, 1000, 100)
    X = np.random.default_rng(0).standard_normal((m, n)) * 0.97 ** np.arange(n)
    ours = partial(interpolative, X, r, random_state=0)
    peer = partial(scipy_id, X, r)
    name = f"interpolative, {m} × {n}, rank {r}"
    yield Case(name, ours, peer, partial(as_good, X), versioned("scipy"), bar=None if quick else 8.0)


def decaying(n):
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    return (U * 10.0 ** (-np.arange(n) / 20)) @ V.T


def near(A, ours, peer):
    found = ours.reconstruct(), (peer.U * peer.s) @ peer.Vt
    errors = [float(np.linalg.norm(A - B) / np.linalg.norm(A)) for B in found]
    assert errors[0] <= 10 * errors[1] + 1e-12, f"relative errors {errors[0]:.1e} and {errors[1]:.1e}"
    return f"relative errors {errors[0]:.0e} and {errors[1]:.0e}"


def scipy_id(X, r):
    order, coefficients = interp_decomp(X, r, rng=np.random.default_rng(0))
    return order[:r], np.hstack([np.eye(r), coefficients])[:, np.argsort(order)]


def as_good(X, ours, peer):
    errors = [float(np.linalg.norm(X - X[:, J] @ C)) for J, C in (tuple(ours), peer)]
    assert errors[0] <= 1.02 * errors[1], f"errors {errors[0]:.4g} and {errors[1]:.4g}"
    return f"errors {errors[0]:.4g} and {errors[1]:.4g}"
