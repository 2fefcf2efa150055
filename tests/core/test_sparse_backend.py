"""Sparse times dense: every backend against the dense product, every build of the kernel, any number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

import sparsela
from sparsela._core import mkl
from sparsela._core.sparse_backend import (
    Companion,
    aligned_empty,
    available_backends,
    checked,
    column_companion,
    sddmm,
    spmm,
    spmm_t,
)
from sparsela._ext import openmp

BACKENDS = available_backends()
RTOL = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
WIDTHS = [w for w in (16, 32, 64) if w <= openmp.simd_width()]
needs_mkl = pytest.mark.skipif("mkl" not in BACKENDS, reason="oneMKL is not installed")


def problem(m, n, B, density=0.2, dtype=np.float64, seed=0):
    """A CSR matrix (some rows empty) and both dense sides."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((m, n)) * (rng.random((m, n)) < density)
    dense[rng.random(m) < 0.15] = 0
    W = sp.csr_array(dense.astype(dtype))
    return W, rng.standard_normal((n, B)).astype(dtype), rng.standard_normal((m, B)).astype(dtype)


def assert_close(got, want, scale):
    """Within the rounding of a sum whose terms have these magnitudes."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    assert (np.abs(got - want) <= RTOL[got.dtype] * (scale + 1e-30)).all()


def check_all(W, X, Z, backend):
    """spmm, spmm_t and sddmm against the dense product in float64."""
    dense, dtype = W.toarray().astype(np.float64), W.dtype
    size = np.abs(dense)
    X64, Z64 = X.astype(np.float64), Z.astype(np.float64)
    bias = np.arange(W.shape[0]).astype(dtype) - 1
    assert_close(spmm(W, X, backend=backend), (dense @ X64).astype(dtype), size @ np.abs(X64))
    want, scale = dense @ X64 + bias[:, None], size @ np.abs(X64) + np.abs(bias[:, None])
    assert_close(spmm(W, X, bias=bias, backend=backend), want.astype(dtype), scale)
    got = spmm(W, X, bias=bias, activation="relu", backend=backend)
    assert_close(got, np.maximum(want, 0).astype(dtype), scale)
    assert_close(spmm_t(W, Z, backend=backend), (dense.T @ Z64).astype(dtype), size.T @ np.abs(Z64))
    rows = np.repeat(np.arange(W.shape[0]), np.diff(W.indptr))
    got, want = sddmm(W, Z, X, backend=backend), (Z64 @ X64.T)[rows, W.indices]
    assert_close(got, want.astype(dtype), (np.abs(Z64) @ np.abs(X64).T)[rows, W.indices])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("B", [0, 1, 7, 16, 100, 128, 129, 1000])
def test_products_are_those_of_the_dense_matrix(B, dtype, backend):
    for m, n, density in (
        (37, 53, 0.2),
        (1, 70, 0.5),
        (70, 1, 0.5),
        (20, 30, 0.0),
        (5, 9, 1.0),
        (0, 4, 0.5),
        (4, 0, 0.5),
    ):
        check_all(*problem(m, n, B, density, dtype), backend)


@settings(max_examples=120, deadline=None)
@given(
    m=st.integers(0, 40),
    n=st.integers(0, 40),
    B=st.integers(0, 300),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 10**6),
    backend=st.sampled_from(BACKENDS),
)
def test_any_shape(m, n, B, density, dtype, seed, backend):
    check_all(*problem(m, n, B, density, dtype, seed), backend)


def test_every_build_and_one_or_two_threads(tmp_path):
    """One subprocess a vector width: the answers are right, and one and two threads give the same bits."""
    script = tmp_path / "one_width.py"
    script.write_text(ONE_WIDTH)
    for width in WIDTHS:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script), str(width)],
            capture_output=True,
            text=True,
            env=os.environ | {"SPARSELA_SIMD_WIDTH": str(width)},
            check=False,
        )
        assert done.returncode == 0, f"width {width}: {done.stderr}"
        assert done.stdout.strip() == "ok"


ONE_WIDTH = """
import sys
import numpy as np, scipy.sparse as sp
import sparsela
from sparsela._core.sparse_backend import sddmm, spmm, spmm_t
from sparsela._ext import openmp

