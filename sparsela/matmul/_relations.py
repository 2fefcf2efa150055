"""Linear relations among products of sums: what makes a product computable from others. All arithmetic is exact."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from math import comb, gcd, lcm
from typing import Any, NamedTuple

import numpy as np

from sparsela._core.validation import check_count

PRIMES = (2147483647, 2147483629, 2147483587, 2147483579, 2147483563, 2147483549)
MOST_CANDIDATES = 1 << 21  # products of ternary sums that are looked at one by one
BEAM = 48  # partial sets of parity products that are carried on


class Node(NamedTuple):
    """One product ``(u · vec A)(v · vec B)``."""

    name: str
    u: np.ndarray
    v: np.ndarray


class System(NamedTuple):
    """The relations among nodes and one way to decode the targets: ``relations @ P = 0``, ``decoder @ P = targets``."""

    relations: np.ndarray  # (rho, M) ints
    decoder: np.ndarray  # (t, M) ints, each row over a scale that does not matter here

    def columns(self, p: int) -> np.ndarray:
        """What :mod:`sparsela._ext.loss_sets` takes."""
        stacked = np.vstack([self.relations, self.decoder]) % p
        return np.ascontiguousarray(stacked.T.astype(np.int64))


def find_check_relations(
    products: Sequence[Any], *, coefficients: Sequence[int] = (-1, 0, 1), max_terms: int = 8
) -> np.ndarray:
    """All sparse relations among products: combinations of few of them that vanish for every A and B.

    Parameters
    ----------
    products : sequence of (u, v)
        Coefficients of the entries of A and of B in each product, ints, or nodes of a :class:`FaultTolerantProduct`.
    coefficients : sequence of int, default=(-1, 0, 1)
        Which weights a product may have in a relation.
    max_terms : int, default=8
        Most products in a relation.

    Returns
    -------
    ndarray of int64 of shape (n_relations, n_products)
        One relation a row, ``Σ_i c_i (u_i · vec A)(v_i · vec B) = 0``, its first weight positive, those of few terms
        first. Only minimal ones: no relation has its support inside that of another.

    Raises
    ------
    TypeError, ValueError
        If products are not pairs of vectors of ints, of one length each.

    See Also
    --------
    FaultTolerantProduct : Uses them to repair lost products.

    Notes
    -----
    Meets in the middle: sums of at most half as many terms are tabulated by their value, and two of equal value are the
    halves of a relation. ``O(C(n, h) c^h)`` for n products, c weights and h = ⌈max_terms / 2⌉.

    References
    ----------
    S. Güney, S. Arslan. Fault-Tolerant Strassen-Like Matrix Multiplication. 2022. arXiv 2210.04441.

    Examples
    --------
    >>> from sparsela.matmul import find_check_relations, get_scheme
    >>> strassen, winograd = get_scheme("strassen"), get_scheme("winograd")
    >>> find_check_relations([*zip(strassen.u, strassen.v), *zip(winograd.u, winograd.v)]).shape[1]
    14
    """
    P = stacked(check_products(products))
    weights = sorted({int(c) for c in coefficients} - {0})
    if not weights:
        raise ValueError(f"coefficients must hold a number that is not zero, got {tuple(coefficients)}")
    return sparse_relations(P, weights, check_count(max_terms, "max_terms"))


def sparse_relations(P: np.ndarray, weights: Sequence[int], max_terms: int) -> np.ndarray:
    """Minimal relations among the rows of P with few terms and the given weights."""
    M = len(P)
    most = min(max_terms, M)
    half = -(-most // 2)
    by_value: dict[bytes, list[tuple[tuple[int, ...], tuple[int, ...]]]] = {}
    for size in range(half + 1):
        for support in combinations(range(M), size):
            for signs in product(weights, repeat=size):
                value = np.array(signs, np.int64) @ P[list(support)] if size else np.zeros(P.shape[1], np.int64)
                by_value.setdefault(value.tobytes(), []).append((support, signs))
    found = {}
    for value, sums in by_value.items():
        opposite = by_value.get((-np.frombuffer(value, np.int64)).tobytes(), [])
        for support, signs in sums:
            for other, more in opposite:
                # every relation splits with its first terms on this side: so it is met once
                size = len(support) + len(other)
                if not size or size > most or len(support) != -(-size // 2) or (other and support[-1] >= other[0]):
                    continue
                row = np.zeros(M, np.int64)
                row[[*support, *other]] = [*signs, *more]
                row *= np.sign(row[support[0]])
                found[row.tobytes()] = row
    rows = sorted(found.values(), key=lambda row: (np.count_nonzero(row), tuple(np.flatnonzero(row)), tuple(row)))
    minimal = [row for row in rows if len(echelon(P[row != 0])[1]) == np.count_nonzero(row) - 1]
    return np.array(minimal, np.int64).reshape(-1, M)


def find_parity_products(
    products: Sequence[Any], n_parity: int, *, losses: int = 3
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Products that, computed besides those of a scheme, protect it best against the loss of some.

    Parameters
    ----------
    products : sequence of (u, v)
        As in :func:`find_check_relations`; they must suffice to multiply 2 × 2 matrices, or those of the shape that
        their lengths tell.
    n_parity : int
        How many to add.
    losses : int, default=3
        Sets of up to so many lost products are counted.

    Returns
    -------
    list of (u, v)
        Ternary coefficients. Together they leave as few sets undecodable as the search found: first of one lost
        product, then of two, and so on to `losses`; among equals the fewest additions.

    Raises
    ------
    ValueError
        If the lengths of u and v fit no shape, or the products do not suffice to multiply.

    Notes
    -----
    Only a product that the others can express brings a relation. Of all ternary ones (1,600 up to sign for 2 × 2) those
    are kept, and sets of them are grown one by one, the best 48 of each size carried on. Where there are more than two
    million, sums and differences of those in use are looked at instead.

    References
    ----------
    S. Güney, S. Arslan. Fault-Tolerant Strassen-Like Matrix Multiplication. 2022. arXiv 2210.04441.

    Examples
    --------
    >>> from sparsela.matmul import find_parity_products, get_scheme
    >>> strassen, winograd = get_scheme("strassen"), get_scheme("winograd")
    >>> [(u.tolist(), v.tolist()) for u, v in
    ...  find_parity_products([*zip(strassen.u, strassen.v), *zip(winograd.u, winograd.v)], 1)]
    [([0, 0, 1, -1], [0, 1, 0, -1])]
    """
    pairs = check_products(products)
    n_parity, losses = check_count(n_parity, "n_parity", low=0), check_count(losses, "losses")
    shape = shape_of(pairs)
    base = system_of(stacked(pairs), targets(shape))
    candidates = _expressible(pairs)
    beam = [((), base)]
    for _ in range(n_parity):
        grown = []
        for chosen, system in beam:
            for c in range(chosen[-1] + 1 if chosen else 0, len(candidates)):
                grown.append(((*chosen, c), extended(system, candidates[c][1])))
        if not grown:
            raise ValueError(f"n_parity must be at most {len(candidates)}, the ternary products these express")
        counts = [failures(system, losses)[1:] for _, system in grown]
        weight = [sum(candidates[c][2] for c in chosen) for chosen, _ in grown]
        order = sorted(range(len(grown)), key=lambda g: (counts[g], weight[g], grown[g][0]))
        beam = [grown[g] for g in order[:BEAM]]
    return [candidates[c][0] for c in beam[0][0]]


