"""Least squares by a sketch: as accurate as QR, at the cost of reading the matrix some forty times."""

from __future__ import annotations

import math
import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import DenseOperator, Operator, as_operator
from sparsela._core.progress import check_verbose, iterate
from sparsela._core.results import Result
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_positive, check_targets
from sparsela.sketch._lsqr import Tall, Wide, heavy_ball, lsqr
from sparsela.sketch._passes import Pass
from sparsela.sketch._preconditioner import factor, sketch_rows
from sparsela.transforms import next_pow2

METHODS = ("precond", "sketch-and-solve", "lsrn", "iterative")
SKETCHES = ("sparse_embedding", "countsketch", "gaussian", "sparse_sign", "srht", "fast_jl")


@dataclass(frozen=True, repr=False, eq=False)
class LeastSquaresResult(Result):
    """A solution of a least-squares problem and how it was reached.

    Attributes
    ----------
    x : ndarray of shape (n,) or (n, t)
        The solution; of least norm where there are several.
    support : None
        The solution is dense.
    n_iter : int or ndarray of shape (t,)
        Steps, all cycles together.
    converged : bool or ndarray of shape (t,)
        Whether the last cycle met its stopping rule.
    residual_norm : float or ndarray of shape (t,)
        ``‖b − A x‖``, computed anew.
    history : dict of equally long ndarrays, or None
        ``residual_norm`` and ``normal_residual``, ``‖(AM)* r‖``, as the recurrences have them, all columns together,
        and the ``cycle``.
    rank : int
        Rank of A (with alpha: of A over √alpha I) that was found.
    method : str
        What was done: the method, or "gelsy" where A was too small for a sketch to save work.
    """

    x: np.ndarray
    support: None
    n_iter: int | np.ndarray
    converged: bool | np.ndarray
    residual_norm: float | np.ndarray
    history: dict[str, np.ndarray] | None
    rank: int
    method: str


@dataclass(frozen=True)
class Plan:
    """What the solver was asked to do."""

    method: str = "precond"
    kind: str = "sparse_embedding"
    sampling_factor: float | str = "auto"
    n_nonzeros: int = 8
    rcond: float | None = None
    tol: float | None = None
    max_iter: int = 100
    refine: int = 1

    def check(self) -> Plan:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {self.method!r}")
        if self.kind not in SKETCHES:
            raise ValueError(f"kind must be one of {SKETCHES}, got {self.kind!r}")
        factor = self.sampling_factor
        if isinstance(factor, str):
            if factor != "auto":
                raise ValueError(f"sampling_factor must be 'auto' or a number above 1, got {factor!r}")
        elif check_positive(factor, "sampling_factor") <= 1:
            raise ValueError(f"sampling_factor must be 'auto' or a number above 1, got {factor!r}")
        if self.rcond is not None:
            check_positive(self.rcond, "rcond", allow_zero=True)
            if self.rcond >= 1:
                raise ValueError(f"rcond must be below 1, got {self.rcond!r}")
        if self.tol is not None:
            check_positive(self.tol, "tol")
        check_count(self.n_nonzeros, "n_nonzeros")
        check_count(self.max_iter, "max_iter")
        check_count(self.refine, "refine", low=0)
        return self

    def size(self, p: int, q: int) -> int:
        """Rows of the sketch of a (p, q) matrix."""
        gamma = self.sampling_factor
        if not isinstance(gamma, Real):
            gamma = min(max(p / (10 * q), 4), 20)
        k = max(math.ceil(gamma * q), q + 1, self.n_nonzeros if self.kind == "sparse_embedding" else 1)
        return min(k, next_pow2(p)) if self.kind == "srht" else k

    def params(self, q: int) -> dict[str, Any]:
        """What the kind of sketch takes."""
        if self.kind == "sparse_embedding":
            return {"n_nonzeros": self.n_nonzeros}
        return {"n_points": max(3, q)} if self.kind == "fast_jl" else {}


