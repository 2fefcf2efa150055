"""What a user may write for `scheme` and `levels`, and the schemes it stands for: one a level, outermost first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sparsela._core.validation import check_count
from sparsela.matmul._catalogue import get_scheme
from sparsela.matmul._scheme import BilinearScheme

MOST_LEVELS = 40  # two to that power is more than the side of any matrix: further levels would split single numbers


def check_levels(levels: Any) -> int:
    """A number of levels as an int of at least 0."""
    return check_count(levels, "levels", low=0, high=MOST_LEVELS)


def resolve(scheme: Any, levels: int) -> tuple[BilinearScheme, ...]:
    """One scheme for each of `levels` levels; a list must have just as many."""
    if isinstance(scheme, Sequence) and not isinstance(scheme, str):
        if len(scheme) != levels:
            raise ValueError(
                f"scheme must be one for all levels or a list of one a level, got {len(scheme)} for {levels}"
            )
        return tuple(one(x) for x in scheme)
    return (one(scheme),) * levels


def one(scheme: Any) -> BilinearScheme:
    """A scheme itself, or by its name."""
    if isinstance(scheme, BilinearScheme):
        return scheme
    if isinstance(scheme, str):
        return _named(scheme)
    raise TypeError(f"scheme must be a name, a BilinearScheme or a list of them, got {type(scheme).__name__}")


@cache
def _named(name: str) -> BilinearScheme:
    return get_scheme(name)
