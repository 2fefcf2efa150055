import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsela._ext import cholesky

TOL = {np.float64: 1e-11, np.float32: 2e-3}


def gram(n, dtype, seed):
    M = np.random.default_rng(seed).standard_normal((n + 8, n))
    return (M.T @ M).astype(dtype)


def factor(G, order, room):
    """The factor of G[order, order] by appending one element after another, in memory full of NaN."""
    L = np.full((room, room), np.nan, G.dtype)
    for n, j in enumerate(order):
        pivot = cholesky.append(L, n, np.ascontiguousarray(G[order[:n], j]), G[j, j])
        assert pivot > 0
        np.testing.assert_allclose(L[n, n] ** 2, pivot, rtol=4 * np.finfo(G.dtype).eps)
    return L


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 90), seed=st.integers(0, 999), data=st.data())
def test_append_delete_append_is_the_factor_of_what_is_left(dtype, n, seed, data):
    G = gram(n, dtype, seed)
    order = list(range(n))
    L = factor(G, order, n + 3)
    for _ in range(data.draw(st.integers(0, min(n, 4)))):
        p = data.draw(st.integers(0, len(order) - 1))
        cholesky.delete(L, len(order), p)
        gone = order.pop(p)
        if data.draw(st.booleans()):
            assert cholesky.append(L, len(order), np.ascontiguousarray(G[order, gone]), G[gone, gone]) > 0
            order.append(gone)
    m = len(order)
    if m:
        want = np.linalg.cholesky(G[np.ix_(order, order)].astype(float))
        np.testing.assert_allclose(np.tril(L[:m, :m]), want, atol=TOL[dtype] * np.abs(want).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 16, 17, 33, 100])
def test_solves_are_lapacks(dtype, n):
    G = gram(n, dtype, n)
    L = factor(G, list(range(n)), n)
    T = np.tril(L).astype(float)
    b = np.random.default_rng(1).standard_normal(n).astype(dtype)
    for forward, backward, want in [
        (True, True, scipy.linalg.cho_solve((T, True), b)),
        (True, False, scipy.linalg.solve_triangular(T, b, lower=True)),
        (False, True, scipy.linalg.solve_triangular(T, b, lower=True, trans=1)),
    ]:
        x = b.copy()
        cholesky.solve(L, n, x, forward, backward)
        np.testing.assert_allclose(x, want, atol=TOL[dtype] * np.abs(want).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_element_in_the_span_is_refused_and_the_factor_stands(dtype):
    D = np.random.default_rng(0).standard_normal((30, 6)).astype(dtype)
    D = np.column_stack([D, D[:, 2], D[:, :6] @ np.arange(6, dtype=dtype)])
    G = D.T @ D
    L = factor(G, list(range(6)), 7)
    before = np.tril(L[:6, :6])
    limit = 1e-10 if dtype is np.float64 else 1e-5
    for j in (6, 7):
        assert cholesky.append(L, 6, np.ascontiguousarray(G[:6, j]), G[j, j], limit * float(G[j, j])) == 0
        np.testing.assert_array_equal(np.tril(L[:6, :6]), before)
    assert cholesky.append(L, 6, np.full(6, np.nan, dtype), 1.0) == 0
    assert cholesky.append(L, 0, np.zeros(0, dtype), 0.0) == 0


def test_many_deletions_keep_a_well_conditioned_factor_accurate():
    n = 300
    G = gram(n, np.float64, 5)
    order = list(range(n))
    L = factor(G, order, n)
    rng = np.random.default_rng(0)
    while len(order) > 100:
        p = int(rng.integers(len(order)))
        cholesky.delete(L, len(order), p)
        del order[p]
    want = np.linalg.cholesky(G[np.ix_(order, order)])
    np.testing.assert_allclose(np.tril(L[:100, :100]), want, atol=1e-10)


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_builds_give_the_same_answers(width):
    if os.environ.get("SPARSELA_SIMD_WIDTH"):
        pytest.skip("this is the inner run")
    env = {**os.environ, "SPARSELA_SIMD_WIDTH": str(width)}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
