"""Activations of hidden layers, forward and backward, on feature-major arrays."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.special import expit

from sparsela._core.threads import effective_n_jobs
from sparsela._ext import train

NAMES = ("relu", "all_relu", "srelu", "leaky_relu", "tanh", "logistic", "identity", "relu2")
ALL_RELU_SLOPE = 0.6
LEAKY_SLOPE = 0.01


class Activation:
    """One elementwise function φ of a hidden layer.

    ``apply(Z, A)`` writes φ(Z) to A, which is Z itself where `in_place`: the derivative is then known from the output.
    ``chain(D, Z, A, sums)`` multiplies D by φ′ and sums its rows.
    """

    in_place = True
    fused = False  # whether spmm has it in its own pass

    def __init__(self, name: str, kind: int, slope: float = 0.0):
        self.name, self.kind, self.slope = name, kind, slope
        self.fused = name == "relu"
        self.in_place = slope >= 0  # a negative slope hides the sign of what came in

    def apply(self, Z: np.ndarray, A: np.ndarray) -> None:
        if self.kind == train.SLOPE:
            if A is not Z:
                np.copyto(A, Z)
            train.slope(A, self.slope, effective_n_jobs())
        elif self.kind == train.RELU2:
            train.relu2(A, effective_n_jobs())
        elif self.kind == train.TANH:
            np.tanh(Z, out=A)
        elif self.kind == train.LOGISTIC:
            expit(Z, out=A)
        elif self.kind == train.RELU and not self.fused:
            np.maximum(Z, 0, out=A)

    def chain(self, D: np.ndarray, Z: np.ndarray, A: np.ndarray, sums: np.ndarray) -> None:
        train.chain(D, A if self.in_place else Z, self.kind, self.slope, sums, effective_n_jobs())


class SReLU(Activation):
    """S-shaped: straight lines with trained slopes outside two trained thresholds of each unit, x between them.

    ``parameters`` (n, 4) holds t_l, a_l, t_r, a_r of each unit, ``gradient`` what :meth:`chain` left.
    """

    in_place = False

    def __init__(self, parameters: np.ndarray):
        self.name = "srelu"
        self.parameters = parameters
        self.gradient = np.zeros_like(parameters)

    @classmethod
    def of_size(cls, n: int, dtype) -> SReLU:
        return cls(np.tile(np.array([0, 0, 1, 0], dtype), (n, 1)))

    def apply(self, Z, A):
        train.srelu(Z, A, self.parameters, effective_n_jobs())

    def chain(self, D, Z, A, sums):
        train.srelu_chain(D, Z, self.parameters, self.gradient, sums, effective_n_jobs())

    def project(self) -> None:
        """Keep t_l ≤ t_r: where they have crossed, both become their mean."""
        low, high = self.parameters[:, 0], self.parameters[:, 2]
        crossed = low > high
        if crossed.any():
            low[crossed] = high[crossed] = 0.5 * (low[crossed] + high[crossed])


def parse(activation, widths, dtype) -> list[Activation]:
    """The activations of hidden layers of these widths, from one name for all or one for each.

    A name may come with its slope, as ``("all_relu", 0.6)``.
    """
    one_for_all = isinstance(activation, str) or (
        isinstance(activation, tuple) and len(activation) == 2 and isinstance(activation[1], Real)
    )
    given = [activation] * len(widths) if one_for_all else list(activation)
    if len(given) != len(widths):
        raise ValueError(f"activation must be one name or {len(widths)}, one a hidden layer, got {activation!r}")
    return [_make(one, number, width, dtype) for number, (one, width) in enumerate(zip(given, widths, strict=True), 1)]


def _make(given, number: int, width: int, dtype) -> Activation:
    name, slope = (given, None) if isinstance(given, str) else given
    if name not in NAMES:
        raise ValueError(f"activation must be one of {NAMES}, got {name!r}")
    if slope is not None and (name not in ("all_relu", "leaky_relu") or not 0 <= slope <= 1):
        raise ValueError(f"a slope in [0, 1] goes with all_relu or leaky_relu, got {given!r}")
    if name == "srelu":
        return SReLU.of_size(width, dtype)
    if name == "all_relu":
        slope = ALL_RELU_SLOPE if slope is None else slope
        return Activation(name, train.SLOPE, -slope if number % 2 else slope)
    if name == "leaky_relu":
        return Activation(name, train.SLOPE, LEAKY_SLOPE if slope is None else slope)
    kinds = {"relu": "RELU", "tanh": "TANH", "logistic": "LOGISTIC", "identity": "IDENTITY", "relu2": "RELU2"}
    return Activation(name, getattr(train, kinds[name]))
