"""The data of the coding and dictionary benchmarks: 8×8 patches of scikit-learn's ``china.jpg``, grey, centred."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_sample_image

from sparsela.datasets import image_patches

N_ATOMS = 256


def china_patches(n: int, dtype=np.float64) -> tuple[np.ndarray, np.ndarray]:
    """`n` distinct patches, and 256 others that are not flat, scaled to unit norm, as atoms."""
    image = load_sample_image("china.jpg").mean(axis=2) / 255
    patches = image_patches(image, 8, n_patches=n + 2 * N_ATOMS, random_state=0).astype(dtype)
    X, rest = patches[:n].copy(), patches[n:]
    norms = np.linalg.norm(rest, axis=1)
    D = (rest / np.maximum(norms, 1e-30)[:, None])[norms > 1e-6][:N_ATOMS]
    return X, np.ascontiguousarray(D)


def columns(a: np.ndarray) -> np.ndarray:
    """The transpose in Fortran order, as SPAMS takes it."""
    return np.asfortranarray(a.T)
