"""
Twenty digits that differ show more classes, and make better landmarks
======================================================================

A small diverse subset of real images, drawn without labels, against one drawn uniformly.
"""

# %%
# Twenty images of handwritten digits by a k-DPP on their pixels, uniformly, and by the greedy choice.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import rbf_kernel

from sparsela.dpp import KDPP, greedy_map

X, y = load_digits(return_X_y=True)
X, y = X[:900] / 16, y[:900]
gamma = 0.05
L = rbf_kernel(X, gamma=gamma)
rng = np.random.default_rng(0)

process = KDPP(20, L)
diverse = process.sample(200, random_state=0)
uniform = [rng.choice(len(X), 20, replace=False) for _ in range(200)]

figure, axes = plt.subplots(2, 2, figsize=(12, 8.4), layout="constrained", height_ratios=[1, 1.25])
for ax, chosen, name in ((axes[0, 0], uniform[0], "uniform"), (axes[0, 1], diverse[0], "k-DPP")):
    order = chosen[np.argsort(y[chosen])]
    images = X[order].reshape(2, 10, 8, 8).transpose(0, 2, 1, 3).reshape(16, 80)
    ax.imshow(images, cmap="gray_r")
    ax.set_title(f"{name}: {len(set(y[chosen]))} of 10 classes in this draw")
    ax.axis("off")

# %%
# How many of the ten classes are among twenty images, over 200 draws; and what landmarks are worth: the share of the
# kernel matrix that the Nyström approximation misses.

covered = {name: [len(set(y[S])) for S in sets] for name, sets in (("uniform", uniform), ("k-DPP", diverse))}
bins = np.arange(5.5, 11)
for name, colour, shift in (("uniform", "C1", -0.2), ("k-DPP", "C0", 0.2)):
    heights = np.histogram(covered[name], bins)[0] / 200
    axes[1, 0].bar(np.arange(6, 11) + shift, heights, 0.4, color=colour, label=name)
greedy = len(set(y[greedy_map(L, max_size=20)]))
axes[1, 0].axvline(greedy, color="0.5", linestyle=":", label="greedy")
axes[1, 0].set(xlabel="classes among twenty images", ylabel="share of 200 draws")
means = {name: np.mean(values) for name, values in covered.items()}
axes[1, 0].set_title(f"On average {means['k-DPP']:.2f} classes, {means['uniform']:.2f} uniformly")
axes[1, 0].legend()


def missed(S):
    return 1 - np.sum(np.linalg.pinv(L[np.ix_(S, S)]) * (L[S] @ L[:, S])) / len(X)


sizes = [10, 20, 40, 80]
errors = {name: np.empty((len(sizes), 30)) for name in ("uniform", "k-means++", "k-DPP")}
for i, k in enumerate(sizes):
    draws = KDPP(k, L).sample(30, random_state=1) if k != 20 else diverse[:30]
    for j in range(30):
        errors["k-DPP"][i, j] = missed(draws[j])
        errors["uniform"][i, j] = missed(rng.choice(len(X), k, replace=False))
        errors["k-means++"][i, j] = missed(kmeans_plusplus(X, k, random_state=j)[1])
for (name, values), colour in zip(errors.items(), ("C1", "C2", "C0"), strict=True):
    axes[1, 1].loglog(sizes, values.mean(axis=1), "o-", color=colour, label=name)
    axes[1, 1].fill_between(sizes, *np.percentile(values, [5, 95], axis=1), color=colour, alpha=0.2)
axes[1, 1].set_xticks(sizes, [str(k) for k in sizes])
axes[1, 1].minorticks_off()
axes[1, 1].set(xlabel="landmarks", ylabel="trace missed (mean of 30 draws, 5 to 95 %)")
ratio = errors["uniform"][-1].mean() / errors["k-DPP"][-1].mean()
axes[1, 1].set_title(f"80 landmarks of a k-DPP miss {ratio:.2f} times less than uniform ones")
axes[1, 1].legend()

# %%
# **When not to use it.** With labels at hand, draw within classes. And where landmarks are cheap, take more of them
# uniformly: twice as many beat better ones.
