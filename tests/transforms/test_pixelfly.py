"""Flat block butterfly patterns, and fits of a sparse part plus a part of low rank."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.adjoint import assert_adjoint
from sparsela.transforms import flat_block_butterfly_mask, pixelfly_fit, pixelfly_regression

# The pattern


@pytest.mark.parametrize("n_factors", [0, 1, 2, 3])
def test_pattern_is_the_xor_rule(n_factors):
    mask = flat_block_butterfly_mask(32, 32, block_size=4, n_factors=n_factors)
    cells = mask.toarray()[::4, ::4]
    distances = {0} | {2**i for i in range(n_factors)}
    assert cells.sum() == 8 * (1 + n_factors)
    assert all(cells[p, q] == (p ^ q in distances) for p in range(8) for q in range(8))
    assert np.array_equal(mask.toarray(), np.kron(cells, np.ones((4, 4), bool)))
    assert (mask.format, mask.dtype, mask.blocksize) == ("bsr", bool, (4, 4))


def test_pattern_is_the_union_of_the_supports_of_block_butterfly_factors():
    b, side = 16, 2
    union = np.eye(b, dtype=bool)
    for i in range(4):
        union |= np.kron(np.eye(b >> (i + 1)), np.kron(np.ones((2, 2)), np.eye(1 << i))) > 0
    mask = flat_block_butterfly_mask(b * side, b * side, block_size=side)
    assert np.array_equal(mask.toarray(), np.kron(union, np.ones((side, side))) > 0)


@pytest.mark.parametrize("m, n", [(48, 16), (16, 48), (40, 24), (36, 20), (64, 16)])
def test_a_stretched_pattern_keeps_every_block_that_a_cell_touches(m, n):
    side = 4
    b = 1 << (min(m, n) // side).bit_length() - 1
    mask = flat_block_butterfly_mask(m, n, block_size=side, n_factors=1).toarray()
    fine = np.zeros((m * b, n * b), bool)  # on a grid fine enough for both
    for p in range(b):
        for q in (p, p ^ 1):
            fine[p * m : (p + 1) * m, q * n : (q + 1) * n] = True
    blocks = fine.reshape(m // side, side * b, n // side, side * b).any(axis=(1, 3))
    assert np.array_equal(mask, np.kron(blocks, np.ones((side, side))) > 0)


def test_global_blocks_fill_rows_and_columns():
    mask = flat_block_butterfly_mask(64, 32, block_size=8, butterfly_size=2, n_factors=0, n_global=1).toarray()
    assert mask[:8].all()
    assert mask[:, :8].all()
    assert not mask[32:, 8:16].any()


@pytest.mark.parametrize(
    "m, n, options, error, words",
    [
        (30, 32, {"block_size": 8}, ValueError, "m must be a multiple of block_size=8, got 30"),
        (32, 30, {"block_size": 8}, ValueError, "n must be a multiple of block_size=8, got 30"),
        (16, 16, {}, ValueError, "m must be a multiple of block_size=32, got 16"),
        (32, 32, {"block_size": 8, "butterfly_size": 3}, ValueError, "butterfly_size must be a power of two"),
        (32, 32, {"block_size": 8, "butterfly_size": 8}, ValueError, "at most min.m, n. / block_size = 4, got 8"),
        (32, 32, {"block_size": 8, "n_factors": 3}, ValueError, "n_factors must be between 0 and 2, got 3"),
        (32, 32, {"block_size": 8, "n_global": 5}, ValueError, "n_global must be between 0 and 4, got 5"),
        (0, 32, {}, ValueError, "m must be at least 1"),
        (32, 32, {"block_size": 8.0}, TypeError, "block_size must be an int"),
    ],
)
def test_bad_patterns(m, n, options, error, words):
    with pytest.raises(error, match=words):
        flat_block_butterfly_mask(m, n, **options)


# The fit


@pytest.fixture(scope="module")
def kernel():
    """RBF kernel of 512 digits, neighbours in the order of a dendrogram beside each other."""
    distances = pdist(load_digits().data[:512] / 16)
    order = leaves_list(linkage(distances, "average"))
    return np.exp(-(squareform(distances)[np.ix_(order, order)] ** 2) / 2)


def truncated_error(A, rank):
    s = np.linalg.svd(A, compute_uv=False)
    return np.sqrt((s[rank:] ** 2).sum()) / np.linalg.norm(A)


@pytest.mark.parametrize(
    "density, rank, bar, svd_rank, svd_error", [(0.1, 17, 0.21, 25, 0.44), (0.2, 43, 0.115, 51, 0.34)]
)
def test_both_parts_beat_each_alone_on_a_kernel_matrix(kernel, density, rank, bar, svd_rank, svd_error):
    result = pixelfly_fit(kernel, block_size=8, n_factors=1, density=density)
    assert result.converged
    assert result.low_rank.shape == kernel.shape
    assert result.low_rank.factors[0].shape[1] == rank
    assert result.operator.nnz <= density * kernel.size
    assert result.relative_error <= bar
    assert (
        abs(np.linalg.norm(kernel - result.operator.toarray()) / np.linalg.norm(kernel) - result.relative_error) < 1e-12
    )
    assert svd_rank == int(density * 512 / 2)
    assert abs(truncated_error(kernel, svd_rank) - svd_error) < 0.005


def test_a_mask_alone_is_worse_on_a_kernel_matrix(kernel):
    mask = flat_block_butterfly_mask(512, 512, block_size=16, n_factors=2).toarray()
    assert 0.09 < mask.mean() < 0.1
    assert abs(np.linalg.norm(kernel * ~mask) / np.linalg.norm(kernel) - 0.48) < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_objective_never_grows_and_is_the_error(seed):
    A = np.random.default_rng(seed).standard_normal((48, 64))
    result = pixelfly_fit(A, block_size=8, rank=5, n_factors=1, return_history=True, max_iter=500)
    course = result.history["objective"]
    assert (np.diff(course) <= 1e-12 * course[0]).all()
    assert len(course) == result.n_iter
    assert abs(course[-1] - result.residual_norm**2) <= 1e-10 * course[-1]
    mask = flat_block_butterfly_mask(48, 64, block_size=8, n_factors=1).toarray()
    assert np.abs((A - result.operator.toarray())[mask]).max() <= 1e-12  # B is the best there is for this U Vᴴ
    assert np.linalg.matrix_rank(result.low_rank.toarray()) == 5


def test_the_fit_is_near_that_of_plain_alternation_with_lapack():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((64, 6)) @ rng.standard_normal((6, 64)) + 0.3 * rng.standard_normal((64, 64))
    mask = flat_block_butterfly_mask(64, 64, block_size=8, n_factors=1).toarray()
    L = np.zeros_like(A)
    for _ in range(100):
        U, s, V = np.linalg.svd(np.where(mask, L, A), full_matrices=False)
        L = (U[:, :6] * s[:6]) @ V[:6]
    twin = np.linalg.norm((A - L)[~mask])
    assert pixelfly_fit(A, block_size=8, n_factors=1, rank=6, tol=1e-10, max_iter=2000).residual_norm <= twin * (
        1 + 1e-6
    )


@pytest.mark.parametrize("rank", [1, 2, 4])
@pytest.mark.parametrize("complex_too", [False, True])
def test_planted_parts_are_recovered(rank, complex_too):
    rng = np.random.default_rng(rank)

    def normal(*shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_too else 0)

    mask = flat_block_butterfly_mask(256, 256, block_size=8, n_factors=2)
    B, L = mask.toarray() * normal(256, 256), normal(256, rank) @ normal(rank, 256)
    result = pixelfly_fit(B + L, block_size=8, n_factors=2, rank=rank)
    assert result.relative_error <= 1e-6
    assert np.linalg.norm(result.low_rank.toarray() - L) <= 1e-6 * np.linalg.norm(L)
    assert np.linalg.norm(result.sparse.toarray() - B) <= 1e-5 * np.linalg.norm(B)
    assert result.converged


def test_density_alone_gives_a_quarter_to_the_part_of_low_rank():
    A = np.random.default_rng(0).standard_normal((512, 512))
    result = pixelfly_fit(A, block_size=8, density=0.2, tol=1e-2)
    rank = result.low_rank.factors[0].shape[1]
    assert rank % 8 == 0
    assert 0.15 <= rank * 1024 / (0.2 * 512**2) <= 0.35
    assert 0.1 * 512**2 <= result.operator.nnz <= 0.2 * 512**2


def test_the_operator_is_one():
    A = np.random.default_rng(0).standard_normal((24, 40)).astype(np.float32)
    result = pixelfly_fit(A, block_size=8, n_factors=1, rank=3, tol=1e-3)
    dense, X = result.operator.toarray(), np.random.default_rng(1).standard_normal((40, 3)).astype(np.float32)
    assert result.operator.dtype == dense.dtype == np.float32
    assert np.abs(result.sparse.toarray() + result.low_rank.toarray() - dense).max() <= 1e-5
    assert np.abs(result.operator @ X - dense @ X).max() <= 1e-4
    assert_adjoint(pixelfly_fit(A.astype(float), block_size=8, n_factors=1, rank=3, tol=1e-3).operator)


def test_callback_stops_and_max_iter_warns():
    A = np.random.default_rng(0).standard_normal((64, 64))
    result = pixelfly_fit(A, block_size=8, rank=4, callback=lambda state: state.n_iter == 2)
    assert (result.n_iter, result.converged) == (2, False)
    with pytest.warns(ConvergenceWarning, match="pixelfly_fit did not settle in max_iter=2"):
        pixelfly_fit(A, block_size=8, rank=4, max_iter=2)


def test_a_zero_matrix():
    result = pixelfly_fit(np.zeros((32, 32)), block_size=8, rank=2)
    assert result.converged is True
    assert result.relative_error == 0


def test_input_is_left_alone():
    A = np.random.default_rng(0).standard_normal((32, 32))
    before = A.copy()
    pixelfly_fit(A, block_size=8, rank=2, tol=1e-2)
    assert np.array_equal(A, before)


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({}, ValueError, "give either rank or density, got rank=None and density=None"),
        ({"rank": 2, "density": 0.1}, ValueError, "give either rank or density"),
        ({"rank": 0}, ValueError, "rank must be between 1 and 64, got 0"),
        ({"density": 0.01}, ValueError, "density must leave room"),
        ({"density": 0.05, "n_factors": 2}, ValueError, "density must leave room"),
        ({"density": 1.0}, ValueError, "density must be below 1"),
        ({"density": -0.1}, ValueError, "density must be finite and positive"),
        ({"rank": 2, "max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"rank": 2, "block_size": 48}, ValueError, "must be a multiple of block_size=48"),
        ({"rank": 2, "callback": 3}, TypeError, "callback must be a callable"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        pixelfly_fit(np.ones((64, 64)), **({"block_size": 8} | options))


# The regression


def planted(seed, n_samples=120, n_features=32, n_targets=40, rank=2, noise=0.0):
    rng = np.random.default_rng(seed)
    mask = flat_block_butterfly_mask(n_features, n_targets, block_size=8, n_factors=1)
    low_rank = rng.standard_normal((n_features, rank)) @ rng.standard_normal((rank, n_targets))
    W = mask.toarray() * rng.standard_normal((n_features, n_targets)) + low_rank
    X = rng.standard_normal((n_samples, n_features))
    return X, X @ W + noise * rng.standard_normal((n_samples, n_targets)), mask, W


def test_planted_weights_are_recovered():
    X, Y, mask, W = planted(0)
    result = pixelfly_regression(X, Y, mask, 2, max_iter=2000, tol=1e-12)
    assert np.linalg.norm(result.operator.toarray() - W) <= 1e-6 * np.linalg.norm(W)
    assert result.sparse.format == "bsr"


@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize("n_samples", [120, 20])
def test_regression_objective_never_grows_and_each_part_is_optimal(alpha, n_samples):
    X, Y, mask, _ = planted(1, n_samples=n_samples, noise=1.0)
    result = pixelfly_regression(
        X, Y, mask, 3, alpha=alpha, return_history=True, tol=1e-11 if n_samples > 32 else 1e-6, max_iter=5000
    )
    course, W = result.history["objective"], result.operator.toarray()
    assert (np.diff(course) <= 1e-12 * np.linalg.norm(Y) ** 2).all()
    assert abs(np.linalg.norm(X @ W - Y) - result.residual_norm) <= 1e-10
    objective = np.linalg.norm(X @ W - Y) ** 2 + alpha * np.linalg.norm(W) ** 2
    assert abs(objective - course[-1]) <= 1e-9 * np.linalg.norm(Y) ** 2
    gradient = X.T @ (X @ W - Y) + alpha * W
    assert np.abs(gradient[mask.toarray()]).max() <= 1e-2 * np.abs(X.T @ Y).max() * (1 if n_samples < 32 else 0.1)


def test_regression_with_the_identity_is_the_fit():
    A = np.random.default_rng(0).standard_normal((64, 64))
    mask = flat_block_butterfly_mask(64, 64, block_size=8, n_factors=2)
    fit = pixelfly_fit(A, block_size=8, n_factors=2, rank=4, max_iter=2000)
    regression = pixelfly_regression(np.eye(64), A, mask, 4, max_iter=2000)
    assert abs(fit.residual_norm**2 - regression.residual_norm**2) <= 1e-6 * fit.residual_norm**2


def test_regression_beats_a_mask_or_low_rank_alone():
    X, Y, mask, _ = planted(2, noise=0.5)
    both = pixelfly_regression(X, Y, mask, 2, tol=1e-4).residual_norm
    dense = mask.toarray()
    W = np.zeros(dense.shape)
    for j in range(W.shape[1]):
        W[dense[:, j], j] = np.linalg.lstsq(X[:, dense[:, j]], Y[:, j], rcond=None)[0]
    assert both < 0.5 * np.linalg.norm(X @ W - Y)
    fitted = X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    _, _, V = np.linalg.svd(fitted)
    assert both < 0.5 * np.linalg.norm(fitted @ V[:10].T @ V[:10] - Y)  # rank 10: as many numbers


def test_regression_takes_dense_masks_and_empty_columns_and_dependent_features():
    X, Y, mask, _ = planted(3)
    X = np.column_stack([X[:, :31], X[:, 0]])  # two equal features
    dense = mask.toarray().copy()
    dense[:, 5] = False
    result = pixelfly_regression(X, Y, dense, 2, tol=1e-3)
    assert result.sparse.format == "csr"
    assert not result.sparse.toarray()[~dense].any()
    assert np.isfinite(result.operator.toarray()).all()


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"Y": np.ones((7, 8))}, ValueError, "X and Y must have as many rows, got 10 and 7"),
        ({"mask": np.ones((8, 9))}, ValueError, r"mask must have shape \(n_features, n_targets\) = \(8, 8\)"),
        ({"mask": np.zeros((8, 8))}, ValueError, "mask must have a non-zero entry"),
        ({"rank": 9}, ValueError, "rank must be between 1 and 8"),
        ({"alpha": -1.0}, ValueError, "alpha must be finite and non-negative"),
        ({"X": np.zeros((10, 8))}, ValueError, "X must not be zero where alpha is 0"),
        ({"X": np.full((10, 8), np.nan)}, ValueError, "X contains NaN"),
        ({"X": sp.eye_array(10)}, TypeError, "X must be a dense array"),
        ({"X": np.ones((10, 8)) * 1j}, TypeError, "X must be real"),
    ],
)
def test_bad_regressions(change, error, words):
    arguments = {"X": np.eye(10)[:, :8], "Y": np.ones((10, 8)), "mask": np.eye(8), "rank": 1} | change
    with pytest.raises(error, match=words):
        pixelfly_regression(**arguments)
