"""Where to grow: the largest gradients of missing weights found by blocks, and weights shared out among layers."""

from __future__ import annotations

import numpy as np

from sparsela._core.threads import effective_n_jobs
from sparsela._ext import spmm as native
from sparsela.nn._linear import SparseLinear

BLOCK = 64  # rows of the dense gradient that exist at a time


class DenseGradient:
    """The gradient ``dZ Xᵀ`` of all weights of a layer, stored or not: blocks of rows, never the whole.

    Parameters
    ----------
    dZ : ndarray of shape (n_out, B)
        Gradient with respect to the layer's output, of one batch or several side by side.
    X : ndarray of shape (n_in, B)
        The layer's input.
    """

    def __init__(self, dZ: np.ndarray, X: np.ndarray):
        self.dZ, self.X = dZ, X

    def on_support(self, layer: SparseLinear) -> np.ndarray:
        """The gradient of the stored weights."""
        g = np.empty(layer.nnz, self.dZ.dtype)
        native.sddmm(layer.indptr, layer.indices, self.dZ, self.X, g, effective_n_jobs())
        return g

    def rows(self, first: int, last: int) -> np.ndarray:
        """|dZ Xᵀ| of some rows."""
        G = self.dZ[first:last] @ self.X.T
        return np.abs(G, out=G)

    def largest(self, m: int, excluded: np.ndarray) -> np.ndarray:
        """The m positions of the largest |gradient| that are not among `excluded` (ascending); ties to the lowest.

        A running list of candidates is cut back to the best m whenever it has grown to twice that.
        """
        n_out, n_in = self.dZ.shape[0], self.X.shape[0]
        keys, scores, bar = np.zeros(0, np.int64), np.zeros(0, self.dZ.dtype), -1.0
        if m == 0:
            return keys
        for first in range(0, n_out, BLOCK):
            last = min(n_out, first + BLOCK)
            G = self.rows(first, last).ravel()
            low, high = np.searchsorted(excluded, (first * n_in, last * n_in))
            G[excluded[low:high] - first * n_in] = -2
            better = np.flatnonzero(bar < G)  # of equal scores the earlier stay
            keys = np.concatenate([keys, better + first * n_in])
            scores = np.concatenate([scores, G[better]])
            if keys.size >= 2 * m or last == n_out:
                best = top(scores, m)
                keys, scores = keys[best], scores[best]
                if keys.size == m:
                    bar = scores.min()
        return keys


def top(scores: np.ndarray, m: int) -> np.ndarray:
    """Indices of the m largest scores, ascending; of equal ones the first."""
    if m >= scores.size:
        return np.arange(scores.size)
    if m == 0:
        return np.zeros(0, np.int64)
    bar = np.partition(scores, scores.size - m)[scores.size - m]
    chosen = scores > bar
    equal = np.flatnonzero(scores == bar)
    chosen[equal[: m - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)


def grow_in_rows(gradient: DenseGradient, kept: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Positions of the wanted[i] largest |gradients| of each row i that are not kept."""
    n_in, grown = gradient.X.shape[0], []
    for first in range(0, wanted.size, BLOCK):
        last = min(wanted.size, first + BLOCK)
        if not wanted[first:last].any():
            continue
        G = gradient.rows(first, last)
        low, high = np.searchsorted(kept, (first * n_in, last * n_in))
        G.ravel()[kept[low:high] - first * n_in] = -1
        for i in np.flatnonzero(wanted[first:last]):
            grown.append((first + i) * n_in + top(G[i], wanted[first + i]))
    return np.concatenate(grown) if grown else np.zeros(0, np.int64)


def share_out(total: int, share: np.ndarray, dropped: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Whole numbers that sum to `total`, near total · share, none above 0.99 of the free places while others have room.

    What a full layer cannot take goes evenly to the others; with all of them full, back to where it was dropped.
    """
    cap = np.maximum((0.99 * free).astype(np.int64), np.minimum(free, dropped))
    grown = np.minimum((total * share).astype(np.int64), cap)
    while (left := total - int(grown.sum())) > 0:
        room = np.flatnonzero(grown < cap)
        if left < room.size:
            remainder = total * share[room] - grown[room]
            room = room[np.argsort(-remainder, kind="stable")[:left]]
        each = max(1, left // room.size)
        grown[room] += np.minimum(each, cap[room] - grown[room])
    return grown
