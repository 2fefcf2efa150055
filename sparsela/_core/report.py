"""What is in use: BLAS, MKL, OpenMP, threads, vector width, compiler flags."""

from __future__ import annotations

import platform
import sys


def show_config() -> None:
    """Print what the library runs on: versions, BLAS, MKL, OpenMP, threads, vector width, compiler flags.

    Returns
    -------
    None

    See Also
    --------
    set_config : Change the settings that are shown.

    Examples
    --------
    >>> import sparsela
    >>> sparsela.show_config()  # doctest: +ELLIPSIS
    sparsela ...
    """
    for name, value in facts().items():
        print(f"{name:16s} {value}")


def facts() -> dict[str, str]:
    """The lines of :func:`show_config` by name; benchmarks keep them beside their figures."""
    import numba
    import numpy
    import scipy
    import sklearn
    from threadpoolctl import threadpool_info

    import sparsela
    from sparsela._core import mkl
    from sparsela._core.config import get_config
    from sparsela._core.threads import _controller, effective_n_jobs
    from sparsela._ext import openmp

    _controller()  # loads SciPy's BLAS, so that it is listed
    blas = sorted({f"{i['internal_api']} {i['version']}" for i in threadpool_info() if i["user_api"] == "blas"})
    settings = get_config()
    backend = settings["sparse_backend"]
    return {
        "sparsela": sparsela.__version__,
        "python": f"{platform.python_version()} on {platform.machine()} {sys.platform}",
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "numba": numba.__version__,
        "processor": _processor(),
        "blas": ", ".join(blas) or "not recognised",
        "mkl": mkl.describe(),
        "sparse backend": "native" if backend == "auto" else backend,
        "openmp": str(openmp.version()) if openmp.version() else "no (built without it)",
        "threads": str(effective_n_jobs()),
        "vector width": f"{8 * openmp.simd_width()} bits",
        "compiler flags": openmp.compiler_flags(),
        "settings": ", ".join(f"{k}={v!r}" for k, v in settings.items()),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return f"{names[0]}, {len(names)} logical cores"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
