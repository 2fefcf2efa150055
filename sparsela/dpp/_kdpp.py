"""Determinantal processes whose sets have a given size."""

from __future__ import annotations

import numpy as np

from sparsela._core.validation import check_count
from sparsela.dpp._inputs import (
    check_factor,
    check_items,
    check_likelihood,
    spectrum_of,
    spectrum_of_factor,
)
from sparsela.dpp._projection import ColumnSampler
from sparsela.dpp._symmetric import chance_in, chance_of_each, log_table


class KDPP:
    """Sets of k items with probability proportional to ``det L_S``.

    Parameters
    ----------
    k : int
        Size of every set, from 1 to the rank of L.
    L : array_like of shape (n, n), optional
        Likelihood kernel, real symmetric or complex Hermitian, positive semidefinite.
    factor : array_like of shape (n, r), optional
        B of ``L = B Bᴴ``, in place of L: nothing n × n is formed.

    Attributes
    ----------
    rank_ : int
        Numerical rank of L.

    Raises
    ------
    ValueError, TypeError
        If not exactly one of L and factor is given, L is not square, Hermitian or positive semidefinite, there is NaN
        or infinity, or k is out of range.

    See Also
    --------
    DPP : Sets of random size.
    KernelDPP : The same law for a million points.

    Notes
    -----
    Eigenvectors are chosen with weight the product of their eigenvalues, by elementary symmetric polynomials in
    logarithms (24 decades of eigenvalues are no trouble), then a set from their projection process. Once:
    O(n³), or O(n r²) with a factor. A set: O(r + k³ log k). ``αL`` gives the same sets as L.

    References
    ----------
    A. Kulesza, B. Taskar. k-DPPs: Fixed-size determinantal point processes. ICML, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import KDPP
    >>> x = np.linspace(0, 1, 50)
    >>> process = KDPP(3, np.exp(-20 * (x[:, None] - x) ** 2))
    >>> [len(S) for S in process.sample(2, random_state=0)]
    [3, 3]
    """

    def __init__(self, k, L=None, *, factor=None):
        if (L is None) == (factor is None):
            raise ValueError(f"exactly one of L and factor must be given, got {'none' if L is None else 'both'}")
        self.L = None if L is None else check_likelihood(L)
        self.factor = None if factor is None else check_factor(factor)
        self._n = len(self.factor if L is None else self.L)
        self.k = check_count(k, "k", high=self._n)
        lam, self._V = spectrum_of(self.L) if L is not None else spectrum_of_factor(self.factor)
        self.rank_ = len(lam)
        if self.k > self.rank_:
            raise ValueError(f"k must be at most the rank of the kernel, {self.rank_}, got {k}")
        self._log_lam = np.log(lam)
        self._sampler = None

    def sample(self, n_samples=1, *, random_state=None, n_jobs=None) -> list[np.ndarray]:
        """Draw sets of k items.

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
        list of n_samples ndarrays of int64 of shape (k,)
            Ascending items.
        """
        n_samples = check_count(n_samples, "n_samples", low=0)
        if self._sampler is None:
            self._sampler = ColumnSampler(self._V, chance_of_each(self._log_lam, self.k), self.k)
        return self._sampler.sample(n_samples, random_state, n_jobs)

    def normalizer(self) -> float:
        """``log e_k`` of the eigenvalues, the log of the sum of ``det L_S`` over all sets of k items."""
        return float(log_table(self._log_lam, self.k)[-1, self.k])

    def log_prob(self, S) -> float:
        """Log probability of the set S: ``log det L_S − log e_k``, −inf for a set of another size."""
        S = check_items(S, self._n)
        if len(S) != self.k:
            return -np.inf
        if self.factor is not None:
            sigma = np.linalg.svd(self.factor[S], compute_uv=False)
            if len(sigma) < self.k or sigma[-1] == 0:
                return -np.inf
            return float(2 * np.log(sigma).sum()) - self.normalizer()
        sign, value = np.linalg.slogdet(self.L[np.ix_(S, S)])
        return float(value) - self.normalizer() if sign.real > 0 else -np.inf

    def inclusion_probability(self, i) -> float | np.ndarray:
        """Probability that item i is in a set.

        Parameters
        ----------
        i : int or array_like of int
            An item, or several: one probability for each.

        Returns
        -------
        float or ndarray of i's shape
        """
        items = check_items(np.ravel(i), self._n, "i", distinct=False).reshape(np.shape(i))
        rows = np.abs(self._V[items]) ** 2
        return (rows @ chance_in(self._log_lam, self.k))[()]
