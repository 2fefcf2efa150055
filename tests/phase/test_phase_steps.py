"""Every step of every method against the few lines of NumPy that say what it is."""

import warnings

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sparsela.datasets import make_phaseless
from sparsela.phase import copram, htp, newton_projection, null_init, phase_error, sparta, spectral_init, thwf

N_STEPS = 6


def signs(u):
    size = np.abs(u)
    return np.where(size > 0, u / np.where(size > 0, size, 1), 1)


def largest(v, s):
    return np.sort(np.argsort(-np.abs(v), kind="stable")[:s])


def on(T, v, n):
    x = np.zeros(n, np.asarray(v).dtype)
    x[T] = v
    return x


def newton_twin(A, y, s, x):
    m, n = A.shape
    u = A @ x
    T = largest(x - 0.95 / m * A.conj().T @ (u - y * signs(u)), s)
    J = np.setdiff1d(np.flatnonzero(x), T)
    C, u_J = A[:, T], A[:, J] @ x[J]
    if np.iscomplexobj(A):
        B = np.conj(u)[:, None] * C
        J_R = np.hstack([2 * B.real, -2 * B.imag])
        along_phase = np.concatenate([-x[T].imag, x[T].real])  # held: no equation sees it
        along_phase *= np.sqrt(np.sum(J_R**2) / (2 * s)) / np.linalg.norm(along_phase)
        target = y**2 - np.abs(u) ** 2 + 2 * (np.conj(u) * u_J).real
        d = np.linalg.lstsq(np.vstack([J_R, along_phase]), np.append(target, 0))[0]
        return on(T, x[T] + d[:s] + 1j * d[s:], n)
    w = 3 * u**2 - y**2
    if np.linalg.eigvalsh(C.T @ (w[:, None] * C))[0] <= 0:
        w = 2 * u**2 + 1e-6 * np.mean(y**2)
    return on(T, x[T] + np.linalg.solve(C.T @ (w[:, None] * C), C.T @ (w * u_J - (u**2 - y**2) * u)), n)


def htp_twin(A, y, s, x):
    m, n = A.shape
    b = y * signs(A @ x)
    T = largest(x + 0.95 / m * A.conj().T @ (b - A @ x), s)
    return on(T, np.linalg.lstsq(A[:, T], b)[0], n)


def copram_twin(A, y, s, x):
    b = y * signs(A @ x)
    for _ in range(10):
        before = x
        W = np.union1d(np.flatnonzero(x), largest(A.conj().T @ (b - A @ x), 2 * s))
        x = on(W, np.linalg.lstsq(A[:, W], b)[0], x.size)
        x = on(largest(x, s), x[largest(x, s)], x.size)
        if phase_error(before, x) < 1e-2:
            break
    return x


def sparta_twin(A, y, s, x):
    m, n = A.shape
    u = A @ x
    z = x - 1 / m * A.conj().T @ ((u - y * signs(u)) * (np.abs(u) >= y / 1.7))
    return on(largest(z, s), z[largest(z, s)], n)


def thwf_twin(A, y, s, x):
    m, n = A.shape
    u, phi2 = A @ x, np.mean(y**2)
    tau = np.sqrt(0.3 * np.log(m * n) / m**2 * np.sum((np.abs(u) ** 2 - y**2) ** 2 * np.abs(u) ** 2))
    z = x - 0.23 / phi2 / m * A.conj().T @ ((np.abs(u) ** 2 - y**2) * u)
    return signs(z) * np.maximum(np.abs(z) - 0.23 / phi2 * tau, 0)


METHODS = {
    "newton": (newton_projection, newton_twin),
    "htp": (htp, htp_twin),
    "copram": (copram, copram_twin),
    "sparta": (sparta, sparta_twin),
    "thwf": (lambda A, y, s, **kw: thwf(A, y, **kw), thwf_twin),
}


