"""Truly sparse multilayer perceptrons: no array of the size of the dense weights exists at any step of training.

From the inside out:

- :func:`spmm` and :func:`sddmm` multiply; :class:`SparseLinear` is a layer over them, :class:`CondensedLinear` the same
  for inference.
- :func:`erk_density` and its kin share weights among layers, :func:`random_topology` draws where they are.
- :class:`SparseMLPClassifier` and :class:`SparseMLPRegressor` train networks, static or with a topology that moves:
  :class:`SET`, :class:`RigL`, :class:`SRigL`, :class:`SparseMomentum`.
- :class:`QuickSelection` selects features by a sparse autoencoder.

Estimators load when they are first named: layers alone need no scikit-learn.
"""

import importlib

from sparsela._core.sparse_backend import available_backends, sddmm, spmm
from sparsela.nn._dynamic import SET, RigL, SparseMomentum, SRigL
from sparsela.nn._linear import CondensedLinear, SparseLinear
from sparsela.nn._topology import (
    allocate_weights,
    balanced_density,
    erk_density,
    iso_flop_width,
    random_topology,
    uniform_density,
    widen_for_sparsity,
)

_ESTIMATORS = {
    "QuickSelection": "_selection",
    "SparseMLPClassifier": "_estimators",
    "SparseMLPRegressor": "_estimators",
}

__all__ = [
    "SET",
    "CondensedLinear",
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
    "random_topology",
    "sddmm",
    "spmm",
    "uniform_density",
    "widen_for_sparsity",
]


def __getattr__(name: str):
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(f"sparsela.nn.{_ESTIMATORS[name]}"), name)
    raise AttributeError(f"module 'sparsela.nn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ESTIMATORS])
