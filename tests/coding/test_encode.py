"""Paths, thresholds, and scikit-learn's function with only the import changed."""

import numpy as np
import pytest
import sklearn.decomposition
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from sklearn.datasets import load_digits
from sklearn.linear_model import lars_path

from sparsela.coding import SparseCoder, batch_lasso, batch_lasso_path, batch_omp, sparse_encode, threshold_encode


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data[:300] / 16
    rng = np.random.RandomState(0)
    return X - X.mean(axis=0), unit(rng.randn(40, 64))


@pytest.mark.parametrize("positive", [False, True])
def test_path_has_the_knots_of_scikit_learn(patches, atoms, positive):
    for x in patches[:25]:
        if np.linalg.norm(x) < 0.3:
            continue
        alphas, codes = batch_lasso_path(x, atoms, alpha_min=0.02, positive=positive)
        peer, _, coefs = lars_path(atoms.T, x, method="lasso", alpha_min=0.02 / x.size, positive=positive)
        assert_allclose(alphas, peer * x.size, atol=1e-8)
        assert_allclose(codes, coefs.T, atol=1e-8)


def test_path_is_the_lasso_at_and_between_its_knots(patches, atoms):
    x = patches[np.linalg.norm(patches, axis=1).argmax()]
    alphas, codes = batch_lasso_path(x, atoms[:40], gram=atoms[:40] @ atoms[:40].T)
    assert (np.diff(alphas) < 0).all() and alphas[-1] == 0 and alphas[0] == pytest.approx(np.abs(atoms[:40] @ x).max())
    assert not codes[0].any()
    for i in range(0, len(alphas) - 1, 5):
        at, between = alphas[i], (alphas[i] + alphas[i + 1]) / 2
        assert_allclose(codes[i], batch_lasso(x[None], atoms[:40], alpha=at)[0], atol=1e-8)
        assert_allclose((codes[i] + codes[i + 1]) / 2, batch_lasso(x[None], atoms[:40], alpha=between)[0], atol=1e-8)
    assert_allclose(codes[-1], np.linalg.lstsq(atoms[:40].T, x, rcond=None)[0], atol=1e-7)


def test_path_with_duplicates_weights_and_float32():
    rng = np.random.RandomState(0)
    D = unit(rng.randn(20, 15))
    x, w = rng.randn(15), rng.uniform(0.5, 2, 20)
    alphas, codes = batch_lasso_path(x, np.vstack([D, D]), alpha_min=0.01)
    assert not codes[:, 20:].any()
    assert_allclose(codes[:, :20], batch_lasso_path(x, D, alpha_min=0.01)[1], atol=1e-9)
    alphas, codes = batch_lasso_path(x, D, weights=w, alpha_min=0.01)
    assert_allclose(codes[-1], batch_lasso(x[None], D, alpha=0.01, weights=w)[0], atol=1e-8)
    assert batch_lasso_path(x.astype("f4"), D.astype("f4"))[1].dtype == np.float32
    assert len(batch_lasso_path(x, D, max_iter=3)[0]) <= 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((2, 15))}, "1 dimension"),
        ({"x": np.ones(14)}, "14"),
        ({"alpha_min": -1.0}, "alpha_min"),
        ({"weights": np.zeros(20)}, "weights must be positive"),
        ({"max_iter": 0}, "max_iter"),
        ({"x": np.full(15, np.nan)}, "NaN"),
    ],
)
def test_bad_path(change, message):
    arguments = {"x": np.ones(15), "dictionary": unit(np.random.RandomState(0).randn(20, 15)), **change}
    with pytest.raises(ValueError, match=message):
        batch_lasso_path(arguments.pop("x"), arguments.pop("dictionary"), **arguments)


