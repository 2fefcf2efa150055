"""Products that survive losses: published failure counts, every loss set judged, every decodable one decoded."""

import pickle
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from sparsela.matmul import (
    FaultTolerantProduct,
    UndecodableError,
    find_check_relations,
    find_parity_products,
    get_scheme,
    multiply_fault_tolerant,
)

TWO_SCHEMES = (0, 0, 2, 40, 362, 1746, 2956, 3430, 3003, 2002, 1001, 364, 91, 14, 1)
FIRST = ([0, 0, 1, 0], [0, 1, 0, -1])  # a21 (b12 − b22)
SECOND = ([0, 1, 0, 0], [0, 0, 1, 0])  # a12 b21
BETTER = ([0, 0, 1, -1], [0, 1, 0, -1])  # (a21 − a22)(b12 − b22)


@pytest.fixture(scope="module")
def two():
    return FaultTolerantProduct(n_parity=0)


@pytest.fixture(scope="module")
def sixteen():
    return FaultTolerantProduct()


def ways(scheme):
    return list(zip(scheme.u, scheme.v, strict=True))


def test_strassen_and_winograd_together(two):
    assert two.failure_counts == TWO_SCHEMES
    assert two.relations.shape == (4, 14)
    assert not (two.relations @ np.array([np.outer(u, v).ravel() for _, u, v in two.nodes])).any()
    names = [node.name for node in two.nodes]
    assert [pair for pair in combinations(names, 2) if not two.decodable(pair)] == [("S3", "W5"), ("S7", "W2")]
    assert two.min_losses == 2


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ({"schemes": ["strassen"] * 2, "n_parity": 0}, (0, 0, 7, 84, 441, 1330, 2555, 3304)),
        ({"schemes": ["strassen"] * 3, "n_parity": 0}, (0, 0, 0, 7, 126, 1071, 5691)),
        ({"parity": [FIRST]}, (0, 0, 1, 24)),
        ({"parity": [FIRST, SECOND]}, (0, 0, 0, 9, 154, 1189, 4900)),
        ({"parity": [BETTER, SECOND]}, (0, 0, 0, 7, 121, 968, 4589, 10667)),
    ],
)
def test_published_failure_counts(arguments, counts):
    assert FaultTolerantProduct(**arguments).failure_counts[: len(counts)] == counts


def test_the_search_finds_the_best_pair_and_one_alone_cannot_do(sixteen, two):
    assert sixteen.failure_counts[:5] == (0, 0, 0, 7, 121)
    assert sixteen.n_nodes == 16
    scheme_products = [node[1:] for node in two.nodes]
    ((u, v),) = find_parity_products(scheme_products, 1)
    assert FaultTolerantProduct(parity=[(u, v)]).failure_counts[2] == 1
    ternary = [np.array(x) for x in product((-1, 0, 1), repeat=4) if any(x) and next(y for y in x if y) > 0]
    rng = np.random.default_rng(0)
    for _ in range(20):  # any product besides leaves at least one pair
        extra = (ternary[rng.integers(40)], ternary[rng.integers(40)])
        assert FaultTolerantProduct(parity=[extra], max_losses=2).failure_counts[2] >= 1


@pytest.mark.parametrize(
    ("arguments", "p05", "p01"),
    [
        ({"schemes": ["strassen"] * 2, "n_parity": 0}, 1.737e-2, 6.998e-4),
        ({"n_parity": 0}, 7.277e-3, 2.165e-4),
        ({}, 1.078e-3, 7.306e-6),
        ({"schemes": ["strassen"] * 3, "n_parity": 0}, 8.747e-4, 7.000e-6),
    ],
)
def test_published_failure_probabilities(arguments, p05, p01):
    assert FaultTolerantProduct(**arguments).failure_probability([0.05, 0.01]) == pytest.approx([p05, p01], rel=5e-4)


def test_failure_probability_against_a_simulation(sixteen):
    lost = np.random.default_rng(1).random((100_000, 16)) < 0.1
    sets, times = np.unique(lost, axis=0, return_counts=True)
    failed = sum(n for row, n in zip(sets, times, strict=True) if not sixteen.decodable(np.flatnonzero(row))) / 100_000
    p = sixteen.failure_probability(0.1)
    assert abs(failed - p) <= 5 * np.sqrt(p * (1 - p) / 100_000)


def test_every_loss_set_is_judged_as_a_rank_test_judges_it(sixteen):
    P = np.array([np.outer(u, v).ravel() for _, u, v in sixteen.nodes], float)
    masks = (np.arange(1 << 16)[:, None] >> np.arange(16)) & 1  # of what is left
    for part in np.split(masks, 32):
        left = part[:, :, None] * P
        with_targets = np.concatenate([left, np.broadcast_to(sixteen.targets, (len(part), *sixteen.targets.shape))], 1)
        wanted = np.linalg.matrix_rank(left) == np.linalg.matrix_rank(with_targets)
        found = [sixteen.decodable(np.flatnonzero(row == 0)) for row in part]
        assert (wanted == found).all()


