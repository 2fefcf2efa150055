"""The extension modules of sparsela: sources, OpenMP probe, flags. Everything else is in pyproject.toml.

A kernel that lives on vector registers is one C source, ``_ext/<name>_kernel.c``, compiled once for each vector width
below and linked into the Cython module that calls it; ``_ext/dispatch.h`` picks a width once, at import.

Environment: ``SPARSELA_MARCH=native`` tunes the baseline for this processor (the result runs on no older one);
``SPARSELA_JOBS`` caps the number of compiler processes; ``SPARSELA_SANITIZE=1`` builds for ``make sanitize``: every
read and write looked at by the address and undefined-behaviour sanitizers, every Cython index checked.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

EXT = Path("sparsela/_ext")

# module name -> the C sources that are compiled at every width
MODULES = {
    "openmp": [],
    "omp": ["omp_kernel.c"],
    "lasso": ["lasso_kernel.c"],
    "atoms": ["atoms_kernel.c"],
    "cholesky": ["cholesky_kernel.c"],
    "spmm": ["spmm_kernel.c"],
    "topk": ["topk_kernel.c"],
    "hash": [],
    "fwht": ["fwht_kernel.c"],
    "signs": ["signs_kernel.c"],
    "srht": [],
    "lsqr": ["lsqr_kernel.c"],
    "csr": [],
    "train": ["train_kernel.c"],
    "condensed": [],
    "als": ["als_kernel.c"],
    "truncated": ["truncated_kernel.c"],
    "dpp": [],
    "dpp_trial": ["dpp_kernel.c"],
    "kronecker": ["kronecker_kernel.c", "spmm_kernel.c"],
    "bilinear": ["sums_kernel.c"],
}

X86 = platform.machine().lower() in {"x86_64", "amd64"}
WIDTHS = {16: []} | ({32: ["-march=x86-64-v3"], 64: ["-march=x86-64-v4", "-mprefer-vector-width=512"]} if X86 else {})

# Sums may be re-ordered into vector lanes; NaN, infinity and signed zero keep their IEEE meaning elsewhere.
KERNEL_FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros"]
FLAGS = ["-O3", "-fno-math-errno"]

SANITIZE = os.environ.get("SPARSELA_SANITIZE") == "1"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"] if SANITIZE else []
if SANITIZE:
    FLAGS[0] = KERNEL_FLAGS[0] = "-O1"

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": SANITIZE,  # wraparound stays off, so that a negative index is out of bounds too
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
}


def openmp_flags(compiler: list[str]) -> list[str]:
    """The compiler's OpenMP flag, or nothing where a two-line program does not build with it."""
    program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(program)
        command = [*compiler, "-fopenmp", str(source), "-o", str(Path(folder, "probe"))]
        try:
            found = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            found = False
    return ["-fopenmp"] if found else []


class BuildKernels(build_ext):
    """Compile the wide sources of each module at each width and link them into it."""

    def build_extensions(self):
        compiler = list(getattr(self.compiler, "compiler", ["cc"]))
        if self.compiler.compiler_type != "unix" or shutil.which(compiler[0]) is None:
            sys.exit(f"sparsela: no C compiler: '{compiler[0]}' was not found; install gcc or clang, or set CC.")
        openmp = openmp_flags(compiler)
        march = os.environ.get("SPARSELA_MARCH")
        base = [*FLAGS, *SANITIZERS, *([f"-march={march}"] if march else [])]
        if not openmp:
            print("sparsela: this compiler has no OpenMP; building for a single thread, with the same answers.")
        for ext in self.extensions:
            ext.extra_compile_args = [*base, *openmp]
            ext.extra_link_args = [*openmp, *SANITIZERS[:1]]
            ext.define_macros.append(("SL_FLAGS", f'"{" ".join(ext.extra_compile_args)}"'))
        self.parallel = int(os.environ.get("SPARSELA_JOBS", os.cpu_count() or 1))
        super().build_extensions()

    def build_extension(self, ext):
        for width, flags in WIDTHS.items():
            if width == 16 and os.environ.get("SPARSELA_MARCH"):
                flags = [f"-march={os.environ['SPARSELA_MARCH']}"]
            ext.extra_objects += self.compiler.compile(
                ext.wide_sources,
                output_dir=str(Path(self.build_temp, f"w{width}")),
                macros=[("SL_WIDTH", str(width))],
                include_dirs=ext.include_dirs,
                extra_postargs=[*KERNEL_FLAGS, *SANITIZERS, "-fPIC", *flags],
                depends=ext.depends,
            )
        super().build_extension(ext)


def extensions() -> list[Extension]:
    import numpy
    from Cython.Build import cythonize

    modules = []
    for name, wide in MODULES.items():
        ext = Extension(
            f"sparsela._ext.{name}",
            [str(EXT / f"{name}.pyx")],
            include_dirs=[numpy.get_include(), str(EXT)],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
            depends=[str(p) for p in sorted(EXT.glob("*.h"))] + [str(EXT / c) for c in wide],
        )
        ext.wide_sources = [str(EXT / c) for c in wide]
        modules.append(ext)
    built = cythonize(modules, compiler_directives=DIRECTIVES, force=SANITIZE, nthreads=min(4, os.cpu_count() or 1))
    for ext, wide in zip(built, MODULES.values(), strict=True):
        ext.wide_sources = [str(EXT / c) for c in wide]  # cythonize makes new objects
        if X86:
            ext.define_macros.append(("SL_X86_WIDTHS", None))
    return built


if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
