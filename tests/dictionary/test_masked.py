"""Masked dictionary learning: against reconstruction on over-realised noisy data, and its steps against plain ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsela.coding import batch_omp
from sparsela.dictionary import MaskedDictionaryLearning, recovery_distance
from sparsela.dictionary._masked import Adam, gradient, hiding, n_hidden, partition, predict, whole


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def mixtures(A, n, k, sigma, rng):
    """n noisy combinations of k atoms, the coefficients Gaussian and then of unit length."""
    Z = np.zeros((n, len(A)))
    for z in Z:
        z[rng.choice(len(A), k, replace=False)] = rng.randn(k)
    return unit(Z) @ A + sigma * rng.randn(n, A.shape[1])


def planted(seed, *, m, k, p, n_components, sigma, truth):
    """Unit Gaussian atoms, 1000 noisy signals, and a start: the truth, or not, and noisy mixtures of it."""
    rng = np.random.RandomState(seed)
    A = unit(rng.randn(p, m))
    Y = mixtures(A, 1000, k, sigma, rng)
    start = unit(mixtures(A, n_components, k, sigma, rng))
    return A, Y, np.vstack([A, start[: n_components - p]]) if truth else start


def distances(seed, mask_fraction, max_iter, **problem):
    """Recovery distance at the start, by reconstruction, by masking."""
    A, Y, start = planted(seed, **problem)
    fit = {"n_nonzero_coefs": problem["k"], "mask_fraction": mask_fraction, "max_iter": max_iter, "dict_init": start}
    learned = [
        MaskedDictionaryLearning(len(start), objective=objective, random_state=seed, **fit).fit(Y).components_
        for objective in ("reconstruction", "masked")
    ]
    return [recovery_distance(A, D) for D in (start, *learned)]


SMALL = {"m": 50, "k": 3, "p": 75, "n_components": 225, "sigma": 50**-0.5, "truth": False}
PAPER = {"m": 100, "k": 5, "p": 200, "sigma": 0.1}


@pytest.mark.parametrize("seed", [0, 1])
def test_masking_beats_reconstruction_on_noisy_over_realised_data(seed):
    start, plain, masked = distances(seed, 0.2, 300, **SMALL)
    assert masked <= 0.85 * plain
    assert masked < 0.5 * start


@pytest.mark.slow
def test_at_the_papers_size_masking_stays_near_the_truth():
    _, plain, masked = distances(0, 0.1, 500, n_components=1000, truth=True, **PAPER)
    assert plain > 0.3  # what reconstruction does to atoms that were right
    assert masked <= 0.6 * plain


@pytest.mark.slow
def test_from_mixtures_at_the_papers_size():
    start, plain, masked = distances(0, 0.1, 500, n_components=1000, truth=False, **PAPER)
    assert plain > start  # reconstruction leaves the truth farther behind than noisy signals were
    assert masked <= 0.8 * plain


@pytest.mark.slow
def test_the_gap_shrinks_with_the_number_of_atoms():
    for truth in (False, True):
        _, plain, masked = distances(0, 0.1, 500, n_components=400, truth=truth, **PAPER)
        assert 0.8 * plain < masked < 0.97 * plain


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_its_limit(seed):
    """From the truth, with mild over-realisation, masking costs a little more than it brings; the docstring says so."""
    _, plain, masked = distances(seed, 0.2, 300, m=60, k=3, p=90, n_components=300, sigma=60**-0.5, truth=True)
    assert 1.05 * plain < masked < 1.2 * plain
    _, plain, masked = distances(seed, 0.1, 300, m=60, k=3, p=90, n_components=270, sigma=60**-0.5, truth=True)
    assert 0.95 * plain < masked < 1.05 * plain


def frozen(objective):
    rng = np.random.RandomState(0)
    D, X = unit(rng.randn(30, 20)), rng.randn(40, 20)
    view = whole(20) if objective == "reconstruction" else hiding(rng.permutation(20)[:4], 20)
    return D, X, view, *predict(X, D, view, np.array([3], np.int32), 1)


@pytest.mark.parametrize("objective", ["masked", "reconstruction"])
def test_gradient_agrees_with_finite_differences(objective):
    D, X, view, codes, E = frozen(objective)
    full = np.zeros_like(D)
    full[:, view.judging] = gradient(codes, E)

    def loss(D):
        return np.sum((codes @ D[:, view.judging] - X[:, view.judging]) ** 2) / len(X)

    rng = np.random.RandomState(1)
    for _ in range(20):
        step = 1e-5 * rng.randn(*D.shape)
        assert_allclose(loss(D + step) - loss(D - step), 2 * np.vdot(full, step), rtol=1e-6, atol=1e-15)
    assert_array_equal(full[np.setdiff1d(np.arange(30), codes.indices)], 0)  # atoms that nobody uses stay


def test_codes_see_only_what_is_visible():
    D, X, view, codes, E = frozen("masked")
    assert_allclose(
        codes.toarray(), batch_omp(X[:, view.visible], D[:, view.visible], n_nonzero_coefs=3), rtol=1e-10, atol=1e-12
    )
    X[:, view.judging] = 7  # whatever is hidden
    assert_array_equal(predict(X, D, view, np.array([3], np.int32), 1)[0].toarray(), codes.toarray())
    assert_allclose(E, codes @ D[:, view.judging] - frozen("masked")[1][:, view.judging], atol=1e-14)


def test_atoms_out_of_sight_are_never_taken():
    D = np.vstack([np.eye(6)[:3], unit(np.random.RandomState(0).randn(3, 6))])
    view = hiding(np.array([0]), 6)  # of the first atom nothing is seen
    X = np.random.RandomState(1).randn(50, 6)
    codes, E = predict(X, D, view, np.array([3], np.int32), 1)
    assert 0 not in codes.indices and np.isfinite(E).all()


def plain_fit(X, D, k, rng, *, objective, mask_fraction, max_iter, batch_size, learning_rate):
    """The algorithm as the paper has it, in a few lines."""
    n, m = X.shape
    hidden = n_hidden(m, mask_fraction)
    mean, square, t, errors = np.zeros_like(D), np.zeros_like(D), 0, []
    X = X[rng.permutation(n)]
    n_batches = -(-n // batch_size)
    for _ in range(max_iter):
        masks = [rng.permutation(m)[:hidden] for _ in range(n_batches)] if objective == "masked" else None
        total = 0
        for i in range(n_batches):
            Y = X[i * batch_size : (i + 1) * batch_size]
            H = np.zeros(m, bool)
            if objective == "masked":
                H[masks[i]] = True
            Z = batch_omp(Y[:, ~H], D[:, ~H], n_nonzero_coefs=k)
            judge = H if objective == "masked" else ~H
            E = (Z @ D - Y) * judge
            total += (E**2).sum()
            g = 2 / len(Y) * Z.T @ E
            t += 1
            mean = 0.9 * mean + 0.1 * g
            square = 0.999 * square + 0.001 * g**2
            D = D - learning_rate * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
            D = unit(D)
        errors.append(total / n)
    return D, errors


@pytest.mark.parametrize("objective", ["masked", "reconstruction"])
def test_fit_is_the_plain_loop(patches, objective):
    X = patches[:130]
    D = unit(patches[200:280] + 1e-3)
    options = {"objective": objective, "mask_fraction": 0.25, "max_iter": 4, "batch_size": 50, "learning_rate": 3e-3}
    model = MaskedDictionaryLearning(80, n_nonzero_coefs=3, dict_init=D, random_state=4, **options).fit(X)
    want, errors = plain_fit(X, D, 3, np.random.RandomState(4), **options)
    signs = np.sign(np.take_along_axis(want, np.abs(want).argmax(axis=1)[:, None], axis=1))
    assert_allclose(model.components_, want * signs, atol=1e-9)
    assert_allclose(model.error_, errors, rtol=1e-9)


def test_adam_is_adam():
    """One entry, by hand: the first step has the length of the learning rate, whatever the gradient."""
    D = np.eye(2)
    adam = Adam.at_rest(D, 0.01)
    adam.step(D, np.array([[0.0], [5.0]]), np.array([0]))
    assert_allclose(D, [[1, 0], [-0.01 / np.hypot(1, 0.01), 1 / np.hypot(1, 0.01)]], rtol=1e-8)


@pytest.mark.parametrize(
    ("m", "fraction", "want"), [(100, 0.1, 10), (64, 0.1, 6), (50, 0.2, 10), (2, 0.1, 1), (2, 0.9, 1), (4, 0.01, 1)]
)
def test_size_of_the_mask(m, fraction, want):
    assert n_hidden(m, fraction) == want


@pytest.mark.parametrize(("m", "hidden"), [(64, 6), (10, 5), (7, 3), (2, 1)])
def test_score_hides_each_coordinate_once(m, hidden):
    views = partition(m, hidden)
    assert_array_equal(np.sum([v.judging for v in views], axis=0), 1)
    for v in views:
        assert_array_equal(v.visible, ~v.judging)
        assert hidden - 1 <= v.judging.sum() <= hidden


def test_score_is_the_prediction_error(patches, atoms):
    X = patches[:60]
    model = MaskedDictionaryLearning(80, n_nonzero_coefs=3, mask_fraction=0.25, max_iter=1, random_state=0)
    model.fit(patches[:300])
    D, total = model.components_, 0
    for v in partition(64, 16):
        Z = batch_omp(X[:, v.visible], D[:, v.visible], n_nonzero_coefs=3)
        total += ((X[:, v.judging] - Z @ D[:, v.judging]) ** 2).sum() / 4
    assert model.score(X) == pytest.approx(-total / 60, rel=1e-10)
    model.objective = "reconstruction"
    residual = batch_omp(X, D, n_nonzero_coefs=3, return_residual=True)[1]
    assert model.score(X) == pytest.approx(-residual.mean(), rel=1e-10)


def test_masks_may_stay(patches):
    """With one batch and its mask kept, only the coordinates of that mask ever judge: the others only renormalise."""
    X, D = patches[:100], unit(patches[200:270] + 1e-3)
    fit = {"n_nonzero_coefs": 3, "max_iter": 5, "dict_init": D, "random_state": 0}
    model = MaskedDictionaryLearning(70, resample_masks=False, **fit).fit(X)
    ratio = model.components_ / D
    ratio /= np.median(ratio, axis=1, keepdims=True)
    assert (np.abs(ratio - 1).max(axis=0) > 1e-9).sum() == 6
    fresh = MaskedDictionaryLearning(70, **fit).fit(X).components_ / D
    fresh /= np.median(fresh, axis=1, keepdims=True)
    assert (np.abs(fresh - 1).max(axis=0) > 1e-9).sum() > 20


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_order_of_memory_and_input(patches, dtype):
    X = patches[:1000].astype(dtype)
    kept = X.copy()
    fit = {"n_nonzero_coefs": 4, "max_iter": 3, "batch_size": 400, "random_state": 3}
    want = MaskedDictionaryLearning(100, n_jobs=1, **fit).fit(X).components_
    assert want.dtype == dtype
    assert_array_equal(MaskedDictionaryLearning(100, n_jobs=2, **fit).fit(X).components_, want)
    assert_array_equal(MaskedDictionaryLearning(100, n_jobs=2, **fit).fit(np.asfortranarray(X)).components_, want)
    assert_array_equal(X, kept)
    assert_allclose(np.linalg.norm(want, axis=1), 1, atol=1e-6)
    assert (np.take_along_axis(want, np.abs(want).argmax(1)[:, None], 1) > 0).all()


def test_error_falls_and_callback_stops(patches):
    seen = []

    def stop_at_thirty(state):
        seen.append((state.n_iter, state.error, state.components.shape))
        return state.n_iter == 30

    fit = {"n_nonzero_coefs": 4, "learning_rate": 0.01, "random_state": 0, "callback": stop_at_thirty}
    model = MaskedDictionaryLearning(100, **fit).fit(patches[:800])
    assert model.n_iter_ == 30 == len(model.error_) and [s[1] for s in seen] == model.error_
    assert seen[0][2] == (100, 64)
    assert np.mean(model.error_[-5:]) < 0.8 * np.mean(model.error_[:5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 300}, "n_components=300 distinct samples"),
        ({"n_components": 4, "n_nonzero_coefs": 5}, "n_nonzero_coefs must be at most 4, .* got 5"),
        ({"n_components": 80, "n_nonzero_coefs": 59}, "n_nonzero_coefs must be at most 58, .* got 59"),
        ({"mask_fraction": 0.0}, "mask_fraction"),
        ({"mask_fraction": 1.0}, "mask_fraction"),
        ({"objective": "hidden"}, "objective"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"resample_masks": "yes"}, "resample_masks"),
        ({"dict_init": np.zeros((64, 64))}, "zero"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_parameters(patches, options, message):
    with pytest.raises(ValueError, match=message):
        MaskedDictionaryLearning(**options).fit(patches[:200])


def test_bad_data():
    with pytest.raises(ValueError, match="X is zero"):
        MaskedDictionaryLearning(2).fit(np.zeros((9, 4)))
    with pytest.raises(ValueError, match="NaN"):
        MaskedDictionaryLearning(2).fit(np.full((9, 4), np.nan))
    with pytest.raises(ValueError, match="n_features = 1"):
        MaskedDictionaryLearning(1).fit(np.ones((9, 1)))
    model = MaskedDictionaryLearning(1, objective="reconstruction", max_iter=2).fit(np.ones((9, 1)))
    assert_array_equal(model.components_, [[1]])
    X = np.random.RandomState(0).randn(60, 5)
    X[::2] = 0  # signals without anything in them
    assert np.isfinite(MaskedDictionaryLearning(8, max_iter=5, random_state=0).fit(X).components_).all()
