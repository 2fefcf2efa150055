"""Distances that do not see the global sign or phase."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_targets


def align_phase(x: Any, z: Any) -> np.ndarray:
    """Turn x by the factor of modulus 1 that brings it nearest to z.

    Parameters
    ----------
    x : array_like of shape (n,) or (n, n_targets), real or complex
        What is turned; unchanged.
    z : array_like of x's shape
        What it is brought near to.

    Returns
    -------
    ndarray of x's shape
        ``c x`` with ``c = ⟨x, z⟩ / |⟨x, z⟩|``, ±1 for real arrays, for each column; ``c = 1`` where they are
        orthogonal.

    Raises
    ------
    TypeError
        If they are not numeric.
    ValueError
        If the shapes differ or an entry is not finite.

    Notes
    -----
    O(size).

    References
    ----------
    E. Candès, X. Li, M. Soltanolkotabi. Phase retrieval via Wirtinger flow: theory and algorithms. IEEE Transactions on
    Information Theory, 2015.

    Examples
    --------
    >>> align_phase([1.0, -2.0, 3.0], [-1.1, 2.0, -2.9])
    array([-1.,  2., -3.])
    """
    x, z = _pair(x, z)
    return x * _factor(x, z)


@in_float_range
def phase_error(x: Any, z: Any) -> float | np.ndarray:
    """Relative distance of x from z, whatever the global sign or phase of x.

    Parameters
    ----------
    x : array_like of shape (n,) or (n, n_targets), real or complex
        An estimate.
    z : array_like of x's shape
        The truth.

    Returns
    -------
    float or ndarray of shape (n_targets,)
        ``min_c ‖c x − z‖ / ‖z‖`` over ``|c| = 1``. Of a zero z: 0 if x is zero too, else infinity.

    Raises
    ------
    TypeError
        If they are not numeric.
    ValueError
        If the shapes differ or an entry is not finite.

    Notes
    -----
    O(size).

    References
    ----------
    E. Candès, X. Li, M. Soltanolkotabi. Phase retrieval via Wirtinger flow: theory and algorithms. IEEE Transactions on
    Information Theory, 2015.

    Examples
    --------
    >>> phase_error([1.0, -2.0], [-1.0, 2.0])
    0.0
    >>> round(phase_error([1j, 0.0], [1.0, 1.0]), 4)
    0.7071
    """
    x, z = _pair(x, z)
    distance, size = np.linalg.norm(x * _factor(x, z) - z, axis=0), np.linalg.norm(z, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(distance == 0, 0.0, distance / size)
    return error if x.ndim > 1 else float(error)


def fix_phase(x: np.ndarray) -> np.ndarray:
    """x turned so that its entry of largest modulus, the first of them, is real and positive."""
    j = int(np.argmax(np.abs(x)))
    if x[j] == 0:
        return x
    if x.dtype.kind != "c":
        return -x if x[j] < 0 else x
    size = abs(x[j])
    turned = x * (np.conj(x[j]) / size)
    turned[j] = size  # real to the last bit
    return turned


def _pair(x: Any, z: Any) -> tuple[np.ndarray, np.ndarray]:
    x = check_targets(x, np.shape(x)[0] if np.ndim(x) else 0, "x")
    z = check_targets(z, len(x), "z")
    if z.shape != x.shape:
        raise ValueError(f"z must have x's shape {x.shape}, got {z.shape}")
    return x, z


def _factor(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    inner = np.sum(np.conj(x) * z, axis=0)
    size = np.abs(inner)
    return np.where(size > 0, inner / np.where(size > 0, size, 1), 1).astype(inner.dtype)
