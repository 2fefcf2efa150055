"""The kernel of chains: every vector width, odd widths of panels, odd strides, threads."""

import numpy as np
import pytest
import scipy.sparse as sp

import sparsela
from sparsela.transforms import FactorizedOperator, KroneckerSparse

TWIN = """
import numpy as np, scipy.sparse as sp
from sparsela._ext.kronecker import Chain
from sparsela.transforms import FactorizedOperator, KroneckerSparse, Diagonal, Permutation
rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64, np.complex64, np.complex128):
    tol = 1e-4 if np.finfo(dtype).eps > 1e-10 else 1e-12
    def normal(shape):
        Z = rng.standard_normal(shape)
        return (Z + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else Z).astype(dtype)
    def K(a, b, c, d):
        return KroneckerSparse(normal((a, d, b, c)), a, b, c, d)
    chains = [
        [K(1, 2, 2, 24), K(2, 2, 2, 12), K(4, 2, 2, 6), K(8, 2, 2, 3)],
        [K(8, 2, 2, 3), K(4, 2, 2, 6), K(1, 2, 2, 24)],
        [K(3, 4, 4, 4), K(6, 8, 8, 1), K(2, 3, 3, 8), K(16, 3, 3, 1)],
        [K(2, 5, 3, 2), Diagonal(normal(12)), K(4, 3, 8, 1), K(8, 4, 1, 1)],
        [sp.csr_array(normal((9, 48)) * (rng.random((9, 48)) < 0.2)), Permutation(rng.permutation(48)), K(4, 2, 2, 6)],
    ]
    for factors in chains:
        A = FactorizedOperator(factors, scale=0.7)
        D = 0.7 * np.linalg.multi_dot([f.toarray().astype(np.result_type(dtype, float)) for f in factors])
        for op, M in ((A, D), (A.T, D.T), (A.H, D.conj().T)):
            for B in (1, 2, 3, 7, 8, 16, 17, 31, 32, 33, 64, 65, 130):
                wide = normal((M.shape[1], B + 3))
                for X in (np.ascontiguousarray(wide[:, :B]), wide[:, 1 : B + 1], np.asfortranarray(wide)[:, :B]):
                    Y = op.matmat(X)
                    assert Y.dtype == dtype and abs(Y - M @ X).max() <= tol * max(1, abs(M @ X).max()), (B, factors)
"""


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_multiplies_as_numpy_does(width, at_width):
    at_width(width, TWIN)


def dyadic(n, rng):
    return [KroneckerSparse(rng.standard_normal((n // 2 // d, d, 2, 2)), n // 2 // d, 2, 2, d) for d in strides(n)]


def strides(n):
    return [n >> s for s in range(1, n.bit_length())]


def test_bits_do_not_depend_on_threads_nor_on_neighbours():
    rng = np.random.default_rng(0)
    A = FactorizedOperator([*dyadic(256, rng), sp.random_array((256, 300), density=0.05, rng=rng)])
    X = rng.standard_normal((300, 1000))
    with sparsela.config_context(n_jobs=1):
        one = A @ X
        few = A @ X[:, 500:517]
    with sparsela.config_context(n_jobs=3):
        np.testing.assert_array_equal(A @ X, one)
    np.testing.assert_array_equal(few, one[:, 500:517])


def test_input_is_not_written():
    rng = np.random.default_rng(0)
    A = FactorizedOperator(dyadic(64, rng))
    X = rng.standard_normal((64, 70))
    before = X.copy()
    X.flags.writeable = False
    A @ X
    A.H @ X
    np.testing.assert_array_equal(X, before)


def test_no_columns_and_nan():
    A = FactorizedOperator(dyadic(8, np.random.default_rng(0)))
    assert (A @ np.zeros((8, 0))).shape == (8, 0)
    assert np.isnan(A @ np.full(8, np.nan)).all()
