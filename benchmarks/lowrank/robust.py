"""Robust PCA: alternating projections, and principal component pursuit with few singular triplets.

One thread. Planted matrices, a tenth of the entries wrong by uniform(−5, 5); both sides must find the part of low rank
to 1e-6. "ialm" is principal component pursuit by the inexact augmented Lagrangian, "full" with a full SVD at each step;
the peer pyrpca is another implementation of it.
"""

import contextlib
import io
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from sparsela.lowrank import robust_pca


def cases(quick: bool):
    n, r = (200, 4) if quick else (600, 10)
    L, M = planted(n, r)
    check, name = partial(exact, L), f"{n}², rank {r}"
    projections = partial(robust_pca, M, method="accaltproj", rank=r)
    bar = None if quick else 10.0
    yield Case(f"{name}: accaltproj", projections, partial(robust_pca, M, svd="full"), check, "ialm, full SVD", bar=bar)
    yield Case(f"{name}: accaltproj", projections, partial(pyrpca, M), check, "pyrpca, ialm", bar=bar)
    n, r = (200, 4) if quick else (800, 12)
    L, M = planted(n, r)
    full, bar = partial(robust_pca, M, svd="full"), None if quick else 3.0
    yield Case(f"{n}², rank {r}: ialm", partial(robust_pca, M), full, partial(exact, L), "ialm, full SVD", bar=bar)

    def of_order(n):
        return partial(robust_pca, planted(n, 10)[1], method="accaltproj", rank=10)

    yield Growth("order, accaltproj, rank 10", [200, 400] if quick else [400, 800, 1600], of_order)


def planted(n, r):
    rng = np.random.default_rng(0)
    L = rng.standard_normal((n, r)) @ rng.standard_normal((r, n))
    return L, L + np.where(rng.random((n, n)) < 0.1, rng.uniform(-5, 5, (n, n)), 0)


def pyrpca(M):
    versioned("pyrpca")
    from pyrpca import rpca_pcp_ialm

    with contextlib.redirect_stdout(io.StringIO()):  # it prints each step
        return rpca_pcp_ialm(M, 1 / np.sqrt(max(M.shape)))


def exact(L, ours, peer):
    low = [found.low_rank if hasattr(found, "low_rank") else found[0] for found in (ours, peer)]
    errors = [float(np.linalg.norm(found - L) / np.linalg.norm(L)) for found in low]
    assert errors[0] <= 1e-6, f"relative error {errors[0]:.1e}"
    return f"relative errors {errors[0]:.0e} and {errors[1]:.0e}"
