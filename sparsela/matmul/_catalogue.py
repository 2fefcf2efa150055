"""The schemes that come with the library, by name or by shape: formulas, own finds, compositions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from sparsela.matmul import _formulas
from sparsela.matmul._factors import check_shape
from sparsela.matmul._files import load_scheme
from sparsela.matmul._scheme import BilinearScheme, classical

LARGEST = 24  # sizes up to which schemes are composed; beyond, apply smaller ones in levels

NAMES: dict[str, Callable[[], BilinearScheme]] = {
    "strassen": _formulas.strassen,
    "winograd": _formulas.winograd,
    "laderman": _formulas.laderman,
    "hopcroft-kerr": _formulas.hopcroft_kerr,
}


def get_scheme(name_or_shape: str | tuple[int, int, int], shape: tuple[int, int, int] | None = None) -> BilinearScheme:
    """A scheme by its name, or the best one that comes with the library for a shape.

    Parameters
    ----------
    name_or_shape : {"classical", "strassen", "winograd", "laderman", "hopcroft-kerr"} or tuple of three ints
        A name; the name of a packaged file (see :func:`list_schemes`); or a shape (m, k, n), each up to 24.
    shape : tuple of three ints or None, default=None
        Of the classical scheme, and only there.

    Returns
    -------
    BilinearScheme
        For a shape: of least rank and, among those, of fewest additions. A packaged scheme where there is one for a
        permutation of the shape, otherwise the best composition of packaged ones by direct sums and tensor products.

    Raises
    ------
    ValueError
        If the name is unknown, a size is above 24, or a shape is given where none belongs or missing where one does.
    TypeError
        If it is neither a name nor a shape.

    References
    ----------
    J. Laderman. A noncommutative algorithm for multiplying 3×3 matrices using 23 multiplications. Bulletin of the AMS,
    1976.

    J. Hopcroft, L. Kerr. On minimizing the number of multiplications necessary for matrix multiplication. SIAM Journal
    on Applied Mathematics, 1971.

    Examples
    --------
    >>> get_scheme("winograd")
    BilinearScheme(⟨2,2,2; 7⟩, ternary, 15 additions, 'winograd')
    >>> get_scheme((4, 2, 2)).rank
    14
    """
    if isinstance(name_or_shape, str):
        return _named(name_or_shape, shape)
    if shape is not None:
        raise ValueError("shape belongs to the name 'classical' alone: pass one shape")
    if not isinstance(name_or_shape, (tuple, list)):
        raise TypeError(f"name_or_shape must be a name or a tuple (m, k, n), got {type(name_or_shape).__name__}")
    shape = check_shape(name_or_shape)
    if max(shape) > LARGEST:
        raise ValueError(f"shape must have sizes up to {LARGEST}, got {shape}: use smaller schemes in levels")
    return _build(tuple(sorted(shape))).permute(shape)


def _named(name: str, shape: Any) -> BilinearScheme:
    if name == "classical":
        if shape is None:
            raise ValueError("the classical scheme needs its shape: get_scheme('classical', (m, k, n))")
        return classical(check_shape(shape))
    if shape is not None:
        raise ValueError(f"the scheme {name!r} has its own shape: shape belongs to 'classical' alone")
    if name in NAMES:
        return NAMES[name]()
    if name in packaged():
        return _load(name)
    raise ValueError(f"name must be 'classical' or one of {', '.join([*NAMES, *packaged()])}, got {name!r}")


@dataclass(frozen=True)
class SchemeTable:
    """The schemes that :func:`get_scheme` knows by name: iterates over them, prints as a table."""

    schemes: tuple[BilinearScheme, ...]

    def __iter__(self) -> Iterator[BilinearScheme]:
        return iter(self.schemes)

    def __len__(self) -> int:
        return len(self.schemes)

    def __getitem__(self, index: int) -> BilinearScheme:
        return self.schemes[index]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(scheme.name or "" for scheme in self.schemes)

    def _rows(self) -> list[tuple[str, ...]]:
        head = ("name", "format", "rank", "ring", "additions", "naive", "growth", "exponent")
        return [head] + [
            (
                s.name or "",
                "x".join(map(str, s.shape)),
                str(s.rank),
                s.ring,
                str(s.additions),
                str(s.naive_additions),
                f"{s.growth_factor:g}",
                f"{s.exponent:.4f}",
            )
            for s in self.schemes
        ]

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
        return "\n".join("  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        cells = ("".join(f"<td>{x}</td>" for x in row) for row in self._rows())
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def list_schemes() -> SchemeTable:
    """The schemes that :func:`get_scheme` knows by name, but for the classical ones.

    Returns
    -------
    SchemeTable
        Iterates over the schemes and prints as a table: name, format, rank, ring, additions (reduced and naive), growth
        factor of the error, exponent.

    Examples
    --------
    >>> table = list_schemes()
    >>> "winograd" in table.names
    True
    """
    return SchemeTable(tuple([make() for make in NAMES.values()] + [_load(name) for name in packaged()]))


def _folder():
    return resources.files("sparsela.matmul") / "schemes"


@cache
def packaged() -> tuple[str, ...]:
    """Names of the packaged files, ``MxKxN_rR``, by shape."""
    names = [entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".json")]
    return tuple(sorted(names, key=lambda name: (_format(name)[0], name)))


def _format(name: str) -> tuple[tuple[int, int, int], int]:
    sizes, rank = name.split("_r")
    return tuple(int(x) for x in sizes.split("x")), int(rank)


@cache
def _load(name: str) -> BilinearScheme:
    with resources.as_file(_folder() / f"{name}.json") as path:
        return load_scheme(path)


class _Recipe(NamedTuple):
    rank: int
    depth: int  # compositions inside: fewer, if ranks are equal
    how: tuple


@cache
def _recipe(shape: tuple[int, int, int]) -> _Recipe:
    # How the scheme of least rank for an ascending shape is made: a dynamic programme over smaller shapes.
    m, k, n = shape
    options = [_Recipe(m * k * n, 0, ("classical",))]
    for name in packaged():
        if (found := _format(name))[0] == shape:
            options.append(_Recipe(found[1], 0, ("packaged", name)))
    for name, make in NAMES.items():
        if tuple(sorted(make().shape)) == shape:
            options.append(_Recipe(make().rank, 0 if make().additions < make().naive_additions else 1, ("named", name)))
    if shape[:2] == (2, 2):
        options.append(_Recipe((7 * n + 1) // 2, 2, ("two_by_two", n)))
    for axis in range(3):
        for cut in range(1, shape[axis] // 2 + 1):
            parts = []
            for size in (cut, shape[axis] - cut):
                part = list(shape)
                part[axis] = size
                parts.append(tuple(part))
            one, two = (_recipe(tuple(sorted(part))) for part in parts)
            options.append(_Recipe(one.rank + two.rank, one.depth + two.depth + 3, ("sum", *parts, axis)))
    for a in _divisors(m):
        for b in _divisors(k):
            for c in _divisors(n):
                inner = (m // a, k // b, n // c)
                if (a, b, c) == (1, 1, 1) or inner == (1, 1, 1):
                    continue
                one, two = (_recipe(tuple(sorted(part))) for part in ((a, b, c), inner))
                options.append(_Recipe(one.rank * two.rank, one.depth + two.depth + 3, ("tensor", (a, b, c), inner)))
    return min(options, key=lambda option: option[:2])


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


@cache
def _build(shape: tuple[int, int, int]) -> BilinearScheme:
    how, *what = _recipe(shape).how
    if how == "classical":
        return classical(shape)
    if how == "packaged":
        return _load(what[0])
    if how == "named":
        scheme = NAMES[what[0]]()
        return scheme if scheme.shape == shape else scheme.permute(shape)
    if how == "two_by_two":
        return _formulas.two_by_two_by(what[0])
    one, two = (_build(tuple(sorted(part))).permute(part) for part in what[:2])
    return one.direct_sum(two, what[2]) if how == "sum" else one.tensor(two)
