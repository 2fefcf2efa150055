"""The passes of a training step against NumPy, at every vector width, for one thread and two."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela._core.sparse_backend import aligned_empty
from sparsela._ext import train
from sparsela.nn._activations import NAMES, SReLU, parse
from sparsela.nn._mlp import load_batch, padded
from sparsela.nn._optim import Solver, auto_rate, rate_factor

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 7, 16, 17, 100])
def test_rows_become_columns(dtype, n):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((150, 301)).astype(dtype)
    ids = rng.permutation(150)[:n]
    for given in (X, sp.csr_array(X * (X > 0.5)), sp.csr_matrix(X * (X > 0.5))):
        out = np.full((301, padded(n, dtype)), np.nan, dtype)
        load_batch(given, ids, out)
        want = given[ids].toarray() if sp.issparse(given) else given[ids]
        assert np.array_equal(out[:, :n], want.T)
        assert np.all(out[:, n:] == 0)
    wide = np.zeros((150, 400), dtype)
    wide[:, :301] = X
    load_batch(wide[:, :301], ids, out)
    assert np.array_equal(out[:, :n], X[ids].T)


def twin(name, w, g, state, rate, decay, t, mu=0.9, b1=0.9, b2=0.999, eps=1e-8):
    G = g + decay * w
    if name == "sgd":
        return w - rate * G, ()
    if name == "adam":
        m, v = b1 * state[0] + (1 - b1) * G, b2 * state[1] + (1 - b2) * G**2
        step = rate * np.sqrt(1 - b2**t) / (1 - b1**t)
        return w - step * m / (np.sqrt(v) + eps), (m, v)
    v = mu * state[0] - rate * G
    return (w + v if name == "momentum" else w + mu * v - rate * G), (v,)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
def test_updates_are_their_formulas(name, dtype):
    rng = np.random.default_rng(0)
    for n in (1, 5, 33, 70_001):
        w = rng.standard_normal(n).astype(dtype)
        solver = Solver(name)
        state, want, w_state = solver.state(w), w.astype(np.float64), [np.zeros(n)] * 2
        for t in range(1, 6):
            g = rng.standard_normal(n).astype(dtype)
            kept = g.copy()
            solver.begin(0.1)
            solver.update(w, g, state, decay=0.01)
            want, w_state = twin(name, want, g.astype(np.float64), w_state, 0.1, 0.01, t)
            assert np.array_equal(g, kept)
        np.testing.assert_allclose(w, want, rtol=0, atol=(1e-5 if dtype == np.float32 else 1e-13))


def test_a_decoupled_decay_shrinks_the_weights():
    w, solver = np.array([1.0, -2.0]), Solver("momentum", decoupled=True)
    solver.begin(0.1)
    solver.update(w, np.array([1.0, 1.0]), solver.state(w), decay=0.01)
    np.testing.assert_allclose(w, 0.99 * np.array([1, -2]) - 0.1, rtol=1e-15)


def test_velocities_that_fade_become_zero_not_denormal():
    for name in ("momentum", "nesterov", "adam"):
        w, solver = np.ones(100, np.float32), Solver(name)
        state = solver.state(w)
        solver.begin(0.1)
        solver.update(w, np.full(100, 1e-3, np.float32), state)
        for _ in range(2000):
            solver.begin(0.1)
            solver.update(w, np.zeros(100, np.float32), state)
        assert np.all(state[0] == 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_activations_and_their_derivatives(name, dtype):
    rng = np.random.default_rng(0)
    Z = aligned_empty((6, 48), dtype)[:, :32]
    Z[...] = rng.standard_normal((6, 32))
    D = rng.standard_normal((6, 32)).astype(dtype)
    x = Z.astype(np.float64)
    for number, activation in enumerate(parse(name, (6, 6), dtype), 1):
        slope = {1: -0.6, 2: 0.6}[number]
        want = {
            "relu": np.maximum(x, 0),
            "all_relu": np.where(x > 0, x, slope * x),
            "srelu": np.where(x <= 0, 0, np.where(x >= 1, 1, x)),
            "leaky_relu": np.where(x > 0, x, 0.01 * x),
            "tanh": np.tanh(x),
            "logistic": 1 / (1 + np.exp(-x)),
            "identity": x,
            "relu2": np.maximum(x, 0) ** 2,
        }[name]
        derivative = {
            "relu": x > 0,
            "all_relu": np.where(x > 0, 1, slope),
            "srelu": (x > 0) & (x < 1),
            "leaky_relu": np.where(x > 0, 1, 0.01),
            "tanh": 1 - np.tanh(x) ** 2,
            "logistic": want * (1 - want),
            "identity": np.ones_like(x),
            "relu2": 2 * np.maximum(x, 0),
        }[name]
        given = Z.copy()
        if activation.fused:
            np.maximum(given, 0, out=given)  # what spmm does in its own pass
        A = given if activation.in_place else np.empty_like(given)
        activation.apply(given, A)
        delta, sums = D.copy(), np.empty(6, dtype)
        activation.chain(delta, given, A, sums)
        tol = 2e-6 if dtype == np.float32 else 1e-14
        np.testing.assert_allclose(A, want, rtol=tol, atol=tol)
        np.testing.assert_allclose(delta, D * derivative, rtol=tol, atol=tol)
        np.testing.assert_allclose(sums, (D * derivative).sum(axis=1), rtol=0, atol=32 * tol)


def test_srelu_learns_its_lines():
    rng = np.random.default_rng(0)
    P = np.column_stack(
        [rng.normal(-0.5, 0.1, 5), rng.normal(0.1, 0.1, 5), rng.normal(0.5, 0.1, 5), rng.normal(0, 1, 5)]
    )
    Z, C = rng.standard_normal((5, 16)), rng.standard_normal((5, 16))
    unit = SReLU(P)

    def loss():
        A = np.empty_like(Z)
        unit.apply(Z, A)
        return np.sum(A * C)

    D = C.copy()
    unit.chain(D, Z, None, np.empty(5))
    for got, variable in ((unit.gradient, P), (D, Z)):
        want = np.empty_like(variable)
        for i in np.ndindex(variable.shape):
            kept = variable[i]
            variable[i] = kept + 1e-6
            up = loss()
            variable[i] = kept - 1e-6
            want[i] = (up - loss()) / 2e-6
            variable[i] = kept
        np.testing.assert_allclose(got, want, atol=1e-8)
    P[0, 0], P[0, 2] = 2.0, 1.0
    unit.project()
    assert P[0, 0] == P[0, 2] == 1.5


def test_schedules():
    assert [rate_factor("multistep", p) for p in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert [round(rate_factor("cosine", p), 3) for p in (0, 0.5, 1)] == [1, 0.5, 0]
    assert rate_factor("constant", 0.9) == 1
    assert auto_rate("adam", 0.01) == 1e-3


WIDE = """
import numpy as np
from sparsela._ext import openmp, train
assert openmp.simd_width() == {width}
for dtype, tol in ((np.float32, 1e-5), (np.float64, 1e-13)):
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 70_013)).astype(dtype)
    X = rng.standard_normal((70, 1003)).astype(dtype)
    Z, C = rng.standard_normal((2, 900, 100)).astype(dtype)
    P = np.tile(np.array([-0.2, 0.3, 0.5, -0.4], dtype), (900, 1))
    answers = []
    for n_threads in (1, 2):
        a, b, v, m, s = w.copy(), w.copy(), np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        train.momentum(a, g, v, 0.1, 0.01, 0.9, True, n_threads)
        train.adam(b, g, m, s, 0.1, 0.01, 0.9, 0.999, 1e-8, n_threads)
        out = np.empty((1003, 80), dtype)
        train.gather(X, np.arange(69, -1, -1), out, n_threads)
        D, sums, y, dP = C.copy(), np.empty(900, dtype), np.empty_like(Z), np.empty_like(P)
        train.srelu(Z, y, P, n_threads)
        train.srelu_chain(D, Z, P, dP, sums, n_threads)
        D2, sums2 = C.copy(), np.empty(900, dtype)
        train.chain(D2, Z, train.RELU, 0.0, sums2, n_threads)
        answers.append((a, b, v, m, s, out, D, sums, y, dP, D2, sums2))
    assert all(np.array_equal(p, q) for p, q in zip(*answers)), "threads"
    a, b, v, m, s, out, D, sums, y, dP, D2, sums2 = answers[0]
    G = g + 0.01 * w
    assert np.abs(a - (w - 0.09 * G - 0.1 * G)).max() < tol
    assert np.array_equal(out[:, :70], X[::-1].T) and not out[:, 70:].any()
    line = np.where(Z <= -0.2, -0.2 + 0.3 * (Z + 0.2), np.where(Z >= 0.5, 0.5 - 0.4 * (Z - 0.5), Z))
    assert np.abs(y - line).max() < tol
    assert np.array_equal(D2, np.where(Z > 0, C, 0)) and np.abs(sums2 - D2.sum(axis=1)).max() < 1000 * tol
"""


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_and_one_or_two_threads(at_width, width):
    from sparsela._ext import openmp

    if width > openmp.simd_width():
        pytest.skip("this processor is narrower")
    at_width(width, WIDE.replace("{width}", str(width)))


def test_every_kind_of_the_chain_is_named():
    assert sorted([train.RELU, train.SLOPE, train.TANH, train.LOGISTIC, train.RELU2, train.IDENTITY]) == list(range(6))
