"""What the factorizations of this room return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparsela._core.results import Result


@dataclass(frozen=True, repr=False, eq=False)
class SVDResult(Result):
    """A truncated singular value decomposition ``A ≈ U diag(s) Vt``.

    Attributes
    ----------
    U : ndarray of shape (m, k)
        Left singular vectors, orthonormal columns.
    s : ndarray of shape (k,)
        Singular values, descending.
    Vt : ndarray of shape (k, n)
        Right singular vectors, orthonormal rows.
    n_iter : int
        Steps done.
    converged : bool or None
        Whether the stopping rule of the method was met; None where it has none.
    residual_norm : float or None
        Largest ``‖A* u_i − s_i v_i‖₂`` of the triplets; None where it was not computed.
    history : dict of equally long ndarrays, or None
        The course of the iteration; None unless asked for with ``return_history=True``.

    Examples
    --------
    >>> SVDResult(np.eye(4, 2), np.array([2.0, 1.0]), np.eye(2, 3), 1, True, 0.0)
    SVDResult(U=float64[4, 2], s=float64[2], Vt=float64[2, 3], n_iter=1, converged=True, residual_norm=0)
    """

    U: np.ndarray
    s: np.ndarray
    Vt: np.ndarray
    n_iter: int = 1
    converged: bool | None = None
    residual_norm: float | None = None
    history: dict[str, np.ndarray] | None = None
