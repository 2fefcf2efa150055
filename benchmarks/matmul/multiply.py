"""The fast product against BLAS.

``multiply`` at its defaults, never calibrated, with ``check_finite=False`` and a given ``out``, against
``numpy.matmul`` with ``out``, on one thread (CPU time) and on two (wall time). The table says how many levels of
Winograd's scheme ran, in how much scratch memory, and the kernel of BLAS. Where no level pays, ``multiply`` is
``numpy.matmul``; the sweep shows what asking costs, over forty shapes whose sizes are random between 40 and 3000.
"""

from functools import partial
from itertools import cycle

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks._pairs import Case
from sparsela.matmul import MachineModel, error_bound, multiply, plan_multiply

F, D = "float32", "float64"
# shape, dtype, threads, the ratio wanted
TABLE = [
    ((512, 512, 512), D, 1, 0.95),
    ((512, 512, 512), F, 1, 0.95),
    ((1024, 1024, 1024), D, 1, 1.0),
    ((1024, 1024, 1024), F, 1, 1.0),
    ((2048, 2048, 2048), D, 1, 1.08),
    ((2048, 2048, 2048), F, 1, 1.06),
    ((2048, 2048, 2048), D, 2, 1.0),
    ((2048, 2048, 2048), F, 2, 1.0),
    ((3000, 3000, 3000), D, 1, 1.12),
    ((3000, 3000, 3000), F, 1, 1.10),
    ((3001, 3001, 3001), D, 1, 1.12),
    ((8192, 1024, 8192), D, 1, 1.04),
    ((8192, 2048, 2048), D, 1, 1.05),
    ((4096, 4096, 4096), D, 1, 1.18),
    ((4096, 4096, 4096), F, 1, 1.18),
    ((4096, 4096, 4096), D, 2, 1.10),
    ((4096, 4096, 4096), F, 2, 1.10),
    ((8192, 8192, 8192), F, 1, 1.30),
    ((8192, 8192, 8192), F, 2, 1.18),
    ((8192, 8192, 8192), D, 1, 1.27),
    ((8192, 8192, 8192), D, 2, 1.18),
]
SWEEP = 40
GRACE = 20e-6  # seconds that asking may cost


def cases(quick: bool):
    table = [((256, 256, 256), D, 1, None), ((300, 200, 100), F, 2, None)] if quick else TABLE
    for shape, dtype, threads, bar in table:
        yield case(shape, dtype, threads, bar)
    rng = np.random.default_rng(0)
    for i in range(3 if quick else SWEEP):
        top = 200 if quick else 3000
        shape = tuple(int(x) for x in np.exp(rng.uniform(np.log(40), np.log(top), 3)))
        dtype, threads = (D, F)[i % 2], 1 + i // 2 % 2
        blas = MachineModel.nominal(dtype).predict_blas(shape, threads)
        yield case(shape, dtype, threads, round(1 / (1 / 0.95 + GRACE / blas), 2), "sweep, ")


def case(shape, dtype, threads, bar, prefix=""):
    m, k, n = shape
    arrays = {}  # made when they are first used, so that one case at a time is in memory

    def operands():
        if not arrays:
            rng = np.random.default_rng(0)
            for name, size in (("A", (m, k)), ("B", (k, n))):
                arrays[name] = rng.standard_normal(size, np.float32).astype(dtype)
            arrays["out"] = [np.zeros((m, n), dtype) for _ in range(2)]
        return arrays

    # Where an array lies is worth up to 3 % to BLAS: both sides write to both arrays in turn, never to the same one.
    turns = {"ours": cycle((0, 1)), "peer": cycle((1, 0))}

    def ours():
        x = operands()
        return multiply(x["A"], x["B"], out=x["out"][next(turns["ours"])], check_finite=False)

    def peer():
        x = operands()
        return np.matmul(x["A"], x["B"], out=x["out"][next(turns["peer"])])

    size = "³".join([str(m), ""]) if m == k == n else " × ".join(map(str, shape))
    check = partial(agree, shape, dtype, threads, operands)
    plain = plan_multiply((m, k), (k, n), dtype, n_jobs=threads).levels == 0
    note = "No level pays there: it is numpy.matmul, after the checks of the arguments and the choice." if plain else ""
    return Case(f"{prefix}{size}, {dtype}", ours, peer, check, kernel(), bar=bar, threads=threads, note=note)


def agree(shape, dtype, threads, operands, ours, peer):
    m, k, n = shape
    plan = plan_multiply((m, k), (k, n), dtype, n_jobs=threads)
    scale = float(np.abs(operands()["A"]).max()) * float(np.abs(operands()["B"]).max())
    allowed = (
        error_bound(list(plan.schemes), plan.levels, shape, dtype).bound
        + error_bound("winograd", 0, shape, dtype).bound
    )
    gap = 0.0
    for rows in range(0, m, 1024):  # no third matrix
        gap = max(gap, float(np.abs(ours[rows : rows + 1024] - peer[rows : rows + 1024]).max(initial=0)))
    assert gap <= allowed * scale, f"entries differ by {gap:.1e}, allowed {allowed * scale:.1e}"
    how = (
        f"{plan.levels} level{'s' if plan.levels > 1 else ''}, {plan.workspace / 2**20:.0f} MiB"
        if plan.levels
        else "BLAS"
    )
    return f"{how}; differ by {gap / float(np.abs(peer).max()):.0e}"


def kernel():
    """NumPy with the BLAS that it multiplies by, and the kernel of it that this processor runs."""
    found = [x for x in threadpool_info() if x["user_api"] == "blas"]
    library = next((x for x in found if "numpy" in x["filepath"]), found[0] if found else {})
    words = [library.get(key) or "" for key in ("internal_api", "version", "architecture")]
    return f"numpy {np.__version__}, {' '.join(words)}".strip(", ")
