"""Two factors with fixed supports: the optimum where it is tractable, no worse than restarts where it is not."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sparsela.transforms import fixed_support_factorization


def disjoint_supports(rng, m=30, n=40, n_groups=5):
    """Random disjoint blocks, not all of one size, their inner indices in random order."""
    row_cuts = np.split(rng.permutation(m), np.sort(rng.choice(np.arange(2, m - 2, 3), n_groups, replace=False)))
    column_cuts = np.split(rng.permutation(n), np.sort(rng.choice(np.arange(2, n - 2, 3), n_groups, replace=False)))
    blocks, inner = [], []
    for g in range(n_groups):
        blocks.append((row_cuts[g], column_cuts[rng.integers(n_groups + 1)], int(rng.integers(1, 4))))
        inner += [g] * blocks[-1][2]
    inner = rng.permutation(inner)
    left, right = np.zeros((m, len(inner)), bool), np.zeros((len(inner), n), bool)
    for i, g in enumerate(inner):
        left[blocks[g][0], i], right[i, blocks[g][1]] = True, True
    return left, right, blocks


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("complex_too", [False, True])
def test_disjoint_blocks_reach_the_global_optimum(seed, complex_too):
    rng = np.random.default_rng(seed)
    left, right, blocks = disjoint_supports(rng)
    A = rng.standard_normal((30, 40)) + (1j * rng.standard_normal((30, 40)) if complex_too else 0)
    optimum, outside = 0.0, A.copy()
    for rows, columns, rank in blocks:
        block = np.ix_(rows, columns)
        optimum += (np.linalg.svd(A[block], compute_uv=False)[rank:] ** 2).sum()
        outside[block] = 0
    optimum += np.linalg.norm(outside) ** 2
    result = fixed_support_factorization(A, left, right)
    assert abs(np.linalg.norm(A - result.operator.toarray()) ** 2 - optimum) <= 1e-12 * optimum
    assert abs(result.residual_norm**2 - optimum) <= 1e-12 * optimum
    assert (result.n_iter, result.converged) == (0, True)
    X, Y = result.operator.factors_as("dense")
    assert not X[~left].any()
    assert not Y[~right].any()


def alternate_from(A, left, right, X, sweeps):
    """Plain alternating least squares, a row and a column at a time."""
    m, n = A.shape
    Y = np.zeros(right.shape)
    for _ in range(sweeps):
        for j in range(n):
            Y[right[:, j], j] = np.linalg.lstsq(X[:, right[:, j]], A[:, j], rcond=None)[0]
        for i in range(m):
            X[i, left[i]] = np.linalg.lstsq(Y[left[i]].T, A[i], rcond=None)[0]
    return np.linalg.norm(A - X @ Y)


def overlapping_problem(seed):
    rng = np.random.default_rng(seed)
    left, right = rng.random((16, 5)) < 0.5, rng.random((5, 16)) < 0.5
    left[:, ~left.any(axis=0)] = right[~right.any(axis=1)] = True
    planted = (left * rng.standard_normal(left.shape)) @ (right * rng.standard_normal(right.shape))
    return planted + 0.3 * rng.standard_normal(planted.shape), left, right, rng


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # some have no minimum to settle at
def test_overlapping_supports_are_no_worse_than_twenty_restarts():
    wins = 0
    for seed in range(10):
        A, left, right, rng = overlapping_problem(seed)
        result = fixed_support_factorization(A, left, right, max_iter=2000)
        restarts = [alternate_from(A, left, right, left * rng.standard_normal(left.shape), 100) for _ in range(20)]
        wins += result.residual_norm <= min(restarts) * (1 + 1e-3)
    assert wins >= 9


def test_overlapping_supports_settle_where_no_factor_alone_can_be_improved():
    A, left, right, _ = overlapping_problem(0)
    result = fixed_support_factorization(A, left, right, max_iter=5000)
    X, Y = result.operator.factors_as("dense")
    assert result.converged
    assert result.n_iter > 0
    E = X @ Y - A
    for gradient, support, start in ((E @ Y.T, left, A @ Y.T), (X.T @ E, right, X.T @ A)):
        assert np.abs(gradient[support]).max() <= 1e-3 * np.abs(start).max()
    assert not X[~left].any()
    assert not Y[~right].any()


def test_sweeps_that_end_too_early_warn_and_keep_the_best():
    A, left, right, _ = overlapping_problem(1)
    with pytest.warns(ConvergenceWarning, match="did not settle in max_iter=1"):
        one = fixed_support_factorization(A, left, right, max_iter=1)
    more = fixed_support_factorization(A, left, right, max_iter=5000)
    assert more.residual_norm <= one.residual_norm
    assert not one.converged


def test_sparse_supports_integers_and_indices_that_reach_nothing():
    left = sp.csr_array(np.array([[1, 0, 0], [1, 0, 1]]))  # the middle index reaches no row
    right = np.array([[2, 2], [1, 0], [0, 0]])  # and the last no column
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    before = A.copy()
    result = fixed_support_factorization(A, left, right)
    assert abs(result.residual_norm - np.linalg.svd(A, compute_uv=False)[1]) <= 1e-14
    assert np.array_equal(A, before)


def test_more_inner_indices_than_the_block_has_rank():
    A = np.random.default_rng(0).standard_normal((3, 5))
    assert fixed_support_factorization(A, np.ones((3, 7)), np.ones((7, 5))).residual_norm <= 1e-14


@pytest.mark.parametrize(
    "left, right, options, error, words",
    [
        (np.ones((3, 2)), np.ones((3, 4)), {}, ValueError, r"must have shapes \(3, k\) and \(k, 4\)"),
        (np.ones((4, 2)), np.ones((2, 4)), {}, ValueError, "must have shapes"),
        (np.zeros((3, 2)), np.ones((2, 4)), {}, ValueError, "left_support must not be empty"),
        (np.ones(3), np.ones((2, 4)), {}, ValueError, "left_support must have 2 dimensions"),
        (np.full((3, 2), "a"), np.ones((2, 4)), {}, TypeError, "left_support must be of booleans or numbers"),
        (np.ones((3, 2)), np.ones((2, 4)), {"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        (np.ones((3, 2)), np.ones((2, 4)), {"tol": -1.0}, ValueError, "tol must be finite and non-negative"),
    ],
)
def test_bad_input(left, right, options, error, words):
    with pytest.raises(error, match=words):
        fixed_support_factorization(np.ones((3, 4)), left, right, **options)


def test_bad_matrix():
    with pytest.raises(ValueError, match="A contains NaN"):
        fixed_support_factorization(np.full((3, 4), np.nan), np.ones((3, 1)), np.ones((1, 4)))
