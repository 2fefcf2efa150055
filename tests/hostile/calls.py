"""One small valid call of every public name: what its arguments are, and what to look at in its answer."""

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsela import coding, datasets, dictionary, dpp, lowrank, matmul, nn, phase, recovery, sketch, transforms
from sparsela._core.config import config_context, set_config
from sparsela.recovery import prox
from sparsela.transforms import proj

ROOMS = (
    "coding", "datasets", "dictionary", "dpp", "lowrank", "matmul", "nn", "phase", "recovery",
    "recovery.prox", "sketch",
    "transforms", "transforms.proj",
)  # fmt: skip


@dataclass
class Call:
    """``run(**arguments)`` is the call; `arguments` holds arrays and numbers that may be replaced."""

    run: Any
    arguments: dict[str, Any]
    slow: bool = False  # a scalar too large asks for honest hours of work, so scalars stay
    keep: frozenset = frozenset()  # arguments that say how much work there is


def public_names() -> set[str]:
    """``room.name`` of all that a room promises."""
    names = set()
    for room in ROOMS:
        module = importlib.import_module(f"sparsela.{room}")
        own = getattr(module, "__all__", None)
        names |= {f"{room}.{name}" for name in own if f"{room}.{name}" not in ROOMS}
    return names | {"config_context", "set_config", "show_config"}


rng = np.random.default_rng(0)
A = rng.standard_normal((8, 12))
A /= np.linalg.norm(A, axis=0)
x = np.zeros(12)
x[[2, 7]] = 1.5, -2.0
y = A @ x
Y = A @ np.column_stack([x, x[::-1]])
X = rng.standard_normal((14, 6))
ATOMS = rng.standard_normal((5, 6))
ATOMS /= np.linalg.norm(ATOMS, axis=1, keepdims=True)
TARGET = X @ [1.0, 0, 0, -2, 0, 0]
LABELS = (X[:, 0] > 0).astype(float)
LOW = rng.standard_normal((9, 2)) @ rng.standard_normal((2, 7))
HOLES = np.where(rng.random(LOW.shape) < 0.7, LOW, np.nan)
POINTS = rng.standard_normal((12, 2))
L = POINTS @ POINTS.T + np.eye(12)
K = np.linalg.solve(L + np.eye(12), L)
U, S, VT = np.linalg.svd(LOW, full_matrices=False)
U, S, VT = U[:, :2], S[:2], VT[:2]
WEIGHTS = rng.standard_normal((6, 5)) * (rng.random((6, 5)) < 0.6)
SCHEME = matmul.get_scheme("strassen")
PRODUCTS = [*zip(SCHEME.u, SCHEME.v, strict=True)]
BLOCKS = rng.standard_normal((4, 4))
V = np.linalg.qr(POINTS)[0]
MODEL = matmul.MachineModel.nominal("float64")


def of(function, *, slow=False, keep=(), fixed=None, **arguments):
    """A function; `fixed` are arguments that stay as they are."""
    return Call(lambda **given: function(**given, **(fixed or {})), arguments, slow, frozenset(keep))


def fitted(make, *, use=(), look=(), keep=(), slow=False, data=None, **parameters):
    """An estimator: fitted on `data`, then asked by each method in `use` on X and for each attribute in `look`."""
    data = {"X": X} if data is None else data

    def run(**given):
        inputs = {name: given[name] for name in data}
        model = make(**{name: given[name] for name in given if name not in data}).fit(**inputs)
        return [getattr(model, name)(inputs["X"]) for name in use] + [getattr(model, name) for name in look]

    return Call(run, {**data, **parameters}, slow, frozenset(keep))


def by(run, *, slow=False, keep=(), **arguments):
    return Call(run, arguments, slow, frozenset(keep))


def _saved(scheme):
    with tempfile.TemporaryDirectory() as folder:
        matmul.save_scheme(scheme, Path(folder, "s.json"))
        return matmul.load_scheme(Path(folder, "s.json")).u


def _loaded(path):
    return matmul.load_scheme(path)


def _idx(path):
    return datasets.load_idx(path)


def _streamed(X, n_components):
    return sketch.StreamingSketch(n_components, random_state=0).partial_fit(X).sketch_


def _counted(A, y):
    counted = recovery.CountingOperator(A)
    return counted.matvec(np.ones(12)), counted.rmatvec(y)


def _penalty(penalty):
    return lambda z, alpha, step, **parameters: (
        penalty(**parameters).prox(z, alpha, step),
        penalty(**parameters).value(z, alpha),
    )


def _constraint(make):
    return lambda z, **parameters: make(**parameters).prox(z, 1.0, 1.0)


def _projected(make, **fixed):
    return lambda z, **parameters: make(**parameters, **fixed)(z)


