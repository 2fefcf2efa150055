"""Completion of matrices from some of their entries.

One thread. Inexact alternating least squares ("als-cg") against the exact one of this library, from one start and for
the same number of sweeps, on planted matrices of 2000 × 1500 entries, 15 % of them seen: both must find the matrix as
well as each other. Ratings of MovieLens: ``MatrixCompletion`` against the biased factorization of scikit-surprise, by
stochastic gradients, at its own settings; the table says the error on held back ratings of both.
"""

import warnings
from functools import partial

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from benchmarks._pairs import Case, Growth, versioned
from sparsela.datasets import load_movielens
from sparsela.lowrank import MatrixCompletion, complete


def cases(quick: bool):
    m, n = (400, 300) if quick else (2000, 1500)
    for k, inner in ((10, 2),) if quick else ((50, 2), (96, 3)):
        X, truth = planted(m, n, k, 0.15)
        name = f"{m} × {n}, {X.nnz} entries, k = {k}, als-cg of {inner} steps"
        ours = partial(run, X, k, "als-cg", inner)
        check = partial(as_near, truth)
        yield Case(name, ours, partial(run, X, k, "als", 1), check, "als, exact", bar=None if quick else 4.0)
    train, i, j, values = split()
    for k in (5,) if quick else (20, 50):
        ours = partial(ratings, train, k)
        name = f"MovieLens ratings, k = {k}"
        yield Case(name, ours, partial(surprise, train, k), partial(errors, i, j, values), f"{surprise_version()}, SVD")

    X = planted(m, n, 10, 0.15)[0]
    for solver, bar in (("als-cg", 1.3), ("als", None)):

        def of_rank(k, solver=solver):
            return partial(run, X, k, solver, 3, 5)

        yield Growth(f"rank k, {solver}", [16, 32] if quick else [16, 32, 48, 64, 96], of_rank, bar=bar)


def planted(m, n, k, share):
    rng = np.random.default_rng(1)
    U, V = rng.standard_normal((m, k)), rng.standard_normal((n, k))
    i, j = np.nonzero(rng.random((m, n)) < share)
    return sp.csr_array((np.einsum("ij,ij->i", U[i], V[j]), (i, j)), shape=(m, n)), U @ V.T


def run(X, k, solver, n_inner_iter, max_iter=20):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return complete(X, k, solver=solver, n_inner_iter=n_inner_iter, max_iter=max_iter, tol=0, random_state=0)


def as_near(truth, ours, peer):
    near = [np.linalg.norm(f.row_factors @ f.column_factors.T - truth) / np.linalg.norm(truth) for f in (ours, peer)]
    assert near[0] <= 3 * near[1] + 1e-12, f"relative errors {near[0]:.1e} and {near[1]:.1e}"
    return f"relative errors {near[0]:.0e} and {near[1]:.0e}"


def split():
    X = sp.coo_array(load_movielens())
    test = np.random.default_rng(0).random(X.nnz) < 0.1
    i, j = X.coords
    return sp.csr_array((X.data[~test], (i[~test], j[~test])), shape=X.shape), i[test], j[test], X.data[test]


def ratings(train, k):
    return MatrixCompletion(k, alpha=0.15, random_state=0, n_jobs=1).fit(train).predict_entries


def surprise_version():
    try:
        return versioned("scikit-surprise")
    except ImportError:
        return "scikit-surprise"


def surprise(train, k):
    versioned("scikit-surprise")
    from surprise import SVD
    from surprise.trainset import Trainset

    X = sp.coo_array(train)
    by_user, by_film = {u: [] for u in range(X.shape[0])}, {f: [] for f in range(X.shape[1])}
    for u, f, stars in zip(*X.coords, X.data, strict=True):
        by_user[u].append((f, stars))
        by_film[f].append((u, stars))
    given = Trainset(by_user, by_film, *X.shape, X.nnz, (0.5, 5), {}, {})
    model = SVD(n_factors=k, random_state=0).fit(given)
    return lambda i, j: given.global_mean + model.bu[i] + model.bi[j] + np.einsum("ij,ij->i", model.pu[i], model.qi[j])


def errors(i, j, values, ours, peer):
    found = [float(np.sqrt(np.mean((predict(i, j) - values) ** 2))) for predict in (ours, peer)]
    assert found[0] <= found[1] + 0.005, f"errors {found[0]:.4f} and {found[1]:.4f} stars"
    return f"errors {found[0]:.4f} and {found[1]:.4f} stars"
