"""Planted problems of phase retrieval: magnitudes without signs."""

from __future__ import annotations

import numpy as np

from sparsela._core.random import random_stream
from sparsela._core.validation import check_count, check_positive


def make_phaseless(
    n_features: int,
    n_measurements: int,
    n_nonzero_coefs: int,
    complex: bool = False,
    noise: float = 0.0,
    random_state=None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the magnitudes of a Gaussian measurement of a sparse signal.

    Parameters
    ----------
    n_features : int
        Length of the signal.
    n_measurements : int
        Number of magnitudes.
    n_nonzero_coefs : int
        Number of non-zeros of the signal, at most n_features.
    complex : bool, default=False
        Whether signal and matrix are complex.
    noise : float, default=0.0
        Standard deviation of white noise added to the magnitudes, of which the modulus is taken.
    random_state : None, int, RandomState or Generator
        Seed.

    Returns
    -------
    A : ndarray of shape (n_measurements, n_features)
        Independent N(0, 1) entries; complex ones have variance 1 in all.
    y : ndarray of shape (n_measurements,)
        ``| |A x| + noise |``.
    x : ndarray of shape (n_features,)
        The signal, of norm 1, with Gaussian values on a uniformly drawn support.

    Raises
    ------
    TypeError
        If a size is not an int or `noise` not a number.
    ValueError
        If a size is below 1, `n_nonzero_coefs` is above n_features, or `noise` is negative or not finite.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> A, y, x = make_phaseless(100, 60, 4, random_state=0)
    >>> A.shape, y.shape, int((x != 0).sum()), bool((y >= 0).all())
    ((60, 100), (60,), 4, True)
    """
    n, m = check_count(n_features, "n_features"), check_count(n_measurements, "n_measurements")
    s = check_count(n_nonzero_coefs, "n_nonzero_coefs", high=n)
    noise = check_positive(noise, "noise", allow_zero=True)
    rng = random_state if isinstance(random_state, np.random.Generator) else random_stream(random_state)

    def normal(*size):
        return rng.normal(size=size) + 1j * rng.normal(size=size) if complex else rng.normal(size=size)

    A = normal(m, n)
    if complex:
        A /= np.sqrt(2)
    x = np.zeros(n, A.dtype)
    x[rng.choice(n, s, replace=False)] = normal(s)
    x /= np.linalg.norm(x)
    y = np.abs(A @ x)
    if noise:
        y = np.abs(y + noise * rng.normal(size=m))
    return A, y, x
