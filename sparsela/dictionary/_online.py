"""Online dictionary learning: one mini-batch at a time, all of the past in two small matrices."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import progress_bar
from sparsela._core.random import random_stream
from sparsela._core.row_blocks import is_collection
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._ext import atoms as kernel
from sparsela.coding._encode import LASSO_SOLVERS
from sparsela.coding._inputs import Atoms, pad_gram, row_norms
from sparsela.coding._lasso import batch_lasso, minimise
from sparsela.coding._omp import VARIANTS, batch_omp, pursue, stopping_rule
from sparsela.dictionary._batch import Batch, ScatteredSignals, keep_of_past
from sparsela.dictionary._learner import DictionaryLearner
from sparsela.dictionary._start import ZERO_ROW, fill, initial_atoms

UNUSED = 1e-10  # an atom is unused whose energy A_jj is below this share of the largest


@dataclass
class Course:
    """The stream so far: A = Σ CᵀC and B = Σ CᵀX with the past faded, D in float64, t mini-batches."""

    D: np.ndarray
    A: np.ndarray
    B: np.ndarray
    rng: np.random.RandomState
    t: int = 0


class OnlineDictionaryLearning(DictionaryLearner):
    """Learn a dictionary from a stream of signals, mini-batch by mini-batch.

    Atoms learned from the activations of a neural network are the sparse features that mechanistic interpretability
    looks for; memory does not grow with the number of signals.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features.
    alpha : float, default=1.0
        The lasso's penalty, in the units of X (see :func:`sparsela.coding.batch_lasso`).
    fit_algorithm : {"lasso", "lasso_lars", "lasso_cd", "omp", "ormp"}, default="lasso"
        Coder while learning.
    n_nonzero_coefs : int, optional
        Atoms a signal, for "omp" and "ormp"; None: ``max(1, n_features // 10)``.
    max_iter : int, default=10
        Passes over the data in :meth:`fit`.
    batch_size : int, default=256
        Signals a mini-batch in :meth:`fit`; :meth:`partial_fit` takes batches of any size.
    shuffle : bool, default=True
        A new order of the signals in each pass.
    forget : float, default=0.0
        Exponent ρ ≥ 0: the past fades faster by ``(1 − 1/t)^ρ`` at mini-batch t.
    dict_init : {"data", "svd", "kmeans++"} or array of shape (n_components, n_features), default="data"
        Atoms to start from: distinct random samples, right singular vectors, k-means++ seeds, or these. A first batch
        of :meth:`partial_fit` that is too small is filled up with random unit vectors.
    positive_dict : bool, default=False
        Keep the atoms ≥ 0.
    positive_code : bool, default=False
        Keep the lasso codes ≥ 0, while learning and in :meth:`transform`.
    l1_ratio_dict : float in [0, 1], default=0.0
        r > 0 makes sparse atoms: each is projected onto the elastic-net ball ``r ‖d‖₁ + (1 − r) ‖d‖₂² ≤ 1`` before it
        gets unit norm. The larger r, the fewer entries are left.
    tol : float, default=1e-3
        Stop when a pass has moved the atoms by less than this share of their norm.
    max_no_improvement : int or None, default=10
        From the second pass on, stop after this many mini-batches without a better smoothed objective; None: never.
    transform_algorithm : str, default="omp"
        Coder of :meth:`transform`, by its name in :func:`sparsela.coding.sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        Atoms a signal in :meth:`transform`; with neither this nor `transform_alpha`: ``max(1, n_features // 10)``.
    transform_alpha : float, optional
        The lasso's penalty, or the bound on the squared residual norm, in :meth:`transform`.
    random_state : None, int, RandomState or Generator
        Seed of the start, of the order of the signals and of replacements.
    n_jobs : int, optional
        Threads; None is the library's setting. The atoms do not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Unit atoms, the entry of largest modulus positive.
    inner_stats_ : tuple of ndarray
        The matrices A (n_components, n_components) and B (n_components, n_features), float64.
    error_ : list of float
        Mean objective of the mini-batches of each pass, each taken before it changed the atoms: an estimate of the
        test error as it was. :meth:`partial_fit` appends one value a call.
    n_steps_ : int
        Mini-batches seen.
    n_iter_ : int
        Passes of :meth:`fit`.
    n_features_in_ : int
        Length of an atom.

    Notes
    -----
    Minimises the mean over the stream of ``½‖x − c D‖² + alpha ‖c‖₁`` over codes c and unit atoms D. Each mini-batch is
    coded under the present atoms, added to A and B, and the atoms move by one pass of block coordinate descent on the
    quadratic surrogate that A and B hold: ``d_j ← d_j + (B_j − A_j D) / A_jj``, then unit norm. Atoms that nobody uses
    become random signals of the batch. Cost a batch: its coding and O(n_components² · n_features). Memory:
    O(n_components² + n_components · n_features).

    References
    ----------
    J. Mairal, F. Bach, J. Ponce, G. Sapiro. Online Dictionary Learning for Sparse Coding. ICML 2009.

    J. Mairal, F. Bach, J. Ponce, G. Sapiro. Online Learning for Matrix Factorization and Sparse Coding. JMLR 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import OnlineDictionaryLearning
    >>> rng = np.random.default_rng(0)
    >>> D = rng.normal(size=(8, 6))
    >>> C = rng.normal(size=(500, 8)) * (rng.random((500, 8)) < 0.2)
    >>> model = OnlineDictionaryLearning(8, alpha=0.1, batch_size=50, random_state=0).fit(C @ D)
    >>> bool(model.error_[-1] < model.error_[0])
    True
    """

    _parameter_constraints: dict = {
        **DictionaryLearner._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_algorithm": [StrOptions({*LASSO_SOLVERS, *VARIANTS})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "forget": [Interval(Real, 0, None, closed="left")],
        "positive_dict": ["boolean"],
        "positive_code": ["boolean"],
        "l1_ratio_dict": [Interval(Real, 0, 1, closed="both")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_no_improvement": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        fit_algorithm="lasso",
        n_nonzero_coefs=None,
        max_iter=10,
        batch_size=256,
        shuffle=True,
        forget=0.0,
        dict_init="data",
        positive_dict=False,
        positive_code=False,
        l1_ratio_dict=0.0,
        tol=1e-3,
        max_no_improvement=10,
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        transform_alpha=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.fit_algorithm = fit_algorithm
        self.n_nonzero_coefs = n_nonzero_coefs
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.forget = forget
        self.dict_init = dict_init
        self.positive_dict = positive_dict
        self.positive_code = positive_code
        self.l1_ratio_dict = l1_ratio_dict
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the atoms by passes over signals.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, one a row; not changed. float32 is coded in float32 (A and B are float64 sums all the same).
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        OnlineDictionaryLearning
            Itself.
        """
        X = self._check(X)
        n_threads = effective_n_jobs(self.n_jobs)
        rng = random_stream(self.random_state)
        n = X.shape[0]
        n_batches = -(-n // self.batch_size)
        self.error_ = []
        with (
            one_blas_thread(),
            progress_bar(self.max_iter * n_batches, type(self).__name__, "batch", self.verbose) as bar,
        ):
            course = self._begin(initial_atoms(X, self._n_components, self.dict_init, rng), rng)
            watch = Improvement(min(1.0, self.batch_size / (n + 1)), self.max_no_improvement)
            for epoch in range(1, self.max_iter + 1):
                before, total = course.D.copy(), 0.0
                order = rng.permutation(n) if self.shuffle else None
                for start in range(0, n, self.batch_size):
                    rows = slice(start, start + self.batch_size)
                    batch = np.ascontiguousarray(X[rows] if order is None else X[order[rows]])
                    objective = self._step(course, batch, n_threads)
                    total += objective.sum()
                    bar.update(1)
                    if watch.stalls(objective.mean()) and epoch > 1:
                        break
                self.error_.append(total / min(start + self.batch_size, n))
                still = np.linalg.norm(course.D - before) <= self.tol * np.linalg.norm(before)
                if still or (watch.stalled and epoch > 1):
                    break
        self.n_iter_ = epoch
        return self._finish(course, X.dtype)

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def partial_fit(self, X, y=None):
        """Go on learning from one more mini-batch.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), or a Dask collection
            Signals; any number, one included. Of a Dask array, a bag of arrays or a list of delayed ones, all signals
            are one mini-batch: blocks are coded where they lie, and A and B are summed in a tree. The atoms are those
            of the same signals in memory, to rounding. As a first batch it needs `dict_init` "data" or an array.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        OnlineDictionaryLearning
            Itself.
        """
        first = not hasattr(self, "components_")
        scattered = is_collection(X)
        if scattered:
            X = ScatteredSignals(X, self, first)
        else:
            X = self._check(X) if first else self._validate(X)
        n_threads = effective_n_jobs(self.n_jobs)
        with one_blas_thread():
            if first:
                rng = random_stream(self.random_state)
                atoms = X.first_atoms(self, rng) if scattered else self._first_atoms(X, rng)
                course = self._begin(atoms, rng)
                self.error_ = []
            else:
                D = self.components_.astype(np.float64)
                course = Course(D, *self.inner_stats_, self._rng, self.n_steps_)
            if scattered:
                batch = X.coded(course.D)
                self._advance(course, batch)
                mean = batch.objective / batch.size
            else:
                mean = self._step(course, np.ascontiguousarray(X), n_threads).mean()
        self.error_.append(float(mean))
        return self._finish(course, self.components_.dtype if not first else X.dtype)

    def _first_atoms(self, X, rng) -> np.ndarray:
        usable = int(np.count_nonzero(row_norms(X) > ZERO_ROW))
        if isinstance(self.dict_init, str) and self.dict_init != "svd":
            some = min(usable, self._n_components)
            return fill(initial_atoms(X, some, self.dict_init, rng), self._n_components, rng)
        return initial_atoms(X, self._n_components, self.dict_init, rng)

    def _begin(self, D, rng) -> Course:
        K, m = D.shape
        return Course(D.astype(np.float64), np.zeros((K, K)), np.zeros((K, m)), rng)

    def _finish(self, course: Course, dtype):
        signs = self._keep(course.D.astype(dtype)).astype(np.float64)
        course.A *= signs[:, None] * signs
        course.B *= signs[:, None]
        self.inner_stats_ = course.A, course.B
        self.n_steps_ = course.t
        self._rng = course.rng
        return self

    def _step(self, course: Course, X: np.ndarray, n_threads: int) -> np.ndarray:
        """Code a mini-batch and learn from it. Returns the objectives before the atoms moved."""
        codes, objective = self._coded(X, course.D.astype(X.dtype), n_threads)
        self._advance(course, Batch(X, codes, n_threads))
        return objective

    def _coded(self, X: np.ndarray, D: np.ndarray, n_threads: int) -> tuple[csr_array, np.ndarray]:
        """Codes of signals under atoms, and their objectives."""
        codes = self._code(X, D, n_threads)
        R = X - codes @ D
        objective = 0.5 * np.einsum("ij,ij->i", R, R, dtype=np.float64)
        if self.fit_algorithm.startswith("lasso"):
            objective += self.alpha * abs(codes).sum(axis=1)
        return codes, objective

    def _advance(self, course: Course, batch) -> None:
        """Fade the past, add the batch, move the atoms."""
        course.t += 1
        if batch.nnz == 0:  # nothing was explained by any atom: nothing to learn
            return
        fade = keep_of_past(course.t, batch.size, self.forget)
        course.A *= fade
        course.B *= fade
        batch.add_to(course.A, course.B)
        unused = np.zeros(len(course.D), np.uint8)
        energy = course.A.diagonal()
        least = UNUSED * energy.max()
        kernel.atom_sweep(course.A, course.B, course.D, self.positive_dict, self.l1_ratio_dict, least, unused)
        atoms = np.flatnonzero(unused)
        if atoms.size:
            replace(course, atoms, batch.signals(atoms.size, course.rng), self.positive_dict)

    def _code(self, X: np.ndarray, D: np.ndarray, n_threads: int) -> csr_array:
        G = pad_gram(D)
        if not self.fit_algorithm.startswith("lasso"):
            k, _ = stopping_rule(self.n_nonzero_coefs, None, X.shape[0], *D.shape)
            return pursue(X, Atoms(D, G, None), k, None, variant=self.fit_algorithm, n_threads=n_threads)
        solver = LASSO_SOLVERS[self.fit_algorithm]
        return minimise(
            X,
            D,
            G,
            self.alpha,
            cap=D.shape[0] if solver == "cd" else min(D.shape),
            positive=self.positive_code,
            solver=solver,
            tol=1e-6 if solver == "cd" else 1e-9,
            n_threads=n_threads,
        )[0]

    def _objective(self, X, D):
        if not self.fit_algorithm.startswith("lasso"):
            energy = batch_omp(
                X,
                D,
                n_nonzero_coefs=self.n_nonzero_coefs,
                variant=self.fit_algorithm,
                sparse_output=True,
                n_jobs=self.n_jobs,
                return_residual=True,
            )[1]
            return 0.5 * energy
        codes = batch_lasso(X, D, alpha=self.alpha, positive=self.positive_code, sparse_output=True, n_jobs=self.n_jobs)
        R = X - codes @ D
        return 0.5 * np.einsum("ij,ij->i", R, R) + self.alpha * abs(codes).sum(axis=1)


def replace(course: Course, atoms: np.ndarray, signals: np.ndarray, positive: bool) -> None:
    """Unused atoms become signals, one each, with noise on those that are an atom already."""
    for j, x in zip(atoms, signals.astype(np.float64), strict=True):
        d = x / np.linalg.norm(x)
        if np.abs(course.D @ d).max() > 1 - 1e-12:
            d = d + 0.01 * x.std() / np.linalg.norm(x) * course.rng.normal(size=d.size)
        if positive:
            d = np.maximum(d, 0)
        norm = np.linalg.norm(d)
        if norm == 0:
            continue
        course.D[j] = d / norm
        course.A[j], course.A[:, j], course.B[j] = 0, 0, 0


class Improvement:
    """The smoothed objective of the mini-batches, and how long it has not improved."""

    def __init__(self, weight: float, patience: int | None):
        self.weight, self.patience = weight, patience
        self.smoothed, self.best, self.waited = None, np.inf, 0

    @property
    def stalled(self) -> bool:
        return self.patience is not None and self.waited >= self.patience

    def stalls(self, objective: float) -> bool:
        old = objective if self.smoothed is None else self.smoothed
        self.smoothed = (1 - self.weight) * old + self.weight * objective
        self.waited = 0 if self.smoothed < self.best else self.waited + 1
        self.best = min(self.best, self.smoothed)
        return self.stalled
