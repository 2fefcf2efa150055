"""Matching pursuit.

100,000 centred 8×8 patches of ``china.jpg`` over 256 atoms (patches too), codes as CSR. SPAMS's ``omp`` is order-
recursive (ORMP): our ``variant="ormp"`` reaches its supports and is compared like with like; plain OMP is compared
with it too, since it is what most people call SPAMS for (its residual is a few per cent larger, as the last column
says: another algorithm, not another accuracy). "mixed" chooses the atoms in float32 and solves for their coefficients
in float64; its peer is SPAMS in float64. In float32 SPAMS needs ``eps=0`` to return anything. scikit-learn codes
5,000 patches. The floor is the product X Dᵀ.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from benchmarks._patches import china_patches, columns
from sparsela.coding import batch_omp


def cases(quick: bool):
    import spams

    n = 5_000 if quick else 100_000
    spams_name = versioned("spams-bin").replace("-bin", "")
    for dtype in (np.float64, np.float32):
        X, D = china_patches(n, dtype)
        floor = {"floor": partial(np.matmul, X, D.T), "floor_name": "X Dᵀ"}
        Xf, Df, eps = columns(X), columns(D), dtype(0)
        for k in (5, 10):
            peer = partial(spams.omp, Xf, Df, L=k, eps=eps, numThreads=1)
            for variant, bar, check in (
                ("omp", {5: 2.5, 10: 2.3}[k], partial(same_error, X, D, allowed=0.06)),
                ("ormp", 2.0, partial(same_codes, X, D)),
            ):
                ours = partial(batch_omp, X, D, n_nonzero_coefs=k, variant=variant, sparse_output=True)
                name = f"{variant.upper()}, k = {k}, {np.dtype(dtype)}"
                yield Case(name, ours, peer, check, spams_name, bar=bar, **floor)
    X, D = china_patches(n)
    floor = {"floor": partial(np.matmul, X, D.T), "floor_name": "X Dᵀ"}
    Xf, Df = columns(X), columns(D)
    for k in (5, 10):
        ours = partial(batch_omp, X, D, n_nonzero_coefs=k, precision="mixed", sparse_output=True)
        peer = partial(spams.omp, Xf, Df, L=k, numThreads=1)
        check = partial(same_error, X, D, allowed=0.06)
        yield Case(f"OMP, k = {k}, mixed", ours, peer, check, spams_name, bar=4.0, **floor)
    ours = partial(batch_omp, X, D, n_nonzero_coefs=5, sparse_output=True)
    peer = partial(spams.omp, Xf, Df, L=5, numThreads=2)
    check = partial(same_error, X, D, allowed=0.06)
    yield Case("OMP, k = 5, 2 threads", ours, peer, check, spams_name, threads=2, **floor)
    yield from other_libraries(*china_patches(500 if quick else 5_000))

    def grow(size):
        return partial(batch_omp, np.resize(X, (size, 64)), D, n_nonzero_coefs=5, sparse_output=True)

    yield Growth("OMP, k = 5, n_samples", [n // 4, n // 2, n, 2 * n], grow, bar=1.1)


def other_libraries(X, D):
    from sklearn.decomposition import sparse_encode

    def scikit_learn(k):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # flat patches: its stop at linear dependence
            return sparse_encode(X, D, algorithm="omp", n_nonzero_coefs=k)

    for k in (5, 10):
        ours = partial(batch_omp, X, D, n_nonzero_coefs=k, sparse_output=True)
        check = partial(same_codes, X, D)
        yield Case(f"OMP, k = {k}", ours, partial(scikit_learn, k), check, versioned("scikit-learn"), bar=60.0)
    import dictlearn

    name = versioned("dictlearn")
    ours = partial(batch_omp, X, D, n_nonzero_coefs=5, sparse_output=True)
    peer = partial(dictlearn.sparse_encode, X, D, algorithm="omp", n_nonzero_coefs=5)
    yield Case("OMP, k = 5", ours, peer, partial(same_codes, X, D), name, bar=4.0)


def dense(codes, shape) -> np.ndarray:
    codes = codes.toarray() if hasattr(codes, "toarray") else np.asarray(codes)
    return codes if codes.shape == shape else codes.T


def same_codes(X, D, ours, peer) -> str:
    """Equal supports on 99.9 % of the signals (99 % in float32) and equal coefficients there."""
    shape = (len(X), len(D))
    a, b = dense(ours, shape), dense(peer, shape)
    same = ((a != 0) == (b != 0)).all(axis=1)
    single = X.dtype == np.float32
    assert same.mean() >= (0.99 if single else 0.999), f"supports agree on {same.mean():.2%}"
    error = np.abs(a[same] - b[same]).max()
    assert error <= (1e-2 if single else 1e-8), f"coefficients differ by {error:.1e}"
    return f"supports {same.mean():.2%}, {error:.0e}"


def same_error(X, D, ours, peer, *, allowed: float) -> str:
    """As many atoms, and a total squared residual that is at most this share larger."""
    shape = (len(X), len(D))
    a, b = (((X - dense(c, shape) @ D) ** 2).sum(dtype=np.float64) for c in (ours, peer))
    assert a <= b * (1 + allowed), f"squared residual {a:.6g} against {b:.6g}"
    return f"residual {a / b - 1:+.2%}"
