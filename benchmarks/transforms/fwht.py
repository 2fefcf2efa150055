"""The fast Walsh–Hadamard transform.

2²⁴ numbers, in place, unnormalised, one thread, as rows (the last axis) and as columns (axis 0 of an array in C order),
of length 2⁴ to 2²², against fht-cpu. It has no transform of columns: it copies them to Fortran order and back. The
floor is one pass over the array in place, ``np.negative(X, out=X)``: one read and one write of memory. pyfaust
multiplies by its factors of the Hadamard matrix. Where an array starts in a line of the cache changes the time of
fht-cpu by up to 1.4, ours by 1.1: that is most of the spread.
Last, one vector of 2²⁴ numbers on two threads, new memory for the result, against the cosine transform of SciPy, which
has the same use in compressed sensing (another transform: both must keep the norm).
"""

import warnings
from functools import partial

import numpy as np
import scipy.fft

from benchmarks._pairs import Case, agree, versioned
from sparsela.transforms import fwht


def cases(quick: bool):
    total = 2**20 if quick else 2**24
    for axis, name in ((1, "rows"), (0, "columns")):
        for dtype in (np.float32, np.float64):
            for log2n in (4, 7, 10, 12, 14, 17, 20) if quick else (4, 7, 10, 12, 14, 17, 20, 22):
                n = 2**log2n
                shape = (total // n, n) if axis else (n, total // n)
                if min(shape) < 4 and not axis:
                    continue  # a few columns are as good as rows
                yield against_fht_cpu(f"{name}, n = 2^{log2n}, {np.dtype(dtype)}", shape, axis, dtype)
    yield against_fht_cpu("one row, n = 2^20, float32", (1, 2**20), 1, np.float32, bar=0.9)
    yield against_fht_cpu("rows of 1024 in L3, float32", (4096, 1024), 1, np.float32)
    yield against_fht_cpu("rows of 1024 in L3, float64", (4096, 1024), 1, np.float64)
    yield against_pyfaust()
    yield two_threads()
    for dtype, bar in ((np.float32, 3.0), (np.float64, 4.0)):
        yield against_dct(2**20 if quick else 2**24, dtype, bar)


def against_fht_cpu(name, shape, axis, dtype, bar=None):
    mine = np.random.default_rng(0).normal(size=shape).astype(dtype)
    yours, other = mine.copy(), np.zeros(shape, dtype)

    def peer():
        import fht_cpu

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it copies columns
            return fht_cpu.fht(yours, axis=axis, num_threads=1)

    ours = partial(fwht, mine, axis, normalize=False, out=mine)
    floor = partial(np.negative, other, out=other)
    check = partial(same_then_zero, mine, yours)
    bar = bar or (1.0 if axis else 4.0)
    return Case(name, ours, peer, check, versioned("fht-cpu"), floor, "one pass in place", bar)


def same_then_zero(mine, yours, ours, peer) -> str:
    """In place over and over, unnormalised numbers would overflow: zeros stay."""
    said = agree(ours, peer, rtol=1e-5 if mine.dtype == np.float32 else 1e-13)
    mine[...], yours[...] = 0, 0
    return said


def against_pyfaust():
    X = np.random.default_rng(0).normal(size=(1024, 256))
    theirs = np.asfortranarray(X)  # it copies what is not

    def peer():
        return peer.faust @ theirs

    try:
        from pyfaust import wht

        name, peer.faust = versioned("pyfaust"), wht(1024)
    except ImportError:
        name = "pyfaust"

        def peer():
            raise ImportError("pyfaust is not installed")

    check = partial(agree, rtol=1e-12)
    return Case("columns, (1024, 256), float64", partial(fwht, X, 0), peer, check, name, bar=20.0)


def two_threads():
    X = np.random.default_rng(0).standard_normal((16384, 1024), dtype=np.float32)
    ours, peer = (partial(fwht, X, out=X, n_jobs=jobs) for jobs in (2, 1))
    same = partial(agree, rtol=0.0)
    return Case("rows, n = 2^10, float32, 2 threads", ours, peer, same, "one thread", bar=1.6, threads=2)


def against_dct(n, dtype, bar):
    x = np.random.default_rng(0).standard_normal(n, dtype=dtype)
    ours, peer = partial(fwht, x, n_jobs=2), partial(scipy.fft.dct, x, norm="ortho", workers=2)
    name = f"one vector, n = 2^{n.bit_length() - 1}, {np.dtype(dtype)}, against a cosine transform"
    return Case(name, ours, peer, partial(keep_the_norm, x), versioned("scipy"), bar=bar, threads=2)


def keep_the_norm(x, ours, peer) -> str:
    off = max(abs(np.linalg.norm(y) / np.linalg.norm(x) - 1) for y in (ours, peer))
    assert off < 1e-4, f"norms off by {off:.1e}"
    return f"norms kept to {off:.0e}"
