"""Where the weights are: how many each layer gets, and supports drawn without an array of the dense size."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np

from sparsela._core.random import hash_ids, seed_from, subset_hash, uniform_hash
from sparsela._core.validation import check_count, check_dtype

KINDS = ("uniform", "constant_fan_in", "small_world")
REWIRED = 0.1  # fraction of the connections of a small world that go anywhere


def uniform_density(layer_sizes, density, *, dense_last=False) -> np.ndarray:
    """Give every layer of a network the same density.

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths n_0, ..., n_L from the inputs to the outputs, at least two.
    density : float
        Fraction of all weights of the network, in (0, 1].
    dense_last : bool, default=False
        Keep the last layer dense and take its weights from the others.

    Returns
    -------
    ndarray of shape (n_layers,)
        Density of each layer.

    Raises
    ------
    ValueError
        If density is outside (0, 1], a width is below 1, or the last layer alone is more than all weights.

    See Also
    --------
    erk_density : More for the small layers.
    allocate_weights : From densities to whole numbers.

    References
    ----------
    S. Liu, T. Chen, X. Chen, L. Shen, D. C. Mocanu, Z. Wang, M. Pechenizkiy. The unreasonable effectiveness of random
    pruning: return of the most naive baseline for sparse training. ICLR, 2022. arXiv 2202.02643.

    Examples
    --------
    >>> from sparsela.nn import uniform_density
    >>> uniform_density((3072, 1024, 512, 10), 0.05)
    array([0.05, 0.05, 0.05])
    """
    sizes, density = check_sizes(layer_sizes), check_density(density)
    places = _places(sizes)
    densities = np.full(places.size, density)
    if dense_last and places.size > 1:
        rest = places[:-1].sum()
        spread = (density * places.sum() - places[-1]) / rest
        if spread <= 0:
            raise ValueError(f"density {density} leaves no weight beside a dense last layer of {places[-1]} weights")
        densities[:-1], densities[-1] = spread, 1
    return densities


def erk_density(layer_sizes, density, *, power=1.0) -> np.ndarray:
    """Give small layers a higher density than large ones (Erdős–Rényi).

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths n_0, ..., n_L.
    density : float
        Fraction of all weights of the network, in (0, 1].
    power : float, default=1.0
        0 is uniform, 1 is Erdős–Rényi.

    Returns
    -------
    ndarray of shape (n_layers,)
        Density of each layer.

    Raises
    ------
    ValueError
        If density is outside (0, 1], power is negative, or a width is below 1.

    See Also
    --------
    uniform_density, balanced_density : Other ways to share.

    Notes
    -----
    ``p_l = ε ((n_{l−1} + n_l) / (n_{l−1} n_l))^power`` with ε such that the network has the density asked for. A layer
    that would need more than density 1 is dense, and ε is found again for the others. With power 1 each layer has about
    ``ε (n_{l−1} + n_l)`` weights: as many for each neuron, wherever it is.

    References
    ----------
    D. C. Mocanu, E. Mocanu, P. Stone, P. H. Nguyen, M. Gibescu, A. Liotta. Scalable training of artificial neural
    networks with adaptive sparse connectivity inspired by network science. Nature Communications, 2018. arXiv
    1707.04780.

    U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen. Rigging the lottery: making all tickets winners. ICML, 2020.
    arXiv 1911.11134.

    Examples
    --------
    >>> from sparsela.nn import erk_density
    >>> erk_density((3072, 1024, 512, 10), 0.01).round(4)
    array([0.0078, 0.0175, 0.6089])
    """
    sizes, density = check_sizes(layer_sizes), check_density(density)
    if not isinstance(power, Real) or not power >= 0:
        raise ValueError(f"power must be a number of 0 or more, got {power!r}")
    N = _places(sizes)
    raw = ((sizes[:-1] + sizes[1:]) / N) ** power
    dense = np.zeros(N.size, bool)
    while not dense.all():
        budget = density * N.sum() - N[dense].sum()
        epsilon = budget / (raw * N)[~dense].sum()
        p = np.where(dense, 1.0, epsilon * raw)
        if p.max() <= 1 + 1e-12:
            return np.minimum(p, 1)
        dense |= ~dense & (raw == raw[~dense].max())
    return np.ones(N.size)


def balanced_density(layer_sizes, density) -> np.ndarray:
    """Give every layer the same number of weights, as far as its size allows.

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths n_0, ..., n_L.
    density : float
        Fraction of all weights of the network, in (0, 1].

    Returns
    -------
    ndarray of shape (n_layers,)
        Density of each layer. Layers too small for an equal share are dense; the others share what is left.

    Raises
    ------
    ValueError
        If density is outside (0, 1] or a width is below 1.

    References
    ----------
    A. Gadhikar, S. Mukherjee, R. Burkholz. Why random pruning is all we need to start sparse. ICML, 2023. arXiv
    2210.02412.

    Examples
    --------
    >>> from sparsela.nn import balanced_density
    >>> balanced_density((100, 50, 10), 0.2)
    array([0.12, 1.  ])
    """
    sizes, density = check_sizes(layer_sizes), check_density(density)
    N = _places(sizes)
    dense = np.zeros(N.size, bool)
    while not dense.all():
        share = (density * N.sum() - N[dense].sum()) / np.count_nonzero(~dense)
        if not np.any(full := ~dense & (share > N)):
            return np.where(dense, 1.0, share / N)
        dense |= full
    return np.ones(N.size)


def allocate_weights(layer_sizes, densities, density) -> np.ndarray:
    """Turn the densities of layers into whole numbers of weights whose sum is exact.

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths n_0, ..., n_L.
    densities : array_like of shape (n_layers,)
        Of each layer, in [0, 1], to a mean of `density` over all places.
    density : float
        Fraction of all weights of the network, in (0, 1].

    Returns
    -------
    ndarray of int64 of shape (n_layers,)
        Weights of each layer: at least 1, at most n_{l−1} n_l, in sum round(density Σ n_{l−1} n_l).

    Raises
    ------
    ValueError
        If there are fewer weights than layers, or densities do not have that mean.

    Notes
    -----
    The whole part of each share, and the weights that remain to the largest remainders, ties to the earlier layer.
    A layer left without any gets one from the largest.

    Examples
    --------
    >>> from sparsela.nn import allocate_weights, erk_density
    >>> sizes = (3072, 1024, 512, 10)
    >>> counts = allocate_weights(sizes, erk_density(sizes, 0.01), 0.01)
    >>> counts, int(counts.sum())
    (array([24461,  9173,  3117]), 36751)
    """
    sizes, density = check_sizes(layer_sizes), check_density(density)
    N = _places(sizes)
    densities = np.asarray(densities)
    densities = densities.astype(check_dtype(densities.dtype, "densities", allow_complex=False))
    if densities.shape != N.shape or not np.all((densities >= 0) & (densities <= 1)):
        raise ValueError(f"densities must be {N.size} numbers from 0 to 1, one a layer, got {densities}")
    total = round(density * N.sum())
    if total < N.size:
        raise ValueError(
            f"density {density} leaves a layer without a weight: {total} weight(s) for {N.size} layers of {N.tolist()}"
        )
    shares = densities * N
    if abs(shares.sum() - total) > 1 + 1e-6 * total:
        raise ValueError(f"densities make {shares.sum():.1f} weights, density {density} makes {total}")
    counts = np.floor(shares + 1e-9).astype(np.int64)
    remainder = shares - counts
    while (left := total - counts.sum()) != 0:
        able = counts < N if left > 0 else counts > 0
        order = np.argsort(np.where(able, -np.sign(left) * remainder, np.inf), kind="stable")[
            : min(abs(left), able.sum())
        ]
        counts[order] += np.sign(left)
        remainder[order] -= np.sign(left)
    while not counts.all():
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts


def widen_for_sparsity(width, density) -> int:
    """How wide a random sparse layer must be to hold a dense one of a given width.

    Parameters
    ----------
    width : int
        Of the dense layer.
    density : float
        Of the sparse one, in (0, 1].

    Returns
    -------
    int
        max(width, ⌈width / log(1 / (1 − density))⌉).

    Raises
    ------
    ValueError
        If width is below 1 or density is outside (0, 1].

    See Also
    --------
    iso_flop_width : The width that keeps the number of weights.

    Notes
    -----
    This is the rule of the paper for one layer and for what a wider random network *can* express; it says nothing of
    how well training finds it.

    References
    ----------
    A. Gadhikar, S. Mukherjee, R. Burkholz. Why random pruning is all we need to start sparse. ICML, 2023. arXiv
    2210.02412.

    Examples
    --------
    >>> from sparsela.nn import widen_for_sparsity
    >>> widen_for_sparsity(100, 0.1), widen_for_sparsity(100, 0.9)
    (950, 100)
    """
    width, density = check_count(width, "width"), check_density(density)
    if density == 1:
        return width
    wider = width / -math.log1p(-density)
    if wider > 2**53:
        raise ValueError(f"density must leave a width that can be counted, got {density:g}, which asks for {wider:.1g}")
    return max(width, math.ceil(wider))


def iso_flop_width(width, density) -> int:
    """The width at which a sparse square layer has as many weights as a dense one.

    Parameters
    ----------
    width : int
        Of the dense layer.
    density : float
        Of the sparse one, in (0, 1].

    Returns
    -------
    int
        round(width / √density).

    Raises
    ------
    ValueError
        If width is below 1 or density is outside (0, 1].

    References
    ----------
    V. Thangarasa, S. Saxena, A. Gupta, S. Lie. Sparse iso-FLOP transformations for maximizing training efficiency.
    2023. arXiv 2303.11525.

    Examples
    --------
    >>> from sparsela.nn import iso_flop_width
    >>> iso_flop_width(512, 0.25)
    1024
    """
    return round(check_count(width, "width") / math.sqrt(check_density(density)))


def random_topology(shape, nnz, *, kind="uniform", random_state=None) -> tuple[np.ndarray, np.ndarray]:
    """Draw the support of a sparse layer.

    Parameters
    ----------
    shape : (int, int)
        Outputs and inputs, (n_out, n_in).
    nnz : int
        Number of weights, at most n_out · n_in.
    kind : {"uniform", "constant_fan_in", "small_world"}, default="uniform"
        "uniform": every set of nnz positions is as likely. "constant_fan_in": every output has
        k = round(nnz / n_out) ≥ 1 inputs, hence k · n_out weights. "small_world": each output is joined to the inputs
        nearest to it when both are laid along a line, and one connection in ten goes anywhere instead.
    random_state : int, RandomState, Generator or None, default=None
        Seed. The support is the same on any machine.

    Returns
    -------
    indptr : ndarray of int32 of shape (n_out + 1,)
        Where each output begins.
    indices : ndarray of int32 of shape (nnz,)
        Inputs of each output, ascending.

    Raises
    ------
    ValueError
        If nnz is below 1 or above n_out · n_in, a size is below 1 or not below 2³¹, or kind is none of these.

    See Also
    --------
    allocate_weights : How many weights each layer gets.

    Notes
    -----
    Positions come from the counter hash of the library: draws until nnz of them are distinct, or the positions left out
    where those are fewer. O(nnz log nnz) time and O(nnz) memory: nothing of the size n_out · n_in.

    References
    ----------
    S. Liu, T. Chen, X. Chen, L. Shen, D. C. Mocanu, Z. Wang, M. Pechenizkiy. The unreasonable effectiveness of random
    pruning: return of the most naive baseline for sparse training. ICLR, 2022. arXiv 2202.02643.

    Examples
    --------
    >>> from sparsela.nn import random_topology
    >>> indptr, indices = random_topology((4, 6), 8, kind="constant_fan_in", random_state=0)
    >>> indptr
    array([0, 2, 4, 6, 8], dtype=int32)
    """
    n_out, n_in = (check_count(s, "shape", high=2**31 - 1) for s in shape)
    nnz = check_count(nnz, "nnz", high=min(n_out * n_in, 2**31 - 1))
    seed = seed_from(random_state)
    if kind == "uniform":
        keys = draw_free(np.zeros(0, np.int64), nnz, n_out * n_in, seed)
    elif kind == "constant_fan_in":
        keys = _distinct_in_rows(n_out, n_in, min(n_in, max(1, round(nnz / n_out))), seed)
    elif kind == "small_world":
        keys = _small_world(n_out, n_in, nnz, seed)
    else:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    return structure_of(keys, n_out, n_in)


def structure_of(keys: np.ndarray, n_out: int, n_in: int) -> tuple[np.ndarray, np.ndarray]:
    """(indptr, indices) of ascending flat positions ``row · n_in + column``."""
    rows, indices = np.divmod(keys, n_in)
    indptr = np.zeros(n_out + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=n_out), out=indptr[1:])
    return indptr, indices.astype(np.int32)


def keys_of(indptr: np.ndarray, indices: np.ndarray, n_in: int) -> np.ndarray:
    """The flat positions of a support, ascending int64."""
    rows = np.repeat(np.arange(indptr.size - 1, dtype=np.int64), np.diff(indptr))
    return rows * n_in + indices


def member(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which keys are in `among`, which ascends."""
    if among.size == 0:
        return np.zeros(keys.shape, bool)
    at = np.searchsorted(among, keys)
    return among[np.minimum(at, among.size - 1)] == keys


