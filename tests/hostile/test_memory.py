"""Ten thousand calls of what stands on a kernel leave memory where it was."""

import gc
import os
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela import coding, lowrank, matmul, nn, recovery, sketch, transforms
from sparsela.recovery import prox

from .calls import ATOMS, BLOCKS, LOW, TABLE, WEIGHTS, A, X, x, y

STRASSEN = {"scheme": "strassen", "levels": 1, "n_jobs": 1}
PLAN = matmul.plan_multiply((8, 12), (12, 3), **STRASSEN)
W, OPERATOR = sp.csr_array(WEIGHTS), transforms.hadamard_operator(8)
LAYER = nn.SparseLinear(6, 5, density=0.5, dtype=np.float64, random_state=0)
DRAWN = {kind: sketch.SketchOperator(kind, 4, 12, random_state=0) for kind in ("countsketch", "srht", "gaussian")}

CALLS = {
    "omp of many": lambda: coding.batch_omp(X, ATOMS, n_nonzero_coefs=2, n_jobs=1),
    "omp of many, sparse": lambda: coding.batch_omp(X, ATOMS, n_nonzero_coefs=2, sparse_output=True, n_jobs=1),
    "lasso": lambda: coding.batch_lasso(X, ATOMS, alpha=0.1, n_jobs=1),
    "threshold": lambda: coding.threshold_encode(X, ATOMS, alpha=0.1, n_jobs=1),
    "omp": lambda: recovery.omp(A, y, 2),
    "l1 ball": lambda: prox.project_l1_ball(x, 1.0),
    "lp half": lambda: prox.prox_lhalf(x, 0.1),
    "multiply": lambda: matmul.multiply(BLOCKS, BLOCKS, **STRASSEN),
    "plan": lambda: PLAN.run(A, A.T[:, :3]),
    "spmm": lambda: nn.spmm(W, BLOCKS[:, :3].repeat(2, 0)[:5]),
    "layer": lambda: LAYER.backward(LAYER.forward(X.T)),
    "fwht": lambda: transforms.fwht(BLOCKS),
    "factors": lambda: OPERATOR @ np.ones(8),
    "countsketch": lambda: DRAWN["countsketch"].apply(A),
    "srht": lambda: DRAWN["srht"].apply(A),
    "gaussian": lambda: DRAWN["gaussian"].apply(A),
    "hash": lambda: sketch.uniform_hash(np.arange(6), seed=3),
    "svd update": lambda: lowrank.singular_value_threshold(LOW, 0.5),
}
HEAVY = {  # a thousand calls of what takes milliseconds
    name: lambda call=TABLE[name]: call.run(**call.arguments)
    for name in ("dpp.DPP", "lowrank.complete", "lowrank.svd_update", "transforms.palm4msa")
}


def resident():
    with open("/proc/self/statm") as sizes:
        return int(sizes.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def grown(call, n_calls):
    """Bytes that Python and the process have more after `n_calls` calls, the first few hundred aside."""
    for _ in range(n_calls // 5):
        call()
    gc.collect()
    tracemalloc.start()
    call()
    traced, before = tracemalloc.get_traced_memory()[0], resident()
    for _ in range(n_calls // 20):  # tracing is slow
        call()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    before = resident()
    for _ in range(n_calls):
        call()
    gc.collect()
    return traced, resident() - before


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [*CALLS, *HEAVY])
def test_memory_stands_still(name):
    call, n_calls = (CALLS[name], 10_000) if name in CALLS else (HEAVY[name], 1_000)
    traced, more = grown(call, n_calls)
    print(f"{name}: {traced / 1024:.0f} kB traced, {more / 1024:.0f} kB resident")
    assert max(traced, more) < 2**20, f"{n_calls} calls left {traced} bytes traced and {more} resident"
