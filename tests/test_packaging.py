"""What a user does before the first import: make, an sdist, a wheel, a compiler without OpenMP."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import sparsela
from sparsela._ext import openmp

ROOT = Path(__file__).resolve().parent.parent
# The tests also run from an unpacked sdist beside an installed wheel: there is nothing to build there.
from_source = pytest.mark.skipif(not (ROOT / "sparsela" / "_ext").is_dir(), reason="needs the source tree")
# What the wheel is tried on: the files of most of its kernels and of its data.
ON_THE_WHEEL = (
    "core",
    "coding",
    "test_datasets.py",
    "dictionary/test_alternating.py",
    "dpp/test_dpp.py",
    "lowrank/test_updatable_kernels.py",
    "matmul/test_catalogue.py",
    "matmul/test_sums.py",
    "nn/test_training_kernels.py",
    "phase/test_phase_steps.py",
    "recovery/test_omp.py",
    "sketch/test_sketch_operator.py",
    "transforms/test_fwht.py",
    "transforms/test_operator_kernel.py",
)
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def run(*command, cwd, **env):
    own = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # the tests may run under make themselves
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=own | {k: str(v) for k, v in env.items()},
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(*command, cwd, **env):
    done = run(*command, cwd=cwd, **env)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def source_tree(folder):
    """A copy of what a build reads, without anything that was built."""
    shutil.copytree(ROOT / "sparsela", folder / "sparsela", ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.c"))
    for path in (ROOT / "sparsela" / "_ext").glob("*_kernel.c"):
        shutil.copy2(path, folder / "sparsela" / "_ext")
    for name in (
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Makefile",
    ):
        shutil.copy2(ROOT / name, folder)
    return folder


@pytest.fixture
def made(tmp_path):
    """A tree whose path has spaces and whose environment looks as if make had just finished."""
    tree = tmp_path / "a path with spaces"
    tree.mkdir()
    source_tree(tree)
    (tree / ".venv" / "bin").mkdir(parents=True)
    (tree / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tree / ".venv" / "installed").touch()
    return tree


def test_extras_and_typing_are_declared():
    metadata = importlib.metadata.metadata("sparsela")
    assert {"mkl", "dask", "docs", "test", "bench", "lint"} <= set(metadata.get_all("Provides-Extra"))
    assert metadata["Version"] == sparsela.__version__
    assert (Path(sparsela.__file__).parent / "py.typed").exists()


@from_source
@needs_make
def test_make_does_nothing_twice_and_notices_every_source(made):
    assert "pip install" not in succeed("make", "-n", ".venv/installed", cwd=made)
    later = (made / ".venv" / "installed").stat().st_mtime + 10
    for name in (
        "pyproject.toml",
        "setup.py",
        "sparsela/_ext/omp.pyx",
        "sparsela/_ext/simd.h",
        "sparsela/_ext/omp_kernel.c",
    ):
        before = (made / name).stat().st_mtime
        os.utime(made / name, (later, later))
        assert "pip install" in succeed("make", "-n", ".venv/installed", cwd=made), name
        os.utime(made / name, (before, before))
    os.utime(made / "sparsela/__init__.py", (later, later))  # editable: Python files need no build
    assert "pip install" not in succeed("make", "-n", ".venv/installed", cwd=made)


@from_source
@needs_make
@pytest.mark.parametrize("target", ["demo", "test", "docs", "lint", "bench"])
def test_make_says_in_one_line_what_is_missing(made, tmp_path, target):
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for setting, words in (
        ("CC=no-such-compiler", "needs a C compiler: 'no-such-compiler' was not found"),
        ("PYTHON=no-such-python", "needs Python 3.10 or newer: 'no-such-python' was not found"),
        (f"PYTHON={old}", f"needs Python 3.10 or newer; '{old}' is older"),
    ):
        done = run("make", setting, target, cwd=made)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert done.returncode != 0
        assert len(lines) == 1
        assert words in lines[0]
        assert done.stdout == ""


# The same problems on every build: three sparse products, codes, atoms.
ANSWERS = """
import sys
import numpy as np
import scipy.sparse as sp
import sparsela
from sparsela._core.sparse_backend import sddmm, spmm, spmm_t
from sparsela._core.threads import effective_n_jobs
from sparsela._ext import openmp
from sparsela.coding import batch_lasso, batch_omp
from sparsela.dictionary import KSVD

