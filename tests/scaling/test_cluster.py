"""A cluster of two worker processes gives the answers of one machine, also when a worker is lost on the way."""

import os
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sparsela.coding import SparseCoder
from sparsela.dictionary import KSVD, OnlineDictionaryLearning
from sparsela.dpp import DPPLandmarks, KernelDPP
from sparsela.lowrank import UpdatableTruncatedSVD
from sparsela.matmul import get_scheme, reduce_additions, search_scheme
from sparsela.nn import KSparseAutoencoder
from sparsela.recovery import omp, phase_transition
from sparsela.sketch import CountSketch, GaussianSketch, StreamingSketch, sketch

da = pytest.importorskip("dask.array")
delayed = pytest.importorskip("dask").delayed
distributed = pytest.importorskip("distributed")

CODERS = [
    {"transform_algorithm": "omp", "transform_n_nonzero_coefs": 4},
    {"transform_algorithm": "ormp", "transform_n_nonzero_coefs": 4},
    {"transform_algorithm": "lasso", "transform_alpha": 0.5},
    {"transform_algorithm": "lasso_cd", "transform_alpha": 0.5},
    {"transform_algorithm": "threshold", "transform_alpha": 0.5},
]


@pytest.fixture(scope="module")
def two_processes():
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, processes=True, memory_limit=None, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(two_processes):
    two_processes.wait_for_workers(2)  # one that died in the last test comes back
    return two_processes


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(1500, 20))


def dies_once(block, flag):
    """The block; the worker that is the first to see its first number being `flag`'s dies over it."""
    number, path = flag
    if block.size and block[0, 0] == number and not os.path.exists(path):
        open(path, "w").close()
        os._exit(1)
    return block


def deadly(X, rows, path):
    """X in blocks of so many rows; a worker dies over the middle one."""
    flag = float(X[len(X) // rows // 2 * rows, 0]), str(path)
    return da.from_array(X, chunks=(rows, X.shape[1])).map_blocks(dies_once, flag, meta=np.empty((0, 0), X.dtype))


def coded(A, coder, n_columns, **more):
    return A.map_blocks(coder.transform, chunks=(A.chunks[0], (n_columns,)), meta=np.empty((0, 0), A.dtype), **more)


@pytest.mark.parametrize("params", CODERS, ids=lambda params: params["transform_algorithm"])
def test_codes_are_the_same(client, X, params):
    """Bit for bit where blocks hold a multiple of 128 rows, to rounding where they do not."""
    D = np.random.default_rng(1).normal(size=(50, 20))
    coder = SparseCoder(D / np.linalg.norm(D, axis=1, keepdims=True), **params)
    want = coder.transform(X)
    assert_array_equal(coded(da.from_array(X, chunks=(256, 20)), coder, 50).compute(), want)
    assert_allclose(coded(da.from_array(X, chunks=(77, 20)), coder, 50).compute(), want, atol=1e-12)


def test_other_transformers_by_blocks(client, X):
    A = da.from_array(X, chunks=(256, 20))
    for model in (
        KSVD(30, n_nonzero_coefs=3, max_iter=2, random_state=0),
        OnlineDictionaryLearning(30, max_iter=1, random_state=0),
        CountSketch(8, random_state=0),
        GaussianSketch(8, random_state=0),
        UpdatableTruncatedSVD(5, random_state=0),
        DPPLandmarks(10, random_state=0),
    ):
        want = model.fit(X[:500]).transform(X)
        found = coded(A, model, want.shape[1]).compute()
        assert_allclose(found, want, atol=1e-12, err_msg=type(model).__name__)
    autoencoder = KSparseAutoencoder(30, n_nonzero_coefs=3, max_iter=2, random_state=0).fit(X)
    blocks = da.compute(*A.map_blocks(autoencoder.transform, meta=sp.csr_array((0, 0))).to_delayed().ravel())
    assert all(sp.issparse(block) for block in blocks)
    assert_allclose(sp.vstack(blocks).toarray(), autoencoder.transform(X).toarray(), atol=1e-12)


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": 0.3},
        {"alpha": 0.3, "positive_dict": True, "forget": 1.0},
        {"fit_algorithm": "omp", "n_nonzero_coefs": 3},
        {"alpha": 3.5},  # most atoms are used by nobody, and become signals
    ],
    ids=str,
)
def test_online_dictionary_is_the_same(client, X, params):
    X = X.copy()
    X[3:6] = 0
    one, many = (OnlineDictionaryLearning(30, random_state=0, **params) for _ in range(2))
    for first, last, chunks in ((0, 500, (77, 20)), (500, 1400, (250, 13)), (1400, 1500, (100, 20))):
        one.partial_fit(X[first:last])
        many.partial_fit(da.from_array(X[first:last], chunks=chunks))
        assert_allclose(many.components_, one.components_, atol=1e-10)
    assert_allclose(many.error_, one.error_, rtol=1e-12)
    assert (many.n_steps_, many.n_features_in_) == (one.n_steps_, one.n_features_in_)
    for mine, theirs in zip(many.inner_stats_, one.inner_stats_, strict=True):
        assert_allclose(mine, theirs, atol=1e-10)


