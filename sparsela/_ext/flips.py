"""A walk on the flip graph of ternary schemes: flips, reductions, plus moves and splits on bit masks (Numba).

Contract: a scheme of rank r is ``Σ_t s_t a_t ⊗ b_t ⊗ c_t``, its vectors of at most 64 entries in {−1, 0, 1} as two
words: ``mask[f, 0, t]`` where factor f of row t is 1, ``mask[f, 1, t]`` where it is −1; the lowest set bit is a plus;
``mask[f, 2, t]`` is a hash of the two and the sign s_t is apart. ``pairs[f, :count[f]]`` lists the pairs of rows that
agree in factor f, ``place[f, s, t]`` is where (s, t) is in it or −1: a row that changes costs r comparisons. All moves
keep the tensor; none leaves {−1, 0, 1}. No order depends on threads. Branchy
integer code without BLAS: Numba. Called by matmul._walkers.

``state`` (int64): rank, flips since the last change of rank, flips that the next plus move waits for, best rank, flips
done, reductions, plus moves, events kept. ``stream`` (uint64, one word) is a SplitMix64 counter.
"""

import numpy as np
from numba import njit

from sparsela._ext.words import GAMMA, below, draw, ones

RANK, WAITED, PATIENCE, BEST, FLIPS, REDUCTIONS, PLUSES, EVENTS = range(8)
REDUCED, RAISED = 0, 1  # kinds of events
TRIES = 64  # draws of a move before the walk counts as stuck
DEPENDENT_EVERY = 2048  # flips between two looks for dependent rows

_ZERO = np.uint64(0)
_ONE = np.uint64(1)

_options = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(inline="always", **_options)
def _add(p1, m1, p2, m2):
    # The sum of two ternary vectors and whether it is one.
    ok = (p1 & p2) | (m1 & m2) == _ZERO
    return ok, (p1 & ~m2) | (p2 & ~m1), (m1 & ~p2) | (m2 & ~p1)


@njit(inline="always", **_options)
def _key(p, m):
    return p ^ (m * GAMMA)


@njit(inline="always", **_options)
def _leads_minus(p, m):
    both = p | m
    return (m & both & (~both + _ONE)) != _ZERO


@njit(inline="always", **_options)
def _link(pairs, count, place, f, s, t):
    i = count[f]
    pairs[f, i, 0], pairs[f, i, 1] = s, t
    place[f, s, t] = place[f, t, s] = i
    count[f] = i + 1


@njit(inline="always", **_options)
def _unlink(pairs, count, place, f, s, t):
    i = place[f, s, t]
    last = count[f] - 1
    x, y = pairs[f, last, 0], pairs[f, last, 1]
    pairs[f, i, 0], pairs[f, i, 1] = x, y
    place[f, x, y] = place[f, y, x] = i
    place[f, s, t] = place[f, t, s] = -1
    count[f] = last


@njit(**_options)
def _set(mask, sign, pairs, count, place, rank, f, x, p, m):
    """Give factor f of row x the value (p, m), not zero; returns a row that now agrees with x in two factors, or −1."""
    if _leads_minus(p, m):
        p, m = m, p
        sign[x] = -sign[x]
    old_p, old_m = mask[f, 0, x], mask[f, 1, x]
    twin = -1
    if old_p == p and old_m == m:
        return twin
    g, h = (f + 1) % 3, (f + 2) % 3
    key, old = _key(p, m), mask[f, 2, x]
    for y in range(rank):
        k = mask[f, 2, y]
        if k == key and mask[f, 0, y] == p and mask[f, 1, y] == m:
            _link(pairs, count, place, f, x, y)
            if place[g, x, y] >= 0 or place[h, x, y] >= 0:
                twin = y
        elif k == old and y != x and place[f, x, y] >= 0:
            _unlink(pairs, count, place, f, x, y)
    mask[f, 0, x], mask[f, 1, x], mask[f, 2, x] = p, m, key
    return twin


@njit(**_options)
def _append(mask, sign, pairs, count, place, state, p, m, s):
    # A new row with the values p[f], m[f], none zero.
    x = state[RANK]
    sign[x] = s
    for f in range(3):
        for y in range(x + 1):
            place[f, x, y] = place[f, y, x] = -1
        a, b = p[f], m[f]
        if _leads_minus(a, b):
            a, b = b, a
            sign[x] = -sign[x]
        mask[f, 0, x], mask[f, 1, x], mask[f, 2, x] = a, b, _key(a, b)
        for y in range(x):
            if mask[f, 0, y] == a and mask[f, 1, y] == b:
                _link(pairs, count, place, f, x, y)
    state[RANK] = x + 1


