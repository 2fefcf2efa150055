"""
A sparse code for the price of a product
========================================

The lasso asks for an iteration a signal. Predictive sparse decomposition learns, together with the atoms, a one-layer
network that guesses the codes: ``transform`` is then one matrix product. How much is lost, and is it missed?
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsela.coding import PredictiveSparseDecomposition
from sparsela.datasets import image_patches

# %%
# Atoms and predictor of a photograph's patches. The rows of W, which read a patch, come out like the atoms, which write
# it; what tells them apart is that W must also keep similar atoms from answering together.

image = load_sample_image("china.jpg").mean(axis=2)
patches = image_patches(image, 8, n_patches=9_000, random_state=0)
patches /= patches.std()
X, held_out = patches[:7_000], patches[7_000:]
model = PredictiveSparseDecomposition(144, alpha=0.5, predictor="shrink", max_iter=10, random_state=0).fit(X)

codes, seconds = {}, {}
for method in ("predict", "exact"):
    model.set_params(transform_method=method)
    start = time.perf_counter()
    codes[method] = model.transform(held_out)
    seconds[method] = time.perf_counter() - start
explained = {m: 1 - ((held_out - C @ model.components_) ** 2).sum() / (held_out**2).sum() for m, C in codes.items()}

# %%
# On digits: logistic regression on pixels, on predicted codes and on exact ones, three folds.

digits, labels = load_digits(return_X_y=True)
digits = (digits - digits.mean(axis=0)) / digits.std()
classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
accuracy = {"pixels": cross_val_score(classifier, digits, labels, cv=3).mean()}
for method, name in (("predict", "predicted"), ("exact", "exact")):
    coder = PredictiveSparseDecomposition(128, alpha=0.3, max_iter=15, transform_method=method, random_state=0)
    accuracy[name] = cross_val_score(make_pipeline(coder, *classifier), digits, labels, cv=3).mean()


def mosaic(atoms, side=12, size=8):
    tiles = np.ones((side * (size + 1) - 1, side * (size + 1) - 1))
    for k, atom in enumerate(atoms):
        row, column = (size + 1) * (k // side), (size + 1) * (k % side)
        tiles[row : row + size, column : column + size] = 0.5 + 0.5 * atom.reshape(size, size) / np.abs(atom).max()
    return tiles


order = np.argsort(-(codes["exact"] != 0).sum(axis=0))
figure, axes = plt.subplots(1, 4, figsize=(13, 3.8), width_ratios=[1, 1, 1, 0.8], layout="constrained")
for ax, rows, title in ((axes[0], model.components_, "Atoms D"), (axes[1], model.predictor_weights_, "Filters W")):
    ax.imshow(mosaic(rows[order]), cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")
some = np.random.default_rng(0).choice(codes["exact"].size, 20_000, replace=False)
axes[2].plot(codes["exact"].flat[some], codes["predict"].flat[some], ".", ms=2, alpha=0.4)
axes[2].axline((0, 0), slope=1, color="0.6", lw=1)
axes[2].set(xlabel="exact code", ylabel="predicted code", title="New patches, coefficient by coefficient")
bars = axes[3].bar(list(accuracy), [100 * a for a in accuracy.values()], color=["0.6", "C0", "C1"])
axes[3].bar_label(bars, fmt="%.1f %%")
axes[3].set(ylim=(85, 100), ylabel="accuracy on digits, %", title="Features for a classifier")
figure.suptitle(
    f"Predicted codes explain {explained['predict']:.0%} of new patches, exact ones {explained['exact']:.0%}, and come "
    f"{seconds['exact'] / seconds['predict']:.0f} times sooner"
)
plt.show()

# %%
# **When not to use it.** Where the code itself is the result: a prediction has the right atoms on the whole and the
# wrong ones in detail, and its error has no bound. ``transform_method="refine"`` starts the exact solver there.
