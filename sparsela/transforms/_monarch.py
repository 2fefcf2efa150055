"""Monarch matrices: two block-diagonal factors with a transposition between them, and the nearest one to a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_count, check_matrix
from sparsela.transforms import _pairs
from sparsela.transforms._factors import KroneckerSparse
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._slices import best_rank

WIDE = 8  # columns from which BLAS on the blocks beats the kernel of a chain


class MonarchOperator(FactorizedOperator):
    """A Monarch matrix: blocks of columns mixed, a transposition, blocks of rows mixed.

    Parameters
    ----------
    left : array_like of shape (q, l, k·r)
        Blocks of the factor that is applied last, over (k, r).
    right : array_like of shape (k, q·r, p)
        Blocks of the factor that is applied first, over (q, r).

    Attributes
    ----------
    left, right : ndarray
        The blocks.
    rank : int
        r.
    n_blocks : (int, int)
        (k, q).
    shape : (int, int)
        ``(l q, k p)``. All else is as in :class:`FactorizedOperator`; transposes and slices are plain ones.

    Raises
    ------
    TypeError
        If the blocks are no numbers.
    ValueError
        If the blocks are not three-dimensional, do not fit, or are not finite.

    See Also
    --------
    monarch_project : The nearest Monarch matrix.

    Notes
    -----
    Entry ((i, j), (h, c)), row i q + j and column h p + c, is ``Σ_r left[j, i, (h, r)] · right[h, (j, r), c]``. It is
    a product of two `KroneckerSparse` factors, ``(1, l, k r, q)`` and ``(k, r q, p, 1)``: the index maps between the
    blocks are reshapes. ``2 r k q (l + p) B`` operations for B columns, in two batches of matrix products.

    References
    ----------
    T. Dao et al. Monarch: expressive structured matrices for efficient and accurate training. ICML, 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import MonarchOperator
    >>> M = MonarchOperator(np.ones((2, 3, 4)), np.ones((4, 2, 5)))
    >>> M.shape, M.rank, M.nnz
    ((6, 20), 1, 64)
    >>> bool((M.toarray() == 1).all())
    True
    """

    def __init__(self, left: Any, right: Any):
        left, right = np.asarray(left), np.asarray(right)
        if left.ndim != 3 or right.ndim != 3 or not left.size or not right.size:
            raise ValueError(
                f"left and right must have shapes (q, l, k·r) and (k, q·r, p), got {left.shape} and {right.shape}"
            )
        (q, l, kr), (k, qr, p) = left.shape, right.shape
        r = kr // k
        if kr != k * r or qr != q * r or r < 1:
            raise ValueError(
                f"left and right must have shapes (q, l, k·r) and (k, q·r, p) with one r, got {left.shape} and "
                f"{right.shape}: k = {k} and q = {q} ask for {kr}/{k} and {qr}/{q}"
            )
        inner_first = right.reshape(k, q, r, p).swapaxes(1, 2).reshape(k, 1, r * q, p)
        factors = [KroneckerSparse(left[None], 1, l, kr, q), KroneckerSparse(inner_first, k, r * q, p, 1)]
        super().__init__(factors, copy=False)
        self.n_blocks, self.rank = (k, q), r

    @classmethod
    def _make(cls, parts, scale, conjugated: bool = False) -> FactorizedOperator:
        return FactorizedOperator._make(parts, scale, conjugated)  # a transpose or a slice of it is none any more

    def _matmat(self, X):
        X = np.asarray(X)
        if X.shape[1] < WIDE:
            return super()._matmat(X)
        if np.iscomplexobj(X) and self.dtype.kind != "c":  # as pairs of real columns
            pairs = np.ascontiguousarray(X, np.result_type(self.dtype, np.complex64))
            return self._matmat(pairs.view(self.dtype)).view(pairs.dtype)
        L, R = (factor.values for factor in self.factors)
        (k, q), (_, _, l, kr), n_columns = self.n_blocks, L.shape, X.shape[1]
        X = np.ascontiguousarray(X, self.dtype).reshape(k, -1, n_columns)
        between = np.matmul(R[:, 0], X).reshape(kr, q, n_columns).swapaxes(0, 1)
        out = np.empty((l, q, n_columns), self.dtype)
        np.matmul(L[0], between, out=out.swapaxes(0, 1))
        return out.reshape(-1, n_columns)

    @classmethod
    def _restore(cls, arrays: dict[str, np.ndarray]) -> MonarchOperator:
        plain = FactorizedOperator._restore(arrays)
        patterns = [getattr(factor, "pattern", None) for factor in plain.factors]
        if len(patterns) == 2 and all(patterns):
            (a, _, kr, q), (k, rq, _, d) = patterns
            if a == d == 1 and kr * q == rq * k and rq % q == 0:
                operator = cls.__new__(cls)._fill(plain._parts, plain.scale, False)
                operator.n_blocks, operator.rank = (k, q), rq // q
                return operator
        raise ValueError(f"the stored operator must be a Monarch matrix, got factors {patterns}")

    @property
    def left(self) -> np.ndarray:  # type: ignore[override]
        return self.factors[0].values[0]

    @property
    def right(self) -> np.ndarray:  # type: ignore[override]
        (k, q), r = self.n_blocks, self.rank
        values = self.factors[1].values
        return values.reshape(k, r, q, -1).swapaxes(1, 2).reshape(k, q * r, -1)


@in_float_range
def monarch_project(A: Any, *, n_blocks: tuple[int, int] | None = None, rank: int = 1) -> MonarchOperator:
    """The Monarch matrix nearest to A in Frobenius norm: a global optimum.

    Parameters
    ----------
    A : array_like of shape (m, n)
        Real or complex.
    n_blocks : (k, q) or None, default=None
        Blocks of columns k, a divisor of n, and of rows within which neighbours are q apart, q a divisor of m. None:
        the divisors nearest to the square roots.
    rank : int, default=1
        Rank r of the slices; at most ``min(m / q, n / k)``.

    Returns
    -------
    MonarchOperator
        Of ``r k q (m / q + n / k)`` numbers: ``2 r n √n`` for a square of side n.

    Raises
    ------
    TypeError
        If A is sparse or not numeric, or n_blocks is no pair of ints.
    ValueError
        If A has NaN or infinity, n_blocks do not divide its shape, m or n is prime and n_blocks is None, or the rank
        is out of range.

    See Also
    --------
    butterfly_factorization : More and sparser factors.

    Notes
    -----
    Seen as ``T[l, q, k, p]``, A is partitioned into the k q slices ``T[:, j, h, :]``, each of which a Monarch matrix
    makes of rank r. The best is the truncated SVD of every slice: error² is the sum of the squared singular values
    that are left out. O(m n min(m / q, n / k)), less where slices are nearly of rank one.

    References
    ----------
    T. Dao et al. Monarch: expressive structured matrices for efficient and accurate training. ICML, 2022.

    Examples
    --------
    The Fourier matrix with its columns in transposed order is one:

    >>> import numpy as np
    >>> from sparsela.transforms import monarch_project
    >>> F = np.fft.fft(np.eye(12))[:, np.arange(12).reshape(4, 3).T.ravel()]
    >>> M = monarch_project(F, n_blocks=(3, 4))
    >>> bool(np.abs(M.toarray() - F).max() < 1e-12)
    True
    >>> M.nnz
    84
    """
    A = check_matrix(A, "A", allow_complex=True)
    m, n = A.shape
    if n_blocks is None:
        k, q = _middle_divisor(n, "columns"), _middle_divisor(m, "rows")
    else:
        if not isinstance(n_blocks, (tuple, list)) or len(n_blocks) != 2:
            raise TypeError(f"n_blocks must be a pair (k, q) of ints, got {n_blocks!r}")
        k, q = (check_count(number, "n_blocks") for number in n_blocks)
        if n % k or m % q:
            raise ValueError(f"n_blocks must divide (n, m) = ({n}, {m}), got ({k}, {q})")
    l, p = m // q, n // k
    rank = check_count(rank, "rank", high=min(l, p))
    left, right = (1, l, k * rank, q), (k, rank * q, p, 1)
    U, V = best_rank(_pairs.as_slices(A, left, right), rank)
    root = np.sqrt(np.linalg.norm(V, axis=-1, keepdims=True))  # √σ to each side
    V = np.divide(V, root, out=np.zeros_like(V), where=root > 0)
    U = U * root.swapaxes(-1, -2)
    # U [1, 1, q, k, l, r], V [1, 1, q, k, r, p]
    return MonarchOperator(
        U[0, 0].transpose(0, 2, 1, 3).reshape(q, l, k * rank), V[0, 0].swapaxes(0, 1).reshape(k, q * rank, p)
    )


def _middle_divisor(n: int, what: str) -> int:
    divisors = [d for d in range(2, n) if n % d == 0]
    if not divisors:
        raise ValueError(
            f"A must have a composite number of {what} to be cut in blocks, got {n}: "
            f"append a zero one, to {n + 1}, or give n_blocks"
        )
    return min(divisors, key=lambda d: abs(d - np.sqrt(n)))
