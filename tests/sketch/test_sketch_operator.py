import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import hadamard

import sparsela
from sparsela._core.adjoint import assert_adjoint
from sparsela._core.random import bucket_hash, normal_hash, sign_hash, subset_hash, uniform_hash
from sparsela.sketch import SketchOperator, sketch

KINDS = [
    ("gaussian", {}),
    ("sparse_sign", {}),
    ("sparse_sign", {"density": 1 / 3}),
    ("sparse_sign", {"density": 0.07}),
    ("countsketch", {}),
    ("sparse_embedding", {}),
    ("sparse_embedding", {"n_nonzeros": 3}),
    ("srht", {}),
    ("fast_jl", {"n_points": 100}),
    ("fast_jl", {"density": 0.02, "entries": "sign"}),
    ("fast_jl", {"density": 1.0}),
]
NAMES = [f"{kind}-{'-'.join(map(str, params.values()))}" for kind, params in KINDS]
every_kind = pytest.mark.parametrize(("kind", "params"), KINDS, ids=NAMES)
DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def draw(rng, shape, dtype):
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def twin(kind, k, d, seed, density=None, n_nonzeros=8, entries="gaussian", **_):
    """S from its definition, one entry at a time or by dense matrices."""
    S = np.zeros((k, d))
    ids = np.arange(d)
    if kind == "gaussian":
        return normal_hash(ids, k, seed=seed).T / np.sqrt(k)
    if kind in ("countsketch", "sparse_embedding"):
        z = 1 if kind == "countsketch" else n_nonzeros
        for r in range(z):
            low, high = r * k // z, (r + 1) * k // z
            rows = low + bucket_hash(ids, high - low, seed=seed, stream=r)
            S[rows, ids] = sign_hash(ids, seed=seed, stream=r) / np.sqrt(z)
        return S
    if kind == "sparse_sign":
        p = density or d**-0.5
        for i in range(d):
            row, t = -1, 0
            while True:
                u, sign = (f(i, seed=seed, stream=t) for f in (uniform_hash, sign_hash))
                if p >= 0.05:
                    row += 1
                    hit = u < p
                else:
                    row += 1 + int(np.floor(np.log(u) / np.log1p(-p)))
                    hit = True
                t += 1
                if row >= k:
                    break
                if hit:
                    S[row, i] = sign / np.sqrt(p * k)
        return S
    D = 1 << (d - 1).bit_length()
    H = hadamard(D)[:, :d] * sign_hash(ids, seed=seed)
    if kind == "srht":
        return H[subset_hash(D, k, seed=seed, stream=1)] / np.sqrt(k)
    q = density or np.log(100) / D  # n_points=100, eps=0.1: the first of the two terms
    P = np.zeros((k, D))
    for r in range(k):
        place, t = -1, 0
        while True:
            u = uniform_hash(r * 2**32 + t, seed=seed, stream=2)
            place += 1 + (int(np.floor(np.log(u) / np.log1p(-q))) if q < 1 else 0)
            if place >= D:
                break
            if entries == "sign":
                P[r, place] = sign_hash(r * 2**32 + t, seed=seed, stream=3)
            else:
                even = r * 2**32 + t - t % 2
                radius = np.sqrt(-2 * np.log(uniform_hash(even, seed=seed, stream=3)))
                angle = 2 * np.pi * uniform_hash(even + 1, seed=seed, stream=3)
                P[r, place] = radius * (np.sin(angle) if t % 2 else np.cos(angle))
            t += 1
    return P @ H / np.sqrt(k * q * D)


@every_kind
@pytest.mark.parametrize("k", [40, 33])
def test_is_its_definition(kind, params, k):
    S = SketchOperator(kind, k, 75, random_state=5, **params)
    np.testing.assert_allclose(S.toarray(), twin(kind, k, 75, 5, **params), atol=1e-13)
    if kind == "countsketch":
        assert (np.count_nonzero(S.toarray(), axis=0) == 1).all()
    if kind == "sparse_embedding":
        z = params.get("n_nonzeros", 8)
        nonzero = S.toarray()[S.toarray() != 0]
        assert nonzero.size == z * 75 and np.allclose(np.abs(nonzero), z**-0.5, rtol=1e-15)


