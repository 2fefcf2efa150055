"""Time two ways to one answer, in turn, in one process: what a benchmark file yields and how it is measured.

A benchmark file, ``benchmarks/<room>/<file>.py``, opens with a docstring (it becomes the text above the table: title
line, then what is compared and why) and has one function::

    def cases(quick: bool):                  # quick: small sizes, for a smoke run
        X, D = ...
        yield Case("k = 5", ours=lambda: sparse_encode(X, D, ...), peer=lambda: spams.omp(...), peer_name="SPAMS",
                   check=lambda a, b: agree(a, b, rtol=1e-10), floor=lambda: X @ D.T, floor_name="X Dᵀ", bar=2.5)
        yield Growth("n_samples", [1000, 2000, 4000], lambda n: functools.partial(sparse_encode, X[:n], D), bar=1.1)

Both sides run once and must reach the same answer; then they are timed in turn, A B A B ..., at least five pairs, with
every thread pool held to one size (three pairs where one lasts over 25 seconds). What is reported is the median over
pairs of (time of the peer) / (time of ours), above 1 when we are faster, with its smallest and largest value.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import sparsela

MIN_PAIRS, MAX_PAIRS = 5, 15
BUDGET = 2.0  # seconds of timing that a case may take beyond its five pairs
SHORTEST = 0.02  # a timing repeats its call until it lasts this long
LONG, LONG_PAIRS = 25.0, 3  # pairs where a round lasts so many seconds
QUICK_PAIRS = 3  # of a quick run, with a quarter of the shortest timing: to see that a file runs, not to publish


@dataclass(frozen=True)
class Case:
    """One comparison. Calls take nothing and return the answer; what they need is made before."""

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    check: Callable[[Any, Any], str]  # (ours, peer) -> how well they agree; AssertionError where they do not
    peer_name: str
    floor: Callable[[], Any] | None = None  # the physical limit, timed in the same rounds
    floor_name: str = ""
    bar: float | None = None  # the ratio peer / ours that is wanted
    threads: int = 1
    note: str = ""  # why the peer is ahead, for the report; not shown where it is behind


@dataclass(frozen=True)
class Growth:
    """How time grows with size: each size twice the one before, the slope of log time over log size is reported."""

    name: str
    sizes: Sequence[int]
    make: Callable[[int], Callable[[], Any]]  # size -> the call that is timed
    bar: float | None = None  # the slope wanted, at most
    threads: int = 1


@dataclass
class Outcome:
    """What was measured in one case. Seconds are medians; memory is in bytes, None where it cannot be had."""

    name: str
    peer: str
    threads: int
    agreement: str = ""
    failure: str = ""  # why there are no figures
    wrong: bool = False  # the two sides differ
    pairs: int = 0
    clock: str = ""
    ours: float | None = None
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    bar: float | None = None
    met: bool | None = None
    floor: str = ""
    floor_fraction: float | None = None
    memory_ours: int | None = None
    memory_peer: int | None = None
    note: str = ""


@dataclass
class GrowthOutcome:
    name: str
    threads: int
    sizes: list[int]
    seconds: list[float]
    slope: float
    memory: list[int | None]
    bar: float | None = None
    met: bool | None = None


def run_case(case: Case, *, quick: bool = False) -> Outcome:
    """Check that both sides agree, then time them in turn."""
    out = Outcome(case.name, case.peer_name, case.threads, bar=case.bar, floor=case.floor_name, note=case.note)
    clock, out.clock = _clock(case.threads)
    try:
        with pinned(case.threads):
            first = [_once(call, clock) for call in (case.ours, case.peer)]
            out.agreement = case.check(*(answer for *_, answer in first))
            if case.floor:
                case.floor()
    except AssertionError as error:
        out.failure, out.wrong = f"the answers differ: {str(error).strip().splitlines()[0] if str(error) else ''}", True
        return out
    except ImportError as error:
        out.failure = f"skipped: {error}"
        return out

    with pinned(case.threads):  # anew: the first run may have loaded libraries with pools of their own
        calls = [case.ours, case.peer] + ([case.floor] if case.floor else [])
        first = [found[:2] for found in first]
        if min(seconds for seconds, _ in first) < LONG / 5 or case.floor:
            first = [_once(call, clock)[:2] for call in calls]
        once, memory = zip(*first, strict=True)
        out.memory_ours, out.memory_peer = memory[:2]
        shortest = SHORTEST / 4 if quick else SHORTEST
        repeats = [max(1, math.ceil(shortest / max(t, 1e-7))) for t in once]
        a_round = sum(max(t, shortest) for t in once)
        enough = max(LONG_PAIRS if a_round > LONG else MIN_PAIRS, BUDGET / a_round)
        out.pairs = QUICK_PAIRS if quick else int(min(MAX_PAIRS, enough))
        with _no_collection():
            times = np.array(
                [[_seconds(call, n, clock) for call, n in zip(calls, repeats, strict=True)] for _ in range(out.pairs)]
            )
    ratios = times[:, 1] / times[:, 0]
    out.ours = float(np.median(times[:, 0]))
    out.ratio, out.ratio_min, out.ratio_max = float(np.median(ratios)), float(ratios.min()), float(ratios.max())
    if case.floor:
        out.floor_fraction = float(np.median(times[:, 2] / times[:, 0]))
    if case.bar is not None:
        out.met = out.ratio >= case.bar
    return out


def run_growth(case: Growth, *, quick: bool = False) -> GrowthOutcome:
    """Time each size (median of five), fit the slope."""
    pairs = QUICK_PAIRS if quick else MIN_PAIRS
    clock, _ = _clock(case.threads)
    seconds, memory = [], []
    for size in case.sizes:
        call = case.make(size)
        with pinned(case.threads):
            call()
        with pinned(case.threads):
            once, peak, _ = _once(call, clock)
            repeats = max(1, math.ceil((SHORTEST / 4 if quick else SHORTEST) / max(once, 1e-7)))
            with _no_collection():
                seconds.append(float(np.median([_seconds(call, repeats, clock) for _ in range(pairs)])))
            memory.append(peak)
    slope = float(np.polyfit(np.log(case.sizes), np.log(seconds), 1)[0])
    met = None if case.bar is None else slope <= case.bar
    return GrowthOutcome(case.name, case.threads, list(case.sizes), seconds, slope, memory, case.bar, met)


def agree(ours, peer, *, rtol: float, atol: float = 0.0, what: str = "difference") -> str:
    """Assert that two arrays (or sparse arrays, or numbers) agree to `rtol` of the largest entry; say how well."""
    ours, peer = (np.asarray(a.toarray() if hasattr(a, "toarray") else a) for a in (ours, peer))
    assert ours.shape == peer.shape, f"shapes {ours.shape} and {peer.shape}"
    assert np.isfinite(ours).all(), "our answer is not finite"
    assert np.isfinite(peer).all(), "the peer's answer is not finite"
    scale = float(np.abs(peer).max(initial=0))
    error = float(np.abs(ours - peer).max(initial=0))
    assert error <= rtol * scale + atol, f"{what} {error:.1e} of {scale:.1e}, allowed {rtol:.0e} of it"
    return f"{what} {error / scale if scale else error:.0e}"


def versioned(package: str) -> str:
    """The name of a peer with its installed version; ImportError where it is not there."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(f"{package} is not installed") from error


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Hold every loaded thread pool (OpenMP, BLAS, MKL, Numba, PyTorch, sparsela) to `threads`."""
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=threads))
        stack.enter_context(sparsela.config_context(n_jobs=threads))
        if (numba := sys.modules.get("numba")) is not None:
            stack.callback(numba.set_num_threads, numba.get_num_threads())
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        if (torch := sys.modules.get("torch")) is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        yield


def _clock(threads: int) -> tuple[Callable[[], float], str]:
    # CPU time is what one thread costs, whatever else the machine does; more threads are about the wall clock.
    return (time.process_time, "CPU") if threads == 1 else (time.perf_counter, "wall")


def _seconds(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _once(call: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, int | None, Any]:
    """Seconds, peak memory and answer of one call.

    The kernel's own high-water mark: free pages go back to the system (malloc_trim), writing 5 to clear_refs sets VmHWM
    to what is resident, and its growth over the call is the peak, native buffers included. Linux only.
    """
    gc.collect()
    before = None
    try:
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        before = _status("VmRSS")
    except (OSError, AttributeError):
        pass
    start = clock()
    answer = call()
    seconds = clock() - start
    return seconds, None if before is None else max(0, _status("VmHWM") - before), answer


def _status(field: str) -> int:
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field + ":"))
