"""Pruning: exact counts, the tie rule, and that a threshold over all layers beats one a layer."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsela.nn import prune, prune_n_m

RNG = np.random.default_rng(0)


def kept_by_sort(W, count):
    """Reference: the `count` largest magnitudes in row order, ties to the first."""
    order = np.argsort(-np.abs(W).ravel(), kind="stable")[:count]
    out = np.zeros(W.size, W.dtype)
    out[order] = W.ravel()[order]
    return out.reshape(W.shape)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.floats(0.05, 1.0))
def test_layers_equal_a_stable_sort(seed, rows, columns, density):
    rng = np.random.default_rng(seed)
    W = rng.integers(-3, 4, (rows, columns)) * rng.choice([0.5, 1.0])
    count = round(density * W.size)
    if count == 0:
        with pytest.raises(ValueError, match="at least one weight"):
            prune([W], density, scope="layer")
        return
    found = prune([W], density, scope="layer")[0]
    assert (found.toarray() == kept_by_sort(W, count)).all()
    assert found.nnz == min(count, np.count_nonzero(W))


def test_global_ties_go_to_the_earlier_layer_then_to_the_earlier_weight():
    coefs = [np.array([[1.0, -1.0]]), np.array([[1.0], [2.0]])]
    first, second = prune(coefs, 0.5)
    assert first.toarray().tolist() == [[1.0, 0.0]]
    assert second.toarray().tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize("density", [0.013, 0.1, 0.37, 1.0])
@pytest.mark.parametrize("wrap", [np.asarray, sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_global_count_is_exact(density, wrap):
    layers = [RNG.standard_normal((40, 30)), 0.1 * RNG.standard_normal((30, 7)).astype(np.float32)]
    found = prune([wrap(W) for W in layers], density)
    assert sum(W.nnz for W in found) == round(density * sum(W.size for W in layers))
    assert [W.dtype for W in found] == [np.float64, np.float32]
    threshold = min(np.abs(W.data).min(initial=np.inf) for W in found)
    assert all(np.abs(W - V.toarray()).max() <= threshold for W, V in zip(layers, found, strict=True))


def test_rows_keep_equal_numbers_and_inputs_do_not_change():
    W = sp.random_array((50, 64), density=0.5, rng=RNG, format="csr")
    before = W.copy()
    found = prune([W], 0.1, scope="row")[0]
    assert (np.diff(found.indptr) == np.minimum(6, np.diff(W.indptr))).all()
    assert (before != W).nnz == 0
    dense = W.toarray()
    assert (found.toarray() == np.stack([kept_by_sort(row, 6) for row in dense])).all()


def test_excluded_layers_stay_and_do_not_count():
    layers = [RNG.standard_normal((20, 20)), RNG.standard_normal((20, 5))]
    found = prune(layers, 0.2, exclude=[-1])
    assert [W.nnz for W in found] == [80, 100]
    assert (found[1].toarray() == layers[1]).all()


def test_random_is_a_function_of_the_seed_and_of_the_place():
    layers = [RNG.standard_normal((30, 20))]
    once, again, other = (prune(layers, 0.3, method="random", random_state=s)[0] for s in (1, 1, 2))
    assert (once != again).nnz == 0
    assert (once != other).nnz > 0
    assert once.nnz == 180
    assert np.abs(once.data).min() < np.abs(prune(layers, 0.3)[0].data).min()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 13), st.integers(1, 5), st.data())
def test_n_of_every_m(seed, rows, columns, m, data):
    n = data.draw(st.integers(1, m))
    W = np.random.default_rng(seed).integers(-4, 5, (rows, columns)).astype(float)
    wanted = np.zeros_like(W)
    for start in range(0, columns, m):
        group = W[:, start : start + m]
        count = n if group.shape[1] == m else -(-n * group.shape[1] // m)
        wanted[:, start : start + m] = np.stack([kept_by_sort(row, count) for row in group])
    assert (prune_n_m(W, n, m).toarray() == wanted).all()
    assert (prune_n_m(W.T, n, m, axis=0).toarray() == wanted.T).all()
    assert (prune_n_m(sp.csc_array(W), n, m).toarray() == wanted).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_the_tiles_that_would_lose_most_stay_dense(axis):
    W = RNG.standard_normal((16, 24))
    W[:8, 8:16] *= 10
    sides = (8, 8)
    found = prune_n_m(W, 2, 4, axis=axis, tiles=sides, dense_fraction=1 / 6).toarray()
    assert (found[:8, 8:16] == W[:8, 8:16]).all()
    assert np.count_nonzero(found) == 64 + 5 * 32


def test_global_beats_one_threshold_a_layer_on_digits():
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X / 16, y, train_size=0.7, random_state=0, stratify=y)
    scores = {"global": 0.0, "layer": 0.0}
    for seed in range(3):
        net = MLPClassifier((100, 50), random_state=seed, max_iter=60, tol=0).set_params(n_iter_no_change=1000)
        with pytest.warns(UserWarning, match="Maximum iterations"):
            net.fit(train, y_train)
        dense = net.coefs_
        for scope in scores:
            net.coefs_ = [W.toarray() for W in prune(dense, 0.1, scope=scope)]
            scores[scope] += net.score(test, y_test) / 3
    assert scores["global"] > scores["layer"] + 0.02


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: prune(np.eye(3), 0.5), TypeError, "sequence of matrices"),
        (lambda: prune([], 0.5), ValueError, "at least one layer"),
        (lambda: prune([np.ones(3)], 0.5), ValueError, "2-D"),
        (lambda: prune([np.zeros((0, 3))], 0.5), ValueError, "not empty"),
        (lambda: prune([np.array([[np.nan]])], 0.5), ValueError, "coefs\\[0\\]"),
        (lambda: prune([np.eye(2) * 1j], 0.5), TypeError, "real"),
        (lambda: prune([np.eye(3)], 0), ValueError, "density"),
        (lambda: prune([np.eye(3)], 1.5), ValueError, "density"),
        (lambda: prune([np.eye(3)], "a"), ValueError, "density"),
        (lambda: prune([np.eye(3)], 0.01), ValueError, "at least one weight"),
        (lambda: prune([np.eye(3)], 0.5, scope="net"), ValueError, "scope"),
        (lambda: prune([np.eye(3)], 0.5, method="l2"), ValueError, "method"),
        (lambda: prune([np.eye(3)], 0.5, exclude=[1]), ValueError, "exclude"),
        (lambda: prune([np.eye(3)], 0.5, exclude=[0]), ValueError, "leave a layer"),
        (lambda: prune_n_m(np.eye(3), 3, 2), ValueError, "at most m"),
        (lambda: prune_n_m(np.eye(3), 1.5, 2), TypeError, "n must"),
        (lambda: prune_n_m(np.eye(3), 1, 2, axis=2), ValueError, "axis"),
        (lambda: prune_n_m(np.eye(4), 1, 2, tiles=(2, 2)), ValueError, "go together"),
        (lambda: prune_n_m(np.eye(4), 1, 2, tiles=(2, 3), dense_fraction=0.5), ValueError, "multiple of m"),
        (lambda: prune_n_m(np.eye(4), 1, 2, tiles=(2, 2), dense_fraction=1.0), ValueError, "dense_fraction"),
        (lambda: prune_n_m(np.full((2, 2), np.inf), 1, 2), ValueError, "W "),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
