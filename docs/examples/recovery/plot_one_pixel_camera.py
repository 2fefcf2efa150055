"""
A photograph from a quarter of its measurements
===============================================

A camera with one pixel measures sums of the scene through patterns of +1 and −1: rows of a Hadamard matrix. A quarter
as many sums as pixels is enough, because a photograph is sparse in wavelets. Six solvers, one photograph.
"""

# %%
# The scene, 256 × 256 pixels of ``skimage.data.camera``, and the operator: an inverse wavelet transform (db4, six
# levels, orthonormal), then random signs and some rows of a fast Walsh–Hadamard transform. Both halves are orthonormal,
# so ``A Aᴴ = I``, and the operator says so by its attribute ``row_gram``. No matrix is ever formed.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pywt
from scipy.sparse.linalg import LinearOperator
from skimage.data import camera
from skimage.transform import downscale_local_mean

from sparsela.recovery import PartialWHT, bpdn, fista, htp, niht, nst_ht_fb, subspace_pursuit

scene = downscale_local_mean(camera() / 255.0, (2, 2))
side, n = scene.shape[0], scene.size
m, k = n // 4, n // 40
rng = np.random.default_rng(0)
pixel = PartialWHT(n, np.sort(rng.choice(n, m, replace=False)), signs=rng.choice([-1.0, 1.0], n))
layout = pywt.coeffs_to_array(pywt.wavedec2(scene, "db4", mode="periodization", level=5))[1]


def image_of(x):
    coefficients = pywt.array_to_coeffs(x.reshape(side, side), layout, output_format="wavedec2")
    return pywt.waverec2(coefficients, "db4", mode="periodization").ravel()


def wavelets_of(image):
    parts = pywt.wavedec2(image.reshape(side, side), "db4", mode="periodization", level=5)
    return pywt.coeffs_to_array(parts)[0].ravel()


A = LinearOperator(
    (m, n), matvec=lambda x: pixel.matvec(image_of(x)), rmatvec=lambda r: wavelets_of(pixel.rmatvec(r)), dtype=float
)
A.row_gram = 1.0
y = pixel.matvec(scene.ravel())

# %%
# Some are told the number of wavelets (a tenth of the number of measurements), others the weight of an ℓ1 penalty or
# what may be missed of y. A photograph is not exactly sparse: nobody reaches ``tol``, and each ends by its own rule.

peak = np.abs(A.rmatvec(y)).max()
solvers = {
    "zero-filled": lambda: A.rmatvec(y),
    "NST + HT + feedback": lambda: nst_ht_fb(A, y, k, max_iter=30).x,
    "HTP": lambda: htp(A, y, k, max_iter=30).x,
    "subspace pursuit": lambda: subspace_pursuit(A, y, k, max_iter=10).x,
    "normalised IHT": lambda: niht(A, y, k, max_iter=40).x,
    "FISTA": lambda: fista(A, y, 1e-2 * peak, step=1.0, polish=False, tol=1e-5, max_iter=60).x,
    "BPDN": lambda: bpdn(A, y, 0.02 * np.linalg.norm(y), tol=1e-3, max_iter=60).x,
}
found = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name, solve in solvers.items():
        start = time.perf_counter()
        picture = image_of(solve()).reshape(side, side)
        seconds = time.perf_counter() - start
        found[name] = picture, seconds, -10 * np.log10(np.mean((picture - scene) ** 2))

# %%
# The picture, and what a second of computing buys.

figure, axes = plt.subplots(2, 4, figsize=(12, 6.6), layout="constrained")
pictures = [("the scene", scene)] + [(name, picture) for name, (picture, *_) in found.items()]
for ax, (name, picture) in zip(axes.flat, pictures, strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    label = "" if name == "the scene" else f"\n{found[name][2]:.1f} dB, {found[name][1]:.2f} s"
    ax.set_title(name + label, fontsize="medium")
    ax.axis("off")
best = max((n for n in found), key=lambda n: found[n][2])
figure.suptitle(f"{m:,} sums of {n:,} pixels: {best} gives {found[best][2]:.1f} dB")

# %%
# **When not to use it.** If you may choose what to measure, measure the low frequencies or the large wavelets: random
# sums are for cameras that cannot. And where many pictures are at hand, a prior learned from them beats sparsity in
# wavelets by several decibels.
