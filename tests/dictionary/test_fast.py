"""Dictionaries that are products of sparse factors: planted transforms, denoising, the fit on the data, bad input."""

import pickle

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.sparse import csr_array
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import reconstruct_from_patches_2d

from sparsela.coding import batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import MOD, FastDictionaryLearning, recovery_distance, recovery_rate
from sparsela.dictionary import _fast_structure as structure
from sparsela.dictionary._operator_omp import operator_gram, operator_omp
from sparsela.transforms import FactorizedOperator, KroneckerSparse, palm4msa, proj


def walsh_signals(n, seed, snr=None):
    """Sparse combinations of Walsh functions, with noise of so many decibels."""
    rng = np.random.default_rng(seed)
    n_samples, k = (2000, 3) if n == 32 else (5000, 4)
    H = hadamard(n) / np.sqrt(n)
    C = rng.standard_normal((n_samples, n)) * (rng.random((n_samples, n)).argsort(axis=1) < k)
    X = C @ H
    if snr is not None:
        E = rng.standard_normal(X.shape)
        X += E * (np.linalg.norm(X) / np.linalg.norm(E) * 10 ** (-snr / 20))
    return X, H, k


def sparse_signals(n=400, m=12, K=18, k=2, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((K, m))
    C = rng.standard_normal((n, K)) * (rng.random((n, K)).argsort(axis=1) < k)
    return C @ D + noise * rng.standard_normal((n, m))


@pytest.fixture(scope="module")
def model():
    return FastDictionaryLearning(18, n_nonzero_coefs=2, factor_nnz=3, random_state=0).fit(sparse_signals())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [32, 64])
def test_planted_hadamard_dictionary_is_found_exactly(n, seed):
    X, H, k = walsh_signals(n, seed)
    fast = FastDictionaryLearning(structure="butterfly", n_nonzero_coefs=k, random_state=0).fit(X)
    assert recovery_rate(H, fast.components_, threshold=0.01) == 1
    assert fast.operator_.nnz == 2 * n * int(np.log2(n))
    fast.set_params(transform_n_nonzero_coefs=k)
    assert np.linalg.norm(X - fast.inverse_transform(fast.transform(X))) <= 1e-10 * np.linalg.norm(X)
    assert fast.error_[-1] <= 1e-10


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [32, 64])
def test_planted_hadamard_dictionary_in_noise_is_found_better_than_the_dense_one(n, seed):
    X, H, k = walsh_signals(n, seed, snr=20)
    fast = FastDictionaryLearning(structure="butterfly", n_nonzero_coefs=k, random_state=0).fit(X)
    assert recovery_rate(H, fast.components_, threshold=0.01) == 1
    assert fast.operator_.nnz == 2 * n * int(np.log2(n))
    # 2 n log2 n numbers from the same data instead of n²: measured 0.2 to 0.4 of the dense dictionary's
    assert recovery_distance(H, fast.components_) < 0.6 * recovery_distance(H, fast.init_components_)


def test_butterfly_keeps_factors_without_index_arrays():
    X, _, k = walsh_signals(32, 0)
    fast = FastDictionaryLearning(structure="butterfly", n_nonzero_coefs=k, random_state=0).fit(X)
    kinds = [type(factor) for factor in fast.operator_.factors]
    assert kinds[1:-1] == [KroneckerSparse] * 3


@pytest.fixture(scope="module")
def photograph():
    return load_sample_image("china.jpg").mean(axis=2)[100:228, 150:278]


def denoised(noisy, clean, rebuild):
    patches = image_patches(noisy, 8, center=False)
    means = patches.mean(axis=1, keepdims=True)
    image = reconstruct_from_patches_2d((rebuild(patches - means) + means).reshape(-1, 8, 8), clean.shape)
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


