"""A tall factor with orthonormal columns, stored as a product whose update does not touch all of it.

U = B K: a table B (size, used) and a small inner matrix K (used, k). Turning all columns changes K alone; new rows and
sparse changes are written to the rows of B that they concern, divided by K. Where K cannot be divided by, because a new
direction takes the place of an old one, the direction goes to a spare column of B instead. The Gram matrix BᵀB is
carried along, so that a loss of orthogonality is seen, and repaired in K.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack, qr, svd

from sparsela.lowrank._batches import NARROW

ROWS = 8192  # that are rewritten at a time
GROWTH = 1.5


class ExtendedFactor:
    """B K with BᵀB.

    Parameters
    ----------
    explicit : ndarray of shape (size, k)
        Orthonormal columns to start from.
    width : int
        Columns that B has room for, at least the largest k that is to come.
    max_condition : float
        1 / max_condition is the smallest singular value of K that is divided by. K starts as the identity and only
        shrinks, so that the bound is absolute.

    Attributes
    ----------
    size : int
        Rows.
    inner : ndarray of shape (used, k)
        K.
    n_folds : int
        How many times B was rewritten.
    """

    def __init__(self, explicit: np.ndarray, width: int, max_condition: float):
        self.size, k = explicit.shape
        self.width, self.used = max(width, k), k
        self._floor = 1 / max_condition
        self._table = _zeros((int(GROWTH * self.size), max(self.width, NARROW)), explicit.dtype)
        self._table[: self.size, :k] = explicit
        self.inner = np.eye(k)
        self.n_folds = 0
        self._measure()

    @property
    def rank(self) -> int:
        return self.inner.shape[1]

    @property
    def dtype(self):
        return self._table.dtype

    def gram(self) -> np.ndarray:
        """``UᵀU`` from what is carried along."""
        return self.inner.T @ self._gram @ self.inner

    def products(self, batch) -> np.ndarray:
        """T = E B (s, used); ``T @ inner`` are the products with the factor itself."""
        return batch.times(self._table, self.used)

    def rows(self, which=slice(None)) -> np.ndarray:
        """Rows of U."""
        return self._table[: self.size][which][..., : self.used] @ self.inner.astype(self.dtype)

    def reserve(self, size: int) -> None:
        """Room for so many rows. Capacity grows by half at a time, so that a row costs O(width) in the long run."""
        if size > len(self._table):
            larger = _zeros((max(size, int(GROWTH * len(self._table)) + 1), self._table.shape[1]), self.dtype)
            larger[: self.size] = self._table[: self.size]
            self._table = larger

    def extend(self, count: int) -> None:
        """Zero rows at the end."""
        self.reserve(self.size + count)
        self.size += count

    def append(self, C: np.ndarray, Y: np.ndarray) -> None:
        """``U ← [U C; Y]``: turn the columns by C (k, k'), new rows Y (s, k')."""
        Z = self._divide(C, Y, None)[0]
        start = self.size
        self.extend(len(Y))
        self._table[start : self.size, : Z.shape[1]] = Z
        self._gram += Z.T @ Z

    def expand(self, start: int, U: np.ndarray) -> None:
        """The rows from `start` on become U times them, for a U with orthonormal columns: BᵀB stays as it is."""
        rows = U @ self._table[start : self.size, : self.used]
        self.extend(start + len(U) - self.size)
        self._table[start : self.size, : self.used] = rows

    def scatter(self, C: np.ndarray, Y: np.ndarray, batch, T: np.ndarray, S) -> None:
        """``U ← U C + Eᵀ Y``, given T = E B and S = E Eᵀ."""
        Z, T = self._divide(C, Y, T)
        batch.add_to(self._table, Z)
        cross = T.T @ Z
        self._gram += cross + cross.T + Z.T @ (S @ Z)

    def turn(self, C: np.ndarray) -> None:
        """``U ← U C`` for a C (k, k) that keeps the columns orthonormal."""
        self.inner = self.inner @ C

    def fold(self) -> None:
        """``B ← B K, K ← I``: O(size · used · k). All spare columns are free again."""
        self._rewrite(self.inner)
        self.inner = np.eye(self.rank)

    def orthonormalize(self) -> np.ndarray:
        """Fold, and replace B by its Q factor; returns R, by which the factor was divided."""
        self.fold()
        Q, R = qr(self._table[: self.size, : self.rank].astype(np.float64), mode="economic", check_finite=False)
        self._table[: self.size, : self.rank] = Q
        self._measure()
        return R

    def __getstate__(self):
        # capacity is not part of the value, and spare columns are zero
        return {**vars(self), "_table": self._table[: self.size, : self.used].copy()}

    def __setstate__(self, state):
        vars(self).update(state)
        table, self._table = self._table, _zeros((int(GROWTH * self.size), max(self.width, NARROW)), self.dtype)
        self._table[: self.size, : self.used] = table

    def _divide(self, C, Y, T):
        """Set K to K C, and to what it needs to reach Y: Z (s, used) with ``Z K = Y``. T follows a fold."""
        N = self.inner @ C
        Z, N_new = self._spread(N, Y)
        if Z is None:  # no spare column is free: make them free
            again, C_new = self._spread(C, Y, used=self.rank)
            if again is not None:
                T = None if T is None else T @ self.inner
                self.fold()
                Z, N_new = again, C_new
            else:  # there are too few of them: write the new columns out
                self._rewrite(N)
                T = None if T is None else T @ N
                Z, N_new = Y, np.eye(C.shape[1])
        self.inner = N_new
        grown = len(N_new) - self.used
        if grown:  # spare columns are zero
            self.used += grown
            self._gram = np.pad(self._gram, (0, grown))
            T = None if T is None else np.pad(T, ((0, 0), (0, grown)))
        return Z, T

    def _spread(self, N, Y, used=None):
        """Z and N, with rows added for the spare columns taken, such that ``Z N = Y``; None where too few are free."""
        used = self.used if used is None else used
        if N.shape[0] >= N.shape[1]:
            Q, R = qr(N, mode="economic", check_finite=False)
            inverse, singular = lapack.dtrtri(R)
            if not singular and np.linalg.norm(inverse) * self._floor <= 1:  # at most √k above the spectral norm
                return (Y @ inverse) @ Q.T, N
        left, values, right = svd(N, full_matrices=N.shape[0] < N.shape[1], check_finite=False)
        good = int((values >= self._floor).sum())
        if len(right) - good > self.width - used:
            return None, None
        Z = (Y @ right[:good].T / values[:good]) @ left[:, :good].T
        return np.hstack([Z, Y @ right[good:].T]), np.vstack([N, right[good:]])

    def _rewrite(self, N) -> None:
        """``B ← B N`` into the first columns, the others to zero."""
        N, k = N.astype(self.dtype), N.shape[1]
        for start in range(0, self.size, ROWS):
            block = self._table[start : min(start + ROWS, self.size)]
            block[:, :k] = block[:, : self.used] @ N
            block[:, k : self.used] = 0
        self.used = k
        self.n_folds += 1
        self._measure()

    def _measure(self) -> None:
        self._gram = np.zeros((self.used, self.used))
        for start in range(0, self.size, ROWS):
            block = self._table[start : min(start + ROWS, self.size), : self.used].astype(np.float64, copy=False)
            self._gram += block.T @ block


def _zeros(shape, dtype):
    """Zeros that begin on a cache line; the system gives pages as they are written, so that room to grow is free."""
    itemsize = np.dtype(dtype).itemsize
    room = np.zeros(shape[0] * shape[1] + 64 // itemsize, dtype)
    start = -room.ctypes.data % 64 // itemsize
    return room[start : start + shape[0] * shape[1]].reshape(shape)
