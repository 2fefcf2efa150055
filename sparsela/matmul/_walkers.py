"""Walkers on the flip graph: schemes as bit masks and back, and what a walker carries between two calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsela._ext import flips
from sparsela.matmul._factors import Factors
from sparsela.matmul._scheme import BilinearScheme

ENTRIES = 64  # of a factor, in one word
KEPT_EVENTS = 4096  # changes of rank that are kept from one call of the kernel


class Packed(NamedTuple):
    """A ternary scheme as masks: mask[f, 0] and mask[f, 1] where factor f is 1 and −1, mask[f, 2] a hash."""

    mask: np.ndarray
    sign: np.ndarray

    @property
    def rank(self) -> int:
        return self.sign.size

    def key(self) -> bytes:
        """The same for schemes that differ by the order of their products only."""
        rows = np.vstack([self.mask[:, :2].reshape(6, -1), self.sign.astype(np.uint64)[None]])
        return rows[:, np.lexsort(rows)].tobytes()

    @property
    def nnz(self) -> int:
        return int(np.bitwise_count(self.mask[:, :2]).sum())


def pack(scheme: BilinearScheme) -> Packed:
    """The masks of a ternary scheme."""
    rank = scheme.rank
    mask, sign = np.zeros((3, 3, rank), np.uint64), np.ones(rank, np.int8)
    for f, factor in enumerate((scheme.u, scheme.v, scheme.w)):
        lead = np.sign(factor[np.arange(rank), np.argmax(factor != 0, axis=1)])
        sign *= lead.astype(np.int8)
        bits = np.uint64(1) << np.arange(factor.shape[1], dtype=np.uint64)
        for i, value in enumerate((1, -1)):
            mask[f, i] = np.where(factor * lead[:, None] == value, bits, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    return Packed(mask, sign)


def unpack(packed: Packed, shape: tuple[int, int, int]) -> BilinearScheme:
    """The scheme of masks, verified."""
    return BilinearScheme(*factors_of(packed, shape)[:3], shape)


def factors_of(packed: Packed, shape: tuple[int, int, int]) -> Factors:
    """The factors of masks, the sign in w."""
    m, k, n = shape
    factors = []
    for f, width in enumerate((m * k, k * n, m * n)):
        bits = np.arange(width, dtype=np.uint64)
        plus, minus = ((packed.mask[f, i, :, None] >> bits) & np.uint64(1) for i in (0, 1))
        factors.append(plus.astype(np.int64) - minus.astype(np.int64))
    factors[2] *= packed.sign[:, None]
    return Factors(*factors, shape)


class Walker:
    """One walk: a scheme that changes, the best one it met, its own stream of random numbers."""

    def __init__(self, start: Packed, capacity: int, stream: int, patience: int):
        self.mask = np.zeros((3, 3, capacity), np.uint64)
        self.sign = np.ones(capacity, np.int8)
        self.pairs = np.zeros((3, capacity * (capacity - 1) // 2 + 1, 2), np.int16)
        self.count = np.zeros(3, np.int64)
        self.place = np.empty((3, capacity, capacity), np.int16 if capacity < 250 else np.int32)
        self.state = np.zeros(8, np.int64)
        self.stream = np.array([stream], np.uint64)
        self.room = np.zeros((2, 3), np.uint64)
        self.best_mask, self.best_sign = np.zeros_like(self.mask), np.ones_like(self.sign)
        self.events = np.zeros((KEPT_EVENTS, 3), np.int64)
        self.state[flips.PATIENCE] = patience
        self.put(start)
        self.state[flips.BEST] = start.rank
        self.best_mask[:, :, : start.rank], self.best_sign[: start.rank] = start

    def put(self, scheme: Packed) -> None:
        """Go on from another scheme."""
        rank = scheme.rank
        self.mask[:, :, :rank], self.sign[:rank] = scheme
        self.state[flips.RANK], self.state[flips.WAITED] = rank, 0
        flips.prepare(self.mask, self.pairs, self.count, self.place, rank)

    def walk(
        self, n_flips: int, target: int, best: int, wait: tuple[int, int], margin: int, accept: np.ndarray
    ) -> None:
        """At most `n_flips` flips more."""
        flips.walk(
            self.mask, self.sign, self.pairs, self.count, self.place, self.state, self.stream, self.room,
            self.best_mask, self.best_sign, self.events, n_flips, target, best, *wait, margin, accept, True,
        )  # fmt: skip

    @property
    def rank(self) -> int:
        return int(self.state[flips.RANK])

    @property
    def best_rank(self) -> int:
        return int(self.state[flips.BEST])

    def here(self) -> Packed:
        """Where the walk stands."""
        return Packed(self.mask[:, :, : self.rank].copy(), self.sign[: self.rank].copy())

    def best(self) -> Packed:
        """The first scheme of least rank that it met."""
        return Packed(self.best_mask[:, :, : self.best_rank].copy(), self.best_sign[: self.best_rank].copy())

    def n_flips_available(self) -> int:
        """Pairs of rows that share a factor."""
        return int(self.count.sum())
