"""New schemes from old ones: permuted, multiplied, stacked, cut, seen in another basis. Exact integers throughout.

Functions of :class:`~sparsela.matmul._factors.Factors`; the methods of ``BilinearScheme`` are their public face. A row
of a factor is also a small matrix (U_t is m × k, V_t is k × n, W_t is m × n), and in these terms each map is one line.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from sparsela.matmul._factors import Factors, _integers, lowest_terms


def transpose(f: Factors) -> Factors:
    """⟨n,k,m⟩, by Cᵀ = Bᵀ Aᵀ."""
    m, k, n = f.shape
    d = f.denominators
    flipped = (_flip(f.v, k, n), _flip(f.u, m, k), _flip(f.w, m, n))
    return Factors(*flipped, (n, k, m), (d[1], d[0], d[2]))


def cycle(f: Factors) -> Factors:
    """⟨k,n,m⟩, by the trace tr(A B C̃): the three factors take turns, the third one as that of Cᵀ."""
    m, k, n = f.shape
    d = f.denominators
    return Factors(f.v, _flip(f.w, m, n), _flip(f.u, m, k), (k, n, m), (d[1], d[2], d[0]))


def tensor(f: Factors, g: Factors) -> Factors:
    """⟨m₁m₂, k₁k₂, n₁n₂; r₁r₂⟩: Kronecker products of the row matrices."""
    (m1, k1, n1), (m2, k2, n2) = f.shape, g.shape
    sizes = ((m1, k1, m2, k2), (k1, n1, k2, n2), (m1, n1, m2, n2))
    rank = len(f.u) * len(g.u)
    factors = []
    for x, y, (p1, q1, p2, q2) in zip(f[:3], g[:3], sizes, strict=True):
        x, y = x.reshape(-1, 1, p1, 1, q1, 1), y.reshape(1, -1, 1, p2, 1, q2)
        factors.append((x * y).reshape(rank, p1 * p2 * q1 * q2))
    d = tuple(a * b for a, b in zip(f.denominators, g.denominators, strict=True))
    return lowest(Factors(*factors, (m1 * m2, k1 * k2, n1 * n2), d))


def direct_sum(f: Factors, g: Factors, axis: int) -> Factors:
    """Both side by side along one dimension (0: m, 1: k, 2: n); the products of both."""
    for other in {0, 1, 2} - {axis}:
        if f.shape[other] != g.shape[other]:
            raise ValueError(
                f"a direct sum along axis {axis} needs schemes that agree in the two other sizes, "
                f"got {f.shape} and {g.shape}"
            )
    shape = list(f.shape)
    shape[axis] += g.shape[axis]
    m, k, n = shape
    factors, denominators = [], []
    # the dimension of rows and of columns of each factor's row matrices
    for i, (rows, columns) in enumerate(((0, 1), (1, 2), (0, 2))):
        d = lcm(f.denominators[i], g.denominators[i])
        stacked = np.zeros((len(f.u) + len(g.u), shape[rows], shape[columns]), np.int64)
        for part, start, where in ((f, 0, 0), (g, len(f.u), 1)):
            block = part[i].reshape(-1, part.shape[rows], part.shape[columns]) * (d // part.denominators[i])
            # the second scheme begins where the first one ends, in the dimension that grows
            top = f.shape[axis] if where and rows == axis else 0
            left = f.shape[axis] if where and columns == axis else 0
            stacked[start : start + len(block), top : top + block.shape[1], left : left + block.shape[2]] = block
        factors.append(stacked.reshape(len(stacked), -1))
        denominators.append(d)
    return lowest(Factors(*factors, (m, k, n), tuple(denominators)))


def project(f: Factors, axis: int, index: int) -> Factors:
    """Without one index of one dimension; products that lost a factor go."""
    shape = list(f.shape)
    factors = []
    for i, dims in enumerate(((0, 1), (1, 2), (0, 2))):
        x = f[i].reshape(-1, *(f.shape[j] for j in dims))
        if axis in dims:
            x = np.delete(x, index, axis=1 + dims.index(axis))
        factors.append(x.reshape(len(x), -1))
    shape[axis] -= 1
    return merge(Factors(*factors, tuple(shape), f.denominators))


def merge(f: Factors) -> Factors:
    """Products that agree in two factors up to sign made one, and products with a zero factor left out."""
    u, v, w = (x.copy() for x in f[:3])
    while True:
        keep = u.any(axis=1) & v.any(axis=1) & w.any(axis=1)
        u, v, w = u[keep], v[keep], w[keep]
        pair = _mergeable((u, v, w))
        if pair is None:
            return lowest(Factors(u, v, w, f.shape, f.denominators))
        third, s, t, sign = pair
        grown = (u, v, w)[third]
        grown[s] += sign * grown[t]
        u, v, w = (np.delete(x, t, axis=0) for x in (u, v, w))


def _mergeable(factors: tuple[np.ndarray, ...]) -> tuple[int, int, int, int] | None:
    # Rows s < t that agree up to sign in two factors: (the third factor, s, t, the product of the signs).
    signs = [np.array([leading_sign(row) for row in x]) for x in factors]
    keys = [
        [(s * row).tobytes() for s, row in zip(sign, x, strict=True)] for sign, x in zip(signs, factors, strict=True)
    ]
    for third in (2, 1, 0):
        one, two = (i for i in range(3) if i != third)
        seen: dict[tuple, int] = {}
        for t, key in enumerate(zip(keys[one], keys[two], strict=True)):
            s = seen.setdefault(key, t)
            if s != t:
                return third, s, t, int(signs[one][s] * signs[one][t] * signs[two][s] * signs[two][t])
    return None


def normalize(f: Factors) -> Factors:
    """The representative of its class: leading signs of U_t and V_t positive, rows of products ascending."""
    su, sv = (np.array([leading_sign(row) for row in x])[:, None] for x in (f.u, f.v))
    u, v, w = f.u * su, f.v * sv, f.w * su * sv
    order = np.lexsort(np.hstack([u, v, w]).T[::-1])
    return Factors(u[order], v[order], w[order], f.shape, f.denominators)


def change_basis(f: Factors, P: Any, Q: Any, R: Any) -> Factors:
    """The scheme of C = P⁻¹ [(P A Q⁻¹)(Q B R⁻¹)] R."""
    m, k, n = f.shape
    P, Q, R = (_square(x, name, size) for x, name, size in ((P, "P", m), (Q, "Q", k), (R, "R", n)))
    Pi, Qi, Ri = inverse(P, "P"), inverse(Q, "Q"), inverse(R, "R")
    maps = ((P.T, Qi.T, (m, k)), (Q.T, Ri.T, (k, n)), (Pi, R, (m, n)))
    factors, denominators = [], []
    for x, d, (left, right, size) in zip(f[:3], f.denominators, maps, strict=True):
        rows = [(left @ row.reshape(size).astype(object) @ right).ravel().tolist() for row in x]
        entries, own = lowest_terms(*_integers(np.array(rows, dtype=object), "the new factor", size[0] * size[1]), d)
        factors.append(entries)
        denominators.append(own)
    return Factors(*factors, f.shape, tuple(denominators))


def _square(M: Any, name: str, size: int) -> np.ndarray:
    M = np.array(M, dtype=object)
    if M.shape != (size, size):
        raise ValueError(f"{name} must have shape ({size}, {size}), got {M.shape}")
    entries, d = _integers(M, name, size)
    return np.array([[Fraction(int(x), d) for x in row] for row in entries], dtype=object)


def inverse(M: np.ndarray, name: str) -> np.ndarray:
    """Exact inverse of a square matrix of Fractions, by Bareiss' elimination on integers, which never leaves them."""
    n = len(M)
    d = lcm(*(x.denominator for x in M.flat))
    a = [[int(x * d) for x in row] + [int(i == j) for j in range(n)] for i, row in enumerate(M)]
    previous = 1
    for c in range(n):
        pivot = next((r for r in range(c, n) if a[r][c]), None)
        if pivot is None:
            raise ValueError(f"{name} must be invertible, it is singular")
        a[c], a[pivot] = a[pivot], a[c]
        for r in range(n):
            if r != c:
                a[r] = [(a[c][c] * x - a[r][c] * y) // previous for x, y in zip(a[r], a[c], strict=True)]
        previous = a[c][c]
    return np.array([[Fraction(d * x, previous) for x in row[n:]] for row in a], dtype=object)


def leading_sign(row: np.ndarray) -> int:
    """The sign of the first coefficient that is not zero."""
    return 1 if row[np.argmax(row != 0)] > 0 else -1


def lowest(f: Factors) -> Factors:
    """In lowest terms."""
    pairs = [lowest_terms(x, d) for x, d in zip(f[:3], f.denominators, strict=True)]
    return Factors(*(x for x, _ in pairs), f.shape, tuple(d for _, d in pairs))


def _flip(x: np.ndarray, p: int, q: int) -> np.ndarray:
    return np.ascontiguousarray(x.reshape(-1, p, q).transpose(0, 2, 1)).reshape(len(x), -1)