@pytest.mark.parametrize("sigma", [20, 50])
def test_denoises_a_photograph_as_well_as_dense_atoms(photograph, sigma):
    noisy = photograph + np.random.default_rng(0).normal(0, sigma, photograph.shape)
    patches = image_patches(noisy, 8, n_patches=5000, random_state=0)
    fast = FastDictionaryLearning(
        128, factor_nnz=(4, 3), n_nonzero_coefs=5, transform_n_nonzero_coefs=5, random_state=0
    ).fit(patches)
    dense = MOD(128, n_nonzero_coefs=5, max_iter=15, random_state=0).fit(patches).components_
    cosines = structure.cosines(128, 64)
    with_fast = denoised(noisy, photograph, lambda P: fast.inverse_transform(fast.transform(P)))
    with_dense = denoised(noisy, photograph, lambda P: batch_omp(P, dense, n_nonzero_coefs=5) @ dense)
    with_cosines = denoised(noisy, photograph, lambda P: batch_omp(P, cosines, n_nonzero_coefs=5) @ cosines)
    assert fast.rcg_ >= 2
    if sigma == 20:
        assert with_fast >= max(with_dense - 0.6, with_cosines)
    else:
        assert with_fast >= with_dense - 0.05


def test_factors_have_the_numbers_asked_for(model):
    sizes = [factor.shape for factor in model.operator_.factors]
    assert sizes == [(12, 12), (12, 12), (12, 12), (12, 18)]
    left, *middle, right = model.operator_.factors_as("csr")
    assert left.nnz <= np.ceil(144 * 0.7**3)
    assert all(factor.nnz <= 3 * 12 for factor in middle)
    assert (np.diff(right.tocsc().indptr) <= 3).all()
    assert model.rcg_ == model.operator_.rcg == 12 * 18 / model.operator_.nnz


def test_components_are_the_operator_with_unit_oriented_atoms(model):
    D = model.components_
    np.testing.assert_allclose(model.operator_.toarray().T, D, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1, rtol=1e-12)
    assert (np.take_along_axis(D, np.abs(D).argmax(axis=1)[:, None], axis=1) > 0).all()
    assert model.n_iter_ == len(model.error_) == 3


def test_fewer_atoms_than_features_go_through_a_narrow_product():
    fast = FastDictionaryLearning(5, n_nonzero_coefs=2, n_factors=3, random_state=0).fit(sparse_signals())
    assert [factor.shape for factor in fast.operator_.factors] == [(12, 5), (5, 5), (5, 5)]


def test_full_factors_learn_as_well_as_dense_atoms():
    X = sparse_signals()
    full = FastDictionaryLearning(
        18, n_nonzero_coefs=2, n_factors=2, factor_nnz=12, residual_decay=1.0, max_iter_local=200, random_state=0
    ).fit(X)
    codes = batch_omp(X, full.init_components_, n_nonzero_coefs=2)
    assert full.error_[-1] <= np.sqrt(np.mean((X - codes @ full.init_components_) ** 2)) * (1 + 1e-9)


def test_more_rounds_fit_better():
    errors = [
        FastDictionaryLearning(18, n_nonzero_coefs=2, factor_nnz=3, max_outer=n, random_state=0).fit(sparse_signals())
        for n in (1, 4)
    ]
    assert errors[1].error_[-1] < errors[0].error_[-1]
    assert errors[1].n_iter_ == 12


def test_compressed_data_have_the_objective_of_the_data():
    X = sparse_signals()
    rng = np.random.default_rng(1)
    C = rng.standard_normal((400, 18)) * (rng.random((400, 18)) < 0.2)
    C[:, 4] = 0  # an atom that nobody uses
    Y, R = structure.compressed(csr_array(C), X)
    assert Y.shape == (12, 17)
    assert R.shape == (18, 17)
    gaps = []
    for _ in range(3):
        D = rng.standard_normal((12, 18))
        gaps.append(np.linalg.norm(X.T - D @ C.T) ** 2 - np.linalg.norm(Y - D @ R) ** 2)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-10)


@pytest.mark.filterwarnings("ignore:palm4msa did not converge")
def test_a_sweep_on_compressed_data_is_a_sweep_on_the_data():
    X = sparse_signals(n=60)
    rng = np.random.default_rng(1)
    C = rng.standard_normal((60, 18)) * (rng.random((60, 18)) < 0.3)
    Y, R = structure.compressed(csr_array(C), X)
    init = [rng.standard_normal((12, 12)), proj.spcol(3)(rng.standard_normal((12, 18)))]
    found = []
    for target, right in ((np.ascontiguousarray(X.T), np.ascontiguousarray(C.T)), (Y, R)):
        sets = [proj.sp(60), proj.spcol(3), proj.const(right)]
        result = palm4msa(
            target, sets, init=[*init, right], max_iter=1, refit=False, norm_tol=1e-12, norm_max_iter=10_000
        )
        found.append(result.operator.left(2).toarray() * result.operator.scale)
    np.testing.assert_allclose(found[1], found[0], atol=1e-9 * np.abs(found[0]).max())


