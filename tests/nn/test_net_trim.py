"""Net-Trim: budgets that are met, planted layers that are found, fewer weights than magnitude at the same response."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sparsela.nn import net_trim, prune


def relu(Z):
    return np.maximum(Z, 0)


@pytest.fixture(scope="module")
def layer():
    """A trained first layer of digits: training and test rows, labels, network, its responses."""
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X / 16, y, train_size=0.7, random_state=0, stratify=y)
    net = MLPClassifier((300,), random_state=0, max_iter=100)
    with pytest.warns(ConvergenceWarning):
        net.fit(train, y_train)
    return train, test, y_test, net, relu(train @ net.coefs_[0] + net.intercepts_[0])


@pytest.mark.parametrize(("tol", "most", "magnitude"), [(0.02, 0.66, 0.06), (0.05, 0.56, 0.11)])
def test_digits_table(layer, tol, most, magnitude):
    train, test, y_test, net, Y = layer
    W, b = net.coefs_[0], net.intercepts_[0]
    trimmed = net_trim(train, Y, tol=tol)
    size = np.linalg.norm(Y)
    response = relu(train @ trimmed.weights.toarray() + trimmed.intercept)
    assert trimmed.converged
    assert np.linalg.norm(response - Y) == pytest.approx(trimmed.residual_norm)
    assert trimmed.residual_norm == pytest.approx(tol * size, rel=0.01)
    assert trimmed.weights.nnz <= most * W.size
    by_size = prune([W], trimmed.weights.nnz / W.size)[0].toarray()
    assert np.linalg.norm(relu(train @ by_size + b) - Y) >= max(2 * trimmed.residual_norm, magnitude * size)
    dense = net.score(test, y_test)
    net.coefs_[0], net.intercepts_[0] = trimmed.weights.toarray(), trimmed.intercept
    assert net.score(test, y_test) >= dense - 0.005
    net.coefs_[0], net.intercepts_[0] = W, b


def test_fewer_weights_at_a_larger_budget(layer):
    train, _, _, _, Y = layer
    counts = [net_trim(train[:400], Y[:400, :40], tol=tol).weights.nnz for tol in (0.01, 0.03, 0.1, 0.3)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


def test_planted_layer_is_found():
    rng = np.random.default_rng(1)
    d, m, s = 120, 6, 5
    X = rng.standard_normal((int(4 * s * np.log(d)) + 1, d))
    U = np.zeros((d, m))
    for j in range(m):
        U[rng.choice(d, s, replace=False), j] = rng.choice([-1, 1], s) * rng.uniform(1, 2, s)
    found = net_trim(X, relu(X @ U), bias=False, tol=1e-4)
    assert np.abs(found.weights.toarray() - U).max() < 1e-3
    found = net_trim(X, X @ U, bias=False, tol=1e-4, activation="identity")
    assert np.abs(found.weights.toarray() - U).max() < 1e-3


def test_one_neuron_against_linear_programming():
    # with a budget towards zero: min ‖u‖₁, (Xu)_Ω = y_Ω, (Xu)_Ωᶜ ≤ 0
    rng = np.random.default_rng(2)
    X = rng.standard_normal((25, 30))
    y = relu(X @ rng.standard_normal(30))
    on = y > 0
    both = np.hstack([X, -X])
    best = linprog(np.ones(60), A_ub=both[~on], b_ub=np.zeros((~on).sum()), A_eq=both[on], b_eq=y[on])
    found = net_trim(X, y[:, None], bias=False, tol=1e-7, atol=1e-10, rtol=1e-8, max_iter=100_000)
    assert np.abs(found.weights.data).sum() == pytest.approx(best.fun, rel=1e-5)


def test_neurons_have_budgets_of_their_own_and_threads_do_not_matter(layer):
    train, _, _, _, Y = layer
    Y = Y[:, :35].copy()
    Y[:, 3] = 0
    one, two = (net_trim(train, Y, tol=0.05, scope="neuron", n_jobs=n) for n in (1, 2))
    assert (one.weights != two.weights).nnz == 0
    assert (one.intercept == two.intercept).all()
    response = relu(train @ one.weights.toarray() + one.intercept)
    assert (np.linalg.norm(response - Y, axis=0) <= 0.0506 * np.linalg.norm(Y, axis=0)).all()
    assert one.weights[:, [3]].nnz == 0
    assert one.intercept[3] == 0
    assert one.converged


def test_sparse_inputs_float32_and_a_start_give_the_same_layer(layer):
    train, _, _, net, Y = layer
    X, Y = train[:300], Y[:300, :20]
    dense = net_trim(X, Y, tol=0.05)
    start = np.vstack([net.coefs_[0][:, :20], net.intercepts_[0][None, :20]])
    for other in (net_trim(sp.csc_matrix(X), Y), net_trim(X, Y, weights=start), net_trim(X.astype(np.float32), Y)):
        l1 = np.abs(other.weights.data).sum() + np.abs(other.intercept).sum()
        assert l1 == pytest.approx(np.abs(dense.weights.data).sum() + np.abs(dense.intercept).sum(), rel=0.01)
        assert other.residual_norm <= 0.0506 * np.linalg.norm(Y)
    assert net_trim(X.astype(np.float32), Y).weights.dtype == np.float32


def test_history_and_a_callback_that_stops():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 10))
    Y = relu(X @ rng.standard_normal((10, 4)))
    result = net_trim(X, Y, return_history=True)
    assert set(result.history) == {"primal", "dual", "l1"}
    assert len(result.history["l1"]) == result.n_iter
    assert net_trim(X, Y, callback=lambda state: state.n_iter == 5).n_iter == 5
    with pytest.warns(ConvergenceWarning, match="not converged after 3 steps"):
        net_trim(X, Y, max_iter=3)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"tol": 0}, ValueError, "tol"),
        ({"tol": 1.0}, ValueError, "tol must lie in"),
        ({"rho": 0}, ValueError, "rho"),
        ({"scope": "net"}, ValueError, "scope"),
        ({"activation": "tanh"}, ValueError, "activation"),
        ({"Y": -np.ones((6, 2))}, ValueError, "negative"),
        ({"Y": np.ones((5, 2))}, ValueError, "number of samples"),
        ({"Y": sp.csr_array(np.ones((6, 2)))}, TypeError, "dense"),
        ({"X": np.full((6, 3), np.nan)}, ValueError, "NaN"),
        ({"weights": np.ones((2, 2))}, ValueError, "weights must have shape"),
        ({"max_iter": 0}, ValueError, "max_iter"),
    ],
)
def test_bad_input(kwargs, error, message):
    arguments = {"X": np.ones((6, 3)), "Y": np.ones((6, 2)), **kwargs}
    with pytest.raises(error, match=message):
        net_trim(arguments.pop("X"), arguments.pop("Y"), **arguments)


def test_weights_whose_indices_lead_out_of_them():
    X = np.abs(np.random.default_rng(0).standard_normal((20, 5)))
    start = sp.csr_array(np.ones((5, 3)))
    start.indices[0] = 1000
    with pytest.raises(ValueError, match="weights is no valid csr array"):
        net_trim(X, X[:, :3], weights=start)
