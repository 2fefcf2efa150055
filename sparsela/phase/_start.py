"""Starts: a support from the marginals of the measurements, then an eigenvector on it."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator
from sparsela._core.prox import top_k
from sparsela._core.validation import check_positive, check_sparsity
from sparsela.phase._error import fix_phase
from sparsela.phase._problem import Problem, check_magnitudes, problems
from sparsela.recovery._problem import threads_for

KINDS = ("full", "truncated")
STRONG = 6  # one equation in so many is kept by the truncated start


@in_float_range
def spectral_init(A: Any, y: Any, n_nonzero_coefs: int, *, kind: str = "full", support: Any = None) -> np.ndarray:
    """Estimate x from magnitudes by a leading eigenvector.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex, of independent entries of one variance. A LinearOperator needs `support`.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements, n_features).
    kind : {"full", "truncated"}, default="full"
        All equations weighted by ``y²``, or the sixth with the largest ``y_i / ‖a_i‖``, each with weight 1: better with
        few measurements.
    support : array_like of int, optional
        Where x may be non-zero; None: where the marginals are largest.

    Returns
    -------
    ndarray of shape (n_features,) or (n_features, n_targets)
        A vector of norm ``φ``, whose largest entry is real and positive; 0 for ``y = 0``.

    Raises
    ------
    TypeError
        If A is no matrix, or a LinearOperator and there is no `support`.
    ValueError
        If y is negative or not finite, shapes do not fit, a column of A is zero, or n_nonzero_coefs, `kind` or
        `support` is out of range.

    Notes
    -----
    With ``φ² = mean(y²)`` (over the mean square of the entries of A) and marginals ``M_j = mean(y² |a_j|²)``, of
    expectation ``φ² + 2 x_j²`` for real and ``φ² + |x_j|²`` for complex A, S holds the s largest, and v is the leading
    eigenvector of ``mean(y_i² a_iS a_iSᴴ)``. One pass over A, O(m n), and O(m s² + s³).

    References
    ----------
    G. Jagatap, C. Hegde. Fast, sample-efficient algorithms for structured phase retrieval. NIPS, 2017.

    G. Wang, L. Zhang, G. Giannakis, M. Akçakaya, J. Chen. Sparse phase retrieval via truncated amplitude flow. IEEE
    Transactions on Signal Processing, 2018.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import phase_error, spectral_init
    >>> A, y, x = make_phaseless(200, 400, 4, random_state=1)
    >>> phase_error(spectral_init(A, y, 4), x) < 0.25
    True
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    return _starts(A, y, n_nonzero_coefs, support, lambda problem, S: spectral(problem, S, kind))


@in_float_range
def null_init(A: Any, y: Any, n_nonzero_coefs: int, *, weak_fraction: float = 0.5, support: Any = None) -> np.ndarray:
    """Estimate x from magnitudes by the vector most orthogonal to the weakest measurements.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex, of independent entries of one variance. A LinearOperator needs `support`.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements, n_features).
    weak_fraction : float, default=0.5
        Share of the equations taken for weak, between 0 and 1.
    support : array_like of int, optional
        Where x may be non-zero; None: where the marginals are largest.

    Returns
    -------
    ndarray of shape (n_features,) or (n_features, n_targets)
        A vector of norm ``φ``, whose largest entry is real and positive; 0 for ``y = 0``.

    Raises
    ------
    TypeError
        If A is no matrix, or a LinearOperator and there is no `support`.
    ValueError
        If y is negative or not finite, shapes do not fit, a column of A is zero, n_nonzero_coefs, weak_fraction or
        `support` is out of range, or fewer equations are weak than there are non-zeros.

    Notes
    -----
    The support S is that of :func:`spectral_init`; I holds the equations with the smallest ``y_i / ‖a_iS‖``, which say
    that x is nearly orthogonal to ``a_i``, and v is the eigenvector of the smallest eigenvalue of
    ``Σ_I a_iS a_iSᴴ / ‖a_iS‖²``. Of the three starts it is the nearest to x, where S is right. One pass over A, O(m n),
    and O(m s² + s³).

    References
    ----------
    P. Chen, A. Fannjiang, G.-R. Liu. Phase retrieval by linear algebra. SIAM Journal on Matrix Analysis and
    Applications, 2017.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import null_init, phase_error
    >>> A, y, x = make_phaseless(200, 400, 4, random_state=1)
    >>> phase_error(null_init(A, y, 4), x) < 0.15
    True
    """
    weak_fraction = check_positive(weak_fraction, "weak_fraction")
    if weak_fraction >= 1:
        raise ValueError(f"weak_fraction must be between 0 and 1, both excluded, got {weak_fraction:g}")
    return _starts(A, y, n_nonzero_coefs, support, lambda problem, S: null(problem, S, weak_fraction))


