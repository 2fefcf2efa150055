"""How outcomes are shown and kept: cells and lines, and the JSON of a room."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path

from benchmarks._pairs import GrowthOutcome, Outcome
from sparsela._core.report import facts

RESULTS = Path(__file__).parent / "results"

HEADERS = (
    "case",
    "peer",
    "threads",
    "ratio (min – max)",
    "bar",
    "ours",
    "of the floor",
    "peak memory: ours, peer",
    "answers",
)
WIDTHS = (34, 22, 7, 22, 12, 10, 22, 23, 30)
GROWTH_HEADERS = ("growing", "threads", "sizes", "slope of log time", "bar", "time at the largest", "peak memory there")


def seconds(t: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if t * factor >= 1 or unit == "µs":
            return f"{t * factor:.3g} {unit}"
    raise AssertionError


def megabytes(n: int | None) -> str:
    return "–" if n is None else f"{n / 1e6:.1f} MB" if n >= 5e4 else "< 0.05 MB"


def verdict(bar: float | None, met: bool | None, sign: str) -> str:
    return "–" if bar is None else f"{sign} {bar:g}, {'met' if met else 'MISSED'}"


def row(out: dict) -> list[str]:
    """One case as cells under HEADERS."""
    if out["failure"]:
        return [out["name"], out["peer"], str(out["threads"]), *["–"] * 5, out["failure"]]
    fraction = out["floor_fraction"]
    return [
        out["name"],
        out["peer"],
        str(out["threads"]),
        f"{out['ratio']:.2f} ({out['ratio_min']:.2f} – {out['ratio_max']:.2f})",
        verdict(out["bar"], out["met"], "≥"),
        seconds(out["ours"]),
        "–" if fraction is None else f"{fraction:.0%} {out['floor']}",
        f"{megabytes(out['memory_ours'])}, {megabytes(out['memory_peer'])}",
        out["agreement"],
    ]


def growth_row(out: dict) -> list[str]:
    return [
        out["name"],
        str(out["threads"]),
        ", ".join(map(str, out["sizes"])),
        f"{out['slope']:.2f}",
        verdict(out["bar"], out["met"], "≤"),
        seconds(out["seconds"][-1]),
        megabytes(out["memory"][-1]),
    ]


def line(cells: Iterable[str]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def growth_line(out: dict) -> str:
    return "  ".join(f"{h} {c}" for h, c in zip(GROWTH_HEADERS, growth_row(out), strict=True) if c != "–")


def entry(doc: str, outcomes: list[Outcome], growths: list[GrowthOutcome]) -> dict:
    """What is kept of one file: its text, the machine, the date and every figure."""
    return {
        "doc": doc,
        "date": date.today().isoformat(),
        "facts": facts(),
        "cases": [asdict(o) for o in outcomes],
        "growth": [asdict(g) for g in growths],
    }


def keep(room: str, entries: dict[str, dict], present: set[str]) -> None:
    """Put new entries beside those of the room's other files."""
    path = RESULTS / f"{room}.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = {name: old[name] for name in old if name in present} | entries
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def kept_results() -> dict[str, dict]:
    """The entries of every room that has been measured."""
    paths = sorted(path for path in RESULTS.glob("*.json") if path.stem != "scaling")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def list_table(headers: Iterable[str], rows: list[list[str]]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in [headers, *rows]:
        lines += [f"   {'* -' if i == 0 else '  -'} {_escape(cell)}".rstrip() for i, cell in enumerate(cells)]
    return [*lines, ""]


def _escape(cell: str) -> str:
    if cell.startswith(":doc:"):
        return cell
    for mark in "\\*`|_":
        cell = cell.replace(mark, "\\" + mark)
    return cell
