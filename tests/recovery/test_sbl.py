"""Sparse Bayesian learning: the dense posterior, a monotone evidence, the error of one who knows the support."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import aslinearoperator
from sklearn.exceptions import ConvergenceWarning

from sparsela.recovery import sbl
from sparsela.recovery._sbl import coordinate_sweeps, posterior


def measured(seed, m, n, k, flat=False, db=30.0):
    """A, y, x, the error of least squares on the true support, the variance of the noise."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)) / np.sqrt(m)
    x = np.zeros(n)
    T = rng.choice(n, k, replace=False)
    x[T] = rng.choice([-1, 1], k) * rng.uniform(0.5, 1.5, k) if flat else rng.standard_normal(k)
    y = A @ x
    e = rng.standard_normal(m)
    e *= np.linalg.norm(y) / np.linalg.norm(e) * 10 ** (-db / 20)
    oracle = np.linalg.norm(np.linalg.lstsq(A[:, T], y + e, rcond=None)[0] - x[T])
    return A, y + e, x, oracle, float(e @ e) / m


@pytest.mark.parametrize(("flat", "most"), [(False, 1.6), (True, 1.2)])
@pytest.mark.parametrize("known", [True, False])
def test_error_against_knowing_the_support(flat, most, known):
    ratios = []
    for seed in range(10):
        A, y, x, oracle, sigma2 = measured(seed, 150, 600, 20, flat)
        found = sbl(A, y, noise_variance=sigma2 if known else None)
        ratios.append(np.linalg.norm(found.x - x) / oracle)
    assert np.median(ratios) <= most + (0 if known else 0.3)


@pytest.mark.parametrize("k", [12, 60])
@pytest.mark.parametrize("is_complex", [False, True])
def test_posterior_equals_the_dense_formulas(k, is_complex):
    rng = np.random.default_rng(0)
    C = rng.standard_normal((30, k)) + (1j * rng.standard_normal((30, k)) if is_complex else 0)
    Y, gamma, sigma2 = rng.standard_normal((30, 2)) + 0 * C[:, :1], rng.uniform(0.1, 3, k), 0.05
    cov = sigma2 * np.eye(30) + C * gamma @ C.conj().T
    mean = gamma[:, None] * (C.conj().T @ np.linalg.solve(cov, Y))
    var = gamma - gamma**2 * np.einsum("ij,ij->j", C.conj(), np.linalg.solve(cov, C)).real
    evidence = -2 * np.linalg.slogdet(cov)[1] - np.vdot(Y, np.linalg.solve(cov, Y)).real
    for c in (C, sp.csc_array(C)):
        p = posterior(c, Y, gamma, sigma2)
        assert_allclose(p.mean, mean, rtol=1e-9, atol=1e-12)
        assert_allclose(p.var, var, rtol=1e-9)
        assert_allclose(p.evidence, evidence, rtol=1e-9)


def test_evidence_never_falls():
    for seed in range(5):
        A, y, _, _, sigma2 = measured(seed, 60, 150, 10)
        course = sbl(A, y, noise_variance=sigma2, prune=0.0, return_history=True, tol=1e-3).history["evidence"]
        assert np.all(np.diff(course) >= -1e-9 * np.abs(course[:-1]))
        gamma = np.random.default_rng(seed).uniform(0, 2, 150)
        before = posterior(A, y[:, None], gamma, sigma2).evidence
        swept = coordinate_sweeps(A, y[:, None], gamma, sigma2)
        assert posterior(A[:, swept > 0], y[:, None], swept[swept > 0], sigma2).evidence >= before


def test_sweeps_end_where_no_variance_alone_can_do_better():
    A, y, _, _, sigma2 = measured(1, 60, 100, 8)
    gamma = coordinate_sweeps(A, y[:, None], np.ones(100), sigma2)
    best = posterior(A, y[:, None], np.maximum(gamma, 1e-12), sigma2).evidence
    for i in np.flatnonzero(gamma)[:5]:
        for factor in (0.98, 1.02):
            other = gamma.copy()
            other[i] *= factor
            assert posterior(A, y[:, None], np.maximum(other, 1e-12), sigma2).evidence <= best + 1e-9 * abs(best)


