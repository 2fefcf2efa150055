"""The sketch of data at one call: of a matrix in memory, or of the blocks of a Dask collection where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.random import seed_from
from sparsela._core.row_blocks import RowBlocks, ids_of, in_tree, is_collection
from sparsela._core.validation import check_finite, check_indices
from sparsela.sketch._inputs import check_data, check_ids
from sparsela.sketch._operator import WHOLE, SketchOperator, check_axis, draw, finite_result, row_sketch, sums_dtype


def sketch(
    A,
    n_components,
    *,
    kind="sparse_embedding",
    axis=0,
    random_state=None,
    row_indices=None,
    dense_output=True,
    **params,
) -> np.ndarray | sp.csr_array:
    """Sketch the rows of a matrix, ``S A``, or its columns, ``A Sᵀ``, in one call.

    Parameters
    ----------
    A : {ndarray, sparse array, Dask collection} of shape (n, d)
        What is sketched; its dtype is kept. A Dask array with dense or CSR blocks, a bag or a list of delayed blocks of
        rows is sketched block by block where the blocks lie, and the sketches are added in a tree.
    n_components : int
        Rows k of the sketch.
    kind : {"gaussian", "sparse_sign", "countsketch", "sparse_embedding", "srht", "fast_jl"}, default="sparse_embedding"
        The distribution.
    axis : {0, 1}, default=0
        The axis that is replaced by k.
    random_state : int, Generator, RandomState or None, default=None
        An int is the seed itself: sketches of parts with one seed add up.
    row_indices : array_like of int of shape (n,), optional
        Ids of the rows, for axis 0: row i is hashed as this number instead of i. Equal ids add. Not for "srht" and
        "fast_jl".
    dense_output : bool, default=True
        False: CSR where A and S are sparse.
    **params
        As in :class:`SketchOperator`. "fast_jl" takes the number of vectors for ``n_points`` if it is not given.

    Returns
    -------
    ndarray or csr_array of shape (n_components, d), or (n, n_components) for axis 1

    Raises
    ------
    ValueError, TypeError
        If A has NaN or infinity (dense A: looked for in the sketch, which they reach, where that is smaller) or no two
        dimensions, an id is negative, or a size or parameter is out of range.

    See Also
    --------
    SketchOperator : The same S for several matrices.

    Notes
    -----
    One pass over A: O(nd) for "countsketch", eight times the additions for "sparse_embedding", O(nd log n) for "srht"
    and "fast_jl", O(nkd) for "gaussian". float32 rows beyond the millionth are summed in float64.

    References
    ----------
    K. Clarkson, D. Woodruff. Low rank approximation and regression in input sparsity time. STOC, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import sketch
    >>> A = np.random.default_rng(0).normal(size=(10_000, 5))
    >>> SA = sketch(A, 400, random_state=0)
    >>> bool(np.abs(SA.T @ SA / (A.T @ A).diagonal() - np.eye(5)).max() < 0.2)
    True
    >>> halves = [sketch(A[i], 400, random_state=0, row_indices=i) for i in (np.arange(5000), np.arange(5000, 10_000))]
    >>> bool(np.allclose(halves[0] + halves[1], SA))
    True
    """
    axis = check_axis(axis)
    if is_collection(A):
        given = {"kind": kind, "random_state": seed_from(random_state), **params}
        return _of_collection(RowBlocks(A), n_components, axis, row_indices, dense_output, given)
    A = check_data(A, "A", finite=row_indices is not None)
    if A.shape[axis] == 0:
        raise ValueError(f"A must have at least one entry along axis {axis}, got shape {A.shape}")
    if kind == "fast_jl":
        params.setdefault("n_points", max(3, A.shape[1 if axis == 0 else 0]))
    if row_indices is None:
        S = SketchOperator(kind, n_components, A.shape[axis], random_state=random_state, **params)
        if not dense_output and S._drawn.sparse and sp.issparse(A):
            check_indices(A, "A")
            S_ = S.columns(0, A.shape[axis]).tocsr().astype(A.dtype)
            return (S_ @ A).tocsr() if axis == 0 else (A @ S_.T).tocsr()
        if S._drawn.blind and isinstance(A, np.ndarray):
            check_finite(A, "A")
        return finite_result(S._apply(A, axis), A, "A")
    if axis != 0:
        raise ValueError("row_indices go with axis=0, got axis=1")
    if kind in WHOLE:
        raise ValueError(f"row_indices do not go with kind {kind!r}: it must know the length of what it sketches")
    ids = check_ids(row_indices, A.shape[0])
    drawn = draw(kind, n_components, None, seed_from(random_state), **params)
    if not dense_output and drawn.sparse and sp.issparse(A):
        check_indices(A, "A")
        return (drawn.columns(ids, A.dtype).tocsr() @ A).tocsr()
    out = np.zeros((drawn.n_components, A.shape[1]), sums_dtype(A.dtype, len(ids)))
    row_sketch(drawn, A, ids, out)
    return out.astype(A.dtype, copy=False)


def _of_collection(A: RowBlocks, k: int, axis: int, row_indices: Any, dense_output: bool, given: dict) -> Any:
    """The sketch of a Dask collection: that of its rows in memory, to rounding."""
    import dask

    if row_indices is not None:
        if axis != 0:
            raise ValueError("row_indices go with axis=0, got axis=1")
        row_indices = check_ids(row_indices, A.n_rows)
    if given["kind"] == "fast_jl" and "n_points" not in given:
        raise ValueError("n_points must be given for kind 'fast_jl' of a Dask collection")
    if axis != 0:
        rows = [dask.delayed(sketch)(block, k, axis=1, dense_output=dense_output, **given) for block in A.blocks]
        found = dask.compute(*rows)
        return sp.vstack(found, format="csr") if sp.issparse(found[0]) else np.concatenate(found)
    if given["kind"] in WHOLE:
        if row_indices is not None:
            raise ValueError(f"row_indices do not go with kind {given['kind']!r}: it must know the length of A")
        S, part = SketchOperator(given.pop("kind"), k, A.n_rows, **given), dask.delayed(_columns_times)
        return in_tree([part(S, *where, block) for where, block in zip(A.ids(None), A.blocks, strict=True)], sum)
    params = {name: value for name, value in given.items() if name not in ("kind", "random_state")}
    draw(given["kind"], k, A.n_rows, given["random_state"], **params)  # refuses what is wrong before any work
    part = dask.delayed(_of_block)
    whereabouts = zip(A.ids(row_indices), A.blocks, strict=True)
    return in_tree([part(block, where, k, dense_output, given) for where, block in whereabouts], sum)


def _of_block(block: Any, where: Any, k: int, dense_output: bool, given: dict) -> Any:
    ids = ids_of(where)
    if not len(ids):
        shape = k, block.shape[1]
        if not dense_output and sp.issparse(block):
            return sp.csr_array(shape, dtype=block.dtype)
        return np.zeros(shape, block.dtype)
    return sketch(block, k, row_indices=ids, dense_output=dense_output, **given)


def _columns_times(S: SketchOperator, start: int, stop: int, block: Any) -> np.ndarray:
    block = check_data(block, "A")
    check_indices(block, "A")
    return (S.columns(start, stop) @ block).astype(block.dtype, copy=False)