def draw_free(taken: np.ndarray, n: int, N: int, seed: int) -> np.ndarray:
    """n distinct positions of 0 ... N − 1, ascending, uniform among those that are not in `taken`, which ascends."""
    free = N - taken.size
    if 2 * taken.size > N or 2 * n > free:  # what is kept or drawn is then of the order of N itself
        is_free = np.ones(N, bool)
        is_free[taken] = False
        return np.flatnonzero(is_free)[subset_hash(free, n, seed=seed)]
    found, drawn = np.zeros(0, np.int64), 0
    while found.size < n:
        size = 64 + int(1.25 * (n - found.size) * N / free)
        ids = np.arange(drawn, drawn + size)
        drawn += size
        draws = (hash_ids(ids, seed=seed) % np.uint64(N)).astype(np.int64)
        draws = np.concatenate([found, draws[~member(draws, taken)]])
        _, first = np.unique(draws, return_index=True)
        first.sort()
        found = draws[first[:n]]  # the first n distinct ones in the order in which they came
    return np.sort(found)


def _distinct_in_rows(n_out: int, n_in: int, k: int, seed: int) -> np.ndarray:
    """k distinct columns of each row; ids of a row's draws begin at row · 2³²."""
    if 2 * k > n_in:
        keys = np.ones(n_out * n_in, bool)
        if k < n_in:
            keys[_distinct_in_rows(n_out, n_in, n_in - k, seed)] = False
        return np.flatnonzero(keys)
    done, short, size = [], np.arange(n_out, dtype=np.int64), 2 * k + 16
    while short.size:
        ids = (short[:, None] << 32) + np.arange(size)
        columns = (hash_ids(ids, seed=seed) % np.uint64(n_in)).astype(np.int64)
        _, first = np.unique((short[:, None] * n_in + columns).ravel(), return_index=True)
        first.sort()
        rows = first // size
        rank = np.arange(first.size) - np.searchsorted(rows, rows)
        enough = np.bincount(rows, minlength=short.size) >= k
        taken = first[(rank < k) & enough[rows]]
        done.append(short[taken // size] * n_in + columns.ravel()[taken])
        short, size = short[~enough], 2 * size
    return np.sort(np.concatenate(done))


def _small_world(n_out: int, n_in: int, nnz: int, seed: int) -> np.ndarray:
    fan = np.full(n_out, nnz // n_out)
    fan[: nnz % n_out] += 1
    rows = np.repeat(np.arange(n_out, dtype=np.int64), fan)
    rank = np.arange(nnz) - np.repeat(np.cumsum(fan) - fan, fan)
    centre = (2 * rows + 1) * n_in // (2 * n_out)
    near = np.sort(rows * n_in + (centre + rank - fan[rows] // 2) % n_in)
    stay = near[uniform_hash(near, seed=seed, stream=1) >= REWIRED]
    return np.sort(np.concatenate([stay, draw_free(stay, nnz - stay.size, n_out * n_in, seed)]))


def check_sizes(layer_sizes) -> np.ndarray:
    sizes = list(layer_sizes) if np.iterable(layer_sizes) else [layer_sizes]
    if len(sizes) < 2 or not all(isinstance(s, Integral) and s >= 1 for s in sizes):
        raise ValueError(f"layer_sizes must be at least two whole numbers of 1 or more, got {layer_sizes!r}")
    return np.array(sizes, np.int64)


def check_density(density) -> float:
    if not isinstance(density, Real) or isinstance(density, bool) or not 0 < density <= 1:
        raise ValueError(f"density must be a number in (0, 1], got {density!r}")
    return float(density)


def _places(sizes: np.ndarray) -> np.ndarray:
    return sizes[:-1] * sizes[1:]
