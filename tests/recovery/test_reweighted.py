"""Reweighted ℓ1 and IRLS: they recover where basis pursuit does not, and IRLS with p = 1 is basis pursuit."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.sparse.linalg import aslinearoperator

from sparsela.recovery import basis_pursuit, irls, reweighted_l1

from .problems import close, planted, success


def test_recovers_beyond_basis_pursuit():
    def by(solve, k, n_trials):
        return success(lambda A, y, k: solve(A, y), 100, 256, k, "gaussian", n_trials)

    assert by(basis_pursuit, 36, 30) <= 0.55
    assert by(reweighted_l1, 36, 30) >= 0.9
    assert by(irls, 36, 30) >= 0.9
    assert by(irls, 42, 30) >= 0.85


def test_irls_with_p_1_is_basis_pursuit():
    for trial in range(5):
        for k, rtol in ((10, 1e-4), (20, 1e-3)):  # where x is not the sparsest solution the last digits come slowly
            A, y, _ = planted(60, 150, k, "gaussian", trial)
            least = np.abs(basis_pursuit(A, y).x).sum()
            assert_allclose(np.abs(irls(A, y, p=1).x).sum(), least, rtol=rtol)


@pytest.mark.parametrize("make", [sp.csr_array, aslinearoperator])
def test_any_kind_of_matrix(make):
    A, y, x = planted(60, 150, 8, "gaussian", 0)
    assert close(irls(make(A), y).x, x, 1e-6)
    assert close(reweighted_l1(make(A), y).x, x, 1e-6)


def test_noise_and_scale():
    A, y, x = planted(60, 150, 8, "gaussian", 1)
    e = 0.02 * np.random.default_rng(0).standard_normal(60)
    sigma = float(np.linalg.norm(e))
    found = reweighted_l1(A, y + e, sigma=sigma)
    assert_allclose(found.residual_norm, sigma, rtol=1e-4)
    assert np.linalg.norm(found.x - x) < np.linalg.norm(reweighted_l1(A, y + e, sigma=sigma, n_reweight=1).x - x) * 1.2
    assert_allclose(irls(A, 1e6 * y).x, 1e6 * irls(A, y).x, rtol=1e-6, atol=1e-3)


def test_many_targets_and_history():
    A, y, x = planted(60, 150, 8, "gaussian", 2)
    Y = np.stack([y, -2 * y, 0 * y], axis=1)
    for solve in (irls, reweighted_l1):
        found = solve(A, Y, return_history=True)
        assert close(found.x[:, 1], -2 * x, 1e-6) and not found.x[:, 2].any()
        assert np.all(np.diff(found.history[0]["epsilon"]) <= 0) or solve is reweighted_l1


@pytest.mark.parametrize(
    ("solve", "change", "message"),
    [
        (irls, {"p": 0.0}, "p must be"),
        (irls, {"p": 1.5}, r"p must be in \(0, 1\]"),
        (reweighted_l1, {"n_reweight": 0}, "n_reweight must be"),
        (reweighted_l1, {"sigma": -1.0}, "sigma must be"),
        (reweighted_l1, {"epsilon": 0.0}, "epsilon must be"),
        (reweighted_l1, {"max_iter": 0}, "max_iter must be"),
    ],
)
def test_bad_input(solve, change, message):
    A, y, _ = planted(8, 16, 2, "gaussian", 0)
    with pytest.raises(ValueError, match=message):
        solve(A, y, **change)
