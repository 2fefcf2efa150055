"""Layers against the peers that have one.

float32, batch 128, one thread. The product of a sparse weight matrix against ``torch.nn.functional.linear`` (dense),
``torch.sparse.mm`` of a CSR tensor and a Numba loop that adds into the output row for each entry; oneMKL and SciPy
are in the benchmark of the core. The floor is the time in which the BLAS would do as many multiply-adds. Then a layer
of constant fan-in on one sample, 3072 inputs and 768 outputs at 90 % sparsity: indices of two bytes and no row
pointers against CSR in SciPy, oneMKL, PyTorch and our own kernel. Then what else is in a step: rows of a batch to
columns, and the update of the weights in one pass, both against NumPy.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy.sparse as sp

from benchmarks._pairs import Case, agree, versioned
from sparsela._core.sparse_backend import aligned_empty, available_backends, spmm
from sparsela._ext import train
from sparsela.nn import CondensedLinear, SparseLinear
from sparsela.nn._optim import Solver


def cases(quick: bool):
    close, batch, scale = partial(agree, rtol=1e-5), 128, 4 if quick else 1
    for m, n in ((1024 // scale, 1024 // scale), (1024 // scale, 3072 // scale)):
        for percent in (1, 5, 10):
            W, X = weights(m, n, percent / 100), aligned(n, batch)
            share = np.ones((max(1, W.nnz // n), n), np.float32)
            floor = {"floor": partial(np.matmul, share, X), "floor_name": "SGEMM's rate"}
            name, product = f"{m}×{n}, {percent} %", partial(spmm, W, X)
            yield Case(name, product, torch_linear(W, X), close, torch("linear, dense"), **floor)
            yield Case(name, product, torch_csr(W, X), close, torch("sparse.mm, CSR"))
            yield Case(name, product, numba_loop(W, X), close, "Numba, a row at a time")

    layer = SparseLinear(3072 // scale, 768 // scale, density=0.1, kind="constant_fan_in", random_state=0)
    small, W, x = CondensedLinear.from_sparse_linear(layer), layer.weight, aligned(3072 // scale, 1)
    flat, name, one = x[:, 0].copy(), "one sample, constant fan-in", partial(agree, rtol=1e-5)
    yield Case(name, lambda: small.forward(flat), lambda: W @ flat, one, "SciPy CSR", bar=1.7)
    yield Case(name, lambda: small.forward(x), partial(spmm, W, x), one, "our CSR", bar=1.7)
    yield Case(name, lambda: small.forward(x), torch_csr(W, x), one, torch("sparse.mm, CSR"), bar=1.7)
    if "mkl" in available_backends():
        yield Case(name, lambda: small.forward(x), partial(spmm, W, x, backend="mkl"), one, "oneMKL CSR", bar=1.7)

    X = np.random.default_rng(0).standard_normal((5000 // scale, 3072 // scale), np.float32)
    ids, out = np.random.default_rng(1).permutation(len(X))[:100], aligned(X.shape[1], 112)
    yield Case(
        "rows to columns, 100×3072",
        lambda: (train.gather(X, ids, out, 1), out[:, :100])[1],
        lambda: np.ascontiguousarray(X[ids].T),
        partial(agree, rtol=0),
        "NumPy",
        bar=5.0,
    )
    n = 300_000 // scale
    for rule in ("nesterov", "adam"):
        yield Case(f"update, {rule}, {n} weights", update(rule, n), update_numpy(rule, n), close, "NumPy")


def weights(m, n, density) -> sp.csr_array:
    W = sp.random_array((m, n), density=density, format="csr", dtype=np.float32, rng=np.random.default_rng(0))
    W.sort_indices()
    return W


def aligned(n, batch):
    X = aligned_empty((n, batch), np.float32)
    X[...] = np.random.default_rng(0).standard_normal(X.shape)
    return X


def torch(what: str) -> str:
    try:
        return f"{versioned('torch')}, {what}"
    except ImportError:
        return f"torch, {what}"


def torch_linear(W, X):
    made = []

    def call():
        versioned("torch")
        import torch

        if not made:
            made.extend([torch.from_numpy(X.T.copy()), torch.from_numpy(W.toarray())])
        with torch.no_grad():
            return torch.nn.functional.linear(*made).numpy().T

    return call


def torch_csr(W, X):
    made = []

    def call():
        versioned("torch")
        import warnings

        import torch

        if not made:
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            parts = [torch.from_numpy(part.astype(np.int64)) for part in (W.indptr, W.indices)]
            made.append(torch.sparse_csr_tensor(*parts, torch.from_numpy(W.data.copy()), size=W.shape))
            made.append(torch.from_numpy(np.ascontiguousarray(X)))
        with torch.no_grad():
            return torch.sparse.mm(*made).numpy()

    return call


def numba_loop(W, X):
    from numba import njit

    @njit(fastmath=True)
    def product(indptr, indices, data, X, Z):
        for i in range(Z.shape[0]):
            for k in range(indptr[i], indptr[i + 1]):
                w, j = data[k], indices[k]
                for c in range(Z.shape[1]):
                    Z[i, c] += w * X[j, c]
        return Z

    return lambda: product(W.indptr, W.indices, W.data, X, np.zeros((W.shape[0], X.shape[1]), np.float32))


def _update_problem(n):
    return np.random.default_rng(0).standard_normal((2, n)).astype(np.float32)


def update(rule, n):
    w, g = _update_problem(n)
    solver = Solver(rule)
    state = solver.state(w)

    def call():
        solver.begin(1e-6)
        solver.update(w, g, state, 1e-4)
        return w

    return call


def update_numpy(rule, n):
    w, g = _update_problem(n)
    m, v, t = np.zeros_like(w), np.zeros_like(w), [0]

    def call():
        nonlocal w, m, v
        G = g + np.float32(1e-4) * w
        if rule == "nesterov":
            m = 0.9 * m - 1e-6 * G
            w += 0.9 * m - 1e-6 * G
        else:
            t[0] += 1
            m = 0.9 * m + 0.1 * G
            v = 0.999 * v + 0.001 * G**2
            rate = 1e-6 * np.sqrt(1 - 0.999 ** t[0]) / (1 - 0.9 ** t[0])
            w -= rate * m / (np.sqrt(v) + 1e-8)
        return w

    return call
