"""KernelDPP: the law whatever the landmarks and trials, the acceptance rate, given sizes, large n, what it looks at."""

import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics.pairwise import laplacian_kernel, polynomial_kernel

import sparsela
from sparsela.dpp import DPP, KernelDPP, bless, ridge_leverage_scores

N = 20_000
EIGHT = np.random.default_rng(0).normal(size=(8, 2))


class Product:
    """A callable kernel with a diagonal of its own."""

    def __call__(self, X, Y, scale=1.0):
        return scale * np.exp(-0.5 * ((X[:, None] - Y) ** 2).sum(axis=-1)) * (1 + 0.3 * X @ Y.T)

    def diag(self, X):
        return 0.5 * (1 + 0.3 * (X**2).sum(axis=1))


def closed_form(process, L):
    """P(accept) = exp(z + r s − r s e^{1/r}) det(I + αL) / det(I + αĈ)."""
    _, plan, _ = process._plan(None)
    exponent = plan.offset + plan.r * plan.s * (1 - np.exp(1 / plan.r))
    return float(np.exp(exponent + np.linalg.slogdet(np.eye(len(L)) + plan.alpha * L)[1]))


def check_acceptance(process, L):
    """Trials until so many acceptances: within six standard errors."""
    p, trials = closed_form(process, L), process.n_trials_
    assert abs(process.acceptance_rate_ - p) <= 6 * np.sqrt(p * (1 - p) / trials)


def r_of(process):
    return process._plan(None)[1].r


@pytest.mark.parametrize("method", ["vfx", "alpha"])
@pytest.mark.parametrize("kernel", ["rbf", "poly"])
@pytest.mark.parametrize(("n_landmarks", "r"), [("auto", "auto"), (2, "auto"), (2, 1.0), ("auto", 0.5), (2, "s")])
def test_law_over_all_subsets(laws, rbf, kernel, method, n_landmarks, r):
    """Landmarks and the size of trials change speed only."""
    X = EIGHT if kernel == "rbf" else 0.7 * EIGHT
    params = {"kernel": kernel, "gamma": 0.5 if kernel == "rbf" else 0.1, "degree": 2, "n_landmarks": n_landmarks}
    L = rbf(X, 0.5) if kernel == "rbf" else polynomial_kernel(X, gamma=0.1, degree=2, coef0=1)
    params.update(method=method, random_state=1, expected_size=1.5)
    process = KernelDPP(**params).fit(X)
    if r != "auto":
        s = process.rls_sum_
        process = KernelDPP(**params, trial_size=s * (s if r == "s" else r)).fit(X)
        assert abs(r_of(process) - (s if r == "s" else r)) < 1e-9
    laws.check(process.sample(N), laws.of(process.alpha_ * L))
    check_acceptance(process, L)


