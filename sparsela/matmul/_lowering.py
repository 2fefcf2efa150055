"""From a scheme to what the executor runs: sums of blocks, each one pass over memory, and products of blocks.

A level of the recursion works on variables: the blocks of A, B and C, and buffers for sums of A (S), of B (T) and for
products (M). :func:`lower` writes its instructions. What makes them few:

- a sum that is one block of A or B is that block, in place; its sign goes into the product;
- a product that only one block of C needs is added there by BLAS itself, after the sums of the others;
- the other products are computed in blocks of C where those are large enough, so the last sums run in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sparsela.matmul._programs import AdditionProgram
    from sparsela.matmul._scheme import BilinearScheme

# where a variable lives
A, B, C, S, T, M = range(6)
# operations of a step (sums_kernel.h)
ADD, SUB, NEGATE, COPY, MINUS, AXPBY, SCALE = range(7)
# kinds of instruction (bilinear.pyx)
SUMS, PRODUCT, BARRIER = range(3)
# which code of a level runs: C set and its blocks all of one size, C set and cut at its edges, C added to
EXACT, CUT, INTO = range(3)
# how the sums of A and B are formed: all in one pass; a few products at a time, in fewer buffers; each by itself
FUSED, GROUPED, LEAN = range(3)

Term = tuple[float, int]  # coefficient, reference


@dataclass(frozen=True)
class Sums:
    """Sums of blocks in one pass: a step table (``sums_kernel.h``) over variables of the level, sources first."""

    variables: tuple[int, ...]
    n_in: int
    n_temp: int
    steps: tuple[tuple[int, int, int, int], ...]
    coefficients: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Variable:
    """A block or a buffer. It is as large as block (row, column) of its matrix; home: a block of C that M lies in."""

    where: int
    row: int
    column: int
    slot: int = -1
    home: int = -1


@dataclass
class Code:
    """The instructions of one level."""

    variables: list[Variable] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    instructions: list[tuple[int, int, int, int, int, float]] = field(default_factory=list)
    n_slots: list[int] = field(default_factory=lambda: [0, 0, 0])  # of S, T, M

    def variable(self, where: int, row: int, column: int, slot: int = -1, home: int = -1) -> int:
        self.variables.append(Variable(where, row, column, slot, home))
        if slot >= 0:
            self.n_slots[where - S] = max(self.n_slots[where - S], slot + 1)
        return len(self.variables) - 1

    def add_sums(self, sums: Sums, where: int) -> None:
        """where: S, T or M, what the sums are formed for."""
        if sums.steps:
            self.sums.append(sums)
            self.instructions.append((SUMS, len(self.sums) - 1, where - S, 0, 0, 0.0))

    def product(self, s: int, t: int, into: int, add: bool, alpha: float) -> None:
        self.instructions.append((PRODUCT, s, t, into, int(add), float(alpha)))

    def barrier(self) -> None:
        self.instructions.append((BARRIER, 0, 0, 0, 0, 0.0))


def lower(scheme: BilinearScheme, variant: int, mode: int = FUSED) -> Code:
    """The instructions of one level of `scheme`."""
    m, k, n = scheme.shape
    code = Code()
    for where, rows, columns in ((A, m, k), (B, k, n), (C, m, n)):
        for i in range(rows * columns):
            code.variable(where, i // columns, i % columns)
    if mode == LEAN:
        _lower_lean(code, scheme, variant)
    else:
        _lower_fused(code, scheme, variant, grouped=mode == GROUPED)
    return code


def scale_of(scheme: BilinearScheme) -> float:
    """What every product is multiplied by, for factors of common denominators."""
    d = scheme.denominators
    return 1.0 / (d[0] * d[1] * d[2])


def _lower_fused(code: Code, scheme: BilinearScheme, variant: int, grouped: bool) -> None:
    m, k, n = scheme.shape
    a_program, b_program, c_program = scheme.programs
    w = np.asarray(scheme.w)
    first_c = (m + n) * k
    used = [np.flatnonzero(row) for row in w]
    late = [i for i, blocks in enumerate(used) if len(blocks) == 1]
    early = [i for i, blocks in enumerate(used) if len(blocks) > 1]
    ops, forms = straighten(c_program, absent=late)
    a_side, b_side = _Side(code, a_program, S, 0, k), _Side(code, b_program, T, m * k, n)
    if grouped:
        groups = [_groups(chosen, a_side, b_side, limit=2 if scheme.rank <= 12 else 4) for chosen in (early, late)]
    else:
        groups = [[early], [late]]
    stages = [a_side.stages([i for part in groups for i in part], at_once=not grouped)]
    stages.append(b_side.stages([i for part in groups for i in part], at_once=not grouped))
    scale = scale_of(scheme)

    def multiply(i: int, into: int, add: bool, weight: int = 1) -> None:
        (x, c0), (y, c1) = a_side.operand(i), b_side.operand(i)
        code.product(x, y, into, add, scale * c0 * c1 * weight)

    # The products that the sums of C need, each in a block of C that is large enough or in a buffer.
    homes = _homes(forms, used, early, n, variant)
    places, slot = {}, 0
    for i in early:
        row, column = min(c // n for c in used[i]), min(c % n for c in used[i])
        if i in homes:
            places[i] = code.variable(M, row, column, home=first_c + homes[i])
        else:
            places[i] = code.variable(M, row, column, slot=slot)
            slot += 1
    stage = 0
    for group in groups[0]:
        for side, where in ((0, S), (1, T)):
            code.add_sums(stages[side][stage], where)
        stage += 1
        for i in group:
            multiply(i, places[i], False)
    accumulate = variant == INTO
    targets = [
        (first_c + c, coefficient, reference, accumulate)
        for c, form in enumerate(forms)
        if form is not None
        for coefficient, reference in [form]
        if accumulate or coefficient != 1 or homes.get(reference) != c  # it is there already
    ]
    memory = {places[i]: first_c + c for i, c in homes.items()}
    code.add_sums(emit(ops, scheme.rank, places, targets, memory), M)

    # The others, in rounds of different blocks.
    begun = [accumulate or form is not None for form in forms]
    for group in groups[1]:
        for side, where in ((0, S), (1, T)):
            code.add_sums(stages[side][stage], where)
        stage += 1
        waiting = list(group)
        while waiting:
            taken: set[int] = set()
            for i in list(waiting):
                c = int(used[i][0])
                if c not in taken:
                    taken.add(c)
                    waiting.remove(i)
                    multiply(i, first_c + c, begun[c], int(w[i, c]))
                    begun[c] = True
            code.barrier()


class _Side:
    """The sums of A or of B: which products need which, and in which buffer each lies while it is needed."""

    def __init__(self, code: Code, program: AdditionProgram, where: int, first: int, columns: int):
        self.code, self.where, self.n_inputs = code, where, program.n_inputs
        self.ops, self.forms = straighten(program)
        if None in self.forms:
            raise ValueError("a scheme must not have a product with a zero factor")
        self.places = {i: first + i for i in range(program.n_inputs)}
        self.corner = {}  # of the smallest block grid that holds a sum: its first row and column of blocks
        for row, (_, reference) in zip(program.expand(), self.forms, strict=True):
            self.corner[reference] = tuple(int(x.min()) for x in np.divmod(np.flatnonzero(row), columns))

    def operand(self, product: int) -> tuple[int, float]:
        """Variable and coefficient of a product's operand."""
        coefficient, reference = self.forms[product]
        return self.places[reference], coefficient

    def sums(self, products: Iterable[int]) -> list[int]:
        """References of the sums that these products need formed, in order."""
        return list(dict.fromkeys(self.forms[i][1] for i in products if self.forms[i][1] >= self.n_inputs))

    def stages(self, groups: list[list[int]], at_once: bool) -> list[Sums]:
        """The sums before each group of products; at_once: all of them before the first."""
        wanted = [self.sums(group) for group in groups]
        if at_once:
            wanted = [self.sums(i for group in groups for i in group)] + [[]] * (len(groups) - 1)
        held: dict[int, int] = {}  # reference -> buffer
        n_slots, out = 0, []
        for g, now in enumerate(wanted):
            new = [r for r in now if r not in held]
            have = {**held, **dict.fromkeys(new)}
            kept = set(now) | {r for later in wanted[g + 1 :] for r in self._reads(later, have)}
            stay = {r: slot for r, slot in held.items() if r in kept}
            free = sorted({*range(n_slots)} - {*stay.values()})
            known = {**{i: self.places[i] for i in range(self.n_inputs)}, **{r: self.places[r] for r in held}}
            slots = {}
            for r in new:
                slots[r] = free.pop(0) if free else n_slots
                n_slots = max(n_slots, slots[r] + 1)
                self.places[r] = self.code.variable(self.where, *self.corner[r], slot=slots[r])
            at = {slot: self.places[r] for r, slot in slots.items()}
            memory = {self.places[r]: at[slot] for r, slot in held.items() if slot in at}
            targets = [(self.places[r], 1, r, False) for r in new]
            out.append(emit(self.ops, self.n_inputs, known, targets, memory))
            held = {**stay, **slots}
        return out

    def _reads(self, references: Iterable[int], have: dict[int, int]) -> set[int]:
        """What is read to form these sums, of those that are there."""
        return {r for r in _needed(self.ops, self.n_inputs, references, have) if r in have}


