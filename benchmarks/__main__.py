"""Run the benchmarks of a room, print them, keep them as JSON and write the report."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import _pages, _report, scaling
from benchmarks._pairs import Case, Growth, run_case, run_growth
from sparsela._core.report import facts

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("room", nargs="?", help="a room (coding), one file of it (coding/omp), or all of them")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs; nothing is written")
    parser.add_argument("--report", action="store_true", help="only write all pages anew, from what is kept")
    args = parser.parse_args()
    if args.report:
        _pages.rebuild()
        scaling.write_page()
        return 0

    available = files()
    room, _, only = (args.room or "").partition("/")
    chosen = {r: names for r, names in available.items() if not room or r == room}
    if not chosen or (only and only not in available[room]):
        there = ", ".join(f"{r}/{n}" for r, names in available.items() for n in names)
        parser.error(f"there is no benchmark '{args.room}'; there are: {there}")

    known = facts()
    print(f"{known['processor']}; sparsela {known['sparsela']}, {known['vector width']}; {known['blas']}")
    wrong = 0
    for name, stems in chosen.items():
        entries = {stem: run_file(name, stem, args.quick) for stem in stems if not only or stem == only}
        wrong += sum(case["wrong"] for kept in entries.values() for case in kept["cases"])
        if not args.quick:
            _report.keep(name, {s: e for s, e in entries.items() if e["cases"] or e["growth"]}, set(stems))
            _pages.rebuild()
    if wrong:
        print(f"{wrong} case(s) with different answers on the two sides", file=sys.stderr)
    return 1 if wrong else 0


def files() -> dict[str, list[str]]:
    """The benchmark files of each room."""
    rooms: dict[str, list[str]] = {}
    for path in sorted(HERE.glob("*/*.py")):
        if not path.stem.startswith("_"):
            rooms.setdefault(path.parent.name, []).append(path.stem)
    return rooms


def run_file(room: str, stem: str, quick: bool) -> dict:
    """Run one file; print a line as each case ends."""
    print(f"\n{room}/{stem}")
    outcomes, growths, doc = [], [], stem
    try:
        module = importlib.import_module(f"benchmarks.{room}.{stem}")
        doc = module.__doc__ or stem
        for case in module.cases(quick):
            if isinstance(case, Growth):
                growths.append(run_growth(case, quick=quick))
                print(_report.growth_line(vars(growths[-1])), flush=True)
                continue
            assert isinstance(case, Case), f"{room}/{stem} yielded {case!r}"
            if not outcomes:
                print(_report.line(_report.HEADERS))
            outcomes.append(run_case(case, quick=quick))
            print(_report.line(_report.row(vars(outcomes[-1]))), flush=True)
    except ImportError as error:
        print(f"skipped: {error}")
    return _report.entry(doc, outcomes, growths)


if __name__ == "__main__":
    sys.exit(main())
