import re
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator, lsqr

from sparsela._core import operators
from sparsela._core.adjoint import assert_adjoint
from sparsela._core.operators import CountingOperator, as_operator

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]
KINDS = ["C", "F", "strided", "transposed", *FORMATS, *(f"matrix-{f}" for f in FORMATS), "product", "counted"]


def problem(dtype, m=7, n=11, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.5)
    if np.issubdtype(dtype, np.complexfloating):
        A = A * np.exp(2j * np.pi * rng.random((m, n)))
    A[:, 4] = 0
    return A.astype(dtype)


def given_as(kind, A):
    if kind == "C":
        return np.ascontiguousarray(A)
    if kind == "F":
        return np.asfortranarray(A)
    if kind == "strided":
        room = np.zeros((2 * A.shape[0], 3 * A.shape[1]), A.dtype)
        room[::2, ::3] = A
        return room[::2, ::3]
    if kind == "transposed":
        return np.ascontiguousarray(A[::-1].T).T[::-1]
    if kind == "product":
        return aslinearoperator(A)
    if kind == "counted":
        return CountingOperator(A)
    if kind.startswith("matrix-"):
        return sp.csr_matrix(A).asformat(kind.removeprefix("matrix-"))
    return sp.csr_array(A).asformat(kind)


def tol(dtype):
    single = np.finfo(dtype).dtype == np.float32
    return {"rtol": 1e-5, "atol": 1e-5} if single else {"rtol": 1e-12, "atol": 1e-13}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_product_is_that_of_the_matrix(kind, dtype):
    A = problem(dtype)
    op = as_operator(given_as(kind, A))
    rng = np.random.default_rng(1)
    assert op.shape == A.shape and op.dtype == dtype
    assert_adjoint(op)
    T = np.array([9, 2, 4, 3])
    close = tol(dtype)
    for shape in [(11,), (11, 3)]:
        for unit in (1, 1j):
            x = (rng.standard_normal(shape) * unit).astype(np.result_type(dtype, np.complex64 if unit == 1j else dtype))
            r, u = x[:7], x[:4]
            product = op.matvec(x) if x.ndim == 1 else op.matmat(x)
            adjoint = op.rmatvec(r) if r.ndim == 1 else op.rmatmat(r)
            assert product.dtype == adjoint.dtype == np.result_type(dtype, x.dtype)
            np.testing.assert_allclose(product, A @ x, **close)
            np.testing.assert_allclose(adjoint, A.conj().T @ r, **close)
            np.testing.assert_allclose(op.apply_support(T, u), A[:, T] @ u, **close)
    columns = op.columns(T)
    assert columns.dtype == dtype
    np.testing.assert_allclose(columns.toarray() if sp.issparse(columns) else columns, A[:, T])
    np.testing.assert_allclose(op.column(3), A[:, 3])
    np.testing.assert_allclose(op.gram(T), A[:, T].conj().T @ A[:, T], **close)
    norms = op.column_norms()
    assert norms.dtype == np.finfo(dtype).dtype and norms[4] == 0
    np.testing.assert_allclose(
        norms, np.linalg.norm(A, axis=0), rtol=1e-6 if dtype in (np.float32, np.complex64) else 1e-14
    )


@pytest.mark.parametrize("kind", ["C", "F", "csr", "csc", "product"])
def test_empty_support(kind):
    op = as_operator(given_as(kind, problem(np.float64)))
    none = np.array([], int)
    assert op.columns(none).shape == (7, 0) and op.gram(none).shape == (0, 0)
    np.testing.assert_array_equal(op.apply_support(none, np.zeros(0)), np.zeros(7))


@pytest.mark.parametrize("kind", ["C", "F", "strided", "transposed"])
def test_dense_input_is_not_copied(kind):
    A = given_as(kind, problem(np.float64))
    op = as_operator(A)
    A[0, 0] = 100.0
    assert op.matvec(np.eye(11)[0])[0] == 100.0
    op.column(0)[:] = 0
    op.columns([0])[:] = 0
    assert A[0, 0] == 100.0


