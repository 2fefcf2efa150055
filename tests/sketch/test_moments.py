"""Exact second moments of every sketch: k Var‖Sx‖² of a unit vector x, over seeds."""

import numpy as np
import pytest

from sparsela.sketch import SketchOperator, fast_jl_density

D_, K = 300, 64
PADDED = 512
SEEDS = 12_000  # the relative standard error of a variance is about √(2/n), and more for heavy tails


def unit(n_nonzeros):
    x = np.zeros(D_)
    x[7 : 7 + 7 * n_nonzeros : 7] = np.linspace(1, 2, n_nonzeros)
    return x / np.linalg.norm(x)


def theory(kind, params, m4):
    if kind == "gaussian":
        return 2
    if kind == "sparse_sign":
        return 2 + (1 / params["density"] - 3) * m4
    if kind in ("countsketch", "sparse_embedding"):
        return 2 * (1 - m4)
    if kind == "srht":
        return 2 * (1 - m4) * (PADDED - K) / (PADDED - 1)
    fourth = 1 if params.get("entries") == "sign" else 3
    q = params["density"]
    return 2 + (fourth / q - 3) * (3 - 2 * m4) / PADDED


CASES = [
    ("gaussian", {}, 1500),
    ("sparse_sign", {"density": D_**-0.5}, SEEDS),
    ("sparse_sign", {"density": 1 / 3}, 1500),
    ("sparse_sign", {"density": 0.02}, SEEDS),
    ("countsketch", {}, SEEDS),
    ("sparse_embedding", {"n_nonzeros": 8}, SEEDS),
    ("srht", {}, 6000),
    ("fast_jl", {"density": 10 / PADDED}, 3000),
    ("fast_jl", {"density": 10 / PADDED, "entries": "sign"}, 3000),
]


@pytest.mark.parametrize(("kind", "params", "seeds"), CASES)
@pytest.mark.parametrize("n_nonzeros", [5, 40])
def test_second_moment(kind, params, seeds, n_nonzeros):
    x = unit(n_nonzeros)
    m4 = (x**4).sum()
    ids = np.flatnonzero(x)
    first, last = ids[0], ids[-1] + 1
    if kind in ("srht", "fast_jl"):
        draws = [SketchOperator(kind, K, D_, random_state=s, **params).apply(x[None])[0] for s in range(seeds)]
    else:  # the columns that x meets: each is a function of (seed, id) alone
        draws = [
            SketchOperator(kind, K, D_, random_state=s, **params).columns(first, last) @ x[first:last]
            for s in range(seeds)
        ]
    norms = (np.array(draws) ** 2).sum(axis=1)
    error = norms.std() / np.sqrt(seeds)
    assert abs(norms.mean() - 1) < 5 * error
    square = (norms - 1) ** 2
    assert abs(K * square.mean() - theory(kind, params, m4)) < 5 * K * square.std() / np.sqrt(seeds)
    assert abs(K * square.mean() / theory(kind, params, m4) - 1) < 0.1 + 0.1 * (seeds < 5000)


@pytest.mark.slow
@pytest.mark.parametrize(("s", "spread"), [(1, 1.03), (4, 1.11), (16, 1.10), (1024, 1.16)])
def test_fast_jl_fails_as_rarely_as_the_paper_says(s, spread):
    D, k, eps = 1024, 600, 0.25
    q = fast_jl_density(D, 10_000, eps=eps)
    x = np.zeros((1, D))
    x[0, :s] = s**-0.5
    norms = np.array(
        [(SketchOperator("fast_jl", k, D, random_state=i, density=q).apply(x) ** 2).sum() for i in range(2000)]
    )
    assert (np.abs(norms - 1) > eps).sum() <= 2
    assert abs(norms.std() / np.sqrt(2 / k) - spread) < 0.05 + 0.08 * (s == 1024)
