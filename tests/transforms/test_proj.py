"""Each set of matrices against every support there is, and what a projection must be."""

import itertools
import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from sparsela.transforms import proj

RNG = np.random.default_rng(0)
C = RNG.standard_normal((4, 4))
MASK = RNG.random((4, 4)) < 0.5
ALL = {
    "sp": lambda **o: proj.sp(5, **o),
    "splin": lambda **o: proj.splin(2, **o),
    "spcol": lambda **o: proj.spcol(2, **o),
    "splincol": lambda **o: proj.splincol(1, **o),
    "skperm": lambda **o: proj.skperm(2, **o),
    "supp": lambda **o: proj.supp(MASK, **o),
    "blockdiag": lambda **o: proj.blockdiag([(1, 2), (3, 2)], **o),
    "kronecker": lambda **o: proj.kronecker(1, 2, 2, 2, **o),
    "sptriu": lambda **o: proj.sptriu(4, **o),
    "sptril": lambda **o: proj.sptril(4, **o),
    "spsymm": lambda **o: proj.spsymm(5, **o),
    "normcol": lambda **o: proj.normcol(2.0, **o),
    "normlin": lambda **o: proj.normlin(2.0, **o),
    "const": lambda **o: proj.const(np.abs(C), **o),
    "identity": lambda **o: proj.identity(**o),
    "circ": lambda **o: proj.circ(**o),
    "toeplitz": lambda **o: proj.toeplitz(**o),
    "hankel": lambda **o: proj.hankel(**o),
}
PLAIN = {"normalize": False}


def test_there_are_eighteen():
    assert sorted(ALL) == sorted(proj.__all__)


def feasible(name, n):
    """Every maximal support that a set admits, for small square matrices."""
    cells = list(itertools.product(range(n), range(n)))
    if name == "sp":
        yield from itertools.combinations(cells, 5)
    elif name in ("splin", "spcol", "skperm"):
        for choice in itertools.product(itertools.combinations(range(n), 2), repeat=n):
            if name == "skperm" and any(np.bincount(np.concatenate(choice), minlength=n) != 2):
                continue
            yield [(i, j) if name != "spcol" else (j, i) for i, row in enumerate(choice) for j in row]
    elif name == "spsymm":
        for size in range(6):
            for chosen in itertools.combinations([c for c in cells if c[0] <= c[1]], size):
                if sum(1 + (i < j) for i, j in chosen) <= 5:
                    yield [*chosen, *((j, i) for i, j in chosen)]
    elif name in ("sptriu", "sptril"):
        yield from itertools.combinations([c for c in cells if (c[0] <= c[1]) == (name == "sptriu") or c[0] == c[1]], 4)


