"""LSQR on a preconditioned matrix, every right-hand side at once, one pass over the matrix a step.

The bidiagonalization of Golub and Kahan is that of ``B = C M`` for a tall problem and of ``B = M* A = (C M)*``, C = A*,
for a wide one. Both read the tall C once a step: with ``U ← C Y − U diag(c)`` comes ``C* U``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparsela.sketch._passes import Pass
from sparsela.sketch._preconditioner import Basis, Triangular

PATIENCE = 6  # steps in which the normal residual must fall by a tenth: else it is at the floor of rounding


class Tall:
    """Bidiagonalization of C M from the residual ``b − C x``; what is solved for is z with x + M z."""

    def __init__(self, C: Pass, M: Triangular | Basis, B: np.ndarray, X: np.ndarray):
        self.C, self.M = C, M
        self._U = np.zeros((C.shape[0], B.shape[1]), C.dtype)
        self._U[: C.n_rows] = B
        self._W, self._scale = C(X, np.ones(B.shape[1], B.real.dtype), self._U)  # C x − b, and C* of it
        self._sign = -1  # what is held is minus the residual

    def start(self):
        """β₁, α₁, v₁."""
        beta = self._scale
        V = self._sign * self.M.adjoint(self._W) * inverse(beta)
        alpha = norms(V)
        return beta, alpha, V * inverse(alpha)

    def step(self, alpha, V):
        """β_{k+1}, α_{k+1}, v_{k+1} from α_k, v_k. U is held unnormalised: a pass over it less."""
        self._W, beta = self.C(self.M.apply(V), self._sign * alpha * inverse(self._scale), self._U)
        self._sign, self._scale = 1, beta
        V = self.M.adjoint(self._W) * inverse(beta) - beta * V
        alpha = norms(V)
        return beta, alpha, V * inverse(alpha)

    def keep(self, columns):
        """Go on with these right-hand sides alone."""
        self._U, self._scale = np.ascontiguousarray(self._U[:, columns]), self._scale[columns]

    def correction(self, Z):
        """M z."""
        return self.M.apply(Z)


class Wide:
    """Bidiagonalization of (C M)* from ``M* (b − C* x)``; what is solved for is a correction in the range of C."""

    def __init__(self, C: Pass, M: Triangular | Basis, R: np.ndarray):
        self.C, self.M = C, M
        self._u = M.adjoint(R)
        self._V = np.zeros((C.shape[0], R.shape[1]), C.dtype)

    def start(self):
        beta = norms(self._u)
        self._u = self._u * inverse(beta)
        self._W, alpha = self.C(self.M.apply(self._u), np.zeros_like(beta), self._V)
        self._V *= inverse(alpha)
        return beta, alpha, self._V.copy()

    def step(self, alpha, V):
        u = self.M.adjoint(self._W) * inverse(alpha) - alpha * self._u
        beta = norms(u)
        self._u = u * inverse(beta)
        self._W, alpha = self.C(self.M.apply(self._u), beta, self._V)
        self._V *= inverse(alpha)
        return beta, alpha, self._V.copy()

    def keep(self, columns):
        self._u, self._V, self._W = (np.ascontiguousarray(a[:, columns]) for a in (self._u, self._V, self._W))

    def correction(self, Z):
        return Z


def lsqr(B: Tall | Wide, tol: float, target: np.ndarray, max_iter: int, states: Iterator, record):
    """Minimise ‖r − B z‖: (z, steps and convergence of each right-hand side, whether to stop altogether).

    A column has converged when ``‖B* r‖ ≤ tol ‖B‖_F ‖r‖``, ``‖r‖ ≤ target``, or ‖B* r‖ no longer falls. ``record`` is
    called each step with the state, z and the norms.
    """
    beta, alpha, V = B.start()
    t = len(beta)
    Z, steps = np.zeros(V.shape, V.dtype), np.zeros(t, int)
    phibar, rhobar, size = beta.copy(), alpha.copy(), alpha**2
    normal = phibar * alpha
    best, since = normal.copy(), np.zeros(t, int)
    converged = (normal <= tol * np.sqrt(size) * phibar) | (phibar <= target)
    live, D = np.arange(t), V.copy()
    shown_r, shown_n = phibar.copy(), normal.copy()
    while True:
        going = ~converged[live]
        if not going.all():
            live = live[going]
            if not live.size:
                break
            B.keep(going)
            V, D = V[:, going], D[:, going]
            alpha, phibar, rhobar, size, best, since = (a[going] for a in (alpha, phibar, rhobar, size, best, since))
        if steps[live[0]] >= max_iter:
            break
        state = next(states)
        beta, next_alpha, V = B.step(alpha, V)
        rho = np.hypot(rhobar, beta)
        c, s = rhobar * inverse(rho), beta * inverse(rho)
        theta, phi = s * next_alpha, c * phibar
        Z[:, live] += phi * inverse(rho) * D
        D = V - theta * inverse(rho) * D
        size = size + alpha**2 + beta**2
        rhobar, phibar, alpha = -c * next_alpha, s * phibar, next_alpha
        normal = phibar * alpha * np.abs(c)
        since = np.where(normal < 0.9 * best, 0, since + 1)
        best = np.where(normal < 0.9 * best, normal, best)
        steps[live] += 1
        shown_r[live], shown_n[live] = phibar, normal
        converged[live] = (normal <= tol * np.sqrt(size) * phibar) | (phibar <= target[live]) | (since >= PATIENCE)
        record(state, Z, shown_r, shown_n)
        if state.stop:
            return Z, steps, converged, True
    return Z, steps, converged, False


def heavy_ball(C, M, B, X, eta, tol, target, max_iter, states, record, again):
    """Iterative Hessian sketch with momentum: ``x ← x + μ M M* C* (b − C x) + ν (x − x₋₁)``, no inner products.

    A stall counts as the floor of rounding after a fall by a hundred, or, `again`, in a cycle that starts at the floor:
    with a sketch too poor for its momentum the iteration diverges.
    """
    mu, nu = (1 - eta**2) ** 2, eta**2
    t = B.shape[1]
    U = np.zeros((C.shape[0], t), C.dtype)
    U[: C.n_rows] = B
    W, r = C(X, np.ones(t, r_dtype(C.dtype)), U)  # U = C x − b
    X, move = X.copy(), np.zeros_like(X)
    steps, since = 0, np.zeros(t, int)
    G = M.adjoint(W)
    first = best = norms(G)
    converged = (best <= tol * np.sqrt(M.rank) * r) | (r <= target)
    while steps < max_iter and not converged.all():
        state = next(states)
        move = nu * move - mu * M.apply(G)
        X += move
        W, r = C(move, -np.ones(t, r_dtype(C.dtype)), U)
        G = M.adjoint(W)
        normal = norms(G)
        since = np.where(normal < 0.9 * best, 0, since + 1)
        best = np.minimum(best, normal)
        steps += 1
        stalled = (since >= PATIENCE) & (normal <= (10 if again else 1e-2) * first)
        converged = (normal <= tol * np.sqrt(M.rank) * r) | (r <= target) | stalled
        record(state, X, r, normal)
        if state.stop:
            return X, np.full(t, steps), converged, True
    return X, np.full(t, steps), converged, False


def norms(V: np.ndarray) -> np.ndarray:
    return np.linalg.norm(V, axis=0)


def inverse(a: np.ndarray) -> np.ndarray:
    """1 / a, and 0 where a is."""
    return np.divide(1, a, out=np.zeros_like(a), where=a != 0)


def r_dtype(dtype: np.dtype) -> np.dtype:
    return np.finfo(dtype).dtype
