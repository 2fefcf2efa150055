"""Learn the atoms from the signals.

- :class:`OnlineDictionaryLearning`: mini-batches and the lasso (or matching pursuit); for streams and large data.
- :class:`KSVD`, :class:`MOD`: k-sparse codes by matching pursuit; atoms one by one, or all at once by least squares.
- :class:`FastDictionaryLearning`: atoms that are a product of sparse factors, a fast transform learned from signals.
- :class:`MaskedDictionaryLearning`: predict hidden coordinates; for noisy signals and more atoms than there are.
- :class:`BinarySparseCoding`, :class:`TernarySparseCoding`, :class:`DiscreteSparseCoding`,
  :class:`MaximalCausesAnalysis`, :class:`SpikeSlabSparseCoding`: generative models with learned sparsity and noise,
  by expectation maximisation over the states that matter.
- :func:`calibrated_factorization`: a weight matrix as dictionary times sparse codes, true to its activations.
- :func:`match_atoms`, :func:`recovery_rate`, :func:`recovery_distance`, :func:`mutual_coherence`: compare dictionaries.
"""

from sparsela.dictionary._calibrated import CalibratedFactorization, calibrated_factorization
from sparsela.dictionary._compare import match_atoms, mutual_coherence, recovery_distance, recovery_rate
from sparsela.dictionary._discrete import BinarySparseCoding, DiscreteSparseCoding, TernarySparseCoding
from sparsela.dictionary._fast import FastDictionaryLearning
from sparsela.dictionary._ksvd import KSVD
from sparsela.dictionary._masked import MaskedDictionaryLearning
from sparsela.dictionary._maximal import MaximalCausesAnalysis
from sparsela.dictionary._mod import MOD
from sparsela.dictionary._online import OnlineDictionaryLearning
from sparsela.dictionary._spike_slab import SpikeSlabSparseCoding

__all__ = [
    "KSVD",
    "MOD",
    "BinarySparseCoding",
    "CalibratedFactorization",
    "DiscreteSparseCoding",
    "FastDictionaryLearning",
    "MaskedDictionaryLearning",
    "MaximalCausesAnalysis",
    "OnlineDictionaryLearning",
    "SpikeSlabSparseCoding",
    "TernarySparseCoding",
    "calibrated_factorization",
    "match_atoms",
    "mutual_coherence",
    "recovery_distance",
    "recovery_rate",
]
