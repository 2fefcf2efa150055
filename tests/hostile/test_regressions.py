"""What the fuzzing found, one test each."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import sparsela
from sparsela import coding, dictionary, dpp, lowrank, matmul, nn, phase, recovery, sketch, transforms
from sparsela.recovery import prox

from .calls import FEATURES, PHASE, A, X, y
from .test_threads import fitted_models
from .versions import BROKEN


def test_niht_ends_where_squares_overflow():
    """It halved its step for ever."""
    with pytest.raises(ValueError, match="y must be between"):
        recovery.niht(A, np.where(np.arange(8) == 4, 1e300, y), 2)


@pytest.mark.parametrize("levels", [41, 2**31, 2**70])
def test_levels_have_an_end(levels):
    """Billions of levels were planned one by one."""
    with pytest.raises(ValueError, match="levels must be between 0 and 40"):
        matmul.error_bound("strassen", levels, (8, 8, 8))
    with pytest.raises(ValueError, match="levels must be between 0 and 40"):
        matmul.multiply(A, A.T, scheme="strassen", levels=levels)


def test_threads_have_an_end():
    """Every later call ended in an OverflowError."""
    with pytest.raises(ValueError, match="n_jobs must be at most"):
        sparsela.set_config(n_jobs=2**70)


def test_inputs_of_a_program_have_an_end():
    with pytest.raises(ValueError, match="n_inputs must be between"):
        matmul.AdditionProgram(2**70, [], [])


@pytest.mark.parametrize("solver", [recovery.nst_ht, recovery.nst_ht_fb])
def test_null_space_tuning_refuses_a_zero_matrix(solver):
    with pytest.raises(ValueError, match="A must not be zero"):
        solver(np.zeros((4, 6)), np.ones(4), 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_null_space_tuning_keeps_its_best_iterate_where_rows_are_equal():
    """It went on until the numbers overflowed."""
    for matrix in (np.ones((8, 12)), np.broadcast_to(A[:1], A.shape)):
        result = recovery.nst_ht(matrix, y, 2)
        assert np.isfinite(result.x).all() and result.residual_norm <= 2 * np.linalg.norm(y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_zero_matrix_has_the_zero_solution():
    """A division by its norm."""
    assert not recovery.bpdn(np.zeros((4, 6)), np.ones(4), 3.0).x.any()
    assert not recovery.lasso_ball(np.zeros((4, 6)), np.ones(4), 1.0).x.any()


@pytest.mark.parametrize("bad", [[], 3.0, np.ones(6), [[1j] * 6]])
def test_sparse_coder_looks_at_its_dictionary_before_its_width(bad):
    """An IndexError of the property that gives the width."""
    with pytest.raises((ValueError, TypeError)):
        coding.SparseCoder(bad).fit(X)


def test_numpy_integers_as_parameters():
    """A block size was divided by an int8."""
    two = np.int8(2)
    assert dictionary.BinarySparseCoding(two, n_steps=2, random_state=0).fit(FEATURES).components_.shape == (2, 6)
    assert dpp.DPPFeatureSelector(two, random_state=0).fit_transform(FEATURES).shape[1] == 2
    assert matmul.MachineModel.nominal("float64").predict_blas((np.int8(16), np.int8(100), 8)) > 0


@pytest.mark.parametrize("bad", [None, [["a"]], np.ones((7, 2))])
def test_meta_factorization_checks_its_factors(bad):
    with pytest.raises((ValueError, TypeError)):
        lowrank.MetaFactorization(np.ones((3, 1)), np.ones((1, 1)), bad)


def test_zero_threshold_of_a_zero_group():
    """0/0."""
    assert prox.group_soft_threshold([0.0, 2.0], 0.0).tolist() == [0.0, 2.0]


def test_unsigned_groups():
    z = np.array([3.0, 0.3, 4.0, 0.4])
    np.testing.assert_array_equal(
        prox.group_soft_threshold(z, 1.0, groups=np.array([0, 1, 0, 1], np.uint64)),
        prox.group_soft_threshold(z, 1.0, groups=[0, 1, 0, 1]),
    )


def test_penalty_of_an_infinite_number():
    assert prox.SCAD().value([np.inf], 0.1) == pytest.approx(0.1**2 * 4.7 / 2)


@pytest.mark.parametrize("call", [lambda: prox.Box(1j, 2.0), lambda: recovery.weak_threshold(0.5j)])
def test_complex_numbers_are_refused_not_cut(call):
    with pytest.raises(TypeError, match="must be real"):
        call()


def test_complex_indices_are_refused_not_cut():
    with pytest.raises(TypeError, match="indices must be integers"):
        nn.CondensedLinear(np.array([[0j, 1]]), np.ones((1, 2)), np.zeros(1, int), 3, 1)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_object_as_gradient():
    layer = nn.SparseLinear(6, 5, density=0.5, dtype=np.float64, random_state=0)
    layer.forward(np.ones((6, 3)))
    assert layer.backward(np.asmatrix(np.ones((5, 3))))[2].shape == (5,)


@pytest.mark.parametrize(
    "call",
    [
        lambda: nn.widen_for_sparsity(30, 5e-324),
        lambda: nn.prune_n_m(np.ones((2, 8)), 2, 2**31),
        lambda: sketch.sketch_size("gaussian", goal="subspace", eps=5e-324, rank=3),
        lambda: transforms.fwht(np.ones((2, 8)), axis=2**70),
    ],
)
def test_numbers_out_of_all_proportion(call):
    """OverflowError and ZeroDivisionError."""
    with pytest.raises(ValueError):
        call()


def test_irls_in_single_precision_solves_in_silence():
    result = recovery.irls(A.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(A @ result.x, y, atol=1e-4)


def test_indices_out_of_range_do_not_reach_a_product():
    broken = sp.csr_array(A)
    broken.indices[5] = 10**8
    with pytest.raises(ValueError, match="no valid csr array"):
        recovery.omp(broken, y, 2)


@pytest.mark.parametrize("n_samples", [np.inf, [10, np.inf]])
def test_the_dimension_for_infinitely_many_points(n_samples):
    """An infinity was cast to an integer."""
    with pytest.raises(ValueError, match="n_samples must be at least 1 and finite"):
        sketch.johnson_lindenstrauss_min_dim(n_samples)


def test_dimensions_past_int64():
    with pytest.raises(ValueError, match="eps is too small"):
        sketch.johnson_lindenstrauss_min_dim(10, eps=1e-10)


@pytest.mark.parametrize("bad", [3.0, np.ones(7), np.ones((12, 2, 1)), [], {}, np.ones((7, 12))])
def test_a_counting_operator_says_what_it_can_take(bad):
    """An IndexError of its counter."""
    counted = recovery.CountingOperator(A)
    for apply in (counted.matvec, counted.rmatvec, counted.matmat, counted.rmatmat):
        with pytest.raises((ValueError, TypeError), match="must"):
            apply(bad)
    assert counted.n_matvec == counted.n_rmatvec == 0


def test_kernel_sketches_that_leave_the_floats():
    """A RuntimeWarning from inside NumPy, then infinities."""
    tall = X.copy()
    tall[3, 2] = 1e200
    with pytest.raises(ValueError, match="X, gamma or coef0 is too large for degree 2"):
        sketch.TensorSketch(4, random_state=0).fit(X).transform(tall)
    with pytest.raises(ValueError, match="too large for degree 9"):
        sketch.TensorSketch(4, degree=9, random_state=0).fit(X).transform(1e40 * X)
    for method in ("tensorsketch", "kfjlt"):
        for axis in (0, 1):
            with pytest.raises(ValueError, match="factors are too large"):
                sketch.kronecker_sketch([tall, tall], 5, method=method, axis=axis, random_state=0)
    assert np.isfinite(sketch.TensorSketch(4, degree=1, random_state=0).fit_transform(tall)).all()


@pytest.mark.parametrize("eps", [5e-324, 1e-310, 1e-160, 0.5, np.float32(0.5), 1e300])
def test_log_sum_of_any_bend(eps):
    """Sizes over eps overflowed."""
    for s in (0.0, 1e-300, 1.0, 1e300):
        expected = np.logaddexp(np.log(s), np.log(float(eps))) - np.log(float(eps)) if s else 0.0
        assert prox.LogSum(eps).value([s], 2.0) == pytest.approx(2 * expected, rel=1e-10, abs=1e-12)
    assert np.isfinite(prox.prox_log_sum([1.0, -1e300], 0.1, eps)).all()


@pytest.mark.parametrize("fault", BROKEN)
def test_constants_and_phases_refuse_broken_arrays(fault):
    """SciPy followed the indices out of the arrays: a segmentation fault."""
    with pytest.raises(ValueError, match="C is no valid"):
        transforms.proj.const(BROKEN[fault](A))
    with pytest.raises(ValueError, match="X is no valid"):
        phase.SparsePhaseRetrieval(2).fit(BROKEN[fault](A), np.abs(y))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fitted_models_refuse_broken_arrays():
    """`fit` had looked at its data; predictions and inverse transforms crashed on theirs."""
    for model, data, last in fitted_models():
        model = clone(model).fit(*data)
        codes = model.transform(data[0]) if hasattr(model, "inverse_transform") else None
        codes = codes.toarray() if sp.issparse(codes) else codes
        for method, given in (("transform", data[0]), (last, data[0]), ("inverse_transform", codes)):
            for fault, broken in BROKEN.items() if hasattr(model, method) else ():
                if min(given.shape) > 2:  # two columns cannot fall
                    with pytest.raises((ValueError, TypeError)):
                        getattr(model, method)(broken(given))
                        pytest.fail(f"{type(model).__name__}.{method} answers to: {fault}")


@pytest.mark.parametrize(
    "model",
    [
        nn.SparseMLPClassifier((3,)), nn.SparseMLPRegressor((3,)), sketch.SketchedLinearRegression(),
        recovery.SparseRegressor(), phase.SparsePhaseRetrieval(2),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
@pytest.mark.parametrize("kind", [sp.csr_array, sp.coo_array, lambda y: sp.coo_array(y[:, None])])
def test_sparse_targets_are_refused(model, kind):
    """A subtraction that sparse arrays have not, an unbound variable, and duplicates that were summed in place."""
    with pytest.raises(TypeError, match="y must be a dense array"):
        model.fit(X, kind(np.arange(14.0) % 2))


def test_a_sparse_vector_is_no_matrix():
    """Duplicates of the caller's vector were summed in place."""
    vector = sp.coo_array(([1.0, 2.0], (np.array([3, 3]),)), (6,))
    for fit in (sketch.GaussianSketch(4).fit, dictionary.OnlineDictionaryLearning(2).fit, sketch.leverage_scores):
        with pytest.raises((ValueError, TypeError)):
            fit(vector)
        assert vector.nnz == 2


