"""How far a fast product may be from the exact one, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sparsela._core.random import seed_from
from sparsela._core.validation import check_count, check_dtype
from sparsela.matmul._lowering import straighten
from sparsela.matmul._schemes import check_levels, resolve

if TYPE_CHECKING:
    from sparsela.matmul._scheme import BilinearScheme

DISTRIBUTIONS = ("normal", "uniform", "graded")
SLICES, MANTISSA = 3, 53  # of the error-free splitting


class ErrorBound(NamedTuple):
    """A bound on ``max|Ĉ − C|`` in units of ``max|A| · max|B|``, and its ratio to that of the classical product."""

    bound: float
    ratio: float


def error_bound(scheme: Any, levels: int, shape: Sequence[int], dtype: Any = np.float64) -> ErrorBound:
    """A bound on the rounding error of a product by `levels` levels of a scheme.

    Parameters
    ----------
    scheme : str, BilinearScheme or list of them
        One for all levels, or one a level, outermost first.
    levels : int
        Levels of recursion; 0 is the classical product.
    shape : tuple of three ints
        (m, k, n) of the matrices.
    dtype : dtype, default=float64
        float32, float64, complex64 or complex128.

    Returns
    -------
    bound : float
        ``max|Ĉ − C| ≤ bound · max|A| · max|B|``, to first order in the unit roundoff.
    ratio : float
        `bound` over that of the classical product, ``k² u``.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the above.

    See Also
    --------
    measure_error : What the error is; far below the bound.

    Notes
    -----
    With κ the inner dimension at the leaves, E_l the growth factor of the scheme at level l, and Q_l the longest chain
    of additions through its three programs::

        bound = (κ + Σ_l Q_l) · κ · Π_l E_l · u

    Every level multiplies magnitudes by up to E_l and adds Q_l roundings; BLAS adds κ of them to sums of κ terms.
    Complex products count four roundings for one.

    References
    ----------
    D. Bini, G. Lotti. Stability of fast algorithms for matrix multiplication. Numerische Mathematik, 1980.

    G. Ballard, A. Benson, A. Druinsky, B. Lipshitz, O. Schwartz. Improving the numerical stability of fast matrix
    multiplication. SIAM Journal on Matrix Analysis and Applications, 2016.

    Examples
    --------
    >>> from sparsela.matmul import error_bound
    >>> error_bound("strassen", 1, (2048, 2048, 2048)).ratio   # 12 (1024 + 5) 1024 / 2048²
    3.0146484375
    """
    levels = check_levels(levels)
    return bound_of(resolve(scheme, levels), check_shape_of(shape), check_dtype(np.dtype(dtype), "dtype"))


def bound_of(schemes: Sequence[BilinearScheme], shape: Sequence[int], dtype: np.dtype) -> ErrorBound:
    """:func:`error_bound` of checked arguments, one scheme a level."""
    k = shape[1]
    inner, growth, chain = float(k), 1.0, 0
    for scheme in schemes:
        inner = -(-inner // scheme.shape[1])
        growth *= scheme.growth_factor
        chain += longest_chain(scheme)
    factor = (inner + chain) * inner * growth
    unit = float(np.finfo(dtype).eps) / 2 * (4 if dtype.kind == "c" else 1)
    return ErrorBound(factor * unit, factor / k**2 if k else 1.0)


def longest_chain(scheme: BilinearScheme) -> int:
    """Most additions between an entry of A or B and one of C, in one level."""
    a_program, b_program, c_program = scheme.programs
    w = np.asarray(scheme.w)
    late = np.count_nonzero(w, axis=1) == 1  # added one after the other, when the other sums are done
    ops, forms = straighten(c_program, absent=np.flatnonzero(late))
    depth = [0] * scheme.rank
    for _, x, _, y in ops:
        depth.append(1 + max(depth[x], depth[y]))
    after = np.count_nonzero(w[late], axis=0)
    out = [
        max(program, (0 if form is None else depth[form[1]]) + int(extra))
        for program, form, extra in zip(c_program.depths, forms, after, strict=True)
    ]
    before = np.add(a_program.depths, b_program.depths)
    return int(max(before[t] + max(out[c] for c in np.flatnonzero(w[t])) for t in range(scheme.rank)))


@dataclass(frozen=True)
class ErrorReport:
    """Measured errors of products by 0, 1, … levels.

    Attributes
    ----------
    levels : ndarray of shape (n,)
        Numbers of levels: 0 … n − 1.
    max_error : ndarray of shape (n, n_trials)
        ``max|Ĉ − C| / max|C|``.
    frobenius_error : ndarray of shape (n, n_trials)
        ``‖Ĉ − C‖ / ‖C‖``, Frobenius.
    bound_fraction : ndarray of shape (n, n_trials)
        ``max|Ĉ − C|`` over the bound of :func:`error_bound`; below 1.
    """

    levels: np.ndarray
    max_error: np.ndarray
    frobenius_error: np.ndarray
    bound_fraction: np.ndarray

    @property
    def growth(self) -> float:
        """Factor by which the largest error grows a level, the geometric mean over levels of the medians."""
        medians = np.median(self.max_error, axis=1)
        return float((medians[-1] / medians[0]) ** (1 / max(1, len(medians) - 1)))

    def __repr__(self) -> str:
        rows = ["levels  max error  Frobenius  of the bound"]
        columns = (np.median(x, axis=1) for x in (self.max_error, self.frobenius_error, self.bound_fraction))
        rows += [f"{int(n):6}  {a:9.2e}  {b:9.2e}  {c:12.2e}" for n, a, b, c in zip(self.levels, *columns, strict=True)]
        return "\n".join(rows)


def measure_error(
    scheme: Any,
    levels: int,
    shape: Sequence[int],
    dtype: Any = np.float64,
    *,
    n_trials: int = 5,
    distribution: str = "normal",
    random_state: Any = None,
) -> ErrorReport:
    """Measure the rounding error of products by 0, 1, … `levels` levels against a more exact one.

    Parameters
    ----------
    scheme : str, BilinearScheme or list of them
        One for all levels, or one a level, outermost first.
    levels : int
        The most levels measured.
    shape : tuple of three ints
        (m, k, n), each at least 1; k up to 100,000.
    dtype : dtype, default=float64
        float32, float64, complex64 or complex128.
    n_trials : int, default=5
        Random products.
    distribution : {"normal", "uniform", "graded"}, default="normal"
        Standard normal; uniform on [0, 1); normal with rows scaled by 10^U(−3, 3).
    random_state : None, int, RandomState or Generator, default=None
        Of the matrices that are drawn.

    Returns
    -------
    ErrorReport

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the above.

    Notes
    -----
    The reference of single precision is the product in double precision; that of double precision is an error-free
    splitting: rows of A and columns of B are cut into three slices of so few bits (18 at k = 100,000) that BLAS forms
    their nine products without rounding, and these are summed in twice the precision. Cost: nine products a trial.

    References
    ----------
    K. Ozaki, T. Ogita, S. Oishi, S. Rump. Error-free transformations of matrix multiplication by using fast routines of
    matrix multiplication and its applications. Numerical Algorithms, 2012.

    Examples
    --------
    >>> from sparsela.matmul import measure_error
    >>> report = measure_error("winograd", 2, (256, 256, 256), random_state=0)
    >>> report.max_error.shape
    (3, 5)
    >>> bool(report.bound_fraction.max() < 1)
    True
    """
    from sparsela.matmul._planner import plan_multiply

    levels = check_levels(levels)
    schemes = resolve(scheme, levels)
    m, k, n = check_shape_of(shape, low=1)
    if k > 100_000:
        raise ValueError(f"shape must have k up to 100000, where the reference is exact, got {k}")
    dtype = check_dtype(np.dtype(dtype), "dtype")
    n_trials = check_count(n_trials, "n_trials")
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution must be one of {DISTRIBUTIONS}, got {distribution!r}")
    rng = np.random.default_rng(seed_from(random_state))
    plans = [
        plan_multiply((m, k), (k, n), dtype, scheme=list(schemes[:depth]), levels=depth) for depth in range(levels + 1)
    ]
    errors = np.empty((3, levels + 1, n_trials))
    for trial in range(n_trials):
        A, B = _draw(rng, (m, k), dtype, distribution), _draw(rng, (k, n), dtype, distribution)
        high, low = reference_product(A, B)
        largest, norm = np.abs(high).max(), np.linalg.norm(high)
        scale = float(np.abs(A).max()) * float(np.abs(B).max())
        for depth, plan in enumerate(plans):
            gap = (plan.run(A, B) - high) - low
            bound = bound_of(schemes[:depth], (m, k, n), dtype).bound * scale
            errors[:, depth, trial] = np.abs(gap).max() / largest, np.linalg.norm(gap) / norm, np.abs(gap).max() / bound
    return ErrorReport(np.arange(levels + 1), *errors)


def reference_product(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A B to about twice the precision, as a sum of two arrays, the second far below the first."""
    if A.dtype.itemsize // (2 if A.dtype.kind == "c" else 1) == 4:
        wide = np.complex128 if A.dtype.kind == "c" else np.float64
        return A.astype(wide) @ B.astype(wide), np.zeros((), wide)
    if A.dtype.kind == "c":
        tall = np.block([[A.real, -A.imag], [A.imag, A.real]])
        parts = _split_product(tall, np.vstack([B.real, B.imag]))
        return tuple(x[: len(A)] + 1j * x[len(A) :] for x in parts)
    return _split_product(A, B)


