"""Projections onto sets of sparse vectors: the k largest entries, the ℓ1 ball. Public through `prox`."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.elementwise import elementwise, numbers
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_dtype, check_finite, check_positive

SERIAL = 1 << 16  # entries below which starting threads costs more than they save


def top_k(z: Any, k: int, *, n_jobs: int | None = None) -> np.ndarray:
    """Indices of the k entries largest in magnitude, ascending, along the last axis.

    Parameters
    ----------
    z : array_like of shape (n,) or (n_rows, n), real or complex
        What is selected from.
    k : int
        How many, from 0 to n.
    n_jobs : int or None, default=None
        Threads over the rows; None is the library's setting.

    Returns
    -------
    ndarray of int64 of shape (k,) or (n_rows, k)
        Among equals the lowest indices are taken. NaN counts as infinite.

    Raises
    ------
    TypeError
        If z is not numeric or k not an int.
    ValueError
        If z has neither 1 nor 2 dimensions, or k is not between 0 and n.

    Notes
    -----
    By selection, never a sort: O(n) a row, expected, for any input.

    References
    ----------
    R. Floyd, R. Rivest. Expected time bounds for selection. Communications of the ACM, 1975.

    Examples
    --------
    >>> top_k([1.0, -3.0, 2.0, 3.0], 2)
    array([1, 3])
    >>> top_k([1.0, -3.0, 2.0, 3.0], 1)
    array([1])
    """
    z = _rows(z)
    return _select(z, check_count(k, "k", low=0, high=z.shape[-1]), n_jobs)[0]


def hard_threshold_rows(z: Any, k: int, *, n_jobs: int | None = None) -> np.ndarray:
    """Keep the k entries of each row that are largest in magnitude, zeros elsewhere: the projection onto k-sparse rows.

    Parameters
    ----------
    z : array_like of shape (n,) or (n_rows, n), real or complex
        What is projected; unchanged.
    k : int
        How many are kept, from 0 to n.
    n_jobs : int or None, default=None
        Threads over the rows; None is the library's setting.

    Returns
    -------
    ndarray of z's shape
        Among equals the lowest indices are kept.

    Raises
    ------
    TypeError
        If z is not numeric or k not an int.
    ValueError
        If z has neither 1 nor 2 dimensions, or k is not between 0 and n.

    Notes
    -----
    By selection (:func:`top_k`), O(n) a row.

    References
    ----------
    T. Blumensath, M. Davies. Iterative hard thresholding for compressed sensing. Applied and Computational Harmonic
    Analysis, 2009.

    Examples
    --------
    >>> hard_threshold_rows([[1.0, -3.0, 2.0], [0.0, 0.5, 0.5]], 1)
    array([[ 0. , -3. ,  0. ],
           [ 0. ,  0.5,  0. ]])
    """
    z = _rows(z)
    indices, values = _select(z, check_count(k, "k", low=0, high=z.shape[-1]), n_jobs)
    kept = np.zeros(z.shape, z.dtype)
    np.put_along_axis(kept, indices, values, axis=-1)
    return kept


def project_l1_ball(z: Any, tau: float) -> np.ndarray:
    """The point nearest to z with ``‖x‖₁ ≤ tau``.

    Parameters
    ----------
    z : array_like of any shape, real or complex, finite
        What is projected, as one vector; unchanged.
    tau : float
        Radius, finite and at least 0.

    Returns
    -------
    ndarray of z's shape
        z itself (a copy) where it lies in the ball, else z soft-thresholded so that ``‖x‖₁ = tau`` to rounding.

    Raises
    ------
    TypeError
        If z is not numeric.
    ValueError
        If z has NaN or infinite entries or tau is negative.

    Notes
    -----
    The threshold is found by Condat's pivot search, O(size) expected, without a sort.

    References
    ----------
    L. Condat. Fast projection onto the simplex and the l1 ball. Mathematical Programming, 2016.

    Examples
    --------
    >>> project_l1_ball([3.0, -1.0, 0.5], 2.0)
    array([2., 0., 0.])
    """
    from sparsela._ext.l1_ball import threshold  # brings Numba, which nobody waits for at import

    z = numbers(z)
    check_finite(z, "z")
    tau = check_positive(tau, "tau", allow_zero=True)
    return elementwise("soft", z, threshold(np.abs(z).ravel(), tau), out=None)


def _rows(z: Any) -> np.ndarray:
    z = np.asarray(z)
    if z.ndim not in (1, 2):
        raise ValueError(f"z must have 1 or 2 dimensions, got shape {z.shape}")
    return np.ascontiguousarray(z, check_dtype(z.dtype, "z"))


def _select(z: np.ndarray, k: int, n_jobs: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices and values of the k largest of every row of a contiguous array."""
    from sparsela._ext.topk import topk

    sizes = np.atleast_2d(np.abs(z) if z.dtype.kind == "c" else z)  # moduli: squares would leave the range
    indices = np.empty((len(sizes), k), np.int64)
    values = np.empty((len(sizes), k), sizes.dtype)
    n_threads = effective_n_jobs(n_jobs) if z.size > SERIAL else 1
    topk(sizes, indices, values, n_threads)
    indices = indices.reshape(*z.shape[:-1], k)
    if z.dtype.kind == "c":
        return indices, np.take_along_axis(z, indices, axis=-1)
    return indices, values.reshape(*z.shape[:-1], k)
