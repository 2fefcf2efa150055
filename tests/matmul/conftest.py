"""Public schemes that are not part of the project: read in place from the folder that SPARSELA_SCHEMES names."""

import json
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def public_schemes():
    """The dicts of the files in that folder, by name; skips where the variable is not set."""
    folder = os.environ.get("SPARSELA_SCHEMES")
    if not folder:
        pytest.skip("SPARSELA_SCHEMES names no folder of schemes")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))}
