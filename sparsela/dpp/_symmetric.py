"""Elementary symmetric polynomials by logarithms, and what they decide: which eigenvectors, and how many."""

from __future__ import annotations

import numpy as np

from sparsela._core.validation import check_count, check_vector


def elementary_symmetric_polynomials(lam, k, log=True) -> np.ndarray:
    """The elementary symmetric polynomials of orders 0 to k: e_j is the sum of all products of j of the numbers.

    Parameters
    ----------
    lam : array_like of shape (n,)
        Numbers of at least 0, such as the eigenvalues of a likelihood kernel.
    k : int
        The highest order, from 0 to n.
    log : bool, default=True
        Whether to return logarithms: the polynomials themselves soon leave the range of floating point.

    Returns
    -------
    ndarray of shape (k + 1,)
        ``log e_0, …, log e_k`` (−inf where ``e_j = 0``), or ``e_0, …, e_k``.

    Raises
    ------
    ValueError, TypeError
        If lam is empty, negative or not finite, or k is out of range.

    Notes
    -----
    ``e_j(λ_1 … λ_i) = e_j(λ_1 … λ_{i−1}) + λ_i e_{j−1}(λ_1 … λ_{i−1})``, all terms positive: no cancellation at any
    range of lam. O(n k).

    References
    ----------
    A. Kulesza, B. Taskar. k-DPPs: Fixed-size determinantal point processes. ICML, 2011.

    Examples
    --------
    >>> from sparsela.dpp import elementary_symmetric_polynomials
    >>> elementary_symmetric_polynomials([1, 2, 3], 3, log=False).round(12)
    array([ 1.,  6., 11.,  6.])
    """
    lam = check_vector(lam, "lam").astype(np.float64)
    if lam.min() < 0:
        raise ValueError(f"lam must not be negative, got {lam.min():.3g}")
    k = check_count(k, "k", low=0, high=lam.size)
    log_e = _first_row(k)
    for x in log_of(lam):
        _add(log_e, x)
    return log_e if log else np.exp(log_e)


def log_of(lam: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(lam)


def log_table(log_lam: np.ndarray, k: int) -> np.ndarray:
    """Row i holds log e_0 … log e_k of the first i numbers, i = 0 … n."""
    table = np.empty((len(log_lam) + 1, k + 1))
    table[0] = _first_row(k)
    for i, x in enumerate(log_lam):
        table[i + 1] = table[i]
        _add(table[i + 1], x)
    return table


def chance_of_each(log_lam: np.ndarray, k: int) -> np.ndarray:
    """[i, l]: probability that number i is in, when l of the numbers 0 … i are to be, with weight the product."""
    table = log_table(log_lam, k)
    chance = np.zeros((len(log_lam), k + 1))
    with np.errstate(invalid="ignore"):  # −inf − (−inf): l numbers cannot be had, and this is never asked
        chance[:, 1:] = np.exp(log_lam[:, None] + table[:-1, :-1] - table[1:, 1:])
    return np.nan_to_num(chance, nan=1.0)


def chance_in(log_lam: np.ndarray, k: int) -> np.ndarray:
    """Probability that each number is among k chosen with weight their product: λ_j e_{k−1}(the others) / e_k."""
    before, after = log_table(log_lam, k), log_table(log_lam[::-1], k)[::-1]
    without = np.logaddexp.reduce(before[:-1, :k] + after[1:, k - 1 :: -1], axis=1)
    return np.exp(log_lam + without - before[-1, k])


def number_of_successes(p: np.ndarray) -> np.ndarray:
    """The law of the number of successes of independent trials of probabilities p (Poisson–binomial), O(n²)."""
    law = np.zeros(len(p) + 1)
    law[0] = 1
    for i, x in enumerate(p):
        law[1 : i + 2] = law[1 : i + 2] * (1 - x) + law[: i + 1] * x
        law[0] *= 1 - x
    return law


def _first_row(k: int) -> np.ndarray:
    row = np.full(k + 1, -np.inf)
    row[0] = 0
    return row


def _add(log_e: np.ndarray, x: float) -> None:
    log_e[1:] = np.logaddexp(log_e[1:], x + log_e[:-1])
