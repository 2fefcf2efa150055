"""Numbers whose powers leave the floats are refused in words; a flag for nothing stays a warning."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela._core.float_range import in_float_range
from sparsela.coding import batch_lasso
from sparsela.recovery import omp


@in_float_range
def energy(X, scale=1.0):
    """The sum of squares."""
    return float(scale * np.sum(X * X) if isinstance(X, np.ndarray) else scale * X.power(2).sum())


@in_float_range
def ratio(a, b):
    return np.divide(a, b)


def test_answers_pass_through():
    assert energy(np.array([3.0, 4.0])) == 25.0
    assert energy.__name__ == "energy" and energy.__doc__ == "The sum of squares."


@pytest.mark.parametrize("large", [1e200, -1e300])
def test_names_the_argument_and_its_size(large):
    with pytest.raises(ValueError, match=r"^X must be between .* got entries up to 1e\+[23]00"):
        energy(np.array([1.0, large]))
    with pytest.raises(ValueError, match="^X must be"):
        energy(sp.csr_array([[1.0, large]]))


def test_names_an_array_of_objects():
    """A function that takes them made doubles of them."""
    square = in_float_range(lambda X: np.square(np.asarray(X, np.float64)))
    with pytest.raises(ValueError, match="^X must be between"):
        square(np.array([1.0, 1e300], dtype=object))


def test_single_precision_has_its_own_range():
    assert np.isfinite(energy(np.array([1e18], np.float32)))
    with pytest.raises(ValueError, match="float32"):
        energy(np.array([1e30], np.float32))


def test_a_flag_without_a_cause_among_the_arguments_is_the_warning_it_was():
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in ratio"):
        assert np.isinf(ratio(1.0, np.zeros(1))).all()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        ratio(1.0, np.zeros(1))


def test_a_python_overflow_is_refused_too():
    @in_float_range
    def power(a):
        return float(a) ** 4

    with pytest.raises(ValueError, match="^a must be"):
        power(1e300)


def test_errors_of_the_function_stay_as_they_are():
    @in_float_range
    def refuse(a):
        raise ValueError("a must be prettier")

    with pytest.raises(ValueError, match="prettier"):
        refuse(1e300)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_doors_refuse():
    A = np.random.default_rng(0).standard_normal((6, 9))
    y = A[:, 0].copy()
    y[0] = 1e300
    with pytest.raises(ValueError, match="y must be between"):
        omp(A, y, 2)
    A[0, 0] = 1e300
    with pytest.raises(ValueError, match="dictionary must be between"):
        batch_lasso(np.ones((2, 9)), A, alpha=0.1)
