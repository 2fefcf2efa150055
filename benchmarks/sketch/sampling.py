"""Coordinated samples against a linear sketch: the product of two sparse tables at equal error.

Tables of 5000 rows and 100 columns, four non-zeros a row, as in the paper. The sample has 400 rows of each; the peer is
``approx_matmul`` by a CountSketch that is large enough for the same error, whose storage is k rows of 100 numbers. What
is timed is the whole: both sketches, and the product from them.
"""

import numpy as np
import scipy.sparse as sp

from benchmarks._pairs import Case, Growth
from sparsela.sketch import approx_matmul, coordinated_sample, leverage_scores, product_from_samples

SIZE, K = 400, 460


def tables(n=5000):
    rng = np.random.default_rng(10)

    def table():
        return (rng.random((n, 100)) < 0.04) * rng.normal(size=(n, 100)) * np.exp(rng.normal(size=(n, 1)))

    A = table()
    return sp.csr_array(A), sp.csr_array(table() + 0.5 * A)


def cases(quick: bool):
    A, B = tables(1000 if quick else 5000)
    exact = (A.T @ B).toarray()
    scale = sp.linalg.norm(A) * sp.linalg.norm(B)
    seeds = range(10 if quick else 40)

    def sampled(seed=0):
        return product_from_samples(*(coordinated_sample(X, SIZE, random_state=seed) for X in (A, B)))

    def sketched(seed=0):
        return approx_matmul(A, B, K, kind="countsketch", random_state=seed)

    def check(*_):
        ours, peer = (np.sqrt(np.mean([np.linalg.norm(f(s) - exact) ** 2 for s in seeds])) for f in (sampled, sketched))
        assert ours <= 1.1 * peer, f"rms errors {ours / scale:.3f} and {peer / scale:.3f}"
        stored = coordinated_sample(A, SIZE, random_state=0).rows.nnz
        return f"rms {ours / scale:.3f}, {peer / scale:.3f} with {stored} and {100 * K} numbers"

    note = "The sample stores a fraction of the numbers for the same error; making it is slower."
    yield Case("AᵀB of sparse tables at equal error", sampled, sketched, check, "CountSketch", note=note)
    sizes = [2500, 5000] if quick else [10_000, 20_000, 40_000, 80_000]
    rng = np.random.default_rng(0)
    yield Growth("coordinated_sample, rows", sizes, lambda n: sample_of(rng.normal(size=(n, 20))), 1.15)
    yield leverage(2000 if quick else 20_000)


def sample_of(X):
    return lambda: coordinated_sample(X, 1000, random_state=0)


def leverage(n):
    A = np.random.default_rng(0).normal(size=(n, 200))

    def check(ours, peer):
        ratio = ours / peer
        assert ratio.min() >= 0.2 and ratio.max() <= 5, f"ratios {ratio.min():.2f} … {ratio.max():.2f}"
        return f"sketched over exact {ratio.min():.2f} … {ratio.max():.2f}"

    def ours():
        return leverage_scores(A, method="sketched", n_projections=80, sampling_factor=4, random_state=0)

    return Case(f"leverage scores, {n} × 200, sketched", ours, lambda: leverage_scores(A), check, "exact")
