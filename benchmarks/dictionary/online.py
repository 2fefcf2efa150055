"""Online dictionary learning.

One pass over 100,000 centred 8×8 patches of ``china.jpg`` in mini-batches, 256 atoms from the same 256 patches, alpha
= 0.1, one thread, against SPAMS's ``trainDL``; the mean lasso objective of 20,000 other patches must not be more than
1 % above the peer's. scikit-learn's ``MiniBatchDictionaryLearning`` passes over 5,000 (coordinate descent) and 1,000
(LARS).
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from benchmarks._patches import N_ATOMS, china_patches, columns
from sparsela.coding import batch_lasso
from sparsela.dictionary import OnlineDictionaryLearning

ALPHA = 0.1


def cases(quick: bool):
    import spams

    n = 4_000 if quick else 100_000
    patches, D0 = china_patches(n + 20_000)
    X, held_out = patches[:n], patches[n:]
    Xf, Df = columns(X), columns(D0)
    name = versioned("spams-bin").replace("-bin", "")
    for batch in (256, 1024):
        peer = partial(
            spams.trainDL,
            Xf,
            D=Df,
            mode=spams.PENALTY,
            lambda1=ALPHA,
            batchsize=batch,
            iter=-(-n // batch),
            numThreads=1,
            verbose=False,
        )
        check = partial(no_worse, held_out)
        yield Case(f"batches of {batch}", partial(learn, X, D0, batch), peer, check, name, bar=1 / 0.6)
    for algorithm, size, bar in (("cd", 5_000, 8.0), ("lars", 1_000, 50.0)):
        some = X[: size // 5 if quick else size]
        peer = partial(scikit_learn, some, D0, algorithm)
        check = partial(no_worse, held_out[:2000])
        yield Case(
            f"batches of 256, {algorithm}",
            partial(learn, some, D0, 256),
            peer,
            check,
            versioned("scikit-learn"),
            bar=bar,
        )

    def grow(size):
        return partial(learn, np.resize(X, (size, 64)), D0, 256)

    yield Growth("batches of 256, n_samples", [n // 8, n // 4, n // 2, n], grow, bar=1.1)


def learn(X, D0, batch):
    model = OnlineDictionaryLearning(N_ATOMS, alpha=ALPHA, batch_size=batch, max_iter=1, shuffle=False, dict_init=D0)
    return model.fit(X).components_


def scikit_learn(X, D0, algorithm):
    from sklearn.decomposition import MiniBatchDictionaryLearning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MiniBatchDictionaryLearning(
            N_ATOMS,
            alpha=ALPHA,
            batch_size=256,
            max_iter=1,
            shuffle=False,
            dict_init=D0.copy(),
            fit_algorithm=algorithm,
            tol=0,
            max_no_improvement=None,
        )
        return model.fit(X).components_


def no_worse(held_out, ours, peer) -> str:
    a, b = (objective(held_out, D if D.shape[0] == N_ATOMS else D.T) for D in (ours, peer))
    assert a <= 1.01 * b, f"objective {a:.5f} against {b:.5f}"
    return f"objective {a:.5f}, {b:.5f}"


def objective(X, D) -> float:
    D = np.ascontiguousarray(D)
    D = D / np.linalg.norm(D, axis=1, keepdims=True)
    C = batch_lasso(X, D, alpha=ALPHA, sparse_output=True)
    return (0.5 * ((X - C @ D) ** 2).sum() + ALPHA * abs(C).sum()) / len(X)