def iterates(method, A, y, s, x0):
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        method(A, y, s, x0=x0, max_iter=N_STEPS, callback=lambda state: found.append(state.x.copy()))
    return found


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_every_step_is_the_documented_one(name, is_complex):
    method, twin = METHODS[name]
    for seed in range(10):
        A, y, _ = make_phaseless(80, 70, 5, is_complex, random_state=seed)
        A /= np.sqrt(np.mean(np.abs(A) ** 2))  # the scale that the step sizes are for
        x = spectral_init(A, y, 5)
        for found in iterates(method, A, y, 5, x):
            expected = twin(A, y, 5, x)
            if np.linalg.norm(A @ expected) == 0 or np.linalg.norm(expected) > 5 * np.sqrt(np.mean(y**2)):
                break
            assert phase_error(found, expected) < 1e-7
            x = found


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_an_operator_gives_the_answer_of_its_matrix(name, is_complex):
    method, _ = METHODS[name]
    A, y, x = make_phaseless(120, 400, 5, is_complex, random_state=3)
    rng = np.random.default_rng(0)
    x0 = x + 0.1 * on(np.flatnonzero(x), rng.normal(size=5), 120)
    with threadpool_limits(1):
        by_operator, by_matrix = method(aslinearoperator(A), y, 5, x0=x0), method(A, y, 5, x0=x0)
    assert phase_error(by_operator.x, by_matrix.x) < 1e-7
    assert phase_error(by_operator.x, x) < 1e-7


@pytest.mark.parametrize("kind", ["full", "truncated", "null"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_starts_are_the_eigenvectors_they_say(kind, is_complex):
    for seed in range(10):
        A, y, _ = make_phaseless(60, 90, 4, is_complex, random_state=seed)
        A /= np.sqrt(np.mean(np.abs(A) ** 2))
        S = largest(np.mean(y[:, None] ** 2 * np.abs(A) ** 2, axis=0), 4)
        a, ratio = A[:, S], y / np.linalg.norm(A[:, S], axis=1)
        order = np.argsort(ratio)
        rows = {"full": slice(None), "truncated": order[-15:], "null": order[:45]}[kind]
        w = y[rows] ** 2 if kind == "full" else 1 / np.linalg.norm(a[rows], axis=1) ** 2
        vectors = np.linalg.eigh(a[rows].conj().T @ (w[:, None] * a[rows]))[1]
        expected = on(S, np.sqrt(np.mean(y**2)) * vectors[:, 0 if kind == "null" else -1], 60)
        found = null_init(A, y, 4) if kind == "null" else spectral_init(A, y, 4, kind=kind)
        assert phase_error(found, expected) < 1e-9
        given = null_init(A, y, 4, support=S[::-1]) if kind == "null" else spectral_init(A, y, 4, kind=kind, support=S)
        np.testing.assert_allclose(given, found, atol=1e-12)


def test_starts_are_nearer_than_random_ones():
    """At m = 250 for 36 of 40 problems, at 400 for all; the null vector is the nearest."""
    medians = {}
    for m, least in ((250, 36), (400, 40)):
        errors = []
        for seed in range(40):
            A, y, x = make_phaseless(500, m, 10, random_state=seed)
            starts = spectral_init(A, y, 10), spectral_init(A, y, 10, kind="truncated"), null_init(A, y, 10)
            random = np.random.default_rng(seed).normal(size=500)
            random *= np.linalg.norm(starts[0]) / np.linalg.norm(random)
            errors.append([phase_error(start, x) for start in (*starts, random)])
        errors = np.array(errors)
        assert np.all((errors[:, :3] < errors[:, 3:]).sum(axis=0) >= least)
        medians[m] = np.median(errors, axis=0)
    assert np.all(medians[250][2] < medians[250][:2])


def test_the_hessian_may_be_indefinite_and_columns_may_repeat():
    """Far from x, and where least squares has no single answer: no error, no NaN."""
    A, y, x = make_phaseless(60, 80, 3, random_state=0)
    A[:, 1] = A[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for method, _ in METHODS.values():
            for seed in range(5):
                x0 = 0.1 * np.random.default_rng(seed).normal(size=60)
                x0[:2] = 3
                found = method(A, y, 6, x0=x0)
                assert np.all(np.isfinite(found.x)) and np.isfinite(found.residual_norm)
