import tracemalloc

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

from sparsela.transforms import fwht, next_pow2

DTYPES = (np.float32, np.float64, np.complex64, np.complex128)


def twin(X, axis=-1):
    """H X along an axis, one stage at a time, in the dtype of X."""
    Y = np.moveaxis(X, axis, -1)
    n, h = Y.shape[-1], 1
    while h < n:
        Z = Y.reshape(*Y.shape[:-1], n // (2 * h), 2, h)
        a, b = Z[..., 0, :], Z[..., 1, :]
        Y = np.stack([a + b, a - b], -2).reshape(Y.shape)
        h *= 2
    return np.moveaxis(Y, -1, axis)


def draw(rng, shape, dtype):
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


@pytest.mark.parametrize("log2n", range(17))
def test_whole_numbers_are_exact(log2n):
    n = 2**log2n
    rng = np.random.default_rng(log2n)
    for dtype, largest in ((np.float64, 2**20), (np.float32, min(2**20, (2**24 - 1) // n))):
        X = rng.integers(-largest, largest + 1, size=(3, n))
        want = twin(X)
        np.testing.assert_array_equal(fwht(X.astype(dtype), normalize=False), want.astype(dtype))
        np.testing.assert_array_equal(fwht(X.T.astype(dtype), axis=0, normalize=False), want.T.astype(dtype))
        wide = np.repeat(X, 50, axis=0).T.astype(dtype)  # strips of 64 columns and 16 odd ones beside them
        np.testing.assert_array_equal(fwht(wide, axis=0, normalize=False)[:, ::50], want.T.astype(dtype))


@pytest.mark.parametrize("n", [2**18, 2**20])
def test_long_rows_and_tall_columns_are_exact(n):
    X = np.random.default_rng(n).integers(-(2**20), 2**20, size=(2, n))
    want = twin(X).astype(float)
    for jobs in (1, 2):
        np.testing.assert_array_equal(fwht(X, normalize=False, n_jobs=jobs), want)
        np.testing.assert_array_equal(fwht(np.ascontiguousarray(X.T), 0, normalize=False, n_jobs=jobs), want.T)


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16, 32, 64, 128, 1024])
def test_is_the_matrix_of_scipy_in_every_order(n):
    H = scipy.linalg.hadamard(n).astype(float) if n > 1 else np.ones((1, 1))
    x = np.random.default_rng(n).normal(size=(n, 5))
    eps = np.finfo(float).eps
    bound = 4 * eps * max(1, np.log2(n)) * np.linalg.norm(x, axis=0)
    assert (np.abs(fwht(x, 0) - H @ x / np.sqrt(n)) <= bound).all()
    changes = (np.diff(H, axis=1) != 0).sum(axis=1)
    by_changes = H[np.argsort(changes)]
    assert changes[np.argsort(changes)].tolist() == list(range(n))
    bits = n.bit_length() - 1
    flipped = [int(f"{i:0{bits}b}"[::-1], 2) if bits else 0 for i in range(n)]
    for order, matrix in (("sequency", by_changes), ("dyadic", H[flipped])):
        np.testing.assert_array_equal(fwht(np.eye(n), 0, order=order, normalize=False), matrix)
        np.testing.assert_array_equal(fwht(np.eye(n), 1, order=order, normalize=False), matrix.T)
        inplace = np.eye(n)
        assert fwht(inplace, 0, order=order, normalize=False, out=inplace) is inplace
        np.testing.assert_array_equal(inplace, matrix)


@pytest.mark.parametrize("dtype", DTYPES)
def test_involution_and_parseval_on_every_axis(dtype):
    rng = np.random.default_rng(0)
    X = draw(rng, (8, 64, 2, 128), dtype)
    eps = np.finfo(dtype).eps
    for axis in (0, 1, 2, 3, -1, -3):
        n = X.shape[axis]
        Y = fwht(X, axis)
        assert Y.dtype == X.dtype
        size = np.linalg.norm(X, axis=axis)
        back = np.linalg.norm(fwht(Y, axis) - X, axis=axis)
        assert (back <= 4 * eps * np.log2(n) * size).all()
        # √n is rounded in the dtype: half a unit more
        assert (np.abs(np.linalg.norm(Y.astype(complex), axis=axis) - size) <= 4 * eps * (1 + np.log2(n)) * size).all()
        wide = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
        np.testing.assert_allclose(Y, twin(X.astype(wide), axis) / np.sqrt(n), atol=30 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [4, 64, 512, 4096, 16384])
def test_the_bits_depend_on_the_values_alone(dtype, n):
    rng = np.random.default_rng(n)
    X = draw(rng, (n, 21), dtype)
    want = fwht(X, 0)
    for Y in (np.asfortranarray(X), np.repeat(X, 2, 1)[:, ::2], X[:, ::-1][:, ::-1], np.repeat(X, 3, 0)[::3]):
        np.testing.assert_array_equal(fwht(Y, 0), want)
    np.testing.assert_array_equal(fwht(np.ascontiguousarray(X.T)).T, want)
    np.testing.assert_array_equal(fwht(X[:, 7]), want[:, 7])
    reversed_ = X[::-1, ::2]
    np.testing.assert_array_equal(fwht(reversed_, 0), fwht(np.ascontiguousarray(reversed_), 0))
    np.testing.assert_array_equal(fwht(reversed_.T), fwht(np.ascontiguousarray(reversed_), 0).T)
    same = np.broadcast_to(X[:, 3, None], (n, 9))
    np.testing.assert_array_equal(fwht(same, 0), np.repeat(want[:, 3:4], 9, 1))
    many = np.broadcast_to(X.T[:, :, None], (21, n, 5))
    np.testing.assert_array_equal(fwht(many, 1), np.repeat(want.T[:, :, None], 5, 2))
    for jobs in (1, 2, 3):
        big = np.tile(X, (1, 6))
        np.testing.assert_array_equal(fwht(big, 0, n_jobs=jobs), np.tile(want, (1, 6)))


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_gives_the_same_bits(width, at_width, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for dtype in DTYPES:
        for n in (1, 2, 4, 8, 16, 32, 64, 256, 2048, 2**15):
            X = draw(rng, (3, n), dtype)
            arrays[f"{np.dtype(dtype)}_{n}_x"], arrays[f"{np.dtype(dtype)}_{n}_y"] = X, fwht(X)
    np.savez(tmp_path / "a.npz", **arrays)
    at_width(
        width,
        f"""
import numpy as np
from sparsela.transforms import fwht
a = np.load({str(tmp_path / "a.npz")!r})
for name in a:
    if name.endswith("_x"):
        X, Y = a[name], a[name[:-1] + "y"]
        assert np.array_equal(fwht(X), Y), name
        assert np.array_equal(fwht(np.ascontiguousarray(X.T), 0).T, Y), name
        assert np.array_equal(fwht(np.tile(X.T, 30), 0).T[:3], Y), name
""",
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_out(dtype):
    rng = np.random.default_rng(2)
    X = draw(rng, (6, 256, 10), dtype)
    kept, want = X.copy(), fwht(X, 1)
    for out in (
        np.empty_like(X),
        np.empty_like(X, order="F"),
        np.empty((12, 256, 30), dtype)[::2, :, ::-3],
        np.empty((10, 256, 6), dtype).T,
    ):
        assert fwht(X, 1, out=out) is out
        np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(X, kept)
    wide = np.zeros((6, 256, 20), dtype)
    inside = wide[:, :, 3:13]
    inside[...] = X
    assert fwht(inside, 1, out=inside) is inside
    np.testing.assert_array_equal(inside, want)
    assert not wide[:, :, :3].any() and not wide[:, :, 13:].any()
    raw = np.zeros(X.nbytes + 1, np.uint8)[1:].view(dtype).reshape(X.shape)  # off any boundary
    raw[...] = X
    np.testing.assert_array_equal(fwht(raw, 1), want)
    np.testing.assert_array_equal(fwht(raw, 1, out=raw), want)


def test_in_place_allocates_a_panel_at_most():
    X = np.random.default_rng(0).normal(size=(1024, 4096))
    fwht(X, out=X)
    for axis in (0, 1):
        for order in ("natural", "sequency"):
            tracemalloc.start()
            fwht(X, axis, order=order, out=X, n_jobs=1)
            assert tracemalloc.get_traced_memory()[1] < 2**21
            tracemalloc.stop()


def test_padding_and_dtypes():
    x = np.arange(5)
    np.testing.assert_array_equal(fwht(x, n=8), fwht(np.r_[x, 0, 0, 0.0]))
    X = np.random.default_rng(0).normal(size=(3, 5, 7))
    padded = np.zeros((3, 16, 7))
    padded[:, :5] = X
    np.testing.assert_array_equal(fwht(X, 1, n=16), fwht(padded, 1))
    out = np.full((3, 16, 7), np.nan)
    np.testing.assert_array_equal(fwht(X, 1, n=16, out=out), fwht(padded, 1))
    assert fwht(np.ones(4, np.float16)).dtype == np.float32
    assert fwht([True, False]).dtype == fwht(np.ones(4, np.int8)).dtype == np.float64
    np.testing.assert_array_equal(fwht(np.arange(4.0).astype(">f8")), fwht(np.arange(4.0)))
    assert fwht([3.0]).tolist() == [3.0]
    assert fwht(np.empty((0, 4))).shape == (0, 4) and fwht(np.empty((4, 0)), 0).shape == (4, 0)
    assert fwht([], n=4).tolist() == [0] * 4
    assert np.isnan(fwht([1.0, np.nan])).all() and fwht([np.inf, 0.0]).tolist() == [np.inf] * 2
    readonly = np.ones(4)
    readonly.flags.writeable = False
    assert fwht(readonly).tolist() == [2, 0, 0, 0]


def test_next_pow2():
    assert [next_pow2(n) for n in (1, 2, 3, 4, 5, 1025)] == [1, 2, 4, 4, 8, 2048]
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        next_pow2(0)
    with pytest.raises(TypeError, match="n must be an int, got float"):
        next_pow2(2.0)


frozen = np.ones(4)
frozen.flags.writeable = False
shared = np.ones(9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fwht(np.ones((2, 6))), ValueError, r"axis 1 must be a power of two, got 6: pass n=8 .* or crop"),
        (lambda: fwht([]), ValueError, "axis 0 must be a power of two, got 0: pass n=1"),
        (lambda: fwht(np.ones(4), n=2), ValueError, "n must be at least the length along axis 0, 4, got 2"),
        (lambda: fwht(np.ones(4), n=6), ValueError, "n must be a power of two, got 6; the next is 8"),
        (lambda: fwht(np.ones(4), n=8.0), TypeError, "n must be an int, got float"),
        (lambda: fwht(1.0), ValueError, "at least one axis, got a scalar"),
        (lambda: fwht(np.ones(4), 1), ValueError, "axis 1 is out of bounds"),
        (lambda: fwht(np.ones(4), order="walsh"), ValueError, "order must be one of .* got 'walsh'"),
        (lambda: fwht(sp.eye(4)), TypeError, "X must be a dense array, got dia_matrix"),
        (lambda: fwht(np.ma.ones(4)), TypeError, "X must be a dense array, got MaskedArray"),
        (lambda: fwht(["a", "b"]), TypeError, "X must be an array of numbers, got dtype <U1"),
        (lambda: fwht(np.ones(4), out=[0] * 4), TypeError, "out must be an ndarray, got list"),
        (lambda: fwht(np.ones(4), out=np.ones(8)), ValueError, r"out must have shape \(4,\) and dtype float64"),
        (lambda: fwht(np.ones(4), out=np.ones(4, "f")), ValueError, "dtype float64, got .* float32"),
        (lambda: fwht(np.ones(4), out=frozen), ValueError, "out must be writeable"),
        (lambda: fwht(shared[:8], out=shared[1:]), ValueError, "share no memory with it, got one that overlaps X"),
        (lambda: fwht(shared[:8], out=shared[7::-1]), ValueError, "got one that overlaps X"),
        (lambda: fwht(shared[:5], n=8, out=shared[:8]), ValueError, "got one that overlaps X"),
        (lambda: fwht(np.ones(4), n_jobs=0), ValueError, "n_jobs must be None, -1 or a positive int, got 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert (shared == 1).all()
