"""DPP, KDPP, ProjectionDPP: the law over all subsets, probabilities, conditioning, sizes."""

from itertools import combinations

import numpy as np
import pytest

import sparsela
from sparsela.dpp import DPP, KDPP, ProjectionDPP, elementary_symmetric_polynomials, kdpp_mcmc

N = 20_000


@pytest.mark.parametrize("method", ["spectral", "cholesky"])
def test_law_over_all_subsets(matrix, laws, method):
    L, _ = matrix
    laws.check(DPP(L).sample(N, method=method, random_state=0), laws.of(L))


@pytest.mark.parametrize("method", ["spectral", "cholesky"])
def test_law_from_the_marginal_kernel(matrix, laws, method):
    L, _ = matrix
    K = np.linalg.solve(np.eye(8) + L, L)
    laws.check(DPP(K=(K + K.conj().T) / 2).sample(N, method=method, random_state=1), laws.of(L))


def test_law_of_a_factor(matrix, laws):
    _, B = matrix
    p = laws.of(B @ B.conj().T)
    p[[len(S) > 6 for S in laws.all_sets(8)]] = 0
    laws.check(DPP(factor=B).sample(N, random_state=2), p)
    laws.check(DPP(factor=B).sample(N, method="cholesky", random_state=2), p)


def test_law_of_a_wide_factor(matrix, laws):
    L, _ = matrix
    B = np.hstack([np.linalg.cholesky(L), np.zeros((8, 5))])
    laws.check(DPP(factor=B).sample(N, random_state=3), laws.of(L))


@pytest.mark.parametrize("k", [1, 3, 6])
def test_law_of_a_given_size(matrix, laws, k):
    L, B = matrix
    laws.check(KDPP(k, L).sample(N, random_state=4), laws.of(L, k))
    laws.check(KDPP(k, factor=B).sample(N, random_state=5), laws.of(B @ B.conj().T, k))


@pytest.mark.parametrize("r", [2, 5])
def test_law_of_a_projection(matrix, laws, r):
    """r = 2 of 8 goes by proposals, r = 5 by weights of all items."""
    V = np.linalg.qr(matrix[1])[0][:, :r]
    p = np.exp([ProjectionDPP(V).log_prob(S) for S in laws.all_sets(8)])
    assert abs(p.sum() - 1) < 1e-12
    laws.check(ProjectionDPP(V).sample(N, random_state=6), p)


def test_law_of_the_chain(matrix, laws):
    L, _ = matrix
    laws.check(kdpp_mcmc(L, 3, n_samples=N, n_steps=300, random_state=0), laws.of(L, 3))


def test_chain_is_in_detailed_balance(matrix, laws):
    """From the law, one step leads to the law, and to i → j as often as to j → i."""
    L, _ = matrix
    law, sets = laws.of(L, 2), [S for S in laws.all_sets(8) if len(S) == 2]
    flow = np.zeros((len(sets), len(sets)))
    place = {tuple(S): a for a, S in enumerate(sets)}
    for a, S in enumerate(sets):
        for T in kdpp_mcmc(L, 2, n_samples=N, n_steps=1, init=S, random_state=a):
            flow[a, place[tuple(T)]] += law[sum(1 << i for i in S)] / N
    # each flow is a mean of N coins of weight law_a
    sd = np.sqrt(flow * np.array([law[sum(1 << i for i in S)] for S in sets])[:, None] / N + 1e-12)
    assert (np.abs(flow - flow.T) <= 6 * np.hypot(sd, sd.T) + 1e-12).all()
    assert flow[0].max() > 0


def test_inclusion_of_singles_and_pairs(matrix):
    L, _ = matrix
    process = DPP(L)
    sets = process.sample(N, method="spectral", random_state=8)
    inside = np.zeros((N, 8), bool)
    for row, S in zip(inside, sets, strict=True):
        row[S] = True
    bound = np.sqrt(np.log(2 * 36 / 1e-7) / (2 * N))  # Hoeffding
    for S in [[i] for i in range(8)] + list(map(list, combinations(range(8), 2))):
        assert abs(inside[:, S].all(axis=1).mean() - process.inclusion_probability(S)) <= bound


def line(n, width):
    x = np.linspace(0, 1, n)
    return np.exp(-(((x[:, None] - x) / width) ** 2))


def test_size_and_its_law(law_of_counts):
    process = DPP(line(200, 0.1))
    sizes = np.array([len(S) for S in process.sample(N, random_state=9, method="spectral")])
    lam = np.linalg.eigvalsh(process.L).clip(0)
    assert abs(process.expected_size() - (lam / (1 + lam)).sum()) < 1e-9
    assert abs(sizes.mean() - process.expected_size()) <= 6 * np.sqrt((lam / (1 + lam) ** 2).sum() / N)
    law_of_counts(np.bincount(sizes, minlength=201), process.size_distribution())


