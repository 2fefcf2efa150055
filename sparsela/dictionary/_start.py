"""The atoms that a learner starts from."""

from __future__ import annotations

import numpy as np
from scipy.linalg import svd
from sklearn.cluster import kmeans_plusplus
from sklearn.utils.validation import check_array

from sparsela.coding._inputs import check_no_zero_atom, row_norms

STARTS = ("data", "svd", "kmeans++")
ZERO_ROW = 1e-12  # rows of a smaller norm have no direction


def initial_atoms(X: np.ndarray, n_components: int, dict_init, rng: np.random.RandomState) -> np.ndarray:
    """Unit rows (n_components, n_features) in the type of X: samples, singular vectors, k-means++ seeds, or given."""
    if not isinstance(dict_init, str):
        D = check_array(dict_init, dtype=X.dtype, copy=True, order="C", input_name="dict_init")
        if D.shape != (n_components, X.shape[1]):
            raise ValueError(
                f"dict_init must have shape (n_components, n_features) = ({n_components}, {X.shape[1]}), got {D.shape}"
            )
        return normalise(D, check_no_zero_atom(row_norms(D)))
    if dict_init not in STARTS:
        raise ValueError(f"dict_init must be one of {STARTS} or an array, got {dict_init!r}")
    if dict_init == "svd":
        D = svd(X, full_matrices=False)[2][:n_components]
        return fill(D, n_components, rng)
    norms = row_norms(X)
    usable = np.flatnonzero(norms > ZERO_ROW)
    if usable.size < n_components:
        raise ValueError(
            f"dict_init={dict_init!r} takes n_components={n_components} distinct samples that are not zero, and X has "
            f"n_samples={X.shape[0]}, {usable.size} of them not zero; give fewer components or another dict_init"
        )
    if dict_init == "data":
        chosen = rng.choice(usable, n_components, replace=False)
    else:
        unit = X[usable] / norms[usable, None].astype(X.dtype)
        chosen = usable[kmeans_plusplus(unit, n_components, random_state=rng)[1]]
    return normalise(np.ascontiguousarray(X[chosen]), norms[chosen])


def normalise(D: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """D with its rows divided by the norms, in the type of D."""
    return (D / norms[:, None]).astype(D.dtype)


def fill(D: np.ndarray, n_components: int, rng: np.random.RandomState) -> np.ndarray:
    """D with random unit rows appended up to n_components."""
    missing = n_components - D.shape[0]
    if missing <= 0:
        return np.ascontiguousarray(D)
    extra = rng.normal(size=(missing, D.shape[1])).astype(D.dtype)
    return np.vstack([D, normalise(extra, row_norms(extra))])


def orient(D: np.ndarray) -> np.ndarray:
    """±1 for each atom: the sign that makes its entry of largest modulus positive."""
    peak = np.take_along_axis(D, np.abs(D).argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(peak < 0, -1.0, 1.0).astype(D.dtype)
