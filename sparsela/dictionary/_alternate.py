"""Alternate between coding and a dictionary update: the loop that K-SVD and MOD share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from sparsela._core.progress import iterate
from sparsela._core.threads import one_blas_thread
from sparsela.coding._inputs import Atoms, pad_gram, row_norms
from sparsela.coding._omp import pursue
from sparsela.dictionary._start import ZERO_ROW
from sparsela.dictionary._users import Users, merge_rows, users_of


@dataclass
class Fit:
    """What a learner has at a moment: atoms D, codes C, their users, residual R = X - C D, atoms nobody uses."""

    X: np.ndarray
    D: np.ndarray
    codes: csr_array
    users: Users
    R: np.ndarray
    unused: np.ndarray

    def error(self) -> float:
        """Root mean square of the residual."""
        return float(np.sqrt(np.vdot(self.R, self.R) / self.R.size))


@dataclass(frozen=True)
class Cleaning:
    """Which atoms give their place to the worst-represented signals."""

    replace_unused: str = "worst"
    max_coherence: float = 0.99
    min_usage: int = 4


def alternate(
    X: np.ndarray,
    D: np.ndarray,
    update: Callable[[Fit], None],
    *,
    name: str,
    k: np.ndarray,
    tol: np.ndarray | None,
    max_iter: int,
    keep_better_codes: bool,
    cleaning: Cleaning,
    stop_tol: float,
    n_threads: int,
    verbose: int,
    callback: Callable | None,
    codes: csr_array | None = None,
) -> tuple[Fit, list[float], int]:
    """Code, update the atoms, replace the useless ones; until the error stands still. Returns (fit, errors, n_iter).

    With `codes` to start from, the first coding too keeps them where they are better.
    """
    errors: list[float] = []
    course: list[float] = []  # what falls: the error, or, where the error is given, the number of atoms that it takes
    with one_blas_thread():  # also in the products of the update: the same bits for any number of threads
        fit = None if codes is None else fit_of(X, D, codes)
        for state in iterate(max_iter, name, verbose=verbose, callback=callback):
            codes = code(X, D, k, tol, n_threads, fit if keep_better_codes else None)
            fit = fit_of(X, D, codes)
            update(fit)
            D = fit.D
            errors.append(fit.error())
            course.append(errors[-1] if tol is None else codes.nnz)
            state.record(error=errors[-1], n_nonzero=codes.nnz / X.shape[0], components=D)
            if state.stop or state.n_iter == max_iter or stands_still(course, stop_tol):
                break
            clean(fit, cleaning)
    return fit, errors, state.n_iter


def fit_of(X: np.ndarray, D: np.ndarray, codes: csr_array) -> Fit:
    """What follows from atoms and codes."""
    return Fit(X, D, codes, users_of(codes), X - codes @ D, np.zeros(D.shape[0], np.uint8))


def code(X, D, k, tol, n_threads: int, last: Fit | None) -> csr_array:
    """Batch-OMP codes; a signal that had a better code under these atoms keeps it (greedy coding is not monotone)."""
    codes, energy = pursue(X, Atoms(D, pad_gram(D), None), k, tol, n_threads=n_threads, return_residual=True)
    if last is None:
        return codes
    worse = energy > np.einsum("ij,ij->i", last.R, last.R, dtype=np.float64)
    return merge_rows(codes, last.codes, worse) if worse.any() else codes


def stands_still(course: list[float], stop_tol: float) -> bool:
    """Has it fallen by less than this share over three iterations? Never at ``stop_tol=0``, unless it is zero."""
    if course[-1] == 0:
        return True
    return stop_tol > 0 and len(course) > 3 and course[-4] - course[-1] < stop_tol * course[-4]


def clean(fit: Fit, rule: Cleaning) -> None:
    """Replace atoms that are unused, hardly used or doubles by the worst-represented signals, in place."""
    if rule.replace_unused == "none":
        return
    useless = (fit.unused != 0) | (fit.users.counts() < rule.min_usage) | doubles(fit.D, rule.max_coherence)
    useless = np.flatnonzero(useless)
    energy = np.einsum("ij,ij->i", fit.R, fit.R)
    n = min(useless.size, energy.size)
    if n == 0:
        return
    worst = np.argpartition(energy, energy.size - n)[energy.size - n :]
    worst = worst[np.lexsort((worst, -energy[worst]))]
    norms = row_norms(fit.X[worst])
    for j, i, norm in zip(useless, worst, norms, strict=False):
        if norm <= ZERO_ROW:
            continue
        rows, pos = fit.users.of(j)  # what the old atom did is undone
        fit.R[rows] += fit.codes.data[pos, None] * fit.D[j]
        fit.codes.data[pos] = 0
        fit.D[j] = fit.X[i] / norm


def doubles(D: np.ndarray, max_coherence: float) -> np.ndarray:
    """Atoms with a larger cosine than this with an atom of lower index."""
    if max_coherence >= 1:
        return np.zeros(D.shape[0], bool)
    return (np.abs(np.tril(D @ D.T, -1)) > max_coherence).any(axis=1)
