"""Monarch matrices: the nearest one is known slice by slice, and the operator is two batches of small products."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from sparsela._core.adjoint import assert_adjoint
from sparsela.transforms import FactorizedOperator, MonarchOperator, monarch_project


def tail(A, k, q, rank):
    """Σ of the squared singular values beyond the rank, over all slices, one slice at a time."""
    l, p = A.shape[0] // q, A.shape[1] // k
    T, total = A.reshape(l, q, k, p), 0.0
    for j in range(q):
        for h in range(k):
            total += (np.linalg.svd(T[:, j, h, :], compute_uv=False)[rank:] ** 2).sum()
    return total


def twin(left, right):
    """Entry by entry from the definition."""
    (q, l, kr), (k, _, p) = left.shape, right.shape
    r = kr // k
    return np.einsum("jihr,hjrc->ijhc", left.reshape(q, l, k, r), right.reshape(k, q, r, p)).reshape(l * q, k * p)


def random_monarch(k, q, l, p, r, rng):
    return MonarchOperator(rng.standard_normal((q, l, k * r)), rng.standard_normal((k, q * r, p)))


SHAPES = [tuple(np.random.default_rng(seed).integers(2, 9, 4)) for seed in range(20)]


@pytest.mark.parametrize("k, q, l, p", SHAPES)
def test_projection_is_the_global_optimum(k, q, l, p):
    rng = np.random.default_rng(k + 10 * q + 100 * l)
    A = rng.standard_normal((l * q, k * p))
    for B in (A, A + 1j * rng.standard_normal(A.shape)):
        for rank in range(1, min(l, p) + 1):
            M = monarch_project(B, n_blocks=(int(k), int(q)), rank=rank)
            error, optimum = np.linalg.norm(B - M.toarray()) ** 2, tail(B, k, q, rank)
            assert abs(error - optimum) <= 1e-12 * max(optimum, 1e-12 * np.linalg.norm(B) ** 2)
            assert M.nnz == rank * k * q * (l + p)
            assert (M.n_blocks, M.rank, M.dtype) == ((k, q), rank, B.dtype)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_planted_monarch_matrix_is_recovered(rank):
    A = random_monarch(4, 5, 6, 7, rank, np.random.default_rng(0)).toarray()
    M = monarch_project(A, n_blocks=(4, 5), rank=rank)
    assert np.linalg.norm(A - M.toarray()) <= 1e-12 * np.linalg.norm(A)


@pytest.mark.parametrize("N, k, p", [(64, 8, 8), (144, 12, 12), (1000, 25, 40)])
def test_the_dft_is_a_monarch_matrix_in_one_orientation(N, k, p):
    F = np.fft.fft(np.eye(N), norm="ortho")[:, np.arange(N).reshape(p, k).T.ravel()]
    M = monarch_project(F, n_blocks=(k, p))
    assert np.linalg.norm(F - M.toarray()) <= 1e-12
    assert M.nnz == N * (k + p)
    if k != p:
        wrong = monarch_project(F, n_blocks=(k, k))
        assert np.linalg.norm(F - wrong.toarray()) > 25  # of √1000 = 31.6: nothing is left of it


def test_operator_multiplies_as_defined():
    rng = np.random.default_rng(0)
    for k, q, l, p, r in [(2, 3, 4, 5, 1), (3, 2, 5, 4, 2), (4, 4, 4, 4, 3), (1, 1, 3, 2, 2)]:
        M = random_monarch(k, q, l, p, r, rng)
        dense = twin(M.left, M.right)
        assert M.left.shape == (q, l, k * r)
        assert M.right.shape == (k, q * r, p)
        for X in (
            rng.standard_normal(k * p),
            rng.standard_normal((k * p, 7)),
            rng.standard_normal((2 * k * p, 9))[::2],
        ):
            assert np.abs(M @ X - dense @ X).max() <= 1e-12
            assert np.abs(M @ (X - 2j * X[::-1]) - dense @ (X - 2j * X[::-1])).max() <= 1e-12
        assert np.abs(M.toarray() - dense).max() <= 1e-12
        assert np.abs(M.T.toarray() - dense.T).max() <= 1e-12
        assert type(M.T) is FactorizedOperator
        assert_adjoint(M)


def test_default_blocks_are_the_divisors_nearest_to_the_root():
    M = monarch_project(np.ones((36, 1000)))
    assert M.n_blocks == (25, 6)
    assert monarch_project(np.ones((64, 64))).nnz == 2 * 64 * 8


def test_single_precision_stays():
    A = np.random.default_rng(0).standard_normal((16, 36)).astype(np.float32)
    M = monarch_project(A, rank=2)
    assert M.dtype == np.float32
    assert abs(np.linalg.norm(A - M.toarray()) ** 2 - tail(A, 6, 4, 2)) <= 1e-4 * tail(A, 6, 4, 2)


@pytest.mark.parametrize("rank", [1, 2])
def test_zero_weak_and_huge_slices(rank):
    A = np.zeros((16, 16))
    assert np.array_equal(monarch_project(A, rank=rank).toarray(), A)
    A[:4, :4] = np.diag([1.0, 1e-9, 1e-10, 0])
    for scale in (1e-150, 1.0, 1e150):
        M = monarch_project(A * scale, rank=rank)
        optimum = np.sqrt(tail(A, 4, 4, rank))
        assert abs(np.linalg.norm(A - M.toarray() / scale) - optimum) <= 1e-15


def test_a_slice_whose_longest_column_is_no_leading_vector():
    # power iteration from the column of length 3 would stay there: the other block has the singular value 4
    A = np.zeros((6, 6))
    A[0, 0], A[2::2, 1:3] = 3, 2
    M = monarch_project(A, n_blocks=(2, 2))
    assert abs(np.linalg.norm(A - M.toarray()) - np.sqrt(tail(A, 2, 2, 1))) <= 1e-14


def test_saved_and_pickled(tmp_path):
    M = random_monarch(2, 3, 4, 5, 2, np.random.default_rng(0))
    M.save(tmp_path / "m.npz")
    for again in (MonarchOperator.load(tmp_path / "m.npz"), pickle.loads(pickle.dumps(M))):
        assert type(again) is MonarchOperator
        assert again.n_blocks == M.n_blocks
        assert np.array_equal(again.right, M.right)
        assert np.array_equal(again.toarray(), M.toarray())
    FactorizedOperator([np.eye(3)]).save(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="must be a Monarch matrix"):
        MonarchOperator.load(tmp_path / "other.npz")


def test_the_truncated_svd_wins_on_a_photograph_and_rank_helps():
    A = load_sample_image("china.jpg").mean(axis=2)[:256, :256]
    errors, s = [], np.linalg.svd(A, compute_uv=False)
    for rank in (1, 2, 4, 8):
        M = monarch_project(A, rank=rank)
        errors.append(np.linalg.norm(A - M.toarray()))
        assert np.sqrt((s[M.nnz // 512 :] ** 2).sum()) < errors[-1]  # a truncated SVD of as many numbers
    assert all(b < a for a, b in zip(errors, errors[1:], strict=False))


@pytest.mark.parametrize(
    "A, options, error, words",
    [
        (np.ones((7, 8)), {}, ValueError, "composite number of rows to be cut in blocks, got 7: append"),
        (np.ones((8, 5)), {}, ValueError, "composite number of columns"),
        (np.ones((8, 8)), {"n_blocks": (3, 4)}, ValueError, r"n_blocks must divide \(n, m\) = \(8, 8\), got \(3, 4\)"),
        (np.ones((8, 8)), {"n_blocks": 4}, TypeError, "n_blocks must be a pair"),
        (np.ones((8, 8)), {"n_blocks": (4, 2.0)}, TypeError, "n_blocks must be an int"),
        (np.ones((16, 16)), {"rank": 5}, ValueError, "rank must be between 1 and 4, got 5"),
        (np.full((4, 4), np.nan), {}, ValueError, "A contains NaN"),
        (np.ones(4), {}, ValueError, "A must have 2 dimensions"),
    ],
)
def test_bad_input(A, options, error, words):
    with pytest.raises(error, match=words):
        monarch_project(A, **options)


def test_bad_blocks():
    with pytest.raises(ValueError, match="left and right must have shapes"):
        MonarchOperator(np.ones((2, 3)), np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="with one r"):
        MonarchOperator(np.ones((2, 3, 4)), np.ones((4, 4, 5)))
    with pytest.raises(ValueError, match="NaN"):
        MonarchOperator(np.full((2, 3, 4), np.nan), np.ones((4, 2, 5)))
