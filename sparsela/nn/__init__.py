"""Truly sparse multilayer perceptrons: no array of the size of the dense weights exists at any step of training.

From the inside out:

- :func:`spmm` and :func:`sddmm` multiply; :class:`SparseLinear` is a layer over them, :class:`CondensedLinear` the same
  for inference.
- :func:`erk_density` and its kin share weights among layers, :func:`random_topology` draws where they are.
- :class:`SparseMLPClassifier` and :class:`SparseMLPRegressor` train networks, static or with a topology that moves:
  :class:`SET`, :class:`RigL`, :class:`SRigL`, :class:`SparseMomentum`.
- :class:`QuickSelection` selects features by a sparse network that rebuilds its input.
- :func:`prune`, :func:`prune_n_m` and :func:`net_trim` take weights out of a trained network.
- :class:`KSparseAutoencoder`, :class:`HierarchicalTopKAutoencoder`, :class:`MatryoshkaAutoencoder` learn sparse codes.

What is built on scikit-learn loads when it is first named: a network of layers alone takes a third less memory.
"""

import importlib

from sparsela._core.sparse_backend import available_backends, sddmm, spmm
from sparsela.nn._dynamic import SET, RigL, SparseMomentum, SRigL
from sparsela.nn._linear import CondensedLinear, SparseLinear
from sparsela.nn._pruning import prune, prune_n_m
from sparsela.nn._topology import (
    allocate_weights,
    balanced_density,
    erk_density,
    iso_flop_width,
    random_topology,
    uniform_density,
    widen_for_sparsity,
)

_LATER = {
    "HierarchicalTopKAutoencoder": "_autoencoders",
    "KSparseAutoencoder": "_autoencoders",
    "MatryoshkaAutoencoder": "_autoencoders",
    "NetTrimResult": "_net_trim",
    "QuickSelection": "_selection",
    "SparseMLPClassifier": "_estimators",
    "SparseMLPRegressor": "_estimators",
    "net_trim": "_net_trim",
}

__all__ = [
    "SET",
    "CondensedLinear",
    "HierarchicalTopKAutoencoder",
    "KSparseAutoencoder",
    "MatryoshkaAutoencoder",
    "NetTrimResult",
    "QuickSelection",
    "RigL",
    "SRigL",
    "SparseLinear",
    "SparseMLPClassifier",
    "SparseMLPRegressor",
    "SparseMomentum",
    "allocate_weights",
    "available_backends",
    "balanced_density",
    "erk_density",
    "iso_flop_width",
    "net_trim",
    "prune",
    "prune_n_m",
    "random_topology",
    "sddmm",
    "spmm",
    "uniform_density",
    "widen_for_sparsity",
]


def __getattr__(name: str):
    if name in _LATER:
        return getattr(importlib.import_module(f"sparsela.nn.{_LATER[name]}"), name)
    raise AttributeError(f"module 'sparsela.nn' has no attribute {name!r}")
