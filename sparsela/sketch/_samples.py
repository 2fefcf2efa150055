"""Coordinated samples of rows: tables that never meet agree, by a hash of the row's id, on which rows to keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.random import seed_from, uniform_hash
from sparsela._core.results import Result
from sparsela._core.validation import check_count, check_indices, check_vector
from sparsela.sketch._inputs import check_data, check_ids
from sparsela.sketch._leverage import leverage_scores

METHODS = ("priority", "threshold")
WEIGHTINGS = ("l2", "uniform", "leverage")


@dataclass(frozen=True, repr=False, eq=False)
class RowSample(Result):
    """Some rows of a table, drawn by a hash of their ids, and what is needed to reweight them.

    Attributes
    ----------
    indices : ndarray of int64 of shape (s,)
        Ids of the rows that were kept, ascending.
    rows : ndarray or csr_array of shape (s, n_features)
        The rows.
    weights : ndarray of shape (s,)
        Their weights w.
    tau : float
        A row is kept with probability ``min(1, w τ)``; infinite if every row of positive weight was.
    seed, method, weighting, size, n_features
        As drawn.
    gram : ndarray of shape (n_features, n_features) or None
        AᵀA of the whole table, for weighting "leverage".
    """

    indices: np.ndarray
    rows: np.ndarray | sp.csr_array
    weights: np.ndarray
    tau: float
    seed: int
    method: str
    weighting: str
    size: int
    n_features: int
    gram: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept: ids, rows, weights and, if it is there, the Gram matrix."""
        rows = self.rows
        stored = rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes if sp.issparse(rows) else rows.nbytes
        return stored + self.indices.nbytes + self.weights.nbytes + (0 if self.gram is None else self.gram.nbytes)

    def merge(self, other: RowSample) -> RowSample:
        """The sample of the rows of both tables, whose ids must differ; this one stays as it is.

        Priority samples of parts give that of the whole. Threshold samples must have equal tau; "leverage" depends on
        the whole table and cannot be merged.
        """
        if not isinstance(other, RowSample):
            raise TypeError(f"other must be a RowSample, got {type(other).__name__}")
        _check_alike(self, other, ("seed", "method", "weighting", "size", "n_features"))
        if self.weighting == "leverage":
            raise ValueError(
                "samples by leverage cannot be merged: the scores depend on all rows; sample them together"
            )
        both = np.intersect1d(self.indices, other.indices)
        if both.size:
            raise ValueError(f"samples must have different row ids to be merged, got {both[0]} in both")
        if self.method == "threshold" and self.tau != other.tau:
            raise ValueError(f"threshold samples must have equal tau to be merged, got {self.tau} and {other.tau}")
        order = np.argsort(np.concatenate([self.indices, other.indices]))
        ids = np.concatenate([self.indices, other.indices])[order]
        weights = np.concatenate([self.weights, other.weights])[order]
        rows = _stack(self.rows, other.rows)[order]
        tau = self.tau
        if self.method == "priority":
            ranks = uniform_hash(ids, seed=self.seed) / weights
            finite = [t for t in (self.tau, other.tau) if np.isfinite(t)]
            tau = _next_rank(np.concatenate([ranks, finite]), self.size)
            keep = ranks < tau
            ids, weights, rows = ids[keep], weights[keep], rows[keep]
        return replace(self, indices=ids, weights=weights, rows=rows, tau=tau)


