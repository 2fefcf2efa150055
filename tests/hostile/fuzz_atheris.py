"""Coverage-guided fuzzing, where atheris is installed: ``python -m hostile.fuzz_atheris -runs=10000`` in tests.

The bytes of atheris choose a name, an argument, a value, a layout and a few numbers that are written into the array.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import atheris
import numpy as np

COMPILED = [f"sparsela._ext.{file.stem}" for file in Path(find_spec("sparsela").origin).parent.glob("_ext/*.py")]
with atheris.instrument_imports(include=["sparsela"], exclude=COMPILED):  # Numba cannot compile what counts branches
    from .calls import TABLE
    from .harness import judge, kind_of
    from .versions import LAYOUTS, SPARSE, VALUES

TARGETS = [
    (name, argument)
    for name, call in TABLE.items()
    for argument, value in call.arguments.items()
    if kind_of(value) == "array" and isinstance(value, np.ndarray)
]


def one_input(data: bytes) -> None:
    chosen = atheris.FuzzedDataProvider(data)
    name, argument = chosen.PickValueInList(TARGETS)
    change = chosen.PickValueInList([*VALUES])
    layout = chosen.PickValueInList([*LAYOUTS, *SPARSE])
    with np.errstate(all="ignore"):
        value = VALUES[change](TABLE[name].arguments[argument])
        if value.dtype.kind == "f" and value.size:
            value = np.array(value)
            for _ in range(chosen.ConsumeIntInRange(0, 4)):
                place = chosen.ConsumeIntInRange(0, value.size - 1)
                value.flat[place] = chosen.ConsumeFloat()
    try:
        hostile = {**LAYOUTS, **SPARSE}[layout](value)
    except (ValueError, TypeError):
        return  # SciPy does not hold such a thing
    verdict = judge(TABLE[name], argument, hostile, None)
    if verdict:
        raise AssertionError(f"{name} | {argument} | {change} | {layout} | {verdict}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
