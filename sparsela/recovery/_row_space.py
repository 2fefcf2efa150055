"""Back to the measurements: ``A⁺ r = A* (A A*)⁻¹ r``, and how much of a column the row space holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

from sparsela._core.operators import Operator
from sparsela._core.validation import check_positive

LARGEST_FACTOR = 4096  # rows up to which A A* is formed and factored
PROBES = 3
STRIP = 512  # columns whose leverage is computed at once


class ScaledAdjoint:
    """``A A* = c I``: the pseudo-inverse is the adjoint, divided."""

    def __init__(self, A: Operator, c: float):
        self.A, self.c = A, c

    def apply(self, r: np.ndarray, relative: float, correlations: np.ndarray | None = None) -> np.ndarray:
        """``A⁺ r``; `correlations`, ``A* r``, where they are known already."""
        return (self.A.rmatvec(r) if correlations is None else correlations) / self.c

    def adjoint(self, w: np.ndarray) -> np.ndarray:
        """``(A⁺)* w``."""
        return self.A.matvec(w) / self.c

    def leverage(self) -> float:
        """The mean of the diagonal of ``A⁺ A``: each column is taken to have it."""
        return self.A.shape[0] / self.A.shape[1]


class FactoredGram:
    """A Cholesky factor of ``A A*``, made once."""

    def __init__(self, A: Operator, L: np.ndarray):
        self.A, self.L = A, L

    def apply(self, r: np.ndarray, relative: float, correlations: np.ndarray | None = None) -> np.ndarray:
        """``A⁺ r``."""
        return self.A.rmatvec(scipy.linalg.cho_solve((self.L, True), r, check_finite=False))

    def adjoint(self, w: np.ndarray) -> np.ndarray:
        """``(A⁺)* w``."""
        return scipy.linalg.cho_solve((self.L, True), self.A.matvec(w), check_finite=False)

    def leverage(self) -> np.ndarray:
        """The diagonal of ``A⁺ A``: ``‖L⁻¹ a_j‖²``, a strip of columns at a time."""
        return _squared_columns(
            self.A, lambda C: scipy.linalg.solve_triangular(self.L, C, lower=True, check_finite=False)
        )


class SingularVectors:
    """``A = U S V*`` without its null space, for a dense A whose rows are dependent (more rows than columns, say)."""

    def __init__(self, A: np.ndarray):
        U, s, Vh = scipy.linalg.svd(A, full_matrices=False, check_finite=False)
        rank = _positive(np.count_nonzero(s > max(A.shape) * np.finfo(s.dtype).eps * s[0]))
        self.U, self.s, self.Vh = U[:, :rank], s[:rank], Vh[:rank]

    def apply(self, r: np.ndarray, relative: float, correlations: np.ndarray | None = None) -> np.ndarray:
        """``A⁺ r``."""
        return self.Vh.conj().T @ ((self.U.conj().T @ r) / self.s)

    def adjoint(self, w: np.ndarray) -> np.ndarray:
        """``(A⁺)* w``."""
        return self.U @ ((self.Vh @ w) / self.s)

    def leverage(self) -> np.ndarray:
        """The diagonal of ``A⁺ A``."""
        return np.einsum("ij,ij->j", self.Vh.conj(), self.Vh).real


class EigenGram:
    """The smaller of ``A A*`` and ``A* A`` by its eigenvectors, without its null space: where A is not dense and has
    dependent rows, or more rows than columns."""

    def __init__(self, A: Operator, G: np.ndarray, of_rows: bool):
        values, V = np.linalg.eigh(G)
        kept = values > max(A.shape) * np.finfo(values.dtype).eps * values[-1]
        _positive(np.count_nonzero(kept))
        self.A, self.values, self.V, self.of_rows = A, values[kept], V[:, kept], of_rows

    def _solve(self, b: np.ndarray) -> np.ndarray:
        return self.V @ ((self.V.conj().T @ b) / self.values)

    def apply(self, r: np.ndarray, relative: float, correlations: np.ndarray | None = None) -> np.ndarray:
        """``A⁺ r``."""
        return self.A.rmatvec(self._solve(r)) if self.of_rows else self._solve(self.A.rmatvec(r))

    def adjoint(self, w: np.ndarray) -> np.ndarray:
        """``(A⁺)* w``."""
        return self._solve(self.A.matvec(w)) if self.of_rows else self.A.matvec(self._solve(w))

    def leverage(self) -> np.ndarray:
        """The diagonal of ``A⁺ A``."""
        if not self.of_rows:
            return np.einsum("ij,ij->i", self.V.conj(), self.V).real
        U = self.V / np.sqrt(self.values)
        return _squared_columns(self.A, lambda C: U.conj().T @ C)


def _positive(rank: int) -> int:
    if rank == 0:
        raise ValueError("A must not be zero: it has no row space to tune in")
    return int(rank)


class ConjugateGram:
    """``(A A*)⁻¹ r`` by conjugate gradients, to a tenth of the relative residual that the solver has reached."""

    def __init__(self, A: Operator, dtype: np.dtype):
        self.A = A
        m = A.shape[0]
        self.gram = LinearOperator((m, m), matvec=lambda r: A.matvec(A.rmatvec(r)), dtype=dtype)

    def apply(self, r: np.ndarray, relative: float, correlations: np.ndarray | None = None) -> np.ndarray:
        """``A⁺ r``, to 0.1 · `relative`; where A has dependent rows, of the part of r in its range."""
        relative = max(0.1 * min(relative, 1.0), 4 * np.finfo(r.dtype).eps)
        return self.A.rmatvec(cg(self.gram, r, rtol=relative, maxiter=10 * self.A.shape[0])[0])

    def adjoint(self, w: np.ndarray) -> np.ndarray:
        """``(A⁺)* w``."""
        return cg(self.gram, self.A.matvec(w), rtol=1e-10, maxiter=10 * self.A.shape[0])[0]

    def leverage(self) -> float:
        """The mean of the diagonal of ``A⁺ A``: each column is taken to have it."""
        return min(self.A.shape) / self.A.shape[1]


def pseudo_inverse(A: Operator, row_gram: Any, dtype: np.dtype):
    """The cheapest way to ``A⁺ r`` for A: an object with ``apply(r, relative, correlations)`` and ``leverage()``.

    A number in `row_gram` is c in ``A A* = c I`` and is held to one probe; "auto" asks A for an attribute ``row_gram``
    and else finds c, if there is one, by three probes; None looks for none.
    """
    c = row_gram_of(A, row_gram, dtype)
    if c is not None:
        return ScaledAdjoint(A, c)
    m, n = A.shape
    if not A.explicit or min(m, n) > LARGEST_FACTOR:
        return ConjugateGram(A, dtype)
    is_dense = isinstance(A.wrapped, np.ndarray)
    if m > n:
        return SingularVectors(A.entries) if is_dense else EigenGram(A, A.gram(np.arange(n)), of_rows=False)
    G = A.row_products()
    try:
        L = np.linalg.cholesky(G)
    except np.linalg.LinAlgError:
        L = None
    pivots = np.diagonal(L).real if L is not None else np.zeros(1)
    if pivots.min() ** 2 > 64 * m * np.finfo(A.dtype).eps * pivots.max() ** 2:
        return FactoredGram(A, L)
    return SingularVectors(A.entries) if is_dense else EigenGram(A, G, of_rows=True)


def _squared_columns(A: Operator, apply: Callable) -> np.ndarray:
    """``‖f(a_j)‖²`` of every column, a strip at a time."""
    d = np.empty(A.shape[1], np.finfo(A.dtype).dtype)
    for start in range(0, d.size, STRIP):
        J = np.arange(start, min(start + STRIP, d.size))
        C = A.columns(J)
        W = apply(C.toarray() if sp.issparse(C) else C)
        d[J] = np.einsum("ij,ij->j", W.conj(), W).real
    return d


def row_gram_of(A: Operator, row_gram: Any, dtype: np.dtype) -> float | None:
    """c where ``A A* = c I``, else None."""
    if row_gram is None:
        return None
    if not isinstance(row_gram, str):
        c = check_positive(row_gram, "row_gram")
        found, error = probe(A, 0, dtype)
        if abs(found - c) > 1e-3 * c or error > 1e-3:
            raise ValueError(f"row_gram={c:g} says that A A* = {c:g} I, but on a random vector they differ")
        return c
    if row_gram != "auto":
        raise ValueError(f"row_gram must be 'auto', a positive number or None, got {row_gram!r}")
    known = getattr(A.wrapped, "row_gram", None)
    if known is not None:
        return check_positive(known, "A.row_gram")
    if A.shape[0] > A.shape[1]:
        return None
    tolerance = 1e-8 if np.finfo(A.dtype).eps < 1e-10 else 1e-4
    values = []
    for seed in range(PROBES):
        c, error = probe(A, seed, dtype)
        if not error <= tolerance:
            return None
        values.append(c)
    c = float(np.mean(values))
    return c if np.ptp(values) <= 10 * tolerance * c else None


def probe(A: Operator, seed: int, dtype: np.dtype) -> tuple[float, float]:
    """⟨v, A A* v⟩ / ⟨v, v⟩ for a random v, and how far A A* v is from being that multiple of v, relatively."""
    rng = np.random.default_rng(seed)
    v = rng.standard_normal(A.shape[0])
    if A.dtype.kind == "c":
        v = v + 1j * rng.standard_normal(A.shape[0])
    v = v.astype(A.dtype)
    w = A.matvec(A.rmatvec(v))
    c = float(np.vdot(v, w).real / np.vdot(v, v).real)
    return c, float(np.linalg.norm(w - c * v) / (c * np.linalg.norm(v))) if c > 0 else np.inf
