"""Least squares by sketches: the accuracy of Householder QR at any condition, and what it costs to start from zero."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator
from sklearn.exceptions import ConvergenceWarning

import sparsela
from sparsela._core.operators import as_operator
from sparsela._core.progress import iterate
from sparsela.sketch import lstsq
from sparsela.sketch._lsqr import lsqr
from sparsela.sketch._lstsq import Plan, _precondition, bidiagonalization
from sparsela.sketch._passes import Pass

METHODS = ("precond", "lsrn", "iterative")


def problem(m, n, kappa, beta, seed=0):
    """A with singular values from 1 to 1/kappa, b with a residual of norm beta, the solution (of norm 1)."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.normal(size=(m, n + 1)))[0]
    V = np.linalg.qr(rng.normal(size=(n, n)))[0]
    A = U[:, :n] * np.logspace(0, -np.log10(kappa), n) @ V.T
    x = rng.normal(size=n)
    x /= np.linalg.norm(x)
    return A, A @ x + beta * U[:, n], x


def householder(A, b):
    Q, R = scipy.linalg.qr(A, mode="economic")
    return scipy.linalg.solve_triangular(R, Q.T @ b)


def errors(A, x, found):
    return np.linalg.norm(found - x), np.linalg.norm(A @ (found - x))


def from_zero(A, b, seed):
    """LSQR on A R⁻¹ from zero, one cycle: what the first papers do."""
    C, B = Pass(as_operator(A)), np.ascontiguousarray(b[:, None])
    plan = Plan(sampling_factor=4)
    M = _precondition(C, B, plan.size(*C.shape), plan, seed)
    tol = 4 * np.finfo(float).eps
    process, target = bidiagonalization(C, M, B, np.zeros((A.shape[1], 1)), tol)
    Z, *_ = lsqr(process, tol, target, 100, iterate(100, "from zero"), lambda *_: None)
    return process.correction(Z)[:, 0]


TABLE = [(1e8, 1e-3), (1e8, 1e-10), (1e12, 1e-3), (1e12, 1e-10)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kappa", "beta"), TABLE)
def test_as_accurate_as_householder_qr(kappa, beta, method):
    A, b, x = problem(4000, 100, kappa, beta)
    bars = [10 * max(e, 20 * np.finfo(float).eps) for e in errors(A, x, householder(A, b))]
    for seed in range(3):
        found = lstsq(A, b, method=method, sampling_factor=4, random_state=seed)
        assert found.converged and found.rank == 100 and found.method == method
        forward, residual = errors(A, x, found.x)
        assert forward <= bars[0] and residual <= bars[1]
        if method != "iterative":
            assert found.n_iter <= 80


@pytest.mark.parametrize(("kappa", "beta"), [(1e8, 1e-3), (1e12, 1e-10)])
def test_from_zero_fails_the_bar(kappa, beta):
    """The start is what brings the accuracy: without it the same iteration is far from that of QR."""
    A, b, x = problem(4000, 100, kappa, beta)
    bar = 10 * max(errors(A, x, householder(A, b))[1], 20 * np.finfo(float).eps)
    for seed in range(3):
        assert errors(A, x, from_zero(A, b, seed))[1] > bar


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sp.csr_array, sp.csc_array])
def test_coherent_rows_are_not_missed(form):
    """Thirty rows carry a direction each: a sketch that misses one loses it."""
    rng = np.random.default_rng(0)
    A = np.zeros((6000, 60))
    A[:, :30] = rng.normal(size=(6000, 30))
    A[rng.permutation(6000)[:30], np.arange(30, 60)] = 1
    b = rng.normal(size=6000)
    for seed in range(20):
        x = lstsq(form(A), b, random_state=seed).x
        normal = np.linalg.norm(A.T @ (b - A @ x))
        assert normal <= 1e-13 * np.linalg.norm(A) * np.linalg.norm(b)


def test_sketch_and_solve_excess():
    """k = 10 n: the squared residual is larger by n / (k − n − 1) = 11.3 % in the mean, the residual by 5.5 %."""
    A, b, _ = problem(20000, 50, 10.0, 1.0)
    best = np.linalg.norm(b - A @ householder(A, b))
    for kind in ("gaussian", "sparse_embedding"):
        excess = []
        for seed in range(30):
            found = lstsq(A, b, method="sketch-and-solve", kind=kind, sampling_factor=10, random_state=seed)
            assert found.n_iter == 0 and found.method == "sketch-and-solve"
            excess.append(found.residual_norm / best - 1)
        assert max(excess) <= 0.12
        assert np.mean(excess) == pytest.approx(0.055, rel=0.2)


