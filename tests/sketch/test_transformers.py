import tracemalloc
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import (
    SRHT,
    CountSketch,
    FastJL,
    GaussianSketch,
    SketchOperator,
    SparseEmbedding,
    SparseSignSketch,
    StreamingSketch,
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
        np.testing.assert_allclose(est.inverse_transform(sp.csr_array(est.transform(X))), back, atol=1e-12)
        with pytest.raises(ValueError, match="X must have 32 columns, as a sketch has, got 400"):
            est.inverse_transform(X)
        with pytest.raises(ValueError, match="contains NaN"):
            est.inverse_transform(np.full((2, 32), np.nan))


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
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_nan_is_refused_wherever_it_is_and_nothing_changes(cls, value, word):
    kind, est = KINDS[cls], cls(32, random_state=3).fit(X)
    given = {"n_points": 50} if kind == "fast_jl" else {}
    S, rows = (SketchOperator(kind, 32, n, random_state=3, **given) for n in (400, 50))
    for place in ((0, 0), (49, 399), (17, 200)):
        bad = X.copy()
        bad[place] = value
        kept, sparse = bad.copy(), sp.csr_array(bad)
        for data in (bad, bad.astype(np.float32), np.asfortranarray(bad), sparse, sparse.tocsc()):
            for call in (
                est.transform,
                cls(32, random_state=3).fit,
                partial(sketch, n_components=16, kind=kind, axis=1),
            ):
                with pytest.raises(ValueError, match=f"contains {word}"):
                    call(data)
            with pytest.raises(ValueError, match=f"contains {word}"):
                sketch(data, 16, kind=kind, axis=0)
            with pytest.raises(ValueError, match=f"contains {word}"):
                S.apply(data)
            for operator, axis, shape in ((S, -1, (50, 32)), (rows, 0, (32, 400))):
                out = np.full(shape, 7, data.dtype)
                for accumulate in (False, True):
                    with pytest.raises(ValueError, match=f"contains {word}"):
                        operator.apply(data, axis, out=out, accumulate=accumulate)
                assert (out == 7).all()
        np.testing.assert_array_equal(bad, kept)
        if kind not in ("srht", "fast_jl"):
            stream = StreamingSketch(16, kind=kind, density=0.1 if kind == "sparse_sign" else None, random_state=0)
            stream.partial_fit(X)
            before = stream.sketch_.copy()
            for data in (bad, sparse):
                with pytest.raises(ValueError, match=f"contains {word}"):
                    stream.partial_fit(data)
            with pytest.raises(ValueError, match=f"contains {word}"):
                stream.update(3, bad[place[0]])
            np.testing.assert_array_equal(stream.sketch_, before)
            assert stream.n_rows_seen_ == 50


def test_assume_finite_and_sums_that_overflow():
    with config_context(assume_finite=True):
        assert np.isnan(CountSketch(32, random_state=3).fit(X).transform(X * np.nan)).any()
    huge = np.full((3, 400), 1e308)
    for cls in KINDS:
        est = cls(32, random_state=3).fit(X)
        with np.errstate(all="ignore"):
            est.transform(huge)  # finite data whose sums overflow are not refused


@pytest.mark.slow
def test_text_of_400_000_columns_takes_its_sketch_and_two_megabytes():
    pytest.importorskip("gensim")
    text = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(load_wiki_paragraphs())
    assert text.shape[1] > 200_000
    CountSketch(512, random_state=1).fit_transform(text[:2])
    tracemalloc.start()
    Y = CountSketch(512, random_state=0).fit_transform(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert Y.shape == (text.shape[0], 512)
    assert peak < Y.nbytes + 2**21


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