def test_local_repair_is_sound_and_does_less(sixteen, two):
    for code in (two, sixteen):
        local, linear = code.local_failure_counts, code.failure_counts
        assert all(a >= b for a, b in zip(local, linear, strict=True))
        assert local[:3] == ((0, 0, 3) if code is two else (0, 0, 0))
    rng = np.random.default_rng(2)
    for _ in range(300):
        lost = rng.choice(16, rng.integers(1, 7), replace=False)
        assert sixteen.decodable(lost) or not sixteen.decodable(lost, method="local")
    counted = sum(not sixteen.decodable(lost, method="local") for lost in combinations(range(16), 3))
    assert counted == sixteen.local_failure_counts[3]


def test_decodable_losses_are_decoded_and_others_refused(sixteen):
    rng = np.random.default_rng(3)
    A, B = rng.standard_normal((64, 64)), rng.standard_normal((64, 64))
    blocks = {i: task() for i, task in enumerate(sixteen.submit(A, B))}
    C = A @ B
    decoded = 0
    while decoded < 300:
        lost = set(rng.choice(16, rng.integers(0, 7), replace=False).tolist())
        left = {i: block for i, block in blocks.items() if i not in lost}
        if sixteen.decodable(sorted(lost)):
            assert np.abs(sixteen.decode(left) - C).max() <= 1e-12 * np.abs(C).max()
            decoded += 1
        else:
            with pytest.raises(UndecodableError, match="cannot be decoded") as caught:
                sixteen.decode(left)
            assert caught.value.lost == tuple(sixteen.nodes[i].name for i in sorted(lost))


def test_the_decoder_is_exact_and_small(sixteen):
    P = np.array([np.outer(u, v).ravel() for _, u, v in sixteen.nodes])
    assert np.abs(sixteen.decoder()).sum() <= 12  # Strassen's own weights, or fewer
    for lost in ([0, 8], ["S3", "W5"], [1, 5, 9]):
        D = sixteen.decoder(lost)
        left = np.setdiff1d(np.arange(16), sixteen.places(lost))
        assert (D @ P[left] == sixteen.targets).all()
        assert np.abs(D).max() <= 2


