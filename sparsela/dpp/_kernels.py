"""Kernel functions of points, evaluated a block at a time: scikit-learn's by name, or a callable of blocks."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

BLOCK = 256  # points a call where only the diagonal is wanted
PROBE = 20
NATIVE = {"rbf": 0, "linear": 1, "poly": 1, "polynomial": 1}


class Kernel:
    """A kernel by one of scikit-learn's names, with its parameters fixed."""

    def __init__(self, name: str, gamma: float, degree: float, coef0: float):
        self.name = name
        self.family = NATIVE.get(name)  # what compiled trials know
        self.gamma, self.degree, self.coef0 = (1.0, 1.0, 0.0) if name == "linear" else (gamma, degree, coef0)

    def __call__(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        if self.family == 0:
            return _gaussian(X, Y, self.gamma)
        params = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return pairwise_kernels(X, Y, metric=self.name, filter_params=True, **params)

    def diag(self, X: np.ndarray) -> np.ndarray:
        if self.family == 0:
            return np.ones(len(X))
        if self.family == 1:
            return (self.gamma * np.einsum("ij,ij->i", X, X) + self.coef0) ** self.degree
        return blockwise_diagonal(self, X)


class CallableKernel:
    """A function of two blocks of points, with its own keywords."""

    family = None

    def __init__(self, function, params: dict):
        self.function = function
        self.params = params

    def __call__(self, X, Y):
        K = np.asarray(self.function(X, Y, **self.params))
        if K.shape != (len(X), len(Y)):
            raise ValueError(f"kernel(X, Y) must have shape {(len(X), len(Y))}, got {K.shape}")
        return K

    def diag(self, X):
        own = getattr(self.function, "diag", None)
        if own is None:
            return blockwise_diagonal(self, X)
        d = np.asarray(own(X), np.float64)
        if d.shape != (len(X),):
            raise ValueError(f"kernel.diag(X) must have shape {(len(X),)}, got {d.shape}")
        return d


def check_kernel(kernel, X, *, gamma=None, degree=3, coef0=1.0, kernel_params=None) -> Kernel | CallableKernel:
    """The kernel that is meant, tried on a few of the points: it must be finite, symmetric and semidefinite there."""
    if callable(kernel):
        made = CallableKernel(kernel, kernel_params or {})
    elif isinstance(kernel, str) and kernel in PAIRWISE_KERNEL_FUNCTIONS:
        if kernel_params is not None:
            raise ValueError("kernel_params go with a callable kernel")
        gamma = 1 / X.shape[1] if gamma is None else gamma
        if not isinstance(gamma, Real) or not 0 < gamma < np.inf:
            raise ValueError(f"gamma must be finite and positive, got {gamma!r}")
        made = Kernel(kernel, float(gamma), float(degree), float(coef0))
    else:
        names = ", ".join(sorted(PAIRWISE_KERNEL_FUNCTIONS))
        raise ValueError(f"kernel must be a callable or one of {names}, got {kernel!r}")
    probe = X[np.linspace(0, len(X) - 1, min(PROBE, len(X))).astype(int)]
    K = made(probe, probe)
    if np.iscomplexobj(K) or not np.isfinite(K).all():
        raise ValueError("kernel must return finite real numbers")
    gap, scale = np.abs(K - K.T).max(), np.abs(K).max()
    if gap > 1e-8 * scale:
        raise ValueError(f"kernel must be symmetric, but kernel(x, y) and kernel(y, x) differ by up to {gap:.3g}")
    if np.diagonal(K).min() < -1e-8 * scale or np.linalg.eigvalsh(K)[0] < -1e-6 * scale * len(K):
        lowest = np.linalg.eigvalsh(K)[0]
        raise ValueError(
            f"kernel must be positive semidefinite, its smallest eigenvalue on {len(K)} points is {lowest:.3g}"
        )
    return made


def blockwise_diagonal(kernel, X: np.ndarray) -> np.ndarray:
    out = np.empty(len(X))
    for first in range(0, len(X), BLOCK):
        rows = X[first : first + BLOCK]
        out[first : first + BLOCK] = np.diagonal(kernel(rows, rows))
    return out


def _gaussian(X: np.ndarray, Y: np.ndarray, gamma: float) -> np.ndarray:
    """exp(−γ ‖x − y‖²): the exponent is one product of rows with two columns more, from a common origin."""
    origin = Y[0]
    X, Y = X - origin, Y - origin
    left = np.hstack([2 * gamma * X, -gamma * np.einsum("ij,ij->i", X, X)[:, None], np.ones((len(X), 1))])
    right = np.hstack([Y, np.ones((len(Y), 1)), -gamma * np.einsum("ij,ij->i", Y, Y)[:, None]])
    K = left @ right.T
    np.minimum(K, 0, out=K)
    return np.exp(K, out=K)
