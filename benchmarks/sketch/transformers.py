"""Sketches of features and of rows.

Dense data of normal numbers, one thread; the floor is one read of the data, ``X.sum()``, so that its share is one over
the number of reads that a sketch costs (the looks for NaN included). The peer of the transformers is scikit-learn's
projection of the same size, of row sketches SciPy's ``clarkson_woodruff_transform``, of sparse data
``SparseRandomProjection``. Sketches are random: both sides must keep the squared norms of the samples (of the columns),
on average within a fifth, as the numbers of one S allow. Sparse data are the TF-IDF of Wikipedia's paragraphs. The peer
of TensorSketch is scikit-learn's PolynomialCountSketch, which goes feature by feature.
"""

from functools import partial

import numpy as np
import scipy.linalg
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from benchmarks._pairs import Case, versioned
from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import SRHT, CountSketch, FastJL, SparseEmbedding, TensorSketch, sketch
from sparsela.transforms import fwht


def cases(quick: bool):
    yield from dense(quick)
    yield from rows(quick)
    yield from text(quick)
    yield tensor(quick)
    yield tensor_of_text(quick)


def dense(quick):
    for shape, k, dtype in (
        ((4000, 4096), 256, np.float64),
        ((4000, 4096), 256, np.float32),
        ((1000, 16384), 1024, np.float64),
    ):
        shape = (shape[0] // 10, shape[1]) if quick else shape
        X = np.random.default_rng(0).standard_normal(shape, dtype=dtype)
        peer = GaussianRandomProjection(k, random_state=0).fit(X)
        bars = {CountSketch: 12.0, SRHT: 9.0, FastJL: 7.0, SparseEmbedding: None}
        for cls, bar in bars.items():
            ours = cls(k, random_state=0).fit(X)
            name = f"{cls.__name__}, {shape[0]} × {shape[1]} {np.dtype(dtype)}, k = {k}"
            check = partial(keeps_norms, X, 1, k)
            yield Case(name, partial(ours.transform, X), partial(peer.transform, X), check, sklearn(), X.sum, READ, bar)
        if dtype == np.float64 and k == 256:
            ours, Y = SRHT(k, random_state=0).fit(X), np.zeros_like(X)
            bare = partial(fwht, Y, out=Y)
            name = f"SRHT against its transform alone, in place, {shape[0]} × {shape[1]}"
            mine = partial(ours.transform, X)
            yield Case(name, mine, bare, lambda a, b: "another task", "fwht", X.sum, READ, 1 / 1.3, note=BARE)


def rows(quick):
    for dtype, bar in ((np.float32, 5.0), (np.float64, 1.0)):
        X = np.random.default_rng(0).standard_normal((1000 if quick else 4000, 4096), dtype=dtype)
        ours = partial(sketch, X, 256, kind="countsketch", random_state=0)
        peer = partial(scipy.linalg.clarkson_woodruff_transform, X, 256, rng=0)
        check = partial(keeps_norms, X, 0, 256)
        name = f"CountSketch of rows, {len(X)} × 4096 {np.dtype(dtype)}, k = 256"
        yield Case(name, ours, peer, check, versioned("scipy"), X.sum, READ, bar)


def text(quick):
    paragraphs = load_wiki_paragraphs()[:: 10 if quick else 1]
    X = TfidfVectorizer(min_df=2).fit_transform(paragraphs)
    peer = SparseRandomProjection(512, dense_output=True, random_state=0).fit(X)
    for ours, bar in ((CountSketch(512, random_state=0), 4.0), (SparseEmbedding(512, n_nonzeros=4), 1.5)):
        ours.set_params(random_state=0).fit(X)
        name = f"{type(ours).__name__}, TF-IDF {X.shape[0]} × {X.shape[1]}, {X.nnz} non-zeros, k = 512"
        check = partial(keeps_norms, X, 1, 512)
        mine, theirs = partial(ours.transform, X), partial(peer.transform, X)
        yield Case(name, mine, theirs, check, sklearn(), X.data.sum, READ, bar)
    X = TfidfVectorizer(ngram_range=(1, 2)).fit_transform(paragraphs)
    name = f"fit and transform, CountSketch, 1–2-grams {X.shape[0]} × {X.shape[1]}, k = 512"
    ours = lambda: CountSketch(512, random_state=0).fit_transform(X)  # noqa: E731
    peer = lambda: SparseRandomProjection(512, dense_output=True, random_state=0).fit_transform(X)  # noqa: E731
    yield Case(name, ours, peer, partial(keeps_norms, X, 1, 512), sklearn(), X.data.sum, READ)


def tensor(quick):
    X = np.random.default_rng(0).normal(size=(100 if quick else 1000, 3000)) / 3000**0.5
    ours = TensorSketch(512, degree=3, random_state=0).fit(X)
    peer = PolynomialCountSketch(n_components=512, degree=3, random_state=0).fit(X)
    name = f"TensorSketch, {len(X)} × 3000, k = 512, degree 3"
    return Case(name, partial(ours.transform, X), partial(peer.transform, X), kernels, sklearn(), X.sum, READ, 8.0)


def tensor_of_text(quick):
    X = TfidfVectorizer(min_df=2).fit_transform(load_wiki_paragraphs()[:: 10 if quick else 1])[:1000]
    ours = TensorSketch(512, degree=2, random_state=0).fit(X)
    peer = PolynomialCountSketch(n_components=512, degree=2, random_state=0).fit(X)
    name = f"TensorSketch, TF-IDF {X.shape[0]} × {X.shape[1]}, k = 512, degree 2"
    mine, theirs = partial(ours.transform, X), partial(peer.transform, X)
    return Case(name, mine, theirs, kernels, sklearn(), X.data.sum, READ, 200.0)


READ = "one read"
BARE = "A limit: the transform in place, without signs, choice of rows, checks or a new array."


def sklearn():
    return versioned("scikit-learn")


def keeps_norms(X, axis, k, ours, peer) -> str:
    squares = np.asarray(X.multiply(X).sum(axis=1)).ravel() if hasattr(X, "multiply") else (X * X).sum(axis=axis)
    said = []
    for Y in (ours, peer):
        assert Y.shape == ((X.shape[0], k) if axis else (k, X.shape[1])), Y.shape
        ratio = (np.asarray(Y) ** 2).sum(axis=axis) / squares
        assert abs(ratio.mean() - 1) < 0.2, f"squared norms on average {ratio.mean():.3f}"
        said.append(f"{ratio.std():.3f}")
    return "norms² ± " + ", ".join(said)


def kernels(ours, peer) -> str:
    a, b = ((Y @ Y.T).diagonal().mean() for Y in (ours, peer))
    assert abs(a / b - 1) < 0.2, f"mean diagonal {a:.3f} and {b:.3f}"
    return f"mean diagonal {a:.3f}, {b:.3f}"
