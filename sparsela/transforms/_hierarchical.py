"""Factorize a matrix one factor at a time: split the residual in two, then refine all factors found so far."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_count, check_positive
from sparsela.transforms import _palm, proj
from sparsela.transforms._matrices import as_factor
from sparsela.transforms._result import FactorizationResult
from sparsela.transforms._sweep import pack

PRESETS = ("hadamard", "rect", "dft")


@in_float_range
def hierarchical_factorization(
    A,
    constraints=None,
    residual_constraints=None,
    *,
    preset=None,
    n_factors=None,
    side="right",
    order="right-to-left",
    max_iter_local=30,
    max_iter_global=30,
    tol=1e-6,
    target_error=None,
    refit="auto",
    fixed_right=None,
    callback=None,
    verbose=0,
    random_state=None,
    return_history=False,
) -> FactorizationResult:
    """Approximate a matrix by a product of sparse factors, found one after the other.

    Parameters
    ----------
    A : ndarray of shape (m, n)
        Real or complex.
    constraints : sequence of ProjectionSet, optional
        The sets of the factors in the order in which they are split off, J − 1 of them.
    residual_constraints : sequence of ProjectionSet, optional
        The sets of what is left after each split, J − 1 of them; the last one is that of the last factor.
    preset : {"hadamard", "rect", "dft"} or tuple, optional
        Constraints by name where none are given. "hadamard" (default for a square matrix whose order is a power of
        two): ``splincol(2)``, residuals ``splincol(n / 2^ℓ)``. "rect" (default otherwise): the factor on the long side
        with k non-zeros a column, the others with s m in all, residuals with ``⌈P m² ρ^ℓ⌉``, m the short side;
        ``("rect", k, s)`` or ``("rect", k, s, rho, P)`` sets them, by default ``k = max(2, m // 8)``,
        ``s = min(4, m)``, ``ρ = 0.8``, ``P = 1.4``. "dft": the butterflies of the fast Fourier transform and the bit
        reversal.
    n_factors : int, optional
        J of the preset "rect": 4 by default (2 below order 8).
    side : {"right", "left"}, default="right"
        Where the residual is: the rightmost factor, or the leftmost. A preset says it itself.
    order : {"right-to-left", "left-to-right"}, default="right-to-left"
        In which a sweep updates factors.
    max_iter_local, max_iter_global : int, default=30
        Most sweeps of a split, and of a refinement.
    tol : float, default=1e-6
        Of every split and refinement, as in :func:`palm4msa`; so are the next two.
    target_error : float, optional
        Relative error at which sweeps end.
    refit : {"auto", True, False}, default="auto"
        Whether values are refitted over supports that have settled.
    fixed_right : {ndarray, sparse array} of shape (n', n), optional
        A matrix Γ that stays the rightmost factor of all refinements: ``A ≈ λ S_1 … S_J Γ``. What is split is then the
        least-squares ``A Γ⁺``. Give constraints, or a preset by name, for (m, n') matrices.
    callback : callable, optional
        Called after each sweep with the state; a true value ends the sweeps, and with them the factorization.
    verbose : {0, 1, 2}, default=0
        At 1 a progress bar, at 2 a line a sweep.
    random_state : None, int, RandomState or Generator, default=None
        Of the vectors from which spectral norms are estimated.
    return_history : bool, default=False
        A list of histories, one a split or refinement, with "level" and "stage" ("local" or "global").

    Returns
    -------
    FactorizationResult
        With ``fixed_right``, Γ is not part of the operator, but of the error.

    Raises
    ------
    TypeError, ValueError
        As in :func:`palm4msa`; and if constraints and residual constraints differ in number, or the preset does not
        fit A.

    Warns
    -----
    ConvergenceWarning
        If the last refinement was not done after `max_iter_global` sweeps.

    See Also
    --------
    palm4msa : One refinement.

    Notes
    -----
    From ``T_0 = A``, for ``ℓ = 1 … J − 1``: ``T_{ℓ−1} ≈ λ' S_ℓ T_ℓ`` from the default start, then all of
    ``A ≈ λ S_1 … S_ℓ T_ℓ`` from there. About ``Σ_ℓ (2 · max_iter_local + (ℓ + 1) · max_iter_global)`` factor steps at
    most.

    What it can and cannot do: of all ways to factorize the Hadamard matrix in this manner, ``splincol`` with sweeps
    from right to left and ties by index works, exactly and under noise of 1e-13; ``sp``, ``splin``, ``spcol`` or the
    other order end at relative errors of 0.7 to 0.97. With rows or columns shuffled, or with noise of 1e-3, every
    variant fails (0.4 to 0.8). So take it for matrices without a known structure and with a loose budget of non-zeros,
    and not to find a butterfly.

    References
    ----------
    L. Le Magoarou, R. Gribonval. Flexible multilayer sparse approximations of matrices and applications. IEEE Journal
    of Selected Topics in Signal Processing, 2016. arXiv 1506.07300.

    Examples
    --------
    >>> from scipy.linalg import hadamard
    >>> from sparsela.transforms import hierarchical_factorization
    >>> result = hierarchical_factorization(hadamard(32) / 32**0.5)
    >>> result.operator.n_factors, result.operator.nnz, result.relative_error < 1e-12
    (5, 320, True)
    """
    A = _palm.check_target(A)
    options = _palm.check_options(order, tol, target_error, refit, 1e-3, 1e-6, 30, random_state)
    limits = check_count(max_iter_local, "max_iter_local"), check_count(max_iter_global, "max_iter_global")
    gamma = None if fixed_right is None else _check_gamma(fixed_right, A)
    start = A if gamma is None else np.linalg.lstsq(gamma.toarray().T, A.T, rcond=None)[0].T.copy()
    if constraints is None:
        if residual_constraints is not None:
            raise ValueError("residual_constraints need constraints")
        sets, residuals, side = _preset(preset, n_factors, start.shape)
    else:
        if preset is not None or n_factors is not None:
            raise ValueError("give constraints, or a preset and its n_factors, not both")
        sets = _palm.check_sets(constraints, "constraints")
        residuals = _palm.check_sets(
            () if residual_constraints is None else residual_constraints, "residual_constraints"
        )
    if len(sets) != len(residuals):
        raise ValueError(f"constraints and residual_constraints must be as many, got {len(sets)} and {len(residuals)}")
    if side not in ("right", "left"):
        raise ValueError(f"side must be 'right' or 'left', got {side!r}")
    _check_levels(start.shape, sets, residuals, side)

    found, n_iter, histories = levels(
        start, A, sets, residuals, side, limits, options, gamma, verbose, callback, return_history
    )
    if not found.converged:
        warnings.warn(f"the last refinement did not converge in {limits[1]} sweeps", ConvergenceWarning, stacklevel=2)
    return _palm.result_of(A, found.parts, found.scale, n_iter, found.converged, histories, gamma)


def levels(T, A, sets, residuals, side, limits, options, gamma, verbose=0, callback=None, return_history=False):
    """The splits and refinements; arguments have been checked. T is what is split, ``A ≈ λ S_1 … S_J Γ`` refined."""
    done: list = []  # (factor, set), outermost first
    scale, n_iter, histories = 1.0, 0, [] if return_history else None
    parts: list = []
    for level, (own, rest) in enumerate(zip(sets, residuals, strict=True), start=1):
        pair = _ordered([own], rest, side)
        halves = _palm.start(T.shape, pair, None, options.order, T.dtype)
        found = _palm.run(T, halves, 1.0, pair, _constants(pair), limits[0], options, verbose, callback, return_history)
        n_iter += found.n_iter
        _keep(histories, found, level, "local")
        factor, residual = found.parts if side == "right" else found.parts[::-1]
        done.append((factor, own))
        if found.stopped:
            scale *= found.scale
            parts = _ordered([part for part, _ in done], residual, side)
            break

        parts = _ordered([part for part, _ in done], residual, side)
        rules = _ordered([rule for _, rule in done], rest, side)
        extended, all_rules = (parts, rules) if gamma is None else ([*parts, gamma], [*rules, proj.identity()])
        fixed = _constants(rules) | ({len(parts)} if gamma is not None else set())
        found = _palm.run(
            A, extended, scale * found.scale, all_rules, fixed, limits[1], options, verbose, callback, return_history
        )
        n_iter += found.n_iter
        _keep(histories, found, level, "global")
        scale, parts = found.scale, found.parts[: len(parts)]
        found_in_order = parts if side == "right" else parts[::-1]
        done = [(part, rule) for part, (_, rule) in zip(found_in_order[:-1], done, strict=True)]
        if found.stopped:
            break
        T = found_in_order[-1].toarray()
    return found._replace(parts=parts, scale=scale), n_iter, histories


def _ordered(done: list, residual: Any, side: str) -> list:
    """Left to right: what was split off, and the residual on its side."""
    return [*done, residual] if side == "right" else [residual, *reversed(done)]


def _constants(rules: list) -> set[int]:
    return {j for j, rule in enumerate(rules) if _palm.is_constant(rule)}


def _keep(histories: list | None, found: _palm.Found, level: int, stage: str) -> None:
    if histories is not None:
        histories.append({**found.history, "level": level, "stage": stage})


def _check_gamma(given: Any, A: np.ndarray):
    gamma = as_factor(given, "fixed_right")
    if gamma.shape[1] != A.shape[1]:
        raise ValueError(f"fixed_right must have {A.shape[1]} columns, as A has, got shape {gamma.shape}")
    if gamma.dtype.kind == "c" and A.dtype.kind != "c":
        raise TypeError(f"fixed_right must be real as A is, got {gamma.dtype}")
    return pack(gamma.astype(A.dtype).toarray())


def _check_levels(shape: tuple[int, int], sets: list, residuals: list, side: str) -> None:
    """That every set fits the factor that it will get."""
    for own, rest in zip(sets, residuals, strict=True):
        pair = _ordered([own], rest, side)
        shapes = _palm.shapes_of(shape, pair)
        for rule, its in zip(pair, shapes, strict=True):
            rule.check(its)
        if all(map(_palm.is_constant, pair)):
            raise ValueError("a split between two constant matrices has nothing to find")
        shape = shapes[-1] if side == "right" else shapes[0]


def _preset(preset: Any, n_factors: int | None, shape: tuple[int, int]) -> tuple[list, list, str]:
    """Sets, residual sets and side of a preset."""
    m, n = shape
    dyadic = m == n and n >= 4 and n & (n - 1) == 0
    if preset is None:
        preset = "hadamard" if dyadic and n_factors is None else "rect"
    name, *parameters = (preset,) if isinstance(preset, str) else preset
    if name not in PRESETS or (parameters and name != "rect"):
        raise ValueError(f"preset must be one of {PRESETS} or ('rect', k, s, rho, P), got {preset!r}")
    if name == "rect":
        return _rect(m, n, n_factors, *parameters)
    if not dyadic:
        raise ValueError(f"preset {name!r} needs a square matrix whose order is a power of two from 4, got {shape}")
    J = n.bit_length() - 1
    if n_factors not in (None, J):
        raise ValueError(f"preset {name!r} has {J} factors at order {n}, got n_factors={n_factors!r}")
    if name == "hadamard":
        sets = [proj.splincol(2) for _ in range(J - 1)]
        return sets, [proj.splincol(n >> level) for level in range(1, J)], "right"
    reversal = _bit_reversal(n)
    sets = [proj.kronecker(1 << level, 2, 2, n >> level + 1) for level in range(J)]
    blocks = [np.kron(np.eye(1 << level), np.ones((n >> level, n >> level))) for level in range(1, J)]
    permuted = [proj.supp(block @ reversal) for block in blocks]
    return sets, [*permuted, proj.const(reversal)], "right"


def _bit_reversal(n: int) -> np.ndarray:
    bits = n.bit_length() - 1
    index = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(n)]
    return np.eye(n)[index]


def _rect(m: int, n: int, n_factors, k=None, s=None, rho=0.8, P=1.4) -> tuple[list, list, str]:
    short, wide = min(m, n), n >= m
    J = check_count(n_factors, "n_factors", low=2) if n_factors is not None else (4 if short >= 8 else 2)
    k = max(2, short // 8) if k is None else check_count(k, "k of the preset", high=short)
    k = min(k, short)
    s = min(4, short) if s is None else check_count(s, "s of the preset", high=short)
    rho, P = check_positive(rho, "rho of the preset"), check_positive(P, "P of the preset")
    outer = proj.spcol(k) if wide else proj.splin(k)
    sets = [outer, *(proj.sp(min(s * short, short**2)) for _ in range(J - 2))]
    residuals = [proj.sp(max(1, min(math.ceil(P * short**2 * rho**level), short**2))) for level in range(J - 1)]
    return sets, residuals, "left" if wide else "right"
