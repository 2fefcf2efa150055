"""K-SVD: each atom, with its coefficients, as the best rank-one fit of what the other atoms leave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from sklearn.utils._param_validation import StrOptions

from sparsela._ext import atoms as kernel
from sparsela.dictionary._alternate import Fit
from sparsela.dictionary._learner import AlternatingLearner

DENSE_GRAM = 256  # Gram matrices up to this order are cheaper to decompose than to iterate on
SWEEP_FLOPS = 1 << 28  # of a kernel call, so that Ctrl-C is heard between calls


class KSVD(AlternatingLearner):
    """Learn a dictionary for k-sparse coding by K-SVD.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features.
    n_nonzero_coefs : int, optional
        Atoms a signal while learning. When `tol` is not given either: ``max(1, n_features // 10)``.
    tol : float, optional
        Bound on the squared residual norm of a signal while learning.
    method : {"approximate", "exact"}, default="approximate"
        "exact" takes the leading singular vectors of each atom's residual, "approximate" one step of the power method
        towards them, which is many times faster and learns as well.
    max_iter : int, default=50
        Iterations: one coding and one sweep over the atoms each.
    dict_init : {"data", "svd", "kmeans++"} or array of shape (n_components, n_features), default="data"
        Atoms to start from: distinct random samples, right singular vectors, k-means++ seeds, or these.
    atom_order : {"random", "cyclic"}, default="random"
        Order of the atoms in a sweep.
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
        Seed of the start and of the atoms' order.
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
    Alternates :func:`sparsela.coding.batch_omp` with a sweep over the atoms of

    .. math:: \\min_{C, D} \\|X - C D\\|_F^2 \\quad \\text{s.t.} \\quad \\|c_i\\|_0 \\le k

    For atom j with users w and E the residual without it: d = Eᵀc/‖Eᵀc‖, c = E d ("approximate") or the leading
    singular triple of E ("exact"). No step of the sweep raises the residual. Cost an iteration: one coding, and
    8 · n_samples · k · n_features operations for the sweep. Memory: X, its residual and the sparse codes.

    References
    ----------
    M. Aharon, M. Elad, A. Bruckstein. K-SVD: An Algorithm for Designing Overcomplete Dictionaries for Sparse
    Representation. IEEE Transactions on Signal Processing, 2006.

    R. Rubinstein, M. Zibulevsky, M. Elad. Efficient Implementation of the K-SVD Algorithm using Batch Orthogonal
    Matching Pursuit. Technion CS-2008-08, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import KSVD
    >>> rng = np.random.default_rng(0)
    >>> D = rng.normal(size=(8, 6))
    >>> C = rng.normal(size=(200, 8)) * (rng.random((200, 8)) < 0.2)
    >>> model = KSVD(8, n_nonzero_coefs=2, max_iter=20, random_state=0).fit(C @ D)
    >>> bool(model.error_[-1] < 0.6 * model.error_[0])
    True
    """

    _parameter_constraints: dict = {
        **AlternatingLearner._parameter_constraints,
        "method": [StrOptions({"approximate", "exact"})],
        "atom_order": [StrOptions({"random", "cyclic"})],
    }

    def __init__(
        self,
        n_components=None,
        *,
        n_nonzero_coefs=None,
        tol=None,
        method="approximate",
        max_iter=50,
        dict_init="data",
        atom_order="random",
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
        self.method = method
        self.max_iter = max_iter
        self.dict_init = dict_init
        self.atom_order = atom_order
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
        return sweeper(self.method, self.atom_order, rng, n_threads)


def sweeper(method: str, atom_order: str, rng: np.random.RandomState, n_threads: int) -> Callable[[Fit], None]:
    """The function that takes one sweep over the atoms of a fit, in place."""

    def sweep(fit: Fit) -> None:
        K = fit.D.shape[0]
        order = rng.permutation(K) if atom_order == "random" else np.arange(K)
        if method == "exact":
            exact_sweep(fit, order)
        else:
            approximate_sweep(fit, order, n_threads)

    return sweep


def approximate_sweep(fit: Fit, order: np.ndarray, n_threads: int) -> None:
    """One power step for each atom of `order`, in place; the kernel gets a share of the atoms at a time."""
    entries = fit.users.counts()[order]
    share = np.cumsum(8 * entries * fit.D.shape[1]) // SWEEP_FLOPS
    for some in np.split(order, np.flatnonzero(np.diff(share)) + 1):
        kernel.ksvd_sweep(fit.R, fit.D, fit.codes.data, *fit.users, some.astype(np.int64), fit.unused, n_threads)


def exact_sweep(fit: Fit, order: np.ndarray) -> None:
    """The leading singular triple for each atom of `order`, in place."""
    for j in order:
        rows, pos = fit.users.of(j)
        fit.unused[j] = rows.size == 0
        if rows.size == 0:
            continue
        E = fit.R[rows] + fit.codes.data[pos, None] * fit.D[j]
        d = leading_direction(E, fit.D[j])
        if d is None:
            fit.unused[j] = 1
            continue
        c = E @ d
        fit.R[rows] = E - c[:, None] * d
        fit.codes.data[pos] = c
        fit.D[j] = d


def leading_direction(E: np.ndarray, near: np.ndarray) -> np.ndarray | None:
    """The leading right singular vector of E, from its smaller Gram matrix; None where E is zero."""
    if not E.any():
        return None
    wide = E.shape[0] < E.shape[1]
    gram = E @ E.T if wide else E.T @ E
    p = gram.shape[0]
    if p <= DENSE_GRAM:
        v = eigh(gram, subset_by_index=[p - 1, p - 1])[1][:, 0]
    else:
        v = eigsh(gram, k=1, v0=E @ near if wide else near, tol=1e-12)[1][:, 0]
    d = E.T @ v if wide else v
    norm = np.linalg.norm(d)
    if not norm > 0:  # squares that vanish
        return None
    return (d if d @ near >= 0 else -d) / norm
