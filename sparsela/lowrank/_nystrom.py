"""The generalized Nyström approximation: two sketches of a matrix in one pass, and nothing more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import svd

from sparsela._core.random import seed_from
from sparsela._core.validation import check_count, check_indices, check_matrix, check_positive
from sparsela.lowrank._projectors import MetaFactorization
from sparsela.sketch import SketchOperator

KINDS = ("sparse_embedding", "gaussian", "srht")
N_NONZEROS = 4  # of a row of a sparse sketch
CUT = 5.0  # units of rounding: singular values of the core below it are not inverted


class NystromApproximation(MetaFactorization):
    """``A ≈ (A X) (Yᵀ A X)⁺ (Yᵀ A)``, kept as its sketches: what :func:`generalized_nystrom` returns.

    Parameters
    ----------
    right, left : SketchOperator
        Xᵀ of shape (rank, n) and Yᵀ of shape (width, m).
    AX : ndarray of shape (m, rank)
        Sketch of the rows.
    YtA : ndarray of shape (width, n)
        Sketch of the columns.
    rcond : float
        Relative cut of the singular values of the core.

    Attributes
    ----------
    F, G, H : ndarray
        ``A X V Σ⁻¹``, the identity and ``Aᵀ Y U``, for the singular value decomposition ``U Σ Vᵀ`` of the core, cut.
    rcond : float
        As given.

    References
    ----------
    Y. Nakatsukasa. Fast and stable randomized low-rank matrix approximation. arXiv 2009.11392, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import generalized_nystrom
    >>> A = np.outer(np.arange(50.0), np.ones(40))
    >>> twice = generalized_nystrom(A, 5, random_state=0).add(A)
    >>> np.allclose(twice.reconstruct(), 2 * A)
    True
    """

    def __init__(self, right, left, AX, YtA, rcond):
        self.rcond = rcond
        self._right, self._left = right, left
        self._AX, self._YtA = AX, YtA
        U, s, Vt = svd(np.asarray(right.apply(YtA)), full_matrices=False)
        kept = s > rcond * s[0]
        F = (AX @ Vt[kept].T) / s[kept]  # the pseudo-inverse written out would lose as many digits as it spans
        # without the checks of factors that are given: those of a zero matrix have no columns
        self.F, self.G, self.H = F, np.eye(F.shape[1], dtype=F.dtype), YtA.T @ U[:, kept]

    def add(self, A: Any) -> NystromApproximation:
        """The approximation of the sum of what was sketched and A: sketches of a sum are sums.

        Parameters
        ----------
        A : {ndarray, sparse array} of shape (m, n)
            What is added.

        Returns
        -------
        NystromApproximation
            A new one.
        """
        AX, YtA = _sketches(check_data(A, self.shape), self._right, self._left)
        return NystromApproximation(self._right, self._left, self._AX + AX, self._YtA + YtA, self.rcond)

    def add_rows(self, block: Any, start: int) -> NystromApproximation:
        """:meth:`add` of rows that begin at `start`, the others being zero.

        Parameters
        ----------
        block : {ndarray, sparse array} of shape (n_rows, n)
            The rows.
        start : int
            Where the first of them goes.

        Returns
        -------
        NystromApproximation
            A new one.
        """
        m, n = self.shape
        block = check_data(block, (None, n))
        start = check_count(start, "start", low=0, high=m - block.shape[0])
        rows = slice(start, start + block.shape[0])
        AX = self._AX.copy()
        AX[rows] += dense(self._right.apply(block))
        part = self._left.columns(rows.start, rows.stop)
        return NystromApproximation(self._right, self._left, AX, self._YtA + dense(dense(part) @ block), self.rcond)


def generalized_nystrom(
    A: Any,
    rank: int,
    *,
    oversample: float = 0.5,
    kind: str = "sparse_embedding",
    rcond: float | str = "auto",
    random_state=None,
) -> NystromApproximation:
    """Approximate A by one of low rank from one pass over it.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (m, n)
        Real; float32 stays.
    rank : int
        Rank r of the answer.
    oversample : float, default=0.5
        The left sketch has ``(1 + oversample) r`` rows, at most m.
    kind : {"sparse_embedding", "gaussian", "srht"}, default="sparse_embedding"
        Distribution of both sketches. A sparse one has four non-zeros a column.
    rcond : float or "auto", default="auto"
        Singular values of the core below this part of the largest are not inverted; "auto" is five units of rounding.
    random_state : None, int, RandomState or Generator, default=None
        Seed of the sketches.

    Returns
    -------
    NystromApproximation
        ``F, G, H`` with ``A ≈ F G Hᵀ``; ``to_svd()``, ``reconstruct()``, ``matvec``, ``rmatvec``, and ``add``,
        ``add_rows`` for what comes later.

    Raises
    ------
    TypeError
        If A is no array or sparse array, or has complex entries.
    ValueError
        If an entry is not finite, rank is above min(m, n), or a parameter is out of range.

    See Also
    --------
    randomized_svd : To a stated accuracy, by more passes.
    meta_factorization : The family that this is of.

    Notes
    -----
    ``A_r = (A X)(Yᵀ A X)⁺(Yᵀ A)``. No orthogonalization of tall matrices. The error is within a moderate factor of that
    of the best rank a little below r; singular values that decay slowly make it large: then more passes pay.
    Two sketches, O(nnz(A)) with sparse ones, and O(r³).

    References
    ----------
    Y. Nakatsukasa. Fast and stable randomized low-rank matrix approximation. arXiv 2009.11392, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import generalized_nystrom
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(300, 8)) @ rng.normal(size=(8, 200))
    >>> approximation = generalized_nystrom(A, 10, random_state=0)
    >>> np.allclose(approximation.reconstruct(), A)
    True
    """
    A = check_data(A)
    m, n = A.shape
    r = check_count(rank, "rank", high=min(m, n))
    oversample = check_positive(oversample, "oversample", allow_zero=True)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    rcond = CUT * float(np.finfo(A.dtype).eps) if rcond == "auto" else check_positive(rcond, "rcond", allow_zero=True)
    width = min(m, math.ceil((1 + oversample) * r))
    seed = seed_from(random_state)
    more = {"n_nonzeros": min(N_NONZEROS, r)} if kind == "sparse_embedding" else {}
    right = SketchOperator(kind, r, n, random_state=seed, dtype=A.dtype, **more)
    left = SketchOperator(kind, width, m, random_state=(seed + 1) % 2**31, dtype=A.dtype, **more)
    return NystromApproximation(right, left, *_sketches(A, right, left), rcond)


def _sketches(A, right, left):
    return dense(right.apply(A)), dense(left.apply(A, axis=0))


def dense(S):
    """A matrix written out."""
    return S.toarray() if sp.issparse(S) else np.asarray(S)


def check_data(A, shape=(None, None)):
    """A real A as an ndarray or a csr_array of float32 or float64, its entries looked at."""
    if sp.issparse(A):
        check_indices(A, "A")
        A = sp.csr_array(A)
        check_matrix(A.data[:, None] if A.nnz else np.zeros((1, 1)), "A")
        for size, wanted in zip(A.shape, shape, strict=True):
            if wanted not in (None, size):
                raise ValueError(f"A must have shape {shape}, got {A.shape}")
        return A if A.dtype in (np.float32, np.float64) else A.astype(np.float64)
    return check_matrix(A, "A", n_rows=shape[0], n_columns=shape[1])
