"""A mini-batch of online learning: in memory, or in blocks on many machines, coded there and summed in a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.utils.validation import check_array

from sparsela._core.row_blocks import RowBlocks, in_tree, starts_of
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.coding._inputs import row_norms
from sparsela.dictionary._start import ZERO_ROW, fill, initial_atoms, normalise
from sparsela.dictionary._users import add_normal_equations


@dataclass
class Batch:
    """A mini-batch in memory, and its codes."""

    X: np.ndarray
    codes: csr_array
    n_threads: int

    @property
    def size(self) -> int:
        return len(self.X)

    @property
    def nnz(self) -> int:
        return self.codes.nnz

    def add_to(self, A: np.ndarray, B: np.ndarray) -> None:
        """The means of c cᵀ and of c xᵀ."""
        add_normal_equations(A, B, self.X, self.codes, 1 / self.size, self.n_threads)

    def signals(self, count: int, rng: np.random.RandomState) -> np.ndarray:
        """So many signals at random, none zero."""
        usable = np.flatnonzero(row_norms(self.X) > ZERO_ROW)
        return self.X[usable[rng.randint(usable.size, size=count)]]


class Sums(NamedTuple):
    """What blocks leave behind: Σ c cᵀ, Σ c xᵀ, their objectives, and of each block how many signals are not zero."""

    A: np.ndarray
    B: np.ndarray
    objective: float
    size: int
    nnz: int
    usable: tuple[int, ...]


class ScatteredSignals:
    """Signals of a Dask collection, for a learner.

    What goes to a worker is the learner without its atoms, once, and the atoms; what comes back are sums.
    """

    def __init__(self, X: Any, learner: Any, first: bool):
        self.blocks = RowBlocks(X, "X")
        self._learner = clone(learner).set_params(dict_init="data", random_state=None, verbose=0)
        if first:
            learner.n_features_in_, self.dtype = self._look()
            learner._n_components = learner.n_components or learner.n_features_in_
        self._learner.n_features_in_ = learner.n_features_in_

    def _look(self) -> tuple[int, np.dtype]:
        """Width and type, after a pass that counts the signals that are not zero."""
        import dask

        looks = dask.compute(*self.blocks.map(_looked))
        widths = sorted({width for _, width, _ in looks})
        if len(widths) > 1:
            raise ValueError(f"blocks of X must have one number of features, got {widths}")
        self._usable = starts_of([usable for usable, _, _ in looks])
        if self._usable[-1] == 0:
            raise ValueError("X is zero; there is nothing to learn from")
        return widths[0], np.result_type(*(dtype for _, _, dtype in looks))

    def first_atoms(self, learner: Any, rng: np.random.RandomState) -> np.ndarray:
        """What the same signals in memory would start from."""
        dict_init, n_components = learner.dict_init, learner._n_components
        if not isinstance(dict_init, str):
            nothing = np.empty((0, self._learner.n_features_in_), self.dtype)
            return initial_atoms(nothing, n_components, dict_init, rng)
        if dict_init != "data":
            raise ValueError(
                f"dict_init must be 'data' or an array where the first batch is a Dask collection, got {dict_init!r}; "
                "or begin with a batch in memory"
            )
        n_usable = int(self._usable[-1])
        chosen = rng.choice(n_usable, min(n_usable, n_components), replace=False)
        rows = self.blocks.take(chosen, _usable_rows, self._usable).astype(self.dtype, copy=False)
        return fill(normalise(rows, row_norms(rows)), n_components, rng)

    def coded(self, D: np.ndarray) -> ScatteredBatch:
        """The batch under the atoms D: one pass over the blocks."""
        return ScatteredBatch(self.blocks, in_tree(self.blocks.map(_sums, self._learner, D), _added))


class ScatteredBatch:
    """Sums of a batch, and its blocks."""

    def __init__(self, blocks: RowBlocks, sums: Sums):
        if sums.size == 0:
            raise ValueError("X must have at least one signal, got none")
        self._blocks, self._sums = blocks, sums
        self.size, self.nnz, self.objective = sums.size, sums.nnz, sums.objective

    def add_to(self, A: np.ndarray, B: np.ndarray) -> None:
        """The means of c cᵀ and of c xᵀ."""
        A += self._sums.A / self.size
        B += self._sums.B / self.size

    def signals(self, count: int, rng: np.random.RandomState) -> np.ndarray:
        """So many signals at random, none zero."""
        starts = starts_of(self._sums.usable)
        return self._blocks.take(rng.randint(starts[-1], size=count), _usable_rows, starts)


def _looked(block: Any) -> tuple[int, int, np.dtype]:
    X = check_array(block, dtype=[np.float64, np.float32], ensure_min_samples=0, input_name="X")
    return int(np.count_nonzero(row_norms(X) > ZERO_ROW)), X.shape[1], X.dtype


def _usable_rows(block: Any, places: np.ndarray) -> np.ndarray:
    X = check_array(block, dtype=[np.float64, np.float32])
    return X[np.flatnonzero(row_norms(X) > ZERO_ROW)[places]]


def _sums(block: Any, learner: Any, D: np.ndarray) -> Sums:
    """The pass over one block, on the machine that has it."""
    K, m = D.shape
    A, B = np.zeros((K, K)), np.zeros((K, m))
    if len(block) == 0:
        return Sums(A, B, 0.0, 0, 0, (0,))
    X = np.ascontiguousarray(learner._validate(block))
    n_threads = effective_n_jobs(learner.n_jobs)
    with one_blas_thread():
        codes, objective = learner._coded(X, D.astype(X.dtype), n_threads)
        add_normal_equations(A, B, X, codes, 1.0, n_threads)
    usable = int(np.count_nonzero(row_norms(X) > ZERO_ROW))
    return Sums(A, B, float(objective.sum()), len(X), codes.nnz, (usable,))


def _added(parts: list[Sums]) -> Sums:
    """Sums of blocks that follow one another, in their order."""
    A, B = parts[0].A.copy(), parts[0].B.copy()  # what a worker holds may be asked for again
    for part in parts[1:]:
        A += part.A
        B += part.B
    return Sums(
        A,
        B,
        sum(part.objective for part in parts),
        sum(part.size for part in parts),
        sum(part.nnz for part in parts),
        tuple(count for part in parts for count in part.usable),
    )


def keep_of_past(t: int, size: int, forget: float) -> float:
    """The factor β on A and B before mini-batch t of `size` signals (JMLR 2010, section 3.4.2)."""
    theta = t * size if t < size else size**2 + t - size
    beta = (theta + 1 - size) / (theta + 1)
    return beta * (1 - 1 / t) ** forget if forget else beta
