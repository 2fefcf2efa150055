"""What sparse autoencoders share: selection of a code, and losses of codes that are read in a nested order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsela._core.projections import top_k
from sparsela._core.sparse_backend import sddmm, spmm, spmm_t

UNITS = 512  # of the encoder, in one product: fixed, so that bits do not depend on threads
STRIP = 64  # features that the nested loss holds at a time


class Code(NamedTuple):
    """Rows of a sparse code: entries ``indptr[s] .. indptr[s + 1]`` belong to sample s."""

    indptr: np.ndarray
    units: np.ndarray
    values: np.ndarray

    def matrix(self, n_units: int, values: np.ndarray | None = None) -> sp.csr_array:
        """The code, or other values on its support, as CSR; indices ascend only if units do."""
        shape = (len(self.indptr) - 1, n_units)
        return sp.csr_array((self.values if values is None else values, self.units, self.indptr), shape=shape)


class Parameters(NamedTuple):
    """Of an autoencoder ``z = E (x − b) + e``, ``x̂ = b + Σ a_i D_i``; or, as a second set, the gradients."""

    encoder: np.ndarray  # E (H, d)
    offset: np.ndarray  # e (H,)
    decoder: np.ndarray  # D (H, d); E itself when they are tied
    mean: np.ndarray  # b (d,)


class Workers:
    """Runs independent pieces of a step side by side; what a piece computes does not depend on how many do."""

    def __init__(self, n_threads: int):
        self._pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    def map(self, work: Callable[[int], Any], starts: range) -> list:
        return list(map(work, starts) if self._pool is None else self._pool.map(work, starts))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._pool is not None:
            self._pool.shutdown()


def encode(parameters: Parameters, X: np.ndarray, workers: Workers) -> tuple[np.ndarray, np.ndarray]:
    """``X − b`` and the pre-activations ``z`` of all units, (n, H)."""
    E, offset, _, mean = parameters
    centred = X - mean
    Z = np.empty((len(X), len(E)), X.dtype)

    def block(first):
        units = slice(first, first + UNITS)
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            np.matmul(centred, E[units].T, out=Z[:, units])
            Z[:, units] += offset[units]

    workers.map(block, range(0, len(E), UNITS))
    if not (np.isfinite(Z.max()) and np.isfinite(Z.min())):
        raise ValueError("responses of hidden units are not finite: learning_rate_init, or the scale of X, is too high")
    return centred, Z


def largest_of_each(Z: np.ndarray, k: int, nonneg: bool) -> Code:
    """The k largest of each row by value, ties to the lower unit, units ascending; negative ones are 0 if `nonneg`."""
    units = top_k(np.maximum(Z, 0), k)  # positive ones are largest in magnitude there
    if not nonneg:
        short = np.flatnonzero(np.take_along_axis(Z, units, 1).min(axis=1) <= 0)
        if len(short):  # fewer than k positive ones: the least magnitudes of the others
            units[short] = _with_negative_ones(Z[short], k)
    values = np.take_along_axis(Z, units, 1)
    if nonneg:
        np.maximum(values, 0, out=values)
    indptr = np.arange(0, units.size + 1, k, dtype=np.int32)
    return Code(indptr, units.astype(np.int32).ravel(), values.ravel())


def _with_negative_ones(Z: np.ndarray, k: int) -> np.ndarray:
    least = np.partition(Z, Z.shape[1] - k, axis=1)[:, -k, None]
    more, tied = least < Z, least == Z
    kept = more | (tied & (tied.cumsum(axis=1) <= k - more.sum(axis=1, keepdims=True)))
    return np.nonzero(kept)[1].reshape(-1, k)


def largest_of_batch(Z: np.ndarray, n: int) -> Code:
    """The n largest positive entries of the whole batch, ties to the earlier row, then to the lower unit."""
    places = top_k(np.maximum(Z, 0).ravel(), min(n, Z.size))
    values = Z.ravel()[places]
    places, values = places[values > 0], values[values > 0]
    rows, units = np.divmod(places, Z.shape[1])
    indptr = np.searchsorted(rows, np.arange(len(Z) + 1)).astype(np.int32)
    return Code(indptr, units.astype(np.int32), values)


def above(Z: np.ndarray, threshold: float) -> Code:
    """The entries above a threshold that is not negative."""
    rows, units = np.nonzero(threshold < Z)
    indptr = np.searchsorted(rows, np.arange(len(Z) + 1)).astype(np.int32)
    return Code(indptr, units.astype(np.int32), Z[rows, units])


def loss_and_gradients(
    parameters: Parameters,
    centred: np.ndarray,
    code: Code,
    omega: np.ndarray | None,
    gradients: Parameters,
    workers: Workers,
    *,
    nonneg: bool,
    backend: str = "auto",
) -> float:
    """The loss over a batch and its gradients, into `gradients`; the selection of the code is held fixed.

    Without `omega` the loss is ``Σ_s ‖x_s − x̂_s‖² / n``; with it, the weighted sum over all readings of a code, as in
    ``_ext.nested_loops``. Tied weights: ``gradients.decoder`` is ``gradients.encoder``, which holds the sum of both.
    """
    E, _, D, _ = parameters
    n, H = len(centred), len(D)
    dtype = D.dtype.type
    if omega is None:
        A = code.matrix(H)
        residual = spmm(A, D, backend=backend)
        residual -= centred
        loss = float(np.vdot(residual, residual)) / n
        residual *= dtype(2 / n)
        by_value = sddmm(A, residual, D, backend=backend)
        spmm_t(A, residual, out=gradients.decoder, backend=backend)
        by_start = residual.sum(axis=0)
    else:
        loss, by_value, by_start = _nested(code, omega * dtype(1 / n), -centred, D, gradients.decoder, workers)
    if nonneg:
        by_value[code.values <= 0] = 0
    order = _ascending(code, H)
    slopes = Code(code.indptr, code.units[order], by_value[order]).matrix(H)
    if E is D:
        gradients.encoder[...] += spmm_t(slopes, centred, backend=backend)
    else:
        spmm_t(slopes, centred, out=gradients.encoder, backend=backend)
    gradients.offset[...] = np.bincount(code.units, by_value, H)
    gradients.mean[...] = by_start - gradients.offset @ E
    return loss


def _nested(code, omega, start, D, grad_D, workers):
    from sparsela._ext.nested_loops import nested_strip  # Numba: not at import

    grad_D[...] = 0
    by_start = np.empty(D.shape[1], D.dtype)

    def strip(low):
        high = min(low + STRIP, D.shape[1])
        by_value, total = np.empty_like(code.values), np.empty(high - low, D.dtype)
        loss = nested_strip(*code, omega, start, D, low, high, by_value, grad_D, total)
        by_start[low:high] = total
        return loss, by_value

    losses, parts = zip(*workers.map(strip, range(0, D.shape[1], STRIP)), strict=True)
    by_value = np.sum(parts, axis=0)
    for grad in (by_value, grad_D, by_start):
        grad *= 2
    return float(sum(losses)), by_value, by_start


def _ascending(code: Code, n_units: int) -> np.ndarray | slice:
    """The order of entries in which units ascend within each sample."""
    steps = np.diff(code.units) > 0
    starts = code.indptr[1:-1]
    steps[starts[(starts > 0) & (starts <= len(steps))] - 1] = True
    if steps.all():
        return slice(None)
    sample = np.repeat(np.arange(len(code.indptr) - 1), np.diff(code.indptr))
    return np.argsort(sample * n_units + code.units)


def by_value(code: Code, k: int) -> Code:
    """A code of k entries a sample, read from its largest value to its least, ties to the lower unit."""
    values, units = code.values.reshape(-1, k), code.units.reshape(-1, k)
    order = np.argsort(-values, axis=1, kind="stable")
    units, values = (np.take_along_axis(part, order, 1).ravel() for part in (units, values))
    return Code(code.indptr, units, values)


def budget_weights(n_samples: int, k: int, budgets: np.ndarray, dtype) -> np.ndarray:
    """Equal weight of the readings after budgets[0], budgets[1], … of the k entries of each sample."""
    row = np.zeros(k + 1, dtype)
    row[budgets] = 1 / len(budgets)
    return np.tile(row, n_samples)


def prefix_weights(code: Code, prefixes: np.ndarray, weights: np.ndarray, n_units: int, dtype) -> np.ndarray:
    """Weight t of the reading of the units below prefixes[t], whose number differs from sample to sample."""
    n_samples = len(code.indptr) - 1
    first = np.arange(n_samples)[:, None] * np.int64(n_units)
    place = np.repeat(first[:, 0], np.diff(code.indptr)) + code.units
    before = np.searchsorted(place, first + prefixes)  # entries up to there, of this sample and of those before it
    where = before + np.arange(n_samples)[:, None]
    return np.bincount(where.ravel(), np.tile(weights, n_samples), len(place) + n_samples).astype(dtype)
