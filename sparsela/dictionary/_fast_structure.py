"""Give a dense dictionary the structure of a fast transform, on the data: the work of `FastDictionaryLearning`.

Here atoms are the columns of ``D = S_1 … S_J`` and signals those of ``Y = Xᵀ``, as in the papers. The data enter by
``CᵀC`` and ``CᵀX`` alone: with ``CᵀC = R Rᵀ``, ``‖Y − D Cᵀ‖² = ‖Y' − D R‖²`` plus a constant for ``Y' = XᵀC R⁻ᵀ``, and
a sweep costs the same for ten signals as for a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, polar
from scipy.sparse import csr_array

from sparsela._core.prox import top_k
from sparsela.dictionary._users import add_normal_equations
from sparsela.transforms import FactorizedOperator, KroneckerSparse, _palm, butterfly_factorization, proj
from sparsela.transforms._matrices import as_factor
from sparsela.transforms._sweep import pack

ROUNDS = 5  # of coding and fitting, once the supports of a butterfly are known

Coder = Callable[[FactorizedOperator], csr_array]


class Sweeps(NamedTuple):
    """How long and how exactly to sweep."""

    n_local: int
    n_global: int
    n_outer: int
    options: _palm.Options


def palm_sets(shape: tuple[int, int], n_factors: int, k: int, s: int, decay: float, scale: float) -> tuple[list, list]:
    """Sets in the order in which factors are split off, rightmost first, and those of the residuals on the left.

    `shape` is that of the residual: features, and the size between factors.
    """
    full, size = shape[0] * shape[1], shape[1]
    sets = [proj.spcol(k), *(proj.sp(s * size) for _ in range(n_factors - 2))]
    numbers = [math.ceil(scale * full * decay**level) for level in range(1, n_factors)]
    return sets, [proj.sp(min(number, full)) for number in numbers]


def palm_rounds(
    D: np.ndarray, codes: csr_array, X: np.ndarray, code: Coder, sets: list, residuals: list, sweeps: Sweeps
) -> Iterator[tuple[FactorizedOperator, csr_array]]:
    """Split one factor after the other off the atoms (rows of D), each time refining all of them on the data.

    Yields the operator with unit columns, and the codes over it, after each refinement.
    """
    T, parts, rules, scale = D.T.astype(np.float64), [], [], 1.0
    for own, rest in zip(sets, residuals, strict=True):
        pair = [rest, own]
        halves = _palm.start(T.shape, pair, None, sweeps.options.order, T.dtype)
        found = _palm.run(T, halves, 1.0, pair, set(), sweeps.n_local, sweeps.options)
        parts, rules, scale = [*found.parts, *parts[1:]], [*pair, *rules[1:]], scale * found.scale
        for _ in range(sweeps.n_outer):
            parts, scale = refine(parts, scale, rules, codes, X, sweeps)
            operator = FactorizedOperator(parts, scale=scale)
            codes = code(operator)
            yield operator, codes
        T = parts[0].toarray()


def butterfly_rounds(
    D: np.ndarray, codes: csr_array, X: np.ndarray, code: Coder, sweeps: Sweeps
) -> Iterator[tuple[FactorizedOperator, csr_array]]:
    """Find the butterfly in the atoms (rows of D, orthonormal) in whatever order they are, then fit its values.

    Yields as `palm_rounds`. The factorization does not look at the codes; the first yield is of it.
    """
    found = butterfly_factorization(D.T.astype(np.float64), permutation="auto")
    parts = [pack(as_factor(factor, "factor").toarray()) for factor in found.operator.factors]
    rules = [proj.supp(mask) for mask in found.support]
    scale = found.operator.scale
    for step in range(ROUNDS * sweeps.n_outer + 1):
        if step:
            parts, scale = refine(parts, scale, rules, codes, X, sweeps)
        else:
            parts, scale = unit_columns(parts, scale)
        operator = FactorizedOperator(
            [_as_kind_of(old, part) for old, part in zip(found.operator.factors, parts, strict=True)], scale=scale
        )
        codes = code(operator)
        yield operator, codes


def refine(parts: list, scale: float, rules: list, codes: csr_array, X: np.ndarray, sweeps: Sweeps) -> tuple:
    """All factors on the data for these codes: (parts, scale), the columns of their product of unit norm."""
    Y, R = compressed(codes, X)
    if R.shape[1]:
        fixed = {len(parts)}
        sets = [*rules, proj.identity()]
        found = _palm.run(Y, [*parts, pack(R)], scale, sets, fixed, sweeps.n_global, sweeps.options)
        if found.scale != 0:
            parts, scale = found.parts[:-1], found.scale
    return unit_columns(parts, scale)


def compressed(codes: csr_array, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y' (m, r) and R (K, r) of the module's text, r the rank of the codes."""
    K, m = codes.shape[1], X.shape[1]
    A, B = np.zeros((K, K)), np.zeros((K, m))
    add_normal_equations(A, B, X, codes, 1.0, 1)
    values, V = eigh(A)
    kept = values > K * np.finfo(float).eps * values[-1]
    root, V = np.sqrt(values[kept]), V[:, kept]
    return np.ascontiguousarray(B.T @ V / root), np.ascontiguousarray(V * root)


