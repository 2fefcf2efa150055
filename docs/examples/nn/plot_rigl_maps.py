"""
RigL carries the weights to where the digits are
================================================

The connections of each pixel, over the epochs, under three rules.
"""

# %%
# Every network has as many weights in each epoch as in the first: what changes is where they are. A callback looks at
# the first layer after each epoch.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import SET, RigL, SparseMLPClassifier, SparseMomentum

X, y = load_mnist_5000()
X = (X / 255).astype(np.float32)
X = (X - X.mean()) / X.std()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)

rules = {"SET": SET(), "RigL": RigL(every=20), "sparse momentum": SparseMomentum()}
maps, scores = {}, {}
for name, topology in rules.items():
    seen = maps[name] = []

    def look(state, seen=seen):
        seen.append(np.bincount(state.coefs[0].indices, minlength=784))
        return state.n_iter == 20

    model = SparseMLPClassifier(
        (300, 100),
        density=0.02,
        topology=topology,
        solver="nesterov",
        learning_rate="constant" if name == "SET" else "multistep",  # SET grows weights that must still learn
        batch_size=100,
        max_iter=20,
        tol=0,
        callback=look,
        random_state=0,
    )
    scores[name] = model.fit(X_train, y_train).score(X_test, y_test)

epochs = [1, 3, 8, 20]
figure, axes = plt.subplots(3, 4, figsize=(10, 7.6), layout="constrained")
for row, name in zip(axes, rules, strict=True):
    for ax, epoch in zip(row, epochs, strict=True):
        shown = ax.imshow(maps[name][epoch - 1].reshape(28, 28), cmap="viridis", vmin=0, vmax=24)
        ax.set(xticks=[], yticks=[], title=f"epoch {epoch}" if name == "SET" else None)
    row[0].set_ylabel(f"{name}\naccuracy {scores[name]:.3f}")
figure.colorbar(shown, ax=axes, shrink=0.6, label="connections of a pixel")
figure.suptitle("Gradients lead RigL off the rim in one epoch; SET, without them, stays everywhere")

# %%
# How much of the first layer starts at a pixel that is blank in nine digits out of ten.

blank = np.quantile(X_train, 0.9, axis=0) == X_train.min()
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name in rules:
    ax.plot(range(1, 21), [seen[blank].sum() / seen.sum() for seen in maps[name]], label=name)
ax.axhline(blank.mean(), color="0.6", linestyle=":", label="at random")
ax.set(xlabel="epoch", ylabel="share of weights at blank pixels", ylim=(0, None), xticks=range(0, 21, 5))
last = maps["RigL"][-1]
ax.set_title(
    f"{blank.mean():.0%} of the pixels are blank; RigL keeps {last[blank].sum() / last.sum():.0%} of the weights there"
)
ax.legend()

# %%
# **When not to use it.** Above a density of a tenth a static topology is as good, and simpler. RigL needs the
# gradient of all weights at each update, in blocks: with few steps between updates that becomes the cost of training.
