"""Sketches through the Hadamard transform: sampled entries of it (SRHT), or a sparse matrix behind it (FastJL).

Random signs (stream 0) and the transform spread any vector over all D entries, D the next power of two; then k of them
are taken (rows by the smallest hashes of stream 1), or k sparse dot products: the gaps between the non-zeros of row r
are 1 + ⌊ln u / ln(1 − q)⌋ with u the uniform number of stream 2 and counter r·2³² + t, their values the normal pairs of
stream 3 and counters r·2³² + t, t even, and the next.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from sparsela._core.random import sign_hash, subset_hash, uniform_hash
from sparsela._core.validation import check_indices
from sparsela._ext import srht as kernel
from sparsela.sketch._inputs import csr_parts, refuse, row_blocks, threads
from sparsela.transforms import fwht, next_pow2

ROW = 1 << 32  # counters of a row of P
COPY = 1 << 20  # numbers of the transforms that an adjoint holds at a time


class SampledRows:
    """k distinct rows of the transform: √(1/k) R H̄ D_s, an exact isometry for k = D."""

    def __init__(self, n_components: int, seed: int, n_features: int):
        D = next_pow2(n_features)
        self.cols = subset_hash(D, n_components, seed=seed, stream=1)
        self.vals, self.start = np.empty(0), np.empty(0, np.int64)
        self.scale = n_components**-0.5

    def back(self, Y: np.ndarray, D: int) -> np.ndarray:
        Z = np.zeros((len(Y), D), Y.dtype)
        Z[:, self.cols] = Y
        return Z


class SparseRows:
    """k rows of D entries, each there with probability q: N(0, 1/q), or ±1/√q where entries="sign"."""

    def __init__(self, n_components: int, seed: int, n_features: int, q: float, entries: str):
        D = next_pow2(n_features)
        rows, self.cols = bernoulli_rows(n_components, D, q, seed)
        counts = np.bincount(rows, minlength=n_components)
        self.start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        t = np.arange(len(rows)) - self.start[rows]  # place within the row
        counter = rows.astype(np.int64) * ROW + t
        values = normal_of(counter, seed) if entries == "gaussian" else sign_hash(counter, seed=seed, stream=3)
        self.vals = values * q**-0.5
        self.scale = (n_components * D) ** -0.5
        self.shape = (n_components, D)

    def back(self, Y: np.ndarray, D: int) -> np.ndarray:
        P = sp.csr_array((self.vals.astype(np.empty(0, Y.dtype).real.dtype), self.cols, self.start), shape=self.shape)
        return np.ascontiguousarray((P.T @ Y.T).T)


class HadamardSketch:
    """S = scale P H̄ D_s with P a selection or a sparse matrix, and the products with it."""

    sparse = False

    def __init__(self, P: SampledRows | SparseRows, n_components: int, n_features: int, seed: int):
        self.P, self.n_components, self.n_features = P, n_components, n_features
        self.seed, self.D = seed, next_pow2(n_features)
        self.blind = not len(P.cols)  # an empty matrix sees nothing; any entry sees NaN wherever it is in the row

    @cached_property
    def _flips(self) -> np.ndarray:
        """A bit for each entry, set where its sign is flipped."""
        flipped = sign_hash(np.arange(max(16, self.D)), seed=self.seed) < 0
        return np.packbits(flipped, bitorder="little")

    def _how(self, dtype) -> tuple:
        P = self.P
        return self._flips, self.D, P.cols, P.vals.astype(dtype), P.start, P.scale

    def rows(self, X, out: np.ndarray, add: bool = True) -> None:
        """out = X S', or += with add, for real X."""
        how, jobs = self._how(X.dtype), threads(len(out) * self.D)
        if sp.issparse(X):
            refuse(kernel.csr_rows(*csr_parts(X), self.n_features, *how, add, out, jobs))
            return
        for part, block in row_blocks(X):
            kernel.rows(block, *how, add, out[part], jobs)

    def axis0(self, X, ids: np.ndarray | None, out: np.ndarray) -> None:
        """out += S X, for real X; ids are 0 ... n_features - 1 and not looked at."""
        if sp.issparse(X):
            check_indices(X, "X")
            part = np.zeros(out.shape[::-1], out.dtype)
            self.rows(X.tocsc().T, part)
            out += part.T
            return
        X = X if X.strides[1] == X.itemsize and X.flags.aligned else np.ascontiguousarray(X)
        kernel.axis0(X, *self._how(X.dtype), out, threads(out.shape[1] * self.D))

    def columns(self, ids: np.ndarray, dtype=np.float64) -> np.ndarray:
        out = np.zeros((len(ids), self.n_components), dtype)
        one = np.ones(len(ids), dtype)
        self.rows(sp.csr_array((one, ids, np.arange(len(ids) + 1)), shape=(len(ids), self.n_features)), out)
        return out.T

    def adjoint(self, Y: np.ndarray) -> np.ndarray:
        """Y S."""
        real = np.empty(0, Y.dtype).real.dtype
        out = np.empty((len(Y), self.n_features), Y.dtype)
        signs = (sign_hash(np.arange(self.n_features), seed=self.seed) * self.P.scale).astype(real)
        step = max(1, COPY // self.D)
        for first in range(0, len(Y), step):
            part = slice(first, first + step)
            Z = self.P.back(Y[part], self.D)
            out[part] = fwht(Z, normalize=False, out=Z)[:, : self.n_features] * signs
        return out


def bernoulli_rows(k: int, D: int, q: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries of a (k, D) matrix, each there with probability q, in order."""
    if q >= 1:
        return np.repeat(np.arange(k), D), np.tile(np.arange(D), k).astype(np.int64)
    counters = np.arange(k, dtype=np.int64)[:, None] * ROW
    width, t = int(q * D + 6 * np.sqrt(q * D) + 10), 0
    last, parts = np.full(k, -1.0), []
    while (last < D).any():  # one round, but for one row in a billion
        u = uniform_hash(counters + np.arange(t, t + width), seed=seed, stream=2)
        place = last[:, None] + np.cumsum(1 + np.floor(np.log(u) / np.log1p(-q)), axis=1)
        rows, at = np.nonzero(place < D)
        parts.append((rows, place[rows, at].astype(np.int64)))
        last, t = place[:, -1], t + width
    rows, cols = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    order = np.lexsort((cols, rows)) if len(parts) > 1 else slice(None)
    return rows[order], cols[order]


def normal_of(counter: np.ndarray, seed: int) -> np.ndarray:
    """Standard normal numbers by Box and Muller: counters t and t + 1, t even, make a pair."""
    even = counter & ~np.int64(1)
    radius = np.sqrt(-2 * np.log(uniform_hash(even, seed=seed, stream=3)))
    angle = 2 * np.pi * uniform_hash(even + 1, seed=seed, stream=3)
    return radius * np.where(counter & 1, np.sin(angle), np.cos(angle))
