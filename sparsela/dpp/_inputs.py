"""Checks of kernels and of sets of items, and the eigenvectors that the spectral samplers stand on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cholesky, eigh, eigvalsh, qr, svd

from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_matrix, check_psd, check_symmetric

ROUNDING = 1e-8
SMALL = 1000  # order of a matrix below which a second BLAS thread costs more than it saves


class Spectrum(NamedTuple):
    """L = V diag(lam) Vᴴ without its null space, lam ascending; V (n, r) in Fortran order."""

    lam: np.ndarray
    V: np.ndarray


def working(a: np.ndarray) -> np.ndarray:
    """In double precision: sets are integers, and their probabilities determinants."""
    return np.ascontiguousarray(a, np.complex128 if np.iscomplexobj(a) else np.float64)


def check_likelihood(L, name: str = "L", *, check: bool = True) -> np.ndarray:
    L = working(check_matrix(L, name, allow_complex=True))
    if L.shape[0] != L.shape[1]:
        raise ValueError(f"{name} must be square, got shape {L.shape}")
    return check_psd(L, name) if check else L


def check_marginal(K, *, check: bool = True) -> np.ndarray:
    K = working(check_matrix(K, "K", allow_complex=True))
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")
    if not check:
        return K
    check_symmetric(K, "K")
    eye = np.eye(len(K))
    try:
        for a in (K, eye - K):
            cholesky(a + ROUNDING * eye, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        low, high = eigvalsh(K, check_finite=False)[[0, -1]]
        raise ValueError(f"K must have eigenvalues between 0 and 1, they go from {low:.9g} to {high:.9g}") from None
    return K


def check_factor(B, name: str = "factor") -> np.ndarray:
    if sp.issparse(B):
        raise TypeError(f"{name} must be a dense array, got {type(B).__name__}")
    return working(check_matrix(B, name, allow_complex=True))


def check_items(S, n: int, name: str = "S", *, distinct: bool = True) -> np.ndarray:
    """Items of {0 … n − 1} as int64, in the order given, distinct if they are a set; empty is a set too."""
    S = np.asarray(S)
    if S.size == 0:
        return np.empty(0, np.int64)
    if S.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {S.dtype}")
    if S.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got shape {S.shape}")
    if S.min() < 0 or S.max() >= n:
        raise ValueError(f"{name} must hold items from 0 to {n - 1}, got {S.min() if S.min() < 0 else S.max()}")
    if distinct and len(np.unique(S)) < len(S):
        raise ValueError(f"{name} must hold distinct items, got {S.tolist()}")
    return S.astype(np.int64)


def threads_for(order: int):
    return one_blas_thread() if order < SMALL else nullcontext()


def spectrum_of(L: np.ndarray) -> Spectrum:
    with threads_for(len(L)):
        lam, V = eigh(L, check_finite=False)
    kept = lam > max(lam[-1], 0) * len(L) * 10 * np.finfo(float).eps
    return Spectrum(lam[kept], np.asfortranarray(V[:, kept]))


def spectrum_of_factor(B: np.ndarray) -> Spectrum:
    """Of L = B Bᴴ by an SVD of the smaller side: small eigenvalues are right to eps² of the largest, and none n × n."""
    with threads_for(min(B.shape)):
        if B.shape[0] > B.shape[1]:
            Q, R = qr(B, mode="economic", check_finite=False)
            U, sigma, _ = svd(R, full_matrices=False, check_finite=False)
            U = Q @ U
        else:
            U, sigma, _ = svd(B, full_matrices=False, check_finite=False)
    kept = np.flatnonzero(sigma > sigma[0] * max(B.shape) * np.finfo(float).eps)[::-1]
    return Spectrum(sigma[kept] ** 2, np.asfortranarray(U[:, kept]))


def check_points(X) -> np.ndarray:
    """Points as rows, float64."""
    if sp.issparse(X):
        raise TypeError(f"X must be a dense array, got {type(X).__name__}")
    return working(check_matrix(X, "X"))


def rows_of(out: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    return [row[:size].copy() for row, size in zip(out, sizes, strict=True)]
