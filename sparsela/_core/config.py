"""The library's settings: one dictionary for the process, overridden inside a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral

SPARSE_BACKENDS = ("auto", "native", "mkl", "scipy")

MOST_THREADS = 1 << 16  # more than any machine has cores

_settings = {"n_jobs": None, "sparse_backend": "auto", "verbose": 0}
_overrides: ContextVar[dict] = ContextVar("sparsela_config", default={})  # noqa: B039 - replaced, never changed


def get_config() -> dict:
    """The settings in force here, as a new dictionary."""
    return {**_settings, **_overrides.get()}


def set_config(*, n_jobs=..., sparse_backend=..., verbose=...) -> None:
    """Change the library's settings for the whole process.

    Parameters
    ----------
    n_jobs : int or None, optional
        Threads wherever a function or an estimator is given ``n_jobs=None``. None: all cores, or fewer where
        ``OMP_NUM_THREADS`` or threadpoolctl says so, and one inside a joblib or Dask worker. -1: all cores.
    sparse_backend : {"auto", "native", "mkl", "scipy"}, optional
        What multiplies sparse by dense. "auto" takes the first of native, mkl, scipy that is there.
    verbose : {0, 1, 2}, optional
        Progress of long loops wherever they are given ``verbose=None``: none, a bar, a bar and details.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a value is none of the above.

    See Also
    --------
    config_context : The same for a ``with`` block.
    show_config : What is in use.

    Examples
    --------
    >>> import sparsela
    >>> sparsela.set_config(n_jobs=2)
    >>> sparsela.set_config(n_jobs=None)
    """
    _settings.update(_checked(n_jobs=n_jobs, sparse_backend=sparse_backend, verbose=verbose))


@contextmanager
def config_context(*, n_jobs=..., sparse_backend=..., verbose=...) -> Iterator[None]:
    """Change the library's settings inside a ``with`` block, for this thread (or asyncio task) only.

    Parameters
    ----------
    n_jobs : int or None, optional
        As in :func:`set_config`.
    sparse_backend : {"auto", "native", "mkl", "scipy"}, optional
        As in :func:`set_config`.
    verbose : {0, 1, 2}, optional
        As in :func:`set_config`.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If a value is none of those that :func:`set_config` takes.

    Examples
    --------
    >>> import sparsela
    >>> with sparsela.config_context(n_jobs=1, verbose=0):
    ...     pass
    """
    inside = {**_overrides.get(), **_checked(n_jobs=n_jobs, sparse_backend=sparse_backend, verbose=verbose)}
    token = _overrides.set(inside)
    try:
        yield
    finally:
        _overrides.reset(token)


def check_n_jobs(n_jobs: int | None) -> int | None:
    """Return n_jobs if it is None, -1 or a positive integer."""
    if n_jobs is None:
        return None
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or (n_jobs < 1 and n_jobs != -1):
        raise ValueError(f"n_jobs must be None, -1 or a positive int, got {n_jobs!r}")
    if n_jobs > MOST_THREADS:
        raise ValueError(f"n_jobs must be at most {MOST_THREADS}, got {n_jobs}")
    return int(n_jobs)


def _checked(**settings) -> dict:
    given = {name: value for name, value in settings.items() if value is not ...}
    if "n_jobs" in given:
        check_n_jobs(given["n_jobs"])
    if given.get("sparse_backend", "auto") not in SPARSE_BACKENDS:
        raise ValueError(f"sparse_backend must be one of {SPARSE_BACKENDS}, got {given['sparse_backend']!r}")
    if given.get("verbose", 0) not in (0, 1, 2):
        raise ValueError(f"verbose must be 0, 1 or 2, got {given['verbose']!r}")
    return given
