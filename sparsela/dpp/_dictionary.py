"""A few points that span nearly what all of them span: landmarks by ridge leverage scores, or by pivoted Cholesky."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.validation import check_positive, check_vector
from sparsela.dpp._inputs import check_items, check_points
from sparsela.dpp._kernels import check_kernel

ROWS = 4096  # of a block of kernel rows
POOL = 20_000  # points that the dictionary of a sampler is chosen from, at most, in a step


class Step(NamedTuple):
    """One step of BLESS: the dictionary that is right for the ridge `lam`, and the effective dimension there."""

    lam: float
    indices: np.ndarray
    p: np.ndarray
    dimension: float
    pool: np.ndarray


@in_float_range
def bless(X, kernel, lam, *, gamma=None, oversampling=4.0, random_state=None) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks drawn by their ridge leverage scores, without looking at most of the points.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Points.
    kernel : str or callable
        As in :class:`KernelDPP`.
    lam : float
        The ridge, above 0.
    gamma : float or None, default=None
        Parameter of the kernel, by scikit-learn's definition.
    oversampling : float, default=4.0
        Landmarks for each unit of effective dimension, at least 1.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Returns
    -------
    indices : ndarray of int64 of shape (m,)
        Landmarks, ascending.
    probabilities : ndarray of shape (m,)
        With which each was kept: ``Σ b_i b_iᵀ / p_i`` over the landmarks stands for the sum over all points.

    Raises
    ------
    ValueError, TypeError
        If X is empty or has NaN or infinity, the kernel is none, or lam is not positive.

    See Also
    --------
    ridge_leverage_scores : The scores of all points, from these landmarks.

    Notes
    -----
    The ridge is halved from ``tr L`` down to lam; each dictionary gives the scores that the next one is drawn by.
    At ridge h, ``q n max_i L_ii/(L_ii + h)`` points are looked at, q = oversampling: O(n m²/lam) for most kernels, and
    never O(n²).

    References
    ----------
    A. Rudi, D. Calandriello, L. Carratino, L. Rosasco. On fast leverage score sampling and optimal learning. NeurIPS,
    2018.
    D. Calandriello, A. Lazaric, M. Valko. Distributed adaptive sampling for kernel matrix approximation. AISTATS, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import bless
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> indices, p = bless(X, "rbf", 10.0, random_state=0)
    >>> bool(20 < len(indices) < 200)
    True
    """
    X = check_points(X)
    lam = check_positive(lam, "lam")
    if check_positive(oversampling, "oversampling") < 1:
        raise ValueError(f"oversampling must be at least 1, got {oversampling!r}")
    kernel = check_kernel(kernel, X, gamma=gamma)
    rng = np.random.default_rng(seed_from(random_state))
    diag = kernel.diag(X)
    if not diag.any():
        raise ValueError(f"kernel(x, x) must not be 0 everywhere, it is on all {len(X)} points")
    for step in ladder(kernel, X, diag, max(diag.sum(), lam), lam, oversampling, rng):
        last = step
    order = np.argsort(last.indices)
    return last.indices[order], last.p[order]


@in_float_range
def ridge_leverage_scores(X, kernel, lam, indices, probabilities, *, gamma=None) -> np.ndarray:
    """Estimates of the ridge leverage of every point, ``[L (L + λI)⁻¹]_ii``, from a few landmarks.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Points.
    kernel : str or callable
        As in :class:`KernelDPP`.
    lam : float
        The ridge λ, above 0.
    indices, probabilities : array_like of shape (m,)
        Landmarks and the probabilities they were kept with, as :func:`bless` returns them.
    gamma : float or None, default=None
        Parameter of the kernel, by scikit-learn's definition.

    Returns
    -------
    ndarray of shape (n,)
        Between 0 and ``L_ii/λ``.

    Raises
    ------
    ValueError, TypeError
        If X is empty or has NaN or infinity, the kernel is none, lam is not positive, or landmarks are not items of X
        with probabilities in (0, 1].

    Notes
    -----
    ``τ_i = [L_ii − L_iD (L_DD + λ diag(p))⁻¹ L_Di] / λ``; exact with all points as landmarks. O(n m (d + m)).

    References
    ----------
    D. Calandriello, A. Lazaric, M. Valko. Distributed adaptive sampling for kernel matrix approximation. AISTATS, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import bless, ridge_leverage_scores
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> tau = ridge_leverage_scores(X, "rbf", 10.0, *bless(X, "rbf", 10.0, random_state=0))
    >>> bool(10 < tau.sum() < 40)  # the effective dimension
    True
    """
    X = check_points(X)
    lam = check_positive(lam, "lam")
    D = check_items(indices, len(X), "indices")
    if len(D) == 0:
        raise ValueError("indices must not be empty")
    p = check_vector(probabilities, "probabilities", size=len(D)).astype(np.float64)
    if p.min() <= 0 or p.max() > 1:
        raise ValueError(f"probabilities must be above 0 and at most 1, got {p.min():.3g} to {p.max():.3g}")
    kernel = check_kernel(kernel, X, gamma=gamma)
    return leverage(kernel, X, kernel.diag(X), X[D], p, lam)


