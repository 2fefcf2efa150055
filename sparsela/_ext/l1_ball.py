"""The soft threshold that projects onto the ℓ1 ball: Condat's pivot search (Mathematical Programming, 2016; Numba).

Contract: s 1-D, contiguous, float32 or float64, finite and ≥ 0; tau ≥ 0. Returns θ ≥ 0 with Σ (s − θ)₊ = tau, 0 where
Σ s ≤ tau. O(n) expected, one array of n doubles. Branches on every element: Numba. Called by _core.projections.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def threshold(s, tau):
    total = 0.0
    largest = 0.0
    for x in s:
        total += x
        largest = max(largest, x)
    if total <= tau:
        return 0.0
    if tau <= 0.0:
        return largest

    # One pass keeps, at the front, a set whose mean excess over tau is the pivot; when one element alone puts the pivot
    # higher, the set is laid aside (at the back of it) and begins again.
    kept = np.empty(s.size)
    aside = 0
    n = 1  # kept[aside : aside + n] is the set
    kept[0] = s[0]
    pivot = s[0] - tau
    for i in range(1, s.size):
        x = s[i]
        if x > pivot:
            pivot += (x - pivot) / (n + 1)
            if pivot > x - tau:
                kept[aside + n] = x
                n += 1
            else:
                aside += n
                n = 1
                kept[aside] = x
                pivot = x - tau
    # what was laid aside comes back where it is above the pivot
    start = aside
    for i in range(aside - 1, -1, -1):
        x = kept[i]
        if x > pivot:
            start -= 1
            kept[start] = x
            n += 1
            pivot += (x - pivot) / n
    # elements at or below the pivot leave, which raises it, until none does
    for i in range(n):
        kept[i] = kept[start + i]
    changed = True
    while changed:
        m = 0
        total = 0.0
        for i in range(n):
            if kept[i] > pivot:
                kept[m] = kept[i]
                total += kept[i]
                m += 1
        if m == 0:  # tau is lost in the rounding of the largest
            return largest
        changed = m < n
        n = m
        pivot = (total - tau) / n
    return pivot
