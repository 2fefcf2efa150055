"""SketchedLinearRegression against scikit-learn's LinearRegression and Ridge."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LinearRegression, Ridge

from sparsela.sketch import SketchedLinearRegression


def data(targets=(), n=3000, d=12):
    rng = np.random.default_rng(0)
    X = (rng.random((n, d)) < 0.4) * rng.normal(size=(n, d)) + 5 * (np.arange(d) == 3)
    return X, X @ rng.normal(size=(d, *targets)) + rng.normal(size=(n, *targets)) + 7


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("targets", [(), (2,)])
@pytest.mark.parametrize("alpha", [0.0, 30.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("method", ["precond", "lsrn", "iterative"])
def test_agrees_with_scikit_learn(form, targets, alpha, fit_intercept, method):
    X, y = data(targets)
    peer = (Ridge(alpha, fit_intercept=fit_intercept) if alpha else LinearRegression(fit_intercept=fit_intercept)).fit(
        X, y
    )
    ours = SketchedLinearRegression(
        alpha, fit_intercept=fit_intercept, method=method, sampling_factor=12, random_state=0
    ).fit(form(X), y)
    assert ours.coef_.shape == peer.coef_.shape and np.shape(ours.intercept_) == np.shape(peer.intercept_)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, peer.intercept_, atol=1e-9)
    np.testing.assert_allclose(ours.predict(form(X)), peer.predict(X), atol=1e-9)
    assert ours.n_iter_ > 5
    assert ours.rank_ == 12 + (fit_intercept and form is not np.asarray)


def test_single_precision_stays():
    X, y = data()
    model = SketchedLinearRegression(random_state=0).fit(X.astype(np.float32), y)
    assert model.coef_.dtype == model.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_, atol=1e-4)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("alpha", [0.0, 30.0])
def test_stream(form, alpha):
    """Parts give what one part gives, and nearly the least squares of all."""
    X, y = data()
    whole, parts = (
        SketchedLinearRegression(alpha, method="sketch-and-solve", n_components=400, random_state=0) for _ in range(2)
    )
    whole.partial_fit(form(X), y)
    for rows in np.array_split(np.arange(len(X)), 7):
        parts.partial_fit(form(X)[rows], y[rows])
    np.testing.assert_allclose(parts.coef_, whole.coef_, atol=1e-10)
    assert parts.sketch_.n_rows_seen_ == 3000
    best = LinearRegression().fit(X, y)
    rss = ((y - parts.predict(X)) ** 2).sum() / ((y - best.predict(X)) ** 2).sum()
    assert 1 <= rss <= 1.12
    assert not hasattr(SketchedLinearRegression(), "partial_fit")
    assert not hasattr(parts.fit(X, y), "sketch_")


def test_bad_input():
    X, y = data()
    with pytest.raises(ValueError, match="n_components must be given"):
        SketchedLinearRegression(method="sketch-and-solve").partial_fit(X, y)
    with pytest.raises(ValueError, match="kind must be one of"):
        SketchedLinearRegression(method="sketch-and-solve", kind="srht", n_components=20).partial_fit(X, y)
    with pytest.raises(ValueError, match="alpha"):
        SketchedLinearRegression(-1.0).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        SketchedLinearRegression().fit(X * np.nan, y)
