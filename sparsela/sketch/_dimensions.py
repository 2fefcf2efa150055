"""How large a sketch must be: only what is proved with an explicit constant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsela._core.float_range import in_float_range
from sparsela._core.validation import check_count, check_positive
from sparsela.transforms import next_pow2

VARIANTS = ("sparser", "ailon-chazelle")
KINDS = ("gaussian", "sparse_sign", "countsketch", "sparse_embedding", "srht", "fast_jl")
GOALS = ("norm", "product", "subspace")

SMALLEST_EPS = 1e-8  # the resolution of a sum of squares in double


@in_float_range
def johnson_lindenstrauss_min_dim(n_samples: Any, *, eps: Any = 0.1) -> Any:
    """Components that keep all distances between n points within a factor 1 ± eps, by a Gaussian sketch.

    Parameters
    ----------
    n_samples : int or array_like of int
        Number of points, at least 1.
    eps : float or array_like of float, default=0.1
        Distortion of squared distances, between 0 and 1.

    Returns
    -------
    int or ndarray of int
        ``⌊4 ln n / (eps²/2 − eps³/3)⌋``, scikit-learn's number for every input.

    Raises
    ------
    ValueError
        If n_samples is below 1 or not finite, or eps is not between 0 and 1 or so small that the answer is no int64.

    References
    ----------
    S. Dasgupta, A. Gupta. An elementary proof of a theorem of Johnson and Lindenstrauss. Random Structures &
    Algorithms, 2003.

    Examples
    --------
    >>> from sparsela.sketch import johnson_lindenstrauss_min_dim
    >>> int(johnson_lindenstrauss_min_dim(10_000, eps=0.1))
    7894
    """
    n, e = np.asarray(n_samples), np.asarray(eps)
    if n.dtype.kind not in "iuf" or e.dtype.kind not in "iuf":
        raise TypeError(f"n_samples and eps must be numbers, got dtypes {n.dtype} and {e.dtype}")
    if not ((n >= 1) & (n < np.inf)).all():
        raise ValueError(f"n_samples must be at least 1 and finite, got {n_samples!r}")
    if not ((e > 0) & (e < 1)).all():
        raise ValueError(f"eps must be between 0 and 1, got {eps!r}")
    k = 4 * np.log(n) / (e**2 / 2 - e**3 / 3)
    if not (k < 2.0**63).all():
        raise ValueError(f"eps is too small for a number of components below 2**63, got {eps!r}")
    return k.astype(np.int64)[()]


def fast_jl_density(
    n_features: int, n_points: int, *, eps: float = 0.1, variant: str = "sparser", constant: float = 1.0
) -> float:
    """Density of the sparse matrix behind the transform of :class:`FastJL`.

    Parameters
    ----------
    n_features : int
        Length of the vectors; D is the next power of two.
    n_points : int
        Number N of vectors whose norms are to be kept, at least 2 (fewer than 3 count as 3).
    eps : float, default=0.1
        Distortion, between 0 and 1.
    variant : {"sparser", "ailon-chazelle"}, default="sparser"
        The density of 2023, or the one of 2009 that it improves.
    constant : float, default=1.0
        The theorems leave a constant factor open; 1 is ours.

    Returns
    -------
    float
        ``min(1, c max{ln N, ε ln²N / ln(1/min(ε, 1/e))} / D)``, or ``min(1, c ln²N / D)``.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    O. N. Fandina, M. M. Høgsgaard, K. G. Larsen. The fast Johnson–Lindenstrauss transform is even faster. ICML, 2023.

    N. Ailon, B. Chazelle. The fast Johnson–Lindenstrauss transform and approximate nearest neighbors. SIAM Journal on
    Computing, 2009.

    Examples
    --------
    >>> from sparsela.sketch import fast_jl_density
    >>> [round(1024 * fast_jl_density(1024, 10_000, variant=v), 1) for v in ("sparser", "ailon-chazelle")]
    [9.2, 84.8]
    """
    D = next_pow2(check_count(n_features, "n_features"))
    log_n = math.log(max(3, check_count(n_points, "n_points", low=2)))
    eps, constant = check_eps(eps), check_positive(constant, "constant")
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {VARIANTS}, got {variant!r}")
    if variant == "ailon-chazelle":
        need = log_n**2
    else:
        need = max(log_n, eps * log_n**2 / math.log(1 / min(eps, 1 / math.e)))
    return min(1.0, constant * need / D)


def check_eps(eps: Any, name: str = "eps") -> float:
    eps = check_positive(eps, name)
    if eps < SMALLEST_EPS:
        raise ValueError(f"{name} must be at least {SMALLEST_EPS:g}, got {eps:g}: no size is large enough for less")
    if eps >= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {eps}")
    return eps


def sketch_size(
    kind: str,
    *,
    goal: str,
    eps: float | None = None,
    delta: float = 0.05,
    rank: int | None = None,
    length: int | None = None,
    density: float | None = None,
) -> int:
    """Rows that a sketch needs for a guarantee with probability 1 − delta, where an explicit constant is proved.

    Parameters
    ----------
    kind : {"gaussian", "sparse_sign", "countsketch", "sparse_embedding", "srht", "fast_jl"}
        The sketch S.
    goal : {"norm", "product", "subspace"}
        What is kept: the norm of one vector, ``|‖Sx‖² − ‖x‖²| ≤ ε ‖x‖²``; a product,
        ``‖(SA)ᵀSB − AᵀB‖_F ≤ ε ‖A‖_F ‖B‖_F``; a subspace of dimension r, all squared singular values of SU within
        [1 − ε, 1 + ε] for an orthonormal basis U.
    eps : float
        ε, between 0 and 1. None for kind "srht" and goal "subspace", whose band is fixed: singular values in
        [0.40, 1.48], but for a probability O(1/r).
    delta : float, default=0.05
        Probability of failure, between 0 and 1.
    rank : int or None, default=None
        r, for goal "subspace".
    length : int or None, default=None
        Length n of the vectors, where the number depends on it: "srht" with "subspace", and "fast_jl".
    density : float or None, default=None
        Of "sparse_sign" and "fast_jl", in (0, 1].

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an argument is out of range, unknown or missing, or no explicit constant is proved. For a sparse embedding
        and a subspace the rule of thumb is 4 r to 20 r rows with 8 non-zeros a column.

    Notes
    -----
    "norm": for Gaussian S, ``k ‖Sx‖²/‖x‖²`` is chi-squared with k degrees of freedom: the least k with
    ``P(|χ²_k/k − 1| > ε) ≤ δ``. Otherwise ``⌈V/(ε²δ)⌉`` by Chebyshev, V the largest ``k Var‖Sx‖²`` of unit vectors: 2;
    ``max(2, 1/p − 1)`` for signs of density p; ``2 + 9 (1/q − 1)/D`` for FastJL of density q. "product":
    ``⌈2/(ε²δ)⌉`` where V ≤ 2, by Markov [1]_. "subspace": Gaussian
    ``⌈(√r + √(2 ln(2/δ)))² / (√(1+ε) − 1)²⌉`` [2]_; CountSketch ``⌈(r² + r)/(ε²δ)⌉`` by second moments [3]_; SRHT
    ``⌈4 (√r + √(8 ln(rn)))² ln r⌉`` [4]_.

    References
    ----------
    .. [1] D. Kane, J. Nelson. Sparser Johnson–Lindenstrauss transforms. Journal of the ACM, 2014.
    .. [2] K. Davidson, S. Szarek. Local operator theory, random matrices and Banach spaces. Handbook of the geometry of
       Banach spaces, 2001.
    .. [3] J. Nelson, H. L. Nguyên. OSNAP: faster numerical linear algebra algorithms via sparser subspace embeddings.
       FOCS, 2013.
    .. [4] J. Tropp. Improved analysis of the subsampled randomized Hadamard transform. Advances in Adaptive Data
       Analysis, 2011.

    Examples
    --------
    >>> from sparsela.sketch import sketch_size
    >>> sketch_size("countsketch", goal="product", eps=0.1)
    4000
    >>> sketch_size("gaussian", goal="norm", eps=0.1)
    768
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {GOALS}, got {goal!r}")
    if goal == "subspace":
        return _subspace_size(kind, eps, delta, rank, length)
    if eps is None:
        raise ValueError(f"eps must be given for goal {goal!r}")
    if rank is not None:
        raise ValueError(f"rank has a meaning for goal 'subspace' alone, got {rank!r} with goal {goal!r}")
    eps, delta = check_eps(eps), check_eps(delta, "delta")
    if goal == "norm" and kind == "gaussian":
        return _gaussian_norm_size(eps, delta)
    variance = _largest_variance(kind, density, length)
    if goal == "product" and variance > 2:
        raise ValueError(f"no bound is proved for a product, {kind!r} and density {density}: its variance is above 2")
    return math.ceil(variance / (eps**2 * delta) * (1 - 1e-15))


