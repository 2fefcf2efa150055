"""Proximal operators: x = argmin ½‖x − z‖² + a φ(x) for the penalties φ of sparse recovery, and the projections.

Elementwise operators take any shape, real or complex (they act on the modulus and keep the phase), float32 to float32,
integers to float64. Where two minimisers tie they return 0, the sparser. Infinite entries stay, NaN stays NaN. The
strength `a` (step times weight) is a number or an array that broadcasts to z. `out` may be z itself. The penalties as
objects, with their values, are in `penalties`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.elementwise import check_out, elementwise, numbers, scale_by
from sparsela._core.float_range import in_float_range
from sparsela._core.projections import hard_threshold_rows, project_l1_ball, top_k
from sparsela._core.prox_concave import prox_cel0, prox_firm, prox_log_sum, prox_mcp, prox_scad
from sparsela._core.validation import check_positive

__all__ = [
    "group_soft_threshold",
    "hard_threshold_rows",
    "project_l1_ball",
    "prox_cel0",
    "prox_firm",
    "prox_l0",
    "prox_l1",
    "prox_lhalf",
    "prox_log_sum",
    "prox_lq",
    "prox_ltwothirds",
    "prox_mcp",
    "prox_scad",
    "top_k",
]


def prox_l1(z: Any, a: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """Soft threshold: the proximal operator of ``a ‖x‖₁``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    ``sign(z) (|z| − a)₊``. O(size).

    References
    ----------
    D. Donoho. De-noising by soft-thresholding. IEEE Transactions on Information Theory, 1995.

    Examples
    --------
    >>> prox_l1([3.0, -0.5, -2.0], 1.0)
    array([ 2.,  0., -1.])
    >>> prox_l1([3 + 4j], 1.0)
    array([2.4+3.2j])
    """
    return elementwise("soft", z, a, out=out)


def prox_l0(z: Any, a: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """Hard threshold: the proximal operator of ``a ‖x‖₀``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    z where ``|z| > √(2a)``, else 0. O(size).

    References
    ----------
    T. Blumensath, M. Davies. Iterative thresholding for sparse approximations. Journal of Fourier Analysis and
    Applications, 2008.

    Examples
    --------
    >>> prox_l0([3.0, -2.0, 0.5], 2.0)
    array([3., 0., 0.])
    """
    return elementwise("hard", z, a, out=out)


def prox_lhalf(z: Any, a: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """Half threshold: the proximal operator of ``a Σ |x|^½``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    0 where ``|z| ≤ (3/2) a^⅔``, else ``(2/3) z (1 + cos((2/3) arccos(−(3√3/4) a |z|^(−3/2))))``. O(size).

    References
    ----------
    Z. Xu, X. Chang, F. Xu, H. Zhang. L1/2 regularization: a thresholding representation theory and a fast solver. IEEE
    Transactions on Neural Networks and Learning Systems, 2012.

    Examples
    --------
    >>> prox_lhalf([1.5, -3.0], 1.0).round(4)
    array([ 0.    , -2.6955])
    """
    return elementwise("half", z, a, out=out)


def prox_ltwothirds(z: Any, a: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``a Σ |x|^⅔``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    0 where ``|z| ≤ 2 (2a/3)^¾``, else the cube of the largest root v of ``v⁴ − |z| v + 2a/3 = 0``, with the sign of z.
    O(size).

    References
    ----------
    W. Cao, J. Sun, Z. Xu. Fast image deconvolution using closed-form thresholding formulas of Lq (q = 1/2, 2/3)
    regularization. Journal of Visual Communication and Image Representation, 2013.

    Examples
    --------
    >>> prox_ltwothirds([1.0, -3.0], 1.0).round(4)
    array([ 0.    , -2.5094])
    """
    return elementwise("two_thirds", z, a, out=out)


