"""Sparse times dense.

Random W of the sizes of a layer, float32, batch 128, one thread: the native kernel against oneMKL's
``mkl_sparse_s_mm`` (through the same door, so with the same checks of the input), SciPy's ``W @ X`` and the dense
product of NumPy. The sampled product ``sddmm`` has no peer in either library: the dense product and a gather is what
one writes without it. The floor is the dense product's own rate, the time in which the BLAS would do as many
multiply-adds as there are stored entries. Rows alone grow linearly; where columns grow too, X leaves the caches.
"""

import operator
from functools import partial

import numpy as np
import scipy.sparse as sp

from benchmarks._pairs import Case, Growth, agree
from sparsela._core.sparse_backend import aligned_empty, available_backends, column_companion, sddmm, spmm, spmm_t

SMALL = (
    "So small a product lasts tens of microseconds, half of which go into the checks of W and the array of the result."
)


def cases(quick: bool):
    batch = 128
    scale = 4 if quick else 1
    has_mkl = "mkl" in available_backends()
    close = partial(agree, rtol=1e-5)
    for m, n in ((1024 // scale, 1024 // scale), (1024 // scale, 3072 // scale)):
        for percent in (1, 5, 10):
            W, X, dense = layer(m, n, percent / 100, batch)
            name = f"{m}×{n}, {percent} %"
            native = partial(spmm, W, X)
            # as many multiply-adds by the BLAS: a dense product with as many rows as W has entries a column
            share = np.ascontiguousarray(dense[: max(1, W.nnz // n)])
            floor = {"floor": partial(np.matmul, share, X), "floor_name": "SGEMM's rate"}
            if has_mkl:
                bar = 1.4 if percent == 1 else 2.0
                yield Case(name, native, partial(spmm, W, X, backend="mkl"), close, "oneMKL", bar=bar, **floor)
            yield Case(name, native, partial(operator.matmul, W, X), close, "SciPy W @ X")
            bar = 25.0 if percent == 1 else None
            yield Case(name, native, partial(np.matmul, dense, X), close, "NumPy, dense", bar=bar)

    W, X, dense = layer(1024 // scale, 1024 // scale, 0.05, batch)
    Z = spmm(W, X)
    columns, rows = column_companion(W), np.repeat(np.arange(W.shape[0]), np.diff(W.indptr))
    transposed = W.T.tocsr()
    yield Case("Wᵀ Z, 5 %", partial(spmm_t, W, Z, companion=columns), lambda: transposed @ Z, close, "SciPy, Wᵀ in CSR")
    yield Case("sddmm, 5 %", partial(sddmm, W, Z, X), lambda: (Z @ X.T)[rows, W.indices], close, "dense and gather")
    for odd in (1, 16, 100, 1000):
        W, X, _ = layer(1024 // scale, 1024 // scale, 0.05, odd)
        peers = [("SciPy W @ X", partial(operator.matmul, W, X))]
        if has_mkl:
            peers.append(("oneMKL", partial(spmm, W, X, backend="mkl")))
        for peer_name, peer in peers:
            yield Case(f"batch {odd}, 5 %", partial(spmm, W, X), peer, close, peer_name, note=SMALL if odd == 1 else "")
    W, X, _ = layer(4096 // scale, 4096 // scale, 0.05, batch)
    if has_mkl:
        yield Case(
            "4096×4096, 5 %", partial(spmm, W, X), partial(spmm, W, X, backend="mkl"), close, "oneMKL", threads=2
        )

    def taller(m):
        W, X, _ = layer(m, 1024 // scale, 32 * scale / 1024, batch)
        return partial(spmm, W, X)

    def larger(n):
        W, X, _ = layer(n, n, 32 / n, batch)
        return partial(spmm, W, X)

    sizes = [n // scale for n in (2048, 4096, 8192, 16384)]
    yield Growth("rows, 32 entries each", sizes, taller, bar=1.1)
    yield Growth("rows and columns, 32 entries each", sizes, larger)


def layer(m, n, density, batch):
    rng = np.random.default_rng(0)
    W = sp.random_array((m, n), density=density, format="csr", dtype=np.float32, rng=rng)
    W.sort_indices()
    X = aligned_empty((n, batch), np.float32)
    X[...] = rng.standard_normal((n, batch))
    return W, X, W.toarray() if m * n <= 2**22 else None
