"""Pixelated butterflies: a sparse matrix on a flat block butterfly pattern plus a matrix of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from sparsela._core.float_range import in_float_range
from sparsela._core.results import Result
from sparsela._core.validation import check_count, check_matrix, check_positive
from sparsela.transforms._alternate import alternate
from sparsela.transforms._architecture import is_power_of_two
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._subspace import truncated_svd


@dataclass(frozen=True, repr=False, eq=False)
class PixelflyResult(Result):
    """A matrix written as a sparse part plus a part of low rank, and how it was reached.

    Attributes
    ----------
    operator : LinearOperator
        ``B + U Vᴴ``, applied part by part; it has ``toarray()`` and ``nnz``, the numbers that it stores.
    sparse : bsr_array or csr_array
        B, on the mask.
    low_rank : FactorizedOperator
        U and Vᴴ.
    n_iter : int
        Alternations done.
    converged : bool
        Whether the objective had settled.
    residual_norm : float
        ``‖A − B − U Vᴴ‖_F``, or ``‖X W − Y‖_F`` of a regression.
    history : dict or None
        "objective" after every alternation; None unless asked for.
    relative_error : float
        ``residual_norm / ‖A‖_F``, or over ``‖Y‖_F``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import pixelfly_fit
    >>> x = np.linspace(0, 1, 64)
    >>> result = pixelfly_fit(np.minimum.outer(x, x) + np.eye(64), block_size=4, n_factors=1, rank=4)
    >>> result.sparse.format, result.low_rank.shape, result.converged
    ('bsr', (64, 64), True)
    """

    operator: LinearOperator
    sparse: sp.sparray
    low_rank: FactorizedOperator
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, np.ndarray] | None = None
    relative_error: float = float("nan")


class SparsePlusLowRank(LinearOperator):
    """B + L for a sparse array B and a factorized L: two products and a sum."""

    def __init__(self, sparse: sp.sparray, low_rank: FactorizedOperator):
        super().__init__(low_rank.dtype, low_rank.shape)
        self._sparse, self._low_rank = FactorizedOperator([sparse.tocsr()]), low_rank

    @property
    def nnz(self) -> int:
        """Stored numbers of both parts."""
        return self._sparse.nnz + self._low_rank.nnz

    def toarray(self) -> np.ndarray:
        """The dense matrix."""
        return self._sparse.toarray() + self._low_rank.toarray()

    def _matmat(self, X):
        return self._sparse @ X + self._low_rank @ X

    def _matvec(self, x):
        return self._matmat(np.asarray(x).reshape(-1, 1))

    def _rmatmat(self, X):
        return self._sparse.H @ X + self._low_rank.H @ X

    def _rmatvec(self, x):
        return self._rmatmat(np.asarray(x).reshape(-1, 1))


def flat_block_butterfly_mask(
    m: int,
    n: int,
    *,
    block_size: int = 32,
    butterfly_size: int | None = None,
    n_factors: int | None = None,
    n_global: int = 0,
) -> sp.bsr_array:
    """The support of a sum of block butterfly factors: blocks on the diagonal and at distances of powers of two.

    Parameters
    ----------
    m, n : int
        Shape of the mask, multiples of the block size.
    block_size : int, default=32
        Side of the square blocks.
    butterfly_size : int or None, default=None
        Order b of the pattern, a power of two; its b × b cells are stretched over the matrix. None: the largest with
        ``b · block_size ≤ min(m, n)``.
    n_factors : int or None, default=None
        Butterfly factors, from 0 (the diagonal) to log₂ b (None).
    n_global : int, default=0
        Block rows at the top and block columns at the left that are filled.

    Returns
    -------
    bsr_array of bool of shape (m, n)

    Raises
    ------
    TypeError
        If an argument is not an int.
    ValueError
        If sizes are not multiples of the block size, b is no power of two or too large, or a number is out of range.

    See Also
    --------
    pixelfly_fit : Fill it, and add a part of low rank.

    Notes
    -----
    A product of butterfly factors ``∏ (I + λ B_i)`` is to first order in λ the sum ``I + λ Σ B_i``: no product of
    sparse matrices, and a support of whole blocks. Cell (p, q) is in it where p = q or ``p xor q`` is a power of two
    below ``2^n_factors``: 1 + n_factors cells a row. Of a stretched pattern every block that a cell touches is kept.

    References
    ----------
    T. Dao, B. Chen et al. Pixelated butterfly: simple and efficient sparse training for neural network models. ICLR,
    2022.

    Examples
    --------
    >>> from sparsela.transforms import flat_block_butterfly_mask
    >>> flat_block_butterfly_mask(8, 8, block_size=1, n_factors=2).toarray().astype(int)
    array([[1, 1, 1, 0, 0, 0, 0, 0],
           [1, 1, 0, 1, 0, 0, 0, 0],
           [1, 0, 1, 1, 0, 0, 0, 0],
           [0, 1, 1, 1, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 0],
           [0, 0, 0, 0, 1, 1, 0, 1],
           [0, 0, 0, 0, 1, 0, 1, 1],
           [0, 0, 0, 0, 0, 1, 1, 1]])
    """
    m, n = check_count(m, "m"), check_count(n, "n")
    block_size = check_count(block_size, "block_size")
    for size, name in ((m, "m"), (n, "n")):
        if size % block_size:
            raise ValueError(f"{name} must be a multiple of block_size={block_size}, got {size}")
    b = _butterfly_size(m, n, block_size) if butterfly_size is None else check_count(butterfly_size, "butterfly_size")
    if not is_power_of_two(b) or b * block_size > min(m, n):
        raise ValueError(
            f"butterfly_size must be a power of two, at most min(m, n) / block_size = {min(m, n) // block_size}, "
            f"got {b}"
        )
    depth = b.bit_length() - 1
    n_factors = depth if n_factors is None else check_count(n_factors, "n_factors", low=0, high=depth)
    m_blocks, n_blocks = m // block_size, n // block_size
    n_global = check_count(n_global, "n_global", low=0, high=min(m_blocks, n_blocks))

    distance = np.arange(b)[:, None] ^ np.arange(b)
    cells = (distance & (distance - 1) == 0) & (distance < 1 << n_factors)  # 0 and the powers of two
    blocks = _touched(m_blocks, b).astype(int) @ cells @ _touched(n_blocks, b).T > 0
    blocks[:n_global], blocks[:, :n_global] = True, True
    present = sp.csr_array(blocks)
    data = np.ones((present.nnz, block_size, block_size), bool)
    return sp.bsr_array((data, present.indices, present.indptr), shape=(m, n))


def _butterfly_size(m: int, n: int, block_size: int) -> int:
    return 1 << (min(m, n) // block_size).bit_length() - 1


def _touched(n_blocks: int, b: int) -> np.ndarray:
    """Which of n_blocks equal parts of an interval meet which of b equal parts, in integers."""
    i, p = np.arange(n_blocks)[:, None], np.arange(b)
    return (i * b < (p + 1) * n_blocks) & ((i + 1) * b > p * n_blocks)


@in_float_range
def pixelfly_fit(
    A: Any,
    *,
    block_size: int = 32,
    n_factors: int | None = None,
    rank: int | None = None,
    density: float | None = None,
    max_iter: int = 200,
    tol: float = 1e-6,
    return_history: bool = False,
    verbose: int = 0,
    callback: Any = None,
) -> PixelflyResult:
    """Approximate a matrix by a sparse part on a flat block butterfly pattern plus a part of low rank.

    Parameters
    ----------
    A : array_like of shape (m, n)
        Real or complex; m and n multiples of the block size.
    block_size : int, default=32
        Side of the blocks of the pattern.
    n_factors : int or None, default=None
        Butterfly factors of the pattern, as in :func:`flat_block_butterfly_mask`. None: with `rank` all; with
        `density` as many as three quarters of the numbers allow.
    rank : int or None, default=None
        Rank of the other part. Give it or `density`.
    density : float or None, default=None
        Stored numbers over m n, in (0, 1). With `n_factors` too, the rank is what the pattern leaves; alone, a quarter
        of the numbers go to the part of low rank (rounded to a multiple of 8 from 8 up).
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

    Raises
    ------
    TypeError
        If A is sparse or not numeric, or an argument of the wrong kind.
    ValueError
        If A has NaN or infinity, its shape is no multiple of the block size, both or none of rank and density are
        given, or they are out of range.

    Warns
    -----
    ConvergenceWarning
        If the objective has not settled after `max_iter` alternations.

    See Also
    --------
    pixelfly_regression : The same family for ``X W ≈ Y``.

    Notes
    -----
    Minimises ``‖A − B − U Vᴴ‖_F²`` over B on the mask and U, V of r columns, in turn: B takes ``A − U Vᴴ`` on the mask,
    U Vᴴ is the truncated SVD of ``A − B`` (subspace iteration from the last V). Momentum is dropped where the objective
    would grow: it never does. The pattern pays where A has a near-diagonal or clustered part, as a kernel matrix of
    ordered points; on a photograph taken as a matrix a plain truncated SVD is better.

    References
    ----------
    T. Dao, B. Chen et al. Pixelated butterfly: simple and efficient sparse training for neural network models. ICLR,
    2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import pixelfly_fit
    >>> x = np.linspace(0, 1, 64)
    >>> A = np.minimum.outer(x, x) + np.eye(64)
    >>> pixelfly_fit(A, block_size=4, n_factors=1, rank=4).relative_error < 0.01
    True
    """
    A = check_matrix(A, "A", allow_complex=True)
    m, n = A.shape
    max_iter, tol = check_count(max_iter, "max_iter"), check_positive(tol, "tol", allow_zero=True)
    if (rank is None) == (density is None):
        raise ValueError(f"give either rank or density, got rank={rank} and density={density}")
    if density is not None:
        mask, rank = _share_out(m, n, check_positive(density, "density"), block_size, n_factors)
    else:
        mask = flat_block_butterfly_mask(m, n, block_size=block_size, n_factors=n_factors)
        rank = check_count(rank, "rank", high=min(m, n))

    blocks = _Blocks(mask)
    R = A.copy()  # A − B: A outside the mask, U Vᴴ on it
    U, V = truncated_svd(R, rank, None)
    length = float(np.linalg.norm(A))

    def step(on_mask: np.ndarray) -> tuple[Any, np.ndarray, float]:
        nonlocal V
        blocks.put(R, on_mask)
        U, V = truncated_svd(R, rank, V)
        return (U, V[:rank]), blocks.product(U, V[:rank]), blocks.outside(A, U, V[:rank])

    (U, V), converged, state = alternate(
        step,
        blocks.product(U, V[:rank]),
        blocks.outside(A, U, V[:rank]),
        name="pixelfly_fit",
        max_iter=max_iter,
        tol=tol,
        floor=(10 * np.finfo(A.dtype).eps * length) ** 2,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    B = blocks.take(A) - blocks.product(U, V)
    sparse, low_rank = blocks.as_bsr(B), FactorizedOperator([U, V], copy=False)
    operator = SparsePlusLowRank(sparse, low_rank)
    residual_norm = float(np.linalg.norm(A - operator.toarray()))
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


def _share_out(m: int, n: int, density: float, block_size: int, n_factors: int | None) -> tuple[sp.bsr_array, int]:
    """The mask and the rank that together have at most density · m n numbers."""
    if density >= 1:
        raise ValueError(f"density must be below 1, got {density}")
    budget = density * m * n
    if n_factors is not None:
        mask = flat_block_butterfly_mask(m, n, block_size=block_size, n_factors=n_factors)
        rank = int((budget - mask.nnz) // (m + n))
    else:
        rank = int(budget / 4 // (m + n))
        rank = 8 * round(rank / 8) if rank >= 8 else rank
        flat_block_butterfly_mask(m, n, block_size=block_size, n_factors=0)  # before the sizes are used
        for depth in range(_butterfly_size(m, n, block_size).bit_length() - 1, -1, -1):
            mask = flat_block_butterfly_mask(m, n, block_size=block_size, n_factors=depth)
            if mask.nnz + rank * (m + n) <= budget:
                break
        else:
            rank = 0
    if rank < 1:
        least = (mask.nnz + m + n) / (m * n)
        raise ValueError(
            f"density must leave room for a pattern of {mask.nnz} numbers and a rank of 1, {least:.3g}, got {density}"
        )
    return mask, min(rank, m, n)


class _Blocks:
    """The blocks of a mask: taken from a matrix, put into one, and of a product of low rank."""

    def __init__(self, mask: sp.bsr_array):
        self.mask, (self.side, _) = mask, mask.blocksize
        self.columns = mask.indices
        self.rows = np.repeat(np.arange(mask.indptr.size - 1), np.diff(mask.indptr))

    def _grid(self, A: np.ndarray) -> np.ndarray:
        m, n = A.shape
        return A.reshape(m // self.side, self.side, n // self.side, self.side)

    def take(self, A: np.ndarray) -> np.ndarray:
        return self._grid(A)[self.rows, :, self.columns]

    def put(self, A: np.ndarray, values: np.ndarray) -> None:
        self._grid(A)[self.rows, :, self.columns] = values

    def product(self, U: np.ndarray, V: np.ndarray) -> np.ndarray:
        """U V on the blocks, (n_blocks, side, side); nothing else is formed."""
        left = U.reshape(-1, self.side, U.shape[1])
        right = np.ascontiguousarray(V.T).reshape(-1, self.side, len(V))
        return np.matmul(left[self.rows], right[self.columns].swapaxes(1, 2))

    def outside(self, A: np.ndarray, U: np.ndarray, V: np.ndarray) -> float:
        """‖A − U V‖² outside the blocks: the objective, since B makes it zero inside."""
        E = U @ V
        np.subtract(A, E, out=E)
        self.put(E, 0)
        return float(np.linalg.norm(E)) ** 2

    def as_bsr(self, values: np.ndarray) -> sp.bsr_array:
        return sp.bsr_array((values, self.mask.indices, self.mask.indptr), shape=self.mask.shape)
