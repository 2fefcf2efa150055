"""The course of a fit: epochs, batches, learning rate, updates of the topology, when to stop."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from sparsela._core.threads import one_blas_thread
from sparsela.nn._growth import DenseGradient
from sparsela.nn._mlp import Trainer
from sparsela.nn._optim import Solver, rate_factor


class Plan(NamedTuple):
    """How fast and how long: what turns a step number into a learning rate and a topology update."""

    rate: float
    schedule: str
    steps_per_epoch: int
    total_steps: int
    topology: Any


class Course(NamedTuple):
    """Where a training stands between two calls: what pickling and ``partial_fit`` carry on."""

    solver: Solver
    state: tuple
    step: int
    plan: Plan
    rng: np.random.Generator
    allotted: list[int]


class Recorder:
    """The last batches that a topology wants to see: copies where there are several, views of one."""

    def __init__(self, topology, plan: Plan):
        self.topology, self.plan = topology, plan
        self.window = topology.window
        self.batches: deque = deque(maxlen=max(1, self.window))

    def see(self, trainer: Trainer, step: int, batch: int) -> None:
        if self.window == 1 and self.due(step):
            self.batches.append(trainer.gradients(batch))
        elif self.window > 1 and any(self.due(step + ahead) for ahead in range(self.window)):
            self.batches.append([(dZ.copy(), X.copy()) for dZ, X in trainer.gradients(batch)])

    def due(self, step: int) -> bool:
        return self.topology.due(step, self.plan.steps_per_epoch, self.plan.total_steps)

    def gradients(self, n_layers: int) -> list[DenseGradient | None]:
        if not self.batches:
            return [None] * n_layers
        if len(self.batches) == 1:
            return [DenseGradient(dZ, X) for dZ, X in self.batches[0]]
        layers = zip(*self.batches, strict=True)
        return [DenseGradient(*(np.hstack(side) for side in zip(*pairs, strict=True))) for pairs in layers]


def run_epoch(
    trainer: Trainer, plan: Plan, X, target, weights, *, step, batch_size, shuffle, history
) -> tuple[float, int]:
    """One pass over the rows of X.

    Parameters
    ----------
    trainer : Trainer
        The network in training.
    plan : Plan
        Rates and topology.
    X : ndarray or csr_array of shape (n, d)
        Rows.
    target : ndarray of shape (n,) or (n, n_outputs)
        Class numbers, or values.
    weights : ndarray of shape (n,) or None
        Of the rows.
    step : int
        Steps taken before.
    batch_size : int
        Rows a step.
    shuffle : bool
        Whether the order is drawn.
    history : list
        Takes (step, records) of topology updates.

    Returns
    -------
    loss : float
        Mean over the rows, of each batch as it was before its step.
    step : int
        Steps taken after.
    """
    n, layers = X.shape[0], trainer.network.layers
    order = trainer.rng.permutation(n) if shuffle else np.arange(n)
    recorder = None if plan.topology is None else Recorder(plan.topology, plan)
    loss = 0.0
    with one_blas_thread():  # threads are the kernels' own, and sums do not depend on their number
        for start in range(0, n, batch_size):
            ids = order[start : start + batch_size]
            rate = plan.rate * rate_factor(plan.schedule, step / plan.total_steps)
            step += 1
            w = None if weights is None else weights[ids]
            loss += trainer.step(X, ids, target[ids].T, w, rate) * ids.size
            if recorder is None:
                continue
            recorder.see(trainer, step, ids.size)
            if recorder.due(step):
                grads = recorder.gradients(len(layers))
                history.append((step, plan.topology.update(layers, grads, step, plan.total_steps, trainer.rng)))
    return loss / n, step


class Stopping:
    """When a training has stopped improving: by its loss, or by a score on rows held out."""

    def __init__(self, tol: float, patience: int, best_loss: float = np.inf):
        self.tol, self.patience, self.idle = tol, patience, 0
        self.best_loss, self.best_score = best_loss, -np.inf

    def by_loss(self, loss: float) -> bool:
        self.idle = self.idle + 1 if loss > self.best_loss - self.tol else 0
        self.best_loss = min(self.best_loss, loss)
        return self.idle > self.patience

    def by_score(self, score: float) -> tuple[bool, bool]:
        """(stop, best so far)."""
        self.idle = self.idle + 1 if score < self.best_score + self.tol else 0
        best = score > self.best_score
        self.best_score = max(self.best_score, score)
        return self.idle > self.patience, best
