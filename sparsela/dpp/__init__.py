"""Random sets of items that are unlike each other: determinantal point processes, exact, from eight items to a million.

``P(S) ∝ det L_S``, the squared volume that the items of S span: similar items rarely come together.

- a matrix: :class:`DPP` from a likelihood kernel L, a marginal kernel K or a factor B of ``L = B Bᴴ``, real or complex;
  probabilities, conditioning, rescaling; :class:`KDPP` for sets of a given size; :class:`ProjectionDPP` of a subspace;
- a million points and a kernel: :class:`KernelDPP`, sets of random or given size, nothing n × n;
- one good set, not a random one: :func:`greedy_map`;
- an approximate chain: :func:`kdpp_mcmc`;
- landmarks and columns: :class:`DPPLandmarks` (in place of scikit-learn's ``Nystroem``), :class:`DPPFeatureSelector`;
- parts: :func:`bless`, :func:`ridge_leverage_scores`, :func:`elementary_symmetric_polynomials`.
"""

from sparsela.dpp._dictionary import bless, ridge_leverage_scores
from sparsela.dpp._dpp import DPP
from sparsela.dpp._features import DPPFeatureSelector
from sparsela.dpp._greedy import greedy_map
from sparsela.dpp._kdpp import KDPP
from sparsela.dpp._kernel_dpp import KernelDPP
from sparsela.dpp._landmarks import DPPLandmarks
from sparsela.dpp._mcmc import kdpp_mcmc
from sparsela.dpp._projection import ProjectionDPP
from sparsela.dpp._symmetric import elementary_symmetric_polynomials

__all__ = [
    "DPP",
    "DPPFeatureSelector",
    "DPPLandmarks",
    "KDPP",
    "KernelDPP",
    "ProjectionDPP",
    "bless",
    "elementary_symmetric_polynomials",
    "greedy_map",
    "kdpp_mcmc",
    "ridge_leverage_scores",
]
