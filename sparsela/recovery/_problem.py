"""What every solver of the room does around its own steps: check, count, walk over the targets, judge the answer.

A solver of one target is a function ``one(A, y, x0, target) -> Outcome``: A counts its applications, y is not zero,
`target` is the residual norm to reach; its loop is ``for state in run.steps()``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigvalsh_tridiagonal

from sparsela._core.operators import CountingOperator, Operator
from sparsela._core.progress import State, check_verbose, iterate
from sparsela._core.results import RecoveryResult, support_of
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_no_zero_column, check_positive, check_sparsity, check_targets

SMALL_MATRIX = 1 << 20  # entries


@dataclass
class Outcome:
    """How a solver left one target. `capped`: it ended at max_iter. `converged` None: judged by the residual."""

    x: np.ndarray
    n_iter: int
    history: dict[str, np.ndarray] | None = None
    capped: bool = False
    converged: bool | None = None
    proved: bool = False  # optimal beyond doubt


@dataclass(frozen=True)
class Course:
    """The keywords that every solver takes, checked."""

    name: str
    tol: float
    max_iter: int
    verbose: int
    callback: Callable | None
    return_history: bool

    def steps(self) -> Iterator[State]:
        return iterate(
            self.max_iter,
            self.name,
            verbose=self.verbose,
            callback=self.callback,
            return_history=self.return_history,
        )


def course(
    name: str, *, tol: Any, max_iter: Any, verbose: Any = 0, callback: Any = None, return_history: bool = False
) -> Course:
    """The common keywords, each checked."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable that takes the state, or None, got {type(callback).__name__}")
    tol = check_positive(tol, "tol", allow_zero=True)
    return Course(name, tol, check_count(max_iter, "max_iter"), check_verbose(verbose), callback, bool(return_history))


def measured(A: Any, y: Any, *, allow_complex: bool = True) -> tuple[CountingOperator, np.ndarray]:
    """A with its applications counted, and the measurements in A's precision (complex where either is)."""
    A = CountingOperator(A)
    if not allow_complex and A.dtype.kind == "c":
        raise TypeError(f"A must be real, got dtype {A.dtype}")
    y = check_targets(y, A.shape[0], allow_complex=allow_complex)
    return A, y.astype(working_dtype(A, y), copy=False)


def working_dtype(A: Operator, y: np.ndarray) -> np.dtype:
    """A's precision; complex where A or y is."""
    return np.result_type(A.dtype, np.complex64) if y.dtype.kind == "c" else A.dtype


def check_start(x0: Any, A: Operator, y: np.ndarray) -> np.ndarray | None:
    """A start of the shape of the answer, as a copy in the working precision."""
    if x0 is None:
        return None
    x0 = check_targets(x0, A.shape[1], "x0")
    if x0.shape[1:] != y.shape[1:]:
        raise ValueError(f"x0 must have shape {(A.shape[1], *y.shape[1:])}, got {x0.shape}")
    if x0.dtype.kind == "c" and y.dtype.kind != "c":
        raise TypeError("x0 must be real, as A and y are")
    return x0.astype(y.dtype)


class ScaledOperator(Operator):
    """``A diag(1/s)``: A with its columns brought to unit norm."""

    def __init__(self, A: CountingOperator, scale: np.ndarray):
        super().__init__(A.wrapped, A.shape, A.dtype)
        self.counted, self.explicit = A, A.explicit
        self._inner, self._inverse = A, (1 / scale).astype(np.finfo(A.dtype).dtype)

    @property
    def entries(self):
        full = self._inner.entries  # a copy a call: who needs them often keeps them
        return sp.csr_array(full.multiply(self._inverse)) if sp.issparse(full) else full * self._inverse

    def _across(self, x: np.ndarray, support: Any = slice(None)) -> np.ndarray:
        factor = self._inverse[support]
        return factor if x.ndim == 1 else factor[:, None]

    def matvec(self, x):
        return self._inner.matvec(self._across(x) * x)

    def rmatvec(self, r):
        c = self._inner.rmatvec(r)
        return self._across(c) * c

    def column(self, j):
        return self._inverse[j] * self._inner.column(j)

    def columns(self, support):
        columns = self._inner.columns(support) * self._inverse[support]
        return columns.tocsc() if sp.issparse(columns) else columns

    def apply_support(self, support, u):
        return self._inner.apply_support(support, self._across(u, support) * u)

    def column_norms(self):
        return self._inner.column_norms() * self._inverse


def with_unit_columns(A: Operator, column_norms: Any) -> tuple[Operator, np.ndarray | None]:
    """An operator with unit columns over A, and the norms that were divided out; None where A is used as it is.

    The norms of an explicit A are read off; those of a LinearOperator are used where the caller gives them.
    """
    if column_norms is not None:
        norms = np.asarray(column_norms, np.finfo(A.dtype).dtype)
        need = f"column_norms must be {A.shape[1]} finite positive numbers"
        if norms.shape != (A.shape[1],):
            raise ValueError(f"{need}, got shape {norms.shape}")
        if wrong := np.flatnonzero(~(np.isfinite(norms) & (norms > 0))).tolist():
            raise ValueError(f"{need}, got {norms[wrong[0]]:g} at index {wrong[0]}")
    elif A.explicit:
        norms = check_no_zero_column(A.column_norms())
    else:
        return A, None
    if np.all(np.abs(norms - 1) <= 4 * np.finfo(norms.dtype).eps):
        return A, None
    return ScaledOperator(A, norms), norms


