"""Net-Trim: the sparsest layer, in the ℓ1 sense, whose responses stay near those of a trained one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_factor, cho_solve
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import State, iterate
from sparsela._core.results import Result
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_indices, check_matrix, check_positive

SCOPES = ("layer", "neuron")
ACTIVATIONS = ("relu", "identity")
BLOCK = 16  # neurons that are solved together where each has its own budget
BALANCE, LAST_BALANCE, UNEVEN = (
    10,
    500,
    3.0,
)  # steps between changes of ρ, the last of them, and of what ratio of residuals
SLACK = 1.01  # of the response error of the sparse iterate over its budget, when it is taken as the answer
SERIAL = 1 << 26  # multiply-adds of a product below which a second BLAS thread costs more than it saves


@dataclass(frozen=True, repr=False, eq=False)
class NetTrimResult(Result):
    """A pruned layer: responses ``φ(X weights + intercept)``.

    Attributes
    ----------
    weights : csr_array of shape (n_features, n_neurons)
        The weights that are left.
    intercept : ndarray of shape (n_neurons,)
        Zero without a bias.
    support : ndarray of bool, of shape (n_features, n_neurons)
        Where `weights` is not zero.
    n_iter : int
        Steps of ADMM; of the slowest neuron, where each has its own budget.
    converged : bool
        Whether the residuals of ADMM met their tolerances and the responses their budget, to 1 %.
    residual_norm : float
        ``‖φ(X weights + intercept) − Y‖_F``.
    history : dict of equally long ndarrays, or None
        ``primal``, ``dual`` (residuals) and ``l1`` at each step; None unless asked for.

    Examples
    --------
    >>> W = sp.csr_array(np.eye(2))
    >>> NetTrimResult(W, np.zeros(2), W.toarray() != 0, 3, True, 0.0, None).n_iter
    3
    """

    weights: sp.csr_array
    intercept: np.ndarray
    support: np.ndarray
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, np.ndarray] | None = None


@in_float_range
def net_trim(
    X: Any,
    Y: Any,
    *,
    weights: Any = None,
    bias: bool = True,
    tol: float = 0.05,
    scope: str = "layer",
    activation: str = "relu",
    rho: float = 10.0,
    max_iter: int = 3000,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    n_jobs: int | None = None,
    verbose: int | None = 0,
    callback=None,
    return_history: bool = False,
) -> NetTrimResult:
    """Prune a trained layer by convex optimisation: least ``‖U‖₁`` at responses that stay within a budget.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_samples, n_features)
        Inputs of the layer.
    Y : ndarray of shape (n_samples, n_neurons)
        Its outputs, after the activation.
    weights : ndarray of shape (n_features, n_neurons), or with a last row for the intercept, or None, default=None
        Where to begin, such as the weights of the trained layer; None is zero. The answer does not depend on it.
    bias : bool, default=True
        Give each neuron an intercept, which is part of ``‖U‖₁``.
    tol : float, default=0.05
        Budget of the response error, in (0, 1), relative to ``‖Y‖_F``, or to the norm of each column.
    scope : {"layer", "neuron"}, default="layer"
        One budget for all neurons, or one each: then they are independent problems, solved in parallel.
    activation : {"relu", "identity"}, default="relu"
        What made Y of ``X W + b``.
    rho : float, default=10.0
        Penalty of ADMM, for data scaled as in the Notes.
    max_iter : int, default=3000
        Most steps.
    atol, rtol : float, default=1e-5, 1e-3
        Tolerances of the primal and the dual residual of ADMM, an entry and relative.
    n_jobs : int or None, default=None
        Threads over blocks of neurons, for ``scope="neuron"``; bits do not depend on it.
    verbose : {0, 1, 2} or None, default=0
        Progress; of ``scope="layer"``.
    callback : callable, optional
        Called each step with a state that has ``primal``, ``dual`` and ``l1``; a true value stops. Of
        ``scope="layer"``.
    return_history : bool, default=False
        Keep the course; of ``scope="layer"``.

    Returns
    -------
    NetTrimResult
        ``weights, intercept, support, n_iter, converged, residual_norm, history``.

    Raises
    ------
    TypeError
        If Y is sparse.
    ValueError
        If shapes do not match, data are not finite, Y has negative entries under "relu", `tol` is outside (0, 1), or a
        name is not known.

    Warns
    -----
    ConvergenceWarning
        If tolerances are not met after `max_iter` steps; the last sparse iterate is returned.

    See Also
    --------
    prune : By magnitude, without data.

    Notes
    -----
    With Ω where Y is positive, and X with a column of ones for the intercept, [1]_

    ``min ‖U‖₁  subject to  ‖(X U − Y)_Ω‖_F ≤ tol ‖Y‖_F,  (X U)_Ωᶜ ≤ 0``;

    under "identity" Ω is everywhere. ADMM on ``U₁ = X U₃, U₂ = U₃`` with data divided by ``0.3 √max(XᵀX)``; U₂, which
    is sparse, is the answer, and ends the iteration only when its own responses meet the budget: stopping when U₃
    stands still can return a U₂ that does not. A neuron whose column of Y is zero gets no weights.

    One Cholesky factorization of size n_features, then O(n_samples · n_features · n_neurons) a step; memory for four
    arrays of the size of Y.

    References
    ----------
    .. [1] A. Aghasi, A. Abdi, J. Romberg. Fast Convex Pruning of Deep Neural Networks. SIAM Journal on Mathematics of
       Data Science, 2020. arXiv 1806.06457.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import net_trim
    >>> rng = np.random.default_rng(0)
    >>> X, W = rng.standard_normal((200, 30)), np.zeros((30, 4))
    >>> W[rng.integers(0, 30, 8), np.arange(8) % 4] = 1.0
    >>> Y = np.maximum(X @ (W + 0.01 * rng.standard_normal(W.shape)), 0)
    >>> trimmed = net_trim(X, Y, bias=False, tol=0.1)
    >>> trimmed.weights.nnz < 30, bool(trimmed.residual_norm <= 0.101 * np.linalg.norm(Y))
    (True, True)
    """
    for name, value, known in (("scope", scope, SCOPES), ("activation", activation, ACTIVATIONS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")
    tol, rho = check_positive(tol, "tol"), check_positive(rho, "rho")
    if tol >= 1:
        raise ValueError(f"tol must lie in (0, 1), got {tol}: at 1 no weights at all meet the budget")
    atol, rtol = check_positive(atol, "atol", allow_zero=True), check_positive(rtol, "rtol", allow_zero=True)
    max_iter, n_threads = check_count(max_iter, "max_iter"), effective_n_jobs(n_jobs)
    X, Y = _data(X, Y, activation)
    start = _start(weights, X.shape[1], Y.shape[1], bias, Y.dtype)
    if bias:
        ones = np.ones((X.shape[0], 1), X.dtype)
        X = sp.csr_array(sp.hstack([X, ones])) if sp.issparse(X) else np.hstack([X, ones])
    problem = _Problem(X, Y.dtype, activation, rho, atol, rtol)
    if scope == "layer":
        steps = iterate(max_iter, "net_trim", verbose=verbose, callback=callback, return_history=return_history)
        with one_blas_thread() if X.shape[0] * X.shape[1] * Y.shape[1] <= SERIAL else nullcontext():
            U, converged, state = problem.solve(Y, tol * float(np.linalg.norm(Y)), start, steps)
        n_iter, stopped, history = state.n_iter, state.stop, state.history
    else:
        U, converged, n_iter = _by_neurons(problem, Y, tol, start, max_iter, n_threads)
        stopped, history = False, None
    residual = float(np.linalg.norm(problem.response(U) - Y))
    if not converged and not stopped:
        warnings.warn(
            f"net_trim: not converged after {max_iter} steps, response error {residual:.3g} for a budget of "
            f"{tol * float(np.linalg.norm(Y)):.3g}: raise max_iter, rtol or tol",
            ConvergenceWarning,
            stacklevel=2,
        )
    intercept = U[-1].copy() if bias else np.zeros(U.shape[1], U.dtype)
    W = sp.csr_array(U[:-1] if bias else U)
    return NetTrimResult(W, intercept, W.toarray() != 0, n_iter, converged, residual, history)


class _Problem:
    """The layer's inputs, scaled and factored once, and ADMM over them."""

    def __init__(self, X, dtype, activation, rho, atol, rtol):
        gram = X.T @ X
        gram = gram.toarray() if sp.issparse(gram) else gram
        self._scale = 0.3 * math.sqrt(float(gram.max())) or 1.0
        self._X, self._rectified = X, activation == "relu"
        self._rho, self._atol, self._rtol = rho, atol, rtol
        self._factor = cho_factor(gram / self._scale**2 + np.eye(len(gram), dtype=dtype), overwrite_a=True)

    def response(self, U: np.ndarray) -> np.ndarray:
        """``φ(X U)``, of the data as they were given."""
        Z = self._X @ U
        return np.maximum(Z, 0, out=Z) if self._rectified else Z

    def solve(self, Y, budget, start, steps: Iterator[State]) -> tuple[np.ndarray, bool, State]:
        """The sparse iterate U₂, whether it may be taken as the answer, and the last state.

        One budget for all columns of Y, or an array of one each: then norms are those of columns, and a column is
        taken at the step at which it converges.
        """
        norm = _norm if np.ndim(budget) == 0 else _norms
        scale = Y.dtype.type(1 / self._scale)
        X = self._X * scale
        Xt = sp.csr_array(X.T) if sp.issparse(X) else X.T
        epsilon, Y_scaled = np.asarray(budget, Y.dtype) * scale, Y * scale
        omega = Y > 0 if self._rectified else None
        floor = self._atol * np.sqrt((Y.size + start.size) / np.size(budget))
        size = norm(Y_scaled) / np.sqrt(Y.size / np.size(budget))
        rho = self._rho / np.where(size > 0, size, 1)  # the problem is homogeneous: U scales with Y
        done = np.zeros(np.shape(budget), bool)
        U1, L1, L2 = np.empty_like(Y), np.zeros_like(Y), np.zeros_like(start)
        U3, image, answer = start, X @ start, np.zeros_like(start)
        for state in steps:
            U1 = _within(np.subtract(image, L1, out=U1), Y_scaled, omega, epsilon, norm)
            Z, threshold = U3 - L2, (1 / rho).astype(Y.dtype)
            U2 = np.maximum(Z - threshold, 0) + np.minimum(Z + threshold, 0)
            before, image_before = U3, image
            U3 = cho_solve(self._factor, Xt @ (U1 + L1) + (U2 + L2), check_finite=False)
            image = X @ U3
            gap, gap2 = U1 - image, U2 - U3
            L1 += gap
            L2 += gap2
            primal, dual = norm(gap, gap2), rho * norm(np.subtract(image, image_before, out=gap), U3 - before)
            # as far off as the responses may be, and what the size of the iterates asks for
            near = floor + np.minimum(self._rtol * np.maximum(norm(U1, U2), norm(image, U3)), (SLACK - 1) * epsilon)
            steady = floor + self._rtol * rho * norm(L1, L2)
            settled = (primal <= near) & (dual <= steady)
            if np.any(settled & ~done):
                settled &= norm(self.response(U2) - Y) <= SLACK * budget
            answer = np.where(done, answer, U2)
            done |= settled
            course = {"primal": float(np.max(primal)), "dual": float(np.max(dual)), "l1": float(np.abs(U2).sum())}
            if state.record(**course).stop or done.all():
                break
            if state.n_iter % BALANCE == 0 and state.n_iter <= LAST_BALANCE:
                # the factorization is of XᵀX + I, whatever ρ: to change it costs nothing
                far, restless = primal * steady, dual * near
                factor = np.where(far > UNEVEN * restless, 2.0, np.where(restless > UNEVEN * far, 0.5, 1.0))
                rho *= factor
                L1 /= factor.astype(Y.dtype)
                L2 /= factor.astype(Y.dtype)
        return answer, bool(done.all()), state


