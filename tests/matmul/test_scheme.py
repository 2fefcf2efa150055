"""Schemes: the equations of Brent, attributes, exact arithmetic on entries that do not commute, bad input."""

import itertools
import json
import pickle
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from sparsela.matmul import BilinearScheme, get_scheme, load_scheme, save_scheme

NAMES = ("strassen", "winograd", "laderman", "hopcroft-kerr")


def brent(s):
    """The equations one by one, in Fractions."""
    m, k, n = s.shape
    scale = s.denominators[0] * s.denominators[1] * s.denominators[2]
    wrong = []
    for a, b, c in itertools.product(range(m * k), range(k * n), range(m * n)):
        total = sum(int(s.u[t, a]) * int(s.v[t, b]) * int(s.w[t, c]) for t in range(s.rank))
        need = a // k == c // n and a % k == b // n and b % n == c % n
        if Fraction(total, scale) != need:
            wrong.append((a, b, c))
    return wrong


@pytest.mark.parametrize("name", NAMES)
def test_formulas_satisfy_the_equations_one_by_one(name):
    s = get_scheme(name)
    assert brent(s) == [] == s.residual()
    assert s.verify()


def test_attributes_of_the_formulas():
    strassen, winograd = get_scheme("strassen"), get_scheme("winograd")
    assert (strassen.rank, strassen.growth_factor, strassen.naive_additions) == (7, 12, 18)
    assert (winograd.rank, winograd.growth_factor, winograd.naive_additions, winograd.additions) == (7, 18, 24, 15)
    assert [p.additions for p in winograd.programs] == [4, 4, 7]
    assert strassen.exponent == pytest.approx(np.log2(7))
    assert (get_scheme("laderman").rank, get_scheme("laderman").naive_additions) == (23, 98)
    assert get_scheme("hopcroft-kerr").shape == (3, 2, 3)
    classical = get_scheme("classical", (2, 3, 4))
    assert (classical.rank, classical.growth_factor, classical.exponent) == (24, 3, pytest.approx(3))
    assert classical.ring == "ternary"
    assert classical.verify()


def test_public_schemes_verify_and_have_the_figures_of_their_files(public_schemes):
    assert len(public_schemes) == 39
    for name, data in public_schemes.items():
        s = BilinearScheme.from_dict(data)
        assert (s.ring, s.naive_additions, s.rank) == (data["ring"], data["naive_additions"], data["rank"]), name
        assert s.growth_factor == pytest.approx(data["growth"], rel=1e-14), name
        assert BilinearScheme.from_dict(json.loads(json.dumps(s.to_dict()))) == s


def test_one_changed_coefficient_is_refused():
    rng = np.random.default_rng(0)
    for trial in range(200):
        s = get_scheme(NAMES[trial % 4])
        factors = [x.copy() for x in (s.u, s.v, s.w)]
        x = factors[rng.integers(3)]
        at = tuple(rng.integers(x.shape))
        x[at] = rng.choice([value for value in (-2, -1, 0, 1, 2, 7) if value != x[at]])
        if any(not row.any() for row in x):
            x[at] += 3
        changed = BilinearScheme(*factors, s.shape, check=False)
        assert not changed.verify()
        assert changed.residual()
        with pytest.raises(ValueError, match=r"does not multiply .* the coefficient of A\["):
            BilinearScheme(*factors, s.shape)


def test_residual_is_every_equation_that_fails():
    s = get_scheme("strassen")
    w = s.w.copy()
    w[2, 3] += 1
    changed = BilinearScheme(s.u, s.v, w, s.shape, check=False)
    assert changed.residual() == brent(changed) != []


def test_large_coefficients_are_verified_beyond_doubles():
    s = get_scheme("strassen")
    big = 2**30
    scaled = BilinearScheme(s.u * big, s.v * big, s.w, s.shape, denominators=(big, big, 1))
    assert scaled == s  # lowest terms
    u = s.u.astype(object) * big
    u[0, 0] += 1
    wrong = BilinearScheme(u, s.v, s.w, s.shape, denominators=(big, 1, 1), check=False)
    assert wrong.ring == "rational"
    assert not wrong.verify()
    assert wrong.residual() == brent(wrong)


def test_evaluate_is_the_product_of_entries_that_do_not_commute():
    rng = np.random.default_rng(1)
    for name in NAMES:
        s = get_scheme(name)
        m, k, n = s.shape
        A, B = np.empty((m, k), object), np.empty((k, n), object)
        for x in (A, B):
            for i in np.ndindex(x.shape):
                x[i] = rng.integers(-9, 10, (3, 3))
        C = s.evaluate(A, B)
        for i, l in np.ndindex(m, n):
            assert (C[i, l] == sum(A[i, j] @ B[j, l] for j in range(k))).all()
        A, B = rng.integers(-(10**12), 10**12, (m, k)), rng.integers(-(10**12), 10**12, (k, n))
        assert (s.evaluate(A, B) == A.astype(object) @ B.astype(object)).all()  # beyond int64


def test_rational_schemes_multiply_integers_exactly(public_schemes):
    rng = np.random.default_rng(2)
    for name in ("4x4x4_r48_rational", "2x4x5_r32_rational"):
        s = BilinearScheme.from_dict(public_schemes[name])
        m, k, n = s.shape
        A, B = rng.integers(-99, 100, (2 * m, 2 * k)), rng.integers(-99, 100, (2 * k, 2 * n))
        blocks = []
        for x, p, q in ((A, m, k), (B, k, n)):
            block = np.empty((p, q), object)
            for i, j in np.ndindex(p, q):
                block[i, j] = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            blocks.append(block)
        C = s.evaluate(*blocks)
        product = A @ B
        for i, l in np.ndindex(m, n):
            assert (C[i, l] == product[2 * i : 2 * i + 2, 2 * l : 2 * l + 2]).all()