@pytest.mark.parametrize("method", ["spectral", "cholesky"])
def test_the_test_of_sizes_has_power(method):
    """1.035 L is told from L: 14 standard errors at this size."""
    n, N = 30, 100_000
    process = DPP(line(n, 0.05) * 0.5)
    process = process.rescale(4.4)
    lam = np.linalg.eigvalsh(process.L).clip(0)
    sd = np.sqrt((lam / (1 + lam) ** 2).sum() / N)
    right, wrong = (
        np.mean([len(S) for S in DPP(c * process.L).sample(N, method=method, random_state=10)]) for c in (1, 1.035)
    )
    assert abs(right - 4.4) <= 6 * sd
    assert abs(wrong - 4.4) > 6 * sd


def test_marginals_of_many_items_by_proposals():
    """n = 400, where items are proposed and kept or not, against tr K of twenty cells."""
    process = DPP(line(400, 0.02) * 2)
    cells = np.zeros(20)
    for S in process.sample(1500, method="spectral", random_state=11):
        cells += np.bincount(S // 20, minlength=20)
    expected = np.diagonal(process.marginal_kernel()).reshape(20, 20).sum(axis=1)
    assert (np.abs(cells / 1500 - expected) <= 6 * np.sqrt(expected / 1500)).all()


def test_probabilities(matrix, laws):
    L, B = matrix
    everything = laws.all_sets(8)
    K = DPP(L).marginal_kernel()
    for process in (DPP(L), DPP(K=K), DPP(factor=np.linalg.cholesky(L))):
        p = np.exp([process.log_prob(S) for S in everything])
        np.testing.assert_allclose(p, laws.of(L), atol=1e-13)
        np.testing.assert_allclose(process.marginal_kernel(), K, atol=1e-13)
        assert abs(process.inclusion_probability([1, 4]) - p[[{1, 4} <= set(S) for S in everything]].sum()) < 1e-12
    assert abs(np.exp([DPP(factor=B).log_prob(S) for S in everything]).sum() - 1) < 1e-12
    by_size = KDPP(3, L)
    p = np.exp([by_size.log_prob(S) for S in everything])
    np.testing.assert_allclose(p, laws.of(L, 3), atol=1e-13)
    np.testing.assert_allclose(
        by_size.inclusion_probability(np.arange(8)),
        [p[[i in S for S in everything]].sum() for i in range(8)],
        atol=1e-12,
    )
    total = sum(np.linalg.det(L[np.ix_(S, S)]).real for S in everything if len(S) == 3)
    assert abs(by_size.normalizer() - np.log(total)) < 1e-12


@pytest.mark.parametrize("given", ["L", "K", "factor"])
def test_conditioning(matrix, laws, given):
    L, _ = matrix
    L = L[:6, :6]
    p, everything = laws.of(L), laws.all_sets(6)
    process = {
        "L": lambda: DPP(L),
        "K": lambda: DPP(K=DPP(L).marginal_kernel()),
        "factor": lambda: DPP(factor=np.linalg.cholesky(L)),
    }
    for included, excluded in (([2], []), ([], [0, 5]), ([1, 3], [4]), ([0], [1])):
        rest = process[given]().condition(included, excluded)
        fits = [set(included) <= set(S) and not set(excluded) & set(S) for S in everything]
        for S in laws.all_sets(len(rest.labels_)):
            whole = sorted([*rest.labels_[S].tolist(), *included])
            exact = p[sum(1 << i for i in whole)] / p[fits].sum()
            assert abs(np.exp(rest.log_prob(S)) - exact) < 1e-10
        assert set(np.concatenate(rest.sample(50, random_state=0))) <= set(rest.labels_.tolist())
    again = process[given]().condition([2]).condition(excluded=[2])
    assert again.labels_.tolist() == [0, 1, 4, 5]


def test_rescale_hits_the_size(matrix):
    L, B = matrix
    for process in (DPP(L), DPP(factor=B), DPP(K=DPP(L).marginal_kernel())):
        for size in (0.01, 2.5, 5.9):
            scaled = process.rescale(size)
            assert abs(scaled.expected_size() - size) < 1e-8
            assert abs(np.trace(scaled.marginal_kernel()).real - size) < 1e-8
    np.testing.assert_allclose(DPP(L).rescale(3.0).L / L, DPP(L).rescale(3.0).L[0, 0] / L[0, 0])


def test_an_eigenvalue_of_one(laws):
    """L would be infinite: K alone can say it."""
    V = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 3)))[0]
    K = (V * [1.0, 1.0, 0.3]) @ V.T
    process = DPP(K=(K + K.T) / 2)
    p = np.exp([process.log_prob(S) for S in laws.all_sets(6)])
    assert abs(p.sum() - 1) < 1e-12
    p[p < 1e-14] = 0
    for method in ("spectral", "cholesky"):
        sets = process.sample(5000, method=method, random_state=0)
        assert {len(S) for S in sets} == {2, 3}
        laws.check(sets, p)
    with pytest.raises(ValueError, match="eigenvalues below 1"):
        process.greedy_map()


