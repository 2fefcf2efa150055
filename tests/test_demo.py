"""The demonstration: the figures that the project promises, at full size."""

import pytest

from sparsela import demo


@pytest.mark.slow
def test_learned_atoms_beat_the_dct(tmp_path):
    facts = demo.run(str(tmp_path / "demo.png"), verbose=0)
    assert 20.1 < facts["psnr_noisy"] < 20.2
    assert facts["psnr"] >= 26.2 and facts["psnr"] > facts["psnr_dct"]
    assert facts["n_patches"] == 265_860
    assert (tmp_path / "demo.png").stat().st_size > 100_000


def test_patches_average_back_to_the_image(china):
    image = china[:40, :50]
    patches = demo.image_patches(image, demo.SIZE, center=False)
    assert abs(demo.average_patches(patches, image, 0.5) - image).max() < 1e-14
