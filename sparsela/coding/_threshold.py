"""Codes by thresholding the correlations: one matrix product and one pass."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from sparsela._core.float_range import in_float_range
from sparsela._core.prox import prox_l1
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_positive
from sparsela._ext.topk import topk
from sparsela.coding import _inputs
from sparsela.coding._codes import collect

KINDS = ("soft", "hard")


@in_float_range
def threshold_encode(
    X,
    dictionary,
    *,
    alpha: float | None = None,
    n_nonzero_coefs: int | None = None,
    kind: str = "soft",
    positive: bool = False,
    sparse_output: bool = False,
    n_jobs: int | None = None,
) -> np.ndarray | csr_array:
    """Code every signal by its thresholded correlations with the atoms.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Signals, one a row. float32 is coded in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, none zero.
    alpha : float, optional
        Threshold ≥ 0 on the modulus of the correlation. Give this or `n_nonzero_coefs`.
    n_nonzero_coefs : int, optional
        Keep the correlations of largest modulus, that many a signal; ties go to the atom of lowest index.
    kind : {"soft", "hard"}, default="soft"
        With `alpha`: shrink what is kept by alpha, or keep it as it is.
    positive : bool, default=False
        Keep positive correlations only.
    sparse_output : bool, default=False
        Return a CSR array with sorted indices and no explicit zero.
    n_jobs : int, optional
        Threads of the selection; None is the library's setting.

    Returns
    -------
    ndarray or csr_array of shape (n_samples, n_components)
        Codes.

    Raises
    ------
    ValueError
        If neither or both of `alpha` and `n_nonzero_coefs` are given, if one is out of range, or if X or the dictionary
        is empty, not finite or of another width than the other.

    Notes
    -----
    With A = X Dᵀ: ``sign(A) max(|A| − alpha, 0)``, ``A [|A| > alpha]``, or the k largest ``|A|`` of each row. It is the
    first step of a proximal gradient method, good enough for features and far cheaper than a sparse solve:
    O(n_samples · n_features · n_components) in one matrix product.

    References
    ----------
    A. Coates, A. Ng. The importance of encoding versus training with sparse coding and vector quantization. ICML 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import threshold_encode
    >>> threshold_encode([[3.0, 0.5, -2.0]], np.eye(3), alpha=1.0)
    array([[ 2.,  0., -1.]])
    >>> threshold_encode([[3.0, 0.5, -2.0]], np.eye(3), n_nonzero_coefs=1)
    array([[3., 0., 0.]])
    """
    X, D = _inputs.check_signals(X, dictionary)
    _inputs.check_no_zero_atom(_inputs.row_norms(D))
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if (alpha is None) == (n_nonzero_coefs is None):
        raise ValueError(f"give one of alpha and n_nonzero_coefs, got alpha={alpha!r}, {n_nonzero_coefs=}")
    K = D.shape[0]
    n_threads = effective_n_jobs(n_jobs)
    if alpha is not None:
        alpha, width = check_positive(alpha, "alpha", allow_zero=True), K
    else:
        width = check_count(n_nonzero_coefs, "n_nonzero_coefs", high=K)

    def correlations(block: np.ndarray) -> np.ndarray:
        A = block @ D.T
        return np.maximum(A, 0, out=A) if positive else A

    def thresholded(block: np.ndarray) -> np.ndarray:
        A = correlations(block)
        if kind == "soft":
            return prox_l1(A, alpha, out=A)
        A[np.abs(A) <= alpha] = 0
        return A

    def code(rows, block, idx, val, nnz):
        if alpha is None:
            order, values = np.empty((len(block), width), np.intp), np.empty((len(block), width), D.dtype)
            topk(correlations(block), order, values, n_threads)
            kept = values != 0
            pack(order, values, kept, idx, val, nnz)
        else:
            A = thresholded(block)
            pack(np.broadcast_to(np.arange(K), A.shape), A, A != 0, idx, val, nnz)

    with one_blas_thread():
        if alpha is not None and not sparse_output:
            codes = np.empty((X.shape[0], K), D.dtype)
            for start in range(0, X.shape[0], 4096):
                some = slice(start, start + 4096)
                codes[some] = thresholded(np.ascontiguousarray(X[some], D.dtype))
            return codes
        return collect(X, K, width, code, sparse_output=sparse_output, dtype=D.dtype)


def pack(columns, values, kept, idx, val, nnz) -> None:
    """Move the kept entries of each row to its front, in order."""
    nnz[:] = kept.sum(axis=1)
    filled = np.arange(idx.shape[1]) < nnz[:, None]
    idx[filled] = columns[kept]
    val[filled] = values[kept]