def _norm(*parts):
    return np.sqrt(sum(float(np.vdot(part, part)) for part in parts))


def _norms(*parts):
    return np.sqrt(sum(np.einsum("ij,ij->j", part, part) for part in parts))


def _within(Z, Y, omega, epsilon, norm):
    """The projection of Z on the responses that meet the budget; Z is overwritten."""
    off = Z - Y if omega is None else np.where(omega, Z - Y, 0)
    distance = norm(off)
    off *= np.where(distance > epsilon, epsilon / np.where(distance > 0, distance, 1), 1).astype(Z.dtype)
    if omega is None:
        return np.add(Y, off, out=Z)
    np.minimum(Z, 0, out=Z)
    return np.add(Y, off, out=Z, where=omega)


def _by_neurons(problem, Y, tol, start, max_iter, n_threads):
    """Each neuron within its own budget: U, whether all converged, most steps."""

    interrupted = Event()

    def block(j):
        target = np.ascontiguousarray(Y[:, j : j + BLOCK])
        steps = iterate(max_iter, "net_trim", callback=lambda state: interrupted.is_set())
        return problem.solve(target, tol * np.linalg.norm(target, axis=0), start[:, j : j + BLOCK], steps)

    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        try:
            U, converged, states = zip(*pool.map(block, range(0, Y.shape[1], BLOCK)), strict=True)
        except BaseException:  # Ctrl-C reaches this thread alone, and the pool waits for the others
            interrupted.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return np.hstack(U), all(converged), max(state.n_iter for state in states)


