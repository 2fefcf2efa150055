"""
How a computer rediscovers the fast Hadamard transform
======================================================

Given nothing but the 1024 entries of a Hadamard matrix, peel off one sparse factor after the other until the fast
algorithm lies there: five factors with two entries a row.
"""

# %%
# The Hadamard matrix of order n has no zero, so a product with it costs n² multiplications. That there is a way with
# n log n of them is a theorem of 1893; here nobody tells. All that is asked for is a product of factors that have two
# non-zeros in each row or column, times a rest with fewer and fewer.

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import hadamard

from sparsela.transforms import hierarchical_factorization, proj

n = 32
H = hadamard(n) / np.sqrt(n)
sets = [proj.splincol(2) for _ in range(4)]
residuals = [proj.splincol(n >> level) for level in range(1, 5)]
results = [hierarchical_factorization(H, sets[:level], residuals[:level]) for level in range(1, 5)]

# %%
# A row of pictures is one level: what has been split off so far, and the rest; purple is positive, orange negative.
# Every level is exact, and most have fewer entries than the one before: 1024 become 320.

steps = [[H]] + [[np.asarray(S) for S in result.operator.factors_as("dense")] for result in results]
figure, axes = plt.subplots(5, 5, figsize=(8.4, 9), layout="constrained")
for row, factors in zip(axes, steps, strict=True):
    for ax, S in zip(row, factors, strict=False):
        ax.imshow(S, cmap="PuOr", vmin=-np.abs(S).max(), vmax=np.abs(S).max(), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
    for ax in row[len(factors) :]:
        ax.set_axis_off()
    row[0].set_ylabel(f"{sum(np.count_nonzero(S) for S in factors)} entries", fontsize=11)
    row[len(factors) - 1].set_title("the matrix" if len(factors) == 1 else "the rest", fontsize=10)
for ax in axes[-1]:
    ax.set_title("")
error = results[-1].relative_error
figure.suptitle(f"Level by level, a dense matrix becomes five butterflies; they multiply to it up to {error:.0e}")

# %%
# The last row is the algorithm: the products with its factors, from right to left, are the stages of the fast
# transform. Nothing said so, and the factors are not those of the textbook: rows and signs came out as they did. The
# operator multiplies as the matrix does.

A = results[-1].operator
x = np.sin(np.arange(n))
print(A)
print("largest difference of a product:", np.abs(A @ x - H @ x).max())

plt.show()

# %%
# **When not to use it.** To find a butterfly in a matrix whose rows or columns are shuffled, or that is noisy: this
# method then stops at relative errors of 0.4 to 0.8, and knows it (``relative_error``). It is for matrices of no known
# structure, where a few times fewer entries at some error are worth having; and where the transform is known, write it
# down.