@in_float_range
def lstsq(
    A,
    b,
    *,
    method="precond",
    kind="sparse_embedding",
    sampling_factor="auto",
    n_nonzeros=8,
    alpha=0.0,
    rcond=None,
    tol=None,
    max_iter=100,
    refine=1,
    random_state=None,
    callback=None,
    verbose=0,
    return_history=False,
) -> LeastSquaresResult:
    """Solve ``min ‖A x − b‖² + alpha ‖x‖²`` with a sketch as a preconditioner: the accuracy of QR, in less time.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (m, n)
        Tall or wide, of any rank; real or complex. A sparse A is not made dense.
    b : ndarray of shape (m,) or (m, t)
        Right-hand sides.
    method : {"precond", "sketch-and-solve", "lsrn", "iterative"}, default="precond"
        "precond": LSQR on A R⁻¹, R from the QR factors of a sketch of A, from the solution of the sketched problem, and
        once more from there. "lsrn": the same with an SVD in place of QR, and a Gaussian sketch. "iterative": steps
        with momentum in place of LSQR, for m ≥ n. "sketch-and-solve": the sketched problem alone, with a squared
        residual larger by about n / (k − n).
    kind : str, default="sparse_embedding"
        The sketch, as in :class:`SketchOperator`. It must be "gaussian" for a LinearOperator, and is for "lsrn".
    sampling_factor : float or "auto", default="auto"
        Rows of the sketch, k over n (over m if A is wide); above 1. "auto": m / (10 n), from 4 to 20.
    n_nonzeros : int, default=8
        Entries a column of a sparse embedding.
    alpha : float, default=0.0
        Ridge penalty, at least 0.
    rcond : float or None, default=None
        Singular values of the sketch below `rcond` times the largest are taken for zero. None: max(k, n) eps, and no
        SVD where the sketch is clearly of full rank.
    tol : float or None, default=None
        Stop a cycle when ``‖(AM)* r‖ ≤ tol ‖AM‖_F ‖r‖`` or ``‖r‖ ≤ tol ‖b‖``; None: 4 eps. It also stops where rounding
        lets the first no longer fall by a tenth in six steps.
    max_iter : int, default=100
        Most steps of a cycle.
    refine : int, default=1
        Cycles after the first, each from the residual computed anew. One brings the accuracy of QR.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the sketch.
    callback : callable, optional
        Called each step with a state of ``x, residual_norm, normal_residual, cycle``; a true value stops.
    verbose : {0, 1, 2}, default=0
        1: a bar.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    LeastSquaresResult
        ``x``, then ``support`` (None), ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``rank``, ``method``.

    Raises
    ------
    ValueError, TypeError
        If A or b has NaN or infinity, is empty or of shapes that do not fit, or a parameter is out of range.

    Warns
    -----
    ConvergenceWarning
        If the last cycle took `max_iter` steps.

    See Also
    --------
    SketchedLinearRegression : The estimator.
    lstsq_from_samples : Least squares of tables that are apart.

    Notes
    -----
    The sketch takes one pass over A, QR of it O(γ n³) with k = γ n, a step one pass and O(n²); γ = 4 needs about 50
    steps to rounding, γ = 12 about 28, whatever the condition of A. Where k > m / 2, a dense A goes to LAPACK's gelsy,
    and ``method`` says so. Of several solutions the one of least norm is found. Memory: the sketch, and m numbers a
    right-hand side.

    Starting from zero in place of the sketched solution, as the first papers do, loses accuracy where A is
    ill-conditioned: the residual may be a thousand times that of QR.

    References
    ----------
    H. Avron, P. Maymounkov, S. Toledo. Blendenpik: supercharging LAPACK's least-squares solver. SISC, 2010.
    X. Meng, M. Saunders, M. Mahoney. LSRN: a parallel iterative solver for strongly over- or underdetermined systems.
    SISC, 2014.
    M. Meier, Y. Nakatsukasa, A. Townsend, M. Webb. Are sketch-and-precondition least squares solvers numerically
    stable? SIMAX, 2024.
    E. Epperly, M. Meier, Y. Nakatsukasa. Fast randomized least-squares solvers can be just as accurate and stable as
    classical direct solvers. 2024. arXiv 2406.03468.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import lstsq
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(5000, 20)) * np.logspace(0, -9, 20)
    >>> solution = lstsq(A, A @ np.ones(20), random_state=0)
    >>> bool(solution.converged), solution.rank, bool(np.abs(solution.x - 1).max() < 1e-5)
    (True, 20, True)
    """
    A = as_operator(A)
    b = check_targets(b, A.shape[0], "b")
    alpha = check_positive(alpha, "alpha", allow_zero=True)
    plan = Plan(method, kind, sampling_factor, n_nonzeros, rcond, tol, max_iter, refine).check()
    check_verbose(verbose)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable that takes the state, or None, got {type(callback).__name__}")
    ridge = np.full(A.shape[1], math.sqrt(alpha), np.finfo(A.dtype).dtype) if alpha else None
    return solve(A, b, ridge, plan, random_state, callback=callback, verbose=verbose, return_history=return_history)


