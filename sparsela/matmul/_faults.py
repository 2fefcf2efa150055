"""Matrix products that survive the loss of workers: products of several schemes, and parities, as one code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from fractions import Fraction
from functools import cache, cached_property
from math import comb
from typing import Any

import numpy as np
from scipy.optimize import linprog

from sparsela._core.threads import effective_n_jobs
from sparsela._core.validation import check_count, check_matrix
from sparsela.matmul import _relations as relations
from sparsela.matmul._catalogue import get_scheme
from sparsela.matmul._relations import Node
from sparsela.matmul._scheme import BilinearScheme

ENUMERABLE = 24  # nodes up to which all sets of losses are counted
LOCAL_TERMS = 8  # of the relations that local repair uses


class UndecodableError(ValueError):
    """Too many nodes, or the wrong ones, were lost: what is left does not determine the product.

    Attributes
    ----------
    lost : tuple of str
        Names of the nodes.
    """

    def __init__(self, lost: Sequence[str]):
        self.lost = tuple(lost)
        super().__init__(f"the product cannot be decoded without the nodes {', '.join(self.lost)}")

    def __reduce__(self):
        return type(self), (self.lost,)


class FaultTolerantProduct:
    """A matrix product as independent tasks of which some may be lost.

    Parameters
    ----------
    schemes : sequence of str or BilinearScheme, default=("strassen", "winograd")
        Schemes of one shape, whose products are all computed.
    n_parity : int, default=2
        Products to add.
    parity : "search" or sequence of (u, v), default="search"
        How to find them, or what they are; `n_parity` is then their number, and ignored.
    max_losses : int or None, default=None
        Count failures of up to so many lost nodes only; needed above 24 nodes.

    Attributes
    ----------
    nodes : tuple of (name, u, v)
        The products. Those of a scheme are numbered from 1 after its first letter, parities after "P".
    n_nodes : int
        M.
    shape : tuple of int
        Of the schemes, (m, k, n).
    relations : ndarray of int64, of shape (n_relations, n_nodes)
        Independent relations among products: ``relations · products = 0``.
    targets : ndarray of int64, of shape (m n, m k k n)
        The entries of C as forms in ``a_i b_j``, row-major.
    failure_counts : tuple of int or None
        FC[k], of the sets of k lost nodes those that cannot be decoded; None above `max_losses`.
    local_failure_counts : tuple of int or None
        The same where lost products are repaired one at a time, each by a relation of at most eight terms.
    min_losses : int or None
        The least k with FC[k] > 0; None where no count says.

    See Also
    --------
    multiply_fault_tolerant : Runs one.
    find_parity_products : The search.

    Notes
    -----
    A product ``(u·vec A)(v·vec B)`` is the vector u ⊗ v. A set of lost nodes can be decoded iff the span of the
    others holds every entry of C. It is judged from the relations, which repair what a decoder misses, by elimination
    modulo primes of 31 bits, two of which must agree, and depth first, since all subsets of a set that may be lost may
    be. Strassen's and Winograd's products together cost 14 instead of 7, and only 2 of 91 pairs may not be lost; two
    parities more repair those, so 16 nodes do what three copies of one scheme do with 21 [1]_.

    References
    ----------
    .. [1] S. Güney, S. Arslan. Fault-Tolerant Strassen-Like Matrix Multiplication. 2022. arXiv 2210.04441.

    Examples
    --------
    >>> from sparsela.matmul import FaultTolerantProduct
    >>> code = FaultTolerantProduct(n_parity=0)
    >>> code.n_nodes, code.failure_counts[:4], code.decodable(["S1", "W7"]), code.decodable(["S3", "W5"])
    (14, (0, 0, 2, 40), True, False)
    """

    def __init__(
        self,
        schemes: Sequence[str | BilinearScheme] = ("strassen", "winograd"),
        *,
        n_parity: int = 2,
        parity: str | Sequence[Any] = "search",
        max_losses: int | None = None,
    ):
        self._schemes = _schemes(schemes)
        self.shape = self._schemes[0].shape
        pairs = [pair for scheme in self._schemes for pair in zip(scheme.u, scheme.v, strict=True)]
        names = _names(self._schemes)
        if isinstance(parity, str):
            if parity != "search":
                raise ValueError(f"parity must be 'search' or a sequence of (u, v), got {parity!r}")
            n_parity = check_count(n_parity, "n_parity", low=0)
            extra = relations.find_parity_products(pairs, n_parity) if n_parity else []
        else:
            extra = relations.check_products([*pairs, *parity])[len(pairs) :]
        names += [f"P{t + 1}" for t in range(len(extra))]
        self.nodes = tuple(Node(name, *pair) for name, pair in zip(names, [*pairs, *extra], strict=True))
        self.n_nodes = len(self.nodes)
        if max_losses is None and self.n_nodes > ENUMERABLE:
            raise ValueError(f"max_losses must be given for more than {ENUMERABLE} nodes, got {self.n_nodes} nodes")
        limit = self.n_nodes
        self._most = limit if max_losses is None else check_count(max_losses, "max_losses", low=0, high=limit)
        self.targets = relations.targets(self.shape)
        self._P = relations.stacked([node[1:] for node in self.nodes])
        self._system = relations.system_of(self._P, self.targets)
        self.relations = self._system.relations

    def __repr__(self) -> str:
        m, k, n = self.shape
        survives = "" if self.min_losses is None else f", any {self.min_losses - 1} may be lost"
        return f"FaultTolerantProduct(⟨{m},{k},{n}⟩, {self.n_nodes} nodes{survives})"

    @cached_property
    def failure_counts(self) -> tuple[int | None, ...]:
        counts = relations.failures(self._system, self._most)
        return (*counts, *[None] * (self.n_nodes - self._most))

    @cached_property
    def local_failure_counts(self) -> tuple[int | None, ...]:
        from sparsela._ext.loss_sets import count_peelable  # Numba: not at import

        M = self.n_nodes
        if M > ENUMERABLE:
            return (None,) * (M + 1)
        counts = count_peelable(self._masks, M, self._wanted, self._most)
        return (*[comb(M, k) - int(counts[k]) for k in range(self._most + 1)], *[None] * (M - self._most))

    @cached_property
    def _columns(self) -> dict[int, np.ndarray]:
        return {p: self._system.columns(p) for p in relations.PRIMES}

    @cached_property
    def _masks(self) -> np.ndarray:
        """Supports of the sparse relations among products and entries of C, which come after them, as bits."""
        rows = relations.sparse_relations(np.vstack([self._P, self.targets]), (-1, 1), LOCAL_TERMS)
        return (rows != 0).astype(np.int64) @ (np.int64(1) << np.arange(rows.shape[1]))

    @property
    def _wanted(self) -> int:
        return ((1 << len(self.targets)) - 1) << self.n_nodes

    @property
    def min_losses(self) -> int | None:
        return next((k for k, count in enumerate(self.failure_counts) if count), None)

    def decodable(self, lost: Sequence[int | str], *, method: str = "linear") -> bool:
        """Whether the product can be had without some nodes.

        Parameters
        ----------
        lost : sequence of int or str
            Their indices or names.
        method : {"linear", "local"}, default="linear"
            By any combination of the others; or repairing one product at a time, each by one relation of at most eight
            terms among products and entries of C, which needs fewer products to be moved and can do less.

        Returns
        -------
        bool
        """
        from sparsela._ext.loss_sets import may_lose, peel  # Numba: not at import

        places = np.array(self._places(lost), np.int64)
        if method == "local":
            if self.n_nodes + len(self.targets) > 62:
                raise ValueError(f"method 'local' takes up to {62 - len(self.targets)} nodes, got {self.n_nodes}")
            known = ((1 << self.n_nodes) - 1) & ~sum(1 << int(i) for i in places)
            return bool(peel(self._masks, known, self._wanted))
        if method != "linear":
            raise ValueError(f"method must be 'linear' or 'local', got {method!r}")
        rho, answer = len(self.relations), None
        for p, columns in self._columns.items():
            before, answer = answer, may_lose(columns, places, rho, p)
            if answer == before:
                break
        return bool(answer)

    def decoder(self, lost: Sequence[int | str] = ()) -> np.ndarray:
        """The entries of C from the products that are left.

        Parameters
        ----------
        lost : sequence of int or str, default=()
            Indices or names of lost nodes.

        Returns
        -------
        ndarray of shape (m n, n_nodes − number lost)
            D with ``vec C = D · products``, columns in the order of the nodes left; int64, or Fractions where it must
            be. Of small ℓ1 norm: large multipliers magnify rounding.

        Raises
        ------
        UndecodableError
            If they do not determine C.
        """
        places = self._places(lost)
        if not self.decodable(places):
            raise UndecodableError([self.nodes[i].name for i in places])
        left = np.setdiff1d(np.arange(self.n_nodes), places)
        D = np.array([_least_l1(self._P[left], target) for target in self.targets], dtype=object)
        return D.astype(np.int64) if all(x.denominator == 1 for x in D.flat) else D

    def failure_probability(self, p: Any) -> np.ndarray:
        """Probability that C cannot be decoded, when each node is lost with probability p, independently.

        Parameters
        ----------
        p : float or array_like
            In [0, 1].

        Returns
        -------
        float or ndarray
            ``Σ_k FC[k] p^k (1 − p)^(M − k)``; a set of more than `max_losses` lost nodes counts as a failure.
        """
        p = np.asarray(p, float)
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"p must lie in [0, 1], got {p}")
        M = self.n_nodes
        counts = [comb(M, k) if count is None else count for k, count in enumerate(self.failure_counts)]
        return sum(count * p**k * (1 - p) ** (M - k) for k, count in enumerate(counts))

    def submit(self, A: Any, B: Any) -> list[Callable[[], np.ndarray]]:
        """The product A B as tasks.

        Parameters
        ----------
        A : array of shape (rows, inner)
            Left factor; float32 and complex stay.
        B : array of shape (inner, columns)
            Right factor.

        Returns
        -------
        list of callables
            One a node, in their order; each forms its sums of blocks and returns their product. Their pickles hold the
            two sums, not A and B.
        """
        A, B = _operands(A, B)
        return [NodeTask(A, B, node.u, node.v, self.shape) for node in self.nodes]

    def decode(self, results: Mapping[int | str, np.ndarray], *, shape: tuple[int, int] | None = None) -> np.ndarray:
        """C from the results of some tasks.

        Parameters
        ----------
        results : dict
            What tasks returned, by index or name of their node.
        shape : (int, int) or None, default=None
            Rows and columns of C; None is those of the blocks, which sizes that do not divide make a little larger.

        Returns
        -------
        ndarray
            C.

        Raises
        ------
        UndecodableError
            If they do not determine C.
        """
        there = self._places(results)
        lost = sorted(set(range(self.n_nodes)) - set(there))
        D = self.decoder(lost)
        blocks = [block for _, block in sorted(zip(there, results.values(), strict=True), key=lambda pair: pair[0])]
        sizes = {block.shape for block in blocks}
        if len(sizes) != 1:
            raise ValueError(f"results must be blocks of one shape, got {sorted(sizes)}")
        p, s = blocks[0].shape
        m, _, n = self.shape
        rows, columns = (m * p, n * s) if shape is None else shape
        if not (0 <= rows <= m * p and 0 <= columns <= n * s):
            raise ValueError(f"shape must be at most {(m * p, n * s)}, got {shape}")
        C = np.empty((rows, columns), np.result_type(*blocks))
        for c, weights in enumerate(D):
            i, l = divmod(c, n)
            inside = C[i * p : (i + 1) * p, l * s : (l + 1) * s]
            inside[...] = 0
            for weight, block in zip(weights, blocks, strict=True):
                if weight:
                    inside += C.dtype.type(float(weight)) * block[: inside.shape[0], : inside.shape[1]]
        return C

    def _places(self, nodes: Sequence[int | str]) -> list[int]:
        if isinstance(nodes, (str, int)):
            raise TypeError(f"nodes must be a sequence of indices or names, got {nodes!r}")
        names = {node.name: i for i, node in enumerate(self.nodes)}
        places = []
        for node in nodes:
            if isinstance(node, str):
                if node not in names:
                    raise ValueError(f"nodes are called {', '.join(names)}, got {node!r}")
                places.append(names[node])
            else:
                places.append(check_count(node, "the index of a node", low=0, high=self.n_nodes - 1))
        if len(set(places)) < len(places):
            raise ValueError(f"each node may be named once, got {list(nodes)}")
        return places


class NodeTask:
    """One node at work: two sums of blocks, and their product."""

    def __init__(self, A, B, u, v, shape):
        self._given = (A, B, u, v, shape)

    def __call__(self) -> np.ndarray:
        left, right = self._sums()
        return left @ right

    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        if len(self._given) == 2:
            return self._given
        A, B, u, v, (m, k, n) = self._given
        return _block_sum(A, u, (m, k)), _block_sum(B, v, (k, n))

    def __getstate__(self) -> dict:
        return {"_given": self._sums()}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


def _block_sum(X: np.ndarray, weights: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Σ weights · blocks of X; blocks at the end may be shorter, what they miss counts as zero."""
    p, q = (-(-size // parts) for size, parts in zip(X.shape, grid, strict=True))
    total = np.zeros((p, q), X.dtype)
    for index in np.flatnonzero(weights):
        i, j = divmod(int(index), grid[1])
        block = X[i * p : (i + 1) * p, j * q : (j + 1) * q]
        inside = total[: block.shape[0], : block.shape[1]]
        if abs(weights[index]) == 1:
            (np.add if weights[index] > 0 else np.subtract)(inside, block, out=inside)
        else:
            inside += X.dtype.type(weights[index]) * block
    return total


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
    A, B = _operands(A, B)
    plan = _default() if plan is None else plan
    if not isinstance(plan, FaultTolerantProduct):
        raise TypeError(f"plan must be a FaultTolerantProduct, got {type(plan).__name__}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be positive, got {timeout!r}")
    missing = set(plan._places(lost))
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


def _operands(A, B) -> tuple[np.ndarray, np.ndarray]:
    A, B = check_matrix(A, "A", allow_complex=True), check_matrix(B, "B", allow_complex=True)
    if A.shape[1] != B.shape[0]:
        raise ValueError(f"A must have as many columns as B has rows, got shapes {A.shape} and {B.shape}")
    return A, B


def _schemes(schemes) -> list[BilinearScheme]:
    if isinstance(schemes, (str, BilinearScheme)):
        schemes = [schemes]
    found = [get_scheme(scheme) if isinstance(scheme, str) else scheme for scheme in schemes]
    if not found:
        raise ValueError("schemes must hold at least one scheme, got none")
    for scheme in found:
        if not isinstance(scheme, BilinearScheme):
            raise TypeError(f"schemes must be names or BilinearScheme, got {type(scheme).__name__}")
    if len({scheme.shape for scheme in found}) > 1:
        raise ValueError(f"schemes must have one shape, got {', '.join(str(scheme.shape) for scheme in found)}")
    return found


def _names(schemes: Sequence[BilinearScheme]) -> list[str]:
    """S1, S2, … of Strassen's products, W1, … of Winograd's; a prime for every scheme before with the same letter."""
    names, used = [], []
    for scheme in schemes:
        letter = (scheme.name or "x")[0].upper()
        letter = "X" if letter == "P" or not letter.isalpha() else letter
        mark = "′" * used.count(letter)
        used.append(letter)
        names += [f"{letter}{t + 1}{mark}" for t in range(scheme.rank)]
    return names


def _least_l1(P: np.ndarray, target: np.ndarray) -> list[Fraction]:
    """Weights of least ℓ1 norm with ``weights · P = target``: the support by a linear program, then exactly."""
    M = len(P)
    A = np.hstack([P.T, -P.T])
    found = linprog(np.ones(2 * M), A_eq=A, b_eq=target, method="highs")
    support = np.flatnonzero(np.abs(found.x[:M] - found.x[M:]) > 1e-9) if found.success else np.arange(M)
    weights = [Fraction(0)] * M
    try:
        exact = relations.solve(P[support], target[None])[0]
    except ValueError:  # the program's support is not quite one: any solution
        support, exact = np.arange(M), relations.solve(P, target[None])[0]
    for i, weight in zip(support, exact, strict=True):
        weights[i] = weight
    return weights
