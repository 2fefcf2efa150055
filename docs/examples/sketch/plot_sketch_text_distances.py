"""
What six sketches make of text
==============================

Paragraphs of Wikipedia as 14,912 word weights, nearly all zero, shrunk to 512 numbers each. How well are distances
kept, and what does it cost?
"""

# %%
# TF-IDF, and the squared distances of a few thousand pairs of paragraphs.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import SRHT, CountSketch, FastJL, GaussianSketch, SparseEmbedding, SparseSignSketch

K = 512
X = TfidfVectorizer(min_df=2).fit_transform(load_wiki_paragraphs())
first, second = np.random.default_rng(0).integers(0, X.shape[0], size=(2, 4000))
different = first != second
first, second = first[different], second[different]
gap = X[first] - X[second]
distance = np.asarray(gap.multiply(gap).sum(axis=1)).ravel()


def seconds(call, repeats=3):
    """The fastest of a few runs."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


# %%
# Every sketch keeps squared distances on average; their spread is what k and the kind decide. Four spread as the
# Gaussian sketch does, √(2/k). Two pay for being sparse: random signs with one entry in √d are caught out by the few
# large weights of a paragraph, and the few entries a row of FastJL leave a little noise. Cost differs by orders of
# magnitude: a CountSketch adds each non-zero once, a transform works on all the zeros too.

read = seconds(X.data.sum, 20)
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
for cls in (CountSketch, SparseEmbedding, SparseSignSketch, SRHT, FastJL, GaussianSketch):
    sketch = cls(K, random_state=0).fit(X)
    Y = sketch.transform(X)  # draws what it needs
    cost = seconds(lambda: sketch.transform(X)) / read  # noqa: B023
    ratio = ((Y[first] - Y[second]) ** 2).sum(axis=1) / distance
    left.plot(np.sort(ratio), np.linspace(0, 1, len(ratio)), label=cls.__name__)
    (point,) = right.plot(cost, np.sqrt(np.mean((ratio - 1) ** 2)), "o", markersize=9)
    right.annotate(cls.__name__, (cost, point.get_ydata()[0]), textcoords="offset points", xytext=(6, 6))
band = np.sqrt(2 / K)
left.axvspan(1 - band, 1 + band, color="0.9", label="1 ± √(2/k)")
left.set(xlabel="squared distance, sketched over true", ylabel="share of pairs")
left.set_title("Distances survive in every sketch")
left.legend()
right.set(
    xscale="log",
    xlabel="time, in reads of the non-zeros",
    ylabel="rms distortion of squared distances",
    title="On sparse data, hashing costs a hundredth of a transform",
)
right.margins(0.25)
right.set_ylim(bottom=0)

# %%
# **When not to use it.** Sketches keep distances and dot products, not meaning: a truncated SVD of the same length is a
# better space to search in, if you can pay for it. And they keep *squared distances* up to a share: between vectors
# that are nearly equal all is well, but a small dot product of two long vectors drowns.
