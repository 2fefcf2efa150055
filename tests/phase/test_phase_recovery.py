"""Planted problems solved: how often, how fast, how exactly."""

import numpy as np
import pytest

from sparsela.datasets import make_phaseless
from sparsela.phase import copram, htp, newton_projection, phase_error, retrieve, sparta, thwf

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

METHODS = {
    "newton": newton_projection,
    "htp": htp,
    "copram": copram,
    "sparta": sparta,
    "thwf": lambda A, y, s, **keywords: thwf(A, y, **keywords),
}
TOLD = [name for name in METHODS if name != "thwf"]


def errors_of(method, problems, s):
    return np.array([phase_error(method(A, y, s).x, x) for A, y, x in problems])


@pytest.mark.slow
def test_a_large_problem_with_a_quadratic_tail():
    """5000 unknowns, 3000 magnitudes, 80 non-zeros: at least 7 of 10 to rounding, e → at most 50 e² at the end."""
    solved = 0
    for seed in range(10):
        A, y, x = make_phaseless(5000, 3000, 80, random_state=seed)
        course = []
        found = newton_projection(A, y, 80, callback=lambda state: course.append(phase_error(state.x, x)))  # noqa: B023
        if phase_error(found.x, x) >= 1e-13:
            continue
        solved += 1
        assert found.n_iter <= 15
        near = [e for e in course if e < 1e-2]
        assert len(near) >= 3
        for before, after in zip(near, near[1:], strict=False):
            assert after <= max(50 * before**2, 1e-13)
        pursuit = htp(A, y, 80)
        print(f"seed {seed}: newton {found.n_iter} steps, htp {pursuit.n_iter}, {phase_error(pursuit.x, x):.1e}")
    print(f"{solved} of 10")
    assert solved >= 7


@pytest.mark.slow
def test_success_against_the_number_of_magnitudes():
    rates = {name: {} for name in METHODS}
    for m in (150, 200, 250, 300, 400):
        problems = [make_phaseless(500, m, 10, random_state=seed) for seed in range(60)]
        for name, method in METHODS.items():
            rates[name][m] = int(np.sum(errors_of(method, problems, 10) < 1e-3))
    print(rates)
    assert all(rates[name][400] >= 43 for name in TOLD)
    assert rates["thwf"][400] >= 32
    assert rates["newton"][250] >= rates["thwf"][250] + 8
    assert sum(rates["newton"].values()) >= sum(rates["htp"].values()) >= sum(rates["thwf"].values())
    assert all(abs(rates["copram"][m] - rates["htp"][m]) <= 4 for m in (200, 250, 300, 400))


@pytest.mark.parametrize("name", TOLD)
def test_success_with_many_magnitudes(name):
    problems = [make_phaseless(500, 400, 10, random_state=seed) for seed in range(60)]
    assert np.sum(errors_of(METHODS[name], problems, 10) < 1e-3) >= 43


def test_many_starts_solve_what_one_does_not():
    problems = [make_phaseless(500, 150, 10, random_state=seed) for seed in range(40)]
    one = np.sum(errors_of(newton_projection, problems, 10) < 1e-3)
    many = np.sum(errors_of(retrieve, problems, 10) < 1e-3)
    print(f"one start {one} of 40, many {many}")
    assert many >= 28 > one


def test_noise_costs_little_more_than_knowing_support_and_signs():
    ratios = []
    for seed in range(20):
        A, y, x = make_phaseless(500, 400, 10, noise=0.01, random_state=seed)
        T = np.flatnonzero(x)
        oracle = np.zeros(500)
        oracle[T] = np.linalg.lstsq(A[:, T], y * np.sign(A @ x))[0]
        ratios.append(phase_error(newton_projection(A, y, 10).x, x) / phase_error(oracle, x))
    print(np.sort(ratios).round(2))
    assert np.median(ratios) <= 3


@pytest.mark.parametrize(("name", "least"), [("newton", 15), ("copram", 15), ("sparta", 12), ("htp", 10)])
def test_complex_signals(name, least):
    problems = [make_phaseless(400, 400, 8, complex=True, random_state=seed) for seed in range(20)]
    errors = errors_of(METHODS[name], problems, 8)
    solved = errors < 1e-6
    assert np.sum(solved) >= least
    if name == "newton":
        assert np.all(errors[solved] < 1e-13)


def test_complex_newton_is_quadratic_at_the_end():
    A, y, x = make_phaseless(400, 400, 8, complex=True, random_state=1)
    course = []
    newton_projection(A, y, 8, callback=lambda state: course.append(phase_error(state.x, x)))
    near = [e for e in course if e < 1e-2]
    assert len(near) >= 3 and near[-1] < 1e-14
    assert all(after <= max(50 * before**2, 1e-14) for before, after in zip(near, near[1:], strict=False))


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("name", TOLD)
def test_the_truth_is_a_fixed_point(name, is_complex):
    A, y, x = make_phaseless(500, 300, 10, is_complex, random_state=0)
    found = METHODS[name](A, y, 10, x0=x)
    assert found.n_iter <= 2 and found.converged
    assert phase_error(found.x, x) < 1e-13


def test_htp_ends_at_an_exact_fixed_point():
    """Another step from the answer gives its support, its signs, and the answer to the last bits."""
    n_solved = 0
    for seed in range(10):
        A, y, x = make_phaseless(300, 200, 6, noise=0.02, random_state=seed)
        found = htp(A, y, 6, tol=0.0)
        if not found.converged:
            continue
        n_solved += 1
        again = htp(A, y, 6, x0=found.x, tol=0.0)
        assert again.n_iter == 1
        np.testing.assert_array_equal(again.support, found.support)
        np.testing.assert_array_equal(np.signbit(A @ again.x), np.signbit(A @ found.x))
        np.testing.assert_allclose(again.x, found.x, rtol=1e-13)
    assert n_solved >= 9


def test_sparta_converges_linearly():
    A, y, x = make_phaseless(500, 400, 10, random_state=2)
    found = sparta(A, y, 10, return_history=True)
    residuals = found.history["residual_norm"] / np.linalg.norm(y)
    tail = residuals[residuals < 1e-2]
    factors = tail[1:] / tail[:-1]
    assert phase_error(found.x, x) < 1e-9
    assert 10 <= found.n_iter <= 60
    assert np.all(factors < 0.8) and np.all(factors > 0.05)


def test_thwf_is_not_told_the_sparsity():
    A, y, x = make_phaseless(500, 600, 8, random_state=0)
    found = thwf(A, y)
    assert phase_error(found.x, x) < 1e-8
    assert np.flatnonzero(np.abs(found.x) > 1e-6).tolist() == np.flatnonzero(x).tolist()
