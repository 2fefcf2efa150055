"""One update of a truncated SVD whose factors the caller holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_matrix, check_vector
from sparsela.lowrank._batches import DenseRows, SparseRows, as_rows, squares
from sparsela.lowrank._models import ExplicitSVD, Scheme, coordinate_basis, dense_basis
from sparsela.lowrank._results import SVDResult

METHODS = ("zha-simon", "vecharynski-saad", "fast")
AUGMENTATIONS = ("full", "gkl", "rpi")
SLACK = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-3}  # of orthonormal factors that are given


@in_float_range
def svd_update(
    U: Any,
    s: Any,
    Vt: Any,
    *,
    rows: Any = None,
    columns: Any = None,
    low_rank: Any = None,
    method: str = "zha-simon",
    augmentation: str = "full",
    n_augment: int = 10,
    n_power_iter: int = 3,
    random_state=None,
) -> SVDResult:
    """Update a truncated SVD by rows, columns or a change of low rank; the factors are written out.

    Parameters
    ----------
    U : ndarray of shape (m, k)
        Left singular vectors, orthonormal columns.
    s : ndarray of shape (k,)
        Singular values, not negative.
    Vt : ndarray of shape (k, n)
        Right singular vectors, orthonormal rows.
    rows : {ndarray, sparse array} of shape (q, n), optional
        New rows. One of `rows`, `columns` and `low_rank` must be given, and no more.
    columns : {ndarray, sparse array} of shape (m, q), optional
        New columns.
    low_rank : pair of {ndarray, sparse array} of shapes (m, q) and (n, q), optional
        D and E of the change ``A + D Eᵀ``.
    method : {"zha-simon", "vecharynski-saad", "fast"}, default="zha-simon"
        "zha-simon": all new directions, by a dense QR. "vecharynski-saad": `n_augment` of them, by Golub–Kahan
        bidiagonalization. "fast": by inner products of the sparse parts alone.
    augmentation : {"full", "gkl", "rpi"}, default="full"
        Of "fast": all new directions, or `n_augment` of them by Golub–Kahan or by block power iteration.
    n_augment : int, default=10
        How many.
    n_power_iter : int, default=3
        Rounds of "rpi".
    random_state : None, int, RandomState or Generator, default=None
        Seed of the start of "vecharynski-saad", "gkl" and "rpi".

    Returns
    -------
    SVDResult
        ``U, s, Vt`` with as many components as before.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, values are not finite, U or Vt is not orthonormal, or not exactly one kind of change is
        given.

    See Also
    --------
    UpdatableTruncatedSVD : Many updates, each at a cost that does not grow with the matrix.

    Notes
    -----
    With ``X = (I − V Vᵀ) Eᵀ = Q R`` and ``P = E V``, new rows E make [1]_

    .. math:: \\begin{bmatrix} U Σ V^T \\\\ E \\end{bmatrix} = \\begin{bmatrix} U & \\\\ & I \\end{bmatrix}
              \\begin{bmatrix} Σ & 0 \\\\ P & R^T \\end{bmatrix} \\begin{bmatrix} V & Q \\end{bmatrix}^T,

    and the SVD of the small matrix in the middle, cut to k, is that of the whole. What is updated is the model of rank
    k, exactly; what the model had cut off before does not come back. With few directions Q of many [2]_, ``Xᵀ Q``
    takes the place of ``Rᵀ``. O((m + n) k² + n k q + n q² + (k + q)³).

    References
    ----------
    .. [1] H. Zha, H. Simon. On updating problems in latent semantic indexing. SIAM Journal on Scientific Computing,
       1999.
    .. [2] E. Vecharynski, Y. Saad. Fast updating algorithms for latent semantic indexing. SIAM Journal on Matrix
       Analysis and Applications, 2014. arXiv 1310.2008.
    .. [3] H. Deng, Y. Yang, J. Li, C. Chen, W. Jiang, S. Pu. Fast updating truncated SVD for representation learning
       with sparse matrices. ICLR, 2024. arXiv 2401.09703.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import svd_update
    >>> U, s, Vt = np.eye(3, 2), np.array([3.0, 2.0]), np.eye(2, 4)
    >>> new = svd_update(U, s, Vt, rows=np.array([[0.0, 0.0, 5.0, 0.0]]))
    >>> new.s, np.abs(new.Vt[0])
    (array([5., 3.]), array([0., 0., 1., 0.]))
    """
    U, Vt = check_matrix(U, "U"), check_matrix(Vt, "Vt")
    s = check_vector(s, "s", size=U.shape[1])
    check_factors(U, s, Vt)
    check_choice(method, "method", METHODS)
    check_choice(augmentation, "augmentation", AUGMENTATIONS)
    check_count(n_augment, "n_augment")
    check_count(n_power_iter, "n_power_iter")
    given = [name for name, x in (("rows", rows), ("columns", columns), ("low_rank", low_rank)) if x is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of rows, columns and low_rank must be given, got {given or 'none'}")

    dtype = np.result_type(U, Vt)
    batches = _batches(given[0], rows, columns, low_rank, U, Vt, dtype)
    if batches[0].shape[0] == 0:
        return SVDResult(U.copy(), s.copy(), Vt.copy())
    for batch in batches:
        squares(batch.values, given[0], beside=float(s.max()))
    forced = {"zha-simon": "full", "vecharynski-saad": "gkl", "fast": augmentation}[method]
    scheme = Scheme(len(s), forced, n_augment, n_power_iter)
    basis = coordinate_basis if method == "fast" else dense_basis
    rng = np.random.default_rng(seed_from(random_state))
    with one_blas_thread():
        model = ExplicitSVD(U.astype(dtype), s, Vt.T.astype(dtype), scheme, basis)
        {"rows": model.add_rows, "columns": model.add_columns, "low_rank": model.add_product}[given[0]](*batches, rng)
    return SVDResult(model.left.matrix, model.s.astype(s.dtype), np.ascontiguousarray(model.right.matrix.T))


def check_factors(U: np.ndarray, s: np.ndarray, Vt: np.ndarray) -> None:
    """ValueError unless U diag(s) Vt is an SVD in all but the order of s."""
    if Vt.shape[0] != U.shape[1]:
        raise ValueError(f"U and Vt must have the same number of components, got shapes {U.shape} and {Vt.shape}")
    if (s < 0).any():
        raise ValueError(f"s must not be negative, got {s.min()}")
    for name, Q in (("columns of U", U), ("rows of Vt", Vt.T)):
        defect = float(np.abs(Q.T @ Q - np.eye(Q.shape[1])).max())
        if defect > SLACK[Q.dtype]:
            raise ValueError(f"{name} must be orthonormal, their products differ from it by up to {defect:.3g}")


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")


def as_pair(D: Any, E: Any, m: int, n: int, dtype) -> tuple[SparseRows | DenseRows, SparseRows | DenseRows]:
    """D (m, q) and E (n, q) as rows."""
    D, E = as_rows(D, "D", dtype, transpose=True), as_rows(E, "E", dtype, transpose=True)
    if D.shape[1] != m or E.shape[1] != n or D.shape[0] != E.shape[0]:
        raise ValueError(
            f"D and E must have shapes ({m}, q) and ({n}, q) with one q, got {D.shape[::-1]} and {E.shape[::-1]}"
        )
    return D, E


def _batches(kind, rows, columns, low_rank, U, Vt, dtype):
    m, n = len(U), Vt.shape[1]
    if kind == "low_rank":
        if not isinstance(low_rank, (tuple, list)) or len(low_rank) != 2:
            raise TypeError("low_rank must be a pair (D, E)")
        return as_pair(*low_rank, m, n, dtype)
    if kind == "rows":
        E = as_rows(rows, "rows", dtype)
        if E.shape[1] != n:
            raise ValueError(f"rows must have {n} columns, as Vt has, got shape {E.shape}")
    else:
        E = as_rows(columns, "columns", dtype, transpose=True)
        if E.shape[1] != m:
            raise ValueError(f"columns must have {m} rows, as U has, got shape {E.shape[::-1]}")
    return (E,)
