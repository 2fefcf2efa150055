"""The fast Walsh–Hadamard transform.

2²⁴ numbers, in place, unnormalised, one thread, as rows (the last axis) and as columns (axis 0 of an array in C order),
of length 2⁴ to 2²², against fht-cpu. It has no transform of columns: it copies them to Fortran order and back. The
floor is one pass over the array in place, ``np.negative(X, out=X)``: one read and one write of memory. pyfaust
multiplies by its factors of the Hadamard matrix. The bars are 1 on rows (0.9 for a single row of 2²⁰) and 4 on columns.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, agree, versioned
from sparsela.transforms import fwht


def cases(quick: bool):
    total = 2**20 if quick else 2**24
    for axis, name in ((1, "rows"), (0, "columns")):
        for dtype in (np.float32, np.float64):
            for log2n in (4, 7, 10, 12, 14, 17, 20) if quick else (4, 7, 10, 12, 14, 17, 20, 22):
                n = 2**log2n
                shape = (total // n, n) if axis else (n, total // n)
                yield against_fht_cpu(f"{name}, n = 2^{log2n}, {np.dtype(dtype)}", shape, axis, dtype)
    yield against_fht_cpu("one row, n = 2^20, float32", (1, 2**20), 1, np.float32, bar=0.9)
    yield against_fht_cpu("rows of 1024 in L3, float32", (4096, 1024), 1, np.float32)
    yield against_fht_cpu("rows of 1024 in L3, float64", (4096, 1024), 1, np.float64)
    yield against_pyfaust()
    yield two_threads(total)


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

    def peer():
        return peer.faust @ X

    try:
        from pyfaust import wht

        name, peer.faust = versioned("pyfaust"), wht(1024)
    except ImportError:
        name = "pyfaust"

        def peer():
            raise ImportError("pyfaust is not installed")

    check = partial(agree, rtol=1e-12)
    return Case("columns, (1024, 256), float64", partial(fwht, X, 0), peer, check, name, bar=20.0)


def two_threads(total):
    X = np.random.default_rng(0).normal(size=(total // 1024, 1024)).astype(np.float32)
    ours, peer = (partial(fwht, X, out=X, n_jobs=jobs) for jobs in (2, 1))
    same = partial(agree, rtol=0.0)
    return Case("rows, n = 2^10, float32, 2 threads", ours, peer, same, "one thread", bar=1.6, threads=2)
