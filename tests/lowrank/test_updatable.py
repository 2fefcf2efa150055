"""UpdatableTruncatedSVD against explicit Zha–Simon on long and hostile streams, and as an estimator."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sparsela.lowrank import UpdatableTruncatedSVD, randomized_svd, svd_update

KINDS = ("rows", "columns", "low_rank")


def sparse(rng, *shape, density=0.05):
    return sp.random_array(shape, density=density, rng=rng, format="csr", data_sampler=rng.standard_normal)


def dense(model):
    return (model.left_singular_vectors() * model.singular_values_) @ model.components_


def defect(model):
    """From the factors themselves, not from what the model carries along."""
    U, V = model.left_singular_vectors(), model.components_.T
    return max(np.abs(Q.T @ Q - np.eye(Q.shape[1])).max() for Q in (U, V))


def update(model, kind, given):
    return {"rows": model.add_rows, "columns": model.add_columns}.get(kind, lambda pair: model.low_rank_update(*pair))(
        given
    )


def agree(model, twin, rtol_s=1e-10, rtol=1e-9, defects=1e-10):
    assert_allclose(model.singular_values_, twin.singular_values_, rtol=rtol_s)
    want = dense(twin)
    assert np.linalg.norm(dense(model) - want) <= rtol * np.linalg.norm(want)
    assert defect(model) <= defects
    assert model.orthogonality_defect_ <= defects


def pair(start, k, **params):
    made = [UpdatableTruncatedSVD(k, method=method, random_state=0, **params) for method in ("fast", "zha-simon")]
    return [model.fit(start) for model in made]


def test_exact_while_the_rank_fits():
    """Rank 6, then updates that add ranks 3, 2 and 1, with twelve components: the matrix to 1e-12."""
    rng = np.random.default_rng(0)
    A = sparse(rng, 300, 6, density=0.1) @ sparse(rng, 6, 200, density=0.1)
    for method in ("fast", "zha-simon"):
        rng = np.random.default_rng(1)
        model = UpdatableTruncatedSVD(12, method=method, random_state=0).fit(A)
        E, C = sparse(rng, 3, 200), sparse(rng, 303, 2)
        D, F = sparse(rng, 303, 1), sparse(rng, 202, 1)
        model.add_rows(E).add_columns(C).low_rank_update(D, F)
        want = (sp.hstack([sp.vstack([A, E]), C]) + D @ F.T).toarray()
        assert np.linalg.norm(dense(model) - want) <= 1e-12 * np.linalg.norm(want)
        assert model.n_samples_seen_ == 303 and model.n_features_in_ == 202 and model.n_updates_ == 3


@pytest.mark.parametrize("kind", KINDS)
def test_400_updates_of_growing_scale_equal_zha_simon(kind):
    rng = np.random.default_rng(0)
    fast, slow = pair(sparse(rng, 400, 300), 20)
    for t in range(400):
        scale, (m, n) = 1 + t / 40, (fast.n_samples_seen_, fast.n_features_in_)
        if kind == "rows":
            given = scale * sparse(rng, 5, n)
        elif kind == "columns":
            given = scale * sparse(rng, m, 5)
        else:
            given = scale * sparse(rng, m, 5), sparse(rng, n, 5)
        update(fast, kind, given)
        update(slow, kind, given)
    agree(fast, slow)
    assert_allclose(fast.explained_energy_ratio_, slow.explained_energy_ratio_, rtol=1e-8)


@pytest.mark.parametrize("augmentation", ["gkl", "rpi"])
def test_all_directions_by_an_approximate_augmentation_are_exact(augmentation):
    rng = np.random.default_rng(0)
    start = sparse(rng, 400, 300)
    fast, slow = pair(start, 20, augmentation=augmentation, n_augment=5)
    for t in range(100):
        E = (1 + t / 40) * sparse(rng, 5, 300)
        fast.add_rows(E)
        slow.add_rows(E)
    agree(fast, slow)


@pytest.mark.parametrize("spare", ["auto", 0])
def test_long_stream_with_takeovers(spare):
    """1,500 updates of 2 rows in random windows, each 1 % larger: new directions take over all the time."""
    rng, n, k = np.random.default_rng(0), 3000, 16
    fast, slow = pair(sparse(rng, 500, n, density=0.01), k, spare=spare)
    scale, taken, replaced, factor = 1.0, 0, 0, fast._model.right
    for _ in range(1500 if spare == "auto" else 300):
        scale *= 1.01
        first = rng.integers(n - 60)
        columns = np.concatenate([first + rng.choice(60, 16, replace=False) for _ in range(2)])
        E = sp.csr_array((scale * rng.standard_normal(32), columns, [0, 16, 32]), shape=(2, n))
        before, used, folds = slow.components_, factor.used, factor.n_folds
        fast.add_rows(E)
        slow.add_rows(E)
        replaced += int((np.linalg.svd(before @ slow.components_.T, compute_uv=False) < 1e-3).sum())
        taken += factor.used - (used if factor.n_folds == folds else k)  # a rewriting comes before
    agree(fast, slow, rtol_s=1e-9, defects=1e-9)
    if spare == "auto":
        assert taken > replaced > 1000
        assert fast.n_folds_[1] <= taken / k + 1
    print(f"defect {defect(fast):.1e}, folds {fast.n_folds_}, {taken} spare columns for {replaced} takeovers at once")


def test_a_direction_that_takes_over_makes_no_inverse():
    """The inner factor of diag(3, 2, 1) with a row 10 e₆ is exactly singular."""
    A = np.zeros((8, 10))
    A[[0, 1, 2], [0, 1, 2]] = 3, 2, 1
    for spare in ("auto", 0, 1):
        model = UpdatableTruncatedSVD(2, spare=spare, random_state=0).fit(A)
        model.add_rows(10 * np.eye(10)[[6]])
        assert_allclose(model.singular_values_, [10, 3], rtol=1e-12)
        assert_allclose(np.abs(model.components_), np.eye(10)[[6, 0]], atol=1e-12)


def test_a_stream_that_grows_exponentially():
    rng, n, k = np.random.default_rng(0), 500, 10
    fast, slow = pair(sparse(rng, 100, n), k)
    for t in range(300):
        first = min(t, n - 40)
        E = sp.lil_array((3, n))
        E[:, first : first + 40] = 1.05**t * rng.standard_normal((3, 40)) * (rng.random((3, 40)) < 0.3)
        fast.add_rows(E)
        slow.add_rows(E)
    assert fast.singular_values_[0] > 1e6
    agree(fast, slow)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e3, 1e12])
def test_the_scale_of_the_data_does_not_matter(scale):
    """Every tolerance is relative."""
    rng = np.random.default_rng(0)
    fast, slow = pair(scale * sparse(rng, 60, 80), 6)
    for _ in range(40):
        E = scale * sparse(rng, 3, 80)
        fast.add_rows(E)
        slow.add_rows(E)
    agree(fast, slow)


@pytest.mark.parametrize("size", [0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-3])
def test_rows_nearly_inside_the_span(size):
    rng = np.random.default_rng(0)
    fast, slow = pair(sparse(rng, 60, 80, density=0.2), 6)
    for _ in range(50):
        E = rng.standard_normal((3, 6)) @ slow.components_ + size * rng.standard_normal((3, 80))
        fast.add_rows(E)
        slow.add_rows(E)
    agree(fast, slow)


def test_duplicates_zero_rows_no_rows_and_more_rows_than_columns():
    rng = np.random.default_rng(0)
    fast, slow = pair(sparse(rng, 60, 80, density=0.2), 6)
    row = sparse(rng, 1, 80, density=0.3)
    for E in (
        sp.vstack([row] * 5),
        row,
        sp.csr_array((4, 80)),
        sp.csr_array((0, 80)),
        np.zeros((0, 80)),
        sparse(rng, 200, 80, density=0.2),
        sp.vstack([row] * 200),
        rng.standard_normal((600, 80)),
        sparse(rng, 700, 80, density=0.1),
    ):
        fast.add_rows(E)
        slow.add_rows(E)
        agree(fast, slow)
    assert fast.n_updates_ == 7


def test_more_than_a_block_of_rows_is_taken_in_blocks():
    rng = np.random.default_rng(0)
    start, E = sparse(rng, 60, 80, density=0.2), sparse(rng, 2500, 80, density=0.1)
    one, two = (clone(UpdatableTruncatedSVD(6, random_state=0)).fit(start) for _ in range(2))
    one.add_rows(E)
    for first in range(0, 2500, 1024):
        two.add_rows(E[first : first + 1024])
    assert_array_equal(one.components_, two.components_)
    assert (one.n_updates_, two.n_updates_) == (1, 3)


def test_streams_that_start_small_grow_to_all_components():
    """One row and three columns at first; rank, rows and columns grow; exact while the rank fits."""
    rng = np.random.default_rng(0)
    for method in ("fast", "zha-simon"):
        model = UpdatableTruncatedSVD(12, method=method, random_state=0)
        A = rng.standard_normal((1, 3))
        model.partial_fit(A)
        assert model.components_.shape == (1, 3)
        for _ in range(9):
            E = rng.standard_normal((1, A.shape[1] + 2))
            model.add_rows(E, new_features=True)
            A = np.vstack([np.pad(A, ((0, 0), (0, 2))), E])
            assert model.components_.shape == (min(A.shape), A.shape[1])
            assert_allclose(dense(model), A, atol=1e-12 * np.linalg.norm(A))
            C = rng.standard_normal((len(A), 1))
            model.add_columns(C)
            A = np.hstack([A, C])
            assert_allclose(dense(model), A, atol=1e-12 * np.linalg.norm(A))
        assert defect(model) < 1e-12


def test_new_features_are_zero_in_the_past():
    rng = np.random.default_rng(0)
    start, E = sparse(rng, 50, 40, density=0.2), sparse(rng, 4, 47, density=0.2)
    model = UpdatableTruncatedSVD(6, random_state=0).fit(start).add_rows(E, new_features=True)
    twin = UpdatableTruncatedSVD(6, random_state=0).fit(start)
    found = svd_update(
        twin.left_singular_vectors(), twin.singular_values_, np.pad(twin.components_, ((0, 0), (0, 7))), rows=E
    )
    assert_allclose(model.singular_values_, found.s, rtol=1e-12)
    assert_allclose(model.components_, found.Vt, atol=1e-11)
    assert model.n_features_in_ == model.transform(E).shape[0] + 43


def test_deleting_and_correcting_rows():
    """A change of a row is a product; a deletion takes away what the model has of it."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 5)) @ rng.standard_normal((5, 20))
    model = UpdatableTruncatedSVD(5, random_state=0).fit(A)
    row = model.components_.T @ (model.singular_values_ * model.left_singular_vectors([7])[0])
    model.low_rank_update(-np.eye(30)[:, [7]], row[:, None])
    want = A.copy()
    want[7] = 0
    assert_allclose(dense(model), want, atol=1e-12)
    correction = np.zeros((20, 1))
    correction[3] = 2.0
    model.low_rank_update(np.eye(30)[:, [2]], 0 * correction)  # nothing
    assert_allclose(dense(model), want, atol=1e-12)
    assert_allclose(model.explained_energy_ratio_.sum(), 1, rtol=1e-10)


