"""
The FFT, found in a shuffled Fourier matrix
===========================================

The matrix of the discrete Fourier transform, its rows and columns shuffled, is given as 4096 complex numbers and
nothing else. Its six sparse factors are found from it: the fast Fourier transform. The same with a Hadamard matrix,
and with a matrix of real data, which has no exact factors of this kind and gets approximate ones.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import hadamard
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

import sparsela
from sparsela.transforms import butterfly_factorization

# %%
# Shuffle, and factor. The two orders are found with the factors, and absorbed in the first and the last of them.

rng = np.random.default_rng(0)


def shuffle(A):
    return A[rng.permutation(len(A))][:, rng.permutation(len(A))]


F = shuffle(np.fft.fft(np.eye(64), norm="ortho"))
result = butterfly_factorization(F, permutation="auto")
print(f"Fourier, order 64: relative error {result.relative_error:.0e}, {result.operator.nnz} non-zeros of {F.size}")

H = shuffle(rng.choice([-1, 1], (1024, 1)) * hadamard(1024) * rng.choice([-1, 1], 1024) / 32)
start = time.perf_counter()
found = butterfly_factorization(H, permutation="auto")
print(f"Hadamard, order 1024: relative error {found.relative_error:.0e} in {time.perf_counter() - start:.1f} s")

# %%
# The six factors, two non-zeros in each row and column, in the order of the product. The outer two are shuffled like
# the matrix; those between have the pattern of a butterfly.

figure, axes = plt.subplots(2, 4, figsize=(13, 6.6), layout="constrained")
axes = axes.ravel()
axes[0].imshow(F.real, cmap="RdBu")
axes[0].set_title("Shuffled Fourier matrix (real part)", fontsize=10)
for i, factor in enumerate(result.operator.factors_as("csr")):
    axes[i + 1].spy(factor, markersize=2.2, color="C0")
    axes[i + 1].set_title(f"Factor {i + 1}: {factor.nnz} non-zeros", fontsize=10)
axes[7].axis("off")
lines = (f"order 64\nerror {result.relative_error:.0e}", f"{F.size} numbers in,\n{result.operator.nnz} out")
axes[7].text(0.5, 0.5, "\n\n".join(lines), ha="center", va="center", fontsize=13)
for ax in axes[:7]:
    ax.set(xticks=[], yticks=[])
figure.suptitle("Six sparse factors, found in the numbers of a shuffled Fourier matrix")
plt.show()

# %%
# What they are good for: products, against the dense matrix. And a kernel matrix of 512 images of digits, ordered by
# their first principal component: blocks of higher rank come closer and store more.


def seconds(call):
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


orders, gains = [64, 128, 256, 512, 1024], {"Hadamard (real)": [], "Fourier (complex)": []}
with threadpool_limits(1), sparsela.config_context(n_jobs=1):  # a thread each
    for n in orders:
        for A, gain in zip(
            (hadamard(n) / np.sqrt(n), np.fft.fft(np.eye(n), norm="ortho")), gains.values(), strict=True
        ):
            A, X = shuffle(A), rng.standard_normal((n, 256)).astype(A.dtype)
            fast = butterfly_factorization(A, permutation="auto").operator
            gain.append(seconds(lambda A=A, X=X: A @ X) / seconds(lambda fast=fast, X=X: fast @ X))

digits = load_digits().data[:512] / 16
K = squareform(np.exp(-(pdist(digits[np.argsort(PCA(1).fit_transform(digits)[:, 0])]) ** 2) / 2)) + np.eye(512)
ranks = [1, 2, 3, 4, 6, 8]
fits = [butterfly_factorization(K, rank=rank) for rank in ranks]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for name, gain in gains.items():
    left.plot(orders, gain, "o-", label=name)
left.legend()
left.axhline(1, color="gray", lw=1)
left.set(xscale="log", yscale="log", xlabel="order", ylabel="time of dense / time of factors", xticks=orders)
left.set_xticklabels(orders)
left.minorticks_off()
left.set_title("Products with 256 vectors, one thread: the factors against BLAS", fontsize=10)
right.plot([fit.operator.nnz / K.size for fit in fits], [fit.relative_error for fit in fits], "o-")
for rank, fit in zip(ranks, fits, strict=True):
    place = fit.operator.nnz / K.size, fit.relative_error
    right.annotate(f"rank {rank}", place, xytext=(6, 4), textcoords="offset points")
right.set(xlabel="stored numbers / $n^2$", ylabel="relative error", ylim=(0, None))
right.set_title("Kernel matrix of 512 digits: no butterfly, approximated by one", fontsize=10)
figure.suptitle("Exact factors are fast to multiply by; approximate ones trade error for storage")
plt.show()

# %%
# **When not to use it.** For a Fourier or Hadamard transform in its usual order call ``scipy.fft`` or
# :func:`~sparsela.transforms.fwht`. A matrix that is no permuted butterfly is only approximated: look at
# ``relative_error``, and where blocks need a high rank, as in the kernel matrix above, the factors store as much as the
# matrix.
