"""Calibrated factorization: a trained network, planted unions of subspaces, what the metric may and may not change."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sparsela.dictionary import KSVD, calibrated_factorization


def truncated(A, rank):
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    return (U[:, :rank] * s[:rank]) @ Vt[:rank]


def root(H, damping=1e-4):
    """R with RᵀR the damped second moments of H."""
    S = H.T @ H / len(H)
    return np.linalg.cholesky(S + damping * np.trace(S) / len(S) * np.eye(len(S))).T


def whitened_svd(W, H, rank):
    R = root(H)
    return np.linalg.solve(R, truncated(R @ W, rank))


def error(H, W, F):
    return np.linalg.norm(H @ W - H @ F) / np.linalg.norm(H @ W)


@pytest.fixture(scope="module")
def network():
    """A classifier of digits, the activations of its first layer on training and test images, its test score."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with threadpool_limits(1):
            net = MLPClassifier((256, 256), random_state=0, max_iter=60, alpha=1e-3).fit(X, y)
    H, H_test = (np.maximum(x @ net.coefs_[0] + net.intercepts_[0], 0) for x in (X, X_test))

    def score(F):
        hidden = np.maximum(H_test @ F + net.intercepts_[1], 0)
        return np.mean(net.classes_[(hidden @ net.coefs_[2] + net.intercepts_[2]).argmax(axis=1)] == y_test)

    return net.coefs_[1], H, H_test, score


@pytest.mark.parametrize("ratio", [0.2, 0.4, 0.6])
def test_a_network_keeps_what_it_does(network, ratio):
    W, H, H_test, score = network
    F = calibrated_factorization(W, activations=H, ratio=ratio, random_state=0)
    blind = calibrated_factorization(W, gram=np.eye(256), ratio=ratio, random_state=0)
    assert F.n_parameters <= (1 - ratio) * W.size
    assert F.dictionary.shape == blind.dictionary.shape
    ours = error(H_test, W, F)
    assert ours <= 0.3 * error(H_test, W, blind)
    assert ours <= 1.1 * error(H_test, W, whitened_svd(W, H, int((1 - ratio) * 128)))
    assert abs(score(F) - score(W)) <= 0.005


def union_of_subspaces(seed):
    """512 columns of 4 atoms each out of 96 in 64 dimensions, and activations that fall off by 1.5 decades."""
    rng = np.random.RandomState(seed)
    A = rng.randn(64, 96)
    A /= np.linalg.norm(A, axis=0)
    W = np.stack([A[:, rng.choice(96, 4, replace=False)] @ rng.randn(4) for _ in range(512)], axis=1)
    Q = np.linalg.qr(rng.randn(64, 64))[0]
    return W, rng.randn(4000, 64) * np.logspace(0, -1.5, 64) @ Q.T


@pytest.mark.parametrize("seed", range(3))
def test_planted_union_of_subspaces(seed):
    W, H = union_of_subspaces(seed)
    sizes = {"n_components": 96, "n_nonzero_coefs": 4, "random_state": 0}
    F = calibrated_factorization(W, activations=H, **sizes)
    blind = calibrated_factorization(W, gram=np.eye(64), **sizes)
    assert F.start == "blind"  # greedy coding from columns of R W ends at 0.23
    assert F.n_parameters <= 0.344 * W.size
    assert error(H, W, F) <= 0.45 * error(H, W, whitened_svd(W, H, 19))
    assert error(H, W, F) <= 0.8 * error(H, W, blind)


@pytest.mark.parametrize("seed", range(4))
def test_never_worse_than_blind_in_the_damped_metric(seed):
    rng = np.random.RandomState(seed)
    W, H = rng.randn(20, 50), rng.randn(300, 20) * np.geomspace(1, 1e-4, 20)
    sizes = {"n_components": 25, "n_nonzero_coefs": 3, "max_iter": 4, "random_state": seed}
    for damping in (1e-6, 0.1):
        R = root(H, damping)
        F = calibrated_factorization(W, gram=R.T @ R, damping=0, **sizes)
        blind = calibrated_factorization(W, gram=np.eye(20), **sizes)
        assert np.linalg.norm(R @ W - R @ F) <= np.linalg.norm(R @ W - R @ blind) * (1 + 1e-9)


