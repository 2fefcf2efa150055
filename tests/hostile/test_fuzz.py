"""Hostile arguments to every public name: a right answer or an error in words, in time, with the input left alone."""

from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .calls import ROOMS, TABLE, public_names
from .harness import cases, kind_of, leaves, trial
from .versions import LAYOUTS, SPARSE, VALUES

FUZZED = [name for name, call in TABLE.items() if call.arguments]


def test_every_public_name_is_fuzzed():
    assert set(TABLE) == public_names()


@pytest.mark.parametrize("name", FUZZED)
def test_one_in_thirty_of_all_cases(name):
    """`make fuzz` runs them all; here a share that differs from name to name."""
    findings = [
        (*case, verdict)
        for i, case in enumerate(cases(name))
        if (i + crc32(name.encode())) % 30 == 0 and (verdict := trial(name, *case))
    ]
    assert not findings


@st.composite
def hostile_cases(draw, room: str):
    """A value and a layout at once, of an array argument of some name in the room."""
    pool = [
        (name, argument)
        for name in FUZZED
        if name.rpartition(".")[0] == room
        for argument, value in TABLE[name].arguments.items()
        if kind_of(value) == "array"
    ]
    name, argument = draw(st.sampled_from(pool))
    return name, argument, draw(st.sampled_from([*VALUES])), draw(st.sampled_from([*LAYOUTS, *SPARSE]))


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in ("datasets",)])
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_values_and_layouts_together(room, data):
    case = data.draw(hostile_cases(room))
    assert trial(*case) is None


@pytest.mark.parametrize("name", ["recovery.omp", "sketch.sketch", "coding.batch_omp"])
def test_the_judge_sees_what_is_wrong(name, monkeypatch):
    """A call that changes its input, warns, raises something odd or answers by layout is found out."""
    call = TABLE[name]
    argument = next(iter(call.arguments))

    def changes(**given):
        given[argument][...] = 0

    def warns(**given):
        return np.array(1e300) * 1e300

    def raises(**given):
        raise IndexError("tuple index out of range")

    def by_layout(**given):
        return float(given[argument].flags.c_contiguous)

    for wrong, verdict in ((changes, "changed"), (warns, "warns"), (raises, "raises"), (by_layout, "differs")):
        monkeypatch.setattr(call, "run", wrong)
        assert verdict in trial(name, argument, "as it is", "fortran")


@pytest.mark.parametrize("name", ["coding.batch_lasso", "lowrank.svd_update", "nn.spmm", "phase.htp"])
def test_answers_have_parts_to_compare(name):
    call = TABLE[name]
    assert sum(part.size for part in leaves(call.run(**call.arguments))) > 1
