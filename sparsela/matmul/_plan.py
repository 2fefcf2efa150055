"""Plans: which schemes a product of given sizes takes, in how much memory, on how many threads; and running them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import log2
from typing import Any

import numpy as np

from sparsela._core.threads import blas_threads, effective_n_jobs, one_blas_thread
from sparsela._core.validation import check_count, check_dtype, check_positive
from sparsela._ext.bilinear import Executor, block_sizes
from sparsela.matmul import _operands
from sparsela.matmul._catalogue import list_schemes
from sparsela.matmul._errors import bound_of
from sparsela.matmul._lowering import CUT, EXACT, FUSED, GROUPED, INTO, LEAN, PRODUCT, SUMS, Code, lower
from sparsela.matmul._model import (
    CAUTIOUS,
    LEAST_LEAF,
    MIN_GAIN,
    MachineModel,
    as_model,
    current_model,
    last_level_cache,
)
from sparsela.matmul._scheme import BilinearScheme
from sparsela.matmul._schemes import check_levels, one, resolve

MOST_LEVELS = 4
KEPT_ARENA = 256 << 20  # bytes a thread that are kept from one product to the next
EDGES = ("pad", "peel")
INT_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class MultiplyPlan:
    """How a product of given sizes is computed; made by :func:`plan_multiply`.

    Attributes
    ----------
    shape : tuple of int
        (m, k, n).
    dtype : dtype
    schemes : tuple of BilinearScheme
        One a level, outermost first; none where BLAS does the whole product.
    n_threads : int
        Threads it runs on. The bits of the answer are the same for one and for two.
    edges : {"pad", "peel"}
        What is done where the sizes are no multiples: blocks at the edge that are cut, or thin products beside.
    levels : int
        Number of levels.
    leaf_shape : tuple of int
        (m, k, n) of the largest products that BLAS computes.
    workspace : int
        Bytes of scratch memory, beside the operands and the result. For operands that are stored by columns it may
        differ by the padding of rows.
    predicted_time, predicted_blas_time : float
        Seconds by the machine model, of the plan and of BLAS; of use as a ratio where the model was not measured.

    See Also
    --------
    multiply : Plan and run.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.matmul import plan_multiply
    >>> plan = plan_multiply((300, 200), (200, 250), scheme="winograd", levels=2, n_jobs=1)
    >>> plan
    MultiplyPlan((300, 200, 250), float64, winograd × 2, leaf (75, 50, 63), 1 thread)
    >>> A, B = np.ones((300, 200)), np.ones((200, 250))
    >>> bool((plan.run(A, B) == 200).all())
    True
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    schemes: tuple[BilinearScheme, ...]
    n_threads: int = 1
    edges: str = "pad"
    max_workspace: int | None = None
    predicted_time: float = 0.0
    predicted_blas_time: float = 0.0
    _arenas: list = field(default_factory=list, repr=False)

    @property
    def levels(self) -> int:
        return len(self.schemes)

    @cached_property
    def leaf_shape(self) -> tuple[int, int, int]:
        return (self._core, *self._blocks)[-1]

    @cached_property
    def _blocks(self) -> list[tuple[int, int, int]]:
        return block_sizes(self._core, [scheme.shape for scheme in self.schemes])

    @cached_property
    def workspace(self) -> int:
        return self._executor((False,) * 3).workspace(self.n_threads) if self.levels else 0

    @property
    def parts(self) -> int:
        """Into how many shares the products of the outermost level are dealt: two also for one thread."""
        return max(2, self.n_threads)

    def run(self, A: Any, B: Any, out: np.ndarray | None = None) -> np.ndarray:
        """The product of two matrices of the planned shapes.

        Scratch memory is kept from one run to the next, as long as the plan is. Runs of one plan from several threads
        at a time are safe; each has its own.

        Parameters
        ----------
        A : array_like of shape (m, k)
        B : array_like of shape (k, n)
        out : ndarray of shape (m, n) or None, default=None
            Where to put the product; of the plan's dtype and apart from A and B.

        Returns
        -------
        ndarray of shape (m, n)

        Raises
        ------
        TypeError, ValueError
            If an array does not fit the plan.
        """
        A, B, dtype = _operands.check_pair(A, B)
        if dtype != self.dtype or (*A.shape, B.shape[1]) != self.shape:
            given = f"{A.shape} and {B.shape} of {dtype}"
            m, k, n = self.shape
            raise ValueError(f"the plan is for shapes ({m}, {k}) and ({k}, {n}) of {self.dtype}, got {given}")
        out = _operands.check_out(out, A, B, dtype)
        try:
            arena = self._arenas.pop()  # another run may hold it
        except IndexError:
            arena = None
        C, arena = self._run(A, B, out, arena)
        if arena is not None:
            self._arenas.append(arena)
            del self._arenas[1:]
        return C

    def _run(self, A: np.ndarray, B: np.ndarray, out: np.ndarray | None, arena: np.ndarray | None):
        """The product of checked operands, and the scratch memory it took."""
        if not self.levels:
            with blas_threads(self.n_threads):
                return np.matmul(A, B, out=out, dtype=self.dtype), arena
        A, B = _operands.arrange(A, self.dtype), _operands.arrange(B, self.dtype)
        C = np.empty((A.shape[0], B.shape[1]), self.dtype) if out is None else out
        target = C if _operands.is_plain(C) else np.empty_like(C, order="C")
        turned = tuple(_operands.is_turned(x) for x in (A, B, target))
        executor = self._executor(turned)
        size = executor.workspace(self.n_threads)
        if arena is None or arena.size < size:
            arena = np.empty(size, np.int8)
        with one_blas_thread():
            self._execute(executor, A, B, target, turned, arena)
        if target is not C:
            C[...] = target
        return C, arena

    def _execute(
        self, executor: Executor, A: np.ndarray, B: np.ndarray, C: np.ndarray, turned: tuple, arena: np.ndarray
    ):
        def seen(*blocks: np.ndarray) -> list:
            return [_operands.view(x, by) for x, by in zip(blocks, turned, strict=True)]

        m, k, n = self._core
        if not (m and k and n):
            executor.gemm(*seen(A, B, C), False)
            return
        executor.execute(*seen(A[:m, :k], B[:k, :n], C[:m, :n]), arena, self.n_threads)
        # What peeling leaves: thin products.
        if k < A.shape[1]:
            executor.gemm(*seen(A[:m, k:], B[k:, :n], C[:m, :n]), True)
        if m < A.shape[0]:
            executor.gemm(*seen(A[m:], B, C[m:]), False)
        if n < B.shape[1]:
            executor.gemm(*seen(A[:m], B[:, n:], C[:m, n:]), False)

    def _sums_alone(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> Callable[[], None]:
        """A call that does the sums of the outermost level and no product; for calibration."""
        executor = self._executor((False, False, False))
        arena = np.zeros(executor.workspace(self.n_threads), np.int8)

        def call() -> None:
            executor.execute(*(_operands.view(x, False) for x in (A, B, C)), arena, self.n_threads, False)

        return call

    @property
    def _core(self) -> tuple[int, int, int]:
        """What the recursion covers: everything, or the largest multiple where the edges are peeled."""
        if self.edges == "pad":
            return self.shape
        by = np.prod([scheme.shape for scheme in self.schemes] or [(1, 1, 1)], axis=0)
        return tuple(int(size // step * step) for size, step in zip(self.shape, by, strict=True))

    @cached_property
    def modes(self) -> tuple[int, ...]:
        """How each level forms its sums: in one pass while the scratch memory stays small."""
        limit = self.max_workspace
        if limit is None:
            m, k, n = self.shape
            limit = 2 * self.dtype.itemsize * (m * k + k * n + m * n)
        choices = [(GROUPED,) * i + (FUSED,) * (self.levels - i) for i in range(self.levels + 1)]
        choices += [(LEAN,) * i + (GROUPED,) * (self.levels - i) for i in range(1, self.levels + 1)]
        for i, modes in enumerate(choices):
            # Counted for `parts` threads: the order of products, and with it the bits, must not depend on their number.
            built = self._build(modes, (False,) * 3)
            size = built.workspace(self.parts)
            if size <= limit and (built.workspace(1) <= KEPT_ARENA or i >= self.levels):
                return modes
        if self.max_workspace is not None:
            raise ValueError(f"max_workspace must be at least {size} bytes for this product, got {self.max_workspace}")
        return choices[-1]

    @cached_property
    def _executors(self) -> dict:
        return {}

    def _executor(self, turned: tuple[bool, ...]) -> Executor:
        if turned not in self._executors:
            self._executors[turned] = self._build(self.modes, turned)
        return self._executors[turned]

    def _build(self, modes: Sequence[int], turned: tuple[bool, ...]) -> Executor:
        levels, streams = [], []
        for scheme, mode, (p, q, s) in zip(self.schemes, modes, self._blocks, strict=True):
            code = codes(scheme, scheme.programs, mode)
            if not levels:  # the outermost level runs one of them: no buffers for the others
                whole = all(size % by == 0 for size, by in zip(self._core, scheme.shape, strict=True))
                code = (code[EXACT if whole else CUT],) * 3
            levels.append((scheme.shape, code))
            # around the cache where a buffer is as large as that
            large = [x * self.dtype.itemsize > last_level_cache() / 2 for x in (p * q, q * s)]
            streams.append((*large, False))
        return Executor(levels, self._core, self.dtype.char, turned, self.parts, streams)

    @cached_property
    def streams(self) -> tuple[tuple[float, float, float], ...]:
        """For each level, how many blocks of A, B and C the sums move; a write that reads before counts two."""
        late = 0.0
        out = []
        for scheme in self.schemes:
            usual, into = (
                np.array(_streams(code)) for code in np.take(codes(scheme, scheme.programs, FUSED), (EXACT, INTO))
            )
            out.append(tuple((1 - late) * usual + late * into))
            late = float(np.mean(np.count_nonzero(scheme.w, axis=1) == 1))
        return tuple(out)

    @cached_property
    def rounds(self) -> tuple[tuple[int, ...], ...]:
        """For each level, how many products lie between two barriers."""
        out = []
        for scheme in self.schemes:
            counts = [0]
            for kind, *_ in codes(scheme, scheme.programs, FUSED)[EXACT].instructions:
                if kind == PRODUCT:
                    counts[-1] += 1
                elif counts[-1]:
                    counts.append(0)
            out.append(tuple(count for count in counts if count))
        return tuple(out)

    def explain(self) -> None:
        """Print what the plan does, level by level, with sizes, memory and predicted times.

        Examples
        --------
        >>> from sparsela.matmul import plan_multiply
        >>> plan_multiply((512, 512), (512, 512), scheme="strassen", levels=1, n_jobs=1).explain()
        (512, 512, 512) float64, 1 thread, 5.7 MiB of scratch
        └─ strassen ⟨2,2,2; 7⟩: 7 products of (256, 256, 256), sums of A and B in one pass
           └─ BLAS: 7 products in all
        """
        threads = f"{self.n_threads} thread{'s' if self.n_threads > 1 else ''}"
        print(f"{self.shape} {self.dtype}, {threads}, {self.workspace / 2**20:.1f} MiB of scratch")
        indent, total = "", 1
        how = {FUSED: "in one pass", GROUPED: "a few at a time", LEAN: "one by one"}
        for scheme, mode, sizes in zip(self.schemes, self.modes, self._blocks, strict=True):
            total *= scheme.rank
            label = f"{scheme.name or 'scheme'} ⟨{','.join(map(str, scheme.shape))}; {scheme.rank}⟩"
            print(f"{indent}└─ {label}: {scheme.rank} products of {sizes}, sums of A and B {how[mode]}")
            indent += "   "
        print(f"{indent}└─ BLAS: {total} product{'s in all' if total > 1 else ''}")

    def __repr__(self) -> str:
        names = [scheme.name or "×".join(map(str, scheme.shape)) for scheme in self.schemes]
        how = "BLAS" if not names else f"{names[0]} × {len(names)}" if len({*names}) == 1 else " → ".join(names)
        threads = f"{self.n_threads} thread{'s' if self.n_threads > 1 else ''}"
        return f"MultiplyPlan({self.shape}, {self.dtype}, {how}, leaf {self.leaf_shape}, {threads})"

    def __getstate__(self) -> dict:
        kept = (
            "shape",
            "dtype",
            "schemes",
            "n_threads",
            "edges",
            "max_workspace",
            "predicted_time",
            "predicted_blas_time",
        )
        return {**{name: getattr(self, name) for name in kept}, "_arenas": []}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


@lru_cache(maxsize=256)
def codes(scheme: BilinearScheme, programs: tuple, mode: int) -> tuple[Code, Code, Code]:
    """The three codes of a scheme; its programs are part of the key, as schemes compare without them."""
    return tuple(lower(scheme, variant, mode) for variant in (EXACT, CUT, INTO))


def _streams(code: Code) -> list[int]:
    out = [0, 0, 0]
    for kind, which, where, *_ in code.instructions:
        if kind == SUMS:
            sums = code.sums[which]
            homes = {x.home for x in code.variables if x.home >= 0}
            for v in sums.variables[sums.n_in :]:
                out[where] += 1 if v in homes else 2
            out[where] += sums.n_in
    return out


def plan_multiply(
    shape_A: Sequence[int],
    shape_B: Sequence[int],
    dtype: Any = np.float64,
    *,
    scheme: Any = "auto",
    levels: int | str = "auto",
    n_jobs: int | None = None,
    accuracy: float | None = None,
    model: Any = None,
    edges: str = "pad",
    max_workspace: int | None = None,
) -> MultiplyPlan:
    """Plan a product: choose schemes, levels and scratch memory once, run it often.

    Parameters
    ----------
    shape_A : tuple of two ints
        (m, k).
    shape_B : tuple of two ints
        (k, n).
    dtype : dtype, default=float64
        Of the product: float32, float64, complex64, complex128; others become float64.
    scheme : "auto", str, BilinearScheme or list, default="auto"
        As in :func:`multiply`.
    levels : int or "auto", default="auto"
        As in :func:`multiply`.
    n_jobs : int or None, default=None
        As in :func:`multiply`.
    accuracy : float or None, default=None
        As in :func:`multiply`.
    model : MachineModel, path-like or None, default=None
        As in :func:`multiply`.
    edges : {"pad", "peel"}, default="pad"
        Where sizes are no multiples of the blocks: "pad" cuts the blocks at the edge and reads zeros beyond; "peel"
        leaves the rest to thin products of BLAS. For comparison.
    max_workspace : int or None, default=None
        Bytes of scratch memory, at most; None: twice the operands and the result. Less memory is more passes over it.

    Returns
    -------
    MultiplyPlan

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the above, or max_workspace is too small for any order of work.

    See Also
    --------
    multiply : Plan and run.
    calibrate : Measure the machine, so that "auto" chooses by it.

    References
    ----------
    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

    Examples
    --------
    >>> from sparsela.matmul import plan_multiply
    >>> plan_multiply((100, 100), (100, 100), n_jobs=1)
    MultiplyPlan((100, 100, 100), float64, BLAS, leaf (100, 100, 100), 1 thread)
    >>> plan_multiply((4096, 4096), (4096, 4096), "float32", n_jobs=1).levels
    2
    """
    m, k = _two(shape_A, "shape_A")
    k2, n = _two(shape_B, "shape_B")
    if k != k2:
        raise ValueError(f"shape_A and shape_B must agree in the inner dimension, got {(m, k)} and {(k2, n)}")
    dtype = check_dtype(np.dtype(dtype), "dtype")
    if edges not in EDGES:
        raise ValueError(f"edges must be one of {EDGES}, got {edges!r}")
    if max_workspace is not None:
        max_workspace = check_count(max_workspace, "max_workspace", low=0)
    model = current_model(dtype) if model is None else as_model(model, dtype)
    threads = effective_n_jobs(n_jobs)
    plan = _choose((m, k, n), dtype, scheme, levels, threads, accuracy, model, edges, max_workspace)
    if plan.levels:
        plan.modes  # noqa: B018 - raises where max_workspace is too small
    return plan


def kept_plan(shape, dtype, scheme, levels, n_jobs, accuracy, model) -> MultiplyPlan:
    """The plan for checked sizes; kept, so that the next one like it costs nothing. It holds no scratch memory."""
    model = current_model(dtype) if model is None else as_model(model, dtype)
    key = tuple(scheme) if isinstance(scheme, list) else scheme
    args = (shape, dtype, key, levels, effective_n_jobs(n_jobs), accuracy, model)
    if isinstance(levels, (bool, float)):  # to a cache they are ints
        return _choose(*args)
    try:
        return _chosen(*args)
    except TypeError:  # not hashable, or wrong: say so
        return _choose(*args)


def _choose(shape, dtype, scheme, levels, threads, accuracy, model, edges="pad", max_workspace=None) -> MultiplyPlan:
    listed = isinstance(scheme, Sequence) and not isinstance(scheme, str)
    automatic = isinstance(levels, str)
    if automatic and levels != "auto":
        raise ValueError(f"levels must be an int or 'auto', got {levels!r}")
    if accuracy is not None:
        accuracy = check_positive(accuracy, "accuracy")
        if accuracy < 1:
            raise ValueError(f"accuracy must be at least 1, the classical product, got {accuracy}")
    if automatic and listed:
        candidates = [resolve(scheme, len(scheme))]
    elif automatic:
        schemes = _candidates(model, accuracy) if scheme == "auto" else (one(scheme),)
        candidates = [(x,) * depth for x in schemes for depth in range(1, _most_levels(model, shape, x, threads) + 1)]
    else:
        name = "winograd" if isinstance(scheme, str) and scheme == "auto" else scheme
        candidates = [resolve(name, check_levels(levels))]
    if max(shape) > INT_MAX:
        candidates = []
    if accuracy is not None:
        candidates = [_within(accuracy, schemes, shape, dtype) for schemes in candidates]

    def plan(schemes: tuple[BilinearScheme, ...]) -> MultiplyPlan:
        made = MultiplyPlan(shape, dtype, schemes, threads, edges, max_workspace)
        times = {"predicted_time": 0.0, "predicted_blas_time": 0.0}
        if all(shape):
            times = {"predicted_time": model.predict(made), "predicted_blas_time": model.predict_blas(shape, threads)}
        made.__dict__.update(times)
        return made

    blas = plan(())
    if not all(shape):
        return blas
    plans = [plan(schemes) for schemes in candidates if schemes]
    if not plans:
        return blas
    if not automatic or listed:
        return plans[0]
    if not model.measured:
        return max(plans, key=lambda p: (p.levels, -p.schemes[0].growth_factor if accuracy else 0))
    best = min(plans, key=lambda p: p.predicted_time)
    return best if best.predicted_time * MIN_GAIN <= blas.predicted_time else blas


_chosen = lru_cache(maxsize=512)(_choose)


def _candidates(model: MachineModel, accuracy: float | None) -> tuple[BilinearScheme, ...]:
    base = (one("winograd"), one("strassen")) if accuracy is not None else (one("winograd"),)
    if not model.measured:
        return base
    others = [x for x in list_schemes() if max(x.shape) <= 3 and x.shape != (2, 2, 2)]
    turned = {}
    for x in others:
        for shape in {(x.shape[i], x.shape[j], x.shape[3 - i - j]) for i in range(3) for j in range(3) if i != j}:
            if shape not in turned or x.rank < turned[shape].rank:
                turned[shape] = x.permute(shape)
    return base + tuple(turned.values())


def _most_levels(model: MachineModel, shape: tuple[int, int, int], scheme: BilinearScheme, threads: int) -> int:
    """Levels to consider: by the sizes alone where nothing was measured."""
    middle, least = np.prod([float(x) for x in shape]) ** (1 / 3), min(shape)
    halvings = log2(np.prod(scheme.shape)) / 3  # that one level stands for
    if not halvings:
        return 0
    by_leaf = min(
        (
            int(log2(max(1, size / LEAST_LEAF)) / log2(by))
            for size, by in zip(shape, scheme.shape, strict=True)
            if by > 1
        ),
        default=0,
    )
    if model.measured:
        return min(MOST_LEVELS, by_leaf + 1)
    allowed = sum(middle >= bar for bar in CAUTIOUS[min(threads, 2)])
    return min(int(allowed / halvings + 1e-9), by_leaf) if least else 0


def _within(accuracy: float, schemes: tuple[BilinearScheme, ...], shape: tuple, dtype: np.dtype) -> tuple:
    while schemes and bound_of(schemes, shape, dtype).ratio > accuracy:
        schemes = schemes[:-1]
    return schemes


def _two(shape: Sequence[int], name: str) -> tuple[int, int]:
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"{name} must be a tuple of two ints, got {type(shape).__name__}") from None
    if len(sizes) != 2:
        raise ValueError(f"{name} must be a tuple of two ints, got {sizes}: stacks of matrices are for numpy.matmul")
    return tuple(check_count(size, f"{name}[{i}]", low=0) for i, size in enumerate(sizes))


class _Kept(threading.local):
    arena: np.ndarray | None = None


_kept = _Kept()


def run_once(plan: MultiplyPlan, A: np.ndarray, B: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Run a plan in the scratch memory that this thread keeps from one product to the next."""
    arena, _kept.arena = _kept.arena, None
    C, arena = plan._run(A, B, out, arena)
    if arena is not None and arena.size <= KEPT_ARENA * plan.n_threads:
        _kept.arena = arena
    return C
