"""randomized_svd against LAPACK: planted spectra, every kind of matrix, ranks that are short, restarts, bad input."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import subspace_angles
from scipy.sparse.linalg import aslinearoperator, svds
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import sparsela
from sparsela.lowrank import randomized_svd
from sparsela.recovery import CountingOperator


def geometric(m, n, ratio, seed=0):
    rng = np.random.default_rng(seed)
    r = min(m, n)
    Q, P = (np.linalg.qr(rng.standard_normal((size, r)))[0] for size in (m, n))
    return (Q * ratio ** np.arange(r)) @ P.T


def check(A, found, k, atol):
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    eye = np.eye(k)
    assert_allclose(found.s, s[:k], rtol=0, atol=atol * s[0])
    assert_allclose(found.U.conj().T @ found.U, eye, atol=1e-12)
    assert_allclose(found.Vt @ found.Vt.conj().T, eye, atol=1e-12)
    assert_allclose(A @ found.Vt.conj().T, found.U * found.s, atol=1e-12 * s[0])  # exact on one side
    assert subspace_angles(found.U, U[:, :k]).max() <= 10 * atol
    assert subspace_angles(found.Vt.conj().T, Vt[:k].conj().T).max() <= 10 * atol


def test_geometric_spectrum_to_1e_8():
    """The singular triplets are known: they were planted."""
    rng = np.random.default_rng(0)
    Q, P = (np.linalg.qr(rng.standard_normal((size, 200)))[0] for size in (2000, 1500))
    A = (Q * 0.9 ** np.arange(200)) @ P.T  # down to 1e-9
    found = randomized_svd(A, 20, tol=1e-10, random_state=0)
    assert found.converged and found.residual_norm <= 1e-10 * found.s[0]
    assert_allclose(found.s, 0.9 ** np.arange(20), rtol=1e-8)
    assert subspace_angles(found.U, Q[:, :20]).max() <= 1e-8
    assert subspace_angles(found.Vt.T, P[:, :20]).max() <= 1e-8


@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (60, 60), (7, 50)])
@pytest.mark.parametrize("kind", ["dense", "csr", "csc", "operator"])
def test_every_kind_of_matrix(shape, kind):
    A = geometric(*shape, 0.8)
    given = {"dense": np.asarray, "csr": sp.csr_array, "csc": sp.csc_array, "operator": aslinearoperator}[kind](A)
    found = randomized_svd(given, 5, tol=1e-12, random_state=1)
    check(A, found, 5, 1e-11)
    assert (found.Vt[np.arange(5), np.abs(found.Vt).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_precision_stays(dtype):
    A = geometric(80, 50, 0.7)
    A = (A * np.exp(1j * np.arange(50)) if np.dtype(dtype).kind == "c" else A).astype(dtype)
    loose = np.finfo(dtype).eps > 1e-10
    found = randomized_svd(A, 6, tol=1e-5 if loose else 1e-11, random_state=0)
    assert found.U.dtype == found.Vt.dtype == dtype and found.s.dtype == np.finfo(dtype).dtype
    assert_allclose(found.s, np.linalg.svd(A, compute_uv=False)[:6], rtol=1e-5 if loose else 1e-10)
    assert_allclose((found.U * found.s) @ found.Vt @ found.Vt.conj().T, A @ found.Vt.conj().T, atol=1e-5)


def test_integers_become_float64():
    assert randomized_svd(np.arange(12).reshape(4, 3), 2, random_state=0).s.dtype == np.float64


@pytest.mark.parametrize("k", [1, 12, 30])
def test_all_of_a_small_matrix(k):
    A = np.random.default_rng(0).standard_normal((40, 30))
    check(A, randomized_svd(A, k, random_state=0), k, 1e-7)


@pytest.mark.parametrize("rank", [0, 1, 4, 11])
@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_rank_that_is_short_gives_zeros(rank, shape):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    found = randomized_svd(A, 12, random_state=0)
    assert found.converged
    assert_allclose(found.s, np.linalg.svd(A, compute_uv=False)[:12], atol=1e-12 * max(1, found.s[0]))
    assert_allclose(found.U.T @ found.U, np.eye(12), atol=1e-12)
    assert_allclose(found.Vt @ found.Vt.T, np.eye(12), atol=1e-12)


def test_scale_does_not_matter():
    A = geometric(100, 80, 0.8)
    want = randomized_svd(A, 5, random_state=0)
    for scale in (1e-150, 1e-8, 1e8, 1e150):
        found = randomized_svd(scale * A, 5, random_state=0)
        assert_allclose(found.s / scale, want.s, rtol=1e-12)
        assert found.converged and found.n_iter == want.n_iter


def test_a_full_basis_is_restarted():
    """A flat spectrum takes far more steps than a basis of 40 has room for."""
    A = np.random.default_rng(0).standard_normal((400, 300)) + 3 * geometric(400, 300, 0.95)
    found = randomized_svd(A, 8, block_size=4, max_basis=40, tol=1e-6, random_state=0)
    assert found.converged and found.n_iter > 10
    check(A, found, 8, 1e-6)


def test_no_convergence_warns_and_returns_the_best():
    A = np.random.default_rng(0).standard_normal((600, 500))
    with pytest.warns(ConvergenceWarning, match="raise tol or max_basis"):
        found = randomized_svd(A, 10, block_size=2, max_basis=14, tol=1e-13, random_state=0)
    assert not found.converged and found.residual_norm > 1e-13 * found.s[0]
    s = np.linalg.svd(A, compute_uv=False)[:10]
    assert (found.s <= s * (1 + 1e-12)).all() and (found.s > 0.9 * s).all()


def test_the_residual_is_what_it_says():
    A = np.random.default_rng(0).standard_normal((300, 200))
    found = randomized_svd(A, 5, n_iter=4, random_state=0)
    assert not found.converged
    left_over = np.linalg.norm(A.T @ found.U - found.Vt.T * found.s, axis=0).max()
    assert_allclose(found.residual_norm, left_over, rtol=1e-10)


def test_two_products_with_a_block_a_step():
    operator = CountingOperator(geometric(300, 200, 0.9))
    found = randomized_svd(operator, 5, random_state=0)
    assert operator.n_matvec == operator.n_rmatvec == 10 * found.n_iter


def test_history_and_callback():
    A = geometric(300, 200, 0.95)
    found = randomized_svd(A, 5, return_history=True, random_state=0)
    assert len(found.history["residual_norm"]) == found.n_iter
    assert found.history["residual_norm"][-1] == found.residual_norm < found.history["residual_norm"][2]
    stopped = randomized_svd(A, 5, callback=lambda state: state.n_iter == 3, random_state=0)
    assert stopped.n_iter == 3 and not stopped.converged


def test_power_is_subspace_iteration():
    """The same as its definition with the same start, and on the spectrum that it likes as good as exact."""
    A = geometric(120, 80, 0.7)
    found = randomized_svd(A, 6, method="power", random_state=0)
    assert found.n_iter == 7 and found.converged is None and found.residual_norm is None
    check(A, found, 6, 1e-9)
    start = np.random.default_rng(0).standard_normal((80, 16))
    Q = np.linalg.qr(np.linalg.matrix_power(A @ A.T, 1) @ A @ start)[0]
    s = np.linalg.svd(Q.T @ A, compute_uv=False)[:6]
    assert_allclose(randomized_svd(A, 6, method="power", n_iter=1, random_state=0).s, s, rtol=1e-9)


def test_krylov_beats_power_at_equal_products():
    rng = np.random.default_rng(0)
    A = sp.random_array((1000, 800), density=0.02, rng=rng, format="csr")
    exact = np.sort(svds(A, 20, rng=rng)[1])[::-1]
    krylov = randomized_svd(A, 20, block_size=10, n_iter=12, random_state=0)  # 12 · 10 · 2 products
    power = randomized_svd(A, 20, method="power", n_iter=3, random_state=0)  # 4 · 30 · 2
    errors = [np.abs(found.s - exact).max() / exact[0] for found in (krylov, power)]
    assert errors[0] < errors[1] / 5


def power_law(n, draws, seed=0):
    """Sparse log-counts, row and column indices drawn with weight i^−0.7."""
    rng = np.random.default_rng(seed)
    weights = np.arange(1, n + 1) ** -0.7
    weights /= weights.sum()
    i, j = rng.choice(n, draws, p=weights), rng.choice(n, draws, p=weights)
    A = sp.coo_array((np.ones(draws), (i, j)), shape=(n, n)).tocsr()
    A.data = np.log1p(A.data)
    return A


def test_power_law_against_arpack_and_for_any_number_of_threads():
    A = power_law(2000, 40_000)
    exact = svds(A, 20, tol=1e-12, return_singular_vectors=False, rng=np.random.default_rng(0))
    found = []
    for n_jobs in (1, 2):
        with sparsela.config_context(n_jobs=n_jobs), threadpool_limits(n_jobs):
            found.append(randomized_svd(A, 20, random_state=0))
    assert_allclose(found[0].s, np.sort(exact)[::-1], rtol=1e-9)
    for a, b in zip(found[0], found[1], strict=True):
        if isinstance(a, np.ndarray):
            assert_allclose(a, b, atol=1e-12 * found[0].s[0])


def test_sparse_input_is_left_as_it_is():
    A = power_law(200, 2000).tocoo()
    A = sp.csr_array((np.r_[A.data, 1.0], (np.r_[A.row, 3], np.r_[A.col, 3])), shape=A.shape)
    messy = sp.csr_array((A.data[::-1], A.indices[::-1], A.indptr), shape=A.shape)
    before = messy.data.copy(), messy.indices.copy()
    randomized_svd(messy, 3, random_state=0)
    assert_array_equal(messy.data, before[0])
    assert_array_equal(messy.indices, before[1])


@pytest.mark.parametrize(
    ("given", "arguments", "error", "message"),
    [
        (np.eye(4), {"n_components": 5}, ValueError, "n_components must be between 1 and 4, got 5"),
        (np.eye(4), {"n_components": 0}, ValueError, "n_components"),
        (np.eye(4), {"n_components": 2.0}, TypeError, "n_components must be an int"),
        (np.eye(4), {"method": "lanczos"}, ValueError, "method must be one of"),
        (np.eye(4), {"block_size": 0}, ValueError, "block_size"),
        (np.eye(4), {"tol": -1.0}, ValueError, "tol"),
        (np.eye(50), {"n_components": 20, "n_iter": 1}, ValueError, "n_iter must be at least 2 for 20 components"),
        (np.eye(50), {"max_basis": 5}, ValueError, "max_basis must be at least 22"),
        (np.eye(4), {"random_state": "x"}, TypeError, "random_state"),
        (np.full((3, 3), np.nan), {}, ValueError, "NaN"),
        (np.zeros((0, 3)), {}, ValueError, "empty"),
        (np.ones(3), {}, ValueError, "2 dimensions"),
        ([[1.0]], {}, TypeError, "A must be an ndarray"),
    ],
)
def test_bad_input(given, arguments, error, message):
    with pytest.raises(error, match=message):
        randomized_svd(given, **{"n_components": 2, **arguments})


@pytest.mark.parametrize("method", ["block-krylov", "power"])
def test_an_operator_with_nan_is_refused(method):
    A = np.eye(30)
    A[3, 4] = np.nan
    with pytest.raises(ValueError, match="A must have finite products"):
        randomized_svd(aslinearoperator(A), 3, method=method, random_state=0)


def test_no_warning_from_a_plain_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        randomized_svd(geometric(100, 60, 0.9), 10, random_state=0)
