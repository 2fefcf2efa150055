"""Transforms with a known fast algorithm, as operators: Walsh–Hadamard, Fourier, cosine."""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse as sp

from sparsela._core.validation import check_count
from sparsela.transforms._architecture import Pattern, butterfly_architecture, digit_reversal, is_power_of_two
from sparsela.transforms._factors import KroneckerSparse, Permutation
from sparsela.transforms._fwht import fwht
from sparsela.transforms._operator import FactorizedOperator

LARGEST_PRIME = 13  # a factor of prime order p has p n entries: above this it is not sparse in earnest


def hadamard_operator(n: int, normalize: bool = True) -> FactorizedOperator:
    """The Walsh–Hadamard transform of order 2ᴶ in natural (Sylvester) order, as a product of sparse factors.

    Parameters
    ----------
    n : int
        Order, a power of two.
    normalize : bool, default=True
        Orthonormal; False: entries are ±1.

    Returns
    -------
    FactorizedOperator
        J dyadic `KroneckerSparse` factors, ``2 n log₂ n`` non-zeros. It multiplies by :func:`fwht`, not factor by
        factor, in both directions; slices and products with other operators are chains of factors.

    Raises
    ------
    TypeError
        If n is not an int, or `normalize` not a bool.
    ValueError
        If n is no power of two.

    See Also
    --------
    fwht : The transform of an array, along any axis.

    Notes
    -----
    ``H[i, j] = (−1)^popcount(i & j)``, over √n if normalised; symmetric. ``n log₂ n`` additions a column.

    References
    ----------
    B. Fino, V. Algazi. Unified matrix treatment of the fast Walsh–Hadamard transform. IEEE Transactions on Computers,
    1976.

    Examples
    --------
    >>> from sparsela.transforms import hadamard_operator
    >>> H = hadamard_operator(4, normalize=False)
    >>> H.toarray()
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    >>> H @ [1.0, 0.0, 0.0, 0.0]
    array([1., 1., 1., 1.])
    """
    n = _check_power_of_two(n)
    if not isinstance(normalize, (bool, np.bool_)):
        raise TypeError(f"normalize must be a bool, got {type(normalize).__name__}")
    return _hadamard(n, bool(normalize), np.dtype(float))


def _hadamard(n: int, normalize: bool, dtype: np.dtype) -> _HadamardOperator:
    values = np.array([[1, 1], [1, -1]], dtype) * (np.sqrt(0.5) if normalize else 1.0)
    chain = butterfly_architecture(n, n) if n > 1 else []
    factors = [KroneckerSparse(np.broadcast_to(values, (a, d, b, c)), a, b, c, d) for a, b, c, d in chain]
    operator = _HadamardOperator(factors or [np.ones((1, 1), dtype)], copy=False).astype(dtype)
    operator.normalize = normalize
    return operator


class _HadamardOperator(FactorizedOperator):
    """The chain of factors for all but the product, which is one call of the transform."""

    normalize: bool

    @classmethod
    def _make(cls, parts, scale, conjugated: bool = False) -> FactorizedOperator:
        return FactorizedOperator._make(parts, scale, conjugated)

    def _matmat(self, X):
        dtype = np.result_type(self.dtype, np.complex64) if np.iscomplexobj(X) else self.dtype
        return fwht(np.asarray(X, dtype), axis=0, normalize=self.normalize)

    def _transpose(self):
        return self  # symmetric

    def conj(self):
        return self

    def astype(self, dtype):
        plain = super().astype(dtype)
        operator = _HadamardOperator.__new__(_HadamardOperator)._fill(plain._parts, plain.scale, False)
        operator.normalize = getattr(self, "normalize", True)
        return operator

    @classmethod
    def _restore(cls, arrays):
        return FactorizedOperator._restore(arrays)

    def __reduce__(self):
        return _hadamard, (self.shape[0], self.normalize, self.dtype)


