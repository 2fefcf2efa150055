"""
A photograph from a fifth of its pixels
=======================================

Four pixels of five are thrown away. The photograph of a clock that moved is nearly a matrix of low rank: alternating
least squares fits factors to the pixels that are left, and so fills in the others.
"""

# %%
# ``skimage.data.clock`` has 300 × 400 pixels. Factors are fitted by a few steps of conjugate gradients a row.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import clock

from sparsela.lowrank import MatrixCompletion

photograph = clock() / 255.0
seen = np.random.default_rng(0).random(photograph.shape) < 0.2
X = np.where(seen, photograph, np.nan)


def psnr(picture):
    return -10 * np.log10(np.mean((picture[~seen] - photograph[~seen]) ** 2))


ranks = [1, 2, 4, 8, 12, 16, 24]
completed = {}
for k in ranks:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MatrixCompletion(k, alpha=0.001, clip=(0, 1), random_state=0).fit(X)
    completed[k] = model.reconstruct()
best = max(ranks, key=lambda k: psnr(completed[k]))

# %%
# The error is measured on pixels that were not seen.

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
pictures = {
    "the photograph": photograph,
    "a fifth of its pixels": np.where(seen, photograph, 0),
    f"completed, rank {best}": completed[best],
}
for ax, (title, picture) in zip(axes, pictures.items(), strict=False):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize="medium")
    ax.axis("off")
mean = np.full_like(photograph, photograph[seen].mean())
axes[3].plot(ranks, [psnr(completed[k]) for k in ranks], "o-", label="completed")
axes[3].axhline(psnr(mean), color="grey", linestyle=":", label="the mean everywhere")
axes[3].set(xlabel="rank", ylabel="dB on unseen pixels", title="which rank")
axes[3].legend()
figure.suptitle(f"A fifth of the pixels gives the others to {psnr(completed[best]):.1f} dB")

# %%
# **When not to use it.** Neighbouring pixels are alike, and low rank knows nothing of it: for photographs of faces and
# landscapes, learned patches (:class:`sparsela.dictionary.MaskedDictionaryLearning`) or plain interpolation do better.
# Use
# completion where rows and columns have no order: users and films.
