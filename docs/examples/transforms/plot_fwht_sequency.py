"""
A photograph in square waves
============================

The Walsh–Hadamard transform writes a picture in square waves, with additions alone. In "sequency" order, by the number
of sign changes, most of a photograph lies in the first few of them. How good is it beside the cosine transform of JPEG?
"""

# %%
# A transform of the columns, then one of the rows; the largest 2 % of the coefficients are kept, and both are inverted.

import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import dctn, idctn
from skimage.data import camera

from sparsela.transforms import fwht

image = camera().astype(float)


def walsh(picture):
    """Orthonormal, and its own inverse: the matrix in sequency order is symmetric."""
    return fwht(fwht(picture, axis=0, order="sequency"), axis=1, order="sequency")


def keep(coefficients, share):
    threshold = np.quantile(np.abs(coefficients), 1 - share)
    return np.where(np.abs(coefficients) > threshold, coefficients, 0)


def psnr(picture):
    return 10 * np.log10(255**2 / np.mean((picture - image) ** 2))


square, cosine = walsh(image), dctn(image, norm="ortho")
of_squares, of_cosines = walsh(keep(square, 0.02)), idctn(keep(cosine, 0.02), norm="ortho")

figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
titles = (
    "The photograph",
    f"2 % of its square waves: {psnr(of_squares):.1f} dB",
    f"2 % of its cosines: {psnr(of_cosines):.1f} dB",
)
for ax, picture, title in zip(axes, (image, of_squares, of_cosines), titles, strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title)
    ax.axis("off")
figure.suptitle("Square waves keep the man, and leave blocks; cosines keep him smoother")

# %%
# What is kept at other shares, and where the energy lies: low sequencies, as low frequencies, hold nearly all of it.

shares = np.geomspace(0.002, 0.3, 12)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(100 * shares, [psnr(walsh(keep(square, s))) for s in shares], "s-", label="square waves: additions alone")
left.plot(100 * shares, [psnr(idctn(keep(cosine, s), norm="ortho")) for s in shares], "o-", label="cosines")
left.set(xscale="log", xlabel="coefficients kept, %", ylabel="PSNR, dB", title="Cosines are ahead at every share")
left.legend()
shown = right.imshow(np.log10(np.abs(square) + 1), cmap="magma")
right.set(title="Square waves by their sign changes", xlabel="across", ylabel="down")
figure.colorbar(shown, ax=right, label="log₁₀ of the coefficient's size")

# %%
# **When not to use it.** Photographs are smooth in most places, and cosines are smoother than square waves: for
# compression take the cosine transform. The Walsh–Hadamard transform is for where its two properties count: it costs
# additions alone, so it runs at the speed of memory, and it spreads any vector evenly once signs are flipped at random,
# which is what fast sketches and compressed sensing ask of it.
