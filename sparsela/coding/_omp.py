"""Batch orthogonal matching pursuit: few atoms for each of many signals over one dictionary."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._ext import omp as kernel
from sparsela.coding import _inputs
from sparsela.coding._codes import collect

VARIANTS = ("omp", "ormp")


def batch_omp(
    X,
    dictionary,
    *,
    n_nonzero_coefs=None,
    tol=None,
    variant: str = "omp",
    gram=None,
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
        Squared residual norms, recomputed from the codes. Only with ``return_residual=True``.

    Raises
    ------
    ValueError
        If X or the dictionary is empty or not finite, if their widths differ, if an atom is zero, if
        `n_nonzero_coefs` or `tol` is out of range, or `gram` has the wrong shape or is not symmetric.

    Notes
    -----
    For each row x, greedily: ``min ‖x − c D‖²`` subject to ``‖c‖₀ ≤ k`` or until ``‖x − c D‖² ≤ tol``. The
    correlations of a block of signals come from one matrix product; then each signal is coded on its row of them with
    the Gram matrix alone, in O(n_components · k²), by a triangular factor that grows by a row a step. Ties go to the
    atom of lowest index. A signal stops early when the next atom lies in the span of those it has.

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
    X, D = _inputs.check_signals(X, dictionary)
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {VARIANTS}, got {variant!r}")
    k, bound = stopping_rule(n_nonzero_coefs, tol, X.shape[0], *D.shape)
    n_threads = effective_n_jobs(n_jobs)
    with one_blas_thread():
        atoms = _inputs.unit_atoms(D, gram)
    return pursue(X, atoms, k, bound, variant, sparse_output, n_threads, return_residual)


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
    variant: str,
    sparse_output: bool,
    n_threads: int,
    return_residual: bool = False,
):
    """:func:`batch_omp` on checked input."""
    D, G, norms = atoms
    residuals = np.empty(X.shape[0] if return_residual else 0)
    bound = np.zeros(1) if tol is None else tol

    def code(rows, block, idx, val, nnz):
        kernel.omp(
            block,
            D,
            G,
            k if k.size == 1 else k[rows],
            bound if bound.size == 1 else bound[rows],
            tol is not None,
            variant == "ormp",
            idx,
            val,
            nnz,
            residuals[rows],
            n_threads,
        )
        if norms is not None:
            filled = np.arange(val.shape[1]) < nnz[:, None]
            val[filled] /= norms[idx[filled]]

    depth, m = int(k.max()), X.shape[1]
    with one_blas_thread():
        codes = collect(
            X,
            D.shape[0],
            depth,
            code,
            sparse_output=sparse_output,
            cost=1 + depth * (depth + 1) // (2 * m),
            dtype=D.dtype,
        )
    return (codes, residuals) if return_residual else codes
