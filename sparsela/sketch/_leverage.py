"""Leverage scores: how much each row of a tall matrix matters to its column space, and rows drawn by them."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cholesky, lapack, qr, solve_triangular, svd

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import as_operator
from sparsela._core.random import normal_hash, seed_from, uniform_hash
from sparsela._core.validation import check_count, check_indices, check_positive, check_vector
from sparsela.sketch._inputs import check_data
from sparsela.sketch._passes import Pass
from sparsela.sketch._preconditioner import Basis, Triangular, factor, sketch_rows

BLOCK = 1 << 17  # numbers of a block of rows


@in_float_range
def leverage_scores(
    A, *, method="exact", rcond=None, sampling_factor=8, n_projections=None, random_state=None
) -> np.ndarray:
    """Leverage of each row: the squared norms of the rows of an orthonormal basis of the column space.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n, d)
        A sparse A is not made dense.
    method : {"exact", "sketched"}, default="exact"
        "sketched": from the QR factor of a sketch of A, within a factor that the sketch allows.
    rcond : float or None, default=None
        Singular values below `rcond` times the largest count as zero; None: max(n, d) eps.
    sampling_factor : float, default=8
        Rows of the sketch over d, above 1.
    n_projections : int or None, default=None
        For "sketched": estimate the norms from so many random projections of the rows, about 8 ln n. None: all of them.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the sketch.

    Returns
    -------
    ndarray of shape (n,)
        Between 0 and 1 if exact; they sum up to the rank.

    Raises
    ------
    ValueError, TypeError
        If A has NaN or infinity or is empty, or a parameter is out of range.

    See Also
    --------
    leverage_sample : Rows drawn by their scores.

    Notes
    -----
    Exact: QR, by SVD where A is of less than full rank, O(n d²); sparse: a triangle from a sketch, and one pass of
    Cholesky QR that removes its error. Sketched: with projections O(nnz t + d³) in place of O(n d²), t of them.

    References
    ----------
    P. Drineas, M. Magdon-Ismail, M. Mahoney, D. Woodruff. Fast approximation of matrix coherence and statistical
    leverage. JMLR, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import leverage_scores
    >>> A = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    >>> leverage_scores(A)
    array([0.5, 0.5, 1. ])
    """
    if method not in ("exact", "sketched"):
        raise ValueError(f"method must be 'exact' or 'sketched', got {method!r}")
    A = check_data(A, "A")
    if 0 in A.shape:
        raise ValueError(f"A must not be empty, got shape {A.shape}")
    if rcond is not None and check_positive(rcond, "rcond", allow_zero=True) >= 1:
        raise ValueError(f"rcond must be below 1, got {rcond!r}")
    if check_positive(sampling_factor, "sampling_factor") <= 1:
        raise ValueError(f"sampling_factor must be above 1, got {sampling_factor!r}")
    if n_projections is not None:
        n_projections = check_count(n_projections, "n_projections")
        if method == "exact":
            raise ValueError("n_projections go with method='sketched', got method='exact'")
    if sp.issparse(A):
        check_indices(A, "A")
    elif method == "exact":
        return _squared_rows(_basis(A, rcond))
    seed = seed_from(random_state)
    M = _preconditioner(A, rcond, sampling_factor, seed)
    if method == "exact":
        return _cholesky_qr(A, M)
    if n_projections is None or n_projections >= M.rank:
        return _scores(A, M.apply(np.eye(M.rank, dtype=A.dtype)))
    G = normal_hash(np.arange(M.rank), n_projections, seed=seed, dtype=A.real.dtype if A.dtype.kind == "c" else A.dtype)
    return _scores(A, M.apply(G.astype(A.dtype))) / n_projections


@in_float_range
def leverage_sample(A, n_samples, *, scores=None, replace=False, random_state=None) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows by their leverage, with the weights that make up for it.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n, d)
        The matrix.
    n_samples : int
        Rows to draw: exactly, with replacement; on average, without.
    scores : ndarray of shape (n,) or None, default=None
        Leverage scores or an estimate of them, at least 0; None: exact ones.
    replace : bool, default=False
        False: row i is drawn or not, with probability ``min(1, τ ℓ_i)``. True: n_samples draws of one row each.
    random_state : int, Generator, RandomState or None, default=None
        Seed; a row is drawn by the hash of its index.

    Returns
    -------
    indices : ndarray of intp of shape (s,)
        Rows, ascending; with replacement some more than once.
    weights : ndarray of shape (s,)
        ``1/√p_i``, or ``1/√(s p_i)`` with replacement.

    Raises
    ------
    ValueError, TypeError
        If A is empty or has NaN or infinity, scores are negative or all zero, or n_samples is below 1.

    Notes
    -----
    ``weights[:, None] * A[indices]`` is a sketch of A: its Gram matrix is AᵀA on average, and it keeps the whole column
    space with O(d ln d) rows, however few rows matter.

    References
    ----------
    P. Drineas, M. Magdon-Ismail, M. Mahoney, D. Woodruff. Fast approximation of matrix coherence and statistical
    leverage. JMLR, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import leverage_sample
    >>> A = np.r_[np.ones((99, 1)), [[1000.0]]]
    >>> indices, weights = leverage_sample(A, 5, random_state=0)
    >>> bool(99 in indices)
    True
    """
    from sparsela.sketch._samples import inclusion_rate

    A = check_data(A, "A")
    if 0 in A.shape:
        raise ValueError(f"A must not be empty, got shape {A.shape}")
    n_samples = check_count(n_samples, "n_samples")
    if not isinstance(replace, (bool, np.bool_)):
        raise TypeError(f"replace must be a bool, got {type(replace).__name__}")
    scores = leverage_scores(A) if scores is None else check_vector(scores, "scores", size=A.shape[0])
    scores = scores.astype(np.float64)
    if (scores < 0).any():
        raise ValueError(f"scores must not be negative, got {scores.min():.3g}")
    if not scores.any():
        raise ValueError("scores must not be all zero: no row can be drawn")
    seed = seed_from(random_state)
    if replace:
        ladder = np.cumsum(scores)
        u = uniform_hash(np.arange(n_samples), seed=seed)
        indices = np.sort(np.searchsorted(ladder, u * ladder[-1], side="right"))
        return indices, np.sqrt(ladder[-1] / (n_samples * scores[indices]))
    enters = np.flatnonzero(scores)
    tau = inclusion_rate(scores[enters], n_samples)
    p = np.minimum(1, tau * scores[enters]) if np.isfinite(tau) else np.ones(len(enters))
    kept = uniform_hash(enters, seed=seed) <= p
    return enters[kept], 1 / np.sqrt(p[kept])


