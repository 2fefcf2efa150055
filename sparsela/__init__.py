"""Classical sparse recovery and linear algebra: fast kernels under a scikit-learn-compatible API.

Each room is a subpackage and loads when it is first named::

    sparsela.recovery     solve y = A x + e for a sparse x
    sparsela.coding       code many signals over one dictionary
    sparsela.dictionary   learn the dictionary
    sparsela.sketch       sketch rows or columns: seeded, mergeable, streaming
    sparsela.lowrank      truncated SVD that follows its data
    sparsela.matmul       matrix products with fewer multiplications
    sparsela.phase        a sparse x from the magnitudes of A x
    sparsela.dpp          random sets of items that are unlike each other
    sparsela.transforms   fast operators as products of sparse factors, and learning them
    sparsela.datasets     planted problems and small real data
"""

import importlib

from sparsela._core.config import config_context, set_config
from sparsela._core.report import show_config

__version__ = "0.1.0"

_ROOMS = ("coding", "datasets", "dictionary", "dpp", "lowrank", "matmul", "phase", "recovery", "sketch", "transforms")

__all__ = ["__version__", "config_context", "set_config", "show_config", *_ROOMS]


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"sparsela.{name}")
    raise AttributeError(f"module 'sparsela' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
