"""How many weights each layer gets, and where: exact counts, uniform draws, nothing of the dense size."""

import tracemalloc

import numpy as np
import pytest

from sparsela.nn import (
    allocate_weights,
    balanced_density,
    erk_density,
    iso_flop_width,
    random_topology,
    uniform_density,
    widen_for_sparsity,
)
from sparsela.nn._topology import draw_free, keys_of

SIZES = (3072, 1024, 512, 10)
RULES = (uniform_density, erk_density, balanced_density)


@pytest.mark.parametrize(
    ("density", "want"),
    [(0.1, (0.0838, 0.1885, 1)), (0.05, (0.0413, 0.0929, 1)), (0.01, (0.0078, 0.0175, 0.6089))],
)
def test_known_densities_of_erdos_renyi(density, want):
    np.testing.assert_allclose(erk_density(SIZES, density), want, atol=5e-5)


def test_one_epsilon_for_all_layers_that_are_not_dense():
    sizes = np.array(SIZES)
    for density in (0.3, 0.1, 0.01):
        p = erk_density(SIZES, density)
        per_unit = p * sizes[:-1] * sizes[1:] / (sizes[:-1] + sizes[1:])
        assert np.ptp(per_unit[p < 1]) < 1e-9 * per_unit.max()
    np.testing.assert_allclose(erk_density(SIZES, 0.2, power=0), uniform_density(SIZES, 0.2), rtol=1e-12)
    assert np.all(erk_density(SIZES, 1.0) == 1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sizes", [SIZES, (784, 1000, 1000, 10), (3, 2), (5, 1, 7), (64, 300, 10)])
@pytest.mark.parametrize("density", [0.003, 0.01, 0.037, 0.1, 1 / 3, 0.5, 0.999, 1])
def test_counts_are_exact(rule, sizes, density):
    N = np.multiply(sizes[:-1], sizes[1:])
    total = round(density * N.sum())
    p = rule(sizes, density)
    assert np.all((p > 0) & (p <= 1))
    assert p @ N == pytest.approx(density * N.sum())
    if total < N.size:
        with pytest.raises(ValueError, match="leaves a layer without a weight"):
            allocate_weights(sizes, p, density)
        return
    counts = allocate_weights(sizes, p, density)
    assert counts.sum() == total
    assert np.all((counts >= 1) & (counts <= N))
    assert np.all(np.abs(counts - p * N) <= 1 + 1e-6)


def test_remainders_go_to_the_largest_ties_to_the_earlier():
    assert allocate_weights((1, 3, 1), [0.5, 0.5], 0.5).tolist() == [2, 1]
    assert allocate_weights((10, 10, 10), [0.017, 0.013], 0.015).tolist() == [2, 1]


def test_balanced_layers_are_equal_or_full():
    assert balanced_density((100, 50, 10), 0.2) @ [5000, 500] == pytest.approx(1100)
    p = balanced_density(SIZES, 0.01) * np.multiply(SIZES[:-1], SIZES[1:])
    assert p[0] == pytest.approx(p[1])
    assert p[2] == 5120


def test_a_dense_last_layer_takes_from_the_others():
    p = uniform_density(SIZES, 0.1, dense_last=True)
    N = np.multiply(SIZES[:-1], SIZES[1:])
    assert p[-1] == 1
    assert p[0] == p[1]
    assert p @ N == pytest.approx(0.1 * N.sum())
    with pytest.raises(ValueError, match="leaves no weight beside a dense last layer"):
        uniform_density((10, 10, 1000), 0.01, dense_last=True)


@pytest.mark.parametrize("kind", ["uniform", "constant_fan_in", "small_world"])
@pytest.mark.parametrize(("shape", "nnz"), [((1, 1), 1), ((7, 5), 35), ((7, 5), 14), ((50, 300), 1500), ((9, 40), 333)])
def test_supports_are_sound(kind, shape, nnz):
    for seed in range(5):
        indptr, indices = random_topology(shape, nnz, kind=kind, random_state=seed)
        assert indptr.dtype == indices.dtype == np.int32
        assert indptr[0] == 0
        assert indptr[-1] == indices.size
        assert np.all(np.diff(keys_of(indptr, indices, shape[1])) > 0)
        assert indices.min() >= 0
        assert indices.max() < shape[1]
        if kind == "constant_fan_in":
            assert np.unique(np.diff(indptr)).tolist() == [round(nnz / shape[0])]
        else:
            assert indices.size == nnz
        again = random_topology(shape, nnz, kind=kind, random_state=seed)
        assert np.array_equal(indices, again[1])


@pytest.mark.parametrize("nnz", [6, 12, 20])  # by draws, and by what is left out
@pytest.mark.parametrize("kind", ["uniform", "constant_fan_in"])
def test_every_position_is_as_likely(kind, nnz):
    """Chi-square over 24 places and 4000 seeds: above 75 with probability below 1e-6 (23 degrees of freedom)."""
    hits, n = np.zeros(24), 4000
    for seed in range(n):
        indptr, indices = random_topology((4, 6), nnz, kind=kind, random_state=seed)
        hits[keys_of(indptr, indices, 6)] += 1
    expected = n * hits.sum() / n / 24
    assert np.sum((hits - expected) ** 2) / expected < 75


def test_a_small_world_is_mostly_near():
    indptr, indices = random_topology((200, 400), 4000, kind="small_world", random_state=0)
    rows = np.repeat(np.arange(200), np.diff(indptr))
    away = np.abs(indices - 2 * rows)
    away = np.minimum(away, 400 - away)
    assert 0.85 < np.mean(away <= 12) < 0.97


def test_free_places_alone_are_drawn():
    for taken_size, n in ((10, 5), (90, 5), (10, 80), (0, 100), (50, 50)):
        taken = np.sort(np.random.default_rng(0).permutation(100)[:taken_size])
        drawn = draw_free(taken, n, 100, 3)
        assert drawn.size == np.unique(drawn).size == n
        assert np.intersect1d(drawn, taken).size == 0


def test_nothing_of_the_dense_size():
    tracemalloc.start()
    try:
        random_topology((100_000, 100_000), 50_000, random_state=0)  # 10¹⁰ places
        random_topology((100_000, 100_000), 200_000, kind="constant_fan_in", random_state=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200e6


def test_widths():
    assert widen_for_sparsity(100, 1.0) == 100
    assert widen_for_sparsity(100, 0.01) == int(np.ceil(100 / -np.log(0.99)))
    assert iso_flop_width(100, 0.01) == 1000
    assert abs(0.25 * iso_flop_width(777, 0.25) ** 2 / 777**2 - 1) < 0.01


def test_bad_input_is_refused():
    for density in (0, -0.1, 1.1, np.nan, "half", True):
        with pytest.raises(ValueError, match=r"density must be a number in \(0, 1\]"):
            erk_density(SIZES, density)
    for sizes in ((5,), 5, (5, 0), (5, 2.5)):
        with pytest.raises(ValueError, match="layer_sizes must be at least two"):
            uniform_density(sizes, 0.5)
    with pytest.raises(ValueError, match="power"):
        erk_density(SIZES, 0.1, power=-1)
    with pytest.raises(ValueError, match="densities must be 3 numbers"):
        allocate_weights(SIZES, [0.1, 0.1], 0.1)
    with pytest.raises(ValueError, match="densities make"):
        allocate_weights(SIZES, [0.1, 0.1, 0.1], 0.5)
    with pytest.raises(ValueError, match="nnz"):
        random_topology((3, 4), 13)
    with pytest.raises(ValueError, match="kind"):
        random_topology((3, 4), 3, kind="block")
    with pytest.raises(ValueError, match="shape"):
        random_topology((2**31, 4), 3)
