"""The sketch that was drawn: a linear operator whose column i depends on (seed, i) alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from sparsela._core.random import seed_from
from sparsela._core.sparse_backend import aligned_empty
from sparsela._core.validation import check_count, check_finite, check_indices, check_real_dtype
from sparsela.sketch._dense import DenseSigns, DenseSketch, Gaussian
from sparsela.sketch._dimensions import KINDS, check_density, fast_jl_density
from sparsela.sketch._hadamard import HadamardSketch, SampledRows, SparseRows
from sparsela.sketch._inputs import check_data
from sparsela.sketch._signs import Bernoulli, Blocks, SignSketch
from sparsela.transforms import next_pow2

PARAMS = {
    "gaussian": (),
    "sparse_sign": ("density",),
    "countsketch": (),
    "sparse_embedding": ("n_nonzeros",),
    "srht": (),
    "fast_jl": ("density", "eps", "n_points", "variant", "constant", "entries"),
}
WHOLE = ("srht", "fast_jl")  # kinds that must know the length of what they sketch
LARGEST = 2 << 30  # bytes of a sketch that is written out
LONG = 1 << 20  # rows of float32 from which sums are kept in float64
DENSE_SIGNS = 0.1  # density from which random signs go through BLAS


def draw(kind: str, n_components: int, n_features: int | None, seed: int, **params: Any):
    """The sketch of a kind, a size and a seed: an object with rows, axis0, columns, adjoint.

    `n_features` None: as many columns as are asked for, for the kinds that need not know.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    unknown = set(params) - set(PARAMS[kind])
    if unknown:
        raise TypeError(f"kind {kind!r} takes {list(PARAMS[kind]) or 'no parameters'}, got {sorted(unknown)}")
    k = check_count(n_components, "n_components", high=2**30 - 1)
    if n_features is None and kind in WHOLE:
        raise ValueError(f"kind {kind!r} must know the length of what it sketches: rows of unknown number do not do")
    if n_features is not None:
        check_count(n_features, "n_features", high=2**31 - 1)
    if kind == "gaussian":
        return DenseSketch(Gaussian(k, seed), n_features)
    if kind == "sparse_sign":
        p = _sign_density(params.get("density", "auto"), n_features)
        if p >= DENSE_SIGNS:
            return DenseSketch(DenseSigns(k, seed, p), n_features)
        return SignSketch(Bernoulli(k, seed, p), n_features)
    if kind in ("countsketch", "sparse_embedding"):
        z = 1 if kind == "countsketch" else check_count(params.get("n_nonzeros", 8), "n_nonzeros")
        if z > k:
            raise ValueError(f"n_nonzeros must be at most n_components, {k}, got {z}")
        return SignSketch(Blocks(k, seed, z), n_features)
    if kind == "srht":
        D = next_pow2(n_features)
        if k > D:
            raise ValueError(f"n_components must be at most {D}, {n_features} padded to a power of two, got {k}")
        return HadamardSketch(SampledRows(k, seed, n_features), k, n_features, seed)
    return HadamardSketch(_sparse_rows(k, seed, n_features, **params), k, n_features, seed)


def _sign_density(density: Any, n_features: int | None) -> float:
    if not isinstance(density, str):
        return check_density(density)
    if density != "auto":
        raise ValueError(f"density must be 'auto' or a number in (0, 1], got {density!r}")
    if n_features is None:
        raise ValueError("density must be a number where the length of what is sketched is not known, got 'auto'")
    return n_features**-0.5


def _sparse_rows(
    k: int,
    seed: int,
    n_features: int,
    *,
    density: Any = "auto",
    eps: float = 0.1,
    n_points: int | None = None,
    variant: str = "sparser",
    constant: float = 1.0,
    entries: str = "gaussian",
) -> SparseRows:
    if entries not in ("gaussian", "sign"):
        raise ValueError(f"entries must be 'gaussian' or 'sign', got {entries!r}")
    if not isinstance(density, str):
        q = check_density(density)
    elif density != "auto":
        raise ValueError(f"density must be 'auto' or a number in (0, 1], got {density!r}")
    elif n_points is None:
        raise ValueError("n_points must be given where the density of 'fast_jl' is 'auto': it depends on it")
    else:
        q = fast_jl_density(n_features, n_points, eps=eps, variant=variant, constant=constant)
    return SparseRows(k, seed, n_features, q, entries)


def product(drawn: Any, X: Any, axis: int, ids: np.ndarray | None, out: np.ndarray, add: bool = True) -> None:
    """out = X S' (axis -1) or S[:, ids] X (axis 0), or += with add; X is checked, out C-contiguous and of its dtype."""
    if X.dtype.kind == "c":
        for name in ("real", "imag"):
            part = np.empty(out.shape, getattr(out, name).dtype)
            product(drawn, _part(X, name), axis, ids, part, False)
            getattr(out, name)[...] = getattr(out, name) + part if add else part
    elif axis == -1:
        drawn.rows(X, out, add)
    else:
        if not add:
            out[...] = 0
        drawn.axis0(X, ids, out)