def test_memory_is_that_of_the_method():
    A = np.zeros((2000, 1000))
    S = sp.random_array((20_000, 30_000), density=1e-4, rng=np.random.default_rng(0), format="coo")
    for matrix, limit in [(A, 0.1 * A.nbytes), (S, 20 * S.nnz * 16)]:
        tracemalloc.start()
        op = as_operator(matrix)
        r = op.matvec(np.ones(op.shape[1]))
        op.rmatvec(r), op.column_norms(), op.column(3), op.gram([1, 2]), op.apply_support(np.arange(3), np.ones(3))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limit


def test_sparse_conversions_happen_once_and_share_what_they_can():
    A = sp.csr_array(problem(np.float64))
    op = as_operator(A)
    assert np.shares_memory(op.csr.data, A.data)
    assert op.csc is op.csc
    A = sp.csc_matrix(problem(np.float64))
    op = as_operator(A)
    assert np.shares_memory(op.csc.data, A.data)
    assert op.csr is op.csr


def test_duplicate_entries_are_summed_and_the_input_stands():
    A = sp.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 3])), shape=(1, 2))
    op = as_operator(A)
    assert op.column_norms().tolist() == [4.0, 3.0] and op.column(1).tolist() == [3.0]
    assert A.nnz == 3 and A.indices.tolist() == [1, 1, 0]


