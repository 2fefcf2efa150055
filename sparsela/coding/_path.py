"""Paths of least-angle regression and of the lasso: one signal with all its knots, or many at one point."""

from __future__ import annotations

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_positive, check_vector
from sparsela._ext import lasso as kernel
from sparsela.coding import _inputs
from sparsela.coding._lasso import LEAST_ANGLE, check_for_path, check_weights, minimise, padded


@in_float_range
def batch_lasso_path(
    x,
    dictionary,
    *,
    alpha_min: float = 0.0,
    positive: bool = False,
    weights=None,
    gram=None,
    max_iter: int = 10_000,
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the lasso of one signal through all penalties.

    Parameters
    ----------
    x : array of shape (n_features,)
        The signal. float32 is followed in float32.
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, of any norm but zero.
    alpha_min : float, default=0.0
        Where the path ends, in the units of :func:`batch_lasso`.
    positive : bool, default=False
        Ask for codes ≥ 0.
    weights : array of shape (n_components,), optional
        Weight > 0 of each atom's penalty; default ones.
    gram : array of shape (n_components, n_components), optional
        ``dictionary @ dictionary.T`` where it is at hand.
    max_iter : int, default=10000
        Most steps: an atom enters or leaves in each.

    Returns
    -------
    alphas : ndarray of shape (n_knots,)
        Penalties at which the active set changes, descending, float64; the last is `alpha_min` when the path gets
        there.
    codes : ndarray of shape (n_knots, n_components)
        Codes there; between two knots the code is linear in alpha.

    Raises
    ------
    ValueError
        If x or the dictionary is empty, not finite, or of another width than the other, an atom is zero, `alpha_min` is
        negative, or a weight is not positive.

    See Also
    --------
    batch_lasso : Many signals at one penalty.

    Notes
    -----
    The minimiser of ``½‖x − c D‖² + alpha Σ w_i |c_i|`` is piecewise linear in alpha. A step solves with the Cholesky
    factor of the active atoms' Gram matrix, which grows and shrinks with them: O(active · n_components). scikit-learn's
    ``lars_path(method="lasso")`` divides alpha by n_features.

    References
    ----------
    M. Osborne, B. Presnell, B. Turlach. A new approach to variable selection in least squares problems. IMA Journal of
    Numerical Analysis, 2000.

    B. Efron, T. Hastie, I. Johnstone, R. Tibshirani. Least angle regression. Annals of Statistics, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import batch_lasso_path
    >>> alphas, codes = batch_lasso_path([3.0, 0.5, -2.0], np.eye(3))
    >>> alphas
    array([3. , 2. , 0.5, 0. ])
    >>> codes[1]
    array([1., 0., 0.])
    """
    x = check_vector(x, "x")
    X, D = _inputs.check_signals(x[None], dictionary)
    check_positive(alpha_min, "alpha_min", allow_zero=True)
    check_count(max_iter, "max_iter")
    weights = check_weights(weights, D.shape[0])
    check_for_path(weights)
    _inputs.check_no_zero_atom(_inputs.row_norms(D))
    with one_blas_thread():
        G = _inputs.pad_gram(D, None if gram is None else _inputs.check_gram(gram, D))
        x, w = X[0].astype(D.dtype), padded(weights, G.shape[1], D.dtype)
        room = 4 * min(D.shape) + 2
        while True:  # the number of knots is not known before
            alphas, codes = np.empty(room), np.zeros((room, D.shape[0]), D.dtype)
            n = kernel.path(x, D, G, w, alpha_min, min(D.shape), positive, max_iter, alphas, codes)
            if n < room or room > max_iter:
                return alphas[:n], codes[:n]
            room *= 2


def least_angle(X, dictionary, *, n_nonzero_coefs=None, gram=None, sparse_output=False, n_threads=1):
    """Codes of plain least-angle regression after that many atoms have entered (scikit-learn's "lars")."""
    X, D = _inputs.check_signals(X, dictionary)
    _inputs.check_no_zero_atom(_inputs.row_norms(D))
    limit = min(D.shape)
    k = max(1, min(D.shape[1] // 10, limit)) if n_nonzero_coefs is None else n_nonzero_coefs
    k = check_count(k, "n_nonzero_coefs", high=limit)
    with one_blas_thread():
        G = _inputs.pad_gram(D, None if gram is None else _inputs.check_gram(gram, D))
    return minimise(
        X, D, G, 0.0, cap=k, solver=LEAST_ANGLE, max_steps=k, sparse_output=sparse_output, n_threads=n_threads
    )[0]
