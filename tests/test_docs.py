"""The documentation is whole: every public name has its place, every example a title, an end and no warning."""

import ast
import importlib
import json
import os
import re
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import sparsela

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = sorted(DOCS.glob("examples/*/plot_*.py"))
ROOMS = (
    "coding",
    "datasets",
    "dictionary",
    "dpp",
    "lowrank",
    "matmul",
    "nn",
    "phase",
    "recovery",
    "sketch",
    "transforms",
)

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


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"datasets"}))
def test_guide_of_a_room_has_cost_limits_and_sources_and_leads_on(room):
    page = (DOCS / "guide" / f"{room}.rst").read_text(encoding="utf-8")
    titles = " ".join(re.findall(r"^(.+)\n[-=]{4,}$", page, re.M)).lower()
    assert all(word in titles for word in ("cost", "references", "see also"))
    assert re.search(r"where (it|they) goe?s? wrong|when not to", titles)
    leads = set(re.findall(r":doc:`[^`<]*?<?(/[\w/]+)>?`", page))
    assert {f"/benchmarks/{room}", f"/api/{room}"} <= leads
    assert {f"/auto_examples/{room}/{path.stem}" for path in EXAMPLES if path.parent.name == room} <= leads


def test_there_are_examples():
    assert {path.parent.name for path in EXAMPLES} >= set(ROOMS) - {"datasets"}


def test_gallery_has_an_order_and_every_example_a_place_in_it():
    order = runpy.run_path(str(DOCS / "_extensions" / "gallery_order.py"))["ORDER"]
    assert sorted(order) == sorted(path.stem.removeprefix("plot_") for path in EXAMPLES)
    assert len(order) >= 35


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


README = (ROOT / "README.md").read_text(encoding="utf-8") if DOCS.exists() else ""
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)


def run_code(code: str) -> dict:
    """In a namespace of its own, as a reader would paste it."""
    names: dict = {}
    with sparsela.config_context(n_jobs=1), threadpool_limits(1):
        exec(compile(code, "<documentation>", "exec"), names)
    return names


def blocks(page: str, classes: str = "") -> list[str]:
    """The Python code blocks of a page of the documentation, or those of some classes."""
    text = (DOCS / page).read_text(encoding="utf-8")
    text = re.sub(r"^( +)([*] )?- (?=\.\. code-block)", lambda dash: " " * len(dash.group(0)), text, flags=re.M)
    first = rf"\1   :class: (?:{classes})\n" if classes else ""
    found = re.findall(rf"^( *)\.\. code-block:: python\n{first}(?:\1   :.*\n)*\n((?:(?:\1   .*)?\n)+)", text, re.M)
    return [re.sub(f"^{indent}   ", "", code, flags=re.M).strip("\n") + "\n" for indent, code in found]


def test_home_page_begins_with_a_snippet_of_the_readme():
    assert blocks("index.rst")[0] in SNIPPETS


def test_readme_is_short_and_its_snippets_too():
    assert len(README.splitlines()) <= 130
    assert len(SNIPPETS) == 5
    assert all(len(line) <= 120 for code in SNIPPETS for line in code.splitlines())


