"""
Block Krylov sees the small components of a field that the power method blurs
=============================================================================

Two hundred colours of a field in Indiana, a row for each pixel of every third line. A few components explain nearly
all of it; the small ones tell crops apart, and there two randomized methods differ at equal numbers of products.
"""

# %%
# The exact singular values are those of a 200 × 200 matrix.

import matplotlib.pyplot as plt
import numpy as np

from sparsela.datasets import load_indian_pines
from sparsela.lowrank import randomized_svd

image, _ = load_indian_pines()
X = image[::3, ::3].reshape(-1, image.shape[2]).astype(float)
X -= X.mean(axis=0)
exact = np.sqrt(np.linalg.eigvalsh(X.T @ X)[::-1])
k = 20

# %%
# The power method multiplies by 30 vectors (k + 10) in each of its products, block Krylov by 10, and keeps them all.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
seeds = range(5)
left.plot(np.arange(1, 41), exact[:40], "k.-", linewidth=1, label="exact")
for name, arguments, color in (
    ("power, 120 products", {"method": "power", "n_iter": 1}, "C1"),
    ("block Krylov, 120 products", {"n_iter": 6}, "C0"),
):
    found = np.array([randomized_svd(X, k, random_state=seed, **arguments).s for seed in seeds])
    middle = np.median(found, axis=0)
    spread = np.abs(found.max(axis=0) - middle), np.abs(middle - found.min(axis=0))
    left.errorbar(np.arange(1, k + 1), middle, spread[::-1], color=color, capsize=3, linewidth=1, label=name)
left.set(xlabel="component", ylabel="singular value", xlim=(12.5, 22.5))
left.set_ylim(0.95 * exact[21], 1.05 * exact[12])
left.set_title("The end of the scree plot, with bars over five seeds")
left.legend()

for name, color in (("power", "C1"), ("block-krylov", "C0")):
    products, worst = [], []
    for n_iter in range(8) if name == "power" else range(3, 19, 2):
        errors = [
            np.abs(randomized_svd(X, k, method=name, n_iter=n_iter, tol=0, random_state=seed).s / exact[:k] - 1).max()
            for seed in seeds
        ]
        products.append(60 * (n_iter + 1) if name == "power" else 20 * n_iter)
        worst.append((np.median(errors), min(errors), max(errors)))
    worst = np.maximum(np.array(worst), 1e-16)
    spread = np.abs(worst[:, 1:].T - worst[:, 0])
    right.errorbar(products, worst[:, 0], spread, color=color, marker="o", markersize=4, capsize=3, label=name)
right.set(xlabel="products with a vector", ylabel="worst relative error of 20 singular values", yscale="log")
right.set_title("What each product brings")
right.legend()

# %%
# **When not to use it.** With two hundred columns the eigenvectors of the 200 × 200 matrix, as in the first lines, are
# exact to half the digits and cost one product. Randomized methods are for matrices that are large on both sides, or
# that are known by their products alone.
