"""Slices, norms, pruning and files of an operator."""

import copy
import functools
import pickle
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
from test_operator import DTYPES, close, random_chain

from sparsela.transforms import Diagonal, FactorizedOperator, KroneckerSparse, Permutation


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(12))
def test_slices_are_those_of_the_dense_matrix(seed, dtype):
    A, D, rng = random_chain(seed, dtype)
    A, D = (A.H, D.conj().T) if seed % 2 else (A, D)
    m, n = D.shape
    mask = rng.random(n) < 0.5
    mask[0] = True
    for rows, columns in [
        (slice(None), slice(None, None, 2)),
        (rng.integers(-m, m, 3), slice(None)),
        (slice(None, None, -1), mask),
        (rng.integers(m, size=2), rng.integers(n, size=4)),
    ]:
        part = A[rows, columns]
        assert isinstance(part, FactorizedOperator)
        close(part.toarray(), D[rows][:, columns], dtype)
    close(A[-1], D[-1], dtype)
    close(A[:, 0], D[:, 0], dtype)
    close(A[slice(None, None, 2), -1], D[::2, -1], dtype)
    assert abs(A[m - 1, 0] - D[m - 1, 0]) <= 1e-4 * max(1, np.abs(D).max())
    assert A[:0].shape == (0, n) and A[:, np.zeros(n, bool)].toarray().shape == (m, 0)


def test_an_index_out_of_range_is_an_index_error():
    A = FactorizedOperator([np.eye(3)])
    for key in ((3, 0), (0, -4), ([0, 5], 0), (slice(None), [7]), np.ones(4, bool), (0, 0, 0), ([[0]], 0), 1.5):
        with pytest.raises(IndexError):
            A[key]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(8))
def test_norms(seed, dtype):
    A, D, _ = random_chain(seed, dtype)
    rtol = 1e-5 if np.finfo(dtype).eps > 1e-10 else 1e-12
    np.testing.assert_allclose(A.column_norms(), np.linalg.norm(D, axis=0), rtol=rtol, atol=rtol * np.abs(D).max())
    np.testing.assert_allclose(A.norm(), np.linalg.norm(D), rtol=rtol)
    spectral = A.norm(2, tol=1e-12, max_iter=5000, random_state=0)
    np.testing.assert_allclose(spectral, np.linalg.norm(D, 2), rtol=1e-4)
    assert A.column_norms().dtype == np.zeros(1, dtype).real.dtype


def test_norm_of_a_wide_chain_by_blocks():
    rng = np.random.default_rng(0)
    A = FactorizedOperator([rng.standard_normal((20, 30)), rng.standard_normal((30, 700))])
    np.testing.assert_allclose(A.column_norms(), np.linalg.norm(A.toarray(), axis=0), rtol=1e-13)
    with pytest.raises(ValueError, match="ord must be"):
        A.norm(1)


def test_columns_are_normalized_and_zero_ones_reported():
    D = np.array([[3.0, 0, 1], [4, 0, 0]])
    with pytest.warns(UserWarning, match="1 columns are zero .* column 1"):
        N = FactorizedOperator([D], scale=2).normalize_columns()
    np.testing.assert_allclose(N.toarray(), [[0.6, 0, 1], [0.8, 0, 0]], rtol=1e-15)


def test_prune_drops_what_feeds_nothing_to_a_fixed_point():
    # column 1 of the first factor is empty: row 1 of the second goes, then its column 2, then row 2 of the third
    S1 = np.array([[1.0, 0, 2], [0, 0, 3]])
    S2 = sp.csr_array(np.array([[1.0, 0, 0], [0, 0, 5], [0, 1, 0]]))
    S3 = sp.csr_array(np.array([[1.0, 2], [0, 1], [9, 9]]))
    A = FactorizedOperator([S1, S2, S3])
    P = A.prune()
    np.testing.assert_array_equal(P.toarray(), A.toarray())
    assert [S.shape for S in P.factors] == [(2, 2), (2, 2), (2, 2)]
    assert P.nnz == 3 + 2 + 3
    assert FactorizedOperator([np.array([[1e-9, 1.0]]), np.array([[1.0], [2.0]])]).prune(1e-6).factors[0].shape == (
        1,
        1,
    )


def test_prune_keeps_a_zero_operator_and_structure():
    zero = FactorizedOperator([sp.csr_array((3, 4)), sp.csr_array((4, 2))]).prune()
    assert zero.shape == (3, 2) and not zero.toarray().any() and zero.rcg == 6
    K = KroneckerSparse(np.ones((2, 1, 2, 2)), 2, 2, 2, 1)
    assert all(isinstance(S, KroneckerSparse) for S in FactorizedOperator([K, K]).prune().factors)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(8))
def test_left_right_astype_copy_and_optimize(seed, dtype):
    A, D, rng = random_chain(seed, dtype)
    for i in range(1, A.n_factors):
        close(A.scale * (A.left(i) @ A.right(i)).toarray(), D, dtype)
    with pytest.raises(ValueError, match="i must be"):
        A.left(A.n_factors + 1)
    double = A.astype(np.result_type(dtype, np.float64))
    assert double.dtype == np.result_type(dtype, np.float64)
    close(A.copy().toarray(), D, dtype)
    close(A.optimize(3).toarray(), D, dtype)
    out = np.empty(D.shape, dtype)
    assert A.toarray(out) is out
    close(out, D, dtype)
    csr, dense = A.factors_as("csr"), A.factors_as("dense")
    assert all(isinstance(factor, sp.csr_array) for factor in csr)
    for factor, array in zip(csr, dense, strict=True):
        np.testing.assert_array_equal(factor.toarray(), array)
    product = functools.reduce(np.matmul, [array.astype(D.dtype) for array in dense])
    close(A.scale * product, D, "float64")  # the factors themselves, not only their likeness to each other
    with pytest.raises(ValueError, match="format must be 'csr' or 'dense', got 'coo'"):
        A.factors_as("coo")


