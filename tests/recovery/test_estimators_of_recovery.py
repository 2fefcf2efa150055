"""The regressors: planted sizes found, centring that never writes a dense X, weights, error bars, bad input."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from sparsela._core.adjoint import assert_adjoint
from sparsela.recovery import SparseRegressor, SparseRegressorCV
from sparsela.recovery._centred import design
from sparsela.recovery._paths import SOLVERS


def autoregressive(m, n, k, rho, db, seed):
    """Columns that follow each other with correlation rho, k coefficients of about 1, noise at so many decibels."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n))
    for j in range(1, n):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    coef = np.zeros(n)
    coef[rng.choice(n, k, replace=False)] = rng.choice([-1, 1], k) * rng.uniform(0.5, 1.5, k)
    signal, e = X @ coef, rng.standard_normal(m)
    return X, signal + e * np.linalg.norm(signal) / np.linalg.norm(e) * 10 ** (-db / 20), coef


@pytest.mark.parametrize("solver", ["nst", "omp", "adaptive_nst"])
def test_cross_validation_finds_the_planted_size(solver):
    hits = 0
    for seed in range(10):
        X, y, coef = autoregressive(200, 300, 8, 0.5, 10, seed)
        model = SparseRegressorCV(solver, rule="1se").fit(X, y)
        hits += abs(model.n_nonzero_coefs_ - 8) <= 2 and np.isin(np.flatnonzero(coef), model.support_).sum() >= 7
    assert hits >= 9


@pytest.mark.parametrize("solver", ["nst", "omp", "htp"])
def test_cross_validation_is_the_grid_search(solver):
    X, y, _ = autoregressive(100, 60, 6, 0.5, 15, 0)
    model = SparseRegressorCV(solver).fit(X, y)
    grid = GridSearchCV(SparseRegressor(solver), {"n_nonzero_coefs": model.candidates_.tolist()}, cv=5).fit(X, y)
    assert model.n_nonzero_coefs_ == grid.best_params_["n_nonzero_coefs"]
    assert_allclose(model.coef_, grid.best_estimator_.coef_, atol=1e-10)
    if solver == "omp":
        assert_allclose(model.cv_path_.mean(axis=1), grid.cv_results_["mean_test_score"], atol=1e-10)
    assert_array_equal(SparseRegressorCV(solver, n_jobs=2).fit(X, y).cv_path_, model.cv_path_)


@pytest.mark.slow
def test_correlated_columns_by_the_thousand():
    errors = []
    for seed in range(5):
        X, y, coef = autoregressive(500, 5000, 40, 0.8, 30, seed)
        found = SparseRegressor("nst", 40).fit(X, y).coef_
        errors.append(np.linalg.norm(found - coef) / np.linalg.norm(coef))
    assert np.median(errors) <= 0.02  # four of these five; OMP's median is 0.25


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_fits_with_and_without_an_intercept(solver):
    X, y, coef = autoregressive(120, 40, 4, 0.3, 30, 1)
    X = X * np.geomspace(0.01, 100, 40) + np.arange(40)
    y, coef = y + 50, coef / np.geomspace(0.01, 100, 40)
    options = {"n_nonzero_coefs": 4} if solver not in ("fista", "bpdn", "reweighted_l1", "irls", "sbl") else {}
    if solver == "reweighted_l1":
        options = {"solver_options": {"sigma": 0.04 * float(np.linalg.norm(y - y.mean()))}}
    elif solver in ("fista", "bpdn"):
        options = {"alpha": 0.3 if solver == "fista" else 1.0}
    with np.errstate(all="ignore"):
        model = SparseRegressor(solver, max_iter=2000 if solver in ("iht", "niht") else None, **options)
        model = fitted(model, X, y)
    if solver not in ("irls",):  # without a bound on the noise it fits the noise too
        assert model.score(X, y) > 0.97
    centred = fitted(SparseRegressor(solver, fit_intercept=False, **options), X - X.mean(axis=0), y - y.mean())
    if solver not in ("reweighted_l1", "irls", "iht", "niht"):
        assert_allclose(centred.coef_, model.coef_, rtol=1e-4, atol=1e-3 * np.abs(model.coef_).max())