@every_kind
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_those_of_the_matrix(kind, params, dtype):
    rng = np.random.default_rng(1)
    d, k = 301, 40
    S = SketchOperator(kind, k, d, random_state=3, **params)
    M = S.toarray()
    X = draw(rng, (37, d), dtype)
    close = {"rtol": 0, "atol": 2e-4 if X.real.dtype == np.float32 else 1e-12}
    sparse = sp.csr_array(np.where(rng.random(X.shape) < 0.1, X, 0))
    readonly = X.copy()
    readonly.flags.writeable = False
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for Y in (X, X[:1], X[:19], np.asfortranarray(X), wide, readonly, X[::-1], X[:0]):
        got = S.apply(Y)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, Y @ M.T, **close)
        np.testing.assert_allclose(S.apply(Y.T, axis=0), M @ Y.T, **close)
        np.testing.assert_allclose(S.apply(np.ascontiguousarray(Y.T), axis=0), M @ Y.T, **close)
    long = sparse.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    for Y in (sparse, sparse.tocsc(), sp.csr_matrix(sparse), sparse.tocoo(), long, sparse[:0]):
        np.testing.assert_allclose(S.apply(Y), Y.toarray() @ M.T, **close)
        np.testing.assert_allclose(S.apply(Y.T, axis=0), M @ Y.T.toarray(), **close)
        np.testing.assert_allclose(S.apply(Y.T.tocsr(), axis=0), M @ Y.T.toarray(), **close)
    Z = S.apply(X)
    np.testing.assert_allclose(S.adjoint(Z), Z @ M, rtol=0, atol=100 * close["atol"])
    np.testing.assert_allclose(S.adjoint(Z.T, axis=0), (Z @ M).T, rtol=0, atol=100 * close["atol"])
    out = np.asfortranarray(Z)
    for target in (Z.copy(), out):
        assert S.apply(X, out=target, accumulate=True) is target
        np.testing.assert_allclose(target, 2 * Z, rtol=0, atol=2 * close["atol"])
        S.apply(X, out=target)
        np.testing.assert_allclose(target, Z, **close)


@every_kind
def test_is_a_linear_operator(kind, params):
    S = SketchOperator(kind, 24, 90, random_state=0, **params)
    assert_adjoint(S)
    M = S.toarray()
    x, y = np.arange(90.0), np.arange(24.0)
    np.testing.assert_allclose(S @ x, M @ x, atol=1e-12)
    np.testing.assert_allclose(S.T @ y, M.T @ y, atol=1e-12)
    np.testing.assert_allclose(S.H @ y, M.T @ y, atol=1e-12)
    part = S.columns(17, 60)
    np.testing.assert_array_equal(part.toarray() if sp.issparse(part) else part, M[:, 17:60])
    np.testing.assert_array_equal(S.tocsr().toarray(), M)
    again = pickle.loads(pickle.dumps(S))
    np.testing.assert_array_equal(again.toarray(), M)
    assert repr(S).startswith(f"SketchOperator({kind!r}, 24, 90, random_state=0")


@every_kind
def test_columns_are_functions_of_seed_and_id(kind, params):
    """Of nothing else: not of d (where the length does not enter), the chunk, the slice."""
    if kind in ("srht", "fast_jl") or params == {} and kind == "sparse_sign":
        return  # the length enters their definition
    short, long = (SketchOperator(kind, 20, d, random_state=9, **params) for d in (50, 5000))
    np.testing.assert_array_equal(short.toarray(), long.toarray()[:, :50])
    last = long.columns(4990, 5000)
    np.testing.assert_array_equal(last.toarray() if sp.issparse(last) else last, long.toarray()[:, 4990:])
    other = SketchOperator(kind, 20, 50, random_state=10, **params)
    assert not np.array_equal(short.toarray(), other.toarray())


@every_kind
def test_same_bits_for_any_number_of_threads(kind, params):
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(700, 700)), sp.random_array((700, 700), density=0.2, rng=rng, format="csr")
    S = SketchOperator(kind, 64, 700, random_state=1, **params)
    for data in (X, Z, X.astype(np.float32)):
        for axis in (0, -1):
            with sparsela.config_context(n_jobs=1):
                want = S.apply(data, axis)
            for jobs in (2, 3, 5):
                with sparsela.config_context(n_jobs=jobs):
                    np.testing.assert_array_equal(S.apply(data, axis), want)


