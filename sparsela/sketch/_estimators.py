"""The sketches as scikit-learn transformers, features are sketched, ``X Sᵀ``: what all share; Gaussian and signs."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsela._core.random import seed_from
from sparsela._core.validation import check_count, check_indices
from sparsela.sketch._dimensions import johnson_lindenstrauss_min_dim
from sparsela.sketch._operator import SketchOperator

INPUT = {"accept_sparse": ("csr", "csc"), "dtype": (np.float64, np.float32)}
_FIT = """
    n_components_ : int
        Length of a sketch.
    seed_ : int
        What was drawn from `random_state`: the sketch can be drawn again from it, anywhere.
    operator_ : SketchOperator
        The sketch S itself, of shape (n_components, n_features).
    components_ : ndarray or csr_array of shape (n_components, n_features)
        S written out when it is asked for, sparse where S is.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns."""


def documented(cls):
    """What all sketches share of their docstrings: the parameters that are everyone's, and the fitted attributes."""
    cls.__doc__ = cls.__doc__.replace("{fitted}", _FIT.strip()).replace("{random_state}", _SEED.strip())
    cls.__doc__ = cls.__doc__.replace("{n_components}", _K.strip()).replace("{eps}", _EPS.strip())
    return cls


_K = """
    n_components : int or "auto", default="auto"
        Length of a sketch. "auto": :func:`johnson_lindenstrauss_min_dim` of the number of samples and `eps`, but not
        more than the features (with a DataDimensionalityWarning)."""
_EPS = """
    eps : float, default=0.1
        Distortion of squared distances that "auto" aims at, between 0 and 1."""
_SEED = """
    random_state : int, RandomState or None, default=None
        An int is the seed itself."""


