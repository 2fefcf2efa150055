"""The fast Walsh–Hadamard transform along any axis of any array."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.lib.stride_tricks import as_strided

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_dtype
from sparsela._ext import fwht as kernel

ORDERS = ("natural", "sequency", "dyadic")
SERIAL = 1 << 16  # numbers below which a second thread costs more than it saves
PANEL = 1 << 17  # numbers that are moved at a time where rows are put in another order


def fwht(
    X: Any,
    axis: int = -1,
    *,
    normalize: bool = True,
    order: str = "natural",
    n: int | None = None,
    out: np.ndarray | None = None,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Multiply by the Hadamard matrix along an axis, in n log₂ n additions (fast Walsh–Hadamard transform).

    Parameters
    ----------
    X : array_like
        Any shape with at least one axis. float32, float64, complex64 and complex128 stay; float16 becomes float32,
        other numbers float64 (complex128).
    axis : int, default=-1
        The axis along which to transform.
    normalize : bool, default=True
        Divide by √n: the transform is then orthonormal and its own inverse. False: H has entries ±1, and applied twice
        it multiplies by n.
    order : {"natural", "sequency", "dyadic"}, default="natural"
        Order of the rows of H: Sylvester's, ``H[i, j] = (−1)^popcount(i & j)``; by the number of sign changes; or
        Sylvester's with the bits of i reversed.
    n : int or None, default=None
        Length to transform, a power of two; shorter input is padded with zeros. None: the length along the axis, which
        must then be a power of two.
    out : ndarray, optional
        Where the result goes: of its shape and dtype, any strides. It may be X itself; then nothing is allocated but a
        panel a thread.
    n_jobs : int or None, default=None
        Threads: None for the library's setting, -1 for all cores. The bits of the answer do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array; the shape of X with n along the axis.

    Raises
    ------
    TypeError
        If X is sparse, masked or not of numbers, or out is no ndarray.
    ValueError
        If the length is no power of two, n is shorter than X, or out has another shape or dtype, is read-only or
        overlaps X without being X.

    See Also
    --------
    next_pow2 : The length to pad to.

    Notes
    -----
    ``H_{pq} = (H_p ⊗ I_q)(I_p ⊗ H_q)``: each of the log₂ n stages is a sum and a difference of pairs. Several stages
    are done between a load and a store, and what does not fit in a cache is cut into eighths until it does, so that
    memory is read and written once for rows up to the size of the L2 cache and once more for eight times that. Stages
    run in one order whatever the layout: the bits of the answer depend on the values alone. NaN and infinity spread
    over their row, as in any transform.

    References
    ----------
    B. Fino, V. Algazi. Unified matrix treatment of the fast Walsh–Hadamard transform. IEEE Transactions on Computers,
    1976.

    A. Andoni, P. Indyk, T. Laarhoven, I. Razenshteyn, L. Schmidt. Practical and optimal LSH for angular distance.
    NIPS, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import fwht
    >>> fwht([1, 0, 1, 0, 0, 1, 1, 0], normalize=False)
    array([ 4.,  2.,  0., -2.,  0.,  2.,  0.,  2.])
    >>> x = np.random.default_rng(0).normal(size=(3, 1024))
    >>> bool(np.allclose(fwht(fwht(x)), x))
    True
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
    X = _numbers(X)
    axis = normalize_axis_index(max(-X.ndim - 1, min(operator.index(axis), X.ndim)), X.ndim)
    n = _length(X.shape[axis], n, axis)
    shape = (*X.shape[:axis], n, *X.shape[axis + 1 :])
    target = _target(X, shape, out)
    n_jobs = effective_n_jobs(n_jobs)
    if target.size == 0:
        return target

    work = target if _whole_items(target) else np.empty(shape, target.dtype)
    if X.shape != shape or X.dtype != work.dtype or not _whole_items(X):
        head = (slice(None),) * axis
        work[(*head, slice(X.shape[axis]))] = X
        work[(*head, slice(X.shape[axis], None))] = 0
        X = work
    _transform(X, work, axis, n**-0.5 if normalize else 1.0, n_jobs if work.size > SERIAL else 1)
    if order != "natural":
        _reorder(np.moveaxis(work, axis, 0), _rows_of(order, n))
    if work is not target:
        target[...] = work
    return target


def next_pow2(n: int) -> int:
    """The smallest power of two that is at least n.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        If n is below 1 or no int.

    Examples
    --------
    >>> from sparsela.transforms import next_pow2
    >>> next_pow2(1000), next_pow2(1024)
    (1024, 1024)
    """
    return 1 << (check_count(n, "n") - 1).bit_length()


def _numbers(X: Any) -> np.ndarray:
    if np.ma.isMaskedArray(X) or (hasattr(X, "shape") and not hasattr(X, "__array__")):
        raise TypeError(f"X must be a dense array, got {type(X).__name__}")
    X = np.asarray(X)
    dtype = np.dtype(np.float32) if X.dtype == np.float16 else check_dtype(X.dtype, "X")
    if X.ndim == 0:
        raise ValueError("X must have at least one axis, got a scalar")
    # integers and the like stay as they are until they are copied into the output
    return X if X.dtype == dtype or X.dtype.kind in "iub" or X.dtype == np.float16 else X.astype(dtype)


def _length(length: int, n: int | None, axis: int) -> int:
    if n is None:
        if length < 1 or length & (length - 1):
            ways = f"pass n={next_pow2(max(1, length))} to pad with zeros, or crop to a power of two"
            raise ValueError(f"the length along axis {axis} must be a power of two, got {length}: {ways}")
        return length
    n = check_count(n, "n")
    if n & (n - 1):
        raise ValueError(f"n must be a power of two, got {n}; the next is {next_pow2(n)}")
    if n < length:
        raise ValueError(f"n must be at least the length along axis {axis}, {length}, got {n}: nothing is cut off")
    return n


def _target(X: np.ndarray, shape: tuple[int, ...], out: np.ndarray | None) -> np.ndarray:
    dtype = np.dtype(np.float32) if X.dtype == np.float16 else check_dtype(X.dtype, "X")
    if out is None:
        return np.empty_like(X, dtype, subok=False) if X.shape == shape else np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}")
    if not out.flags.writeable or any(s == 0 and length > 1 for s, length in zip(out.strides, shape, strict=True)):
        raise ValueError("out must be writeable, with a place of its own for every entry")
    itself = X.ctypes.data == out.ctypes.data and X.strides == out.strides and X.shape == shape and X.dtype == dtype
    if not itself and np.may_share_memory(X, out) and np.shares_memory(X, out):
        raise ValueError("out must be X itself or share no memory with it, got one that overlaps X")
    return out


def _whole_items(a: np.ndarray) -> bool:
    return a.flags.aligned and all(s % a.itemsize == 0 for s in a.strides)


def _transform(X: np.ndarray, out: np.ndarray, axis: int, scale: float, n_threads: int) -> None:
    """out = scale H X along an axis, by the kernel's (outer, n, inner) views; X may be out."""
    n, batch = out.shape[axis], _merged_batch(X, out, axis)
    *loops, outer, inner = [(1, 0, 0)] * (2 - len(batch)) + batch
    axes = [*loops, outer, (n, X.strides[axis], out.strides[axis]), inner]
    views = [as_strided(a, [t[0] for t in axes], [t[i] for t in axes]) for i, a in ((1, X), (2, out))]
    for index in np.ndindex(*(t[0] for t in loops)):
        _run(*(view[index] for view in views), scale, n_threads)


