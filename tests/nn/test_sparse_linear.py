"""The sparse layer: gradients against differences, memory, changes of support; the condensed form against it."""

import os
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import sparsela
from sparsela.nn import CondensedLinear, SparseLinear, available_backends, sddmm, spmm

BACKENDS = available_backends()


def central_differences(f, x, h=1e-4):
    """Richardson's: the error is O(h⁴)."""
    g = np.empty(x.size)
    flat = x.reshape(-1)
    for i in range(x.size):
        kept, values = flat[i], []
        for step in (h, -h, h / 2, -h / 2):
            flat[i] = kept + step
            values.append(f())
        flat[i] = kept
        g[i] = (4 * (values[2] - values[3]) / h - (values[0] - values[1]) / (2 * h)) / 3
    return g.reshape(x.shape)


@pytest.mark.parametrize("seed", range(20))
def test_gradients_are_those_of_central_differences(seed):
    rng = np.random.default_rng(seed)
    n_in, n_out, B = rng.integers(1, 12), rng.integers(1, 9), rng.integers(1, 20)
    layer = SparseLinear(n_in, n_out, density=rng.uniform(0.1, 1), dtype=np.float64, random_state=seed)
    layer.bias[:] = rng.standard_normal(n_out)
    X, target = rng.standard_normal((n_in, B)), rng.standard_normal((n_out, B))

    def loss():
        return np.sum(np.tanh(layer.forward(X)) * target)

    Z = layer.forward(X)
    dX, g, db = layer.backward(target * (1 - np.tanh(Z) ** 2))
    for got, variable in ((dX, X), (g, layer.data), (db, layer.bias)):
        want = central_differences(loss, variable)
        assert np.abs(got - want).max() <= 1e-7 * max(1, np.abs(want).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_layer_is_its_matrix(backend):
    rng = np.random.default_rng(0)
    layer = SparseLinear(301, 203, density=0.05, dtype=np.float64, backend=backend, random_state=1)
    layer.bias[:] = rng.standard_normal(203)
    X, dZ, W = rng.standard_normal((301, 37)), rng.standard_normal((203, 37)), layer.to_dense()
    Z = layer.forward(X, out=np.empty((203, 37)))
    dX, g, db = layer.backward(dZ)
    np.testing.assert_allclose(Z, W @ X + layer.bias[:, None], rtol=0, atol=1e-12)
    np.testing.assert_allclose(dX, W.T @ dZ, rtol=0, atol=1e-12)
    np.testing.assert_allclose(g, (dZ @ X.T)[layer.weight.nonzero()], rtol=0, atol=1e-11)
    np.testing.assert_allclose(db, dZ.sum(axis=1), rtol=0, atol=1e-12)
    assert np.dot(layer.data, g) == pytest.approx(np.sum(dZ * (W @ X)), rel=1e-12)  # no gradient on a wrong support can
    assert layer.backward(dZ, need_input_grad=False)[0] is None


def test_no_bias_no_gradient_of_it():
    layer = SparseLinear(5, 3, bias=False, density=0.5, random_state=0)
    X = np.ones((5, 2), np.float32)
    np.testing.assert_allclose(layer.forward(X), layer.to_dense() @ X, rtol=1e-6)
    assert layer.backward(np.ones((3, 2), np.float32))[2] is None


def test_the_weight_shares_memory_and_values_in_place_are_seen():
    for backend in BACKENDS:
        layer = SparseLinear(20, 10, density=0.3, dtype=np.float64, backend=backend, random_state=0)
        X = np.ones((20, 4))
        before = layer.forward(X)
        layer.weight.data *= 2
        np.testing.assert_allclose(layer.forward(X), 2 * before, rtol=1e-14)
        dX = layer.backward(np.ones((10, 4)))[0]
        np.testing.assert_allclose(dX, layer.to_dense().T @ np.ones((10, 4)), rtol=1e-13)


def test_a_frozen_layer_cannot_go_stale():
    layer = SparseLinear(20, 10, density=0.3, random_state=0).freeze()
    with pytest.raises(ValueError, match="read-only"):
        layer.data[0] = 1
    with pytest.raises(ValueError, match="frozen"):
        layer.set_support(layer.indptr, layer.indices)
    assert layer.forward(np.ones((20, 4), np.float32)).shape == (10, 4)


def test_nothing_of_the_dense_size_is_allocated():
    n, B = 20_000, 16  # dense: 1.6 GB
    X = np.ones((n, B), np.float32)
    tracemalloc.start()
    try:
        layer = SparseLinear(n, n, density=1e-4, random_state=0)
        Z = layer.forward(X)
        layer.backward(Z)
        layer.set_support(layer.indptr, layer.indices)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert layer.nnz == 40_000
    assert peak < 16e6


def test_surviving_positions_keep_values_and_velocities():
    layer = SparseLinear(30, 20, density=0.2, dtype=np.float64, random_state=0)
    layer.state = (np.arange(layer.nnz, dtype=np.float64) + 1,)
    old, velocity = layer.to_dense(), sp.csr_array((layer.state[0], layer.indices, layer.indptr), (20, 30)).toarray()
    other = SparseLinear(30, 20, density=0.3, random_state=1)
    layer.set_support(other.indptr, other.indices)
    mask = other.to_dense() != 0
    assert np.array_equal(layer.to_dense(), np.where(mask, old, 0))
    moved = sp.csr_array((layer.state[0], layer.indices, layer.indptr), (20, 30)).toarray()
    assert np.array_equal(moved, np.where(mask, velocity, 0))
    X = np.random.default_rng(0).standard_normal((30, 7))
    layer.forward(X)
    dX = layer.backward(np.ones((20, 7)))[0]  # the columns are those of the new support
    np.testing.assert_allclose(dX, layer.to_dense().T @ np.ones((20, 7)), atol=1e-13)
    layer.set_support(other.indptr, other.indices, np.full(other.nnz, 2.0))
    assert np.all(layer.data == 2)


def test_an_exchanged_position_that_was_dropped_starts_as_new():
    layer = SparseLinear.from_dense(np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]))
    layer.state = (np.array([10.0, 20.0, 30.0, 40.0]),)
    layer.exchange(np.array([True, False, True, True]), np.array([1]), 0.5)  # (0, 1) goes and comes back
    assert layer.to_dense().tolist() == [[1, 0.5, 0], [0, 3, 4]]
    assert layer.state[0].tolist() == [10, 0, 30, 40]


