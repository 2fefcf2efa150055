"""IHT, NIHT, HTP, CoSaMP, subspace pursuit: the table of success, monotone residuals, equivariance, bad input."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import aslinearoperator
from sklearn.exceptions import ConvergenceWarning

from sparsela.recovery import PartialFourier, cosamp, htp, iht, niht, nst_ht_fb, omp, subspace_pursuit

from .problems import close, planted, success

METHODS = {"iht": iht, "niht": niht, "htp": htp, "cosamp": cosamp, "subspace_pursuit": subspace_pursuit}
TABLE = [  # signal, k, success of htp (columns as they are), cosamp, subspace pursuit, omp at 128 × 256
    ("gaussian", 36, 0.96, 0.98, 1.00, 0.74),
    ("gaussian", 42, 0.80, 0.68, 0.98, 0.46),
    ("gaussian", 48, 0.40, 0.00, 0.84, 0.16),
    ("sign", 30, 0.40, 1.00, 0.98, 0.06),
    ("sign", 36, 0.08, 0.82, 0.82, 0.00),
]


def unnormalised_htp(A, y, k):
    return htp(A, y, k, normalize=False)


@pytest.mark.parametrize(("signal", "k", "by_htp", "by_cosamp", "by_sp", "by_omp"), TABLE)
def test_success(signal, k, by_htp, by_cosamp, by_sp, by_omp):
    assert success(unnormalised_htp, 128, 256, k, signal, 50) >= by_htp - 0.1  # ours is above it, by up to 0.26
    assert abs(success(subspace_pursuit, 128, 256, k, signal, 50) - by_sp) <= 0.15
    assert abs(success(omp, 128, 256, k, signal, 50) - by_omp) <= 0.15
    trials = 50 if k < 43 else 10  # beyond m / 3 a step of CoSaMP is a least norm problem, and slow
    assert abs(success(cosamp, 128, 256, k, signal, trials) - by_cosamp) <= 0.15


def test_step_of_niht_and_iht_find_easy_signals():
    assert success(niht, 128, 256, 25, "gaussian", 20) >= 0.95
    assert success(iht, 128, 256, 5, "gaussian", 20) >= 0.8


@pytest.mark.parametrize("solve", [iht, niht])
def test_residual_never_grows(solve):
    for trial in range(10):
        A, y, _ = planted(60, 150, 12, "gaussian", trial)
        y = y + 0.1 * np.random.default_rng(trial).standard_normal(60)
        course = []
        with pytest.warns(ConvergenceWarning) if solve is iht else nothing():
            solve(
                A, y, 12, max_iter=200 if solve is niht else 60, callback=lambda s, c=course: c.append(s.residual_norm)
            )
        # a new best step on a support that stays may only lower it; rounding is all that may raise it
        assert np.all(np.diff(course) <= 1e-10 * course[0])


class nothing:
    def __enter__(self):
        return None

    def __exit__(self, *error):
        return False


def plain_htp(A, y, k, mu):
    x, T_old = np.zeros(A.shape[1]), None
    for _ in range(100):
        z = x + mu * A.T @ (y - A @ x)
        T = np.sort(np.argsort(-np.abs(z), kind="stable")[:k])
        x = np.zeros_like(x)
        x[T] = np.linalg.lstsq(A[:, T], y, rcond=None)[0]
        if np.array_equal(T, T_old):
            break
        T_old = T
    return x


def test_htp_takes_the_plain_steps():
    for trial in range(20):
        A, y, _ = planted(60, 120, 8, "gaussian", trial)
        assert_allclose(htp(A, y, 8, step=0.5, normalize=False, tol=1e-13).x, plain_htp(A, y, 8, 0.5), atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_array, sp.csc_matrix, aslinearoperator])
def test_any_kind_of_matrix(name, make):
    A, y, x = planted(80, 120, 5, "gaussian", 0)
    A = A / np.linalg.norm(A, axis=0)
    y = A @ x
    result = METHODS[name](make(A), y, 5, tol=1e-8, max_iter=2000)
    assert result.converged and close(result.x, x, 1e-6)
    assert_allclose(result.residual_norm, np.linalg.norm(y - A @ result.x), atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_complex_many_targets_and_float32(name):
    rng = np.random.default_rng(0)
    A = PartialFourier(128, np.sort(rng.choice(128, 80, replace=False)))
    X = np.zeros((128, 2), complex)
    for t in range(2):
        X[rng.choice(128, 6, replace=False), t] = rng.standard_normal(6) + 1j
    result = METHODS[name](A, A.matmat(X), 6, max_iter=2000)
    assert result.converged.all() and close(result.x, X, 1e-5)
    A, y, x = planted(80, 120, 5, "gaussian", 1)
    single = METHODS[name](A.astype(np.float32), y.astype(np.float32), 5, tol=1e-5, max_iter=2000)
    assert single.x.dtype == np.float32 and close(single.x, x, 1e-3)


@pytest.mark.parametrize("name", [*METHODS, "nst_ht_fb", "omp"])
def test_equivariance(name):
    solve = {**METHODS, "nst_ht_fb": nst_ht_fb, "omp": omp}[name]
    rng = np.random.default_rng(2)
    A, y, x = planted(60, 100, 3, "gaussian", 0)
    options = {} if name == "omp" else {"tol": 1e-12, "max_iter": 3000}
    order, Q = rng.permutation(100), np.linalg.qr(rng.standard_normal((60, 60)))[0]
    base = solve(A, y, 3, **options).x
    assert close(base, x, 1e-9)
    assert_allclose(solve(A[:, order], y, 3, **options).x, base[order], atol=1e-9)
    assert_allclose(solve(A, -3 * y, 3, **options).x, -3 * base, atol=1e-8)
    assert_allclose(solve(Q @ A, Q @ y, 3, **options).x, base, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_columns_of_any_length(name):
    A, y, x = planted(60, 100, 4, "gaussian", 3)
    lengths = np.geomspace(1e-3, 1e3, 100)
    result = METHODS[name](A * lengths, y, 4, tol=1e-10, max_iter=3000)
    assert_allclose(result.x * lengths, x, atol=1e-6)
    operator = aslinearoperator(A * lengths)
    given = METHODS[name](operator, y, 4, tol=1e-10, max_iter=3000, column_norms=np.linalg.norm(A * lengths, axis=0))
    assert_allclose(given.x * lengths, x, atol=1e-6)


def test_beyond_its_reach_it_does_not_say_that_it_converged():
    A, y, _ = planted(40, 100, 25, "sign", 0)
    for name, solve in METHODS.items():
        with pytest.warns(ConvergenceWarning) if name in ("iht", "niht") else nothing():
            assert not solve(A, y, 25, max_iter=50 if name in ("iht", "niht") else 200).converged


def test_start_from_the_answer():
    A, y, x = planted(60, 100, 4, "gaussian", 5)
    for solve in METHODS.values():
        result = solve(A, y, 4, x0=x, tol=1e-8)
        assert result.n_iter == 1 and close(result.x, x, 1e-8)


def test_refit_of_cosamp():
    A, y, x = planted(60, 100, 4, "gaussian", 6)
    y = y + 0.02 * np.random.default_rng(0).standard_normal(60)
    refitted = cosamp(A, y, 4, refit=True)
    T = refitted.support
    assert_allclose(refitted.x[T], np.linalg.lstsq(A[:, T], y, rcond=None)[0], atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_nonzero_coefs": 9}, ValueError, "between 1 and 8"),
        ({"n_nonzero_coefs": True}, TypeError, "n_nonzero_coefs must be an int"),
        ({"A": np.eye(8, 16)}, ValueError, "no zero column, got 8 of them, the first is column 8"),
        ({"y": np.full(8, np.inf)}, ValueError, "infinity"),
        ({"tol": np.nan}, ValueError, "tol must be"),
        ({"column_norms": np.ones(15)}, ValueError, r"16 finite positive numbers, got shape \(15,\)"),
        ({"column_norms": np.r_[np.ones(15), 0]}, ValueError, "16 finite positive numbers, got 0 at index 15"),
        ({"verbose": 7}, ValueError, "verbose"),
    ],
)
def test_bad_input(name, change, error, message):
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    with pytest.raises(error, match=message):
        METHODS[name](**{"A": A, "y": y, "n_nonzero_coefs": 2, **change})


def test_bad_steps():
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    for solve in (iht, htp):
        with pytest.raises(ValueError, match="step must be finite and positive"):
            solve(A, y, 2, step=0.0)
    with pytest.raises(ValueError, match="c must be below 1"):
        niht(A, y, 2, c=0.5, kappa=1.5)
    with pytest.raises(TypeError, match="adjoint"):
        from scipy.sparse.linalg import LinearOperator

        htp(LinearOperator((8, 16), matvec=lambda x: A @ x, dtype=float), y, 2)


def test_inputs_are_not_changed():
    A, y, x = planted(30, 60, 3, "gaussian", 0)
    start, kept = np.zeros(60), (A.copy(), y.copy())
    for solve in METHODS.values():
        solve(A, y, 3, x0=start, max_iter=2000)
    assert_array_equal(A, kept[0])
    assert_array_equal(y, kept[1])
    assert not start.any()
