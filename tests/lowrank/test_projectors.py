"""Factorizations by projectors: the network of the paper, special cases, Nyström, interpolative, CUR, their bounds."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg.interpolative import interp_decomp

from sparsela.lowrank import (
    RankWarning,
    cur,
    generalized_nystrom,
    interpolative,
    meta_factorization,
    replacement_criterion,
)


def haar(m, n, values, seed=0):
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((size, len(values))))[0] for size in (m, n))
    return (U * values) @ V.T


def edges(*pairs):
    F = np.zeros((5, len(pairs)))
    for column, (i, j) in enumerate(pairs):
        F[i - 1, column], F[j - 1, column] = 1, -1
    return F


def test_network():
    """Five nodes; a spanning tree may replace a path, a triangle and an edge may not."""
    E = edges((1, 2), (2, 3), (1, 3), (3, 4), (4, 5), (3, 5))
    A = E @ np.diag([2.0, 1, 3, 1, 4, 2]) @ E.T
    path = edges((1, 2), (2, 3), (3, 4), (4, 5))
    F, G, H = meta_factorization(A, path, path)
    assert_allclose(F @ G @ H.T, A, atol=1e-12)
    assert replacement_criterion(edges((1, 3), (2, 3), (3, 5), (4, 5)), F, G) < 1e-12
    triangle = edges((1, 2), (2, 3), (1, 3), (4, 5))
    assert replacement_criterion(triangle, F, G) == pytest.approx(np.sqrt(390) / 6, rel=1e-12)
    rest = A - triangle @ np.linalg.pinv(triangle) @ F @ G @ H.T
    assert np.linalg.norm(rest) == pytest.approx(np.sqrt(105) / 3, rel=1e-12)


def test_special_cases():
    A = haar(60, 40, 0.7 ** np.arange(40))
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    svd = meta_factorization(A, U[:, :5], Vt[:5].T)
    assert_allclose(svd.G, np.diag(s[:5]), atol=1e-12)
    I, J = np.arange(6), np.arange(3, 9)
    best = meta_factorization(A, A[:, J], A[I].T)
    assert_allclose(best.G, np.linalg.pinv(A[:, J]) @ A @ np.linalg.pinv(A[I]), atol=1e-8)
    cross = meta_factorization(A, A[:, J], A[I].T, B=np.eye(60)[:, I], D=np.eye(40)[:, J])
    assert_allclose(cross.reconstruct(), A[:, J] @ np.linalg.pinv(A[np.ix_(I, J)]) @ A[I], atol=1e-8)
    rng = np.random.default_rng(1)
    D, B = rng.standard_normal((40, 8)), rng.standard_normal((60, 10))
    with pytest.warns(RankWarning):  # more columns in B than in D: Hᵀ D cannot have the rank of H
        nystrom = meta_factorization(A, A @ D, A.T @ B, B=B, D=D)
    assert_allclose(nystrom.reconstruct(), A @ D @ np.linalg.pinv(B.T @ A @ D) @ B.T @ A, atol=1e-7)
    x, y = rng.standard_normal(40), rng.standard_normal((60, 2))
    assert_allclose(best.matvec(x), best.reconstruct() @ x)
    assert_allclose(best.rmatvec(y), best.reconstruct().T @ y)
    found = best.to_svd(4)
    assert_allclose(found.s, np.linalg.svd(best.reconstruct(), compute_uv=False)[:4])


def test_free_part_of_the_core_is_not_seen():
    rng = np.random.default_rng(0)
    A, F = rng.standard_normal((20, 15)), rng.standard_normal((20, 3)) @ rng.standard_normal((3, 5))
    H, W = rng.standard_normal((15, 4)), rng.standard_normal((5, 4))
    plain, other = meta_factorization(sp.csr_array(A), F, H), meta_factorization(A, F, H, W=W)
    assert np.abs(plain.G - other.G).max() > 0.1
    assert_allclose(plain.reconstruct(), other.reconstruct(), atol=1e-10)


def test_projectors_of_short_rank_warn():
    with pytest.warns(RankWarning, match="rank"):
        meta_factorization(np.eye(4), np.eye(4)[:, :2], np.eye(4)[:, :2], B=np.eye(4)[:, 2:])


@pytest.mark.parametrize("kind", ["gaussian", "sparse_embedding", "srht"])
@pytest.mark.parametrize("decay", ["geometric", "quadratic"])
def test_nystrom_is_near_the_best(kind, decay):
    i = np.arange(1, 401)
    values = 10.0 ** (-i / 20) if decay == "geometric" else i**-2.0
    A = haar(1000, 1000, values)
    for r in (20, 50, 100, 200):
        best = np.sqrt((values[r - 10 :] ** 2).sum())
        worst = np.linalg.norm(A - generalized_nystrom(A, r, kind=kind, random_state=0).reconstruct())
        assert worst <= 5 * best + 1e-13 * np.linalg.norm(A)


def test_nystrom_is_exact_and_adds_up():
    A, A2 = haar(300, 200, np.ones(8)), haar(300, 200, np.ones(6), 1)
    first = generalized_nystrom(A, 20, random_state=0)
    assert_allclose(first.reconstruct(), A, atol=1e-10)
    assert_allclose(generalized_nystrom(sp.csr_array(A), 20, random_state=0).reconstruct(), A, atol=1e-10)
    assert_allclose(first.add(A2).reconstruct(), A + A2, atol=1e-10)
    streamed = generalized_nystrom(np.zeros((300, 200)), 20, random_state=0)
    for start in range(0, 300, 70):
        streamed = streamed.add_rows(A[start : start + 70], start)
    assert_allclose(streamed.reconstruct(), A, atol=1e-10)
    assert_allclose(first.to_svd(8).s, np.ones(8), atol=1e-10)
    single = generalized_nystrom(A.astype(np.float32), 20, random_state=0).reconstruct()
    assert single.dtype == np.float32 and np.abs(single - A).max() < 1e-4


def test_interpolative_against_scipy():
    A = np.random.default_rng(0).standard_normal((3000, 1000)) * 0.97 ** np.arange(1000)
    J, C = interpolative(A, 100, random_state=0)
    order, proj = interp_decomp(A, 100, rng=np.random.default_rng(0))
    peer = A[:, order[:100]] @ np.hstack([np.eye(100), proj])[:, np.argsort(order)]
    assert np.linalg.norm(A - A[:, J] @ C) <= 1.02 * np.linalg.norm(A - peer)


@pytest.mark.parametrize("method", ["randomized", "cpqr"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_interpolative(method, axis, make):
    A = haar(80, 60, 0.5 ** np.arange(30))
    J, C = interpolative(make(A), 12, axis=axis, method=method, random_state=0)
    approximation = A[:, J] @ C if axis else C @ A[J]
    assert_array_equal(C[:, J] if axis else C[J], np.eye(12))
    assert np.linalg.norm(A - approximation, 2) <= 20 * 0.5**12
    if method == "cpqr":
        assert np.abs(C).max() <= 2
    by_tol = interpolative(make(A), tol=1e-6, axis=axis, method=method, random_state=0)
    assert 15 <= len(by_tol.indices) <= 26


def test_interpolative_of_short_rank_never_fails():
    for seed in range(100):
        A = haar(30, 25, np.ones(1 + seed % 5), seed)
        J, C = interpolative(A, 12, random_state=seed, method=("randomized", "cpqr")[seed % 2])
        assert_allclose(A[:, J] @ C, A, atol=1e-10)
        assert_array_equal(C[:, J], np.eye(12))


@pytest.mark.parametrize("core", ["best", "cross"])
@pytest.mark.parametrize("method", ["deim", "leverage", "cpqr"])
def test_cur(method, core):
    A = haar(90, 70, np.ones(6))
    found = cur(sp.csr_array(A), 6, method=method, core=core, oversample=3, random_state=0)
    assert len(set(found.row_indices)) == len(set(found.column_indices)) == 9
    assert sp.issparse(found.C) and sp.issparse(found.R)
    assert_allclose(found.C @ found.U @ found.R.toarray(), A, atol=1e-8)


def test_deim_meets_its_bound():
    for seed in range(5):
        values = 0.8 ** np.arange(40)
        A = haar(90, 70, values, seed)
        found = cur(A, 10, random_state=0)
        U, _, Vt = np.linalg.svd(A, full_matrices=False)
        eta = sum(
            1 / np.linalg.svd(F[idx, :10], compute_uv=False)[-1]
            for F, idx in ((U, found.row_indices), (Vt.T, found.column_indices))
        )
        assert np.linalg.norm(A - found.C @ found.U @ found.R, 2) <= eta * values[10]


def test_deim_is_the_interpolation_rule():
    A = haar(50, 40, 0.8 ** np.arange(30))
    U = np.linalg.svd(A)[0][:, :8]
    rows = [int(np.abs(U[:, 0]).argmax())]
    for k in range(1, 8):
        residual = U[:, k] - U[:, :k] @ np.linalg.solve(U[rows, :k], U[rows, k])
        rows.append(int(np.abs(residual).argmax()))
    assert cur(A, 8, random_state=0).row_indices.tolist() == rows


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: interpolative(np.eye(3)), "exactly one of rank and tol"),
        (lambda: interpolative(np.eye(3), 4), "rank must be between 1 and 3"),
        (lambda: interpolative(np.eye(3), 1, axis=2), "axis must be 0 or 1"),
        (lambda: interpolative(np.eye(3), 1, method="qr"), "method must be one of"),
        (lambda: interpolative(np.full((2, 2), np.nan), 1), "NaN"),
        (lambda: interpolative(sp.csr_array([[np.nan, 1.0]]), 1), "NaN"),
        (lambda: cur(np.eye(3), 2, oversample=2), "oversample must be between 0 and 1"),
        (lambda: cur(np.eye(3), 2, core="middle"), "core must be one of"),
        (lambda: generalized_nystrom(np.eye(3), 1, kind="haar"), "kind must be one of"),
        (lambda: generalized_nystrom(np.eye(3), 4), "rank must be between 1 and 3"),
        (lambda: generalized_nystrom(np.eye(30), 10, random_state=0).add(np.eye(3)), "must have shape"),
        (lambda: meta_factorization(np.eye(3), np.eye(4), np.eye(3)), "F must have shape"),
        (lambda: replacement_criterion(np.eye(3), np.eye(4), np.eye(4)), "F_new must have shape"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
