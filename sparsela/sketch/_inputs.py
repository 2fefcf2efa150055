"""What sketches take: dense arrays with any strides and sparse arrays, checked once and cut into blocks for kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_dtype, check_finite, check_indices

BLOCK = 1 << 18  # numbers that are copied at a time where a kernel needs contiguous rows
SERIAL = 1 << 16  # numbers below which a second thread costs more than it saves


def check_data(X: Any, name: str = "X", *, finite: bool = True) -> np.ndarray | sp.csr_array:
    """`X` as a finite matrix under the dtype rule: an ndarray of any strides, or CSR (not necessarily canonical).

    `finite` False leaves the values of an ndarray to the caller. The indices of CSR are always left to the caller: our
    kernels look at them while they read; `check_indices` goes before what SciPy does with them.
    """
    if np.ma.isMaskedArray(X):
        raise TypeError(f"{name} must be a plain or a sparse array, got a masked array")
    if sp.issparse(X):
        if X.ndim != 2:
            raise ValueError(f"{name} must have two dimensions, got shape {X.shape}")
        dtype = check_dtype(X.dtype, name)
        if X.format != "csr":  # tocsr follows them
            check_indices(X, name)
            X = X.tocsr()
        X = X if X.dtype == dtype else X.astype(dtype)
        check_finite(X.data, name)
        return X
    if hasattr(X, "shape") and not hasattr(X, "__array__"):
        raise TypeError(f"{name} must be a dense or a sparse array, got {type(X).__name__}")
    X = np.asarray(X)
    dtype = check_dtype(X.dtype, name)
    if X.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {X.shape}")
    X = X if X.dtype == dtype else X.astype(dtype)
    if finite:
        check_finite(X, name)
    return X


def check_ids(ids: Any, n: int, name: str = "row_indices") -> np.ndarray:
    """Ids of n rows as int64; repeated ids are allowed."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu" and ids.size:
        raise TypeError(f"{name} must be integers, got dtype {ids.dtype}")
    if ids.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one for each row, got {ids.shape}")
    if ids.size and (ids.min() < 0 or ids.max() > 2**63 - 1):
        raise ValueError(f"{name} must be between 0 and 2**63 - 1, got {ids.min() if ids.min() < 0 else ids.max()}")
    return np.ascontiguousarray(ids, np.int64)


def row_blocks(X: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows of X whose rows are contiguous: X itself where its rows are."""
    rows_apart, apart = X.strides
    inside = (apart == X.itemsize or X.shape[1] <= 1) and rows_apart % X.itemsize == 0 and X.flags.aligned
    if inside:
        yield slice(0, len(X)), X
        return
    step = max(16, BLOCK // max(1, X.shape[1]))
    for start in range(0, len(X), step):
        part = slice(start, min(start + step, len(X)))
        yield part, np.ascontiguousarray(X[part])


def threads(size: int) -> int:
    return effective_n_jobs() if size > SERIAL else 1


def csr_parts(X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indptr, indices, data of a CSR matrix, contiguous, the first two of one type."""
    kind = np.int32 if X.indptr.dtype == X.indices.dtype == np.int32 else np.int64
    if len(X.indptr) != X.shape[0] + 1 or X.indptr[0] != 0 or len(X.indices) != len(X.data):
        raise ValueError("X is no valid CSR matrix: the lengths of data, indices and indptr do not fit")
    return (np.ascontiguousarray(X.indptr, kind), np.ascontiguousarray(X.indices, kind), np.ascontiguousarray(X.data))


def refuse(fault: int) -> None:
    if fault:
        raise ValueError("X is no valid CSR matrix: an index is out of range or indptr descends")
