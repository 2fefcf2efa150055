"""Butterfly architectures: chains of Kronecker-sparse patterns (a, b, c, d), and which of them fit a matrix.

The pattern (a, b, c, d) is the support I_a ⊗ 1_{b×c} ⊗ I_d. Two patterns chain where their product is contained in a
third, whose slices have rank at most r, the overlap of the pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from sparsela._core.validation import check_count

Pattern = tuple[int, int, int, int]


def butterfly_architecture(m: int, n: int, *, n_factors: int | None = None, rank: int = 1) -> list[Pattern]:
    """Patterns of the butterfly factors of an m × n matrix, left factor first.

    Parameters
    ----------
    m, n : int
        Shape of the matrix. Neither may be 1.
    n_factors : int or None, default=None
        How many factors; neighbours are grouped to reach it. None: as many as there are, log₂ n for a power of two.
        With ``rank`` above 1 there are fewer: pairs that would restrict nothing are merged.
    rank : int, default=1
        Rank of the blocks that the butterfly approximates: 1 is the FFT's own, more gives a wider family.

    Returns
    -------
    list of (a, b, c, d)
        Each stands for the support ``I_a ⊗ 1_{b×c} ⊗ I_d``, the `KroneckerSparse` arguments.

    Raises
    ------
    TypeError
        If an argument is not an int.
    ValueError
        If m or n is below 2, or ``n_factors`` is not between 1 and what the sizes allow.

    Notes
    -----
    With m = p_1 … p_J and n = q_1 … q_J (prime factors, descending; the shorter list is padded with ones) factor ℓ is
    ``(q_1 … q_{ℓ−1}, r p_ℓ, r q_ℓ, p_{ℓ+1} … p_J)``, without r on the left of the first and the right of the last.
    For m = n = 2ᴶ and r = 1 that is the dyadic ``(2^{ℓ−1}, 2, 2, n / 2^ℓ)``.

    References
    ----------
    Q.-T. Le, L. Zheng, E. Riccietti, R. Gribonval. Butterfly factorization with error guarantees. 2024.

    Examples
    --------
    >>> butterfly_architecture(8, 8)
    [(1, 2, 2, 4), (2, 2, 2, 2), (4, 2, 2, 1)]
    >>> butterfly_architecture(12, 10)
    [(1, 3, 5, 4), (5, 4, 2, 1)]
    """
    m, n = check_count(m, "m", low=2), check_count(n, "n", low=2)
    rank = check_count(rank, "rank")
    p, q = _prime_factors(m), _prime_factors(n)
    length = max(len(p), len(q))
    p, q = p + [1] * (length - len(p)), q + [1] * (length - len(q))
    chain = []
    for i in range(length):
        left, right = (rank if i > 0 else 1), (rank if i < length - 1 else 1)
        chain.append((math.prod(q[:i]), left * p[i], right * q[i], math.prod(p[i + 1 :])))
    chain = without_redundancy(chain)
    if n_factors is None:
        return chain
    n_factors = check_count(n_factors, "n_factors", high=len(chain))
    groups = np.array_split(np.arange(len(chain)), n_factors)
    return [reduce(product, (chain[i] for i in group)) for group in groups]


def overlap(left: Pattern, right: Pattern) -> int:
    """The rank r up to which the pair can fill the slices of its product; ValueError where the two do not chain."""
    (a1, _, c1, d1), (a2, b2, _, d2) = left, right
    if a1 * c1 * d1 != a2 * b2 * d2 or a2 % a1 or d1 % d2 or (a1 * c1) % a2:
        raise ValueError(
            f"architecture must chain, but {left} has {a1 * c1 * d1} columns and {right} has {a2 * b2 * d2} rows; both "
            f"must be equal, with a ({a1}) dividing the next a ({a2}), d ({d1}) a multiple of the next d ({d2}), and "
            f"the next a dividing a·c ({a1 * c1})"
        )
    return a1 * c1 // a2


def product(left: Pattern, right: Pattern) -> Pattern:
    """The pattern that contains the product of a pair."""
    (a1, b1, _, d1), (a2, _, c2, d2) = left, right
    return a1, b1 * d1 // d2, a2 * c2 // a1, d2


def without_redundancy(chain: Sequence[Pattern]) -> list[Pattern]:
    """The chain with every pair merged whose overlap is no restriction (r ≥ the rows or columns of its slices)."""
    chain, i = list(chain), 0
    while i < len(chain) - 1:
        left, right = chain[i : i + 2]
        if overlap(left, right) >= min(left[1], right[2]):
            chain[i : i + 2] = [product(left, right)]
            i = max(i - 1, 0)
        else:
            i += 1
    return chain


def check_architecture(architecture: Any, shape: tuple[int, int]) -> list[Pattern]:
    """A user's list of patterns as tuples of ints: chaining, without redundancy, and of the shape of the matrix."""
    if isinstance(architecture, str) or not isinstance(architecture, Sequence) or len(architecture) == 0:
        raise TypeError(f"architecture must be a non-empty list of (a, b, c, d), got {architecture!r}")
    chain = []
    for pattern in architecture:
        if not isinstance(pattern, Sequence) or isinstance(pattern, str) or len(pattern) != 4:
            raise TypeError(f"architecture must hold tuples (a, b, c, d) of four ints, got {pattern!r}")
        chain.append(tuple(check_count(number, "architecture") for number in pattern))
    for left, right in zip(chain, chain[1:], strict=False):
        overlap(left, right)
    a, b, _, d = chain[0]
    e, _, f, g = chain[-1]
    if (a * b * d, e * f * g) != tuple(shape):
        raise ValueError(f"architecture must be one of {shape[0]} × {shape[1]}, got {a * b * d} × {e * f * g}")
    return without_redundancy(chain)


def digit_reversal(chain: Sequence[Pattern], n: int) -> np.ndarray:
    """The column order in which the DFT of order n is a butterfly of this chain; bit reversal for a dyadic one."""
    starts = [a for a, *_ in chain] + [n]
    radices = [starts[i + 1] // starts[i] for i in range(len(chain))]
    return np.arange(n).reshape(radices[::-1]).T.ravel()


def is_power_of_two(n: int) -> bool:
    return n >= 1 and n & (n - 1) == 0


def _prime_factors(n: int) -> list[int]:
    factors, p = [], 2
    while p * p <= n:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return sorted(factors + [n] * (n > 1), reverse=True)
