"""The lasso.

20,000 centred 8×8 patches of ``china.jpg`` over 256 atoms, one thread, codes as CSR, at three penalties. The
objectives of both sides agree to nine digits (six for scikit-learn's coordinate descent, which stops on its own rule
and codes 1,000 patches, its LARS 300). The floor is the product X Dᵀ.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from benchmarks._patches import china_patches, columns
from benchmarks.coding.omp import dense
from sparsela.coding import batch_lasso


def cases(quick: bool):
    import spams

    X, D = china_patches(2_000 if quick else 20_000)
    name = versioned("spams-bin").replace("-bin", "")
    Xf, Df = columns(X), columns(D)
    for alpha, bar in ((0.05, 1.3), (0.1, 1.5), (0.2, 2.0)):
        yield Case(
            f"alpha = {alpha}",
            partial(batch_lasso, X, D, alpha=alpha, sparse_output=True),
            partial(spams.lasso, Xf, Df, lambda1=alpha, mode=spams.PENALTY, numThreads=1),
            partial(same_objective, X, D, alpha, rtol=1e-9),
            name,
            bar=bar,
            floor=partial(np.matmul, X, D.T),
            floor_name="X Dᵀ",
        )
    yield Case(
        "alpha = 0.1, 2 threads",
        partial(batch_lasso, X, D, alpha=0.1, sparse_output=True),
        partial(spams.lasso, Xf, Df, lambda1=0.1, mode=spams.PENALTY, numThreads=2),
        partial(same_objective, X, D, 0.1, rtol=1e-9),
        name,
        threads=2,
    )
    for algorithm, n, bar in (("lasso_cd", 1_000, 10.0), ("lasso_lars", 300, 40.0)):
        some = X[: n // 10 if quick else n]
        yield Case(
            f"alpha = 0.1, {algorithm}",
            partial(batch_lasso, some, D, alpha=0.1, sparse_output=True),
            partial(scikit_learn, some, D, algorithm),
            partial(same_objective, some, D, 0.1, rtol=1e-4 if algorithm == "lasso_cd" else 1e-6),
            versioned("scikit-learn"),
            bar=bar,
        )

    def grow(size):
        return partial(batch_lasso, np.resize(X, (size, 64)), D, alpha=0.1, sparse_output=True)

    yield Growth("alpha = 0.1, n_samples", [len(X) // 2, len(X), 2 * len(X), 4 * len(X)], grow, bar=1.1)


def scikit_learn(X, D, algorithm):
    from sklearn.decomposition import sparse_encode

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sparse_encode(X, D, algorithm=algorithm, alpha=0.1, max_iter=1000)


def same_objective(X, D, alpha, ours, peer, *, rtol) -> str:
    shape = (len(X), len(D))
    a, b = (objective(X, D, dense(c, shape), alpha) for c in (ours, peer))
    assert a <= b * (1 + rtol), f"objective {a:.12g} against {b:.12g}"
    assert b <= a * (1 + rtol) or rtol < 1e-3, f"the peer's objective {b:.12g} against {a:.12g}"
    return f"objective {a / b - 1:+.0e}"


def objective(X, D, C, alpha) -> float:
    return 0.5 * ((X - C @ D) ** 2).sum() + alpha * np.abs(C).sum()
