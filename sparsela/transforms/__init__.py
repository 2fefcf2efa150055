"""Fast operators, held as products of sparse factors, and finding the factors of a matrix.

- :class:`FactorizedOperator`: a product of sparse factors that multiplies, transposes, slices and saves.
- :class:`KroneckerSparse`, :class:`Permutation`, :class:`Diagonal`: factors without index arrays.
- :func:`hierarchical_factorization`: the factors of a matrix, one after the other.
- :func:`palm4msa`: the factors of a matrix, each in a set of its own.
- :mod:`~sparsela.transforms.proj`: sets of matrices, and the projection on each.
"""

from sparsela.transforms import proj
from sparsela.transforms._factors import Diagonal, KroneckerSparse, Permutation
from sparsela.transforms._hierarchical import hierarchical_factorization
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._palm import palm4msa
from sparsela.transforms._result import FactorizationResult

__all__ = [
    "Diagonal",
    "FactorizationResult",
    "FactorizedOperator",
    "KroneckerSparse",
    "Permutation",
    "hierarchical_factorization",
    "palm4msa",
    "proj",
]
