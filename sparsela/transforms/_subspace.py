"""The truncated SVD of a dense matrix that changes a little from call to call: subspace iteration from the last one."""

from __future__ import annotations

import numpy as np

from sparsela._core.random import random_stream
from sparsela._core.threads import one_blas_thread

OVERSAMPLING = 8  # directions beyond the rank: the more, the faster it settles
SETTLED = 1e-6  # gain of a step, of what is left over, below which it stops
MOST_STEPS = 60
SERIAL = 1 << 20  # entries below which threads of LAPACK wait for each other longer than they work


def truncated_svd(R: np.ndarray, rank: int, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """U (m, rank), singular values included, and V with R ≈ U V[:rank].

    V (p, n), of p ≥ rank orthonormal rows, is the start of the next call; None starts at random, from a fixed seed.
    One step never makes ``‖R − U V‖`` larger than that of any matrix whose rows lie in the span of the start. Small
    matrices, and ranks near full, are LAPACK's. O(m n p) a step.
    """
    if R.size > SERIAL:
        return _truncated_svd(R, rank, start)
    with one_blas_thread():
        return _truncated_svd(R, rank, start)


def _truncated_svd(R: np.ndarray, rank: int, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    m, n = R.shape
    p = min(rank + OVERSAMPLING, m, n)
    if 3 * p >= min(m, n):
        U, s, V = np.linalg.svd(R, full_matrices=False)
        return U[:, :rank] * s[:rank], V
    if start is None:
        start = random_stream(0).standard_normal((p, n)).astype(R.dtype)
    total, captured = float(np.linalg.norm(R)) ** 2, 0.0
    V = start
    for _ in range(MOST_STEPS):
        Q = np.linalg.qr(R @ V.conj().T)[0]
        U, s, V = np.linalg.svd(Q.conj().T @ R, full_matrices=False)
        before, captured = captured, float((s[:rank] ** 2).sum())
        if captured - before <= SETTLED * (total - captured) + np.finfo(R.dtype).eps * total:
            break
    return Q @ (U[:, :rank] * s[:rank]), V
