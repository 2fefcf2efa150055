"""
A quadratic kernel in a few hundred features
============================================

Products of all pairs of pixels tell digits apart better than pixels do, but there are 2080 of them. A tensor sketch
keeps their dot products in as few features as one likes, and never writes the products down.
"""

# %%
# Digits of 8 × 8 pixels, each of unit length, and the kernel ⟨x, x'⟩². Its features are the 2080
# products of two pixels, those of two different ones times √2.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize

from sparsela.sketch import TensorSketch

X, y = load_digits(return_X_y=True)
X = normalize(X).astype(np.float32)
train, test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
kernel = (test @ train.T) ** 2


def products(X):
    """All products of two pixels, so that their dot products are the kernel."""
    first, second = np.triu_indices(X.shape[1])
    return X[:, first] * X[:, second] * np.where(first < second, 2**0.5, 1)


def accuracy(here, there):
    """Of a logistic regression on features of the two halves."""
    return LogisticRegression(C=20, tol=1e-3).fit(here, y_train).score(there, y_test)


# %%
# For each number of features a few seeds: how far is the kernel off, and how well do two of the sketches classify?

lengths, seeds = 2 ** np.arange(5, 11), range(10)
error, score = np.empty((len(lengths), len(seeds))), np.empty((len(lengths), 2))
for i, k in enumerate(lengths):
    for seed in seeds:
        sketch = TensorSketch(int(k), degree=2, random_state=seed).fit(train)
        here, there = sketch.transform(train), sketch.transform(test)
        error[i, seed] = np.linalg.norm(there @ here.T - kernel) / np.linalg.norm(kernel)
        if seed < score.shape[1]:
            score[i, seed] = accuracy(here, there)
exact, pixels = accuracy(products(train), products(test)), accuracy(train, test)

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
left.loglog(lengths, error, "o", color="C0", markersize=4)
left.loglog(lengths, error.mean(axis=1)[0] * (lengths[0] / lengths) ** 0.5, "k--", label="slope −½")
left.set(xlabel="features k", ylabel="relative error of the kernel (Frobenius)")
left.set_title("The error falls as 1/√k; ten seeds each")
left.legend()
right.semilogx(lengths, 100 * score, "o", color="C0", markersize=4)
right.semilogx(lengths, 100 * score.mean(axis=1), color="C0", label="tensor sketch, k features")
right.axhline(100 * exact, color="k", linestyle="--", label="all 2080 products")
right.axhline(100 * pixels, color="C1", linestyle=":", label="the 64 pixels")
right.set(xlabel="features k", ylabel="digits named correctly, %")
right.set_title("A few hundred features classify as the exact kernel does")
right.legend()
for ax in (left, right):
    ax.set_xticks(lengths, [str(k) for k in lengths])
    ax.minorticks_off()
print(f"kernel off by {error.mean(axis=1)[-1]:.3f} with {lengths[-1]} features")
print(f"correct: pixels {pixels:.1%}, all products {exact:.1%}, {lengths[-1]} features {score[-1].mean():.1%}")

# %%
# **When not to use it.** With a few thousand samples the kernel itself fits in memory, and a support vector machine on
# it is exact. With few features their products can be written down, as here. Seeds differ, since all kernel values of
# similar samples are off together: look at more than one. Degrees above three need many features: the variance bound
# grows as 3 to the degree. And for a Gaussian kernel there are random Fourier features.
