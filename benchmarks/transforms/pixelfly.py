"""Pixelated butterflies.

The product with a sparse matrix on a flat block butterfly pattern against the dense product, SciPy's own product of the
BSR array and of its CSR form; and the fit against the plain alternation with LAPACK's SVD, to within 1.5 % of the same
error.
"""

import operator
from functools import partial

import numpy as np
import scipy.sparse as sp
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits

from benchmarks._pairs import Case, agree
from sparsela.transforms import FactorizedOperator, flat_block_butterfly_mask, pixelfly_fit


def cases(quick: bool):
    rng = np.random.default_rng(0)
    n, batch = (1024, 64) if quick else (4096, 256)
    X, close = rng.standard_normal((n, batch)), partial(agree, rtol=1e-12)
    mask = flat_block_butterfly_mask(n, n, block_size=32, n_global=2)
    B = sp.bsr_array((rng.standard_normal(mask.data.shape), mask.indices, mask.indptr), shape=mask.shape)
    A, name = FactorizedOperator([B]), f"sparse part, n = {n}, density {mask.nnz / n**2:.2f}, batch {batch}"
    product = partial(operator.matmul, A, X)
    yield Case(name, product, partial(np.matmul, B.toarray(), X), close, "NumPy, dense", bar=2.0)
    yield Case(name, product, partial(operator.matmul, B, X), close, "SciPy BSR")
    yield Case(name, product, partial(operator.matmul, B.tocsr(), X), close, "SciPy CSR")

    K = kernel(256)
    mask = flat_block_butterfly_mask(*K.shape, block_size=8, n_factors=1).toarray()
    rank = int((0.1 * K.size - mask.sum()) // (2 * len(K)))
    ours = partial(pixelfly_fit, K, block_size=8, n_factors=1, rank=rank)
    target = ours().residual_norm
    yield Case(
        f"fit, kernel of {len(K)} digits, rank {rank}",
        ours,
        partial(plain_alternation, K, mask, rank, target * 1.015),
        partial(as_good, K),
        "alternation with LAPACK's SVD",
        bar=1.0,
    )


def kernel(n):
    distances = pdist(load_digits().data[:n] / 16)
    order = leaves_list(linkage(distances, "average"))
    return np.exp(-(squareform(distances)[np.ix_(order, order)] ** 2) / 2)


def plain_alternation(A, mask, rank, target):
    L = np.zeros_like(A)
    for _ in range(300):
        U, s, V = np.linalg.svd(np.where(mask, L, A), full_matrices=False)
        L = (U[:, :rank] * s[:rank]) @ V[:rank]
        if np.linalg.norm((A - L)[~mask]) <= target:
            break
    return np.where(mask, A, L)


def as_good(A, ours, peer) -> str:
    a, b = ours.residual_norm, np.linalg.norm(A - peer)
    assert a <= b * (1 + 1e-6), f"error {a:.6g} against {b:.6g}"
    return f"error {a / np.linalg.norm(A):.4f}, theirs {b / np.linalg.norm(A):.4f}"
