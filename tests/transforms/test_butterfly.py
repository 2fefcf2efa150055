"""Butterfly factorization: exact where it can be, bounded where it cannot, and honest about which."""

import itertools
from functools import reduce

import numpy as np
import pytest
import scipy.fft
from scipy.linalg import hadamard

from sparsela.transforms import KroneckerSparse, Permutation, butterfly_architecture, butterfly_factorization
from sparsela.transforms._architecture import overlap, product

ORDERS = [4, 8, 32, 128, 512, pytest.param(1024, marks=pytest.mark.slow), pytest.param(2048, marks=pytest.mark.slow)]


def random_butterfly(chain, rng, kind="d"):
    """A product of Kronecker-sparse factors, made dense by plain matrix products."""

    def factor(a, b, c, d):
        values = rng.standard_normal((a, d, b, c)) / np.sqrt(c)
        if kind == "D":
            values = values + 1j * rng.standard_normal((a, d, b, c)) / np.sqrt(c)
        return KroneckerSparse(values, a, b, c, d).tocsr()

    return reduce(lambda L, S: L @ S, (factor(*pattern) for pattern in chain)).toarray()


def relative_error(A, result):
    return np.linalg.norm(A - result.operator.toarray()) / np.linalg.norm(A)


def two_factor_errors(A, chain):
    """The exact error of the best two-factor approximation at every split, slice by slice."""
    errors = []
    for k in range(1, len(chain)):
        (a1, b1, c1, d1), (a2, _, c2, d2) = reduce(product, chain[:k]), reduce(product, chain[k:])
        assert a1 == d2 == 1
        r, total = a1 * c1 // a2, 0.0
        T = A.reshape(b1, d1, a2, c2)
        for s, t in itertools.product(range(d1), range(a2)):
            total += (np.linalg.svd(T[:, s, t, :], compute_uv=False)[r:] ** 2).sum()
        errors.append(np.sqrt(total))
    return np.array(errors)


# Architectures