@njit(**_options)
def _delete(mask, sign, pairs, count, place, state, x):
    rank = state[RANK]
    last = rank - 1
    for f in range(3):
        for y in range(rank):
            if y != x and place[f, x, y] >= 0:
                _unlink(pairs, count, place, f, x, y)
        if x != last:
            for y in range(last):
                i = place[f, last, y]
                place[f, last, y] = place[f, y, last] = -1
                if y != x:
                    place[f, x, y] = place[f, y, x] = i
                    if i >= 0:
                        pairs[f, i, 0], pairs[f, i, 1] = x, y
            for i in range(3):
                mask[f, i, x] = mask[f, i, last]
    sign[x] = sign[last]
    state[RANK] = last


@njit(**_options)
def _merge(mask, sign, pairs, count, place, state, x, y):
    """Rows x, y that agree in two factors made one where their sum is ternary; whether it was."""
    while True:
        h = 0
        while place[h, x, y] >= 0 and h < 2:  # the factor in which they differ (the third one where in none)
            h += 1
        p, m, q, o = mask[h, 0, x], mask[h, 1, x], mask[h, 0, y], mask[h, 1, y]
        if sign[x] != sign[y]:
            q, o = o, q
        ok, p, m = _add(p, m, q, o)
        if not ok:
            return False
        if p | m == _ZERO:
            _delete(mask, sign, pairs, count, place, state, max(x, y))
            _delete(mask, sign, pairs, count, place, state, min(x, y))
            return True
        twin = _set(mask, sign, pairs, count, place, state[RANK], h, x, p, m)
        last = state[RANK] - 1
        _delete(mask, sign, pairs, count, place, state, y)
        if twin < 0 or twin == y:
            return True
        x = y if x == last else x  # rows move when one is deleted
        twin = y if twin == last else twin
        y = twin


@njit(**_options)
def prepare(mask, pairs, count, place, rank):
    """The pairs of a scheme that was written into `mask` and `sign`."""
    count[:] = 0
    place[:] = -1
    for f in range(3):
        for x in range(rank):
            mask[f, 2, x] = _key(mask[f, 0, x], mask[f, 1, x])
            for y in range(x):
                if mask[f, 0, x] == mask[f, 0, y] and mask[f, 1, x] == mask[f, 1, y]:
                    _link(pairs, count, place, f, x, y)


@njit(**_options)
def _try_flip(mask, sign, pairs, count, place, state, stream, accept):
    """One flip drawn at random: 1 done, 0 refused, 2 done with a reduction."""
    total = count[0] + count[1] + count[2]
    h = draw(stream)
    i = below(h, total)
    f = 0
    while i >= count[f]:
        i -= count[f]
        f += 1
    s, t = pairs[f, i, 0], pairs[f, i, 1]
    if h & _ONE:
        s, t = t, s
    if h & np.uint64(2):
        b, c = (f + 1) % 3, (f + 2) % 3
    else:
        b, c = (f + 2) % 3, (f + 1) % 3
    minus = (h & np.uint64(4)) != _ZERO
    # s₁ a b₁ c₁ + s₂ a b₂ c₂ = s₁ a (b₁ + σ b₂) c₁ + s₂ a b₂ (c₂ − σ s₁ s₂ c₁)
    p, m = mask[b, 0, t], mask[b, 1, t]
    if minus:
        p, m = m, p
    ok, bp, bm = _add(mask[b, 0, s], mask[b, 1, s], p, m)
    if not ok:
        return 0
    p, m = mask[c, 0, s], mask[c, 1, s]
    if minus == (sign[s] != sign[t]):
        p, m = m, p
    ok, cp, cm = _add(mask[c, 0, t], mask[c, 1, t], p, m)
    if not ok:
        return 0
    if accept.size > 1:
        more = ones(bp | bm) + ones(cp | cm) - ones(mask[b, 0, s] | mask[b, 1, s]) - ones(mask[c, 0, t] | mask[c, 1, t])
        if more > 0 and (draw(stream) >> np.uint64(11)) * 2.0**-53 > accept[min(more, accept.size - 1)]:
            return 0
    b_zero, c_zero = bp | bm == _ZERO, cp | cm == _ZERO
    if b_zero or c_zero:
        if not b_zero:
            _set(mask, sign, pairs, count, place, state[RANK], b, s, bp, bm)
        if not c_zero:
            _set(mask, sign, pairs, count, place, state[RANK], c, t, cp, cm)
        if b_zero and c_zero:
            _delete(mask, sign, pairs, count, place, state, max(s, t))
            _delete(mask, sign, pairs, count, place, state, min(s, t))
        else:
            _delete(mask, sign, pairs, count, place, state, s if b_zero else t)
        return 2
    twin = _set(mask, sign, pairs, count, place, state[RANK], b, s, bp, bm)
    other = _set(mask, sign, pairs, count, place, state[RANK], c, t, cp, cm)
    if twin >= 0 and _agree(place, s, twin) and _merge(mask, sign, pairs, count, place, state, s, twin):
        return 2
    if other >= 0 and _agree(place, t, other) and _merge(mask, sign, pairs, count, place, state, t, other):
        return 2
    return 1


