"""Points of a Dask collection, seen as an array: rows come when they are asked for, passes are made where they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sparsela._core.row_blocks import RowBlocks
from sparsela._core.threads import one_blas_thread

ROWS = 4096  # of a block of kernel rows


class ScatteredPoints:
    """Stands for X of shape (n, d) where a sampler takes rows of it, ``X[indices]``, and its shape.

    Parameters
    ----------
    X : Dask array, bag or list of delayed blocks
        Looked at once here: its blocks must be finite and of one width.
    """

    def __init__(self, X: Any):
        import dask

        self._blocks = RowBlocks(X, "X")
        shapes = dask.compute(*self._blocks.map(_shape))
        widths = sorted({width for _, width in shapes})
        if len(widths) > 1:
            raise ValueError(f"blocks of X must have one number of features, got {widths}")
        self.shape = self._blocks.n_rows, widths[0]
        if self.shape[0] == 0:
            raise ValueError("X must have at least one point, got none")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        indices = np.asarray(indices, np.int64)
        return self._blocks.take(indices, _rows) if indices.size else np.empty((0, self.shape[1]))

    def each(self, function: Callable, *given: Any) -> np.ndarray:
        """One number for every point, ``function(rows, *given)``, made where the rows lie; the numbers come back."""
        import dask

        return np.concatenate(dask.compute(*self._blocks.map(_in_parts, function, *given)))


def _points(block: Any) -> np.ndarray:
    return check_array(block, dtype=np.float64, order="C", ensure_min_samples=0, input_name="X")


def _shape(block: Any) -> tuple[int, int]:
    return _points(block).shape


def _rows(block: Any, places: np.ndarray) -> np.ndarray:
    return _points(block[places])


def _in_parts(block: Any, function: Callable, *given: Any) -> np.ndarray:
    X = _points(block)
    with one_blas_thread():
        parts = [function(X[first : first + ROWS], *given) for first in range(0, len(X), ROWS)]
    return np.concatenate([np.empty(0), *parts])
