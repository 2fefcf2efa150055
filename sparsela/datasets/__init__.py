"""Planted problems and small real data, in one place for tests, gallery and benchmarks."""

from sparsela.datasets._counts import load_movielens, load_reuters
from sparsela.datasets._images import image_patches
from sparsela.datasets._mnist import load_idx, load_mnist_5000
from sparsela.datasets._phaseless import make_phaseless
from sparsela.datasets._planted import make_sparse_signal
from sparsela.datasets._spectra import load_indian_pines
from sparsela.datasets._text import load_wiki_paragraphs
from sparsela.datasets._video import load_carphone

__all__ = [
    "image_patches",
    "load_carphone",
    "load_idx",
    "load_indian_pines",
    "load_mnist_5000",
    "load_movielens",
    "load_reuters",
    "load_wiki_paragraphs",
    "make_phaseless",
    "make_sparse_signal",
]
