import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparsela._core.prox import hard_threshold_rows, top_k
from sparsela._ext import topk


def reference(A, k):
    """By a stable sort on descending magnitude, NaN as infinity."""
    sizes = np.where(np.isnan(A), np.inf, np.abs(A))
    order = np.stack([np.lexsort((np.arange(len(row)), -row)) for row in sizes]) if len(A) else np.empty(A.shape, int)
    return np.sort(order[:, :k], axis=1)


def kernel(A, k, n_threads=1):
    indices, values = np.full((len(A), k), -1, np.int64), np.full((len(A), k), 99, A.dtype)
    topk.topk(A, indices, values, n_threads)
    return indices, values


KINDS = {
    "plain": lambda rng, shape: rng.standard_normal(shape),
    "ties": lambda rng, shape: rng.integers(-3, 4, shape),
    "sparse": lambda rng, shape: rng.standard_normal(shape) * (rng.random(shape) < 0.05),
    "constant": lambda rng, shape: np.full(shape, -2.5),
    "zero": lambda rng, shape: np.zeros(shape),
    "ascending": lambda rng, shape: np.sort(rng.standard_normal(shape), axis=1),
    "periodic": lambda rng, shape: np.where(np.arange(shape[1]) % 64 == 0, rng.random(shape) + 1, rng.random(shape)),
    "denormal": lambda rng, shape: rng.integers(-9, 9, shape) * 5e-324,
    "denormal32": lambda rng, shape: rng.integers(-9, 9, shape) * 1e-45,
    "huge": lambda rng, shape: rng.choice([3e38, -3e38, 1e-38, np.inf, -np.inf], shape),
    "nan": lambda rng, shape: rng.choice([np.nan, 1.0, -np.inf, 0.0], shape),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 4), n=st.integers(1, 700), seed=st.integers(0, 2**20), data=st.data())
def test_kernel_is_the_sort(kind, dtype, rows, n, seed, data):
    A = KINDS[kind](np.random.default_rng(seed), (rows, n)).astype(dtype)
    k = data.draw(st.one_of(st.integers(0, n), st.integers(0, min(n, 12)), st.just(n)))
    indices, values = kernel(A, k, data.draw(st.integers(1, 3)))
    want = reference(A, k)
    np.testing.assert_array_equal(indices, want)
    np.testing.assert_array_equal(values, np.take_along_axis(A, want, axis=1))


@settings(max_examples=100, deadline=None)
@given(A=hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=80)), data=st.data())
def test_kernel_on_anything(A, data):
    k = data.draw(st.integers(0, A.shape[1]))
    np.testing.assert_array_equal(kernel(A, k)[0], reference(A, k))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 7, 300, 20_000, 90_000, 200_000])
def test_one_long_row(dtype, k):
    a = np.random.default_rng(k).standard_normal(200_003).astype(dtype)
    a[::3] = a[0]  # a third of it ties
    np.testing.assert_array_equal(top_k(a, k), reference(a[None], k)[0])


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_builds_give_the_same_answers(width):
    if os.environ.get("SPARSELA_SIMD_WIDTH"):
        pytest.skip("this is the inner run")
    env = {**os.environ, "SPARSELA_SIMD_WIDTH": str(width)}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_by_modulus_without_overflow(dtype):
    big, tiny = (1e30, 1e-30) if dtype is np.complex64 else (1e200, 1e-200)
    assert top_k(np.array([3, 4j, 3 + 3j, -1], dtype) * dtype(big), 2).tolist() == [1, 2]
    assert top_k(np.array([3, 4j, 3 + 3j, -1], dtype) * dtype(tiny), 2).tolist() == [1, 2]
    z = np.array([[3, 4j, 3 + 3j, -1]], dtype)
    kept = hard_threshold_rows(z, 2)
    assert kept.dtype == dtype and kept.tolist() == [[0, 4j, 3 + 3j, 0]]


def test_rows_threads_shapes_and_types():
    A = np.random.default_rng(0).standard_normal((700, 130))
    for n_jobs in (1, 2):
        assert (top_k(A, 9, n_jobs=n_jobs) == reference(A, 9)).all()
    kept = hard_threshold_rows(np.asfortranarray(A), 9)
    assert (np.count_nonzero(kept, axis=1) == 9).all() and ((kept == A) | (kept == 0)).all()
    assert hard_threshold_rows(A[0].astype(np.float32), 9).dtype == np.float32
    assert hard_threshold_rows([3, -5, 2], 1).tolist() == [0.0, -5.0, 0.0]
    assert top_k(A, 0).shape == (700, 0) and top_k(A[0], 0).shape == (0,)
    assert top_k(np.zeros((0, 5)), 2).shape == (0, 2)
    assert not hard_threshold_rows(A[0], 0).any()


def test_bad_input():
    with pytest.raises(ValueError, match="k must be between 0 and 3, got 4"):
        top_k(np.ones(3), 4)
    with pytest.raises(TypeError, match="k must be an int, got float"):
        hard_threshold_rows(np.ones(3), 1.0)
    with pytest.raises(ValueError, match="z must have 1 or 2 dimensions, got shape"):
        top_k(np.ones((2, 2, 2)), 1)
    with pytest.raises(TypeError, match="z must be an array of numbers"):
        top_k(["a"], 1)
