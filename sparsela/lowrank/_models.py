"""A truncated SVD ``U diag(s) Vᵀ`` that takes rows, columns and changes: kept implicit, or written out each time.

Both kinds offer the same: ``add_rows``, ``add_columns``, ``add_product``, ``left`` and ``right`` with ``size``,
``rows()`` and ``extend()``, ``s``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, qr, solve_triangular, svd

from sparsela.lowrank._augment import Residual, directions
from sparsela.lowrank._batches import squares
from sparsela.lowrank._factor import ExtendedFactor
from sparsela.lowrank._small import border, change, leading

AUTO_RANK_TOL = 32  # units of rounding
DRIFT = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}  # defect that is repaired
BROKEN = 1e-3  # defect from which the carried Gram matrix is not believed


@dataclass(frozen=True)
class Scheme:
    """How new directions are found and how many components stay."""

    n_components: int
    augmentation: str = "full"
    n_augment: int = 10
    n_power_iter: int = 3
    rank_tol: float | str = "auto"

    def directions(self, S, P, dtype, rng):
        tol = AUTO_RANK_TOL * np.finfo(dtype).eps if self.rank_tol == "auto" else self.rank_tol
        return directions(Residual(S, P, tol), self.augmentation, self.n_augment, self.n_power_iter, rng)


class ImplicitSVD:
    """Both factors extended: an update costs what arrives (Deng et al., with spare columns and repair)."""

    def __init__(self, U, s, V, scheme: Scheme, spare: int, max_condition: float):
        width = scheme.n_components + spare
        self.scheme = scheme
        self.s = s.astype(np.float64)
        self.left = ExtendedFactor(U, width, max_condition)
        self.right = ExtendedFactor(V, width, max_condition)
        self.defect = self._measured()
        self._keep_orthonormal()

    def add_rows(self, E, rng) -> None:
        self._border(E, rng, self.right, self.left)

    def add_columns(self, E, rng) -> None:
        """Columns, given as rows E: the factors change places."""
        self._border(E, rng, self.left, self.right)

    def _border(self, E, rng, along: ExtendedFactor, across: ExtendedFactor) -> None:
        k, S = len(self.s), E.gram()
        T = along.products(E)
        P = T @ along.inner
        Y, block = self.scheme.directions(S, P, along.dtype, rng)
        F, self.s, G = leading(border(self.s, P, block), self.scheme.n_components)
        Y = Y @ G[k:]
        along.scatter(G[:k] - P.T @ Y, Y, E, T, S)
        across.append(F[:k], F[k:])
        self._keep_orthonormal()

    def add_product(self, D, E, rng) -> float:
        """``A + D Eᵀ``, both given as rows (q, m) and (q, n); how much the squared norm of A grows."""
        k, s, sides = len(self.s), self.s, []
        for factor, rows in ((self.left, D), (self.right, E)):
            S, T = rows.gram(), factor.products(rows)
            P = T @ factor.inner
            sides.append((factor, rows, S, T, P, *self.scheme.directions(S, P, factor.dtype, rng)))
        M = change(self.s, *(part for side in sides for part in (side[4], side[6])))
        F, self.s, G = leading(M, self.scheme.n_components)
        gained = energy_gained(s, *(side[4] for side in sides), *(side[2] for side in sides))
        for (factor, rows, S, T, P, Y, _), turn in zip(sides, (F, G), strict=True):
            added = Y @ turn[k:]
            factor.scatter(turn[:k] - P.T @ added, added, rows, T, S)
        self._keep_orthonormal()
        return gained

    def compact(self) -> None:
        self.left.fold()
        self.right.fold()
        self._keep_orthonormal()

    @property
    def n_folds(self) -> tuple[int, int]:
        return self.left.n_folds, self.right.n_folds

    def project(self, X) -> np.ndarray:
        """``X V``."""
        return self.right.products(X) @ self.right.inner

    def _measured(self) -> float:
        return max(float(np.abs(factor.gram() - np.eye(factor.rank)).max()) for factor in (self.left, self.right))

    def _keep_orthonormal(self) -> None:
        self.defect = self._measured()
        if self.defect <= DRIFT[self.right.dtype]:
            return
        try:
            if not self.defect <= BROKEN:
                raise LinAlgError
            self._repair(*(cholesky(f.gram(), lower=True, check_finite=False) for f in (self.left, self.right)))
        except LinAlgError:
            Ru, Rv = self.left.orthonormalize(), self.right.orthonormalize()
            P, self.s, Qt = svd((Ru * self.s) @ Rv.T, check_finite=False)
            self.left.turn(P)
            self.right.turn(Qt.T)
        self.defect = self._measured()

    def _repair(self, Lu, Lv) -> None:
        """Divide the factors by their Cholesky factors: the product stays, the columns are orthonormal again."""
        P, self.s, Qt = svd(Lu.T @ (self.s[:, None] * Lv), check_finite=False)
        signs = np.where(P.diagonal() < 0, -1.0, 1.0)
        self.left.turn(solve_triangular(Lu, P * signs, trans="T", lower=True, check_finite=False))
        self.right.turn(solve_triangular(Lv, Qt.T * signs, trans="T", lower=True, check_finite=False))


class ExplicitFactor:
    """A tall matrix that grows, with the face of an ExtendedFactor."""

    def __init__(self, matrix: np.ndarray):
        self.matrix = matrix

    @property
    def size(self) -> int:
        return len(self.matrix)

    @property
    def dtype(self):
        return self.matrix.dtype

    def rows(self, which=slice(None)) -> np.ndarray:
        return self.matrix[which].copy()

    def extend(self, count: int) -> None:
        self.matrix = np.vstack([self.matrix, np.zeros((count, self.matrix.shape[1]), self.dtype)])

    def expand(self, start: int, U: np.ndarray) -> None:
        self.matrix = np.vstack([self.matrix[:start], U @ self.matrix[start:]])


class ExplicitSVD:
    """Both factors written out at each update: Zha and Simon, and Vecharynski and Saad with Golub–Kahan directions."""

    def __init__(self, U, s, V, scheme: Scheme, basis=None):
        self.scheme = scheme
        self.left, self.right = ExplicitFactor(U), ExplicitFactor(V)
        self.s = s.astype(np.float64)
        self.n_folds = (0, 0)
        self._basis = dense_basis if basis is None else basis

    def add_rows(self, E, rng) -> None:
        self._border(E, rng, self.right, self.left)

    def add_columns(self, E, rng) -> None:
        self._border(E, rng, self.left, self.right)

    def _border(self, E, rng, along, across) -> None:
        k = len(self.s)
        P, Q, block = self._basis(along.matrix, E, self.scheme, rng)
        F, self.s, G = leading(border(self.s, P, block), self.scheme.n_components)
        F, G = F.astype(across.dtype), G.astype(along.dtype)
        along.matrix = along.matrix @ G[:k] + Q @ G[k:]
        across.matrix = np.vstack([across.matrix @ F[:k], F[k:]])

    def add_product(self, D, E, rng) -> float:
        k, s = len(self.s), self.s
        P_left, Q_left, block_left = self._basis(self.left.matrix, D, self.scheme, rng)
        P_right, Q_right, block_right = self._basis(self.right.matrix, E, self.scheme, rng)
        M = change(self.s, P_left, block_left, P_right, block_right)
        F, self.s, G = leading(M, self.scheme.n_components)
        F, G = F.astype(self.left.dtype), G.astype(self.right.dtype)
        self.left.matrix = self.left.matrix @ F[:k] + Q_left @ F[k:]
        self.right.matrix = self.right.matrix @ G[:k] + Q_right @ G[k:]
        return energy_gained(s, P_left, P_right, D.gram(), E.gram())

    def compact(self) -> None:
        """They are written out already."""

    @property
    def defect(self) -> float:
        return max(
            float(np.abs(f.matrix.T @ f.matrix - np.eye(f.matrix.shape[1])).max()) for f in (self.left, self.right)
        )

    def project(self, X) -> np.ndarray:
        return X.matrix @ self.right.matrix


def energy_gained(s, P_left, P_right, S_left, S_right) -> float:
    """``‖A + D Eᵀ‖² − ‖A‖²`` of a model A with singular values s, from coordinates and Gram matrices of D and E."""
    inner = S_left.multiply(S_right) if hasattr(S_left, "multiply") else S_left * np.asarray(_dense(S_right))
    return 2 * float(np.sum(P_left * s * P_right)) + float(inner.sum())


def _dense(S):
    return S.toarray() if hasattr(S, "toarray") else S


def dense_basis(V: np.ndarray, E, scheme: Scheme, rng):
    """P (s, k), orthonormal Q (n, r) and Xᵀ Q (s, r) of ``X = (I − V Vᵀ) Eᵀ``, written out: O(n k s)."""
    P = E.matrix @ V
    X = -(V @ P.T)
    X += E.matrix.T.toarray() if hasattr(E.matrix, "toarray") else E.matrix.T
    correction = V.T @ X  # once more, for rows that are nearly inside
    X -= V @ correction
    P = P + correction.T
    scale = np.sqrt(squares(E.values, "the batch", beside=1))
    if scheme.augmentation == "gkl":
        return P, *_dense_golub_kahan(X, scheme.n_augment, scale, rng)
    Q, R, order = qr(X, mode="economic", pivoting=True, check_finite=False)
    kept = int((np.abs(np.diagonal(R)) > 4 * np.finfo(V.dtype).eps * scale).sum())
    block = np.empty((X.shape[1], kept))
    block[order] = R[:kept].T
    return P, Q[:, :kept], block


def coordinate_basis(V: np.ndarray, E, scheme: Scheme, rng):
    """The same by inner products alone (:mod:`sparsela.lowrank._augment`), written out at the end."""
    P = np.asarray(E.matrix @ V, np.float64)
    Y, block = scheme.directions(E.gram(), P, V.dtype, rng)
    Q = E.transposed_times(Y) - V @ (P.T @ Y)
    return P, Q.astype(V.dtype, copy=False), block


def _dense_golub_kahan(X, n_augment, scale, rng):
    """Q (n, l) and Xᵀ Q of Golub–Kahan bidiagonalization from a random start, both bases reorthogonalized."""
    (n, s), eps = X.shape, 4 * np.finfo(X.dtype).eps
    l = min(n_augment, s, n)
    Q, images, p = np.zeros((n, l), X.dtype), np.zeros((s, l), X.dtype), rng.standard_normal(s).astype(X.dtype)
    starts = np.zeros((s, l), X.dtype)
    for i in range(l):
        for _ in range(2):
            p -= starts[:, :i] @ (starts[:, :i].T @ p)
        length = np.linalg.norm(p)
        if i and length <= eps * scale:
            return Q[:, :i], images[:, :i]
        starts[:, i] = p / length
        q = X @ starts[:, i]
        for _ in range(2):
            q -= Q[:, :i] @ (Q[:, :i].T @ q)
        alpha = np.linalg.norm(q)
        if alpha <= eps * scale:
            return Q[:, :i], images[:, :i]
        Q[:, i] = q / alpha
        p = images[:, i] = X.T @ Q[:, i]
        p = p.copy()
    return Q, images
