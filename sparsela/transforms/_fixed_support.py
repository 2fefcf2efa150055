"""Two factors with fixed supports: the optimum where blocks are disjoint, alternating least squares elsewhere."""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.float_range import in_float_range
from sparsela._core.random import random_stream
from sparsela._core.validation import check_count, check_indices, check_matrix, check_positive
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._result import FactorizationResult
from sparsela.transforms._slices import best_rank


@in_float_range
def fixed_support_factorization(
    A: Any, left_support: Any, right_support: Any, *, max_iter: int = 200, tol: float = 1e-10
) -> FactorizationResult:
    """Write a matrix as a product X Y of two factors with given supports.

    Parameters
    ----------
    A : array_like of shape (m, n)
        Real or complex.
    left_support : {array_like, sparse array} of shape (m, k)
        Where X may be non-zero; taken as booleans.
    right_support : {array_like, sparse array} of shape (k, n)
        Where Y may be non-zero.
    max_iter : int, default=200
        Most sweeps of the alternation; the tractable case needs none.
    tol : float, default=1e-10
        Stop when a sweep lowers the squared error by less than this part of ``‖A‖²``.

    Returns
    -------
    FactorizationResult
        ``operator`` of two CSR factors. ``n_iter`` 0 says that the optimum is global; otherwise ``converged`` says that
        the sweeps have settled, at a point from which neither factor alone can be improved.

    Raises
    ------
    TypeError
        If A is sparse or not numeric, or a support is not of booleans or numbers.
    ValueError
        If A has NaN or infinity, shapes do not fit, or a support is empty.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` sweeps do not settle.

    See Also
    --------
    butterfly_factorization, monarch_project : Supports for which this is always tractable.

    Notes
    -----
    Inner index i reaches the block ``rows(X[:, i]) × columns(Y[i, :])`` of A. Indices with the same block form a group.
    Where the blocks of different groups are disjoint, each group of r indices takes the best approximation of rank r
    of A on its block, and that is the global minimum of ``‖A − X Y‖_F``. For supports in general the problem is
    NP-hard, and may not have a minimum at all. Exact least squares for X and for Y then alternate, from the best of a
    few starts: the groups filled one after the other from what is left over, largest block first, and random left
    factors of a fixed seed. Nothing is promised about the minimum that this ends in.

    References
    ----------
    Q.-T. Le, E. Riccietti, R. Gribonval. Spurious valleys, NP-hardness, and tractability of sparse matrix
    factorization with fixed support. SIAM Journal on Matrix Analysis and Applications, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import fixed_support_factorization
    >>> halves = np.kron(np.eye(2), np.ones((3, 1)))  # one inner index for each diagonal block
    >>> A = np.kron(np.eye(2), np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 4.0]))
    >>> result = fixed_support_factorization(A, halves, halves.T)
    >>> result.converged, result.n_iter, result.operator.nnz
    (True, 0, 12)
    """
    A = check_matrix(A, "A", allow_complex=True)
    left = _check_support(left_support, "left_support")
    right = _check_support(right_support, "right_support")
    m, n = A.shape
    if left.shape[0] != m or right.shape[1] != n or left.shape[1] != right.shape[0]:
        raise ValueError(
            f"left_support and right_support must have shapes ({m}, k) and (k, {n}), got {left.shape} and {right.shape}"
        )
    max_iter, tol = check_count(max_iter, "max_iter"), check_positive(tol, "tol", allow_zero=True)

    groups = _groups(left, right)
    X, Y = np.zeros(left.shape, A.dtype), np.zeros(right.shape, A.dtype)
    n_iter, converged = 0, True
    if _disjoint(groups, A.shape):
        _fill_disjoint(A, groups, X, Y)
    else:
        X, Y = _best_start(A, left, right, groups, min(max_iter, FIRST_SWEEPS))
        n_iter, converged = _alternate(A, left, right, X, Y, max_iter, tol)
    residual_norm = float(np.linalg.norm(A - X @ Y))
    length = float(np.linalg.norm(A))
    if not converged:
        message = f"fixed_support_factorization did not settle in max_iter={max_iter} sweeps"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)
    return FactorizationResult(
        operator=FactorizedOperator([sp.csr_array(X), sp.csr_array(Y)], copy=False),
        support=(sp.csr_array(left), sp.csr_array(right)),
        n_iter=n_iter,
        converged=converged,
        residual_norm=residual_norm,
        relative_error=residual_norm / length if length > 0 else 0.0,
    )


RANDOM_STARTS, FIRST_SWEEPS = 6, 20  # where supports overlap, a single start ends in a poor valley now and then

Group = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, columns, inner indices


