"""Probabilistic sparse coding: posteriors against enumeration, exact EM, inference, sampling, bad input."""

import itertools
import pickle
from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.base import clone

from sparsela._ext import truncated as kernel
from sparsela.dictionary import (
    BinarySparseCoding,
    DiscreteSparseCoding,
    MaximalCausesAnalysis,
    SpikeSlabSparseCoding,
    TernarySparseCoding,
)
from sparsela.dictionary._discrete import DiscreteEStep
from sparsela.dictionary._expectation import Moments
from sparsela.dictionary._maximal import MaximalEStep
from sparsela.dictionary._spike_slab import SlabEStep
from sparsela.dictionary._truncation import annealing_of, best_candidates, largest, mass, n_used, shape_of

MODELS = [
    BinarySparseCoding,
    TernarySparseCoding,
    DiscreteSparseCoding,
    MaximalCausesAnalysis,
    SpikeSlabSparseCoding,
]
EXACT = {"n_candidates": 99, "max_active": 99, "annealing": None}


def parameters(rng, model, H, D, n_values=1):
    """Random parameters, far from every symmetry."""
    W = 1.5 * rng.randn(H, D)
    params = {"W": W, "pi": rng.dirichlet(np.ones(n_values + 2))[:-2], "sigma": 0.5 + rng.rand()}
    if model == "maximal":
        params.update(W=np.abs(W) + 0.1, pi=0.1 + 0.3 * rng.rand())
    if model == "slab":
        params.update(pi=rng.uniform(0.1, 0.6, H), mu=rng.randn(H), psi=rng.uniform(0.2, 2, H))
    if model == "slab, diagonal":
        params.update(pi=rng.uniform(0.1, 0.6, H), mu=rng.randn(H), psi=rng.uniform(0.2, 2, H), sigma=0.5 + rng.rand(D))
    return params


def enumerated(x, perm, params, T, shape, model, values=(1.0,)):
    """The states of one sample in the documented order, their log joints, and moments given each.

    Everything in D dimensions and from the definitions: the twin of the kernels.
    """
    W, H, C = params["W"], shape.n_components, shape.n_candidates
    states = [np.zeros(H)]
    for unit in perm[C:]:
        for v in values:
            states.append(v * np.eye(H)[unit])

    def extend(state, first, active):
        for place in range(first, C if active < shape.max_active else first):
            for v in values:
                longer = state + v * np.eye(H)[perm[place]]
                states.append(longer)
                extend(longer, place + 1, active + 1)

    extend(np.zeros(H), 0, 0)
    D, noise = len(x), np.broadcast_to(params["sigma"] ** 2.0, x.shape)
    pi = np.atleast_1d(params["pi"])
    joint, first, second = [], [], []
    for s in states:
        on = s != 0
        if model == "discrete":
            prior = sum(np.log(pi[list(values).index(v)]) if v else np.log(1 - pi.sum()) for v in s)
            mean, cov, m, M = s @ W, np.diag(noise), s, np.outer(s, s)
        elif model == "maximal":
            rho = 1 / (1 - 1 / max(T, 1.05))
            prior = on.sum() * np.log(params["pi"]) + (~on).sum() * np.log(1 - params["pi"])
            mean = (W[on] ** rho).sum(axis=0) ** (1 / rho) if on.any() else np.zeros(D)
            cov, m, M = np.diag(noise), s, mean
        else:
            prior = np.where(on, np.log(pi), np.log(1 - pi)).sum()
            V, mu, psi = W[on], params["mu"][on], np.diag(params["psi"][on])
            mean, cov = mu @ V, np.diag(noise) + V.T @ psi @ V
            gain = psi @ V @ np.linalg.inv(cov)
            m, M = np.zeros(H), np.zeros((H, H))
            m[on] = mu + gain @ (x - mean)
            M[np.ix_(on, on)] = psi - gain @ V.T @ psi + np.outer(m[on], m[on])
        joint.append(prior + multivariate_normal.logpdf(x, mean, cov) / T)
        first.append(m)
        second.append(M)
    return np.array(states), np.array(joint), np.array(first), np.array(second)


