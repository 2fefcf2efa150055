"""Pruning of trained weights: to a density over all layers, a layer or a row, and to n of every m."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.random import seed_from, uniform_hash
from sparsela._core.validation import check_count, check_finite, check_indices

SCOPES = ("global", "layer", "row")
METHODS = ("magnitude", "random")


def prune(
    coefs: Sequence[Any],
    density: float,
    *,
    scope: str = "global",
    method: str = "magnitude",
    exclude: Sequence[int] = (),
    random_state: Any = None,
) -> list[sp.csr_array]:
    """Keep the largest weights of a network, by a threshold over all layers, one a layer, or one a row.

    Parameters
    ----------
    coefs : sequence of ndarray or sparse array, each 2-D
        The weights of the layers, such as ``coefs_`` of an estimator. float32 stays.
    density : float
        Share of weights that survive, in (0, 1], of the size of the arrays.
    scope : {"global", "layer", "row"}, default="global"
        Whether ``round(density · size)`` weights survive of all layers together ("class-blinded"), of each layer
        ("class-uniform"), or of each row of each layer (at least one).
    method : {"magnitude", "random"}, default="magnitude"
        What survives: the largest in absolute value, or any, as a baseline.
    exclude : sequence of int, default=()
        Layers that are returned as they are, and are not counted. Negative ones count from the end.
    random_state : int, RandomState, Generator or None, default=None
        Of ``method="random"``.

    Returns
    -------
    list of csr_array
        The surviving weights, of the shapes and dtypes of `coefs`.

    Raises
    ------
    TypeError
        If `coefs` is one matrix instead of a sequence, or a weight is not real.
    ValueError
        If a layer is not 2-D, is empty or not finite, `density` is outside (0, 1] or leaves no weight, or a name or a
        layer of `exclude` is not known.

    See Also
    --------
    prune_n_m : A pattern that hardware likes.
    net_trim : Fewer weights at the same response, by convex optimisation.

    Notes
    -----
    Ties go to the earlier layer, then to the earlier weight in row order. Weights that are zero are never counted as
    survivors: where fewer than ``round(density · size)`` are not zero, all of them stay. A sparse layer is not made
    dense; cost O(number of weights).

    One threshold for all layers is better than one a layer where layers differ in scale and size, as they do [1]_
    [2]_: at one density everywhere small layers lose weights that matter.

    References
    ----------
    .. [1] J. Stier, H. Darji, M. Granitzer. Experiments on Properties of Hidden Structures of Sparse Neural Networks.
       2021. arXiv 2107.12917.
    .. [2] A. See, M.-T. Luong, C. Manning. Compression of Neural Machine Translation Models via Pruning. CoNLL, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import prune
    >>> coefs = [np.array([[0.1, -3.0], [0.2, 2.0]]), np.array([[0.5, 0.0]])]
    >>> [W.toarray().tolist() for W in prune(coefs, 0.5)]
    [[[0.0, -3.0], [0.0, 2.0]], [[0.5, 0.0]]]
    """
    density = _density(density)
    _known("scope", scope, SCOPES)
    layers, left_out = _layers(coefs), _excluded(exclude, coefs)
    chosen = [layer for l, layer in enumerate(layers) if l not in left_out]
    if not chosen:
        raise ValueError(f"exclude must leave a layer to prune, got {tuple(exclude)} of {len(layers)} layers")
    sizes = _sizes(chosen, method, random_state)
    if scope == "row":
        kept = [
            _largest(size, layer.indptr, np.full(layer.shape[0], max(1, round(density * layer.shape[1]))))
            for layer, size in zip(chosen, sizes, strict=True)
        ]
    else:
        joined = [slice(None)] if scope == "global" else [slice(l, l + 1) for l in range(len(chosen))]
        kept = []
        for part in joined:
            budget = round(density * sum(layer.shape[0] * layer.shape[1] for layer in chosen[part]))
            if budget == 0:
                shapes = [layer.shape for layer in chosen[part]]
                raise ValueError(f"density must leave at least one weight, got {density} for layers of shapes {shapes}")
            together = np.concatenate(sizes[part])
            keep = _largest(together, [0, len(together)], [budget])
            kept += np.split(keep, np.cumsum([layer.nnz for layer in chosen[part]])[:-1])
    pruned = iter(_subset(layer, keep) for layer, keep in zip(chosen, kept, strict=True))
    return [layer if l in left_out else next(pruned) for l, layer in enumerate(layers)]


def prune_n_m(
    W: Any,
    n: int,
    m: int,
    *,
    axis: int = 1,
    method: str = "magnitude",
    tiles: tuple[int, int] | None = None,
    dense_fraction: float = 0.0,
    random_state: Any = None,
) -> sp.csr_array:
    """Keep the n largest weights of every m neighbours.

    Parameters
    ----------
    W : ndarray or sparse array of shape (rows, columns)
        Weights; float32 stays.
    n : int
        Weights that survive of a group, ``1 ≤ n ≤ m``.
    m : int
        Size of a group.
    axis : {0, 1}, default=1
        Groups lie along columns (0) or along rows (1). With ``W`` as ``(n_out, n_in)``, 1 gives every neuron the same
        number of inputs.
    method : {"magnitude", "random"}, default="magnitude"
        As in :func:`prune`.
    tiles : (int, int) or None, default=None
        Rows and columns of the tiles of which some stay dense; the side along `axis` must be a multiple of m.
    dense_fraction : float, default=0.0
        Share of tiles that stay dense, in [0, 1): those that would lose most, in squared weights.
    random_state : int, RandomState, Generator or None, default=None
        Of ``method="random"``.

    Returns
    -------
    csr_array of shape (rows, columns)
        The surviving weights.

    Raises
    ------
    TypeError
        If W is not real, or n, m, or a side of a tile is not an integer.
    ValueError
        If n > m, W is not 2-D, is empty or not finite, tiles do not fit, or only one of `tiles` and `dense_fraction` is
        given.

    See Also
    --------
    prune : Free choice of the place.

    Notes
    -----
    In each group of m consecutive weights the n largest in absolute value survive, ties to the lower index [1]_; of a
    last group of only l weights ``⌈n l / m⌉``. Zeros are not stored. The processor has no unit for the pattern: what it
    brings here is an equal number of inputs a neuron, which :class:`CondensedLinear` stores without row pointers.
    Tiles that are either dense or n of m give a density in between [2]_. O(number of weights).

    References
    ----------
    .. [1] A. Zhou, Y. Ma, J. Zhu, J. Liu, Z. Zhang, K. Yuan, W. Sun, H. Li. Learning N:M Fine-grained Structured Sparse
       Neural Networks From Scratch. ICLR, 2021. arXiv 2102.04010.
    .. [2] Y. Hourri, M. Mozaffari, M. Mehri Dehnavi. PATCH: Learnable Tile-level Hybrid Sparsity for LLMs. 2025. arXiv
       2509.23410.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import prune_n_m
    >>> prune_n_m(np.array([[3.0, -4.0, 1.0, 2.0, 5.0, 5.0]]), 2, 4).toarray()
    array([[ 3., -4.,  0.,  0.,  5.,  0.]])
    """
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, got {axis!r}")
    (layer,) = _layers([W], "W")
    n, m = check_count(n, "n"), check_count(m, "m", high=2**31 - 1)
    if n > m:
        raise ValueError(f"n must be at most m, got n={n} and m={m}")
    fixed = _tiles(tiles, dense_fraction, layer.shape, m, axis)
    turned = sp.csr_array(layer.T) if axis == 0 else layer
    keep = _largest(_sizes([turned], method, random_state)[0], *_groups(turned, n, m))
    if fixed:
        sides, n_dense = fixed
        keep |= _in_worst_tiles(turned, keep, sides, n_dense)
    pruned = _subset(turned, keep)
    return sp.csr_array(pruned.T) if axis == 0 else pruned


def _groups(W: sp.csr_array, n: int, m: int):
    """Starts of the groups of m columns of every row among the stored entries, and how many of each to keep."""
    rows, columns = W.shape
    per_row = -(-columns // m)
    owner = np.repeat(np.arange(rows) * per_row, np.diff(W.indptr)) + W.indices // m
    held, first = np.unique(owner, return_index=True)  # sorted already: groups with entries, and where they begin
    last = columns - (per_row - 1) * m
    counts = np.where(held % per_row == per_row - 1, -(-n * last // m), n)
    return np.append(first, W.nnz), counts


def _in_worst_tiles(W: sp.csr_array, keep: np.ndarray, sides: tuple[int, int], n_dense: int) -> np.ndarray:
    """Which stored entries lie in the n_dense tiles that lose most squared weight, ties to the first tile."""
    across = -(-W.shape[1] // sides[1])
    row = np.repeat(np.arange(W.shape[0]), np.diff(W.indptr))
    tile = row // sides[0] * across + W.indices // sides[1]
    lost = np.bincount(
        tile, np.where(keep, 0, np.square(W.data, dtype=np.float64)), across * -(-W.shape[0] // sides[0])
    )
    return _largest(lost, [0, len(lost)], [n_dense])[tile]


def _tiles(tiles, dense_fraction, shape, m, axis):
    """The sides of a tile, in the order of the array whose groups lie along rows, and how many stay dense."""
    if not (isinstance(dense_fraction, Real) and 0 <= dense_fraction < 1):
        raise ValueError(f"dense_fraction must lie in [0, 1), got {dense_fraction!r}")
    if (tiles is None) != (dense_fraction == 0):
        raise ValueError(f"tiles and dense_fraction go together, got {tiles!r} and {dense_fraction!r}")
    if tiles is None:
        return None
    sides = tuple(check_count(side, "a side of tiles") for side in tiles)
    if len(sides) != 2 or sides[axis] % m:
        raise ValueError(f"tiles must be two sides, the one along axis {axis} a multiple of m={m}, got {tiles!r}")
    n_tiles = -(-shape[0] // sides[0]) * -(-shape[1] // sides[1])
    return (sides if axis == 1 else sides[::-1]), round(dense_fraction * n_tiles)


def _layers(coefs: Any, name: str = "coefs") -> list[sp.csr_array]:
    """The layers as CSR without zeros, indices sorted, of float32 or float64; nothing that was given is changed."""
    if isinstance(coefs, np.ndarray) or sp.issparse(coefs) or not isinstance(coefs, Sequence):
        raise TypeError(f"coefs must be a sequence of matrices, one a layer, got {type(coefs).__name__}")
    if not coefs:
        raise ValueError("coefs must have at least one layer, got none")
    layers = []
    for l, W in enumerate(coefs):
        label = name if name != "coefs" else f"coefs[{l}]"
        check_indices(W, label)
        W = W if sp.issparse(W) else np.asarray(W)
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"{label} must be 2-D and not empty, got shape {W.shape}")
        if W.dtype.kind not in "fiub":
            raise TypeError(f"{label} must be real, got dtype {W.dtype}")
        layer = sp.csr_array(W, dtype=W.dtype if W.dtype in (np.float32, np.float64) else np.float64, copy=True)
        layer.sum_duplicates()
        check_finite(layer.data, label)
        layer.eliminate_zeros()
        layers.append(layer)
    return layers


def _sizes(layers: list[sp.csr_array], method: str, random_state: Any) -> list[np.ndarray]:
    """What is compared: magnitudes, or numbers drawn by layer and place, equal for equal supports."""
    _known("method", method, METHODS)
    if method == "magnitude":
        return [np.abs(layer.data) for layer in layers]
    seed, drawn = seed_from(random_state), []
    for l, layer in enumerate(layers):
        row = np.repeat(np.arange(layer.shape[0], dtype=np.int64), np.diff(layer.indptr))
        drawn.append(uniform_hash(row * layer.shape[1] + layer.indices, seed=seed, stream=l))
    return drawn


def _largest(sizes: np.ndarray, starts, counts) -> np.ndarray:
    from sparsela._ext.segment_loops import keep_largest  # Numba: not at import

    keep = np.zeros(len(sizes), bool)
    keep_largest(sizes, np.asarray(starts, np.int64), np.asarray(counts, np.int64), keep)
    return keep


def _subset(layer: sp.csr_array, keep: np.ndarray) -> sp.csr_array:
    """The entries of a CSR matrix that are kept."""
    indptr = np.append(0, np.cumsum(keep))[layer.indptr].astype(layer.indptr.dtype)
    return sp.csr_array((layer.data[keep], layer.indices[keep], indptr), shape=layer.shape)


def _density(density: Any) -> float:
    if not isinstance(density, Real) or not 0 < density <= 1:
        raise ValueError(f"density must lie in (0, 1], got {density!r}")
    return float(density)


def _excluded(exclude: Sequence[int], coefs: Sequence[Any]) -> set[int]:
    for l in exclude:
        if not isinstance(l, Integral) or not -len(coefs) <= l < len(coefs):
            raise ValueError(f"exclude must hold numbers of layers, below {len(coefs)}, got {l!r}")
    return {l % len(coefs) for l in exclude}


def _known(name: str, value: Any, names: tuple[str, ...]) -> None:
    if value not in names:
        raise ValueError(f"{name} must be one of {names}, got {value!r}")
