"""The report: a page and plots for each room, and one page over all of them, from the kept results alone."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from statistics import median

from benchmarks._plots import OURS, PEER, Dot, Row, dot_plot
from benchmarks._report import GROWTH_HEADERS, HEADERS, growth_row, kept_results, list_table, row

PAGES = Path(__file__).parent.parent / "docs" / "benchmarks"
RATIO = "time of the peer / time of sparsela"
LIMIT = "time of the limit / time of sparsela"
SLOPE = "slope of log time over log size"
LISTED = 3  # cases of one kind that are named one by one

INTRODUCTION = """\
Benchmarks
==========

Every figure here comes from ``make bench``, which measures the library against its peers, room by room, and writes
these pages; ``python -m benchmarks --report`` writes them anew from the kept figures. The ratio is (time of the peer) /
(time of sparsela): above 1 sparsela is faster. A peer is another library where one does the same work, and otherwise
the plain way to write it, or a limit: what it is, and what is compared, stands on the page of the room.
"""

METHOD = """\
How it is measured
------------------

- Both sides run once and must reach the same answer; the last column of a table says how close they are.
- Then they are timed in turn in one process, A B A B ..., five to fifteen pairs (three where they are long), each
  timing long enough for the clock. One-thread cases count CPU time, others the wall clock; OpenMP, BLAS, MKL, Numba
  and PyTorch are held to the same number of threads as the library.
- A ratio is the median over the pairs, with its smallest and largest value.
- The limit, or floor, is work that no method can avoid, timed in the same rounds, such as a matrix product or one read
  of the data; the figure is (time of the limit) / (time of sparsela), 100 % at the limit. It may be passed by a few
  per cent where the limit is timed by another library's code, or in double precision for a method that is not.
- Peak memory is the growth of the resident set's high-water mark over one call after a warm-up, read from the
  operating system (Linux: ``VmHWM``, reset through ``clear_refs``), so that buffers of compiled code count.
- Growth fits log time over log size while the size doubles: 1 is linear, 2 quadratic.
"""


def rebuild() -> None:
    """Write every page and plot anew."""
    PAGES.mkdir(parents=True, exist_ok=True)
    made = report(kept_results())
    for old in PAGES.glob("*.svg"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (PAGES / name).write_text(text, encoding="utf-8")


def report(results: dict[str, dict]) -> dict[str, str]:
    """Name and text of every file of the report."""
    made = overviews(results)
    made["index.rst"] = index(results, set(made))
    for room, entries in results.items():
        made[f"{room}.rst"] = room_page(room, entries)
        for stem, kept in entries.items():
            if measured(kept):
                made[f"{room}_{stem}.svg"] = cases_plot(kept)
    return made


def measured(kept: dict) -> list[dict]:
    """The cases of a file that have figures."""
    return [out for out in kept["cases"] if out["ratio"] is not None]


def head(kept: dict) -> str:
    return kept["doc"].strip().partition("\n")[0].rstrip(".")


# A page of a room


def room_page(room: str, entries: dict[str, dict]) -> str:
    origin = f"Written by ``make bench ROOM={room}``; :doc:`index` says how it is measured."
    parts = [*heading(f"Benchmarks: {room}", "="), origin, ""]
    for stem, kept in entries.items():
        parts += [*heading(head(kept), "-"), kept["doc"].strip().partition("\n")[2].strip(), ""]
        if measured(kept):
            parts += inline(f"{room}_{stem}.svg")
        if kept["cases"]:
            parts += list_table(*without_bar(HEADERS, [row(out) for out in kept["cases"]]))
        if lost := losses({stem: kept}):
            parts += ["A peer is faster:", "", *lost, ""]
        if kept["growth"]:
            parts += list_table(*without_bar(GROWTH_HEADERS, [growth_row(out) for out in kept["growth"]]))
        shown = (
            "processor",
            "python",
            "numpy",
            "scipy",
            "scikit-learn",
            "blas",
            "mkl",
            "vector width",
            "compiler flags",
        )
        machine = "; ".join(f"{name}: {kept['facts'][name]}" for name in shown if name in kept["facts"])
        clocks = ", ".join(sorted({out["clock"] for out in kept["cases"] if out["clock"]})) or "CPU"
        parts += [f"{kept['date']}, sparsela {kept['facts']['sparsela']}. {machine}. Clock: {clocks}.", ""]
    return "\n".join(parts)


def heading(text: str, under: str) -> list[str]:
    return [text, under * len(text), ""]


def link(room: str) -> str:
    return f":doc:`{room} <{room}>`"


def inline(plot: str) -> list[str]:
    """A plot as part of the page, so that its text has the colour of the page."""
    return [".. raw:: html", f"   :file: {plot}", ""]


def without_bar(headers: Iterable[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The ratio that is wanted guards against a slower version; a reader has no use for it."""
    place = list(headers).index("bar")
    headers, *rows = ([*cells[:place], *cells[place + 1 :]] for cells in [list(headers), *rows])
    return headers, rows


