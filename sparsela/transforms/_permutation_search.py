"""Find the orders of rows and columns in which a matrix is a dyadic butterfly, level by level, from the matrix alone.

A butterfly of order N is a first factor of 2 × 2 blocks times two butterflies of order N/2 side by side: its rows come
in pairs that have rank one on each half of the columns. Given one pair, the halves are the two clusters of its column
ratios; given the halves, the pairs are the rows that are parallel on both. What is left over is two matrices of half
the order. No descent and no start: an exact butterfly is found exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparsela._ext import pairing

CANDIDATES = 4  # partners of the reference row that are tried in full
EXACT = 1e-20  # of ‖B‖²: nothing better need be looked for
FITS, FAR_BETTER = 4, 100  # times the squared error: no reason to look further; reason to leave the common order


@dataclass(frozen=True)
class Search:
    """What was found: A = Π_1 K_1 Π_2 K_2 … Π_J K_J Q.

    `values[ℓ]` are those of K_{ℓ+1}, of pattern (2^ℓ, 2, 2, N / 2^{ℓ+1}). Row i of block h of level ℓ of K is row
    `orders[ℓ][h, i]` of that block, and column k of the last factor is column `columns[k]` of A.
    """

    values: list[np.ndarray]
    orders: list[np.ndarray]
    columns: np.ndarray

    @property
    def consistent(self) -> bool:
        """Whether the blocks of a level share one order: then all orders together are one permutation of the rows."""
        return all((order == order[0]).all() for order in self.orders)

    @property
    def rows(self) -> np.ndarray:
        """That permutation p, so that A[p][:, columns] is a butterfly."""
        p = np.arange(self.orders[0].size)
        for order in self.orders:
            p = p.reshape(len(order), -1)[:, order[0]].ravel()
        return p


def search_permutations(A: np.ndarray) -> Search:
    """Orders of rows and columns, and values, for a square A of order 2ᴶ ≥ 2; A is scaled so that nothing overflows.

    O(N² log N) for the columns and N³ for the rows (one matrix product a candidate); the blocks of a level try the
    row pairs of the largest among them first, and look for their own only where those do not fit.
    """
    N = len(A)
    blocks, columns = A[None], np.arange(N)[None]
    values, orders = [], []
    while blocks.shape[1] > 2:
        pairs, second = _pair_up(blocks)
        n_blocks, half = len(blocks), blocks.shape[1] // 2
        u, v, _ = _split_rows(blocks, pairs, second)
        # u (block, half of the columns, pair, row of the pair)
        values.append(np.ascontiguousarray(u.transpose(0, 2, 3, 1)))
        orders.append(pairs.transpose(0, 2, 1).reshape(n_blocks, 2 * half))
        blocks = v.reshape(2 * n_blocks, half, half)
        columns = np.take_along_axis(columns, np.argsort(second, axis=1, kind="stable"), axis=1).reshape(-1, half)
    values.append(blocks[:, None])
    orders.append(np.tile(np.arange(2), (len(blocks), 1)))
    return Search(values, orders, columns.ravel())


def _pair_up(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row pairs (n_blocks, N'/2, 2) and the half of every column (n_blocks, N'), for the blocks of one level."""
    energy = _energy(blocks, (1, 2))
    lead = int(energy.argmax())
    pairs, _, error = _search_block(blocks[lead], energy[lead])
    shared = _share(blocks, pairs)
    allowed = energy * max(EXACT, FITS * error / max(energy[lead], np.finfo(float).tiny))
    for h in np.argsort(allowed - shared.errors)[:CANDIDATES]:
        if shared.errors[h] > allowed[h]:
            other = _share(blocks, _search_block(blocks[h], energy[h])[0])
            shared = min(shared, other, key=lambda found: found.errors.sum())
    # A block leaves the common order only for one that fits far better: what is better by chance, in noise, would tear
    # the levels apart.
    pairs, second = np.repeat(shared.pairs[None], len(blocks), axis=0), shared.second
    for h in np.flatnonzero(shared.errors > allowed):
        own_pairs, own_second, own_error = _search_block(blocks[h], energy[h])
        if own_error < shared.errors[h] / FAR_BETTER:
            pairs[h], second[h] = own_pairs, own_second
    return pairs, second


