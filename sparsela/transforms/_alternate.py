"""Alternate between two exact steps, with momentum: what the sparse-plus-low-rank fits share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.progress import State, iterate

Step = Callable[[np.ndarray], tuple[Any, np.ndarray, float]]


def alternate(
    step: Step,
    M: np.ndarray,
    objective: float,
    *,
    name: str,
    max_iter: int,
    tol: float,
    floor: float,
    stacklevel: int = 3,
    **watch,
) -> tuple[Any, bool, State]:
    """Repeat ``answer, M, objective = step(M)`` until the objective settles; the last answer, and whether it has.

    The step is taken from a point beyond M, in the direction of its last move (Nesterov's momentum, from zero). Where
    the objective would grow, the step is taken from M itself instead, from which it cannot, and the momentum starts
    anew: the objective never grows.
    """
    last, age, converged = M, 0, False
    for state in iterate(max_iter, name, **watch):
        before, age = objective, age + 1
        answer, ahead, objective = step(M + (age - 1) / (age + 2) * (M - last) if age > 1 else M)
        if objective > before and age > 1:
            age = 0
            answer, ahead, objective = step(M)
        last, M = M, ahead
        converged = bool(before - objective <= tol * before or objective <= floor)
        if state.record(objective=objective).stop or converged:
            break
    if not converged and not state.stop:
        message = f"{name} did not settle in max_iter={max_iter} alternations: raise max_iter or tol"
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel)
    return answer, converged, state
