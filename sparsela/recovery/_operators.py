"""Measurement by some rows of an orthonormal transform: operators with a fast product and ``A A* = I``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
from scipy.sparse.linalg import LinearOperator

from sparsela._core.validation import check_count, check_real_dtype


class _PartialTransform(LinearOperator):
    """Rows of an orthonormal transform of length n, its columns multiplied by signs. No state changes in a product."""

    row_gram = 1.0  # A A* = row_gram · I

    def __init__(self, n: int, rows: Any, signs: Any, dtype: np.dtype):
        n = check_count(n, "n")
        self.rows = _check_rows(rows, n)
        self.signs = None if signs is None else _check_signs(signs, n).astype(np.finfo(dtype).dtype)
        super().__init__(dtype, (self.rows.size, n))

    def _transform(self, X: np.ndarray) -> np.ndarray:
        """The whole transform along axis 0 of an array that may be overwritten."""
        raise NotImplementedError

    def _inverse(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _matmat(self, X):
        X = self._operand(X)
        if self.signs is not None:
            X = X * _along(self.signs, X)
        else:
            X = X.copy()
        return self._transform(X)[self.rows]

    def _rmatmat(self, R):
        R = self._operand(R)
        X = np.zeros((self.shape[1], *R.shape[1:]), R.dtype)
        X[self.rows] = R
        X = self._inverse(X)
        if self.signs is not None:
            X *= _along(self.signs, X)
        return X

    def _matvec(self, x):
        return self._matmat(np.ravel(x))

    def _rmatvec(self, r):
        return self._rmatmat(np.ravel(r))

    def _operand(self, X) -> np.ndarray:
        """In the operator's precision: float32 stays float32, and complex numbers pass through a real transform."""
        X = np.asarray(X)
        if X.dtype == self.dtype:
            return X
        return X.astype(np.result_type(self.dtype, np.complex64) if X.dtype.kind == "c" else self.dtype)


class PartialDCT(_PartialTransform):
    """Rows of the orthonormal discrete cosine transform (DCT-II), as a LinearOperator.

    Parameters
    ----------
    n : int
        Length of the signal.
    rows : array_like of int of shape (m,)
        Which coefficients are measured: ascending, without repetition.
    signs : array_like of shape (n,), optional
        ±1, by which the signal's entries are multiplied first (random modulation).
    dtype : dtype, default=float64
        float32 or float64, the precision of real products.

    Attributes
    ----------
    row_gram : float
        1: ``A A* = I``.

    Raises
    ------
    TypeError, ValueError
        If rows are not ascending indices below n, signs not n numbers ±1, or dtype neither float32 nor float64.

    Notes
    -----
    O(n log n) a product, by ``scipy.fft``, and one array of n numbers. Complex signals are transformed as pairs.

    References
    ----------
    N. Ahmed, T. Natarajan, K. R. Rao. Discrete cosine transform. IEEE Transactions on Computers, 1974.

    Examples
    --------
    >>> import numpy as np
    >>> A = PartialDCT(8, [0, 3])
    >>> A.matvec(np.ones(8)).round(4)
    array([2.8284, 0.    ])
    """

    def __init__(self, n: int, rows: Any, *, signs: Any = None, dtype: Any = np.float64):
        super().__init__(n, rows, signs, check_real_dtype(dtype))

    def _transform(self, X):
        return _on_parts(scipy.fft.dct, X)

    def _inverse(self, X):
        return _on_parts(scipy.fft.idct, X)


