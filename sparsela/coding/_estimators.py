"""Coding as a transformer; the base that dictionary learners share."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.sparse import hstack, issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_indices
from sparsela.coding._encode import ALGORITHMS, LASSO_SOLVERS, sparse_encode
from sparsela.coding._inputs import check_real


class DictionaryTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transform signals into codes over ``components_``, and codes back into signals.

    A subclass stores those of the parameters below that it offers; the rest keep their defaults.
    """

    transform_algorithm = "omp"
    transform_n_nonzero_coefs = None
    transform_alpha = None
    transform_max_iter = 1000
    positive_code = False
    split_sign = False
    sparse_output = False
    n_jobs = None

    _parameter_constraints: dict = {
        "transform_algorithm": [StrOptions(set(ALGORITHMS))],
        "transform_n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "transform_alpha": [Interval(Real, 0, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    @in_float_range
    def transform(self, X):
        """Code signals over the dictionary.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals.

        Returns
        -------
        ndarray or csr_array of shape (n_samples, n_components)
            Codes; twice as many columns with ``split_sign=True``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        algorithm = self.transform_algorithm
        codes = sparse_encode(
            X,
            np.asarray(self.components_).astype(X.dtype, copy=False),
            algorithm=algorithm,
            n_nonzero_coefs=self.transform_n_nonzero_coefs,
            alpha=self.transform_alpha,
            max_iter=self.transform_max_iter,
            n_jobs=self.n_jobs,
            positive=self.positive_code and algorithm in (*LASSO_SOLVERS, "threshold"),
            sparse_output=self.sparse_output,
        )
        if not self.split_sign:
            return codes
        if issparse(codes):
            return hstack([codes.maximum(0), -codes.minimum(0)], format="csr")
        return np.hstack([np.maximum(codes, 0), -np.minimum(codes, 0)])

    @in_float_range
    def inverse_transform(self, X):
        """Rebuild signals from codes.

        Parameters
        ----------
        X : array or sparse array of shape (n_samples, n_components)
            Codes, as :meth:`transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``codes @ components_``.
        """
        check_is_fitted(self)
        check_indices(X, "X")
        codes = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        D = np.asarray(self.components_)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(f"codes must have {self._n_features_out} columns, got {codes.shape[1]}")
        if self.split_sign:
            codes = codes[:, : D.shape[0]] - codes[:, D.shape[0] :]
        return codes @ D.astype(codes.dtype, copy=False)

    @property
    def _n_features_out(self) -> int:
        return (2 if self.split_sign else 1) * np.shape(self.components_)[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SparseCoder(DictionaryTransformer):
    """Code signals over a fixed dictionary.

    Parameters
    ----------
    dictionary : array of shape (n_components, n_features)
        Atoms, one a row, none zero.
    transform_algorithm : str, default="omp"
        As in :func:`sparse_encode`: "omp", "ormp", "lasso", "lasso_lars", "lasso_cd", "lars" or "threshold".
    transform_n_nonzero_coefs : int, optional
        Atoms a signal, for "omp", "ormp" and "lars"; when `transform_alpha` is not given either,
        ``max(1, n_features // 10)``.
    transform_alpha : float, optional
        The lasso's penalty or the threshold (default 1), or, for "omp" and "ormp" without a number of atoms, the bound
        on the squared residual norm.
    split_sign : bool, default=False
        Return positive and negative parts as columns of their own, for what comes next in a pipeline.
    n_jobs : int, optional
        Threads; None is the library's setting. The codes do not depend on it.
    positive_code : bool, default=False
        Ask for codes ≥ 0 of the lasso and of "threshold"; the others have no such option and go their way.
    transform_max_iter : int, default=1000
        Rounds of the lasso, a signal.
    sparse_output : bool, default=False
        Return CSR arrays.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary as it was given.
    n_components_ : int
        Number of atoms.
    n_features_in_ : int
        Length of an atom.

    Notes
    -----
    ``fit`` only checks its input, and ``transform`` needs no fit. Each signal x gets the code c of
    ``min ‖x − c D‖²`` subject to ``‖c‖₀ ≤ k``, approximately ("omp", "ormp"), or of
    ``min ½‖x − c D‖² + alpha ‖c‖₁``, exactly ("lasso", "lasso_lars", "lasso_cd").

    References
    ----------
    R. Rubinstein, M. Zibulevsky, M. Elad. Efficient Implementation of the K-SVD Algorithm using Batch Orthogonal
    Matching Pursuit. Technion CS-2008-08, 2008.

    H. Lee, A. Battle, R. Raina, A. Ng. Efficient sparse coding algorithms. NIPS 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.coding import SparseCoder
    >>> coder = SparseCoder(np.eye(3), transform_n_nonzero_coefs=1)
    >>> coder.fit_transform([[1.0, 0.2, 0.0], [0.0, -2.0, 0.3]])
    array([[ 1.,  0.,  0.],
           [ 0., -2.,  0.]])
    """

    _parameter_constraints: dict = {
        **DictionaryTransformer._parameter_constraints,
        "dictionary": ["array-like"],
        "split_sign": ["boolean"],
        "positive_code": ["boolean"],
        "transform_max_iter": [Interval(Integral, 1, None, closed="left")],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self,
        dictionary,
        *,
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        transform_alpha=None,
        split_sign=False,
        n_jobs=None,
        positive_code=False,
        transform_max_iter=1000,
        sparse_output=False,
    ):
        self.dictionary = dictionary
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.split_sign = split_sign
        self.n_jobs = n_jobs
        self.positive_code = positive_code
        self.transform_max_iter = transform_max_iter
        self.sparse_output = sparse_output

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Check the parameters and the width of X; nothing is learned.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        SparseCoder
            Itself.
        """
        D = check_real(self.dictionary, "dictionary")
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        if X.shape[1] != D.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features and the atoms of the dictionary have {D.shape[1]}; they must be equal"
            )
        return self

    @property
    def components_(self) -> np.ndarray:
        return np.asarray(self.dictionary)

    @property
    def n_components_(self) -> int:
        return self.components_.shape[0]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
