"""Factor by factor: Hadamard matrices exactly, real data no worse than the published implementation."""

import warnings

import numpy as np
import pytest
from scipy.linalg import dft, hadamard
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sparsela.transforms import hierarchical_factorization, proj

ORDERS = [4, 8, 16, 32, 64, 128, 256, pytest.param(512, marks=pytest.mark.slow)]


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return hierarchical_factorization(*args, **kwargs)


def assert_butterflies(operator, n):
    assert operator.nnz == 2 * n * (n.bit_length() - 1) and operator.n_factors == n.bit_length() - 1
    for S in operator.factors_as("csr"):
        assert (np.diff(S.indptr) == 2).all() and (np.bincount(S.indices, minlength=n) == 2).all()


@pytest.mark.parametrize("n", ORDERS)
def test_hadamard_is_exact(n):
    H = hadamard(n) / np.sqrt(n)
    result = hierarchical_factorization(H)
    assert result.converged and result.relative_error <= 1e-12
    np.testing.assert_allclose(
        np.linalg.norm(result.operator.toarray() - H), result.residual_norm, rtol=1e-6, atol=1e-13
    )
    assert_butterflies(result.operator, n)


@pytest.mark.parametrize("n", ORDERS)
def test_hadamard_with_flipped_signs_is_exact(n):
    rng = np.random.default_rng(n)
    flipped = rng.choice([-1, 1], n)[:, None] * hadamard(n) / np.sqrt(n) * rng.choice([-1, 1], n)
    result = hierarchical_factorization(flipped)
    assert result.relative_error <= 1e-12
    assert_butterflies(result.operator, n)


@pytest.mark.parametrize("n", ORDERS)
def test_hadamard_under_rounding_noise(n):
    """Noise of 1e-13 decides no tie."""
    rng = np.random.default_rng(n)
    noisy = hadamard(n) / np.sqrt(n) * (1 + 1e-13 * rng.standard_normal((n, n)))
    result = quiet(noisy)
    assert result.relative_error <= 1e-11
    assert_butterflies(result.operator, n)


def test_what_the_docstring_says_it_cannot_do():
    rng = np.random.default_rng(0)
    n = 32
    H = hadamard(n) / np.sqrt(n)
    assert quiet(H[rng.permutation(n)]).relative_error > 0.3
    noise = rng.standard_normal((n, n))
    assert quiet(H + 1e-3 * noise / np.linalg.norm(noise) * np.linalg.norm(H)).relative_error > 0.3
    assert quiet(H, order="left-to-right").relative_error > 0.5


@pytest.mark.parametrize("n", [4, 8, 64])
def test_the_fourier_matrix_is_exact_over_its_butterflies(n):
    F = dft(n, scale="sqrtn")
    result = hierarchical_factorization(F, preset="dft")
    assert result.relative_error <= 1e-12
    assert result.operator.n_factors == n.bit_length()
    assert (result.operator.factors_as("dense")[-1].sum(axis=0) == 1).all()


def digits():
    return load_digits().data[:256].T / 16


def test_error_falls_with_the_budget_and_is_that_of_faust_or_less():
    """pyfaust 3.41 reaches 0.219 with 5115 non-zeros and 0.141 with 7728."""
    results = [quiet(digits(), preset=("rect", k, s), n_factors=4) for k, s in ((8, 4), (16, 8))]
    for result, faust, bound in zip(results, (0.219, 0.141), (5115, 7800), strict=True):
        assert result.relative_error <= faust + 0.02
        assert result.operator.nnz <= bound
    assert results[1].relative_error < results[0].relative_error


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (3, 7), (5, 2)])
def test_small_matrices_need_no_preset(shape):
    A = np.random.default_rng(0).normal(size=shape)
    result = quiet(A)
    assert [result.operator.shape, result.operator.n_factors] == [shape, 2]
    assert result.relative_error < 1


def test_a_tall_matrix_is_the_mirror_image():
    D = digits()
    wide, tall = quiet(D), quiet(np.ascontiguousarray(D.T))
    assert [S.shape for S in wide.operator.factors] == [(64, 64)] * 3 + [(64, 256)]
    assert [S.shape for S in tall.operator.factors] == [(256, 64)] + [(64, 64)] * 3
    assert abs(tall.relative_error - wide.relative_error) < 0.1


def test_a_fixed_right_factor():
    """A = λ S_1 … S_J Γ with planted factors of the dyadic supports: found to rounding, Γ untouched."""
    rng = np.random.default_rng(0)
    n = 8
    H = hadamard(n) / np.sqrt(n)
    gamma = rng.standard_normal((n, 40)) * (rng.random((n, 40)) < 0.4)
    sets = [proj.splincol(2), proj.splincol(2)]
    result = quiet(H @ gamma, sets, [proj.splincol(4), proj.splincol(2)], fixed_right=gamma)
    assert result.operator.shape == (n, n) and result.relative_error <= 1e-10
    np.testing.assert_allclose(result.operator.toarray(), H, atol=1e-9)


def test_history_and_callback():
    H = hadamard(8) / np.sqrt(8)
    result = hierarchical_factorization(H, return_history=True)
    assert [(h["level"], h["stage"]) for h in result.history] == [
        (1, "local"), (1, "global"), (2, "local"), (2, "global"),
    ]  # fmt: skip
    assert sum(len(h["objective"]) for h in result.history) == result.n_iter
    calls = []
    stopped = hierarchical_factorization(H, callback=lambda state: calls.append(1) or True)
    assert stopped.operator.shape == (8, 8) and len(calls) == 1


@pytest.mark.parametrize(
    ("A", "options", "error", "words"),
    [
        (np.zeros((4, 4)), {}, ValueError, "must not be zero"),
        (np.ones((4, 4)), {"preset": "spline"}, ValueError, "preset must be one of"),
        (np.ones((6, 6)), {"preset": "hadamard"}, ValueError, "power of two"),
        (np.ones((8, 8)), {"preset": "hadamard", "n_factors": 2}, ValueError, "has 3 factors"),
        (np.ones((8, 8)), {"preset": ("rect", 9, 2)}, ValueError, "k of the preset must be between 1 and 8"),
        (np.ones((4, 4)), {"constraints": [proj.sp(4)]}, ValueError, "at least one set"),
        (np.ones((4, 4)), {"residual_constraints": [proj.sp(4)]}, ValueError, "need constraints"),
        (
            np.ones((4, 4)),
            {"constraints": [proj.sp(4)] * 2, "residual_constraints": [proj.sp(4)]},
            ValueError,
            "as many, got 2 and 1",
        ),
        (
            np.ones((4, 4)),
            {"constraints": [proj.sp(4)], "residual_constraints": [proj.sp(40)]},
            ValueError,
            "k must be at most 16",
        ),
        (
            np.ones((4, 4)),
            {"constraints": [proj.sp(4)], "residual_constraints": [proj.sp(4)], "preset": "rect"},
            ValueError,
            "not both",
        ),
        (
            np.ones((4, 4)),
            {"side": "up", "constraints": [proj.sp(4)], "residual_constraints": [proj.sp(4)]},
            ValueError,
            "side",
        ),
        (np.ones((4, 4)), {"fixed_right": np.ones((4, 3))}, ValueError, "fixed_right must have 4 columns"),
        (np.ones((4, 4)), {"max_iter_local": 0}, ValueError, "max_iter_local"),
    ],
)
def test_bad_input_is_refused(A, options, error, words):
    with pytest.raises(error, match=words):
        hierarchical_factorization(A, **options)
