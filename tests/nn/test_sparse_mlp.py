"""Sparse networks: scikit-learn's step by step where they are dense, a masked NumPy network's where they are not."""

import pickle
import time
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_friedman1, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sparsela
from sparsela._core.threads import one_blas_thread
from sparsela.nn import CondensedLinear, SparseLinear, SparseMLPClassifier, SparseMLPRegressor, available_backends
from sparsela.nn._activations import parse
from sparsela.nn._mlp import Network, Trainer
from sparsela.nn._optim import Solver

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def dense_start(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [sp.csc_array(rng.uniform(-1, 1, shape) / 4) for shape in zip(sizes[:-1], sizes[1:], strict=True)]


def peer(kind, start, **parameters):
    """scikit-learn's network from given weights, its biases at zero."""

    class Started(kind):
        def _init_coef(self, fan_in, fan_out, dtype):
            coef = next(self._start)
            assert coef.shape == (fan_in, fan_out)
            return coef.toarray().astype(dtype), np.zeros(fan_out, dtype)

    model = Started(**parameters)
    model._start = iter(start)
    return model


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", ["sgd", "momentum", "nesterov", "adam"])
def test_a_dense_network_is_that_of_scikit_learn(digits, solver, activation):
    X, y = digits[0][:500], digits[1][:500]  # the last batch is short
    start = dense_start((64, 30, 20, 10))
    common = {"alpha": 1e-4, "shuffle": False, "max_iter": 5, "batch_size": 60, "learning_rate_init": 0.01}
    common |= {"activation": activation}
    ours = SparseMLPClassifier(init=start, solver=solver, **common).fit(X, y)
    mu = 0.9 if solver in ("momentum", "nesterov") else 0.0
    theirs = peer(
        MLPClassifier,
        start,
        hidden_layer_sizes=(30, 20),
        solver="adam" if solver == "adam" else "sgd",
        momentum=mu,
        nesterovs_momentum=solver == "nesterov",
        **common,
    ).fit(X, y)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a.toarray() if sp.issparse(a) else a, b, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
    np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), atol=1e-7)
    assert ours.t_ == theirs.t_
    assert ours.out_activation_ == theirs.out_activation_


def test_two_classes_several_labels_and_numbers_are_too(digits):
    X, y = digits[0][:300], digits[1][:300]
    Xm, Ym = make_multilabel_classification(200, 20, n_classes=4, random_state=0)
    common = {"shuffle": False, "max_iter": 5, "batch_size": 64, "learning_rate_init": 1e-3}
    cases = [
        (SparseMLPClassifier, MLPClassifier, X, y > 4, 1),
        (SparseMLPClassifier, MLPClassifier, Xm / 10, Ym, 4),
        (SparseMLPRegressor, MLPRegressor, X, y / 10, 1),
    ]
    for kind, other, A, t, n_out in cases:
        start = dense_start((A.shape[1], 12, n_out))
        ours = kind(init=start, **common).fit(A, t)
        theirs = peer(other, start, hidden_layer_sizes=(12,), **common).fit(A, t)
        for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
            np.testing.assert_allclose(a.toarray(), b, rtol=0, atol=1e-8)
        np.testing.assert_allclose(ours.predict(A), theirs.predict(A), atol=1e-8)
        if kind is SparseMLPClassifier:
            np.testing.assert_allclose(ours.predict_proba(A), theirs.predict_proba(A), atol=1e-8)


