"""
Denoise a photograph with atoms learned from it
===============================================

A small patch of a photograph is close to a combination of few atoms; noise is close to none. So code every overlapping
8 × 8 patch with as few atoms as bring it within the noise level, rebuild it from them, and average the patches where
they overlap. The atoms may be fixed cosines, or be learned from the noisy photograph itself.
"""

# %%
# The photograph, the noise, and the atoms to beat: products of 16 × 16 cosines.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import reconstruct_from_patches_2d

from sparsela.coding import batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import KSVD

SIDE, SIGMA = 8, 25.0  # of a patch in pixels; of the noise in grey levels of 0-255

clean = load_sample_image("china.jpg").mean(axis=2)
noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)

waves = np.cos(np.pi * np.outer(np.arange(16), np.arange(SIDE) + 0.5) / 16)
waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
waves /= np.linalg.norm(waves, axis=1, keepdims=True)
dct = np.kron(waves, waves)

# %%
# Learn 256 atoms from a part of the noisy patches. ``tol`` bounds the *squared* residual of a patch: σ² a pixel.

some = image_patches(noisy, SIDE, n_patches=60_000, random_state=0)
learned = KSVD(256, tol=SIDE**2 * SIGMA**2, max_iter=10, dict_init=dct, random_state=0).fit(some).components_

# %%
# Code all patches without their means, put the means back, average.


def denoise(image, D):
    patches = image_patches(image, SIDE, center=False)
    means = patches.mean(axis=1, keepdims=True)
    codes = batch_omp(patches - means, D, tol=SIDE**2 * (1.1 * SIGMA) ** 2, sparse_output=True)
    rebuilt = (codes @ D + means).reshape(-1, SIDE, SIDE)
    return reconstruct_from_patches_2d(rebuilt, image.shape), codes.nnz / len(patches)


def psnr(image):
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


with_dct, dct_sparsity = denoise(noisy, dct)
with_learned, sparsity = denoise(noisy, learned)

# %%
# Noise in, photograph out. The atoms are sorted from smooth to rough: shades and edges first, then the stripes of the
# roofs, then what leaves are made of.


def mosaic(D):
    """Atoms as tiles, black to white, with a line between them."""
    side = int(len(D) ** 0.5)
    tiles = (D / abs(D).max(axis=1, keepdims=True)).reshape(-1, SIDE, SIDE)
    tiles = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=1)
    return tiles.reshape(side, side, SIDE + 1, SIDE + 1).swapaxes(1, 2).reshape(side * (SIDE + 1), -1)[:-1, :-1]


def show(ax, image, title, vmin=0, vmax=255):
    ax.imshow(image, cmap="gray", vmin=vmin, vmax=vmax, interpolation="nearest")
    ax.set_title(title)
    ax.axis("off")


def roughness(D):
    return sum(abs(np.diff(D.reshape(-1, SIDE, SIDE), axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))


figure, axes = plt.subplots(1, 3, figsize=(15, 4.15), width_ratios=[640, 640, 427], layout="constrained")
show(axes[0], noisy, f"Noisy: {psnr(noisy):.1f} dB")
show(axes[1], with_learned, f"Denoised with learned atoms: {psnr(with_learned):.1f} dB")
show(axes[2], mosaic(learned[np.argsort(roughness(learned))]), "256 atoms, learned from the noisy image", -1, 1)

# %%
# Closer. Learned atoms leave a smaller error and take fewer atoms a patch to do it; in this photograph, which is nearly
# all texture, the eye sees the difference only in places, such as the lattice of the windows.

figure, axes = plt.subplots(1, 4, figsize=(15, 4.2), layout="constrained")
part = np.s_[70:210, 130:270]
show(axes[0], noisy[part], "Noisy")
show(axes[1], with_dct[part], f"Cosines: {psnr(with_dct):.2f} dB, {dct_sparsity:.1f} atoms a patch")
show(axes[2], with_learned[part], f"Learned: {psnr(with_learned):.2f} dB, {sparsity:.1f} atoms a patch")
show(axes[3], clean[part], "Clean")

# %%
# **When not to use it.** The noise must be white and its level known: the whole method hangs on ``tol``. Where the
# picture repeats itself at a distance, methods that look for similar patches (non-local means, BM3D) go further, and a
# network trained on many photographs goes further still. Where the noise is weak, a fixed dictionary does as well and
# needs no learning.
