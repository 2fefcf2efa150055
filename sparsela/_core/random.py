"""Random numbers that depend on (seed, stream, id) alone: not on order, chunks, threads or how many there are.

Sketches, topologies and samples by id are made of these, so that parts made apart agree and any slice can be made
alone. Kernels that draw on the fly include ``_ext/hash.h``, where the arithmetic is; ordinary initial values may come
from a NumPy Generator.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count

SERIAL = 1 << 16  # numbers below which starting threads costs more than they save


def seed_from(random_state: Any) -> int:
    """The seed that a `random_state` stands for, from 0 to 2⁶³ − 1: the fitted ``seed_`` of what is drawn by id.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        An int is the seed itself, mod 2⁶³; a Generator gives one draw below 2⁶³, a RandomState two of 31 bits (the
        first is the high half); None gives a fresh one each time.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> seed_from(7)
    7
    >>> seed_from(-1) == 2**63 - 1
    True
    """
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        high, low = random_state.randint(2**31, size=2, dtype=np.int64)
        return int(high) << 31 | int(low)
    if isinstance(random_state, Integral) and not isinstance(random_state, (bool, np.bool_)):
        return int(random_state) % 2**63
    kind = type(random_state).__name__
    raise TypeError(f"random_state must be an int, a numpy Generator, a RandomState or None, got {kind}")


def hash_ids(ids: Any, *, seed: int, stream: int = 0, n_jobs: int | None = None) -> np.ndarray:
    """64 random bits an id, uint64 of ids' shape; `seed` and `stream` from 0 to 2⁶³ − 1."""
    from sparsela._ext import hash as kernel

    ids, seed, stream = _ids(ids), _word(seed, "seed"), _word(stream, "stream")
    out = np.empty(ids.shape, np.uint64)
    kernel.hash_ids(ids.ravel(), seed, stream, out.reshape(-1), _threads(ids.size, n_jobs))
    return out[()]


def uniform_hash(ids: Any, *, seed: int, stream: int = 0) -> np.ndarray:
    """A number between 0 and 1 for every id, the same wherever and whenever the id is met.

    Parameters
    ----------
    ids : int or array_like of int
        From 0 to 2⁶³ − 1.
    seed : int
        From 0 to 2⁶³ − 1.
    stream : int, default=0
        Streams of one seed are independent of each other.

    Returns
    -------
    float or ndarray of float64 of ids' shape
        Uniform in the open interval (0, 1), in steps of 2⁻⁵³.

    Raises
    ------
    TypeError
        If ids are not integers.
    ValueError
        If an id is negative or 2⁶³ or more, or seed or stream is out of range.

    Notes
    -----
    ``u = ((h ≫ 11) + ½) 2⁻⁵³`` of ``h = mix(mix(seed + g (stream + 1)) xor mix(id + g))``, mix the finaliser of
    SplitMix64 and g = 0x9E3779B97F4A7C15; the last of the 2⁵³ values, which would round to 1, is 1 − 2⁻⁵³. O(1) an id.

    References
    ----------
    G. Steele, D. Lea, C. Flood. Fast splittable pseudorandom number generators. OOPSLA, 2014.

    Examples
    --------
    >>> uniform_hash([3, 1000, 3], seed=0).round(4)
    array([0.1243, 0.6296, 0.1243])
    """
    h = hash_ids(ids, seed=seed, stream=stream)
    return np.minimum(((h >> np.uint64(11)) + 0.5) * 2.0**-53, 1 - 2.0**-53)


def bucket_hash(ids: Any, n_buckets: int, *, seed: int, stream: int = 0) -> np.ndarray:
    """A bucket in [0, n_buckets) for every id, int64 of ids' shape; ``((h ≫ 32) n_buckets) ≫ 32``, n_buckets < 2³²."""
    n_buckets = check_count(n_buckets, "n_buckets", high=2**32 - 1)
    h = hash_ids(ids, seed=seed, stream=stream)
    return ((h >> np.uint64(32)) * np.uint64(n_buckets) >> np.uint64(32)).astype(np.int64)


def sign_hash(ids: Any, *, seed: int, stream: int = 0) -> np.ndarray:
    """1 or −1 for every id, int8 of ids' shape; the lowest bit of h."""
    odd = (hash_ids(ids, seed=seed, stream=stream) & np.uint64(1)).astype(np.int8)
    return 2 * odd - np.int8(1)


def normal_hash(ids: Any, n_rows: int, *, seed: int, dtype: Any = np.float64, n_jobs: int | None = None) -> np.ndarray:
    """Standard normal numbers, (n_ids, n_rows): rows 0 … n_rows − 1 of the column of every id.

    Rows 2r and 2r + 1 are the Box–Muller pair of the uniform numbers of streams 2r and 2r + 1, so row j of a column is
    the same however many rows are asked for.
    """
    from sparsela._ext import hash as kernel

    ids, seed, n_rows = _ids(ids).ravel(), _word(seed, "seed"), check_count(n_rows, "n_rows", low=0)
    out = np.empty((ids.size, n_rows), dtype)
    kernel.normals(ids, seed, out, _threads(out.size, n_jobs))
    return out


def subset_hash(n: int, size: int, *, seed: int, stream: int = 0) -> np.ndarray:
    """A random subset of {0 … n − 1} of exactly `size`, ascending: where h is smallest, ties to the lowest index."""
    n = check_count(n, "n", low=0)
    size = check_count(size, "size", low=0, high=n)
    if size == 0:
        return np.empty(0, np.int64)
    h = hash_ids(np.arange(n), seed=seed, stream=stream)
    last = np.partition(h, size - 1)[size - 1]
    chosen = h < last
    chosen[np.flatnonzero(h == last)[: size - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen).astype(np.int64, copy=False)


def _ids(ids: Any) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.size == 0 and ids.dtype == np.float64:  # an empty list
        ids = ids.astype(np.int64)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got dtype {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() > 2**63 - 1):
        raise ValueError(f"ids must be between 0 and 2**63 - 1, got {ids.min() if ids.min() < 0 else ids.max()}")
    return np.ascontiguousarray(ids, np.int64) if ids.ndim else ids.astype(np.int64)


def _word(value: Any, name: str) -> int:
    return check_count(value, name, low=0, high=2**63 - 1)


def _threads(size: int, n_jobs: int | None) -> int:
    return effective_n_jobs(n_jobs) if size > SERIAL else 1


def random_stream(random_state: Any) -> np.random.RandomState:
    """A sequential stream for initial values, from None, an int, a RandomState or a Generator (one draw seeds it)."""
    if isinstance(random_state, np.random.Generator):
        return np.random.RandomState(random_state.integers(2**32))
    from sklearn.utils import check_random_state  # as in validation: a second of imports

    return check_random_state(random_state)
