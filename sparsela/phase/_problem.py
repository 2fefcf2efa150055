"""What the methods of the room share: a measurement without units, points of an iteration, the walk, the answer.

Inside, A stands for A / c with entries of mean square 1 and y for y / (c φ) of mean square 1, so that the x looked for
has norm about 1, every step size is a plain number, and no square leaves the range of floats. A itself is not copied.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsela._core.operators import Operator, as_operator
from sparsela._core.prox import top_k
from sparsela._core.results import Result, support_of
from sparsela._core.validation import check_no_zero_column, check_targets
from sparsela._ext import marginals
from sparsela.phase._error import fix_phase
from sparsela.recovery._problem import Course, threads_for

N_PROBES = 8  # random vectors that measure ‖A‖_F where A is known by its products alone
ROUNDING = 32  # times eps: a movement that is no movement
SQUARABLE = 1e280  # squares of column norms stay within this and its inverse


@dataclass(frozen=True, repr=False, eq=False)
class PhaseResult(Result):
    """A sparse x with ``|A x| = y``, up to a factor of modulus 1, and how it was reached.

    Attributes
    ----------
    x : ndarray of shape (n_features,) or (n_features, n_targets)
        The solution; its entry of largest modulus (the first of them) is real and positive.
    support : ndarray of intp, or tuple of n_targets such arrays
        Where `x` is not zero, ascending.
    n_iter : int or ndarray of shape (n_targets,)
        Steps done.
    converged : bool or ndarray of shape (n_targets,)
        Whether the iteration stopped moving. It does not say that x is the planted signal: without noise, a
        `residual_norm` of at most ``1e-8 ‖y‖`` does.
    residual_norm : float or ndarray of shape (n_targets,)
        ``‖|A x| − y‖₂`` of the `x` that is returned, computed anew.
    history : dict of ndarray, tuple of them, or None
        ``residual_norm`` at every step; None unless asked for with ``return_history=True``.
    init_used : str, tuple of str, or None
        Of :func:`retrieve`: the start that led to x.
    """

    x: np.ndarray
    support: np.ndarray | tuple[np.ndarray, ...]
    n_iter: int | np.ndarray
    converged: bool | np.ndarray
    residual_norm: float | np.ndarray
    history: dict[str, np.ndarray] | tuple | None = None
    init_used: Any = None


class Point(NamedTuple):
    """An iterate: v on the support T, its measurements ``u = A_T v``, ``‖|u| − y‖ / ‖y‖``; C may keep the columns."""

    T: np.ndarray
    v: np.ndarray
    u: np.ndarray
    residual: float
    C: Any = None


class Problem:
    """One measurement without units. `marginals` are ``M_j = mean(y² |a_j|²)``, where A shows its entries."""

    def __init__(self, A: Operator, scale: float, y: np.ndarray, marginals: np.ndarray | None):
        self.A, self.scale = A, scale
        self.m, self.n = A.shape
        self.dtype = A.dtype
        self.given = y
        size = root_mean_square(y)
        self.unit = size / scale  # φ: estimates ‖x‖
        self.norm = size * float(np.sqrt(self.m))  # ‖y‖, as it was given
        self.y = y / y.dtype.type(size) if size else y
        self.marginals = marginals
        self._local = threading.local()  # scratch: starts may run in threads of their own

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        """``A* r``."""
        return self.A.rmatvec(r) / self.scale

    def columns(self, T: np.ndarray):
        """``A_T``, an ndarray or, of a sparse A, a csc_array."""
        C = self.A.columns(T)  # a gather, ours to change
        entries = C.data if sp.issparse(C) else C
        entries *= entries.dtype.type(1 / self.scale)
        return C

    def weighted_gram(self, C, w: np.ndarray) -> np.ndarray:
        """``Cᴴ diag(w) C``, an ndarray, of columns of A."""
        if sp.issparse(C):
            return (C.conj().T @ sp.csc_array(C.multiply(w[:, None]))).toarray()
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or scratch.shape != C.shape:
            scratch = self._local.scratch = np.empty_like(C)  # a new array a step costs more than the product
        return C.conj().T @ np.multiply(C, w[:, None], out=scratch)

    def apply(self, T: np.ndarray, v: np.ndarray) -> np.ndarray:
        """``A_T v``."""
        return self.A.apply_support(T, v) / self.scale

    def point(self, T: np.ndarray, v: np.ndarray, u: np.ndarray | None = None, C: Any = None) -> Point:
        """The iterate v on T."""
        if u is None:
            u = self.apply(T, v) if C is None else C @ v
        return Point(T, v, u, float(np.linalg.norm(np.abs(u) - self.y) / np.sqrt(self.m)), C)

    def point_at(self, x: np.ndarray, k: int | None = None) -> Point:
        """The iterate x, cut to its k largest entries."""
        T = np.flatnonzero(x)
        if k is not None and T.size > k:
            T = top_k(x, k)
        return self.point(T, x[T])

    def full(self, point: Point) -> np.ndarray:
        """x of an iterate, (n,)."""
        x = np.zeros(self.n, self.dtype)
        x[point.T] = point.v
        return x

    def moved(self, new: Point, old: Point) -> float:
        """Distance of two iterates, whatever their phases, relative to the new one."""
        if np.array_equal(new.T, old.T):
            a, b = new.v, old.v
        else:
            a, b = self.full(new), self.full(old)
        size = float(np.linalg.norm(a))
        inner = np.vdot(b, a)
        phase = inner / abs(inner) if inner else 1
        return float(np.linalg.norm(phase * b - a)) / size if size else np.inf


@dataclass
class Outcome:
    """How a method left one target, in the units of Problem. `stopped`: why it ended before it converged, or ""."""

    point: Point
    n_iter: int
    converged: bool
    history: dict[str, np.ndarray] | None = None
    stopped: str = ""
    init_used: Any = None


def sign(u: np.ndarray) -> np.ndarray:
    """``u / |u|``, and 1 where u is 0: a phase of 0 would remove an equation."""
    size = np.abs(u)
    return np.where(size > 0, u / np.where(size > 0, size, 1), 1).astype(u.dtype, copy=False)


def with_sign(y: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The magnitudes y with the signs, or phases, of u."""
    return y * sign(u) if u.dtype.kind == "c" else np.where(u < 0, -y, y)


