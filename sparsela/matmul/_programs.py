"""Straight-line programs of additions: how the sums of a scheme are formed, exactly and step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

MOST_INPUTS = 1 << 24  # entries of a block matrix: no scheme is near it


@dataclass(frozen=True)
class Schedule:
    """An order of the operations of a program and what is free after each.

    Attributes
    ----------
    order : tuple of int
        Operations: s below the number of steps is step s, ``len(steps) + f`` is the sum of output f.
    frees : tuple of tuple of int
        Variables (steps' results, never inputs) that no later operation reads, one tuple an operation of `order`.
    n_live_max : int
        Most results of steps that are held at one time.
    """

    order: tuple[int, ...]
    frees: tuple[tuple[int, ...], ...]
    n_live_max: int


@dataclass(frozen=True)
class AdditionProgram:
    """A straight-line program that computes linear forms by additions and subtractions.

    Parameters
    ----------
    n_inputs : int
        Number q of inputs, variables 0 … q − 1.
    steps : sequence of (sign_i, i, sign_j, j)
        Step s defines variable q + s as ``sign_i · x_i + sign_j · x_j`` of earlier variables i ≠ j. Signs are ±1, or
        other integers where the forms have such coefficients.
    outputs : sequence of sequences of (sign, variable)
        One form each: a single variable or a final sum of several different ones; empty is the zero form.

    Attributes
    ----------
    n_outputs : int
        Number p of forms.
    additions : int
        Steps plus the additions of the final sums; signs are free.
    depths : tuple of int
        Longest chain of additions behind each output.

    Raises
    ------
    TypeError
        If a number is not an int.
    ValueError
        If a step or an output names a variable that is not defined before it, the same one twice, or a zero sign.

    Notes
    -----
    A p × q matrix without zero rows or columns and its transpose differ by exactly p − q in their number of additions
    (:meth:`transposed`).

    References
    ----------
    S. Winograd. On multiplication of 2×2 matrices. Linear Algebra and its Applications, 1971.

    Examples
    --------
    Three sums of three inputs with two additions: x0 + x1, x0 + x1 + x2, x2.

    >>> program = AdditionProgram(3, [(1, 0, 1, 1), (1, 3, 1, 2)], [[(1, 3)], [(1, 4)], [(1, 2)]])
    >>> program.additions
    2
    >>> program.expand()
    array([[1, 1, 0],
           [1, 1, 1],
           [0, 0, 1]])
    """

    n_inputs: int
    steps: tuple[tuple[int, int, int, int], ...]
    outputs: tuple[tuple[tuple[int, int], ...], ...]

    def __init__(self, n_inputs: int, steps: Iterable[Sequence[int]], outputs: Iterable[Iterable[Sequence[int]]]):
        if isinstance(n_inputs, bool) or not isinstance(n_inputs, Integral):
            raise TypeError(f"n_inputs must be an int, got {type(n_inputs).__name__}")
        if not 1 <= n_inputs <= MOST_INPUTS:
            raise ValueError(f"n_inputs must be between 1 and {MOST_INPUTS}, got {n_inputs}")
        object.__setattr__(self, "n_inputs", int(n_inputs))
        object.__setattr__(self, "steps", tuple(_ints(step, 4, "a step") for step in steps))
        object.__setattr__(self, "outputs", tuple(tuple(_ints(x, 2, "a term") for x in form) for form in outputs))
        for s, (a, i, b, j) in enumerate(self.steps):
            _check_terms(((a, i), (b, j)), self.n_inputs + s, f"step {s}")
        for f, form in enumerate(self.outputs):
            _check_terms(form, self.n_inputs + len(self.steps), f"output {f}")

    @classmethod
    def naive(cls, matrix: Any) -> AdditionProgram:
        """The program without steps: every row of an integer matrix is its own sum."""
        matrix = np.asarray(matrix)
        return cls(matrix.shape[1], (), [[(int(row[j]), int(j)) for j in np.flatnonzero(row)] for row in matrix])

    @property
    def n_outputs(self) -> int:
        return len(self.outputs)

    @cached_property
    def additions(self) -> int:
        return len(self.steps) + sum(max(len(form) - 1, 0) for form in self.outputs)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        depth = [0] * self.n_inputs
        for _, i, _, j in self.steps:
            depth.append(1 + max(depth[i], depth[j]))
        out = []
        for form in self.outputs:
            deep = depth[form[0][1]] if form else 0
            for _, i in form[1:]:
                deep = 1 + max(deep, depth[i])
            out.append(deep)
        return tuple(out)

    def expand(self) -> np.ndarray:
        """The matrix that the program computes, exactly.

        Returns
        -------
        ndarray of int64 of shape (n_outputs, n_inputs)

        Raises
        ------
        OverflowError
            If an entry does not fit.
        """
        unit = [[int(i == j) for j in range(self.n_inputs)] for i in range(self.n_inputs)]
        rows = [np.array(row, dtype=object) for row in unit]
        return np.array([form.tolist() for form in self._run(rows)], np.int64).reshape(self.n_outputs, self.n_inputs)

    def evaluate(self, blocks: Sequence[Any]) -> list[Any]:
        """The forms of given inputs: numbers or arrays of one shape.

        Parameters
        ----------
        blocks : sequence of n_inputs numbers or arrays
            What stands for the inputs, in their order.

        Returns
        -------
        list of n_outputs
        """
        if len(blocks) != self.n_inputs:
            raise ValueError(f"blocks must hold {self.n_inputs} inputs, got {len(blocks)}")
        return self._run(list(blocks))

    def _run(self, x: list[Any]) -> list[Any]:
        for a, i, b, j in self.steps:
            x.append(_sum(((a, x[i]), (b, x[j]))))
        return [_sum([(sign, x[i]) for sign, i in form]) if form else 0 * x[0] for form in self.outputs]

    def transposed(self) -> AdditionProgram:
        """The program of the transposed matrix: all edges reversed.

        Returns
        -------
        AdditionProgram
            ``n_outputs`` inputs and ``n_inputs`` forms; additions change by n_outputs − n_inputs for a matrix without
            zero rows or columns whose steps are all used.
        """
        q, p = self.n_inputs, self.n_outputs
        uses: list[list[tuple[int, int, bool]]] = [[] for _ in range(q + len(self.steps))]
        for f, form in enumerate(self.outputs):
            for sign, i in form:
                uses[i].append((sign, f, True))
        for s, (a, i, b, j) in enumerate(self.steps):
            uses[i].append((a, q + s, False))
            uses[j].append((b, q + s, False))
        steps: list[tuple[int, int, int, int]] = []
        value: dict[int, list[tuple[int, int]]] = {}  # of a step reversed: nothing, or one signed variable

        def collect(variable: int) -> list[tuple[int, int]]:
            total: dict[int, int] = {}
            for sign, target, is_output in uses[variable]:
                for coefficient, i in [(1, target)] if is_output else value[target]:
                    total[i] = total.get(i, 0) + sign * coefficient
            return [(c, i) for i, c in total.items() if c]

        for s in reversed(range(len(self.steps))):
            terms = collect(q + s)
            while len(terms) > 1:
                (a, i), (b, j) = terms[:2]
                steps.append((a, i, b, j))
                terms[:2] = [(1, p + len(steps) - 1)]
            value[q + s] = terms
        return AdditionProgram(p, steps, [collect(i) for i in range(q)])

    def rearranged(self, inputs: Sequence[int] | None = None, outputs: Sequence[int] | None = None) -> AdditionProgram:
        """The program whose input i is input ``inputs[i]`` of this one, and its output f output ``outputs[f]``."""
        place = list(range(self.n_inputs + len(self.steps)))
        if inputs is not None:
            for new, old in enumerate(inputs):
                place[old] = new
        steps = [(a, place[i], b, place[j]) for a, i, b, j in self.steps]
        forms = [[(sign, place[i]) for sign, i in form] for form in self.outputs]
        return AdditionProgram(self.n_inputs, steps, forms if outputs is None else [forms[f] for f in outputs])

    def schedule(self) -> Schedule:
        """An order of steps and output sums that holds few results at a time, with what each leaves free.

        Greedy: of the operations whose operands are there, the one that frees most and keeps least, ties by index.

        Returns
        -------
        Schedule
        """
        q, n = self.n_inputs, len(self.steps)
        reads = [{i, j} for _, i, _, j in self.steps] + [{i for _, i in form} for form in self.outputs]
        left = [0] * (q + n)
        for read in reads:
            for i in read:
                left[i] += 1
        missing = [sum(i >= q for i in read) for read in reads]
        readers: list[list[int]] = [[] for _ in range(q + n)]
        for o, read in enumerate(reads):
            for i in read:
                readers[i].append(o)
        ready = {o for o, count in enumerate(missing) if not count}
        order, frees, live, most = [], [], 0, 0
        while ready:

            def gain(o: int) -> tuple[int, int]:
                return sum(i >= q and left[i] == 1 for i in reads[o]) - (o < n and left[q + o] > 0), -o

            o = max(ready, key=gain)
            ready.remove(o)
            if o < n:
                live += 1
                most = max(most, live)
                for other in readers[q + o]:
                    missing[other] -= 1
                    if not missing[other]:
                        ready.add(other)
            for i in reads[o]:
                left[i] -= 1
            done = sorted(i for i in reads[o] if i >= q and not left[i])
            if o < n and not left[q + o]:
                done.append(q + o)
            live -= len(done)
            order.append(o)
            frees.append(tuple(done))
        return Schedule(tuple(order), tuple(frees), most)

    @property
    def n_live_max(self) -> int:
        """Most temporaries alive at a time, in the order of :meth:`schedule`."""
        return self.schedule().n_live_max

    def to_source(self, language: str = "python") -> str:
        """The program as readable text of a function; nothing is executed from it.

        Parameters
        ----------
        language : {"python", "c"}, default="python"

        Returns
        -------
        str
        """
        if language not in ("python", "c"):
            raise ValueError(f"language must be 'python' or 'c', got {language!r}")
        q = self.n_inputs
        c = language == "c"

        def name(i: int) -> str:
            return f"x[{i}]" if i < q else f"t{i - q}"

        def text(terms: Iterable[tuple[int, int]]) -> str:
            parts = []
            for sign, i in terms:
                size = name(i) if abs(sign) == 1 else f"{abs(sign)} * {name(i)}"
                parts.append(("- " if sign < 0 else "+ ") + size)
            joined = " ".join(parts) or "0"
            return joined[2:] if joined.startswith("+ ") else joined.replace("- ", "-", 1)

        steps = [f"t{s} = {text(((a, i), (b, j)))}" for s, (a, i, b, j) in enumerate(self.steps)]
        forms = [text(form) for form in self.outputs]
        if c:
            body = [f"    const double {step};" for step in steps] + [f"    y[{f}] = {x};" for f, x in enumerate(forms)]
            return "\n".join(["static void sums(const double *x, double *y)", "{", *body, "}"]) + "\n"
        body = [f"    {step}" for step in steps]
        return "\n".join(["def sums(x):", *body, "    return [", *(f"        {x}," for x in forms), "    ]"]) + "\n"


def _sum(terms: Sequence[tuple[int, Any]]) -> Any:
    (sign, total), *rest = terms
    total = total if sign == 1 else -total if sign == -1 else sign * total
    for sign, x in rest:
        if sign == 1:
            total = total + x
        elif sign == -1:
            total = total - x
        else:
            total = total + sign * x
    return total


def _ints(values: Sequence[int], length: int, what: str) -> tuple[int, ...]:
    values = tuple(values)
    if len(values) != length or any(isinstance(x, bool) or not isinstance(x, Integral) for x in values):
        raise TypeError(f"{what} must be {length} ints, got {values!r}")
    return tuple(int(x) for x in values)


def _check_terms(terms: Sequence[tuple[int, int]], n_defined: int, where: str) -> None:
    seen = set()
    for sign, i in terms:
        if not sign:
            raise ValueError(f"{where} has a zero sign at variable {i}")
        if not 0 <= i < n_defined:
            raise ValueError(f"{where} reads variable {i}, but only 0 … {n_defined - 1} are defined before it")
        if i in seen:
            raise ValueError(f"{where} reads variable {i} twice")
        seen.add(i)