@pytest.mark.parametrize("algorithm", ["omp", "lars", "lasso_lars", "lasso_cd", "threshold"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_changing_the_import_changes_nothing(digits, algorithm):
    X, D = digits
    options = {"alpha": 0.3} if algorithm in ("lasso_lars", "lasso_cd", "threshold") else {"n_nonzero_coefs": 5}
    peer_options = {"max_iter": 100_000} if algorithm == "lasso_cd" else {}
    peer = sklearn.decomposition.sparse_encode(X, D, algorithm=algorithm, **options, **peer_options)
    ours = sparse_encode(X, D, algorithm=algorithm, **options)
    if algorithm == "lasso_cd":  # its peer stops at a looser tolerance than ours: the objectives say who is nearer
        a, b = (0.5 * ((X - C @ D) ** 2).sum() + 0.3 * np.abs(C).sum() for C in (ours, peer))
        assert a <= b * (1 + 1e-9) and b <= a * (1 + 1e-4)
        assert_allclose(ours, peer, atol=0.02)
    else:
        assert_allclose(ours, peer, atol=1e-6)
        assert_array_equal(ours != 0, peer != 0)
    coder = SparseCoder(
        D,
        transform_algorithm=algorithm,
        transform_alpha=options.get("alpha"),
        transform_n_nonzero_coefs=options.get("n_nonzero_coefs"),
    )
    assert_array_equal(coder.fit_transform(X), ours)
    sparse = sparse_encode(X, D, algorithm=algorithm, sparse_output=True, **options)
    assert issparse(sparse) and sparse.has_canonical_format
    assert_array_equal(sparse.toarray(), ours)


def test_defaults_are_scikit_learns(digits):
    X, D = digits
    assert_allclose(sparse_encode(X, D), sklearn.decomposition.sparse_encode(X, D), atol=1e-6)
    for algorithm in ("omp", "lars"):
        ours, peer = (f(X, D, algorithm=algorithm) for f in (sparse_encode, sklearn.decomposition.sparse_encode))
        assert_allclose(ours, peer, atol=1e-6)
    gram, cov = D @ D.T, D @ X.T
    assert_allclose(sparse_encode(X, D, gram=gram, cov=cov, algorithm="omp"), batch_omp(X, D), atol=1e-12)


def test_coder_splits_signs_and_rebuilds(digits):
    X, D = digits
    for sparse in (False, True):
        coder = SparseCoder(D, transform_n_nonzero_coefs=8, split_sign=True, sparse_output=sparse).fit(X)
        codes = coder.transform(X)
        assert codes.shape == (300, 80) and codes.min() >= 0
        whole = SparseCoder(D, transform_n_nonzero_coefs=8).fit(X)
        assert_allclose(coder.inverse_transform(codes), whole.inverse_transform(whole.transform(X)), atol=1e-12)
        assert len(coder.get_feature_names_out()) == 80
    with pytest.raises(ValueError, match="80 columns, got 40"):
        coder.inverse_transform(np.zeros((2, 40)))


@pytest.mark.parametrize("how", [{"alpha": 1.0}, {"n_nonzero_coefs": 1}])
def test_correlations_past_the_floats_are_refused(how):
    with pytest.raises(ValueError, match="^X must be between"):
        threshold_encode(np.array([[1e200, 1.0]]), np.array([[1e200, 1.0]]), **how)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_thresholds_are_two_lines_of_numpy(patches, atoms, dtype):
    X, D = patches[:700].astype(dtype), atoms.astype(dtype)
    A = X @ D.T
    tight = {"rtol": 0, "atol": 1e-12 if dtype == np.float64 else 1e-5}
    alpha = 0.05
    want = {"soft": np.sign(A) * np.maximum(np.abs(A) - alpha, 0), "hard": np.where(np.abs(A) > alpha, A, 0)}
    for kind in ("soft", "hard"):
        for sparse in (False, True):
            got = threshold_encode(X, D, alpha=alpha, kind=kind, sparse_output=sparse)
            assert got.dtype == dtype
            assert_allclose(got.toarray() if sparse else got, want[kind], **tight)
        got = threshold_encode(X, D, alpha=alpha, kind=kind, positive=True)
        assert_allclose(got, np.maximum(want[kind], 0), **tight)
    top = threshold_encode(X, D, n_nonzero_coefs=4)
    kept = np.sort(np.argsort(-np.abs(A), axis=1, kind="stable")[:, :4], axis=1)
    norms = np.linalg.norm(X, axis=1) > 1e-3  # in flat patches all correlations are rounding
    assert_array_equal(np.argwhere(top[norms])[:, 1].reshape(-1, 4), kept[norms])
    assert_array_equal(top, threshold_encode(X, D, n_nonzero_coefs=4, sparse_output=True, n_jobs=2).toarray())


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (threshold_encode, {}, "give one of"),
        (threshold_encode, {"alpha": 1.0, "n_nonzero_coefs": 2}, "give one of"),
        (threshold_encode, {"alpha": -1.0}, "alpha"),
        (threshold_encode, {"n_nonzero_coefs": 41}, "between 1 and 40"),
        (threshold_encode, {"alpha": 1.0, "kind": "firm"}, "kind must be one of"),
        (sparse_encode, {"algorithm": "mp"}, "algorithm must be one of"),
        (sparse_encode, {"algorithm": "omp", "positive": True}, "positive is for"),
        (sparse_encode, {"algorithm": "lars", "n_nonzero_coefs": 41}, "between 1 and 40"),
        (sparse_encode, {"cov": np.ones((2, 2))}, r"cov must have shape \(40, 300\)"),
        (sparse_encode, {"algorithm": "omp", "n_nonzero_coefs": 41}, "got 41"),
    ],
)
def test_bad_input(digits, function, options, message):
    with pytest.raises(ValueError, match=message):
        function(*digits, **options)
