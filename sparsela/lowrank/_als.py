"""Alternating least squares for a partly seen matrix: exact, by a few steps of CG, or preconditioned by sketches."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.progress import iterate
from sparsela.lowrank._observed import Observed, padded
from sparsela.lowrank._randomized import randomized_svd

SOLVERS = {"als": 0, "als-cg": 1, "als-sketch": 2}
ROUNDS = 3  # of the power method, for the start
FLOOR = 1e-3  # of the largest singular value: columns of the start are not zero


def start_from_svd(seen: Observed, k: int, seed: int):
    """Both halves of the truncated SVD of the matrix with zeros for what is missing, rescaled; long rows are shortened.

    A row of a factor with incoherent columns has a norm of about ``√(k / m)``; twice that is the most.
    """
    scale = seen.shape[0] * seen.shape[1] / max(seen.rows.data.size, 1)
    found = randomized_svd(seen.csr() * seen.dtype.type(scale), k, method="power", n_iter=ROUNDS, random_state=seed)
    roots = np.sqrt(np.maximum(found.s, FLOOR * max(found.s[0], np.finfo(seen.dtype).tiny)))
    return tuple(_incoherent(side) * roots for side in (found.U, found.Vt.T))


def start_at_random(seen: Observed, k: int, seed: int):
    """Gaussian factors whose product has the mean square of what was seen."""
    rng = np.random.default_rng(seed)
    size = (np.mean(np.square(seen.rows.data, dtype=np.float64)) / k) ** 0.25
    return tuple(size * rng.standard_normal((n, k)) for n in seen.shape)


def _incoherent(Q):
    longest = 2 * np.sqrt(Q.shape[1] / len(Q))
    norms = np.linalg.norm(Q, axis=1)
    if norms.max(initial=0) <= longest:
        return Q
    return np.linalg.qr(Q * np.minimum(1, longest / np.maximum(norms, longest))[:, None])[0]


def objective(seen: Observed, U, V, alpha, n_jobs=None) -> tuple[float, float]:
    """Squared error on what was seen, and that plus both penalties."""
    error = np.square(seen.rows.data - seen.rows.products(U, V, n_jobs), dtype=np.float64).sum()
    if not alpha:
        return float(error), float(error)
    penalty = sum(
        side.counts @ np.square(F, dtype=np.float64).sum(axis=1) for side, F in ((seen.rows, U), (seen.columns, V))
    )
    return float(error), float(error + alpha * penalty)


def als(seen, U, V, *, solver, alpha, n_inner_iter, max_iter, tol, seed, n_jobs=None, stacklevel=3, **course):
    """Sweeps over rows and columns until the objective settles; the fields of a result in their order."""
    k = U.shape[1]
    U, V = padded(U, seen.dtype), padded(V, seen.dtype)
    row_weights, column_weights = alpha * seen.rows.counts, alpha * seen.columns.counts
    how = (SOLVERS[solver], n_inner_iter)
    rounding = np.finfo(seen.dtype).eps ** 2 * float(np.square(seen.rows.data, dtype=np.float64).sum())
    before, converged = np.inf, False
    for state in iterate(max_iter, solver, **course):
        key = (seed + state.n_iter) % 2**63
        seen.rows.half_sweep(U, V, k, row_weights, *how, key, n_jobs)
        seen.columns.half_sweep(V, U, k, column_weights, *how, key, n_jobs)
        error, value = objective(seen, U, V, alpha, n_jobs)
        converged = abs(before - value) <= tol * value or value <= rounding
        before = value
        if state.record(objective=value, residual_norm=error**0.5).stop or converged:
            break
    if not converged and not state.stop:
        warnings.warn(
            f"{solver}: the objective still moves by more than tol = {tol:g} of itself after {max_iter} sweeps: raise "
            "max_iter or tol",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    factors = (np.ascontiguousarray(F[:, :k]) for F in (U, V))
    return (*factors, state.n_iter, bool(converged), error**0.5, state.history, value)
