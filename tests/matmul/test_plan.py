"""Plans: what is chosen, how much memory it takes, what it says of itself."""

import pickle
import tracemalloc

import numpy as np
import pytest

from sparsela.matmul import MachineModel, get_scheme, multiply, plan_multiply


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_levels_grow_with_the_sizes(dtype):
    found = [plan_multiply((n, n), (n, n), dtype, n_jobs=1).levels for n in (100, 1024, 1600, 2048, 4096, 8192)]
    assert found == [0, 0, 1, 2, 2, 3]
    assert plan_multiply((2048, 2048), (2048, 2048), dtype, n_jobs=2).levels == 0
    assert plan_multiply((10**6, 50), (50, 10**6), dtype, n_jobs=1).levels == 0  # too thin
    assert plan_multiply((8192, 1024), (1024, 8192), dtype, n_jobs=1).levels == 2


def test_a_scheme_that_stands_for_two_levels_counts_as_two():
    four = get_scheme("winograd") * get_scheme("winograd")
    assert plan_multiply((4096, 4096), (4096, 4096), scheme=four, n_jobs=1).levels == 1
    assert plan_multiply((1600, 1600), (1600, 1600), scheme=four, n_jobs=1).levels == 0


@pytest.mark.parametrize("scheme", ["winograd", "strassen", "laderman"])
@pytest.mark.parametrize("shape", [(512, 512, 512), (700, 301, 555)])
def test_memory_is_what_the_plan_says(scheme, shape):
    m, k, n = shape
    A, B, out = np.ones((m, k)), np.ones((k, n)), np.empty((m, n))
    plan_multiply((m, k), (k, n), scheme=scheme, levels=2, n_jobs=2).run(A, B, out)  # loads what is loaded late
    for levels in (1, 2):
        plan = plan_multiply((m, k), (k, n), scheme=scheme, levels=levels, n_jobs=2)
        workspace = plan.workspace
        tracemalloc.start()
        plan.run(A, B, out)
        first = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        held = tracemalloc.get_traced_memory()[0]
        plan.run(A, B, out)
        again = tracemalloc.get_traced_memory()[1] - held
        tracemalloc.stop()
        assert first <= 1.05 * workspace
        assert again <= 0.01 * workspace + 50_000  # the scratch memory of the first run


def test_fused_and_lean_memory_are_near_the_theory():
    n = 1024
    plan = plan_multiply((n, n), (n, n), scheme="winograd", levels=1, max_workspace=10**9, n_jobs=1)
    quarter = 8 * n * n / 4
    assert 8 * quarter <= plan.workspace <= 8.4 * quarter  # four sums of A, four of B; the products lie in C
    lean = [plan._build((2,) * 4, (False,) * 3).workspace(1) for plan in [of_levels(n, 4)]]
    assert lean[0] <= 3 * 8 * n * n / 3 * 1.1


def of_levels(n, levels):
    return plan_multiply((n, n), (n, n), scheme="winograd", levels=levels, max_workspace=10**9, n_jobs=1)


def test_max_workspace():
    A = np.arange(200.0 * 200).reshape(200, 200) % 7
    full = plan_multiply((200, 200), (200, 200), scheme="winograd", levels=2, n_jobs=1)
    less = plan_multiply(
        (200, 200), (200, 200), scheme="winograd", levels=2, n_jobs=1, max_workspace=full.workspace - 1
    )
    assert less.workspace < full.workspace
    np.testing.assert_array_equal(less.run(A, A), A @ A)
    with pytest.raises(ValueError, match="max_workspace must be at least"):
        plan_multiply((200, 200), (200, 200), scheme="winograd", levels=2, n_jobs=1, max_workspace=100)


def test_accuracy_caps_the_levels():
    shape = (4096, 4096)
    free = plan_multiply(shape, shape, n_jobs=1)
    assert free.levels == 2
    capped = plan_multiply(shape, shape, n_jobs=1, accuracy=4)
    assert capped.levels == 1
    assert capped.schemes[0].name == "strassen"  # Winograd's bound is 4.5 times the classical one
    assert plan_multiply(shape, shape, n_jobs=1, accuracy=1).levels == 0
    assert plan_multiply(shape, shape, scheme="winograd", levels=3, accuracy=5).levels == 1