def test_online_dictionary_from_few_signals_and_from_given_atoms(client, X):
    start = np.random.default_rng(2).normal(size=(30, 20))
    for params, rows in (({"dict_init": start}, 200), ({}, 12)):
        one, many = (OnlineDictionaryLearning(30, alpha=0.3, random_state=0, **params) for _ in range(2))
        one.partial_fit(X[:rows])
        many.partial_fit([delayed(X[:5]), delayed(X[5:5]), delayed(X[5:rows])])
        assert_allclose(many.components_, one.components_, atol=1e-10)
    single = X[:300].astype(np.float32)
    many = OnlineDictionaryLearning(30, random_state=0).partial_fit(da.from_array(single, chunks=(100, 20)))
    assert many.components_.dtype == np.float32


@pytest.mark.parametrize("method", ["fast", "zha-simon", "vecharynski-saad"])
def test_updated_svd_is_the_same(client, method):
    """Of rank k, whatever the order of merging; beyond it, the tails that were cut off bound the difference."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=(1500, 6)) @ rng.normal(size=(6, 40))
    noisy = low + 0.01 * rng.normal(size=low.shape)
    for X, tol in ((low, 1e-8), (noisy, 5e-3)):
        one, many = (UpdatableTruncatedSVD(8, method=method, random_state=0) for _ in range(2))
        for first, last, rows in ((0, 600, 150), (600, 1500, 170)):
            one.partial_fit(X[first:last])
            many.partial_fit(da.from_array(X[first:last], chunks=(rows, 17)))
        assert (many.n_samples_seen_, many.n_updates_) == (one.n_samples_seen_, one.n_updates_) == (1500, 1)
        assert many.orthogonality_defect_ < 1e-10
        rebuilt = [m.left_singular_vectors() * m.singular_values_ @ m.components_ for m in (one, many)]
        assert np.linalg.norm(rebuilt[1] - rebuilt[0]) <= tol * np.linalg.norm(X)
        assert_allclose(many.singular_values_[:6], one.singular_values_[:6], rtol=tol)
        assert_allclose(many.explained_energy_ratio_, one.explained_energy_ratio_, atol=1e-5)


def test_updated_svd_of_sparse_blocks(client):
    rng = np.random.default_rng(0)
    S = sp.random_array((300, 6), density=0.05, rng=rng) @ sp.random_array((6, 200), density=0.2, rng=rng)
    blocks = [delayed(sp.csr_array(S[i : i + 90])) for i in range(0, 300, 90)]
    many = UpdatableTruncatedSVD(6, random_state=0).partial_fit(blocks)
    want = np.linalg.svd(S.toarray(), compute_uv=False)[:6]
    assert_allclose(many.singular_values_, want, atol=1e-9)


def in_short(block):
    model = UpdatableTruncatedSVD(8, random_state=0).fit(block)
    return model.singular_values_[:, None] * model.components_


def test_updated_svd_without_the_left_vectors(client):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 8)) @ rng.normal(size=(8, 40))
    A = da.from_array(X, chunks=(300, 40))
    short = A.map_blocks(in_short, chunks=((8,) * A.numblocks[0], A.chunks[1]), meta=np.empty((0, 0)))
    model = UpdatableTruncatedSVD(8, random_state=0).partial_fit(short)
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    assert_allclose(model.singular_values_, s[:8], rtol=1e-9)
    assert_allclose(np.abs(np.sum(model.components_ * Vt[:8], axis=1)), 1, rtol=1e-9)


@pytest.mark.parametrize(
    "params",
    [
        {"gamma": 0.5, "expected_size": 10},
        {"gamma": 0.5, "expected_size": 10, "method": "alpha"},
        {"gamma": 0.5, "expected_size": 5, "dictionary": "rpcholesky"},
        {"kernel": "poly", "expected_size": 5},
        {"kernel": "laplacian", "expected_size": 3},
    ],
    ids=str,
)
def test_kernel_process_draws_the_same_sets(client, params):
    X = np.random.default_rng(0).normal(size=(6000, 3))
    one = KernelDPP(random_state=0, **params).fit(X)
    many = KernelDPP(random_state=0, **params).fit(da.from_array(X, chunks=(1700, 2)).persist())
    assert_array_equal(many.landmark_indices_, one.landmark_indices_)
    if hasattr(one, "rls_"):
        assert_allclose(many.rls_, one.rls_, atol=1e-12)
    for mine, theirs in zip(many.sample(2), one.sample(2), strict=True):
        assert_array_equal(mine, theirs)
    assert_array_equal(many.sample(size=2)[0], one.sample(size=2)[0])
    assert (many.n_trials_, many.n_seen_) == (one.n_trials_, one.n_seen_)


def test_independent_work(client):
    params = {"n_features": 64, "deltas": [0.3, 0.6], "rhos": [0.2, 0.6], "n_trials": 5, "random_state": 0}
    diagram = phase_transition("omp", n_jobs=1, **params)
    reduction = reduce_additions(get_scheme("laderman"), n_trials=16, max_rounds=4, n_jobs=1, random_state=0)
    searches = [search_scheme((2, 2, 3), target_rank=11, random_state=seed) for seed in range(4)]
    with joblib.parallel_config("dask"):
        found = phase_transition("omp", **params)
        reduced = reduce_additions(get_scheme("laderman"), n_trials=16, max_rounds=4, random_state=0)
        restarts = joblib.Parallel()(
            joblib.delayed(search_scheme)((2, 2, 3), target_rank=11, random_state=seed) for seed in range(4)
        )
    assert_array_equal(found.success, diagram.success)
    assert_array_equal(found.n_iter, diagram.n_iter)
    assert reduced.additions_uvw == reduction.additions_uvw
    assert reduced.scheme.programs == reduction.scheme.programs
    assert [(r.rank, r.n_flips) for r in restarts] == [(s.rank, s.n_flips) for s in searches]


def learned(A):
    return OnlineDictionaryLearning(30, alpha=0.3, random_state=0).partial_fit(A).components_


def codes(A):
    coder = SparseCoder(np.eye(20), transform_n_nonzero_coefs=4)
    return coder.transform(A) if isinstance(A, np.ndarray) else coded(A, coder, 20).compute()


def values(A):
    return UpdatableTruncatedSVD(20, random_state=0).partial_fit(A).singular_values_


def drawn(A):
    return KernelDPP(gamma=0.05, expected_size=3, random_state=0).fit(A).sample()[0]


@pytest.mark.parametrize("work", [learned, *(pytest.param(w, marks=pytest.mark.slow) for w in (codes, values, drawn))])
def test_a_worker_is_lost_over_a_block(client, X, tmp_path, work):
    X = X[:900]
    assert_allclose(work(deadly(X, 128, tmp_path / "died")), work(X), rtol=1e-9, atol=1e-10)
    assert os.path.exists(tmp_path / "died")


class MortalSolver:
    """Orthogonal matching pursuit that takes its worker down, once."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self, A, y, k):
        if not os.path.exists(self.path):
            open(self.path, "w").close()
            os._exit(1)
        return omp(A, y, k)