assert openmp.simd_width() == int(sys.argv[1])
for dtype, rtol in ((np.float32, 1e-5), (np.float64, 1e-12)):
    for m, n, B in ((403, 301, 1), (403, 301, 5), (403, 301, 16), (1503, 701, 60), (1503, 701, 129), (403, 301, 515)):
        for offset, density in ((0, 0.2), (1, 0.2), (0, 0.005)):  # on and off a cache line; with and without a copy
            rng = np.random.default_rng(B)
            W = sp.random_array((m, n), density=density, format="csr", dtype=dtype, rng=rng)
            W.sort_indices()
            X = rng.standard_normal((n, B + offset)).astype(dtype)[:, offset:]
            Z = rng.standard_normal((m, B)).astype(dtype)
            bias = rng.standard_normal(m).astype(dtype)
            dense, rows = W.toarray(), np.repeat(np.arange(m), np.diff(W.indptr))
            answers = []
            for n_jobs in (1, 2, 3):
                with sparsela.config_context(n_jobs=n_jobs):
                    answers.append((spmm(W, X, bias=bias, activation="relu"), spmm_t(W, Z), sddmm(W, Z, X)))
            for one, other in zip(answers[:-1], answers[1:]):
                assert all(np.array_equal(a, b) for a, b in zip(one, other)), (dtype, B, "threads")
            wants = np.maximum(dense @ X + bias[:, None], 0), dense.T @ Z, (Z @ X.T)[rows, W.indices]
            for got, want in zip(answers[0], wants):
                assert np.abs(got - want).max() <= rtol * np.abs(want).max() * 3, (dtype, B, offset, density)
print("ok")
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_adjoint_and_gradient_identities(backend):
    for seed in range(20):
        W, X, Z = problem(31, 47, 19, 0.3, seed=seed)
        forward = np.vdot(Z, spmm(W, X, backend=backend))
        size = np.linalg.norm(W.data) * np.linalg.norm(X) * np.linalg.norm(Z)
        assert abs(forward - np.vdot(X, spmm_t(W, Z, backend=backend))) <= 1e-12 * size
        assert abs(forward - W.data @ sddmm(W, Z, X, backend=backend)) <= 1e-12 * size


def loss(W, X, Z):
    return np.vdot(Z, spmm(W, X) ** 2) / 2


def test_gradients_against_central_differences():
    for seed in range(20):
        W, X, Z = problem(9, 12, 7, 0.4, seed=seed)
        dZ = Z * spmm(W, X)
        g, dX = sddmm(W, dZ, X), spmm_t(W, dZ)
        h, rng = 1e-6, np.random.default_rng(seed)
        step = sp.csr_array((rng.standard_normal(W.nnz), W.indices, W.indptr), shape=W.shape)
        slope = (loss(W + h * step, X, Z) - loss(W - h * step, X, Z)) / (2 * h)
        assert abs(slope - g @ step.data) <= 1e-7 * np.linalg.norm(g) * np.linalg.norm(step.data)
        move = rng.standard_normal(X.shape)
        slope = (loss(W, X + h * move, Z) - loss(W, X - h * move, Z)) / (2 * h)
        assert abs(slope - np.vdot(dX, move)) <= 1e-7 * np.linalg.norm(dX) * np.linalg.norm(move)


