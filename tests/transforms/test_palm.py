"""PALM against a plain dense sweep, and what must hold of any run of it."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import hadamard
from sklearn.exceptions import ConvergenceWarning

from sparsela.transforms import FactorizationResult, palm4msa, proj

RNG = np.random.default_rng(0)


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return palm4msa(*args, **kwargs)


def dense_sweep(A, factors, scale, sets, order, step_margin=1e-3):
    """One sweep as it is written on paper."""
    S = [np.array(f) for f in factors]
    J = len(S)
    for j in reversed(range(J)) if order == "right-to-left" else range(J):
        L = np.linalg.multi_dot([np.eye(len(A)), np.eye(len(A)), *S[:j]])
        R = np.linalg.multi_dot([*S[j + 1 :], np.eye(A.shape[1]), np.eye(A.shape[1])])
        c = (1 + step_margin) * scale**2 * np.linalg.norm(L, 2) ** 2 * np.linalg.norm(R, 2) ** 2
        c = 1.0 if c == 0 else c
        E = scale * L @ S[j] @ R - A
        S[j] = sets[j](S[j] - scale * L.conj().T @ E @ R.conj().T / c)
    F = np.linalg.multi_dot([*S, np.eye(A.shape[1])])
    return S, np.vdot(F, A).real / np.vdot(F, F).real


@pytest.mark.parametrize("order", ["right-to-left", "left-to-right"])
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("J", [2, 3, 5])
def test_a_sweep_is_the_one_on_paper(J, complex_, order):
    rng = np.random.default_rng(J)
    A = rng.standard_normal((12, 20)) + (1j * rng.standard_normal((12, 20)) if complex_ else 0)
    inner = [12, *rng.integers(8, 16, J - 1), 20]
    shapes = list(itertools.pairwise(inner))
    sets = [[proj.sp(60), proj.splin(3), proj.spcol(4), proj.identity(), proj.splincol(2)][j] for j in range(J)]
    init = [s(rng.standard_normal(shape).astype(A.dtype)) for s, shape in zip(sets, shapes, strict=True)]
    S, scale = init, 0.7
    for _ in range(3):
        S, scale = dense_sweep(A, S, scale, sets, order)
    got = quiet(
        A, sets, init=init, init_scale=0.7, order=order, max_iter=3, refit=False, norm_tol=1e-12, norm_max_iter=20000
    )
    assert abs(got.operator.scale - scale) <= 1e-10 * abs(scale)
    for mine, his in zip(got.operator.factors_as("dense"), S, strict=True):
        np.testing.assert_allclose(mine, his, atol=1e-10)


def test_the_default_start_is_a_zero_and_identities():
    A = RNG.standard_normal((6, 9))
    sets = [proj.sp(20), proj.spcol(3), proj.spcol(2)]
    S = [np.eye(6), np.eye(6), np.zeros((6, 9))]
    S, scale = dense_sweep(A, S, 1.0, sets, "right-to-left")
    got = quiet(A, sets, max_iter=1, norm_tol=1e-12, norm_max_iter=20000)
    np.testing.assert_allclose(got.operator.toarray(), scale * np.linalg.multi_dot(S), atol=1e-10)


KINDS = [
    lambda n: proj.sp(3 * n),
    lambda n: proj.splin(3),
    lambda n: proj.spcol(3),
    lambda n: proj.skperm(3),
    lambda n: proj.supp(np.random.default_rng(1).random((n, n)) < 0.5),
    lambda n: proj.blockdiag([(n // 2, n // 2)] * 2),
    lambda n: proj.kronecker(2, n // 2, n // 2, 1),
    lambda n: proj.sptriu(2 * n),
    lambda n: proj.sptril(2 * n),
    lambda n: proj.spsymm(2 * n),
    lambda n: proj.normcol(),
    lambda n: proj.normlin(),
    lambda n: proj.identity(),
    lambda n: proj.circ(),
    lambda n: proj.toeplitz(),
    lambda n: proj.hankel(),
    lambda n: proj.sp(3 * n, nonneg=True),
    lambda n: proj.sp(3 * n, normalize=False),
]


@pytest.mark.parametrize("seed", range(50))
def test_the_objective_never_rises(seed):
    rng = np.random.default_rng(seed)
    n = 10
    A = rng.standard_normal((n, n))
    sets = [KINDS[(seed + 7 * j) % len(KINDS)](n) for j in range(rng.integers(2, 5))]
    init = [s(rng.standard_normal((n, n))) for s in sets]
    result = quiet(A, sets, init=init, max_iter=40, tol=0, return_history=True, random_state=seed)
    psi = result.history["objective"]
    assert (np.diff(psi) <= 1e-12 * psi[0]).all()
    np.testing.assert_allclose(result.residual_norm, np.sqrt(2 * psi[-1]), rtol=1e-9, atol=1e-12 * np.linalg.norm(A))
    for s, S in zip(sets, result.operator.factors_as("dense"), strict=True):
        np.testing.assert_allclose(s(S), S, atol=1e-12)  # each factor is in its set


@pytest.mark.parametrize("seed", range(4))
def test_it_ends_in_a_stationary_point(seed):
    """The gradient over fixed supports falls a million times in 500 sweeps (from that after the first sweep)."""
    n = 16
    A = np.random.default_rng(seed).standard_normal((n, n))
    masks = [np.kron(np.eye(1 << j), np.kron(np.ones((2, 2)), np.eye(n >> j + 1))) > 0 for j in range(4)]
    sets = [proj.supp(mask) for mask in masks]

    def gradient(operator):
        S, scale, parts = operator.factors_as("dense"), operator.scale, []
        for j, mask in enumerate(masks):
            L = np.linalg.multi_dot([np.eye(n), np.eye(n), *S[:j]])
            R = np.linalg.multi_dot([*S[j + 1 :], np.eye(n), np.eye(n)])
            parts.append((scale * L.T @ (scale * L @ S[j] @ R - A) @ R.T)[mask])
        return np.linalg.norm(np.concatenate(parts))

    first, last = (quiet(A, sets, max_iter=k, tol=0).operator for k in (1, 500))
    assert gradient(last) <= 1e-6 * gradient(first)


@pytest.mark.parametrize("n", [4, 8, 16, 32, 64])
def test_permutation_patterns_find_the_hadamard_butterflies(n):
    H = hadamard(n) / np.sqrt(n)
    J = n.bit_length() - 1
    result = palm4msa(H, [proj.skperm(2, normalize=False)] * J, max_iter=30, order="left-to-right")
    assert result.relative_error <= 1e-12 and result.converged
    assert result.operator.nnz == 2 * n * J


def test_sets_say_their_shapes_and_constants_stay():
    A = RNG.standard_normal((8, 6))
    C = RNG.standard_normal((5, 6))
    result = quiet(A, [proj.identity(), proj.const(C)], max_iter=200)
    assert [S.shape for S in result.operator.factors] == [(8, 5), (5, 6)]
    np.testing.assert_array_equal(result.operator.factors[1], C)
    best = A - A @ np.linalg.pinv(C) @ C
    np.testing.assert_allclose(result.residual_norm, np.linalg.norm(best), rtol=1e-6)


def test_fixed_factors_stay():
    A = RNG.standard_normal((6, 6))
    init = [RNG.standard_normal((6, 6)) for _ in range(3)]
    result = quiet(A, [proj.identity()] * 3, init=init, fixed=[0, 2], max_iter=20)
    np.testing.assert_array_equal(result.operator.factors[0], init[0])
    np.testing.assert_array_equal(result.operator.factors[2], init[2])


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_precision_stays(dtype):
    A = RNG.standard_normal((8, 8)).astype(dtype)
    if np.dtype(dtype).kind == "c":
        A = A + 1j * RNG.standard_normal((8, 8)).astype(A.real.dtype)
    before = A.copy()
    result = quiet(A, [proj.sp(40), proj.sp(40)], max_iter=30)
    assert result.operator.dtype == A.dtype == dtype
    np.testing.assert_array_equal(A, before)
    assert result.relative_error < 0.6


def test_the_result_says_what_happened():
    A = RNG.standard_normal((8, 8))
    with pytest.warns(ConvergenceWarning, match="2 sweeps"):
        result = palm4msa(A, [proj.sp(20)] * 2, max_iter=2, return_history=True)
    assert isinstance(result, FactorizationResult) and result.n_iter == 2 and not result.converged
    assert {len(v) for v in result.history.values()} == {2}
    assert set(result.history) == {"objective", "scale", "support_changes", "n_backtracks"}
    assert all(S.dtype == bool for S in result.support)
    np.testing.assert_allclose(result.relative_error, result.residual_norm / np.linalg.norm(A))
    assert palm4msa(A, [proj.sp(20)] * 2, target_error=0.95).converged
    seen = []
    stopped = palm4msa(A, [proj.sp(20)] * 2, callback=lambda state: seen.append(state.objective) or len(seen) == 3)
    assert stopped.n_iter == len(seen) == 3


def test_the_same_seed_gives_the_same_answer():
    A = RNG.standard_normal((16, 16))
    one, two = (quiet(A, [proj.sp(60)] * 3, random_state=5, max_iter=20) for _ in range(2))
    np.testing.assert_array_equal(one.operator.toarray(), two.operator.toarray())


@pytest.mark.parametrize(
    ("A", "sets", "options", "error", "words"),
    [
        (np.ones(3), [proj.sp(1)], {}, ValueError, "A must have 2 dimensions"),
        (np.full((2, 2), np.nan), [proj.sp(1)], {}, ValueError, "NaN"),
        (np.zeros((2, 2)), [proj.sp(1)], {}, ValueError, "A must not be zero"),
        (sp.eye_array(3), [proj.sp(1)], {}, TypeError, "A must be an ndarray"),
        (np.eye(2), [], {}, ValueError, "at least one set"),
        (np.eye(2), proj.sp(1), {}, TypeError, "sequence of sets"),
        (np.eye(2), None, {}, TypeError, "sequence of sets"),
        (np.eye(2), ["sp"], {}, TypeError, r"constraints\[0\] must be a set"),
        (np.eye(2), [proj.sp(5)], {}, ValueError, "k must be at most 4"),
        (np.eye(2), [proj.const(np.eye(3))], {}, ValueError, "does not chain"),
        (np.eye(2), [proj.sp(1)], {"init": [np.eye(3)]}, ValueError, "factor 0 must have shape"),
        (np.eye(2), [proj.sp(1)], {"init": []}, ValueError, "init must have a matrix for each"),
        (np.eye(2), [proj.sp(1)], {"init": [1j * np.eye(2)]}, ValueError, "must be real"),
        (np.eye(2), [proj.sp(1)], {"fixed": [1]}, ValueError, "fixed must be between 0 and 0"),
        (np.eye(2), [proj.sp(1)], {"fixed": [0]}, ValueError, "all factors are fixed"),
        (np.eye(2), [proj.const(np.eye(2))], {}, ValueError, "all factors are fixed"),
        (np.eye(2), [proj.sp(1)], {"order": "up"}, ValueError, "order must be one of"),
        (np.eye(2), [proj.sp(1)], {"refit": "no"}, ValueError, "refit must be"),
        (np.eye(2), [proj.sp(1)], {"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        (np.eye(2), [proj.sp(1)], {"tol": -1.0}, ValueError, "tol must be finite"),
        (np.eye(2), [proj.sp(1)], {"init_scale": 0.0}, ValueError, "init_scale must be finite and not zero"),
        (np.eye(2), [proj.sp(1)], {"init_scale": "1"}, TypeError, "init_scale must be a number, got str"),
        (np.eye(2), [proj.sp(1)], {"init_scale": 1j}, TypeError, "init_scale must be real"),
    ],
)
def test_bad_input_is_refused(A, sets, options, error, words):
    with pytest.raises(error, match=words):
        palm4msa(A, sets, **options)
