"""The front door: many starts, judged by the residual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import top_k
from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count
from sparsela.phase._alternating import check_room_to_merge, run_copram, run_htp
from sparsela.phase._gradient import run_sparta
from sparsela.phase._newton import run_newton
from sparsela.phase._prepare import prepare
from sparsela.phase._problem import ROUNDING, Outcome, PhaseResult, Problem, frozen, solve_targets
from sparsela.phase._start import null, spectral, strongest
from sparsela.recovery._problem import SMALL_MATRIX, Course

METHODS = ("newton", "htp", "copram", "sparta")
HTP_STEPS, NEWTON_STEPS = 30, 15  # of "newton", from one start
INNER_TOL = 1e-10


@in_float_range
def retrieve(
    A: Any,
    y: Any,
    n_nonzero_coefs: int,
    *,
    method: str = "newton",
    n_init: int = 32,
    max_iter: int = 100,
    tol: float = 1e-8,
    random_state: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> PhaseResult:
    """Find a sparse x from magnitudes ``y = |A x|``, from as many starts as it takes.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n_measurements, n_features)
        Measurement matrix, real or complex.
    y : ndarray of shape (n_measurements,) or (n_measurements, n_targets)
        Magnitudes, at least 0.
    n_nonzero_coefs : int
        Non-zeros s of x, from 1 to min(n_measurements, n_features).
    method : {"newton", "htp", "copram", "sparta"}, default="newton"
        What runs from each start; "newton" is up to 30 steps of :func:`htp`, then up to 15 of
        :func:`newton_projection`.
    n_init : int, default=32
        Most starts.
    max_iter : int, default=100
        Most steps of a method from one start.
    tol : float, default=1e-8
        A start has succeeded, and is the last, when the residual norm is at most ``tol ‖y‖``.
    random_state : None, int, RandomState or Generator
        Seed of the starts that are drawn at random: those beyond n_features + 3.
    n_jobs : int or None, default=None
        Threads over the starts of a large A; None is the library's setting. The answer does not depend on it.
    verbose : {0, 1, 2}, default=0
        Progress bar over the starts.
    callback : callable, optional
        Called with the state after each start (``n_iter``, the number of starts; ``residual_norm``, the least so far;
        ``x`` and ``support`` that have it); a true value stops.
    return_history : bool, default=False
        Keep the least residual norm after each start.

    Returns
    -------
    PhaseResult
        ``x``, its ``support``, ``n_iter`` (steps from the start that led to x), ``converged``, ``residual_norm``,
        ``history``, and ``init_used``, the name of that start.

    Raises
    ------
    TypeError
        If A is not a dense or sparse array: the starts need ``|a_ij|²``.
    ValueError
        If y is negative, an entry is not finite, shapes do not fit, a column of A is zero, n_nonzero_coefs is out of
        range (for "copram": above n_measurements // 3), or `method` is unknown.

    Warns
    -----
    ConvergenceWarning
        If the best run was still moving when it ended.
    UserWarning
        If there are too few measurements for x to be determined: below 2s − 1 for real, 4s − 2 for complex A.

    Notes
    -----
    Without noise the residual tells whether a start succeeded, so that several cheap starts are worth far more than a
    better single one. In turn: the spectral start, the truncated one, the null vector (:func:`spectral_init`,
    :func:`null_init`), then for the columns j of the largest marginals the spectral start on the support of j and the
    s − 1 columns l of the largest ``|mean(y² ā_j a_l)|``, which estimate ``|x_j x_l|``; then random ones.

    With noise no residual is that small: all n_init starts run and the least residual wins. For "newton" that is the
    better of the two points a start leads to, with noise as a rule that of :func:`htp`.

    At most n_init times the cost of the method.

    References
    ----------
    J.-F. Cai, Y. Long, R. Wen, J. Ying. A fast and provable algorithm for sparse phase retrieval. ICLR, 2024.

    Examples
    --------
    >>> from sparsela.datasets import make_phaseless
    >>> from sparsela.phase import phase_error, retrieve
    >>> A, y, x = make_phaseless(200, 80, 5, random_state=0)
    >>> result = retrieve(A, y, 5)
    >>> phase_error(result.x, x) < 1e-12, result.residual_norm < 1e-12
    (True, True)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    n_init, seed = check_count(n_init, "n_init"), seed_from(random_state)
    given = prepare(
        "retrieve",
        A,
        y,
        n_nonzero_coefs,
        None,
        tol=tol,
        max_iter=max_iter,
        verbose=verbose,
        callback=callback,
        return_history=return_history,
    )
    if method == "copram":
        check_room_to_merge(given.k, given.A.shape[0])
    run_from = partial(RUNS[method], k=given.k, max_iter=given.run.max_iter)
    workers = effective_n_jobs(n_jobs) if np.prod(given.A.shape) > SMALL_MATRIX else 1
    over_starts = replace(given.run, max_iter=-(-n_init // workers))

    def one(problem, _):
        starts = islice(starts_of(problem, given.k, n_init, seed), n_init)
        return best_of(problem, starts, run_from, over_starts, workers)

    with one_blas_thread():  # sums that do not depend on the number of threads
        return solve_targets(given.A, given.y, one, given.run)


def best_of(problem: Problem, starts: Iterator, run_from: Callable, run: Course, workers: int) -> Outcome:
    """The first outcome that fits y, or that of least residual; `workers` starts at a time."""
    best, state = None, None
    for state in run.steps():
        batch = list(islice(starts, workers))
        if not batch:
            break
        best = _better(best, _in_threads(partial(_outcome, problem, run_from), batch, workers), run.tol)
        x = problem.unit * problem.full(best.point)
        state.record(residual_norm=problem.norm * best.point.residual, x=frozen(x), support=frozen(best.point.T))
        if best.point.residual <= run.tol or state.stop:
            break
    best.history = state.history
    best.converged = best.converged or best.point.residual <= run.tol
    best.stopped = "" if best.converged else "was still moving when its best run ended"
    return best


def _better(best: Outcome | None, outcomes: list[Outcome], tol: float) -> Outcome:
    for outcome in outcomes:
        if best is None or outcome.point.residual < best.point.residual:
            best = outcome
        if best.point.residual <= tol:  # whatever the other starts of this batch have found
            break
    return best


def _outcome(problem: Problem, run_from: Callable, start: tuple[str, np.ndarray]) -> Outcome:
    name, x0 = start
    outcome = run_from(problem, x0)
    outcome.init_used = name
    return outcome


def _in_threads(function: Callable, items: list, workers: int) -> list:
    if workers == 1:
        return [function(item) for item in items]
    from joblib import Parallel, delayed

    return Parallel(n_jobs=workers, prefer="threads")(delayed(function)(item) for item in items)


def starts_of(problem: Problem, k: int, n_init: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Names and starts without end, the most promising first."""
    S = strongest(problem, k)
    yield "spectral", spectral(problem, S)
    yield "truncated", spectral(problem, S, "truncated")
    if -(-problem.m // 2) >= k:
        yield "null", null(problem, S)
    anchors = np.argsort(-problem.marginals, kind="stable")[: min(n_init, problem.n)]
    for j, together in zip(anchors, joint_marginals(problem, anchors), strict=True):
        together[j] = np.inf
        yield f"column {j}", spectral(problem, top_k(together, k))
    draw = 0
    while True:
        rng = np.random.default_rng([seed, draw])
        x = np.zeros(problem.n, problem.dtype)
        x[rng.choice(problem.n, k, replace=False)] = rng.standard_normal(k)
        yield f"random {draw}", x / np.linalg.norm(x)
        draw += 1


def joint_marginals(problem: Problem, J: np.ndarray) -> np.ndarray:
    """``|mean(y² ā_j a_l)|`` for the columns j of J and all l, by one product: (n_J, n)."""
    C = problem.columns(J)
    C = C.toarray() if sp.issparse(C) else C
    return np.abs(problem.adjoint(problem.y[:, None] ** 2 * C)).T / problem.m


def _from_htp_to_newton(problem: Problem, x0: np.ndarray, k: int, max_iter: int) -> Outcome:
    pursuit = run_htp(problem, x0, k, _quiet(min(HTP_STEPS, max_iter)))
    if pursuit.point.residual <= ROUNDING * np.finfo(problem.dtype).eps:
        return pursuit
    newton = run_newton(problem, problem.full(pursuit.point), k, _quiet(min(NEWTON_STEPS, max_iter)))
    best = min(newton, pursuit, key=lambda outcome: outcome.point.residual)
    best.n_iter = pursuit.n_iter + newton.n_iter
    return best


def _quiet(max_iter: int) -> Course:
    return Course("retrieve", INNER_TOL, max_iter, 0, None, False)


def _alone(run: Callable, problem: Problem, x0: np.ndarray, k: int, max_iter: int) -> Outcome:
    return run(problem, x0, k, _quiet(max_iter))


RUNS: dict[str, Callable] = {
    "newton": _from_htp_to_newton,
    "htp": partial(_alone, run_htp),
    "copram": partial(_alone, run_copram),
    "sparta": partial(_alone, run_sparta),
}