def _expressible(pairs):
    """Ternary products in the span of others: their (u, v), a relation that has weight on them, their non-zeros."""
    P = stacked(pairs)
    left, right = (_sums([pair[side] for pair in pairs], len(pairs[0][1 - side])) for side in (0, 1))
    basis, pivots = echelon(P)
    free = np.setdiff1d(np.arange(P.shape[1]), pivots)
    scale = lcm(1, *(x.denominator for row in basis for x in row))
    B = np.array([[int(x * scale) for x in row] for row in basis], np.int64)
    kept = []
    for u in left:
        flat = np.multiply.outer(right, u).swapaxes(1, 2).reshape(len(right), -1)  # u ⊗ v for each v
        inside = (scale * flat[:, free] == flat[:, pivots] @ B[:, free]).all(axis=1)
        kept += [(u, right[r], flat[r]) for r in np.flatnonzero(inside)]
    found = []
    for u, v, flat in kept:
        relation = nullspace(np.vstack([P, flat]))[-1]
        found.append(((u, v), relation, int(np.count_nonzero(u) + np.count_nonzero(v))))
    return found


def _sums(used: Sequence[np.ndarray], other: int) -> np.ndarray:
    """Ternary vectors up to sign: all of them, or those made of two in use."""
    size = len(used[0])
    if 3 ** (size + other) <= 4 * MOST_CANDIDATES:
        everything = np.array(list(product((0, 1, -1), repeat=size)), np.int64)[1:]
    else:
        U = np.unique([row * (-1) ** i for row in used for i in (0, 1)], axis=0)
        everything = np.vstack([U, (U[:, None] + U).reshape(-1, size)])
        everything = np.unique(everything[(np.abs(everything) <= 1).all(axis=1) & everything.any(axis=1)], axis=0)
    first = everything[np.arange(len(everything)), (everything != 0).argmax(axis=1)]
    return everything[first > 0]


def extended(system: System, relation: np.ndarray) -> System:
    """The system with one more node, which a relation with the first ones expresses."""
    M = system.decoder.shape[1]
    row = np.zeros(M + 1, np.int64)
    row[: len(relation) - 1], row[M] = relation[:-1], relation[-1]
    wider = [np.pad(part, ((0, 0), (0, 1))) for part in system]
    return System(np.vstack([wider[0], row]), wider[1])


def system_of(P: np.ndarray, Q: np.ndarray) -> System:
    """Relations among the rows of P, and Q in terms of them; ValueError if Q is not."""
    return System(nullspace(P), *[scaled(solve(P, Q))[0]])