def _groups(left: np.ndarray, right: np.ndarray) -> list[Group]:
    """Inner indices with the same block of A; those that reach nothing are left out."""
    members = defaultdict(list)
    for i, (rows, columns) in enumerate(zip(np.packbits(left.T, axis=1), np.packbits(right, axis=1), strict=True)):
        members[rows.tobytes(), columns.tobytes()].append(i)
    found = ((np.flatnonzero(left[:, i[0]]), np.flatnonzero(right[i[0]]), np.array(i)) for i in members.values())
    return [(rows, columns, inner) for rows, columns, inner in found if rows.size and columns.size]


def _disjoint(groups: list[Group], shape: tuple[int, int]) -> bool:
    covered = np.zeros(shape, bool)
    for rows, columns, _ in groups:
        block = np.ix_(rows, columns)
        if covered[block].any():
            return False
        covered[block] = True
    return True


def _fill_disjoint(A: np.ndarray, groups: list[Group], X: np.ndarray, Y: np.ndarray) -> None:
    """The truncated SVD of every block, blocks of one size at a time."""
    alike = defaultdict(list)
    for rows, columns, inner in groups:
        alike[rows.size, columns.size, inner.size].append((rows, columns, inner))
    for (n_rows, n_columns, size), same in alike.items():
        rows, columns, inner = (np.stack(part) for part in zip(*same, strict=True))
        rank = min(size, n_rows, n_columns)
        U, V = best_rank(A[rows[:, :, None], columns[:, None, :]], rank)
        root = np.sqrt(np.linalg.norm(V, axis=-1, keepdims=True))
        X[rows[:, :, None], inner[:, None, :rank]] = U * root.swapaxes(-1, -2)
        Y[inner[:, :rank, None], columns[:, None, :]] = np.divide(V, root, out=np.zeros_like(V), where=root > 0)


def _best_start(
    A: np.ndarray, left: np.ndarray, right: np.ndarray, groups: list[Group], sweeps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best after a few sweeps: of the blocks filled in turn, and of a few random left factors."""
    X, Y = np.zeros(left.shape, A.dtype), np.zeros(right.shape, A.dtype)
    _fill_in_turn(A, groups, X, Y)
    starts, stream = [(X, Y)], random_stream(0)
    for _ in range(RANDOM_STARTS):
        starts.append(((left * stream.standard_normal(left.shape)).astype(A.dtype), np.zeros_like(Y)))
    for X, Y in starts:
        _alternate(A, left, right, X, Y, sweeps, 0.0)
    return min(starts, key=lambda start: np.linalg.norm(A - start[0] @ start[1]))


def _fill_in_turn(A: np.ndarray, groups: list[Group], X: np.ndarray, Y: np.ndarray) -> None:
    rest = A.copy()
    for group in sorted(groups, key=lambda group: -group[0].size * group[1].size):
        rows, columns, inner = group
        _fill_disjoint(rest, [group], X, Y)
        rest[np.ix_(rows, columns)] -= X[np.ix_(rows, inner)] @ Y[np.ix_(inner, columns)]


def _alternate(
    A: np.ndarray, left: np.ndarray, right: np.ndarray, X: np.ndarray, Y: np.ndarray, max_iter: int, tol: float
) -> tuple[int, bool]:
    """Exact least squares for Y and for X in turn; the error never grows."""
    by_column, by_row = _alike(right.T), _alike(left)
    energy = float(np.linalg.norm(A)) ** 2
    before = float(np.linalg.norm(A - X @ Y)) ** 2
    for n_iter in range(1, max_iter + 1):
        for inner, columns in by_column:
            Y[np.ix_(inner, columns)] = np.linalg.lstsq(X[:, inner], A[:, columns], rcond=None)[0]
        for inner, rows in by_row:
            X[np.ix_(rows, inner)] = np.linalg.lstsq(Y[inner].T, A[rows].T, rcond=None)[0].T
        after = float(np.linalg.norm(A - X @ Y)) ** 2
        if before - after <= tol * energy:
            return n_iter, True
        before = after
    return max_iter, False


def _alike(support: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(inner indices, rows that have exactly these) for every pattern of a row that is not empty."""
    rows = defaultdict(list)
    for i, packed in enumerate(np.packbits(support, axis=1)):
        rows[packed.tobytes()].append(i)
    return [(np.flatnonzero(support[i[0]]), np.array(i)) for i in rows.values() if support[i[0]].any()]


def _check_support(support: Any, name: str) -> np.ndarray:
    check_indices(support, name)
    mask = support.toarray() if sp.issparse(support) else np.asarray(support)
    if mask.dtype.kind not in "biufc":
        raise TypeError(f"{name} must be of booleans or numbers, got {mask.dtype}")
    if mask.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions, got shape {mask.shape}")
    mask = np.ascontiguousarray(mask != 0)
    if not mask.any():
        raise ValueError(f"{name} must not be empty, got shape {mask.shape} without a non-zero entry")
    return mask
