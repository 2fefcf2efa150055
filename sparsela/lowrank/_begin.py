"""The factors that an updated SVD begins with: of a matrix, or of blocks of rows on many machines, merged in a tree."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy.linalg import svd
from scipy.sparse import issparse
from scipy.sparse.linalg import svds
from sklearn.base import clone

from sparsela._core.row_blocks import RowBlocks, in_tree
from sparsela._core.threads import one_blas_thread
from sparsela._core.validation import check_matrix, check_vector
from sparsela.lowrank._models import ExplicitSVD, ImplicitSVD, Scheme
from sparsela.lowrank._randomized import largest_positive, randomized_svd
from sparsela.lowrank._update import check_factors


def factorized(X: Any, rank: int, init: str, tol: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U, s and Vᵀ of X to this rank, by the method `init`."""
    if init == "block-krylov":
        found = randomized_svd(X, rank, tol=tol, random_state=seed)
        return found.U, found.s, found.Vt
    if init == "lapack":
        U, s, Vt = svd(X.toarray() if issparse(X) else X, full_matrices=False, check_finite=False)
        return largest_positive(U[:, :rank], s[:rank], Vt[:rank])
    if rank >= min(X.shape):
        raise ValueError(
            f"init={init!r} must have n_components below both sides of the data {X.shape}, got {rank}: use 'lapack' or "
            "'block-krylov'"
        )
    U, s, Vt = svds(X, rank, tol=tol, solver=init, rng=np.random.default_rng(seed))
    return largest_positive(U[:, ::-1], s[::-1], Vt[::-1])


def given(U: Any, s: Any, Vt: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A user's factorization, checked, of one dtype, singular values descending."""
    U, Vt = check_matrix(U, "U"), check_matrix(Vt, "Vt")
    s = check_vector(s, "s", size=U.shape[1])
    check_factors(U, s, Vt)
    order, dtype = np.argsort(-s, kind="stable"), np.result_type(U, Vt)
    return U[:, order].astype(dtype), s[order].astype(dtype), Vt[order].astype(dtype)


def svd_model(params: Any, U: np.ndarray, s: np.ndarray, Vt: np.ndarray) -> ImplicitSVD | ExplicitSVD:
    """The factors as the estimator `params` keeps them."""
    augmentation = {"fast": params.augmentation, "zha-simon": "full", "vecharynski-saad": "gkl"}[params.method]
    scheme = Scheme(params.n_components, augmentation, params.n_augment, params.n_power_iter, params.rank_tol)
    V = np.ascontiguousarray(Vt.T)
    with one_blas_thread():
        if params.method != "fast":
            return ExplicitSVD(U, s, V, scheme)
        spare = params.n_components if params.spare == "auto" else params.spare
        return ImplicitSVD(U, s, V, scheme, spare, params.max_condition)


def of_blocks(X: Any, model: Any, seed: int) -> Any:
    """A model with the parameters of `model`, fitted to the blocks of a Dask collection where they lie, and merged."""
    start = clone(model).set_params(decay=1.0)  # blocks of one update are of one age
    total = in_tree(RowBlocks(X, "X").map(_fitted, start, seed), _merged)
    if total is None:
        raise ValueError("X must have at least one row, got none")
    return total.set_params(decay=model.decay)


def check_mergeable(model: Any, other: Any) -> None:
    if other.n_features_in_ != model.n_features_in_:
        raise ValueError(
            f"models must have seen equal features to be merged, got {model.n_features_in_} and {other.n_features_in_}"
        )
    mine, yours = model._model.right.dtype, other._model.right.dtype
    if mine != yours:
        raise TypeError(f"models must have equal dtypes to be merged, got {mine} and {yours}")


def _fitted(block, start, seed):
    """The model of one block; None of an empty one."""
    return clone(start)._fit(block, seed) if block.shape[0] else None


def _merged(models):
    """One model of blocks that follow one another."""
    models = [model for model in models if model is not None]
    if len(models) < 2:
        return models[0] if models else None
    total = copy.deepcopy(models[0])  # what a worker holds may be asked for again
    for model in models[1:]:
        total.merge(model)
    return total
