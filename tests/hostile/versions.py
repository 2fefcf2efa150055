"""Hostile versions of a valid argument.

A *value* changes the numbers, a *layout* keeps them and changes how they lie in memory or what holds them, a *junk* is
no array of numbers at all. A call on a layout must give what it gives on the plain contiguous copy.
"""

import tempfile

import numpy as np
import scipy.sparse as sp


def _filled(number):
    def fill(a):
        a = _writeable(a)
        a.flat[a.size // 2] = number
        return a

    return fill


def _scaled(factor):
    return lambda a: _writeable(a) * a.dtype.type(factor) if a.dtype == np.float64 else _writeable(a)


def _writeable(a):
    return np.array(a, dtype=a.dtype if a.dtype.kind in "fc" else np.float64)


def _first_zero(axis):
    def clear(a):
        a = _writeable(a)
        a[(slice(None),) * min(axis, a.ndim - 1) + (0,)] = 0
        return a

    return clear


VALUES = {
    "as it is": lambda a: a,
    "nan": _filled(np.nan),
    "infinity": _filled(np.inf),
    "one entry 1e300": _filled(1e300),
    "one entry -1e300": _filled(-1e300),
    "one entry denormal": _filled(5e-324),
    "times 1e300": _scaled(1e300),
    "times 1e-300": _scaled(1e-300),
    "times 1e-310": _scaled(1e-310),
    "times 1e150": _scaled(1e150),
    "times 1e-160": _scaled(1e-160),
    "negative": lambda a: -np.asarray(a, np.float64),
    "zeros": lambda a: np.zeros(a.shape, a.dtype),
    "ones": lambda a: np.ones(a.shape, a.dtype),
    "integers": lambda a: np.round(3 * np.real(a)).astype(np.int64),
    "int8": lambda a: np.clip(np.round(3 * np.real(a)), -9, 9).astype(np.int8),
    "uint64": lambda a: np.abs(np.round(3 * np.real(a))).astype(np.uint64),
    "float16": lambda a: np.real(a).astype(np.float16),
    "float32": lambda a: np.real(a).astype(np.float32),
    "long double": lambda a: np.real(a).astype(np.longdouble),
    "complex": lambda a: np.asarray(a) * (1 + 1j),
    "bool": lambda a: np.real(a) > 0,
    "first row zero": _first_zero(0),
    "first column zero": _first_zero(1),
    "first row only": lambda a: a[:1].copy(),
    "no rows": lambda a: a[:0].copy(),
    "no columns": lambda a: a[..., :0].copy(),
    "one column less": lambda a: a[..., :-1].copy(),
    "one row less": lambda a: a[:-1].copy(),
    "one dimension more": lambda a: a[None].copy(),
    "one dimension less": lambda a: a[0].copy() if a.ndim > 1 else a.reshape(()) if a.size == 1 else a[:1].reshape(()),
    "raveled": lambda a: a.ravel().copy(),
    "equal rows": lambda a: np.repeat(a[:1], len(a), axis=0),
    "equal columns": lambda a: np.repeat(a[..., :1], a.shape[-1], axis=-1),
}


def _padded(a):
    large = np.full(tuple(n + 6 for n in a.shape), np.nan if a.dtype.kind in "fc" else 1, a.dtype)
    part = tuple(slice(3, 3 + n) for n in a.shape)
    large[part] = a
    return large[part]


def _every_second(a):
    large = np.ones(tuple(2 * n for n in a.shape), a.dtype)
    large[(slice(None, None, 2),) * a.ndim] = a
    return large[(slice(None, None, 2),) * a.ndim]


def _backwards(a):
    back = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[back])[back]


def _memory_map(a):
    if a.size == 0:
        return a.copy()  # of an empty file there is no map
    with tempfile.TemporaryFile() as file:
        a.tofile(file)
        file.flush()
        return np.memmap(file, a.dtype, "r", shape=a.shape)


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _unaligned(a):
    room = np.zeros(a.nbytes + 1, np.uint8)[1:]
    shifted = room.view(a.dtype).reshape(a.shape)
    shifted[...] = a
    return shifted