def failures(system: System, most: int) -> list[int]:
    """Number of sets of 0, 1, …, most lost nodes that cannot be decoded."""
    from sparsela._ext.loss_sets import count_decodable  # Numba: not at import

    rho, M = system.relations.shape
    most, before = min(most, M), None
    for p in PRIMES:  # an unlucky prime divides a minor: two must agree
        counts = count_decodable(system.columns(p), rho, most, p)
        if before is not None and (counts == before).all():
            break
        before = counts
    return [comb(M, k) - int(counts[k]) for k in range(most + 1)]


def targets(shape: tuple[int, int, int]) -> np.ndarray:
    """The entries of C as forms in a_i b_j, one a row."""
    m, k, n = shape
    Q = np.zeros((m, n, m, k, k, n), np.int64)
    for i, l, j in product(range(m), range(n), range(k)):
        Q[i, l, i, j, j, l] = 1
    return Q.reshape(m * n, -1)


def shape_of(pairs) -> tuple[int, int, int]:
    """(m, k, n) whose u and v have these lengths and whose C the products can form."""
    left, right = len(pairs[0][0]), len(pairs[0][1])
    for k in range(1, min(left, right) + 1):
        if left % k == 0 and right % k == 0:
            shape = (left // k, k, right // k)
            try:
                solve(stacked(pairs), targets(shape))
            except ValueError:
                continue
            return shape
    raise ValueError(f"products of u with {left} and v with {right} entries must suffice to multiply two matrices")


def stacked(pairs) -> np.ndarray:
    """u ⊗ v of every product, one a row."""
    return np.array([np.outer(u, v).ravel() for u, v in pairs], np.int64)


def check_products(products: Sequence[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs (u, v) of vectors of ints."""
    pairs = []
    for i, given in enumerate(products):
        if len(given) < 2:
            raise ValueError(f"products[{i}] must be a pair (u, v), got {given!r}")
        pair = tuple(np.asarray(side) for side in given[-2:])
        if any(side.dtype.kind not in "iu" for side in pair):
            raise TypeError(f"products[{i}] must be a pair of vectors of ints, got {given!r}")
        if any(side.ndim != 1 or not side.any() for side in pair):
            raise ValueError(f"products[{i}] must be a pair of vectors that are not zero, got {given!r}")
        pairs.append(tuple(side.astype(np.int64) for side in pair))
    if not pairs:
        raise ValueError("products must hold at least one pair (u, v), got none")
    lengths = {tuple(map(len, pair)) for pair in pairs}
    if len(lengths) > 1:
        raise ValueError(f"products must have u of one length and v of one length, got {sorted(lengths)}")
    return pairs


def echelon(P: np.ndarray) -> tuple[list[list[Fraction]], list[int]]:
    """The reduced row echelon form, without zero rows, and its pivots."""
    rows, pivots = [[Fraction(int(x)) for x in row] for row in P], []
    for column in range(P.shape[1]):
        r = len(pivots)
        at = next((i for i in range(r, len(rows)) if rows[i][column]), None)
        if at is None:
            continue
        rows[r], rows[at] = rows[at], rows[r]
        rows[r] = [x / rows[r][column] for x in rows[r]]
        for i in range(len(rows)):
            if i != r and rows[i][column]:
                f = rows[i][column]
                rows[i] = [x - f * y if y else x for x, y in zip(rows[i], rows[r], strict=True)]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def nullspace(P: np.ndarray) -> np.ndarray:
    """Independent integer rows N with ``N P = 0``, all there are; if any has weight on the last of P, the last."""
    rows, pivots = echelon(P.T)
    M = len(P)
    out = []
    for free in sorted(set(range(M)) - set(pivots)):
        solution = [Fraction(0)] * M
        solution[free] = Fraction(1)
        for row, pivot in zip(rows, pivots, strict=True):
            solution[pivot] = -row[free]
        out.append(solution)
    return scaled(out)[0] if out else np.zeros((0, M), np.int64)


def solve(P: np.ndarray, Q: np.ndarray) -> list[list[Fraction]]:
    """D with ``D P = Q``, zero on rows of P that depend on earlier ones; ValueError if there is none."""
    M = len(P)
    rows, pivots = echelon(np.hstack([P.T, Q.T]))
    if pivots and pivots[-1] >= M:
        raise ValueError("the products do not suffice to form the targets")
    D = [[Fraction(0)] * M for _ in Q]
    for row, pivot in zip(rows, pivots, strict=True):
        for t in range(len(Q)):
            D[t][pivot] = row[M + t]
    return D


def scaled(rows: list[list[Fraction]]) -> tuple[np.ndarray, list[Fraction]]:
    """Each row as coprime ints, and what to multiply them by."""
    out, scales = [], []
    for row in rows:
        d = lcm(1, *(x.denominator for x in row))
        ints = [int(x * d) for x in row]
        g = gcd(*ints) or 1
        out.append([x // g for x in ints])
        scales.append(Fraction(g, d))
    return np.array(out, np.int64), scales