def test_an_atom_that_comes_out_zero_gets_a_direction():
    left = np.diag([1.0, 2.0, 0.0])
    right = np.array([[1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 0.0, 4.0], [0.0, 1.0, 0.0, 0.0]])
    parts, scale = structure.unit_columns([structure.pack(left), structure.pack(right)], 5.0)
    D = FactorizedOperator(parts, scale=scale).toarray()
    np.testing.assert_allclose(np.linalg.norm(D, axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(D[:, 3], [-3 / 73**0.5, 8 / 73**0.5, 0], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gram_limit", [10, 4096])
@pytest.mark.parametrize("tol", [None, 0.5])
def test_coding_with_the_operator_is_coding_with_its_atoms(model, dtype, gram_limit, tol):
    X = sparse_signals(n=300, seed=3).astype(dtype)
    operator = model.operator_.astype(dtype)
    D = np.ascontiguousarray(model.components_, dtype=dtype)
    k = np.array([4], np.int32)
    bound = None if tol is None else np.array([tol])
    codes, energy = operator_omp(X, operator, D, k, bound, n_threads=2, return_residual=True, gram_limit=gram_limit)
    expected = batch_omp(X, D, n_nonzero_coefs=4, tol=tol)
    assert codes.dtype == dtype
    accuracy = 1e-10 if dtype == np.float64 else 2e-4
    same = ((codes.toarray() != 0) == (expected != 0)).all(axis=1)
    assert same.mean() >= (1 if dtype == np.float64 else 0.98)  # a near tie may fall otherwise in float32
    np.testing.assert_allclose(codes.toarray()[same], expected[same], atol=accuracy * np.abs(expected).max())
    np.testing.assert_allclose(energy, np.sum((X - codes @ D) ** 2, axis=1), rtol=1e-3, atol=accuracy)


def test_coding_without_a_gram_matrix_stops_where_the_signal_is_spanned():
    D = np.vstack([np.eye(4), np.eye(4)[:2]])
    operator = FactorizedOperator([D.T])
    X = np.array([[0.0, 3.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]])
    k = np.array([4], np.int32)
    codes = operator_omp(X, operator, D, k, None, n_threads=1, gram_limit=1)
    np.testing.assert_array_equal(codes.toarray(), X @ np.eye(4, 6))
    assert codes.nnz == 3
    assert codes.has_sorted_indices


def test_gram_of_the_operator(model):
    D = model.components_
    G = operator_gram(model.operator_, D)
    np.testing.assert_allclose(G[:, :18], D @ D.T, atol=1e-13)
    assert not G[:, 18:].any()


def test_other_coders_use_the_dense_atoms(model):
    X = sparse_signals(n=20, seed=5)
    lasso = pickle.loads(pickle.dumps(model)).set_params(transform_algorithm="lasso", transform_alpha=0.1)
    codes = lasso.transform(X)
    assert codes.shape == (20, 18)
    assert (codes == 0).any()
    np.testing.assert_allclose(model.transform(X), pickle.loads(pickle.dumps(model)).transform(X))
    assert model.score(X) == pytest.approx(
        -np.mean(np.sum((X - batch_omp(X, model.components_, n_nonzero_coefs=2) @ model.components_) ** 2, axis=1))
    )


def test_single_precision_stays_so():
    X = sparse_signals().astype(np.float32)
    fast = FastDictionaryLearning(18, n_nonzero_coefs=2, random_state=0).fit(X)
    codes = fast.transform(X)
    for array in (fast.components_, fast.operator_, codes, fast.inverse_transform(codes)):
        assert array.dtype == np.float32
    assert np.abs(np.linalg.norm(fast.components_, axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize("structure_", ["palm", "butterfly"])
def test_any_number_of_threads_gives_the_same_bits(structure_):
    X = sparse_signals(m=16, K=16)
    one, two = (
        FastDictionaryLearning(structure=structure_, n_nonzero_coefs=2, random_state=0, n_jobs=n).fit(X) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.components_, two.components_)


@pytest.mark.parametrize("structure_", ["palm", "butterfly"])
@pytest.mark.parametrize("start", ["dct", "array"])
def test_starts(structure_, start):
    X = sparse_signals(m=16, K=16)
    before = X.copy()
    init = np.random.default_rng(0).standard_normal((16, 16)) if start == "array" else start
    fast = FastDictionaryLearning(structure=structure_, dict_init=init, n_nonzero_coefs=2, random_state=0).fit(X)
    np.testing.assert_array_equal(X, before)
    D = fast.init_components_
    if structure_ == "butterfly":
        np.testing.assert_allclose(D @ D.T, np.eye(16), atol=1e-12)
    elif start == "array":
        np.testing.assert_allclose(D, init / np.linalg.norm(init, axis=1, keepdims=True), rtol=1e-14)
    else:
        np.testing.assert_array_equal(D, structure.cosines(16, 16))


def test_cosines_are_orthonormal_where_they_are_not_overcomplete():
    for m in (7, 16, 64):
        D = structure.cosines(m, m)
        np.testing.assert_allclose(D @ D.T, np.eye(m), atol=1e-12)
    assert structure.cosines(130, 64).shape == (130, 64)
    assert np.linalg.matrix_rank(structure.cosines(130, 64)) == 64


def test_a_callback_may_stop_it():
    seen = []
    fast = FastDictionaryLearning(
        18, n_nonzero_coefs=2, random_state=0, callback=lambda state: seen.append(state.error) or state.n_iter == 2
    ).fit(sparse_signals())
    assert fast.n_iter_ == 2
    assert seen == fast.error_
    assert fast.operator_.n_factors == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"structure": "butterfly"}, "needs n_features to be a power of two, got 12; use structure='palm'"),
        ({"factor_nnz": 13}, "factor_nnz must be between 1 and .* = 12, .* got k = 13"),
        ({"factor_nnz": (2, 13)}, "got s = 13"),
        ({"factor_nnz": (2, 0)}, "got s = 0"),
        ({"n_nonzero_coefs": 13}, "n_nonzero_coefs must be between 1 and"),
        ({"dict_init": np.ones((3, 12))}, r"dict_init must have shape .* \(12, 12\)"),
        ({"dict_init": np.zeros((12, 12))}, "zero atom"),
        ({"dict_init": np.full((12, 12), np.nan)}, "NaN"),
        ({"n_factors": 1}, "n_factors"),
        ({"residual_decay": 0.0}, "residual_decay"),
        ({"residual_scale": 0.0}, "residual_scale"),
        ({"structure": "fft"}, "structure"),
        ({"fit_algorithm": "lasso"}, "fit_algorithm"),
        ({"max_outer": 0}, "max_outer"),
        ({"verbose": 3}, "verbose"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        FastDictionaryLearning(**parameters).fit(sparse_signals(n=50))


def test_codes_are_rebuilt_sparse_or_dense(model):
    codes = model.transform(sparse_signals(n=20))
    expected = codes @ model.components_
    np.testing.assert_allclose(model.inverse_transform(codes), expected, atol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(csr_array(codes)), expected, atol=1e-12)
    with pytest.raises(ValueError, match="codes must have 18 columns, got 17"):
        model.inverse_transform(codes[:, :17])


def test_bad_input():
    X = sparse_signals(n=50)
    for pair in ((2.0, 3), (1, 2, 3)):
        with pytest.raises(TypeError, match=r"factor_nnz must be an int or a pair"):
            FastDictionaryLearning(factor_nnz=pair).fit(X)
    with pytest.raises(ValueError, match="n_components must be n_features = 16, got 20"):
        FastDictionaryLearning(20, structure="butterfly").fit(sparse_signals(m=16))
    with pytest.raises(ValueError, match="at least 2 samples"):
        FastDictionaryLearning().fit(X[:1])
    with pytest.raises(ValueError, match="zero"):
        FastDictionaryLearning().fit(np.zeros((5, 4)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN|infinity"):
            FastDictionaryLearning().fit(np.where(np.eye(50, 12) > 0, bad, X))
    with pytest.raises(Exception, match="not fitted"):
        FastDictionaryLearning().transform(X)
    with pytest.raises(ValueError, match="12 features"):
        FastDictionaryLearning(n_nonzero_coefs=1).fit(X).transform(X[:, :5])
