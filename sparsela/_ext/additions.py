"""Greedy elimination of common subexpressions of ternary linear forms, many randomised runs of it (Numba).

Contract: ``forms`` is int8 (p, q) of −1, 0, 1. A run keeps each form as a list of signed variables and the number of
forms that hold each signed pair, (i, j, sign) with i < j up to a common sign; a substitution of a new variable for a
pair changes only pairs that touch the two inside the forms that hold it. Pairs held twice or more are listed, the rest
is not looked at. A step costs the listed pairs plus the changed terms: nothing is counted anew.

After the greedy part a pass of ``cancellation.py`` looks for terms that existing values express shorter. The
caller expands the program that comes out and compares it with the forms, exactly.

One SplitMix64 stream a run: answers do not depend on threads. Branchy integer code without BLAS: Numba. Called by
matmul._reduce.
"""

import numpy as np
from numba import njit

from sparsela._ext.cancellation import alive, cancel
from sparsela._ext.words import below, draw, ones

GREEDY, RANDOM_TIE, WEIGHTED, GREEDY_RANDOM, POTENTIAL, INTERSECTIONS, MIX, DRAWN = range(8)

_options = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(inline="always", **_options)
def _uniform(stream):
    return (draw(stream) >> np.uint64(11)) * 2.0**-53


