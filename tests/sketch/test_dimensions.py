import math

import numpy as np
import pytest
import sklearn.random_projection
from scipy.stats import chi2

from sparsela.sketch import fast_jl_density, johnson_lindenstrauss_min_dim, sketch_size


def test_least_dimension_is_scikit_learns():
    n, eps = np.array([1, 2, 10, 1000, 10**6]), np.array([0.05, 0.1, 0.5, 0.99])
    theirs = sklearn.random_projection.johnson_lindenstrauss_min_dim
    for e in eps:
        np.testing.assert_array_equal(johnson_lindenstrauss_min_dim(n, eps=e), theirs(n, eps=e))
        assert johnson_lindenstrauss_min_dim(1000, eps=e) == theirs(1000, eps=e)
    np.testing.assert_array_equal(johnson_lindenstrauss_min_dim(1000, eps=eps), theirs(1000, eps=eps))
    both = johnson_lindenstrauss_min_dim(n[:, None], eps=eps)
    assert both.shape == (5, 4) and both[3, 1] == theirs(1000, eps=0.1)


def test_density_of_fast_jl():
    n = 10_000
    log_n = math.log(n)
    assert fast_jl_density(1024, n) == log_n / 1024  # ln N > 0.1 ln² N / ln 10
    assert fast_jl_density(1000, n, eps=0.5) == pytest.approx(0.5 * log_n**2 / 1024, rel=1e-15)  # min(ε, 1/e): ln e = 1
    assert fast_jl_density(1024, n, eps=0.25) == pytest.approx(0.25 * log_n**2 / math.log(4) / 1024, rel=1e-15)
    assert fast_jl_density(1024, n, variant="ailon-chazelle", constant=2) == pytest.approx(2 * log_n**2 / 1024)
    assert fast_jl_density(1, n) == 1.0 and fast_jl_density(64, 2) == math.log(3) / 64


def test_sizes():
    for eps, delta in ((0.1, 0.05), (0.3, 0.01), (0.9, 0.1)):
        k = sketch_size("gaussian", goal="norm", eps=eps, delta=delta)
        fails = [chi2.cdf(j * (1 - eps), j) + chi2.sf(j * (1 + eps), j) for j in (k - 1, k)]
        assert fails[1] <= delta < fails[0]
    for kind in ("countsketch", "sparse_embedding", "srht"):
        assert sketch_size(kind, goal="norm", eps=0.1, delta=0.1) == 2000
    assert sketch_size("gaussian", goal="product", eps=0.5, delta=0.5) == 16
    assert sketch_size("sparse_sign", goal="norm", eps=0.1, delta=0.1, density=0.01) == 99_000
    assert sketch_size("sparse_sign", goal="product", eps=0.1, delta=0.1, density=1 / 3) == 2000
    assert sketch_size("fast_jl", goal="norm", eps=0.1, delta=0.1, density=9 / 1024, length=1000) > 2900
    assert sketch_size("countsketch", goal="subspace", eps=0.5, delta=0.5, rank=3) == 96
    r = math.sqrt(10) + math.sqrt(2 * math.log(40))
    assert sketch_size("gaussian", goal="subspace", eps=0.5, rank=10) == math.ceil(r**2 / (math.sqrt(1.5) - 1) ** 2)
    r = math.sqrt(10) + math.sqrt(8 * math.log(10 * 5000))
    assert sketch_size("srht", goal="subspace", rank=10, length=5000) == math.ceil(4 * r**2 * math.log(10))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: johnson_lindenstrauss_min_dim(0), "n_samples must be at least 1"),
        (lambda: johnson_lindenstrauss_min_dim(9, eps=1), "eps must be between 0 and 1"),
        (lambda: johnson_lindenstrauss_min_dim(9, eps=[0.1, 0.0]), "eps must be between 0 and 1"),
        (lambda: fast_jl_density(9, 1), "n_points must be at least 2, got 1"),
        (lambda: fast_jl_density(9, 9, variant="x"), "variant must be one of"),
        (lambda: fast_jl_density(9, 9, constant=0), "constant must be finite and positive"),
        (lambda: sketch_size("x", goal="norm", eps=0.1), "kind must be one of"),
        (lambda: sketch_size("srht", goal="x", eps=0.1), "goal must be one of"),
        (lambda: sketch_size("srht", goal="norm"), "eps must be given"),
        (lambda: sketch_size("srht", goal="norm", eps=0.1, delta=1), "delta must be between 0 and 1"),
        (lambda: sketch_size("srht", goal="norm", eps=0.1, rank=3), "rank has a meaning for goal 'subspace' alone"),
        (lambda: sketch_size("sparse_sign", goal="norm", eps=0.1), "density must be given"),
        (lambda: sketch_size("sparse_sign", goal="product", eps=0.1, density=0.1), "its variance is above 2"),
        (lambda: sketch_size("fast_jl", goal="norm", eps=0.1, density=0.1), "length must be given"),
        (lambda: sketch_size("countsketch", goal="subspace", eps=0.1), "rank must be given"),
        (lambda: sketch_size("srht", goal="subspace", eps=0.1, rank=3), "its band is fixed"),
        (lambda: sketch_size("srht", goal="subspace", rank=3), "length must be given"),
        (lambda: sketch_size("sparse_embedding", goal="subspace", eps=0.1, rank=3), "no explicit constant is proved"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
