"""Matrices of low rank: a truncated SVD that follows its data, and factorizations around it.

- :func:`randomized_svd`: the leading singular triplets of a dense, sparse or implicit matrix, to a stated residual;
- :class:`UpdatableTruncatedSVD`: rows, columns and changes arrive, and an update costs what arrives, not what is there;
  :func:`svd_update` does one such update of factors that you hold;
- :func:`complete`, :class:`MatrixCompletion`: entries are missing; :class:`SingularValueThresholding`,
  :func:`singular_value_threshold`: entries are noisy, and most are there; :func:`individual_fairness_ratios`;
- :func:`robust_pca`, :class:`RobustPCA`: some entries are wrong, and nobody says which;
- :func:`interpolative`, :func:`cur`: columns and rows that stand for the others; :func:`generalized_nystrom`: one pass;
  :func:`meta_factorization`, :func:`replacement_criterion`: factors that are given.
"""

from sparsela.lowrank._completion import CompletionResult, complete
from sparsela.lowrank._completion_estimator import MatrixCompletion
from sparsela.lowrank._interpolative import CURResult, InterpolativeDecomposition, cur, interpolative
from sparsela.lowrank._nystrom import NystromApproximation, generalized_nystrom
from sparsela.lowrank._projectors import MetaFactorization, RankWarning, meta_factorization, replacement_criterion
from sparsela.lowrank._randomized import randomized_svd
from sparsela.lowrank._results import SVDResult
from sparsela.lowrank._robust import RobustPCAResult, robust_pca
from sparsela.lowrank._robust_estimator import RobustPCA
from sparsela.lowrank._threshold import (
    SingularValueThresholding,
    individual_fairness_ratios,
    singular_value_threshold,
)
from sparsela.lowrank._updatable import UpdatableTruncatedSVD
from sparsela.lowrank._update import svd_update

__all__ = [
    "CURResult",
    "CompletionResult",
    "InterpolativeDecomposition",
    "MatrixCompletion",
    "MetaFactorization",
    "NystromApproximation",
    "RankWarning",
    "RobustPCA",
    "RobustPCAResult",
    "SVDResult",
    "SingularValueThresholding",
    "UpdatableTruncatedSVD",
    "complete",
    "cur",
    "generalized_nystrom",
    "individual_fairness_ratios",
    "interpolative",
    "meta_factorization",
    "randomized_svd",
    "replacement_criterion",
    "robust_pca",
    "singular_value_threshold",
    "svd_update",
]