def e_step(model, shape, params, T, values=(1.0,), n_threads=1):
    if model == "discrete":
        return DiscreteEStep(shape, params, T, n_threads, np.array(values, float))
    return (MaximalEStep if model == "maximal" else SlabEStep)(shape, params, T, n_threads)


PROBLEMS = [  # model, H, H', γ, D, values
    ("discrete", 5, 5, 5, 4, (1,)),
    ("discrete", 9, 6, 3, 7, (1,)),
    ("discrete", 9, 1, 1, 7, (1,)),
    ("discrete", 1, 1, 1, 1, (1,)),
    ("discrete", 6, 4, 3, 5, (-1, 1)),
    ("discrete", 5, 4, 4, 3, (-2.0, 0.5, 1.0)),
    ("discrete", 5, 3, 2, 3, (-1,)),
    ("slab", 5, 5, 5, 6, (1,)),
    ("slab", 8, 5, 3, 4, (1,)),
    ("slab, diagonal", 7, 6, 4, 9, (1,)),
    ("slab", 1, 1, 1, 1, (1,)),
    ("maximal", 5, 5, 5, 4, (1,)),
    ("maximal", 8, 5, 3, 11, (1,)),
    ("maximal", 3, 1, 1, 1, (1,)),
]


@pytest.mark.parametrize("T", [1.0, 2.5])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p[0]} H={p[1]} C={p[2]} γ={p[3]} V={len(p[5])}")
def test_posterior_is_that_of_enumerated_states(problem, T):
    model, H, C, active, D, values = problem
    rng = np.random.RandomState(H * 100 + C * 10 + D)
    shape, params = shape_of(H, C, active, len(values)), parameters(rng, model, H, D, len(values))
    X = 2 * rng.randn(21, D) + rng.randn(D)  # 21: no whole number of vectors
    step, moments = e_step(model, shape, params, T, values), Moments()
    found = step.block(X, moments, joint=True)
    kind = model.split(",")[0]

    expected = Moments()
    for i, x in enumerate(X):
        perm = found.perm[i]
        assert_array_equal(np.sort(perm), np.arange(H))
        assert (np.diff(perm[:C]) > 0).all() and (np.diff(perm[C:]) > 0).all()
        states, joint, first, second = enumerated(x, perm, params, T, shape, kind, values)
        assert len(states) == shape.n_states
        evidence = np.logaddexp.reduce(joint)
        assert_allclose(found.evidence[i], evidence, rtol=1e-11, atol=1e-11)
        assert_allclose(found.joint[i], joint - evidence, atol=1e-8)
        q = np.exp(joint - evidence)
        assert_allclose(found.means[i], q @ first, atol=1e-10)
        if kind == "maximal":
            rho, W = step.rho, params["W"]
            with np.errstate(divide="ignore", invalid="ignore"):
                A = np.where(states[:, :, None] > 0, (W / second[:, None]) ** (rho - 1), 0)
            weights = np.einsum("s,shd->hd", q, A)
            expected.add(
                1, weights=weights, targets=weights * x, error=q @ ((x - second) ** 2).sum(axis=1), on=q @ states.sum(1)
            )
        else:
            M = np.einsum("s,shl->hl", q, second)
            expected.add(1, pairs=M, cross=np.outer(q @ first, x))
            if kind == "discrete":
                counts = np.array([q @ (states == v).sum(axis=1) for v in values])
                expected.add(0, counts=counts, energy=x @ x)
            else:
                expected.add(0, on=q @ (states != 0), means=q @ first, squares=x**2)
    assert moments.n == 21 and moments.sums.keys() == expected.sums.keys()
    for name, value in expected.sums.items():
        assert_allclose(moments[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_candidates_have_the_largest_scores():
    rng = np.random.RandomState(0)
    for H, C in ((1, 1), (7, 3), (40, 39), (300, 12)):
        scores = np.ascontiguousarray(rng.randint(0, H, (50, H)).astype(float))  # ties
        perm = best_candidates(scores, C)
        for row, score in zip(perm, scores, strict=True):
            best = np.sort(np.argsort(-score, kind="stable")[:C])
            assert_array_equal(row, np.concatenate([best, np.setdiff1d(np.arange(H), best)]))
    exact = MaximalEStep(shape_of(6, 2, 2), {"W": rng.rand(6, 13), "pi": 0.2, "sigma": 1.0}, 1.0, 1)
    X = rng.rand(30, 13)
    stick_out = np.maximum(exact.params["W"] - X[:, None], 0).sum(axis=2)
    assert_array_equal(exact.block(X, None).perm[:, :2], np.sort(np.argsort(stick_out, axis=1)[:, :2], axis=1))
    ternary = TernarySparseCoding(6, n_candidates=2, max_active=2, n_steps=1, random_state=0).fit(rng.randn(30, 4))
    W = ternary.components_
    best = np.argsort(-np.abs(X[:, :4] @ W.T) / np.linalg.norm(W, axis=1), axis=1)[:, :2]
    assert_array_equal(ternary._fitted_step().block(X[:, :4].copy(), None).perm[:, :2], np.sort(best, axis=1))


WIDTHS = """
import sys
import numpy as np
sys.path.insert(0, "tests/dictionary")
from sparsela._ext import truncated as kernel
from test_probabilistic import PROBLEMS, test_exponential_and_logarithm, test_posterior_is_that_of_enumerated_states
test_exponential_and_logarithm()
for problem in PROBLEMS[1:10:2] + PROBLEMS[11:12]:
    test_posterior_is_that_of_enumerated_states(problem, 2.5)
"""


@pytest.mark.parametrize("width", [16, 32])
def test_every_vector_width(at_width, width):
    at_width(width, WIDTHS)


def test_exponential_and_logarithm():
    x = np.concatenate([np.linspace(-708, 709, 100001), np.linspace(-1, 1, 100001), [0.0, -1e-300]])
    y = np.empty_like(x)
    kernel.exp_log(x, y, False)
    assert np.abs(y / np.exp(x) - 1).max() < 4 * np.finfo(float).eps
    kernel.exp_log(np.array([-1e300, -709.0]), y[:2], False)
    assert (y[:2] < 1e-307).all()
    x = np.concatenate([np.exp(np.linspace(-708, 709, 100001)), np.linspace(0.5, 2, 100001), [1.0, 2.0**-1022]])
    y = np.empty_like(x)
    kernel.exp_log(x, y, True)
    assert_allclose(y, np.log(x), rtol=4 * np.finfo(float).eps, atol=1e-17)


def planted(model, seed, H=5, D=8, n=300, sigma=0.5):
    """Samples of a model with random components."""
    rng = np.random.RandomState(seed)
    W = 2 * rng.randn(H, D)
    S = (rng.rand(n, H) < 0.3).astype(float)
    if model in (TernarySparseCoding, DiscreteSparseCoding):
        S *= rng.choice([-1, 1], S.shape)
    if model is SpikeSlabSparseCoding:
        S *= rng.randn(n, H) + 1
    if model is MaximalCausesAnalysis:
        return (S[:, :, None] * np.abs(W)).max(axis=1) + sigma * rng.randn(n, D)
    return S @ W + sigma * rng.randn(n, D)


LINEAR = [(m, {}) for m in MODELS if m is not MaximalCausesAnalysis] + [(SpikeSlabSparseCoding, {"noise": "diagonal"})]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("model", "options"), LINEAR)
def test_exact_em_never_falls(model, options, seed):
    X = planted(model, seed)
    fit = model(5, n_steps=80, random_state=seed, **EXACT, **options).fit(X)
    F = np.array(fit.free_energy_)
    assert len(F) == 81 and fit.n_iter_ == 80
    assert (np.diff(F) >= -1e-10 * np.abs(F[1:])).all(), np.diff(F).min()
    assert F[-1] > F[0] + 0.1
    assert_allclose(fit.log_likelihood_lower_bound(X).mean(), F[-1], rtol=1e-12)
    assert_allclose(fit.score(X), F[-1], rtol=1e-12)


@pytest.mark.parametrize("learn", [("W",), ("pi",), ("sigma",), ("mu",), ("psi",), ("psi", "sigma")])
def test_each_parameter_alone_never_lowers_the_free_energy(learn):
    X = planted(SpikeSlabSparseCoding, 0)
    for model in (SpikeSlabSparseCoding, BinarySparseCoding, DiscreteSparseCoding):
        if not set(learn) <= set(model._names):
            continue
        fit = model(5, n_steps=15, random_state=1, learn=learn, **EXACT).fit(X)
        F = np.array(fit.free_energy_)
        assert (np.diff(F) >= -1e-10 * np.abs(F[1:])).all() and F[-1] > F[0]
        start = model(5, n_steps=1, random_state=1, learn=(), **EXACT).fit(X)
        for name in set(model._names) - set(learn):
            attribute = "components_" if name == "W" else f"{name}_"
            assert_array_equal(getattr(fit, attribute), getattr(start, attribute))


@pytest.mark.parametrize("model", MODELS)
def test_lower_bound_is_the_likelihood_by_brute_force(model):
    """H ≤ 8 and all states: log p(x), summed over every combination without the library's states or their order."""
    H = 5 if model in (TernarySparseCoding, DiscreteSparseCoding) else 8
    X = planted(model, 0, H=H, n=40)
    fit = model(H, n_candidates=H, max_active=H, n_steps=12, random_state=0).fit(X)
    W, sigma = fit.components_, fit.sigma_
    values = (-1, 0, 1) if model in (TernarySparseCoding, DiscreteSparseCoding) else (0, 1)
    terms = []
    for s in itertools.product(values, repeat=H):
        s = np.array(s, float)
        on = s != 0
        if model is SpikeSlabSparseCoding:
            prior = np.where(on, np.log(fit.pi_), np.log(1 - fit.pi_)).sum()
            cov = sigma**2 * np.eye(W.shape[1]) + (W[on].T * fit.psi_[on]) @ W[on]
            terms.append(prior + multivariate_normal.logpdf(X, fit.mu_[on] @ W[on], cov))
            continue
        pi = np.atleast_1d(fit.pi_)
        prior = (s == 0).sum() * np.log(1 - pi.sum())
        prior += sum((s == v).sum() * np.log(p) for v, p in zip([v for v in values if v], pi, strict=True))
        mean = s @ W
        if model is MaximalCausesAnalysis:
            mean = (s @ W**21.0) ** (1 / 21.0)
        terms.append(prior - 0.5 * ((X - mean) ** 2).sum(axis=1) / sigma**2 - 4 * np.log(2 * np.pi * sigma**2))
    assert_allclose(fit.log_likelihood_lower_bound(X), np.logaddexp.reduce(terms, axis=0), rtol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_truncation_gives_a_lower_bound(model):
    X = planted(model, 1)
    fit = model(5, n_steps=30, random_state=0, **{**EXACT, "annealing": "linear"}).fit(X)
    full = fit.log_likelihood_lower_bound(X)
    for C, active in ((4, 3), (2, 2), (1, 1)):
        fewer = fit.set_params(n_candidates=C, max_active=active).log_likelihood_lower_bound(X)
        assert (fewer <= full + 1e-10).all() and (fewer < full - 1e-3).any()
        full = fewer


def test_discrete_is_binary_and_ternary():
    X = planted(BinarySparseCoding, 0, H=10, n=400)
    options = {"n_components": 10, "n_candidates": 6, "max_active": 4, "n_steps": 40, "random_state": 0}
    binary, discrete = BinarySparseCoding(**options).fit(X), DiscreteSparseCoding(values=(0, 1), **options).fit(X)
    assert_array_equal(binary.components_, discrete.components_)
    assert_array_equal([binary.pi_], discrete.pi_)
    assert binary.sigma_ == discrete.sigma_ and binary.free_energy_ == discrete.free_energy_
    assert_array_equal(binary.transform(X), discrete.transform(X))

    options["max_active"] = 3
    ternary = TernarySparseCoding(**options).fit(X)
    discrete = DiscreteSparseCoding(values=(-1, 0, 1), symmetric=True, **options).fit(X)
    free = DiscreteSparseCoding(values=(-1, 0, 1), **options).fit(X)
    assert_array_equal(ternary.components_, discrete.components_)
    assert_array_equal(ternary.pi_, discrete.pi_)
    assert ternary.pi_[0] == ternary.pi_[1] and free.pi_[0] != free.pi_[1]
    assert ternary.free_energy_ == discrete.free_energy_


def test_symmetric_values_in_any_order():
    X = planted(TernarySparseCoding, 3)
    options = {"n_steps": 20, "random_state": 0, "symmetric": True, "n_components": 5}
    pi = DiscreteSparseCoding(values=(2, -1, 0, 1, -2), **options).fit(X).pi_
    assert pi[0] == pi[3] and pi[1] == pi[2]


@pytest.mark.parametrize("model", MODELS)
def test_posterior_and_transform_agree(model):
    X = planted(model, 2)
    fit = model(5, n_candidates=4, max_active=3, n_steps=30, random_state=0).fit(X)
    states, probabilities = fit.posterior(X, top=10**6)
    assert states.shape[:2] == probabilities.shape and states.shape[2] == 5
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert (np.diff(probabilities, axis=1) <= 0).all()
    for some in states[:5]:
        assert len(np.unique(some, axis=0)) == len(some)
    if model is not SpikeSlabSparseCoding:
        assert_allclose(np.einsum("nt,nth->nh", probabilities, states), fit.transform(X), atol=1e-10)
    few, p = fit.posterior(X, top=3)
    assert_array_equal(few, states[:, :3])
    assert_array_equal(p, probabilities[:, :3])
    assert fit.posterior(X[:1])[0].shape == (1, 10, 5)
    with pytest.raises(ValueError, match="top must be"):
        fit.posterior(X, top=0)


@pytest.mark.parametrize("model", MODELS)
def test_round_trip_of_transform(model):
    """Where the noise is low, what the codes rebuild is near the samples; sparse codes are taken too."""
    X = planted(model, 4, sigma=0.05)
    fit = model(5, n_init=3, n_steps=80, random_state=0).fit(X)
    codes = fit.transform(X)
    rebuilt = fit.inverse_transform(codes)
    assert rebuilt.shape == X.shape and np.mean((X - rebuilt) ** 2) < 0.2 * X.var()
    assert_allclose(fit.inverse_transform(csr_array(codes)), rebuilt, atol=1e-12)
    narrow = X.astype(np.float32)
    assert (
        fit.transform(narrow).dtype == np.float32
        and fit.inverse_transform(codes.astype(np.float32)).dtype == np.float32
    )
    assert_allclose(fit.transform(narrow), codes, atol=2e-3)
    with pytest.raises(ValueError, match="codes must have 5 columns, got 3"):
        fit.inverse_transform(codes[:, :3])


@pytest.mark.parametrize("model", MODELS)
def test_samples_follow_the_model(model):
    X = planted(model, 5)
    fit = model(5, n_steps=30, random_state=0).fit(X)
    drawn, codes = fit.sample(20_000, random_state=1)
    assert drawn.shape == (20_000, 8) and codes.shape == (20_000, 5)
    noise = drawn - fit.inverse_transform(codes)
    assert abs(noise.std() / fit.sigma_ - 1) < 0.02  # five standard deviations are 0.009
    pi = np.full(5, np.sum(fit.pi_)) if model is not SpikeSlabSparseCoding else fit.pi_
    assert np.abs((codes != 0).mean(axis=0) - pi).max() < 0.02  # 0.0035 is one standard deviation at most
    again, _ = fit.sample(20_000, random_state=np.random.RandomState(1))
    assert_array_equal(drawn, again)
    with pytest.raises(ValueError, match="n must be"):
        fit.sample(0)


@pytest.mark.parametrize("model", MODELS)
def test_same_bits_for_any_number_of_threads_and_after_a_pickle(model):
    X = planted(model, 6, H=9, D=12, n=700)
    options = {"n_components": 9, "n_candidates": 6, "max_active": 3, "n_steps": 6, "random_state": 0}
    one, two = model(n_jobs=1, **options).fit(X), model(n_jobs=2, **options).fit(X)
    assert one.free_energy_ == two.free_energy_
    for name in one._names:
        attribute = "components_" if name == "W" else f"{name}_"
        assert_array_equal(getattr(one, attribute), getattr(two, attribute))
    twin = pickle.loads(pickle.dumps(two))
    assert_array_equal(one.transform(X), twin.transform(X))
    assert_array_equal(one.posterior(X)[1], twin.posterior(X)[1])
    before = X.copy()
    assert_array_equal(clone(one).fit(X).components_, one.components_)
    assert_array_equal(X, before)


def test_many_blocks_give_what_one_gives(monkeypatch):
    import sparsela.dictionary._expectation as expectation

    for model in MODELS:
        X = planted(model, 7, n=500)
        options = {"n_components": 5, "n_candidates": 4, "max_active": 2, "n_steps": 5, "random_state": 0}
        whole = model(**options).fit(X)
        with monkeypatch.context() as patch:
            patch.setattr(expectation, "BLOCK_ROWS", 37)
            patch.setattr(expectation.EStep.blocks, "__defaults__", (37,))
            parts = model(**options).fit(X)
        assert_allclose(parts.components_, whole.components_, rtol=1e-9, atol=1e-9)
        assert_allclose(parts.transform(X), whole.transform(X), atol=1e-9)


def test_callback_sees_every_step_and_stops():
    X, seen = planted(BinarySparseCoding, 0), []

    def watch(state):
        seen.append((state.n_iter, state.temperature, state.components.copy()))
        return state.n_iter == 7

    model = BinarySparseCoding(5, n_steps=20, n_init=3, random_state=0, callback=watch).fit(X)
    assert [n for n, _, _ in seen] == list(range(1, 8)) and model.n_iter_ == 7
    assert_allclose([T for _, T, _ in seen], 5 - 4 * np.arange(7) / 16)
    assert_array_equal(seen[-1][2], model.components_)


def test_restarts_keep_the_best():
    X = planted(MaximalCausesAnalysis, 8, H=8, D=10)
    rng = np.random.RandomState(3)
    runs = [MaximalCausesAnalysis(8, n_steps=20, random_state=rng).fit(X) for _ in range(4)]
    best = max(runs, key=lambda run: run.free_energy_[-1])
    together = MaximalCausesAnalysis(8, n_steps=20, n_init=4, random_state=np.random.RandomState(3)).fit(X)
    assert_array_equal(together.components_, best.components_)
    assert len({run.free_energy_[-1] for run in runs}) > 1


def test_init_is_where_learning_starts():
    X = planted(SpikeSlabSparseCoding, 0)
    rng = np.random.RandomState(0)
    init = parameters(rng, "slab", 5, 8)
    fit = SpikeSlabSparseCoding(5, init=init, learn=(), n_steps=1).fit(X)
    assert_array_equal(fit.components_, init["W"])
    assert_array_equal(fit.psi_, init["psi"])
    assert fit.sigma_ == init["sigma"]
    assert_array_equal(BinarySparseCoding(5, init=init["W"], learn=("pi",), n_steps=1).fit(X).components_, init["W"])
    assert_array_equal(SpikeSlabSparseCoding(5, init={"mu": 2}, learn=(), n_steps=1).fit(X).mu_, np.full(5, 2.0))


def test_normalize_folds_the_slab_into_the_components():
    X = planted(SpikeSlabSparseCoding, 1)
    plain = SpikeSlabSparseCoding(5, n_steps=30, random_state=0).fit(X)
    folded = SpikeSlabSparseCoding(5, n_steps=30, random_state=0, normalize=True).fit(X)
    assert_array_equal(folded.psi_, 1)
    assert np.abs(plain.psi_ - 1).max() > 0.01
    assert_allclose(folded.components_, plain.components_ * np.sqrt(plain.psi_)[:, None], rtol=1e-12)
    assert_allclose(folded.score(X), plain.score(X), rtol=1e-12)
    assert_allclose(
        folded.inverse_transform(folded.transform(X)), plain.inverse_transform(plain.transform(X)), atol=1e-9
    )


def test_diagonal_noise_is_learned():
    rng = np.random.RandomState(0)
    sigma = np.linspace(0.2, 2, 8)
    X = ((rng.rand(4000, 3) < 0.4) * rng.randn(4000, 3)) @ (3 * rng.randn(3, 8)) + sigma * rng.randn(4000, 8)
    fit = SpikeSlabSparseCoding(3, noise="diagonal", n_steps=80, n_init=2, random_state=0).fit(X)
    assert_allclose(fit.sigma_, sigma, rtol=0.15, atol=0.1)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("model", MODELS)
def test_units_do_not_matter(model, factor):
    X = planted(model, 2)
    one, other = (model(5, n_steps=25, random_state=0).fit(f * X) for f in (1, factor))
    if model is SpikeSlabSparseCoding:  # ψ = 1 at the start is in no unit, W carries it
        assert_allclose(other.psi_, one.psi_, rtol=1e-6)
    assert_allclose(other.components_, factor * one.components_, rtol=1e-6, atol=1e-7 * factor)
    assert_allclose(other.sigma_, factor * one.sigma_, rtol=1e-6)


def test_mass_of_a_truncated_prior():
    rng = np.random.RandomState(0)
    for H, active in ((6, 3), (5, 1), (4, 4)):
        for pi in (np.full(H, 0.3), rng.rand(H)):
            p = {s: np.prod(np.where(s, pi, 1 - pi)) for s in itertools.product([0, 1], repeat=H) if sum(s) <= active}
            assert_allclose(mass(pi, active), (sum(p.values()), sum(sum(s) * q for s, q in p.items())), rtol=1e-13)
    assert mass(np.full(300, 0.1), 300)[0] == 1


def test_data_cut():
    assert n_used(1000, 1.0, 1.0) == 1000 and n_used(1000, 0.7, 0.0) == 1000
    assert n_used(1000, 0.75, 1.0) == 750 and n_used(1000, 0.75, 0.5) == 875
    assert n_used(1000, 1e-9, 1.0) == 100
    values = np.array([3.0, 1, 2, 3, 2, 2])
    for size, want in ((1, [0]), (2, [0, 3]), (3, [0, 2, 3]), (4, [0, 2, 3, 4]), (6, range(6))):
        assert_array_equal(largest(values, size), want)


def test_annealing():
    linear = annealing_of("linear", 5.0)
    assert linear.at(0) == (5, 0) and linear.at(0.8) == (1, 1) and linear.at(1) == (1, 1)
    assert_allclose(linear.at(0.4), (3, 0.6))
    assert annealing_of(None, 5.0).at(0.5) == (1, 0)
    given = annealing_of({"T": [(0, 4), (0.5, 1)]}, 5.0)
    assert given.at(0.25) == (2.5, 0) and given.at(0.9) == (1, 0)


BAD = [
    ({"n_candidates": 2, "max_active": 3}, "max_active must not be above n_candidates"),
    ({"annealing": {"temperature": 3}}, "annealing must have no keys but 'T' and 'cut'"),
    ({"annealing": {"T": [(0, 0.5)]}}, "values of annealing..T.. must be from 1 to inf"),
    ({"annealing": {"T": [(1, 2), (0, 1)]}}, "ascending shares"),
    ({"annealing": {"cut": "abc"}}, "must be a list of points"),
    ({"annealing": {"cut": [(0, 2)]}}, "must be from 0 to 1"),
    ({"annealing": {"T": [(0, np.nan)]}}, "must be from 1 to inf"),
    ({"learn": ("W", "rho")}, "learn must be some of"),
    ({"init": {"w": 3}}, "init must have no keys but"),
    ({"init": np.ones((3, 3))}, r"init\['W'\] must have shape \(5, 8\), got \(3, 3\)"),
    ({"init": np.ones((5, 8)), "n_init": 2}, "n_init must be 1, got 2"),
    ({"init": {"sigma": 0.0}}, r"init\['sigma'\] must be positive"),
    ({"init": {"sigma": np.nan}}, "NaN"),
    ({"init": {"pi": 1.5}}, "must be probabilities"),
    ({"n_steps": 0}, "n_steps"),
    ({"callback": 3}, "callback"),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("options", "message"), BAD, ids=lambda v: str(v)[:30])
def test_bad_parameters(model, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        model(**{"n_components": 5, **options}).fit(planted(model, 0, n=20))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1, 2), "must have 0"),
        ((0,), "at least one other"),
        ((0, 1, 1), "different"),
        ((0, np.inf), "finite"),
        ("ab", "finite numbers|array-like"),
        (((0, 1),), "list of finite"),
        (3, "array-like"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(ValueError, match=message):
        DiscreteSparseCoding(3, values=values).fit(planted(DiscreteSparseCoding, 0, n=20))


def test_other_bad_input():
    X = planted(DiscreteSparseCoding, 0, n=20)
    with pytest.raises(ValueError, match="symmetric about 0"):
        DiscreteSparseCoding(3, values=(0, 1), symmetric=True).fit(X)
    with pytest.raises(
        ValueError, match=f"make {11 + sum(comb(30, k) for k in range(1, 8))} states a sample; at most 1000000"
    ):
        BinarySparseCoding(40, n_candidates=30, max_active=7).fit(np.eye(40) @ np.ones((40, 40)) + np.eye(40))
    with pytest.raises(ValueError, match="must be positive"):
        MaximalCausesAnalysis(3, init=-np.ones((3, 8))).fit(X)
    with pytest.raises(ValueError, match="X must vary"):
        BinarySparseCoding(3).fit(np.ones((10, 4)))
    with pytest.raises(ValueError, match="X is too large"):
        BinarySparseCoding(3).fit(1e200 * X)


def test_no_more_states_than_fit():
    with pytest.raises(ValueError, match=f"make {2**20} states"):
        shape_of(20, 20, 20)
    assert shape_of(19, 19, 19).n_states == 2**19
    assert shape_of(3, 8, 5).max_active == 3 and shape_of(10, 8, 5).n_states == 1 + 2 + 218
    tree = shape_of(12, 7, 4, 3).tree()
    assert len(tree.parent) == shape_of(12, 7, 4, 3).n_states - 1 - 5 * 3


@pytest.mark.parametrize("model", MODELS)
def test_far_fewer_samples_than_causes(model):
    """Causes that nothing is learned about stay finite, and so does everything else."""
    X = planted(model, 9, n=4)
    fit = model(30, n_candidates=5, max_active=2, n_steps=40, random_state=0).fit(X)
    for name in fit._names:
        assert np.isfinite(getattr(fit, "components_" if name == "W" else f"{name}_")).all()
    assert np.isfinite(fit.free_energy_).all() and np.isfinite(fit.transform(X)).all()
