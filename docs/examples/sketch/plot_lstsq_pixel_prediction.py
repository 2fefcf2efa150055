"""
A quarter of a million equations, solved as well as by QR
=========================================================

How well does a photograph predict each of its pixels from the hundred and twenty around it? That is a least-squares
problem with 252,004 rows. A sketch of it, twenty times as many rows as columns, makes LSQR converge in two dozen steps.
"""

# %%
# Every pixel of a photograph, and its 11 × 11 neighbourhood without the pixel itself.

import time

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
from scipy.sparse.linalg import lsqr
from skimage.data import camera

from sparsela.sketch import lstsq

image = camera().astype(float) / 255
windows = np.lib.stride_tricks.sliding_window_view(image, (11, 11)).reshape(-1, 121)
A, b = np.delete(windows, 60, axis=1), np.ascontiguousarray(windows[:, 60])


def timed(call):
    """The result, and seconds."""
    begin = time.perf_counter()
    found = call()
    return found, time.perf_counter() - begin


# %%
# LSQR without help has six digits after eighty steps: neighbours are nearly equal, and A is ill-conditioned. With the
# triangle of the QR factors of a sketch as a preconditioner, twenty steps go down to rounding.

ours, ours_seconds = timed(lambda: lstsq(A, b, random_state=0, return_history=True))
direct, direct_seconds = timed(lambda: scipy.linalg.lstsq(A, b, lapack_driver="gelsy")[0])
plain_steps = np.array([5, 10, 20, 40, 80])
plain = [lsqr(A, b, atol=0, btol=0, conlim=0, iter_lim=steps)[0] for steps in plain_steps]


def excess(x):
    """How much longer the residual is than the shortest, relative to b: the root of the difference of squares."""
    return np.linalg.norm(A @ (x - direct)) / np.linalg.norm(b)


# %%
# The sketched problem alone is cheaper still, at an error that falls as the root of its size: good for a look, useless
# for eight digits.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
first = ours.history["cycle"] == 0
normal = ours.history["normal_residual"]
left.semilogy(normal / normal[0], label="preconditioned, two cycles")
left.axvline(first.sum() - 0.5, color="0.8", linestyle="--")
left.set(xlabel="step", ylabel="normal residual, over that of the first step")
left.set_title(f"Down to rounding in {first.sum()} steps")
plain_axis = left.inset_axes((0.45, 0.55, 0.5, 0.4))
plain_axis.semilogy(plain_steps, [excess(x) for x in plain], "o-", color="C1", markersize=4)
plain_axis.set_title("plain LSQR: distance from the solution", fontsize=8)
for factor in (2, 5, 20, 80):
    rough, seconds = timed(
        lambda: lstsq(A, b, method="sketch-and-solve", sampling_factor=factor, random_state=0)  # noqa: B023
    )
    middle.loglog(seconds, excess(rough.x), "o", color="C2", label="sketch and solve" if factor == 2 else None)
    middle.annotate(
        f"k = {factor} n", (seconds, excess(rough.x)), textcoords="offset points", xytext=(6, 4), fontsize=8
    )
middle.loglog(ours_seconds, excess(ours.x), "o", color="C0", label="sketched preconditioner")
middle.axvline(direct_seconds, color="0.6", linestyle="--", label="QR (LAPACK gelsy)")
middle.set(xlabel="seconds", ylabel="‖A (x − x of QR)‖ / ‖b‖")
middle.set_title("All the digits of QR, in a fraction of its time")
middle.legend(loc="center left")

right.imshow((b - A @ ours.x).reshape(502, 502), cmap="RdBu", vmin=-0.15, vmax=0.15)
right.set_axis_off()
right.set_title(f"What neighbours do not know: {np.std(b - A @ ours.x) / np.std(b):.1%} of the contrast")

# %%
# **When not to use it.** With fewer than ten rows a column there is nothing to save, and :func:`~sparsela.sketch.lstsq`
# calls LAPACK itself. Where two digits do, as they often do in regression, normal equations or stochastic gradients are
# cheaper; where A comes in parts, use a :class:`~sparsela.sketch.StreamingSketch` and accept its error.
