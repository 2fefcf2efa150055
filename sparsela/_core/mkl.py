"""oneMKL's sparse times dense through ctypes, on the memory of the arrays it is given: found, bound, called, let go.

Nothing here runs at import. The wheel ``mkl`` puts ``libmkl_rt`` into the environment's library folder, which is not on
the loader's path, so it is looked for through the wheel's own list of files. The matrix is never handed to
``mkl_sparse_optimize``: that makes a copy of the values, and later changes in place are silently not seen.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import os
import re
import sys
from ctypes import POINTER, byref, c_double, c_float, c_int, c_void_p
from pathlib import Path

import numpy as np

from sparsela._ext import openmp

LP64, SEQUENTIAL, GNU = 0, 1, 3
ZERO_BASED, NON_TRANSPOSE, GENERAL, LOWER, NON_UNIT, ROW_MAJOR = 0, 10, 20, 40, 50, 101
STATUS = ("success", "not initialized", "allocation failed", "invalid value", "execution failed", "internal error")


class _Description(ctypes.Structure):
    _fields_ = [("type", c_int), ("mode", c_int), ("diagonal", c_int)]


def find() -> Path | None:
    """The file of oneMKL's single dynamic library: ``MKL_RT``, then the wheel, then the environment's ``lib``."""
    if asked := os.environ.get("MKL_RT"):
        return Path(asked)
    is_runtime = re.compile(r"(lib)?mkl_rt(\.so|\.\d+\.dll|\.\d+\.dylib|\.dylib|\.dll)[.\d]*$").fullmatch
    try:
        listed = [Path(f.locate()) for f in importlib.metadata.files("mkl") or () if is_runtime(f.name)]
    except importlib.metadata.PackageNotFoundError:
        listed = []
    beside = (p for p in (Path(sys.prefix) / "lib").glob("*mkl_rt*") if is_runtime(p.name))
    return next((p for p in [*sorted(listed), *sorted(beside)] if p.exists()), None)


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, ready for 32-bit indices and this process's OpenMP runtime; None where there is none that works."""
    path = find()
    if path is None:
        return None
    layer = SEQUENTIAL
    try:
        if openmp.version() and sys.platform == "linux":
            ctypes.CDLL("libgomp.so.1", ctypes.RTLD_GLOBAL)  # the runtime of the kernels, not a second one
            layer = GNU
        mkl = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
        # Both must come before the first call of anything else. The answer is the layer in use.
        if mkl.MKL_Set_Interface_Layer(LP64) != LP64:
            return None
        mkl.MKL_Set_Threading_Layer(layer)
        for letter, real in (("s", c_float), ("d", c_double)):
            create, multiply = mkl[f"mkl_sparse_{letter}_create_csr"], mkl[f"mkl_sparse_{letter}_mm"]
            create.argtypes = [POINTER(c_void_p), c_int, c_int, c_int, *[c_void_p] * 4]
            multiply.argtypes = [
                c_int,
                real,
                c_void_p,
                _Description,
                c_int,
                c_void_p,
                c_int,
                c_int,
                real,
                c_void_p,
                c_int,
            ]
            setattr(mkl, f"create_{letter}", create)
            setattr(mkl, f"multiply_{letter}", multiply)
        mkl.mkl_sparse_destroy.argtypes = [c_void_p]
    except (OSError, AttributeError):
        return None
    return mkl


def describe() -> str:
    """One line for ``show_config``, without loading anything."""
    path = find()
    if path is None:
        return "not found (optional: pip install sparsela[mkl])"
    try:
        version = importlib.metadata.version("mkl")
    except importlib.metadata.PackageNotFoundError:
        version = "version unknown"
    return f"{version}, {path.name}"


def spmm(shape, indptr, indices, data, X, Z, *, add: bool, n_threads: int) -> None:
    """Z = W X, or Z += W X with `add`, for a CSR matrix of int32 structure; rows of X and Z are contiguous."""
    mkl = load()
    letter, itemsize = "s" if data.dtype == np.float32 else "d", data.itemsize
    if 0 in Z.shape or data.size == 0:  # nothing to multiply; MKL takes no null pointer
        if not add:
            Z[...] = 0
        return
    handle = c_void_p()
    create, multiply = getattr(mkl, f"create_{letter}"), getattr(mkl, f"multiply_{letter}")
    starts, ends = indptr.ctypes.data, indptr.ctypes.data + indptr.itemsize
    _check(create(byref(handle), ZERO_BASED, *shape, starts, ends, indices.ctypes.data, data.ctypes.data))
    before = mkl.MKL_Set_Num_Threads_Local(n_threads)
    try:
        columns = Z.shape[1]
        x, ldx = X.ctypes.data, max(columns, X.strides[0] // itemsize)
        z, ldz = Z.ctypes.data, max(columns, Z.strides[0] // itemsize)
        general = _Description(GENERAL, LOWER, NON_UNIT)
        _check(multiply(NON_TRANSPOSE, 1.0, handle, general, ROW_MAJOR, x, columns, ldx, float(add), z, ldz))
    finally:
        mkl.MKL_Set_Num_Threads_Local(before)
        mkl.mkl_sparse_destroy(handle)


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"oneMKL: {STATUS[status] if status < len(STATUS) else f'status {status}'}")