@pytest.mark.parametrize("nonneg", [False, True])
@pytest.mark.parametrize("name", ["sp", "splin", "spcol", "skperm", "spsymm", "sptriu", "sptril"])
@pytest.mark.parametrize("n", [3, 4])
def test_no_other_support_is_nearer(name, n, nonneg):
    rng = np.random.default_rng(n)
    supports = [np.array(s).reshape(-1, 2) for s in feasible(name, n)]
    for kind in (np.float64, np.complex128)[: 1 if nonneg else 2]:
        for _ in range(5):
            M = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if kind == np.complex128 else 0)
            S = (M + M.T) / 2 if name == "spsymm" else M
            S = np.maximum(S, 0) if nonneg else S
            energy = np.abs(S) ** 2
            best = max(energy[tuple(np.unique(s, axis=0).T)].sum() if len(s) else 0.0 for s in supports)
            P = ALL[name](nonneg=nonneg, normalize=False)(M)
            assert abs(np.linalg.norm(P) ** 2 - best) <= 1e-12 * best
            np.testing.assert_array_equal(P[P != 0], S[P != 0])
            # the normalised set: the unit matrix of the cone with the largest inner product
            if best:
                N = ALL[name](nonneg=nonneg)(M)
                np.testing.assert_allclose(np.vdot(N, M).real, np.sqrt(best), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_what_every_projection_is(name, normalize, dtype):
    rng = np.random.default_rng(1)
    tol = 1e-5 if np.finfo(dtype).eps > 1e-10 else 1e-13
    for nonneg in (False, True)[: 2 if np.dtype(dtype).kind == "f" else 1]:
        P = ALL[name](normalize=normalize, nonneg=nonneg)
        M = rng.standard_normal((4, 4)).astype(dtype)
        if M.dtype.kind == "c":
            M += 1j * rng.standard_normal((4, 4)).astype(M.real.dtype)
        before = M.copy()
        M.flags.writeable = False
        N = P(M)
        np.testing.assert_array_equal(M, before)
        assert N.dtype == dtype and np.count_nonzero(N) <= P.nnz_bound((4, 4))
        np.testing.assert_allclose(P(N), N, atol=tol)  # a second time changes nothing
        if normalize:
            np.testing.assert_allclose(np.linalg.norm(N), 1, rtol=tol)
        if nonneg:
            assert N.min() >= 0
        S = P.sparse(M)
        assert S.format == "csr"
        np.testing.assert_array_equal(S.toarray(), N)
        out = np.empty_like(M)
        assert P(M, out=out) is out
        np.testing.assert_array_equal(out, N)
        again, other = (ALL[n](normalize=normalize, nonneg=nonneg) for n in (name, "sp" if name != "sp" else "splin"))
        assert again == P and hash(again) == hash(P) and other != P and repr(P).startswith(name)


def test_zero_stays_zero():
    for name in set(ALL) - {"const", "normcol", "normlin"}:
        assert not ALL[name]()(np.zeros((4, 4))).any()


@pytest.mark.parametrize("structure", ["circ", "toeplitz", "hankel"])
def test_structures_are_the_least_squares_fit(structure):
    n = 4
    M = np.random.default_rng(2).standard_normal((n, n))
    i, j = np.indices((n, n))
    key = {"circ": (j - i) % n, "toeplitz": j - i + n - 1, "hankel": i + j}[structure]
    basis = np.array([(key == v).ravel() for v in np.unique(key)], float).T
    want = (basis @ np.linalg.lstsq(basis, M.ravel(), rcond=None)[0]).reshape(n, n)
    np.testing.assert_allclose(ALL[structure](normalize=False)(M), want, atol=1e-14)
    if structure != "circ":
        assert ALL[structure]()(M[:, :3]).shape == (4, 3)


def test_transposition():
    rng = np.random.default_rng(3)
    M = rng.standard_normal((7, 5))
    np.testing.assert_array_equal(proj.splin(2, **PLAIN)(M), proj.spcol(2, **PLAIN)(M.T).T)
    np.testing.assert_array_equal(proj.splincol(2, **PLAIN)(M), proj.splincol(2, **PLAIN)(M.T).T)
    np.testing.assert_array_equal(proj.sptriu(4, **PLAIN)(M), proj.sptril(4, **PLAIN)(M.T).T)
    np.testing.assert_allclose(proj.normcol(3.0)(M), proj.normlin(3.0)(M.T).T, rtol=1e-15)


def test_ties_go_to_the_lowest_index_through_noise():
    M = np.ones((4, 6)) * (1 + 1e-11 * np.random.default_rng(4).standard_normal((4, 6)))
    assert (proj.splin(2)(M) != 0)[:, :2].all() and np.count_nonzero(proj.splin(2)(M)) == 8
    assert (proj.spcol(2)(M) != 0)[:2].all() and np.count_nonzero(proj.spcol(2)(M)) == 12
    assert np.flatnonzero(proj.sp(7)(M)).tolist() == list(range(7))
    M32 = (1 + 1e-6 * np.random.default_rng(4).standard_normal((4, 6))).astype(np.float32)
    assert np.flatnonzero(proj.sp(7)(M32)).tolist() == list(range(7))
    M[0, 5] = 1 + 1e-6  # beyond noise
    assert proj.sp(1)(M)[0, 5] != 0


def flow_by_linear_programme(E, k):
    n = len(E)
    rows = np.kron(np.eye(n), np.ones(n))
    columns = np.kron(np.ones(n), np.eye(n))
    done = linprog(-E.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.full(2 * n, k), bounds=(0, 1), method="highs")
    return -done.fun


def test_skperm_is_the_optimum_of_the_linear_programme():
    rng = np.random.default_rng(5)
    for _ in range(20):
        M = rng.standard_normal((12, 12))
        for k in (1, 2, 5, 12):
            P = proj.skperm(k, normalize=False)(M)
            mask = proj.skperm(k, normalize=False)(M) != 0
            assert (mask.sum(0) == k).all() and (mask.sum(1) == k).all()
            np.testing.assert_allclose((P**2).sum(), flow_by_linear_programme(M**2, k), rtol=1e-9)


def test_skperm_of_order_256_takes_less_than_half_a_second():
    M = np.random.default_rng(6).standard_normal((256, 256))
    proj.skperm(2)(M[:8, :8])  # compiled, or read from the cache
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        proj.skperm(2)(M)
        best = min(best, time.process_time() - start)
    assert best < 0.5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: proj.sp(0), "k must be at least 1"),
        (lambda: proj.sp(17)(C), "k must be at most 16"),
        (lambda: proj.splin(5)(C), "k must be at most 4"),
        (lambda: proj.spcol(5)(C[:, :2]), "k must be at most 4"),
        (lambda: proj.splincol(3)(C[:, :2]), "k must be at most 2"),
        (lambda: proj.skperm(2)(C[:, :3]), "square"),
        (lambda: proj.spsymm(2)(C[:, :3]), "square"),
        (lambda: proj.circ()(C[:, :3]), "square"),
        (lambda: proj.sptriu(11)(C), "k must be at most 10"),
        (lambda: proj.supp(MASK)(C[:3]), "shape of the mask"),
        (lambda: proj.supp(np.ones(3)), "mask must be a matrix"),
        (lambda: proj.blockdiag([(1, 2)])(C), "blocks add up"),
        (lambda: proj.blockdiag([(0, 2)]), "pairs of positive ints"),
        (lambda: proj.kronecker(2, 2, 2, 2)(C), "has the shape"),
        (lambda: proj.const(C)(C[:2]), "shape of C"),
        (lambda: proj.normcol(-1.0), "s must be"),
        (lambda: proj.sp(2)(np.full((2, 2), np.nan)), "NaN"),
        (lambda: proj.sp(2)([[np.inf, 1]]), "infinity"),
        (lambda: proj.sp(2)(C, out=np.empty((2, 2))), "out must be"),
    ],
)
def test_the_impossible_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="k must be an int"):
        proj.sp(2.0)
    with pytest.raises(TypeError, match="normalize must be a bool"):
        proj.sp(2, normalize="yes")
    with pytest.raises(TypeError, match="real"):
        proj.sp(2, nonneg=True)(C + 1j)
    with pytest.raises(TypeError, match="dense"):
        proj.sp(2)(sp.csr_array(C))
