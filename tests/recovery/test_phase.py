"""Phase transitions: the theory's values, the same diagram on any cores, basis pursuit where theory puts it."""

import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsela.recovery import PhaseDiagram, nst_ht_fb, phase_transition, weak_threshold
from sparsela.recovery._phase import logistic_crossing

RHOS = np.linspace(0.1, 0.7, 13)


def test_weak_threshold_has_the_published_values():
    deltas = np.array([0.1, 0.2, 0.25, 0.5, 0.7, 0.9])
    assert_allclose(weak_threshold(deltas), [0.1894, 0.2433, 0.2674, 0.3857, 0.4988, 0.6782], atol=1e-4)
    assert isinstance(weak_threshold(0.5), float)
    assert weak_threshold(0.5, sign="nonnegative") > weak_threshold(0.5)
    for bad in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match=r"delta must be in \(0, 1\)"):
            weak_threshold(bad)
    with pytest.raises(ValueError, match="sign"):
        weak_threshold(0.5, sign="negative")


@pytest.mark.slow
@pytest.mark.parametrize("delta", [0.25, 0.5, 0.75])
def test_basis_pursuit_is_where_theory_puts_it(delta):
    rho = weak_threshold(delta)
    grid = {"deltas": [delta], "rhos": rho + np.linspace(-0.09, 0.09, 6), "n_trials": 30, "fill": False}
    diagram = phase_transition("basis_pursuit", n_features=400, signal="flat", random_state=0, **grid)
    assert_allclose(diagram.transition()[0], rho, atol=0.03)


def half(solver, delta, signal="gaussian"):
    diagram = phase_transition(solver, deltas=[delta], rhos=RHOS, n_trials=20, signal=signal, random_state=0, n_jobs=1)
    return diagram.transition()[0]


def by_paper(A, y, k):
    return nst_ht_fb(A, y, k, step="paper")


def test_orders_the_solvers():
    assert half("adaptive_nst", 0.5) >= half("basis_pursuit", 0.5) + 0.04
    assert half("nst", 0.25) >= half(by_paper, 0.25) + 0.03


def test_the_same_on_one_core_and_on_two():
    options = {"n_features": 64, "deltas": [0.3, 0.6], "rhos": [0.1, 0.3, 0.6], "n_trials": 6, "random_state": 3}
    one, two = (phase_transition("omp", n_jobs=n, **options) for n in (1, 2))
    assert_array_equal(one.success, two.success)
    assert_array_equal(one.n_iter, two.n_iter)
    assert_array_equal(one.n_errors, two.n_errors)
    other = phase_transition("omp", n_jobs=1, **{**options, "random_state": 4})
    assert np.any(other.n_iter != one.n_iter) or np.any(other.success != one.success)


@pytest.mark.parametrize("ensemble", ["bernoulli", "partial_dct", "partial_hadamard", "ill_conditioned"])
@pytest.mark.parametrize("signal", ["flat", "uniform", "geometric"])
def test_every_ensemble_and_signal(ensemble, signal):
    diagram = phase_transition(
        "nst",
        n_features=64,
        deltas=[0.5],
        rhos=[0.1],
        n_trials=5,
        ensemble=ensemble,
        signal=signal,
        random_state=0,
        n_jobs=1,
    )
    assert diagram.success[0, 0] >= 0.8


def test_a_solver_that_fails_is_counted_and_a_hopeless_column_ends():
    calls = []

    def broken(A, y, k):
        calls.append(k)
        raise RuntimeError

    diagram = phase_transition(broken, n_features=32, deltas=[0.5], rhos=[0.1, 0.2, 0.3, 0.4], n_trials=3, n_jobs=1)
    assert diagram.n_errors.tolist() == [[3, 3, 0, 0]] and len(calls) == 6 and not diagram.success.any()
    assert np.isnan(diagram.time[0, 2:]).all()

    def warner(A, y, k):
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn("early", ConvergenceWarning, stacklevel=2)
        return np.zeros(A.shape[1])

    full = phase_transition(warner, n_features=32, deltas=[0.5], rhos=[0.1, 0.2, 0.3], n_trials=2, n_jobs=1, fill=False)
    assert full.n_errors.tolist() == [[2, 2, 2]]


