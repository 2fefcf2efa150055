"""The harness: equal answers before any timing, ratios that mean what they say, honest verdicts."""

import json
import re
import time

import numpy as np
import pytest

pairs = pytest.importorskip("benchmarks._pairs")
report = pytest.importorskip("benchmarks._report")
pages = pytest.importorskip("benchmarks._pages")
plots = pytest.importorskip("benchmarks._plots")


def spin(seconds, answer):
    """A call that keeps the processor busy for so long."""

    def call():
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return answer

    return call


def case(ours, peer, **more):
    return pairs.Case("c", ours, peer, lambda a, b: pairs.agree(a, b, rtol=1e-12), "peer", **more)


def test_the_ratio_is_the_peers_time_over_ours():
    out = pairs.run_case(case(spin(0.004, 1.0), spin(0.012, 1.0), floor=spin(0.002, 0), bar=2.5), quick=True)
    assert out.ratio_min <= out.ratio <= out.ratio_max
    assert 2 < out.ratio < 4
    assert out.met
    assert 0.3 < out.floor_fraction < 0.8
    assert out.pairs == 3
    assert out.clock == "CPU"


def test_a_missed_bar_is_printed_as_missed():
    out = pairs.run_case(case(spin(0.003, 1.0), spin(0.003, 1.0), bar=100, threads=2), quick=True)
    assert out.met is False
    assert out.clock == "wall"
    assert "MISSED" in report.line(report.row(vars(out)))


def test_different_answers_are_never_timed():
    out = pairs.run_case(case(lambda: 1.0, lambda: 1.1))
    assert out.wrong
    assert out.ratio is None
    assert "the answers differ" in report.line(report.row(vars(out)))
    assert pairs.run_case(case(lambda: np.array([np.nan]), lambda: np.array([np.nan]))).wrong


def test_a_peer_that_is_not_installed_is_skipped():
    def peer():
        raise ImportError("no such peer")

    out = pairs.run_case(case(lambda: 1.0, peer))
    assert not out.wrong
    assert out.failure == "skipped: no such peer"
    with pytest.raises(ImportError, match="not installed"):
        pairs.versioned("a-package-that-is-not-there")


def test_peak_memory_counts_what_a_call_allocates_and_frees():
    out = pairs.run_case(case(lambda: np.ones(8_000_000).sum(), lambda: 8e6), quick=True)
    if out.memory_ours is None:
        pytest.skip("this system has no VmHWM")
    assert 60e6 < out.memory_ours < 80e6
    assert out.memory_peer < 5e6


def test_growth_finds_the_slope():
    out = pairs.run_growth(pairs.Growth("n", [1, 2, 4], lambda n: spin(0.002 * n**2, 0), bar=2.5), quick=True)
    assert abs(out.slope - 2) < 0.3
    assert out.met


def test_pinned_holds_every_pool_and_lets_go():
    from threadpoolctl import threadpool_info

    from sparsela._core.threads import effective_n_jobs

    before = [p["num_threads"] for p in threadpool_info()]
    with pairs.pinned(1):
        assert effective_n_jobs() == 1
        assert {p["num_threads"] for p in threadpool_info()} == {1}
    assert [p["num_threads"] for p in threadpool_info()] == before


def test_a_page_has_a_plot_a_table_a_machine_and_a_date(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    outcome = pairs.run_case(case(lambda: 1.0, lambda: 1.0), quick=True)
    report.keep("room", {"one": report.entry("One thing.\n\nWhy.\n", [outcome], [])}, {"one", "two"})
    report.keep("room", {"two": report.entry("Another.", [outcome], [])}, {"one", "two"})
    made = pages.report(report.kept_results())
    for part in ("One thing\n---------", "Another\n-------", ".. list-table::", "numpy: " + np.__version__, "20"):
        assert part in made["room.rst"]
    for plot in ("room_one.svg", "room_two.svg"):
        assert plot in made["room.rst"]
        assert made[plot].count("<circle") == 1


def outcome(name, ratio, low, high, **more):
    return vars(pairs.Outcome(name, "peer 1.0", 1, ours=1.0, ratio=ratio, ratio_min=low, ratio_max=high, **more))


def test_a_peer_that_wins_is_shown_winning():
    cases = [
        outcome("fast", 3, 2, 4),
        outcome("slow", 0.5, 0.4, 0.6, note="For a reason."),
        outcome("near", 1.1, 0.9, 2),
    ]
    kept = {"doc": "T.", "date": "2026-01-01", "facts": {"sparsela": "0"}, "cases": cases, "growth": []}
    made = pages.report({"room": {"one": kept}})
    line = "- slow, against peer 1.0: 0.50 (0.40 – 0.60). For a reason."
    assert line in made["index.rst"] and line in made["room.rst"]
    assert "sparsela is faster in 2, the peer in 1, 0 of these" in " ".join(made["index.rst"].split())
    for plot in (made["room_one.svg"], made["overview_ratios.svg"]):
        fast, slow, near = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', plot))
        assert slow < near < fast
        assert plot.count(f'fill="{plots.PEER}"') == 1  # slow
        assert plot.count(f'fill="{plots.OURS}"') == 1  # fast
        assert plot.count(f'fill="none" stroke="{plots.OURS}"') == 1  # near: the pairs do not agree


def test_the_committed_pages_are_those_of_the_committed_results():
    if not report.RESULTS.exists() or not pages.PAGES.exists():
        pytest.skip("an installed copy has neither")
    made = pages.report(report.kept_results())
    scaling = pytest.importorskip("benchmarks.scaling")
    made["scaling.rst"] = scaling.page(json.loads(scaling.RESULT.read_text(encoding="utf-8")))
    there = {path.name: path.read_text(encoding="utf-8") for path in pages.PAGES.iterdir()}
    assert there == made, "run python -m benchmarks --report"
    assert max(len(text.encode()) for name, text in made.items() if name.endswith(".svg")) < 100_000
