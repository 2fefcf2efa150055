"""The lasso for many signals over one dictionary, to a certified duality gap."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array

from sparsela._core.float_range import in_float_range
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_indices, check_positive, check_vector
from sparsela._ext import lasso as kernel
from sparsela.coding import _inputs, _masks
from sparsela.coding._codes import collect

SOLVERS = {"active_set": 0, "cd": 1, "lars": 2}  # as numbered in _ext/lasso_kernel.h
LEAST_ANGLE = 3
COST = {"active_set": 16, "cd": 128, "lars": 64}  # GEMMs a signal, in order of magnitude
FLOAT32_TOL = 1e-5  # a relative gap that float32 correlations can certify


@in_float_range
def batch_lasso(
    X,
    dictionary,
    *,
    alpha: float,
    l2_reg: float = 0.0,
    solver: str = "active_set",
    positive: bool = False,
    weights=None,
    gram=None,
    mask=None,
    init=None,
    tol: float = 1e-9,
    max_iter: int = 1000,
    sparse_output: bool = False,
    n_jobs: int | None = None,
    return_gap: bool = False,
) -> np.ndarray | csr_array | tuple:
    """Code every signal by the lasso (basis pursuit denoising).

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Signals, one a row. float32 is coded in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, of any norm but zero.
    alpha : float
        Penalty, at least 0, in the units of X times those of the atoms. It is not divided by n_features or n_samples:
        scikit-learn's ``Lasso(alpha=a)`` on one signal is ``alpha = a * n_features`` here.
    l2_reg : float, default=0.0
        Ridge penalty beside it (the elastic net).
    solver : {"active_set", "lars", "cd"}, default="active_set"
        "active_set" searches over signs and solves exactly for each guess (feature-sign search); "lars" follows the
        exact path from large alpha down, an atom a step; "cd" is coordinate descent on an active set, for warm starts
        and loose `tol` (coherent atoms slow it down).
    positive : bool, default=False
        Ask for codes ≥ 0.
    weights : array of shape (n_components,), optional
        Weight ≥ 0 of each atom's penalty (> 0 for "lars"); default ones.
    gram : array of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T`` where it is at hand.
    mask : bool array of shape (n_features,) or (n_samples, n_features), optional
        True where X is observed; what X holds elsewhere, NaN included, is not looked at. Each signal is coded over the
        atoms on its observed coordinates, brought to unit norm there, and its coefficients are those of the whole
        atoms, which must have unit norm.
    init : array or sparse array of shape (n_samples, n_components), optional
        Codes to start from; not for "lars", whose path starts at zero.
    tol : float, default=1e-9
        Bound on the relative duality gap, ``gap / (½‖x‖²)``. In float32 at least 1e-5.
    max_iter : int, default=1000
        Rounds a signal: changes of the active set (each with at most 100 sweeps of "cd").
    sparse_output : bool, default=False
        Return a CSR array with sorted indices and no explicit zero.
    n_jobs : int, optional
        Threads; None is the library's setting. The codes do not depend on it, bit for bit.
    return_gap : bool, default=False
        Also return the relative duality gaps.

    Returns
    -------
    codes : ndarray or csr_array of shape (n_samples, n_components)
        The minimisers.
    gaps : ndarray of shape (n_samples,)
        Relative duality gaps, a bound on what the objective still lacks. Only with ``return_gap=True``.

    Raises
    ------
    ValueError
        If X or the dictionary is empty or not finite, if their widths differ, if an atom is zero, if `alpha`,
        `l2_reg`, `weights` or `tol` is negative or not finite, if `gram`, `mask` or `init` has the wrong shape, or if
        there is a mask and an atom is not of unit norm.

    Warns
    -----
    ConvergenceWarning
        If some signal's gap is above `tol` after `max_iter` rounds; its best code is returned.

    Notes
    -----
    For each row x, with w = `weights`:

    .. math:: \\min_c \\tfrac12 \\|x - c D\\|^2 + \\alpha \\sum_i w_i |c_i| + \\tfrac12 \\lambda_2 \\|c\\|^2

    Everything happens on ``D x`` and the Gram matrix: one matrix product for a block of signals, then a few rounds of
    O(active · n_components) each. The active set keeps a Cholesky factor that grows and shrinks with it; an atom that
    lies in the span of the active ones is traded against one of them, so duplicate atoms are no obstacle.

    References
    ----------
    H. Lee, A. Battle, R. Raina, A. Ng. Efficient sparse coding algorithms. NIPS 2006.

    J. Friedman, T. Hastie, H. Höfling, R. Tibshirani. Pathwise coordinate optimization. Annals of Applied
    Statistics, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import batch_lasso
    >>> batch_lasso([[3.0, 0.5, -2.0]], np.eye(3), alpha=1.0)
    array([[ 2.,  0., -1.]])
    """
    X, D = _inputs.check_signals(X, dictionary, finite=mask is None)
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {tuple(SOLVERS)}, got {solver!r}")
    for name, value in (("alpha", alpha), ("l2_reg", l2_reg), ("tol", tol)):
        check_positive(value, name, allow_zero=True)
    check_count(max_iter, "max_iter")
    norms = _inputs.check_no_zero_atom(_inputs.row_norms(D))
    mask = None if mask is None else _masks.check_mask(mask, X)
    if mask is not None and np.abs(norms - 1).max() > _inputs.UNIT_NORM_TOL:
        raise ValueError(f"with a mask, atoms must have unit norm; row {np.abs(norms - 1).argmax()} has not")
    if gram is not None:
        gram = _inputs.check_gram(gram, D)
    weights = check_weights(weights, D.shape[0])
    if solver == "lars":
        check_for_path(weights, init)
    init = None if init is None else check_codes(init, (X.shape[0], D.shape[0]), D.dtype)
    options = {
        "positive": positive,
        "solver": solver,
        "init": init,
        "tol": tol,
        "max_iter": max_iter,
        "sparse_output": sparse_output,
        "n_threads": effective_n_jobs(n_jobs),
    }
    if mask is not None and mask.ndim == 1:
        codes, gaps = minimise_observed(X, D, mask, alpha, weights, l2_reg, **options)
    else:
        with one_blas_thread():
            G = _inputs.pad_gram(D, gram)
        codes, gaps = minimise(X, D, G, alpha, weights, l2_reg, shown=mask, **options)
    warn_unless_solved(gaps, effective_tol(tol, D.dtype), max_iter)
    return (codes, gaps) if return_gap else codes


def minimise(
    X,
    D,
    G,
    alpha,
    weights=None,
    l2_reg=0.0,
    *,
    cap=None,
    solver="active_set",
    positive=False,
    init=None,
    tol=1e-9,
    max_iter=1000,
    max_steps=0,
    sparse_output=True,
    n_threads=1,
    shown=None,
    columns=None,
    prior=None,
):
    """:func:`batch_lasso` on checked input: codes and relative gaps; G, padded, takes the ridge penalty in place.

    Of some columns of X, or of what `shown` (as X) shows of each signal. `solver` may be the number of a kernel's
    solver; `cap` atoms at most are active; `max_steps` is for plain least-angle regression. `prior` (as the codes): the
    ridge penalty is ``½ l2_reg ‖c − prior‖²``.
    """
    K = D.shape[0]
    G[np.arange(K), np.arange(K)] += l2_reg
    if cap is None:
        cap = K if l2_reg > 0 or solver == "cd" else min(D.shape)
    Dt = _masks.NO_MASK.astype(D.dtype) if shown is None else _masks.transposed(D, G.shape[1])
    weights = padded(np.ones(K) if weights is None else weights, G.shape[1], D.dtype)
    penalty = padded(alpha * weights[:K].astype(np.float64), G.shape[1], D.dtype)
    gaps = np.empty(X.shape[0])
    tol = effective_tol(tol, D.dtype)
    number = SOLVERS.get(solver, solver)

    def code(rows, block, idx, val, nnz):
        seen = _masks.NO_MASK
        if shown is not None:
            seen = np.ascontiguousarray(shown[rows]).view(np.uint8)
            block = np.where(shown[rows], block, 0)
        kernel.lasso(
            block,
            D,
            G,
            Dt,
            seen,
            l2_reg,
            penalty,
            weights,
            alpha,
            cap,
            positive,
            number,
            max_iter,
            max_steps,
            tol,
            *towards(prior, rows, l2_reg, D.dtype),
            *start_of(init, rows, D.dtype),
            idx,
            val,
            nnz,
            gaps[rows],
            n_threads,
        )

    cost = COST.get(solver, COST["lars"])
    with one_blas_thread():
        codes = collect(X, K, cap, code, sparse_output=sparse_output, cost=cost, dtype=D.dtype, columns=columns)
    return codes, gaps


def minimise_observed(X, D, mask, alpha, weights, l2_reg, *, init, sparse_output, **options):
    """All signals under one mask: the atoms on its coordinates, of unit norm there, and back."""
    n, K = X.shape[0], D.shape[0]
    D_seen, left = _masks.observed_atoms(D, mask)
    if left.size == 0:
        return _masks.nothing(n, K, D.dtype, sparse_output), np.zeros(n)
    norms = _inputs.row_norms(D_seen)
    if init is not None:
        init = csr_array(init[:, left].multiply(norms)).astype(D.dtype)
        init.sort_indices()
    with one_blas_thread():
        D_seen = (D_seen / norms[:, None]).astype(D.dtype)
        G = _inputs.pad_gram(D_seen)
    codes, gaps = minimise(
        X, D_seen, G, alpha, weights[left], l2_reg, init=init, sparse_output=True, columns=mask, **options
    )
    codes.data /= norms[codes.indices].astype(D.dtype)
    codes = _masks.spread(codes, left, K)
    return (codes if sparse_output else codes.toarray()), gaps


def towards(prior: np.ndarray | None, rows: slice, l2_reg: float, dtype):
    """What ``½ l2_reg ‖c − prior‖²`` adds to the correlations and to the energy of the signals."""
    if prior is None:
        return np.empty((0, 0), dtype), np.empty(0)
    here = np.ascontiguousarray(prior[rows], dtype)
    return dtype.type(l2_reg) * here, l2_reg * np.einsum("ij,ij->i", here, here, dtype=np.float64)


def start_of(init: csr_array | None, rows: slice, dtype):
    """The rows of `init` as the kernel takes them: pointers from 0, indices, values; empty where there is none."""
    if init is None:
        return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, dtype)
    first, last = init.indptr[rows.start], init.indptr[rows.stop]
    return (
        init.indptr[rows.start : rows.stop + 1].astype(np.int64) - first,
        init.indices[first:last].astype(np.int32, copy=False),
        init.data[first:last],
    )


def padded(values: np.ndarray, size: int, dtype) -> np.ndarray:
    """The values, then infinity: no atom stands there."""
    out = np.full(size, np.inf, dtype)
    out[: len(values)] = values
    return out


def effective_tol(tol: float, dtype) -> float:
    return float(tol) if dtype == np.float64 else max(float(tol), FLOAT32_TOL)


def warn_unless_solved(gaps: np.ndarray, tol: float, max_iter: int) -> None:
    open_ = np.count_nonzero(~(gaps <= tol))
    if open_:
        warnings.warn(
            f"the lasso of {open_} of {gaps.size} signals has a relative duality gap above tol={tol:g} (worst "
            f"{gaps.max():.3g}) after max_iter={max_iter} rounds",
            ConvergenceWarning,
            stacklevel=3,
        )


def check_weights(weights, n_atoms: int) -> np.ndarray:
    """Weights of the penalty, one an atom, finite and at least 0."""
    if weights is None:
        return np.ones(n_atoms)
    weights = check_vector(weights, "weights", size=n_atoms)
    if weights.min() < 0:
        raise ValueError(f"weights must be at least 0, got {weights.min()}")
    return weights


def check_for_path(weights: np.ndarray, init=None) -> None:
    """A path starts at zero, where every atom is penalised."""
    if not weights.all():
        raise ValueError('weights must be positive for solver="lars": the path starts where every atom is penalised')
    if init is not None:
        raise ValueError('init is for the other solvers; the path of solver="lars" starts at zero')


def check_codes(init, shape: tuple[int, int], dtype) -> csr_array:
    """Codes to start from, as CSR of the given shape and type."""
    check_indices(init, "init")
    init = check_array(init, accept_sparse="csr", dtype=dtype, input_name="init")
    if init.shape != shape:
        raise ValueError(f"init must have shape {shape}, as the codes, got {init.shape}")
    init = csr_array(init)
    if issparse(init) and not init.has_canonical_format:
        init = init.copy()
        init.sum_duplicates()
    return init
