"""Coordinated samples and sketched products: unbiased, as exact as the theory says, mergeable."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela.sketch import (
    approx_matmul,
    coordinated_sample,
    leverage_scores,
    lstsq_from_samples,
    product_from_samples,
    uniform_hash,
)
from sparsela.sketch._samples import inclusion_rate

SIZES = (200, 400, 800)
FIGURES = (0.083, 0.048, 0.026)
METHODS = ("priority", "threshold")


def tables(seed):
    """The setting of the paper: 5000 × 100, four non-zeros a row, rows scaled by exp(N(0, 1)), correlated."""
    rng = np.random.default_rng(seed)

    def table():
        return (rng.random((5000, 100)) < 0.04) * rng.normal(size=(5000, 100)) * np.exp(rng.normal(size=(5000, 1)))

    A = table()
    return A, table() + 0.5 * A


def rms(errors):
    return np.sqrt(np.mean(np.square(errors)))


def test_error_at_the_setting_of_the_paper():
    """Forty seeds; and a CountSketch of as many numbers is worse, so that it needs ten times the storage."""
    A, B = (sp.csr_array(X) for X in tables(10))
    exact = (A.T @ B).toarray()
    scale = sp.linalg.norm(A) * sp.linalg.norm(B)
    for size, figure, k in zip(SIZES, FIGURES, (11, 23, 45), strict=True):
        found = {}
        for method in METHODS:
            found[method] = [
                product_from_samples(*(coordinated_sample(X, size, method=method, random_state=seed) for X in (A, B)))
                for seed in range(40)
            ]
        error = {m: rms([np.linalg.norm(W - exact) / scale for W in Ws]) for m, Ws in found.items()}
        assert error["priority"] == pytest.approx(figure, rel=0.15)
        assert error["priority"] <= np.sqrt(2 / (size - 1))
        assert error["threshold"] == pytest.approx(error["priority"], rel=0.05)
        W = np.array(found["priority"])
        along = ((W - exact) * exact).sum(axis=(1, 2))  # one direction, so that one number is tested
        assert abs(along.mean()) <= 4 * along.std() / np.sqrt(40)
        # of each table a row of s non-zeros is stored as s numbers
        stored = coordinated_sample(A, size, random_state=0).rows.nnz
        assert stored <= 100 * k
        linear = rms(
            [np.linalg.norm(approx_matmul(A, B, k, kind="countsketch", random_state=s) - exact) for s in range(40)]
        )
        assert (linear / scale / error["priority"]) ** 2 >= 10  # error falls as one over the root of storage


def test_exact_error_of_threshold_samples():
    """Its formula, Σ ‖A_i‖² ‖B_i‖² (1/p_i − 1), on twelve draws of the setting: no luck of seeds in it."""
    errors = []
    for seed in range(12):
        A, B = tables(seed)
        a, b = (A * A).sum(axis=1), (B * B).sum(axis=1)
        on, row = (a > 0) & (b > 0), []
        for size in SIZES:
            p = np.minimum(1, np.minimum(a * inclusion_rate(a[a > 0], size), b * inclusion_rate(b[b > 0], size)))[on]
            row.append(np.sqrt((a[on] * b[on] * (1 / p - 1)).sum() / (a.sum() * b.sum())))
            assert row[-1] <= np.sqrt(2 / size)
        errors.append(row)
    np.testing.assert_allclose(np.mean(errors, axis=0), FIGURES, rtol=0.15)


def test_threshold_estimator_has_that_error():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 60, 2)) + 0.5
    a, b = (A * A).sum(axis=1), (B * B).sum(axis=1)
    p = np.minimum(1, np.minimum(a * inclusion_rate(a, 20), b * inclusion_rate(b, 20)))
    want = (a * b * (1 / p - 1)).sum()
    W = np.array(
        [
            product_from_samples(*(coordinated_sample(X, 20, method="threshold", random_state=seed) for X in (A, B)))
            for seed in range(4000)
        ]
    )
    squares = ((W - A.T @ B) ** 2).sum(axis=(1, 2))
    assert abs(squares.mean() - want) <= 5 * squares.std() / np.sqrt(4000)
    assert (np.abs(W.mean(axis=0) - A.T @ B) <= 5 * W.std(axis=0) / np.sqrt(4000)).all()


@pytest.mark.parametrize("weighting", ["l2", "uniform", "array"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_priority_twin(weighting, form):
    rng = np.random.default_rng(0)
    A = (rng.random((300, 5)) < 0.3) * rng.normal(size=(300, 5))
    ids = rng.permutation(10_000)[:300]
    w = {"l2": (A * A).sum(axis=1), "uniform": A.any(axis=1) * 1.0, "array": rng.random(300)}[weighting]
    given = w if weighting == "array" else weighting
    S = coordinated_sample(form(A), 40, weighting=given, random_state=5, row_ids=ids)
    with np.errstate(divide="ignore"):
        ranks = uniform_hash(ids, seed=5) / w
    order = np.argsort(ranks)
    kept = np.sort(order[:40][np.argsort(ids[order[:40]])])
    np.testing.assert_array_equal(S.indices, np.sort(ids[order[:40]]))
    assert set(kept) == {int(np.flatnonzero(ids == i)[0]) for i in S.indices}
    assert S.tau == ranks[order[40]]
    rows = S.rows.toarray() if sp.issparse(S.rows) else S.rows
    np.testing.assert_array_equal(rows, A[[int(np.flatnonzero(ids == i)[0]) for i in S.indices]])
    assert S.nbytes > 0 and S.size == 40 and S.n_features == 5 and "RowSample(" in repr(S)


def test_inclusion_rate():
    rng = np.random.default_rng(0)
    for spread in (0.1, 3, 30):
        for size in (1, 7, 49):
            w = np.exp(spread * rng.normal(size=50))
            assert np.minimum(1, inclusion_rate(w, size) * w).sum() == pytest.approx(size, rel=1e-12)
    assert inclusion_rate(np.ones(5), 5) == np.inf


def test_small_tables_are_kept_whole():
    A = np.random.default_rng(0).normal(size=(10, 3))
    A[4] = 0
    for method in METHODS:
        S = coordinated_sample(A, 9, method=method, random_state=0)
        assert S.tau == np.inf and 4 not in S.indices and len(S.indices) == 9
        np.testing.assert_allclose(product_from_samples(S, S), A.T @ A, rtol=1e-13)
    empty = coordinated_sample(np.empty((0, 3)), 9, random_state=0)
    assert not product_from_samples(empty, coordinated_sample(A, 9, random_state=0)).any()


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_merged_is_one_shot(form):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(1000, 4)) * np.exp(rng.normal(size=(1000, 1)))
    whole = coordinated_sample(form(A), 50, random_state=3)
    for cuts in ([500], [10, 30], [300, 310, 900]):
        parts = np.split(rng.permutation(1000), cuts)
        samples = [coordinated_sample(form(A[ids]), 50, random_state=3, row_ids=ids) for ids in parts]
        merged = samples[0]
        for S in samples[1:]:
            merged = merged.merge(S)
        np.testing.assert_array_equal(merged.indices, whole.indices)
        assert merged.tau == pytest.approx(whole.tau, rel=1e-12)
        np.testing.assert_allclose(product_from_samples(merged, whole), product_from_samples(whole, whole), rtol=1e-12)


def test_regression_across_tables():
    """E‖A (x̂ − x*)‖² ≤ 2 d ‖b‖² / (size − 1), and unbiased."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3000, 8)) * np.exp(rng.normal(size=(3000, 1)))
    b = A @ np.arange(8.0) + rng.normal(size=3000)
    best = np.linalg.lstsq(A, b, rcond=None)[0]
    found = []
    for seed in range(100):
        here = coordinated_sample(A, 400, weighting="leverage", random_state=seed)
        found.append(lstsq_from_samples(here, coordinated_sample(b[:, None], 400, random_state=seed)))
    found = np.array(found)
    np.testing.assert_allclose(here.gram, A.T @ A)
    np.testing.assert_allclose(here.weights, leverage_scores(A)[here.indices])
    error = np.mean(((found - best) @ A.T) ** 2, axis=0).sum()
    assert error <= 2 * 8 * (b @ b) / 399
    assert (np.abs(found.mean(axis=0) - best) <= 5 * found.std(axis=0) / 10).all()
    two = coordinated_sample(np.stack([b, -b], axis=1), 400, random_state=seed)
    assert lstsq_from_samples(here, two).shape == (8, 2)


