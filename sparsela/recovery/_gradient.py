"""Proximal gradient steps for ``½‖y − A x‖² + penalty``, accelerated or not, for one target or a block of them.

Arrays are (n,) for one target and (n, t) for t of them; sums run down the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core.operators import Operator

SPARSE = 8  # an x of which one in so many is not zero, or fewer, is worth a gather of columns


@dataclass
class Descent:
    """Where the iteration stands: x, the extrapolated v, and their images; never more than these n-vectors and g."""

    A: Operator
    y: np.ndarray
    L: float
    x: np.ndarray
    Ax: np.ndarray
    v: np.ndarray
    Av: np.ndarray
    g: np.ndarray  # A* (A v − y)
    t: Any = 1.0
    raise_by: float = 1.05  # where a step turns out to be too long

    @classmethod
    def start(cls, A: Operator, y: np.ndarray, L: float, x0: np.ndarray | None, raise_by: float = 1.05) -> Descent:
        """At x0, or at zero, where the products are known."""
        x = np.zeros((A.shape[1], *y.shape[1:]), y.dtype) if x0 is None else x0
        Ax = A.matvec(x) if x0 is not None and x0.any() else np.zeros_like(y)
        g = A.rmatvec(Ax - y)
        return cls(A, y, L, x, Ax, x, Ax, g, np.ones(y.shape[1:]) if y.ndim == 2 else 1.0, raise_by)

    def step(self, shrink: Callable, accelerated: bool, restart: bool, measure: bool = False) -> float:
        """``x ← shrink(v − g / L)`` and the next v; two applications. Returns how far x has moved, if measured."""
        while True:
            z = self.g * (-1 / self.L)
            z += self.v
            x = shrink(z, 1 / self.L)
            Ax = image(self.A, x)
            if self.raise_by == 1 or self._short_enough(x, Ax):
                break
            self.L *= self.raise_by
        moved = x - self.x
        change = np.nan
        if measure:
            change = float(np.sqrt(np.max(squares(moved) / np.maximum(squares(x), np.finfo(float).tiny))))
        if accelerated:
            self._extrapolate(x, Ax, moved, restart)
        else:
            self.v, self.Av = x, Ax
        self.x, self.Ax = x, Ax
        self.g = self.A.rmatvec(self.Av - self.y)
        return change

    def _short_enough(self, x: np.ndarray, Ax: np.ndarray) -> bool:
        """Whether the quadratic bound with L holds between v and x, up to the rounding of A v."""
        unseen = squares(Ax) * (16 * np.finfo(Ax.dtype).eps) ** 2
        return bool(np.all(squares(Ax - self.Av) <= self.L * squares(x - self.v) * (1 + 1e-6) + unseen))

    def _extrapolate(self, x, Ax, moved, restart: bool) -> None:
        if restart:
            uphill = inner(self.v - x, moved) > 0
            self.t = np.where(uphill, 1.0, self.t)
        following = (1 + np.sqrt(1 + 4 * np.square(self.t))) / 2
        beta = (self.t - 1) / following
        if restart:
            beta = np.where(uphill, 0.0, beta)
        beta = np.asarray(beta, self.x.real.dtype)
        self.t = following
        moved *= beta
        moved += x
        self.v = moved
        self.Av = Ax + beta * (Ax - self.Ax)

    def keep(self, columns: np.ndarray) -> None:
        """Go on with some targets of the block alone."""
        for name in ("y", "x", "Ax", "v", "Av", "g"):
            setattr(self, name, np.ascontiguousarray(getattr(self, name)[:, columns]))
        self.t = self.t[columns]


def image(A: Operator, x: np.ndarray) -> np.ndarray:
    """``A x``, by the columns that take part where A is a dense array and x has few non-zeros."""
    if x.ndim == 1 and isinstance(A.wrapped, np.ndarray) and SPARSE * np.count_nonzero(x) <= x.size:
        T = np.flatnonzero(x)
        return A.apply_support(T, x[T])
    return A.matvec(x)


def inner(a: np.ndarray, b: np.ndarray) -> Any:
    """Real inner products of columns."""
    return np.real(np.einsum("i...,i...->...", a.conj(), b, dtype=np.result_type(a, np.float64)))


def squares(a: np.ndarray) -> Any:
    """Squared norms of columns."""
    return inner(a, a)


def lasso_gap(y: np.ndarray, r: np.ndarray, correlations: np.ndarray, l1: Any, alpha: float, at: np.ndarray) -> Any:
    """Duality gap of the lasso at x with ``‖x‖₁ = l1`` and residual r, by the residual `at` of any point, scaled until
    it is dual feasible; `correlations` are ``A* at``."""
    largest = np.abs(correlations).max(axis=0)
    scale = np.minimum(1.0, alpha / np.maximum(largest, np.finfo(float).tiny))
    dual = 0.5 * squares(y) - 0.5 * squares(y - at * scale)
    return 0.5 * squares(r) + alpha * l1 - dual


def ball_gap(r: np.ndarray, at: np.ndarray, correlations: np.ndarray, v: np.ndarray, tau: float) -> float:
    """``½‖r‖²`` minus the least value of ``½‖y − A x‖²`` on ``‖x‖₁ ≤ tau``, at most: by the tangent at any v, whose
    residual is `at`; correlations are ``A* at``."""
    least = 0.5 * squares(at) + inner(correlations, v) - tau * float(np.abs(correlations).max())
    return float(0.5 * squares(r) - least)