def zero_start(A: Operator, y: np.ndarray, x0: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """x0, or zero, and its residual."""
    if x0 is None:
        return np.zeros(A.shape[1], y.dtype), y
    return x0, y - A.matvec(x0)


def applications(A: CountingOperator | ScaledOperator) -> int:
    """Applications of A and of its adjoint so far."""
    counted = A if isinstance(A, CountingOperator) else A.counted
    return counted.n_matvec + counted.n_rmatvec


def spectral_norm(A: Operator, n_steps: int = 15) -> float:
    """‖A‖₂ from below: the largest Ritz value of A* A after at most so many Lanczos steps from a fixed start.

    Stops where two steps in turn have raised its square by less than a thousandth.
    """
    v = np.random.default_rng(0).standard_normal(A.shape[1]).astype(A.dtype)
    v /= np.linalg.norm(v)
    before, beta, largest, still = np.zeros_like(v), 0.0, 0.0, 0
    diagonal, beside = [], []
    for _ in range(n_steps):
        w = A.rmatvec(A.matvec(v))
        diagonal.append(float(np.vdot(v, w).real))
        w -= diagonal[-1] * v
        w -= beta * before
        ritz = float(eigvalsh_tridiagonal(diagonal, beside)[-1]) if beside else diagonal[0]
        still = still + 1 if ritz <= 1.001 * largest else 0
        largest, beta = max(ritz, largest), float(np.linalg.norm(w))
        if still == 2 or beta <= 1e-3 * largest:
            break
        beside.append(beta)
        before, v = v, w / beta
    return float(np.sqrt(largest))


def pursue(name, one, A, y, n_nonzero_coefs, *, normalize, column_norms, x0, **keywords) -> RecoveryResult:
    """A method that is told the number of non-zeros: ``one(A, y, k, x0, target, run)`` for each target."""
    A, y = measured(A, y)
    k = check_sparsity(n_nonzero_coefs, min(A.shape))
    start, run = check_start(x0, A, y), course(name, **keywords)
    solver, scale = with_unit_columns(A, column_norms) if normalize else (A, None)

    def method(A, y, x0, target):
        return one(A, y, k, x0, target, run)

    return solve_targets(A, y, method, run, x0=start, scale=scale, solver=solver)


def solve_targets(
    A: CountingOperator,
    y: np.ndarray,
    one: Callable[..., Outcome],
    run: Course,
    *,
    x0: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    solver: Operator | None = None,
) -> RecoveryResult:
    """Solve for each target in turn and put the answers together.

    `solver` is the operator that `one` works on (A by default), whose unknowns are those of A times `scale`.
    """
    columns = y[:, None] if y.ndim == 1 else y
    starts = None if x0 is None else (x0[:, None] if y.ndim == 1 else x0)
    x = np.zeros((A.shape[1], columns.shape[1]), y.dtype)
    found = []
    for t in range(columns.shape[1]):
        target = run.tol * float(np.linalg.norm(columns[:, t]))
        if not np.any(columns[:, t]):
            found.append(Outcome(x[:, t], 0, {} if run.return_history else None, converged=True))
            continue
        start = None if starts is None else starts[:, t].copy()
        if start is not None and scale is not None:
            start *= scale
        with threads_for(A):
            outcome = one(A if solver is None else solver, np.ascontiguousarray(columns[:, t]), start, target)
        x[:, t] = outcome.x if scale is None else outcome.x / scale
        found.append(outcome)
    residuals = np.array([residual_norm(A, columns[:, t], x[:, t]) for t in range(len(found))])
    reached = residuals <= run.tol * np.linalg.norm(columns, axis=0) * (1 + 1e-12)
    judged = [bool(r) if o.converged is None else o.converged for o, r in zip(found, reached, strict=True)]
    capped = [o.capped and not c for o, c in zip(found, judged, strict=True)]
    if any(capped):
        warn_unconverged(run, sum(capped), len(found), residuals / np.linalg.norm(columns, axis=0))
    return assemble(x, y, found, judged, residuals, A.n_matvec + A.n_rmatvec)


def threads_for(A: Operator):
    """One BLAS thread where A is small: to wake another costs more than it brings."""
    return one_blas_thread() if A.explicit and A.shape[0] * A.shape[1] <= SMALL_MATRIX else nullcontext()


def residual_norm(A: Operator, y: np.ndarray, x: np.ndarray) -> float:
    """``‖y − A x‖₂``, from the support of x alone where columns are at hand."""
    support = np.flatnonzero(x)
    if not support.size:
        return float(np.linalg.norm(y))
    return float(np.linalg.norm(y - (A.apply_support(support, x[support]) if A.explicit else A.matvec(x))))


def warn_unconverged(run: Course, n_capped: int, n_targets: int, relative: np.ndarray) -> None:
    from sklearn.exceptions import ConvergenceWarning  # brings scikit-learn

    worst = np.max(relative, initial=0, where=~np.isnan(relative))
    which = "" if n_targets == 1 else f" for {n_capped} of {n_targets} targets"
    warnings.warn(
        f"{run.name} stopped at max_iter={run.max_iter}{which}: relative residual {worst:.2e}, tol={run.tol:g}",
        ConvergenceWarning,
        stacklevel=4,
    )


def assemble(x, y, found, judged, residuals, n_matvec) -> RecoveryResult:
    """One result, of plain numbers for one target and of arrays for many."""
    histories = tuple(o.history for o in found)
    if y.ndim == 1:
        x = x[:, 0]
        return RecoveryResult(x, support_of(x), found[0].n_iter, judged[0], float(residuals[0]), histories[0], n_matvec)
    return RecoveryResult(
        x,
        support_of(x),
        np.array([o.n_iter for o in found]),
        np.array(judged),
        residuals,
        None if histories[0] is None else histories,
        n_matvec,
    )
