"""Products of factors against the dense matrices that they stand for."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import cg, lsqr, svds

from sparsela._core.adjoint import assert_adjoint
from sparsela.transforms import Diagonal, FactorizedOperator, KroneckerSparse, Permutation

DTYPES = ("float32", "float64", "complex64", "complex128")


def normal(rng, shape, dtype):
    X = rng.standard_normal(shape)
    return (X + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else X).astype(dtype)


def random_factor(rng, kind, m, dtype):
    """A factor with m rows and what it is as an ndarray. The number of columns is its own choice."""
    n = int(rng.integers(1, 9))
    if kind == "dense":
        D = normal(rng, (m, n), dtype)
        return D, D
    if kind == "csr":
        S = sp.csr_array(normal(rng, (m, n), dtype) * (rng.random((m, n)) < 0.4))
        return S, S.toarray()
    if kind == "diagonal":
        d = normal(rng, m, dtype)
        return Diagonal(d), np.diag(d)
    if kind == "permutation":
        index = rng.permutation(m)
        return Permutation(index), np.eye(m, dtype=dtype)[index]
    divisors = [b for b in (1, 2, 3, 4) if m % b == 0]
    b = int(rng.choice(divisors))
    d = int(rng.choice([d for d in (1, 2, 3, 4) if (m // b) % d == 0]))
    a, c = m // b // d, int(rng.choice([1, 2, 3, 4]))
    values = normal(rng, (a, d, b, c), dtype)
    dense = np.zeros((m, a * c * d), dtype)
    for i, j, k, l in np.ndindex(a, d, b, c):
        dense[(i * b + k) * d + j, (i * c + l) * d + j] = values[i, j, k, l]
    return KroneckerSparse(values, a, b, c, d), dense


def random_chain(seed, dtype, kinds=("dense", "csr", "diagonal", "permutation", "kronecker")):
    rng = np.random.default_rng(seed)
    m = int(rng.choice([1, 4, 6, 8, 12, 16]))
    factors, dense = [], np.eye(m, dtype=np.result_type(dtype, np.float64))  # the reference is in double precision
    for _ in range(rng.integers(1, 9)):
        factor, array = random_factor(rng, rng.choice(kinds), dense.shape[1], dtype)
        factors.append(factor)
        dense = dense @ array
    scale = 1.5 if np.dtype(dtype).kind == "f" else 1.5 - 0.5j
    # a chain of permutations alone is float64: nothing in it has another precision
    op = FactorizedOperator(factors, scale=scale).astype(dtype)
    return op, scale * dense, rng


def close(got, want, dtype):
    single = np.finfo(dtype).eps > 1e-10
    size = max(1, np.abs(want).max(initial=0))
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=(1e-5 if single else 1e-12) * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(25))
def test_products_are_those_of_the_dense_matrix(seed, dtype):
    A, D, rng = random_chain(seed, dtype)
    m, n = D.shape
    X, R = normal(rng, (n, 5), dtype), normal(rng, (m, 5), dtype)
    assert A.shape == D.shape and A.dtype == np.dtype(dtype)
    close(A.toarray(), D, dtype)
    close(A @ X, D @ X, dtype)
    close(A @ X[:, 0], D @ X[:, 0], dtype)
    close(A.rmatmat(R), D.conj().T @ R, dtype)
    close(A.T @ R, D.T @ R, dtype)
    close(A.H @ R, D.conj().T @ R, dtype)
    close(A.conj() @ X, D.conj() @ X, dtype)
    close(R.T @ A, R.T @ D, dtype)
    close((2 * A) @ X, 2 * D @ X, dtype)
    close((A + A) @ X, 2 * D @ X, dtype)
    close((A @ A.H) @ R, D @ (D.conj().T @ R), dtype)
    close(A @ sp.csr_array(X), D @ X, dtype)
    assert (A @ X).dtype == A.dtype
    assert_adjoint(A, rtol=1e-12 if np.finfo(dtype).eps < 1e-10 else 1e-4)


def test_a_real_operator_takes_complex_operands():
    A, D, rng = random_chain(3, "float64")
    X = normal(rng, (D.shape[1], 4), "complex128")
    close(A @ X, D @ X, "complex128")
    close(A @ X[:, 0], D @ X[:, 0], "complex128")


def test_scipy_solvers_take_it():
    rng = np.random.default_rng(0)
    S = [sp.csr_array(np.eye(30) + 0.2 * sp.random_array((30, 30), density=0.1, rng=rng).toarray()) for _ in range(3)]
    A = FactorizedOperator(S)
    D = A.toarray()
    b = rng.standard_normal(30)
    np.testing.assert_allclose(lsqr(A, b, atol=1e-14, btol=1e-14)[0], np.linalg.solve(D, b), rtol=1e-6)
    np.testing.assert_allclose(np.sort(svds(A, 3)[1]), np.linalg.svd(D)[1][2::-1], rtol=1e-9)
    x, info = cg(A.H @ A, D.T @ b, rtol=1e-13, maxiter=2000)
    assert info == 0
    np.testing.assert_allclose(x, np.linalg.solve(D, b), rtol=1e-6)


@pytest.mark.parametrize(
    ("factors", "scale", "error", "words"),
    [
        ([], 1.0, ValueError, "at least one factor"),
        ([np.eye(2), np.eye(3)], 1.0, ValueError, r"factors 0 and 1 .*\(2, 2\).*\(3, 3\)"),
        ([np.array([[np.nan]])], 1.0, ValueError, "NaN"),
        ([np.ones(3)], 1.0, ValueError, r"factors\[0\] must be a non-empty matrix"),
        ([np.eye(2)], 0.0, ValueError, "scale must be finite and not zero"),
        ([np.eye(2)], np.inf, ValueError, "scale must be finite"),
        ([np.eye(2)], "2", TypeError, "scale must be a number"),
        (["ab"], 1.0, TypeError, r"factors\[0\] must be an ndarray"),
        (np.eye(2), 1.0, TypeError, "factors must be a sequence"),
        (None, 1.0, TypeError, "factors must be a sequence"),
    ],
)
def test_bad_factors_are_refused(factors, scale, error, words):
    with pytest.raises(error, match=words):
        FactorizedOperator(factors, scale=scale)


def test_bad_structured_factors_are_refused():
    with pytest.raises(ValueError, match=r"values must have shape \(a, d, b, c\) = \(2, 1, 2, 2\)"):
        KroneckerSparse(np.ones((2, 2, 2, 1)), 2, 2, 2, 1)
    with pytest.raises(ValueError, match="each of 0"):
        Permutation([0, 0, 1])
    with pytest.raises(TypeError, match="integers"):
        Permutation([0.0, 1.0])
    with pytest.raises(ValueError, match="infinity"):
        Diagonal([1.0, np.inf])


def test_its_arrays_cannot_be_written_and_the_input_is_copied():
    D = np.eye(3)
    A = FactorizedOperator([D, sp.csr_array(D)])
    D[0, 0] = 7
    assert A.toarray()[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        A.factors[0][0, 0] = 2
    with pytest.raises(ValueError, match="read-only"):
        A.factors[1].data[0] = 2
    with pytest.raises(TypeError, match="toarray"):
        np.asarray(A)
