"""Solve ``y = A x + e`` for a sparse x.

Greedy and thresholding methods are told the number of non-zeros:

- :func:`nst_ht_fb`, :func:`nst_ht`: null-space tuning; preconditioned, and fit for a million unknowns.
- :func:`adaptive_nst_ht_fb`: the same without the number of non-zeros.
- :func:`iht`, :func:`niht`, :func:`htp`: hard thresholding.
- :func:`omp`, :func:`cosamp`, :func:`subspace_pursuit`: one column at a time; merge and prune.

Problems are solved to a proof of optimality, or nearly:

- :func:`fista`, :func:`ista`: ``½‖y − A x‖² + alpha ‖x‖₁`` to a duality gap, or any penalty of the module ``prox``.
- :func:`bpdn`, :func:`lasso_ball`, :func:`basis_pursuit`: ℓ1 under a bound on the residual, the reverse, exactly.
- :func:`reweighted_l1`, :func:`irls`: beyond ℓ1, by a sequence of weighted problems.
- :func:`sbl`: sparse Bayesian learning, with error bars and nothing to set.

Around them:

- :class:`SparseRegressor`, :class:`SparseRegressorCV`: all of these as regressors; the number of non-zeros by
  cross-validation.
- :func:`phase_transition`: where in the plane of m/n and k/m a solver recovers; :func:`weak_threshold`: ℓ1, in theory.

``A`` is a dense array, a sparse one or a LinearOperator (:class:`PartialDCT`, :class:`PartialWHT`,
:class:`PartialFourier` are ready-made; :func:`sbl` alone needs entries); it is never made dense or changed.
"""

from sparsela._core.operators import CountingOperator
from sparsela.recovery import prox
from sparsela.recovery._adaptive import adaptive_nst_ht_fb
from sparsela.recovery._basis_pursuit import basis_pursuit
from sparsela.recovery._estimators import SparseRegressor, SparseRegressorCV
from sparsela.recovery._fista import fista, ista
from sparsela.recovery._nst import nst_ht, nst_ht_fb
from sparsela.recovery._omp import omp
from sparsela.recovery._operators import PartialDCT, PartialFourier, PartialWHT
from sparsela.recovery._pareto import bpdn, lasso_ball
from sparsela.recovery._phase import PhaseDiagram, phase_transition, weak_threshold
from sparsela.recovery._pursuits import cosamp, subspace_pursuit
from sparsela.recovery._reweighted import irls, reweighted_l1
from sparsela.recovery._sbl import sbl
from sparsela.recovery._thresholding import htp, iht, niht

__all__ = [
    "CountingOperator",
    "PartialDCT",
    "PartialFourier",
    "PartialWHT",
    "PhaseDiagram",
    "SparseRegressor",
    "SparseRegressorCV",
    "adaptive_nst_ht_fb",
    "basis_pursuit",
    "bpdn",
    "cosamp",
    "fista",
    "htp",
    "iht",
    "irls",
    "ista",
    "lasso_ball",
    "niht",
    "nst_ht",
    "nst_ht_fb",
    "omp",
    "phase_transition",
    "prox",
    "reweighted_l1",
    "sbl",
    "subspace_pursuit",
    "weak_threshold",
]
