"""
The product of two tables that never met
========================================

Which words go with which? Two machines hold two halves of a vocabulary, for the same paragraphs. Each keeps a few
hundred paragraphs, chosen by a hash of their number, so that both choose alike; a linear sketch has to keep far more.
"""

# %%
# Word weights of Wikipedia's paragraphs, the vocabulary dealt out to two tables.

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import norm
from sklearn.feature_extraction.text import TfidfVectorizer

from sparsela.datasets import load_wiki_paragraphs
from sparsela.sketch import approx_matmul, coordinated_sample, product_from_samples

X = TfidfVectorizer(min_df=20, sublinear_tf=True).fit_transform(load_wiki_paragraphs())
A, B = X[:, ::2].tocsr(), X[:, 1::2].tocsr()
exact = (A.T @ B).toarray()
scale = norm(A) * norm(B)


def error(W):
    """Relative to the lengths of both tables."""
    return np.linalg.norm(W - exact) / scale


# %%
# A sampled row costs its non-zeros, a row of a sketch costs as many numbers as there are words.

figure, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
for method, marker in (("priority", "o"), ("threshold", "s")):
    stored, errors = [], []
    for size in (50, 100, 200, 400, 800, 1600):
        samples = [[coordinated_sample(M, size, method=method, random_state=s) for M in (A, B)] for s in range(3)]
        stored.append(np.mean([SA.rows.nnz + SB.rows.nnz for SA, SB in samples]))
        errors.append(np.sqrt(np.mean([error(product_from_samples(*pair)) ** 2 for pair in samples])))
    axis.loglog(stored, errors, marker + "-", label=f"coordinated sample, {method}")
for kind, marker in (("countsketch", "^"), ("gaussian", "v")):
    stored, errors = [], []
    for k in (16, 64, 256):
        stored.append(k * (A.shape[1] + B.shape[1]))
        found = [error(approx_matmul(A, B, k, kind=kind, random_state=s)) for s in range(2)]
        errors.append(np.sqrt(np.mean(np.square(found))))
    axis.loglog(stored, errors, marker + "--", label=f"linear sketch, {kind}")
axis.set(xlabel="numbers that are stored", ylabel="rms error / (‖A‖ ‖B‖)")
axis.set_title("Samples of sparse rows need a fraction of the numbers")
axis.legend()

# %%
# **When not to use it.** Dense rows cost as much in a sample as in a sketch, and then a sketch, which adds up whatever
# comes and takes changes, is the better one. And both tables must hold the same ids: rows that match by anything else,
# a similarity say, have first to be matched.
