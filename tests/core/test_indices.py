"""Sparse arrays whose indices lead out of them are refused before anyone follows them."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsela._core.validation import check_indices
from sparsela.lowrank import UpdatableTruncatedSVD, complete, generalized_nystrom
from sparsela.nn import SparseMLPRegressor, net_trim
from sparsela.recovery import SparseRegressor, fista, omp
from sparsela.sketch import (
    CountSketch,
    SketchedLinearRegression,
    SketchOperator,
    coordinated_sample,
    kronecker_sketch,
    leverage_scores,
    sketch,
)
from sparsela.transforms import FactorizedOperator, proj


def matrix(kind="csr"):
    return sp.random_array((9, 9), density=0.4, format=kind, rng=np.random.default_rng(0))


def too_large(A):
    A.indices[3] = 10**8


def negative(A):
    A.indices[3] = -(10**8)


def falling(A):
    A.indptr[1], A.indptr[-2] = A.nnz, 0


def beyond(A):
    A.indptr[-1] = 10**8


def not_from_zero(A):
    A.indptr[0] = 2


FAULTS = [too_large, negative, falling, beyond, not_from_zero]


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr"])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_compressed_arrays(kind, fault):
    A = matrix(kind)
    check_indices(A, "A")
    fault(A)
    with pytest.raises(ValueError, match=f"A is no valid {kind} array"):
        check_indices(A, "A")


def test_faults_of_coordinates():
    A = matrix("coo")
    check_indices(A, "A")
    A.coords[0][0] = 9
    with pytest.raises(ValueError, match="from 0 to 8"):
        check_indices(A, "A")


@pytest.mark.parametrize("kind", ["lil", "dok", "dia"])
def test_other_formats_and_arrays_pass(kind):
    check_indices(matrix(kind), "A")
    check_indices(np.eye(2), "A")
    check_indices(None, "A")


DOORS = {
    "omp": lambda A: omp(A, np.ones(9), 2),
    "fista": lambda A: fista(A, np.ones(9), 0.1),
    "regressor": lambda A: SparseRegressor(n_nonzero_coefs=2).fit(A, np.ones(9)),
    "sketch": lambda A: sketch(A, 9),
    "sparse sketch": lambda A: sketch(A, 9, dense_output=False),
    "sparse sketch of features": lambda A: sketch(A, 9, axis=1, dense_output=False),
    "sparse sketch of rows with ids": lambda A: sketch(A, 9, row_indices=np.arange(9), dense_output=False),
    "gaussian sketch": lambda A: sketch(A, 9, kind="gaussian"),
    "srht": lambda A: sketch(A, 9, kind="srht"),
    "adjoint sketch": lambda A: SketchOperator("countsketch", 9, 12).adjoint(A),
    "kronecker sketch": lambda A: kronecker_sketch([A, A], 9),
    "sampled kronecker sketch": lambda A: kronecker_sketch([A, A], 9, method="kfjlt"),
    "leverage": lambda A: leverage_scores(A),
    "sample": lambda A: coordinated_sample(A, 4),
    "countsketch": lambda A: CountSketch(4).fit(matrix()).transform(A),
    "sketched regression": lambda A: SketchedLinearRegression().fit(A, np.ones(9)),
    "updatable": lambda A: UpdatableTruncatedSVD(2).fit(A),
    "complete": lambda A: complete(A, 2),
    "nystrom": lambda A: generalized_nystrom(A, 2),
    "net trim": lambda A: net_trim(A, np.ones((9, 1))),
    "net": lambda A: SparseMLPRegressor((4,)).fit(A, np.arange(9.0)),
    "factors": lambda A: FactorizedOperator([A]),
    "operand of factors": lambda A: FactorizedOperator([np.eye(9)]) @ A,
    "support": lambda A: proj.supp(A),
}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("fault", [too_large, negative, falling])
def test_doors_refuse_before_they_follow(name, fault):
    A = matrix()
    fault(A)
    with pytest.raises(ValueError, match="no valid|CSR"):
        DOORS[name](A)
