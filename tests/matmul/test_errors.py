"""Rounding: the bound holds on every trial and is not absurd; measured errors are those of the literature."""

from fractions import Fraction

import numpy as np
import pytest

from sparsela.matmul import error_bound, get_scheme, measure_error
from sparsela.matmul._errors import longest_chain, reference_product


def test_the_bound_by_hand():
    unit = 2.0**-53
    assert error_bound("winograd", 0, (7, 100, 9)).bound == 100**2 * unit
    assert error_bound("winograd", 0, (7, 100, 9)).ratio == 1
    # two levels of growth 18, leaves of inner dimension 25, seven additions in the longest chain of a level
    got = error_bound("winograd", 2, (100, 100, 100))
    assert got.bound == (25 + 14) * 25 * 18**2 * unit
    assert got.ratio == (25 + 14) * 25 * 18**2 / 100**2
    assert error_bound("strassen", 1, (64, 64, 64), "float32").bound == (32 + 5) * 32 * 12 * 2.0**-24
    mixed = error_bound(["winograd", "laderman"], 2, (600, 600, 600))
    growth = get_scheme("laderman").growth_factor * 18
    assert mixed.bound == pytest.approx((100 + 7 + longest_chain(get_scheme("laderman"))) * 100 * growth * unit)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "graded"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_bound_holds_on_every_trial(distribution, dtype):
    for scheme, shape in (("winograd", (96, 64, 80)), ("strassen", (65, 70, 33)), ("laderman", (81, 54, 60))):
        n_trials = 2 if dtype.startswith("complex") else 10
        report = measure_error(scheme, 2, shape, dtype, n_trials=n_trials, distribution=distribution, random_state=0)
        assert report.bound_fraction.max() < 1
        assert (report.max_error > 0).all()


def test_two_hundred_trials_of_the_bound():
    for distribution in ("normal", "uniform", "graded"):
        report = measure_error("winograd", 3, (64, 64, 64), n_trials=67, distribution=distribution, random_state=1)
        assert report.bound_fraction.max() < 1


@pytest.mark.parametrize("scheme", ["winograd", "strassen"])
def test_errors_grow_by_less_than_the_growth_factor(scheme):
    report = measure_error(scheme, 3, (512, 512, 512), n_trials=3, random_state=0)
    assert 1.5 < report.growth < get_scheme(scheme).growth_factor
    assert (np.diff(np.median(report.max_error, axis=1)) > 0).all()


def test_strassen_errs_less_than_winograd():
    wins = 0
    for seed in range(10):
        errors = [
            measure_error(name, 2, (256, 256, 256), n_trials=1, random_state=seed).frobenius_error[2, 0]
            for name in ("strassen", "winograd")
        ]
        wins += errors[0] <= errors[1]
    assert wins >= 8


@pytest.mark.slow
def test_errors_at_2048_are_the_published_ones():
    report = measure_error("winograd", 3, (2048, 2048, 2048), n_trials=1, random_state=0)
    for got, want in zip(report.max_error[1:, 0], (3e-15, 7e-15, 2e-14), strict=True):
        assert want / 3 <= got <= want * 3


@pytest.mark.slow
def test_single_precision_errors_at_4096_are_the_published_ones():
    report = measure_error("winograd", 3, (4096, 4096, 4096), "float32", n_trials=1, random_state=0)
    for got, want in zip(report.max_error[1:, 0], (2e-6, 5e-6, 1e-5), strict=True):
        assert want / 3 <= got <= want * 3


def test_the_reference_is_exact_to_far_below_double_precision():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((5, 40)), rng.standard_normal((40, 6))
    high, low = reference_product(A, B)
    exact = [
        [sum(Fraction(x) * Fraction(y) for x, y in zip(row, col, strict=True)) for col in B.T.tolist()]
        for row in A.tolist()
    ]
    gap = max(
        abs(Fraction(float(high[i, j])) + Fraction(float(low[i, j])) - exact[i][j]) for i in range(5) for j in range(6)
    )
    assert gap < Fraction(1, 10**18)
    C = A + 1j * rng.standard_normal(A.shape)
    high, low = reference_product(C, B.astype(complex))
    np.testing.assert_allclose(high + low, C @ B, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: error_bound("winograd", -1, (2, 2, 2)), ValueError, "levels"),
        (lambda: error_bound("winograd", 1.0, (2, 2, 2)), TypeError, "levels"),
        (lambda: error_bound("winograd", 1, (2, 2)), ValueError, "shape"),
        (lambda: error_bound("winograd", 1, 5), TypeError, "shape"),
        (lambda: error_bound("winograd", 1, (2, -2, 2)), ValueError, "shape"),
        (lambda: error_bound(["winograd"], 2, (2, 2, 2)), ValueError, "one a level"),
        (lambda: error_bound("winograd", 1, (2, 2, 2), "U3"), TypeError, "numbers"),
        (lambda: error_bound(3, 1, (2, 2, 2)), TypeError, "scheme"),
        (lambda: measure_error("winograd", 1, (0, 2, 2)), ValueError, "shape"),
        (lambda: measure_error("winograd", 1, (2, 200_000, 2)), ValueError, "100000"),
        (lambda: measure_error("winograd", 1, (2, 2, 2), n_trials=0), ValueError, "n_trials"),
        (lambda: measure_error("winograd", 1, (2, 2, 2), distribution="cauchy"), ValueError, "distribution"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_report_prints_a_table():
    text = repr(measure_error("winograd", 1, (64, 64, 64), n_trials=2, random_state=0))
    assert text.startswith("levels")
    assert len(text.splitlines()) == 3
