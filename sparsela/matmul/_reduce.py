"""Fewer additions for the sums of a scheme: randomised elimination of common subexpressions, from both sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

import numpy as np

from sparsela._core.progress import State
from sparsela._core.random import hash_ids, seed_from
from sparsela._core.results import Result
from sparsela._core.threads import mapper
from sparsela._core.validation import check_count, check_positive
from sparsela._ext import additions as kernel
from sparsela.matmul._programs import AdditionProgram
from sparsela.matmul._scheme import BilinearScheme

STRATEGIES = {
    "greedy": kernel.GREEDY,
    "greedy-random-tie": kernel.RANDOM_TIE,
    "weighted": kernel.WEIGHTED,
    "greedy-random": kernel.GREEDY_RANDOM,
    "greedy-potential": kernel.POTENTIAL,
    "greedy-intersections": kernel.INTERSECTIONS,
    "mix": kernel.DRAWN,
}
CAPACITY = 4096  # variables of one run: what its table of pairs may hold
SKIP = 0.4  # most steps of the best program that a run leaves out when it makes a part of it again
KEPT = 6  # equally good programs of a factor that runs start from
QUICK = 16  # runs of a quick look at a scheme


@dataclass(frozen=True, repr=False, eq=False)
class AdditionReduction(Result):
    """A scheme with programs of few additions, and how they were found.

    Attributes
    ----------
    scheme : BilinearScheme
        The scheme that was given, with the programs in ``scheme.programs``.
    additions : int
        Additions of the three programs.
    additions_uvw : tuple of three ints
        Of the sums of A, of those of B and of those of the products.
    n_rounds : int
        Rounds done.
    n_trials : int
        Runs done, of all factors.
    converged : bool
        Whether `patience` rounds in a row brought nothing.
    history : dict of ndarray, or None
        ``additions`` and those of each factor, ``u``, ``v``, ``w``, after every round.
    """

    scheme: BilinearScheme
    additions: int
    additions_uvw: tuple[int, int, int]
    n_rounds: int
    n_trials: int
    converged: bool
    history: dict[str, np.ndarray] | None = None


def reduce_additions(
    scheme: BilinearScheme,
    *,
    strategy: str = "mix",
    coin: bool = True,
    n_trials: int = 64,
    max_rounds: int = 100,
    patience: int = 3,
    partial_init: float = 0.3,
    use_transpose: bool = True,
    time_limit: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    callback: Callable[[State], Any] | None = None,
    return_history: bool = False,
) -> AdditionReduction:
    """Find programs with few additions for the sums of a scheme; the scheme itself stays as it is.

    Parameters
    ----------
    scheme : BilinearScheme
        Over any ring. Its own programs are the first best ones.
    strategy : str, default="mix"
        How a run chooses the pair that becomes a variable. "greedy": what most forms hold; "greedy-random-tie": the
        same, at random among equals; "weighted": in proportion to the profit; "greedy-random": one of the two by a
        coin; "greedy-potential": profit and what the substitution leaves to gain; "greedy-intersections": profit and
        those of the pairs it meets; "mix": drawn anew for each run, the first one greedy.
    coin : bool, default=True
        In "greedy-intersections", whether the test of two pairs meeting is turned by a fair coin; this diversifies.
    n_trials : int, default=64
        Runs a factor and round.
    max_rounds : int, default=100
        Most rounds.
    patience : int, default=3
        Stop after so many rounds that improve no factor.
    partial_init : float, default=0.3
        Chance that a run first makes a part of one of the best programs so far.
    use_transpose : bool, default=True
        Let half of the runs work on the transposed factor and turn the result round.
    time_limit : float or None, default=None
        Seconds after which no further round is begun.
    n_jobs : int or None, default=None
        Threads. The answer does not depend on it. Inside ``joblib.parallel_config`` with the backend of a cluster, its
        workers run them instead.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the runs.
    callback : callable or None, default=None
        Called after each round with a state of ``additions``, ``u``, ``v`` and ``w``; a true value stops.
    return_history : bool, default=False
        Keep the additions after each round.

    Returns
    -------
    AdditionReduction

    Raises
    ------
    TypeError
        If `scheme` is no BilinearScheme.
    ValueError
        If a number is out of range or the strategy is unknown.

    Notes
    -----
    The three factors are apart: the forms are the rows of U, the rows of V and the columns of W. A run substitutes a
    new variable for a pair ``x_i ± x_j`` that c ≥ 2 forms hold, which saves c − 1 additions, until there is none; a
    pass over the result then replaces terms by values that exist already. A p × q matrix and its transpose differ by
    p − q in their least number of additions, so each factor is worked on from both sides. Every program that comes out
    is expanded and compared with its factor. A step costs O(pairs held twice or more).

    References
    ----------
    A. Perminov. Parallel heuristic exploration for additive complexity reduction in fast matrix multiplication.
    arXiv:2512.13365, 2025.

    E. Mårtensson, P. Stankovski Wagner. The number of the beast: reducing additions in fast matrix multiplication
    algorithms for dimensions up to 666. 2025.

    Examples
    --------
    >>> from sparsela.matmul import get_scheme
    >>> reduction = reduce_additions(get_scheme("laderman"), random_state=0)
    >>> get_scheme("laderman").additions, reduction.additions <= 63
    (98, True)
    """
    if not isinstance(scheme, BilinearScheme):
        raise TypeError(f"scheme must be a BilinearScheme, got {type(scheme).__name__}")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(map(repr, STRATEGIES))}, got {strategy!r}")
    n_trials = check_count(n_trials, "n_trials")
    max_rounds, patience = check_count(max_rounds, "max_rounds"), check_count(patience, "patience")
    partial_init = check_positive(partial_init, "partial_init", allow_zero=True)
    if partial_init > 1:
        raise ValueError(f"partial_init must be a probability, got {partial_init}")
    if time_limit is not None:
        time_limit = check_positive(time_limit, "time_limit")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable that takes the state, or None, got {type(callback).__name__}")
    seed = seed_from(random_state)

    factors = [
        _factor(matrix, program, seed, stream)
        for stream, (matrix, program) in enumerate(zip((scheme.u, scheme.v, scheme.w.T), scheme.programs, strict=True))
    ]
    state = State(callback, return_history, None)
    began = time.perf_counter()
    idle = 0
    with mapper(n_jobs) as each:
        while state.n_iter < max_rounds and idle < patience and not state.stop:
            if time_limit is not None and time.perf_counter() - began >= time_limit:
                break
            before = [factor.best.additions for factor in factors]
            jobs = []
            for factor in factors:
                jobs += factor.round(state.n_iter, STRATEGIES[strategy], coin, n_trials, partial_init, use_transpose)
            for job, found in zip(jobs, each(methodcaller("run"), jobs), strict=True):
                job.factor.take(found)
            after = [factor.best.additions for factor in factors]
            idle = 0 if after != before else idle + 1
            state.n_iter += 1
            state.record(additions=sum(after), **dict(zip("uvw", after, strict=True)))
    programs = tuple(factor.best for factor in factors)
    counts = tuple(program.additions for program in programs)
    return AdditionReduction(
        scheme.with_programs(programs),
        sum(counts),
        counts,
        state.n_iter,
        state.n_iter * 3 * n_trials,
        idle >= patience,
        state.history,
    )


def quick_additions(factors: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int) -> int:
    """Additions after a few runs of greedy intersections on ternary u, v, w: a score, without the programs."""
    total = 0
    strategies = np.full(QUICK // 2, kernel.INTERSECTIONS)
    nothing, zeros = np.zeros((QUICK // 2, 1, 4), np.int64), np.zeros(QUICK // 2)
    counts, none = np.zeros(QUICK // 2, np.int64), np.zeros((0, 0), np.int64)
    for stream, matrix in enumerate((factors[0], factors[1], factors[2].T)):
        best = []
        for side, forms in enumerate((matrix, matrix.T)):
            forms = np.ascontiguousarray(forms, np.int8)
            streams = hash_ids(np.arange(QUICK // 2), seed=seed, stream=2 * stream + side)
            kernel.reduce_runs(
                forms, strategies, True, nothing, zeros.astype(np.int64), zeros, streams, _capacity(forms), 0,
                counts, none, none.astype(np.int8), none.astype(np.int16), counts[:0],
            )  # fmt: skip
            best.append(int(counts.min()) - (side and matrix.shape[0] - matrix.shape[1]))
        total += min(best)
    return total


def _capacity(forms: np.ndarray) -> int:
    # Variables of a run: the inputs and at most a step for every addition.
    q = forms.shape[1]
    return min(q + int(np.count_nonzero(forms)) + 1, max(CAPACITY, q + 1))


def _factor(matrix: np.ndarray, program: AdditionProgram, seed: int, stream: int) -> Any:
    if np.abs(matrix).max() > 1:
        from sparsela.matmul._reduce_integer import Weighted

        return Weighted(matrix, program, seed, stream)
    return _Ternary(matrix, program, seed, stream)


class _Ternary:
    """One factor: its forms on both sides, and the best programs so far."""

    def __init__(self, matrix: np.ndarray, program: AdditionProgram, seed: int, stream: int):
        self.matrix = np.ascontiguousarray(matrix, np.int64)
        self.forms = (self.matrix.astype(np.int8), np.ascontiguousarray(self.matrix.T.astype(np.int8)))
        # L(Mᵀ) = L(M) + p − q, of rows and columns that are not zero
        self.shift = int(self.matrix.any(axis=1).sum()) - int(self.matrix.any(axis=0).sum())
        self.best = program
        self.pool = [program]
        self.seed, self.stream = seed, stream

    def round(
        self, n_round: int, strategy: int, coin: bool, n_trials: int, partial_init: float, both: bool
    ) -> list[_Job]:
        """The runs of a round, one job a side."""
        ids = np.arange(n_trials) + n_round * n_trials
        streams, chance, which, cut, skip = (
            hash_ids(ids, seed=self.seed, stream=1 + self.stream + 3 * purpose) for purpose in range(5)
        )
        chance, cut, skip = ((x >> np.uint64(11)) * 2.0**-53 for x in (chance, cut, skip))
        sources = [program for program in self.pool if program.steps]
        jobs = []
        for side in (0, 1) if both and n_trials > 1 else (0,):
            mine = np.arange(side, n_trials, 2 if both and n_trials > 1 else 1)
            strategies = np.full(mine.size, strategy, np.int64)
            if n_round == 0 and mine[0] == 0 and strategy == kernel.DRAWN:
                strategies[0] = kernel.GREEDY
            turned = [np.array(_oriented(p, side).steps, np.int64).reshape(-1, 4) for p in sources]
            longest = max((len(steps) for steps in turned), default=1)
            replays = np.zeros((mine.size, longest, 4), np.int64)
            n_replays, skips = np.zeros(mine.size, np.int64), np.zeros(mine.size)
            for row, t in enumerate(mine):
                if not sources or (chance[t] >= partial_init and row):
                    continue
                steps = turned[int(which[t] % np.uint64(len(turned)))]
                replays[row, : len(steps)] = steps
                if row == 0 and n_round:  # all of it: the cancellation pass sees what the other side found
                    n_replays[row] = len(steps)
                elif row and which[t] >> np.uint64(63):  # a part of it from the start on
                    n_replays[row] = 1 + int(cut[t] * max(0.75 * len(steps) - 1, 0))
                elif row:  # all of it but some steps
                    n_replays[row], skips[row] = len(steps), SKIP * skip[t]
            jobs.append(_Job(self, side, strategies, coin, replays, n_replays, skips, streams[mine]))
        return jobs

    def take(self, found: AdditionProgram | None) -> None:
        """Keep a program that is at least as good as the best."""
        if found is None:
            return
        if not np.array_equal(found.expand(), self.matrix):
            return  # two values had one hash
        if found.additions < self.best.additions:
            self.best, self.pool = found, []
        if found.additions == self.best.additions and found not in self.pool:
            self.pool = [*self.pool[-KEPT + 1 :], found]


@dataclass(frozen=True)
class _Job:
    """Runs on one side of one factor."""

    factor: _Ternary
    side: int
    strategies: np.ndarray
    coin: bool
    replays: np.ndarray
    n_replays: np.ndarray
    skips: np.ndarray
    streams: np.ndarray

    def run(self) -> AdditionProgram | None:
        """The best program of the runs, on the factor's own side, if it is as good as the best so far."""
        forms = self.factor.forms[self.side]
        p, q = forms.shape
        capacity = _capacity(forms)
        limit = self.factor.best.additions + (self.factor.shift if self.side else 0) + 1
        counts, steps = np.zeros(len(self.streams), np.int64), np.zeros((capacity, 3), np.int64)
        longest = max(1, int(np.count_nonzero(forms, axis=1).max()))
        sign, terms = np.zeros((p, longest), np.int8), np.zeros((p, longest), np.int16)
        length = np.zeros(p, np.int64)
        best, n = kernel.reduce_runs(
            forms, self.strategies, self.coin, self.replays, self.n_replays, self.skips, self.streams, capacity, limit,
            counts, steps, sign, terms, length,
        )  # fmt: skip
        if best < 0:
            return None
        signed = [[(int(sign[e, t]), int(terms[e, t])) for t in range(length[e])] for e in range(p)]
        return _oriented(tidied(q, [(1, int(i), -1 if m else 1, int(j)) for i, j, m in steps[:n]], signed), self.side)


