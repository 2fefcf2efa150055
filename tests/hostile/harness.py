"""One call on one hostile argument, and the verdict: None, or what was wrong in a line."""

import copy
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, DataDimensionalityWarning

from sparsela.lowrank import RankWarning

from .calls import TABLE
from .versions import BROKEN, JUNK, LAYOUTS, SCALARS, SPARSE, VALUES

REFUSALS = (ValueError, TypeError, MemoryError, FileNotFoundError, ImportError)
# what the library says in words of its own; a RuntimeWarning comes from inside NumPy
SAID = (
    PendingDeprecationWarning, UserWarning, ConvergenceWarning, DataConversionWarning, DataDimensionalityWarning,
    RankWarning,
)  # fmt: skip
TIES = ("recovery", "phase", "transforms")  # equal rows have many answers, and rounding chooses between them
SECONDS = 60  # the first call of a dtype may compile


class TooLong(BaseException):
    """No exception that a library would catch."""


def kind_of(value) -> str:
    if sp.issparse(value):
        return "array"
    if isinstance(value, np.ndarray):
        return "array" if value.dtype.kind in "fc" else "indices"
    return "scalar" if isinstance(value, (int, float)) and not isinstance(value, bool) else "other"


def cases(name: str) -> Iterator[tuple[str, str, str]]:
    """All (argument, value, layout) of a name; a layout of "" is a value that stands for itself."""
    call = TABLE[name]
    for argument, value in call.arguments.items():
        if kind_of(value) == "scalar":
            if not call.slow and argument not in call.keep:
                yield from ((argument, scalar, "scalar") for scalar in SCALARS)
            continue
        yield from ((argument, junk, "junk") for junk in JUNK)
        if kind_of(value) != "other":
            yield from ((argument, change, "plain") for change in VALUES)
            yield from ((argument, "as it is", layout) for layout in LAYOUTS)
        if kind_of(value) == "array" and value.ndim == 2:
            layouts = [layout for layout in SPARSE if (argument, layout) != ("pattern", "explicit zeros")]
            yield from ((argument, "as it is", layout) for layout in layouts)  # a zero stored is a place of a pattern
            yield from ((argument, fault, "broken") for fault in BROKEN)


def trial(name: str, argument: str, change: str, layout: str) -> str | None:
    """Run one case; the verdict."""
    call = TABLE[name]
    value = call.arguments[argument]
    if layout in ("scalar", "junk", "broken"):
        hostile = SCALARS[change] if layout == "scalar" else JUNK[change] if layout == "junk" else None
        if layout == "broken":
            hostile = BROKEN[change](_dense(value))
        return judge(call, argument, hostile, None)
    dense = _dense(value)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = VALUES[change](dense)
    if layout in SPARSE:
        with suppress(ValueError, TypeError):
            sparse = SPARSE[layout](changed)
            return judge(call, argument, sparse, sp.csr_array(changed))
        return None
    if sp.issparse(value) and changed.ndim == 2 and layout == "plain" and change not in ("long double", "float16"):
        return judge(call, argument, sp.csr_array(changed), None)
    if layout == "matrix" and changed.ndim != 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of numpy.matrix
        hostile = LAYOUTS[layout](changed)
    if layout == "plain" or (layout == "zero strides" and name.split(".")[0] in TIES):
        return judge(call, argument, hostile, None)
    plain = hostile.copy() if layout == "zero strides" else changed.copy()
    return judge(call, argument, hostile, None if layout == "masked" else plain)


def _dense(value):
    return value.toarray() if sp.issparse(value) else value


def judge(call, argument, hostile, plain) -> str | None:
    """The verdict on one call; `plain` is what must give the same answer, if anything must."""
    before = _bits(hostile)
    others = {name: _bits(value) for name, value in call.arguments.items() if name != argument}
    answer, complaint = _run(call, argument, hostile)
    if _bits(hostile) != before:
        return f"changed {argument}"
    for name, bits in others.items():
        if _bits(call.arguments[name]) != bits:
            return f"changed {name}"
    if isinstance(complaint, str):
        return complaint
    if plain is None or isinstance(complaint, Exception):
        return None
    expected, refused = _run(call, argument, plain)
    if refused is not None:
        return f"answers, while the plain copy gives {refused!r:.150}"
    return differs(answer, expected)


