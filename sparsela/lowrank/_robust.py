"""Robust PCA: a matrix as low rank plus sparse, by principal component pursuit or by alternating projections."""

from __future__ import annotations

import math
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import qr, svd
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.results import Result
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_matrix, check_positive
from sparsela.lowrank._krylov import block_krylov
from sparsela.lowrank._randomized import randomized_svd

METHODS = ("ialm", "accaltproj", "altproj")
SVDS = ("auto", "full", "partial")
FIRST_GUESS = 10  # of the rank, for the first partial SVD
PARTIAL = 0.2  # of the smaller side: above it a full SVD is cheaper
GROWTH, MU_SPAN = 1.5, 1e7  # of μ: at a step, and in all
GAMMA = 0.65  # of the thresholds of "accaltproj", at a step
STAGE = 100.0  # the falling part of a threshold has done its work when it is that much below the other
SERIAL = 1 << 19  # entries below which a second BLAS thread costs more than it saves
BLOCK = 1 << 18  # entries that a pass holds at a time
SEED = 0  # partial SVDs converge: their starts do not matter


@dataclass(frozen=True, repr=False, eq=False)
class RobustPCAResult(Result):
    """``M ≈ low_rank + sparse``.

    Attributes
    ----------
    low_rank : ndarray of shape (m, n)
        ``U diag(s) Vt``.
    sparse : ndarray of shape (m, n)
        Zero outside `support`; zero where M was not seen.
    support : ndarray of bool, of shape (m, n)
        Where `sparse` is not zero.
    n_iter : int
        Steps done.
    converged : bool
        Whether ``‖M − low_rank − sparse‖_F ≤ tol ‖M‖_F``, or, of the alternating projections, it no longer falls.
    residual_norm : float
        ``‖M − low_rank − sparse‖_F`` over what was seen.
    history : dict of equally long ndarrays, or None
        ``residual_norm`` and ``rank`` at each step; None unless asked for.
    U : ndarray of shape (m, rank)
        Orthonormal columns.
    s : ndarray of shape (rank,)
        Singular values of `low_rank`, descending.
    Vt : ndarray of shape (rank, n)
        Orthonormal rows.

    Examples
    --------
    >>> E = np.zeros((4, 3))
    >>> RobustPCAResult(E, E, E != 0, 7, True, 0.0, None, E[:, :1], np.ones(1), E[:1]).n_iter
    7
    """

    low_rank: np.ndarray
    sparse: np.ndarray
    support: np.ndarray
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, np.ndarray] | None
    U: np.ndarray
    s: np.ndarray
    Vt: np.ndarray


