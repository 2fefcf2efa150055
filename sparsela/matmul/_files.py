"""Schemes as JSON: plain numbers, "p/q" where they are fractions, programs, and how the scheme was built."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sparsela.matmul._programs import AdditionProgram
from sparsela.matmul._scheme import BilinearScheme


def load_scheme(path: str | os.PathLike) -> BilinearScheme:
    """Read a scheme from a JSON file and verify it.

    Parameters
    ----------
    path : str or path-like
        A file of :func:`save_scheme`, or any JSON object with the keys ``shape``, ``u``, ``v`` and ``w`` as
        :class:`BilinearScheme` takes them; ``name``, ``programs`` and ``provenance`` are read where they are there,
        other keys are left alone.

    Returns
    -------
    BilinearScheme

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such JSON, says another rank than it has rows, or does not multiply.

    Examples
    --------
    >>> import os, tempfile
    >>> from sparsela.matmul import get_scheme
    >>> path = os.path.join(tempfile.mkdtemp(), "strassen.json")
    >>> save_scheme(get_scheme("strassen"), path)
    >>> load_scheme(path) == get_scheme("strassen")
    True
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{os.fspath(path)} is no JSON file: {error}") from None
    return from_dict(data)


def save_scheme(scheme: BilinearScheme, path: str | os.PathLike) -> None:
    """Write a scheme, its programs and its provenance as JSON.

    Parameters
    ----------
    scheme : BilinearScheme
        Of any name and format.
    path : str or path-like
        Written anew.

    Returns
    -------
    None

    Examples
    --------
    >>> import os, tempfile
    >>> from sparsela.matmul import get_scheme
    >>> path = os.path.join(tempfile.mkdtemp(), "winograd.json")
    >>> save_scheme(get_scheme("winograd"), path)
    >>> load_scheme(path).additions
    15
    """
    if not isinstance(scheme, BilinearScheme):
        raise TypeError(f"scheme must be a BilinearScheme, got {type(scheme).__name__}")
    items = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in to_dict(scheme).items())
    Path(path).write_text("{\n" + ",\n".join(items) + "\n}\n", encoding="utf-8")


def to_dict(scheme: BilinearScheme) -> dict[str, Any]:
    """What a file of the scheme holds."""
    factors = zip("uvw", (scheme.u, scheme.v, scheme.w), scheme.denominators, strict=True)
    data: dict[str, Any] = {
        "name": scheme.name,
        "shape": list(scheme.shape),
        "rank": scheme.rank,
        "ring": scheme.ring,
        "naive_additions": scheme.naive_additions,
        "additions": scheme.additions,
        "growth": scheme.growth_factor,
    }
    data.update({key: [_plain(row, d) for row in x] for key, x, d in factors})
    if any(program.steps for program in scheme.programs):
        data["programs"] = [
            {"steps": [list(step) for step in p.steps], "outputs": [[list(t) for t in form] for form in p.outputs]}
            for p in scheme.programs
        ]
    data["provenance"] = list(scheme.provenance)
    return data


def from_dict(data: Any) -> BilinearScheme:
    """The scheme of such a dict, verified, and its programs with it."""
    if not isinstance(data, dict):
        raise ValueError(f"a scheme is a JSON object, got {type(data).__name__}")
    missing = [key for key in ("shape", "u", "v", "w") if key not in data]
    if missing:
        raise ValueError(f"a scheme needs the keys shape, u, v and w, missing: {', '.join(missing)}")
    scheme = BilinearScheme(data["u"], data["v"], data["w"], data["shape"], name=data.get("name"))
    if data.get("rank", scheme.rank) != scheme.rank:
        raise ValueError(f"the scheme says rank {data['rank']} and has {scheme.rank} products")
    scheme = scheme.with_name(scheme.name, *(str(line) for line in data.get("provenance", ())))
    programs = data.get("programs")
    if programs is None:
        return scheme
    m, k, n = scheme.shape
    return scheme.with_programs(
        AdditionProgram(q, p["steps"], p["outputs"]) for q, p in zip((m * k, k * n, scheme.rank), programs, strict=True)
    )


def _plain(row: np.ndarray, d: int) -> list[int | str]:
    exact = (Fraction(int(x), d) for x in row)
    return [x.numerator if x.denominator == 1 else f"{x.numerator}/{x.denominator}" for x in exact]