@pytest.mark.parametrize("method", ["vfx", "alpha"])
def test_law_of_a_callable_kernel(laws, method):
    kernel = Product()
    process = KernelDPP(kernel, kernel_params={"scale": 0.5}, method=method, n_landmarks=3, random_state=2).fit(EIGHT)
    L = kernel(EIGHT, EIGHT, scale=0.5)
    laws.check(process.sample(N // 20), laws.of(L))
    check_acceptance(process, L)


@pytest.mark.parametrize("method", ["vfx", "alpha"])
@pytest.mark.parametrize("size", [1, 3])
def test_law_of_a_given_size(laws, rbf, method, size):
    process = KernelDPP(gamma=0.5, method=method, n_landmarks=3, expected_size=2.0, random_state=3).fit(EIGHT)
    laws.check(process.sample(N, size=size), laws.of(rbf(EIGHT, 0.5), size))


@pytest.mark.parametrize("method", ["vfx", "alpha"])
@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_compiled_trials_are_the_ones_in_python(kernel, method):
    X = np.random.default_rng(4).normal(size=(3000, 3))
    process = KernelDPP(kernel, gamma=0.3, degree=2, method=method, expected_size=6, random_state=4).fit(X)
    sets = process.sample(30, random_state=9)
    by_size = process.sample(15, size=5, random_state=9)
    trials = process.n_trials_
    for reference, _, _ in process._plans.values():
        reference.kernel.family = None
    process.n_trials_ = 0
    assert all(np.array_equal(S, T) for S, T in zip(process.sample(30, random_state=9), sets, strict=True))
    assert all(np.array_equal(S, T) for S, T in zip(process.sample(15, size=5, random_state=9), by_size, strict=True))
    assert process.n_trials_ == trials


@pytest.mark.parametrize("method", ["vfx", "alpha"])
def test_acceptance_rate_is_its_closed_form(rbf, method):
    """No wrong sampler passes this: the rate is known to four digits from a determinant."""
    X = np.random.default_rng(5).normal(size=(600, 3))
    process = KernelDPP(gamma=0.5, expected_size=8, method=method, random_state=5).fit(X)
    process.sample(4000)
    check_acceptance(process, rbf(X, 0.5))
    sizes = [len(S) for S in process.sample(4000)]
    assert abs(np.mean(sizes) - DPP(process.alpha_ * rbf(X, 0.5)).expected_size()) <= 6 * np.sqrt(8 / 4000)


def test_sizes_follow_their_law(rbf, law_of_counts):
    X = np.random.default_rng(6).normal(size=(500, 2))
    process = KernelDPP(gamma=0.5, expected_size=5, random_state=6).fit(X)
    sizes = np.bincount([len(S) for S in process.sample(N)], minlength=501)
    law_of_counts(sizes, DPP(process.alpha_ * rbf(X, 0.5)).size_distribution())


@pytest.mark.parametrize("method", ["vfx", "alpha"])
def test_counts_in_cells(rbf, method):
    """n = 1200 against the exact marginals, in eight cells by signs."""
    X = np.random.default_rng(7).normal(size=(1200, 3))
    process = KernelDPP(gamma=0.5, expected_size=10, method=method, random_state=7).fit(X)
    cell = ((X > 0) * [1, 2, 4]).sum(axis=1)
    counts = np.bincount(cell[np.concatenate(process.sample(3000))], minlength=8) / 3000
    expected = np.bincount(cell, np.diagonal(DPP(process.alpha_ * rbf(X, 0.5), check=False).marginal_kernel()), 8)
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected / 3000)).all()


def test_sets_are_a_function_of_seed_and_number():
    X = np.random.default_rng(8).normal(size=(2000, 2))
    for method in ("vfx", "alpha"):
        process = KernelDPP(expected_size=4, method=method, random_state=8).fit(X)
        sets = process.sample(12, random_state=1)
        with sparsela.config_context(n_jobs=1):
            again = KernelDPP(expected_size=4, method=method, random_state=8).fit(X).sample(12, random_state=1)
        assert all(np.array_equal(S, T) for S, T in zip(sets, again, strict=True))
        # without a seed of its own, a call goes on where the last one ended
        whole = KernelDPP(expected_size=4, method=method, random_state=8).fit(X).sample(6)
        parts = KernelDPP(expected_size=4, method=method, random_state=8).fit(X)
        parts = [S for _ in range(6) for S in parts.sample()]
        assert all(np.array_equal(S, T) for S, T in zip(whole, parts, strict=True))


def test_few_points_and_small_ranks(laws):
    same = KernelDPP(expected_size=0.5, random_state=0).fit(np.ones((50, 2)))  # rank 1
    assert {len(S) for S in same.sample(200)} == {0, 1}
    assert [len(S) for S in same.sample(3, size=1)] == [1, 1, 1]
    with pytest.raises(ValueError, match="at most the rank of the kernel, 1, got 2"):
        same.sample(size=2)
    with pytest.raises(ValueError, match="below the rank of the kernel, 1, got 1"):
        KernelDPP(expected_size=1).fit(np.ones((50, 2)))
    flat = KernelDPP("linear", expected_size=2, random_state=0).fit(np.random.default_rng(0).normal(size=(500, 3)))
    assert {len(S) for S in flat.sample(50, size=3)} == {3}
    twice = np.repeat(EIGHT[:4], 2, axis=0)
    process = KernelDPP(gamma=0.5, expected_size=1.5, random_state=0).fit(twice)
    sets = process.sample(3000)
    assert not any(set(S) >= {2 * i, 2 * i + 1} for S in sets for i in range(4))
    assert len(KernelDPP(expected_size=0.5, random_state=0).fit([[1.0]]).sample(5)) == 5