def _operator(make):
    return lambda rows, v, n: make(n, rows).matvec(v)


def _topology(topology):
    return lambda X, y, **parameters: (
        nn.SparseMLPClassifier((6,), density=0.5, max_iter=2, topology=topology(**parameters), random_state=0)
        .fit(X, y)
        .predict_proba(X)
    )


def _layer(X, Z, density):
    layer = nn.SparseLinear(6, 5, density=density, dtype=np.float64, random_state=0)
    return layer.forward(X), layer.backward(Z)


def _condensed(indices, values, active, X):
    return nn.CondensedLinear(indices, values, active, 6, 3).forward(X)


def _sampled(A, B, size):
    a, b = sketch.coordinated_sample(A, size, random_state=0), sketch.coordinated_sample(B, size, random_state=0)
    return sketch.product_from_samples(a, b)


def _solved(A, b, size):
    left = sketch.coordinated_sample(A, size, weighting="leverage", random_state=0)
    return sketch.lstsq_from_samples(left, sketch.coordinated_sample(b, size, random_state=0))


def _fault(A, B):
    return matmul.multiply_fault_tolerant(A, B, lost=["S1"])


def _plan(A, B):
    return matmul.plan_multiply((8, 12), (12, 3), scheme="strassen", levels=1, n_jobs=1).run(A, B)


def _nothing():
    """Nothing to hand over: a name without arguments, or a result, which holds what its function (fuzzed too) made."""


def _config(value):
    with config_context(n_jobs=value):
        return 0


def _config_set(value):
    try:
        set_config(n_jobs=value)
    finally:
        set_config(n_jobs=None)
    return 0


SOLVE = {"A": A, "y": y, "n_nonzero_coefs": 2}
FIT = {"X": X, "y": TARGET}
SORT = {"X": X, "y": LABELS}
FEATURES = np.vstack([X, X[::-1]])
ITERATE = ("max_iter",)
PHASE = {"A": rng.standard_normal((40, 12)), "n_nonzero_coefs": 2}
PHASE["y"] = np.abs(PHASE["A"] @ x)
LEARN = {"use": ("transform",), "look": ("components_",), "keep": ("max_iter", "n_steps")}


def _learner(make, data=None, **parameters):
    return fitted(lambda **p: make(**p, random_state=0), data=data or {"X": FEATURES}, **LEARN, **parameters)


def _sketcher(make, **fixed):
    return fitted(lambda **p: make(**p, **fixed, random_state=0), use=("transform",), n_components=4)


RESULT = Call(_nothing, {})
NOTHING = RESULT

