"""Exact finishes of complex ℓ1 problems: phases move with the coefficients, and Newton's method finds both.

``G u − b + λ u / |u| = 0`` on T with ``G = A_T* A_T``, ``b = A_T* y``; for BPDN, λ is unknown too and
``‖y − A_T u‖ = sigma``. Complex numbers are pairs of real ones.
"""

from __future__ import annotations

import numpy as np

from sparsela._core.operators import Operator

LARGEST = 1000  # coefficients
N_STEPS = 30


def complex_on_support(
    A: Operator, y: np.ndarray, x: np.ndarray, lam: float, sigma: float | None = None
) -> np.ndarray | None:
    """The solution near x that has x's support, for the penalty λ or for the residual norm sigma; None where there is
    none, or it breaks ``|A* r| ≤ λ`` elsewhere."""
    T = np.flatnonzero(x)
    k = len(T)
    if not 0 < k <= min(LARGEST, A.shape[0]):
        return None
    G, b, energy = A.gram(T), A.rmatvec(y)[T], float(np.vdot(y, y).real)
    u, scale = x[T].astype(np.complex128), float(np.abs(b).max())
    for _ in range(N_STEPS):
        phases = u / np.abs(u)
        F = G @ u - b + lam * phases
        quadratic = energy - 2 * np.vdot(b, u).real + np.vdot(u, G @ u).real
        misfit = 0.0 if sigma is None else (quadratic - sigma**2) / 2
        if np.abs(F).max() <= 1e-13 * scale and abs(misfit) <= 1e-13 * energy:
            break
        try:
            step = np.linalg.solve(*_system(G, u, phases, lam, F, misfit, sigma is not None, G @ u - b))
        except np.linalg.LinAlgError:  # columns that depend on each other: the solution is not the only one
            return None
        u = u - (step[:k] + 1j * step[k : 2 * k])
        if sigma is not None:
            lam -= step[-1]
        if not np.all(np.isfinite(u)) or lam <= 0 or np.abs(u).min() == 0:
            return None
    else:
        return None
    c = np.abs(A.rmatvec(y - A.apply_support(T, u)))
    c[T] = 0
    if c.max(initial=0) > lam * (1 + 1e-9) or np.abs(u - x[T]).max() > 0.5 * np.abs(x[T]).max():
        return None
    solved = np.zeros_like(x)
    solved[T] = u
    return solved


def _system(G, u, phases, lam, F, misfit, with_sigma, gradient):
    """The Jacobian and the right-hand side of a Newton step, real."""
    k = len(u)
    J = np.block([[G.real, -G.imag], [G.imag, G.real]])
    a, c, weight = phases.real, phases.imag, lam / np.abs(u)
    i = np.arange(k)
    J[i, i] += weight * (1 - a * a)
    J[i, k + i] -= weight * a * c
    J[k + i, i] -= weight * a * c
    J[k + i, k + i] += weight * (1 - c * c)
    right = np.concatenate([F.real, F.imag])
    if not with_sigma:
        return J, right
    column = np.concatenate([a, c])[:, None]
    row = np.concatenate([gradient.real, gradient.imag, [0.0]])[None]
    return np.vstack([np.hstack([J, column]), row]), np.append(right, misfit)