def test_nothing_outside_the_columns_is_read_or_written():
    """X and out are windows of larger arrays: NaN around X does not come in, what is around out stays."""
    for B in (1, 3, 17, 100, 129):
        for density in (0.02, 0.9):
            W, X, Z = problem(40, 30, B, density, np.float32)
            around = np.full((30, B + 40), np.nan, np.float32)
            around[:, 20 : 20 + B] = X
            room = np.full((40, B + 40), 7.0, np.float32)
            out = room[:, 20 : 20 + B]
            assert spmm(W, around[:, 20 : 20 + B], out=out) is out
            assert np.allclose(out, W @ X, atol=1e-5)
            assert (np.delete(room, slice(20, 20 + B), axis=1) == 7).all()
            g = sddmm(W, Z, around[:, 20 : 20 + B])
            assert np.isfinite(g).all()


def test_ieee_values_flow_through_stored_entries_alone():
    W = sp.csr_array((np.array([1.0, 0.0, 2.0]), np.array([0, 1, 2]), np.array([0, 2, 3])), shape=(2, 4))
    X = np.array([[1.0, np.inf, np.nan], [np.nan, 1.0, np.inf], [-1.0, -np.inf, 2.0], [np.nan] * 3])
    for backend in BACKENDS:
        np.testing.assert_array_equal(spmm(W, X, backend=backend), [[np.nan, np.inf, np.nan], [-2, -np.inf, 4]])
        got = spmm(W, X, activation="relu", backend=backend)
        np.testing.assert_array_equal(got, [[np.nan, np.inf, np.nan], [0, 0, 4]])
    np.testing.assert_array_equal(sddmm(W, np.ones((2, 3)), X), [np.nan, np.nan, -np.inf])