def test_dyadic_architecture():
    for J in range(1, 11):
        N = 2**J
        assert butterfly_architecture(N, N) == [(2**l, 2, 2, N // 2 ** (l + 1)) for l in range(J)]


@pytest.mark.parametrize("m, n", [(8, 8), (12, 10), (7, 7), (81, 24), (64, 16), (2, 1024), (100, 36)])
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_architectures_chain_have_the_shape_and_no_redundant_pair(m, n, rank):
    chain = butterfly_architecture(m, n, rank=rank)
    (a, b, _, d), (e, _, f, g) = chain[0], chain[-1]
    assert (a * b * d, e * f * g) == (m, n)
    assert all(overlap(L, R) < min(L[1], R[2]) for L, R in itertools.pairwise(chain))
    for n_factors in range(1, len(chain) + 1):
        grouped = butterfly_architecture(m, n, rank=rank, n_factors=n_factors)
        assert len(grouped) == n_factors
        assert reduce(product, grouped) == reduce(product, chain) == (1, m, n, 1)


def test_architecture_refuses():
    with pytest.raises(ValueError, match="m must be at least 2, got 1"):
        butterfly_architecture(1, 8)
    with pytest.raises(ValueError, match="n_factors must be between 1 and 3, got 4"):
        butterfly_architecture(8, 8, n_factors=4)
    with pytest.raises(TypeError, match="rank must be an int"):
        butterfly_architecture(8, 8, rank=1.5)


# Exact factorizations


@pytest.mark.parametrize("tree", ["balanced", "left-to-right"])
@pytest.mark.parametrize("N", ORDERS)
def test_hadamard_dft_and_random_butterflies_are_exact(N, tree):
    rng, chain, J = np.random.default_rng(N), butterfly_architecture(N, N), N.bit_length() - 1
    cases = {
        "hadamard": (hadamard(N) / np.sqrt(N), None),
        "dft": (scipy.fft.fft(np.eye(N)), "bitrev"),
        "real": (random_butterfly(chain, rng), None),
        "complex": (random_butterfly(chain, rng, "D"), None),
    }
    for name, (A, permutation) in cases.items():
        before = A.copy()
        result = butterfly_factorization(A, permutation=permutation, tree=tree)
        assert np.array_equal(A, before)
        assert relative_error(A, result) <= 1e-15 * N, name
        assert result.converged
        assert result.operator.nnz == 2 * N * J
        assert result.operator.n_factors == J + (permutation is not None)
        assert result.operator.dtype == A.dtype
        assert abs(result.relative_error - relative_error(A, result)) <= 1e-15 * N


@pytest.mark.parametrize("orthonormalize", [True, False])
def test_both_normalisations_are_exact(orthonormalize):
    A = random_butterfly(butterfly_architecture(64, 64), np.random.default_rng(0))
    assert relative_error(A, butterfly_factorization(A, orthonormalize=orthonormalize)) <= 64e-15


@pytest.mark.parametrize("m, n, rank", [(12, 18, 1), (81, 24, 1), (60, 60, 1), (64, 64, 2), (64, 32, 3), (36, 100, 2)])
def test_planted_butterflies_of_any_size_and_rank(m, n, rank):
    chain = butterfly_architecture(m, n, rank=rank)
    A = random_butterfly(chain, np.random.default_rng(0), "D")
    result = butterfly_factorization(A, rank=rank)
    assert relative_error(A, result) <= 1e-12
    assert [f.pattern for f in result.operator.factors] == chain


def test_an_architecture_of_the_users_own_with_block_diagonal_ends():
    chain = [(2, 3, 3, 4), (6, 2, 2, 2)]
    A = random_butterfly(chain, np.random.default_rng(0))
    assert relative_error(A, butterfly_factorization(A, architecture=chain)) <= 1e-14
    outside = np.zeros_like(A)
    outside[0, -1] = 3.0  # outside all supports: what is there stays
    result = butterfly_factorization(A + outside, architecture=chain)
    assert abs(result.residual_norm - 3) <= 1e-12


def test_redundant_pairs_are_merged():
    A = np.random.default_rng(0).standard_normal((4, 4))
    result = butterfly_factorization(A, architecture=[(1, 4, 4, 1), (1, 4, 4, 1)])
    assert result.operator.n_factors == 1
    assert result.converged


@pytest.mark.parametrize("N", [6, 12, 45, 210, 256])
def test_the_dft_of_any_order_is_a_butterfly_in_digit_reversed_columns(N):
    F = scipy.fft.fft(np.eye(N))
    assert relative_error(F, butterfly_factorization(F, permutation="bitrev")) <= 1e-15 * N


def test_fewer_factors_have_more_non_zeros_and_no_larger_error():
    A = np.random.default_rng(0).standard_normal((32, 32))
    results = [butterfly_factorization(A, n_factors=k) for k in (5, 3, 2, 1)]
    assert [r.operator.n_factors for r in results] == [5, 3, 2, 1]
    assert results[-1].relative_error <= 1e-15
    assert results[0].relative_error > results[2].relative_error > results[3].relative_error


def test_higher_rank_comes_closer():
    A = np.random.default_rng(0).standard_normal((64, 64))
    errors = [butterfly_factorization(A, rank=r).relative_error for r in (1, 2, 4, 8)]
    assert all(b < 0.95 * a for a, b in itertools.pairwise(errors))
    assert errors[-1] <= 1e-14


@pytest.mark.parametrize("dtype, kind", [(np.float32, "d"), (np.complex64, "D")])
def test_single_precision_stays(dtype, kind):
    A = random_butterfly(butterfly_architecture(64, 64), np.random.default_rng(0), kind)
    result = butterfly_factorization(A.astype(dtype))
    assert result.operator.dtype == dtype
    assert relative_error(A, result) <= 1e-5
    assert result.converged


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
def test_huge_and_tiny_entries(scale):
    A = random_butterfly(butterfly_architecture(32, 32), np.random.default_rng(0))
    A *= 1 / np.abs(A).max()
    for options in ({}, {"permutation": "auto"}):
        result = butterfly_factorization(A * scale, **options)
        assert result.converged
        assert np.abs(result.operator.toarray() / scale - A).max() <= 1e-13


def test_zero_and_sparse_matrices():
    for A in (np.zeros((8, 8)), np.eye(8), np.diag(np.arange(8.0)), np.eye(8)[::-1]):
        for permutation in (None, "auto"):
            result = butterfly_factorization(A, permutation=permutation)
            assert np.isfinite(result.operator.toarray()).all()
            assert np.isfinite(result.relative_error)
    assert butterfly_factorization(np.eye(8)).converged  # the identity is a butterfly


# Bounded where A is no butterfly


def bounded(A, tree):
    chain = butterfly_architecture(*A.shape)
    epsilon, result = two_factor_errors(A, chain).max(), butterfly_factorization(A, tree=tree)
    error = np.linalg.norm(A - result.operator.toarray())
    assert abs(result.residual_norm - error) <= 1e-10 * np.linalg.norm(A)
    assert epsilon * (1 - 1e-12) <= error <= (len(chain) - 1) * epsilon
    assert error <= 1.3 * epsilon
    return result


@pytest.mark.parametrize("tree", ["balanced", "left-to-right"])
@pytest.mark.parametrize("seed", range(20))
def test_error_is_within_the_bound_on_gaussian_matrices(seed, tree):
    N = (16, 32, 64, 128)[seed % 4]
    assert not bounded(np.random.default_rng(seed).standard_normal((N, N)), tree).converged


@pytest.mark.parametrize("noise", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("N", [16, 64, 128])
def test_error_is_within_the_bound_on_a_noisy_hadamard_matrix(N, noise):
    H, G = hadamard(N) / np.sqrt(N), np.random.default_rng(N).standard_normal((N, N))
    result = bounded(H + noise * np.linalg.norm(H) / np.linalg.norm(G) * G, "balanced")
    assert result.relative_error <= noise


def test_the_cosine_transform_is_no_dyadic_butterfly():
    C = scipy.fft.dct(np.eye(32), norm="ortho", axis=0)
    for A, permutation in itertools.product((C, C.T), (None, "bitrev", "default8", "auto")):
        result = butterfly_factorization(A, permutation=permutation)
        assert result.converged is False
        assert result.relative_error > 0.3


# Permutations


def test_a_given_order_of_the_columns():
    N, rng = 64, np.random.default_rng(0)
    B, p = random_butterfly(butterfly_architecture(N, N), rng), rng.permutation(N)
    A = np.empty_like(B)
    A[:, p] = B
    result = butterfly_factorization(A, permutation=p)
    assert relative_error(A, result) <= 1e-13
    assert isinstance(result.operator.factors[-1], Permutation)
    assert butterfly_factorization(A).relative_error > 0.3


@pytest.mark.parametrize("even_odd, first, second", list(itertools.product((False, True), repeat=3)))
def test_default8_finds_each_of_the_eight_orders(even_odd, first, second):
    N = 16
    P = np.eye(N)
    for size in (4, 8, 16):  # the innermost level is nearest to the butterfly
        level = np.eye(size)
        if even_odd:
            level = level[np.r_[0:size:2, 1:size:2]]
        half = size // 2
        reversal = np.eye(half)[::-1]
        sides = np.zeros((size, size))
        sides[:half, :half] = reversal if first else np.eye(half)
        sides[half:, half:] = reversal if second else np.eye(half)
        P = P @ np.kron(np.eye(N // size), sides @ level)
    A = random_butterfly(butterfly_architecture(N, N), np.random.default_rng(0)) @ P
    assert butterfly_factorization(A, permutation="default8").converged
    assert butterfly_factorization(A).converged == (not even_odd)  # reversals alone keep the supports


def test_the_dft_is_among_the_default8():
    assert butterfly_factorization(scipy.fft.fft(np.eye(32)), permutation="default8").converged


def shuffled(A, rng):
    return A[rng.permutation(len(A))][:, rng.permutation(len(A))]


def signed(A, rng):
    return rng.choice([-1, 1], (len(A), 1)) * A * rng.choice([-1, 1], len(A))


AUTO = [32, 64, 256, *(pytest.param(N, marks=pytest.mark.slow) for N in (128, 512, 1024))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("N", AUTO)
def test_auto_unshuffles_hadamard_and_dft(N, seed):
    rng, J = np.random.default_rng(seed), N.bit_length() - 1
    F = scipy.fft.fft(np.eye(N))
    for A in (signed(shuffled(hadamard(N) / np.sqrt(N), rng), rng), F, shuffled(F, rng)):
        result = butterfly_factorization(A, permutation="auto")
        assert relative_error(A, result) <= 1e-12 * N / 32
        assert result.converged
        assert result.operator.n_factors == J
        assert [csr.nnz for csr in result.operator.factors_as("csr")] == [2 * N] * J
        for csr in result.operator.factors_as("csr"):
            assert (np.diff(csr.indptr) == 2).all()
            assert (np.diff(csr.tocsc().indptr) == 2).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("N", [2, 4, 8, 32, 256, pytest.param(512, marks=pytest.mark.slow)])
def test_auto_unshuffles_random_butterflies(N, seed):
    rng = np.random.default_rng(seed)
    for kind in "dD":
        A = shuffled(random_butterfly(butterfly_architecture(N, N), rng, kind), rng)
        assert relative_error(A, butterfly_factorization(A, permutation="auto")) <= 1e-12


@pytest.mark.parametrize("N, clean_error", [(32, 5e-3), (512, 2e-3)])
@pytest.mark.parametrize("seed", range(5))
def test_auto_removes_most_of_the_noise(N, clean_error, seed):
    rng = np.random.default_rng(seed)
    for A in (
        signed(shuffled(hadamard(N) / np.sqrt(N), rng), rng),
        shuffled(scipy.fft.fft(np.eye(N), norm="ortho"), rng),
    ):
        E = rng.standard_normal((N, N))
        noisy = A + 1e-2 * np.linalg.norm(A) / np.linalg.norm(E) * E
        result = butterfly_factorization(noisy, permutation="auto")
        assert result.relative_error <= 1.01e-2
        assert relative_error(A, result) <= clean_error
        assert not result.converged


def test_auto_gives_blocks_an_order_of_their_own_where_they_have_one():
    # two butterflies with different shuffles under one first factor: no common permutation of the rows
    rng, half = np.random.default_rng(0), butterfly_architecture(16, 16)
    first = random_butterfly([(1, 2, 2, 16)], rng)
    blocks = np.zeros((32, 32))
    blocks[:16, :16], blocks[16:, 16:] = (shuffled(random_butterfly(half, rng), rng) for _ in range(2))
    result = butterfly_factorization(first @ blocks, permutation="auto")
    assert relative_error(first @ blocks, result) <= 1e-12
    assert result.operator.nnz == 2 * 32 * 5


def test_auto_on_a_matrix_that_is_no_butterfly_says_so():
    A = np.random.default_rng(0).standard_normal((64, 64))
    result = butterfly_factorization(A, permutation="auto")
    assert not result.converged
    assert abs(result.relative_error - relative_error(A, result)) <= 1e-12
    assert result.relative_error < 1


def test_auto_in_single_precision():
    rng = np.random.default_rng(0)
    A = signed(shuffled(hadamard(64) / 8, rng), rng).astype(np.float32)
    result = butterfly_factorization(A, permutation="auto")
    assert result.operator.dtype == np.float32
    assert result.converged


# Bad input


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"tree": "random"}, ValueError, "tree must be 'balanced' or 'left-to-right', got 'random'"),
        ({"permutation": [0, 1, 2, 2, 4, 5, 6, 7]}, ValueError, "permutation must hold each of 0 … 7 once"),
        ({"permutation": np.arange(7)}, ValueError, "permutation must hold each of 0 … 7 once"),
        ({"permutation": np.arange(8.0)}, TypeError, "permutation must be an array of ints"),
        ({"permutation": "bitrevs"}, ValueError, "permutation must be None, 'bitrev'"),
        ({"permutation": "auto", "rank": 2}, ValueError, "must come without architecture"),
        ({"rank": 0}, ValueError, "rank must be at least 1"),
        ({"n_factors": 4}, ValueError, "n_factors must be between 1 and 3"),
        ({"architecture": []}, TypeError, "architecture must be a non-empty list"),
        ({"architecture": [(1, 2, 2)]}, TypeError, "architecture must hold tuples"),
        ({"architecture": [(1, 2, 2, 4), (2, 2, 2, 1)]}, ValueError, "architecture must chain"),
        ({"architecture": [(1, 2, 2, 2), (2, 2, 2, 1)]}, ValueError, "architecture must be one of 8 × 8, got 4 × 4"),
        ({"architecture": [(1, 8, 8, 1)], "rank": 2}, ValueError, "architecture must come without"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        butterfly_factorization(np.eye(8), **options)


def test_bad_matrices():
    with pytest.raises(ValueError, match="square matrix of order 2.J, got 12 × 12; the nearest order is 8 or 16"):
        butterfly_factorization(np.eye(12), permutation="auto")
    with pytest.raises(ValueError, match="square matrix of order 2.J, got 8 × 16"):
        butterfly_factorization(np.ones((8, 16)), permutation="auto")
    with pytest.raises(ValueError, match="A.*NaN"):
        butterfly_factorization(np.full((8, 8), np.nan))
    with pytest.raises(ValueError, match="infinity"):
        butterfly_factorization(np.full((8, 8), np.inf))
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        butterfly_factorization(np.ones((8, 1)))
    with pytest.raises(TypeError, match="A must be a dense array"):
        import scipy.sparse as sp

        butterfly_factorization(sp.eye_array(8))
    with pytest.raises(ValueError, match="A must have 2 dimensions"):
        butterfly_factorization(np.ones(8))