def prox_lq(z: Any, a: Any, q: float, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``a Σ |x|^q``, 0 < q < 1.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    q : float
        Exponent, 0 < q < 1.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, q is not between 0 and 1, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    With ``m = (2a(1−q))^(1/(2−q))``: 0 where ``|z| ≤ m + a q m^(q−1)``, else the largest root of
    ``x + a q x^(q−1) = |z|`` by Newton's method from above, with the sign of z. O(size), a few powers for every
    entry above the threshold.

    References
    ----------
    G. Marjanovic, V. Solo. On lq optimization and matrix completion. IEEE Transactions on Signal Processing, 2012.

    Examples
    --------
    >>> prox_lq([1.0, -3.0], 1.0, 0.5).round(4)
    array([ 0.    , -2.6955])
    """
    q = check_positive(q, "q")
    if q >= 1:
        raise ValueError(f"q must be between 0 and 1, both excluded, got {q!r}")
    return elementwise("power", z, a, q, out=out)


@in_float_range
def group_soft_threshold(z: Any, a: float, groups: Any = None, *, out: np.ndarray | None = None) -> np.ndarray:
    """Shrink each group towards 0 by its norm: the proximal operator of ``a Σ_g ‖x_g‖₂``.

    Parameters
    ----------
    z : array_like of shape (n, ...), real or complex
        Where the operator is taken.
    a : float
        Strength, step times weight, finite and at least 0.
    groups : array_like of int of shape (n,), or None, default=None
        Group of each ``z[i]``, numbered from 0; None: each ``z[i]``, a row of a matrix, is a group of its own.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        ``x_g = z_g (1 − a/‖z_g‖)₊``.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, or `groups` does not have one non-negative number an entry.
    TypeError
        If z is not numeric or `groups` are not integers.

    Notes
    -----
    O(size).

    References
    ----------
    M. Yuan, Y. Lin. Model selection and estimation in regression with grouped variables. Journal of the Royal
    Statistical Society B, 2006.

    Examples
    --------
    >>> group_soft_threshold([[3.0, 4.0], [0.3, 0.4]], 1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    >>> group_soft_threshold([3.0, 0.3, 4.0, 0.4], 1.0, groups=[0, 1, 0, 1])
    array([2.4, 0. , 3.2, 0. ])
    """
    z = numbers(z)
    a = check_positive(a, "a", allow_zero=True)
    norms = group_norms(z, groups)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        factors = np.where((norms <= a) | (norms == 0), 0.0, 1.0 - a / norms)
    if groups is not None:
        factors = factors[np.asarray(groups)]
    factors = factors.reshape(-1, *[1] * (z.ndim - 1)).astype(np.finfo(z.dtype).dtype)
    if out is None:
        out = np.empty_like(z)
    check_out(out, z)
    scale_by(z, factors, out)
    return out


def group_norms(z: np.ndarray, groups: Any = None) -> np.ndarray:
    """``‖z_g‖₂`` of every group of `group_soft_threshold`, in double."""
    if z.ndim == 0:
        raise ValueError("z must have at least 1 dimension, got a number")
    if groups is None:
        labels, n_groups = np.arange(len(z)), len(z)
    else:
        labels = np.asarray(groups)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"groups must be integers, got dtype {labels.dtype}")
        if labels.shape != z.shape[:1] or labels.min(initial=0) < 0:
            raise ValueError(
                f"groups must be {len(z)} numbers from 0, got shape {labels.shape}"
                + (f", minimum {labels.min()}" if labels.size else "")
            )
        n_groups = int(labels.max()) + 1 if labels.size else 0
        labels = labels.astype(np.intp)  # to which NumPy 2.0 casts no unsigned integers
    sizes = np.abs(z).astype(np.float64).reshape(len(z), -1)
    scale = sizes.max(initial=0, where=np.isfinite(sizes)) or 1.0  # squares that neither overflow nor vanish
    return scale * np.sqrt(np.bincount(labels, ((sizes / scale) ** 2).sum(axis=1), n_groups))