def _data(X, Y, activation):
    """X (dense or CSR) and Y of one dtype, after their checks."""
    if sp.issparse(Y):
        raise TypeError(f"Y must be dense, got {type(Y).__name__}")
    check_indices(X, "X")
    X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="X")
    X = sp.csr_array(X) if sp.issparse(X) else X
    Y = np.ascontiguousarray(check_matrix(Y, "Y"), X.dtype)
    if X.shape[0] != Y.shape[0]:
        raise ValueError(f"X and Y must have the same number of samples, got {X.shape[0]} and {Y.shape[0]}")
    if activation == "relu" and Y.min() < 0:
        raise ValueError(f"Y must not be negative after activation 'relu', got a least entry of {Y.min():.3g}")
    return X, Y


def _start(weights, n_features, n_neurons, bias, dtype):
    rows = n_features + bool(bias)
    if weights is None:
        return np.zeros((rows, n_neurons), dtype)
    check_indices(weights, "weights")
    weights = check_matrix(weights.toarray() if sp.issparse(weights) else weights, "weights")
    if weights.shape[1] != n_neurons or weights.shape[0] not in (n_features, rows):
        raise ValueError(f"weights must have shape ({n_features}, {n_neurons}), got {weights.shape}")
    start = np.zeros((rows, n_neurons), dtype)
    start[: len(weights)] = weights
    return start