def test_causes_of_numbers_whose_squares_are_nothing():
    """A KeyError where no sample was the likeliest."""
    with pytest.raises(ValueError, match="X must be between"):
        dictionary.MaximalCausesAnalysis(4, n_steps=3, max_active=2, random_state=0).fit(1e-160 * np.abs(FEATURES))


@pytest.mark.parametrize("scale", [1e200, 1e300])
def test_huge_columns_are_not_orthonormal(scale):
    """A warning from inside NumPy."""
    with pytest.raises(ValueError, match="V must have orthonormal columns"):
        dpp.ProjectionDPP(scale * np.eye(4)[:, :2])


def test_phases_of_denormal_vectors():
    """An IndexError: LAPACK gave no eigenvector."""
    with pytest.raises(ValueError, match="A must be between"):
        phase.retrieve(**{**PHASE, "A": 1e-310 * PHASE["A"]}, n_init=2, random_state=0)


def test_truncated_flow_that_diverges_keeps_its_best_iterate():
    """It went on until the numbers overflowed."""
    equal = np.broadcast_to(PHASE["A"][:1], PHASE["A"].shape)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        found = phase.sparta(equal, PHASE["y"], 2, return_history=True)
    assert np.isfinite(found.x).all() and found.residual_norm <= found.history["residual_norm"].min()
