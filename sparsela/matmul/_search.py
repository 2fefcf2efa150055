"""Search for schemes of lower rank, or of fewer additions, by walks on the flip graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.progress import State, progress_bar
from sparsela._core.random import hash_ids, seed_from
from sparsela._core.results import Result
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_positive
from sparsela._ext import flips
from sparsela.matmul._factors import check_shape
from sparsela.matmul._reduce import quick_additions, reduce_additions
from sparsela.matmul._scheme import BilinearScheme, classical
from sparsela.matmul._walkers import ENTRIES, Packed, Walker, factors_of, pack, unpack

SLICE = 50_000  # flips of a walker between two looks at the clock and the target
SYNC = 1_000_000  # flips of a walker between two exchanges of the best schemes
SYNC_SCORED = 100_000  # the same where schemes are scored
RECENT = 10  # best schemes that a walker may restart from
SCORED = 5_000  # flips of a walker between two schemes that are scored by additions
COOL = 2.0  # temperature, in coefficients, of walks that look for few additions


@dataclass(frozen=True, repr=False, eq=False)
class SchemeSearchResult(Result):
    """What a search found and how far it went.

    Attributes
    ----------
    scheme : BilinearScheme
        The best scheme, verified; with reduced programs where the objective was "additions".
    rank : int
        Its number of products.
    n_flips, n_reductions, n_plus : int
        Moves of all walkers together: flips done, products saved, products added to get out of a dead end.
    flips_per_second : float
        Of all walkers together, in wall time.
    converged : bool
        Whether `target_rank` was reached.
    history : dict of ndarray, or None
        One entry a change of rank: ``walker``, ``flip`` (of that walker), ``rank`` (after it) and ``plus`` (whether it
        was a plus move or a split).
    """

    scheme: BilinearScheme
    rank: int
    n_flips: int
    n_reductions: int
    n_plus: int
    flips_per_second: float
    converged: bool
    history: dict[str, np.ndarray] | None = None


def search_scheme(
    shape: Sequence[int],
    *,
    target_rank: int | None = None,
    start: BilinearScheme | Sequence[BilinearScheme] | None = None,
    n_walkers: int = 8,
    max_flips: int = 50_000_000,
    plus_after: tuple[int, int] = (5_000, 100_000),
    plus_margin: int = 4,
    objective: str = "rank",
    pool_size: int | None = None,
    time_limit: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int | None = 0,
    callback: Callable[[State], Any] | None = None,
    return_history: bool = False,
) -> SchemeSearchResult:
    """Search for a scheme with fewer products by random walks on the flip graph, in coefficients −1, 0, 1.

    Parameters
    ----------
    shape : tuple of three ints
        (m, k, n); no factor may have more than 64 entries.
    target_rank : int or None, default=None
        Stop at this number of products; None goes on to `max_flips`.
    start : BilinearScheme, sequence of them, or None, default=None
        Ternary schemes of this shape that the walkers start from in turn; None is the classical one.
    n_walkers : int, default=8
        Independent walks.
    max_flips : int, default=50_000_000
        Most flips of all walkers together.
    plus_after : tuple of two ints, default=(5_000, 100_000)
        A walker waits for a number of flips between these, drawn anew each time, for the rank to change; then it adds a
        product.
    plus_margin : int, default=4
        No product is added at the best rank so far plus this.
    objective : {"rank", "nnz", "additions"}, default="rank"
        "nnz" and "additions" walk among schemes of the rank of `start`, which have many forms, and keep the one with
        fewest coefficients, or fewest additions by a quick :func:`reduce_additions`, every 5,000 flips.
    pool_size : int or None, default=None
        Keep up to this many distinct schemes of the best rank and restart from one drawn in proportion to the flips it
        offers; None restarts from the last ten.
    time_limit : float or None, default=None
        Seconds after which no further slice of flips is begun.
    n_jobs : int or None, default=None
        Threads, at most one a walker. The answer does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the walks.
    verbose : {0, 1, 2} or None, default=0
        A progress bar over flips at 1.
    callback : callable or None, default=None
        Called after each slice of flips with a state of ``rank``, ``n_flips`` and ``scheme`` (the best so far); a true
        value stops.
    return_history : bool, default=False
        Keep every change of rank.

    Returns
    -------
    SchemeSearchResult

    Raises
    ------
    ValueError
        If a start is not ternary or of another shape, a factor has more than 64 entries, or a number is out of range.
    TypeError
        If a start is no scheme.

    Notes
    -----
    A flip takes two products that share a factor, ``a⊗b₁⊗c₁ + a⊗b₂⊗c₂ = a⊗(b₁ + b₂)⊗c₁ + a⊗b₂⊗(c₂ − c₁)``, and leaves
    the sum as it is. When a factor becomes zero, two products agree in two factors, or three that share a factor are
    dependent in another one, the rank falls by one; where it has not for long, a plus move
    ``a₁b₁c₁ + a₂b₂c₂ = a₁(b₁ + b₂)c₁ + a₁b₂(c₂ − c₁) + (a₂ − a₁)b₂c₂`` or a split raises it by one, to fall elsewhere.
    Rows are pairs of 64-bit masks, and a flip costs two comparisons with every product: O(r). Every million flips a
    walker above the best rank restarts from a best scheme with probability ½. The best scheme of each slice is verified
    over the integers.

    References
    ----------
    M. Kauers, J. Moosbauer. Flip graphs for matrix multiplication. arXiv:2212.01175, 2022.

    Y. Arai, Y. Ichikawa, K. Hukushima. Adaptive flip graph algorithm for matrix multiplication. arXiv:2312.16960, 2024.

    A. Perminov. A 58-addition, rank-23 scheme for general 3×3 matrix multiplication. arXiv:2512.21980, 2025.

    Examples
    --------
    >>> found = search_scheme((2, 2, 2), target_rank=7, random_state=0)
    >>> found.rank, found.converged, found.scheme.verify()
    (7, True, True)
    """
    shape = check_shape(shape)
    starts = _starts(start, shape)
    if objective not in ("rank", "nnz", "additions"):
        raise ValueError(f"objective must be 'rank', 'nnz' or 'additions', got {objective!r}")
    target = 0 if target_rank is None else check_count(target_rank, "target_rank")
    n_walkers = check_count(n_walkers, "n_walkers")
    max_flips = check_count(max_flips, "max_flips")
    low, high = (check_count(x, "plus_after") for x in _pair(plus_after))
    if low > high:
        raise ValueError(f"plus_after must be an ascending pair, got {plus_after!r}")
    margin = check_count(plus_margin, "plus_margin", low=0)
    if pool_size is not None:
        pool_size = check_count(pool_size, "pool_size")
    if time_limit is not None:
        time_limit = check_positive(time_limit, "time_limit")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable that takes the state, or None, got {type(callback).__name__}")

    search = _Search(shape, starts, n_walkers, (low, high), margin, objective, pool_size, seed_from(random_state))
    state = State(callback, False, None)
    began = time.perf_counter()
    with (
        ThreadPoolExecutor(min(effective_n_jobs(n_jobs), n_walkers)) as threads,
        progress_bar(max_flips, "flip graph", "flips", verbose) as bar,
    ):
        while True:
            late = time_limit is not None and time.perf_counter() - began >= time_limit
            if search.n_flips >= max_flips or search.best_rank <= target or state.stop or late:
                break
            done = search.n_flips
            search.step(threads, max_flips - done, target)
            bar.update(search.n_flips - done)
            if search.n_flips == done:  # no move anywhere
                break
            state.n_iter += 1
            state.record(rank=search.best_rank, n_flips=search.n_flips, scheme=search.scheme)
    seconds = time.perf_counter() - began
    return search.result(seconds, shape, target, return_history)


class _Search:
    """The walkers and what they share: the best rank, recent best schemes, the best scheme by the objective."""

    def __init__(self, shape, starts, n_walkers, wait, margin, objective, pool_size, seed):
        self.shape, self.wait, self.margin = shape, wait, margin
        self.objective, self.pool_size, self.seed = objective, pool_size, seed
        self.best_rank = min(s.rank for s in starts)
        given = starts != [classical(shape)]
        self.lineage = tuple(dict.fromkeys(line for s in starts for line in s.provenance)) if given else ()
        self.origin = [f"rank {s.rank}, {s.nnz} coefficients" for s in starts] if given else None
        capacity = max(s.rank for s in starts) + margin + 4
        packed = [pack(s) for s in starts]
        streams = hash_ids(np.arange(n_walkers), seed=seed, stream=0)
        patience = hash_ids(np.arange(n_walkers), seed=seed, stream=1) % np.uint64(wait[1] - wait[0] + 1)
        self.walkers = [
            Walker(packed[i % len(packed)], capacity, int(streams[i]), wait[0] + int(patience[i]))
            for i in range(n_walkers)
        ]
        # a flip that adds d coefficients is taken with probability exp(−d / T) where coefficients count
        self.accept = np.ones(1) if objective == "rank" else np.exp(-np.arange(64) / COOL)
        self.pool: dict[bytes, tuple[Packed, int]] = {}
        self.scheme = min(starts, key=lambda s: s.rank)
        self.score = self._score(pack(self.scheme)) if objective != "rank" else None
        self.scores: list[int | None] = [None] * n_walkers
        self.round, self.since_sync = 0, 0
        self.events: list[np.ndarray] = []

    @property
    def n_flips(self) -> int:
        return int(sum(w.state[flips.FLIPS] for w in self.walkers))

    def step(self, threads: ThreadPoolExecutor, n_left: int, target: int) -> None:
        """A slice of flips of every walker, then what they exchange."""
        size = max(1, min(SLICE if self.objective == "rank" else SCORED, -(-n_left // len(self.walkers))))

        def run(walker) -> None:
            walker.walk(size, target, self.best_rank, self.wait, self.margin, self.accept)

        list(threads.map(run, self.walkers))
        self.round += 1
        for i, walker in enumerate(self.walkers):
            events = walker.events[: walker.state[flips.EVENTS]]
            self.events.append(np.column_stack([np.full(len(events), i), events]))
        winner = min(self.walkers, key=lambda w: w.best_rank)  # the first of equals
        if winner.best_rank < self.best_rank:
            self.best_rank = winner.best_rank
            self.pool.clear()
            self._keep(winner.best(), 1)
            self.scheme = self._found(winner.best())
            if self.objective != "rank":
                self.score = self._score(pack(self.scheme))
        self.since_sync += size
        if self.objective != "rank":
            self._look_for_fewer(threads)
        if self.since_sync >= (SYNC if self.objective == "rank" else SYNC_SCORED):
            self.since_sync = 0
            self._exchange()

    def _found(self, packed: Packed) -> BilinearScheme:
        # With what it takes to find it again: the starts and the arguments that decide the walk.
        how = (
            f"search_scheme({self.shape}, start={self.origin}, n_walkers={len(self.walkers)}, plus_after={self.wait}, "
            f"plus_margin={self.margin}, objective={self.objective!r}, pool_size={self.pool_size}, "
            f"random_state={self.seed}): after {self.n_flips} flips"
        )
        return unpack(packed, self.shape).with_name(None, *self.lineage, how)

    def _keep(self, scheme: Packed, n_flips: int) -> None:
        self.pool.setdefault(scheme.key(), (scheme, n_flips))
        while len(self.pool) > (self.pool_size or RECENT):
            del self.pool[next(iter(self.pool))]

    def _exchange(self) -> None:
        # Walkers that are behind go on from one of the best with probability one half.
        if self.objective == "rank":
            for walker in self.walkers:
                if walker.rank == self.best_rank:
                    self._keep(walker.here(), walker.n_flips_available())
            behind = [walker.rank > self.best_rank for walker in self.walkers]
        else:
            behind = [score is None or score > self.score for score in self.scores]
        if not self.pool:
            return
        ids = np.arange(len(self.walkers)) + self.round * len(self.walkers)
        coin = hash_ids(ids, seed=self.seed, stream=2) & np.uint64(1)
        choice = (hash_ids(ids, seed=self.seed, stream=3) >> np.uint64(11)) * 2.0**-53
        kept = list(self.pool.values())
        weights = np.array([max(n, 1) if self.pool_size else 1 for _, n in kept], float)
        cumulated = np.cumsum(weights) / weights.sum()
        for walker, far, go, u in zip(self.walkers, behind, coin, choice, strict=True):
            if far and go:
                walker.put(kept[min(int(np.searchsorted(cumulated, u, side="right")), len(kept) - 1)][0])

    def _look_for_fewer(self, threads: ThreadPoolExecutor) -> None:
        def look(walker: Walker) -> tuple[Packed, int | None]:
            here = walker.here()
            return here, self._score(here) if here.rank == self.best_rank else None

        looks = list(threads.map(look, self.walkers))
        self.scores = [score for _, score in looks]
        for walker, (packed, score) in zip(self.walkers, looks, strict=True):
            if score is None or score > self.score:
                continue
            if score < self.score:
                self.score, self.scheme = score, self._found(packed)
                self.pool.clear()
            self._keep(packed, walker.n_flips_available())

    def _score(self, packed: Packed) -> int:
        if self.objective == "nnz":
            return packed.nnz
        return quick_additions(factors_of(packed, self.shape)[:3], self.seed)

    def result(self, seconds: float, shape: tuple, target: int, return_history: bool) -> SchemeSearchResult:
        """The best scheme and the sums over walkers."""
        scheme = self.scheme
        if self.objective == "additions":
            scheme = reduce_additions(scheme, random_state=self.seed).scheme
        history = None
        if return_history:
            rows = np.concatenate([*self.events, np.empty((0, 4), np.int64)]).astype(np.int64)
            history = {name: rows[:, c] for c, name in enumerate(("walker", "flip", "rank"))} | {
                "plus": rows[:, 3] == 1
            }
        reductions, pluses = (int(sum(w.state[i] for w in self.walkers)) for i in (flips.REDUCTIONS, flips.PLUSES))
        n = self.n_flips
        reached = bool(self.best_rank <= target)
        return SchemeSearchResult(scheme, scheme.rank, n, reductions, pluses, n / max(seconds, 1e-9), reached, history)


def _starts(start: Any, shape: tuple[int, int, int]) -> list[BilinearScheme]:
    m, k, n = shape
    if max(m * k, k * n, m * n) > ENTRIES:
        raise ValueError(f"shape must have factors of at most {ENTRIES} entries, got {shape}")
    if start is None:
        return [classical(shape)]
    starts = [start] if isinstance(start, BilinearScheme) else list(start)
    if not starts:
        raise ValueError("start must be a scheme, schemes, or None, got an empty sequence")
    for scheme in starts:
        if not isinstance(scheme, BilinearScheme):
            raise TypeError(f"start must be a BilinearScheme or several, got {type(scheme).__name__}")
        if scheme.shape != shape:
            raise ValueError(f"start must be of shape {shape}, got {scheme.shape}")
        if scheme.ring != "ternary":
            raise ValueError(f"start must have coefficients −1, 0, 1, got a scheme over the {scheme.ring} numbers")
        if not scheme.verify():
            raise ValueError("start must multiply, got a scheme that violates Brent's equations")
    return starts


def _pair(values: Any) -> tuple[int, int]:
    try:
        low, high = values
    except (TypeError, ValueError):
        raise ValueError(f"plus_after must be two ints, got {values!r}") from None
    return low, high
