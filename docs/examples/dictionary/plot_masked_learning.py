"""
Hide a part of the data to learn from it
========================================

With noisy signals and atoms to spare, the dictionary that rebuilds the signals best has learned their noise. Code what
is visible, judge on what is hidden, and there is nothing to gain from that: hidden pixels have a noise of their own.
"""

# %%
# Handwritten digits with noise of a third of their standard deviation, and 256 atoms: four for each of the 64 pixels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sparsela.dictionary import MaskedDictionaryLearning

clean = load_digits().data / 16
clean -= clean.mean(axis=0)
rng = np.random.default_rng(0)
noisy = clean + 0.3 * clean.std() * rng.normal(size=clean.shape)
X, X_test = noisy[:1400], noisy[1400:]

# %%
# Learn as many atoms by both objectives, from half as many atoms as pixels to four times as many. The judge is the same
# for both: hide each pixel of held-out digits once, in eleven parts, and predict it from the visible ones.

SIZES = [32, 64, 128, 256]


def learn(n_components, objective):
    return MaskedDictionaryLearning(
        n_components, n_nonzero_coefs=5, objective=objective, max_iter=200, random_state=0
    ).fit(X)


models = {objective: [learn(K, objective) for K in SIZES] for objective in ("reconstruction", "masked")}


def pixel_error(model):
    """Root mean square error of a hidden pixel, in standard deviations of the noise."""
    a_part = -model.set_params(objective="masked").score(X_test)  # squared, summed over the hidden pixels of a digit
    return np.sqrt(a_part / (64 / 11)) / (0.3 * clean.std())


# %%
# What is left of the noise can be seen in the atoms, too. Of 256, every fourth, from smooth to rough.


def mosaic(D):
    """64 atoms as 8 × 8 tiles, black to white, with a line between them."""
    tiles = (D / abs(D).max(axis=1, keepdims=True)).reshape(64, 8, 8)
    tiles = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=1)
    return tiles.reshape(8, 8, 9, 9).swapaxes(1, 2).reshape(72, 72)[:-1, :-1]


def roughness(D):
    tiles = D.reshape(-1, 8, 8)
    return sum((np.diff(tiles, axis=axis) ** 2).sum(axis=(1, 2)) for axis in (1, 2))


figure, axes = plt.subplots(1, 3, figsize=(16, 5.2), layout="constrained")
for ax, (objective, learned) in zip(axes, models.items(), strict=False):
    D = learned[SIZES.index(256)].components_
    ax.imshow(mosaic(D[np.argsort(roughness(D))][2::4]), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_title(f"{objective}, 256 atoms:\nmedian roughness {np.median(roughness(D)):.2f}")
    ax.axis("off")
for (objective, learned), marker in zip(models.items(), "os", strict=True):
    axes[2].semilogx(SIZES, [pixel_error(m) for m in learned], marker + "-", base=2, label=objective)
axes[2].set(
    xlabel="atoms (the data have 64 pixels)",
    ylabel="error of a hidden pixel / noise",
    title="Spare atoms cost reconstruction its foresight,\nmasking learns from them",
    xticks=SIZES,
    xticklabels=SIZES,
)
axes[2].legend()

# %%
# **When not to use it.** With few atoms there is no room for noise and nothing to protect from: on the left of the
# curves reconstruction predicts better, for masking holds the codes fixed in its gradient and pays for it. And if all
# you want is a small error on signals like those you have, that is what reconstruction is for (:class:`KSVD
# <sparsela.dictionary.KSVD>` comes as low in a tenth of the passes).