def test_one_and_two_threads_make_the_same_bits():
    layer = SparseLinear(2000, 1500, density=0.02, random_state=0)
    X = np.random.default_rng(0).standard_normal((2000, 100)).astype(np.float32)
    answers = []
    for n_jobs in (1, 2):
        with sparsela.config_context(n_jobs=n_jobs):
            Z = layer.forward(X)
            answers.append([Z, *layer.backward(Z)])
    assert all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))


def test_a_layer_survives_pickling():
    layer = SparseLinear(20, 10, density=0.3, random_state=0)
    X = np.ones((20, 3), np.float32)
    assert np.array_equal(pickle.loads(pickle.dumps(layer)).forward(X), layer.forward(X))


def test_first_values_are_those_of_their_fans():
    rows = SparseLinear(4000, 50, density=0.05, random_state=0)
    fan = np.diff(rows.indptr)
    scaled = rows.data * np.repeat(np.sqrt(fan / 6), fan)
    assert np.abs(scaled).max() <= 1
    assert np.mean(scaled**2) == pytest.approx(1 / 3, abs=0.02)  # 10,000 values: six standard deviations
    limits = {"he": np.sqrt(6 / 4000), "xavier": np.sqrt(6 / 4050)}
    for init, limit in limits.items():
        w = SparseLinear(4000, 50, density=0.05, init=init, random_state=0).data
        assert 0.99 * limit < np.abs(w).max() <= limit
    normal = SparseLinear(4000, 50, density=0.05, init="normal", random_state=0).data
    assert normal.std() == pytest.approx(0.1, abs=0.005)


def test_signals_survive_twenty_layers_of_one_percent():
    """Each stored input counts: with the dense fan, what is left after twenty layers is nothing."""
    shrinks = {}
    for init in ("sparse_he", "he"):
        A = np.random.default_rng(0).standard_normal((1000, 64)).astype(np.float64)
        for l in range(20):
            layer = SparseLinear(1000, 1000, density=0.01, init=init, dtype=np.float64, random_state=l)
            A = np.maximum(layer.forward(A), 0)
            if l == 0:
                first = A.std()
        shrinks[init] = first / A.std()
    assert 1 / 3 < shrinks["sparse_he"] < 3
    assert shrinks["he"] > 1e10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_in", [300, 70_000])
