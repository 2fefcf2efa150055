"""What no method may depend on, and what none may accept."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.exceptions import ConvergenceWarning

import sparsela
from sparsela.datasets import make_phaseless
from sparsela.phase import (
    align_phase,
    copram,
    htp,
    newton_projection,
    null_init,
    phase_error,
    retrieve,
    sparta,
    spectral_init,
    thwf,
)

METHODS = {
    "newton": newton_projection,
    "htp": htp,
    "copram": copram,
    "sparta": sparta,
    "thwf": lambda A, y, s, **keywords: thwf(A, y, **keywords),
    "retrieve": retrieve,
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_kind = pytest.mark.parametrize("is_complex", [False, True], ids=["real", "complex"])


def problem(is_complex=False, **keywords):
    return make_phaseless(120, 300, 5, is_complex, random_state=4, **keywords)


@each_kind
@each_method
def test_invariants(method, is_complex):
    A, y, x = problem(is_complex)
    rng = np.random.default_rng(0)
    found = method(A, y, 5).x
    assert phase_error(found, x) < 1e-8
    columns, rows = rng.permutation(120), rng.permutation(300)
    turns = np.exp(2j * np.pi * rng.uniform(size=300)) if is_complex else rng.choice([-1.0, 1.0], 300)
    np.testing.assert_allclose(method(A[:, columns], y, 5).x, found[columns], atol=1e-8)
    np.testing.assert_allclose(method(A[rows], y[rows], 5).x, found, atol=1e-8)
    np.testing.assert_allclose(method(turns[:, None] * A, y, 5).x, found, atol=1e-8)
    for t in (1e-6, 37.0, 1e8):
        np.testing.assert_allclose(method(t * A, t * y, 5).x, found, atol=1e-8)
        np.testing.assert_allclose(method(A, t * y, 5).x, t * found, atol=1e-8 * t)


@each_kind
@each_method
def test_any_layout_gives_the_same_answer_and_nothing_is_changed(method, is_complex):
    A, y, x = problem(is_complex)
    A[np.abs(A) < 0.3] = 0
    y = np.abs(A @ x)
    wide = np.zeros((300, 240), A.dtype)
    wide[:, ::2] = A
    copies = A.copy(), y.copy()
    found = method(A, y, 5).x
    for other in (np.asfortranarray(A), sp.csr_array(A), sp.csc_matrix(A), sp.coo_array(A), wide[:, ::2]):
        np.testing.assert_allclose(method(other, y, 5).x, found, atol=1e-8)
    A.flags.writeable = y.flags.writeable = False
    method(A, y, 5)
    assert A.tobytes() == copies[0].tobytes() and y.tobytes() == copies[1].tobytes()


@each_kind
@each_method
def test_single_precision_stays(method, is_complex):
    A, y, x = problem(is_complex)
    found = method(A.astype(np.complex64 if is_complex else np.float32), y.astype(np.float32), 5)
    assert found.x.dtype == (np.complex64 if is_complex else np.float32)
    assert found.converged and phase_error(found.x, x) < 1e-4


@each_method
def test_three_targets_are_three_calls(method):
    A, y, x = problem()
    X = np.stack([x, np.roll(x, 7), np.zeros(120)], axis=1)
    Y = np.abs(A @ X)
    found = method(A, Y, 5, return_history=True)
    for t in range(3):
        alone = method(A, Y[:, t], 5, return_history=True)
        np.testing.assert_allclose(found.x[:, t], alone.x, atol=1e-12)
        np.testing.assert_array_equal(found.support[t], np.flatnonzero(found.x[:, t]))
        assert found.n_iter[t] == alone.n_iter and found.converged[t] == alone.converged
        assert len(found.history[t].get("residual_norm", ())) == len(alone.history.get("residual_norm", ()))


@each_kind
@each_method
def test_the_result_says_what_it_is(method, is_complex):
    A, y, _ = problem(is_complex, noise=0.01)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = method(A, y, 5, return_history=True, callback=lambda s: seen.append((s.n_iter, s.residual_norm, s.x)))
    assert found.residual_norm == pytest.approx(np.linalg.norm(np.abs(A @ found.x) - y), rel=1e-12)
    np.testing.assert_array_equal(found.support, np.flatnonzero(found.x))
    largest = found.x[np.argmax(np.abs(found.x))]
    assert largest.real > 0 and largest.imag == 0
    np.testing.assert_array_equal([s[1] for s in seen], found.history["residual_norm"])
    for _, residual, x in seen[:5]:
        assert residual == pytest.approx(np.linalg.norm(np.abs(A @ x) - y), rel=1e-6)
        assert not x.flags.writeable


@each_method
def test_a_callback_stops_and_the_last_step_warns(method):
    A, y, _ = problem(noise=0.1)
    seen = []
    method(A, y, 5, callback=lambda state: seen.append(state.n_iter) or True)
    assert seen == [1]
    if method is not retrieve:
        with pytest.warns(ConvergenceWarning, match="stopped at max_iter=1"):
            method(A, y, 5, max_iter=1, tol=0.0)


def test_the_seed_and_not_the_threads_decide():
    A, y, _ = make_phaseless(1500, 800, 40, random_state=0, noise=0.05)  # above the size where starts share threads
    found = []
    for n_jobs in (1, 2, 3, 2, 4):
        with sparsela.config_context(n_jobs=n_jobs):
            found.append(retrieve(A, y, 40, n_init=5, random_state=3, return_history=True))
    assert len({result.x.tobytes() for result in found}) == 1
    assert len({result.init_used for result in found}) == 1


def test_random_starts_follow_the_others():
    A, y, _ = make_phaseless(4, 6, 3, noise=1.0, random_state=0)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = retrieve(A, y, 3, n_init=20, random_state=1, callback=lambda state: seen.append(state.residual_norm))
        again = retrieve(A, y, 3, n_init=20, random_state=1)
    assert len(seen) == 20 and np.all(np.diff(seen) <= 0)
    assert again.x.tobytes() == found.x.tobytes()


def test_extreme_scales():
    A, y, x = problem()
    for t in (1e-200, 1e200):
        np.testing.assert_allclose(newton_projection(A, t * y, 5).x, newton_projection(A, y, 5).x * t, rtol=1e-8)
        np.testing.assert_allclose(newton_projection(t * A, t * y, 5).x, newton_projection(A, y, 5).x, atol=1e-8)


@each_kind
def test_error_and_alignment_do_not_see_the_phase(is_complex):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20, 4)) + (1j * rng.normal(size=(20, 4)) if is_complex else 0)
    c = np.exp(2j * np.pi * rng.uniform(size=4)) if is_complex else np.array([1.0, -1, -1, 1])
    np.testing.assert_allclose(phase_error(c * z, z), 0, atol=1e-15)
    np.testing.assert_allclose(align_phase(c * z, z), z, rtol=1e-14)
    assert phase_error(c[0] * z[:, 0], z[:, 0]) < 1e-15
    x = z + 0.3 * rng.normal(size=z.shape)
    turns = np.exp(1j * np.linspace(0, 2 * np.pi, 20001)) if is_complex else np.array([1, -1])
    brute = min(np.linalg.norm(t * x[:, 1] - z[:, 1]) for t in turns) / np.linalg.norm(z[:, 1])
    assert phase_error(x, z)[1] == pytest.approx(brute, rel=1e-6)
    assert phase_error(np.zeros(3), np.zeros(3)) == 0 and phase_error(np.ones(3), np.zeros(3)) == np.inf
    with pytest.raises(ValueError, match="z must have"):
        phase_error(np.ones(3), np.ones(4))


# --- bad input

BAD = {
    "negative": (lambda A, y: (A, -y), "y must be magnitudes, at least 0"),
    "nan": (lambda A, y: (A, np.where(y == y.max(), np.nan, y)), "y contains NaN"),
    "infinite": (lambda A, y: (A, np.where(y == y.max(), np.inf, y)), "y contains infinity"),
    "nan in A": (lambda A, y: (np.where(A.max() == A, np.nan, A), y), "A contains NaN"),
    "short": (lambda A, y: (A, y[:-1]), "y must have shape"),
    "empty": (lambda A, y: (A[:0], y[:0]), "A must not be empty"),
    "zero column": (lambda A, y: (A * (np.arange(120) != 17), y), "the first is column 17"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("method", [*METHODS.values(), spectral_init, null_init], ids=[*METHODS, "spectral", "null"])
def test_bad_measurements(method, bad):
    spoil, message = BAD[bad]
    A, y, _ = problem()
    A, y = spoil(A, y)
    with pytest.raises(ValueError, match=message):
        method(A, y, 5)
    if bad == "zero column":
        with pytest.raises(ValueError, match=message):
            method(sp.csr_array(A), y, 5)


@pytest.mark.parametrize(
    "method", [newton_projection, htp, copram, sparta, retrieve, spectral_init, null_init], ids=lambda f: f.__name__
)
def test_bad_sparsity(method):
    A, y, _ = problem()
    for wrong in (0, -1, 121):
        with pytest.raises(ValueError, match="n_nonzero_coefs must be between 1 and 120"):
            method(A, y, wrong)
    with pytest.raises(TypeError, match="n_nonzero_coefs must be an int"):
        method(A, y, 2.5)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "retrieve"])
def test_bad_start(name):
    A, y, x = problem()
    method = METHODS[name]
    for x0, message in (
        (np.zeros(120), "x0 must not be zero"),
        (x[:-1], "x0 must have shape"),
        (x[:, None], "x0 must have shape"),
        (x * 1j, "x0 must be real"),
        (x * np.nan, "x0 contains NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            method(A, y, 5, x0=x0)


def test_bad_options():
    A, y, _ = problem()
    for wrong in (0, -0.5, np.inf):
        for method, option in ((newton_projection, "eta"), (htp, "step"), (sparta, "step"), (sparta, "gamma")):
            with pytest.raises(ValueError, match=f"{option} must be finite and positive"):
                method(A, y, 5, **{option: wrong})
        for option in ("alpha", "beta", "step"):
            with pytest.raises(ValueError, match=f"{option} must be finite and positive"):
                thwf(A, y, **{option: wrong})
    for wrong in (0, 1, 1.5, -1):
        with pytest.raises(ValueError, match="weak_fraction must be"):
            null_init(A, y, 5, weak_fraction=wrong)
    with pytest.raises(ValueError, match="weak_fraction = 0.01 leaves 3 of 300 equations, at least 5"):
        null_init(A, y, 5, weak_fraction=0.01)
    with pytest.raises(ValueError, match="kind must be one of"):
        spectral_init(A, y, 5, kind="half")
    with pytest.raises(ValueError, match="method must be one of"):
        retrieve(A, y, 5, method="thwf")
    for wrong in ([], [0, 0], [-1], [120], [0.5]):
        with pytest.raises(ValueError, match="support must be"):
            spectral_init(A, y, 5, support=wrong)
    with pytest.raises(ValueError, match="inner_iter must be at least 1"):
        copram(A, y, 5, inner_iter=0)
    with pytest.raises(TypeError, match="y must be real"):
        htp(A, y * 1j, 5)


@pytest.mark.parametrize("method", [copram, lambda A, y, s: retrieve(A, y, s, method="copram")])
def test_copram_needs_three_times_as_many_magnitudes(method):
    A, y, _ = make_phaseless(50, 20, 3, random_state=0)
    with pytest.raises(ValueError, match="must be at most n_measurements // 3 = 6"):
        method(A, y, 7)


@each_kind
def test_too_few_magnitudes_warn(is_complex):
    A, y, _ = make_phaseless(50, 13 if is_complex else 6, 4, is_complex, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with pytest.warns(UserWarning, match=f"at least {14 if is_complex else 7} are needed"):
            htp(A, y, 4)


@each_kind
@each_method
def test_nothing_measured_is_nothing(method, is_complex):
    A, y, _ = problem(is_complex)
    found = method(A, np.zeros_like(y), 5)
    assert not found.x.any() and found.x.dtype == A.dtype
    assert found.converged and found.n_iter == 0 and found.residual_norm == 0 and found.support.size == 0
    assert not spectral_init(A, np.zeros_like(y), 5).any() and not null_init(A, np.zeros_like(y), 5).any()


@each_method
def test_an_operator_needs_a_start(method):
    A, y, x = problem()
    with pytest.raises(TypeError, match=r"\|a_ij\|²"):
        method(aslinearoperator(A), y, 5)
    without = LinearOperator(A.shape, matvec=lambda v: A @ v, dtype=float)
    with pytest.raises(TypeError, match="adjoint"):
        method(without, y, 5)


def test_an_operator_start_on_a_support():
    A, y, x = problem()
    S = np.flatnonzero(x)
    for start in (spectral_init, null_init):
        assert phase_error(start(aslinearoperator(A), y, 5, support=S), start(A, y, 5, support=S)) < 0.2
        with pytest.raises(TypeError, match="support="):
            start(aslinearoperator(A), y, 5)
