"""
Compress a layer where its inputs do not look
=============================================

A layer of a trained network computes H W, and its inputs H take few directions often and most hardly at all. A
factorization of W that is judged by H W and not by W may be wrong where nobody looks, and right where it counts. Four
factorizations of the same storage: low rank or a dictionary with sparse codes, each blind to H or calibrated on it.
"""

# %%
# A network for handwritten digits, and the inputs of its 256 × 256 layer: those of the training images to calibrate on,
# those of the test images to judge by.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sparsela.dictionary import calibrated_factorization

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
with threadpool_limits(1), warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # sixty passes are enough here
    net = MLPClassifier((256, 256), random_state=0, max_iter=60, alpha=1e-3).fit(X, y)

W = net.coefs_[1]
H, H_test = (np.maximum(x @ net.coefs_[0] + net.intercepts_[0], 0) for x in (X, X_test))

# %%
# The singular value decomposition of W is the best of low rank for the error of W; that of R W, with RᵀR = HᵀH/N, for
# the error of H W. The dictionary learns by K-SVD in the same two metrics.


def low_rank(share, R):
    """The matrix of least ‖R (W − Ŵ)‖ with this share of the numbers of W."""
    rank = int(share * W.size / sum(W.shape))
    U, s, Vt = np.linalg.svd(R @ W)
    return np.linalg.solve(R, (U[:, :rank] * s[:rank]) @ Vt[:rank])


def sparse(share, gram):
    return calibrated_factorization(W, gram=gram, ratio=1 - share, random_state=0)


identity = np.eye(256)
gram = H.T @ H / len(H)
R = np.linalg.cholesky(gram + 1e-4 * np.trace(gram) / 256 * identity).T
shares = np.array([0.2, 0.4, 0.6, 0.8])
methods = {
    "low rank": lambda share: low_rank(share, identity),
    "dictionary": lambda share: sparse(share, identity),
    "low rank, calibrated": lambda share: low_rank(share, R),
    "dictionary, calibrated": lambda share: sparse(share, gram),
}
factors = {name: [method(share) for share in shares] for name, method in methods.items()}

# %%
# Left: what they do to inputs that no factorization has seen. Right: where they err, along the directions that the
# inputs take, from the most frequent to those that almost never occur.


def error(F):
    return np.linalg.norm(H_test @ W - H_test @ F) / np.linalg.norm(H_test @ W)


energy, directions = np.linalg.eigh(gram)
taken = directions[:, energy > 1e-9 * energy[-1]]  # units that never fire take none
figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for (name, matrices), style in zip(factors.items(), ("C0s--", "C1o--", "C0s-", "C1o-"), strict=True):
    axes[0].semilogy(shares, [error(F) for F in matrices], style, label=name)
    along = np.linalg.norm(taken.T @ (W - identity @ matrices[1]), axis=1)[::-1]
    axes[1].semilogy(along, style.replace("s", "").replace("o", ""), label=name)
dictionaries = (factors[name][1] for name in ("dictionary", "dictionary, calibrated"))
blind, calibrated = map(error, dictionaries)
axes[0].set(
    xlabel="numbers stored, share of W",
    ylabel="relative error of the layer's output, test images",
    title=f"At {shares[1]:.0%} of the storage, calibration divides the error by {blind / calibrated:.0f}",
    xticks=shares,
)
axes[1].set(
    xlabel="direction of the inputs, by energy",
    ylabel="error of W along it",
    title="It errs where the inputs do not look",
)
axes[0].legend()

# %%
# **When not to use it.** The factors are as good as the calibration: inputs of another kind fall where W was given up
# (``weight_error`` says how much of it; here about half). Where storage is scarce the calibrated low rank is as good,
# simpler, and two dense products; the dictionary wins where there is room for many atoms, and needs sparse products.
# Neither knows of the layers around: where the network can be trained on, train it on after the cut.
