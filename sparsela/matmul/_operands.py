"""The arrays of a product: checked, and seen as BLAS wants them, stored by rows or by columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.validation import check_dtype


def check_operand(a: Any, name: str) -> np.ndarray:
    """`a` as a matrix of numbers, in whatever order it is."""
    if type(a) is not np.ndarray:
        if np.ma.isMaskedArray(a):
            raise TypeError(f"{name} must be a plain array, got a masked array")
        if hasattr(a, "shape") and not hasattr(a, "__array__"):
            raise TypeError(f"{name} must be a dense array, got {type(a).__name__}")
        try:
            a = np.asarray(a)
        except ValueError:
            raise ValueError(f"{name} must be a matrix of numbers, got rows of different lengths") from None
    if a.ndim != 2:
        raise TypeError(f"{name} must be a matrix, got shape {a.shape}: vectors and stacks are for numpy.matmul")
    return a


def check_pair(A: Any, B: Any) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """Both operands, and the dtype of their product."""
    A, B = check_operand(A, "A"), check_operand(B, "B")
    dtype = check_dtype(A.dtype, "A")
    if B.dtype != A.dtype:
        dtype = np.result_type(dtype, check_dtype(B.dtype, "B"))
    if A.shape[1] != B.shape[0]:
        raise ValueError(f"A and B must agree in the inner dimension, got shapes {A.shape} and {B.shape}")
    return A, B, dtype


def check_out(out: Any, A: np.ndarray, B: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """`out` if it can take the product."""
    if out is None:
        return None
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    shape = (A.shape[0], B.shape[1])
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    for name, x in (("A", A), ("B", B)):
        if np.may_share_memory(out, x) and _overlap(out, x):
            raise ValueError(f"out must not overlap {name}, got arrays that share memory")
    return out


def _overlap(x: np.ndarray, y: np.ndarray) -> bool:
    try:
        return np.shares_memory(x, y, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


def is_plain(a: np.ndarray) -> bool:
    """Whether BLAS can take it as it is: entries of a row, or of a column, side by side."""
    return a.flags.aligned and (_by_rows(a) or _by_rows(a.T))


def _by_rows(a: np.ndarray) -> bool:
    (rows, columns), (step, one), size = a.shape, a.strides, a.itemsize
    return (one == size or columns == 1) and (rows == 1 or (step >= columns * size and step % size == 0))


def arrange(a: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`a` itself where it is plain and of this dtype, otherwise one copy."""
    if a.dtype != dtype or not a.dtype.isnative:
        return a.astype(dtype, order="C")
    return a if is_plain(a) else np.ascontiguousarray(a)


def is_turned(a: np.ndarray) -> bool:
    """Whether a plain matrix is stored by columns."""
    return not _by_rows(a)


def view(a: np.ndarray, turned: bool) -> tuple[int, int, int, int]:
    """(address, rows, columns, leading dimension) as it is stored."""
    stored = a.T if turned else a
    rows, columns = stored.shape
    return a.ctypes.data, rows, columns, columns if rows == 1 else stored.strides[0] // a.itemsize
