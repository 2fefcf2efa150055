"""What a factorization returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import scipy.sparse as sp

from sparsela._core.results import Result

if TYPE_CHECKING:
    from sparsela.transforms._operator import FactorizedOperator


@dataclass(frozen=True, repr=False, eq=False)
class FactorizationResult(Result):
    """A matrix written as a product of sparse factors, and how it was reached.

    Attributes
    ----------
    operator : FactorizedOperator
        The product ``λ S_1 S_2 … S_J``.
    support : tuple of csr_array of bool
        The pattern of each factor.
    n_iter : int
        Iterations done (sweeps over the factors, where the method sweeps).
    converged : bool
        Whether the stopping rule of the method was met.
    residual_norm : float
        ``‖A − λ S_1 … S_J‖_F``, computed from the operator that is returned.
    history : dict of equally long ndarrays, list of such dicts, or None
        The course of the iteration; None unless asked for with ``return_history=True``.
    relative_error : float
        ``residual_norm / ‖A‖_F``.

    Examples
    --------
    >>> from scipy.linalg import hadamard
    >>> from sparsela.transforms import hierarchical_factorization
    >>> result = hierarchical_factorization(hadamard(16), preset="hadamard")
    >>> result.operator.n_factors, result.operator.nnz
    (4, 128)
    >>> result.relative_error < 1e-6
    True
    """

    operator: FactorizedOperator
    support: tuple[sp.csr_array, ...]
    n_iter: int
    converged: bool
    residual_norm: float
    history: dict[str, Any] | list[dict[str, Any]] | None = None
    relative_error: float = float("nan")


def supports_of(operator: FactorizedOperator) -> tuple[sp.csr_array, ...]:
    """The patterns of the factors of an operator."""
    return tuple((csr != 0).tocsr() for csr in operator.factors_as("csr"))