RIGHT = [(), (3,)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("targets", RIGHT)
@pytest.mark.parametrize("shape", [(900, 20), (20, 900), (30, 20), (20, 30)])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("rank", [20, 13])
def test_agrees_with_lapack(shape, targets, dtype, alpha, rank):
    """Tall, wide and nearly square, of full and less rank, with and without a ridge: the solution of least norm."""
    rng = np.random.default_rng(1)

    def normal(*size):
        a = rng.normal(size=size)
        return (a + 1j * rng.normal(size=size) if np.dtype(dtype).kind == "c" else a).astype(dtype)

    A = (normal(shape[0], rank) @ normal(rank, shape[1]) / rank).astype(dtype)
    b = normal(shape[0], *targets)
    eps = np.finfo(dtype).eps
    stacked = np.vstack([A, np.sqrt(alpha) * np.eye(shape[1])]).astype(dtype)
    long = np.concatenate([b, np.zeros((shape[1], *targets), dtype)])
    want = np.linalg.lstsq(stacked, long, rcond=100 * eps)[0]
    cases = [A, np.asfortranarray(A), A[::-1][::-1], np.repeat(A, 2, axis=1)[:, ::2], sp.csr_array(A), sp.csc_array(A)]
    for given in cases:
        found = lstsq(given, b, alpha=alpha, rcond=100 * eps, random_state=0)
        assert found.x.dtype == dtype and found.x.shape == want.shape
        assert np.abs(found.x - want).max() <= 2e4 * eps * np.abs(want).max()
        np.testing.assert_allclose(
            found.residual_norm, np.linalg.norm(b - A @ want, axis=0), rtol=1e4 * eps, atol=1e4 * eps
        )
        if not alpha:
            assert found.rank == rank
    operator = lstsq(aslinearoperator(A), b, kind="gaussian", alpha=alpha, rcond=100 * eps, random_state=0)
    assert np.abs(operator.x - want).max() <= 2e4 * eps * np.abs(want).max()


@pytest.mark.parametrize("kind", ["countsketch", "gaussian", "sparse_sign", "srht", "fast_jl"])
def test_every_kind(kind):
    A, b, _ = problem(3000, 20, 1e4, 1e-2)
    found = lstsq(A, b, kind=kind, sampling_factor=10, random_state=0)
    np.testing.assert_allclose(found.x, householder(A, b), rtol=1e-7, atol=1e-8)


def test_a_triangle_that_hides_its_rank():
    """Kahan's matrix: nearly singular with a harmless diagonal."""
    n, s = 60, np.sin(1.2)
    K = np.diag(s ** np.arange(n)) @ (np.eye(n) - np.cos(1.2) * np.triu(np.ones((n, n)), 1))
    A = np.linalg.qr(np.random.default_rng(0).normal(size=(3000, n)))[0] @ K
    b = np.random.default_rng(1).normal(size=3000)
    found = lstsq(A, b, random_state=0)
    want = np.linalg.lstsq(A, b, rcond=None)[0]
    assert np.linalg.norm(b - A @ found.x) <= np.linalg.norm(b - A @ want) * (1 + 1e-8)


def test_zeros():
    A = np.zeros((300, 4))
    found = lstsq(A, np.ones(300), random_state=0)
    assert found.rank == 0 and not found.x.any() and found.residual_norm == pytest.approx(300**0.5)
    A[:, 2] = 1.0
    found = lstsq(A, np.ones(300), random_state=0)
    assert found.rank == 1
    np.testing.assert_allclose(found.x, [0, 0, 1, 0], atol=1e-14)
    assert not lstsq(A, np.zeros(300), random_state=0).x.any()
    assert not lstsq(A, np.zeros((300, 2)), random_state=0).x.any()
    empty = lstsq(sp.csr_array((300, 4)), np.ones(300), random_state=0)
    assert empty.rank == 0 and not empty.x.any()


def test_direct_where_it_is_small():
    A, b, x = problem(100, 30, 10.0, 0.0)
    found = lstsq(A, b)
    assert found.method == "gelsy" and found.n_iter == 0
    np.testing.assert_allclose(found.x, x, atol=1e-12)


def test_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    for A in (rng.normal(size=(20000, 30)), sp.random_array((50000, 40), density=0.2, rng=0, format="csr")):
        b = rng.normal(size=(A.shape[0], 2))
        answers = []
        for n_jobs in (1, 2, 3):
            with sparsela.config_context(n_jobs=n_jobs):
                answers.append(lstsq(A, b, random_state=0).x)
        np.testing.assert_array_equal(answers[0], answers[1])
        np.testing.assert_array_equal(answers[0], answers[2])


def test_right_hand_sides_are_solved_apart():
    A, b, _ = problem(3000, 30, 1e3, 1e-2)
    B = np.stack([b, np.zeros_like(b), A @ np.ones(30), 1e200 * b], axis=1)
    found = lstsq(A, B, random_state=0)
    assert found.n_iter.shape == found.converged.shape == found.residual_norm.shape == (4,)
    for j in range(4):
        one = lstsq(A, B[:, j], random_state=0)
        np.testing.assert_allclose(found.x[:, j], one.x, rtol=1e-9, atol=1e-12)


def test_complex_targets_of_a_real_matrix():
    A, b, _ = problem(1000, 10, 10.0, 0.1)
    c = b + 2j * b[::-1]
    found = lstsq(A, np.stack([c, b], axis=1), random_state=0)
    np.testing.assert_allclose(found.x[:, 0], householder(A, c), atol=1e-12)
    assert found.n_iter.shape == (2,)
    assert found.residual_norm[0] == pytest.approx(np.linalg.norm(c - A @ found.x[:, 0]))


def test_course():
    A, b, _ = problem(3000, 30, 1e3, 1e-2)
    seen = []
    found = lstsq(A, b, random_state=0, callback=lambda state: seen.append(state.x.copy()), return_history=True)
    history = found.history
    assert {len(values) for values in history.values()} == {found.n_iter} == {len(seen)}
    first = history["normal_residual"][history["cycle"] == 0]
    assert first[-1] < 1e-10 * first[0]
    # what the recurrences say of the residual is true of x
    assert history["residual_norm"][5] == pytest.approx(np.linalg.norm(b - A @ seen[5]), rel=1e-10)
    stopped = lstsq(A, b, random_state=0, callback=lambda state: state.n_iter == 4)
    assert stopped.n_iter == 4 and not stopped.converged
    assert lstsq(A, b, random_state=0).history is None


def test_too_few_steps_are_told():
    A, b, _ = problem(3000, 30, 1e3, 1e-2)
    with pytest.warns(ConvergenceWarning, match="took max_iter=2 steps"):
        assert not lstsq(A, b, max_iter=2, refine=0, random_state=0).converged


def test_input_is_left_alone():
    A, b, _ = problem(1000, 10, 1e2, 0.1)
    for given in (A, np.asfortranarray(A), sp.csr_array(A)):
        kept, right = given.copy(), b.copy()
        lstsq(given, right, alpha=0.1, random_state=0)
        assert (given != kept).sum() == 0
        np.testing.assert_array_equal(right, b)


ones = np.ones((50, 3))
broken = sp.csr_array((50, 3))
broken.indices, broken.data = np.full(1, 7, np.int32), np.ones(1)
broken.indptr = np.r_[np.zeros(50), 1].astype(np.int32)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((np.empty((0, 3)), np.empty(0)), {}, ValueError, "A must not be empty"),
        ((ones, np.ones(49)), {}, ValueError, r"b must have shape \(50,\)"),
        ((ones * np.nan, np.ones(50)), {}, ValueError, "NaN"),
        ((ones, np.full(50, np.inf)), {}, ValueError, "infinity"),
        ((ones.tolist(), np.ones(50)), {}, TypeError, "A must be an ndarray"),
        ((ones, np.ones(50)), {"alpha": -1.0}, ValueError, "alpha must be finite and non-negative"),
        ((ones, np.ones(50)), {"method": "qr"}, ValueError, "method must be one of"),
        ((ones, np.ones(50)), {"kind": "qr"}, ValueError, "kind must be one of"),
        ((ones, np.ones(50)), {"sampling_factor": 1.0}, ValueError, "sampling_factor must be 'auto' or a number above"),
        ((ones, np.ones(50)), {"sampling_factor": "many"}, ValueError, "sampling_factor must be 'auto'"),
        ((ones, np.ones(50)), {"rcond": 1.0}, ValueError, "rcond must be below 1"),
        ((ones, np.ones(50)), {"tol": 0.0}, ValueError, "tol must be finite and positive"),
        ((ones, np.ones(50)), {"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ((ones, np.ones(50)), {"refine": -1}, ValueError, "refine must be at least 0"),
        ((ones, np.ones(50)), {"n_nonzeros": 0}, ValueError, "n_nonzeros must be at least 1"),
        ((ones, np.ones(50)), {"callback": 3}, TypeError, "callback must be a callable"),
        ((ones, np.ones(50)), {"verbose": 7}, ValueError, "verbose must be"),
        ((aslinearoperator(ones), np.ones(50)), {}, ValueError, "kind must be 'gaussian' for a LinearOperator"),
        ((ones.T, np.ones(3)), {"method": "iterative"}, ValueError, "at least as many rows as columns"),
        ((broken, np.ones(50)), {}, ValueError, "no valid csr array"),
    ],
)
def test_bad_input(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        lstsq(*args, **kwargs)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_reads_the_rows(width, at_width):
    at_width(
        width,
        """
import numpy as np
from sparsela._core.operators import as_operator
from sparsela.sketch._passes import Pass
rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for m, n in ((40, 1), (41, 7), (70, 33), (130, 150)):
        A, y, u = (rng.normal(size=s).astype(dtype) for s in ((m, n + 3), (n, 1), (m, 1)))
        A = A[:, :n]
        want = A @ y - 0.5 * u
        w, norm = Pass(as_operator(A))(y, np.array([0.5]), u)
        rtol = 1e-4 if dtype == np.float32 else 1e-12
        assert np.allclose(u, want, rtol=rtol, atol=rtol) and np.allclose(w, A.T @ want, rtol=rtol, atol=10 * rtol)
        assert np.isclose(norm[0], np.linalg.norm(want), rtol=rtol)
""",
    )
