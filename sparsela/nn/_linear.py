"""A sparse linear layer: its product, its gradients, a support that can change; and a condensed form for inference."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela._core import sparse_backend as backends
from sparsela._core.random import seed_from
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_real_dtype
from sparsela._ext import condensed
from sparsela._ext import spmm as native
from sparsela.nn._optim import INITS, initial_values
from sparsela.nn._topology import KINDS, check_density, keys_of, random_topology, structure_of

_IN_ORDER = np.zeros(0, np.int32)


class SparseLinear:
    """Sparse linear layer ``Z = W X + b`` with its gradients: forward, backward, and a support that can change.

    Parameters
    ----------
    n_in, n_out : int
        Inputs and outputs, below 2³¹.
    density : float, default=0.1
        Fraction of the n_out · n_in weights that exist, in (0, 1]; at least one does.
    kind : {"uniform", "constant_fan_in", "small_world"}, default="uniform"
        How their positions are drawn, as in :func:`random_topology`.
    bias : bool, default=True
        Whether there is a b; it starts at zero.
    init : {"sparse_he", "sparse_xavier", "he", "xavier", "normal"}, default="sparse_he"
        First values: uniform in ±√(6 / f_i), f_i the stored weights of output i, which keeps the variance of
        activations at any density; with the fans of Xavier; with those of the dense layer; or N(0, 0.1²).
    dtype : {np.float32, np.float64}, default=np.float32
        Of weights and activations.
    backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        What multiplies, as in :func:`spmm`.
    random_state : int, RandomState, Generator or None, default=None
        Seed of positions and values.

    Attributes
    ----------
    n_in, n_out : int
        Sizes.
    indptr, indices, data : ndarray
        The weights in CSR, (n_out, n_in).
    bias : ndarray of shape (n_out,) or None
        b.
    weight : csr_array of shape (n_out, n_in)
        The weights; shares memory with `data`.
    init : str
        How new weights start where a topology gives them values.
    n_allotted : int
        Weights at the start: what a topology that rounds comes back to.
    state : tuple of ndarray of shape (nnz,)
        What travels with the weights when the support changes, as the velocities of a solver. Empty at first.

    See Also
    --------
    CondensedLinear : For inference, where every output has as many inputs.
    spmm, sddmm : The products inside.

    Notes
    -----
    X is feature-major, (n_in, B): one row a feature, the batch contiguous. ``dX = Wᵀ dZ`` reads the weights through
    the columns of the support, which are sorted anew only when it changes; the gradient of the weights exists on the
    support alone. O(nnz · B) each. Nothing of the size n_out · n_in is ever allocated [1]_ [2]_.

    References
    ----------
    .. [1] J. W. Wesselink, B. Grooten, Q. Xiao, C. de Campos, M. Pechenizkiy. Nerva: a truly sparse implementation of
       neural networks. 2024. arXiv 2407.17437.
    .. [2] M. Nikdan, T. Pegolotti, E. Iofinova, E. Kurtic, D. Alistarh. SparseProp: efficient sparse backpropagation
       for faster training of neural networks. 2023. arXiv 2302.04852.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import SparseLinear
    >>> layer = SparseLinear(1000, 50, density=0.01, random_state=0)
    >>> Z = layer.forward(np.ones((1000, 8), np.float32))
    >>> dX, g, db = layer.backward(np.ones_like(Z))
    >>> Z.shape, dX.shape, g.shape, db.shape
    ((50, 8), (1000, 8), (500,), (50,))
    """

    def __init__(
        self,
        n_in,
        n_out,
        *,
        density=0.1,
        kind="uniform",
        bias=True,
        init="sparse_he",
        dtype=np.float32,
        backend="auto",
        random_state=None,
    ):
        n_in, n_out = (check_count(n, name, high=2**31 - 1) for n, name in ((n_in, "n_in"), (n_out, "n_out")))
        nnz = max(1, round(check_density(density) * n_in * n_out))
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
        if init not in INITS:
            raise ValueError(f"init must be one of {INITS}, got {init!r}")
        dtype = check_real_dtype(dtype)
        seed = seed_from(random_state)
        indptr, indices = random_topology((n_out, n_in), nnz, kind=kind, random_state=seed)
        rng = np.random.default_rng(seed)
        data = random_values(init, indptr, (n_out, n_in), rng).astype(dtype)
        self._set(n_in, indptr, indices, data, np.zeros(n_out, dtype) if bias else None, backend)
        self.init = init

    def _set(self, n_in, indptr, indices, data, bias, backend):
        backends.resolve(backend)
        self.n_in, self.n_out = n_in, indptr.size - 1
        self.bias, self.backend = bias, backend
        self.state: tuple[np.ndarray, ...] = ()
        self._input = None
        self._frozen = False
        self.init, self.n_allotted = "sparse_he", data.size
        self._place(indptr, indices, data)
        return self

    def _place(self, indptr, indices, data):
        self.indptr, self.indices, self.data = indptr, indices, data
        self._columns = None
        self._csr = backends.Csr((self.n_out, self.n_in), indptr, indices, data)
        self._offset = np.zeros(0, data.dtype) if self.bias is None else self.bias

    @classmethod
    def from_csr(cls, W, bias=None, *, backend="auto") -> SparseLinear:
        """A layer over the memory of a CSR matrix.

        Parameters
        ----------
        W : csr_array or csr_matrix of shape (n_out, n_in)
            float32 or float64, columns strictly ascending within each row. Shared, not copied.
        bias : array_like of shape (n_out,), optional
            Of the dtype of W.
        backend : str, default="auto"
            As above.

        Returns
        -------
        SparseLinear
        """
        checked = backends.checked(W)
        check_real_dtype(checked.data.dtype)
        if bias is not None:
            bias = backends.check_bias(bias, checked)
        return cls.__new__(cls)._set(W.shape[1], checked.indptr, checked.indices, checked.data, bias, backend)

    @classmethod
    def from_dense(cls, W, bias=None, *, backend="auto") -> SparseLinear:
        """A layer of the entries of a dense matrix that are not zero, (n_out, n_in)."""
        W = np.asarray(W)
        if W.ndim != 2:
            raise ValueError(f"W must have two dimensions, got shape {W.shape}")
        return cls.from_csr(sp.csr_array(W), bias, backend=backend)

    @property
    def nnz(self) -> int:
        """Number of weights."""
        return self.indices.size

    @property
    def weight(self) -> sp.csr_array:
        """The weights, (n_out, n_in); a change of its values is a change of the layer's."""
        return sp.csr_array((self.data, self.indices, self.indptr), shape=(self.n_out, self.n_in))

    def to_dense(self) -> np.ndarray:
        """The weights as a dense array (n_out, n_in)."""
        return self.weight.toarray()

    def forward(self, X, out=None) -> np.ndarray:
        """``W X + b``; X is remembered for :meth:`backward`.

        Parameters
        ----------
        X : ndarray of shape (n_in, B)
            Of the layer's dtype, feature-major.
        out : ndarray of shape (n_out, B), optional
            Where to put the result.

        Returns
        -------
        ndarray of shape (n_out, B)
        """
        Z = backends.spmm(self._csr, X, bias=self.bias, out=out, backend=self.backend)
        self._input = X
        return Z

    def backward(self, dZ, need_input_grad=True) -> tuple[np.ndarray | None, np.ndarray, np.ndarray | None]:
        """Gradients, given that of the loss with respect to the result of the last :meth:`forward`.

        Parameters
        ----------
        dZ : ndarray of shape (n_out, B)
            Gradient with respect to Z.
        need_input_grad : bool, default=True
            The first layer of a network needs no dX.

        Returns
        -------
        dX : ndarray of shape (n_in, B) or None
            With respect to the input.
        g : ndarray of shape (nnz,)
            With respect to the weights, in the order of `data`.
        db : ndarray of shape (n_out,) or None
            With respect to b.

        Raises
        ------
        RuntimeError
            If there was no :meth:`forward`.
        """
        if self._input is None:
            raise RuntimeError("backward needs the input of a forward, and there was none")
        dZ = np.asarray(dZ)
        g = backends.sddmm(self._csr, dZ, self._input, backend=self.backend)
        dX = None
        if need_input_grad:
            dX = backends.spmm_t(self._csr, dZ, companion=self.columns, backend=self.backend)
        return dX, g, None if self.bias is None else dZ.sum(axis=1)

    def set_support(self, indptr, indices, data=None) -> None:
        """Change which weights exist.

        Parameters
        ----------
        indptr, indices : ndarray
            The new support in CSR, columns strictly ascending.
        data : ndarray of shape (nnz,), optional
            The new values; without them, positions that survive keep theirs and new ones are zero.

        Raises
        ------
        ValueError
            If the support is not sound, or the layer is frozen.
        """
        self._check_thawed()
        pattern = sp.csr_array((np.zeros(np.size(indices), np.int8), indices, indptr), shape=(self.n_out, self.n_in))
        _, indptr, indices, _ = backends.checked(pattern)
        old, new = keys_of(self.indptr, self.indices, self.n_in), keys_of(indptr, indices, self.n_in)
        if data is not None:
            data = np.array(data, self.data.dtype)
            if data.shape != new.shape:
                raise ValueError(f"data must have shape {new.shape}, got {data.shape}")
        at = np.searchsorted(new, old)
        stays = np.flatnonzero(new[np.minimum(at, new.size - 1)] == old) if new.size else np.zeros(0, np.int64)
        moved = [_moved(values, stays, at[stays], new.size) for values in (self.data, *self.state)]
        self._place(indptr, indices, moved[0] if data is None else data)
        self.state = tuple(moved[1:])

    def exchange(self, kept: np.ndarray, grown: np.ndarray, values: np.ndarray | float = 0.0) -> None:
        """Drop the weights that are not kept and grow others; velocities of those that are kept go with them.

        Parameters
        ----------
        kept : ndarray of bool of shape (nnz,)
            Which of the present weights stay.
        grown : ndarray of int64
            Flat positions ``output · n_in + input`` of new weights, distinct and none of the kept; a position that was
            dropped may be among them and starts as new.
        values : ndarray or float, default=0.0
            Their first values.
        """
        self._check_thawed()
        staying = keys_of(self.indptr, self.indices, self.n_in)[kept]
        keys = np.concatenate([staying, grown])
        order = np.argsort(keys, kind="stable")
        indptr, indices = structure_of(keys[order], self.n_out, self.n_in)
        fresh = np.broadcast_to(np.asarray(values, self.data.dtype), grown.shape)
        data = np.concatenate([self.data[kept], fresh])[order]
        zeros = np.zeros(grown.size, self.data.dtype)
        self.state = tuple(np.concatenate([v[kept], zeros])[order] for v in self.state)
        self._place(indptr, indices, data)

    def freeze(self) -> SparseLinear:
        """Make the weights read-only, so that whatever a backend keeps of them stays true. Returns the layer."""
        self._frozen = True
        for array in (self.data, self.indices, self.indptr):
            array.flags.writeable = False
        return self

    def _check_thawed(self):
        if self._frozen:
            raise ValueError("the layer is frozen: its support cannot change")

    # What a training loop calls: no checks, buffers with contiguous rows.

    @property
    def columns(self) -> backends.Companion:
        """The columns of the support, sorted when first asked for after a change."""
        if self._columns is None:
            self._columns = backends.column_companion(self._csr)
        return self._columns

    def multiply(self, X: np.ndarray, out: np.ndarray, relu: bool = False) -> None:
        """out = W X + b, negative entries 0 if `relu`."""
        if self.is_native:
            c = self._csr
            native.spmm(c.indptr, c.indices, c.data, _IN_ORDER, X, self._offset, relu, out, effective_n_jobs())
        else:
            name = "relu" if relu else None
            backends.spmm(self._csr, X, bias=self.bias, activation=name, out=out, backend=self.backend)

    def multiply_transposed(self, Z: np.ndarray, out: np.ndarray) -> None:
        """out = Wᵀ Z."""
        if self.is_native:
            colptr, rowind, perm = self.columns
            native.spmm(colptr, rowind, self.data, perm, Z, self._offset[:0], False, out, effective_n_jobs())
        else:
            backends.spmm_t(self._csr, Z, companion=self.columns, out=out, backend=self.backend)

    def gradient(self, dZ: np.ndarray, X: np.ndarray, out: np.ndarray) -> None:
        """out = the gradient of the weights."""
        native.sddmm(self.indptr, self.indices, dZ, X, out, effective_n_jobs())

    @property
    def is_native(self) -> bool:
        """Whether products run on the library's own kernel."""
        return backends.resolve(self.backend) == "native"


