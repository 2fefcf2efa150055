"""greedy_map, landmarks and column selection: against twins in a few lines, and identities of the k-DPP."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsela.dpp import DPP, KDPP, DPPFeatureSelector, DPPLandmarks, elementary_symmetric_polynomials, greedy_map


def brute_force(L, k):
    """At every step the item with the largest determinant; the first of equals."""
    S = []
    while len(S) < k:
        gains = [-np.inf if i in S else np.linalg.slogdet(L[np.ix_(S + [i], S + [i])])[1] for i in range(len(L))]
        S.append(int(np.argmax(gains)))
    return S


def test_greedy_is_the_brute_force_one(matrix):
    L, B = matrix
    assert greedy_map(L, max_size=8).tolist() == brute_force(L, 8)
    M = B @ B.conj().T
    assert greedy_map(factor=B, max_size=6).tolist() == greedy_map(M, max_size=6).tolist() == brute_force(M, 6)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    assert greedy_map(X=X, kernel="rbf", max_size=12).tolist() == brute_force(rbf_kernel(X), 12)
    free = greedy_map(3 * L).tolist()
    assert free == brute_force(3 * L, 8)[: len(free)]
    gains = np.diff([0] + [np.linalg.slogdet(3 * L[np.ix_(free[:t], free[:t])])[1] for t in range(1, len(free) + 1)])
    assert (gains > 0).all()
    if len(free) < 8:
        after = brute_force(3 * L, len(free) + 1)
        assert np.linalg.slogdet(3 * L[np.ix_(after, after)])[1] <= np.linalg.slogdet(3 * L[np.ix_(free, free)])[1]


def test_greedy_of_a_process(matrix):
    L, B = matrix
    expected = greedy_map(L, max_size=4)
    assert np.array_equal(DPP(L).greedy_map(4), expected)
    assert np.array_equal(DPP(K=DPP(L).marginal_kernel()).greedy_map(4), expected)
    assert np.array_equal(DPP(factor=B).greedy_map(4), greedy_map(factor=B, max_size=4))
    assert 3 not in DPP(L).condition(excluded=[3]).greedy_map(5)


def test_greedy_stops_at_the_rank():
    with pytest.warns(UserWarning, match="exhausted: 2 of 5 items"):
        assert len(greedy_map(factor=np.random.default_rng(0).normal(size=(9, 2)), max_size=5)) == 2
    assert greedy_map(np.eye(3), max_size=2).tolist() == [0, 1]  # ties go to the smallest index
    assert greedy_map(0.5 * np.eye(3)).tolist() == []
    with pytest.raises(ValueError, match="exactly one of L, factor and X must be given, got L and X"):
        greedy_map(np.eye(2), X=np.eye(2))
    with pytest.raises(ValueError, match="kernel goes with X, got it with L"):
        greedy_map(np.eye(2), kernel="rbf")
    with pytest.raises(ValueError, match="max_size must be between 1 and 2"):
        greedy_map(np.eye(2), max_size=3)


def mean_error(lam, k):
    e = elementary_symmetric_polynomials(lam, k + 1)
    return (k + 1) * np.exp(e[-1] - e[-2])


def test_mean_residual_of_volume_sampling():
    """E‖X − P_S X‖² = (k + 1) e_{k+1}/e_k of the squared singular values (Deshpande et al.)."""
    X = np.random.default_rng(1).normal(size=(40, 60)) * np.logspace(0, -1, 60)
    X -= X.mean(axis=0)
    lam = np.linalg.svd(X, compute_uv=False)[:-1] ** 2
    residuals = []
    for S in KDPP(5, factor=X.T).sample(5000, random_state=0):
        Q = np.linalg.qr(X[:, S])[0]
        residuals.append(((X - Q @ (Q.T @ X)) ** 2).sum())
    assert abs(np.mean(residuals) - mean_error(lam, 5)) <= 6 * np.std(residuals) / np.sqrt(5000)


def test_mean_trace_error_of_landmarks():
    X = np.random.default_rng(2).normal(size=(60, 2))
    L = rbf_kernel(X, gamma=0.3)
    errors = []
    for S in KDPP(5, L).sample(5000, random_state=0):
        errors.append(np.trace(L) - np.trace(np.linalg.solve(L[np.ix_(S, S)], L[S] @ L[:, S])))
    wanted = mean_error(np.linalg.eigvalsh(L).clip(0), 5)
    assert abs(np.mean(errors) - wanted) <= 6 * np.std(errors) / np.sqrt(5000)


def test_landmarks_stand_in_for_nystroem():
    X = np.random.default_rng(3).normal(size=(500, 3))
    ours = DPPLandmarks(30, gamma=0.5, random_state=0).fit(X)
    theirs = Nystroem(n_components=30, gamma=0.5, random_state=0).fit(X)
    theirs.components_ = ours.components_
    U, s, Vh = np.linalg.svd(rbf_kernel(ours.components_, gamma=0.5))
    theirs.normalization_ = (U / np.sqrt(s)) @ Vh
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)
    np.testing.assert_array_equal(X[ours.component_indices_], ours.components_)
    assert ours.get_feature_names_out()[0] == "dpplandmarks0"
    model = make_pipeline(DPPLandmarks(20, random_state=0), Ridge(1e-3))
    y = np.sin(X).sum(axis=1)
    assert GridSearchCV(model, {"dpplandmarks__n_components": [5, 40]}, cv=3).fit(X, y).best_score_ > 0.9


@pytest.mark.parametrize(
    ("n", "k", "method"), [(300, 20, "kdpp"), (300, 20, "greedy"), (5000, 8, "auto"), (5000, 60, "auto")]
)
def test_landmarks_of_every_size(n, k, method):
    X = np.random.default_rng(4).normal(size=(n, 3))
    landmarks = DPPLandmarks(k, method=method, random_state=1).fit(X)
    S = landmarks.component_indices_
    assert len(set(S.tolist())) == k
    assert landmarks.method_ == (method if method != "auto" else "greedy" if k == 60 else "kdpp")
    if (n, method) == (5000, "auto") and k == 60:
        assert np.array_equal(S, greedy_map(X=X, kernel="rbf", max_size=60))


@pytest.mark.parametrize("n", [50, 4000])
def test_landmarks_past_the_rank_are_clipped(n):
    X = np.random.default_rng(5).normal(size=(n, 2))
    with pytest.warns(UserWarning, match="more than the rank of the kernel: 2 are taken"):
        assert DPPLandmarks(5, kernel="linear", random_state=0).fit(X).components_.shape == (2, 2)
    with pytest.warns(UserWarning, match="more than the 3 points"):
        DPPLandmarks(5).fit(X[:3])


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("shape", [(50, 12), (12, 50)])
def test_sparse_tables_select_as_dense_ones_do(shape, scale):
    rng = np.random.default_rng(6)
    X = sp.random_array(shape, density=0.3, rng=rng, format="csr", data_sampler=rng.standard_normal)
    for method in ("volume", "best_of") if scale else ("volume", "best_of", "greedy"):  # units tie the first step
        a, b = (DPPFeatureSelector(5, method=method, scale=scale, random_state=0).fit(T) for T in (X, X.toarray()))
        assert np.array_equal(a.support_, b.support_)
        assert abs(a.residual_ - b.residual_) < 1e-8 * b.residual_


def test_residuals_of_selected_columns():
    X = load_breast_cancer().data
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    found = {}
    for method in ("volume", "greedy", "best_of"):
        selector = DPPFeatureSelector(6, method=method, scale=True, random_state=0).fit(X)
        Q = np.linalg.qr(Z[:, selector.support_])[0]
        assert abs(selector.residual_ - ((Z - Q @ (Q.T @ Z)) ** 2).sum()) < 1e-6
        assert selector.transform(X).shape == (len(X), 6)
        found[method] = selector.residual_
    assert found["best_of"] < found["volume"]
    draws = [DPPFeatureSelector(6, scale=True, random_state=s).fit(X).residual_ for s in range(200)]
    wanted = mean_error(np.linalg.svd(Z, compute_uv=False) ** 2, 6)
    assert abs(np.mean(draws) - wanted) <= 6 * np.std(draws) / np.sqrt(200)


def test_feature_selection_in_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), DPPFeatureSelector(8, method="greedy"), LogisticRegression())
    assert model.fit(X, y).score(X, y) > 0.9
    with pytest.warns(UserWarning, match="more than the rank of X: 30 are kept"):
        DPPFeatureSelector(40, scale=True).fit(X)
    with pytest.raises(ValueError, match="not constant"):
        DPPFeatureSelector(1).fit(np.ones((5, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        support = DPPFeatureSelector(2, scale=True, random_state=0).fit(np.c_[X[:, :3], np.ones(len(X))]).support_
    assert not support[3]
