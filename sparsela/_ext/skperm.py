"""k disjoint permutation patterns of least cost: a flow on the complete bipartite graph, each edge used once at most.

Successive shortest paths with potentials: k n augmentations, each a dense Dijkstra search of O(n²), so O(k n³) at worst
and O(n²) memory. Numba: a branchy search without BLAS. Called by transforms._sets_counted.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def skperm_pattern(cost: np.ndarray, k: int) -> np.ndarray:
    """Where a boolean matrix with k ones in every row and column has least total cost (float64, n × n, 1 ≤ k ≤ n)."""
    n = cost.shape[0]
    used = np.zeros((n, n), np.bool_)
    load = np.zeros(n, np.int64)  # ones in a column
    rows_of = np.empty((n, k), np.int64)  # the rows that use a column
    row_potential = np.zeros(n)
    column_potential = np.empty(n)
    for j in range(n):
        column_potential[j] = cost[:, j].min()
    to_row, to_column = np.empty(n), np.empty(n)  # distances from the row that is served
    row_from, column_from = np.empty(n, np.int64), np.empty(n, np.int64)
    row_done, column_done = np.empty(n, np.bool_), np.empty(n, np.bool_)
    # Row by row, not permutation by permutation: among equal costs the lowest columns then go to the first rows, which
    # is the pattern of 2 × 2 blocks that Hadamard matrices need.
    for source in range(n):
        for _turn in range(k):
            to_row[:], to_column[:] = np.inf, np.inf
            row_done[:], column_done[:] = False, False
            to_row[source] = 0.0
            row_from[source] = -1
            row, sink = source, -1
            while True:
                # a row is settled: relax the columns that it does not use
                row_done[row] = True
                base = to_row[row] + row_potential[row]
                for j in range(n):
                    if not column_done[j] and not used[row, j]:
                        distance = base + cost[row, j] - column_potential[j]
                        if distance < to_column[j]:
                            to_column[j], column_from[j] = distance, row
                # settle columns until a sink is reached, or a row is the nearest
                row = -1
                while row < 0:
                    nearest, column = np.inf, -1
                    for j in range(n):
                        if not column_done[j] and to_column[j] < nearest:
                            nearest, column = to_column[j], j
                    for i in range(n):
                        if not row_done[i] and to_row[i] < nearest:
                            nearest, row = to_row[i], i
                    if row >= 0:
                        break
                    column_done[column] = True
                    if load[column] < k:
                        sink = column
                        break
                    for e in range(load[column]):
                        i = rows_of[column, e]
                        if not row_done[i]:
                            step = column_potential[column] - cost[i, column] - row_potential[i]
                            distance = to_column[column] + max(step, 0.0)
                            if distance < to_row[i]:
                                to_row[i], row_from[i] = distance, column
                if sink >= 0:
                    break
            limit = to_column[sink]
            for i in range(n):
                row_potential[i] += min(to_row[i], limit)
                column_potential[i] += min(to_column[i], limit)
            column = sink
            while True:  # turn the path: its last edge is new, the one before it is given up, ...
                row = column_from[column]
                used[row, column] = True
                rows_of[column, load[column]] = row
                load[column] += 1
                column = row_from[row]
                if column < 0:
                    break
                used[row, column] = False
                for e in range(load[column]):
                    if rows_of[column, e] == row:
                        load[column] -= 1
                        rows_of[column, e] = rows_of[column, load[column]]
                        break
    return used
