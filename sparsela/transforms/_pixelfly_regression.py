"""Least squares with weights that are a sparse part on a mask plus a part of low rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_count, check_indices, check_matrix, check_positive
from sparsela.transforms._alternate import alternate
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._pixelfly import PixelflyResult, SparsePlusLowRank
from sparsela.transforms._subspace import truncated_svd


@in_float_range
def pixelfly_regression(
    X: Any,
    Y: Any,
    mask: Any,
    rank: int,
    *,
    alpha: float = 0.0,
    max_iter: int = 200,
    tol: float = 1e-6,
    return_history: bool = False,
    verbose: int = 0,
    callback: Any = None,
) -> PixelflyResult:
    """Fit Y ≈ X W with weights W that are sparse on a mask plus of low rank.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Real.
    Y : array_like of shape (n_samples, n_targets)
        Real.
    mask : {array_like, sparse array} of shape (n_features, n_targets)
        Where the sparse part may be non-zero, as from :func:`flat_block_butterfly_mask`.
    rank : int
        Rank of the other part, at most ``min(n_features, n_targets)``.
    alpha : float, default=0.0
        Ridge penalty on W.
    max_iter : int, default=200
        Most alternations.
    tol : float, default=1e-6
        Stop when the objective falls by less than this part of itself.
    return_history : bool, default=False
        Whether to keep the objective of every alternation.
    verbose : {0, 1, 2}, default=0
        At 1 a progress bar, at 2 a line an alternation.
    callback : callable, optional
        ``callback(state)`` sees ``state.objective`` and stops the run by returning True.

    Returns
    -------
    PixelflyResult
        ``operator`` is W, (n_features, n_targets); ``sparse`` is BSR where the mask is, else CSR.

    Raises
    ------
    TypeError
        If X or Y is sparse, complex or not numeric.
    ValueError
        If there is NaN or infinity, X is zero without a ridge, shapes do not fit, the mask is empty, or a number is out
        of range.

    Warns
    -----
    ConvergenceWarning
        If the objective has not settled after `max_iter` alternations.

    See Also
    --------
    pixelfly_fit : X the identity, and the mask chosen.

    Notes
    -----
    Minimises ``‖X W − Y‖_F² + α ‖W‖_F²``, W = B + U Vᵀ. With ``XᵀX + α I = ZᵀZ`` it is ``‖Z W − T‖²`` plus a
    constant. In turn: every column of B by the normal equations of its rows of the mask (one Cholesky factor for every
    distinct pattern of a column, kept), and U Vᵀ by reduced-rank regression, the truncated SVD of ``T − Z B`` taken
    back through Z. Both are exact, and momentum is dropped where the objective would grow: it never does. Memory
    O(n_features²).

    References
    ----------
    T. Dao, B. Chen et al. Pixelated butterfly: simple and efficient sparse training for neural network models. ICLR,
    2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import flat_block_butterfly_mask, pixelfly_regression
    >>> rng = np.random.default_rng(0)
    >>> mask = flat_block_butterfly_mask(32, 32, block_size=4, n_factors=1)
    >>> W = mask.toarray() * rng.standard_normal((32, 32)) + np.outer(rng.standard_normal(32), rng.standard_normal(32))
    >>> X = rng.standard_normal((200, 32))
    >>> pixelfly_regression(X, X @ W, mask, 1).relative_error < 1e-3
    True
    """
    X, Y = check_matrix(X, "X"), check_matrix(Y, "Y")
    if len(X) != len(Y):
        raise ValueError(f"X and Y must have as many rows, got {len(X)} and {len(Y)}")
    mask, dense_mask = _check_mask(mask, (X.shape[1], Y.shape[1]))
    rank = check_count(rank, "rank", high=min(X.shape[1], Y.shape[1]))
    alpha = check_positive(alpha, "alpha", allow_zero=True)
    if alpha == 0 and not X.any():
        raise ValueError("X must not be zero where alpha is 0: every W fits as well")
    max_iter, tol = check_count(max_iter, "max_iter"), check_positive(tol, "tol", allow_zero=True)
    dtype = np.result_type(X, Y)
    X, Y = X.astype(dtype, copy=False), Y.astype(dtype, copy=False)

    Z, back, T, constant = _whitened(X, Y, alpha)
    solvers = _column_solvers(Z, dense_mask)
    B, length = np.zeros(dense_mask.shape, dtype), float(np.linalg.norm(Y))
    scores, V = truncated_svd(T, rank, None)

    def step(fitted: np.ndarray) -> tuple[Any, np.ndarray, float]:
        nonlocal V
        rest = T - fitted
        for columns, rows, solve in solvers:
            B[np.ix_(rows, columns)] = solve(Z[:, rows].T @ rest[:, columns])
        rest = T - Z @ B
        scores, V = truncated_svd(rest, rank, V)
        fitted = scores @ V[:rank]
        return (B.copy(), scores, V[:rank]), fitted, constant + _squares(fitted - rest)

    fitted = scores @ V[:rank]
    (B, scores, V), converged, state = alternate(
        step,
        fitted,
        constant + _squares(fitted - T),
        name="pixelfly_regression",
        max_iter=max_iter,
        tol=tol,
        floor=(10 * np.finfo(dtype).eps * length) ** 2,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    sparse, low_rank = _on_mask(B, mask), FactorizedOperator([back @ scores, V], copy=False)
    operator = SparsePlusLowRank(sparse, low_rank)
    residual_norm = float(np.linalg.norm(X @ operator.toarray() - Y))
    return PixelflyResult(
        operator=operator,
        sparse=sparse,
        low_rank=low_rank,
        n_iter=state.n_iter,
        converged=converged,
        residual_norm=residual_norm,
        history=state.history,
        relative_error=residual_norm / length if length > 0 else 0.0,
    )


def _whitened(X: np.ndarray, Y: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Z, its pseudo-inverse, T and c with ‖X W − Y‖² + α‖W‖² = ‖Z W − T‖² + c for every W; Z has full row rank."""
    if alpha > 0:
        n = X.shape[1]
        X = np.concatenate([X, np.sqrt(X.dtype.type(alpha)) * np.eye(n, dtype=X.dtype)])
        Y = np.concatenate([Y, np.zeros((n, Y.shape[1]), Y.dtype)])
    P, s, Qt = np.linalg.svd(X, full_matrices=False)
    kept = s > s[0] * max(X.shape) * np.finfo(X.dtype).eps
    P, s, Qt = P[:, kept], s[kept], Qt[kept]
    T = P.T @ Y
    return s[:, None] * Qt, Qt.T / s, T, _squares(Y - P @ T)


