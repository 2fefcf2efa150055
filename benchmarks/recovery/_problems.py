"""The planted problems of the recovery benchmarks."""

from __future__ import annotations

import numpy as np

from sparsela.recovery import PartialWHT


def behind_an_operator(kind, n: int, m: int, k: int, dtype=np.float64):
    """Random rows of a DCT, or of a Hadamard transform with random signs, a k-sparse Gaussian x, its measurements."""
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(n, m, replace=False))
    T = rng.choice(n, k, replace=False)
    x = np.zeros(n, dtype)
    x[T] = rng.standard_normal(k)
    signs = {"signs": rng.choice([-1.0, 1.0], n)} if kind is PartialWHT else {}
    A = kind(n, rows, dtype=dtype, **signs)
    return A, A.matvec(x), x


def dense(m: int, n: int, k: int, noise: float = 0.0, seed: int = 0):
    """A Gaussian A of unit columns, y = A x plus noise of that relative norm, x with k Gaussian values."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    A /= np.linalg.norm(A, axis=0)
    x = np.zeros(n)
    x[rng.choice(n, k, replace=False)] = rng.standard_normal(k)
    y = A @ x
    e = rng.standard_normal(m)
    return A, y + noise * np.linalg.norm(y) / np.linalg.norm(e) * e, x


def autoregressive(m: int, n: int, k: int, rho: float, db: float, seed: int = 0):
    """Columns of a stationary sequence with correlation rho, k coefficients ±(0.5 … 1.5), noise at so many decibels."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n))
    for j in range(1, n):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    coef = np.zeros(n)
    coef[rng.choice(n, k, replace=False)] = rng.choice([-1, 1], k) * rng.uniform(0.5, 1.5, k)
    signal, e = X @ coef, rng.standard_normal(m)
    return X, signal + e * np.linalg.norm(signal) / np.linalg.norm(e) * 10 ** (-db / 20), coef


def error(found: np.ndarray, x: np.ndarray) -> float:
    return float(np.linalg.norm(found - x) / np.linalg.norm(x))
