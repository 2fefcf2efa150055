"""Compare dictionaries: which learned atom is which true one, how many were found, how alike atoms are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparsela._core.validation import check_positive
from sparsela.coding._inputs import check_no_zero_atom, check_real, row_norms

BLOCK = 1 << 21  # cosines held at a time (16 MB)


def match_atoms(D_true, D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair each true atom with a learned atom of its own, up to sign.

    Parameters
    ----------
    D_true : array of shape (n_true, n_features)
        Atoms to be found, one a row, of any norm but zero.
    D : array of shape (n_components, n_features)
        Atoms that were learned.

    Returns
    -------
    permutation : intp ndarray of shape (n_true,)
        ``D[permutation[i]]`` is the partner of ``D_true[i]``; -1 where there are fewer learned atoms than true ones and
        i is left without.
    signs : ndarray of shape (n_true,)
        1 or -1: ``signs[:, None] * D[permutation]`` points the way of D_true; 0 for an atom without partner.
    cosines : ndarray of shape (n_true,)
        Moduli of the cosines between partners, at most 1; 0 for an atom without partner.

    Raises
    ------
    ValueError
        If a dictionary is empty, not finite or has a zero atom, or if their widths differ.

    Notes
    -----
    The pairs maximise the sum of the ``|cos|``: an assignment problem, O(n_true² · n_components) at worst, on the full
    matrix of cosines. Where only the best partner of each atom counts, :func:`recovery_rate` and
    :func:`recovery_distance` need neither.

    References
    ----------
    D. F. Crouse. On implementing 2D rectangular assignment algorithms. IEEE Transactions on Aerospace and Electronic
    Systems, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import match_atoms
    >>> D_true = np.eye(3)
    >>> permutation, signs, cosines = match_atoms(D_true, -D_true[[2, 0, 1]])
    >>> permutation
    array([1, 2, 0])
    >>> signs
    array([-1., -1., -1.])
    >>> cosines
    array([1., 1., 1.])
    """
    D_true, D = unit_pair(D_true, D)
    C = D_true @ D.T
    rows, columns = linear_sum_assignment(np.abs(C), maximize=True)
    permutation = np.full(len(D_true), -1, np.intp)
    signs, cosines = np.zeros(len(D_true)), np.zeros(len(D_true))
    permutation[rows] = columns
    paired = C[rows, columns]
    signs[rows] = np.where(paired < 0, -1.0, 1.0)
    cosines[rows] = np.minimum(np.abs(paired), 1)
    return permutation, signs, cosines


def recovery_rate(D_true, D, threshold: float = 0.01) -> float:
    """Share of the true atoms that some learned atom is close to, up to sign.

    Parameters
    ----------
    D_true : array of shape (n_true, n_features)
        Atoms to be found, one a row, of any norm but zero.
    D : array of shape (n_components, n_features)
        Atoms that were learned.
    threshold : float, default=0.01
        An atom is found if ``1 − max |cos|`` over the learned atoms is below this.

    Returns
    -------
    float
        Between 0 and 1. Two true atoms may be found in one learned atom.

    Raises
    ------
    ValueError
        If a dictionary is empty, not finite or has a zero atom, if their widths differ, or if `threshold` is not
        positive.

    Notes
    -----
    O(n_true · n_components · n_features) operations, the cosines a block at a time.

    References
    ----------
    M. Aharon, M. Elad, A. Bruckstein. K-SVD: An Algorithm for Designing Overcomplete Dictionaries for Sparse
    Representation. IEEE Transactions on Signal Processing, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import recovery_rate
    >>> recovery_rate(np.eye(4), [[0.0, -2.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    0.25
    """
    threshold = check_positive(threshold, "threshold")
    return float(np.mean(1 - best_cosines(*unit_pair(D_true, D)) < threshold))


def recovery_distance(D_true, D) -> float:
    """Mean distance of the true atoms from the learned atoms nearest to them, up to sign.

    Parameters
    ----------
    D_true : array of shape (n_true, n_features)
        Atoms to be found, one a row, of any norm but zero.
    D : array of shape (n_components, n_features)
        Atoms that were learned.

    Returns
    -------
    float
        Mean over the true atoms of ``1 − max |cos|`` over the learned ones: 0 where all were found, at most 1.

    Raises
    ------
    ValueError
        If a dictionary is empty, not finite or has a zero atom, or if their widths differ.

    Notes
    -----
    O(n_true · n_components · n_features) operations, the cosines a block at a time. More learned atoms can only lower
    it: compare dictionaries of one size.

    References
    ----------
    M. Chidambaram, C. Wu, Y. Cheng, R. Ge. Hiding Data Helps: On the Benefits of Masking for Sparse Coding. ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.dictionary import recovery_distance
    >>> recovery_distance(np.eye(2), [[0.0, -2.0], [0.6, 0.8]])
    0.2
    """
    return float(np.mean(1 - best_cosines(*unit_pair(D_true, D))))


def mutual_coherence(D) -> float:
    """Largest modulus of the cosine between two atoms of a dictionary.

    Parameters
    ----------
    D : array of shape (n_components, n_features)
        Atoms, one a row, of any norm but zero.

    Returns
    -------
    float
        Between 0 (orthogonal atoms, or a single one) and 1 (two atoms on one line).

    Raises
    ------
    ValueError
        If D is empty, not finite or has a zero atom.

    Notes
    -----
    ``μ = max_{i ≠ j} |d_i · d_j| / (‖d_i‖ ‖d_j‖)``. A k-sparse code with ``k < (1 + 1/μ) / 2`` is the only one so
    sparse, and matching pursuit finds it. O(n_components² · n_features) operations, the cosines a block at a time.

    References
    ----------
    D. L. Donoho, X. Huo. Uncertainty principles and ideal atomic decomposition. IEEE Transactions on Information
    Theory, 2001.

    J. A. Tropp. Greed is good: algorithmic results for sparse approximation. IEEE Transactions on Information Theory,
    2004.

    Examples
    --------
    >>> from sparsela.dictionary import mutual_coherence
    >>> mutual_coherence([[1.0, 0.0], [0.0, 1.0], [-3.0, -4.0]])
    0.8
    """
    D = unit_rows(D, "D")
    largest = 0.0
    for rows in blocks(len(D), len(D)):
        C = np.abs(D[rows] @ D[rows.start :].T)
        np.fill_diagonal(C, 0)
        largest = max(largest, C.max())
    return float(min(largest, 1))


def best_cosines(D_true: np.ndarray, D: np.ndarray) -> np.ndarray:
    """For each unit row of D_true the largest |cos| with a unit row of D, at most 1."""
    best = np.empty(len(D_true))
    for rows in blocks(len(D_true), len(D)):
        np.abs(D_true[rows] @ D.T).max(axis=1, out=best[rows])
    return np.minimum(best, 1)


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Slices of the rows whose cosines with all columns fill a block at most."""
    size = max(1, BLOCK // n_columns)
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def unit_pair(D_true, D) -> tuple[np.ndarray, np.ndarray]:
    """Both dictionaries, checked, of one width, with unit rows."""
    D_true, D = unit_rows(D_true, "D_true"), unit_rows(D, "D")
    if D_true.shape[1] != D.shape[1]:
        raise ValueError(
            f"D_true has atoms of {D_true.shape[1]} features and D of {D.shape[1]}; they must be of one length"
        )
    return D_true, D


def unit_rows(D, name: str) -> np.ndarray:
    """The atoms with unit norm in float64, so that a cosine near 1 is exact to 1e-15."""
    D = check_real(D, name)
    return D / check_no_zero_atom(row_norms(D), name)[:, None]
