"""Selection of the largest numbers of each of many segments of an array (Numba).

Contract: sizes (n,) not negative and without NaN; starts (s + 1,) int64 from 0 to n, not falling; counts (s,) int64,
not negative; keep (n,) bool, all False at entry. Ties go to the lowest index. O(n) expected. Called by nn._pruning.
"""

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy", nogil=True)
def keep_largest(sizes, starts, counts, keep):
    """Mark the counts[s] largest of ``sizes[starts[s]:starts[s + 1]]``, or all where there are no more than that."""
    for s in range(len(counts)):
        low, high = starts[s], starts[s + 1]
        wanted, there = counts[s], high - low
        if wanted >= there:
            keep[low:high] = True
            continue
        if wanted == 0:
            continue
        least = np.partition(sizes[low:high], there - wanted)[there - wanted]
        for k in range(low, high):
            if sizes[k] > least:
                keep[k] = True
                wanted -= 1
        for k in range(low, high):
            if wanted > 0 and sizes[k] == least:
                keep[k] = True
                wanted -= 1
