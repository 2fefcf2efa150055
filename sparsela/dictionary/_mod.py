"""MOD, the method of optimal directions: all atoms at once, by least squares."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils._param_validation import Interval

from sparsela.coding._inputs import row_norms
from sparsela.dictionary._alternate import Fit
from sparsela.dictionary._learner import AlternatingLearner
from sparsela.dictionary._users import add_normal_equations


class MOD(AlternatingLearner):
    """Learn a dictionary for k-sparse coding by the method of optimal directions.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features.
    n_nonzero_coefs : int, optional
        Atoms a signal while learning. When `tol` is not given either: ``max(1, n_features // 10)``.
    tol : float, optional
        Bound on the squared residual norm of a signal while learning.
    max_iter : int, default=50
        Iterations: one coding and one least-squares solve each.
    ridge : float, default=1e-10
        Added to the diagonal of the normal matrix, as a share of its mean diagonal entry.
    dict_init : {"data", "svd", "kmeans++"} or array of shape (n_components, n_features), default="data"
        Atoms to start from: distinct random samples, right singular vectors, k-means++ seeds, or these.
    keep_better_codes : bool, default=False
        Where the greedy coder does worse than the code that a signal has, keep that: then the error never rises
        between replacements, but the atoms settle earlier and in a worse place.
    replace_unused : {"worst", "none"}, default="worst"
        Replace atoms that are of no use by the worst-represented signals.
    max_coherence : float, default=0.99
        Modulus of the cosine with an earlier atom above which an atom is of no use.
    min_usage : int, default=4
        Number of signals below which an atom is of no use.
    stop_tol : float, default=1e-5
        Stop when the error (with `tol`: the number of atoms it takes) has fallen by less than this share over three
        iterations; 0: never.
    transform_algorithm : str, default="omp"
        Coder of :meth:`transform`, by its name in :func:`sparsela.coding.sparse_encode`.
    transform_n_nonzero_coefs : int, optional
        Atoms a signal in :meth:`transform`; with neither this nor `transform_alpha`: ``max(1, n_features // 10)``.
    transform_alpha : float, optional
        The lasso's penalty, or the bound on the squared residual norm, in :meth:`transform`.
    random_state : None, int, RandomState or Generator
        Seed of the start.
    n_jobs : int, optional
        Threads; None is the library's setting. The atoms do not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called after each iteration with a state that has `n_iter`, `error`, `n_nonzero` (mean over the signals) and
        `components`; True stops.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Unit atoms, the entry of largest modulus positive.
    error_ : list of float
        Root mean square residual after each iteration.
    n_iter_ : int
        Iterations run.
    n_features_in_ : int
        Length of an atom.

    Notes
    -----
    Alternates :func:`sparsela.coding.batch_omp` with the exact minimiser over D of ``‖X − C D‖²`` for these codes,
    ``D = (CᵀC)⁻¹ CᵀX``, normalised, with the norms given to the codes. CᵀC and CᵀX come from the non-zeros alone, in
    O(n_samples · k · (k + n_features)); the solve is O(n_components² · (n_components + n_features)).

    References
    ----------
    K. Engan, S. O. Aase, J. H. Husøy. Method of optimal directions for frame design. ICASSP 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import MOD
    >>> rng = np.random.default_rng(0)
    >>> D = rng.normal(size=(8, 6))
    >>> C = rng.normal(size=(200, 8)) * (rng.random((200, 8)) < 0.2)
    >>> model = MOD(8, n_nonzero_coefs=2, max_iter=20, random_state=0).fit(C @ D)
    >>> bool(model.error_[-1] < 0.6 * model.error_[0])
    True
    """

    _parameter_constraints: dict = {
        **AlternatingLearner._parameter_constraints,
        "ridge": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=None,
        *,
        n_nonzero_coefs=None,
        tol=None,
        max_iter=50,
        ridge=1e-10,
        dict_init="data",
        keep_better_codes=False,
        replace_unused="worst",
        max_coherence=0.99,
        min_usage=4,
        stop_tol=1e-5,
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
        self.tol = tol
        self.max_iter = max_iter
        self.ridge = ridge
        self.dict_init = dict_init
        self.keep_better_codes = keep_better_codes
        self.replace_unused = replace_unused
        self.max_coherence = max_coherence
        self.min_usage = min_usage
        self.stop_tol = stop_tol
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback

    def _update(self, rng: np.random.RandomState, n_threads: int):
        return lambda fit: least_squares_atoms(fit, self.ridge, n_threads)


def least_squares_atoms(fit: Fit, ridge: float, n_threads: int) -> None:
    """D = (CᵀC + ridge)⁻¹ CᵀX over the atoms in use, rows normalised, codes scaled; R follows. In place."""
    K, m = fit.D.shape
    A, B = np.zeros((K, K)), np.zeros((K, m))
    add_normal_equations(A, B, fit.X, fit.codes, 1.0, n_threads)
    used = np.flatnonzero(np.diag(A) > 0)
    fit.unused[:] = 1
    if used.size == 0:
        return
    normal = A[np.ix_(used, used)]
    normal[np.diag_indices_from(normal)] += max(ridge * np.trace(normal) / used.size, np.finfo(float).tiny)
    solved = cho_solve(cho_factor(normal, lower=True), B[used])
    norms = row_norms(solved)
    solved, used, norms = solved[norms > 0], used[norms > 0], norms[norms > 0]
    fit.D[used] = solved / norms[:, None]
    fit.unused[used] = 0
    scale = np.ones(K)
    scale[used] = norms
    fit.codes.data *= scale[fit.codes.indices].astype(fit.codes.dtype)
    np.subtract(fit.X, fit.codes @ fit.D, out=fit.R)