TABLE = {
    "config_context": by(_config, value=1),
    "set_config": by(_config_set, value=1),
    "show_config": NOTHING,
    # coding
    "coding.batch_omp": of(coding.batch_omp, X=X, dictionary=ATOMS, n_nonzero_coefs=2),
    "coding.batch_lasso": of(coding.batch_lasso, X=X, dictionary=ATOMS, alpha=0.1),
    "coding.batch_lasso_path": of(coding.batch_lasso_path, x=X[0], dictionary=ATOMS, alpha_min=0.1),
    "coding.sparse_encode": of(coding.sparse_encode, X=X, dictionary=ATOMS, alpha=0.1),
    "coding.threshold_encode": of(coding.threshold_encode, X=X, dictionary=ATOMS, alpha=0.1),
    "coding.SparseCoder": fitted(
        coding.SparseCoder, use=("transform",), dictionary=ATOMS, transform_n_nonzero_coefs=2
    ),
    "coding.PredictiveSparseDecomposition": _learner(
        coding.PredictiveSparseDecomposition, n_components=4, max_iter=2, alpha=0.1
    ),
    # datasets
    "datasets.image_patches": of(datasets.image_patches, image=rng.random((12, 10)), size=4),
    "datasets.load_carphone": NOTHING,
    "datasets.load_idx": by(_idx, path="/nowhere"),
    "datasets.load_indian_pines": NOTHING,
    "datasets.load_mnist_5000": NOTHING,
    "datasets.load_movielens": NOTHING,
    "datasets.load_reuters": NOTHING,
    "datasets.load_wiki_paragraphs": NOTHING,
    "datasets.make_phaseless": of(
        datasets.make_phaseless, n_features=9, n_measurements=8, n_nonzero_coefs=2, noise=0.1, fixed={"random_state": 0}
    ),
    "datasets.make_sparse_signal": of(
        datasets.make_sparse_signal, n_features=9, n_measurements=8, n_nonzero_coefs=2, noise=0.1,
        fixed={"random_state": 0},
    ),
    # dictionary
    "dictionary.KSVD": _learner(dictionary.KSVD, n_components=4, n_nonzero_coefs=2, max_iter=2),
    "dictionary.MOD": _learner(dictionary.MOD, n_components=4, n_nonzero_coefs=2, max_iter=2),
    "dictionary.BinarySparseCoding": _learner(dictionary.BinarySparseCoding, n_components=4, n_steps=3),
    "dictionary.TernarySparseCoding": _learner(
        dictionary.TernarySparseCoding, n_components=4, n_steps=3, max_active=2
    ),
    "dictionary.DiscreteSparseCoding": _learner(
        dictionary.DiscreteSparseCoding, n_components=4, n_steps=3, max_active=2
    ),
    "dictionary.MaximalCausesAnalysis": _learner(
        dictionary.MaximalCausesAnalysis, {"X": np.abs(FEATURES)}, n_components=4, n_steps=3, max_active=2
    ),
    "dictionary.SpikeSlabSparseCoding": _learner(
        dictionary.SpikeSlabSparseCoding, n_components=4, n_steps=3, max_active=2
    ),
    "dictionary.FastDictionaryLearning": _learner(
        lambda **p: dictionary.FastDictionaryLearning(init_max_iter=2, max_iter_local=2, max_iter_global=2, **p),
        n_components=8, n_nonzero_coefs=2,
    ),
    "dictionary.MaskedDictionaryLearning": _learner(
        dictionary.MaskedDictionaryLearning, n_components=4, n_nonzero_coefs=2, max_iter=2
    ),
    "dictionary.OnlineDictionaryLearning": _learner(
        dictionary.OnlineDictionaryLearning, n_components=4, alpha=0.1, max_iter=2
    ),
    "dictionary.CalibratedFactorization": RESULT,
    "dictionary.calibrated_factorization": by(
        lambda W, activations, ratio: dictionary.calibrated_factorization(
            W, activations=activations, ratio=ratio, max_iter=2, random_state=0
        ),
        W=rng.standard_normal((8, 12)), activations=rng.standard_normal((20, 8)), ratio=0.6,
    ),
    "dictionary.match_atoms": of(dictionary.match_atoms, D_true=ATOMS, D=ATOMS[::-1] + 0.1),
    "dictionary.mutual_coherence": of(dictionary.mutual_coherence, D=ATOMS),
    "dictionary.recovery_distance": of(dictionary.recovery_distance, D_true=ATOMS, D=ATOMS[::-1] + 0.1),
    "dictionary.recovery_rate": of(dictionary.recovery_rate, D_true=ATOMS, D=ATOMS[::-1] + 0.1, threshold=0.01),
    # dpp
    "dpp.DPP": by(lambda L: dpp.DPP(L).sample(random_state=0), L=L),
    "dpp.KDPP": by(lambda L, k: dpp.KDPP(k, L).sample(random_state=0), L=L, k=3),
    "dpp.ProjectionDPP": by(lambda V: dpp.ProjectionDPP(V).sample(random_state=0), V=V),
    "dpp.KernelDPP": by(
        lambda X, expected_size: dpp.KernelDPP(
            gamma=1.0, expected_size=expected_size, random_state=0
        ).fit(X).sample(random_state=0),
        X=POINTS, expected_size=3.0,
    ),
    "dpp.DPPFeatureSelector": fitted(
        lambda **p: dpp.DPPFeatureSelector(**p, random_state=0), use=("transform",), n_features_to_select=2
    ),
    "dpp.DPPLandmarks": fitted(
        lambda **p: dpp.DPPLandmarks(**p, random_state=0), use=("transform",), n_components=3, gamma=0.5
    ),
    "dpp.bless": of(dpp.bless, X=POINTS, lam=1.0, fixed={"kernel": "rbf", "random_state": 0}),
    "dpp.elementary_symmetric_polynomials": of(dpp.elementary_symmetric_polynomials, lam=np.arange(1.0, 6), k=3),
    "dpp.greedy_map": of(dpp.greedy_map, L=L, max_size=4),
    "dpp.kdpp_mcmc": of(dpp.kdpp_mcmc, L=L, k=3, fixed={"n_steps": 20, "random_state": 0}),
    "dpp.ridge_leverage_scores": of(
        dpp.ridge_leverage_scores, X=POINTS, lam=1.0, indices=np.arange(6), probabilities=np.full(6, 0.5),
        fixed={"kernel": "rbf"},
    ),
    # lowrank
    "lowrank.CURResult": RESULT,
    "lowrank.CompletionResult": RESULT,
    "lowrank.InterpolativeDecomposition": RESULT,
    "lowrank.MetaFactorization": by(
        lambda F, G, H: lowrank.MetaFactorization(F, G, H).reconstruct(), F=U, G=np.diag(S), H=VT.T
    ),
    "lowrank.NystromApproximation": RESULT,
    "lowrank.RankWarning": NOTHING,
    "lowrank.RobustPCA": fitted(lowrank.RobustPCA, look=("low_rank_", "components_"), keep=ITERATE, data={"X": LOW}),
    "lowrank.RobustPCAResult": RESULT,
    "lowrank.SVDResult": RESULT,
    "lowrank.SingularValueThresholding": fitted(
        lowrank.SingularValueThresholding, use=("transform",), data={"X": X}, threshold=0.5
    ),
    "lowrank.MatrixCompletion": fitted(
        lambda **p: lowrank.MatrixCompletion(**p, max_iter=5, random_state=0), look=("row_factors_", "column_factors_"),
        data={"X": HOLES}, n_components=2, alpha=0.1,
    ),
    "lowrank.UpdatableTruncatedSVD": fitted(
        lambda **p: lowrank.UpdatableTruncatedSVD(**p, random_state=0), use=("transform",), look=("singular_values_",),
        n_components=2,
    ),
    "lowrank.complete": of(
        lowrank.complete, X=HOLES, rank=2, alpha=0.1, fixed={"max_iter": 5, "random_state": 0}
    ),
    "lowrank.cur": by(lambda A, rank: list(lowrank.cur(A, rank, random_state=0)), A=LOW, rank=2),
    "lowrank.generalized_nystrom": by(
        lambda A, rank: lowrank.generalized_nystrom(A, rank, random_state=0).reconstruct(), A=LOW, rank=2
    ),
    "lowrank.individual_fairness_ratios": of(
        lowrank.individual_fairness_ratios, estimate=LOW + 0.1, observed=LOW, fixed={"random_state": 0}
    ),
    "lowrank.interpolative": by(
        lambda A, rank: lowrank.interpolative(A, rank, random_state=0).coefficients, A=LOW, rank=2
    ),
    "lowrank.meta_factorization": of(lowrank.meta_factorization, A=LOW, F=LOW[:, :2], H=LOW[:2].T),
    "lowrank.randomized_svd": by(
        lambda A, n_components: lowrank.randomized_svd(A, n_components, random_state=0).s, A=LOW, n_components=2
    ),
    "lowrank.replacement_criterion": of(
        lowrank.replacement_criterion, F_new=U @ np.array([[1.0, 1], [1, -1]]), F=U, G=np.eye(2)
    ),
    "lowrank.robust_pca": by(
        lambda M, max_iter: lowrank.robust_pca(M, max_iter=max_iter).low_rank, M=LOW, max_iter=100, keep=ITERATE
    ),
    "lowrank.singular_value_threshold": of(lowrank.singular_value_threshold, X=LOW, threshold=0.5),
    "lowrank.svd_update": by(
        lambda U, s, Vt, rows: lowrank.svd_update(U, s, Vt, rows=rows).s, U=U, s=S, Vt=VT, rows=LOW[:2] + 0.1
    ),
    # matmul
    "matmul.AdditionProgram": by(
        lambda n: matmul.AdditionProgram(n, [(1, 0, 1, 1), (1, 3, 1, 2)], [[(1, 3)], [(1, 4)]]).expand(), n=3
    ),
    "matmul.BilinearScheme": by(
        lambda u, v, w: matmul.BilinearScheme(u, v, w, (2, 2, 2)).verify(), u=SCHEME.u, v=SCHEME.v, w=SCHEME.w
    ),
    "matmul.FaultTolerantProduct": by(
        lambda n_parity: matmul.FaultTolerantProduct(n_parity=n_parity).n_nodes, n_parity=0, slow=True
    ),
    "matmul.MachineModel": by(
        lambda n, m: MODEL.predict_blas((n, m, 8)), n=16, m=8
    ),
    "matmul.MultiplyPlan": by(_plan, A=A, B=rng.standard_normal((12, 3))),
    "matmul.UndecodableError": NOTHING,
    "matmul.calibrate": NOTHING,
    "matmul.error_bound": by(
        lambda levels, shape: matmul.error_bound("strassen", levels, shape).ratio, levels=1, shape=np.array([8, 8, 8])
    ),
    "matmul.find_check_relations": by(
        lambda u, max_terms: matmul.find_check_relations([(u, SCHEME.v[0]), *PRODUCTS[:4]], max_terms=max_terms),
        u=SCHEME.u[0], max_terms=3,
    ),
    "matmul.find_parity_products": by(
        lambda n_parity: matmul.find_parity_products(PRODUCTS, n_parity), n_parity=1, slow=True
    ),
    "matmul.get_scheme": by(lambda shape: matmul.get_scheme(shape).u, shape=(2, 2, 2)),
    "matmul.list_schemes": NOTHING,
    "matmul.load_scheme": by(_loaded, path="/nowhere"),
    "matmul.measure_error": by(
        lambda levels, n: matmul.measure_error("strassen", levels, (n, 16, 16), n_trials=1, random_state=0).max_error,
        levels=1, n=16, slow=True,
    ),
    "matmul.multiply": of(
        matmul.multiply, A=A, B=rng.standard_normal((12, 3)), levels=1, fixed={"scheme": "strassen", "n_jobs": 1}
    ),
    "matmul.multiply_fault_tolerant": by(_fault, A=A, B=rng.standard_normal((12, 3))),
    "matmul.plan_multiply": by(
        lambda shape_A, levels: matmul.plan_multiply(
            shape_A, (12, 3), scheme="strassen", levels=levels, n_jobs=1
        ).workspace,
        shape_A=np.array([8, 12]), levels=1,
    ),
    "matmul.reduce_additions": by(
        lambda scheme, n_trials: matmul.reduce_additions(scheme, n_trials=n_trials, random_state=0).scheme.additions,
        scheme=SCHEME, n_trials=2, slow=True,
    ),
    "matmul.save_scheme": by(_saved, scheme=SCHEME),
    "matmul.search_scheme": by(
        lambda shape: matmul.search_scheme(
            shape, target_rank=7, max_flips=10_000, n_walkers=1, n_jobs=1, random_state=0
        ).rank,
        shape=(2, 2, 2), slow=True,
    ),
    "matmul.set_model": by(lambda model: matmul.set_model(model), model=None),
    # nn
    "nn.SparseLinear": by(_layer, X=X.T.copy(), Z=rng.standard_normal((5, 14)), density=0.5),
    "nn.CondensedLinear": by(
        _condensed, indices=np.array([[0, 3], [1, 5], [2, 4]]), values=rng.standard_normal((3, 2)),
        active=np.arange(3), X=X.T.copy(),
    ),
    "nn.spmm": of(nn.spmm, W=sp.csr_array(WEIGHTS), X=rng.standard_normal((5, 3))),
    "nn.sddmm": of(
        nn.sddmm, pattern=sp.csr_array(WEIGHTS), dZ=rng.standard_normal((6, 3)), X=rng.standard_normal((5, 3))
    ),
    "nn.available_backends": by(nn.available_backends),
    "nn.NetTrimResult": RESULT,
    "nn.net_trim": by(
        lambda X, Y, tol: nn.net_trim(X, Y, bias=False, tol=tol, max_iter=50).weights,
        X=rng.standard_normal((30, 6)), Y=np.abs(rng.standard_normal((30, 3))), tol=0.5,
    ),
    "nn.prune": by(lambda W, density: nn.prune([W], density), W=WEIGHTS, density=0.5),
    "nn.prune_n_m": of(nn.prune_n_m, W=rng.standard_normal((6, 8)), n=2, m=4),
    "nn.uniform_density": of(nn.uniform_density, layer_sizes=np.array([30, 20, 10]), density=0.2),
    "nn.erk_density": of(nn.erk_density, layer_sizes=np.array([30, 20, 10]), density=0.2),
    "nn.balanced_density": of(nn.balanced_density, layer_sizes=np.array([30, 20, 10]), density=0.2),
    "nn.allocate_weights": of(
        nn.allocate_weights, layer_sizes=np.array([30, 20, 10]), densities=np.array([0.2, 0.2]), density=0.2
    ),
    "nn.widen_for_sparsity": of(nn.widen_for_sparsity, width=30, density=0.2),
    "nn.iso_flop_width": of(nn.iso_flop_width, width=30, density=0.2),
    "nn.random_topology": of(nn.random_topology, shape=np.array([9, 8]), nnz=20, fixed={"random_state": 0}),
    "nn.SET": by(_topology(nn.SET), zeta=0.3, **SORT),
    "nn.RigL": by(_topology(nn.RigL), alpha=0.3, **SORT),
    "nn.SRigL": by(_topology(nn.SRigL), alpha=0.3, **SORT),
    "nn.SparseMomentum": by(_topology(nn.SparseMomentum), rate=0.3, **SORT),
    "nn.SparseMLPClassifier": fitted(
        lambda **p: nn.SparseMLPClassifier((6,), density=0.5, max_iter=2, random_state=0, **p),
        use=("predict_proba",), data=SORT, alpha=1e-4,
    ),
    "nn.SparseMLPRegressor": fitted(
        lambda **p: nn.SparseMLPRegressor((6,), density=0.5, max_iter=2, random_state=0, **p),
        use=("predict",), data=FIT, alpha=1e-4,
    ),
    "nn.QuickSelection": fitted(
        lambda **p: nn.QuickSelection(n_hidden=8, max_iter=2, random_state=0, **p), use=("transform",),
        n_features_to_select=2,
    ),
    "nn.KSparseAutoencoder": _learner(nn.KSparseAutoencoder, n_components=4, n_nonzero_coefs=2, max_iter=2),
    "nn.HierarchicalTopKAutoencoder": _learner(
        nn.HierarchicalTopKAutoencoder, n_components=4, n_nonzero_coefs=2, max_iter=2
    ),
    "nn.MatryoshkaAutoencoder": _learner(nn.MatryoshkaAutoencoder, n_components=4, n_nonzero_coefs=2, max_iter=2),
    # phase
    "phase.SparsePhaseRetrieval": by(
        lambda A, y, n_nonzero_coefs: (
            phase.SparsePhaseRetrieval(n_nonzero_coefs, n_init=2, random_state=0).fit(A, y).coef_
        ),
        **PHASE,
    ),
    "phase.align_phase": of(phase.align_phase, x=x, z=-x),
    "phase.phase_error": of(phase.phase_error, x=x, z=0.1 - x),
    "phase.retrieve": of(phase.retrieve, **PHASE, fixed={"n_init": 2, "random_state": 0}),
    "phase.thwf": of(phase.thwf, A=PHASE["A"], y=PHASE["y"], alpha=1.5),
    **{
        f"phase.{name}": of(getattr(phase, name), **PHASE)
        for name in ("copram", "htp", "newton_projection", "sparta", "spectral_init", "null_init")
    },
    # recovery
    **{
        f"recovery.{name}": of(getattr(recovery, name), **SOLVE)
        for name in ("omp", "cosamp", "subspace_pursuit", "iht", "niht", "htp", "nst_ht", "nst_ht_fb")
    },
    **{
        f"recovery.{name}": of(getattr(recovery, name), A=A, y=y)
        for name in ("adaptive_nst_ht_fb", "basis_pursuit", "reweighted_l1", "irls", "sbl")
    },
    **{f"recovery.{name}": of(getattr(recovery, name), A=A, y=Y, alpha=0.1) for name in ("ista", "fista")},
    "recovery.bpdn": of(recovery.bpdn, A=A, y=y, sigma=0.1),
    "recovery.lasso_ball": of(recovery.lasso_ball, A=A, y=y, tau=1.0),
    "recovery.CountingOperator": by(_counted, A=A, y=y),
    "recovery.PartialDCT": by(_operator(recovery.PartialDCT), rows=np.arange(5), v=np.arange(16.0), n=16),
    "recovery.PartialWHT": by(_operator(recovery.PartialWHT), rows=np.arange(5), v=np.arange(16.0), n=16),
    "recovery.PartialFourier": by(_operator(recovery.PartialFourier), rows=np.arange(5), v=np.arange(16.0), n=16),
    "recovery.PhaseDiagram": RESULT,
    "recovery.phase_transition": by(
        lambda deltas, rhos, n_features: recovery.phase_transition(
            "omp", n_features=n_features, deltas=deltas, rhos=rhos, n_trials=1, random_state=0, n_jobs=1
        ).success,
        deltas=np.array([0.5]), rhos=np.array([0.1, 0.9]), n_features=24, slow=True,
    ),
    "recovery.weak_threshold": of(recovery.weak_threshold, delta=np.array([0.3, 0.5])),
    "recovery.SparseRegressor": fitted(
        recovery.SparseRegressor, use=("predict",), look=("coef_",), data=FIT, n_nonzero_coefs=2, tol=1e-6
    ),
    "recovery.SparseRegressorCV": fitted(
        lambda **p: recovery.SparseRegressorCV("omp", cv=2, **p), use=("predict",), look=("coef_",), data=FIT, tol=1e-6
    ),
    # recovery.prox
    **{
        f"recovery.prox.{name}": of(getattr(prox, name), z=A, a=0.1)
        for name in ("prox_l1", "prox_l0", "prox_lhalf", "prox_ltwothirds")
    },
    "recovery.prox.prox_lq": of(prox.prox_lq, z=A, a=0.1, q=0.3),
    "recovery.prox.group_soft_threshold": of(prox.group_soft_threshold, z=x, a=0.1, groups=np.arange(12) // 3),
    "recovery.prox.prox_cel0": of(
        prox.prox_cel0, z=x, alpha=0.1, step=0.5, column_norms=np.ones(12)
    ),
    "recovery.prox.prox_scad": of(prox.prox_scad, z=A, alpha=0.1, step=0.5, gamma=3.7),
    "recovery.prox.prox_mcp": of(prox.prox_mcp, z=A, alpha=0.1, step=0.5, gamma=3.0),
    "recovery.prox.prox_firm": of(prox.prox_firm, z=A, a=0.1, mu=0.5),
    "recovery.prox.prox_log_sum": of(prox.prox_log_sum, z=A, a=0.1, eps=0.5),
    "recovery.prox.top_k": of(prox.top_k, z=A, k=3),
    "recovery.prox.hard_threshold_rows": of(prox.hard_threshold_rows, z=A, k=3),
    "recovery.prox.project_l1_ball": of(prox.project_l1_ball, z=x, tau=1.0),
    "recovery.prox.Penalty": NOTHING,
    **{
        f"recovery.prox.{name}": by(_penalty(getattr(prox, name)), z=x, alpha=0.1, step=0.5, **parameters)
        for name, parameters in {
            "L0": {}, "L1": {}, "LHalf": {}, "LTwoThirds": {}, "MCP": {"gamma": 3.0}, "SCAD": {"gamma": 3.7},
            "Firm": {"mu": 1.0}, "LogSum": {"eps": 0.5}, "Lq": {"q": 0.3}, "CEL0": {"column_norms": np.ones(12)},
            "GroupL2": {"groups": np.arange(12) // 3},
        }.items()
    },
    "recovery.prox.Box": by(_constraint(prox.Box), z=x, low=0.0, high=1.0),
    "recovery.prox.L0Constraint": by(_constraint(prox.L0Constraint), z=x, k=2),
    "recovery.prox.L1Ball": by(_constraint(prox.L1Ball), z=x, tau=1.0),
    "recovery.prox.NonNegative": by(_constraint(prox.NonNegative), z=x),
    # sketch
    **{
        f"sketch.{name}": _sketcher(getattr(sketch, name))
        for name in ("GaussianSketch", "CountSketch", "SparseSignSketch", "SRHT", "FastJL", "TensorSketch")
    },
    "sketch.SparseEmbedding": _sketcher(sketch.SparseEmbedding, n_nonzeros=2),
    "sketch.SketchOperator": by(
        lambda v, n: sketch.SketchOperator("countsketch", n, 12, random_state=0).apply(v), v=A, n=4
    ),
    "sketch.SketchedLinearRegression": fitted(
        lambda **p: sketch.SketchedLinearRegression(**p, random_state=0), use=("predict",), data=FIT, alpha=0.1
    ),
    "sketch.StreamingSketch": by(_streamed, X=X, n_components=9),
    "sketch.approx_matmul": of(sketch.approx_matmul, A=X, B=X[:, :2], n_components=9, fixed={"random_state": 0}),
    "sketch.coordinated_sample": by(
        lambda A, size: list(vars(sketch.coordinated_sample(A, size, random_state=0)).values()), A=X, size=5
    ),
    "sketch.fast_jl_density": of(sketch.fast_jl_density, n_features=1000, n_points=100, eps=0.1),
    "sketch.johnson_lindenstrauss_min_dim": of(
        sketch.johnson_lindenstrauss_min_dim, n_samples=np.array([10, 100]), eps=0.1
    ),
    "sketch.kronecker_sketch": by(
        lambda A, B, n: sketch.kronecker_sketch([A, B], n, random_state=0), A=X[:4], B=X[:3, :2], n=5
    ),
    "sketch.leverage_sample": of(sketch.leverage_sample, A=X, n_samples=9, fixed={"random_state": 0}),
    "sketch.leverage_scores": of(sketch.leverage_scores, A=X),
    "sketch.lstsq": by(
        lambda A, b, alpha: sketch.lstsq(A, b, alpha=alpha, random_state=0).x,
        A=np.vstack([X, X[::-1] + 0.3, X + 1]), b=np.arange(42.0), alpha=0.0,
    ),
    "sketch.lstsq_from_samples": by(_solved, A=X, b=X[:, :2] + 0.1, size=12),
    "sketch.product_from_samples": by(_sampled, A=X, B=X[:, :2] + 0.1, size=12),
    "sketch.sketch": of(sketch.sketch, A=X, n_components=9, fixed={"random_state": 0}),
    "sketch.sketch_size": by(
        lambda eps, rank: sketch.sketch_size("gaussian", goal="subspace", eps=eps, rank=rank), eps=0.5, rank=3
    ),
    "sketch.uniform_hash": of(sketch.uniform_hash, ids=np.arange(6), seed=3),
    # transforms
    "transforms.Diagonal": by(lambda d, v: transforms.Diagonal(d) @ v, d=np.arange(1.0, 5), v=BLOCKS),
    "transforms.Permutation": by(
        lambda index, v: transforms.Permutation(index) @ v, index=np.array([2, 0, 1, 3]), v=BLOCKS
    ),
    "transforms.KroneckerSparse": by(
        lambda values, v: transforms.KroneckerSparse(values, 2, 2, 2, 1) @ v, values=np.ones((2, 1, 2, 2)), v=BLOCKS
    ),
    "transforms.MonarchOperator": by(
        lambda left, right, v: transforms.MonarchOperator(left, right) @ v,
        left=rng.standard_normal((2, 3, 4)), right=rng.standard_normal((4, 2, 5)), v=np.ones(20),
    ),
    "transforms.FactorizedOperator": by(
        lambda left, right, v, scale: transforms.FactorizedOperator([left, right], scale=scale) @ v,
        left=sp.csr_array(WEIGHTS), right=sp.csr_array(WEIGHTS.T), v=X[0], scale=2.0,
    ),
    "transforms.FactorizationResult": RESULT,
    "transforms.PixelflyResult": RESULT,
    "transforms.butterfly_architecture": by(
        lambda m, n: [tuple(p) if isinstance(p, tuple) else repr(p) for p in transforms.butterfly_architecture(m, n)],
        m=8, n=8,
    ),
    "transforms.butterfly_factorization": by(
        lambda A: transforms.butterfly_factorization(A).operator, A=transforms.hadamard_operator(8).toarray() + 0.1
    ),
    "transforms.dct_operator": by(lambda n: transforms.dct_operator(n), n=8, slow=True),
    "transforms.dft_operator": by(lambda n: transforms.dft_operator(n), n=8, slow=True),
    "transforms.hadamard_operator": by(lambda n: transforms.hadamard_operator(n), n=8, slow=True),
    "transforms.fixed_support_factorization": by(
        lambda A, left, right: transforms.fixed_support_factorization(A, left, right).operator,
        A=rng.standard_normal((4, 4)), left=np.kron(np.eye(2), np.ones((2, 1))),
        right=np.kron(np.eye(2), np.ones((1, 2))),
    ),
    "transforms.flat_block_butterfly_mask": of(
        transforms.flat_block_butterfly_mask, m=8, n=8, slow=True, fixed={"block_size": 2, "n_factors": 1}
    ),
    "transforms.fwht": of(transforms.fwht, X=rng.standard_normal((5, 8)), axis=1),
    "transforms.next_pow2": of(transforms.next_pow2, n=9),
    "transforms.hierarchical_factorization": by(
        lambda A: transforms.hierarchical_factorization(
            A, max_iter_local=3, max_iter_global=3, random_state=0
        ).operator,
        A=transforms.hadamard_operator(8).toarray(),
    ),
    "transforms.monarch_project": by(
        lambda A, rank: transforms.monarch_project(A, n_blocks=(2, 2), rank=rank), A=BLOCKS, rank=1
    ),
    "transforms.palm4msa": by(
        lambda A, max_iter: transforms.palm4msa(
            A, [proj.splincol(2), proj.splincol(2)], max_iter=max_iter, random_state=0
        ).operator,
        A=transforms.hadamard_operator(4).toarray(), max_iter=5, keep=ITERATE,
    ),
    "transforms.pixelfly_fit": by(
        lambda A, rank: transforms.pixelfly_fit(A, block_size=2, n_factors=1, rank=rank).operator @ np.ones(8),
        A=rng.standard_normal((8, 8)), rank=1,
    ),
    "transforms.pixelfly_regression": by(
        lambda X, Y, mask, rank: transforms.pixelfly_regression(X, Y, mask, rank, max_iter=20).operator @ np.ones(6),
        X=X, Y=X @ rng.standard_normal((6, 6)), mask=sp.csr_array(np.eye(6)), rank=1,
    ),
    # transforms.proj
    **{
        f"transforms.proj.{name}": by(_projected(getattr(proj, name)), z=BLOCKS, k=2)
        for name in ("sp", "splin", "spcol", "splincol", "skperm", "sptriu", "sptril", "spsymm")
    },
    **{f"transforms.proj.{name}": by(_projected(getattr(proj, name)), z=BLOCKS, s=1.0)
       for name in ("normcol", "normlin")},
    **{
        f"transforms.proj.{name}": by(_projected(getattr(proj, name)), z=BLOCKS)
        for name in ("identity", "circ", "toeplitz", "hankel")
    },
    "transforms.proj.supp": by(_projected(proj.supp), z=BLOCKS, mask=np.eye(4) > 0),
    "transforms.proj.const": by(_projected(proj.const), z=BLOCKS, C=np.eye(4)),
    "transforms.proj.blockdiag": by(_projected(proj.blockdiag, block_shapes=[(2, 2), (2, 2)]), z=BLOCKS),
    "transforms.proj.kronecker": by(_projected(proj.kronecker, b=2, c=2, d=1), z=BLOCKS, a=2),
}  # fmt: skip
