"""What iterative functions return: frozen, named, unpackable, and short in print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np


class Result:
    """Base of the result objects: unpacks into its fields in their order and prints shapes instead of arrays.

    A subclass is a dataclass with ``frozen=True, repr=False, eq=False``: the arrays inside have no single truth value
    to compare by.

    Examples
    --------
    >>> @dataclass(frozen=True, repr=False, eq=False)
    ... class Answer(Result):
    ...     x: np.ndarray
    ...     n_iter: int
    >>> answer = Answer(np.zeros((3, 2)), 7)
    >>> answer
    Answer(x=float64[3, 2], n_iter=7)
    >>> x, n_iter = answer
    """

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        text = ", ".join(f"{name}={_short(value)}" for name, value in shown.items() if value is not None)
        return f"{type(self).__name__}({text})"


@dataclass(frozen=True, repr=False, eq=False)
class RecoveryResult(Result):
    """A sparse solution of ``y = A x + e`` and how it was reached.

    Attributes
    ----------
    x : ndarray of shape (n_features,) or (n_features, n_targets)
        The solution.
    support : ndarray of intp, or tuple of n_targets such arrays
        Where `x` is not zero, ascending.
    n_iter : int or ndarray of shape (n_targets,)
        Iterations done.
    converged : bool or ndarray of shape (n_targets,)
        Whether the stopping rule of the method was met.
    residual_norm : float or ndarray of shape (n_targets,)
        ``‖y − A x‖₂`` of the `x` that is returned, computed anew and not carried along.
    history : dict of equally long ndarrays, or None
        The course of the iteration; None unless asked for with ``return_history=True``.
    n_matvec : int
        Applications of ``A`` and of its adjoint; a block of t columns counts t.

    Examples
    --------
    >>> RecoveryResult(np.array([0.0, 2.5]), np.array([1]), 3, True, 1.5e-9)
    RecoveryResult(x=float64[2], support=int64[1], n_iter=3, converged=True, residual_norm=1.5e-09, n_matvec=0)
    """

    x: np.ndarray
    support: np.ndarray | tuple[np.ndarray, ...]
    n_iter: int | np.ndarray
    converged: bool | np.ndarray
    residual_norm: float | np.ndarray
    history: dict[str, np.ndarray] | None = None
    n_matvec: int = 0


def support_of(x: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
    """Indices of the non-zeros of x, ascending, as intp; for a matrix a tuple of them, one a column."""
    if x.ndim == 1:
        return np.flatnonzero(x)
    return tuple(np.flatnonzero(column) for column in x.T)


def _short(value: Any) -> str:
    if hasattr(value, "dtype") and getattr(value, "ndim", 0):
        kind = f"{value.format} " if hasattr(value, "format") else ""
        return f"{kind}{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_short(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple):
        few = [_short(item) for item in value[:3]]
        return "(" + ", ".join(few + ["..."] * (len(value) > 3)) + ")"
    if isinstance(value, (Real, np.generic)) and not isinstance(value, (bool, int, np.bool_, np.integer)):
        return f"{value:.6g}"
    return str(value)
