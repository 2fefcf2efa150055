"""Butterfly factorization.

The factors of a matrix on fixed butterfly supports, and with unknown orders of rows and columns. The peers are
pyfaust's two factorizations: ``fact.butterfly`` (compiled, balanced tree) and ``fact.fdb`` (NumPy, the one with the
bound on the error), on matrices that are butterflies and on one that is none. Both sides must reach the same error. No
peer finds the orders of rows and columns: there only growth is measured.
"""

import contextlib
import io
import warnings
from functools import partial

import numpy as np
from scipy.linalg import hadamard

from benchmarks._pairs import Case, Growth, versioned
from sparsela.transforms import butterfly_factorization


def cases(quick: bool):
    faust = fact()
    n = 128 if quick else 1024
    rng = np.random.default_rng(0)
    matrices = {"Hadamard": hadamard(n) / np.sqrt(n), "Gaussian": rng.standard_normal((n, n))}
    for name, A in matrices.items():
        same = partial(same_error, A)
        for ours_tree, theirs in (("balanced", "bbtree"), ("left-to-right", "left")):
            ours = partial(butterfly_factorization, A, tree=ours_tree, orthonormalize=False)
            peer = partial(quietly, faust.butterfly, A, theirs)
            bar = 3.0 if ours_tree == "balanced" and name == "Hadamard" else None
            yield Case(f"{name}, n = {n}, {ours_tree}", ours, peer, same, f"{faust_name()} butterfly", bar=bar)
        for tree in ("balanced", "left-to-right"):
            ours = partial(butterfly_factorization, A, tree=tree)
            depth = n.bit_length() - 1
            peer = partial(quietly, faust.fdb, A, n_factors=depth, hierarchical_order=tree)
            bar = 3.0 if name == "Hadamard" else None
            yield Case(f"{name}, n = {n}, {tree}, bound", ours, peer, same, f"{faust_name()} fdb", bar=bar)

    def unshuffle(size):
        H, shuffle = hadamard(size) / np.sqrt(size), np.random.default_rng(1).permutation(size)
        return partial(butterfly_factorization, H[shuffle][:, shuffle[::-1]], permutation="auto")

    sizes = [64, 128, 256] if quick else [128, 256, 512, 1024]
    yield Growth('permutation="auto", n', sizes, unshuffle, bar=3.0)
    yield Growth("n", sizes, lambda size: partial(butterfly_factorization, hadamard(size) / np.sqrt(size)), bar=2.3)


def fact():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyfaust import fact
    return fact


def quietly(call, *arguments, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*arguments, **options)


def faust_name() -> str:
    return versioned("pyfaust")


def same_error(A, ours, peer) -> str:
    length = np.linalg.norm(A)
    a, b = np.linalg.norm(A - ours.operator.toarray()) / length, np.linalg.norm(A - peer.toarray()) / length
    assert a <= b * 1.02 + 1e-12, f"error {a:.3e} against {b:.3e}"
    return f"error {a:.1e}, theirs {b:.1e}"
