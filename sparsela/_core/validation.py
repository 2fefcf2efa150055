"""Checks of the arguments of functions: each names the argument, says what it was and what it must be.

Estimators check by scikit-learn's parameter constraints and ``validate_data``; these are for plain functions.

The dtype rule: float32 and float64 stay, complex64 and complex128 stay where the method takes complex numbers, every
other numeric type becomes float64 (complex128); strings and objects are a TypeError.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import issparse

KEPT = ("float32", "float64", "complex64", "complex128")


def check_vector(a: Any, name: str, *, size: int | None = None, allow_complex: bool = False) -> np.ndarray:
    """`a` as a finite, non-empty, C-contiguous vector under the dtype rule; `a` itself where it is one already.

    Parameters
    ----------
    a : array_like of shape (size,)
        What the user gave; never modified.
    name : str
        The argument's name, for the message.
    size : int or None, default=None
        Length that the other arguments ask for; None: any.
    allow_complex : bool, default=False
        Whether the method takes complex numbers.

    Returns
    -------
    ndarray of shape (size,)

    Raises
    ------
    TypeError
        If `a` is sparse, masked, or of strings, objects or (unless allowed) complex numbers.
    ValueError
        If it has another shape, no entries, NaN or infinity.
    """
    a = _dense(a, name, (1,), allow_complex)
    if size is not None and a.size != size:
        raise ValueError(f"{name} must have shape ({size},), got {a.shape}")
    return a


def check_matrix(
    a: Any, name: str, *, n_rows: int | None = None, n_columns: int | None = None, allow_complex: bool = False
) -> np.ndarray:
    """`a` as a finite, non-empty, C-contiguous matrix under the dtype rule; `a` itself where it is one already.

    Parameters
    ----------
    a : array_like of shape (n_rows, n_columns)
        What the user gave; never modified.
    name : str
        The argument's name, for the message.
    n_rows, n_columns : int or None, default=None
        What the other arguments ask for; None: any.
    allow_complex : bool, default=False
        Whether the method takes complex numbers.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)

    Raises
    ------
    TypeError
        If `a` is sparse, masked, or of strings, objects or (unless allowed) complex numbers.
    ValueError
        If it has another shape, no entries, NaN or infinity.
    """
    a = _dense(a, name, (2,), allow_complex)
    if n_rows not in (None, a.shape[0]) or n_columns not in (None, a.shape[1]):
        need = ", ".join("any" if n is None else str(n) for n in (n_rows, n_columns))
        raise ValueError(f"{name} must have shape ({need}), got {a.shape}")
    return a


def check_targets(y: Any, n_measurements: int, name: str = "y", *, allow_complex: bool = True) -> np.ndarray:
    """Measurements of shape (n_measurements,) or (n_measurements, n_targets), checked as the others are."""
    y = _dense(y, name, (1, 2), allow_complex)
    if y.shape[0] != n_measurements:
        m = n_measurements
        raise ValueError(f"{name} must have shape ({m},) or ({m}, n_targets), as A has {m} rows, got {y.shape}")
    return y


def check_positive(value: Any, name: str, *, allow_zero: bool = False) -> float:
    """A finite real number above zero (or, if allowed, zero), as a float."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    if not (np.isfinite(value) and (value > 0 or (allow_zero and value == 0))):
        raise ValueError(f"{name} must be finite and {'non-negative' if allow_zero else 'positive'}, got {value!r}")
    return float(value)