@pytest.mark.parametrize("method", ["approximate", "exact"])
def test_under_the_identity_it_is_plain_k_svd(method):
    W = union_of_subspaces(0)[0]
    F = calibrated_factorization(
        W, gram=3 * np.eye(64), n_components=40, n_nonzero_coefs=3, max_iter=6, method=method, random_state=5
    )
    plain = KSVD(
        40,
        n_nonzero_coefs=3,
        max_iter=6,
        method=method,
        min_usage=1,
        max_coherence=1.0,
        random_state=5,
        transform_n_nonzero_coefs=3,
    ).fit(W.T)
    signs = np.sign(np.einsum("ji,ij->i", F.dictionary, plain.components_))
    assert_allclose(F.dictionary.T * signs[:, None], plain.components_, atol=1e-12)
    assert F.functional_error == pytest.approx(F.weight_error, rel=1e-12)
    recoded = np.linalg.norm(W.T - plain.transform(W.T) @ plain.components_) / np.linalg.norm(W)
    swept = plain.error_[-1] * np.sqrt(W.size) / np.linalg.norm(W)
    assert F.weight_error <= min(recoded, swept) * (1 + 1e-12)  # column by column the better of the two


def relu_layer():
    """Random weights and the activations of 48 random ReLU units."""
    rng = np.random.RandomState(0)
    return rng.randn(48, 60), np.maximum(rng.randn(900, 20) @ rng.randn(20, 48) - 1, 0)


