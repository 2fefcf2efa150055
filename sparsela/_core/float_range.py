"""Where numbers left the range of their type: an error that names the argument, not a warning and a NaN."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")
FLAGS = {"overflow": "over", "divide by zero": "divide", "invalid value": "invalid"}


def in_float_range(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, with a ValueError where an argument was so large or small that its powers are no floating numbers.

    The flags of the processor are heard while `function` runs. Some products raise them for nothing, so a flag alone is
    no error: it is one if an argument is beyond the fourth root of the range of its type, the power that a squared
    energy takes. A flag without such an argument stays the RuntimeWarning that it is in NumPy.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        met: list[str] = []
        try:
            with np.errstate(**dict.fromkeys(FLAGS.values(), "call"), call=lambda kind, flag: met.append(kind)):
                answer = function(*args, **kwargs)
        except (ArithmeticError, ValueError) as error:
            if met or isinstance(error, (ArithmeticError, np.linalg.LinAlgError)):
                _refuse(function, args, kwargs, error)
            raise
        if met:
            _refuse(function, args, kwargs, None)
            said: dict[str, Any] = dict(np.geterr())
            for kind in sorted({kind for kind in met if said[FLAGS[kind]] != "ignore"}):
                warnings.warn(f"{kind} encountered in {function.__qualname__}", RuntimeWarning, stacklevel=2)
        return answer

    return guarded


def _refuse(function: Callable, args: tuple, kwargs: dict, cause: Exception | None) -> None:
    """ValueError that names the first argument out of range, if there is one."""
    given = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    for name, value in given.items():
        for label, numbers in _numbers(name, value):
            kind = np.finfo(numbers.dtype if numbers.dtype.kind in "fc" else np.float64)
            low, high = float(kind.tiny) ** 0.25, float(kind.max) ** 0.25
            sizes = np.abs(numbers[np.isfinite(numbers)])
            largest = float(sizes.max(initial=0))
            if largest > high or 0 < largest < low:
                raise ValueError(
                    f"{label} must be between {low:.0e} and {high:.0e} in size, so that sums of its powers stay in the "
                    f"range of {kind.dtype}, got {'entries up to ' if numbers.size > 1 else ''}{largest:.3g}. Scale it"
                ) from cause


def _numbers(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays and numbers in an argument, and what to call them."""
    if hasattr(value, "get_params"):  # an estimator: what it was set to
        for parameter, inner in value.get_params(deep=False).items():
            yield from _numbers(parameter, inner)
        return
    if hasattr(value, "__dataclass_fields__"):
        for field in value.__dataclass_fields__:
            yield from _numbers(f"{name}.{field}", getattr(value, field))
        return
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (int, float)):
        for i, inner in enumerate(value):
            yield from _numbers(f"{name}[{i}]", inner)
        return
    stored = getattr(value, "data", None) if hasattr(value, "format") else value
    if isinstance(stored, (np.ndarray, np.generic, int, float, list, tuple)) or hasattr(stored, "__array__"):
        array = np.asarray(stored)
        if array.dtype.kind == "O":
            with suppress(ValueError, TypeError):
                array = array.astype(np.float64)
        if array.dtype.kind in "fciu":
            yield name, array
