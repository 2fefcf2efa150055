"""
Pruning by what a layer says, not by how large its weights are
==============================================================

A trained layer has many sets of weights that respond alike to the data it sees. Net-Trim looks for the one of least ℓ1
norm whose responses stay within a budget; magnitude pruning keeps the largest weights and hopes. Both are compared here
at equal numbers of weights, on the first layer of a network that reads digits.
"""

# %%
# The layer has 64 inputs and 300 neurons. Net-Trim sees its inputs and responses, and no label.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.utils._testing import ignore_warnings

from sparsela.nn import net_trim, prune

X, y = load_digits(return_X_y=True)
train, test, y_train, y_test = train_test_split(X / 16, y, train_size=0.7, random_state=0, stratify=y)
net = ignore_warnings(MLPClassifier((300,), random_state=0, max_iter=100).fit, category=ConvergenceWarning)(
    train, y_train
)
W, b = net.coefs_[0], net.intercepts_[0]
response = np.maximum(train @ W + b, 0)


def judged(weights, intercept):
    """Relative error of the responses, and test accuracy of the network with this first layer."""
    error = np.linalg.norm(np.maximum(train @ weights + intercept, 0) - response) / np.linalg.norm(response)
    net.coefs_[0], net.intercepts_[0] = weights, intercept
    accuracy = net.score(test, y_test)
    net.coefs_[0], net.intercepts_[0] = W, b
    return error, accuracy


left, trimmed, by_size = [], [], []
for tol in (0.02, 0.05, 0.1, 0.2, 0.35):
    layer = net_trim(train, response, tol=tol)
    if tol == 0.1:
        kept = layer.support.mean(axis=1).reshape(8, 8)
    left.append(layer.weights.nnz / W.size)
    trimmed.append(judged(layer.weights.toarray(), layer.intercept))
    by_size.append(judged(prune([W], left[-1])[0].toarray(), b))

# %%
# At equal numbers of weights Net-Trim's responses are nearer, the more so the more weights are left, and half of the
# weights may go at no loss of accuracy. Below that its budget is spent on shrinking all responses, which costs it
# accuracy: there the largest weights do better. On the right, what is left of each pixel: the margin goes first.
fig, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for label, found, style in (("Net-Trim", trimmed, "o-"), ("magnitude", by_size, "s--")):
    errors, accuracies = np.transpose(found)
    axes[0].plot(100 * np.array(left), errors, style, label=label)
    axes[1].plot(100 * np.array(left), 100 * accuracies, style, label=label)
axes[0].set(xlabel="weights left (%)", ylabel="relative response error", yscale="log")
axes[1].set(xlabel="weights left (%)", ylabel="test accuracy (%)")
axes[1].axhline(100 * net.score(test, y_test), color="grey", lw=1, label="dense")
axes[1].legend()
picture = axes[2].imshow(100 * kept, cmap="viridis")
axes[2].set(title="weights left of each pixel (%), tol = 0.1", xticks=[], yticks=[])
fig.colorbar(picture, ax=axes[2])
plt.show()

# %%
# **When not to use it.** Below a third of the weights, or where the network may be trained again after pruning, the
# largest weights (:func:`sparsela.nn.prune`) are simpler and better. And a layer with more inputs than samples has
# responses that nearly any sparse layer can repeat: give Net-Trim several times as many samples as inputs.
