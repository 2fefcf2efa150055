"""Code many signals over one dictionary.

Given signals X (n_samples, n_features) and a dictionary D (n_components, n_features) with one atom a row, find sparse
codes C with ``X ≈ C D``:

- :func:`batch_omp`: at most k atoms a signal, or as many as a residual bound needs (greedy; the fastest).
- :func:`batch_lasso`: the convex problem, to a certified duality gap; :func:`batch_lasso_path`: one signal at every
  penalty.
- :func:`threshold_encode`: thresholded correlations, one matrix product.
- :class:`PredictiveSparseDecomposition`: atoms, and a one-layer network that predicts their codes.
- :func:`sparse_encode`, :class:`SparseCoder`: all of them behind scikit-learn's names, a function and a transformer.

Everything is one matrix product for a block of signals, then a kernel that works on the Gram matrix and stays in cache.
"""

from sparsela.coding._encode import sparse_encode
from sparsela.coding._estimators import SparseCoder
from sparsela.coding._lasso import batch_lasso
from sparsela.coding._omp import batch_omp
from sparsela.coding._path import batch_lasso_path
from sparsela.coding._predictive import PredictiveSparseDecomposition
from sparsela.coding._threshold import threshold_encode

__all__ = [
    "PredictiveSparseDecomposition",
    "SparseCoder",
    "batch_lasso",
    "batch_lasso_path",
    "batch_omp",
    "sparse_encode",
    "threshold_encode",
]