@pytest.mark.parametrize("code", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippet_of_readme_runs_as_it_stands(code, capsys):
    names = run_code(code)
    assert capsys.readouterr().out
    if "PartialDCT" in names:
        assert np.abs(names["result"].x - names["x"]).max() < 1e-5
    elif "KSVD" in names:
        noise = ((names["noisy"] - names["clean"]) ** 2).mean()
        assert ((names["denoised"] - names["clean"]) ** 2).mean() < 0.6 * noise
    elif "SparseMLPClassifier" in names:
        assert names["model"].score(names["X"][1200:] / 16, names["y"][1200:]) > 0.88


def by_sets(names: dict) -> list:
    """Where the draws are random, what can be compared: that they are sets of the right size."""
    return [len(set(names["ten"])), len(set(names["chosen"])), len(set(names["chain"]))]


# module, what both sides must agree on (a function of the names of a side, theirs then ours), to what tolerance
COMING_FROM = {
    "scikit_learn": (
        "sklearn",
        lambda n: [n["codes"], n["coef"], n["s"]],
        lambda n: [n["codes"], n["coef"], n["s"]],
    ),
    "spams": (
        "spams",
        lambda n: [n[name].toarray().T for name in ("codes", "bounded", "lasso")],
        lambda n: [n[name].toarray() for name in ("codes", "bounded", "lasso")],
    ),
    "pyfaust": (
        "pyfaust",
        lambda n: [n["product"], n["gain"], n["dense"], n["fft"], n["F"], n["B"].shape],
        lambda n: [n["product"], n["gain"], n["dense"], n["F"], n["fft"], n["B"].shape],
    ),
    "dppy": ("dppy", by_sets, by_sets),
    "incsvd": (
        "IncSVD",
        lambda n: [n["s"]],
        lambda n: [n["s"]],
    ),
    "prosper": ("prosper", lambda n: [n["pi"] > 0.2, n["sigma"] < 1.2], lambda n: [n["pi"] > 0.2, n["sigma"] < 1.2]),
}


@pytest.mark.parametrize("page", COMING_FROM)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few steps will do
def test_coming_from_has_both_sides_of_each_task_and_ours_runs(page):
    ours, theirs = blocks(f"coming_from/{page}.rst", "ours"), blocks(f"coming_from/{page}.rst", "theirs")
    assert len(ours) == len(theirs) > 1
    assert all(len(line) <= 46 for code in ours + theirs for line in code.splitlines())
    run_code("\n".join(blocks(f"coming_from/{page}.rst", "both|ours")))


@pytest.mark.slow
@pytest.mark.parametrize("page", COMING_FROM)
@pytest.mark.filterwarnings("ignore")  # theirs
def test_both_sides_of_coming_from_agree_where_the_other_is_installed(page):
    module, theirs, ours = COMING_FROM[page]
    pytest.importorskip(module)
    there = theirs(run_code("\n".join(blocks(f"coming_from/{page}.rst", "both|theirs"))))
    here = ours(run_code("\n".join(blocks(f"coming_from/{page}.rst", "both|ours"))))
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


# room, case and peer of each ratio in the README's table
RATIOS = {
    "recovery": ("operators", "nst_ht_fb, PartialDCT, n = 1000000", "spgl1"),
    "coding": ("omp", "OMP, k = 5, float64", "spams"),
    "dictionary": ("online", "batches of 256", "spams"),
    "transforms": ("operators", "n = 1024, batch 256", "pyfaust"),
    "sketch": ("lstsq", "dense 100000 × 1000", "scipy"),
    "lowrank": ("updates", "n = m = 1000000, k = 32", "IncSVD"),
    "nn": ("training", "a step, 1 %", "sparse CSR"),
    "dpp": ("kernel", "fit, n = 100000", "dppy"),
    "matmul": ("multiply", "4096³, float64", "numpy"),
}


@pytest.mark.parametrize("room", RATIOS)
def test_ratio_in_readme_is_that_of_the_benchmark(room):
    file, name, peer = RATIOS[room]
    cases = json.loads((ROOT / f"benchmarks/results/{room}.json").read_text(encoding="utf-8"))[file]["cases"]
    (ratio,) = {
        case["ratio"]
        for case in cases
        if case["name"] == name and peer in case["peer"] and case["threads"] == (2 if room == "recovery" else 1)
    }
    row = next(line for line in README.splitlines() if line.startswith(f"| `{room}`"))
    said = float(re.search(r"([\d.]+) ×(?: as fast| [A-Za-z`])[^|]*\|$", row).group(1))
    assert said == pytest.approx(ratio, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_without_a_warning_and_soon(path, tmp_path):
    """20 seconds on two free cores: in CPU time, with a margin, which other work on them does not eat up."""
    pytest.importorskip("matplotlib")
    env = {**os.environ, "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path), "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-W", "error", str(path)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert cpu < 60, f"{cpu:.0f} s of CPU"