@pytest.mark.parametrize("method", ["fast", "zha-simon", "vecharynski-saad"])
def test_decay_weighs_what_was_seen_by_its_age(method):
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((4, 12)) for _ in range(6)]
    model = UpdatableTruncatedSVD(12, method=method, n_augment=20, decay=0.7, random_state=0)
    for block in blocks:
        model.partial_fit(block)
    weighted = np.vstack([0.7 ** (5 - t) * block for t, block in enumerate(blocks)])
    assert_allclose(model.singular_values_, np.linalg.svd(weighted, compute_uv=False), rtol=1e-10)
    assert_allclose(model.explained_energy_ratio_.sum(), 1, rtol=1e-10)


@pytest.mark.parametrize("method", ["fast", "zha-simon"])
def test_transform_and_back(method):
    rng = np.random.default_rng(0)
    X = sparse(rng, 100, 80, density=0.1)
    model = UpdatableTruncatedSVD(7, method=method, random_state=0).fit(X[:60]).partial_fit(X[60:])
    for given in (X, X.tocsc(), X.toarray()):
        assert_allclose(model.transform(given), X @ model.components_.T, atol=1e-12)
    Z = model.transform(X)
    assert_allclose(model.inverse_transform(Z), Z @ model.components_, atol=1e-13)
    assert list(model.get_feature_names_out())[:2] == ["updatabletruncatedsvd0", "updatabletruncatedsvd1"]
    U = model.left_singular_vectors()
    assert_allclose(model.left_singular_vectors([3, 70]), U[[3, 70]], atol=1e-14)
    assert_allclose(model.left_singular_vectors(slice(5, 9)), U[5:9], atol=1e-14)
    before = dense(model)
    assert_allclose(dense(model.compact()), before, atol=1e-12)