def solve(A: Operator, b: np.ndarray, ridge: np.ndarray | None, plan: Plan, random_state=None, **course):
    """min ‖A x − b‖² + ‖diag(ridge) x‖² for what was checked."""
    m, n = A.shape
    wide = m < n and (ridge is None or ridge.all())
    if plan.method == "lsrn":
        plan = replace(plan, kind="gaussian")
    if wide and plan.method == "iterative":
        raise ValueError(f"method 'iterative' needs at least as many rows as columns, got shape {A.shape}")
    C = Pass(A, adjoint=wide, ridge=ridge[:m] if wide and ridge is not None else ridge)
    if not C.explicit and plan.kind != "gaussian":
        raise ValueError(
            f"kind must be 'gaussian' for a LinearOperator, which has no entries to hash, got {plan.kind!r}"
        )
    B = _columns(b, A.dtype)
    scale = np.ldexp(np.ones(B.shape[1], np.finfo(A.dtype).dtype), np.frexp(np.abs(B).max(axis=0))[1])
    B = B / scale  # by powers of two: squares neither overflow nor vanish, and no bit changes
    k = plan.size(C.n_rows, C.shape[1])
    if 2 * k > C.n_rows and isinstance(A, DenseOperator):
        X, rank, name = *_direct(A, B, ridge, plan.rcond), "gelsy"
        n_iter, converged, history = np.zeros(B.shape[1], int), np.ones(B.shape[1], bool), None
    else:

        def shaped(X):
            return _uncolumns(X[:n] * scale, b, A.dtype)

        with one_blas_thread():
            M = _precondition(C, B, k, plan, random_state)
            X, n_iter, converged, history = _iterations(C, M, B, plan, k, scale, shaped, **course)
        rank, name = M.rank, plan.method
        X = X[:n]
    residual = _norms(B - A.matmat(X), b, A.dtype, scale)
    if b.ndim == 1:
        n_iter, converged, residual = int(n_iter.max()), bool(converged.all()), float(residual)
    elif len(n_iter) != b.shape[1]:  # real and imaginary parts are columns
        n_iter, converged = n_iter.reshape(2, -1).max(axis=0), converged.reshape(2, -1).all(axis=0)
    return LeastSquaresResult(_uncolumns(X * scale, b, A.dtype), None, n_iter, converged, residual, history, rank, name)


def _precondition(C: Pass, B: np.ndarray, k: int, plan: Plan, random_state):
    """M of a sketch of C; for a tall C with the solution of the sketched problem."""
    tall, q = not C._adjoint, C.shape[1]
    SC = sketch_rows(C, B if tall else None, k, plan.kind, random_state, plan.params(q))
    if C.ridge is not None:
        under = np.zeros((q, SC.shape[1]), SC.dtype)
        np.fill_diagonal(under, C.ridge)
        SC = np.vstack([SC, under])
    return factor(SC, q, plan.rcond, svd_always=plan.method == "lsrn")


