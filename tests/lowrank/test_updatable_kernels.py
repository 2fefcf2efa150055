"""Kernels of sparse batches against SciPy, implicit directions against dense ones, the extended factor by itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from sparsela._ext import csr
from sparsela.lowrank._augment import Residual, bidiagonalize, full, golub_kahan, power
from sparsela.lowrank._batches import DenseRows, SparseRows, as_rows, squares
from sparsela.lowrank._factor import ExtendedFactor


def gram_schmidt(B: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modified Gram–Schmidt on columns ``b_i − V c_i`` given as pairs (Deng et al., Algorithm 1): (Y, R).

    The columns of B (n, s) are the rows of the batch, those of C (k, s) their coordinates.
    """
    B, C = B.astype(np.float64), C.astype(np.float64)
    s = B.shape[1]
    Y, R = np.eye(s), np.zeros((s, s))
    for i in range(s):
        R[i, i] = np.sqrt(max(B[:, i] @ B[:, i] - C[:, i] @ C[:, i], 0))
        for part in (B, C, Y):
            part[:, i] /= R[i, i]
        R[i, i + 1 :] = B[:, i] @ B[:, i + 1 :] - C[:, i] @ C[:, i + 1 :]
        for part in (B, C, Y):
            part[:, i + 1 :] -= np.outer(part[:, i], R[i, i + 1 :])
    return Y, R


def batch(s, n, density, dtype=np.float64, index=np.int32, seed=0):
    E = sp.random_array((s, n), density=density, format="csr", rng=seed, dtype=dtype)
    E.data -= 0.5
    E.indptr, E.indices = E.indptr.astype(index), E.indices.astype(index)
    return E


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7, 300), (40, 12), (513, 30)])
@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
def test_gram_and_scatter_equal_scipy(dtype, index, shape, density):
    E = batch(*shape, density, dtype, index)
    eps = np.finfo(dtype).eps
    out = np.full((shape[0],) * 2, np.nan)
    csr.csr_gram(E.indptr, E.indices, E.data, out)
    dense = E.toarray().astype(np.float64)
    assert_allclose(out, dense @ dense.T, rtol=1e-13, atol=1e-13)
    rng = np.random.default_rng(1)
    for width in (0, 1, 5, 16, 33):
        Z = rng.standard_normal((shape[0], width)).astype(dtype)
        table = rng.standard_normal((shape[1], width + 3)).astype(dtype)
        before = table.copy()
        csr.csr_scatter_add(E.indptr, E.indices, E.data, Z, table)
        assert_allclose(table[:, :width], before[:, :width] + dense.T @ Z, rtol=50 * eps, atol=50 * eps)
        assert_array_equal(table[:, width:], before[:, width:])


def test_scatter_adds_entries_that_repeat():
    indptr, indices = np.array([0, 3], np.int32), np.array([2, 0, 2], np.int32)
    table = np.zeros((4, 2))
    csr.csr_scatter_add(indptr, indices, np.array([1.0, 10.0, 5.0]), np.array([[1.0, 2.0]]), table)
    assert_array_equal(table, [[10, 20], [0, 0], [6, 12], [0, 0]])


def test_columns_are_numbered_by_first_sight_wherever_they_lie():
    rng = np.random.default_rng(0)
    indices = rng.choice(2**62, 1000)[rng.integers(1000, size=5000)]
    local = np.empty(5000, np.int64)
    n = csr.compress_columns(indices, local)
    assert n == len(np.unique(indices)) and local[0] == 0
    assert len(set(zip(indices.tolist(), local.tolist(), strict=True))) == n
    assert (np.maximum.accumulate(local)[1:] - np.maximum.accumulate(local)[:-1]).max() == 1


