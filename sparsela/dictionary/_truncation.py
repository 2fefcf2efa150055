"""Truncated posteriors: which states are kept, how the temperature falls, which samples count."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparsela._ext import truncated as kernel

MOST_STATES = 10**6
LINEAR_END, CUT_END = 0.8, 2 / 3  # of the steps: where the temperature has reached 1, and the data cut its full size
LEAST_SHARE = 0.1  # of the samples that a data cut leaves


@dataclass(frozen=True)
class Shape:
    """The states of a sample: none on, one of all units, or up to γ of the candidates; V values a unit that is on."""

    n_components: int
    n_candidates: int
    max_active: int
    n_values: int = 1

    @property
    def n_others(self) -> int:
        """States that turn on one unit that is no candidate."""
        return (self.n_components - self.n_candidates) * self.n_values

    @functools.cached_property
    def n_states(self) -> int:
        sizes = range(1, self.max_active + 1)
        return 1 + self.n_others + sum(math.comb(self.n_candidates, k) * self.n_values**k for k in sizes)

    def tree(self) -> Tree:
        """The states of the candidates."""
        return _tree(self.n_candidates, self.max_active, self.n_values)


def shape_of(n_components: int, n_candidates: int, max_active: int, n_values: int = 1) -> Shape:
    """The shape that the parameters ask for, clipped to the number of components; ValueError where there is none."""
    candidates, active = min(n_candidates, n_components), min(max_active, n_components)
    if active > candidates:
        raise ValueError(
            f"max_active must not be above n_candidates, got max_active={max_active} and n_candidates={n_candidates} "
            f"with n_components={n_components}"
        )
    shape = Shape(n_components, candidates, active, n_values)
    if shape.n_states > MOST_STATES:
        raise ValueError(
            f"n_candidates={n_candidates}, max_active={max_active}, n_components={n_components} and {n_values} "
            f"value(s) other than 0 make {shape.n_states} states a sample; at most {MOST_STATES} are allowed"
        )
    return shape


@dataclass(frozen=True)
class Tree:
    """States of the candidates in preorder: each turns on candidate ``last`` with value ``value`` after ``parent``."""

    parent: np.ndarray  # int32; -1: nothing is on before
    last: np.ndarray
    value: np.ndarray


@functools.lru_cache(maxsize=8)
def _tree(n_candidates: int, max_active: int, n_values: int) -> Tree:
    @functools.cache
    def below(first: int, active: int) -> np.ndarray:  # (3, states): those that turn on a candidate from `first` on
        parts, size = [np.empty((3, 0), np.int32)], 0
        for h in range(first, n_candidates if active < max_active else first):
            extended = below(h + 1, active + 1)
            for v in range(n_values):
                part = np.column_stack([[-1, h, v], extended]).astype(np.int32)
                part[0, 1:] = np.where(extended[0] < 0, 0, extended[0] + 1) + size
                parts.append(part)
                size += part.shape[1]
        return np.concatenate(parts, axis=1)

    return Tree(*np.ascontiguousarray(below(0, 0)))


def best_candidates(scores: np.ndarray, n_candidates: int) -> np.ndarray:
    """(n, H) int32: the units of largest score, ascending (ties: the lowest), then all others, ascending."""
    n, H = scores.shape
    if n_candidates == H:
        return np.tile(np.arange(H, dtype=np.int32), (n, 1))
    perm = np.empty((n, H), np.int32)
    kernel.candidates(scores, n_candidates, perm)
    return perm


def top_states(
    joint: np.ndarray, perm: np.ndarray, shape: Shape, values: np.ndarray, top: int
) -> tuple[np.ndarray, np.ndarray]:
    """The most probable states (n, top, H) and their log joint (n, top), descending; ties: the first in order."""
    n, n_states = joint.shape
    best = np.argpartition(-joint, top - 1, axis=1)[:, :top] if top < n_states else np.tile(np.arange(n_states), (n, 1))
    best.sort(axis=1)
    F = np.take_along_axis(joint, best, axis=1)
    order = np.argsort(-F, axis=1, kind="stable")
    best, F = np.take_along_axis(best, order, axis=1), np.take_along_axis(F, order, axis=1)

    states = np.zeros((n, best.shape[1], shape.n_components))
    sample, place = np.indices(best.shape)
    other = (best > 0) & (best <= shape.n_others)
    unit = shape.n_candidates + (best[other] - 1) // shape.n_values
    states[sample[other], place[other], perm[sample[other], unit]] = values[(best[other] - 1) % shape.n_values]
    tree, at = shape.tree(), best - 1 - shape.n_others
    while (on := at >= 0).any():
        here = at[on]
        states[sample[on], place[on], perm[sample[on], tree.last[here]]] = values[tree.value[here]]
        at[on] = tree.parent[here]
    return states, F


@dataclass(frozen=True)
class Annealing:
    """Temperature and data cut as piecewise-linear functions of the share of the steps done."""

    temperature: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    cut: tuple[tuple[float, float], ...] = ((0.0, 0.0),)

    def at(self, share: float) -> tuple[float, float]:
        """(T, c) after this share of the steps."""
        return tuple(float(np.interp(share, *zip(*points, strict=True))) for points in (self.temperature, self.cut))


def annealing_of(annealing: str | dict | None, start: float) -> Annealing:
    """The course that the parameter `annealing` stands for; "linear" begins at temperature `start`."""
    if annealing is None:
        return Annealing()
    if isinstance(annealing, str):
        return Annealing(((0.0, start), (LINEAR_END, 1.0)), ((0.0, 0.0), (CUT_END, 1.0)))
    unknown = set(annealing) - {"T", "cut"}
    if unknown:
        raise ValueError(f"annealing must have no keys but 'T' and 'cut', got {sorted(map(str, unknown))}")
    T = _points(annealing.get("T", ((0.0, 1.0),)), "T", 1.0, np.inf)
    return Annealing(T, _points(annealing.get("cut", ((0.0, 0.0),)), "cut", 0.0, 1.0))


def _points(points: Sequence, name: str, low: float, high: float) -> tuple[tuple[float, float], ...]:
    wanted = f"annealing[{name!r}] must be a list of points (share of the steps, value) with ascending shares"
    try:
        array = np.asarray(points, float)
    except (TypeError, ValueError):
        raise ValueError(f"{wanted}, got {points!r}") from None
    if array.ndim != 2 or array.shape[1] != 2 or not len(array) or not (np.diff(array[:, 0]) >= 0).all():
        raise ValueError(f"{wanted}, got {points!r}")
    values = array[:, 1]
    if not ((values >= low) & (values <= high) & np.isfinite(array).all(axis=1)).all():
        raise ValueError(f"the values of annealing[{name!r}] must be from {low:g} to {high:g}, got {values.tolist()}")
    return tuple(map(tuple, array.tolist()))


def mass(pi: np.ndarray, max_active: int) -> tuple[float, float]:
    """A = P(|s| ≤ γ) and B = E[|s|; |s| ≤ γ] for independent units that are on with probabilities pi."""
    if max_active >= len(pi):
        return 1.0, float(np.sum(pi))
    p = np.zeros(max_active + 1)  # of the number of units on, among those so far
    p[0] = 1
    for x in pi:
        p[1:] = p[1:] * (1 - x) + p[:-1] * x
        p[0] *= 1 - x
    return float(p.sum()), float(p @ np.arange(max_active + 1))


def n_used(n_samples: int, A: float, cut: float) -> int:
    """How many samples an M-step takes: those that more than γ units made are cut away."""
    if A * cut == cut:
        return n_samples
    return max(math.floor(n_samples * (1 - (1 - A) * cut)), math.ceil(LEAST_SHARE * n_samples))


def largest(values: np.ndarray, size: int) -> np.ndarray:
    """The indices of the `size` largest values, ascending; ties: the lowest index."""
    least = np.partition(values, values.size - size)[values.size - size]
    chosen = values > least
    chosen[np.flatnonzero(values == least)[: size - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen)