def check_count(value: Any, name: str, *, low: int = 1, high: int | None = None) -> int:
    """An integer of at least `low` and at most `high`, as an int."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < low or (high is not None and value > high):
        need = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {need}, got {value}")
    return int(value)


def check_sparsity(k: Any, limit: int, name: str = "n_nonzero_coefs", *, n: int | None = None) -> int | np.ndarray:
    """A number of non-zeros from 1 to `limit`: an int or, where `n` is given, also an array of n of them (as intp)."""
    if n is None or np.ndim(k) == 0:
        return check_count(k[()] if isinstance(k, np.ndarray) else k, name, high=limit)
    k = np.asarray(k)
    if k.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an int or an array of ints, got an array of {k.dtype}")
    if k.shape != (n,):
        raise ValueError(f"{name} must be an int or an array of shape ({n},), got shape {k.shape}")
    wrong = np.flatnonzero((k < 1) | (k > limit))
    if wrong.size:
        raise ValueError(f"{name} must be between 1 and {limit}, got {k[wrong[0]]} at index {wrong[0]}")
    return k.astype(np.intp)


def check_no_zero_column(norms: np.ndarray, name: str = "A") -> np.ndarray:
    """The column norms as they are; a ValueError that names the first zero column of `name` where there is one."""
    zero = np.flatnonzero(norms == 0)
    if zero.size:
        raise ValueError(f"{name} must have no zero column, got {zero.size} of them, the first is column {zero[0]}")
    return norms


def check_symmetric(a: np.ndarray, name: str) -> np.ndarray:
    """A square matrix (checked before) that equals its conjugate transpose to rounding, as it is."""
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} must be square, got shape {a.shape}")
    gap, scale = np.abs(a - a.conj().T).max(), np.abs(a).max()
    if gap > _rounding(a) * scale:
        kind = "Hermitian" if np.iscomplexobj(a) else "symmetric"
        raise ValueError(f"{name} must be {kind}, but entries differ from their mirror image by up to {gap:.3g}")
    return a


def check_psd(a: np.ndarray, name: str) -> np.ndarray:
    """A symmetric matrix with no eigenvalue below zero to rounding, as it is. One Cholesky factorisation, O(n³/3)."""
    check_symmetric(a, name)
    shift = _rounding(a) * np.abs(np.diagonal(a)).max()
    try:
        if shift > 0 or np.any(a):  # the zero matrix is one, and has no factor
            np.linalg.cholesky(a + shift * np.eye(len(a), dtype=a.dtype))
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(a)[0]
        raise ValueError(f"{name} must be positive semidefinite, but its smallest eigenvalue is {lowest:.3g}") from None
    return a


def check_dtype(dtype: np.dtype, name: str, *, allow_complex: bool = True) -> np.dtype:
    """What `dtype` becomes under the dtype rule, or a TypeError."""
    if dtype.kind not in "fiubc":
        raise TypeError(f"{name} must be an array of numbers, got dtype {dtype}")
    if dtype.kind == "c" and not allow_complex:
        raise TypeError(f"{name} must be real, got dtype {dtype}")
    return dtype if dtype in KEPT else np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def check_real_dtype(dtype: Any) -> np.dtype:
    """float32 or float64, of which something is to be made."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    return dtype


def check_finite(values: np.ndarray, name: str) -> None:
    """ValueError where there is a NaN or an infinity."""
    from sklearn.utils import assert_all_finite  # a second of imports, and one pass over memory without a copy

    assert_all_finite(values, input_name=name)


def check_indices(A: Any, name: str) -> None:
    """ValueError where a sparse `A` is no matrix, or its index arrays lead out of it: SciPy would follow them. O(nnz).

    What is not sparse, or of a format that cannot hold such indices, passes.
    """
    if not issparse(A):
        return
    if len(A.shape) != 2:
        raise ValueError(f"{name} must have two dimensions, got a sparse array of shape {A.shape}")
    if A.format in ("csr", "csc", "bsr"):
        block = A.blocksize if A.format == "bsr" else (1, 1)
        rows, columns = (n // b for n, b in zip(A.shape, block, strict=True))
        if A.format == "csc":
            rows, columns = columns, rows
        indptr, indices = A.indptr, A.indices
        if len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] > min(len(indices), len(A.data)):
            raise ValueError(f"{name} is no valid {A.format} array: data, indices and indptr do not fit together")
        if (indptr[1:] < indptr[:-1]).any():
            raise ValueError(f"{name} is no valid {A.format} array: its indptr descends")
        limits = ((indices, columns),)
    elif A.format == "coo":
        limits = tuple(zip(A.coords, A.shape, strict=True)) if hasattr(A, "coords") else ()
    else:
        limits = ()
    for indices, limit in limits:
        if indices.size and not (indices.min() >= 0 and indices.max() < limit):
            raise ValueError(
                f"{name} is no valid {A.format} array: its indices must be from 0 to {limit - 1}, "
                f"they go from {indices.min()} to {indices.max()}"
            )


def check_dense(y: Any, name: str = "y") -> None:
    """TypeError where `y` is sparse, which scikit-learn lets through where X may be."""
    if issparse(y):
        raise TypeError(f"{name} must be a dense array, got {type(y).__name__}")


def _dense(a: Any, name: str, dimensions: tuple[int, ...], allow_complex: bool) -> np.ndarray:
    if np.ma.isMaskedArray(a):
        raise TypeError(f"{name} must be a plain array, got a masked array")
    if hasattr(a, "shape") and not hasattr(a, "__array__"):  # scipy.sparse, LinearOperator
        raise TypeError(f"{name} must be a dense array, got {type(a).__name__}")
    try:
        array = np.asarray(a)
    except ValueError:
        raise ValueError(f"{name} must be an array of numbers, got rows of different lengths") from None
    dtype = check_dtype(array.dtype, name, allow_complex=allow_complex)
    if array.ndim not in dimensions:
        raise ValueError(f"{name} must have {' or '.join(map(str, dimensions))} dimensions, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    array = np.ascontiguousarray(array, dtype)
    check_finite(array, name)
    return array


def _rounding(a: np.ndarray) -> float:
    return 1e-8 if np.finfo(a.dtype).eps < 1e-10 else 1e-4
