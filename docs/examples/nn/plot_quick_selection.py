"""
Fifty pixels that tell digits apart, found without labels
=========================================================

A sparse autoencoder moves its weights to the pixels from which it can restore the others.
"""

# %%
# The strength of a pixel is the sum of the magnitudes of the weights that read it. At the start it is noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import QuickSelection

X, y = load_mnist_5000()
X = (X / 255).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)

# pixels share one unit: no scaling
models = {n: QuickSelection(50, scale=False, max_iter=n, random_state=0).fit(X_train) for n in (1, 5, 20)}
figure, axes = plt.subplots(1, 4, figsize=(13, 3.5), layout="constrained")
for ax, (n, model) in zip(axes, models.items(), strict=False):
    ax.imshow(model.strength_.reshape(28, 28), cmap="viridis")
    ax.set_title(f"strength after {n} epoch{'s' * (n > 1)}")
axes[3].imshow(X_train.mean(axis=0).reshape(28, 28), cmap="gray_r")
rows, columns = np.divmod(np.flatnonzero(models[20].get_support()), 28)
axes[3].plot(columns, rows, "sC3", markersize=4)
axes[3].set_title("the fifty pixels, on the mean digit")
for ax in axes:
    ax.axis("off")

# %%
# Accuracy of a forest that sees only some pixels: those of QuickSelection, those of largest variance, any.

ranking = {
    "QuickSelection": np.argsort(models[20].ranking_),
    "largest variance": np.argsort(-X_train.var(axis=0)),
    "random": np.random.default_rng(0).permutation(784),
}
sizes = [10, 20, 50, 100, 200]
figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
scores = {}
for name, order in ranking.items():
    forests = [ExtraTreesClassifier(30, random_state=0).fit(X_train[:, order[:k]], y_train) for k in sizes]
    scores[name] = [forest.score(X_test[:, order[:k]], y_test) for forest, k in zip(forests, sizes, strict=True)]
    ax.semilogx(sizes, scores[name], "o-", label=name)
ax.set(xlabel="pixels", ylabel="accuracy on 1,000 digits", xticks=sizes, xticklabels=sizes)
ax.minorticks_off()
at = sizes.index(50)
ax.set_title(f"Fifty pixels: {scores['QuickSelection'][at]:.2f}; by variance {scores['largest variance'][at]:.2f}")
ax.legend()

# %%
# **When not to use it.** It never sees the labels: features that say much about the class and nothing about each
# other are not found. With labels at hand, a supervised ranking is the better first try.