def _column_solvers(Z: np.ndarray, mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, Callable]]:
    """(columns, rows of the mask, solver of their normal equations) for every distinct pattern of a column."""
    alike = defaultdict(list)
    for j, packed in enumerate(np.packbits(mask.T, axis=1)):
        alike[packed.tobytes()].append(j)
    solvers = []
    for columns in alike.values():
        rows = np.flatnonzero(mask[:, columns[0]])
        if rows.size:
            solvers.append((np.array(columns), rows, _solver(Z[:, rows])))
    return solvers


def _solver(Z: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """b → the least-norm solution of ZᵀZ x = b."""
    G = Z.T @ Z
    try:
        factor = scipy.linalg.cho_factor(G)
        pivots = np.abs(np.diagonal(factor[0]))
        if pivots.min() > np.sqrt(np.finfo(G.dtype).eps) * pivots.max():
            return lambda b: scipy.linalg.cho_solve(factor, b)
    except np.linalg.LinAlgError:
        pass
    inverse = np.linalg.pinv(G, hermitian=True)  # columns of X that are not independent
    return lambda b: inverse @ b


def _check_mask(mask: Any, shape: tuple[int, int]) -> tuple[Any, np.ndarray]:
    """The mask as it came and as a dense boolean array."""
    check_indices(mask, "mask")
    dense = mask.toarray() if sp.issparse(mask) else np.asarray(mask)
    if dense.dtype.kind not in "biuf":
        raise TypeError(f"mask must be of booleans or numbers, got {dense.dtype}")
    if dense.shape != shape:
        raise ValueError(f"mask must have shape (n_features, n_targets) = {shape}, got {dense.shape}")
    if not dense.any():
        raise ValueError("mask must have a non-zero entry, got none")
    return mask, dense != 0


def _on_mask(B: np.ndarray, mask: Any) -> sp.sparray:
    if sp.issparse(mask) and mask.format == "bsr":
        return sp.bsr_array(B, blocksize=mask.blocksize)
    return sp.csr_array(B)


def _squares(A: np.ndarray) -> float:
    return float(np.linalg.norm(A)) ** 2
