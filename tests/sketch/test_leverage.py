"""Leverage scores: exact to rounding, sketched within a factor, and samples by them keep the column space."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela.sketch import leverage_sample, leverage_scores


@pytest.fixture(scope="module")
def spiky():
    A = np.random.default_rng(0).normal(size=(5000, 60))
    A[7] *= 300
    A[3333] *= 50
    return A


def reference(A, rank=None):
    return (np.linalg.svd(A, full_matrices=False)[0][:, :rank] ** 2).sum(axis=1)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_exact(spiky, form):
    scores = leverage_scores(form(spiky), random_state=0)
    np.testing.assert_allclose(scores, reference(spiky), rtol=0, atol=1e-12)
    assert scores.sum() == pytest.approx(60, abs=1e-10)
    assert scores[7] > 0.99


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_ill_conditioned_and_of_less_than_full_rank(form):
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(2000, 20)))[0]
    A = Q * np.logspace(0, -9, 20)
    np.testing.assert_allclose(leverage_scores(form(A), random_state=0), (Q**2).sum(axis=1), atol=1e-7)
    A = rng.normal(size=(2000, 5)) @ rng.normal(size=(5, 20))
    scores = leverage_scores(form(A), random_state=0)
    np.testing.assert_allclose(scores, reference(A, 5), atol=1e-12)
    assert scores.sum() == pytest.approx(5)
    assert not leverage_scores(form(np.zeros((50, 3))), random_state=0).any()


def test_wide_and_complex():
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(leverage_scores(rng.normal(size=(5, 9))), 1, atol=1e-12)
    A = rng.normal(size=(300, 4)) + 1j * rng.normal(size=(300, 4))
    want = (np.abs(np.linalg.qr(A)[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(leverage_scores(A), want, atol=1e-12)
    np.testing.assert_allclose(leverage_scores(sp.csr_array(A), random_state=0), want, atol=1e-12)
    assert leverage_scores(A.real.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_sketched_within_a_factor(spiky, form):
    exact = reference(spiky)
    for seed in range(10):
        ratio = leverage_scores(form(spiky), method="sketched", random_state=seed) / exact
        assert ratio.min() >= 0.4 and ratio.max() <= 2.6


def test_projections(spiky):
    exact = reference(spiky)
    t = int(8 * np.log(5000))
    ratio = leverage_scores(spiky, method="sketched", n_projections=t, random_state=0) / exact
    assert ratio.min() >= 0.25 and ratio.max() <= 4
    assert ratio.mean() == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("replace", [False, True])
def test_samples_keep_the_column_space_where_uniform_ones_do_not(spiky, replace):
    Q = np.linalg.qr(spiky)[0]
    scores = reference(spiky)
    missed = 0
    for seed in range(10):
        indices, weights = leverage_sample(spiky, 20 * 60, scores=scores, replace=replace, random_state=seed)
        sigma = np.linalg.svd(weights[:, None] * Q[indices], compute_uv=False)
        assert sigma[-1] >= 0.5 and sigma[0] <= 1.5
        assert (len(indices) == 1200) if replace else abs(len(indices) - 1200) < 200
        indices, weights = leverage_sample(spiky, 1200, scores=np.ones(5000), replace=replace, random_state=seed)
        missed += np.linalg.svd(weights[:, None] * Q[indices], compute_uv=False)[-1] < 0.05
    assert missed >= 6


def test_samples_are_unbiased():
    A = np.random.default_rng(0).normal(size=(40, 2))
    for replace in (False, True):
        grams = []
        for seed in range(2000):
            indices, weights = leverage_sample(A, 10, replace=replace, random_state=seed)
            SA = weights[:, None] * A[indices]
            grams.append(SA.T @ SA)
        grams = np.array(grams)
        assert (np.abs(grams.mean(axis=0) - A.T @ A) <= 5 * grams.std(axis=0) / np.sqrt(2000)).all()
    indices, weights = leverage_sample(A, 100, random_state=0)
    np.testing.assert_array_equal(indices, np.arange(40))
    np.testing.assert_array_equal(weights, 1)


ones = np.ones((6, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: leverage_scores(ones, method="x"), ValueError, "method must be"),
        (lambda: leverage_scores(ones * np.inf), ValueError, "infinity"),
        (lambda: leverage_scores(np.empty((0, 2))), ValueError, "A must not be empty"),
        (lambda: leverage_scores(ones, rcond=2.0), ValueError, "rcond must be below 1"),
        (lambda: leverage_scores(ones, sampling_factor=1), ValueError, "sampling_factor must be above 1"),
        (lambda: leverage_scores(ones, n_projections=3), ValueError, "n_projections go with method='sketched'"),
        (lambda: leverage_scores(ones, method="sketched", n_projections=0), ValueError, "n_projections must be at"),
        (lambda: leverage_sample(ones, 0), ValueError, "n_samples must be at least 1"),
        (lambda: leverage_sample(ones, 2, replace=1), TypeError, "replace must be a bool"),
        (lambda: leverage_sample(ones, 2, scores=np.ones(5)), ValueError, r"scores must have shape \(6,\)"),
        (lambda: leverage_sample(ones, 2, scores=-np.ones(6)), ValueError, "scores must not be negative"),
        (lambda: leverage_sample(ones, 2, scores=np.zeros(6)), ValueError, "scores must not be all zero"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_denormal_entries_are_answered_or_refused_in_words():
    A = np.random.default_rng(0).normal(size=(40, 5)) * 1e-310
    np.testing.assert_allclose(leverage_scores(A).sum(), 5)
    with pytest.raises(ValueError, match="A must be between"):
        leverage_scores(sp.csr_array(A))  # by its Gram matrix