def test_sets_are_a_function_of_seed_and_number(matrix):
    L, B = matrix
    for process in (DPP(L), KDPP(3, L), DPP(factor=B), ProjectionDPP(np.linalg.qr(B)[0])):
        sets = process.sample(50, random_state=7)
        for n_jobs in (1, 3):
            again = process.sample(20, random_state=7, n_jobs=n_jobs)
            assert all(np.array_equal(S, T) for S, T in zip(again, sets, strict=False))
    one, many = DPP(L), DPP(L).sample(9, method="cholesky", random_state=3, n_jobs=2)
    assert np.array_equal(one.sample(random_state=3)[0], many[0])
    L = L + np.diag(np.arange(8) / 50)  # no eigenvalue twice: its eigenvectors would be anybody's
    a, b = (KDPP(3, c * L).sample(200, random_state=1) for c in (1, 7.3))
    assert all(np.array_equal(S, T) for S, T in zip(a, b, strict=True))
    assert DPP(L).sample(0) == []


def test_blocks_of_the_cholesky_sampler():
    """Against an unblocked LDLᴴ in a few lines, over one block, several, and a rest."""
    from sparsela._core.random import uniform_hash

    rng = np.random.default_rng(0)
    for n in (1, 31, 32, 33, 64, 130, 516):
        B = rng.normal(size=(n, n)) / np.sqrt(n) + (1j * rng.normal(size=(n, n)) / np.sqrt(n) if n % 2 else 0)
        process = DPP(B @ B.conj().T, check=False)
        A, u, kept = process.marginal_kernel().copy(), uniform_hash(np.arange(n), seed=5, stream=0), []
        for j in range(n):
            p = A[j, j].real
            if u[j] < p:
                kept.append(j)
            else:
                p -= 1
            A[j + 1 :, j + 1 :] -= np.outer(A[j + 1 :, j], A[j, j + 1 :]) / p
        assert process.sample(method="cholesky", random_state=5)[0].tolist() == kept


def test_many_decades():
    lam = np.logspace(-12, 12, 150)
    process = KDPP(100, factor=np.diag(np.sqrt(lam)))
    assert process.rank_ == 150
    sets = process.sample(50, random_state=0)
    assert {len(S) for S in sets} == {100}
    p = process.inclusion_probability(np.arange(150))
    assert np.isfinite(p).all() and abs(p.sum() - 100) < 1e-8
    assert np.isfinite(process.normalizer())
    counts = np.bincount(np.concatenate(sets), minlength=150)
    assert counts[-60:].min() == 50  # the largest by far are always there


def test_elementary_symmetric_polynomials():
    lam = np.random.default_rng(0).uniform(0, 3, 7)
    exact = [sum(np.prod(c) for c in combinations(lam, k)) for k in range(8)]
    np.testing.assert_allclose(elementary_symmetric_polynomials(lam, 7, log=False), exact, rtol=1e-13)
    np.testing.assert_allclose(elementary_symmetric_polynomials(lam, 7), np.log(exact), atol=1e-13)
    assert elementary_symmetric_polynomials([0, 0, 2], 3).tolist() == [0, np.log(2), -np.inf, -np.inf]
    wide = np.logspace(-300, 300, 1000)
    log_e = elementary_symmetric_polynomials(wide, 1000)
    assert abs(log_e[-1] - np.log(wide).sum()) < 1e-6 and np.isfinite(log_e).all()


def test_nothing_square_from_a_factor():
    """n = 50,000, rank 50: a matrix n × n would be 20 GB; and the law is that of the dense process on a part."""
    rng = np.random.default_rng(0)
    B = rng.normal(size=(50_000, 50)) / 300
    process = DPP(factor=B)
    sets = process.sample(200, random_state=0)
    assert abs(np.mean([len(S) for S in sets]) - process.expected_size()) < 6 * np.sqrt(50 / 4 / 200)
    assert 0 < process.inclusion_probability([3, 49_000]) < 1
    assert np.isfinite(process.log_prob(sets[0]))
    small, exact = DPP(factor=B[:300]), DPP(B[:300] @ B[:300].T)
    np.testing.assert_allclose(small.size_distribution(), exact.size_distribution(), atol=1e-12)
    assert abs(small.log_prob([1, 2, 3]) - exact.log_prob([1, 2, 3])) < 1e-9


