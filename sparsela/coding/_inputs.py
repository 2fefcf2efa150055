"""What a coder is given, checked once: signals, dictionary, Gram matrix, sparsity, tolerance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_array

from sparsela._core.validation import check_matrix, check_symmetric

UNIT_NORM_TOL = 1e-6  # atoms whose norm is farther from 1 are normalised, and their codes scaled back


class Atoms(NamedTuple):
    """A dictionary ready for the kernels."""

    D: np.ndarray  # (n_components, n_features), C order
    G: np.ndarray  # (n_components, ld): its Gram matrix, padded with zeros to a multiple of 64 bytes
    norms: np.ndarray | None  # what the rows were divided by; None when they came with unit norm


def check_signals(X, dictionary, finite: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """X and dictionary as finite, real, two-dimensional arrays of one floating type and as many columns.

    X is not copied to C order here: blocks of it are, as they are coded. Under a mask it need not be finite.
    """
    X, D = check_real(X, "X", finite), check_real(dictionary, "dictionary")
    if X.shape[1] != D.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} features and the atoms of the dictionary have {D.shape[1]}; they must be equal"
        )
    return X, np.ascontiguousarray(D, dtype=np.result_type(X, D))


def check_real(X, name: str, finite: bool = True) -> np.ndarray:
    """A finite, non-empty, two-dimensional array of float32 or float64 (integers become float64)."""
    with np.errstate(over="ignore", invalid="ignore"):  # the sum behind the test for NaN may overflow on finite data
        return check_array(X, dtype=[np.float64, np.float32], input_name=name, ensure_all_finite=finite)


def row_norms(D: np.ndarray) -> np.ndarray:
    """ℓ2 norms of the rows in float64, safe from overflow and underflow."""
    largest = np.abs(D).max(axis=1).astype(np.float64)
    scale = np.where(largest > 0, largest, 1.0)
    return scale * np.linalg.norm(D / scale[:, None], axis=1)


def check_no_zero_atom(norms: np.ndarray, name: str = "dictionary") -> np.ndarray:
    """Return the norms if none is zero; a zero atom has no direction and no code."""
    zero = np.flatnonzero(norms == 0)
    if zero.size:
        raise ValueError(f"{name} must have no zero atom; row {zero[0]} is zero ({zero.size} in all)")
    return norms


def unit_atoms(D: np.ndarray, gram=None) -> Atoms:
    """The dictionary with unit rows and its padded Gram matrix."""
    norms = check_no_zero_atom(row_norms(D))
    if gram is not None:
        gram = check_gram(gram, D)
    if np.abs(norms - 1).max() <= UNIT_NORM_TOL:
        return Atoms(D, pad_gram(D, gram), None)
    D = (D / norms[:, None]).astype(D.dtype)
    if gram is not None:
        gram = gram / norms[:, None] / norms
    return Atoms(D, pad_gram(D, gram), norms)


def pad_gram(D: np.ndarray, gram: np.ndarray | None = None) -> np.ndarray:
    """D Dᵀ (or `gram`) in rows of a multiple of 64 bytes, the padding zero."""
    K, lanes = D.shape[0], 64 // D.itemsize
    G = np.zeros((K, -(-K // lanes) * lanes), D.dtype)
    if gram is None:
        np.matmul(D, D.T, out=G[:, :K])
    else:
        G[:, :K] = gram
    return G


def check_gram(gram, D: np.ndarray) -> np.ndarray:
    """The precomputed Gram matrix, if it has the shape of D Dᵀ and is symmetric."""
    K = D.shape[0]
    return check_symmetric(check_matrix(gram, "gram", n_rows=K, n_columns=K), "gram").astype(D.dtype, copy=False)


def check_sparsity(n_nonzero_coefs, n_samples: int, n_features: int, n_atoms: int) -> np.ndarray:
    """The number of non-zeros as an int32 array of length 1 or n_samples."""
    limit = min(n_features, n_atoms)
    k = np.atleast_1d(np.asarray(n_nonzero_coefs))
    if k.dtype.kind not in "iu" or k.ndim != 1 or k.size not in (1, n_samples):
        raise ValueError(
            f"n_nonzero_coefs must be an int or an int array of shape ({n_samples},), got {n_nonzero_coefs!r}"
        )
    if k.min() < 1 or k.max() > limit:
        bad = k[(k < 1) | (k > limit)][0]
        raise ValueError(
            f"n_nonzero_coefs must be between 1 and min(n_features, n_components) = min({n_features}, {n_atoms}) = "
            f"{limit}, got {bad}"
        )
    return k.astype(np.int32)


def check_tolerance(tol, n_samples: int, name: str = "tol") -> np.ndarray:
    """The bound on the squared residual as a float64 array of length 1 or n_samples."""
    try:
        bound = np.atleast_1d(np.asarray(tol, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number or an array of shape ({n_samples},), got {tol!r}") from None
    if bound.ndim != 1 or bound.size not in (1, n_samples):
        raise ValueError(f"{name} must be a number or an array of shape ({n_samples},), got shape {bound.shape}")
    if not np.all(bound >= 0):
        raise ValueError(f"{name} must be at least 0 (a bound on the squared residual norm), got {bound.min()}")
    return bound
