"""A row sketch of data that comes in parts, on one machine or on many."""

from __future__ import annotations

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval, StrOptions

from sparsela._core.random import seed_from
from sparsela._core.row_blocks import RowBlocks, ids_of, in_tree, is_collection
from sparsela._core.validation import check_count
from sparsela.sketch._inputs import check_data, check_ids
from sparsela.sketch._operator import draw, row_sketch, sums_dtype

STREAMED = ("gaussian", "sparse_sign", "countsketch", "sparse_embedding")


class StreamingSketch(BaseEstimator):
    """The row sketch ``S X`` of data that comes in parts: added to, changed row by row, merged.

    Parameters
    ----------
    n_components : int, default=256
        Rows k of the sketch.
    kind : {"sparse_embedding", "countsketch", "gaussian", "sparse_sign"}, default="sparse_embedding"
        The distribution. "srht" and "fast_jl" must know the number of rows and do not stream.
    n_nonzeros : int, default=8
        Of kind "sparse_embedding".
    density : float or None, default=None
        Of kind "sparse_sign", in (0, 1]; it has to be given, as the number of rows is not known.
    random_state : int, RandomState or None, default=None
        An int is the seed itself. Sketches that are to be merged must have equal ones.

    Attributes
    ----------
    sketch_ : ndarray of shape (n_components, n_features)
        S X of all that was seen, in the dtype of the first part.
    sketch_y_ : ndarray of shape (n_components,) or (n_components, n_targets)
        S y, if y was given.
    n_rows_seen_ : int
        Rows that were added.
    seed_ : int
        What was drawn from `random_state`.
    n_features_in_ : int
        Columns of X.

    See Also
    --------
    sketch : The same in one call.

    Notes
    -----
    Row i of the data meets column i of S, which depends on the seed and i alone: a part knows its sketch without the
    others, as long as it knows the ids of its rows. By default ids go on from ``n_rows_seen_``. Sums of float32 rows
    are kept in float64 from the millionth row on. Memory: the sketch.

    References
    ----------
    D. Woodruff. Sketching as a tool for numerical linear algebra. Foundations and Trends in Theoretical Computer
    Science, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import StreamingSketch, sketch
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> here = StreamingSketch(64, random_state=0).partial_fit(X[:400], row_indices=np.arange(400))
    >>> there = StreamingSketch(64, random_state=0).partial_fit(X[400:], row_indices=np.arange(400, 1000))
    >>> bool(np.allclose(here.merge(there).sketch_, sketch(X, 64, random_state=0)))
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "kind": [StrOptions(set(STREAMED))],
        "n_nonzeros": [Interval(Integral, 1, None, closed="left")],
        "density": [Interval(Real, 0, 1, closed="right"), None],
        "random_state": ["random_state"],
    }

    def __init__(self, n_components=256, *, kind="sparse_embedding", n_nonzeros=8, density=None, random_state=None):
        self.n_components = n_components
        self.kind = kind
        self.n_nonzeros = n_nonzeros
        self.density = density
        self.random_state = random_state

    def partial_fit(self, X, y=None, row_indices=None):
        """Add rows: ``sketch_ += S[:, ids] X``.

        Parameters
        ----------
        X : {ndarray, sparse array, Dask collection} of shape (n, n_features)
            Rows; none is allowed, and changes nothing. The blocks of a Dask array (dense or CSR), of a bag or of a list
            of delayed blocks are sketched where they lie, and merged in a tree.
        y : ndarray or Dask array of shape (n,) or (n, n_targets), optional
            What goes with the rows, sketched by the same S; to be given always or never.
        row_indices : array_like of int of shape (n,), optional
            Ids of the rows, at least 0; equal ids add. By default ``n_rows_seen_``, ``n_rows_seen_ + 1`` and so on.

        Returns
        -------
        self
        """
        self._start()
        if is_collection(X):
            return self._fit_collection(RowBlocks(X, "X"), y, row_indices)
        X = check_data(X)
        seen = getattr(self, "n_rows_seen_", 0)
        y = self._check_y(X, y)
        ids = np.arange(seen, seen + X.shape[0]) if row_indices is None else check_ids(row_indices, X.shape[0])
        if not hasattr(self, "n_rows_seen_"):
            self.n_features_in_, self._dtype = X.shape[1], X.dtype
            self._sum = np.zeros((self.n_components, X.shape[1]), X.dtype)
            self._sum_y = None if y is None else np.zeros((self.n_components, *y.shape[1:]), y.dtype)
            self.n_rows_seen_ = 0
        self._add(X, y, ids)
        self.n_rows_seen_ += X.shape[0]
        return self

    def _fit_collection(self, X, y, row_indices):
        import dask

        first = getattr(self, "n_rows_seen_", 0)
        ids = X.ids(None if row_indices is None else check_ids(row_indices, X.n_rows), first)
        targets = [None] * len(X.blocks) if y is None else X.aligned(y)
        start = clone(self)
        start._drawn, start.seed_ = self._drawn, self.seed_
        part = dask.delayed(_sketch_of)
        parts = [part(start, block, t, where) for block, t, where in zip(X.blocks, targets, ids, strict=True)]
        total = in_tree(parts, _merged)
        if hasattr(self, "n_rows_seen_"):
            return self.merge(total)
        for name in ("n_features_in_", "_dtype", "_sum", "_sum_y", "n_rows_seen_"):
            setattr(self, name, getattr(total, name))
        return self

    def update(self, i, row):
        """Add a change to row i (turnstile): ``sketch_ += S[:, i] row``; the number of rows seen stays.

        Parameters
        ----------
        i : int
            Id of the row, at least 0.
        row : ndarray of shape (n_features,)
            What is added to the row, of any sign.

        Returns
        -------
        self
        """
        self._check_started()
        i = check_count(i, "i", low=0, high=2**63 - 1)
        row = check_data(np.asarray(row)[None] if np.ndim(row) == 1 else row, "row")
        if row.shape != (1, self.n_features_in_):
            raise ValueError(f"row must have shape ({self.n_features_in_},), got {row.shape[1:]}")
        if row.dtype.kind == "c" and self._dtype.kind != "c":
            raise TypeError(f"row must be real, as the first part was, got dtype {row.dtype}")
        if self._sum_y is not None:
            raise ValueError("a sketch with targets takes rows by partial_fit(X, y, row_indices), not by update")
        self._add(row, None, np.array([i]))
        return self

    def merge(self, other):
        """Add the sketch of other rows, made with the same parameters and seed.

        Parameters
        ----------
        other : StreamingSketch
            It stays as it is.

        Returns
        -------
        self
        """
        if not isinstance(other, StreamingSketch):
            raise TypeError(f"other must be a StreamingSketch, got {type(other).__name__}")
        self._check_started()
        other._check_started()
        names = ["kind", "n_components", "seed_", "n_features_in_", "_dtype"]
        names += {"sparse_embedding": ["n_nonzeros"], "sparse_sign": ["density"]}.get(self.kind, [])
        for name in names:
            mine, yours = getattr(self, name), getattr(other, name)
            if mine != yours:
                raise ValueError(f"sketches must have equal {name.strip('_')} to be merged, got {mine} and {yours}")
        mine, yours = (None if s._sum_y is None else s._sum_y.shape[1:] for s in (self, other))
        if mine != yours:
            raise ValueError(f"sketches must have equal targets to be merged, got shapes {mine} and {yours}")
        self.n_rows_seen_ += other.n_rows_seen_
        self._sum = self._widened(self._sum) + other._sum
        if self._sum_y is not None:
            self._sum_y = self._widened(self._sum_y) + other._sum_y
        return self

    def __add__(self, other):
        return copy.deepcopy(self).merge(other)

    @property
    def sketch_(self):
        """S X of all that was seen."""
        self._check_started()
        return self._sum.astype(self._dtype)

    @property
    def sketch_y_(self):
        """S y of all that was seen."""
        self._check_started()
        if self._sum_y is None:
            raise AttributeError("sketch_y_ is there only if y was given to partial_fit")
        return self._sum_y.copy()

    def _check_started(self):
        if not hasattr(self, "n_rows_seen_"):
            raise NotFittedError("this StreamingSketch has seen no rows yet: call partial_fit first")

    def _start(self):
        if hasattr(self, "_drawn"):
            return
        if self.kind in ("srht", "fast_jl"):
            raise ValueError(f"kind must be one of {STREAMED}: {self.kind!r} must know the number of rows")
        self._validate_params()
        params = {"sparse_embedding": {"n_nonzeros": self.n_nonzeros}, "sparse_sign": {"density": self.density}}
        if self.kind == "sparse_sign" and self.density is None:
            raise ValueError("density must be given for kind 'sparse_sign', as the number of rows is not known")
        seed = seed_from(self.random_state)
        self._drawn = draw(self.kind, self.n_components, None, seed, **params.get(self.kind, {}))
        self.seed_ = seed

    def _check_y(self, X, y):
        first = not hasattr(self, "n_rows_seen_")
        if not first:
            if X.shape[1] != self.n_features_in_:
                raise ValueError(f"X must have {self.n_features_in_} features, as the first part had, got {X.shape[1]}")
            if (y is None) != (self._sum_y is None):
                raise ValueError("y must be given with every part or with none")
            if X.dtype != self._dtype:
                raise TypeError(f"X must have the dtype of the first part, {self._dtype}, got {X.dtype}")
        if y is None:
            return None
        y = np.asarray(y)
        y = check_data(y[:, None] if y.ndim == 1 else y, "y").reshape(y.shape)
        if y.shape[0] != X.shape[0]:
            raise ValueError(f"y must have {X.shape[0]} rows, as X has, got {y.shape[0]}")
        if not first and y.shape[1:] != self._sum_y.shape[1:]:
            raise ValueError(f"y must have the targets of the first part, {self._sum_y.shape[1:]}, got {y.shape[1:]}")
        return y if first else y.astype(np.result_type(y, self._sum_y), copy=False)

    def _add(self, X, y, ids):
        self._sum = self._widened(self._sum, len(ids))
        row_sketch(self._drawn, X.astype(np.result_type(X.dtype, self._dtype), copy=False), ids, self._sum)
        if y is not None:
            self._sum_y = self._widened(self._sum_y, len(ids)).astype(np.result_type(self._sum_y, y), copy=False)
            columns = self._sum_y.reshape(len(self._sum_y), -1)  # a view
            row_sketch(self._drawn, y.reshape(len(y), -1), ids, columns)

    def _widened(self, total, more=0):
        return total.astype(sums_dtype(total.dtype, self.n_rows_seen_ + more), copy=False)


def _sketch_of(start: StreamingSketch, block, y, where) -> StreamingSketch:
    return copy.copy(start).partial_fit(block, y, ids_of(where))


def _merged(sketches: list[StreamingSketch]) -> StreamingSketch:
    total = copy.deepcopy(sketches[0])  # what a worker holds may be asked for again
    for sketch in sketches[1:]:
        total.merge(sketch)
    return total
