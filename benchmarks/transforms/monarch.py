"""Monarch matrices.

The projection against the one-liner that NumPy offers, a reshape and a batched SVD; products against the dense matrix
and against the same two ``einsum`` calls that one would write by hand.
"""

import operator
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, agree
from sparsela.transforms import MonarchOperator, monarch_project


def cases(quick: bool):
    rng = np.random.default_rng(0)
    n = 256 if quick else 1024
    side = int(np.sqrt(n))
    for name, A in {"Gaussian": rng.standard_normal((n, n)), "Fourier": fourier(n, side)}.items():
        for rank in (1, 2):
            ours, peer = partial(monarch_project, A, rank=rank), partial(by_numpy, A, side, rank)
            check = partial(same_error, A, allowed=1e-12)
            yield Case(f"project, {name}, n = {n}, rank {rank}", ours, peer, check, "NumPy, batched SVD", bar=1.0)
    n = 1024 if quick else 4096
    side = int(np.sqrt(n))
    left, right = rng.standard_normal((2, side, side, side))
    M, X = MonarchOperator(left, right), rng.standard_normal((n, 256))
    dense, product = M.toarray(), partial(operator.matmul, M, X)
    close, name = partial(agree, rtol=1e-12), f"multiply, n = {n}, batch 256"
    yield Case(name, product, partial(np.matmul, dense, X), close, "NumPy, dense", bar=5.0)
    yield Case(name, product, partial(by_einsum, left, right, X), close, "NumPy, einsum")
    x = X[:, 0].copy()
    yield Case(
        f"multiply, n = {n}, a vector", partial(M.matvec, x), partial(np.matmul, dense, x), close, "NumPy, dense"
    )

    def grow(size):
        blocks = np.random.default_rng(0).standard_normal((2, int(np.sqrt(size)), *(int(np.sqrt(size)),) * 2))
        return partial(operator.matmul, MonarchOperator(*blocks), np.ones((size, 64)))

    yield Growth("multiply, n, batch 64 (n √n)", [256, 1024, 4096] if quick else [1024, 4096, 16384], grow, bar=1.75)


def fourier(n, side):
    return np.fft.fft(np.eye(n))[:, np.arange(n).reshape(side, -1).T.ravel()]


def by_numpy(A, side, rank):
    T = A.reshape(side, side, side, side).transpose(1, 2, 0, 3)  # [q, k, l, p]
    U, s, V = np.linalg.svd(T, full_matrices=False)
    return (U[..., :rank] * s[..., None, :rank] @ V[..., :rank, :]).transpose(2, 0, 1, 3).reshape(A.shape)


def by_einsum(left, right, X):
    side = len(left)
    Z = np.einsum("hjc,hcb->jhb", right, X.reshape(side, side, -1), optimize=True)
    return np.einsum("jih,jhb->ijb", left, Z, optimize=True).reshape(len(X), -1)


def same_error(A, ours, peer, *, allowed) -> str:
    a, b = np.linalg.norm(A - ours.toarray()), np.linalg.norm(A - peer)
    assert abs(a - b) <= allowed * np.linalg.norm(A), f"error {a:.15g} against {b:.15g}"
    return f"error {a / np.linalg.norm(A):.1e}"