def masked_numpy(X, y, model, start, masks, steps, batch, rate, alpha):
    """Dense products, masked gradients, Nesterov's momentum."""
    W = [w.toarray() for w in start]
    b = [np.zeros(w.shape[1]) for w in W]
    vW, vb = [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
    onehot = np.eye(10)[y]
    for step in range(steps):
        rows = slice(step * batch, (step + 1) * batch)
        A = [X[rows]]
        for w, c in zip(W[:-1], b[:-1], strict=True):
            A.append(np.maximum(A[-1] @ w + c, 0))
        z = A[-1] @ W[-1] + b[-1]
        p = np.exp(z - z.max(axis=1, keepdims=True))
        delta = (p / p.sum(axis=1, keepdims=True) - onehot[rows]) / batch
        for l in range(len(W) - 1, -1, -1):
            g, gb = masks[l] * (A[l].T @ delta) + alpha / batch * W[l], delta.sum(axis=0)
            delta = (delta @ W[l].T) * (A[l] > 0)
            for x, v, grad in ((W[l], vW[l], g), (b[l], vb[l], gb)):
                v *= 0.9
                v -= rate * grad
                x += 0.9 * v - rate * grad
    return W, b


def test_twenty_steps_are_those_of_a_masked_network(digits):
    X, y = digits[0][:1000], digits[1][:1000]
    untrained = SparseMLPClassifier((50, 40), density=0.05, max_iter=1, learning_rate_init=1e-300, random_state=3)
    start = untrained.fit(X, y).coefs_  # a step of 1e-300 moves nothing
    masks = [w.toarray() != 0 for w in start]
    assert sum(m.sum() for m in masks) == round(0.05 * (64 * 50 + 50 * 40 + 40 * 10))
    model = SparseMLPClassifier(
        init=start, solver="nesterov", learning_rate_init=0.1, alpha=1e-2, batch_size=50, shuffle=False, max_iter=1
    ).fit(X, y)
    W, b = masked_numpy(X, y, model, start, masks, 20, 50, 0.1, 1e-2)
    for ours, want in zip(model.coefs_ + model.intercepts_, W + b, strict=True):
        np.testing.assert_allclose(ours.toarray() if sp.issparse(ours) else ours, want, rtol=0, atol=1e-10)
    assert all(np.array_equal(w.toarray() != 0, m) for w, m in zip(model.coefs_, masks, strict=True))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_and_sparse_rows_train_the_same_network(digits, kind, dtype):
    X, y = digits[0][:400].astype(dtype), digits[1][:400]
    want = SparseMLPClassifier((40,), max_iter=3, random_state=0).fit(X, y)
    got = SparseMLPClassifier((40,), max_iter=3, random_state=0).fit(kind(X), y)
    assert got.coefs_[0].dtype == dtype
    assert all(np.array_equal(a.data, b.data) for a, b in zip(want.coefs_, got.coefs_, strict=True))
    assert np.array_equal(want.predict_proba(X), got.predict_proba(kind(X)))


@pytest.mark.parametrize("backend", available_backends())
def test_backends_agree(digits, backend):
    X, y = digits
    kwargs = {"max_iter": 2, "activation": "all_relu", "random_state": 0}
    want = SparseMLPClassifier((40, 30), **kwargs).fit(X, y)
    got = SparseMLPClassifier((40, 30), backend=backend, **kwargs).fit(X, y)
    for a, b in zip(want.coefs_, got.coefs_, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=0, atol=1e-9)


@pytest.mark.parametrize("topology", ["static", "set", "rigl", "srigl", "sparse_momentum"])
def test_the_network_does_not_depend_on_threads(topology):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((600, 1000)).astype(np.float32), rng.integers(5, size=600)
    models = []
    for n_jobs in (1, 2):
        with sparsela.config_context(n_jobs=n_jobs):
            model = SparseMLPClassifier((900, 800), density=0.03, topology=topology, dropout=0.1, random_state=0)
            models.append(model.set_params(max_iter=3, activation="srelu").fit(X, y))
    for a, b in zip(models[0].coefs_, models[1].coefs_, strict=True):
        assert np.array_equal(a.indices, b.indices)
        assert np.array_equal(a.data, b.data)
    assert models[0].loss_curve_ == models[1].loss_curve_
    again = clone(models[0]).fit(X, y)
    assert np.array_equal(again.coefs_[0].data, models[0].coefs_[0].data)


@pytest.mark.parametrize(
    "activation", ["all_relu", "srelu", "leaky_relu", "relu2", ("all_relu", 0.3), ["relu", "tanh"], ["srelu", "srelu"]]
)
def test_every_activation_learns(digits, activation):
    X, y = digits
    model = SparseMLPClassifier(
        (100, 60), density=0.15, activation=activation, learning_rate="cosine", max_iter=30, random_state=0
    )
    assert model.set_params(learning_rate_init=5e-3).fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.85
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))
    if activation == "srelu":
        assert [p.shape for p in model.srelu_params_] == [(100, 4), (60, 4)]
        assert np.any(model.srelu_params_[0] != [0, 0, 1, 0])


