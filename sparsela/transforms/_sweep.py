"""One sweep of proximal alternating minimisation over the factors of a product, and what it keeps between sweeps.

``F = λ S_1 … S_J`` approximates A, ``E = F − A``, ``Ψ = ½ ‖E‖²``. A sweep goes right to left; for the
other direction the whole problem is transposed (`_palm`). At factor j, ``L = S_1 … S_{j−1}`` is a chain of factors
that is never multiplied out, and ``R = S_{j+1} … S_J``, just updated, is kept as one dense matrix too: E needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sparsela._ext.kronecker import Chain, power_norm
from sparsela.transforms._chain import Plan
from sparsela.transforms._matrices import Dense, Factor, Rows, Sparse, frozen

SPARSE_BELOW = 0.15  # density under which a factor is kept as CSR
BLAS_GAIN = 15.0  # multiply-adds of a dense product in the time of one of a sparse chain
CG_STEPS = 5
MAX_BACKTRACKS = 30
STEADY = 2  # sweeps with the same supports before values are refitted


@dataclass
class Rule:
    """What holds for one factor: its projection (of a dense matrix), and whether it may be refitted or is fixed."""

    project: Callable[[np.ndarray], np.ndarray]
    normalize: bool
    refit: bool
    exact: bool  # a true projection: then a step never raises Ψ, and one that does is redone
    fixed: bool


@dataclass
class Sweeper:
    """The state of the iteration: factors, scale, F and the singular vectors that norms start from."""

    A: np.ndarray
    parts: list[Factor]
    scale: float
    rules: list[Rule]
    step_margin: float
    norm_tol: float
    norm_max_iter: int
    rng: np.random.Generator
    vectors: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    projected: set[int] = field(default_factory=set)  # factors that are in their sets: a start may not be
    steady: int = 0  # sweeps since a support changed
    n_backtracks: int = 0

    def __post_init__(self):
        self.energy = float(np.vdot(self.A, self.A).real)
        R = None
        for part in reversed(self.parts):
            R = _times(part, R)
        self.F = R * R.dtype.type(self.scale)
        self.psi = self._objective(self.F)

    def _objective(self, F: np.ndarray) -> float:
        E = F - self.A
        return 0.5 * float(np.vdot(E, E).real)

    @property
    def relative_error(self) -> float:
        return float(np.sqrt(2 * self.psi / self.energy))

    def sweep(self, refit: bool) -> int:
        """Update every factor once, then the scale; returns in how many factors the support changed."""
        changes, self.n_backtracks = 0, 0
        refit = refit and self.steady >= STEADY
        R = None
        for j in reversed(range(len(self.parts))):
            if not self.rules[j].fixed:
                changes += self._update(j, R, refit)
            R = _times(self.parts[j], R) if j else None
        self._fit_scale()
        self.steady = 0 if changes else self.steady + 1
        return changes

    def _fit_scale(self) -> None:
        energy = float(np.vdot(self.F, self.F).real)
        if energy > 0:
            ratio = float(np.vdot(self.F, self.A).real) / energy
            self.scale *= ratio
            self.F *= self.F.dtype.type(ratio)
            self.psi = self._objective(self.F)

    def _update(self, j: int, R: np.ndarray | None, refit: bool) -> bool:
        """A projected gradient step on factor j, or a refit of its values where its support would stay the same."""
        rule, old, scale = self.rules[j], self.parts[j], self.scale
        L, R_parts = self.parts[:j], self.parts[j + 1 :]
        forward = Plan(tuple(L)) if L else None
        backward = Plan(tuple(part.H for part in reversed(L))) if L else None
        across = Plan(tuple(part.conj() for part in R_parts)) if _chain_is_cheaper(R_parts, R) else None

        def gradient(F: np.ndarray) -> np.ndarray:  # λ Lᴴ (F − A) Rᴴ
            G = F - self.A
            G = backward.multiply(scale, G) if L else G * G.dtype.type(scale)
            if R is None:
                return G
            return across.multiply(1, G.T).T if across else G @ R.conj().T

        def image(part: Factor) -> np.ndarray:  # λ L S R
            X = _times(part, R)
            return forward.multiply(scale, X) if L else X * X.dtype.type(scale)

        c = (1 + self.step_margin) * (scale * self._norm("left", j, forward, backward) * self._right_norm(j)) ** 2
        c = c if c > 0 else 1.0
        G, dense = gradient(self.F), old.toarray()
        for _ in range(MAX_BACKTRACKS):
            new = pack(rule.project(dense - G / G.dtype.type(c)))
            same = same_support(old, new)
            if refit and rule.refit and same:
                self._refit(j, G, c, gradient, image)
                return False
            F = image(new)
            psi = self._objective(F)
            if not rule.exact or j not in self.projected or psi <= self.psi + 1e-14 * self.energy:
                break
            self.n_backtracks += 1
            c *= 2
        else:
            return False  # no step that lowers Ψ in floating point: the factor stays
        self.parts[j], self.F, self.psi = new, F, psi
        self.projected.add(j)
        return not same

    def _refit(self, j: int, G: np.ndarray, c: float, gradient: Callable, image: Callable) -> None:
        """Up to five conjugate gradient steps on the values of factor j over its support, its norm then put into λ."""
        part = self.parts[j]
        at, x = _stored(part)
        target = 1e-30 * c * self.energy  # c ‖A‖² bounds the squared gradient at zero
        g = G.reshape(-1)[at]
        d, gg = -g, float(np.vdot(g, g).real)
        F = self.F
        for _ in range(CG_STEPS):
            if gg <= target:
                break
            Q = image(_with_values(part, at, d))
            curvature = float(np.vdot(Q, Q).real)
            if curvature == 0:
                break
            alpha = gg / curvature
            x = x + x.dtype.type(alpha) * d
            F = F + F.dtype.type(alpha) * Q
            g = gradient(F).reshape(-1)[at]
            previous, gg = gg, float(np.vdot(g, g).real)
            d = -g + g.dtype.type(gg / previous) * d
        norm = float(np.linalg.norm(x)) if self.rules[j].normalize else 1.0
        psi = self._objective(F)
        if norm == 0 or psi > self.psi + 1e-14 * self.energy:
            return
        self.parts[j] = _with_values(part, at, x / x.dtype.type(norm))
        self.scale *= norm
        self.F, self.psi = F, psi

    def _right_norm(self, j: int) -> float:
        R = tuple(self.parts[j + 1 :])
        if not R:
            return 1.0
        return self._norm("right", j, Plan(R), Plan(tuple(part.H for part in reversed(R))))

    def _norm(self, side: str, j: int, forward: Plan | None, backward: Plan | None) -> float:
        """``‖L‖₂`` or ``‖R‖₂``, raised by its tolerance: power iteration from the vector of the last sweep."""
        if forward is None:
            return 1.0
        x = self.vectors.get((side, j))
        if x is None or not x.any():
            x = self.rng.standard_normal(forward.shape[1]).astype(forward.dtype)
        steps = (*forward.steps, *backward.steps)
        if x.dtype.kind == "f" and len(steps) == 2 and all(isinstance(step, Chain) for step in steps):
            x = x.copy()
            norm = power_norm(forward.steps[0], backward.steps[0], x, self.norm_tol, self.norm_max_iter)
            self.vectors[side, j] = x
            return norm * (1 + self.norm_tol)
        norm = 0.0
        for _ in range(self.norm_max_iter):
            x = x / x.dtype.type(np.linalg.norm(x))
            y = forward.multiply(1, x[:, None])
            previous, norm = norm, float(np.linalg.norm(y))
            if norm == 0:
                break
            x = backward.multiply(1, y)[:, 0]
            if abs(norm - previous) <= self.norm_tol * norm:
                break
        self.vectors[side, j] = x
        return norm * (1 + self.norm_tol)


def pack(M: np.ndarray) -> Factor:
    """A dense matrix as CSR where few of its entries are not zero."""
    if np.count_nonzero(M) >= SPARSE_BELOW * M.size:
        return Dense(M)
    rows, columns = np.nonzero(M)
    indptr = np.zeros(M.shape[0] + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=M.shape[0]), out=indptr[1:])
    return Sparse(Rows(M.shape, frozen(indptr), frozen(columns.astype(np.int32)), frozen(M[rows, columns])))


def same_support(old: Factor, new: Factor) -> bool:
    if isinstance(old, Sparse) and isinstance(new, Sparse):
        return np.array_equal(old.rows.indptr, new.rows.indptr) and np.array_equal(old.rows.indices, new.rows.indices)
    return np.array_equal(old.toarray() != 0, new.toarray() != 0)


def _times(part: Factor, X: np.ndarray | None) -> np.ndarray:
    return part.toarray() if X is None else Plan((part,)).multiply(1, X)


def _chain_is_cheaper(parts: list[Factor], R: np.ndarray | None) -> bool:
    return R is not None and BLAS_GAIN * sum(part.nnz for part in parts) < R.size


def _stored(part: Sparse | Dense) -> tuple[np.ndarray, np.ndarray]:
    """Positions, in C order, and values of the entries that are not zero."""
    if isinstance(part, Sparse):
        return part.rows.row_index() * np.intp(part.shape[1]) + part.rows.indices, part.rows.data
    at = np.flatnonzero(part.array)
    return at, part.array.reshape(-1)[at]


def _with_values(part: Factor, at: np.ndarray, values: np.ndarray) -> Factor:
    if isinstance(part, Sparse):
        return part.replace(values)
    M = np.zeros(part.shape, values.dtype)
    M.reshape(-1)[at] = values
    return Dense(M)
