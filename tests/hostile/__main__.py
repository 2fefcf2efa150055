"""``python -m hostile [N] [NAME ...]`` in the folder tests: every case once, then N at random.

Prints the findings as they come, then the number of calls. ``--sound``, ``--broken`` and ``--random`` are parts of it.
"""

import faulthandler
import resource
import sys
import time
from collections import Counter

import numpy as np

from .calls import TABLE
from .harness import SECONDS, cases, trial
from .versions import LAYOUTS, SPARSE, VALUES

MEMORY = 12 << 30


def main(arguments: list[str]) -> int:
    n_random = int(arguments[0]) if arguments and arguments[0].isdigit() else 0
    wanted = [name for name in arguments if not name.isdigit() and name[0] != "-"]
    kinds = {False} if "--sound" in arguments else {True} if "--broken" in arguments else {False, True}
    kinds = set() if "--random" in arguments else kinds
    names = [name for name in TABLE if not wanted or any(part in name for part in wanted)]
    # a size past all memory is to end in a MemoryError
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    counts, findings, start = Counter(), [], time.perf_counter()

    def one(name, *case):
        faulthandler.dump_traceback_later(4 * SECONDS, exit=True)
        verdict = trial(name, *case)
        counts[name] += 1
        if verdict:
            findings.append((name, *case, verdict))
            print(" | ".join(findings[-1]), flush=True)

    for name in names:
        print("#", name, file=sys.stderr, flush=True)
        for case in cases(name):
            if (case[2] == "broken") in kinds:
                one(name, *case)
    rng = np.random.default_rng(n_random)
    pool = [(name, case) for name in names for case in cases(name) if case[1] == "as it is"]
    layouts = [*LAYOUTS, *SPARSE]
    for _ in range(n_random if pool else 0):
        name, (argument, _, _) = pool[rng.integers(len(pool))]
        change = list(VALUES)[rng.integers(len(VALUES))]
        layout = layouts[rng.integers(len(layouts))]
        print("#", name, argument, change, layout, file=sys.stderr)
        one(name, argument, change, layout)
    faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - start
    print(f"{sum(counts.values())} calls of {len(counts)} names in {seconds:.0f} s, {len(findings)} findings")
    return len(findings) > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
