"""One door to the coders, under scikit-learn's names."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from sparsela.coding._lasso import batch_lasso
from sparsela.coding._omp import batch_omp

ALGORITHMS = ("omp", "ormp", "lasso", "lasso_cd")


def sparse_encode(
    X,
    dictionary,
    *,
    gram=None,
    algorithm: str = "lasso",
    n_nonzero_coefs=None,
    alpha=None,
    init=None,
    max_iter: int = 1000,
    n_jobs: int | None = None,
    positive: bool = False,
    sparse_output: bool = False,
) -> np.ndarray | csr_array:
    """Code signals over a dictionary by the algorithm of that name.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Signals, one a row. float32 is coded in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, none zero.
    gram : array of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T`` where it is at hand.
    algorithm : {"lasso", "lasso_cd", "omp", "ormp"}, default="lasso"
        "lasso" (active set) and "lasso_cd" (coordinate descent): the lasso; scikit-learn's "lasso_lars" has the same
        minimiser. "omp", "ormp": matching pursuit.
    n_nonzero_coefs : int or int array of shape (n_samples,), optional
        For "omp" and "ormp": atoms a signal; when `alpha` is not given either, ``max(1, n_features // 10)``.
    alpha : float, optional
        The lasso's penalty, default 1. For "omp" and "ormp", where `n_nonzero_coefs` is not given: the bound on the
        squared residual norm.
    init : array or sparse array of shape (n_samples, n_components), optional
        Codes that the lasso starts from.
    max_iter : int, default=1000
        Rounds of the lasso, a signal.
    n_jobs : int, optional
        Threads; None is the library's setting.
    positive : bool, default=False
        Ask the lasso for codes ≥ 0.
    sparse_output : bool, default=False
        Return a CSR array.

    Returns
    -------
    ndarray or csr_array of shape (n_samples, n_components)
        Codes: ``codes @ dictionary`` approximates X.

    Raises
    ------
    ValueError
        As :func:`batch_omp` and :func:`batch_lasso` do; if `algorithm` is unknown; if `positive` or `init` is given to
        a matching pursuit.

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
    if algorithm in ("omp", "ormp"):
        for name, given in (("positive", positive), ("init", init is not None)):
            if given:
                raise ValueError(f"{name} is for the lasso; algorithm={algorithm!r} has no such option")
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
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {ALGORITHMS}, got {algorithm!r}")
    return batch_lasso(
        X,
        dictionary,
        alpha=1.0 if alpha is None else alpha,
        solver="cd" if algorithm == "lasso_cd" else "active_set",
        positive=positive,
        gram=gram,
        init=init,
        max_iter=max_iter,
        sparse_output=sparse_output,
        n_jobs=n_jobs,
    )
