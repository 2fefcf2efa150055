"""OMP of one signal: against scikit-learn, on every kind of matrix, its path, its stops."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import aslinearoperator
from sklearn.linear_model import orthogonal_mp

from sparsela.recovery import PartialFourier, omp

from .problems import close, planted


def unit_problem(m, n, k, trial, noise=0.0):
    A, _, x = planted(m, n, k, "gaussian", trial)
    A = A / np.linalg.norm(A, axis=0)
    return A, A @ x + noise * np.random.default_rng(trial).standard_normal(m), x


@pytest.fixture(params=["in cache", "too large for it"])
def of_any_size(request, monkeypatch):
    """Dense matrices by a product a step, as small ones are read, and by several steps a product, as large ones are."""
    if request.param == "too large for it":
        monkeypatch.setattr("sparsela.recovery._omp.CACHED", 0)


@pytest.mark.parametrize("k", [1, 7, 40, 80])
def test_equals_scikit_learn(k, of_any_size):
    for trial in range(10):
        A, y, _ = unit_problem(100, 300, 30, trial, noise=0.05)
        want = orthogonal_mp(A, y, n_nonzero_coefs=k)
        for a in (A, np.asfortranarray(A), sp.csr_array(A), sp.csc_array(A), aslinearoperator(A)):
            found = omp(a, y, k)
            assert_array_equal(found.support, np.flatnonzero(want))
            assert_allclose(found.x, want, atol=1e-10)
            assert found.converged and found.n_iter == k


def test_bound_on_the_squared_residual_equals_scikit_learn(of_any_size):
    for trial in range(10):
        A, y, _ = unit_problem(100, 300, 20, trial, noise=0.05)
        bound = 0.02 * float(y @ y)
        found = omp(A, y, tol=bound)
        assert_allclose(found.x, orthogonal_mp(A, y, tol=bound), atol=1e-10)
        assert found.converged and found.residual_norm**2 <= bound


def test_many_targets_equal_one_by_one():
    A, _, _ = unit_problem(60, 150, 10, 0)
    Y = A @ (np.random.default_rng(0).standard_normal((150, 20)) * (np.arange(150)[:, None] % 15 == 0))
    Y += 0.01 * np.random.default_rng(1).standard_normal(Y.shape)
    Y = Y * np.geomspace(1e-4, 1e4, 20)
    together = omp(3 * A, Y, 12)
    for t in range(20):
        alone = omp(3 * A, Y[:, t], 12)
        assert_array_equal(together.support[t], alone.support)
        assert_allclose(together.x[:, t], alone.x, rtol=1e-8)
        assert_allclose(together.residual_norm[t], alone.residual_norm, rtol=1e-8, atol=1e-12 * np.linalg.norm(Y[:, t]))
    assert_array_equal(together.n_iter, 12)
    operator = omp(aslinearoperator(3 * A), Y, 12)
    assert_allclose(operator.x, omp(3 * A, Y, 12, normalize=False).x, rtol=1e-8)


def test_complex_fourier_measurements(of_any_size):
    rng = np.random.default_rng(0)
    A = PartialFourier(128, np.sort(rng.choice(128, 64, replace=False)))
    for _ in range(10):
        x = np.zeros(128, complex)
        x[rng.choice(128, 8, replace=False)] = rng.standard_normal(8) + 1j * rng.standard_normal(8)
        for a in (A, A.matmat(np.eye(128))):
            assert_allclose(omp(a, A.matvec(x), 8).x, x, atol=1e-10)


def test_path_has_every_step(of_any_size):
    A, y, _ = unit_problem(60, 150, 10, 1, noise=0.1)
    path = omp(2 * A, y, 12, return_path=True)
    assert path.x.shape == (150, 12)
    for k in range(12):
        assert_allclose(path.x[:, k], omp(2 * A, y, k + 1).x, atol=1e-12)


def test_residual_falls_and_is_orthogonal(of_any_size):
    A, y, _ = unit_problem(60, 150, 30, 2)
    found = omp(A, y, 30, return_history=True)
    assert np.all(np.diff(found.history["residual_norm"]) < 0)
    assert_allclose(A[:, found.support].T @ (y - A @ found.x), 0, atol=1e-12)


def test_stops_at_dependent_columns_and_at_nothing_left(of_any_size):
    with pytest.warns(RuntimeWarning, match="omp stopped after 1 of 3 columns"):
        found = omp(np.ones((4, 3)), np.array([1.0, 0.0, 0.0, 0.0]), 3)
    assert not found.converged and found.support.tolist() == [0]
    exact = omp(np.eye(5), np.array([0, 2.0, 0, 0, 1.0]), 4)
    assert exact.converged and exact.n_iter == 2


def test_a_wide_sparse_matrix_is_not_made_dense():
    import tracemalloc

    A = sp.random_array((2000, 50_000), density=1e-3, random_state=0, format="csc")
    x = np.zeros(50_000)
    x[np.flatnonzero(A.power(2).sum(axis=0) > 1.5)[:10]] = 1.0
    tracemalloc.start()
    found = omp(A, A @ x, 10, normalize=False)  # some of its columns are zero, which no unit norm can be given
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert close(found.x, x, 1e-10)
    assert peak < 20e6  # dense it has 800 MB


def test_default_sparsity_and_float32():
    A, y, _ = unit_problem(30, 60, 3, 0, noise=0.1)
    assert omp(A, y).n_iter == 6
    single = omp(A.astype(np.float32), y.astype(np.float32), 5)
    assert single.x.dtype == np.float32
    assert_allclose(single.x, omp(A, y, 5).x, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_nonzero_coefs": 9}, ValueError, "between 1 and 8"),
        ({"tol": -1.0}, ValueError, "tol must be"),
        ({"A": np.eye(8, 16)}, ValueError, "no zero column"),
        ({"y": np.ones((8, 2)), "return_path": True}, ValueError, "return_path is for one target"),
        ({"y": np.ones((8, 0))}, ValueError, "empty"),
        ({"y": np.array(["a"] * 8)}, TypeError, "numbers"),
    ],
)
def test_bad_input(change, error, message):
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    with pytest.raises(error, match=message):
        omp(**{"A": A, "y": y, "n_nonzero_coefs": 2, **change})


def test_norms_that_are_given_count_for_many_targets_too():
    rng = np.random.default_rng(0)
    A, Y = rng.standard_normal((10, 6)), rng.standard_normal((10, 3))
    for norms in (np.linspace(1, 5, 6), np.ones(6), np.linalg.norm(A, axis=0)):
        each = [omp(A, y, 2, column_norms=norms).x for y in Y.T]
        assert_allclose(omp(A, Y, 2, column_norms=norms).x, np.stack(each, axis=1), atol=1e-12)
    A[:, 2] = 0
    assert np.isfinite(omp(A, Y, 2, column_norms=np.ones(6)).x).all()
