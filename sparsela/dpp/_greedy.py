"""The most diverse set, one item at a time."""

from __future__ import annotations

import warnings

import numpy as np

from sparsela._core.validation import check_count, check_positive
from sparsela.dpp._inputs import check_factor, check_likelihood, check_points
from sparsela.dpp._kernels import check_kernel


def greedy_map(L=None, *, factor=None, X=None, kernel=None, max_size=None, tol=1e-12) -> np.ndarray:
    """Grow a set of large ``det L_S``: at every step the item that multiplies the determinant most.

    Parameters
    ----------
    L : array_like of shape (n, n), optional
        Likelihood kernel, real or complex, positive semidefinite.
    factor : array_like of shape (n, r), optional
        B of ``L = B Bᴴ``.
    X : array_like of shape (n, d), optional
        Points, with `kernel`; exactly one of L, factor and X is given.
    kernel : str or callable, optional
        As in :class:`KernelDPP`; "rbf" where it is None. One column of L is made a step.
    max_size : int or None, default=None
        Size of the set; None: grow while the determinant does.
    tol : float, default=1e-12
        Rank is exhausted where no item is farther from the span of those chosen than ``tol max_i L_ii`` (squared).

    Returns
    -------
    ndarray of int64 of shape (size,)
        Items in the order they were chosen; ties go to the smallest index.

    Raises
    ------
    ValueError, TypeError
        If not exactly one of L, factor and X is given, or one is not what it should be.

    Warns
    -----
    UserWarning
        If the rank is exhausted before `max_size`: fewer items are returned.

    Notes
    -----
    A Cholesky factorisation pivoted on the largest diagonal, by columns: the t-th step is one column of L and one
    product with the t columns before, O(n t). O(n k²) in time, O(n k) in memory.

    References
    ----------
    L. Chen, G. Zhang, E. Zhou. Fast greedy MAP inference for determinantal point process to improve recommendation
    diversity. NeurIPS, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dpp import greedy_map
    >>> greedy_map(X=np.linspace(0, 1, 101)[:, None], max_size=3)
    array([  0, 100,  50])
    """
    given = [name for name, a in (("L", L), ("factor", factor), ("X", X)) if a is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of L, factor and X must be given, got {' and '.join(given) or 'none'}")
    if kernel is not None and X is None:
        raise ValueError(f"kernel goes with X, got it with {given[0]}")
    if L is not None:
        L = check_likelihood(L)
        return grow(np.diagonal(L).real, lambda j: L[j], max_size, tol)
    if factor is not None:
        B = check_factor(factor)
        return grow(np.einsum("ij,ij->i", B, B.conj()).real, lambda j: B.conj() @ B[j], max_size, tol)
    X = check_points(X)
    kernel = check_kernel("rbf" if kernel is None else kernel, X)
    return grow(kernel.diag(X), lambda j: kernel(X, X[j : j + 1])[:, 0], max_size, tol)


def grow(diagonal: np.ndarray, row, max_size: int | None, tol: float) -> np.ndarray:
    """`row(j)` is L[j], or its conjugate's column."""
    n = len(diagonal)
    most = n if max_size is None else check_count(max_size, "max_size", high=n)
    d = np.array(diagonal, np.float64)  # squared distance of each item from the span of those chosen
    least = check_positive(tol, "tol") * d.max()
    if max_size is None:
        least = max(least, 1.0)
    chosen: list[int] = []
    C = None  # row t: the t-th column of the factor
    while len(chosen) < most:
        j, t = int(np.argmax(d)), len(chosen)
        if d[j] <= least:
            break
        e = np.array(row(j))
        if C is None:
            C = np.empty((min(most, 16), n), e.dtype)
        elif t == len(C):
            C = np.concatenate([C, np.empty((min(most - t, t), n), C.dtype)])
        if t:
            e -= C[:t, j].conj() @ C[:t]
        e /= np.sqrt(d[j])
        C[t] = e
        d -= np.square(e.real) if e.dtype.kind == "f" else np.square(np.abs(e))
        d[j] = -np.inf
        chosen.append(j)
    if max_size is not None and len(chosen) < max_size:
        warnings.warn(f"the rank of the kernel is exhausted: {len(chosen)} of {max_size} items", stacklevel=3)
    return np.array(chosen, np.int64)
