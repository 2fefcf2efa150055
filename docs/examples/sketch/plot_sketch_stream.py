"""
Shards of a text, sketched apart and merged
===========================================

Three machines hold a third of Wikipedia's paragraphs each. Every one sends a sketch of its rows; their sum is the
sketch of all rows, and still knows which words are used together.
"""

# %%
# Paragraphs as TF-IDF weights of the 400 words that occur in most of them. Each shard knows its rows and their numbers,
# in an order of its own, and nothing of the others: what makes the sketches fit is the seed.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import StreamingSketch, sketch

K, SEED = 1024, 0
text = TfidfVectorizer(max_features=400, stop_words="english", token_pattern="[a-z]{3,}")
X = text.fit_transform(load_wiki_paragraphs())
n, d = X.shape

shards = np.array_split(np.random.default_rng(0).permutation(n), 3)
parts = [StreamingSketch(K, random_state=SEED).partial_fit(X[rows], row_indices=rows) for rows in shards]
merged = parts[2].merge(parts[0]).merge(parts[1])
at_once = sketch(X, K, random_state=SEED)
print(f"{merged.n_rows_seen_} rows of {d} words; kept: {K} rows")

# %%
# The merged sketch is the one made in one go, up to the rounding of sums in another order. And products of its columns
# are products of the words' columns, on average over seeds: the cosine of two words, high where they share paragraphs,
# comes out with an error of about 1/√k. Below the diagonal it is exact, above it is read from the sketch.

cosines = []
for A in (X.toarray(), merged.sketch_):
    A = A / np.linalg.norm(A, axis=0)
    cosines.append(A.T @ A)
exact, sketched = cosines

pairs = np.triu_indices(d, 1)
together = np.argsort(exact[pairs])[::-1]
chosen = list(dict.fromkeys(w for pair in together[:9] for w in (pairs[0][pair], pairs[1][pair])))
words = text.get_feature_names_out()[chosen]
both = np.tril(exact[np.ix_(chosen, chosen)]) + np.triu(sketched[np.ix_(chosen, chosen)], 1)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
difference = np.abs(merged.sketch_ - at_once)
image = left.imshow(difference, aspect="auto", vmin=0, vmax=1e-15, cmap="magma_r", interpolation="nearest")
figure.colorbar(image, ax=left)
left.set(xlabel="word", ylabel="row of the sketch", title=f"Merged less one shot: at most {difference.max():.0e}")
image = middle.imshow(both, vmin=-1, vmax=1, cmap="RdBu_r")
middle.set_xticks(range(len(words)), words, rotation=90, fontsize=8)
middle.set_yticks(range(len(words)), words, fontsize=8)
middle.set_title("Cosines: exact below, from the sketch above")
figure.colorbar(image, ax=middle)
right.plot(exact[pairs], sketched[pairs], ".", markersize=2, alpha=0.3, rasterized=True)
right.plot([0, 1], [0, 1], "k", linewidth=0.8)
two = 2 / K**0.5
right.fill_between([0, 1], [-two, 1 - two], [two, 1 + two], color="0.85", zorder=0, label="± 2/√k")
right.legend()
off = np.sqrt(np.mean((sketched[pairs] - exact[pairs]) ** 2))
right.set(
    xlabel="exact cosine",
    ylabel="cosine from the sketch",
    title=f"All pairs of words: rms error {off:.3f}",
)

# %%
# Rows may change after they were seen: what is added to a row is added to its sketch, here a paragraph is taken back.

row = X[[17]].toarray()[0]
without = sketch(X[np.delete(np.arange(n), 17)], K, random_state=SEED, row_indices=np.delete(np.arange(n), 17))
print("taken back, as if never seen, to", np.abs(merged.update(17, -row).sketch_ - without).max())

# %%
# **When not to use it.** The products of 400 words are a matrix of 400 × 400, smaller than the sketch: if they are all
# that is wanted, sum them exactly, shard by shard. A sketch pays when there are more columns than rows of it, or when
# what will be asked is not known yet. And most pairs of words have a cosine below the error: a sketch finds the strong
# ones, it does not rank the weak.
