"""Batch-OMP and ORMP against textbook loops, their invariants, scikit-learn, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import sparse_encode

import sparsela
from sparsela.coding import batch_omp


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def textbook(X, D, k, tol=0.0, variant="omp"):
    """Choose an atom, solve least squares on those chosen, repeat."""
    C = np.zeros((len(X), len(D)))
    for x, c in zip(X, C, strict=True):
        S, r, z = [], x, np.zeros(0)
        while len(S) < k and r @ r > tol:
            if variant == "omp":
                score = np.abs(D @ r)
            else:
                Q = np.linalg.qr(D[S].T)[0] if S else np.zeros((D.shape[1], 0))
                rest = 1 - ((D @ Q) ** 2).sum(1)
                score = np.where(rest > 1e-10, (D @ r) ** 2 / np.where(rest > 1e-10, rest, 1), 0)
            score[S] = -1
            S.append(int(score.argmax()))
            z = np.linalg.lstsq(D[S].T, x, rcond=None)[0]
            r = x - z @ D[S]
        c[S] = z
    return C


@pytest.fixture(scope="module")
def problem():
    rng = np.random.RandomState(0)
    return rng.randn(300, 23), unit(rng.randn(61, 23))


@pytest.mark.parametrize("variant", ["omp", "ormp"])
def test_equals_the_textbook(problem, variant):
    X, D = problem
    want = textbook(X, D, 7, variant=variant)
    got = batch_omp(X, D, n_nonzero_coefs=7, variant=variant)
    assert_array_equal(got != 0, want != 0)
    assert_allclose(got, want, atol=1e-10)
    single = batch_omp(X.astype(np.float32), D.astype(np.float32), n_nonzero_coefs=7, variant=variant)
    assert single.dtype == np.float32
    same = ((single != 0) == (want != 0)).all(axis=1)
    assert same.mean() >= 0.99
    assert_allclose(single[same], want[same], atol=2e-4)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_size_any_duplicates_any_scale(data):
    n, m, K = (data.draw(st.integers(1, top)) for top in (9, 17, 70))
    k = data.draw(st.integers(1, min(m, K)))
    rng = np.random.RandomState(data.draw(st.integers(0, 2**31)))
    D = rng.randn(K, m)
    if K > 1 and data.draw(st.booleans()):
        D[K - 1] = D[0]  # a duplicate atom
    D = unit(D)
    X = rng.randn(n, m)
    if data.draw(st.booleans()):
        X[0] = 0
    exponent = data.draw(st.sampled_from([200, -200, -1060, -700, 700, 1010]))
    variant = data.draw(st.sampled_from(["omp", "ormp"]))
    C, r = batch_omp(X, D, n_nonzero_coefs=k, variant=variant, return_residual=True)
    assert ((C != 0).sum(1) <= k).all()
    assert (C[(X == 0).all(1)] == 0).all()
    R = X - C @ D
    assert_allclose(r, (R**2).sum(1), atol=1e-12)
    on_support = np.where(C != 0, R @ D.T, 0)
    assert np.abs(on_support).max() <= 1e-9 * max(1, np.linalg.norm(X, axis=1).max()) * max(1, np.abs(C).max())
    scaled = batch_omp(np.ldexp(X, exponent), D, n_nonzero_coefs=k, variant=variant)
    if abs(exponent) <= 200:  # squares are ordinary numbers: a power of two scales the codes exactly
        assert_array_equal(scaled, np.ldexp(C, exponent))
    elif exponent > -1000:
        assert_allclose(np.ldexp(scaled, -exponent) @ D, C @ D, atol=1e-9 * max(1, np.abs(C).max()))
    else:  # denormal signals have a digit or two
        assert np.isfinite(scaled).all()


def test_residual_bound_and_its_limits(problem):
    X, D = problem
    C, r = batch_omp(X, D, tol=2.0, return_residual=True)
    assert r.max() <= 2.0 * (1 + 1e-8)
    assert_allclose(((X - C @ D) ** 2).sum(1), r, atol=1e-12)
    assert_allclose(C, textbook(X, D, 23, tol=2.0), atol=1e-9)
    tols = np.linspace(0.1, 5, len(X))
    assert (batch_omp(X, D, tol=tols, return_residual=True)[1] <= tols * (1 + 1e-8)).all()
    ks = np.arange(len(X)) % 5 + 1
    assert_array_equal((batch_omp(X, D, n_nonzero_coefs=ks) != 0).sum(1), ks)
    codes, left = batch_omp(
        X, D, tol=1e-20, return_residual=True
    )  # exact representation: 23 atoms, or the bound is met
    assert ((left <= 1e-20 * (1 + 1e-8)) | ((codes != 0).sum(1) == 23)).all()
    assert left.max() <= 1e-18


def test_residual_falls_with_k_and_ormp_is_better_on_average(patches, atoms):
    X = patches[:2000]
    by_k = {v: [] for v in ("omp", "ormp")}
    for variant, totals in by_k.items():
        last = np.full(len(X), np.inf)
        for k in (1, 2, 5, 10):
            r = batch_omp(X, atoms, n_nonzero_coefs=k, variant=variant, return_residual=True)[1]
            assert (r <= last * (1 + 1e-12) + 1e-15).all()
            last = r
            totals.append(r.sum())
    assert by_k["ormp"][2] < by_k["omp"][2] and by_k["ormp"][3] < by_k["omp"][3]


@pytest.mark.filterwarnings("ignore:.*linear dependence")  # flat patches, in scikit-learn
def test_scikit_learn_agrees_on_real_patches(patches, atoms):
    X = patches[:5000]
    for k in (5, 10):
        peer = sparse_encode(X, atoms, algorithm="omp", n_nonzero_coefs=k)
        ours = batch_omp(X, atoms, n_nonzero_coefs=k)
        same = ((peer != 0) == (ours != 0)).all(axis=1)
        assert same.mean() >= 0.999
        assert_allclose(ours[same], peer[same], atol=1e-12)


def test_threads_sparse_output_gram_and_order_change_nothing(patches, atoms):
    X = patches[:1000]
    want = batch_omp(X, atoms, n_nonzero_coefs=6, n_jobs=1)
    assert_array_equal(batch_omp(X, atoms, n_nonzero_coefs=6, n_jobs=2), want)
    with sparsela.config_context(n_jobs=2):
        assert_array_equal(batch_omp(X, atoms, n_nonzero_coefs=6), want)
    sparse = batch_omp(X, atoms, n_nonzero_coefs=6, sparse_output=True, n_jobs=2)
    assert_array_equal(sparse.toarray(), want)
    assert sparse.has_canonical_format and (sparse.data != 0).all() and sparse.indices.dtype == np.int32
    assert_array_equal(batch_omp(np.asfortranarray(X), atoms, n_nonzero_coefs=6), want)
    assert_allclose(batch_omp(X, atoms, n_nonzero_coefs=6, gram=atoms @ atoms.T), want, atol=1e-12)
    order = np.random.RandomState(0).permutation(len(X))
    shuffled = batch_omp(X[order], atoms, n_nonzero_coefs=6)
    same = ((shuffled != 0) == (want[order] != 0)).all(axis=1)
    assert same.mean() >= 0.9999
    assert_allclose(shuffled[same], want[order][same], atol=1e-12)


def test_atoms_of_any_norm(problem):
    X, D = problem
    scale = np.random.RandomState(1).uniform(0.1, 10, len(D))
    unit_codes = batch_omp(X, D, n_nonzero_coefs=5)
    for gram in (None, (D * scale[:, None]) @ (D * scale[:, None]).T):
        codes = batch_omp(X, D * scale[:, None], n_nonzero_coefs=5, gram=gram)
        assert_allclose(codes * scale, unit_codes, atol=1e-10)
    assert_allclose(batch_omp(X, D * 1e200, n_nonzero_coefs=5) * 1e200, unit_codes, atol=1e-10)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_vector_width(at_width, width):
    at_width(
        width,
        """if 1:
        import sys, numpy as np
        sys.path.insert(0, "tests/coding")
        from test_omp import textbook, unit
        from sparsela.coding import batch_omp
        rng = np.random.RandomState(3)
        for m, K, k in ((5, 9, 3), (30, 61, 20)):
            X, D = rng.randn(40, m), unit(rng.randn(K, m))
            for variant in ("omp", "ormp"):
                want = textbook(X, D, k, variant=variant)
                np.testing.assert_allclose(batch_omp(X, D, n_nonzero_coefs=k, variant=variant), want, atol=1e-9)
                single = batch_omp(X.astype("f4"), D.astype("f4"), n_nonzero_coefs=min(k, 5), variant=variant)
                want = textbook(X, D, min(k, 5), variant=variant)
                same = ((single != 0) == (want != 0)).all(axis=1)
                assert same.mean() >= 0.9
                np.testing.assert_allclose(single[same], want[same], atol=1e-3)
        """,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_nonzero_coefs": 24}, r"min\(23, 61\) = 23, got 24"),
        ({"n_nonzero_coefs": 0}, "between 1 and"),
        ({"n_nonzero_coefs": 2.5}, "int"),
        ({"n_nonzero_coefs": [1, 2]}, r"shape \(300,\)"),
        ({"tol": -1.0}, "at least 0"),
        ({"tol": np.nan}, "at least 0"),
        ({"tol": [1.0, 2.0]}, "shape"),
        ({"variant": "mp"}, "variant"),
        ({"gram": np.eye(3)}, r"\(61, 61\)"),
        ({"gram": np.triu(np.ones((61, 61)))}, "symmetric"),
        ({"dictionary": np.zeros((61, 23))}, "row 0 is zero"),
        ({"dictionary": np.ones((61, 22))}, "22"),
        ({"dictionary": np.full((61, 23), np.inf)}, "infinity"),
        ({"X": np.full((2, 23), np.nan)}, "NaN"),
        ({"X": np.ones(23)}, "1D"),
        ({"X": np.ones((0, 23))}, "0 sample"),
        ({"X": np.ones((2, 23), complex)}, "[Cc]omplex"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_input(problem, change, message):
    arguments = {"X": problem[0], "dictionary": problem[1], **change}
    before = {k: v.copy() for k, v in arguments.items() if isinstance(v, np.ndarray)}
    with pytest.raises(ValueError, match=message):
        batch_omp(arguments.pop("X"), arguments.pop("dictionary"), **arguments)
    assert_array_equal(before["X"], change.get("X", problem[0]))


def test_sparse_and_text_are_refused(problem):
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match="[Ss]parse"):
        batch_omp(csr_array(problem[0]), problem[1])
    with pytest.raises(TypeError, match="tol"):
        batch_omp(*problem, tol="small")
