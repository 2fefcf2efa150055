"""Shared fixtures: real patches, and every SIMD width in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from sparsela.datasets import image_patches


@pytest.fixture(scope="session")
def china():
    return load_sample_image("china.jpg").mean(axis=2) / 255


@pytest.fixture(scope="session")
def patches(china):
    """5,256 centred 8×8 patches; the last 256 serve as atoms."""
    return image_patches(china, 8, n_patches=5256, random_state=0)


@pytest.fixture(scope="session")
def atoms(patches):
    D = patches[5000:]
    D = D[np.linalg.norm(D, axis=1) > 1e-6]
    return D / np.linalg.norm(D, axis=1, keepdims=True)


@pytest.fixture
def at_width():
    """Run a piece of Python in a fresh process with the kernels of one vector width; fails with its traceback."""

    def run(width: int, code: str) -> None:
        env = {**os.environ, "SPARSELA_SIMD_WIDTH": str(width)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run
