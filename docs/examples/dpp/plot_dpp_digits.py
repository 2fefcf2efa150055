"""
Twenty digits that differ show more of the ten classes
======================================================

A small diverse subset of real images, drawn without labels, against one drawn uniformly.
"""

# %%
# Twenty images of handwritten digits by a k-DPP on their pixels, uniformly, and by the greedy choice.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_digits, load_sample_image
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

figure, axes = plt.subplots(1, 2, figsize=(12, 2.2), layout="constrained")
for ax, sets, name in zip(axes, (uniform, diverse), ("uniform", "k-DPP"), strict=True):
    classes = [len(set(y[S])) for S in sets]
    chosen = sets[classes.index(round(np.mean(classes)))]  # a draw like most
    order = chosen[np.argsort(y[chosen])]
    images = X[order].reshape(2, 10, 8, 8).transpose(0, 2, 1, 3).reshape(16, 80)
    ax.imshow(images, cmap="gray_r")
    ax.set_title(f"{name}: {len(set(y[chosen]))} of 10 classes in this draw")
    ax.axis("off")

# %%
# How many of the ten classes are among twenty images, over 200 draws; and what the sets are worth as landmarks of the
# Nyström approximation, by the trace that it misses, here and for the colours of a photograph.

covered = {name: [len(set(y[S])) for S in sets] for name, sets in (("uniform", uniform), ("k-DPP", diverse))}
bins = np.arange(5.5, 11)
figure, (bars, landmarks) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for name, colour, shift in (("uniform", "C1", -0.2), ("k-DPP", "C0", 0.2)):
    heights = np.histogram(covered[name], bins)[0] / 200
    bars.bar(np.arange(6, 11) + shift, heights, 0.4, color=colour, label=name)
greedy = len(set(y[greedy_map(L, max_size=20)]))
bars.axvline(greedy, color="0.5", linestyle=":", label="greedy")
bars.set(xlabel="classes among twenty images", ylabel="share of 200 draws")
means = {name: np.mean(values) for name, values in covered.items()}
bars.set_title(f"On average {means['k-DPP']:.2f} classes, {means['uniform']:.2f} uniformly")
bars.legend()

pixels = load_sample_image("china.jpg").reshape(-1, 3) / 255
pixels = pixels[rng.choice(len(pixels), 900, replace=False)]


def missed(L, S):
    return 1 - np.sum(np.linalg.pinv(L[np.ix_(S, S)], rcond=1e-12) * (L[S] @ L[:, S])) / len(L)


sizes = [10, 20, 30, 40]
for name, points, kernel, colour in (("digits", X, L, "C0"), ("colours", pixels, rbf_kernel(pixels, gamma=2), "C3")):
    gain = {"k-DPP": [], "k-means++": []}
    for k in sizes:
        uniform = [missed(kernel, rng.choice(900, k, replace=False)) for _ in range(30)]
        sets = KDPP(k, kernel).sample(30, random_state=1)
        seeds = [kmeans_plusplus(points, k, random_state=j)[1] for j in range(30)]
        for method, chosen in (("k-DPP", sets), ("k-means++", seeds)):
            gain[method].append(np.mean(uniform) / np.mean([missed(kernel, S) for S in chosen]))
    for method, style in (("k-DPP", "o-"), ("k-means++", "s--")):
        landmarks.semilogy(sizes, gain[method], style, color=colour, label=f"{name}, {method}")
landmarks.axhline(1, color="0.5", linestyle=":")
landmarks.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
landmarks.set(xticks=sizes, xlabel="landmarks", ylabel="error of uniform landmarks / error")
landmarks.set_title("Landmarks: ten times better on colours, hardly on digits")
landmarks.legend()

# %%
# **When not to use it.** For landmarks in many dimensions, where all points are about as far from each other: on the
# digits k-means++ does better, and more uniform landmarks do as well. Where density is very uneven, as among the
# colours of a photograph, uniform landmarks keep missing what is rare. With labels at hand, draw within classes.
