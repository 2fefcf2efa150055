"""The course of a long loop: counting steps, a bar, a callback that may stop it, a history when asked for.

A method's loop reads::

    for state in iterate(max_iter, "fista", verbose=verbose, callback=callback, return_history=return_history):
        ...
        if state.record(x=x, residual_norm=norm(r)).stop or norm(r) <= target:
            break

and work that is walked in blocks reads::

    with progress_bar(n_samples, "batch OMP", "signals", verbose) as bar:
        for start, stop in blocks:
            ...
            bar.update(stop - start)

A KeyboardInterrupt passes through both and leaves the bar closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparsela._core.config import get_config


class State:
    """Where an iteration stands: what a callback is given.

    Attributes
    ----------
    n_iter : int
        The step, from 1.
    stop : bool
        True once the callback has asked to stop.
    history : dict of ndarray, or None
        The scalars recorded so far, one array a name; None unless it was asked for.
    **fields
        Whatever the method has recorded at this step, under the names that its documentation gives.
    """

    def __init__(self, callback: Callable[[State], Any] | None, return_history: bool, show: Callable | None):
        self.n_iter = 0
        self.stop = False
        self._callback = callback
        self._recorded: dict[str, list] | None = {} if return_history else None
        self._show = show

    @property
    def history(self) -> dict[str, np.ndarray] | None:
        if self._recorded is None:
            return None
        return {name: np.asarray(values) for name, values in self._recorded.items()}

    def record(self, **fields) -> State:
        """Set the fields of this step, once a step and under the same names each time, and let the callback see them.

        Scalars go to the bar and to the history. Returns the state.
        """
        for name, value in fields.items():
            setattr(self, name, value)
        scalars = {name: value for name, value in fields.items() if np.ndim(value) == 0 and value is not None}
        if self._recorded is not None:
            for name, value in scalars.items():
                self._recorded.setdefault(name, []).append(value)
        if self._show is not None:
            self._show(self.n_iter, scalars)
        if self._callback is not None and self._callback(self):
            self.stop = True
        return self

    def __repr__(self) -> str:
        return f"State(n_iter={self.n_iter}, stop={self.stop})"


def iterate(
    max_iter: int,
    name: str,
    *,
    verbose: int | None = 0,
    callback: Callable[[State], Any] | None = None,
    return_history: bool = False,
) -> Iterator[State]:
    """Count the steps of an iteration: one state, yielded at most `max_iter` times.

    Parameters
    ----------
    max_iter : int
        Most steps.
    name : str
        What the bar says is running.
    verbose : {0, 1, 2} or None, default=0
        Nothing, a bar with the latest scalars, or a line a step as well; None is the library's setting.
    callback : callable, optional
        Called by every ``state.record(...)`` with the state; a true value sets ``state.stop``.
    return_history : bool, default=False
        Keep every recorded scalar in ``state.history``.

    Yields
    ------
    State
        The same object each time, with ``n_iter`` one higher. The loop itself decides when to break.
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a callable that takes the state, or None, got {type(callback).__name__}")
    verbose = check_verbose(verbose)
    with progress_bar(max_iter, name, "it", verbose) as bar:

        def show(n_iter: int, scalars: dict) -> None:
            text = {k: f"{v:.4g}" if isinstance(v, (float, np.floating)) else str(v) for k, v in scalars.items()}
            bar.set_postfix(text, refresh=False)
            if verbose > 1:
                bar.write(f"{name} {n_iter}: " + ", ".join(f"{k}={v}" for k, v in text.items()))

        state = State(callback, return_history, show if verbose else None)
        for _ in range(max_iter):
            state.n_iter += 1
            try:
                yield state
            finally:  # a loop that breaks has done this step too
                bar.update(1)


@contextmanager
def progress_bar(total: int, name: str, unit: str, verbose: int | None = 0) -> Iterator[Any]:
    """Context of a tqdm bar over `total` units of work; at ``verbose=0`` its ``update`` does nothing.

    Examples
    --------
    >>> with progress_bar(100, "coding", "signals", verbose=0) as bar:
    ...     bar.update(100)
    """
    if not check_verbose(verbose):
        yield _NoBar()
        return
    from tqdm.auto import tqdm  # tens of milliseconds that a silent run does not pay

    with tqdm(total=total, desc=name, unit=unit, dynamic_ncols=True) as bar:
        yield bar


def check_verbose(verbose: int | None) -> int:
    """Return `verbose` as 0, 1 or 2; None is the library's setting."""
    if verbose is None:
        return get_config()["verbose"]
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose must be 0, 1, 2 or None, got {verbose!r}")
    return int(verbose)


class _NoBar:
    def update(self, n: int = 1) -> None:
        pass
