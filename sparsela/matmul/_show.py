"""Schemes for the eye: the products and sums as lines of text, the factors as grids of signs."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sparsela.matmul._scheme import BilinearScheme

COLOURS = {1: "#2166ac", -1: "#b2182b", 0: "#f2f2f2"}


def describe(scheme: BilinearScheme) -> str:
    """A line a product, then a line an entry of C; entries are counted from 1, as in print."""
    m, k, n = scheme.shape
    du, dv, dw = scheme.denominators
    lines = []
    for t in range(scheme.rank):
        left = _sum(scheme.u[t], du, [_entry("a", i, k, max(m, k)) for i in range(m * k)])
        right = _sum(scheme.v[t], dv, [_entry("b", i, n, max(k, n)) for i in range(k * n)])
        lines.append(f"p{t + 1} = ({left}) ({right})")
    products = [f"p{t + 1}" for t in range(scheme.rank)]
    for c in range(m * n):
        lines.append(f"{_entry('c', c, n, max(m, n))} = {_sum(scheme.w[:, c], dw, products)}")
    return "\n".join(lines)


def grids(scheme: BilinearScheme) -> str:
    """HTML of the three factors: a small grid a row matrix, blue for plus, red for minus."""
    m, k, n = scheme.shape
    rows = []
    for label, factor, p, q in (("U", scheme.u, m, k), ("V", scheme.v, k, n), ("W", scheme.w, m, n)):
        cells = "".join(f"<td style='padding:4px'>{_grid(row.reshape(p, q))}</td>" for row in factor)
        rows.append(f"<tr><th>{label}</th>{cells}</tr>")
    return f"<div><code>{scheme!r}</code><table>{''.join(rows)}</table></div>"


def _grid(block: np.ndarray) -> str:
    size = 9
    squares = "".join(
        f"<rect x='{size * j}' y='{size * i}' width='{size - 1}' height='{size - 1}' fill='{COLOURS[int(np.sign(x))]}'>"
        f"<title>{x}</title></rect>"
        for (i, j), x in np.ndenumerate(block)
    )
    return f"<svg width='{size * block.shape[1]}' height='{size * block.shape[0]}'>{squares}</svg>"


def _entry(letter: str, index: int, width: int, largest: int) -> str:
    i, j = divmod(index, width)
    return f"{letter}{i + 1}{'_' if largest > 9 else ''}{j + 1}"


def _sum(coefficients: np.ndarray, denominator: int, names: list[str]) -> str:
    text = ""
    for i in np.flatnonzero(coefficients):
        c = Fraction(int(coefficients[i]), denominator)
        size = "" if abs(c) == 1 else f"{abs(c)} "
        sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
        text += f"{sign}{size}{names[i]}"
    return text
