"""One epoch of QuickSelection's sparse autoencoder.

784-1000-784 on 1,000 rows of random data, ε = 13 (about 3 % of the weights), batch 100, float32, momentum, dropout
0.2; drawing the supports is in the time. The peers: PyTorch with masks, and the published code without its compiled
extension, which takes the gradient of each weight in a loop over the samples (float64, one batch). Both sides must
have the same mean loss to a tenth: supports, noise and dropout are drawn on each side.
"""

from __future__ import annotations

import numpy as np

from benchmarks._pairs import Case, versioned
from sparsela.nn import QuickSelection, random_topology

D, H, EPSILON, BATCH = 784, 1000, 13, 100


def cases(quick: bool):
    n = 200 if quick else 1000
    X = np.random.default_rng(0).standard_normal((n, D), np.float32)
    yield Case("an epoch", lambda: ours(X), lambda: torch_masked(X), near, torch_name(), bar=3.0)
    few = X[: BATCH // 4 if quick else BATCH]
    yield Case(
        f"a batch of {len(few)}",
        lambda: ours(few),
        lambda: published(few),
        near,
        "the published loop in NumPy",
        bar=20.0,
    )


def torch_name() -> str:
    try:
        return f"{versioned('torch')}, masks"
    except ImportError:
        return "torch, masks"


def near(ours, peer) -> str:
    assert abs(ours - peer) < 0.1 * peer, f"losses {ours:.0f} and {peer:.0f}"
    return f"losses {ours:.0f}, {peer:.0f}"


def ours(X) -> float:
    return QuickSelection(50, max_iter=1, scale=False, random_state=0).fit(X).loss_curve_[0]


def supports():
    for n_in, n_out in ((D, H), (H, D)):
        indptr, indices = random_topology((n_out, n_in), EPSILON * (D + H), random_state=0)
        yield np.repeat(np.arange(n_out), np.diff(indptr)), indices, (n_out, n_in)


def torch_masked(X) -> float:
    versioned("torch")
    import torch

    rng = np.random.default_rng(0)
    net = torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.Sigmoid(), torch.nn.Dropout(0.2), torch.nn.Linear(H, D))
    masks, linears = [], [net[0], net[3]]
    with torch.no_grad():
        for linear, (rows, columns, shape) in zip(linears, supports(), strict=True):
            mask = np.zeros(shape, np.float32)
            mask[rows, columns] = 1
            masks.append(torch.from_numpy(mask))
            linear.weight.copy_(torch.from_numpy(0.1 * rng.standard_normal(shape, np.float32)))
            linear.bias.zero_()
    sgd = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    clean = torch.from_numpy(X)
    noisy = torch.from_numpy(X + 0.2 * rng.standard_normal(X.shape, np.float32))
    losses = []
    for start in range(0, len(X), BATCH):
        with torch.no_grad():
            for linear, mask in zip(linears, masks, strict=True):
                linear.weight.mul_(mask)
        sgd.zero_grad()
        loss = 0.5 * (net(noisy[start : start + BATCH]) - clean[start : start + BATCH]).square().sum(1).mean()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def published(X) -> float:
    """Forward and backward of one batch; the gradient weight by weight, as published."""
    import scipy.sparse as sp

    rng, weights = np.random.default_rng(0), []
    for rows, columns, (n_out, n_in) in supports():
        weights.append(sp.csr_matrix((0.1 * rng.standard_normal(rows.size), (columns, rows)), shape=(n_in, n_out)))
    noisy = X + 0.2 * rng.standard_normal(X.shape)
    hidden = 1 / (1 + np.exp(-(noisy @ weights[0]))) * (rng.random((len(X), H)) >= 0.2)
    delta = hidden @ weights[1] - X
    loss = 0.5 * np.sum(delta**2) / len(X)
    back = (delta @ weights[1].T) * hidden * (1 - hidden)
    for A, error, W in ((hidden, delta, weights[1]), (noisy, back, weights[0])):
        coo = W.tocoo()
        for k in range(coo.nnz):
            total = 0.0
            for j in range(len(X)):
                total += A[j, coo.row[k]] * error[j, coo.col[k]]
            coo.data[k] = total / len(X)
    return float(loss)
