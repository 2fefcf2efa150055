"""Block Golub–Kahan bidiagonalization with full reorthogonalization and thick restarts: a few singular triplets."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.linalg import qr as _qr
from scipy.linalg import svd
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.progress import iterate
from sparsela._core.threads import one_blas_thread

MAX_RESTARTS = 10
CANCELLED = 1e-2  # share of a column that must be left by one orthogonalization, else there is a second
UNBOUNDED = 10**6  # block steps: restarts end a run long before


def qr(W, **how):
    """Economic QR of a block: too narrow for a second thread."""
    with one_blas_thread():
        return _qr(W, mode="economic", check_finite=False, **how)


def finite(W):
    """W, or a ValueError: an operator's entries cannot be looked at beforehand, and products may overflow."""
    if not np.isfinite(W.sum()) and not np.isfinite(W).all():
        raise ValueError("A must have finite products with vectors of unit length, got NaN or infinity")
    return W


def longest(*parts):
    """The largest column norm of matrices on top of each other."""
    return float(np.linalg.norm(np.vstack(parts), axis=0).max(initial=0))


class Bidiagonalization:
    """``A P = Q T`` and ``A* Q = P T* + P₊ S``: bases that grow by a block at a step, and what is left over.

    The matrix must have at least as many rows as columns: P then fills its space no later than Q does, and a full P
    leaves nothing over.

    Attributes
    ----------
    size : int
        Columns of Q and of P.
    T : ndarray of shape (size, size)
        The small matrix, ``Q* A P``.
    S : ndarray of shape (width, last)
        Couples the next block of P, of `width` columns, to the last `last` columns of Q.
    """

    def __init__(self, products, shape, dtype, block_size, max_basis, rng, start=None):
        self._apply, self._apply_adjoint = products
        self._rng = rng
        m, n = shape
        self._Q = np.zeros((m, max_basis), dtype, order="F")
        self._P = np.zeros((n, min(n, max_basis + block_size)), dtype, order="F")
        self._T = np.zeros((max_basis, max_basis), dtype)
        self.size = 0
        self.width = block_size
        self.S = np.zeros((block_size, 0), dtype)
        self._scale = 0.0  # the largest column norm met: a lower bound of ‖A‖
        if start is None:
            start = rng.standard_normal((n, block_size)).astype(dtype)
        self._P[:, :block_size] = qr(start)[0]

    @property
    def T(self):
        return self._T[: self.size, : self.size]

    def full(self) -> bool:
        """Whether the next block does not fit."""
        return self._Q.shape[1] - self.size < self.width

    def step(self) -> None:
        """One block more on both sides: two products with A, the rest is GEMM."""
        old, new = self.size, self.size + self.width
        block, last = self._P[:, old:new], slice(old - self.S.shape[1], old)
        W = finite(self._apply(block))
        W = W - self._Q[:, last] @ self.S.conj().T  # known, and nearly all that lies along Q
        H, R, self._Q[:, old:new] = self._orthonormalize(W, self._Q[:, :old], self.width)
        H[last] += self.S.conj().T
        self._scale = max(self._scale, longest(H, R))
        self._T[:old, old:new], self._T[old:new, old:new] = H, R
        Z = finite(self._apply_adjoint(self._Q[:, old:new])) - block @ R.conj().T
        self.size = new
        self.width = min(self.width, len(self._P) - new)
        _, S, following = self._orthonormalize(Z, self._P[:, :new], self.width)
        self._P[:, new : new + self.width] = following
        self.S = S

    def triplets(self, k):
        """The k leading Ritz triplets in the coordinates of the bases, and the norms of their residuals."""
        with one_blas_thread():
            X, theta, Yh = svd(self.T, full_matrices=False, check_finite=False)
        left_over = np.linalg.norm(self.S @ X[self.size - self.S.shape[1] :, :k], axis=0) if self.width else np.zeros(k)
        return X[:, :k], theta[:k], Yh[:k], left_over

    def restart(self, k) -> None:
        """Keep the k leading Ritz triplets as the bases, and the block that follows."""
        X, theta, Yh, _ = self.triplets(k)
        following = self._P[:, self.size : self.size + self.width].copy()
        self._Q[:, :k] = self._Q[:, : self.size] @ X
        self._P[:, :k] = self._P[:, : self.size] @ Yh.conj().T
        self._P[:, k : k + self.width] = following
        self._T[:] = 0
        self._T[:k, :k] = np.diag(theta)
        self.S = self.S @ X[self.size - self.S.shape[1] :, :k]
        self.size = k

    def vectors(self, X, Yh):
        """Coordinates to vectors: U, Vt."""
        return self._Q[:, : self.size] @ X, Yh @ self._P[:, : self.size].conj().T

    def _orthonormalize(self, W, basis, width):
        """``W = basis H + Q R`` with `width` columns of Q. Directions that W lacks are drawn at random."""
        H = basis.conj().T @ W
        W = W - basis @ H
        Q, R = qr(W)
        shortest = np.abs(np.diagonal(R)).min(initial=np.inf)
        if width < W.shape[1] or shortest <= self._negligible(longest(H, R)):
            Q, R = self._completed(W, basis, width)
        elif shortest < CANCELLED * longest(H, R):  # what is left of W along the basis was divided by little
            part = basis.conj().T @ Q
            Q, again = qr(Q - basis @ part)
            H += part @ R
            R = again @ R
        return H, R, Q

    def _negligible(self, length):
        info = np.finfo(self._T.dtype)
        return 10 * info.eps * max(self._scale, length, info.tiny)

    def _completed(self, W, basis, width):
        """Q R of a W of short rank, or of more columns than there is room for."""
        Q, R, order = qr(W, pivoting=True)
        R = R[:, np.argsort(order)]
        negligible = self._negligible(longest(R))
        kept = min(int((np.linalg.norm(R, axis=1) > negligible).sum()), width)  # rows of R descend
        found, R = Q[:, :kept], R[:width].copy()
        R[kept:] = 0
        for _ in range(2):  # R stays: what changes is rounding
            found = qr(found - basis @ (basis.conj().T @ found))
            found = found[0] * np.sign(np.diagonal(found[1]).real)
        fresh = self._rng.standard_normal((len(W), width - kept)).astype(W.dtype)
        for _ in range(3):
            for others in (basis, found):
                fresh -= others @ (others.conj().T @ fresh)
            fresh = qr(fresh)[0]
        return np.hstack([found, fresh]), R


