"""Bars, the field's test: do the probabilistic models find the causes, how many are on, and the noise?"""

import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from sparsela.dictionary import (
    BinarySparseCoding,
    DiscreteSparseCoding,
    MaximalCausesAnalysis,
    SpikeSlabSparseCoding,
    TernarySparseCoding,
)


def bars(side, height):
    """Every row and every column of a square, (2 side, side²)."""
    W = np.zeros((2 * side, side, side))
    for i in range(side):
        W[i, i] = W[side + i, :, i] = height
    return W.reshape(2 * side, -1)


def largest_error(W, learned):
    """Mean absolute error of the bar that is learned worst."""
    cost = np.abs(W[:, None] - learned).mean(axis=2)
    return cost[linear_sum_assignment(cost)].max()


def smallest_cosine(W, learned):
    """|cos| of the bar whose direction is learned worst."""
    cosines = np.abs(W @ learned.T) / np.linalg.norm(W, axis=1)[:, None] / np.linalg.norm(learned, axis=1)
    return cosines[linear_sum_assignment(-cosines)].min()


def linear_bars(seed, side=5, height=10, pi=0.2, sigma=2, n=1000):
    rng, W = np.random.RandomState(seed), bars(side, height)
    return W, (rng.rand(n, len(W)) < pi) @ W + sigma * rng.randn(n, W.shape[1])


def maximal_bars(seed, n=500):
    rng, W = np.random.RandomState(seed), bars(5, 10)
    return W, ((rng.rand(n, 10) < 0.2)[:, :, None] * W).max(axis=1) + 2 * rng.randn(n, 25)


@pytest.mark.parametrize("seed", range(10))
def test_binary_bars(seed):
    W, X = linear_bars(seed)
    model = BinarySparseCoding(10, random_state=seed).fit(X)
    assert largest_error(W, model.components_) <= 0.2
    assert 1.9 <= 10 * model.pi_ <= 2.1
    assert 1.95 <= model.sigma_ <= 2.03


def test_binary_bars_give_the_published_figures():
    """ProSper on the same data (seed 1): πH = 1.996, σ = 1.996, error 0.149."""
    W, X = linear_bars(1)
    model = BinarySparseCoding(10, n_steps=400, random_state=1).fit(X)
    found = [10 * model.pi_, model.sigma_, largest_error(W, model.components_)]
    np.testing.assert_allclose(found, [1.996, 1.996, 0.149], atol=6e-4)


@pytest.mark.parametrize("seed", range(4))
def test_harder_binary_bars_take_restarts(seed):
    W, X = linear_bars(seed, side=6, height=8, pi=1.5 / 12, sigma=1.5, n=1500)
    options = {"n_candidates": 7, "max_active": 4, "n_steps": 100, "n_init": 4}
    model = BinarySparseCoding(12, random_state=seed, **options).fit(X)
    assert largest_error(W, model.components_) <= 0.15


def slab_bars(seed):
    rng, W = np.random.RandomState(seed), bars(4, 10)
    return W, ((rng.rand(1000, 8) < 2 / 8) * rng.randn(1000, 8)) @ W + rng.randn(1000, 16)


SLAB = {"max_active": 4, "n_steps": 120, "annealing": {"T": [(0, 4), (0.5, 1)]}}


@pytest.mark.parametrize("seed", range(4))
def test_slab_bars(seed):
    W, X = slab_bars(seed)
    model = SpikeSlabSparseCoding(8, n_init=4, random_state=seed, **SLAB).fit(X)
    assert smallest_cosine(W, model.components_) >= 0.999
    assert 1.85 <= model.pi_.sum() <= 2.1
    assert 0.9 <= model.sigma_**2 <= 1.15


def test_runs_that_are_stuck_show_a_lower_free_energy():
    W, X = maximal_bars(0)
    runs = [MaximalCausesAnalysis(10, n_candidates=7, n_steps=80, random_state=seed).fit(X) for seed in range(6)]
    found = np.array([largest_error(W, run.components_) <= 0.5 for run in runs])
    F = np.array([run.free_energy_[-1] for run in runs])
    assert found.any() and not found.all()
    assert F[found].min() > F[~found].max() + 2


@pytest.mark.parametrize("model", [BinarySparseCoding, MaximalCausesAnalysis])
def test_causes_that_were_equal_part_again(model):
    """So few features that all causes become one at the first temperature; without noise on W they would stay so."""
    rng, W = np.random.RandomState(0), np.array([[4.0, 4, 0, 0], [0, 4, 4, 0], [0, 0, 4, 4]])
    S, temperatures = rng.rand(400, 3) < 0.3, []
    X = (S @ W if model is BinarySparseCoding else (S[:, :, None] * W).max(axis=1)) + rng.randn(400, 4)
    fit = model(3, n_steps=60, n_init=4, random_state=0, callback=lambda state: temperatures.append(state.temperature))
    assert largest_error(W, fit.fit(X).components_) < 0.3
    assert max(temperatures) >= 4