def test_input_is_left_alone(matrix):
    L, B = matrix
    before = L.copy(), B.copy()
    with sparsela.config_context(n_jobs=2):
        DPP(L).sample(3, method="cholesky")
        DPP(L).condition([1], [2]).greedy_map()
        KDPP(2, factor=B).sample(3)
        kdpp_mcmc(L, 2, n_steps=10)
    assert np.array_equal(L, before[0]) and np.array_equal(B, before[1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: DPP(), ValueError, "exactly one of L, K and factor"),
        (lambda: DPP(np.eye(2), K=np.eye(2)), ValueError, "got L and K"),
        (lambda: DPP(np.ones((2, 3))), ValueError, "L must be square"),
        (lambda: DPP([[1, 2], [0, 1]]), ValueError, "L must be symmetric"),
        (lambda: DPP([[1, 2j], [2j, 1]]), ValueError, "L must be Hermitian"),
        (lambda: DPP([[1, 2], [2, 1]]), ValueError, "positive semidefinite.*-1"),
        (lambda: DPP([[np.nan]]), ValueError, "NaN"),
        (lambda: DPP([[np.inf]]), ValueError, "infinity"),
        (lambda: DPP(np.empty((0, 0))), ValueError, "empty"),
        (lambda: DPP(K=1.1 * np.eye(2)), ValueError, "between 0 and 1.*1.1"),
        (lambda: DPP(K=np.diag([0.5, -0.1])), ValueError, "between 0 and 1.*-0.1"),
        (lambda: DPP(np.eye(3)).sample(method="lu"), ValueError, "method must be one of"),
        (lambda: DPP(np.eye(3)).sample(-1), ValueError, "n_samples"),
        (lambda: DPP(np.eye(3)).log_prob([3]), ValueError, "from 0 to 2, got 3"),
        (lambda: DPP(np.eye(3)).log_prob([1, 1]), ValueError, "distinct"),
        (lambda: DPP(np.eye(3)).log_prob([0.5]), TypeError, "integers"),
        (lambda: DPP(np.eye(3)).condition([1], [1]), ValueError, r"in common, got \[1\]"),
        (lambda: DPP(np.eye(3)).condition([1, 2], [0]), ValueError, "leave an item"),
        (lambda: DPP(np.ones((3, 3))).condition([0, 1]), ValueError, "probability 0"),
        (lambda: DPP(factor=np.ones((3, 1))).condition([0, 1]), ValueError, "probability 0"),
        (lambda: DPP(np.eye(3)).rescale(3), ValueError, "the rank, 3, got 3"),
        (lambda: DPP(np.eye(3)).rescale(0), ValueError, "expected_size must be finite and positive"),
        (lambda: KDPP(2, np.ones((3, 3))), ValueError, "at most the rank of the kernel, 1, got 2"),
        (lambda: KDPP(0, np.eye(3)), ValueError, "k must be between 1 and 3"),
        (lambda: KDPP(4, np.eye(3)), ValueError, "k must be between 1 and 3"),
        (lambda: KDPP(1.0, np.eye(3)), TypeError, "k must be an int"),
        (lambda: KDPP(1), ValueError, "exactly one of L and factor must be given, got none"),
        (lambda: ProjectionDPP(np.ones((3, 2))), ValueError, "orthonormal"),
        (lambda: ProjectionDPP(np.ones((2, 3))), ValueError, "no more columns than rows"),
        (lambda: elementary_symmetric_polynomials([-1], 1), ValueError, "must not be negative"),
        (lambda: elementary_symmetric_polynomials([1], 2), ValueError, "k must be between 0 and 1"),
        (lambda: kdpp_mcmc(np.eye(3), 2, init=[0]), ValueError, "init must hold 2 items"),
        (lambda: kdpp_mcmc(np.ones((3, 3)), 2, init=[0, 1]), ValueError, "positive determinant"),
        (lambda: kdpp_mcmc(np.ones((3, 3)), 2), ValueError, "at most the rank of the kernel, 1"),
        (lambda: kdpp_mcmc(np.eye(3), 2, n_steps=-1), ValueError, "n_steps"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_chain_that_would_be_too_long_says_so():
    with pytest.warns(UserWarning, match="steps are asked for, 1000000 are done"):
        kdpp_mcmc(np.eye(400), 30, n_samples=0)


def test_empty_sets_are_sets():
    sets = DPP(np.zeros((3, 3))).sample(5, random_state=0) + DPP(np.zeros((3, 3))).sample(5, method="cholesky")
    assert all(S.size == 0 and S.dtype == np.int64 for S in sets)


def test_inclusion_of_no_item_and_of_one_twice():
    process = KDPP(2, np.eye(4))
    assert process.inclusion_probability([]).shape == (0,)
    np.testing.assert_allclose(process.inclusion_probability([[0, 0], [1, 3]]), np.full((2, 2), 0.5))
