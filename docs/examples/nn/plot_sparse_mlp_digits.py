"""
A hundredth of the weights reads digits
=======================================

Networks from 0.3 % of the weights to all of them on five thousand handwritten digits, and where a tenth of them go.
"""

# %%
# One network, six densities. The number of weights sets the time of a step; accuracy falls late.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import RigL, SparseMLPClassifier

X, y = load_mnist_5000()
X = (X / 255).astype(np.float32)
X = (X - X.mean()) / X.std()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)
common = {"solver": "nesterov", "learning_rate": "multistep", "batch_size": 100, "max_iter": 12, "random_state": 0}

densities = [0.003, 0.01, 0.03, 0.1, 0.4, 1.0]
weights, milliseconds, scores = [], [], {"static": [], "RigL": []}
for density in densities:
    for name, topology in (("static", "static"), ("RigL", RigL(every=40))):
        model = SparseMLPClassifier((512, 256), density=density, topology=topology, **common)
        start = time.process_time()
        model.fit(X_train, y_train)
        if name == "static":
            milliseconds.append(1e3 * (time.process_time() - start) / (40 * model.n_iter_))
            weights.append(model.n_connections_)
        scores[name].append(model.score(X_test, y_test))

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for name, marker in (("static", "o-"), ("RigL", "s-")):
    left.semilogx(weights, scores[name], marker, label=name)
left.axvline(weights[1], color="0.8", zorder=0)
left.set(xlabel="number of weights", ylabel="accuracy on 1,000 digits")
few = max(score[1] for score in scores.values())
left.set_title(f"{few:.0%} with {weights[1]:,} weights of {weights[-1]:,}")
left.legend()
right.loglog(weights, milliseconds, "o-C2")
right.set(xlabel="number of weights", ylabel="CPU time of a step of 100 digits (ms)")
right.set(yticks=[0.3, 1, 3], yticklabels=["0.3", "1", "3"])
right.minorticks_off()
right.set_title(f"A step at 1 % takes 1/{milliseconds[-1] / milliseconds[1]:.0f} of the dense one's time")

# %%
# The first layer, 784 pixels to 512 units. At random, each pixel has as many connections as any other; RigL takes them
# from the rim, where no digit has ink, to the strokes.

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
axes[0].imshow(X_train.mean(axis=0).reshape(28, 28), cmap="gray_r")
axes[0].set_title("the mean digit")
for ax, topology in zip(axes[1:], ("static", RigL(every=40)), strict=True):
    model = SparseMLPClassifier((512, 256), density=0.03, topology=topology, **common).fit(X_train, y_train)
    connections = np.bincount(model.coefs_[0].indices, minlength=784)
    shown = ax.imshow(connections.reshape(28, 28), cmap="viridis", vmin=0, vmax=40)
    ax.set_title("connections of each pixel, " + ("static" if topology == "static" else "RigL"))
figure.colorbar(shown, ax=axes, shrink=0.8)
for ax in axes:
    ax.axis("off")

# %%
# **When not to use it.** A network that fits in the cache when it is dense gains little time below a density of a
# third: the dense product is one call of the BLAS. With few samples and many epochs to spare, train dense and prune.
