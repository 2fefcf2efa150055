"""Robust PCA: planted splits to 1e-6, convex runs against each other, invariants, missing entries, bad input."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sparsela.lowrank import RobustPCA, robust_pca
from sparsela.lowrank._robust import _Shrinkage

METHODS = [{}, {"method": "accaltproj"}, {"method": "altproj"}]


def pcp_problem(n, rank, share, seed):
    """The table of Candès et al.: factors of variance 1/n, errors of ±1."""
    rng = np.random.default_rng(seed)
    L = rng.normal(0, n**-0.5, (n, rank)) @ rng.normal(0, n**-0.5, (rank, n))
    return L, np.where(rng.random((n, n)) < share, rng.choice([-1.0, 1.0], (n, n)), 0)


def planted(m, n, rank, share, seed):
    rng = np.random.default_rng(seed)
    L = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
    return L, np.where(rng.random((m, n)) < share, rng.uniform(-5, 5, (m, n)), 0)


def split(M, how, rank, **more):
    return robust_pca(M, **how, **more, rank=rank if how else None)


def error(found, L):
    return np.linalg.norm(found.low_rank - L) / np.linalg.norm(L)


@pytest.mark.parametrize(
    ("rank", "share", "seed"),
    [
        (25, 0.05, 0),
        (25, 0.1, 1),
        *(pytest.param(*c, marks=pytest.mark.slow) for c in [(25, 0.05, 1), (25, 0.1, 0), (50, 0.05, 0)]),
    ],
)
def test_principal_component_pursuit(rank, share, seed):
    L, S = pcp_problem(500, rank, share, seed)
    found = robust_pca(L + S)
    assert error(found, L) <= 1e-5
    assert len(found.s) == rank and found.n_iter <= 25
    assert (found.support == (S != 0)).all()


@pytest.mark.parametrize("how", METHODS, ids=["ialm", "accaltproj", "altproj"])
def test_planted_600(how):
    L, S = planted(600, 600, 10, 0.1, 0)
    found = split(L + S, how, 10)
    assert found.converged and error(found, L) <= 1e-6
    assert len(found.s) == 10
    assert_allclose(found.U.T @ found.U, np.eye(10), atol=1e-10)
    assert_allclose((found.U * found.s) @ found.Vt, found.low_rank, atol=1e-10)


def test_partial_and_full_svd_take_the_same_steps():
    L, S = planted(300, 300, 5, 0.1, 0)
    full, partial, auto = (robust_pca(L + S, svd=how) for how in ("full", "partial", "auto"))
    assert full.n_iter == partial.n_iter == auto.n_iter
    for other in (partial, auto):
        assert_allclose(other.low_rank, full.low_rank, atol=1e-6)


@pytest.mark.parametrize("shape", [(120, 80), (80, 120)])
@pytest.mark.parametrize("count", [0, 1, 9, 30])
def test_shrinkage_takes_all_that_is_above(shape, count):
    """However few were guessed: the shrunk matrix is that of the full SVD, the optimality conditions hold."""
    T = np.random.default_rng(0).standard_normal(shape)
    U, s, Vt = np.linalg.svd(T, full_matrices=False)
    threshold = s[0] + 1 if count == 0 else (s[count - 1] + s[count]) / 2
    shrink = _Shrinkage(shape, "auto")
    for _ in range(3):
        found = shrink(T, threshold)
        L = (found[0] * found[1]) @ found[2]
        assert_allclose(L, (U * np.maximum(s - threshold, 0)) @ Vt, atol=1e-7)
        G = (T - L) / threshold  # a subgradient of the nuclear norm at L
        assert np.linalg.norm(G, 2) <= 1 + 1e-6
        assert np.sum(G * L) == pytest.approx(found[1].sum(), rel=1e-6, abs=1e-9)


def test_sparse_part_meets_its_sign_conditions():
    """What was planted comes back with its signs and its ℓ1 norm."""
    L, S = planted(150, 120, 4, 0.1, 1)
    found = robust_pca(L + S, tol=1e-9)
    assert_allclose(np.sign(found.sparse[found.support]), np.sign(S[found.support]))
    assert np.abs(found.sparse).sum() == pytest.approx(np.abs(S).sum(), rel=1e-4)


@pytest.mark.parametrize("how", METHODS, ids=["ialm", "accaltproj", "altproj"])
def test_scaling_order_and_transposition(how):
    L, S = planted(160, 120, 3, 0.05, 2)
    M = L + S
    found = split(M, how, 3)
    rows = np.random.default_rng(0).permutation(160)
    assert_allclose(split(1000 * M, how, 3).low_rank, 1000 * found.low_rank, atol=1e-2)
    assert_allclose(split(M[rows], how, 3).low_rank, found.low_rank[rows], atol=1e-5)
    assert_allclose(split(M.T, how, 3).low_rank, found.low_rank.T, atol=1e-5)


@pytest.mark.parametrize("how", METHODS[:2], ids=["ialm", "accaltproj"])
def test_missing_entries(how):
    L, S = planted(300, 200, 3, 0.05, 3)
    mask = np.random.default_rng(1).random(L.shape) < 0.8
    M = np.where(mask, L + S, np.nan)
    found = split(M, how, 3, mask=mask)
    assert error(found, L) <= 1e-5
    assert not found.sparse[~mask].any()


@pytest.mark.parametrize("how", METHODS, ids=["ialm", "accaltproj", "altproj"])
def test_small_odd_and_single_precision(how):
    for shape in ((1, 1), (1, 5), (6, 1), (3, 3)):
        M = np.random.default_rng(0).standard_normal(shape)
        found = split(M, how, 1)
        assert np.isfinite(found.low_rank).all()
        assert np.linalg.norm(M - found.low_rank - found.sparse) == pytest.approx(found.residual_norm, abs=1e-9)
    found = split(np.zeros((4, 3)), how, 2)
    assert found.converged and not found.low_rank.any()
    L, S = planted(150, 100, 2, 0.05, 4)
    found = split((L + S).astype(np.float32), how, 2, tol=1e-5)
    assert found.low_rank.dtype == found.sparse.dtype == np.float32 and error(found, L) < 1e-3


def test_noise_is_left_over_by_projections():
    L, S = planted(200, 150, 3, 0.05, 5)
    noise = 0.01 * np.random.default_rng(0).standard_normal(L.shape)
    found = robust_pca(L + S + noise, method="accaltproj", rank=3)
    assert found.converged and error(found, L) < 0.01


def test_input_is_not_changed():
    L, S = planted(60, 50, 2, 0.05, 6)
    M = L + S
    before = M.copy()
    for how in METHODS:
        split(M, how, 2)
    assert (before == M).all()


def test_history_callback_and_warning():
    L, S = planted(60, 50, 2, 0.05, 6)
    found = robust_pca(L + S, return_history=True)
    assert len(found.history["residual_norm"]) == found.n_iter
    assert robust_pca(L + S, callback=lambda state: state.n_iter == 2).n_iter == 2
    for how in METHODS:
        with pytest.warns(ConvergenceWarning, match="raise max_iter"):
            split(L + S, how, 2, max_iter=2)


def test_new_samples_lose_their_errors():
    L, S = planted(400, 150, 4, 0.05, 7)
    model = RobustPCA(4, method="accaltproj").fit((L + S)[:300])
    Z = model.transform((L + S)[300:])
    assert model.rank_ == 4
    assert_allclose(model.inverse_transform(Z), L[300:], atol=1e-5)
    assert_allclose(model.low_rank_ + model.sparse_, (L + S)[:300], atol=1e-4)


@pytest.mark.parametrize(
    ("M", "how", "match"),
    [
        (np.diag([1.0, np.nan]), {}, "NaN"),
        (np.eye(3), {"alpha": 0.0}, "alpha must be finite and positive"),
        (np.eye(3), {"method": "pcp"}, "method must be one of"),
        (np.eye(3), {"svd": "arpack"}, "svd must be one of"),
        (np.eye(3), {"method": "accaltproj"}, "rank must be given"),
        (np.eye(3), {"method": "altproj", "rank": 4}, "rank must be between 1 and 3"),
        (np.eye(3), {"mask": np.ones(3, bool)}, "mask must be an array of bool of shape"),
        (np.eye(3), {"mask": np.zeros((3, 3), bool)}, "nothing of M was seen"),
        (np.ones(3), {}, "2 dimensions"),
    ],
)
def test_bad_input(M, how, match):
    with pytest.raises(ValueError, match=match):
        robust_pca(M, **how)


def test_sparse_input_is_sent_elsewhere():
    with pytest.raises(TypeError, match="MatrixCompletion"):
        robust_pca(sp.csr_array(np.eye(3)))
    with pytest.raises(ValueError, match="rank must be None"):
        RobustPCA(2).fit(np.eye(3))


def test_coordinates_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    model = RobustPCA(2, method="accaltproj").fit(rng.standard_normal((30, 2)) @ rng.standard_normal((2, 20)))
    with pytest.raises(ValueError, match="X must have rank_ = 2 columns"):
        model.inverse_transform(np.ones((4, 3)))
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.full((4, 2), np.nan))
    empty = RobustPCA().fit(np.zeros((5, 4)))  # no component at all
    assert_allclose(empty.inverse_transform(empty.transform(np.zeros((3, 4)))), np.zeros((3, 4)))