@pytest.mark.parametrize("s", [30, 600])
def test_sparse_and_dense_batches_do_the_same(s):
    E = batch(s, 90, 0.1)
    sparse, dense = SparseRows(E), DenseRows(E.toarray())
    S = sparse.gram()
    assert sp.issparse(S) == (s > 512)
    assert_allclose(S.toarray() if sp.issparse(S) else S, dense.gram(), atol=1e-13)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((120, 20))
    assert_allclose(sparse.times(table, 5), dense.times(table, 5), atol=1e-13)
    one, two, Z = table.copy(), table.copy(), rng.standard_normal((s, 7))
    sparse.add_to(one, Z)
    dense.add_to(two, Z)
    assert_allclose(one, two, atol=1e-12)
    assert_allclose(squares(sparse.values, "E"), squares(dense.values, "E"))
    assert_allclose(sparse.transposed_times(Z), dense.transposed_times(Z), atol=1e-12)


def test_rows_of_any_format_without_touching_them():
    E = batch(6, 9, 0.4)
    double = sp.csr_array(
        (np.r_[E.data / 2, E.data / 2], (np.r_[E.tocoo().row, E.tocoo().row], np.r_[E.indices, E.indices])), E.shape
    )
    raw = sp.csr_array((np.repeat(E.data / 2, 2), np.repeat(E.indices, 2), 2 * E.indptr), shape=E.shape)
    for given in (E, E.tocsc(), E.tocoo(), E.tolil(), sp.csr_matrix(E), double, raw, sp.dia_array(E)):
        assert_allclose(as_rows(given, "E", np.dtype(float)).matrix.toarray(), E.toarray())
        assert_allclose(as_rows(given, "E", np.dtype(float), transpose=True).matrix.toarray(), E.toarray().T)
    assert raw.nnz == 2 * E.nnz  # not summed in place


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_nan_is_seen_in_any_format(kind):
    E = np.zeros((4, 6))
    E[1, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        as_rows(sp.csr_array(E).asformat(kind), "E", np.dtype(float))


def residual(s=12, n=200, k=6, seed=0):
    V = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, k)))[0]
    E = batch(s, n, 0.1, seed=seed)
    P = E @ V
    X = E.toarray().T - V @ P.T
    return V, E, P, X, Residual(SparseRows(E).gram(), P, 32 * np.finfo(float).eps)


def test_gram_form_equals_modified_gram_schmidt():
    """Both factorize the same X: Q Qᵀ and Q R agree, and Q is orthonormal and orthogonal to V."""
    V, E, P, X, gram = residual()
    Y, block = full(gram)
    Y_mgs, R = gram_schmidt(E.toarray().T, P.T)
    Q, Q_mgs = X @ Y, X @ Y_mgs
    assert_allclose(R, np.triu(R))
    assert_allclose(Q @ block.T, Q_mgs @ R, atol=1e-8)
    assert_allclose(Q @ Q.T, Q_mgs @ Q_mgs.T, atol=1e-8)
    for directions in (Q, Q_mgs):
        assert_allclose(directions.T @ directions, np.eye(12), atol=1e-8)
        assert_allclose(V.T @ directions, 0, atol=1e-8)
    assert_allclose(Q @ block.T, X, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 5, 11])
def test_golub_kahan_is_a_bidiagonalization(steps):
    """Xᵀ Q = P₊ Bᵀ with B_ii = α_i, B_i,i+1 = β_i from the first index on: no shift."""
    _, _, _, X, gram = residual()
    P, alpha, beta, Y = bidiagonalize(gram, steps, np.random.default_rng(0))
    Q = X @ Y
    B = np.zeros((steps, steps + 1))
    B[np.arange(steps), np.arange(steps)], B[np.arange(steps), np.arange(steps) + 1] = alpha, beta
    assert (alpha > 0).all()
    assert_allclose(X.T @ Q, P @ B.T, atol=1e-10)
    assert_allclose(X @ P[:, 0], alpha[0] * Q[:, 0], atol=1e-10)
    assert_allclose(P.T @ P, np.eye(steps + 1), atol=1e-12)
    assert_allclose(Q.T @ Q, np.eye(steps), atol=1e-8)


