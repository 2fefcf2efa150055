"""Sets of a given size by a Markov chain."""

from __future__ import annotations

import math
import warnings

import numpy as np

from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count
from sparsela.dpp._greedy import grow
from sparsela.dpp._inputs import check_items, check_likelihood

MOST_STEPS = 10**6


def kdpp_mcmc(L, k, *, n_samples=1, n_steps="auto", init="greedy", random_state=None) -> list[np.ndarray]:
    """Sets of k items, approximately with probability proportional to ``det L_S``, by exchanging one item at a time.

    Parameters
    ----------
    L : array_like of shape (n, n)
        Likelihood kernel, real symmetric or complex Hermitian, positive semidefinite.
    k : int
        Size of the sets, from 1 to the rank of L.
    n_samples : int, default=1
        How many sets, each from a chain of its own.
    n_steps : int or "auto", default="auto"
        Steps of a chain; "auto": ``10 n k log(100 n)``, at most a million.
    init : "greedy" or array_like of int of shape (k,), default="greedy"
        Where the chains start: :func:`greedy_map`, or a set with ``det L_S > 0``.
    random_state : int, Generator, RandomState or None, default=None
        Seed; set j depends on the seed and j alone.

    Returns
    -------
    list of n_samples ndarrays of int64 of shape (k,)
        Ascending items.

    Raises
    ------
    ValueError, TypeError
        If L is not a kernel, k is above its rank, or `init` is no set of k items with a positive determinant.

    Warns
    -----
    UserWarning
        If "auto" asks for more than a million steps.

    See Also
    --------
    KDPP : The exact law; dearer only where eigenvectors of L cannot be had.

    Notes
    -----
    A lazy step (probability 1/2) stays; else one item i in and one item j out, uniformly, are exchanged with
    probability ``min(1, det L_{S−i+j}/det L_S)``: detailed balance holds for ``det L_S``. The law after finitely many
    steps is close to it, not equal. O(k²) a step, by a Cholesky factor that rotations keep up to date.

    References
    ----------
    N. Anari, S. Oveis Gharan, A. Rezaei. Monte Carlo Markov chain algorithms for sampling strongly Rayleigh
    distributions and determinantal point processes. COLT, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import kdpp_mcmc
    >>> x = np.linspace(0, 1, 30)
    >>> [len(S) for S in kdpp_mcmc(np.exp(-9 * (x[:, None] - x) ** 2), 3, n_samples=2, random_state=0)]
    [3, 3]
    """
    from sparsela._ext import dpp

    L = check_likelihood(L)
    n = len(L)
    k = check_count(k, "k", high=n)
    n_samples = check_count(n_samples, "n_samples", low=0)
    start = _start(L, k, init)
    if n_steps == "auto":
        n_steps = math.ceil(10 * n * k * math.log(100 * n))
        if n_steps > MOST_STEPS:
            warnings.warn(f"{n_steps} steps are asked for, {MOST_STEPS} are done", stacklevel=2)
            n_steps = MOST_STEPS
    n_steps = check_count(n_steps, "n_steps", low=0)
    if k == n:
        return [np.arange(n) for _ in range(n_samples)]
    out = np.empty((n_samples, k), np.int64)
    if n_samples:
        dpp.exchange(L, start, n_steps, seed_from(random_state), 0, out, min(effective_n_jobs(), n_samples))
    return list(out)


def _start(L: np.ndarray, k: int, init) -> np.ndarray:
    if isinstance(init, str):
        if init != "greedy":
            raise ValueError(f"init must be 'greedy' or a set of items, got {init!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = grow(np.diagonal(L).real, lambda j: L[j], k, 1e-14)
        if len(start) < k:
            raise ValueError(f"k must be at most the rank of the kernel, {len(start)}, got {k}")
        return start
    start = check_items(init, len(L), "init")
    if len(start) != k:
        raise ValueError(f"init must hold {k} items, got {len(start)}")
    try:
        np.linalg.cholesky(L[np.ix_(start, start)])
    except np.linalg.LinAlgError:
        raise ValueError(f"init must have a positive determinant, items {start.tolist()} are dependent") from None
    return start