def test_own_ensemble_and_noise():
    seen = []

    def identity(m, n, rng):
        seen.append((m, n))
        return np.eye(m, n)

    diagram = phase_transition(
        lambda A, y, k: A.T @ y, n_features=10, deltas=[1.0], rhos=[0.2], n_trials=4, ensemble=identity, n_jobs=1
    )
    assert diagram.success[0, 0] == 1 and seen == [(10, 10)] * 4
    noisy = phase_transition(
        "omp", n_features=64, deltas=[0.5], rhos=[0.1], n_trials=4, noise=0.1, random_state=0, n_jobs=1
    )
    assert noisy.success[0, 0] == 0  # no trial is within 1e-4 of x
    loose = phase_transition(
        "omp",
        n_features=64,
        deltas=[0.5],
        rhos=[0.1],
        n_trials=4,
        noise=0.01,
        success_tol=0.1,
        random_state=0,
        n_jobs=1,
    )
    assert loose.success[0, 0] == 1


def test_logistic_crossing():
    rhos = np.linspace(0, 1, 11)
    curve = 1 / (1 + np.exp(20 * (rhos - 0.42)))
    assert abs(logistic_crossing(rhos, curve, 1000, 0.5) - 0.42) < 0.005
    separable = (rhos < 0.55).astype(float)
    assert 0.5 < logistic_crossing(rhos, separable, 20, 0.5) < 0.6
    assert logistic_crossing(rhos, separable, 20, 0.9) < logistic_crossing(rhos, separable, 20, 0.1)
    assert np.isnan(logistic_crossing(rhos, separable[::-1], 20, 0.5))
    assert np.isnan(logistic_crossing(rhos, np.full(11, 0.5), 20, 0.5))  # flat: the first step is zero


def test_goes_through_json_and_prints_and_draws():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    diagram = phase_transition(
        "omp", n_features=32, deltas=[0.3, 0.6], rhos=[0.1, 0.5], n_trials=2, random_state=0, n_jobs=1
    )
    again = PhaseDiagram.from_dict(json.loads(json.dumps(diagram.to_dict())))
    assert_array_equal(again.success, diagram.success)
    assert again.solver == "omp" and "success=float64[2, 2]" in repr(again)
    with pytest.raises(ValueError, match="lacks"):
        PhaseDiagram.from_dict({"success": []})
    ax = diagram.plot()
    assert len(ax.lines) == 2


def test_draws_one_cell_at_the_edge_where_theory_has_no_number():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    diagram = phase_transition("omp", n_features=16, deltas=[1.0], rhos=[0.1], n_trials=2, random_state=0, n_jobs=1)
    assert len(diagram.plot(plt.figure().gca()).lines) == 2
    plt.close("all")


def test_a_solver_of_ones_own_need_not_count_its_iterations():
    def solver(A, y, k):
        return SimpleNamespace(x=np.linalg.lstsq(A, y)[0])

    diagram = phase_transition(solver, n_features=16, deltas=[1.0], rhos=[0.1], n_trials=2, random_state=0, n_jobs=1)
    assert diagram.success[0, 0] == 1 and np.isnan(diagram.n_iter[0, 0])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "magic"}, ValueError, "solver must be"),
        ({"solver": 3}, TypeError, "solver must be"),
        ({"ensemble": "sparse"}, ValueError, "ensemble must be"),
        ({"signal": "sine"}, ValueError, "signal must be one of"),
        ({"deltas": []}, ValueError, "deltas must be a vector"),
        ({"deltas": [0.0, 0.5]}, ValueError, "deltas must be ascending"),
        ({"rhos": [0.5, 0.2]}, ValueError, "rhos must be ascending"),
        ({"rhos": [1.2]}, ValueError, "rhos must be ascending"),
        ({"n_trials": 0}, ValueError, "n_trials"),
        ({"n_features": 48, "ensemble": "partial_hadamard"}, ValueError, "power of two"),
        ({"noise": -1.0}, ValueError, "noise"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        phase_transition(**{"solver": "omp", **options})
