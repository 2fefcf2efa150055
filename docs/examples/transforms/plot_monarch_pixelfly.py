"""
Monarch and pixelfly: where structure pays, and where the SVD wins
==================================================================

Three ways to store a matrix in fewer numbers: a truncated SVD, a Monarch matrix (two block-diagonal factors), and a
sparse part on a butterfly pattern plus a part of low rank (pixelfly). On a kernel matrix and on a photograph.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from skimage.data import camera
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from sparsela.transforms import flat_block_butterfly_mask, monarch_project, pixelfly_fit

# %%
# The Gaussian kernel of 512 images of digits, in the order of the leaves of a dendrogram: similar images are
# neighbours, so the large entries gather in blocks near the diagonal. And a photograph, taken as a matrix.

distances = pdist(load_digits().data[:512] / 16)
order = leaves_list(linkage(distances, "average"))
kernel = np.exp(-(squareform(distances)[np.ix_(order, order)] ** 2) / 2)
matrices = {"Kernel of 512 digits": kernel, "Photograph as a matrix": camera() / 255}

# %%
# The error of each, for equal storage.


def curves(A):
    n, length = len(A), np.linalg.norm(A)
    s = np.linalg.svd(A, compute_uv=False)
    ranks = np.arange(8, 90, 4)
    yield "truncated SVD", 2 * ranks / n, [np.sqrt((s[r:] ** 2).sum()) / length for r in ranks]
    monarchs = [monarch_project(A, rank=r) for r in range(1, 9)]
    errors = [np.linalg.norm(A - M.toarray()) / length for M in monarchs]
    kept = [(M.nnz / n**2, error) for M, error in zip(monarchs, errors, strict=True) if M.nnz < 0.4 * n**2]
    yield "Monarch", *zip(*kept, strict=True)
    masks = [flat_block_butterfly_mask(n, n, block_size=16, n_factors=k).toarray() for k in range(6)]
    yield "pattern alone", [m.mean() for m in masks], [np.linalg.norm(A * ~m) / length for m in masks]
    fits = [pixelfly_fit(A, block_size=8, n_factors=1, density=d, tol=1e-3) for d in (0.05, 0.1, 0.2)]
    yield "pixelfly", [fit.operator.nnz / n**2 for fit in fits], [fit.relative_error for fit in fits]


figure, axes = plt.subplots(2, 2, figsize=(11, 8), width_ratios=(1, 1.5), layout="constrained")
for (name, A), (left, right) in zip(matrices.items(), axes, strict=True):
    left.imshow(A, cmap="gray")
    left.set(xticks=[], yticks=[], title=name)
    with threadpool_limits(1):  # matrices of this order keep one thread busy, not more
        for label, storage, error in curves(A):
            right.plot(storage, error, "o-", ms=3, label=label)
    right.set(xlabel="stored numbers / $n^2$", ylabel="relative error", xlim=(0, 0.33), ylim=(0, None))
    right.legend()
figure.suptitle(
    "A pattern plus low rank halves the error of the SVD on a kernel matrix; on a photograph the SVD is best"
)
plt.show()

# %%
# **When not to use it.** Without a near-diagonal or clustered part, as in the photograph, nothing beats the truncated
# SVD but by accident of the layout. The order of rows and columns is part of the model: shuffle the kernel matrix, and
# the pattern holds noise. Monarch matrices are for operators close to a fast transform, and for speed: two batches of
# small products.
