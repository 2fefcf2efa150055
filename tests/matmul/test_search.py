"""Walks on the flip graph: every move keeps the tensor, known ranks are found from the classical scheme."""

import time

import numpy as np
import pytest

from sparsela._ext import flips
from sparsela.matmul import get_scheme, search_scheme
from sparsela.matmul._factors import violations
from sparsela.matmul._walkers import Walker, factors_of, pack, unpack


def walker_of(name, *, seed=1, margin=4, patience=50, shape=None):
    s = get_scheme(name, shape)
    return s, Walker(pack(s), s.rank + margin + 4, seed, patience)


@pytest.mark.parametrize("name", ["strassen", "laderman", "hopcroft-kerr"])
def test_packing_and_back(name):
    s = get_scheme(name)
    assert unpack(pack(s), s.shape).equivalent(s)
    assert pack(s).nnz == s.nnz
    again = s.permute_products(np.random.default_rng(0).permutation(s.rank))
    assert pack(again).key() == pack(s).key()


def consistent(walker):
    """The pair lists are what a comparison of all rows gives; leading signs are positive; no vector is zero."""
    rank, mask = walker.rank, walker.mask
    for f in range(3):
        both = mask[f, 0, :rank] | mask[f, 1, :rank]
        assert both.all()
        assert not (mask[f, 0, :rank] & mask[f, 1, :rank]).any()
        lowest = both & (~both + np.uint64(1))
        assert not (lowest & mask[f, 1, :rank]).any()
        want = {
            (s, t)
            for t in range(rank)
            for s in range(t)
            if mask[f, 0, s] == mask[f, 0, t] and mask[f, 1, s] == mask[f, 1, t]
        }
        pairs = [tuple(sorted(pair)) for pair in walker.pairs[f, : walker.count[f]].tolist()]
        assert len(pairs) == len(want)
        assert set(pairs) == want
        for i, (s, t) in enumerate(walker.pairs[f, : walker.count[f]]):
            assert walker.place[f, s, t] == i == walker.place[f, t, s]
        assert (walker.place[f, :rank, :rank] >= 0).sum() == 2 * len(want)


@pytest.mark.parametrize(("name", "shape"), [("classical", (3, 3, 3)), ("classical", (2, 3, 4)), ("laderman", None)])
def test_every_move_keeps_the_tensor(name, shape):
    # flips one at a time with a plus move every few; the tensor after each
    s, walker = walker_of(name, shape=shape, patience=20)
    accept = np.ones(1)
    kinds = np.zeros(2, int)
    n = 4_000
    for step in range(n):
        walker.walk(1, 0, walker.best_rank, (5, 40), 4, accept)
        for _, _, kind in walker.events[: walker.state[flips.EVENTS]]:
            kinds[kind] += 1
        assert not violations(factors_of(walker.here(), s.shape), first=True)
        if step % 100 == 0:
            consistent(walker)
    assert walker.state[flips.FLIPS] == n
    assert (kinds > 20).all()  # reductions, plus moves and splits
    unpack(walker.best(), s.shape)


@pytest.mark.slow
def test_a_hundred_thousand_moves_keep_the_tensor():
    s, walker = walker_of("classical", shape=(3, 3, 3), patience=100)
    for step in range(100_000):
        walker.walk(1, 0, walker.best_rank, (20, 200), 4, np.ones(1))
        assert not violations(factors_of(walker.here(), s.shape), first=True)
        if step % 5000 == 0:
            consistent(walker)


def test_colder_walks_hold_fewer_coefficients():
    means = []
    for accept in (np.ones(1), np.exp(-np.arange(64) / 0.5)):
        _, walker = walker_of("classical", shape=(3, 3, 3), seed=3)
        nnz = []
        for _ in range(40):
            walker.walk(2000, 0, walker.best_rank, (500, 2000), 2, accept)
            nnz.append(walker.here().nnz / walker.rank)
        means.append(np.mean(nnz[10:]))
    assert means[1] < 0.9 * means[0]


@pytest.mark.parametrize(
    ("shape", "rank", "seconds"),
    [
        ((2, 2, 2), 7, 1),
        ((2, 2, 3), 11, 5),
        ((2, 2, 5), 18, 5),
        ((2, 3, 3), 15, 5),
        ((3, 3, 3), 23, 10),
        ((2, 3, 4), 20, 15),
    ],
)
def test_known_ranks_from_the_classical_scheme(shape, rank, seconds):
    search_scheme((2, 2, 2), max_flips=1000)  # compiled
    times, reached = [], 0
    n_seeds = 10 if rank in (7, 23) else 3
    for seed in range(n_seeds):
        start = time.process_time()
        r = search_scheme(shape, target_rank=rank, max_flips=100_000_000, n_jobs=1, random_state=seed)
        times.append(time.process_time() - start)
        reached += r.converged
        assert r.rank == r.scheme.rank >= rank
        assert r.scheme.verify()
        assert r.scheme.ring == "ternary"
    assert np.median(times) < seconds
    assert reached >= 0.9 * n_seeds


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "rank"), [((2, 3, 5), 26), ((2, 4, 4), 27), ((3, 3, 4), 30), ((4, 4, 4), 56)])
def test_larger_formats_within_a_minute(shape, rank):
    start = time.process_time()
    r = search_scheme(shape, target_rank=rank, max_flips=10**9, time_limit=60, n_jobs=1, random_state=0)
    assert r.rank <= rank
    assert time.process_time() - start < 60


