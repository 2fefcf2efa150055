"""
A dictionary inside a dictionary
================================

A sparse autoencoder of 512 units that is asked for nothing else spreads what it knows over all of them: its first 32
units alone are worth little. A Matryoshka autoencoder is judged by its first 32, 64, 128, 256 and 512 units at once, so
that broad features settle in front and finer ones behind. A hierarchical one is judged at every number of active units
instead.
"""

# %%
# Five thousand handwritten digits. The first units of the plain dictionary are like any of its units; the nested one
# begins with broad strokes, and keeps details and what is rare for units that lie further in.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import HierarchicalTopKAutoencoder, KSparseAutoencoder, MatryoshkaAutoencoder

X, y = load_mnist_5000()
train, test = train_test_split((X / 255).astype(np.float32), test_size=1000, random_state=0, stratify=y)
common = {"n_nonzero_coefs": 32, "batch_size": 100, "max_iter": 6, "random_state": 0}
whole = KSparseAutoencoder(512, tied=False, nonneg=True, k_schedule="constant", **common).fit(train)
nested = MatryoshkaAutoencoder(512, prefixes=[32, 64, 128, 256, 512], **common).fit(train)
budgets = HierarchicalTopKAutoencoder(512, **common).fit(train)


def mosaic(units, rows):
    """Units as pictures, row by row."""
    tiles = units.reshape(rows, -1, 28, 28) / np.abs(units).max(axis=1).reshape(rows, -1, 1, 1)
    padded = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    return padded.transpose(0, 2, 1, 3).reshape(rows * 30, -1)


fig, axes = plt.subplots(1, 3, figsize=(12, 2.6), layout="constrained", sharey=True)
parts = [
    ("top-32: units 1–32", whole, 0),
    ("Matryoshka: units 1–32", nested, 0),
    ("Matryoshka: units 257–288", nested, 256),
]
for ax, (title, model, first) in zip(axes, parts, strict=True):
    ax.imshow(mosaic(model.components_[first : first + 32], 4), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_title(title)
    ax.axis("off")

# %%
# What is explained of test digits by the first units alone, and by the largest entries of a code alone.
there = np.square(test - test.mean(axis=0)).sum()


def explained(rebuilt):
    return 1 - np.square(test - rebuilt).sum() / there


sizes, counts = [32, 64, 128, 256, 512], [1, 2, 4, 8, 16, 32]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for label, model in (("top-32", whole), ("Matryoshka", nested), ("hierarchical", budgets)):
    left.plot(sizes, [explained(model.reconstruct(test, prefix=m)) for m in sizes], "o-", label=label)
    right.plot(counts, [explained(model.reconstruct(test, k)) for k in counts], "o-", label=label)
principal = PCA(32).fit(train)
scores = principal.transform(test)
by_count = [explained(principal.mean_ + scores[:, :k] @ principal.components_[:k]) for k in counts]
right.plot(counts, by_count, "k:", label="PCA, first components")
left.set(xscale="log", xlabel="first units of 512", ylabel="R² on test digits", xticks=sizes, xticklabels=sizes)
right.set(xscale="log", xlabel="active units of a digit", xticks=counts, xticklabels=counts)
left.minorticks_off()
right.minorticks_off()
right.legend()
plt.show()

# %%
# **When not to use it.** If the number of units is fixed and so is k, plain :class:`sparsela.nn.KSparseAutoencoder`
# explains as much for less time. And where codes matter more than speed, a dictionary with codes by optimisation
# (:class:`sparsela.dictionary.OnlineDictionaryLearning`) is the better model: an encoder of one product is a guess.
