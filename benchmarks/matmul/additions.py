"""Additions of published schemes, ours against the best published counts.

The schemes are public ones, read from the folder that SPARSELA_SCHEMES names; without it nothing runs. What is timed is
one round of 64 runs a factor on one thread: greedy intersections against greedy potential, which is exact and dearer.
The last column has the additions that the default strategy finds with a patience of six rounds, the sums of A, of B and
of the products apart, and the published count for the same factors. Every program is expanded and compared with its
factor.
``python -m benchmarks.matmul.additions SECONDS [FOLDER]`` prints the whole table for a longer search: all files again
and again with new seeds and both strategies, until the time is over. What is below the published count is saved in the
folder with its programs, and read back from there, which verifies both.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks._pairs import Case
from sparsela.matmul import BilinearScheme, load_scheme, reduce_additions, save_scheme

LARGEST_TIMED = 100  # rank up to which a round of greedy potential takes seconds rather than minutes


def published():
    """(scheme, published additions) of every file that has a count, the smallest first."""
    folder = os.environ.get("SPARSELA_SCHEMES")
    files = sorted(Path(folder).glob("*.json")) if folder else []
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    counted = [data for data in found if data.get("known_reduced_additions")]
    counted.sort(key=lambda data: (data["rank"], data["name"]))
    return [(BilinearScheme.from_dict(data), data["known_reduced_additions"]["total"]) for data in counted]


def cases(quick: bool):
    outcome = {"lower": 0, "equal": 0, "higher": 0}
    schemes = published()
    if not schemes:
        raise ImportError("SPARSELA_SCHEMES names no folder of schemes")
    for scheme, count in schemes[: 6 if quick else None]:
        if scheme.rank > LARGEST_TIMED:
            continue
        one_round = partial(
            reduce_additions, scheme, max_rounds=1, partial_init=0, use_transpose=False, n_jobs=1, random_state=0
        )

        def counts(a, b, scheme=scheme, count=count):
            del a, b
            best = reduce_additions(scheme, patience=6, n_jobs=1, random_state=0)
            assert scheme.with_programs(best.scheme.programs).additions == best.additions
            outcome[verdict(best.additions, count)] += 1
            u, v, w = best.additions_uvw
            return f"{best.additions} = {u} + {v} + {w}, published {count}"

        yield Case(
            f"{scheme.name.split('_')[0]}, rank {scheme.rank}",
            partial(one_round, strategy="greedy-intersections"),
            partial(one_round, strategy="greedy-potential"),
            counts,
            "greedy potential",
        )
    if sum(outcome.values()):
        print(f"of {sum(outcome.values())} published counts: {outcome}")


def verdict(ours: int, theirs: int) -> str:
    return "lower" if ours < theirs else "equal" if ours == theirs else "higher"


def main(seconds: float, folder: str | None = None) -> None:
    """The table after a search of so many seconds of CPU in all."""
    best = {}
    seed = 0
    schemes = published()
    began = time.process_time()
    while time.process_time() - began < seconds:
        for place, (scheme, _) in enumerate(schemes):
            if time.process_time() - began >= seconds:
                break
            start = best.get(place, scheme)
            strategy = "greedy-potential" if seed % 3 == 2 else "mix"
            found = reduce_additions(start, strategy=strategy, patience=6, time_limit=60, n_jobs=1, random_state=seed)
            best[place] = found.scheme
        seed += 1
    outcome = {"lower": 0, "equal": 0, "higher": 0}
    for place, (scheme, count) in enumerate(schemes):
        ours = best.get(place, scheme)
        assert scheme.with_programs(ours.programs).additions == ours.additions
        word = verdict(ours.additions, count)
        outcome[word] += 1
        if word == "lower" and folder is not None:
            path = Path(folder) / f"{scheme.name.split('_')[0]}_r{scheme.rank}_a{ours.additions}.json"
            save_scheme(ours, path)
            assert load_scheme(path).additions == ours.additions
        u, v, w = (program.additions for program in ours.programs)
        print(f"{scheme.name:24} published {count:4}  ours {ours.additions:4} = {u} + {v} + {w}  {word}")
    print(f"{seed} passes, {time.process_time() - began:.0f} s of CPU: {outcome}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, *sys.argv[2:3])
