"""The one door to sparse times dense: the library's own kernels, oneMKL or SciPy behind the same three calls.

Nothing else in the library multiplies a sparse matrix by a dense one in a loop of its own. Weights are CSR, dense sides
are feature-major: one row a feature, the batch contiguous, so that a stored entry is one scalar times a row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsela._core import mkl
from sparsela._core.config import SPARSE_BACKENDS, get_config
from sparsela._core.threads import effective_n_jobs
from sparsela._ext import spmm as _native

_INT32_MAX = np.iinfo(np.int32).max
_NO_PERM = np.zeros(0, np.int32)
_FAULTS = {
    1: "has an indptr that does not ascend from 0 to the number of entries",
    2: "has a column index out of range",
    3: "has unsorted or duplicate column indices: call sum_duplicates() first",
}


class Companion(NamedTuple):
    """The columns of a CSR matrix: entry q of the columns is entry ``perm[q]`` of the rows. Values are not copied."""

    colptr: np.ndarray
    rowind: np.ndarray
    perm: np.ndarray


class Csr(NamedTuple):
    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


def available_backends() -> tuple[str, ...]:
    """Return the names of the backends that multiply sparse by dense on this machine.

    Returns
    -------
    tuple of str
        Those of "native", "mkl" and "scipy" that are there, in the order in which ``backend="auto"`` prefers them.
        oneMKL is loaded by this call if it is installed.

    See Also
    --------
    spmm : The product.
    sparsela.set_config : Choose a backend for the whole library.

    Examples
    --------
    >>> from sparsela._core.sparse_backend import available_backends
    >>> "native" in available_backends()
    True
    """
    return ("native", "mkl", "scipy") if mkl.load() else ("native", "scipy")


def spmm(W, X, *, bias=None, activation=None, out=None, backend="auto") -> np.ndarray:
    """Multiply a sparse matrix by a dense one: ``W X``, with a bias and an activation in the same pass.

    Parameters
    ----------
    W : sparse array or matrix in CSR format, of shape (m, n)
        float32 or float64, column indices strictly ascending within each row. m and n are below 2³¹.
    X : ndarray of shape (n, B)
        Of the dtype of W. Any B. Read in place where its rows are contiguous, else copied.
    bias : ndarray of shape (m,), optional
        Added to every column.
    activation : {None, "relu"}, default=None
        Applied to each element of the result.
    out : ndarray of shape (m, B), optional
        Where to put the result: of the dtype of W, rows contiguous, no memory shared with X.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        "auto" is what :func:`sparsela.set_config` says, by default "native".

    Returns
    -------
    ndarray of shape (m, B)
        `out`, or a new array in C order that begins on a cache line.

    Raises
    ------
    TypeError
        If W is not CSR, X is not an ndarray, a dtype is neither float32 nor float64, or dtypes are mixed.
    ValueError
        If shapes do not match, the structure of W is not sound, or `out` cannot be written.
    ImportError
        If ``backend="mkl"`` and oneMKL is not there.

    See Also
    --------
    sddmm : The gradient of the product with respect to the entries of W.
    available_backends : What can be chosen.

    Notes
    -----
    Row i of the result is ``φ(b_i + Σ_k W_ik X[k, :])`` over the stored entries of row i of W. NaN and infinity follow
    IEEE arithmetic; an entry that is not stored touches nothing. Cost O(nnz · B), no array of the size of a dense W.
    The native backend keeps a strip of a row in registers while the entries pass by [1]_ [2]_, and gives the same bits
    for any number of threads (the library's setting ``n_jobs``).

    References
    ----------
    .. [1] E. Elsen, M. Dukhan, T. Gale, K. Simonyan. Fast Sparse ConvNets. 2019. arXiv 1911.09723.
    .. [2] J. W. Wesselink, B. Grooten, Q. Xiao, C. de Campos, M. Pechenizkiy. Nerva: a Truly Sparse Implementation of
       Neural Networks. 2024. arXiv 2407.17437.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sparsela._core.sparse_backend import spmm
    >>> W = csr_array([[1.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> spmm(W, X, bias=np.array([0.5, 1.0]), activation="relu")
    array([[ 8.5, 11.5],
           [ 0. ,  0. ]])
    """
    backend = resolve(backend)
    W = _check_csr(W, "W")
    _check_real("W", W.data.dtype)
    X = _check_dense("X", X, (W.shape[1], None), "W", W.data.dtype)
    if bias is not None:
        bias = check_bias(bias, W)
    if activation not in (None, "relu"):
        raise ValueError(f"activation must be None or 'relu', got {activation!r}")
    out = _check_out(out, (W.shape[0], X.shape[1]), X)
    n_threads = effective_n_jobs()

    if backend == "native":
        offset = np.zeros(0, W.data.dtype) if bias is None else bias
        _native.spmm(W.indptr, W.indices, W.data, _NO_PERM, X, offset, activation == "relu", out, n_threads)
        return out
    if backend == "mkl":
        if bias is not None:
            out[...] = bias[:, None]
        mkl.spmm(W.shape, W.indptr, W.indices, W.data, X, out, add=bias is not None, n_threads=n_threads)
    else:
        out[...] = _as_scipy(W) @ X
        if bias is not None:
            out += bias[:, None]
    if activation == "relu":
        np.maximum(out, 0, out=out)
    return out


def spmm_t(W, Z, *, companion=None, out=None, backend="auto") -> np.ndarray:
    """Multiply the transpose of a sparse matrix by a dense one: ``Wᵀ Z``.

    Parameters
    ----------
    W : sparse array or matrix in CSR format, of shape (m, n)
        As in :func:`spmm`.
    Z : ndarray of shape (m, B)
        Of the dtype of W.
    companion : Companion, optional
        The columns of W, from :func:`column_companion`, built here when it is not given. It stays good as long as the
        support of W does, whatever happens to the values. That it belongs to W is not checked, only that it could.
    out : ndarray of shape (n, B), optional
        As in :func:`spmm`.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        As in :func:`spmm`.

    Returns
    -------
    ndarray of shape (n, B)
        `out`, or a new array.

    Raises
    ------
    TypeError, ValueError, ImportError
        As in :func:`spmm`.

    Notes
    -----
    The same kernel as :func:`spmm` over the columns, so that each row of the result has one writer and bits do not
    depend on the number of threads. Cost O(nnz · B), and O(nnz + n) where the companion is built.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sparsela._core.sparse_backend import spmm_t
    >>> spmm_t(csr_array([[1.0, 0.0, 2.0], [0.0, 0.0, -1.0]]), np.array([[1.0], [2.0]]))
    array([[1.],
           [0.],
           [0.]])
    """
    backend = resolve(backend)
    W = _check_csr(W, "W")
    _check_real("W", W.data.dtype)
    Z = _check_dense("Z", Z, (W.shape[0], None), "W", W.data.dtype)
    out = _check_out(out, (W.shape[1], Z.shape[1]), Z)
    if companion is not None:
        _check_companion(companion, W)

    if backend == "scipy":
        out[...] = _as_scipy(W).T @ Z
        return out
    colptr, rowind, perm = companion or _columns(W)
    n_threads = effective_n_jobs()
    if backend == "native":
        _native.spmm(colptr, rowind, W.data, perm, Z, np.zeros(0, W.data.dtype), False, out, n_threads)
    else:
        mkl.spmm(W.shape[::-1], colptr, rowind, W.data[perm], Z, out, add=False, n_threads=n_threads)
    return out


def sddmm(pattern, dZ, X, *, out=None, backend="auto") -> np.ndarray:
    """Multiply two dense matrices at the stored positions of a sparse one: ``(dZ Xᵀ)`` sampled on a support.

    Parameters
    ----------
    pattern : sparse array or matrix in CSR format, of shape (m, n)
        The positions; its values are ignored. Column indices strictly ascending within each row.
    dZ : ndarray of shape (m, B)
        float32 or float64.
    X : ndarray of shape (n, B)
        Of the dtype of dZ.
    out : ndarray of shape (nnz,), optional
        Where to put the result: contiguous, of the dtype of dZ, no memory shared with the inputs.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        Neither oneMKL nor SciPy has this product: every backend runs the native kernel.

    Returns
    -------
    ndarray of shape (nnz,)
        ``g[k] = Σ_c dZ[i, c] X[j, c]`` for the k-th stored position (i, j), in the order of ``pattern.indices``.

    Raises
    ------
    TypeError, ValueError, ImportError
        As in :func:`spmm`.

    See Also
    --------
    spmm : The product of which this is the gradient.

    Notes
    -----
    If ``Z = W X`` and dZ is the gradient of a loss with respect to Z, g is its gradient with respect to the stored
    entries of W: it exists on the support alone, and ``Σ_k W_k g_k = ⟨dZ, W X⟩``. Cost O(nnz · B) [1]_.

    References
    ----------
    .. [1] M. Nikdan, T. Pegolotti, E. Iofinova, E. Kurtic, D. Alistarh. SparseProp: Efficient Sparse Backpropagation
       for Faster Training of Neural Networks. 2023. arXiv 2302.04852.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from sparsela._core.sparse_backend import sddmm
    >>> W = csr_array([[1.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    >>> sddmm(W, np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(6.0).reshape(3, 2))
    array([ 2., 14., 32.])
    """
    resolve(backend)
    pattern = _check_csr(pattern, "pattern", values=False)
    if isinstance(dZ, np.ndarray):
        _check_real("dZ", dZ.dtype)
    dZ = _check_dense("dZ", dZ, (pattern.shape[0], None), "dZ", getattr(dZ, "dtype", None))
    X = _check_dense("X", X, (pattern.shape[1], dZ.shape[1]), "dZ", dZ.dtype)
    out = _check_out(out, pattern.indices.shape, dZ, X)
    if dZ.shape[1] == 0:
        out[...] = 0
        return out
    _native.sddmm(pattern.indptr, pattern.indices, dZ, X, out, effective_n_jobs())
    return out


def column_companion(W) -> Companion:
    """The columns of a CSR matrix, by one counting sort: O(nnz + n). It depends on the support of W alone."""
    return _columns(_check_csr(W, "W", values=False))


def aligned_empty(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An uninitialised array in C order that begins on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


def _columns(W: Csr) -> Companion:
    numbered = sp.csr_array((np.arange(W.indices.size, dtype=np.int32), W.indices, W.indptr), shape=W.shape).tocsc()
    as_int32 = (np.asarray(part, np.int32) for part in (numbered.indptr, numbered.indices, numbered.data))
    return Companion(*as_int32)


def _as_scipy(W: Csr) -> sp.csr_array:
    return sp.csr_array((W.data, W.indices, W.indptr), shape=W.shape)


def resolve(backend: str) -> str:
    if backend not in SPARSE_BACKENDS:
        raise ValueError(f"backend must be one of {SPARSE_BACKENDS}, got {backend!r}")
    if backend == "auto":
        backend = get_config()["sparse_backend"]
    if backend == "mkl" and mkl.load() is None:
        raise ImportError("the backend 'mkl' needs oneMKL: install sparsela[mkl], or set MKL_RT to its mkl_rt library")
    return "native" if backend == "auto" else backend


def checked(W) -> Csr:
    """W after its checks: :func:`spmm` takes it as it takes W, and does not look at it again at each product."""
    return _check_csr(W, "W")


def _check_csr(W, name: str, *, values: bool = True) -> Csr:
    if isinstance(W, Csr):
        return W
    if not sp.issparse(W) or W.format != "csr":
        given = f"{W.format} format" if sp.issparse(W) else type(W).__name__
        raise TypeError(f"{name} must be a sparse array or matrix in CSR format, got {given}")
    if W.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {W.shape}")
    if max(*W.shape, W.indices.size) > _INT32_MAX:
        given = f"shape {W.shape} and {W.indices.size} entries"
        raise ValueError(f"{name} must have fewer than 2**31 rows, columns and entries, got {given}")
    parts = {"data": W.data, "indices": W.indices, "indptr": W.indptr}
    for part, array in parts.items() if values else list(parts.items())[1:]:
        if not array.flags.c_contiguous:
            raise ValueError(f"{name}.{part} must be contiguous, got strides {array.strides}")
    if W.indptr.size != W.shape[0] + 1 or W.indptr[-1] != W.indices.size or (values and W.data.size != W.indices.size):
        raise ValueError(
            f"{name} {_FAULTS[1]}: lengths of data, indices, indptr {W.data.size}, {W.indices.size}, {W.indptr.size}"
        )
    for part in ("indptr", "indices"):  # int64 that does not fit must not wrap around into something that does
        array = parts[part]
        if array.dtype != np.int32 and array.size and not 0 <= array.min() <= array.max() <= _INT32_MAX:
            raise ValueError(f"{name}.{part} is out of range: {array.min()} to {array.max()}")
    indptr, indices = W.indptr.astype(np.int32, copy=False), W.indices.astype(np.int32, copy=False)
    if fault := _native.valid(indptr, indices, W.shape[1]):
        raise ValueError(f"{name} {_FAULTS[fault]}")
    return Csr(W.shape, indptr, indices, W.data)


def _check_companion(companion: Companion, W: Csr) -> None:
    colptr, rowind, perm = companion
    lengths, nnz = (colptr.size, rowind.size, perm.size), W.indices.size
    if lengths != (W.shape[1] + 1, nnz, nnz):
        raise ValueError(f"companion does not belong to W: lengths {lengths} for shape {W.shape} and {nnz} entries")
    if fault := _native.valid(colptr, rowind, W.shape[0]):
        raise ValueError(f"companion {_FAULTS[fault]}")
    if nnz and not 0 <= perm.min() <= perm.max() < nnz:
        raise ValueError(f"companion has a perm outside 0 ... {nnz - 1}")


def _check_real(name: str, dtype: np.dtype) -> None:
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {dtype}")


def _check_dense(name: str, X, shape: tuple[int, int | None], partner: str, dtype) -> np.ndarray:
    """X with contiguous rows, of the given shape (None: any) and dtype."""
    if not isinstance(X, np.ndarray):
        raise TypeError(f"{name} must be an ndarray, got {type(X).__name__}")
    if X.dtype != dtype:
        raise TypeError(f"{name} must have the dtype of {partner}: {name} is {X.dtype}, {partner} is {dtype}")
    if X.ndim != 2 or X.shape[0] != shape[0] or (shape[1] is not None and X.shape[1] != shape[1]):
        wanted = f"({shape[0]}, {'any' if shape[1] is None else shape[1]})"
        raise ValueError(f"{name} must have shape {wanted}, got {X.shape}")
    return X if _rows_contiguous(X) else np.ascontiguousarray(X)


def _rows_contiguous(X: np.ndarray) -> bool:
    between, within = X.strides
    inside = within == X.itemsize or X.shape[1] <= 1
    return inside and between >= X.shape[1] * X.itemsize and between % X.itemsize == 0 and X.flags.aligned


def check_bias(bias, W: Csr) -> np.ndarray:
    bias = np.asarray(bias)
    if bias.dtype != W.data.dtype:
        raise TypeError(f"bias must have the dtype of W: bias is {bias.dtype}, W is {W.data.dtype}")
    if bias.shape != (W.shape[0],):
        raise ValueError(f"bias must have shape ({W.shape[0]},), got {bias.shape}")
    return np.ascontiguousarray(bias)


def _check_out(out, shape: tuple[int, ...], *inputs: np.ndarray) -> np.ndarray:
    dtype = inputs[0].dtype
    if out is None:
        return aligned_empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"out must be {dtype}, got {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {out.shape}")
    if not out.flags.writeable or not (out.flags.c_contiguous or (out.ndim == 2 and _rows_contiguous(out))):
        raise ValueError("out must be writeable with contiguous rows")
    if any(np.may_share_memory(out, given) for given in inputs):
        raise ValueError("out must not share memory with an input")
    return out
