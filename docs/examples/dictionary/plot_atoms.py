"""
What a roof is made of
======================

Learn 256 atoms from 8 × 8 patches of a pagoda in two ways, look at them, and see how soon online learning gets there,
here, in scikit-learn and, where it is installed, in SPAMS.
"""

# %%
# Patches without their means, scaled so that their pixels have unit variance: 20,000 to learn from, 2,000 to judge by.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import sparsela
from sparsela.coding import batch_lasso, batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import KSVD, OnlineDictionaryLearning

pagoda = load_sample_image("china.jpg").mean(axis=2)[60:310, 90:330]
patches = image_patches(pagoda, 8, n_patches=22_000, random_state=0)
patches /= patches.std()
X, held_out = patches[:20_000], patches[20_000:]

norms = np.linalg.norm(X, axis=1, keepdims=True)
start = (X / norms)[norms[:, 0] > 4][:256]  # patches with something in them

# %%
# K-SVD: five atoms a patch, least squared error. Online learning: the lasso, three passes over mini-batches.

ALPHA = 2.0

ksvd = KSVD(256, n_nonzero_coefs=5, max_iter=10, dict_init=start, random_state=0).fit(X)
online = OnlineDictionaryLearning(256, alpha=ALPHA, max_iter=3, dict_init=start, random_state=0).fit(X)

# %%
# The atoms, most used first.


def mosaic(D):
    """256 atoms as 16 × 16 tiles, black to white, with a line between them."""
    tiles = (D / abs(D).max(axis=1, keepdims=True)).reshape(256, 8, 8)
    tiles = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=1)
    return tiles.reshape(16, 16, 9, 9).swapaxes(1, 2).reshape(144, 144)[:-1, :-1]


def by_use(D, codes):
    users = codes.astype(bool).sum(axis=0)
    return D[np.argsort(-users)], users


figure, axes = plt.subplots(1, 2, figsize=(12, 6.4), layout="constrained")
k_sparse = batch_omp(held_out, ksvd.components_, n_nonzero_coefs=5, sparse_output=True)
lasso = batch_lasso(held_out, online.components_, alpha=ALPHA, sparse_output=True)
for ax, name, D, codes in (
    (axes[0], "K-SVD", ksvd.components_, k_sparse),
    (axes[1], "Online learning", online.components_, lasso),
):
    atoms, users = by_use(D, codes)
    ax.imshow(mosaic(atoms), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    n_atoms, largest = codes.nnz / len(held_out), users.max() / len(held_out)
    ax.set_title(f"{name}: {n_atoms:.1f} atoms a patch,\nthe first is in {largest:.0%} of them")
    ax.axis("off")
figure.suptitle("A roof is made of stripes, edges and lattices (most used atoms first)")

# %%
# Now the clock. Both libraries get the same mini-batches in the same order, from the same atoms, on one thread; after
# some of them the clock stops while exact lasso codes of the held-out patches give the objective. scikit-learn warns
# that a few of its codes stop short of its tolerance; the curves show that this does no harm. SPAMS learns in one call:
# each of its points is a run of its own, to that many mini-batches.


def course(model):
    seconds, objectives = [0.0], [objective(start)]
    for t, first in enumerate(range(0, len(X), 256), 1):
        begin = time.perf_counter()
        model.partial_fit(X[first : first + 256])
        seconds.append(time.perf_counter() - begin)
        objectives.append(objective(model.components_) if t % 10 == 0 or first + 256 >= len(X) else np.nan)
    kept = np.isfinite(objectives)
    return np.cumsum(seconds)[kept], np.array(objectives)[kept]


def objective(D):
    codes = batch_lasso(held_out, D, alpha=ALPHA, sparse_output=True)
    residual = held_out - codes @ D
    return (0.5 * np.vdot(residual, residual) + ALPHA * abs(codes).sum()) / len(held_out)


def spams_course(spams):
    columns, atoms = np.asfortranarray(X.T), np.asfortranarray(start.T)
    options = {"mode": spams.PENALTY, "lambda1": ALPHA, "batchsize": 256, "numThreads": 1, "verbose": False}
    seconds, objectives = [0.0], [objective(start)]
    for n_batches in (10, 20, 40, -(-len(X) // 256)):
        begin = time.perf_counter()
        D = spams.trainDL(columns, D=atoms.copy(order="F"), iter=n_batches, **options)
        seconds.append(time.perf_counter() - begin)
        objectives.append(objective(np.ascontiguousarray(D.T)))
    return np.array(seconds), np.array(objectives)


learners = {
    "sparsela, lasso": OnlineDictionaryLearning(256, alpha=ALPHA, dict_init=start),
    "scikit-learn, coordinate descent": MiniBatchDictionaryLearning(
        256, alpha=ALPHA, fit_algorithm="cd", batch_size=256, dict_init=start, transform_max_iter=1000
    ),
}
with sparsela.config_context(n_jobs=1), threadpool_limits(1), warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    courses = {name: course(model) for name, model in learners.items()}
    try:
        import spams

        courses["SPAMS, lasso"] = spams_course(spams)
    except ImportError:
        pass

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, (seconds, objectives) in courses.items():
    ax.semilogx(seconds[1:], objectives[1:], "o-", markersize=4, label=f"{name}: {seconds[-1]:.2f} s")
ours, theirs = list(courses.values())[:2]
ax.set(
    xlabel="seconds of learning, one thread",
    ylabel="lasso objective a held-out patch",
    title=f"One pass over 20,000 patches: {theirs[0][-1] / ours[0][-1]:.0f} times sooner than scikit-learn, "
    f"objectives within {abs(theirs[1][-1] / ours[1][-1] - 1):.1%}",
)
figure.legend(loc="outside lower center", ncols=2)

# %%
# **When not to use it.** Atoms describe the patches that they were learned from: for one small image, or where speed of
# coding is all, a fixed transform (cosines, wavelets) has a fast algorithm and nothing to learn. Where you want to know
# which atoms are *really* there, do not take these for them: the problem is not convex, and another start gives other
# atoms that code as well.