def _broadcast(a):
    """Zero strides along the first axis: the caller compares with a copy of it."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim else a


class _Duck:
    """An array by ``__array__`` alone."""

    def __init__(self, a):
        self.a = a

    def __array__(self, dtype=None, copy=None):
        return self.a.astype(dtype) if dtype is not None else self.a.copy()


LAYOUTS = {
    "plain": lambda a: a.copy(),
    "fortran": lambda a: np.asfortranarray(a),
    "slice of a larger array": _padded,
    "every second": _every_second,
    "negative strides": _backwards,
    "zero strides": _broadcast,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder()),
    "memory map": _memory_map,
    "list": lambda a: a.tolist(),
    "duck": _Duck,
    "objects": lambda a: a.astype(object),
    "matrix": lambda a: np.asmatrix(a) if a.ndim <= 2 else a,
    "masked": lambda a: np.ma.masked_array(a, np.arange(a.size).reshape(a.shape) % 3 == 0),
    "subclass": lambda a: a.view(np.recarray),
}

DENSE_ONLY = {"zero strides", "masked"}  # whose plain copy is not the value given


def _index(kind):
    def convert(A):
        A = sp.csr_array(A)
        A.indices, A.indptr = A.indices.astype(kind), A.indptr.astype(kind)
        return A

    return convert


def _unsorted(A):
    """The rows of a CSR array with their entries in falling order."""
    A = sp.csr_array(A)
    order = np.concatenate(
        [np.arange(stop - 1, start - 1, -1) for start, stop in zip(A.indptr[:-1], A.indptr[1:], strict=True)]
    )
    B = sp.csr_array((A.data[order], A.indices[order], A.indptr), A.shape)
    B.has_sorted_indices = False
    return B


def _duplicated(A):
    """Each entry as two halves, next to each other."""
    A = sp.csr_array(A)
    return sp.csr_array((np.repeat(A.data / 2, 2), np.repeat(A.indices, 2), A.indptr * 2), A.shape)


def _frozen(A):
    A = sp.csr_array(A)
    for part in (A.data, A.indices, A.indptr):
        part.flags.writeable = False
    return A


def _explicit_zeros(A):
    A = sp.csr_array(A)
    if A.ndim != 2:
        raise ValueError("of two dimensions alone")
    return sp.csr_array(
        (
            np.ones(A.shape).ravel() * A.toarray().ravel(),
            np.tile(np.arange(A.shape[1]), A.shape[0]),
            np.arange(A.shape[0] + 1) * A.shape[1],
        ),
        A.shape,
    )


SPARSE = {
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "coo": sp.coo_array,
    "csr matrix": sp.csr_matrix,
    "lil": sp.lil_array,
    "dok": sp.dok_array,
    "dia": sp.dia_array,
    "bsr": sp.bsr_array,
    "int64 indices": _index(np.int64),
    "unsorted": _unsorted,
    "unsorted csc": lambda A: _unsorted(A.T).T,
    "duplicates": _duplicated,
    "duplicates in coo": lambda A: sp.coo_array(_duplicated(A)),
    "duplicates in csc": lambda A: _duplicated(A.T).T,
    "read-only csr": _frozen,
    "explicit zeros": _explicit_zeros,
}


def _broken(change, form=sp.csr_array):
    def make(A):
        A = form(A)
        change(A)
        return A

    return make


def _beyond(A):
    A.indices[A.nnz // 2] = 10**8


def _below(A):
    A.indices[A.nnz // 2] = -(10**8)


def _falling(A):
    A.indptr[1] = A.nnz
    A.indptr[-2] = 0


def _far(A):
    A.indptr[1] = 10**8


def _broken_places(A):
    A = sp.coo_array(A)
    A.coords[0][A.nnz // 2] = 10**8
    return A


def _late(A):
    A.indptr[0] = 2


def _few_numbers(A):
    A.data = A.data[:-2].copy()


def _few_indices(A):
    A.indices = A.indices[:-2].copy()


def _few_rows(A):
    A.indptr = A.indptr[:-1].copy()


BROKEN = {  # what must be refused, or at least must not be followed out of the arrays
    "index too large": _broken(_beyond),
    "index below zero": _broken(_below),
    "falling indptr": _broken(_falling),
    "indptr too large": _broken(_far),
    "indptr from two on": _broken(_late),
    "data too short": _broken(_few_numbers),
    "indices too short": _broken(_few_indices),
    "indptr too short": _broken(_few_rows),
    "index too large, csc": _broken(_beyond, sp.csc_array),
    "index below zero, csc": _broken(_below, sp.csc_array),
    "falling indptr, csc": _broken(_falling, sp.csc_array),
    "data too short, csc": _broken(_few_numbers, sp.csc_array),
    "row too large, coo": _broken_places,
}

JUNK = {
    "none": None,
    "string": "seven",
    "strings": np.array([["a", "b"], ["c", "d"]]),
    "ragged": [[1.0, 2.0], [3.0]],
    "object": object(),
    "number": 3.0,
    "nan": float("nan"),
    "empty list": [],
    "empty dict": {},
    "zero dimensions": np.array(2.0),
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "objects": np.array([[None, 1.0], [2.0, object()]], dtype=object),
    "records": np.zeros(3, [("a", float)]),
    "generator": range(3),
    "set": {1.0, 2.0},
    "bytes": b"1234",
}

SCALARS = {
    "none": None,
    "zero": 0,
    "minus one": -1,
    "huge": 2**70,
    "past int32": 2**31,
    "half": 0.5,
    "minus half": -0.5,
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "tiny": 5e-324,
    "1e300": 1e300,
    "string": "2",
    "true": True,
    "complex": 1j,
    "array": np.array([1, 2]),
    "zero-d": np.array(2),
    "numpy int8": np.int8(2),
    "numpy float32": np.float32(0.5),
    "list": [2],
    "object": object(),
}