def _iterations(C: Pass, M, B, plan: Plan, k: int, scale, shaped, *, callback=None, verbose=0, return_history=False):
    """The cycles, from the solution of the sketched problem: X, steps, convergence, history."""
    t = B.shape[1]
    steps, converged = np.zeros(t, int), np.ones(t, bool)
    X = first_guess(C, M, B)
    if M.rank == 0 or plan.method == "sketch-and-solve":
        return X, steps, converged, None
    eps, largest = np.finfo(C.dtype).eps, scale.max()
    tol = 4 * eps if plan.tol is None else plan.tol
    states = iterate(
        (1 + plan.refine) * plan.max_iter,
        plan.method,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    history: dict[str, np.ndarray] = {}
    stop = False
    with closing(states):
        for cycle in range(1 + plan.refine):
            base = X
            if plan.method == "iterative":
                target = tol * np.linalg.norm(B, axis=0)
                eta = math.sqrt(C.shape[1] / k)
                run, move = partial(heavy_ball, C, M, B, X, eta, again=cycle > 0), base.__rsub__  # x − base
            else:
                process, target = bidiagonalization(C, M, B, X, tol)
                run, move = partial(lsqr, process), process.correction

            def record(state, z, r, normal, cycle=cycle, base=base, move=move):
                seen = {"x": shaped(base + move(z))} if callback else {}
                total = [float(largest * np.linalg.norm(a * (scale / largest))) for a in (r, normal)]
                state.record(residual_norm=total[0], normal_residual=total[1], cycle=cycle, **seen)
                history.update(state.history or {})

            Z, more, converged, stop = run(tol=tol, target=target, max_iter=plan.max_iter, states=states, record=record)
            X = base + move(Z)
            steps += more
            if stop:
                break
    if not (converged.all() or stop):
        warnings.warn(
            f"{plan.method} took max_iter={plan.max_iter} steps without meeting tol={tol:.3g}: raise max_iter, or "
            "sampling_factor for fewer steps",
            ConvergenceWarning,
            stacklevel=4,
        )
    return X, steps, converged, history if return_history else None


def first_guess(C: Pass, M, B: np.ndarray) -> np.ndarray:
    """The solution of the sketched problem; for a wide problem ``C M M* b``, which is in the range of C."""
    if not C._adjoint:
        return M.start
    Y = M.apply(M.adjoint(B))
    X = C.times(Y)
    return X if C.ridge is None else np.vstack([X, C.ridge[:, None] * Y])


def bidiagonalization(C: Pass, M, B: np.ndarray, X: np.ndarray, tol: float):
    """The process from the residual of X, and the norm at which a residual counts as zero."""
    if not C._adjoint:
        return Tall(C, M, B, X), tol * np.linalg.norm(B, axis=0)
    R = B - C._A.matmat(X[: C.n_rows])
    if C.ridge is not None:
        R = R - C.ridge[:, None] * X[C.n_rows :]
    return Wide(C, M, R), tol * np.linalg.norm(M.adjoint(B), axis=0)


def _direct(A: DenseOperator, B, ridge, rcond):
    matrix = A._A
    if ridge is not None:
        matrix = np.vstack([matrix, np.diag(ridge).astype(A.dtype)])
        B = np.vstack([B, np.zeros((len(ridge), B.shape[1]), B.dtype)])
    if rcond is None:
        rcond = max(matrix.shape) * np.finfo(A.dtype).eps
    X, _, rank, _ = scipy.linalg.lstsq(matrix, B, cond=rcond, lapack_driver="gelsy", check_finite=False)
    return X, int(rank)


def _columns(b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """b as columns of A's dtype: a complex b over a real A as its real and imaginary parts."""
    B = b.reshape(len(b), -1)
    if B.dtype.kind == "c" and dtype.kind == "f":
        B = np.hstack([B.real, B.imag])
    return np.ascontiguousarray(B, dtype)


def _norms(R: np.ndarray, b: np.ndarray, dtype: np.dtype, scale: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(R, axis=0) * scale
    if b.dtype.kind == "c" and dtype.kind == "f":
        norms = np.hypot(*norms.reshape(2, -1))
    return norms[0] if b.ndim == 1 else norms


def _uncolumns(X: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if b.dtype.kind == "c" and dtype.kind == "f":
        t = X.shape[1] // 2
        X = X[:, :t] + 1j * X[:, t:]
    return np.ascontiguousarray(X[:, 0] if b.ndim == 1 else X)