def test_counts_and_densities_are_reported(digits):
    X, y = digits
    for density, distribution in ((0.1, "erk"), (0.1, "uniform"), (0.03, "balanced"), ((0.5, 0.2, 1.0), "erk")):
        model = SparseMLPClassifier((50, 30), density=density, distribution=distribution, max_iter=1).fit(X, y)
        N = np.array([64 * 50, 50 * 30, 300])
        want = round(density * N.sum()) if np.ndim(density) == 0 else round(float(np.dot(density, N)))
        assert model.n_connections_ == sum(w.nnz for w in model.coefs_) == want
        assert model.density_ == want / N.sum()
        np.testing.assert_allclose(model.layer_densities_, [w.nnz for w in model.coefs_] / N)
        assert [w.shape for w in model.coefs_] == [(64, 50), (50, 30), (30, 10)]
        assert model.n_layers_ == 4


def test_the_sample_weights_of_two_are_two_samples(digits):
    X, y = digits[0][:60], digits[1][:60]
    w = np.arange(60) % 3
    kwargs = {"batch_size": 200, "shuffle": False, "max_iter": 20, "random_state": 0}
    one = SparseMLPClassifier((20,), **kwargs).fit(X, y, sample_weight=w)
    other = SparseMLPClassifier((20,), **kwargs).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(one.coefs_[0].data, other.coefs_[0].data, atol=1e-12)
    balanced = SparseMLPClassifier((20,), class_weight="balanced", **kwargs).fit(X, y)
    by_hand = 60 / (10 * np.bincount(y))[y]
    again = SparseMLPClassifier((20,), **kwargs).fit(X, y, sample_weight=by_hand)
    np.testing.assert_allclose(balanced.coefs_[0].data, again.coefs_[0].data, atol=1e-12)


def test_parts_are_a_fit_in_epochs(digits):
    """Without shuffling, an epoch of fit is a call of partial_fit; pickled in between."""
    X, y = digits
    kwargs = {"shuffle": False, "topology": "rigl", "random_state": 0, "learning_rate": "cosine", "density": 0.1}
    kwargs |= {"solver": "nesterov", "activation": "srelu"}
    whole = SparseMLPClassifier((40,), max_iter=12, **kwargs).fit(X, y)
    parts = SparseMLPClassifier((40,), max_iter=12, **kwargs)
    for _ in range(12):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y, classes=np.arange(10))))
    assert np.array_equal(whole.coefs_[0].indices, parts.coefs_[0].indices)
    assert np.array_equal(whole.coefs_[0].data, parts.coefs_[0].data)
    assert whole.loss_curve_ == parts.loss_curve_
    assert whole.topology_ == parts.topology_ != []
    assert whole.t_ == parts.t_ == 12 * len(X)


def test_a_warm_start_goes_on(digits):
    X, y = digits
    model = SparseMLPClassifier((40,), max_iter=3, warm_start=True, random_state=0).fit(X, y)
    first = model.loss_curve_[:]
    model.fit(X, y)
    assert model.loss_curve_[:3] == first
    assert len(model.loss_curve_) == 6
    assert model.loss_curve_[3] < first[-1]


def test_early_stopping_restores_the_best_epoch(digits):
    X, y = digits
    seen = []
    model = SparseMLPClassifier(
        (60,),
        topology=sparsela.nn.SET(0.5),
        early_stopping=True,
        n_iter_no_change=3,
        learning_rate_init=0.02,
        max_iter=60,
        callback=lambda state: seen.append([w.copy() for w in state.coefs]),
        random_state=0,
    ).fit(X, y)
    best = int(np.argmax(model.validation_scores_))
    assert best < len(seen) - 1  # it went on, and came back
    for kept, then in zip(model.coefs_, seen[best], strict=True):
        assert np.array_equal(kept.indices, then.indices)
        assert np.array_equal(kept.data, then.data)
    assert model.best_loss_ is None


