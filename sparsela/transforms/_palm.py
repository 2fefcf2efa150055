"""Factorize a matrix over given sets by proximal alternating linearised minimisation (PALM)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_matrix, check_positive
from sparsela.transforms import _sets
from sparsela.transforms import _sets_counted as counted
from sparsela.transforms._matrices import Factor, as_factor
from sparsela.transforms._operator import FactorizedOperator, check_scale
from sparsela.transforms._result import FactorizationResult, supports_of
from sparsela.transforms._sweep import Rule, Sweeper, pack

ORDERS = ("right-to-left", "left-to-right")
SUPPORT_SETS = (  # a support and nothing else: values may be refitted over it
    counted.Sp, counted.SpLin, counted.SpCol, counted.SpLinCol, counted.SkPerm, counted.SpTriu,
    _sets.Supp, _sets.BlockDiag, _sets.Kronecker, _sets.Identity,
)  # fmt: skip


@in_float_range
def palm4msa(
    A,
    constraints,
    *,
    init=None,
    init_scale=1.0,
    order="right-to-left",
    max_iter=100,
    tol=1e-6,
    target_error=None,
    refit="auto",
    fixed=(),
    step_margin=1e-3,
    norm_tol=1e-6,
    norm_max_iter=30,
    random_state=None,
    return_history=False,
    verbose=0,
    callback=None,
) -> FactorizationResult:
    """Approximate a matrix by a product of factors, each in a set of its own.

    Parameters
    ----------
    A : ndarray of shape (m, n)
        Real or complex. The residual is dense, so that a sparse A or a LinearOperator is no help here.
    constraints : sequence of ProjectionSet
        One for each factor, left to right, from :mod:`~sparsela.transforms.proj`. Where a set does not say its shape,
        inner sizes are min(m, n), unless `init` says otherwise.
    init : sequence of {ndarray, sparse array}, optional
        Factors to start from; by default the one that is updated first is zero and the others are identities.
    init_scale : float, default=1.0
        The scale to start from, of either sign and not zero.
    order : {"right-to-left", "left-to-right"}, default="right-to-left"
        In which factors are updated.
    max_iter : int, default=100
        Most sweeps.
    tol : float, default=1e-6
        Stop when the objective changes by less than this fraction of itself twice running, with unchanged supports.
    target_error : float, optional
        Stop at this relative error.
    refit : {"auto", True, False}, default="auto"
        Once supports have not changed for two sweeps, fit the values of a factor over its support by conjugate
        gradients. "auto" is True.
    fixed : sequence of int, default=()
        Factors that stay as they start; those of a :func:`~sparsela.transforms.proj.const` set do so anyway.
    step_margin : float, default=1e-3
        By how much the Lipschitz constant of a step is raised.
    norm_tol : float, default=1e-6
        Relative tolerance of the spectral norms in it.
    norm_max_iter : int, default=30
        Most power iterations for a norm.
    random_state : None, int, RandomState or Generator
        Of the vectors that power iterations start from.
    return_history : bool, default=False
        Keep "objective", "scale", "support_changes" and "n_backtracks" of each sweep.
    verbose : {0, 1, 2}, default=0
    callback : callable, optional
        Called after each sweep with the state; a true value stops.

    Returns
    -------
    FactorizationResult
        ``operator`` is ``λ S_1 … S_J``.

    Raises
    ------
    TypeError
        If A is not an ndarray, or a constraint is no set.
    ValueError
        If A is zero or not finite, shapes do not chain, a set does not fit its factor, or all factors are fixed.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` sweeps were not enough.

    See Also
    --------
    hierarchical_factorization : Find starting points factor by factor.

    Notes
    -----
    Minimises ``Ψ = ½ ‖A − λ S_1 S_2 … S_J‖_F²`` over λ and S_j in its set, not convex. With ``L = S_1 … S_{j−1}`` and
    ``R = S_{j+1} … S_J``, a sweep does for each j ``S_j ← P_j(S_j − λ Lᴴ (λ L S_j R − A) Rᴴ / c)`` with c above
    ``λ² ‖L‖₂² ‖R‖₂²``, and then takes the best λ. Ψ does not rise, except under ``splincol``, which is no projection. A
    sweep costs O(J² n nnz) for factors of nnz non-zeros; no product of dense n × n matrices is needed once the factors
    are sparse. It finds a local minimum: what matters is the sets and the order, see
    :func:`hierarchical_factorization`.

    References
    ----------
    L. Le Magoarou, R. Gribonval. Flexible multilayer sparse approximations of matrices and applications. IEEE Journal
    of Selected Topics in Signal Processing, 2016. arXiv 1506.07300.

    Examples
    --------
    >>> from scipy.linalg import hadamard
    >>> from sparsela.transforms import palm4msa, proj
    >>> result = palm4msa(hadamard(4) / 2.0, [proj.splincol(2), proj.splincol(2)])
    >>> result.converged, result.operator.nnz, result.relative_error < 1e-12
    (True, 16, True)
    """
    A = check_target(A)
    sets = check_sets(constraints, "constraints")
    init_scale = check_scale(init_scale, "init_scale")
    if isinstance(init_scale, complex):
        raise TypeError(f"init_scale must be real, got {init_scale!r}")
    options = check_options(order, tol, target_error, refit, step_margin, norm_tol, norm_max_iter, random_state)
    max_iter = check_count(max_iter, "max_iter")
    parts = start(A.shape, sets, init, order, A.dtype)
    fixed = {check_count(j, "fixed", low=0, high=len(sets) - 1) for j in fixed}
    fixed |= {j for j, rule in enumerate(sets) if is_constant(rule)}
    if len(fixed) == len(sets):
        raise ValueError("all factors are fixed: there is nothing to find")

    found = run(A, parts, init_scale, sets, fixed, max_iter, options, verbose, callback, return_history)
    if not found.converged:
        warnings.warn(f"palm4msa did not converge in {max_iter} sweeps", ConvergenceWarning, stacklevel=2)
    return result_of(A, found.parts, found.scale, found.n_iter, found.converged, found.history)


class Options(NamedTuple):
    """What all sweeps of a factorization share."""

    order: str
    tol: float
    target_error: float
    refit: bool
    step_margin: float
    norm_tol: float
    norm_max_iter: int
    rng: np.random.Generator


class Found(NamedTuple):
    parts: list[Factor]
    scale: float
    n_iter: int
    converged: bool
    stopped: bool  # by the callback
    history: dict[str, np.ndarray] | None


def run(A, parts, scale, sets, fixed, max_iter, options, verbose=0, callback=None, return_history=False) -> Found:
    """Sweep until nothing is gained; arguments have been checked.

    BLAS is held to one thread, so that bits do not depend on their number: products are small, and the kernels of
    chains have threads of their own.
    """
    with one_blas_thread():
        return _run(A, parts, scale, sets, fixed, max_iter, options, verbose, callback, return_history)


def _run(A, parts, scale, sets, fixed, max_iter, options, verbose, callback, return_history) -> Found:
    flipped = options.order == "left-to-right"
    rules = [_rule(rule, j in fixed, flipped) for j, rule in enumerate(sets)]
    if flipped:
        A, parts, rules = np.ascontiguousarray(A.T), _flip(parts), rules[::-1]
    sweeper = Sweeper(
        A, list(parts), scale, rules, options.step_margin, options.norm_tol, options.norm_max_iter, options.rng
    )
    rounding = 50 * np.finfo(A.dtype).eps * np.sqrt(len(parts))
    floor = max(options.target_error, rounding)
    quiet, converged, state = 0, False, None
    for state in iterate(max_iter, "palm4msa", verbose=verbose, callback=callback, return_history=return_history):
        before = sweeper.psi
        changes = sweeper.sweep(options.refit)
        # less than tol, or less than a product of rounded factors can tell
        gain, unseen = abs(before - sweeper.psi), 0.5 * sweeper.energy * rounding**2
        quiet = quiet + 1 if not changes and gain <= max(options.tol * before, unseen) else 0
        converged = sweeper.relative_error <= floor or quiet >= 2
        state.record(
            objective=sweeper.psi,
            scale=sweeper.scale,
            support_changes=changes,
            n_backtracks=sweeper.n_backtracks,
        )
        if converged or state.stop:
            break
    parts = _flip(sweeper.parts) if flipped else sweeper.parts
    return Found(parts, sweeper.scale, state.n_iter, bool(converged or state.stop), state.stop, state.history)


def result_of(A, parts, scale, n_iter, converged, history, gamma=None) -> FactorizationResult:
    """What is returned; the error is that of ``λ S_1 … S_J``, times Γ where there is one."""
    if scale == 0:  # the best multiple of a product that is orthogonal to A
        parts = [parts[0].replace(np.zeros_like(parts[0].values_)), *parts[1:]]
    operator = FactorizedOperator(parts, scale=scale or 1.0, copy=False)
    product = operator.toarray() if gamma is None else operator @ gamma.toarray()
    residual_norm = float(np.linalg.norm(A - product))
    relative_error = residual_norm / float(np.linalg.norm(A))
    supports = supports_of(operator)
    return FactorizationResult(operator, supports, n_iter, converged, residual_norm, history, relative_error)


def start(shape, sets, init, order, dtype) -> list[Factor]:
    """The factors to start from: those of the user, or identities and one zero."""
    J = len(sets)
    if init is None:
        shapes = shapes_of(shape, sets)
        first = J - 1 if order == "right-to-left" else 0
        given = [np.zeros(s) if j == first else sp.eye_array(*s, format="csr") for j, s in enumerate(shapes)]
        given = [rule.C if is_constant(rule) else g for rule, g in zip(sets, given, strict=True)]
    else:
        given = list(init)
        if len(given) != J:
            raise ValueError(f"init must have a matrix for each of the {J} constraints, got {len(given)}")
    parts = []
    for j, matrix in enumerate(given):
        factor = as_factor(matrix, f"init[{j}]")
        if factor.dtype.kind == "c" and dtype.kind != "c":
            raise ValueError(f"init[{j}] must be real as A is, got {factor.dtype}")
        parts.append(pack(factor.astype(dtype).toarray()))
    ends = (shape[0], *(part.shape[0] for part in parts[1:]), shape[1])
    for j, part in enumerate(parts):
        if part.shape != (ends[j], ends[j + 1]):
            raise ValueError(f"factor {j} must have shape {(ends[j], ends[j + 1])} to chain, got {part.shape}")
        sets[j].check(part.shape)
    return parts


def shapes_of(shape, sets) -> list[tuple[int, int]]:
    """Shapes of the factors: those that sets imply, and min(m, n) for an inner size that none does."""
    inner: list[int | None] = [shape[0], *[None] * (len(sets) - 1), shape[1]]
    for j, rule in enumerate(sets):
        for end, size in zip((j, j + 1), implied_shape(rule) or (None, None), strict=True):
            if size is not None and inner[end] not in (None, size):
                raise ValueError(
                    f"constraint {j} is for {implied_shape(rule)}, which does not chain with size {inner[end]}"
                )
            inner[end] = size if size is not None else inner[end]
    sizes = [min(shape) if size is None else size for size in inner]
    return list(zip(sizes, sizes[1:], strict=False))


def is_constant(rule) -> bool:
    return isinstance(rule, _sets.Const)


def implied_shape(rule) -> tuple[int, int] | None:
    """The one shape that a set has, or None."""
    if isinstance(rule, _sets.Supp):
        return rule.mask.shape
    if is_constant(rule):
        return rule.C.shape
    if isinstance(rule, _sets.BlockDiag):
        return tuple(map(sum, zip(*rule.block_shapes, strict=True)))
    if isinstance(rule, _sets.Kronecker):
        return rule.a * rule.b * rule.d, rule.a * rule.c * rule.d
    return None


def _rule(rule, fixed: bool, flipped: bool) -> Rule:
    def project(M: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(rule._project(np.ascontiguousarray(M.T)).T) if flipped else rule._project(M)

    refit = isinstance(rule, SUPPORT_SETS) and not rule.nonneg
    return Rule(project, rule.normalize, refit, not isinstance(rule, counted.SpLinCol), fixed)


def _flip(parts: list[Factor]) -> list[Factor]:
    return [pack(np.ascontiguousarray(part.toarray().T)) for part in reversed(parts)]


def check_target(A) -> np.ndarray:
    """A finite matrix that is not zero."""
    if sp.issparse(A) or isinstance(A, LinearOperator):
        raise TypeError(f"A must be an ndarray, for the residual is dense: call its toarray(); got {type(A).__name__}")
    A = check_matrix(A, "A", allow_complex=True)
    if not A.any():
        raise ValueError("A must not be zero")
    return A


def check_sets(constraints: Any, name: str) -> list:
    """A non-empty list of sets."""
    if isinstance(constraints, _sets.ProjectionSet) or not isinstance(constraints, Iterable):
        raise TypeError(f"{name} must be a sequence of sets, got {type(constraints).__name__}")
    sets = list(constraints)
    if not sets:
        raise ValueError(f"{name} must have at least one set, got none")
    for j, rule in enumerate(sets):
        if not isinstance(rule, _sets.ProjectionSet):
            raise TypeError(f"{name}[{j}] must be a set of sparsela.transforms.proj, got {type(rule).__name__}")
    return sets


def check_options(order, tol, target_error, refit, step_margin, norm_tol, norm_max_iter, random_state) -> Options:
    if order not in ORDERS:
        raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
    if refit not in ("auto", True, False):
        raise ValueError(f"refit must be 'auto', True or False, got {refit!r}")
    rng = random_state
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    return Options(
        order,
        check_positive(tol, "tol", allow_zero=True),
        0.0 if target_error is None else check_positive(target_error, "target_error", allow_zero=True),
        bool(refit),
        check_positive(step_margin, "step_margin", allow_zero=True),
        check_positive(norm_tol, "norm_tol", allow_zero=True),
        check_count(norm_max_iter, "norm_max_iter"),
        rng,
    )
