"""Factorizations by two projectors: the core for factors that are given, and when a factor may be exchanged."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.linalg import qr, svd

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator, as_operator
from sparsela._core.validation import check_count, check_matrix
from sparsela.lowrank._results import SVDResult

CUT = 10  # units of rounding, times the longest side: relative cut of a rank


class RankWarning(UserWarning):
    """The oblique projectors see less than the factors hold."""


class MetaFactorization:
    """``A ≈ F G Hᵀ``, with any factors: what :func:`meta_factorization` returns.

    Parameters
    ----------
    F : ndarray of shape (m, p)
        Left factor.
    G : ndarray of shape (p, q)
        Core.
    H : ndarray of shape (n, q)
        Right factor.

    Attributes
    ----------
    F, G, H : ndarray
        As given. The object unpacks into them.
    shape : (int, int)
        Of A.

    References
    ----------
    M. P. Karpowicz. A theory of meta-factorization. arXiv 2111.14385, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> MetaFactorization(np.ones((3, 1)), np.full((1, 1), 2.0), np.ones((2, 1))).reconstruct()
    array([[2., 2.],
           [2., 2.],
           [2., 2.]])
    """

    def __init__(self, F, G, H):
        self.F, self.H = check_matrix(F, "F"), check_matrix(H, "H")
        self.G = check_matrix(G, "G", n_rows=self.F.shape[1], n_columns=self.H.shape[1])

    def __iter__(self):
        return iter((self.F, self.G, self.H))

    def __repr__(self):
        m, n = self.shape
        return f"{type(self).__name__}({m} x {n}, core {self.G.shape[0]} x {self.G.shape[1]})"

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix that the factors stand for."""
        return len(self.F), len(self.H)

    def reconstruct(self):
        """``F G Hᵀ``, dense."""
        return (self.F @ self.G) @ self.H.T

    def matvec(self, x):
        """``F G Hᵀ x``; x of shape (n,) or (n, b)."""
        return self.F @ (self.G @ (self.H.T @ x))

    def rmatvec(self, y):
        """``H Gᵀ Fᵀ y``; y of shape (m,) or (m, b)."""
        return self.H @ (self.G.T @ (self.F.T @ y))

    def to_svd(self, k=None):
        """The singular value decomposition of the product, by two thin QRs.

        Parameters
        ----------
        k : int or None, default=None
            Triplets; None is min(p, q).

        Returns
        -------
        SVDResult
        """
        largest = min(*self.G.shape, *self.shape)
        k = largest if k is None else check_count(k, "k", high=largest)
        Q, R = qr(self.F, mode="economic")
        P, T = qr(self.H, mode="economic")
        U, s, Vt = svd(R @ self.G @ T.T, full_matrices=False)
        return SVDResult(Q @ U[:, :k], s[:k], Vt[:k] @ P.T)