def block_krylov(
    products,
    shape,
    dtype,
    k,
    *,
    block_size,
    n_iter,
    tol,
    max_basis,
    rng,
    verbose=0,
    callback=None,
    return_history=False,
    start=None,
    floor=0.0,
):
    """The k leading triplets of the matrix behind `products`; (U, s, Vt, n_iter, converged, residual_norm, history).

    From the block `start`, where one is given. Triplets that are seen to lie below `floor` need not converge.
    """
    process = Bidiagonalization(products, shape, dtype, block_size, max_basis, rng, start)
    restarts, look = 0, 0
    limit = UNBOUNDED if n_iter == "auto" else n_iter
    loop = iterate(limit, "block Krylov", verbose=verbose, callback=callback, return_history=return_history)
    found = None
    for state in loop:
        process.step()
        enough = process.size >= min(k + block_size, shape[1])
        last = state.n_iter == limit or process.full() or process.width == 0
        if not (last or (enough and state.n_iter >= look) or callback or return_history or verbose):
            continue
        look = max(state.n_iter + 2, int(1.1 * state.n_iter))  # the small SVD grows, and is not worth many products
        found = X, theta, Yh, residuals = process.triplets(min(k, process.size))
        worst = float(residuals[theta + residuals > floor].max(initial=0))
        converged = enough and worst <= tol * max(theta[0], np.finfo(theta.dtype).tiny)
        if state.record(s=theta, residual_norm=worst).stop or converged or state.n_iter == limit or not process.width:
            break
        if process.full():
            if restarts == MAX_RESTARTS:
                break
            process.restart(min(k + block_size, process.size))
            restarts += 1
    if not converged and n_iter == "auto" and not state.stop:
        warnings.warn(
            f"block Krylov: residual {worst:.2g} above tol * s[0] = {tol * theta[0]:.2g} after {MAX_RESTARTS} "
            "restarts: raise tol or max_basis",
            ConvergenceWarning,
            stacklevel=3,
        )
    X, theta, Yh, _ = found
    U, Vt = process.vectors(X, Yh)
    return U, theta, Vt, state.n_iter, bool(converged), worst, state.history
