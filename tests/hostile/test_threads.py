"""Eight threads at once give the answers of one; models and results cross into a fresh process whole."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from sparsela import coding, dictionary, dpp, lowrank, matmul, nn, phase, recovery, sketch, transforms

from .calls import FEATURES, HOLES, LABELS, LOW, PHASE, POINTS, TABLE, TARGET, A, X, y
from .harness import leaves

AT_ONCE = [
    "coding.batch_omp", "coding.batch_lasso", "coding.threshold_encode", "dictionary.KSVD", "dictionary.MOD",
    "dictionary.OnlineDictionaryLearning", "dictionary.BinarySparseCoding", "dpp.DPP", "dpp.KernelDPP",
    "lowrank.complete", "lowrank.randomized_svd", "lowrank.robust_pca", "lowrank.UpdatableTruncatedSVD",
    "matmul.multiply", "matmul.MultiplyPlan", "matmul.multiply_fault_tolerant", "matmul.search_scheme",
    "nn.SparseLinear", "nn.spmm", "nn.SparseMLPClassifier", "nn.KSparseAutoencoder", "nn.QuickSelection",
    "phase.retrieve", "recovery.omp", "recovery.nst_ht_fb", "recovery.fista", "recovery.sbl", "recovery.prox.top_k",
    "sketch.sketch", "sketch.lstsq", "sketch.SRHT", "sketch.CountSketch", "transforms.fwht", "transforms.palm4msa",
    "transforms.FactorizedOperator",
]  # fmt: skip


@pytest.mark.parametrize("name", AT_ONCE)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_eight_threads_give_the_answer_of_one(name):
    call = TABLE[name]
    expected = list(leaves(call.run(**call.arguments)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: list(leaves(call.run(**call.arguments))), range(16)))
    for answer in answers:
        for got, want in zip(answer, expected, strict=True):
            if got.dtype.kind in "fciub":
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
            else:
                assert (got == want).all()


def test_eight_threads_share_a_plan_and_a_layer():
    """The scratch memory of a plan is lent to one run at a time."""
    rng = np.random.default_rng(0)
    operands = [(rng.standard_normal((96, 64)), rng.standard_normal((64, 80))) for _ in range(8)]
    plan = matmul.plan_multiply((96, 64), (64, 80), scheme="winograd", levels=2, n_jobs=1)
    with ThreadPoolExecutor(8) as pool:
        products = list(pool.map(lambda pair: plan.run(*pair), operands * 8))
    for (left, right), product in zip(operands * 8, products, strict=True):
        np.testing.assert_allclose(product, left @ right, atol=1e-11)


def fitted_models():
    learn = {"n_components": 4, "random_state": 0}
    few = {"max_iter": 2}
    sparse = {**learn, "n_nonzero_coefs": 2, **few}
    steps = {**learn, "n_steps": 3}
    net = {"hidden_layer_sizes": (6,), "density": 0.5, "max_iter": 2, "random_state": 0}
    for model in (
        coding.SparseCoder(FEATURES[:5], transform_n_nonzero_coefs=2),
        coding.PredictiveSparseDecomposition(**learn, **few),
        dictionary.KSVD(**sparse),
        dictionary.MOD(**sparse),
        dictionary.MaskedDictionaryLearning(**sparse),
        dictionary.OnlineDictionaryLearning(**learn, **few),
        dictionary.FastDictionaryLearning(8, n_nonzero_coefs=2, init_max_iter=2, max_iter_local=2, max_iter_global=2),
        dictionary.BinarySparseCoding(**steps),
        dictionary.TernarySparseCoding(**steps, max_active=2),
        dictionary.DiscreteSparseCoding(**steps, max_active=2),
        dictionary.SpikeSlabSparseCoding(**steps, max_active=2),
        dpp.DPPLandmarks(3, gamma=0.5, random_state=0),
        dpp.DPPFeatureSelector(2, random_state=0),
        lowrank.RobustPCA(max_iter=50),
        lowrank.UpdatableTruncatedSVD(2, random_state=0),
        lowrank.SingularValueThresholding(),
        sketch.GaussianSketch(4, random_state=0),
        sketch.SparseSignSketch(4, random_state=0),
        sketch.CountSketch(4, random_state=0),
        sketch.SparseEmbedding(4, n_nonzeros=2, random_state=0),
        sketch.SRHT(4, random_state=0),
        sketch.FastJL(4, random_state=0),
        sketch.TensorSketch(4, random_state=0),
        nn.QuickSelection(2, n_hidden=8, max_iter=2, random_state=0),
        nn.KSparseAutoencoder(**sparse),
        nn.HierarchicalTopKAutoencoder(**sparse),
        nn.MatryoshkaAutoencoder(**sparse),
    ):
        yield model, (FEATURES,), "transform"
    yield dictionary.MaximalCausesAnalysis(**steps, max_active=2), (np.abs(FEATURES),), "transform"
    yield recovery.SparseRegressor(n_nonzero_coefs=2), (X, TARGET), "predict"
    yield recovery.SparseRegressorCV("omp", cv=2), (X, TARGET), "predict"
    yield sketch.SketchedLinearRegression(random_state=0), (X, TARGET), "predict"
    yield nn.SparseMLPRegressor(**net), (X, TARGET), "predict"
    yield nn.SparseMLPClassifier(**net), (X, LABELS), "predict_proba"
    yield phase.SparsePhaseRetrieval(2, n_init=2, random_state=0), (PHASE["A"], PHASE["y"]), "predict"


def things():
    """Results and objects, each with what is to be the same on the other side."""
    yield recovery.omp(A, y, 2, return_history=True)
    yield recovery.basis_pursuit(A, y)
    yield lowrank.complete(HOLES, 2, max_iter=5, random_state=0)
    yield lowrank.robust_pca(LOW)
    yield lowrank.cur(LOW, 2)
    yield lowrank.interpolative(LOW, 2, random_state=0)
    yield lowrank.randomized_svd(LOW, 2, random_state=0)
    yield phase.retrieve(**PHASE, n_init=2, random_state=0)
    yield sketch.SketchOperator("srht", 4, 12, random_state=0)
    yield transforms.hadamard_operator(8)
    yield transforms.butterfly_factorization(transforms.hadamard_operator(8).toarray())
    yield dpp.KernelDPP(gamma=1.0, expected_size=3.0, random_state=0).fit(POINTS).sample(random_state=0)
    yield dpp.DPP(np.eye(4)).sample(random_state=0)
    yield nn.net_trim(FEATURES, np.abs(FEATURES[:, :2]), max_iter=20)


def seen(thing):
    """What an object answers, as arrays."""
    if hasattr(thing, "toarray"):
        return [np.asarray(thing.toarray())]
    return list(leaves(thing if hasattr(thing, "__dataclass_fields__") or not hasattr(thing, "__iter__") else [*thing]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_and_results_cross_into_a_fresh_process(tmp_path):
    """A process of its own, which has imported nothing, loads each model, and its answers are the same bits."""
    models = [(clone(model).fit(*data), data[0], method) for model, data, method in fitted_models()]
    results = list(things())
    (tmp_path / "in").write_bytes(pickle.dumps((models, results)))
    code = f"""if 1:
    import pickle, sys
    with open({str(tmp_path / "in")!r}, "rb") as file:
        models, results = pickle.load(file)
    answers = [getattr(model, method)(X) for model, X, method in models]
    with open({str(tmp_path / "out")!r}, "wb") as file:
        pickle.dump((answers, results), file)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    answers, back = pickle.loads((tmp_path / "out").read_bytes())
    for (model, data, method), answer in zip(models, answers, strict=True):
        for got, want in zip(leaves(answer), leaves(getattr(model, method)(data)), strict=True):
            np.testing.assert_array_equal(got, want, err_msg=type(model).__name__)
    for thing, twin in zip(results, back, strict=True):
        assert type(twin) is type(thing)
        for got, want in zip(seen(twin), seen(thing), strict=True):
            np.testing.assert_array_equal(got, want, err_msg=type(thing).__name__)