@in_float_range
def coordinated_sample(A, size, *, method="priority", weighting="l2", random_state=None, row_ids=None) -> RowSample:
    """Sample rows of a table so that samples of other tables, drawn apart with the same seed, keep the same ones.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n, d)
        The table; vectors go as ``A[:, None]``.
    size : int
        Rows to keep: exactly, for "priority"; on average, for "threshold".
    method : {"priority", "threshold"}, default="priority"
        "priority" keeps the rows with the smallest u / w, u the hash of the id; "threshold" those with u ≤ w τ.
    weighting : {"l2", "uniform", "leverage"} or ndarray of shape (n,), default="l2"
        Weights w: squared norms; 1 for rows that are not zero; leverage scores; or as given, at least 0. Rows of weight
        0 are never kept.
    random_state : int, Generator, RandomState or None, default=None
        An int is the seed itself: samples that are to be combined need the same one.
    row_ids : ndarray of int of shape (n,), optional
        Ids of the rows, all different and at least 0: rows of two tables match where ids do. Default: 0, 1, ….

    Returns
    -------
    RowSample
        Frozen: ``indices, rows, weights, tau, seed, …``; ``merge`` joins it to the sample of other rows.

    Raises
    ------
    ValueError, TypeError
        If A has NaN or infinity, ids repeat or are negative, weights are negative, or a parameter is out of range.

    See Also
    --------
    product_from_samples : AᵀB from two samples.
    lstsq_from_samples : Regression from two samples.

    Notes
    -----
    A row that is kept costs its non-zeros, so that s-sparse rows need O(s / ε²) numbers for an error of ε where a
    linear sketch needs O(d / ε²). O(nnz + n) time, by partition. "leverage" also keeps AᵀA.

    References
    ----------
    M. Daliri, J. Freire, D. Li, C. Musco. Matrix product sketching via coordinated sampling. 2025. arXiv 2501.17836.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import coordinated_sample, product_from_samples
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.normal(size=(2, 3000, 4))
    >>> here, there = (coordinated_sample(X, 1000, random_state=7) for X in (A, B + A))
    >>> error = product_from_samples(here, there) - A.T @ (B + A)
    >>> bool(np.linalg.norm(error) < 0.1 * np.linalg.norm(A) * np.linalg.norm(A + B))
    True
    """
    A = check_data(A, "A")
    if A.dtype.kind == "c":
        raise TypeError(f"A must be real, got dtype {A.dtype}")
    size = check_count(size, "size")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if A.shape[1] == 0:
        raise ValueError(f"A must have at least one column, got shape {A.shape}")
    if sp.issparse(A):
        check_indices(A, "A")
        A = A if A.has_canonical_format else _canonical(A)
    ids = np.arange(A.shape[0]) if row_ids is None else check_ids(row_ids, A.shape[0], "row_ids")
    if row_ids is not None and len(np.unique(ids)) < len(ids):
        raise ValueError("row_ids must be all different, got some twice")
    w, name = _weights(A, weighting)
    seed = seed_from(random_state)

    u = uniform_hash(ids, seed=seed)
    enters = np.flatnonzero(w > 0)
    if method == "priority":
        ranks = u[enters] / w[enters]
        tau = _next_rank(ranks, size)
        kept = enters[ranks < tau]
    else:
        tau = inclusion_rate(w[enters], size)
        kept = enters if tau == np.inf else enters[u[enters] <= tau * w[enters]]
    kept = kept[np.argsort(ids[kept])]
    gram = None
    if name == "leverage":
        gram = (A.T @ A).toarray() if sp.issparse(A) else A.T @ A
    return RowSample(ids[kept], A[kept], w[kept], float(tau), seed, method, name, size, A.shape[1], gram)


@in_float_range
def product_from_samples(SA, SB) -> np.ndarray:
    """Estimate ``AᵀB`` from coordinated samples of A and of B.

    Parameters
    ----------
    SA, SB : RowSample
        Drawn with the same seed and method, from tables of d and m columns.

    Returns
    -------
    ndarray of shape (d, m)

    Raises
    ------
    ValueError, TypeError
        If they are no samples, or of different seeds or methods.

    Notes
    -----
    ``W = Σ A_iᵀ B_i / min(1, w_iᴬ τᴬ, w_iᴮ τᴮ)`` over the ids in both; unbiased, and for weights "l2"
    ``E‖W − AᵀB‖_F² ≤ 2 ‖A‖_F² ‖B‖_F² / (size − 1)``. A merge of sorted ids and one product.

    References
    ----------
    M. Daliri, J. Freire, D. Li, C. Musco. Matrix product sketching via coordinated sampling. 2025. arXiv 2501.17836.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import coordinated_sample, product_from_samples
    >>> X = np.eye(6)[:, :2]
    >>> S = coordinated_sample(X, 6, random_state=0)  # all of it
    >>> product_from_samples(S, S)
    array([[1., 0.],
           [0., 1.]])
    """
    for S, name in ((SA, "SA"), (SB, "SB")):
        if not isinstance(S, RowSample):
            raise TypeError(f"{name} must be a RowSample, got {type(S).__name__}")
    _check_alike(SA, SB, ("seed", "method"))
    _, a, b = np.intersect1d(SA.indices, SB.indices, assume_unique=True, return_indices=True)
    with np.errstate(over="ignore"):
        p = np.minimum(1, np.minimum(SA.weights[a] * SA.tau, SB.weights[b] * SB.tau))
    left, right = SA.rows[a], SB.rows[b]
    dtype = np.result_type(left.dtype, right.dtype)
    if sp.issparse(left):
        W = left.multiply((1 / p)[:, None]).tocsr().T @ right
    else:
        W = (left / p[:, None]).T @ right
    return np.asarray(W.toarray() if sp.issparse(W) else W, dtype)


