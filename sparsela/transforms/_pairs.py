"""Neighbours in a chain of Kronecker-sparse factors, seen as a stack of small products.

The values of the pattern (a, b, c, d) are an array (a, d, b, c). Of a pair of patterns with overlap r, the values L and
R, and those of their product, are seen here as stacks over (a, d'', s, t), s = d' / d'', t = a'' / a':

    product [a, d'', s, t, b', c'']  =  L [a, d'', s, t, b', r]  @  R [a, d'', s, t, r, c'']

so that splitting a matrix is a low-rank approximation of every slice, and joining two factors one stacked product.
"""

from __future__ import annotations

import numpy as np

from sparsela.transforms._architecture import Pattern, overlap, product


def as_slices(T: np.ndarray, left: Pattern, right: Pattern) -> np.ndarray:
    """Values of the product, as the stack of slices b' × c''."""
    (a1, b1, _, d1), (a2, _, c2, d2) = left, right
    return T.reshape(a1, d2, b1, d1 // d2, a2 // a1, c2).transpose(0, 1, 3, 4, 2, 5)


def from_slices(slices: np.ndarray, left: Pattern, right: Pattern) -> np.ndarray:
    a, b, c, d = product(left, right)
    return slices.transpose(0, 1, 4, 2, 3, 5).reshape(a, d, b, c)


def left_slices(L: np.ndarray, left: Pattern, right: Pattern) -> np.ndarray:
    (a1, b1, _, d1), (a2, _, _, d2) = left, right
    return L.reshape(a1, d1 // d2, d2, b1, a2 // a1, overlap(left, right)).transpose(0, 2, 1, 4, 3, 5)


def from_left(U: np.ndarray, left: Pattern) -> np.ndarray:
    a, b, c, d = left
    return U.transpose(0, 2, 1, 4, 3, 5).reshape(a, d, b, c)


def right_slices(R: np.ndarray, left: Pattern, right: Pattern) -> np.ndarray:
    (a1, _, _, d1), (a2, _, c2, d2) = left, right
    return R.reshape(a1, a2 // a1, d2, overlap(left, right), d1 // d2, c2).transpose(0, 2, 4, 1, 3, 5)


def from_right(V: np.ndarray, right: Pattern) -> np.ndarray:
    a, b, c, d = right
    return V.transpose(0, 3, 1, 4, 2, 5).reshape(a, d, b, c)


def join(L: np.ndarray, R: np.ndarray, left: Pattern, right: Pattern) -> np.ndarray:
    """Values of the product of a pair."""
    U, V = left_slices(L, left, right), right_slices(R, left, right)
    return from_slices(U * V if U.shape[-1] == 1 else np.matmul(U, V), left, right)


def multiply_out(chain: list[Pattern], values: list[np.ndarray]) -> tuple[Pattern, np.ndarray]:
    """Pattern and values of the product of a chain, by halves: O(m n) for a dyadic one."""
    if len(chain) == 1:
        return chain[0], values[0]
    middle = (len(chain) + 1) // 2
    left, L = multiply_out(chain[:middle], values[:middle])
    right, R = multiply_out(chain[middle:], values[middle:])
    return product(left, right), join(L, R, left, right)


def restrict(A: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The entries of A inside a pattern, (a, d, b, c)."""
    a, b, c, d = pattern
    if a == d == 1:
        return A[None, None]
    i, j = np.ix_(range(a), range(d))
    return A.reshape(a, b, d, a, c, d)[i, :, j, i, :, j]


def embed(values: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The dense matrix of a pattern."""
    a, b, c, d = pattern
    if a == d == 1:
        return values[0, 0]
    out = np.zeros((a, b, d, a, c, d), values.dtype)
    i, j = np.ix_(range(a), range(d))
    out[i, :, j, i, :, j] = values
    return out.reshape(a * b * d, a * c * d)
