"""A chain of factors times a panel of columns."""

from __future__ import annotations

import numpy as np

from sparsela.transforms._matrices import Factor


def multiply(parts: tuple[Factor, ...], scale, X: np.ndarray) -> np.ndarray:
    """``scale · S_1 … S_J X`` in the precision of the factors; a real chain takes a complex X as pairs of columns."""
    dtype = parts[-1].dtype
    if dtype.kind != "c" and (X.dtype.kind == "c" or isinstance(scale, complex)):
        pair = np.dtype(np.complex64 if dtype == np.float32 else np.complex128)
        X = np.ascontiguousarray(X, pair)
        real = X.view(dtype)
        return multiply(parts, scale, real).view(pair)
    Z = np.ascontiguousarray(X, dtype)
    for part in reversed(parts):
        Z = part.apply(Z)
    return Z if scale == 1 else np.multiply(Z, dtype.type(scale))
