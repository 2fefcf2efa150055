"""
How sparse is a roof?
=====================

How many atoms does an 8 × 8 patch of a photograph need, and which coder chooses them best?
"""

# %%
# Tile the photograph, set the mean of each tile aside, and learn 256 atoms for the rest from overlapping patches.

# sphinx_gallery_thumbnail_number = 2
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_sample_image

from sparsela.coding import batch_lasso, batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import KSVD

image = load_sample_image("china.jpg").mean(axis=2)[:424] / 255
tiles = image.reshape(53, 8, 80, 8).swapaxes(1, 2).reshape(-1, 64)
means = tiles.mean(axis=1, keepdims=True)
X = tiles - means

some = image_patches(image, 8, n_patches=20_000, random_state=0)
D = KSVD(256, n_nonzero_coefs=5, max_iter=15, random_state=0).fit(some).components_

# %%
# One, two, five, ten atoms a tile, and the share of the tiles' energy that they carry.


def as_image(rows):
    return rows.reshape(53, 80, 8, 8).swapaxes(1, 2).reshape(424, 640)


def share(residual):
    """Squared error as a share of the energy of the tiles."""
    return np.vdot(residual, residual) / np.vdot(X, X)


roof = np.s_[48:208, 120:312]
figure, axes = plt.subplots(1, 5, figsize=(15, 3.1), layout="constrained")
for ax, k in zip(axes, (1, 2, 5, 10), strict=False):
    codes = batch_omp(X, D, n_nonzero_coefs=k, sparse_output=True)
    rebuilt = codes @ D
    ax.imshow(as_image(rebuilt + means)[roof], cmap="gray", vmin=0, vmax=1)
    ax.set_title(f"{k} atom{'s'[: k > 1]} a tile: {1 - share(X - rebuilt):.0%}")
axes[-1].imshow(image[roof], cmap="gray", vmin=0, vmax=1)
axes[-1].set_title("All 64 pixels a tile")
for ax in axes:
    ax.axis("off")

# %%
# Three coders on one axis. OMP takes the atom best aligned with what is left; ORMP the one that will leave least, and
# its curve lies just under OMP's. The lasso chooses all at once, and shrinks: it is "debiased" by least squares on the
# atoms that it chose. OMP may also stop at a residual instead of a number of atoms: then flat tiles cost nothing, as
# with the lasso.


def debiased(codes):
    """Residuals of least squares on the support of each code, all signals at once."""
    n_atoms = np.diff(codes.indptr)
    kept = np.arange(n_atoms.max()) < n_atoms[:, None]
    index = np.full(kept.shape, len(D))
    index[kept] = codes.indices
    atoms = np.vstack([D, np.zeros(64)])[index]  # (tiles, most atoms, 64), filled up with a zero atom
    gram = atoms @ atoms.swapaxes(1, 2) + 1e-9 * np.eye(kept.shape[1])
    values = np.linalg.solve(gram, atoms @ X[:, :, None])
    return X - (values * atoms).sum(axis=1)


def course(code, settings):
    """(mean number of atoms, share of the error) for each setting, and seconds a setting."""
    begin = time.perf_counter()
    codes = [code(setting) for setting in settings]
    seconds = (time.perf_counter() - begin) / len(settings)
    return [(c.nnz / len(X), share(X - c @ D)) for c in codes], seconds, codes


def pursuit(variant):
    return lambda k: batch_omp(X, D, n_nonzero_coefs=k, variant=variant, sparse_output=True)


def to_residual(tol):
    return batch_omp(X, D, tol=tol, sparse_output=True)


def lasso(alpha):
    return batch_lasso(X, D, alpha=alpha, sparse_output=True)


curves = {
    "OMP, k atoms": course(pursuit("omp"), range(1, 13)),
    "ORMP, k atoms": course(pursuit("ormp"), range(1, 13)),
    "OMP, to a residual": course(to_residual, np.geomspace(1.5, 0.05, 12)),
    "Lasso": course(lasso, np.geomspace(0.6, 0.06, 12)),
}
_, _, codes = curves["Lasso"]
curves["Lasso, debiased"] = [(c.nnz / len(X), share(debiased(c))) for c in codes], None, None

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for (name, (points, seconds, _)), style in zip(curves.items(), ("o-", "s-", "d-", "^:", "^-"), strict=True):
    label = name if seconds is None else f"{name}: {seconds:.2f} s"
    ax.plot(*np.transpose(points), style, markersize=4, label=label)
ax.set(
    xlabel="mean number of atoms a tile",
    ylabel="squared error, share of the energy",
    title="Stopping at a residual spends atoms where they are needed: half the error",
    xlim=(0, 12.5),
    ylim=(0, 0.8),
)
ax.yaxis.set_major_formatter(PercentFormatter(1))
ax.legend(title="and seconds to code all tiles")

# %%
# **When not to use it.** Here the budget is atoms, and greedy coders spend it well. Take the lasso where the code is
# what you want: it is a minimum of a convex problem, certified by a duality gap, and moves little when the signal does,
# where greedy codes may jump. And do not count atoms where there is no dictionary to speak of: over atoms that are not
# made for the signals, no coder is sparse.
