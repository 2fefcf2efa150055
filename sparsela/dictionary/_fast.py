"""Dictionaries that are fast transforms: products of few sparse factors, learned from the signals."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.linalg import polar, qr
from scipy.sparse import issparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import iterate
from sparsela._core.random import random_stream
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.coding._inputs import row_norms
from sparsela.coding._omp import stopping_rule
from sparsela.dictionary import _fast_structure as structure
from sparsela.dictionary._ksvd import KSVD
from sparsela.dictionary._learner import DictionaryLearner
from sparsela.dictionary._operator_omp import operator_omp
from sparsela.dictionary._start import ZERO_ROW, initial_atoms
from sparsela.transforms import FactorizedOperator, _palm

STRUCTURES = ("palm", "butterfly")
DENSE_STARTS = ("ksvd", "dct")


class FastDictionaryLearning(DictionaryLearner):
    """Learn a dictionary that is a product of sparse factors, so that coding and rebuilding cost less than with atoms.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; None: n_features. Exactly n_features for "butterfly".
    structure : {"palm", "butterfly"}, default="palm"
        "palm": factors with given numbers of non-zeros, wherever they are best; any size. "butterfly": log₂ n factors
        with two non-zeros in each row and column, as of the fast Fourier transform, in whatever order of the atoms and
        features they fit; orthonormal but for noise; n_features a power of two.
    n_factors : int, default=4
        J, for "palm".
    factor_nnz : int or (int, int), optional
        (k, s), or one number for both: k non-zeros in each column of the rightmost factor, s for each row in those in
        the middle. For "palm"; None: ``max(2, size // 16)``, with the size between factors, ``min(n_features,
        n_components)``.
    residual_decay : float, default=0.7
        ρ: with ℓ factors split off, ``residual_scale · n_features · size · ρ^ℓ`` non-zeros are left to the leftmost.
    residual_scale : float, default=1.0
        See there.
    n_nonzero_coefs : int, optional
        Atoms a signal while learning; None: ``min(5, n_features, n_components)``.
    dict_init : {"ksvd", "dct"} or array of shape (n_components, n_features), default="ksvd"
        The dense dictionary that is given structure: learned first (by :class:`KSVD`; for "butterfly" the best
        orthonormal one), overcomplete cosines (products of two where n_features is a square, as of patches), or this.
        For "butterfly" the last two are where the orthonormal learner starts.
    init_max_iter : int, default=30
        Iterations of the dense learner.
    max_iter_local : int, default=50
        Most sweeps over a split in two, for "palm".
    max_iter_global : int, default=50
        Most sweeps over all factors at a time.
    max_outer : int, default=1
        Rounds of fitting all factors and coding after each split; for "butterfly" five times as many at the end.
    fit_algorithm : {"omp"}, default="omp"
        Coder of the fit.
    transform_algorithm : str, default="omp"
        Coder of :meth:`transform`, by its name in :func:`sparsela.coding.sparse_encode`. "omp" computes with the
        operator, the others with the dense atoms.
    transform_n_nonzero_coefs : int, optional
        Atoms a signal in :meth:`transform`; with neither this nor `transform_alpha`: ``max(1, n_features // 10)``.
    transform_alpha : float, optional
        The lasso's penalty, or the bound on the squared residual norm, in :meth:`transform`.
    random_state : None, int, RandomState or Generator
        Seed of the dense learner, and of the vectors that power iterations start from.
    n_jobs : int, optional
        Threads of the coding; None is the library's setting. The result does not depend on it, bit for bit.
    verbose : {0, 1, 2}, default=0
        Progress bar.
    callback : callable, optional
        Called after each round with a state that has `n_iter`, `error` and `operator`; True stops: the rounds that are
        missing leave factors undivided.

    Attributes
    ----------
    operator_ : FactorizedOperator of shape (n_features, n_components)
        The dictionary, an atom a column. In the precision of X.
    components_ : ndarray of shape (n_components, n_features)
        Its dense transpose: unit atoms, the entry of largest modulus positive.
    init_components_ : ndarray of shape (n_components, n_features)
        The dense atoms that were given structure.
    rcg_ : float
        Relative complexity gain: n_features · n_components over the non-zeros of all factors.
    error_ : list of float
        Root mean square residual of the signals after each round.
    n_iter_ : int
        Rounds.
    n_features_in_ : int
        Length of an atom.

    See Also
    --------
    KSVD : Dense atoms.
    sparsela.transforms.hierarchical_factorization : Give a known matrix the structure, without data.

    Notes
    -----
    Minimises ``‖Xᵀ − S_1 S_2 … S_J Cᵀ‖_F`` over sparse factors and codes C of k non-zeros a row. "palm": from a dense
    dictionary T_0, one factor after the other is split off, ``T_{ℓ−1} ≈ T_ℓ S_ℓ``, by
    :func:`~sparsela.transforms.palm4msa`; after each split all factors are refined *on the data* for the present codes,
    and the signals are coded again. "butterfly": :func:`~sparsela.transforms.butterfly_factorization` with
    ``permutation="auto"`` of an orthonormal dictionary, then rounds of coding and of fitting the values on the data.

    Signals enter the fit of factors by ``CᵀC`` and ``CᵀX``, so that its cost does not depend on their number. A product
    with the operator takes ``n_features · n_components / rcg_`` multiplications; in time it is ahead of a dense one
    from an `rcg_` of about 15. Up to 4096 atoms, coding needs their Gram matrix beside the operator. A structured
    dictionary has fewer parameters: it fits the training signals less well than a dense one and overfits less, which
    helps at high noise. The rounds are run in full: there is no test of convergence, and no warning.

    References
    ----------
    L. Le Magoarou, R. Gribonval. Learning computationally efficient dictionaries and their implementation as fast
    transforms. arXiv 1406.5388, 2014.

    L. Le Magoarou, R. Gribonval. Flexible multilayer sparse approximations of matrices and applications. IEEE Journal
    of Selected Topics in Signal Processing, 2016. arXiv 1506.07300.

    Examples
    --------
    Signals of two Walsh functions each; nothing says so to the learner:

    >>> import numpy as np
    >>> from scipy.linalg import hadamard
    >>> from sparsela.dictionary import FastDictionaryLearning, recovery_rate
    >>> H, rng = hadamard(16) / 4.0, np.random.default_rng(0)
    >>> C = rng.normal(size=(600, 16)) * (rng.random((600, 16)).argsort(axis=1) < 2)
    >>> model = FastDictionaryLearning(structure="butterfly", n_nonzero_coefs=2, random_state=0).fit(C @ H)
    >>> float(recovery_rate(H, model.components_)), model.operator_.nnz, model.rcg_
    (1.0, 128, 2.0)
    """

    _parameter_constraints: dict = {
        **{name: rule for name, rule in DictionaryLearner._parameter_constraints.items() if name != "max_iter"},
        "structure": [StrOptions(set(STRUCTURES))],
        "n_factors": [Interval(Integral, 2, None, closed="left")],
        "factor_nnz": [Interval(Integral, 1, None, closed="left"), tuple, None],
        "residual_decay": [Interval(Real, 0, 1, closed="right")],
        "residual_scale": [Interval(Real, 0, None, closed="neither")],
        "dict_init": [StrOptions(set(DENSE_STARTS)), "array-like"],
        "init_max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_iter_local": [Interval(Integral, 1, None, closed="left")],
        "max_iter_global": [Interval(Integral, 1, None, closed="left")],
        "max_outer": [Interval(Integral, 1, None, closed="left")],
        "fit_algorithm": [StrOptions({"omp"})],
        "callback": [callable, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        structure="palm",
        n_factors=4,
        factor_nnz=None,
        residual_decay=0.7,
        residual_scale=1.0,
        n_nonzero_coefs=None,
        dict_init="ksvd",
        init_max_iter=30,
        max_iter_local=50,
        max_iter_global=50,
        max_outer=1,
        fit_algorithm="omp",
        transform_algorithm="omp",
        transform_n_nonzero_coefs=None,
        transform_alpha=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
        callback=None,
    ):
        self.n_components = n_components
        self.structure = structure
        self.n_factors = n_factors
        self.factor_nnz = factor_nnz
        self.residual_decay = residual_decay
        self.residual_scale = residual_scale
        self.n_nonzero_coefs = n_nonzero_coefs
        self.dict_init = dict_init
        self.init_max_iter = init_max_iter
        self.max_iter_local = max_iter_local
        self.max_iter_global = max_iter_global
        self.max_outer = max_outer
        self.fit_algorithm = fit_algorithm
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_alpha = transform_alpha
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback

    @_fit_context(prefer_skip_nested_validation=True)
    @in_float_range
    def fit(self, X, y=None):
        """Learn the factors from signals.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals, one a row, at least two; not changed. Factors are fitted in float64,
            signals are coded in their own type.
        y : ignored
            For the pipeline's sake.

        Returns
        -------
        FastDictionaryLearning
            Itself.
        """
        X = np.ascontiguousarray(self._check(X))
        k = self._sparsity(X)
        sets = self._sets(X.shape[1])
        rng = random_stream(self.random_state)
        with one_blas_thread():
            self.init_components_ = self._dense(X, int(k[0]), rng)
            self._learn(X, k, sets, rng)
        self.components_ = np.ascontiguousarray(self.operator_.toarray().T)
        self.rcg_ = self.operator_.rcg
        return self

    def _learn(self, X, k, sets, rng) -> None:
        """The rounds; each leaves an operator and its error."""
        n_threads = effective_n_jobs(self.n_jobs)

        def code(operator):
            operator = operator.astype(X.dtype)
            D = np.ascontiguousarray(operator.toarray().T)
            codes, energy = operator_omp(X, operator, D, k, None, n_threads=n_threads, return_residual=True)
            errors.append(float(np.sqrt(energy.sum() / X.size)))
            return codes

        errors: list[float] = []
        options = _palm.check_options("right-to-left", 1e-6, None, "auto", 1e-3, 1e-6, 30, rng)
        sweeps = structure.Sweeps(self.max_iter_local, self.max_iter_global, self.max_outer, options)
        D = self.init_components_
        codes = code(FactorizedOperator([D.T]))
        if self.structure == "palm":
            rounds, n_rounds = structure.palm_rounds(D, codes, X, code, *sets, sweeps), len(sets[0]) * self.max_outer
        else:
            rounds, n_rounds = (
                structure.butterfly_rounds(D, codes, X, code, sweeps),
                1 + (structure.ROUNDS * self.max_outer),
            )
        name = type(self).__name__
        for state in iterate(n_rounds, name, verbose=self.verbose, callback=self.callback):
            operator, codes = next(rounds)
            if state.record(error=errors[-1], operator=operator).stop:
                break
        self.operator_ = operator.astype(X.dtype)
        self.error_, self.n_iter_ = errors[1:], state.n_iter

    def _check(self, X) -> np.ndarray:
        X = super()._check(X)
        n_samples, m = X.shape
        if n_samples < 2:
            raise ValueError(f"X must have at least 2 samples to learn from, got n_samples={n_samples}")
        if self.structure == "butterfly":
            if m < 2 or m & (m - 1):
                raise ValueError(
                    f"structure='butterfly' needs n_features to be a power of two, got {m}; use structure='palm'"
                )
            if self._n_components != m:
                raise ValueError(
                    f"structure='butterfly' is square: n_components must be n_features = {m}, got {self._n_components}"
                )
        return X

    def _sparsity(self, X) -> np.ndarray:
        m = X.shape[1]
        k = min(5, m, self._n_components) if self.n_nonzero_coefs is None else self.n_nonzero_coefs
        return stopping_rule(k, None, 1, self._n_components, m)[0]

    def _sets(self, m: int) -> tuple[list, list] | None:
        """The sets of the factors and of the residuals."""
        given, size = self.factor_nnz, min(m, self._n_components)
        if given is None:
            given = min(size, max(2, size // 16))
        k, s = given if isinstance(given, tuple) and len(given) == 2 else (given, given)
        for name, value in (("k", k), ("s", s)):
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise TypeError(f"factor_nnz must be an int or a pair (k, s) of ints, got {self.factor_nnz!r}")
            if not 1 <= value <= size:
                raise ValueError(
                    f"factor_nnz must be between 1 and min(n_features, n_components) = {size}, the entries of a "
                    f"column; got {name} = {value}"
                )
        if self.structure == "butterfly":
            return None
        return structure.palm_sets((m, size), self.n_factors, k, s, self.residual_decay, self.residual_scale)

    def _dense(self, X, k: int, rng) -> np.ndarray:
        """Unit atoms without structure; orthonormal for a butterfly."""
        K, m = self._n_components, X.shape[1]
        D = None
        if not isinstance(self.dict_init, str):
            D = initial_atoms(X, K, self.dict_init, rng)
        elif self.dict_init == "dct":
            D = structure.cosines(K, m).astype(X.dtype)
        if self.structure == "butterfly":
            D = qr(rng.standard_normal((m, m)))[0] if D is None else polar(D)[0]
            return structure.orthonormal_atoms(X, D.astype(X.dtype), k, self.init_max_iter)
        if D is not None:
            return D
        start = "data" if np.count_nonzero(row_norms(X) > ZERO_ROW) >= K else "svd"
        learner = KSVD(
            K, n_nonzero_coefs=k, max_iter=self.init_max_iter, dict_init=start, random_state=rng, n_jobs=self.n_jobs
        )
        return learner.fit(X).components_

    @in_float_range
    def transform(self, X):
        """Code signals over the dictionary, by its operator where `transform_algorithm` is "omp".

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Signals.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes.
        """
        check_is_fitted(self)
        if self.transform_algorithm != "omp":
            return super().transform(X)
        k = self.transform_n_nonzero_coefs
        return self._code(self._validate(X), k, self.transform_alpha if k is None else None, sparse_output=False)

    def _code(self, X, n_nonzero_coefs, tol, **options):
        D = np.ascontiguousarray(self.components_, dtype=X.dtype)
        k, tol = stopping_rule(n_nonzero_coefs, tol, len(X), *D.shape)
        operator = self.operator_.astype(X.dtype)
        n_threads = effective_n_jobs(self.n_jobs)
        return operator_omp(np.ascontiguousarray(X), operator, D, k, tol, n_threads=n_threads, **options)

    @in_float_range
    def inverse_transform(self, X):
        """Rebuild signals from codes, dense ones by the operator.

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
        if issparse(X):
            return super().inverse_transform(X)
        codes = check_array(X, dtype=[np.float64, np.float32])
        if codes.shape[1] != len(self.components_):
            raise ValueError(f"codes must have {len(self.components_)} columns, got {codes.shape[1]}")
        return np.ascontiguousarray(codes @ self.operator_.astype(codes.dtype).T)

    def _objective(self, X, D):
        return self._code(X, self._sparsity(X), None, return_residual=True)[1]
