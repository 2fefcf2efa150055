"""
Change the import
=================

A denoising script as one writes it with scikit-learn, run twice: once with scikit-learn's ``sparse_encode``, once with
this library's. Nothing but the import differs, and nothing but the time comes out different.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn.decomposition
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import reconstruct_from_patches_2d

import sparsela.coding
from sparsela.datasets import image_patches

# %%
# A flower with noise, its overlapping patches, and 256 fixed cosines as atoms.

clean = load_sample_image("flower.jpg").mean(axis=2)[120:280, 180:380]
noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
waves = np.cos(np.pi * np.outer(np.arange(16), np.arange(8) + 0.5) / 16)
waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
waves /= np.linalg.norm(waves, axis=1, keepdims=True)
D = np.kron(waves, waves)
patches = image_patches(noisy, 8, center=False)
means = patches.mean(axis=1, keepdims=True)

# %%
# The same lines twice. Two atoms a patch; scikit-learn warns where a patch has run out of independent atoms.


def denoise(sparse_encode):
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codes = sparse_encode(patches - means, D, algorithm="omp", n_nonzero_coefs=2)
    seconds = time.perf_counter() - start
    return reconstruct_from_patches_2d((codes @ D + means).reshape(-1, 8, 8), clean.shape), seconds


def psnr(image):
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


theirs, their_seconds = denoise(sklearn.decomposition.sparse_encode)
ours, our_seconds = denoise(sparsela.coding.sparse_encode)

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
for ax, image, title in (
    (axes[0], noisy, f"Noisy: {psnr(noisy):.2f} dB"),
    (axes[1], theirs, f"scikit-learn: {psnr(theirs):.2f} dB in {their_seconds:.1f} s"),
    (axes[2], ours, f"sparsela: {psnr(ours):.2f} dB in {our_seconds:.2f} s"),
):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title)
    ax.axis("off")
figure.suptitle(f"The same picture (largest difference {np.abs(ours - theirs).max():.0e} of 255 grey values)")
plt.show()

# %%
# **When not to use it.** Where atoms are not of unit norm, OMP here normalises them for the choice and scikit-learn
# does not: the two may then take different atoms.
