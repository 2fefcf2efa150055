"""The truncated SVD as an estimator that follows its data."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names, check_is_fitted, validate_data

from sparsela._core.random import seed_from
from sparsela._core.row_blocks import is_collection
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_indices
from sparsela.lowrank._batches import as_rows, check_squares, squares
from sparsela.lowrank._begin import check_mergeable, factorized, given, of_blocks, svd_model
from sparsela.lowrank._readable import INPUT, ReadableSVD
from sparsela.lowrank._update import as_pair

BLOCK = 1024  # rows whose products with each other are formed at a time


class UpdatableTruncatedSVD(ReadableSVD):
    """Truncated SVD that takes new rows, columns and changes at a cost that does not grow with the matrix.

    Parameters
    ----------
    n_components : int, default=2
        Components k that are kept. A stream may start with fewer rows or columns: there are then fewer components,
        and they grow with it (attributes are not padded).
    method : {"fast", "zha-simon", "vecharynski-saad"}, default="fast"
        "fast" never writes the factors out. The others do at each update, and are here to compare with.
    augmentation : {"full", "gkl", "rpi"}, default="full"
        New directions that "fast" takes from a batch: all, or `n_augment` of them by Golub–Kahan bidiagonalization or
        by block power iteration. "zha-simon" always takes all, "vecharynski-saad" those of Golub–Kahan.
    n_augment : int, default=10
        How many directions.
    n_power_iter : int, default=3
        Rounds of "rpi".
    init : {"block-krylov", "arpack", "propack", "lapack"}, default="block-krylov"
        What factorizes the matrix of `fit`: :func:`randomized_svd`, :func:`scipy.sparse.linalg.svds`, or a dense SVD.
    decay : float, default=1.0
        Each update first multiplies the singular values by it: what was seen t updates ago weighs decayᵗ.
    spare : int or "auto", default="auto"
        Spare columns p of the stored factors; "auto" is k. A new direction that takes the place of an old one needs
        one; with none free a factor is rewritten.
    max_condition : float, default=1e3
        Largest condition number that "fast" divides by.
    rank_tol : float or "auto", default="auto"
        Squared length, relative to the longest row of a batch, below which a new direction is rounding; "auto" is 32
        units of rounding.
    tol : float, default=1e-10
        Of `init`.
    random_state : int, RandomState or None, default=None
        Seed of `init` and of the random starts.

    Attributes
    ----------
    components_ : ndarray of shape (k, n_features)
        Right singular vectors, made when they are asked for: O(n_features k²).
    singular_values_ : ndarray of shape (k,)
        Descending.
    explained_energy_ratio_ : ndarray of shape (k,)
        Squared singular values over the squared norm of all that was seen (decayed as they are).
    orthogonality_defect_ : float
        Largest entry of ``UᵀU − I`` and ``VᵀV − I``, from the Gram matrices that are carried along.
    n_folds_ : (int, int)
        How often the left and the right factor were rewritten.
    n_updates_ : int
        Updates since `fit`.
    n_samples_seen_ : int
        Rows.
    n_features_in_ : int
        Columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had them; until columns are added.
    seed_ : int
        What was drawn from `random_state`.

    See Also
    --------
    svd_update : One update of factors that you hold.
    randomized_svd : A matrix that is there already.

    Notes
    -----
    What an update follows exactly is the model of rank k, not the matrix: what was cut off does not come back. It is
    the update of Zha and Simon [2]_, computed without their dense (I − V Vᵀ) Eᵀ: inner products of its columns need the
    sparse part and k coordinates alone [1]_. Each factor is kept as a product B K of a tall table and a small matrix;
    turning all vectors changes K, and B where the new rows have entries. Where K becomes singular, as it does when a
    new direction takes over, the direction goes to a spare column of B instead; the Gram matrix of B is carried along,
    and a loss of orthogonality is repaired in K.

    An update by q sparse rows with nnz entries costs O(nnz (k + p) + (k + q)³ + (k + p) q (k + p + q)): nothing in the
    numbers of rows and columns, but for a rewriting every p takeovers. Memory is (m + n)(k + p) numbers. More than
    1,024 rows at once are taken in blocks. Sparse input is never made dense by "fast".

    References
    ----------
    .. [1] H. Deng, Y. Yang, J. Li, C. Chen, W. Jiang, S. Pu. Fast updating truncated SVD for representation learning
       with sparse matrices. ICLR, 2024. arXiv 2401.09703.
    .. [2] H. Zha, H. Simon. On updating problems in latent semantic indexing. SIAM Journal on Scientific Computing,
       1999.
    .. [3] E. Vecharynski, Y. Saad. Fast updating algorithms for latent semantic indexing. SIAM Journal on Matrix
       Analysis and Applications, 2014. arXiv 1310.2008.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from sparsela.lowrank import UpdatableTruncatedSVD
    >>> X = sp.random_array((300, 1000), density=0.02, format="csr", rng=0)
    >>> model = UpdatableTruncatedSVD(5, random_state=0).fit(X[:200])
    >>> for start in range(200, 300, 10):
    ...     model = model.partial_fit(X[start : start + 10])
    >>> model.n_samples_seen_, model.transform(X).shape
    (300, (300, 5))
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"fast", "zha-simon", "vecharynski-saad"})],
        "augmentation": [StrOptions({"full", "gkl", "rpi"})],
        "n_augment": [Interval(Integral, 1, None, closed="left")],
        "n_power_iter": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"block-krylov", "arpack", "propack", "lapack"})],
        "decay": [Interval(Real, 0, 1, closed="right")],
        "spare": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "max_condition": [Interval(Real, 1, None, closed="neither")],
        "rank_tol": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        method="fast",
        augmentation="full",
        n_augment=10,
        n_power_iter=3,
        init="block-krylov",
        decay=1.0,
        spare="auto",
        max_condition=1e3,
        rank_tol="auto",
        tol=1e-10,
        random_state=None,
    ):
        self.n_components = n_components
        self.method = method
        self.augmentation = augmentation
        self.n_augment = n_augment
        self.n_power_iter = n_power_iter
        self.init = init
        self.decay = decay
        self.spare = spare
        self.max_condition = max_condition
        self.rank_tol = rank_tol
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None):
        """Factorize X.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Data; float32 stays.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        return self._fit(X)

    def _fit(self, X, seed=None):
        self._check_parameters()
        check_indices(X, "X")
        X = validate_data(self, X, **INPUT)
        seed = seed_from(self.random_state) if seed is None else seed
        energy = squares(X.data if issparse(X) else X, "X")
        U, s, Vt = factorized(X, min(self.n_components, *X.shape), self.init, self.tol, seed)
        return self._start(U, s, Vt, energy, seed)

    def partial_fit(self, X, y=None):
        """Add rows; on a fresh estimator, fit.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_rows, n_features), or a Dask collection
            The next rows. Of a Dask array, a bag of arrays or a list of delayed ones, every block is factorized where
            it lies, to rank k, and the factors are merged in a tree; that is one update.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        first = not hasattr(self, "_model")
        if not is_collection(X):
            return self.fit(X) if first else self.add_rows(X)
        seen = of_blocks(X, self, seed_from(self.random_state) if first else self.seed_)
        if not first:
            return self.merge(seen)
        params = self.get_params()  # random_state is ours still
        vars(self).update(vars(seen))
        self.n_updates_ = 0
        return self.set_params(**params)

    def merge(self, other):
        """Append the rows that another one has seen: one update.

        Parameters
        ----------
        other : UpdatableTruncatedSVD
            It stays as it is.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If it is no such estimator, of another dtype, or has seen another number of features.

        Notes
        -----
        Its model of rank k is k rows for the update, in the place of which its m left vectors come then: O(m k²).
        """
        if not isinstance(other, UpdatableTruncatedSVD):
            raise TypeError(f"other must be an UpdatableTruncatedSVD, got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        check_mergeable(self, other)
        U, rest = other.left_singular_vectors(), other._energy - float(np.square(other._model.s).sum())
        n_seen = self.n_samples_seen_
        rows = as_rows(other.singular_values_[:, None] * other.components_, "other", self._model.right.dtype)
        self._updated(self._model.add_rows, (rows,))
        self._energy += rest  # what the other one had cut off was seen too
        self._model.left.expand(n_seen, U)
        return self._refresh()

    def add_rows(self, E, *, new_features=False):
        """Append rows.

        Parameters
        ----------
        E : {ndarray, sparse array} of shape (n_rows, n_features)
            The rows. None at all is no update.
        new_features : bool, default=False
            Whether E may have more columns than were seen. The old rows are zero there.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the width is not that of the data seen, or values are not finite.
        """
        check_is_fitted(self)
        if not (new_features or issparse(E)):
            _check_feature_names(self, E, reset=False)
        rows = as_rows(E, "X", self._model.right.dtype)
        extra = rows.shape[1] - self.n_features_in_
        if extra < 0 or (extra and not new_features):
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input. New features come by add_columns, or with rows by add_rows(..., new_features=True)"
            )
        if extra:
            self._model.right.extend(extra)
            self._widened()
        return self._updated(self._model.add_rows, (rows,))

    def add_columns(self, C):
        """Append columns.

        Parameters
        ----------
        C : {ndarray, sparse array} of shape (n_rows, n_columns)
            A value of each new feature for every row seen, `n_samples_seen_` of them.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are not as many rows as were seen, or values are not finite.
        """
        check_is_fitted(self)
        columns = as_rows(C, "C", self._model.right.dtype, transpose=True)
        if columns.shape[1] != self.n_samples_seen_:
            raise ValueError(
                f"C must have {self.n_samples_seen_} rows, as many as were seen, got shape {columns.shape[::-1]}. New "
                "rows come by add_rows"
            )
        if columns.shape[0]:
            self._updated(self._model.add_columns, (columns,))
            self._widened()
        return self

    def low_rank_update(self, D, E):
        """Add ``D Eᵀ`` to the matrix.

        Parameters
        ----------
        D : {ndarray, sparse array} of shape (n_rows, q)
            Columns that say which of the `n_samples_seen_` rows change; a unit vector for the change of one row.
        E : {ndarray, sparse array} of shape (n_features, q)
            By what they change.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If shapes do not fit each other and the matrix, or values are not finite.

        Notes
        -----
        `explained_energy_ratio_` takes the norm of the changed matrix from the model. To delete row i, subtract what
        the model has of it: ``D = −e_i``, ``E = components_.T @ (singular_values_ * left_singular_vectors([i])[0])``;
        what the model had cut off stays.
        """
        check_is_fitted(self)
        return self._updated(
            self._model.add_product,
            as_pair(D, E, self.n_samples_seen_, self.n_features_in_, self._model.right.dtype),
        )

    def compact(self):
        """Write both factors out, which frees all spare columns. O((m + n) k²).

        Returns
        -------
        self
        """
        check_is_fitted(self)
        with one_blas_thread():
            self._model.compact()
        return self._refresh()

    @classmethod
    def from_svd(cls, U, s, Vt, **params):
        """Continue from a factorization made elsewhere.

        Parameters
        ----------
        U : ndarray of shape (m, k)
            Left singular vectors.
        s : ndarray of shape (k,)
            Singular values, in any order.
        Vt : ndarray of shape (k, n)
            Right singular vectors.
        **params
            Parameters of the estimator; `n_components` is k unless it is among them.

        Returns
        -------
        UpdatableTruncatedSVD
            Fitted. What was seen is taken to be the model itself.

        Raises
        ------
        ValueError
            If shapes do not fit, or U or Vt is not orthonormal.
        """
        U, s, Vt = given(U, s, Vt)
        model = cls(**{"n_components": len(s), **params})
        model._check_parameters()
        if model.n_components < len(s):
            raise ValueError(f"n_components must be at least {len(s)}, the length of s, got {model.n_components}")
        model.n_features_in_ = Vt.shape[1]
        return model._start(U, s, Vt, float(np.square(s, dtype=np.float64).sum()), seed_from(model.random_state))

    def _check_parameters(self):
        self._validate_params()
        check_count(self.n_components, "n_components")  # True is an int to the constraints

    def _start(self, U, s, Vt, energy, seed):
        self._model = svd_model(self, U, s, Vt)
        self.seed_, self._energy, self.n_updates_ = seed, energy, 0
        return self._refresh()

    def _updated(self, step, batches):
        """One update, in blocks: `step` takes the batches and says by how much the energy grew, where they do not."""
        q = batches[0].shape[0]
        if q == 0:
            return self._refresh()
        check_squares(batches, largest=float(self._model.s.max(initial=0)))  # before anything is changed
        self._model.s = self._model.s * self.decay
        self._energy *= self.decay**2
        with one_blas_thread():
            for start in range(0, q, BLOCK):
                parts = [batch.block(slice(start, start + BLOCK)) if q > BLOCK else batch for batch in batches]
                rng = np.random.default_rng((self.seed_, self.n_updates_, start))
                gained = step(*parts, rng)
                self._energy += squares(parts[0].values, "the batch", beside=1) if gained is None else gained
        self.n_updates_ += 1
        return self._refresh()

    def _refresh(self):
        """Attributes from the model."""
        model = self._model
        self._components = None
        self.singular_values_ = model.s.astype(model.right.dtype)
        energies = np.square(model.s)
        self._energy = max(self._energy, float(energies.sum()))  # what the model has was seen
        self.explained_energy_ratio_ = (energies / (self._energy or 1)).astype(model.right.dtype)
        self.orthogonality_defect_ = model.defect
        self.n_folds_ = model.n_folds
        self.n_samples_seen_, self.n_features_in_ = model.left.size, model.right.size
        return self

    def _widened(self):
        self.n_features_in_ = self._model.right.size
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def __getstate__(self):
        return {**super().__getstate__(), "_components": None}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
