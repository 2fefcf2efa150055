"""Hold the docstring of every public name, and of its public methods, against numpydoc's rules.

Which rules is said in pyproject.toml, ``[tool.numpydoc_validation]``. What a class documents under Attributes needs no
docstring of its own, a result has its fields there, and a method may be told in one line.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from numpydoc.docscrape import get_doc_object
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import ERROR_MSGS, validate

import sparsela

MODULES = ("sparsela.recovery.prox", "sparsela.transforms.proj")  # public, below a room


def public_names() -> Iterator[str]:
    rooms = [f"sparsela.{name}" for name in sparsela.__all__ if isinstance(getattr(sparsela, name), ModuleType)]
    for room in (*rooms, *MODULES):
        module = importlib.import_module(room)
        names = (name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType))
        yield from (f"{room}.{name}" for name in names)
    yield from (f"sparsela.{name}" for name in sparsela.__all__ if callable(getattr(sparsela, name)))


def methods(name: str, cls: type) -> Iterator[str]:
    """The public methods and properties that the library gives a class and that its docstring does not list."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("sparsela.")]
    listed = {attribute.name for base in ours if base.__doc__ for attribute in get_doc_object(base)["Attributes"]}
    members = {own: member for base in reversed(ours) for own, member in vars(base).items()}
    for own, member in members.items():
        if not own.startswith("_") and own not in listed and (callable(member) or isinstance(member, property)):
            yield f"{name}.{own}"


def excused(name: str, code: str, found: dict) -> bool:
    """What the rules cannot know."""
    owner, _, last = name.rpartition(".")
    obj = getattr(sys.modules.get(owner), last, None)
    if isinstance(obj, type):
        return (code == "PR01" and dataclasses.is_dataclass(obj)) or (code == "EX01" and issubclass(obj, Exception))
    if obj is not None:
        return False
    one_line = len(found["docstring"].strip().splitlines()) == 1
    inherited = code == "GL08" and bool(inspect.getdoc(member_of(name)))
    return inherited or code == "EX01" or (code in ("PR01", "RT01") and one_line)


def member_of(name: str) -> object:
    owner, cls, member = name.rsplit(".", 2)
    return getattr(getattr(sys.modules[owner], cls), member)


def main() -> int:
    config = parse_config(str(Path(__file__).parent.parent))
    wrong, count = 0, 0
    for name in public_names():
        owner, _, last = name.rpartition(".")
        obj = getattr(sys.modules[owner], last)
        for each in (name, *(methods(name, obj) if isinstance(obj, type) else ())):
            found = validate(each)
            count += 1
            for code, message in found["errors"]:
                if code in config["checks"] and not excused(each, code, found):
                    wrong += 1
                    print(f"{found['file']}:{found['file_line']}: {each}: {code} {message}")
    print(f"{count} docstrings, {wrong} faults")
    return 1 if wrong else 0


assert "GL08" in ERROR_MSGS  # the codes are numpydoc's

if __name__ == "__main__":
    sys.exit(main())