@pytest.mark.parametrize("kind", ["countsketch", "sparse_embedding", "gaussian", "srht"])
def test_approximate_product(kind):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(300, 3)), rng.normal(size=(300, 2)) + 0.3
    k = 32
    W = np.array([approx_matmul(A, B, k, kind=kind, random_state=seed) for seed in range(1500)])
    se = W.std(axis=0) / np.sqrt(1500)
    assert (np.abs(W.mean(axis=0) - A.T @ B) <= 5 * se).all()
    errors = ((W - A.T @ B) ** 2).sum(axis=(1, 2))
    assert errors.mean() <= 2 / k * (A * A).sum() * (B * B).sum()
    if kind in ("countsketch", "sparse_embedding"):
        exact = np.multiply.outer((A * A).sum(axis=0), (B * B).sum(axis=0)) + (A.T @ B) ** 2
        exact = (exact - 2 * (A * A).T @ (B * B)) / k
        np.testing.assert_allclose(W.var(axis=0), exact, rtol=0.25)
    one = approx_matmul(sp.csr_array(A), B, k, kind=kind, random_state=0)
    np.testing.assert_allclose(one, W[0], atol=1e-10)


ones = np.ones((6, 2))
S0, S1 = (coordinated_sample(ones, 3, random_state=seed) for seed in (0, 1))
T0 = coordinated_sample(ones, 3, method="threshold", random_state=0)
L0 = coordinated_sample(ones, 3, weighting="leverage", random_state=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: coordinated_sample(ones, 0), ValueError, "size must be at least 1"),
        (lambda: coordinated_sample(ones[0], 1), ValueError, "A must have two dimensions"),
        (lambda: coordinated_sample(ones * np.nan, 1), ValueError, "NaN"),
        (lambda: coordinated_sample(ones * 1j, 1), TypeError, "A must be real"),
        (lambda: coordinated_sample(ones, 1, method="x"), ValueError, "method must be one of"),
        (lambda: coordinated_sample(ones, 1, weighting="x"), ValueError, "weighting must be one of"),
        (lambda: coordinated_sample(ones, 1, weighting=-np.ones(6)), ValueError, "weighting must not be negative"),
        (lambda: coordinated_sample(ones, 1, weighting=np.ones(5)), ValueError, r"weighting must have shape \(6,\)"),
        (lambda: coordinated_sample(ones, 1, row_ids=np.zeros(6, int)), ValueError, "row_ids must be all different"),
        (lambda: coordinated_sample(ones, 1, row_ids=np.arange(-1, 5)), ValueError, "got -1"),
        (lambda: coordinated_sample(np.empty((5, 0)), 1), ValueError, "at least one column"),
        (lambda: product_from_samples(S0, S1), ValueError, "equal seed, got 0 and 1"),
        (lambda: product_from_samples(S0, T0), ValueError, "equal method"),
        (lambda: product_from_samples(S0, ones), TypeError, "SB must be a RowSample, got ndarray"),
        (lambda: lstsq_from_samples(S0, S0), ValueError, "SA must be sampled with weighting='leverage', got 'l2'"),
        (lambda: S0.merge(S0), ValueError, "different row ids"),
        (lambda: S0.merge(ones), TypeError, "other must be a RowSample"),
        (lambda: S0.merge(coordinated_sample(ones, 4, random_state=0)), ValueError, "equal size, got 3 and 4"),
        (lambda: S0.merge(coordinated_sample(ones[:, :1], 3, random_state=0)), ValueError, "equal n_features"),
        (lambda: L0.merge(L0), ValueError, "by leverage cannot be merged"),
        (
            lambda: T0.merge(
                coordinated_sample(2 * ones, 3, method="threshold", random_state=0, row_ids=np.arange(6, 12))
            ),
            ValueError,
            "equal tau",
        ),
        (lambda: approx_matmul(ones, ones[:5], 4), ValueError, "equally many rows"),
        (lambda: approx_matmul(ones, ones, 0), ValueError, "n_components"),
        (lambda: approx_matmul(ones[:0], ones[:0], 4), ValueError, "must not be empty"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_samples_are_frozen_and_inputs_kept():
    with pytest.raises(AttributeError):
        S0.tau = 1
    A = sp.csr_array((np.ones(3), [1, 0, 0], [0, 3, 3]), shape=(2, 2))  # unsorted, repeated
    kept = A.indices.copy()
    S = coordinated_sample(A, 2, random_state=0)
    np.testing.assert_array_equal(A.indices, kept)
    np.testing.assert_allclose(S.weights, [5.0])
