"""Accuracy of sparse networks on all of MNIST, beside a dense one's.

784-1024-512-10, Erdős–Rényi, Nesterov's momentum 0.9, batch 100, eight epochs, multistep schedule, automatic rate,
pixels standardised by the mean and deviation of all; 60,000 digits to train, 10,000 to test. The column of answers
has the test accuracy, which must be within 0.3 points of what these settings are known to give. What is timed is an
epoch of 10,000 digits, against scikit-learn's dense network of the same widths. The files are not part of the
library: ``SPARSELA_MNIST`` names the folder that holds train-images-idx3-ubyte and its three companions, and without
it the cases are skipped.
"""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path

import numpy as np

from benchmarks._pairs import Case
from sparsela.datasets import load_idx
from sparsela.nn import RigL, SparseMLPClassifier

# density, topology, initialisation: accuracy wanted
TABLE = {
    (0.1, "static", "sparse_he"): 0.9765,
    (0.05, "static", "sparse_he"): 0.9764,
    (0.01, "static", "sparse_he"): 0.9595,
    (0.01, "rigl", "sparse_he"): 0.971,
    (0.01, "static", "xavier"): 0.950,
}


def cases(quick: bool):
    rows = 2000 if quick else 60_000
    for (density, topology, init), wanted in TABLE.items():
        name = f"{100 * density:g} %, {topology}" + (f", {init}" if init != "sparse_he" else "")
        setting = (density, topology, init)
        check = partial(accurate, rows, setting, None if quick else wanted)
        epoch = partial(fitted, min(rows, 10_000), setting, epochs=1)
        yield Case(name, epoch, partial(dense, min(rows, 10_000)), check, "scikit-learn, dense")


@cache
def digits(rows):
    folder = os.environ.get("SPARSELA_MNIST")
    if not folder:
        raise ImportError("SPARSELA_MNIST names no folder with the files of MNIST")
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    X, y, X_test, y_test = (load_idx(Path(folder, f"{name}-ubyte")) for name in names)
    X, X_test = (images.reshape(len(images), -1).astype(np.float32) for images in (X, X_test))
    mean, spread = X.mean(dtype=np.float64), X.std(dtype=np.float64)
    X, X_test = ((images - np.float32(mean)) / np.float32(spread) for images in (X, X_test))
    return X[:rows], y[:rows], X_test, y_test


def fitted(rows, setting, *, epochs):
    density, topology, init = setting
    X, y, *_ = digits(60_000)
    model = SparseMLPClassifier(
        (1024, 512),
        density=density,
        topology=RigL() if topology == "rigl" else topology,
        init=init,
        solver="nesterov",
        learning_rate="multistep",
        batch_size=100,
        max_iter=epochs,
        random_state=0,
    )
    return model.fit(X[:rows], y[:rows])


def dense(rows):
    from sklearn.neural_network import MLPClassifier

    X, y, *_ = digits(60_000)
    model = MLPClassifier((1024, 512), solver="sgd", learning_rate_init=0.01, batch_size=100, random_state=0)
    return model.partial_fit(X[:rows], y[:rows], classes=np.arange(10))


def accurate(rows, setting, wanted, a, b) -> str:
    _, _, X, y = digits(60_000)
    accuracy = fitted(rows, setting, epochs=8).score(X, y)
    assert wanted is None or abs(accuracy - wanted) <= 0.003, f"accuracy {accuracy:.4f}, wanted {wanted} within 0.003"
    return f"accuracy {accuracy:.4f}"