def test_same_seed_same_answer_for_any_number_of_threads():
    one, two = (
        search_scheme((2, 3, 3), max_flips=9_000_000, n_jobs=n, random_state=4, return_history=True) for n in (1, 2)
    )
    assert one.scheme == two.scheme
    assert (one.n_flips, one.n_reductions, one.n_plus) == (two.n_flips, two.n_reductions, two.n_plus)
    for name in one.history:
        assert (one.history[name] == two.history[name]).all()
    other = search_scheme((2, 3, 3), max_flips=2_000_000, random_state=5)
    assert other.scheme != one.scheme


def test_history_is_the_course_of_every_walker():
    r = search_scheme((3, 3, 3), max_flips=4_000_000, random_state=0, return_history=True)
    assert r.n_flips >= 4_000_000
    for walker in range(8):
        mine = r.history["walker"] == walker
        flip, rank, plus = (r.history[name][mine] for name in ("flip", "rank", "plus"))
        assert (np.diff(flip) >= 0).all()
        assert flip[-1] <= r.n_flips / 8
        assert abs(rank[0] - 27) == 1
        assert (np.diff(rank)[plus[1:]] == 1).all()
    assert r.history["rank"].min() == r.rank
    assert r.history["plus"].sum() == r.n_plus
    assert search_scheme((2, 2, 2), max_flips=1000, random_state=0).history is None


def test_starts_are_used_and_named():
    start = get_scheme((2, 2, 3)).direct_sum(get_scheme("classical", (2, 2, 2)), 2)
    r = search_scheme((2, 2, 5), start=start, target_rank=18, random_state=0)
    assert (r.rank, r.converged) == (18, True)
    assert any("random_state=0" in line for line in r.scheme.provenance)
    assert any("direct sum" in line for line in r.scheme.provenance)
    again = search_scheme((2, 2, 5), start=[start, start.normalize()], target_rank=18, random_state=0)
    assert again.converged
    done = search_scheme((2, 2, 2), start=get_scheme("strassen"), target_rank=7)
    assert (done.n_flips, done.converged, done.scheme) == (0, True, get_scheme("strassen"))


def test_pool_of_schemes():
    r = search_scheme((2, 3, 3), target_rank=15, pool_size=50, random_state=0, max_flips=50_000_000)
    assert r.converged


def test_objectives_at_fixed_rank():
    start = search_scheme((3, 3, 3), target_rank=23, random_state=0).scheme
    wait = {"plus_after": (50_000, 200_000), "plus_margin": 1}
    thin = search_scheme((3, 3, 3), start=start, objective="nnz", max_flips=4_000_000, random_state=0, **wait)
    assert thin.rank == 23
    assert thin.scheme.nnz < start.nnz
    few = search_scheme((3, 3, 3), start=start, objective="additions", max_flips=4_000_000, random_state=0, **wait)
    assert few.rank == 23
    assert few.scheme.additions <= 66
    assert few.scheme.with_programs(few.scheme.programs) == few.scheme


def test_callback_and_time_limit():
    seen = []
    r = search_scheme((3, 3, 3), callback=lambda state: seen.append((state.rank, state.n_flips)) or len(seen) == 3)
    assert len(seen) == 3
    assert seen[-1] == (r.rank, r.n_flips)
    assert search_scheme((3, 3, 3), time_limit=1e-9).n_flips == 0
    assert "SchemeSearchResult" in repr(r)


def test_shapes_without_a_move():
    r = search_scheme((1, 1, 1), max_flips=1000, random_state=0)
    assert (r.rank, r.scheme.verify()) == (1, True)
    assert search_scheme((1, 2, 1), max_flips=10_000, plus_margin=0, random_state=0).rank == 2


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"shape": (2, 2)}, TypeError, "three ints"),
        ({"shape": (9, 8, 1)}, ValueError, "at most 64 entries"),
        ({"start": 1}, TypeError, "not iterable|must be"),
        ({"start": []}, ValueError, "empty"),
        ({"start": [1]}, TypeError, "BilinearScheme"),
        ({"start": "laderman"}, TypeError, "BilinearScheme"),
        ({"objective": "speed"}, ValueError, "objective"),
        ({"target_rank": 0}, ValueError, "target_rank"),
        ({"n_walkers": 0}, ValueError, "n_walkers"),
        ({"max_flips": 0.5}, TypeError, "max_flips"),
        ({"plus_after": (2, 1)}, ValueError, "ascending"),
        ({"plus_after": 3}, ValueError, "two ints"),
        ({"plus_margin": -1}, ValueError, "plus_margin"),
        ({"pool_size": 0}, ValueError, "pool_size"),
        ({"time_limit": -1}, ValueError, "time_limit"),
        ({"callback": 1}, TypeError, "callback"),
        ({"verbose": 7}, ValueError, "verbose"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        search_scheme(**{"shape": (2, 2, 2), **arguments})


def test_bad_starts():
    laderman = get_scheme("laderman")
    with pytest.raises(ValueError, match="of shape"):
        search_scheme((2, 2, 2), start=laderman)
    wide = laderman.change_basis([[1, 2, 0], [0, 1, 0], [0, 0, 1]], np.eye(3, dtype=int), np.eye(3, dtype=int))
    with pytest.raises(ValueError, match="coefficients −1, 0, 1"):
        search_scheme((3, 3, 3), start=wide)
    w = laderman.w.copy()
    w[0, 1] *= -1
    with pytest.raises(ValueError, match="must multiply"):
        search_scheme((3, 3, 3), start=type(laderman)(laderman.u, laderman.v, w, (3, 3, 3), check=False))
