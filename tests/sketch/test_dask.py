"""Sketches of Dask collections are those of the same rows in memory, on threads and on two processes."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela.sketch import StreamingSketch, sketch

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

KINDS = [
    ("sparse_embedding", {"n_nonzeros": 4}),
    ("countsketch", {}),
    ("gaussian", {}),
    ("sparse_sign", {"density": 0.2}),
    ("srht", {}),
    ("fast_jl", {"n_points": 100}),
]


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(1003, 7)) * (np.random.default_rng(1).random((1003, 7)) < 0.5)


def collections(X):
    dense = da.from_array(X, chunks=(100, 3))
    sparse = da.from_array(X, chunks=(100, 7)).map_blocks(sp.csr_array)
    blocks = [dask.delayed(sp.csr_array)(X[i : i + 250]) for i in range(0, len(X), 250)]
    bag = pytest.importorskip("dask.bag").from_sequence([sp.csr_array(X[:400]), sp.csr_array(X[400:])])
    unknown = da.from_array(X, chunks=(100, 7))
    unknown = unknown[da.from_array(np.ones(len(X), bool), chunks=100)]  # lengths that nobody knows yet
    return {"dense": dense, "sparse": sparse, "delayed": blocks, "bag": bag, "unknown lengths": unknown}


@pytest.mark.parametrize(("kind", "params"), KINDS)
def test_same_sketch_as_in_memory(X, kind, params):
    ids = np.random.default_rng(0).permutation(5000)[: len(X)]
    for name, A in collections(X).items():
        want = sketch(X, 32, kind=kind, random_state=3, **params)
        np.testing.assert_allclose(sketch(A, 32, kind=kind, random_state=3, **params), want, atol=1e-12, err_msg=name)
        if kind not in ("srht", "fast_jl"):
            want = sketch(X, 32, kind=kind, random_state=3, row_indices=ids, **params)
            found = sketch(A, 32, kind=kind, random_state=3, row_indices=ids, **params)
            np.testing.assert_allclose(found, want, atol=1e-12)
    if kind != "fast_jl":
        want = sketch(X, 4, kind=kind, axis=1, random_state=3, **params)
        np.testing.assert_allclose(sketch(A, 4, kind=kind, axis=1, random_state=3, **params), want, atol=1e-12)


def test_stream(X):
    y = X @ np.arange(7.0)
    want = StreamingSketch(32, random_state=0).partial_fit(X[:300], y[:300]).partial_fit(X[300:], y[300:])
    for name, A in collections(X[300:]).items():
        targets = da.from_array(y[300:], chunks=77) if name in ("dense", "sparse") else y[300:]
        found = StreamingSketch(32, random_state=0).partial_fit(X[:300], y[:300]).partial_fit(A, targets)
        np.testing.assert_allclose(found.sketch_, want.sketch_, atol=1e-12)
        np.testing.assert_allclose(found.sketch_y_, want.sketch_y_, atol=1e-12)
        assert found.n_rows_seen_ == 1003 and found.seed_ == 0
    fresh = StreamingSketch(32, random_state=0).partial_fit(da.from_array(X, chunks=(50, 7)))
    np.testing.assert_allclose(fresh.sketch_, want.sketch_, atol=1e-12)
    unseeded = StreamingSketch(32).partial_fit(da.from_array(X, chunks=(50, 7)))  # one seed for all blocks
    np.testing.assert_allclose(unseeded.sketch_, sketch(X, 32, random_state=unseeded.seed_), atol=1e-12)


def test_sparse_output(X):
    A = collections(X)["sparse"]
    found = sketch(A, 32, random_state=0, dense_output=False)
    assert sp.issparse(found)
    np.testing.assert_allclose(found.toarray(), sketch(X, 32, random_state=0), atol=1e-12)


def test_an_empty_block_leaves_the_sketch_sparse(X):
    A = sp.csr_array(X)
    blocks = [dask.delayed(block) for block in (A[:4], A[4:4], A[4:])]
    S = sketch(blocks, 16, kind="countsketch", random_state=0, dense_output=False)
    assert sp.issparse(S) and S.format == "csr"
    np.testing.assert_allclose(S.toarray(), sketch(A, 16, kind="countsketch", random_state=0), atol=1e-12)


def test_two_processes(X):
    """A local cluster of two worker processes; the sketches are made and added there."""
    distributed = pytest.importorskip("distributed")
    y = X @ np.arange(7.0)
    with (
        distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster),
    ):
        for A in (da.from_array(X, chunks=(60, 7)), da.from_array(X, chunks=(60, 7)).map_blocks(sp.csr_array)):
            found = sketch(A, 32, random_state=0)
            np.testing.assert_allclose(found, sketch(X, 32, random_state=0), atol=1e-12)
            stream = StreamingSketch(32, random_state=0).partial_fit(A, da.from_array(y, chunks=60))
            np.testing.assert_allclose(stream.sketch_, found, atol=1e-12)
            np.testing.assert_allclose(stream.sketch_y_, sketch(y[:, None], 32, random_state=0)[:, 0], atol=1e-11)


def test_bad_input(X):
    A = da.from_array(X, chunks=(100, 7))
    for call, error, message in (
        (lambda: sketch(A, 0), ValueError, "n_components"),
        (lambda: sketch(A, 32, kind="x"), ValueError, "kind must be one of"),
        (lambda: sketch(A, 32, kind="fast_jl"), ValueError, "n_points must be given"),
        (lambda: sketch(A, 32, row_indices=[1]), ValueError, "row_indices must have shape"),
        (lambda: sketch(A, 32, kind="srht", row_indices=np.arange(1003)), ValueError, "do not go with kind"),
        (lambda: sketch(A * np.nan, 32), ValueError, "NaN"),
        (lambda: sketch(A[:, 0][:, None, None], 32), ValueError, "two dimensions"),
        (lambda: sketch(dask.delayed(X), 32), TypeError, "must be a Dask array"),
        (lambda: StreamingSketch(32).partial_fit(A, X[:5, 0]), ValueError, "y must have 1003 rows"),
        (lambda: StreamingSketch(32).partial_fit(A, da.ones(50)), ValueError, "y must have the rows of X"),
    ):
        with pytest.raises(error, match=message):
            call()
