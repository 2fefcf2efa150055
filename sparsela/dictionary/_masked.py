"""Learn atoms by predicting what was hidden: code on visible coordinates, judge on the others."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.random import random_stream
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.coding._inputs import row_norms
from sparsela.coding._omp import pursue_observed
from sparsela.dictionary._learner import DictionaryLearner
from sparsela.dictionary._start import initial_atoms

DEFAULT_NONZEROS = 5


class MaskedDictionaryLearning(DictionaryLearner):
    """Learn a dictionary from noisy signals by predicting coordinates that the coder did not see.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features.
    n_nonzero_coefs : int, optional
        Atoms a signal while learning; None: 5, at most as many as there are atoms or visible coordinates.
    mask_fraction : float, default=0.1
        Share of the coordinates that are hidden, between 0 and 1; at least one is, and at least one is not.
    objective : {"masked", "reconstruction"}, default="masked"
        "reconstruction" codes and judges on all coordinates: the usual objective, to compare with.
    max_iter : int, default=500
        Passes over the data.
    batch_size : int, default=200
        Signals a step; they share a mask.
    learning_rate : float, default=1e-3
        Length of a step of Adam.
    dict_init : {"data", "svd", "kmeans++"} or array of shape (n_components, n_features), default="data"
        Atoms to start from: distinct random samples, right singular vectors, k-means++ seeds, or these.
    resample_masks : bool, default=True
        Draw a new mask at each step; False: each mini-batch keeps the mask of its first.
    transform_algorithm : str, default="omp"
        Coder of :meth:`transform`, by its name in :func:`sparsela.coding.sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        Atoms a signal in :meth:`transform`; with neither this nor `transform_alpha`: ``max(1, n_features // 10)``.
    transform_alpha : float, optional
        The lasso's penalty, or the bound on the squared residual norm, in :meth:`transform`.
    random_state : None, int, RandomState or Generator
        Seed of the start, of the order of the signals and of the masks.
    n_jobs : int, optional
        Threads; None is the library's setting. The atoms do not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called after each pass with a state that has `n_iter`, `error` and `components`; True stops.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Unit atoms, the entry of largest modulus positive.
    error_ : list of float
        Mean over the signals of the squared error on the coordinates that judge, for each pass; a mini-batch counts
        before it changes the atoms. With the masked objective: an honest prediction error.
    n_iter_ : int
        Passes.
    n_features_in_ : int
        Length of an atom.

    Notes
    -----
    Where signals are noisy and there are more atoms than the truth has, the dictionary of least reconstruction error is
    not the true one, however much data there is: spare atoms pay by fitting noise. What the coder has not seen has
    noise of its own, which no code of the rest predicts, so the reward is gone. Each step splits the coordinates at
    random into visible V and hidden H and takes, for a batch of b signals, the gradient for the codes as they are of

    .. math:: \\frac1b \\sum_i \\|x_{i,H} - z_i D_H\\|^2, \\qquad
       z_i = \\mathrm{OMP}(x_{i,V}; D_V, k), \\qquad \\frac{\\partial}{\\partial D_H} = \\frac2b Z^T (Z D_H - X_H)

    then a step of Adam (β₁ = 0.9, β₂ = 0.999, ε = 1e-8) and unit norm. :meth:`score` hides each coordinate once, in
    parts of `mask_fraction`, the same for every model.

    Cost a step: the Gram matrix of D_V, O(n_components² · n_features), and the coding of a batch; Adam and the gradient
    are O(n_components · n_features). Memory: X and its permuted copy, the atoms and two moments of theirs, the Gram
    matrix.

    Its limits: with few spare atoms, or a start at the truth, there is little to protect from. Started at 90 true atoms
    and 210 spare ones in 60 dimensions, hiding a fifth ends 10 to 20 % farther from the truth than reconstruction does;
    hiding a tenth, with 180 spare ones, as far. With no more atoms than features the gradient, for which the codes
    stand still, may even raise the error that it is of: look at `error_`. And hidden coordinates must be predictable
    from visible ones: sparse spikes are not.

    References
    ----------
    M. Chidambaram, C. Wu, Y. Cheng, R. Ge. Hiding Data Helps: On the Benefits of Masking for Sparse Coding. ICML 2023,
    arXiv 2302.12715.

    D. P. Kingma, J. Ba. Adam: A Method for Stochastic Optimization. ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import MaskedDictionaryLearning
    >>> rng = np.random.default_rng(0)
    >>> D = rng.normal(size=(12, 20))
    >>> X = (rng.random((300, 12)) < 0.2) @ D + 0.3 * rng.normal(size=(300, 20))
    >>> model = MaskedDictionaryLearning(36, n_nonzero_coefs=3, max_iter=50, learning_rate=0.01, random_state=0).fit(X)
    >>> bool(model.error_[-1] < 0.8 * model.error_[0])
    True
    """

    _parameter_constraints: dict = {
        **DictionaryLearner._parameter_constraints,
        "mask_fraction": [Interval(Real, 0, 1, closed="neither")],
        "objective": [StrOptions({"masked", "reconstruction"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "resample_masks": ["boolean"],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        n_nonzero_coefs=None,
        mask_fraction=0.1,
        objective="masked",
        max_iter=500,
        batch_size=200,
        learning_rate=1e-3,
        dict_init="data",
        resample_masks=True,
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        transform_alpha=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
        callback=None,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.mask_fraction = mask_fraction
        self.objective = objective
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dict_init = dict_init
        self.resample_masks = resample_masks
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the atoms by passes over signals.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, one a row; not changed. float32 is learned in float32.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        MaskedDictionaryLearning
            Itself.
        """
        X = np.ascontiguousarray(self._check(X))
        n, m = X.shape
        k = self._sparsity(self._n_components, m)
        n_threads = effective_n_jobs(self.n_jobs)
        rng = random_stream(self.random_state)
        self.error_ = []
        with one_blas_thread():
            D = initial_atoms(X, self._n_components, self.dict_init, rng)
            adam = Adam.at_rest(D, self.learning_rate)
            X = X[rng.permutation(n)]
            starts = range(0, n, self.batch_size)
            views = [self._view(rng, m) for _ in starts]
            for state in iterate(self.max_iter, type(self).__name__, verbose=self.verbose, callback=self.callback):
                if self.resample_masks and state.n_iter > 1:
                    views = [self._view(rng, m) for _ in starts]
                total = 0.0
                for start, view in zip(starts, views, strict=True):
                    batch = X[start : start + self.batch_size]
                    codes, E = predict(batch, D, view, k, n_threads)
                    total += np.vdot(E, E)
                    adam.step(D, gradient(codes, E), view.judging)
                self.error_.append(float(total / n))
                if state.record(error=self.error_[-1], components=D).stop:
                    break
        self.n_iter_ = state.n_iter
        self._keep(D)
        return self

    def _sparsity(self, K: int, m: int) -> np.ndarray:
        """The number of non-zeros as the coder takes it."""
        if self.objective == "masked" and m < 2:
            raise ValueError(f"the masked objective hides a part of the features, and X has n_features = {m}")
        limit = min(K, m if self.objective == "reconstruction" else m - n_hidden(m, self.mask_fraction))
        k = min(DEFAULT_NONZEROS, limit) if self.n_nonzero_coefs is None else self.n_nonzero_coefs
        if k > limit:
            raise ValueError(
                f"n_nonzero_coefs must be at most {limit}, the number of components or of visible features, got {k}"
            )
        return np.array([k], np.int32)

    def _view(self, rng: np.random.RandomState, m: int) -> View:
        if self.objective == "reconstruction":
            return whole(m)
        return hiding(rng.permutation(m)[: n_hidden(m, self.mask_fraction)], m)

    def _objective(self, X, D):
        k, n_threads = self._sparsity(*D.shape), effective_n_jobs(self.n_jobs)
        m = X.shape[1]
        views = [whole(m)] if self.objective == "reconstruction" else partition(m, n_hidden(m, self.mask_fraction))
        total = np.zeros(len(X))
        with one_blas_thread():
            for view in views:
                E = predict(X, D, view, k, n_threads)[1]
                total += np.einsum("ij,ij->i", E, E, dtype=np.float64)
        return total / len(views)


class View(NamedTuple):
    """Which coordinates the coder sees, and on which it is judged: bool arrays."""

    visible: np.ndarray
    judging: np.ndarray


def whole(m: int) -> View:
    """All coordinates are seen, and judge."""
    return View(np.ones(m, bool), np.ones(m, bool))


def hiding(which: np.ndarray, m: int) -> View:
    """These coordinates are hidden, and judge."""
    hidden = np.zeros(m, bool)
    hidden[which] = True
    return View(~hidden, hidden)


def n_hidden(m: int, mask_fraction: float) -> int:
    """How many of m ≥ 2 coordinates are hidden: at least one, and not all."""
    return int(np.clip(m - round((1 - mask_fraction) * m), 1, m - 1))


def partition(m: int, hidden: int) -> list[View]:
    """Views that hide each coordinate once, `hidden` of them at a time or one fewer; the same at each call."""
    order = np.random.RandomState(0).permutation(m)
    return [hiding(part, m) for part in np.array_split(order, -(-m // hidden))]


def predict(X: np.ndarray, D: np.ndarray, view: View, k: np.ndarray, n_threads: int) -> tuple[csr_array, np.ndarray]:
    """Codes Z from the visible coordinates, and their error Z D − X on those that judge.

    All atoms move at each step, so the Gram matrix of what is seen of them is made anew: there is no old one to take
    the hidden part from.
    """
    codes = pursue_observed(X, D, view.visible, k, None, sparse_output=True, return_residual=False, n_threads=n_threads)
    return codes, codes @ D[:, view.judging] - X[:, view.judging]


def gradient(codes: csr_array, E: np.ndarray) -> np.ndarray:
    """Of the mean squared error of a batch, for the atoms on the coordinates that judge: (2/b) Zᵀ E."""
    return codes.T @ ((2 / E.shape[0]) * E)


@dataclass
class Adam:
    """Steps of Adam over unit rows: running moments of the gradient, each step of about the learning rate an entry."""

    mean: np.ndarray
    square: np.ndarray
    learning_rate: float
    t: int = 0
    beta_1: float = 0.9
    beta_2: float = 0.999
    eps: float = 1e-8

    @classmethod
    def at_rest(cls, D: np.ndarray, learning_rate: float) -> Adam:
        return cls(np.zeros_like(D), np.zeros_like(D), learning_rate)

    def step(self, D: np.ndarray, g: np.ndarray, where: np.ndarray) -> None:
        """Move D, in place, by the gradient g on these columns and zero on the others; then unit rows."""
        self.t += 1
        self.mean *= self.beta_1
        self.square *= self.beta_2
        self.mean[:, where] += (1 - self.beta_1) * g
        self.square[:, where] += (1 - self.beta_2) * g**2
        scale = np.sqrt(self.square / (1 - self.beta_2**self.t))
        scale += self.eps
        D -= (self.learning_rate / (1 - self.beta_1**self.t)) * self.mean / scale
        norms = row_norms(D)
        norms[norms == 0] = 1
        D /= norms[:, None].astype(D.dtype)
