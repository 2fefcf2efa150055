"""Ctrl-C, pickles, memory: what a long run must survive."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sparsela.coding import SparseCoder
from sparsela.dictionary import KSVD, MOD, MaskedDictionaryLearning, OnlineDictionaryLearning

PREAMBLE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell begins deaf to Ctrl-C
import numpy as np
from sparsela.coding import batch_lasso, batch_omp
from sparsela.dictionary import KSVD, MOD, MaskedDictionaryLearning, OnlineDictionaryLearning
from sparsela.dpp import KernelDPP
from sparsela.lowrank import complete, robust_pca
from sparsela.matmul import get_scheme, reduce_additions, search_scheme
from sparsela.nn import KSparseAutoencoder, MatryoshkaAutoencoder, QuickSelection, SparseMLPClassifier, net_trim
from sparsela.phase import retrieve
from sparsela.recovery import phase_transition
from sparsela.transforms import palm4msa, proj
rng = np.random.RandomState(0)
X = rng.randn(60_000, 64)
D = rng.randn(512, 64)
D /= np.linalg.norm(D, axis=1, keepdims=True)
"""

LONG_RUNS = {
    "ksvd": "KSVD(256, n_nonzero_coefs=8, max_iter=10**6, stop_tol=0).fit(X)",
    "exact ksvd": "KSVD(256, n_nonzero_coefs=8, max_iter=10**6, stop_tol=0, method='exact').fit(X)",
    "mod": "MOD(256, n_nonzero_coefs=8, max_iter=10**6, stop_tol=0).fit(X)",
    "masked": "MaskedDictionaryLearning(512, max_iter=10**6).fit(X)",
    "online": "OnlineDictionaryLearning(256, alpha=1, max_iter=10**6, tol=0, max_no_improvement=None).fit(X)",
    "online, large batches": "OnlineDictionaryLearning(256, alpha=1, max_iter=10**6, tol=0, batch_size=10**5).fit(X)",
    "omp, deep": "[batch_omp(X, D, n_nonzero_coefs=64, sparse_output=True) for _ in range(100)]",
    "lasso": "[batch_lasso(X, D, alpha=0.5, sparse_output=True) for _ in range(100)]",
    "search of schemes": "search_scheme((4, 4, 4), target_rank=40, max_flips=10**12, random_state=0)",
    "reduction of additions": "reduce_additions(get_scheme((4, 4, 4)), n_trials=10**7, random_state=0)",
    "sparse net": "SparseMLPClassifier((512,), max_iter=10**6, tol=0).fit(X, X[:, 0] > 0)",
    "autoencoder": "KSparseAutoencoder(256, max_iter=10**6, tol=0).fit(X)",
    "nested autoencoder": "MatryoshkaAutoencoder(256, max_iter=10**6, tol=0).fit(X)",
    "quick selection": "QuickSelection(8, max_iter=10**6).fit(X)",
    "net trim": "net_trim(X, np.abs(X[:, :40]), tol=1e-3, max_iter=10**7, atol=0, rtol=0)",
    "net trim, by neurons": "net_trim(X, np.abs(rng.randn(60_000, 400)), tol=1e-3, max_iter=10**7, atol=0, rtol=0, "
    "scope='neuron')",
    "kernel dpp": "[KernelDPP(gamma=0.1, expected_size=50).fit(X[:20_000]).sample() for _ in range(1000)]",
    "robust pca": "robust_pca(X[:3000] @ rng.randn(64, 800), max_iter=10**6, tol=1e-300)",
    "completion": "complete(np.where(rng.rand(3000, 800) < 0.2, 1 + rng.rand(3000, 800), np.nan), 20, "
    "max_iter=10**7, tol=1e-300)",
    "phase retrieval": "retrieve(X[:2000], np.abs(rng.randn(2000)), 20, n_init=10**6)",
    "phase diagram": "phase_transition('omp', n_features=1000, n_trials=10**5)",
    "factors": "palm4msa(rng.randn(512, 512), [proj.splincol(20)] * 4, max_iter=10**7, tol=0)",
    "coordinate descent": "[batch_lasso(X, D, alpha=0.5, solver='cd', sparse_output=True) for _ in range(100)]",
}


