"""Predicted codes.

Codes of 4,000 held-out centred 8×8 patches of ``china.jpg`` (scaled to standard deviation 1) over 256 atoms, one
thread. Ours is the feed-forward prediction of ``PredictiveSparseDecomposition``, its predictor trained on 40,000 other
patches for 15 epochs over atoms that an online learner found; the peer solves the lasso at the same penalty, 0.5. These
are two answers of unequal quality: what each explains of the patches' variance stands in the column of agreement, and
tanh must keep nine tenths of what the exact codes explain, shrink (sparse codes) 85 %. The floor is the product X Wᵀ.
"""

from functools import partial

import numpy as np

from benchmarks._pairs import Case, versioned
from benchmarks._patches import china_patches, columns
from benchmarks.coding.omp import dense
from sparsela.coding import PredictiveSparseDecomposition
from sparsela.dictionary import OnlineDictionaryLearning

ALPHA = 0.5


def cases(quick: bool):
    import spams

    X, D = china_patches(4_000 if quick else 44_000)
    X = X / X.std()
    held_out, train = X[-4_000:] if not quick else X[-400:], X[:-4_000] if not quick else X[:-400]
    D = OnlineDictionaryLearning(len(D), alpha=ALPHA, max_iter=2, dict_init=D, random_state=0).fit(train).components_
    Xf, Df = columns(held_out), columns(D)
    for predictor, share in (("tanh", 0.9), ("shrink", 0.85)):
        model = PredictiveSparseDecomposition(
            alpha=ALPHA, predictor=predictor, dictionary=D, max_iter=8 if quick else 15, tol=0, random_state=0
        ).fit(train)
        yield Case(
            f"{predictor}, predicted against exact codes",
            partial(model.transform, held_out),
            partial(spams.lasso, Xf, Df, lambda1=ALPHA, mode=spams.PENALTY, numThreads=1),
            partial(kept, held_out, D, share=0 if quick else share),
            versioned("spams-bin").replace("-bin", ""),
            bar=20.0,
            floor=partial(np.matmul, held_out, model.predictor_weights_.T),
            floor_name="X Wᵀ",
        )


def kept(X, D, ours, peer, *, share: float) -> str:
    predicted, exact = (1 - ((X - dense(C, (len(X), len(D))) @ D) ** 2).sum() / (X**2).sum() for C in (ours, peer))
    assert predicted >= share * exact, f"explains {predicted:.3f}, exact codes {exact:.3f}"
    return f"explains {predicted:.3f} of {exact:.3f}"