def _groups(products: list[int], a_side: _Side, b_side: _Side, limit: int) -> list[list[int]]:
    """The products in groups that need at most `limit` new sums of A and of B each; evened out for two threads."""
    groups: list[list[int]] = []
    plain = [i for i in products if not a_side.sums([i]) and not b_side.sums([i])]
    for i in products:
        if i in plain:
            continue
        last = groups[-1] if groups else None
        if last and all(len(side.sums([*last, i])) <= limit for side in (a_side, b_side)):
            last.append(i)
        else:
            groups.append([i])
    for group in groups:
        if len(group) % 2 and plain:
            group.append(plain.pop())
    if plain:
        groups.append(plain)
    return groups


def _homes(forms: Sequence[Term | None], used: Sequence[np.ndarray], early: list[int], n: int, variant: int) -> dict:
    """Blocks of C in which products lie until the sums of C read them: {product: block}."""
    homes: dict[int, int] = {}
    if variant == INTO:
        return homes
    free = list(range(len(forms)))

    def fits(i: int, c: int) -> bool:
        return variant == EXACT or (c // n <= min(x // n for x in used[i]) and c % n <= min(x % n for x in used[i]))

    for c, form in enumerate(forms):  # a block that is one product is computed in place
        if form is not None and form[0] == 1 and form[1] in early and form[1] not in homes and fits(form[1], c):
            homes[form[1]] = c
            free.remove(c)
    for i in early:
        if i not in homes:
            # the last block that is large enough: the first ones fit others too
            c = next((c for c in reversed(free) if fits(i, c)), None)
            if c is not None:
                homes[i] = c
                free.remove(c)
    return homes


def _lower_lean(code: Code, scheme: BilinearScheme, variant: int) -> None:
    m, k, n = scheme.shape
    u, v, w = (np.asarray(factor) for factor in (scheme.u, scheme.v, scheme.w))
    first_c, scale = (m + n) * k, scale_of(scheme)
    begun = [variant == INTO] * (m * n)
    operand_of = []
    for factor, where, first, columns in ((u, S, 0, k), (v, T, m * k, n)):
        operand_of.append([_lean_operand(code, row, where, first, columns) for row in factor])
    for i in range(scheme.rank):
        alpha, operands = scale, []
        for where, (place, coefficient, sums) in ((S, operand_of[0][i]), (T, operand_of[1][i])):
            alpha *= coefficient
            operands.append(place)
            if sums is not None:
                code.add_sums(sums, where)
        blocks = np.flatnonzero(w[i])
        if len(blocks) == 1:
            c = int(blocks[0])
            code.product(*operands, first_c + c, begun[c], alpha * int(w[i, c]))
            code.barrier()  # one product at a time: they share buffers and blocks
            begun[c] = True
            continue
        product = code.variable(M, int((blocks // n).min()), int((blocks % n).min()), slot=0)
        code.product(*operands, product, False, alpha)
        targets = [(first_c + c, int(w[i, c]), 0, begun[c]) for c in map(int, blocks)]
        code.add_sums(emit([], 1, {0: product}, targets, {}), M)
        for c in blocks:
            begun[c] = True
    for c in range(m * n):
        if not begun[c]:
            raise ValueError("a scheme must reach every block of C")


def _lean_operand(code: Code, row: np.ndarray, where: int, first: int, columns: int):
    support = np.flatnonzero(row)
    if len(support) == 1:
        return first + int(support[0]), int(row[support[0]]), None
    i, j = (int(x.min()) for x in np.divmod(support, columns))
    place = code.variable(where, i, j, slot=0)
    ops: list[tuple[float, int, float, int]] = []
    form = _fold(ops, len(row), [(int(row[x]), int(x)) for x in support])
    return place, 1, emit(ops, len(row), {int(x): first + int(x) for x in support}, [(place, *form, False)], {})


def straighten(program: AdditionProgram, absent: Iterable[int] = ()) -> tuple[list, list]:
    """The program without inputs that are `absent` and without copies.

    Returns operations (c0, x, c1, y), whose results are references ``n_inputs + index``, and for each output None
    (zero) or (coefficient, reference).
    """
    gone = set(absent)
    q = program.n_inputs
    value: list[Term | None] = [None if i in gone else (1, i) for i in range(q)]
    ops: list[tuple[float, int, float, int]] = []

    def total(terms: Iterable[tuple[int, int]]) -> Term | None:
        sums: dict[int, float] = {}
        for sign, variable in terms:
            if (term := value[variable]) is not None:
                sums[term[1]] = sums.get(term[1], 0) + sign * term[0]
        left = [(c, reference) for reference, c in sums.items() if c]
        return _fold(ops, q, left) if left else None

    for a, i, b, j in program.steps:
        value.append(total([(a, i), (b, j)]))
    return ops, [total(form) for form in program.outputs]


def _fold(ops: list, n_inputs: int, terms: list[Term]) -> Term:
    (c0, x), *rest = terms
    for c1, y in rest:
        ops.append((c0, x, c1, y))
        c0, x = 1, n_inputs + len(ops) - 1
    return c0, x


def emit(ops: list, first: int, inputs: dict[int, int], targets: list, memory: dict[int, int]) -> Sums:
    """The step table of operations over variables in memory; the result of operation o is reference ``first + o``.

    inputs: {reference: variable}; targets: (variable, coefficient, reference, add); memory: {variable of an input:
    variable of a target that lies at the same place}.
    """
    needed = _needed(ops, first, [reference for _, _, reference, _ in targets], inputs)
    order = [o for o in range(len(ops)) if first + o in needed and first + o not in inputs]
    sources = [r for r in inputs if r in needed]
    variables = [inputs[r] for r in sources]
    local: dict[int, int] = {r: i for i, r in enumerate(sources)}
    n_in = len(sources)
    place = {variable: n_in + i for i, variable in enumerate(dict.fromkeys(v for v, *_ in targets))}
    variables += list(place)
    n_mem = len(variables)

    # A result is written where it belongs by the operation that makes it, unless a source that lies there is read
    # later.
    end = len(ops)
    last_read = dict.fromkeys(sources, -1)
    for o in order:
        for x in (ops[o][1], ops[o][3]):
            if x in last_read:
                last_read[x] = o
    direct: dict[int, int] = {}
    finals = []
    for variable, coefficient, reference, add in targets:
        guests = [r for r in sources if memory.get(inputs[r]) == variable]
        safe = all(last_read[r] <= reference - first for r in guests) and not any(
            reference_ in guests for _, _, reference_, _ in targets
        )
        if reference not in inputs and coefficient == 1 and not add and reference not in direct and safe:
            direct[reference] = place[variable]
        else:
            finals.append((place[variable], coefficient, reference, add))

    steps: list[tuple[int, int, int, int]] = []
    coefficients: list[tuple[float, float]] = []

    def step(into: int, c0: float, x: int, c1: float = 0, y: int | None = None) -> None:
        if y is None:
            operation = COPY if c0 == 1 else MINUS if c0 == -1 else SCALE
            steps.append((into, x, x, operation))
        elif (c0, c1) == (-1, 1):
            steps.append((into, y, x, SUB))
        else:
            operation = {(1, 1): ADD, (1, -1): SUB, (-1, -1): NEGATE}.get((c0, c1), AXPBY)
            steps.append((into, x, y, operation))
        general = steps[-1][3] in (AXPBY, SCALE)
        coefficients.append((float(c0), float(c1)) if general else (0.0, 0.0))

    # Results that stay in the tile take its rows in turn: one is free again after its last use.
    last_use = {first + o: o for o in order}
    for o in order:
        for x in (ops[o][1], ops[o][3]):
            if x not in inputs:
                last_use[x] = o
    written = {variable for variable, *_ in finals}
    for _, _, reference, _ in finals:
        last_use[reference] = end
    free: list[int] = []
    n_temp = 0

    def temporary() -> int:
        nonlocal n_temp
        if free:
            return free.pop()
        n_temp += 1
        return n_mem + n_temp - 1

    held = {r: local[r] for r in sources}
    for _, _, reference, _ in finals:  # a source that lies where a final copy writes is put by
        if reference in local and place.get(memory.get(inputs[reference], -1)) in written and held[reference] < n_mem:
            held[reference] = temporary()
            step(held[reference], 1, local[reference])
    for o in order:
        c0, x, c1, y = ops[o]
        target = direct.get(first + o)
        places = held[x], held[y]
        for r in {x, y}:
            if r not in inputs and last_use[r] == o and held[r] >= n_mem:
                free.append(held[r])
        held[first + o] = temporary() if target is None else target
        step(held[first + o], c0, places[0], c1, places[1])
    for variable, coefficient, reference, add in finals:
        if add:
            step(variable, 1, variable, coefficient, held[reference])
        else:
            step(variable, coefficient, held[reference])
    return Sums(tuple(variables), n_in, n_temp, tuple(steps), tuple(coefficients))


def _needed(ops: list, first: int, roots: Iterable[int], have: dict[int, int]) -> set[int]:
    """References that must be known to form `roots`, those that `have` holds included and not looked behind."""
    needed, stack = set(), list(roots)
    while stack:
        reference = stack.pop()
        if reference not in needed:
            needed.add(reference)
            if reference >= first and reference not in have:
                stack += [ops[reference - first][1], ops[reference - first][3]]
    return needed