def test_optimize_merges_what_is_faster_merged():
    A = FactorizedOperator([Diagonal(np.arange(1.0, 65))] * 6)
    assert A.optimize().n_factors == 1


def same(A, B):
    assert (A.shape, A.dtype, A.scale, A.n_factors) == (B.shape, B.dtype, B.scale, B.n_factors)
    for a, b in zip(A.factors, B.factors, strict=True):
        assert type(a) is type(b)
        for x, y in [(a, b)] if isinstance(a, np.ndarray) else zip(parts(a), parts(b), strict=True):
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype and not y.flags.writeable


def parts(factor):
    names = ("data", "indices", "indptr") if sp.issparse(factor) else ("values", "index", "diagonal")
    return [getattr(factor, name) for name in names if hasattr(factor, name)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(8))
def test_round_trips_are_bit_exact(seed, dtype, tmp_path):
    A, _, _ = random_chain(seed, dtype)
    A = A.H if seed % 2 else A
    A.save(tmp_path / "a.npz")
    same(A, FactorizedOperator.load(tmp_path / "a.npz"))
    same(A, pickle.loads(pickle.dumps(A)))
    same(A, copy.deepcopy(A))
    np.load(tmp_path / "a.npz", allow_pickle=False).close()


def stored(**changes):
    rng = np.random.default_rng(0)
    A = FactorizedOperator([sp.csr_array(np.eye(4)), Permutation(rng.permutation(4)), np.ones((4, 3))])
    from sparsela.transforms._store import to_arrays

    arrays = to_arrays(A._parts, A.scale, A.dtype)
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = np.asarray(value)
    return arrays


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "format_version must be 1"),
        ({"format_version": None}, "no 'format_version'"),
        ({"scale": None}, "no 'scale'"),
        ({"scale": 0.0}, "scale must be finite and not zero"),
        ({"scale": [1.0, 2.0]}, "scale must be a number"),
        ({"data_0": None}, "no 'data_0'"),
        ({"kind_1": "spline"}, "unknown kind"),
        ({"kind_1": 3}, "unknown kind"),
        ({"indices_0": np.array([0, 1, 2, 9])}, "factor 0"),
        ({"indices_0": np.array([0, 1, 2, -1])}, "factor 0"),
        ({"indices_0": np.array([0.0, 1, 2, 3])}, "indices must be integers"),
        ({"indptr_0": np.array([0, 3, 2, 3, 4])}, "factor 0"),
        ({"indptr_0": np.array([0, 1, 2, 3, 400])}, "factor 0"),
        ({"shape_0": np.array([-4, 4])}, "factor 0"),
        ({"shape_0": np.array([4, 2**62])}, "fit|factor 0"),
        ({"index_1": np.array([0, 0, 1, 2])}, "factor 1"),
        ({"array_2": np.full((4, 3), np.nan)}, "factor 2"),
        ({"array_2": np.ones((5, 3))}, "factors 1 and 2 must fit"),
        ({"n_factors": 10**9}, "n_factors must be"),
        ({"n_factors": 4}, "no 'kind_3'"),
        ({"dtype": "int8"}, "dtype must be one of"),
    ],
)
def test_a_hostile_file_is_a_value_error(changes, words, tmp_path):
    np.savez(tmp_path / "a.npz", **stored(**changes))
    with pytest.raises(ValueError, match=words):
        FactorizedOperator.load(tmp_path / "a.npz")


def test_files_that_are_no_archive_or_lie_are_value_errors(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="not a stored operator"):
        FactorizedOperator.load(path)
    np.savez(path, format_version=np.array([{}], object))
    with pytest.raises(ValueError, match="Python objects"):
        FactorizedOperator.load(path)
    header = b"\x93NUMPY\x01\x00v\x00" + str({"descr": "<f8", "fortran_order": False, "shape": (2**50,)}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scale.npy", header.ljust(127) + b"\n")
    with pytest.raises(ValueError, match="promises"):
        FactorizedOperator.load(path)
    with pytest.raises(FileNotFoundError):
        FactorizedOperator.load(tmp_path / "missing.npz")
    FactorizedOperator([np.eye(300)]).save(path)
    data = bytearray(path.read_bytes())
    for cut in (100, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError):
            FactorizedOperator.load(path)
    data[300:340] = bytes(40)  # the checksum no longer holds
    path.write_bytes(data)
    with pytest.raises(ValueError):
        FactorizedOperator.load(path)


def test_sparse_operands_are_matrices_or_vectors():
    A = FactorizedOperator([np.diag([1.0, 3.0])])
    x = sp.coo_array(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(A @ x, [1, 6])
    np.testing.assert_array_equal(A @ sp.csr_array(np.eye(2)), A.toarray())
    x.coords[0][1] = 10**8
    with pytest.raises(ValueError):
        A @ x