def fitted(model, X, y):
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def test_all_features_is_least_squares_and_fista_is_the_lasso():
    X, y, _ = autoregressive(80, 10, 5, 0.5, 10, 2)
    weight = np.random.default_rng(0).uniform(0.5, 2, 80)
    plain = LinearRegression().fit(X, y, sample_weight=weight)
    for solver in ("nst", "omp", "sp"):
        model = SparseRegressor(solver, 10).fit(X, y, sample_weight=weight)
        assert_allclose(model.coef_, plain.coef_, atol=1e-8)
        assert_allclose(model.intercept_, plain.intercept_, atol=1e-8)
    scale = np.linalg.norm(X - X.mean(axis=0), axis=0)
    lasso = Lasso(alpha=0.5 / 80, tol=1e-12, max_iter=100_000).fit(X / scale, y)
    assert_allclose(SparseRegressor("fista", alpha=0.5, tol=1e-12).fit(X, y).coef_ * scale, lasso.coef_, atol=1e-7)
    positive = Lasso(alpha=0.5 / 80, tol=1e-12, max_iter=100_000, positive=True).fit(X / scale, y)
    ours = fitted(SparseRegressor("fista", alpha=0.5, tol=1e-11, positive=True, max_iter=20_000), X, y)
    assert_allclose(ours.coef_ * scale, positive.coef_, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sparse_design_is_the_dense_one(weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 90)) * (rng.random((60, 90)) < 0.2)
    y = X[:, 3] - 2 * X[:, 50] + 1
    weight = rng.integers(0, 3, 60).astype(float) if weighted else None
    dense, sparse = design(X, True, weight), design(sp.csr_array(X), True, weight)
    n = dense.A.shape[1]
    assert_allclose(sparse.A.columns(np.arange(n)), dense.A, atol=1e-12)
    assert_allclose(sparse.A.row_products(), dense.A @ dense.A.T, atol=1e-12)
    assert_allclose(sparse.A.gram(np.arange(5)), dense.A[:, :5].T @ dense.A[:, :5], atol=1e-12)
    assert_adjoint(sparse.A)
    centred = X - np.average(X, axis=0, weights=weight)
    gram = centred.T @ (centred if weight is None else weight[:, None] * centred)
    assert_allclose(
        (dense.A * dense.norms).T @ (dense.A * dense.norms), gram[np.ix_(dense.kept, dense.kept)], atol=1e-9
    )
    for solver in ("nst", "omp", "htp", "fista", "adaptive_nst"):
        a, b = (fitted(SparseRegressor(solver, **sized(solver)), Z, y) for Z in (X, sp.csc_array(X)))
        assert_allclose(a.coef_, b.coef_, atol=1e-7)
        assert_allclose(a.predict(X), b.predict(sp.csr_array(X)), atol=1e-7)


def sized(solver):
    return {} if solver == "fista" else {"n_nonzero_coefs": 2}


def test_a_wide_sparse_design_is_not_made_dense():
    X = sp.random_array((1500, 20_000), density=2e-3, random_state=0, format="csr")
    y = 3 * X[:, [7]].toarray().ravel() + 5
    tracemalloc.start()
    model = SparseRegressor("omp", 2).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # dense it has 240 MB
    assert model.support_.tolist() == [7] and abs(model.intercept_ - 5) < 1e-9


def test_constant_columns_get_no_coefficient():
    X, y, _ = autoregressive(50, 12, 3, 0.2, 20, 0)
    X[:, 4] = 1e6
    X[:, 5] = 0
    for Z in (X, sp.csr_array(X)):
        model = SparseRegressor(n_nonzero_coefs=10).fit(Z, y)
        assert not model.coef_[[4, 5]].any() and np.isfinite(model.coef_).all()
    assert not SparseRegressor().fit(np.ones((5, 3)), np.arange(5.0)).coef_.any()
    assert_allclose(SparseRegressor().fit(X, np.full(50, 3.0)).predict(X), 3.0)


def test_many_targets():
    X, y, _ = autoregressive(80, 30, 3, 0.2, 20, 0)
    Y = np.stack([y, -2 * y + 1, X[:, 0]], axis=1)
    model = SparseRegressor(n_nonzero_coefs=3).fit(X, Y)
    assert model.coef_.shape == (3, 30) and model.intercept_.shape == (3,)
    for t in range(3):
        assert_allclose(model.coef_[t], SparseRegressor(n_nonzero_coefs=3).fit(X, Y[:, t]).coef_, atol=1e-10)