def dft_operator(n: int, norm: str = "ortho", inverse: bool = False) -> FactorizedOperator:
    """The discrete Fourier transform of order n as a product of sparse factors: the FFT, written out.

    Parameters
    ----------
    n : int
        Order, at least 1, with no prime factor above 13.
    norm : {"ortho", "backward", "forward"}, default="ortho"
        As in ``scipy.fft``: 1/√n in both directions, or 1/n in the inverse, or in the forward one.
    inverse : bool, default=False
        The inverse transform.

    Returns
    -------
    FactorizedOperator
        Complex, with one `KroneckerSparse` factor of p n entries for every prime factor p of n, ``2 n log₂ n`` for a
        power of two, and the digit reversal last.

    Raises
    ------
    TypeError
        If n is not an int.
    ValueError
        If n is below 1 or has a large prime factor, or `norm` is none of the three.

    See Also
    --------
    butterfly_factorization : Finds these factors from the matrix alone.

    Notes
    -----
    Decimation in time: with ω = exp(−2πi/n), n = p n', rows j = b n' + d and columns k = c + p k',
    ``ω^{jk} = ω_p^{bc} · ω^{dc} · ω_{n'}^{d k'}``. The first factor holds the first two terms, the transform of order
    n' the third. For one array ``scipy.fft.fft`` is faster: this operator is for products with other factors, for
    slices of the transform, and as a start for learning.

    References
    ----------
    J. Cooley, J. Tukey. An algorithm for the machine calculation of complex Fourier series. Mathematics of
    Computation, 1965.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.transforms import dft_operator
    >>> F = dft_operator(12)
    >>> x = np.arange(12.0)
    >>> bool(np.allclose(F @ x, np.fft.fft(x, norm="ortho")))
    True
    >>> F.nnz, F.n_factors
    (84, 4)
    """
    n = check_count(n, "n")
    if norm not in ("ortho", "backward", "forward"):
        raise ValueError(f"norm must be 'ortho', 'backward' or 'forward', got {norm!r}")
    if n == 1:
        return FactorizedOperator([np.ones((1, 1), complex)])
    chain = butterfly_architecture(n, n)
    largest = max(pattern[1] for pattern in chain)
    if largest > LARGEST_PRIME:
        raise ValueError(f"n must have no prime factor above {LARGEST_PRIME}, got {n} = {largest} · {n // largest}")
    factors = [KroneckerSparse(_twiddles(pattern, inverse), *pattern) for pattern in chain]
    scale = {"ortho": 1.0, "backward": np.sqrt(n), "forward": 1 / np.sqrt(n)}[norm]
    if inverse:
        scale = 1 / scale
    return FactorizedOperator([*factors, Permutation(digit_reversal(chain, n))], scale=scale, copy=False)


def _twiddles(pattern: Pattern, inverse: bool) -> np.ndarray:
    """Values of the factor (a, p, p, d) of the orthonormal transform, (a, d, p, p)."""
    a, p, _, d = pattern
    j = np.arange(d)[:, None, None] + d * np.arange(p)[:, None]  # row (b, d) of the block of order p d
    turns = j * np.arange(p) % (p * d)  # reduced before the division: exact for any n
    values = np.exp((2j if inverse else -2j) * np.pi * turns / (p * d)) / np.sqrt(p)
    return np.broadcast_to(values, (a, d, p, p))


def dct_operator(n: int, type: int = 2) -> FactorizedOperator:
    """The orthonormal discrete cosine transform of order 2ᴶ as a product of sparse orthogonal real factors.

    Parameters
    ----------
    n : int
        Order, a power of two.
    type : {2, 3, 4}, default=2
        3 is the inverse of 2.

    Returns
    -------
    FactorizedOperator
        About ``3/2 log₂ n`` CSR factors, each orthogonal, with no more than ``4 n log₂ n`` non-zeros together.

    Raises
    ------
    TypeError
        If n or type is not an int.
    ValueError
        If n is no power of two, or type is none of 2, 3, 4.

    Notes
    -----
    The split-radix recursion of Plonka and Tasche, with ⊕ the direct sum and P taking even indices first:
    ``C²_n = Pᵀ (C²_{n/2} ⊕ C⁴_{n/2}) T_0`` and ``C⁴_n = Pᵀ B (C²_{n/2} ⊕ C²_{n/2}) T_1``. The shorter side of a sum is
    padded with identities; permutations are merged into the factor on their right. Since every factor is orthogonal,
    rounding does not grow with the depth. It is no dyadic butterfly (:func:`butterfly_factorization` does not find it).

    References
    ----------
    G. Plonka, M. Tasche. Fast and numerically stable algorithms for discrete cosine transforms. Linear Algebra and its
    Applications, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.fft
    >>> from sparsela.transforms import dct_operator
    >>> C = dct_operator(64)
    >>> x = np.arange(64.0)
    >>> bool(np.allclose(C @ x, scipy.fft.dct(x, norm="ortho")))
    True
    >>> C.n_factors, C.nnz
    (8, 968)
    """
    n, type = _check_power_of_two(n), check_count(type, "type", low=2, high=4)
    if type == 3:
        return dct_operator(n, 2).T
    if n == 1:
        return FactorizedOperator([np.ones((1, 1))])
    return FactorizedOperator(_cosine_factors(n, type), copy=False)