@njit(inline="always", **_options)
def _index(i, j, minus):
    # of the pair {i, j}: pairs of a new variable come after all others
    if i > j:
        i, j = j, i
    return (j * (j - 1) // 2 + i) * 2 + minus


@njit(**_options)
def _change(count, where, listed, size, i, j, minus, by):
    # One form more (by = 1) or less (−1) holds the pair.
    x = _index(i, j, minus)
    c = count[x] + by
    count[x] = c
    if by > 0 and c == 2:
        n = size[0]
        listed[n, 0], listed[n, 1], listed[n, 2] = min(i, j), max(i, j), minus
        where[x] = n
        size[0] = n + 1
    elif by < 0 and c == 1:
        n = size[0] - 1
        w = where[x]
        if w != n:
            listed[w, 0], listed[w, 1], listed[w, 2] = listed[n, 0], listed[n, 1], listed[n, 2]
            where[_index(listed[n, 0], listed[n, 1], listed[n, 2])] = w
        size[0] = n


@njit(**_options)
def _substitute(sign, terms, length, spot, count, where, listed, size, i, j, minus, z):
    """Put the new variable z for x_i ± x_j in every form that holds it; the number of those forms."""
    held = 0
    for e in range(length.size):
        a, b = sign[e, i], sign[e, j]
        if a == 0 or b == 0 or (a != b) != (minus == 1):
            continue
        held += 1
        n = length[e]
        _change(count, where, listed, size, i, j, minus, -1)
        for t in range(n):
            k = terms[e, t]
            if k in (i, j):
                continue
            s = sign[e, k]
            _change(count, where, listed, size, i, k, 1 if s != a else 0, -1)
            _change(count, where, listed, size, j, k, 1 if s != b else 0, -1)
            _change(count, where, listed, size, z, k, 1 if s != a else 0, 1)
        # z takes the place of i, the last term that of j
        at = spot[e, i]
        terms[e, at] = z
        spot[e, z] = at
        sign[e, z] = a
        at, last = spot[e, j], terms[e, n - 1]
        terms[e, at] = last
        spot[e, last] = at
        length[e] = n - 1
        sign[e, i] = sign[e, j] = 0
    return held


@njit(**_options)
def _potential(sign, terms, length, count, mark, i, j, minus, z):
    """Pair occurrences less distinct pairs, as a change, if x_i ± x_j were substituted: no substitution is made."""
    change = 0
    tick = mark[0] + 1
    mark[0] = tick
    touched = 0
    top = mark.size - 1
    # distinct pairs that would vanish: those whose whole count lies in forms that change. `mark` holds, per variable
    # and sign, the tick at which a pair of z was seen.
    for e in range(length.size):
        a, b = sign[e, i], sign[e, j]
        if a == 0 or b == 0 or (a != b) != (minus == 1):
            continue
        change -= length[e] - 1  # occurrences: L(L − 1)/2 becomes (L − 1)(L − 2)/2
        touched += 1
        for t in range(length[e]):
            k = terms[e, t]
            if k in (i, j):
                continue
            s = sign[e, k]
            x = _index(i, k, 1 if s != a else 0)
            count[x] -= 1
            if count[x] == 0:
                change += 1
            x = _index(j, k, 1 if s != b else 0)
            count[x] -= 1
            if count[x] == 0:
                change += 1
            x = 1 + 2 * k + (1 if s != a else 0)
            if x <= top and mark[x] != tick:
                mark[x] = tick
                change -= 1
    if touched == count[_index(i, j, minus)]:
        change += 1
    for e in range(length.size):
        a, b = sign[e, i], sign[e, j]
        if a == 0 or b == 0 or (a != b) != (minus == 1):
            continue
        for t in range(length[e]):
            k = terms[e, t]
            if k != i and k != j:
                s = sign[e, k]
                count[_index(i, k, 1 if s != a else 0)] += 1
                count[_index(j, k, 1 if s != b else 0)] += 1
    return change


@njit(**_options)
def _choose(strategy, s, alpha, coin, sign, terms, length, count, listed, size, mark, shared, stream, z):
    """The place in the list of the pair to substitute."""
    n = size[0]
    if strategy == MIX:
        u = below(draw(stream), 15)
        strategy = INTERSECTIONS if u < 8 else RANDOM_TIE if u < 12 else GREEDY_RANDOM if u < 14 else WEIGHTED
    if strategy == GREEDY_RANDOM:
        strategy = RANDOM_TIE if _uniform(stream) < s else WEIGHTED
    if strategy == WEIGHTED:
        total = 0
        for t in range(n):
            total += count[_index(listed[t, 0], listed[t, 1], listed[t, 2])] - 1
        u = below(draw(stream), total)
        for t in range(n):
            u -= count[_index(listed[t, 0], listed[t, 1], listed[t, 2])] - 1
            if u < 0:
                return t
    best, chosen, ties = -1.0e300, 0, 0
    if strategy in (GREEDY, RANDOM_TIE):
        most, lowest = 0, 0
        for t in range(n):
            x = _index(listed[t, 0], listed[t, 1], listed[t, 2])
            c = count[x]
            if c > most:
                most, chosen, ties, lowest = c, t, 1, x
            elif c == most:
                if strategy == GREEDY:
                    if x < lowest:
                        chosen, lowest = t, x
                else:
                    ties += 1
                    if below(draw(stream), ties) == 0:
                        chosen = t
        return chosen
    if strategy == POTENTIAL:
        for t in range(n):
            i, j, minus = listed[t, 0], listed[t, 1], listed[t, 2]
            score = count[_index(i, j, minus)] - 1.0
            score += s * _potential(sign, terms, length, count, mark, i, j, minus, z)
            if score > best + 1e-12:
                best, chosen, ties = score, t, 1
            elif score > best - 1e-12:
                ties += 1
                if below(draw(stream), ties) == 0:
                    chosen = t
        return chosen
    # intersections: the profit of each pair, and of the pairs that it shares a variable with in the same role
    total = 0
    for t in range(n):
        total += count[_index(listed[t, 0], listed[t, 1], listed[t, 2])] - 1
    if coin:
        # An indicator compared with a fair coin is a fair coin: only the number of pairs of each profit matters.
        shared[:] = 0
        top = 0
        for t in range(n):
            c = min(count[_index(listed[t, 0], listed[t, 1], listed[t, 2])] - 1, shared.size - 1)
            shared[c] += 1
            top = max(top, c)
    else:
        shared[:] = 0
        for t in range(n):
            i, j, minus = listed[t, 0], listed[t, 1], listed[t, 2]
            profit = count[_index(i, j, minus)] - 1
            shared[3 * i] += profit  # as the first
            shared[3 * j + 1 + minus] += profit  # as the second, by sign
    for t in range(n):
        i, j, minus = listed[t, 0], listed[t, 1], listed[t, 2]
        profit = count[_index(i, j, minus)] - 1
        near = 0
        if coin:
            for c in range(1, top + 1):
                left = shared[c] - (1 if c == profit else 0)
                while left > 0:
                    bits = draw(stream)
                    if left < 64:
                        bits &= (np.uint64(1) << np.uint64(left)) - np.uint64(1)
                    near += c * ones(bits)
                    left -= 64
        else:
            near = shared[3 * i] + shared[3 * j + 1 + minus] - 2 * profit
            near += shared[3 * i + 1] + shared[3 * i + 2] + shared[3 * j]
        score = profit + s * (alpha * near + (1.0 - alpha) * (total - profit - near))
        if score > best + 1e-12:
            best, chosen, ties = score, t, 1
        elif score > best - 1e-12:
            ties += 1
            if below(draw(stream), ties) == 0:
                chosen = t
    return chosen


@njit(**_options)
def _run(
    forms, strategy, coin, replay, n_replay, skip, stream,
    sign, terms, length, spot, count, where, listed, size, mark, shared, steps,
):  # fmt: skip
    """One greedy run into `steps` and the remaining terms of the forms; the number of steps.

    The first `n_replay` of the steps in `replay` are made first, each left out with probability `skip`.
    """
    p, q = forms.shape
    capacity = sign.shape[1]
    count[:] = 0
    sign[:] = 0
    size[0] = 0
    for e in range(p):
        n = 0
        for v in range(q):
            s = forms[e, v]
            if s != 0:
                for t in range(n):
                    k = terms[e, t]
                    _change(count, where, listed, size, k, v, 1 if sign[e, k] != s else 0, 1)
                sign[e, v] = s
                terms[e, n] = v
                spot[e, v] = n
                n += 1
        length[e] = n
    s, alpha = 0.5 * _uniform(stream), 0.5 + 0.5 * _uniform(stream)
    n_steps = 0
    if n_replay > 0:
        renamed = np.full(q + n_replay, -1, np.int64)
        for v in range(q):
            renamed[v] = v
        turned = np.zeros(q + n_replay, np.int64)
        for r in range(n_replay):
            if skip > 0.0 and _uniform(stream) < skip:
                continue
            i, j = renamed[replay[r, 1]], renamed[replay[r, 3]]
            if i < 0 or j < 0 or i == j:
                continue
            minus = (replay[r, 0] != replay[r, 2]) ^ (turned[replay[r, 1]] != turned[replay[r, 3]])
            back = (replay[r, 0] < 0) != (turned[replay[r, 1]] == 1)
            if i > j:
                i, j = j, i
                back = back != minus  # the sign of the variable that is first now
            if count[_index(i, j, 1 if minus else 0)] < 2:
                continue
            z = q + n_steps
            if z >= capacity:
                break
            steps[n_steps, 0], steps[n_steps, 1], steps[n_steps, 2] = i, j, 1 if minus else 0
            _substitute(sign, terms, length, spot, count, where, listed, size, i, j, 1 if minus else 0, z)
            renamed[q + r] = z
            turned[q + r] = 1 if back else 0
            n_steps += 1
    while size[0] > 0 and q + n_steps < capacity:
        z = q + n_steps
        t = _choose(strategy, s, alpha, coin, sign, terms, length, count, listed, size, mark, shared, stream, z)
        i, j, minus = listed[t, 0], listed[t, 1], listed[t, 2]
        steps[n_steps, 0], steps[n_steps, 1], steps[n_steps, 2] = i, j, minus
        _substitute(sign, terms, length, spot, count, where, listed, size, i, j, minus, z)
        n_steps += 1
    return n_steps


@njit(**_options)
def reduce_runs(
    forms, strategies, coin, replays, n_replays, skips, streams, capacity, limit,
    counts, best_steps, best_sign, best_terms, best_length,
):  # fmt: skip
    """Runs of one factor: counts[t] additions of run t, and the program of the first best one that is below `limit`.

    strategies (n_runs,), replays (n_runs, longest, 4) with n_replays[t] steps (sign, i, sign, j) to make first and
    skips[t] the chance of leaving one out, streams (n_runs,). Returns (best run or −1, its number of steps). ``best_*``
    take steps (i, j, minus) and the final terms of every form.
    """
    p, q = forms.shape
    sign = np.zeros((p, capacity), np.int8)
    terms = np.zeros((p, capacity), np.int16)
    spot = np.zeros((p, capacity), np.int16)
    length = np.zeros(p, np.int64)
    n_pairs = capacity * (capacity - 1)
    count, where = np.zeros(n_pairs + 2, np.int16), np.zeros(n_pairs + 2, np.int32)
    held = 0
    for e in range(p):
        n = 0
        for v in range(q):
            n += forms[e, v] != 0
        held += n * (n - 1) // 2
    listed, size = np.zeros((held // 2 + 2, 3), np.int64), np.zeros(1, np.int64)
    mark, shared = np.zeros(2 * capacity + 2, np.int64), np.zeros(max(3 * capacity + 3, p + 2), np.int64)
    steps, used = np.zeros((capacity, 3), np.int64), np.zeros(capacity, np.int8)
    value, order = np.zeros(capacity, np.uint64), np.zeros(p, np.int64)
    slots = 64
    while slots < 4 * capacity:
        slots *= 2
    table, slot = np.zeros(slots, np.uint64), np.full(slots, -1, np.int64)
    stream = np.zeros(1, np.uint64)
    stream[0] = np.uint64(0x5DEECE66D)
    for v in range(q):
        value[v] = draw(stream)
    best, best_run, best_n = limit, -1, 0
    for run in range(counts.size):
        stream[0] = streams[run]
        strategy = strategies[run]
        if strategy == DRAWN:
            u = below(draw(stream), 20)
            strategy = (
                INTERSECTIONS
                if u < 10
                else RANDOM_TIE
                if u < 15
                else GREEDY_RANDOM
                if u < 17
                else WEIGHTED
                if u < 19
                else MIX
            )
        n = _run(
            forms, strategy, coin, replays[run], n_replays[run], skips[run], stream,
            sign, terms, length, spot, count, where, listed, size, mark, shared, steps,
        )  # fmt: skip
        n = cancel(q, n, sign, terms, length, steps, value, table, slot, order)
        counts[run] = alive(q, n, sign, terms, length, steps, used)
        if counts[run] < best:
            best, best_run, best_n = counts[run], run, n
            best_steps[:n] = steps[:n]
            best_length[:] = length
            for e in range(p):
                for t in range(length[e]):
                    best_terms[e, t] = terms[e, t]
                    best_sign[e, t] = sign[e, terms[e, t]]
    return best_run, best_n
