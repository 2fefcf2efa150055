import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela.sketch import SketchOperator, StreamingSketch, sketch

KINDS = [
    ("sparse_embedding", {}),
    ("sparse_embedding", {"n_nonzeros": 3}),
    ("countsketch", {}),
    ("gaussian", {}),
    ("sparse_sign", {"density": 0.02}),
    ("sparse_sign", {"density": 0.4}),
]
every_kind = pytest.mark.parametrize(("kind", "params"), KINDS)


def one_shot(X, kind, params):
    return sketch(X, 32, kind=kind, random_state=3, row_indices=np.arange(X.shape[0]), **params)


@every_kind
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_shards_merged_in_any_order_are_one_shot(kind, params, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6)).astype(dtype)
    y = rng.normal(size=300)
    want = one_shot(X, kind, params)
    shards = np.split(rng.permutation(300), [50, 51, 180])
    bound = 1e-5 if dtype == np.float32 else 1e-12
    for data in (X, sp.csr_array(X)):
        parts = [
            StreamingSketch(32, kind=kind, random_state=3, **params).partial_fit(data[ids], y[ids], row_indices=ids)
            for ids in shards
        ]
        for order in itertools.permutations(parts):
            total = order[0] + order[1]
            total = total.merge(order[2]).merge(order[3])
            assert np.abs(total.sketch_ - want).max() <= bound * np.abs(want).max()
            assert total.n_rows_seen_ == 300 and total.sketch_.dtype == dtype
            sketched = one_shot(y[:, None], kind, params)[:, 0]
            assert np.abs(total.sketch_y_ - sketched).max() <= 1e-12 * np.abs(sketched).max()


@every_kind
def test_ids_go_on_and_chunks_do_not_matter(kind, params):
    X = np.random.default_rng(0).normal(size=(300, 6))
    want = one_shot(X, kind, params)
    for cuts in ([], [1], [100, 100, 299]):
        s = StreamingSketch(32, kind=kind, random_state=3, **params)
        for part in np.split(X, cuts):
            s.partial_fit(part)
        if kind != "gaussian" and params.get("density", 0) < 0.1:
            np.testing.assert_array_equal(s.sketch_, want)  # one addition after the other: the same bits
        np.testing.assert_allclose(s.sketch_, want, rtol=0, atol=1e-12)


@every_kind
def test_turnstile(kind, params):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6))
    s = StreamingSketch(32, kind=kind, random_state=3, **params).partial_fit(X)
    change = rng.normal(size=6)
    s.update(17, change).update(4, -X[4])
    X[17] += change
    X[4] = 0
    np.testing.assert_allclose(s.sketch_, one_shot(X, kind, params), rtol=0, atol=1e-12)
    assert s.n_rows_seen_ == 50
    with pytest.raises(TypeError, match="row must be real"):
        s.update(0, 1j * change)


def test_whole_is_the_operator():
    X = np.random.default_rng(0).normal(size=(200, 3))
    s = StreamingSketch(16, random_state=5).partial_fit(X)
    S = SketchOperator("sparse_embedding", 16, 200, random_state=5)
    np.testing.assert_array_equal(s.sketch_, S.apply(X, axis=0))
    assert s.partial_fit(np.empty((0, 3))).n_rows_seen_ == 200  # no rows: nothing
    kept = s.sketch_
    kept[...] = 0
    assert s.sketch_.any()


def test_single_precision_beyond_a_million_rows():
    n = 2**20 + 5000
    s = StreamingSketch(1, kind="countsketch", random_state=0)
    for first in range(0, n, 2**18):
        s.partial_fit(np.full((min(2**18, n - first), 1), 0.1, np.float32))
    assert s._sum.dtype == np.float64 and s.sketch_.dtype == np.float32


A, B = (StreamingSketch(8, random_state=seed).partial_fit(np.ones((3, 2))) for seed in (0, 1))
ones = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: StreamingSketch(8, kind="srht").partial_fit(ones), ValueError, "'srht' must know the number of rows"),
        (lambda: StreamingSketch(8, kind="fast_jl").partial_fit(ones), ValueError, "must know the number of rows"),
        (lambda: StreamingSketch(8, kind="x").partial_fit(ones), ValueError, "The 'kind' parameter"),
        (lambda: StreamingSketch(8, kind="sparse_sign").partial_fit(ones), ValueError, "density must be given"),
        (lambda: StreamingSketch(4).partial_fit(ones), ValueError, "n_nonzeros must be at most n_components, 4, got 8"),
        (lambda: StreamingSketch(0).partial_fit(ones), ValueError, "The 'n_components' parameter"),
        (lambda: A.merge(B), ValueError, "equal seed to be merged, got 0 and 1"),
        (lambda: A.merge(StreamingSketch(9, random_state=0).partial_fit(ones)), ValueError, "equal n_components"),
        (lambda: A.merge(StreamingSketch(8, n_nonzeros=2, random_state=0).partial_fit(ones)), ValueError, "n_nonzeros"),
        (lambda: A.merge(StreamingSketch(8, random_state=0).partial_fit(ones.astype("f"))), ValueError, "equal dtype"),
        (lambda: A.merge(StreamingSketch(8, random_state=0).partial_fit(ones[:, :1])), ValueError, "n_features_in"),
        (lambda: A.merge(StreamingSketch(8, random_state=0).partial_fit(ones, ones[:, 0])), ValueError, "targets"),
        (lambda: A.merge(ones), TypeError, "other must be a StreamingSketch, got ndarray"),
        (lambda: A.partial_fit(ones * np.inf), ValueError, "infinity"),
        (lambda: A.partial_fit(ones[:, :1]), ValueError, "X must have 2 features, as the first part had, got 1"),
        (lambda: A.partial_fit(ones, ones[:, 0]), ValueError, "y must be given with every part or with none"),
        (lambda: A.partial_fit(ones, row_indices=[1, 2, -3]), ValueError, "got -3"),
        (lambda: A.partial_fit(ones, row_indices=[1, 2]), ValueError, r"must have shape \(3,\)"),
        (lambda: A.update(-1, [0.0, 0.0]), ValueError, "i must be between 0 and"),
        (lambda: A.update(0, [0.0]), ValueError, r"row must have shape \(2,\), got \(1,\)"),
    ],
)
def test_bad_input(call, error, message):
    before = A.sketch_
    with pytest.raises(error, match=message):
        call()
    np.testing.assert_array_equal(A.sketch_, before)
