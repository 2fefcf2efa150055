"""K-SVD and MOD: planted dictionaries, invariants of the updates, plain loops that must give the same atoms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sparsela._ext import atoms as kernel
from sparsela.coding import batch_omp
from sparsela.dictionary import KSVD, MOD
from sparsela.dictionary._ksvd import leading_direction
from sparsela.dictionary._users import add_normal_equations, merge_rows, users_of


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def planted(seed, snr_db):
    """The test of the K-SVD paper: 50 atoms in 20 dimensions, 1500 signals of 3 atoms each."""
    rng = np.random.RandomState(seed)
    D = unit(rng.uniform(-1, 1, (50, 20)))
    C = np.zeros((1500, 50))
    for c in C:
        c[rng.choice(50, 3, replace=False)] = rng.randn(3)
    X = C @ D
    if snr_db is not None:
        N = rng.randn(*X.shape)
        X = X + N * np.sqrt((X**2).sum() / (N**2).sum() / 10 ** (snr_db / 10))
    return D, X


METHODS = {
    "approximate": (KSVD, {}, {10: 43, 20: 45, 30: 45, None: 45}),
    "exact": (KSVD, {"method": "exact"}, {10: 43, 20: 45, 30: 45, None: 45}),
    "mod": (MOD, {}, {10: 41, 20: 45, 30: 46, None: 44}),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("snr_db", [10, 20, 30, None])
def test_planted_dictionary_is_recovered(method, snr_db):
    learner, options, bars = METHODS[method]
    found = []
    for seed in range(10):
        D, X = planted(seed, snr_db)
        model = learner(50, n_nonzero_coefs=3, max_iter=80, stop_tol=0, random_state=seed, **options).fit(X)
        found.append((np.abs(D @ model.components_.T).max(axis=1) > 0.99).sum())
    assert np.mean(found) >= bars[snr_db], found


@pytest.mark.parametrize("method", METHODS)
def test_planted_dictionary_once(method):
    learner, options, _ = METHODS[method]
    D, X = planted(0, 30)
    model = learner(50, n_nonzero_coefs=3, max_iter=60, random_state=0, **options).fit(X)
    assert (np.abs(D @ model.components_.T).max(axis=1) > 0.99).sum() >= 40


@pytest.mark.parametrize("learner", [KSVD, MOD])
def test_error_never_rises_with_better_codes_kept(patches, learner):
    fit = {"n_nonzero_coefs": 4, "max_iter": 12, "replace_unused": "none", "stop_tol": 0, "random_state": 0}
    model = learner(64, keep_better_codes=True, **fit).fit(patches[:2000])
    assert (np.diff(model.error_) <= 1e-12).all()
    assert model.error_[-1] < 0.95 * model.error_[0] and model.n_iter_ == 12


@pytest.mark.parametrize("learner", [KSVD, MOD])
def test_keeping_better_codes_learns_worse_atoms(patches, learner):
    """Why it is off by default: the same iterations end at a larger error on the data they learned from."""
    fit = {"n_nonzero_coefs": 4, "max_iter": 15, "stop_tol": 0, "random_state": 0}
    free, kept = (learner(64, keep_better_codes=k, **fit).fit(patches[:3000]) for k in (False, True))
    assert free.score(patches[:3000]) > kept.score(patches[:3000])


def test_each_atom_of_a_sweep_lowers_the_residual(patches, atoms):
    for dtype in (np.float64, np.float32):
        X, D = patches[:1500].astype(dtype), atoms[:100].astype(dtype)
        codes = batch_omp(X, D, n_nonzero_coefs=5, sparse_output=True)
        users, R, unused = users_of(codes), X - codes @ D, np.zeros(100, np.uint8)
        last = np.vdot(R, R)
        for j in range(100):
            before = D[j].copy()
            kernel.ksvd_sweep(R, D, codes.data, *users, np.array([j]), unused, 1)
            now = np.vdot(R, R)
            assert now <= last * (1 + 4 * np.finfo(dtype).eps)
            assert unused[j] == (users.of(j)[0].size == 0)
            if unused[j]:
                assert_array_equal(D[j], before)
            last = now
        assert_allclose(R, X - codes @ D, atol=100 * np.finfo(dtype).eps)
        assert_allclose(np.linalg.norm(D, axis=1), 1, atol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("method", ["approximate", "exact"])
def test_one_iteration_is_one_coding_and_one_plain_sweep(patches, atoms, method):
    X, D = patches[:800], atoms[:50].copy()
    model = KSVD(
        50, n_nonzero_coefs=3, max_iter=1, atom_order="cyclic", dict_init=D, method=method, random_state=0
    ).fit(X)
    C = batch_omp(X, D, n_nonzero_coefs=3)
    R = X - C @ D
    for j in range(50):
        w = C[:, j] != 0  # negative coefficients are users too
        if not w.any():
            continue
        E = R[w] + np.outer(C[w, j], D[j])
        if method == "exact":
            d = np.linalg.svd(E, full_matrices=False)[2][0]
        else:
            d = E.T @ C[w, j]
            d /= np.linalg.norm(d)
        C[w, j] = E @ d
        R[w] = E - np.outer(C[w, j], d)
        D[j] = d
    D *= np.sign(np.take_along_axis(D, np.abs(D).argmax(1)[:, None], 1))
    assert_allclose(model.components_, D, atol=1e-8)
    assert_allclose(model.error_, [np.sqrt((R**2).mean())], rtol=1e-10)


@pytest.mark.parametrize("shape", [(5, 30), (30, 5), (40, 40), (300, 400), (1, 7), (7, 1)])
def test_leading_direction(shape):
    rng = np.random.RandomState(0)
    E = rng.randn(*shape) + 3 * np.outer(rng.randn(shape[0]), rng.randn(shape[1]))
    d = leading_direction(E, rng.randn(shape[1]))
    want = np.linalg.svd(E, full_matrices=False)[2][0]
    assert_allclose(d * np.sign(d @ want), want, atol=1e-8)
    assert leading_direction(np.zeros(shape), np.ones(shape[1])) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_normal_equations(dtype):
    rng = np.random.RandomState(0)
    for n, K, m in ((1, 1, 1), (50, 9, 13), (2000, 33, 64), (700, 5, 130)):
        C = rng.randn(n, K) * (rng.rand(n, K) < 0.2)
        codes, X = csr_array(C.astype(dtype)), rng.randn(n, m).astype(dtype)
        results = []
        for n_threads in (1, 2):
            A, B = np.ones((K, K)), np.ones((K, m))
            add_normal_equations(A, B, X, codes, 0.5, n_threads)
            results.append((A, B))
        C = codes.toarray().astype(float)
        assert_allclose(results[0][0], 1 + 0.5 * C.T @ C, atol=1e-6 if dtype == np.float32 else 1e-12)
        assert_allclose(results[0][1], 1 + 0.5 * C.T @ X, atol=1e-3 if dtype == np.float32 else 1e-10)
        for one, two in zip(*results, strict=True):
            assert_array_equal(one, two)


def test_mod_update_is_the_least_squares_solution(patches, atoms):
    X, D = patches[:1500], atoms[:60].copy()
    model = MOD(60, n_nonzero_coefs=4, max_iter=1, dict_init=D).fit(X)
    C = batch_omp(X, D, n_nonzero_coefs=4)
    used = (C != 0).any(axis=0)
    solved = np.linalg.lstsq(C[:, used], X, rcond=None)[0]
    assert_allclose(model.error_[0], np.sqrt(((X - C[:, used] @ solved) ** 2).mean()), rtol=1e-8)
    assert model.error_[0] <= np.sqrt(((X - C @ D) ** 2).mean())
    cosines = np.abs(np.einsum("ij,ij->i", unit(solved), model.components_[used]))
    assert_allclose(cosines, 1, atol=1e-7)


def test_merge_rows():
    rng = np.random.RandomState(0)
    new, old = (csr_array(rng.randn(40, 7) * (rng.rand(40, 7) < p)) for p in (0.3, 0.6))
    keep = rng.rand(40) < 0.5
    got = merge_rows(new, old, keep)
    assert_array_equal(got.toarray(), np.where(keep[:, None], old.toarray(), new.toarray()))
    assert got.indices.dtype == new.indices.dtype and got.has_canonical_format


@pytest.mark.parametrize("learner", [KSVD, MOD])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_order_of_memory_and_input(patches, learner, dtype):
    X = patches[:3000].astype(dtype)
    kept = X.copy()
    fit = {"n_nonzero_coefs": 4, "max_iter": 4, "random_state": 3}
    want = learner(100, n_jobs=1, **fit).fit(X).components_
    assert want.dtype == dtype
    assert_array_equal(learner(100, n_jobs=2, **fit).fit(X).components_, want)
    assert_array_equal(learner(100, n_jobs=2, **fit).fit(np.asfortranarray(X)).components_, want)
    assert_array_equal(X, kept)
    assert_allclose(np.linalg.norm(want, axis=1), 1, atol=1e-6)
    assert (np.take_along_axis(want, np.abs(want).argmax(1)[:, None], 1) > 0).all()


def test_sweep_splits_large_atoms_over_threads_without_changing_a_bit():
    rng = np.random.RandomState(0)
    X, D = rng.randn(30_000, 20), unit(rng.randn(8, 20))
    results = []
    for n_threads in (1, 2):
        codes = batch_omp(X, D, n_nonzero_coefs=2, sparse_output=True)
        R, E = X - codes @ D, D.copy()
        kernel.ksvd_sweep(R, E, codes.data, *users_of(codes), np.arange(8), np.zeros(8, np.uint8), n_threads)
        results.append((R, E, codes.data))
    for one, two in zip(*results, strict=True):
        assert_array_equal(one, two)


def test_useless_atoms_are_replaced(patches):
    D = unit(np.vstack([patches[:30], patches[:30], np.eye(64)[:4]]) + 1e-9)
    fit = {"n_nonzero_coefs": 3, "stop_tol": 0, "random_state": 0, "dict_init": D}
    for learner in (KSVD, MOD):
        model = learner(64, max_iter=6, **fit).fit(patches[100:2100])
        G = np.abs(np.tril(model.components_ @ model.components_.T, -1))
        assert (G > 0.99).sum() <= 1  # thirty doubles at first; the last sweep is not cleaned
        kept = learner(64, max_iter=6, replace_unused="none", **fit).fit(patches[100:2100])
        assert model.error_[-1] < kept.error_[-1]


def test_tolerance_instead_of_sparsity(patches):
    X = patches[:1000]
    model = KSVD(80, tol=0.05, max_iter=3, random_state=0).fit(X)
    residual = batch_omp(X, model.components_, tol=0.05, return_residual=True)[1]
    assert residual.max() <= 0.05 * (1 + 1e-8)
    assert model.score(X) == -residual.mean()


@pytest.mark.parametrize("learner", [KSVD, MOD])
def test_callback_sees_and_stops(patches, learner):
    seen = []

    def stop_at_three(state):
        seen.append((state.n_iter, state.error, state.components.shape))
        return state.n_iter == 3

    model = learner(40, n_nonzero_coefs=3, callback=stop_at_three, random_state=0).fit(patches[:500])
    assert [s[0] for s in seen] == [1, 2, 3] and model.n_iter_ == 3
    assert [s[1] for s in seen] == model.error_ and seen[0][2] == (40, 64)


@pytest.mark.parametrize("learner", [KSVD, MOD])
@pytest.mark.parametrize("start", ["data", "svd", "kmeans++"])
def test_starts(patches, learner, start):
    model = learner(100, n_nonzero_coefs=3, max_iter=2, dict_init=start, random_state=0).fit(patches[:600])
    assert model.components_.shape == (100, 64) and np.isfinite(model.components_).all()


@pytest.mark.parametrize("learner", [KSVD, MOD])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 300}, "n_components=300 distinct samples"),
        ({"n_components": 4, "n_nonzero_coefs": 5}, r"min\(64, 4\) = 4, got 5"),
        ({"n_components": 4, "dict_init": np.ones((3, 64))}, r"dict_init must have shape .* \(4, 64\)"),
        ({"n_components": 4, "dict_init": np.zeros((4, 64))}, "zero"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": 4, "tol": -1.0}, "tol"),
        ({"n_components": 4, "dict_init": "random"}, "dict_init"),
        ({"n_components": 4, "max_iter": 0}, "max_iter"),
        ({"n_components": 4, "n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_parameters(patches, learner, options, message):
    with pytest.raises(ValueError, match=message):
        learner(**options).fit(patches[:200])


@pytest.mark.parametrize("learner", [KSVD, MOD])
@pytest.mark.parametrize(("dtype", "size"), [(np.float64, 1e200), (np.float32, 1e30)])
def test_signals_whose_squares_leave_the_floats_are_refused(learner, dtype, size):
    X = np.random.default_rng(0).normal(size=(40, 5))
    with pytest.raises(ValueError, match="^X must be between"):
        learner(4, max_iter=3, random_state=0).fit((size * X).astype(dtype))
    model = learner(4, max_iter=3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="^X must be between"):
        model.score(1e200 * X)


@pytest.mark.parametrize("learner", [KSVD, MOD])
def test_bad_data(learner):
    with pytest.raises(ValueError, match="X is zero"):
        learner(2).fit(np.zeros((9, 4)))
    with pytest.raises(ValueError, match="NaN"):
        learner(2).fit(np.full((9, 4), np.nan))
    X = np.random.RandomState(0).randn(50, 4)
    X[:, 1] = 3.0  # a constant column is data like any other
    assert np.isfinite(learner(3, max_iter=3, random_state=0).fit(X).components_).all()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_kernels_on_any_size(data):
    """A sweep and the normal equations against plain loops: single rows and atoms, odd widths, any scale."""
    n, K, m = (data.draw(st.integers(1, top)) for top in (40, 12, 41))
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    scale = 10.0 ** data.draw(st.sampled_from([-12, 0, 12]))
    rng = np.random.RandomState(data.draw(st.integers(0, 2**31)))
    D = unit(rng.randn(K, m)).astype(dtype)
    C = (scale * rng.randn(n, K) * (rng.rand(n, K) < data.draw(st.sampled_from([0.0, 0.2, 1.0])))).astype(dtype)
    X = (scale * rng.randn(n, m)).astype(dtype)
    codes = csr_array(C)
    A, B = np.zeros((K, K)), np.zeros((K, m))
    users = add_normal_equations(A, B, X, codes, 1.0, 2)
    eps = n * m * 20 * np.finfo(dtype).eps
    assert_allclose(A, C.T.astype(float) @ C, atol=eps * scale**2)
    assert_allclose(B, C.T.astype(float) @ X, atol=eps * scale**2 * 10)
    R, E, unused = X - codes @ D, D.copy(), np.zeros(K, np.uint8)
    kernel.ksvd_sweep(R, E, codes.data, *users, np.arange(K), unused, 2)
    assert_allclose(R, X - codes @ E, atol=eps * scale * 10)
    assert_allclose(np.linalg.norm(E, axis=1), 1, atol=eps)
    before, after = ((r.astype(float) ** 2).sum() for r in (X - C @ D, R))
    assert after <= before * (1 + eps)
    assert_array_equal(unused, (C == 0).all(axis=0))


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_vectors_give_the_same_atoms(at_width, patches, tmp_path, width):
    fit = {"n_nonzero_coefs": 3, "max_iter": 2, "random_state": 0}
    np.savez(tmp_path / "p.npz", X=patches[:500, :51], D=KSVD(40, **fit).fit(patches[:500, :51]).components_)
    at_width(
        width,
        f"""if 1:
        import numpy as np
        from sparsela.dictionary import KSVD
        saved = np.load({str(tmp_path / "p.npz")!r})
        np.testing.assert_allclose(KSVD(40, **{fit}).fit(saved["X"]).components_, saved["D"], atol=1e-8)
        """,
    )