def test_sbl_has_error_bars():
    X, y, coef = autoregressive(100, 40, 4, 0.2, 20, 3)
    model = SparseRegressor("sbl").fit(X, y + 7)
    mean, std = model.predict(X, return_std=True)
    assert_allclose(mean, model.predict(X))
    assert 0.85 <= np.mean(np.abs(mean - y - 7) <= 2 * std) <= 1
    assert model.sigma_.shape == (model.support_.size, model.support_.size)
    off = np.abs(model.coef_ - coef)[model.support_] / np.sqrt(np.diagonal(model.sigma_))
    assert np.median(off) < 3
    with pytest.raises(ValueError, match="return_std is for solver='sbl'"):
        SparseRegressor().fit(X, y).predict(X, return_std=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "magic"}, ValueError, "solver"),
        ({"n_nonzero_coefs": 0}, ValueError, "n_nonzero_coefs"),
        ({"n_nonzero_coefs": 31}, ValueError, "at most n_features = 30, got 31"),
        ({"solver": "fista", "n_nonzero_coefs": 3}, ValueError, "takes no n_nonzero_coefs"),
        ({"solver": "omp", "positive": True}, ValueError, "positive=True is for solver='fista'"),
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"solver": "omp", "solver_options": {"normalize": True}}, ValueError, "must not hold 'normalize'"),
    ],
)
def test_bad_parameters(options, error, message):
    X, y, _ = autoregressive(40, 30, 3, 0.2, 20, 0)
    with pytest.raises(error, match=message):
        SparseRegressor(**options).fit(X, y)


def test_bad_candidates_and_data():
    X, y, _ = autoregressive(40, 30, 3, 0.2, 20, 0)
    for given, message in (([0, 1], "between 1 and 30"), ([99], "between 1 and 30"), ([1.5], "vector of ints")):
        with pytest.raises(ValueError, match=message):
            SparseRegressorCV(n_nonzero_coefs=given).fit(X, y)
    with pytest.raises(ValueError, match="rule"):
        SparseRegressorCV(rule="max").fit(X, y)
    with pytest.raises(ValueError, match="at least 3 are needed"):
        SparseRegressorCV(cv=2).fit(X[:4], y[:4])
    with pytest.raises(TypeError, match="set fit_intercept=False"):
        SparseRegressor("sbl").fit(sp.csr_array(X), y)
    with pytest.raises(NotFittedError):
        SparseRegressor().predict(X)
    with pytest.raises(ValueError, match="NaN"):
        SparseRegressor().fit(np.where(X > 2, np.nan, X), y)


def test_error_bars_of_any_kind_of_samples_and_of_the_last_fit_alone():
    X, y, _ = autoregressive(100, 40, 4, 0.2, 20, 3)
    model = SparseRegressor("sbl").fit(X, y)
    std = model.predict(X, return_std=True)[1]
    for samples in (X.tolist(), sp.coo_array(X), np.asfortranarray(X)):
        assert_allclose(model.predict(samples, return_std=True)[1], std, rtol=1e-12)
    model.set_params(solver="omp", n_nonzero_coefs=4).fit(X, y)
    with pytest.raises(ValueError, match="got a fit with solver='omp' of 1 target"):
        model.predict(X, return_std=True)
    model.set_params(solver="sbl", n_nonzero_coefs=None).fit(X, np.stack([y, -y], axis=1))
    with pytest.raises(ValueError, match="of 2 target"):
        model.predict(X, return_std=True)


def test_one_left_out_needs_a_score_that_one_sample_has():
    X, y, _ = autoregressive(20, 6, 2, 0.2, 20, 3)
    with pytest.raises(ValueError, match="at least 2 samples to test on in a fold"):
        SparseRegressorCV(cv=LeaveOneOut()).fit(X, y)
    model = SparseRegressorCV(cv=LeaveOneOut(), scoring="neg_mean_squared_error").fit(X, y)
    assert model.cv_path_.shape[1] == 20 and np.isfinite(model.cv_path_).all()


def test_iterations_of_targets_that_are_constant():
    X = np.random.default_rng(0).standard_normal((8, 3))
    assert SparseRegressor(n_nonzero_coefs=1).fit(X, np.ones(8)).n_iter_ == 0
    assert_array_equal(SparseRegressor(n_nonzero_coefs=1).fit(X, np.ones((8, 2))).n_iter_, [0, 0])
