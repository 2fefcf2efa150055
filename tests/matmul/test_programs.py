"""Straight-line programs: what they compute, reversed, scheduled and written out."""

import numpy as np
import pytest

from sparsela.matmul import AdditionProgram, get_scheme


def test_naive_is_the_matrix():
    rng = np.random.default_rng(0)
    for _ in range(50):
        M = rng.integers(-2, 3, rng.integers(1, 12, 2))
        program = AdditionProgram.naive(M)
        assert (program.expand() == M).all()
        assert program.additions == sum(max(np.count_nonzero(row) - 1, 0) for row in M)
        x = rng.integers(-9, 10, (M.shape[1], 4))
        assert (np.array(program.evaluate(list(x))) == M @ x).all()


def test_transposed_of_winograd():
    for program in get_scheme("winograd").programs:
        turned = program.transposed()
        assert (turned.expand() == program.expand().T).all()
        assert turned.additions == program.additions + program.n_outputs - program.n_inputs
        assert (turned.transposed().expand() == program.expand()).all()


def test_transposed_with_coefficients_unused_steps_and_zero_forms():
    program = AdditionProgram(3, [(2, 0, -3, 1), (1, 3, 1, 2), (1, 0, 1, 2)], [[(5, 4), (1, 0)], [], [(-1, 3)]])
    assert (program.transposed().expand() == program.expand().T).all()


def run_schedule(program, x):
    """Carry out a schedule and free what it says; returns the forms and the most buffers held."""
    plan = program.schedule()
    q, n = program.n_inputs, len(program.steps)
    held, forms, most = {}, {}, 0
    read = lambda i: x[i] if i < q else held[i]  # noqa: E731
    for operation, free in zip(plan.order, plan.frees, strict=True):
        if operation < n:
            a, i, b, j = program.steps[operation]
            held[q + operation] = a * read(i) + b * read(j)
            most = max(most, len(held))
        else:
            forms[operation - n] = sum(s * read(i) for s, i in program.outputs[operation - n])
        for i in free:
            del held[i]
    assert not held
    return [forms[f] for f in range(program.n_outputs)], most


@pytest.mark.parametrize("name", ["winograd", "laderman", "strassen"])
def test_schedule_is_an_order_that_frees_what_it_can(name):
    rng = np.random.default_rng(0)
    for program in get_scheme(name).programs:
        x = rng.integers(-9, 10, program.n_inputs)
        forms, most = run_schedule(program, x)
        assert forms == program.evaluate(list(x))
        assert most == program.n_live_max


def test_schedule_holds_less_than_the_order_of_the_steps():
    # eight independent sums of two, each read by one output alone: one buffer is enough
    steps = [(1, 2 * t, 1, 2 * t + 1) for t in range(8)]
    program = AdditionProgram(16, steps, [[(1, 16 + t)] for t in range(8)])
    assert program.n_live_max == 1


def test_depths_are_longest_chains():
    program = AdditionProgram(4, [(1, 0, 1, 1), (1, 4, 1, 2)], [[(1, 0)], [(1, 5), (1, 3)], [(1, 3), (1, 5)], [(1, 4)]])
    assert program.depths == (0, 3, 3, 1)
    assert AdditionProgram.naive([[1, 1, 1, 1]]).depths == (3,)


def test_source_is_the_program():
    rng = np.random.default_rng(0)
    for program in get_scheme("winograd").programs:
        space = {}
        exec(program.to_source(), space)
        x = rng.integers(-9, 10, program.n_inputs)
        assert space["sums"](x) == program.evaluate(list(x))
        assert program.to_source("c").count("=") == len(program.steps) + program.n_outputs
    with pytest.raises(ValueError, match="language"):
        program.to_source("fortran")


def test_rearranged():
    program = get_scheme("winograd").programs[0]
    M = program.expand()
    assert (program.rearranged(outputs=[6, 5, 4, 3, 2, 1, 0]).expand() == M[::-1]).all()
    assert (program.rearranged(inputs=[1, 0, 3, 2]).expand()[:, [1, 0, 3, 2]] == M).all()


def test_frozen_and_hashable():
    program = get_scheme("winograd").programs[0]
    assert hash(program) == hash(AdditionProgram(program.n_inputs, program.steps, program.outputs))
    with pytest.raises(AttributeError):
        program.steps = ()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, [], []), ValueError, "between 1 and"),
        ((1.5, [], []), TypeError, "n_inputs must be an int"),
        ((2, [(1, 0, 1)], []), TypeError, "a step must be 4 ints"),
        ((2, [(1, 0, 1.0, 1)], []), TypeError, "a step must be 4 ints"),
        ((2, [(1, 0, 1, 2)], []), ValueError, "step 0 reads variable 2"),
        ((2, [(1, 0, 1, 0)], []), ValueError, "variable 0 twice"),
        ((2, [(1, 0, 0, 1)], []), ValueError, "zero sign"),
        ((2, [], [[(1, 5)]]), ValueError, "output 0 reads variable 5"),
        ((2, [], [[(1, 1), (-1, 1)]]), ValueError, "variable 1 twice"),
    ],
)
def test_bad_programs(arguments, error, words):
    with pytest.raises(error, match=words):
        AdditionProgram(*arguments)


def test_wrong_number_of_blocks():
    with pytest.raises(ValueError, match="4 inputs, got 3"):
        get_scheme("winograd").programs[0].evaluate([1, 2, 3])
