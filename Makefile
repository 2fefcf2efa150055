# make demo | test | test-all | docs | bench | lint | fuzz | sanitize | clean. Each sets up .venv when it is missing or stale.
PYTHON ?= python3
CC ?= cc
PY := .venv/bin/python
ROOM ?=
SOURCES := pyproject.toml setup.py $(wildcard sparsela/_ext/*.pyx sparsela/_ext/*.pxd sparsela/_ext/*.h sparsela/_ext/*_kernel.c)
EXTRAS := mkl,test,docs,lint
# Peers that are measured, never needed: some have no wheel for the newest Python.
PEERS := bench

.PHONY: demo test test-all doctest docs bench lint fuzz sanitize clean tools
.DELETE_ON_ERROR:

demo: .venv/installed
	$(PY) -m sparsela.demo

test: .venv/installed
	$(PY) -m pytest -m "not slow" -n 2 --dist worksteal

test-all: .venv/installed-bench
	$(PY) -m pytest -m "slow or not slow"

doctest: .venv/installed
	$(PY) -m pytest --doctest-modules --ignore=sparsela/demo.py sparsela

docs: .venv/installed
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

bench: .venv/installed-bench
	$(PY) -m benchmarks $(ROOM) $(if $(QUICK),--quick)

lint: .venv/installed
	$(PY) -m ruff check .
	$(PY) -c "from importlinter.cli import lint_imports_command as run; run()"
	$(PY) docs/check_docstrings.py
	$(PY) -m mypy

# Every hostile case of every public name, then N drawn at random. With atheris, where it has a wheel, by coverage:
# pip install atheris, then in tests: python -m hostile.fuzz_atheris -max_total_time=600
N ?= 2000
fuzz: .venv/installed
	cd tests && ../$(PY) -m hostile $(N)

# The kernels under the address and undefined-behaviour sanitizers, with every index checked, in a tree of its own:
# some tests of every module of _ext, and what fuzzing has found. Not those of peak memory, which the sanitizer takes.
SAFE := build/sanitize
KERNEL_TESTS := core/test_topk.py core/test_random.py core/test_cholesky.py core/test_sparse_backend.py \
	coding/test_omp.py coding/test_lasso.py dictionary/test_alternating.py dictionary/test_probabilistic.py \
	dpp/test_dpp.py dpp/test_kernel_dpp.py lowrank/test_completion.py lowrank/test_updatable_kernels.py \
	matmul/test_sums.py matmul/test_multiply.py nn/test_sparse_linear.py nn/test_training_kernels.py \
	sketch/test_sketch_operator.py sketch/test_lstsq.py transforms/test_fwht.py transforms/test_operator_kernel.py \
	transforms/test_butterfly_kernels.py hostile/test_regressions.py
sanitize: $(SAFE)/built
	tar --exclude='*.so' --exclude='*.c' -cf - sparsela tests | tar -xf - -C $(SAFE)
	rm -f $(SAFE)/report.*
	cd $(SAFE) && LD_PRELOAD="$$($(CC) -print-file-name=libasan.so)" PYTHONMALLOC=malloc \
		ASAN_OPTIONS=detect_leaks=0:log_path=report.address UBSAN_OPTIONS=print_stacktrace=1:log_path=report.undefined \
		$(CURDIR)/$(PY) -m pytest -q -p no:cacheprovider --hypothesis-profile=ci -m "not slow" -k "not little_memory and not few_numbers" \
		$(addprefix tests/,$(KERNEL_TESTS))
	@! cat $(SAFE)/report.* 2> /dev/null

$(SAFE)/built: $(SOURCES) | .venv/installed
	@test -e "$$($(CC) -print-file-name=libasan.so)" || { echo "make sanitize needs the address sanitizer of $(CC): libasan.so was not found" >&2; exit 1; }
	mkdir -p $(SAFE)
	tar --exclude='*.so' -cf - pyproject.toml setup.py README.md sparsela | tar -xf - -C $(SAFE)
	cd $(SAFE) && SPARSELA_SANITIZE=1 CC="$(CC)" $(CURDIR)/$(PY) setup.py -q build_ext --inplace --force
	touch $@

clean:
	rm -rf .venv build dist *.egg-info docs/_build docs/auto_examples docs/api/generated
	find sparsela -name '*.so' -delete
	find sparsela -name __pycache__ -type d -prune -exec rm -rf {} +
	for pyx in sparsela/_ext/*.pyx; do rm -f "$${pyx%.pyx}.c"; done

# What a build needs and make cannot bring; each is said in one line.
tools:
	@command -v "$(firstword $(CC))" > /dev/null || { echo "sparsela needs a C compiler: '$(firstword $(CC))' was not found. Install gcc or clang, or run make CC=..." >&2; exit 1; }
	@command -v "$(PYTHON)" > /dev/null || { echo "sparsela needs Python 3.10 or newer: '$(PYTHON)' was not found. Run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "sparsela needs Python 3.10 or newer; '$(PYTHON)' is older. Run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { echo "sparsela needs Python's venv with pip: '$(PYTHON)' is without. Install python3-venv, or run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "sparsela needs the headers of Python: '$(PYTHON)' has no Python.h. Install python3-dev, or run make PYTHON=..." >&2; exit 1; }

$(PY): | tools
	"$(PYTHON)" -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: $(SOURCES) | tools $(PY)
	$(PY) -m pip install --quiet "setuptools>=77" "cython>=3.1" "numpy>=2.0" "scipy>=1.15" wheel
	CC="$(CC)" $(PY) -m pip install --quiet --no-build-isolation -e ".[$(EXTRAS)]"
	touch $@

.venv/installed-bench: .venv/installed
	$(PY) -m pip install --quiet --no-build-isolation -e ".[$(EXTRAS),$(PEERS)]"
	touch $@