@functools.lru_cache(maxsize=64)
def _cosine_factors(n: int, type: int) -> tuple[sp.csr_array, ...]:
    if n == 2:
        c, s = (np.sqrt(0.5),) * 2 if type == 2 else (np.cos(np.pi / 8), np.sin(np.pi / 8))
        return (sp.csr_array([[c, s], [s, -c]]),)
    h = n // 2
    if type == 2:
        I, J = sp.eye_array(h, format="csr"), sp.eye_array(h, format="csr")[::-1]
        ahead = [sp.block_array([[I, J], [I, -J]]) * np.sqrt(0.5)]
        inner = _direct_sum(_cosine_factors(h, 2), _cosine_factors(h, 4))
        behind = []
    else:
        ahead, behind = [_rotations(n)], [_additions(n)]
        inner = _direct_sum(_cosine_factors(h, 2), _cosine_factors(h, 2))
    factors = [sp.csr_array(factor) for factor in (*behind, *inner, *ahead)]
    place = np.empty(n, int)  # Pᵀ: the first half goes to the even rows
    place[::2], place[1::2] = np.arange(h), np.arange(h, n)
    factors[0] = factors[0][place]
    return tuple(factors)


def _direct_sum(upper, lower) -> list[sp.csr_array]:
    """The direct sum of two products, factor by factor; the shorter gets identities on its right."""
    h, length = upper[0].shape[0], max(len(upper), len(lower))
    upper, lower = (list(f) + [sp.eye_array(h, format="csr")] * (length - len(f)) for f in (upper, lower))
    return [sp.block_diag(pair, format="csr") for pair in zip(upper, lower, strict=True)]


def _rotations(n: int) -> sp.csr_array:
    """T_1: rotations of the pairs (k, n − 1 − k) by (2k + 1) π / 4n, the second halves with alternating signs."""
    h = n // 2
    k = np.arange(h)
    c, s = np.cos((2 * k + 1) * np.pi / (4 * n)), np.sin((2 * k + 1) * np.pi / (4 * n))
    sign = (-1.0) ** k
    rows, columns = np.concatenate([k, k, h + k, h + k]), np.concatenate([k, n - 1 - k, k, n - 1 - k])
    return sp.csr_array((np.concatenate([c, s, sign * s, -sign * c]), (rows, columns)), shape=(n, n))


def _additions(n: int) -> sp.csr_array:
    """B: the first and the last row of the two halves alone, the others added and subtracted in pairs."""
    h, r = n // 2, np.sqrt(0.5)
    i = np.arange(1, h)
    rows = np.concatenate([[0, n - 1], i, i, h + i - 1, h + i - 1])
    columns = np.concatenate([[0, h], i, n - i, i, n - i])
    values = np.concatenate([[1, 1], *(np.full(h - 1, value) for value in (r, -r, r, r))])
    return sp.csr_array((values, (rows, columns)), shape=(n, n))


def _check_power_of_two(n: int) -> int:
    n = check_count(n, "n")
    if not is_power_of_two(n):
        low = 1 << (n.bit_length() - 1)
        raise ValueError(f"n must be a power of two, got {n}; the nearest are {low} and {2 * low}")
    return n
