"""
Word vectors that follow a growing corpus
=========================================

Paragraphs of Wikipedia come a few at a time, and new words with them. The vectors of all words are up to date after
each batch, at a small fraction of what a refit costs; the neighbours of a word change as the text grows.
"""

# %%
# Counts of words, damped by a logarithm, in the order in which the pages stand in the dump; a word is a column from the
# paragraph on in which it first occurs.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from threadpoolctl import threadpool_limits

from sparsela.datasets import load_wiki_paragraphs
from sparsela.lowrank import UpdatableTruncatedSVD, randomized_svd

vectorizer = CountVectorizer(min_df=3, stop_words="english", token_pattern=r"[a-z]{3,}")
X = vectorizer.fit_transform(load_wiki_paragraphs()).astype(float).tocsr()
X.data = np.log1p(X.data)
words = vectorizer.get_feature_names_out()
first_seen = np.full(X.shape[1], X.shape[0])
rows, columns = X.nonzero()
np.minimum.at(first_seen, columns, rows)
order = np.argsort(first_seen, kind="stable")
X, words, known = X[:, order].tocsr(), words[order], np.sort(first_seen)
print(f"{X.shape[0]} paragraphs, {X.shape[1]} words")

# %%
# A quarter of the text by ``fit``, then 40 paragraphs at a time; ``new_features=True`` lets the words grow.

k, batch = 50, 40
start = X.shape[0] // 4
word = "energy"
updates, refits, share, ends, neighbours = [], [], [], [], []


def nearest(vectors, count=4):
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=0), 1e-12)
    similar = unit.T @ unit[:, np.flatnonzero(words == word)[0]]
    return [words[j] for j in np.argsort(-similar)[1 : count + 1]]


with threadpool_limits(1):
    model = UpdatableTruncatedSVD(k, random_state=0).fit(X[:start, : np.searchsorted(known, start)])
    for end in range(start + batch, X.shape[0] + 1, batch):
        n = np.searchsorted(known, end)
        E = X[end - batch : end, :n]
        begin = time.process_time()
        model.add_rows(E, new_features=True)
        updates.append(time.process_time() - begin)
        ends.append(end)
        if len(ends) % 13 == 1:
            seen = X[:end, :n]
            begin = time.process_time()
            refit = randomized_svd(seen, k, tol=1e-3, random_state=0)
            refits.append((end, time.process_time() - begin))
            share.append((end, np.linalg.norm(model.transform(seen)) / np.linalg.norm(refit.s)))
            neighbours.append((end, nearest(model.singular_values_[:, None] * model.components_)))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
left.semilogy(ends, 1e3 * np.array(updates), ".", color="C0", markersize=4, label=f"update by {batch} paragraphs")
left.semilogy(*np.array([(end, 1e3 * t) for end, t in refits]).T, "s-", color="C3", label="refit of all")
ratio = np.median([t for _, t in refits]) / np.median(updates)
left.set(xlabel="paragraphs seen", ylabel="milliseconds (one thread)")
left.set_title(f"Up to date at 1/{ratio:.0f} of the cost of a refit")
left.legend()
right.plot(*np.array(share).T, "o-", color="C0")
right.set(xlabel="paragraphs seen", ylabel="captured, of what the refit does", ylim=(0.9, 1.005), xlim=(800, 4000))
right.set_title(f"Nearest words to “{word}”, and what is captured")
for (end, value), (_, near) in zip(share[::2], neighbours[::2], strict=True):
    right.annotate(
        "\n".join(near), (end, value), (0, -14), textcoords="offset points", va="top", ha="center", fontsize=8
    )

# %%
# **When not to use it.** If the vectors are wanted once, at the end, one refit is cheaper than all updates together.
# And an update keeps the scaling of the batch as it comes: weights that depend on the whole corpus, such as tf-idf,
# change the old rows too, and ask for a refit.