def test_kernels_by_name_and_pickle():
    X = np.random.default_rng(1).uniform(size=(300, 3))
    for kernel in ("laplacian", "cosine", "linear", "polynomial", "chi2"):
        process = KernelDPP(kernel, gamma=2.0, expected_size=1.5, random_state=0).fit(X)
        again = pickle.loads(pickle.dumps(process))
        assert all(np.array_equal(S, T) for S, T in zip(process.sample(5), again.sample(5), strict=True))
    np.testing.assert_allclose(
        KernelDPP(laplacian_kernel, random_state=0).fit(X).rls_, KernelDPP("laplacian", random_state=0).fit(X).rls_
    )


@pytest.mark.parametrize("dictionary", ["bless", "rpcholesky"])
@pytest.mark.parametrize("method", ["vfx", "alpha"])
def test_dictionaries(method, dictionary):
    X = np.random.default_rng(2).normal(size=(5000, 3))
    process = KernelDPP(gamma=0.3, expected_size=8, method=method, dictionary=dictionary, random_state=0).fit(X)
    sizes = [len(S) for S in process.sample(1000)]
    assert abs(np.mean(sizes) - 8) < 0.6 and process.acceptance_rate_ > 0.1
    exactly = KernelDPP(gamma=0.3, expected_size=8, n_landmarks=40, dictionary=dictionary, random_state=0).fit(X)
    assert len(exactly.landmark_indices_) == 40


def test_leverage_within_a_factor_of_two(rbf):
    X = np.random.default_rng(3).normal(size=(2000, 3))
    L, lam = rbf(X, 0.5), 5.0
    exact = np.diagonal(np.linalg.solve(L + lam * np.eye(2000), L))
    for oversampling, factor in ((16.0, 2), (4.0, 4)):  # scores of the rarest points are the hardest
        for seed in range(2):
            D, p = bless(X, "rbf", lam, gamma=0.5, oversampling=oversampling, random_state=seed)
            ratio = ridge_leverage_scores(X, "rbf", lam, D, p, gamma=0.5) / exact
            assert 1 / factor < ratio.min() and ratio.max() < factor
    everything = ridge_leverage_scores(X, "rbf", lam, np.arange(2000), np.ones(2000), gamma=0.5)
    np.testing.assert_allclose(everything, exact, rtol=1e-6)


def test_alpha_looks_at_few_points():
    X = np.random.default_rng(4).normal(size=(400_000, 5))
    process = KernelDPP(gamma=0.1, method="alpha", random_state=0, expected_size=10).fit(X)
    process.sample(10, size=10)
    assert process.n_seen_ < 0.2 * len(X)
    assert KernelDPP(gamma=0.1, expected_size=10, random_state=0).fit(X[:1000]).n_seen_ == 1000


