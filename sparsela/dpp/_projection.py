"""Projection processes, the step that every sampler by eigenvectors ends in."""

from __future__ import annotations

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_matrix
from sparsela.dpp._inputs import ROUNDING, check_items, rows_of, working

BATCH = 1 << 21  # numbers of sets that are kept before they become arrays of their own


class ColumnSampler:
    """Takes columns of V at random, then a set from the projection process of those columns.

    Column c is taken with probability chance[c, l], l being how many are still wanted (of `wanted` in all), from the
    last column to the first; where wanted is None, independently of each other with chance[c, 0].
    """

    def __init__(self, V: np.ndarray, chance: np.ndarray, wanted: int | None = None):
        self.V = np.asfortranarray(V)
        self.ladder = np.empty(V.shape, order="F")
        for c in range(V.shape[1]):
            np.cumsum(np.abs(self.V[:, c]) ** 2, out=self.ladder[:, c])
        self.chance = np.ascontiguousarray(chance, np.float64)
        self.wanted = -1 if wanted is None else wanted

    def sample(self, n_samples: int, random_state, n_jobs=None) -> list[np.ndarray]:
        from sparsela._ext import dpp

        seed, threads = seed_from(random_state), effective_n_jobs(n_jobs)
        most = self.V.shape[1] if self.wanted < 0 else self.wanted
        if most == 0:
            return [np.empty(0, np.int64) for _ in range(n_samples)]
        step = max(1, BATCH // int(most))
        sets = []
        with one_blas_thread():
            for first in range(0, n_samples, step):
                count = min(step, n_samples - first)
                out, sizes = dpp.project(
                    self.V, self.ladder, self.chance, self.wanted, seed, first, count, min(threads, count)
                )
                sets += rows_of(out, sizes)
        return sets


class ProjectionDPP:
    """The process of a subspace: its sets have as many items as the subspace has dimensions.

    Parameters
    ----------
    V : array_like of shape (n, r)
        Orthonormal columns, real or complex, r ≤ n; row i stands for item i.

    Raises
    ------
    ValueError
        If the columns are not orthonormal to 1e-8, V has more columns than rows, is empty, or has NaN or infinity.

    See Also
    --------
    DPP : Mixtures of these: a set of eigenvectors is chosen first.

    Notes
    -----
    ``P(S) = |det V_S|²`` for sets of r items; an item is in with probability ``|V_i|²``, its leverage score. Items are
    proposed by their leverage and kept with the share of V_i outside the span of the items before: about r log r
    proposals of O(r²), whatever n, after O(n r) for sums that are made once.

    References
    ----------
    J. Hough, M. Krishnapur, Y. Peres, B. Virág. Determinantal processes and independence. Probability Surveys, 2006.
    S. Barthelmé, N. Tremblay, P.-O. Amblard. A faster sampler for discrete determinantal point processes. 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import ProjectionDPP
    >>> V = np.linalg.qr(np.random.default_rng(0).normal(size=(100, 3)))[0]
    >>> process = ProjectionDPP(V)
    >>> [len(S) for S in process.sample(4, random_state=0)]
    [3, 3, 3, 3]
    """

    def __init__(self, V):
        V = working(check_matrix(V, "V", allow_complex=True))
        if V.shape[1] > V.shape[0]:
            raise ValueError(f"V must have no more columns than rows, got shape {V.shape}")
        with np.errstate(over="ignore", invalid="ignore"):  # then the gap is no small number either
            gap = np.abs(V.conj().T @ V - np.eye(V.shape[1])).max()
        if not gap <= ROUNDING:
            raise ValueError(f"V must have orthonormal columns, but VᴴV differs from the identity by {gap:.3g}")
        self.V = V
        self._sampler = None

    @in_float_range
    def sample(self, n_samples=1, *, random_state=None, n_jobs=None) -> list[np.ndarray]:
        """Draw sets.

        Parameters
        ----------
        n_samples : int, default=1
            How many sets.
        random_state : int, Generator, RandomState or None, default=None
            Seed; set j depends on the seed and j alone.
        n_jobs : int or None, default=None
            Threads; the sets are the same for any number of them.

        Returns
        -------
        list of n_samples ndarrays of int64
            Ascending items.
        """
        n_samples = check_count(n_samples, "n_samples", low=0)
        if self._sampler is None:
            self._sampler = ColumnSampler(self.V, np.ones((self.V.shape[1], 1)))
        return self._sampler.sample(n_samples, random_state, n_jobs)

    def marginal_kernel(self) -> np.ndarray:
        """``K = V Vᴴ``, (n, n): P(A ⊂ S) = det K_A."""
        return self.V @ self.V.conj().T

    def inclusion_probability(self, S) -> float:
        """Probability that all items of S are in a set, ``det K_S``."""
        rows = self.V[check_items(S, len(self.V))]
        return float(np.linalg.det(rows @ rows.conj().T).real) if len(rows) else 1.0

    def log_prob(self, S) -> float:
        """Log probability of the set S, −inf for a set of another size."""
        rows = self.V[check_items(S, len(self.V))]
        if rows.shape[0] != rows.shape[1]:
            return -np.inf
        return float(2 * np.linalg.slogdet(rows)[1])