def _basis(A: np.ndarray, rcond: float | None) -> np.ndarray:
    """An orthonormal basis of the column space."""
    noise = max(A.shape) * np.finfo(A.dtype).eps
    if rcond is None and A.shape[0] >= A.shape[1]:
        Q, R = qr(A, mode="economic", check_finite=False)
        if lapack.get_lapack_funcs("trcon", (R,))(R)[0] > noise:
            return Q
    U, sigma, _ = svd(A, full_matrices=False, check_finite=False)
    return U[:, sigma > (noise if rcond is None else rcond) * sigma[0]]


def _preconditioner(A, rcond, sampling_factor, seed) -> Triangular | Basis:
    C = Pass(as_operator(A))
    d = C.shape[1]
    k = max(math.ceil(sampling_factor * d), 8)
    return factor(sketch_rows(C, None, k, "sparse_embedding", seed, {}), d, rcond)


def _cholesky_qr(A, M: Triangular | Basis) -> np.ndarray:
    """Scores of A exactly: A M is well conditioned, so one Cholesky factorisation makes its columns orthonormal."""
    if M.rank == 0:
        return np.zeros(A.shape[0], A.real.dtype)
    T = M.apply(np.eye(M.rank, dtype=A.dtype))
    G = np.zeros((M.rank, M.rank), A.dtype)
    for block in _blocks(A):
        Q = np.asarray(A[block] @ T)
        G += Q.conj().T @ Q
    R = cholesky(G, check_finite=False)
    return _scores(A, solve_triangular(R, T.conj().T, trans="C", check_finite=False).conj().T)


def _scores(A, T: np.ndarray) -> np.ndarray:
    """Squared norms of the rows of A T, a block of rows at a time."""
    out = np.empty(A.shape[0], T.real.dtype)
    for block in _blocks(A):
        out[block] = _squared_rows(np.asarray(A[block] @ T))
    return out


def _blocks(A):
    step = max(64, BLOCK // A.shape[1])
    return (slice(first, first + step) for first in range(0, A.shape[0], step))


def _squared_rows(Q: np.ndarray) -> np.ndarray:
    parts = (Q.real, Q.imag) if np.iscomplexobj(Q) else (Q,)
    return sum(np.einsum("ij,ij->i", part, part) for part in parts)
