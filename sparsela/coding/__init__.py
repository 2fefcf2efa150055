"""Code many signals over one dictionary.

Given signals X (n_samples, n_features) and a dictionary D (n_components, n_features) with one atom a row, find sparse
codes C with ``X ≈ C D``:

- :func:`batch_omp`: at most k atoms a signal, or as many as a residual bound needs (greedy; the fastest).
- :func:`batch_lasso`: the convex problem, to a certified duality gap.
- :func:`sparse_encode`, :class:`SparseCoder`: both behind scikit-learn's names, as a function and as a transformer.

Everything is one matrix product for a block of signals, then a kernel that works on the Gram matrix and stays in cache.
"""

from sparsela.coding._encode import sparse_encode
from sparsela.coding._estimators import SparseCoder
from sparsela.coding._lasso import batch_lasso
from sparsela.coding._omp import batch_omp

__all__ = ["SparseCoder", "batch_lasso", "batch_omp", "sparse_encode"]
