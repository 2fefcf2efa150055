"""
News and words that stand for the others
========================================

A singular vector of word counts mixes all documents and all words. A CUR factorization is made of documents and words
that are there: they can be read, and they are as sparse as the data.
"""

# %%
# 395 news of Reuters and 4,258 words, as logarithms of counts. Twelve singular vectors choose twelve news and twelve
# words, by pivots of elimination.

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp

from sparsela.datasets import load_reuters
from sparsela.lowrank import cur, randomized_svd

counts, titles, words = load_reuters(return_names=True)
A = sp.csr_array(counts)
A.data = np.log1p(A.data)
ranks = [4, 8, 12, 24, 48]
total = np.sqrt((A.data**2).sum())


def error(C, U, R):  # ‖A − C U R‖, without the difference
    CU, R = C @ U, R.toarray()
    square = np.sum((CU.T @ CU) * (R @ R.T))
    return np.sqrt(max(total**2 - 2 * np.sum((A @ R.T) * CU) + square, 0)) / total


found = {k: cur(A, k, random_state=0) for k in ranks}
svds = {k: randomized_svd(A, k, random_state=0) for k in ranks}

# %%
# Left, what the factorizations miss; right, the words of one singular vector beside those that were chosen.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", width_ratios=[1, 1.2])
best = [np.sqrt(max(1 - (svds[k].s ** 2).sum() / total**2, 0)) for k in ranks]
axes[0].plot(ranks, best, "o-", label="singular vectors")
axes[0].plot(ranks, [error(f.C, f.U, f.R) for f in found.values()], "o-", label="CUR, chosen by DEIM")
axes[0].set(xlabel="rank", ylabel="relative error", title="what it costs to be readable")
axes[0].legend()
chosen = [words[j] for j in found[12].column_indices]
vector = svds[12].Vt[2]
loudest = [words[j] for j in np.argsort(-np.abs(vector))[:12]]
news = [titles[i].split(": ")[-1].split(". ")[0] for i in found[12].row_indices[:6]]
text = "\n".join(
    ["words chosen:", "  " + ", ".join(chosen[:6]), "  " + ", ".join(chosen[6:]), "", "news chosen:"]
    + [f"  {title.lower()}" for title in news]
    + ["", f"third singular vector: {np.sum(np.abs(vector) > 1e-6):,} words, the loudest"]
    + ["  " + ", ".join(loudest[:6]), "  " + ", ".join(loudest[6:])]
)
axes[1].text(0, 0.98, text, va="top", fontsize=9)
axes[1].axis("off")
figure.suptitle("Twelve words and twelve news that can be read")

# %%
# **When not to use it.** For the smallest error at a rank, keep the singular vectors. Where several columns are nearly
# the
# same, which of them is chosen means little, and another seed of noise in the data chooses another.
