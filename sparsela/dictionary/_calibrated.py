"""Factorize a weight matrix as dictionary times sparse codes, with the error weighed by the activations it acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import LinearOperator

from sparsela._core.float_range import in_float_range
from sparsela._core.random import random_stream
from sparsela._core.results import Result
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_positive
from sparsela.coding._inputs import check_real, row_norms
from sparsela.dictionary._alternate import Cleaning, alternate, code, stands_still
from sparsela.dictionary._ksvd import sweeper
from sparsela.dictionary._metric import metric_of
from sparsela.dictionary._start import ZERO_ROW, fill, initial_atoms

MASK_SHARE = 16  # a position is one bit of a mask, a value has sixteen
FEW_SIGNALS = Cleaning("worst", max_coherence=1.0, min_usage=1)  # columns are hardly more than atoms: keep what is used
STOP_TOL = 1e-5


@dataclass(frozen=True, repr=False, eq=False)
class CalibratedFactorization(Result):
    """A matrix as ``dictionary @ codes``: few atoms, and few of them in each column.

    ``F @ X`` and ``H @ F`` multiply by it without forming it.

    Attributes
    ----------
    dictionary : ndarray of shape (n_rows, n_components)
        Atoms, one a column, of unit norm.
    codes : csc_array of shape (n_components, n_columns)
        Sparse coefficients. Of a group of matrices: side by side; see :meth:`split_codes`.
    functional_error : float
        ``‖H (W − D S)‖ / ‖H W‖`` on the calibration activations H.
    weight_error : float
        ``‖W − D S‖ / ‖W‖``.
    n_parameters : int
        Numbers to store: the dictionary, the non-zeros, and their positions as a bit mask at 16 bits a number.
    condition_number : float
        Of the Cholesky factor R of the damped Gram matrix of the activations: how much the way back from R W to W may
        enlarge what is left in directions that the activations hardly take.
    n_iter : int
        Iterations of K-SVD in the metric.
    converged : bool
        Whether the error stood still before `max_iter`.
    history : dict of ndarray, or None
        "error": the error in the damped metric, relative to W, after each iteration. None unless asked for.
    start : str
        "columns" or "blind": the start that led to the lower functional error.
    widths : tuple of int
        Columns of each matrix of a group.

    References
    ----------
    D. Shopkhoev, D. Makhov, M. Zhussip, A. Ali, S. Lefkimmiatis. CoSpaDi: Compressing LLMs via Calibration-Guided
    Sparse Dictionary Learning. 2025, arXiv 2509.22075.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import calibrated_factorization
    >>> W = np.random.default_rng(0).normal(size=(8, 24))
    >>> F = calibrated_factorization(W, gram=np.diag(np.arange(1.0, 9)), ratio=0.25, random_state=0)
    >>> (F @ np.ones(24)).shape, (np.ones((5, 8)) @ F).shape
    ((8,), (5, 24))
    >>> F.to_linear_operator().shape
    (8, 24)
    """

    dictionary: np.ndarray
    codes: csc_array
    functional_error: float
    weight_error: float
    n_parameters: int
    condition_number: float
    n_iter: int
    converged: bool
    history: dict[str, np.ndarray] | None
    start: str
    widths: tuple[int, ...]

    __array_ufunc__ = None  # so that ndarray @ F asks F

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the matrix that it stands for."""
        return self.dictionary.shape[0], self.codes.shape[1]

    def __matmul__(self, X):
        """``D (S X)``."""
        return self.dictionary @ (self.codes @ X)

    def __rmatmul__(self, H):
        """``(H D) S``: what a layer computes."""
        return (H @ self.dictionary) @ self.codes

    def to_linear_operator(self) -> LinearOperator:
        """It as SciPy's LinearOperator of shape (n_rows, n_columns)."""
        D, S = self.dictionary, self.codes
        return LinearOperator(
            self.shape,
            matvec=lambda x: D @ (S @ x),
            rmatvec=lambda y: S.T @ (D.T @ y),
            matmat=lambda X: D @ (S @ X),
            rmatmat=lambda Y: S.T @ (D.T @ Y),
            dtype=D.dtype,
        )

    def split_codes(self) -> list[csc_array]:
        """The codes of each matrix of a group: ``dictionary @ split_codes()[i]`` stands for the i-th."""
        ends = np.cumsum(self.widths)
        return [self.codes[:, end - width : end] for width, end in zip(self.widths, ends, strict=True)]


