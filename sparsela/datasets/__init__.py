"""Planted problems and small real data, in one place for tests, gallery and benchmarks."""

from sparsela.datasets._images import image_patches
from sparsela.datasets._planted import make_sparse_signal

__all__ = ["image_patches", "make_sparse_signal"]
