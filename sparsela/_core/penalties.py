"""The penalties of sparse recovery as objects: a value, a proximal operator, and whether they are convex.

Each is a small frozen dataclass over the functions of `prox`. ``value(x, alpha)`` is the penalty with weight alpha and
``prox(z, step, alpha)`` is ``argmin_x ½‖x − z‖² + step · value(x, alpha)``. Sets are in `constraints`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsela._core import prox as _prox
from sparsela._core.elementwise import numbers
from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_positive

__all__ = [
    "CEL0",
    "L0",
    "L1",
    "MCP",
    "SCAD",
    "Firm",
    "GroupL2",
    "LHalf",
    "LTwoThirds",
    "LogSum",
    "Lq",
    "Penalty",
]


class Penalty:
    """What a solver asks of a penalty.

    Attributes
    ----------
    is_convex : bool
        Whether the penalty is a convex function.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.recovery.prox import L1, Penalty
    >>> penalty = L1()
    >>> isinstance(penalty, Penalty), penalty.is_convex
    (True, True)
    >>> penalty.value([3.0, -1.0], alpha=2.0)
    8.0
    >>> penalty.prox(np.array([3.0, -1.0]), step=0.5, alpha=2.0)
    array([2., 0.])
    """

    is_convex = False

    @in_float_range
    def value(self, x: Any, alpha: float = 1.0) -> float:
        """The penalty of x with weight alpha."""
        x = numbers(x)
        return self._value(np.abs(x).astype(np.float64), check_positive(alpha, "alpha", allow_zero=True))

    def prox(self, z: Any, step: float, alpha: float = 1.0, *, out: np.ndarray | None = None) -> np.ndarray:
        """``argmin_x ½‖x − z‖² + step · value(x, alpha)``; may be written to `out`, which may be z."""
        step = check_positive(step, "step")
        return self._prox(z, step, check_positive(alpha, "alpha", allow_zero=True), out)

    def _value(self, s: np.ndarray, alpha: float) -> float:
        raise NotImplementedError

    def _prox(self, z: Any, step: float, alpha: float, out: np.ndarray | None) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class L1(Penalty):
    """The ℓ1 norm, ``alpha ‖x‖₁``.

    Notes
    -----
    Proximal operator: :func:`prox_l1`.

    References
    ----------
    R. Tibshirani. Regression shrinkage and selection via the lasso. Journal of the Royal Statistical Society B, 1996.

    Examples
    --------
    >>> L1().value([3.0, -4.0], alpha=0.5)
    3.5
    >>> L1().prox([3.0, -4.0], step=2.0, alpha=0.5)
    array([ 2., -3.])
    """

    is_convex = True

    def _value(self, s, alpha):
        return alpha * float(s.sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_l1(z, step * alpha, out=out)


@dataclass(frozen=True)
class L0(Penalty):
    """The number of non-zeros, ``alpha ‖x‖₀``.

    Notes
    -----
    Proximal operator: :func:`prox_l0`.

    References
    ----------
    T. Blumensath, M. Davies. Iterative thresholding for sparse approximations. Journal of Fourier Analysis and
    Applications, 2008.

    Examples
    --------
    >>> L0().value([3.0, 0.0, -4.0], alpha=0.5)
    1.0
    """

    def _value(self, s, alpha):
        return alpha * float(np.count_nonzero(s))

    def _prox(self, z, step, alpha, out):
        return _prox.prox_l0(z, step * alpha, out=out)


@dataclass(frozen=True)
class LHalf(Penalty):
    """The ℓ½ quasi-norm, ``alpha Σ |x|^½``.

    Notes
    -----
    Proximal operator: :func:`prox_lhalf`.

    References
    ----------
    Z. Xu, X. Chang, F. Xu, H. Zhang. L1/2 regularization: a thresholding representation theory and a fast solver. IEEE
    Transactions on Neural Networks and Learning Systems, 2012.

    Examples
    --------
    >>> LHalf().value([9.0, 0.0, -4.0])
    5.0
    """

    def _value(self, s, alpha):
        return alpha * float(np.sqrt(s).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_lhalf(z, step * alpha, out=out)


@dataclass(frozen=True)
class LTwoThirds(Penalty):
    """The ℓ⅔ quasi-norm, ``alpha Σ |x|^⅔``.

    Notes
    -----
    Proximal operator: :func:`prox_ltwothirds`.

    References
    ----------
    W. Cao, J. Sun, Z. Xu. Fast image deconvolution using closed-form thresholding formulas of Lq (q = 1/2, 2/3)
    regularization. Journal of Visual Communication and Image Representation, 2013.

    Examples
    --------
    >>> LTwoThirds().value([8.0, 0.0, -1.0])
    5.0
    """

    def _value(self, s, alpha):
        return alpha * float(np.cbrt(s * s).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_ltwothirds(z, step * alpha, out=out)


@dataclass(frozen=True)
class Lq(Penalty):
    """The ℓq quasi-norm, ``alpha Σ |x|^q``, 0 < q < 1.

    Parameters
    ----------
    q : float
        Exponent, between 0 and 1, both excluded.

    Raises
    ------
    ValueError
        If q is not between 0 and 1.

    Notes
    -----
    Proximal operator: :func:`prox_lq`.

    References
    ----------
    G. Marjanovic, V. Solo. On lq optimization and matrix completion. IEEE Transactions on Signal Processing, 2012.

    Examples
    --------
    >>> Lq(0.25).value([16.0, 0.0, -1.0])
    3.0
    """

    q: float

    def __post_init__(self):
        if check_positive(self.q, "q") >= 1:
            raise ValueError(f"q must be between 0 and 1, both excluded, got {self.q!r}")

    def _value(self, s, alpha):
        return alpha * float((s**self.q).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_lq(z, step * alpha, self.q, out=out)


@dataclass(frozen=True, eq=False)
class CEL0(Penalty):
    """The tightest continuous relaxation of ``alpha ‖x‖₀`` in a least-squares problem.

    Parameters
    ----------
    column_norms : float or ndarray
        Norms of the columns of A, one a coefficient.

    Notes
    -----
    ``Σ alpha − (c²/2)(|x| − √(2 alpha)/c)² [|x| ≤ √(2 alpha)/c]``, c the norms. Proximal operator: :func:`prox_cel0`.

    References
    ----------
    E. Soubies, L. Blanc-Féraud, G. Aubert. A continuous exact l0 penalty (CEL0) for least squares regularized problem.
    SIAM Journal on Imaging Sciences, 2015.

    Examples
    --------
    >>> CEL0(1.0).value([3.0, 0.0, 1.0], alpha=2.0)
    3.5
    """

    column_norms: float | np.ndarray

    def _value(self, s, alpha):
        root = np.sqrt(2 * alpha)
        return float((alpha - 0.5 * np.maximum(root - self.column_norms * s, 0) ** 2).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_cel0(z, alpha, step, self.column_norms, out=out)


@dataclass(frozen=True)
class SCAD(Penalty):
    """Smoothly clipped absolute deviation.

    Parameters
    ----------
    gamma : float, default=3.7
        Where the penalty turns flat, in units of alpha; above 2.

    Raises
    ------
    ValueError
        If gamma is not above 2.

    Notes
    -----
    ``alpha |x|`` up to alpha, ``(2 gamma alpha |x| − x² − alpha²) / (2 (gamma − 1))`` up to ``gamma alpha``,
    ``alpha² (gamma + 1) / 2`` beyond. Proximal operator: :func:`prox_scad`, for ``step < gamma − 1``.

    References
    ----------
    J. Fan, R. Li. Variable selection via nonconcave penalized likelihood and its oracle properties. Journal of the
    American Statistical Association, 2001.

    Examples
    --------
    >>> SCAD(3.0).value([0.5, 9.0])
    2.5
    """

    gamma: float = 3.7

    def __post_init__(self):
        if check_positive(self.gamma, "gamma") <= 2:
            raise ValueError(f"gamma must be above 2, got {self.gamma!r}")

    def _value(self, s, alpha):
        g = self.gamma
        inside = np.minimum(s, g * alpha)  # where the parabola holds
        middle = (2 * g * alpha * inside - inside**2 - alpha**2) / (2 * (g - 1))
        return float(np.where(s <= alpha, alpha * s, np.where(s <= g * alpha, middle, alpha**2 * (g + 1) / 2)).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_scad(z, alpha, step, self.gamma, out=out)


@dataclass(frozen=True)
class MCP(Penalty):
    """The minimax concave penalty.

    Parameters
    ----------
    gamma : float, default=3.0
        Where the penalty turns flat, in units of alpha; above 1.

    Raises
    ------
    ValueError
        If gamma is not above 1.

    Notes
    -----
    ``alpha |x| − x²/(2 gamma)`` up to ``gamma alpha``, ``gamma alpha²/2`` beyond. Proximal operator: :func:`prox_mcp`,
    for ``step < gamma``.

    References
    ----------
    C.-H. Zhang. Nearly unbiased variable selection under minimax concave penalty. Annals of Statistics, 2010.

    Examples
    --------
    >>> MCP(2.0).value([1.0, 9.0])
    1.75
    """

    gamma: float = 3.0

    def __post_init__(self):
        if check_positive(self.gamma, "gamma") <= 1:
            raise ValueError(f"gamma must be above 1, got {self.gamma!r}")

    def _value(self, s, alpha):
        s = np.minimum(s, self.gamma * alpha)
        return float((alpha * s - s**2 / (2 * self.gamma)).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_mcp(z, alpha, step, self.gamma, out=out)


@dataclass(frozen=True)
class LogSum(Penalty):
    """The log-sum penalty, ``alpha Σ log(1 + |x|/eps)``.

    Parameters
    ----------
    eps : float
        Where the logarithm bends, positive.

    Raises
    ------
    ValueError
        If eps is not positive.

    Notes
    -----
    Proximal operator: :func:`prox_log_sum`. Reweighted ℓ1 majorises it step by step.

    References
    ----------
    E. Candès, M. Wakin, S. Boyd. Enhancing sparsity by reweighted l1 minimization. Journal of Fourier Analysis and
    Applications, 2008.

    Examples
    --------
    >>> round(LogSum(0.5).value([0.5, 0.0]), 4)
    0.6931
    """

    eps: float

    def __post_init__(self):
        check_positive(self.eps, "eps")

    def _value(self, s, alpha):
        s, eps = np.atleast_1d(s), float(self.eps)
        far = s > eps * 1e300  # the quotient is no double
        terms = np.log1p(np.where(far, 0, s) / eps)
        terms[far] = np.log(s[far]) - math.log(eps)
        return alpha * float(terms.sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_log_sum(z, step * alpha, self.eps, out=out)


@dataclass(frozen=True)
class Firm(Penalty):
    """The penalty of the firm threshold: an MCP whose knee does not move with the weight.

    Parameters
    ----------
    mu : float, default=1.0
        From where on nothing is shrunk, positive.

    Raises
    ------
    ValueError
        If mu is not positive.

    Notes
    -----
    ``alpha (|x| − x²/(2 mu))`` up to mu, ``alpha mu/2`` beyond. Proximal operator: :func:`prox_firm`.

    References
    ----------
    H.-Y. Gao, A. Bruce. WaveShrink with firm shrinkage. Statistica Sinica, 1997.

    Examples
    --------
    >>> Firm(2.0).value([1.0, -9.0])
    1.75
    """

    mu: float = 1.0

    def __post_init__(self):
        check_positive(self.mu, "mu")

    def _value(self, s, alpha):
        s = np.minimum(s, self.mu)
        return alpha * float((s - s**2 / (2 * self.mu)).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.prox_firm(z, step * alpha, self.mu, out=out)


@dataclass(frozen=True, eq=False)
class GroupL2(Penalty):
    """The group lasso penalty, ``alpha Σ_g ‖x_g‖₂``.

    Parameters
    ----------
    groups : array_like of int of shape (n,), or None, default=None
        Group of each ``x[i]``, numbered from 0; None: each row of x is a group.

    Notes
    -----
    Proximal operator: :func:`group_soft_threshold`.

    References
    ----------
    M. Yuan, Y. Lin. Model selection and estimation in regression with grouped variables. Journal of the Royal
    Statistical Society B, 2006.

    Examples
    --------
    >>> GroupL2().value([[3.0, 4.0], [0.0, 2.0]])
    7.0
    >>> GroupL2([0, 1, 0]).prox([3.0, 0.5, 4.0], step=1.0)
    array([2.4, 0. , 3.2])
    """

    groups: Any = None

    is_convex = True

    def _value(self, s, alpha):
        return alpha * float(_prox.group_norms(s, self.groups).sum())

    def _prox(self, z, step, alpha, out):
        return _prox.group_soft_threshold(z, step * alpha, self.groups, out=out)
