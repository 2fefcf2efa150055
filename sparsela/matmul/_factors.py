"""The three factors of a bilinear scheme as exact integers over one denominator each, and whether they multiply.

A scheme is ``C = Σ_t W[t] (U[t]·vec A)(V[t]·vec B)``; its factors are integer matrices of r rows divided by a positive
integer. Everything here is exact: no step rounds.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

LIMIT = 2**31  # coefficients stay below it, so that the product of two never leaves int64
EXACT = 2**53  # sums of integers below it are exact in float64, whatever their order
BLOCK_BYTES = 1 << 26  # of one block of the tensor that the verification forms


class Factors(NamedTuple):
    """Integer factors u (r × mk), v (r × kn), w (r × mn), the shape (m, k, n) and a denominator a factor."""

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray
    shape: tuple[int, int, int]
    denominators: tuple[int, int, int] = (1, 1, 1)


def check_shape(shape: Any) -> tuple[int, int, int]:
    """Three positive ints (m, k, n)."""
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"shape must be three ints (m, k, n), got {type(shape).__name__}") from None
    if len(sizes) != 3 or any(isinstance(s, (bool, np.bool_)) or not isinstance(s, Integral) for s in sizes):
        raise TypeError(f"shape must be three ints (m, k, n), got {shape!r}")
    if min(sizes) < 1:
        raise ValueError(f"shape must be three positive ints (m, k, n), got {shape!r}")
    return tuple(int(s) for s in sizes)


def check_factors(u: Any, v: Any, w: Any, shape: Any, denominators: Any) -> Factors:
    """What a user gave as factors of lowest terms, or an error that says what does not fit."""
    m, k, n = shape = check_shape(shape)
    given = tuple(denominators)
    if len(given) != 3 or any(isinstance(d, bool) or not isinstance(d, Integral) or d < 1 for d in given):
        raise ValueError(f"denominators must be three positive ints, got {denominators!r}")
    out, denominator = [], []
    for name, factor, width, d in zip("uvw", (u, v, w), (m * k, k * n, m * n), given, strict=True):
        entries, d = lowest_terms(*_integers(factor, name, width), int(d))
        out.append(entries)
        denominator.append(d)
    ranks = [len(factor) for factor in out]
    if len(set(ranks)) > 1:
        raise ValueError(f"u, v and w must have one row a product, got {ranks[0]}, {ranks[1]} and {ranks[2]} rows")
    for name, factor in zip("uvw", out, strict=True):
        zero = np.flatnonzero(~factor.any(axis=1))
        if zero.size:
            raise ValueError(f"row {zero[0]} of {name} is zero: that product does nothing, leave it out")
    return Factors(*out, shape, tuple(denominator))


def lowest_terms(entries: np.ndarray, own: int, d: int = 1) -> tuple[np.ndarray, int]:
    """Integer entries over own · d as int64 with the smallest positive denominator."""
    d *= own
    common = gcd(d, *(int(x) for x in entries.flat)) if d > 1 else 1
    if common > 1:
        entries, d = entries // common, d // common
    largest = max((abs(int(x)) for x in (entries.min(), entries.max())), default=0) if entries.size else 0
    if largest >= LIMIT:
        raise ValueError(f"coefficients must be below 2**31 in size over their common denominator, got {largest}")
    entries = np.ascontiguousarray(entries, dtype=np.int64)
    return (entries.copy() if entries.flags.writeable is False or entries.base is not None else entries), d


def _integers(factor: Any, name: str, width: int) -> tuple[np.ndarray, int]:
    # Integer entries (a new array) and the denominator they have in common.
    if not isinstance(factor, np.ndarray):
        rows = [list(row) for row in factor]
        lengths = {len(row) for row in rows}
        if len(lengths) > 1:
            raise ValueError(f"{name} has ragged rows: lengths {sorted(lengths)}, all must be {width}")
        plain = all(type(x) is int for row in rows for x in row)
        factor = np.array(rows, dtype=object if not plain else None)
    if factor.ndim != 2 or factor.shape[1] != width or not len(factor):
        raise ValueError(f"{name} must have shape (rank, {width}) with rank ≥ 1, got {factor.shape}")
    if factor.dtype.kind in "iu":
        return factor.copy(), 1
    if factor.dtype.kind == "f":
        if not np.isfinite(factor).all() or (factor != np.rint(factor)).any():
            raise TypeError(f"{name} has float coefficients that are not integers: pass fractions.Fraction or 'p/q'")
        return _objects(factor.tolist(), name)
    if factor.dtype.kind not in "OU":
        raise TypeError(f"{name} must hold ints, Fractions or 'p/q' strings, got dtype {factor.dtype}")
    return _objects(factor.tolist(), name)


def _objects(rows: list[list], name: str) -> tuple[np.ndarray, int]:
    exact = [[_fraction(x, name) for x in row] for row in rows]
    d = lcm(*(x.denominator for row in exact for x in row))
    return np.array([[int(x * d) for x in row] for row in exact], dtype=object), d


def _fraction(x: Any, name: str) -> Fraction:
    if isinstance(x, float) and not x.is_integer():
        raise TypeError(f"{name} has the float coefficient {x!r}: pass fractions.Fraction or 'p/q'")
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (Integral, Fraction, float, str)):
        raise TypeError(f"{name} must hold ints, Fractions or 'p/q' strings, got {type(x).__name__}")
    try:
        return Fraction(int(x)) if isinstance(x, Integral) else Fraction(x)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{name} has the coefficient {x!r}, which is no fraction 'p/q'") from None


def violations(f: Factors, *, first: bool = False) -> list[tuple[int, int, int]]:
    """The (a, b, c) where ``Σ_t U[t, a] V[t, b] W[t, c]`` is not the coefficient of a_a b_b in c_c; `first`: one.

    The products are sums of integers: they run through BLAS in float64 while the sum of their sizes stays below 2⁵³ and
    is therefore exact, and in Python's integers beyond. Blocks of c hold the tensor to 64 MiB.
    """
    m, k, n = f.shape
    scale = int(np.prod([int(d) for d in f.denominators], dtype=object))
    size = sum(
        int(a) * int(b) * int(c) for a, b, c in zip(*(np.abs(x).max(axis=1) for x in (f.u, f.v, f.w)), strict=True)
    )
    kind = np.float64 if max(size, scale) < EXACT else object
    ut, v, w = f.u.T.astype(kind), f.v.astype(kind), f.w.astype(kind)
    width = max(1, BLOCK_BYTES // (8 * k * n * max(m * k, len(v))))
    found = []
    for start in range(0, m * n, width):
        stop = min(start + width, m * n)
        vw = (v[:, :, None] * w[:, None, start:stop]).reshape(len(v), -1)
        tensor = (ut @ vw).reshape(m * k, k * n, stop - start)
        for c in range(start, stop):  # a_ij b_jl belongs to c_il
            i, l = divmod(c, n)
            for j in range(k):
                tensor[i * k + j, j * n + l, c - start] -= scale
        for a, b, c in np.argwhere(tensor != 0):
            found.append((int(a), int(b), int(c) + start))
            if first:
                return found
    return sorted(found)


def ring_of(f: Factors) -> str:
    """The smallest of "ternary", "integer", "rational" that holds every coefficient."""
    if any(d > 1 for d in f.denominators):
        return "rational"
    return "ternary" if all(np.abs(x).max() <= 1 for x in (f.u, f.v, f.w)) else "integer"


def violation_message(f: Factors, where: tuple[int, int, int]) -> str:
    """What an equation that fails says, for a user."""
    m, k, n = f.shape
    (i, j), (jj, l), (ii, ll) = (divmod(x, width) for x, width in zip(where, (k, n, n), strict=True))
    value = sum(int(f.u[t, where[0]]) * int(f.v[t, where[1]]) * int(f.w[t, where[2]]) for t in range(len(f.u)))
    got = Fraction(value, f.denominators[0] * f.denominators[1] * f.denominators[2])
    need = int(i == ii and j == jj and l == ll)
    return (
        f"this does not multiply {m}×{k} by {k}×{n}: the coefficient of A[{i}, {j}] B[{jj}, {l}] in C[{ii}, {ll}] "
        f"is {got}, it must be {need}"
    )
