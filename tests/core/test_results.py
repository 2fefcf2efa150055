import dataclasses
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela._core.results import RecoveryResult, Result, support_of


@pytest.fixture
def result():
    x = np.zeros(200)
    x[[3, 7]] = 1.0, -2.0
    return RecoveryResult(x, support_of(x), 5, True, np.float64(1.23456789e-9), {"residual_norm": np.ones(5)}, 11)


def test_unpacks_in_the_order_of_its_fields(result):
    x, support, n_iter, converged, residual_norm, history, n_matvec = result
    assert x is result.x and support.tolist() == [3, 7] and support.dtype == np.intp
    assert (n_iter, converged, n_matvec) == (5, True, 11) and residual_norm == result.residual_norm
    assert history is result.history
    assert RecoveryResult(x, support, 5, True, 0.0).history is None
    assert RecoveryResult(x, support, 5, True, 0.0).n_matvec == 0


def test_is_frozen_and_pickles(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.x = None
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.x, result.x)
    assert repr(again) == repr(result)


def test_prints_shapes_and_not_arrays(result):
    assert repr(result) == (
        f"RecoveryResult(x=float64[200], support={np.dtype(np.intp)}[2], n_iter=5, converged=True, "
        "residual_norm=1.23457e-09, history={residual_norm: float64[5]}, n_matvec=11)"
    )


def test_many_targets_and_sparse_fields_print_short():
    X = np.eye(6, dtype=np.float32)
    supports = support_of(X)
    assert [s.tolist() for s in supports] == [[0], [1], [2], [3], [4], [5]]
    text = repr(RecoveryResult(X, supports, np.ones(6, int), np.ones(6, bool), np.zeros(6)))
    assert "x=float32[6, 6]" in text and ", ...)" in text and "converged=bool[6]" in text and len(text) < 200

    @dataclasses.dataclass(frozen=True, repr=False, eq=False)
    class Sparse(Result):
        codes: sp.csr_array

    assert repr(Sparse(sp.csr_array((3, 4)))) == "Sparse(codes=csr float64[3, 4])"
