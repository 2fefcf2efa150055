"""Orthogonal matching pursuit of one signal, and cross-validation of its size.

A Gaussian A of 1000 × 10000, 100 columns to choose, one thread, A in C and in Fortran order, against scikit-learn's
``orthogonal_mp``: same support, coefficients to ten digits. Then a sparse A of 2000 × 50000 (density 1e-3) against
making it dense first. ``SparseRegressorCV`` against ``OrthogonalMatchingPursuitCV``: 500 × 2000, five folds, sizes 1 to
50; both find the planted columns.
"""

from functools import partial

import numpy as np
import scipy.sparse as sp

from benchmarks._pairs import Case, versioned
from benchmarks.recovery._problems import autoregressive, dense
from sparsela.recovery import SparseRegressorCV, omp


def cases(quick: bool):
    from sklearn.linear_model import OrthogonalMatchingPursuitCV, orthogonal_mp

    name = versioned("scikit-learn")
    m, n, k = (200, 2000, 20) if quick else (1000, 10_000, 100)
    A, y, _ = dense(m, n, k, noise=0.01)
    for order, matrix, bar in (("C", A, 1.3), ("Fortran", np.asfortranarray(A), 0.95)):
        ours, peer = partial(omp, matrix, y, k), partial(orthogonal_mp, matrix, y, n_nonzero_coefs=k)
        floor = {"floor": partial(matrix.T.__matmul__, y), "floor_name": "Aᵀ y"}
        yield Case(f"omp, {m} × {n}, k = {k}, {order} order", ours, peer, same, name, bar=bar, **floor)
    S = sp.random_array((m * 2, n * 5), density=1e-3, random_state=0, format="csc")
    z = np.zeros(n * 5)
    z[np.flatnonzero(S.power(2).sum(axis=0) > 1)[:20]] = 1.0
    b = S @ z

    def densified():
        return omp(S.toarray(), b, 20, normalize=False).x

    yield Case(
        f"omp, sparse {m * 2} × {n * 5}, k = 20",
        partial(omp, S, b, 20, normalize=False),
        densified,
        same,
        "made dense first",
        bar=20.0,
    )
    X, t, coef = autoregressive(*((100, 400, 5) if quick else (500, 2000, 20)), 0.5, 20)
    yield Case(
        f"SparseRegressorCV('omp'), {X.shape[0]} × {X.shape[1]}",
        partial(SparseRegressorCV("omp", n_nonzero_coefs=np.arange(1, 51), cv=5).fit, X, t),
        partial(OrthogonalMatchingPursuitCV(cv=5, max_iter=50).fit, X, t),
        partial(finds, coef),
        name,
        bar=2.0,
    )


def same(ours, peer) -> str:
    a = ours.x
    assert np.array_equal(np.flatnonzero(a), np.flatnonzero(peer)), "other supports"
    gap = np.abs(a - peer).max()
    assert gap <= 1e-10 * np.abs(peer).max(), f"coefficients differ by {gap:.1e}"
    return f"same support, coefficients to {gap:.0e}"


def finds(coef, ours, peer) -> str:
    shares = [np.isin(np.flatnonzero(coef), np.flatnonzero(model.coef_)).mean() for model in (ours, peer)]
    assert min(shares) == 1, f"found {shares[0]:.0%} and {shares[1]:.0%} of the planted columns"
    return f"both find all; {np.count_nonzero(ours.coef_)} and {np.count_nonzero(peer.coef_)} chosen"
