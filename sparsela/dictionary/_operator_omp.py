"""Orthogonal matching pursuit over a dictionary that is an operator: correlations are products with it.

With few enough atoms the Gram matrix is formed, and the rest is :func:`~sparsela.coding.batch_omp`'s kernel. With more,
residuals are kept instead of it: a product with the operator a step, for a block of signals together.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from sparsela._core.sparse_backend import aligned_empty
from sparsela._core.threads import one_blas_thread
from sparsela.coding._codes import collect
from sparsela.coding._inputs import Atoms
from sparsela.coding._omp import pursue
from sparsela.transforms import FactorizedOperator

GRAM_LIMIT = 4096  # atoms up to which a Gram matrix is formed: 128 MB of float64
PANEL = 256  # signals
IN_SPAN = {8: 1e-10, 4: 1e-5}  # squared norm of what is new in an atom, below which it is in the span of those chosen


def operator_omp(
    X: np.ndarray,
    operator: FactorizedOperator,
    D: np.ndarray,
    k: np.ndarray,
    tol: np.ndarray | None,
    *,
    n_threads: int,
    sparse_output: bool = True,
    return_residual: bool = False,
    gram_limit: int = GRAM_LIMIT,
):
    """Codes of X over the unit columns of the operator, which are the rows of D; one dtype, checked by the caller."""
    with one_blas_thread():
        if len(D) > gram_limit:
            codes = _pursue_residuals(X, operator, D, k, tol, sparse_output)
            return (codes, _energy(X - codes @ D)) if return_residual else codes
        return pursue(
            X,
            Atoms(D, operator_gram(operator, D), None),
            k,
            tol,
            sparse_output=sparse_output,
            n_threads=n_threads,
            return_residual=return_residual,
            correlations=lambda block: correlations(block, operator),
        )


def correlations(X: np.ndarray, operator: FactorizedOperator) -> np.ndarray:
    """``X @ operator``, a panel of signals at a time, turned around and back while it is in cache."""
    out = np.empty((len(X), operator.shape[1]), X.dtype)
    for start in range(0, len(X), PANEL):
        out[start : start + PANEL] = X[start : start + PANEL] @ operator
    return out


def operator_gram(operator: FactorizedOperator, D: np.ndarray) -> np.ndarray:
    """``D Dᵀ`` by products with the operator, in rows of a multiple of 64 bytes, the padding zero."""
    K, lanes = len(D), 64 // D.itemsize
    G = aligned_empty((K, -(-K // lanes) * lanes), D.dtype)
    G[:, :K] = correlations(D, operator)
    G[:, K:] = 0
    return G


def _pursue_residuals(X, operator, D, k, tol, sparse_output: bool) -> csr_array | np.ndarray:
    depth = int(k.max())

    def code(rows, block, idx, val, nnz):
        here_k, here_tol = (None if a is None else a if a.size == 1 else a[rows] for a in (k, tol))
        pursue_block(block, operator, D, here_k, here_tol, idx, val, nnz)

    return collect(X, len(D), depth, code, sparse_output=sparse_output, cost=4 * depth, dtype=D.dtype)


def pursue_block(X, operator, D, k, tol, idx, val, nnz) -> None:
    """Fill (idx, val, nnz) for a block of signals; O(k) products with the operator and O(k² m) a signal beside them."""
    n, m = X.shape
    depth = idx.shape[1]
    every = np.arange(n)
    Q = np.zeros((n, depth, m), X.dtype)  # orthonormal bases of the chosen atoms
    T = np.zeros((n, depth, depth), X.dtype)  # chosen atoms = Tᵀ Q
    y = np.zeros((n, depth), X.dtype)  # signals on Q
    R = X.copy()
    nnz[:] = 0
    alive = np.ones(n, bool)
    for t in range(depth):
        alive &= t < k
        if tol is not None:
            alive &= _energy(R) > tol
        if not alive.any():
            break
        C = np.abs(correlations(R, operator))
        C[every[:, None], idx[:, :t]] = 0
        j = C.argmax(axis=1)
        a = D[j]
        alive &= C[every, j] > 0
        for _ in range(2):  # twice is enough: then Q is orthonormal to rounding
            h = np.einsum("nsm,nm->ns", Q[:, :t], a)
            a = a - np.einsum("ns,nsm->nm", h, Q[:, :t])
            T[:, t, :t] += h
        norm = np.sqrt(_energy(a))
        alive &= norm**2 > IN_SPAN[X.itemsize]
        q = np.divide(a, norm[:, None], out=np.zeros_like(a), where=alive[:, None]).astype(X.dtype, copy=False)
        Q[:, t], T[:, t, t] = q, np.where(alive, norm, 1)
        y[:, t] = np.einsum("nm,nm->n", q, X)
        R -= y[:, t, None] * q
        idx[:, t] = np.where(alive, j, idx[:, t - 1] if t else 0)
        nnz[alive] += 1
    _solve_back(T, y, nnz, val)
    order = np.where(np.arange(depth) < nnz[:, None], idx, len(D)).argsort(axis=1, kind="stable")
    idx[:] = np.take_along_axis(idx, order, axis=1)
    val[:] = np.take_along_axis(val, order, axis=1)


def _solve_back(T, y, nnz, val) -> None:
    """Coefficients c of the chosen atoms, from ``T c = y`` on the basis; zero beyond nnz."""
    val[:] = 0
    for t in range(val.shape[1] - 1, -1, -1):
        # signal = Σ_s c_s a_s and a_s = Σ_{r ≤ s} T[s, r] q_r
        rest = y[:, t] - np.einsum("ns,ns->n", val[:, t + 1 :], T[:, t + 1 :, t])
        here = t < nnz
        val[here, t] = rest[here] / T[here, t, t]


def _energy(R: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", R, R, dtype=np.float64)
