"""The adjoint (dot) test: every operator of the library and of its tests is held to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsela._core.operators import as_operator


def assert_adjoint(A: Any, *, rtol: float | None = None, random_state: int = 0) -> None:
    """Assert that ``⟨A x, r⟩ = ⟨x, A* r⟩`` and that the block products are the single ones, on random vectors.

    Parameters
    ----------
    A : {ndarray, sparse array, LinearOperator, Operator} of shape (m, n)
        What is tested; complex vectors are drawn where its dtype is complex.
    rtol : float or None, default=None
        Largest ``|⟨Ax, r⟩ − ⟨x, A*r⟩|`` as a fraction of ``‖Ax‖‖r‖ + ‖x‖‖A*r‖``; None: 1e-12, in single precision 1e-5.
        A wrong adjoint is off by about ``1/√m``.
    random_state : int, default=0
        Seed of the vectors.

    Raises
    ------
    AssertionError
        With the two products, where they differ.
    """
    A = as_operator(A)
    rtol = rtol if rtol is not None else (1e-12 if np.finfo(A.dtype).dtype == np.float64 else 1e-5)
    rng = np.random.default_rng(random_state)

    def draw(n: int) -> np.ndarray:
        X = rng.standard_normal((n, 3))
        return (X + 1j * rng.standard_normal((n, 3)) if A.dtype.kind == "c" else X).astype(A.dtype)

    X, R = draw(A.shape[1]), draw(A.shape[0])
    AX, AtR = A.matmat(X), A.rmatmat(R)
    assert AX.shape == R.shape and AtR.shape == X.shape, f"products have shapes {AX.shape} and {AtR.shape}"
    assert AX.dtype == AtR.dtype == A.dtype, f"products have dtypes {AX.dtype} and {AtR.dtype}, A has {A.dtype}"
    norm = np.linalg.norm
    for x, r, Ax, Atr in zip(X.T, R.T, AX.T, AtR.T, strict=True):
        left, right = np.vdot(r, Ax), np.vdot(Atr, x)
        assert abs(left - right) <= rtol * (norm(Ax) * norm(r) + norm(x) * norm(Atr)), (
            f"<Ax, r> = {left}, <x, A*r> = {right}"
        )
        assert norm(A.matvec(x) - Ax) <= rtol * norm(Ax), "matvec and matmat differ"
        assert norm(A.rmatvec(r) - Atr) <= rtol * norm(Atr), "rmatvec and rmatmat differ"