def test_mackay_is_faster_and_as_good():
    for seed in range(3):
        A, y, x, _, sigma2 = measured(seed, 150, 600, 20, flat=True)
        em, mackay = (sbl(A, y, noise_variance=sigma2, update=u, tol=1e-6) for u in ("em", "mackay"))
        assert_allclose(mackay.x, em.x, atol=0.02)
        assert mackay.n_iter < em.n_iter


def test_joint_targets_share_a_support_found_at_more_noise():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((40, 120)) / np.sqrt(40)
    X = np.zeros((120, 8))
    T = np.sort(rng.choice(120, 10, replace=False))
    X[T] = rng.standard_normal((10, 8))
    Y = A @ X + 0.05 * rng.standard_normal((40, 8))
    together, apart = sbl(A, Y, joint=True), sbl(A, Y)
    assert_array_equal(np.sort(np.argsort(-together.variances[:, 0])[:10]), T)
    assert all(np.array_equal(s, together.support[0]) for s in together.support)
    assert np.linalg.norm(together.x - X) < np.linalg.norm(apart.x - X)
    assert together.n_iter.shape == (8,) and apart.noise_variance.shape == (8,)


def test_error_bars_cover():
    hits = total = 0
    for seed in range(20):
        A, y, x, _, sigma2 = measured(seed, 100, 200, 10, flat=True)
        found = sbl(A, y, noise_variance=sigma2, return_std=True)
        T = np.flatnonzero(x)
        hits += np.sum(np.abs(found.x[T] - x[T]) <= 2 * found.std[T])
        total += T.size
    assert 0.85 <= hits / total <= 0.99  # 0.954 of a normal law; 200 draws


def test_sparse_complex_and_zero():
    A, y, x, _, sigma2 = measured(0, 60, 120, 5, flat=True)
    A[np.abs(A) < 0.1] = 0
    y = A @ x
    sparse, dense = sbl(sp.csr_array(A), y), sbl(A, y)
    assert_allclose(sparse.x, dense.x, atol=1e-8)
    rng = np.random.default_rng(0)
    B = A + 1j * rng.standard_normal(A.shape) / 8
    z = x * np.exp(2j * np.pi * rng.random(120))
    found = sbl(B, B @ z + 1e-3 * rng.standard_normal(60))
    assert_array_equal(found.support, np.flatnonzero(z))
    assert not sbl(A, np.zeros(60)).x.any()
    assert_allclose(sbl(1e4 * A, 1e6 * y).x, 100 * sbl(A, y).x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"A": aslinearoperator(np.eye(8, 16))}, TypeError, "posterior needs its columns"),
        ({"update": "gibbs"}, ValueError, "update must be one of"),
        ({"noise_variance": 0.0}, ValueError, "noise_variance must be"),
        ({"prune": 1.0}, ValueError, "prune must be below 1"),
        ({"y": np.ones(3)}, ValueError, "y must have shape"),
    ],
)
def test_bad_input(change, error, message):
    rng = np.random.default_rng(0)
    with pytest.raises(error, match=message):
        sbl(**{"A": rng.standard_normal((8, 16)), "y": np.ones(8), **change})


def test_warns_when_it_stops_early():
    A, y, _, _, _ = measured(0, 60, 120, 5)
    with pytest.warns(ConvergenceWarning, match="sbl stopped at max_iter=3"):
        assert not sbl(A, y, max_iter=3).converged


def test_the_history_of_a_zero_target_is_empty():
    A = np.random.default_rng(0).standard_normal((20, 30))
    y = A[:, 3] - A[:, 8]
    histories = sbl(A, np.stack([y, np.zeros(20)], axis=1), return_history=True).history
    assert len(histories[0]["evidence"]) and histories[1] == {}