def _merged_batch(X: np.ndarray, out: np.ndarray, axis: int) -> list[tuple[int, int, int]]:
    """The other axes as (length, stride in X, stride in out), largest stride first, joined where they are one run."""
    others = [t for i, t in enumerate(zip(out.shape, X.strides, out.strides, strict=True)) if i != axis and t[0] > 1]
    merged: list[tuple[int, int, int]] = []
    for length, x, y in sorted(others, key=lambda t: -abs(t[2])):
        if merged and merged[-1][1:] == (length * x, length * y):
            merged[-1] = (merged[-1][0] * length, x, y)
        else:
            merged.append((length, x, y))
    return merged


def _run(X: np.ndarray, out: np.ndarray, scale: float, n_threads: int) -> None:
    if out.dtype.kind != "c":
        kernel.transform(X, out, 1, scale, n_threads)
        return
    outer, n, inner = out.shape
    size = out.itemsize
    if n == 1 or X.strides[1] == out.strides[1] == size:  # a row of pairs
        pairs = [as_strided(a.real, (outer, 2 * n, inner), (a.strides[0], size // 2, a.strides[2])) for a in (X, out)]
        kernel.transform(*pairs, 2, scale, n_threads)
    elif X.strides[2] == out.strides[2] == size:  # twice as many columns
        pairs = [as_strided(a.real, (outer, n, 2 * inner), (*a.strides[:2], size // 2)) for a in (X, out)]
        kernel.transform(*pairs, 1, scale, n_threads)
    else:
        kernel.transform(X.real, out.real, 1, scale, n_threads)
        kernel.transform(X.imag, out.imag, 1, scale, n_threads)


def _rows_of(order: str, n: int) -> np.ndarray:
    """Which row of the natural order stands at each place."""
    k = np.arange(n)
    code = k ^ (k >> 1) if order == "sequency" else k  # Gray code: neighbours differ in one bit, so in one sign change
    reversed_ = np.zeros_like(k)
    for _ in range(n.bit_length() - 1):
        reversed_ = reversed_ << 1 | code & 1
        code = code >> 1
    return reversed_


def _reorder(a: np.ndarray, rows: np.ndarray) -> None:
    """a[...] = a[rows], a panel at a time."""
    longest = 1 + int(np.argmax(a.shape[1:])) if a.ndim > 1 else 0
    if a.size <= PANEL or longest == 0 or a.shape[longest] == 1:
        a[...] = a[rows]
        return
    whole = (slice(None),) * longest
    middle = a.shape[longest] // 2
    _reorder(a[(*whole, slice(middle))], rows)
    _reorder(a[(*whole, slice(middle, None))], rows)
