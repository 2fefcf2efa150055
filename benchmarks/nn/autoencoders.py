"""Training of sparse autoencoders.

One thread, float32, Adam: twenty steps of 128 samples of 784 features, from the same weights over the same batches. The
peer is the same objective in PyTorch with autograd: the dense product of the encoder, ``topk``, a dense decoder from a
code that ``scatter`` fills, Adam, unit rows. The hierarchical loss is written there as its sources have it, with one
running sum over the kept units. Both must end at the same loss. What we save is the decoder: only the entries in use
are multiplied.
"""

from functools import partial

import numpy as np

from benchmarks._pairs import Case, versioned
from sparsela.nn import HierarchicalTopKAutoencoder, KSparseAutoencoder, MatryoshkaAutoencoder

STEPS, BATCH, FEATURES = 20, 128, 784
RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-8


def cases(quick: bool):
    try:
        peer_name = versioned("torch")
    except ImportError:
        peer_name = "PyTorch"
    for units, k in ((256, 8),) if quick else ((1024, 32), (4096, 32)):
        X = data(STEPS * BATCH)
        common = {"n_nonzero_coefs": k, "batch_size": BATCH, "random_state": 0}
        whole = KSparseAutoencoder(units, tied=False, nonneg=True, k_schedule="constant", **common)
        prefixes = [units // part for part in (16, 8, 4, 2, 1)]
        for name, model, reading, bar in (
            ("k largest", whole, partial(read_whole), 2.0 if units == 4096 else None),
            ("all budgets", HierarchicalTopKAutoencoder(units, **common), partial(read_budgets, k=k), None),
            ("five prefixes", MatryoshkaAutoencoder(units, **common), partial(read_prefixes, prefixes=prefixes), None),
        ):
            title = f"{name}, {units} units, k = {k}, {FEATURES} features, {STEPS} steps"
            yield Case(title, partial(ours, model, X), partial(peer, model, X, k, reading), as_low, peer_name, bar=bar)


def data(n):
    """Samples over a planted dictionary, as correlated as pixels are."""
    rng = np.random.default_rng(0)
    basis = np.cumsum(rng.standard_normal((64, FEATURES)), axis=1)
    codes = rng.random((n, 64)) * (rng.random((n, 64)) < 0.1)
    X = codes @ (basis / np.linalg.norm(basis, axis=1, keepdims=True))
    return (X + 0.01 * rng.standard_normal(X.shape)).astype(np.float32)


def ours(model, X):
    for name in [name for name in vars(model) if name.endswith("_")]:
        delattr(model, name)
    return model.partial_fit(X).loss_curve_[-1]


def start(model, X):
    """The weights with which the model begins."""
    fresh = type(model)(**model.get_params())
    fresh._begin(fresh._validated(X, reset=True), 0)
    return fresh.encoder_, fresh.components_, fresh.mean_


def peer(model, X, k, reading):
    import torch

    E, D, b = (torch.tensor(w, requires_grad=True) for w in start(model, X))
    e = torch.zeros(len(E), requires_grad=True)
    solver = torch.optim.Adam([E, e, D, b], lr=RATE, betas=BETAS, eps=EPSILON)
    batches, total = torch.from_numpy(X), 0.0
    for first in range(0, len(X), BATCH):
        x = batches[first : first + BATCH]
        z = (x - b) @ E.T + e
        values, units = z.topk(k, dim=1)
        loss = reading(x, torch.relu(values), units, D, b, len(E))
        solver.zero_grad()
        loss.backward()
        with torch.no_grad():
            D.grad -= (D.grad * D).sum(dim=1, keepdim=True) * D
            solver.step()
            D /= D.norm(dim=1, keepdim=True)
        total += loss.item() * len(x)
    return total / len(X)


def spread(values, units, n_units):
    import torch

    return torch.zeros(len(values), n_units).scatter(1, units, values)


def read_whole(x, values, units, D, b, n_units):
    return (b + spread(values, units, n_units) @ D - x).square().sum() / len(x)


def read_budgets(x, values, units, D, b, n_units, k):
    rebuilt, loss = b, 0.0
    for j in range(k):
        rebuilt = rebuilt + values[:, j, None] * D[units[:, j]]
        loss = loss + (rebuilt - x).square().sum()
    return loss / (k * len(x))


def read_prefixes(x, values, units, D, b, n_units, prefixes):
    code = spread(values, units, n_units)
    return sum((b + code[:, :m] @ D[:m] - x).square().sum() for m in prefixes) / (len(prefixes) * len(x))


def as_low(ours, theirs):
    assert abs(ours - theirs) <= 0.01 * theirs, f"mean loss {ours:.5g} against {theirs:.5g}"
    return f"mean loss {ours:.5g} and {theirs:.5g}"
