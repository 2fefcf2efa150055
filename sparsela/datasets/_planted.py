"""Planted problems: the answer is known."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from sparsela._core.validation import check_count, check_positive

SIGNALS = ("gaussian", "sign", "uniform")


def make_sparse_signal(
    n_features: int,
    n_measurements: int,
    n_nonzero_coefs: int,
    *,
    signal: str = "gaussian",
    noise: float = 0.0,
    random_state=None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a Gaussian measurement of a sparse signal.

    Parameters
    ----------
    n_features : int
        Length of the signal.
    n_measurements : int
        Number of measurements.
    n_nonzero_coefs : int
        Number of non-zeros of the signal, at most n_features.
    signal : {"gaussian", "sign", "uniform"}, default="gaussian"
        Values of the non-zeros: N(0, 1), ±1, or uniform on [-1, 1].
    noise : float, default=0.0
        Standard deviation of white noise added to the measurements.
    random_state : None, int, RandomState or Generator
        Seed.

    Returns
    -------
    A : ndarray of shape (n_measurements, n_features)
        Independent N(0, 1 / n_measurements) entries.
    y : ndarray of shape (n_measurements,)
        ``A @ x`` plus noise.
    x : ndarray of shape (n_features,)
        The signal.

    Raises
    ------
    TypeError
        If a size is not an int or `noise` not a number.
    ValueError
        If a size is below 1, `n_nonzero_coefs` is above n_features, `noise` is negative or not finite, or `signal` is
        unknown.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(200, 100, 3, random_state=0)
    >>> A.shape, y.shape, int((x != 0).sum())
    ((100, 200), (100,), 3)
    """
    check_count(n_features, "n_features")
    check_count(n_measurements, "n_measurements")
    check_count(n_nonzero_coefs, "n_nonzero_coefs", high=n_features)
    if signal not in SIGNALS:
        raise ValueError(f"signal must be one of {SIGNALS}, got {signal!r}")
    check_positive(noise, "noise", allow_zero=True)
    rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
    A = rng.normal(size=(n_measurements, n_features)) / np.sqrt(n_measurements)
    x = np.zeros(n_features)
    support = rng.choice(n_features, n_nonzero_coefs, replace=False)
    if signal == "gaussian":
        x[support] = rng.normal(size=n_nonzero_coefs)
    elif signal == "sign":
        x[support] = rng.choice([-1.0, 1.0], n_nonzero_coefs)
    else:
        x[support] = rng.uniform(-1, 1, n_nonzero_coefs)
    y = A @ x
    if noise:
        y = y + noise * rng.normal(size=n_measurements)
    return A, y, x