@in_float_range
def calibrated_factorization(
    W,
    *,
    activations=None,
    gram=None,
    n_components: int | None = None,
    n_nonzero_coefs: int | None = None,
    ratio: float = 0.3,
    k_over_s: float = 2.0,
    damping: float = 1e-4,
    max_iter: int = 30,
    method: str = "approximate",
    random_state=None,
    n_jobs: int | None = None,
    verbose: int | None = 0,
    callback: Callable | None = None,
    return_history: bool = False,
) -> CalibratedFactorization:
    """Compress a weight matrix into a dictionary and sparse codes that do the same to given activations.

    Parameters
    ----------
    W : array of shape (n_rows, n_columns), or list of such arrays
        Weights that map activations H (n_samples, n_rows) to ``H @ W``. The matrices of a list share one dictionary:
        they must act on the same activations, hence have as many rows. float32 is factorized in float32.
    activations : array or sparse array of shape (n_samples, n_rows), or iterable of such blocks
        Calibration activations; blocks are seen once, and only their Gram matrix is kept. For a list of W: an array or
        an iterator, not a list.
    gram : array of shape (n_rows, n_rows)
        ``H.T @ H`` up to scale, in place of the activations.
    n_components : int, optional
        Atoms, at most n_columns.
    n_nonzero_coefs : int, optional
        Atoms in a column. What is not given of the two follows from `ratio`; if both are, `ratio` has no say.
    ratio : float, default=0.3
        Share of the numbers to save, between 0 and 1: ``n_rows K + n_columns s + n_columns K / 16`` of them, with K
        atoms and s in a column, are at most ``(1 − ratio) n_rows n_columns``.
    k_over_s : float, default=2.0
        Atoms for each atom in a column, at least 1, where both follow from `ratio`.
    damping : float, default=1e-4
        Added to the diagonal of the Gram matrix, as a share of its mean diagonal entry. Without it directions that the
        activations never take (units that never fire) are free, and the atoms may grow along them without bound.
    max_iter : int, default=30
        Iterations of K-SVD from each start.
    method : {"approximate", "exact"}, default="approximate"
        As in :class:`KSVD`.
    random_state : None, int, RandomState or Generator
        Seed of the columns to start from and of the atoms' order.
    n_jobs : int, optional
        Threads; None is the library's setting. The factors do not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bars.
    callback : callable, optional
        Called after each iteration with a state that has `n_iter`, `error` (root mean square, in the metric),
        `n_nonzero` and `components`; True stops.
    return_history : bool, default=False
        Keep the course of the error.

    Returns
    -------
    CalibratedFactorization
        ``dictionary`` (n_rows, K), ``codes`` (K, n_columns), then the errors, the storage and the condition number.

    Raises
    ------
    ValueError
        If not exactly one of `activations` and `gram` is given, if anything is not finite, zero or of a wrong shape, if
        `gram` is not symmetric positive semidefinite or, damping included, singular, if the matrices of a list differ
        in rows, or if a size is out of range or leaves no room for one atom a column.

    Notes
    -----
    With Σ = HᵀH/N, damped, and its Cholesky factorization Σ = RᵀR, over D (n_rows, K) and S with s non-zeros a column

    .. math:: \\min_{D, S} \\|H (W - D S)\\|_F^2 = N \\min_{D, S} \\|R W - (R D) S\\|_F^2

    which is K-SVD on the columns of R W; D comes back by a triangular solve. It is run from two starts, and the lower
    functional error is kept: from columns of R W, and from the atoms and codes of as long a K-SVD on W itself, where a
    column keeps the code it has until a better one is found. The second matters where the metric makes atoms coherent
    and greedy coding in it fails; in the damped metric it never ends above the metric-blind factorization, which is
    that of ``gram=np.eye(n_rows)``. No warning at `max_iter`: the iterations are a budget.

    Cost: n_samples · n_rows² for the Gram matrix, n_rows³, and for an iteration one coding,
    O(n_columns · K · (n_rows + s²)), and a sweep, 8 · n_columns · s · n_rows.

    References
    ----------
    D. Shopkhoev, D. Makhov, M. Zhussip, A. Ali, S. Lefkimmiatis. CoSpaDi: Compressing LLMs via Calibration-Guided
    Sparse Dictionary Learning. 2025, arXiv 2509.22075.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import calibrated_factorization
    >>> rng = np.random.default_rng(0)
    >>> H = rng.normal(size=(500, 16)) * np.geomspace(1, 0.01, 16)
    >>> W = rng.normal(size=(16, 32))
    >>> F = calibrated_factorization(W, activations=H, ratio=0.4, random_state=0)
    >>> F.dictionary.shape, F.codes.shape, bool(F.n_parameters <= 0.6 * W.size)
    ((16, 8), (8, 32), True)
    >>> bool(F.functional_error < 0.3 * F.weight_error)
    True
    >>> np.allclose(H @ F, H @ F.dictionary @ F.codes.toarray())
    True
    """
    W, widths = check_weights(W)
    K, s = sizes(*W.shape, n_components, n_nonzero_coefs, ratio, k_over_s)
    max_iter = check_count(max_iter, "max_iter")
    if method not in ("approximate", "exact"):
        raise ValueError(f"method must be 'approximate' or 'exact', got {method!r}")
    damping = check_positive(damping, "damping", allow_zero=True)
    rng, n_threads = random_stream(random_state), effective_n_jobs(n_jobs)
    k = np.array([s], np.int32)
    callback = Asked(callback) if callable(callback) else callback  # the loop refuses what is neither that nor None

    def ksvd(X, D, codes=None):
        return alternate(
            X,
            D,
            sweeper(method, "random", rng, n_threads),
            name="calibrated_factorization",
            k=k,
            tol=None,
            max_iter=max_iter,
            keep_better_codes=codes is not None,
            cleaning=FEW_SIGNALS,
            stop_tol=STOP_TOL,
            n_threads=n_threads,
            verbose=verbose,
            callback=callback,
            codes=codes,
        )

    with one_blas_thread():
        metric = metric_of(activations, gram, W.shape[0], damping, grouped=len(widths) > 1)
        if metric.norm(W) == 0:
            raise ValueError("the activations map W to zero; there is nothing to keep")
        signals, X = W.T.copy(), np.ascontiguousarray((metric.R @ W).T, dtype=W.dtype)
        runs = {}
        if not metric.is_identity:  # under the identity both starts are one
            blind = ksvd(signals, some_rows(signals, K, rng))[0]
            blind_codes = code(signals, blind.D, k, None, n_threads, blind)
            runs["blind"] = ksvd(X, *seen_by(metric.R, blind.D, blind_codes))
        runs["columns"] = ksvd(X, some_rows(X, K, rng))

        ends = []
        for start, (fit, errors, n_iter) in runs.items():
            course = np.array(errors) * np.sqrt(X.size) / np.linalg.norm(X)
            codes = code(X, fit.D, k, None, n_threads, fit)  # the last sweep moved the atoms
            D, S = back(metric.R, fit.D, codes)
            E = W - D @ S
            ends.append(
                CalibratedFactorization(
                    D,
                    S,
                    functional_error=metric.norm(E) / metric.norm(W),
                    weight_error=float(np.linalg.norm(E) / np.linalg.norm(W)),
                    n_parameters=storage(*W.shape, K, S.nnz),
                    condition_number=metric.condition_number,
                    n_iter=n_iter,
                    converged=stands_still(errors, STOP_TOL),
                    history={"error": course} if return_history else None,
                    start=start,
                    widths=widths,
                )
            )
    return min(ends, key=lambda end: end.functional_error)


