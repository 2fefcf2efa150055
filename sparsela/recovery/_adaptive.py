"""Null-space tuning on a support that grows: the number of non-zeros is not given, and on many signals is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.results import RecoveryResult
from sparsela._core.validation import check_count
from sparsela.recovery._least_squares import Fit, on_support
from sparsela.recovery._nst import FEEDBACKS, eigenvalue_step, gradient_fit, scattered, tuning
from sparsela.recovery._problem import Course, Outcome, applications, course, measured, solve_targets, threads_for

SMALL = 1e-8  # coefficients below this share of the largest are not there


@in_float_range
def adaptive_nst_ht_fb(
    A: Any,
    y: Any,
    *,
    growth: Any = 1,
    feedback: str = "exact",
    step: Any = "paper",
    max_nonzero: int | None = None,
    row_gram: Any = "auto",
    tol: float = 1e-6,
    max_iter: int | None = None,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> RecoveryResult:
    """Solve y = A x by null-space tuning with feedback on a support that grows, its size not known beforehand.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Measurements.
    growth : int or callable, default=1
        Step j has ``growth · j`` non-zeros, or ``growth(j)`` (increasing in j), j from 1.
    feedback : {"exact", "suboptimal"}, default="exact"
        As in :func:`nst_ht_fb`.
    step : {"paper", "leverage"} or float, default="paper"
        As in :func:`nst_ht_fb`; here 1 is as good.
    max_nonzero : int, optional
        Most non-zeros; None: ``min(n_measurements, n_features) − 1``.
    row_gram : {"auto", None} or float, default="auto"
        As in :func:`nst_ht_fb`.
    tol : float, default=1e-6
        Stop when ``‖y − A x‖ ≤ tol · ‖y‖``: the noise level, where there is noise.
    max_iter : int, optional
        Most iterations; None: until max_nonzero is reached.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called with the state of each iteration (``residual_norm``, ``support_change``, ``support``, ``coefs``); a true
        value stops.
    return_history : bool, default=False
        Keep the course of the iteration.

    Returns
    -------
    RecoveryResult
        ``x``, its ``support``, ``n_iter``, ``converged``, ``residual_norm``, ``history``, ``n_matvec``.

    Raises
    ------
    TypeError
        If A is no matrix or operator, has no adjoint, or growth is neither int nor callable.
    ValueError
        If shapes do not fit, an entry is not finite, growth is below 1 or gives sizes that do not increase.

    Notes
    -----
    Coefficients below 1e-8 of the largest are dropped at the end and the others solved for anew. On signals with
    Gaussian values the number of steps equals the number of non-zeros, well beyond what ℓ1 and greedy methods recover;
    on signals whose non-zeros are all of one size (±1) it takes more steps and :func:`basis_pursuit` recovers more. The
    factor of the support is updated, not made anew, so that a run of k steps costs what :func:`omp` costs:
    O(k n_measurements n_features + n_measurements k²), and O(n_measurements² n_features) once for ``A Aᴴ``.

    References
    ----------
    N. Han, S. Li, Z. Song, H. Jiang. The finite steps of convergence of the fast thresholding algorithms with
    feedbacks. 2017.

    J.-L. Bouchot, S. Foucart, P. Hitczenko. Hard thresholding pursuit algorithms: number of iterations. Applied and
    Computational Harmonic Analysis, 2016.

    Examples
    --------
    >>> from sparsela.datasets import make_sparse_signal
    >>> A, y, x = make_sparse_signal(256, 128, 30, random_state=0)
    >>> adaptive_nst_ht_fb(A, y).n_iter
    30
    """
    A, y = measured(A, y)
    if feedback not in FEEDBACKS:
        raise ValueError(f"feedback must be one of {FEEDBACKS}, got {feedback!r}")
    limit = max(1, min(A.shape) - 1)
    most = limit if max_nonzero is None else check_count(max_nonzero, "max_nonzero", high=min(A.shape))
    sizes = growing_sizes(growth, most)
    run = course(
        "adaptive_nst_ht_fb",
        tol=tol,
        max_iter=len(sizes) if max_iter is None else max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    with threads_for(A):
        back, D = tuning(A, y, step, row_gram)
    weight = eigenvalue_step(A, most, back) if feedback == "suboptimal" else None

    def one(A, y, x0, target):
        outcome = growing(A, y, sizes, back, D, target, run, weight)
        if max_nonzero is not None and outcome.n_iter == len(sizes):
            outcome.capped = False  # it ended where it was told to
        return outcome

    return solve_targets(A, y, one, run)


def growing(A, y, sizes, back, D, target, run: Course, weight) -> Outcome:
    """The adaptive form for one target: step j keeps sizes[j − 1] entries."""
    size = np.linalg.norm(y)
    solver = on_support(A, y, sizes[-1], target)
    T, fit = np.empty(0, np.intp), Fit(np.empty(0, y.dtype), y)
    state = None
    for state, k in zip(run.steps(), sizes, strict=False):
        z = back.apply(fit.r, float(np.linalg.norm(fit.r) / size), fit.correlations)
        z *= D
        z[T] += fit.u
        T_new = top_k(z, k)
        changed = k - np.intersect1d(T, T_new, assume_unique=True).size
        fit = solver.fit(T_new, z[T_new]) if weight is None else gradient_fit(A, y, T_new, z[T_new], weight)
        T = T_new
        norm = np.linalg.norm(fit.r)
        stop = state.record(
            residual_norm=float(norm), support_change=changed, n_matvec=applications(A), support=T, coefs=fit.u
        ).stop
        if norm <= target or stop:
            break
    sizes_of = np.abs(fit.u)
    kept = sizes_of > SMALL * sizes_of.max(initial=0)
    u = fit.u
    if weight is None and not kept.all() and kept.any():
        T = T[kept]
        u = solver.fit(T, u[kept]).u
    capped = norm > target and not state.stop
    return Outcome(scattered(A, y, T, u), state.n_iter, state.history, capped)


def growing_sizes(growth: Any, most: int) -> list[int]:
    """The sizes of the supports, increasing, the last one `most`."""
    if callable(growth):
        sizes, j = [], 0
        while not sizes or sizes[-1] < most:
            j += 1
            size = check_count(growth(j), f"growth({j})")
            if sizes and size <= sizes[-1]:
                raise ValueError(f"growth must give increasing sizes, got {sizes[-1]} then {size} at step {j}")
            sizes.append(min(size, most))
        return sizes
    growth = check_count(growth, "growth")
    return [*range(growth, most, growth), most]