def test_integers_become_float64():
    for kind in ("C", "csr", "product"):
        assert as_operator(given_as(kind, np.arange(6).reshape(2, 3))).dtype == np.float64
    assert as_operator(np.eye(2, dtype=bool)).matvec([1, 2]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", ["C", "csr", "csc", "product"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_norms_of_huge_and_tiny_columns(kind, dtype):
    big = float(np.finfo(dtype).max) / 4
    tiny = float(np.finfo(dtype).smallest_subnormal) * 4
    A = np.array([[3, 3 * tiny, 3, 0], [4, 4 * tiny, 4, 0]]).astype(dtype) / 4
    A[:, 2] *= dtype(big)
    norms = as_operator(given_as(kind, A)).column_norms()
    np.testing.assert_allclose(norms, [1.25, 1.25 * tiny, 1.25 * big, 0], rtol=0.3)
    np.testing.assert_allclose(norms[[0, 2]], [1.25, 1.25 * big], rtol=1e-6)


def test_columns_of_a_product_come_in_blocks(monkeypatch):
    A = problem(np.complex128)
    monkeypatch.setattr(operators, "BLOCK_BYTES", 3 * (7 + 11) * 16)
    widest = []

    def matmat(X):
        widest.append(X.shape[1])
        return A @ X

    op = as_operator(LinearOperator(A.shape, lambda x: A @ x, lambda r: A.conj().T @ r, matmat, dtype=A.dtype))
    np.testing.assert_allclose(op.column_norms(), np.linalg.norm(A, axis=0))
    np.testing.assert_allclose(op.columns(np.arange(11)), A)
    np.testing.assert_allclose(op.gram(np.arange(11)), A.conj().T @ A, atol=1e-12)
    assert max(widest) == 3


def test_a_product_that_knows_its_norms_is_believed():
    A = aslinearoperator(np.eye(3))
    A.column_norms = np.array([1.0, 2.0, 3.0])
    assert as_operator(A).column_norms().tolist() == [1, 2, 3]
    A.column_norms = lambda: np.array([4.0, 2.0, 3.0])
    counted = CountingOperator(A)
    assert counted.column_norms().tolist() == [4, 2, 3] and counted.n_matvec == 0


@pytest.mark.parametrize("kind", ["C", "csr", "product"])
def test_counting(kind):
    A = problem(np.float64)
    op = CountingOperator(given_as(kind, A))
    op.matvec(np.ones(11)), op.matvec(1j * np.ones(11)), op.matmat(np.ones((11, 5)))
    assert (op.n_matvec, op.n_rmatvec) == (7, 0)
    op.rmatvec(np.ones(7)), op.rmatmat(np.ones((7, 4)))
    assert (op.n_matvec, op.n_rmatvec) == (7, 5)
    op.apply_support([1, 2], np.ones(2)), op.apply_support([1, 2], np.ones((2, 3)))
    assert (op.n_matvec, op.n_rmatvec) == (11, 5)
    op.columns([1, 2, 3]), op.column(0), op.column_norms()
    assert op.n_matvec == (11 if op.explicit else 11 + 3 + 1 + 11)
    assert as_operator(op) is op


def test_scipys_solvers_take_it():
    A = np.random.default_rng(0).standard_normal((20, 5))
    x = lsqr(CountingOperator(A), A @ np.arange(5.0), atol=1e-14, btol=1e-14)[0]
    np.testing.assert_allclose(x, np.arange(5.0), atol=1e-10)


def test_anything_with_products_and_adjoint_is_taken():
    class Foreign:
        shape = (2, 3)
        dtype = np.dtype(float)
        A = np.arange(6.0).reshape(2, 3)

        def matvec(self, x):
            return self.A @ x

        def rmatvec(self, r):
            return self.A.T @ r

    assert_adjoint(Foreign())


def test_a_wrong_adjoint_is_found():
    A = problem(np.complex128, 40, 60)
    transposed = LinearOperator(A.shape, lambda x: A @ x, lambda r: A.T @ r, dtype=A.dtype)
    with pytest.raises(AssertionError, match="<Ax, r> = "):
        assert_adjoint(transposed)
    other = LinearOperator(
        A.shape, lambda x: A @ x, lambda r: A.conj().T @ r, matmat=lambda X: A @ X[:, ::-1], dtype=A.dtype
    )
    with pytest.raises(AssertionError):
        assert_adjoint(other)


class NoAdjoint(LinearOperator):
    def __init__(self):
        super().__init__(float, (2, 2))

    def _matvec(self, x):
        return x


@pytest.mark.parametrize(
    ("A", "error", "message"),
    [
        ([[1.0, 2.0]], TypeError, "A must be an ndarray, a scipy.sparse array or a LinearOperator, got list"),
        (None, TypeError, "got NoneType"),
        (LinearOperator((2, 2), matvec=lambda x: x, dtype=float), TypeError, "A must have an adjoint: define rmatvec"),
        (NoAdjoint(), TypeError, "A must have an adjoint: define rmatvec in the NoAdjoint"),
        (np.array([["a"]]), TypeError, "A must be an array of numbers, got dtype <U1"),
        (np.array([[None]]), TypeError, "A must be an array of numbers, got dtype object"),
        (np.ma.masked_array([[1.0]]), TypeError, "A must be a plain array, got a masked array"),
        (np.ones(3), ValueError, "A must have 2 dimensions, got shape (3,)"),
        (sp.coo_array(np.ones(3)), ValueError, "A must have 2 dimensions, got shape (3,)"),
        (np.ones((0, 3)), ValueError, "A must not be empty, got shape (0, 3)"),
        (sp.csr_array((3, 0)), ValueError, "A must not be empty, got shape (3, 0)"),
        (np.array([[1.0, np.nan]]), ValueError, "A contains NaN"),
        (sp.coo_array([[1.0, np.inf]]), ValueError, "A contains infinity"),
        (np.array([[1j, complex(0, np.nan)]]), ValueError, "A contains NaN"),
    ],
)
def test_bad_input(A, error, message):
    with pytest.raises(error, match=re.escape(message)):
        as_operator(A)


def test_complex_where_it_is_not_taken():
    for kind in ("C", "csr", "product"):
        with pytest.raises(TypeError, match="D must be real, got dtype complex128"):
            as_operator(given_as(kind, problem(np.complex128)), "D", allow_complex=False)


def test_an_adjoint_that_turns_out_missing_when_called():
    half = aslinearoperator(np.eye(2)) + LinearOperator((2, 2), matvec=lambda x: x, dtype=float)
    with pytest.raises(TypeError, match="A must have an adjoint"):
        as_operator(half).rmatvec(np.ones(2))
