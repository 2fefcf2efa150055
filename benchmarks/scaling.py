"""What a cluster costs and brings: the same work in this process, on one worker process and on two.

Run by ``python -m benchmarks.scaling``, with ``--quick`` for small sizes and nothing kept. Every worker has one thread,
and so has this process. Data are made where they lie, before the clock starts. Wall time, the best of three after one
run that is not counted. Bytes are those of the messages: what the client sent to the scheduler, and what the workers
sent to the scheduler and to each other, of one run on two workers. Of one worker with one thread joblib makes no use:
independent work then runs in the client. Two worker processes on a machine that has other
work to do, or no more than two cores, are not twice as fast as one.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

import sparsela
from benchmarks._pages import PAGES, heading
from benchmarks._report import RESULTS, list_table, megabytes, seconds
from sparsela._core.report import facts
from sparsela.coding import SparseCoder
from sparsela.dictionary import OnlineDictionaryLearning
from sparsela.dpp import KernelDPP
from sparsela.lowrank import UpdatableTruncatedSVD
from sparsela.matmul import get_scheme, reduce_additions, search_scheme
from sparsela.recovery import phase_transition
from sparsela.sketch import StreamingSketch

HEADERS = ("work", "data", "here", "one worker", "two workers", "one / two", "client sent", "workers sent", "answers")
REPEATS = 3
RESULT = RESULTS / "scaling.json"


@dataclass
class Work:
    """Something that a cluster can do: `run(data, here)` gives the answer to compare, data being an array or None."""

    name: str
    run: Callable[[Any, bool], Any]
    data: Callable[[], Any] | None = None
    tol: float = 1e-9


def works(quick: bool) -> Iterator[Work]:
    """Every way that the guide describes."""
    import dask.array as da
    import joblib

    n = 8_000 if quick else 160_000
    signals = lambda: da.random.default_rng(0).normal(size=(n, 64), chunks=(n // 8, 64))  # noqa: E731
    points = lambda: da.random.default_rng(1).normal(size=(4 * n, 5), chunks=(n // 2, 5))  # noqa: E731
    D = np.random.default_rng(2).normal(size=(128, 64))
    coder = SparseCoder(D / np.linalg.norm(D, axis=1, keepdims=True), transform_n_nonzero_coefs=6, n_jobs=1)

    def codes(A, here):
        if here:
            return np.linalg.norm(coder.transform(A), axis=0)
        C = A.map_blocks(coder.transform, chunks=(A.chunks[0], (128,)), meta=np.empty((0, 0)))
        return np.sqrt((C**2).sum(axis=0).compute())

    def learned(A, here):
        model = OnlineDictionaryLearning(128, alpha=1.0, random_state=0, dict_init=D)
        return model.partial_fit(A).components_

    def spectrum(A, here):
        return UpdatableTruncatedSVD(64, random_state=0).partial_fit(A).singular_values_

    def fitted(A, here):
        return KernelDPP(gamma=0.1, expected_size=20, random_state=0).fit(A).rls_

    def drawn(A, here):
        if not hasattr(A, "process"):
            A.process = KernelDPP(gamma=0.1, expected_size=20, random_state=0).fit(A.points)
        return np.concatenate(A.process.sample(5, random_state=0))

    yield Work("codes of signals by OMP, and their norms", codes, signals)
    yield Work(
        "StreamingSketch, 256 rows",
        lambda A, here: StreamingSketch(256, random_state=0).partial_fit(A).sketch_,
        signals,
    )
    yield Work("OnlineDictionaryLearning, a mini-batch, 128 atoms", learned, signals)
    yield Work("UpdatableTruncatedSVD, rank 64", spectrum, signals)
    yield Work("KernelDPP.fit, 20 points expected", fitted, points)
    yield Work("KernelDPP.sample, 5 sets", drawn, lambda: Fitted(points()))
    grid = {"n_features": 64 if quick else 256, "n_trials": 5 if quick else 20, "random_state": 0, "n_jobs": 1}
    yield Work("phase_transition of OMP", lambda A, here: phase_transition("omp", **grid).success)
    trials = {"n_trials": 32 if quick else 1024, "n_jobs": 1, "random_state": 0}
    scheme = get_scheme("laderman")
    yield Work(
        "reduce_additions of Laderman's scheme", lambda A, here: reduce_additions(scheme, **trials).additions_uvw
    )

    def restarts(A, here):
        limits = {"target_rank": 23, "max_flips": 200_000 if quick else 20_000_000, "n_jobs": 1}
        search = functools.partial(search_scheme, (3, 3, 3), **limits)
        if here:
            found = [search(random_state=seed) for seed in range(8)]
        else:
            found = joblib.Parallel()(joblib.delayed(search)(random_state=seed) for seed in range(8))
        return [(result.rank, result.n_flips) for result in found]

    yield Work("search_scheme from eight seeds", restarts)


class Fitted:
    """Points that a process is fitted to once, before the clock starts."""

    def __init__(self, points):
        self.points = points


def measure(quick: bool) -> list[dict]:
    """One row a piece of work."""
    import joblib
    from distributed import Client, LocalCluster, wait

    rows = [{"work": work.name, "data": 0} for work in works(quick)]
    answers: list = []
    for row, work in zip(rows, works(quick), strict=True):
        data = work.data() if work.data else None
        if isinstance(data, Fitted):
            data.points = data.points.compute(scheduler="sync")
        elif data is not None:
            data = data.compute(scheduler="sync")
        row["data"] = getattr(getattr(data, "points", data), "nbytes", 0)
        with sparsela.config_context(n_jobs=1):
            answer, row["here"] = best(lambda work=work, data=data: work.run(data, True))
        answers.append(answer)
        print(f"here: {work.name}, {seconds(row['here'])}", flush=True)
    for n_workers in (1, 2):
        with (
            LocalCluster(n_workers, threads_per_worker=1, memory_limit=None, dashboard_address=":0") as cluster,
            Client(cluster) as client,
            joblib.parallel_config("dask"),
        ):
            count_bytes(client)
            for row, work, answer in zip(rows, works(quick), answers, strict=True):
                data = work.data() if work.data else None
                if isinstance(data, Fitted):
                    data.points = data.points.persist()
                    wait(data.points)
                elif data is not None:
                    data = data.persist()
                    wait(data)
                found, row[f"workers {n_workers}"] = best(lambda work=work, data=data: work.run(data, False))
                before = sent(client)
                work.run(data, False)
                row["client sent"], row["workers sent"] = (b - a for a, b in zip(before, sent(client), strict=True))
                row["equal"] = row.get("equal", True) and bool(np.allclose(found, answer, rtol=work.tol, atol=work.tol))
                print(f"{n_workers}: {work.name}, {seconds(row[f'workers {n_workers}'])}", flush=True)
                del data
    return rows


def best(call: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and the least wall time of three calls after one."""
    answer, times = call(), []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return answer, min(times)


