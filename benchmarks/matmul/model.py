"""Does the measured machine model choose well?

``calibrate`` on one thread for three seconds, then ten shapes in double precision: the plan it chooses against the best
of 0, 1, 2 and 3 levels of Winograd's scheme, as found by timing them all; the table says which they were, and the ratio
to BLAS that was predicted for the chosen one and measured.
"""

import time
from functools import cache, partial

import numpy as np

from benchmarks._pairs import Case, agree
from sparsela.matmul import calibrate, plan_multiply

SHAPES = [(n, n, n) for n in (1000, 1500, 2200, 3500, 5000)]
SHAPES += [(4000, 1000, 4000), (1000, 4000, 4000), (6000, 2000, 1000), (1500, 3000, 2500), (5000, 700, 3000)]


def cases(quick: bool):
    model = calibrate(n_jobs=1, budget=0.2 if quick else 3.0)
    for m, k, n in [(300, 200, 250)] if quick else SHAPES:
        make = cache(partial(operands, m, k, n))
        plans = [plan_multiply((m, k), (k, n), scheme="winograd", levels=level, n_jobs=1) for level in range(4)]
        chosen = plan_multiply((m, k), (k, n), model=model, n_jobs=1)
        best = cache(partial(fastest, plans, make))
        ours, peer = partial(run, lambda chosen=chosen: chosen, make), partial(run, best, make)
        check = partial(report, chosen, best, make)
        yield Case(f"{m} × {k} × {n}", ours, peer, check, "the best of 0 … 3 levels", bar=None if quick else 0.97)


def operands(m, k, n):
    rng = np.random.default_rng(0)
    return rng.standard_normal((m, k)), rng.standard_normal((k, n)), np.zeros((m, n))


def run(choose, make):
    A, B, out = make()
    return choose().run(A, B, out)


def seconds(plan, make, turns):
    def once():
        start = time.process_time()
        run(lambda: plan, make)
        return time.process_time() - start

    once()
    return float(np.median([once() for _ in range(turns)]))


def fastest(plans, make):
    return min(plans, key=lambda plan: seconds(plan, make, 3))


def report(chosen, best, make, ours, peer):
    agree(ours, peer, rtol=1e-11)
    blas = plan_multiply(make()[0].shape, make()[1].shape, levels=0, n_jobs=1)
    measured = seconds(blas, make, 2) / seconds(chosen, make, 2)
    predicted = chosen.predicted_blas_time / chosen.predicted_time
    return f"chosen {chosen.levels}, best {best().levels}; over BLAS {predicted:.2f} predicted, {measured:.2f} measured"