def test_transform_and_updates_make_no_components():
    """components_ is made when it is asked for, once, and forgotten at an update."""
    rng = np.random.default_rng(0)
    X = sparse(rng, 100, 80, density=0.1)
    model = UpdatableTruncatedSVD(7, random_state=0).fit(X)
    model.transform(X)
    assert model._components is None
    assert model.components_ is model.components_
    model.add_rows(X[:3])
    assert model._components is None


@pytest.mark.parametrize("init", ["block-krylov", "arpack", "propack", "lapack"])
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, np.asarray])
def test_every_start(init, kind):
    X = sparse(np.random.default_rng(0), 60, 50, density=0.2).toarray()
    model = UpdatableTruncatedSVD(5, init=init, random_state=0).fit(kind(X))
    U, s, Vt = np.linalg.svd(X)
    assert_allclose(model.singular_values_, s[:5], rtol=1e-9)
    assert (np.take_along_axis(model.components_, np.abs(model.components_).argmax(1)[:, None], 1) > 0).all()
    assert_allclose(np.abs(np.sum(model.components_ * Vt[:5], axis=1)), 1, atol=1e-8)
    assert_allclose(model.explained_energy_ratio_, s[:5] ** 2 / (s**2).sum(), rtol=1e-9)


def test_continue_from_factors_made_elsewhere():
    rng = np.random.default_rng(0)
    X, E = sparse(rng, 60, 50, density=0.2), sparse(rng, 5, 50)
    U, s, Vt = np.linalg.svd(X.toarray(), full_matrices=False)
    order = [2, 0, 1]
    model = UpdatableTruncatedSVD.from_svd(U[:, order], s[order], Vt[order]).add_rows(E)
    assert model.n_components == 3
    assert_allclose(model.singular_values_, svd_update(U[:, :3], s[:3], Vt[:3], rows=E).s, rtol=1e-12)
    wider = UpdatableTruncatedSVD.from_svd(U[:, :3], s[:3], Vt[:3], n_components=8).add_rows(E)
    assert wider.components_.shape == (8, 50)
    with pytest.raises(ValueError, match="n_components must be at least 3"):
        UpdatableTruncatedSVD.from_svd(U[:, :3], s[:3], Vt[:3], n_components=2)
    with pytest.raises(ValueError, match="columns of U must be orthonormal"):
        UpdatableTruncatedSVD.from_svd(2 * U[:, :3], s[:3], Vt[:3])