@dataclass(frozen=True)
class _Shared:
    pairs: np.ndarray  # (N'/2, 2), for all blocks
    second: np.ndarray  # (n_blocks, N')
    errors: np.ndarray  # (n_blocks,), squared


def _share(blocks: np.ndarray, pairs: np.ndarray) -> _Shared:
    """All blocks of a level with the same pairs of rows, each with the halves that its longest row asks for."""
    partner = np.empty(blocks.shape[1], int)
    partner[pairs[:, 0]], partner[pairs[:, 1]] = pairs[:, 1], pairs[:, 0]
    second = np.empty((len(blocks), blocks.shape[1]), bool)
    for h, block in enumerate(blocks):
        x = _longest_row(block)
        pairing.halve(block[x], block[partner[x]], second[h])
    errors = _split_rows(blocks, np.repeat(pairs[None], len(blocks), axis=0), second)[2]
    return _Shared(pairs, second, errors)


def _search_block(B: np.ndarray, energy: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Pairs of rows, halves of the columns and the squared error of the best of a few partners of the longest row."""
    N = len(B)
    reference, costs = _longest_row(B), np.empty(N)
    pairing.partner_costs(B, reference, costs)
    tries = np.argsort(costs, kind="stable")[: min(CANDIDATES, N - 1)]
    best = None
    for partner in tries:
        second, pairs = np.empty(N, bool), np.empty((N // 2, 2), int)
        pairing.halve(B[reference], B[partner], second)
        likeness = np.ones((N, N), B.real.dtype)
        for side in (~second, second):
            X = B[:, side]
            lengths = np.linalg.norm(X, axis=1, keepdims=True)
            X = np.divide(X, lengths, out=np.zeros_like(X), where=lengths > 0)
            likeness *= np.abs(X @ X.conj().T)
        pairing.greedy_matching(np.maximum(likeness, likeness.T), pairs)
        error = float(_split_rows(B[None], pairs[None], second[None])[2][0])
        if best is None or error < best[2]:
            best = pairs, second, error
        if error <= EXACT * energy:
            break
    return best


def _split_rows(blocks: np.ndarray, pairs: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best rank-one u vᴴ of every pair of rows on every half, and the squared error of each block.

    u (n_blocks, 2, N'/2, 2) of unit length, v (n_blocks, 2, N'/2, N'/2).
    """
    n_blocks, N, _ = blocks.shape
    order = np.argsort(second, axis=1, kind="stable")
    sorted_columns = np.take_along_axis(blocks, order[:, None, :], axis=2)
    h = np.arange(n_blocks)[:, None]
    x, y = (sorted_columns[h, pairs[:, :, i]].reshape(n_blocks, N // 2, 2, N // 2).swapaxes(1, 2) for i in (0, 1))
    xx, yy = _energy(x, -1), _energy(y, -1)
    xy = np.einsum("...k,...k->...", x, y.conj())
    # the leading eigenvector of [[xx, xy], [xy*, yy]], from the side that does not cancel
    gap = (xx - yy) / 2
    root = np.hypot(gap, np.abs(xy))
    u = np.where((gap >= 0)[..., None], np.stack([root + gap, xy.conj()], -1), np.stack([xy, root - gap], -1))
    lengths = np.linalg.norm(u, axis=-1, keepdims=True)
    u = np.divide(u, lengths, out=np.zeros_like(u), where=lengths > 0)
    u[..., 0][lengths[..., 0] == 0] = 1
    u = u.astype(blocks.dtype, copy=False)
    v = u[..., :1].conj() * x + u[..., 1:].conj() * y
    missed = u[..., :1] * y - u[..., 1:] * x
    return u, v, _energy(missed, -1).sum(axis=(1, 2))


def _longest_row(B: np.ndarray) -> int:
    return int(_energy(B, 1).argmax())


def _energy(X: np.ndarray, axis) -> np.ndarray:
    squares = np.square(X.real)
    if np.iscomplexobj(X):
        squares += np.square(X.imag)
    return squares.sum(axis=axis, dtype=np.float64)