def _split_product(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a_scale = np.exp2(np.ceil(np.log2(np.maximum(np.abs(A).max(axis=1, keepdims=True), np.finfo(float).tiny))))
    b_scale = np.exp2(np.ceil(np.log2(np.maximum(np.abs(B).max(axis=0, keepdims=True), np.finfo(float).tiny))))
    bits = (
        MANTISSA - int(np.ceil(np.log2(max(2, A.shape[1]))))
    ) // 2  # so that k products of two slices add up exactly
    a, b = _slices(A / a_scale, bits), _slices(B / b_scale, bits)
    high = low = np.zeros((len(A), B.shape[1]))
    order = sorted(((i, j) for i in range(SLICES) for j in range(SLICES)), key=lambda ij: -sum(ij))
    for i, j in order:  # small to large, with the rounding of each sum kept
        x = a[i] @ b[j]
        total = high + x
        part = total - high
        low = low + ((high - (total - part)) + (x - part))
        high = total
    return high * (a_scale * b_scale), low * (a_scale * b_scale)


def _slices(x: np.ndarray, bits: int) -> list[np.ndarray]:
    """Entries of at most 1 in size as sums of numbers of so many bits each; what is left is rounded away."""
    out = []
    for s in range(1, SLICES + 1):
        step = 2.0 ** (1 - bits * s)
        out.append(np.rint(x / step) * step)
        x = x - out[-1]
    return out


def _draw(rng: np.random.Generator, shape: tuple[int, int], dtype: np.dtype, distribution: str) -> np.ndarray:
    def real() -> np.ndarray:
        if distribution == "uniform":
            return rng.random(shape)
        x = rng.standard_normal(shape)
        return x * 10 ** rng.uniform(-3, 3, (shape[0], 1)) if distribution == "graded" else x

    return (real() + 1j * real() if dtype.kind == "c" else real()).astype(dtype)


def check_shape_of(shape: Sequence[int], low: int = 0) -> tuple[int, int, int]:
    """(m, k, n) as ints of at least `low`."""
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"shape must be a tuple (m, k, n), got {type(shape).__name__}") from None
    if len(sizes) != 3:
        raise ValueError(f"shape must be (m, k, n), got {sizes}")
    return tuple(check_count(size, f"shape[{i}]", low=low) for i, size in enumerate(sizes))
