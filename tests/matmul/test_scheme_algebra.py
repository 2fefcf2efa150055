"""The algebra of schemes is closed: whatever is composed multiplies, with the programs that it carries."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparsela.matmul import get_scheme

EYE = [[1, 0], [0, 1]]
NAMES = ("strassen", "winograd", "laderman", "hopcroft-kerr")


def with_checked_programs(s):
    assert s.verify()
    assert s.with_programs(s.programs) == s  # they expand to the factors
    return s


@pytest.mark.parametrize("name", NAMES)
def test_cycle_and_transpose(name):
    s = get_scheme(name)
    m, k, n = s.shape
    assert with_checked_programs(s.cycle()).shape == (k, n, m)
    assert s.cycle(3) == s == s.transpose().transpose() == s.cycle(-3)
    assert s.cycle(-1) == s.cycle(2)
    assert with_checked_programs(s.transpose()).shape == (n, k, m)
    A, B = np.arange(m * k).reshape(m, k), np.arange(k * n).reshape(k, n) ** 2
    assert (s.transpose().evaluate(B.T, A.T) == (A @ B).T).all()
    for shape in itertools.permutations(s.shape):
        assert with_checked_programs(s.permute(shape)).shape == shape


def test_programs_follow_a_cycle_by_the_law_of_transposition():
    w = get_scheme("winograd")
    for times in range(3):
        turned = w.cycle(times)
        assert [p.additions for p in turned.programs] == [4, 4, 7]
        assert with_checked_programs(turned).additions == 15


def test_tensor_of_strassen_and_laderman():
    s = get_scheme("strassen").tensor(get_scheme("laderman"))
    assert (s.shape, s.rank) == ((6, 6, 6), 161)
    assert s.verify()
    assert s == get_scheme("strassen") * get_scheme("laderman")
    rng = np.random.default_rng(0)
    A, B = rng.integers(-9, 10, (2, 6, 6))
    assert (s.evaluate(A, B) == A @ B).all()


def unimodular(n, rng):
    """A product of elementary matrices: integer, of determinant ±1."""
    M = np.eye(n, dtype=int)[rng.permutation(n)]
    for _ in range(4 if n > 1 else 0):
        i, j = rng.choice(n, 2, replace=False)
        M[i] += int(rng.integers(-2, 3)) * M[j]
    return M


def test_change_basis_keeps_the_equations():
    rng = np.random.default_rng(0)
    for trial in range(20):
        s = get_scheme(NAMES[trial % 4])
        P, Q, R = (unimodular(n, rng) for n in s.shape)
        changed = s.change_basis(P, Q, R)
        assert changed.verify()
        assert changed.ring != "rational"
        back = [np.rint(np.linalg.inv(M)).astype(int) for M in (P, Q, R)]
        assert changed.change_basis(*back) == s


def test_change_basis_is_what_it_says():
    s = get_scheme("strassen")
    P, Q, R = [[2, 1], [0, 1]], [["1/3", 0], [1, 1]], [[1, 5], [0, Fraction(-1, 2)]]
    changed = s.change_basis(P, Q, R)
    assert changed.ring == "rational"
    assert changed.verify()
    # U_t → Pᵀ U_t Q⁻ᵀ, with Q⁻¹ by hand
    Qi = np.array([[3, 0], [-3, 1]], object)
    for row, new in zip(s.u, changed.u, strict=True):
        want = np.array(P, object).T @ row.reshape(2, 2).astype(object) @ Qi.T
        assert (want.ravel() * changed.denominators[0] == new).all()


def test_direct_sum_extend_and_project():
    w, l = get_scheme("winograd"), get_scheme("laderman")
    for axis in range(3):
        s = w.direct_sum(w, axis)
        assert s.verify()
        assert s.rank == 14
        shape = [2, 2, 2]
        shape[axis] = 4
        assert s.shape == tuple(shape)
        assert w.extend(axis, 3).verify()
        assert w.extend(axis).rank == 7 + 4
        for index in range(3):
            p = l.project(axis, index)
            assert p.verify()
            assert p.rank < 23
        assert w.extend(axis).project(axis, 2).rank == 7


def test_direct_sum_of_rational_schemes():
    s = get_scheme("strassen").change_basis([[2, 0], [0, 3]], EYE, [[5, 0], [0, 1]])
    assert s.ring == "rational"
    assert s.direct_sum(get_scheme("winograd"), 1).verify()
    assert (s * s).verify()


def test_normalize_is_one_for_all_orders_and_signs():
    s = get_scheme("laderman")
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], (2, 23, 1))
    other = type(s)(s.u * signs[0], s.v * signs[1], s.w * signs[0] * signs[1], s.shape)
    other = other.permute_products(rng.permutation(23))
    assert other != s
    assert other.equivalent(s)
    assert other.normalize() == s.normalize() == s.normalize().normalize()
    assert not get_scheme("strassen").equivalent(get_scheme("winograd"))


def test_merge_undoes_a_split():
    s = get_scheme("strassen")
    # the first product twice, with half of its weights each, and one more that cancels
    u = np.vstack([s.u, -s.u[:1], s.u[2:3], s.u[2:3]])
    v = np.vstack([s.v, s.v[:1], s.v[2:3], -s.v[2:3]])
    w = np.vstack([s.w, -3 * s.w[:1], s.w[2:3], s.w[2:3]])
    w[0] -= 3 * s.w[0]
    split = type(s)(u, v, w, s.shape)
    assert split.rank == 10
    assert split.merge().equivalent(s)


SMALL = st.sampled_from(["strassen", "winograd", "laderman", "hopcroft-kerr", (1, 2, 2), (2, 1, 3), (2, 2, 3)])
MOVES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), SMALL), max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(SMALL, MOVES)
def test_compositions_multiply(start, moves):
    s = get_scheme(start)
    for move, axis, other in moves:
        other = get_scheme(other)
        if move == 0:
            new = s.cycle(axis)
        elif move == 1:
            new = s.transpose()
        elif move == 2:
            new = s.extend(axis)
        elif move == 3 and s.shape[axis] > 1:
            new = s.project(axis, s.shape[axis] // 2)
        elif move == 4 and all(a == b for i, (a, b) in enumerate(zip(s.shape, other.shape, strict=True)) if i != axis):
            new = s.direct_sum(other, axis)
        elif move == 5:
            new = s * other
        else:
            continue
        if max(new.shape) <= 8 and math.prod(new.shape) <= 343:
            s = new
    with_checked_programs(s)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda s: s.change_basis([[1, 1], [1, 1]], EYE, EYE),
            ValueError,
            "P .*singular",
        ),
        (
            lambda s: s.change_basis(np.eye(3, dtype=int), EYE, EYE),
            ValueError,
            "P must",
        ),
        (lambda s: s.change_basis(np.full((2, 2), 0.5), np.eye(2), np.eye(2)), TypeError, "Fraction"),
        (lambda s: s.direct_sum(s, 3), ValueError, "axis must be 0"),
        (lambda s: s.extend(True), ValueError, "axis must be 0"),
        (lambda s: s.extend(0, 0), ValueError, "by must be"),
        (lambda s: s.direct_sum(get_scheme("laderman"), 0), ValueError, "agree"),
        (lambda s: s.project(-1, 0), ValueError, "axis must be 0"),
        (lambda s: s.project(0, 2), ValueError, "index must be"),
        (lambda s: s.project(0, 0).project(0, 0), ValueError, "size 1"),
        (lambda s: s.permute((2, 2, 3)), ValueError, "permutation of"),
        (lambda s: s.permute_products([0, 1]), ValueError, "permutation"),
        (lambda s: s.tensor(2), TypeError, "BilinearScheme"),
        (lambda s: s * 2, TypeError, "unsupported"),
        (lambda s: s.equivalent(None), TypeError, "BilinearScheme"),
        (lambda s: s.cycle(0.5), TypeError, "times"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call(get_scheme("strassen"))