def root_mean_square(a: np.ndarray) -> float:
    largest = float(np.abs(a).max())
    return largest * float(np.sqrt(np.mean(np.square(a / largest, dtype=np.float64)))) if largest else 0.0


def check_magnitudes(A: Any, y: Any) -> tuple[Operator, np.ndarray]:
    """A as an operator and y ≥ 0 in its precision."""
    A = as_operator(A)
    y = check_targets(y, A.shape[0], allow_complex=False)
    if y.min() < 0:
        raise ValueError(f"y must be magnitudes, at least 0, got {y.min():g} at index {int(y.argmin())}")
    return A, y.astype(np.finfo(A.dtype).dtype, copy=False)


def check_first(x0: Any, A: Operator, y: np.ndarray) -> np.ndarray | None:
    """A start of the shape of the answer, not zero, in the precision of A."""
    if x0 is None:
        return None
    x0 = check_targets(x0, A.shape[1], "x0")
    if x0.shape[1:] != y.shape[1:]:
        raise ValueError(f"x0 must have shape {(A.shape[1], *y.shape[1:])}, got {x0.shape}")
    if x0.dtype.kind == "c" and A.dtype.kind != "c":
        raise ValueError("x0 must be real, as A is: a real A does not tell x from its conjugate")
    if not np.all(np.any(x0, axis=0)):
        raise ValueError("x0 must not be zero: no direction is better than another there")
    return x0.astype(A.dtype)


def problems(A: Operator, y: np.ndarray, *, survey: bool) -> list[Problem]:
    """A problem for each target; `survey`: with marginals, from the pass over A that measures its norm."""
    columns = y[:, None] if y.ndim == 1 else y
    targets = [np.ascontiguousarray(column) for column in columns.T]
    sizes = [root_mean_square(target) or 1.0 for target in targets]
    m, n = A.shape
    if not A.explicit:
        scale = _scale_by_probes(A)
        return [Problem(A, scale, target, None) for target in targets]
    shapes = [(t.astype(np.float64) / size) ** 2 for t, size in zip(targets, sizes, strict=True)] if survey else []
    weights = np.stack(shapes) if survey else np.empty((0, m))
    squares, sums = squared_sums(A, weights)
    if np.all((squares > 1 / SQUARABLE) & (squares < SQUARABLE)):
        scale = float(np.sqrt(squares.mean() / m))
        sums /= m * scale**2
    else:  # a zero column, or squares that left the range of floats
        norms = check_no_zero_column(A.column_norms()).astype(np.float64)
        scale = root_mean_square(norms) / np.sqrt(m)
        sums = squared_sums(as_operator(A.entries / A.dtype.type(scale)), weights)[1] / m
    return [Problem(A, scale, t, sums[i] if survey else None) for i, t in enumerate(targets)]


