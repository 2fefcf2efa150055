"""Code many signals over one dictionary.

Given signals X (n_samples, n_features) and a dictionary D (n_components, n_features) whose rows are unit atoms, find
sparse codes C with ``X ≈ C D``:

- :func:`batch_omp`: at most k atoms a signal, or as many as a residual bound needs (greedy).
"""

from sparsela.coding._lasso import batch_lasso
from sparsela.coding._omp import batch_omp

__all__ = ["batch_lasso", "batch_omp"]
