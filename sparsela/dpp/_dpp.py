"""Determinantal processes on n items given by a matrix: P(S) ∝ det L_S."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, eigh, lapack, solve
from scipy.optimize import brentq

from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_positive
from sparsela.dpp._greedy import greedy_map
from sparsela.dpp._inputs import (
    ROUNDING,
    check_factor,
    check_items,
    check_likelihood,
    check_marginal,
    rows_of,
    spectrum_of,
    spectrum_of_factor,
)
from sparsela.dpp._projection import ColumnSampler
from sparsela.dpp._symmetric import number_of_successes

METHODS = ("auto", "spectral", "cholesky")


class DPP:
    """Sets of items that are unlike each other: ``P(S) ∝ det L_S``, or ``P(A ⊂ S) = det K_A``.

    Parameters
    ----------
    L : array_like of shape (n, n), optional
        Likelihood kernel, real symmetric or complex Hermitian, positive semidefinite.
    K : array_like of shape (n, n), optional
        Marginal kernel ``K = L (I + L)⁻¹``, its eigenvalues between 0 and 1; an eigenvalue of 1 (which no L has) is
        allowed.
    factor : array_like of shape (n, r), optional
        B of ``L = B Bᴴ``: nothing n × n is formed. Exactly one of the three is given.
    check : bool, default=True
        Whether to check that L is positive semidefinite, or K between 0 and I: O(n³/3).

    Attributes
    ----------
    labels_ : ndarray of int64 of shape (n,)
        What the items are called in the sets: 0 … n − 1, or what :meth:`condition` has left of them.

    Raises
    ------
    ValueError, TypeError
        If not exactly one matrix is given, it is not square, not Hermitian, has eigenvalues out of range (the message
        says which), or has NaN or infinity.

    See Also
    --------
    KDPP : Sets of a given size.
    KernelDPP : A million points and a kernel.

    Notes
    -----
    Two exact samplers. "spectral": eigenvectors once, O(n³) or O(n r²) with a factor; then eigenvector j is taken with
    probability λ_j/(1 + λ_j), and a set comes from the projection process of those taken, O(k³ log k) for k items,
    whatever n. "cholesky": an LDLᴴ factorisation of K with a coin at every pivot, n³/3 multiply-adds a set and no
    eigenvectors.

    References
    ----------
    J. Hough, M. Krishnapur, Y. Peres, B. Virág. Determinantal processes and independence. Probability Surveys, 2006.
    A. Kulesza, B. Taskar. Determinantal point processes for machine learning. FnT in Machine Learning, 2012.
    J. Poulson. High-performance sampling of generic determinantal point processes. 2019.
    S. Barthelmé, N. Tremblay, P.-O. Amblard. A faster sampler for discrete determinantal point processes. 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import DPP
    >>> x = np.linspace(0, 1, 100)
    >>> process = DPP(np.exp(-50 * (x[:, None] - x) ** 2))
    >>> round(process.expected_size(), 2)
    8.36
    >>> S = process.sample(random_state=0)[0]
    >>> bool(np.diff(S).min() > 3)
    True
    """

    def __init__(self, L=None, *, K=None, factor=None, check=True):
        given = [name for name, a in (("L", L), ("K", K), ("factor", factor)) if a is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of L, K and factor must be given, got {' and '.join(given) or 'none'}")
        self.L = None if L is None else check_likelihood(L, check=check)
        self.K = None if K is None else check_marginal(K, check=check)
        self.factor = None if factor is None else check_factor(factor)
        self._n = len(self._given)
        self.labels_ = np.arange(self._n)
        self._pair = self._sampler = self._marginal = None

    @property
    def _given(self) -> np.ndarray:
        return next(a for a in (self.L, self.K, self.factor) if a is not None)

    @property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues q of K above 0, ascending, and their eigenvectors (n, r)."""
        if self._pair is None:
            if self.K is not None:
                q, V = eigh(self.K, check_finite=False)
                kept = q > len(q) * 10 * np.finfo(float).eps
                self._pair = np.clip(q[kept], 0, 1), V[:, kept]
            else:
                lam, V = spectrum_of(self.L) if self.L is not None else spectrum_of_factor(self.factor)
                self._pair = lam / (1 + lam), V
        return self._pair

    def sample(self, n_samples=1, *, method="auto", random_state=None, n_jobs=None) -> list[np.ndarray]:
        """Draw sets.

        Parameters
        ----------
        n_samples : int, default=1
            How many sets.
        method : {"auto", "spectral", "cholesky"}, default="auto"
            "auto": "cholesky" for a single set where eigenvectors are not there yet and no factor was given, else
            "spectral". "cholesky" forms K, (n, n).
        random_state : int, Generator, RandomState or None, default=None
            Seed; set j depends on the seed, the method and j alone.
        n_jobs : int or None, default=None
            Threads; the sets are the same for any number of them.

        Returns
        -------
        list of n_samples ndarrays of int64
            Ascending items, as in `labels_`; a set may be empty.
        """
        n_samples = check_count(n_samples, "n_samples", low=0)
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {method!r}")
        if method == "auto":
            ready = self._pair is not None or self.factor is not None
            method = "spectral" if ready or n_samples != 1 else "cholesky"
        if method == "spectral":
            if self._sampler is None:
                q, V = self._spectrum
                self._sampler = ColumnSampler(V, q[:, None])
            sets = self._sampler.sample(n_samples, random_state, n_jobs)
        else:
            sets = self._by_cholesky(n_samples, random_state, n_jobs)
        return [self.labels_[S] for S in sets]

    def _by_cholesky(self, n_samples, random_state, n_jobs) -> list[np.ndarray]:
        from sparsela._ext import dpp

        K, seed, threads = self.marginal_kernel(), seed_from(random_state), effective_n_jobs(n_jobs)
        step, sets = max(threads, (1 << 21) // self._n), []
        with one_blas_thread():
            for first in range(0, n_samples, step):
                out = np.empty((min(step, n_samples - first), self._n), np.int64)
                sets += rows_of(out, dpp.ldl(K, seed, first, out, min(threads, len(out))))
        return sets

    def marginal_kernel(self) -> np.ndarray:
        """``K = L (I + L)⁻¹``, (n, n): P(A ⊂ S) = det K_A. Made once, by Cholesky: n³ multiply-adds."""
        if self.K is not None:
            return self.K
        if self._marginal is None:
            if self.L is not None and self._pair is None:
                self._marginal = _marginal(self.L)
            else:
                q, V = self._spectrum
                self._marginal = np.ascontiguousarray((V * q) @ V.conj().T)
        return self._marginal

    def inclusion_probability(self, S) -> float:
        """Probability that all items of S (numbers in 0 … n − 1) are in a set, ``det K_S``."""
        S = check_items(S, self._n)
        if self.factor is not None:  # no n × n
            q, V = self._spectrum
            rows = V[S] * np.sqrt(q)
            return float(np.linalg.det(rows @ rows.conj().T).real) if len(S) else 1.0
        return float(np.linalg.det(self.marginal_kernel()[np.ix_(S, S)]).real) if len(S) else 1.0

    def log_prob(self, S) -> float:
        """Log probability of the set S (numbers in 0 … n − 1), −inf if it has none."""
        S = check_items(S, self._n)
        if self.K is not None:  # |det(K − I on what is not in S)|, right also where no L exists
            A = self.K.copy()
            others = np.setdiff1d(np.arange(self._n), S)
            A[others, others] -= 1
            return float(np.linalg.slogdet(A)[1])
        q, _ = self._spectrum
        empty = np.log1p(-q).sum()
        if len(S) == 0:
            return float(empty)
        if self.factor is not None:
            sigma = np.linalg.svd(self.factor[S], compute_uv=False)
            dependent = len(S) > self.factor.shape[1] or sigma[-1] == 0
            return -np.inf if dependent else float(2 * np.log(sigma).sum() + empty)
        sign, value = np.linalg.slogdet(self.L[np.ix_(S, S)])
        return float(value + empty) if sign.real > 0 else -np.inf

    def expected_size(self) -> float:
        """Mean number of items, ``Σ λ_j/(1 + λ_j) = tr K``."""
        return float(self._spectrum[0].sum())

    def size_distribution(self) -> np.ndarray:
        """Probability of 0, 1, … n items, (n + 1,): independent coins of bias λ_j/(1 + λ_j)."""
        law = np.zeros(self._n + 1)
        q, _ = self._spectrum
        law[: len(q) + 1] = number_of_successes(q)
        return law

    def rescale(self, expected_size) -> DPP:
        """The process of αL whose sets have so many items on average.

        Parameters
        ----------
        expected_size : float
            Above 0 and below the rank.

        Returns
        -------
        DPP
        """
        target = check_positive(expected_size, "expected_size")
        q, V = self._spectrum
        sure = np.count_nonzero(q == 1)
        if not sure < target < len(q):
            raise ValueError(f"expected_size must be between {sure} and the rank, {len(q)}, got {expected_size!r}")

        def scaled(log_alpha):
            return 1 / (1 + np.exp(-log_alpha) * (1 / q - 1))

        low, high = -1.0, 1.0
        while scaled(low).sum() > target:
            low *= 2
        while scaled(high).sum() < target:
            high *= 2
        log_alpha = brentq(lambda a: scaled(a).sum() - target, low, high, xtol=1e-13, rtol=1e-14)
        new, alpha = object.__new__(DPP), np.exp(log_alpha)
        new.__dict__.update(self.__dict__, _marginal=None, _sampler=None, _pair=(scaled(log_alpha), V))
        if self.L is not None:
            new.L = alpha * self.L
        elif self.factor is not None:
            new.factor = np.sqrt(alpha) * self.factor
        else:
            new.K = np.ascontiguousarray((V * new._pair[0]) @ V.conj().T)
        return new

    def condition(self, included=(), excluded=()) -> DPP:
        """The process of the other items, given that some are in and some are not.

        Parameters
        ----------
        included, excluded : array_like of int, default=()
            Numbers in 0 … n − 1, none in both.

        Returns
        -------
        DPP
            On the items that are left; its `labels_` are what they are called here.

        Raises
        ------
        ValueError
            If no set has the one and lacks the other: the event has probability 0.
        """
        A = check_items(included, self._n, "included")
        E = check_items(excluded, self._n, "excluded")
        if both := sorted(set(A.tolist()) & set(E.tolist())):
            raise ValueError(f"included and excluded must have no item in common, got {both}")
        R = np.setdiff1d(np.arange(self._n), np.concatenate([A, E]))
        if len(R) == 0:
            raise ValueError("included and excluded must leave an item, got all of them")
        if self.factor is not None:
            new = DPP(factor=_without_span(self.factor[R], self.factor[A]))
        elif self.L is not None:
            new = DPP(_schur(self.L, R, A), check=False)
        else:
            K = _schur(self.K, np.concatenate([R, E]), A)
            first, last = np.split(np.arange(len(K)), [len(R)])
            if len(E):  # to exclude is to include in the process of the complement, whose kernel is I − K
                K = np.eye(len(R)) - _schur(np.eye(len(K)) - K, first, last)
            new = DPP(K=K, check=False)
        new.labels_ = self.labels_[R]
        return new

    def greedy_map(self, max_size=None) -> np.ndarray:
        """A set of large ``det L_S``, grown by one item at a time; see :func:`greedy_map`."""
        if self.factor is not None:
            return self.labels_[greedy_map(factor=self.factor, max_size=max_size)]
        L = self.L
        if L is None:
            q, V = self._spectrum
            if q[-1] > 1 - ROUNDING:
                raise ValueError(f"K must have eigenvalues below 1 for L = K (I − K)⁻¹ to be finite, got {q[-1]:.9g}")
            L = (V * (q / (1 - q))) @ V.conj().T
        return self.labels_[greedy_map(L, max_size=max_size)]


def _marginal(L: np.ndarray) -> np.ndarray:
    """I − (I + L)⁻¹."""
    A = L + np.eye(len(L))
    R = cholesky(A.T, lower=True, overwrite_a=True, check_finite=False)  # of the conjugate, in Fortran order
    inverse, info = lapack.get_lapack_funcs("potri", (R,))(R, lower=True, overwrite_c=True)
    if info:
        raise ValueError("L must be positive semidefinite, but I + L is singular")
    K = np.triu(-inverse.T, 1)  # the transposed inverse of the conjugate is that of I + L
    K += K.conj().T
    K[np.diag_indices(len(K))] = 1 - np.diagonal(inverse).real
    return K


def _schur(L, rows, A):
    """L_RR − L_RA L_AA⁻¹ L_AR, R = rows."""
    out = L[np.ix_(rows, rows)]
    if len(A) == 0:
        return out
    inner, side = L[np.ix_(A, A)], L[np.ix_(A, rows)]
    smallest = np.linalg.eigvalsh(inner)[0]
    if smallest <= len(L) * np.finfo(float).eps * max(np.abs(np.diagonal(inner)).max(), 1e-300):
        raise ValueError(f"the condition has probability 0: no set fits items {A.tolist()}")
    out = out - side.conj().T @ solve(inner, side, assume_a="pos", check_finite=False)
    return (out + out.conj().T) / 2


def _without_span(B: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of B outside the span of some others, which must be independent."""
    if len(rows) == 0:
        return B
    U, sigma, Wh = np.linalg.svd(rows, full_matrices=False)
    if len(rows) > B.shape[1] or sigma[-1] <= sigma[0] * max(rows.shape) * np.finfo(float).eps:
        raise ValueError("the condition has probability 0: the included items are dependent")
    return B - (B @ Wh.conj().T) @ Wh