def leverage(kernel, X, diag, landmarks, p, lam) -> np.ndarray:
    A = kernel(landmarks, landmarks)
    A[np.diag_indices(len(A))] += lam * p + len(A) * np.finfo(float).eps * np.trace(A)
    R = _factor(A)
    out = np.empty(len(X))
    for first in range(0, len(X), ROWS):
        rows = slice(first, first + ROWS)
        T = solve_triangular(R, kernel(landmarks, X[rows]), lower=True, overwrite_b=True, check_finite=False)
        out[rows] = diag[rows] - np.einsum("ij,ij->j", T, T)
    return np.clip(out, 0, diag) / lam


def ladder(kernel, X, diag, lam, end, oversampling, rng, pool=None) -> Iterator[Step]:
    """BLESS from the ridge `lam` down to `end`, halving it; at most `pool` points are looked at in a step."""
    beta = np.minimum(oversampling * diag / (diag + lam), 1)
    indices = _coins(beta, rng)
    if len(indices) == 0:
        indices = rng.choice(len(X), 1, p=diag / diag.sum())
    p = beta[indices]
    while True:
        lam = max(lam / 2, end)
        beta = np.minimum(oversampling * diag / (diag + lam), 1)
        if pool is not None and beta.sum() > pool:
            beta *= pool / beta.sum()
        U = _coins(beta, rng)
        tau = leverage(kernel, X[U], diag[U], X[indices], p, lam)
        keep = np.minimum(oversampling * tau, beta[U])
        kept = rng.random(len(U)) * beta[U] < keep
        if kept.any():
            indices, p = U[kept], keep[kept]
        yield Step(lam, indices, p, float((tau / beta[U]).sum()), U)
        if lam <= end:
            return


def dictionary(kernel, X, diag, expected_size, n_landmarks, oversampling, rng):
    """Landmarks of a sampler, and the points looked at to find them.

    The ridge goes down until the effective dimension is twice the expected size, or to 1 where that is None.
    """
    n, k = len(X), expected_size
    trace = diag.sum()
    floor = trace / n * 1e-12
    start = trace / (k - 1) if k is not None and k >= 2 else trace
    seen = []
    for step in ladder(kernel, X, diag, start, floor if k is not None else min(1.0, start), oversampling, rng, POOL):
        seen.append(step.pool)
        most = n if n_landmarks != "auto" or k is None else 40 * (k + 1)
        enough = k is not None and step.dimension >= 2 * (k + 1)
        if enough or len(step.indices) >= min(most, n):
            break
    D = np.unique(step.indices)
    if n_landmarks != "auto":
        low = high = min(n_landmarks, n)
    elif k is None:
        low, high = 1, n
    else:
        low, high = min(int(np.ceil(4 * (k + 1))), n), int(40 * (k + 1))
    if len(D) > high:
        D = np.sort(rng.choice(D, high, replace=False))
    elif len(D) < low:
        others = np.setdiff1d(rng.choice(n, min(n, 2 * low), replace=False), D)
        D = np.sort(np.concatenate([D, rng.permutation(others)[: low - len(D)]]))
    return D, np.unique(np.concatenate([*seen, D]))


def pivoted(kernel, X, diag, size, rng):
    """Landmarks by randomly pivoted Cholesky on a uniform sample of points, twenty pivots at a time."""
    pool = np.arange(len(X)) if len(X) <= 10_000 else np.sort(rng.choice(len(X), 10_000, replace=False))
    d, size = diag[pool].copy(), min(size, len(pool))
    least = 1e-12 * d.max()
    F = np.empty((size, len(pool)))
    chosen = np.empty(0, np.int64)
    while len(chosen) < size and d.max() > least:
        t = len(chosen)
        block = np.unique(rng.choice(len(pool), min(20, size - t), p=d / d.sum()))
        rows = kernel(X[pool[block]], X[pool]) - F[:t, block].T @ F[:t]
        inner = rows[:, block]
        inner = inner + np.eye(len(block)) * (np.finfo(float).eps * len(block) * np.trace(inner))
        R = _factor(inner)
        F[t : t + len(block)] = solve_triangular(R, rows, lower=True, check_finite=False)
        d = np.maximum(d - (F[t : t + len(block)] ** 2).sum(axis=0), 0)
        d[block] = 0
        chosen = np.concatenate([chosen, block])
    return np.sort(pool[chosen]), pool


def _factor(A: np.ndarray) -> np.ndarray:
    try:
        return cholesky(A, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(A)[0]
        raise ValueError(
            f"kernel must be positive semidefinite, its smallest eigenvalue on {len(A)} points is below {lowest:.3g}"
        ) from None


def _coins(beta: np.ndarray, rng) -> np.ndarray:
    """Where independent coins of these biases fall heads; of one bias, without tossing each."""
    if beta[0] == beta[-1] and np.ptp(beta) == 0:
        heads = rng.binomial(len(beta), beta[0])
        return np.sort(rng.choice(len(beta), heads, replace=False, shuffle=False))
    return np.flatnonzero(rng.random(len(beta)) < beta)
