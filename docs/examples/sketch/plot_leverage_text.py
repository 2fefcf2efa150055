"""
No paragraph of Wikipedia is irreplaceable, until some are written in another language
======================================================================================

Which rows must a sample contain, if it is to span what all of them span? Those with leverage. In text as it comes no
row has much of it; four rows with a direction of their own change that.
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
# Among paragraphs leverage follows length, and a uniform sample does nearly as well. Now let four be written in
# a language of their own: one more component that all the others lack.

rows = np.random.default_rng(0).choice(len(X), 4, replace=False)
foreign = np.zeros((len(X), 1))
foreign[rows] = 0.05
Y = np.hstack([X, foreign])

scores = leverage_scores(Y)

# %%
# A sample by leverage keeps the new direction, and scores from a sketch do as well as exact ones. Half of the
# uniform samples have none of the four.

Q = np.linalg.qr(Y)[0]
sketched = leverage_scores(Y, method="sketched", random_state=0)
shortest = {}
for name, p in (("leverage", scores), ("sketched leverage", sketched), ("uniform", np.ones(len(Y)))):
    shortest[name] = []
    for seed in range(60):
        indices, weights = leverage_sample(Y, 800, scores=p, random_state=seed)
        shortest[name].append(np.linalg.svd(weights[:, None] * Q[indices], compute_uv=False)[-1])

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
others = np.setdiff1d(np.arange(len(X)), rows)
left.loglog(scores[others], (Y[others] ** 2).sum(axis=1), ".", color="0.75", markersize=3, label="paragraphs")
left.loglog(scores[rows], (Y[rows] ** 2).sum(axis=1), ".", color="C3", label="four in a language of their own")
left.set(xlabel="leverage", ylabel="squared norm of the row", title="Leverage sees what length does not")
left.legend()
for (name, lengths), style in zip(shortest.items(), ("-", "--", "-"), strict=True):
    right.plot(np.sort(lengths), np.linspace(0, 1, len(lengths)), style, label=name)
right.set(xlabel="length of the shortest direction in the sample (1: as in the whole)", ylabel="share of samples")
right.set_xlim(left=0)
right.set_title("A sample by leverage keeps every direction")
right.legend()

# %%
# **When not to use it.** Where all rows matter alike, scores are all near d / n, and a uniform sample does as well for
# nothing. For least squares itself :func:`~sparsela.sketch.lstsq` is exact, and costs no more than exact scores do.
