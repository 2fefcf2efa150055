"""Coding over a fast dictionary.

5000 signals of 5 Walsh functions each, coded with 5 atoms by ``FastDictionaryLearning(structure="butterfly")``: by its
operator of log₂ n factors with 2 n numbers each, and by ``batch_omp`` over the same atoms as a dense matrix. Both form
the Gram matrix and go through the same kernel; the codes are equal.
"""

from functools import partial

import numpy as np
from scipy.linalg import hadamard

from benchmarks._pairs import Case
from sparsela.coding import batch_omp
from sparsela.dictionary import FastDictionaryLearning

SMALL = "Of so few atoms the dense product is cheaper than one pass a factor."


def cases(quick: bool):
    for n in (64, 256) if quick else (64, 256, 1024):
        X, model = learned(n, 500 if quick else 5000)
        dense = partial(batch_omp, X, model.components_, n_nonzero_coefs=5)
        name = f"n = {n}, gain {model.rcg_:.3g}"
        yield Case(name, partial(model.transform, X), dense, same, "the same atoms, dense", note=SMALL)


def learned(n: int, n_samples: int):
    """Signals, and the transform found from them; the start is at hand, so that it takes one round."""
    H, rng = hadamard(n) / np.sqrt(n), np.random.default_rng(0)
    C = rng.standard_normal((n_samples, n)) * (rng.random((n_samples, n)).argsort(axis=1) < 5)
    X = C @ H + 0.01 * rng.standard_normal((n_samples, n))
    model = FastDictionaryLearning(
        structure="butterfly",
        dict_init=H,
        init_max_iter=2,
        max_iter_global=2,
        transform_n_nonzero_coefs=5,
        random_state=0,
    )
    return X, model.fit(X)


def same(ours, peer) -> str:
    gap = float(np.abs(ours - peer).max() / np.abs(peer).max())
    assert gap <= 1e-9, f"codes differ by {gap:.1e} of the largest"
    return f"{gap:.0e}"
