"""The fast product."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.threads import blas_threads
from sparsela._core.validation import check_finite as assert_finite
from sparsela.matmul import _operands
from sparsela.matmul._plan import run_once
from sparsela.matmul._planner import kept_plan


def multiply(
    A: Any,
    B: Any,
    *,
    scheme: Any = "auto",
    levels: int | str = "auto",
    out: np.ndarray | None = None,
    n_jobs: int | None = None,
    accuracy: float | None = None,
    check_finite: bool = True,
    model: Any = None,
) -> np.ndarray:
    """The product of two matrices by a fast scheme where that is faster than BLAS, by ``numpy.matmul`` elsewhere.

    Parameters
    ----------
    A : array_like of shape (m, k)
        Stored by rows, by columns or as a slice of either; anything else is copied once. Never modified.
    B : array_like of shape (k, n)
        As A.
    scheme : "auto", str, BilinearScheme or list, default="auto"
        A name that :func:`get_scheme` knows, a scheme, or a list of them, one a level, outermost first.
    levels : int or "auto", default="auto"
        Levels of recursion; 0 is ``numpy.matmul``. "auto" takes as many as pay by the machine model, at small sizes
        none.
    out : ndarray of shape (m, n) or None, default=None
        Where to put the product; of its dtype and apart from A and B.
    n_jobs : int or None, default=None
        Threads. None: the library's setting, by default all cores. The bits are the same for one and for two at fixed
        scheme and levels.
    accuracy : float or None, default=None
        Allowed ratio of the error bound to that of the classical product (see :func:`error_bound`): caps the levels.
    check_finite : bool, default=True
        Refuse NaN and infinity. Without the check such entries may spread further than in the classical product.
    model : MachineModel, path-like or None, default=None
        What decides; None: the one of :func:`set_model`, or a cautious guess.

    Returns
    -------
    ndarray of shape (m, n)
        float32, float64, complex64 or complex128, as numpy promotes A and B; of other numbers, float64.

    Raises
    ------
    TypeError
        If A or B is not a matrix of numbers (vectors and stacks are for ``numpy.matmul``), or an argument has the wrong
        type.
    ValueError
        If shapes do not fit, entries are not finite, levels are negative, a list of schemes has not one a level, or
        `out` has the wrong shape or dtype or overlaps an operand.

    See Also
    --------
    plan_multiply : Plan once, run often.
    calibrate : Measure the machine.
    error_bound, measure_error : What it costs in accuracy.

    Notes
    -----
    One level of ⟨m₀,k₀,n₀; r⟩ replaces the product by r products of blocks and by sums of blocks, which are formed in
    single passes over memory; odd sizes are neither padded nor copied. With Winograd's scheme every level saves one
    multiplication in eight and costs about six passes over a quarter of the three matrices: O(n^2.81) in the limit. It
    starts to pay at n ≈ 1500.

    A product of real numbers that are integers is exact as long as every sum inside stays below 2⁵³ (2²⁴ in single
    precision).

    References
    ----------
    V. Strassen. Gaussian elimination is not optimal. Numerische Mathematik, 1969.

    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

    J. Huang, T. Smith, G. Henry, R. van de Geijn. Strassen's algorithm reloaded. SC, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.matmul import multiply
    >>> A = np.arange(12.0).reshape(3, 4)
    >>> B = np.arange(20.0).reshape(4, 5)
    >>> bool((multiply(A, B, scheme="strassen", levels=2) == A @ B).all())
    True
    """
    A, B, dtype = _operands.check_pair(A, B)
    out = _operands.check_out(out, A, B, dtype)
    plan = kept_plan((A.shape[0], A.shape[1], B.shape[1]), dtype, scheme, levels, n_jobs, accuracy, model)
    if check_finite:
        assert_finite(A, "A")
        assert_finite(B, "B")
    if plan.levels:
        return run_once(plan, A, B, out)
    with blas_threads(plan.n_threads):
        return np.matmul(A, B, out=out, dtype=dtype)
