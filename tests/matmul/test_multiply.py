"""The fast product: exact where numbers are, right on every shape, layout and dtype; threads and bad input."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsela.matmul import error_bound, get_scheme, list_schemes, multiply, plan_multiply

DTYPES = ["float32", "float64", "complex64", "complex128"]
FAST = ("winograd", "strassen")


def schemes():
    """Every packaged scheme and shapes that are composed; Winograd's twice as often."""
    return [*FAST, *list_schemes(), get_scheme((2, 2, 3)), get_scheme((3, 2, 4)), get_scheme("classical", (1, 2, 3))]


def integers(rng, shape, dtype, most=4):
    x = rng.integers(-most, most + 1, shape).astype(dtype)
    return x + 1j * rng.integers(-most, most + 1, shape).astype(dtype) if np.dtype(dtype).kind == "c" else x


def layouts(x):
    """The same matrix by rows, by columns, inside a larger one of either order, with two strides, reversed."""
    m, n = x.shape
    big = np.full((m + 3, n + 5), np.nan, x.dtype)
    big[1 : m + 1, 2 : n + 2] = x
    tall = np.asfortranarray(big)
    apart = np.full((2 * m, 2 * n), np.nan, x.dtype)
    apart[::2, ::2] = x
    yield x
    yield np.asfortranarray(x)
    yield big[1 : m + 1, 2 : n + 2]
    yield tall[1 : m + 1, 2 : n + 2]
    yield apart[::2, ::2]
    yield np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]