@every_kind
def test_order_of_samples_and_chunks_of_them_do_not_matter(kind, params):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, 200))
    S = SketchOperator(kind, 32, 200, random_state=1, **params)
    if S._drawn.sparse or kind in ("srht", "fast_jl"):
        whole = S.apply(X)
        order = rng.permutation(150)
        np.testing.assert_array_equal(S.apply(X[order]), whole[order])
        np.testing.assert_array_equal(np.vstack([S.apply(X[:37]), S.apply(X[37:])]), whole)
        sparse = sp.csr_array(np.where(X > 1, X, 0))
        np.testing.assert_array_equal(S.apply(sparse[order]), S.apply(sparse)[order])
    if kind not in ("srht", "fast_jl", "gaussian"):  # rows: sums of whole numbers are exact, in any order
        params = {**params, "density": params.get("density", 0.02)} if kind == "sparse_sign" else params
        A = rng.integers(-100, 100, size=(900, 7)).astype(float)
        scale = np.abs(SketchOperator(kind, 32, 900, random_state=1, **params).toarray()).max()
        ids = rng.permutation(900)
        one = sketch(A, 32, kind=kind, random_state=1, row_indices=np.arange(900), **params) / scale
        other = sketch(A[ids], 32, kind=kind, random_state=1, row_indices=ids, **params) / scale
        np.testing.assert_array_equal(np.round(one), np.round(other))
        assert np.abs(one - np.round(one)).max() < 1e-10


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_gives_the_products(width, at_width):
    at_width(
        width,
        """
import numpy as np
from sparsela.sketch import SketchOperator
rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for n, d, k in ((1, 1, 1), (3, 17, 5), (33, 130, 37), (16, 64, 16)):
        X = rng.normal(size=(n, d)).astype(dtype)
        for kind, params in (("countsketch", {}), ("sparse_embedding", {"n_nonzeros": 1}), ("srht", {}),
                             ("sparse_sign", {"density": 0.04}), ("fast_jl", {"density": 0.5})):
            S = SketchOperator(kind, min(k, d), d, random_state=2, **params)
            M = S.toarray()
            atol = 1e-4 if dtype == np.float32 else 1e-12
            assert np.allclose(S.apply(X), X @ M.T, atol=atol, rtol=0), (kind, n, d, k)
            assert np.allclose(S.apply(X.T.copy(), axis=0), M @ X.T, atol=atol, rtol=0), (kind, n, d, k)
""",
    )


def test_srht_of_full_length_is_an_isometry():
    X = np.random.default_rng(0).normal(size=(20, 100))
    Y = SketchOperator("srht", 128, 100, random_state=0).apply(X)
    np.testing.assert_allclose(np.linalg.norm(Y, axis=1), np.linalg.norm(X, axis=1), rtol=1e-12)


def test_unsorted_and_repeated_indices_add_up():
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 50, size=400)  # repeated within rows, in no order
    X = sp.csr_array((rng.integers(1, 9, size=400).astype(float), indices, np.arange(0, 401, 20)), shape=(20, 50))
    canonical = X.copy()
    canonical.sum_duplicates()
    assert canonical.nnz < 400
    for kind, params in KINDS:
        S = SketchOperator(kind, 16, 50, random_state=0, **params)
        np.testing.assert_allclose(S.apply(X), S.apply(canonical), atol=1e-12)
        S = SketchOperator(kind, 16, 20, random_state=0, **params)
        np.testing.assert_allclose(S.apply(X, axis=0), S.apply(canonical, axis=0), atol=1e-12)
    assert X.nnz == 400  # the input stays as it is


def test_broken_csr_is_refused_not_read():
    for kind, params in KINDS:
        for part, at, value in (("indices", 3, 99), ("indices", 3, -1), ("indptr", 1, 9)):
            X = sp.csr_array(np.eye(8))
            getattr(X, part)[at] = value
            S = SketchOperator(kind, 8, 8, random_state=0, **params)
            for axis in (0, -1):
                if kind == "sparse_sign" and axis == 0 and S._drawn.sparse:
                    continue  # rows of X that no entry of S meets are not looked at
                with pytest.raises(ValueError, match="X is no valid (csr array|CSR matrix)"):
                    S.apply(X, axis)


