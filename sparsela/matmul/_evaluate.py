"""The product of two matrices by a scheme, by its definition, in exact arithmetic: the oracle of every other way."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sparsela.matmul._factors import Factors
from sparsela.matmul._programs import AdditionProgram


def evaluate(f: Factors, A: Any, B: Any) -> np.ndarray:
    """C = A B for entries that are ints, Fractions or matrices of them; checked."""
    m, k, n = f.shape
    A, B = (np.asarray(x) for x in (A, B))
    for name, x, size in (("A", A, (m, k)), ("B", B, (k, n))):
        if x.shape != size:
            raise ValueError(f"{name} must have shape {size}, got {x.shape}")
        if x.dtype.kind not in "iuO":
            raise TypeError(f"{name} must hold ints, Fractions or matrices of them, got dtype {x.dtype}")
    left = _combine(f.u, [_exact(x) for x in A.flat])
    right = _combine(f.v, [_exact(x) for x in B.flat])
    products = [s @ t if isinstance(s, np.ndarray) else s * t for s, t in zip(left, right, strict=True)]
    scale = f.denominators[0] * f.denominators[1] * f.denominators[2]
    C = np.empty(m * n, dtype=object)
    for c, total in enumerate(_combine(f.w.T, products)):
        C[c] = _divide(total, scale)
    return C.reshape(m, n)


def _exact(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "iuO":
            raise TypeError(f"the blocks must hold ints or Fractions, got dtype {x.dtype}")
        return x.astype(object)
    return int(x) if isinstance(x, np.integer) else x


def _combine(matrix: np.ndarray, blocks: list[Any]) -> list[Any]:
    return AdditionProgram.naive(matrix).evaluate(blocks)


def _divide(x: Any, d: int) -> Any:
    if d == 1:
        return x
    if isinstance(x, np.ndarray):
        return np.array([_divide(y, d) for y in x.flat], dtype=object).reshape(x.shape)
    quotient = Fraction(x) / d
    return int(quotient) if quotient.denominator == 1 else quotient
