"""Online dictionary learning: the stream's algebra, its objective, restarts, hostile batches."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq

from sparsela._ext import atoms as kernel
from sparsela.coding import batch_lasso
from sparsela.dictionary import OnlineDictionaryLearning
from sparsela.dictionary._online import keep_of_past


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def objective(X, D, alpha):
    C = batch_lasso(X, D, alpha=alpha)
    return (0.5 * ((X - C @ D) ** 2).sum() + alpha * np.abs(C).sum()) / len(X)


def elastic(u, r):
    """The nearest point with r |u|_1 + (1 - r) |u|_2^2 <= 1, its multiplier by bisection."""

    def shrunk(t):
        return np.sign(u) * np.maximum(np.abs(u) - r * t, 0) / (1 + 2 * (1 - r) * t)

    def excess(t):
        return r * np.abs(shrunk(t)).sum() + (1 - r) * (shrunk(t) ** 2).sum() - 1

    return shrunk(brentq(excess, 0, np.abs(u).max() / r, xtol=1e-15)) if excess(0) > 0 else u


def test_atom_sweep_equals_the_plain_loop():
    rng = np.random.RandomState(0)
    for K, m in ((1, 1), (5, 3), (32, 8), (33, 9), (100, 64)):
        C = rng.randn(300, K)
        A, B, D = C.T @ C / 300, rng.randn(K, m), unit(rng.randn(K, m))
        if K > 4:
            A[3], A[:, 3] = 0, 0
        for positive, ratio in ((False, 0.0), (True, 0.0), (False, 0.3), (True, 0.9), (False, 1.0)):
            want, unused = D.copy(), np.zeros(K, np.uint8)
            for j in range(K):
                if A[j, j] <= 1e-10:
                    continue
                u = want[j] + (B[j] - A[j] @ want) / A[j, j]
                u = np.maximum(u, 0) if positive else u
                u = elastic(u, ratio) if ratio else u
                if np.linalg.norm(u) > 0:
                    want[j] = u / np.linalg.norm(u)
            got = D.copy()
            kernel.atom_sweep(A, B, got, positive, ratio, 1e-10, unused)
            assert_allclose(got, want, atol=1e-11)
            assert unused[3] if K > 4 else True


def test_one_batch_by_hand(patches, atoms):
    X, D = patches[:200], atoms[:60]
    model = OnlineDictionaryLearning(60, alpha=0.1, dict_init=D, random_state=0).partial_fit(X)
    C = batch_lasso(X, D, alpha=0.1)
    A, B = C.T @ C / 200, C.T @ X / 200
    used = np.diag(A) > 1e-10 * np.diag(A).max()
    signs = np.sign(np.einsum("ij,ij->i", D, model.components_))[used]
    assert_allclose(
        model.inner_stats_[0][np.ix_(used, used)] * np.outer(signs, signs), A[np.ix_(used, used)], atol=1e-12
    )
    assert_allclose(model.inner_stats_[1][used] * signs[:, None], B[used], atol=1e-12)
    assert_allclose(model.error_, [objective(X, D, 0.1)], rtol=1e-9)
    assert model.n_steps_ == 1


def test_partial_fit_over_the_batches_is_fit(patches, atoms):
    for dtype in (np.float64, np.float32):
        X, D = patches[:2000].astype(dtype), atoms[:80].astype(dtype)
        options = {"alpha": 0.1, "dict_init": D, "batch_size": 300, "random_state": 5}
        whole = OnlineDictionaryLearning(80, shuffle=False, max_iter=1, **options).fit(X)
        stream = OnlineDictionaryLearning(80, **options)
        for start in range(0, 2000, 300):
            stream.partial_fit(X[start : start + 300])
        assert whole.components_.dtype == dtype
        if dtype == np.float64:
            assert_array_equal(stream.components_, whole.components_)
            assert_array_equal(stream.inner_stats_[0], whole.inner_stats_[0])
        assert stream.n_steps_ == whole.n_steps_ == 7
        assert_allclose(np.mean(np.repeat(stream.error_, [300] * 6 + [200])), whole.error_[0], rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["lasso", "lasso_cd", "omp", "ormp"])
def test_objective_falls_and_threads_change_nothing(patches, algorithm):
    X, held_out = patches[:3000], patches[3000:5000]
    options = {"alpha": 0.1, "fit_algorithm": algorithm, "n_nonzero_coefs": 4, "batch_size": 200, "random_state": 0}
    scores = []
    for epochs in (1, 2, 4):
        model = OnlineDictionaryLearning(64, max_iter=epochs, tol=0, max_no_improvement=None, **options).fit(X)
        scores.append(model.score(held_out))
    assert all(b >= a - 0.005 * abs(a) for a, b in zip(scores, scores[1:], strict=False))
    assert scores[-1] > scores[0]
    twin = OnlineDictionaryLearning(64, max_iter=4, tol=0, max_no_improvement=None, n_jobs=1, **options).fit(X)
    assert_array_equal(twin.components_, model.components_)


def test_learns_better_atoms_than_samples(patches, atoms):
    X, held_out = patches[:4000], patches[4000:5000]
    model = OnlineDictionaryLearning(200, alpha=0.1, dict_init=atoms[:200], max_iter=2, random_state=0).fit(X)
    assert objective(held_out, model.components_, 0.1) < 0.95 * objective(held_out, atoms[:200], 0.1)
    assert_allclose(model.score(held_out), -objective(held_out, model.components_, 0.1), rtol=1e-9)


def test_pickle_in_the_middle_of_the_stream(patches):
    options = {"alpha": 0.1, "random_state": 1}
    straight, broken = (OnlineDictionaryLearning(50, **options) for _ in range(2))
    for start in range(0, 1500, 250):
        straight.partial_fit(patches[start : start + 250])
        broken = pickle.loads(pickle.dumps(broken.partial_fit(patches[start : start + 250])))
    assert_array_equal(straight.components_, broken.components_)
    assert_array_equal(straight.transform(patches[:50]), broken.transform(patches[:50]))


def test_batches_of_any_size(patches):
    model = OnlineDictionaryLearning(100, alpha=0.1, random_state=0)
    for n in (7, 1, 300, 2, 50):
        model.partial_fit(patches[:n])
    assert model.components_.shape == (100, 64) and model.n_steps_ == 5
    assert_allclose(np.linalg.norm(model.components_, axis=1), 1, atol=1e-12)
    before, stats = model.components_.copy(), [s.copy() for s in model.inner_stats_]
    model.partial_fit(np.zeros((20, 64)))  # nothing to learn: only time passes
    assert_array_equal(model.components_, before)
    assert all((a == b).all() for a, b in zip(model.inner_stats_, stats, strict=True))
    assert model.n_steps_ == 6


def test_past_is_kept_as_the_paper_says():
    assert keep_of_past(1, 256, 0.0) == 1 / 257
    assert_allclose(keep_of_past(300, 256, 0.0), (256**2 + 44 + 1 - 256) / (256**2 + 45))
    assert keep_of_past(1, 1, 0.0) == 0.5
    assert_allclose(keep_of_past(4, 1, 2.0), 0.8 * 0.75**2)


def test_positive_parts():
    X = np.abs(np.random.RandomState(0).randn(400, 12))
    model = OnlineDictionaryLearning(20, alpha=0.2, positive_dict=True, positive_code=True, random_state=0).fit(X)
    assert model.components_.min() >= 0
    assert model.set_params(transform_algorithm="lasso", transform_alpha=0.2).transform(X).min() >= 0


def test_sparse_atoms_are_found_by_their_elastic_ball():
    rng = np.random.RandomState(0)
    D = unit(rng.randn(10, 30) * (np.argsort(rng.rand(10, 30), axis=1) < 5))
    start = unit(D + 0.1 * rng.randn(10, 30))
    C = rng.randn(1000, 10) * (rng.rand(1000, 10) < 0.2)
    X = C @ D + 0.4 * rng.randn(1000, 30)
    left, misses = [], []
    for ratio in (0.0, 0.2, 0.5):
        model = OnlineDictionaryLearning(
            10, alpha=0.1, l1_ratio_dict=ratio, dict_init=start, tol=0, random_state=0
        ).fit(X)
        assert_allclose(np.linalg.norm(model.components_, axis=1), 1)
        left.append(np.count_nonzero(model.components_) / 300)
        misses.append(1 - np.abs(D @ model.components_.T).max(axis=1).mean())
    assert left[0] == 1 and left[1] < 0.7 and left[2] < 2 * 5 / 30, left
    assert misses[1] < 0.6 * misses[0], misses


def test_stops_when_nothing_moves():
    X = np.repeat(np.eye(6), 50, axis=0)
    model = OnlineDictionaryLearning(6, alpha=0.1, dict_init=np.eye(6), max_iter=50).fit(X)
    assert model.n_iter_ == 1 and len(model.error_) == 1
    rng = np.random.RandomState(0)
    noisy = OnlineDictionaryLearning(6, alpha=0.1, tol=0, batch_size=20, max_iter=50, random_state=0)
    assert noisy.fit(rng.randn(100, 6)).n_iter_ < 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha"),
        ({"fit_algorithm": "svm"}, "fit_algorithm"),
        ({"batch_size": 0}, "batch_size"),
        ({"forget": -0.1}, "forget"),
        ({"l1_ratio_dict": 1.5}, "l1_ratio_dict"),
        ({"n_components": 600}, "n_components=600 distinct samples"),
        ({"n_components": 3, "fit_algorithm": "omp", "n_nonzero_coefs": 4}, "got 4"),
        ({"dict_init": np.ones((2, 2))}, "dict_init must have shape"),
    ],
)
def test_bad_parameters(patches, options, message):
    with pytest.raises(ValueError, match=message):
        OnlineDictionaryLearning(**options).fit(patches[:300])


def test_bad_batches(patches):
    with pytest.raises(ValueError, match="X is zero"):
        OnlineDictionaryLearning(2).partial_fit(np.zeros((3, 4)))
    model = OnlineDictionaryLearning(10, random_state=0).partial_fit(patches[:50])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(patches[:50, :10])
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((3, 64), np.nan))
