"""Fast operators, held as products of sparse factors, and finding the factors of a matrix.

- :class:`FactorizedOperator`: a product of sparse factors that multiplies, transposes, slices and saves.
- :class:`KroneckerSparse`, :class:`Permutation`, :class:`Diagonal`: factors without index arrays.
- :func:`butterfly_factorization`: the factors of an FFT-like matrix, its rows and columns in any order.
- :func:`monarch_project`, :func:`fixed_support_factorization`: two factors, the global optimum.
- :func:`pixelfly_fit`, :func:`pixelfly_regression`: blocks on a butterfly pattern, and a part of low rank.
- :func:`hadamard_operator`, :func:`dft_operator`, :func:`dct_operator`: fast transforms that are known, as factors.
- :func:`fwht`: the Walsh–Hadamard transform of any axis, padded to :func:`next_pow2` where its length asks for it.
- :func:`hierarchical_factorization`: the factors of a matrix, one after the other.
- :func:`palm4msa`: the factors of a matrix, each in a set of its own.
- :mod:`~sparsela.transforms.proj`: sets of matrices, and the projection on each.
"""

from sparsela.transforms import proj
from sparsela.transforms._analytic import dct_operator, dft_operator, hadamard_operator
from sparsela.transforms._architecture import butterfly_architecture
from sparsela.transforms._butterfly import butterfly_factorization
from sparsela.transforms._factors import Diagonal, KroneckerSparse, Permutation
from sparsela.transforms._fixed_support import fixed_support_factorization
from sparsela.transforms._fwht import fwht, next_pow2
from sparsela.transforms._hierarchical import hierarchical_factorization
from sparsela.transforms._monarch import MonarchOperator, monarch_project
from sparsela.transforms._operator import FactorizedOperator
from sparsela.transforms._palm import palm4msa
from sparsela.transforms._pixelfly import PixelflyResult, flat_block_butterfly_mask, pixelfly_fit
from sparsela.transforms._pixelfly_regression import pixelfly_regression
from sparsela.transforms._result import FactorizationResult

__all__ = [
    "Diagonal",
    "FactorizationResult",
    "FactorizedOperator",
    "KroneckerSparse",
    "MonarchOperator",
    "Permutation",
    "PixelflyResult",
    "butterfly_architecture",
    "butterfly_factorization",
    "dct_operator",
    "dft_operator",
    "fixed_support_factorization",
    "flat_block_butterfly_mask",
    "fwht",
    "hadamard_operator",
    "hierarchical_factorization",
    "monarch_project",
    "next_pow2",
    "palm4msa",
    "pixelfly_fit",
    "pixelfly_regression",
    "proj",
]
