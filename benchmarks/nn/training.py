"""One training step of a sparse network.

3072-1024-512-10, Erdős–Rényi densities, batch 100, float32, Nesterov's momentum, random data of CIFAR-10's size. Ours
is what a fit repeats for each batch: rows gathered, forward, backward, update. The peers:

- PyTorch with masks: each weight is multiplied by its mask before the forward pass, SGD with Nesterov's momentum.
- PyTorch dense: the same without masks, as a measure of what sparsity buys.
- ``torch.sparse``: CSR weights, feature-major products, autograd, without an optimizer: the strongest peer.
- The calls of Nerva through oneMKL: column-major products on sample-major data, the gradient of the weights as a dense
  product by blocks of rows and a gather. Without biases and update.
- scikit-learn: ``MLPClassifier.partial_fit`` of the same batch, dense.

The same first weights on both sides: the loss of the first step must agree, but for scikit-learn, which draws its own.
Growth is the time of a step against the number of weights: its slope is below 1 by what moving the batch costs.
"""

from __future__ import annotations

import ctypes
from functools import partial

import numpy as np
import scipy.sparse as sp

from benchmarks._pairs import Case, Growth, agree, versioned
from sparsela.nn import allocate_weights, available_backends, erk_density, random_topology
from sparsela.nn._activations import parse
from sparsela.nn._linear import SparseLinear, random_values
from sparsela.nn._mlp import Network, Trainer
from sparsela.nn._optim import Solver

SIZES, BATCH, RATE = (3072, 1024, 512, 10), 100, 1e-3


