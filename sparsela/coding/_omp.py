"""Batch orthogonal matching pursuit: few atoms for each of many signals over one dictionary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import idamax
from scipy.sparse import csr_array

from sparsela._core.float_range import in_float_range
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._ext import omp as kernel
from sparsela.coding import _inputs, _masks
from sparsela.coding._codes import collect

VARIANTS = ("omp", "ormp")
PRECISIONS = ("input", "mixed")


@in_float_range
def batch_omp(
    X,
    dictionary,
    *,
    n_nonzero_coefs=None,
    tol=None,
    variant: str = "omp",
    gram=None,
    mask=None,
    precision: str = "input",
    sparse_output: bool = False,
    n_jobs: int | None = None,
    return_residual: bool = False,
) -> np.ndarray | csr_array | tuple:
    """Code every signal by orthogonal matching pursuit.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Signals, one a row. float32 is coded in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, none zero. Atoms of another norm than 1 are normalised for the selection and their
        coefficients scaled back (scikit-learn does not normalise, and may choose other atoms there).
    n_nonzero_coefs : int or int array of shape (n_samples,), optional
        Atoms a signal, between 1 and ``min(n_features, n_components)``. When neither this nor `tol` is given:
        ``max(1, n_features // 10)``, at most n_components.
    tol : float or array of shape (n_samples,), optional
        Stop when the *squared* residual norm of a signal is at most this. With `n_nonzero_coefs` too: whichever
        comes first.
    variant : {"omp", "ormp"}, default="omp"
        "omp" takes the atom best aligned with the residual, "ormp" the one that lowers the residual most once it is
        made orthogonal to those already taken (order-recursive matching pursuit, also called OLS).
    gram : array of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T`` where it is at hand.
    mask : bool array of shape (n_features,) or (n_samples, n_features), optional
        True where X is observed; what X holds elsewhere, NaN included, is not looked at. Each signal is coded over the
        atoms on its observed coordinates, normalised there, and its coefficients are those of the whole atoms.
    precision : {"input", "mixed"}, default="input"
        "mixed", for float64 input: choose the atoms in float32, then solve for their coefficients in float64. About
        twice as fast; another atom is chosen where two are equal to seven digits. Not with a mask for each signal.
    sparse_output : bool, default=False
        Return a CSR array with sorted indices and no explicit zero.
    n_jobs : int, optional
        Threads; None is the library's setting. The codes do not depend on it, bit for bit.
    return_residual : bool, default=False
        Also return the squared residual norms.

    Returns
    -------
    codes : ndarray or csr_array of shape (n_samples, n_components)
        ``codes @ dictionary`` approximates X.
    residuals : ndarray of shape (n_samples,)
        Squared residual norms on what is observed, recomputed from the codes. Only with ``return_residual=True``.

    Raises
    ------
    ValueError
        If X or the dictionary is empty or not finite, if their widths differ, if an atom is zero, if
        `n_nonzero_coefs` or `tol` is out of range, or `gram` or `mask` has the wrong shape.

    Notes
    -----
    For each row x, greedily: ``min ‖x − c D‖²`` subject to ``‖c‖₀ ≤ k`` or until ``‖x − c D‖² ≤ tol``. The
    correlations of a block of signals come from one matrix product; then each signal is coded on its row of them with
    the Gram matrix alone, in O(n_components · k²), by a triangular factor that grows by a row a step. Ties go to the
    atom of lowest index. A signal stops early when the next atom lies in the span of those it has.

    A mask for each signal makes no Gram matrix for each: the rows that a signal uses are corrected for its hidden
    coordinates, O(min(observed, hidden) · n_components) each.

    Memory: X, the codes and a few MB; X is walked in blocks.

    References
    ----------
    R. Rubinstein, M. Zibulevsky, M. Elad. Efficient Implementation of the K-SVD Algorithm using Batch Orthogonal
    Matching Pursuit. Technion CS-2008-08, 2008.

    L. Rebollo-Neira, D. Lowe. Optimized orthogonal matching pursuit approach. IEEE Signal Processing Letters, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import batch_omp
    >>> D = np.eye(4)
    >>> batch_omp([[3.0, 0.0, -2.0, 1.0]], D, n_nonzero_coefs=2)
    array([[ 3.,  0., -2.,  0.]])
    """
    X, D = _inputs.check_signals(X, dictionary, finite=mask is None)
    for name, value, choices in (("variant", variant, VARIANTS), ("precision", precision, PRECISIONS)):
        if value not in choices:
            raise ValueError(f"{name} must be one of {choices}, got {value!r}")
    k, bound = stopping_rule(n_nonzero_coefs, tol, X.shape[0], *D.shape)
    mask = None if mask is None else _masks.check_mask(mask, X)
    mixed = precision == "mixed" and D.dtype == np.float64
    if mixed and mask is not None and mask.ndim == 2:
        raise ValueError('precision="mixed" takes no mask for each signal; give one for all, or precision="input"')
    options = {
        "variant": variant,
        "sparse_output": sparse_output,
        "n_threads": effective_n_jobs(n_jobs),
        "return_residual": return_residual,
        "mixed": mixed,
    }
    if mask is not None and mask.ndim == 1:
        return pursue_observed(X, D, mask, k, bound, **options)
    with one_blas_thread():
        atoms = _inputs.unit_atoms(D, gram)
    return pursue(X, atoms, k, bound, shown=mask, **options)


def stopping_rule(n_nonzero_coefs, tol, n_samples: int, n_atoms: int, n_features: int):
    """`(k, tol)` as the kernel takes them; tol None where only the number of atoms counts."""
    bound = None if tol is None else _inputs.check_tolerance(tol, n_samples)
    if n_nonzero_coefs is None:
        limit = min(n_features, n_atoms)
        n_nonzero_coefs = limit if tol is not None else min(max(1, n_features // 10), limit)
    return _inputs.check_sparsity(n_nonzero_coefs, n_samples, n_features, n_atoms), bound


def pursue(
    X: np.ndarray,
    atoms: _inputs.Atoms,
    k: np.ndarray,
    tol: np.ndarray | None,
    *,
    variant: str = "omp",
    sparse_output: bool = True,
    n_threads: int = 1,
    return_residual: bool = False,
    shown: np.ndarray | None = None,
    columns: np.ndarray | None = None,
    mixed: bool = False,
    correlations: Callable[[np.ndarray], np.ndarray] | None = None,
):
    """:func:`batch_omp` on checked input; of some columns of X, or of what `shown` (as X) shows of each signal.

    `correlations` gives ``block @ D.T`` where that is faster than one product of matrices.
    """
    D, G, norms = atoms
    residuals = np.empty(X.shape[0] if return_residual else 0)
    bound = np.zeros(1) if tol is None else tol
    if mixed:
        run = in_mixed_precision(D, G)
    else:
        Dt = _masks.NO_MASK.astype(D.dtype) if shown is None else _masks.transposed(D, G.shape[1])

        def run(rows, block, *rest):
            seen = _masks.NO_MASK
            if shown is not None:
                seen = np.ascontiguousarray(shown[rows]).view(np.uint8)
                block = np.where(shown[rows], block, 0)
            given = np.zeros((0, 0), D.dtype)
            if correlations is not None:
                given = np.zeros((len(block), G.shape[1]), D.dtype)  # padded as the Gram matrix is
                given[:, : len(D)] = correlations(block)
            kernel.omp(block, D, G, Dt, seen, *rest, given)

    def code(rows, block, idx, val, nnz):
        here_k, here_tol = (a if a.size == 1 else a[rows] for a in (k, bound))
        rest = (here_k, here_tol, tol is not None, variant == "ormp", idx, val, nnz, residuals[rows], n_threads)
        run(rows, block, *rest)
        if norms is not None:
            filled = np.arange(val.shape[1]) < nnz[:, None]
            val[filled] /= norms[idx[filled]]

    depth, m = int(k.max()), D.shape[1]
    with one_blas_thread():
        codes = collect(
            X,
            D.shape[0],
            depth,
            code,
            sparse_output=sparse_output,
            cost=1 + depth * (depth + 1) // (2 * m) + (0 if shown is None else depth),
            dtype=D.dtype,
            columns=columns,
        )
    return (codes, residuals) if return_residual else codes


def in_mixed_precision(D: np.ndarray, G: np.ndarray):
    """The kernel that chooses in float32 and solves in float64, on signals brought to float32's range."""
    D32 = D.astype(np.float32)
    G32 = _inputs.pad_gram(D32)

    def run(rows, block, k, tol, has_tol, ormp, idx, val, nnz, residuals, n_threads):
        peak = abs(block.flat[idamax(block.ravel())])  # one pass, no copy
        exponent = int(np.frexp(peak)[1]) if not 1e-12 < peak < 1e12 and peak > 0 else 0
        if exponent:
            block, tol = np.ldexp(block, -exponent), np.ldexp(tol, -2 * exponent)
        kernel.omp_mixed(block, D, G, D32, G32, k, tol, has_tol, ormp, idx, val, nnz, residuals, n_threads)
        if exponent:
            np.ldexp(val, exponent, out=val)
            np.ldexp(residuals, 2 * exponent, out=residuals)

    return run


def pursue_observed(X, D, mask: np.ndarray, k, tol, *, sparse_output: bool, return_residual: bool, **options):
    """All signals under one mask: the dictionary on its coordinates, and back."""
    n, K = X.shape[0], D.shape[0]
    D_seen, left = _masks.observed_atoms(D, mask)
    if left.size == 0:
        codes = _masks.nothing(n, K, D.dtype, sparse_output)
        energy = np.einsum("ij,ij->i", X[:, mask], X[:, mask], dtype=np.float64)
        return (codes, energy) if return_residual else codes
    with one_blas_thread():
        atoms = _inputs.unit_atoms(D_seen)
    codes, residuals = pursue(
        X,
        atoms,
        np.minimum(k, min(D_seen.shape)).astype(np.int32),
        tol,
        sparse_output=sparse_output,
        return_residual=True,
        columns=mask,
        **options,
    )
    codes = _masks.spread(codes, left, K)
    return (codes, residuals) if return_residual else codes