def _part(X: Any, name: str) -> Any:
    if sp.issparse(X):
        return sp.csr_array((getattr(X.data, name).copy(), X.indices, X.indptr), shape=X.shape)
    return getattr(X, name)


def row_sketch(drawn: Any, X: Any, ids: np.ndarray, out: np.ndarray) -> None:
    """out += S[:, ids] X; X in single precision may meet sums in double precision, a block of rows at a time."""
    if X.dtype == out.dtype or ids is None:
        product(drawn, X.astype(out.dtype, copy=False), 0, ids, out)
        return
    check_indices(X, "X")  # SciPy takes the rows
    step = 1 << 14
    for first in range(0, len(ids), step):
        rows = slice(first, first + step)
        product(drawn, X[rows].astype(out.dtype), 0, ids[rows], out)


def sums_dtype(dtype: np.dtype, n_rows: int) -> np.dtype:
    """The dtype in which rows are summed: single precision loses digits over a million of them."""
    if n_rows <= LONG or dtype.itemsize == (16 if dtype.kind == "c" else 8):
        return dtype
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def finite_result(Y: np.ndarray, X: Any, name: str) -> np.ndarray:
    """A sketch Y that sees every entry of X, if X was finite: NaN and infinity reach Y, and Y is smaller."""
    with np.errstate(all="ignore"):
        fine = np.isfinite(Y.sum())
    if not fine and isinstance(X, np.ndarray):
        check_finite(X, name)
    return Y