def test_a_worker_is_lost_over_independent_work(client, tmp_path):
    params = {"n_features": 64, "deltas": [0.3, 0.6], "rhos": [0.2, 0.6], "n_trials": 5, "random_state": 0}
    with joblib.parallel_config("dask"):
        found = phase_transition(MortalSolver(tmp_path / "died"), **params)
    assert os.path.exists(tmp_path / "died")
    assert_array_equal(found.success, phase_transition("omp", n_jobs=1, **params).success)
    assert not found.n_errors.any()


def test_a_worker_is_lost_between_steps(client, X):
    """With the blocks that it held in memory: they are made again."""
    A = da.from_array(X, chunks=(128, 20)).persist()
    distributed.wait(A)
    models = [OnlineDictionaryLearning(30, alpha=0.3, random_state=0) for _ in range(2)]
    stream = StreamingSketch(16, random_state=0).partial_fit(A)
    for model, data in zip(models, (X, A), strict=True):
        model.partial_fit(data)
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    for model, data in zip(models, (X, A), strict=True):
        model.partial_fit(data)
    assert_allclose(models[1].components_, models[0].components_, atol=1e-10)
    assert_allclose(stream.partial_fit(A).sketch_, sketch(np.vstack([X, X]), 16, random_state=0), atol=1e-12)