def cpu_seconds(pid):
    """CPU time of a process, all its threads: what the rest of the machine is at does not count."""
    with open(f"/proc/{pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def press_ctrl_c(run, before=""):
    """Seconds of CPU and of the clock from a Ctrl-C, three CPU seconds into the run, to its KeyboardInterrupt."""
    code = f"""{PREAMBLE}
{before}
print("ready", flush=True)
try:
    {run}
except KeyboardInterrupt:
    print(time.process_time(), time.monotonic())
else:
    sys.exit("it ended by itself")
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        try:
            process.stdout.readline()
            begun, late = cpu_seconds(process.pid), time.monotonic() + 30
            while cpu_seconds(process.pid) < begun + 3 and time.monotonic() < late and process.poll() is None:
                time.sleep(0.01)
            cpu, clock = cpu_seconds(process.pid), time.monotonic()
            process.send_signal(signal.SIGINT)
            said, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    stopped_cpu, stopped_clock = map(float, said.split())
    return stopped_cpu - cpu, stopped_clock - clock


# Numba compiles a loop once and for all, ten seconds in which it may lose a Ctrl-C: another press is heard
COMPILED = {
    "search of schemes": "search_scheme((2, 2, 2), target_rank=7, max_flips=1000, random_state=0)",
    "reduction of additions": "reduce_additions(get_scheme('strassen'), n_trials=2, random_state=0)",
    "coordinate descent": "batch_lasso(X[:9], D, alpha=0.5, solver='cd')",
}


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="CPU time is read from /proc")
@pytest.mark.parametrize("name", LONG_RUNS)
def test_ctrl_c_stops_within_a_second(name):
    cpu, clock = press_ctrl_c(LONG_RUNS[name], COMPILED.get(name, ""))
    print(f"{name}: {cpu:.2f} s of CPU, {clock:.2f} s of the clock")
    assert min(cpu, clock) < 1.0 and clock < 5


@pytest.mark.parametrize(
    "estimator",
    [
        KSVD(30, n_nonzero_coefs=3, max_iter=3, random_state=0),
        MOD(30, n_nonzero_coefs=3, max_iter=3, random_state=0),
        MaskedDictionaryLearning(30, max_iter=2, random_state=0),
        OnlineDictionaryLearning(30, alpha=0.1, max_iter=2, random_state=0),
    ],
    ids=lambda e: type(e).__name__,
)
def test_pickle_gives_the_same_bits(patches, estimator):
    model = clone(estimator).fit(patches[:800])
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.components_, model.components_)
    assert_array_equal(twin.transform(patches[800:900]), model.transform(patches[800:900]))
    assert_array_equal(clone(estimator).fit(patches[:800]).components_, model.components_)


def test_sparse_coder_pickles(patches, atoms):
    coder = SparseCoder(atoms, transform_n_nonzero_coefs=4, sparse_output=True)
    twin = pickle.loads(pickle.dumps(coder.fit(patches)))
    assert_array_equal(twin.transform(patches[:99]).toarray(), coder.transform(patches[:99]).toarray())


@pytest.mark.parametrize("threads", ["1", "2"])
def test_same_bits_for_any_number_of_threads_of_the_process(tmp_path, threads):
    """OMP_NUM_THREADS reaches BLAS and OpenMP alike: a run must not depend on it."""
    code = f"""{PREAMBLE}
X = X[:3000]
model = KSVD(100, n_nonzero_coefs=4, max_iter=3, dict_init="svd", random_state=0).fit(X)
online = OnlineDictionaryLearning(100, alpha=1, max_iter=1, random_state=0).fit(X)
np.savez(sys.argv[1], ksvd=model.components_, online=online.components_, error=model.error_,
         masked=MaskedDictionaryLearning(100, max_iter=2, random_state=0).fit(X).components_,
         mod=MOD(100, n_nonzero_coefs=4, max_iter=3, random_state=0).fit(X).components_,
         exact=KSVD(20, n_nonzero_coefs=4, max_iter=1, method="exact", random_state=0).fit(X).components_,
         omp=batch_omp(X, D, n_nonzero_coefs=9), lasso=batch_lasso(X, D, alpha=0.5))
"""
    results = []
    for n, name in ((threads, "a.npz"), ("1", "b.npz")):
        env = {**os.environ, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], env=env, check=True, timeout=300)
        results.append(np.load(tmp_path / name))
    for key in results[0]:
        assert_array_equal(results[0][key], results[1][key], err_msg=key)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peak memory is read from /proc")
@pytest.mark.parametrize("coder", ["batch_omp(X, D, n_nonzero_coefs=10", "batch_lasso(X, D, alpha=2.0"])
def test_a_million_signals_fit_in_memory(coder):
    """10⁶ signals × 1024 atoms, about 10 non-zeros each: peak is input + output + 200 MB. Dense codes would be 4 GB."""
    code = f"""if 1:
    import numpy as np
    from sparsela.coding import batch_lasso, batch_omp

    def status(field):
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    rng = np.random.default_rng(0)
    D = rng.standard_normal((1024, 64), dtype=np.float32)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((1_000_000, 64), dtype=np.float32)
    X[:300] @ D.T, batch_omp(X[:300], D)
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS")
    codes = {coder}, sparse_output=True)
    output = (codes.data.nbytes + codes.indices.nbytes + codes.indptr.nbytes) / 2**20
    print(codes.nnz / 1e6, status("VmHWM") - before - output)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    nonzeros, beyond = map(float, done.stdout.split())
    assert 3 < nonzeros < 25
    assert beyond < 200, f"{beyond:.0f} MB beyond input and output"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_a_million_signals_stream_through_flat_memory():
    """1024 atoms learned from 10⁶ × 64 signals by partial_fit: after the first batches memory stands still."""
    code = """if 1:
    import numpy as np
    from sparsela.dictionary import OnlineDictionaryLearning

    def resident():
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    rng = np.random.default_rng(0)
    model = OnlineDictionaryLearning(1024, fit_algorithm="omp", n_nonzero_coefs=5, random_state=0)
    for batch in range(500):
        model.partial_fit(rng.standard_normal((2000, 64), dtype=np.float32))
        if batch == 20:
            before = resident()
    print(model.n_steps_ * 2000, resident() - before)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    seen, grown = map(float, done.stdout.split())
    assert seen == 1e6
    assert grown < 10, f"{grown:.1f} MB more after a million signals"
