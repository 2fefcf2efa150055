"""Independent tasks that multiply matrices on workers of which some may fail, and the call that runs them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_positive
from sparsela.matmul._faults import FaultTolerantProduct, UndecodableError
from sparsela.matmul._tasks import check_operands


def multiply_fault_tolerant(
    A: Any,
    B: Any,
    plan: FaultTolerantProduct | None = None,
    *,
    executor: Executor | None = None,
    timeout: float | None = None,
    lost: Sequence[int | str] = (),
) -> np.ndarray:
    """Multiply two matrices on workers of which some fail or are late.

    Parameters
    ----------
    A : array of shape (rows, inner)
        Left factor; float32 and complex stay.
    B : array of shape (inner, columns)
        Right factor.
    plan : FaultTolerantProduct or None, default=None
        Which products to compute; None is the default one, 16 nodes of which any two may be lost.
    executor : concurrent.futures.Executor or None, default=None
        Where tasks run, one a node; None is as many threads as the library may take.
    timeout : float or None, default=None
        Seconds after which nodes that have not answered count as lost; None waits.
    lost : sequence of int or str, default=()
        Nodes that are not run: failures to order.

    Returns
    -------
    ndarray of shape (rows, columns)
        ``A B``, as soon as the answers that are there determine it; tasks that have not begun are cancelled.

    Raises
    ------
    UndecodableError
        If too many nodes were lost: named in `lost`, late, or because they raised.
    ValueError
        If sizes do not match, entries are not finite, or a node is not known.

    See Also
    --------
    FaultTolerantProduct : Which losses a plan survives, and with what probability.
    multiply : Fast, on one machine.

    Notes
    -----
    Each node of a 2 × 2 scheme multiplies matrices of half the size: 16 of them are twice the work of the classical
    product, where three copies of it would be three times. The error grows with the entries of the decoder, a few units
    at most.

    References
    ----------
    S. Güney, S. Arslan. Fault-Tolerant Strassen-Like Matrix Multiplication. 2022. arXiv 2210.04441.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.matmul import multiply_fault_tolerant
    >>> A = np.arange(12.0).reshape(3, 4)
    >>> C = multiply_fault_tolerant(A, A.T, lost=["S1", "W7"])
    >>> bool(np.abs(C - A @ A.T).max() < 1e-10)
    True
    """
    A, B = check_operands(A, B)
    plan = _default() if plan is None else plan
    if not isinstance(plan, FaultTolerantProduct):
        raise TypeError(f"plan must be a FaultTolerantProduct, got {type(plan).__name__}")
    if timeout is not None:
        timeout = check_positive(timeout, "timeout")
    missing = set(plan.places(lost))
    _refuse(plan, missing)
    own = ThreadPoolExecutor(effective_n_jobs()) if executor is None else None
    pool = own or executor
    futures = {pool.submit(task): i for i, task in enumerate(plan.submit(A, B)) if i not in missing}
    try:
        results = _first_answers(plan, futures, missing, timeout)
    finally:
        for future in futures:
            future.cancel()
        if own:
            own.shutdown(wait=False, cancel_futures=True)
    return plan.decode(results, shape=(A.shape[0], B.shape[1]))


def _first_answers(plan, futures, missing, timeout) -> dict[int, np.ndarray]:
    """Answers of nodes until they suffice."""
    deadline = None if timeout is None else time.monotonic() + timeout
    results, waiting = {}, set(futures)
    while True:
        late = {futures[future] for future in waiting}
        if plan.decodable(sorted(missing | late)):
            return results
        _refuse(plan, missing)
        done, waiting = wait(
            waiting,
            timeout=None if deadline is None else max(0.0, deadline - time.monotonic()),
            return_when=FIRST_COMPLETED,
        )
        if not done:
            _refuse(plan, missing | late)
        for future in done:
            if future.cancelled() or future.exception() is not None:
                missing.add(futures[future])
            else:
                results[futures[future]] = future.result()


def _refuse(plan: FaultTolerantProduct, lost: set[int]) -> None:
    if not plan.decodable(sorted(lost)):
        raise UndecodableError([plan.nodes[i].name for i in sorted(lost)])


@cache
def _default() -> FaultTolerantProduct:
    return FaultTolerantProduct()
