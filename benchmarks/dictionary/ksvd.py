"""K-SVD and MOD.

20,000 centred 8×8 patches of ``china.jpg``, 256 atoms from the same 256 patches, 5 atoms a patch, one thread. The
unit is one coding pass of SPAMS (``omp``, L = 5): five iterations of ours, each a coding and an update of all atoms,
are timed against five such passes. Against dictlearn and ksvd, the same number of approximate K-SVD iterations; the
error that ours reaches is at most 2 % larger.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from benchmarks._patches import N_ATOMS, china_patches, columns
from sparsela.coding import batch_omp
from sparsela.dictionary import KSVD, MOD


def cases(quick: bool):
    import spams

    X, D0 = china_patches(4_000 if quick else 20_000)
    Xf, Df = columns(X), columns(D0)

    def passes(n):
        return [spams.omp(Xf, Df, L=5, numThreads=1) for _ in range(n)][-1]

    name = versioned("spams-bin").replace("-bin", "") + ", coding only"
    check = partial(lower_error, X, D0)
    yield Case("K-SVD, 5 iterations", partial(learn, KSVD, X, D0, 5), partial(passes, 5), check, name, bar=1 / 1.2)
    yield Case("MOD, 5 iterations", partial(learn, MOD, X, D0, 5), partial(passes, 5), check, name)
    exact = partial(learn, partial(KSVD, method="exact"), X, D0, 2)
    note = "The peer only codes; ours also takes a singular value decomposition for each atom."
    yield Case("exact K-SVD, 2 iterations", exact, partial(passes, 2), check, name, note=note)
    yield from other_libraries(X[: len(X) // 4], D0)

    def grow(size):
        return partial(learn, KSVD, np.resize(X, (size, 64)), D0, 5)

    yield Growth("K-SVD, 5 iterations, n_samples", [len(X) // 2, len(X), 2 * len(X), 4 * len(X)], grow, bar=1.1)


def other_libraries(X, D0):
    import dictlearn
    import ksvd

    def with_dictlearn():
        model = dictlearn.DictionaryLearning(
            N_ATOMS, fit_algorithm="aksvd", n_nonzero_coefs=5, max_iter=3, dict_init=D0.copy(), random_state=0
        )
        return model.fit(X).components_

    def with_ksvd():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.random.seed(0)  # noqa: NPY002 - its only seed
            return ksvd.ApproximateKSVD(N_ATOMS, max_iter=2, tol=0, transform_n_nonzero_coefs=5).fit(X).components_

    check = partial(same_error, X)
    ours = partial(learn, KSVD, X, D0, 3)
    yield Case("K-SVD, 3 iterations", ours, with_dictlearn, check, versioned("dictlearn"), bar=3.0)
    ours = partial(learn, KSVD, X, D0, 2)
    yield Case("K-SVD, 2 iterations", ours, with_ksvd, check, versioned("ksvd"), bar=25.0)


def learn(learner, X, D0, n_iter):
    return (
        learner(N_ATOMS, n_nonzero_coefs=5, max_iter=n_iter, stop_tol=0, dict_init=D0, random_state=0)
        .fit(X)
        .components_
    )


def error(X, D) -> float:
    D = np.ascontiguousarray(D / np.linalg.norm(D, axis=1, keepdims=True))
    return float(batch_omp(X, D, n_nonzero_coefs=5, sparse_output=True, return_residual=True)[1].sum())


def lower_error(X, D0, ours, peer) -> str:
    before, after = error(X, D0), error(X, ours)
    assert after < before, f"squared residual {after:.5g}, {before:.5g} before"
    return f"residual {after / before - 1:+.1%}"


def same_error(X, ours, peer) -> str:
    a, b = error(X, ours), error(X, peer)
    assert a <= 1.02 * b, f"squared residual {a:.5g} against {b:.5g}"
    return f"residual {a / b - 1:+.1%}"
