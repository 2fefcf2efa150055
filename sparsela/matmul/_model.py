"""What a product takes on this machine: measured once by `calibrate`, or a cautious guess."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import cycle
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_dtype, check_positive

if TYPE_CHECKING:
    from sparsela.matmul._plan import MultiplyPlan

FORMAT = 1  # of model files
VARIABLE = "SPARSELA_MATMUL_MODEL"
SIZES = (128, 192, 256, 384, 512, 768, 1024, 1536)
THIN = (64, 128, 256)
MIN_GAIN = 1.03  # predicted, below which BLAS does the whole product

# Without a calibration: levels that pay on common processors, by the cube root of m k n; one thread, and several.
CAUTIOUS = {1: (1500, 1950, 5500), 2: (2600, 3500, 7500)}
LEAST_LEAF = 256  # no dimension of a leaf below


@dataclass(frozen=True)
class MachineModel:
    """Rates of BLAS and of memory, and the time of a product by any plan that follows from them.

    Made by :func:`calibrate`; without one, :func:`multiply` uses nominal rates and takes a level only at sizes where it
    pays on all common processors.

    Parameters
    ----------
    dtype : str
        The dtype it is for.
    n_threads : int
        Threads that `blas_speedup` and `stream_speedup` were measured with.
    sizes, rates : tuple
        Orders of square products, and the rate of BLAS there on one thread, in flops per second (a complex
        multiplication and addition count eight).
    thin : tuple
        Rate at smallest dimensions of 64, 128 and 256, others 1024, over that of the square product of the same volume.
    near, far : float
        Bytes per second that sums of blocks move on one thread, inside the last-level cache and outside of it.
    cache : int
        Bytes of the last-level cache.
    blas_speedup, stream_speedup : float
        Of BLAS on large matrices and of sums, by `n_threads` threads.
    overhead : float
        Seconds of a product of the recursion beside its arithmetic.
    measured : bool, default=True
        False for the nominal rates.

    See Also
    --------
    calibrate : Measure one.

    References
    ----------
    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

    Examples
    --------
    >>> from sparsela.matmul import MachineModel, plan_multiply
    >>> model = MachineModel.nominal("float64")
    >>> plan = plan_multiply((4096, 4096), (4096, 4096), model=model, n_jobs=1)
    >>> plan.levels
    2
    >>> bool(model.predict(plan) < model.predict_blas((4096, 4096, 4096)))
    True
    """

    dtype: str
    n_threads: int
    sizes: tuple[int, ...]
    rates: tuple[float, ...]
    thin: tuple[float, ...]
    near: float
    far: float
    cache: int
    blas_speedup: float
    stream_speedup: float
    overhead: float
    measured: bool = True

    def __hash__(self) -> int:  # of a few fields: it is a key at every product
        return hash((self.dtype, self.n_threads, self.far, self.measured))

    @classmethod
    def nominal(cls, dtype: Any = np.float64) -> MachineModel:
        """Rates of a usual server core; never measured here."""
        dtype = check_dtype(np.dtype(dtype), "dtype")
        top = 98e9 if dtype in ("float32", "complex64") else 52e9
        rates = tuple(top * share for share in (0.75, 0.82, 0.86, 0.91, 0.94, 0.97, 0.98, 1.0))
        speed = {"blas_speedup": 1.95, "stream_speedup": 1.4, "overhead": 2e-6, "measured": False}
        return cls(dtype.name, 2, SIZES, rates, (0.75, 0.85, 0.95), 60e9, 20e9, last_level_cache(), **speed)

    def rate(self, m: float, k: float, n: float) -> float:
        """Flops per second of one BLAS call on one thread."""
        middle = max(1.0, (float(m) * k * n) ** (1 / 3))
        rate = np.interp(log2(middle), np.log2(self.sizes), self.rates)
        shares = np.log2((*(np.divide(THIN, 1024) ** (2 / 3)), 1))  # smallest dimension over the middle one; square: 1
        thin = np.interp(log2(max(1, min(m, k, n)) / middle), shares, (*self.thin, 1))
        return float(rate * thin)

    def predict_blas(self, shape: tuple[int, int, int], n_threads: int = 1) -> float:
        """Seconds of the whole product by BLAS.

        Parameters
        ----------
        shape : tuple of three ints
            (m, k, n).
        n_threads : int, default=1
            Threads of BLAS.

        Returns
        -------
        float
        """
        return self._flops(*shape) / self.rate(*shape) / self._speedup(self.blas_speedup, n_threads)

    def predict(self, plan: MultiplyPlan) -> float:
        """Seconds of a product by a plan.

        Parameters
        ----------
        plan : MultiplyPlan
            Of any shape and number of threads, in the dtype of the model.

        Returns
        -------
        float
        """
        if not plan.levels:
            return self.predict_blas(plan.shape, plan.n_threads)
        return self._level(plan, 0, *plan.shape, plan.n_threads)

    def _level(self, plan: MultiplyPlan, depth: int, m: float, k: float, n: float, threads: int) -> float:
        if depth == plan.levels:
            return self._flops(m, k, n) / self.rate(m, k, n)
        m0, k0, n0 = plan.schemes[depth].shape
        p, q, s = m / m0, k / k0, n / n0
        size = np.dtype(self.dtype).itemsize
        traffic = size * sum(x * y for x, y in zip(plan.streams[depth], (p * q, q * s, p * s), strict=True))
        working_set = size * (m * k + k * n + m * n)
        share = np.clip(log2(working_set / self.cache) / 2 + 1, 0, 1)  # from a quarter of the cache to all of it
        pace = self.near ** (1 - share) * self.far**share * self._speedup(self.stream_speedup, threads)
        inner = self._level(plan, depth + 1, p, q, s, 1)
        rounds = 0.0
        for count in plan.rounds[depth] if threads > 1 else (plan.schemes[depth].rank,):
            whole, left = divmod(count, threads)
            # a slab packs the whole of its other operand
            rounds += whole + left / threads * (1.02 if threads > 1 else 1)
        return traffic / pace + rounds * (inner + self.overhead)

    def _flops(self, m: float, k: float, n: float) -> float:
        return (8.0 if self.dtype.startswith("complex") else 2.0) * m * k * n

    def _speedup(self, of: float, threads: int) -> float:
        return 1.0 if threads == 1 else max(1.0, of ** (log2(threads) / log2(max(2, self.n_threads))))

    def save(self, path: str | os.PathLike) -> None:
        """Write the model as JSON.

        Parameters
        ----------
        path : path-like
            Written anew.
        """
        Path(path).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> MachineModel:
        """Read a model that :meth:`save` wrote.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        MachineModel

        Raises
        ------
        ValueError
            If the file is no model, or one of a newer format.
        """
        try:
            fields = json.loads(Path(path).read_text())
            version = fields.pop("format")
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} is not a machine model: calibrate(save=...) writes one") from error
        if not isinstance(version, int) or version > FORMAT:
            raise ValueError(f"{path} is a machine model of format {version}, newer than {FORMAT}: calibrate again")
        try:
            for name in ("sizes", "rates", "thin"):
                fields[name] = tuple(fields[name])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a machine model: {error}") from error


_models: dict[str, MachineModel] = {}  # that were set
_in_force: dict[np.dtype, MachineModel] = {}  # for each dtype that was asked for, until another is set
_looked = False  # at the environment variable


def set_model(model: MachineModel | str | os.PathLike | None) -> None:
    """Use a machine model in :func:`multiply` and :func:`plan_multiply` for its dtype from now on.

    Parameters
    ----------
    model : MachineModel, path-like or None
        A model or its file; None forgets all that were set. The file named by the environment variable
        ``SPARSELA_MATMUL_MODEL`` is read at the first product.

    Returns
    -------
    None

    Raises
    ------
    TypeError, ValueError
        If it is neither, or the file is not a model that this version reads.

    See Also
    --------
    calibrate : Measure a model.

    Examples
    --------
    >>> from sparsela.matmul import MachineModel, set_model
    >>> set_model(MachineModel.nominal("float32"))
    >>> set_model(None)
    """
    global _looked
    _looked = True
    _in_force.clear()
    if model is None:
        _models.clear()
    else:
        model = as_model(model)
        _models[model.dtype] = model


def as_model(model: Any, dtype: np.dtype | None = None) -> MachineModel:
    """A model or the file of one; with `dtype`, one for that dtype."""
    if isinstance(model, (str, os.PathLike)):
        model = MachineModel.load(model)
    if not isinstance(model, MachineModel):
        raise TypeError(f"model must be a MachineModel or the path of one, got {type(model).__name__}")
    if dtype is not None and model.dtype != dtype.name:
        raise ValueError(
            f"model is of dtype {model.dtype}, but the product is of dtype {dtype.name}: calibrate for that"
        )
    return model


def current_model(dtype: np.dtype) -> MachineModel:
    """The model in force for a dtype."""
    model = _in_force.get(dtype)
    if model is None:
        if not _looked:
            _read_environment()
        model = _in_force[dtype] = _models.get(dtype.name) or MachineModel.nominal(dtype)
    return model


def _read_environment() -> None:
    global _looked
    path = os.environ.get(VARIABLE)
    if path:
        try:
            set_model(path)
        except OSError as error:
            raise ValueError(f"{VARIABLE} names {path}, which cannot be read: {error.strerror}") from error
    _looked = True


@cache
def last_level_cache() -> int:
    """Bytes, 32 MiB where the system does not say."""
    try:
        size = os.sysconf("SC_LEVEL3_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        size = 0
    return size if size > 0 else 32 << 20


def calibrate(
    dtype: Any = None, n_jobs: int | None = None, *, budget: float = 2.0, save: str | os.PathLike | None = None
) -> MachineModel:
    """Measure what :func:`multiply` needs to know about this machine.

    Parameters
    ----------
    dtype : dtype or None, default=None
        float32, float64 (None), complex64 or complex128.
    n_jobs : int or None, default=None
        Threads that products will run on.
    budget : float, default=2.0
        Seconds to measure for, about; the sizes are given up from the largest on where it is short.
    save : path-like or None, default=None
        Where to write the model as JSON.

    Returns
    -------
    MachineModel
        Pass it to :func:`set_model`, or as `model`.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the above.

    Notes
    -----
    Measured: BLAS on square products of 128 … 1536 and on thin ones, the fused sums of Winograd's scheme in the cache
    and outside of it, and where there are several threads their speed-up. Nothing is measured at import or inside
    ``multiply``. Run it on a quiet machine.

    References
    ----------
    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

    Examples
    --------
    >>> from sparsela.matmul import calibrate
    >>> model = calibrate("float32", n_jobs=1, budget=0.2)
    >>> model.measured, model.dtype
    (True, 'float32')
    """
    dtype = check_dtype(np.dtype(np.float64 if dtype is None else dtype), "dtype")
    budget = check_positive(budget, "budget")
    threads = effective_n_jobs(n_jobs)
    nominal = MachineModel.nominal(dtype)
    rng = np.random.default_rng(0)
    data = rng.standard_normal(2 * SIZES[-1] ** 2).astype(dtype)
    flops = 8.0 if dtype.kind == "c" else 2.0
    # Out of the cache, yet with blocks that are written through it, as those of inner levels are.
    far_order = int((1.4 * nominal.cache / dtype.itemsize) ** 0.5) // 16 * 16

    def product(m: int, k: int, n: int) -> Callable[[], Any]:
        # Inside the recursion operands are not in the near caches: take others at every call.
        where = cycle(range(0, data.size - max(m * k, k * n) + 1, max(64, data.size // 17)))
        C = np.empty((m, n), dtype)

        def call() -> None:
            i, j = next(where), next(where)
            np.matmul(data[i : i + m * k].reshape(m, k), data[j : j + k * n].reshape(k, n), out=C)

        return call

    with one_blas_thread():
        rates: list[float] = []
        for n, share in zip(SIZES, (0.02, 0.03, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15), strict=True):
            expected = flops * n**3 / (rates[-1] if rates else nominal.rates[0])
            if rates and expected > budget * share * 2:
                rates.append(rates[-1])  # no time for it: as the one before
            else:
                rates.append(flops * n**3 / fastest(product(n, n, n), budget * share))
        # A larger product is no slower, whatever disturbed its measurement: no plan is credited with that.
        rates = np.maximum.accumulate(rates).tolist()
        model = MachineModel(
            **{**asdict(nominal), "rates": tuple(rates), "thin": (1.0,) * 3, "n_threads": threads, "measured": True}
        )
        thin = []
        for low in THIN:
            seconds = fastest(product(1024, low, 1024), budget * 0.03)
            thin.append(min(1.0, flops * 1024 * low * 1024 / seconds / model.rate(1024, low, 1024)))
        near = _pace(dtype, 768 if dtype.itemsize <= 8 else 512, 1, budget * 0.05)
        far = _pace(dtype, far_order, 1, budget * 0.1)
    blas_speedup = stream_speedup = 1.0
    if threads > 1:
        n = SIZES[-1] if flops * SIZES[-1] ** 3 / rates[-1] < budget * 0.1 else 768
        big = product(n, n, n)
        with one_blas_thread():
            alone = fastest(big, budget * 0.1, 2)  # by the wall, as what it is compared with
            stream_speedup = _pace(dtype, far_order, threads, budget * 0.1) / far
        blas_speedup = alone / fastest(big, budget * 0.1, threads)
    fields = {"rates": tuple(rates), "thin": tuple(thin), "near": near, "far": far, "n_threads": threads}
    fields |= {"blas_speedup": max(1.0, blas_speedup), "stream_speedup": max(1.0, stream_speedup), "measured": True}
    model = MachineModel(**{**asdict(nominal), **fields})
    if save is not None:
        model.save(save)
    return model


def fastest(call: Callable[[], Any], seconds: float, threads: int = 1) -> float:
    """The least time of a call repeated for about `seconds`, at least twice; CPU time where it is one thread's."""
    clock = time.process_time if threads == 1 else time.perf_counter
    call()
    best, end = np.inf, time.perf_counter() + seconds
    rounds = 0
    while rounds < 2 or time.perf_counter() < end:
        start = clock()
        call()
        best = min(best, clock() - start)
        rounds += 1
    return best


def _pace(dtype: np.dtype, n: int, threads: int, seconds: float) -> float:
    """Bytes per second of the fused sums of one level on matrices of order n."""
    from sparsela.matmul._planner import plan_multiply

    plan = plan_multiply((n, n), (n, n), dtype, scheme="winograd", levels=1, n_jobs=threads)
    operands = (np.ones((n, n), dtype) for _ in range(3))
    time_of = fastest(plan._sums_alone(*operands), seconds, threads)
    return dtype.itemsize * (n / 2) ** 2 * sum(plan.streams[0]) / time_of