class Asked:
    """A callback that several loops share: once it has asked to stop, each ends at its next iteration."""

    def __init__(self, callback: Callable):
        self.callback = callback
        self.to_stop = False

    def __call__(self, state) -> bool:
        self.to_stop = self.to_stop or bool(self.callback(state))
        return self.to_stop


def some_rows(X: np.ndarray, K: int, rng: np.random.RandomState) -> np.ndarray:
    """K distinct rows of X that are not zero, normalised; random unit rows where X has fewer."""
    usable = int(np.count_nonzero(row_norms(X) > ZERO_ROW))
    return fill(initial_atoms(X, min(usable, K), "data", rng), K, rng)


def seen_by(R: np.ndarray, D: np.ndarray, codes: csr_array) -> tuple[np.ndarray, csr_array]:
    """Atoms and codes of W as atoms and codes of R W: the atoms R d with unit norm, their norms in the codes."""
    seen = D @ R.T
    norms = row_norms(seen)
    data = (codes.data * norms[codes.indices]).astype(D.dtype)
    return (seen / norms[:, None]).astype(D.dtype), csr_array((data, codes.indices, codes.indptr), codes.shape)


def back(R: np.ndarray, D: np.ndarray, codes: csr_array) -> tuple[np.ndarray, csc_array]:
    """D and S from atoms and codes of R W: the columns R⁻¹ d with unit norm, their norms in the codes."""
    atoms = solve_triangular(R, D.T)
    norms = row_norms(atoms.T)
    data = (codes.data * norms[codes.indices]).astype(D.dtype)
    S = csc_array((data, codes.indices, codes.indptr), shape=codes.shape[::-1])  # rows of codes are columns of S
    S.eliminate_zeros()
    return np.ascontiguousarray(atoms / norms, dtype=D.dtype), S


