"""
What moves in a video, and what stays
=====================================

A column of pixels for each frame of a video is nearly a matrix of rank one or two: what stays is the same in all of
them. What moves is in few pixels of a frame. Robust PCA takes the two apart.
"""

# %%
# Every second of 120 frames of 144 × 176 pixels: a man who talks in a car. Alternating projections are told a rank of
# 2.
# Principal component pursuit finds one itself, and takes the man's slower movements for background too.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np

from sparsela.datasets import load_carphone
from sparsela.lowrank import robust_pca

frames = load_carphone()[::2]
M = frames.reshape(len(frames), -1).astype(np.float32) / 255

found = {}
methods = {
    "alternating projections, rank 2": {"method": "accaltproj", "rank": 2, "tol": 1e-3, "max_iter": 60},
    "principal component pursuit": {"tol": 1e-3},
}
for name, how in methods.items():
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found[name] = robust_pca(M, **how), time.perf_counter() - start

# %%
# One frame, its background and the rest.

show = 30
figure, axes = plt.subplots(2, 3, figsize=(10, 5.8), layout="constrained")
for row, (name, (split, seconds)) in zip(axes, found.items(), strict=True):
    shape = frames.shape[1:]
    moving = np.abs(M[show] - split.low_rank[show]).reshape(shape)
    pictures = [M[show].reshape(shape), split.low_rank[show].reshape(shape), moving]
    titles = ["a frame", f"background, rank {len(split.s)}", "what moves"]
    for ax, picture, title in zip(row, pictures, titles, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=0.5 if title == "what moves" else 1)
        ax.set_title(title, fontsize="medium")
        ax.set_xticks([])
        ax.set_yticks([])
    row[0].set_ylabel(f"{name}\n{seconds:.1f} s", fontsize="small")
figure.suptitle("The car stays, the man moves")

# %%
# **When not to use it.** A camera that pans or a cut makes every pixel move: no background of low rank is left. A
# background
# that changes slowly, as light does, wants a rank of more than one; a person who does not move for most of the frames
# becomes part of it.
