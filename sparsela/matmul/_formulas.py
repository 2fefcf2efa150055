"""Schemes of the literature, as their authors wrote them.

A formula is one line a product, ``(sum of a) (sum of b)``, and one line an entry of C, a signed list of products.
Products and entries are counted from 1.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from sparsela.matmul._programs import AdditionProgram
from sparsela.matmul._scheme import BilinearScheme, classical

STRASSEN = """
(a11+a22) (b11+b22)
(a21+a22) (b11)
(a11) (b12-b22)
(a22) (b21-b11)
(a11+a12) (b22)
(a21-a11) (b11+b12)
(a12-a22) (b21+b22)
c11 = +1 +4 -5 +7
c12 = +3 +5
c21 = +2 +4
c22 = +1 -2 +3 +6
"""

WINOGRAD = """
(a11) (b11)
(a12) (b21)
(a11+a12-a21-a22) (b22)
(a22) (b11-b12-b21+b22)
(a21+a22) (b12-b11)
(a21+a22-a11) (b11-b12+b22)
(a11-a21) (b22-b12)
c11 = +1 +2
c12 = +1 +3 +5 +6
c21 = +1 -4 +6 +7
c22 = +1 +5 +6 +7
"""

LADERMAN = """
(a11+a12+a13-a21-a22-a32-a33) (b22)
(a11-a21) (-b12+b22)
(a22) (-b11+b12+b21-b22-b23-b31+b33)
(-a11+a21+a22) (b11-b12+b22)
(a21+a22) (-b11+b12)
(a11) (b11)
(-a11+a31+a32) (b11-b13+b23)
(-a11+a31) (b13-b23)
(a31+a32) (-b11+b13)
(a11+a12+a13-a22-a23-a31-a32) (b23)
(a32) (-b11+b13+b21-b22-b23-b31+b32)
(-a13+a32+a33) (b22+b31-b32)
(a13-a33) (b22-b32)
(a13) (b31)
(a32+a33) (-b31+b32)
(-a13+a22+a23) (b23+b31-b33)
(a13-a23) (b23-b33)
(a22+a23) (-b31+b33)
(a12) (b21)
(a23) (b32)
(a21) (b13)
(a31) (b12)
(a33) (b33)
c11 = +6 +14 +19
c12 = +1 +4 +5 +6 +12 +14 +15
c13 = +6 +7 +9 +10 +14 +16 +18
c21 = +2 +3 +4 +6 +14 +16 +17
c22 = +2 +4 +5 +6 +20
c23 = +14 +16 +17 +18 +21
c31 = +6 +7 +8 +11 +12 +13 +14
c32 = +12 +13 +14 +15 +22
c33 = +6 +7 +8 +9 +23
"""

HOPCROFT_KERR = """
(a11+a12) (b21)
(a11) (b11-b21)
(a21+a22) (b12)
(a11+a21) (b11+b12)
(a11-a22) (b12+b21)
(-a11-a12+a31+a32) (-b11+b13)
(a31) (b13)
(a11+a12-a32) (-b11+b13+b21)
(a22) (b12-b22)
(a12+a22) (b21+b22)
(-a21-a22+a31+a32) (-b22+b23)
(a32) (b23)
(-a21+a31) (-b12+b13+b22-b23)
(-a21-a22+a31) (b12-b22+b23)
(-a12+a32) (-b11+b13+b21-b23)
c11 = +1 +2
c12 = -1 +5 +9 +10
c13 = +2 +8 +12 +15
c21 = -2 -3 +4 -5
c22 = +3 -9
c23 = +7 -9 -13 -14
c31 = +1 -6 +7 -8
c32 = +3 -11 +12 +14
c33 = +7 +12
"""

# Winograd's sums in 4 + 4 + 7 additions. Variables: the four entries, then a step each.
WINOGRAD_PROGRAMS = (
    AdditionProgram(  # S1 = a21 + a22, S2 = S1 − a11, S3 = a11 − a21, S4 = a12 − S2
        4,
        [(1, 2, 1, 3), (1, 4, -1, 0), (1, 0, -1, 2), (1, 1, -1, 5)],
        [[(1, 0)], [(1, 1)], [(1, 7)], [(1, 3)], [(1, 4)], [(1, 5)], [(1, 6)]],
    ),
    AdditionProgram(  # T1 = b12 − b11, T2 = b22 − T1, T3 = b22 − b12, T4 = T2 − b21
        4,
        [(1, 1, -1, 0), (1, 3, -1, 4), (1, 3, -1, 1), (1, 5, -1, 2)],
        [[(1, 0)], [(1, 2)], [(1, 3)], [(1, 7)], [(1, 4)], [(1, 5)], [(1, 6)]],
    ),
    AdditionProgram(  # U2 = P1 + P6, U3 = U2 + P7, U4 = U2 + P5
        7,
        [(1, 0, 1, 5), (1, 7, 1, 6), (1, 7, 1, 4)],
        [[(1, 0), (1, 1)], [(1, 9), (1, 2)], [(1, 8), (-1, 3)], [(1, 8), (1, 4)]],
    ),
)


@cache
def strassen() -> BilinearScheme:
    """⟨2,2,2; 7⟩ of growth 12."""
    return _scheme(STRASSEN, (2, 2, 2), "strassen", "Strassen 1969")


@cache
def winograd() -> BilinearScheme:
    """⟨2,2,2; 7⟩ with 15 additions."""
    return _scheme(WINOGRAD, (2, 2, 2), "winograd", "Winograd 1971").with_programs(WINOGRAD_PROGRAMS)


@cache
def laderman() -> BilinearScheme:
    """⟨3,3,3; 23⟩."""
    return _scheme(LADERMAN, (3, 3, 3), "laderman", "Laderman 1976")


@cache
def hopcroft_kerr() -> BilinearScheme:
    """⟨3,2,3; 15⟩."""
    return _scheme(HOPCROFT_KERR, (3, 2, 3), "hopcroft-kerr", "Hopcroft & Kerr 1971")


@cache
def two_by_two_by(n: int) -> BilinearScheme:
    """⟨2,2,n; ⌈7n/2⌉⟩: Winograd's scheme for each pair of columns, the definition for the last one."""
    scheme = winograd() if n > 1 else classical((2, 2, 1))
    for _ in range(n // 2 - 1):
        scheme = scheme.direct_sum(winograd(), 2)
    return scheme.direct_sum(classical((2, 2, 1)), 2) if n > 1 and n % 2 else scheme


def _scheme(formula: str, shape: tuple[int, int, int], name: str, source: str) -> BilinearScheme:
    m, k, n = shape
    lines = formula.split("\n")[1:-1]
    products = [line for line in lines if line.startswith("(")]
    u, v, w = (np.zeros((len(products), size), np.int64) for size in (m * k, k * n, m * n))
    for t, line in enumerate(products):
        for sign, letter, i, j in re.findall(r"([+-]?)([ab])(\d)(\d)", line):
            row, width = (u[t], k) if letter == "a" else (v[t], n)
            row[(int(i) - 1) * width + int(j) - 1] = -1 if sign == "-" else 1
    for line in lines[len(products) :]:
        entry, sums = line.split(" = ")
        for sign, t in re.findall(r"([+-])(\d+)", sums):
            w[int(t) - 1, (int(entry[1]) - 1) * n + int(entry[2]) - 1] = -1 if sign == "-" else 1
    return BilinearScheme(u, v, w, shape, name=name).with_name(name, source)
