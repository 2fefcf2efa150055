"""Which plan a product takes: by the sizes where nothing was measured, by the machine model where it was."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_dtype, check_positive
from sparsela.matmul._errors import bound_of
from sparsela.matmul._model import CAUTIOUS, LEAST_LEAF, MIN_GAIN, MachineModel, as_model, current_model
from sparsela.matmul._plan import EDGES, MultiplyPlan
from sparsela.matmul._scheme import BilinearScheme
from sparsela.matmul._schemes import check_levels, one, resolve

MOST_LEVELS = 4
MEASURED_LEAF = 384  # below, the rate of BLAS in a loop says little about its rate between sums
INT_MAX = 2**31 - 1


def plan_multiply(
    shape_A: Sequence[int],
    shape_B: Sequence[int],
    dtype: Any = np.float64,
    *,
    scheme: Any = "auto",
    levels: int | str = "auto",
    n_jobs: int | None = None,
    accuracy: float | None = None,
    model: Any = None,
    edges: str = "pad",
    max_workspace: int | None = None,
) -> MultiplyPlan:
    """Plan a product: choose schemes, levels and scratch memory once, run it often.

    Parameters
    ----------
    shape_A : tuple of two ints
        (m, k).
    shape_B : tuple of two ints
        (k, n).
    dtype : dtype, default=float64
        Of the product: float32, float64, complex64, complex128; others become float64.
    scheme : "auto", str, BilinearScheme or list, default="auto"
        As in :func:`multiply`.
    levels : int or "auto", default="auto"
        As in :func:`multiply`.
    n_jobs : int or None, default=None
        As in :func:`multiply`.
    accuracy : float or None, default=None
        As in :func:`multiply`.
    model : MachineModel, path-like or None, default=None
        As in :func:`multiply`.
    edges : {"pad", "peel"}, default="pad"
        Where sizes are no multiples of the blocks: "pad" cuts the blocks at the edge and reads zeros beyond; "peel"
        leaves the rest to thin products of BLAS. For comparison.
    max_workspace : int or None, default=None
        Bytes of scratch memory, at most; None: twice the operands and the result. Less memory is more passes over it.

    Returns
    -------
    MultiplyPlan

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the above, or max_workspace is too small for any order of work.

    See Also
    --------
    multiply : Plan and run.
    calibrate : Measure the machine, so that "auto" chooses by it.

    References
    ----------
    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

    Examples
    --------
    >>> from sparsela.matmul import plan_multiply
    >>> plan_multiply((100, 100), (100, 100), n_jobs=1)
    MultiplyPlan((100, 100, 100), float64, BLAS, leaf (100, 100, 100), 1 thread)
    >>> plan_multiply((4096, 4096), (4096, 4096), "float32", n_jobs=1).levels
    2
    """
    m, k = _two(shape_A, "shape_A")
    k2, n = _two(shape_B, "shape_B")
    if k != k2:
        raise ValueError(f"shape_A and shape_B must agree in the inner dimension, got {(m, k)} and {(k2, n)}")
    dtype = check_dtype(np.dtype(dtype), "dtype")
    if edges not in EDGES:
        raise ValueError(f"edges must be one of {EDGES}, got {edges!r}")
    if max_workspace is not None:
        max_workspace = check_count(max_workspace, "max_workspace", low=0)
    model = current_model(dtype) if model is None else as_model(model, dtype)
    threads = effective_n_jobs(n_jobs)
    plan = _choose((m, k, n), dtype, scheme, levels, threads, accuracy, model, edges, max_workspace)
    if plan.levels:
        plan.modes  # noqa: B018 - raises where max_workspace is too small
    return plan


def kept_plan(shape, dtype, scheme, levels, n_jobs, accuracy, model) -> MultiplyPlan:
    """The plan for checked sizes; kept, so that the next one like it costs nothing. It holds no scratch memory."""
    model = current_model(dtype) if model is None else as_model(model, dtype)
    key = tuple(scheme) if isinstance(scheme, list) else scheme
    args = (shape, dtype, key, levels, effective_n_jobs(n_jobs), accuracy, model)
    if isinstance(levels, (bool, float)):  # to a cache they are ints
        return _choose(*args)
    try:
        return _chosen(*args)
    except TypeError:  # not hashable, or wrong: say so
        return _choose(*args)


def _choose(shape, dtype, scheme, levels, threads, accuracy, model, edges="pad", max_workspace=None) -> MultiplyPlan:
    listed = isinstance(scheme, Sequence) and not isinstance(scheme, str)
    automatic = isinstance(levels, str)
    if automatic and levels != "auto":
        raise ValueError(f"levels must be an int or 'auto', got {levels!r}")
    if accuracy is not None:
        accuracy = check_positive(accuracy, "accuracy")
        if accuracy < 1:
            raise ValueError(f"accuracy must be at least 1, the classical product, got {accuracy}")
    if automatic and listed:
        candidates = [resolve(scheme, len(scheme))]
    elif automatic:
        schemes = _candidates(accuracy) if scheme == "auto" else (one(scheme),)
        candidates = [(x,) * depth for x in schemes for depth in range(1, _most_levels(model, shape, x, threads) + 1)]
    else:
        name = "winograd" if isinstance(scheme, str) and scheme == "auto" else scheme
        candidates = [resolve(name, check_levels(levels))]
    if max(shape) > INT_MAX:
        candidates = []
    if accuracy is not None:
        candidates = [_within(accuracy, schemes, shape, dtype) for schemes in candidates]

    def plan(schemes: tuple[BilinearScheme, ...]) -> MultiplyPlan:
        made = MultiplyPlan(shape, dtype, schemes, threads, edges, max_workspace)
        times = {"predicted_time": 0.0, "predicted_blas_time": 0.0}
        if all(shape):
            times = {"predicted_time": model.predict(made), "predicted_blas_time": model.predict_blas(shape, threads)}
        made.__dict__.update(times)
        return made

    blas = plan(())
    if not all(shape):
        return blas
    plans = [plan(schemes) for schemes in candidates if schemes]
    if not plans:
        return blas
    if not automatic or listed:
        return plans[0]
    if not model.measured:
        return max(plans, key=lambda p: (p.levels, -p.schemes[0].growth_factor if accuracy else 0))
    best = min(plans, key=lambda p: p.predicted_time)
    return best if best.predicted_time * MIN_GAIN <= blas.predicted_time else blas


_chosen = lru_cache(maxsize=512)(_choose)


def _candidates(accuracy: float | None) -> tuple[BilinearScheme, ...]:
    # Those whose sums have loops of their own, which is what a calibration measures: other schemes are by name.
    return (one("winograd"), one("strassen")) if accuracy is not None else (one("winograd"),)


def _most_levels(model: MachineModel, shape: tuple[int, int, int], scheme: BilinearScheme, threads: int) -> int:
    """Levels to consider: by the sizes alone where nothing was measured."""
    middle, least = np.prod([float(x) for x in shape]) ** (1 / 3), min(shape)
    halvings = log2(np.prod(scheme.shape)) / 3  # that one level stands for
    if not halvings:
        return 0
    leaf = MEASURED_LEAF if model.measured else LEAST_LEAF
    by_leaf = min(
        (int(log2(max(1, size / leaf)) / log2(by)) for size, by in zip(shape, scheme.shape, strict=True) if by > 1),
        default=0,
    )
    if model.measured:
        return min(MOST_LEVELS, by_leaf)
    allowed = sum(middle >= bar for bar in CAUTIOUS[min(threads, 2)])
    return min(int(allowed / halvings + 1e-9), by_leaf) if least else 0


def _within(accuracy: float, schemes: tuple[BilinearScheme, ...], shape: tuple, dtype: np.dtype) -> tuple:
    while schemes and bound_of(schemes, shape, dtype).ratio > accuracy:
        schemes = schemes[:-1]
    return schemes


def _two(shape: Sequence[int], name: str) -> tuple[int, int]:
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"{name} must be a tuple of two ints, got {type(shape).__name__}") from None
    if len(sizes) != 2:
        raise ValueError(f"{name} must be a tuple of two ints, got {sizes}: stacks of matrices are for numpy.matmul")
    return tuple(check_count(size, f"{name}[{i}]", low=0) for i, size in enumerate(sizes))