@njit(inline="always", **_options)
def _agree(place, x, y):
    return (place[0, x, y] >= 0) + (place[1, x, y] >= 0) + (place[2, x, y] >= 0) >= 2


@njit(**_options)
def _plus(mask, sign, pairs, count, place, state, stream, room):
    """One product more: a plus move on two rows or the split of one; whether a ternary one was found."""
    p, m = room[0], room[1]
    for _ in range(TRIES):
        h = draw(stream)
        rank = state[RANK]
        s, t = below(h, rank), below(h << np.uint64(32), rank)
        if s == t:
            continue
        h = draw(stream)
        a = below(h, 3)
        b, c = (a + 1) % 3, (a + 2) % 3
        if h & _ONE:
            b, c = c, b
        # a' − and (for a split) what is left of a₁ when a₂ is taken out
        flip = (h & np.uint64(4)) != _ZERO
        if h & np.uint64(2):
            q, o = mask[a, 0, t], mask[a, 1, t]
            if flip:
                q, o = o, q
            ok, ap, am = _add(mask[a, 0, s], mask[a, 1, s], o, q)
            if not ok or ap | am == _ZERO:
                continue
            # a₁ b c = (± a₂) b c + (a₁ ∓ a₂) b c
            p[b], m[b], p[c], m[c] = mask[b, 0, s], mask[b, 1, s], mask[c, 0, s], mask[c, 1, s]
            p[a], m[a] = q, o
            kept = sign[s]
            _append(mask, sign, pairs, count, place, state, p, m, kept)
            _set(mask, sign, pairs, count, place, state[RANK], a, s, ap, am)
            return True
        # s₁ a₁b₁c₁ + s₂ a₂b₂c₂ = s₁ a₁(b₁ + σb₂)c₁ + s₂ a₁ b₂ (c₂ − σ s₁s₂ c₁) + s₂ (a₂ − a₁) b₂ c₂
        q, o = mask[b, 0, t], mask[b, 1, t]
        if flip:
            q, o = o, q
        ok, bp, bm = _add(mask[b, 0, s], mask[b, 1, s], q, o)
        if not ok or bp | bm == _ZERO:
            continue
        q, o = mask[c, 0, s], mask[c, 1, s]
        if flip == (sign[s] != sign[t]):
            q, o = o, q
        ok, cp, cm = _add(mask[c, 0, t], mask[c, 1, t], q, o)
        if not ok or cp | cm == _ZERO:
            continue
        ok, ap, am = _add(mask[a, 0, t], mask[a, 1, t], mask[a, 1, s], mask[a, 0, s])
        if not ok or ap | am == _ZERO:
            continue
        p[a], m[a] = mask[a, 0, s], mask[a, 1, s]
        p[b], m[b] = mask[b, 0, t], mask[b, 1, t]
        p[c], m[c] = cp, cm
        kept = sign[t]
        _append(mask, sign, pairs, count, place, state, p, m, kept)
        _set(mask, sign, pairs, count, place, state[RANK], b, s, bp, bm)
        _set(mask, sign, pairs, count, place, state[RANK], a, t, ap, am)
        return True
    return False


@njit(**_options)
def _absorb(mask, sign, pairs, count, place, state, x, y, z, b, c, flips):
    # b_x = ± b_y ± b_z with a shared: row x goes into the c of y and z. `flips`: bit 0 for y, bit 1 for z.
    changed = np.empty((2, 2), np.uint64)
    for i in range(2):
        row = y if i == 0 else z
        p, m = mask[c, 0, x], mask[c, 1, x]
        if ((flips >> i) & 1 == 1) != (sign[x] != sign[row]):
            p, m = m, p
        ok, p, m = _add(mask[c, 0, row], mask[c, 1, row], p, m)
        if not ok or p | m == _ZERO:
            return False
        changed[i, 0], changed[i, 1] = p, m
    _set(mask, sign, pairs, count, place, state[RANK], c, y, changed[0, 0], changed[0, 1])
    _set(mask, sign, pairs, count, place, state[RANK], c, z, changed[1, 0], changed[1, 1])
    _delete(mask, sign, pairs, count, place, state, x)
    return True


