"""Butterfly factorization: the factors of a matrix on a chain of Kronecker-sparse supports, with a guaranteed error."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_matrix
from sparsela.transforms._architecture import (
    Pattern,
    butterfly_architecture,
    check_architecture,
    digit_reversal,
    is_power_of_two,
)
from sparsela.transforms._factors import KroneckerSparse, Permutation
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._pairs import embed, multiply_out
from sparsela.transforms._permutation_search import search_permutations
from sparsela.transforms._result import FactorizationResult
from sparsela.transforms._split import split

CONVERGED = {8: 1e-8, 4: 1e-4}  # relative error of an exact factorization, by bytes of a real number


@in_float_range
def butterfly_factorization(
    A: Any,
    *,
    architecture: list[Pattern] | None = None,
    n_factors: int | None = None,
    rank: int = 1,
    permutation: Any = None,
    tree: str = "balanced",
    orthonormalize: bool = True,
    random_state: Any = None,
) -> FactorizationResult:
    """Factor a matrix into sparse butterfly factors, as the FFT factors the Fourier matrix, with a guaranteed error.

    Parameters
    ----------
    A : array_like of shape (m, n)
        Real or complex; m, n ≥ 2.
    architecture : list of (a, b, c, d), or None
        Supports ``I_a ⊗ 1_{b×c} ⊗ I_d`` of the factors, left first; None: :func:`butterfly_architecture` of the shape.
        Pairs that restrict nothing are merged.
    n_factors : int or None, default=None
        How many factors, neighbours grouped; None: as many as there are.
    rank : int, default=1
        Rank of the blocks. The higher, the closer and the less sparse: for a matrix that is no butterfly.
    permutation : {None, "bitrev", "default8", "auto"} or array_like of int of shape (n,), default=None
        Order of the columns in which A is a butterfly. "bitrev": bit reversal (digit reversal for orders that are no
        power of two), the one of the DFT. "default8": the best of the eight products of even–odd, reversed first half
        and reversed second half, at all levels. An array p: ``A[:, p]`` is factored. "auto": find the orders of rows
        and columns from A itself (square, order 2ᴶ).
    tree : {"balanced", "left-to-right"}, default="balanced"
        Where to split: in the middle, fewest operations, or one factor off at a time.
    orthonormalize : bool, default=True
        Keep the finished factors orthonormal, which the bound on the error needs.
    random_state : int, Generator, RandomState or None, default=None
        Not drawn from: there is nothing random in this method. For the same call as the other factorizations.

    Returns
    -------
    FactorizationResult
        ``operator`` a :class:`FactorizedOperator` of `KroneckerSparse` factors, with a `Permutation` last where there
        is one; with "auto" the permutations are absorbed in the first and the last factor, which are then CSR.
        ``converged`` says that A is such a product: relative error ≤ 1e-8 (1e-4 in single precision).

    Raises
    ------
    TypeError
        If A is sparse or not numeric, or an argument is of the wrong kind.
    ValueError
        If A has NaN or infinity, its shape does not fit the architecture, patterns do not chain, a permutation is
        none, or the order is no power of two where it must be.

    See Also
    --------
    monarch_project : Two factors, exact optimum.
    hierarchical_factorization : No fixed supports; for other structures, without a guarantee.

    Notes
    -----
    A product of two neighbours with overlap r is a matrix whose slices, taken from it by reshaping alone, have rank at
    most r; the best approximation by one is the truncated SVD of every slice. The recursion splits in that way until
    single factors are left. With ``ε_k`` the error of the best two-factor approximation at split k,

    .. math:: \\max_k ε_k \\le ‖A − S_1 ⋯ S_J‖_F \\le (J − 1) \\max_k ε_k

    and no butterfly is nearer than the left side. O(m n) for an exact dyadic butterfly.

    "auto" finds an exactly permuted butterfly (with rows and columns scaled at will) exactly: rows are paired where
    they have rank one on two halves of the columns, the halves being the two clusters of the ratios of their entries.
    O(n² log n) and one n × n product; small noise is tolerated.

    References
    ----------
    Q.-T. Le, L. Zheng, E. Riccietti, R. Gribonval. Butterfly factorization with error guarantees. 2024.

    L. Zheng, G. Puy, E. Riccietti, P. Pérez, R. Gribonval. Butterfly factorization by algorithmic identification of
    rank-one blocks. 2023.

    T. Dao, A. Gu, M. Eichhorn, A. Rudra, C. Ré. Learning fast algorithms for linear transforms using butterfly
    factorizations. ICML, 2019.

    Examples
    --------
    The Fourier matrix, and the same with its rows and columns shuffled:

    >>> import numpy as np
    >>> from sparsela.transforms import butterfly_factorization
    >>> F = np.fft.fft(np.eye(64))
    >>> result = butterfly_factorization(F, permutation="bitrev")
    >>> result.converged, result.operator.nnz == 2 * 64 * 6
    (True, True)
    >>> rng = np.random.default_rng(0)
    >>> shuffled = F[rng.permutation(64)][:, rng.permutation(64)]
    >>> butterfly_factorization(shuffled, permutation="auto").converged
    True
    """
    if tree not in ("balanced", "left-to-right"):
        raise ValueError(f"tree must be 'balanced' or 'left-to-right', got {tree!r}")
    A = check_matrix(A, "A", allow_complex=True)
    if architecture is not None:
        if n_factors is not None or rank != 1:
            raise ValueError("architecture must come without n_factors and rank: it says both")
        chain = check_architecture(architecture, A.shape)
    else:
        chain = butterfly_architecture(*A.shape, n_factors=n_factors, rank=rank)
    auto = isinstance(permutation, str) and permutation == "auto"
    if auto and (architecture is not None or n_factors is not None or rank != 1):
        raise ValueError("permutation='auto' must come without architecture, n_factors and rank: it is dyadic")
    orders = [None] if auto else _column_orders(permutation, chain, A.shape[1])
    if auto:
        _check_power_of_two(A.shape, "auto")

    scale = _safe_scale(A)
    scaled = A / A.dtype.type(scale) if scale != 1 else A
    if auto:
        factors, residual = _unshuffle(scaled, chain, tree, orthonormalize)
    else:
        tries = (_in_column_order(scaled, p, chain, tree, orthonormalize) for p in orders)
        factors, residual = min(tries, key=lambda found: found[1])
    operator = FactorizedOperator(factors, scale=scale, copy=False)
    length = float(np.linalg.norm(scaled))
    relative_error = residual / length if length > 0 else 0.0
    return FactorizationResult(
        operator=operator,
        support=_supports(factors),
        n_iter=len(chain) - 1,
        converged=relative_error <= CONVERGED[A.real.dtype.itemsize],
        residual_norm=residual * scale,
        relative_error=relative_error,
    )


def _in_column_order(A, order, chain, tree, orthonormalize):
    """Factors of A[:, order] with the permutation after them, and the error."""
    values, error = _split_and_compare(A if order is None else A[:, order], chain, tree, orthonormalize)
    factors = [KroneckerSparse(v, *pattern) for v, pattern in zip(values, chain, strict=True)]
    return factors + ([] if order is None else [Permutation(order)]), error


def _unshuffle(A, chain, tree, orthonormalize):
    """Factors of a butterfly with unknown orders of rows and columns, the orders absorbed; and the error."""
    found = search_permutations(A)
    if found.consistent:
        rows, columns = found.rows, found.columns
        values, error = _split_and_compare(A[rows][:, columns], chain, tree, orthonormalize)
        factors = [KroneckerSparse(v, *pattern) for v, pattern in zip(values, chain, strict=True)]
        factors[0] = factors[0].tocsr()[np.argsort(rows)]
    else:  # every factor has an order of its own: no common order fits
        columns = found.columns
        factors = [
            KroneckerSparse(v, *pattern).tocsr()[np.argsort(_row_order(order))]
            for v, pattern, order in zip(found.values, chain, found.orders, strict=True)
        ]
        product = FactorizedOperator(factors).toarray()
        error = float(np.linalg.norm(product - A[:, columns]))
    last = factors[-1] if sp.issparse(factors[-1]) else factors[-1].tocsr()
    factors[-1] = last[:, np.argsort(columns)]
    return factors, error


def _row_order(order: np.ndarray) -> np.ndarray:
    """Orders within blocks as one permutation: row i of the butterfly factor is this row of the product."""
    n_blocks, size = order.shape
    return (np.arange(n_blocks)[:, None] * size + order).ravel()


def _split_and_compare(A, chain, tree, orthonormalize):
    values = split(A, chain, tree, orthonormalize)
    pattern, product = multiply_out(chain, values)
    return values, float(np.linalg.norm(embed(product, pattern) - A))


def _supports(factors) -> tuple[sp.csr_array, ...]:
    """Where the factors may be non-zero: the whole pattern, whatever the values."""
    patterns = []
    for factor in factors:
        csr = factor if sp.issparse(factor) else factor.tocsr()
        patterns.append(sp.csr_array((np.ones(csr.nnz, bool), csr.indices, csr.indptr), shape=csr.shape))
    return tuple(patterns)


def _column_orders(permutation: Any, chain: list[Pattern], n: int) -> list[np.ndarray | None]:
    """The orders of the columns to try."""
    if permutation is None:
        return [None]
    if isinstance(permutation, str):
        if permutation == "bitrev":
            return [digit_reversal(chain, n)]
        if permutation == "default8":
            _check_power_of_two((n, n), "default8")
            return _eight_orders(n)
        raise ValueError(
            f"permutation must be None, 'bitrev', 'default8', 'auto' or an array of ints, got {permutation!r}"
        )
    order = np.asarray(permutation)
    if order.dtype.kind not in "iu":
        raise TypeError(f"permutation must be an array of ints, got an array of {order.dtype}")
    if order.shape != (n,) or not np.array_equal(np.sort(order), np.arange(n)):
        raise ValueError(f"permutation must hold each of 0 … {n - 1} once, got an array of shape {order.shape}")
    return [order.astype(np.intp)]


def _eight_orders(n: int) -> list[np.ndarray]:
    """Even–odd, reversed first half, reversed second half: each used or not, the same at all levels."""
    orders = []
    for even_odd, first, second in itertools.product((False, True), repeat=3):
        order, size = np.arange(n), n
        while size > 2:
            level = order.reshape(-1, size)
            if even_odd:
                level = np.concatenate([level[:, ::2], level[:, 1::2]], axis=1)
            halves = level.reshape(-1, 2, size // 2).copy()
            if first:
                halves[:, 0] = halves[:, 0, ::-1]
            if second:
                halves[:, 1] = halves[:, 1, ::-1]
            order, size = halves.ravel(), size // 2
        orders.append(order)
    return orders


def _check_power_of_two(shape: tuple[int, int], name: str) -> None:
    m, n = shape
    if m != n or not is_power_of_two(n):
        low, high = 1 << (max(m, n).bit_length() - 1), 1 << (max(m, n) - 1).bit_length()
        near = f"{low}" if low == high else f"{low} or {high}"
        raise ValueError(
            f"permutation={name!r} must come with a square matrix of order 2^J, got {m} × {n}; "
            f"the nearest order is {near}"
        )


def _safe_scale(A: np.ndarray) -> float:
    """1, or the power of two by which entries are divided whose squares might leave the range of their dtype."""
    largest = float(np.abs(A).max())
    exponent = np.round(np.log2(largest)) if largest > 0 else 0.0
    return float(np.exp2(exponent)) if abs(exponent) > 40 else 1.0