@pytest.mark.parametrize("B", [1, 8, 16, 100])
def test_the_condensed_form_is_the_layer(dtype, n_in, B):
    rng = np.random.default_rng(0)
    layer = SparseLinear(n_in, 40, density=20 / n_in, kind="constant_fan_in", dtype=dtype, random_state=0)
    layer.bias[:] = rng.standard_normal(40)
    keep = np.ones(layer.nnz, bool)
    keep[:20] = keep[100:120] = False
    layer.exchange(keep, np.zeros(0, np.int64))  # outputs 0 and 5 lose their inputs
    small = CondensedLinear.from_sparse_linear(layer)
    assert small.indices.dtype == (np.uint16 if n_in <= 65536 else np.uint32)
    assert small.active.tolist() == [i for i in range(40) if i not in (0, 5)]
    X = rng.standard_normal((n_in, B)).astype(dtype)
    np.testing.assert_allclose(small.forward(X), layer.forward(X), rtol=0, atol=1e-6 * 10)
    assert np.array_equal(small.forward(X)[[0, 5]], np.repeat(layer.bias[[0, 5], None], B, axis=1))
    if B == 1:
        assert np.array_equal(small.forward(X[:, 0]), small.forward(X)[:, 0])


def test_bad_layers_are_refused():
    with pytest.raises(ValueError, match="density must be a number in .0, 1"):
        SparseLinear(5, 5, density=0)
    with pytest.raises(ValueError, match="n_in"):
        SparseLinear(2**31, 5)
    with pytest.raises(ValueError, match="kind must be one of"):
        SparseLinear(5, 5, kind="block")
    with pytest.raises(ValueError, match="init must be one of"):
        SparseLinear(5, 5, init="zeros")
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        SparseLinear(5, 5, dtype=np.int64)
    with pytest.raises(ValueError, match="backend"):
        SparseLinear(5, 5, backend="cuda")
    layer = SparseLinear(5, 4, random_state=0)
    with pytest.raises(TypeError, match="X is float64, W is float32"):
        layer.forward(np.ones((5, 2)))
    with pytest.raises(ValueError, match="X must have shape"):
        layer.forward(np.ones((4, 2), np.float32))
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(np.ones((4, 2), np.float32))
    with pytest.raises(TypeError, match="CSR"):
        SparseLinear.from_csr(sp.csc_array(np.eye(3)))
    with pytest.raises(ValueError, match="as many entries or none, got rows of 1 to 2"):
        CondensedLinear.from_csr(sp.csr_array(np.array([[1.0, 1.0], [1.0, 0.0]])))
    with pytest.raises(ValueError, match=r"indices must be in 0 \.\.\. 1, got 0 to 2"):
        CondensedLinear(np.array([[0, 2]]), np.ones((1, 2)), np.array([0]), 2, 1)
    W = sp.csr_array(np.eye(3))
    with pytest.raises(TypeError, match="mixed|dtype"):
        spmm(W, np.ones((3, 2), np.float32))
    with pytest.raises(ValueError, match="shape"):
        sddmm(W, np.ones((3, 2)), np.ones((3, 4)))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak of a process is read from /proc")
def test_a_wide_network_trains_in_little_memory():
    """3072-16384-16384-16384-10 at 0.1 %: dense weights alone are 2.4 GB; the whole process stays below 200 MB."""
    code = """
from pathlib import Path
import numpy as np
from sparsela.nn._activations import parse
from sparsela.nn._linear import SparseLinear
from sparsela.nn._mlp import Network, Trainer
from sparsela.nn._optim import Solver
sizes = (3072, 16384, 16384, 16384, 10)
layers = [SparseLinear(a, b, density=1e-3, random_state=0) for a, b in zip(sizes[:-1], sizes[1:])]
assert 587_000 < sum(layer.nnz for layer in layers) < 597_000
network = Network(layers, parse("relu", sizes[1:-1], np.float32), "softmax")
rng = np.random.default_rng(0)
trainer = Trainer(network, Solver("nesterov"), batch_size=100, alpha=1e-4, dropout=0.0, rng=rng)
X, y = rng.standard_normal((100, 3072), np.float32), rng.integers(10, size=100)
losses = [trainer.step(X, np.arange(100), y, None, 0.01) for _ in range(10)]
assert losses[-1] < losses[0], losses
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200e6 / 1024