def test_memory_is_a_few_numbers_a_point():
    X = np.random.default_rng(5).normal(size=(200_000, 5))
    tracemalloc.start()
    KernelDPP(gamma=0.1, expected_size=10, random_state=0).fit(X).sample(5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6  # X itself is 8 MB


@pytest.mark.slow
def test_a_million_points():
    """Counts in cells against a converged Nyström trace, fewer than a fifth looked at by alpha."""
    X = np.random.default_rng(6).normal(size=(1_000_000, 5))
    process = KernelDPP(gamma=0.1, expected_size=10, random_state=0).fit(X)
    sets = process.sample(4000)
    cell = ((X[:, :3] > 0) * [1, 2, 4]).sum(axis=1)
    counts = np.bincount(cell[np.concatenate(sets)], minlength=8) / 4000
    reference, _, _ = process._plan(None)
    fine = KernelDPP(gamma=0.1, expected_size=60, random_state=1).fit(X[:])._plan(None)[0]
    marginal = fine.scores(fine.plan(process.alpha_, False, "auto", 10**5))
    expected = np.bincount(cell, marginal, 8)
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected / 4000)).all()
    lazy = KernelDPP(gamma=0.1, expected_size=10, method="alpha", random_state=0).fit(X)
    assert {len(S) for S in lazy.sample(10, size=10)} == {10}
    assert lazy.n_seen_ < 200_000


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"kernel": "gauss"}, "kernel must be a callable or one of"),
        ({"kernel": lambda X, Y: np.ones(3)}, "must have shape"),
        ({"kernel": lambda X, Y: X[:, :1] - 2 * Y[:, :1].T}, "must be symmetric"),
        ({"kernel": lambda X, Y: -(X @ Y.T)}, "positive semidefinite"),
        ({"kernel": lambda X, Y: np.full((len(X), len(Y)), np.nan)}, "finite real"),
        ({"kernel": "rbf", "kernel_params": {"a": 1}}, "kernel_params go with a callable"),
        ({"expected_size": -1}, "expected_size"),
        ({"expected_size": 40}, "below the rank, 40 at most"),
        ({"method": "exact"}, "method"),
        ({"n_landmarks": 0}, "n_landmarks"),
        ({"expected_size": 5.0, "trial_size": 0.5}, "trial_size must be larger"),
        ({"max_trials": 0}, "max_trials"),
        ({"gamma": -1.0}, "gamma"),
    ],
)
def test_bad_parameters(params, words):
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(ValueError, match=words):
        KernelDPP(**params).fit(X)


def test_bad_calls():
    X = np.random.default_rng(0).normal(size=(40, 2))
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        KernelDPP().sample()
    with pytest.raises(ValueError, match="NaN"):
        KernelDPP().fit(np.full((3, 2), np.nan))
    process = KernelDPP(expected_size=2, random_state=0).fit(X)
    for size, words in ((0, "between 1 and 40"), (41, "between 1 and 40")):
        with pytest.raises(ValueError, match=words):
            process.sample(size=size)
    with pytest.raises(RuntimeError, match=r"max_trials=1 trials; \d+ of \d+ trials were accepted"):
        KernelDPP(expected_size=2, max_trials=1, n_landmarks=1, random_state=0).fit(X).sample(50, size=3)
    with pytest.raises(ValueError, match="lam must be"):
        bless(X, "rbf", 0.0)
    with pytest.raises(ValueError, match=r"kernel\(x, x\) must not be 0 everywhere"):
        bless(np.zeros_like(X), "linear", 1.0)
    with pytest.raises(ValueError, match="oversampling must be at least 1"):
        bless(X, "rbf", 1.0, oversampling=0.5)
    with pytest.raises(ValueError, match="probabilities must be above 0"):
        ridge_leverage_scores(X, "rbf", 1.0, [0, 1], [0.0, 1.0])
    with pytest.raises(ValueError, match="from 0 to 39, got 40"):
        ridge_leverage_scores(X, "rbf", 1.0, [40], [1.0])


def test_a_kernel_that_is_not_psd_is_found_out():
    """Indefinite where the first look, at twenty points, does not see it."""
    X = np.linspace(-1, 1, 400)[:, None]

    def kernel(X, Y):
        away = np.abs(X - Y.T)
        return np.where(away < 0.02, 1.0, 0.0) + np.where((away > 0.02) & (away < 0.04), 0.95, 0.0)

    for n_landmarks in ("auto", 10):
        with pytest.raises(ValueError, match="positive semidefinite"):
            process = KernelDPP(kernel, expected_size=20.0, n_landmarks=n_landmarks, random_state=0)
            process.fit(X).sample(100)
