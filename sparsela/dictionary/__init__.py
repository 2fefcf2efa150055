"""Learn the atoms from the signals.

- :class:`OnlineDictionaryLearning`: mini-batches and the lasso (or matching pursuit); for streams and large data.
- :class:`KSVD`, :class:`MOD`: k-sparse codes by matching pursuit; atoms one by one, or all at once by least squares.
- :class:`BinarySparseCoding`, :class:`TernarySparseCoding`, :class:`DiscreteSparseCoding`,
  :class:`MaximalCausesAnalysis`, :class:`SpikeSlabSparseCoding`: generative models with learned sparsity and noise,
  by expectation maximisation over the states that matter.
"""

from sparsela.dictionary._discrete import BinarySparseCoding, DiscreteSparseCoding, TernarySparseCoding
from sparsela.dictionary._ksvd import KSVD
from sparsela.dictionary._maximal import MaximalCausesAnalysis
from sparsela.dictionary._mod import MOD
from sparsela.dictionary._online import OnlineDictionaryLearning
from sparsela.dictionary._spike_slab import SpikeSlabSparseCoding

__all__ = [
    "KSVD",
    "MOD",
    "BinarySparseCoding",
    "DiscreteSparseCoding",
    "MaximalCausesAnalysis",
    "OnlineDictionaryLearning",
    "SpikeSlabSparseCoding",
    "TernarySparseCoding",
]
