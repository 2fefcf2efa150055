"""Columns and rows of a matrix that stand for the others: interpolative decompositions and CUR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import get_lapack_funcs

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.results import Result
from sparsela._core.validation import check_count, check_positive
from sparsela.lowrank._nystrom import check_data, dense
from sparsela.lowrank._randomized import randomized_svd
from sparsela.sketch import SketchOperator

LARGEST = 2.0  # coefficient of "cpqr": above it columns change places, and the volume that they span grows by as much
METHODS = ("randomized", "cpqr")
PICKS = ("deim", "leverage", "cpqr")
CORES = ("best", "cross")


@dataclass(frozen=True, repr=False, eq=False)
class InterpolativeDecomposition(Result):
    """``A ≈ A[:, indices] @ coefficients``, or for rows ``A ≈ coefficients @ A[indices]``.

    Attributes
    ----------
    indices : ndarray of intp, of shape (rank,)
        The columns (rows), the most telling first.
    coefficients : ndarray of shape (rank, n), for rows (m, rank)
        The identity at `indices`, exactly.

    Examples
    --------
    >>> InterpolativeDecomposition(np.array([2, 0]), np.ones((2, 5)))
    InterpolativeDecomposition(indices=int64[2], coefficients=float64[2, 5])
    """

    indices: np.ndarray
    coefficients: np.ndarray


@dataclass(frozen=True, repr=False, eq=False)
class CURResult(Result):
    """``A ≈ C U R`` with columns C and rows R of A.

    Attributes
    ----------
    row_indices : ndarray of intp, of shape (k,)
        ``R = A[row_indices]``.
    column_indices : ndarray of intp, of shape (k,)
        ``C = A[:, column_indices]``.
    C, R : ndarray or sparse array
        Of shapes (m, k) and (k, n); sparse where A is.
    U : ndarray of shape (k, k)
        The core.

    Examples
    --------
    >>> CURResult(np.arange(1), np.arange(1), np.ones((4, 1)), np.ones((1, 1)), np.ones((1, 3))).U
    array([[1.]])
    """

    row_indices: np.ndarray
    column_indices: np.ndarray
    C: Any
    U: np.ndarray
    R: Any


def interpolative(
    A: Any,
    rank: int | None = None,
    *,
    tol: float | None = None,
    axis: int = 1,
    method: str = "randomized",
    random_state=None,
) -> InterpolativeDecomposition:
    """Choose columns of A (or rows) that all others are combinations of, nearly.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (m, n)
        Real; float32 stays.
    rank : int or None, default=None
        How many; None: as `tol` says.
    tol : float or None, default=None
        Where rank is None: as many as pivots of QR are above this part of the first.
    axis : {1, 0}, default=1
        1 chooses columns, 0 rows.
    method : {"randomized", "cpqr"}, default="randomized"
        Pivots of a sketch of A, or of A itself (made dense), exchanged until no coefficient is above 2.
    random_state : None, int, RandomState or Generator, default=None
        Seed of the sketch.

    Returns
    -------
    InterpolativeDecomposition
        ``indices, coefficients``.

    Raises
    ------
    TypeError
        If A is no array or sparse array, or has complex entries.
    ValueError
        If an entry is not finite, rank is above min(m, n), not exactly one of rank and tol is given, or a name is
        unknown.

    See Also
    --------
    cur : Columns and rows.
    scipy.linalg.interpolative : Coefficients from the sketch alone.

    Notes
    -----
    "randomized": column-pivoted QR of ``Ω A``, Ω with 2 rank + 10 rows, picks the columns; least squares on them, by a
    thin QR, gives the coefficients. O(nnz(A) + rank² n + m rank² + nnz(A) rank). Coefficients from the sketch would
    save the last two terms, and cost up to 40 % in error.

    References
    ----------
    M. Gu, S. Eisenstat. Efficient algorithms for computing a strong rank-revealing QR factorization. SIAM Journal on
    Scientific Computing, 1996.

    N. Halko, P.-G. Martinsson, J. Tropp. Finding structure with randomness. SIAM Review, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import interpolative
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(100, 5)) @ rng.normal(size=(5, 80))
    >>> indices, coefficients = interpolative(A, 5, random_state=0)
    >>> np.allclose(A[:, indices] @ coefficients, A)
    True
    """
    A = check_data(A)
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, got {axis!r}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if (rank is None) == (tol is None):
        raise ValueError(f"exactly one of rank and tol must be given, got rank={rank!r} and tol={tol!r}")
    if tol is not None:
        tol = check_positive(tol, "tol")
    else:
        rank = check_count(rank, "rank", high=min(A.shape))
    if axis == 0:
        A = sp.csr_array(A.T) if sp.issparse(A) else A.T
    if method == "cpqr":
        M = dense(A)
        J, coefficients = _exchanged(M, _pivots(M, rank, tol))
    else:
        J = _sketched_pivots(A, rank, tol, seed_from(random_state))
        coefficients = _coefficients(A, J)
    return InterpolativeDecomposition(J, coefficients.T if axis == 0 else coefficients)


@in_float_range
def cur(
    A: Any,
    rank: int,
    *,
    method: str = "deim",
    oversample: int = 0,
    core: str = "best",
    random_state=None,
) -> CURResult:
    """Approximate A by some of its columns and rows.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (m, n)
        Real; not made dense.
    rank : int
        Singular vectors k that the choice is made by.
    method : {"deim", "leverage", "cpqr"}, default="deim"
        How k singular vectors choose: pivots of elimination, draws by squared row norms, or pivots of QR.
    oversample : int, default=0
        Columns and rows beyond k: further draws, or those with the largest leverage.
    core : {"best", "cross"}, default="best"
        ``C⁺ A R⁺``, the best in the Frobenius norm, or ``A[rows, columns]⁺``, which reads no more of A.
    random_state : None, int, RandomState or Generator, default=None
        Seed of the singular vectors and of the draws.

    Returns
    -------
    CURResult
        ``row_indices, column_indices, C, U, R``.

    Raises
    ------
    TypeError
        If A is no array or sparse array, or has complex entries.
    ValueError
        If an entry is not finite, rank + oversample is above min(m, n), or a name is unknown.

    See Also
    --------
    interpolative : One side.
    meta_factorization : The core for any factors.

    Notes
    -----
    With the interpolation rule of [1]_, ``‖A − C U R‖₂ ≤ (η_p + η_q) σ_{k+1}``, ``η_p = ‖(Pᵀ U_k)⁻¹‖₂`` for the rows P
    and η_q likewise for the columns. Draws by leverage are without replacement, by keys of the seed.

    References
    ----------
    .. [1] D. Sorensen, M. Embree. A DEIM induced CUR factorization. SIAM Journal on Scientific Computing, 2016.
    .. [2] M. Mahoney, P. Drineas. CUR matrix decompositions for improved data analysis. PNAS, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import cur
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(100, 5)) @ rng.normal(size=(5, 80))
    >>> found = cur(A, 5, random_state=0)
    >>> np.allclose(found.C @ found.U @ found.R, A)
    True
    """
    A = check_data(A)
    k = check_count(rank, "rank", high=min(A.shape))
    oversample = check_count(oversample, "oversample", low=0, high=min(A.shape) - k)
    for name, value, known in (("method", method, PICKS), ("core", core, CORES)):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")
    seed = seed_from(random_state)
    found = randomized_svd(A, k, random_state=seed)
    rng = np.random.default_rng(seed)
    I, J = (_picked(side, k + oversample, method, rng) for side in (found.U, np.ascontiguousarray(found.Vt.T)))
    C, R = A[:, J], A[I]
    dense_C, dense_R = dense(C), dense(R)
    if core == "cross":
        U = np.linalg.pinv(dense_C[I])
    else:
        U = np.linalg.pinv(dense_C) @ (A @ np.linalg.pinv(dense_R))
    return CURResult(I, J, C, U, R)


def _pivots(M, rank, tol):
    R, order = qr(M, mode="r", pivoting=True, check_finite=False)
    if tol is not None:
        size = np.abs(R.diagonal())
        rank = max(1, int((size > tol * size[0]).sum()))
    return order[:rank].astype(np.intp)


def _sketched_pivots(A, rank, tol, seed):
    m, n = A.shape
    if tol is None:
        width = 2 * rank + 10
        M = SketchOperator("sparse_embedding", width, m, random_state=seed).apply(A, axis=0) if width < m else dense(A)
        return _pivots(M, rank, None)
    guess = 16
    while True:  # until the sketch has twice as many rows as there are pivots above tol
        if 2 * guess + 10 >= m:
            return _pivots(dense(A), None, tol)
        M = SketchOperator("sparse_embedding", 2 * guess + 10, m, random_state=seed).apply(A, axis=0)
        J = _pivots(M, None, tol)
        if len(J) <= guess:
            return J
        guess *= 2


def _coefficients(A, J):
    """Least squares of all columns on those of J, which are in order of their pivots; the identity at J."""
    Q, R = qr(dense(A[:, J]), mode="economic", check_finite=False)
    size = np.abs(R.diagonal())
    known = int(np.cumprod(size > 10 * np.finfo(R.dtype).eps * max(A.shape) * size.max(initial=0)).sum())
    out = np.zeros((len(J), A.shape[1]), R.dtype)
    out[:known] = solve_triangular(R[:known, :known], (A.T @ Q[:, :known]).T, check_finite=False) if known else 0
    out[:, J] = np.eye(len(J))
    return out


def _exchanged(A, J):
    """Columns change places until no coefficient is above LARGEST (strong rank-revealing QR)."""
    J = J.copy()
    while True:
        coefficients = _coefficients(A, J)
        i, j = np.unravel_index(np.abs(coefficients).argmax(), coefficients.shape)
        if abs(coefficients[i, j]) <= LARGEST:
            return J, coefficients
        J[i] = j


def _picked(vectors, count, method, rng):
    """Rows that k orthonormal columns choose."""
    k = vectors.shape[1]
    leverage = np.square(vectors).sum(axis=1)
    if method == "leverage":
        with np.errstate(divide="ignore"):
            keys = np.log(leverage) + rng.gumbel(size=len(vectors))
        return np.argsort(-keys, kind="stable")[:count].astype(np.intp)
    if method == "cpqr":
        rows = _pivots(vectors.T, k, None)
    else:  # DEIM's largest residual is the pivot of Gaussian elimination
        swaps = get_lapack_funcs("getrf", (vectors,))(vectors)[1]
        rows = np.arange(len(vectors))
        for i, j in enumerate(swaps[:k]):
            rows[i], rows[j] = rows[j], rows[i]
        rows = rows[:k].astype(np.intp)
    leverage[rows] = -1
    return np.concatenate([rows, np.argsort(-leverage, kind="stable")[: count - k].astype(np.intp)])
