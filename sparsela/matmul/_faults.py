"""Matrix products that survive the loss of workers: products of several schemes, and parities, as one code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Any

import numpy as np
from scipy.optimize import linprog

from sparsela._core.validation import check_count
from sparsela.matmul import _relations as relations
from sparsela.matmul._catalogue import get_scheme
from sparsela.matmul._relations import Node
from sparsela.matmul._scheme import BilinearScheme
from sparsela.matmul._tasks import NodeTask, check_operands

ENUMERABLE = 24  # nodes up to which all sets of losses are counted
LOCAL_TERMS = 8  # of the relations that local repair uses


class UndecodableError(ValueError):
    """Too many nodes, or the wrong ones, were lost: what is left does not determine the product.

    Parameters
    ----------
    lost : sequence of str
        Names of the nodes.

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
    modulo primes of 31 bits, two of which must agree, and depth first: all subsets of a set that may be lost may be.
    Strassen's and Winograd's products together cost 14 instead of 7, and only 2 of 91 pairs may not be lost; two
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

        places = np.array(self.places(lost), np.int64)
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
        places = self.places(lost)
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
        A, B = check_operands(A, B)
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
        there = self.places(results)
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

    def places(self, nodes: Sequence[int | str]) -> list[int]:
        """Indices of nodes that are named or numbered, each once."""
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
