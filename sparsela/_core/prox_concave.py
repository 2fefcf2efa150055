"""Proximal operators of penalties that are linear at 0 and flatten out: CEL0, SCAD, MCP, firm, log-sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.elementwise import elementwise
from sparsela._core.validation import check_positive


def prox_cel0(z: Any, alpha: float, step: float, column_norms: Any, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``step`` times the CEL0 penalty, the tightest continuous relaxation of ``alpha ‖x‖₀``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    alpha : float
        Weight of the penalty, finite and at least 0.
    step : float
        Step size that multiplies the penalty, positive.
    column_norms : float or array_like
        Norms c of the columns of A, finite and at least 0; an array broadcasts to z.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If alpha, step or a norm is out of its range, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    ``φ(x) = Σ alpha − (c²/2)(|x| − √(2 alpha)/c)² [|x| ≤ √(2 alpha)/c]``. Where ``c² step < 1`` it is
    ``sign(z) min(|z|, (|z| − √(2 alpha) step c)₊ / (1 − c² step))``, else the hard threshold at ``√(2 step alpha)``.
    O(size).

    References
    ----------
    E. Soubies, L. Blanc-Féraud, G. Aubert. A continuous exact l0 penalty (CEL0) for least squares regularized problem.
    SIAM Journal on Imaging Sciences, 2015.

    Examples
    --------
    >>> prox_cel0([1.0, 1.5, -3.0], 2.0, 0.5, 1.0)
    array([ 0.,  1., -3.])
    """
    alpha, step = check_positive(alpha, "alpha", allow_zero=True), check_positive(step, "step")
    return elementwise("cel0", z, column_norms, alpha, step, out=out, name="column_norms")


def prox_scad(z: Any, alpha: Any, step: float, gamma: float = 3.7, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``step`` times the SCAD penalty (smoothly clipped absolute deviation).

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    alpha : float
        Weight of the penalty, finite and at least 0.
    step : float
        Step size that multiplies the penalty, positive.
    gamma : float, default=3.7
        Where the penalty turns flat, in units of alpha; above 2 and above ``1 + step``.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser.

    Raises
    ------
    ValueError
        If a parameter is out of its range, ``gamma ≤ 1 + step``, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    ``φ'(x) = alpha`` for ``|x| ≤ alpha``, falling linearly to 0 at ``gamma alpha``. With ``s = |z|``: soft threshold at
    ``step alpha`` for ``s ≤ (1 + step) alpha``; ``((gamma − 1) s − step gamma alpha) / (gamma − 1 − step)`` for
    ``s ≤ gamma alpha``; z beyond. For ``step ≥ gamma − 1`` the problem is no longer convex and has no such solution.
    O(size).

    References
    ----------
    J. Fan, R. Li. Variable selection via nonconcave penalized likelihood and its oracle properties. Journal of the
    American Statistical Association, 2001.

    Examples
    --------
    >>> prox_scad([0.5, 1.5, 3.0, -5.0], 1.0, 1.0)
    array([ 0.        ,  0.5       ,  2.58823529, -5.        ])
    """
    step, gamma = check_positive(step, "step"), check_positive(gamma, "gamma")
    if gamma <= max(2.0, 1.0 + step):
        raise ValueError(f"gamma must be above 2 and above 1 + step = {1 + step:.6g}, got {gamma!r}")
    return elementwise("scad", z, alpha, step, gamma, out=out, name="alpha")


def prox_mcp(z: Any, alpha: Any, step: float, gamma: float = 3.0, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``step`` times the minimax concave penalty (MCP).

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    alpha : float
        Weight of the penalty, finite and at least 0.
    step : float
        Step size that multiplies the penalty, positive.
    gamma : float, default=3.0
        Where the penalty turns flat, in units of alpha; above 1 and above `step`.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser.

    Raises
    ------
    ValueError
        If a parameter is out of its range, ``gamma ≤ step``, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    ``φ(x) = alpha |x| − x²/(2 gamma)`` for ``|x| ≤ gamma alpha``, ``gamma alpha²/2`` beyond. It is
    ``sign(z) (|z| − step alpha)₊ / (1 − step/gamma)`` for ``|z| ≤ gamma alpha``, z beyond. For ``step ≥ gamma`` the
    problem is no longer convex and has no such solution. O(size).

    References
    ----------
    C.-H. Zhang. Nearly unbiased variable selection under minimax concave penalty. Annals of Statistics, 2010.

    Examples
    --------
    >>> prox_mcp([0.5, 2.0, -4.0], 1.0, 1.0)
    array([ 0. ,  1.5, -4. ])
    """
    step, gamma = check_positive(step, "step"), check_positive(gamma, "gamma")
    if gamma <= max(1.0, step):
        raise ValueError(f"gamma must be above 1 and above step = {step:.6g}, got {gamma!r}")
    return elementwise("mcp", z, alpha, step, gamma, out=out, name="alpha")


def prox_firm(z: Any, a: Any, mu: float, *, out: np.ndarray | None = None) -> np.ndarray:
    """Firm threshold: soft at `a`, the identity from `mu` on, linear between.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    mu : float
        Where shrinkage ends, positive.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, mu is not positive, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    The penalty is ``|x| − x²/(2 mu)`` up to ``mu`` and ``mu/2`` beyond: the MCP with a knee that stays where it is when
    the weight changes. For ``a ≥ mu`` the minimiser is the hard threshold at ``√(a mu)``. O(size).

    References
    ----------
    H.-Y. Gao, A. Bruce. WaveShrink with firm shrinkage. Statistica Sinica, 1997.

    Examples
    --------
    >>> prox_firm([0.5, 1.5, -3.0], 1.0, 2.0)
    array([ 0.,  1., -3.])
    """
    return elementwise("firm", z, a, check_positive(mu, "mu"), out=out)


def prox_log_sum(z: Any, a: Any, eps: float, *, out: np.ndarray | None = None) -> np.ndarray:
    """The proximal operator of ``a Σ log(1 + |x|/eps)``.

    Parameters
    ----------
    z : array_like of any shape, real or complex
        Where the operator is taken.
    a : float or array_like
        Strength, step times weight, finite and at least 0; an array broadcasts to z.
    eps : float
        Where the logarithm bends, positive; the smaller, the nearer to counting non-zeros.
    out : ndarray or None, default=None
        Where to write, of z's shape and of the answer's dtype; may be z.

    Returns
    -------
    ndarray of z's shape
        The minimiser, 0 where 0 ties with another.

    Raises
    ------
    ValueError
        If `a` is negative or not finite, eps is not positive, or `out` has another shape or dtype.
    TypeError
        If z is not numeric.

    Notes
    -----
    The larger root of ``(x − |z|)(x + eps) + a = 0``, with the sign of z, where there is one and its objective is below
    that of 0. O(size).

    References
    ----------
    E. Candès, M. Wakin, S. Boyd. Enhancing sparsity by reweighted l1 minimization. Journal of Fourier Analysis and
    Applications, 2008.

    Examples
    --------
    >>> prox_log_sum([0.5, -3.0], 1.0, 0.5).round(4)
    array([ 0.    , -2.6861])
    """
    return elementwise("log_sum", z, a, check_positive(eps, "eps"), out=out)