def storage(n_rows: int, n_columns: int, K: int, nnz: int) -> int:
    """Numbers to store: atoms, coefficients, and a mask of one bit a position."""
    return n_rows * K + nnz + -(-n_columns * K // MASK_SHARE)


def sizes(d1: int, d2: int, K, s, ratio, k_over_s) -> tuple[int, int]:
    """Atoms K and non-zeros a column s: as given, or the largest for which d1 K + d2 s + d2 K / 16 meets the ratio."""
    ratio, k_over_s = check_positive(ratio, "ratio"), check_positive(k_over_s, "k_over_s")
    if not 0 < ratio < 1:
        raise ValueError(f"ratio must be between 0 and 1, the share of the numbers to save, got {ratio}")
    if k_over_s < 1:
        raise ValueError(f"k_over_s must be at least 1, for a column takes no atom twice, got {k_over_s}")
    if K is not None:
        K = check_count(K, "n_components", high=d2)
    if s is not None:
        s = check_count(s, "n_nonzero_coefs", high=min(d1, d2 if K is None else K))
    budget, atom = (1 - ratio) * d1 * d2, d1 + d2 / MASK_SHARE
    if K is None and s is None:
        s = min(int(budget / (k_over_s * atom + d2)), d1)
        K = int(k_over_s * s)
    elif s is None:
        s = min(int((budget - K * atom) / d2), K, d1)
    elif K is None:
        K = int((budget - s * d2) / atom)
    if s < 1 or s > K:
        raise ValueError(
            f"ratio={ratio} leaves room for {max(K, 0)} atoms and {max(s, 0)} non-zeros a column of a {d1} × {d2} "
            "matrix; save less, or give n_components and n_nonzero_coefs"
        )
    return K, s


def check_weights(W) -> tuple[np.ndarray, tuple[int, ...]]:
    """The matrices side by side, of one floating type, and how wide each is."""
    if isinstance(W, (list, tuple)) and np.ndim(W[0] if len(W) else 0) == 2:
        group = [check_real(w, f"W[{i}]") for i, w in enumerate(W)]
        rows = sorted({w.shape[0] for w in group})
        if len(rows) > 1:
            raise ValueError(
                "matrices that share a dictionary must act on the same activations, hence have as many rows; got "
                f"{rows}"
            )
    else:
        group = [check_real(W, "W")]
    W = np.ascontiguousarray(np.hstack(group)) if len(group) > 1 else group[0]
    if not W.any():
        raise ValueError("W is zero; there is nothing to factorize")
    return W, tuple(w.shape[1] for w in group)
