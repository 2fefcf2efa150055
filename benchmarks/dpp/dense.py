"""Samples of dense determinantal processes, against DPPy.

One thread. Gaussian kernel on 2000 points in three dimensions. The eigendecomposition, or the marginal kernel for the
samplers by Cholesky, is made before on both sides; a call draws one set, with a new seed each time. Both sides must
agree with the exact mean size, to six standard errors of twenty sets. The floor of greedy_map is the products of its
matrix with a vector, one a step.
"""

from itertools import count

import numpy as np

from benchmarks._pairs import Case, versioned
from sparsela.dpp import DPP, KDPP, greedy_map


def cases(quick: bool):
    n = 400 if quick else 2000
    X = np.random.default_rng(0).normal(size=(n, 3))
    L = np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=-1)) + 1e-9 * np.eye(n)
    ours = DPP(L, check=False)
    lam, V = np.linalg.eigh(L)
    lam = lam.clip(0)
    K = ours.marginal_kernel()
    mean, sd = (lam / (1 + lam)).sum(), np.sqrt((lam / (1 + lam) ** 2).sum())
    ours.sample(2)
    seeds = count()

    def peer(mode, **kernel):
        versioned("dppy")
        from dppy.finite_dpps import FiniteDPP

        process = FiniteDPP(*kernel.pop("kind"), **kernel)
        rng = np.random.RandomState(0)
        return lambda: process.sample_exact(mode=mode, random_state=rng)

    def same_law(a, b):
        del a, b
        for sampler in (spectral, theirs):
            gap = (np.mean([len(sampler()) for _ in range(20)]) - mean) / (sd / np.sqrt(20))
            assert abs(gap) < 6, f"mean size {gap:.1f} standard errors off"
        return f"mean sizes of 20 sets within 6 standard errors of {mean:.1f}"

    def spectral():
        return ours.sample(1, method="spectral", random_state=next(seeds))[0]

    theirs = peer("GS", kind=("likelihood",), L_eig_dec=(lam, V))
    yield Case(f"a set by eigenvectors, n = {n}", spectral, theirs, same_law, versioned("dppy"), bar=3.0)

    fresh = DPP(K=K, check=False)
    by_cholesky = peer("Chol", kind=("correlation",), K=K)

    def same_size(a, b):
        for S in (a[0], b):
            assert abs(len(S) - mean) < 7 * sd, f"{len(S)} items, {mean:.1f} on average"
        return f"{len(a[0])} and {len(b)} items for {mean:.1f} on average"

    yield Case(
        f"a set by Cholesky from K, n = {n}",
        lambda: fresh.sample(1, method="cholesky", random_state=next(seeds)),
        by_cholesky,
        same_size,
        versioned("dppy"),
        bar=25.0,
    )

    k = 20
    by_size = KDPP(k, L)
    by_size.sample(1)
    theirs_by_size = k_dpp(lam, V, k)
    yield Case(
        f"a set of {k}, n = {n}",
        lambda: by_size.sample(1, random_state=next(seeds))[0],
        theirs_by_size,
        lambda a, b: f"{len(a)} and {len(b)} items",
        versioned("dppy"),
    )

    n = 10_000 if quick else 100_000
    B = np.random.default_rng(0).normal(size=(n, 64))

    def products():
        for j in range(50):
            B @ B[j]

    def plain():
        """The same greedy in NumPy: residuals of all rows, orthogonalised after each choice."""
        R, chosen = B.copy(), []
        for _ in range(50):
            j = int(np.argmax(np.einsum("ij,ij->i", R, R)))
            q = R[j] / np.linalg.norm(R[j])
            R -= np.outer(R @ q, q)
            chosen.append(j)
        return chosen

    def same(a, b):
        assert a.tolist() == b
        return "the same 50 items in the same order"

    yield Case(
        f"greedy_map, n = {n}, 50 items, factor of 64 columns",
        lambda: greedy_map(factor=B, max_size=50),
        plain,
        same,
        "NumPy, residuals of all rows",
        products,
        "50 products B b",
    )


def k_dpp(lam, V, k):
    versioned("dppy")
    from dppy.finite_dpps import FiniteDPP

    process, rng = FiniteDPP("likelihood", L_eig_dec=(lam, V)), np.random.RandomState(0)
    return lambda: process.sample_exact_k_dpp(size=k, random_state=rng)
