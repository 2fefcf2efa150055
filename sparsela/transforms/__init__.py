"""Fast operators, held as products of sparse factors, and finding the factors of a matrix.

- :class:`FactorizedOperator`: a product of sparse factors that multiplies, transposes, slices and saves.
- :class:`KroneckerSparse`, :class:`Permutation`, :class:`Diagonal`: factors without index arrays.
"""

from sparsela.transforms._factors import Diagonal, KroneckerSparse, Permutation
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._result import FactorizationResult

__all__ = [
    "Diagonal",
    "FactorizationResult",
    "FactorizedOperator",
    "KroneckerSparse",
    "Permutation",
]
