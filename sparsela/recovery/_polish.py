"""Exact finishes of ℓ1 problems: once the signs of x are known the problem is linear, and its answer can be proved."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

from sparsela._core.operators import Operator
from sparsela._core.prox import top_k
from sparsela.recovery._least_squares import LARGEST_GRAM, on_support, trusted

SLACK = 1e-10  # relative, in the optimality conditions of a finished problem
PROJECTIONS, CLIP = 30, 0.9  # of a dual vector: steps, and what its products off the support are cut to
NEARLY = 1e-2  # of y: a support that leaves more than this is not worth an exact solve
NEGLIGIBLE = 1e-8  # of the largest: a coefficient that is not there


class SupportGram:
    """``A_T* A_T`` on a support: solved with by a factor where columns are at hand, else by conjugate gradients."""

    def __init__(self, A: Operator, T: np.ndarray):
        self.A, self.T = A, T
        self.factor, self.columns = None, None
        if A.explicit and len(T) <= LARGEST_GRAM:
            self.columns = A.columns(T)
            G = self.columns.conj().T @ self.columns
            G = G.toarray() if sp.issparse(G) else G
            try:
                self.factor = scipy.linalg.cho_factor(G, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                self.failed = True
                return
            self.failed = not trusted(np.tril(self.factor[0]), G)
        else:
            self.failed = len(T) > A.shape[0]

    def apply(self, u: np.ndarray) -> np.ndarray:
        """``A_T u``."""
        return self.columns @ u if self.columns is not None else self.A.apply_support(self.T, u)

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        """``A_T* r``."""
        return self.columns.conj().T @ r if self.columns is not None else self.A.rmatvec(r)[self.T]

    def solve(self, b: np.ndarray, rtol: float = 0.0) -> np.ndarray:
        """``(A_T* A_T)⁻¹ b``, to rounding unless less will do."""
        if self.factor is not None:
            u = scipy.linalg.cho_solve(self.factor, b, check_finite=False)
            return u + scipy.linalg.cho_solve(self.factor, b - self.adjoint(self.apply(u)), check_finite=False)
        k = len(self.T)
        gram = LinearOperator((k, k), matvec=lambda u: self.adjoint(self.apply(u)), dtype=b.dtype)
        u, _ = cg(gram, b, rtol=max(rtol, 8 * np.finfo(b.dtype).eps), maxiter=200)
        return u


def lasso_on_support(A: Operator, y: np.ndarray, x: np.ndarray, alpha: float) -> np.ndarray | None:
    """The lasso's solution if its signs are those of x, None if they are not: on T = supp x with signs s,
    ``x_T = (A_T* A_T)⁻¹ (A_T* y − alpha s)``, and elsewhere ``|A* r| ≤ alpha``."""
    T = np.flatnonzero(x)
    if not 0 < len(T) <= A.shape[0]:
        return None
    s = np.sign(x[T])
    gram = SupportGram(A, T)
    if gram.failed:
        return None
    u = gram.solve(gram.adjoint(y) - alpha * s)
    if not np.array_equal(np.sign(u), s):
        return None
    c = np.abs(A.rmatvec(y - gram.apply(u)))
    c[T] = 0
    slack = 1 + SLACK if np.finfo(y.dtype).eps < 1e-10 else 1 + 1e-4
    if c.max() > alpha * slack:
        return None
    solved = np.zeros_like(x)
    solved[T] = u
    return solved


def bpdn_on_support(A: Operator, y: np.ndarray, x: np.ndarray, sigma: float) -> np.ndarray | None:
    """The solution of ``min ‖x‖₁, ‖y − A x‖ ≤ sigma`` if its signs are those of x, else None.

    ``x_T = A_T⁺ y − λ (A_T* A_T)⁻¹ s`` with ``λ² s* (A_T* A_T)⁻¹ s = sigma² − ‖P⊥ y‖²``, and ``|A* r| ≤ λ`` elsewhere.
    """
    T = np.flatnonzero(x)
    if not 0 < len(T) <= A.shape[0]:
        return None
    s = np.sign(x[T])
    gram = SupportGram(A, T)
    if gram.failed:
        return None
    least, w = gram.solve(gram.adjoint(y)), gram.solve(s)
    outside = np.linalg.norm(y - gram.apply(least))
    room, curve = sigma**2 - outside**2, float(np.vdot(s, w).real)
    if room < 0 or curve <= 0:
        return None
    lam = np.sqrt(room / curve)
    u = least - lam * w
    if not np.array_equal(np.sign(u), s):
        return None
    c = np.abs(A.rmatvec(y - gram.apply(u)))
    c[T] = 0
    if c.max(initial=0) > lam * (1 + 1e-8) + 1e-12 * np.linalg.norm(y):
        return None
    solved = np.zeros_like(x)
    solved[T] = u
    return solved


def proved_minimum(A: Operator, y: np.ndarray, x: np.ndarray, target: float, theta=None, back=None):
    """The x of least ℓ1 norm with ``A x = y``, from a guess at its support: None where that cannot be proved.

    The support of the guess is completed by the columns that correlate most with what it leaves of y, until y is
    explained to the residual norm `target`, and freed of columns without a coefficient. The proof is a dual vector:
    `theta` (or 0) moved until ``A_T* θ = sign(x_T)``; ``|A* θ| < 1`` off T. `back` is A⁺, where it is at hand.
    """
    m = A.shape[0]
    T = np.flatnonzero(x)
    if not 0 < T.size <= m:
        return None
    solver = on_support(A, y, T.size, target, inner_iter=5)
    u, r, _ = solver.fit(T, x[T], False)
    left, before = float(np.linalg.norm(r)), np.inf
    while target < left <= 0.5 * before and T.size <= m // 2:
        more = top_k(A.rmatvec(r), min(max(16, T.size // 4), A.shape[1]))
        grown = np.union1d(T, more)
        start = np.zeros(grown.size, y.dtype)
        start[np.searchsorted(grown, T)] = u
        T = grown
        u, r, _ = solver.fit(T, start, False)
        left, before = float(np.linalg.norm(r)), left
    if left > target:
        if left > NEARLY * np.linalg.norm(y):
            return None
        u, r, _ = solver.fit(T, u, True)
    kept = np.abs(u) > NEGLIGIBLE * np.abs(u).max()
    if not kept.all():
        T, u = T[kept], u[kept]
        u, r, _ = solver.fit(T, u, True)
    if np.linalg.norm(r) > target:
        return None
    if not has_dual_vector(A, T, u / np.abs(u), np.zeros_like(y) if theta is None else theta, back):
        return None
    found = np.zeros(A.shape[1], y.dtype)
    found[T] = u
    return found


def has_dual_vector(A: Operator, T: np.ndarray, s: np.ndarray, theta: np.ndarray, back) -> bool:
    """Whether a θ is found with ``A_T* θ = s`` and ``|A* θ| < 1`` off T, columns on T independent.

    The θ nearest to the given one that is s on T may pass; else, where A⁺ is at hand, by alternating projections:
    ``A* θ`` is clipped off T and set on T, and brought back to the row space.
    """
    gram = SupportGram(A, T)
    if gram.failed:
        return False

    def brought_to_s(theta):
        return theta + gram.apply(gram.solve(s - gram.adjoint(theta), 1e-7))

    theta, on_s = brought_to_s(theta), True
    for _ in range(PROJECTIONS):
        c = A.rmatvec(theta)
        sizes = np.abs(c)
        sizes[T] = 0
        if sizes.max(initial=0) < 1:
            if on_s:
                return True
            theta, on_s = brought_to_s(theta), True
            continue
        if back is None:
            return False
        c *= np.minimum(1, CLIP / np.maximum(sizes, CLIP))
        c[T] = s
        theta, on_s = back.adjoint(c), False
    return False
