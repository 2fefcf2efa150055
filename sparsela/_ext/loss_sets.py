"""Which losses of nodes leave the targets decodable (Numba).

Contract: columns (M, rho + t) int64 in 0 .. p - 1, p a prime below 2³¹: column j holds what node j has in rho
independent relations and, behind it, in one decoder of the t targets. A set of nodes may be lost iff every combination
of its columns that vanishes in the relations vanishes in the decoder too: then relations repair the decoder. Such sets
are closed under taking subsets, so only they are walked, depth first. Called by matmul._faults and _relations.
"""

import numpy as np
from numba import njit

LOOP = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(**LOOP)
def inverse(a, p):
    """a⁻¹ modulo p, by Fermat."""
    result, e = np.int64(1), p - 2
    while e > 0:
        if e & 1:
            result = result * a % p
        a = a * a % p
        e >>= 1
    return result


@njit(**LOOP)
def add(column, basis, pivots, depth, rho, p):
    """Reduce a column by the first `depth` of the basis into place `depth`; False if the targets are lost with it.

    The pivot is −1 where the column depends on those before it.
    """
    v = basis[depth]
    v[:] = column
    for e in range(depth):
        if pivots[e] >= 0 and v[pivots[e]]:
            f = p - v[pivots[e]]
            for i in range(len(v)):
                v[i] = (v[i] + f * basis[e, i]) % p
    pivots[depth] = -1
    for i in range(rho):
        if v[i]:
            f = inverse(v[i], p)
            for l in range(len(v)):
                v[l] = v[l] * f % p
            pivots[depth] = i
            return True
    lost = False
    for i in range(rho, len(v)):
        lost |= v[i] != 0
    return not lost


@njit(**LOOP)
def may_lose(columns, lost, rho, p):
    """Whether the nodes `lost` may be lost together."""
    basis = np.empty((len(lost), columns.shape[1]), np.int64)
    pivots = np.empty(len(lost), np.int64)
    depth = 0
    while depth < len(lost) and add(columns[lost[depth]], basis, pivots, depth, rho, p):
        depth += 1
    return depth == len(lost)


@njit(**LOOP)
def count_decodable(columns, rho, most, p):
    """How many sets of 0, 1, …, `most` nodes may be lost."""
    M = len(columns)
    counts = np.zeros(most + 1, np.int64)
    counts[0] = 1
    basis = np.empty((most, columns.shape[1]), np.int64)
    pivots = np.empty(most, np.int64)
    chosen = np.empty(most, np.int64)
    depth, node = 0, 0
    while True:
        if depth == most or node == M:
            depth -= 1
            if depth < 0:
                return counts
            node = chosen[depth] + 1
            continue
        if add(columns[node], basis, pivots, depth, rho, p):
            chosen[depth] = node
            depth += 1
            counts[depth] += 1
        node += 1


@njit(**LOOP)
def peel(relations, known, wanted):
    """Grow the set of known items, a mask, by relations with one unknown left; whether it has the wanted ones then."""
    grew = True
    while grew and known & wanted != wanted:
        grew = False
        for mask in relations:
            unknown = mask & ~known
            if unknown and not unknown & (unknown - 1):
                known |= unknown
                grew = True
    return known & wanted == wanted


@njit(**LOOP)
def count_peelable(relations, M, wanted, most):
    """How many sets of 0, 1, …, `most` of the first M items may be lost when relations are used one at a time."""
    counts = np.zeros(most + 1, np.int64)
    everything = (np.int64(1) << M) - 1
    for lost in range(1 << M):
        size, rest = 0, lost
        while rest:
            rest &= rest - 1
            size += 1
        if size <= most and peel(relations, everything & ~lost, wanted):
            counts[size] += 1
    return counts