MAXIMAL = {"n_candidates": 7, "n_steps": 200}


def test_maximal_bars_where_sums_are_biased():
    W, X = maximal_bars(0)
    model = MaximalCausesAnalysis(10, n_init=2, random_state=0, **MAXIMAL).fit(X)
    assert largest_error(W, model.components_) <= 0.5
    assert 1.8 <= 10 * model.pi_ <= 2.2 and 1.9 <= model.sigma_ <= 2.1
    linear = BinarySparseCoding(10, random_state=0, **MAXIMAL).fit(X)
    assert linear.sigma_ > 1.2 * model.sigma_
    assert largest_error(W, linear.components_) > 3 * largest_error(W, model.components_)
    assert linear.score(X) < model.score(X) - 2


@pytest.mark.slow
def test_maximal_bars_of_ten_seeds():
    """A single run finds them about every second time, so that four may fail on one seed of ten."""
    found = 0
    for seed in range(10):
        W, X = maximal_bars(seed)
        model = MaximalCausesAnalysis(10, n_init=4, random_state=seed, **MAXIMAL).fit(X)
        recovered = largest_error(W, model.components_) <= 0.5
        assert recovered == (model.sigma_ < 2.2)  # the model knows
        found += recovered
    assert found >= 9


TRUTH = {  # model -> options, probabilities of the values that are not 0
    BinarySparseCoding: ({}, 0.2),
    TernarySparseCoding: ({"n_candidates": 6, "max_active": 4}, (0.08, 0.08)),
    DiscreteSparseCoding: ({"values": (-1, 0, 1, 2), "n_candidates": 6, "max_active": 3}, (0.04, 0.06, 0.04)),
    SpikeSlabSparseCoding: ({}, 0.15),
    MaximalCausesAnalysis: ({}, 0.2),
}


@pytest.mark.parametrize("model", TRUTH)
def test_fit_of_a_sample_recovers_prior_and_noise(model):
    options, pi = TRUTH[model]
    init = {"W": bars(5, 10) + 0.01, "pi": pi, "sigma": 2, "mu": 0.5}
    init = {name: value for name, value in init.items() if name in model._names}
    truth = model(10, init=init, learn=(), n_steps=1, **options).fit(np.eye(25))
    X, codes = truth.sample(2500, random_state=0)
    fit = model(10, n_steps=60, n_init=2, random_state=0, **options).fit(X)
    assert abs(np.sum(fit.pi_) / np.sum(truth.pi_) - 1) < 0.05
    if model is DiscreteSparseCoding:  # one value alone is drawn 2500 · 10 · 0.04 times, give or take 3 %
        drawn = [(codes == v).mean() for v in (-1, 1, 2)]
        np.testing.assert_allclose(fit.pi_, drawn, rtol=0.05)
    assert abs(fit.sigma_ / truth.sigma_ - 1) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("model", TRUTH)
def test_a_kernel_call_is_short(model, monkeypatch):
    """Half a second at most between two looks at the keyboard, for few states and for the most."""
    rng = np.random.RandomState(0)
    X, H = np.abs(rng.randn(20_000, 24)), 24
    many = {"n_candidates": 18, "max_active": 18} if model not in (TernarySparseCoding, DiscreteSparseCoding) else {}
    many = many or {"n_candidates": 11, "max_active": 11}
    for options, n in (({"n_candidates": 8, "max_active": 4}, 20_000), (many, 40)):
        fit = model(H, n_steps=1, random_state=0, n_jobs=1, init={"W": np.abs(rng.randn(H, 24)) + 0.1}, **options).fit(
            X[:40]
        )
        step, longest = fit._fitted_step(), 0.0
        for rows in step.blocks(n):
            start = time.process_time()
            step.block(X[rows], None)
            longest = max(longest, time.process_time() - start)
        assert longest < 0.7, (options, longest)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["BinarySparseCoding", "SpikeSlabSparseCoding", "MaximalCausesAnalysis"])
def test_ctrl_c_stops_a_fit_within_a_second(model):
    code = f"""if 1:
    import signal, sys, time
    import numpy as np
    from sparsela.dictionary import {model}

    def press(signum, frame):
        raise KeyboardInterrupt

    X = np.abs(np.random.RandomState(0).randn(100_000, 36))
    signal.signal(signal.SIGALRM, press)
    asked = time.perf_counter() + 4
    signal.setitimer(signal.ITIMER_REAL, 4)
    try:
        {model}(n_candidates=14, max_active=9, n_steps=10**6, n_jobs=1).fit(X)
    except KeyboardInterrupt:
        print(time.perf_counter() - asked)
    else:
        sys.exit("it ended by itself")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.0
