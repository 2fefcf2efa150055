"""Planted problems for the tests of this folder."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning


def planted(m, n, k, signal, trial, cond=None):
    """A Gaussian A of entries N(0, 1/m), or of the given condition number, y = A x, x; seeded by k and trial."""
    rng = np.random.default_rng(1000 * k + trial)
    A = rng.standard_normal((m, n)) / np.sqrt(m)
    T = rng.choice(n, k, replace=False)
    x = np.zeros(n)
    x[T] = rng.standard_normal(k) if signal == "gaussian" else rng.choice([-1.0, 1.0], k)
    if cond:
        U, _, Vh = np.linalg.svd(A, full_matrices=False)
        A = U * np.logspace(0, -np.log10(cond), m) @ Vh
    return A, A @ x, x


def close(found, x, tol=1e-4):
    return np.linalg.norm(found - x) <= tol * np.linalg.norm(x)


def success(solve, m, n, k, signal, n_trials, cond=None):
    """The share of trials in which ``solve(A, y, k)`` finds x."""
    hits = 0
    for trial in range(n_trials):
        A, y, x = planted(m, n, k, signal, trial, cond)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            hits += close(solve(A, y, k).x, x)
    return hits / n_trials


def partial_dct(n, m, k, signal="gaussian", seed=1):
    """Rows of a DCT, a k-sparse x and its measurements, in the order rows, support, values of one generator."""
    from sparsela.recovery import PartialDCT

    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, m, replace=False))
    T = rng.choice(n, k, replace=False)
    x = np.zeros(n)
    x[T] = rng.standard_normal(k) if signal == "gaussian" else rng.choice([-1.0, 1.0], k)
    A = PartialDCT(n, rows)
    return A, A.matvec(x), x
