import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.exceptions import DataDimensionalityWarning

from sparsela.sketch import (
    SRHT,
    CountSketch,
    FastJL,
    GaussianSketch,
    SparseEmbedding,
    SparseSignSketch,
    johnson_lindenstrauss_min_dim,
    sketch,
)

KINDS = {
    CountSketch: "countsketch",
    SparseEmbedding: "sparse_embedding",
    SRHT: "srht",
    FastJL: "fast_jl",
    GaussianSketch: "gaussian",
    SparseSignSketch: "sparse_sign",
}
every = pytest.mark.parametrize("cls", KINDS)
X = np.random.default_rng(0).normal(size=(50, 400))


@every
def test_transform_is_the_sketch_of_features(cls):
    est = cls(32, random_state=3).fit(X)
    np.testing.assert_array_equal(est.transform(X), sketch(X, 32, kind=KINDS[cls], axis=1, random_state=3))
    assert est.seed_ == 3 and est.n_components_ == 32
    S = est.components_
    assert sp.issparse(S) == (cls in (CountSketch, SparseEmbedding, SparseSignSketch)) and S.shape == (32, 400)
    np.testing.assert_allclose(est.transform(X), X @ S.T, atol=1e-12)
    np.testing.assert_allclose(est.adjoint_transform(X[:, :32]), X[:, :32] @ S, atol=1e-11)
    name = cls.__name__.lower()
    assert est.get_feature_names_out()[:2].tolist() == [f"{name}0", f"{name}1"]
    assert hasattr(est, "inverse_transform") == (cls in (GaussianSketch, SparseSignSketch))
    if hasattr(est, "inverse_transform"):
        back = est.inverse_transform(est.transform(X))
        np.testing.assert_allclose(est.transform(back), est.transform(X), atol=1e-10)


@every
def test_length_from_the_number_of_samples(cls):
    wide = np.ones((4, 2000))
    est = cls(eps=0.5, random_state=0).fit(wide)
    assert est.n_components_ == johnson_lindenstrauss_min_dim(4, eps=0.5)
    with pytest.warns(DataDimensionalityWarning, match="more than the 400 features: 400 are taken"):
        assert cls(random_state=0).fit(X).n_components_ == 400
    with pytest.warns(DataDimensionalityWarning, match="n_components=450 is above the 400 features"):
        assert cls(450, random_state=0).fit(X).transform(X).shape == (50, 450)


@every
def test_nan_is_found_wherever_one_looks_for_it(cls):
    est = cls(32, random_state=3).fit(X)
    for value, word in ((np.nan, "NaN"), (np.inf, "infinity")):
        for place in ((0, 0), (49, 399), (17, 200)):
            bad = X.copy()
            bad[place] = value
            for data in (bad, sp.csr_array(bad)):
                with pytest.raises(ValueError, match=f"contains {word}"):
                    est.transform(data)
            for axis in (0, 1):
                with pytest.raises(ValueError, match=f"contains {word}"):
                    sketch(bad, 16, kind=KINDS[cls], axis=axis, random_state=0)
    with config_context(assume_finite=True):
        assert np.isnan(CountSketch(32, random_state=3).fit(X).transform(X * np.nan)).any()
    huge = np.full((3, 400), 1e308)
    with np.errstate(all="ignore"):
        est.transform(huge)  # finite data whose sums overflow are not refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CountSketch(0), "The 'n_components' parameter"),
        (lambda: CountSketch(True), "n_components must be an int, got bool"),
        (lambda: CountSketch(4.0), "The 'n_components' parameter"),
        (lambda: CountSketch(eps=1.0), "The 'eps' parameter"),
        (lambda: SparseEmbedding(4), "n_nonzeros must be at most n_components, 4, got 8"),
        (lambda: SparseEmbedding(4, n_nonzeros=0), "The 'n_nonzeros' parameter"),
        (lambda: SparseSignSketch(4, density=1.1), "The 'density' parameter"),
        (lambda: SRHT(513), "n_components must be at most 512, 400 padded to a power of two, got 513"),
        (lambda: FastJL(4, n_points=1), "The 'n_points' parameter"),
        (lambda: FastJL(4, variant="new"), "The 'variant' parameter"),
        (lambda: FastJL(4, constant=0.0), "The 'constant' parameter"),
        (lambda: FastJL(4, entries="one"), "The 'entries' parameter"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_bad_parameters(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make().fit(X)
