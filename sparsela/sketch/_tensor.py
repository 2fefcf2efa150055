"""Sketches of tensor products that are never formed: polynomial kernels and Kronecker products."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.fft
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.random import bucket_hash, seed_from, sign_hash
from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_indices
from sparsela.sketch._inputs import check_data
from sparsela.sketch._signs import Blocks, SignSketch
from sparsela.transforms import fwht, next_pow2

BLOCK = 64  # rows whose spectra are in cache together


class TensorSketch(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features whose dot products estimate a polynomial kernel, ``(γ ⟨x, x′⟩ + c)^p``.

    Parameters
    ----------
    n_components : int, default=256
        Length k of a sketch; any, also no power of two.
    degree : int, default=2
        p, at least 1.
    gamma : float, default=1.0
        γ, above 0.
    coef0 : float, default=0.0
        c, at least 0.
    random_state : int, RandomState or None, default=None
        An int is the seed itself.

    Attributes
    ----------
    n_components_ : int
        k.
    seed_ : int
        What was drawn from `random_state`.
    n_features_in_ : int
        Features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has strings as names of its columns.

    See Also
    --------
    kronecker_sketch : Of products of different matrices.

    Notes
    -----
    The p-fold tensor product of x is hashed by the sum of p buckets and the product of p signs: circular convolution
    of p CountSketches (streams 0 … p − 1 of the seed; √c is appended as one more feature), so by FFT. Unbiased, of
    variance at most ``(3^p − 1)/k · ‖x‖^{2p} ‖x′‖^{2p}``; it embeds an r-dimensional subspace of the product for
    ``k ≥ (2 + 3^p) r²/(ε² δ)``. O(p (nnz + k log k)) a sample. Complex data are refused.

    References
    ----------
    N. Pham, R. Pagh. Fast and scalable polynomial kernels via explicit feature maps. KDD, 2013.

    H. Avron, H. L. Nguyên, D. Woodruff. Subspace embeddings for the polynomial kernel. NIPS, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import TensorSketch
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> Y = TensorSketch(20_000, random_state=0).fit_transform(X)
    >>> K = (X @ X.T) ** 2
    >>> bool(np.linalg.norm(Y @ Y.T - K) < 0.05 * np.linalg.norm(K))
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "coef0": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_components=256, *, degree=2, gamma=1.0, coef0=0.0, random_state=None):
        self.n_components = n_components
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the hashes for as many features as X has.

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
        check_count(self.n_components, "n_components")  # True is an int to the constraints
        check_indices(X, "X")
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        self.n_components_, self.seed_ = int(self.n_components), seed_from(self.random_state)
        self._hashes = [
            SignSketch(Blocks(self.n_components_, self.seed_, stream=r), X.shape[1]) for r in range(self.degree)
        ]
        return self

    def transform(self, X):
        """Sketch the p-fold tensor product of each sample.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            float32 stays; sparse data are not made dense.

        Returns
        -------
        ndarray of shape (n_samples, n_components)

        Raises
        ------
        ValueError
            If X is not finite, or its powers leave the range of its type.
        """
        check_is_fitted(self)
        check_indices(X, "X")
        X = validate_data(self, X, reset=False, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        if issparse(X):
            X = X.tocsr()
        constants = self._constants(X.dtype)
        out = np.empty((X.shape[0], self.n_components_), X.dtype)
        step = max(BLOCK, BLOCK * effective_n_jobs())
        part = np.empty((step, self.n_components_), X.dtype)
        for first in range(0, len(out), step):
            rows = slice(first, min(len(out), first + step))
            block, spectrum = X[rows], 1
            for hashed, (bucket, value) in zip(self._hashes, constants, strict=True):
                y = part[: rows.stop - rows.start]
                hashed.rows(block, y, add=False)
                with _unheard():
                    y *= y.dtype.type(math.sqrt(self.gamma))
                    y[:, bucket] += value
                    spectrum = spectrum * scipy.fft.rfft(y)
            out[rows] = scipy.fft.irfft(spectrum, self.n_components_)
        return _in_range(out, f"X, gamma or coef0 is too large for degree {self.degree}")

    def _constants(self, dtype):
        """Bucket and signed value of the feature √c, for each factor."""
        d, k = self.n_features_in_, self.n_components_
        return [
            (
                int(bucket_hash(d, k, seed=self.seed_, stream=r)),
                dtype.type(math.sqrt(self.coef0) * int(sign_hash(d, seed=self.seed_, stream=r))),
            )
            for r in range(self.degree)
        ]

    @property
    def _n_features_out(self):
        return self.n_components_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def kronecker_sketch(factors, n_components, *, method="tensorsketch", axis=0, random_state=None) -> np.ndarray:
    """Sketch a Kronecker product without forming it.

    Parameters
    ----------
    factors : sequence of {ndarray, sparse array}
        A₁ … A_p, of shapes (n_r, d_r) for axis 0, (n, d_r) for axis 1.
    n_components : int
        k.
    method : {"tensorsketch", "kfjlt"}, default="tensorsketch"
        Hash sums of buckets; or transform each factor and draw k tuples of rows, with replacement.
    axis : {0, 1}, default=0
        0: sketch the rows of ``A₁ ⊗ … ⊗ A_p``. 1: sketch the features of the row-wise (face-splitting) product.
    random_state : int, Generator, RandomState or None, default=None
        An int is the seed itself.

    Returns
    -------
    ndarray of shape (n_components, d₁ ⋯ d_p), or (n, n_components) for axis 1
        ``S (A₁ ⊗ … ⊗ A_p)``, columns in the order of :func:`numpy.kron` (the last factor runs fastest).

    Raises
    ------
    ValueError, TypeError
        If there is no factor, one is complex, empty or not finite, (axis 1) their rows differ in number, or their
        products leave the range of their type.

    See Also
    --------
    TensorSketch : All factors the same, for polynomial kernels.

    Notes
    -----
    "tensorsketch": bucket the sum of the factors' buckets mod k, sign the product of their signs (stream r for factor
    r): inverse FFTs of products of the FFTs of p small CountSketches, O(Σ nnz(A_r) + k log k ∏ d_r). "kfjlt": row t is
    the Kronecker product of the rows i_{t,r} of H̄ D_r A_r, over √k; O(Σ n_r d_r log n_r + k ∏ d_r).

    References
    ----------
    N. Pham, R. Pagh. Fast and scalable polynomial kernels via explicit feature maps. KDD, 2013.

    R. Jin, T. Kolda, R. Ward. Faster Johnson–Lindenstrauss transforms via Kronecker products. Information and
    Inference, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import kronecker_sketch
    >>> A, B = np.eye(3), np.eye(4)
    >>> S = kronecker_sketch([A, B], 5, random_state=0)  # of the identity of order 12: S itself
    >>> bool((np.isclose(np.abs(S), 1).sum(axis=0) == 1).all()), S.shape
    (True, (5, 12))
    """
    if method not in ("tensorsketch", "kfjlt"):
        raise ValueError(f"method must be 'tensorsketch' or 'kfjlt', got {method!r}")
    if isinstance(axis, bool) or axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, got {axis!r}")
    k, seed = check_count(n_components, "n_components", high=2**30 - 1), seed_from(random_state)
    factors = [_real(check_data(A, f"factors[{r}]"), r) for r, A in enumerate(factors)]
    if not factors:
        raise ValueError("factors must hold at least one matrix, got none")
    if axis == 1 and len({A.shape[0] for A in factors}) > 1:
        raise ValueError(f"factors must have equally many rows for axis=1, got {[A.shape[0] for A in factors]}")
    dtype = np.result_type(*factors)
    of_factors = _hashed if method == "tensorsketch" else _sampled
    parts = of_factors([A.astype(dtype, copy=False) for A in factors], k, axis, seed)
    with _unheard():
        if axis == 1:  # (n, k) each
            product = math.prod(parts)
        else:
            product = parts[0]  # (k, d_1), times the next factor's columns one by one
            for part in parts[1:]:
                product = (product[:, :, None] * part[:, None, :]).reshape(len(part), -1)
        if method == "tensorsketch":
            product = scipy.fft.irfft(product, k, axis=axis)
        else:
            product = product * dtype.type(k**-0.5)
    return _in_range(product, "factors are too large")


def _unheard() -> np.errstate:
    """Silence for numbers that overflow: `_in_range` sees what came of them."""
    return np.errstate(over="ignore", invalid="ignore")


def _in_range(out: np.ndarray, cause: str) -> np.ndarray:
    """`out`, or a ValueError where products left the range of its type."""
    if not np.isfinite(out).all():
        raise ValueError(f"{cause}: the sketch leaves the range of {out.dtype}. Scale it")
    return out


def _real(A: Any, r: int) -> Any:
    if A.dtype.kind == "c":
        raise TypeError(f"factors[{r}] must be real, got dtype {A.dtype}")
    if min(A.shape) == 0:
        raise ValueError(f"factors[{r}] must not be empty, got shape {A.shape}")
    return A


def _hashed(factors: list, k: int, axis: int, seed: int) -> list:
    """Spectra of the CountSketches of the factors, by stream r."""
    spectra = []
    for r, A in enumerate(factors):
        hashed = SignSketch(Blocks(k, seed, stream=r), A.shape[axis])
        if axis == 1:
            out = np.empty((A.shape[0], k), A.dtype)
            hashed.rows(A, out, add=False)
        else:
            out = np.zeros((k, A.shape[1]), A.dtype)
            hashed.axis0(A, np.arange(A.shape[0]), out)
        spectra.append(scipy.fft.rfft(out, axis=axis))
    return spectra


def _sampled(factors: list, k: int, axis: int, seed: int) -> list:
    """k rows (columns) of H̄ D_r A_r, drawn with replacement: signs from stream 2r, rows from stream 2r + 1."""
    parts = []
    for r, A in enumerate(factors):
        check_indices(A, f"factors[{r}]")
        length = A.shape[axis]
        D = next_pow2(length)
        signs = sign_hash(np.arange(length), seed=seed, stream=2 * r).astype(A.dtype)
        flipped = A * (signs[:, None] if axis == 0 else signs)
        dense = flipped.toarray() if isinstance(flipped, csr_array) or issparse(flipped) else flipped
        rows = bucket_hash(np.arange(k), D, seed=seed, stream=2 * r + 1)
        parts.append(np.take(fwht(dense, axis, normalize=False, n=D), rows, axis=axis))
    return parts
