"""What makes a tall C well conditioned: M with ``C M`` nearly orthonormal, from a sketch of C."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import lapack, qr, solve_triangular, svd

from sparsela._core.random import normal_hash, seed_from
from sparsela.sketch._operator import SketchOperator
from sparsela.sketch._passes import Pass

BLOCK = 64  # rows of a Gaussian sketch that are drawn at a time for an operator


class Triangular:
    """M = R⁻¹ of a sketch with QR factors Q R; `start` is the solution of the sketched problem."""

    def __init__(self, R: np.ndarray, top: np.ndarray):
        self.R, self.rank = np.asfortranarray(R), len(R)  # LAPACK copies what is a part of a larger array
        self.start = self.apply(top)

    def apply(self, V: np.ndarray) -> np.ndarray:
        """M V."""
        return solve_triangular(self.R, V, check_finite=False)

    def adjoint(self, W: np.ndarray) -> np.ndarray:
        """M* W."""
        return solve_triangular(self.R, W, trans="C", check_finite=False)


class Basis:
    """M = N = V_r Σ_r⁻¹ of a sketch with rank r (LSRN): its range is that of C*, so solutions have least norm."""

    def __init__(self, N: np.ndarray, top: np.ndarray):
        self.N, self.rank = N, N.shape[1]
        self.start = self.apply(top)

    def apply(self, V: np.ndarray) -> np.ndarray:
        """M V."""
        return self.N @ V

    def adjoint(self, W: np.ndarray) -> np.ndarray:
        """M* W."""
        return self.N.conj().T @ W


def sketch_rows(C: Pass, B: np.ndarray | None, k: int, kind: str, random_state, params: dict) -> np.ndarray:
    """[S C, S B] for C (p, q) without its ridge, one pass over each; S (k, p)."""
    if C.explicit:
        S = SketchOperator(kind, k, C.n_rows, random_state=random_state, **params)
        SC = S._apply(C.matrix(), 0)
        return SC if B is None else np.hstack([SC, S._apply(B, 0)])
    A = C._A
    seed = seed_from(random_state)
    rows, ids = [], np.arange(C.n_rows)
    for first in range(0, k, BLOCK):  # rows of S, by a seed of their own: never more than BLOCK of them in memory
        St = normal_hash(ids, min(BLOCK, k - first), seed=(seed + first) % 2**63) / math.sqrt(k)
        St = St.astype(C.dtype)
        SC = (A.matmat(St) if C._adjoint else A.rmatmat(St)).conj().T
        rows.append(SC if B is None else np.hstack([SC, St.T @ B]))
    return np.vstack(rows)


def factor(SC: np.ndarray, q: int, rcond: float | None, *, svd_always: bool = False) -> Triangular | Basis:
    """The preconditioner from [S C, S B], q columns of which are S C.

    R⁻¹ where R is safely of full rank, by LAPACK's estimate of its condition, else the basis of the SVD of R with the
    singular values above rcond of the largest. A triangle that is nearly singular need not show it on its diagonal.
    """
    (R,) = qr(SC, mode="r", overwrite_a=True, check_finite=False)
    R, top = R[:q, :q], R[:q, q:]
    noise = max(SC.shape[0], q) * np.finfo(SC.dtype).eps
    trcon = lapack.get_lapack_funcs("trcon", (R,))
    if not svd_always and rcond is None and len(R) == q and trcon(R)[0] > noise:
        return Triangular(R, top)
    U, sigma, Vh = svd(R, full_matrices=False, check_finite=False)
    r = int(np.count_nonzero(sigma > (noise if rcond is None else rcond) * sigma[0])) if sigma[0] > 0 else 0
    return Basis(Vh[:r].conj().T / sigma[:r], U[:, :r].conj().T @ top)
