"""Matrices of low rank: a truncated SVD that follows its data, and factorizations around it.

- :func:`randomized_svd`: the leading singular triplets of a dense, sparse or implicit matrix, to a stated residual;
- :class:`UpdatableTruncatedSVD`: rows, columns and changes arrive, and an update costs what arrives, not what is there;
  :func:`svd_update` does one such update of factors that you hold;
- :func:`complete`, :class:`MatrixCompletion`: entries are missing;
- :func:`robust_pca`, :class:`RobustPCA`: some entries are wrong, and nobody says which.
"""

from sparsela.lowrank._completion import CompletionResult, MatrixCompletion, complete
from sparsela.lowrank._randomized import randomized_svd
from sparsela.lowrank._results import SVDResult
from sparsela.lowrank._robust import RobustPCAResult, robust_pca
from sparsela.lowrank._updatable import UpdatableTruncatedSVD
from sparsela.lowrank._update import svd_update

__all__ = [
    "CompletionResult",
    "MatrixCompletion",
    "RobustPCAResult",
    "SVDResult",
    "UpdatableTruncatedSVD",
    "complete",
    "randomized_svd",
    "robust_pca",
    "svd_update",
]
