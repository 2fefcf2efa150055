"""Compiled kernels: plain arrays in, plain arrays out. No validation, no estimator, nothing of the package above."""

import os
from typing import TYPE_CHECKING, Any

# An OpenMP runtime reads its settings once, when it is loaded. By default its threads spin while they wait for each
# other, which on a busy machine costs a time slice at every barrier; ours sleep, unless the user has said otherwise.
_unset = "OMP_WAIT_POLICY" not in os.environ
if _unset:
    os.environ["OMP_WAIT_POLICY"] = "passive"
try:
    from sparsela._ext import openmp  # type: ignore[attr-defined]  # noqa: F401
finally:
    if _unset:
        del os.environ["OMP_WAIT_POLICY"]

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Compiled modules have no types to read."""