def _oriented(program: AdditionProgram, side: int) -> AdditionProgram:
    return program.transposed() if side else program


def tidied(q: int, steps: list[tuple], outputs: list[list[tuple]]) -> AdditionProgram:
    """The program without steps that nothing needs; a step that one output alone reads is a part of its final sum."""
    uses = [0] * (q + len(steps))
    for form in outputs:
        for _, i in form:
            uses[i] += 1
    for s in reversed(range(len(steps))):
        if uses[q + s]:
            uses[steps[s][1]] += 1
            uses[steps[s][3]] += 1
    inlined = set()
    forms = []
    for form in outputs:
        if len(form) == 1 and form[0][1] >= q and uses[form[0][1]] == 1:
            form = list(form)
            while form[0][1] >= q and uses[form[0][1]] == 1:
                sign, i = form[0]
                a, x, b, y = steps[i - q]
                present = {v for _, v in form[1:]}
                if x in present or y in present:
                    break
                inlined.add(i)
                # what may be taken apart further comes first
                head, tail = ((sign * a, x), (sign * b, y))
                if not (x >= q and uses[x] == 1) and y >= q and uses[y] == 1:
                    head, tail = tail, head
                form = [head, tail, *form[1:]]
        forms.append(form)
    place = {i: i for i in range(q)}
    kept = []
    for s, (a, i, b, j) in enumerate(steps):
        if uses[q + s] and q + s not in inlined:
            place[q + s] = q + len(kept)
            kept.append((a, place[i], b, place[j]))
    return AdditionProgram(q, kept, [[(sign, place[i]) for sign, i in form] for form in forms])