def test_errors_are_what_they_are_called():
    W, H = relu_layer()
    F = calibrated_factorization(W, activations=H, ratio=0.5, max_iter=3, random_state=0, return_history=True)
    assert F.functional_error == pytest.approx(error(H, W, F), rel=1e-8)
    assert F.weight_error == pytest.approx(np.linalg.norm(W - F.dictionary @ F.codes) / np.linalg.norm(W), rel=1e-12)
    K = F.dictionary.shape[1]
    assert F.n_parameters == 48 * K + F.codes.nnz + -(-60 * K // 16) <= 0.5 * W.size
    assert np.diff(F.codes.indptr).max() == K // 2
    assert_allclose(np.linalg.norm(F.dictionary, axis=0), 1, atol=1e-12)
    R = root(H)
    assert F.condition_number == pytest.approx(np.linalg.cond(R), rel=1e-6)
    assert F.n_iter == 3 and len(F.history["error"]) == 3 and not F.converged
    polished = np.linalg.norm(R @ W - R @ F) / np.linalg.norm(R @ W)
    assert polished <= F.history["error"][-1] * (1 + 1e-9)


def test_change_of_basis_changes_no_error():
    W, H = union_of_subspaces(1)
    Q = np.linalg.qr(np.random.RandomState(7).randn(64, 64))[0]
    sizes = {"n_components": 96, "n_nonzero_coefs": 4, "max_iter": 10, "random_state": 0}
    one = calibrated_factorization(W, activations=H, **sizes)
    other = calibrated_factorization(Q.T @ W, activations=H @ Q, **sizes)
    assert abs(one.functional_error - other.functional_error) < 1e-8
    assert abs(one.weight_error - other.weight_error) < 1e-7


def test_units_that_never_fire_need_damping():
    """A direction without activations is free: undamped it is refused, hardly damped the weights go astray along it."""
    W, H = relu_layer()
    H[:, 10:15] = 0
    fit = {"activations": H, "ratio": 0.5, "max_iter": 3, "random_state": 0}
    with pytest.raises(ValueError, match=r"take 43 of 48 directions, and damping=0.0 .*give more damping"):
        calibrated_factorization(W, damping=0, **fit)
    damped = [calibrated_factorization(W, damping=d, **fit) for d in (1e-9, 1e-4, 1e-1)]
    conditions = [F.condition_number for F in damped]
    assert conditions[0] > 100 * conditions[1] > 1000 * conditions[2]
    assert damped[0].weight_error > damped[1].weight_error > damped[2].weight_error
    assert np.isfinite(damped[0].dictionary).all()


def test_activations_may_come_in_any_form():
    W, H = relu_layer()
    fit = {"ratio": 0.6, "max_iter": 2, "random_state": 0}
    want = calibrated_factorization(W, activations=H, **fit)
    forms = {
        "blocks": [H[:500], H[500:501], H[501:]],
        "generator": (H[i : i + 300] for i in range(0, len(H), 300)),
        "sparse": csr_array(H),
        "sparse blocks": [csr_array(H[:700]), csr_array(H[700:])],
        "rows as lists": H.tolist(),
    }
    for name, activations in forms.items():
        got = calibrated_factorization(W, activations=activations, **fit)
        assert_allclose(got.functional_error, want.functional_error, rtol=1e-6, err_msg=name)
    got = calibrated_factorization(W, gram=7 * H.T @ H, **fit)
    assert_allclose(got.functional_error, want.functional_error, rtol=1e-6)


def test_it_multiplies_like_a_matrix():
    W, H = union_of_subspaces(2)
    F = calibrated_factorization(W, activations=H, ratio=0.5, max_iter=2, random_state=0)
    dense = F.dictionary @ F.codes.toarray()
    rng = np.random.RandomState(0)
    x, X, y, Y = rng.randn(512), rng.randn(512, 3), rng.randn(64), rng.randn(3, 64)
    assert F.shape == W.shape
    A = F.to_linear_operator()
    for got, want in (
        (F @ x, dense @ x),
        (F @ X, dense @ X),
        (y @ F, y @ dense),
        (Y @ F, Y @ dense),
        (A @ x, dense @ x),
        (A @ X, dense @ X),
        (A.rmatvec(y), dense.T @ y),
        (A.H @ Y.T, dense.T @ Y.T),
    ):
        assert_allclose(got, want, atol=1e-12)
    twin = pickle.loads(pickle.dumps(F))
    assert_array_equal(twin @ x, F @ x)
    assert repr(F).startswith("CalibratedFactorization(dictionary=float64[64, ")


def test_a_group_shares_one_dictionary():
    W, H = union_of_subspaces(0)
    group = [W[:, :100], W[:, 100:300], W[:, 300:]]
    sizes = {"n_components": 60, "n_nonzero_coefs": 4, "max_iter": 3, "random_state": 0}
    F = calibrated_factorization(group, activations=iter([H]), **sizes)
    alone = calibrated_factorization(W, activations=H, **sizes)
    assert_array_equal(F.codes.toarray(), alone.codes.toarray())
    parts = F.split_codes()
    assert [S.shape for S in parts] == [(60, 100), (60, 200), (60, 212)]
    assert_array_equal(np.hstack([S.toarray() for S in parts]), F.codes.toarray())
    assert F.n_parameters == alone.n_parameters


@pytest.mark.parametrize(
    ("options", "K", "s"),
    [
        ({"ratio": 0.5}, 30, 15),  # 64 K + 128 s + 8 K ≤ 4096 with K = 2 s
        ({"ratio": 0.5, "k_over_s": 4.0}, 36, 9),
        ({"ratio": 0.5, "n_components": 30}, 30, 15),
        ({"ratio": 0.5, "n_nonzero_coefs": 5}, 48, 5),
        ({"n_components": 30, "n_nonzero_coefs": 7}, 30, 7),
    ],
)
def test_sizes(options, K, s):
    """The largest sizes for which the storage meets the ratio."""
    rng = np.random.RandomState(0)
    W, H = rng.randn(64, 128), rng.randn(200, 64)
    F = calibrated_factorization(W, activations=H, max_iter=1, random_state=0, **options)
    assert F.dictionary.shape[1] == K
    assert np.diff(F.codes.indptr).max() == s
    if "n_nonzero_coefs" not in options:
        assert F.n_parameters <= 4096 < F.n_parameters + 128 + options.get("k_over_s", 2) * 72


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_types_and_input(dtype):
    W, H = (a.astype(dtype) for a in union_of_subspaces(0))
    kept = W.copy(), H.copy()
    fit = {"activations": H, "ratio": 0.6, "max_iter": 3, "random_state": 0}
    one, two = (calibrated_factorization(W, n_jobs=n, **fit) for n in (1, 2))
    assert one.dictionary.dtype == one.codes.dtype == dtype
    assert_array_equal(one.dictionary, two.dictionary)
    assert_array_equal(one.codes.toarray(), two.codes.toarray())
    assert_array_equal(W, kept[0])
    assert_array_equal(H, kept[1])
    assert one.functional_error == pytest.approx(error(H, W, one), rel=1e-8 if dtype == np.float64 else 1e-3)


def test_fewer_usable_columns_than_atoms():
    W = np.zeros((12, 40))
    W[:, :5] = np.random.RandomState(0).randn(12, 5)
    F = calibrated_factorization(W, gram=np.diag(np.arange(1.0, 13)), n_components=8, n_nonzero_coefs=1, random_state=0)
    assert F.functional_error < 1e-12 and np.isfinite(F.dictionary).all() and F.codes.nnz == 5


def test_callback_sees_and_stops_all_of_it():
    W, H = union_of_subspaces(0)
    seen = []

    def stop_at_two(state):
        seen.append(state.n_iter)
        return state.n_iter == 2

    F = calibrated_factorization(W, activations=H, ratio=0.5, random_state=0, callback=stop_at_two)
    assert seen == [1, 2] and F.n_iter == 1 and F.functional_error < 1


W, H = np.random.RandomState(0).randn(6, 30), np.random.RandomState(1).randn(40, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give activations or gram, and not both"),
        ({"activations": H, "gram": np.eye(6)}, "give activations or gram, and not both"),
        ({"activations": H[:, :5]}, "activations must have as many columns as W has rows, 6, got 5"),
        ({"activations": H * np.nan}, "activations contains NaN"),
        ({"activations": iter([])}, "activations has no block"),
        ({"activations": 0 * H}, "the activations are zero"),
        ({"gram": np.eye(5)}, r"gram must have shape \(6, 6\), got \(5, 5\)"),
        ({"gram": np.triu(np.ones((6, 6)))}, "gram must be symmetric"),
        ({"gram": np.diag([1.0, 1, 1, 1, 1, -1])}, "gram must be positive semidefinite, .* eigenvalue is -1"),
        ({"gram": np.diag([1.0, 1, 1, 1, 1, 0]), "damping": 0}, "take 5 of 6 directions"),
        ({"activations": H, "damping": -1.0}, "damping must be finite and non-negative"),
        ({"activations": H, "ratio": 1.0}, "ratio must be between 0 and 1"),
        ({"activations": H, "ratio": 0.9}, "ratio=0.9 leaves room for 0 atoms and 0 non-zeros a column of a 6 × 30"),
        ({"activations": H, "k_over_s": 0.5}, "k_over_s must be at least 1"),
        ({"activations": H, "n_components": 31}, "n_components must be between 1 and 30, got 31"),
        ({"activations": H, "n_components": 4, "n_nonzero_coefs": 5}, "n_nonzero_coefs must be between 1 and 4"),
        ({"activations": H, "method": "fast"}, "method must be 'approximate' or 'exact', got 'fast'"),
        ({"activations": H, "max_iter": 0}, "max_iter must be at least 1"),
        ({"activations": H, "n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        calibrated_factorization(W, **options)


def test_bad_weights():
    with pytest.raises(ValueError, match="W is zero"):
        calibrated_factorization(0 * W, activations=H)
    with pytest.raises(ValueError, match="W contains NaN"):
        calibrated_factorization(np.nan * W, activations=H)
    with pytest.raises(ValueError, match="the activations map W to zero"):
        calibrated_factorization(
            np.eye(6)[:, [0, 0, 0]], gram=np.diag([0.0, 1, 1, 1, 1, 1]), n_components=2, n_nonzero_coefs=1
        )
    with pytest.raises(ValueError, match=r"hence have as many rows; got \[5, 6\]"):
        calibrated_factorization([W, W[:5]], activations=H)
    with pytest.raises(ValueError, match="give one array or an iterator of blocks, not a list"):
        calibrated_factorization([W, W], activations=[H, H])
    with pytest.raises(TypeError, match="callback must be a callable"):
        calibrated_factorization(W, activations=H, callback=3, ratio=0.3)
