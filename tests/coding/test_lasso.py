"""The lasso against its optimality conditions, its duality gap, scikit-learn, NNLS and bad input."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from sparsela.coding import batch_lasso


def unit(D):
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def objective(X, D, C, alpha, l2=0.0, w=1.0):
    return 0.5 * ((X - C @ D) ** 2).sum(1) + alpha * (np.abs(C) * w).sum(1) + 0.5 * l2 * (C**2).sum(1)


def relative_gap(X, D, C, alpha, w=1.0):
    """From the definition: primal minus dual at the residual scaled into the feasible set."""
    R = X - C @ D
    s = np.minimum(1, alpha / np.maximum((np.abs(R @ D.T) / w).max(1), 1e-300))[:, None]
    dual = 0.5 * (X**2).sum(1) - 0.5 * ((X - s * R) ** 2).sum(1)
    return (objective(X, D, C, alpha, w=w) - dual) / (0.5 * (X**2).sum(1))


def kkt_violation(X, D, C, alpha, l2=0.0, w=1.0, positive=False):
    q = (X - C @ D) @ D.T - l2 * C
    on = np.where(C != 0, q - alpha * w * np.sign(C), 0)
    return max(np.abs(on).max(), ((q if positive else np.abs(q)) - alpha * w).max())


def dictionary(kind, rng):
    if kind == "random":
        return unit(rng.randn(100, 40))
    if kind == "coherent":  # neighbours with cosine about 0.98
        return unit(np.cumsum(0.2 * rng.randn(100, 40), axis=0) + rng.randn(40))
    D = unit(rng.randn(20, 10))  # "duplicates"
    return np.vstack([D, D])


@pytest.fixture(scope="module", params=["random", "coherent", "duplicates"])
def problem(request):
    rng = np.random.RandomState(0)
    D = dictionary(request.param, rng)
    return rng.randn(200, D.shape[1]), D


@pytest.mark.parametrize("share", [0.9, 0.3, 0.05, 0.01])
def test_active_set_is_optimal(problem, share):
    X, D = problem
    alpha = share * np.abs(X @ D.T).max()
    C, gap = batch_lasso(X, D, alpha=alpha, return_gap=True)
    assert gap.max() <= 1e-12
    assert_allclose(gap, relative_gap(X, D, C, alpha), atol=1e-11)
    assert kkt_violation(X, D, C, alpha) <= 1e-8 * alpha
    assert ((C != 0).sum(1) <= min(D.shape)).all()


@pytest.mark.parametrize("share", [0.9, 0.3, 0.05])
def test_the_solvers_agree(problem, share):
    X, D = problem
    alpha = share * np.abs(X @ D.T).max()
    a = batch_lasso(X, D, alpha=alpha)
    for solver in ("cd", "lars"):
        b = batch_lasso(X, D, alpha=alpha, solver=solver)
        assert_allclose(objective(X, D, b, alpha), objective(X, D, a, alpha), rtol=2e-9)
        assert relative_gap(X, D, b, alpha).max() <= 1e-9 * (1 + 1e-3)
        if solver == "lars":
            assert kkt_violation(X, D, b, alpha) <= 1e-8 * alpha


@pytest.mark.parametrize("solver", ["active_set", "cd", "lars"])
def test_float32(problem, solver):
    X, D = (a.astype(np.float32) for a in problem)
    alpha = 0.1 * np.abs(X @ D.T).max()
    C, gap = batch_lasso(X, D, alpha=alpha, solver=solver, return_gap=True)
    assert C.dtype == np.float32 and gap.max() <= 1e-5
    assert relative_gap(X.astype(float), D.astype(float), C.astype(float), alpha).max() <= 1e-4


def test_scikit_learn_lasso_agrees(patches, atoms):
    X, alpha = patches[:40], 0.1
    C = batch_lasso(X, atoms, alpha=alpha)
    for x, c in zip(X, C, strict=True):
        peer = Lasso(alpha=alpha / x.size, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(atoms.T, x)
        ours, theirs = (objective(x[None], atoms, z[None], alpha)[0] for z in (c, peer.coef_))
        assert ours <= theirs * (1 + 1e-9) + 1e-15
        assert_allclose(c, peer.coef_, atol=1e-4)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_size_any_option(data):
    n, m, K = (data.draw(st.integers(1, top)) for top in (6, 12, 40))
    rng = np.random.RandomState(data.draw(st.integers(0, 2**31)))
    D = rng.randn(K, m) * rng.uniform(0.5, 2, (K, 1))
    if K > 1 and data.draw(st.booleans()):
        D[K - 1] = D[0]
    X = rng.randn(n, m)
    if data.draw(st.booleans()):
        X[0] = 0
    share = data.draw(st.sampled_from([2.0, 0.5, 0.1, 0.01]))
    alpha = share * max(np.abs(X @ D.T).max(), 1e-3)
    l2, positive = data.draw(st.sampled_from([0.0, 0.0, 0.1])), data.draw(st.booleans())
    w = rng.uniform(0.5, 2, K) if data.draw(st.booleans()) else np.ones(K)
    start = rng.randn(n, K) * (rng.rand(n, K) < 0.3) if data.draw(st.booleans()) else None
    solver = data.draw(st.sampled_from(["active_set", "active_set", "lars"]))
    C, gap = batch_lasso(
        X,
        D,
        alpha=alpha,
        l2_reg=l2,
        positive=positive,
        weights=w,
        init=start if solver == "active_set" else None,
        solver=solver,
        return_gap=True,
    )
    assert gap.max() <= 1e-9
    assert kkt_violation(X, D, C, alpha, l2, w, positive) <= 1e-8 * alpha
    if positive:
        assert C.min() >= 0
    if share > 1 and w.min() >= 1:
        assert not C.any()


@pytest.mark.parametrize("exponent", [-400, -100, 100, 400])
def test_scaling_by_a_power_of_two_scales_the_codes(exponent):
    rng = np.random.RandomState(1)
    X, D = rng.randn(50, 12), unit(rng.randn(30, 12))
    want = batch_lasso(X, D, alpha=0.3)
    got = batch_lasso(np.ldexp(X, exponent), D, alpha=np.ldexp(0.3, exponent))
    assert_allclose(np.ldexp(got, -exponent), want, atol=1e-12)


def test_limits():
    rng = np.random.RandomState(2)
    X, D = rng.randn(30, 20), unit(rng.randn(15, 20))
    top = np.abs(X @ D.T).max()
    assert not batch_lasso(X, D, alpha=top).any()
    assert_allclose(batch_lasso(X, D, alpha=0), X @ np.linalg.pinv(D), atol=1e-10)
    want = np.array([nnls(D.T, x)[0] for x in X])
    assert_allclose(batch_lasso(X, D, alpha=0, positive=True), want, atol=1e-8)


def test_threads_sparse_output_and_gram_change_nothing(patches, atoms):
    X = patches[:1500]
    want, gap = batch_lasso(X, atoms, alpha=0.1, n_jobs=1, return_gap=True)
    for n_jobs in (2, 3):
        got, same_gap = batch_lasso(X, atoms, alpha=0.1, n_jobs=n_jobs, return_gap=True)
        assert_array_equal(got, want)
        assert_array_equal(same_gap, gap)
    sparse = batch_lasso(X, atoms, alpha=0.1, sparse_output=True)
    assert_array_equal(sparse.toarray(), want)
    assert sparse.has_canonical_format and (sparse.data != 0).all()
    assert_allclose(batch_lasso(X, atoms, alpha=0.1, gram=atoms @ atoms.T), want, atol=1e-10)


def test_warm_start_from_the_answer_stays_there(patches, atoms):
    X = patches[:300]
    want = batch_lasso(X, atoms, alpha=0.1, sparse_output=True)
    for solver in ("active_set", "cd"):
        for init in (want, want.toarray()):
            got = batch_lasso(X, atoms, alpha=0.1, init=init, solver=solver, max_iter=1)
            assert_allclose(got, want.toarray(), atol=1e-9)


def test_warns_when_it_stops_early(patches, atoms):
    with pytest.warns(ConvergenceWarning, match="max_iter=1 "):
        C, gap = batch_lasso(patches[:100], atoms, alpha=0.01, max_iter=1, return_gap=True)
    assert gap.max() > 1e-9
    assert_allclose(gap, relative_gap(patches[:100], atoms, C, 0.01), rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loose = batch_lasso(patches[:100], atoms, alpha=0.01, solver="cd", tol=1e-2, return_gap=True)[1]
    assert 1e-9 < loose.max() <= 1e-2


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_vector_width(at_width, width):
    at_width(
        width,
        """if 1:
        import sys, numpy as np
        sys.path.insert(0, "tests/coding")
        from test_lasso import dictionary, kkt_violation
        from sparsela.coding import batch_lasso
        rng = np.random.RandomState(0)
        for kind in ("random", "coherent", "duplicates"):
            D = dictionary(kind, rng)
            X = rng.randn(60, D.shape[1])
            alpha = 0.05 * np.abs(X @ D.T).max()
            C, gap = batch_lasso(X, D, alpha=alpha, return_gap=True)
            assert gap.max() <= 1e-12 and kkt_violation(X, D, C, alpha) <= 1e-8 * alpha
            gap = batch_lasso(X.astype("f4"), D.astype("f4"), alpha=alpha, return_gap=True)[1]
            assert gap.max() <= 1e-5
        """,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": -0.1}, "alpha must be finite and non-negative"),
        ({"alpha": np.nan}, "alpha"),
        ({"alpha": np.inf}, "alpha"),
        ({"l2_reg": -1}, "l2_reg"),
        ({"tol": -1e-3}, "tol"),
        ({"solver": "ista"}, "solver must be one of"),
        ({"solver": "lars", "weights": np.r_[0.0, np.ones(99)]}, "weights must be positive"),
        ({"solver": "lars", "init": np.zeros((200, 100))}, "init is for the other solvers"),
        ({"max_iter": 0}, "max_iter"),
        ({"weights": np.ones(3)}, r"weights must have shape \(100,\)"),
        ({"weights": np.full(100, -1.0)}, "at least 0"),
        ({"weights": np.full(100, np.nan)}, "NaN"),
        ({"init": np.zeros((3, 100))}, r"init must have shape \(200, 100\)"),
        ({"gram": np.eye(4)}, "gram must have shape"),
        ({"dictionary": np.zeros((100, 40))}, "zero"),
    ],
)
def test_bad_input(change, message):
    rng = np.random.RandomState(0)
    arguments = {"alpha": 0.1, "dictionary": unit(rng.randn(100, 40)), **change}
    with pytest.raises(ValueError, match=message):
        batch_lasso(rng.randn(200, 40), arguments.pop("dictionary"), **arguments)


def test_text_is_refused_and_input_is_left_alone():
    rng = np.random.RandomState(0)
    X, D = rng.randn(5, 4), unit(rng.randn(6, 4))
    init = csr_array(rng.randn(5, 6))
    kept = [X.copy(), D.copy(), init.copy()]
    batch_lasso(X, D, alpha=0.1, l2_reg=0.5, init=init)
    assert_array_equal(X, kept[0])
    assert_array_equal(D, kept[1])
    assert_array_equal(init.toarray(), kept[2].toarray())
    with pytest.raises(TypeError, match="alpha"):
        batch_lasso(X, D, alpha="small")