@njit(**_options)
def _reduce_dependent(mask, sign, pairs, count, place, state):
    """Rows x, y, z that share a factor and have b_x = ± b_y ± b_z: one product less; whether there were such rows."""
    rank = state[RANK]
    for a in range(3):
        for i in range(count[a]):
            y, z = pairs[a, i, 0], pairs[a, i, 1]
            for x in range(rank):
                if x in (y, z) or place[a, x, y] < 0:
                    continue
                for way in range(2):
                    b = (a + 1 + way) % 3
                    c = (a + 2 - way) % 3
                    for flips in range(4):
                        p, m, q, o = mask[b, 0, y], mask[b, 1, y], mask[b, 0, z], mask[b, 1, z]
                        if flips & 1:
                            p, m = m, p
                        if flips & 2:
                            q, o = o, q
                        ok, p, m = _add(p, m, q, o)
                        if (
                            ok
                            and p == mask[b, 0, x]
                            and m == mask[b, 1, x]
                            and _absorb(mask, sign, pairs, count, place, state, x, y, z, b, c, flips)
                        ):
                            return True
    return False


@njit(**_options)
def _restart(mask, sign, pairs, count, place, state, best_mask, best_sign):
    rank = state[BEST]
    mask[:, :, :rank] = best_mask[:, :, :rank]
    sign[:rank] = best_sign[:rank]
    state[RANK], state[WAITED] = rank, 0
    prepare(mask, pairs, count, place, rank)


@njit(**_options)
def walk(
    mask, sign, pairs, count, place, state, stream, room, best_mask, best_sign, events,
    n_flips, target, global_best, wait_low, wait_high, margin, accept, moves,
):  # fmt: skip
    """At most n_flips accepted flips; returns when the target rank is reached.

    `events` (rows of flips done, rank, kind) keeps what fits of the changes of rank. `accept[d]` is the probability of
    a flip that adds d coefficients, all flips where it is of size 1. `moves` False: flips alone, never another rank.
    """
    state[EVENTS] = 0
    stuck = 0
    done = 0
    while done < n_flips:
        before = state[RANK]
        kind = -1
        highest = min(global_best, state[BEST]) + margin
        if count[0] + count[1] + count[2] == 0 or stuck > TRIES * 4:
            stuck = 0
            if not moves:
                break
            if before >= highest:  # a dead end at the top: back to the best one
                if state[BEST] >= highest:
                    break
                _restart(mask, sign, pairs, count, place, state, best_mask, best_sign)
                continue
            if not _plus(mask, sign, pairs, count, place, state, stream, room):
                break
            kind = RAISED
        elif moves and state[WAITED] >= state[PATIENCE] and before < highest:
            if _reduce_dependent(mask, sign, pairs, count, place, state):
                kind = REDUCED
            elif _plus(mask, sign, pairs, count, place, state, stream, room):
                kind = RAISED
        else:
            result = _try_flip(mask, sign, pairs, count, place, state, stream, accept)
            if result == 0:
                stuck += 1
                continue
            stuck = 0
            done += 1
            state[WAITED] += 1
            look = result == 1 and done % DEPENDENT_EVERY == 0
            if result == 2 or (look and _reduce_dependent(mask, sign, pairs, count, place, state)):
                kind = REDUCED
        if kind < 0:
            continue
        state[WAITED] = 0
        state[PATIENCE] = wait_low + below(draw(stream), wait_high - wait_low + 1)
        state[PLUSES if kind == RAISED else REDUCTIONS] += 1
        if state[EVENTS] < len(events):
            i = state[EVENTS]
            events[i, 0], events[i, 1], events[i, 2] = state[FLIPS] + done, state[RANK], kind
            state[EVENTS] = i + 1
        rank = state[RANK]
        if rank < state[BEST]:
            state[BEST] = rank
            best_mask[:, :, :rank] = mask[:, :, :rank]
            best_sign[:rank] = sign[:rank]
            if rank <= target:
                break
    state[FLIPS] += done
