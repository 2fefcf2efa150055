"""Patches of grey images, as rows."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array

from sparsela._core.validation import check_count


def image_patches(
    image, size: int = 8, *, n_patches: int | None = None, center: bool = True, random_state=None
) -> np.ndarray:
    """Cut a grey image into square patches, one a row.

    Parameters
    ----------
    image : array of shape (height, width)
        Grey values, of any unit. float32 stays float32.
    size : int, default=8
        Side of a patch in pixels.
    n_patches : int, optional
        How many, drawn without replacement; None: all overlapping patches, row by row of the image.
    center : bool, default=True
        Subtract from each patch its mean.
    random_state : None, int, RandomState or Generator
        Seed of the draw.

    Returns
    -------
    ndarray of shape (n_patches, size * size)
        Patches in C order of their pixels.

    Raises
    ------
    TypeError
        If `n_patches` is not an int.
    ValueError
        If the image is not a finite matrix of at least `size` pixels a side, or has fewer than `n_patches` patches.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsela.datasets import image_patches
    >>> image_patches(np.arange(12.0).reshape(3, 4), 2, center=False)[:2]
    array([[0., 1., 4., 5.],
           [1., 2., 5., 6.]])
    """
    image = check_array(image, dtype=[np.float64, np.float32], input_name="image")
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 1 <= size <= min(image.shape):
        raise ValueError(f"size must be an int between 1 and the sides of the image {image.shape}, got {size!r}")
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))
    total = windows.shape[0] * windows.shape[1]
    if n_patches is None:
        patches = windows.reshape(total, size * size)  # a copy: windows overlap
    else:
        n_patches = check_count(n_patches, "n_patches", high=total)
        rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
        chosen = rng.choice(total, n_patches, replace=False)
        rows, columns = np.divmod(chosen, windows.shape[1])
        patches = windows[rows, columns].reshape(n_patches, size * size)
    if center:
        patches -= patches.mean(axis=1, keepdims=True)
    return patches
