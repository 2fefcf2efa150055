"""Terms of linear forms that existing values express shorter (Numba).

Contract: as in ``additions.py``, after its greedy part: steps (i, j, minus) over the inputs, and the forms as lists of
signed variables. Values are compared by a linear hash (Σ x_v R_v mod 2⁶⁴), so that a sum of values is a sum of hashes;
the caller compares what comes out with the forms, exactly. O(variables + terms²) a term less. Branchy integer code
without BLAS: Numba. Called by additions.
"""

import numpy as np
from numba import njit

_M1 = np.uint64(0xBF58476D1CE4E5B9)
_ONE = np.uint64(1)

_options = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_options)
def _find(table, slot, h):
    # The variable of this hash and 1, or of its negative and −1, or (−1, 0).
    mask = np.uint64(table.size - 1)
    for turn in range(2):
        x = h if turn == 0 else np.uint64(0) - h
        at = (x * _M1) >> np.uint64(40) & mask
        while slot[at] >= 0:
            if table[at] == x:
                return slot[at], 1 - 2 * turn
            at = (at + _ONE) & mask
    return -1, 0


@njit(**_options)
def _store(table, slot, h, v):
    mask = np.uint64(table.size - 1)
    at = (h * _M1) >> np.uint64(40) & mask
    while slot[at] >= 0:
        if table[at] == h:
            return
        at = (at + _ONE) & mask
    table[at], slot[at] = h, v


@njit(**_options)
def cancel(q, n_steps, sign, terms, length, steps, value, table, slot, order):
    """Terms of a form that existing values, of steps and of forms done before, say shorter; the additions left.

    Forms are taken from the shortest on. A form of more than one term becomes a chain of steps, so that later forms may
    use it and its partial sums.
    """
    p = length.size
    slot[:] = -1
    for v in range(q):
        _store(table, slot, value[v], v)
    for r in range(n_steps):
        i, j = steps[r, 0], steps[r, 1]
        value[q + r] = value[i] - value[j] if steps[r, 2] else value[i] + value[j]
        _store(table, slot, value[q + r], q + r)
    capacity = sign.shape[1]
    for e in range(p):
        order[e] = e
    for e in range(1, p):  # by length, ties by index
        x = order[e]
        t = e - 1
        while t >= 0 and length[order[t]] > length[x]:
            order[t + 1] = order[t]
            t -= 1
        order[t + 1] = x
    n = q + n_steps
    for o in range(p):
        e = order[o]
        while length[e] > 1:
            size = length[e]
            total = np.uint64(0)
            for t in range(size):
                k = terms[e, t]
                total = total + value[k] if sign[e, k] > 0 else total - value[k]
            v, s = _find(table, slot, total)
            if v >= 0:  # the whole form is there
                for t in range(size):
                    sign[e, terms[e, t]] = 0
                sign[e, v] = s
                terms[e, 0] = v
                length[e] = 1
                break
            done = False
            if size > 2:
                for a in range(n):  # the whole form is two values
                    for way in range(2):
                        rest = total - value[a] if way == 0 else total + value[a]
                        v, s = _find(table, slot, rest)
                        if v >= 0 and v != a:
                            for t in range(size):
                                sign[e, terms[e, t]] = 0
                            sign[e, a], sign[e, v] = 1 - 2 * way, s
                            terms[e, 0], terms[e, 1] = a, v
                            length[e] = 2
                            done = True
                            break
                    if done:
                        break
                for a in range(size):  # two terms are one value, or three are two
                    if done:
                        break
                    x = terms[e, a]
                    hx = value[x] if sign[e, x] > 0 else np.uint64(0) - value[x]
                    for b in range(a):
                        y = terms[e, b]
                        hy = hx + value[y] if sign[e, y] > 0 else hx - value[y]
                        v, s = _find(table, slot, hy)
                        if v >= 0 and (sign[e, v] == 0 or v in (x, y)):
                            sign[e, x] = sign[e, y] = 0
                            sign[e, v] = s
                            terms[e, b] = v
                            terms[e, a] = terms[e, size - 1]
                            length[e] = size - 1
                            done = True
                            break
            if done:
                continue
            if n >= capacity:
                break
            # no shortcut: the first two terms become a step
            x, y = terms[e, 0], terms[e, 1]
            minus = 1 if sign[e, x] != sign[e, y] else 0
            steps[n - q, 0], steps[n - q, 1], steps[n - q, 2] = x, y, minus
            value[n] = value[x] - value[y] if minus else value[x] + value[y]
            _store(table, slot, value[n], n)
            s = sign[e, x]
            sign[e, x] = sign[e, y] = 0
            sign[e, n] = s
            terms[e, 0] = n
            terms[e, 1] = terms[e, size - 1]
            length[e] = size - 1
            n += 1
    return n - q


@njit(**_options)
def alive(q, n_steps, sign, terms, length, steps, used):
    # Steps that some form needs.
    used[: q + n_steps] = 0
    for e in range(length.size):
        for t in range(length[e]):
            used[terms[e, t]] = 1
    total = 0
    for r in range(n_steps - 1, -1, -1):
        if used[q + r]:
            used[steps[r, 0]] = used[steps[r, 1]] = 1
            total += 1
    for e in range(length.size):
        total += max(length[e] - 1, 0)
    return total
