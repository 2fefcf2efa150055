"""One door to the coders, under scikit-learn's names."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from sparsela._core.float_range import in_float_range
from sparsela._core.threads import effective_n_jobs
from sparsela.coding._lasso import batch_lasso
from sparsela.coding._omp import VARIANTS, batch_omp
from sparsela.coding._path import least_angle
from sparsela.coding._threshold import threshold_encode

LASSO_SOLVERS = {"lasso": "active_set", "lasso_lars": "lars", "lasso_cd": "cd"}
ALGORITHMS = (*LASSO_SOLVERS, "lars", *VARIANTS, "threshold")


@in_float_range
def sparse_encode(
    X,
    dictionary,
    *,
    gram=None,
    cov=None,
    algorithm: str = "lasso_lars",
    n_nonzero_coefs=None,
    alpha=None,
    copy_cov: bool = True,
    init=None,
    max_iter: int = 1000,
    n_jobs: int | None = None,
    check_input: bool = True,
    verbose: int = 0,
    positive: bool = False,
    sparse_output: bool = False,
) -> np.ndarray | csr_array:
    """Code signals over a dictionary by the algorithm of that name: scikit-learn's function, faster.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Signals, one a row. float32 is coded in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, none zero.
    gram : array of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T`` where it is at hand.
    cov : array of shape (n_components, n_samples), optional
        ``dictionary @ X.T``. Checked for its shape; the kernels make it block by block, faster than they could read it.
    algorithm : str, default="lasso_lars"
        The lasso: "lasso" (active set, the fastest), "lasso_lars" (along the path), "lasso_cd" (coordinate descent);
        all have the same minimiser. "lars": least-angle regression. "omp", "ormp": matching pursuit. "threshold":
        soft thresholding of the correlations.
    n_nonzero_coefs : int or int array of shape (n_samples,), optional
        For "omp", "ormp" and "lars": atoms a signal; None: ``max(1, n_features // 10)``. An int for "lars".
    alpha : float, optional
        The lasso's penalty or the threshold, default 1. For "omp" and "ormp", where `n_nonzero_coefs` is not given: the
        bound on the squared residual norm.
    copy_cov : bool, default=True
        For scikit-learn's sake: `cov` is never changed.
    init : array or sparse array of shape (n_samples, n_components), optional
        Codes that "lasso" and "lasso_cd" start from; the others have no use for it.
    max_iter : int, default=1000
        Rounds of the lasso, a signal.
    n_jobs : int, optional
        Threads; None is the library's setting.
    check_input : bool, default=True
        For scikit-learn's sake: input is always checked (a pass over X, little beside the coding).
    verbose : int, default=0
        For scikit-learn's sake: nothing is printed.
    positive : bool, default=False
        Ask for codes ≥ 0, of the lasso or of "threshold".
    sparse_output : bool, default=False
        Return a CSR array.

    Returns
    -------
    ndarray or csr_array of shape (n_samples, n_components)
        Codes: ``codes @ dictionary`` approximates X.

    Raises
    ------
    ValueError
        As :func:`batch_omp`, :func:`batch_lasso` and :func:`threshold_encode` do; if `algorithm` is unknown; if
        `positive` is asked of a matching pursuit or of "lars".

    See Also
    --------
    batch_omp : Matching pursuit, with residuals and one sparsity a signal.
    batch_lasso : The lasso, with weights, a ridge and duality gaps.
    SparseCoder : The same as a transformer.

    References
    ----------
    J. Mairal, F. Bach, J. Ponce. Sparse Modeling for Image and Vision Processing. Foundations and Trends in Computer
    Graphics and Vision, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import sparse_encode
    >>> X = np.array([[1.0, 0.2, 0.0], [0.0, -2.0, 0.3]])
    >>> sparse_encode(X, np.eye(3), algorithm="omp", n_nonzero_coefs=1)
    array([[ 1.,  0.,  0.],
           [ 0., -2.,  0.]])
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {ALGORITHMS}, got {algorithm!r}")
    if positive and algorithm in (*VARIANTS, "lars"):
        raise ValueError(f"positive is for the lasso and for thresholding; algorithm={algorithm!r} has no such option")
    if cov is not None and np.shape(cov) != (np.shape(dictionary)[0], np.shape(X)[0]):
        raise ValueError(
            f"cov must have shape ({np.shape(dictionary)[0]}, {np.shape(X)[0]}), one row an atom, got {np.shape(cov)}"
        )
    if algorithm == "threshold":
        return threshold_encode(
            X,
            dictionary,
            alpha=1.0 if alpha is None else alpha,
            positive=positive,
            sparse_output=sparse_output,
            n_jobs=n_jobs,
        )
    if algorithm == "lars":
        return least_angle(
            X,
            dictionary,
            n_nonzero_coefs=n_nonzero_coefs,
            gram=gram,
            sparse_output=sparse_output,
            n_threads=effective_n_jobs(n_jobs),
        )
    if algorithm in VARIANTS:
        return batch_omp(
            X,
            dictionary,
            n_nonzero_coefs=n_nonzero_coefs,
            tol=alpha if n_nonzero_coefs is None else None,
            variant=algorithm,
            gram=gram,
            sparse_output=sparse_output,
            n_jobs=n_jobs,
        )
    return batch_lasso(
        X,
        dictionary,
        alpha=1.0 if alpha is None else alpha,
        solver=LASSO_SOLVERS[algorithm],
        positive=positive,
        gram=gram,
        init=None if algorithm == "lasso_lars" else init,
        max_iter=max_iter,
        sparse_output=sparse_output,
        n_jobs=n_jobs,
    )
