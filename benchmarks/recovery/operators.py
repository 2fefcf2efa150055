"""Recovery behind an operator.

Rows of a fast transform of length n (m = n/5 of them), n/100 Gaussian non-zeros, two threads (a single cosine transform
uses one, whatever it is asked). spgl1's basis pursuit runs 100 iterations, as many as it needs for six digits; both
must find x, and ours to at least as many digits as the peer. PyLops's FISTA and ours take 100 iterations without a
stop. The floor is one application of the operator. The last line is growth from 2¹⁴ to 2²⁰ unknowns, m = n/10,
k = n/100.
"""

from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from benchmarks.recovery._problems import behind_an_operator, error
from sparsela.recovery import PartialDCT, PartialWHT, basis_pursuit, fista, nst_ht_fb


def cases(quick: bool):
    import spgl1

    for kind, n, bar in ((PartialDCT, 10**6, 8.0), (PartialWHT, 2**20, 15.0)):
        n = n // 64 if quick else n
        A, y, x = behind_an_operator(kind, n, n // 5, n // 100)
        peer = partial(spgl1.spg_bp, A, y, iter_lim=100, verbosity=0)
        name, floor = f"{kind.__name__}, n = {n}", {"floor": partial(A.matvec, x), "floor_name": "A x", "threads": 2}
        check = partial(found_by_both, x)
        ours = partial(nst_ht_fb, A, y, n // 100, tol=1e-9)
        yield Case(f"nst_ht_fb, {name}", ours, peer, check, versioned("spgl1"), bar=bar, **floor)
        yield Case(
            f"basis_pursuit, {name}", partial(basis_pursuit, A, y), peer, check, versioned("spgl1"), bar=5.0, **floor
        )
        if kind is PartialDCT:
            yield fista_case(A, y, x, name, floor)
    sizes = [2**e for e in ((14, 15, 16) if quick else range(14, 21))]

    def grow(n):
        A, y, _ = behind_an_operator(PartialWHT, n, n // 10, n // 100)
        return partial(nst_ht_fb, A, y, n // 100, tol=1e-6)

    yield Growth("nst_ht_fb, PartialWHT, n", sizes, grow, bar=1.2, threads=2)


def fista_case(A, y, x, name, floor):
    import warnings

    import pylops
    from pylops.optimization.sparsity import fista as their_fista

    op = pylops.aslinearoperator(A)
    op.explicit = False

    def ours():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # neither has converged after 100 iterations
            return fista(A, y, 5e-4, step=1.0, restart=None, polish=False, tol=0, max_iter=100).x

    def peer():
        return their_fista(op, y, niter=100, eps=1e-3, alpha=1.0, tol=0)[0]

    def check(a, b):
        assert error(a, b) < 1e-2, f"they differ by {error(a, b):.1e}"
        return f"they differ by {error(a, b):.0e}"

    return Case(f"fista, 100 iterations, {name}", ours, peer, check, versioned("pylops"), bar=3.0, **floor)


def found_by_both(x, ours, peer) -> str:
    a, b = error(ours.x, x), error(np.asarray(peer[0]), x)
    assert a <= max(b, 1e-8), f"error {a:.1e} against {b:.1e}"
    return f"error {a:.0e}, peer's {b:.0e}; {ours.n_matvec} applications"