@pytest.mark.parametrize("shape", [(2, 2, 2), (5, 7, 3), (1, 1, 1), (64, 31, 50)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_any_shape_and_dtype(shape, dtype):
    rng = np.random.default_rng(4)
    m, k, n = shape
    A, B = ((rng.standard_normal(s) + 1j * rng.standard_normal(s)) for s in ((m, k), (k, n)))
    A, B = (X.astype(dtype) if np.dtype(dtype).kind == "c" else X.real.astype(dtype) for X in (A, B))
    before = A.copy(), B.copy()
    C = multiply_fault_tolerant(A, B, lost=["S2", "P1"])
    assert C.dtype == dtype
    assert np.abs(C - A @ B).max() <= 200 * np.finfo(dtype).eps * max(1.0, np.abs(A @ B).max())
    assert (before[0] == A).all()
    assert (before[1] == B).all()


def test_other_schemes():
    code = FaultTolerantProduct(["laderman"], n_parity=0, max_losses=1)
    assert code.failure_counts[:2] == (0, 23)
    assert code.failure_counts[2] is None
    assert code.min_losses == 1
    rng = np.random.default_rng(5)
    A, B = rng.standard_normal((7, 8)), rng.standard_normal((8, 9))
    assert np.abs(multiply_fault_tolerant(A, B, code) - A @ B).max() < 1e-12
    pair = FaultTolerantProduct([get_scheme("hopcroft-kerr")] * 2, n_parity=0, max_losses=2)
    assert pair.shape == (3, 2, 3)
    assert pair.failure_counts[:3] == (0, 0, 15)


class Late:
    """An executor whose chosen tasks begin late, or raise."""

    def __init__(self, pool, slow, wait=0.0):
        self.pool, self.slow, self.wait, self.n = pool, slow, wait, -1

    def submit(self, task):
        self.n += 1
        return self.pool.submit(run_late, task, self.wait if self.n in self.slow else None)


def run_late(task, wait):
    if wait == 0.0:
        raise RuntimeError("worker gone")
    if wait:
        time.sleep(wait)
    return task()


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_the_answer_does_not_wait_for_slow_workers(kind, sixteen):
    rng = np.random.default_rng(6)
    A, B = rng.standard_normal((40, 30)), rng.standard_normal((30, 20))
    with kind(4) as pool:
        list(pool.map(abs, range(8)))  # workers are up
        start = time.perf_counter()
        C = multiply_fault_tolerant(A, B, sixteen, executor=Late(pool, {0, 8, 14}, 6.0))
        assert time.perf_counter() - start < 5.0
        assert np.abs(C - A @ B).max() < 1e-12


def test_raising_workers_count_as_lost_and_so_do_late_ones(sixteen):
    A = np.eye(6)
    with ThreadPoolExecutor(4) as pool:
        assert (multiply_fault_tolerant(A, A, sixteen, executor=Late(pool, {0, 8})) == A).all()
        bad = next(lost for lost in combinations(range(16), 3) if not sixteen.decodable(lost))
        with pytest.raises(UndecodableError):
            multiply_fault_tolerant(A, A, sixteen, executor=Late(pool, set(bad)))
    with ThreadPoolExecutor(16) as pool, pytest.raises(UndecodableError):
        multiply_fault_tolerant(A, A, sixteen, executor=Late(pool, set(bad), 2.0), timeout=0.5)


def test_pickles_hold_sums_and_not_the_operands(sixteen):
    A = np.random.default_rng(7).standard_normal((200, 200))
    task = sixteen.submit(A, A)[0]
    data = pickle.dumps(task)
    assert len(data) < 2 * 100 * 100 * 8 + 2000
    assert (pickle.loads(data)() == task()).all()
    error = pickle.loads(pickle.dumps(UndecodableError(["S1"])))
    assert error.lost == ("S1",)


def test_check_relations_are_all_of_them(two):
    found = find_check_relations(two.nodes)
    P = np.array([np.outer(u, v).ravel() for _, u, v in two.nodes])
    assert not (found @ P).any()
    assert (np.count_nonzero(found, axis=1) <= 8).all()
    assert all(row[np.flatnonzero(row)[0]] > 0 for row in found)
    supports = [frozenset(np.flatnonzero(row)) for row in found]
    assert not any(a < b for a in supports for b in supports)
    # by brute force over the span of four independent relations with small weights
    brute = set()
    for weights in product(range(-3, 4), repeat=4):
        row = np.array(weights) @ two.relations
        if row.any() and np.abs(row).max() == 1 and np.count_nonzero(row) <= 8:
            brute.add(tuple(row * np.sign(row[np.flatnonzero(row)[0]])))
    minimal = {row for row in brute if np.linalg.matrix_rank(P[np.array(row) != 0]) == np.count_nonzero(row) - 1}
    assert minimal == {tuple(row) for row in found}


def test_a_rational_scheme_decodes_exactly():
    strassen = get_scheme("strassen")
    half = [[Fraction(int(x), 2) for x in row] for row in strassen.u]
    scheme = type(strassen)(half, strassen.v, 2 * strassen.w, (2, 2, 2))
    code = FaultTolerantProduct([scheme], n_parity=0)
    A = np.arange(16.0).reshape(4, 4)
    assert (multiply_fault_tolerant(A, A, code) == A @ A).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: FaultTolerantProduct(["strassen", "laderman"]), ValueError, "one shape"),
        (lambda: FaultTolerantProduct([]), ValueError, "at least one scheme"),
        (lambda: FaultTolerantProduct([3]), TypeError, "names or BilinearScheme"),
        (lambda: FaultTolerantProduct(["laderman", "laderman"], n_parity=0), ValueError, "max_losses must be given"),
        (lambda: FaultTolerantProduct(n_parity=-1), ValueError, "n_parity"),
        (lambda: FaultTolerantProduct(parity="best"), ValueError, "parity must be"),
        (lambda: FaultTolerantProduct(parity=[([1, 0], [1, 0])]), ValueError, "one length"),
        (lambda: FaultTolerantProduct(parity=[([1.0] * 4, [1] * 4)]), TypeError, "ints"),
        (lambda: find_check_relations([]), ValueError, "at least one"),
        (lambda: find_check_relations([([0, 0], [1, 1])]), ValueError, "not zero"),
        (lambda: find_parity_products([([1, 0, 0, 0], [1, 0, 0, 0])], 1), ValueError, "suffice"),
        (lambda: multiply_fault_tolerant(np.ones((2, 3)), np.ones((2, 3))), ValueError, "as many columns"),
        (lambda: multiply_fault_tolerant(np.full((2, 2), np.nan), np.ones((2, 2))), ValueError, "A "),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), "plan"), TypeError, "plan"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), timeout=0), ValueError, "timeout"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), timeout="soon"), TypeError, "timeout must be a real"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), lost=[16]), ValueError, "index of a node"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), lost=["S1", 0]), ValueError, "once"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), lost=["Q1"]), ValueError, "are called"),
        (lambda: multiply_fault_tolerant(np.eye(2), np.eye(2), lost="S1"), TypeError, "sequence"),
        (lambda: FaultTolerantProduct(n_parity=0).decodable([0], method="all"), ValueError, "method"),
        (lambda: FaultTolerantProduct(n_parity=0).decoder(["S3", "W5"]), UndecodableError, "S3, W5"),
        (lambda: FaultTolerantProduct(n_parity=0).failure_probability(1.5), ValueError, "p must"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
