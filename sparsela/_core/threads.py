"""How many threads a kernel may take, and one BLAS thread inside it: one level of parallelism at a time."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

from joblib import Parallel, cpu_count, delayed
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from sparsela._core.config import check_n_jobs, get_config
from sparsela._ext import openmp

_forked = False
_one_lock = threading.Lock()
_one: dict = {"inside": 0}  # how many are inside one_blas_thread, and the threads of each library before


def _after_fork() -> None:
    # libgomp's threads do not survive a fork and waiting for them would hang: a forked child runs on one thread.
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def effective_n_jobs(n_jobs: int | None = None) -> int:
    """The number of threads that `n_jobs` stands for here and now.

    None is the library's setting; where that is None too, all cores or what ``OMP_NUM_THREADS`` and threadpoolctl
    leave of them, and one inside a worker of joblib, multiprocessing or Dask. -1 is all cores.
    """
    n_jobs = check_n_jobs(n_jobs)
    if n_jobs is None:
        n_jobs = get_config()["n_jobs"]
    if _forked or not openmp.version():
        return 1
    if n_jobs is None:
        return 1 if _in_worker() else max(1, min(_cores(), openmp.max_threads()))
    return _cores() if n_jobs == -1 else n_jobs


def on_cluster() -> bool:
    """Whether tasks go to a backend of joblib that others brought, as Dask's, by ``joblib.parallel_config``.

    Not inside a task: it has one worker.
    """
    return not _in_worker() and not type(get_active_backend()[0]).__module__.startswith("joblib._parallel_backends")


@contextmanager
def mapper(n_jobs: int | None):
    """Context of a function ``(function, items) -> list``: on the joblib backend of a cluster, or on threads here."""
    if on_cluster():
        yield lambda function, items: Parallel()(delayed(function)(item) for item in items)
        return
    with ThreadPoolExecutor(effective_n_jobs(n_jobs)) as threads:
        yield lambda function, items: list(threads.map(function, items))


@contextmanager
def one_blas_thread():
    """Context in which BLAS and LAPACK run on one thread, for a kernel that calls them from several of its own.

    The limit is the process's: the first to enter sets it and the last to leave, in whatever thread, takes it away.
    """
    with _one_lock:
        if not _one["inside"]:
            _one["before"] = [(library, library.get_num_threads()) for library in _blas_libraries()]
            _set_blas_threads((library, 1) for library, _ in _one["before"])
        _one["inside"] += 1
    try:
        yield
    finally:
        with _one_lock:
            _one["inside"] -= 1
            if not _one["inside"]:
                _set_blas_threads(_one.pop("before"))


def blas_threads(n_threads: int):
    """Context in which BLAS runs on at most so many threads; where it does already, nothing is changed."""
    if n_threads == 1:
        return one_blas_thread() if _most_blas_threads() > 1 else nullcontext()
    if _most_blas_threads() > n_threads:
        return _controller().limit(limits=n_threads, user_api="blas")
    return nullcontext()


def _set_blas_threads(limits) -> None:
    for library, n_threads in limits:
        library.set_num_threads(n_threads)


def _most_blas_threads() -> int:
    return max((library.get_num_threads() for library in _blas_libraries()), default=1)


@functools.cache
def _blas_libraries() -> tuple:
    return tuple(library for library in _controller().lib_controllers if library.user_api == "blas")


def _in_worker() -> bool:
    if multiprocessing.parent_process() is not None or get_active_backend()[0].nesting_level:
        return True
    worker = sys.modules.get("distributed.worker")
    return worker is not None and getattr(worker.thread_state, "execution_state", None) is not None


_cores = functools.cache(cpu_count)  # joblib reads the limits of the process anew at each call: 0.1 ms


@functools.cache
def _controller() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds; SciPy's BLAS is loaded with the kernels that need it.
    import scipy.linalg.cython_blas  # noqa: F401

    return ThreadpoolController()
