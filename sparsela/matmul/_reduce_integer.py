"""Common subexpressions of forms with coefficients beyond ±1: few schemes have them, so this is plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from sparsela._core.random import hash_ids
from sparsela.matmul._programs import AdditionProgram

SHARE = 8  # of the trials that a ternary factor gets, one in so many


class Weighted:
    """One factor with integer coefficients, and the best program so far."""

    def __init__(self, matrix: np.ndarray, program: AdditionProgram, seed: int, stream: int):
        self.matrix = np.ascontiguousarray(matrix, np.int64)
        self.best = program
        self.seed, self.stream = seed, stream

    def round(
        self, n_round: int, strategy: int, coin: bool, n_trials: int, partial_init: float, both: bool
    ) -> list[WeightedRun]:
        """The runs of a round: the pair held most, at random among equals; every second one on the other side."""
        n_runs = max(1, n_trials // SHARE)
        ids = np.arange(n_runs) + n_round * n_runs
        seeds = hash_ids(ids, seed=self.seed, stream=1 + self.stream)
        return [WeightedRun(self, both and t % 2 == 1, int(seeds[t])) for t in range(n_runs)]

    def take(self, found: AdditionProgram) -> None:
        """Keep a better program."""
        if found.additions < self.best.additions and np.array_equal(found.expand(), self.matrix):
            self.best = found


@dataclass(frozen=True)
class WeightedRun:
    """One greedy run on one side of one factor."""

    factor: Weighted
    turned: bool
    seed: int

    def run(self) -> AdditionProgram:
        """The program of the run, on the factor's own side."""
        matrix = self.factor.matrix
        program = greedy(matrix.T if self.turned else matrix, np.random.default_rng(self.seed))
        return program.transposed() if self.turned else program


def greedy(matrix: np.ndarray, rng: np.random.Generator) -> AdditionProgram:
    """Substitute a variable for the pair q x_i + p x_j that most forms hold a multiple of, until none is held twice."""
    n_inputs = matrix.shape[1]
    forms = [{int(j): int(row[j]) for j in np.flatnonzero(row)} for row in matrix]
    held: dict[tuple[int, int, int, int], int] = {}

    def count(i: int, a: int, j: int, b: int, by: int) -> None:
        key = _pair(i, a, j, b)
        held[key] = held.get(key, 0) + by
        if not held[key]:
            del held[key]

    for form in forms:
        items = list(form.items())
        for t, (j, b) in enumerate(items):
            for i, a in items[:t]:
                count(i, a, j, b, 1)
    steps: list[tuple[int, int, int, int]] = []
    while held and (most := max(held.values())) > 1:
        best = sorted(key for key, c in held.items() if c == most)
        i, j, q, p = best[rng.integers(len(best))]
        z = n_inputs + len(steps)
        steps.append((q, i, p, j))
        for form in forms:
            a, b = form.get(i), form.get(j)
            if a is None or b is None or a * p != b * q:
                continue
            del form[i], form[j]
            count(i, a, j, b, -1)
            for k, c in form.items():
                count(i, a, k, c, -1)
                count(j, b, k, c, -1)
                count(z, a // q, k, c, 1)
            form[z] = a // q
    return AdditionProgram(n_inputs, steps, [[(c, i) for i, c in form.items()] for form in forms])


def _pair(i: int, a: int, j: int, b: int) -> tuple[int, int, int, int]:
    # a x_i + b x_j is a multiple of q x_i + p x_j in lowest terms, q > 0, i < j
    if i > j:
        i, a, j, b = j, b, i, a
    d = gcd(a, b) if a > 0 else -gcd(a, b)
    return i, j, a // d, b // d