def unit_columns(parts: list, scale: float) -> tuple[list, float]:
    """The last factor with its columns scaled so that those of the product have unit norm, as a factor of norm one.

    The entry of largest modulus of each is made positive. A zero column, an atom that no signal has, takes the place
    of a column of the other factors.
    """
    last = parts[-1].toarray()
    left = FactorizedOperator(parts[:-1]).toarray()
    dead = np.flatnonzero(np.linalg.norm(left @ last, axis=0) == 0)
    if dead.size:
        usable = np.flatnonzero(np.linalg.norm(left, axis=0) > 0)
        last[:, dead] = 0
        last[np.resize(usable, dead.size), dead] = 1
    D = left @ last
    peak = np.take_along_axis(D, np.abs(D).argmax(axis=0)[None], axis=0)[0]
    last *= np.where(peak < 0, -1, 1) / np.linalg.norm(D, axis=0)
    norm = float(np.linalg.norm(last))
    return [*parts[:-1], pack(last / norm)], norm


def _as_kind_of(old, part):
    """The numbers of a fitted factor, Kronecker-sparse where it began so: it multiplies faster."""
    if not isinstance(old, KroneckerSparse):
        return part
    a, b, c, d = old.pattern
    values = np.einsum("ikjilj->ijkl", part.toarray().reshape(a, b, d, a, c, d))
    return KroneckerSparse(values, a, b, c, d)


def orthonormal_atoms(X: np.ndarray, D: np.ndarray, k: int, max_iter: int) -> np.ndarray:
    """Orthonormal rows for k-sparse codes: the k largest correlations, and the best rotation for them, in turn."""
    for _ in range(max_iter):
        C = X @ D.T
        rows = np.arange(len(X))[:, None]
        at = top_k(np.abs(C), k)
        kept = np.zeros_like(C)
        kept[rows, at] = C[rows, at]
        previous, D = D, polar(kept.T @ X)[0]
        if np.abs(D - previous).max() <= 1e-12:
            break
    return D


def cosines(n_components: int, n_features: int) -> np.ndarray:
    """Overcomplete cosine atoms (unit rows, slow waves first): products of two for square patches."""
    side = math.isqrt(n_features)
    if side * side != n_features or side == 1:
        return _waves(n_components, n_features)
    n_waves = math.isqrt(n_components - 1) + 1
    waves = _waves(n_waves, side)
    frequency = np.add.outer(np.arange(n_waves), np.arange(n_waves)).ravel()
    chosen = np.sort(np.argsort(frequency, kind="stable")[:n_components])
    return np.kron(waves, waves)[chosen]


def _waves(n_waves: int, length: int) -> np.ndarray:
    waves = np.cos(np.pi * np.outer(np.arange(n_waves), np.arange(length) + 0.5) / max(n_waves, length))
    if length > 2:
        waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    return waves / np.linalg.norm(waves, axis=1, keepdims=True)