def _largest_variance(kind: str, density: float | None, length: int | None) -> float:
    """k Var‖Sx‖² of the worst unit vector."""
    if kind not in ("sparse_sign", "fast_jl"):
        return 2.0
    if density is None:
        raise ValueError(f"density must be given for kind {kind!r}: the number of rows depends on it")
    p = check_density(density)
    if kind == "sparse_sign":
        return max(2.0, 1 / p - 1)
    return 2 + 9 * (1 / p - 1) / next_pow2(_needed(length, "length", "fast_jl"))


def check_density(density: Any) -> float:
    density = check_positive(density, "density")
    if density > 1:
        raise ValueError(f"density must be in (0, 1], got {density}")
    return density


def _needed(value: int | None, name: str, kind: str) -> int:
    if value is None:
        raise ValueError(f"{name} must be given for kind {kind!r}: the number of rows depends on it")
    return check_count(value, name)


def _subspace_size(kind: str, eps: float | None, delta: float, rank: int | None, length: int | None) -> int:
    if rank is None:
        raise ValueError("rank must be given for goal 'subspace': the dimension of the subspace")
    r = check_count(rank, "rank")
    if kind == "srht":
        if eps is not None:
            raise ValueError(f"eps must be None for 'srht': its band is fixed, [0.40, 1.48], got {eps}")
        n = _needed(length, "length", "srht")
        return max(r, math.ceil(4 * (math.sqrt(r) + math.sqrt(8 * math.log(r * n))) ** 2 * math.log(r)))
    if kind not in ("gaussian", "countsketch"):
        raise ValueError(
            f"no explicit constant is proved for kind {kind!r} and goal 'subspace'; "
            "for a sparse embedding with 8 non-zeros a column, 4 to 20 times the rank is the rule of thumb"
        )
    if eps is None:
        raise ValueError("eps must be given for goal 'subspace'")
    eps, delta = check_eps(eps), check_eps(delta, "delta")
    if kind == "countsketch":
        return math.ceil((r**2 + r) / (eps**2 * delta) * (1 - 1e-15))
    return math.ceil((math.sqrt(r) + math.sqrt(2 * math.log(2 / delta))) ** 2 / (math.sqrt(1 + eps) - 1) ** 2)


def _gaussian_norm_size(eps: float, delta: float) -> int:
    from scipy.stats import chi2

    def fails(k: int) -> bool:
        return chi2.cdf(k * (1 - eps), k) + chi2.sf(k * (1 + eps), k) > delta

    high = 1
    while fails(high):
        high *= 2
    low = high // 2  # fails, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