@settings(max_examples=500, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(0, 200)] * 3),
    which=st.integers(0, 10**6),
    levels=st.integers(0, 3),
    dtype=st.sampled_from(DTYPES),
    order=st.tuples(*[st.integers(0, 5)] * 3),
    seed=st.integers(0, 2**16),
)
def test_products_of_integers_are_exact_on_every_shape(sizes, which, levels, dtype, order, seed):
    m, k, n = sizes
    choices = schemes()
    scheme = choices[which % len(choices)]
    if levels == 3 and getattr(scheme, "rank", 7) > 40:
        levels = 2
    rng = np.random.default_rng(seed)
    A, B = integers(rng, (m, k), dtype, 1), integers(rng, (k, n), dtype, 1)
    kept = A.copy(), B.copy()
    want = A @ B
    out = None
    if m and n and order[2] < 5:
        out = list(layouts(np.zeros((m, n), dtype)))[order[2]]
    a, b = list(layouts(A))[order[0]], list(layouts(B))[order[1]]
    got = multiply(a, b, scheme=scheme, levels=levels, out=out, n_jobs=1 + seed % 2)
    assert got.dtype == want.dtype and got.shape == want.shape
    assert out is None or got is out
    ternary = getattr(scheme, "ring", "ternary") == "ternary"
    if ternary and np.dtype(dtype) in ("float64", "complex128"):
        np.testing.assert_array_equal(got, want)
    else:
        bound = error_bound(scheme, levels, sizes, dtype).bound * (2 if np.dtype(dtype).kind == "c" else 1)
        assert np.abs(got - want).max(initial=0) <= bound
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(b, kept[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_real_products_stay_within_the_bound(dtype, levels):
    rng = np.random.default_rng(levels)
    for m, k, n in ((150, 150, 150), (97, 200, 61), (1, 130, 180), (200, 1, 200), (64, 128, 1)):
        A, B = (integers(rng, s, dtype, 1000) / 999 for s in ((m, k), (k, n)))
        A, B = A.astype(dtype), B.astype(dtype)
        exact = A.astype(np.complex128) @ B.astype(np.complex128)
        for scheme in schemes():
            gap = np.abs(multiply(A, B, scheme=scheme, levels=levels) - exact).max()
            bound = error_bound(scheme, levels, (m, k, n), dtype).bound
            assert gap <= bound * np.abs(A).max() * np.abs(B).max()


@pytest.mark.parametrize("mode", ["fused", "grouped", "lean"])
def test_less_memory_gives_the_same_products(mode):
    rng = np.random.default_rng(0)
    for m, k, n in ((64, 64, 64), (101, 75, 90), (50, 81, 33)):
        A, B = integers(rng, (m, k), "float64"), integers(rng, (k, n), "float64")
        for scheme in (*FAST, "laderman", "hopcroft-kerr", get_scheme((2, 2, 3)), get_scheme((3, 2, 4))):
            whole = plan_multiply((m, k), (k, n), scheme=scheme, levels=2, max_workspace=10**9, n_jobs=2)
            sizes = workspaces(whole)
            plan = plan_multiply((m, k), (k, n), scheme=scheme, levels=2, max_workspace=sizes[mode], n_jobs=2)
            assert plan.workspace <= sizes[mode]
            np.testing.assert_array_equal(plan.run(A, B), A @ B)
            assert set(plan.modes) == {["fused", "grouped", "lean"].index(mode)}


def workspaces(plan):
    modes = {"fused": (0, 0), "grouped": (1, 1), "lean": (2, 2)}
    return {name: plan._build(mode, (False,) * 3).workspace(plan.n_threads) for name, mode in modes.items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_for_one_and_two_threads(dtype):
    rng = np.random.default_rng(3)
    for m, k, n in ((260, 180, 300), (401, 257, 133), (90, 500, 470)):
        A = rng.standard_normal((m, k)).astype(dtype)
        B = rng.standard_normal((k, n)).astype(dtype)
        for scheme in (*FAST, "laderman"):
            for levels in (1, 2):
                one = multiply(A, B, scheme=scheme, levels=levels, n_jobs=1)
                two = multiply(A, B, scheme=scheme, levels=levels, n_jobs=2)
                np.testing.assert_array_equal(one, two)


def test_three_and_more_threads_multiply_too():
    rng = np.random.default_rng(4)
    A, B = integers(rng, (333, 210), "float64"), integers(rng, (210, 290), "float64")
    for n_jobs in (3, 4, 8):
        for scheme in (*FAST, "laderman"):
            np.testing.assert_array_equal(multiply(A, B, scheme=scheme, levels=2, n_jobs=n_jobs), A @ B)


def test_eight_calls_at_a_time():
    rng = np.random.default_rng(5)
    pairs = [(integers(rng, (150 + i, 140), "float64"), integers(rng, (140, 160 - i), "float64")) for i in range(8)]
    plan = plan_multiply((150, 140), (140, 160), scheme="winograd", levels=2, n_jobs=2)
    start = threading.Barrier(8)

    def call(i):
        A, B = pairs[i]
        start.wait()
        good = 0
        for _ in range(10):
            good += np.array_equal(multiply(A, B, scheme="winograd", levels=2, n_jobs=1 + i % 2), A @ B)
            good += np.array_equal(
                plan.run(A[:150], B[:, :140] @ np.eye(140, 160)), A[:150] @ B[:, :140] @ np.eye(140, 160)
            )
        return good

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [20] * 8


def test_blas_has_its_threads_back_after_calls_that_overlap():
    from sparsela._core.threads import _most_blas_threads

    before = _most_blas_threads()
    A = np.ones((200, 200))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: multiply(A, A, scheme="winograd", levels=1), range(40)))
    assert _most_blas_threads() == before


def test_a_list_of_schemes_is_one_a_level():
    rng = np.random.default_rng(6)
    A, B = integers(rng, (120, 90), "float64"), integers(rng, (90, 110), "float64")
    mixed = ["winograd", get_scheme("laderman"), "hopcroft-kerr"]
    np.testing.assert_array_equal(multiply(A, B, scheme=mixed), A @ B)
    np.testing.assert_array_equal(multiply(A, B, scheme=mixed, levels=3), A @ B)
    with pytest.raises(ValueError, match="one a level"):
        multiply(A, B, scheme=mixed, levels=2)


def test_rational_and_integer_coefficients():
    w = get_scheme("winograd")
    other = w.change_basis([[1, 1], [0, 2]], [[2, 1], [1, 1]], [[1, 0], [3, 1]])
    assert other.ring == "rational"
    rng = np.random.default_rng(7)
    A, B = rng.standard_normal((90, 70)), rng.standard_normal((70, 80))
    for levels in (1, 2):
        gap = np.abs(multiply(A, B, scheme=other, levels=levels) - A @ B).max()
        assert gap <= error_bound(other, levels, (90, 70, 80)).bound * np.abs(A).max() * np.abs(B).max()


def test_peeled_edges():
    rng = np.random.default_rng(8)
    for m, k, n in ((65, 66, 67), (64, 65, 64), (3, 200, 3), (130, 2, 131), (128, 128, 129)):
        A, B = integers(rng, (m, k), "float64"), integers(rng, (k, n), "float64")
        for levels in (1, 2, 3):
            plan = plan_multiply((m, k), (k, n), scheme="winograd", levels=levels, edges="peel", n_jobs=2)
            for a in (A, np.asfortranarray(A)):
                np.testing.assert_array_equal(plan.run(a, B), A @ B)


def test_dtypes_promote_as_numpy_does_but_integers_are_doubles():
    rng = np.random.default_rng(9)
    A, B = rng.integers(0, 5, (30, 20)), rng.integers(0, 5, (20, 25))
    for a, b, want in (
        ("int64", "int32", "float64"),
        ("float32", "float64", "float64"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("bool", "float32", "float64"),
        ("float16", "float16", "float64"),
        (">f8", "f8", "float64"),
    ):
        x, y = A.astype(a), B.astype(b)
        for levels in (0, 1):
            got = multiply(x, y, scheme="strassen", levels=levels)
            assert got.dtype == want
            np.testing.assert_array_equal(got, x.astype(want) @ y.astype(want))


def test_empty_dimensions_give_zeros():
    for m, k, n in ((0, 5, 6), (5, 0, 6), (5, 6, 0), (0, 0, 0)):
        for levels in ("auto", 0, 2):
            got = multiply(np.ones((m, k)), np.ones((k, n)), scheme="winograd", levels=levels)
            assert got.shape == (m, n)
            assert not got.any()


def test_small_products_are_numpys():
    rng = np.random.default_rng(10)
    A, B = rng.standard_normal((300, 200)), rng.standard_normal((200, 100))
    np.testing.assert_array_equal(multiply(A, B), np.matmul(A, B))
    np.testing.assert_array_equal(multiply(A, B, levels=0, scheme="winograd"), np.matmul(A, B))


BAD = [
    (np.ones(3), np.ones((3, 3)), {}, TypeError, "numpy.matmul"),
    (np.ones((2, 3, 3)), np.ones((3, 3)), {}, TypeError, "numpy.matmul"),
    (np.ones((3, 4)), np.ones((3, 4)), {}, ValueError, "inner dimension"),
    (np.array([["a", "b"]]), np.ones((2, 2)), {}, TypeError, "array of numbers"),
    (np.ones((2, 2), object), np.ones((2, 2)), {}, TypeError, "array of numbers"),
    ([[1, 2], [3]], np.ones((2, 2)), {}, ValueError, "different lengths"),
    (sp.eye_array(3), np.ones((3, 3)), {}, TypeError, "dense array"),
    (np.ma.ones((3, 3)), np.ones((3, 3)), {}, TypeError, "masked"),
    (np.full((3, 3), np.nan), np.ones((3, 3)), {}, ValueError, "A contains NaN"),
    (np.ones((3, 3)), np.full((3, 3), np.inf), {}, ValueError, "B contains infinity"),
    (np.ones((3, 3)), np.ones((3, 3)), {"levels": -1}, ValueError, "levels"),
    (np.ones((3, 3)), np.ones((3, 3)), {"levels": 1.0}, TypeError, "levels"),
    (np.ones((3, 3)), np.ones((3, 3)), {"levels": True}, TypeError, "levels"),
    (np.ones((3, 3)), np.ones((3, 3)), {"levels": "many"}, ValueError, "levels"),
    (np.ones((3, 3)), np.ones((3, 3)), {"scheme": "nobody"}, ValueError, "name"),
    (np.ones((3, 3)), np.ones((3, 3)), {"scheme": 7}, TypeError, "scheme"),
    (np.ones((3, 3)), np.ones((3, 3)), {"scheme": ["winograd"] * 2, "levels": 1}, ValueError, "one a level"),
    (np.ones((3, 3)), np.ones((3, 3)), {"accuracy": 0.5}, ValueError, "accuracy"),
    (np.ones((3, 3)), np.ones((3, 3)), {"accuracy": "high"}, TypeError, "accuracy"),
    (np.ones((3, 3)), np.ones((3, 3)), {"n_jobs": 0}, ValueError, "n_jobs"),
    (np.ones((3, 3)), np.ones((3, 3)), {"model": 3}, TypeError, "model"),
    (np.ones((3, 3)), np.ones((3, 3)), {"out": np.ones((3, 2))}, ValueError, "out must have shape"),
    (np.ones((3, 3)), np.ones((3, 3)), {"out": np.ones((3, 3), "f")}, ValueError, "dtype"),
    (np.ones((3, 3)), np.ones((3, 3)), {"out": [[0] * 3] * 3}, TypeError, "out must be an ndarray"),
]


@pytest.mark.parametrize("case", BAD, ids=[f"{case[4]}-{i}" for i, case in enumerate(BAD)])
def test_bad_input(case):
    A, B, options, error, message = case
    with pytest.raises(error, match=message):
        multiply(A, B, **options)


def test_out_must_be_apart_and_writeable():
    A = np.ones((40, 40))
    for out in (A, A.T, A[::-1], A[:20].reshape(20, 40)[:, :40]):
        square = A[: len(out), : len(out)] if out.shape[0] == out.shape[1] else A[:20]
        with pytest.raises(ValueError, match="overlap"):
            multiply(square, A if square.shape[1] == 40 else A[:20, :20], out=out, levels=1, scheme="winograd")
    out = np.empty((40, 40))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        multiply(A, A, out=out)
    wide = np.ones((40, 80))  # columns in turn: they share no entry
    got = multiply(wide[:, ::2], A, out=wide[:, 1::2], levels=1, scheme="winograd")
    np.testing.assert_array_equal(got, np.full((40, 40), 40.0))


def test_entries_that_are_not_finite_pass_when_unchecked():
    A = np.ones((64, 64))
    A[0, 0] = np.nan
    got = multiply(A, np.ones((64, 64)), levels=1, scheme="winograd", check_finite=False)
    assert np.isnan(got[0]).all()
