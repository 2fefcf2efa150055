"""The metric in which errors of a weight matrix are weighed: the second moments of the activations it acts on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, eigh
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from sparsela._core.validation import check_indices, check_matrix, check_symmetric

ROWS = 4096  # activations turned to float64 at a time


class Metric(NamedTuple):
    """What the activations say about errors: ‖H E‖² / N = ⟨E, gram E⟩ ≈ ‖R E‖²."""

    gram: np.ndarray  # as it is, scaled to mean diagonal 1
    R: np.ndarray  # upper Cholesky factor of the damped Gram matrix
    condition_number: float

    @property
    def is_identity(self) -> bool:
        """Up to scale."""
        return not np.any(np.triu(self.R, 1)) and np.ptp(np.diag(self.R)) == 0

    def norm(self, E: np.ndarray) -> float:
        """‖H E‖ up to the scale of H."""
        return float(np.sqrt(max(0.0, np.vdot(E, self.gram @ E))))


def metric_of(activations, gram, d1: int, damping: float, grouped: bool) -> Metric:
    """The damped Gram matrix of the activations and its Cholesky factor."""
    if (activations is None) == (gram is None):
        raise ValueError("give activations or gram, and not both")
    if gram is None:
        if grouped and isinstance(activations, (list, tuple)):
            raise ValueError(
                "matrices that share a dictionary must act on the same activations: give one array or an iterator of "
                "blocks, not a list"
            )
        gram = gram_of(activations, d1)
    else:
        gram = check_symmetric(check_matrix(gram, "gram", n_rows=d1, n_columns=d1), "gram").astype(np.float64)
    mean = np.trace(gram) / d1
    if not mean > 0:
        raise ValueError("the activations are zero, or the trace of gram is not positive; they say nothing about W")
    gram = gram / mean
    spectrum = eigh(gram, eigvals_only=True)
    if spectrum[0] < -1e-8 * spectrum[-1]:
        raise ValueError(f"gram must be positive semidefinite, but its smallest eigenvalue is {mean * spectrum[0]:.3g}")
    lowest, highest = spectrum[[0, -1]] + damping
    noise = d1 * np.finfo(np.float64).eps * highest
    if lowest <= noise:
        raise ValueError(
            f"the activations take {np.count_nonzero(spectrum > noise)} of {d1} directions, and damping={damping} does "
            "not make up for it: their Gram matrix is singular; give more damping"
        )
    R = cholesky((gram + damping * np.eye(d1)) / (1 + damping))
    return Metric(gram, R, float(np.sqrt(highest / lowest)))


def gram_of(activations, d1: int) -> np.ndarray:
    """HᵀH in float64, from an array or block by block."""
    gram, n_samples = np.zeros((d1, d1)), 0
    for H in blocks_of(activations):
        if H.shape[1] != d1:
            raise ValueError(f"activations must have as many columns as W has rows, {d1}, got {H.shape[1]}")
        n_samples += H.shape[0]
        for start in range(0, H.shape[0], ROWS):
            rows = H[start : start + ROWS].astype(np.float64)
            gram += (rows.T @ rows).toarray() if issparse(rows) else rows.T @ rows
    if n_samples == 0:
        raise ValueError("activations has no block")
    return gram


def blocks_of(activations) -> Iterator:
    """The checked blocks of activations: a matrix is one; a list of matrices, or an iterator, holds many."""
    if isinstance(activations, (list, tuple)):
        many = len(activations) > 0 and len(np.shape(activations[0])) == 2
    else:
        many = not hasattr(activations, "shape") and isinstance(activations, Iterable)
    for H in activations if many else [activations]:
        check_indices(H, "activations")
        yield check_array(H, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="activations")
