"""Partial transforms: their adjoints, their rows against the explicit matrix, their precision."""

import pickle

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

from sparsela._core.adjoint import assert_adjoint
from sparsela._core.operators import as_operator
from sparsela.recovery import PartialDCT, PartialFourier, PartialWHT

ROWS = np.array([0, 3, 4, 17, 40, 63])
SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], 64)
MATRICES = {
    PartialDCT: scipy.fft.dct(np.eye(64), axis=0, norm="ortho"),
    PartialWHT: scipy.linalg.hadamard(64) / 8,
    PartialFourier: scipy.fft.fft(np.eye(64), axis=0, norm="ortho"),
}


@pytest.mark.parametrize("signs", [None, SIGNS])
@pytest.mark.parametrize("kind", list(MATRICES))
def test_is_those_rows_of_the_matrix(kind, signs):
    A = kind(64, ROWS, signs=signs)
    want = MATRICES[kind][ROWS] * (1 if signs is None else signs)
    assert_adjoint(A)
    assert_allclose(A.matmat(np.eye(64)), want, atol=1e-14)
    assert_allclose(A.rmatmat(np.eye(6)), want.conj().T, atol=1e-14)
    assert_allclose(A.matmat(A.rmatmat(np.eye(6))), np.eye(6), atol=1e-12)
    assert A.row_gram == 1.0


@pytest.mark.parametrize("kind", [PartialDCT, PartialWHT])
def test_real_transforms_of_complex_and_of_float32_signals(kind):
    rng = np.random.default_rng(1)
    A, A32 = kind(64, ROWS, signs=SIGNS), kind(64, ROWS, signs=SIGNS, dtype=np.float32)
    z = rng.standard_normal(64) + 1j * rng.standard_normal(64)
    assert_allclose(A.matvec(z), A.matvec(z.real) + 1j * A.matvec(z.imag), atol=1e-14)
    assert A32.matvec(z.real.astype(np.float32)).dtype == np.float32
    assert A32.rmatvec(np.ones(6, np.float32)).dtype == np.float32
    assert_allclose(A32.matvec(z.real), A.matvec(z.real), atol=1e-5)
    assert as_operator(A32).dtype == np.float32


@pytest.mark.parametrize("kind", list(MATRICES))
def test_leaves_its_operand_alone_and_pickles(kind):
    A = kind(64, ROWS)
    x = np.arange(64.0).astype(A.dtype)
    kept = x.copy()
    y = A.matvec(x)
    A.rmatvec(y)
    assert_array_equal(x, kept)
    assert_array_equal(pickle.loads(pickle.dumps(A)).matvec(x), y)


@pytest.mark.parametrize(
    ("rows", "signs", "error", "message"),
    [
        ([3, 1], None, ValueError, "ascending .* got 1 at index 1"),
        ([0, 1, 1], None, ValueError, "ascending .* got 1 at index 2"),
        ([-1, 3], None, ValueError, "from 0 to 7 .* got -1 at index 0"),
        ([0, 8], None, ValueError, "from 0 to 7 .* got 8 at index 1"),
        ([], None, TypeError, "integers"),
        ([0.5], None, TypeError, "integers"),
        ([1], np.ones(7), ValueError, r"8 numbers ±1, got shape \(7,\)"),
        ([1], np.r_[np.ones(7), 2], ValueError, "8 numbers ±1, got 2.0 at index 7"),
    ],
)
def test_bad_rows_and_signs(rows, signs, error, message):
    for kind in MATRICES:
        with pytest.raises(error, match=message):
            kind(8, rows, signs=signs)


def test_bad_lengths_and_types():
    with pytest.raises(ValueError, match="power of two, got 12: pad the signal with zeros to 16"):
        PartialWHT(12, [1])
    with pytest.raises(TypeError, match="complex"):
        PartialFourier(8, [1], dtype=np.float64)
    with pytest.raises(TypeError, match="float32 or float64"):
        PartialDCT(8, [1], dtype=np.int64)


def test_products_of_sparse_factors_measure_too():
    """A FactorizedOperator is an A like any other."""
    from sparsela.recovery import basis_pursuit, nst_ht_fb, omp
    from sparsela.transforms import hadamard_operator

    rng = np.random.default_rng(0)
    A = hadamard_operator(256)[np.sort(rng.choice(256, 120, replace=False))]
    x = np.zeros(256)
    x[rng.choice(256, 10, replace=False)] = rng.standard_normal(10)
    for solve in (lambda: nst_ht_fb(A, A @ x, 10), lambda: omp(A, A @ x, 10), lambda: basis_pursuit(A, A @ x)):
        assert_allclose(solve().x, x, atol=1e-5)