class FeatureSketch(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """fit draws S from the shape of X alone; transform multiplies by it."""

    _kind: str
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def fit(self, X, y=None):
        """Draw the sketch for as many features as X has; its values are checked, not looked at.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._validate_params()
        if self.n_components != "auto":
            check_count(self.n_components, "n_components")  # True is an int to the constraints
        check_indices(X, "X")
        X = validate_data(self, X, **INPUT)
        self._check_sizes(X)
        self.n_components_ = self._size(*X.shape)
        self.seed_ = seed_from(self.random_state)
        self.operator_ = SketchOperator(
            self._kind, self.n_components_, X.shape[1], random_state=self.seed_, dtype=X.dtype, **self._drawn_with(X)
        )
        return self

    def transform(self, X):
        """Sketch the features.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            float32 stays; CSR is not made dense, CSC becomes CSR.

        Returns
        -------
        ndarray of shape (n_samples, n_components)

        Raises
        ------
        ValueError
            If X has NaN or infinity, unless scikit-learn's ``assume_finite`` is set. In dense data they are looked for
            in the sketch, which every number reaches and which is smaller; X is searched for them when one is there, or
            beforehand where a column of S may be empty. No sketch of such data is returned.
        """
        check_is_fitted(self)
        late = not (issparse(X) or self.operator_._drawn.blind)  # NaN and infinity reach Y: look there, it is smaller
        check_indices(X, "X")
        X = validate_data(self, X, reset=False, ensure_all_finite=not late, **INPUT)
        Y = self.operator_._apply(X.tocsr() if issparse(X) else X)
        if late and not get_config()["assume_finite"]:
            with np.errstate(all="ignore"):
                fine = np.isfinite(Y.sum())
            if not fine:
                validate_data(self, X, reset=False, **INPUT)
        return Y

    def adjoint_transform(self, Y):
        """Back to the features, ``Y S``: an unbiased guess of what was sketched, with a large variance.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_components)
            Sketches.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return self.operator_.adjoint(Y)

    @property
    def components_(self):
        """S written out, sparse where S is."""
        check_is_fitted(self)
        return self.operator_.tocsr() if self.operator_._drawn.sparse else self.operator_.toarray()

    @property
    def _n_features_out(self):
        return self.n_components_

    def _check_sizes(self, X):
        """Parameters that hang together with the shape of X, before any work."""

    def _drawn_with(self, X):
        return {}

    def _size(self, n_samples, n_features):
        if self.n_components != "auto":
            if self.n_components > n_features:
                warnings.warn(
                    f"n_components={self.n_components} is above the {n_features} features: the sketch is larger than "
                    "the data",
                    DataDimensionalityWarning,
                    stacklevel=3,
                )
            return int(self.n_components)
        k = int(johnson_lindenstrauss_min_dim(n_samples, eps=self.eps))
        if k > n_features:
            warnings.warn(
                f"eps={self.eps} and {n_samples} samples ask for {k} components, more than the {n_features} features: "
                f"{n_features} are taken",
                DataDimensionalityWarning,
                stacklevel=3,
            )
        return max(1, min(k, n_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _Invertible:
    """The pseudo-inverse, for sketches whose matrix is at hand."""

    def inverse_transform(self, X):
        """Back to the features by the pseudo-inverse of S, as scikit-learn's projections do.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_components)
            Sketches.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Of smallest norm among those with the sketch X. An SVD of S: O(n_features n_components²).
        """
        from scipy.linalg import pinv

        check_is_fitted(self)
        check_indices(X, "X")
        X = check_array(X, input_name="X", **INPUT)
        if X.shape[1] != self.n_components_:
            raise ValueError(f"X must have {self.n_components_} columns, as a sketch has, got {X.shape[1]}")
        return X @ pinv(self.operator_.toarray()).T


@documented
class GaussianSketch(_Invertible, FeatureSketch):
    """Sketch by a matrix of independent normal numbers.

    Parameters
    ----------
    {n_components}
    {eps}
    {random_state}

    Attributes
    ----------
    {fitted}

    See Also
    --------
    SRHT : As good, and much faster on dense data.
    CountSketch : Much faster on sparse data.

    Notes
    -----
    ``S_ij ~ N(0, 1/k)``. For every x, ``k ‖Sx‖²/‖x‖²`` is chi-squared with k degrees of freedom, so that
    ``k Var‖Sx‖² = 2 ‖x‖⁴``: no vector is worse than another. O(n_samples n_features k).

    References
    ----------
    W. Johnson, J. Lindenstrauss. Extensions of Lipschitz mappings into a Hilbert space. Contemporary Mathematics, 1984.

    S. Dasgupta, A. Gupta. An elementary proof of a theorem of Johnson and Lindenstrauss. Random Structures &
    Algorithms, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import GaussianSketch
    >>> X = np.random.default_rng(0).normal(size=(10, 1000))
    >>> GaussianSketch(64, random_state=0).fit_transform(X).shape
    (10, 64)
    """

    _kind = "gaussian"

    def __init__(self, n_components="auto", *, eps=0.1, random_state=None):
        self.n_components = n_components
        self.eps = eps
        self.random_state = random_state


@documented
class SparseSignSketch(_Invertible, FeatureSketch):
    """Sketch by a matrix of random signs and zeros.

    Parameters
    ----------
    {n_components}
    density : float or "auto", default="auto"
        Share p of non-zeros, in (0, 1]. "auto" is 1/√n_features (Li, Hastie, Church), 1/3 Achlioptas's, 1 has signs
        alone.
    {eps}
    {random_state}

    Attributes
    ----------
    {fitted}

    See Also
    --------
    SparseEmbedding : As sparse, and no worse on vectors with few non-zeros.

    Notes
    -----
    ``S_ij = ±1/√(pk)`` with probability p/2 each. For ‖x‖ = 1, ``k Var‖Sx‖² = 2 + (1/p − 3) ‖x‖₄⁴``. With p = 1/√d a
    vector with one non-zero has √d − 1: "auto" fails on spiky vectors, and is good where no entry stands out. Rows of a
    column are drawn one by one for p ≥ 0.05, by skips below: two ranges, two different S. O(n_samples n_features k p).

    References
    ----------
    D. Achlioptas. Database-friendly random projections: Johnson–Lindenstrauss with binary coins. Journal of Computer
    and System Sciences, 2003.

    P. Li, T. Hastie, K. Church. Very sparse random projections. KDD, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import SparseSignSketch
    >>> X = np.random.default_rng(0).normal(size=(10, 900))
    >>> S = SparseSignSketch(64, random_state=0).fit(X).components_
    >>> S.shape, round(S.nnz / (64 * 900), 2)
    ((64, 900), 0.03)
    """

    _kind = "sparse_sign"
    _parameter_constraints: dict = {
        **FeatureSketch._parameter_constraints,
        "density": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"})],
    }

    def __init__(self, n_components="auto", *, density="auto", eps=0.1, random_state=None):
        self.n_components = n_components
        self.density = density
        self.eps = eps
        self.random_state = random_state

    def _drawn_with(self, X):
        return {"density": self.density}


@documented
class CountSketch(FeatureSketch):
    """Add each feature, with a random sign, to one entry of the sketch.

    Parameters
    ----------
    {n_components}
    {eps}
    {random_state}

    Attributes
    ----------
    {fitted}

    See Also
    --------
    SparseEmbedding : Several signs a column, for guarantees on subspaces with far fewer components.

    Notes
    -----
    Column i of S has one entry, ±1, in a row that is hashed from i: feature hashing on indices (Weinberger et al.
    2009). For ‖x‖ = 1, ``k Var‖Sx‖² = 2 (1 − ‖x‖₄⁴)``. One addition for each non-zero of X: the cheapest sketch, and
    the one for sparse data.

    References
    ----------
    M. Charikar, K. Chen, M. Farach-Colton. Finding frequent items in data streams. ICALP, 2002.

    K. Clarkson, D. Woodruff. Low rank approximation and regression in input sparsity time. STOC, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import CountSketch
    >>> X = np.eye(5)
    >>> np.abs(CountSketch(3, random_state=0).fit_transform(X)).sum(axis=1)
    array([1., 1., 1., 1., 1.])
    """

    _kind = "countsketch"

    def __init__(self, n_components="auto", *, eps=0.1, random_state=None):
        self.n_components = n_components
        self.eps = eps
        self.random_state = random_state


@documented
class SparseEmbedding(FeatureSketch):
    """Add each feature, with random signs, to a few entries of the sketch (OSNAP, sparse Johnson–Lindenstrauss).

    Parameters
    ----------
    {n_components}
    n_nonzeros : int, default=8
        Signs z a column, at most n_components ("auto": fewer where there are fewer components). 8 is what randomized
        linear algebra uses.
    {eps}
    {random_state}

    Attributes
    ----------
    {fitted}

    See Also
    --------
    CountSketch : One sign a column.

    Notes
    -----
    The rows of S are cut into z blocks; a column has one entry ±1/√z in each. For ‖x‖ = 1 and equal blocks,
    ``k Var‖Sx‖² = 2 (1 − ‖x‖₄⁴)``, as with CountSketch, but the tails are lighter: an r-dimensional subspace takes
    about r log r components instead of r². z additions for each non-zero of X.

    References
    ----------
    D. Kane, J. Nelson. Sparser Johnson–Lindenstrauss transforms. Journal of the ACM, 2014.

    J. Nelson, H. L. Nguyên. OSNAP: faster numerical linear algebra algorithms via sparser subspace embeddings. FOCS,
    2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import SparseEmbedding
    >>> X = np.eye(5)
    >>> np.count_nonzero(SparseEmbedding(4, n_nonzeros=2, random_state=0).fit_transform(X), axis=1)
    array([2, 2, 2, 2, 2])
    """

    _kind = "sparse_embedding"
    _parameter_constraints: dict = {
        **FeatureSketch._parameter_constraints,
        "n_nonzeros": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_components="auto", *, n_nonzeros=8, eps=0.1, random_state=None):
        self.n_components = n_components
        self.n_nonzeros = n_nonzeros
        self.eps = eps
        self.random_state = random_state

    def _check_sizes(self, X):
        if self.n_components != "auto" and self.n_nonzeros > self.n_components:
            raise ValueError(f"n_nonzeros must be at most n_components, {self.n_components}, got {self.n_nonzeros}")

    def _drawn_with(self, X):
        return {"n_nonzeros": min(self.n_nonzeros, self.n_components_)}
