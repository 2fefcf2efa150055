"""Transforms written out as sparse factors, held against SciPy's."""

import copy
import pickle

import numpy as np
import pytest
import scipy.fft
from scipy.linalg import hadamard

from sparsela._core.adjoint import assert_adjoint
from sparsela.transforms import (
    FactorizedOperator,
    butterfly_factorization,
    dct_operator,
    dft_operator,
    hadamard_operator,
)

SMOOTH = [1, 2, 3, 4, 6, 12, 13, 35, 60, 91, 128, 210, 1000, 1024]


@pytest.mark.parametrize("n", [1, 2, 4, 16, 128, 1024])
@pytest.mark.parametrize("normalize", [True, False])
def test_hadamard_equals_scipys(n, normalize):
    H, expected = hadamard_operator(n, normalize), hadamard(n) / (np.sqrt(n) if normalize else 1)
    X = np.random.default_rng(0).standard_normal((n, 5))
    assert np.abs(H.toarray() - expected).max() <= 1e-13
    assert H.nnz == (2 * n * (n.bit_length() - 1) if n > 1 else 1)
    for Z in (X, X[:, 0], X + 1j * X[:, ::-1], X.astype(np.float32)):
        for product in (H @ Z, H.T @ Z, H.H @ Z):
            assert np.abs(product - expected @ Z).max() <= 1e-13 * n
            assert product.dtype == np.result_type(np.float64, Z.dtype)
    assert np.abs(X.T @ H - X.T @ expected).max() <= 1e-13 * n
    assert_adjoint(H)


def test_hadamard_stays_fast_in_other_clothes(monkeypatch):
    H = hadamard_operator(64)
    X = np.random.default_rng(0).standard_normal((64, 3))
    part = H[:10, 5:]
    doubled = 2 * H
    assert np.abs(part @ X[5:] - hadamard(64)[:10, 5:] / 8 @ X[5:]).max() <= 1e-13
    assert np.abs(doubled @ X - hadamard(64) / 4 @ X).max() <= 1e-13
    calls = []
    monkeypatch.setattr("sparsela.transforms._analytic.fwht", lambda X, **options: calls.append(options) or X)
    for same in (H, H.T, H.H, H.conj(), pickle.loads(pickle.dumps(H)), copy.deepcopy(H), H.astype(np.float32)):
        calls.clear()
        same @ X
        assert calls == [{"axis": 0, "normalize": True}]
    single = hadamard_operator(64, normalize=False).astype(np.float32)
    assert single.dtype == (single @ X.astype(np.float32)).dtype == np.float32
    assert calls[-1]["normalize"] is False


def test_hadamard_from_a_file_is_a_chain(tmp_path):
    hadamard_operator(16).save(tmp_path / "h.npz")
    again = FactorizedOperator.load(tmp_path / "h.npz")
    assert np.abs(again.toarray() - hadamard(16) / 4).max() <= 1e-15


@pytest.mark.parametrize("norm", ["ortho", "backward", "forward"])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("n", SMOOTH)
def test_dft_equals_scipys(n, inverse, norm):
    F = dft_operator(n, norm=norm, inverse=inverse)
    expected = (scipy.fft.ifft if inverse else scipy.fft.fft)(np.eye(n), norm=norm, axis=0)
    assert np.abs(F.toarray() - expected).max() <= 1e-13 * max(1.0, np.abs(expected).max())
    assert F.dtype == np.complex128


@pytest.mark.parametrize("n", [2, 8, 64, 1024])
def test_dft_has_two_n_log_n_non_zeros(n):
    assert dft_operator(n).nnz == 2 * n * (n.bit_length() - 1)


def test_dft_has_p_n_entries_for_every_prime_factor():
    assert dft_operator(360).nnz == 360 * (5 + 3 + 3 + 2 + 2 + 2)


def test_dft_inverse_undoes_it():
    x = np.random.default_rng(0).standard_normal((60, 3))
    for norm in ("ortho", "backward", "forward"):
        again = dft_operator(60, norm=norm, inverse=True) @ (dft_operator(60, norm=norm) @ x)
        assert np.abs(again - x).max() <= 1e-13
    assert_adjoint(dft_operator(60))


@pytest.mark.parametrize("type", [2, 3, 4])
@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 64, 256, 1024])
def test_dct_equals_scipys(n, type):
    C = dct_operator(n, type)
    # scipy knows no type 4 of one point: it is √2 cos(π/4) = 1
    expected = scipy.fft.dct(np.eye(n), type=type, norm="ortho", axis=0) if n > 1 else np.eye(1)
    assert np.abs(C.toarray() - expected).max() <= 1e-13
    assert C.dtype == np.float64
    if n > 1:
        assert C.nnz <= 4 * n * (n.bit_length() - 1)


@pytest.mark.parametrize("type", [2, 3, 4])
def test_every_factor_of_the_dct_is_orthogonal(type):
    for factor in dct_operator(128, type).factors_as("dense"):
        assert np.abs(factor @ factor.T - np.eye(128)).max() <= 1e-15 * 8


def test_dct_of_type_3_is_the_inverse_of_type_2():
    x = np.random.default_rng(0).standard_normal(256)
    assert np.abs(dct_operator(256, 3) @ (dct_operator(256) @ x) - x).max() <= 1e-13
    assert_adjoint(dct_operator(256))


def test_the_factors_of_the_fft_are_found_from_its_matrix():
    found = butterfly_factorization(scipy.fft.fft(np.eye(64)), permutation="bitrev").operator
    written = dft_operator(64)
    assert [f.pattern for f in found.factors[:-1]] == [f.pattern for f in written.factors[:-1]]
    assert np.array_equal(found.factors[-1].index, written.factors[-1].index)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: hadamard_operator(12), ValueError, "n must be a power of two, got 12; the nearest are 8 and 16"),
        (lambda: hadamard_operator(8, normalize="yes"), TypeError, "normalize must be a bool"),
        (lambda: dft_operator(0), ValueError, "n must be at least 1"),
        (lambda: dft_operator(8.0), TypeError, "n must be an int"),
        (lambda: dft_operator(34), ValueError, "n must have no prime factor above 13, got 34 = 17 · 2"),
        (lambda: dft_operator(8, norm="unitary"), ValueError, "norm must be 'ortho', 'backward' or 'forward'"),
        (lambda: dct_operator(12), ValueError, "n must be a power of two, got 12; the nearest are 8 and 16"),
        (lambda: dct_operator(8, 1), ValueError, "type must be between 2 and 4, got 1"),
        (lambda: dct_operator(0), ValueError, "n must be at least 1"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
