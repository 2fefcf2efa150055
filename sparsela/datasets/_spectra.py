"""An image with two hundred colours that ships in another package."""

from __future__ import annotations

import numpy as np

from sparsela.datasets._packages import shipped


def load_indian_pines() -> tuple[np.ndarray, np.ndarray]:
    """Hyperspectral image of fields in Indiana, and what grows where: it ships in tensorly.

    Returns
    -------
    image : ndarray of uint16 of shape (145, 145, 200)
        Radiance in 200 bands from 0.4 to 2.5 µm, without those that water absorbs.
    classes : ndarray of uint8 of shape (145, 145)
        1 to 16, 0 where it is not known.

    Raises
    ------
    ImportError
        If tensorly is not there: ``pip install sparsela[docs]`` brings it.

    Notes
    -----
    Nothing is downloaded; tensorly is not imported, its files are read.

    References
    ----------
    M. F. Baumgardner, L. L. Biehl, D. A. Landgrebe. 220 band AVIRIS hyperspectral image data set: June 12, 1992 Indian
    Pine Test Site 3. Purdue University Research Repository, 2015.

    Examples
    --------
    >>> from sparsela.datasets import load_indian_pines
    >>> load_indian_pines()[0].shape  # doctest: +SKIP
    (145, 145, 200)
    """
    image, classes = (
        np.load(shipped("tensorly", "datasets", "data", f"Indian_pines_{name}.npy")) for name in ("corrected", "gt")
    )
    return image, classes
