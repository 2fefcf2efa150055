"""Sets of vectors as penalties: 0 inside, infinite outside, the projection as proximal operator.

The step and the weight alpha of :class:`Penalty` mean nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.elementwise import check_out, numbers
from sparsela._core.penalties import Penalty
from sparsela._core.projections import hard_threshold_rows, project_l1_ball
from sparsela._core.validation import check_count, check_dtype, check_positive

__all__ = ["Box", "L0Constraint", "L1Ball", "NonNegative"]


@dataclass(frozen=True)
class L0Constraint(Penalty):
    """At most k non-zeros.

    Parameters
    ----------
    k : int
        Non-zeros allowed, at least 1.

    Raises
    ------
    ValueError
        If k is below 1.

    Notes
    -----
    Infinite outside. Proximal operator: of x as one vector, the k entries largest in magnitude, ties to the lowest
    index.

    References
    ----------
    T. Blumensath, M. Davies. Iterative hard thresholding for compressed sensing. Applied and Computational Harmonic
    Analysis, 2009.

    Examples
    --------
    >>> L0Constraint(1).prox([1.0, -3.0, 2.0], step=1.0)
    array([ 0., -3.,  0.])
    >>> L0Constraint(1).value([1.0, -3.0, 2.0])
    inf
    """

    k: int

    def __post_init__(self):
        check_count(self.k, "k")

    def _value(self, s, alpha):
        return 0.0 if np.count_nonzero(s) <= self.k else np.inf

    def _prox(self, z, step, alpha, out):
        z = numbers(z)
        return _into(out, hard_threshold_rows(z.ravel(), min(self.k, z.size)).reshape(z.shape))


@dataclass(frozen=True)
class L1Ball(Penalty):
    """The ball ``‖x‖₁ ≤ tau``.

    Parameters
    ----------
    tau : float
        Radius, at least 0.

    Raises
    ------
    ValueError
        If tau is negative or not finite.

    Notes
    -----
    Infinite outside (to a relative 1e-6). Proximal operator: :func:`project_l1_ball`.

    References
    ----------
    L. Condat. Fast projection onto the simplex and the l1 ball. Mathematical Programming, 2016.

    Examples
    --------
    >>> L1Ball(2.0).prox([3.0, -1.0], step=1.0)
    array([2., 0.])
    """

    tau: float

    def __post_init__(self):
        check_positive(self.tau, "tau", allow_zero=True)

    is_convex = True

    def _value(self, s, alpha):
        return 0.0 if s.sum() <= self.tau * (1 + 1e-6) else np.inf

    def _prox(self, z, step, alpha, out):
        return _into(out, project_l1_ball(z, self.tau))


@dataclass(frozen=True, eq=False)
class Box(Penalty):
    """The box ``low ≤ x ≤ high``, real x.

    Parameters
    ----------
    low, high : float or array_like, default=0.0, 1.0
        Bounds, of x's shape or broadcasting to it; may be infinite.

    Raises
    ------
    ValueError
        If a lower bound is above its upper one.

    Notes
    -----
    Infinite outside. Proximal operator: the nearest point of the box.

    References
    ----------
    N. Parikh, S. Boyd. Proximal algorithms. Foundations and Trends in Optimization, 2014.

    Examples
    --------
    >>> Box(-1.0, 1.0).prox([3.0, -0.5], step=1.0)
    array([ 1. , -0.5])
    """

    low: Any = 0.0
    high: Any = 1.0

    is_convex = True

    def __post_init__(self):
        for name in ("low", "high"):
            check_dtype(np.asarray(getattr(self, name)).dtype, name, allow_complex=False)
        if not np.all(np.asarray(self.low) <= np.asarray(self.high)):
            raise ValueError(f"low must not be above high, got {self.low!r} and {self.high!r}")

    def value(self, x: Any, alpha: float = 1.0) -> float:
        """0 inside the box, infinite outside."""
        x = _real(x)
        return 0.0 if np.all((x >= self.low) & (x <= self.high)) else np.inf

    def _prox(self, z, step, alpha, out):
        z = _real(z)
        return _into(out, np.clip(z, self.low, self.high).astype(z.dtype, copy=False))


@dataclass(frozen=True)
class NonNegative(Penalty):
    """The cone ``x ≥ 0``, real x.

    Notes
    -----
    Infinite outside. Proximal operator: ``max(z, 0)``.

    References
    ----------
    N. Parikh, S. Boyd. Proximal algorithms. Foundations and Trends in Optimization, 2014.

    Examples
    --------
    >>> NonNegative().prox([3.0, -0.5], step=1.0)
    array([3., 0.])
    """

    is_convex = True

    def value(self, x: Any, alpha: float = 1.0) -> float:
        """0 where no entry is negative, else infinite."""
        return 0.0 if np.all(_real(x) >= 0) else np.inf

    def _prox(self, z, step, alpha, out):
        return _into(out, np.maximum(_real(z), 0))


def _real(x: Any) -> np.ndarray:
    x = numbers(x)
    if x.dtype.kind == "c":
        raise TypeError(f"x must be real, got dtype {x.dtype}")
    return x


def _into(out: np.ndarray | None, result: np.ndarray) -> np.ndarray:
    if out is None:
        return result
    check_out(out, result)
    out[...] = result
    return out
