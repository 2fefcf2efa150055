"""The network: buffers, one training step, and prediction. Everything is feature-major inside; nothing is checked."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

from sparsela._core.sparse_backend import aligned_empty
from sparsela._core.threads import effective_n_jobs
from sparsela._ext import train
from sparsela.nn._activations import Activation, SReLU
from sparsela.nn._linear import SparseLinear
from sparsela.nn._optim import Solver

CHUNK = 512  # samples predicted at a time
LINE = 64  # bytes


class Network:
    """Sparse layers with activations between them and an output whose loss has the gradient (output − target).

    Parameters
    ----------
    layers : list of SparseLinear
        From the inputs on.
    activations : list of Activation
        Of the hidden layers.
    output : {"softmax", "logistic", "identity"}
        Of the last layer; the losses are log-loss, log-loss of each output, half squared error.
    """

    def __init__(self, layers: list[SparseLinear], activations: list[Activation], output: str):
        self.layers, self.activations, self.output = layers, activations, output
        self.dtype = layers[0].data.dtype

    def predict(self, X, raw: bool = False) -> np.ndarray:
        """Outputs, (n_samples, n_outputs), of dense or CSR rows, by chunks; `raw`: without the output activation."""
        n = X.shape[0]
        out = np.empty((n, self.layers[-1].n_out), self.dtype)
        if n == 1:  # one column needs no padding and no lanes
            column = X.toarray() if sp.issparse(X) else X
            out[0] = self._forward(np.ascontiguousarray(column.reshape(-1, 1)), raw)[:, 0]
            return out
        room = aligned_empty((self.layers[0].n_in, padded(min(n, CHUNK), self.dtype)), self.dtype)
        for start in range(0, n, CHUNK):
            ids = np.arange(start, min(n, start + CHUNK))
            A = room[:, : padded(ids.size, self.dtype)]
            load_batch(X, ids, A)
            out[ids] = self._forward(A, raw)[:, : ids.size].T
        return out

    def _forward(self, A: np.ndarray, raw: bool) -> np.ndarray:
        for layer, activation in zip(self.layers[:-1], self.activations, strict=True):
            Z = aligned_empty((layer.n_out, A.shape[1]), self.dtype)
            layer.multiply(A, Z, activation.fused)
            A = Z if activation.in_place else np.empty_like(Z)
            activation.apply(Z, A)
        Z = aligned_empty((self.layers[-1].n_out, A.shape[1]), self.dtype)
        self.layers[-1].multiply(A, Z)
        return Z if raw else apply_output(self.output, Z)


class Trainer:
    """What a fit adds to a network: buffers for a batch, velocities, one step.

    Parameters
    ----------
    network : Network
        Changed in place.
    solver : Solver
        Update rule.
    batch_size : int
        The largest batch.
    alpha : float
        Penalty.
    dropout : float
        Fraction of hidden units that a step leaves out.
    rng : numpy Generator
        For dropout.
    state : tuple, optional
        Of a trainer before.
    """

    def __init__(self, network, solver: Solver, *, batch_size, alpha, dropout, rng, state=None):
        self.network, self.solver, self.alpha, self.dropout, self.rng = network, solver, alpha, dropout, rng
        layers, dtype, width = network.layers, network.dtype, padded(batch_size, network.dtype)
        trained = [a for a in network.activations if isinstance(a, SReLU)]
        weights, biases, others = state or (
            [solver.state(layer.data) for layer in layers],
            [solver.state(layer.bias) for layer in layers],
            [solver.state(a.parameters) for a in trained],
        )
        for layer, velocities in zip(layers, weights, strict=True):
            layer.state = velocities
        self.bias_state = biases
        self.trained = list(zip(trained, others, strict=True))
        self._X = aligned_empty((layers[0].n_in, width), dtype)
        self._Z = [aligned_empty((layer.n_out, width), dtype) for layer in layers]
        hidden = list(zip(self._Z[:-1], network.activations, strict=True))
        self._A = [Z if a.in_place else np.empty_like(Z) for Z, a in hidden]
        self._H = [np.empty_like(A) for A in self._A] if dropout else self._A  # what the next layer is given
        self._M = [np.empty_like(A) for A in self._A] if dropout else []
        self._D = [aligned_empty(Z.shape, dtype) for Z, _ in hidden]
        self._db = [np.empty(layer.n_out, dtype) for layer in layers]
        self._g = [np.empty(layer.nnz, dtype) for layer in layers]
        self._views: dict[int, tuple] = {}

    @property
    def state(self) -> tuple:
        """Velocities of weights, biases and trained activations: what another trainer goes on from."""
        return [layer.state for layer in self.network.layers], self.bias_state, [state for _, state in self.trained]

    def step(self, X, ids: np.ndarray, target, weights, rate: float) -> float:
        """One step on rows `ids` of X; the loss of the batch, with its penalty, as it was before the step.

        target : of the batch, class numbers for softmax, else (n_outputs, batch). weights : of the batch, or None.
        """
        layers, activations, solver = self.network.layers, self.network.activations, self.solver
        A0, Z, A, H, D, M = self._at_width(padded(ids.size, self.network.dtype))
        load_batch(X, ids, A0)
        inputs = [A0, *H]
        for l, activation in enumerate(activations):
            layers[l].multiply(inputs[l], Z[l], activation.fused)
            activation.apply(Z[l], A[l])
            if self.dropout:
                self._drop(A[l], H[l], M[l])
        layers[-1].multiply(inputs[-1], Z[-1])

        total = ids.size if weights is None else weights.sum()
        if not total > 0:
            return 0.0  # a batch that does not count
        loss = output_gradient(self.network.output, Z[-1], ids.size, target, weights, total)
        decay = self.alpha if solver.decoupled else self.alpha / total
        loss += 0.5 * decay * sum(float(np.dot(layer.data, layer.data)) for layer in layers)

        delta = Z[-1]
        np.sum(delta, axis=1, out=self._db[-1])
        solver.begin(rate)
        for l in range(len(layers) - 1, -1, -1):
            layer = layers[l]
            if self._g[l].size != layer.nnz:
                self._g[l] = np.empty(layer.nnz, layer.data.dtype)
            layer.gradient(delta, inputs[l], self._g[l])
            if l > 0:
                below = D[l - 1]
                layer.multiply_transposed(delta, below)
                if self.dropout:
                    below *= M[l - 1]
                activations[l - 1].chain(below, Z[l - 1], A[l - 1], self._db[l - 1])
            solver.update(layer.data, self._g[l], layer.state, decay)
            solver.update(layer.bias, self._db[l], self.bias_state[l])
            if l > 0:
                delta = below
        for activation, state in self.trained:
            solver.update(activation.parameters, activation.gradient, state)
            activation.project()
        return loss

    def gradients(self, batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """(dZ, X) of each layer in the last step: the dense gradient of its weights is ``dZ Xᵀ``."""
        A0, Z, _, H, D, _ = self._at_width(padded(batch, self.network.dtype))
        return list(zip([*D, Z[-1]], [A0, *H], strict=True))

    def _at_width(self, width: int) -> tuple:
        if width not in self._views:
            cut = [[a[:, :width] for a in arrays] for arrays in (self._Z, self._A, self._H, self._D, self._M)]
            for l, activation in enumerate(self.network.activations):
                if activation.in_place:
                    cut[1][l] = cut[0][l]
            self._views[width] = (self._X[:, :width], *cut)
        return self._views[width]

    def _drop(self, A, H, keep) -> None:
        mask = self.rng.random(A.shape, np.float32) >= self.dropout
        np.multiply(mask, 1 / (1 - self.dropout), out=keep, casting="same_kind")
        np.multiply(A, keep, out=H)


def padded(batch: int, dtype) -> int:
    """The number of columns of a buffer: whole cache lines, so that rows begin on them and no lane is a tail."""
    lanes = LINE // np.dtype(dtype).itemsize
    return (batch + lanes - 1) // lanes * lanes


def load_batch(X, ids: np.ndarray, out: np.ndarray) -> None:
    """out = rows `ids` of X as columns, zeros behind them."""
    if sp.issparse(X):
        train.scatter(X.indptr, X.indices, X.data, ids, out)
    else:
        train.gather(X, ids, out, effective_n_jobs())


def apply_output(name: str, Z: np.ndarray) -> np.ndarray:
    """The output activation, in place."""
    if name == "softmax":
        Z -= Z.max(axis=0)
        np.exp(Z, out=Z)
        Z /= Z.sum(axis=0)
    elif name == "logistic":
        expit(Z, out=Z)
    return Z


def output_gradient(name: str, Z: np.ndarray, n: int, target, weights, total: float) -> float:
    """Replace Z by the gradient of the loss with respect to it, zero behind column n; the mean loss.

    The loss is softmax log-loss (target: class numbers), the sum over outputs of log-loss, or half the squared error.
    """
    Y = Z[:, :n]
    if name == "softmax":
        Y -= Y.max(axis=0)
        columns = np.arange(n)
        losses = -Y[target, columns]
        np.exp(Y, out=Y)
        sums = Y.sum(axis=0)
        losses += np.log(sums)
        Y /= sums
        Y[target, columns] -= 1
    elif name == "logistic":
        losses = (np.logaddexp(0, Y) - target * Y).sum(axis=0)
        expit(Y, out=Y)
        Y -= target
    else:
        Y -= target
        losses = 0.5 * np.einsum("ij,ij->j", Y, Y)
    if weights is None:
        Y *= 1 / total
        loss = losses.sum() / total
    else:
        Y *= weights / total
        loss = np.dot(losses, weights) / total
    Z[:, n:] = 0
    return float(loss)