def test_the_model_decides_when_it_was_measured():
    nominal = MachineModel.nominal()
    fields = {name: getattr(nominal, name) for name in nominal.__dataclass_fields__} | {"measured": True}
    quick = MachineModel(**fields | {"near": 1e15, "far": 1e15, "rates": (5e10,) * 8, "thin": (1.0,) * 3})
    slow = MachineModel(**fields | {"near": 1e8, "far": 1e8})
    shape = (2048, 2048)
    assert plan_multiply(shape, shape, model=quick, n_jobs=1).levels == 2
    assert plan_multiply(shape, shape, model=slow, n_jobs=1).levels == 0
    with pytest.raises(ValueError, match="float64"):
        plan_multiply(shape, shape, "float32", model=quick)


def test_what_a_plan_shows(capsys):
    plan = plan_multiply((513, 400), (400, 300), "float32", scheme="strassen", levels=2, n_jobs=1)
    assert plan.leaf_shape == (129, 100, 75)
    assert plan.levels == 2
    assert plan.predicted_time > 0
    assert "strassen × 2" in repr(plan)
    plan.explain()
    assert "49 products in all" in capsys.readouterr().out
    with pytest.raises(AttributeError):
        plan.n_threads = 3
    A, B = np.ones((513, 400), "f"), np.ones((400, 300), "f")
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again.run(A, B), plan.run(A, B))


def test_a_plan_takes_only_its_own_shapes_and_dtype():
    plan = plan_multiply((30, 20), (20, 10), scheme="winograd", levels=1)
    for A, B in ((np.ones((30, 21)), np.ones((21, 10))), (np.ones((30, 20), "f"), np.ones((20, 10), "f"))):
        with pytest.raises(ValueError, match="the plan is for"):
            plan.run(A, B)
    blas = plan_multiply((30, 20), (20, 10))
    np.testing.assert_array_equal(blas.run(np.ones((30, 20)), np.ones((20, 10))), np.full((30, 10), 20.0))


@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        (((3, 4), (5, 6)), {}, ValueError, "inner dimension"),
        (((3,), (3, 6)), {}, ValueError, "two ints"),
        ((3, (3, 6)), {}, TypeError, "two ints"),
        (((3.0, 4), (4, 6)), {}, TypeError, "int"),
        (((-3, 4), (4, 6)), {}, ValueError, "at least 0"),
        (((3, 4), (4, 6), str), {}, TypeError, "numbers"),
        (((3, 4), (4, 6)), {"edges": "cut"}, ValueError, "edges"),
        (((3, 4), (4, 6)), {"max_workspace": -1}, ValueError, "max_workspace"),
    ],
)
def test_bad_plans(args, options, error, message):
    with pytest.raises(error, match=message):
        plan_multiply(*args, **options)


def test_large_scratch_memory_is_kept_but_lent(monkeypatch):
    from sparsela.matmul import _plan

    monkeypatch.setattr(_plan, "KEPT_ARENA", 1000)
    _plan._kept.arena = None
    rng = np.random.default_rng(0)
    A, B = (rng.integers(-3, 4, (300, 300)).astype(float) for _ in range(2))
    seen = []
    for _ in range(3):
        np.testing.assert_array_equal(multiply(A, B, scheme="winograd", levels=2), A @ B)
        seen.append(_plan._kept.arena)
    assert (seen[0] is not None) == _plan.LENDABLE
    assert seen[0] is seen[1] is seen[2]
    monkeypatch.setattr(_plan, "LENDABLE", False)
    _plan._kept.arena = None
    np.testing.assert_array_equal(multiply(A, B, scheme="winograd", levels=2), A @ B)
    assert _plan._kept.arena is None


def test_kept_plans_hold_no_memory():
    from sparsela.matmul._planner import kept_plan

    A = np.ones((128, 128))
    multiply(A, A, scheme="winograd", levels=1)
    plan = kept_plan((128, 128, 128), np.dtype(float), "winograd", 1, None, None, None)
    assert plan is kept_plan((128, 128, 128), np.dtype(float), "winograd", 1, None, None, None)
    assert not plan._arenas