def losses(entries: dict[str, dict]) -> list[str]:
    """A line for each case in which the peer is faster, or for all of a kind where there are many; with the reason."""
    lines = []
    for kept in entries.values():
        lost = [out for out in measured(kept) if out["ratio"] < 1]
        kind = lambda out: (out["peer"], out.get("note", ""))  # noqa: E731
        for (peer, note), group in groupby(sorted(lost, key=kind), kind):
            cases = list(group)
            why = f" {note}" if note else ""
            if len(cases) > LISTED:
                low, high = (end(out["ratio"] for out in cases) for end in (min, max))
                lines.append(f"- {head(kept)}, {len(cases)} cases, against {peer}: {low:.2f} to {high:.2f}.{why}")
                continue
            for out in cases:
                spread = f"{out['ratio_min']:.2f} – {out['ratio_max']:.2f}"
                lines.append(f"- {out['name']}, against {peer}: {out['ratio']:.2f} ({spread}).{why}")
    return [line.replace("*", "\\*").replace("|", "\\|") for line in lines]


# The plots


def dot(out: dict, title: str) -> Dot:
    """A ratio: in the colour of who is faster, hollow where the pairs do not agree on it."""
    low, high = out["ratio_min"], out["ratio_max"]
    return Dot(out["ratio"], low, high, PEER if out["ratio"] < 1 else OURS, low <= 1 <= high, title)


def cases_plot(kept: dict) -> str:
    """A row for each case of a file."""
    rows = []
    for out in measured(kept):
        threads = "" if out["threads"] == 1 else f", {out['threads']} threads"
        rows.append(Row(f"{out['name']}{threads} · {out['peer']}", [dot(out, spread_of(out))], short(out["ratio"])))
    return dot_plot(rows, RATIO, line=1, title=head(kept))


def spread_of(out: dict) -> str:
    return f"{short(out['ratio'])} ({short(out['ratio_min'])} – {short(out['ratio_max'])})"


def overviews(results: dict[str, dict]) -> dict[str, str]:
    """The three plots over all rooms: ratios, fractions of the limit, growth."""
    ratios, limits, growth = [], [], []
    for room, entries in results.items():
        parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
        for kept in entries.values():
            cases = measured(kept)
            dots = [dot(out, f"{out['name']} · {out['peer']}: {spread_of(out)}") for out in cases]
            if dots:
                faster = sum(out["ratio"] >= 1 for out in cases)
                parts[0].append(Row(head(kept), dots, f"{faster} of {len(cases)}"))
            for floor in dict.fromkeys(out["floor"] for out in cases if out["floor_fraction"]):
                found = [out for out in cases if out["floor"] == floor and out["floor_fraction"]]
                dots = [
                    Dot(out["floor_fraction"], title=f"{out['name']}: {short(100 * out['floor_fraction'])} %")
                    for out in found
                ]
                parts[1].append(Row(f"{head(kept)} · {floor}", dots))
            for out in kept["growth"]:
                parts[2].append(Row(f"{head(kept)} · {out['name']}", [Dot(out["slope"])], f"{out['slope']:.2f}"))
        for whole, part in zip((ratios, limits, growth), parts, strict=True):
            whole += [Row(room), *part] if part else []
    plots = {
        "overview_ratios.svg": (ratios, RATIO, {"title": "Ratios of all cases, by room"}),
        "overview_limits.svg": (limits, LIMIT, {"title": "Fractions of the limits", "percent": True}),
        "overview_growth.svg": (growth, SLOPE, {"title": "Slopes of growth", "log": False}),
    }
    return {name: dot_plot(rows, axis, line=1, **more) for name, (rows, axis, more) in plots.items() if rows}


# The page over all rooms


