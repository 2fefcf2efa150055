"""Directions that a batch of rows adds to a right factor, as coordinates.

The part of the rows E (s, n) outside the span of V is ``X = Eᵀ − V Pᵀ`` with ``P = E V``: sparse minus a combination of
orthonormal vectors. ``Xᵀ X = E Eᵀ − P Pᵀ``, so products of such columns need neither X nor anything of length n.
Each function takes that (s, s) matrix, or its product with vectors, and returns

- Y (s, r): the directions are ``Q = X Y``, orthonormal;
- block (s, r): ``Xᵀ Q``, what the small matrix of the update needs of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh, qr

Product = Callable[[np.ndarray], np.ndarray]


class Residual:
    """``Xᵀ X`` of a batch: as an operator, and written out where it must be."""

    def __init__(self, S: np.ndarray | sp.csr_array, P: np.ndarray, rank_tol: float):
        self._S, self._P = S, P
        self.size = S.shape[0]
        # relative to the rows as they came: what is below is their rounding
        self.floor = rank_tol * float(S.diagonal().max(initial=0))

    def __call__(self, Y: np.ndarray) -> np.ndarray:
        return self._S @ Y - self._P @ (self._P.T @ Y)

    def toarray(self) -> np.ndarray:
        S = self._S.toarray() if sp.issparse(self._S) else self._S
        G = S - self._P @ self._P.T
        return (G + G.T) / 2


def full(gram: Residual) -> tuple[np.ndarray, np.ndarray]:
    """All directions, by the eigenvectors of XᵀX. Those below √floor are rounding and are dropped."""
    values, W = eigh(gram.toarray(), check_finite=False)
    kept = values > gram.floor
    W, roots = W[:, kept][:, ::-1], np.sqrt(values[kept][::-1])
    return W / roots, W * roots


def golub_kahan(gram: Residual, n_augment: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The directions that Golub–Kahan bidiagonalization of X finds in `n_augment` steps (Vecharynski and Saad)."""
    _, _, _, Y = bidiagonalize(gram, n_augment, rng)
    return orthonormal(gram, Y)


def power(gram: Residual, n_augment: int, n_iter: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The leading directions of X by `n_iter` rounds of block power iteration."""
    Omega = rng.standard_normal((gram.size, min(n_augment, gram.size)))
    for _ in range(n_iter):
        Omega = qr(Omega, mode="economic", check_finite=False)[0]
        Y, Omega = orthonormal(gram, Omega)
    return Y, Omega


def orthonormal(gram: Residual, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y turned such that X Y is orthonormal, and its block; dependent directions are dropped."""
    block = gram(Y)
    H = Y.T @ block
    values, W = eigh((H + H.T) / 2, check_finite=False)
    kept = values > gram.floor
    W = W[:, kept][:, ::-1] / np.sqrt(values[kept][::-1])
    return Y @ W, block @ W


def bidiagonalize(gram: Residual, n_steps: int, rng: np.random.Generator):
    """``Xᵀ Q = P₊ Bᵀ``: P₊ (s, l + 1), diagonal α (l,) and superdiagonal β (l,) of B, and Y with ``Q = X Y``."""
    s, n_steps = gram.size, min(n_steps, gram.size)
    P, alpha, beta, Y = np.zeros((s, n_steps + 1)), np.zeros(n_steps), np.zeros(n_steps), np.zeros((s, n_steps))
    start = rng.standard_normal(s)
    P[:, 0] = start / np.linalg.norm(start)
    for i in range(n_steps):
        y = P[:, i] - (beta[i - 1] * Y[:, i - 1] if i else 0)  # X y = X p_i − β_{i−1} q_{i−1}
        image = gram(y)
        square = float(y @ image)
        if square <= max(gram.floor, 1e-24 * alpha[0] ** 2):
            return P[:, : i + 1], alpha[:i], beta[:i], Y[:, :i]
        alpha[i] = np.sqrt(square)
        Y[:, i] = y / alpha[i]
        following = image / alpha[i]  # Xᵀ q_i
        for _ in range(2):
            following -= P[:, : i + 1] @ (P[:, : i + 1].T @ following)
        beta[i] = np.linalg.norm(following)
        if beta[i] < 1e-12 * alpha[0]:
            beta[i] = 0
            return P[:, : i + 2], alpha[: i + 1], beta[: i + 1], Y[:, : i + 1]
        P[:, i + 1] = following / beta[i]
    return P, alpha, beta, Y


def directions(gram: Residual, augmentation: str, n_augment: int, n_power_iter: int, rng):
    """(Y, block) by the name of the augmentation."""
    if augmentation == "full" or gram.size == 0:
        return full(gram)
    if augmentation == "gkl":
        return golub_kahan(gram, n_augment, rng)
    return power(gram, n_augment, n_power_iter, rng)
