"""Coding what is seen: every signal as if the hidden coordinates did not exist. And mixed precision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sparsela.coding import batch_lasso, batch_omp


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def one_by_one(X, D, mask, code):
    """Each signal over the atoms on its own coordinates, normalised there; coefficients of the whole atoms."""
    C = np.zeros((len(X), len(D)))
    for x, shown, c in zip(X, np.broadcast_to(mask, X.shape), C, strict=True):
        D_seen = D[:, shown]
        norms = np.linalg.norm(D_seen, axis=1)
        left = norms**2 > 1e-12
        if left.any():
            c[left] = code(x[None, shown], D_seen[left] / norms[left, None])[0] / norms[left]
    return C


def coders(k, alpha):
    return {
        "omp": (batch_omp, {"n_nonzero_coefs": k}),
        "ormp": (batch_omp, {"n_nonzero_coefs": k, "variant": "ormp"}),
        "active_set": (batch_lasso, {"alpha": alpha}),
        "lars": (batch_lasso, {"alpha": alpha, "solver": "lars"}),
        "cd": (batch_lasso, {"alpha": alpha, "solver": "cd", "tol": 1e-13}),
    }


@pytest.fixture(scope="module")
def problem():
    rng = np.random.RandomState(0)
    return rng.randn(150, 24), unit(rng.randn(70, 24))


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
@pytest.mark.parametrize("name", ["omp", "ormp", "active_set", "lars", "cd"])
def test_a_mask_for_each_signal(problem, name, share):
    X, D = problem
    mask = np.random.RandomState(1).rand(*X.shape) < share
    mask[:, :6] |= mask.sum(1)[:, None] < 6  # in fewer dimensions than atoms, rounding decides between equal ones
    mask[0], mask[1] = False, True
    function, options = coders(4, 0.4)[name]
    hidden = np.where(mask, X, np.nan)  # what is hidden must not leak
    want = one_by_one(X, D, mask, lambda x, A: function(x, A, **clipped(options, A)))
    for n_jobs in (1, 2):
        got = function(hidden, D, mask=mask, n_jobs=n_jobs, **options)
        assert_allclose(got, want, atol=1e-9 if name != "cd" else 1e-5)
    assert not got[0].any()
    assert_array_equal(function(hidden, D, mask=mask, sparse_output=True, **options).toarray(), got)


def clipped(options, A):
    """A signal that shows fewer coordinates than atoms are asked for gets as many as it has."""
    k = options.get("n_nonzero_coefs")
    return options if k is None else {**options, "n_nonzero_coefs": min(k, *A.shape)}


@pytest.mark.parametrize("name", ["omp", "ormp", "active_set", "lars", "cd"])
def test_one_mask_for_all(problem, name):
    X, D = problem
    mask = np.random.RandomState(2).rand(24) < 0.6
    function, options = coders(4, 0.4)[name]
    hidden = np.where(mask, X, np.inf)
    want = one_by_one(X, D, mask, lambda x, A: function(x, A, **options))
    atol = 1e-9 if name != "cd" else 1e-5
    assert_allclose(function(hidden, D, mask=mask, **options), want, atol=atol)
    assert_allclose(function(hidden, D, mask=np.tile(mask, (150, 1)), **options), want, atol=atol)
    sparse = function(hidden, D, mask=mask, sparse_output=True, **options)
    assert_allclose(sparse.toarray(), want, atol=atol)
    assert sparse.has_canonical_format


@pytest.mark.parametrize("name", ["omp", "active_set"])
def test_everything_or_nothing_seen(problem, name):
    X, D = problem
    function, options = coders(4, 0.4)[name]
    for shape in (X.shape, X.shape[1:]):
        assert_array_equal(function(X, D, mask=np.ones(shape, bool), **options), function(X, D, **options))
        assert not function(X, D, mask=np.zeros(shape, bool), **options).any()


def test_residuals_tolerance_ridge_and_warm_start_under_masks(problem):
    X, D = problem
    mask = np.random.RandomState(3).rand(*X.shape) < 0.7
    C, r = batch_omp(X, D, tol=0.5, mask=mask, return_residual=True)
    assert_allclose(r, (np.where(mask, X - C @ D, 0) ** 2).sum(axis=1), atol=1e-12)
    assert r.max() <= 0.5 * (1 + 1e-8)
    options = {"alpha": 0.3, "l2_reg": 0.2, "weights": np.linspace(0.5, 2, 70)}
    D_ok, weights = D, options["weights"]
    want = one_by_one(X, D_ok, mask, lambda x, A: batch_lasso(x, A, **{**options, "weights": weights}))
    got, gap = batch_lasso(X, D, mask=mask, return_gap=True, **options)
    assert_allclose(got, want, atol=1e-9)
    assert gap.max() <= 1e-9
    again = batch_lasso(X, D, mask=mask, init=got, max_iter=1, **options)
    assert_allclose(again, want, atol=1e-9)
    shared = mask[0]
    got = batch_lasso(X, D, mask=shared, **options)
    assert_allclose(batch_lasso(X, D, mask=shared, init=got, max_iter=1, **options), got, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_masks_on_any_size(data):
    n, m, K = (data.draw(st.integers(1, top)) for top in (6, 13, 40))
    k = data.draw(st.integers(1, min(m, K)))
    rng = np.random.RandomState(data.draw(st.integers(0, 2**31)))
    X, D = rng.randn(n, m), unit(rng.randn(K, m))
    mask = rng.rand(n, m) < data.draw(st.sampled_from([0.1, 0.5, 0.9]))
    C, r = batch_omp(X, D, n_nonzero_coefs=k, mask=mask, return_residual=True)
    R = np.where(mask, X - C @ D, 0)
    assert_allclose(r, (R**2).sum(1), atol=1e-9 * max(1, np.abs(C).max()) ** 2)
    assert ((C != 0).sum(1) <= np.minimum(k, mask.sum(1))).all()
    assert (r <= (np.where(mask, X, 0) ** 2).sum(1) * (1 + 1e-12)).all()
    C, gap = batch_lasso(X, D, alpha=0.1, mask=mask, return_gap=True)
    assert gap.max() <= 1e-9


@pytest.mark.parametrize("width", [16, 32])
def test_masks_at_every_width(at_width, width):
    at_width(
        width,
        """if 1:
        import sys, numpy as np
        sys.path.insert(0, "tests/coding")
        from test_masks import clipped, coders, one_by_one, unit
        rng = np.random.RandomState(0)
        X, D = rng.randn(30, 24), unit(rng.randn(70, 24))
        mask = rng.rand(30, 24) < 0.6
        for name, (function, options) in coders(4, 0.4).items():
            want = one_by_one(X, D, mask, lambda x, A: function(x, A, **clipped(options, A)))
            np.testing.assert_allclose(function(X, D, mask=mask, **options), want, atol=1e-9 if name != "cd" else 1e-5)
        """,
    )


@pytest.mark.parametrize(("function", "options"), [(batch_omp, {}), (batch_lasso, {"alpha": 1.0})])
def test_bad_masks(problem, function, options):
    X, D = problem
    with pytest.raises(TypeError, match="mask must be an array of bool"):
        function(X, D, mask=np.ones(24), **options)
    with pytest.raises(ValueError, match=r"mask must have shape \(24,\) or \(150, 24\)"):
        function(X, D, mask=np.ones(23, bool), **options)
    with pytest.raises(ValueError, match="NaN"):
        function(np.full_like(X, np.nan), D, mask=np.eye(150, 24, dtype=bool), **options)
    with pytest.raises(ValueError, match="NaN"):
        function(np.full_like(X, np.nan), D, **options)


def test_the_lasso_under_a_mask_asks_for_unit_atoms(problem):
    X, D = problem
    with pytest.raises(ValueError, match="unit norm; row 0"):
        batch_lasso(X, np.r_[2 * D[:1], D[1:]], alpha=1.0, mask=np.arange(24) < 12)


@pytest.mark.parametrize("variant", ["omp", "ormp"])
def test_mixed_precision_solves_in_float64(patches, atoms, variant):
    X = patches[:5000]
    for options in ({"n_nonzero_coefs": 5}, {"n_nonzero_coefs": 10}, {"tol": 0.05}):
        single = batch_omp(X.astype("f4"), atoms.astype("f4"), variant=variant, **options)
        mixed, r = batch_omp(X, atoms, precision="mixed", variant=variant, return_residual=True, **options)
        full, r_full = batch_omp(X, atoms, variant=variant, return_residual=True, **options)
        assert mixed.dtype == np.float64
        assert_array_equal(mixed != 0, single != 0)
        for x, c in zip(X[::100], mixed[::100], strict=True):  # coefficients are exact for the support
            S = np.flatnonzero(c)
            if np.linalg.norm(x) > 1e-3:
                assert_allclose(c[S], np.linalg.lstsq(atoms[S].T, x, rcond=None)[0], atol=1e-12)
        assert_allclose(r, ((X - mixed @ atoms) ** 2).sum(1), atol=1e-14)
        same = ((mixed != 0) == (full != 0)).all(axis=1)
        assert same.mean() >= 0.995
        assert_allclose(mixed[same], full[same], atol=1e-10)
        if "tol" not in options:
            assert abs(r.sum() / r_full.sum() - 1) <= 1e-5


def test_mixed_precision_of_any_scale_threads_and_masks(patches, atoms):
    X = patches[:700]
    want = batch_omp(X, atoms, n_nonzero_coefs=5, precision="mixed", n_jobs=1)
    assert_array_equal(batch_omp(X, atoms, n_nonzero_coefs=5, precision="mixed", n_jobs=2), want)
    for exponent in (-500, 500):
        scaled = batch_omp(np.ldexp(X, exponent), atoms, n_nonzero_coefs=5, precision="mixed")
        assert_allclose(np.ldexp(scaled, -exponent) @ atoms, want @ atoms, atol=1e-6)
    mask = np.arange(64) % 3 > 0
    seen = batch_omp(X, atoms, n_nonzero_coefs=3, mask=mask, precision="mixed")
    full = batch_omp(X, atoms, n_nonzero_coefs=3, mask=mask)
    assert (((seen != 0) == (full != 0)).all(1)).mean() > 0.99
    single = batch_omp(X.astype("f4"), atoms.astype("f4"), n_nonzero_coefs=5, precision="mixed")
    assert_array_equal(single, batch_omp(X.astype("f4"), atoms.astype("f4"), n_nonzero_coefs=5))
    with pytest.raises(ValueError, match="takes no mask for each signal"):
        batch_omp(X, atoms, mask=np.random.RandomState(0).rand(700, 64) < 0.5, precision="mixed")
    with pytest.raises(ValueError, match="precision must be one of"):
        batch_omp(X, atoms, precision="double")
