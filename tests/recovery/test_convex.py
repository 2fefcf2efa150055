"""ISTA, FISTA, BPDN, the lasso's ball, basis pursuit: certified gaps, optimality conditions, linear programs, peers."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog
from scipy.sparse.linalg import aslinearoperator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from sparsela.datasets import image_patches
from sparsela.recovery import PartialFourier, basis_pursuit, bpdn, fista, ista, lasso_ball
from sparsela.recovery.prox import CEL0, L0, L1, MCP, L0Constraint, L1Ball, LHalf

from .problems import close, partial_dct, planted


def noisy(m, n, k, trial, noise=0.1, is_complex=False):
    A, y, x = planted(m, n, k, "gaussian", trial)
    rng = np.random.default_rng(trial)
    e = noise * rng.standard_normal(m)
    if is_complex:
        A = A + 1j * rng.standard_normal((m, n)) / np.sqrt(m)
        y = A @ x
    return A, y + e, x, float(np.linalg.norm(e))


def dual_gap(A, y, x, alpha):
    r = y - A @ x
    theta = r * min(1, alpha / np.abs(A.conj().T @ r).max())
    dual = 0.5 * np.vdot(y, y).real - 0.5 * np.vdot(y - theta, y - theta).real
    return 0.5 * np.vdot(r, r).real + alpha * np.abs(x).sum() - dual


@pytest.mark.parametrize("solve", [ista, fista])
@pytest.mark.parametrize("is_complex", [False, True])
def test_gap_is_what_it_says(solve, is_complex):
    for trial in range(5):
        A, y, _, _ = noisy(60, 150, 8, trial, is_complex=is_complex)
        result = solve(A, y, 0.2, polish=False, max_iter=5000)
        bound = 1e-6 * 0.5 * np.vdot(y, y).real
        assert result.converged and dual_gap(A, y, result.x, 0.2) <= 1.01 * bound
        assert_allclose(result.gap, dual_gap(A, y, result.x, 0.2), atol=1e-12)
        polished = solve(A, y, 0.2, tol=1e-12, max_iter=5000)
        assert dual_gap(A, y, polished.x, 0.2) <= 1e-11 * bound / 1e-6


def test_agrees_with_scikit_learn():
    for trial in range(10):
        A, y, _, _ = noisy(80, 200, 10, trial)
        want = Lasso(alpha=0.15 / 80, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(A, y).coef_
        for options in ({}, {"step": "backtracking"}, {"restart": None, "tol": 1e-13, "max_iter": 20_000}):
            assert_allclose(fista(A, y, 0.15, **{"tol": 1e-12, **options}).x, want, atol=1e-8)


def test_ista_never_goes_up():
    A, y, _, _ = noisy(60, 150, 8, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        course = ista(A, y, 0.05, max_iter=300, return_history=True).history["objective"]
    assert np.all(np.diff(course) <= 1e-12 * course[0])


def test_two_applications_an_iteration():
    A, y, _, _ = noisy(60, 150, 8, 0)
    with pytest.warns(ConvergenceWarning, match="fista stopped at max_iter=100"):
        result = fista(A, y, 1e-3, tol=1e-15, polish=False, max_iter=100)
    assert result.n_matvec <= 2 * 100 + 40


@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_array, aslinearoperator])
def test_many_targets_in_one_run_on_any_kind_of_matrix(make):
    A, _, _, _ = noisy(60, 150, 8, 0)
    Y = np.stack([noisy(60, 150, 8, t)[1] for t in range(4)] + [np.zeros(60), 1e-3 * np.ones(60)], axis=1)
    together = fista(make(A), Y, 0.2, tol=1e-12, max_iter=5000)
    assert together.x.shape == (150, 6) and together.converged.all()
    for t in range(6):
        alone = fista(A, Y[:, t], 0.2, tol=1e-12, max_iter=5000)
        assert_allclose(together.x[:, t], alone.x, atol=1e-6)
        assert_array_equal(together.n_iter[t] == 0, alone.n_iter == 0)
    assert not together.x[:, 4].any()


def test_no_iteration_where_zero_is_the_answer():
    A, y, _, _ = noisy(60, 150, 8, 0)
    result = fista(A, y, np.abs(A.T @ y).max())
    assert result.n_iter == 0 and result.converged and not result.x.any()


@pytest.mark.parametrize("penalty", [LHalf(), MCP(3.0), L0Constraint(8)])
def test_other_penalties_reach_a_critical_point(penalty):
    A, y, x, _ = noisy(100, 150, 8, 0, noise=0.01)
    alpha = 0.02 if not isinstance(penalty, MCP) else 0.1
    result = fista(A, y, alpha, penalty=penalty, tol=1e-10, max_iter=5000)
    L = 1.1 * np.linalg.norm(A, 2) ** 2
    assert result.converged
    again = penalty.prox(result.x - A.T @ (A @ result.x - y) / L, 1 / L, alpha)
    assert_allclose(again, result.x, atol=1e-6)
    assert close(result.x, x, 0.1)
    assert_allclose(result.objective, 0.5 * result.residual_norm**2 + penalty.value(result.x, alpha))


def test_steps_that_do_not_move_do_not_shrink():
    """Where x has arrived, rounding in A v must not be taken for a step too long."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((144, 289)) / 12
    Y = rng.standard_normal((144, 5))
    for penalty in (L0(), LHalf(), "l1"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = fista(A, Y, 0.05, penalty=penalty, tol=0, max_iter=3000, polish=False)
        assert np.isfinite(found.x).all() and np.all(found.residual_norm < np.linalg.norm(Y, axis=0))


def test_beyond_l1_few_atoms_code_a_texture():
    """Whitened patches of textures over a twofold cosine dictionary: ℓ½ needs less than half of ℓ1's atoms for the same
    residual, and leaves less than 0.7 of its residual with the same number."""
    skimage = pytest.importorskip("skimage.data")
    patches = np.vstack(
        [
            image_patches(getattr(skimage, n)() / 255.0, 12, n_patches=600, random_state=0)
            for n in ("grass", "gravel", "brick")
        ]
    )
    values, V = np.linalg.eigh(patches.T @ patches / len(patches))
    Y = (patches[::60] @ (V / np.sqrt(values + 1e-2 * values.max()) @ V.T)).T
    Y /= np.linalg.norm(Y, axis=0)
    line = np.cos(np.pi * np.arange(12)[:, None] * np.arange(17) / 17)
    line[:, 1:] -= line[:, 1:].mean(axis=0)
    A = np.kron(line, line)
    A /= np.linalg.norm(A, axis=0)

    def course(alphas, penalty):
        found = [fista(A, Y, alpha, penalty=penalty, tol=1e-5, max_iter=2000) for alpha in alphas]
        return np.array([[f.residual_norm.mean(), (f.x != 0).sum(axis=0).mean()] for f in found]).T

    residual, atoms = course([0.02, 0.05, 0.08, 0.12, 0.16, 0.2], "l1")
    for alpha in (0.01, 0.015):
        left, count = course([alpha], LHalf())[:, 0]
        assert count <= 0.5 * np.interp(left, residual, atoms)
    left, count = course([0.007], LHalf())[:, 0]
    assert left <= 0.7 * np.interp(count, atoms[::-1], residual[::-1])


def test_penalty_by_object_equals_by_name_and_columns_by_themselves():
    A, y, _, _ = noisy(60, 150, 8, 0)
    assert_allclose(fista(A, y, 0.2, penalty=L1()).x, fista(A, y, 0.2).x)
    Y = np.stack([y, 2 * y], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        together = fista(A, Y, 1.0, penalty=L1Ball(1.0), max_iter=300, tol=1e-9)
    assert np.all(np.abs(together.x).sum(axis=0) <= 1 + 1e-9)
    assert fista(A, y, 0.1, penalty=CEL0(np.linalg.norm(A, axis=0)), max_iter=3000).converged


@pytest.mark.parametrize("is_complex", [False, True])
def test_bpdn_meets_the_bound_and_the_optimality_conditions(is_complex):
    for trial in range(20):
        A, y, _, sigma = noisy(60, 150, 10, trial, noise=0.05, is_complex=is_complex)
        result = bpdn(A, y, sigma)
        assert result.converged
        assert abs(result.residual_norm - sigma) <= 1e-8 * np.linalg.norm(y)
        c = A.conj().T @ (y - A @ result.x)
        lam, T = np.abs(c).max(), result.support
        assert_allclose(c[T], lam * result.x[T] / np.abs(result.x[T]), atol=1e-7 * lam)


def test_bpdn_beyond_the_data_and_out_of_reach():
    A, y, _, _ = noisy(60, 150, 10, 0)
    assert not bpdn(A, y, 2 * np.linalg.norm(y)).x.any()
    tall = np.random.default_rng(0).standard_normal((40, 10))
    y = np.random.default_rng(1).standard_normal(40)
    away = np.linalg.norm(y - tall @ np.linalg.lstsq(tall, y, rcond=None)[0])
    with pytest.raises(ValueError, match="sigma must not be smaller than the distance of y from the range of A"):
        bpdn(tall, y, 0.9 * away)
    assert bpdn(tall, y, 1.1 * away).converged


def test_bpdn_from_a_start_and_on_an_operator():
    A, y, x = partial_dct(4096, 1024, 80)
    y = y + 0.001 * np.random.default_rng(0).standard_normal(1024)
    cold = bpdn(A, y, 0.03)
    warm = bpdn(A, y, 0.03, x0=cold.x)
    assert warm.n_iter < cold.n_iter
    assert_allclose(warm.x, cold.x, atol=1e-6)


def test_lasso_ball_is_the_lasso_of_its_multiplier():
    for trial in range(5):
        A, y, _, _ = noisy(60, 150, 8, trial)
        penalised = fista(A, y, 0.2, tol=1e-13).x
        result = lasso_ball(A, y, np.abs(penalised).sum(), tol=1e-11, max_iter=5000)
        assert result.converged
        assert_allclose(result.x, penalised, atol=1e-4)
        assert np.abs(result.x).sum() <= np.abs(penalised).sum() * (1 + 1e-12)


@pytest.mark.parametrize("method", ["lp", "admm"])
def test_basis_pursuit_reaches_the_linear_programs_optimum(method):
    for k in (5, 15, 25):
        for trial in range(10):
            A, y, _ = planted(60, 150, k, "gaussian", trial)
            least = linprog(np.ones(300), A_eq=np.hstack([A, -A]), b_eq=y).fun
            result = basis_pursuit(A, y, method=method)
            assert result.converged
            assert_allclose(np.abs(result.x).sum(), least, rtol=1e-9)
            assert_allclose(A @ result.x, y, atol=1e-8)
            if method == "admm":
                assert result.certified


def test_pareto_reaches_it_too_where_the_answer_is_sparse():
    for trial in range(5):
        A, y, x = planted(60, 150, 5, "gaussian", trial)
        result = basis_pursuit(A, y, method="pareto")
        assert result.converged and close(result.x, x, 1e-6)


def test_a_certificate_is_not_given_to_what_is_not_the_minimum():
    from sparsela._core.operators import CountingOperator
    from sparsela.recovery._polish import proved_minimum
    from sparsela.recovery._row_space import pseudo_inverse

    refused = 0
    for trial in range(20):
        A, y, x = planted(60, 150, 25, "gaussian", trial)
        shorter = linprog(np.ones(300), A_eq=np.hstack([A, -A]), b_eq=y).fun < np.abs(x).sum() * (1 - 1e-6)
        counted = CountingOperator(A)
        proved = proved_minimum(counted, y, x, 1e-9, back=pseudo_inverse(counted, "auto", y.dtype))
        if shorter:
            assert proved is None
            refused += 1
        elif proved is not None:
            assert_allclose(proved, x, atol=1e-9)
    assert refused > 5


def test_basis_pursuit_on_operators_complex_and_sparse():
    rng = np.random.default_rng(0)
    A = PartialFourier(512, np.sort(rng.choice(512, 150, replace=False)))
    x = np.zeros(512, complex)
    x[rng.choice(512, 20, replace=False)] = rng.standard_normal(20) + 1j * rng.standard_normal(20)
    found = basis_pursuit(A, A.matvec(x))
    assert found.certified and close(found.x, x, 1e-7)
    B, y, z = planted(60, 150, 6, "gaussian", 0)
    for method in ("lp", "admm", "pareto"):
        assert close(basis_pursuit(sp.csr_array(B), y, method=method).x, z, 1e-6)
    many = basis_pursuit(B, np.stack([y, 0 * y, -y], axis=1))
    assert many.certified.tolist() == [True, True, True]
    assert_allclose(many.x[:, 2], -many.x[:, 0], atol=1e-9)


@pytest.mark.slow
def test_basis_pursuit_of_a_million_unknowns():
    A, y, x = partial_dct(10**6, 2 * 10**5, 10**4)
    result = basis_pursuit(A, y)
    assert result.certified and close(result.x, x, 1e-8)
    assert result.n_matvec <= 200


@pytest.mark.parametrize(
    ("solve", "change", "error", "message"),
    [
        (fista, {"alpha": -1.0}, ValueError, "alpha must be"),
        (fista, {"penalty": "l2"}, TypeError, "penalty must be"),
        (fista, {"step": "short"}, ValueError, "step must be"),
        (fista, {"restart": "speed"}, ValueError, "restart must be one of"),
        (ista, {"step": 0.0}, ValueError, "step must be"),
        (bpdn, {"sigma": -0.1}, ValueError, "sigma must be"),
        (lasso_ball, {"tau": 0.0}, ValueError, "tau must be"),
        (basis_pursuit, {"method": "magic"}, ValueError, "method must be one of"),
        (basis_pursuit, {"method": "lp", "A": aslinearoperator(np.eye(8))}, ValueError, "method='lp' needs"),
        (basis_pursuit, {"y": np.ones(5)}, ValueError, "y must have shape"),
    ],
)
def test_bad_input(solve, change, error, message):
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    extra = {fista: {"alpha": 1.0}, ista: {"alpha": 1.0}, bpdn: {"sigma": 0.1}, lasso_ball: {"tau": 1.0}}
    with pytest.raises(error, match=message):
        solve(**{"A": A, "y": y, **extra.get(solve, {}), **change})


def test_measurements_out_of_reach_of_basis_pursuit():
    A = np.zeros((3, 8))
    A[:2] = np.random.default_rng(0).standard_normal((2, 8))
    with pytest.raises(ValueError, match="range of A"):
        basis_pursuit(A, np.ones(3), method="lp")
    with pytest.raises(ValueError, match="y must be in the range of A, its distance"):
        basis_pursuit(A, np.ones(3), method="pareto")
    with pytest.raises(ValueError, match="y must be in the range of A"):
        basis_pursuit(A, np.eye(3)[2], method="admm")


@pytest.mark.parametrize("solve", [fista, ista])
def test_complex_columns_that_come_twice(solve):
    rng = np.random.default_rng(0)
    half = rng.standard_normal((20, 10)) + 1j * rng.standard_normal((20, 10))
    A, x = np.hstack([half, half]), np.zeros(20, complex)
    x[[1, 3]] = 2, 1j
    y = A @ x
    result = solve(A, y, 0.5)
    assert result.converged and dual_gap(A, y, result.x, 0.5) <= 1e-6 * 0.5 * np.vdot(y, y).real


def test_a_linear_program_has_no_history():
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    assert basis_pursuit(A, y, method="lp", return_history=True).history == {}
    assert basis_pursuit(A, y, method="lp").history is None
