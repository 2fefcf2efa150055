"""Signals of which some coordinates are not seen: checks, and the dictionary on the coordinates that are."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, issparse

from sparsela._core.validation import check_finite

LEAST_OBSERVED = 1e-12  # an atom with a smaller squared norm on what is seen, of unit norm in all, is out


def check_mask(mask, X: np.ndarray) -> np.ndarray | None:
    """A mask (n_features,) or (n_samples, n_features) of bool, True where X is seen; None where all of it is."""
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must be an array of bool, True where X is observed, got dtype {mask.dtype}")
    if mask.shape not in (X.shape[1:], X.shape):
        raise ValueError(f"mask must have shape {X.shape[1:]} or {X.shape}, as X, got {mask.shape}")
    for start in range(0, len(X), 4096):
        some = slice(start, start + 4096)
        check_finite(X[some][np.broadcast_to(mask if mask.ndim == 1 else mask[some], X[some].shape)], "X[mask]")
    if mask.all():
        return None
    if mask.ndim == 2 and (mask == mask[0]).all():
        return mask[0]
    return mask


def observed_atoms(D: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The atoms on the coordinates of a shared mask, and which of them are left."""
    D_seen = D[:, mask]
    energy = np.einsum("ij,ij->i", D_seen, D_seen, dtype=np.float64)
    left = np.flatnonzero(energy > LEAST_OBSERVED * np.einsum("ij,ij->i", D, D, dtype=np.float64))
    return np.ascontiguousarray(D_seen[left]), left


def spread(codes, left: np.ndarray, n_atoms: int):
    """Codes over the atoms that were left, as codes over all of them."""
    if issparse(codes):
        return csr_array(
            (codes.data, left[codes.indices].astype(codes.indices.dtype), codes.indptr), (codes.shape[0], n_atoms)
        )
    out = np.zeros((codes.shape[0], n_atoms), codes.dtype)
    out[:, left] = codes
    return out


def nothing(n_samples: int, n_atoms: int, dtype, sparse_output: bool):
    """The codes of signals of which nothing is seen."""
    return csr_array((n_samples, n_atoms), dtype=dtype) if sparse_output else np.zeros((n_samples, n_atoms), dtype)


def transposed(D: np.ndarray, ld: int) -> np.ndarray:
    """D transposed, its rows padded with zeros to ld, as the kernels take it beside a mask."""
    Dt = np.zeros((D.shape[1], ld), D.dtype)
    Dt[:, : D.shape[0]] = D.T
    return Dt


NO_MASK = np.empty((0, 0), np.uint8)
