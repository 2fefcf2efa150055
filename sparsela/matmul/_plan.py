"""Plans: what a product of given sizes does, in how much memory, on how many threads; and running them."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from sparsela._core.threads import blas_threads, one_blas_thread
from sparsela._ext.bilinear import Executor, block_sizes
from sparsela.matmul import _operands
from sparsela.matmul._lowering import CUT, EXACT, FUSED, GROUPED, INTO, LEAN, PRODUCT, SUMS, Code, lower
from sparsela.matmul._model import last_level_cache
from sparsela.matmul._scheme import BilinearScheme

KEPT_ARENA = 256 << 20  # bytes a thread that are kept from one product to the next; more is kept but lent to the system
LENDABLE = hasattr(mmap, "MADV_FREE") and hasattr(mmap, "MADV_HUGEPAGE")
EDGES = ("pad", "peel")


@dataclass(frozen=True, eq=False)
class MultiplyPlan:
    """How a product of given sizes is computed; made by :func:`plan_multiply`.

    Parameters
    ----------
    shape : tuple of int
        (m, k, n).
    dtype : dtype
        Of the product.
    schemes : tuple of BilinearScheme
        One a level, outermost first; none where BLAS does the whole product.
    n_threads : int, default=1
        Threads it runs on. The bits of the answer are the same for one and for two.
    edges : {"pad", "peel"}, default="pad"
        What is done where the sizes are no multiples: blocks at the edge that are cut, or thin products beside.
    max_workspace : int or None, default=None
        Most bytes of scratch memory; None: twice the operands and the result.
    predicted_time, predicted_blas_time : float, default=0.0
        Seconds by the machine model, of the plan and of BLAS; of use as a ratio where the model was not measured.

    Attributes
    ----------
    levels : int
        Number of levels.
    leaf_shape : tuple of int
        (m, k, n) of the largest products that BLAS computes.
    workspace : int
        Bytes of scratch memory, beside the operands and the result. For operands that are stored by columns it may
        differ by the padding of rows.

    See Also
    --------
    multiply : Plan and run.

    References
    ----------
    A. Benson, G. Ballard. A framework for practical parallel fast matrix multiplication. PPoPP, 2015.

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
            The left factor, in the plan's dtype.
        B : array_like of shape (k, n)
            The right factor, in the plan's dtype.
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
            arena = fresh_arena(size)
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


class _Kept(threading.local):
    arena: np.ndarray | None = None


_kept = _Kept()


def run_once(plan: MultiplyPlan, A: np.ndarray, B: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """Run a plan in the scratch memory that this thread keeps from one product to the next."""
    arena, _kept.arena = _kept.arena, None
    C, arena = plan._run(A, B, out, arena)
    if arena is not None and (arena.size <= KEPT_ARENA or _lend(arena)):
        _kept.arena = arena
    return C


def fresh_arena(size: int) -> np.ndarray:
    """Scratch memory; where it is large, pages of its own that can be lent."""
    if size <= KEPT_ARENA or not LENDABLE:
        return np.empty(size, np.int8)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, np.int8)


def _lend(arena: np.ndarray) -> bool:
    """Leave the pages to the system until they are written to again: it takes them where memory runs short.

    Giving them back and asking for new ones costs as much as all sums of a level.
    """
    pages = getattr(arena.base, "obj", arena.base)  # numpy may hold it through a memoryview
    if not isinstance(pages, mmap.mmap):
        return False
    try:
        pages.madvise(mmap.MADV_FREE)
    except OSError:
        return False
    return True
