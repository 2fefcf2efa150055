"""
Stars from magnitudes without signs
===================================

A detector that measures ``|⟨a, x⟩|`` loses the sign of every measurement. Sixty bright pixels among 2304 come back
exactly from 1500 such magnitudes, and the last steps of Newton projection square the error.
"""

# %%
# The scene: a piece of the Hubble deep field (``skimage.data.hubble_deep_field``), 48 × 48 pixels, grey, of which the
# 60 brightest are kept. The measurements: magnitudes of 1500 Gaussian combinations of the pixels.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import hubble_deep_field
from sklearn.exceptions import ConvergenceWarning

from sparsela.datasets import make_phaseless
from sparsela.phase import htp, newton_projection, phase_error, retrieve, sparta

side, n_bright, m = 48, 60, 1500
sky = hubble_deep_field().mean(axis=2)[48 : 48 + side, 696 : 696 + side].ravel() / 255
x = np.zeros(side * side)
brightest = np.argsort(sky)[-n_bright:]
x[brightest] = sky[brightest]
rng = np.random.default_rng(0)
A = rng.standard_normal((m, x.size))
y = np.abs(A @ x)
found = retrieve(A, y, n_bright)

# %%
# From one and the same start, the spectral one, the error after every step. The global sign of x cannot be known:
# ``phase_error`` compares without it.

courses = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, method in {"Newton projection": newton_projection, "HTP": htp, "SPARTA": sparta}.items():
        errors = courses[name] = []
        method(A, y, n_bright, callback=lambda state, e=errors: e.append(phase_error(state.x, x)))

# %%
# How many magnitudes are enough? Twenty random problems a point, 6 non-zeros among 200: from one start, and from up to
# 32 with :func:`retrieve`, whose residual says which of them succeeded.

magnitudes = [30, 40, 50, 60, 80, 100, 130, 160]
one, many = [], []
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for n_magnitudes in magnitudes:
        problems = [make_phaseless(200, n_magnitudes, 6, random_state=seed) for seed in range(20)]
        one.append(np.mean([phase_error(newton_projection(B, b, 6).x, z) < 1e-3 for B, b, z in problems]))
        many.append(np.mean([phase_error(retrieve(B, b, 6).x, z) < 1e-3 for B, b, z in problems]))

# %%
# The sky, the sky found (square roots of the intensities), the errors, and the share of problems solved.

figure, axes = plt.subplots(2, 2, figsize=(10, 8.4), layout="constrained")
truth, answer, course, success = axes.flat
for ax, picture, title in (
    (truth, x, f"{n_bright} bright pixels"),
    (answer, found.x, f"from {m} magnitudes: error {phase_error(found.x, x):.0e}"),
):
    ax.imshow(np.sqrt(picture.reshape(side, side).clip(0)), cmap="magma")
    ax.set_title(title)
    ax.axis("off")
for (name, errors), marker in zip(courses.items(), "osv", strict=True):
    course.semilogy(np.arange(1, len(errors) + 1), errors, marker=marker, ms=4, label=name)
course.set(xlabel="step", ylabel="error", title="the last steps of Newton projection square the error")
course.legend()
success.plot(magnitudes, one, "o-", label="one start")
success.plot(magnitudes, many, "s-", label="retrieve: up to 32 starts")
success.set(xlabel="magnitudes", ylabel="share solved", title="6 non-zeros of 200: many starts, one is right")
success.legend()
figure.suptitle(f"{n_bright} bright pixels of {x.size}, found from {m} magnitudes without a sign")

# %%
# **When not to use it.** These methods are for measurements by random vectors that mix all unknowns. Magnitudes of a
# plain Fourier transform, as in crystallography, leave shifts and mirror images open and need other constraints (a
# support, a positive image). And where signs can be had by any means, take them: the solvers of ``sparsela.recovery``
# then need far fewer measurements.