def test_nothing_imports_dask():
    code = """
import sys, importlib, numpy as np, sparsela
for room in sparsela._ROOMS:
    importlib.import_module("sparsela." + room)
X = np.random.default_rng(0).normal(size=(60, 5))
sparsela.dictionary.OnlineDictionaryLearning(6, random_state=0).partial_fit(X)
sparsela.lowrank.UpdatableTruncatedSVD(2, random_state=0).partial_fit(X).partial_fit(X)
sparsela.dpp.KernelDPP(expected_size=2, random_state=0).fit(X).sample()
sparsela.sketch.sketch(X, 16, random_state=0)
assert "dask" not in sys.modules and "distributed" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bad_input(X):
    A = da.from_array(X, chunks=(500, 20))
    fitted = OnlineDictionaryLearning(5, random_state=0).partial_fit(X)
    svd = UpdatableTruncatedSVD(3, random_state=0).fit(X)
    for call, error, message in (
        (lambda: OnlineDictionaryLearning(5).partial_fit(A * np.nan), ValueError, "NaN"),
        (lambda: OnlineDictionaryLearning(5).partial_fit(A * 0), ValueError, "X is zero"),
        (lambda: OnlineDictionaryLearning(5, dict_init="svd").partial_fit(A), ValueError, "dict_init must be 'data'"),
        (lambda: OnlineDictionaryLearning(5).partial_fit(delayed(X)), TypeError, "must be a Dask array"),
        (lambda: fitted.partial_fit(A[:, :7]), ValueError, "features"),
        (lambda: fitted.partial_fit(A * np.nan), ValueError, "NaN"),
        (lambda: fitted.partial_fit([delayed(X[:0])]), ValueError, "at least one signal"),
        (lambda: UpdatableTruncatedSVD(3).partial_fit(A * np.nan), ValueError, "NaN"),
        (lambda: UpdatableTruncatedSVD(3).partial_fit([delayed(X[:0])]), ValueError, "at least one row"),
        (lambda: svd.partial_fit(A[:, :7]), ValueError, "equal features"),
        (lambda: svd.merge(X), TypeError, "UpdatableTruncatedSVD"),
        (lambda: svd.merge(UpdatableTruncatedSVD(3).fit(X.astype(np.float32))), TypeError, "equal dtypes"),
        (lambda: KernelDPP().fit(A * np.nan), ValueError, "NaN"),
        (lambda: KernelDPP().fit([delayed(X), delayed(X[:, :3])]), ValueError, "one number of features"),
        (lambda: KernelDPP().fit([delayed(X[:0])]), ValueError, "at least one point"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert fitted.n_steps_ == 1
    assert svd.n_samples_seen_ == len(X)
