"""Predictive sparse decomposition: gradients, the inner lasso, the published quality of its predictions."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsela.coding import PredictiveSparseDecomposition as PSD
from sparsela.coding import batch_lasso
from sparsela.coding._inputs import pad_gram
from sparsela.coding._lasso import minimise
from sparsela.datasets import image_patches
from sparsela.dictionary import OnlineDictionaryLearning


@pytest.mark.parametrize("predictor", ["tanh", "shrink"])
def test_gradients_are_finite_differences(predictor):
    rng = np.random.RandomState(0)
    X, Z = rng.randn(30, 7), rng.randn(30, 9)
    model = PSD(9, predictor=predictor, alpha=0.3, random_state=0).fit(X)

    def loss():
        return 0.5 * ((model._predict(X) - Z) ** 2).sum()

    F = model._predict(X)
    for name, gradient in model._predictor_gradients(X, F, F - Z).items():
        value = getattr(model, name)
        for at in np.ndindex(*value.shape):
            kept = value[at]
            value[at] = kept + 1e-6
            up = loss()
            value[at] = kept - 1e-6
            down = loss()
            value[at] = kept
            assert_allclose((up - down) / 2e-6, gradient[at], rtol=1e-5, atol=1e-5)


def test_codes_minimise_the_whole_objective(patches, atoms):
    X, weight, alpha = patches[:200], 0.7, 0.05
    prior = np.random.RandomState(0).randn(200, len(atoms)) * 0.1
    C, gap = minimise(X, atoms, pad_gram(atoms), alpha, None, weight, prior=prior)
    C = C.toarray()
    q = (X - C @ atoms) @ atoms.T - weight * (C - prior)  # minus the gradient of the smooth part
    assert np.abs(np.where(C != 0, q - alpha * np.sign(C), 0)).max() <= 1e-8 * alpha
    assert np.abs(q).max() <= alpha * (1 + 1e-8)
    assert gap.max() <= 1e-9


@pytest.fixture(scope="module")
def scaled(china):
    X = image_patches(china, 8, n_patches=44_000, random_state=0)
    X /= X[:40_000].std()
    return X[:40_000], X[40_000:]


def explained(X, C, D):
    return 1 - ((X - C @ D) ** 2).sum() / (X**2).sum()


@pytest.mark.slow
def test_predictions_of_a_learned_dictionary(scaled):
    X, held_out = scaled
    learner = OnlineDictionaryLearning(256, alpha=0.5, max_iter=3, tol=0, max_no_improvement=None, random_state=0)
    D = learner.fit(X).components_
    exact = batch_lasso(held_out, D, alpha=0.5)
    assert 17 < (exact != 0).sum(1).mean() < 22
    assert explained(held_out, exact, D) > 0.93
    errors = {}
    for predictor in ("tanh", "shrink"):
        model = PSD(predictor=predictor, alpha=0.5, dictionary=D, max_iter=15, tol=0, random_state=0).fit(X)
        assert_array_equal(model.components_, D)
        F = model.transform(held_out)
        codes = minimise(held_out, D, pad_gram(D), 0.5, None, 1.0, prior=F)[
            0
        ].toarray()  # what F was trained to predict
        errors[predictor] = np.linalg.norm(F - codes) / np.linalg.norm(codes)
        if predictor == "tanh":
            assert explained(held_out, F, D) >= 0.86
        assert all(b <= 1.02 * a for a, b in zip(model.error_, model.error_[1:], strict=False))
    assert errors["tanh"] <= 0.75 and errors["shrink"] <= 0.45, errors


@pytest.mark.slow
def test_atoms_and_predictor_learned_together(scaled):
    X, held_out = scaled
    model = PSD(256, alpha=0.5, max_iter=15, tol=0, random_state=0).fit(X)
    F = model.transform(held_out)
    exact = model.set_params(transform_method="exact").transform(held_out)
    kept, possible = (explained(held_out, C, model.components_) for C in (F, exact))
    assert kept >= 0.85 and kept >= 0.9 * possible, (kept, possible)
    assert all(b <= 1.02 * a for a, b in zip(model.error_, model.error_[1:], strict=False))


@pytest.mark.slow
def test_predicted_codes_classify_as_exact_ones_do():
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std()
    scores = {}
    for method in ("predict", "exact"):
        coder = PSD(128, alpha=0.3, max_iter=40, transform_method=method, random_state=0)
        model = make_pipeline(coder, StandardScaler(), LogisticRegression(max_iter=2000))
        scores[method] = model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:])
    assert scores["predict"] >= scores["exact"] - 0.015, scores


@pytest.mark.parametrize("predictor", ["tanh", "shrink"])
def test_small_fit_threads_pickle_and_streaming(patches, predictor):
    X = patches[:1200] / patches.std()
    fit = {"alpha": 0.5, "predictor": predictor, "max_iter": 4, "random_state": 0}
    model = PSD(80, n_jobs=1, **fit).fit(X)
    assert model.error_[-1] < model.error_[0]
    twin = PSD(80, n_jobs=2, **fit).fit(X)
    for name in ("components_", "predictor_weights_", "predictor_gain_"):
        assert_array_equal(getattr(twin, name), getattr(model, name))
    assert_allclose(np.linalg.norm(model.components_, axis=1), 1, atol=1e-12)
    whole, broken = PSD(80, **fit), PSD(80, **fit)
    for start in range(0, 1200, 300):
        whole.partial_fit(X[start : start + 300])
        broken = pickle.loads(pickle.dumps(broken.partial_fit(X[start : start + 300])))
    assert_array_equal(whole.transform(X[:50]), broken.transform(X[:50]))
    assert whole.n_steps_ == 4 and len(whole.error_) == 4
    if predictor == "shrink":
        assert (model.predictor_threshold_ >= 0).all()
        assert (model.transform(X) == 0).mean() > 0.3
    single = PSD(80, **fit).fit(X.astype(np.float32))
    assert single.components_.dtype == np.float32 and single.transform(X.astype(np.float32)).dtype == np.float32


def test_exact_and_refined_codes(patches, atoms):
    X = patches[:500] / patches.std()
    for predictor in ("tanh", "shrink"):
        model = PSD(alpha=0.5, dictionary=atoms, predictor=predictor, max_iter=3, random_state=0).fit(X)
        want = batch_lasso(X, atoms, alpha=0.5)
        for method in ("exact", "refine"):
            assert_allclose(model.set_params(transform_method=method).transform(X), want, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"prediction_weight": -1.0}, "prediction_weight"),
        ({"predictor": "relu"}, "predictor"),
        ({"dictionary": np.ones((3, 5))}, "5"),
        ({"dictionary": np.eye(64), "n_components": 3}, "dictionary has 64 atoms"),
        ({"n_components": 300}, "n_components=300 distinct samples"),
    ],
)
def test_bad_parameters(patches, options, message):
    with pytest.raises(ValueError, match=message):
        PSD(**options).fit(patches[:200])
