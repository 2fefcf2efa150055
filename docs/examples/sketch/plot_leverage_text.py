"""
Paragraphs that nothing else can replace
========================================

Which paragraphs must a sample contain, if it is to span what all of them span? Not the long ones: those with leverage.
"""

# %%
# Word weights of Wikipedia's paragraphs in a hundred components.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import leverage_sample, leverage_scores

words = TfidfVectorizer(min_df=2).fit_transform(load_wiki_paragraphs())
X = TruncatedSVD(100, random_state=0).fit_transform(words)

# %%
# Scores from a sketch are near the exact ones. A sample by leverage takes the paragraphs at the right.

exact = leverage_scores(X)
sketched = leverage_scores(X, method="sketched", random_state=0)
indices, weights = leverage_sample(X, 800, scores=exact, random_state=0)

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
left.loglog(exact, (X**2).sum(axis=1), ".", color="0.75", markersize=3, label="paragraphs")
left.loglog(exact[indices], (X[indices] ** 2).sum(axis=1), ".", markersize=4, label=f"{len(indices)} sampled")
left.set(xlabel="leverage", ylabel="squared norm of the row", title="Long rows are not the ones that matter")
left.legend()

Q = np.linalg.qr(X)[0]
for name, scores in (("leverage", exact), ("sketched leverage", sketched), ("uniform", np.ones(len(X)))):
    i, w = leverage_sample(X, 800, scores=scores, random_state=0)
    right.plot(np.linalg.svd(w[:, None] * Q[i], compute_uv=False), label=name)
right.axhline(1, color="0.8")
right.set(xlabel="direction", ylabel="length in the sample (1: as in the whole)", ylim=(0, None))
right.set_title("A sample by leverage keeps every direction")
right.legend()

# %%
# **When not to use it.** Where all rows matter alike, scores are all near d / n, and a uniform sample does as well for
# nothing. For least squares itself :func:`~sparsela.sketch.lstsq` is exact, and costs no more than exact scores do.