def test_many_features_are_hashed_as_they_come(monkeypatch):
    """Beyond the table, and in panels of it: the same sketch."""
    from sparsela.sketch import _signs

    rng = np.random.default_rng(0)
    X = sp.random_array((40, 3000), density=0.02, rng=rng, format="csr")
    for kind, params in KINDS[1:7]:
        S, T = (SketchOperator(kind, 24, 3000, random_state=2, **params) for _ in range(2))
        want, dense = S.apply(X), S.apply(X.toarray())
        monkeypatch.setattr(_signs, "TABLE", 700)
        monkeypatch.setattr(_signs, "ENTRIES", 3000)
        np.testing.assert_array_equal(T.apply(X), want)
        np.testing.assert_allclose(T.apply(X.toarray()), dense, atol=1e-13)
        monkeypatch.undo()


def test_gaussian_without_keeping_it_is_the_same(monkeypatch):
    from sparsela.sketch import _dense

    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1300))
    S, T = (SketchOperator("gaussian", 20, 1300, random_state=2) for _ in range(2))
    want, sparse = S.apply(X), S.apply(sp.csr_array(X))
    monkeypatch.setattr(_dense, "KEPT", 1000)
    np.testing.assert_allclose(T.apply(X), want, atol=1e-12)
    np.testing.assert_allclose(T.apply(sp.csr_array(X)), sparse, atol=1e-12)
    np.testing.assert_allclose(T.adjoint(want), S.adjoint(want), atol=1e-11)


def test_sparse_data_are_never_dense():
    n, d, k = 2000, 400_000, 64
    X = sp.random_array((n, d), density=5e-4, rng=np.random.default_rng(0), format="csr")  # 6.4 GB if it were dense
    for kind in ("countsketch", "sparse_embedding"):
        tracemalloc.start()
        S = SketchOperator(kind, k, d, random_state=0)
        out = S.apply(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        table = 4 * d * (1 if kind == "countsketch" else 8)
        assert peak < out.nbytes + table + 2**20
    tracemalloc.start()
    out = sketch(X.T.tocsr()[:5000], k, random_state=0)
    assert tracemalloc.get_traced_memory()[1] < out.nbytes + 12 * X.nnz + 2**23
    tracemalloc.stop()


def test_sketch_is_the_operator():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(80, 9))
    for kind, params in KINDS:
        params = {**params, "n_points": 9} if params.get("n_points") else params
        S = SketchOperator(kind, 16, 80, random_state=7, **params)
        np.testing.assert_array_equal(sketch(A, 16, kind=kind, random_state=7, **params), S.apply(A, axis=0))
        np.testing.assert_array_equal(sketch(A.T, 16, kind=kind, axis=1, random_state=7, **params), S.apply(A.T))
    sparse = sp.csr_array(np.where(A > 0.5, A, 0))
    got = sketch(sparse, 16, random_state=7, dense_output=False)
    assert sp.issparse(got) and got.format == "csr"
    np.testing.assert_allclose(got.toarray(), sketch(sparse, 16, random_state=7), atol=1e-14)
    got = sketch(sparse, 16, random_state=7, row_indices=np.arange(80) * 3, dense_output=False)
    np.testing.assert_allclose(got.toarray(), sketch(sparse, 16, random_state=7, row_indices=np.arange(80) * 3))
    twice = sketch(A, 16, random_state=7, row_indices=np.zeros(80, int))  # equal ids add
    np.testing.assert_allclose(twice, sketch(A.sum(axis=0)[None], 16, random_state=7), atol=1e-12)


def test_long_single_precision_keeps_its_digits():
    n = 2**20 + 2**16
    A = np.full((n, 1), 0.1, np.float32)
    S = sketch(A, 1, kind="countsketch", random_state=0)
    signs = SketchOperator("countsketch", 1, n, random_state=0).apply(np.ones((n, 1)), axis=0)
    assert S.dtype == np.float32 and abs(S[0, 0] - np.float64(np.float32(0.1)) * signs[0, 0]) < 1e-4