@in_float_range
def lstsq_from_samples(SA, Sb) -> np.ndarray:
    """Estimate the least-squares solution ``min ‖A x − b‖`` of tables that are apart, from coordinated samples.

    Parameters
    ----------
    SA : RowSample
        Of A (n, d), with weighting "leverage".
    Sb : RowSample
        Of b as a table of one column, or of several right-hand sides (n, t).

    Returns
    -------
    ndarray of shape (d,), or (d, t) for several columns

    Raises
    ------
    ValueError, TypeError
        If they are no samples, of different seeds or methods, or SA is not by leverage.

    Notes
    -----
    ``x̂ = G⁻¹ W``: G = AᵀA is exact, as it is local to A, and W is the estimate of Aᵀb. With weights "l2" for b,
    ``E‖A (x̂ − x*)‖² ≤ 2 d ‖b‖² / (size − 1)``. If A is of less than full rank, the solution of least norm.

    References
    ----------
    M. Daliri, J. Freire, D. Li, C. Musco. Matrix product sketching via coordinated sampling. 2025. arXiv 2501.17836.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import coordinated_sample, lstsq_from_samples
    >>> A = np.random.default_rng(0).normal(size=(2000, 3))
    >>> here = coordinated_sample(A, 1500, weighting="leverage", random_state=0)
    >>> there = coordinated_sample((A @ [1.0, 2.0, 3.0])[:, None], 1500, random_state=0)
    >>> bool(np.abs(lstsq_from_samples(here, there) - [1, 2, 3]).max() < 0.2)
    True
    """
    W = product_from_samples(SA, Sb)
    if SA.gram is None:
        raise ValueError(f"SA must be sampled with weighting='leverage', got {SA.weighting!r}")
    x = np.linalg.pinv(SA.gram, hermitian=True) @ W
    return x[:, 0] if Sb.n_features == 1 else x


def inclusion_rate(w: np.ndarray, size: int) -> float:
    """τ with ``Σ min(1, τ w) = size`` for positive w; infinite if there are no more than size of them."""
    if len(w) <= size:
        return np.inf
    largest = np.sort(w[np.argpartition(w, len(w) - size)[-size:]])[::-1]  # no more than size can be sure
    others = np.partition(w, len(w) - size)[: len(w) - size]
    rest = others.sum() + np.cumsum(largest[::-1])[::-1]  # suffix sums of the weights, descending
    j = int(np.argmax((size - np.arange(size)) * largest <= rest))
    tail = np.partition(w, len(w) - j - 1)[: len(w) - j]
    return (size - j) / tail.sum()  # summed anew: differences of large sums lose digits


def _weights(A, weighting: Any) -> tuple[np.ndarray, str]:
    if not isinstance(weighting, str):
        w = check_vector(weighting, "weighting", size=A.shape[0]).astype(np.float64)
        if (w < 0).any():
            raise ValueError(f"weighting must not be negative, got {w.min():.3g}")
        return w, "array"
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting must be one of {WEIGHTINGS} or an array, got {weighting!r}")
    if A.shape[0] == 0:
        return np.zeros(0), weighting
    if weighting == "leverage":
        return leverage_scores(A).astype(np.float64), weighting
    w = squared_norms(A)
    return (w if weighting == "l2" else (w > 0).astype(np.float64)), weighting


def squared_norms(A) -> np.ndarray:
    """Of the rows, in double precision."""
    if sp.issparse(A):
        row = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
        return np.bincount(row, A.data.astype(np.float64) ** 2, A.shape[0])
    return np.einsum("ij,ij->i", A, A, dtype=np.float64)


def _next_rank(ranks: np.ndarray, size: int) -> float:
    """The (size + 1)-th smallest; infinite if there is none."""
    return float(np.partition(ranks, size)[size]) if len(ranks) > size else np.inf


def _check_alike(one: RowSample, other: RowSample, names: tuple[str, ...]) -> None:
    for name in names:
        mine, yours = getattr(one, name), getattr(other, name)
        if mine != yours:
            raise ValueError(f"samples must have equal {name}, got {mine!r} and {yours!r}")


def _stack(top, end):
    if sp.issparse(top) or sp.issparse(end):
        return sp.vstack([sp.csr_array(top), sp.csr_array(end)], format="csr")
    return np.concatenate([top, end])


def _canonical(A):
    A = A.copy()
    A.sum_duplicates()
    return A
