"""The kernels of butterflies against a few lines of NumPy: leading vectors of slices, halves of columns, matchings."""

import itertools

import numpy as np
import pytest

from sparsela._ext import pairing, rank_one
from sparsela.transforms._permutation_search import search_permutations
from sparsela.transforms._slices import best_rank


def slices_with(spectrum, k1, k2, dtype, rng):
    T = rng.standard_normal((40, k1, k2))
    if np.dtype(dtype).kind == "c":
        T = T + 1j * rng.standard_normal(T.shape)
    if spectrum is not None:
        U, _, V = np.linalg.svd(T, full_matrices=False)
        T = (U * spectrum[: min(k1, k2)]) @ V
    T[3] = 0
    return T.astype(dtype)


SPECTRA = {
    "gaussian": None,
    "rank one": np.eye(40)[0],
    "rank two": np.r_[1, 0.5, np.zeros(38)],
    "noisy": np.r_[1, np.full(39, 0.01)],
    "equal": np.ones(40),
    "falling": 10.0 ** (-3 * np.arange(40)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("k1, k2", [(1, 5), (5, 1), (2, 8), (8, 3), (32, 32), (7, 40)])
@pytest.mark.parametrize("name", SPECTRA)
def test_best_rank_misses_the_tail_of_the_spectrum(name, k1, k2, dtype):
    T = slices_with(SPECTRA[name], k1, k2, dtype, np.random.default_rng(0))
    s = np.linalg.svd(T.astype(np.result_type(dtype, np.float64)), compute_uv=False)
    for rank in range(1, min(3, k1, k2) + 1):
        U, V = best_rank(T, rank)
        assert U.dtype == V.dtype == dtype
        assert U.shape == (40, k1, rank)
        error, tail = np.linalg.norm(T - U @ V, axis=(1, 2)), np.sqrt((s[:, rank:] ** 2).sum(axis=1))
        assert (error - tail).max() <= 20 * np.finfo(dtype).eps * max(1, s.max())


def test_power_iteration_knows_when_it_does_not():
    T = np.zeros((3, 6, 6))
    T[0, 0, 0], T[0, 2:4, 2:4] = 3, 2  # stops at once at the singular value 3: the other block has 4
    T[1] = np.eye(6)
    T[2] = np.outer(np.arange(6), np.ones(6))
    u, settled = np.empty((3, 6)), np.empty(3, bool)
    rank_one.leading(T, u, settled, 1e-15, 12)
    assert settled.tolist() == [False, False, True]
    assert np.abs(np.abs(u[2]) - np.arange(6) / np.sqrt(55)).max() <= 1e-15


@pytest.mark.parametrize("complex_too", [False, True])
def test_halves_are_the_clusters_of_the_ratios(complex_too):
    rng = np.random.default_rng(0)
    for _ in range(50):
        n, side = 16, np.empty(16, bool)
        truth = rng.permutation(np.repeat([False, True], 8))
        ratios = rng.standard_normal(2) + (1j * rng.standard_normal(2) if complex_too else 0)
        x = rng.standard_normal(n) + (1j * rng.standard_normal(n) if complex_too else 0)
        missed = pairing.halve(x, x * ratios[truth.astype(int)], side)
        assert missed <= 1e-14 * np.linalg.norm(x) ** 2 * (1 + np.abs(ratios).max() ** 2)
        assert np.array_equal(side, truth) or np.array_equal(side, ~truth)


def test_what_halves_miss_is_the_smaller_eigenvalue_of_their_gram_matrices():
    rng = np.random.default_rng(1)
    for _ in range(20):
        x, y = rng.standard_normal((2, 12)) + 1j * rng.standard_normal((2, 12))
        side = np.empty(12, bool)
        missed = pairing.halve(x, y, side)
        assert side.sum() == 6
        grams = (np.stack([x[half], y[half]]) for half in (side, ~side))
        assert abs(missed - sum(np.linalg.svd(pair, compute_uv=False)[1] ** 2 for pair in grams)) <= 1e-12


def test_halves_of_zero_rows_and_ties_are_equal():
    side = np.empty(8, bool)
    assert pairing.halve(np.zeros(8), np.zeros(8), side) == 0
    assert side.sum() == 4
    pairing.halve(np.ones(8), np.ones(8), side)
    assert side.sum() == 4


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_matching_takes_the_largest_entry_that_is_free(levels):
    rng = np.random.default_rng(levels)
    for _ in range(50):
        G = rng.integers(0, levels, (12, 12)) / levels
        G = np.maximum(G, G.T)
        pairs, free, twin = np.empty((6, 2), int), set(range(12)), set()
        pairing.greedy_matching(G, pairs)
        while free:
            i, j = max(itertools.combinations(sorted(free), 2), key=lambda ij: (G[ij], -ij[0], -ij[1]))
            twin.add((i, j))
            free -= {i, j}
        assert sorted(pairs.ravel()) == list(range(12))
        if levels == 1000:
            assert {tuple(pair) for pair in pairs} == twin
        assert abs(max(G[i, j] for i, j in pairs) - max(G[i, j] for i, j in twin)) == 0


def test_search_survives_matrices_without_structure():
    for A in (np.zeros((8, 8)), np.ones((8, 8)), np.eye(8), np.triu(np.ones((8, 8)))):
        found = search_permutations(A)
        assert sorted(found.columns) == list(range(8))
        assert all(sorted(order) == list(range(order.size)) for level in found.orders for order in level)
        assert all(np.isfinite(values).all() for values in found.values)
