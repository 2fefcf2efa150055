"""Files that ship in other packages: found without importing them, and what to install where they are not there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def shipped(package: str, *parts: str) -> Path:
    """Path of a file inside an installed package.

    Raises
    ------
    ImportError
        If the package is not there, or has no such file.
    """
    found = find_spec(package)
    path = Path(found.origin).parent.joinpath(*parts) if found and found.origin else None
    if path is None or not path.exists():
        raise ImportError(f"these data ship in the package {package}: pip install {package}, or sparsela[docs]")
    return path
