"""Thresholding operators, the penalties and the sets that they belong to.

``prox_*`` are functions on arrays of any shape; ``L1``, ``LHalf``, ``MCP`` … are penalties with ``value``, ``prox`` and
``is_convex``, ``L0Constraint``, ``L1Ball`` … sets with the projection in their place. :func:`sparsela.recovery.fista`
and :func:`sparsela.recovery.ista` take any of the objects.
"""

from sparsela._core import constraints, penalties
from sparsela._core import prox as _functions
from sparsela._core.constraints import *  # noqa: F403
from sparsela._core.penalties import *  # noqa: F403
from sparsela._core.prox import *  # noqa: F403

__all__ = sorted({*_functions.__all__, *penalties.__all__, *constraints.__all__})
