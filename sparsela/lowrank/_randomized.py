"""A few singular triplets of a large matrix from products with blocks of vectors."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from scipy.linalg import svd

from sparsela._core.float_range import in_float_range
from sparsela._core.operators import Operator, SparseOperator, as_operator
from sparsela._core.random import seed_from
from sparsela._core.sparse_backend import checked, spmm
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_count, check_positive
from sparsela.lowrank._krylov import block_krylov, finite, qr
from sparsela.lowrank._results import SVDResult

METHODS = ("block-krylov", "power")
SERIAL = 1 << 19  # numbers of the bases below which a second BLAS thread costs more than it saves
_INT32_MAX = np.iinfo(np.int32).max


@in_float_range
def randomized_svd(
    A: Any,
    n_components: int,
    *,
    method: str = "block-krylov",
    block_size: int = 10,
    n_iter: int | str = "auto",
    n_oversamples: int = 10,
    tol: float = 1e-8,
    max_basis: int | None = None,
    random_state=None,
    verbose: int | None = 0,
    callback=None,
    return_history: bool = False,
) -> SVDResult:
    """Compute the leading singular triplets from a random start.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator} of shape (m, n)
        Real or complex; sparse input is not made dense.
    n_components : int
        Number k of triplets, at most min(m, n).
    method : {"block-krylov", "power"}, default="block-krylov"
        "block-krylov" keeps every product and converges to `tol`; "power" keeps the last one.
    block_size : int, default=10
        Vectors that A is multiplied by at a time, of "block-krylov".
    n_iter : int or "auto", default="auto"
        Block steps or power rounds. "auto": until `tol` is met; of "power", 7 where ``k < 0.1 min(m, n)``, else 4. So
        many as an int says are done without a warning, or fewer where `tol` is met.
    n_oversamples : int, default=10
        Vectors beyond k, of "power".
    tol : float, default=1e-8
        "block-krylov" stops when every ``‖A* u_i − s_i v_i‖`` is at most ``tol · s_1``.
    max_basis : int or None, default=None
        Vectors that are kept on either side before a thick restart, at least k + 2 block_size unless all of them
        fit; None is ``max(4 k + 4 block_size, 120)``, and never above min(m, n).
    random_state : None, int, RandomState or Generator, default=None
        Seed of the start.
    verbose : {0, 1, 2} or None, default=0
        Progress.
    callback : callable, optional
        Called each step with a state that has ``s`` and ``residual_norm``; a true value stops. Of "block-krylov".
    return_history : bool, default=False
        Keep ``residual_norm`` of each step. Of "block-krylov".

    Returns
    -------
    SVDResult
        ``U, s, Vt``, then ``n_iter``, ``converged``, ``residual_norm``, ``history``. The last three are None for
        "power", which has no test of its own. The largest entry of each row of Vt is positive.

    Raises
    ------
    TypeError
        If A is no matrix or operator with an adjoint, or a number has the wrong type.
    ValueError
        If A has NaN or infinite entries, `n_components` is above min(m, n), or a parameter is out of range.

    Warns
    -----
    ConvergenceWarning
        If `tol` is not met after ten restarts; the best triplets are returned.

    See Also
    --------
    UpdatableTruncatedSVD : Follow a matrix that grows.
    scipy.sparse.linalg.svds : One vector at a time.

    Notes
    -----
    "block-krylov" is block Golub–Kahan bidiagonalization [1]_ with full reorthogonalization: ``A P = Q T``,
    ``A* Q = P T* + P₊ S``, and the triplets of the small T. Its basis spans ``(A A*)^j A Ω`` for all j at once, which
    takes half the products of the power method's exponent [2]_: relative error ε after O(log(n) / √ε) of them, whatever
    the gaps. "power" is subspace iteration [3]_, ``q`` rounds of two products with k + n_oversamples vectors.

    Cost of a step: two products with a block, and O((m + n) b j b) for reorthogonalization; memory
    O((m + n) max_basis). A matrix without k non-zero singular values gives zeros.

    References
    ----------
    .. [1] G. Golub, F. Luk, M. Overton. A block Lanczos method for computing the singular values and corresponding
       singular vectors of a matrix. ACM TOMS, 1981.
    .. [2] C. Musco, C. Musco. Randomized block Krylov methods for stronger and faster approximate singular value
       decomposition. NeurIPS, 2015. arXiv 1504.05477.
    .. [3] N. Halko, P.-G. Martinsson, J. Tropp. Finding structure with randomness: probabilistic algorithms for
       constructing approximate matrix decompositions. SIAM Review, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.lowrank import randomized_svd
    >>> A = np.diag(np.arange(300.0))
    >>> randomized_svd(A, 3, random_state=0).s.round(6)
    array([299., 298., 297.])
    """
    operator = as_operator(A)
    m, n = operator.shape
    k = check_count(n_components, "n_components", high=min(m, n))
    tol = check_positive(tol, "tol", allow_zero=True)
    check_count(n_oversamples, "n_oversamples", low=0)
    block_size = min(check_count(block_size, "block_size"), min(m, n))
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if n_iter != "auto":
        check_count(n_iter, "n_iter", low=1 if method == "block-krylov" else 0)
    rng = np.random.default_rng(seed_from(random_state))
    flipped = m < n
    products, shape = products_of(operator), (m, n)
    if flipped:
        products, shape = products[::-1], (n, m)
    basis = _check_basis(max_basis, k, block_size, shape[1])
    with one_blas_thread() if sum(shape) * basis < SERIAL else nullcontext():
        if method == "power":
            rounds = n_iter if n_iter != "auto" else 7 if k < 0.1 * min(m, n) else 4
            found = (*power(products, shape, operator.dtype, k, rounds, n_oversamples, rng), rounds, None, None, None)
        else:
            found = block_krylov(
                products,
                shape,
                operator.dtype,
                k,
                block_size=block_size,
                n_iter=_check_steps(n_iter, k, block_size),
                tol=tol,
                max_basis=basis,
                rng=rng,
                verbose=verbose,
                callback=callback,
                return_history=return_history,
            )
    U, s, Vt = found[:3]
    if flipped:
        U, Vt = Vt.conj().T, U.conj().T
    return SVDResult(*largest_positive(U, s, Vt), *found[3:])


def power(products, shape, dtype, k, rounds, n_oversamples, rng):
    """Subspace iteration: (U, s, Vt) of the projection of A on the range of ``(A A*)^rounds A Ω``."""
    apply, apply_adjoint = products
    width = min(k + n_oversamples, *shape)
    Q = qr(finite(apply(rng.standard_normal((shape[1], width)).astype(dtype))))[0]
    for _ in range(rounds):
        Q = qr(apply(qr(apply_adjoint(Q))[0]))[0]
    left, s, Vt = svd(apply_adjoint(Q).conj().T, full_matrices=False, check_finite=False)
    return Q @ left[:, :k], s[:k], Vt[:k]


def products_of(operator: Operator):
    """``X ↦ A X`` and ``Y ↦ A* Y`` on blocks; a sparse A is kept by rows and by columns, for the library's kernel."""
    real = operator.dtype in (np.float32, np.float64)
    if real and isinstance(operator, SparseOperator) and max(*operator.shape, operator.csr.nnz) <= _INT32_MAX:
        rows, columns = checked(operator.csr), checked(operator.csc.T)
        return lambda X: spmm(rows, X), lambda Y: spmm(columns, Y)
    return operator.matmat, operator.rmatmat


def largest_positive(U, s, Vt):
    """The triplets with signs (phases, of complex ones) such that the largest entry of each row of Vt is positive."""
    largest = np.take_along_axis(Vt, np.abs(Vt).argmax(axis=1)[:, None], axis=1)[:, 0]
    size = np.abs(largest)
    phase = np.where(size > 0, largest, 1) / np.where(size > 0, size, 1)
    return U * phase, s, Vt * phase.conj()[:, None]


def _check_steps(n_iter, k, block_size):
    if n_iter != "auto" and n_iter * block_size < k:
        needed = -(-k // block_size)
        raise ValueError(f"n_iter must be at least {needed} for {k} components in blocks of {block_size}, got {n_iter}")
    return n_iter


def _check_basis(max_basis, k, block_size, n):
    if max_basis is None:
        return min(n, max(4 * k + 4 * block_size, 120))
    max_basis = check_count(max_basis, "max_basis")
    if max_basis < min(n, k + 2 * block_size):
        raise ValueError(f"max_basis must be at least {min(n, k + 2 * block_size)}, got {max_basis}")
    return min(max_basis, n)
