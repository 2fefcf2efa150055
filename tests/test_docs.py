"""The documentation is whole: every public name has its place, every example a title, an end and no warning."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sparsela

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = sorted(DOCS.glob("examples/*/plot_*.py"))
ROOMS = (
    "coding", "datasets", "dictionary", "dpp", "lowrank", "matmul", "nn", "phase", "recovery", "sketch", "transforms",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not part of what is installed")


def listed(page: str) -> set[str]:
    """The names in the tables of an API page."""
    text = (DOCS / "api" / f"{page}.rst").read_text(encoding="utf-8")
    tables = re.findall(r"\.\. autosummary::\n(?:   :.*\n)*\n((?:   \w+\n)+)", text)
    return {name for table in tables for name in table.split()}


@pytest.mark.parametrize("room", ROOMS)
def test_api_lists_every_name_of_a_room(room):
    assert listed(room) == set(importlib.import_module(f"sparsela.{room}").__all__)


def test_api_lists_every_set():
    assert listed("proj") == set(importlib.import_module("sparsela.transforms.proj").__all__)


def test_api_has_a_page_for_every_room_and_the_settings():
    names = {name for name in sparsela.__all__ if not name.startswith("__")}
    rooms = {name for name in names if f"sparsela.{name}" in sys.modules or name in ROOMS}
    assert rooms == set(ROOMS)
    assert listed("core") == names - rooms
    index = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    assert all(f"\n   {page}\n" in index for page in (*ROOMS, "core"))


def test_there_are_examples():
    assert {path.parent.name for path in EXAMPLES} >= set(ROOMS) - {"datasets"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_draws_a_figure_where_it_is_made(path):
    # the gallery keeps a figure as it is at the end of its block: what a later block draws is lost
    made: set[str] = set()
    for block in path.read_text(encoding="utf-8").split("# %%\n"):
        here = {node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Assign)}
        figures = [node for node in here if re.search(r"\bplt\.(subplots|figure|subplot_mosaic)\(", ast.unparse(node))]
        drawn = {name.id for node in figures for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)}
        names = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Name)]
        bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        assert not made & {name.id for name in names} - bound
        made |= drawn


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_a_title_and_says_when_not_to_use_the_method(path):
    text = path.read_text(encoding="utf-8")
    title, underline, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert len(underline) >= len(title) > 5 and set(underline) == {"="}
    end = text.split("# %%\n")[-1]
    assert end.startswith("# **When not to use it.**")
    assert all(line.startswith("# ") for line in end.splitlines())  # nothing comes after that paragraph
    assert (path.parent / "GALLERY_HEADER.rst").exists()


def first_code(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"^( *)from sparsela\.datasets .*?inverse_transform\(codes\)", text, re.M | re.S)
    lines = (line.removeprefix(block.group(1)) for line in block.group(0).splitlines())
    return "\n".join(re.sub(" +#", "  #", line) for line in lines)  # comments may stand in a column or not


def test_first_lines_of_code_denoise(china):
    """They run as they stand, and bring patches of the pagoda a good deal nearer to the clean ones."""
    assert first_code("README.md") == first_code("docs/index.rst")
    sigma, clean = 0.1, china[60:140, 140:220]
    noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
    names = {"noisy": noisy, "sigma": sigma}
    with sparsela.config_context(n_jobs=1):
        exec(first_code("README.md"), names)
    target = names["image_patches"](clean, 8)
    before, after = (((names[name] - target) ** 2).mean() for name in ("X", "denoised"))
    assert after < 0.8 * before


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_without_a_warning_and_soon(path, tmp_path):
    """20 seconds on two free cores; three times that where others use them too."""
    pytest.importorskip("matplotlib")
    env = {**os.environ, "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
