"""
A dictionary that is a fast transform, denoising a photograph
=============================================================

A learned dictionary is a dense matrix: every product with it costs all of its entries, and all of them have to be
learned. One that is a product of sparse factors costs only the factors' entries. Fewer numbers also fit less noise: the
noisier the picture, the better it does beside the dense one.
"""

# %%
# A part of a photograph with strong and with moderate noise, and 5000 of its 8 × 8 patches to learn from.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import reconstruct_from_patches_2d

from sparsela.coding import batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import FastDictionaryLearning

clean = load_sample_image("china.jpg").mean(axis=2)[100:228, 150:278]
rng = np.random.default_rng(0)
noisy = {sigma: clean + rng.normal(0, sigma, clean.shape) for sigma in (50, 20)}


def denoise(image, rebuild):
    """Every patch from five atoms, without its mean; patches averaged where they overlap."""
    patches = image_patches(image, 8, center=False)
    means = patches.mean(axis=1, keepdims=True)
    return reconstruct_from_patches_2d((rebuild(patches - means) + means).reshape(-1, 8, 8), image.shape)


def psnr(image):
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


# %%
# 128 atoms as a product of four factors: three of 64 × 64 and one of 64 × 128. The dense dictionary that the learner
# starts from stays in ``init_components_``.


def learn(image, **sizes):
    patches = image_patches(image, 8, n_patches=5000, random_state=0)
    model = FastDictionaryLearning(128, n_nonzero_coefs=5, transform_n_nonzero_coefs=5, random_state=0, **sizes)
    return model.fit(patches)


model = learn(noisy[50], factor_nnz=(4, 3))
with_fast = denoise(noisy[50], lambda P: model.inverse_transform(model.transform(P)))
dense = model.init_components_
with_dense = denoise(noisy[50], lambda P: batch_omp(P, dense, n_nonzero_coefs=5) @ dense)

figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained")
for ax, image, title in (
    (axes[0], clean, "Original"),
    (axes[1], noisy[50], f"Noisy: {psnr(noisy[50]):.2f} dB"),
    (axes[2], with_dense, f"Dense, {dense.size} numbers: {psnr(with_dense):.2f} dB"),
    (axes[3], with_fast, f"Fast, {model.operator_.nnz} numbers: {psnr(with_fast):.2f} dB"),
):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_title(title)
    ax.axis("off")

# %%
# The factors, left to right. No place was prescribed to any of their entries.

figure, axes = plt.subplots(1, 4, figsize=(14, 3.3), width_ratios=[1, 1, 1, 2], layout="constrained")
for ax, factor, name in zip(axes, model.operator_.factors_as("csr"), "1234", strict=True):
    ax.spy(factor, markersize=1.6, color="tab:blue")
    ax.set_title(f"$S_{name}$: {factor.nnz} of {factor.shape[0]} × {factor.shape[1]}")
    ax.set(xticks=[], yticks=[])

# %%
# Fewer and fewer numbers, at both levels of noise. The gain is that in multiplications over the dense dictionary.

figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
sizes = [(6, 0.9), (4, 0.7), (3, 0.6), (3, 0.4)]
for ax, (sigma, image) in zip(axes, noisy.items(), strict=True):
    models = [learn(image, factor_nnz=(k, 3), residual_decay=rho) for k, rho in sizes]
    gains = [m.rcg_ for m in models]
    quality = [psnr(denoise(image, lambda P, m=m: m.inverse_transform(m.transform(P)))) for m in models]
    dense = models[0].init_components_
    level = psnr(denoise(image, lambda P, D=dense: batch_omp(P, D, n_nonzero_coefs=5) @ D))
    ax.plot(gains, quality, "o-", label="product of four sparse factors")
    ax.axhline(level, color="0.4", ls="--", label="dense")
    ax.set(title=f"Noise of {sigma} grey levels", xlabel="relative complexity gain", ylabel="PSNR (dB)")
    ax.legend()

# %%
# **When not to use it.** At little noise and with signals enough, dense atoms fit better, as on the right. And a gain
# in multiplications is not yet one in seconds: at 64 features a dense product is so quick that the factors save
# storage, not time; that begins at a gain of about 15, with some hundred features.