rng = np.random.default_rng(0)
W = sp.random_array((700, 500), density=0.1, format="csr", rng=rng)
W.sort_indices()
X, Z = rng.standard_normal((500, 130)), rng.standard_normal((700, 130))
signals, D = rng.standard_normal((400, 20)), rng.standard_normal((50, 20))
with sparsela.config_context(n_jobs=None if len(sys.argv) > 2 else 1):
    answers = dict(spmm=spmm(W, X), spmm_t=spmm_t(W, Z), sddmm=sddmm(W, Z, X), omp=batch_omp(signals, D),
                   lasso=batch_lasso(signals, D, alpha=0.5),
                   ksvd=KSVD(30, n_nonzero_coefs=3, max_iter=3, random_state=0).fit(signals).components_)
    np.savez(sys.argv[1], openmp=openmp.version(), threads=effective_n_jobs(), flags=openmp.compiler_flags(),
             where=sparsela.__file__, **answers)
"""


def build_and_answer(tmp_path, **env):
    """Install a copy of the tree into a folder with this environment's tools; what the script above gives there."""
    tree, site, script = tmp_path / "tree", tmp_path / "site", tmp_path / "answers.py"
    tree.mkdir()
    script.write_text(ANSWERS)
    source_tree(tree)
    pip = (sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--target", site, tree)
    succeed(*pip, cwd=tmp_path, **env)
    succeed(sys.executable, "-W", "error", script, tmp_path / "new.npz", "default", cwd=tmp_path, PYTHONPATH=site)
    succeed(sys.executable, "-W", "error", script, tmp_path / "this.npz", cwd=tmp_path)
    new, this = np.load(tmp_path / "new.npz"), np.load(tmp_path / "this.npz")
    assert str(new["where"]).startswith(str(site))
    return new, this


@from_source
@pytest.mark.slow
def test_without_openmp_it_builds_for_one_thread_and_answers_the_same(tmp_path):
    compiler = tmp_path / "cc-without-openmp"
    real = shutil.which(os.environ.get("CC", "cc"))
    refuse = 'for a in "$@"; do case "$a" in -fopenmp*) echo "no $a here" >&2; exit 1;; esac; done'
    compiler.write_text(f'#!/bin/sh\n{refuse}\nexec "{real}" "$@"\n')
    compiler.chmod(0o755)
    new, this = build_and_answer(tmp_path, CC=compiler)
    assert new["openmp"] == 0
    assert new["threads"] == 1
    assert "openmp" not in str(new["flags"])
    for name in ("spmm", "spmm_t", "sddmm", "omp", "lasso", "ksvd"):
        assert np.array_equal(new[name], this[name]), name


@from_source
@pytest.mark.slow
def test_it_builds_for_this_processor_alone(tmp_path):
    new, this = build_and_answer(tmp_path, SPARSELA_MARCH="native")
    assert "-march=native" in str(new["flags"])
    assert bool(new["openmp"]) == bool(openmp.version())
    for name in ("spmm", "spmm_t", "sddmm"):
        np.testing.assert_allclose(new[name], this[name], rtol=1e-11, atol=1e-11)


@from_source
@pytest.mark.slow
def test_an_sdist_builds_in_isolation_and_its_wheel_passes_tests_of_every_room(tmp_path):
    tree, dist, elsewhere = tmp_path / "tree", tmp_path / "dist", tmp_path / "elsewhere"
    tree.mkdir()
    elsewhere.mkdir()
    source_tree(tree)
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    make_sdist = f"from setuptools import build_meta; build_meta.build_sdist({str(dist)!r})"
    dist.mkdir()
    succeed(sys.executable, "-c", make_sdist, cwd=tree)
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(elsewhere, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    generated = {f"sparsela/_ext/{p.stem}.c" for p in (ROOT / "sparsela" / "_ext").glob("*.pyx")}
    assert not names & generated  # they name folders of the machine that made them
    assert {f"sparsela/_ext/{p.name}" for p in (ROOT / "sparsela" / "_ext").glob("*_kernel.c")} <= names
    assert {"LICENSE", "pyproject.toml", "setup.py", "sparsela/py.typed", "tests/test_packaging.py"} <= names

    succeed(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", dist, sdist, cwd=tmp_path)
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.namelist()
    assert sum(name.endswith(".so") for name in packed) == len(generated)
    assert not [name for name in packed if not name.startswith(("sparsela/", "sparsela-"))]

    site = tmp_path / "site"
    succeed(sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    (unpacked,) = elsewhere.iterdir()
    shutil.rmtree(unpacked / "sparsela")
    where = succeed(sys.executable, "-c", "import sparsela; print(sparsela.__file__)", cwd=unpacked, PYTHONPATH=site)
    assert where.startswith(str(site))
    chosen = [f"tests/{name}" for name in ON_THE_WHEEL]
    run = "-m", "pytest", "-q", "-m", "not slow", "-n", "2", *chosen
    done = succeed(sys.executable, *run, cwd=unpacked, PYTHONPATH=site)
    assert " passed" in done
