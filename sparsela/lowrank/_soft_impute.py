"""Completion by the nuclear norm: soft thresholding of singular values, missing entries filled from the last answer."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.progress import iterate
from sparsela._core.sparse_backend import checked, spmm
from sparsela._core.threads import one_blas_thread
from sparsela.lowrank._observed import Observed, padded
from sparsela.lowrank._randomized import randomized_svd

PATH = 10  # penalties, from the largest that does anything to the one asked for
COARSE = 10  # times tol: on the way
EXTRA = 5  # vectors beyond the rank


def soft_impute(seen: Observed, rank: int, *, alpha, max_iter, tol, seed, n_jobs=None, stacklevel=3, **course):
    """Minimise ``½‖P(X − Z)‖² + λ‖Z‖_*`` over Z of rank at most `rank`; factors U√s and V√s, as :func:`als` returns.

    Z is kept as U diag(s) Vᵀ and the filled matrix as a sparse residual plus Z: products with blocks of vectors, one
    round of subspace iteration from the last right vectors a step, and nothing is made dense.
    """
    top = randomized_svd(seen.csr(), 1, tol=1e-3, random_state=seed)
    largest = float(top.s[0])
    floor = max(alpha, np.finfo(seen.dtype).eps) * largest
    penalties = np.geomspace(largest, floor, PATH + 1)[1:] if floor < largest else np.array([floor])
    m, n = seen.shape
    width = min(rank + EXTRA, m, n)
    P = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, width)))[0].astype(seen.dtype)
    U, s, V = np.zeros((m, 1), seen.dtype), np.zeros(1, seen.dtype), np.zeros((n, 1), seen.dtype)
    residual, at, before, since, converged = seen.rows.data, 0, np.inf, 0, False
    for state in iterate(PATH * max_iter, "soft-impute", **course):
        since += 1
        with one_blas_thread():
            U, s, V, P = _step(seen, residual, U, s, V, P, penalties[at], rank)
        residual = seen.rows.data - seen.rows.products(padded(U * s, seen.dtype), padded(V, seen.dtype), n_jobs)
        error = float(np.square(residual, dtype=np.float64).sum())
        value = 0.5 * error + float(penalties[at]) * float(s.sum(dtype=np.float64))
        last = at == len(penalties) - 1
        settled = abs(before - value) <= (tol if last else COARSE * tol) * max(value, np.finfo(np.float64).tiny)
        before, converged = value, last and settled
        if state.record(objective=value, residual_norm=error**0.5, penalty=float(penalties[at])).stop or converged:
            break
        if settled or since == max_iter:
            if last:
                break
            at, before, since = at + 1, np.inf, 0
    if not converged and not state.stop:
        warnings.warn(
            f"soft-impute: the objective still moves by more than tol = {tol:g} of itself after {max_iter} steps "
            "at the last penalty: raise max_iter or tol",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    factors = (F * np.sqrt(s) for F in (U, V))
    return (*factors, state.n_iter, bool(converged), error**0.5, state.history, value)


def penalty_of(seen: Observed, alpha: float, seed: int) -> float:
    """λ of `alpha`: a share of the largest singular value, the least λ that gives zero."""
    return alpha * float(randomized_svd(seen.csr(), 1, tol=1e-3, random_state=seed).s[0])


def _step(seen, residual, U, s, V, P, penalty, rank):
    """One round of subspace iteration on ``R + U diag(s) Vᵀ``, thresholded."""
    side = seen.rows
    R = checked(sp.csr_array((residual, side.indices, side.indptr), shape=seen.shape))
    side = seen.columns
    Rt = checked(sp.csr_array((residual[seen.order], side.indices, side.indptr), shape=seen.shape[::-1]))
    Q = np.linalg.qr(spmm(R, np.ascontiguousarray(P)) + (U * s) @ (V.T @ P))[0]
    B = spmm(Rt, np.ascontiguousarray(Q)) + (V * s) @ (U.T @ Q)
    P, values, turn = np.linalg.svd(B, full_matrices=False)
    kept = max(1, min(rank, int((values > penalty).sum())))
    return Q @ turn[:kept].T, np.maximum(values[:kept] - s.dtype.type(penalty), 0), P[:, :kept], P