def test_infinity_in_a_lane_that_two_vectors_share():
    """The last vector of a strip overlaps the one before; its shared lanes must count once, also for infinity."""
    lanes = openmp.simd_width() // 8
    X, Z = np.ones((2, lanes + 1)), np.ones((1, lanes + 1))
    X[0, 1] = np.inf
    pattern = sp.csr_array(np.ones((1, 2)))
    np.testing.assert_array_equal(sddmm(pattern, Z, X), [np.inf, lanes + 1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_changed_in_place_are_seen_by_the_next_call(backend):
    W, X, Z = problem(30, 40, 16)
    columns = column_companion(W)
    spmm(W, X, backend=backend)
    W.data *= -3
    assert np.allclose(spmm(W, X, backend=backend), W.toarray() @ X)
    assert np.allclose(spmm_t(W, Z, companion=columns, backend=backend), W.toarray().T @ Z)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_of_every_layout_and_none_is_changed(backend):
    W, X, Z = problem(30, 40, 20)
    want = W.toarray() @ X
    wide = np.zeros((40, 40))
    wide[:, ::2] = X
    for same in (np.asfortranarray(X), wide[:, ::2], X[::-1][::-1], np.repeat(X, 2, axis=0)[::2]):
        assert np.allclose(spmm(W, same, backend=backend), want)
    wide_index = sp.csr_array((W.data, W.indices.astype(np.int64), W.indptr.astype(np.int64)), shape=W.shape)
    assert np.allclose(spmm(wide_index, X, backend=backend), want)
    assert np.allclose(spmm(sp.csr_matrix(W), X, backend=backend), want)
    for array in (W.data, W.indices, W.indptr, X, Z):
        array.flags.writeable = False
    before = W.data.copy(), X.copy()
    assert np.allclose(spmm(W, X, backend=backend), want)
    assert np.allclose(spmm_t(W, Z, backend=backend), W.toarray().T @ Z)
    sddmm(W, Z, X, backend=backend)
    assert np.array_equal(before[0], W.data)
    assert np.array_equal(before[1], X)


def test_a_companion_is_the_columns():
    W, _, _ = problem(23, 31, 1)
    colptr, rowind, perm = column_companion(W)
    csc = W.tocsc()
    assert np.array_equal(colptr, csc.indptr)
    assert np.array_equal(rowind, csc.indices)
    assert np.array_equal(W.data[perm], csc.data)
    assert {a.dtype for a in (colptr, rowind, perm)} == {np.dtype(np.int32)}


def test_new_arrays_begin_on_a_cache_line():
    for shape in ((0, 3), (7, 3), (100, 129)):
        array = aligned_empty(shape, np.float32)
        assert array.shape == shape
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_the_setting_chooses_the_backend(monkeypatch):
    W, X, _ = problem(5, 6, 7)
    for backend in BACKENDS:
        with sparsela.config_context(sparse_backend=backend):
            assert np.allclose(spmm(W, X), W.toarray() @ X)
    assert BACKENDS[0] == "native"
    assert BACKENDS[-1] == "scipy"
    monkeypatch.setattr(mkl, "load", lambda: None)
    assert available_backends() == ("native", "scipy")
    with pytest.raises(ImportError, match="needs oneMKL"):
        spmm(W, X, backend="mkl")
    with sparsela.config_context(sparse_backend="mkl"), pytest.raises(ImportError, match="needs oneMKL"):
        sddmm(W, np.ones((5, 7)), X)


@needs_mkl
def test_mkl_shares_the_openmp_runtime_of_the_kernels():
    W, X, _ = problem(5, 6, 7)
    spmm(W, X, backend="mkl")
    pools = threadpool_info()
    assert [p["threading_layer"] for p in pools if p["internal_api"] == "mkl"] == [
        "gnu" if openmp.version() else "sequential"
    ]
    assert not [p for p in pools if p["user_api"] == "openmp" and p["prefix"] == "libiomp"]


def test_mkl_is_found_where_the_user_says_and_absence_is_quiet(monkeypatch, tmp_path):
    real = mkl.find()
    monkeypatch.setenv("MKL_RT", str(tmp_path / "not-there.so"))
    assert mkl.load.__wrapped__() is None
    monkeypatch.delenv("MKL_RT")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(mkl.importlib.metadata, "files", lambda name: None)
    assert mkl.find() is None
    assert "not found" in mkl.describe()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libmkl_rt.so.9").write_bytes(b"no library")
    assert mkl.find().name == "libmkl_rt.so.9"
    assert mkl.load.__wrapped__() is None
    if real is not None:
        monkeypatch.setenv("MKL_RT", str(real))
        assert mkl.find() == real


def test_import_is_light_and_loads_no_mkl():
    probe = (
        "import sys, time; t = time.perf_counter(); import sparsela; t = time.perf_counter() - t; "
        "maps = open('/proc/self/maps').read() if sys.platform == 'linux' else ''; "
        "print(t, 'libmkl' in maps, 'sparsela._core.mkl' in sys.modules, 'numba' in sys.modules)"
    )
    outputs = [
        subprocess.check_output([sys.executable, "-W", "error", "-c", probe], text=True).split() for _ in range(3)
    ]
    assert min(float(out[0]) for out in outputs) < 0.5
    assert outputs[0][1:] == ["False", "False", "False"]


def test_show_config_names_the_backend(capsys):
    with sparsela.config_context(sparse_backend="scipy"):
        sparsela.show_config()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("mkl"))
    assert "/" not in lines["mkl"]
    from sparsela._core.report import facts

    assert facts()["sparse backend"] == "native"


def _structure(data, indices, indptr, shape, like=sp.csr_array):
    W = like(shape, dtype=np.asarray(data).dtype)
    W.data, W.indices, W.indptr = np.asarray(data), np.asarray(indices, np.int32), np.asarray(indptr, np.int32)
    return W


def test_bad_matrices_are_refused_before_any_work():
    W, X, Z = problem(5, 6, 7)
    ones = np.ones(3)
    cases = [
        (W.toarray(), TypeError, "W must be a sparse array or matrix in CSR format, got ndarray"),
        (W.tocsc(), TypeError, "got csc format"),
        (W.astype(np.int64), TypeError, "W must be float32 or float64, got int64"),
        (W.astype(complex), TypeError, "got complex128"),
        (W.astype(np.float32), TypeError, "X is float64, W is float32"),
        (_structure(ones, [0, 4, 2], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "unsorted or duplicate column indices"),
        (_structure(ones, [0, 2, 2], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "unsorted or duplicate column indices"),
        (_structure(ones, [0, 2, 6], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "a column index out of range"),
        (_structure(ones, [-1, 2, 5], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "a column index out of range"),
        (_structure(ones, [0, 9, 5], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "a column index out of range"),
        (_structure(ones, [0, 1, 2], [0, 2, 1, 3, 3, 3], (5, 6)), ValueError, "indptr that does not ascend"),
        (_structure(ones, [0, 1, 2], [1, 2, 2, 3, 3, 3], (5, 6)), ValueError, "indptr that does not ascend"),
        (_structure(ones, [0, 1, 2], [0, 2, 2, 3, 3, 4], (5, 6)), ValueError, "indptr that does not ascend"),
        (_structure(ones, [0, 1, 2], [0, 3], (5, 6)), ValueError, "indptr that does not ascend"),
        (_structure(ones[:2], [0, 1, 2], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "indptr that does not ascend"),
        (_structure(np.ones(6)[::2], [0, 1, 2], [0, 3, 3, 3, 3, 3], (5, 6)), ValueError, "W.data must be contiguous"),
    ]
    for bad, error, words in cases:
        for backend in BACKENDS:
            with pytest.raises(error, match=words):
                spmm(bad, X, backend=backend)
    empty = np.zeros(0)
    huge = _structure(empty, [], [0, 0], (1, 2**31))
    with pytest.raises(ValueError, match="fewer than 2\\*\\*31"):
        sddmm(huge, np.ones((1, 2)), np.ones((3, 2)))
    far = _structure(ones, [0, 1, 2], [0, 3, 3, 3, 3, 3], (5, 6))
    far.indices = np.array([0, 2**32 + 1, 2], np.int64)  # wraps around to 1
    with pytest.raises(ValueError, match="W.indices is out of range"):
        spmm(far, X)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_dense_sides_are_refused(backend):
    W, X, Z = problem(5, 6, 7)
    run = lambda *args, **more: spmm(*args, backend=backend, **more)  # noqa: E731
    for call, error, words in [
        (lambda: run(W, X[:5]), ValueError, r"X must have shape \(6, any\), got \(5, 7\)"),
        (lambda: run(W, X[:, 0]), ValueError, "X must have shape"),
        (lambda: run(W, X.tolist()), TypeError, "X must be an ndarray, got list"),
        (lambda: run(W, X.astype(">f8")), TypeError, "X must have the dtype of W"),
        (lambda: run(W, X, bias=np.ones(4)), ValueError, r"bias must have shape \(5,\), got \(4,\)"),
        (lambda: run(W, X, bias=np.ones(5, np.float32)), TypeError, "bias is float32, W is float64"),
        (lambda: run(W, X, activation="tanh"), ValueError, "activation must be None or 'relu', got 'tanh'"),
        (lambda: run(W, X, out=np.ones((5, 8))), ValueError, "out must have shape"),
        (lambda: run(W, X, out=np.ones((5, 7), np.float32)), TypeError, "out must be float64, got float32"),
        (lambda: run(W, X, out=np.ones((7, 5)).T), ValueError, "contiguous rows"),
        (lambda: run(W, X, out=X[:5]), ValueError, "must not share memory"),
        (lambda: run(W, X, out=[0]), TypeError, "out must be an ndarray"),
        (lambda: spmm(W, X, backend="cuda"), ValueError, "backend must be one of"),
        (lambda: spmm_t(W, X, backend=backend), ValueError, r"Z must have shape \(5, any\)"),
        (lambda: sddmm(W, Z[:, :3], X, backend=backend), ValueError, r"X must have shape \(6, 3\)"),
        (lambda: sddmm(W, Z.astype(int), X, backend=backend), TypeError, "dZ must be float32 or float64"),
        (lambda: sddmm(W, Z, X, out=np.ones(3), backend=backend), ValueError, "out must have shape"),
    ]:
        with pytest.raises(error, match=words):
            call()


def test_a_companion_that_cannot_belong_is_refused():
    W, _, Z = problem(5, 6, 7, density=0.5)
    colptr, rowind, perm = column_companion(W)
    for bad, words in [
        (Companion(colptr[:-1], rowind, perm), "does not belong to W"),
        (Companion(colptr, rowind + 100, perm), "out of range"),
        (Companion(colptr, rowind, perm + 100), "perm outside"),
    ]:
        with pytest.raises(ValueError, match=words):
            spmm_t(W, Z, companion=bad)


def test_sddmm_ignores_the_values_of_its_pattern():
    W, X, Z = problem(15, 16, 17)
    assert np.array_equal(sddmm(W, Z, X), sddmm(W.astype(bool), Z, X))


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
def test_no_byte_outside_the_arrays_is_touched():
    """Every array between two pages that may not be touched: against their end, then against their beginning."""
    for width in WIDTHS:
        for at_end in (1, 0):
            done = subprocess.run(
                [sys.executable, "-c", GUARDED, str(at_end)],
                capture_output=True,
                text=True,
                env=os.environ | {"SPARSELA_SIMD_WIDTH": str(width), "PYTHONFAULTHANDLER": "1"},
                check=False,
            )
            assert done.returncode == 0, f"width {width}, at_end {at_end}: {done.stderr}"
            assert done.stdout.strip() == "ok"


GUARDED = """
import ctypes, mmap, sys
import numpy as np, scipy.sparse as sp
import sparsela
from sparsela._core.sparse_backend import column_companion, sddmm, spmm, spmm_t

libc, page, at_end, kept = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE, int(sys.argv[1]), []

def guarded(array):
    pages = -(-max(array.nbytes, 1) // page)
    room = mmap.mmap(-1, (pages + 2) * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(room))
    for wall in (base, base + (pages + 1) * page):
        assert libc.mprotect(ctypes.c_void_p(wall), ctypes.c_size_t(page), 0) == 0
    start = page + (pages * page - array.nbytes if at_end else 0)
    copy = np.frombuffer(room, np.uint8)[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    kept.append(room)
    return copy

rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for m, n, B in ((9, 7, 1), (9, 7, 3), (9, 7, 16), (33, 20, 37), (20, 33, 129), (1, 1, 200)):
        for density in (0.1, 0.9):
            dense = (rng.standard_normal((m, n)) * (rng.random((m, n)) < density)).astype(dtype)
            W = sp.csr_array(dense)
            W.data, W.indices, W.indptr = guarded(W.data), guarded(W.indices), guarded(W.indptr)
            X, Z = (guarded(rng.standard_normal((k, B)).astype(dtype)) for k in (n, m))
            out, out_t, g = (guarded(np.zeros(s, dtype)) for s in ((m, B), (n, B), W.nnz))
            bias, columns = guarded(np.ones(m, dtype)), type(column_companion(W))(*map(guarded, column_companion(W)))
            assert np.allclose(spmm(W, X, bias=bias, out=out), dense @ X + 1, atol=1e-4)
            assert np.allclose(spmm_t(W, Z, companion=columns, out=out_t), dense.T @ Z, atol=1e-4)
            rows = np.repeat(np.arange(m), np.diff(W.indptr))
            assert np.allclose(sddmm(W, Z, X, out=g), (Z @ X.T)[rows, W.indices], atol=1e-4)
print("ok", flush=True)
import os; os._exit(0)
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_checked_matrix_is_taken_as_it_is(backend):
    W, X, _ = problem(30, 20, 7)
    once = checked(W)
    np.testing.assert_array_equal(spmm(once, X, backend=backend), spmm(W, X, backend=backend))
    with pytest.raises(TypeError, match="CSR"):
        checked(W.tocsc())
