"""What the doors of the methods check, once for all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparsela._core.operators import Operator
from sparsela._core.validation import check_sparsity
from sparsela.phase._problem import check_first, check_magnitudes, warn_ambiguous
from sparsela.phase._start import check_explicit
from sparsela.recovery._problem import Course, course


class Prepared(NamedTuple):
    """Arguments, checked; k is 0 for the method that is not told the sparsity."""

    A: Operator
    y: np.ndarray
    k: int
    x0: np.ndarray | None
    run: Course


def prepare(name: str, A: Any, y: Any, n_nonzero_coefs: Any, x0: Any, *, told: bool = True, **keywords) -> Prepared:
    """Check the arguments of a method; `keywords` are those of the course of an iteration."""
    A, y = check_magnitudes(A, y)
    k = check_sparsity(n_nonzero_coefs, min(A.shape)) if told else 0
    run = course(name, **keywords)
    x0 = check_first(x0, A, y)
    if x0 is None:
        check_explicit(A, "x0=")
    if told:
        warn_ambiguous(A, k)
    return Prepared(A, y, k, x0, run)