def squared_sums(A: Operator, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``Σ_i |a_ij|²``, (n,), and ``Σ_i W[k, i] |a_ij|²``, (t, n), in double."""
    if sp.issparse(A.wrapped):
        entries = A.entries.copy()
        entries.data = np.abs(entries.data).astype(np.float64) ** 2
        return np.asarray(entries.sum(axis=0)).ravel(), np.ascontiguousarray((entries.T @ W.T).T)
    squares, sums = np.empty(A.shape[1]), np.empty((len(W), A.shape[1]))
    entries = A.entries
    kernel = marginals.by_column if entries.strides[0] < entries.strides[1] else marginals.by_row
    kernel(entries, W, squares, sums)
    return squares, sums


def _scale_by_probes(A: Operator) -> float:
    known = getattr(A.wrapped, "column_norms", None)
    if known is not None:
        norms = check_no_zero_column(A.column_norms())
        return root_mean_square(norms) / np.sqrt(A.shape[0])
    Z = np.random.default_rng(0).choice([-1.0, 1.0], (A.shape[1], N_PROBES)).astype(A.dtype)
    scale = root_mean_square(np.abs(A.matmat(Z))) / np.sqrt(A.shape[1])  # E |a z|² = ‖a‖² for random signs z
    if not scale:
        raise ValueError("A must not be zero")
    return scale


def warn_ambiguous(A: Operator, k: int) -> None:
    """Warn where counting equations shows that x cannot be told from others."""
    need = 4 * k - 2 if A.dtype.kind == "c" else 2 * k - 1
    if A.shape[0] < need:
        warnings.warn(
            f"{A.shape[0]} magnitudes do not determine n_nonzero_coefs = {k} values: at least {need} are needed",
            UserWarning,
            stacklevel=4,
        )


def walk(
    problem: Problem,
    start: Point,
    step: Callable[[Point], Point],
    run: Course,
    *,
    patience: int,
    residual_tol: float | None = None,
) -> Outcome:
    """Repeat `step` until it stops moving or fits y, to `residual_tol` (None: tol).

    Gives up after `patience` steps without a smaller residual. Returns the last point where it converged, else the one
    of least residual.
    """
    rounding = ROUNDING * float(np.finfo(problem.dtype).eps)
    tol = max(run.tol, rounding)
    residual_tol = tol if residual_tol is None else max(residual_tol, rounding)
    point = best = start
    waited, state, stopped, converged = 0, None, f"stopped at max_iter={run.max_iter}", False
    for state in run.steps():
        new = step(point)
        if not np.isfinite(new.residual):
            stopped = "diverged"
            break
        moved, point = problem.moved(new, point), new
        waited = 0 if point.residual < best.residual else waited + 1
        if point.residual < best.residual:
            best = point
        fields = {"residual_norm": problem.norm * point.residual, "support": frozen(point.T)}
        if run.callback is not None:
            fields["x"] = frozen(problem.unit * problem.full(point))
        asked = state.record(**fields).stop
        if moved <= tol or point.residual <= residual_tol:
            converged, stopped = True, ""
            break
        if asked:
            stopped = ""
            break
        if waited >= patience:
            stopped = f"stopped after {patience} steps without a smaller residual"
            break
    converged = converged or best.residual <= tol
    return Outcome(point if converged and not stopped else best, state.n_iter, converged, state.history, stopped)


def frozen(a: np.ndarray) -> np.ndarray:
    view = a.view()
    view.flags.writeable = False
    return view


def solve_targets(
    A: Operator,
    y: np.ndarray,
    one: Callable[[Problem, np.ndarray | None], Outcome],
    run: Course,
    x0: np.ndarray | None = None,
) -> PhaseResult:
    """Solve for each target in turn; ``one(problem, start)`` is given the start without units, or None."""
    starts = None if x0 is None else (x0[:, None] if y.ndim == 1 else x0)
    found, x, residuals = [], [], []
    with threads_for(A):
        for t, problem in enumerate(problems(A, y, survey=x0 is None)):
            if not problem.unit:  # y = 0 is explained by x = 0
                empty = Point(np.empty(0, np.intp), np.empty(0, A.dtype), np.zeros(problem.m, A.dtype), 0.0)
                outcome = Outcome(empty, 0, True, {} if run.return_history else None)
            else:
                start = None if starts is None else starts[:, t] / starts.dtype.type(problem.unit)
                outcome = one(problem, start)
            answer = problem.unit * fix_phase(problem.full(outcome.point))
            T = np.flatnonzero(answer)
            fitted = A.apply_support(T, answer[T]) if T.size else np.zeros(problem.m)
            x.append(answer.astype(A.dtype, copy=False))
            residuals.append(root_mean_square(np.abs(fitted) - problem.given) * float(np.sqrt(problem.m)))
            found.append(outcome)
    reasons = [outcome.stopped for outcome in found if outcome.stopped]
    if reasons:
        _warn(run.name, reasons, len(found))
    return _assemble(y, np.stack(x, axis=1), found, np.array(residuals))


def _warn(name: str, reasons: list[str], n_targets: int) -> None:
    from sklearn.exceptions import ConvergenceWarning  # brings scikit-learn

    which = "" if n_targets == 1 else f" for {len(reasons)} of {n_targets} targets"
    warnings.warn(f"{name} {reasons[0]}{which}: x is that of least residual", ConvergenceWarning, stacklevel=4)


def _assemble(y: np.ndarray, x: np.ndarray, found: list[Outcome], residuals: np.ndarray) -> PhaseResult:
    if y.ndim == 1:
        o, x = found[0], np.ascontiguousarray(x[:, 0])
        return PhaseResult(x, support_of(x), o.n_iter, o.converged, float(residuals[0]), o.history, o.init_used)
    return PhaseResult(
        x,
        support_of(x),
        np.array([o.n_iter for o in found]),
        np.array([o.converged for o in found]),
        residuals,
        None if found[0].history is None else tuple(o.history for o in found),
        None if found[0].init_used is None else tuple(o.init_used for o in found),
    )
