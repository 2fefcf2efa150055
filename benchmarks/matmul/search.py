"""Flips of a walk on the flip graph, and ranks found from the classical scheme.

One thread. The peer is the same flip in plain Python on integers as bit masks, with pairs found anew after each flip;
both do the same number of accepted flips from the classical scheme, and both results must multiply. The last column has
the rank that :func:`sparsela.matmul.search_scheme` finds from the classical scheme and the median time over three seeds.
"""

import random
import time
from functools import partial

import numpy as np

from benchmarks._pairs import Case
from sparsela.matmul import BilinearScheme, get_scheme, search_scheme

FORMATS = {(2, 2, 2): 7, (2, 2, 5): 18, (2, 3, 3): 15, (3, 3, 3): 23, (2, 3, 4): 20, (2, 4, 4): 26, (3, 3, 4): 29}


def cases(quick: bool):
    search_scheme((2, 2, 2), max_flips=1000)  # compiled
    n_flips = 1_000 if quick else 5_000
    for shape, rank in list(FORMATS.items())[: 4 if quick else None]:

        def ranks(a, b, shape=shape, rank=rank):
            assert a.scheme.verify()
            b.verify()
            seconds, reached = [], []
            for seed in range(3):
                start = time.process_time()
                found = search_scheme(shape, target_rank=rank, max_flips=200_000_000, n_jobs=1, random_state=seed)
                seconds.append(time.process_time() - start)
                reached.append(found.rank)
            return f"rank {int(np.median(reached))} in {np.median(seconds):.2g} s"

        yield Case(
            f"{n_flips:,} flips, {'×'.join(map(str, shape))}",
            partial(search_scheme, shape, max_flips=n_flips, n_walkers=1, n_jobs=1, random_state=0),
            partial(plain_walk, shape, n_flips),
            ranks,
            "plain Python",
        )


def plain_walk(shape, n_flips):
    """The walk with Python's integers; rows that become zero go, and a walk without a flip begins again."""
    rng = random.Random(0)

    def classical():
        s = get_scheme("classical", shape)
        return [
            [[sum(1 << i for i, x in enumerate(row) if x == sign) for sign in (1, -1)] for row in rows]
            for rows in zip(s.u.tolist(), s.v.tolist(), s.w.tolist(), strict=True)
        ]

    def add(x, y, sign):
        p, m = y if sign > 0 else y[::-1]
        if x[0] & p or x[1] & m:
            return None
        return [(x[0] & ~m) | (p & ~x[1]), (x[1] & ~p) | (m & ~x[0])]

    rows, done = classical(), 0
    while done < n_flips:
        pairs = [
            (f, s, t, sign)
            for f in range(3)
            for s in range(len(rows))
            for t in range(len(rows))
            if s != t
            for sign in (1, -1)
            if rows[s][f] == rows[t][f][::sign]
        ]
        if not pairs:
            rows = classical()
            continue
        f, s, t, sign = rng.choice(pairs)
        b, c = rng.sample([g for g in range(3) if g != f], 2)
        way = rng.choice([1, -1])
        # a b₁ c₁ + σ a b₂ c₂ = a (b₁ + τ b₂) c₁ + σ a b₂ (c₂ − σ τ c₁)
        one = add(rows[s][b], rows[t][b], way)
        two = add(rows[t][c], rows[s][c], -way * sign)
        if one is None or two is None:
            continue
        rows[s][b], rows[t][c] = one, two
        rows = [row for row in rows if all(p | m for p, m in row)]
        done += 1
    sizes = (shape[0] * shape[1], shape[1] * shape[2], shape[0] * shape[2])
    factors = [
        [[(p >> i & 1) - (m >> i & 1) for i in range(size)] for p, m in (row[f] for row in rows)]
        for f, size in enumerate(sizes)
    ]
    return BilinearScheme(*factors, shape)
