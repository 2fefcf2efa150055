"""Comparing dictionaries: against the full matrix of cosines and every permutation, block by block, with bad input."""

import itertools
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsela.dictionary import _compare, match_atoms, mutual_coherence, recovery_distance, recovery_rate


def cosines(A, B):
    A, B = (D / np.linalg.norm(D, axis=1, keepdims=True) for D in (A, B))
    return np.abs(A @ B.T)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("K", [4, 6])
def test_matching_is_the_best_of_all_assignments(seed, K):
    rng = np.random.RandomState(seed)
    D_true, D = rng.randn(4, 3), rng.randn(K, 3)
    C = cosines(D_true, D)
    best = max(C[range(4), list(p)].sum() for p in itertools.permutations(range(K), 4))
    permutation, signs, found = match_atoms(D_true, D)
    assert_allclose(found.sum(), best, rtol=1e-12)
    assert_allclose(found, C[range(4), permutation], rtol=1e-12)
    assert (signs * np.einsum("ij,ij->i", D_true, D[permutation]) > 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shuffled_signed_scaled_atoms_are_found_again(dtype):
    rng = np.random.RandomState(0)
    D_true = rng.randn(40, 12).astype(dtype)
    order, flip = rng.permutation(40), rng.choice([-1, 1], 40)
    D = (D_true * flip[:, None] * rng.uniform(0.1, 9, (40, 1)))[order].astype(dtype)
    permutation, signs, found = match_atoms(D_true, D)
    assert_array_equal(order[permutation], np.arange(40))
    assert_array_equal(signs, flip)
    assert_allclose(found, 1, atol=1e-12 if dtype == np.float64 else 1e-6)
    assert recovery_rate(D_true, D) == 1
    assert 0 <= recovery_distance(D_true, D) < (1e-14 if dtype == np.float64 else 1e-6)


def test_fewer_learned_atoms_than_true_ones():
    permutation, signs, found = match_atoms(np.eye(4), -np.eye(4)[[2, 0]])
    assert_array_equal(permutation, [1, -1, 0, -1])
    assert_array_equal(signs, [-1, 0, -1, 0])
    assert_array_equal(found, [1, 0, 1, 0])


def test_one_learned_atom_may_stand_for_two():
    """The measures of the papers need no assignment: the nearest atom counts, whoever else it is near to."""
    a = np.array([[1.0, 0.0], [1.0, 1e-3]])
    assert recovery_rate(a, a[:1]) == 1
    assert match_atoms(a, a[:1])[0].tolist().count(-1) == 1


@pytest.mark.parametrize("block", [1, 50, 333, 1 << 21])
def test_any_block_gives_the_measures_of_the_full_matrix(monkeypatch, block):
    monkeypatch.setattr(_compare, "BLOCK", block)
    rng = np.random.RandomState(1)
    D_true, D = rng.randn(23, 7), rng.randn(31, 7)
    best = cosines(D_true, D).max(axis=1)
    assert_allclose(recovery_distance(D_true, D), np.mean(1 - best), rtol=1e-12)
    for threshold in (0.05, 0.2):
        assert recovery_rate(D_true, D, threshold=threshold) == np.mean(1 - best < threshold)
    G = cosines(D, D)
    assert_allclose(mutual_coherence(D), G[~np.eye(31, dtype=bool)].max(), rtol=1e-12)


def test_threshold_is_the_one_of_the_paper():
    near, far = np.arccos(1 - 0.0099), np.arccos(1 - 0.0101)
    D = [[np.cos(near), np.sin(near)]]
    assert recovery_rate([[1.0, 0.0]], D) == 1
    assert recovery_rate([[1.0, 0.0]], [[np.cos(far), np.sin(far)]]) == 0


def test_coherence():
    assert mutual_coherence(np.eye(5)) == 0
    assert mutual_coherence([[3.0, 4.0]]) == 0
    assert mutual_coherence([[3.0, 4.0], [1e200, 0.0], [-3e-200, -4e-200]]) == 1
    H = np.vstack([np.eye(4), [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]])  # integers, norm 2
    assert mutual_coherence(H) == 0.5


def test_cosines_of_many_atoms_are_never_all_held():
    """8,000 atoms: all cosines would be 512 MB."""
    D = np.random.RandomState(0).randn(8000, 4)
    tracemalloc.start()
    mutual_coherence(D)
    recovery_distance(D, D)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def test_input_is_not_changed():
    D = np.random.RandomState(0).randn(6, 4)
    kept = D.copy()
    match_atoms(D, D), recovery_rate(D, D), recovery_distance(D, D), mutual_coherence(D)
    assert_array_equal(D, kept)


@pytest.mark.parametrize("compare", [match_atoms, recovery_rate, recovery_distance])
@pytest.mark.parametrize(
    ("D_true", "D", "message"),
    [
        (np.eye(3), np.eye(4), "D_true has atoms of 3 features and D of 4"),
        (np.diag([1.0, 0, 1]), np.eye(3), r"D_true must have no zero atom; row 1 is zero \(1 in all\)"),
        (np.eye(3), np.diag([1.0, 0, 0]), r"D must have no zero atom; row 1 is zero \(2 in all\)"),
        (np.eye(3) * np.nan, np.eye(3), "D_true contains NaN"),
        (np.eye(3), np.full((2, 3), np.inf), "D contains infinity"),
        (np.eye(3), np.ones(3), "1D array"),
        (np.empty((0, 3)), np.eye(3), "0 sample"),
    ],
)
def test_bad_pairs(compare, D_true, D, message):
    with pytest.raises(ValueError, match=message):
        compare(D_true, D)


def test_bad_dictionary_and_threshold():
    with pytest.raises(ValueError, match="D must have no zero atom; row 0"):
        mutual_coherence(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="threshold must be finite and positive, got 0"):
        recovery_rate(np.eye(2), np.eye(2), threshold=0)
    with pytest.raises(TypeError, match="threshold must be a real number"):
        recovery_rate(np.eye(2), np.eye(2), threshold="a tenth")
