"""
How sparse may a fast projection be?
====================================

Behind its Hadamard transform the fast Johnson–Lindenstrauss transform has a sparse Gaussian matrix. In 2009 it was
proved that ln²N non-zeros a row do for N points, in 2023 that far fewer do, and that still fewer do not.
"""

# %%
# Vectors with s equal entries are the hard ones: some s the transform maps to few large entries. Rows of a photograph
# are the everyday ones. For each density, many draws of the projection: how far are squared norms off?

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera

from sparsela.sketch import SketchOperator, fast_jl_density

D, K, N, EPS, DRAWS = 512, 300, 10_000, 0.25, 100

blocks = np.array([np.where(np.arange(D) < s, s**-0.5, 0) for s in (1, 4, 16, 64, 512)])
rows = camera()[::8].astype(float)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
X = np.vstack([blocks, rows])

per_row = np.geomspace(1, 128, 9)
off = np.empty((len(per_row), DRAWS, len(X)))
for i, q in enumerate(per_row / D):
    for seed in range(DRAWS):
        S = SketchOperator("fast_jl", K, D, density=q, random_state=seed)
        off[i, seed] = (S.apply(X) ** 2).sum(axis=1) - 1
rms, worst = np.sqrt((off**2).mean(axis=1)), np.abs(off).max(axis=1)

# %%
# The variance is known exactly, 2 + 9(1/q − 1)/D over k at worst, and the draws follow it. At the density of 2023 the
# spread is little above that of a dense matrix; the one of 2009 buys nothing more.

densities = {v: D * fast_jl_density(D, N, eps=EPS, variant=v) for v in ("sparser", "ailon-chazelle")}
figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharex=True)
for ax, values, name in zip(axes, (rms, worst), ("rms", f"worst of {DRAWS} draws"), strict=True):
    for j, s in enumerate((1, 4, 16, 64, 512)):
        ax.plot(per_row, values[:, j], "o-", markersize=4, label=f"{s} equal entries")
    ax.plot(per_row, values[:, 5:].max(axis=1), "k.--", label="rows of a photograph, the worst")
    for (variant, place), style in zip(densities.items(), ("-", ":"), strict=True):
        ax.axvline(place, color="0.5", linestyle=style, label={"sparser": "2023"}.get(variant, "2009"))
    ax.set(xscale="log", yscale="log", xlabel="non-zeros a row, qD", ylabel=f"{name} distortion of ‖x‖²")
axes[0].plot(per_row, np.sqrt((2 + 9 * (D / per_row - 1) / D) / K), color="0.8", linewidth=6, zorder=0)
axes[0].set_title("Below a few entries a row the spread grows as one over their root")
axes[1].set_title("Beyond the density of 2023 the worst draws gain little")
axes[1].legend(fontsize=8)

# %%
# **When not to use it.** For one vector, or a few, take :class:`~sparsela.sketch.SRHT`: a sample in place of the sparse
# product is cheaper, and its variance smaller. For sparse data take :class:`~sparsela.sketch.CountSketch`; a transform
# treats zeros as numbers.