class CondensedLinear:
    """Sparse layer for inference in which every active output has exactly k inputs; the others are their bias.

    Make one with :meth:`from_csr` or :meth:`from_sparse_linear`.

    Parameters
    ----------
    indices : ndarray of shape (n_active, k)
        Inputs of each active output, ascending.
    values : ndarray of shape (n_active, k)
        Their weights, float32 or float64.
    active : ndarray of shape (n_active,)
        The outputs that have inputs, ascending.
    n_in, n_out : int
        Sizes of the layer.
    bias : ndarray of shape (n_out,), optional
        b.

    Attributes
    ----------
    indices : ndarray of uint16 or uint32 of shape (n_active, k)
        uint16 where n_in ≤ 65536.
    values : ndarray of shape (n_active, k)
        Weights.
    active : ndarray of int32 of shape (n_active,)
        Outputs that have inputs.
    bias : ndarray of shape (n_out,) or None
        b.

    See Also
    --------
    SparseLinear : For training, and for any support.
    SRigL : Training that ends in such layers.

    Notes
    -----
    No row pointers and two bytes an index: one sample reads three quarters of what CSR in float32 reads. Several
    samples at once go through the kernel of :func:`spmm`.

    References
    ----------
    M. Lasby, A. Golubeva, U. Evci, M. Nica, Y. Ioannou. Dynamic sparse training with structured sparsity. ICLR, 2024.
    arXiv 2305.02299.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.nn import CondensedLinear, SparseLinear
    >>> layer = SparseLinear(100, 20, kind="constant_fan_in", dtype=np.float64, random_state=0)
    >>> small = CondensedLinear.from_sparse_linear(layer)
    >>> small.indices.shape, small.indices.dtype
    ((20, 10), dtype('uint16'))
    >>> x = np.ones((100, 1))
    >>> bool(np.allclose(small.forward(x), layer.forward(x)))
    True
    """

    def __init__(self, indices, values, active, n_in, n_out, bias=None):
        self.n_in, self.n_out = check_count(n_in, "n_in"), check_count(n_out, "n_out")
        self.values = np.ascontiguousarray(values)
        check_real_dtype(self.values.dtype)
        indices, active = np.asarray(indices), np.asarray(active)
        if indices.ndim != 2 or indices.shape != self.values.shape or active.shape != indices.shape[:1]:
            given = f"{indices.shape}, {self.values.shape}, {active.shape}"
            raise ValueError(f"indices and values must have shape (n_active, k), active (n_active,), got {given}")
        for name, array, limit in (("indices", indices, self.n_in), ("active", active, self.n_out)):
            if array.dtype.kind not in "iu":
                raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
            if array.size and not 0 <= array.min() <= array.max() < limit:
                raise ValueError(f"{name} must be in 0 ... {limit - 1}, got {array.min()} to {array.max()}")
        if np.any(np.diff(active) <= 0) or np.any(np.diff(indices.astype(np.int64), axis=1) <= 0):
            raise ValueError("active, and the indices of each output, must be strictly ascending")
        self.indices = np.ascontiguousarray(indices, np.uint16 if self.n_in <= 65536 else np.uint32)
        self.active = np.ascontiguousarray(active, np.int32)
        self.bias = None if bias is None else backends.check_bias(bias, self._csr())
        self._wide = None

    @classmethod
    def from_csr(cls, W, bias=None) -> CondensedLinear:
        """From a CSR matrix (n_out, n_in) in which every row has k entries or none.

        Raises
        ------
        ValueError
            If two rows have different numbers of entries, and neither has none.
        """
        W = backends.checked(W)
        fan = np.diff(W.indptr)
        active = np.flatnonzero(fan)
        k = fan[active[0]] if active.size else 0
        if np.any(fan[active] != k):
            counts = np.unique(fan[active])
            raise ValueError(
                f"every row of W must have as many entries or none, got rows of {counts[0]} to {counts[-1]}"
            )
        parts = (part.reshape(active.size, k) for part in (W.indices, W.data))
        return cls(*parts, active, W.shape[1], W.shape[0], bias)

    @classmethod
    def from_sparse_linear(cls, layer) -> CondensedLinear:
        """From a :class:`SparseLinear`; the values are shared."""
        return cls.from_csr(layer.weight, layer.bias)

    def forward(self, X) -> np.ndarray:
        """``W X + b``.

        Parameters
        ----------
        X : ndarray of shape (n_in, B) or (n_in,)
            Of the layer's dtype, feature-major.

        Returns
        -------
        ndarray of shape (n_out, B) or (n_out,)
        """
        X = np.asarray(X)
        if X.dtype != self.values.dtype:
            raise TypeError(f"X must have the dtype of the layer: X is {X.dtype}, the layer is {self.values.dtype}")
        if X.ndim not in (1, 2) or X.shape[0] != self.n_in:
            raise ValueError(f"X must have shape ({self.n_in}, any) or ({self.n_in},), got {X.shape}")
        if X.ndim == 1 or X.shape[1] == 1:
            y = np.zeros(self.n_out, X.dtype) if self.bias is None else self.bias.copy()
            condensed.forward(self.indices, self.values, self.active, np.ascontiguousarray(X.reshape(-1)), y)
            return y.reshape(self.n_out, *X.shape[1:])
        if self._wide is None:
            self._wide = self._csr()
        return backends.spmm(self._wide, X, bias=self.bias)

    def _csr(self) -> backends.Csr:
        indptr = np.zeros(self.n_out + 1, np.int32)
        indptr[self.active + 1] = self.indices.shape[1]
        np.cumsum(indptr, out=indptr)
        return backends.Csr((self.n_out, self.n_in), indptr, self.indices.astype(np.int32).ravel(), self.values.ravel())


def random_values(init: str, indptr: np.ndarray, shape: tuple[int, int], rng) -> np.ndarray:
    """First values of the weights of a support, float64."""
    fan = np.diff(indptr)
    return initial_values(init, np.repeat(fan, fan), indptr[-1] / shape[1], shape, rng)


def _moved(values: np.ndarray, source: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    out = np.zeros(size, values.dtype)
    out[target] = values[source]
    return out
