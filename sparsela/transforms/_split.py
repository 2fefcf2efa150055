"""Split a matrix into the factors of a butterfly architecture, with a bound on the error.

The factors found so far are kept in a canonical form: to the left of a centre every slice has orthonormal columns, to
its right orthonormal rows. An error made in the centre is then an error of the same Frobenius norm in the whole
product, which is what bounds the total by (J − 1) times the best. Moving the centre is a QR of small blocks.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from sparsela.transforms import _pairs
from sparsela.transforms._architecture import Pattern, product
from sparsela.transforms._slices import best_rank


def split(A: np.ndarray, chain: list[Pattern], tree: str, orthonormalize: bool) -> list[np.ndarray]:
    """Values of the factors of A along a chain without redundancy, of equal Frobenius norms."""
    whole = reduce(product, chain)
    pieces = _Canonical(_pairs.restrict(A, whole), whole, orthonormalize)
    _descend(pieces, 0, chain, tree)
    values = pieces.values
    lengths = [float(np.linalg.norm(v)) for v in values]
    if min(lengths) > 0:
        common = np.exp(np.mean(np.log(lengths)))
        values = [v * v.dtype.type(common / length) for v, length in zip(values, lengths, strict=True)]
    return values


def _descend(pieces: _Canonical, at: int, chain: list[Pattern], tree: str) -> None:
    """Split the piece at this position into the patterns of `chain`."""
    if len(chain) == 1:
        return
    cut = 1 if tree == "left-to-right" else (len(chain) + 1) // 2
    pieces.split(at, reduce(product, chain[:cut]), reduce(product, chain[cut:]))
    _descend(pieces, at + 1, chain[cut:], tree)
    _descend(pieces, at, chain[:cut], tree)


class _Canonical:
    """A chain of factors with its centre, like a matrix product state."""

    def __init__(self, T: np.ndarray, pattern: Pattern, orthonormalize: bool):
        self.patterns, self.values = [pattern], [T]
        self.centre, self.orthonormalize = 0, orthonormalize

    def split(self, i: int, left: Pattern, right: Pattern) -> None:
        while self.orthonormalize and self.centre != i:
            self._move(1 if i > self.centre else -1)
        slices = _pairs.as_slices(self.values[i], left, right)
        rank = _pairs.overlap(left, right)
        U, V = best_rank(slices, rank)
        if not self.orthonormalize:  # √σ to each side
            root = np.sqrt(np.linalg.norm(V, axis=-1, keepdims=True))
            V = np.divide(V, root, out=np.zeros_like(V), where=root > 0)
            U = U * root.swapaxes(-1, -2)
        self.patterns[i : i + 1] = [left, right]
        self.values[i : i + 1] = [_pairs.from_left(U, left), _pairs.from_right(V, right)]
        self.centre = i + 1

    def _move(self, step: int) -> None:
        i = self.centre if step > 0 else self.centre - 1
        left, right = self.patterns[i : i + 2]
        U = _pairs.left_slices(self.values[i], left, right)
        V = _pairs.right_slices(self.values[i + 1], left, right)
        if step > 0:
            U, R = _orthonormal(U)
            V = R * V if R.shape[-1] == 1 else np.matmul(R, V)
        else:
            Q, R = _orthonormal(V.conj().swapaxes(-1, -2))
            V, L = Q.conj().swapaxes(-1, -2), R.conj().swapaxes(-1, -2)
            U = U * L if L.shape[-1] == 1 else np.matmul(U, L)
        self.values[i : i + 2] = [_pairs.from_left(U, left), _pairs.from_right(V, right)]
        self.centre += step


def _orthonormal(U: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q, R of every slice of a stack of tall matrices; one column is only scaled, and a zero one stays."""
    if U.shape[-1] > 1:
        return np.linalg.qr(U)
    lengths = np.linalg.norm(U, axis=-2, keepdims=True)
    return np.divide(U, lengths, out=np.zeros_like(U), where=lengths > 0), lengths
