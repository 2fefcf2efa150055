"""Denoise a photograph with a dictionary learned from the noisy photograph itself: ``make demo``.

The recipe is that of M. Elad and M. Aharon, *Image denoising via sparse and redundant representations over learned
dictionaries* (IEEE Transactions on Image Processing, 2006): K-SVD on the noisy patches, every overlapping patch coded
down to the noise level, patches averaged with a little of the noisy image.
"""

from __future__ import annotations

import argparse
import time
from contextlib import contextmanager

import numpy as np

from sparsela._core.progress import progress_bar
from sparsela.coding import batch_omp
from sparsela.datasets import image_patches
from sparsela.dictionary import KSVD

SIZE = 8  # side of a patch
LEARN_GAIN, CODE_GAIN = 1.0, 1.1  # a patch may differ from its code by this many σ a pixel, learning and coding
BLEND = 30.0  # weight of the noisy pixel is this over σ, that of each patch one


def overcomplete_dct(size: int, n_frequencies: int) -> np.ndarray:
    """Separable cosines on size × size pixels, n_frequencies² unit atoms."""
    waves = np.cos(np.pi * np.outer(np.arange(n_frequencies), np.arange(size) + 0.5) / n_frequencies)
    waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return np.kron(waves, waves)


def average_patches(patches: np.ndarray, image: np.ndarray, weight: float) -> np.ndarray:
    """The image whose overlapping patches are these, averaged, and `image` itself with this weight."""
    size = round(patches.shape[1] ** 0.5)
    height, width = image.shape[0] - size + 1, image.shape[1] - size + 1
    stack = patches.reshape(height, width, size, size)
    total, count = weight * image, np.full(image.shape, weight)
    for i in range(size):
        for j in range(size):
            total[i : i + height, j : j + width] += stack[:, :, i, j]
            count[i : i + height, j : j + width] += 1
    return total / count


def code_patches(patches: np.ndarray, D: np.ndarray, tol: float, verbose: int = 0) -> tuple[np.ndarray, float]:
    """The patches rebuilt from their error-constrained codes, and the mean number of atoms; under a bar."""
    rebuilt, n_nonzero = np.empty_like(patches), 0
    with progress_bar(len(patches), "coding", "patches", verbose) as bar:
        for start in range(0, len(patches), 1 << 15):
            some = slice(start, start + (1 << 15))
            codes = batch_omp(patches[some], D, tol=tol, sparse_output=True)
            rebuilt[some] = codes @ D
            n_nonzero += codes.nnz
            bar.update(codes.shape[0])
    return rebuilt, n_nonzero / len(patches)


def denoise(noisy: np.ndarray, D: np.ndarray, sigma: float, verbose: int = 0) -> tuple[np.ndarray, float]:
    """The image denoised over the dictionary D, and the mean number of atoms a patch."""
    patches = image_patches(noisy, SIZE, center=False)
    means = patches.mean(axis=1, keepdims=True)
    patches -= means
    rebuilt, sparsity = code_patches(patches, D, SIZE**2 * (CODE_GAIN * sigma) ** 2, verbose)
    return average_patches(rebuilt + means, noisy, BLEND / sigma), sparsity


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, on the 0-255 scale."""
    return float(10 * np.log10(255**2 / np.mean((image - clean) ** 2)))


@contextmanager
def stage(name: str, seconds: dict):
    """Keep how long the block took."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def run(output: str | None, sigma: float = 25.0, verbose: int = 1) -> dict:
    """Learn, denoise, draw; the figures that are printed."""
    from sklearn.datasets import load_sample_image

    seconds: dict[str, float] = {}
    with stage("read and add noise", seconds):
        clean = load_sample_image("china.jpg").mean(axis=2)
        noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
        fixed = overcomplete_dct(SIZE, 16)
        patches = image_patches(noisy, SIZE)
    with stage("learn 256 atoms", seconds):
        model = KSVD(
            256,
            tol=SIZE**2 * (LEARN_GAIN * sigma) ** 2,
            max_iter=20,
            dict_init=fixed,
            random_state=0,
            verbose=verbose,
        ).fit(patches)
    with stage("denoise with them", seconds):
        denoised, sparsity = denoise(noisy, model.components_, sigma, verbose)
    with stage("denoise with the DCT", seconds):
        with_dct, dct_sparsity = denoise(noisy, fixed, sigma)
    if output:
        with stage("draw", seconds):
            draw(output, noisy, denoised, model.components_, psnr(noisy, clean), psnr(denoised, clean))
    return {
        "size": clean.shape,
        "n_patches": len(patches),
        "psnr_noisy": psnr(noisy, clean),
        "psnr": psnr(denoised, clean),
        "psnr_dct": psnr(with_dct, clean),
        "sparsity": sparsity,
        "sparsity_dct": dct_sparsity,
        "seconds": seconds,
    }


def draw(path: str, noisy, denoised, D, before: float, after: float) -> None:
    """Noisy image, denoised image, atoms, side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    side = int(np.sqrt(len(D)))
    order = np.argsort([sum(np.abs(step).sum() for step in np.gradient(d.reshape(SIZE, SIZE))) for d in D])
    mosaic = np.ones((side * (SIZE + 1) - 1, side * (SIZE + 1) - 1))
    for k, j in enumerate(order[: side**2]):
        row, column = (SIZE + 1) * (k // side), (SIZE + 1) * (k % side)
        atom = D[j].reshape(SIZE, SIZE)
        mosaic[row : row + SIZE, column : column + SIZE] = 0.5 + 0.5 * atom / np.abs(atom).max()
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.4), width_ratios=[640, 640, 427], layout="constrained")
    for ax, image, title in zip(
        axes,
        (noisy, denoised, mosaic),
        (f"Noisy: {before:.2f} dB", f"Denoised: {after:.2f} dB", f"The {len(D)} atoms, learned from the noisy image"),
        strict=True,
    ):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255 if image is not mosaic else 1, interpolation="nearest")
        ax.set_title(title)
        ax.axis("off")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Denoise a photograph with a dictionary learned from itself.")
    parser.add_argument("--output", default="demo.png", help="picture to write (default: demo.png)")
    arguments = parser.parse_args()
    facts = run(arguments.output)
    seconds = facts["seconds"]
    n = facts["n_patches"]
    height, width = facts["size"]
    print(f"\nchina.jpg, {width} × {height} pixels, {n:,} overlapping patches of {SIZE} × {SIZE}")
    print(f"  noisy                {facts['psnr_noisy']:6.2f} dB")
    print(f"  overcomplete DCT     {facts['psnr_dct']:6.2f} dB   {facts['sparsity_dct']:.2f} atoms a patch")
    print(f"  learned dictionary   {facts['psnr']:6.2f} dB   {facts['sparsity']:.2f} atoms a patch")
    for name, value in seconds.items():
        print(f"  {name:20s} {value:6.2f} s")
    print(f"  coding and rebuilding: {n / seconds['denoise with them']:,.0f} patches a second")
    print(f"  picture: {arguments.output}")


if __name__ == "__main__":
    main()
