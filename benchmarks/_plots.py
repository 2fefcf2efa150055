"""Dot plots as SVG that stands in a page: text and lines have the colour of the page, light or dark.

Written by hand rather than drawn by matplotlib: the same figures give the same bytes on every machine, so that a page
can be held against its results, and a plot of a hundred dots takes a few kilobytes.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, MARGIN = 400, 12
LINE, TRACK, LETTERS = 14, 15, 58  # heights of a line of label and of the dots below it; letters in a line
OURS, PEER = "#2a85c7", "#e0661a"  # told apart by eyes of every kind, on white and on black


@dataclass(frozen=True)
class Dot:
    """A value, how far it spreads, and what is said where the pointer rests on it."""

    value: float
    low: float | None = None
    high: float | None = None
    colour: str = OURS
    hollow: bool = False
    title: str = ""


@dataclass
class Row:
    """Dots on one line below their label; without dots, a heading."""

    label: str
    dots: list[Dot] = field(default_factory=list)
    figure: str = ""  # at the right end of the label


def log_axis(low: float, high: float) -> tuple[Callable[[float], float], list[float]]:
    """Position in 0 .. 1 of a value, and the ticks: decades, with 2 and 5 where there are few."""
    low, high = low / 1.15, high * 1.15
    span = math.log10(high / low)
    steps = (1, 2, 5) if span < 2.2 else (1,)
    ticks = [s * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for s in steps]
    return lambda v: math.log10(v / low) / span, [t for t in ticks if low <= t <= high]


def linear_axis(low: float, high: float) -> tuple[Callable[[float], float], list[float]]:
    """The same from zero on, or from below it, with a tick at each half."""
    low, high = math.floor(2 * min(low, 0)) / 2, math.ceil(2 * high) / 2
    return lambda v: (v - low) / (high - low), [low + i / 2 for i in range(round(2 * (high - low)) + 1)]


def dot_plot(
    rows: Sequence[Row], axis: str, *, line: float, title: str, log: bool = True, percent: bool = False
) -> str:
    """The plot, with a strong line at `line` and `axis` as what the numbers are."""
    ends = [end for row in rows for dot in row.dots for end in (dot.value, dot.low, dot.high) if end is not None]
    place, ticks = (log_axis if log else linear_axis)(min([line, *ends]), max([line, *ends]))
    x = lambda value: f"{MARGIN + (WIDTH - 2 * MARGIN) * place(value):.1f}"  # noqa: E731
    body, y = [], 30
    for row in rows:
        for i, words in enumerate(textwrap.wrap(row.label, LETTERS) or [""]):
            y += LINE
            weight = "" if row.dots else ' font-weight="bold"'
            body.append(f'<text x="{MARGIN}" y="{y}"{weight}>{escape(words)}</text>')
            if i == 0 and row.figure:
                body.append(f'<text x="{WIDTH - MARGIN}" y="{y}" text-anchor="end">{escape(row.figure)}</text>')
        if row.dots:
            y += TRACK
            body += [mark(dot, x, y - 6 + lane(i, len(row.dots))) for i, dot in enumerate(row.dots)]
    height = y + 26
    grid = []
    for tick in ticks:
        strong = ' stroke-opacity="0.7"' if math.isclose(tick, line) else ""
        grid.append(f'<path d="M{x(tick)} 26V{y + 6}"{strong}/>')
    said = [f"{100 * tick:g} %" if percent else f"{tick:g}" for tick in ticks]
    numbers = [
        f'<text x="{x(tick)}" y="{level}" text-anchor="middle">{text}</text>'
        for level in (22, height - 6)
        for tick, text in zip(ticks, said, strict=True)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="dots" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'font-family="sans-serif" font-size="11" fill="currentColor">',
            f"<title>{escape(title)}</title>",
            f'<text x="{WIDTH / 2:g}" y="9" text-anchor="middle" font-size="10">{escape(axis)}</text>',
            '<g stroke="currentColor" stroke-opacity="0.18">',
            *grid,
            "</g>",
            '<g font-size="10">',
            *numbers,
            "</g>",
            *body,
            "</svg>",
            "",
        ]
    )


def lane(i: int, count: int) -> float:
    """Dots of one row lie a little above and below each other."""
    return 0.0 if count == 1 else 6 * (i / (count - 1) - 0.5)


def mark(dot: Dot, x: Callable[[float], str], y: float) -> str:
    """A dot with its spread as a line."""
    spread = ""
    if dot.low is not None and dot.high is not None:
        spread = f'<path d="M{x(dot.low)} {y:.1f}H{x(dot.high)}" stroke="{dot.colour}" stroke-opacity="0.55"/>'
    fill = f'fill="none" stroke="{dot.colour}" stroke-width="1.3"' if dot.hollow else f'fill="{dot.colour}"'
    title = f"<title>{escape(dot.title)}</title>" if dot.title else ""
    return f'{spread}<circle cx="{x(dot.value)}" cy="{y:.1f}" r="3" {fill}>{title}</circle>'
