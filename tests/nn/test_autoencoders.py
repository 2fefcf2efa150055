"""Sparse autoencoders: gradients, the table of the digits, nesting, and what a code may contain."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sparsela import config_context
from sparsela.datasets import load_mnist_5000
from sparsela.nn import HierarchicalTopKAutoencoder, KSparseAutoencoder, MatryoshkaAutoencoder
from sparsela.nn import _nested as nested

POWERS = [1, 2, 4, 8, 16, 32]
PREFIXES = [32, 64, 128, 256, 512]
TABLE = {"n_components": 512, "n_nonzero_coefs": 32, "batch_size": 100, "max_iter": 6, "tol": 0, "random_state": 0}


def topk(**changes):
    return KSparseAutoencoder(**{**TABLE, "tied": False, "nonneg": True, "k_schedule": "constant", **changes})


@pytest.fixture(scope="module")
def digits():
    X, y = load_mnist_5000()
    X = (X / 255).astype(np.float32)
    return train_test_split(X, y, test_size=1000, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def table(digits):
    """R² on test rows: of a model truncated to k = 1, 2, 4, …, 32, and to its first units."""
    train, test = digits[:2]
    there = np.square(test - test.mean(axis=0)).sum()

    def left(rebuilt):
        return 1 - np.square(test - rebuilt).sum() / there

    models = {
        "topk": topk(),
        "topk4": topk(n_nonzero_coefs=4),
        "all": HierarchicalTopKAutoencoder(**TABLE),
        "powers": HierarchicalTopKAutoencoder(budgets=POWERS, **TABLE),
        "nested": MatryoshkaAutoencoder(prefixes=PREFIXES, **TABLE),
    }
    found = {}
    for name, model in models.items():
        model.fit(train)
        found[name] = (
            model,
            np.array([left(model.reconstruct(test, k)) for k in POWERS]),
            np.array([left(model.reconstruct(test, prefix=p)) for p in PREFIXES]),
        )
    return found


def test_topk_on_digits(table, digits):
    model, by_k, _ = table["topk"]
    assert model.score(digits[1]) == pytest.approx(by_k[-1], abs=1e-5)
    assert by_k[-1] >= 0.76
    assert model.n_dead_ <= 0.02 * 512
    assert np.abs(by_k - [0.13, 0.23, 0.36, 0.53, 0.68, 0.779]).max() < 0.02


def test_one_hierarchical_model_is_better_at_every_small_budget(table):
    topk, every, powers = (table[name][1] for name in ("topk", "all", "powers"))
    assert (every[:5] > topk[:5]).all()
    assert every[2] - topk[2] >= 0.12
    assert every[3] - topk[3] >= 0.08
    assert every[5] - topk[5] >= -0.01
    assert powers[2] >= table["topk4"][1][2] - 0.02


def test_the_first_units_of_a_nested_dictionary_are_one(table):
    whole, prefixes = table["topk"][2], table["nested"][2]
    assert prefixes[0] >= 0.60
    assert prefixes[-1] - whole[-1] >= -0.015
    assert (prefixes[:4] > whole[:4] + 0.2).all()


def test_more_units_never_rebuild_worse(table, digits):
    model, test = table["all"][0], digits[1]
    there = np.square(test - test.mean(axis=0)).sum()
    r2 = [1 - np.square(test - model.reconstruct(test, k)).sum() / there for k in range(1, 33)]
    assert (np.diff(r2) >= -0.002).all()


def test_a_linear_probe_reads_the_code(table, digits):
    train, test, y_train, y_test = digits
    model = table["topk"][0]
    probe = LogisticRegression(max_iter=300).fit(model.transform(train), y_train)
    assert probe.score(model.transform(test), y_test) >= 0.915


@pytest.mark.parametrize("nonneg", [False, True])
@pytest.mark.parametrize("encode_factor", [1.0, 1.5])
def test_codes_have_at_most_k_entries(nonneg, encode_factor):
    X = np.random.default_rng(0).standard_normal((300, 20))
    model = KSparseAutoencoder(40, n_nonzero_coefs=6, nonneg=nonneg, encode_factor=encode_factor, max_iter=3).fit(X)
    codes = model.transform(X)
    assert sp.issparse(codes)
    assert codes.has_canonical_format
    assert np.diff(codes.indptr).max() <= int(6 * encode_factor)
    assert (codes.data != 0).all()
    assert not nonneg or (codes.data > 0).all()
    z = (X - model.mean_) @ model.encoder_.T + model.intercept_encoder_
    kth = np.sort(z, axis=1)[:, -int(6 * encode_factor), None]
    wanted = np.where(z >= kth, np.maximum(z, 0) if nonneg else z, 0)
    assert np.abs(codes.toarray() - wanted).max() < 1e-12
    assert np.abs(model.inverse_transform(codes) - (model.mean_ + wanted @ model.components_)).max() < 1e-12


@pytest.mark.parametrize("nonneg", [False, True])
def test_selection_by_value_with_ties_and_few_positive_ones(nonneg):
    rng = np.random.default_rng(1)
    Z = rng.integers(-4, 3, (200, 9)).astype(float)
    code = nested.largest_of_each(Z, 4, nonneg)
    order = np.sort(np.argsort(-(np.maximum(Z, 0) if nonneg else Z), axis=1, kind="stable")[:, :4], axis=1)
    assert (code.units.reshape(-1, 4) == order).all()
    values = np.take_along_axis(Z, order, 1)
    assert (code.values.reshape(-1, 4) == (np.maximum(values, 0) if nonneg else values)).all()


def loss_of(parameters, X, code, omega, nonneg):
    """The loss in plain NumPy, the support and the weights of the readings held fixed."""
    E, offset, D, mean = parameters
    z = (X - mean) @ E.T + offset
    total = 0.0
    for s in range(len(X)):
        first, last = code.indptr[s], code.indptr[s + 1]
        residual = mean - X[s]
        weights = [1.0 if j == last - first else 0.0 for j in range(last - first + 1)] if omega is None else omega
        weights = weights if omega is None else omega[first + s : last + s + 1]
        total += weights[0] * residual @ residual
        for j, unit in enumerate(code.units[first:last]):
            a = max(z[s, unit], 0) if nonneg else z[s, unit]
            residual = residual + a * D[unit]
            total += weights[j + 1] * residual @ residual
    return total / len(X)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["whole", "budgets", "prefixes"])
@pytest.mark.parametrize("nonneg", [False, True])
def test_gradients_are_those_of_finite_differences(kind, tied, nonneg):
    rng = np.random.default_rng(2)
    n, H, d, k = 7, 12, 5, 4
    X = rng.standard_normal((n, d))
    E = rng.standard_normal((H, d))
    parameters = nested.Parameters(
        E, rng.standard_normal(H), E if tied else rng.standard_normal((H, d)), rng.standard_normal(d)
    )
    with nested.Workers(1) as workers:
        centred, Z = nested.encode(parameters, X, workers)
        code, omega = nested.largest_of_each(Z, k, nonneg), None
        if kind == "budgets":
            code, omega = nested.by_value(code, k), nested.budget_weights(n, k, np.array([1, 3, 4]), float)
        if kind == "prefixes":
            omega = nested.prefix_weights(code, np.array([2, 5, 12]), np.array([0.5, 0.2, 0.3]), H, float)
        encoder = np.empty_like(E)
        gradients = nested.Parameters(encoder, np.empty(H), encoder if tied else np.empty_like(E), np.empty(d))
        loss = nested.loss_and_gradients(parameters, centred, code, omega, gradients, workers, nonneg=nonneg)
    assert loss == pytest.approx(loss_of(parameters, X, code, omega, nonneg), rel=1e-12)
    for w, slope in zip(parameters, gradients, strict=True):
        for place in np.ndindex(w.shape):
            kept, differences = w[place], []
            for step in (1e-6, -1e-6):
                w[place] = kept + step
                differences.append(loss_of(parameters, X, code, omega, nonneg))
            w[place] = kept
            numeric = (differences[0] - differences[1]) / 2e-6
            assert slope[place] == pytest.approx(numeric, rel=1e-6, abs=1e-7)


def test_a_planted_support_is_found_in_one_step():
    rng = np.random.default_rng(3)
    D = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    D = np.vstack([D, np.eye(64)])
    mu = np.abs(D @ D.T - np.eye(128)).max()
    k = 1
    while k + 1 < 0.5 * (1 + 1 / mu):
        k += 1
    codes = np.zeros((500, 128))
    for row in codes:
        row[rng.choice(128, k, replace=False)] = 1.0
    model = KSparseAutoencoder(128, n_nonzero_coefs=k, max_iter=1).fit(rng.standard_normal((200, 64)))
    model.encoder_[...], model.intercept_encoder_[...], model.mean_[...] = D, 0, 0
    assert k < 0.5 * (1 + 1 / mu)
    assert ((model.transform(codes @ D).toarray() != 0) == (codes != 0)).all()


def every_kind(**changes):
    common = {"n_components": 24, "n_nonzero_coefs": 4, "max_iter": 4, "batch_size": 32, "random_state": 0, **changes}
    return [
        KSparseAutoencoder(**common),
        KSparseAutoencoder(tied=False, selection="batch", **common),
        HierarchicalTopKAutoencoder(**common),
        MatryoshkaAutoencoder(**common),
        MatryoshkaAutoencoder(selection="batch", **common),
    ]


@pytest.mark.parametrize("model", every_kind(), ids=lambda model: type(model).__name__)
def test_bits_do_not_depend_on_threads_nor_the_answer_on_the_backend(model):
    X = np.random.default_rng(4).standard_normal((300, 70)).astype(np.float32)
    codes = []
    for n_jobs, backend in ((1, "native"), (2, "native"), (1, "scipy")):
        with config_context(n_jobs=n_jobs), threadpool_limits(n_jobs):
            codes.append(model.set_params(backend=backend).fit(X).transform(X).toarray())
    assert (codes[0] == codes[1]).all()
    assert np.abs(codes[0] - codes[2]).max() < 1e-3


@pytest.mark.parametrize("model", every_kind(), ids=lambda model: type(model).__name__)
def test_decoder_rows_stay_on_the_sphere_and_a_pickle_goes_on_alike(model):
    X = np.random.default_rng(5).standard_normal((200, 30))
    model.partial_fit(X)
    copy = pickle.loads(pickle.dumps(model))
    model.partial_fit(X[:77])
    copy.partial_fit(X[:77])
    assert (model.components_ == copy.components_).all()
    assert (model.encoder_ == copy.encoder_).all()
    if model.tied:
        assert np.array_equal(model.components_, model.encoder_)
    else:
        assert np.abs(np.linalg.norm(model.components_, axis=1) - 1).max() < 1e-12


def test_a_batch_shares_its_units_among_samples():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((400, 30)) * np.repeat([0.2, 2.0], 200)[:, None]
    model = KSparseAutoencoder(
        60, n_nonzero_coefs=6, selection="batch", tied=False, k_schedule="constant", max_iter=20, random_state=0
    ).fit(X)
    counts = np.diff(model.transform(X).indptr)
    assert counts[200:].mean() > 2 * counts[:200].mean()
    assert 3 < counts.mean() < 12


def test_sparse_data_data_frames_and_dtypes():
    pd = pytest.importorskip("pandas")
    X = np.random.default_rng(7).random((90, 12)) * (np.random.default_rng(8).random((90, 12)) < 0.4)
    # two epochs: over many, a tie that rounding breaks the other way leads elsewhere
    dense, sparse = (
        KSparseAutoencoder(10, n_nonzero_coefs=3, max_iter=2, random_state=0).fit(given)
        for given in (X, sp.csr_array(X))
    )
    assert np.abs(dense.components_ - sparse.components_).max() < 1e-9
    assert sparse.score(sp.csr_array(X)) == pytest.approx(dense.score(X), abs=1e-9)
    frame = dense.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (90, 10)
    single = HierarchicalTopKAutoencoder(10, n_nonzero_coefs=3, max_iter=2).fit(X.astype(np.float32))
    assert single.components_.dtype == single.transform(X.astype(np.float32)).dtype == np.float32


def test_k_falls_over_the_first_half_and_a_callback_stops():
    X = np.random.default_rng(9).standard_normal((64, 8))
    kept = []
    model = KSparseAutoencoder(32, n_nonzero_coefs=2, batch_size=16, max_iter=10, tol=0)
    model.set_params(callback=lambda state: kept.append(model._n_kept()) or state.n_iter == 7).fit(X)
    assert model.n_iter_ == len(model.loss_curve_) == 7
    assert kept == [26, 20, 14, 8, 2, 2, 2]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KSparseAutoencoder(8, n_nonzero_coefs=9), "at most n_components=8"),
        (HierarchicalTopKAutoencoder(8, n_nonzero_coefs=4, budgets=[0, 2]), "budgets must be ascending"),
        (HierarchicalTopKAutoencoder(8, n_nonzero_coefs=4, budgets=[2, 5]), "from 1 to 4"),
        (HierarchicalTopKAutoencoder(8, n_nonzero_coefs=4, budgets=[2, 2]), "budgets must be ascending"),
        (HierarchicalTopKAutoencoder(8, n_nonzero_coefs=4, budgets=[1.5]), "integers"),
        (MatryoshkaAutoencoder(8, n_nonzero_coefs=4, prefixes=[4, 2, 8]), "prefixes must be ascending"),
        (MatryoshkaAutoencoder(8, n_nonzero_coefs=4, prefixes=[2, 4]), "end in n_components=8"),
        (MatryoshkaAutoencoder(8, n_nonzero_coefs=4, prefix_weights=[1.0]), "prefix_weights"),
        (MatryoshkaAutoencoder(8, n_nonzero_coefs=4, prefixes=[8], prefix_weights=[-1.0]), "positive"),
        (KSparseAutoencoder(8, n_nonzero_coefs=2, solver="sgd", learning_rate_init=1e9), "too high"),
    ],
)
def test_bad_parameters(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(np.random.default_rng(0).standard_normal((30, 6)))


@pytest.mark.parametrize("name", ["n_nonzero_coefs", "prefix"])
@pytest.mark.parametrize("value", [0, 11, 1.5])
def test_bad_truncation(name, value):
    model = KSparseAutoencoder(10, n_nonzero_coefs=3, max_iter=1).fit(np.random.default_rng(0).random((20, 5)))
    with pytest.raises(ValueError, match=f"{name} must be an integer from 1 to n_components=10"):
        model.reconstruct(np.ones((2, 5)), **{name: value})


@pytest.mark.parametrize("of", [KSparseAutoencoder, MatryoshkaAutoencoder])
def test_a_fitted_dictionary_keeps_its_size_when_parameters_are_set_anew(of):
    X = np.random.default_rng(0).standard_normal((40, 6))
    model = of(16, n_nonzero_coefs=3, max_iter=2, random_state=0).fit(X)
    codes = model.transform(X).toarray()
    model.set_params(n_components=8)
    np.testing.assert_array_equal(model.transform(X).toarray(), codes)
    assert model.inverse_transform(codes).shape == X.shape
    assert len(model.partial_fit(X).activation_count_) == len(model.get_feature_names_out()) == 16
    with pytest.raises(ValueError, match="at most n_components=16, got 20"):
        model.set_params(n_components=64, n_nonzero_coefs=20).transform(X)
