"""Factors to plain arrays and back: one ``.npz`` without pickle, and a reader that trusts nothing in it."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela._core.validation import KEPT
from sparsela.transforms._factors import Diagonal, KroneckerSparse, Permutation
from sparsela.transforms._matrices import Factor, as_factor

FORMAT_VERSION = 1
LIMIT = 100_000  # factors in a file


def to_arrays(parts: tuple[Factor, ...], scale: Any, dtype: np.dtype) -> dict[str, np.ndarray]:
    """Everything that makes an operator, as arrays by name."""
    stored: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "dtype": dtype.name,
        "scale": scale,
        "n_factors": len(parts),
    }
    for j, part in enumerate(parts):
        stored[f"kind_{j}"] = part.kind
        stored[f"shape_{j}"] = part.pattern if isinstance(part, KroneckerSparse) else part.shape
        stored |= {f"{name}_{j}": array for name, array in part.arrays().items()}
    return {name: np.asarray(value) for name, value in stored.items()}


def from_arrays(stored: Mapping[str, np.ndarray]) -> tuple[list[Factor], Any, np.dtype]:
    """The factors, scale and dtype that were stored; ValueError where something is missing or does not fit."""
    version = _integers(stored, "format_version", ())
    if version != FORMAT_VERSION:
        raise ValueError(f"format_version must be {FORMAT_VERSION}, the file has {version}: it is of another sparsela")
    dtype = _get(stored, "dtype")
    if dtype.dtype.kind != "U" or dtype.shape != () or dtype.item() not in KEPT:
        raise ValueError(f"dtype must be one of {KEPT}, the file has {dtype!r}")
    scale = _get(stored, "scale")
    if scale.shape != () or scale.dtype.kind not in "fc":
        raise ValueError(f"scale must be a number, the file has {scale!r}")
    n_factors = int(_integers(stored, "n_factors", ()))
    if not 1 <= n_factors <= LIMIT:
        raise ValueError(f"n_factors must be from 1 to {LIMIT}, the file has {n_factors}")
    return [_factor(stored, j) for j in range(n_factors)], scale.item(), np.dtype(dtype.item())


def _factor(stored: Mapping[str, np.ndarray], j: int) -> Factor:
    kind = _get(stored, f"kind_{j}")
    kind = kind.item() if kind.shape == () and kind.dtype.kind == "U" else None
    try:
        if kind == "csr":
            shape = tuple(_integers(stored, f"shape_{j}", (2,)).tolist())
            names = ("data", "indices", "indptr")
            data, indices, indptr = (_get(stored, f"{name}_{j}") for name in names)
            if indices.dtype.kind != "i" or indptr.dtype.kind != "i":
                raise ValueError(f"indices must be integers, the file has {indices.dtype} and {indptr.dtype}")
            csr = sp.csr_array((data, indices, indptr), shape=shape)
            csr.check_format(full_check=True)
            return as_factor(csr, f"factor {j}")
        if kind == "dense":
            return as_factor(_get(stored, f"array_{j}"), f"factor {j}")
        if kind == "kronecker":
            return KroneckerSparse(_get(stored, f"values_{j}"), *_integers(stored, f"shape_{j}", (4,)).tolist())
        if kind == "permutation":
            return Permutation(_get(stored, f"index_{j}"))
        if kind == "diagonal":
            return Diagonal(_get(stored, f"diagonal_{j}"))
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"factor {j} ({kind}) is not sound: {error}") from None
    raise ValueError(f"factor {j} is of the unknown kind {kind!r}")


def _get(stored: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in stored:
        raise ValueError(f"the file has no {name!r}")
    return stored[name]


def _integers(stored: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    value = _get(stored, name)
    if value.dtype.kind not in "iu" or value.shape != shape:
        raise ValueError(f"{name} must be integers of shape {shape}, the file has {value!r}")
    return value


def read(path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file; ValueError where it is none, or a header promises more than the file holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {member.filename.removesuffix(".npy"): _member(archive, member) for member in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path} is not a stored operator: {error}") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in header:
            raise ValueError(f"{member.filename} has the unknown array format {version}")
        shape, _, dtype = header[version](stream)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} promises {shape} of {dtype}, more than there is")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
