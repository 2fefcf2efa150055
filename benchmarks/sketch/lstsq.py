"""Least squares by a sketch, against LAPACK and LSQR.

One thread. Dense problems against ``scipy.linalg.lstsq`` (gelsd, its default), sparse ones against
``scipy.sparse.linalg.lsqr`` at its tightest tolerances. Both sides must leave the same residual, to 1e-10 of it (for
LSQR, which does not get as far on a condition of 1e6, ours must be no larger). The floor is one read of the matrix.
"""

from functools import partial

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr

from benchmarks._pairs import Case, versioned
from sparsela.sketch import lstsq


def cases(quick: bool):
    for m, n, bar in ((40_000, 300, 3.0), (100_000, 1000, 6.0), (30_000, 250, 1.5)):
        m, n = (m // 10, n // 5) if quick else (m, n)
        rng = np.random.default_rng(0)
        A = rng.standard_normal((m, n))
        b = A @ rng.standard_normal(n) + rng.standard_normal(m)
        ours = partial(lstsq, A, b, random_state=0)
        peer = partial(scipy.linalg.lstsq, A, b)
        check = partial(equal_residuals, A, b)
        yield Case(f"dense {m} × {n}", ours, peer, check, versioned("scipy"), A.sum, "one read", bar)
    yield sparse(20_000 if quick else 200_000, 100 if quick else 500)


def sparse(m, n):
    rng = np.random.default_rng(0)
    A = sp.random_array((m, n), density=0.01, rng=rng, format="csr", data_sampler=rng.standard_normal)
    A = (A @ sp.diags_array(np.logspace(0, -6, n))).tocsr()
    b = A @ np.logspace(0, 6, n) / n**0.5 + rng.standard_normal(m)
    ours = partial(lstsq, A, b, random_state=0)
    peer = partial(lsqr, A, b, atol=1e-14, btol=1e-14, conlim=0, iter_lim=20 * n)
    return Case(
        f"CSR {m} × {n}, condition 1e6",
        ours,
        peer,
        partial(as_small, A, b),
        versioned("scipy"),
        A.data.sum,
        "one read",
        3.0,
    )


def equal_residuals(A, b, ours, peer) -> str:
    r, want = (np.linalg.norm(b - A @ x) for x in (ours.x, peer[0]))
    assert abs(r / want - 1) <= 1e-10, f"residuals {r:.12g} and {want:.12g}"
    return f"residuals to {abs(r / want - 1):.0e}, {ours.n_iter} steps"


def as_small(A, b, ours, peer) -> str:
    r, theirs = (np.linalg.norm(b - A @ x) for x in (ours.x, peer[0]))
    assert r <= theirs * (1 + 1e-10), f"residuals {r:.12g} and {theirs:.12g}"
    steps = peer[2] / ours.n_iter
    assert steps >= 10, f"only {steps:.1f} times fewer steps"
    return f"residual {1 - r / theirs:.0e} below, {ours.n_iter} steps for {peer[2]}"
