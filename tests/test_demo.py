"""The demonstration: the figures that the project promises, at full size."""

import numpy as np
import pytest

from sparsela import demo
from sparsela.datasets import image_patches
from sparsela.dictionary import KSVD


@pytest.mark.slow
def test_learned_atoms_beat_the_dct(tmp_path):
    facts = demo.run(str(tmp_path / "demo.png"), verbose=0)
    assert 20.1 < facts["psnr_noisy"] < 20.2
    assert facts["psnr"] >= 26.2 and facts["psnr"] > facts["psnr_dct"]
    assert facts["n_patches"] == 265_860
    assert (tmp_path / "demo.png").stat().st_size > 100_000


@pytest.mark.slow
def test_at_another_noise_level(china, monkeypatch):
    """σ = 20, ten iterations on 20,000 patches, as published: no worse than the fixed dictionary."""
    sigma, clean = 20.0, 255 * china
    noisy = clean + np.random.default_rng(1).normal(0, sigma, clean.shape)
    monkeypatch.setattr(demo, "CODE_GAIN", 1.15)
    patches = image_patches(noisy, demo.SIZE, n_patches=20_000, random_state=0)
    tol, fixed = demo.SIZE**2 * (1.15 * sigma) ** 2, demo.overcomplete_dct(demo.SIZE, 16)
    model = KSVD(256, tol=tol, max_iter=10, dict_init=fixed, random_state=0).fit(patches)
    learned, dct = (demo.psnr(demo.denoise(noisy, D, sigma)[0], clean) for D in (model.components_, fixed))
    assert learned > dct > demo.psnr(noisy, clean) + 4


def test_patches_average_back_to_the_image(china):
    image = china[:40, :50]
    patches = image_patches(image, demo.SIZE, center=False)
    assert abs(demo.average_patches(patches, image, 0.5) - image).max() < 1e-14


def test_dct_atoms_are_waves_of_unit_norm():
    D = demo.overcomplete_dct(8, 11)
    assert D.shape == (121, 64)
    assert abs(np.linalg.norm(D, axis=1) - 1).max() < 1e-14
    assert abs(D[1:].sum(axis=1)).max() < 1e-12  # all but the first have mean zero
