"""The harness: equal answers before any timing, ratios that mean what they say, honest verdicts."""

import time

import numpy as np
import pytest

pairs = pytest.importorskip("benchmarks._pairs")
report = pytest.importorskip("benchmarks._report")


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
    assert out.pairs >= 5
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


def test_a_page_has_a_table_a_machine_and_a_date(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "PAGES", tmp_path / "docs")
    outcome = pairs.run_case(case(lambda: 1.0, lambda: 1.0), quick=True)
    report.keep("room", {"one": report.entry("One thing.\n\nWhy.\n", [outcome], [])}, {"one", "two"})
    report.keep("room", {"two": report.entry("Another.", [outcome], [])}, {"one", "two"})
    text = (tmp_path / "docs" / "room.rst").read_text(encoding="utf-8")
    for part in ("One thing\n---------", "Another\n-------", ".. list-table::", "numpy: " + np.__version__, "20"):
        assert part in text