class PartialWHT(_PartialTransform):
    """Rows of the orthonormal Walsh–Hadamard transform, as a LinearOperator.

    Parameters
    ----------
    n : int
        Length of the signal, a power of two.
    rows : array_like of int of shape (m,)
        Which coefficients (natural order) are measured: ascending, without repetition.
    signs : array_like of shape (n,), optional
        ±1, by which the signal's entries are multiplied first. Without random signs a few rows of a Walsh–Hadamard
        matrix fail on supports that are subspaces of the index bits, whatever their number.
    dtype : dtype, default=float64
        float32 or float64, the precision of real products.

    Attributes
    ----------
    row_gram : float
        1: ``A A* = I``.

    Raises
    ------
    TypeError, ValueError
        If n is no power of two, rows are not ascending indices below n, signs not n numbers ±1, or dtype neither
        float32 nor float64.

    Notes
    -----
    n log₂ n additions a product (:func:`sparsela.transforms.fwht`), and one array of n numbers.

    References
    ----------
    B. J. Fino, V. R. Algazi. Unified matrix treatment of the fast Walsh–Hadamard transform. IEEE Transactions on
    Computers, 1976.

    Examples
    --------
    >>> import numpy as np
    >>> A = PartialWHT(8, [0, 3], signs=[1, -1, 1, -1, 1, -1, 1, -1])
    >>> A.matvec(np.arange(8.0)).round(4)
    array([-1.4142, -2.8284])
    """

    def __init__(self, n: int, rows: Any, *, signs: Any = None, dtype: Any = np.float64):
        check_count(n, "n")
        if n & (n - 1):
            raise ValueError(f"n must be a power of two, got {n}: pad the signal with zeros to {1 << n.bit_length()}")
        super().__init__(n, rows, signs, check_real_dtype(dtype))

    def _transform(self, X):
        from sparsela.transforms import fwht

        return fwht(X, axis=0, out=X)

    _inverse = _transform


class PartialFourier(_PartialTransform):
    """Rows of the unitary discrete Fourier transform, as a complex LinearOperator.

    Parameters
    ----------
    n : int
        Length of the signal.
    rows : array_like of int of shape (m,)
        Which frequencies are measured: ascending, without repetition.
    signs : array_like of shape (n,), optional
        ±1, by which the signal's entries are multiplied first.
    dtype : dtype, default=complex128
        complex64 or complex128.

    Attributes
    ----------
    row_gram : float
        1: ``A A* = I``.

    Raises
    ------
    TypeError, ValueError
        If rows are not ascending indices below n, signs not n numbers ±1, or dtype is not complex.

    Notes
    -----
    O(n log n) a product, by ``scipy.fft``, and one array of n numbers.

    References
    ----------
    E. Candès, J. Romberg, T. Tao. Robust uncertainty principles: exact signal reconstruction from highly incomplete
    frequency information. IEEE Transactions on Information Theory, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> A = PartialFourier(4, [0, 1])
    >>> A.matvec(np.array([1.0, 0, 0, 0])).round(4)
    array([0.5+0.j, 0.5+0.j])
    """

    def __init__(self, n: int, rows: Any, *, signs: Any = None, dtype: Any = np.complex128):
        dtype = np.dtype(dtype)
        if dtype not in (np.complex64, np.complex128):
            raise TypeError(f"dtype must be complex64 or complex128, got {dtype}")
        super().__init__(n, rows, signs, dtype)

    def _transform(self, X):
        return scipy.fft.fft(X, axis=0, norm="ortho", overwrite_x=True)

    def _inverse(self, X):
        return scipy.fft.ifft(X, axis=0, norm="ortho", overwrite_x=True)


def _on_parts(transform: Callable, X: np.ndarray) -> np.ndarray:
    if X.dtype.kind == "c":
        return _on_parts(transform, X.real.copy()) + 1j * _on_parts(transform, X.imag.copy())
    return transform(X, axis=0, norm="ortho", overwrite_x=True)


def _along(signs: np.ndarray, X: np.ndarray) -> np.ndarray:
    return signs if X.ndim == 1 else signs[:, None]


def _check_rows(rows: Any, n: int) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"rows must be integers, got dtype {rows.dtype}")
    if rows.ndim != 1 or not rows.size:
        raise ValueError(f"rows must be a vector with at least one index, got shape {rows.shape}")
    rows = rows.astype(np.intp)
    if rows[0] < 0 or rows[-1] >= n or np.any(np.diff(rows) <= 0):
        wrong = np.flatnonzero((rows < 0) | (rows >= n) | (np.diff(rows, prepend=-1) <= 0))[0]
        raise ValueError(
            f"rows must be ascending indices from 0 to {n - 1} without repetition, got {rows[wrong]} at index {wrong}"
        )
    return rows


def _check_signs(signs: Any, n: int) -> np.ndarray:
    signs = np.asarray(signs)
    if signs.shape != (n,):
        raise ValueError(f"signs must be {n} numbers ±1, got shape {signs.shape}")
    if wrong := np.flatnonzero(np.abs(signs) != 1).tolist():
        raise ValueError(f"signs must be {n} numbers ±1, got {signs[wrong[0]]} at index {wrong[0]}")
    return signs.real
