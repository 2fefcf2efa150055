"""
A hundredth of the weights reads digits
=======================================

Networks from 0.3 % of the weights to all of them on five thousand handwritten digits, and where a tenth of them go.
"""

# %%
# One network, six densities. The number of weights sets the time of a step; accuracy falls late.

import contextlib
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.utils._testing import ignore_warnings
from threadpoolctl import threadpool_limits

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

# Dense networks of the same widths: scikit-learn's, and where PyTorch is installed one whose weights are masked.
dense = MLPClassifier((512, 256), solver="sgd", learning_rate_init=0.01, batch_size=100, max_iter=12, random_state=0)
start = time.process_time()
with threadpool_limits(1):  # of BLAS; all times are of one thread
    ignore_warnings(dense.fit, category=ConvergenceWarning)(X_train, y_train)
peers = {"scikit-learn, dense": 1e3 * (time.process_time() - start) / (40 * dense.n_iter_)}


def masked_step():
    """Milliseconds of CPU of a step in PyTorch with masks: the same at any density."""
    import torch

    net = torch.nn.Sequential(
        *[m for i, o in ((784, 512), (512, 256)) for m in (torch.nn.Linear(i, o), torch.nn.ReLU())]
    )
    net.append(torch.nn.Linear(256, 10))
    masks = [(layer.weight, (torch.rand_like(layer.weight) < 0.01).float()) for layer in net[::2]]
    solver = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, nesterov=True)
    batches = [slice(i, i + 100) for i in range(0, 4000, 100)]
    x, target = torch.from_numpy(X_train), torch.from_numpy(y_train)
    start = time.process_time()
    for batch in batches:
        with torch.no_grad():
            for weight, mask in masks:
                weight.mul_(mask)
        solver.zero_grad()
        torch.nn.functional.cross_entropy(net(x[batch]), target[batch]).backward()
        solver.step()
    return 1e3 * (time.process_time() - start) / len(batches)


with contextlib.suppress(ImportError):
    peers["PyTorch, masked"] = masked_step()

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for name, marker in (("static", "o-"), ("RigL", "s-")):
    left.semilogx(weights, scores[name], marker, label=name)
left.axhline(dense.score(X_test, y_test), color="C3", ls="--", label="scikit-learn, dense")
left.axvline(weights[1], color="0.8", zorder=0)
left.set(xlabel="number of weights", ylabel="accuracy on 1,000 digits")
few = max(score[1] for score in scores.values())
left.set_title(f"{few:.0%} with {weights[1]:,} weights of {weights[-1]:,}")
left.legend()
right.loglog(weights, milliseconds, "o-C2", label="sparsela")
for (name, spent), color in zip(peers.items(), ("C3", "C4"), strict=False):
    right.axhline(spent, color=color, ls="--", label=name)
right.legend()
right.set(xlabel="number of weights", ylabel="CPU time of a step of 100 digits (ms)")
right.set(yticks=[0.3, 1, 3, 10], yticklabels=["0.3", "1", "3", "10"])
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