frozen = np.zeros((2, 4))
frozen.flags.writeable = False
X8 = np.ones((2, 8))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SketchOperator("hash", 4, 8), ValueError, "kind must be one of .* got 'hash'"),
        (lambda: SketchOperator("gaussian", 0, 8), ValueError, "n_components must be between 1 and .* got 0"),
        (lambda: SketchOperator("gaussian", True, 8), TypeError, "n_components must be an int, got bool"),
        (lambda: SketchOperator("gaussian", 4.0, 8), TypeError, "n_components must be an int, got float"),
        (lambda: SketchOperator("gaussian", 4, 0), ValueError, "n_features must be between 1"),
        (lambda: SketchOperator("countsketch", 4, 2**31), ValueError, "n_features must be between 1 and 2147483647"),
        (lambda: SketchOperator("srht", 9, 5), ValueError, "n_components must be at most 8, 5 padded .* got 9"),
        (lambda: SketchOperator("sparse_embedding", 4, 8, n_nonzeros=5), ValueError, "at most n_components, 4, got 5"),
        (lambda: SketchOperator("sparse_embedding", 4, 8, n_nonzeros=0), ValueError, "n_nonzeros must be at least 1"),
        (lambda: SketchOperator("sparse_sign", 4, 8, density=0), ValueError, "density must be finite and positive"),
        (lambda: SketchOperator("sparse_sign", 4, 8, density=1.5), ValueError, r"density must be in \(0, 1\], got 1.5"),
        (lambda: SketchOperator("sparse_sign", 4, 8, density="low"), ValueError, "density must be 'auto' or a number"),
        (lambda: SketchOperator("countsketch", 4, 8, density=0.1), TypeError, r"no parameters, got \['density'\]"),
        (lambda: SketchOperator("fast_jl", 4, 8), ValueError, "n_points must be given"),
        (lambda: SketchOperator("fast_jl", 4, 8, n_points=1), ValueError, "n_points must be at least 2, got 1"),
        (lambda: SketchOperator("fast_jl", 4, 8, n_points=9, eps=1.0), ValueError, "eps must be between 0 and 1"),
        (lambda: SketchOperator("fast_jl", 4, 8, n_points=9, variant="best"), ValueError, "variant must be one of"),
        (lambda: SketchOperator("fast_jl", 4, 8, n_points=9, entries="one"), ValueError, "entries must be"),
        (lambda: SketchOperator("gaussian", 4, 8, dtype=int), TypeError, "dtype must be float32 or float64"),
        (lambda: SketchOperator("gaussian", 4, 8, random_state="a"), TypeError, "random_state must be an int"),
        (lambda: SketchOperator("gaussian", 2**20, 2**20).toarray(), ValueError, "8192.0 GiB, more than 2"),
        (lambda: SketchOperator("countsketch", 4, 2**30).tocsr(), ValueError, "16.0 GiB, more than 2"),
        (lambda: SketchOperator("countsketch", 4, 8).columns(3, 9), ValueError, "stop must be between 3 and 8, got 9"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(np.ones((2, 7))), ValueError, "8 entries along axis -1"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(np.ones(8)), ValueError, "two dimensions"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8 * np.nan), ValueError, "NaN"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8, axis=2), ValueError, "axis must be 0, 1 or -1, got 2"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8, out=np.ones((2, 5))), ValueError, r"of shape \(2, 4\)"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8, out=frozen), ValueError, "out must be writeable"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8, out=X8[:, :4]), ValueError, "not share memory"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(X8, accumulate=True), ValueError, "needs an out to add to"),
        (lambda: SketchOperator("countsketch", 4, 8).adjoint(X8), ValueError, "4 entries along axis -1"),
        (lambda: SketchOperator("countsketch", 4, 8).apply(np.ma.ones((2, 8))), TypeError, "got a masked array"),
        (lambda: sketch(np.ones((3, 2)), 2, kind="countsketch", row_indices=[0, 1, -1]), ValueError, "got -1"),
        (lambda: sketch(np.ones((3, 2)), 2, kind="countsketch", row_indices=[0, 1]), ValueError, r"shape \(3,\)"),
        (lambda: sketch(np.ones((3, 2)), 2, kind="countsketch", row_indices=[0.0] * 3), TypeError, "integers"),
        (lambda: sketch(np.ones((3, 2)), 2, kind="srht", row_indices=[0, 1, 2]), ValueError, "must know the length"),
        (lambda: sketch(np.ones((3, 2)), 2, kind="sparse_sign", row_indices=[0, 1, 2]), ValueError, "got 'auto'"),
        (lambda: sketch(np.ones((3, 2)), 2, axis=1, row_indices=[0, 1, 2]), ValueError, "row_indices go with axis=0"),
        (lambda: sketch(np.ones((0, 2)), 2), ValueError, "at least one entry along axis 0"),
        (lambda: sketch([["a"]], 2), TypeError, "A must be an array of numbers"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert (X8 == 1).all()