def cases(quick: bool):
    sizes = tuple(max(10, s // 4) for s in SIZES) if quick else SIZES
    close = partial(agree, rtol=1e-4, what="loss")
    bars = {
        10: {"masks": 3.5, "nerva": 5.0},
        5: {"masks": 6.0, "nerva": 5.0, "csr": 1.8},
        1: {"masks": 16.0, "nerva": 9.0, "csr": 1.8, "sklearn": 25.0},
    }
    if quick:
        bars = {1: bars[1]}
    X, y = batch(sizes)
    for percent, bar in bars.items():
        name = f"a step, {percent} %"
        for threads in (1, 2) if percent == 1 else (1,):
            at = {"threads": threads}
            want = {key: 0.8 * value for key, value in bar.items()} if threads == 2 else bar
            yield Case(name, ours(sizes, percent), torch_masked(sizes, percent, X, y), close, peer("torch", "masks"),
                       bar=want["masks"], **at)  # fmt: skip
            yield Case(name, ours(sizes, percent), torch_csr(sizes, percent, X, y), close, peer("torch", "sparse CSR"),
                       bar=want.get("csr"), **at)  # fmt: skip
            if "mkl" in available_backends():
                yield Case(name, ours(sizes, percent), nerva(sizes, percent, X, y), close, peer("mkl", "Nerva's calls"),
                           bar=want["nerva"], **at)  # fmt: skip
            yield Case(name, ours(sizes, percent), torch_masked(sizes, percent, X, y, masks=False), finite,
                       peer("torch", "dense"), **at)  # fmt: skip
        yield Case(name, ours(sizes, percent), sklearn_dense(sizes, X, y), finite, peer("scikit-learn", "dense"),
                   bar=bar.get("sklearn"))  # fmt: skip
    weights = [9_188, 18_376, 36_751, 73_502, 147_005, 294_010]
    places = sum(a * b for a, b in zip(SIZES[:-1], SIZES[1:], strict=True))
    yield Growth("number of weights", weights[:2] if quick else weights, lambda n: ours(SIZES, 100 * n / places))


def peer(package: str, what: str) -> str:
    try:
        return f"{versioned(package)}, {what}"
    except ImportError:
        return f"{package}, {what}"  # the case says that it was skipped


def finite(ours, peer) -> str:
    assert np.isfinite(ours)
    assert np.isfinite(peer)
    return "not compared"


def batch(sizes):
    rng = np.random.default_rng(0)
    return rng.standard_normal((BATCH, sizes[0]), np.float32), rng.integers(10, size=BATCH)


def start(sizes, percent) -> list[sp.csr_array]:
    """First weights, (n_out, n_in)."""
    density, rng, layers = percent / 100, np.random.default_rng(0), []
    counts = allocate_weights(sizes, erk_density(sizes, density), density)
    for n_in, n_out, nnz in zip(sizes[:-1], sizes[1:], counts, strict=True):
        indptr, indices = random_topology((n_out, n_in), int(nnz), random_state=int(nnz))
        data = random_values("sparse_he", indptr, (n_out, n_in), rng).astype(np.float32)
        layers.append(sp.csr_array((data, indices, indptr), shape=(n_out, n_in)))
    return layers


def ours(sizes, percent):
    X, y = batch(sizes)
    layers = [SparseLinear.from_csr(W, np.zeros(W.shape[0], np.float32)) for W in start(sizes, percent)]
    network = Network(layers, parse("relu", sizes[1:-1], np.float32), "softmax")
    rng = np.random.default_rng(0)
    trainer = Trainer(network, Solver("nesterov"), batch_size=BATCH, alpha=0.0, dropout=0.0, rng=rng)
    ids = np.random.default_rng(1).permutation(BATCH)
    return lambda: trainer.step(X, ids, y[ids], None, RATE)


def torch_masked(sizes, percent, X, y, *, masks=True):
    made = {}

    def step():
        if not made:
            made.update(_torch_masked(sizes, percent, X, y, masks))
        return made["step"]()

    return step


def _torch_masked(sizes, percent, X, y, masks) -> dict:
    versioned("torch")
    import torch

    weights = [W.toarray() for W in start(sizes, percent)]
    parts = []
    for W in weights:
        linear = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.zero_()
        parts += [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
    shown = [torch.from_numpy((W != 0).astype(np.float32)) for W in weights]
    linears = [part for part in net if isinstance(part, torch.nn.Linear)]
    sgd = torch.optim.SGD(net.parameters(), RATE, momentum=0.9, nesterov=True)
    A, target, loss_of = torch.from_numpy(X), torch.from_numpy(y), torch.nn.CrossEntropyLoss()

    def step():
        if masks:
            with torch.no_grad():
                for linear, mask in zip(linears, shown, strict=True):
                    linear.weight.mul_(mask)
        sgd.zero_grad()
        loss = loss_of(net(A), target)
        loss.backward()
        sgd.step()
        return loss.item()

    return {"step": step}


def torch_csr(sizes, percent, X, y):
    made = {}

    def prepare():
        versioned("torch")
        import warnings

        import torch

        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
        weights = [
            torch.sparse_csr_tensor(
                torch.from_numpy(W.indptr.astype(np.int64)),
                torch.from_numpy(W.indices.astype(np.int64)),
                torch.from_numpy(W.data.copy()),
                size=W.shape,
            ).requires_grad_()
            for W in start(sizes, percent)
        ]
        A, target = torch.from_numpy(X.T.copy()), torch.from_numpy(y)

        def step():
            H = A
            for W in weights:
                W.grad = None
            for W in weights[:-1]:
                H = torch.relu(torch.sparse.mm(W, H))
            loss = torch.nn.functional.cross_entropy(torch.sparse.mm(weights[-1], H).T, target)
            loss.backward()
            return loss.item()

        made["step"] = step

    def step():
        if not made:
            prepare()
        return made["step"]()

    return step


def nerva(sizes, percent, X, y):
    """Nerva's products: everything column-major, so that a (features, samples) array in it is X itself."""
    from sparsela._core import mkl as binding

    mkl = binding.load()
    weights = start(sizes, percent)
    handles = []
    for W in weights:
        handle = ctypes.c_void_p()
        begin = W.indptr.ctypes.data
        args = (W.indices.ctypes.data, W.data.ctypes.data)
        assert mkl.create_s(ctypes.byref(handle), 0, *W.shape, begin, begin + 4, *args) == 0
        handles.append(handle)
    general = binding._Description(binding.GENERAL, binding.LOWER, binding.NON_UNIT)
    rows = [np.repeat(np.arange(W.shape[0]), np.diff(W.indptr)) for W in weights]
    n = X.shape[0]

    def mm(operation, l, A, out):  # A (n, n_in) in rows is (n_in, n) in columns
        status = mkl.multiply_s(
            operation, 1.0, handles[l], general, 102, A.ctypes.data, n, A.shape[1], 0.0, out.ctypes.data, out.shape[1]
        )
        assert status == 0

    def step():
        activations = [X]
        for l, W in enumerate(weights):
            Z = np.empty((n, W.shape[0]), np.float32)
            mm(10, l, activations[-1], Z)
            activations.append(np.maximum(Z, 0, out=Z) if l < len(weights) - 1 else Z)
        Z = activations[-1]
        p = np.exp(Z - Z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(n), y]).mean()
        p[np.arange(n), y] -= 1
        delta = p / n
        for l in range(len(weights) - 1, -1, -1):
            W, A, g = weights[l], activations[l], np.empty(weights[l].nnz, np.float32)
            for first in range(0, W.shape[0], 64):
                last = min(W.shape[0], first + 64)
                dense = delta[:, first:last].T @ A
                part = slice(W.indptr[first], W.indptr[last])
                g[part] = dense[rows[l][part] - first, W.indices[part]]
            if l > 0:
                back = np.empty_like(A)
                mm(11, l, delta, back)
                back *= A > 0
                delta = back
        return float(loss)

    return step


def sklearn_dense(sizes, X, y):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(sizes[1:-1], solver="sgd", learning_rate_init=RATE, batch_size=BATCH, shuffle=False)
    model.partial_fit(X, y, classes=np.arange(10))

    def step():
        model.partial_fit(X, y)
        return model.loss_

    return step
