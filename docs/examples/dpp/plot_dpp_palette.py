"""
Twenty-four colours of a photograph: the sky does not get all of them
=====================================================================

The 273,280 pixels of a photograph are points in the space of colours. Which few should a palette have?
"""

# %%
# Colours drawn uniformly are those of the largest surfaces; k-means moves them to averages that no pixel has; a
# determinantal process draws pixels whose colours differ; the greedy set goes to the extremes first.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import KDTree
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_sample_image

from sparsela.dpp import KernelDPP, greedy_map

china = load_sample_image("china.jpg") / 255
pixels = china.reshape(-1, 3)
k, gamma = 24, 4.0

start = time.perf_counter()
process = KernelDPP(gamma=gamma, expected_size=k, random_state=0).fit(pixels)
fit = time.perf_counter() - start
start = time.perf_counter()
drawn = process.sample(3)[0]
draw = (time.perf_counter() - start) / 3

rng = np.random.default_rng(0)
palettes = {
    "uniform": pixels[rng.choice(len(pixels), k, replace=False)],
    "k-means": MiniBatchKMeans(k, n_init=1, random_state=0).fit(pixels[::10]).cluster_centers_.clip(0, 1),
    "greedy": pixels[greedy_map(X=pixels[::10], kernel="rbf", max_size=k) * 10],
    f"determinantal ({len(drawn)})": pixels[drawn],
}

# %%
# The photograph repainted with each palette, and the largest error of a pixel.

figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
for ax, (name, palette) in zip(axes.flat, palettes.items(), strict=True):
    palette = palette[np.argsort(palette @ [0.3, 0.6, 0.1])]
    distance, nearest = KDTree(palette).query(pixels)
    strip = np.repeat(palette[None], 40, axis=0)
    strip = strip[:, np.linspace(0, len(palette) - 1e-9, china.shape[1]).astype(int)]
    ax.imshow(np.concatenate([palette[nearest].reshape(china.shape), strip]))
    ax.set_title(f"{name}: error {np.sqrt((distance**2).mean()):.3f}, largest {distance.max():.2f}")
    ax.axis("off")
figure.suptitle(f"24 of 273,280 colours: exact determinantal sample, fit {fit:.1f} s, {1000 * draw:.0f} ms a set")

# %%
# **When not to use it.** For the smallest mean error: that is what k-means minimises. The process gives colours that
# are there, different ones, and a new choice at every draw.
