"""
Bars, step by step; and digits made of sums or of maxima
========================================================

Watch causes come out of noisy images as the temperature falls, then let two models explain the same digits: one adds
its causes up, the other takes the largest at each pixel.
"""

# %%
# Each image is the sum of a few of ten bars, with noise. Which bars there are, how many are on in an image, and how
# strong the noise is: all of it is learned. A callback keeps the components as they are after every step.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sparsela.dictionary import BinarySparseCoding, MaximalCausesAnalysis

rng = np.random.default_rng(0)
bars = np.zeros((10, 5, 5))
for i in range(5):
    bars[i, i] = bars[5 + i, :, i] = 10
on = rng.random((1000, 10)) < 0.2
X = on @ bars.reshape(10, 25) + 2 * rng.standard_normal((1000, 25))

course = {}


def keep(state):
    course[state.n_iter] = state.temperature, state.components


model = BinarySparseCoding(10, random_state=0, callback=keep).fit(X)

# %%
# A column of images is W after that step, a row is one cause. While it is hot, all causes look much like the mean of
# the data; as the temperature falls they part, each into a bar of its own.


def mosaic(components, side, n_columns):
    """Components as tiles with a line between them, white where there is none."""
    tiles = np.pad(components.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    n_rows = len(tiles) // n_columns
    return tiles.reshape(n_rows, n_columns, side + 2, side + 2).swapaxes(1, 2).reshape(n_rows * (side + 2), -1)


shown = [1, 20, 40, 50, 60, 70, 80, 100, 150]
order = np.argmax(bars.reshape(10, 25) @ model.components_.T, axis=1)  # the bars' order, for the eye alone
columns = [course[t][1][order] for t in shown]

figure, ax = plt.subplots(figsize=(8, 8.6), layout="constrained")
ax.imshow(mosaic(np.stack(columns, axis=1), 5, len(shown)), cmap="gray", vmin=-1, vmax=11)
ax.set_xticks(7 * np.arange(len(shown)) + 3, [f"step {t}\nT = {course[t][0]:.1f}" for t in shown])
ax.set_yticks([])
ax.set_ylabel("the ten causes")
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
figure.suptitle(
    f"Ten bars, found: {10 * model.pi_:.2f} are on in an image (truth: {on.sum(axis=1).mean():.2f}), "
    f"noise {model.sigma_:.2f} (2)"
)

# %%
# Strokes of a pen do not add up where they cross: the paper is black once. Two models of digits with 24 causes each,
# the same states and the same steps. Causes that must add up are hardly ever combined, since two digits would be too
# black where they overlap; where the larger one wins, they often are, bold digits above all, and less noise is left.

digits = load_digits().data
options = {"n_candidates": 6, "max_active": 3, "n_steps": 60, "random_state": 0}
sums = BinarySparseCoding(24, **options).fit(digits)
maxima = MaximalCausesAnalysis(24, **options).fit(digits)

best = {m: m.posterior(digits, top=1)[0][:, 0] for m in (sums, maxima)}
gain = maxima.log_likelihood_lower_bound(digits) - sums.log_likelihood_lower_bound(digits)
gain[best[maxima].sum(axis=1) != 2] = -np.inf
some = np.argsort(-gain)[:8]  # of the digits that two causes make, where the maximum helps most
pairs = np.array([maxima.components_[best[maxima][i] > 0] for i in some])
rows = {
    "a digit": digits[some],
    "one cause": pairs[:, 0],
    "another": pairs[:, 1],
    "their maximum": maxima.inverse_transform(best[maxima][some]),
    "the best sum\n(other model)": sums.inverse_transform(best[sums][some]),
}

figure, axes = plt.subplots(len(rows), 1, figsize=(9, 6.4), layout="constrained")
for ax, (name, images) in zip(axes, rows.items(), strict=True):
    ax.imshow(mosaic(images, 8, len(some)), cmap="gray_r", vmin=0, vmax=16)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
maximum, total = (
    f"{24 * m.pi_:.2f} causes a digit, noise {m.sigma_:.2f}, {m.score(digits):.1f} nats a digit" for m in (maxima, sums)
)
figure.suptitle(f"Bold digits are thin ones on top of each other\nMaxima: {maximum}\nSums: {total}")

plt.show()

# %%
# **When not to use it.** Where a code is all that is wanted. K-SVD and online learning are much faster, take
# thousands of atoms, and let every coefficient be any number. And one run is not enough where it matters: EM ends in
# local optima, so give ``n_init`` and look at ``free_energy_``.
