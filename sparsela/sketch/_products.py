"""Products of tall matrices from their row sketches."""

from __future__ import annotations

import numpy as np

from sparsela._core.random import seed_from
from sparsela.sketch._inputs import check_data
from sparsela.sketch._sketch import sketch


def approx_matmul(A, B, n_components, *, kind="sparse_embedding", random_state=None, **params) -> np.ndarray:
    """Estimate ``AᵀB`` of two tall matrices by ``(SA)ᵀ(SB)``.

    Parameters
    ----------
    A : {ndarray, sparse array} of shape (n, d)
        Left factor, transposed (complex: conjugated) in the product.
    B : {ndarray, sparse array} of shape (n, m)
        Right factor.
    n_components : int
        Rows k of the sketch.
    kind : str, default="sparse_embedding"
        As in :class:`SketchOperator`.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the sketch, one for both.
    **params
        As the kind takes them.

    Returns
    -------
    ndarray of shape (d, m)

    Raises
    ------
    ValueError, TypeError
        If A and B have different numbers of rows, NaN or infinity, or a parameter is out of range.

    See Also
    --------
    product_from_samples : From samples of rows: better for sparse rows.

    Notes
    -----
    Unbiased, and ``E‖(SA)ᵀSB − AᵀB‖_F² ≤ (2/k) ‖A‖_F² ‖B‖_F²``. For countsketch and sparse_embedding the variance of
    the entry of columns a and b is exactly ``(‖a‖²‖b‖² + ⟨a, b⟩² − 2 Σ a_i² b_i²) / k``. One pass
    over A and B, and O(k d m).

    References
    ----------
    D. Kane, J. Nelson. Sparser Johnson-Lindenstrauss transforms. Journal of the ACM, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.sketch import approx_matmul
    >>> A = np.random.default_rng(0).normal(size=(5000, 3))
    >>> bool(np.abs(approx_matmul(A, A, 1000, random_state=0) / 5000 - np.eye(3)).max() < 0.2)
    True
    """
    A, B = check_data(A, "A"), check_data(B, "B")
    if A.shape[0] != B.shape[0]:
        raise ValueError(f"A and B must have equally many rows, got shapes {A.shape} and {B.shape}")
    if 0 in A.shape or 0 in B.shape:
        raise ValueError(f"A and B must not be empty, got shapes {A.shape} and {B.shape}")
    seed = seed_from(random_state)
    if kind == "fast_jl":
        params.setdefault("n_points", max(3, A.shape[1] + B.shape[1]))
    SA, SB = (sketch(M, n_components, kind=kind, random_state=seed, **params) for M in (A, B))
    return np.ascontiguousarray(SA.conj().T @ SB)
