import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import hadamard
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import PolynomialCountSketch

from sparsela._core.random import bucket_hash, sign_hash
from sparsela.sketch import TensorSketch, kronecker_sketch


def tensor_matrix(sizes, k, seed):
    """S over the tuples of indices, C order: sums of buckets, products of signs."""
    bucket, sign = np.zeros(1, int), np.ones(1)
    for r, n in enumerate(sizes):
        ids = np.arange(n)
        bucket = (bucket[:, None] + bucket_hash(ids, k, seed=seed, stream=r)).ravel() % k
        sign = (sign[:, None] * sign_hash(ids, seed=seed, stream=r)).ravel()
    S = np.zeros((k, len(bucket)))
    S[bucket, np.arange(len(bucket))] = sign
    return S


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("coef0", [0.0, 0.7])
@pytest.mark.parametrize("k", [1, 32, 37])
def test_tensor_sketch_is_the_matrix_on_the_tensor_product(degree, coef0, k):
    X = np.random.default_rng(0).normal(size=(70, 5))
    gamma = 0.8
    full = np.sqrt(gamma) * X
    if coef0:
        full = np.hstack([full, np.full((70, 1), np.sqrt(coef0))])
    tensor = full
    for _ in range(degree - 1):
        tensor = (tensor[:, :, None] * full[:, None, :]).reshape(70, -1)
    want = tensor @ tensor_matrix([full.shape[1]] * degree, k, 4).T
    sketch = TensorSketch(k, degree=degree, gamma=gamma, coef0=coef0, random_state=4).fit(X)
    np.testing.assert_allclose(sketch.transform(X), want, atol=1e-11)
    np.testing.assert_allclose(sketch.transform(sp.csr_array(X)), want, atol=1e-11)
    single = sketch.transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, want, atol=3e-4)


def test_unbiased():
    x, y = np.random.default_rng(3).normal(size=(2, 12))
    want = (x @ y) ** 2
    draws = []
    for seed in range(400):
        a, b = TensorSketch(32, random_state=seed).fit_transform(np.array([x, y]))
        draws.append(a @ b)
    draws = np.array(draws)
    assert abs(draws.mean() - want) < 5 * draws.std() / np.sqrt(400)
    assert draws.var() < (3**2 - 1) / 32 * (x @ x) ** 2 * (y @ y) ** 2


def test_kernel_error_is_that_of_scikit_learn():
    X = load_digits().data[:300] / 16
    K = (X @ X.T) ** 2

    def error(sketch):
        Y = sketch.fit_transform(X)
        return np.linalg.norm(Y @ Y.T - K) / np.linalg.norm(K)

    ours, peer = (
        np.mean([error(cls(n_components=1024, degree=2, random_state=seed)) for seed in range(10)])
        for cls in (TensorSketch, PolynomialCountSketch)
    )
    assert ours <= 1.1 * peer


@pytest.mark.parametrize("k", [40, 33])
def test_kronecker_sketch_is_the_matrix_times_kron(k):
    rng = np.random.default_rng(0)
    A, B, C = rng.normal(size=(7, 3)), rng.normal(size=(6, 2)), rng.normal(size=(5, 4))
    S = tensor_matrix([7, 6], k, 2)
    np.testing.assert_allclose(kronecker_sketch([A, B], k, random_state=2), S @ np.kron(A, B), atol=1e-10)
    mixed = kronecker_sketch([sp.csr_array(A), B], k, random_state=2)
    np.testing.assert_allclose(mixed, S @ np.kron(A, B), atol=1e-10)
    three = tensor_matrix([7, 6, 5], k, 2) @ np.kron(np.kron(A, B), C)
    np.testing.assert_allclose(kronecker_sketch([A, B, C], k, random_state=2), three, atol=1e-10)
    rows = np.stack([np.kron(a, b) for a, b in zip(A, np.r_[B, B[:1]], strict=True)])
    S = tensor_matrix([3, 2], k, 2)
    got = kronecker_sketch([A, np.r_[B, B[:1]]], k, axis=1, random_state=2)
    np.testing.assert_allclose(got, rows @ S.T, atol=1e-10)


def test_kfjlt_is_its_definition():
    rng = np.random.default_rng(0)
    A, B, k = rng.normal(size=(7, 3)), rng.normal(size=(6, 2)), 50
    parts = []
    for r, M in enumerate((A, B)):
        H = hadamard(8)[:, : len(M)] * sign_hash(np.arange(len(M)), seed=2, stream=2 * r)
        parts.append((H @ M)[bucket_hash(np.arange(k), 8, seed=2, stream=2 * r + 1)])
    want = np.stack([np.kron(a, b) for a, b in zip(*parts, strict=True)]) / np.sqrt(k)
    np.testing.assert_allclose(kronecker_sketch([A, B], k, method="kfjlt", random_state=2), want, atol=1e-12)
    across = kronecker_sketch([A[:6].T, B[:, [0, 1, 0]].T], k, method="kfjlt", axis=1, random_state=2)
    parts = []
    for r, M in enumerate((A[:6].T, B[:, [0, 1, 0]].T)):
        H = hadamard(8)[:, : M.shape[1]] * sign_hash(np.arange(M.shape[1]), seed=2, stream=2 * r)
        parts.append((M @ H.T)[:, bucket_hash(np.arange(k), 8, seed=2, stream=2 * r + 1)])
    np.testing.assert_allclose(across, parts[0] * parts[1] / np.sqrt(k), atol=1e-12)
    x, y = A[:, :1], B[:, :1]
    norms = [np.sum(kronecker_sketch([x, y], 64, method="kfjlt", random_state=s) ** 2) for s in range(400)]
    want = np.sum(x**2) * np.sum(y**2)
    assert abs(np.mean(norms) - want) < 5 * np.std(norms) / 20


def test_sparse_text_is_not_made_dense():
    X = sp.random_array((500, 200_000), density=1e-4, rng=np.random.default_rng(0), format="csr")
    sketch = TensorSketch(64, random_state=0).fit(X)
    sketch.transform(X[:2])
    tracemalloc.start()
    out = sketch.transform(X)
    assert tracemalloc.get_traced_memory()[1] < out.nbytes + 2**22
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TensorSketch(degree=0).fit(np.eye(3)), ValueError, "The 'degree' parameter"),
        (lambda: TensorSketch(gamma=0.0).fit(np.eye(3)), ValueError, "The 'gamma' parameter"),
        (lambda: TensorSketch(coef0=-1.0).fit(np.eye(3)), ValueError, "The 'coef0' parameter"),
        (lambda: TensorSketch().fit(1j * np.eye(3)), ValueError, "Complex data not supported"),
        (lambda: kronecker_sketch([], 4), ValueError, "at least one matrix, got none"),
        (lambda: kronecker_sketch([np.eye(2)], 0), ValueError, "n_components must be between 1"),
        (lambda: kronecker_sketch([1j * np.eye(2)], 4), TypeError, r"factors\[0\] must be real"),
        (lambda: kronecker_sketch([np.eye(2), np.ones((0, 2))], 4), ValueError, r"factors\[1\] must not be empty"),
        (lambda: kronecker_sketch([np.eye(2), np.eye(3)], 4, axis=1), ValueError, r"equally many rows .* \[2, 3\]"),
        (lambda: kronecker_sketch([np.eye(2)], 4, method="fft"), ValueError, "method must be"),
        (lambda: kronecker_sketch([np.eye(2) * np.nan], 4), ValueError, "NaN"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
