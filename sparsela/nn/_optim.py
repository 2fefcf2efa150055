"""Solvers and schedules: one fused pass over the weights a step, with velocities that live beside the weights."""

from __future__ import annotations

import math

import numpy as np

from sparsela._core.threads import effective_n_jobs
from sparsela._ext import train

SOLVERS = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2}  # velocities a weight
SCHEDULES = ("constant", "multistep", "cosine")


class Solver:
    """Update rule of flat arrays of weights, all of one network at the same step.

    Use it as ``state = solver.state(w)`` once for each array of parameters, then in each step ``solver.begin(rate)``
    once and ``solver.update(w, g, state, decay)`` for each array: w and the state change in place, g does not. Arrays
    are contiguous, float32 or float64, of any shape (``reshape(-1)`` must be a view), w and g of one dtype.

    Parameters
    ----------
    name : {"sgd", "momentum", "nesterov", "adam"}
        Rule.
    momentum : float, default=0.9
        μ of momentum and nesterov.
    beta_1, beta_2, epsilon : float
        Of adam.
    decoupled : bool, default=False
        Whether decay shrinks the weights themselves, ``w ← (1 − decay) w`` before the step, instead of the gradient.

    Notes
    -----
    With ``G = g + decay · w``: sgd ``w − η G``; momentum ``v ← μ v − η G, w + v``; nesterov the same velocity, then
    ``w + μ v − η G``; adam with η corrected for the bias of its means, as scikit-learn has it. Velocities below 1e-30
    become zero: denormal numbers are slow. One pass, O(n), nothing allocated.
    """

    def __init__(self, name, *, momentum=0.9, beta_1=0.9, beta_2=0.999, epsilon=1e-8, decoupled=False):
        self.name = name
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.decoupled = decoupled
        self.n_steps = 0
        self.rate = 0.0

    def state(self, w: np.ndarray) -> tuple[np.ndarray, ...]:
        """Velocities of w at the start: zeros, flat, none for sgd and two for adam."""
        return tuple(np.zeros(w.size, w.dtype) for _ in range(SOLVERS[self.name]))

    def begin(self, rate: float) -> None:
        """Start a step with this learning rate."""
        self.n_steps += 1
        self.rate = rate
        if self.name == "adam":
            t = self.n_steps
            self.rate = rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)

    def update(self, w: np.ndarray, g: np.ndarray, state: tuple[np.ndarray, ...], decay: float = 0.0) -> None:
        """Move w by its gradient g, with ``decay · w`` added to it."""
        w, g, n_threads = w.reshape(-1), g.reshape(-1), effective_n_jobs()
        if self.decoupled and decay:
            w *= 1 - decay
            decay = 0.0
        if self.name == "sgd":
            train.sgd(w, g, self.rate, decay, n_threads)
        elif self.name == "adam":
            train.adam(w, g, *state, self.rate, decay, self.beta_1, self.beta_2, self.epsilon, n_threads)
        else:
            train.momentum(w, g, *state, self.rate, decay, self.momentum, self.name == "nesterov", n_threads)


def rate_factor(schedule: str, progress: float) -> float:
    """What the learning rate is multiplied by when a fraction `progress` of the steps is done.

    "multistep" is 1, then 0.1 from one half and 0.01 from three quarters on; "cosine" falls from 1 to 0.
    """
    if schedule == "multistep":
        return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return 1.0


def auto_rate(solver: str, density: float) -> float:
    """The learning rate of ``"auto"``: 1e-3 for adam, else min(0.1, 0.01 / √density): sparse layers want larger steps.

    >>> [round(auto_rate("nesterov", d), 3) for d in (1.0, 0.1, 0.05, 0.01)]
    [0.01, 0.032, 0.045, 0.1]
    """
    return 1e-3 if solver == "adam" else min(0.1, 0.01 / math.sqrt(density))


INITS = ("sparse_he", "sparse_xavier", "he", "xavier", "normal")


def initial_values(init: str, fan_in: np.ndarray, fan_out: float, shape: tuple[int, int], rng) -> np.ndarray:
    """Values of new weights, float64, each drawn for the number of stored inputs of its output.

    Parameters
    ----------
    init : {"sparse_he", "sparse_xavier", "he", "xavier", "normal"}
        Uniform in ±√(6 / f), f = the stored inputs, those and the mean stored outputs of an input, or the same of the
        dense layer; or normal with standard deviation 0.1.
    fan_in : ndarray of shape (n,)
        Stored inputs of the output of each weight.
    fan_out : float
        Mean number of stored outputs of an input.
    shape : (int, int)
        Outputs and inputs of the layer.
    rng : numpy Generator
        What draws.
    """
    if init == "normal":
        return 0.1 * rng.standard_normal(fan_in.size)
    fans = {
        "sparse_he": fan_in,
        "sparse_xavier": fan_in + fan_out,
        "he": np.full(fan_in.size, shape[1]),
        "xavier": np.full(fan_in.size, sum(shape)),
    }
    return rng.uniform(-1, 1, fan_in.size) * np.sqrt(6 / fans[init])