def _run(call, argument, value):
    """(answer, None), (None, the refusal) or (None, what was wrong)."""
    arguments = {**call.arguments, argument: value}
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(), _limit(SECONDS):
            warnings.simplefilter("error")
            for kind in SAID:
                warnings.simplefilter("ignore", kind)
            warnings.filterwarnings("ignore", "omp stopped after", RuntimeWarning)
            return call.run(**arguments), None
    except TooLong:
        return None, f"hangs: more than {SECONDS} s"
    except Warning as warning:
        return None, f"warns: {type(warning).__name__}: {warning!s:.150}"
    except REFUSALS as refusal:
        if not str(refusal) and not isinstance(refusal, MemoryError):
            return None, f"{type(refusal).__name__} without a word"
        taken = time.perf_counter() - start
        return None, refusal if taken < 20 else f"refuses after {taken:.0f} s"
    except Exception as error:
        return None, f"raises {type(error).__name__}: {error!s:.150}"


@contextmanager
def _limit(seconds):
    def stop(signum, frame):
        raise TooLong

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _bits(value):
    """Something that changes when what the caller gave is changed."""
    if sp.issparse(value):
        parts = [getattr(value, part) for part in ("data", "indices", "indptr", "row", "col") if hasattr(value, part)]
        if value.format in ("lil", "dok"):
            return value.toarray().tobytes()
        return value.format, value.shape, [_bits(part) for part in parts]
    if isinstance(value, np.ma.MaskedArray):
        return _bits(value.data), _bits(np.ma.getmaskarray(value))
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return [id(item) for item in value.flat]
        return value.shape, str(value.dtype), value.tobytes()
    return repr(value) if isinstance(value, (list, set, dict, int, float, str, bytes)) else None


def leaves(answer) -> Iterator:
    """The arrays and numbers in an answer, in order."""
    if sp.issparse(answer):
        yield answer.toarray()
    elif isinstance(answer, (np.ndarray, np.generic, int, float, complex, str)):
        yield np.asarray(answer)
    elif isinstance(answer, dict):
        for value in answer.values():
            yield from leaves(value)
    elif isinstance(answer, (list, tuple)) or hasattr(answer, "__dataclass_fields__"):
        if isinstance(answer, (list, tuple)):
            parts = answer
        else:  # the work done may depend on the layout
            parts = [getattr(answer, field) for field in answer.__dataclass_fields__ if field != "n_matvec"]
        for value in parts:
            yield from leaves(value)
    elif hasattr(answer, "toarray"):
        yield answer.toarray()


COUNTS = 1e-5


def differs(answer, expected) -> str | None:
    got, want = list(leaves(answer)), list(leaves(expected))
    if len(got) != len(want):
        return f"gives {len(got)} parts, the plain copy {len(want)}"
    for a, b in zip(got, want, strict=True):
        if a.shape != b.shape:
            return f"gives shape {a.shape}, the plain copy {b.shape}"
        if a.dtype.kind not in "fciub" or a.size == 0:
            continue
        a, b = (np.asarray(part, np.result_type(part.dtype, np.float64)) for part in (a, b))
        scale = np.abs(b[np.isfinite(b)]).max(initial=0)
        with np.errstate(all="ignore"):
            if not np.allclose(a, b, rtol=1e-5, atol=COUNTS * scale + 1e-10, equal_nan=True):
                return f"differs from the plain copy by {np.nanmax(np.abs(a - b)):.3g}"
    return None


def fresh_table():
    """A copy of the arguments, for a look at what a call changed."""
    return {name: copy.deepcopy(call.arguments) for name, call in TABLE.items()}