@in_float_range
def robust_pca(
    M: Any,
    *,
    method: str = "ialm",
    alpha: float | None = None,
    rank: int | None = None,
    mask: Any = None,
    svd: str = "auto",
    tol: float = 1e-7,
    max_iter: int = 500,
    verbose: int | None = 0,
    callback=None,
    return_history: bool = False,
) -> RobustPCAResult:
    """Split a matrix into one of low rank and a sparse one.

    Parameters
    ----------
    M : ndarray of shape (m, n)
        Data, dense; float32 stays. What `mask` hides may be anything, NaN as well.
    method : {"ialm", "accaltproj", "altproj"}, default="ialm"
        Principal component pursuit, which finds the rank itself, by the inexact augmented Lagrangian; or alternating
        projections for a rank that is given: accelerated, or with a full projection at each step.
    alpha : float or None, default=None
        Weight of the ℓ1 norm, of "ialm"; None is ``1 / √max(m, n)``.
    rank : int or None, default=None
        Rank of the answer, of the alternating projections.
    mask : ndarray of bool, of shape (m, n), or None, default=None
        True where an entry was seen; None is everywhere.
    svd : {"auto", "full", "partial"}, default="auto"
        Of "ialm": LAPACK, a partial SVD of as many triplets as the rank seems to need, or the partial one as long as
        that is below a fifth of the smaller side.
    tol : float, default=1e-7
        Stop when ``‖M − low_rank − sparse‖_F ≤ tol ‖M‖_F``.
    max_iter : int, default=500
        Most steps.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    callback : callable, optional
        Called each step with a state that has ``residual_norm`` and ``rank``; a true value stops.
    return_history : bool, default=False
        Keep both.

    Returns
    -------
    RobustPCAResult
        ``low_rank, sparse, support, n_iter, converged, residual_norm, history``, and the factors ``U, s, Vt``.

    Raises
    ------
    TypeError
        If M is sparse: the part of low rank would be dense. Where entries are missing, see :class:`MatrixCompletion`.
    ValueError
        If what was seen is not finite, shapes do not fit, `rank` is missing or above min(m, n), alpha is not positive,
        or a name is not known.

    Warns
    -----
    ConvergenceWarning
        If `tol` is not met after `max_iter` steps; the last split is returned.

    See Also
    --------
    RobustPCA : As an estimator.
    complete : Entries that are missing, not wrong.

    Notes
    -----
    "ialm" solves [1]_ ``min ‖L‖_* + α‖S‖₁, L + S = M``, by [2]_

    ``L = SVT_{1/μ}(M − S + Y/μ)``, ``S = soft_{α/μ}(M − L + Y/μ)``, ``Y += μ(M − L − S)``, ``μ *= 1.5``.

    "accaltproj" [4]_ alternates between the tangent space of the matrices of rank r at the last L, which takes an SVD
    of size 2r, and hard thresholding of the residual at ``ζ_k = β(σ_{r+1} + 0.65ᵏ σ_1)``, ``β = 1 / (2 (m n)^{1/4})``.
    O(m n r) a step; neither the residual nor the sparse part is kept between steps. "altproj" [3]_ projects by an SVD
    of rank k at each step, for k from 1 to r, with thresholds ``β(σ_{k+1} + 2^{-t} σ_k)``, ``β = 1 / √max(m, n)``.

    Recovery needs singular vectors that are spread out, and errors that are: no row or column with most of its entries
    wrong. M that is noisy besides is split with the noise in `sparse` by "ialm", and with it left over by the others.

    References
    ----------
    .. [1] E. Candès, X. Li, Y. Ma, J. Wright. Robust principal component analysis? Journal of the ACM, 2011.
    .. [2] Z. Lin, M. Chen, Y. Ma. The augmented Lagrange multiplier method for exact recovery of corrupted low-rank
       matrices. arXiv 1009.5055, 2010.
    .. [3] P. Netrapalli, U. Niranjan, S. Sanghavi, A. Anandkumar, P. Jain. Non-convex robust PCA. NeurIPS, 2014.
    .. [4] H. Cai, J.-F. Cai, K. Wei. Accelerated alternating projections for robust principal component analysis. JMLR,
       2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import robust_pca
    >>> rng = np.random.default_rng(0)
    >>> L = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 80))
    >>> S = np.where(rng.random(L.shape) < 0.05, 10.0, 0.0)
    >>> found = robust_pca(L + S)
    >>> len(found.s), bool(np.abs(found.low_rank - L).max() < 1e-4), bool((found.support == (S != 0)).mean() > 0.99)
    (2, True, True)
    """
    M = check_partly_seen(M, mask)
    for name, value, known in (("method", method, METHODS), ("svd", svd, SVDS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")
    tol = check_positive(tol, "tol", allow_zero=True)
    max_iter = check_count(max_iter, "max_iter")
    alpha = 1 / math.sqrt(max(M.shape)) if alpha is None else check_positive(alpha, "alpha")
    if method != "ialm" and rank is None:
        raise ValueError(f"rank must be given for method {method!r}, got None")
    if rank is not None:
        rank = check_count(rank, "rank", high=min(M.shape))
    scale = float(np.sqrt(np.nansum(np.square(M, dtype=np.float64))))
    loop = iterate(max_iter, method, verbose=verbose, callback=callback, return_history=return_history)
    if scale == 0:
        low_rank, k = np.zeros_like(M), rank or 0
        U, Vt = np.eye(M.shape[0], k, dtype=M.dtype), np.eye(k, M.shape[1], dtype=M.dtype)
        return RobustPCAResult(
            low_rank, low_rank.copy(), low_rank != 0, 0, True, 0.0, None, U, np.zeros(k, M.dtype), Vt
        )
    with one_blas_thread() if M.size <= SERIAL else nullcontext():
        if method == "ialm":
            found = _inexact_alm(M, alpha, svd, tol * scale, loop)
        else:
            found = (_accelerated if method == "accaltproj" else _alternating)(M, rank, tol * scale, loop)
    U, s, Vt, sparse, state, residual_norm, converged = found
    if not converged and not state.stop:
        warnings.warn(
            f"{method}: residual {residual_norm:.2g} above tol * ‖M‖ = {tol * scale:.2g} after {max_iter} steps: raise "
            "max_iter or tol",
            ConvergenceWarning,
            stacklevel=2,
        )
    low_rank = (U * s) @ Vt
    return RobustPCAResult(
        low_rank, sparse, sparse != 0, state.n_iter, converged, residual_norm, state.history, U, s, Vt
    )


def check_partly_seen(M: Any, mask: Any) -> np.ndarray:
    """M, finite where it was seen, and NaN elsewhere."""
    if sp.issparse(M):
        raise TypeError(
            f"M must be dense, got {type(M).__name__}: its part of low rank would be dense. If what is not stored is "
            "missing, use MatrixCompletion"
        )
    if mask is None:
        return check_matrix(M, "M")
    mask, M = np.asarray(mask), np.asarray(M)
    if mask.dtype != bool or mask.shape != M.shape:
        raise ValueError(f"mask must be an array of bool of shape {M.shape}, got {mask.dtype} of shape {mask.shape}")
    if not mask.any():
        raise ValueError("mask must be true somewhere: nothing of M was seen")
    M = check_matrix(np.where(mask, M, 0), "M")
    return M if mask.all() else np.where(mask, M, M.dtype.type(np.nan))


def _inexact_alm(M, alpha, how, target, loop):
    from sparsela._ext.robust_loops import soft_step  # Numba: not at import

    filled = np.nan_to_num(M) if np.isnan(M).any() else M
    norm = _largest(filled)
    Y = filled / M.dtype.type(max(norm, float(np.abs(filled).max()) / alpha))
    mu, ceiling = 1.25 / norm, 1.25 / norm * MU_SPAN
    T, S = filled + Y / M.dtype.type(mu), np.zeros_like(M)
    shrink = _Shrinkage(M.shape, how)
    for state in loop:
        U, s, Vt = shrink(T, 1 / mu)
        following = min(GROWTH * mu, ceiling)
        np.matmul(U * s, Vt, out=T)
        residual = math.sqrt(soft_step(M, T, S, Y, mu, following, alpha))
        mu = following
        stop = state.record(residual_norm=residual, rank=len(s)).stop
        if stop or residual <= target:
            break
    return U, s, Vt, S, state, residual, residual <= target


class _Shrinkage:
    """Soft thresholding of the singular values of matrices that change little from one to the next."""

    def __init__(self, shape, how):
        self._d = min(shape)
        self._how = how
        self._guess = min(FIRST_GUESS, self._d)  # of how many there are above the threshold, and one more
        self._V = None

    def __call__(self, T, threshold):
        """U, σ − threshold, Vt of the triplets above it."""
        U, s, Vt = self._triplets(T, threshold)
        kept, d = int((s > threshold).sum()), self._d
        self._guess = kept + 1 if kept < self._guess else min(kept + math.ceil(0.05 * d), d)
        return U[:, :kept], s[:kept] - s.dtype.type(threshold), Vt[:kept]

    def _triplets(self, T, threshold):
        while self._how != "full" and self._guess < (PARTIAL * self._d if self._how == "auto" else self._d):
            U, s, Vt = self._partial(T, self._guess, threshold)
            if s[-1] <= threshold:
                return U, s, Vt
            self._guess = min(2 * self._guess, self._d)  # there are more: the shrunk matrix would be wrong
        return svd(T, full_matrices=False, check_finite=False)

    def _partial(self, T, k, threshold):
        flipped = T.shape[0] < T.shape[1]
        A = T.T if flipped else T
        rng = np.random.default_rng(SEED)
        start = rng.standard_normal((A.shape[1], min(k + 2, self._d))).astype(T.dtype)
        if self._V is not None:
            known = self._V[:, : start.shape[1]]
            start[:, : known.shape[1]] = known
        width = start.shape[1]
        basis = min(self._d, max(4 * k + 4 * width, 120))
        how = {"block_size": width, "n_iter": "auto", "tol": _precision(T), "max_basis": basis, "rng": rng}
        products = (lambda X: A @ X), (lambda Y: A.T @ Y)
        with one_blas_thread() if sum(T.shape) * basis <= SERIAL else nullcontext():
            U, s, Vt = block_krylov(products, A.shape, T.dtype, k, **how, start=start, floor=threshold)[:3]
        self._V = Vt.T
        return (Vt.T, s, U.T) if flipped else (U, s, Vt)


def _accelerated(M, r, target, loop):
    from sparsela._ext.robust_loops import hard_part, hard_step

    m, n = M.shape
    beta = 1 / (2 * (m * n) ** 0.25)
    filled = np.nan_to_num(M) if np.isnan(M).any() else M
    zeta = 4 * beta * _largest(filled)
    Z = np.where(np.abs(filled) > zeta, 0, filled).astype(M.dtype)
    U, s, Vt = _leading(Z, r)
    del Z
    V, zeta = np.ascontiguousarray(Vt.T), beta * float(s[0])
    size = max(1, BLOCK // n)

    def passes(step):
        """Blocks of L, thresholded by `step`, as (rows, block, what step returned)."""
        for start in range(0, m, size):
            rows = slice(start, start + size)
            L = (U[rows] * s) @ V.T
            yield rows, L, step(M[rows], L, zeta)

    before, steady = np.inf, False
    for state in loop:
        ZV, ZtU, total = np.empty((m, r), M.dtype), np.zeros((n, r), M.dtype), 0.0
        for rows, Z, squares in passes(hard_step):  # Z = M − S in place of L
            total += squares
            ZV[rows] = Z @ V
            ZtU += Z.T @ U[rows]
        residual = math.sqrt(total)
        settled = residual <= target or (steady and abs(before - residual) <= 0.1 * target)
        before = residual
        if state.record(residual_norm=residual, rank=r).stop or settled:
            break
        U, V, sigma = _tangent(U, V, ZV, ZtU) if 2 * r <= min(m, n) else _whole(M, passes(hard_step), r)
        s = sigma[:r]
        rest, falling = float(sigma[r] if len(sigma) > r else 0), GAMMA**state.n_iter * float(sigma[0])
        zeta, steady = beta * (rest + falling), falling < rest / STAGE
    sparse = np.empty_like(M)
    for rows, S, _ in passes(hard_part):
        sparse[rows] = S
    return *_orthonormal(U, s, V), sparse, state, residual, bool(settled)


def _tangent(U, V, ZV, ZtU):
    """The SVD of Z projected on the tangent space at U Vᵀ: through a matrix of order 2r."""
    r = U.shape[1]
    with one_blas_thread():
        UZV = U.T @ ZV
        Q1, R1 = qr(ZtU - V @ UZV.T, mode="economic", check_finite=False)
        Q2, R2 = qr(ZV - U @ UZV, mode="economic", check_finite=False)
        left, sigma, right = svd(np.block([[UZV, R1.T], [R2, np.zeros_like(UZV)]]), check_finite=False)
        return np.hstack([U, Q2]) @ left[:, :r], np.hstack([V, Q1]) @ right[:r].T, sigma


def _whole(M, blocks, r):
    """The SVD of Z itself, where the tangent space is no smaller."""
    Z = np.empty_like(M)
    for rows, block, _ in blocks:
        Z[rows] = block
    U, sigma, Vt = svd(Z, full_matrices=False, check_finite=False)
    return U[:, :r], np.ascontiguousarray(Vt[:r].T), sigma


def _alternating(M, rank, target, loop):
    from sparsela._ext.robust_loops import hard_part, hard_step

    beta = 1 / math.sqrt(max(M.shape))
    filled = np.nan_to_num(M) if np.isnan(M).any() else M
    zeta = beta * _largest(filled)
    Z = np.where(np.abs(filled) > zeta, 0, filled).astype(M.dtype)
    k, t, before = 1, 0, np.inf
    for state in loop:
        U, sigma, Vt = _leading(Z, min(k + 1, *M.shape))
        lowest = float(sigma[k]) if len(sigma) > k else 0.0
        zeta = beta * (lowest + 2.0**-t * float(sigma[k - 1]))
        U, s, Vt = U[:, :k], sigma[:k], Vt[:k]
        np.matmul(U * s, Vt, out=Z)
        residual = math.sqrt(hard_step(M, Z, zeta))
        last = k == rank
        steady = 2.0**-t * float(sigma[k - 1]) < lowest / STAGE
        settled = residual <= target or (last and steady and abs(before - residual) <= 0.1 * target)
        before = residual
        if state.record(residual_norm=residual, rank=k).stop or settled:
            break
        t += 1
        if steady and not last:
            k, t, before = k + 1, 0, np.inf
    sparse = (U * s) @ Vt
    hard_part(M, sparse, zeta)
    return U, s, Vt, sparse, state, residual, bool(settled)


def _orthonormal(U, s, V):
    """The SVD of ``U diag(s) Vᵀ`` for U, V that are orthonormal but for rounding."""
    with one_blas_thread():
        Q, R = qr(U, mode="economic", check_finite=False)
        P, T = qr(V, mode="economic", check_finite=False)
        left, s, right = svd((R * s) @ T.T, check_finite=False)
        return Q @ left, s, right @ P.T


def _leading(Z, k):
    if k < PARTIAL * min(Z.shape):
        found = randomized_svd(Z, k, tol=_precision(Z), random_state=SEED)
        return found.U, found.s, found.Vt
    U, s, Vt = svd(Z, full_matrices=False, check_finite=False)
    return U[:, :k], s[:k], Vt[:k]


def _largest(M):
    return float(randomized_svd(M, 1, tol=1e-6, random_state=SEED).s[0])


def _precision(M):
    return 1e-9 if M.dtype == np.float64 else 1e-5
