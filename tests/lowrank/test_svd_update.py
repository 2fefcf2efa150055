"""svd_update: exact where rank allows, the SVD of the updated model otherwise, and invariants of every method."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import aslinearoperator

from sparsela.lowrank import svd_update

METHODS = [
    {"method": "zha-simon"},
    {"method": "fast"},
    {"method": "fast", "augmentation": "gkl", "n_augment": 100},
    {"method": "fast", "augmentation": "rpi", "n_augment": 100},
    {"method": "vecharynski-saad", "n_augment": 100},
]
ALL_DIRECTIONS = pytest.mark.parametrize("how", METHODS, ids=lambda how: "-".join(map(str, how.values())))


def cut(A, k):
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    return U[:, :k], s[:k], Vt[:k]


def model(m=80, n=60, k=8, seed=0):
    return cut(np.random.default_rng(seed).standard_normal((m, n)), k)


def product(found):
    U, s, Vt = tuple(found)[:3]
    return (U * s) @ Vt


def orthonormal(found, atol=1e-12):
    for Q in (found.U.T, found.Vt):
        assert_allclose(Q @ Q.T, np.eye(len(Q)), atol=atol)


def changes(seed=1, m=80, n=60, q=5):
    rng = np.random.default_rng(seed)
    E = sp.random_array((q, n), density=0.1, rng=rng, format="csr")
    C = sp.random_array((m, q), density=0.1, rng=rng, format="csc")
    return {"rows": E, "columns": C, "low_rank": (C, E.T)}


def changed(A, kind, given):
    if kind == "low_rank":
        return A + given[0] @ given[1].T
    dense = given.toarray()
    return np.vstack([A, dense]) if kind == "rows" else np.hstack([A, dense])


@ALL_DIRECTIONS
@pytest.mark.parametrize("kind", ["rows", "columns", "low_rank"])
def test_it_is_the_svd_of_the_updated_model(how, kind):
    U, s, Vt = model()
    given = changes()[kind]
    found = svd_update(U, s, Vt, **{kind: given}, **how, random_state=0)
    exact = cut(changed((U * s) @ Vt, kind, given), 8)
    assert_allclose(found.s, exact[1], rtol=1e-9)
    assert_allclose(product(found), product(exact), atol=1e-8)
    orthonormal(found, 1e-8)


@pytest.mark.parametrize("how", METHODS[:2], ids=lambda how: how["method"])
def test_exact_while_the_rank_fits(how):
    """Rank 6, then updates that add ranks 3, 2 and 1, with twelve components."""
    rng = np.random.default_rng(0)
    m, n = 300, 200

    def sparse(*shape):
        return sp.random_array(shape, density=0.1, rng=rng, format="csr")

    A = (sparse(m, 6) @ sparse(6, n)).toarray()
    found = cut(A, 12)
    for kind, given in (("rows", sparse(3, n)), ("columns", sparse(m + 3, 2)), ("low_rank", None)):
        if given is None:
            given = sparse(m + 3, 1), sparse(n + 2, 1)
        A = changed(A, kind, given)
        found = svd_update(*tuple(found)[:3], **{kind: given}, **how)
        assert np.linalg.norm(product(found) - A) <= 1e-12 * np.linalg.norm(A)
        orthonormal(found)


@ALL_DIRECTIONS
def test_rows_that_add_nothing(how):
    """Zero rows, rows inside the span, duplicates: the SVD of the model with them, orthonormal as before."""
    U, s, Vt = model()
    inside = np.random.default_rng(0).standard_normal((2, 8)) @ Vt
    row = np.random.default_rng(1).standard_normal((1, 60))
    for E in (np.zeros((3, 60)), inside, inside + 1e-9, np.vstack([row] * 4), sp.csr_array((2, 60))):
        found = svd_update(U, s, Vt, rows=E, **how, random_state=0)
        dense = E.toarray() if sp.issparse(E) else E
        exact = cut(np.vstack([(U * s) @ Vt, dense]), 8)
        assert_allclose(found.s, exact[1], rtol=1e-9)
        assert_allclose(product(found), product(exact), atol=1e-7)
        orthonormal(found, 1e-7)


def test_fewer_directions_capture_less_but_never_more():
    U, s, Vt = model()
    E = np.random.default_rng(1).standard_normal((40, 60)) * 3
    best = np.linalg.norm(svd_update(U, s, Vt, rows=E).s)
    few = [{"method": "vecharynski-saad"}, *({"method": "fast", "augmentation": name} for name in ("gkl", "rpi"))]
    for how in few:
        energies = [
            np.linalg.norm(svd_update(U, s, Vt, rows=E, n_augment=l, **how, random_state=0).s) for l in (1, 4, 12, 40)
        ]
        assert all(energy <= best * (1 + 1e-12) for energy in energies)
        assert energies[0] < energies[2] and energies[-1] > best * (1 - 1e-10)


def test_components_move_and_do_not_flip():
    U, s, Vt = model()
    found = svd_update(U, s, Vt, rows=1e-3 * np.ones((1, 60)))
    assert (np.sum(found.Vt * Vt, axis=1) > 0.9).all()
    assert (np.sum(found.U[:80] * U, axis=0) > 0.9).all()


@pytest.mark.parametrize("how", METHODS[:2], ids=lambda how: how["method"])
def test_no_rows_is_no_update_and_nothing_given_is_changed(how):
    U, s, Vt = model()
    kept = U.copy(), s.copy(), Vt.copy()
    same = svd_update(U, s, Vt, rows=np.zeros((0, 60)), **how)
    assert_array_equal(same.U, U)
    for kind, given in changes().items():
        svd_update(U, s, Vt, **{kind: given}, **how)
    for a, b in zip((U, s, Vt), kept, strict=True):
        assert_array_equal(a, b)


def test_float32_stays():
    U, s, Vt = (part.astype(np.float32) for part in model())
    E = changes()["rows"]
    for how in METHODS:
        found = svd_update(U, s, Vt, rows=E, **how, random_state=0)
        assert {found.U.dtype, found.s.dtype, found.Vt.dtype} == {np.dtype(np.float32)}
        assert_allclose(found.s, svd_update(*model(), rows=E).s, rtol=1e-5)


def test_more_rows_than_columns_at_once():
    U, s, Vt = model()
    E = np.random.default_rng(0).standard_normal((100, 60))
    exact = cut(np.vstack([(U * s) @ Vt, E]), 8)
    for how in METHODS[:2]:
        assert_allclose(svd_update(U, s, Vt, rows=E, **how).s, exact[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "exactly one of rows, columns and low_rank must be given, got none"),
        ({"rows": np.ones((1, 60)), "columns": np.ones((80, 1))}, ValueError, r"got \['rows', 'columns'\]"),
        ({"rows": np.ones((1, 61))}, ValueError, r"rows must have 60 columns, as Vt has, got shape \(1, 61\)"),
        ({"columns": np.ones((81, 1))}, ValueError, r"columns must have 80 rows, as U has, got shape \(81, 1\)"),
        ({"rows": np.ones(60)}, ValueError, "Reshape a single row"),
        ({"rows": np.full((1, 60), np.inf)}, ValueError, "infinity"),
        ({"rows": aslinearoperator(np.ones((1, 60)))}, TypeError, "rows must be a dense or a sparse array"),
        ({"rows": 1j * np.ones((1, 60))}, TypeError, "real"),
        ({"low_rank": np.ones((80, 1))}, TypeError, r"low_rank must be a pair \(D, E\)"),
        ({"low_rank": (np.ones((80, 2)), np.ones((60, 1)))}, ValueError, r"got \(80, 2\) and \(60, 1\)"),
        ({"rows": np.ones((1, 60)), "method": "brand"}, ValueError, "method must be one of"),
        ({"rows": np.ones((1, 60)), "augmentation": "none"}, ValueError, "augmentation must be one of"),
        ({"rows": np.ones((1, 60)), "n_augment": 0}, ValueError, "n_augment"),
        ({"rows": np.ones((1, 60)), "s": -np.ones(8)}, ValueError, "s must not be negative"),
        ({"rows": np.ones((1, 60)), "s": np.ones(7)}, ValueError, "s must have shape"),
        ({"rows": np.ones((1, 60)), "Vt": np.ones((8, 60))}, ValueError, "rows of Vt must be orthonormal"),
        ({"rows": np.ones((1, 60)), "Vt": np.eye(7, 60)}, ValueError, "same number of components"),
    ],
)
def test_bad_input(arguments, error, message):
    U, s, Vt = model()
    with pytest.raises(error, match=message):
        svd_update(**{"U": U, "s": s, "Vt": Vt, **arguments})
