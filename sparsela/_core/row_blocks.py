"""Dask collections as blocks of rows: work is done where a block lies, and what comes of it is merged in a tree.

Nothing here imports Dask before a collection is given: who has one has it loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

FAN = 8  # sketches that are added at a time


def is_collection(A: Any) -> bool:
    """Whether A is a Dask collection, or a list of delayed blocks."""
    if "dask" not in sys.modules:
        return False
    if isinstance(A, (list, tuple)):
        return len(A) > 0 and all(hasattr(block, "__dask_graph__") for block in A)
    return hasattr(A, "__dask_graph__")


class RowBlocks:
    """Blocks of rows of a collection, not computed yet, and how many rows each has.

    Attributes
    ----------
    blocks : list of Delayed
        Each an ndarray or a sparse array, in the order of the rows.
    starts : ndarray of int64 of shape (n_blocks + 1,)
        First rows of the blocks, and the number of rows; counted when first asked for, if the collection does not know.
    """

    def __init__(self, A: Any, name: str = "A"):
        import dask
        from dask.array import Array

        self._lengths: Any = None
        if isinstance(A, Array):
            if A.ndim not in (1, 2):
                raise ValueError(f"{name} must have two dimensions, got shape {A.shape}")
            if A.ndim == 2 and A.numblocks[1] > 1:
                A = A.rechunk({1: -1})
            self.blocks, self._lengths = list(A.to_delayed().ravel()), A.chunks[0]
            self._kept = A  # a cluster forgets what it holds in memory when the array goes
        elif isinstance(A, (list, tuple)):
            self.blocks = list(A)
        elif type(A).__module__.startswith("dask.bag"):
            partitions = A.to_delayed()
            counts = dask.compute(*(dask.delayed(len)(part) for part in partitions))
            self.blocks = [part[i] for part, count in zip(partitions, counts, strict=True) for i in range(count)]
        else:
            raise TypeError(f"{name} must be a Dask array, a bag or a list of delayed blocks, got {type(A).__name__}")
        if not self.blocks:
            raise ValueError(f"{name} must have at least one block of rows, got none")

    @cached_property
    def starts(self) -> np.ndarray:
        import dask

        lengths = self._lengths
        if lengths is None or np.isnan(lengths).any():
            lengths = dask.compute(*(dask.delayed(_rows)(block) for block in self.blocks))
        return starts_of(lengths)

    @property
    def n_rows(self) -> int:
        return int(self.starts[-1])

    def ids(self, row_indices: np.ndarray | None, first: int = 0) -> list:
        """Ids of the rows of each block: those given, or the range that begins at `first`, as (start, stop)."""
        if row_indices is None:
            return [(first + int(a), first + int(b)) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        return [row_indices[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]

    def aligned(self, y: Any) -> list:
        """Targets cut as the rows are."""
        if not is_collection(y):
            y = np.asarray(y)
            if len(y) != self.n_rows:
                raise ValueError(f"y must have {self.n_rows} rows, as X has, got {len(y)}")
            return [y[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        if hasattr(y, "rechunk") and not np.isnan(y.shape[0]) and y.shape[0] == self.n_rows:
            y = y.rechunk({0: tuple(int(n) for n in np.diff(self.starts))})
        cut = RowBlocks(y, "y")
        if not np.array_equal(cut.starts, self.starts):
            raise ValueError(
                f"y must have the rows of X in blocks alike, got blocks that begin at {cut.starts.tolist()}"
            )
        return cut.blocks

    def map(self, function: Callable, *given: Any) -> list:
        """``function(block, *given)`` of each block, not computed yet; what is given goes to a worker once."""
        import dask

        function, given = dask.delayed(function), tuple(dask.delayed(value) for value in given)
        return [function(block, *given) for block in self.blocks]

    def take(self, at: np.ndarray, select: Callable, starts: np.ndarray | None = None) -> np.ndarray:
        """Rows `at`, in this order: ``select(block, places)`` of each block that has some.

        `starts` are those of the rows that `select` counts, where it does not count all.
        """
        import dask

        starts = self.starts if starts is None else starts
        of = np.searchsorted(starts, at, side="right") - 1
        order = np.argsort(of, kind="stable")
        blocks, first = np.unique(of[order], return_index=True)
        places = np.split(order, first[1:])
        select = dask.delayed(select)
        parts = dask.compute(*(select(self.blocks[b], at[p] - starts[b]) for b, p in zip(blocks, places, strict=True)))
        return np.concatenate(parts)[np.argsort(order)]


def starts_of(lengths: Any) -> np.ndarray:
    """Where blocks of these lengths begin, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def in_tree(parts: list, merge: Callable) -> Any:
    """Compute delayed parts and merge them, FAN at a time, where they lie; one comes back."""
    import dask

    merge = dask.delayed(merge)
    while len(parts) > 1:
        parts = [merge(parts[i : i + FAN]) for i in range(0, len(parts), FAN)]
    return dask.compute(parts[0])[0]


def ids_of(given: Any) -> np.ndarray:
    """Ids of the rows of a block as an array."""
    return np.arange(*given) if isinstance(given, tuple) else given


def _rows(block: Any) -> int:
    return block.shape[0]
