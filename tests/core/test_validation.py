import re

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela._core.validation import (
    check_count,
    check_matrix,
    check_no_zero_column,
    check_positive,
    check_psd,
    check_sparsity,
    check_symmetric,
    check_targets,
    check_vector,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_floating_types_stay_and_nothing_is_copied(dtype):
    X = np.ones((3, 2), dtype)
    assert check_matrix(X, "X", allow_complex=True) is X
    y = np.ones(3, dtype)
    assert check_vector(y, "y", size=3, allow_complex=True) is y
    assert check_targets(X, 3) is X


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, np.float16, np.longdouble])
def test_other_numbers_become_float64(dtype):
    X = np.ones((3, 2), dtype)
    assert check_matrix(X, "X").dtype == np.float64
    assert X.dtype == dtype
    assert check_vector([1, 2], "y").dtype == np.float64


def test_result_is_c_contiguous_and_the_input_stands():
    X = np.asfortranarray(np.arange(12.0).reshape(4, 3))[::2]
    kept = X.copy()
    checked = check_matrix(X, "X")
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, kept)
    checked[:] = 0
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize(
    ("a", "error", "message"),
    [
        (np.array([["a", "b"]]), TypeError, "X must be an array of numbers, got dtype <U1"),
        (np.array([[1, None]]), TypeError, "X must be an array of numbers, got dtype object"),
        (sp.csr_array((2, 2)), TypeError, "X must be a dense array, got csr_array"),
        (np.ma.masked_array([[1.0]], [[True]]), TypeError, "X must be a plain array, got a masked array"),
        (np.ones((2, 2), complex), TypeError, "X must be real, got dtype complex128"),
        ([[1, 2], [3]], ValueError, "X must be an array of numbers, got rows of different lengths"),
        (np.ones(3), ValueError, "X must have 2 dimensions, got shape (3,)"),
        (np.ones((0, 3)), ValueError, "X must not be empty, got shape (0, 3)"),
        ([[1.0, np.nan]], ValueError, "X contains NaN"),
        (np.array([[1.0, np.inf]], np.float32), ValueError, "X contains infinity"),
        (np.ones((2, 5)), ValueError, "X must have shape (any, 4), got (2, 5)"),
    ],
)
def test_bad_matrix(a, error, message):
    with pytest.raises(error, match=re.escape(message)):
        check_matrix(a, "X", n_columns=4)


def test_bad_vector_and_targets():
    with pytest.raises(ValueError, match=re.escape("w must have shape (4,), got (3,)")):
        check_vector(np.ones(3), "w", size=4)
    with pytest.raises(ValueError, match=re.escape("w must have 1 dimensions, got shape ()")):
        check_vector(2.0, "w")
    with pytest.raises(ValueError, match=re.escape("y must have shape (4,) or (4, n_targets)")):
        check_targets(np.ones((5, 4)), 4)
    with pytest.raises(ValueError, match="y contains NaN"):
        check_targets(np.array([1, complex(0, np.nan)]), 2)


def test_positive():
    assert check_positive(np.float32(2), "alpha") == 2.0
    assert check_positive(0, "tol", allow_zero=True) == 0.0
    for value in (0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"alpha must be finite and positive, got {re.escape(repr(value))}"):
            check_positive(value, "alpha")
    with pytest.raises(ValueError, match="tol must be finite and non-negative, got -1"):
        check_positive(-1, "tol", allow_zero=True)
    for value in ("1", None, True, 1j):
        with pytest.raises(TypeError, match=f"alpha must be a real number, got {type(value).__name__}"):
            check_positive(value, "alpha")


def test_count():
    assert check_count(np.int32(5), "max_iter") == 5
    with pytest.raises(ValueError, match="max_iter must be at least 1, got 0"):
        check_count(0, "max_iter")
    with pytest.raises(TypeError, match="max_iter must be an int, got float"):
        check_count(2.0, "max_iter")


def test_sparsity():
    assert check_sparsity(3, 5) == 3
    assert check_sparsity(np.int64(5), 5, n=2) == 5
    k = check_sparsity([1, 5], 5, n=2)
    assert k.dtype == np.intp and k.tolist() == [1, 5]
    for k in (0, -2, 6):
        with pytest.raises(ValueError, match=f"n_nonzero_coefs must be between 1 and 5, got {k}"):
            check_sparsity(k, 5)
    for k in (2.5, True, "3", None, [1, 2]):
        with pytest.raises(TypeError, match="n_nonzero_coefs must be an int"):
            check_sparsity(k, 5)
    with pytest.raises(ValueError, match="k must be between 1 and 5, got 9 at index 1"):
        check_sparsity([1, 9, 0], 5, "k", n=3)
    with pytest.raises(ValueError, match=re.escape("an array of shape (3,), got shape (2,)")):
        check_sparsity([1, 2], 5, n=3)
    with pytest.raises(TypeError, match="an array of ints, got an array of float64"):
        check_sparsity([1.0, 2.0], 5, n=2)


def test_zero_column():
    norms = np.array([1.0, 2.0])
    assert check_no_zero_column(norms) is norms
    with pytest.raises(ValueError, match="D must have no zero column, got 2 of them, the first is column 1"):
        check_no_zero_column(np.array([1.0, 0.0, 0.0]), "D")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_symmetric_and_psd(dtype):
    rng = np.random.default_rng(0)
    B = rng.standard_normal((6, 4)).astype(dtype)
    if np.iscomplexobj(B):
        B += 1j * rng.standard_normal((6, 4)).astype(B.real.dtype)
    L = B @ B.conj().T  # rank 4 of 6
    assert check_psd(L, "L") is L
    assert check_symmetric(-L, "L") is not None
    zero = np.zeros((3, 3), dtype)
    assert check_psd(zero, "L") is zero
    with pytest.raises(ValueError, match="L must be positive semidefinite, but its smallest eigenvalue is -"):
        check_psd(-L, "L")
    indefinite = np.array([[0, 1], [1, 0]], dtype)
    with pytest.raises(ValueError, match="L must be positive semidefinite, but its smallest eigenvalue is -1"):
        check_psd(indefinite, "L")
    L[0, 1] += 1
    with pytest.raises(ValueError, match=r"L must be (symmetric|Hermitian), but entries differ .* by up to 1"):
        check_symmetric(L, "L")
    with pytest.raises(ValueError, match=re.escape("L must be square, got shape (6, 4)")):
        check_symmetric(B, "L")