class SketchOperator(LinearOperator):
    """A drawn sketch S, as a linear operator of shape (n_components, n_features).

    Parameters
    ----------
    kind : {"gaussian", "sparse_sign", "countsketch", "sparse_embedding", "srht", "fast_jl"}
        The distribution; the estimators of the same names say what each is.
    n_components : int
        Rows k of S, at least 1.
    n_features : int
        Columns d of S.
    random_state : int, Generator, RandomState or None, default=None
        An int is the seed itself: the same seed gives the same S on any machine, for any number of threads.
    dtype : float32 or float64, default=float64
        Of ``toarray`` and of the operator's products; ``apply`` follows its data.
    **params
        density; n_nonzeros; density, eps, n_points, variant, constant, entries: as the kind takes them.

    Attributes
    ----------
    seed : int
        What was drawn from `random_state`.
    kind, n_components, n_features
        As given.
    params : dict
        As given.

    Raises
    ------
    ValueError, TypeError
        If a size or a parameter is out of range or unknown to the kind.

    See Also
    --------
    sketch : S A in one call.
    StreamingSketch : S A from parts of A.

    Notes
    -----
    ``E[SᵀS] = I``. Column i is a function of (seed, i) alone: not of d, of the order or of the threads. So sketches of
    parts add up to the sketch of the whole.

    References
    ----------
    D. Woodruff. Sketching as a tool for numerical linear algebra. Foundations and Trends in Theoretical Computer
    Science, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import SketchOperator
    >>> S = SketchOperator("countsketch", 4, 6, random_state=0)
    >>> np.count_nonzero(S.toarray(), axis=0)
    array([1, 1, 1, 1, 1, 1])
    >>> X = np.arange(12.0).reshape(2, 6)
    >>> bool(np.allclose(S.apply(X), X @ S.toarray().T))
    True
    """

    def __init__(self, kind, n_components, n_features, *, random_state=None, dtype=np.float64, **params):
        dtype = check_real_dtype(dtype)
        n_features = check_count(n_features, "n_features", high=2**31 - 1)
        self.seed = seed_from(random_state)
        self._drawn = draw(kind, n_components, n_features, self.seed, **params)
        self.kind, self.params = kind, params
        self.n_components, self.n_features = int(n_components), n_features
        super().__init__(dtype, (self.n_components, n_features))

    def apply(self, X, axis=-1, out=None, accumulate=False):
        """Sketch the features of X, ``X Sᵀ``, or its rows, ``S X``.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n, n_features) for axis -1, or (n_features, m) for axis 0
            Its dtype is kept: float32, float64, complex64 or complex128.
        axis : {-1, 1, 0}, default=-1
            The axis that S replaces by n_components.
        out : ndarray, optional
            Where the result goes.
        accumulate : bool, default=False
            Add to `out` instead of overwriting it.

        Returns
        -------
        ndarray of shape (n, n_components) or (n_components, m)
            `out`, or a new array.

        Raises
        ------
        ValueError, TypeError
            If X has NaN or infinity or another shape, or `out` does not fit. Dense X is searched for NaN before
            anything is written to `out`; without `out` the look may be at the new sketch instead, which every number of
            X reaches and which is smaller; it is then not returned.
        """
        axis = check_axis(axis)
        late = out is None and not self._drawn.blind
        X = check_data(X, finite=not late)
        if X.shape[axis] != self.n_features:
            raise ValueError(f"X must have {self.n_features} entries along axis {axis}, got shape {X.shape}")
        result = self._apply(X, axis, out, accumulate)
        return finite_result(result, X, "X") if late else result

    def _apply(self, X, axis=-1, out=None, accumulate=False):
        """apply for checked X."""
        shape = (X.shape[0], self.n_components) if axis == -1 else (self.n_components, X.shape[1])
        if out is not None:
            _check_out(out, shape, X)
        elif accumulate:
            raise ValueError("accumulate=True needs an out to add to, got None")
        sums = X.dtype if axis == -1 else sums_dtype(X.dtype, X.shape[0])
        direct = out is not None and out.flags.c_contiguous and out.flags.aligned and sums == out.dtype
        work = out if direct else aligned_empty(shape, sums)
        if axis == -1:
            product(self._drawn, X, -1, None, work, direct and accumulate)
        else:
            if not (direct and accumulate):
                work[...] = 0
            ids = None if self.kind in WHOLE else np.arange(self.n_features)
            row_sketch(self._drawn, X, ids, work)
        if direct or (out is None and work.dtype == X.dtype):
            return work
        if out is None:
            return work.astype(X.dtype)
        out[...] = out + work if accumulate else work
        return out

    def adjoint(self, Y=None, axis=-1):
        """Back to the features: ``Y S`` of a feature sketch Y, or ``Sᵀ Y`` of a row sketch (axis 0).

        Without an argument, the adjoint operator itself, as for any LinearOperator. Since ``E[SᵀS] = I``, ``X Sᵀ S``
        is an unbiased guess of X, with a large variance.

        Parameters
        ----------
        Y : {array_like, sparse array} of shape (n, n_components), or (n_components, n) of axis 0, optional
            A sketch.
        axis : {-1, 0}, default=-1
            The axis that was sketched.

        Returns
        -------
        ndarray of shape (n, n_features) or (n_features, n), or LinearOperator
        """
        if Y is None:
            return super().adjoint()
        axis = check_axis(axis)
        Y = check_data(Y, "Y")
        if Y.shape[axis] != self.n_components:
            raise ValueError(f"Y must have {self.n_components} entries along axis {axis}, got shape {Y.shape}")
        if sp.issparse(Y):
            check_indices(Y, "Y")
            Y = Y.toarray()  # as large as the dense sketch that it stands for
        return self._drawn.adjoint(Y) if axis == -1 else np.ascontiguousarray(self._drawn.adjoint(Y.T).T)

    def columns(self, start, stop):
        """Columns start … stop − 1 of S: an ndarray, or a CSC array where S is sparse."""
        start = check_count(start, "start", low=0, high=self.n_features)
        stop = check_count(stop, "stop", low=start, high=self.n_features)
        return self._drawn.columns(np.arange(start, stop), self.dtype)

    def toarray(self):
        """S as an ndarray; ValueError above 2 GiB."""
        size = math.prod(self.shape) * self.dtype.itemsize
        if size > LARGEST:
            raise ValueError(f"S of shape {self.shape} would take {size / 2**30:.1f} GiB, more than 2: take columns()")
        S = self.columns(0, self.n_features)
        return S.toarray() if self._drawn.sparse else np.ascontiguousarray(S)

    def tocsr(self):
        """S as a CSR array; ValueError above 2 GiB."""
        if not self._drawn.sparse:
            return sp.csr_array(self.toarray())
        size = self.n_features * self._drawn.drawn.per_column * (self.dtype.itemsize + 8)
        if size > LARGEST:
            raise ValueError(f"S of shape {self.shape} would take {size / 2**30:.1f} GiB, more than 2: take columns()")
        return self.columns(0, self.n_features).tocsr()

    def _matvec(self, x):
        return self._matmat(x.reshape(-1, 1)).reshape(-1)

    def _matmat(self, X):
        return self.apply(X, axis=0)

    def _rmatvec(self, y):
        return self._rmatmat(y.reshape(-1, 1)).reshape(-1)

    def _rmatmat(self, Y):
        return self.adjoint(Y, axis=0)

    def __repr__(self):
        given = "".join(f", {name}={value!r}" for name, value in self.params.items())
        k, d = self.shape
        return f"SketchOperator({self.kind!r}, {k}, {d}, random_state={self.seed}{given})"


def check_axis(axis: Any) -> int:
    if isinstance(axis, bool) or axis not in (-1, 0, 1):
        raise ValueError(f"axis must be 0, 1 or -1, got {axis!r}")
    return 0 if axis == 0 else -1


def _check_out(out: Any, shape: tuple[int, int], X: Any) -> None:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out.shape != shape or out.dtype != X.dtype or not out.flags.writeable:
        raise ValueError(
            f"out must be writeable, of shape {shape} and dtype {X.dtype}, got {out.shape} and {out.dtype}"
        )
    if isinstance(X, np.ndarray) and np.may_share_memory(out, X):
        raise ValueError("out must not share memory with X")