@pytest.mark.parametrize("scheme", ["gkl", "rpi"])
def test_few_directions_are_orthonormal_with_the_block_of_the_last_ones(scheme):
    V, _, _, X, gram = residual(s=40)
    rng = np.random.default_rng(0)
    Y, block = golub_kahan(gram, 8, rng) if scheme == "gkl" else power(gram, 8, 3, rng)
    Q = X @ Y
    assert Q.shape == (200, 8)
    assert_allclose(Q.T @ Q, np.eye(8), atol=1e-10)
    assert_allclose(V.T @ Q, 0, atol=1e-12)
    assert_allclose(block, X.T @ Q, atol=1e-11)
    captured, best = np.linalg.norm(block) ** 2, (np.linalg.svd(X, compute_uv=False)[:8] ** 2).sum()
    assert (0.6 if scheme == "gkl" else 0.75) * best < captured <= best * (1 + 1e-12)


@pytest.mark.parametrize("scheme", ["gkl", "rpi"])
def test_all_directions_when_there_are_no_more(scheme):
    _, _, _, X, gram = residual(s=6)
    rng = np.random.default_rng(0)
    Y, block = golub_kahan(gram, 6, rng) if scheme == "gkl" else power(gram, 6, 3, rng)
    assert_allclose(X @ Y @ block.T, X, atol=1e-10)


def test_rows_inside_the_span_have_no_direction():
    V, E, _, _, _ = residual()
    inside = DenseRows((V @ np.arange(12.0).reshape(6, 2)).T)
    gram = Residual(inside.gram(), inside.matrix @ V, 32 * np.finfo(float).eps)
    for Y, block in (full(gram), golub_kahan(gram, 2, np.random.default_rng(0))):
        assert Y.shape == block.shape == (2, 0)
    zero = Residual(np.zeros((3, 3)), np.zeros((3, 6)), 1e-14)
    assert full(zero)[0].shape == power(zero, 2, 3, np.random.default_rng(0))[0].shape[:1] + (0,)


@pytest.mark.parametrize("spare", [0, 2, 9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_factor_equals_its_definition(spare, dtype):
    """Turns, appended rows and sparse changes of any kind, singular ones among them, in a long random sequence."""
    rng = np.random.default_rng(0)
    k = 5
    explicit = np.linalg.qr(rng.standard_normal((60, k)))[0].astype(dtype)
    factor, twin = ExtendedFactor(explicit, k + spare, 1e3), explicit.astype(np.float64)
    tol = 1e-10 if dtype == np.float64 else 2e-4
    for step in range(60):
        C = np.linalg.qr(rng.standard_normal((k, k)))[0] * 0.9
        if step % 3 == 1:
            C = C @ np.diag(np.r_[np.ones(k - 2), 0, 1e-9]) @ np.linalg.qr(rng.standard_normal((k, k)))[0]
        Y = 0.3 * rng.standard_normal((3, k))
        if step % 2:
            factor.append(C, Y)
            twin = np.vstack([twin @ C, Y])
        else:
            E = SparseRows(batch(3, factor.size, 0.1, dtype, seed=step))
            factor.scatter(C, Y, E, factor.products(E), E.gram())
            twin = twin @ C + E.matrix.T @ Y
        assert_allclose(factor.rows(), twin, atol=tol)
        assert_allclose(factor.gram(), twin.T @ twin, atol=tol)
    some = np.array([0, 17, -1])
    assert_allclose(factor.rows(some), twin[some], atol=tol)
    assert_allclose(factor.rows(3), twin[3], atol=tol)
    # 20 steps take two columns each; a rewriting frees them all
    assert factor.n_folds <= {0: 60, 2: 41, 9: 10}[spare]
    factor.fold()
    assert_allclose(factor.rows(), twin, atol=tol)
    assert_array_equal(factor.inner, np.eye(k))


def test_capacity_grows_by_half_at_a_time():
    factor = ExtendedFactor(np.eye(10, 2), 4, 1e3)
    sizes = set()
    for _ in range(1000):
        factor.append(np.eye(2), np.zeros((1, 2)))
        sizes.add(len(factor._table))
    assert factor.size == 1010 and len(sizes) < 14