@in_float_range
def meta_factorization(A: Any, F: Any, H: Any, *, B: Any = None, D: Any = None, W: Any = None) -> MetaFactorization:
    """Factorize A by factors that are given: find the core G of ``A ≈ F G Hᵀ``.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (m, n)
        Real; not made dense.
    F : ndarray of shape (m, p)
        Left factor.
    H : ndarray of shape (n, q)
        Right factor.
    B : ndarray of shape (m, r), optional
        Chooses the projector on the range of F, ``F (BᵀF)⁺ Bᵀ``; None is F, the orthogonal one.
    D : ndarray of shape (n, t), optional
        Chooses the one on the range of H, ``D (HᵀD)⁺ Hᵀ``; None is H.
    W : ndarray of shape (p, q), optional
        Any matrix: the part of the core that the product does not see. None is 0.

    Returns
    -------
    MetaFactorization
        Unpacks into ``F, G, H``; has ``reconstruct``, ``matvec``, ``rmatvec``, ``to_svd``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, or has complex entries.
    ValueError
        If shapes do not fit or an entry is not finite.

    Warns
    -----
    RankWarning
        If BᵀF or HᵀD has a lower rank than F or H: the product is then no projection of A on their ranges.

    See Also
    --------
    replacement_criterion : Whether another left factor would do.
    cur, interpolative, generalized_nystrom : Ways to choose factors.

    Notes
    -----
    With ``Yᵀ = (BᵀF)⁺Bᵀ`` and ``X = D (HᵀD)⁺`` the core is ``G = Yᵀ A X + W − YᵀF W HᵀX``, and the product equals A if
    and only if ``F Yᵀ A X Hᵀ = A``. Singular vectors as F, H give the truncated SVD; columns and rows of A, CUR with
    its best core; columns and rows with B, D of the same indices of an identity, the core ``A[I, J]⁺``; F = A D, H = Aᵀ
    B with random B, D, the generalized Nyström approximation. O((m p + n q)(p + q)) and one product with A.

    References
    ----------
    M. P. Karpowicz. A theory of meta-factorization. arXiv 2111.14385, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import meta_factorization
    >>> A = np.outer([1.0, 2, 3], [1.0, 1, 0, 2])
    >>> F, G, H = meta_factorization(A, A[:, [0]], A[[1]].T)
    >>> np.allclose(F @ G @ H.T, A), G.round(6).tolist()
    (True, [[0.5]])
    """
    operator, m, n = _real_operator(A)
    F, H = check_matrix(F, "F", n_rows=m), check_matrix(H, "H", n_rows=n)
    B = F if B is None else check_matrix(B, "B", n_rows=m)
    D = H if D is None else check_matrix(D, "D", n_rows=n)
    Yt, short_left = _projector(F, B)
    Xt, short_right = _projector(H, D)
    if short_left or short_right:
        which = " and ".join(["rank(BᵀF) < rank(F)"] * short_left + ["rank(HᵀD) < rank(H)"] * short_right)
        warnings.warn(f"{which}: the product is no projection of A on the ranges of F and H", RankWarning, stacklevel=2)
    G = Yt @ operator.matmat(np.ascontiguousarray(Xt.T))
    if W is not None:
        W = check_matrix(W, "W", n_rows=F.shape[1], n_columns=H.shape[1])
        G = G + W - (Yt @ F) @ W @ (Xt @ H).T
    return MetaFactorization(F, G, H)


@in_float_range
def replacement_criterion(F_new: Any, F: Any, G: Any) -> float:
    """Whether a left factor may be exchanged for another without a change of the product.

    Parameters
    ----------
    F_new : ndarray of shape (m, p_new)
        The other factor.
    F : ndarray of shape (m, p)
        Left factor of ``A = F G Hᵀ``.
    G : ndarray of shape (p, q)
        Its core.

    Returns
    -------
    float
        ``‖(F − F_new F_new⁺ F) G‖_F``: zero if and only if ``F_new (F_new⁺ F G) Hᵀ = A``, for H of full column rank.

    Raises
    ------
    ValueError
        If shapes do not fit or an entry is not finite.

    See Also
    --------
    meta_factorization : The core for given factors.

    References
    ----------
    M. P. Karpowicz. A theory of meta-factorization. arXiv 2111.14385, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import replacement_criterion
    >>> F = np.eye(3)[:, :2]
    >>> replacement_criterion(F @ [[1.0, 1], [1, -1]], F, np.eye(2)) < 1e-15
    True
    >>> replacement_criterion(F[:, :1], F, np.eye(2))
    1.0
    """
    F = check_matrix(F, "F")
    F_new = check_matrix(F_new, "F_new", n_rows=len(F))
    G = check_matrix(G, "G", n_rows=F.shape[1])
    Q = _range_of(F_new)[0]
    FG = F @ G
    return float(np.linalg.norm(FG - Q @ (Q.T @ FG)))


def _real_operator(A) -> tuple[Operator, int, int]:
    operator = as_operator(A)
    if np.dtype(operator.dtype).kind == "c":
        raise TypeError(f"A must be real, got dtype {operator.dtype}")
    return operator, *operator.shape


def _cut(M):
    return CUT * np.finfo(M.dtype).eps * max(M.shape)


def _range_of(F):
    """Orthonormal basis of the range and its size, by the relative cut."""
    U, s, Vt = svd(F, full_matrices=False)
    rank = int((s > _cut(F) * s[0]).sum())
    return U[:, :rank], s[:rank], Vt[:rank]


def _projector(F, B):
    """``(BᵀF)⁺Bᵀ``, and whether BᵀF has a lower rank than F."""
    if B is F:
        U, s, Vt = _range_of(F)
        return (Vt.T / s) @ U.T, False
    rank = len(_range_of(F)[1])
    U, s, Vt = _range_of(B.T @ F)
    return (Vt.T / s) @ (U.T @ B.T), len(s) < rank
