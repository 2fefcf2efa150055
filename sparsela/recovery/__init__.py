"""Solve ``y = A x + e`` for a sparse x.

Greedy and thresholding methods are told the number of non-zeros:

- :func:`nst_ht_fb`, :func:`nst_ht`: null-space tuning; preconditioned, and fit for a million unknowns behind an operator.
- :func:`adaptive_nst_ht_fb`: the same without the number of non-zeros.
- :func:`iht`, :func:`niht`, :func:`htp`: hard thresholding.
- :func:`omp`, :func:`cosamp`, :func:`subspace_pursuit`: one column at a time; merge and prune.

``A`` is a dense array, a sparse one or a LinearOperator (:class:`PartialDCT`, :class:`PartialWHT`,
:class:`PartialFourier` are ready-made); it is never copied, made dense or changed.
"""

from sparsela._core.operators import CountingOperator
from sparsela.recovery._nst import adaptive_nst_ht_fb, nst_ht, nst_ht_fb
from sparsela.recovery._omp import omp
from sparsela.recovery._operators import PartialDCT, PartialFourier, PartialWHT
from sparsela.recovery._pursuits import cosamp, subspace_pursuit
from sparsela.recovery._thresholding import htp, iht, niht

__all__ = [
    "CountingOperator",
    "PartialDCT",
    "PartialFourier",
    "PartialWHT",
    "adaptive_nst_ht_fb",
    "cosamp",
    "htp",
    "iht",
    "niht",
    "nst_ht",
    "nst_ht_fb",
    "omp",
    "subspace_pursuit",
]
