"""Singular value thresholding: the table of planted estimates, thresholds against their formulas, fairness ratios."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from sparsela.lowrank import SingularValueThresholding, individual_fairness_ratios, singular_value_threshold
from sparsela.lowrank._threshold import _marchenko_pastur_median, _optimal_ratio


def planted(p, seed, m=1000, n=400, rank=5, noise=0.1):
    rng = np.random.default_rng(seed)
    A = rng.uniform(-1, 1, (m, rank)) @ rng.uniform(-1, 1, (rank, n))
    A /= np.abs(A).max()
    return A, np.where(rng.random((m, n)) < p, A + noise * rng.standard_normal((m, n)), np.nan)


@pytest.mark.parametrize(
    ("p", "mse", "before", "after", "truth"),
    [(0.1, 0.267, 1.43, 0.440, 0.405), (0.3, 0.062, 0.294, 0.148, 0.145), (0.6, 0.020, 0.115, 0.080, 0.080)],
)
def test_table(p, mse, before, after, truth):
    rows = []
    for seed in range(3):
        A, X = planted(p, seed)
        model = SingularValueThresholding(bounds=(-2.0, 2.0))  # a centre other than 0 would be a sixth direction
        estimate = model.fit_transform(X)
        assert model.rank_ == 5
        Z = np.where(np.isnan(X), 0, X)
        ratios = [
            np.median(individual_fairness_ratios(B, Z, n_pairs=20_000, random_state=0))
            for B in (Z / model.observed_fraction_, estimate, A)
        ]
        rows.append([np.mean((estimate - A) ** 2) / np.mean(A**2), *ratios])
    found = np.mean(rows, axis=0)
    print(p, found.round(3))
    assert found[0] == pytest.approx(mse, rel=0.1)
    assert_allclose(found[1:], [before, after, truth], rtol=0.1)
    assert found[1] >= 1.4 * found[2] and found[2] <= 1.1 * found[3]


def test_authors_generator_needs_the_bound_from_the_data():
    """Ten clusters of a hundred users, fifty items, a tenth seen."""
    rng = np.random.default_rng(0)
    A = np.repeat(rng.uniform(-1, 1, (10, 50)), 100, axis=0)
    X = np.where(rng.random(A.shape) < 0.1, A, np.nan)
    given, bounded = SingularValueThresholding(noise_var=0.1), SingularValueThresholding()
    assert given.fit(X).rank_ >= 5 and bounded.fit(X).rank_ == 0
    assert np.mean((bounded.estimate_ - A) ** 2) < np.mean((given.estimate_ - A) ** 2)


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_operator(kind):
    X = np.random.default_rng(0).standard_normal((30, 20))
    Z = singular_value_threshold(X, 5.0, kind=kind)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    assert_allclose(Z, (U * (np.maximum(s - 5, 0) if kind == "soft" else s * (s >= 5))) @ Vt, atol=1e-12)
    if kind == "soft":  # the proximal operator: X − Z is 5 times a subgradient
        assert np.linalg.norm(X - Z, 2) <= 5 * (1 + 1e-12)
        assert np.sum((X - Z) * Z) == pytest.approx(5 * np.linalg.norm(Z, "nuc"))


def test_gavish_donoho():
    assert _optimal_ratio(1.0) == pytest.approx(4 / np.sqrt(3) / np.sqrt(_marchenko_pastur_median(1.0)))
    assert _optimal_ratio(1.0) == pytest.approx(2.858, abs=1e-3)
    for beta in (0.2, 0.5, 0.8):  # the authors' fit
        assert _optimal_ratio(beta) == pytest.approx(0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43, abs=0.02)
    noise = np.random.default_rng(0).standard_normal((1000, 400))
    median = np.median(np.linalg.svd(noise, compute_uv=False)) ** 2 / 1000
    assert _marchenko_pastur_median(0.4) == pytest.approx(median, rel=0.01)
    A, X = planted(1.1, 0)
    assert SingularValueThresholding("gavish-donoho", bounds=(-2.0, 2.0)).fit(X).rank_ == 5
    with pytest.raises(ValueError, match="seen whole"):
        SingularValueThresholding("gavish-donoho").fit(planted(0.5, 0)[1])


def test_sparse_and_dense_agree_and_explicit_zeros_count():
    A, X = planted(0.3, 1)
    i, j = np.nonzero(~np.isnan(X))
    sparse = sp.csr_array((X[i, j], (i, j)), shape=X.shape)
    sparse.data[:50] = 0
    X[i[:50], j[:50]] = 0
    a, b = SingularValueThresholding().fit(X), SingularValueThresholding().fit(sparse)
    assert_allclose(a.estimate_, b.estimate_, atol=1e-10)
    assert a.observed_fraction_ == b.observed_fraction_ == np.mean(~np.isnan(X))


def test_partial_svd_finds_all_that_is_above():
    A, X = planted(0.5, 2, rank=30)
    model = SingularValueThresholding(3.0, bounds=(-2, 2)).fit(X)
    Z = np.where(np.isnan(X), 0, X) / 2
    assert model.rank_ == (np.linalg.svd(Z, compute_uv=False) >= 3).sum() > 10


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_rows_of_the_fit_come_back(kind):
    A, X = planted(0.5, 3)
    model = SingularValueThresholding(kind=kind).fit(X)
    assert_allclose(model.transform(X), model.estimate_, atol=1e-8)
    assert np.abs(model.estimate_).max() <= max(np.abs(model.bounds_))


@pytest.mark.parametrize("metrics", [(1, 2), (2, np.inf)])
def test_ratios_against_scipy(metrics):
    rng = np.random.default_rng(0)
    estimate, observed = rng.standard_normal((30, 4)), rng.standard_normal((30, 7))
    observed[3] = observed[8]
    found = individual_fairness_ratios(estimate, observed, metric_in=metrics[0], metric_out=metrics[1])
    out = (
        cdist(estimate, estimate, "minkowski", p=metrics[1])
        if np.isfinite(metrics[1])
        else cdist(estimate, estimate, "chebyshev")
    )
    apart = cdist(observed, observed, "minkowski", p=metrics[0])
    pairs = np.triu_indices(30, 1)
    keep = apart[pairs] > 0
    assert len(found) == 30 * 29 // 2 - 1 == keep.sum()
    assert_allclose(found, out[pairs][keep] / apart[pairs][keep])
    drawn = individual_fairness_ratios(estimate, observed, n_pairs=100, random_state=1)
    assert len(drawn) <= 100
    assert_allclose(drawn, individual_fairness_ratios(estimate, observed, n_pairs=100, random_state=1))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: singular_value_threshold(np.eye(3), -1.0), "threshold must be finite and non-negative"),
        (lambda: singular_value_threshold(np.eye(3), 1.0, kind="firm"), "kind must be"),
        (lambda: SingularValueThresholding(bounds=(1.0, 0.0)).fit(np.eye(3)), "the lower first"),
        (lambda: SingularValueThresholding(bounds=(0.0, 0.5)).fit(np.eye(3)), "must hold all of X"),
        (lambda: SingularValueThresholding().fit(np.full((3, 3), np.nan)), "at least one observed"),
        (lambda: individual_fairness_ratios(np.eye(3), np.eye(4)), "as many rows"),
        (lambda: individual_fairness_ratios(np.eye(3), np.eye(3), metric_in=0.5), "metric_in must be a norm"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