def test_verification_is_fast_and_small():
    big = get_scheme("classical", (6, 6, 6))
    times = []
    for _ in range(3):
        start = time.process_time()
        assert big.verify()
        times.append(time.process_time() - start)
    assert min(times) < 0.2
    tracemalloc.start()
    start = time.process_time()
    assert get_scheme((12, 12, 12)).verify()
    assert time.process_time() - start < 30
    assert tracemalloc.get_traced_memory()[1] < 2**30
    tracemalloc.stop()


def test_schemes_are_frozen_hashable_and_pickle():
    s = get_scheme("winograd")
    with pytest.raises(AttributeError, match="immutable"):
        s.u = 0
    with pytest.raises(ValueError, match="read-only"):
        s.u[0, 0] = 1
    again = pickle.loads(pickle.dumps(s))
    assert again == s
    assert hash(again) == hash(s)
    assert again.programs == s.programs
    assert (again.name, again.provenance) == (s.name, s.provenance)
    assert s != get_scheme("strassen")
    assert s != 1


def test_inputs_are_copied():
    s = get_scheme("strassen")
    u = s.u.copy()
    made = BilinearScheme(u, s.v, s.w, s.shape)
    u[0, 0] = 5
    assert made == s
    assert u.flags.writeable


def test_fractions_and_strings_are_brought_to_one_denominator():
    s = get_scheme("strassen")
    half = [[Fraction(int(x), 2) for x in row] for row in s.u]
    twice = [[str(2 * int(x)) for x in row] for row in s.v]
    made = BilinearScheme(half, twice, s.w.astype(float), s.shape)
    assert made.denominators == (2, 1, 1)
    assert made.ring == "rational"
    assert made.verify()
    assert made.growth_factor == s.growth_factor
    assert BilinearScheme.from_dict(made.to_dict()) == made
    assert made.to_dict()["u"][0] == ["1/2", 0, 0, "1/2"]


def test_files_keep_programs_and_provenance(tmp_path):
    s = get_scheme("winograd").with_name("mine", "a line")
    save_scheme(s, tmp_path / "mine.json")
    again = load_scheme(tmp_path / "mine.json")
    assert again == s
    assert again.programs == s.programs
    assert again.name == "mine"
    assert again.provenance == (*get_scheme("winograd").provenance, "a line")


def test_describe_and_html():
    text = get_scheme("strassen").describe().splitlines()
    assert text[0] == "p1 = (a11 + a22) (b11 + b22)"
    assert text[-1] == "c22 = p1 - p2 + p3 + p6"
    html = get_scheme("strassen")._repr_html_()
    assert html.count("<svg") == 21


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"shape": (2, 2)}, TypeError, "three ints"),
        ({"shape": (2, 2, 0)}, ValueError, "positive"),
        ({"shape": (2, 2, 3)}, ValueError, r"v must have shape \(rank, 6\)"),
        ({"shape": 2}, TypeError, "three ints"),
        ({"u": [[1, 0], [1]]}, ValueError, "ragged"),
        ({"u": np.full((7, 4), 0.5)}, TypeError, "Fraction"),
        ({"u": np.full((7, 4), np.nan)}, TypeError, "Fraction"),
        ({"u": [[0.5] * 4] * 7}, TypeError, "Fraction"),
        ({"u": [["x"] * 4] * 7}, ValueError, "no fraction"),
        ({"u": [["1/0"] * 4] * 7}, ValueError, "no fraction"),
        ({"u": np.ones((7, 4), complex)}, TypeError, "dtype"),
        ({"u": np.ones((6, 4), int)}, ValueError, "one row a product, got 6, 7 and 7"),
        ({"u": np.zeros((7, 4), int)}, ValueError, "row 0 of u is zero"),
        ({"u": np.ones((0, 4), int)}, ValueError, "rank ≥ 1"),
        ({"u": np.full((7, 4), 2**31)}, ValueError, "below 2"),
        ({"denominators": (1, 0, 1)}, ValueError, "positive"),
        ({"denominators": (1, 1)}, ValueError, "three positive"),
    ],
)
def test_bad_factors(change, error, words):
    s = get_scheme("strassen")
    given = {"u": s.u, "v": s.v, "w": s.w, "shape": s.shape, **change}
    with pytest.raises(error, match=words):
        BilinearScheme(**given)


def test_bad_files(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="no JSON"):
        load_scheme(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match="JSON object"):
        load_scheme(path)
    path.write_text('{"shape": [2, 2, 2]}', encoding="utf-8")
    with pytest.raises(ValueError, match="missing: u, v, w"):
        load_scheme(path)
    data = get_scheme("strassen").to_dict()
    with pytest.raises(ValueError, match="says rank 6"):
        BilinearScheme.from_dict({**data, "rank": 6})
    with pytest.raises(TypeError, match="scheme must be"):
        save_scheme(1, path)


def test_bad_programs_are_refused():
    s, w = get_scheme("strassen"), get_scheme("winograd")
    with pytest.raises(ValueError, match="program of U does not compute"):
        s.with_programs(w.programs)
    with pytest.raises(TypeError, match="three AdditionProgram"):
        s.with_programs(w.programs[:2])


def test_bad_entries_of_evaluate():
    s = get_scheme("strassen")
    with pytest.raises(ValueError, match="A must have shape"):
        s.evaluate(np.ones((3, 2), int), np.ones((2, 2), int))
    with pytest.raises(TypeError, match="ints, Fractions"):
        s.evaluate(np.ones((2, 2)), np.ones((2, 2)))