def test_a_callback_stops_and_a_schedule_does_not_warn(digits):
    X, y = digits
    model = SparseMLPClassifier((20,), callback=lambda state: state.n_iter == 2, random_state=0).fit(X, y)
    assert model.n_iter_ == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SparseMLPClassifier((20,), learning_rate="multistep", max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        SparseMLPClassifier((20,), max_iter=2).fit(X, y)


def test_training_stops_when_the_loss_does(digits):
    X, y = digits
    model = SparseMLPClassifier((60,), density=0.3, learning_rate_init=0.01, max_iter=500, tol=1e-3, n_iter_no_change=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(random_state=0).fit(X, y)
    assert model.n_iter_ < 100


def test_dropout_leaves_out_and_scales(digits):
    X, y = digits
    model = SparseMLPClassifier((200,), density=0.2, dropout=0.3, learning_rate="cosine", max_iter=30, random_state=0)
    assert model.set_params(learning_rate_init=0.01).fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.9
    layers = [SparseLinear(9, 500, random_state=0), SparseLinear(500, 2, random_state=0)]
    network = Network(layers, parse("identity", (500,), np.float32), "identity")
    rng = np.random.default_rng(0)
    trainer = Trainer(network, Solver("sgd"), batch_size=64, alpha=0.0, dropout=0.3, rng=rng)
    A, H, keep = np.ones((500, 64), np.float32), *np.empty((2, 500, 64), np.float32)
    trainer._drop(A, H, keep)
    assert np.array_equal(H, keep)
    assert np.unique(H).tolist() == [0, pytest.approx(1 / 0.7)]
    assert H.mean() == pytest.approx(1, abs=0.02)  # 32,000 draws: five standard deviations


def test_one_row_is_predicted_as_among_many(digits):
    X, y = digits
    model = SparseMLPClassifier((50, 30), activation=["all_relu", "relu"], max_iter=5, random_state=0).fit(X, y)
    many = model.predict_proba(X[:600])
    for i in (0, 7, 599):
        np.testing.assert_allclose(model.predict_proba(X[i : i + 1])[0], many[i], atol=1e-12)
    assert model.decision_function(X).shape == (len(X), 10)


def test_condensed_layers_are_the_network(digits):
    X, y = digits
    model = SparseMLPClassifier((50, 30), topology="srigl", density=0.2, max_iter=10, random_state=0).fit(X, y)
    A = np.ascontiguousarray(X[:50].T)
    layers = model.condense()
    assert all(isinstance(layer, CondensedLinear) for layer in layers)
    for layer in layers[:-1]:
        A = np.maximum(layer.forward(A), 0)
    np.testing.assert_allclose(layers[-1].forward(A).T, model.decision_function(X[:50]), atol=1e-10)


@pytest.mark.parametrize("data", ["diabetes", pytest.param("friedman", marks=pytest.mark.slow)])
def test_regression_is_as_good_as_dense(data):
    X, y = load_diabetes(return_X_y=True) if data == "diabetes" else make_friedman1(10_000, noise=1.0, random_state=0)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    rows = np.random.default_rng(0).permutation(len(X))
    train, test = rows[: len(X) * 3 // 4], rows[len(X) * 3 // 4 :]
    epochs, rate, seeds = (100, 1e-3, range(3)) if data == "diabetes" else (15, 3e-3, range(2))
    gaps = []
    for seed in seeds:
        kwargs = {"hidden_layer_sizes": (64, 64), "max_iter": epochs, "random_state": seed}
        ours = SparseMLPRegressor(density=0.2, learning_rate_init=rate, **kwargs)
        theirs = MLPRegressor(batch_size=128, **kwargs)
        with one_blas_thread():
            scores = [m.fit(X[train], y[train]).score(X[test], y[test]) for m in (ours, theirs)]
        gaps.append(scores[1] - scores[0])
    assert np.mean(gaps) < 0.03


def test_several_targets(digits):
    X, _ = digits
    Y = X[:, [20, 30, 40]] * 2 - X[:, [3, 4, 5]]
    model = SparseMLPRegressor((60,), density=0.3, learning_rate="cosine", learning_rate_init=0.01, random_state=0)
    assert model.fit(X, Y).predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.9


def test_in_a_pipeline_and_a_search(digits):
    X, y = digits[0][:600], digits[1][:600]
    network = SparseMLPClassifier((30,), learning_rate_init=0.02, learning_rate="cosine", max_iter=10, random_state=0)
    model = make_pipeline(StandardScaler(), network)
    search = GridSearchCV(model, {"sparsemlpclassifier__density": [0.01, 0.3]}, cv=2).fit(X, y)
    assert search.best_params_["sparsemlpclassifier__density"] == 0.3


def test_bad_input_is_refused_before_any_work(digits):
    X, y = digits
    bad = [
        ({"density": 0.0}, "density"),
        ({"density": 1e-9}, "leaves a layer without a weight"),
        ({"density": (0.1, 0.2, 0.3)}, "one number or 2"),
        ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes"),
        ({"activation": "step"}, "activation must be one of"),
        ({"activation": ["relu", "relu"]}, "one name or 1"),
        ({"activation": ("relu", 0.5)}, "slope"),
        ({"topology": "moving"}, "topology"),
        ({"solver": "lbfgs"}, "solver"),
        ({"alpha": -1.0}, "alpha"),
        ({"dropout": 1.0}, "dropout"),
        ({"init": [sp.csc_array(np.ones((64, 5)))]}, "init must lead from 64 to 10"),
    ]
    for parameters, message in bad:
        with pytest.raises(ValueError, match=message):
            SparseMLPClassifier(**parameters).fit(X, y)
    with pytest.raises(TypeError, match=r"init\[0\] must be a sparse array"):
        SparseMLPClassifier(init=[np.ones((64, 10))]).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        SparseMLPClassifier().fit(np.where(X > 0.5, np.nan, X), y)
    with pytest.raises(ValueError, match="non-zero number"):
        SparseMLPClassifier().fit(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="early_stopping"):
        SparseMLPClassifier(early_stopping=True).partial_fit(X, y, classes=np.arange(10))
    with pytest.raises(ValueError, match="diverged in epoch"), np.errstate(all="ignore"):
        SparseMLPRegressor(solver="sgd", learning_rate_init=10.0, density=1.0).fit(1e3 * X, 1e6 * X[:, 20])
    model = SparseMLPClassifier((10,), max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="classes that were not there"):
        model.partial_fit(X, y + 5)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :5])
    before = X.copy()
    model.fit(X, y)
    assert np.array_equal(X, before)


def test_steps_are_in_proportion_to_the_weights():
    """Ten times the weights, more than three times the time: nothing of the dense size is in the step."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 3072)).astype(np.float32), rng.integers(10, size=500)
    times = []
    for density in (0.01, 0.1):
        model = SparseMLPClassifier((1024, 512), density=density, solver="nesterov", batch_size=100, max_iter=4)
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            model.fit(X, y)
            best = min(best, time.process_time() - start)
        times.append(best)
    assert 2 < times[1] / times[0] < 20


def test_first_weights_whose_indices_lead_out_of_them():
    X = np.random.default_rng(0).standard_normal((20, 6))
    first = sp.csr_array(np.ones((6, 4)))
    first.indices[0] = 1000
    with pytest.raises(ValueError, match=r"init\[0\] is no valid csr array"):
        SparseMLPRegressor(init=[first, sp.csr_array(np.ones((4, 1)))], max_iter=1).fit(X, X[:, 0])


def test_an_activation_that_was_not_trained():
    X = np.random.default_rng(0).standard_normal((20, 6))
    model = SparseMLPRegressor((4,), density=0.5, max_iter=1, learning_rate="cosine", random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="activation must be that of the fit, got 'srelu'"):
        model.set_params(activation="srelu").predict(X)