@pytest.mark.parametrize("augmentation", ["full", "gkl", "rpi"])
@pytest.mark.parametrize("method", ["fast", "vecharynski-saad"])
def test_a_pickle_in_the_middle_of_a_stream_continues_bit_for_bit(method, augmentation):
    def stream(seed):
        rng = np.random.default_rng(seed)
        for t in range(60):
            yield 1.05**t * sparse(rng, 4, 200)

    start = sparse(np.random.default_rng(1), 50, 200)
    one = UpdatableTruncatedSVD(6, method=method, augmentation=augmentation, n_augment=2, random_state=0).fit(start)
    other = clone(one).fit(start)
    for t, E in enumerate(stream(0)):
        one.add_rows(E)
        if t == 30:
            other.components_  # noqa: B018 - makes and keeps it
            other = pickle.loads(pickle.dumps(other))
        other.add_rows(E)
    assert_array_equal(one.singular_values_, other.singular_values_)
    assert_array_equal(one.components_, other.components_)
    assert_array_equal(one.left_singular_vectors(), other.left_singular_vectors())
    assert one.n_folds_ == other.n_folds_ and (method != "fast" or one.n_folds_[1] > 0)


@pytest.mark.parametrize("method", ["fast", "zha-simon"])
def test_merged_models_have_the_rows_of_both(method):
    """As if the model of the second had been appended, left vectors of all rows included; the second stays."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, 12)), rng.standard_normal((1500, 12))
    one, two = (UpdatableTruncatedSVD(12, method=method, decay=0.5, random_state=0).fit(M) for M in (X, Y))
    before = two.singular_values_.copy(), two.left_singular_vectors()
    assert one.merge(two) is one
    want = np.vstack([0.5 * X, Y])
    found = one.left_singular_vectors() * one.singular_values_ @ one.components_
    assert_allclose(found, want, atol=1e-11)
    assert_allclose(one.singular_values_, np.linalg.svd(want, compute_uv=False), rtol=1e-12)
    assert (one.n_samples_seen_, one.n_updates_) == (1550, 1) and one.orthogonality_defect_ < 1e-12
    assert_allclose(one.explained_energy_ratio_.sum(), 1)
    one.add_rows(X)  # and goes on
    found = one.left_singular_vectors() * one.singular_values_ @ one.components_
    assert_allclose(found, np.vstack([0.5 * want, X]), atol=1e-11)
    assert_allclose(two.singular_values_, before[0], rtol=0)
    assert_allclose(two.left_singular_vectors(), before[1], rtol=0)
    small = UpdatableTruncatedSVD(3, method=method, random_state=0)
    cut = small.fit(X).merge(UpdatableTruncatedSVD(3, method=method, random_state=0).fit(Y))
    energy = np.square(X).sum() + np.square(Y).sum()  # what was cut off was seen
    assert_allclose(cut.explained_energy_ratio_, np.square(cut.singular_values_) / energy)
    with pytest.raises(ValueError, match="equal features"):
        one.merge(UpdatableTruncatedSVD(2).fit(X[:, :5]))
    with pytest.raises(NotFittedError):
        one.merge(UpdatableTruncatedSVD(2))


def test_a_model_merged_with_itself():
    X = np.random.default_rng(0).standard_normal((40, 6))
    model = UpdatableTruncatedSVD(6, random_state=0).fit(X)
    model.merge(model)
    assert_allclose(
        model.left_singular_vectors() * model.singular_values_ @ model.components_, np.vstack([X, X]), atol=1e-12
    )


def test_a_dask_array_by_blocks_of_rows():
    """Each block is computed, given and forgotten; the whole is never there."""
    array = pytest.importorskip("dask.array")
    X = np.random.default_rng(0).standard_normal((1000, 30))
    rows = array.from_array(X, chunks=(150, 30))
    model = UpdatableTruncatedSVD(30, random_state=0)
    for block in rows.blocks:
        model.partial_fit(block.compute())
    assert model.n_samples_seen_ == 1000
    assert_allclose(model.singular_values_, np.linalg.svd(X, compute_uv=False), rtol=1e-10)


def test_float32_stays_and_is_repaired():
    rng = np.random.default_rng(0)
    start = sparse(rng, 100, 300).astype(np.float32)
    fast = UpdatableTruncatedSVD(8, tol=1e-5, random_state=0).fit(start)
    slow = UpdatableTruncatedSVD(8, method="zha-simon", random_state=0).fit(start.astype(np.float64))
    for t in range(200):
        E = (1 + t / 40) * sparse(rng, 3, 300)
        fast.add_rows(E)
        slow.add_rows(E)
    assert fast.components_.dtype == fast.singular_values_.dtype == fast.transform(E).dtype == np.float32
    assert fast.orthogonality_defect_ <= 1e-5 and defect(fast) <= 1e-4
    assert_allclose(fast.singular_values_, slow.singular_values_, rtol=1e-5)


def test_messy_sparse_input_gives_the_same_answer_and_is_left_alone():
    rng = np.random.default_rng(0)
    model, twin = (UpdatableTruncatedSVD(5, random_state=0).fit(np.eye(30, 20)) for _ in range(2))
    E = sparse(rng, 4, 20, density=0.5)
    halves = np.repeat(E.data / 2, 2)
    indices = np.repeat(E.indices, 2)
    for i in range(4):  # neither sorted nor unique
        row = slice(2 * E.indptr[i], 2 * E.indptr[i + 1])
        indices[row] = indices[row][::-1]
        halves[row] = halves[row][::-1]
    messy = sp.csr_array((halves, indices, 2 * E.indptr), shape=E.shape)
    kept = messy.data.copy(), messy.indices.copy()
    assert_array_equal(model.add_rows(messy).components_, twin.add_rows(E).components_)
    assert_array_equal(messy.data, kept[0])
    assert_array_equal(messy.indices, kept[1])
    assert messy.nnz == 2 * E.nnz
    wide = sp.csr_array((E.data, E.indices.astype(np.int64), E.indptr.astype(np.int64)), shape=E.shape)
    assert_array_equal(model.add_rows(wide).components_, twin.add_rows(E).components_)


def test_nothing_of_the_size_of_the_matrix_is_made_by_an_update():
    """10⁶ columns, 16 rows: a vector of length n would be 8 MB."""
    n, rng = 1_000_000, np.random.default_rng(0)

    def rows(s):
        indptr = np.arange(0, 20 * s + 1, 20)
        return sp.csr_array((rng.standard_normal(20 * s), rng.integers(n, size=20 * s), indptr), shape=(s, n))

    model = UpdatableTruncatedSVD(8, random_state=0).fit(rows(9))
    E = [rows(16) for _ in range(5)]
    model.add_rows(rows(200))  # room for the next ones
    tracemalloc.start()
    for batch in E[:2]:
        model.add_rows(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


def test_it_works_in_a_pipeline():
    X = sparse(np.random.default_rng(0), 60, 50, density=0.2)
    Z = make_pipeline(UpdatableTruncatedSVD(5, random_state=0), Normalizer()).fit_transform(X)
    assert Z.shape == (60, 5)


def fitted():
    return UpdatableTruncatedSVD(3, random_state=0).fit(np.random.default_rng(0).standard_normal((10, 8)))


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: m.add_rows(np.ones((2, 9))), ValueError, r"9 features.*8 features.*add_columns.*new_features=True"),
        (lambda m: m.add_rows(np.ones((2, 7)), new_features=True), ValueError, "7 features.*8 features"),
        (lambda m: m.add_columns(np.ones((9, 1))), ValueError, r"C must have 10 rows.*got shape \(9, 1\).*add_rows"),
        (lambda m: m.low_rank_update(np.ones((10, 2)), np.ones((8, 1))), ValueError, r"\(10, 2\) and \(8, 1\)"),
        (lambda m: m.low_rank_update(np.ones((9, 1)), np.ones((8, 1))), ValueError, r"shapes \(10, q\) and \(8, q\)"),
        (lambda m: m.add_rows(np.full((1, 8), np.nan)), ValueError, "NaN"),
        (lambda m: m.add_rows(sp.csr_array(np.array([[np.inf] + [0] * 7]))), ValueError, "infinity"),
        (lambda m: m.add_rows(np.ones(8)), ValueError, "two dimensions"),
        (lambda m: m.add_rows(1e200 * np.ones((1, 8))), ValueError, r"finite number.*got entries up to 1e\+200"),
        (lambda m: m.add_columns(1e200 * np.ones((10, 1))), ValueError, "finite number"),
        (lambda m: m.add_rows(np.ones((1, 8)) * 1j), TypeError, "real"),
        (lambda m: m.low_rank_update(1e120 * np.ones((10, 1)), 1e120 * np.ones((8, 1))), ValueError, "finite norm"),
        (lambda m: m.inverse_transform(np.ones((2, 4))), ValueError, "Z must have shape"),
        (lambda m: m.transform(np.ones((2, 4))), ValueError, "4 features"),
    ],
)
def test_bad_updates_change_nothing(act, error, message):
    model = fitted()
    before = dense(model)
    with pytest.raises(error, match=message):
        act(model)
    assert_array_equal(dense(model), before)
    assert model.n_updates_ == 0 and model.n_features_in_ == 8


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": True}, "n_components"),
        ({"method": "brand"}, "method"),
        ({"augmentation": "some"}, "augmentation"),
        ({"init": "lobpcg"}, "init"),
        ({"decay": 0.0}, "decay"),
        ({"decay": 1.5}, "decay"),
        ({"spare": -1}, "spare"),
        ({"max_condition": 1.0}, "max_condition"),
        ({"n_components": 8, "init": "arpack"}, "init='arpack' must have n_components below both sides"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        UpdatableTruncatedSVD(**{"n_components": 2, **params}).fit(np.eye(8))


def test_numbers_whose_squares_vanish():
    """Refused where they are all there is; next to others they are rounding."""
    tiny = 1e-200 * np.ones((3, 8))
    with pytest.raises(ValueError, match="above 1e-280 unless all are zero, got entries up to 1e-200"):
        UpdatableTruncatedSVD(2).fit(tiny)
    model = fitted()
    before = dense(model)
    assert_allclose(dense(model.add_rows(tiny)), np.vstack([before, np.zeros((3, 8))]), atol=1e-13)
    empty = UpdatableTruncatedSVD(2, random_state=0).fit(np.zeros((4, 8)))
    with pytest.raises(ValueError, match="above 1e-280"):
        empty.add_rows(tiny)
    assert_allclose(empty.add_rows(np.eye(8)[:1]).singular_values_, [1, 0], atol=1e-15)


def test_unfitted():
    model = UpdatableTruncatedSVD()
    assert not hasattr(model, "components_")
    for act in (model.compact, model.left_singular_vectors, lambda: model.transform(np.eye(3))):
        with pytest.raises(NotFittedError):
            act()
    for add in (model.add_rows, model.add_columns):
        with pytest.raises(NotFittedError):
            add(np.eye(3))


def test_the_same_seed_is_the_same_answer():
    X = sparse(np.random.default_rng(0), 60, 50, density=0.2)
    one, other = (
        UpdatableTruncatedSVD(4, augmentation="gkl", n_augment=2, random_state=3).fit(X[:40]).add_rows(X[40:])
        for _ in range(2)
    )
    assert_array_equal(one.components_, other.components_)
    assert_allclose(one.singular_values_, randomized_svd(X, 4, random_state=0).s, rtol=0.3)