def _starts(A, y, n_nonzero_coefs, support, start) -> np.ndarray:
    A, y = check_magnitudes(A, y)
    k = check_sparsity(n_nonzero_coefs, min(A.shape))
    S = None if support is None else check_support(support, A.shape[1])
    if S is None:
        check_explicit(A, "support=")
    with threads_for(A):
        found = [
            problem.unit * fix_phase(start(problem, strongest(problem, k) if S is None else S))
            if problem.unit
            else np.zeros(A.shape[1])
            for problem in problems(A, y, survey=S is None)
        ]
    x = np.stack(found, axis=1).astype(A.dtype)
    return x[:, 0].copy() if y.ndim == 1 else x


def check_support(support: Any, n: int) -> np.ndarray:
    S = np.asarray(support)
    if S.ndim != 1 or not S.size or S.dtype.kind not in "iu":
        raise ValueError(f"support must be a vector of indices, got shape {S.shape} of {S.dtype}")
    if S.min() < 0 or S.max() >= n or len(np.unique(S)) < len(S):
        raise ValueError(f"support must be different indices from 0 to {n - 1}, got {S.min()} to {S.max()}")
    return np.sort(S).astype(np.intp)


def check_explicit(A: Operator, instead: str) -> None:
    """TypeError where A hides the entries that marginals are made of."""
    if not A.explicit:
        raise TypeError(
            f"A must be an ndarray or a sparse array, as the start needs |a_ij|², got {type(A.wrapped).__name__}; "
            f"give {instead} for a LinearOperator"
        )


def strongest(problem: Problem, k: int) -> np.ndarray:
    """The k largest marginals."""
    return top_k(problem.marginals, k)


def spectral(problem: Problem, S: np.ndarray, kind: str = "full") -> np.ndarray:
    """The leading eigenvector on S, (n,), of norm 1."""
    C, s = problem.columns(S), len(S)
    if kind == "full":
        return _spread(problem, S, _eigenvector(problem.weighted_gram(C, problem.y**2), s - 1))
    norms = row_norms(C)
    I = top_k(_per_norm(problem.y, norms, 0), ceil(problem.m / STRONG))
    return _spread(problem, S, _eigenvector(_normalised_gram(problem, C, norms, I), s - 1))


def null(problem: Problem, S: np.ndarray, weak_fraction: float = 0.5) -> np.ndarray:
    """The eigenvector of the smallest eigenvalue over the weak equations, (n,), of norm 1."""
    n_weak = ceil(weak_fraction * problem.m)
    if n_weak < len(S):
        raise ValueError(
            f"weak_fraction = {weak_fraction:g} leaves {n_weak} of {problem.m} equations, at least {len(S)} are needed"
        )
    C = problem.columns(S)
    norms = row_norms(C)
    ratio = _per_norm(problem.y, norms, np.inf)
    I = np.argpartition(ratio, n_weak - 1)[:n_weak]
    return _spread(problem, S, _eigenvector(_normalised_gram(problem, C, norms, np.sort(I)), 0))


def row_norms(C) -> np.ndarray:
    if sp.issparse(C):
        return np.sqrt(np.asarray(abs(C).power(2).sum(axis=1)).ravel())
    return np.linalg.norm(C, axis=1)


def _per_norm(y: np.ndarray, norms: np.ndarray, without: float) -> np.ndarray:
    """``y_i / ‖a_i‖``; an equation that does not see the support is never among those looked for."""
    return np.where(norms > 0, y / np.where(norms > 0, norms, 1), without)


def _normalised_gram(problem: Problem, C, norms: np.ndarray, I: np.ndarray) -> np.ndarray:
    w = np.zeros_like(norms)
    w[I] = np.where(norms[I] > 0, norms[I], np.inf) ** -2.0
    return problem.weighted_gram(C, w)


def _eigenvector(Y: np.ndarray, which: int) -> np.ndarray:
    if not np.isfinite(Y).all():  # LAPACK may find no vector then
        raise FloatingPointError("A and y are too large or too small to be squared: scale them")
    return scipy.linalg.eigh(Y, subset_by_index=[which, which], check_finite=False)[1][:, 0]


def _spread(problem: Problem, S: np.ndarray, v: np.ndarray) -> np.ndarray:
    x = np.zeros(problem.n, problem.dtype)
    x[S] = v
    return x
