"""Every estimator under scikit-learn's own checks, with the parameters that scikit-learn gives its own of that kind."""

import numpy as np
import pytest
import sklearn.decomposition
from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_CHECK_PARAMS
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsela.coding import PredictiveSparseDecomposition, SparseCoder
from sparsela.dictionary import (
    KSVD,
    MOD,
    BinarySparseCoding,
    DiscreteSparseCoding,
    FastDictionaryLearning,
    MaskedDictionaryLearning,
    MaximalCausesAnalysis,
    OnlineDictionaryLearning,
    SpikeSlabSparseCoding,
    TernarySparseCoding,
)
from sparsela.dpp import DPPFeatureSelector, DPPLandmarks, KernelDPP
from sparsela.lowrank import MatrixCompletion, RobustPCA, SingularValueThresholding, UpdatableTruncatedSVD
from sparsela.nn import (
    HierarchicalTopKAutoencoder,
    KSparseAutoencoder,
    MatryoshkaAutoencoder,
    QuickSelection,
    SparseMLPClassifier,
    SparseMLPRegressor,
)
from sparsela.phase import SparsePhaseRetrieval
from sparsela.recovery import SparseRegressor, SparseRegressorCV
from sparsela.sketch import (
    SRHT,
    CountSketch,
    FastJL,
    GaussianSketch,
    SketchedLinearRegression,
    SparseEmbedding,
    SparseSignSketch,
    TensorSketch,
)

# A fixed dictionary must be as wide as the data of each check: the shapes are those for scikit-learn's SparseCoder.
PER_ESTIMATOR_CHECK_PARAMS[SparseCoder] = PER_ESTIMATOR_CHECK_PARAMS[sklearn.decomposition.SparseCoder]
# These checks set n_components=1, where eight signs a column do not fit: SparseEmbedding refuses them, as it says.
PER_ESTIMATOR_CHECK_PARAMS[SparseEmbedding] = {
    f"check_{name}": {"n_nonzeros": 1}
    for name in (
        "dont_overwrite_parameters",
        "fit2d_predict1d",
        "methods_subset_invariance",
        "methods_sample_order_invariance",
        "fit2d_1sample",
        "fit2d_1feature",
        "fit1d",
    )
}

# These checks set n_components=1, and an autoencoder cannot use three units of one.
for autoencoder in (KSparseAutoencoder, HierarchicalTopKAutoencoder, MatryoshkaAutoencoder):
    PER_ESTIMATOR_CHECK_PARAMS[autoencoder] = {
        f"check_{name}": {"n_nonzero_coefs": 1}
        for name in (
            "dont_overwrite_parameters",
            "dict_unchanged",
            "fit2d_predict1d",
            "methods_subset_invariance",
            "methods_sample_order_invariance",
            "fit2d_1sample",
            "fit2d_1feature",
        )
    }

ESTIMATORS = [
    SparseCoder(np.random.RandomState(0).normal(size=(5, 3))),
    PredictiveSparseDecomposition(max_iter=3),
    KSVD(max_iter=5),
    MOD(max_iter=5),
    FastDictionaryLearning(init_max_iter=3, max_iter_local=5, max_iter_global=5),
    MaskedDictionaryLearning(max_iter=5, batch_size=10),
    OnlineDictionaryLearning(max_iter=5, batch_size=10),
    BinarySparseCoding(n_steps=5),
    TernarySparseCoding(n_steps=5, max_active=3),
    DiscreteSparseCoding(n_steps=5, values=(0, 1, 2), max_active=3),
    MaximalCausesAnalysis(n_steps=5, max_active=3),
    SpikeSlabSparseCoding(n_steps=5, max_active=3),
    DPPLandmarks(1),
    DPPFeatureSelector(1),
    KernelDPP(),
    GaussianSketch(),
    SparseSignSketch(),
    CountSketch(),
    SparseEmbedding(),
    SRHT(),
    FastJL(),
    TensorSketch(),
    SparseRegressor(),
    SparseRegressorCV(),
    SparsePhaseRetrieval(),
    SketchedLinearRegression(),
    SketchedLinearRegression(method="sketch-and-solve", n_components=20),
    UpdatableTruncatedSVD(),
    UpdatableTruncatedSVD(method="zha-simon"),
    UpdatableTruncatedSVD(augmentation="rpi"),
    MatrixCompletion(1),
    MatrixCompletion(1, solver="soft-impute"),
    RobustPCA(),
    SparseMLPClassifier(max_iter=100, learning_rate_init=0.01),
    SparseMLPRegressor(max_iter=100),
    QuickSelection(n_hidden=20, max_iter=5),
    KSparseAutoencoder(8, n_nonzero_coefs=3, max_iter=5),
    HierarchicalTopKAutoencoder(8, n_nonzero_coefs=3, max_iter=5),
    MatryoshkaAutoencoder(8, n_nonzero_coefs=3, max_iter=5),
    SingularValueThresholding(),
]


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_scikit_learn_check(estimator, check):
    check(estimator)
