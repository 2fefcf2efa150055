"""The solvers by their names: one number of non-zeros, or all of a list over one design."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sparsela._core.operators import as_operator
from sparsela._core.penalties import Penalty
from sparsela.recovery._adaptive import adaptive_nst_ht_fb
from sparsela.recovery._fista import fista
from sparsela.recovery._nst import nst_ht_fb, nst_path
from sparsela.recovery._omp import omp
from sparsela.recovery._pareto import bpdn
from sparsela.recovery._pursuits import cosamp, subspace_pursuit
from sparsela.recovery._reweighted import irls, reweighted_l1
from sparsela.recovery._sbl import sbl
from sparsela.recovery._thresholding import htp, iht, niht

SIZED = {"nst": nst_ht_fb, "htp": htp, "niht": niht, "iht": iht, "cosamp": cosamp, "sp": subspace_pursuit}
PATH_SOLVERS = ("adaptive_nst", "omp", *SIZED)
CONVEX = ("fista", "bpdn")
PLAIN = ("reweighted_l1", "irls", "sbl")
SOLVERS = (*PATH_SOLVERS, *CONVEX, *PLAIN)


class PositiveL1(Penalty):
    """``alpha ‖x‖₁`` on ``x ≥ 0``, infinite elsewhere."""

    is_convex = True

    def _value(self, s, alpha):
        return alpha * float(s.sum())

    def _prox(self, z, step, alpha, out):
        return np.maximum(z - step * alpha, 0, out=out)


def solve(model: Any, A: Any, y: np.ndarray, k: int):
    """Run a regressor's solver on a design of unit columns: a RecoveryResult."""
    options = dict(model.solver_options or {})
    if "normalize" in options:
        raise ValueError("solver_options must not hold 'normalize': the estimator brings the columns to norm 1 itself")
    if model.max_iter is not None:
        options["max_iter"] = model.max_iter
    name = model.solver
    if name == "omp":
        options.pop("max_iter", None)
        return _quiet(omp, A, y, k, normalize=False, **options)
    options["tol"] = model.tol
    if name == "adaptive_nst":
        return adaptive_nst_ht_fb(A, y, **{"max_nonzero": k, **options})
    if name in SIZED:
        if name != "nst":
            options["normalize"] = False
        return SIZED[name](A, y, k, **options)
    if name == "fista":
        alpha = model.alpha
        if alpha is None:
            alpha = 0.1 * float(np.abs(as_operator(A).rmatvec(y)).max())
        return fista(A, y, alpha, penalty=PositiveL1() if model.positive else "l1", **options)
    if name == "bpdn":
        if y.ndim == 2 and model.alpha is None:
            raise ValueError("solver='bpdn' with many targets needs alpha, the bound on the residual norm")
        return bpdn(A, y, 0.1 * float(np.linalg.norm(y)) if model.alpha is None else model.alpha, **options)
    return {"reweighted_l1": reweighted_l1, "irls": irls, "sbl": sbl}[name](A, y, **options)


def solve_path(model: Any, A: Any, y: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The solutions for increasing numbers of non-zeros, (n_features, n_sizes)."""
    X = np.zeros((A.shape[1], len(sizes)), y.dtype)
    options = {"tol": model.tol} | ({} if model.max_iter is None else {"max_iter": model.max_iter})
    if model.solver == "omp":
        path = _quiet(omp, A, y, sizes[-1], normalize=False, return_path=True).x
        for i, k in enumerate(sizes):
            X[:, i] = path[:, min(k, path.shape[1]) - 1] if path.shape[1] else 0
        return X
    if model.solver == "adaptive_nst":
        return _grown(A, y, sizes, X, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fold that stops early still has a score
        if model.solver == "nst":
            return nst_path(A, y, sizes, **options)
        x0 = None
        for i, k in enumerate(sizes):
            x0 = SIZED[model.solver](A, y, k, x0=x0, normalize=False, **options).x
            X[:, i] = x0
    return X


def _grown(A: Any, y: np.ndarray, sizes: list[int], X: np.ndarray, options: dict) -> np.ndarray:
    """The sizes that one adaptive run passes through; beyond its end its last solution."""
    place = {}
    for i, k in enumerate(sizes):
        place.setdefault(k, []).append(i)

    def take(state):
        for i in place.get(state.support.size, ()):
            X[state.support, i] = state.coefs
            done[i] = True

    done = np.zeros(len(sizes), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        last = adaptive_nst_ht_fb(A, y, max_nonzero=sizes[-1], callback=take, **options).x
    X[:, ~done] = last[:, None]
    return X


def _quiet(solver, *arguments, **keywords):
    """A path that ends early, since the columns that are left are dependent, is what there is to have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return solver(*arguments, **keywords)
