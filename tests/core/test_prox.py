"""Every operator against brute force: no point of a fine grid may do better, and the grid's best lies next to it."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsela._core import prox
from sparsela._core.constraints import Box, L0Constraint, L1Ball, NonNegative
from sparsela._core.penalties import CEL0, L0, L1, MCP, SCAD, Firm, GroupL2, LHalf, LogSum, Lq, LTwoThirds

GRID = 200_000


def scad(s, lam, g):
    middle = (2 * g * lam * s - s**2 - lam**2) / (2 * (g - 1))
    return np.where(s <= lam, lam * s, np.where(s <= g * lam, middle, lam**2 * (g + 1) / 2))


def mcp(s, lam, g):
    return np.where(s <= g * lam, lam * s - s**2 / (2 * g), g * lam**2 / 2)


def cel0(s, lam, c):
    return lam - c**2 / 2 * (s - np.sqrt(2 * lam) / c) ** 2 * (s <= np.sqrt(2 * lam) / c)


def draw(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def no_parameters(rng, step):
    return ()


# penalty value φ(s, alpha, *parameters), the class, its parameters, the function as (z, step, alpha, *parameters)
CASES = {
    "l1": (lambda s, lam: lam * s, L1, no_parameters, lambda z, t, lam: prox.prox_l1(z, t * lam)),
    "l0": (lambda s, lam: lam * (s != 0), L0, no_parameters, lambda z, t, lam: prox.prox_l0(z, t * lam)),
    "lhalf": (lambda s, lam: lam * np.sqrt(s), LHalf, no_parameters, lambda z, t, lam: prox.prox_lhalf(z, t * lam)),
    "ltwothirds": (
        lambda s, lam: lam * np.cbrt(s) ** 2,
        LTwoThirds,
        no_parameters,
        lambda z, t, lam: prox.prox_ltwothirds(z, t * lam),
    ),
    "lq": (
        lambda s, lam, q: lam * s**q,
        Lq,
        lambda rng, t: (rng.uniform(0.03, 0.97),),
        lambda z, t, lam, q: prox.prox_lq(z, t * lam, q),
    ),
    "cel0": (
        cel0,
        CEL0,
        lambda rng, t: (draw(rng, 0.1, 3),),
        lambda z, t, lam, c: prox.prox_cel0(z, lam, t, c),
    ),
    "scad": (
        scad,
        SCAD,
        lambda rng, t: (max(2.0, 1 + t) + draw(rng, 0.01, 5),),
        lambda z, t, lam, g: prox.prox_scad(z, lam, t, g),
    ),
    "mcp": (
        mcp,
        MCP,
        lambda rng, t: (max(1.0, t) + draw(rng, 0.01, 5),),
        lambda z, t, lam, g: prox.prox_mcp(z, lam, t, g),
    ),
    "firm": (
        lambda s, lam, mu: lam * np.where(s <= mu, s - s**2 / (2 * mu), mu / 2),
        Firm,
        lambda rng, t: (draw(rng, 0.1, 5),),
        lambda z, t, lam, mu: prox.prox_firm(z, t * lam, mu),
    ),
    "log_sum": (
        lambda s, lam, eps: lam * np.log1p(s / eps),
        LogSum,
        lambda rng, t: (draw(rng, 0.01, 3),),
        lambda z, t, lam, eps: prox.prox_log_sum(z, t * lam, eps),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_is_the_brute_force_minimiser(case):
    phi, penalty, parameters, operator = CASES[case]
    rng = np.random.default_rng(list(map(ord, case)))
    grid = np.append(np.linspace(-0.1, 1.1, GRID), [0.0, 1.0])
    ties = kept = 0
    for _ in range(200):
        z, alpha, step = draw(rng, 0.05, 8) * rng.choice([-1, 1]), draw(rng, 0.01, 4), draw(rng, 0.2, 2)
        p = parameters(rng, step)
        x = operator(z, step, alpha, *p)
        assert x == penalty(*p).prox(z, step, alpha)
        np.testing.assert_allclose(penalty(*p).value(x, alpha), phi(abs(x), alpha, *p), rtol=1e-13, atol=1e-14)

        def objective(u, z=z, alpha=alpha, step=step, p=p):
            return 0.5 * (u - z) ** 2 + step * phi(np.abs(u), alpha, *p)

        values = objective(grid * z)
        best, spacing = grid[np.argmin(values)] * z, 1.2 * abs(z) / GRID
        assert objective(x) <= values.min() + 1e-13 * z**2, (z, alpha, step, p, x, best)
        tie = abs(x - best) > 2 * spacing  # only where two minima are as good as each other to what the grid can tell
        assert not tie or objective(best) - objective(x) < 2 * abs(z) * spacing
        ties += tie
        kept += x != 0
    assert ties <= 4 and 20 < kept < 190


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=50, deadline=None)
@given(
    z=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    a=st.floats(1e-6, 1e3),
    seed=st.integers(0, 999),
)
def test_odd_monotone_and_shrinking(case, z, a, seed):
    _, _, parameters, operator = CASES[case]
    p = parameters(np.random.default_rng(seed), 1.0)
    z = np.sort(np.array(z))
    x = operator(z, 1.0, a, *p)
    np.testing.assert_array_equal(operator(-z, 1.0, a, *p), -x)
    assert (np.diff(x) >= -1e-12 * np.abs(x[1:])).all()
    assert (np.abs(x) <= np.abs(z) * (1 + 1e-15)).all()


@pytest.mark.parametrize("case", CASES)
def test_special_values_are_kept(case):
    _, _, parameters, operator = CASES[case]
    p = parameters(np.random.default_rng(0), 1.0)
    for dtype in (np.float32, np.float64):
        tiny = np.finfo(dtype).smallest_subnormal
        x = operator(np.array([tiny, -tiny, 0.0, np.inf, -np.inf, np.nan], dtype), 1.0, 0.5, *p)
        assert x.dtype == dtype
        np.testing.assert_array_equal(x, [0, 0, 0, np.inf, -np.inf, np.nan])
        w = operator(np.array([tiny, 0.0, np.inf, np.nan], np.result_type(dtype, np.complex64)), 1.0, 0.5, *p)
        assert w.dtype == np.result_type(dtype, np.complex64)
        np.testing.assert_array_equal(w[:2], [0, 0])
        assert np.isinf(w[2]) and not np.isnan(w[2].real) and np.isnan(w[3].real)
        z = np.array([tiny, 1e30, -3.0, 0.0], dtype)
        np.testing.assert_allclose(operator(z, 1.0, 0.0, *p), z)


@pytest.mark.parametrize("case", CASES)
def test_types_phase_and_strides(case):
    _, _, parameters, operator = CASES[case]
    rng = np.random.default_rng(1)
    p = parameters(rng, 1.0)
    z = 3 * rng.standard_normal((7, 5))
    x = operator(z, 1.0, 0.4, *p)
    assert operator(z.astype(np.float32), 1.0, 0.4, *p).dtype == np.float32
    np.testing.assert_allclose(operator(z.astype(np.float32), 1.0, 0.4, *p), x, rtol=1e-5, atol=1e-5)
    assert operator(np.arange(-4, 4), 1.0, 0.4, *p).dtype == np.float64
    for view in (np.asfortranarray(z), np.repeat(z, 2, axis=1)[:, ::2], z[:, ::-1][:, ::-1], z.T.copy().T):
        np.testing.assert_array_equal(operator(view, 1.0, 0.4, *p), x)
    assert operator(2.5, 1.0, 0.4, *p) == operator(np.array([2.5]), 1.0, 0.4, *p)[0]
    assert operator(np.zeros((0, 3)), 1.0, 0.4, *p).shape == (0, 3)
    phase = np.exp(2j * np.pi * rng.random(z.shape))
    np.testing.assert_allclose(operator(np.abs(z) * phase, 1.0, 0.4, *p), operator(np.abs(z), 1.0, 0.4, *p) * phase)
    w = (z + 1j * z[::-1]).astype(np.complex64)
    shrunk = operator(w, 1.0, 0.4, *p)
    kept = shrunk != 0
    assert shrunk.dtype == np.complex64
    np.testing.assert_allclose(np.angle(shrunk[kept]), np.angle(w[kept]), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("order", ["C", "F"])
def test_out_is_written_and_may_be_the_input(dtype, order):
    rng = np.random.default_rng(2)
    z = np.asarray(
        2 * rng.standard_normal((6, 4)) * (1j if np.issubdtype(dtype, np.complexfloating) else 1), dtype, order
    )
    want = prox.prox_mcp(z, 0.5, 1.0)
    for out in (np.empty_like(z), np.empty(z.shape, dtype), np.empty((12, 4), dtype)[::2]):
        assert prox.prox_mcp(z, 0.5, 1.0, out=out) is out
        np.testing.assert_array_equal(out, want)
    for penalty in (L1(), MCP(), GroupL2(), L0Constraint(3), L1Ball(1.0)):
        same = z.copy(order="K")
        expected = penalty.prox(z, 0.5)
        assert penalty.prox(same, 0.5, out=same) is same
        np.testing.assert_array_equal(same, expected)
    shared = np.arange(8, dtype=dtype)
    prox.prox_l1(shared[:-1], 1.5, out=shared[1:])  # shifted by one: as if through a copy
    np.testing.assert_allclose(shared[1:], [0, 0, 0.5, 1.5, 2.5, 3.5, 4.5])
    for bad in (np.empty((4, 6), dtype), np.empty((6, 4), np.float16), [1.0]):
        with pytest.raises(ValueError, match="out must be an array of z's shape and dtype"):
            prox.prox_l1(z, 1.0, out=bad)


def test_a_tie_gives_zero():
    assert prox.prox_l0([2.0, -2.0], 2.0).tolist() == [0, 0]
    assert prox.prox_lhalf(1.5, 1.0) == 0
    assert prox.prox_ltwothirds(2.0, 1.5) == 0
    assert prox.prox_cel0(2.0, 2.0, 1.0, 1.0) == 0
    assert prox.prox_firm(2.0, 4.0, 1.0) == 0


def test_strengths_that_differ_between_coefficients():
    rng = np.random.default_rng(3)
    z = 2 * rng.standard_normal((6, 5))
    a = rng.random(5)
    for order in "CF":
        given_z = np.asarray(z, order=order)
        for operator, rest in [
            (prox.prox_l1, ()),
            (prox.prox_l0, ()),
            (prox.prox_lhalf, ()),
            (prox.prox_ltwothirds, ()),
            (prox.prox_lq, (0.3,)),
            (prox.prox_scad, (1.0, 3.7)),
            (prox.prox_mcp, (1.0, 3.0)),
            (prox.prox_firm, (0.8,)),
            (prox.prox_log_sum, (0.1,)),
        ]:
            x = operator(given_z, a, *rest)
            for j in range(5):
                np.testing.assert_array_equal(x[:, j], operator(z[:, j], a[j], *rest))
        x = prox.prox_cel0(given_z, 0.3, 0.7, 2 * a)
        for j in range(5):
            np.testing.assert_array_equal(x[:, j], prox.prox_cel0(z[:, j], 0.3, 0.7, 2 * a[j]))
    assert prox.prox_cel0(1.0, 0.5, 1.0, 0.0) == 1.0  # a zero column: nothing to penalise
    assert CEL0(0.0).value(5.0, 0.5) == 0.0


def test_lq_is_the_closed_form_where_there_is_one():
    z = 3 * np.random.default_rng(4).standard_normal(2000)
    for a in (1e-3, 0.4, 2.0):
        np.testing.assert_allclose(prox.prox_lq(z, a, 0.5), prox.prox_lhalf(z, a), rtol=4e-15)
        np.testing.assert_allclose(prox.prox_lq(z, a, 2 / 3), prox.prox_ltwothirds(z, a), rtol=1e-14)
        s = np.abs(z)
        angle = np.arccos(-(3**1.5) / 4 * a * np.maximum(s, 1.5 * a ** (2 / 3)) ** -1.5)
        xu = np.where(s > 1.5 * a ** (2 / 3), 2 / 3 * z * (1 + np.cos(2 / 3 * angle)), 0)
        np.testing.assert_allclose(prox.prox_lhalf(z, a), xu, rtol=1e-13)


def test_group():
    rng = np.random.default_rng(5)
    z = rng.standard_normal((40, 3))
    norms = np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(prox.group_soft_threshold(z, 1.2), z * np.maximum(1 - 1.2 / norms, 0), rtol=1e-13)
    labels = rng.integers(0, 6, 40)
    x = prox.group_soft_threshold(z[:, 0], 1.0, labels)
    for g in range(6):
        part = z[labels == g, 0]
        np.testing.assert_allclose(x[labels == g], part * max(1 - 1 / np.linalg.norm(part), 0), rtol=1e-13)
    np.testing.assert_allclose(
        GroupL2(labels).value(z[:, 0], 2.0), 2 * sum(np.linalg.norm(z[labels == g, 0]) for g in range(6))
    )
    np.testing.assert_allclose(prox.group_soft_threshold(z[:, 0], 0.5), prox.prox_l1(z[:, 0], 0.5), atol=1e-15)
    w = (z + 1j * z[::-1]).astype(np.complex64)
    assert prox.group_soft_threshold(w, 1.0).dtype == np.complex64
    np.testing.assert_allclose(prox.group_soft_threshold(z * 1e200, 1e200), 1e200 * prox.group_soft_threshold(z, 1.0))
    x = prox.group_soft_threshold([[np.inf, 1.0], [np.nan, 1.0], [5e-324, 0.0], [0.0, 0.0]], 1.0)
    np.testing.assert_array_equal(x, [[np.inf, 1], [np.nan, np.nan], [0, 0], [0, 0]])
    with pytest.raises(ValueError, match="groups must be 3 numbers from 0"):
        prox.group_soft_threshold(np.ones(3), 1.0, [0, 1])
    with pytest.raises(ValueError, match=r"groups must be 3 numbers from 0, got shape \(0,\)"):
        prox.group_soft_threshold(np.ones(3), 1.0, np.empty(0, int))
    with pytest.raises(ValueError, match="groups must be 3 numbers from 0"):
        prox.group_soft_threshold(np.ones(3), 1.0, [0, 1, -1])
    with pytest.raises(TypeError, match="groups must be integers, got dtype float64"):
        prox.group_soft_threshold(np.ones(3), 1.0, [0, 1, 0.5])


def l1_ball_by_sorting(z, tau):
    s = np.abs(z).ravel()
    if s.sum() <= tau:
        return z
    u = np.sort(s)[::-1]
    excess = (np.cumsum(u) - tau) / np.arange(1, len(u) + 1)
    return np.sign(z) * np.maximum(s - excess.max(), 0).reshape(z.shape)


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 300), tau=st.floats(0, 1e3), seed=st.integers(0, 2**20), kind=st.integers(0, 4))
def test_l1_ball_is_the_sorted_projection(n, tau, seed, kind):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4)
    z = [z, np.round(z), np.sort(z), np.sort(np.abs(z))[::-1].copy(), z * (rng.random(n) < 0.1)][kind]
    x = prox.project_l1_ball(z, tau)
    np.testing.assert_allclose(x, l1_ball_by_sorting(z, tau), rtol=1e-12, atol=1e-12 * max(np.abs(z).max(), 1e-300))
    assert np.abs(x).sum() <= tau * (1 + 1e-12) + 1e-12 * np.abs(z).max()
    assert L1Ball(tau).value(x) == 0 or tau < 1e-6 * np.abs(z).max()  # below, rounding of z is seen against tau
    phase = np.exp(1j * np.arange(n))
    np.testing.assert_allclose(prox.project_l1_ball(z * phase, tau), x * phase, rtol=1e-9, atol=1e-9 * np.abs(z).max())


def test_l1_ball_large_and_single_precision():
    z = np.random.default_rng(6).standard_normal(10**6)
    x = prox.project_l1_ball(z, 1000.0)
    np.testing.assert_allclose(np.abs(x).sum(), 1000.0, rtol=1e-12)
    x = prox.project_l1_ball(z.astype(np.float32).reshape(1000, -1), 1000.0)
    assert x.dtype == np.float32 and x.shape == (1000, 1000)
    np.testing.assert_allclose(np.abs(x).sum(dtype=float), 1000.0, rtol=1e-5)
    with pytest.raises(ValueError, match="z contains NaN"):
        prox.project_l1_ball([1.0, np.nan], 1.0)
    with pytest.raises(ValueError, match="tau must be finite and non-negative, got -1"):
        prox.project_l1_ball([1.0], -1)


def test_constraints():
    z = np.array([[3.0, -1.0], [2.0, -2.0]])
    assert L0Constraint(2).prox(z, 1.0).tolist() == [[3, 0], [2, 0]]
    assert L0Constraint(2).value(z) == np.inf and L0Constraint(4).value(z) == 0
    assert L0Constraint(9).prox(z, 1.0).tolist() == z.tolist()
    assert Box(-1, 2).prox(z, 1.0).tolist() == [[2, -1], [2, -1]]
    assert Box(-2, 3).value(z) == 0 and Box(-1, 3).value(z) == np.inf
    assert NonNegative().prox(z.astype(np.float32), 1.0).tolist() == [[3, 0], [2, 0]]
    assert NonNegative().value(z) == np.inf and NonNegative().value(np.abs(z)) == 0
    assert L1Ball(7.9).value(z) == np.inf and L1Ball(8.0).value(z) == 0
    for penalty in (Box(), NonNegative()):
        with pytest.raises(TypeError, match="x must be real, got dtype complex128"):
            penalty.prox(1j * z, 1.0)
    with pytest.raises(ValueError, match="low must not be above high, got 2.0 and 1.0"):
        Box(2.0, 1.0)


def test_convexity_is_told():
    convex = {type(p).__name__ for p in (L1(), GroupL2(), L1Ball(1.0), Box(), NonNegative()) if p.is_convex}
    assert convex == {"L1", "GroupL2", "L1Ball", "Box", "NonNegative"}
    for p in (L0(), LHalf(), LTwoThirds(), Lq(0.5), CEL0(1.0), SCAD(), MCP(), LogSum(1.0), Firm(), L0Constraint(1)):
        assert not p.is_convex


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: prox.prox_l1([1.0], -1), ValueError, "a must be finite and non-negative, got -1"),
        (lambda: prox.prox_l1([1.0], np.nan), ValueError, "a must be finite and non-negative, got nan"),
        (lambda: prox.prox_l1([1.0, 2.0], [1.0, -1.0]), ValueError, "a must be finite and non-negative"),
        (lambda: prox.prox_l1([1.0, 2.0], [1.0, 1.0, 1.0]), ValueError, "a must broadcast to z's shape"),
        (lambda: prox.prox_l1(["x"], 1), TypeError, "z must be an array of numbers, got dtype <U1"),
        (lambda: prox.prox_lq([1.0], 1, 1.0), ValueError, "q must be between 0 and 1, both excluded, got 1.0"),
        (lambda: prox.prox_lq([1.0], 1, 0), ValueError, "q must be finite and positive, got 0"),
        (lambda: prox.prox_mcp([1.0], 1, 3.0, 3.0), ValueError, "gamma must be above 1 and above step = 3, got 3.0"),
        (
            lambda: prox.prox_scad([1.0], 1, 2.7, 3.7),
            ValueError,
            "gamma must be above 2 and above 1 . step = 3.7, got 3.7",
        ),
        (lambda: prox.prox_cel0([1.0], 1, 0, 1.0), ValueError, "step must be finite and positive, got 0"),
        (lambda: prox.prox_cel0([1.0], 1, 1, -1.0), ValueError, "column_norms must be finite and non-negative, got -1"),
        (lambda: Lq(1.0), ValueError, "q must be between 0 and 1, both excluded, got 1.0"),
        (lambda: SCAD(2.0), ValueError, "gamma must be above 2, got 2.0"),
        (lambda: MCP(-1.0), ValueError, "gamma must be finite and positive, got -1.0"),
        (lambda: MCP(1.0), ValueError, "gamma must be above 1, got 1.0"),
        (lambda: LogSum(0.0), ValueError, "eps must be finite and positive, got 0.0"),
        (lambda: Firm(0.0), ValueError, "mu must be finite and positive, got 0.0"),
        (lambda: L0Constraint(0), ValueError, "k must be at least 1, got 0"),
        (lambda: L1Ball(-1.0), ValueError, "tau must be finite and non-negative, got -1.0"),
        (lambda: L1().prox([1.0], step=0), ValueError, "step must be finite and positive, got 0"),
        (lambda: L1().value([1.0], alpha=-1), ValueError, "alpha must be finite and non-negative, got -1"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_numba_is_not_imported_until_an_operator_runs():
    modules = ", ".join(f"sparsela._core.{name}" for name in ("prox", "penalties", "constraints", "operators"))
    code = f"import sys, {modules}\nsys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