def count_bytes(client) -> None:
    """Let every process count what it writes to others."""

    def install(scheduler: str):
        from distributed.comm import tcp

        if not hasattr(tcp, "_written"):
            write = tcp.TCP.write

            async def counted(self, *args, **more):
                size = await write(self, *args, **more)
                tcp._written[self.peer_address == tcp._scheduler] += size or 0
                return size

            tcp.TCP.write = counted
        tcp._scheduler, tcp._written = scheduler, {True: 0, False: 0}

    install(client.scheduler.address)
    client.run(install, client.scheduler.address)


def sent(client) -> tuple[int, int]:
    """Bytes that the client has sent to the scheduler, and the workers to anyone."""
    from distributed.comm import tcp

    def all_of_it():
        from distributed.comm import tcp

        return sum(tcp._written.values())

    workers = sum(client.run(all_of_it).values())
    return tcp._written[True], workers


def cells(row: dict) -> list[str]:
    data = megabytes(row["data"]) if row["data"] else "–"
    one, two = row["workers 1"], row["workers 2"]
    times = [seconds(row["here"]), seconds(one), seconds(two), f"{one / two:.2f}"]
    moved = [megabytes(row["client sent"]), megabytes(row["workers sent"])]
    return [row["work"], data, *times, *moved, "equal" if row["equal"] else "DIFFERENT"]


def page(kept: dict) -> str:
    head, _, text = kept["doc"].partition("\n")
    known = kept["facts"]
    machine = f"{kept['date']}, sparsela {known['sparsela']}. {known['processor']}; {known['blas']}."
    table = list_table(HEADERS, [*map(cells, kept["rows"])])
    return "\n".join([*heading("Benchmarks: scaling", "="), head, "", text.strip(), "", *table, machine, ""])


def write_page() -> None:
    """The page, from what is kept."""
    kept = json.loads(RESULT.read_text(encoding="utf-8"))
    (PAGES / "scaling.rst").write_text(page(kept), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rows = measure(quick)
    for line in [HEADERS, *map(cells, rows)]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, (50, 9, 9, 10, 11, 9, 11, 12, 9), strict=True)))
    if not quick:
        kept = {"doc": __doc__, "date": date.today().isoformat(), "facts": facts(), "rows": rows}
        RESULT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_page()
    return 0 if all(row["equal"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