def index(results: dict[str, dict], plots: set[str]) -> str:
    cases = [out for entries in results.values() for kept in entries.values() for out in measured(kept)]
    lost = [out for out in cases if out["ratio"] < 1]
    near = sum(out["ratio_max"] >= 1 for out in lost)
    lead = (
        f"{len(cases)} comparisons in {len(results)} rooms: sparsela is faster in {len(cases) - len(lost)}, the peer "
        f"in {len(lost)}, {near} of these by less than the pairs differ among themselves."
    )
    parts = [
        INTRODUCTION,
        textwrap.fill(lead, 120),
        "",
        *list_table(SUMMARY_HEADERS, [summary(*item) for item in results.items()]),
    ]
    if "overview_ratios.svg" in plots:
        parts += [*heading("All ratios", "-"), LEGEND, "", *inline("overview_ratios.svg")]
    parts += heading("Where a peer is faster", "-")
    for room, entries in results.items():
        if lines := losses(entries):
            parts += [link(room), "", *lines, ""]
    if "overview_limits.svg" in plots:
        parts += [*heading("How near to the limit", "-"), *inline("overview_limits.svg")]
    if "overview_growth.svg" in plots:
        parts += [*heading("How time grows with size", "-"), GROWTH_LEGEND, "", *inline("overview_growth.svg")]
    parts.append(METHOD)
    parts += [*heading("Machine and versions", "-"), *list_table(("what", "on these pages"), list(versions(results)))]
    parts += [*heading("The rooms", "-"), ".. toctree::", "   :maxdepth: 1", "   :glob:", "", "   *", ""]
    return "\n".join(parts)


SUMMARY_HEADERS = (
    "room",
    "faster in",
    "median ratio (smallest – largest)",
    "of the limit",
    "slopes of growth",
    "peak memory, peer / sparsela",
)
LEGEND = """\
A row for each file of benchmarks, a dot for each case: blue where sparsela is faster, orange where the peer is, hollow
where the pairs do not agree on it; the line is the smallest and largest of the pairs. At the right, in how many cases
sparsela is faster."""
GROWTH_LEGEND = """\
Sizes double from one to the next. A size may be the order of a matrix: what is linear in its entries has slope 2."""


def summary(room: str, entries: dict[str, dict]) -> list[str]:
    """One line of the table of rooms."""
    cases = [out for kept in entries.values() for out in measured(kept)]
    ratios = [out["ratio"] for out in cases]
    limits = [out["floor_fraction"] for out in cases if out["floor_fraction"]]
    slopes = [out["slope"] for kept in entries.values() for out in kept["growth"]]
    memory = [
        out["memory_peer"] / out["memory_ours"]
        for out in cases
        if out["memory_ours"] and out["memory_peer"] and min(out["memory_ours"], out["memory_peer"]) >= 1e6
    ]
    return [
        link(room),
        f"{sum(ratio >= 1 for ratio in ratios)} of {len(ratios)}",
        f"{short(median(ratios))} ({span(ratios)})",
        f"{span([100 * limit for limit in limits])} %" if limits else "–",
        span(slopes) if slopes else "–",
        f"{short(median(memory))} ({span(memory)})" if memory else "–",
    ]


def parts_of(name: str, fact: str) -> list[str]:
    """BLAS libraries are listed by name: a file has those that it loaded."""
    return fact.split(", ") if name == "blas" else [fact]


def short(value: float) -> str:
    """Three digits of it."""
    return f"{float(f'{value:.3g}'):,.10g}"


def span(values: list[float]) -> str:
    low, high = short(min(values)), short(max(values))
    return low if low == high else f"{low} – {high}"


def versions(results: dict[str, dict]) -> Iterator[list[str]]:
    """What every file was measured on, and the peers' versions."""
    kept = [entry for entries in results.values() for entry in entries.values()]
    yield ["measured", " to ".join(dict.fromkeys(end(entry["date"] for entry in kept) for end in (min, max)))]
    names = ("processor", "sparsela", "python", "numpy", "scipy", "scikit-learn", "numba", "blas", "mkl")
    for name in (*names, "openmp", "vector width", "compiler flags"):
        found = {part for entry in kept if name in entry["facts"] for part in parts_of(name, entry["facts"][name])}
        yield [name, ", ".join(sorted(found))]
    peers = {re.match(r"[\w-]+ \d+\.\d[\w.]*", out["peer"]) for entry in kept for out in entry["cases"]}
    yield ["peers", ", ".join(sorted({match.group() for match in peers if match}, key=str.lower))]
